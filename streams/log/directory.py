"""`EventLog` on a directory: owned by this process, read beside its owner, or appended to through its inbox."""

import asyncio
import contextlib
import sqlite3
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from schemas.codec import Headers
from schemas.errors import InputError, LogError, LogInUse, PartitionCountChanged, UnknownTopic
from streams.log import AnyDraft, EventLog, Mode, storage
from streams.log.address import parse_address
from streams.log.embedded import Log
from streams.log.inbox import Spool
from streams.log.partitioner import Partitioner
from streams.log.record import (
    Draft,
    Placement,
    Record,
    TopicPartition,
    TopicSpec,
    checked_body,
    checked_headers,
)
from streams.log.storage import Row

READ_RECORDS = 1_000
POLL_S = 0.05
STARTING_S = 5.0
"""Longest wait for another process to make the log that it owns."""


class _Bounds(NamedTuple):
    start: int
    end: int


class _Directory(ABC):
    """What all three modes share: reading, on a few primitives."""

    _is_closed = False

    @abstractmethod
    def _specs(self) -> Mapping[str, TopicSpec]: ...

    @abstractmethod
    def _bounds(self, tp: TopicPartition) -> _Bounds: ...

    @abstractmethod
    def _rows(self, tp: TopicPartition, start: int, end: int, limit: int) -> Sequence[Row]: ...

    @abstractmethod
    def _offset_at(self, tp: TopicPartition, timestamp: float) -> int: ...

    @abstractmethod
    def _watch(self) -> "_Watch": ...

    @property
    def failure(self) -> LogError | None:
        """None: this process writes nothing that could fail for good."""
        return None

    def on_failure(self, callback: Callable[[LogError], None]) -> None:
        """Never called here."""
        del callback

    def is_closed(self) -> bool:
        """Whether this handle was closed."""
        return self._is_closed

    async def topics(self) -> dict[str, TopicSpec]:
        """Every topic by name."""
        self._refuse_if_closed()
        return dict(self._specs())

    async def starts(self, topic: str) -> dict[int, int]:
        """Earliest retained offset of each partition."""
        return {tp.partition: self._bounds(tp).start for tp in self._partitions(topic)}

    async def ends(self, topic: str) -> dict[int, int]:
        """Next offset of each partition."""
        return {tp.partition: self._bounds(tp).end for tp in self._partitions(topic)}

    async def offset_for_time(self, topic: str, timestamp: float) -> dict[int, int]:
        """First offset with at least this timestamp, per partition, or its end."""
        return {tp.partition: self._offset_at(tp, timestamp) for tp in self._partitions(topic)}

    async def read(
        self, topic: str, partition: int, start: int, end: int | None = None, limit: int | None = None
    ) -> AsyncIterator[Record]:
        """Records with start <= offset < end."""
        tp = TopicPartition(topic, partition)
        if tp not in self._partitions(topic):
            raise UnknownTopic(f"topic {topic}: no partition {partition}")
        stop = self._bounds(tp).end if end is None else min(end, self._bounds(tp).end)
        left = limit
        while start < stop and (left is None or left > 0):
            rows = self._rows(tp, start, stop, READ_RECORDS if left is None else min(left, READ_RECORDS))
            if not rows:
                return
            for row in rows:
                yield _record(tp, row)
            start = rows[-1].offset + 1
            left = None if left is None else left - len(rows)
            await asyncio.sleep(0)  # a long read must not hold up the loop
            self._refuse_if_closed()

    async def tail(
        self, topics: Iterable[str], start: Mapping[TopicPartition, int] | None = None
    ) -> AsyncIterator[Record]:
        """Records from the given positions on, then new ones."""
        names = tuple(dict.fromkeys(topics))
        positions: dict[TopicPartition, int] = {TopicPartition(*tp): offset for tp, offset in (start or {}).items()}
        with self._watch() as watch:
            while not self.is_closed():
                found = False
                watch.clear()
                for tp in [tp for name in names if name in self._specs() for tp in self._partitions(name)]:
                    bounds = self._bounds(tp)
                    position = max(positions.get(tp, bounds.start), bounds.start)
                    rows = self._rows(tp, position, bounds.end, READ_RECORDS) if position < bounds.end else ()
                    positions[tp] = rows[-1].offset + 1 if rows else max(position, min(position, bounds.end))
                    for row in rows:
                        found = True
                        yield _record(tp, row)
                    if rows:
                        await asyncio.sleep(0)  # a long backlog must not hold up the loop
                    if self.is_closed():
                        return
                if not found and not self.is_closed():
                    if self.failure is not None:
                        raise self.failure
                    await watch.changed()

    def _partitions(self, topic: str) -> list[TopicPartition]:
        self._refuse_if_closed()
        spec = self._specs().get(topic)
        if spec is None:
            raise UnknownTopic(f"topic {topic}: not in this log")
        return [TopicPartition(topic, number) for number in range(spec.partitions)]

    def _refuse_if_closed(self) -> None:
        if self._is_closed:
            raise LogError("the log is closed")


