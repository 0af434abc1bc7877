"""Builders of archives, and logs to fill and to look into."""

import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from streams.archive.files import created
from streams.archive.lines import VERSION, ArchivedTopic, Header
from streams.log import Draft, EventLog, Record, TopicSpec, open_log
from streams.settings import Settings

RECENT = float(int(time.time())) - 600
"""Within every retention, also of a test that runs for minutes."""

DAWN = datetime(2026, 3, 14, 6, 0, tzinfo=UTC).timestamp()
WEEK = timedelta(days=7)
TOPICS = (ArchivedTopic("updates", 2, retention_s=604_800.0), ArchivedTopic("alerts.statements", 2))


def a_record(offset: int = 0, **changes: Any) -> Record:
    """A record of `updates`, partition 0, a second after the one before it."""
    fields: dict[str, Any] = {
        "topic": "updates",
        "partition": 0,
        "offset": offset,
        "timestamp": DAWN + offset,
        "key": b"item-1",
        "value": b'{"body":"The bridge is closed."}',
        "headers": (),
    }
    return Record(**(fields | changes))


def a_header(topics: Iterable[ArchivedTopic] = TOPICS) -> Header:
    """Of an archive without bounds."""
    return Header(VERSION, datetime(2026, 3, 20, tzinfo=UTC), tuple(topics))


def write(path: Path, records: Iterable[Record], topics: Iterable[ArchivedTopic] = TOPICS) -> Path:
    """An archive of these records."""
    with created(path, a_header(topics)) as sink:
        for record in records:
            sink.write(record)
    return path


def settings_of(directory: Path, **fields: Any) -> Settings:
    """Settings with an embedded log."""
    return Settings(broker=f"embedded://{directory}", **fields)


async def fill(directory: Path, specs: Iterable[TopicSpec], drafts: Iterable[Draft] = ()) -> None:
    """Make a log, and close it."""
    log = await open_log(f"embedded://{directory}", mode="own")
    for spec in specs:
        await log.create_topic(spec)
    await log.append_many(drafts)
    await log.close()


async def everything(log: EventLog, topic: str) -> list[Record]:
    """All records of a topic, partition after partition."""
    return [record for number in await log.ends(topic) async for record in log.read(topic, number, 0)]


async def held(directory: Path, topic: str) -> list[Record]:
    """All records of a topic of a log that nobody has open."""
    log = await open_log(f"embedded://{directory}", mode="read")
    try:
        return await everything(log, topic)
    finally:
        await log.close()


def a_topic(name: str = "updates", partitions: int = 2, **fields: Any) -> TopicSpec:
    """A topic to be created."""
    return TopicSpec(name=name, partitions=partitions, **fields)
