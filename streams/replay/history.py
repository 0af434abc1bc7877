"""Stored records in one order that depends on what they say alone: not on the engine, nor on when they were written.

A partition's own order is kept. Between partitions the observation time decides, then the time of what is told, then
the key; a record never comes before one that stands before it in its partition, whatever it says.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime
from heapq import heapify, heappop, heapreplace
from typing import NamedTuple

import msgspec

from schemas.alert import Alert
from schemas.article import ArticleUpdate
from schemas.codec import alert_from_record, decode
from schemas.errors import DecodeError
from schemas.event import Event
from streams.log import EventLog, Record, TopicPartition

Place = tuple[float, float, bytes]
"""Where a record stands among those of other partitions: observed at, told of, key; seconds since the epoch."""


class Reading(NamedTuple):
    """A record, and what it holds.

    event  None where the record cannot be decoded: the pipeline set it aside too
    place  never earlier than that of a record before it in its partition
    """

    record: Record
    event: Event | None
    place: Place

    @property
    def at(self) -> datetime:
        """Observation time; aware UTC."""
        return datetime.fromtimestamp(self.place[0], UTC)


class Position(msgspec.Struct, array_like=True):
    """How far a partition was read: the next offset, and the place of what came last."""

    offset: int
    place: Place = (0.0, 0.0, b"")


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """What a log holds of some topics, at one moment.

    starts, ends  first and next offset by partition
    first_s       time of the earliest record, seconds since the epoch; None where there is none
    is_cut        retention has removed records
    """

    starts: dict[TopicPartition, int]
    ends: dict[TopicPartition, int]
    first_s: float | None
    is_cut: bool

    @property
    def count(self) -> int:
        """Records, holes of compaction included."""
        return sum(end - self.starts[tp] for tp, end in self.ends.items())


async def span_of(event_log: EventLog, topics: Sequence[str]) -> Span:
    """What these topics hold now. Raises UnknownTopic."""
    starts: dict[TopicPartition, int] = {}
    ends: dict[TopicPartition, int] = {}
    first: list[float] = []
    for topic in topics:
        for number, start in (await event_log.starts(topic)).items():
            starts[TopicPartition(topic, number)] = start
        for number, end in (await event_log.ends(topic)).items():
            tp = TopicPartition(topic, number)
            ends[tp] = max(end, starts[tp])
            if end > starts[tp]:
                first += [one.timestamp async for one in event_log.read(topic, number, starts[tp], limit=1)]
    is_cut = any(start > 0 for start in starts.values())
    return Span(starts=starts, ends=ends, first_s=min(first, default=None), is_cut=is_cut)


class History:
    """Everything between two positions, merged; `positions` says what was taken.

    read_event  bytes and headers of a record to its event; raises DecodeError
    place       observation time and time of what is told, both aware, of an event
    """

    def __init__(
        self,
        event_log: EventLog,
        ends: Mapping[TopicPartition, int],
        positions: Mapping[TopicPartition, Position],
        read_event: Callable[[Record], Event],
        place: Callable[[Event], tuple[datetime, datetime]],
    ) -> None:
        self.positions = dict(positions)
        self._log = event_log
        self._ends = dict(ends)
        self._read_event = read_event
        self._place = place

    async def read(self) -> AsyncIterator[Reading]:
        """Each record once."""
        streams = [self._partition(tp) for tp in sorted(self._ends)]
        heads: list[tuple[Place, int, Reading]] = []
        for number, stream in enumerate(streams):
            first = await anext(stream, None)
            if first is not None:
                heads.append((first.place, number, first))
        heapify(heads)
        while heads:
            _, number, reading = heads[0]
            yield reading
            following = await anext(streams[number], None)
            if following is None:
                heappop(heads)
            else:
                heapreplace(heads, (following.place, number, following))

    def took(self, reading: Reading) -> None:
        """A later history begins behind it."""
        record = reading.record
        self.positions[TopicPartition(record.topic, record.partition)] = Position(record.offset + 1, reading.place)

    async def _partition(self, tp: TopicPartition) -> AsyncIterator[Reading]:
        position = self.positions.get(tp, Position(0))
        last = position.place
        async for record in self._log.read(tp.topic, tp.partition, position.offset, self._ends[tp]):
            event: Event | None = None
            try:
                event = self._read_event(record)
            except DecodeError:
                yield Reading(record, None, last)
                continue
            observed, told = self._place(event)
            last = max((observed.timestamp(), told.timestamp(), record.key or b""), last)
            yield Reading(record, event, last)


def read_update(record: Record) -> ArticleUpdate:
    """The update of a record in `updates`. Raises DecodeError."""
    return decode(ArticleUpdate, record.value)


def read_alert(record: Record) -> Alert:
    """The alert of a record in an alert topic. Raises DecodeError."""
    return alert_from_record(record.value, record.headers)


def times_of(event: Event) -> tuple[datetime, ...]:
    """All times an update tells of, its observation first."""
    assert isinstance(event, ArticleUpdate)
    told = [event.published_at, event.modified_at]
    for post in event.posts:
        told += [post.published_at, post.modified_at]
    return (_aware(event.observed_at), *(_aware(one) for one in told if one is not None))


def place_of_update(event: Event) -> tuple[datetime, datetime]:
    """Observation time, and the latest time that is told but for the future."""
    observed, *told = times_of(event)
    return observed, max((one for one in told if one <= observed), default=observed)


def place_of_alert(event: Event) -> tuple[datetime, datetime]:
    """Observation time, and time of the transition."""
    assert isinstance(event, Alert)
    return event.recordedtime, event.time


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
