"""The engines the contract of `EventLog` is checked on."""

import itertools
import uuid
from collections.abc import Mapping
from pathlib import Path

import aiokafka
from aiokafka.structs import TopicPartition as KafkaPartition

from streams.log import EventLog, Mode, TopicPartition, TopicSpec, open_log
from streams.log.embedded import Log

RUN_ID = f"test-{uuid.uuid4().hex[:8]}"
"""Begins the name of everything this test run leaves on a broker."""

_names = itertools.count()


class EmbeddedEngine:
    """A log in a fresh directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.url = f"embedded://{directory}"

    async def open(self, mode: Mode = "own") -> EventLog:
        """A handle on the one log of this engine."""
        return await open_log(self.url, mode=mode)

    async def commit(self, group: str, offsets: Mapping[TopicPartition, int]) -> None:
        """Commit as a consumer of this group would."""
        log = Log.acquire(self.directory)
        try:
            await log.commit(group, offsets)
        finally:
            await log.release()


class KafkaEngine:
    """A broker shared with other tests: the groups of each engine are its own, as its topics are."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self._groups = f"{RUN_ID}-{next(_names)}-"
        self.url = f"kafka://{bootstrap}"

    async def open(self, mode: Mode = "own") -> EventLog:
        """A handle on the broker."""
        log = await open_log(self.url, mode=mode)
        committed = log.committed
        log.committed = lambda group: committed(self._groups + group)  # type: ignore[method-assign]
        return log

    async def commit(self, group: str, offsets: Mapping[TopicPartition, int]) -> None:
        """Commit as a consumer of this group would."""
        async with aiokafka.AIOKafkaConsumer(
            bootstrap_servers=self.bootstrap, group_id=self._groups + group, enable_auto_commit=False
        ) as consumer:
            consumer.assign([KafkaPartition(*tp) for tp in offsets])
            await consumer.commit({KafkaPartition(*tp): offset for tp, offset in offsets.items()})


def make_topic(partitions: int = 1, **fields: object) -> TopicSpec:
    """A topic nobody else uses, also on a broker shared by many tests."""
    return TopicSpec(name=f"{RUN_ID}-contract-{next(_names)}", partitions=partitions, **fields)  # type: ignore[arg-type]
