"""The Faust transport over the embedded log: `faust.App(broker="embedded:///var/lib/tocsin")`, no broker needed.

Faust finds it by the entry point `embedded` of the group `faust.transports`. Faust's own assignor, fetcher, conductor,
producer buffer and table recovery run unchanged; this process is the only member of its group.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar, cast

from faust.transport import base
from faust.types import TP, ConsumerMessage, RecordMetadata
from faust.types.enums import ProcessingGuarantee
from mode.utils.times import want_seconds

from schemas.codec import Headers
from schemas.errors import InputError, LogError
from streams.consumer import ConsumerRules
from streams.log.address import parse_address
from streams.log.embedded import Log
from streams.log.partitioner import Partitioner
from streams.log.record import TopicPartition, TopicSpec, checked_body, checked_headers
from streams.log.storage import Row

logger = logging.getLogger(__name__)

MAX_POLL_RECORDS = 500


class _Cluster:
    """What Faust's assignor asks of a client's cluster metadata."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        spec = self._log.topics.get(topic)
        return None if spec is None else set(range(spec.partitions))


class Consumer(ConsumerRules, base.Consumer):  # type: ignore[misc]
    """Reads the log for one app, which is assigned every partition."""

    MEMBER: ClassVar[str] = "embedded"

    def __init__(self, transport: "Transport", *args: Any, **kwargs: Any) -> None:
        super().__init__(transport, *args, **kwargs)
        self._log: Log
        self._assigned: set[TP] = set()
        self._positions: dict[TP, int] = {}
        self._wake = asyncio.Event()
        self._generation = 0
        self._rebalancing = asyncio.Lock()
        configured: int = self.app.conf.broker_max_poll_records or MAX_POLL_RECORDS
        self._max_poll = 1 if transport.address.drain == "message" else configured

    async def on_start(self) -> None:
        """Open the log, or join it where this process has it open already."""
        self._log = self.transport.open()
        self._log.waiters.add(self._wake)

    async def on_stop(self) -> None:
        """Commit what is finished, unless the log has failed, and let go of the log."""
        try:
            await super().on_stop()
        except LogError as error:
            logger.error("ConsumerStoppedUncommitted: %s", error)
        finally:
            self._log.waiters.discard(self._wake)
            await self.transport.release()

    # -- topics

    async def create_topic(self, topic: str, partitions: int, replication: int, **kwargs: Any) -> None:
        """Create a topic; replication has no meaning here."""
        await self.transport.create_topic(topic, partitions, **kwargs)

    def topic_partitions(self, topic: str) -> int | None:
        """Number of partitions, or None for an unknown topic."""
        spec = self._log.topics.get(topic)
        return None if spec is None else spec.partitions

    def key_partition(self, topic: str, key: bytes | None, partition: int | None = None) -> int:
        """The partition given, or the key's."""
        return cast(int, self.transport.partition(topic, key, partition))

    # -- the group: one member, Faust's own assignor

    async def subscribe(self, topics: Iterable[str]) -> None:
        """Create what is missing, then rebalance in the background.

        Not here: Faust's assignment callback waits for this method to return.
        """
        wanted = set(topics)
        for topic in wanted:
            self.transport.ensure_topic(topic)
        await self._log.flush()
        if self.app.client_only:
            self._assigned = {TP(topic, 0) for topic in wanted}
            self._positions.update({tp: self._log.parts[tp].visible for tp in self._assigned})
            return
        self.add_future(self.rebalance(wanted))

    async def rebalance(self, topics: set[str]) -> None:
        """Take back every partition, then assign all partitions of these topics and of their tables."""
        async with self._rebalancing:
            app = self.app
            app.on_rebalance_start()
            if self._assigned:
                await self.on_partitions_revoked(set(self._assigned))
            assignor = app.assignor
            metadata = assignor.metadata(topics)
            plan = assignor.assign(_Cluster(self._log), {self.MEMBER: metadata})[self.MEMBER]
            assignor.on_assignment(plan)
            self._generation += 1
            app.consumer_generation_id = self._generation
            self._assigned = {TP(topic, number) for topic, numbers in plan.assignment for number in numbers}
            self._positions = {tp: self._resume_at(tp) for tp in self._assigned}
            await self.on_partitions_assigned(set(self._assigned), self._generation)

    def assignment(self) -> set[TP]:
        """Partitions of this app."""
        return set(self._assigned)

    # -- offsets

    def _committed_by_group(self) -> Mapping[TopicPartition, int]:
        return self._log.committed.get(self.app.conf.id, {})

    def _resume_at(self, tp: TP) -> int:
        return max(self._committed_by_group().get(TopicPartition(*tp), 0), self._log.parts[tp].start)

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        await self._log.commit(self.app.conf.id, {TopicPartition(*tp): offset for tp, offset in offsets.items()})
        return True

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Commit what is finished; nothing once the log has failed."""
        if self._log.failure is not None:
            return False
        return cast(bool, await super().commit(topics, start_new_transaction))

    async def wait_empty(self) -> None:
        """Wait for events in progress; not once the log has failed, since then none of them can finish."""
        if self._log.failure is None:
            await super().wait_empty()

    async def seek_to_committed(self) -> dict[TP, int | None]:
        """Move every position to its committed offset, or to the start of the log."""
        committed = self._committed_by_group()
        for tp in self._assigned:
            self._positions[tp] = self._resume_at(tp)
        self._wake.set()
        return {tp: committed.get(TopicPartition(*tp)) for tp in self._assigned}

    async def _seek(self, partition: TP, offset: int) -> None:
        self._positions[partition] = offset
        self._wake.set()

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Move positions; what is fetched meanwhile is stale."""
        self._epoch += 1
        for tp, offset in partitions.items():
            self._positions[tp] = offset
            # in step with the position, or what is read again is dropped as already read
            if offset > 0:
                self._read_offset[tp] = offset
            else:
                self._read_offset.pop(tp, None)
        self._wake.set()

    async def position(self, tp: TP) -> int | None:
        """The offset the next fetch starts at."""
        return self._positions.get(tp)

    def highwater(self, tp: TP) -> int:
        """The next offset to be written: everything below is durable."""
        return self._log.parts[tp].visible

    async def highwaters(self, *tps: TP) -> dict[TP, int]:
        """The next offset to be written, per partition."""
        return {tp: self._log.parts[tp].visible for tp in tps}

    async def earliest_offsets(self, *tps: TP) -> dict[TP, int]:
        """The earliest retained offset, per partition."""
        return {tp: self._log.parts[tp].start for tp in tps}

    async def _anchor_partitions(self) -> None:
        await super()._anchor_partitions()
        starts = {tp: self._log.parts[tp].start for tp in self._assigned if not self._is_changelog_tp(tp)}
        gone = {tp: start for tp, start in starts.items() if start > (self._committed_offset[tp] or 0)}
        if gone:
            await self._commit(gone)
            self._committed_offset.update(gone)

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterable[TP]:
        """Every partition: what retention deletes needs no acknowledgement, and the commit passes it all the same.

        Else a partition of which all has expired would look for ever as if it had work to do.
        """
        for tp in self._assigned:
            if (topics is None or tp in topics or tp.topic in topics) and not self._is_changelog_tp(tp):
                yield tp

    def _next_existing(self, tp: TP, offset: int) -> int:
        # what the log does not hold can never be read again: passing it loses nothing
        return self._log.next_offset(tp, offset)

    # -- fetching

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> dict[TP, list[Row]]:  # noqa: ASYNC109
        deadline = self.loop.time() + timeout
        while self.flow_active and not self.should_stop:
            self._wake.clear()
            if found := self._fetch(self._assigned if active_partitions is None else active_partitions):
                return found
            if not await self._wait_for_news(deadline - self.loop.time()):
                break
        return {}

    def _fetch(self, tps: set[TP]) -> dict[TP, list[Row]]:
        positions, parts = self._positions, self._log.parts
        ready = [tp for tp in tps if tp in self._assigned and positions[tp] < parts[tp].visible]
        found = {}
        for tp in ready:
            rows = self._log.read(tp, positions[tp], max(1, self._max_poll // len(ready)))
            if rows:
                found[tp] = rows
                positions[tp] = rows[-1].offset + 1
            else:
                positions[tp] = parts[tp].visible  # compacted or expired up to the high water
        return found

    async def _wait_for_news(self, seconds: float) -> bool:
        if seconds <= 0:
            return False
        try:
            await asyncio.wait_for(self._wake.wait(), seconds)
        except TimeoutError:
            return False
        return True

    async def _wait_next_records(self, timeout: float) -> tuple[dict[TP, list[Row]], set[TP] | None]:  # noqa: ASYNC109
        # Faust's own would sleep a whole second when every buffer is full or everything is paused
        if not self.flow_active:
            await self.wait(self.can_resume_flow)
        active = None if self.app.client_only else self._get_active_partitions()
        if active is None or active:
            return await self._getmany(active, timeout), active
        self._wake.clear()
        await self._wait_for_news(timeout)
        return {}, active

    def resume_partitions(self, tps: Iterable[TP]) -> None:
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

    def stop_flow(self) -> None:
        """End the running fetch."""
        super().stop_flow()
        self._wake.set()

    def _to_message(self, tp: TP, record: Row) -> ConsumerMessage:
        offset, timestamp, key, value, headers = record
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            offset,
            timestamp,
            0,
            headers,
            key,
            value,
            None,
            len(key or b""),
            len(value or b""),
            tp,
            generation_id=self._generation,  # without it a stream skips the message silently
        )

    def _new_topicpartition(self, topic: str, partition: int) -> TP:
        return TP(topic, partition)

    def close(self) -> None:
        """End the running fetch."""
        self._wake.set()


def _nothing(_: int) -> None:
    """The result of a write of which only the end matters."""


class Producer(base.Producer):  # type: ignore[misc]
    """Appends to the log. A future resolves with RecordMetadata after the COMMIT of its record."""

    async def on_start(self) -> None:
        """Open the log, or join it."""
        self._log: Log = self.transport.open()
        await super().on_start()

    async def on_stop(self) -> None:
        """Make everything durable, unless the log has failed, and let go of the log."""
        try:
            await self.flush()
            await super().on_stop()
        except LogError as error:
            logger.error("ProducerStoppedUnflushed: %s", error)
        finally:
            await self.transport.release()

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
        """Queue one record; await the result for durability. Raises the log's failure, TypeError, ValueError."""
        del transactional_id
        checked = checked_headers(headers)
        checked_body(key, value, timestamp)
        stamp = timestamp or time.time()
        number = self.transport.partition(topic, key, partition)
        tp = TP(topic, number)

        def metadata(offset: int) -> RecordMetadata:
            return RecordMetadata(topic, number, tp, offset, stamp, 0)

        future = self._log.append(
            topic, number, key=key, value=value, timestamp=stamp, headers=checked, result=metadata
        )
        return cast("Awaitable[RecordMetadata]", future)

    async def send_all(self, records: Sequence[tuple[str, bytes | None, bytes | None, int | None, Headers]]) -> None:
        """Queue records of a stage (topic, key, value, partition, headers) in order; returns when all are durable.

        All of them in one transaction: a stage's state without the memory of what it led to would count inputs twice
        after a crash. Raises as `send`; what stands before the record that raised may be durable.
        """
        last = len(records) - 1
        future = None
        stamp = time.time()
        for n, (topic, key, value, partition, headers) in enumerate(records):
            checked_body(key, value, None)
            number = self.transport.partition(topic, key, partition)
            future = self._log.append(
                topic,
                number,
                key=key,
                value=value,
                timestamp=stamp,
                headers=headers,
                result=None if n < last else _nothing,
                has_more=n < last,
            )
        if future is not None:
            await future

    async def send_and_wait(self, *args: Any, **kwargs: Any) -> RecordMetadata:
        """As `send`, and wait until it is durable."""
        return await (await self.send(*args, **kwargs))

    async def flush(self) -> None:
        """Drain Faust's buffer, then the log; nothing once the log has failed: each record's future has the error."""
        if self._log.failure is not None:
            return
        if self.buffer.started:
            await self.buffer.flush()
        await self._log.flush()

    async def create_topic(self, topic: str, partitions: int, replication: int, **kwargs: Any) -> None:
        """Create a topic; replication has no meaning here."""
        await self.transport.create_topic(topic, partitions, **kwargs)

    def key_partition(self, topic: str, key: bytes) -> TP:
        """The partition of a key."""
        return TP(topic, self.transport.partition(topic, key, None))

    def supports_headers(self) -> bool:
        """They are stored."""
        return True


class Conductor(base.Conductor):  # type: ignore[misc]
    """Resubscribes at once: there is no broker to spare."""

    _resubscribe_sleep_lock_seconds = 0.5


class Transport(base.Transport):  # type: ignore[misc]
    """One log directory, shared with every other user of it in this process."""

    Consumer: ClassVar[type[Consumer]] = Consumer
    Producer: ClassVar[type[Producer]] = Producer
    Conductor: ClassVar[type[Conductor]] = Conductor
    default_port = 0
    driver_version = "embedded=sqlite"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.address = parse_address(str(self.url[0]))
        self.log: Log | None = None
        self.on_log_failure: Callable[[LogError], None] | None = None
        """Called once, in the event loop, when the log fails: by then fetching has stopped and the app is crashing."""
        self._users = 0
        self._partitioner: Any = self.app.conf.producer_partitioner
        self._turn = Partitioner()
        self._check_settings()

    def _check_settings(self) -> None:
        conf = self.app.conf
        if conf.producer_threaded:
            raise InputError("producer_threaded: the embedded log is written from the event loop; expected False")
        if conf.processing_guarantee is not ProcessingGuarantee.AT_LEAST_ONCE:
            raise InputError("processing_guarantee: the embedded log has no transactions; expected at_least_once")

    # -- life

    def open(self) -> Log:
        """Join the log; each call needs one `release`. Raises LogInUse."""
        if self.log is None:
            address = self.address
            self.log = Log.acquire(address.directory, linger_s=address.linger_s, sync=address.sync)
            self.log.on_failure(self._log_failed)
        self._users += 1
        return self.log

    async def release(self) -> None:
        """Let go; the last user in the process closes the file."""
        self._users -= 1
        if self._users == 0 and self.log is not None:
            log, self.log = self.log, None
            await log.release()

    def _log_failed(self, error: LogError) -> None:
        consumer = self.app._consumer
        if consumer is not None:
            consumer.stop_flow()
            consumer.add_future(self.app.crash(error))
        if self.on_log_failure is not None:
            self.on_log_failure(error)

    # -- topics

    async def create_topic(
        self,
        topic: str,
        partitions: int,
        *,
        retention: Any = None,
        compacting: bool | None = None,
        **ignored: Any,
    ) -> None:
        """Create a topic as Faust declares it; one that exists keeps its retention. Raises PartitionCountChanged."""
        del ignored
        is_compacted = bool(compacting)
        seconds = None if is_compacted or not retention else want_seconds(retention)
        await self._opened().create_topic(
            TopicSpec(
                name=topic,
                partitions=partitions or self.app.conf.topic_partitions,
                is_compacted=is_compacted,
                retention=None if seconds is None else timedelta(seconds=seconds),
            ),
            is_authoritative=False,
        )

    def ensure_topic(self, topic: str) -> None:
        """Create a topic that is missing, as a broker would."""
        log = self._opened()
        if topic not in log.topics:
            log.create_topic(TopicSpec(name=topic, partitions=self.app.conf.topic_partitions))

    def partition(self, topic: str, key: bytes | None, partition: int | None) -> int:
        """The partition given, or where any Kafka client would put the key."""
        self.ensure_topic(topic)
        if partition is not None:
            return partition
        count = self._opened().topics[topic].partitions
        if self._partitioner is not None:
            return cast(int, self._partitioner(key, list(range(count)), list(range(count))))
        return self._turn.choose(key, count)

    def _opened(self) -> Log:
        if self.log is None:
            raise LogError(f"{self.address.directory}: the log is not open; start the app's producer first")
        return self.log
