"""Fixtures for tests on a real Kafka; every test in this folder carries the marker `kafka`."""

import asyncio
import inspect
import os
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from deploy.kafka.cluster import Cluster
from tests.kafka import broker
from tests.streams.log.engines import RUN_ID


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what stands in this folder, so that `-m "not kafka"` leaves nothing of it behind.

    What is asynchronous waits at its very end, after all other fixtures, until its connections are closed.
    """
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.kafka)
            if (
                isinstance(item, pytest.Function)
                and inspect.iscoroutinefunction(item.function)
                and "parted" not in item.fixturenames  # parametrised items share the list
            ):
                item.fixturenames.insert(0, "parted")


@pytest.fixture
async def parted() -> AsyncIterator[None]:
    """Waits until every connection of the test is closed: aiokafka does not wait for the last word of TLS."""
    yield
    transports = asyncio.get_running_loop()._transports  # type: ignore[attr-defined]
    async with asyncio.timeout(30):
        while any(transport._sock is not None for transport in transports.values()):
            await asyncio.sleep(0)


@pytest.fixture(scope="session")
def run_id() -> str:
    """Begins the name of everything this run leaves on a broker."""
    return RUN_ID


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory, run_id: str) -> Iterator[str]:
    """Bootstrap servers: those of TOCSIN_TEST_KAFKA, else of one broker of our own for the whole run."""
    given = os.environ.get(broker.GIVEN)
    if given:
        yield given
        broker.delete_topics(given, {name for name in broker.topics(given) if name.startswith(run_id)})
        return
    otherwise = f", or set {broker.GIVEN}=HOST:PORT"
    with broker.running(tmp_path_factory.mktemp("kafka"), otherwise=otherwise) as cluster:
        yield cluster.bootstrap


@pytest.fixture(scope="module")
def kafka_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three brokers of our own, to be killed; a test that kills one restarts it, for the next test expects three."""
    with broker.running(tmp_path_factory.mktemp("kafka-cluster"), brokers=3) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def kafka_sasl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One broker of our own whose clients sign in over TLS, as on a managed Kafka; see `broker.signing_in`."""
    with broker.running(tmp_path_factory.mktemp("kafka-sasl"), sasl=True) as cluster:
        yield cluster


@pytest.fixture
def topic_prefix(run_id: str) -> str:
    """Nobody else's: begin the names of topics with it."""
    return f"{run_id}-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def app_id(topic_prefix: str) -> str:
    """A Faust app id, hence consumer group and changelog names, that no other test uses."""
    return f"{topic_prefix}-app"


@pytest.fixture
def clean_kafka(kafka: str) -> Iterator[str]:
    """A broker that holds no topic of a pipeline, and none again afterwards; somebody's own are left alone.

    What other tests of this run left under names of their own disturbs nobody: those names begin with the run's id.
    """
    if held := {name for name in broker.pipeline_topics(kafka) if not name.startswith(f"{RUN_ID}-")}:
        broker.missing(f"a broker without topics of the pipeline; {kafka} has {', '.join(sorted(held))}")
    yield kafka
    broker.delete_topics(kafka, broker.pipeline_topics(kafka))
