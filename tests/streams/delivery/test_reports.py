"""What is delivered again, as the log tells it."""

from datetime import timedelta
from pathlib import Path

import pytest

from agents.delivery.dispatch import split
from schemas import identity
from schemas.alert import AlertType, MessageType
from schemas.delivery import Attempt, Delivery, Outcome
from schemas.event import Severity
from schemas.routing import Item, Notification, NotificationKind, Reason
from streams.delivery import reports
from streams.delivery.records import Router
from streams.log import Draft, EventLog
from streams.record_size import OutRecord
from streams.routing.records import to_readers
from streams.routing.stored import opened
from streams.settings import load
from tests.builders import NOON


def notification(version: int, msgtype: MessageType) -> Notification:
    """What one subscription is told of version `version` of one alert."""
    item = Item(
        message_id=identity.message_id("al_1", version),
        alert_id="al_1",
        version=version,
        msgtype=msgtype,
        type=AlertType.STATEMENT_NEW,
        severity=Severity.WATCH,
        headline="the bridge is closed",
        story="story-1",
        time=NOON,
        reason=Reason.SENT,
    )
    kind = NotificationKind.MESSAGE if version == 1 else NotificationKind.CORRECTION
    return Notification(
        id=identity.notification_id("sub_a", kind.value, item.message_id),
        kind=kind,
        subscription="sub_a",
        owner="desk",
        channel="webhook",
        target="hook",
        story="story-1",
        group={},
        thread="webhook/hook/story-1",
        msgtype=msgtype,
        severity=item.severity,
        headline=item.headline,
        items=(item,),
        at=NOON + timedelta(seconds=version),
    )


def attempt(one: Delivery, outcome: Outcome) -> Attempt:
    """How it ended."""
    return Attempt(
        delivery=one.id,
        message_id=one.message_id,
        alert_id=one.lead.alert_id,
        endpoint=one.endpoint,
        channel=one.channel,
        subscription=one.subscription,
        owner=one.owner,
        story=one.story,
        headline=one.lead.headline,
        round=1,
        number=1,
        outcome=outcome,
        at=one.at,
    )


async def write(event_log: EventLog, *records: OutRecord) -> None:
    """As the worker writes it."""
    await event_log.append_many([Draft(one.topic, one.key, one.value, one.headers) for one in records])


async def test_an_alert_is_not_delivered_again_behind_its_withdrawal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its receiver would take it for new; whoever wants everything gets both, in order."""
    monkeypatch.chdir(tmp_path)
    settings = load({})
    alert, cancel = notification(1, MessageType.ALERT), notification(2, MessageType.CANCEL)
    (dead,), (delivered,) = split(alert), split(cancel)
    route = Router("log", 8)
    async with opened(settings, writes=True) as event_log:
        await write(event_log, to_readers(alert), route(attempt(dead, Outcome.DEAD)))
    async with opened(settings) as event_log:
        alone = await reports.plan(event_log, settings, since=NOON)
    async with opened(settings, writes=True) as event_log:
        await write(event_log, to_readers(cancel), route(attempt(delivered, Outcome.DELIVERED)))
    async with opened(settings) as event_log:
        overtaken = await reports.plan(event_log, settings, since=NOON, until=NOON + timedelta(seconds=2))
        everything = await reports.plan(event_log, settings, since=NOON, everything=True)

    assert [(one.id, one.round) for one in alone.deliveries] == [(dead.id, 2)]
    assert overtaken.deliveries == []
    assert [one.id for one in everything.deliveries] == [dead.id, delivered.id]
