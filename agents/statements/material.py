"""The guard: differences between two wordings that matter however similar they are."""

from collections import Counter
from collections.abc import Iterator

from rapidfuzz import fuzz
from rapidfuzz.distance import OSA, Indel

from agents.statements.wording import BACKSHIFT, LONGEST, NOT, READ_WORDS, Asserted, asserted, key

WORDING_PERMILLE = 150
"""More changed content words than this, in per mille of the longer wording, are a change of wording."""

_OPPOSITES = ("un", "in", "im", "il", "ir", "dis", "non", "mis")


def material(was: str, now: str) -> tuple[str, ...]:
    """Closed reasons why `now` does not say what `was` said, in a fixed order; empty if it does.

    Negation, number, unit, date, entity, entity_order and modal count always; else `wording`, where more than 15 % of
    the content words changed. A percentage alone would miss the one small word that carries the change.

    >>> material("We will not cross the river.", "We will cross the river.")
    ('negation',)
    >>> material("“We’ll cross it”", '"we will cross it."')
    ()
    """
    reasons = _reasons(was, now)
    if reasons:
        mended = _mended(was, now)
        return _reasons(*mended) if mended != (was, now) else reasons
    return ()


def _reasons(was: str, now: str) -> tuple[str, ...]:
    reasons = guard(asserted(was), asserted(now))
    if not reasons and changed_permille(was, now) > WORDING_PERMILLE:
        return ("wording",)
    return reasons


def _mended(was: str, now: str) -> tuple[str, str]:
    """Both wordings with slips of the pen in words that the guard reads put right: "percnet" is no other unit."""
    left, right = was[:LONGEST].split(), now[:LONGEST].split()
    at = [0, 0]
    for block in Indel.opcodes(left, right):
        if block.tag != "equal":
            continue
        _mend(left, right, slice(at[0], block.src_start), slice(at[1], block.dest_start))
        at = [block.src_end, block.dest_end]
    _mend(left, right, slice(at[0], len(left)), slice(at[1], len(right)))
    return " ".join(left), " ".join(right)


def _mend(left: list[str], right: list[str], old: slice, new: slice) -> None:
    if old.stop - old.start != new.stop - new.start:
        return
    for i, j in zip(range(old.start, old.stop), range(new.start, new.stop), strict=True):
        one, other = _bare(left[i]), _bare(right[j])
        if (one in READ_WORDS) != (other in READ_WORDS) and _is_swap(one, other):
            if one in READ_WORDS:
                right[j] = left[i]
            else:
                left[i] = right[j]


def _bare(word: str) -> str:
    return word.strip(".,;:!?…-–—“”„\"'’()").casefold()


def is_slip(one: str, other: str) -> bool:
    """Whether two words are one with a letter swapped, missing, too many or wrong; names and figures are never."""
    if min(len(one), len(other)) < 5 or not (one[:1].islower() and other[:1].islower()):
        return False
    return not {_bare(one), _bare(other)} <= READ_WORDS and OSA.distance(one, other, score_cutoff=1) <= 1


def _is_swap(one: str, other: str) -> bool:
    """Two neighbouring letters swapped. A letter more, less or other often makes a word: "eight" and "night"."""
    return (
        len(one) == len(other) >= 5 and OSA.distance(one, other, score_cutoff=1) <= 1 and sorted(one) == sorted(other)
    )


def guard(was: Asserted, now: Asserted) -> tuple[str, ...]:
    """The differences that count always, without `wording`."""
    found = (
        ("negation", _negation(was, now)),
        ("number", was.numbers != now.numbers),
        ("unit", was.units != now.units),
        ("date", Counter(was.dates) != Counter(now.dates)),
        *_entities(was, now),
        ("modal", was.modals != now.modals),
    )
    return tuple(reason for reason, is_different in found if is_different)


def contradicts(was: Asserted, now: Asserted) -> bool:
    """Whether a paraphrase cannot be of the same words: negated otherwise, or with a number, date or modal of its own.

    One of two may tell less than the other. Modals are compared as reported speech shifts them.
    """
    if bool(was.negations) != bool(now.negations):
        return True
    less, more = sorted((was, now), key=lambda side: len(side.words))
    if Counter(less.numbers) - Counter(more.numbers) or Counter(less.dates) - Counter(more.dates):
        return True
    modals = {BACKSHIFT.get(modal, modal) for modal in less.modals}
    return bool(modals and more.modals and not modals & {BACKSHIFT.get(modal, modal) for modal in more.modals})


