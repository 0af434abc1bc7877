"""The alert of a delivery: from memory, where it has just come by, else from its topic."""

import asyncio
import logging
from collections import OrderedDict
from contextlib import aclosing
from datetime import datetime

from schemas.alert import Alert
from schemas.codec import alert_from_record
from schemas.delivery import Delivery
from schemas.errors import DecodeError, LogError, UnknownTopic
from streams.log import EventLog, Record, TopicPartition
from streams.log.partitioner import key_hash
from streams.topics import ALERT_TOPICS, ALERTS

log = logging.getLogger(__name__)

MEMORY_BYTES = 16_000_000
"""Alerts kept in memory, bytes of their records: minutes of a storm, a day of news."""

WINDOWS_S = (120.0, 3600.0, 2 * 86_400.0, 400 * 86_400.0)
"""How far back an alert is looked for: most are delivered at once, the rest after a quiet night."""

RETRY_S = 1.0
_ID = "ce_id"


class Content:
    """Alerts by message id.

    log  read only
    """

    def __init__(self, event_log: EventLog) -> None:
        self._log = event_log
        self._records: OrderedDict[str, Record] = OrderedDict()
        self._bytes = 0

    async def follow(self) -> None:
        """Remember alerts as they come, until cancelled or until the log is closed."""
        while True:
            try:
                start = {
                    TopicPartition(topic.name, partition): end
                    for topic in ALERT_TOPICS
                    for partition, end in (await self._log.ends(topic.name)).items()
                }
                async with aclosing(self._log.tail([topic.name for topic in ALERT_TOPICS], start)) as records:  # type: ignore[type-var]
                    async for record in records:
                        self._remember(record)
            except LogError as error:
                if self._log.failure is not None:
                    raise
                log.warning("AlertsNotFollowed reason=%s", error)
                await asyncio.sleep(RETRY_S)
            else:
                return

    async def find(self, delivery: Delivery) -> Alert | None:
        """The alert of a delivery's message; None if it stands nowhere any more. Raises LogError."""
        record = self._records.get(delivery.message_id)
        alert = _read(record) if record is not None else None
        return alert if alert is not None else await self._search(delivery)

    async def _search(self, delivery: Delivery) -> Alert | None:
        """From shortly before it was told, further and further back."""
        topic = ALERTS[delivery.lead.type.family].name if delivery.lead.type.family in ALERTS else None
        if topic is None:
            return None
        try:
            partitions = await self._log.ends(topic)
        except UnknownTopic:
            return None
        partition = key_hash(delivery.lead.story.encode()) % len(partitions)
        end = partitions[partition]
        for window in WINDOWS_S:
            start = (await self._log.offset_for_time(topic, _before(delivery.at, window)))[partition]
            found = None
            async for record in self._log.read(topic, partition, start, end):
                self._remember(record)
                if _message(record) == delivery.message_id:
                    found = _read(record) or found
            if found is not None:
                return found
            end = min(start, end)
        return None

    def _remember(self, record: Record) -> None:
        id = _message(record)
        if id is None or id in self._records:
            return
        self._records[id] = record
        self._bytes += len(record.value or b"")
        while self._bytes > MEMORY_BYTES and len(self._records) > 1:
            _, old = self._records.popitem(last=False)
            self._bytes -= len(old.value or b"")


def _message(record: Record) -> str | None:
    return next((raw.decode("utf-8", "replace") for name, raw in record.headers if name == _ID and raw), None)


def _read(record: Record) -> Alert | None:
    try:
        return alert_from_record(record.value, record.headers)
    except DecodeError as error:  # somebody else writes to our topics
        log.warning(
            "AlertUnreadable topic=%s partition=%d offset=%d reason=%s",
            record.topic, record.partition, record.offset, error,
        )  # fmt: skip
        return None


def _before(at: datetime, seconds: float) -> float:
    return max(at.timestamp() - seconds, 0.0)
