"""Builders for tests of routing on the log: a log in memory, stages that are only asked for their state."""

from collections.abc import AsyncIterator, Mapping

from schemas.codec import encode
from schemas.subscription import Silence, Subscription
from streams.log import Record, TopicPartition
from streams.topics import SILENCES, SUBSCRIPTIONS


class FakeLog:
    """Two topics of one partition each; `tail` hands out what is there and then waits for ever on `rest`."""

    failure = None

    def __init__(self) -> None:
        self.topics_: dict[str, list[Record]] = {SUBSCRIPTIONS.name: [], SILENCES.name: []}

    def write(self, topic: str, key: bytes, value: bytes | None) -> None:
        records = self.topics_[topic]
        records.append(Record(topic, 0, len(records), 1_000.0, key, value))

    def put(self, value: Subscription | Silence) -> None:
        topic = SUBSCRIPTIONS if isinstance(value, Subscription) else SILENCES
        self.write(topic.name, value.id.encode(), encode(value))

    async def ends(self, topic: str) -> dict[int, int]:
        return {0: len(self.topics_[topic])}

    async def read(self, topic: str, _: int, start: int, end: int) -> AsyncIterator[Record]:
        for record in self.topics_[topic][start:end]:
            yield record

    async def tail(self, topics: list[str], start: Mapping[TopicPartition, int]) -> AsyncIterator[Record]:
        for topic in topics:
            for record in self.topics_[topic][start[TopicPartition(topic, 0)] :]:
                yield record
