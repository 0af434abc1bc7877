"""The address guard: the only way to a foreign host. Whatever a URL looks like, what counts is where it leads.

A host is resolved once, every address it has must be allowed, and the connection goes to an address that was checked;
the name that TLS verifies stays the URL's. So neither odd spellings of numbers nor a name that changes its address
between check and use lead inside.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

import httpcore

from streams.delivery.wire import READ_BYTES, Wire

Address = IPv4Address | IPv6Address
Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""Addresses of a host, best first. Raises OSError or UnicodeError where there are none."""

# `is_global` alone lets these through on some versions of Python (IANA special-purpose registries).
_NOT_PUBLIC_4 = tuple(
    ip_network(one)
    for one in "0.0.0.0/8 100.64.0.0/10 192.0.0.0/24 192.88.99.0/24 198.18.0.0/15 224.0.0.0/4 240.0.0.0/4".split()
)
_NOT_PUBLIC_6 = tuple(
    ip_network(one)
    for one in (
        "::/96 ::ffff:0:0:0/96 64:ff9b::/96 64:ff9b:1::/48 100::/64 2001::/23 2002::/16 3fff::/20 5f00::/16 "
        "fc00::/7 fe80::/10 fec0::/10 ff00::/8"
    ).split()
)
_UNICAST_6 = IPv6Network("2000::/3")  # all that was ever given out

_RESOLVING_THREADS = 32
_MOST_TRIED = 4  # addresses of one host


class AddressBlocked(Exception):
    """The address is not one that may be reached. Its text names no address: it would tell what lies inside."""


class NameNotFound(Exception):
    """The host has no address."""


class TlsFailed(Exception):
    """The handshake failed: another certificate than expected, or no TLS at all."""


class TooMuchRead(Exception):
    """The peer sent more than was asked for."""


def is_public(address: Address) -> bool:
    """Whether it is an address of the internet at large, and of one host.

    >>> is_public(ip_address("::ffff:127.0.0.1"))
    False
    """
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address.scope_id is not None or address not in _UNICAST_6:
            return False
        return address.is_global and not any(address in network for network in _NOT_PUBLIC_6)
    return address.is_global and not address.is_multicast and not any(address in network for network in _NOT_PUBLIC_4)


class Guard(httpcore.AsyncNetworkBackend):
    """Opens connections for httpcore, to allowed addresses only.

    allow     networks ("10.1.0.0/16", "127.0.0.1") and host names that may be reached although they are not public,
              on any port. Raises ValueError for what is neither.
    ports     that may be reached elsewhere
    max_read  bytes that a peer may send before the next request; None for no limit
    """

    def __init__(
        self,
        *,
        allow: Iterable[str] = (),
        ports: Collection[int] = (80, 443),
        max_read: int | None = None,
        resolver: Resolver | None = None,
    ) -> None:
        self._hosts, self._networks = _allowed(allow)
        self._ports = frozenset(ports)
        self._max_read = max_read
        self._resolver = resolver or SystemResolver()
        # Filled and emptied within one call of the event loop, so one is enough for all connections.
        self._scratch = memoryview(bytearray(READ_BYTES))

    async def addresses(self, host: str, port: int) -> list[Address]:
        """Where a connection may go, best first. Raises AddressBlocked or NameNotFound."""
        if not 0 < port < 65_536:  # the system would raise OverflowError
            raise AddressBlocked("there is no such port")
        try:
            found = [ip_address(text) for text in await self._resolver(host, port)]
        except (OSError, ValueError):  # UnicodeError, of labels that no name has, is a ValueError
            raise NameNotFound("the host name was not found") from None
        if not found:
            raise NameNotFound("the host name has no address")
        if host.lower().rstrip(".") in self._hosts:
            return found
        for address in found:
            inner = address.ipv4_mapped if isinstance(address, IPv6Address) else None
            if any((inner or address) in network for network in self._networks):
                continue
            if not is_public(address):
                raise AddressBlocked("the address is not public")
            if port not in self._ports:
                raise AddressBlocked(f"port {port} is not allowed")
        return found

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  the signature is httpcore's
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to the first of the checked addresses that answers; `timeout` is for all of it, seconds."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout):
                addresses = (await self.addresses(host, port))[:_MOST_TRIED]
                for left in range(len(addresses), 0, -1):
                    address = addresses[-left]
                    # a share of the time each, so that a dead first address leaves some for the next
                    share = None if timeout is None else timeout / len(addresses)
                    try:
                        async with asyncio.timeout(share):
                            _, wire = await loop.create_connection(
                                lambda: Wire(self._scratch), host=str(address), port=port
                            )
                    except OSError:  # a TimeoutError is one
                        if left == 1:
                            raise
                        continue
                    return _Stream(wire, self._max_read)
        except TimeoutError:
            raise httpcore.ConnectTimeout("no connection in time") from None
        except OSError as error:
            raise httpcore.ConnectError(error.strerror or "no connection") from None
        raise AssertionError("addresses are never empty")

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109  the signature is httpcore's
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Never: a socket of this machine is inside."""
        raise AddressBlocked("local sockets are not allowed")

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


class SystemResolver:
    """The system's resolver in threads of its own: one that hangs holds one thread a host, and nobody else's."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_RESOLVING_THREADS, thread_name_prefix="resolve")
        self._asked: dict[tuple[str, int], asyncio.Future[list[str]]] = {}

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """Addresses of a host; who asks while the same is being asked gets the same answer."""
        key = host, port
        asked = self._asked.get(key)
        if asked is None or asked.get_loop() is not asyncio.get_running_loop():
            asked = asyncio.get_running_loop().run_in_executor(self._threads, _resolve, host, port)
            self._asked[key] = asked
            asked.add_done_callback(lambda done: self._forget(key, done))
        return await asyncio.shield(asked)

    def _forget(self, key: tuple[str, int], done: asyncio.Future[list[str]]) -> None:
        if self._asked.get(key) is done:
            del self._asked[key]
        if not done.cancelled():
            done.exception()  # whoever asked may have left in the meantime


