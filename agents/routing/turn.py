"""One story while one record is worked on: its groups and what mutes them."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import msgspec

from agents.routing import telling
from agents.routing.book import Book
from agents.routing.ledger import Ledger
from agents.routing.matchers import all_hold
from agents.routing.state import AlertRecord, Brief, Group, Mute, Pending
from agents.step import State
from schemas import identity
from schemas.alert import MessageType
from schemas.event import Severity
from schemas.routing import Hit, Item, Notification, NotificationKind, Reason, Suppressed
from schemas.subscription import MessageState, Subscription

replace = msgspec.structs.replace


class Turn:
    """What a story is being told, and the working copy of its state until `close`."""

    def __init__(self, state: State, story: str, at: datetime, book: Book) -> None:
        self.story = story
        self.at = at
        self.book = book
        self.ledger = Ledger(state, story)
        self.out: list[Notification | Suppressed] = []

    def close(self) -> list[Notification | Suppressed]:
        """Write what changed; the output, in order."""
        self.ledger.close()
        return self.out

    def suppress(  # noqa: PLR0917  the parts of one decision
        self, alert: str, version: int, subscription: str, reason: Reason, detail: str, hits: tuple[Hit, ...] = ()
    ) -> None:
        """Close the way of a message to a subscription with a reason."""
        record = self.ledger.known(alert)
        self.out.append(
            telling.suppressed(
                record,
                record.brief(version),
                self.story,
                subscription,
                reason=reason,
                detail=detail,
                at=self.at,
                hits=hits,
            )
        )

    # --- groups

    def enqueue(
        self, subscription: Subscription, record: AlertRecord, brief: Brief, hits: tuple[Hit, ...]
    ) -> str | None:
        """Put a message into its group; the group's key if it must go out now.

        A message of the same alert that waits already is replaced: the reader gets the latest only.
        """
        values = {name: " ".join(record.labels.get(name, ())[:1]) for name in subscription.group_by}
        key = identity.digest(
            subscription.id, record.status.value, *(part for pair in sorted(values.items()) for part in pair)
        )
        due = self.at + timedelta(seconds=subscription.group_wait_s)
        earlier = self.drop_pending(record.alert_id, subscription.id)
        if earlier is not None:
            pending, since = earlier
            due = since
            into = brief.message_id
            self.suppress(record.alert_id, pending.version, subscription.id, Reason.GROUPED_INTO, into, pending.hits)
        group = self.ledger.group(key)
        if group is None or (group.is_cooling and group.due <= self.at):
            group = Group(subscription=subscription.id, values=values, status=record.status, due=due)
        elif not group.is_cooling:
            group = replace(group, due=min(group.due, due))
        msgtype = MessageType.UPDATE if subscription.id in record.told else MessageType.ALERT
        waits = Pending(alert_id=record.alert_id, version=brief.version, msgtype=msgtype, hits=hits)
        group = replace(group, pending=(*group.pending, waits), is_cooling=False)
        self.ledger.put_group(key, group)
        self.ledger.pend(record.alert_id, subscription.id, key)
        return key if brief.severity >= Severity.BULLETIN or group.due <= self.at else None

    def drop_pending(self, alert: str, subscription: str) -> tuple[Pending, datetime] | None:
        """Take a waiting message of an alert out of its group, with the time at which it would have gone."""
        record = self.ledger.known(alert)
        key = record.pending.get(subscription)
        if key is None:
            return None
        self.ledger.pend(alert, subscription, None)
        group = self.ledger.group(key)
        assert group is not None, key
        dropped = next(one for one in group.pending if one.alert_id == alert)
        rest = tuple(one for one in group.pending if one is not dropped)
        self.ledger.put_group(key, replace(group, pending=rest) if rest else None)
        return dropped, group.due

    def flush(self, key: str) -> None:
        """Send what waits in a group, except what is silenced, inhibited or no longer wanted."""
        group = self.ledger.group(key)
        if group is None:
            return
        subscription = self.book.subscriptions.get(group.subscription)
        items: list[Item] = []
        sent: list[Pending] = []
        for waits in group.pending:
            record = self.ledger.known(waits.alert_id)
            self.ledger.pend(waits.alert_id, group.subscription, None)
            stop = self._stop(group.subscription, subscription, waits)
            if stop is not None:
                self.suppress(waits.alert_id, waits.version, group.subscription, *stop, waits.hits)
                continue
            sent.append(waits)
            route = ", ".join(f"{name}={value}" for name, value in sorted(group.values.items()))
            items.append(
                telling.item(
                    record,
                    record.brief(waits.version),
                    self.story,
                    msgtype=waits.msgtype,
                    reason=Reason.SENT,
                    route=f"group {route}",
                    hits=waits.hits,
                )
            )
        if not items or subscription is None:
            self.ledger.put_group(key, None)
            return
        ordered = telling.joined(items)
        self.out.append(
            telling.notification(
                subscription,
                NotificationKind.MESSAGE,
                ordered,
                at=self.at,
                group=group.values,
                status=group.status,
                references=self.ledger.told_ids(ordered[0].alert_id, subscription.id),
            )
        )
        for waits in sent:
            self.ledger.tell(waits.alert_id, subscription.id, waits.version)
        rests_until = self.at + timedelta(seconds=subscription.group_interval_s)
        self.ledger.put_group(key, replace(group, pending=(), due=rests_until, is_cooling=True))

    def _stop(self, id: str, subscription: Subscription | None, waits: Pending) -> tuple[Reason, str] | None:
        absence = self.book.absence(id, self.at)
        if absence is not None or subscription is None:
            return Reason.NO_MATCH, f"subscription {absence}"
        record = self.ledger.known(waits.alert_id)
        state = MessageState.ALERT if waits.msgtype is MessageType.ALERT else MessageState.UPDATE
        silence = self.book.silencing(subscription, record.labels, state, self.at)
        if silence is not None:
            return Reason.SILENCED, silence.id
        rule = self.muted_by(record, id)
        return (Reason.INHIBITED, rule) if rule is not None else None

    # --- inhibition

    def mute(self, record: AlertRecord) -> None:
        """Let the alert mute others, where it is the source of a rule."""
        mutes = [one for one in self.ledger.mutes if one.until > self.at]
        for rule in self.book.rules.values():
            if all_hold(rule.source, record.labels):
                equal = {name: record.labels.get(name, ()) for name in rule.equal}
                until = self.at + timedelta(seconds=rule.for_s)
                mutes.append(
                    Mute(rule=rule.id, alert_id=record.alert_id, status=record.status, equal=equal, until=until)
                )
        self.ledger.mutes = mutes

    def unmute(self, alert: str) -> None:
        """What was withdrawn mutes nothing."""
        self.ledger.mutes = [one for one in self.ledger.mutes if one.alert_id != alert]

    def muted_by(self, record: AlertRecord, subscription: str) -> str | None:
        """The rule by which an alert that this subscription wants too mutes this one."""
        for mute in self.ledger.mutes:
            rule = self.book.rules.get(mute.rule)
            if (
                rule is not None
                and mute.until > self.at
                and mute.alert_id != record.alert_id
                and mute.status is record.status
                and subscription in self.ledger.audience(mute.alert_id)
                and _share(mute.equal, record.labels)
                and all_hold(rule.target, record.labels)
            ):
                return rule.id
        return None


def _share(equal: Mapping[str, Iterable[str]], labels: Mapping[str, tuple[str, ...]]) -> bool:
    """Whether each of the labels has a value in common; a label that both lack is common."""
    for name, values in equal.items():
        mine = labels.get(name, ())
        if not (set(mine) & set(values)) and (mine or tuple(values)):
            return False
    return True
