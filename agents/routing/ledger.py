"""One story's state as a working copy: read once, changed in place, written once."""

import msgspec

from agents.routing.state import AlertRecord, Group, Held, StoryHead
from agents.step import State
from schemas import identity

MAX_ALERTS = 2000
"""Alerts of one story whose recipients are remembered; the oldest without a waiting message is forgotten first."""
MAX_BRIEFS = 32
"""Messages of one alert that are remembered."""

replace = msgspec.structs.replace


def head_key(story: str) -> str:
    """Where a story's head is kept."""
    return f"{story}/routing"


def record_key(story: str, alert: str) -> str:
    """Where an alert's ledger is kept."""
    return f"{story}/routing/alert/{alert}"


def group_key(story: str, group: str) -> str:
    """Where a group is kept."""
    return f"{story}/routing/group/{group}"


class Ledger:
    """The head, and the records and groups that were asked for. Its own copies: no value of the state is changed.

    held  by alert and subscription; a newer correction replaces an older
    """

    def __init__(self, state: State, story: str) -> None:
        self._state = state
        self._story = story
        self._head = head = state.get(head_key(story), StoryHead) or StoryHead()
        self.alerts = dict.fromkeys(head.alerts)
        self.due = dict(head.groups)
        self.mutes = list(head.mutes)
        self.held: dict[tuple[str, str], Held] = {(one.alert_id, one.subscription): one for one in head.held}
        self.waiting = list(head.waiting)
        self.owing = dict.fromkeys(head.owing)
        self._records: dict[str, AlertRecord | None] = {}
        self._changed: set[str] = set()
        self._groups: dict[str, Group | None] = {}
        self._audience: dict[str, frozenset[str]] = {}

    def close(self) -> None:
        """Write what changed."""
        self._forget()
        for key, group in self._groups.items():
            self._state.put(group_key(self._story, key), group)
        for alert in sorted(self._changed):
            self._state.put(record_key(self._story, alert), self._records[alert])
        head = StoryHead(
            alerts=tuple(self.alerts),
            groups=self.due,
            mutes=tuple(self.mutes),
            held=tuple(self.held.values()),
            waiting=tuple(self.waiting),
            owing=tuple(self.owing),
        )
        if head != self._head:
            self._state.put(head_key(self._story), head)

    def _forget(self) -> None:
        for alert in list(self.alerts) if len(self.alerts) > MAX_ALERTS else ():
            record = self.record(alert)
            if record is not None and record.pending:
                continue
            if len(self.alerts) <= MAX_ALERTS:
                break
            self._records[alert] = None
            self._changed.add(alert)
            del self.alerts[alert]
            self.owing.pop(alert, None)
            self.held = {key: one for key, one in self.held.items() if key[0] != alert}
            self.waiting = [one for one in self.waiting if one.alert_id != alert]

    def record(self, alert: str) -> AlertRecord | None:
        """What is known of an alert."""
        if alert not in self._records:
            kept = self._state.get(record_key(self._story, alert), AlertRecord)
            if kept is not None:
                corrections = tuple(replace(one, open=set(one.open)) for one in kept.corrections)
                kept = replace(kept, told=dict(kept.told), pending=dict(kept.pending), corrections=corrections)
            self._records[alert] = kept
        return self._records[alert]

    def known(self, alert: str) -> AlertRecord:
        """What is known of an alert that is known."""
        record = self.record(alert)
        assert record is not None, alert
        return record

    def put(self, record: AlertRecord) -> None:
        """Replace what is known of an alert."""
        self.alerts.setdefault(record.alert_id)
        if len(record.briefs) > MAX_BRIEFS:
            record = replace(record, briefs=(record.briefs[0], *record.briefs[2:]))
        self._records[record.alert_id] = record
        self._changed.add(record.alert_id)
        self._audience.pop(record.alert_id, None)

    def audience(self, alert: str) -> frozenset[str]:
        """Subscriptions that the alert was meant for; empty if it is not known."""
        if alert not in self._audience:
            record = self.record(alert)
            self._audience[alert] = frozenset(record.audience if record is not None else ())
        return self._audience[alert]

    def tell(self, alert: str, subscription: str, version: int) -> None:
        """A version was handed on to a subscription."""
        told = self.known(alert).told
        told[subscription] = (*told.get(subscription, ()), version)
        self._changed.add(alert)

    def untell(self, alert: str, subscription: str) -> None:
        """The alert is over for this subscription: should it fit again, it is new."""
        self.known(alert).told.pop(subscription, None)
        self._changed.add(alert)

    def told_ids(self, alert: str, subscription: str) -> tuple[str, ...]:
        """Messages of the alert that a subscription was told, oldest first."""
        return tuple(identity.message_id(alert, n) for n in self.known(alert).told.get(subscription, ()))

    def pend(self, alert: str, subscription: str, group: str | None) -> None:
        """A message of the alert waits for a subscription in this group; None if it waits no more."""
        pending = self.known(alert).pending
        if group is None:
            pending.pop(subscription, None)
        else:
            pending[subscription] = group
        self._changed.add(alert)

    def group(self, key: str) -> Group | None:
        """The group of this key."""
        if key in self._groups:
            return self._groups[key]
        return self._state.get(group_key(self._story, key), Group)

    def put_group(self, key: str, group: Group | None) -> None:
        """Replace a group; None ends it."""
        self._groups[key] = group
        if group is None:
            self.due.pop(key, None)
        else:
            self.due[key] = group.due
