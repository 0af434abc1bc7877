"""Quotations of a text: typed, nested, over several paragraphs, and whatever typography made of them."""

import re
from collections.abc import Iterator
from functools import lru_cache

from schemas.event import Span, Struct

_PARAGRAPH = re.compile("[^\n\r\u2028\u2029]+")
# One set of first characters, so that the engine skips straight to them; a lone grave accent is no mark.
_MARK = re.compile("[\"“”„‟＂«»‹›‘’‚‛'`](?:(?<=')'|(?<=`)`|(?<!`))")
_DOUBLE = frozenset('"“”„‟＂`')
"""First characters of double marks; a doubled apostrophe is one too, see `_family`."""
_GUILLEMETS = frozenset("«»")
_APOSTROPHES = frozenset("'’")
_OPENING_BEFORE = frozenset("([{—–-/:;,.…!?\"“„«‘'")
_CLOSING_AFTER = frozenset(")]}—–-/:;,.…!?\"”»’'")
_ELISION = re.compile(
    r"(?:em|til|tis|twas|cause|round|bout|cuz|n|un|er|neath|gainst|s|t|\d0s)\b(?![’']s\b)|\d\ds?\b", re.IGNORECASE
)
_AND = frozenset(a + "n" + b for a in "'’‘" for b in "'’")  # rock 'n' roll
_STRAIGHT = frozenset(('"', "＂", "''", "``"))
_MAX_GAP = 3
"""Paragraphs without any mark that a quotation may run through when only its last paragraph closes."""


class Quotation(Struct, frozen=True, kw_only=True):
    """One pair of marks, or what is left of one.

    outer      with the marks, as far as they exist
    inner      between the marks, verbatim
    mark       the opening mark; empty where the quotation runs on from the paragraph before without one
    is_closed  a closing mark was found; if not, the quotation ends with its paragraph
    continues  these words take up the quotation that the paragraph before left open; both are one quotation
    depth      0 outermost; 1 inside another quotation; ...
    """

    outer: Span
    inner: Span
    mark: str
    is_closed: bool = True
    continues: bool = False
    depth: int = 0


class _Open:
    """A mark that waits for its partner."""

    __slots__ = ("at", "family", "mark")

    def __init__(self, at: int, mark: str, family: str) -> None:
        self.at = at
        self.mark = mark
        self.family = family


class _Found:
    """A quotation under construction: start and end of the outer span, and its marks."""

    __slots__ = ("closing", "continues", "end", "is_closed", "mark", "start")

    def __init__(self, start: int, end: int, mark: str, *, closing: str = "", continues: bool = False) -> None:
        self.start = start
        self.end = end
        self.mark = mark
        self.closing = closing
        self.is_closed = bool(closing)
        self.continues = continues


@lru_cache(maxsize=8)  # several detectors read one text one after the other
def quotations(text: str) -> tuple[Quotation, ...]:
    """Every quotation of the text, by start, outer ones before those inside them.

    A mark that finds no partner costs at most its own paragraph. Apostrophes, elisions ('em), years ('90s), feet and
    inches are no marks. A quotation over several paragraphs is one Quotation a paragraph, tied by `continues`.
    """
    if _MARK.search(text) is None:
        return ()
    found: list[_Found] = []
    tail: _Found | None = None  # left open by the paragraph before
    gap = 0
    paragraphs = [m.span() for m in _PARAGRAPH.finditer(text) if not m.group().isspace()]
    for left, right in paragraphs:
        marks = _marks(text, left, right)
        if tail is not None and not marks:
            gap += 1
            if gap > _MAX_GAP or _family(tail.mark) == "s":
                _drop_single(found, tail)
                tail = None
            continue
        here = _pair(text, left, right, marks, runs_on=_runs_on(text, left, tail, marks))
        if here and tail is not None and here[0].start == _first(text, left) and _joins(tail, here[0], gap):
            here[0].continues = True
            if gap:
                _bridge(text, paragraphs, found, tail, here[0])
        else:
            _drop_single(found, tail)
        found += here
        tail, gap = _left_open(here), 0
    _drop_single(found, tail)
    return tuple(_nested(found))


def _drop_single(found: list[_Found], tail: _Found | None) -> None:
    """A single mark that the next paragraph does not take up was an apostrophe."""
    if tail is not None and _family(tail.mark) == "s" and not tail.continues:
        found.pop(next(i for i in range(len(found) - 1, -1, -1) if found[i] is tail))


