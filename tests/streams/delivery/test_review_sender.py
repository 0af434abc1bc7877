"""What goes wrong around the sender: a log that is slow, away, not open yet or closed already."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec

from agents.delivery.channels import Conversation, Job, Result
from schemas.delivery import Action, Cause, Order, Report, Verdict
from schemas.errors import LogError
from schemas.event import Event
from streams.record_size import OutRecord
from streams.routing.records import Received
from tests.agents.delivery.world import delivery
from tests.builders import NOON
from tests.streams.delivery.test_sender import CALL, Desk, Plain


class SlowDesk(Desk):
    """Its log writes when it is let, or fails."""

    def __init__(self) -> None:
        super().__init__()
        self.lets = asyncio.Event()
        self.writes = asyncio.Event()
        self.failure: Exception | None = None

    async def publish(self, records: Sequence[OutRecord]) -> None:
        """What the sender writes."""
        self.writes.set()
        await self.lets.wait()
        if self.failure is not None:
            raise self.failure
        await super().publish(records)

    def decide(self, *events: Event) -> None:
        """The stage has worked on these in one batch."""
        for event in events:
            self.step.decide(self.state, Received(event=event, at=self.at))
        self.settle("desk")


class Garbled(Plain):
    """A receiver whose words are no text."""

    def deliver(self, job: Job) -> Conversation:
        del job
        yield CALL
        return Result(verdict=Verdict.DELIVERED, cause=Cause.OK, detail="half \ud800 and more")


async def turns(count: int = 20) -> None:
    """Let others work."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_leases_that_ended_before_they_were_begun_are_forgotten() -> None:
    """Granted and dropped within one batch: nothing is kept for it."""
    desk, one = SlowDesk(), delivery(1)
    desk.decide(one, Order(endpoint="desk", action=Action.DROP, at=NOON, delivery=one.id))
    assert (desk.step.granted, desk.sender.in_flight) == (set(), 0)


async def test_a_report_that_is_being_written_is_in_flight() -> None:
    """Nobody may think that all is done before it stands in the log."""
    desk = SlowDesk()
    async with desk.running():
        desk.take(delivery(1))
        await desk.until(desk.writes.is_set)
        assert desk.sender.in_flight == 1
        desk.lets.set()
        await desk.until(lambda: desk.sender.in_flight == 0)
    assert len(desk.reports()) == 1


async def test_who_stops_waits_for_what_is_being_written() -> None:
    """The producer may be closed when `stop` returns."""
    desk = SlowDesk()
    async with desk.running():
        desk.take(delivery(1))
        await desk.until(desk.writes.is_set)
        stopping = asyncio.create_task(desk.sender.stop(1.0))
        await turns()
        assert not stopping.done()
        desk.lets.set()
        await stopping
        assert len(desk.reports()) == 1


async def test_nothing_is_written_before_the_app_is_ready() -> None:
    """It has no producer yet; what is to be said is said then."""
    desk = SlowDesk()
    desk.lets.set()
    desk.sender._may_write.clear()
    async with desk.running():
        desk.sender.endpoint_changed("desk")
        await turns()
        assert not desk.writes.is_set()
        desk.sender.ready()
        await desk.until(lambda: desk.written)
    assert [type(one) for one in desk.written] == [Order]


async def test_what_is_granted_after_the_producer_has_gone_ends_no_process() -> None:
    """A last batch may lease while the app stops; such a lease ends by itself."""
    desk = SlowDesk()
    desk.lets.set()
    task = asyncio.create_task(desk.sender.run())
    await asyncio.sleep(0)
    await desk.sender.stop(1.0)
    desk.failure = LogError("closed")
    desk.take(delivery(1))
    await desk.until(desk.writes.is_set)
    await turns()
    is_over, sent = task.done(), list(desk.wire.sent)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert (is_over, sent) == (False, [])


async def test_what_a_receiver_says_can_always_be_written() -> None:
    """Half a character in its words ends no process."""
    desk = Desk()
    desk.channel = Garbled()
    channels: Any = desk.sender._channels
    channels["webhook"] = desk.channel
    async with desk.running():
        desk.take(delivery(1))
        await desk.until(lambda: desk.written)
    assert [one.detail for one in desk.written if isinstance(one, Report)] == ["half ? and more"]


async def test_an_attempt_of_an_earlier_round_takes_nothing_of_the_new_one_with_it() -> None:
    """Both count from 1; the new one is waited for when the old one has ended."""
    desk, one = SlowDesk(), delivery(1)
    desk.wire.lets.clear()
    desk.decide(one)
    await desk.until(lambda: len(desk.wire.sent) == 1)
    old = next(task for task in asyncio.all_tasks() if task.get_name() == f"deliver {one.id}")
    drop = Order(endpoint="desk", action=Action.DROP, at=NOON, delivery=one.id)
    desk.decide(drop, msgspec.structs.replace(one, round=2))
    await desk.until(lambda: len(desk.wire.sent) == 2)
    old.cancel()
    await asyncio.gather(old, return_exceptions=True)
    await turns()
    assert desk.sender.in_flight == 1
    desk.lets.set()
    desk.wire.lets.set()
    await desk.sender.stop(1.0)
    assert desk.reports() == [(one.id, 1, Cause.OK)]