def _negation(was: Asserted, now: Asserted) -> bool:
    """Whether the negating words differ, stand elsewhere, or a word became its own opposite ("legal", "illegal")."""
    if was.negations or now.negations:
        if was.negations != now.negations:
            return True
        if any(left.count(NOT) != right.count(NOT) for left, right in _changed(was.negated, now.negated)):
            return True
    gone, come = set(was.negated) - set(now.negated), set(now.negated) - set(was.negated)
    return any(
        prefix + word in others
        for some, others in ((gone, come), (come, gone))
        for word in some
        if len(word) > 3
        for prefix in _OPPOSITES
    )


def _changed(was: tuple[str, ...], now: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Stretches that differ, between words that both share."""
    left = right = 0
    for block in Indel.opcodes(was, now):
        if block.tag == "equal":
            if left < block.src_start or right < block.dest_start:
                yield was[left : block.src_start], now[right : block.dest_start]
            left, right = block.src_end, block.dest_end
    if left < len(was) or right < len(now):
        yield was[left:], now[right:]


def _entities(was: Asserted, now: Asserted) -> tuple[tuple[str, bool], ...]:
    """A name that only one has, or the same names in another order."""
    if was.names == now.names:
        return ()
    only_was, only_now = _unmatched(was, now), _unmatched(now, was)
    certain = any(sure for _, sure in only_was + only_now)
    differ = bool(only_was and only_now) or (certain and not _is_fuller(was, now, only_was or only_now))
    shared = {name for name, _ in was.names} & {name for name, _ in now.names}
    sure = {name for name, is_sure in was.names + now.names if is_sure}
    order = [_first(side, shared & sure) for side in (was, now)]
    return (("entity", differ), ("entity_order", order[0] != order[1]))


def _unmatched(side: Asserted, other: Asserted) -> list[tuple[str, bool]]:
    """Names of one side that the other has neither as a name nor, if uncertain, as a plain word."""
    theirs = {name for name, _ in other.names}
    missing = [(name, sure) for name, sure in side.names if name not in theirs]
    if not missing:
        return []
    plain = {key(word.raw) for word in other.words if word.raw[0].isalpha()}
    return [(name, sure) for name, sure in missing if name not in plain]


def _is_fuller(was: Asserted, now: Asserted, missing: list[tuple[str, bool]]) -> bool:
    """Whether the missing words stand in front of a shared name: a given name or a title was added or dropped."""
    side = was if missing and missing[0] in was.names else now
    other = {name for name, _ in (now if side is was else was).names}
    left = {name for name, _ in missing}
    keys = [key(word.raw) if word.raw[0].isupper() else "" for word in side.words]
    return all(i + 1 < len(keys) and keys[i + 1] in other for i, name in enumerate(keys) if name in left)


def _first(side: Asserted, wanted: set[str]) -> list[str]:
    return list(dict.fromkeys(name for name, _ in side.names if name in wanted))


def changed_permille(was: str, now: str) -> int:
    """Changed content words in per mille of the longer wording.

    Respelled words are not changed; names and quantities are left to the guard, which reads them.
    """
    left, right = asserted(was), asserted(now)
    names = {name for name, is_certain in left.names + right.names if is_certain}
    before, after = (Counter(word for word in side.content if key(word) not in names) for side in (left, right))
    gone, come = list((before - after).elements()), list((after - before).elements())
    longer = max(before.total(), after.total())
    if longer == 0 or not (gone or come):
        return 0
    if len(gone) * len(come) <= 2500:  # more is another text altogether
        for word in gone[:]:
            twin = next((other for other in come if _is_respelled(word, other)), None)
            if twin is not None:
                gone.remove(word)
                come.remove(twin)
    return max(len(gone), len(come)) * 1000 // longer


def _is_respelled(one: str, other: str) -> bool:
    """Whether two words are spellings, transliterations or inflections of one."""
    if min(len(one), len(other)) < 4 or one[0].isdigit() or other[0].isdigit():
        return False
    if any(one == prefix + other or other == prefix + one for prefix in _OPPOSITES):
        return False
    return fuzz.ratio(one, other, score_cutoff=84) > 0 or key(one) == key(other)
