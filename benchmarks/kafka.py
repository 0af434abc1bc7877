"""The whole pipeline on a real Kafka broker beside a bare aiokafka loop on the same bytes and the same broker.

The loop is what anybody would write without a framework: one process, getmany, produce each record, await all, commit;
no decoding, no state. The pipeline is one worker. Both run from their first fetch until everything is committed;
wall-clock updates per second. Each round has topics and a group of its own.

TOCSIN_TEST_KAFKA=HOST:PORT names a running broker without topics of a pipeline; else one is started for the benchmark.
"""

import asyncio
import os
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiokafka
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.structs import TopicPartition

from benchmarks.__main__ import Result
from benchmarks.pipeline import PARTITIONS, updates
from deploy.kafka import jars
from deploy.kafka.cluster import Cluster
from streams import worker
from streams.dead_letter_review import HANDLED
from streams.log import open_log
from streams.settings import Settings
from streams.topics import ALL

GIVEN = "TOCSIN_TEST_KAFKA"
TARGET = 0.5
BATCH = 500
Records = list[tuple[str, bytes, bytes]]


async def _ours(bootstrap: str, records: Records) -> float:
    settings = Settings(broker=f"kafka://{bootstrap}", partitions=PARTITIONS, app_id=f"bench-{uuid.uuid4().hex[:8]}")
    log = await open_log(settings.broker, mode="append")
    await worker.declare_topics(log, settings)
    await log.append_many([(*record, ()) for record in records])
    await log.close()
    began = 0.0

    async def ready() -> None:
        nonlocal began
        began = time.perf_counter()

    await worker.run(settings, until_idle=True, on_ready=ready, delivers=False)
    took = time.perf_counter() - began
    fixed = {topic.name for topic in ALL} | {HANDLED.name}
    await _remove(bootstrap, fixed, settings.app_id)
    return took


async def _theirs(bootstrap: str, records: Records) -> float:
    name = f"bench-{uuid.uuid4().hex[:8]}"
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(f"{name}-{end}", PARTITIONS, 1) for end in ("in", "out")])
    await admin.close()
    producer = aiokafka.AIOKafkaProducer(
        bootstrap_servers=bootstrap, acks="all", linger_ms=5, max_batch_size=131_072, max_request_size=8_000_000
    )
    await producer.start()
    sent = [await producer.send(f"{name}-in", value, key=key) for _, key, value in records]
    await asyncio.gather(*sent)
    consumer = aiokafka.AIOKafkaConsumer(
        f"{name}-in",
        bootstrap_servers=bootstrap,
        group_id=name,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    first = await consumer.getone()  # joining a group is not what is measured
    consumer.seek(TopicPartition(first.topic, first.partition), 0)
    began = time.perf_counter()
    seen = 0
    while seen < len(records):
        found = await consumer.getmany(timeout_ms=100, max_records=BATCH)
        batch = [record for some in found.values() for record in some]
        if batch:
            sent = [await producer.send(f"{name}-out", record.value, key=record.key) for record in batch]
            await asyncio.gather(*sent)
            await consumer.commit()
            seen += len(batch)
    took = time.perf_counter() - began
    await consumer.stop()
    await producer.stop()
    await _remove(bootstrap, set(), name)
    return took


async def _remove(bootstrap: str, names: set[str], prefix: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        while found := [name for name in await admin.list_topics() if name in names or name.startswith(prefix)]:
            await admin.delete_topics(found)
            await asyncio.sleep(0.1)
    finally:
        await admin.close()


@contextmanager
def _broker() -> Iterator[str | None]:
    """Bootstrap servers; None where neither a broker is named nor one can be started."""
    if given := os.environ.get(GIVEN):
        yield given
        return
    with tempfile.TemporaryDirectory() as folder:
        cluster = Cluster(Path(folder) / "kafka", dies_with_us=True)
        try:
            cluster.start()
        except jars.Missing:
            yield None
            return
        try:
            yield cluster.bootstrap
        finally:
            cluster.stop()


def run(rounds: int) -> list[Result]:
    """One warm-up round of each, then interleaved rounds; "not run" without a broker."""
    records = updates()
    ours: list[float] = []
    theirs: list[float] = []
    with _broker() as bootstrap:
        for number in range(rounds + 1 if bootstrap else 0):
            assert bootstrap is not None
            one, other = asyncio.run(_ours(bootstrap, records)), asyncio.run(_theirs(bootstrap, records))
            if number:
                ours.append(len(records) / one)
                theirs.append(len(records) / other)
    result = Result(
        name="pipeline on Kafka, one worker",
        peer="bare aiokafka loop",
        unit="updates/s",
        ours=ours,
        theirs=theirs,
        target=f">= {TARGET}",
        is_hit=None,
        note=f"{len(records)} updates, three stages, all state; one broker" if ours else "no broker",
    )
    ratio = result.ratio
    return [result if ratio is None else Result(**{**result.__dict__, "is_hit": ratio >= TARGET})]
