"""Real brokers for tests: one named by the environment, or our own, or a skip that says how to get one."""

import asyncio
import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import for_code

from deploy.kafka import jars
from deploy.kafka.cluster import Cluster
from deploy.kafka.nodes import SCRAM

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


def delete_topics(bootstrap: str, prefix: str) -> None:
    """Remove what tests left on a broker that is not ours."""

    async def remove() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        await admin.start()
        try:
            if names := [name for name in await admin.list_topics() if name.startswith(prefix)]:
                await admin.delete_topics(names)
        finally:
            await admin.close()

    asyncio.run(remove())
