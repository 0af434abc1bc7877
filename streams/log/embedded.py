"""The embedded log: durable partitioned append-only topics in one SQLite file, with ONE writer for everything.

Records, offset commits, new topics, retention and compaction pass one FIFO queue and one transaction at a time: an
offset is never durable before a record that was queued before it. Nothing is visible, and no future resolves, before
its COMMIT. The first failed write ends the log: all that is pending and all that comes later fails with that error.
"""

import asyncio
import contextlib
import logging
import shutil
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from schemas.codec import Headers
from schemas.errors import InputError, LogError, LogFull, PartitionCountChanged, UnknownTopic
from streams.log import storage
from streams.log.lock import DirectoryLock
from streams.log.partitioner import Partitioner
from streams.log.record import TopicPartition, TopicSpec
from streams.log.storage import SHIFT, Row

logger = logging.getLogger(__name__)

TAIL_RECORDS = 8_192
TAIL_BYTES = 16 << 20
TAIL_TOTAL_BYTES = 128 << 20
TRANSACTION_RECORDS = 5_000
TRANSACTION_BYTES = 8 << 20
MIN_FREE_BYTES = 64 << 20
CHECKPOINT_PAGES = 4_000  # 32 MB of WAL; beyond it a COMMIT also copies the WAL into the file


class Part:
    """One partition in memory: its bounds, and its newest records."""

    __slots__ = ("end", "id", "key", "start", "tail", "tail_bytes", "visible")

    def __init__(self, number: int, key: TopicPartition, start: int, end: int) -> None:
        self.id = number
        self.key = key
        self.start = start
        """Earliest retained offset."""
        self.end = end
        """Next offset to give out."""
        self.visible = end
        """High water: everything below is committed."""
        self.tail: deque[Row] = deque()
        self.tail_bytes = 0

    @property
    def tail_start(self) -> int:
        return self.tail[0].offset if self.tail else self.visible

    def evict(self) -> int:
        """Drop the oldest record of the tail; its size."""
        size = _size(self.tail.popleft())
        self.tail_bytes -= size
        return size


class _Append(NamedTuple):
    part: Part
    row: Row
    future: "asyncio.Future[Any] | None"
    result: object
    has_more: bool  # the next operation belongs to it: both in one transaction


class _Commit(NamedTuple):
    group: str
    offsets: Mapping[TopicPartition, int]
    future: "asyncio.Future[None]"


class _Job(NamedTuple):
    run: Callable[[sqlite3.Connection], Any]
    publish: Callable[[Any], None] | None
    future: "asyncio.Future[Any]"


_Operation = _Append | _Commit | _Job


def _size(row: Row) -> int:
    return len(row.key or b"") + len(row.value or b"") + 200


