"""What the network sees of each token: numbers alone, words only as hashes."""

import re
import zlib
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from agents.statements.cues import CUES, PHRASE_HEADS
from agents.statements.lexicon import (
    ADVERBS,
    AUXILIARIES,
    CONJUNCTIONS,
    DETERMINERS,
    DOCUMENT_HEADS,
    FEMALE_NAMES,
    MALE_NAMES,
    MEDIA_HEADS,
    METONYMS,
    MONTHS,
    NEGATIONS,
    ORGANISATION_HEADS,
    PERSONAL,
    PREPOSITIONS,
    PRONOUNS,
    TIME_NOUNS,
    TIME_WORDS,
    TITLES,
    UNNAMED_HEADS,
)
from agents.statements.phrases import VENUES
from agents.statements.tagger.reading import Reading
from agents.statements.tagger.tags import TAGS, tags_of

Ints = NDArray[np.int32]
Floats = NDArray[np.float32]
_T = TypeVar("_T", bound=np.generic)

WORD_SLOTS: Final = 16384
VECTOR_SLOTS: Final = 65536
PART_SLOTS: Final = 2048
SHAPE_SLOTS: Final = 256
CUE_BINS: Final = 6
_FAR: Final = 16
_CLASSES = (
    PERSONAL, PRONOUNS, DETERMINERS, AUXILIARIES, NEGATIONS, PREPOSITIONS, CONJUNCTIONS, TIME_WORDS | MONTHS,
    TIME_NOUNS, TITLES, MALE_NAMES | FEMALE_NAMES, DOCUMENT_HEADS, UNNAMED_HEADS, MEDIA_HEADS, METONYMS,
    ORGANISATION_HEADS, VENUES, ADVERBS,
)  # fmt: skip
_FORMS = {"past": 0, "third": 1, "base": 2, "ing": 3}
CLASSES: Final = len(_CLASSES) + 10
_REPEATED = re.compile(r"(.)\1{2,}")
_SHAPE = re.compile(r"[^\W\d_]|\d|.", re.DOTALL)

# columns of a token
COLUMNS: Final = (
    ("word1", WORD_SLOTS), ("word2", WORD_SLOTS), ("vector", VECTOR_SLOTS), ("prefix", PART_SLOTS),
    ("suffix", PART_SLOTS), ("shape", SHAPE_SLOTS), ("class", CLASSES), ("cue_bin", CUE_BINS),
    ("quoted", 4), ("left", WORD_SLOTS), ("left_distance", 17), ("right", WORD_SLOTS), ("right_distance", 17),
    ("from_start", 17), ("to_end", 17), ("paragraph", 8), ("sentence", 8), ("rule", len(TAGS) + 1),
    ("mark_left", 17), ("mark_right", 17),
)  # fmt: skip
COLUMN: Final = {name: place for place, (name, _) in enumerate(COLUMNS)}
_WORD_COLUMNS: Final = 8
_MAX_CACHE = 60000


def slot(word: str, seed: int, slots: int) -> int:
    """A hash of a word that is the same on every machine and in every process."""
    return zlib.crc32(word.encode("utf-8", "surrogatepass"), seed) % slots


def shape(word: str) -> str:
    """`McAdam's` -> `XxXxx'x`: letters by case, digits, runs cut to two."""
    kinds = "".join("X" if c.isupper() else "x" if c.isalpha() else "d" if c.isdigit() else c for c in word[:24])
    return _REPEATED.sub(r"\1\1", kinds)[:8]


def word_class(word: str) -> int:
    """The first closed class of the lexicon that holds the lower-cased word; cues by their form; 0 for none."""
    cue = CUES.get(word)
    if cue is not None:
        return len(_CLASSES) + 1 + _FORMS[cue.form] + 4 * (cue.is_weak or cue.is_belief)
    if word in PHRASE_HEADS:
        return len(_CLASSES) + 9
    return next((place for place, known in enumerate(_CLASSES, 1) if word in known), 0)


