"""Both routing steps wired as the streams wire them, on states in memory, with a clock that only ticks."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

from agents.routing.book import Book
from agents.routing.pacing import Pacing
from agents.routing.story import StoryRouting
from agents.step import MemoryState
from schemas.alert import Alert
from schemas.codec import decode_state, encode_state
from schemas.routing import Item, Notification, Reason, Receipt, Suppressed
from schemas.subscription import DEFAULT_INHIBITIONS, InhibitionRule, Silence, Subscription
from tests.builders import NOON


class Desk:
    """Takes alerts, moves time, keeps what came out.

    sent      notifications as delivery gets them
    withheld  everything suppressed
    is_cut    every state is encoded and decoded between any two records, as over a restart
    """

    def __init__(
        self,
        *values: Subscription | Silence | InhibitionRule,
        is_cut: bool = False,
        rules: Iterable[InhibitionRule] = DEFAULT_INHIBITIONS,
        replays: frozenset[str] = frozenset(),
    ) -> None:
        self.book = Book((*rules, *values), replays=replays)
        self.story = StoryRouting(self.book)
        self.pacing = Pacing(self.book)
        self.now = NOON
        self.stories = MemoryState()
        self.readers = MemoryState()
        self.sent: list[Notification] = []
        self.withheld: list[Suppressed] = []
        self.receipts: list[Receipt] = []
        self._is_cut = is_cut
        self._seen: set[str] = set()
        self._known: set[str] = set()

    def alert(self, *alerts: Alert) -> "Desk":
        """Messages that arrive now."""
        for alert in alerts:
            self._seen.add(alert.story)
            self._route(self.story.on_alert(self.stories, alert, self.now))
        return self

    def wait(self, seconds: float) -> "Desk":
        """Let time pass; timers fire when they are due."""
        until = self.now + timedelta(seconds=seconds)
        while (due := self._due()) is not None and due <= until:
            self.now = max(self.now, due)
            self.tick()
        self.now = until
        return self

    def tick(self) -> None:
        """One tick for everybody, now."""
        for story in sorted(self._seen):
            self._route(self.story.on_tick(self.stories, story, self.now))
        for id in sorted(self._known):
            self._keep(self.pacing.on_tick(self.readers, id, self.now))

    def run_out(self) -> "Desk":
        """Let time pass until nothing waits any more."""
        for _ in range(10_000):
            due = self._due()
            if due is None:
                return self
            self.now = max(self.now, due)
            self.tick()
        raise AssertionError("something is due for ever")

    def deliver(self) -> "Desk":
        """Every correction that was sent arrives."""
        for one in self.sent:
            self.story.on_receipt(self.stories, receipt(one))
        return self

    def closed(self) -> Counter[tuple[str, str]]:
        """How often each (subscription, message) was closed; once is right."""
        ends = [(one.subscription, item.message_id) for one in self.sent for item in one.items]
        return Counter([*ends, *((one.subscription, one.message_id) for one in self.withheld)])

    def reasons(self) -> list[tuple[str, Reason]]:
        """Message and reason of everything suppressed, in order."""
        return [(one.message_id, one.reason) for one in self.withheld]

    def _due(self) -> datetime | None:
        times = [self.story.due(self.stories, story) for story in self._seen]
        times += [self.pacing.due(self.readers, id) for id in self._known]
        return min((at for at in times if at is not None), default=None)

    def _route(self, events: Iterable[Notification | Suppressed]) -> None:
        self._restart()
        for event in events:
            self._known.add(event.subscription)
            self._keep(self.pacing.on_event(self.readers, event, self.now))

    def _keep(self, events: Iterable[Notification | Suppressed | Receipt]) -> None:
        self._restart()
        for event in events:
            match event:
                case Notification():
                    self.sent.append(event)
                case Suppressed():
                    self.withheld.append(event)
                case Receipt():
                    self.receipts.append(event)
                    self.story.on_receipt(self.stories, event)

    def _restart(self) -> None:
        if self._is_cut:
            for state in (self.stories, self.readers):
                for key, value in list(state.values.items()):
                    state.values[key] = decode_state(type(value), encode_state(value))


def receipt(notification: Notification, reason: Reason = Reason.SENT) -> Receipt:
    """What delivery tells of a notification's lead."""
    lead: Item = notification.items[0]
    return Receipt(
        story=lead.story,
        subscription=notification.subscription,
        alert_id=lead.alert_id,
        message_id=lead.message_id,
        reason=reason,
        at=notification.at,
    )