def _record(tp: TopicPartition, row: Row) -> Record:
    return Record(tp.topic, tp.partition, row.offset, row.timestamp, row.key, row.value, row.headers)


def _checked(drafts: Iterable[AnyDraft]) -> list[Draft]:
    found = []
    for item in drafts:
        draft = Draft(*item)
        checked_body(draft.key, draft.value, draft.timestamp)
        found.append(draft._replace(headers=checked_headers(draft.headers)))
    return found


class _Watch(ABC):
    """Tells a tail when to look again. What changes between `clear` and `changed` is not missed."""

    def __enter__(self) -> "_Watch":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    @abstractmethod
    def clear(self) -> None: ...

    @abstractmethod
    async def changed(self) -> None: ...


class _OwnerWatch(_Watch):
    def __init__(self, log: Log) -> None:
        self._log = log
        self._event = asyncio.Event()

    def __enter__(self) -> "_Watch":
        self._log.waiters.add(self._event)
        return self

    def __exit__(self, *_: object) -> None:
        self._log.waiters.discard(self._event)

    def clear(self) -> None:
        self._event.clear()

    async def changed(self) -> None:
        await self._event.wait()


class OwnedDirectory(_Directory):
    """Reads and writes; shares the log with every other owner in this process, the Faust app among them."""

    def __init__(self, log: Log) -> None:
        self._log = log

    @property
    def failure(self) -> LogError | None:
        """Why the log can no longer be written, or None."""
        return self._log.failure

    def on_failure(self, callback: Callable[[LogError], None]) -> None:
        """Call this once if the log fails."""
        self._log.on_failure(callback)

    async def create_topic(self, spec: TopicSpec) -> None:
        """Make the topic exist as specified."""
        self._refuse_if_closed()
        await self._log.create_topic(spec)

    async def append(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Headers | Mapping[str, bytes] = (),
        *,
        timestamp: float | None = None,
        partition: int | None = None,
    ) -> Placement:
        """Write one record."""
        return (await self.append_many([Draft(topic, key, value, checked_headers(headers), timestamp, partition)]))[0]

    async def append_many(self, drafts: Iterable[AnyDraft]) -> list[Placement]:
        """Write records in order."""
        self._refuse_if_closed()
        log = self._log
        placed = [(draft, log.choose_partition(draft.topic, draft.key, draft.partition)) for draft in _checked(drafts)]
        for draft, partition in placed:
            if (draft.topic, partition) not in log.parts:
                raise UnknownTopic(f"topic {draft.topic}: no partition {partition}")
        log.refuse_input_below_floor()
        now = time.time()
        placements = []
        for draft, partition in placed:
            offset = log.parts[draft.topic, partition].end
            timestamp = now if draft.timestamp is None else draft.timestamp
            log.append(
                draft.topic, partition, key=draft.key, value=draft.value, timestamp=timestamp, headers=draft.headers
            )
            placements.append(Placement(partition, offset))
        await log.flush()
        return placements

    async def committed(self, group: str) -> dict[TopicPartition, int]:
        """Offsets a consumer group has committed."""
        self._refuse_if_closed()
        return dict(self._log.committed.get(group, {}))

    async def close(self) -> None:
        """Let go; the last user in this process closes the file."""
        if not self._is_closed:
            self._is_closed = True
            self._log.wake()
            await self._log.release()

    def _specs(self) -> Mapping[str, TopicSpec]:
        return self._log.topics

    def _bounds(self, tp: TopicPartition) -> _Bounds:
        part = self._log.parts[tp]
        return _Bounds(part.start, part.visible)

    def _rows(self, tp: TopicPartition, start: int, end: int, limit: int) -> Sequence[Row]:
        return self._log.read(tp, start, limit, end)

    def _offset_at(self, tp: TopicPartition, timestamp: float) -> int:
        return self._log.offset_at(tp, timestamp)

    def _watch(self) -> _Watch:
        return _OwnerWatch(self._log)


