"""The sender alone: which leases it begins, what it reports, and how it stops."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from agents.delivery import answers
from agents.delivery.channels import Answer, Conversation, Fault, Http, Job
from agents.delivery.machine import Limits, Machine
from agents.step import MemoryState
from schemas.alert import Alert
from schemas.delivery import Action, Cause, Credentials, Delivery, Endpoint, Order, Report, Verdict
from schemas.errors import LogError
from schemas.event import Event
from schemas.routing import NotificationKind
from streams.delivery.records import read_delivery
from streams.delivery.sealing import Sealer, new_key
from streams.delivery.sender import Sender, lease_s
from streams.delivery.steps import DeliveryStep
from streams.record_size import OutRecord
from streams.routing.records import Received
from tests.agents.delivery.world import delivery
from tests.builders import NOON, an_alert

TIMEOUT_S = 1.0
LEASE = timedelta(seconds=lease_s(TIMEOUT_S))
CALL = Http(method="POST", url="https://receiver.example/", headers={})


class Plain:
    """A channel of one request; `fails` raises before it."""

    name = "webhook"
    per_second: float | None = None
    burst = 1
    concurrency = 4

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.fails: Exception | None = None

    def faults(self, endpoint: Endpoint, credentials: Credentials) -> list[str]:
        return []

    def shown(self, endpoint: Endpoint, credentials: Credentials) -> str:
        return ""

    def deliver(self, job: Job) -> Conversation:
        self.jobs.append(job)
        if self.fails is not None:
            raise self.fails
        answer = yield CALL
        return answers.of_fault(answer) if isinstance(answer, Fault) else answers.classify(answer, now=job.at)


class Wire:
    """Carries out calls: answers when it is let."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.answer: Answer | Fault = Answer(status=204)
        self.lets = asyncio.Event()
        self.lets.set()
        self.is_closed = False

    async def send(self, endpoint: Endpoint, credentials: Credentials, call: Http) -> Answer | Fault:
        self.sent.append(endpoint.id)
        await self.lets.wait()
        return self.answer

    async def close_idle(self, older_than_s: float) -> None:
        """Nothing is idle."""

    async def close(self) -> None:
        self.is_closed = True


class Shelf:
    """Alerts of deliveries."""

    def __init__(self) -> None:
        self.found: Alert | None = an_alert()
        self.fails: Exception | None = None

    async def find(self, _: Delivery) -> Alert | None:
        if self.fails is not None:
            raise self.fails
        return self.found