def _resolve(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


def _allowed(allow: Iterable[str]) -> tuple[frozenset[str], tuple[Any, ...]]:
    hosts, networks = set(), []
    for one in allow:
        try:
            networks.append(ip_network(one))
        except ValueError:
            if "/" in one or not one.strip(". ") or one[-1].isdigit():
                raise ValueError(f"allow: expected a network or a host name, found {one!r}") from None
            hosts.add(one.lower().rstrip("."))
    return frozenset(hosts), tuple(networks)


class _Stream(httpcore.AsyncNetworkStream):
    """A connection as httpcore sees it."""

    def __init__(self, wire: Wire, max_read: int | None) -> None:
        self._wire = wire
        self._max_read = max_read
        self._read = 0  # bytes since the last write

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        wire = self._wire
        if not wire.received and not wire.is_over:
            try:
                async with asyncio.timeout(timeout):
                    await wire.wait()
            except TimeoutError:
                raise httpcore.ReadTimeout("no answer in time") from None
        if not wire.received and wire.error is not None:
            raise httpcore.ReadError("connection reset")
        if not wire.received and not self._read:  # before any byte of an answer; later it may be an answer's end
            raise httpcore.ReadError("closed without an answer")
        taken = wire.take(max_bytes)
        self._read += len(taken)
        if self._max_read is not None and self._read > self._max_read:
            raise TooMuchRead("the answer is too long")
        return taken

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        wire = self._wire
        if not buffer:
            return
        if wire.transport is None or wire.transport.is_closing():
            raise httpcore.WriteError("connection closed")
        self._read = 0
        wire.transport.write(buffer)
        try:
            async with asyncio.timeout(timeout):
                await wire.drain()
        except TimeoutError:
            raise httpcore.WriteTimeout("the request could not be sent in time") from None

    async def aclose(self) -> None:
        if self._wire.transport is not None:
            self._wire.transport.abort()  # a close that waits for the peer could wait long

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore.AsyncNetworkStream:
        wire = self._wire
        assert wire.transport is not None
        try:
            async with asyncio.timeout(timeout):
                inner = await asyncio.get_running_loop().start_tls(
                    wire.transport, wire, ssl_context, server_hostname=server_hostname
                )
        except TimeoutError:
            raise httpcore.ConnectTimeout("no TLS in time") from None
        except ssl.SSLCertVerificationError as error:
            raise TlsFailed(error.verify_message or "certificate refused") from None
        except (ssl.SSLError, OSError, ValueError) as error:  # ValueError: a host that can be in no certificate
            raise TlsFailed(getattr(error, "reason", None) or "the TLS handshake failed") from None
        assert inner is not None
        wire.transport = inner
        return self

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":  # of an idle connection: it is of no use any more
            return bool(self._wire.received) or self._wire.is_over
        if self._wire.transport is None:
            return None
        name = {"server_addr": "peername", "client_addr": "sockname"}.get(info, info)
        return self._wire.transport.get_extra_info(name)
