"""The brokers that tests and developers start hold what tests and developers believe of them."""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, MessageSizeTooLargeError

from deploy.kafka import processes
from deploy.kafka.cluster import Cluster
from deploy.kafka.jars import REPOSITORY, KafkaError
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
async def test_a_wrong_password_is_refused(
    kafka_sasl: Cluster, mechanism: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The broker turns a wrong password away; the client raises a mere connection error and logs the reason."""
    client = broker.signing_in(kafka_sasl, mechanism, password="not-the-password")

    with pytest.raises(KafkaConnectionError):
        await send("any", [b"never"], client)

    assert "SaslAuthenticationFailed" in caplog.text


def test_a_busy_port_is_named(tmp_path: Path) -> None:
    """A port that somebody listens on is refused by number, before anything is started."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(KafkaError, match=f"^port {port} on 127.0.0.1, for broker 1, is busy$"):
            broker.running(tmp_path, port=port).__enter__()


def test_brokers_do_not_outlive_a_killed_test_run(tmp_path: Path) -> None:
    """When the process that started brokers is killed, its guard ends them."""
    code = (
        "import sys, pathlib, time; from deploy.kafka import processes as p; c = pathlib.Path(sys.argv[1]);"
        "print(p.start([sys.executable, *sys.argv[2:]], c, c.with_suffix('.log'), dies_with_us=True), flush=True);"
        "time.sleep(60)"
    )
    config = tmp_path / "broker.properties"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(config), *stand_in(config)], cwd=REPOSITORY, stdout=subprocess.PIPE
    ) as run:
        assert run.stdout is not None
        pid = int(run.stdout.readline())
        assert processes.is_ours(pid, config)

        run.kill()

        assert gone(pid, config)


def test_a_broker_that_ignores_the_request_to_stop_is_killed(tmp_path: Path) -> None:
    """SIGTERM first, SIGKILL when patience is over; only the forced ones are named."""
    config, log = tmp_path / "broker.properties", tmp_path / "broker.log"
    deaf = processes.start([sys.executable, *stand_in(config, "deaf")], config, log, dies_with_us=True)
    until(lambda: log.read_text() == "up\n")

    assert processes.end([(deaf, config)], patience_s=0.2) == [deaf]

    assert not processes.is_ours(deaf, config)


def test_a_pid_that_was_reused_is_not_killed(tmp_path: Path) -> None:
    """A living process that is not a broker of this folder is left alone: this one is the test itself."""
    assert processes.end([(os.getpid(), tmp_path / "broker.properties")], patience_s=0.0) == []


@pytest.mark.parametrize(("required", "outcome"), [("", pytest.skip.Exception), ("1", pytest.fail.Exception)])
def test_a_machine_without_java_skips_or_fails_with_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, required: str, outcome: type[Exception]
) -> None:
    """Without Java a test skips, or fails where Kafka is required, and says how to get it to run."""
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    monkeypatch.setenv(broker.REQUIRED, required)

    with pytest.raises(outcome) as told:
        broker.running(tmp_path / "cluster").__enter__()

    assert str(told.value) == "needs Apache Kafka: no java in JAVA_HOME: Apache Kafka needs Java 17 or newer"


def stand_in(config: Path, *how: str) -> list[str]:
    """Arguments of a process that looks like a broker and does nothing; "deaf" to SIGTERM on request."""
    code = (
        "import signal, sys, time; 'deaf' in sys.argv and signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "print('up', flush=True); time.sleep(60)"
    )
    return ["-c", code, "kafka.Kafka", str(config), *how]


def gone(pid: int, config: Path) -> bool:
    """Whether the process ends within the patience of a guard."""
    return until(lambda: not processes.is_ours(pid, config))


def until(holds: Callable[[], bool]) -> bool:
    """Wait for another process, at most WAIT_S."""
    end = time.monotonic() + WAIT_S
    while not holds() and time.monotonic() < end:
        time.sleep(0.02)
    return holds()
