"""The engines the contract of `EventLog` is checked on."""

import itertools
from collections.abc import Mapping
from pathlib import Path

from streams.log import EventLog, Mode, TopicPartition, TopicSpec, open_log
from streams.log.embedded import Log

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


def make_topic(partitions: int = 1, **fields: object) -> TopicSpec:
    """A topic nobody else uses, also on a broker shared by many tests."""
    return TopicSpec(name=f"contract-{next(_names)}", partitions=partitions, **fields)  # type: ignore[arg-type]
