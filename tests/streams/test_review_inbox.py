"""The handover through the inbox: no file holds up another, and who dies when loses nothing that was acknowledged."""

import asyncio
import contextlib
import os
import random
import signal
import sys
import zlib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from schemas.errors import InputError
from streams.log import Draft, TopicSpec, directory, open_log
from streams.log.embedded import Log
from streams.log.inbox import FOLDER, Spool, import_forever, import_round
from streams.log.lock import DirectoryLock
from streams.log.storage import connect_writer

ROOT = Path(__file__).resolve().parents[2]
TOPIC = TopicSpec(name="t", partitions=1)
KILLS = 12
SEED = 20260314


def spooled(folder: Path, *values: bytes) -> None:
    """One file each."""
    spool = Spool(folder)
    for value in values:
        spool.write([TOPIC], [Draft("t", b"k", value)])


def opened(folder: Path) -> Log:
    """The log, without its background tasks."""
    log = Log.acquire(folder)
    for task in log._tasks:
        task.cancel()
    return log


def held(log: Log) -> list[bytes | None]:
    """Values of the topic."""
    return [row.value for row in log.read(("t", 0), 0, 1_000)] if ("t", 0) in log.parts else []


def waiting(folder: Path) -> list[str]:
    """Files of the inbox."""
    return sorted(path.name for path in (folder / FOLDER).iterdir())


