"""Corrections: to whom they go, what stops them, and who is still owed one."""

import msgspec

from agents.routing import telling
from agents.routing.ledger import MAX_BRIEFS
from agents.routing.state import Brief, Correction, Held
from agents.routing.turn import Turn
from schemas.alert import MessageType
from schemas.routing import Item, NotificationKind, Reason
from schemas.subscription import MessageState, Subscription

replace = msgspec.structs.replace


def correct(  # noqa: PLR0917  the parts of one correction
    turn: Turn,
    alert: str,
    version: int,
    id: str,
    msgtype: MessageType,
    successor: str | None = None,
    fresh: int | None = None,
) -> None:
    """Tell who was told, or hold it back if a silence names corrections; it is owed until it arrives.

    successor  alert that has the words now
    fresh      version of the successor that the subscription learns of by this correction only
    """
    _supersede(turn, alert, version, id)
    _owe(turn, alert, version, id)
    waits = turn.drop_pending(successor, id) if successor is not None else None
    if waits is not None:
        fresh = waits[0].version
    resume(
        turn,
        Held(
            alert_id=alert,
            version=version,
            subscription=id,
            msgtype=msgtype,
            until=turn.at,
            successor=successor,
            fresh=fresh,
        ),
    )


def renew(turn: Turn, alert: str, brief: Brief) -> frozenset[str]:
    """Held corrections that tell of this alert tell its latest message; the subscriptions they are for."""
    renewed = set()
    for key, held in turn.ledger.held.items():
        if held.successor == alert and held.fresh is not None:
            turn.suppress(alert, held.fresh, held.subscription, Reason.GROUPED_INTO, brief.message_id)
            turn.ledger.held[key] = replace(held, fresh=brief.version)
            renewed.add(held.subscription)
    return frozenset(renewed)


def resume(turn: Turn, held: Held) -> None:
    """Send a correction that is owed, unless a silence stops it or nobody is there any more."""
    subscription = turn.book.subscriptions.get(held.subscription)
    if subscription is None:
        settle(turn, held.alert_id, held.version, held.subscription, is_reached=False)
        gone = "subscription removed"
        turn.suppress(held.alert_id, held.version, held.subscription, Reason.ENDPOINT_DISABLED, gone)
        if held.fresh is not None and held.successor is not None:
            turn.suppress(held.successor, held.fresh, held.subscription, Reason.NO_MATCH, gone)
        return
    labels = turn.ledger.known(held.alert_id).labels
    silence = turn.book.silencing(subscription, labels, MessageState.CORRECTION, turn.at)
    if silence is None:
        _send(turn, subscription, held)
    else:
        turn.ledger.held[held.alert_id, held.subscription] = replace(held, until=silence.ends_at)


def _send(turn: Turn, subscription: Subscription, held: Held) -> None:
    record = turn.ledger.known(held.alert_id)
    brief, msgtype, headline = record.brief(held.version), held.msgtype, None
    new = turn.ledger.record(held.successor) if held.successor is not None else None
    if new is not None and new.is_cancelled:
        if held.fresh is not None:
            into = new.briefs[-1].message_id
            turn.suppress(new.alert_id, held.fresh, subscription.id, Reason.WITHDRAWN_BEFORE_SEND, into)
        new, msgtype = None, MessageType.CANCEL
    others: list[Item] = []
    if new is not None:
        last = new.briefs[-1]
        headline = f"Corrected attribution: {last.headline}"
        if held.fresh is not None:
            last = new.brief(held.fresh)
            route = f"correction with {brief.message_id}"
            others.append(
                telling.item(new, last, turn.story, msgtype=MessageType.ALERT, reason=Reason.GROUPED_INTO, route=route)
            )
            turn.ledger.tell(new.alert_id, subscription.id, last.version)
    elif msgtype is MessageType.CANCEL and brief.msgtype is not MessageType.CANCEL:
        earlier = record.brief((record.told.get(subscription.id) or (1,))[-1])
        headline = f"Withdrawn: {earlier.headline}"
    lead = telling.item(
        record,
        brief,
        turn.story,
        msgtype=msgtype,
        reason=Reason.SENT,
        route="recipients ledger",
        headline=headline,
    )
    turn.out.append(
        telling.notification(
            subscription,
            NotificationKind.CORRECTION,
            (lead, *others),
            at=turn.at,
            group={"story": turn.story},
            status=record.status,
            references=turn.ledger.told_ids(record.alert_id, subscription.id),
            replaces=record.alert_id if new is not None else None,
        )
    )
    turn.ledger.tell(record.alert_id, subscription.id, held.version)
    if msgtype is MessageType.CANCEL and brief.msgtype is not MessageType.CANCEL:
        turn.ledger.untell(record.alert_id, subscription.id)  # it stands, only not for this reader


def _supersede(turn: Turn, alert: str, version: int, id: str) -> None:
    """A newer correction takes the place of what a silence holds, and of older debts."""
    held = turn.ledger.held.pop((alert, id), None)
    if held is not None:
        turn.suppress(alert, held.version, id, Reason.GROUPED_INTO, turn.ledger.known(alert).brief(version).message_id)
        new = turn.ledger.record(held.successor) if held.successor is not None else None
        subscription = turn.book.subscriptions.get(id)
        if new is not None and new.is_cancelled and held.fresh is not None:
            into = new.briefs[-1].message_id
            turn.suppress(new.alert_id, held.fresh, id, Reason.WITHDRAWN_BEFORE_SEND, into)
        elif new is not None and subscription is not None and held.fresh is not None:
            turn.enqueue(subscription, new, new.brief(held.fresh), ())
    for one in turn.ledger.known(alert).corrections:
        one.open.discard(id)


def _owe(turn: Turn, alert: str, version: int, id: str) -> None:
    record = turn.ledger.known(alert)
    mine = next((one for one in record.corrections if one.version == version), None)
    if mine is None:
        mine = Correction(message_id=record.brief(version).message_id, version=version, since=turn.at)
    mine.open.add(id)
    mine = replace(mine, alerted=mine.alerted + 1)
    others = tuple(one for one in record.corrections if one.version != version)
    turn.ledger.put(replace(record, corrections=(*others, mine)[-MAX_BRIEFS:]))
    turn.ledger.owing.setdefault(alert)


def settle(turn: Turn, alert: str, version: int, id: str, *, is_reached: bool) -> None:
    """A correction arrived, or nobody is there to be told; a newer one settles the older."""
    record = turn.ledger.record(alert)
    if record is None:
        return
    corrections = []
    for one in record.corrections:
        reached = one.reached
        if one.version <= version and id in one.open:
            one.open.discard(id)
            reached += is_reached and one.version == version
        corrections.append(replace(one, reached=reached))
    turn.ledger.put(replace(record, corrections=tuple(corrections)))
    if not any(one.open for one in corrections):
        turn.ledger.owing.pop(alert, None)