class Encoder:
    """Turns readings into columns of numbers.

    cue_slots  for each slot of `slot(word, 6, ...)`: how often such a word was a cue, in bins of 0 (unseen or never)
    """

    def __init__(self, cue_slots: NDArray[np.uint8]) -> None:
        self._cue_slots = cue_slots
        self._places: dict[str, int] = {}
        self._table: Ints = np.zeros((1024, _WORD_COLUMNS + 2), np.int32)  # grows by doubling

    def _row(self, raw: str) -> tuple[int, ...]:
        low = raw.replace("’", "'").lower()
        return (
            slot(low, 1, WORD_SLOTS),
            slot(low, 2, WORD_SLOTS),
            slot(low, 7, VECTOR_SLOTS),
            slot(low[:3], 3, PART_SLOTS),
            slot(low[-3:], 4, PART_SLOTS),
            slot(shape(raw), 5, SHAPE_SLOTS),
            word_class(low),
            int(self._cue_slots[slot(low, 6, len(self._cue_slots))]),
            _SIGNS.get(raw[0], 0) & (~_STOP if len(raw) > 1 and raw[-1] != "." else ~0),
            raw[0].isupper(),
        )

    def _words(self, raws: list[str]) -> Ints:
        places = self._places
        new = set(raws).difference(places)
        if len(places) + len(new) > _MAX_CACHE:
            places.clear()
            new = set(raws)
        size = len(places) + len(new)
        if size > len(self._table):
            grown: Ints = np.zeros((max(size, 2 * len(self._table)), _WORD_COLUMNS + 2), np.int32)
            grown[: len(self._table)] = self._table
            self._table = grown
        if new:
            self._table[len(places) : size] = [self._row(raw) for raw in new]
            places.update(zip(new, range(len(places), size), strict=True))
        return self._table[np.fromiter(map(places.__getitem__, raws), np.intp, len(raws))]

    def columns(self, reading: Reading) -> Ints:
        """One row a token, one column a feature, in the order of COLUMNS."""
        count = len(reading)
        out = np.zeros((count, len(COLUMNS)), np.int32)
        if not count:
            return out
        raws = [raw for line in reading.lines for raw in line.raw]
        known = self._words(raws)
        out[:, :_WORD_COLUMNS] = known[:, :_WORD_COLUMNS]
        signs, capital = known[:, _WORD_COLUMNS], known[:, _WORD_COLUMNS + 1].astype(np.bool_)
        inside = np.array([quote for line in reading.lines for quote in line.quote], np.int32)
        is_mark = (signs & _MARK) > 0
        out[:, COLUMN["quoted"]] = np.where(inside >= 0, np.where(is_mark, 3, 1), np.where(is_mark, 2, 0))
        offsets = np.array(reading.offsets[:-1], np.intp)
        lengths = np.array(reading.offsets[1:], np.intp) - offsets
        first = np.repeat(offsets, lengths)
        begins = _sentence_starts(signs, capital, inside, first == np.arange(count))
        self._positions(out, begins, first, inside)
        out[:, COLUMN["paragraph"]] = np.repeat(_neighbours(inside, is_mark, offsets, lengths), lengths)
        found = [reading.marked(draft) for draft, _ in reading.drafts]
        out[:, COLUMN["rule"]] = tags_of(found, count)
        return out

    def _positions(self, out: Ints, begins: NDArray[np.bool_], first: NDArray[np.intp], inside: Ints) -> None:
        """Where a token stands: in its sentence, between the likely cues of the sentence, between the marks."""
        count = len(out)
        places = np.arange(count)
        start = np.maximum.accumulate(np.where(begins, places, 0))
        ends = _next(begins, True)
        stop = np.minimum.accumulate(np.where(ends, places, count)[::-1])[::-1]
        strong = (out[:, COLUMN["cue_bin"]] >= 4) & (inside < 0)
        nearest = np.maximum.accumulate(np.where(strong, places, -1))
        before = _previous(nearest, -1)
        nearest = np.minimum.accumulate(np.where(strong, places, count)[::-1])[::-1]
        after = _next(nearest, count)
        word = out[:, COLUMN["word1"]]
        has = before >= start
        out[:, COLUMN["left"]] = np.where(has, word[before], 0)
        out[:, COLUMN["left_distance"]] = np.where(has, _far(places - before), _FAR)
        has = after <= stop
        out[:, COLUMN["right"]] = np.where(has, word[np.minimum(after, count - 1)], 0)
        out[:, COLUMN["right_distance"]] = np.where(has, _far(after - places), _FAR)
        out[:, COLUMN["from_start"]] = _far(places - start)
        out[:, COLUMN["to_end"]] = _far(stop - places)
        number = np.cumsum(begins)
        out[:, COLUMN["sentence"]] = np.minimum(number - number[first], 3) + 4 * (places == first)
        change = first == places
        change[1:] |= inside[1:] != inside[:-1]
        edge = np.maximum.accumulate(np.where(change, places, 0))
        out[:, COLUMN["mark_left"]] = _far(places - edge)
        edge = np.minimum.accumulate(np.where(_next(change, True), places, count)[::-1])[::-1]
        out[:, COLUMN["mark_right"]] = _far(edge - places)


