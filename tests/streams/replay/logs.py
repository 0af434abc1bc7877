"""Logs that hold some history: the bundled live blog, told of several items at once."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import msgspec

from schemas.article import ArticleUpdate
from schemas.codec import decode, encode
from streams.log import Draft, EventLog, open_log
from streams.sample import SAMPLE_REGISTRY, sample_updates
from streams.settings import Settings
from streams.topics import UPDATES
from streams.worker import declare_topics


def updates(items: int = 3) -> list[ArticleUpdate]:
    """The sample of each item, a little later for each; in order of observation."""
    found = []
    for n in range(items):
        for raw in sample_updates():
            one = decode(ArticleUpdate, raw)
            at = one.observed_at + timedelta(seconds=7 * n)
            found.append(msgspec.structs.replace(one, item=f"{one.item}-{n}", observed_at=at))
    return sorted(found, key=lambda one: (one.observed_at, one.item))


def settings_of(folder: Path, **fields: object) -> Settings:
    """Settings of an embedded log in this folder; statements by the rules, which are faster."""
    plain = {"partitions": 4, "statements_engine": "rules", "registries": (SAMPLE_REGISTRY,)}
    return Settings(broker=f"embedded://{folder / 'log'}", **{**plain, **fields})  # type: ignore[arg-type]


async def fill(settings: Settings, found: Iterable[ArticleUpdate]) -> None:
    """Append updates as `tocsin ingest` does."""
    log = await open_log(settings.broker, mode="append", kafka=settings.kafka)
    await declare_topics(log, settings)
    await log.append_many([Draft(UPDATES.name, one.item.encode(), encode(one)) for one in found])
    await log.close()


@asynccontextmanager
async def reading(settings: Settings) -> AsyncIterator[EventLog]:
    """The log, to read."""
    log = await open_log(settings.broker, mode="read", kafka=settings.kafka)
    try:
        yield log
    finally:
        await log.close()
