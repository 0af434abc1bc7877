"""A small newsroom for tests: publishes, edits and kills entries, with an extractor that reads a line notation.

Ana Brook: “We stay.”          a direct quotation      (`?` for nobody known, `~a diplomat` for an unnamed source)
Ana Brook said we stay.        a paraphrase
Ana Brook thinks we stay.      a belief
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from agents.statements.state import Known, Limits
from agents.statements.step import StatementsStep
from agents.statements.turn import Settings
from agents.step import MemoryState
from schemas import identity
from schemas.alert import Alert
from schemas.article import EntryRevision, EntryStatus, Segment, SegmentKind
from schemas.detection import Attribution, Speaker, SpeakerType, Statement, StatementKind
from schemas.event import Span

NOON = datetime(2031, 5, 6, 12, 0, tzinfo=UTC)
_LINE = re.compile(
    r"^(?:# )?(?:(?P<who>[^:“\n]+):\s+[“\"]"
    r"(?P<direct>[^”\"\n]*)[”\"][. \u00a0]*|(?P<by>.+?)\s+(?P<cue>said|thinks)\s+(?P<what>.+))$",
    re.M,
)
_FLAGS = {"again": {"is_reiterated": True}, "years ago": {"is_archival": True}, "hearsay": {"is_hearsay": True}}


def extract(text: str, segments: Sequence[Segment] = ()) -> tuple[Statement, ...]:
    """Statements of the line notation above."""
    found = []
    for match in _LINE.finditer(text):
        group = "direct" if match["direct"] is not None else "what"
        content = Span(*match.span(group))
        name = match["who"] or match["by"]
        flags: dict[str, Any] = {}
        for mark, values in _FLAGS.items():
            if name.endswith(f" ({mark})"):
                name, flags = name.removesuffix(f" ({mark})"), values
        kind = {"thinks": StatementKind.BELIEF, "said": StatementKind.INDIRECT}.get(
            match["cue"] or "", StatementKind.DIRECT
        )
        found.append(
            Statement(
                kind=kind,
                text=content.of(text),
                content=content,
                content_spans=(content,),
                cue=Span(*match.span("cue")) if match["cue"] else None,
                attribution=Attribution.UNRESOLVED if name == "?" else Attribution.EXPLICIT,
                speaker=_speaker(name, match.start("who" if match["who"] else "by")),
                **flags,
            )
        )
    return tuple(found)


def _speaker(name: str, at: int) -> Speaker | None:
    if name == "?":
        return None
    surface, _, role = name.partition(", ")
    kind = SpeakerType.UNNAMED if name.startswith("~") else SpeakerType.PERSON
    surface = surface.removeprefix("~")
    at += name.startswith("~")
    return Speaker(type=kind, name=surface, surface=surface, role=role or None, span=Span(at, at + len(surface)))


class Newsroom:
    """Entries of one story, each call one revision; `alerts` are all messages so far."""

    def __init__(self, *, settings: Settings | None = None, limits: Limits | None = None, read: Any = extract) -> None:
        self.state = MemoryState()
        self.step = StatementsStep(read, settings=settings, limits=limits)
        self.alerts: list[Alert] = []
        self.entries: dict[str, EntryRevision] = {}
        self.clock = NOON

    def publish(self, text: str, *, entry: str = "en_1", source: str = "harbour-news", **changes: Any) -> list[Alert]:
        """A new entry, or the next revision of a known one; added are the lines that it did not have."""
        return self.decide(self.revision(text, entry=entry, source=source, **changes))

    def kill(self, entry: str = "en_1", **changes: Any) -> list[Alert]:
        """The publisher withdraws the entry."""
        known = self.entries[entry]
        text = known.text
        return self.publish(text, entry=entry, source=known.source, status=EntryStatus.WITHDRAWN, added=(), **changes)

    def reinstate(self, entry: str = "en_1", text: str | None = None) -> list[Alert]:
        """The entry comes back."""
        known = self.entries[entry]
        return self.publish(
            known.text if text is None else text, entry=entry, source=known.source, status=EntryStatus.REINSTATED
        )

    def revision(
        self, text: str, *, entry: str = "en_1", source: str = "harbour-news", **changes: Any
    ) -> EntryRevision:
        """The revision that `publish` would decide on."""
        before = self.entries.get(entry)
        self.clock += timedelta(minutes=1)
        made = EntryRevision(
            entry_id=entry,
            revision=before.revision + 1 if before else 1,
            source=source,
            item=f"{source}/live",
            story="story_1",
            status=EntryStatus.LIVE,
            text=text,
            text_sha256=identity.text_sha256(text),
            segments=_paragraphs(text),
            observed_at=self.clock,
            published_at=before.published_at if before else self.clock,
            modified_at=self.clock if before else None,
            previous_text=before.text if before else None,
            added=_added(before.text if before else None, text),
        )
        return msgspec.structs.replace(made, **changes)

    def decide(self, entry: EntryRevision) -> list[Alert]:
        """Hand one revision to the step."""
        alerts = self.step.decide(self.state, entry)
        self.alerts += alerts
        known = self.entries.get(entry.entry_id)
        if known is None or known.revision < entry.revision:
            self.entries[entry.entry_id] = entry
        return alerts

    def statements(self) -> list[Known]:
        """Everything the story remembers, oldest first."""
        found = [value for value in self.state.values.values() if isinstance(value, Known)]
        return sorted(found, key=lambda known: known.serial)

    def statement(self) -> Known:
        """The only statement of the story."""
        (known,) = self.statements()
        return known


def _paragraphs(text: str) -> tuple[Segment, ...]:
    """Each line a paragraph; one that begins with `# ` is a headline."""
    return tuple(
        Segment(
            kind=SegmentKind.HEADLINE if match.group().startswith("# ") else SegmentKind.BODY, span=Span(*match.span())
        )
        for match in re.finditer(r"[^\n]+", text)
    )


def _added(before: str | None, text: str) -> tuple[Span, ...]:
    old = set(before.split("\n")) if before is not None else set()
    return tuple(Span(*match.span()) for match in re.finditer(r"[^\n]+", text) if match.group() not in old)


def told(alerts: Sequence[Alert]) -> list[tuple[str, str]]:
    """Type (short) and message type of each."""
    return [(alert.type.value.split(".")[2], alert.data.msgtype.value) for alert in alerts]
