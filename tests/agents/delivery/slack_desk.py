"""A desk with one Slack channel for tests: deliveries one after another, on a clock that only the test moves."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from agents.delivery.channels import Answer, Fault, Http, Job, Result
from agents.delivery.channels.slack import Slack
from schemas.alert import Alert, MessageType
from schemas.delivery import Credentials, Delivery, Endpoint, Verdict
from schemas.event import Severity
from schemas.identity import delivery_id
from schemas.routing import NotificationKind
from tests.agents.delivery.jobs import an_item
from tests.agents.routing.builders import cancelled, later, said
from tests.builders import NOON
from tests.streams.delivery import slack_double as double

replace = msgspec.structs.replace


def an_endpoint(**settings: str) -> Endpoint:
    """The Slack channel of the desk."""
    return Endpoint(id="desk", channel="slack", owner="desk", settings={"channel": double.CHANNEL} | settings)


def a_delivery(alert: Alert, *, item: dict[str, Any] | None = None, **changes: Any) -> Delivery:
    """One message for the desk; a correction where the alert is one."""
    is_correction = alert.data.msgtype is not MessageType.ALERT
    fields: dict[str, Any] = {
        "id": delivery_id(alert.id, "desk"),
        "message_id": alert.id,
        "endpoint": "desk",
        "channel": "slack",
        "subscription": "sub_1",
        "owner": "desk",
        "story": alert.story,
        "thread": f"slack/desk/{alert.story}",
        "kind": NotificationKind.CORRECTION if is_correction else NotificationKind.MESSAGE,
        "items": (an_item(alert, **(item or {})),),
        "at": NOON,
        "is_correction": is_correction,
        "references": alert.data.references,
    }
    return Delivery(**(fields | changes))


def a_digest(*alerts: Alert, **changes: Any) -> Delivery:
    """What was held back."""
    lead = a_delivery(alerts[0])
    fields: dict[str, Any] = {
        "id": "dlv_digest",
        "message_id": "ntf_1",
        "story": "",
        "thread": "slack/desk",
        "kind": NotificationKind.DIGEST,
        "items": tuple(an_item(alert) for alert in alerts),
        "is_correction": False,
    }
    return replace(lead, **(fields | changes))


class Desk:
    """Delivers to the double as the product does: paced, with marks kept, on a clock of its own.

    spent  seconds since the beginning
    """

    def __init__(self, *, latency_s: float = 0.1, credentials: Credentials | None = None, **settings: str) -> None:
        self.spent = 0.0
        self.slack = double.Slack(clock=lambda: self.now.timestamp())
        self.channel = Slack()
        self.endpoint = an_endpoint(**settings)
        self.credentials = credentials or Credentials(token=double.TOKEN)
        self.marks: dict[str, dict[str, str]] = {}
        self.calls: list[Http] = []
        self._latency = latency_s
        self._bucket = double.Bucket(self.channel.per_second or 1e9, self.channel.burst)

    @property
    def now(self) -> datetime:
        """What the clock says."""
        return NOON + timedelta(seconds=self.spent)

    def attempt(self, delivery: Delivery, alert: Alert | None, *, number: int = 1, **job: Any) -> Result:
        """One attempt."""
        marks = self.marks.setdefault(delivery.thread, {})
        talk = self.channel.deliver(
            Job(
                delivery=delivery,
                alert=alert,
                endpoint=self.endpoint,
                credentials=self.credentials,
                marks=dict(marks),
                at=self.now,
                number=number,
                **job,
            )
        )
        answer: Answer | Fault | None = None
        while True:
            try:
                call = talk.send(answer) if answer is not None else next(talk)
            except StopIteration as end:
                result: Result = end.value
                break
            assert isinstance(call, Http)
            self.calls.append(call)
            if call.is_paced and (wait := self._bucket.wait(self.spent)):
                self.spent += wait
                self._bucket.wait(self.spent)
            answer = self.slack.answer(call)
            self.spent += self._latency
        for name, value in result.marks.items():
            marks.pop(name, None)
            if value is not None:
                marks[name] = value
        return result

    def deliver(self, delivery: Delivery, alert: Alert | None) -> int:
        """Attempts until it is delivered, after the waits that a receiver asks for; how many it took."""
        may_have_arrived = False
        for number in range(1, 11):
            result = self.attempt(delivery, alert, number=number, may_have_arrived=may_have_arrived)
            if result.verdict is Verdict.DELIVERED:
                return number
            may_have_arrived |= result.may_have_arrived
            self.spent += max(60.0, result.retry_after_s or 0) if result.verdict is Verdict.OVERLOADED else 5.0
        raise AssertionError(result)

    def tell(self, *alerts: Alert, **changes: Any) -> None:
        """Deliver messages one after another."""
        for alert in alerts:
            self.deliver(a_delivery(alert, **changes), alert)


def five() -> list[Alert]:
    """Five alerts of one story."""
    return [said("Jane Roe", statement=f"st_{n}", headline=f"Jane Roe: “Gate {n} is shut”") for n in range(5)]


__all__ = [
    "NOON",
    "UTC",
    "Desk",
    "Severity",
    "a_delivery",
    "a_digest",
    "an_endpoint",
    "an_item",
    "cancelled",
    "five",
    "later",
    "said",
]