class Desk:
    """A sender with its table, and what it wrote."""

    def __init__(self, *, slots: int = 200) -> None:
        self.at = NOON
        self.channel, self.wire, self.shelf = Plain(), Wire(), Shelf()
        self.machine = Machine({"webhook": Limits(4, is_paced=False)}, lease=LEASE)
        self.book = {"desk": Endpoint(id="desk", channel="webhook", owner="desk")}
        self.step = DeliveryStep(self.machine, self.book)
        self.state = MemoryState()
        self.sealer = Sealer([new_key()])
        self.written: list[Event] = []
        self.breaks = False
        stage: Any = SimpleNamespace(state=lambda _: self.state)
        content: Any = self.shelf
        self.sender = Sender(
            machine=self.machine,
            stage=stage,
            step=self.step,
            book=self.book,
            sealer=self.sealer,
            content=content,
            channels={"webhook": self.channel},
            transports={Http: self.wire},
            publish=self.publish,
            timeout_s=TIMEOUT_S,
            max_in_flight=slots,
            clock=lambda: self.at.timestamp(),
        )
        self.sender.ready()

    async def publish(self, records: Sequence[OutRecord]) -> None:
        """What the sender writes."""
        if self.breaks:
            raise asyncio.CancelledError
        self.written += [read_delivery(one.value, dict(one.headers)) for one in records]

    def take(self, *deliveries: Delivery, step: DeliveryStep | None = None) -> None:
        """The stage has worked on deliveries; in `step`, if that is another worker's."""
        for one in deliveries:
            (step or self.step).decide(self.state, Received(event=one, at=self.at))
        self.settle(*{one.endpoint for one in deliveries})

    def settle(self, *endpoints: str) -> None:
        """State is durable."""
        events: Any = [SimpleNamespace(message=SimpleNamespace(key=one.encode())) for one in endpoints]
        self.sender.settled(events)

    def reports(self) -> list[tuple[str, int, Cause]]:
        """Delivery, epoch and cause of what was reported."""
        return [(one.delivery, one.epoch, one.cause) for one in self.written if isinstance(one, Report)]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Reports are written as they come."""
        task = asyncio.create_task(self.sender.run())
        await asyncio.sleep(0)
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def until(self, condition: Callable[[], Any]) -> None:
        """The event loop has come so far."""
        async with asyncio.timeout(5):
            while not condition():
                await asyncio.sleep(0)


async def test_what_was_leased_here_is_tried_and_reported() -> None:
    """One job, one request, one report under the epoch of the lease."""
    desk, one = Desk(), delivery(1)
    async with desk.running():
        desk.take(one)
        await desk.until(lambda: desk.written)

    (report,) = desk.written
    assert isinstance(report, Report)
    assert report == Report(
        delivery=one.id,
        endpoint="desk",
        epoch=1,
        verdict=Verdict.DELIVERED,
        cause=Cause.OK,
        at=NOON,
        status=204,
        detail="204 No Content",
        duration_ms=report.duration_ms,
    )
    (job,) = desk.channel.jobs
    assert (job.delivery, job.alert, job.number, job.may_have_arrived) == (one, an_alert(), 1, False)
    assert desk.sender.in_flight == 0


async def test_what_another_worker_leased_is_left_to_it() -> None:
    """The table names a lease that was not granted in this process."""
    desk, one = Desk(), delivery(1)
    async with desk.running():
        desk.take(one, step=DeliveryStep(desk.machine, desk.book))
        await asyncio.sleep(0.02)

    assert desk.machine.leased(desk.state, "desk") == {one.id: 1}
    assert desk.wire.sent == []
    assert desk.sender.in_flight == 0


async def test_a_lease_is_begun_once() -> None:
    """The endpoint's state settles again while the request is under way."""
    desk = Desk()
    desk.wire.lets.clear()
    desk.take(delivery(1))
    desk.settle("desk")
    await desk.until(lambda: desk.wire.sent)
    desk.settle("desk")
    await asyncio.sleep(0.02)
    assert desk.wire.sent == ["desk"]
    await desk.sender.stop(0)


async def test_leases_that_were_granted_before_a_rebalance_are_not_begun() -> None:
    """The tables hold other partitions by then."""
    desk, one = Desk(), delivery(1)
    desk.step.decide(desk.state, Received(event=one, at=NOON))
    desk.sender.forget()
    desk.settle("desk")
    await asyncio.sleep(0)
    assert desk.sender.in_flight == 0


async def test_leases_of_a_dead_process_end_at_once() -> None:
    """All that stand in the table but were not granted here; what is under way here goes on."""
    desk, own, foreign = Desk(), delivery(1), delivery(2, endpoint="other")
    desk.wire.lets.clear()
    desk.take(foreign, step=DeliveryStep(desk.machine, desk.book))
    desk.take(own)
    async with desk.running():
        await desk.until(lambda: desk.wire.sent)
        desk.sender.recover(["desk", "other"])
        await desk.until(lambda: desk.written)

    assert desk.reports() == [(foreign.id, 1, Cause.LEASE_EXPIRED)]
    await desk.sender.stop(0)


def no_endpoint(desk: Desk) -> None:
    """Nobody has made it."""
    del desk.book["desk"]


def no_channel(desk: Desk) -> None:
    """Of a newer version."""
    desk.book["desk"] = Endpoint(id="desk", channel="pigeon", owner="desk")


def no_key(desk: Desk) -> None:
    """Sealed by somebody else."""
    sealed = Sealer([new_key()]).seal(Credentials(token="xoxb-1"))
    desk.book["desk"] = Endpoint(id="desk", channel="webhook", owner="desk", sealed=sealed)


