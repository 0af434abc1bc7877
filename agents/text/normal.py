"""Text reduced to what counts for equality: two spellings of the same words normalise to the same string."""

import re
import unicodedata

_INSERTION = re.compile(r"\[[^\[\]\n]{0,200}\]")
_ACRONYM = re.compile(r"(?<![^\W_])(?:[^\W\d_]\.){2,}")
# The mark comes first, and what must stand before it after: so the engine skips straight to the marks.
_MAY_BE_ACRONYM = re.compile(r"\.(?<=[^\W\d_]\.)[^\W\d_]\.")
_THOUSANDS = re.compile(r",(?<=\d,)(?=\d{3}(?!\d))")
_INNER_APOSTROPHE = re.compile(r"'(?<=\w')(?=\w)")
_LONE_POINT = re.compile(r"\.(?:(?<!\d\.)|(?!\d))")

_FUNCTION_WORDS = """
    a about after all also am an and any are as at be been being both but by each for from had has have he her here
    him his how i if in into is it its itself just me more most my of off on once one only or other our out over own s
    same she so some such than that the their them then there these they this those through to too under until up us
    very was we were what when where which while who whom why with you your
"""
STOP_WORDS = frozenset(_FUNCTION_WORDS.split())
"""Function words that carry no content. Negations and modals are not here: they change what is said."""


class _Kept(dict[int, str]):
    """Letters, digits, marks, currency signs, %, the decimal point and the apostrophe stay; all else is a space."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        category = unicodedata.category(char)
        if char in "’‘ʼ′`´":
            value = "'"
        elif category[0] in "LNM" or category == "Sc" or char in "%.'":
            value = char
        elif category == "Cf":
            value = ""
        else:
            value = " "
        self[code] = value
        return value


_KEPT = _Kept()


def normal(text: str) -> str:
    """Words of the text without case, punctuation, quotation marks and [editorial insertions], single-spaced.

    Numbers stay distinct: the decimal point, % and currency signs are kept, thousands separators are not.

    >>> normal("“The U.S. [military] won’t pay $1,500.50,” he said")
    'the us wont pay $1500.50 he said'
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    text = text.casefold()
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    if "[" in text:
        text = _INSERTION.sub(" ", text)
    if "," in text:
        text = _THOUSANDS.sub("", text)
    if "." in text and _MAY_BE_ACRONYM.search(text):
        text = _ACRONYM.sub(_join, text)
    text = text.translate(_KEPT)
    if "'" in text:
        text = _INNER_APOSTROPHE.sub("", text).replace("'", " ")
    if "." in text:
        text = _LONE_POINT.sub(" ", text)
    return " ".join(text.split())


def _join(acronym: re.Match[str]) -> str:
    return acronym.group().replace(".", "") + " "


def content_tokens(text: str) -> tuple[str, ...]:
    """Words of `normal(text)` that carry content, in order; negations and modals among them."""
    return tuple(token for token in normal(text).split() if token not in STOP_WORDS)
