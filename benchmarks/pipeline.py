"""The whole pipeline on the embedded log beside a bare Faust pass-through of the same bytes on the same log.

The pass-through is one agent with our pattern: batches, manual acks, every output awaited; no decoding, no state. Both
run from ready until everything is committed; wall-clock updates per second.
"""

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any

import faust
from yarl import URL

from benchmarks.__main__ import Result
from schemas.article import ArticleUpdate
from schemas.codec import decode, encode
from streams import worker
from streams.log import open_log
from streams.sample import sample_updates
from streams.settings import Settings
from streams.stage import OutRecord, deliver
from streams.topics import ENTRIES, UPDATES

COPIES = 60
PARTITIONS = 4
TARGET = 0.5


def updates() -> list[tuple[str, bytes, bytes]]:
    """Every post of the bundled live blog as an update of its own, in many copies with items of their own."""
    posts = [post for raw in sample_updates() for post in decode(ArticleUpdate, raw).posts[:1]]
    base = decode(ArticleUpdate, sample_updates()[0])
    found = []
    for copy in range(COPIES):
        for number, post in enumerate(posts):
            item = f"https://sample-news.example/bench/{copy}"
            update = ArticleUpdate(
                update_id=f"up_{copy}_{number}",
                source=base.source,
                item=item,
                format=base.format,
                observed_at=base.observed_at,
                posts=(post,),
                title=base.title,
                is_complete=False,
            )
            found.append((UPDATES.name, item.encode(), encode(update)))
    return found


async def _fill(settings: Settings, records: list[tuple[str, bytes, bytes]]) -> None:
    log = await open_log(settings.broker, mode="append")
    await worker.declare_topics(log, settings)
    await log.append_many([(*record, ()) for record in records])
    await log.close()


async def _ours(settings: Settings) -> float:
    began = 0.0

    async def ready() -> None:
        nonlocal began
        began = time.perf_counter()

    await worker.run(settings, until_idle=True, on_ready=ready, delivers=False)
    return time.perf_counter() - began


async def _theirs(settings: Settings, count: int, folder: Path) -> float:
    app = faust.App(
        "pass-through",
        broker=URL(settings.broker),
        datadir=str(folder / "faust"),
        store="memory://",
        web_enabled=False,
        key_serializer="raw",
        value_serializer="raw",
        topic_partitions=PARTITIONS,
        topic_disable_leader=True,
        broker_commit_interval=settings.commit_interval_s,
        broker_max_poll_records=settings.batch_size,
        stream_buffer_maxsize=16_384,
    )
    done = asyncio.Event()
    seen = 0

    async def send(record: OutRecord) -> Any:
        return await app.producer.send(record.topic, record.key, record.value, None, None, [])

    @app.agent(app.topic(UPDATES.name, key_type=bytes, value_type=bytes, partitions=PARTITIONS))
    async def passing(stream: Any) -> None:
        nonlocal seen
        async for batch in stream.noack_take(settings.batch_size, within=0.02):
            await deliver([OutRecord(ENTRIES.name, e.message.key, e.message.value) for e in batch], send)
            for event in batch:
                await stream.ack(event)
            seen += len(batch)
            if seen >= count:
                await app.consumer.commit()
                done.set()

    await app.start()
    began = time.perf_counter()
    await done.wait()
    took = time.perf_counter() - began
    await app.stop()
    return took


async def _round(records: list[tuple[str, bytes, bytes]], *, is_ours: bool) -> float:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(broker=f"embedded://{folder}/log?linger_ms=5", partitions=PARTITIONS)
        await _fill(settings, records)
        took = await (_ours(settings) if is_ours else _theirs(settings, len(records), Path(folder)))
        return len(records) / took


def run(rounds: int) -> list[Result]:
    """One warm-up round of each, then interleaved rounds."""
    records = updates()
    ours: list[float] = []
    theirs: list[float] = []
    for number in range(rounds + 1):
        one, other = asyncio.run(_round(records, is_ours=True)), asyncio.run(_round(records, is_ours=False))
        if number:
            ours.append(one)
            theirs.append(other)
    result = Result(
        name="pipeline on the embedded log",
        peer="bare Faust pass-through",
        unit="updates/s",
        ours=ours,
        theirs=theirs,
        target=f">= {TARGET}",
        is_hit=None,
        note=f"{len(records)} updates, three stages, all state",
    )
    assert result.ratio is not None
    return [Result(**{**result.__dict__, "is_hit": result.ratio >= TARGET})]
