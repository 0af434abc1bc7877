"""The log on a full file system, in a wrong place, of another version; and what retention leaves behind."""

import asyncio
import contextlib
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas.errors import InputError, LogError, LogFull
from streams.log import Draft, TopicPartition, TopicSpec, open_log, storage
from streams.log.embedded import Log
from streams.log.inbox import FOLDER, Spool
from streams.log.retention import expire
from tests.streams.embedded_app import make_app, raw_topic, running, until

TOPIC = TopicSpec(name="t", partitions=1, retention=timedelta(days=7))
DAY = 86_400.0
SMALL = 4 << 20


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of four megabytes; skipped where nobody may mount one."""
    place = tmp_path / "small"
    place.mkdir()
    mount = shutil.which("mount")
    if mount is None or sys.platform != "linux":
        pytest.skip("no file system can be mounted here")
    done = subprocess.run(
        [mount, "-t", "tmpfs", "-o", f"size={SMALL}", "tmpfs", str(place)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def named(name: str) -> TopicSpec:
    """The topic of these tests under another name."""
    return TopicSpec(name=name, partitions=TOPIC.partitions, retention=TOPIC.retention)


def append(log: Log, value: bytes = b"v", *, timestamp: float = 1.0) -> "asyncio.Future[Any]":
    """Queue one record."""
    future = log.append("t", 0, key=None, value=value, timestamp=timestamp, headers=(), result=lambda offset: offset)
    assert future is not None
    return future


def fill(place: Path) -> Path:
    """Take all the space that is left."""
    filler = place / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
    return filler


def opened(place: Path, sync: str = "NORMAL") -> Log:
    """The log, without background tasks and without a floor."""
    log = Log.acquire(place / "log", sync=sync, min_free_bytes=0)
    for task in log._tasks:
        task.cancel()
    return log


@pytest.mark.parametrize("sync", ["NORMAL", "FULL"])
async def test_a_real_disk_that_fills_loses_nothing_acknowledged(small: Path, sync: str) -> None:
    """LogFull; closing does not raise; with space back, every acknowledged record is there and the log goes on."""
    filler = small / "filler"
    filler.write_bytes(bytes(1 << 20))
    log = opened(small, sync)
    await log.create_topic(TOPIC)
    acknowledged = 0
    async with asyncio.timeout(20):
        with pytest.raises(LogFull):
            while True:
                await append(log, b"x" * 10_000)
                acknowledged += 1
        with pytest.raises(LogFull):
            await log.create_topic(TopicSpec(name="other", partitions=100))
        await log.release()
    filler.unlink()
    again = opened(small, sync)
    assert (again.parts["t", 0].visible, list(again.topics)) == (acknowledged, ["t"])
    await append(again)
    await again.release()
    assert acknowledged > 50


@pytest.mark.parametrize("sync", ["NORMAL", "FULL"])
async def test_a_topic_created_on_a_full_disk_fails_its_future(small: Path, sync: str) -> None:
    """As any other write: nothing of it is there after a restart."""
    log = opened(small, sync)
    await log.create_topic(TOPIC)
    filler = fill(small)
    async with asyncio.timeout(20):
        with pytest.raises(LogFull):
            for number in range(1_000):
                await log.create_topic(TopicSpec(name=f"n{number}", partitions=64))
        await log.release()
    filler.unlink()
    again = opened(small, sync)
    whole = [
        name for name, spec in again.topics.items() if all((name, n) in again.parts for n in range(spec.partitions))
    ]
    assert whole == list(again.topics)
    assert "t" in again.topics
    await again.release()


async def test_a_log_opens_on_a_full_disk_or_says_why_not(small: Path) -> None:
    """Reading what is there needs no space; if SQLite needs some, the error is ours."""
    log = opened(small)
    await log.create_topic(TOPIC)
    await append(log)
    await log.release()
    filler = fill(small)
    try:
        again = opened(small)
    except LogError:
        pass
    else:
        assert again.parts["t", 0].visible == 1
        await again.release()
    filler.unlink()
    last = opened(small)
    assert last.parts["t", 0].visible == 1
    await last.release()


async def test_a_first_start_on_a_full_disk_is_an_error_of_ours(small: Path) -> None:
    """One line for people, and nothing half made stands in the way of the next start."""
    filler = fill(small)
    with pytest.raises(LogError):
        opened(small)
    filler.unlink()
    log = opened(small)
    await log.create_topic(TOPIC)
    await log.release()
    assert Log._open == {}


async def test_a_handover_on_a_full_disk_is_refused_and_leaves_nothing(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused means refused: nothing of it is imported later."""
    monkeypatch.setattr("streams.log.inbox.MIN_FREE_BYTES", -SMALL)
    log = opened(small)
    await log.release()
    (small / "log" / FOLDER).mkdir()
    fill(small)
    with pytest.raises(LogFull):
        Spool(small / "log").write([TOPIC], [Draft("t", None, b"x" * 100_000)])
    assert list((small / "log" / FOLDER).iterdir()) == []


