"""The only place where deliveries leave. Takes the leases that were granted here, tries, and reports.

What is sent was leased before, durably; what came of it is a record of `deliveries` like any other. A process that dies
in between leaves a lease behind, which ends by itself: then the same message goes out again, under the same id.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from agents.delivery.channels import Answer, Call, Channel, Fault, Http, Job, Result
from agents.delivery.machine import Leased, Machine
from schemas.alert import Alert
from schemas.delivery import Action, Cause, Credentials, Delivery, Endpoint, Order, Report, Verdict
from schemas.errors import LogError
from schemas.event import Event
from streams.delivery.content import Content
from streams.delivery.pace import Pace
from streams.delivery.records import to_deliveries
from streams.delivery.sealing import Sealer, SealError
from streams.delivery.steps import DeliveryStep
from streams.record_size import OutRecord
from streams.stage import InEvent, Stage

log = logging.getLogger(__name__)

DETAIL_MAX = 200
CALLS = 4
"""Most that the longest conversation of a channel takes, in requests: what a lease must outlast."""

MARGIN_S = 10.0
"""What a lease lasts beyond that, seconds."""

IDLE_S = 300.0
"""Connections to an endpoint that has been quiet for so long are closed."""


class Transport(Protocol):
    """Carries out the calls of one kind. Never raises but CancelledError."""

    async def send(self, endpoint: Endpoint, credentials: Credentials, call: Any) -> Answer | Fault:
        """What came of it."""

    async def close_idle(self, older_than_s: float) -> None:
        """Let go of what was not used for so long."""

    async def close(self) -> None:
        """Let go of everything."""


def lease_s(timeout_s: float) -> float:
    """How long a lease lasts when one request may take so long."""
    return CALLS * timeout_s + MARGIN_S


class Sender:
    """Tries what this worker has leased.

    book       endpoints by id
    transports by kind of call
    publish    returns when the records are durable
    timeout_s  of one request
    """

    def __init__(
        self,
        *,
        machine: Machine,
        stage: Stage,
        step: DeliveryStep,
        book: Mapping[str, Endpoint],
        sealer: Sealer,
        content: Content,
        channels: Mapping[str, Channel],
        transports: Mapping[type[Any], Transport],
        publish: Callable[[Sequence[OutRecord]], Awaitable[None]],
        timeout_s: float,
        max_in_flight: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._machine = machine
        self._stage = stage
        self._step = step
        self._book = book
        self._sealer = sealer
        self._content = content
        self._channels = channels
        self._transports = transports
        self._publish = publish
        self._timeout_s = timeout_s
        self._slots = asyncio.Semaphore(max_in_flight)
        self._clock = clock
        self._pace = Pace()
        self._tasks: dict[tuple[str, int], asyncio.Task[None]] = {}
        self._waiting: dict[tuple[str, int], Delivery] = {}  # for a slot: not begun
        self._done: list[Event] = []
        self._writing = asyncio.Lock()
        self._being_written = 0
        self._opened: dict[str, Credentials] = {}
        self._wake = asyncio.Event()
        self._may_write = asyncio.Event()
        self._is_running = self._is_stopping = False

    @property
    def in_flight(self) -> int:
        """Attempts that are not reported yet."""
        return len(self._tasks) + len(self._done) + self._being_written

    def settled(self, events: Sequence[InEvent]) -> None:
        """Begin what these events leased: their state is durable now."""
        state = self._stage.state(self._step.name)
        for key in {event.message.key for event in events}:
            endpoint = (key or b"").decode("utf-8", "replace")
            for lease in self._machine.leased(state, endpoint).items():
                if lease not in self._step.granted:
                    continue
                self._step.granted.discard(lease)
                leased = self._machine.job(state, endpoint, lease[0])
                if leased is not None:
                    self._begin(lease, leased)
        self._step.granted.clear()  # what is left was granted and ended within these events

    def forget(self) -> None:
        """The tables are to hold other partitions: what was granted but not begun is somebody else's."""
        self._step.granted.clear()

    def ready(self) -> None:
        """The app has started: from now on it can write."""
        self._may_write.set()

    def recover(self, endpoints: Iterable[str]) -> None:
        """Nobody else can hold a lease (the log has one owner): those of a process that died end at once."""
        state = self._stage.state(self._step.name)
        for endpoint in endpoints:
            for delivery, epoch in self._machine.leased(state, endpoint).items():
                if (delivery, epoch) not in self._tasks and (delivery, epoch) not in self._step.granted:
                    self._report(_unsent(endpoint, delivery, epoch, Cause.LEASE_EXPIRED, self._now()))

    def endpoint_changed(self, endpoint: str) -> None:
        """Its credentials may be others; what waited for it, perhaps because nobody knew it, goes now."""
        self._opened.clear()
        if endpoint in self._book and self._is_running:
            self._done.append(Order(endpoint=endpoint, action=Action.RETRY, at=self._now(), by="endpoint changed"))
            self._wake.set()

    async def run(self) -> None:
        """Write reports as they come, once the app is ready, until cancelled."""
        self._is_running = True
        await self._may_write.wait()
        looked = time.monotonic()
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(IDLE_S / 5):
                    await self._wake.wait()
            if time.monotonic() - looked >= IDLE_S / 5:  # also while other endpoints are busy
                looked = time.monotonic()
                await asyncio.gather(*(one.close_idle(IDLE_S) for one in set(self._transports.values())))
            try:
                await self._write()
            except Exception as error:
                if not self._is_stopping:
                    raise
                # the producer went first; the leases end by themselves
                log.warning("ReportsNotWritten reason=%s: %s", type(error).__name__, error)

    async def stop(self, patience_s: float) -> None:
        """Begin nothing more, wait for what is under way, give back the rest, close all connections."""
        self._is_stopping = True
        for lease, delivery in self._waiting.items():
            self._tasks[lease].cancel()
            self._report(_unsent(delivery.endpoint, delivery.id, lease[1], Cause.RELEASED, self._now()))
        self._waiting.clear()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks.values(), timeout=patience_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._write()
        await asyncio.gather(*(one.close() for one in set(self._transports.values())))

    async def _write(self) -> None:
        async with self._writing:  # who stops waits for what is being written
            self._wake.clear()
            if not self._may_write.is_set():
                return
            events, self._done = self._done, []
            self._being_written = len(events)
            try:
                if events:
                    await self._publish([to_deliveries(one) for one in events])
            except asyncio.CancelledError:
                self._done = events + self._done  # written again when the sender stops: a report twice changes nothing
                raise
            finally:
                self._being_written = 0

    def _begin(self, lease: tuple[str, int], leased: Leased) -> None:
        self._waiting[lease] = leased.row.delivery
        task = asyncio.create_task(self._attempt(leased), name=f"deliver {lease[0]}")
        self._tasks[lease] = task
        task.add_done_callback(lambda done: self._over(lease, done))

    def _over(self, lease: tuple[str, int], task: "asyncio.Task[None]") -> None:
        if self._tasks.get(lease) is task:  # a new round of the same delivery counts its attempts from 1 again
            del self._tasks[lease]

    async def _attempt(self, leased: Leased) -> None:
        row = leased.row
        delivery = row.delivery
        began = time.monotonic()
        async with self._slots:
            self._waiting.pop((delivery.id, row.tries), None)
            until = row.sending.timestamp() if row.sending is not None else 0.0
            if self._is_stopping or self._clock() > until - self._timeout_s:
                # somebody else may try by now, or soon
                self._report(_unsent(delivery.endpoint, delivery.id, row.tries, Cause.RELEASED, self._now()))
                return
            try:
                async with asyncio.timeout(until - self._clock() - MARGIN_S / 2):
                    result = await self._converse(leased)
            except TimeoutError:
                result = Result(verdict=Verdict.OVERLOADED, cause=Cause.TIMEOUT, may_have_arrived=True)
        self._report(
            Report(
                delivery=delivery.id,
                endpoint=delivery.endpoint,
                epoch=row.tries,
                verdict=result.verdict,
                cause=result.cause,
                at=self._now(),
                status=result.status,
                retry_after_s=result.retry_after_s,
                detail=result.detail[:DETAIL_MAX].encode("utf-8", "replace").decode(),
                duration_ms=round((time.monotonic() - began) * 1000),
                marks=dict(result.marks),
                may_have_arrived=result.may_have_arrived,
            )
        )

    def _report(self, report: Report) -> None:
        self._done.append(report)
        self._wake.set()

    async def _converse(self, leased: Leased) -> Result:
        """Let the channel say what is to be done, and do it."""
        row = leased.row
        delivery = row.delivery
        endpoint = self._book.get(delivery.endpoint)
        if endpoint is None:
            return _failed(Cause.UNKNOWN_ENDPOINT, "nobody has made this endpoint; see `tocsin endpoints add`")
        channel = self._channels.get(endpoint.channel)
        if channel is None:
            return _failed(Cause.UNKNOWN_CHANNEL, f"channel {endpoint.channel} is not known")
        try:
            credentials = self._credentials(endpoint)
        except SealError as error:
            return _failed(Cause.UNREADABLE_CREDENTIALS, str(error))
        try:
            alert = await self._alert(delivery)
        except LogError as error:
            log.warning("AlertNotRead message=%s reason=%s", delivery.message_id, error)
            return _failed(Cause.MISSING_ALERT, "the alert cannot be read now")
        if alert is None and delivery.has_alert:
            return _failed(Cause.MISSING_ALERT, "the alert stands in no topic any more")
        job = Job(
            delivery=delivery,
            alert=alert,
            endpoint=endpoint,
            credentials=credentials,
            marks=leased.marks,
            at=self._now(),
            number=row.tries,
            may_have_arrived=row.may_have_arrived,
        )
        try:
            return await self._talk(channel, job)
        except Exception:  # the edge of a channel: a defect there sets one delivery aside, not the worker
            log.exception("ChannelFailed channel=%s delivery=%s", channel.name, delivery.id)
            return Result(
                verdict=Verdict.REFUSED, cause=Cause.CHANNEL_ERROR, detail="a defect of the channel; see the log"
            )

    async def _talk(self, channel: Channel, job: Job) -> Result:
        conversation = channel.deliver(job)
        try:
            call = next(conversation)
            while True:
                call = conversation.send(await self._carry_out(channel, job, call))
        except StopIteration as end:
            result: Result = end.value
            return result
        finally:
            conversation.close()

    async def _carry_out(self, channel: Channel, job: Job, call: Call) -> Answer | Fault:
        transport = self._transports.get(type(call))
        if transport is None:
            return Fault(cause=Cause.UNKNOWN_CHANNEL, detail=f"nothing here carries out a {type(call).__name__}")
        if channel.per_second is not None and not (isinstance(call, Http) and not call.is_paced):
            await self._pace.wait(job.endpoint.id, channel.per_second, channel.burst)
        return await transport.send(job.endpoint, job.credentials, call)

    def _credentials(self, endpoint: Endpoint) -> Credentials:
        if endpoint.sealed not in self._opened:
            self._opened[endpoint.sealed] = self._sealer.open(endpoint.sealed)
        return self._opened[endpoint.sealed]

    async def _alert(self, delivery: Delivery) -> Alert | None:
        if delivery.alert is not None or not delivery.has_alert:
            return delivery.alert
        return await self._content.find(delivery)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)


def _failed(cause: Cause, detail: str) -> Result:
    return Result(verdict=Verdict.FAILED, cause=cause, detail=detail)


def _unsent(endpoint: str, delivery: str, epoch: int, cause: Cause, at: datetime) -> Report:
    return Report(delivery=delivery, endpoint=endpoint, epoch=epoch, verdict=Verdict.FAILED, cause=cause, at=at)
