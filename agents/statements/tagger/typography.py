"""What the marks alone tell: signatures behind quotations, and transcripts inside quotation marks."""

from agents.statements.cues import Cue
from agents.statements.drafts import Draft
from agents.statements.extraction import TRANSCRIPT
from agents.statements.tagger.reading import Piece, Reading
from agents.statements.tokens import Line

_DASHES = frozenset(("—", "–", "-", "--", "―"))
_MARKS = frozenset(('"', "“", "”"))
_COLON = Cue(":", "past")
_MAX_SIGNATURE = 14


def signature(line: Line, index: int) -> Piece | None:
    """`"..." — Name, what she is`: the source behind the quotation that holds a token, at the end of the paragraph."""
    if line.quote[index] < 0:
        return None
    dash = line.quote_end(index)
    first = dash + 1
    if first >= len(line) or line.low[dash] not in _DASHES or not line.is_capital(first):
        return None
    stop = len(line)
    while stop > first and not line.is_word(stop - 1):
        stop -= 1
    if stop - first > _MAX_SIGNATURE or any(q >= 0 for q in line.quote[first:stop]):
        return None
    return (first, stop) if not any(word in (".", "!", "?", ";", ":") for word in line.low[first:stop]) else None


def signed(reading: Reading) -> list[tuple[Draft, int]]:
    """Paragraphs that are one quotation and the name of who said it."""
    out: list[tuple[Draft, int]] = []
    for number, line in enumerate(reading.lines, 1):
        if line.quote[0] < 0 or line.quotations[0].continues:
            continue
        source = signature(line, 0)
        if source is not None:
            draft = Draft(line, None, None, source)
            draft.kind = "direct"
            if draft.add(0, line.quote_end(0)):
                out.append((draft, number))
    return out


def transcripts(reading: Reading) -> list[tuple[Draft, int]]:
    """`"NAME: words` that opens a paragraph inside a quotation over many, with the paragraphs that go on with it."""
    out: list[tuple[Draft, int]] = []
    current: Draft | None = None
    for number, line in enumerate(reading.lines, 1):
        if line.raw[0] not in _MARKS:
            current = None
            continue
        match = TRANSCRIPT.match(reading.text, line.start, line.end)
        if match is not None and len(match.group("name")) > 2 and match.group("name").isupper():
            current = _spoken(line, match.start("name"), match.end("name"))
            if current is not None:
                out.append((current, number))
        elif current is not None and _goes_on(line):
            current.spans.append((line.starts[1], line.ends[-1]))
        else:
            current = None
    return out


def _goes_on(line: Line) -> bool:
    """Whether a paragraph opens with a mark, closes none before its end, and holds words, not stage directions."""
    return len(line) > 2 and line.low[1] != "(" and not any(raw in _MARKS for raw in line.raw[1:-1])


def _spoken(line: Line, start: int, end: int) -> Draft | None:
    first = next((i for i, at in enumerate(line.starts) if at >= start), len(line))
    colon = next((i for i, at in enumerate(line.starts) if at >= end and line.low[i] == ":"), len(line))
    stop = len(line)
    if not first < colon < stop - 1:
        return None
    named = next((i for i in range(first, colon) if line.low[i] == "("), colon)
    draft = Draft(line, _COLON, (colon, colon + 1), (first, named))
    draft.kind = "direct"
    return draft if draft.add(colon + 1, stop) else None
