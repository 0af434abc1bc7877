"""How much each topic takes: an output that is too large is known before it is sent, and a refusal is explained.

A Kafka broker refuses a record batch larger than the topic's `max.message.bytes`, and no repetition cures that. What is
declared takes every record of ours (`topics.MAX_MESSAGE_BYTES`); a topic that somebody made smaller may not.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from schemas.codec import Headers, decode, encode
from schemas.dead_letter import DeadLetter
from schemas.errors import TocsinError
from streams.compression import pack
from streams.dead_letters import RecordTooLarge
from streams.topics import MAX_MESSAGE_BYTES

RECORD_MAX = 7_900_000
"""Largest record of a stage, bytes: what Kafka takes. On the embedded log too, so that both give the same alerts."""

STATE_MAX = 3_000_000
"""Most state that one batch of a stage may change in one partition of a changelog, bytes, unless one event does it.

All of it goes in one record batch (`kafka.BATCH_BYTES`), which a broker appends whole or not at all. The rest of such a
batch is room for the deletion of old memos.
"""

_BATCH_BYTES = 100
_HEADER_BYTES = 10
"""What a record batch of one record adds to the bytes of that record, and each of its headers, at most."""

_REFUSALS = frozenset({"MessageSizeTooLargeError", "RecordListTooLargeError"})
"""By name: on the embedded log aiokafka is never loaded."""


class OutRecord(msgspec.Struct, frozen=True, array_like=True):
    """A record ready to be published."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    partition: int | None = None  # None: by the key


class RefusedForSize(TocsinError):
    """A broker has refused a record, or the record batch in which it was sent, for its size."""

    def __init__(self, topic: str, size: int) -> None:
        self.topic = topic
        self.size = size
        super().__init__(f"topic {topic}: refused for its size: a record of {size} bytes, or the batch it was in")


class TopicTooSmall(TocsinError):
    """A topic does not take what must be written to it: whoever made the topic has to change it."""

    def __init__(self, topic: str, size: int, room: int | None) -> None:
        what = f"a record of {size} bytes does not fit its max.message.bytes, {room}"
        if room is None or size < room:
            what = (
                f"a record of {size} bytes, or the record batch it went in, does not fit its max.message.bytes, "
                f"{'which cannot be read' if room is None else room}"
            )
        super().__init__(
            f"topic {topic}: {what}; set that to {MAX_MESSAGE_BYTES} (see `tocsin topics`) and start again"
        )


def is_refusal(error: BaseException) -> bool:
    """Whether a broker, or aiokafka for it, would not have the size."""
    return type(error).__name__ in _REFUSALS


def body_bytes(record: OutRecord) -> int:
    """Key, value and headers."""
    size = len(record.key or b"") + len(record.value or b"")
    for name, raw in record.headers:
        size += len(name) + len(raw)
    return size


def wire_bytes(record: OutRecord) -> int:
    """What the record takes when it is sent alone, at most."""
    return body_bytes(record) + _BATCH_BYTES + _HEADER_BYTES * len(record.headers)


def _packed(record: OutRecord) -> int:
    """As `wire_bytes`, of a changelog record, whose value is compressed on the way."""
    return wire_bytes(msgspec.structs.replace(record, value=pack(record.value)))


class Room:
    """Largest record batch of each topic, as far as it is known. On the embedded log nothing is."""

    def __init__(self) -> None:
        self.largest: Mapping[str, int] = {}

    async def learn(self, producer: Any) -> bool:
        """Ask again; returns whether anything is otherwise than it was known."""
        ask = getattr(producer, "largest_batches", None)
        if ask is None:
            return False
        before, self.largest = self.largest, await ask()
        return before != self.largest

    def _takes(self, topic: str, size: int) -> bool:
        return size <= self.largest.get(topic, size)

    def check_output(self, record: OutRecord) -> int:
        """The size of its body. Raises RecordTooLarge when its topic does not take it: the input is set aside."""
        size = body_bytes(record)
        if size > RECORD_MAX:
            raise RecordTooLarge(f"topic {record.topic}: expected a record of at most {RECORD_MAX} bytes, found {size}")
        if self.largest and not self._takes(record.topic, wire_bytes(record)):
            raise RecordTooLarge(
                f"topic {record.topic}: a record of {size} bytes does not fit its max.message.bytes, "
                f"{self.largest[record.topic]}; see `tocsin topics`"
            )
        return size

    def check_state(self, records: Sequence[OutRecord]) -> None:
        """Raises TopicTooSmall: without its state the worker must not go on."""
        for record in records if self.largest else ():
            if not self._takes(record.topic, wire_bytes(record)) and not self._takes(record.topic, _packed(record)):
                raise TopicTooSmall(record.topic, _packed(record), self.largest[record.topic])

    def is_whole(self, records: Sequence[OutRecord]) -> bool:
        """Whether the changes of one table go to each partition of its changelog in one record batch."""
        if not records:
            return True
        most = min(STATE_MAX, self.largest.get(records[0].topic, STATE_MAX) * 3 // 4)
        if sum(map(wire_bytes, records)) <= most:
            return True  # all partitions together: so it is nearly always
        sizes: Counter[int | None] = Counter()
        for record in records:
            sizes[record.partition] += _packed(record)
        return max(sizes.values()) <= most

    def fitted(self, letter: OutRecord) -> OutRecord:
        """A dead letter with so much of its input that its topic takes it; what is left out is referred to by place.

        Raises TopicTooSmall when not even its place and reason fit.
        """
        if self._takes(letter.topic, wire_bytes(letter)):
            return letter
        smaller, key = decode(DeadLetter, letter.value), letter.key
        for field in ("value_b64", "headers", "key_b64"):
            if field == "value_b64":
                smaller = msgspec.structs.replace(smaller, value_b64=None)
            elif field == "headers":
                smaller = msgspec.structs.replace(
                    smaller, headers={}, is_replayable=smaller.is_replayable and not smaller.headers
                )
            else:
                key, smaller = None, msgspec.structs.replace(smaller, key_b64=None, is_replayable=False)
            record = OutRecord(letter.topic, key, encode(smaller), letter.headers)
            if self._takes(letter.topic, wire_bytes(record)):
                return record
        raise TopicTooSmall(letter.topic, body_bytes(record), self.largest[letter.topic])
