"""Fingerprints of statements, and the blocks of postings that find statements sharing word pairs."""

import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise

import xxhash

from agents.text.normal import STOP_WORDS

KEPT = 48
"""Most hashes of one statement. Statements of the usual length keep all their word pairs, so that a fragment finds the
quotation it was cut from; of longer ones the smallest hashes stay, which edited copies share."""

ASKED = 16
"""Most hashes of a statement that are looked up; the smallest, which a copy is sure to have kept too."""

ROWS = 128
"""Statements in a block."""

_ROW_BITS = 7
_HASH_BITS = 25  # a posting, hash and row, is one unsigned 32-bit number
_ROW_MASK = ROWS - 1


def fingerprint(plain: str) -> tuple[int, ...]:
    """The smallest hashes over pairs of neighbouring words of a normalised text, ascending, at most KEPT.

    Pairs of two function words tell nothing and are left out where others exist. A single word stands for itself.
    """
    words = plain.split()
    pairs = [f"{left} {right}" for left, right in pairwise(words) if left not in STOP_WORDS or right not in STOP_WORDS]
    hashes = {_hash(pair) for pair in pairs or [plain]}
    return tuple(sorted(hashes)[:KEPT])


def _hash(text: str) -> int:
    digest: int = xxhash.xxh3_64_intdigest(text.encode("utf-8", "surrogatepass"))
    return digest >> (64 - _HASH_BITS)


def with_row(postings: bytes, row: int, hashes: Iterable[int]) -> bytes:
    """Postings of a block with one more row. Sorted little-endian numbers, four bytes each."""
    numbers = _numbers(postings)
    merged = array("I", sorted([*numbers, *((value << _ROW_BITS) | row for value in hashes)]))
    if sys.byteorder == "big":
        merged.byteswap()
    return merged.tobytes()


def rows_sharing(postings: bytes, hashes: Sequence[int]) -> list[int]:
    """Rows that share one of the first ASKED hashes, once per shared hash."""
    numbers = _numbers(postings)
    size = len(numbers)
    found: list[int] = []
    at = 0
    for value in hashes[:ASKED]:  # ascending, as fingerprint() gives them
        at = bisect_left(numbers, value << _ROW_BITS, at)
        while at < size and numbers[at] >> _ROW_BITS == value:
            found.append(numbers[at] & _ROW_MASK)
            at += 1
    return found


@lru_cache(maxsize=128)  # a full block never changes again; never written to
def _numbers(postings: bytes) -> "array[int]":
    numbers = array("I")
    numbers.frombytes(postings)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