class Log:
    """The log of one directory, owned by this process; get it with `acquire`, give it back with `release`.

    Belongs to the event loop it was first acquired in. `append`, `commit` and `run` queue at once, in order, and answer
    with futures; the caller need not await one before queueing the next.
    """

    _open: ClassVar[dict[Path, "Log"]] = {}

    def __init__(self, directory: Path, *, linger_s: float, sync: str, min_free_bytes: int) -> None:
        self.directory = directory
        self.failure: LogError | None = None
        self.parts: dict[tuple[str, int], Part] = {}
        self.topics: dict[str, TopicSpec] = {}
        self.committed: dict[str, dict[TopicPartition, int]] = {}
        self.waiters: set[asyncio.Event] = set()
        self.stats = {"commits": 0, "records": 0, "disk_reads": 0, "records_expired": 0, "records_expired_unread": 0}
        self._sync = sync
        self._linger_s = linger_s
        self._min_free_bytes = min_free_bytes
        self._lock = DirectoryLock(directory)
        self._queue: deque[_Operation] = deque()
        self._is_scheduled = False
        self._committing: asyncio.Future[None] | None = None
        self._callbacks: list[Callable[[LogError], None]] = []
        self._partitioner = Partitioner()
        self._tasks: list[asyncio.Task[None]] = []
        self._users = 0
        self._is_closed = False
        self._tail_total = 0
        self._next_part = 0
        self._space_checked = -1e9
        self._has_space = True
        self._db: sqlite3.Connection
        self._reader: sqlite3.Connection

    # -- life

    @classmethod
    def acquire(
        cls, directory: Path, *, linger_s: float = 0.0, sync: str = "NORMAL", min_free_bytes: int = MIN_FREE_BYTES
    ) -> "Log":
        """The log of this directory, opened by the first user, shared by the later ones. Needs a running event loop.

        Raises LogInUse if another process owns it, InputError if it is open with a weaker `sync`.
        """
        key = directory.resolve()
        log = cls._open.get(key)
        if log is None:
            log = cls(key, linger_s=linger_s, sync=sync, min_free_bytes=min_free_bytes)
            log._start()
            cls._open[key] = log
        elif sync == "FULL" and log._sync != "FULL":
            raise InputError(f"{directory}: sync: expected NORMAL, as this process opened it before, found FULL")
        log._users += 1
        return log

    async def release(self) -> None:
        """Give it back; the last user closes it, after everything queued is durable."""
        self._users -= 1
        if self._users == 0:
            await self._close()

    def on_failure(self, callback: Callable[[LogError], None]) -> None:
        """Call this once if the log ever fails, so that the owner can stop and exit."""
        self._callbacks.append(callback)
        if self.failure is not None:
            callback(self.failure)

    def keep(self, task: "asyncio.Task[None]") -> None:
        """Hold a background task of this log; closing cancels it."""
        self._tasks.append(task)

    def _start(self) -> None:
        from streams.log.inbox import import_forever  # both lean on this module
        from streams.log.retention import maintain_forever

        loop = asyncio.get_running_loop()
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LogError(f"{self.directory}: cannot be made a log directory ({error.strerror or error})") from None
        self._lock.acquire()
        with contextlib.ExitStack() as undo:
            undo.callback(self._lock.release)
            try:
                self._db = storage.connect_writer(self.directory, self._sync)
                undo.callback(self._db.close)
                self._db.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
                self._reader = storage.connect_reader(self.directory)
                undo.callback(self._reader.close)
                self._load()
            except sqlite3.Error as error:
                raise storage.translate(error, self.directory) from error
            undo.pop_all()
        self.keep(loop.create_task(import_forever(self), name="log inbox"))
        self.keep(loop.create_task(maintain_forever(self), name="log maintenance"))

    def _load(self) -> None:
        self.topics = storage.topics(self._db)
        for (topic, number), found in storage.partitions(self._db).items():
            key = TopicPartition(topic, number)
            self.parts[key] = Part(found.id, key, found.start, found.end)
            self._next_part = max(self._next_part, found.id)
        for group, offsets in storage.committed(self._db).items():
            self.committed[group] = {TopicPartition(*key): offset for key, offset in offsets.items()}

    async def _close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            if self.failure is None:
                await self.flush()
        finally:
            self._is_closed = True
            if self._committing is not None:
                await asyncio.wait([self._committing])
            self._open.pop(self.directory, None)
            self._close_file()
            self.wake()

    def _close_file(self) -> None:
        try:
            self._reader.close()
            if self.failure is None:
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error as error:
            logger.warning("LogCheckpointFailed: %s: %s", self.directory, error)  # the WAL stays, and is read next time
        finally:
            self._db.close()
            self._lock.release()

    # -- writing

    def create_topic(self, spec: TopicSpec, *, is_authoritative: bool = True) -> "asyncio.Future[None]":
        """Make the topic exist, usable at once, durable with the future. Raises PartitionCountChanged.

        is_authoritative  False leaves compaction and retention of an existing topic as they are.
        """
        self._refuse_if_unusable()
        known = self.topics.get(spec.name)
        if known is not None and known.partitions != spec.partitions:
            raise PartitionCountChanged(
                f"topic {spec.name}: expected {known.partitions} partitions, as it was created, found {spec.partitions}"
            )
        if known == spec or (known is not None and not is_authoritative):
            return self.barrier()
        self.topics[spec.name] = spec
        added: list[Part] = []
        if known is None:
            for number in range(spec.partitions):
                self._next_part += 1
                part = Part(self._next_part, TopicPartition(spec.name, number), 0, 0)
                self.parts[part.key] = part
                added.append(part)

        def write(db: sqlite3.Connection) -> None:
            values = (spec.name, spec.partitions, storage.pack_config(spec))
            db.execute("INSERT OR REPLACE INTO topic VALUES(?,?,?)", values)
            db.executemany("INSERT INTO tp VALUES(?,?,?)", [(part.id, *part.key) for part in added])
            db.executemany("INSERT INTO hw VALUES(?,0,0)", [(part.id,) for part in added])

        return self.run(write)

    def append(
        self,
        topic: str,
        partition: int,
        *,
        key: bytes | None,
        value: bytes | None,
        timestamp: float,
        headers: Headers,
        result: Callable[[int], object] | None = None,
        has_more: bool = False,
    ) -> "asyncio.Future[Any] | None":
        """Queue one record (already checked); the future gets `result(offset)` after COMMIT.

        result    None where the caller awaits a later write instead; then there is no future.
        has_more  it becomes durable together with the next record, which must be queued at once.
        Raises the failure of the log, UnknownTopic.
        """
        self._refuse_if_unusable()
        part = self.parts.get((topic, partition))
        if part is None:
            raise UnknownTopic(f"topic {topic}, partition {partition}: not in {self.directory}")
        offset = part.end
        part.end = offset + 1
        future = None if result is None else asyncio.get_running_loop().create_future()
        outcome = None if result is None else result(offset)
        self._queue.append(_Append(part, Row(offset, timestamp, key, value, headers), future, outcome, has_more))
        self._schedule()
        return future

    def choose_partition(self, topic: str, key: bytes | None, partition: int | None = None) -> int:
        """The partition given, or the key's. Raises UnknownTopic."""
        if partition is not None:
            return partition
        spec = self.topics.get(topic)
        if spec is None:
            raise UnknownTopic(f"topic {topic}: not in {self.directory}")
        return self._partitioner.choose(key, spec.partitions)

    def commit(self, group: str, offsets: Mapping[TopicPartition, int]) -> "asyncio.Future[None]":
        """Queue offsets of a consumer group behind every record queued before. Raises UnknownTopic."""
        self._refuse_if_unusable()
        for topic, partition in offsets:
            if (topic, partition) not in self.parts:
                raise UnknownTopic(f"topic {topic}, partition {partition}: not in {self.directory}")
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(_Commit(group, {TopicPartition(*tp): n for tp, n in offsets.items()}, future))
        self._schedule()
        return future

    def run(
        self, job: Callable[[sqlite3.Connection], Any], publish: Callable[[Any], None] | None = None
    ) -> "asyncio.Future[Any]":
        """Queue a job on the writer's transaction; `publish` gets its result after COMMIT, before the future does."""
        self._refuse_if_unusable()
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._queue.append(_Job(job, publish, future))
        self._schedule()
        return future

    def barrier(self) -> "asyncio.Future[Any]":
        """A future for everything queued before it."""
        return self.run(lambda _: None)

    async def flush(self) -> None:
        """Wait until everything queued is durable. Raises the failure of the log."""
        await self.barrier()

    def refuse_input_below_floor(self) -> None:
        """Raises LogFull when the free space is below the floor: the rest is for what was already accepted."""
        now = time.monotonic()
        if now - self._space_checked >= 1.0:
            self._space_checked = now
            self._has_space = shutil.disk_usage(self.directory).free >= self._min_free_bytes
        if not self._has_space:
            raise LogFull(
                f"{self.directory}: expected at least {self._min_free_bytes >> 20} MB of free space for new input"
            )

    def _refuse_if_unusable(self) -> None:
        if self.failure is not None:
            raise self.failure
        if self._is_closed:
            raise LogError(f"{self.directory}: the log is closed")

    # -- the one writer

    def _schedule(self) -> None:
        if self._is_scheduled or self._committing is not None:
            return
        self._is_scheduled = True
        loop = asyncio.get_running_loop()
        if self._linger_s and len(self._queue) < TRANSACTION_RECORDS:
            loop.call_later(self._linger_s, self._write)
        else:
            loop.call_soon(self._write)

    def _write(self) -> None:
        self._is_scheduled = False
        if self._committing is not None or self.failure is not None or not self._queue:
            return
        batch = self._take()
        try:
            results = self._apply(batch)
            if self._sync != "FULL":
                self._db.execute("COMMIT")
        except Exception as error:  # whatever it is, no future may stay pending
            self._fail(batch, error)
            return
        if self._sync != "FULL":
            self._publish(batch, results)
            return
        # the fsync of FULL leaves the loop; nobody touches this connection until it is back
        self._committing = asyncio.get_running_loop().run_in_executor(None, self._commit_file)
        self._committing.add_done_callback(lambda done: self._after_commit(batch, results, done))

    def _commit_file(self) -> None:
        self._db.execute("COMMIT")

    def _after_commit(self, batch: list[_Operation], results: list[Any], done: "asyncio.Future[None]") -> None:
        self._committing = None
        error = asyncio.CancelledError() if done.cancelled() else done.exception()
        if error is not None:
            self._fail(batch, error if isinstance(error, Exception) else RuntimeError("the COMMIT was cancelled"))
        else:
            self._publish(batch, results)

    def _take(self) -> list[_Operation]:
        batch: list[_Operation] = []
        size = 0
        queue = self._queue
        has_more = False
        while queue and (has_more or (len(batch) < TRANSACTION_RECORDS and size < TRANSACTION_BYTES)):
            operation = queue.popleft()
            batch.append(operation)
            has_more = False
            if type(operation) is _Append:
                size += _size(operation.row)
                has_more = operation.has_more
        return batch

    def _apply(self, batch: list[_Operation]) -> list[Any]:
        db = self._db
        db.execute("BEGIN IMMEDIATE")
        records: list[storage.StoredRow] = []
        results: list[Any] = []
        for operation in batch:
            if isinstance(operation, _Append):
                offset, timestamp, key, value, headers = operation.row
                packed = storage.pack_headers(headers)
                records.append(((operation.part.id << SHIFT) | offset, timestamp, key, value, packed))
            elif isinstance(operation, _Commit):
                values = [(operation.group, self.parts[tp].id, n) for tp, n in operation.offsets.items()]
                db.executemany("INSERT OR REPLACE INTO offs VALUES(?,?,?)", values)
            else:
                storage.insert(db, records)
                records = []
                results.append(operation.run(db))
        storage.insert(db, records)
        return results

    def _publish(self, batch: list[_Operation], results: list[Any]) -> None:
        published = iter(results)
        touched: set[Part] = set()
        for operation in batch:
            result: Any = None
            if isinstance(operation, _Append):
                self._show(operation.part, operation.row)
                touched.add(operation.part)
                result = operation.result
            elif isinstance(operation, _Commit):
                self.committed.setdefault(operation.group, {}).update(operation.offsets)
            else:
                result = next(published)
                if operation.publish is not None:
                    operation.publish(result)
            if operation.future is not None and not operation.future.done():
                operation.future.set_result(result)
        for part in touched:
            while len(part.tail) > TAIL_RECORDS or part.tail_bytes > TAIL_BYTES:
                self._tail_total -= part.evict()
        self._bound_tails()
        self.stats["commits"] += 1
        self.wake()
        if self._queue:
            self._schedule()

    def _show(self, part: Part, row: Row) -> None:
        part.tail.append(row)
        part.visible = row.offset + 1
        size = _size(row)
        part.tail_bytes += size
        self._tail_total += size
        self.stats["records"] += 1

    def _bound_tails(self) -> None:
        while self._tail_total > TAIL_TOTAL_BYTES:
            largest = max(self.parts.values(), key=lambda part: part.tail_bytes)
            for _ in range(len(largest.tail) // 2 + 1):
                self._tail_total -= largest.evict()

    def forget_tail(self, part: Part, before: int) -> None:
        """Drop the records below an offset from memory; retention calls this after its COMMIT."""
        while part.tail and part.tail[0].offset < before:
            self._tail_total -= part.evict()

    def _fail(self, batch: list[_Operation], cause: Exception) -> None:
        try:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
        except sqlite3.Error as error:
            logger.warning("LogRollbackFailed: %s: %s", self.directory, error)
        failure = storage.translate(cause, self.directory)
        failure.__cause__ = cause
        self.failure = failure
        logger.critical("LogFailed: %s", failure)
        for operation in (*batch, *self._queue):
            if operation.future is not None and not operation.future.done():
                operation.future.set_exception(failure)
        self._queue.clear()
        self.wake()
        for callback in self._callbacks:
            callback(failure)

    def wake(self) -> None:
        """Let every waiting reader look again."""
        for event in self.waiters:
            event.set()

    # -- reading

    def read(self, tp: tuple[str, int], position: int, limit: int, end: int | None = None) -> list[Row]:
        """Committed rows from a position on; empty when there is none left below the high water."""
        part = self.parts[tp]
        stop = part.visible if end is None else min(end, part.visible)
        if position >= stop or self._is_closed:
            return []
        if position >= part.tail_start:
            first = position - part.tail_start
            return list(islice(part.tail, first, first + min(limit, stop - position)))
        self.stats["disk_reads"] += 1
        return storage.rows(self._reader, part.id, max(position, part.start), stop, limit)

    def next_offset(self, tp: tuple[str, int], offset: int) -> int:
        """The first offset at or after this one that exists; the high water if there is none below it."""
        part = self.parts[tp]
        if offset >= min(part.tail_start, part.visible):
            return offset
        return storage.next_offset(self._reader, part.id, max(offset, part.start), part.visible)

    def offset_at(self, tp: tuple[str, int], timestamp: float) -> int:
        """The first offset with at least this timestamp (seconds since the epoch), or the high water."""
        part = self.parts[tp]
        return storage.offset_at(self._reader, storage.StoredPartition(part.id, part.start, part.visible), timestamp)

    def rows_on_disk(self, part: Part, start: int, end: int, limit: int) -> Iterable[tuple[int, float, Any, int]]:
        """(offset, timestamp, key, is a tombstone) from disk, without the values."""
        base = part.id << SHIFT
        found = self._reader.execute(
            "SELECT id, ts, key, value IS NULL FROM rec WHERE id >= ? AND id < ? ORDER BY id LIMIT ?",
            (base + start, base + end, limit),
        ).fetchall()
        return [(number - base, timestamp, key, gone) for number, timestamp, key, gone in found]
