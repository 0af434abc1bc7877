"""Events for tests, complete and boring; a test names only what it is about."""

from datetime import UTC, datetime
from typing import Any

from schemas.alert import Alert, AlertData, AlertType, MessageType, Story, alert
from schemas.article import ArticleUpdate, EntryRevision, EntryStatus, Format, Segment, SegmentKind
from schemas.event import Severity, Span
from schemas.identity import text_sha256

NOON = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)


def an_update(**changes: Any) -> ArticleUpdate:
    """A raw update of a plain-text page."""
    fields: dict[str, Any] = {
        "update_id": "up_1",
        "source": "sample-news",
        "item": "item-1",
        "format": Format.TEXT,
        "observed_at": NOON,
        "body": "The bridge is closed.",
    }
    return ArticleUpdate(**(fields | changes))


def an_entry(text: str = "The bridge is closed.", **changes: Any) -> EntryRevision:
    """The first revision of an entry; all of its text is added."""
    fields: dict[str, Any] = {
        "entry_id": "en_1",
        "revision": 1,
        "source": "sample-news",
        "item": "item-1",
        "story": "story-1",
        "status": EntryStatus.LIVE,
        "text": text,
        "text_sha256": text_sha256(text),
        "segments": (Segment(kind=SegmentKind.BODY, span=Span(0, len(text))),),
        "added": (Span(0, len(text)),),
        "observed_at": NOON,
        "published_at": NOON,
    }
    return EntryRevision(**(fields | changes))


def an_alert(**changes: Any) -> Alert:
    """A statement alert without evidence."""
    data: dict[str, Any] = {
        "alert_id": "al_1",
        "msgtype": MessageType.ALERT,
        "version": 1,
        "headline": "Jane Roe: “The bridge is closed”",
        "story": Story(id="story-1", title="Bridge closed"),
        "evidence": (),
        "why": "said, in added text",
    }
    return alert(
        AlertType.STATEMENT_NEW,
        data=AlertData(**(data | changes)),
        message_id="msg_1",
        stage="statements",
        subject="story/story-1/statement/st_1",
        time=NOON,
        recordedtime=NOON,
        sequence=1,
        severity=Severity.WATCH,
    )
