"""A connection buffers little and loses nothing."""

import asyncio

import pytest

from streams.delivery.wire import BUFFERED_BYTES, READ_BYTES, Wire


class Transport(asyncio.Transport):
    """Says whether it was asked to wait."""

    is_paused = False

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False


@pytest.fixture
def wire() -> Wire:
    """A connection that is open."""
    found = Wire(memoryview(bytearray(READ_BYTES)))
    found.connection_made(Transport())
    return found


def receive(wire: Wire, data: bytes) -> None:
    """Hand over bytes as the event loop does."""
    for start in range(0, len(data), READ_BYTES):
        part = data[start : start + READ_BYTES]
        wire.get_buffer(len(part))[: len(part)] = part
        wire.buffer_updated(len(part))


def is_paused(wire: Wire) -> bool:
    """Whether the peer has to wait."""
    assert isinstance(wire.transport, Transport)
    return wire.transport.is_paused


async def test_the_peer_waits_while_much_is_unread(wire: Wire) -> None:
    """At the limit reading pauses; when all was taken and more is wanted, it goes on."""
    receive(wire, b"x" * (BUFFERED_BYTES - 1))
    before = is_paused(wire)
    receive(wire, b"x")
    full = is_paused(wire)
    wire.take(BUFFERED_BYTES)
    waiting = asyncio.create_task(wire.wait())
    await asyncio.sleep(0)

    assert (before, full, is_paused(wire)) == (False, True, False)
    receive(wire, b"y")
    await waiting
    assert wire.take(10) == b"y"


async def test_bytes_come_out_in_order(wire: Wire) -> None:
    """However they are asked for."""
    data = bytes(range(256)) * 70
    receive(wire, data)

    assert b"".join([wire.take(1), wire.take(300), wire.take(100_000)]) == data


async def test_an_end_wakes_who_waits(wire: Wire) -> None:
    """To read and to write alike."""
    wire.pause_writing()
    waiting = [asyncio.create_task(wire.wait()), asyncio.create_task(wire.drain())]
    await asyncio.sleep(0)
    wire.connection_lost(ConnectionResetError())

    await asyncio.gather(*waiting)
    assert wire.is_over and isinstance(wire.error, ConnectionResetError)


async def test_writing_goes_on_when_the_peer_takes_it(wire: Wire) -> None:
    """Not before."""
    wire.pause_writing()
    draining = asyncio.create_task(wire.drain())
    await asyncio.sleep(0)
    was_done = draining.done()
    wire.resume_writing()

    await draining
    assert not was_done
