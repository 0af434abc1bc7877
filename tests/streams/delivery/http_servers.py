"""Receivers on loopback that behave well, badly, or as attackers do."""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

Talk = Callable[["Peer"], Awaitable[None]]


@dataclass
class Request:
    """One request as it came."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Peer:
    """One connection of a server."""

    server: "Server"
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def request(self) -> Request:
        """The next request. Raises IncompleteReadError at the end of the connection."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        request = Request(head[0], headers, body)
        self.server.requests.append(request)
        return request

    async def send(self, data: bytes) -> None:
        """Write, and wait until the peer takes it."""
        self.writer.write(data)
        self.server.sent += len(data)
        await self.writer.drain()

    def reset(self) -> None:
        """Break the connection, not close it."""
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


@dataclass
class Server:
    """What a server has seen. `closed` is set when a connection has ended."""

    port: int = 0
    connections: int = 0
    sent: int = 0
    requests: list[Request] = field(default_factory=list)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    scheme: str = "http"

    @property
    def url(self) -> str:
        """Of this server."""
        return f"{self.scheme}://127.0.0.1:{self.port}/hook"


@contextlib.asynccontextmanager
async def serving(
    talk: Talk, *, context: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[Server]:
    """A server whose every connection is a `talk`."""
    seen = Server(scheme="https" if context is not None else "http")
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        seen.connections += 1
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await talk(Peer(seen, reader, writer))
        finally:
            writer.transport.abort()
            seen.closed.set()
            tasks.discard(task)

    server = await asyncio.start_server(handle, host, 0, ssl=context)
    seen.port = server.sockets[0].getsockname()[1]
    try:
        yield seen
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)


def answering(raw: bytes = b"HTTP/1.1 204 No Content\r\n\r\n") -> Talk:
    """Answers every request so, on one connection as long as the peer likes."""

    async def talk(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.send(raw)

    return talk


def answering_once(raw: bytes) -> Talk:
    """Answers one request so and closes."""

    async def talk(peer: Peer) -> None:
        await peer.request()
        await peer.send(raw)

    return talk


def hanging(raw: bytes = b"") -> Talk:
    """Begins an answer so, then nothing."""

    async def talk(peer: Peer) -> None:
        await peer.request()
        if raw:
            await peer.send(raw)
        await peer.reader.read()

    return talk


def endless(head: bytes, part: bytes, *, pause_s: float = 0) -> Talk:
    """Begins an answer and repeats a part of it until the peer goes."""

    async def talk(peer: Peer) -> None:
        await peer.request()
        await peer.send(head)
        while True:
            await peer.send(part)
            await asyncio.sleep(pause_s)

    return talk


def resetting(raw: bytes = b"") -> Talk:
    """Begins an answer so, then breaks the connection."""

    async def talk(peer: Peer) -> None:
        await peer.request()
        if raw:
            await peer.send(raw)
            await asyncio.sleep(0.02)  # so that what was sent arrives before the reset
        peer.reset()

    return talk