_STOP, _MARK = 1, 2
_SIGNS = {".": _STOP, "!": _STOP, "?": _STOP, "…": _STOP, '"': _MARK, "“": _MARK, "”": _MARK, "«": _MARK, "»": _MARK,
          "„": _MARK, "‘": _MARK, "’": _MARK, "'": _MARK}  # fmt: skip


def _next(values: NDArray[_T], last: int) -> NDArray[_T]:
    """What stands behind each place; `last` behind the last."""
    out = np.empty_like(values)
    out[:-1] = values[1:]
    out[-1] = last
    return out


def _previous(values: NDArray[_T], first: int) -> NDArray[_T]:
    """What stands before each place; `first` before the first."""
    out = np.empty_like(values)
    out[1:] = values[:-1]
    out[0] = first
    return out


_BINS: Final = np.array([*range(11), *(11 + (far - 10) // 5 for far in range(11, 31))], np.intp)


def _far(distance: NDArray[np.intp]) -> NDArray[np.intp]:
    """Distances in bins: one by one up to ten, then by five, at most 15."""
    return _BINS[np.minimum(distance, len(_BINS) - 1)]


def _sentence_starts(
    signs: Ints, capital: NDArray[np.bool_], inside: Ints, first: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """A token opens a sentence behind a full stop, or behind a closing mark behind one."""
    stops = (signs & _STOP) > 0
    marks = (signs & _MARK) > 0
    begins = first.copy()
    ahead = capital | marks
    same = inside >= 0
    same[0] = False
    same[1:] &= inside[1:] == inside[:-1]
    begins[1:] |= stops[:-1] & ahead[1:] & ~(marks[1:] & same[1:])
    begins[2:] |= stops[:-2] & marks[1:-1] & same[1:-1] & (inside[1:-1] != inside[2:]) & capital[2:]
    return begins


def _neighbours(inside: Ints, is_mark: NDArray[np.bool_], offsets: NDArray[np.intp], lengths: NDArray[np.intp]) -> Ints:
    """How the paragraphs around end and open: 0-2 for the one before, plus 3 where the next opens with a mark."""
    closes = is_mark[offsets + lengths - 1] & (inside[offsets + lengths - 1] >= 0)
    opens = inside[offsets] >= 0
    total = np.append(0, np.cumsum(inside >= 0))
    holds = total[offsets + lengths] > total[offsets]
    before = _previous(np.where(closes, 1, np.where(holds, 2, 0)), 0)
    return np.asarray(before + 3 * _next(opens, False), np.int32)
