"""What the steps of delivery add to the state machine: who may send, and who hears of a disabled endpoint."""

from datetime import timedelta

import pytest

from agents.delivery.channels import Answer, Call, Http, Job, Line, Mail, Notice
from agents.delivery.channels.catalogue import CHANNELS
from agents.delivery.machine import Machine
from agents.step import MemoryState
from schemas.delivery import Cause, Credentials, Delivery, Endpoint, Report, Verdict
from schemas.event import Event
from schemas.routing import NotificationKind
from streams.delivery.steps import DeliveryStep
from streams.routing.records import Received
from tests.agents.delivery.jobs import CREDENTIALS, SETTINGS
from tests.agents.delivery.world import LEASE, LIMITS, delivery
from tests.builders import NOON

BOOK = {
    "desk": Endpoint(id="desk", channel="webhook", owner="desk", fallback="night"),
    "night": Endpoint(id="night", channel="mail", owner="night"),
}


class Desk:
    """The step and its state."""

    def __init__(self, book: dict[str, Endpoint]) -> None:
        self.step = DeliveryStep(Machine(LIMITS, lease=LEASE), book)
        self.state = MemoryState()

    def take(self, event: Event) -> list[Event]:
        """What one record leads to."""
        return list(self.step.decide(self.state, Received(event=event, at=NOON + timedelta(minutes=1))))

    def gone(self) -> list[Delivery]:
        """An endpoint says 410; the deliveries that follow from it."""
        one, two = delivery(1), delivery(2)
        self.take(one)
        self.take(two)
        report = Report(
            delivery=one.id,
            endpoint="desk",
            epoch=1,
            verdict=Verdict.GONE,
            cause=Cause.HTTP_STATUS,
            at=NOON,
            status=410,
        )
        return [event for event in self.take(report) if isinstance(event, Delivery)]


def test_only_what_was_granted_here_is_for_us_to_send() -> None:
    """A lease that stands in the state already was granted by somebody else."""
    one, two = delivery(1), delivery(2, story="story-2")
    desk = Desk(BOOK)
    desk.take(one)
    assert desk.step.granted == {(one.id, 1)}
    desk.step.granted.clear()
    desk.take(two)
    assert desk.step.granted == set()


def test_whoever_answers_for_an_endpoint_hears_that_it_is_disabled() -> None:
    """At the endpoint that was named for it; without one nobody else does."""
    (told,) = Desk(BOOK).gone()
    assert (told.endpoint, told.channel, told.kind) == ("night", "mail", NotificationKind.NOTICE)
    assert told.lead.headline == (
        "Endpoint desk takes nothing any more: the receiver says so; 1 message that waited for it was dropped"
    )
    assert Desk({"night": BOOK["night"]}).gone() == []
    assert Desk(BOOK | {"desk": Endpoint(id="desk", channel="webhook", owner="desk")}).gone() == []


@pytest.mark.parametrize("name", sorted(CHANNELS))
def test_every_channel_can_tell_a_notice(name: str) -> None:
    """In the words of the notice, and nothing about alerts held back."""
    (told,) = Desk(BOOK).gone()
    endpoint = Endpoint(id="night", channel=name, owner="night", settings=SETTINGS[name])
    job = Job(
        delivery=told,
        alert=None,
        endpoint=endpoint,
        credentials=CREDENTIALS.get(name, Credentials()),
        marks={},
        at=NOON,
        number=1,
    )
    said = _said(next(CHANNELS[name].deliver(job)))
    assert "Endpoint desk takes nothing any more" in said
    assert "held back" not in said.lower()


def _said(call: Call | Answer) -> str:
    match call:
        case Http():
            return call.body.decode()
        case Mail():
            return call.content.decode().replace("=\r\n", "").replace("\r\n ", " ")
        case Line():
            return call.text.decode()
        case Notice():
            return f"{call.title} {call.body}"
    raise AssertionError(call)
