"""The novelty ladder: what a statement adds to those that are known.

Similarity finds candidates; the guard decides whether two wordings say the same; the rows of the ladder are tried in
their order, and against several predecessors the one that leaves least new wins.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import IntEnum
from functools import lru_cache

from rapidfuzz import fuzz
from rapidfuzz.distance import LCSseq, ScoreAlignment

from agents.statements.findings import Found
from agents.statements.material import contradicts, guard
from agents.statements.state import Known
from agents.statements.voices import Voice, compatible, same_descriptor
from agents.statements.wording import Asserted, asserted, plain, read
from agents.text.normal import STOP_WORDS
from schemas.alert import Novelty
from schemas.detection import SpeakerType, Statement, StatementKind
from schemas.event import Struct

EXTENSION = 6
"""Content words that make a longer statement more than a repeat."""

VERBATIM = frozenset((StatementKind.DIRECT, StatementKind.SOCIAL_POST, StatementKind.DOCUMENT))
DATA_KINDS = frozenset((StatementKind.BELIEF, StatementKind.NO_COMMENT))
"""Kept as data, never compared with what was said."""

_FRAGMENT = 5
_ELIDED = 8
_SAID_WINDOW = timedelta(hours=24)
_RELATED = 60  # share of content words, in percent, from which a paraphrase may be of the same words
_PRONOUNS = frozenset(
    "i we you he she it they who which that this there and but because if unless when while until so".split()
)
_FINITE = frozenset(
    """is are was were am be will would can could may might must should shall has have had do does did wont cant dont
    isnt arent wasnt werent wouldnt couldnt shouldnt hasnt havent hadnt doesnt didnt ive weve theyve im were theyre
    its thats ill well theyll""".split()
)


@lru_cache(maxsize=4096)
def _words(plain: str) -> frozenset[str]:
    return frozenset(plain.split())


class Relation(IntEnum):
    """How a statement stands to one predecessor; the smaller, the less of it is new."""

    EQUAL = 0
    CONTAINED = 1  # the predecessor has all of it
    CONTAINS = 2  # it has the predecessor and adds next to nothing
    VARIANT = 3
    EXTENDS = 4
    RENDERING = 5
    FULLER = 6  # a rendering that says much more, as a quotation does after its announcement
    DIFFERS = 7  # would match, but for the guard
    NONE = 8


class Verdict(Struct, frozen=True, kw_only=True):
    """One row of the ladder, and the predecessor it rests on.

    possible       what it may be a fuller version of, or another rendering
    reasons        of the guard, where `differs_from` is set
    same_words     statements with these words by speakers who cannot be this one
    """

    novelty: Novelty
    of: str | None = None
    possible: str | None = None
    differs_from: str | None = None
    reasons: tuple[str, ...] = ()
    same_words: tuple[str, ...] = ()

    @property
    def has_predecessor(self) -> bool:
        """Whether anything known comes near."""
        return bool(self.of or self.possible or self.differs_from or self.same_words)


class Setting(Struct, frozen=True, kw_only=True):
    """Where and when the statement was found.

    window  how far back the story remembers; what was said before it is archival
    """

    source: str
    published_at: datetime
    window: timedelta


def judge(item: Found, candidates: Iterable[Known], setting: Setting) -> Verdict:
    """The row of the ladder for a statement that no earlier revision of its entry has."""
    statement, who, text = item.statement, item.voice, item.text
    best: tuple[Relation, bool, Known] | None = None
    differs: tuple[float, Known, tuple[str, ...]] | None = None
    same_words: list[str] = []
    for known in candidates:
        if (known.facts.kind in DATA_KINDS) != (statement.kind in DATA_KINDS):
            continue
        is_same = compatible(who, known.voice)
        if not is_same and not _is_conflict(statement, who, known):
            continue
        relation, reasons = relate(statement.kind, text, known.facts.kind, known.text)
        if not is_same:
            if relation <= Relation.VARIANT:
                same_words.append(known.id)
            continue
        if relation is Relation.NONE or not (same_descriptor(who, known.voice) or _is_verbatim(relation, item, known)):
            continue
        if relation in (Relation.RENDERING, Relation.FULLER) and not _is_same_occasion(who, known, setting):
            continue
        if relation is Relation.DIFFERS:
            likeness = fuzz.ratio(text, known.text)
            if differs is None or likeness > differs[0]:
                differs = (likeness, known, reasons)
            continue
        rank = (relation, not known.is_live)
        if best is None or rank < best[:2]:
            best = (*rank, known)
    if _is_archival(statement, setting):
        return Verdict(novelty=Novelty.ARCHIVAL, of=best[2].id if best and best[0] <= Relation.VARIANT else None)
    if best is None or best[0] is Relation.FULLER:
        return Verdict(
            novelty=Novelty.NEW,
            possible=best[2].id if best else None,
            differs_from=differs[1].id if differs else None,
            reasons=differs[2] if differs else (),
            same_words=tuple(same_words),
        )
    relation, _, known = best
    return Verdict(
        novelty=_row(relation, statement, known, setting),
        of=known.id,
        possible=known.id if relation is Relation.RENDERING else None,
        same_words=tuple(same_words),
    )


def _row(relation: Relation, statement: Statement, known: Known, setting: Setting) -> Novelty:
    if relation is Relation.EXTENDS:
        return Novelty.EXTENDED
    if relation is Relation.RENDERING:
        return Novelty.RENDERING
    said_later = (
        statement.said_at is not None
        and known.facts.said_at is not None
        and statement.said_at_precision == known.facts.said_at_precision != "none"
        and statement.said_at > known.facts.said_at
    )
    if statement.is_reiterated or said_later:
        return Novelty.REITERATED
    if relation is Relation.VARIANT:
        return Novelty.VARIANT
    is_same_outlet = any(sighting.source == setting.source for sighting in known.sightings)
    return Novelty.REPEAT if is_same_outlet else Novelty.SYNDICATED


def _is_archival(statement: Statement, setting: Setting) -> bool:
    said_at = statement.said_at
    return statement.is_archival or (said_at is not None and said_at < setting.published_at - setting.window)


def _is_same_occasion(who: Voice, known: Known, setting: Setting) -> bool:
    """A rendering needs the very speaker, known and named, and about the same time."""
    if not (who.is_named and known.voice.is_named):
        return False
    return abs(setting.published_at - known.last_at) <= _SAID_WINDOW


def _is_verbatim(relation: Relation, item: Found, known: Known) -> bool:
    """Whether the words alone make both one statement, whatever the descriptors of unnamed sources tell."""
    if relation is Relation.EQUAL:
        return True
    is_marked = item.statement.kind in VERBATIM and known.facts.kind in VERBATIM
    size = min(len(item.text.split()), len(known.text.split()))
    return relation <= Relation.CONTAINS and is_marked and size >= _FRAGMENT


def _is_conflict(statement: Statement, who: Voice, known: Known) -> bool:
    """Whether one of two attributions must be wrong: long verbatim words, two persons named in full."""
    return (
        statement.kind in VERBATIM
        and known.facts.kind in VERBATIM
        and who.type is SpeakerType.PERSON
        and known.voice.type is SpeakerType.PERSON
        and not statement.is_hearsay
        and not known.facts.is_hearsay
        and min(len(statement.text.split()), len(known.text.split())) >= _FRAGMENT
    )


def relate(kind: StatementKind, now: str, known_kind: StatementKind, was: str) -> tuple[Relation, tuple[str, ...]]:
    """How the words `now` stand to the words `was`; with DIFFERS, the reasons of the guard. Speakers play no part."""
    plain_now, plain_was = plain(now), plain(was)
    if plain_now == plain_was:
        return Relation.EQUAL, ()
    if not _share_words(plain_now, plain_was):
        return Relation.NONE, ()
    ours, theirs = asserted(now), asserted(was)
    if not ours.words or not theirs.words:
        return Relation.NONE, ()
    contained = _containment(ours, theirs)
    if contained is not None:
        return contained
    if _is_variant(ours, theirs, plain_now, plain_was):
        reasons = guard(theirs, ours)
        return (Relation.DIFFERS, reasons) if reasons else (Relation.VARIANT, ())
    if not (kind in VERBATIM and known_kind in VERBATIM) and _is_rendering(ours, theirs):
        own = set(_stems(ours.content)) - set(_stems(theirs.content))
        return (Relation.FULLER if len(own) >= EXTENSION else Relation.RENDERING), ()
    return Relation.NONE, ()


def _share_words(one: str, other: str) -> bool:
    """A cheap sieve: two fifths of the words of the shorter."""
    left, right = _words(one), _words(other)
    return len(left & right) * 5 >= min(len(left), len(right)) * 2


def _is_variant(ours: Asserted, theirs: Asserted, now: str, was: str) -> bool:
    """Nearly the same words, or the same but for function words and the spelling of names."""
    if fuzz.token_sort_ratio(now, was, score_cutoff=90) > 0:
        return True
    return len(ours.content) >= 3 and ours.content == theirs.content


def _containment(ours: Asserted, theirs: Asserted) -> tuple[Relation, tuple[str, ...]] | None:
    """CONTAINED, CONTAINS, EXTENDS or DIFFERS if one wording lies within a stretch of the other; else None."""
    we = [word.low for word in ours.words]
    they = [word.low for word in theirs.words]
    is_longer = len(we) > len(they)
    short, long = (they, we) if is_longer else (we, they)
    found = _stretch(short, long)
    if found is None:
        return None
    start, end = found
    longer, shorter = (ours, theirs) if is_longer else (theirs, ours)
    inside = read(longer.words[start:end])
    reasons = guard(inside, shorter)
    lead = read(longer.words[max(0, start - 3) : start])
    if lead.negations and not shorter.negations:
        reasons = ("negation", *reasons)  # cut off in front: "not [attack the city]"
    if reasons:
        return Relation.DIFFERS, tuple(dict.fromkeys(reasons))
    if not is_longer:
        return Relation.CONTAINED, ()
    before, after = longer.words[:start], longer.words[end:]
    added = read((*before, *after))
    is_more = len(added.content) + len(added.numbers) >= EXTENSION or any(
        has_finite_clause(tuple(word.low for word in part)) for part in (before, after)
    )
    if is_more:
        return Relation.EXTENDS, ()
    own = guard(read(()), read(tuple(word for word in added.words if not word.is_initial)))
    return (Relation.DIFFERS, own) if own else (Relation.CONTAINS, ())


def _stretch(short: list[str], long: list[str]) -> tuple[int, int] | None:
    """Where in `long` the words of `short` stand: all of them in one piece, or four fifths of at least five."""
    if len(short) < 3 or not any(word not in STOP_WORDS for word in short):
        return None
    if len(short) < _FRAGMENT:
        at = _find(short, long)
        return None if at is None else (at, at + len(short))
    found = fuzz.partial_ratio_alignment(short, long, score_cutoff=50)
    if found is None:
        return None
    return _dense_stretch(short, long, found) or _loose_stretch(short, long, found)


def _loose_stretch(short: list[str], long: list[str], found: ScoreAlignment) -> tuple[int, int] | None:
    """A quotation with words left out: nine tenths of what is left, in order, within a stretch half as long again."""
    if len(short) < _ELIDED:
        return None
    pad = len(short) // 2 + 1
    low = max(0, found.dest_start - pad)
    window = long[low : found.dest_end + pad]
    blocks = [block for block in LCSseq.opcodes(short, window) if block.tag == "equal"]
    if not blocks or sum(block.src_end - block.src_start for block in blocks) * 10 < len(short) * 9:
        return None
    start, end = blocks[0].dest_start, blocks[-1].dest_end
    return (low + start, low + end) if (end - start) * 2 <= len(short) * 3 else None


def _dense_stretch(short: list[str], long: list[str], found: ScoreAlignment) -> tuple[int, int] | None:
    """The stretch as long as the short side."""
    start, end = found.dest_start, found.dest_end
    # The window is as long as the short side: a word more in the long one pushes words out at its ends.
    slack = len(short) // 5
    while slack and end < len(long) and long[end] in short[-slack:]:
        end, slack = end + 1, slack - 1
    shared = set(short)
    while start < end and long[start] not in shared:
        start += 1
    while end > start and long[end - 1] not in shared:
        end -= 1
    window = long[start:end]
    if LCSseq.similarity(short, window) * 5 < len(short) * 4:
        return None
    return start, end


def _find(short: list[str], long: list[str]) -> int | None:
    size = len(short)
    return next((i for i in range(len(long) - size + 1) if long[i : i + size] == short), None)


def has_finite_clause(words: tuple[str, ...]) -> bool:
    """Whether the words hold a clause of their own: a subject or conjunction with a finite verb soon after."""
    plain = [word.replace("'", "") for word in words]
    return any(
        plain[i] in _PRONOUNS and any(word in _FINITE for word in plain[i + 1 : i + 5]) for i in range(len(plain) - 2)
    )


def _is_rendering(ours: Asserted, theirs: Asserted) -> bool:
    """Whether one may paraphrase the other: most content words of the shorter, within a stretch of the longer."""
    if min(len(ours.content), len(theirs.content)) < 3:
        return False
    short, long = sorted((_stems(ours.content), _stems(theirs.content)), key=len)
    if len(long) > 2 * len(short):
        near = fuzz.partial_ratio_alignment(short, long)
        slack = len(short) // 2
        if near is not None:
            long = long[max(0, near.dest_start - slack) : near.dest_end + slack]
    shared = set(short) & set(long)
    return len(shared) >= 3 and len(shared) * 100 >= len(set(short)) * _RELATED and not contradicts(theirs, ours)


@lru_cache(maxsize=4096)
def _stems(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(_stem, words))


@lru_cache(maxsize=16384)
def _stem(word: str) -> str:
    for ending in ("ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word[: -len(ending)]
    return word
