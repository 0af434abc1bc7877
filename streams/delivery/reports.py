"""What the log says about deliveries: attempts, what is open, and what can be delivered again."""

from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from agents.delivery.dispatch import split
from agents.delivery.state import Row, row_key
from schemas.codec import decode_state
from schemas.delivery import Attempt, Cause, Delivery, EndpointChanged, Outcome
from schemas.errors import DecodeError, InputError
from schemas.routing import NotificationKind
from streams.compression import unpack
from streams.delivery import changelog
from streams.delivery.records import read_attempt, to_deliveries
from streams.log import Draft, EventLog, Record, TopicPartition
from streams.routing.stored import notifications, records
from streams.settings import Settings
from streams.topics import ATTEMPTS

_ROWS = row_key("", "")


@dataclass
class Story:
    """One delivery to one subscription, as it went.

    attempts  of all rounds, in order, each once
    row       while it is open
    """

    delivery: str
    subscription: str
    attempts: list[Attempt] = field(default_factory=list)
    row: Row | None = None

    @property
    def last(self) -> Attempt | None:
        """The latest that happened; None if nothing was tried yet."""
        return self.attempts[-1] if self.attempts else None

    @property
    def outcome(self) -> str:
        """delivered, dead, dropped, or open."""
        if self.row is not None:
            return "open"
        return self.last.outcome.value if self.last is not None else "open"

    @property
    def round(self) -> int:
        """The latest."""
        return max([one.round for one in self.attempts] + ([self.row.delivery.round] if self.row else []), default=1)


@dataclass
class Told:
    """All deliveries, by (delivery, subscription), and what endpoints announced, in order."""

    stories: dict[tuple[str, str], Story] = field(default_factory=dict)
    changes: list[EndpointChanged] = field(default_factory=list)

    def story(self, delivery: str, subscription: str) -> Story:
        """The story of a pair, begun if need be."""
        key = (delivery, subscription)
        if key not in self.stories:
            self.stories[key] = Story(*key)
        return self.stories[key]

    def find(self, wanted: str) -> list[Story]:
        """The stories of this delivery or message, or of the only one that begins so. Raises InputError."""
        found = [one for one in self.stories.values() if wanted and _names(one, wanted)]
        ids = {one.delivery for one in found}
        exact = [one for one in found if wanted in _ids(one)]
        if not exact and len(ids) > 1 and not wanted.startswith("msg_"):
            raise InputError(
                f'delivery: expected the id of one delivery or message, found "{wanted}", which names {len(ids)}'
            )
        if not found:
            raise InputError(f'delivery: expected the id of one, found "{wanted}"; see `tocsin deliveries list`')
        return exact or found


def _ids(one: Story) -> set[str]:
    last = one.last
    message = last.message_id if last is not None else one.row.delivery.message_id if one.row is not None else ""
    return {one.delivery, message}


def _names(one: Story, wanted: str) -> bool:
    return any(id.startswith(wanted) for id in _ids(one))


async def told(event_log: EventLog, settings: Settings) -> Told:
    """Everything that stands in `attempts`, and what is open."""
    found = Told()
    seen: set[bytes | None] = set()
    async for record in records(event_log, ATTEMPTS):
        event = _event(record)
        if record.value in seen or event is None:
            continue  # a worker that was killed may have written one twice
        seen.add(record.value)
        if isinstance(event, Attempt):
            found.story(event.delivery, event.subscription).attempts.append(event)
        else:
            found.changes.append(event)
    for row in (await open_rows(event_log, settings)).values():
        for one in row.subscribers:
            found.story(row.delivery.id, one.subscription).row = row
    return found


def _event(record: Record) -> Attempt | EndpointChanged | None:
    try:
        event = read_attempt(record.value, dict(record.headers))
    except DecodeError:
        return None  # a foreign writer's
    return event if isinstance(event, Attempt | EndpointChanged) else None


async def open_rows(event_log: EventLog, settings: Settings) -> dict[str, Row]:
    """Open deliveries by their key in the table, read from its changelog."""
    topic = changelog(settings)
    specs = await event_log.topics()
    rows: dict[str, bytes] = {}
    if topic in specs:
        for partition in await event_log.ends(topic):
            async for record in event_log.read(topic, partition, 0):
                key = (record.key or b"").decode("utf-8", "replace")
                if _ROWS not in key:
                    continue
                if record.value is None:
                    rows.pop(key, None)
                else:
                    rows[key] = record.value
    return {key: decode_state(Row, unpack(raw) or b"") for key, raw in rows.items()}


