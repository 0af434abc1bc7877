"""A receiver's side of the state machine: a clock that is put forward, and answers that are chosen."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from agents.delivery.machine import Leased, Limits, Machine, open_rows
from agents.delivery.state import EndpointHead, Row, head_key
from agents.step import MemoryState
from schemas import identity
from schemas.alert import AlertType, MessageType
from schemas.delivery import (
    Action,
    Attempt,
    Cause,
    Dead,
    Delivery,
    EndpointChanged,
    Order,
    Outcome,
    Report,
    Verdict,
)
from schemas.event import Event, Severity
from schemas.routing import Item, NotificationKind, Reason, Receipt
from tests.builders import NOON

LIMITS = {"webhook": Limits(4, is_paced=False), "slack": Limits(1, is_paced=True)}
LEASE = timedelta(seconds=90)


def delivery(
    number: int,
    *,
    story: str = "story-1",
    endpoint: str = "desk",
    channel: str = "webhook",
    subscription: str = "sub_a",
    version: int = 1,
    msgtype: MessageType = MessageType.ALERT,
    at: datetime = NOON,
    **more: Any,
) -> Delivery:
    """Message `version` of the alert of this number."""
    alert = f"al_{number}"
    message = identity.message_id(alert, version)
    item = Item(
        message_id=message,
        alert_id=alert,
        version=version,
        msgtype=msgtype,
        type=AlertType.STATEMENT_NEW,
        severity=Severity.WATCH,
        headline=f"headline {number}",
        story=story,
        time=at,
        reason=Reason.SENT,
    )
    is_correction = msgtype is not MessageType.ALERT
    settings: dict[str, Any] = {
        "id": identity.delivery_id(message, endpoint),
        "message_id": message,
        "endpoint": endpoint,
        "channel": channel,
        "subscription": subscription,
        "owner": "desk",
        "story": story,
        "thread": f"{channel}/{endpoint}/{story}",
        "kind": NotificationKind.CORRECTION if is_correction else NotificationKind.MESSAGE,
        "items": (item,),
        "at": at,
        "is_correction": is_correction,
        "references": tuple(identity.message_id(alert, n) for n in range(1, version)),
    }
    return Delivery(**(settings | more))


class World:
    """One machine, its state, and what it said."""

    def __init__(self, *, at: datetime = NOON) -> None:
        self.machine = Machine(LIMITS, lease=LEASE)
        self.state = MemoryState()
        self.at = at
        self.out: list[Event] = []
        self.sent: list[tuple[datetime, str, int]] = []
        self._seen: set[tuple[str, int]] = set()

    def take(self, *deliveries: Delivery) -> "World":
        """Deliveries come in."""
        for one in deliveries:
            self._note(self.machine.on_delivery(self.state, one, self.at), one.endpoint)
        return self

    def leases(self, endpoint: str = "desk") -> dict[str, int]:
        """What is being tried, and its epoch."""
        return self.machine.leased(self.state, endpoint)

    def answer(
        self,
        one: Delivery | str,
        verdict: Verdict = Verdict.DELIVERED,
        *,
        epoch: int | None = None,
        cause: Cause = Cause.HTTP_STATUS,
        endpoint: str = "desk",
        **more: Any,
    ) -> "World":
        """The receiver has answered, or not."""
        id = one if isinstance(one, str) else one.id
        epoch = self.leases(endpoint)[id] if epoch is None else epoch
        report = Report(delivery=id, endpoint=endpoint, epoch=epoch, verdict=verdict, cause=cause, at=self.at, **more)
        self._note(self.machine.on_report(self.state, report, self.at), endpoint)
        return self

    def answer_all(self, verdict: Verdict = Verdict.DELIVERED, *, endpoint: str = "desk", **more: Any) -> "World":
        """Everything that is being tried gets this answer, and what follows from it too."""
        while leases := self.leases(endpoint):
            for id in list(leases):
                if id in self.leases(endpoint):
                    self.answer(id, verdict, endpoint=endpoint, **more)
            if verdict is not Verdict.DELIVERED:
                break
        return self

    def order(self, action: Action, one: Delivery | None = None, endpoint: str = "desk") -> "World":
        """An operator's word."""
        said = Order(endpoint=endpoint, action=action, at=self.at, delivery=one.id if one else None, by="night desk")
        self._note(self.machine.on_order(self.state, said, self.at), endpoint)
        return self

    def tick(self, endpoint: str = "desk") -> "World":
        """Time is looked at."""
        self._note(self.machine.on_tick(self.state, endpoint, self.at), endpoint)
        return self

    def due(self, endpoint: str = "desk") -> float | None:
        """Seconds until something is due."""
        at = self.machine.due(self.state, endpoint)
        return None if at is None else (at - self.at).total_seconds()

    def wait(self, seconds: float, endpoint: str = "desk") -> "World":
        """Put the clock forward, ticking whenever something is due on the way."""
        until = self.at + timedelta(seconds=seconds)
        while (at := self.machine.due(self.state, endpoint)) is not None and at <= until:
            if at > self.at:
                self.at = at
            before = (self.leases(endpoint), at)
            self.tick(endpoint)
            if (self.leases(endpoint), self.machine.due(self.state, endpoint)) == before:
                raise AssertionError(f"due at {at} and nothing to do")
            if self.leases(endpoint) != before[0]:
                break  # somebody is to be asked
        else:
            self.at = until
        return self

    def next(self, endpoint: str = "desk") -> "World":
        """Put the clock forward to what is due next."""
        at = self.machine.due(self.state, endpoint)
        assert at is not None
        self.at = max(at, self.at)
        return self.tick(endpoint)

    def said(self, *kinds: type[Event]) -> list[Any]:
        """What was said of these kinds so far."""
        return [one for one in self.out if isinstance(one, kinds)]

    def attempts(self, one: Delivery | None = None) -> list[Attempt]:
        """What became of the attempts, of one delivery or of all."""
        return [it for it in self.said(Attempt) if one is None or it.delivery == one.id]

    def ends(self) -> dict[str, Outcome]:
        """How each delivery ended."""
        return {it.delivery: it.outcome for it in self.attempts() if it.outcome is not Outcome.RETRY}

    def receipts(self) -> list[tuple[str, Reason]]:
        """Receipts: subscription and reason."""
        return [(it.subscription, it.reason) for it in self.said(Receipt)]

    def changes(self) -> list[str]:
        """What was announced of endpoints."""
        return [it.what.value for it in self.said(EndpointChanged)]

    def letters(self) -> list[Dead]:
        """What was given up."""
        return self.said(Dead)

    def open(self, endpoint: str = "desk") -> list[str]:
        """Ids of the open deliveries, lane by lane."""
        return [row.delivery.id for row in open_rows(self.state, endpoint)]

    def head(self, endpoint: str = "desk") -> EndpointHead:
        """The endpoint as it is kept."""
        return self.state.get(head_key(endpoint), EndpointHead) or EndpointHead()

    def job(self, one: Delivery) -> Leased:
        """What is to be tried."""
        found = self.machine.job(self.state, one.endpoint, one.id)
        assert found is not None
        return found

    def rows(self, endpoint: str = "desk") -> list[Row]:
        """The open deliveries."""
        return list(open_rows(self.state, endpoint))

    def _note(self, out: Sequence[Event], endpoint: str) -> None:
        self.out += out
        for id, epoch in self.leases(endpoint).items():
            if (id, epoch) not in self._seen:
                self._seen.add((id, epoch))
                self.sent.append((self.at, id, epoch))
