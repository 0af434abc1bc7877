"""Retention by time, compaction by key: small jobs on the writer's queue, while the log is in use."""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable

from schemas.errors import LogError
from streams.log.embedded import Log, Part
from streams.log.storage import SHIFT

logger = logging.getLogger(__name__)

SLICE = 5_000
EVERY_S = 60.0
TOMBSTONE_AGE_S = 86_400.0
FUTURE_S = 86_400.0
DIRTY_RECORDS = 1_000
"""Compact a partition once it has this many records, and as many as are clean, above its clean point."""


async def maintain_forever(log: Log) -> None:
    """Run retention and compaction every minute, until cancelled or until the log fails."""
    compactor = Compactor(log)
    try:
        while log.failure is None:
            await asyncio.sleep(EVERY_S)
            await expire(log, now=time.time())
            await compactor.run(now=time.time())
    except LogError as error:
        logger.warning("LogMaintenanceStopped: %s", error)  # the log itself has told its owner


async def expire(log: Log, *, now: float) -> int:
    """Delete the expired head of every topic with a retention; records deleted.

    Only a prefix goes: an old record behind a young one waits. A record stamped more than a day ahead, by a clock that
    was wrong, goes with the next expired one behind it: waiting for its day would keep everything.
    `records_expired_unread` counts those that a group with a committed offset in the partition had not committed: loss
    by policy.
    """
    total = 0
    for spec in list(log.topics.values()):
        if spec.retention is None or spec.is_compacted:
            continue
        for number in range(spec.partitions):
            part = log.parts[spec.name, number]
            total += await _expire_partition(log, part, now - spec.retention.total_seconds(), now + FUTURE_S)
    return total


async def _expire_partition(log: Log, part: Part, cutoff: float, latest: float) -> int:
    total = 0
    while True:
        rows = list(log.rows_on_disk(part, part.start, part.visible, SLICE))
        expired = 0
        for at, (_, timestamp, *_) in enumerate(rows, 1):
            if timestamp < cutoff:
                expired = at
            elif timestamp <= latest:
                break
        if not expired:
            return total
        offsets = [row[0] for row in rows[:expired]]
        await log.run(*_trim(log, part, offsets[-1] + 1, offsets))
        total += expired
        if expired < SLICE:
            return total


def _trim(
    log: Log, part: Part, start: int, offsets: list[int]
) -> tuple[Callable[[sqlite3.Connection], None], Callable[[None], None]]:
    base = part.id << SHIFT

    def write(db: sqlite3.Connection) -> None:
        db.execute("DELETE FROM rec WHERE id >= ? AND id < ?", (base, base + start))
        # the end is written too: it must survive when the newest record goes
        db.execute("UPDATE hw SET start = ?, end = max(end, ?) WHERE tp = ?", (start, part.visible, part.id))

    def publish(_: None) -> None:
        part.start = max(part.start, start)
        log.forget_tail(part, start)
        log.stats["records_expired"] += len(offsets)
        unread = 0
        for committed in log.committed.values():
            if part.key in committed:
                unread = max(unread, sum(offset >= committed[part.key] for offset in offsets))
        if unread:
            log.stats["records_expired_unread"] += unread
            logger.warning("RecordsExpiredUnread: %s partition %d: %d records", *part.key, unread)

    return write, publish


class Compactor:
    """Keeps the last record of each key of compacted topics, and always the last record of each partition.

    A tombstone (no value) that is a key's last record goes once it is a day old. Offsets never change; reads skip the
    holes.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._clean: dict[Part, tuple[int, int]] = {}

    async def run(self, *, now: float, dirty_records: int = DIRTY_RECORDS) -> int:
        """Compact every partition that is dirty enough; records deleted."""
        total = 0
        for spec in list(self._log.topics.values()):
            if not spec.is_compacted:
                continue
            for number in range(spec.partitions):
                total += await self._compact(self._log.parts[spec.name, number], now, dirty_records)
        return total

    async def _compact(self, part: Part, now: float, dirty_records: int) -> int:
        log, top = self._log, part.visible
        clean_to, clean_records = self._clean.get(part, (0, 0))
        if top - clean_to < max(dirty_records, clean_records):
            return 0
        last: dict[bytes | None, int] = {}
        stale: list[int] = []
        old_tombstones: list[tuple[bytes | None, int]] = []
        position, seen = part.start, 0
        while rows := list(log.rows_on_disk(part, position, top, SLICE)):
            for offset, timestamp, key, is_tombstone in rows:
                if key in last:
                    stale.append(last[key])
                last[key] = offset
                if is_tombstone and timestamp < now - TOMBSTONE_AGE_S:
                    old_tombstones.append((key, offset))
            position, seen = rows[-1][0] + 1, seen + len(rows)
            await asyncio.sleep(0)  # a large changelog must not hold up the loop
        stale += [offset for key, offset in old_tombstones if last[key] == offset and offset != top - 1]
        for at in range(0, len(stale), SLICE):
            await log.run(_delete(part, stale[at : at + SLICE]))
        self._clean[part] = (top, seen - len(stale))
        return len(stale)


def _delete(part: Part, offsets: list[int]) -> Callable[[sqlite3.Connection], None]:
    base = part.id << SHIFT

    def write(db: sqlite3.Connection) -> None:
        db.executemany("DELETE FROM rec WHERE id = ?", [(base + offset,) for offset in offsets])

    return write
