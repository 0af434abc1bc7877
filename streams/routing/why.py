"""Why a subscription was told of an alert, or why not: one closed reason for each message, and what led to it."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TypeVar

import msgspec

from agents.routing.filters import match
from agents.routing.ledger import group_key, record_key
from agents.routing.pacing import pacing_key
from agents.routing.state import AlertRecord, Group, PacingState
from agents.routing.telling import brief_of
from schemas.alert import Alert, Match
from schemas.codec import alert_from_record, decode_state
from schemas.delivery import Attempt
from schemas.errors import DecodeError, InputError
from schemas.event import Struct
from schemas.routing import Hit, Reason
from schemas.subscription import Subscription
from streams.compression import unpack
from streams.delivery.reports import told as told_of_deliveries
from streams.log import EventLog
from streams.log.partitioner import key_hash
from streams.routing.stored import Asked, notifications, records, suppressed
from streams.settings import Settings
from streams.topics import ALERT_TOPICS

S = TypeVar("S", bound=msgspec.Struct)


class Answer(Struct, frozen=True, kw_only=True):
    """Where the way of one message to one subscription ended.

    reason        None while it is on its way: `detail` says where it waits
    detail        condition, silence, inhibition rule, message or word that decided
    notification  in which it was sent
    attempts      the last one of each delivery that carried it to this subscription
    """

    subscription: str
    owner: str
    name: str
    alert_id: str
    message_id: str
    version: int
    headline: str
    reason: Reason | None
    detail: str
    notification: str | None = None
    attempts: tuple[Attempt, ...] = ()
    hits: tuple[Hit, ...] = ()
    rules: tuple[Match, ...] = ()
    before: str | None = None
    after: str | None = None


async def messages_of(event_log: EventLog, wanted: str) -> list[Alert]:
    """All messages of the alert of this id, or of which a message has this id; a beginning is enough where it is one.

    Raises InputError.
    """
    found: dict[str, dict[str, Alert]] = {}
    for topic in ALERT_TOPICS:
        async for record in records(event_log, topic):
            try:
                alert = alert_from_record(record.value, record.headers)
            except DecodeError:
                continue  # a foreign writer's
            found.setdefault(alert.data.alert_id, {})[alert.id] = alert
    named = [
        id
        for id, messages in found.items()
        if wanted and (id.startswith(wanted) or any(one.startswith(wanted) for one in messages))
    ]
    if len(named) != 1:
        raise InputError(f'alert: expected the id of one alert or message, found "{wanted}", which names {len(named)}')
    return sorted(found[named[0]].values(), key=lambda one: one.data.version)


async def answers(
    event_log: EventLog, settings: Settings, asked: Asked, wanted: str, to: Iterable[Subscription]
) -> list[Answer]:
    """For each subscription and each message of the alert, in that order. Raises InputError."""
    messages = await messages_of(event_log, wanted)
    ids = {one.id for one in messages}
    ends: dict[tuple[str, str], tuple[Reason, str, str | None, tuple[Hit, ...]]] = {}
    async for one in suppressed(event_log):
        if one.message_id in ids:
            ends[one.subscription, one.message_id] = (one.reason, one.detail, None, one.explain.hits)
    async for _, told in notifications(event_log):
        for item in told.items:
            if item.message_id in ids:
                ends[told.subscription, item.message_id] = (item.reason, item.explain.route, told.id, item.explain.hits)
    carried: dict[tuple[str, str], list[Attempt]] = {}
    for delivery in (await told_of_deliveries(event_log, settings)).stories.values():
        if (attempt := delivery.last) is not None:
            carried.setdefault((attempt.subscription, attempt.message_id), []).append(attempt)
    book = asked.book()
    waits = _Waiting(event_log, settings)
    found = []
    for subscription in to:
        for alert in messages:
            end = ends.get((subscription.id, alert.id))
            if end is not None:
                reason: Reason | None = end[0]
                detail, notification, hits = end[1:]
            else:
                verdict = book.why(subscription.id, alert, datetime.now(UTC))
                notification, hits = None, verdict.hits
                where = await waits.where(subscription, alert)
                if where is not None:
                    reason, detail = None, where
                elif verdict.is_match:
                    reason, detail = Reason.NO_MATCH, "it fits now; when it was routed it did not, or was not there"
                else:
                    reason, detail = verdict.reason, verdict.condition or ""
            brief = brief_of(alert)
            found.append(
                Answer(
                    subscription=subscription.id,
                    owner=subscription.owner,
                    name=subscription.name,
                    alert_id=alert.data.alert_id,
                    message_id=alert.id,
                    version=brief.version,
                    headline=brief.headline,
                    reason=reason,
                    detail=detail,
                    notification=notification,
                    attempts=tuple(
                        attempt
                        for message in (alert.id, notification)  # a digest carries the id of its notification
                        if message is not None
                        for attempt in carried.get((subscription.id, message), ())
                    ),
                    hits=hits,
                    rules=brief.rules,
                    before=brief.before,
                    after=brief.after,
                )
            )
    return found


class _Waiting:
    """What the tables say about messages on their way, read from their changelogs."""

    def __init__(self, event_log: EventLog, settings: Settings) -> None:
        self._log = event_log
        self._settings = settings
        self._tables: dict[tuple[str, int], dict[bytes, bytes]] = {}

    async def where(self, subscription: Subscription, alert: Alert) -> str | None:
        """Where a message waits for a subscription; None if nowhere."""
        story = alert.story
        table = await self._table("routing", story)
        record = _value(table, record_key(story, alert.data.alert_id), AlertRecord)
        if record is None or all(brief.message_id != alert.id for brief in record.briefs):
            fits = match(subscription.filter, alert).is_match
            return "it is not routed yet; see `tocsin doctor` for the lag" if fits else None
        place = record.pending.get(subscription.id)
        if place is not None:
            group = _value(table, group_key(story, place), Group)
            waiting = [] if group is None else [one.version for one in group.pending if one.alert_id == record.alert_id]
            if group is not None and alert.data.version in waiting:
                values = ", ".join(f"{name}={value}" for name, value in sorted(group.values.items()))
                return f"it waits in group {values} until {group.due:%Y-%m-%d %H:%M:%S} UTC"
        for debt in record.corrections:
            if debt.version == alert.data.version and subscription.id in debt.open:
                return "it is owed as a correction"
        pace = _value(await self._table("pacing", subscription.id), pacing_key(subscription.id), PacingState)
        for held in pace.held if pace is not None else ():
            if held.item.message_id == alert.id and pace is not None and pace.due is not None:
                why = "quiet hours" if held.is_quiet else "budget"
                return f"it waits for the digest ({why}) until {pace.due:%Y-%m-%d %H:%M:%S} UTC"
        return None

    async def _table(self, name: str, key: str) -> dict[bytes, bytes]:
        topic = f"{self._settings.app_id}-{name}-changelog"
        specs = await self._log.topics()
        if topic not in specs:
            return {}
        partition = key_hash(key.encode()) % specs[topic].partitions
        if (topic, partition) not in self._tables:
            table: dict[bytes, bytes] = {}
            async for record in self._log.read(topic, partition, 0):
                if record.key is not None and record.value is not None:
                    table[record.key] = record.value
                elif record.key is not None:
                    table.pop(record.key, None)
            self._tables[topic, partition] = table
        return self._tables[topic, partition]


def _value(table: dict[bytes, bytes], key: str, kind: type[S]) -> S | None:
    raw = unpack(table.get(key.encode()) or b"")
    return decode_state(kind, raw) if raw else None
