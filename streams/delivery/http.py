"""HTTP to endpoints: one small pool for each, addresses guarded, answers read up to a limit, and nothing followed.

A pool shared by all endpoints would cost time with the square of their number (PERFORMANCE: its lists are walked
whenever anything changes), and a slow endpoint would keep the others waiting for its connections.
"""

import asyncio
import logging
import re
import ssl
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

import httpcore
import httpx

from agents.delivery.channels import Answer, Fault, Http
from schemas.delivery import Cause
from streams.delivery.guard import AddressBlocked, Guard, NameNotFound, Resolver, TlsFailed, TooMuchRead

_MAX_READ = 200_000  # bytes of a whole answer, heads and framing included; h11 ends a single head at 100 kB
_CONNECTIONS = 4
_CONNECT_S = 5.0
_KEEP_ALIVE_S = 4.0  # below the 5 s after which many servers close: a request must not meet a closing connection
_DEFAULTS = (("user-agent", "tocsin"), ("accept", "*/*"), ("accept-encoding", "identity"))
_EXTENSIONS: Final = {"timeout": {"connect": _CONNECT_S, "read": None, "write": None, "pool": None}}
_UNCLOSED = re.compile(r"://[^/?#\[]*\[[^/?#\]]*(?:[/?#]|$)")  # httpx would cut off both ends of such a host
_NOT_IN_URL = re.compile(r"[\x00-\x20\x7f\\]")


def _is_silent(record: logging.LogRecord) -> bool:
    return False


for _name in ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy", "httpcore.socks"):
    # they log addresses and headers, which hold secrets; a filter outlives a later configuration of logging
    logging.getLogger(_name).addFilter(_is_silent)


