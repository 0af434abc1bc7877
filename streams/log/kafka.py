"""`EventLog` on Apache Kafka. Any number of processes share it, so the modes differ only in what they may write."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, TypeVar

import aiokafka
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    ConsumerStoppedError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    TopicAlreadyExistsError,
    for_code,
)
from aiokafka.protocol.commit import OffsetFetchRequest
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.structs import TopicPartition as KafkaPartition

from schemas.codec import Headers
from schemas.errors import LogError, PartitionCountChanged, UnknownTopic
from streams.log import AnyDraft, Mode, kafka_client
from streams.log.partitioner import Partitioner
from streams.log.record import Draft, Placement, Record, TopicPartition, TopicSpec, checked_body, checked_headers
from streams.settings import KafkaSettings
from streams.topics import MAX_MESSAGE_BYTES as MAX_MESSAGE_BYTES  # noqa: PLC0414  who compares topics finds it here

T = TypeVar("T")

MAX_REQUEST_BYTES = 8_000_000
"""Largest record we send; see `topics.MAX_MESSAGE_BYTES`."""

PATIENCE_S = 30.0
"""How long a broker may need for a coordinator, a leader, or the news of a topic."""

READ_RECORDS = 1_000
IDLE_CONSUMERS = 4
POLL_MS = 200
BACKOFF_S = 0.1
NEWS_S = 1.0
_TOPIC_OVERRIDE = 1  # source of a configuration value that was set for this topic


class KafkaLog:
    """Topics of a Kafka cluster; see EventLog. Made by `open_kafka`."""

    def __init__(self, url: str, mode: Mode, kafka: KafkaSettings) -> None:
        self._url = url
        self._mode = mode
        self._kafka = kafka
        self._client = kafka_client.arguments(url, kafka)
        self._admin = AIOKafkaAdminClient(**self._client)
        self._producer: aiokafka.AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()
        self._idle: list[aiokafka.AIOKafkaConsumer] = []
        self._busy: set[aiokafka.AIOKafkaConsumer] = set()
        self._partitions: dict[str, int] = {}
        self._largest: dict[str, int] = {}
        self._partitioner = Partitioner()
        self._closed = asyncio.Event()

    async def start(self) -> None:
        """Connect. Raises LogError in one line."""
        await kafka_client.check_reachable(self._url, self._kafka)
        try:
            await self._admin.start()
        except KafkaError as error:
            raise kafka_client.failed("no connection", error) from error

    @property
    def failure(self) -> LogError | None:
        """None: a cluster that is away may come back; what is not written meanwhile raises."""
        return None

    def on_failure(self, callback: Callable[[LogError], None]) -> None:
        """Never called here."""
        del callback

    # -- topics

    async def topics(self) -> dict[str, TopicSpec]:
        """Every topic by name; Kafka's own left out."""
        self._refuse_if_closed()
        counts = await self._metadata()
        return {name: _spec(name, counts[name], found) for name, found in await self._configs(sorted(counts))}

    async def _configs(self, names: Iterable[str]) -> list[tuple[str, dict[str, tuple[str, int]]]]:
        resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
        if not resources:
            return []
        what = "topics cannot be described"

        async def describe() -> list[Any]:
            answers = await self._admin.describe_configs(resources)
            found = [resource for answer in answers for resource in answer.resources]
            _raise_codes(what, [(code, text) for code, text, *_ in found])  # a broker may not know a new topic yet
            return found

        return [
            (name, {entry[0]: (entry[1], int(entry[3])) for entry in entries})
            for _, _, _, name, entries in await self._retried(what, describe)
        ]

    async def copies(self, names: Iterable[str]) -> dict[str, tuple[int, int, int]]:
        """Replicas of the least replicated partition, min.insync.replicas and max.message.bytes, per topic."""
        wanted = set(names)
        answer = await self._retried("no metadata", lambda: self._send(MetadataRequest(None, False)))
        replicas = {topic[1]: min(len(part[3]) for part in topic[3]) for topic in answer.topics if topic[1] in wanted}
        return {
            name: (
                replicas[name],
                int(found["min.insync.replicas"][0]),
                int(found["max.message.bytes"][0]),
            )
            for name, found in await self._configs(replicas)
        }

    async def create_topic(self, spec: TopicSpec) -> None:
        """Make the topic exist as specified: partitions are compared, retention is changed."""
        self._refuse_if_closed()
        self._refuse_if_reading()
        if spec.name not in await self._metadata():
            await self._create(spec)
        count = await self._count(spec.name)
        if count != spec.partitions:
            raise PartitionCountChanged(
                f"topic {spec.name}: expected {count} partitions, as it was created, found {spec.partitions}"
            )
        ((_, found),) = await self._configs([spec.name])
        wanted = {"cleanup.policy": _policy(spec)} | ({} if spec.is_compacted else {"retention.ms": _retention(spec)})
        if any(found[key][0] != value for key, value in wanted.items()):
            # this request replaces all values of the topic: those set by others go along
            kept = {key: value for key, (value, source) in found.items() if source == _TOPIC_OVERRIDE}
            resource = ConfigResource(ConfigResourceType.TOPIC, spec.name, kept | wanted)
            what = f"topic {spec.name}: retention cannot be changed"
            answers = await self._retried(what, lambda: self._admin.alter_configs([resource]))
            _raise_codes(what, [(code, text) for answer in answers for code, text, *_ in answer.resources])

    async def _create(self, spec: TopicSpec) -> None:
        copies, needed = await self.replication()
        config = {
            "cleanup.policy": _policy(spec),
            "max.message.bytes": str(MAX_MESSAGE_BYTES),
            "min.insync.replicas": str(needed),
        }
        if not spec.is_compacted:
            config["retention.ms"] = _retention(spec)
        await self._declare(NewTopic(spec.name, spec.partitions, copies, topic_configs=config))

    async def _declare(self, topic: NewTopic) -> None:
        what = f"topic {topic.name} cannot be created"

        async def create() -> None:
            answer = await self._admin.create_topics([topic], timeout_ms=int(PATIENCE_S * 1000))
            errors = [(code, text) for _, code, text, *_ in answer.topic_errors]
            # another process may create it in the same moment
            _raise_codes(what, [pair for pair in errors if pair[0] != TopicAlreadyExistsError.errno])

        await self._retried(what, create)
        # a topic is of use when each partition has a leader, and the broker we ask knows it
        until = time.monotonic() + PATIENCE_S
        while topic.name not in await self._metadata():
            if time.monotonic() > until:
                raise LogError(f"kafka: topic {topic.name}: no leader {PATIENCE_S:g} s after its creation")
            await asyncio.sleep(BACKOFF_S)

    async def replication(self) -> tuple[int, int]:
        """Copies of each partition, and how many must hold a record before it counts."""
        copies = self._kafka.replication_factor or min(3, len(await self.brokers()))
        needed = self._kafka.min_insync_replicas or (2 if copies >= 3 else 1)
        return copies, needed

    async def brokers(self) -> dict[int, str]:
        """HOST:PORT of each broker in service, by id."""
        answer = await self._retried("no metadata", lambda: self._send(MetadataRequest([], False)))
        return {broker[0]: f"{broker[1]}:{broker[2]}" for broker in answer.brokers}

    async def _metadata(self, node: int | None = None) -> dict[str, int]:
        """Partitions of each topic of ours whose partitions all have a leader, as one broker knows them."""
        answer = await self._retried("no metadata", lambda: self._send(MetadataRequest(None, False), node))
        found = {}
        for code, name, is_internal, partitions in answer.topics:
            if not code and not is_internal and partitions and all(p[2] >= 0 for p in partitions):
                found[name] = len(partitions)
        self._partitions.update(found)
        return found

    async def _count(self, topic: str) -> int:
        if topic not in self._partitions:
            for node in await self.brokers():
                await self._metadata(node)  # the news of a topic reaches one broker before another
        if topic not in self._partitions:
            raise UnknownTopic(f"topic {topic}: not on this broker")
        return self._partitions[topic]

    async def _all(self, topic: str) -> list[KafkaPartition]:
        self._refuse_if_closed()
        return [KafkaPartition(topic, number) for number in range(await self._count(topic))]

    async def clock_difference(self, topic: str) -> float:
        """The broker's clock less ours, seconds, from one record that the broker stamps; the topic is made for it."""
        if topic not in await self._metadata():
            copies, _ = await self.replication()
            config = {"message.timestamp.type": "LogAppendTime", "retention.ms": "3600000"}
            await self._declare(NewTopic(topic, 1, copies, topic_configs=config))
        producer = await self._writer()
        before = time.time()
        try:
            sent = await producer.send_and_wait(topic, b"doctor")
        except KafkaError as error:
            raise kafka_client.failed("no record for the clock", error) from error
        return float(sent.timestamp / 1000 - (before + time.time()) / 2)

    # -- writing

    async def append(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Headers | Mapping[str, bytes] = (),
        *,
        timestamp: float | None = None,
        partition: int | None = None,
    ) -> Placement:
        """Write one record; returns when every in-sync replica has it."""
        return (await self.append_many([Draft(topic, key, value, checked_headers(headers), timestamp, partition)]))[0]

    async def append_many(self, drafts: Iterable[AnyDraft]) -> list[Placement]:
        """Write records in order."""
        self._refuse_if_closed()
        self._refuse_if_reading()
        checked = []
        for item in drafts:
            draft = Draft(*item)
            checked_body(draft.key, draft.value, draft.timestamp)
            size = _body_bytes(draft)
            if size > MAX_REQUEST_BYTES - 1000:
                raise ValueError(f"record: expected at most {MAX_REQUEST_BYTES - 1000} bytes, found {size}")
            count = await self._count(draft.topic)
            number = self._partitioner.choose(draft.key, count) if draft.partition is None else draft.partition
            if not 0 <= number < count:
                raise UnknownTopic(f"topic {draft.topic}: no partition {number}")
            checked.append(draft._replace(headers=checked_headers(draft.headers), partition=number))
        producer = await self._writer()
        await self._learn_largest({draft.topic for draft in checked})
        try:
            sent = [await _send_draft(producer, draft) for draft in checked]
            done = await asyncio.gather(*sent)
        except (MessageSizeTooLargeError, RecordListTooLargeError) as error:
            raise await self._refused(checked) from error
        except KafkaError as error:
            raise kafka_client.failed("records cannot be written", error) from error
        return [Placement(metadata.partition, metadata.offset) for metadata in done]

    async def _learn_largest(self, topics: Iterable[str]) -> None:
        """What each topic takes, asked once: record batches are kept below it."""
        if unknown := set(topics) - self._largest.keys():
            found = await kafka_client.largest_batches((await self._writer()).client, unknown)
            self._largest.update(dict.fromkeys(unknown, MAX_MESSAGE_BYTES) | found)

    async def _refused(self, drafts: Sequence[Draft]) -> LogError:
        """Which record a topic does not take, and what its `max.message.bytes` is now."""
        topics = {draft.topic for draft in drafts}
        found = await kafka_client.largest_batches((await self._writer()).client, topics)
        self._largest.update(found)  # the next append keeps below what is true now
        largest = max(drafts, key=lambda draft: _body_bytes(draft) - found.get(draft.topic, MAX_MESSAGE_BYTES))
        return LogError(
            f"topic {largest.topic}: a record of {_body_bytes(largest)} bytes does not fit its max.message.bytes, "
            f"{found.get(largest.topic, 'which cannot be read')}; expected {MAX_MESSAGE_BYTES}, see `tocsin topics`"
        )

    async def _writer(self) -> aiokafka.AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                producer = aiokafka.AIOKafkaProducer(
                    **self._client,
                    acks="all",
                    max_request_size=MAX_REQUEST_BYTES,
                    max_batch_size=262_144,  # one request for some dozens of updates, not one for each
                    request_timeout_ms=int(PATIENCE_S * 1000),
                )
                try:
                    await producer.start()
                except KafkaError as error:
                    raise kafka_client.failed("no connection", error) from error
                kafka_client.bound_batches(producer, self._largest)
                self._producer = producer
        return self._producer

    # -- reading

    async def starts(self, topic: str) -> dict[int, int]:
        """Earliest retained offset of each partition."""
        return await self._offsets(topic, "beginning_offsets")

    async def ends(self, topic: str) -> dict[int, int]:
        """Next offset of each partition: everything below is on every in-sync replica."""
        return await self._offsets(topic, "end_offsets")

    async def _offsets(self, topic: str, question: str) -> dict[int, int]:
        tps = await self._all(topic)
        async with self._reader() as reader:
            found = await self._retried(f"topic {topic}: no offsets", lambda: getattr(reader, question)(tps))
        return {tp.partition: found[tp] for tp in tps}

    async def offset_for_time(self, topic: str, timestamp: float) -> dict[int, int]:
        """First offset with at least this timestamp, per partition, or its end."""
        tps = await self._all(topic)
        moment = -int(-timestamp * 1000 // 1)  # rounded up: the first millisecond not before it
        async with self._reader() as reader:
            found = await self._retried(
                f"topic {topic}: no offsets", lambda: reader.offsets_for_times(dict.fromkeys(tps, moment))
            )
        ends = await self.ends(topic)
        return {tp.partition: ends[tp.partition] if found.get(tp) is None else found[tp].offset for tp in tps}

    async def committed(self, group: str) -> dict[TopicPartition, int]:
        """Offsets a consumer group has committed."""
        self._refuse_if_closed()

        async def fetch() -> Any:
            coordinator = await self._admin.find_coordinator(group)
            answer = await self._send(OffsetFetchRequest(group, None), coordinator)
            if answer.error_code:
                raise for_code(answer.error_code)
            return answer

        answer = await self._retried(f"group {group}: no offsets", fetch)
        return {
            TopicPartition(topic, number): offset
            for topic, partitions in answer.topics
            for number, offset, _, code in partitions
            if not code and offset >= 0
        }

    async def read(
        self, topic: str, partition: int, start: int, end: int | None = None, limit: int | None = None
    ) -> AsyncIterator[Record]:
        """Records with start <= offset < end."""
        tp = KafkaPartition(topic, partition)
        if tp not in await self._all(topic):
            raise UnknownTopic(f"topic {topic}: no partition {partition}")
        known = (await self.ends(topic))[partition]
        stop = known if end is None else min(end, known)
        position = max(start, (await self.starts(topic))[partition])
        left = limit
        async with self._reader() as reader:
            reader.assign([tp])
            reader.seek(tp, position)
            while position < stop and (left is None or left > 0):
                wanted = READ_RECORDS if left is None else min(left, READ_RECORDS)
                for record in await self._fetched(reader, wanted):
                    if record.offset >= stop:
                        return
                    yield record
                    left = None if left is None else left - 1
                # holes of compaction count as read: the position passes them
                position = await self._retried("no position", lambda: reader.position(tp))
                self._refuse_if_closed()

    async def tail(
        self, topics: Iterable[str], start: Mapping[TopicPartition, int] | None = None
    ) -> AsyncIterator[Record]:
        """Records from the given positions on, then new ones."""
        names = tuple(dict.fromkeys(topics))
        given = {TopicPartition(*tp): offset for tp, offset in (start or {}).items()}
        positions: dict[KafkaPartition, int] = {}
        looked = 0.0
        async with self._reader() as reader:
            while not self._closed.is_set():
                missing = {name for name in names if name not in {tp.topic for tp in positions}}
                if missing and time.monotonic() - looked >= NEWS_S:
                    looked = time.monotonic()
                    for name in missing & (await self._metadata()).keys():
                        positions |= await self._positions(name, given)
                    reader.assign(list(positions))
                    for tp, offset in positions.items():
                        reader.seek(tp, offset)
                if not positions:
                    await self._wait_closed(NEWS_S)
                    continue
                for record in await self._fetched(reader, READ_RECORDS):
                    positions[KafkaPartition(record.topic, record.partition)] = record.offset + 1
                    yield record

    async def _positions(self, topic: str, given: Mapping[TopicPartition, int]) -> dict[KafkaPartition, int]:
        earliest = await self.starts(topic)
        return {
            KafkaPartition(topic, number): max(given.get(TopicPartition(topic, number), first), first)
            for number, first in earliest.items()
        }

    async def _fetched(self, reader: aiokafka.AIOKafkaConsumer, limit: int) -> list[Record]:
        try:
            found = await reader.getmany(timeout_ms=POLL_MS, max_records=limit)
        except ConsumerStoppedError:
            return []
        except KafkaError as error:
            raise kafka_client.failed("records cannot be read", error) from error
        return [_record(record) for records in found.values() for record in records]

    @asynccontextmanager
    async def _reader(self) -> AsyncIterator[aiokafka.AIOKafkaConsumer]:
        """A consumer without a group; kept for the next reader, because each costs a connection."""
        self._refuse_if_closed()
        reader = self._idle.pop() if self._idle else await self._new_reader()
        self._busy.add(reader)
        try:
            yield reader
        finally:
            is_ours = reader in self._busy  # else `close` has stopped it
            self._busy.discard(reader)
            if is_ours and (self._closed.is_set() or len(self._idle) >= IDLE_CONSUMERS):
                await reader.stop()
            elif is_ours:
                if reader.assignment():
                    reader.assign([])  # `unsubscribe` ends aiokafka's fetcher with an AttributeError
                self._idle.append(reader)

    async def _new_reader(self) -> aiokafka.AIOKafkaConsumer:
        reader = aiokafka.AIOKafkaConsumer(
            **self._client,
            enable_auto_commit=False,
            auto_offset_reset="earliest",  # where retention has passed a position, go on with what is left
            isolation_level="read_committed",  # as the worker reads: the end of a topic is before an open transaction
            fetch_max_wait_ms=POLL_MS,
            request_timeout_ms=int(PATIENCE_S * 1000),
        )
        try:
            await reader.start()
        except KafkaError as error:
            await reader.stop()
            raise kafka_client.failed("no connection", error) from error
        await asyncio.sleep(0)  # stopped before its tasks have begun, aiokafka raises CancelledError
        return reader

    # -- life

    async def close(self) -> None:
        """Send what is queued, then let go. Open tails end."""
        if self._closed.is_set():
            return
        self._closed.set()
        if self._producer is not None:
            await self._producer.stop()
        readers = [*self._idle, *self._busy]
        self._idle.clear()
        self._busy.clear()
        for reader in readers:
            await reader.stop()
        await self._admin.close()

    async def _wait_closed(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._closed.wait()
        except TimeoutError:
            return

    async def _send(self, request: Any, node: int | None = None) -> Any:
        client = self._admin._client
        chosen = client.get_random_node() if node is None else node
        return await client.send("bootstrap" if chosen is None else chosen, request)

    async def _retried(self, what: str, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask until the answer is no passing fault: no coordinator yet, a leader that moved, a broker restarting."""
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                return await ask()
            except (KafkaError, TimeoutError) as error:
                is_passing = isinstance(error, TimeoutError) or getattr(error, "retriable", False)
                if self._closed.is_set():
                    raise LogError("the log is closed") from None
                if not is_passing or time.monotonic() > until:
                    raise kafka_client.failed(what, error) from error
            await asyncio.sleep(BACKOFF_S)

    def _refuse_if_closed(self) -> None:
        if self._closed.is_set():
            raise LogError("the log is closed")

    def _refuse_if_reading(self) -> None:
        if self._mode == "read":
            raise LogError(f"{self._url}: expected a log opened for writing, found one opened for reading")


async def open_kafka(url: str, mode: Mode, kafka: KafkaSettings | None) -> KafkaLog:
    """The log of a `kafka://` address. Raises InputError; LogError when the cluster cannot be reached or refuses us."""
    log = KafkaLog(url, mode, kafka or KafkaSettings())
    await log.start()
    return log


def _body_bytes(draft: Draft) -> int:
    return len(draft.key or b"") + len(draft.value or b"")


async def _send_draft(producer: aiokafka.AIOKafkaProducer, draft: Draft) -> Any:
    milliseconds = None if draft.timestamp is None else round(draft.timestamp * 1000)
    headers = list(draft.headers)
    if draft.key is None and draft.value is None:
        # `send` refuses what Kafka allows: neither key nor value
        batch = producer.create_batch()
        batch.append(key=None, value=None, timestamp=milliseconds, headers=headers)
        return await producer.send_batch(batch, draft.topic, partition=draft.partition)
    return await producer.send(
        draft.topic, draft.value, key=draft.key, partition=draft.partition, timestamp_ms=milliseconds, headers=headers
    )


def _policy(spec: TopicSpec) -> str:
    return "compact" if spec.is_compacted else "delete"


def _retention(spec: TopicSpec) -> str:
    return "-1" if spec.retention is None else str(spec.retention // timedelta(milliseconds=1))


def _spec(name: str, partitions: int, config: Mapping[str, tuple[str, int]]) -> TopicSpec:
    is_compacted = "compact" in config["cleanup.policy"][0]
    milliseconds = int(config["retention.ms"][0])
    forever = is_compacted or milliseconds <= 0
    return TopicSpec(
        name=name,
        partitions=partitions,
        is_compacted=is_compacted,
        retention=None if forever else timedelta(milliseconds=milliseconds),
    )


def _record(record: Any) -> Record:
    return Record(
        record.topic,
        record.partition,
        record.offset,
        record.timestamp / 1000,
        record.key,
        record.value,
        tuple(record.headers),
    )


def _raise_codes(what: str, codes: Iterable[tuple[int, str | None]]) -> None:
    for code, text in codes:
        if code:
            error: KafkaError = for_code(code)(text or "")
            if getattr(error, "retriable", False):
                raise error
            raise kafka_client.failed(what, error)
