"""A statement under construction, and the cue it rests on."""

from agents.statements import clauses
from agents.statements.cues import Cue
from agents.statements.phrases import Range
from agents.statements.tokens import Line
from agents.text.quotations import Quotation

ACCORDING = Cue("according to", "past")


class Draft:
    """A statement under construction.

    pieces    content as token ranges of `line`; `spans` further pieces of other paragraphs as code-point ranges
    source    token range of the source phrase, in `source_line` (the same paragraph unless inherited)
    quoted    indexes of the outermost quotations that the content holds
    """

    __slots__ = (
        "cue",
        "cue_range",
        "hearsay_via",
        "inherits",
        "is_open",
        "is_shared",
        "kind",
        "line",
        "pieces",
        "quoted",
        "reasons",
        "source",
        "source_line",
        "spans",
        "tail",
        "via",
    )

    def __init__(self, line: Line, cue: Cue | None, cue_range: Range | None, source: Range | None) -> None:
        self.line = line
        self.cue = cue
        self.cue_range = cue_range
        self.source = source
        self.source_line = line
        self.pieces: list[Range] = []
        self.spans: list[Range] = []
        self.via: list[tuple[Range, str]] = []
        self.hearsay_via: Range | None = None
        self.quoted: set[int] = set()
        self.kind = ""
        self.reasons: list[str] = []
        self.is_shared = False
        self.is_open = False
        self.tail: Quotation | None = None
        self.inherits: Draft | None = None

    def has_quote(self) -> bool:
        """Whether any word of the content is quoted."""
        return bool(self.spans) or any(self.line.quote[i] >= 0 for a, b in self.pieces for i in range(a, b))

    def add(self, start: int, end: int) -> bool:
        """Append a piece of content without the marks at its ends."""
        piece = clauses.trim(self.line, start, end)
        if piece is None:
            return False
        self.pieces.append(piece)
        return True


class Verb:
    """A cue in its sentence: first token of the verb group, cue tokens [index, stop)."""

    __slots__ = ("cue", "index", "start", "stop")

    def __init__(self, cue: Cue, start: int, index: int, stop: int) -> None:
        self.cue = cue
        self.start = start
        self.index = index
        self.stop = stop
