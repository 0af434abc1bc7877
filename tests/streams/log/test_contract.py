"""What every engine of `EventLog` promises. An engine is one parameter of the fixture `engine`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path

import pytest

from schemas.errors import InputError, LogError, PartitionCountChanged, UnknownTopic
from streams.log import Draft, EventLog, Record, TopicPartition, TopicSpec
from tests.streams.log.engines import EmbeddedEngine, make_topic


@pytest.fixture(params=["embedded"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> EmbeddedEngine:
    """The engine under test; others are added here."""
    return {"embedded": EmbeddedEngine}[request.param](tmp_path / "log")


@pytest.fixture
async def log(engine: EmbeddedEngine) -> AsyncIterator[EventLog]:
    """A log opened by its owner."""
    log = await engine.open()
    yield log
    await log.close()


async def read_all(log: EventLog, topic: str, partition: int = 0, start: int = 0, **bounds: int) -> list[Record]:
    """Everything `read` gives."""
    return [record async for record in log.read(topic, partition, start, **bounds)]


async def test_a_record_comes_back_as_it_was_written(log: EventLog) -> None:
    """Key, value, headers, timestamp, partition and offset survive the way through the log."""
    topic = make_topic()
    await log.create_topic(topic)
    headers = (("ce_id", b"\x00\xff"), ("ce_id", b""), ("größe", b"1"))
    placed = await log.append(topic.name, b"k", b"v", headers, timestamp=1_700_000_000.0)
    assert placed == (0, 0)
    assert await read_all(log, topic.name) == [Record(topic.name, 0, 0, 1_700_000_000.0, b"k", b"v", headers)]


async def test_empty_and_missing_keys_and_values_stay_apart(log: EventLog) -> None:
    """None is not b'': a tombstone must stay one."""
    topic = make_topic()
    await log.create_topic(topic)
    drafts = [(topic.name, key, value, ()) for key in (None, b"") for value in (None, b"")]
    await log.append_many(drafts)
    assert [(record.key, record.value) for record in await read_all(log, topic.name)] == [
        (None, None),
        (None, b""),
        (b"", None),
        (b"", b""),
    ]


async def test_a_batch_keeps_its_order_and_gets_rising_offsets(log: EventLog) -> None:
    """Records of one partition stand in the order of the batch."""
    topic = make_topic()
    await log.create_topic(topic)
    placed = await log.append_many(Draft(topic.name, None, b"%d" % n) for n in range(500))
    assert placed == [(0, n) for n in range(500)]
    assert [record.value for record in await read_all(log, topic.name)] == [b"%d" % n for n in range(500)]


async def test_a_key_always_goes_to_the_partition_any_kafka_client_would_choose(log: EventLog) -> None:
    """The partition of a key is murmur2 of the key, as the Java client has it."""
    topic = make_topic(partitions=8)
    await log.create_topic(topic)
    placed = await log.append_many([(topic.name, key, b"", ()) for key in (b"mayor", b"harbour", b"mayor")])
    assert [partition for partition, _ in placed] == [1, 5, 1]


async def test_records_without_a_key_use_every_partition(log: EventLog) -> None:
    """Keyless records are spread."""
    topic = make_topic(partitions=2)
    await log.create_topic(topic)
    placed = await log.append_many([(topic.name, None, b"", ()) for _ in range(50)])
    assert {partition for partition, _ in placed} == {0, 1}


async def test_a_partition_may_be_chosen(log: EventLog) -> None:
    """A given partition wins over the key."""
    topic = make_topic(partitions=3)
    await log.create_topic(topic)
    assert await log.append(topic.name, b"k", b"v", partition=2) == (2, 0)


async def test_a_read_is_bounded_by_start_end_and_limit(log: EventLog) -> None:
    """start is included, end is not, limit counts records."""
    topic = make_topic()
    await log.create_topic(topic)
    await log.append_many([(topic.name, None, b"", ()) for _ in range(10)])
    offsets = [
        [record.offset for record in await read_all(log, topic.name, start=start, **bounds)]
        for start, bounds in ((7, {}), (2, {"end": 5}), (4, {"limit": 2}), (0, {"limit": 0}), (10, {}), (99, {}))
    ]
    assert offsets == [[7, 8, 9], [2, 3, 4], [4, 5], [], [], []]


async def test_starts_and_ends_bound_every_partition(log: EventLog) -> None:
    """An empty partition starts where it ends."""
    topic = make_topic(partitions=2)
    await log.create_topic(topic)
    await log.append(topic.name, None, b"", partition=1)
    assert (await log.starts(topic.name), await log.ends(topic.name)) == ({0: 0, 1: 0}, {0: 0, 1: 1})


async def test_the_offset_for_a_time_is_the_first_record_not_older(log: EventLog) -> None:
    """Before, between, at and after the timestamps of a partition."""
    topic = make_topic()
    await log.create_topic(topic)
    await log.append_many([Draft(topic.name, None, b"", (), float(moment)) for moment in (100, 200, 200, 300)])
    found = [(await log.offset_for_time(topic.name, moment))[0] for moment in (1.0, 150.0, 200.0, 300.0, 301.0)]
    assert found == [0, 1, 1, 3, 4]


async def test_creating_a_topic_again_changes_nothing(log: EventLog) -> None:
    """A second declaration keeps the records."""
    topic = make_topic()
    await log.create_topic(topic)
    await log.append(topic.name, None, b"v")
    await log.create_topic(topic)
    assert await log.ends(topic.name) == {0: 1}


async def test_another_partition_count_is_refused(log: EventLog) -> None:
    """Keys would move; so both counts are named."""
    topic = make_topic(partitions=2)
    await log.create_topic(topic)
    with pytest.raises(PartitionCountChanged, match="expected 2 partitions, as it was created, found 3"):
        await log.create_topic(TopicSpec(name=topic.name, partitions=3))


async def test_topics_are_listed_with_what_they_are(log: EventLog) -> None:
    """Partitions, compaction and retention come back."""
    plain = make_topic(partitions=2, retention=timedelta(days=7))
    compacted = make_topic(is_compacted=True)
    await log.create_topic(plain)
    await log.create_topic(compacted)
    found = await log.topics()
    assert (found[plain.name], found[compacted.name]) == (plain, compacted)


@pytest.mark.parametrize("fields", [{"name": "a b"}, {"name": ""}, {"name": "."}, {"partitions": 0}])
def test_a_topic_no_broker_would_take_is_refused(fields: dict[str, object]) -> None:
    """Names and sizes are checked before any engine sees them."""
    with pytest.raises(InputError, match="expected"):
        TopicSpec(**{"name": "updates", "partitions": 1, **fields})  # type: ignore[arg-type]


async def test_an_unknown_topic_is_named(log: EventLog) -> None:
    """Reading and writing say which topic is missing."""
    with pytest.raises(UnknownTopic, match="no-such-topic"):
        await log.ends("no-such-topic")
    with pytest.raises(UnknownTopic, match="no-such-topic"):
        await log.append("no-such-topic", None, b"")


async def test_an_unknown_partition_is_refused(log: EventLog) -> None:
    """Reading and writing beside the topic fail instead of creating partitions."""
    topic = make_topic()
    await log.create_topic(topic)
    with pytest.raises(UnknownTopic):
        await log.append(topic.name, None, b"", partition=1)
    with pytest.raises(UnknownTopic):
        await read_all(log, topic.name, partition=1)


@pytest.mark.parametrize(
    "bad",
    [
        Draft("T", "text", b""),  # type: ignore[arg-type]
        Draft("T", None, "text"),  # type: ignore[arg-type]
        Draft("T", None, b"", (("name", "text"),)),  # type: ignore[arg-type]
        Draft("T", None, b"", ((b"name", b""),)),  # type: ignore[arg-type]
        Draft("T", None, b"", (("name", None),)),  # type: ignore[arg-type]
    ],
)
async def test_what_is_not_bytes_is_refused_before_anything_is_written(log: EventLog, bad: Draft) -> None:
    """One malformed record of a batch leaves the log as it was."""
    topic = make_topic()
    await log.create_topic(topic)
    with pytest.raises(TypeError, match="expected"):
        await log.append_many([Draft(topic.name, None, b"good"), bad._replace(topic=topic.name)])
    assert await log.ends(topic.name) == {0: 0}


@pytest.mark.parametrize("timestamp", [float("nan"), float("inf"), -1.0])
async def test_a_timestamp_that_is_none_is_refused(log: EventLog, timestamp: float) -> None:
    """NaN, infinity and times before the epoch are no timestamps."""
    topic = make_topic()
    await log.create_topic(topic)
    with pytest.raises(ValueError, match="timestamp"):
        await log.append(topic.name, None, b"", timestamp=timestamp)


async def test_committed_offsets_belong_to_a_group(engine: EmbeddedEngine, log: EventLog) -> None:
    """One group's commits are not another's."""
    topic = make_topic(partitions=2)
    await log.create_topic(topic)
    await log.append(topic.name, None, b"", partition=1)
    await engine.commit("readers", {TopicPartition(topic.name, 1): 1})
    assert (await log.committed("readers"), await log.committed("others")) == ({(topic.name, 1): 1}, {})


async def test_offsets_go_on_after_a_restart(engine: EmbeddedEngine) -> None:
    """Records, offsets and commits survive closing; new records follow the old ones."""
    topic = make_topic()
    log = await engine.open()
    await log.create_topic(topic)
    await log.append_many([(topic.name, None, b"old", ())] * 3)
    await engine.commit("readers", {TopicPartition(topic.name, 0): 2})
    await log.close()
    log = await engine.open()
    placed = await log.append(topic.name, None, b"new")
    committed = await log.committed("readers")
    await log.close()
    assert (placed, committed) == ((0, 3), {(topic.name, 0): 2})


@pytest.mark.parametrize("mode", ["own", "read"])
async def test_a_tail_gives_what_is_there_and_then_what_comes(engine: EmbeddedEngine, log: EventLog, mode: str) -> None:
    """A partition without a position begins at its first record, and the tail goes on with new ones."""
    topic = make_topic()
    await log.create_topic(topic)
    await log.append(topic.name, None, b"before")
    reader = await engine.open(mode)  # type: ignore[arg-type]
    values = []
    async with asyncio.timeout(20), aclosing(reader.tail([topic.name])) as records:  # type: ignore[type-var]
        values.append((await anext(records)).value)
        waiting = asyncio.ensure_future(anext(records))
        await log.append(topic.name, None, b"after")
        values.append((await waiting).value)
    await reader.close()
    assert values == [b"before", b"after"]


async def test_a_tail_begins_at_the_given_positions(log: EventLog) -> None:
    """Resuming from ends gives only what is new."""
    topic = make_topic(partitions=2)
    await log.create_topic(topic)
    await log.append_many([Draft(topic.name, None, b"old", partition=number) for number in (0, 1)])
    start = {TopicPartition(topic.name, number): end for number, end in (await log.ends(topic.name)).items()}
    await log.append(topic.name, None, b"new", partition=1)
    async with asyncio.timeout(20), aclosing(log.tail([topic.name], start)) as records:  # type: ignore[type-var]
        record = await anext(records)
    assert (record.partition, record.offset, record.value) == (1, 1, b"new")


async def test_a_tail_waits_for_a_topic_that_does_not_exist_yet(log: EventLog) -> None:
    """A reader may start before the pipeline ever ran."""
    topic = make_topic()
    async with asyncio.timeout(20), aclosing(log.tail([topic.name])) as records:  # type: ignore[type-var]
        waiting = asyncio.ensure_future(anext(records))
        await asyncio.sleep(0)
        await log.create_topic(topic)
        await log.append(topic.name, None, b"first")
        assert (await waiting).value == b"first"


async def test_closing_ends_an_open_tail(engine: EmbeddedEngine) -> None:
    """A follower ends by itself when its log is closed."""
    log = await engine.open()
    topic = make_topic()
    await log.create_topic(topic)

    async def follow() -> list[Record]:
        return [record async for record in log.tail([topic.name])]

    follower = asyncio.ensure_future(follow())
    await asyncio.sleep(0)
    await log.close()
    async with asyncio.timeout(20):
        assert await follower == []


async def test_a_closed_log_refuses_everything(engine: EmbeddedEngine) -> None:
    """Nothing is queued that nobody will write."""
    log = await engine.open()
    topic = make_topic()
    await log.create_topic(topic)
    await log.close()
    await log.close()
    with pytest.raises(LogError, match="closed"):
        await log.append(topic.name, None, b"")
    with pytest.raises(LogError, match="closed"):
        await log.ends(topic.name)


async def test_a_log_opened_for_reading_refuses_to_write(engine: EmbeddedEngine, log: EventLog) -> None:
    """Mode `read` never writes."""
    topic = make_topic()
    await log.create_topic(topic)
    reader = await engine.open("read")
    with pytest.raises(LogError, match="opened for reading"):
        await reader.append(topic.name, None, b"")
    await reader.close()


async def test_a_reader_sees_only_durable_records(engine: EmbeddedEngine, log: EventLog) -> None:
    """What an append has acknowledged is there for every reader; what it has not is for none."""
    topic = make_topic()
    await log.create_topic(topic)
    reader = await engine.open("read")
    pending = asyncio.ensure_future(log.append(topic.name, None, b"v"))
    before = await reader.ends(topic.name)
    await pending
    after = await reader.ends(topic.name)
    await reader.close()
    assert (before, after) == ({0: 0}, {0: 1})
