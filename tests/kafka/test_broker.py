"""The brokers that tests and developers start hold what tests and developers believe of them."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError as ClientError
from aiokafka.errors import MessageSizeTooLargeError

from deploy.kafka.cluster import Cluster
from deploy.kafka.jars import KafkaError
from tests.kafka import broker

WAIT_S = 30


async def send(topic: str, values: list[bytes], client: dict[str, Any]) -> None:
    producer = AIOKafkaProducer(**client, acks="all", max_request_size=2_000_000)
    try:
        await producer.start()
        for value in values:
            await producer.send_and_wait(topic, value)
    finally:
        await producer.stop()


async def read(topic: str, count: int, client: dict[str, Any], **options: Any) -> list[bytes]:
    consumer = AIOKafkaConsumer(topic, **client, auto_offset_reset="earliest", **options)
    async with consumer, asyncio.timeout(WAIT_S):
        return [(await consumer.getone()).value for _ in range(count)]


async def test_what_is_sent_is_read_by_a_group(kafka: str, topic_prefix: str, app_id: str) -> None:
    """A consumer group reads the records of one partition in the order of their sending."""
    client = {"bootstrap_servers": kafka}
    await broker.create_topic(topic_prefix, client)

    await send(topic_prefix, [b"one", b"two", b"three"], client)

    assert await read(topic_prefix, 3, client, group_id=app_id) == [b"one", b"two", b"three"]


async def test_the_largest_record_is_that_of_managed_brokers(kafka_sasl: Cluster, topic_prefix: str) -> None:
    """A value of 1,048,000 bytes fits; one of the broker's limit, and then its wrapping, is refused."""
    client = broker.signing_in(kafka_sasl)
    await broker.create_topic(topic_prefix, client)

    await send(topic_prefix, [b"x" * 1_048_000], client)

    with pytest.raises(MessageSizeTooLargeError):
        await send(topic_prefix, [b"x" * 1_048_588], client)


async def test_data_and_ports_survive_a_restart(tmp_path: Path) -> None:
    """Stopped and started again on the same folder, a cluster has the same address and still holds its records."""
    with broker.running(tmp_path) as cluster:
        before = cluster.bootstrap
        await broker.create_topic("kept", {"bootstrap_servers": before})
        await send("kept", [b"still here"], {"bootstrap_servers": before})

    with broker.running(tmp_path) as cluster:
        assert cluster.bootstrap == before
        assert await read("kept", 1, {"bootstrap_servers": before}) == [b"still here"]


def test_stop_leaves_no_process(tmp_path: Path) -> None:
    """A stopped cluster has ended without force, its process is gone, and stopping again does nothing."""
    with broker.running(tmp_path) as cluster:
        (pid,) = cluster.pids.values()

        assert cluster.stop() == []

        assert not (Path("/proc") / str(pid)).exists()
        assert cluster.pids == {}
        assert cluster.stop() == []


def test_a_second_start_in_a_folder_is_refused(tmp_path: Path) -> None:
    """Whoever starts a cluster where one runs is told so in one line, and the running one is left alone."""
    with broker.running(tmp_path) as cluster:
        with pytest.raises(KafkaError, match=r"another cluster is running here \(pid \d+\): stop it first"):
            Cluster(tmp_path).start()

        assert cluster.why_not_ready() is None


async def test_three_brokers_survive_the_death_of_one(kafka_cluster: Cluster, topic_prefix: str) -> None:
    """With acks from all in-sync replicas nothing is lost when the leader is killed, and writing goes on."""
    client = {"bootstrap_servers": kafka_cluster.bootstrap}
    await broker.create_topic(topic_prefix, client, replicas=3)
    before, after = [b"%d" % n for n in range(20)], [b"%d" % n for n in range(20, 40)]
    await send(topic_prefix, before, client)

    kafka_cluster.kill(kafka_cluster.leader(topic_prefix))
    await send(topic_prefix, after, client)

    assert await read(topic_prefix, 40, client) == before + after
    (dead,) = {1, 2, 3} - kafka_cluster.pids.keys()
    kafka_cluster.restart(dead)
    assert kafka_cluster.why_not_ready() is None


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-512", "PLAIN"])
async def test_a_client_that_signs_in_over_tls_reads_and_writes(
    kafka_sasl: Cluster, topic_prefix: str, mechanism: str
) -> None:
    """User and password, under a certificate of the cluster's own authority, are enough to write and read."""
    client = broker.signing_in(kafka_sasl, mechanism)
    await broker.create_topic(topic_prefix, client)

    await send(topic_prefix, [b"signed in"], client)

    assert await read(topic_prefix, 1, client) == [b"signed in"]


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-512", "PLAIN"])
async def test_a_wrong_password_is_refused(kafka_sasl: Cluster, mechanism: str) -> None:
    """A client with a wrong password is turned away by the broker, and its error says that."""
    client = broker.signing_in(kafka_sasl, mechanism, password="not-the-password")

    with pytest.raises(ClientError):
        await send("any", [b"never"], client)