async def test_a_place_that_cannot_be_a_log_is_an_error_of_ours(tmp_path: Path) -> None:
    """A file where the directory should be."""
    (tmp_path / "file").write_text("here already")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(LogError, match="cannot be made a log directory"):
            await open_log(f"embedded://{place}", mode="own")


async def test_a_lock_that_cannot_be_written_is_an_error_of_ours(tmp_path: Path) -> None:
    """A directory stands where the lock file should be."""
    (tmp_path / "LOCK").mkdir()
    with pytest.raises(LogError, match="LOCK: cannot be written"):
        await open_log(f"embedded://{tmp_path}", mode="own")


async def test_a_start_that_fails_lets_go_of_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock is free, and the connections are closed: the next start works."""

    def refused(_: Any) -> Any:
        raise sqlite3.OperationalError("disk I/O error")

    closed: list[str] = []
    with monkeypatch.context() as broken:
        broken.setattr(storage, "partitions", refused)
        for name in ("connect_writer", "connect_reader"):
            connect = getattr(storage, name)

            class Noted(sqlite3.Connection):
                def close(self) -> None:
                    closed.append("closed")
                    super().close()

            def noted(*args: Any, connect: Any = connect) -> Any:
                connect(*args).close()
                return sqlite3.connect(tmp_path / storage.FILE, factory=Noted)

            broken.setattr(storage, name, noted)
        with pytest.raises(LogError, match="disk I/O error"):
            Log.acquire(tmp_path)
    log = Log.acquire(tmp_path)
    await log.release()
    assert closed == ["closed", "closed"]


async def test_a_reader_refuses_a_newer_log(tmp_path: Path) -> None:
    """As the owner does: what it would read may mean something else."""
    await Log.acquire(tmp_path).release()
    with contextlib.closing(sqlite3.connect(tmp_path / storage.FILE)) as db:
        db.execute("PRAGMA user_version=99")
    with pytest.raises(LogError, match="found 99; update tocsin"):
        await open_log(f"embedded://{tmp_path}", mode="read")


async def test_a_reader_of_a_log_in_the_making_finds_none(tmp_path: Path) -> None:
    """The file is there before its tables are."""
    sqlite3.connect(tmp_path / storage.FILE).close()
    (tmp_path / storage.FILE).touch()
    with pytest.raises(InputError, match="expected a log in"):
        await open_log(f"embedded://{tmp_path}", mode="read")


async def test_what_sqlite_cannot_read_is_an_error_of_ours(tmp_path: Path) -> None:
    """A damaged file gives one line, not a traceback."""
    log = opened(tmp_path)
    await log.create_topic(TOPIC)
    await append(log)
    await log.release()
    reader = await open_log(f"embedded://{tmp_path / 'log'}", mode="read")
    with contextlib.closing(sqlite3.connect(tmp_path / "log" / storage.FILE)) as db:
        db.execute("DROP TABLE rec")
    with pytest.raises(LogError, match="cannot be read"):
        await reader.ends("t")
    with pytest.raises(LogError, match="cannot be read"):
        [record async for record in reader.read("t", 0, 0)]
    await reader.close()


async def test_a_file_system_without_shared_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without WAL a reader would hold up the writer, and the writer would take that for a broken log."""
    connect = sqlite3.connect

    class Rollback(sqlite3.Connection):
        def execute(self, statement: str, *values: Any) -> Any:
            return super().execute(statement.replace("journal_mode=WAL", "journal_mode=DELETE"), *values)

    monkeypatch.setattr(sqlite3, "connect", lambda *args, **kwargs: connect(*args, **kwargs, factory=Rollback))
    with pytest.raises(LogError, match="expected a local file system"):
        Log.acquire(tmp_path)