def _marks(text: str, left: int, right: int) -> list[tuple[int, str, str]]:
    """Marks of one paragraph that are neither apostrophes nor measures: position, mark, and what it may be.

    Roles: "o" only opens, "c" only closes, "b" may be either.
    """
    out: list[tuple[int, str, str]] = []
    for match in _MARK.finditer(text, left, right):
        at = match.start()
        mark = match.group()
        before = text[at - 1] if at > left else " "
        after = text[match.end()] if match.end() < right else " "
        if mark in _APOSTROPHES or mark in "‘‚‛‹›":
            role = _single_role(text, at, mark, before, after)
        else:
            role = _double_role(mark, before, after)
        if role:
            out.append((at, mark, role))
    return out


def _single_role(text: str, at: int, mark: str, before: str, after: str) -> str:
    can_open = (before.isspace() or before in _OPENING_BEFORE) and not after.isspace() and after not in ",.;:!?)]}"
    can_close = not before.isspace() and not (after.isalnum() or after == "_")
    if before.isalnum() and after.isalnum():
        return ""
    if mark in "‘‚‛‹":
        return "o" if can_open else ""
    if mark == "›":
        return "c" if can_close else ""
    if can_open and not before.isalnum():
        if _ELISION.match(text, at + 1) or (mark == "’" and not can_close):
            return ""
        return "b" if can_close and after in _CLOSING_AFTER else "o"
    if before.isdigit() and (after.isspace() or after.isdigit()) and mark == "'":
        return "p"  # feet, unless something waits to be closed
    if not can_close:
        return ""
    # "the voters' anger": a weak closer, used only where nothing better follows
    return "p" if before in "sSzZx" and after.isspace() else "c"


def _double_role(mark: str, before: str, after: str) -> str:
    if before == "=":
        return ""  # an attribute of a tag
    if mark in "„‟":
        return "o"
    is_left = before.isspace() or before in "([{—–-/‘'"
    is_right = after.isspace() or after in _CLOSING_AFTER
    if mark == "“":
        return "c" if is_right and not is_left else ("o" if not is_right else "b")
    if mark == "”":
        return "o" if is_left and not is_right else "c"
    if mark in _GUILLEMETS:
        return "o" if mark == "«" else "c"
    if is_left and not is_right:
        return "o"
    if before.isalnum() and not after.isalnum() and not is_right:
        return "c"
    if is_right and not is_left:
        return "i" if before.isdigit() else "c"  # inches, unless something waits to be closed
    return "b"


def _pair(text: str, left: int, right: int, marks: list[tuple[int, str, str]], *, runs_on: bool) -> list[_Found]:
    """Match the marks of one paragraph; `runs_on`: it begins inside a quotation without a mark of its own."""
    closers = _closers_after(marks)
    is_even = sum(mark in _STRAIGHT for _, mark, _ in marks) % 2 == 0
    out: list[_Found] = []
    stack: list[_Open] = []
    if runs_on:
        stack.append(_Open(_first(text, left), "", "d"))
    for index, (at, mark, role) in enumerate(marks):
        family = _family(mark)
        waiting = _waiting(stack, family)
        if waiting is None:
            if role in "ob" and (family != "s" or closers[index][1] or _opens_paragraph(text, left, at)):
                stack.append(_Open(at, mark, family))
            elif family == "g":
                stack.append(_Open(at, mark, family))  # »German style«
            continue
        if _closes(stack, waiting, mark, role, closers[index], is_even=is_even):
            top = stack[waiting]
            del stack[waiting:]
            out.append(_Found(top.at, at + len(mark), top.mark, closing=mark))
        elif role in "ob":
            if family == "d" and waiting == len(stack) - 1 and closers[index][0] < 2:
                _give_up(text, out, stack, at)
            stack.append(_Open(at, mark, family))
    if stack:
        _give_up(text, out, stack, right)
    out.sort(key=lambda f: (f.start, -f.end))
    return out


def _closes(stack: list[_Open], waiting: int, mark: str, role: str, after: tuple[int, int], *, is_even: bool) -> bool:
    """Whether this mark closes the one that waits at that place of the stack."""
    top = stack[waiting]
    if top.family == "s":
        return role in "cb" or (role == "p" and after[1] == 0)
    if top.family == "g":
        return mark != top.mark
    if role in "ci":
        return True
    if mark == "“":
        return top.mark in "„‟"
    if role == "b":
        return True
    # A straight mark that looks like an opener while another straight one waits: in a paragraph with an even number of
    # them the blanks are wrong, in one with an odd number a closing mark is missing.
    return mark in _STRAIGHT and top.mark in _STRAIGHT and is_even and len(stack) - 1 == waiting