class _PollingWatch(_Watch):
    """Looks at the version counter of the file, which any other connection's COMMIT raises."""

    def __init__(self, directory: "ReadDirectory") -> None:
        self._directory = directory
        self._seen = -1

    def clear(self) -> None:
        self._seen = self._directory.version()

    async def changed(self) -> None:
        # another process commits: no event reaches this one
        while not self._directory.is_closed() and self._directory.version() == self._seen:  # noqa: ASYNC110
            await asyncio.sleep(POLL_S)


class ReadDirectory(_Directory):
    """Reads only, also while another process owns and writes the log."""

    def __init__(self, directory: Path) -> None:
        self._path = directory
        self._version = -1
        self._topics: dict[str, TopicSpec] = {}
        self._parts: dict[tuple[str, int], storage.StoredPartition] = {}
        with self._translated():
            self._db = storage.connect_reader(directory)
        try:
            with self._translated():
                is_made = storage.version(self._db, directory) > 0
            if not is_made:
                raise _none_in(directory)  # noqa: TRY301  the connection is closed on the way out
            self._refresh()
        except BaseException:
            self._db.close()
            raise

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise LogError(f"{self._path / storage.FILE}: cannot be read ({error})") from error

    def version(self) -> int:
        """A number that changes with every COMMIT of the owner."""
        with self._translated():
            return int(self._db.execute("PRAGMA data_version").fetchone()[0])

    async def create_topic(self, spec: TopicSpec) -> None:
        """Refused."""
        raise self._refusal()

    async def append(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Headers | Mapping[str, bytes] = (),
        *,
        timestamp: float | None = None,
        partition: int | None = None,
    ) -> Placement:
        """Refused."""
        raise self._refusal()

    async def append_many(self, drafts: Iterable[AnyDraft]) -> list[Placement]:
        """Refused."""
        raise self._refusal()

    def _refusal(self) -> LogError:
        return LogError(f"{self._path}: expected a log opened for writing, found one opened for reading")

    async def committed(self, group: str) -> dict[TopicPartition, int]:
        """Offsets a consumer group has committed."""
        self._refuse_if_closed()
        with self._translated():
            found = storage.committed(self._db).get(group, {})
        return {TopicPartition(*tp): offset for tp, offset in found.items()}

    async def close(self) -> None:
        """Let go."""
        if not self._is_closed:
            self._is_closed = True
            self._db.close()

    def _refresh(self) -> None:
        version = self.version()
        if version != self._version:
            with self._translated():
                self._topics = storage.topics(self._db)
                self._parts = storage.partitions(self._db)
            self._version = version

    def _specs(self) -> Mapping[str, TopicSpec]:
        self._refresh()
        return self._topics

    def _bounds(self, tp: TopicPartition) -> _Bounds:
        part = self._parts[tp]
        return _Bounds(part.start, part.end)

    def _rows(self, tp: TopicPartition, start: int, end: int, limit: int) -> Sequence[Row]:
        with self._translated():
            return storage.rows(self._db, self._parts[tp].id, start, end, limit)

    def _offset_at(self, tp: TopicPartition, timestamp: float) -> int:
        with self._translated():
            return storage.offset_at(self._db, self._parts[tp], timestamp)

    def _watch(self) -> _Watch:
        return _PollingWatch(self)


