"""One message for one subscription, marked as a test: through the log, the state machine and the real channel."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from datetime import UTC, datetime

import msgspec

from agents.delivery.dispatch import split
from agents.routing.telling import notification
from schemas.alert import MessageType, Status
from schemas.delivery import Attempt, Outcome
from schemas.event import Severity
from schemas.routing import Item, NotificationKind, Reason
from streams.delivery import reports
from streams.log import TopicPartition
from streams.routing import stored
from streams.routing.drill import drill_alert
from streams.settings import Settings
from streams.topics import ATTEMPTS

MARK = "[TEST] "


async def trial(
    settings: Settings, wanted: str, *, patience_s: float, tell: Callable[[Attempt], None]
) -> list[Attempt]:
    """Send it and wait for its end; the attempts so far when patience runs out.

    tell  called with each attempt as it comes
    Raises InputError for an unknown subscription.
    """
    now = datetime.now(UTC)
    alert = drill_alert(
        text="This is a test of this channel; nothing has happened.", speaker="tocsin", severity=Severity.NOTE, now=now
    )
    data = msgspec.structs.replace(alert.data, status=Status.TEST, headline=MARK + alert.data.headline)
    alert = msgspec.structs.replace(alert, data=data)
    async with stored.opened(settings, writes=True) as event_log:
        subscription = (await stored.asked(event_log)).find(wanted)
        item = Item(
            message_id=alert.id,
            alert_id=data.alert_id,
            version=1,
            msgtype=MessageType.ALERT,
            type=alert.type,
            severity=alert.severitynumber,
            headline=data.headline,
            story=alert.story,
            time=now,
            reason=Reason.SENT,
        )
        told = notification(subscription, NotificationKind.MESSAGE, (item,), at=now, group={}, status=Status.TEST)
        (one,) = split(told)
        one = msgspec.structs.replace(one, alert=alert)
        start = {TopicPartition(ATTEMPTS.name, n): end for n, end in (await event_log.ends(ATTEMPTS.name)).items()}
        await reports.append(event_log, (one,))
        found: list[Attempt] = []
        try:
            async with asyncio.timeout(patience_s), aclosing(reports.followed(event_log, start)) as news:  # type: ignore[type-var]
                async for event in news:
                    if isinstance(event, Attempt) and event.delivery == one.id:
                        found.append(event)
                        tell(event)
                        if event.outcome is not Outcome.RETRY:
                            break
        except TimeoutError:
            pass  # the attempts so far say how it went
        return found
