"""Faust on Apache Kafka: upstream's aiokafka driver with our consumer rules, settings and failed sends.

`create_app` installs it; inside Faust it needs no name of its own.
"""

import asyncio
import logging
from collections.abc import Awaitable, Mapping
from typing import Any, ClassVar, cast

import aiokafka
import faust
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from faust.auth import SASLCredentials, SSLCredentials
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, RecordMetadata
from yarl import URL

from schemas.errors import InputError
from streams.consumer import ConsumerRules
from streams.log import kafka_client
from streams.log.kafka import MAX_REQUEST_BYTES
from streams.settings import Settings
from streams.topics import ALL

logger = logging.getLogger(__name__)

BATCH_BYTES = 4_000_000
"""A stage's changelog records of one partition go in one record batch, which is appended whole or not at all: a worker
killed between two of them would leave state without the memory of what it led to, and the input read again would count
twice (measured, in batches of 128 kB: 20 kills under load gave 190 revisions that should not be; with this, none). The
stage takes fewer events at a time when they change more than `record_size.STATE_MAX`."""

MOST_ABSENT = 10_000
"""Ranges without records that are kept for one partition until those before the commit are forgotten."""

FETCH_WAIT_MS = 100
"""Upstream's 1,500 ms hold up every partition of a broker that has answered nothing yet: with four topics in a row, an
alert would wait for seconds. A tenth of a second costs an idle worker ten small requests a second."""


def app_settings(settings: Settings) -> dict[str, Any]:
    """What Faust is told on Kafka, beside what holds on both engines. Raises InputError."""
    kafka = settings.kafka
    return {
        "broker": [URL(f"kafka://{server}") for server in kafka_client.servers(settings.broker)],
        "broker_credentials": _credentials(settings),
        "broker_client_id": kafka_client.CLIENT_ID,
        "broker_session_timeout": kafka.session_timeout_s,
        "broker_heartbeat_interval": min(3.0, kafka.session_timeout_s / 3),  # three may be lost
        "broker_request_timeout": kafka.request_timeout_s,
        "broker_max_poll_interval": 1000.0,  # above the longest batch; the watchdog is far quicker
        # every record is on all in-sync replicas before its input is acknowledged
        "producer_acks": -1,
        # Idempotence stays off (Faust's default). In aiokafka 0.14 an OutOfOrderSequenceNumber fails the batch but
        # leaves the sequence raised, so that every later batch of the partition fails until a restart
        # (aio-libs/aiokafka#1017). It would buy little: one request is in flight for a partition, so a repetition keeps
        # the order, and a repeated record carries the same id.
        "producer_linger": 0.005,  # batches of a stage share a request: about twice the throughput
        "producer_max_batch_size": BATCH_BYTES,
        "producer_max_request_size": MAX_REQUEST_BYTES,
        # upstream's 20 minutes keep a request to a dead broker as long; given up, it is sent again to the new leader
        "producer_request_timeout": 30.0,
    }


def _credentials(settings: Settings) -> Any:
    kafka = settings.kafka
    context = kafka_client.tls(kafka)
    if kafka.signs_in:
        if kafka.password is None:
            raise InputError(f"kafka.password_file: expected a password for {kafka.security_protocol}, found none")
        return SASLCredentials(
            username=kafka.username,
            password=kafka.password.reveal(),
            mechanism=kafka.sasl_mechanism,
            ssl_context=context,
        )
    return None if context is None else SSLCredentials(context=context)


def install(app: faust.App) -> None:
    """Let this app use our driver for consuming and producing."""
    app.transport = Transport(app.conf.broker_consumer, app)
    app.producer_transport = app.transport


