"""From a log into an archive: partitions merged by time, a few records of each in memory."""

import contextlib
import heapq
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from schemas.errors import InputError
from streams.archive import files
from streams.archive.files import STANDARD_OUTPUT, Sink
from streams.archive.lines import VERSION, ArchivedTopic, Header
from streams.archive.progress import progress
from streams.log import EventLog, Record, TopicSpec, open_log
from streams.settings import Settings
from streams.topics import ALERT_TOPICS, UPDATES

DEFAULT_TOPICS = (UPDATES.name, *(topic.name for topic in ALERT_TOPICS))

BUDGET_BYTES = 64 << 20
LEAST_BYTES = 256 << 10
"""Of records read ahead: in all, but never less than this in each partition."""

FIRST_RECORDS = 100
MOST_RECORDS = 1_000
REPORT_EVERY = 200


class Range(NamedTuple):
    """Offsets [start, end) of a partition."""

    topic: str
    partition: int
    start: int
    end: int


@dataclass(kw_only=True)
class ExportSummary:
    """What an export wrote. `first` and `last` are record timestamps, seconds since the epoch; None without records."""

    file: str
    topics: dict[str, int] = field(default_factory=dict)
    first: float | None = None
    last: float | None = None
    bytes: int = 0

    @property
    def records(self) -> int:
        """Of all topics."""
        return sum(self.topics.values())

    def add(self, record: Record) -> None:
        """Count a record."""
        self.topics[record.topic] += 1
        self.first = record.timestamp if self.first is None else min(self.first, record.timestamp)
        self.last = record.timestamp if self.last is None else max(self.last, record.timestamp)

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        return {
            "file": self.file,
            "records": self.records,
            "topics": self.topics,
            "from": None if self.first is None else moment(self.first),
            "to": None if self.last is None else moment(self.last),
            "bytes": self.bytes,
        }

    def line(self) -> str:
        """For people."""
        found = f"{self.records:,} {'record' if self.records == 1 else 'records'}"
        found += f" of {len(self.topics)} {'topic' if len(self.topics) == 1 else 'topics'}"
        if self.first is not None and self.last is not None:
            found += f", {moment(self.first)} to {moment(self.last)}"
        where = "standard output" if self.file == STANDARD_OUTPUT else self.file
        return f"tocsin: {found}, {size(self.bytes)}, {where}"


def moment(timestamp: float) -> str:
    """A record's timestamp to the second; as a number where no calendar has it.

    >>> moment(0.5), moment(1e300)
    ('1970-01-01T00:00:00Z', '1e+300')
    """
    try:
        return f"{datetime.fromtimestamp(timestamp, UTC):%Y-%m-%dT%H:%M:%SZ}"
    except (ValueError, OverflowError, OSError):
        return f"{timestamp:g}"


def size(count: int) -> str:
    """Bytes for people.

    >>> size(999), size(3_100_000)
    ('999 B', '3.1 MB')
    """
    if count < 1_000:
        return f"{count} B"
    number = float(count)
    for unit in ("kB", "MB", "GB"):
        number /= 1_000
        if number < 1_000:
            return f"{number:.1f} {unit}"
    return f"{number / 1_000:.1f} TB"


async def export(
    settings: Settings,
    out: str,
    topics: Sequence[str] = (),
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    is_forced: bool = False,
    is_quiet: bool = False,
) -> ExportSummary:
    """Write the records of topics whose timestamps lie in [start, end) into an archive.

    out        a file whose ending decides the format, or "-" for JSON Lines on standard output
    topics     default: raw updates and alerts
    is_forced  replace a file that is there
    Raises InputError, LogError; then no file was made or replaced.
    """
    if start is not None and end is not None and end <= start:
        raise InputError(
            f"--to: expected a time after --from ({start:%Y-%m-%dT%H:%M:%SZ}), found {end:%Y-%m-%dT%H:%M:%SZ}"
        )
    if out != STANDARD_OUTPUT:
        files.format_of(out)
        files.refuse_existing(Path(out), is_forced=is_forced)
    event_log = await open_log(settings.broker, mode="read", kafka=settings.kafka)
    try:
        specs = _chosen(topics, await event_log.topics())
        # where timestamps fall, as they do on an embedded log after an import, only looking at each record is exact
        since = None if settings.is_embedded or start is None else start.timestamp()
        ranges = await _ranges(event_log, specs, since)
        header = Header(VERSION, datetime.now(UTC), tuple(ArchivedTopic.of(spec) for spec in specs), start, end)
        summary = ExportSummary(file=out, topics={spec.name: 0 for spec in specs})
        total = sum(one.end - one.start for one in ranges)
        with progress("records", total, is_quiet=is_quiet) as advance:
            found = _timed(merged(event_log, ranges), start, end, advance)
            with _target(out, header, summary) as sink:
                async for record in found:
                    sink.write(record)
                    summary.add(record)
    finally:
        await event_log.close()
    return summary