async def test_a_file_that_cannot_be_read_holds_up_no_other(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is named once and stays; the task that imports lives on."""
    spooled(tmp_path, b"1")
    (tmp_path / FOLDER / "0-foreign.batch").mkdir()
    log = opened(tmp_path)
    task = asyncio.create_task(import_forever(log))
    async with asyncio.timeout(20):
        while held(log) != [b"1"]:
            await asyncio.sleep(0)
        spooled(tmp_path, b"2")
        while held(log) != [b"1", b"2"]:
            await asyncio.sleep(0.01)
    task.cancel()
    await log.release()
    told = [record for record in caplog.records if "InboxFileUnreadable" in record.message]
    assert (len(told), waiting(tmp_path)) == (1, ["0-foreign.batch"])


async def test_a_file_that_cannot_be_deleted_is_imported_once_a_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files of another user in a folder of another user: what was handed over still arrives, and does not repeat."""

    def refused(*_: Any, **__: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    spooled(tmp_path, b"1", b"2")
    monkeypatch.setattr(Path, "unlink", refused)
    log = opened(tmp_path)
    left: set[str] = set()
    counts = [await import_round(log, left) for _ in range(3)]
    found = held(log)
    await log.release()
    assert (counts, found) == ([2, 0, 0], [b"1", b"2"])


async def test_a_folder_that_cannot_be_read_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log itself works on."""

    def refused(*_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    log = opened(tmp_path)
    monkeypatch.setattr(os, "scandir", refused)
    assert await import_round(log) == 0
    await log.release()


async def test_a_clean_stop_during_an_import_leaves_nothing_to_import_twice(tmp_path: Path) -> None:
    """What the last COMMIT of a log makes durable, it also takes out of the inbox."""
    spooled(tmp_path, b"1", b"2")
    log = opened(tmp_path)
    importing = asyncio.create_task(import_round(log))
    await asyncio.sleep(0)  # queued, not yet durable
    assert held(log) == []
    importing.cancel()
    await log.release()
    again = opened(tmp_path)
    assert (held(again), waiting(tmp_path)) == ([b"1", b"2"], [])
    await again.release()


async def test_a_topic_no_log_would_take_is_set_aside(tmp_path: Path) -> None:
    """A file whole in itself, of another release or another hand, ends nothing either."""
    spooled(tmp_path, b"1")
    body = msgspec.msgpack.encode({"topics": [{"name": "no good", "partitions": 1}], "drafts": []})
    (tmp_path / FOLDER / "0.batch").write_bytes(zlib.crc32(body).to_bytes(4, "big") + body)
    log = opened(tmp_path)
    assert await import_round(log) == 1
    assert (held(log), waiting(tmp_path)) == ([b"1"], ["0.damaged"])
    await log.release()


async def test_the_owners_number_of_partitions_places_the_keys(tmp_path: Path) -> None:
    """Who hands over may have asked for another number; a key still goes where all its records go."""
    owner = DirectoryLock(tmp_path)
    owner.acquire()
    connect_writer(tmp_path, "NORMAL").close()
    handle = await open_log(f"embedded://{tmp_path}", mode="append")
    await handle.create_topic(TopicSpec(name="t", partitions=2))
    keys = [b"%d" % number for number in range(20)]
    await handle.append_many([Draft("t", key, key) for key in keys])
    await handle.close()
    owner.release()
    log = opened(tmp_path)
    await log.create_topic(TopicSpec(name="t", partitions=7))
    await import_round(log)
    found = {row.key: number for number in range(7) for row in log.read(("t", number), 0, 100)}
    assert found == {key: log.choose_partition("t", key) for key in keys}
    await log.release()


def test_two_processes_of_one_id_never_write_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two containers with one volume: both may be process 7, and look at the clock in the same moment."""
    monkeypatch.setattr("streams.log.inbox.time.time_ns", lambda: 1)
    spooled(tmp_path, b"1")
    spooled(tmp_path, b"2")
    assert len(waiting(tmp_path)) == 2


async def test_appending_waits_for_an_owner_that_is_only_making_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two commands started at once on a fresh directory: the second does not fail."""
    owner = DirectoryLock(tmp_path)
    owner.acquire()
    (tmp_path / "log.db").touch()  # there, and still empty
    naps: list[float] = []

    def nap(seconds: float) -> None:
        naps.append(seconds)
        connect_writer(tmp_path, "NORMAL").close()

    monkeypatch.setattr("streams.log.directory.time.sleep", nap)
    handle = await open_log(f"embedded://{tmp_path}", mode="append")
    await handle.create_topic(TOPIC)
    placed = await handle.append("t", None, b"v")
    await handle.close()
    owner.release()
    assert (placed.offset, len(naps)) == (None, 1)


async def test_an_owner_that_never_makes_its_log_is_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sentence says what is missing."""
    monkeypatch.setattr(directory, "STARTING_S", -1.0)
    owner = DirectoryLock(tmp_path)
    owner.acquire()
    with pytest.raises(InputError, match="expected a log in"):
        await open_log(f"embedded://{tmp_path}", mode="append")
    owner.release()


OWNER = """
import asyncio, sys, time
from streams.log import open_log
from schemas.errors import LogInUse

async def main():
    while True:
        try:
            log = await open_log(sys.argv[1], mode="own")
            break
        except LogInUse:
            time.sleep(0.005)
    print("owns", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    await log.close()

asyncio.run(main())
"""

APPENDER = """
import asyncio, sys
from streams.log import TopicSpec, open_log

async def main():
    number = int(sys.argv[2])
    while True:
        log = await open_log(sys.argv[1], mode="append")
        await log.create_topic(TopicSpec(name="t", partitions=1))
        for _ in range(4):
            await log.append("t", b"k", b"%06d" % number)
            print(number, flush=True)
            number += 1
        await log.close()

asyncio.run(main())
"""


async def _started(program: str, *args: str) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(sys.executable, "-c", program, *args, stdin=pipe, stdout=pipe, cwd=ROOT)


async def _killed(process: asyncio.subprocess.Process) -> bytes:
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGKILL)
    out, _ = await process.communicate()
    return out


async def test_killing_either_side_of_the_handover_loses_nothing_acknowledged(tmp_path: Path) -> None:
    """SIGKILL at random moments to the owner, or to who hands over: every acknowledged record arrives, in order."""
    dice = random.Random(SEED)
    url = f"embedded://{tmp_path}"
    acknowledged: list[int] = []

    def note(out: bytes) -> None:
        acknowledged.extend(int(line) for line in out.decode().splitlines()[:] if line.isdigit())

    async with asyncio.timeout(100):
        owner = await _started(OWNER, url)
        for turn in range(KILLS):
            appender = await _started(APPENDER, url, str(turn * 10_000))
            assert appender.stdout is not None
            for _ in range(dice.randrange(1, 40)):
                note(await appender.stdout.readline())
            if dice.random() < 0.5:
                await _killed(owner)
                for _ in range(dice.randrange(1, 10)):
                    note(await appender.stdout.readline())
                owner = await _started(OWNER, url)
                for _ in range(dice.randrange(1, 40)):
                    note(await appender.stdout.readline())
            note(await _killed(appender))
        await _killed(owner)
    log = opened(tmp_path)
    while await import_round(log):
        pass
    found = list(dict.fromkeys(int(value or b"-1") for value in held_all(log)))
    await log.release()
    assert len(acknowledged) > 10 * KILLS
    assert [number for number in acknowledged if number not in set(found)] == []
    assert found == sorted(found)


def held_all(log: Log) -> list[bytes | None]:
    """Values of the topic, however many."""
    end = log.parts["t", 0].visible
    values: list[bytes | None] = []
    position = 0
    while position < end:
        rows = log.read(("t", 0), position, 1_000)
        values += [row.value for row in rows]
        position = rows[-1].offset + 1
    return values
