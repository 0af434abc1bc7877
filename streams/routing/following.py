"""The book of a worker: what `subscriptions` and `silences` say, read whole before routing begins, then followed."""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import aclosing

from agents.routing.book import Book
from schemas.codec import decode
from schemas.errors import DecodeError, LogError
from schemas.subscription import Silence, Subscription
from schemas.validation import validate
from streams.log import EventLog, Record, TopicPartition
from streams.topics import ASKED, SILENCES, SUBSCRIPTIONS, Topic

log = logging.getLogger(__name__)

RETRY_S = 1.0
"""Wait before a broker that could not be read is asked again, seconds."""

Entry = Subscription | Silence
KINDS: dict[str, type[Subscription] | type[Silence]] = {SUBSCRIPTIONS.name: Subscription, SILENCES.name: Silence}


class TopicFollower(ABC):
    """Reads compacted topics whole, then follows them; what their records mean is `_take`'s."""

    def __init__(self, event_log: EventLog, topics: Sequence[Topic]) -> None:
        self._log = event_log
        self._topics = topics
        self._next: dict[TopicPartition, int] = {}

    async def load(self) -> None:
        """Read the topics to their ends as they are now."""
        for topic in self._topics:
            for partition, end in (await self._log.ends(topic.name)).items():
                if end > 0:  # on Kafka each look costs a request
                    async for record in self._log.read(topic.name, partition, 0, end):
                        self._take(record)
                self._next[TopicPartition(topic.name, partition)] = end

    async def follow(self) -> None:
        """Take what comes after that, until cancelled or until the log is closed.

        While a broker cannot be read, everything stays as it was. Raises the failure of a log that is broken for good.
        """
        names = [topic.name for topic in self._topics]
        while True:
            try:
                async with aclosing(self._log.tail(names, self._next)) as records:  # type: ignore[type-var]
                    async for record in records:
                        self._take(record)
                        self._next[TopicPartition(record.topic, record.partition)] = record.offset + 1
            except LogError as error:
                if self._log.failure is not None:
                    raise
                log.warning("BookNotFollowed reason=%s", error)
                await asyncio.sleep(RETRY_S)
            else:
                return

    @abstractmethod
    def _take(self, record: Record) -> None:
        """Take one record in; must not raise for what it holds."""


class Follower(TopicFollower):
    """Keeps a book as the topics say. An entry that cannot be used is warned of and changes nothing.

    on_release  called when a silence is taken away or changed: what it held back need not wait for its end
    """

    def __init__(self, event_log: EventLog, book: Book, on_release: Callable[[], None] = lambda: None) -> None:
        super().__init__(event_log, ASKED)
        self.book = book
        self._on_release = on_release

    def _take(self, record: Record) -> None:
        key = (record.key or b"").decode("utf-8", "replace")
        is_known_silence = key in self.book.silences
        if record.value is None:
            self.book.remove(key)
            if is_known_silence:
                self._on_release()
            return
        entry = read_entry(record)
        if isinstance(entry, str):
            log.warning(
                "%sIgnored topic=%s partition=%d offset=%d key=%s %s",
                KINDS[record.topic].__name__, record.topic, record.partition, record.offset, key[:80], entry,
            )  # fmt: skip
            return
        self.book.put(entry)
        if is_known_silence:
            self._on_release()


def read_entry(record: Record) -> Entry | str:
    """The subscription or silence of a record; or, in one line, why it cannot be used."""
    try:
        entry: Entry = decode(KINDS[record.topic], record.value)
    except DecodeError as error:
        return str(error)
    if entry.id.encode() != record.key:
        return f"id: expected the key of its record, found {entry.id[:80]!r}"
    faults = validate(entry)
    return "; ".join(str(fault) for fault in faults[:3]) if faults else entry
