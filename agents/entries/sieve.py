"""Which sentences can be boilerplate at all: one pass over a paragraph for the words that every cue needs.

Most paragraphs hold none of them together, and are news without any of the long expressions of `cues` being tried. A
rule names what must stand in one sentence for an expression there to match; the expressions decide. So a rule may let
too much through, and must never hold anything back: `tests/agents/entries/test_sieve.py` derives texts from the
expressions themselves.
"""

import codecs
import re
from bisect import bisect_left
from functools import lru_cache

import ahocorasick_rs

_READER = "you your yours"
_WE = "we our us"
_PRODUCTS = (
    "newsletter newsletters inbox trial unlimited notification notifications alert alerts email emails mail mails "
    "channel mailing briefing briefings podcast podcasts app apps subscription subscriptions subscribe subscriber "
    "subscribers account register sign signing log premium digest offer offers updates"
)
_PRESS = (
    "journalis* reporting reporter reporters correspondent correspondents newsroom newsrooms editorial editorially "
    "paywall paywalls news coverage investigation investigations investigating facts documentary documentaries readers "
    "readership story stories work do advertis* freedom publisher publishers proprietor proprietors shareholder "
    "shareholders billionaire free open"
)
_ASK = "ASK"
"""Stands for a sentence that begins like a request."""
_MONEY = "MONEY"
"""Stands for a currency sign."""

_RULES: tuple[tuple[str, ...], ...] = (
    # cookies
    ("cookie* consent* privacy* gdpr legitimate*",),
    ("view", "content"),
    # loading
    ("load* refresh* automatic* javascript browser",),
    ("unable", "play*"),
    ("moment* second* minute*", "appear* updat* blog page feed"),
    # comments
    ("comment*",),
    ("join", "conversation* discussion* debate forum communit*"),
    ("have", "your", "say"),
    ("other fellow", "readers"),
    # appeals, in the order of cues.APPEALS
    ("your", "support* donation* contribution* generosity subscription* membership* pledge*"),
    (
        "support* fund* back* sustain* power* protect* champion* strengthen* keep* enabl*",
        "journalis* reporting reporters newsroom* work do",
    ),
    ("give", f"{_MONEY} little month monthly can"),
    ("donate contribute chip", f"{_MONEY} today now here us our little month monthly"),
    ("support", "us"),
    ("become", "member* supporter* patron*"),
    ("reader listener member", "funded supported owned"),
    ("like", "you", "readers people supporters"),
    ("funded paid supported sustained kept", "by", "reader readers those people supporters you"),
    (f"{_MONEY} little few coffee*", "month week year"),
    ("off oneoff", "gift contribution payment"),
    ("every any each", "donation contribution gift subscription membership"),
    ("make makes making", "difference"),
    # newsletters
    ("sign signing", "up"),
    ("subscribe unsubscribe emailed notifications",),
    ("delivered inbox phone", "your"),
    ("get", "alerts"),
    ("us", "on", "follow like find"),
    ("download", "app apps"),
    ("terms", "apply"),
    ("already", "subscriber account subscribed"),
    (_PRODUCTS, _READER),
    (_PRODUCTS, _ASK),
    # appeals again: the press and us, or the press and you
    (_PRESS, f"{_READER} {_WE}"),
)

_MAY_ASK = re.compile(
    r"(?:please|so|if|why|support|donate|contribute|give|chip|help|become|consider|join|subscribe|sign|register|back|"
    r"fund|get|enter|click|tap|follow|download|read|make|stay|take|choose|start|try|log|leave|put|unlock|enjoy|want)\b",
    re.IGNORECASE,
)
_SIGNS = "£$€"


def _compiled() -> tuple[list[bytes], tuple[int, ...], tuple[int, ...], dict[str, int]]:
    """Patterns, the groups that each belongs to as bits, the bits that each rule needs, and bits of the signs."""
    groups: dict[str, int] = {}
    for rule in _RULES:
        for group in rule:
            groups.setdefault(group, 1 << len(groups))
    words: dict[bytes, int] = {}
    signs: dict[str, int] = {_ASK: 0, _MONEY: 0}
    for group, bit in groups.items():
        for word in group.split():
            if word in signs:
                signs[word] |= bit
                continue
            pattern = f" {word[:-1]}" if word.endswith("*") else f" {word} "
            words[pattern.encode()] = words.get(pattern.encode(), 0) | bit
    needs = tuple(sum(groups[group] for group in rule) for rule in _RULES)
    return list(words), tuple(words.values()), needs, signs


_PATTERNS, _BITS, _NEEDS, _SIGN_BITS = _compiled()
_AUTOMATON = ahocorasick_rs.BytesAhoCorasick(_PATTERNS)
_ASK_BIT, _MONEY_BIT = _SIGN_BITS[_ASK], _SIGN_BITS[_MONEY]

# Letters to lower case, all that is no word to a blank. Beyond ASCII only what expressions that ignore case take for
# an ASCII letter becomes one; other letters become a sign that no pattern holds. One byte a code point.
_TABLE = bytes(
    code + 32 if 65 <= code <= 90 else code if chr(code).isalnum() else ord("_") if code == 95 else 32
    for code in range(128)
) + bytes(128)
_EQUAL = {"ſ": "s", "K": "k", "ı": "i", "İ": "i"}
_HANDLER = "tocsin.sieve"


class _Letters(dict[int, str]):
    def __missing__(self, code: int) -> str:
        char = chr(code)
        self[code] = value = _EQUAL.get(char, "_" if char.isalnum() else " ")
        return value


_LETTERS = _Letters()


def _replace(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    return error.object[error.start : error.end].translate(_LETTERS), error.end


codecs.register_error(_HANDLER, _replace)


@lru_cache(maxsize=4096)
def _may_be(bits: int) -> bool:
    return any(bits & need == need for need in _NEEDS)


class Sieve:
    """What one paragraph holds of the words that boilerplate needs.

    may_matter  whether any sentence of the paragraph can be boilerplate
    """

    __slots__ = ("_at", "_bits", "_money", "may_matter")

    def __init__(self, text: str) -> None:
        data = b" " + text.encode("ascii", _HANDLER).translate(_TABLE) + b" "
        self._at: list[int] = []
        self._bits: list[int] = []
        self._money = _MONEY_BIT if any(sign in text for sign in _SIGNS) else 0
        every = self._money
        for pattern, start, _ in _AUTOMATON.find_matches_as_indexes(data, overlapping=True):
            self._at.append(start)  # a word's blank before it is one byte, and so is the padding
            self._bits.append(_BITS[pattern])
            every |= _BITS[pattern]
        self.may_matter = _may_be(every | _ASK_BIT)

    def may_be(self, text: str, start: int, end: int) -> bool:
        """Whether the sentence text[start:end] can be boilerplate."""
        bits = self._money
        first = bisect_left(self._at, start)
        for place in range(first, bisect_left(self._at, end, first)):
            bits |= self._bits[place]
        return _may_be(bits) or (_may_be(bits | _ASK_BIT) and _MAY_ASK.match(text, start) is not None)