def _chosen(wanted: Sequence[str], known: dict[str, TopicSpec]) -> list[TopicSpec]:
    names = list(dict.fromkeys(wanted)) or [name for name in DEFAULT_TOPICS if name in known]
    held = ", ".join(sorted(known)) or "none"
    if not names:
        raise InputError(f"export: expected a log with a topic of {', '.join(DEFAULT_TOPICS)}; it has {held}")
    for name in names:
        if name not in known:
            raise InputError(f"export: expected a topic of the log, found {name[:250]!r}; it has {held}")
    return [known[name] for name in names]


async def _ranges(event_log: EventLog, specs: Sequence[TopicSpec], since: float | None) -> list[Range]:
    found = []
    for spec in reversed(specs):  # ends downstream first: the archive of a running pipeline has the cause of each alert
        ends = await event_log.ends(spec.name)
        starts = await event_log.starts(spec.name)
        if since is not None:
            starts = await event_log.offset_for_time(spec.name, since)
        found += [Range(spec.name, number, min(starts[number], last), last) for number, last in ends.items()]
    return found


@contextlib.contextmanager
def _target(out: str, header: Header, summary: ExportSummary) -> Iterator[Sink]:
    if out == STANDARD_OUTPUT:
        with files.to_standard_output(header) as sink:
            yield sink
        summary.bytes = sink.bytes
        return
    path = Path(out)
    with files.created(path, header) as written:
        yield written
    summary.bytes = path.stat().st_size


async def _timed(
    found: AsyncIterator[Record], start: datetime | None, end: datetime | None, advance: Callable[[int], None]
) -> AsyncIterator[Record]:
    first = -float("inf") if start is None else start.timestamp()
    last = float("inf") if end is None else end.timestamp()
    count = 0
    async for record in found:
        count += 1
        if count % REPORT_EVERY == 0:
            advance(REPORT_EVERY)
        if first <= record.timestamp < last:
            yield record


async def merged(
    event_log: EventLog, ranges: Sequence[Range], *, budget: int = BUDGET_BYTES, most: int = MOST_RECORDS
) -> AsyncIterator[Record]:
    """The records of partitions by (timestamp, topic, partition, offset), each partition in its own order.

    At most `budget` bytes of records are read ahead, or 256 kB a partition where that is more, and at most `most`
    records of each, beside what one read of the log holds.
    """
    share = max(LEAST_BYTES, budget // max(1, len(ranges)))
    heap = []
    for one in ranges:
        source = _Source(event_log, one, share, most)
        if (record := await source.take()) is not None:
            heap.append((*_place(record), record, source))
    heapq.heapify(heap)
    while heap:
        *_, record, source = heap[0]
        yield record
        if (following := await source.take()) is not None:
            heapq.heapreplace(heap, (*_place(following), following, source))
        else:
            heapq.heappop(heap)


def _place(record: Record) -> tuple[float, str, int, int]:
    return record.timestamp, record.topic, record.partition, record.offset


class _Source:
    """A partition, read a piece at a time: an open reader would hold a thousand records, and a connection on Kafka."""

    def __init__(self, event_log: EventLog, place: Range, share: int, most: int) -> None:
        self._event_log = event_log
        self._place = place
        self._next = place.start
        self._share = share
        self._most = most
        self._limit = min(FIRST_RECORDS, most)
        self._ahead: deque[Record] = deque()

    async def take(self) -> Record | None:
        """The next record; None at the end."""
        if not self._ahead and self._next < self._place.end:
            await self._read()
        return self._ahead.popleft() if self._ahead else None

    async def _read(self) -> None:
        topic, partition, _, end = self._place
        taken = 0
        found: Any = self._event_log.read(topic, partition, self._next, end, self._limit)
        async with contextlib.aclosing(found):
            async for record in found:
                self._ahead.append(record)
                taken += len(record.key or b"") + len(record.value or b"")
                if taken >= self._share:
                    break
        self._next = self._ahead[-1].offset + 1 if self._ahead else end
        average = taken // len(self._ahead) if self._ahead else 0
        self._limit = max(1, min(self._most, self._share // max(1, average)))