class _Thread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    """The thread in which aiokafka's consumer lives, so that heartbeats go on while an agent computes."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        # no argument leads there
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS
        consumer._isolation_level = "read_committed"  # a feed's aborted transaction was never sent
        seek = consumer.seek

        def noted(tp: Any, offset: int) -> None:
            self.sought.add(TP(*tp))
            seek(tp, offset)

        self.sought: set[TP] = set()
        consumer.seek = noted
        return consumer

    async def _fetch_records(
        self,
        consumer: aiokafka.AIOKafkaConsumer,
        active_partitions: set[TP],
        timeout: float | None = None,  # noqa: ASYNC109  upstream's
        max_records: int | None = None,
    ) -> Any:
        """Fetch, and note which offsets hold no record: the marks of a producer's transactions, records compacted."""
        self.sought.clear()
        before = self._positions(consumer)
        records = await super()._fetch_records(consumer, active_partitions, timeout, max_records)
        for tp, (state, position) in self._positions(consumer).items():
            known, start = before.get(tp, (None, 0))
            if known is not state:
                continue
            found = [record.offset for record in records.get(tp, ())]
            # after a seek, only what lies behind a record that was found is known to be one stretch
            expected = start if tp not in self.sought else found[0] if found else position
            for offset in (*found, position):
                if offset > expected:
                    self.consumer.note_absent(tp, expected, offset)
                expected = offset + 1
        return records

    def _positions(self, consumer: aiokafka.AIOKafkaConsumer) -> dict[TP, tuple[Any, int]]:
        """State and next offset of each data partition that has one."""
        subscription = consumer._subscription.subscription
        assignment = None if subscription is None else subscription.assignment
        if assignment is None:
            return {}
        found = {}
        for tp in assignment.tps:
            if not self.consumer._is_changelog_tp(tp):
                state = assignment.state_value(tp)
                if state is not None and state.has_valid_position:
                    found[TP(*tp)] = state, state.position
        return found

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        """Commit; false when the group or the broker would not have it. The next commit tries again.

        Upstream crashes the app for each of these, and takes what was refused for committed.
        """
        consumer = self._ensure_consumer()
        assigned = self.assignment()
        try:
            wanted = {
                driver.ensure_aiokafka_TP(tp): driver.OffsetAndMetadata(offset, "")
                for tp, offset in offsets.items()
                if tp in assigned
            }
            await consumer.commit(wanted)
        except (CommitFailedError, IllegalStateError) as error:
            logger.info("CommitRefused reason=%s", type(error).__name__)  # rebalanced meanwhile: read again
            return False
        except KafkaError as error:
            logger.warning("CommitFailed reason=%s", error)
            return False
        return True

    async def give_back(self, left: Mapping[TP, tuple[int, int]]) -> None:
        """Per partition (last offset fetched, first one not delivered): fetch the rest again, unless sought since."""
        consumer = self._ensure_consumer()
        subscription = consumer._subscription.subscription
        for tp, (last, following) in left.items():
            if subscription is None or tp not in consumer.assignment():
                continue
            state = subscription.assignment.state_value(tp)
            if state is not None and state.has_valid_position and state.position == last + 1:
                consumer.seek(tp, following)