@dataclass
class Plan:
    """What would be delivered again, oldest first."""

    deliveries: list[Delivery] = field(default_factory=list)

    def by_endpoint(self) -> dict[str, int]:
        """How many to each."""
        found: dict[str, int] = {}
        for one in self.deliveries:
            found[one.endpoint] = found.get(one.endpoint, 0) + 1
        return found


async def plan(
    event_log: EventLog,
    settings: Settings,
    *,
    since: datetime,
    until: datetime | None = None,
    endpoint: str | None = None,
    subscription: str | None = None,
    everything: bool = False,
) -> Plan:
    """What of the notifications in [since, until) is to be delivered again, as the next round of the same deliveries.

    everything  also what arrived
    What is still open is left alone, and without `everything` what a later message of its alert has overtaken: who was
    told of a withdrawal would take the alert for new.
    """
    known = await told(event_log, settings)
    rounds: dict[str, int] = {}
    for story in known.stories.values():
        rounds[story.delivery] = max(rounds.get(story.delivery, 0), story.round)
    again = [Outcome.DEAD.value, Outcome.DROPPED.value] + ([Outcome.DELIVERED.value] if everything else [])
    found = Plan()
    arrived: dict[tuple[str, str, str], int] = {}
    async for _, one in notifications(event_log):
        is_meant = one.at >= since and (until is None or one.at < until)
        for delivery in split(one):
            told_of = known.stories.get((delivery.id, delivery.subscription))
            if told_of is not None and told_of.outcome == Outcome.DELIVERED.value:
                arrived[_place(delivery)] = max(arrived.get(_place(delivery), 0), delivery.lead.version)
            if not is_meant:
                continue
            if endpoint not in (None, delivery.endpoint) or subscription not in (None, delivery.subscription):
                continue
            if told_of is not None and told_of.outcome in again and not _was_withdrawn(told_of):
                found.deliveries.append(msgspec.structs.replace(delivery, round=rounds[delivery.id] + 1))
    if not everything:
        found.deliveries = [one for one in found.deliveries if arrived.get(_place(one), 0) <= one.lead.version]
    return found


def _place(delivery: Delivery) -> tuple[str, str, str]:
    """Where the messages of an alert follow each other; a digest stands alone."""
    is_digest = delivery.kind is NotificationKind.DIGEST
    return delivery.message_id if is_digest else delivery.lead.alert_id, delivery.endpoint, delivery.subscription


def _was_withdrawn(story: Story) -> bool:
    """Nobody is to get an alert now that was withdrawn before anything left."""
    last = story.last
    return last is not None and last.reason == "withdrawn_before_send"


async def append(event_log: EventLog, deliveries: Iterable[Delivery]) -> None:
    """Hand deliveries to whoever delivers; durable when this returns."""
    drafts = [to_deliveries(one) for one in deliveries]
    await event_log.append_many([Draft(one.topic, one.key, one.value, one.headers) for one in drafts])


async def followed(
    event_log: EventLog, start: dict[TopicPartition, int] | None = None
) -> AsyncIterator[Attempt | EndpointChanged]:
    """Attempts and announcements from these positions on, as they come."""
    async with aclosing(event_log.tail([ATTEMPTS.name], start)) as tail:  # type: ignore[type-var]
        async for record in tail:
            event = _event(record)
            if event is not None:
                yield event


def line(one: Attempt) -> str:
    """An attempt in a line, without whose it is."""
    said = one.outcome.value
    if one.reason is not None:
        said += f" ({one.reason.value})"
    what = "" if one.cause is None or one.cause is Cause.OK else f"  {one.cause.value}"
    detail = f": {one.detail}" if one.detail else ""
    took = f"  {one.duration_ms} ms" if one.duration_ms else ""
    later = f"  again at {one.next_at:%H:%M:%S}" if one.next_at is not None else ""
    number = f"attempt {one.number}" if one.number else "not tried"
    return f"{one.at:%Y-%m-%d %H:%M:%S}  {number}  {said}{what}{detail}{took}{later}"
