"""Routing on the agent body: time from the record, no counting twice, nothing kept for a step without state."""

from datetime import timedelta
from typing import Any

import pytest

from agents.routing.book import Book
from agents.routing.pacing import Pacing
from agents.routing.story import StoryRouting
from schemas.codec import alert_to_record, decode, encode
from schemas.errors import DecodeError
from schemas.routing import Notification, Reason, Receipt, Tick
from schemas.subscription import Budget
from streams import topics
from streams.dead_letters import DeadLetterLimit
from streams.pipeline import by_position
from streams.routing import records
from streams.routing.records import KIND
from streams.routing.steps import Intake, PacingStep, RoutingStep, by_content
from streams.stage import Binding, OutRecord, Stage
from tests.agents.routing.builders import a_subscription, an_alert, raised
from tests.builders import NOON
from tests.streams.test_stage import FakeStream, FakeTable, Message

AT = NOON.timestamp()


class Bench:
    """One stage of routing with everything around it in memory."""

    def __init__(self, binding: Any, decoded: Any, route: Any, receive: Any = ...) -> None:
        self.journal: list[Any] = []
        self.sent: list[OutRecord] = []
        self.stage = Stage(
            "routing",
            [binding],
            decode=decoded,
            route=route,
            send=self._send,
            log_id="log",
            limit=DeadLetterLimit(100, clock=lambda: 0.0),
            die=lambda code, why: self.journal.append((code, why)),
            receive=records.Receiver() if receive is ... else receive,
        )

    async def _send(self, record: OutRecord) -> Any:
        self.sent.append(record)

        async def done() -> None:
            return None

        return done()

    async def feed(self, record: OutRecord, offset: int, at: float = AT) -> list[OutRecord]:
        """What the stage publishes for one record, its changelog left out."""
        self.sent.clear()
        message = Message(record.value or b"", offset, record.topic, 0, at, record.key, list(record.headers))
        await self.stage.run(FakeStream(self.journal, [[message]]))
        return [one for one in self.sent if one.topic != "changelog"]


def routing(book: Book) -> Bench:
    binding = Binding(RoutingStep(StoryRouting(book)), FakeTable([]), by_position, counts_inputs=True)
    return Bench(binding, records.read_routed, records.to_pacing)


def pacing(book: Book) -> Bench:
    binding = Binding(PacingStep(Pacing(book)), FakeTable([]), by_content, counts_inputs=True)
    return Bench(binding, records.read_paced, records.to_readers)


def a_book(**settings: Any) -> Book:
    book = Book()
    book.put(a_subscription(**({"group_wait_s": 0, "group_interval_s": 0} | settings)))
    return book


async def test_intake_hands_an_alert_on_unchanged_and_keeps_nothing() -> None:
    """The same alert under the story's key; no changelog."""
    bench = Bench(Binding(Intake(), None, None), records.read_alert, records.to_routing, receive=None)
    alert = raised(3)
    (out,) = await bench.feed(OutRecord(topics.ALERTS_ESCALATIONS.name, *alert_to_record(alert)), 0)
    assert (out.topic, out.key) == (topics.ROUTING.name, alert.story.encode())
    assert records.read_routed(out.value, dict(out.headers)) == alert
    assert bench.sent == [out]


async def test_time_is_that_of_the_record() -> None:
    """A notification is stamped with when its alert was written, whenever it is processed."""
    (out,) = await routing(a_book()).feed(records.to_routing(raised(3)), 0, at=AT + 5)
    assert decode(Notification, out.value).at == NOON + timedelta(seconds=5)


async def test_a_tick_is_never_before_the_time_that_it_tells() -> None:
    """Kafka cuts the times of records to milliseconds; the group would have to wait for another tick."""
    bench = routing(a_book(group_wait_s=20))
    assert await bench.feed(records.to_routing(raised(3)), 0, at=AT + 0.0005) == []
    tick = Tick(key="story-1", at=NOON + timedelta(seconds=20, microseconds=500))
    (out,) = await bench.feed(records.to_routing(tick), 1, at=AT + 20.0)
    assert decode(Notification, out.value).items[0].message_id == raised(3).id


async def test_a_clock_that_is_set_back_takes_no_story_back() -> None:
    """The time of a record is at least that of those before it in its partition, but for times that cannot be."""
    receive = records.Receiver(lambda: AT)
    tick = Tick(key="a", at=NOON - timedelta(days=1))
    ats = [
        receive(tick, Message(b"", partition=partition, timestamp=AT + at)).at
        for partition, at in ((0, 0), (0, -3600), (1, -3600), (0, 5), (0, 9e9), (0, 6))
    ]
    hour = timedelta(hours=1)
    far = NOON + timedelta(seconds=9e9)
    assert ats == [NOON, NOON, NOON - hour, NOON + timedelta(seconds=5), far, NOON + timedelta(seconds=6)]


@pytest.mark.parametrize("stamp", [-1.0, 0.0, float("1e300")], ids=str)
async def test_any_time_of_a_record_can_be_taken(stamp: Any) -> None:
    """A foreign producer may write anything; nothing becomes a dead letter for it."""
    (out,) = await routing(a_book()).feed(records.to_routing(raised(3)), 0, at=stamp)
    assert out.topic == topics.PACING.name


async def test_what_is_decided_again_after_a_crash_is_not_counted_twice() -> None:
    """A notification that stands twice in `pacing` is held back once and goes out once."""
    book = a_book(budget=Budget(limit=1, per_s=3600))
    upstream, bench = routing(book), pacing(book)
    told = [(await upstream.feed(records.to_routing(an_alert(alert_id=f"al_{n}")), n))[0] for n in range(3)]

    await bench.feed(told[0], 0)
    held = await bench.feed(told[1], 1)
    again = [*await bench.feed(told[0], 2), *await bench.feed(told[1], 3)]
    over = await bench.feed(records.to_pacing(Tick(key=a_subscription().id, at=NOON)), 4, at=AT + 3601)

    assert held == []
    assert [decode(Notification, one.value).id for one in again] == [decode(Notification, told[0].value).id]
    (digest,) = [decode(Notification, one.value) for one in over]
    assert [item.alert_id for item in digest.items] == ["al_1"]


async def test_an_input_that_led_to_nothing_is_remembered_where_inputs_are_counted() -> None:
    """Else what is held back would be taken for its own predecessor, and closed as if something had replaced it."""
    book = a_book(budget=Budget(limit=1, per_s=3600))
    upstream, bench = routing(book), pacing(book)
    told = [(await upstream.feed(records.to_routing(an_alert(alert_id=f"al_{n}")), n))[0] for n in range(2)]
    for offset, one in enumerate((*told, told[1])):
        found = await bench.feed(one, offset)
    assert found == []


async def test_receipts_go_back_to_their_story() -> None:
    """Only routing knows who is owed what."""
    receipt = Receipt(
        story="story-1", subscription="s", alert_id="al_1", message_id="msg_1", reason=Reason.SENT, at=NOON
    )
    out = records.to_readers(receipt)
    assert (out.topic, out.key) == (topics.ROUTING.name, b"story-1")
    assert records.read_routed(out.value, dict(out.headers)) == receipt


@pytest.mark.parametrize("kind", [None, b"", b"notification", b"\xff"], ids=repr)
def test_a_record_that_does_not_say_what_it_is_is_refused(kind: bytes | None) -> None:
    """It becomes a dead letter, not a defect."""
    headers = {} if kind is None else {KIND: kind}
    with pytest.raises(DecodeError, match="tocsin-kind: expected alert, receipt, tick, found"):
        records.read_routed(encode(Tick(key="a", at=NOON)), headers)
