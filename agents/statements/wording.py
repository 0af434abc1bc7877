"""What a wording asserts beyond its words: negations, numbers with units, dates, modals, names.

Two wordings are compared by these, because similarity alone would call a negated quotation a repeat.
"""

import re
import unicodedata
from functools import cached_property, lru_cache

from agents.statements.voices import sound
from agents.text.folding import fold_phrase
from agents.text.normal import STOP_WORDS, normal
from schemas.event import Struct

LONGEST = 4000
"""Code points of a statement that are compared; what follows is kept as evidence only."""

_INSERTION = re.compile(r"\[[^\[\]\n]{0,200}\]")
_ACRONYM = re.compile(r"(?<![^\W_])(?:[^\W\d_]\.){2,8}")
_TOKEN = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:'[^\W\d_]+)*|[%$£€¥]|[.!?:;…\n\"“”„«»]")
_ENDS = frozenset('.!?:…\n"“”„«»')
_THOUSANDS = re.compile(r",(?=\d{3}(?!\d))")

_NEGATORS = frozenset("not no never none nobody nothing nowhere neither nor without".split())
_CONTRACTED = {
    "won't": ("will", "not"), "wont": ("will", "not"), "shan't": ("shall", "not"), "can't": ("can", "not"),
    "cant": ("can", "not"), "cannot": ("can", "not"), "dont": ("do", "not"), "ain't": ("is", "not"),
}  # fmt: skip
_ENDINGS = {"n't": "not", "'ll": "will", "'re": "are", "'ve": "have", "'m": "am"}
MODALS = {
    "will": "will", "shall": "will", "would": "would", "can": "can", "could": "could", "may": "may", "might": "may",
    "must": "must", "should": "should", "ought": "should",
}  # fmt: skip
BACKSHIFT = {"would": "will", "could": "can", "should": "will"}
"""Reported speech moves modals back: "we will" becomes "they would"."""

_SMALL = {
    word: value
    for value, word in enumerate(
        """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
        seventeen eighteen nineteen""".split()
    )
}
_TENS = {
    word: 10 * (value + 2) for value, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split())
}
_SCALES = {
    "dozen": 12, "dozens": 12, "hundred": 100, "hundreds": 100, "thousand": 1000, "thousands": 1000, "k": 1000,
    "million": 10**6, "millions": 10**6, "mn": 10**6, "billion": 10**9, "billions": 10**9, "bn": 10**9,
    "trillion": 10**12, "trillions": 10**12, "tn": 10**12,
}  # fmt: skip
_ORDINALS = {
    word: f"#{value}"
    for value, word in enumerate("first second third fourth fifth sixth seventh eighth ninth tenth".split(), 1)
}
_UNITS = {
    name: unit
    for unit, names in {
        "%": "% percent percentage pc", "$": "$ dollar dollars usd", "£": "£ pound pounds gbp quid",
        "€": "€ euro euros eur", "¥": "¥ yen", "rouble": "rouble roubles ruble rubles",
        "km": "km kilometre kilometres kilometer kilometers", "mile": "mile miles",
        "m": "m metre metres meter meters", "foot": "foot feet ft", "kg": "kg kilo kilos kilogram kilograms",
        "tonne": "tonne tonnes ton tons", "litre": "litre litres liter liters", "barrel": "barrel barrels",
        "degree": "degree degrees", "second": "seconds secs", "minute": "minute minutes mins min",
        "hour": "hour hours hr hrs", "day": "day days", "week": "week weeks", "month": "month months",
        "year": "year years yr yrs", "kt": "knot knots", "megawatt": "megawatt megawatts mw",
        "hectare": "hectare hectares", "acre": "acre acres",
    }.items()
    for name in names.split()
}  # fmt: skip
_CURRENCIES = frozenset("$£€¥")
_QUANTITIES = frozenset((*_SMALL, *_TENS, *_SCALES, *_UNITS, "per", "cent"))
_MONTHS = {
    name: f"month{number}"
    for number, names in enumerate(
        ("january jan", "february feb", "march mar", "april apr", "may", "june jun", "july jul", "august aug",
         "september sept sep", "october oct", "november nov", "december dec"), 1)
    for name in names.split()
}  # fmt: skip
_DAYS = frozenset(
    """monday tuesday wednesday thursday friday saturday sunday today yesterday tomorrow tonight""".split()
)
_BEFORE_MONTH = frozenset("in on of since until by last next early late mid during from to this before after".split())
# Capitalised without naming anyone: comparing them would make "President Vell" differ from "Vell".
_NO_NAMES = frozenset(
    """i mr mrs ms miss dr sir dame lord lady president minister prime secretary general gen senator sen king queen
    chancellor premier governor mayor professor prof judge captain colonel major lt sgt god""".split()
)

