"""Mails to the servers of endpoints, over guarded addresses: one connection a mail, and never in the clear to afar."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Collection, Sequence
from ipaddress import IPv6Address
from typing import Final

import aiosmtplib

from agents.delivery.channels import Answer, Fault, Mail
from agents.delivery.channels.mail import REFUSED, STEP, TLS, port_of
from schemas.delivery import Cause, Credentials, Endpoint
from streams.delivery.guard import Address, AddressBlocked, Guard, NameNotFound, Resolver

PORTS = (25, 465, 587, 2525)
"""Ports of mail servers; others only where the address is one of `allow`."""

_CONNECT_S = 5.0
_QUIT_S = 1.0
_MOST_TRIED = 4  # addresses of one server
_DETAILS: Final = {
    Cause.TIMEOUT: "the mail server did not answer in time",
    Cause.TLS: "no TLS that can be trusted",
    Cause.RESET: "the mail server broke the connection",
    Cause.CONNECT: "no connection to the mail server",
    Cause.PROTOCOL: "the mail server does not speak as expected",
    Cause.CHANNEL_ERROR: "the mail server offers no way to sign in",
    Cause.INVALID_ADDRESS: "an address, a user name or a password that cannot be sent",
}


class Mailer:
    """Sends mails for all endpoints of a worker.

    allow      networks and host names that may be reached although they are not public; see `guard.Guard`
    timeout_s  until the content is sent, and half of what the server has for its last word: servers look at a mail for
               long before they take it, and a mail whose fate is unknown is not sent again
    context    of TLS; the system's certificate authorities by default
    """

    def __init__(
        self,
        *,
        allow: Sequence[str] = (),
        ports: Collection[int] = PORTS,
        timeout_s: float = 20.0,
        context: ssl.SSLContext | None = None,
        resolver: Resolver | None = None,
    ) -> None:
        self._guard = Guard(allow=allow, ports=ports, resolver=resolver)
        self._timeout_s = timeout_s
        self._context = context or ssl.create_default_context()

    async def send(self, endpoint: Endpoint, credentials: Credentials, call: Mail) -> Answer | Fault:
        """Hand one mail over. Raises nothing but CancelledError.

        An answer other than 250 names in its header `smtp-step` where the server refused: connect, tls, sign_in,
        sender, recipient or content. A mail that was taken for some recipients is 250; `smtp-refused` says "1 of 3".
        """
        session = _Session(endpoint, credentials, self._context, self._timeout_s)
        try:
            async with asyncio.timeout(self._timeout_s):
                await session.open(self._guard, call)
            async with asyncio.timeout(2 * self._timeout_s):
                answer = await session.hand_over(call)
        except aiosmtplib.SMTPResponseException as error:
            if 200 <= error.code <= 599:
                return Answer(status=error.code, headers={STEP: session.step})
            return session.fault(Cause.PROTOCOL)
        except AddressBlocked as error:
            return Fault(cause=Cause.BLOCKED_ADDRESS, detail=str(error))
        except NameNotFound as error:
            return Fault(cause=Cause.DNS, detail=str(error))
        except (aiosmtplib.SMTPException, OSError, ValueError, RuntimeError) as error:
            return session.fault(_cause(error, session.step))
        else:
            await session.leave()
            return answer
        finally:
            session.close()

    async def close_idle(self, older_than_s: float) -> None:
        """Nothing: a connection ends with its mail."""

    async def close(self) -> None:
        """Nothing: a connection ends with its mail."""


class _Session:
    """One conversation with a server; `step` is where it stands."""

    def __init__(self, endpoint: Endpoint, credentials: Credentials, context: ssl.SSLContext, timeout_s: float) -> None:
        self.step = "connect"
        self._settings = endpoint.settings
        self._port = port_of(endpoint)
        self._credentials = credentials
        self._context = context
        self._timeout_s = timeout_s
        self._refused = 0
        self._client: aiosmtplib.SMTP | None = None
        self._socket: socket.socket | None = None

    def fault(self, cause: Cause) -> Fault:
        """Why there is no answer; from the content on the mail may have been taken."""
        return Fault(cause=cause, detail=_DETAILS[cause], may_have_arrived=self.step == "content")

    def close(self) -> None:
        """Break the connection, if there is one."""
        if self._client is not None:
            self._client.close()
        if self._socket is not None:
            self._socket.close()

    async def open(self, guard: Guard, call: Mail) -> None:
        """All before the content. Raises what aiosmtplib, the guard and the system raise."""
        host, tls = self._settings.get("host", ""), self._settings.get("tls", TLS[0])
        if self._port is None or tls not in TLS:
            raise ValueError("settings that cannot be used")
        addresses = await guard.addresses(host, self._port)
        if tls == "none" and not all(address.is_loopback for address in addresses):
            raise AddressBlocked("without TLS only a server on this machine may be reached")
        self._socket = await _connected(addresses, self._port)
        client = self._client = aiosmtplib.SMTP(
            hostname=host,
            sock=self._socket,
            use_tls=tls == "tls",
            start_tls=False,
            tls_context=self._context,
            local_hostname=call.sender.rpartition("@")[2],
            timeout=2 * self._timeout_s,
        )
        await client.connect()
        self._socket = None  # it is the client's now
        if tls == "starttls":
            self.step = "tls"
            await client.starttls(server_hostname=host, tls_context=self._context)
        if self._credentials.username is not None:
            self.step = "sign_in"
            await client.login(self._credentials.username, self._credentials.password or "")
        self.step = "sender"
        await client.mail(call.sender)
        self.step = "recipient"
        self._refused = await _name(client, call.recipients)

    async def hand_over(self, call: Mail) -> Answer:
        """The content. Raises what aiosmtplib and the system raise."""
        assert self._client is not None
        self.step = "content"
        await self._client.data(call.content)
        missed = f"{self._refused} of {len(call.recipients)}"
        return Answer(status=250, headers={REFUSED: missed} if self._refused else {})

    async def leave(self) -> None:
        """Say goodbye; whether it is heard changes nothing."""
        if self._client is not None:
            with contextlib.suppress(aiosmtplib.SMTPException, OSError):
                await self._client.quit(timeout=_QUIT_S)


async def _connected(addresses: Sequence[Address], port: int) -> socket.socket:
    """A connection to the first address that answers. Raises OSError."""
    tried = addresses[:_MOST_TRIED]
    for address in tried[:-1]:
        try:
            return await _connection(address, port)
        except OSError:  # a TimeoutError is one
            continue
    return await _connection(tried[-1], port)


async def _connection(address: Address, port: int) -> socket.socket:
    opened = socket.socket(socket.AF_INET6 if isinstance(address, IPv6Address) else socket.AF_INET, socket.SOCK_STREAM)
    is_open = False
    try:
        opened.setblocking(False)
        async with asyncio.timeout(_CONNECT_S):
            await asyncio.get_running_loop().sock_connect(opened, (str(address), port))
        is_open = True
    finally:
        if not is_open:
            opened.close()
    return opened


async def _name(client: aiosmtplib.SMTP, recipients: Sequence[str]) -> int:
    """How many recipients the server refused; raises the refusal if it takes none, one that may pass before others."""
    refusals: list[aiosmtplib.SMTPRecipientRefused] = []
    for recipient in recipients:
        try:
            await client.rcpt(recipient)
        except aiosmtplib.SMTPRecipientRefused as refusal:
            refusals.append(refusal)
    if len(refusals) == len(recipients):
        raise min(refusals, key=lambda refusal: refusal.code)
    return len(refusals)


def _cause(error: BaseException, step: str) -> Cause:
    """What broke, by the error or by what it was raised from."""
    if type(error) is aiosmtplib.SMTPException and step in ("tls", "sign_in"):  # what it offers no extension for
        return Cause.TLS if step == "tls" else Cause.CHANNEL_ERROR
    chain: list[BaseException] = [error]
    while chain[-1].__cause__ is not None and len(chain) < 5:
        chain.append(chain[-1].__cause__)
    for one in chain:
        match one:
            case ssl.SSLError():
                return Cause.TLS
            case TimeoutError():
                return Cause.TIMEOUT
    match error:
        case aiosmtplib.SMTPServerDisconnected():
            return Cause.RESET
        case aiosmtplib.SMTPConnectError() | OSError():
            return Cause.CONNECT
        case ValueError():
            return Cause.INVALID_ADDRESS
    return Cause.PROTOCOL
