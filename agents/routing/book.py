"""What readers and operators have asked for: subscriptions, silences and inhibition rules, ready to be asked."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from agents.routing.filters import Verdict, match
from agents.routing.index import Index
from agents.routing.matchers import Labels, all_hold
from agents.routing.view import View
from schemas.alert import Alert, Status
from schemas.routing import Reason
from schemas.subscription import DEFAULT_INHIBITIONS, InhibitionRule, MessageState, Silence, Subscription


class Book:
    """All subscriptions, silences and rules; every partition holds all of them. Not thread-safe.

    Values must be valid (see `schemas.validation.validate`). `put` and `remove` take what the topics bring, in any
    order and as often as they like.

    replays  channels ("slack") that this run may send replayed alerts to; none by default
    """

    def __init__(
        self,
        values: Iterable[Subscription | Silence | InhibitionRule] = DEFAULT_INHIBITIONS,
        *,
        frequencies: Mapping[str, int] | None = None,
        replays: frozenset[str] = frozenset(),
    ) -> None:
        self.index = Index(frequencies)
        self.subscriptions: dict[str, Subscription] = {}
        self.silences: dict[str, Silence] = {}
        self.rules: dict[str, InhibitionRule] = {}
        self._replays = replays
        for value in values:
            self.put(value)

    def put(self, value: Subscription | Silence | InhibitionRule) -> None:
        """Add, or replace what has this id."""
        match value:
            case Subscription():
                self.subscriptions[value.id] = value
                if value.is_paused:
                    self.index.remove(value.id)
                else:
                    self.index.add(value.id, value.filter)
            case Silence():
                self.silences[value.id] = value
            case InhibitionRule():
                self.rules[value.id] = value

    def remove(self, id: str) -> None:
        """Take out whatever has this id; an unknown id is no error."""
        self.index.remove(id)
        self.subscriptions.pop(id, None)
        self.silences.pop(id, None)
        self.rules.pop(id, None)

    def matching(self, view: View, at: datetime) -> tuple[str, ...]:
        """Ids of the live subscriptions that want the alert, sorted."""
        return tuple(id for id in self.index.matches(view) if self.absence(id, at) is None)

    def absence(self, subscription: str, at: datetime) -> str | None:
        """Why a subscription gets nothing new at this time: removed, paused or expired; None if it is live."""
        known = self.subscriptions.get(subscription)
        if known is None:
            return "removed"
        if known.is_paused:
            return "paused"
        return "expired" if known.expires_at is not None and known.expires_at <= at else None

    def accepts(self, subscription: str, status: Status) -> bool:
        """Whether messages of this status may go there: a replay only where the run names the channel."""
        return status is not Status.REPLAY or self.subscriptions[subscription].channel in self._replays

    def silencing(
        self, subscription: Subscription, labels: Labels, state: MessageState, at: datetime
    ) -> Silence | None:
        """The silence that stops a message, of several the one that ends last; None if none does."""
        stopping = [one for one in self.silences.values() if state in one.states and one.starts_at <= at < one.ends_at]
        if not stopping:
            return None
        seen = dict(labels) | {name: (text,) for name, text in subscription.labels.items() if name not in labels}
        seen |= {
            "subscription": (subscription.id,),
            "owner": (subscription.owner,),
            "target": (subscription.target,),
        }
        stopping = [one for one in stopping if all_hold(one.matchers, seen)]
        return max(stopping, key=lambda one: (one.ends_at, one.id), default=None)

    def why(self, subscription: str, alert: Alert, at: datetime) -> Verdict:
        """Whether this subscription wants the alert, with what matched; else the first thing that is missing."""
        absence = self.absence(subscription, at)
        if absence is not None:
            return Verdict(False, Reason.NO_MATCH, absence)
        return match(self.subscriptions[subscription].filter, alert)