_NO_CONTENT = frozenset((*STOP_WORDS, *_QUANTITIES, *MODALS, *_NO_NAMES))

READ_WORDS = frozenset((*STOP_WORDS, *_NEGATORS, *MODALS, *_QUANTITIES, *_ORDINALS, *_MONTHS, *_DAYS))
"""Words that are read for what they assert, and function words; all others are only compared."""


class Word(Struct, frozen=True, array_like=True, gc=False):
    """A token as compared: folded for case and apostrophes; where it stands; whether it opens a sentence."""

    low: str
    raw: str
    is_initial: bool


class Asserted:
    """What a stretch of words asserts, read when it is asked for. Sequences are in the order of the text."""

    def __init__(self, some: tuple[Word, ...]) -> None:
        self.words = some

    @cached_property
    def negated(self) -> tuple[str, ...]:
        """The words, with NOT for each that negates; currency signs stand on either side of their figure."""
        return tuple([NOT if word.low in _NEGATORS else word.low for word in self.words if word.low not in _CURRENCIES])

    @cached_property
    def _quantities(self) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
        return _quantities(self.words)

    @property
    def numbers(self) -> tuple[str, ...]:
        """Numbers by value."""
        return self._quantities[0]

    @property
    def units(self) -> tuple[str, ...]:
        """Units bound to numbers."""
        return self._quantities[1]

    @property
    def dates(self) -> tuple[str, ...]:
        """Days, months and years."""
        return self._quantities[2]

    @cached_property
    def modals(self) -> tuple[str, ...]:
        """Modals without their tense."""
        return tuple(_modals(self.words))

    @cached_property
    def content(self) -> tuple[str, ...]:
        """Words that carry content, but for quantities, modals and titles."""
        return tuple([word.low.replace("'", "") for word in self.words if _carries(word.low)])

    @cached_property
    def names(self) -> tuple[tuple[str, bool], ...]:
        """(key, is_certain): a capitalised word at the start of a sentence is not certainly a name."""
        return tuple(_names(self.words))

    @cached_property
    def negations(self) -> int:
        """How many words negate."""
        return self.negated.count(NOT)

    def says(self, least: int) -> bool:
        """Whether content words and numbers together are at least so many."""
        return len(self.content) >= least or len(self.content) + len(self.numbers) >= least


NOT = "¬"
"""What every negating word is read as."""


plain = lru_cache(maxsize=4096)(normal)
"""normal() of a statement, which is asked for again by each step of the comparison."""


@lru_cache(maxsize=4096)
def asserted(text: str) -> Asserted:
    """Read a wording. At most LONGEST code points of it."""
    return read(words(text))


def words(text: str) -> tuple[Word, ...]:
    """The words of a wording without [insertions], acronyms joined."""
    text = unicodedata.normalize("NFKC", text[:LONGEST])
    for mark in "’‘ʼ′`´":
        if mark in text:
            text = text.replace(mark, "'")
    if "[" in text:
        text = _INSERTION.sub(" ", text)
    if "." in text:
        text = _ACRONYM.sub(_join, text)
    found: list[Word] = []
    is_initial = True
    for raw in _TOKEN.findall(text):
        if raw in _ENDS:
            is_initial = True
            continue
        if raw == ";":
            continue
        low = raw.casefold()
        if "'" in raw or low in _CONTRACTED:
            found += _split(raw, is_initial)
        else:
            found.append(Word(low, raw, is_initial))
        is_initial = False
    return tuple(found)


def _one(raw: str, is_initial: bool) -> tuple[Word, ...]:
    return (Word(raw.casefold(), raw, is_initial),)


def _split(raw: str, is_initial: bool) -> tuple[Word, ...]:
    """A contraction as the words it stands for; a possessive without its ending."""
    low = raw.casefold()
    if low.endswith("'s"):
        return _one(raw[:-2], is_initial)
    if low in _CONTRACTED:
        first, second = _CONTRACTED[low]
        return Word(first, raw, is_initial), Word(second, second, False)
    for ending, full in _ENDINGS.items():
        if low.endswith(ending) and len(low) > len(ending):
            return Word(low[: -len(ending)], raw[: -len(ending)], is_initial), Word(full, full, False)
    return _one(raw, is_initial)


def _join(acronym: re.Match[str]) -> str:
    return acronym.group().replace(".", "") + " "


def read(some: tuple[Word, ...]) -> Asserted:
    """What a stretch of words asserts."""
    return Asserted(some)


def _carries(low: str) -> bool:
    return not (low in _NO_CONTENT or low[0].isdigit() or ("'" in low and low.replace("'", "") in STOP_WORDS))


def _negates(low: str) -> bool:
    return low in _NEGATORS


def _modals(some: tuple[Word, ...]) -> list[str]:
    found: list[str] = []
    for i, word in enumerate(some):
        modal = MODALS.get(word.low)
        if modal is not None and not (word.low == "may" and _is_month(some, i)):
            found.append(modal)
    return found


