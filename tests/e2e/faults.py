"""Webhook receivers that fail as they are told, and workers that run beside them."""

import asyncio
import contextlib
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Self

from schemas.delivery import Attempt
from streams.log import open_log
from streams.routing import stored
from streams.routing.records import KIND
from streams.topics import DELIVERIES
from tests.e2e.harness import Tocsin
from tests.e2e.receivers import until

STOP_S = 20.0
_PHRASES = {200: "OK", 204: "No Content", 302: "Found", 401: "Unauthorized", 410: "Gone", 500: "Internal Server Error"}


@dataclass
class Arrival:
    """One request. `status` is what was answered; None as long as nothing was."""

    path: str
    message_id: str
    body: bytes
    at: float
    status: int | None = None


Behaviour = Callable[[Arrival], Awaitable[int | None]]
"""The status to answer; None never answers."""


async def fine(arrival: Arrival) -> int:
    """Everything is welcome."""
    return 204


@dataclass
class Hooks:
    """A server on a port of its own, which refuses connections until it is opened.

    arrivals  every request, in order
    hanging   connections that wait for an answer they never get
    """

    behave: Behaviour = fine
    arrivals: list[Arrival] = field(default_factory=list)
    hanging: int = 0
    _socket: socket.socket = field(default_factory=lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._socket.bind(("127.0.0.1", 0))  # bound and not listening: nobody else gets the port
        return self

    async def open(self) -> Self:
        """Take connections from now on."""
        self._server = await asyncio.start_server(self._talk, sock=self._socket)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        self._socket.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def url(self, path: str = "/hook") -> str:
        """An address here."""
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}{path}"

    def ids(self, path: str | None = None, status: int | None = 204) -> list[str]:
        """Messages that were answered so, in order."""
        return [one.message_id for one in self.arrivals if one.status == status and path in (None, one.path)]

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while await self._exchange(reader, writer):
                    pass
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        arrival = Arrival(head[0].split(" ")[1], headers.get("webhook-id", ""), body, time.time())
        self.arrivals.append(arrival)
        status = await self.behave(arrival)
        if status is None:
            self.hanging += 1
            try:
                await reader.read()  # until the other side goes
            finally:
                self.hanging -= 1
            return False
        length = "" if status == 204 else "content-length: 0\r\n"
        moved = f"location: {self.url(arrival.path)}\r\n" if status == 302 else ""
        writer.write(f"HTTP/1.1 {status} {_PHRASES[status]}\r\n{length}{moved}\r\n".encode())
        arrival.status = status
        await writer.drain()
        return True


@contextlib.asynccontextmanager
async def working(tocsin: Tocsin, *args: str) -> AsyncIterator[subprocess.Popen[bytes]]:
    """`tocsin run`, ready; killed in the end if it still runs."""
    out = tocsin.folder / "worker.out"
    before = out.read_bytes().count(b"ready on") if out.exists() else 0
    worker = tocsin.start("run", *args)

    async def is_ready() -> bool:
        assert worker.poll() is None, out.read_text(errors="replace")[-2000:]
        return out.read_bytes().count(b"ready on") > before

    try:
        await until(is_ready)
        yield worker
    finally:
        if worker.poll() is None:
            worker.kill()
        await asyncio.to_thread(worker.wait, 30)


async def terminated(worker: subprocess.Popen[bytes]) -> int:
    """Its exit code after SIGTERM."""
    worker.send_signal(signal.SIGTERM)
    return await asyncio.to_thread(worker.wait, STOP_S)


async def taken_in(tocsin: Tocsin, endpoint: str) -> int:
    """How many deliveries stand in the topic for an endpoint."""
    log = await open_log(tocsin.broker, mode="read")
    try:
        found = [one async for one in stored.records(log, DELIVERIES) if one.key == endpoint.encode()]
    finally:
        await log.close()
    return sum(dict(one.headers).get(KIND) == b"delivery" for one in found)


def ends(told: list[Attempt], endpoint: str | None = None) -> list[tuple[str, str, str | None]]:
    """Message, outcome and reason of everything that ended."""
    return [
        (one.message_id, one.outcome.value, one.reason.value if one.reason is not None else None)
        for one in told
        if one.outcome.value != "retry" and endpoint in (None, one.endpoint)
    ]