async def test_a_long_backlog_lets_others_run(tmp_path: Path) -> None:
    """Who follows a log from its beginning does not stop the process for it."""
    log = opened(tmp_path)
    await log.create_topic(TOPIC)
    for _ in range(5_000):
        log.append("t", 0, key=None, value=b"v", timestamp=1.0, headers=())
    await log.flush()
    handle = await open_log(f"embedded://{tmp_path / 'log'}", mode="own")
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    task = asyncio.create_task(other())
    records = handle.tail(["t"])
    for _ in range(5_000):
        await anext(records)
    task.cancel()
    await handle.close()
    await log.release()
    assert turns >= 3


@pytest.mark.parametrize(
    ("days", "left"),
    [
        ([0, 900, 1, 30], [3]),  # 900: a clock that was wrong; the one behind it has expired
        ([0, 900, 30], [1, 2]),
        ([0, 30.5, 1, 30], [1, 2, 3]),  # within a day of now: clocks differ
    ],
)
async def test_a_record_from_a_wrong_future_does_not_keep_everything(
    tmp_path: Path, days: list[float], left: list[int]
) -> None:
    """It goes with the next expired one behind it."""
    log = opened(tmp_path)
    await log.create_topic(TOPIC)
    for day in days:
        await append(log, timestamp=day * DAY)
    await expire(log, now=30 * DAY)
    found = [row.offset for row in log.read(("t", 0), 0, 10)]
    await log.release()
    assert found == left


@pytest.mark.parametrize("committed", [None, 2], ids=["new group", "fell behind"])
async def test_a_partition_of_which_everything_has_expired_has_nothing_left_to_do(
    tmp_path: Path, committed: int | None
) -> None:
    """The commit reaches the end though no event ever comes; else the worker would seem to stand still for ever."""
    log = Log.acquire(tmp_path)
    await log.create_topic(named("source"))
    for _ in range(5):
        log.append("source", 0, key=None, value=b"v", timestamp=1.0, headers=())
    await log.flush()
    if committed is not None:
        await log.commit("test-app", {TopicPartition("source", 0): committed})
    await expire(log, now=30 * DAY)
    app = make_app(tmp_path, partitions=1)
    seen: list[bytes] = []

    async def take(stream: Any) -> None:
        async for event in stream.noack().events():
            seen.append(event.value)
            await stream.ack(event)

    app.agent(raw_topic(app, "source"), name="take")(take)
    async with running(app):
        await until(lambda: log.committed.get("test-app") == {("source", 0): 5})
    await log.release()
    assert seen == []


async def test_what_expires_while_the_worker_is_behind_is_passed(tmp_path: Path) -> None:
    """An event in progress whose record has gone holds nothing up; the rest is not waited for."""
    app = make_app(tmp_path, partitions=1)
    gate = asyncio.Event()

    async def take(stream: Any) -> None:
        async for _ in stream.noack().events():
            await gate.wait()

    app.agent(raw_topic(app, "source"), name="take")(take)
    async with running(app):
        log: Log = app.transport.log
        await log.create_topic(named("source"))
        for _ in range(3):
            log.append("source", 0, key=None, value=b"v", timestamp=1.0, headers=())
        await log.flush()
        await expire(log, now=30 * DAY)
        await until(lambda: log.committed.get("test-app") == {("source", 0): 3})
        log.failure = LogFull("end of the test: nothing in progress is waited for")
