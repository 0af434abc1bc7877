"""The state machine of delivery, keyed by endpoint: who is tried next, and what an answer means for what waits.

    waiting ──lease──► sending ──► delivered
       ▲                  │
       └── retry, lease over ──► dead | dropped

An endpoint has a lane for each story. Of a lane only the first delivery is tried, so a correction never overtakes its
alert; other lanes go on. A lease is state before anything is sent, and whoever sends reports under its epoch. Time is
that of the records. What is read twice changes nothing: an ended delivery is remembered, an old epoch is ignored.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from agents.delivery import endings
from agents.delivery.health import PROBE, after_failure, after_success, is_given_up
from agents.delivery.lanes import Lanes
from agents.delivery.schedule import ASKED_MAX_S, MAX_AGE, wait_s
from agents.delivery.state import EndpointHead, Health, Row, Subscriber, head_key, row_key
from agents.delivery.threads import marks_of, save_marks
from agents.step import State
from schemas.alert import MessageType
from schemas.delivery import (
    Action,
    Announcement,
    Attempt,
    Cause,
    Dead,
    Delivery,
    EndpointChanged,
    EndReason,
    Order,
    Outcome,
    Report,
    Verdict,
)
from schemas.identity import delivery_id
from schemas.routing import NotificationKind, Reason, Receipt

replace = msgspec.structs.replace

UNKNOWN_S = 300.0
"""Wait for an endpoint that nobody has made yet, seconds; when it is made an order hurries what waits."""

Output = Attempt | EndpointChanged | Dead | Receipt

_RECEIPTS = {
    EndReason.WITHDRAWN_BEFORE_SEND: Reason.WITHDRAWN_BEFORE_SEND,
    EndReason.ENDPOINT_GONE: Reason.ENDPOINT_DISABLED,
    EndReason.ENDPOINT_DISABLED: Reason.ENDPOINT_DISABLED,
}
"""What ends the debt of a correction although it did not arrive."""


class Limits(NamedTuple):
    """Of a channel: attempts at once to an endpoint that works, and whether it takes so many messages a second only."""

    concurrency: int
    is_paced: bool


_NOT_TRIED = (Cause.LEASE_EXPIRED, Cause.RELEASED)

_UNKNOWN = Limits(1, is_paced=False)


class Leased(NamedTuple):
    """A delivery that is to be tried now, under this epoch."""

    row: Row
    marks: Mapping[str, str]


class Machine:
    """What becomes of the deliveries of each endpoint.

    limits  by channel; an unknown channel gets one at a time
    lease   how long an attempt may take before somebody else may make it again
    scale   of the waits of the schedule, for drills
    """

    name = "delivery"

    def __init__(self, limits: Mapping[str, Limits], *, lease: timedelta, scale: float = 1.0) -> None:
        self.limits = limits
        self.lease = lease
        self.scale = scale

    def on_delivery(self, state: State, delivery: Delivery, at: datetime) -> list[Output]:
        """Take a delivery in, once."""
        turn = _Turn(self, state, delivery.endpoint, at)
        turn.take(delivery)
        return turn.close()

    def on_report(self, state: State, report: Report, at: datetime) -> list[Output]:
        """Somebody has tried."""
        turn = _Turn(self, state, report.endpoint, at)
        turn.reported(report)
        return turn.close()

    def on_order(self, state: State, order: Order, at: datetime) -> list[Output]:
        """An operator wants something."""
        turn = _Turn(self, state, order.endpoint, at)
        turn.ordered(order)
        return turn.close()

    def on_tick(self, state: State, endpoint: str, at: datetime) -> list[Output]:
        """Time has passed."""
        return _Turn(self, state, endpoint, at).close()

    def due(self, state: State, endpoint: str) -> datetime | None:
        """When the next tick has something to do; None if nothing waits for time."""
        head = state.get(head_key(endpoint), EndpointHead)
        if head is None or not head.lanes:
            return None
        health = head.health
        times = [lane.due if lane.is_sending else lane.expires for lane in head.lanes.values()]
        if health.parked is not None:
            if not head.sending:
                times.append(_later(min(lane.due for lane in head.lanes.values()), health.probe_at))
        elif self.free(head) > 0:
            times += [_later(lane.due, health.paused) for lane in head.lanes.values() if not lane.is_sending]
        return min(times)

    def free(self, head: EndpointHead) -> int:
        """How many more attempts the endpoint takes now: one until it has shown that it works."""
        limits = self.limits.get(head.channel, _UNKNOWN)
        return (limits.concurrency if head.health.is_good else 1) - len(head.sending)

    @staticmethod
    def leased(state: State, endpoint: str) -> dict[str, int]:
        """Epochs of the leases that are out, by delivery."""
        head = state.get(head_key(endpoint), EndpointHead)
        return dict(head.sending) if head is not None else {}

    @staticmethod
    def job(state: State, endpoint: str, delivery: str) -> Leased | None:
        """What is to be tried; None if it is not to be."""
        row = state.get(row_key(endpoint, delivery), Row)
        if row is None or row.sending is None:
            return None
        return Leased(row, marks_of(state, endpoint, row.delivery.thread))


def _pause_s(report: Report) -> float | None:
    """How long everything else of the endpoint waits too, seconds; the schedule of one delivery is its own."""
    if report.cause is Cause.UNKNOWN_ENDPOINT:
        return UNKNOWN_S
    if report.verdict is not Verdict.OVERLOADED or report.retry_after_s is None:
        return None
    return min(max(report.retry_after_s, 1.0), ASKED_MAX_S)


def _later(at: datetime, other: datetime | None) -> datetime:
    return at if other is None else max(at, other)


class _Turn:
    """One endpoint while one record is worked on."""

    def __init__(self, machine: Machine, state: State, endpoint: str, at: datetime) -> None:
        self.machine = machine
        self.state = state
        self.endpoint = endpoint
        self.at = at
        self.out: list[Output] = []
        head = state.get(head_key(endpoint), EndpointHead) or EndpointHead()
        self._before = head
        self.channel = head.channel
        self.health = head.health
        self.sending = dict(head.sending)
        self.lanes = Lanes(state, endpoint, head.lanes)

    def close(self) -> list[Output]:
        """Lease what can be tried, write what changed; the output, in order."""
        self._expire_leases()
        self._expire_rows()
        self._grant()
        self.lanes.close()
        after = self._head()
        if after != self._before:
            self.state.put(head_key(self.endpoint), after)
        return self.out

    def _head(self) -> EndpointHead:
        return EndpointHead(channel=self.channel, health=self.health, lanes=self.lanes.lanes, sending=self.sending)

    # --- taking in

    def take(self, delivery: Delivery) -> None:
        """Open it, unless it was ended before, is open already, or has nowhere to go."""
        self.channel = delivery.channel
        subscriber = Subscriber(delivery.subscription, delivery.owner)
        if endings.outcome(self.state, delivery, subscriber.subscription) is not None:
            return
        row = self.lanes.get(delivery.id)
        if row is not None:
            if row.delivery.round == delivery.round and subscriber not in row.subscribers:
                self.lanes.join(row, delivery, subscriber)
            return
        known = endings.outcome(self.state, delivery)
        if known is not None:  # also what was given up: sent now, it would come behind what has overtaken it
            said = "sent" if known is Outcome.DELIVERED else "given up"
            self._tell(delivery, (subscriber,), known, detail=f"{said} for another subscription of this endpoint")
            self._end(delivery, (subscriber,), known, None)
        elif self.health.disabled is not None:
            self._drop(delivery, (subscriber,), EndReason.ENDPOINT_DISABLED)
        elif delivery.round == 1 and self.at - delivery.at >= MAX_AGE:
            self._drop(delivery, (subscriber,), EndReason.MAX_AGE)  # nobody delivered for days: no flood of old news
        elif self._is_withdrawn_unsent(delivery):
            self._drop(delivery, (subscriber,), EndReason.WITHDRAWN_BEFORE_SEND, is_shared=True)
        else:
            self.lanes.append(delivery, subscriber, self.at)

    def _is_withdrawn_unsent(self, delivery: Delivery) -> bool:
        """Nothing of an alert has left and it is withdrawn: neither message goes out."""
        is_cancel = delivery.is_correction and delivery.lead.msgtype is MessageType.CANCEL
        if not is_cancel or not delivery.references:
            return False
        rows = [self.lanes.get(delivery_id(one, self.endpoint)) for one in delivery.references]
        found = [row for row in rows if row is not None and row.tries == 0]
        who = delivery.subscription
        if len(found) < len(rows) or any(all(one.subscription != who for one in row.subscribers) for row in found):
            return False
        for row in found:
            mine = tuple(one for one in row.subscribers if one.subscription == who)
            rest = tuple(one for one in row.subscribers if one.subscription != who)
            if rest:
                self.lanes.put(replace(row, subscribers=rest))
            else:
                self.lanes.remove(row, self.at)
            self._drop(row.delivery, mine, EndReason.WITHDRAWN_BEFORE_SEND, is_shared=bool(rest))
        return True

    # --- answers

    def reported(self, report: Report) -> None:
        """Close the attempt, and the delivery if that was all."""
        row = self.lanes.get(report.delivery)
        if row is None:
            return
        is_current = row.sending is not None and report.epoch == row.tries
        is_success = report.verdict is Verdict.DELIVERED and report.cause not in _NOT_TRIED
        is_late_success = is_success and report.epoch <= row.tries
        if not is_current and not is_late_success:
            return
        if report.marks:
            save_marks(self.state, self.endpoint, row.delivery.thread, report.marks, self.at)
        self.sending.pop(row.delivery.id, None)
        if report.cause in _NOT_TRIED:
            self._not_tried(row, report.cause)
            return
        match report.verdict:
            case Verdict.DELIVERED:
                self._close_breaker()
                self._finish(row, Outcome.DELIVERED, report=report)
            case Verdict.GONE:
                self._finish(row, Outcome.DROPPED, EndReason.ENDPOINT_GONE, report=report)
                if self.health.disabled is None:
                    self._disable(EndReason.ENDPOINT_GONE, report.detail or "the receiver says so")
            case Verdict.REFUSED:
                self._finish(row, Outcome.DEAD, EndReason.REFUSED, report=report)
            case Verdict.FAILED | Verdict.OVERLOADED:
                self._failed(row, report)

    def _not_tried(self, row: Row, cause: Cause) -> None:
        """Whoever held the lease is gone, or gave it back: that says nothing about the receiver."""
        if self.health.disabled is not None:
            self._finish(row, Outcome.DROPPED, EndReason.ENDPOINT_DISABLED)
            return
        row = replace(row, may_have_arrived=row.may_have_arrived or cause is Cause.LEASE_EXPIRED)
        self._tell(row.delivery, row.subscribers, Outcome.RETRY, row=row, cause=cause, next_at=self.at)
        self.lanes.wait(row, self.at)

    def _close_breaker(self) -> None:
        was_parked = self.health.parked is not None
        self.health = after_success(self.health, self.at)
        if was_parked:
            self._announce(Announcement.CLOSED, "it works again")

    def _failed(self, row: Row, report: Report) -> None:
        limits = self.machine.limits.get(row.delivery.channel, _UNKNOWN)
        is_pace = limits.is_paced and report.verdict is Verdict.OVERLOADED and report.retry_after_s is not None
        is_pace = is_pace or report.cause is Cause.UNKNOWN_ENDPOINT
        was_parked = self.health.parked is not None
        if not is_pace and report.cause is not Cause.MISSING_ALERT:  # which is ours, not the receiver's
            self.health = after_failure(self.health, self.at)
        failures = row.failures + (0 if is_pace or row.is_probe else 1)
        wait = self._wait(row, report, max(failures, 1), is_pace=is_pace)
        if self.health.disabled is not None:
            self._finish(row, Outcome.DROPPED, EndReason.ENDPOINT_DISABLED, report=report)
        elif wait is None and not row.is_probe:
            self._finish(row, Outcome.DEAD, EndReason.EXHAUSTED, report=report)
        else:
            seconds = PROBE.total_seconds() if row.is_probe or wait is None else wait
            next_at = min(self.at + timedelta(seconds=seconds), row.expires)
            pause = _pause_s(report)
            if pause is not None:
                pause *= 1.0 if is_pace else self.machine.scale
                self.health = replace(self.health, paused=self.at + timedelta(seconds=pause))
            may_have_arrived = row.may_have_arrived or report.may_have_arrived
            row = replace(row, failures=failures, may_have_arrived=may_have_arrived)
            self._tell(row.delivery, row.subscribers, Outcome.RETRY, row=row, report=report, next_at=next_at)
            self.lanes.wait(row, next_at)
        if not was_parked and self.health.parked is not None:
            self._announce(Announcement.OPENED, f"{self.health.failures} failures in a row: {report.cause}")
        if self.health.disabled is None and is_given_up(self.health, self.at):
            self._disable(EndReason.ENDPOINT_DISABLED, "nothing but failures for 120 hours")

    def _wait(self, row: Row, report: Report, failures: int, *, is_pace: bool) -> float | None:
        if report.cause is Cause.UNKNOWN_ENDPOINT:
            return UNKNOWN_S  # tried as soon as there is one
        if is_pace:
            # it says exactly when, and it did take what came before
            return min(max(report.retry_after_s or 0.0, 1.0), ASKED_MAX_S)
        return wait_s(
            failures,
            is_overloaded=report.verdict is Verdict.OVERLOADED,
            retry_after_s=report.retry_after_s,
            seed=f"{row.delivery.id}/{row.delivery.round}",
            scale=self.machine.scale,
        )

    # --- orders

    def ordered(self, order: Order) -> None:
        """Do what an operator says; what does not fit any more is ignored."""
        row = self.lanes.get(order.delivery) if order.delivery is not None else None
        match order.action:
            case Action.RETRY:
                self.health = replace(self.health, paused=None)
                if self.health.parked is not None:
                    self.health = replace(self.health, probe_at=self.at)
                if order.delivery is None:
                    self.lanes.hurry(self.at)
                elif row is not None:
                    self.lanes.hurry(self.at, row.delivery.story)
            case Action.DROP:
                if row is not None:
                    self.sending.pop(row.delivery.id, None)
                    self._finish(row, Outcome.DROPPED, EndReason.OPERATOR)
            case Action.ENABLE:
                if self.health.disabled is not None or self.health.parked is not None:
                    self.health = Health()
                    self.lanes.hurry(self.at)
                    self._announce(Announcement.ENABLED, order.by or "an operator")
            case Action.DISABLE:
                if self.health.disabled is None:
                    self._disable(EndReason.ENDPOINT_DISABLED, f"by {order.by or 'an operator'}")

    def _disable(self, reason: EndReason, why: str) -> None:
        """Take nothing more. What is being tried may end as it will; everything else is dropped."""
        waiting = [row for row in self.lanes.rows() if row.sending is None]
        self.health = replace(self.health, disabled=self.at, why_disabled=why, parked=None, probe_at=None, paused=None)
        for row in waiting:
            self._finish(row, Outcome.DROPPED, reason)
        self._announce(Announcement.DISABLED, why, len(waiting))

    # --- time

    def _expire_leases(self) -> None:
        for story, lane in list(self.lanes.lanes.items()):
            if not lane.is_sending or lane.due > self.at:
                continue
            row = self.lanes.known(self.lanes.lanes[story].first)
            self.sending.pop(row.delivery.id, None)
            self._not_tried(row, Cause.LEASE_EXPIRED)

    def _expire_rows(self) -> None:
        for story in list(self.lanes.lanes):
            while (lane := self.lanes.lanes.get(story)) is not None and not lane.is_sending and lane.expires <= self.at:
                row = self.lanes.known(lane.first)
                if self.lanes.is_stale(row):
                    self._finish(row, Outcome.DROPPED, EndReason.MAX_AGE)
                else:
                    self._finish(row, Outcome.DEAD, EndReason.EXPIRED)

    def _grant(self) -> None:
        if self.health.disabled is not None or not self.lanes.lanes:
            return
        if self.health.parked is not None:
            ready = self._ready()
            if ready and not self.sending and (self.health.probe_at is None or self.health.probe_at <= self.at):
                self.health = replace(self.health, probe_at=self.at + PROBE)
                # due for longest, not taken first: what always fails is due again with every probe
                self._lease(min(ready, key=lambda story: self.lanes.lanes[story].due), is_probe=True)
            return
        if self.health.paused is not None:
            if self.health.paused > self.at:
                return
            self.health = replace(self.health, paused=None)
        free = self.machine.free(self._head())
        if free > 0:
            for story in self._ready()[:free]:
                self._lease(story)

    def _ready(self) -> list[str]:
        ready = [(lane.since, story) for story, lane in self.lanes.lanes.items() if self._is_ready(story)]
        return [story for _, story in sorted(ready)]

    def _is_ready(self, story: str) -> bool:
        lane = self.lanes.lanes[story]
        return not lane.is_sending and lane.due <= self.at

    def _lease(self, story: str, *, is_probe: bool = False) -> None:
        row = self.lanes.send(story, self.at + self.machine.lease, is_probe=is_probe)
        self.sending[row.delivery.id] = row.tries

    # --- ends

    def _finish(
        self, row: Row, outcome: Outcome, reason: EndReason | None = None, *, report: Report | None = None
    ) -> None:
        """It is over."""
        self.lanes.remove(row, self.at)
        self._tell(row.delivery, row.subscribers, outcome, reason, row=row, report=report)
        self._end(row.delivery, row.subscribers, outcome, reason)
        if outcome is Outcome.DEAD and reason is not None:
            detail = (report.detail or report.cause.value) if report is not None else ""
            for one in row.subscribers:  # a replay for one of them would tell the others nothing
                again = replace(
                    row.delivery, round=row.delivery.round + 1, subscription=one.subscription, owner=one.owner
                )
                self.out.append(Dead(again=again, reason=reason, detail=detail, attempts=row.tries, at=self.at))

    def _drop(
        self, delivery: Delivery, subscribers: tuple[Subscriber, ...], reason: EndReason, *, is_shared: bool = False
    ) -> None:
        """It is over before it was opened, or for one of its subscriptions."""
        self._tell(delivery, subscribers, Outcome.DROPPED, reason)
        self._end(delivery, subscribers, Outcome.DROPPED, reason, is_over=not is_shared)

    def _end(
        self,
        delivery: Delivery,
        subscribers: tuple[Subscriber, ...],
        outcome: Outcome,
        reason: EndReason | None,
        *,
        is_over: bool = True,
    ) -> None:
        """Remember the end, and tell the story what became of a correction."""
        endings.note(self.state, delivery, outcome, *(one.subscription for one in subscribers), is_over=is_over)
        receipt = Reason.SENT if outcome is Outcome.DELIVERED else _RECEIPTS.get(reason) if reason else None
        if not delivery.is_correction or receipt is None:
            return
        lead = delivery.lead
        for one in subscribers:
            self.out.append(
                Receipt(
                    story=lead.story,
                    subscription=one.subscription,
                    alert_id=lead.alert_id,
                    message_id=lead.message_id,
                    reason=receipt,
                    at=self.at,
                )
            )

    def _tell(
        self,
        delivery: Delivery,
        subscribers: tuple[Subscriber, ...],
        outcome: Outcome,
        reason: EndReason | None = None,
        *,
        row: Row | None = None,
        report: Report | None = None,
        cause: Cause | None = None,
        next_at: datetime | None = None,
        detail: str = "",
    ) -> None:
        for one in subscribers:
            self.out.append(
                Attempt(
                    delivery=delivery.id,
                    message_id=delivery.message_id,
                    alert_id=delivery.lead.alert_id if delivery.has_alert else "",
                    endpoint=self.endpoint,
                    channel=delivery.channel,
                    subscription=one.subscription,
                    owner=one.owner,
                    story=delivery.story,
                    headline=_headline(delivery),
                    round=delivery.round,
                    number=row.tries if row is not None and (report is not None or cause is not None) else 0,
                    outcome=outcome,
                    at=self.at,
                    cause=report.cause if report is not None else cause,
                    reason=reason,
                    status=report.status if report is not None else None,
                    detail=report.detail if report is not None else detail,
                    duration_ms=report.duration_ms if report is not None else 0,
                    next_at=next_at,
                )
            )

    def _announce(self, what: Announcement, why: str, open_deliveries: int | None = None) -> None:
        count = self.lanes.count() if open_deliveries is None else open_deliveries
        self.out.append(EndpointChanged(endpoint=self.endpoint, what=what, why=why, at=self.at, open_deliveries=count))


def _headline(delivery: Delivery) -> str:
    is_digest = delivery.kind is NotificationKind.DIGEST
    return f"{len(delivery.items)} held back" if is_digest else delivery.lead.headline


def open_rows(state: State, endpoint: str) -> Iterator[Row]:
    """Every open delivery of an endpoint, lane by lane, in order."""
    head = state.get(head_key(endpoint), EndpointHead)
    if head is not None:
        yield from Lanes(state, endpoint, head.lanes).rows()
