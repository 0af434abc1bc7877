"""A real mail server on loopback for tests, in the test's own event loop."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword


class Inbox:
    """What arrived. Answers can be set by recipient, and for the sender and the content.

    silent       never answers once it has the content
    can_sign_in  offers AUTH; to be set before the first connection
    """

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []
        self.connections = 0
        self.refusals: dict[str, str] = {}
        self.sender_answer = ""
        self.content_answer = ""
        self.silent = False
        self.can_sign_in = True
        self.port = 0
        self.logins: list[tuple[str, str]] = []

    @property
    def mails(self) -> list[EmailMessage]:
        """What arrived, as a mail program reads it."""
        found = []
        for envelope in self.envelopes:
            assert isinstance(envelope.content, bytes)
            mail = message_from_bytes(envelope.content, policy=policy.default)
            assert isinstance(mail, EmailMessage)
            found.append(mail)
        return found

    async def handle_MAIL(self, server: Any, session: Any, envelope: Envelope, address: str, options: list[str]) -> str:
        envelope.mail_from = address
        return self.sender_answer or "250 OK"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Envelope, address: str, options: list[str]) -> str:
        if address in self.refusals:
            return self.refusals[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        self.envelopes.append(envelope)
        if self.silent:
            await asyncio.Event().wait()
        return self.content_answer or "250 OK"

    def sign_in(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=data.password == b"right", handled=False)


@contextlib.asynccontextmanager
async def running(
    inbox: Inbox, *, tls: ssl.SSLContext | None = None, starttls: ssl.SSLContext | None = None
) -> AsyncIterator[Inbox]:
    """The server, on a port of 127.0.0.1."""
    sessions: list[SMTP] = []

    def session() -> SMTP:
        inbox.connections += 1
        sessions.append(
            SMTP(
                inbox,
                tls_context=starttls,
                authenticator=inbox.sign_in,
                auth_require_tls=starttls is not None,
                auth_exclude_mechanism=() if inbox.can_sign_in else ("LOGIN", "PLAIN"),
                hostname="mail.example",
                loop=asyncio.get_running_loop(),
            )
        )
        return sessions[-1]

    server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", 0, ssl=tls)
    inbox.port = server.sockets[0].getsockname()[1]
    try:
        yield inbox
    finally:
        server.close()
        for one in sessions:
            if one.transport is not None:
                one.transport.close()
        await server.wait_closed()
        waiting = [one._handler_coroutine for one in sessions if one._handler_coroutine is not None]
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


@contextlib.asynccontextmanager
async def rude(greeting: bytes | None) -> AsyncIterator[Inbox]:
    """A server that says this and hangs up; None says nothing, and waits for the other side to hang up."""
    writers: list[asyncio.StreamWriter] = []

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        if greeting is None:
            await reader.read()
        else:
            writer.write(greeting)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    inbox = Inbox()
    inbox.port = server.sockets[0].getsockname()[1]
    try:
        yield inbox
    finally:
        server.close()
        await server.wait_closed()
        for writer in writers:
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
