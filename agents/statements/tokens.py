"""One paragraph as parallel lists of tokens, with what is quoted."""

import re
from collections.abc import Sequence
from itertools import accumulate
from operator import add

from agents.text.quotations import Quotation

# Plain words and marks, which are most tokens, come first: they can be none of the others. Each token takes the blanks
# behind it along, so that the engine need not look for a token at every blank.
_TOKEN = re.compile(
    r"((\w++(?!['’.-])|[^\w\s@-]"
    r"|(?:[A-Za-z]\.){2,}(?=\W|$)"
    r"|(?:Mr|Mrs|Ms|Dr|Gen|Lt|Col|Maj|Capt|Sgt|Cmdr|Adm|Sen|Rep|Gov|Rev|Prof|St|Jr|Sr|No|Sens|Reps"
    r"|Jan|Feb|Mar|Apr|Aug|Sep|Sept|Oct|Nov|Dec)\.(?=\s)"
    r"|[A-Z]\.(?=\s[A-Z])"
    r"|@?\w+(?:['’.-]\w+)*(?:['’](?=\s))?"
    r"|-{2,3}|[^\w\s])\s*+)"
)
OUTSIDE = -1


class Line:
    """Tokens of one paragraph.

    starts, ends  code points of the text
    raw, low      the token; lower-cased with straight apostrophes
    quote         index into `quotations` of the outermost quotation that holds the token, its marks included, or -1
    """

    __slots__ = ("end", "ends", "low", "quotations", "quote", "raw", "start", "starts")

    def __init__(self, text: str, start: int, end: int, quotations: Sequence[Quotation]) -> None:
        self.start, self.end = start, end
        self.quotations = quotations
        # Again and again: blanks at the start alone; a token with the blanks behind it; the token.
        pieces = _TOKEN.split(text[start:end])
        self.raw: list[str] = pieces[2::3]
        self.starts: list[int] = list(accumulate(map(len, pieces[1::3]), initial=start + len(pieces[0])))
        self.starts.pop()
        self.ends: list[int] = list(map(add, self.starts, map(len, self.raw)))
        joined = "\n".join(self.raw).replace("’", "'")
        lowered = joined.lower().split("\n") if self.raw else []
        self.low = lowered if len(lowered) == len(self.raw) else [w.replace("’", "'").lower() for w in self.raw]
        self.quote = [OUTSIDE] * len(self.raw)
        if quotations:
            self._mark_quoted()

    def __len__(self) -> int:
        return len(self.raw)

    def _mark_quoted(self) -> None:
        place, count = 0, len(self.quotations)
        for index, start in enumerate(self.starts):
            while place < count and self.quotations[place].outer.end <= start:
                place += 1
            if place == count:
                return
            if self.quotations[place].outer.start <= start:
                self.quote[index] = place

    def opens(self, index: int) -> bool:
        """Whether a quotation begins with this token."""
        quote = self.quote[index]
        return quote >= 0 and (index == 0 or self.quote[index - 1] != quote)

    def quote_end(self, index: int) -> int:
        """One past the last token of the quotation that holds this token."""
        quote, stop = self.quote[index], index
        while stop < len(self.quote) and self.quote[stop] == quote:
            stop += 1
        return stop

    def quote_start(self, index: int) -> int:
        """The first token of the quotation that holds this token."""
        quote, start = self.quote[index], index
        while start > 0 and self.quote[start - 1] == quote:
            start -= 1
        return start

    def is_word(self, index: int) -> bool:
        """Whether the token is a word or a number, not a mark."""
        first = self.raw[index][0]
        return first.isalnum() or first in "_@"

    def is_capital(self, index: int) -> bool:
        """Whether the token starts with an upper-case letter."""
        return self.raw[index][0].isupper()
