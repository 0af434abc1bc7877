"""Routing, keyed by subscription: how much noise a reader gets, and when. What is held back comes in one digest.

Takes what `agents.routing.story` gives, in order. Corrections pass, unless what they correct is still held back here:
then neither goes out. Timers fire only from ticks.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from agents.routing import telling
from agents.routing.book import Book
from agents.routing.quiet import quiet_until
from agents.routing.state import HeldItem, PacingState
from agents.step import State
from schemas.alert import MessageType, Status
from schemas.routing import Item, Notification, NotificationKind, Reason, Receipt, Suppressed
from schemas.subscription import Subscription

MAX_UNSENT = 256
"""Alerts withdrawn unsent that are remembered, in case they are reinstated."""

Outcome = Notification | Suppressed | Receipt

replace = msgspec.structs.replace


class Pacing:
    """The second step. State keys begin with the subscription's id."""

    name = "pacing"

    def __init__(self, book: Book) -> None:
        self.book = book

    def on_event(self, state: State, event: Notification | Suppressed, at: datetime) -> list[Outcome]:
        """What one event of the first step causes at once."""
        pace = _Pace(state, event.subscription, at, self.book)
        match event:
            case Suppressed():
                pace.count(event)
            case Notification():
                pace.take(event)
        return pace.close()

    def on_tick(self, state: State, subscription: str, at: datetime) -> list[Outcome]:
        """The digest, if it is due."""
        pace = _Pace(state, subscription, at, self.book)
        pace.tick()
        return pace.close()

    def due(self, state: State, subscription: str) -> datetime | None:
        """When the digest may go; None if nothing is held back."""
        kept = state.get(pacing_key(subscription), PacingState)
        return kept.due if kept is not None else None


def pacing_key(subscription: str) -> str:
    """Where a subscription's state is kept."""
    return f"{subscription}/pacing"


