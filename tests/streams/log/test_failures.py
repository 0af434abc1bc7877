"""The first failed write ends the log: nothing of it is visible, nothing stays pending, the owner is told."""

import asyncio
import sqlite3
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest

from schemas.errors import InputError, LogBroken, LogError, LogFull
from streams.log import TopicPartition, TopicSpec, open_log
from streams.log.embedded import Log

BIG = b"x" * 100_000


class FaultyConnection:
    """A writer's connection whose statements of one kind fail."""

    def __init__(self, real: sqlite3.Connection, failing: str) -> None:
        self._real = real
        self._failing = failing

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def execute(self, statement: str, *values: Any) -> Any:
        """Run it, or fail."""
        self._maybe_fail(statement)
        return self._real.execute(statement, *values)

    def executemany(self, statement: str, values: Any) -> Any:
        """Run it, or fail."""
        self._maybe_fail(statement)
        return self._real.executemany(statement, values)

    def _maybe_fail(self, statement: str) -> None:
        if statement.startswith(self._failing):
            raise sqlite3.OperationalError("disk I/O error")


async def opened(directory: Path, sync: str = "NORMAL") -> Log:
    """A log with one topic of one partition and one durable record."""
    log = Log.acquire(directory, sync=sync)
    await log.create_topic(TopicSpec(name="t", partitions=1))
    append(log)
    await log.flush()
    return log


def append(log: Log, value: bytes = b"v") -> "asyncio.Future[Any]":
    """Queue one record."""
    future = log.append("t", 0, key=None, value=value, timestamp=1.0, headers=(), result=lambda offset: offset)
    assert future is not None
    return future


