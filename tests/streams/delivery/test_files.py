"""Lines at the end of files and on standard output."""

import asyncio
import fcntl
import io
import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from agents.delivery.channels import Answer, Fault, Line
from schemas.delivery import Cause, Credentials, Endpoint
from streams.delivery import files
from streams.delivery.files import FileWriter, append

ENDPOINT = Endpoint(id="desk", channel="file", owner="desk")


async def written(path: str | Path | None, text: bytes = b"{}", writer: FileWriter | None = None) -> Answer | Fault:
    """One line, by a writer of its own if none is given."""
    own = writer or FileWriter()
    try:
        return await own.send(ENDPOINT, Credentials(), Line(path=None if path is None else str(path), text=text))
    finally:
        if writer is None:
            await own.close()


async def test_lines_are_appended(tmp_path: Path) -> None:
    """To what is there, each with its line break; only the owner and the group may read them."""
    path = tmp_path / "alerts.jsonl"

    answers = [await written(path, line) for line in (b"one", b"two")]

    assert answers == [Answer(status=200)] * 2
    assert path.read_bytes() == b"one\ntwo\n"
    assert path.stat().st_mode & 0o007 == 0


async def test_a_torn_line_is_closed_first(tmp_path: Path) -> None:
    """After a power cut the next line is whole."""
    path = tmp_path / "alerts.jsonl"
    path.write_bytes(b"one\nto")

    await written(path, b"three")

    assert path.read_bytes() == b"one\nto\nthree\n"


async def test_a_missing_folder_is_a_failure(tmp_path: Path) -> None:
    """Nobody makes folders unasked; the path is not told, settings are where it stands."""
    fault = await written(tmp_path / "nowhere" / "alerts.jsonl")

    assert fault == Fault(cause=Cause.CHANNEL_ERROR, detail="No such file or directory")


async def test_a_full_disk_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What fitted is taken back, and the line is tried again later."""
    path = tmp_path / "alerts.jsonl"
    path.write_bytes(b"one\n")
    write = os.write
    monkeypatch.setattr(files.os, "write", lambda fd, data: write(fd, data[:3]))

    fault = await written(path, b"twotwotwo")

    assert fault == Fault(cause=Cause.CHANNEL_ERROR, detail="No space left on device")
    assert path.read_bytes() == b"one\n"


async def test_a_line_waits_while_another_process_writes(tmp_path: Path) -> None:
    """What that one takes back must not be ours."""
    path = tmp_path / "alerts.jsonl"
    path.write_bytes(b"one\n")
    writer = FileWriter(timeout_s=0.2)
    with path.open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)

        fault = await written(path, b"two", writer)

        assert fault == Fault(cause=Cause.TIMEOUT, detail="not written in time", may_have_arrived=True)
        assert path.read_bytes() == b"one\n"
    await writer.close()


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo], ids=["folder", "pipe"])
async def test_only_regular_files_are_written_to(tmp_path: Path, make: object) -> None:
    """A pipe without a reader would hold a thread for ever."""
    path = tmp_path / "alerts.jsonl"
    make(path)  # type: ignore[operator]

    fault = await written(path)

    assert isinstance(fault, Fault) and fault.cause is Cause.CHANNEL_ERROR


async def test_a_path_that_is_none_is_a_fault() -> None:
    """Although the channel lets none through."""
    assert await written("a\x00b") == Fault(cause=Cause.INVALID_ADDRESS, detail="not a file that can be written to")


async def test_standard_output_gets_lines() -> None:
    """Flushed, one after another."""
    out = io.BytesIO()
    writer = FileWriter(stdout=out)

    await asyncio.gather(*(written(None, str(n).encode(), writer) for n in range(50)))

    assert sorted(out.getvalue().split(b"\n"), key=len) == sorted((str(n).encode() for n in (*range(50), "")), key=len)
    await writer.close()


async def test_a_reader_that_hangs_does_not_hold_the_worker() -> None:
    """The line may be half out: nobody knows."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as out:
        writer = FileWriter(timeout_s=0.2, stdout=out)

        fault = await written(None, b"x" * 1_000_000, writer)

        assert fault == Fault(cause=Cause.TIMEOUT, detail="not written in time", may_have_arrived=True)
        await asyncio.to_thread(_drain, reading)
        await writer.close()
    os.close(reading)


def _drain(reading: int) -> None:
    left = 1_000_001
    while left:
        left -= len(os.read(reading, left))


def _many(path: str, mark: bytes) -> None:
    for _ in range(200):
        append(path, mark * 3_000)


def test_two_processes_keep_whole_lines(tmp_path: Path) -> None:
    """Each line is one writer's, from its beginning to its end."""
    path = tmp_path / "alerts.jsonl"

    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        for done in [pool.submit(_many, str(path), mark) for mark in (b"a", b"b")]:
            done.result()

    assert sorted(path.read_bytes().splitlines()) == [b"a" * 3_000] * 200 + [b"b" * 3_000] * 200
