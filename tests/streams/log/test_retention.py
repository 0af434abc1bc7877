"""Retention, compaction, and offsets that never return."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from streams.log import TopicPartition, TopicSpec, open_log
from streams.log.embedded import Log
from streams.log.retention import TOMBSTONE_AGE_S, Compactor, expire

HOUR = TopicSpec(name="t", partitions=1, retention=timedelta(hours=1))
COMPACTED = TopicSpec(name="c", partitions=1, is_compacted=True)
NOW = 10_000_000.0


def put(log: Log, topic: str, key: bytes | None, value: bytes | None, timestamp: float = NOW) -> None:
    """Queue one record."""
    log.append(topic, 0, key=key, value=value, timestamp=timestamp, headers=())


async def opened(directory: Path, spec: TopicSpec, sync: str = "NORMAL") -> Log:
    """A log with one topic."""
    log = Log.acquire(directory, sync=sync)
    await log.create_topic(spec)
    return log


def offsets(log: Log, topic: str, start: int = 0) -> list[int]:
    """Offsets a reader sees."""
    return [row.offset for row in log.read((topic, 0), start, 100_000)]


async def test_expired_records_go_and_younger_ones_stay(tmp_path: Path) -> None:
    """Reads below the new start begin at it, from memory and from disk."""
    log = await opened(tmp_path, HOUR)
    for age in (9000, 3601, 3599, 0):
        put(log, "t", None, b"v", NOW - age)
    await log.flush()
    assert await expire(log, now=NOW) == 2
    assert (log.parts["t", 0].start, offsets(log, "t")) == (2, [2, 3])
    await log.release()
    log = Log.acquire(tmp_path)
    assert (log.parts["t", 0].start, offsets(log, "t")) == (2, [2, 3])
    await log.release()


async def test_an_old_record_behind_a_young_one_waits(tmp_path: Path) -> None:
    """Only a prefix goes: a record is never deleted before its time."""
    log = await opened(tmp_path, HOUR)
    for age in (0, 9000):
        put(log, "t", None, b"v", NOW - age)
    await log.flush()
    assert await expire(log, now=NOW) == 0
    await log.release()


@pytest.mark.parametrize("closing", ["cleanly", "not at all"])
async def test_offsets_go_on_when_everything_has_expired(tmp_path: Path, closing: str) -> None:
    """A deleted newest record's offset is never given out again, over a restart too."""
    log = await opened(tmp_path, HOUR)
    for _ in range(3):
        put(log, "t", None, b"v", 0.0)
    await log.flush()
    await expire(log, now=NOW)
    if closing == "cleanly":
        await log.release()
        log = Log.acquire(tmp_path)
    else:
        log.parts.clear()
        log._load()
    put(log, "t", None, b"new")
    await log.flush()
    assert (log.parts["t", 0].start, offsets(log, "t")) == (3, [3])
    await log.release()


async def test_records_a_group_had_not_committed_are_counted(tmp_path: Path) -> None:
    """Loss by policy shows: 3 of 5 were unread by the slowest group."""
    log = await opened(tmp_path, HOUR)
    for _ in range(5):
        put(log, "t", None, b"v", 0.0)
    await log.commit("slow", {TopicPartition("t", 0): 2})
    await log.commit("quick", {TopicPartition("t", 0): 5})
    await expire(log, now=NOW)
    assert (log.stats["records_expired"], log.stats["records_expired_unread"]) == (5, 3)
    await log.release()


async def test_a_topic_without_retention_keeps_everything(tmp_path: Path) -> None:
    """None means for ever; compacted topics are never trimmed."""
    log = await opened(tmp_path, TopicSpec(name="t", partitions=1))
    put(log, "t", None, b"v", 0.0)
    await log.flush()
    assert await expire(log, now=NOW) == 0
    await log.release()


async def test_the_owners_word_changes_retention_and_fausts_declaration_does_not(tmp_path: Path) -> None:
    """A second process of the app may declare the topic without knowing its retention."""
    log = await opened(tmp_path, HOUR)
    await log.create_topic(TopicSpec(name="t", partitions=1), is_authoritative=False)
    kept = log.topics["t"].retention
    await log.create_topic(TopicSpec(name="t", partitions=1, retention=timedelta(days=2)))
    await log.release()
    log = Log.acquire(tmp_path)
    assert (kept, log.topics["t"].retention) == (timedelta(hours=1), timedelta(days=2))
    await log.release()


async def test_compaction_keeps_the_last_record_of_each_key_and_of_the_partition(tmp_path: Path) -> None:
    """Nobody waits for an offset that never comes: the newest record stays, even an old tombstone."""
    log = await opened(tmp_path, COMPACTED)
    for key, value in ((b"a", b"1"), (b"b", b"1"), (b"a", b"2"), (None, b"x"), (b"gone", None), (b"b", None)):
        put(log, "c", key, value, NOW - TOMBSTONE_AGE_S - 1)
    await log.flush()
    assert await Compactor(log).run(now=NOW, dirty_records=1) == 3
    await log.release()
    log = Log.acquire(tmp_path)
    assert offsets(log, "c") == [2, 3, 5]
    assert log.parts["c", 0].visible == 6
    await log.release()