@pytest.mark.parametrize("sync", ["NORMAL", "FULL"])
@pytest.mark.parametrize("failing", ["BEGIN", "INSERT INTO rec", "INSERT OR REPLACE INTO offs", "COMMIT"])
async def test_a_failed_write_fails_everything_and_shows_nothing(tmp_path: Path, failing: str, sync: str) -> None:
    """Whichever statement fails: all futures, and every later write, get the error; the high water stays."""
    log = await opened(tmp_path, sync)
    log._db = FaultyConnection(log._db, failing)  # type: ignore[assignment]
    told: list[LogError] = []
    log.on_failure(told.append)
    futures = [append(log), append(log), log.commit("g", {TopicPartition("t", 0): 1}), log.barrier()]
    async with asyncio.timeout(20):
        outcomes = await asyncio.gather(*futures, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [LogBroken] * 4
    assert told == [log.failure]
    assert (log.parts["t", 0].visible, log.read(("t", 0), 0, 10), log.committed) == (1, log.read(("t", 0), 0, 1), {})
    with pytest.raises(LogBroken):
        append(log)
    await log.release()


async def test_writes_queued_behind_a_failing_commit_fail_too(tmp_path: Path) -> None:
    """In FULL mode records arrive while the COMMIT runs; they end with it."""
    log = await opened(tmp_path, "FULL")
    log._db = FaultyConnection(log._db, "COMMIT")  # type: ignore[assignment]
    first = append(log)
    while log._committing is None:
        await asyncio.sleep(0)
    second = append(log)
    async with asyncio.timeout(20):
        outcomes = await asyncio.gather(first, second, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [LogBroken, LogBroken]
    await log.release()


@pytest.mark.parametrize("sync", ["NORMAL", "FULL"])
async def test_a_full_disk_is_named_and_what_was_acknowledged_survives(tmp_path: Path, sync: str) -> None:
    """SQLite's own SQLITE_FULL: LogFull; with space back, a restart has every acknowledged record and no other."""
    log = await opened(tmp_path, sync)
    pages = log._db.execute("PRAGMA page_count").fetchone()[0]
    log._db.execute(f"PRAGMA max_page_count={pages + 100}")
    acknowledged = 1
    with pytest.raises(LogFull):
        async with asyncio.timeout(20):
            while True:
                await append(log, BIG)
                acknowledged += 1
    await log.release()
    again = Log.acquire(tmp_path)
    assert again.parts["t", 0].visible == acknowledged
    assert len(again.read(("t", 0), 0, 10_000)) == acknowledged
    await append(again)
    await again.release()
    assert 1 < acknowledged < 100


async def test_a_tail_raises_when_the_log_fails(tmp_path: Path) -> None:
    """A reader in the owner's process learns of the failure instead of waiting for ever."""
    log = await opened(tmp_path)
    handle = await open_log(f"embedded://{tmp_path}", mode="own")
    records = handle.tail(["t"])
    await anext(records)
    waiting = asyncio.ensure_future(anext(records))
    await asyncio.sleep(0)
    log._db = FaultyConnection(log._db, "BEGIN")  # type: ignore[assignment]
    with pytest.raises(LogBroken):
        await append(log)
    async with asyncio.timeout(20):
        with pytest.raises(LogBroken):
            await waiting
    assert isinstance(handle.failure, LogBroken)
    await handle.close()
    await log.release()


async def test_new_input_is_refused_below_the_floor_while_the_rest_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Little free space refuses input but not the outputs of what was accepted, and ends nothing."""
    usage = namedtuple("usage", "total used free")
    log = await opened(tmp_path)
    handle = await open_log(f"embedded://{tmp_path}", mode="own")
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(1 << 40, 1 << 40, 1 << 20))
    with pytest.raises(LogFull, match="64 MB"):
        await handle.append("t", None, b"input")
    assert await append(log, b"output") == 1
    assert log.failure is None
    await handle.close()
    await log.release()


async def test_free_space_is_asked_for_at_most_once_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand appends cost one system call."""
    log = await opened(tmp_path)
    calls: list[object] = []
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: calls.append(path) or usage(1, 1, 1 << 40))
    monkeypatch.setattr("time.monotonic", lambda: 5e9)
    for _ in range(1000):
        log.refuse_input_below_floor()
    assert len(calls) == 1
    await log.release()


async def test_a_weaker_sync_is_not_passed_off_as_full(tmp_path: Path) -> None:
    """Joining an open log cannot silently lose the promise of FULL."""
    log = await opened(tmp_path)
    with pytest.raises(InputError, match="sync"):
        Log.acquire(tmp_path, sync="FULL")
    await log.release()


async def test_a_file_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    """An old program does not touch a file it does not know."""
    await (await opened(tmp_path)).release()
    with sqlite3.connect(tmp_path / "log.db") as db:
        db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(LogError, match="expected version 1 or older, found 99"):
        Log.acquire(tmp_path)


async def test_the_memory_of_recent_records_is_bounded_in_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Large records leave memory early; reads go on from the disk."""
    monkeypatch.setattr("streams.log.embedded.TAIL_BYTES", 300_000)
    log = await opened(tmp_path)
    for _ in range(10):
        append(log, BIG)
    await log.flush()
    part = log.parts["t", 0]
    assert part.tail_bytes <= 300_000
    assert part.tail_bytes == sum(len(row.value or b"") + 200 for row in part.tail)
    assert [row.offset for row in log.read(("t", 0), 0, 100)] == list(range(11))
    await log.release()


async def test_the_memory_of_all_partitions_together_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many partitions do not add up without limit."""
    monkeypatch.setattr("streams.log.embedded.TAIL_TOTAL_BYTES", 500_000)
    log = await opened(tmp_path)
    await log.create_topic(TopicSpec(name="wide", partitions=8))
    for turn in range(40):
        log.append("wide", turn % 8, key=None, value=BIG, timestamp=1.0, headers=())
    await log.flush()
    assert sum(part.tail_bytes for part in log.parts.values()) == log._tail_total <= 500_000
    assert all(len(log.read(("wide", number), 0, 100)) == 5 for number in range(8))
    await log.release()
