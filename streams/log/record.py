"""What stands in a log: records, topics, positions."""

import math
import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import NamedTuple

import msgspec

from schemas.codec import Headers
from schemas.errors import InputError

MAX_RECORD_BYTES = 64 << 20
"""Largest key plus value of one record: above any event, so that a foreign giant still reaches the dead letters."""

_TOPIC_NAME = re.compile(r"[A-Za-z0-9._-]{1,249}")


class TopicPartition(NamedTuple):
    """One partition of one topic."""

    topic: str
    partition: int


class Placement(NamedTuple):
    """Where a durable record stands.

    offset  None when another process owns the log: the record is safe in its inbox, and gets its offset on import.
    """

    partition: int
    offset: int | None


class Record(msgspec.Struct, frozen=True, gc=False):
    """One record as read. Timestamps are seconds since the epoch, UTC."""

    topic: str
    partition: int
    offset: int
    timestamp: float
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


class Draft(NamedTuple):
    """A record to be written. Without a partition the key decides (as every Kafka client does), else round robin."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    timestamp: float | None = None
    partition: int | None = None


class TopicSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A topic as it must exist.

    is_compacted  keep the last record of each key; such a topic has no retention.
    retention     records older than this may go; None keeps them for ever.
    Raises InputError for a name no Kafka broker would take, no partition, or retention of a compacted topic.
    """

    name: str
    partitions: int
    is_compacted: bool = False
    retention: timedelta | None = None

    def __post_init__(self) -> None:
        if not _TOPIC_NAME.fullmatch(self.name) or self.name in (".", ".."):
            raise InputError(f"topic: expected 1 to 249 letters, digits, '.', '_' or '-', found {self.name[:300]!r}")
        if self.partitions < 1:
            raise InputError(f"topic {self.name}: partitions: expected at least 1, found {self.partitions}")
        if self.is_compacted and self.retention is not None:
            raise InputError(f"topic {self.name}: expected compaction or retention, found both")
        if self.retention is not None and self.retention <= timedelta(0):
            raise InputError(f"topic {self.name}: retention: expected more than 0 s, found {self.retention}")


def checked_headers(headers: Mapping[str, bytes] | Iterable[tuple[str, bytes]] | None) -> Headers:
    """The headers as stored. Raises TypeError for anything but str keys and bytes values, before anything is queued."""
    if not headers:
        return ()
    pairs = tuple(headers.items() if isinstance(headers, Mapping) else headers)
    for pair in pairs:
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise TypeError(f"record headers: expected pairs of str and bytes, found {type(pair).__name__}")
        if not isinstance(pair[0], str) or not isinstance(pair[1], bytes):
            found = f"{type(pair[0]).__name__} and {type(pair[1]).__name__}"
            raise TypeError(f"record headers: expected pairs of str and bytes, found {found}")
        if not pair[0].isascii():
            pair[0].encode()  # a lone surrogate must fail here, not inside the writer
    return tuple((name, value) for name, value in pairs)


def checked_body(key: bytes | None, value: bytes | None, timestamp: float | None) -> None:
    """Raises TypeError or ValueError for what the log cannot hold, before anything is queued."""
    for name, data in (("key", key), ("value", value)):
        if data is not None and not isinstance(data, bytes):
            raise TypeError(f"record {name}: expected bytes or None, found {type(data).__name__}")
    size = len(key or b"") + len(value or b"")
    if size > MAX_RECORD_BYTES:
        raise ValueError(f"record: expected at most {MAX_RECORD_BYTES} bytes, found {size}")
    if timestamp is not None and not (math.isfinite(timestamp) and timestamp >= 0):
        raise ValueError(f"record timestamp: expected seconds since the epoch, found {timestamp}")
