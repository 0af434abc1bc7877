"""Entry revisions of our own making."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from agents.escalations.step import EscalationsStep
from agents.step import MemoryState
from schemas.alert import Alert
from schemas.article import EntryRevision, EntryStatus, Segment, SegmentKind
from schemas.event import Span
from schemas.identity import text_sha256

NOON = datetime(2031, 5, 4, 12, 0, tzinfo=UTC)
STRIKE = "An airstrike hit the bridge at Sorvina before dawn."
STRIKE_2 = "Jets carried out strikes on a depot near Belmora; a second airstrike followed at the harbour."
DEAD = "Seven soldiers were killed in clashes near the dam."
CALM = "The market in Oldrava opened as usual and the trams ran on time."


def entry(
    text: str,
    *,
    name: str = "one",
    minutes: int = 0,
    kind: SegmentKind = SegmentKind.BODY,
    **changes: Any,
) -> EntryRevision:
    """A first revision, all of it new, `minutes` after noon; every line is a segment of this kind."""
    at = NOON + timedelta(minutes=minutes)
    segments, start = [], 0
    for line in text.split("\n"):
        segments.append(Segment(kind=kind, span=Span(start, start + len(line))))
        start += len(line) + 1
    made = EntryRevision(
        entry_id=f"en_{name}",
        revision=1,
        source="example-news",
        item="https://news.example/live",
        story="story_dam",
        story_title="Border crisis",
        status=EntryStatus.LIVE,
        text=text,
        text_sha256=text_sha256(text),
        segments=tuple(segments),
        added=(Span(0, len(text)),),
        observed_at=at,
        published_at=at,
    )
    return msgspec.structs.replace(made, **changes)


def withdrawn(one: EntryRevision, *, minutes: int) -> EntryRevision:
    """The same entry, gone."""
    at = NOON + timedelta(minutes=minutes)
    return msgspec.structs.replace(
        one, status=EntryStatus.WITHDRAWN, revision=one.revision + 1, added=(), observed_at=at, modified_at=at
    )


def reinstated(one: EntryRevision, *, minutes: int) -> EntryRevision:
    """The same entry, back after a withdrawal."""
    at = NOON + timedelta(minutes=minutes)
    return msgspec.structs.replace(
        one, status=EntryStatus.REINSTATED, revision=one.revision + 2, added=(), observed_at=at, modified_at=at
    )


def run(*entries: EntryRevision, state: MemoryState | None = None) -> list[Alert]:
    """All alerts of these entries, in order, from an empty state unless one is given."""
    state = state if state is not None else MemoryState()
    step = EscalationsStep()
    return [alert for one in entries for alert in step.decide(state, one)]


def levels(alerts: list[Alert], *, ladder: str = "security", channel: str = "action") -> list[tuple[str, int, int]]:
    """Message type and from-level and to-level of one ladder's alerts."""
    return [
        (alert.data.msgtype.value, alert.data.escalation.from_level, alert.data.escalation.to_level)
        for alert in alerts
        if alert.data.escalation and alert.data.escalation.ladder == ladder and alert.data.escalation.channel == channel
    ]