async def test_a_young_tombstone_stays(tmp_path: Path) -> None:
    """A worker that was away for less than a day still learns of the deletion."""
    log = await opened(tmp_path, COMPACTED)
    put(log, "c", b"gone", None, NOW - TOMBSTONE_AGE_S + 1)
    put(log, "c", b"a", b"1")
    await log.flush()
    assert await Compactor(log).run(now=NOW, dirty_records=1) == 0
    await log.release()


async def test_a_second_compaction_waits_for_as_many_new_records_as_there_are_clean_ones(tmp_path: Path) -> None:
    """A large table with few changes is not scanned every minute."""
    log = await opened(tmp_path, COMPACTED)
    for turn in range(20):
        put(log, "c", b"%d" % (turn % 10), b"v")
    await log.flush()
    compactor = Compactor(log)
    first = await compactor.run(now=NOW, dirty_records=5)
    for turn in range(9):
        put(log, "c", b"%d" % turn, b"w")
    await log.flush()
    second = await compactor.run(now=NOW, dirty_records=5)
    put(log, "c", b"9", b"w")
    await log.flush()
    third = await compactor.run(now=NOW, dirty_records=5)
    assert (first, second, third) == (10, 0, 10)
    await log.release()


async def test_the_next_existing_offset_skips_what_compaction_removed(tmp_path: Path) -> None:
    """The log itself says which offsets do not exist; up to the high water when nothing follows."""
    log = await opened(tmp_path, COMPACTED)
    for key in (b"a", b"a", b"a", b"b", b"a"):
        put(log, "c", key, b"v")
    await log.flush()
    await Compactor(log).run(now=NOW, dirty_records=1)
    await log.release()
    log = Log.acquire(tmp_path)
    assert [log.next_offset(("c", 0), offset) for offset in range(6)] == [3, 3, 3, 3, 4, 5]
    await log.release()


@pytest.mark.parametrize("sync", ["NORMAL", "FULL"])
async def test_under_load_nothing_young_is_lost_and_every_last_value_survives(
    tmp_path: Path, sync: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Retention and compaction in small slices between thousands of appends, reads on the way."""
    monkeypatch.setattr("streams.log.retention.SLICE", 50)
    monkeypatch.setattr("streams.log.embedded.TAIL_RECORDS", 100)
    log = await opened(tmp_path, HOUR, sync)
    await log.create_topic(COMPACTED)
    last: dict[bytes, bytes] = {}
    done = asyncio.Event()

    async def write() -> None:
        for turn in range(3000):
            put(log, "t", None, b"%d" % turn, 0.0 if turn < 1500 else NOW)
            key, value = b"%d" % (turn % 37), b"%d" % turn
            put(log, "c", key, value)
            last[key] = value
            if turn % 50 == 0:
                await log.flush()
        await log.flush()
        done.set()

    async def maintain() -> None:
        compactor = Compactor(log)
        while not done.is_set():
            await expire(log, now=NOW)
            await compactor.run(now=NOW, dirty_records=10)
            await asyncio.sleep(0)

    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        tasks.create_task(write())
        tasks.create_task(maintain())
    await expire(log, now=NOW)
    await Compactor(log).run(now=NOW, dirty_records=1)
    await log.release()
    log = Log.acquire(tmp_path)
    assert offsets(log, "t") == list(range(1500, 3000))
    assert {row.key: row.value for row in log.read(("c", 0), 0, 100_000)} == last
    assert len(log.read(("c", 0), 0, 100_000)) == len(last)
    await log.release()


async def test_topics_are_created_while_a_full_commit_runs(tmp_path: Path) -> None:
    """The writer's queue takes new topics, trims and offsets between two COMMITs, never inside one."""
    log = await opened(tmp_path, HOUR, "FULL")
    pending: list[asyncio.Future[Any]] = []
    for turn in range(60):
        put(log, "t", None, b"v", 0.0)
        while log._committing is None:
            await asyncio.sleep(0)
        pending.append(log.create_topic(TopicSpec(name=f"new-{turn}", partitions=2)))
        log.append(f"new-{turn}", 1, key=None, value=b"v", timestamp=NOW, headers=())
        pending.append(log.commit("g", {TopicPartition(f"new-{turn}", 1): 1}))
        await expire(log, now=NOW)
    async with asyncio.timeout(20):
        await asyncio.gather(*pending)
    await log.release()
    again = await open_log(f"embedded://{tmp_path}", mode="read")
    assert len(await again.topics()) == 61
    assert set((await again.committed("g")).values()) == {1}
    await again.close()
