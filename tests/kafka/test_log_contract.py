"""The contract of `EventLog`, every test of it, on a real broker."""

import asyncio

import pytest

from streams.log import EventLog
from tests.streams.log.engines import KafkaEngine, make_topic
from tests.streams.log.test_contract import *  # noqa: F403  the tests themselves


@pytest.fixture
def engine(kafka: str) -> KafkaEngine:
    """The engine under test."""
    return KafkaEngine(kafka)


async def test_a_reader_sees_only_durable_records(engine: KafkaEngine, log: EventLog) -> None:
    """What an append has acknowledged is there for every reader.

    The embedded log's half of the test, that a reader cannot be earlier than the writer, no remote log can promise:
    a record is durable on the broker before its writer hears of it.
    """
    topic = make_topic()
    await log.create_topic(topic)
    reader = await engine.open("read")
    await asyncio.ensure_future(log.append(topic.name, None, b"v"))
    after = await reader.ends(topic.name)
    await reader.close()
    assert after == {0: 1}
