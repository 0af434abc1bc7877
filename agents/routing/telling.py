"""The words of routing: what an item says, what a notification is called, what was suppressed."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from agents.routing.state import AlertRecord, Brief
from schemas import identity
from schemas.alert import Alert, AlertData, MessageType, Status
from schemas.routing import Explain, Hit, Item, Notification, NotificationKind, Reason, Suppressed
from schemas.subscription import MessageState, Subscription

_ROUTINE = frozenset(("status",))
"""Reasons that make a step of an update, not a correction: a second source came, the office confirmed."""

_MARKS = {Status.TEST: "[TEST] ", Status.DRILL: "[DRILL] ", Status.REPLAY: "[REPLAY] "}


def message_state(data: AlertData) -> MessageState:
    """Whether this is news, a step, or the correction of something told."""
    match data.msgtype:
        case MessageType.ALERT:
            return MessageState.ALERT
        case MessageType.CANCEL:
            return MessageState.CORRECTION
    material = frozenset(data.change.material) if data.change is not None else frozenset()
    return MessageState.CORRECTION if material - _ROUTINE or data.is_reinstated else MessageState.UPDATE


def brief_of(alert: Alert) -> Brief:
    """What is kept of a message."""
    data = alert.data
    before, after = _states(data)
    return Brief(
        message_id=alert.id,
        version=data.version,
        msgtype=data.msgtype,
        type=alert.type,
        severity=alert.severitynumber,
        headline=data.headline,
        time=alert.time,
        rules=data.matched,
        before=before,
        after=after,
    )


def _states(data: AlertData) -> tuple[str | None, str | None]:
    """The state before and after, in words."""
    if data.change is not None:
        return data.change.was, data.change.now
    if data.escalation is not None:
        facts = data.escalation
        return f"{facts.channel}: level {facts.from_level}", f"{facts.channel}: level {facts.to_level}"
    if data.official is not None and data.official.change is not None:
        change = data.official.change
        return (change.outgoing.name if change.outgoing else None), (change.incoming.name if change.incoming else None)
    return None, (data.statement.novelty.value if data.statement is not None else None)


def item(
    record: AlertRecord,
    brief: Brief,
    story: str,
    *,
    msgtype: MessageType,
    reason: Reason,
    route: str,
    hits: tuple[Hit, ...] = (),
    headline: str | None = None,
) -> Item:
    """One message as one subscription gets it."""
    return Item(
        message_id=brief.message_id,
        alert_id=record.alert_id,
        version=brief.version,
        msgtype=msgtype,
        type=brief.type,
        severity=brief.severity,
        headline=_MARKS.get(record.status, "") + (headline or brief.headline),
        story=story,
        time=brief.time,
        reason=reason,
        explain=Explain(hits=hits, rules=brief.rules, before=brief.before, after=brief.after, route=route),
    )


def suppressed(
    record: AlertRecord,
    brief: Brief,
    story: str,
    subscription: str,
    *,
    reason: Reason,
    detail: str,
    at: datetime,
    hits: tuple[Hit, ...] = (),
) -> Suppressed:
    """One message that one subscription does not get."""
    return Suppressed(
        subscription=subscription,
        story=story,
        alert_id=record.alert_id,
        message_id=brief.message_id,
        reason=reason,
        detail=detail,
        at=at,
        explain=Explain(hits=hits, rules=brief.rules, before=brief.before, after=brief.after, route=detail),
    )


def notification(
    subscription: Subscription,
    kind: NotificationKind,
    items: Sequence[Item],
    *,
    at: datetime,
    group: dict[str, str],
    status: Status = Status.ACTUAL,
    references: tuple[str, ...] = (),
    replaces: str | None = None,
    withdrawn: int = 0,
) -> Notification:
    """What a subscription is told at once; the first item leads."""
    lead = items[0]
    stories = {one.story for one in items}
    story = lead.story if len(stories) == 1 else None
    headline = lead.headline
    if kind is NotificationKind.DIGEST:
        many = f"{len(items)} alerts" if len(items) > 1 else "1 alert"
        headline = f"{many} held back" + (f", {withdrawn} withdrawn before" if withdrawn else "")
    elif len(items) > 1 and kind is NotificationKind.MESSAGE:
        headline = f"{headline} (+{len(items) - 1} more)"
    root = f"{subscription.channel}/{subscription.target}"
    return Notification(
        id=identity.notification_id(subscription.id, kind.value, *(one.message_id for one in items)),
        kind=kind,
        subscription=subscription.id,
        owner=subscription.owner,
        channel=subscription.channel,
        target=subscription.target,
        story=story,
        group=group,
        thread=root if kind is NotificationKind.DIGEST else f"{root}/{lead.story}",
        msgtype=lead.msgtype,
        severity=max(one.severity for one in items),
        headline=headline,
        items=tuple(items),
        at=at,
        status=status,
        references=references,
        replaces=replaces,
        correction=subscription.correction,
        withdrawn=withdrawn,
        max_age_s=subscription.max_age_s,
    )


def joined(items: Sequence[Item]) -> tuple[Item, ...]:
    """The most severe item leads; the others are grouped into its message."""
    lead = max(range(len(items)), key=lambda n: (items[n].severity, -n))
    rest = [
        msgspec.structs.replace(one, reason=Reason.GROUPED_INTO, explain=_into(one.explain, items[lead].message_id))
        for n, one in enumerate(items)
        if n != lead
    ]
    return (items[lead], *rest)


def _into(explain: Explain, message: str) -> Explain:
    return msgspec.structs.replace(explain, route=f"{explain.route} with {message}")
