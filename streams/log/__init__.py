"""The event log: durable, partitioned, append-only topics. `EventLog` is the port for all that is not a Faust agent."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Literal, Protocol
from urllib.parse import urlsplit

from schemas.codec import Headers
from schemas.errors import InputError, LogError
from streams.log.record import Draft, Placement, Record, TopicPartition, TopicSpec

if TYPE_CHECKING:
    from streams.settings import KafkaSettings

Mode = Literal["own", "read", "append"]
"""own: read and write, alone. read: beside an owner. append: own, or hand records to the owner through its inbox."""

AnyDraft = Draft | tuple[str, bytes | None, bytes | None, Headers]
"""A record to write: a Draft, or plainly (topic, key, value, headers)."""


class EventLog(Protocol):
    """Append to topics and read them. Every method raises LogError or a subclass when the log cannot do it.

    Offsets rise by one per record of a partition and never return; retention and compaction leave holes.
    Timestamps are seconds since the epoch, UTC.
    """

    @property
    def failure(self) -> LogError | None:
        """Why the log can no longer be written, or None. It never recovers: the process must exit."""

    def on_failure(self, callback: Callable[[LogError], None]) -> None:
        """Call this once, in the event loop, if the log fails."""

    async def create_topic(self, spec: TopicSpec) -> None:
        """Make the topic exist as specified. Raises PartitionCountChanged; retention may be changed."""

    async def append(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Headers | Mapping[str, bytes] = (),
        *,
        timestamp: float | None = None,
        partition: int | None = None,
    ) -> Placement:
        """Write one record; returns when it is durable.

        Raises LogFull, LogBroken, UnknownTopic; TypeError or ValueError for what no log can hold.
        """

    async def append_many(self, drafts: Iterable[AnyDraft]) -> list[Placement]:
        """Write records in order, in few commits; returns when all are durable. Raises as `append`.

        Nothing is written when one of them is malformed; when the log fails midway, some may be durable.
        """

    def read(
        self, topic: str, partition: int, start: int, end: int | None = None, limit: int | None = None
    ) -> AsyncIterator[Record]:
        """Records with start <= offset < end, by offset; `end` is at most the end at the time of the call."""

    def tail(self, topics: Iterable[str], start: Mapping[TopicPartition, int] | None = None) -> AsyncIterator[Record]:
        """Records from the given positions on, then new ones as they become durable; ends only when the log is closed.

        start  next offset per partition; a partition not named begins at its earliest record.
        Order holds within a partition. A topic that does not exist yet is awaited. Close the iterator when done.
        """

    async def starts(self, topic: str) -> dict[int, int]:
        """Earliest retained offset of each partition. Raises UnknownTopic."""

    async def ends(self, topic: str) -> dict[int, int]:
        """Next offset of each partition: everything below is durable. Raises UnknownTopic."""

    async def offset_for_time(self, topic: str, timestamp: float) -> dict[int, int]:
        """First offset with at least this timestamp, per partition, or its end. Exact where timestamps do not fall."""

    async def committed(self, group: str) -> dict[TopicPartition, int]:
        """Offsets a consumer group has committed: the next one it will read."""

    async def topics(self) -> dict[str, TopicSpec]:
        """Every topic by name."""

    async def close(self) -> None:
        """Make everything queued durable, then let go. Open tails end."""


async def open_log(url: str, *, mode: Mode, kafka: "KafkaSettings | None" = None) -> EventLog:
    """Open the log behind an address: `embedded://DIR` with the query keys linger_ms, sync, drain, or `kafka://HOST:PORT`.

    mode   on Kafka, which has no single owner, "own" and "append" are the same
    kafka  how to sign in; see streams.settings
    Raises InputError for an address that cannot be used, LogInUse in mode "own" if another process owns it, LogError
    when a broker cannot be reached or refuses us.
    """
    scheme = urlsplit(url).scheme
    if scheme == "embedded":
        from streams.log.directory import open_directory  # each engine is loaded when it is named

        return open_directory(url, mode)
    if scheme == "kafka":
        from streams.log.kafka import open_kafka

        return await open_kafka(url, mode, kafka)
    raise InputError(f"log address: expected embedded://DIR or kafka://HOST:PORT, found {url!r}")


__all__ = [
    "AnyDraft",
    "Draft",
    "EventLog",
    "Headers",
    "Mode",
    "Placement",
    "Record",
    "TopicPartition",
    "TopicSpec",
    "open_log",
]
