"""What the rules make of a text, kept with the tokens they saw."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from agents.statements.drafts import Draft
from agents.statements.extraction import PARAGRAPH, Reader
from agents.statements.names import Names
from agents.statements.tokens import Line
from schemas.article import Segment
from schemas.detection import Statement

Piece = tuple[int, int]


class Marked(NamedTuple):
    """One attribution as token ranges of the whole text.

    cue       None where the words have no cue; then source and content are tied by position alone
    """

    cue: Piece | None
    source: Piece | None
    content: tuple[Piece, ...]


class _Recorder(Names):
    """Keeps the paragraphs that go by."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[Line] = []

    def read(self, line: Line, paragraph: int) -> None:
        self.lines.append(line)
        super().read(line, paragraph)


class Reading:
    """The paragraphs of a text as lines, the first token of each in the text, and the drafts of the rules.

    offsets  one more than `lines`; the last is the number of tokens
    """

    def __init__(self, text: str, segments: Sequence[Segment] = ()) -> None:
        self.text = text
        self.reader = Reader(text, segments)
        recorder = _Recorder()
        self.reader.names = recorder
        for match in PARAGRAPH.finditer(text):
            if not match.group().isspace():
                self.reader.read(match.start(), match.end())
        self.lines = recorder.lines
        self.offsets = [0, *accumulate(len(line) for line in self.lines)]
        self.drafts: list[tuple[Draft, int]] = self.reader.drafts
        self._place = {id(line): index for index, line in enumerate(self.lines)}
        self.starts = [start for line in self.lines for start in line.starts]
        self.ends = [end for line in self.lines for end in line.ends]

    def __len__(self) -> int:
        return len(self.starts)

    def base(self, line: Line) -> int:
        """Index in the text of the first token of a line."""
        return self.offsets[self._place[id(line)]]

    def marked(self, draft: Draft) -> Marked:
        """A draft of the rules as token ranges of the text."""
        base = self.base(draft.line)
        content = [(base + a, base + b) for a, b in draft.pieces]
        content += [piece for piece in (self.tokens(a, b) for a, b in draft.spans) if piece is not None]
        cue = None if draft.cue_range is None else (base + draft.cue_range[0], base + draft.cue_range[1])
        source = None
        if draft.source is not None:
            first = self.base(draft.source_line)
            source = (first + draft.source[0], first + draft.source[1])
        return Marked(cue, source, tuple(sorted(content)))

    def tokens(self, start: int, end: int) -> Piece | None:
        """The tokens that start inside a range of code points, or None."""
        piece = bisect_left(self.starts, start), bisect_left(self.starts, end)
        return piece if piece[0] < piece[1] else None

    def is_quoted(self, token: int) -> bool:
        """Whether a token of the text stands in quotation marks."""
        number = self.paragraph(token) - 1
        return self.lines[number].quote[token - self.offsets[number]] >= 0

    def paragraph(self, token: int) -> int:
        """The paragraph of a token, counted from 1 as the rules do."""
        return bisect_right(self.offsets, token)

    def paragraphs(self) -> list[int]:
        """The paragraph of every token."""
        return [number for number, line in enumerate(self.lines, 1) for _ in range(len(line))]

    def statements(self, drafts: list[tuple[Draft, int]]) -> tuple[Statement, ...]:
        """The drafts as events: names, roles and pronouns resolved as the rules do."""
        self.reader.drafts = drafts
        return self.reader.statements()
