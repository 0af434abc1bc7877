"""Sentences with offsets: a splitter whose every decision is local, so that one sentence costs no full split."""

import re
from collections.abc import Iterator
from functools import lru_cache

from schemas.event import Span

_LINE_ENDS = "\n\r\x0b\x0c\x85\u2028\u2029"
_CLOSERS = "\"'”’»›)]}"
_OPENERS = "\"'“‘„«‹([{"
_LINE = re.compile(f"[^{_LINE_ENDS}]+")
_LINE_END = re.compile(f"[{_LINE_ENDS}]")
# The last mark of a run, with what closes after it. Nothing here looks further than a few characters: a page of dots
# stays linear, and a boundary can be judged without the text before it.
# The mark comes first, and what must stand before it after: so the engine skips straight to the marks.
_STOP = re.compile(
    r"[.!?…。！？](?:(?<=[.!?…])[\"'”’»›)\]}]{0,8}(?=\s|\Z)|(?<=[a-z]{3}\.)(?=[A-Z][a-z])"
    r"|(?<=[。！？])[”’」』）\"]{0,8}(?![。！？”’」』）\"]))"
)
_LAST_WORD = re.compile(r"[^\s\"'“”‘’«»()\[\]/—–]{1,40}\Z")
_REACH = 96

TITLES = frozenset(
    """mr mrs ms mx dr prof rev fr sr sra messrs mmes hon st ste mt ft gen lt col maj capt cpl sgt cmdr cdr adm brig pvt
    maj-gen lt-gen lt-col sen rep gov pres supt insp det asst assoc amb atty cllr vs viz cf etc. al e.g i.e fig eq vol
    ed eds op pp art sec ch nos approx est dept univ assn bros""".split()
)
"""Abbreviations that a name or a number follows: a full stop after them never ends a sentence."""

_MONTHS = frozenset("jan feb mar apr jun jul aug sep sept oct nov dec".split())
_BEFORE_NUMBERS = frozenset("no nos p pp art sec ch par vol fig c ca".split())
_MAY_END = frozenset(
    "inc corp co ltd llc plc jr sr etc a.m p.m u.s u.k u.n e.u d.c ph.d m.d b.c a.d ave blvd rd".split()
)
_STARTERS = frozenset(
    """the a an he she it they we i you this that these those his her its their our my there here in on at by for from
    with after before when while if as but and or so yet however meanwhile although though since until because what
    who why how where no not some many most several all both each one two another other still then now also asked
    mr mrs ms according under over during despite once even only just last next more""".split()
)
# `"Is it over?" Ana Lind asked` is one sentence.
_ATTRIBUTION = re.compile(
    r"\s+(?:(?:[A-Z][\w.’'-]{0,30}|of|de|al|bin|van|von)\s+){1,5}"
    r"(?:said|says|asked|asks|told|added|adds|wrote|writes|tweeted|replied|shouted|joked|responded|continued|demanded)\b"
)


def sentences(text: str, start: int = 0, end: int | None = None) -> list[Span]:
    """Sentences of text[start:end], in order, without surrounding blanks; a line end always ends a sentence.

    Words of a quotation are sentences too, but `"Go." he said` is not cut before "he".
    >>> [s.of("He met Gen. Oru. It rained.") for s in sentences("He met Gen. Oru. It rained.")]
    ['He met Gen. Oru.', 'It rained.']
    """
    if start == 0 and end is None:
        return list(_all(text))
    return _split(text, max(start, 0), len(text) if end is None else min(end, len(text)))


@lru_cache(maxsize=8)
def _all(text: str) -> tuple[Span, ...]:
    """Several detectors split one text one after the other."""
    return tuple(_split(text, 0, len(text)))


def _split(text: str, start: int, end: int) -> list[Span]:
    found: list[Span] = []
    for line in _LINE.finditer(text, start, end):
        left, right = line.span()
        for cut in _cuts(text, left, right):
            _append(found, text, left, cut)
            left = cut
        _append(found, text, left, right)
    return found


def sentence_around(text: str, start: int, end: int) -> Span:
    """From the start of the sentence that holds `start` to the end of the one that holds the last point before `end`.

    Equal to what `sentences(text)` gives there, at the cost of the neighbourhood alone.
    """
    start = max(0, min(start, len(text)))
    end = max(start, min(end, len(text)))
    left = _boundary_before(text, start)
    right = _boundary_after(text, max(end, start + 1))
    while left < right and text[left].isspace():
        left += 1
    while right > left and text[right - 1].isspace():
        right -= 1
    return Span(left, right)


