"""Reading the alert topics: listed in order, filtered, each message once."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from schemas.alert import Alert, Family
from schemas.codec import alert_from_record
from schemas.errors import InputError
from streams.log import EventLog, Record
from streams.topics import ALERTS, run_topic

KINDS = {"statements": Family.STATEMENT, "escalations": Family.KEYWORD, "officials": Family.OFFICIAL}
_AGO = re.compile(r"^(\d+)\s*(s|m|h|d)$")
_UNIT = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True, kw_only=True)
class Query:
    """Which alerts to show.

    since  earliest observation time, aware UTC
    as_of  nothing that was observed later: what was known then
    story  story id, or words of its title
    run    alerts of this replay, instead of those that were told
    """

    families: tuple[Family, ...] = tuple(ALERTS)
    since: datetime | None = None
    as_of: datetime | None = None
    story: str | None = None
    run: str | None = None

    @property
    def topics(self) -> tuple[str, ...]:
        """Where they stand."""
        names = tuple(ALERTS[family].name for family in self.families)
        return names if self.run is None else tuple(run_topic(self.run, name) for name in names)

    def wants(self, alert: Alert) -> bool:
        """Whether the alert belongs to the answer."""
        if self.since is not None and alert.recordedtime < self.since:
            return False
        if self.as_of is not None and alert.recordedtime > self.as_of:
            return False
        if self.story is None or self.story == alert.data.story.id:
            return True
        title = alert.data.story.title or ""
        return self.story.casefold() in title.casefold()


def parse_since(text: str, now: datetime, where: str = "--since") -> datetime:
    """A moment: RFC 3339, a date, or an age such as "2h".

    >>> parse_since("2h", datetime(2026, 1, 1, 12, tzinfo=UTC)).hour
    10
    """
    ago = _AGO.match(text.strip())
    if ago:
        return now - timedelta(**{_UNIT[ago[2]]: int(ago[1])})
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise InputError(
            f'{where}: expected a time such as 2026-03-14T10:00Z or an age such as 2h, found "{text}"'
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


async def stored(event_log: EventLog, query: Query) -> AsyncIterator[Alert]:
    """All stored alerts, in the order in which they were written, each message once."""
    known = set(await event_log.topics())
    records: list[Record] = []
    if query.run is not None and not known.intersection(query.topics):
        raise InputError(f"--replay: expected a run with topics in this log, found none named {query.run!r}")
    for topic in query.topics:
        if topic not in known:
            continue
        for partition in await event_log.ends(topic):
            records += [record async for record in event_log.read(topic, partition, 0)]
    records.sort(key=lambda record: (record.timestamp, record.topic, record.partition, record.offset))
    seen: set[str] = set()
    for record in records:
        for alert in _fresh(record, query, seen):
            yield alert


async def followed(event_log: EventLog, query: Query) -> AsyncIterator[Alert]:
    """All stored alerts, then new ones as they come, each message once; never ends by itself."""
    seen: set[str] = set()
    async for record in event_log.tail(query.topics):
        for alert in _fresh(record, query, seen):
            yield alert


def _fresh(record: Record, query: Query, seen: set[str]) -> list[Alert]:
    alert = alert_from_record(record.value, record.headers)
    if alert.id in seen or not query.wants(alert):
        return []
    seen.add(alert.id)
    return [alert]
