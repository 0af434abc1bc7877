"""A TCP or TLS connection under asyncio that buffers little: the peer waits until what it sent has been read."""

import asyncio

READ_BYTES = 16_384
BUFFERED_BYTES = 32_768


class Wire(asyncio.BufferedProtocol):
    """One connection's bytes as the event loop hands them over.

    scratch  where bytes are received; it is filled and emptied within one call of the event loop, so connections
             may share it
    """

    def __init__(self, scratch: memoryview) -> None:
        self._scratch = scratch
        self.transport: asyncio.Transport | None = None
        self.received = bytearray()
        self.is_over = False  # the peer sends no more, or the connection broke
        self.error: Exception | None = None
        self._is_reading = True
        self._is_full = False
        self._waiter: asyncio.Future[None] | None = None
        self._drain: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # of TCP or TLS always a Transport

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._scratch

    def buffer_updated(self, nbytes: int) -> None:
        self.received += self._scratch[:nbytes]
        if self._is_reading and len(self.received) >= BUFFERED_BYTES and self.transport is not None:
            self._is_reading = False
            self.transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        self.is_over = True
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_over = True
        self.error = exc
        self._wake()
        self.resume_writing()

    def pause_writing(self) -> None:
        self._is_full = True

    def resume_writing(self) -> None:
        self._is_full = False
        if self._drain is not None and not self._drain.done():
            self._drain.set_result(None)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def wait(self) -> None:
        """Until there is something to read, or never will be."""
        if not self.received and not self.is_over:
            if not self._is_reading and self.transport is not None:
                self._is_reading = True
                self.transport.resume_reading()
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter

    async def drain(self) -> None:
        """Until more can be written."""
        if self._is_full and not self.is_over:
            self._drain = asyncio.get_running_loop().create_future()
            await self._drain

    def take(self, most: int) -> bytes:
        """What was received, at most so much of it."""
        if len(self.received) <= most:
            taken = bytes(self.received)
            self.received.clear()
            return taken
        taken = bytes(self.received[:most])
        del self.received[:most]
        return taken
