"""A subscription tried on the alerts that are stored: what it would have been told, and what it can never be."""

from datetime import datetime, timedelta
from typing import Any

import msgspec

from agents.routing.filters import match
from schemas.alert import Status
from schemas.codec import alert_from_record
from schemas.errors import DecodeError
from schemas.event import Severity
from schemas.subscription import Subscription
from streams.log import EventLog
from streams.routing.stored import records
from streams.topics import ALERT_TOPICS

PERIOD = timedelta(days=30)
DAY = timedelta(days=1)
SAMPLES = 3


class Trial(msgspec.Struct, kw_only=True):
    """What came of it.

    stored     messages of the last 30 days
    matched    those that fit
    last_day   those of the last 24 hours
    samples    headlines of the latest
    """

    stored: int = 0
    matched: int = 0
    last_day: int = 0
    samples: list[str] = []
    warnings: list[str] = []

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return found


async def trial(event_log: EventLog | None, subscription: Subscription, now: datetime) -> Trial:
    """Run the filter over the stored alerts, each message once."""
    found = Trial(warnings=list(_never(subscription)))
    seen: set[str] = set()
    since = (now - PERIOD).timestamp()
    for topic in ALERT_TOPICS if event_log is not None else ():
        assert event_log is not None
        async for record in records(event_log, topic):
            if record.timestamp < since:
                continue
            try:
                alert = alert_from_record(record.value, record.headers)
            except DecodeError:
                continue  # a foreign writer's
            if alert.id in seen or alert.data.status is not Status.ACTUAL:
                continue
            seen.add(alert.id)
            found.stored += 1
            if match(subscription.filter, alert).is_match:
                found.matched += 1
                found.last_day += record.timestamp >= (now - DAY).timestamp()
                found.samples = [*found.samples, alert.data.headline][-SAMPLES:]
    if found.stored and not found.matched:
        found.warnings.append(f"never matched: none of the {found.stored} alerts of the last 30 days fits")
    return found


def _never(subscription: Subscription) -> list[str]:
    if subscription.filter.severity > Severity.BULLETIN:
        return ["filter.severity: FLASH is never given by a detector; the highest is BULLETIN"]
    return []
