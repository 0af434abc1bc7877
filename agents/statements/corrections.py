"""What an edit did to the statements of an entry: which survive, which changed and how, which are gone."""

from collections.abc import Sequence
from enum import Enum

from rapidfuzz import fuzz

from agents.statements.findings import Found, Stretches
from agents.statements.material import guard, material
from agents.statements.novelty import EXTENSION, VERBATIM, has_finite_clause
from agents.statements.state import Place
from agents.statements.voices import compatible
from agents.statements.wording import asserted, read
from agents.text.normal import normal
from schemas.detection import StatementKind
from schemas.event import Span, Struct

_ALIKE = 60.0
"""Similarity, in percent, from which a changed wording continues an earlier one by the same speaker."""

_ALIKE_ACROSS_SPEAKERS = 85.0
_COMPARED = 400  # code points; enough to align, and long quotations stay cheap


class Edit(Enum):
    """What happened to one statement."""

    NONE = "none"  # at most typography, spelling, a name told in full
    SPEAKER = "speaker"  # the same words, now by somebody else
    EXTENDED = "extended"  # words only added at the end, enough for a statement of its own
    CORRECTED = "corrected"  # a material change


class Alignment(Struct, frozen=True, kw_only=True):
    """Statements of two revisions, matched.

    pairs      current to previous, by index into the two lists
    surviving  previous ones whose words stand in unchanged text, though they were not found there again
    gone       previous ones without a counterpart
    """

    pairs: dict[int, int]
    surviving: tuple[int, ...]
    gone: tuple[int, ...]


def align(previous: Sequence[Place], current: Sequence[Found], text: str, added: Stretches) -> Alignment:
    """Match the statements of two revisions of an entry: equal ones first, then unchanged text, then the most alike."""
    pairs: dict[int, int] = {}
    left = _pair_equal(previous, current, pairs)
    surviving = tuple(i for i in left if _stands_unchanged(previous[i], text, added))
    left = [i for i in left if i not in surviving]
    open_now = [i for i in range(len(current)) if i not in pairs and not current[i].is_headline]
    scored = sorted(
        (
            (-score, abs(now - was), was, now)
            for was in left
            for now in open_now
            if (score := _likeness(previous[was], current[now])) > 0
        )
        if len(left) * len(open_now) <= 10_000  # a page of quotations replaced as a whole is not an edit
        else ()
    )
    taken: set[int] = set()
    for _, _, was, now in scored:
        if was not in taken and now not in pairs:
            taken.add(was)
            pairs[now] = was
    return Alignment(pairs=pairs, surviving=surviving, gone=tuple(i for i in left if i not in taken))


def _pair_equal(previous: Sequence[Place], current: Sequence[Found], pairs: dict[int, int]) -> list[int]:
    """Pair equal words, the same speaker first; returns the previous ones left over."""
    by_words: dict[str, list[int]] = {}
    for i, place in enumerate(previous):
        by_words.setdefault(normal(place.text), []).append(i)
    plain = [normal(found.text) if by_words else "" for found in current]
    for must_agree in (True, False):
        for now, found in enumerate(current):
            if now in pairs or (found.is_headline and not must_agree):
                continue
            waiting = by_words.get(plain[now], [])
            for was in waiting:
                if compatible(found.voice, previous[was].voice) == must_agree:
                    pairs[now] = was
                    waiting.remove(was)
                    break
    used = set(pairs.values())
    return [i for i in range(len(previous)) if i not in used]


def _stands_unchanged(place: Place, text: str, added: Stretches) -> bool:
    """Whether every piece stands, to the letter, in text that the edit did not add."""
    return all(_stands(piece, text, added) for piece in place.pieces)


def _stands(piece: str, text: str, added: Stretches) -> bool:
    at = text.find(piece)
    for _ in range(8):  # enough: a common fragment is no evidence anyway
        if at < 0:
            return False
        if not added.overlap(Span(at, at + len(piece))):
            return True
        at = text.find(piece, at + 1)
    return False


def _likeness(was: Place, now: Found) -> float:
    """Similarity in percent, with a bonus for the same speaker; 0 if too far apart to be one statement."""
    one, other = was.text[:_COMPARED].casefold(), now.text[:_COMPARED].casefold()
    is_same = compatible(was.voice, now.voice)
    least = _ALIKE if is_same else _ALIKE_ACROSS_SPEAKERS
    score = fuzz.ratio(one, other, score_cutoff=least)
    if score == 0 and min(len(one), len(other)) >= 20:
        # Much added at the end, or cut off: the shorter begins the longer.
        short, long = sorted((one, other), key=len)
        score = fuzz.ratio(short, long[: len(short)], score_cutoff=90)
    return score + 10 * is_same if score else 0


def compare(was: Place, now: Found) -> tuple[Edit, tuple[str, ...]]:
    """What an edit did to one statement, and the closed reasons why that matters."""
    if not compatible(was.voice, now.voice):
        return Edit.SPEAKER, ("speaker", *reasons_between(was, now))
    tail = _added_at_end(was.text, now.text)
    if tail is not None:
        added = read(asserted(now.text).words[len(asserted(was.text).words) :])
        if len(added.content) + len(added.numbers) >= EXTENSION or has_finite_clause(tail):
            return Edit.EXTENDED, ()
        reasons = guard(asserted(was.text), asserted(now.text))
    else:
        reasons = reasons_between(was, now)
    return (Edit.CORRECTED, reasons) if reasons else (Edit.NONE, ())


def reasons_between(was: Place, now: Found) -> tuple[str, ...]:
    """Why the words matter, the speaker left aside."""
    if normal(was.text) == normal(now.text):
        reasons: tuple[str, ...] = ()
    else:
        reasons = material(was.text, now.text)
    if {was.kind in VERBATIM, now.statement.kind in VERBATIM} == {True, False} and (
        StatementKind.INDIRECT in (was.kind, now.statement.kind)
    ):
        reasons = (*(reason for reason in reasons if reason != "wording"), "quotation_marks", *reasons[-1:])
        reasons = tuple(dict.fromkeys(reasons))
    return reasons


def _added_at_end(was: str, now: str) -> tuple[str, ...] | None:
    """The words that were only added at the end, or None if anything else changed."""
    before, after = normal(was), normal(now)
    return tuple(after[len(before) :].split()) if after.startswith(before + " ") else None
