"""Text to pure ASCII lower case for matching: one function and one table for texts and for patterns.

Letters and digits survive, without accents; everything else becomes a space, so that two spaces in a row mean
punctuation. A byte of the folded form leads back to code points of the original, also where lengths changed.
"""

import codecs
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache

from schemas.event import Span

_LENGTH_CHANGES = "\x01"
"""What the first pass writes for a character that folds to none or to several; then the exact pass runs."""

_SPECIAL = {
    "ı": "i",
    "ß": "ss",
    "æ": "ae",
    "œ": "oe",
    "ø": "o",
    "ł": "l",
    "đ": "d",
    "ð": "d",
    "þ": "th",
    "ħ": "h",
    "ŧ": "t",
    "ŋ": "n",
    "ĸ": "k",
    "ə": "a",  # as newsrooms transliterate Azerbaijani names
}
_ZERO_WIDTH_SPACE = "\u200b"

_MARKS = (("’", "'"), ("‘", "'"), ("“", '"'), ("”", '"'), ("–", "-"), ("—", "-"), ("\u00a0", " "))

_BYTES = bytes(
    byte if chr(byte).isalnum() and byte < 128 else ord(" ")
    for byte in (byte + 32 if 65 <= byte <= 90 else byte for byte in range(256))
)


def _fold_char(char: str) -> str:
    """ASCII letters and digits of one character; one space for what is unknown, nothing for what has no width."""
    if unicodedata.combining(char) or (unicodedata.category(char) == "Cf" and char != _ZERO_WIDTH_SPACE):
        return ""
    if char == "…":
        return "   "
    base = (part for part in unicodedata.normalize("NFKD", char) if not unicodedata.combining(part))
    folded = unicodedata.normalize("NFKD", "".join(base).casefold())
    ascii_only = "".join(
        _SPECIAL.get(part, part if part.isascii() and part.isalnum() else " ")
        for part in folded
        if not unicodedata.combining(part)
    )
    return ascii_only if ascii_only.strip() else " "


class _Table(dict[int, str]):
    """Code point to its exact folding, filled as characters are met."""

    def __missing__(self, code: int) -> str:
        self[code] = value = _fold_char(chr(code))
        return value


class _OneToOne(dict[int, str]):
    """Code point to exactly one character: its folding, or the sign that its length changes."""

    def __missing__(self, code: int) -> str:
        exact = _EXACT[code]
        self[code] = value = exact if len(exact) == 1 else _LENGTH_CHANGES
        return value


_EXACT = _Table()
_SINGLE = _OneToOne()
_HANDLER = "tocsin.fold"
_NON_ASCII = re.compile(r"[^\x00-\x7f]+")


def _fold_unencodable(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    return error.object[error.start : error.end].translate(_SINGLE), error.end


codecs.register_error(_HANDLER, _fold_unencodable)


class Folded:
    """A folded text: `data` is ASCII lower-case letters, digits and spaces, with one space in front and behind."""

    __slots__ = ("_at", "_length", "_origin", "data")

    def __init__(self, data: bytes, length: int, at: list[int] | None = None, origin: list[int] | None = None) -> None:
        self.data = data
        self._length = length
        # Where lengths changed: from byte at[i] on (without the padding), code points count up from origin[i].
        self._at = at
        self._origin = origin

    def span(self, start: int, end: int) -> Span:
        """Code points of the original under the bytes [start, end) of `data`.

        Bytes inside a character that became several widen the span to the whole character; accents behind the last
        byte belong to it.
        """
        if self._at is None:  # a byte a code point, as nearly always
            first = min(max(start - 1, 0), self._length)
            return Span(first, max(first, min(end - 1, self._length)))
        first = self._position(start - 1, is_end=False)
        return Span(first, max(first, self._position(end - 1, is_end=True)))

    def _position(self, byte: int, *, is_end: bool) -> int:
        assert self._at is not None and self._origin is not None
        if byte <= 0:
            return 0
        i = bisect_right(self._at, byte) - 1
        ahead = byte - self._at[i]
        position = self._origin[i] + ahead
        if ahead and i + 1 < len(self._at) and position >= self._origin[i + 1]:
            position = self._origin[i + 1] - (0 if is_end else 1)
        return min(position, self._length)

    def __repr__(self) -> str:
        return f"Folded({self.data!r})"


def fold(text: str) -> Folded:
    """Fold a text for matching.

    >>> fold("Straße, İzmir").data
    b' strasse  izmir '
    >>> fold("Straße, İzmir").span(10, 15).of("Straße, İzmir")
    'İzmir'
    """
    ascii_text = text
    if not text.isascii():
        for mark, plain in _MARKS:
            ascii_text = ascii_text.replace(mark, plain)
    raw = ascii_text.encode("ascii", _HANDLER)
    if b"\x01" in raw:
        return _fold_exactly(text)
    return Folded(b" " + raw.translate(_BYTES) + b" ", len(text))


def _fold_exactly(text: str) -> Folded:
    """The slow pass, for texts in which a character folds to none or to several."""
    at, origin = [0], [0]
    pieces: list[str] = []
    size = position = 0
    for run_start, run_end in _runs(text):
        pieces.append(text[position:run_start])
        size += run_start - position
        for index in range(run_start, run_end):
            piece = _EXACT[ord(text[index])]
            pieces.append(piece)
            if len(piece) != 1:
                at += (size, size + len(piece))
                origin += (index, index + 1)
            size += len(piece)
        position = run_end
    pieces.append(text[position:])
    data = "".join(pieces).encode("ascii").translate(_BYTES)
    return Folded(b" " + data + b" ", len(text), at, origin)


def _runs(text: str) -> Iterator[tuple[int, int]]:
    for match in _NON_ASCII.finditer(text):
        yield match.span()


@lru_cache(maxsize=2048)  # names and titles come again and again
def fold_phrase(text: str) -> bytes:
    """A pattern's folding: no space at the ends, single spaces inside; empty where no Latin letter or digit is left.

    >>> fold_phrase("  U.S. President ")
    b'u s president'
    """
    return b" ".join(fold(text).data.split())