def no_alert(desk: Desk) -> None:
    """Retention took it."""
    desk.shelf.found = None


def no_log(desk: Desk) -> None:
    """The broker is away."""
    desk.shelf.fails = LogError("the broker is away")


@pytest.mark.parametrize(
    ("breaks", "cause"),
    [
        (no_endpoint, Cause.UNKNOWN_ENDPOINT),
        (no_channel, Cause.UNKNOWN_CHANNEL),
        (no_key, Cause.UNREADABLE_CREDENTIALS),
        (no_alert, Cause.MISSING_ALERT),
        (no_log, Cause.MISSING_ALERT),
    ],
)
async def test_what_cannot_be_tried_is_reported_as_a_failure(breaks: Callable[[Desk], None], cause: Cause) -> None:
    """Nothing is sent; it is tried again on schedule."""
    desk, one = Desk(), delivery(1)
    breaks(desk)
    async with desk.running():
        desk.take(one)
        await desk.until(lambda: desk.written)

    assert desk.reports() == [(one.id, 1, cause)]
    assert [one.verdict for one in desk.written if isinstance(one, Report)] == [Verdict.FAILED]
    assert desk.wire.sent == []


async def test_a_digest_and_a_test_need_no_topic() -> None:
    """A digest is told without an alert, and a test brings its own."""
    desk = Desk()
    desk.shelf.fails = LogError("nobody needs to look")
    digest = delivery(1, story="a", kind=NotificationKind.DIGEST)
    trial = delivery(2, story="b", alert=an_alert(headline="a test"), endpoint="other")
    desk.book["other"] = Endpoint(id="other", channel="webhook", owner="desk")
    async with desk.running():
        desk.take(digest, trial)
        await desk.until(lambda: len(desk.written) == 2)

    assert {one.delivery.id: one.alert for one in desk.channel.jobs} == {digest.id: None, trial.id: trial.alert}


async def test_a_defect_of_a_channel_sets_one_delivery_aside(caplog: pytest.LogCaptureFixture) -> None:
    """It is refused, the log says why, and nothing of the error's text gets into the report; others go on."""
    desk, bad, good = Desk(), delivery(1), delivery(2, endpoint="other")
    desk.book["other"] = desk.book["desk"]
    desk.channel.fails = ZeroDivisionError("with a secret in it")
    async with desk.running():
        desk.take(bad)
        await desk.until(lambda: desk.written)
        desk.channel.fails = None
        desk.take(good)
        await desk.until(lambda: len(desk.written) == 2)

    first, second = desk.written
    assert isinstance(first, Report)
    assert isinstance(second, Report)
    assert (first.verdict, first.cause) == (Verdict.REFUSED, Cause.CHANNEL_ERROR)
    assert "secret" not in first.detail
    assert second.verdict is Verdict.DELIVERED
    assert f"ChannelFailed channel=webhook delivery={bad.id}" in caplog.text


async def test_credentials_are_read_again_when_an_endpoint_changes() -> None:
    """The next attempt has the new ones, and what waits is hurried."""
    desk = Desk()
    for number, token in enumerate(("xoxb-old", "xoxb-new"), 1):
        sealed = desk.sealer.seal(Credentials(token=token))
        desk.book["desk"] = Endpoint(id="desk", channel="webhook", owner="desk", sealed=sealed)
        async with desk.running():
            desk.sender.endpoint_changed("desk")
            desk.take(delivery(number, endpoint="desk", story=f"story-{number}"))
            await desk.until(lambda: len(desk.written) == 2 * len(desk.channel.jobs) == 2 * number)  # noqa: B023
            for one in [one for one in desk.written if isinstance(one, Report)]:
                desk.step.decide(desk.state, Received(event=one, at=NOON))

    assert [one.credentials.token for one in desk.channel.jobs] == ["xoxb-old", "xoxb-new"]
    assert len(desk.sender._opened) == 1  # the old ones are not kept
    orders = [one for one in desk.written if isinstance(one, Order)]
    assert [(one.endpoint, one.action) for one in orders] == [("desk", Action.RETRY)] * 2