class SpoolingDirectory(ReadDirectory):
    """Reads, and hands its records to the process that owns the log. Their offsets are known only after the import."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._spool = Spool(directory)
        self._declared: dict[str, TopicSpec] = {}
        self._partitioner = Partitioner()
        self._turn = asyncio.Lock()

    async def create_topic(self, spec: TopicSpec) -> None:
        """Compare with the owner's topic, or ask the owner to create it with the first record."""
        self._refuse_if_closed()
        known = self._specs().get(spec.name)
        if known is None:
            self._declared[spec.name] = spec
        elif known.partitions != spec.partitions:
            raise PartitionCountChanged(
                f"topic {spec.name}: expected {known.partitions} partitions, as it was created, found {spec.partitions}"
            )

    async def append(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Headers | Mapping[str, bytes] = (),
        *,
        timestamp: float | None = None,
        partition: int | None = None,
    ) -> Placement:
        """Write one record into the inbox."""
        return (await self.append_many([Draft(topic, key, value, checked_headers(headers), timestamp, partition)]))[0]

    async def append_many(self, drafts: Iterable[AnyDraft]) -> list[Placement]:
        """Write records into the inbox, one file for all of them."""
        self._refuse_if_closed()
        now = time.time()
        specs: dict[str, TopicSpec] = {}
        placed = []
        placements = []
        for draft in _checked(drafts):
            spec = specs[draft.topic] = self._spec(draft.topic)
            partition = draft.partition
            if partition is None:
                partition = self._partitioner.choose(draft.key, spec.partitions)
            elif not 0 <= partition < spec.partitions:
                raise UnknownTopic(f"topic {draft.topic}: no partition {partition}")
            placements.append(Placement(partition, None))
            # a key's partition is left to the owner, who may create the topic meanwhile in its own size
            given = partition if draft.key is None else draft.partition
            timestamp = now if draft.timestamp is None else draft.timestamp
            placed.append(draft._replace(partition=given, timestamp=timestamp))
        if placed:
            async with self._turn:  # names of files, and so the order of import, follow the order of calls
                await asyncio.to_thread(self._spool.write, list(specs.values()), placed)
        return placements

    def _spec(self, topic: str) -> TopicSpec:
        spec = self._specs().get(topic) or self._declared.get(topic)
        if spec is None:
            raise UnknownTopic(f"topic {topic}: not in this log")
        return spec


def open_directory(url: str, mode: Mode) -> EventLog:
    """The log of an `embedded://` address. Raises InputError, LogInUse, LogError."""
    address = parse_address(url)
    if mode == "read":
        return ReadDirectory(_existing(address.directory))
    patience = time.monotonic() + STARTING_S
    while True:
        try:
            return OwnedDirectory(Log.acquire(address.directory, linger_s=address.linger_s, sync=address.sync))
        except LogInUse:
            if mode == "own":
                raise
        try:
            return SpoolingDirectory(_existing(address.directory))
        except InputError:
            if time.monotonic() > patience:
                raise
        time.sleep(POLL_S)  # rare and short: the owner has the lock and is making its first log


def _existing(directory: Path) -> Path:
    if not (directory / storage.FILE).exists():
        raise _none_in(directory)
    return directory


def _none_in(directory: Path) -> InputError:
    return InputError(f"embedded log: expected a log in {directory}, found none")