class GuardedTransport(httpx.AsyncBaseTransport):
    """Connections of one endpoint, opened by the guard.

    A response holds nothing but its status and, in `extensions["answer"]`, the `Answer`: httpx would follow, keep and
    decompress what it saw. Raises what httpcore and the guard raise.
    """

    def __init__(self, guard: Guard, context: ssl.SSLContext) -> None:
        self.pool = httpcore.AsyncConnectionPool(
            ssl_context=context,
            max_connections=_CONNECTIONS,
            max_keepalive_connections=_CONNECTIONS,
            keepalive_expiry=_KEEP_ALIVE_S,
            http1=True,
            http2=False,
            retries=0,
            network_backend=guard,
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send, and read the answer up to its limit; a longer one costs the connection."""
        url = request.url
        response = await self.pool.handle_async_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        body = bytearray()
        most: int = request.extensions["answer_max"]
        try:
            async for chunk in response.aiter_stream():
                body += chunk[: most - len(body)]
                if len(body) >= most:
                    break
        finally:
            await response.aclose()
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
        answer = Answer(status=response.status, headers=headers, body=bytes(body))
        return httpx.Response(response.status, extensions={"answer": answer})

    async def aclose(self) -> None:
        """Close all connections."""
        await self.pool.aclose()


class _Body(httpx.AsyncByteStream):
    """What is sent. It is asked for when the head is on its way."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.is_asked_for = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self.is_asked_for = True
        yield self._content


class _NoCookies(httpx.Cookies):
    """Keeps none, and does not look for any: that costs a tenth of a request."""

    def extract_cookies(self, response: httpx.Response) -> None:
        """Nothing."""


class _NoCookiesClient(httpx.AsyncClient):
    @property
    def cookies(self) -> httpx.Cookies:
        return _NO_COOKIES

    @cookies.setter
    def cookies(self, cookies: object) -> None:
        raise TypeError("cookies: none are kept")


_NO_COOKIES: Final = _NoCookies()


@dataclass(slots=True)
class _Client:
    http: httpx.AsyncClient
    used_at: float
    in_flight: int = 0
    url: str = ""
    parsed: httpx.URL | None = None

    def address(self, url: str) -> httpx.URL:
        """The URL, read once as long as it stays the same. Raises httpx.InvalidURL."""
        if self.parsed is None or self.url != url:
            self.parsed = _address(url)
            self.url = url
        return self.parsed


class HttpClients:
    """Sends for all endpoints of a worker; to be used within one event loop.

    allow        networks and host names that may be reached although they are not public; see `guard.Guard`
    max_clients  endpoints whose connections are kept; the ones not used for longest are closed
    timeout_s    for a whole call, from the name to the end of the answer
    context      of TLS; the system's certificate authorities by default
    """

    def __init__(
        self,
        *,
        allow: Sequence[str] = (),
        ports: Collection[int] = (80, 443),
        max_clients: int = 1_000,
        timeout_s: float = 20.0,
        context: ssl.SSLContext | None = None,
        resolver: Resolver | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._guard = Guard(allow=allow, ports=ports, max_read=_MAX_READ, resolver=resolver)
        self._context = context or ssl.create_default_context()
        self._max_clients = max_clients
        self._timeout_s = timeout_s
        self._clock = clock
        self._clients: OrderedDict[str, _Client] = OrderedDict()

    async def send(self, endpoint: str, call: Http) -> Answer | Fault:
        """Carry out one call. Raises nothing but CancelledError; redirects are answers like others."""
        client = await self._client(endpoint)
        client.in_flight += 1
        body = _Body(call.body)
        try:
            async with asyncio.timeout(self._timeout_s):
                response = await client.http.send(_request(client.address(call.url), call, body))
        except _EXPECTED as error:
            return _fault(error, has_left=body.is_asked_for)
        finally:
            client.in_flight -= 1
            client.used_at = self._clock()
        answer: Answer = response.extensions["answer"]
        return answer

    async def close(self) -> None:
        """Close all connections; calls that are under way fail."""
        clients = list(self._clients.values())
        self._clients.clear()
        for client in clients:
            await client.http.aclose()

    async def close_idle(self, older_than_s: float) -> None:
        """Close the connections of endpoints that nothing was sent to for so long."""
        since = self._clock() - older_than_s
        for name in list(self._clients):
            client = self._clients.get(name)  # while another was closed it may have gone, or been used again
            if client is not None and not client.in_flight and client.used_at <= since:
                del self._clients[name]
                await client.http.aclose()

    async def _client(self, endpoint: str) -> _Client:
        client = self._clients.get(endpoint)
        if client is not None:
            self._clients.move_to_end(endpoint)
            return client
        client = self._clients[endpoint] = _Client(self._new_http(), self._clock())
        if len(self._clients) > self._max_clients:
            oldest = next((n for n, one in self._clients.items() if not one.in_flight and n != endpoint), None)
            if oldest is not None:
                await self._clients.pop(oldest).http.aclose()
        return client

    def _new_http(self) -> httpx.AsyncClient:
        return _NoCookiesClient(
            transport=GuardedTransport(self._guard, self._context),
            trust_env=False,
            follow_redirects=False,
        )


def _request(url: httpx.URL, call: Http, body: _Body) -> httpx.Request:
    given = {name.lower() for name in call.headers}
    headers = [("host", url.netloc.decode("ascii"))]
    headers += [(name, value) for name, value in _DEFAULTS if name not in given]
    headers += call.headers.items()
    if call.body or call.method not in ("GET", "HEAD"):
        headers.append(("content-length", str(len(call.body))))
    extensions = _EXTENSIONS | {"answer_max": call.answer_max}
    return httpx.Request(call.method, url, headers=headers, stream=body, extensions=extensions)


def _address(url: str) -> httpx.URL:
    if _NOT_IN_URL.search(url):
        raise httpx.InvalidURL("control character, space or backslash")
    parsed = httpx.URL(url)
    if parsed.scheme not in ("http", "https") or not parsed.host or parsed.userinfo or parsed.fragment:
        raise httpx.InvalidURL("not http, no host, user name or fragment")
    if not 0 < (parsed.port or 80) < 65_536 or _UNCLOSED.search(url):
        raise httpx.InvalidURL("no port or host there is")
    return parsed


def _fault(error: Exception, *, has_left: bool) -> Fault:
    """The cause of a failure; texts of others are not passed on, they may hold the address."""
    match error:
        case AddressBlocked():
            return Fault(cause=Cause.BLOCKED_ADDRESS, detail=str(error))
        case NameNotFound():
            return Fault(cause=Cause.DNS, detail=str(error))
        case TlsFailed():
            return Fault(cause=Cause.TLS, detail=str(error))
        case httpcore.ConnectTimeout():
            return Fault(cause=Cause.TIMEOUT, detail=f"no connection within {_CONNECT_S:g} s")
        case httpcore.TimeoutException() | TimeoutError():
            return Fault(cause=Cause.TIMEOUT, detail="no whole answer in time", may_have_arrived=has_left)
        case httpcore.ConnectError():
            return Fault(cause=Cause.CONNECT, detail=str(error))
        case httpx.InvalidURL() | httpcore.UnsupportedProtocol():
            return Fault(cause=Cause.INVALID_ADDRESS, detail="the address is not one that can be sent to")
        case httpcore.LocalProtocolError() | ValueError():
            return Fault(cause=Cause.INVALID_ADDRESS, detail="a header that cannot be sent")
        case TooMuchRead():
            return Fault(cause=Cause.PROTOCOL, detail=str(error), may_have_arrived=has_left)
        case httpcore.ProtocolError():
            return Fault(cause=Cause.PROTOCOL, detail="the answer is not HTTP/1.1", may_have_arrived=has_left)
    return Fault(cause=Cause.RESET, detail="the connection broke", may_have_arrived=has_left)


_EXPECTED = (
    AddressBlocked,
    NameNotFound,
    TlsFailed,
    TooMuchRead,
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.UnsupportedProtocol,
    httpcore.ConnectionNotAvailable,
    httpx.InvalidURL,
    httpx.HTTPError,
    ValueError,  # headers that are no ASCII, hosts that no name can be
    OSError,  # also the deadline's TimeoutError
    RuntimeError,  # a connection that closes under a write, in asyncio and in uvloop
)