def _is_month(some: tuple[Word, ...], i: int) -> bool:
    """Whether "May" (or "March", "Mar") is the month: capitalised, and beside a number or behind "in", "since"."""
    if not some[i].raw[:1].isupper():
        return False
    before = some[i - 1].low if i else ""
    after = some[i + 1].low if i + 1 < len(some) else ""
    return before[:1].isdigit() or after[:1].isdigit() or before in _BEFORE_MONTH


def _quantities(some: tuple[Word, ...]) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Numbers by value (1 is left out: it reads "a" as often), the units bound to them, and dates."""
    numbers: list[str] = []
    units: list[str] = []
    dates: list[str] = []
    i = 0
    while i < len(some):
        low = some[i].low
        if low in _DAYS:
            dates.append(low)
        elif low in _MONTHS and (low not in ("may", "march", "mar", "dec", "sep", "jan", "jun") or _is_month(some, i)):
            dates.append(_MONTHS[low])
        elif low in _ORDINALS:
            numbers.append(_ORDINALS[low])
        elif low in ("half", "quarter", "double", "triple", "twice"):
            numbers.append(low)
        else:
            value, end = _number(some, i)
            if end > i:
                _keep_number(some, i, end, value, (numbers, units, dates))
                i = end
                continue
        i += 1
    return tuple(numbers), tuple(units), tuple(dates)


def _keep_number(
    some: tuple[Word, ...], start: int, end: int, value: str, into: tuple[list[str], list[str], list[str]]
) -> None:
    numbers, units, dates = into
    before = some[start - 1].low if start else ""
    after = some[end].low if end < len(some) else ""
    if after == "per" and end + 1 < len(some) and some[end + 1].low == "cent":
        after = "%"
    if after in ("st", "nd", "rd", "th"):
        numbers.append(f"#{value}")
    elif (
        after in _MONTHS
        or before in _MONTHS
        or (len(value) == 4 and value[:2] in ("19", "20") and some[start].raw == value and after not in _UNITS)
    ):
        dates.append(value)
    elif value != "1" or after in _UNITS or before in _CURRENCIES:
        numbers.append(value)
    if after in _UNITS:
        units.append(_UNITS[after])
    elif before in _CURRENCIES:
        units.append(before)


def _number(some: tuple[Word, ...], i: int) -> tuple[str, int]:
    """Value of the number that starts at word i and the index behind it; ("", i) if none does."""
    low = some[i].low
    total: float
    if low[0].isdigit():
        total, end = _digits(low), i + 1
    elif low in _TENS:
        total, end = _TENS[low], i + 1
        if end < len(some) and 0 < _SMALL.get(some[end].low, 0) < 10:
            total, end = total + _SMALL[some[end].low], end + 1
    elif low in _SMALL:
        total, end = _SMALL[low], i + 1
    elif low in _SCALES and len(low) > 2:
        total, end = _SCALES[low], i + 1
    else:
        return "", i
    while end < len(some) and some[end].low in _SCALES:
        total, end = total * _SCALES[some[end].low], end + 1
    if end == i + 1 and end < len(some) and some[end].low == "m" and i and some[i - 1].low in _CURRENCIES:
        total, end = total * 10**6, end + 1
    return f"{total:.15g}", end


def _digits(raw: str) -> float:
    plain = _THOUSANDS.sub("", raw)
    try:
        return float(plain)
    except ValueError:  # 1.2.3, 10,5, or digits of another script in a mixture
        return float("".join(str(unicodedata.digit(char, 0)) for char in plain if char.isdigit())[:300] or "0")


def _names(some: tuple[Word, ...]) -> list[tuple[str, bool]]:
    """Keys of capitalised words, unless the wording is in capitals or in title case as a whole."""
    letters = [word for word in some if word.raw[0].isalpha()]
    capital = [word for word in letters if word.raw[0].isupper()]
    inner = sum(word.low not in STOP_WORDS for word in letters)
    if sum(len(word.raw) > 1 and word.raw.isupper() for word in letters) * 2 > len(letters) > 2:
        return []
    if len(letters) >= 6 and len(capital) >= max(inner, 1):
        return []
    return [
        (key(word.raw), not word.is_initial)
        for i, word in enumerate(some)
        if word.raw[0].isupper()
        and word.low not in _NO_NAMES
        and word.low not in _DAYS
        and word.low.partition("'")[0] not in STOP_WORDS
        and not _negates(word.low)
        and word.low not in MODALS
        and not (word.low in _MONTHS and (word.low not in ("may", "march") or _is_month(some, i)))
    ]


@lru_cache(maxsize=16384)
def key(word: str) -> str:
    """One spelling for the transliterations of a word."""
    return sound(fold_phrase(word).decode("ascii") or word.casefold())
