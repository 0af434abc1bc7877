"""Fingerprints of statements, and the blocks of postings that find statements sharing word pairs."""

import sys
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import pairwise

import xxhash

from agents.text.normal import STOP_WORDS
from schemas.event import Struct

KEPT = 48
"""Most hashes of one statement. Statements of the usual length keep all their word pairs, so that a fragment finds the
quotation it was cut from; of longer ones the smallest hashes stay, which edited copies share."""

ASKED = 16
"""Most hashes of a statement that are looked up; the smallest, which a copy is sure to have kept too."""

WORK = 512
"""Postings that are read for one look-up, but for those of its rarest word pair."""

_digest: Callable[[bytes], int] = xxhash.xxh3_64_intdigest

ROWS = 128
"""Statements in a block."""

_ROW_BITS = 7
_HASH_BITS = 17  # a posting, hash and row, takes three bytes; what two word pairs share by chance, the ladder tells
_SERIAL_BITS = 48
_ROW_MASK = ROWS - 1


def fingerprint(plain: str) -> tuple[int, ...]:
    """The smallest hashes over pairs of neighbouring words of a normalised text, ascending, at most KEPT.

    Pairs of two function words tell nothing and are left out where others exist. A single word stands for itself.
    """
    words = plain.split()
    pairs = [f"{left} {right}" for left, right in pairwise(words) if left not in STOP_WORDS or right not in STOP_WORDS]
    raws = [pair.encode("utf-8", "surrogatepass") for pair in pairs or [plain]]
    hashes = {digest >> (64 - _HASH_BITS) for digest in map(_digest, raws)}
    return tuple(sorted(hashes)[:KEPT])


def with_row(postings: bytes, row: int, hashes: Iterable[int]) -> bytes:
    """Postings of a block with one more row. Sorted little-endian numbers, three bytes each."""
    numbers = _numbers(postings)
    pieces: list[bytes] = []
    at = 0
    for number in sorted([(value << _ROW_BITS) | row for value in hashes]):
        place = bisect_right(numbers, number, at)
        pieces += (postings[3 * at : 3 * place], number.to_bytes(3, "little"))
        at = place
    pieces.append(postings[3 * at :])
    return b"".join(pieces)


def likeliest(blocks: Iterable[tuple[int, bytes]], hashes: Sequence[int], most: int) -> list[int]:
    """Rows that share one of the first ASKED hashes, those that share most first, of equals the older; at most `most`.

    Word pairs that few statements have are read first, and common ones only as far as WORK allows: in a story where
    every statement has the same ten words in common, these ten tell nothing.

    blocks  number of the block's first row, and its postings
    hashes  ascending, as fingerprint() gives them
    """
    asked = hashes[:ASKED]
    runs: list[list[tuple[int, array[int]]]] = [[] for _ in asked]
    sizes = [0] * len(asked)
    wanted = [value << _ROW_BITS for value in asked]
    for base, postings in blocks:
        numbers = _numbers(postings)
        size, at = len(numbers), 0
        if not size:
            continue
        for i, value in enumerate(wanted):
            at = bisect_left(numbers, value, at)
            if at == size:
                break
            if numbers[at] < value + ROWS:
                end = bisect_left(numbers, value + ROWS, at)
                runs[i].append((base, numbers[at:end]))
                sizes[i] += end - at
                at = end
    shared: dict[int, int] = {}
    read = 0
    for i in sorted((i for i, size in enumerate(sizes) if size), key=sizes.__getitem__):
        read += sizes[i]
        if shared and read > WORK:
            break
        for base, run in runs[i]:
            for number in run:
                row = base + (number & _ROW_MASK)
                shared[row] = shared.get(row, 0) + 1
    ranked = sorted([row - (count << _SERIAL_BITS) for row, count in shared.items()])
    return [rank & ((1 << _SERIAL_BITS) - 1) for rank in ranked[:most]]


class Block(Struct, frozen=True, kw_only=True, array_like=True):
    """ROWS rows of the index, packed: a hundred bytes hold a statement of usual length.

    keys   a line a row: digest of the statement, if one is found there, then the entries that go with it, behind tabs
    times  event time in seconds since 1970, four bytes a row
    """

    keys: str = ""
    times: bytes = b""
    postings: bytes = b""

    def statement(self, row: int) -> str | None:
        """Id of the statement that a row finds; None if it only holds an entry."""
        digest = _rows(self.keys)[row].partition("\t")[0]
        return f"st_{digest}" if digest else None

    def statements(self) -> list[int]:
        """Rows that find a statement."""
        return [row for row, key in enumerate(_rows(self.keys)) if key and key[0] != "\t"]

    def entries(self, row: int) -> list[str]:
        """Ids of the entries that go with a row."""
        return _rows(self.keys)[row].split("\t")[1:]

    def with_key(self, key: str, at: int, hashes: Iterable[int]) -> "Block":
        """The block with one more row."""
        return Block(
            keys=f"{self.keys}\n{key}" if self.times else key,
            times=self.times + min(max(at, 0), 2**32 - 1).to_bytes(4, "little"),
            postings=with_row(self.postings, len(self.times) // 4, hashes),
        )

    def with_entry(self, row: int, entry_id: str) -> "Block":
        """The block with one more entry at a row."""
        if row == len(self.times) // 4 - 1:
            return Block(keys=f"{self.keys}\t{entry_id}", times=self.times, postings=self.postings)
        rows = [f"{key}\t{entry_id}" if i == row else key for i, key in enumerate(_rows(self.keys))]
        return Block(keys="\n".join(rows), times=self.times, postings=self.postings)

    def time(self, row: int) -> int:
        """Event time of a row."""
        return int.from_bytes(self.times[4 * row : 4 * row + 4], "little")


@lru_cache(maxsize=64)
def _rows(keys: str) -> tuple[str, ...]:
    return tuple(keys.split("\n"))


@lru_cache(maxsize=128)  # a full block never changes again; never written to
def _numbers(postings: bytes) -> "array[int]":
    wide = bytearray(len(postings) // 3 * 4)
    for i in range(3):
        wide[i::4] = postings[i::3]
    numbers = array("I", bytes(wide))
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
