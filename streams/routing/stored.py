"""What stands on the log about routing, for commands: subscriptions, silences, notifications, what was suppressed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from agents.routing.book import Book
from schemas.codec import decode, encode
from schemas.delivery import Endpoint
from schemas.errors import DecodeError, InputError
from schemas.routing import Notification, Suppressed
from schemas.subscription import Silence, Subscription
from streams.log import Draft, EventLog, Record, TopicPartition, open_log
from streams.routing.following import read_entry
from streams.settings import Settings
from streams.topics import ENDPOINTS, NOTIFICATIONS, SILENCES, SUBSCRIPTIONS, SUPPRESSED, Topic
from streams.worker import declare_topics

VISIBLE_S = 5.0
POLL_S = 0.05

Entry = Subscription | Silence | Endpoint
"""What stands in a compacted topic under its id."""


@dataclass
class Asked:
    """What readers and operators ask for, by id; `faults` has a line for each entry that cannot be used."""

    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    silences: dict[str, Silence] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def book(self) -> Book:
        """As a worker holds it."""
        book = Book()
        for one in self.subscriptions.values():
            book.put(one)
        for silence in self.silences.values():
            book.put(silence)
        return book

    def find(self, wanted: str) -> Subscription:
        """The subscription of this id, of the only id that begins so, of this name, or of OWNER/NAME.

        Raises InputError.
        """
        known = self.subscriptions.values()
        if exact := self.subscriptions.get(wanted):
            return exact
        found = [one for one in known if wanted in (one.name, f"{one.owner}/{one.name}")]
        found = found or [one for one in known if wanted.startswith("sub_") and one.id.startswith(wanted)]
        if len(found) != 1:
            names = ", ".join(f"{one.owner}/{one.name}" for one in found[:5])
            raise InputError(
                f'subscription: expected an id, NAME or OWNER/NAME, found "{wanted}", which is '
                + (f"several: {names}" if found else "unknown; see `tocsin subscriptions list`")
            )
        return found[0]

    def find_silence(self, wanted: str) -> Silence:
        """The silence of this id, or of the only id that begins so. Raises InputError."""
        found = [one for id, one in self.silences.items() if wanted and id.startswith(wanted)]
        if len(found) != 1:
            raise InputError(f'silence: expected the id of one, found "{wanted}", which begins {len(found)}')
        return found[0]


@asynccontextmanager
async def opened(settings: Settings, *, writes: bool = False) -> AsyncIterator[EventLog]:
    """The log; beside a running worker, what is written goes through its inbox."""
    event_log = await open_log(settings.broker, mode="append" if writes else "read", kafka=settings.kafka)
    try:
        if writes:
            await declare_topics(event_log, settings)
        yield event_log
    finally:
        await event_log.close()


async def asked(event_log: EventLog) -> Asked:
    """Every subscription and silence as it is now."""
    found = Asked()
    for topic in (SUBSCRIPTIONS, SILENCES):
        last: dict[bytes | None, Record] = {}
        async for record in records(event_log, topic):
            last[record.key] = record
        for record in last.values():
            if record.value is None:
                continue
            match read_entry(record):
                case Subscription() as one:
                    found.subscriptions[one.id] = one
                case Silence() as one:
                    found.silences[one.id] = one
                case str() as fault:
                    found.faults.append(f"{topic.name} {(record.key or b'').decode('utf-8', 'replace')}: {fault}")
    return found


async def put(event_log: EventLog, *values: Entry) -> None:
    """Write entries; durable, and where a worker runs also readable, when this returns."""
    await _write(event_log, [(one, encode(one)) for one in values])


async def remove(event_log: EventLog, *values: Entry) -> None:
    """Remove entries; as `put`."""
    await _write(event_log, [(one, None) for one in values])


async def _write(event_log: EventLog, entries: Sequence[tuple[Entry, bytes | None]]) -> None:
    """Through the inbox of a running worker an entry becomes readable a little later: wait for that, a few seconds.

    Else the next command would not find what this one has made, or undo it.
    """
    drafts = [Draft(_topic(one).name, one.id.encode(), value) for one, value in entries]
    placed = await event_log.append_many(drafts)
    if not any(one.offset is None for one in placed):
        return
    wanted = {(one.topic, one.key or b""): one.value for one in drafts}
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(VISIBLE_S):
            while await _last(event_log, wanted.keys()) != wanted:  # noqa: ASYNC110  another process writes
                await asyncio.sleep(POLL_S)


async def _last(event_log: EventLog, wanted: Collection[tuple[str, bytes]]) -> dict[tuple[str, bytes], bytes | None]:
    """The last value of each of these keys, as far as it stands in the log."""
    found: dict[tuple[str, bytes], bytes | None] = {}
    for topic in _TOPICS.values():
        if any(name == topic.name for name, _ in wanted):
            async for record in records(event_log, topic):
                if (topic.name, record.key) in wanted:
                    found[topic.name, record.key or b""] = record.value
    return found


_TOPICS: dict[type[Entry], Topic] = {Subscription: SUBSCRIPTIONS, Silence: SILENCES, Endpoint: ENDPOINTS}


def _topic(value: Entry) -> Topic:
    return _TOPICS[type(value)]


async def records(event_log: EventLog, topic: Topic) -> AsyncIterator[Record]:
    """Every record of a topic, in the order in which they were written; none where the topic is not there yet."""
    if topic.name not in await event_log.topics():
        return
    found = [
        record
        for partition in await event_log.ends(topic.name)
        async for record in event_log.read(topic.name, partition, 0)
    ]
    for record in sorted(found, key=lambda one: (one.timestamp, one.partition, one.offset)):
        yield record


async def notifications(event_log: EventLog) -> AsyncIterator[tuple[Record, Notification]]:
    """Every notification once, with its first record."""
    async for found in _once(records(event_log, NOTIFICATIONS), Notification):
        yield found


async def notifications_followed(
    event_log: EventLog, start: Mapping[TopicPartition, int] | None = None
) -> AsyncIterator[tuple[Record, Notification]]:
    """Every notification once from the given positions on, then new ones as they come."""
    async for found in _once(event_log.tail([NOTIFICATIONS.name], start), Notification):
        yield found


async def suppressed(event_log: EventLog) -> AsyncIterator[Suppressed]:
    """Everything that was suppressed, each once."""
    seen: set[bytes | None] = set()
    async for record in records(event_log, SUPPRESSED):
        if record.value not in seen:
            seen.add(record.value)
            try:
                yield decode(Suppressed, record.value)
            except DecodeError:
                continue  # a foreign writer's


async def _once(found: AsyncIterator[Record], kind: type[Notification]) -> AsyncIterator[tuple[Record, Notification]]:
    """A worker that was killed may have written one twice, under the same id."""
    seen: set[str] = set()
    async for record in found:
        try:
            event = decode(kind, record.value)
        except DecodeError:
            continue  # a foreign writer's
        if event.id not in seen:
            seen.add(event.id)
            yield record, event
