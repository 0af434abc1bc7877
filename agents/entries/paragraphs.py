"""Lines of a page back to its paragraphs, whatever width it was wrapped at."""

import re
from itertools import pairwise
from typing import NamedTuple

import xxhash

from agents.entries.canonical import canonical
from agents.entries.clock import is_time_line

_LINE_END = re.compile(r"\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_LITERAL_NEWLINE = re.compile(r"\\n(?=\s|\Z|[A-Z\"“•-])")
_TERMINAL = tuple(".!?…:;\"”’')]*")
_OPEN_END = re.compile(
    r"(?:,|\b(?:the|a|an|of|to|in|on|at|by|for|from|with|and|or|but|that|as|is|are|was|were|be|been|has|have|had|his|"
    r"her|its|their|not|will|would|could|should|than|into|over|after|before|who|which|it|he|she|they))\Z"
)
_BROKEN_WORD = re.compile(r"[^\W\d_]-\Z")
_HANGING_HYPHEN = ("and ", "or ", "to ", "und ", "oder ", "et ", "ou ", "y ", "o ")
_BULLET = re.compile(r"(?:[•●▪‣◦*]|-|–|—|\d{1,2}[.)])\s")

_QUOTES = str.maketrans("“”„‟«»", '""""""')
_FULL_NAME = re.compile(r"(?:[A-Z][\w’'-]+ ){2,4}(?:[a-z]|[A-Z][\w-]+,)|[A-Z][\w’'-]+ [A-Z][\w’'-]+,")
_LINKED = re.compile(r"(?:He|She|They|It|But|And|This|That|These|His|Her|Their|Its|However|Mr|Mrs|Ms|There|We|I)\b")
_LONGEST_SEARCH = 64


class _Wrapping(NamedTuple):
    width: int
    has_empty_lines: bool  # between paragraphs, which then need no guessing
    has_mostly_chance_ends: bool


NARROWEST = 20
"""A wrapped page has at least this width; below it lines are verse, tables or menus."""


def lines(text: str) -> list[str]:
    """Lines without blanks at their ends and with single blanks inside; an empty string for an empty line."""
    text = _LITERAL_NEWLINE.sub("\n", text)
    return [" ".join(line.split()) for line in _LINE_END.split(text)]


def digest(paragraph: str) -> int:
    """64 bits that name a paragraph whatever its blanks, quotation marks and dashes."""
    return xxhash.xxh3_64_intdigest(canonical(paragraph).encode("utf-8", "surrogatepass"))


def paragraphs(text: str, known: frozenset[int] = frozenset()) -> list[str]:
    """Paragraphs of a plain text: one a line, or separated by empty lines, or wrapped at some width.

    In a wrapped text a line end is inside a paragraph where the next line's first word would not have fitted any
    more. A text counts as wrapped only where sentences run over such line ends. Time stamps stay alone.

    known  digests of paragraphs that this page had before: where a line end could be either, they decide
    """
    rows = lines(text)
    wrapping = _wrapping(rows)
    if wrapping is None:
        return [row for row in rows if row]
    found: list[str] = []
    chunk: list[str] = []
    for index, row in enumerate(rows):
        if row:
            chunk.append(row)
        following = rows[index + 1] if index + 1 < len(rows) else ""
        if chunk and not (row and following and _continues(row, following, wrapping.width)):
            found += _split_chunk(chunk, wrapping, known)
            chunk = []
    return found


def _split_chunk(rows: list[str], wrapping: _Wrapping, known: frozenset[int]) -> list[str]:
    """Paragraphs among rows that could all be one: a paragraph may end by chance where its last line is full."""
    if len(rows) == 1:
        return rows
    found: list[str] = []
    pieces: list[str] = []
    index = 0
    forms = [canonical(row).encode("utf-8", "surrogatepass") for row in rows] if known else []
    while index < len(rows):
        if known and (size := _known_size(forms, index, known)):
            found += [_join(pieces)] if pieces else []
            found.append(_join(rows[index : index + size]))
            pieces = []
            index += size
            continue
        if pieces and _is_chance_end(pieces, rows[index], wrapping):
            found.append(_join(pieces))
            pieces = []
        pieces.append(rows[index])
        index += 1
    return found + ([_join(pieces)] if pieces else [])


def _known_size(forms: list[bytes], start: int, known: frozenset[int]) -> int:
    """How many rows from `start` on make up a known paragraph; 0 if none do. `forms` are their canonical bytes."""
    hasher = xxhash.xxh3_64()
    for size, form in enumerate(forms[start : start + _LONGEST_SEARCH], start=1):
        hasher.update(form)
        if hasher.intdigest() in known:
            return size
    return 0


def _is_chance_end(pieces: list[str], following: str, wrapping: _Wrapping) -> bool:
    """Whether a paragraph ends here although its last line is full."""
    if wrapping.has_empty_lines or not pieces[-1].endswith(_TERMINAL) or following[0].islower():
        return False
    marks = sum(piece.translate(_QUOTES).count('"') for piece in pieces)
    if marks % 2:
        return following.translate(_QUOTES).startswith('"')  # a quotation over paragraphs opens each of them
    if _FULL_NAME.match(following):
        return True
    return wrapping.has_mostly_chance_ends and not _LINKED.match(following)


def _wrapping(rows: list[str]) -> _Wrapping | None:
    """How the rows are wrapped, None if they are not."""
    width = max((len(row) for row in rows if " " in row), default=0)
    if width < NARROWEST:
        return None
    inside = against = ends = empty = 0
    for row, following in pairwise(rows):
        if not row:
            continue
        empty += not following
        is_full = bool(following) and not _is_apart(row, following) and _would_not_fit(row, following, width)
        if is_full and _is_inside_sentence(row, following):
            inside += 1
        elif following and not _is_apart(row, following) and _is_inside_sentence(row, following):
            against += 1
        ends += not is_full
    if inside <= against:
        return None
    # One line end in 20 falls behind a sentence; a last line is full by chance in about 6 of `width` cases.
    return _Wrapping(width, empty * 2 > ends, inside * width < ends * 120)


def _continues(row: str, following: str, width: int) -> bool:
    if _is_apart(row, following):
        return False
    return _would_not_fit(row, following, width) or _is_inside_sentence(row, following)


def _is_apart(row: str, following: str) -> bool:
    return is_time_line(row) or is_time_line(following) or _BULLET.match(following) is not None


def _would_not_fit(row: str, following: str, width: int) -> bool:
    word = following.split(" ", 1)[0]
    if not row.endswith("-"):
        return len(row) + 1 + len(word) > width
    # Wrapping may also break behind a hyphen, so what had to fit is the next piece of the compound.
    return len(row) + 1 + len(word.split("-", 1)[0]) > width


def _is_inside_sentence(row: str, following: str) -> bool:
    if row.endswith(_TERMINAL):
        return False
    return following[0].islower() or _OPEN_END.search(row[-12:]) is not None


def _join(pieces: list[str]) -> str:
    joined = [pieces[0]]
    for before, piece in pairwise(pieces):
        if not (_BROKEN_WORD.search(before[-2:]) and piece[0].isalpha() and not piece.startswith(_HANGING_HYPHEN)):
            joined.append(" ")
        joined.append(piece)
    return "".join(joined)