def _append(found: list[Span], text: str, left: int, right: int) -> None:
    while left < right and text[left].isspace():
        left += 1
    while right > left and text[right - 1].isspace():
        right -= 1
    if left < right:
        found.append(Span(left, right))


def _cuts(text: str, left: int, right: int) -> Iterator[int]:
    """Positions in [left, right) right after a sentence's last mark; a line's own end is not among them."""
    for stop in _STOP.finditer(text, left, right):
        if stop.end() < right and _ends_sentence(text, stop.start(), stop.end()):
            yield stop.end()


def _ends_sentence(text: str, at: int, after: int) -> bool:
    mark = text[at]
    if mark in "。！？" or not text[after].isspace():
        return True  # no blank needed, or glued: the pattern asked for a word before and a capital after
    first = text[after + 1 : after + 2]
    if text[after] == " " and first.isalnum():  # most stops, decided without cutting out what follows
        if at and text[at - 1] == " " and mark in ".!?":
            return True
        if first.islower():
            return False
    following = text[after : after + _REACH]
    line_end = _LINE_END.search(following)
    if line_end:
        following = following[: line_end.start()]
    rest = following.lstrip()
    head = rest.lstrip(_OPENERS)[:24]
    if head and at and text[at - 1] == " " and mark in ".!?" and head[0].isalnum():
        return True  # tokenised text ("closed . it opens"): a mark that stands alone ends its sentence in any case
    if not head or head[0].islower() or head[0] in ",;:-–—)":
        return False
    run = text[max(0, at - 2) : at + 1]
    is_quoted = text[after - 1] in "\"'”’»›"
    if "!" in run or "?" in run:
        return not (is_quoted and _ATTRIBUTION.match(following))
    if mark == "…" or run[-2:-1] in (".", "…"):
        return True
    return _full_stop_ends(text, at, head, is_quoted=is_quoted)


def _full_stop_ends(text: str, at: int, head: str, *, is_quoted: bool) -> bool:
    match = _LAST_WORD.search(text[max(0, at - 40) : at])
    if match is None:
        return True
    last = match.group()
    word = last.lower().rpartition("-")[2]
    if word in TITLES:
        return False
    if word in _MONTHS or word in _BEFORE_NUMBERS:
        return not head[0].isdigit() and (word in _BEFORE_NUMBERS or _starts(head))
    if len(last) == 1 and last.isalpha() and last.isupper():
        return last == "I" or is_quoted  # an initial
    if last.isdigit() and len(last) <= 2 and _is_line_start(text, at - len(last)):
        return False  # "1. First item"
    if word in _MAY_END or _is_dotted(last):
        return is_quoted or _starts(head)
    return True


def _is_dotted(last: str) -> bool:
    return "." in last and all(len(part) <= 2 and part.isalpha() for part in last.split("."))


def _starts(head: str) -> bool:
    first = head.split(maxsplit=1)[0].rstrip(",.;:’'\"")
    return first[:1].isupper() and first.lower() in _STARTERS


def _is_line_start(text: str, at: int) -> bool:
    before = text[max(0, at - 8) : at].rstrip(" \t")
    return not before or before[-1] in _LINE_ENDS


def _boundary_before(text: str, at: int) -> int:
    """The last cut at or before `at` on its line, or where the line starts."""
    reach = 256
    while True:
        low = max(0, at - reach)
        start = max((m.end() for m in _LINE_END.finditer(text, low, at)), default=0 if low == 0 else -1)
        # A mark with its closers is at most nine long: the first ones of a window that starts inside a line may be cut.
        first = start if start >= 0 else low
        best = max((cut for cut in _cuts(text, first, min(at + 1, len(text))) if cut <= at), default=-1)
        if start >= 0:
            return max(best, start)
        if best > low + 16:
            return best
        reach *= 2


def _boundary_after(text: str, at: int) -> int:
    """The first cut at or after `at` on its line, or where the line ends."""
    at = min(at, len(text))
    if at == 0 or text[at - 1] in _LINE_ENDS:
        return at
    reach = 256
    while True:
        high = min(len(text), at + reach)
        line_end = _LINE_END.search(text, max(at - 1, 0), high)
        limit = line_end.start() if line_end else high
        for cut in _cuts(text, max(0, at - 16), limit):
            if cut >= at:
                return cut
        if line_end or high == len(text):
            return max(limit, min(at, len(text)))
        reach *= 2
