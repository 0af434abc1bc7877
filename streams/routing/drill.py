"""The fire drill: an alert that says it is one, appended like any other, and seen again where readers are told."""

import asyncio
import time
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

import msgspec

from schemas import identity
from schemas.alert import (
    Alert,
    AlertData,
    AlertType,
    MessageType,
    Novelty,
    StatementFacts,
    Status,
    Story,
    alert,
)
from schemas.codec import alert_to_record
from schemas.detection import Speaker, SpeakerType, StatementKind
from schemas.errors import InputError
from schemas.event import Severity
from streams.log import Draft, TopicPartition
from streams.routing import stored
from streams.settings import Settings
from streams.topics import ALERTS_STATEMENTS, NOTIFICATIONS

STORIES = 64
"""Drills take turns in so many stories of their own: one does not wait for the group of the last, and none adds up."""


class Seen(msgspec.Struct, kw_only=True):
    """How long it took until one subscription was told; None if it was not."""

    name: str
    to: str
    message_id: str
    latency_s: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return found


def drill_alert(*, text: str, speaker: str, severity: Severity, now: datetime) -> Alert:
    """A statement that is like any other but for its status; every drill is another alert."""
    story = f"drill-{int(now.timestamp()) % STORIES}"
    statement = identity.statement_id(story, speaker, f"{text} {now.isoformat()}")
    subject = f"story/{story}/statement/{statement}"
    alert_id = identity.alert_id("statement", subject, 1, 0)
    facts = StatementFacts(
        id=statement,
        kind=StatementKind.DIRECT,
        novelty=Novelty.NEW,
        text=text,
        speaker=Speaker(type=SpeakerType.PERSON, name=speaker, surface=speaker),
        attribution="explicit",
    )
    data = AlertData(
        alert_id=alert_id,
        msgtype=MessageType.ALERT,
        version=1,
        headline=f"{speaker}: “{text}”",
        story=Story(id=story, title="Fire drill"),
        evidence=(),
        why="a fire drill, asked for by hand",
        status=Status.DRILL,
        statement=facts,
    )
    return alert(
        AlertType.STATEMENT_NEW,
        data=data,
        message_id=identity.message_id(alert_id, 1),
        stage="drill",
        subject=subject,
        time=now,
        recordedtime=now,
        sequence=int(now.timestamp()),
        severity=severity,
    )


async def run(settings: Settings, *, text: str, speaker: str, severity: str, patience_s: float) -> list[Seen]:
    """Append the drill and wait for its notifications: one result for each subscription that wants it."""
    if severity.upper() not in Severity.__members__:
        known = ", ".join(Severity.__members__).lower()
        raise InputError(f'--severity: expected one of {known}, found "{severity}"')
    now = datetime.now(UTC)
    one = drill_alert(text=text, speaker=speaker, severity=Severity[severity.upper()], now=now)
    async with stored.opened(settings, writes=True) as event_log:
        asked = await stored.asked(event_log)
        book = asked.book()
        waiting = {
            id: Seen(name=f"{to.owner}/{to.name}", to=f"{to.channel} {to.target}", message_id=one.id)
            for id, to in sorted(asked.subscriptions.items(), key=lambda pair: (pair[1].owner, pair[1].name))
            if book.why(id, one, now).is_match
        }
        results = list(waiting.values())
        if not waiting:
            return results
        topics = await event_log.topics()
        ends = await event_log.ends(NOTIFICATIONS.name) if NOTIFICATIONS.name in topics else {}
        start = {TopicPartition(NOTIFICATIONS.name, number): end for number, end in ends.items()}
        began = time.monotonic()
        await event_log.append_many([Draft(ALERTS_STATEMENTS.name, *alert_to_record(one))])
        try:
            async with asyncio.timeout(patience_s), aclosing(stored.notifications_followed(event_log, start)) as news:  # type: ignore[type-var]
                async for _, told in news:
                    if told.subscription in waiting and any(item.message_id == one.id for item in told.items):
                        waiting.pop(told.subscription).latency_s = time.monotonic() - began
                    if not waiting:
                        break
        except TimeoutError:
            pass  # who is still waited for shows in the results
        return results
