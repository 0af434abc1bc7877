"""What an edit did to the statements of an entry: which survive, which changed and how, which are gone."""

from collections.abc import Sequence
from enum import Enum

from rapidfuzz import fuzz

from agents.statements.findings import Found, Stretches
from agents.statements.material import guard, is_slip, material
from agents.statements.novelty import EXTENSION, has_finite_clause
from agents.statements.state import Place
from agents.statements.voices import compatible
from agents.statements.wording import LONGEST, asserted, read
from agents.text.normal import normal
from agents.text.sentences import sentence_around
from schemas.detection import StatementKind
from schemas.event import Span, Struct

_ALIKE = 60.0
"""Similarity, in percent, from which a changed wording continues an earlier one by the same speaker."""

_ALIKE_ACROSS_SPEAKERS = 85.0
_WAITING = 16  # of equal words in one entry, so many are asked whose they are
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
    surviving  previous ones whose words stand as they stood, though they were not found there again
    gone       previous ones without a counterpart
    """

    pairs: dict[int, int]
    surviving: tuple[int, ...]
    gone: tuple[int, ...]


class Texts(Struct, frozen=True, kw_only=True):
    """An entry's text before and after an edit, and what the edit added."""

    before: str
    now: str
    added: Stretches


def align(previous: Sequence[Place], current: Sequence[Found], texts: Texts) -> Alignment:
    """Match the statements of two revisions of an entry: equal ones first, then unchanged text, then the most alike."""
    pairs: dict[int, int] = {}
    left = _pair_equal(previous, current, pairs)
    surviving = {i for i in left if _stands_unchanged(previous[i], texts)}
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
    left = [i for i in left if i not in taken]
    plain = f" {normal(texts.now)} " if left else ""
    surviving.update(i for i in left if _stands_in_its_sentence(previous[i], texts, plain))
    gone = tuple(i for i in left if i not in surviving)
    return Alignment(pairs=pairs, surviving=tuple(sorted(surviving)), gone=gone)


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
            for was in waiting[:_WAITING]:
                if compatible(found.voice, previous[was].voice) == must_agree:
                    pairs[now] = was
                    waiting.remove(was)
                    break
    used = set(pairs.values())
    return [i for i in range(len(previous)) if i not in used]


def _stands_unchanged(place: Place, texts: Texts) -> bool:
    """Whether every piece stands, to the letter, in text that the edit did not add."""
    return all(_stands(piece, texts.now, texts.added) for piece in place.pieces)


def _stands_in_its_sentence(place: Place, texts: Texts, plain: str) -> bool:
    """Whether the words stand in a sentence that the edit only respelled, or set more beside.

    plain  the text after the edit, normalised, between blanks
    """
    for piece in place.pieces:
        was, now = texts.before.find(piece), texts.now.find(piece)
        if was < 0:
            return False
        old = sentence_around(texts.before, was, was + len(piece)).of(texts.before)[:LONGEST]
        if f" {normal(old)} " in plain:
            continue
        if now < 0 or material(old, sentence_around(texts.now, now, now + len(piece)).of(texts.now)[:LONGEST]):
            return False
    return True


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


def compare(was: Place, now: Found, texts: Texts) -> tuple[Edit, tuple[str, ...]]:
    """What an edit did to one statement, and the closed reasons why that matters."""
    if not compatible(was.voice, now.voice):
        if _is_sentence_respelled(was, now, texts):
            return Edit.NONE, ()
        return Edit.SPEAKER, ("speaker", *reasons_between(was, now))
    if was.is_denied == now.is_denied and _is_recut(was, now, texts):
        return Edit.NONE, ()
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
    if {was.kind, now.statement.kind} == {StatementKind.DIRECT, StatementKind.INDIRECT}:
        reasons = (*(reason for reason in reasons if reason != "wording"), "quotation_marks", *reasons[-1:])
        reasons = tuple(dict.fromkeys(reasons))
    return reasons


def _is_sentence_respelled(was: Place, now: Found, texts: Texts) -> bool:
    """Whether the edit only put slips of the pen right in the sentence: who speaks cannot have changed by that."""
    start, content = texts.before.find(was.pieces[0]), now.statement.content
    if start < 0:
        return False
    old = sentence_around(texts.before, start, start + len(was.words)).of(texts.before)[:LONGEST].split()
    new = sentence_around(texts.now, content.start, content.end).of(texts.now)[:LONGEST].split()
    return len(old) == len(new) and all(
        one == other or is_slip(one, other) for one, other in zip(old, new, strict=True)
    )


def _is_recut(was: Place, now: Found, texts: Texts) -> bool:
    """Whether the edit changed where the words end, and not the words.

    What one wording has more than the other must have stood beside the other already, or stand beside it still.
    """
    old, new = was.words, now.statement.text
    more = len(new.split()) - len(old.split())
    if more == 0:
        return False
    if more > 0:
        start = texts.before.find(old)
        return start >= 0 and _is_beside(new, texts.before, Span(start, start + len(old)))
    return _is_beside(old, texts.now, now.statement.content)


def _is_beside(longer: str, text: str, shorter: Span) -> bool:
    """Whether `longer` stands, at most respelled, where the shorter wording begins or ends."""
    size, reach = len(longer.split()), 2 * len(longer) + 100
    for around in (
        text[shorter.start : shorter.start + reach].split()[:size],
        text[max(0, shorter.end - reach) : shorter.end].split()[-size:],
    ):
        if not material(longer, " ".join(around)):
            return True
    return False


def _added_at_end(was: str, now: str) -> tuple[str, ...] | None:
    """The words that were only added at the end, or None if anything else changed."""
    before, after = normal(was), normal(now)
    return tuple(after[len(before) :].split()) if after.startswith(before + " ") else None