def _closers_after(marks: list[tuple[int, str, str]]) -> list[tuple[int, int]]:
    """For each mark, how many double and how many sure single closers follow it."""
    out = [(0, 0)] * len(marks)
    double = single = 0
    for index in range(len(marks) - 1, -1, -1):
        out[index] = (double, single)
        _, mark, role = marks[index]
        family = _family(mark)
        if family == "d" and role in "cib":
            double += 1
        elif family == "s" and role in "cbp":
            single += 1
    return out


def _family(mark: str) -> str:
    if not mark or mark[0] in _DOUBLE or mark == "''":
        return "d"
    return "g" if mark in _GUILLEMETS else "s"


def _waiting(stack: list[_Open], family: str) -> int | None:
    """Place of the innermost open mark of this family, at most eight deep."""
    for index in range(len(stack) - 1, max(-1, len(stack) - 9), -1):
        if stack[index].family == family:
            return index
        if family == "s":
            return None  # a single mark never closes across a double one
    return None


def _give_up(text: str, out: list[_Found], stack: list[_Open], end: int) -> None:
    """Recovery: the outermost open double mark quotes up to `end`; single ones were apostrophes."""
    kept = next((o for o in stack if o.family != "s"), None)
    if kept is None and stack and stack[0].mark in "‘'" and _opens_paragraph(text, 0, stack[0].at):
        kept = stack[0]
    stack.clear()
    if kept is None:
        return
    while end > kept.at + 1 and text[end - 1].isspace():
        end -= 1
    if end > kept.at + len(kept.mark):
        out.append(_Found(kept.at, end, kept.mark))


def _first(text: str, left: int) -> int:
    while left < len(text) and text[left].isspace():
        left += 1
    return left


def _opens_paragraph(text: str, left: int, at: int) -> bool:
    before = at - 1
    while before >= left and text[before] in " \t\xa0":
        before -= 1
    return before < left or text[before] in "\n\r\u2028\u2029"


def _runs_on(text: str, left: int, tail: _Found | None, marks: list[tuple[int, str, str]]) -> bool:
    """Whether the paragraph stands inside `tail` without an opening mark: its first double mark closes."""
    if tail is None or _family(tail.mark) != "d":
        return False
    first = next(((at, role) for at, mark, role in marks if _family(mark) == "d"), None)
    return first is not None and first[1] == "c" and first[0] > _first(text, left)


def _joins(tail: _Found, head: _Found, gap: int) -> bool:
    if _family(tail.mark) != _family(head.mark):
        return False
    return gap == 0 or not head.mark


def _left_open(here: list[_Found]) -> _Found | None:
    """The outermost quotation that the paragraph leaves open."""
    last = max(here, key=lambda f: (f.end, -f.start), default=None)
    return last if last is not None and not last.is_closed else None


def _bridge(text: str, paragraphs: list[tuple[int, int]], found: list[_Found], tail: _Found, head: _Found) -> None:
    """Paragraphs without marks between the two ends of a quotation belong to it."""
    place = len(paragraphs)
    low, high = 0, len(paragraphs)
    while low < high:
        place = (low + high) // 2
        if paragraphs[place][0] <= head.start:
            low = place + 1
        else:
            high = place
    for left, right in paragraphs[max(0, low - 1 - _MAX_GAP) : low - 1]:
        if left >= tail.end:
            start = _first(text, left)
            end = right
            while end > start and text[end - 1].isspace():
                end -= 1
            found.append(_Found(start, end, "", continues=True))


def _nested(found: list[_Found]) -> Iterator[Quotation]:
    """Depths from the order; spans from the marks."""
    ends: list[int] = []
    for item in found:
        while ends and ends[-1] <= item.start:
            ends.pop()
        yield Quotation(
            outer=Span(item.start, item.end),
            inner=Span(item.start + len(item.mark), item.end - len(item.closing)),
            mark=item.mark,
            is_closed=item.is_closed,
            continues=item.continues,
            depth=len(ends),
        )
        ends.append(item.end)