async def test_an_attempt_ends_before_its_lease() -> None:
    """A transport that is late: nobody else may try while this one still might."""
    desk, one = Desk(), delivery(1)
    desk.wire.lets.clear()
    desk.step.decide(desk.state, Received(event=one, at=NOON))
    desk.at = NOON + LEASE - timedelta(seconds=5.02)
    async with desk.running():
        desk.settle("desk")
        await desk.until(lambda: desk.written)

    (report,) = desk.written
    assert isinstance(report, Report)
    assert (report.verdict, report.cause, report.may_have_arrived) == (Verdict.OVERLOADED, Cause.TIMEOUT, True)


async def test_a_lease_that_is_nearly_over_is_given_back() -> None:
    """It waited for a slot for so long that another worker may try soon."""
    desk, one = Desk(), delivery(1)
    desk.step.decide(desk.state, Received(event=one, at=NOON))
    desk.at = NOON + LEASE - timedelta(seconds=TIMEOUT_S / 2)
    async with desk.running():
        desk.settle("desk")
        await desk.until(lambda: desk.written)

    assert desk.reports() == [(one.id, 1, Cause.RELEASED)]
    assert desk.wire.sent == []


def crowd(desk: Desk, count: int) -> list[Delivery]:
    """As many deliveries under way or waiting for a slot, each to an endpoint of its own."""
    found = [delivery(number, endpoint=f"desk-{number}") for number in range(count)]
    for one in found:
        desk.book[one.endpoint] = Endpoint(id=one.endpoint, channel="webhook", owner="desk")
    desk.take(*found)
    return found


async def test_a_stop_waits_for_answers_and_gives_back_what_was_not_begun() -> None:
    """Two under way, two in the queue: the two answers are written, the others go to whoever comes next."""
    desk = Desk(slots=2)
    desk.wire.lets.clear()
    crowd(desk, 4)
    await desk.until(lambda: len(desk.wire.sent) == 2)
    begun = set(desk.wire.sent)
    stopping = asyncio.create_task(desk.sender.stop(5))
    await asyncio.sleep(0.02)
    assert not stopping.done()
    desk.wire.lets.set()
    await stopping

    causes = {one.endpoint: one.cause for one in desk.written if isinstance(one, Report)}
    assert causes == {f"desk-{n}": Cause.OK if f"desk-{n}" in begun else Cause.RELEASED for n in range(4)}
    assert len(desk.written) == 4
    assert set(desk.wire.sent) == begun
    assert desk.wire.is_closed


async def test_a_stop_loses_patience() -> None:
    """What has no answer is not reported: nobody knows. What was not begun is given back all the same."""
    desk = Desk(slots=1)
    desk.wire.lets.clear()
    crowd(desk, 3)
    await desk.until(lambda: desk.wire.sent)
    (begun,) = desk.wire.sent
    await desk.sender.stop(0.02)

    causes = {one.endpoint: one.cause for one in desk.written if isinstance(one, Report)}
    assert causes == {f"desk-{n}": Cause.RELEASED for n in range(3) if f"desk-{n}" != begun}
    assert desk.sender.in_flight == 0


async def test_after_a_stop_nothing_is_begun() -> None:
    """The stage may still grant leases: they are given back."""
    desk, one = Desk(), delivery(1)
    async with desk.running():
        await desk.sender.stop(0)
        desk.take(one)
        await desk.until(lambda: desk.written)

    assert desk.reports() == [(one.id, 1, Cause.RELEASED)]
    assert desk.wire.sent == []


async def test_reports_that_were_being_written_are_written_again_at_the_end() -> None:
    """The writer is cancelled in the middle."""
    desk, one = Desk(), delivery(1)
    desk.breaks = True
    async with desk.running():
        desk.take(one)
        await desk.until(lambda: desk.wire.sent and not desk.sender._tasks)
        await asyncio.sleep(0.02)
    desk.breaks = False
    await desk.sender.stop(1)
    assert desk.reports() == [(one.id, 1, Cause.OK)]
