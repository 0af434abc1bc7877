"""The statements of one revision, beside what the record needs to know of them."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence

from agents.statements.state import Place
from agents.statements.voices import Voice, voice
from agents.statements.wording import LONGEST, plain
from schemas.article import EntryRevision, SegmentKind
from schemas.detection import Statement
from schemas.event import Span, Struct

_HEADLINES = frozenset((SegmentKind.HEADLINE, SegmentKind.STANDFIRST))
_NOTES = frozenset((SegmentKind.EDITOR_NOTE, SegmentKind.CORRECTION_NOTE))


class Stretches:
    """Several spans of one text; answers whether another shares text with any of them."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for span in sorted(spans):
            if self._ends and span.start <= self._ends[-1]:
                self._ends[-1] = max(self._ends[-1], span.end)
            elif span.end > span.start:
                self._starts.append(span.start)
                self._ends.append(span.end)

    def overlap(self, span: Span) -> bool:
        """Whether at least one code point is shared."""
        i = bisect_right(self._ends, span.start)
        return i < len(self._starts) and self._starts[i] < span.end


class Found(Struct, frozen=True, kw_only=True):
    """A statement of the current revision.

    text         the words as they are compared, see `Place.text`
    is_denied    the cue denies them
    is_added     the content overlaps added text, so that it may originate an alert
    is_touched   content, cue or speaker overlap added text
    is_headline  stands in a headline or standfirst: corroborates, never originates
    """

    statement: Statement
    voice: Voice
    text: str
    is_denied: bool
    is_added: bool
    is_touched: bool
    is_headline: bool

    def place(self, statement_id: str, text: str) -> Place:
        """Where and how this entry words the statement."""
        pieces = tuple(span.of(text)[:LONGEST] for span in self.statement.content_spans)
        return Place(
            id=statement_id,
            kind=self.statement.kind,
            pieces=pieces or (self.statement.text[:LONGEST],),
            voice=self.voice,
            is_denied=self.is_denied,
        )


_DENIALS = frozenset(("denied", "denies", "deny", "denying", "refuted", "refutes", "disputed", "disputes"))


def _is_denied(statement: Statement, text: str) -> bool:
    cue = statement.cue.of(text).casefold().split() if statement.cue is not None else []
    return bool(cue) and cue[0] in _DENIALS


def find(statements: Sequence[Statement], entry: EntryRevision, added: Stretches) -> list[Found]:
    """The statements that count, in the order of the text; what the editors' own notes quote does not."""
    starts = [segment.span.start for segment in entry.segments]
    found: list[Found] = []
    for statement in sorted(statements, key=lambda one: (one.content, one.kind)):
        i = bisect_right(starts, statement.content.start) - 1
        is_inside = i >= 0 and statement.content.start < entry.segments[i].span.end
        kind = entry.segments[i].kind if is_inside else SegmentKind.BODY
        if kind in _NOTES or not plain(statement.text):
            continue
        is_added = any(added.overlap(span) for span in statement.content_spans or (statement.content,))
        speaker = statement.speaker.span if statement.speaker else None
        is_denied = _is_denied(statement, entry.text)
        is_near = any(span is not None and added.overlap(span) for span in (statement.cue, speaker))
        found.append(
            Found(
                statement=statement,
                voice=voice(statement),
                text=f"not {statement.text}"[:LONGEST] if is_denied else statement.text[:LONGEST],
                is_denied=is_denied,
                is_added=is_added,
                is_touched=is_added or is_near,
                is_headline=kind in _HEADLINES,
            )
        )
    return found