class _Pace:
    """One subscription while one record is worked on."""

    def __init__(self, state: State, id: str, at: datetime, book: Book) -> None:
        self.id = id
        self.at = at
        self.book = book
        self.subscription = book.subscriptions.get(id)
        self.now = state.get(pacing_key(id), PacingState) or PacingState()
        self.out: list[Outcome] = []
        self._state = state
        self._before = self.now

    def close(self) -> list[Outcome]:
        """Write what changed; the output, in order."""
        if self.now != self._before:
            self._state.put(pacing_key(self.id), self.now if self.now != PacingState() else None)
        return self.out

    def count(self, event: Suppressed) -> None:
        """Pass it on; what a silence stopped is told of by the first message after it."""
        if event.reason is Reason.SILENCED:
            hidden = self.now.hidden.get(event.detail, 0) + 1
            self.now = replace(self.now, hidden=self.now.hidden | {event.detail: hidden})
        self.out.append(event)

    def take(self, event: Notification) -> None:
        """Pass it on, hold it back, or let it and what it corrects fall."""
        if self.subscription is None:
            self._gone(event)
        elif event.kind is NotificationKind.CORRECTION:
            self._correct(self.subscription, event)
        else:
            self._pace(self.subscription, event)

    def tick(self) -> None:
        """Send the digest, or find out when it may go."""
        if self.now.due is None or self.now.due > self.at:
            return
        if self.subscription is None:
            for held in self.now.held:
                self._suppress(held.item, Reason.NO_MATCH, "subscription removed")
            self.now = replace(self.now, held=(), due=None, left_out=0)
            return
        due = self._earliest(self.subscription)
        if due > self.at:
            self.now = replace(self.now, due=due)
            return
        self._digest(self.subscription)

    def _gone(self, event: Notification) -> None:
        is_correction = event.kind is NotificationKind.CORRECTION
        for n, item in enumerate(event.items):
            reason = Reason.ENDPOINT_DISABLED if is_correction and n == 0 else Reason.NO_MATCH
            self._suppress(item, reason, "subscription removed")
        if is_correction:
            self._receipt(event, Reason.ENDPOINT_DISABLED)

    # --- messages

    def _pace(self, subscription: Subscription, event: Notification) -> None:
        alerts = {item.alert_id for item in event.items}
        if not alerts.isdisjoint(self.now.unsent):
            self.now = replace(self.now, unsent=tuple(one for one in self.now.unsent if one not in alerts))
        is_ours = event.status is not Status.ACTUAL  # asked for by somebody who waits for it
        if is_ours or not self._must_wait(subscription, event):
            if not is_ours:
                self._spend(subscription, event)
            items = tuple(self._overtaking(item) for item in event.items)
            self._emit(replace(event, items=items, msgtype=items[0].msgtype))
            return
        quiet = subscription.quiet_hours
        is_quiet = quiet is not None and event.severity < quiet.breaking and quiet_until(quiet, self.at) is not None
        for item in event.items:
            self._hold(item, is_quiet=is_quiet)
        self.now = replace(self.now, due=self._earliest(subscription))

    def _must_wait(self, subscription: Subscription, event: Notification) -> bool:
        quiet, budget = subscription.quiet_hours, subscription.budget
        if quiet is not None and event.severity < quiet.breaking and quiet_until(quiet, self.at) is not None:
            return True
        is_budgeted = budget is not None and event.severity < budget.below
        if self.now.held and (is_budgeted or (quiet is not None and event.severity < quiet.breaking)):
            return True  # nothing overtakes what is held back, except what never waits
        return is_budgeted and self._slot(subscription) > self.at

    def _overtaking(self, item: Item) -> Item:
        """A message that may not wait takes the place of an earlier one of its alert that is held back."""
        earlier = next((held for held in self.now.held if held.item.alert_id == item.alert_id), None)
        if earlier is None:
            return item
        self._suppress(earlier.item, Reason.GROUPED_INTO, item.message_id)
        rest = tuple(held for held in self.now.held if held is not earlier)
        self.now = replace(self.now, held=rest, due=self.now.due if rest else None)
        return replace(item, msgtype=earlier.item.msgtype)

    def _hold(self, item: Item, *, is_quiet: bool) -> None:
        """Keep it for the digest; of one alert the latest message only."""
        earlier = next((held for held in self.now.held if held.item.alert_id == item.alert_id), None)
        if earlier is not None:
            self._suppress(earlier.item, Reason.GROUPED_INTO, item.message_id)
            item = replace(item, msgtype=earlier.item.msgtype)
        rest = tuple(held for held in self.now.held if held is not earlier)
        self.now = replace(self.now, held=(*rest, HeldItem(item=item, is_quiet=is_quiet)))

    def _slot(self, subscription: Subscription) -> datetime:
        """When the budget has room for a message; now or earlier if it has."""
        budget = subscription.budget
        if budget is None:
            return self.at
        window = timedelta(seconds=budget.per_s)
        recent = [one for one in self.now.sent if one > self.at - window]
        return recent[-budget.limit] + window if len(recent) >= budget.limit else self.at

    def _earliest(self, subscription: Subscription) -> datetime:
        """When a digest may go: after the quiet hours, and when the budget has room."""
        slot = self._slot(subscription)
        quiet = subscription.quiet_hours
        end = quiet_until(quiet, slot) if quiet is not None else None
        return slot if end is None else max(end, slot)

    def _spend(self, subscription: Subscription, event: Notification) -> None:
        budget = subscription.budget
        if budget is None or event.severity >= budget.below:
            return
        since = self.at - timedelta(seconds=budget.per_s)
        self.now = replace(self.now, sent=(*(one for one in self.now.sent if one > since), self.at))

    def _digest(self, subscription: Subscription) -> None:
        held, left_out = self.now.held, self.now.left_out
        self.now = replace(self.now, held=(), due=None, left_out=0)
        items = tuple(self._listed(subscription, one) for one in held)
        if not items:
            return
        digest = telling.notification(
            subscription, NotificationKind.DIGEST, items, at=self.at, group={}, withdrawn=left_out
        )
        self._spend(subscription, digest)
        self._emit(digest)

    @staticmethod
    def _listed(subscription: Subscription, held: HeldItem) -> Item:
        if held.is_quiet:
            quiet = subscription.quiet_hours
            route = f"digest, quiet hours until {quiet.end} {quiet.timezone}" if quiet else "digest, quiet hours"
            reason = Reason.GROUPED_INTO
        else:
            budget = subscription.budget
            route = f"digest, over {budget.limit} in {budget.per_s} s" if budget else "digest, over budget"
            reason = Reason.OVER_BUDGET
        return replace(held.item, reason=reason, explain=replace(held.item.explain, route=route))

    def _emit(self, event: Notification) -> None:
        """Hand on, with how many messages the silences hid that are over."""
        over = [id for id in self.now.hidden if self._is_over(id)]
        hidden = sum(self.now.hidden[id] for id in over)
        if over:
            self.now = replace(self.now, hidden={id: n for id, n in self.now.hidden.items() if id not in over})
        self.out.append(replace(event, at=self.at, hidden=hidden))

    def _is_over(self, silence: str) -> bool:
        known = self.book.silences.get(silence)
        return known is None or known.ends_at <= self.at

    # --- corrections

    def _correct(self, subscription: Subscription, event: Notification) -> None:
        lead, *others = event.items
        held = next((one for one in self.now.held if one.item.alert_id == lead.alert_id), None)
        if held is None and lead.alert_id in self.now.unsent:
            self._again(subscription, event)
            return
        if held is None:
            self._emit(event)
            return
        self.now = replace(self.now, held=tuple(one for one in self.now.held if one is not held))
        if held.item.msgtype is not MessageType.ALERT:
            # An earlier message was sent, only a step waits here: the correction covers it.
            self._suppress(held.item, Reason.GROUPED_INTO, lead.message_id)
            self._emit(event)
        elif lead.msgtype is MessageType.CANCEL or others:
            self._fall(event, held.item)
            for item in others:
                self._hold(replace(item, reason=Reason.SENT), is_quiet=held.is_quiet)
        else:
            self._suppress(held.item, Reason.GROUPED_INTO, lead.message_id)
            self._hold(replace(lead, msgtype=MessageType.ALERT), is_quiet=held.is_quiet)
            self._receipt(event, Reason.WITHDRAWN_BEFORE_SEND)
        if not self.now.held:
            self.now = replace(self.now, due=None, left_out=0)

    def _fall(self, event: Notification, item: Item) -> None:
        """Nothing of the alert was sent: neither message goes out."""
        lead = event.items[0]
        for one in (item, lead):
            self._suppress(one, Reason.WITHDRAWN_BEFORE_SEND, lead.message_id)
        self._receipt(event, Reason.WITHDRAWN_BEFORE_SEND)
        unsent = (*self.now.unsent, lead.alert_id)[-MAX_UNSENT:]
        self.now = replace(self.now, unsent=unsent, left_out=self.now.left_out + 1)

    def _again(self, subscription: Subscription, event: Notification) -> None:
        """A correction of what was never sent: a reinstated alert is news, another withdrawal nothing."""
        lead, *others = event.items
        self._receipt(event, Reason.WITHDRAWN_BEFORE_SEND)
        if lead.msgtype is MessageType.CANCEL or others:
            self._suppress(lead, Reason.WITHDRAWN_BEFORE_SEND, lead.message_id)
            items: Iterable[Item] = others
        else:
            self.now = replace(self.now, unsent=tuple(one for one in self.now.unsent if one != lead.alert_id))
            items = (replace(lead, msgtype=MessageType.ALERT),)
        news = tuple(replace(one, reason=Reason.SENT) for one in items)
        if news:
            told = telling.notification(
                subscription, NotificationKind.MESSAGE, news, at=self.at, group=event.group, status=event.status
            )
            self._pace(subscription, told)

    # --- ends

    def _suppress(self, item: Item, reason: Reason, detail: str) -> None:
        self.out.append(
            Suppressed(
                subscription=self.id,
                story=item.story,
                alert_id=item.alert_id,
                message_id=item.message_id,
                reason=reason,
                detail=detail,
                at=self.at,
                explain=replace(item.explain, route=detail),
            )
        )

    def _receipt(self, event: Notification, reason: Reason) -> None:
        lead = event.items[0]
        self.out.append(
            Receipt(
                story=lead.story,
                subscription=self.id,
                alert_id=lead.alert_id,
                message_id=lead.message_id,
                reason=reason,
                at=self.at,
            )
        )
