"""Real brokers for tests: one named by the environment, or our own, or a skip that says how to get one."""

import asyncio
import os
import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from aiokafka.errors import for_code

from deploy.kafka import jars
from deploy.kafka.cluster import Cluster
from deploy.kafka.nodes import SCRAM
from streams.dead_letter_review import HANDLED
from streams.topics import ALL

GIVEN = "TOCSIN_TEST_KAFKA"
REQUIRED = "TOCSIN_REQUIRE_KAFKA"


def missing(reason: str) -> NoReturn:
    """Skip; fail where TOCSIN_REQUIRE_KAFKA is set, so that nobody takes a run without Kafka for a whole one."""
    line = f"needs Apache Kafka: {reason}"
    if os.environ.get(REQUIRED):
        pytest.fail(line, pytrace=False)
    pytest.skip(line)


@contextmanager
def running(folder: Path, *, otherwise: str = "", **options: Any) -> Iterator[Cluster]:
    """A cluster that is ready, and gone afterwards however the test ended; skips where Java or the jars are missing.

    otherwise  what else would do, for the person who reads the skip
    """
    cluster = Cluster(folder, dies_with_us=True, **options)
    try:
        cluster.start()
    except jars.Missing as fault:
        missing(f"{fault}{otherwise}")
    try:
        yield cluster
    finally:
        cluster.stop()


def signing_in(cluster: Cluster, mechanism: str = SCRAM, password: str | None = None) -> dict[str, Any]:
    """aiokafka's arguments for a cluster whose clients sign in; another password on request."""
    secrets = cluster.secrets
    assert secrets is not None
    return {
        "bootstrap_servers": cluster.bootstrap,
        "security_protocol": "SASL_SSL",
        "ssl_context": ssl.create_default_context(cafile=str(secrets.ca)),
        "sasl_mechanism": mechanism,
        "sasl_plain_username": secrets.user,
        "sasl_plain_password": password or secrets.password,
    }


async def create_topic(name: str, client: dict[str, Any], *, partitions: int = 1, replicas: int = 1) -> None:
    """Create a topic; raises the client's error when the broker refuses."""
    admin = AIOKafkaAdminClient(**client)
    await admin.start()
    try:
        answer = await admin.create_topics([NewTopic(name, partitions, replicas)], timeout_ms=20_000)
    finally:
        await admin.close()
    for _, code, text in answer.topic_errors:
        if code:
            raise for_code(code)(text)


def delete_topics(bootstrap: str, names: Iterable[str]) -> None:
    """Remove topics, and wait until they are gone, so that the next test may make them anew."""
    unwanted = set(names)

    async def remove() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        await admin.start()
        try:
            while left := unwanted & set(await admin.list_topics()):
                await admin.delete_topics(sorted(left))
                await asyncio.sleep(0.05)
        finally:
            await admin.close()

    if unwanted:
        asyncio.run(remove())


def topics(bootstrap: str) -> set[str]:
    """Names of all topics."""

    async def ask() -> set[str]:
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        await admin.start()
        try:
            return set(await admin.list_topics())
        finally:
            await admin.close()

    return asyncio.run(ask())


def pipeline_topics(bootstrap: str) -> set[str]:
    """Names of those topics that a pipeline on this broker uses."""
    fixed = {topic.name for topic in ALL} | {HANDLED.name}
    return {name for name in topics(bootstrap) if name in fixed or name.endswith("-changelog")}


async def assignments(bootstrap: str, group: str) -> list[set[tuple[str, int]]]:
    """What each member of a group is assigned, once no rebalance is going on; empty until then."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        (answer,) = await admin.describe_consumer_groups([group])
    finally:
        await admin.close()
    (_, _, state, _, _, members, *_) = answer.groups[0]
    if state != "Stable":
        return []
    decoded = [ConsumerProtocolMemberAssignment.decode(member[4]) for member in members]
    return [{(topic, number) for topic, numbers in it.assignment for number in numbers} for it in decoded]
