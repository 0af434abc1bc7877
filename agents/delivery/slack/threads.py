"""What is kept of a thread in its marks, and the root message that is drawn from it.

Marks: "root" is the timestamp of the root, "alert/<alert id>" the timestamps of the replies that stand for an alert
(one, as a rule; with blanks between), "state" what the root shows, "waited" how often nobody could look for a message.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from agents.delivery.slack.api import TIMESTAMP
from agents.delivery.slack.blocks import (
    Message,
    context,
    dated,
    heading,
    level,
    ours,
    said,
    section,
)
from agents.delivery.slack.messages import is_correction
from agents.delivery.slack.mrkdwn import fit, link
from agents.delivery.wording import one_line
from schemas.alert import Alert, MessageType, Status
from schemas.delivery import Delivery
from schemas.event import Severity, Struct

ROOT = "root"
STATE = "state"
WAITED = "waited"
_ALERT = "alert/"

REFRESH = timedelta(seconds=5)
"""Least time between two updates of a root that only count further."""

_REPLIES = 4
"""Replies of one alert that a correction edits."""

_HEADLINE = 300


class Root(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the root of a thread shows.

    standing   alerts told and not withdrawn, by number of severity
    last       message that was counted last: a retry counts nothing again
    shown_at   when the root was last written; `shown_level` with which levels
    """

    title: str = ""
    url: str | None = None
    status: Status = Status.ACTUAL
    standing: dict[int, int] = {}
    alerts: int = 0
    corrections: int = 0
    withdrawn: int = 0
    latest: Severity = Severity.NOTE
    headline: str = ""
    at: datetime | None = None
    last: str = ""
    shown_at: datetime | None = None
    shown_level: str = ""

    @property
    def highest(self) -> Severity | None:
        """Of the alerts that stand; None if none does."""
        found = [number for number, count in self.standing.items() if count > 0]
        return Severity(max(found)) if found else None

    @property
    def levels(self) -> str:
        """Highest and latest, to see whether they changed."""
        return f"{self.highest}/{self.latest}"


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Root)


def alert_mark(alert_id: str) -> str:
    """Name of the mark of an alert's replies."""
    return f"{_ALERT}{alert_id}"


def read(marks: Mapping[str, str]) -> Root:
    """The root as it was kept; an empty one if there is none, or none that can be read."""
    try:
        return _decoder.decode(marks.get(STATE) or "{}")
    except (msgspec.DecodeError, UnicodeError):
        return Root()


def write(root: Root) -> str:
    """The value of the mark "state"."""
    return _encoder.encode(root).decode()


def replies(marks: Mapping[str, str], alert_id: str) -> tuple[str, ...]:
    """Timestamps of the replies that stand for an alert, oldest first."""
    return tuple((marks.get(alert_mark(alert_id)) or "").split())


def waited(marks: Mapping[str, str], delivery: Delivery) -> int:
    """How often nobody could look for the message of this delivery."""
    message, _, count = marks.get(WAITED, "").rpartition(" ")
    return int(count) if message == delivery.message_id and count.isdecimal() else 0


def known_replies(marks: Mapping[str, str]) -> tuple[str, ...]:
    """Timestamps of all replies of the thread that are known."""
    values = (value for name, value in marks.items() if name.startswith(_ALERT))
    return tuple(ts for value in values for ts in value.split() if TIMESTAMP.fullmatch(ts))


def with_reply(standing: tuple[str, ...], ts: str, *, is_replacing: bool) -> str:
    """The value of an alert's mark after one more reply; what a correction struck stands no more."""
    return " ".join((ts,) if is_replacing else (*standing[: _REPLIES - 1], ts))


def counted(root: Root, delivery: Delivery, alert: Alert | None, *, is_known: bool) -> Root:
    """The root after one more delivery.

    is_known  this thread has a reply of the alert
    """
    if root.last == delivery.message_id:
        return root
    lead = delivery.lead
    standing = dict(root.standing)
    number = int(lead.severity)
    is_cancel = lead.msgtype is MessageType.CANCEL
    is_back = is_correction(delivery) and not is_cancel and alert is not None and alert.data.is_reinstated
    if is_cancel and is_known:
        _take(standing, number)
    elif is_back or not (is_cancel or is_known):
        standing[number] = standing.get(number, 0) + 1
    story = alert.data.story if alert is not None else None
    return Root(
        title=one_line((story.title if story else None) or root.title or lead.story, 200),
        url=(story.url if story else None) or root.url,
        status=delivery.status,
        standing={number: count for number, count in sorted(standing.items()) if count > 0},
        alerts=root.alerts + (not is_known),
        corrections=root.corrections + is_correction(delivery),
        withdrawn=max(0, root.withdrawn + is_cancel - is_back),
        latest=lead.severity,
        headline=one_line(lead.headline, _HEADLINE),
        at=lead.time,
        last=delivery.message_id,
        shown_at=root.shown_at,
        shown_level=root.shown_level,
    )


def _take(standing: dict[int, int], number: int) -> None:
    """One alert less. A withdrawal may carry more severity than its alert had, so look at the next lower one too."""
    found = max((one for one, count in standing.items() if one <= number and count > 0), default=None)
    if found is None:
        found = min((one for one, count in standing.items() if count > 0), default=None)
    if found is not None:
        standing[found] -= 1


def is_due(root: Root, delivery: Delivery, at: datetime) -> bool:
    """Whether the root is to be written now. What only counts further may wait: the next delivery brings it along."""
    if root.shown_at is None or is_correction(delivery) or root.levels != root.shown_level:
        return True
    return at - root.shown_at >= REFRESH


def shown(root: Root, at: datetime) -> Root:
    """The root once it was written."""
    return msgspec.structs.replace(root, shown_at=at, shown_level=root.levels)


def root_message(root: Root) -> Message:
    """The root: story, highest and latest level, counts, the latest headline and its time."""
    mark = f"[{root.status.value.upper()}] " if root.status is not Status.ACTUAL else ""
    top = level(root.highest) + " is the highest that stands" if root.highest is not None else "No alert stands"
    counts = [_count(root.alerts, "alert"), _count(root.corrections, "correction")]
    if root.withdrawn:
        counts.append(f"{root.withdrawn} withdrawn")
    when = f"Latest {dated(root.at)}" if root.at is not None else "Latest"
    address = link(root.url, "story")
    words = fit(root.headline, _HEADLINE) or "…"
    highest = root.highest.name if root.highest is not None else "none stands"
    return Message(
        text=fit(f"{mark}{root.title}: {highest}; {', '.join(counts)}; latest: {root.headline}", 1000),
        blocks=(
            heading(f"{mark}{root.title}"),
            said(f"{top} · latest {level(root.latest)} · {' · '.join(counts)}"),
            section(words),
            context(ours(when), *((ours(address),) if address else ())),
        ),
    )


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
