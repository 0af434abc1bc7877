"""What a stage stores of a batch reaches a changelog's partition in one record batch, which a broker takes whole.

A worker killed between two of them would leave state without the memory of what it led to; see docs/operations.md.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record import MemoryRecords

from agents.step import State
from schemas.event import Event
from streams.dead_letters import DeadLetterLimit
from streams.log import TopicSpec, open_log
from streams.pipeline import create_app
from streams.settings import Settings
from streams.stage import Binding, OutRecord, Stage
from tests.streams.test_stage import FakeStream, FakeTable, Message, Word

TEXT = "x" * 2_500


class Told(msgspec.Struct, frozen=True):
    """State of the tests."""

    text: str


class Keep:
    """Keeps each word under a key of its own, and passes it on."""

    name = "keep"

    def decide(self, state: State, event: Word) -> Sequence[Event]:
        state.put(event.text, Told(TEXT))
        return [event]


@asynccontextmanager
async def a_producer(broker: str, app_id: str, folder: Path, topics: Sequence[str]) -> AsyncIterator[Any]:
    """The pipeline's own, on topics of one partition."""
    log = await open_log(broker, mode="append")
    for name in topics:
        await log.create_topic(TopicSpec(name=name, partitions=1))
    await log.close()
    app = create_app(Settings(broker=broker, app_id=app_id, partitions=1), datadir=folder)
    producer = app.producer
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def record_batches(producer: Any, topic: str) -> list[list[bytes]]:
    """Keys of the records of each record batch, as the broker keeps them."""
    client = producer._ensure_producer().client
    found: list[list[bytes]] = []
    start = 0
    while True:
        request = FetchRequest(100, 1, 50_000_000, 0, [(topic, [(0, start, 50_000_000)])])
        answer = await client.send(client.get_random_node(), request)
        ((_, (partition,)),) = answer.topics
        records = MemoryRecords(partition[-1])
        if not records.has_next():
            return found
        while records.has_next():
            batch = list(records.next_batch())
            found.append([record.key for record in batch])
            start = batch[-1].offset + 1


@pytest.mark.parametrize(("events", "parts"), [(400, (400,)), (1000, (250,) * 4)])
async def test_what_belongs_together_is_in_one_record_batch(
    kafka: str, topic_prefix: str, app_id: str, tmp_path: Path, events: int, parts: tuple[int, ...]
) -> None:
    """2.5 MB of state go in one; 6 MB are more than one takes, and the stage halves what it takes until it fits."""
    out, changelog = f"{topic_prefix}-out", f"{topic_prefix}-state"
    journal: list[Any] = []
    async with a_producer(f"kafka://{kafka}", app_id, tmp_path, [out, changelog]) as producer:

        async def send(record: OutRecord) -> Any:
            return await producer.send(
                record.topic, record.key, record.value, record.partition, None, list(record.headers)
            )

        stage = Stage(
            "keep",
            [Binding(Keep(), FakeTable(journal, changelog), lambda _, message: f"{message.offset}")],
            decode=lambda value, _: Word(text=(value or b"").decode()),
            route=lambda event: OutRecord(out, b"k", TEXT.encode()),
            send=send,
            log_id="log",
            limit=DeadLetterLimit(100),
            die=lambda code, why: journal.append(("died", code, why)),
        )
        stream = FakeStream(journal, [[Message(b"%d" % n, n, partition=0) for n in range(events)]])
        stream.producer = producer  # type: ignore[attr-defined]
        await stage.run(stream)
        batches = await record_batches(producer, changelog)

    assert [entry for entry in journal if entry[0] == "died"] == []
    assert [entry[1] for entry in journal if entry[0] == "acked"] == list(range(events))
    assert [len(keys) for keys in batches] == [2 * part for part in parts]
    for keys in batches:
        assert {key for key in keys if key.startswith(b"\x01")} == {b"\x01" + key for key in keys if key[:1] != b"\x01"}
