"""Names compared across transliterations: keys that join spellings, and the parts a name is made of."""

import re
import unicodedata
from functools import lru_cache

from rapidfuzz.distance import JaroWinkler

from agents.text.folding import fold_phrase

SIMILAR = 0.88
"""Jaro-Winkler similarity from which two spellings of one part of a name agree."""


def word_set(listed: str) -> frozenset[str]:
    """The words of a list written as prose."""
    return frozenset(listed.split())


PARTICLES = word_set("""
    al el ul bin ibn ben bint abu abou van von der den de da do dos das del della di du la le
    """)
_DROPPED = word_set("al el ul as ad ash bin ibn ben")
HONORIFICS = word_set("""
    mr mrs ms miss sir dame lord lady dr prof professor ayatollah grand hojatoleslam sheikh sheik shaikh sayyed
    seyyed sayed mullah haji maulana reverend rev hon honourable honorable
    """)
SUFFIXES = word_set("jr sr junior senior ii iii iv")


def _ranges(category: str) -> str:
    """Letters of one category below U+0250 and in Latin Extended Additional, for a character class."""
    codes = (*range(0x250), *range(0x1E00, 0x1F00))
    return "".join(re.escape(chr(code)) for code in codes if unicodedata.category(chr(code)) == category)


UPPER = _ranges("Lu")
_PARTICLE = "(?:" + "|".join(sorted(PARTICLES, key=lambda p: (-len(p), p))) + ")"
_PART = rf"(?:[{UPPER}]\.(?:[{UPPER}]\.)*|[{UPPER}][\w'’ʼ]*(?:-[\w'’ʼ]+)*)"
_ABBREVIATED = r"(?:Gen|Lt|Maj|Brig|Col|Adm|Sen|Rep|Gov|Dr|Mr|Mrs|Ms|Prof|Rev|Hon|Cmdr|St)\."
# The first letter comes first, and what must not stand before it after: so the engine skips straight to capitals.
_FIRST = (
    rf"[{UPPER}](?:(?<![\w'’.@#/].)|(?<=[a-z][a-z]\..))"
    r"(?:(?:(?<=G)(?:en|ov)|(?<=L)t|(?<=M)(?:aj|rs?|s)|(?<=B)rig|(?<=C)(?:ol|mdr)|(?<=A)dm|(?<=S)(?:en|t)"
    r"|(?<=R)e[pv]|(?<=D)r|(?<=P)rof|(?<=H)on)\."
    rf"|\.(?:[{UPPER}]\.)*|[\w'’ʼ]*(?:-[\w'’ʼ]+)*)"
)
RUN = re.compile(rf"{_FIRST}(?: (?:{_PARTICLE}[- ]){{0,2}}(?:{_ABBREVIATED}|{_PART})){{0,11}}")
"""A run of capitalised words, particles and initials included; never across punctuation or a line end."""
TOKEN = re.compile(r"[^\s]+")
_LEADING = re.compile(rf"(?:(?<![\w'’\-.])(?:{_PARTICLE}[- ]){{1,2}})\Z")


def run_start(text: str, start: int) -> int | None:
    """Where a run that RUN found at `start` begins with its particles ("al-"); None inside "pro-Example"."""
    before = text[start - 1 : start]
    if before not in ("-", " "):
        return start
    low = max(0, start - 12)
    leading = _LEADING.search(text[low:start])
    if leading is not None and (low == 0 or leading.start() > 0):
        return low + leading.start()
    return None if before == "-" else start


_CLASSES = (("kh", "k"), ("gh", "k"), ("q", "k"), ("w", "v"))
_VOWELS = re.compile("[aeiyou]+")
_DOUBLED = re.compile(r"(.)\1+")


@lru_cache(maxsize=32768)
def key(part: str) -> str:
    """Blocking key of one or more words: equal for spellings that differ as transliterations do.

    >>> key("Qassem") == key("Ghasem") == key("Kassim")
    True
    >>> key("al-Muhandis") == key("Al-Mohandes")
    True
    """
    words = fold_phrase(part.replace("'", "").replace("’", "").replace("ʼ", "")).decode("ascii").split()
    letters = "".join(word for word in words if word not in _DROPPED) or "".join(words)
    for spelling, sound in _CLASSES:
        letters = letters.replace(spelling, sound)
    return _DOUBLED.sub(r"\1", _VOWELS.sub(_vowel, letters))


def _vowel(match: re.Match[str]) -> str:
    return "o" if match.group()[0] in "ou" else "a"


@lru_cache(maxsize=32768)
def words(name: str) -> tuple[str, ...]:
    """The words of a name as written, without honorifics, initials' dots and possessive endings."""
    found = []
    for word in name.replace("-", " ").split():
        bare = _POSSESSIVE.sub("", word).strip(".,'’")
        if bare and bare.casefold() not in HONORIFICS:
            found.append(bare)
    return tuple(found)


_POSSESSIVE = re.compile(r"['’]s$")


def name_key(name: str) -> str:
    """One key for all spellings of a whole name; initials in the middle do not count.

    >>> name_key("Sir Ana B. Example") == name_key("Ana Exampel")
    False
    >>> name_key("Sir Ana B. Example") == name_key("Ana Example")
    True
    """
    parts = words(name)
    kept = [part for i, part in enumerate(parts) if len(part) > 1 or i in (0, len(parts) - 1)]
    return "-".join(filter(None, (key(part) for part in kept if part.casefold() not in _DROPPED)))


def agree(one: str, other: str) -> bool:
    """Whether two spellings of one part of a name are alike, by their keys."""
    a, b = key(one), key(other)
    return bool(a) and bool(b) and (a == b or JaroWinkler.similarity(a, b) >= SIMILAR) and _initials_agree(one, other)


def _initials_agree(one: str, other: str) -> bool:
    # Vowels and the k-like consonants start one name in many ways; any other first letter is part of the name.
    return key(one)[:1] == key(other)[:1]