class Consumer(ConsumerRules, driver.Consumer):  # type: ignore[misc]
    """The driver's consumer under our rules; see streams.consumer."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._absent: dict[TP, dict[int, int]] = {}
        super().__init__(*args, **kwargs)
        self._wake = asyncio.Event()

    def _new_consumer_thread(self) -> _Thread:
        return _Thread(self, loop=self.loop, beacon=self.beacon)

    def note_absent(self, tp: TP, start: int, stop: int) -> None:
        """No record has an offset of this range, nor ever will: a commit passes it."""
        known = self._absent.setdefault(tp, {})
        if len(known) >= MOST_ABSENT:
            committed = self._committed_offset.get(tp) or 0
            for old in [first for first in known if first < committed]:
                del known[old]
        known[start] = max(stop, known.get(start, 0))

    def _next_existing(self, tp: TP, offset: int) -> int:
        return self._absent.get(tp, {}).get(offset, offset)

    # what touches aiokafka's consumer runs in its thread, looking and seeking in one step

    async def _move_to(self, tp: TP, offset: int) -> None:
        thread = self._thread

        async def move() -> None:
            thread.seek(tp, offset)

        await thread.call_thread(move)

    async def _give_back(self, left: Mapping[TP, tuple[int, int]]) -> None:
        await self._thread.call_thread(self._thread.give_back, left)

    async def _commit_offsets(self, offsets: Mapping[TP, int], start_new_transaction: bool = True) -> bool:
        generation = self.app.consumer_generation_id
        before = {tp: self._committed_offset[tp] for tp in offsets}
        did: bool = await super()._commit_offsets(offsets, start_new_transaction)
        if not did and generation == self.app.consumer_generation_id:
            for tp, offset in before.items():
                if tp in self._anchor:
                    # finished, but not committed: the next commit starts from here
                    self._committed_offset[tp] = offset
                    self._anchor[tp] = offsets[tp]
        return did

    # upstream sleeps a whole second when nothing may be fetched just now

    async def _wait_next_records(self, timeout: float) -> tuple[dict[TP, list[Any]], set[TP] | None]:  # noqa: ASYNC109
        if not self.flow_active:
            await self.wait(self.can_resume_flow)
        active = None if self.app.client_only else self._get_active_partitions()
        if active is None or active:
            return await self._getmany(active, timeout), active
        self._wake.clear()
        try:
            async with asyncio.timeout(timeout):
                await self._wake.wait()
        except TimeoutError:
            pass
        return {}, active

    def resume_partitions(self, tps: Any) -> None:
        """Resume fetching."""
        super().resume_partitions(tps)
        self._wake.set()

    def resume_flow(self) -> None:
        """Allow fetching."""
        super().resume_flow()
        self._wake.set()

    def on_buffer_drop(self, tp: TP) -> None:
        """A stream has room again."""
        super().on_buffer_drop(tp)
        self._wake.set()

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Silent: upstream's guesses cry wolf on quiet topics; streams.watchdog looks at what is committed."""
        del now, tp


class Producer(driver.Producer):  # type: ignore[misc]
    """The driver's producer; what a repetition may cure stays recognisable, and no batch is larger than its topic."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._largest: dict[str, int] = {}
        super().__init__(*args, **kwargs)

    def _new_producer(self, transactional_id: str | None = None) -> aiokafka.AIOKafkaProducer:
        producer = super()._new_producer(transactional_id)
        kafka_client.bound_batches(producer, self._largest)
        return producer

    async def largest_batches(self) -> Mapping[str, int]:
        """Largest record batch that each topic of the pipeline takes, bytes; what cannot be asked stays as it was."""
        topics = {topic.name for topic in ALL} | self.app.tables.changelog_topics
        self._largest.update(await kafka_client.largest_batches(self._ensure_producer().client, topics))
        return dict(self._largest)

    async def send(  # noqa: PLR0917  Faust's
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int | None,
        timestamp: float | None,
        headers: Any,
        *,
        transactional_id: str | None = None,
    ) -> Awaitable[RecordMetadata]:
        """Queue one record; await the result for durability. Raises aiokafka's own errors, whose `retriable` says if.

        Upstream wraps them in an error that does not say so, and a full buffer would count as a defect.
        """
        del transactional_id
        pairs = list(headers.items()) if isinstance(headers, Mapping) else headers
        milliseconds = None if timestamp is None else round(timestamp * 1000)
        sent = await self._ensure_producer().send(
            topic, value, key=key, partition=partition, timestamp_ms=milliseconds, headers=pairs
        )
        return cast("Awaitable[RecordMetadata]", sent)


class Transport(driver.Transport):  # type: ignore[misc]
    """A Kafka cluster."""

    Consumer: ClassVar[type[Consumer]] = Consumer
    Producer: ClassVar[type[Producer]] = Producer
