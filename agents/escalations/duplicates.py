"""Near-duplicate sentences of a story: the smallest hashes of word pairs, and who shares most of them."""

import struct
from collections.abc import Iterator
from itertools import pairwise

import xxhash

from agents.text.normal import content_tokens

SKETCH = 6
"""Hashes kept of a sentence; sharing `SHARED` of them makes a near-duplicate."""
SHARED = 4
KEPT = 256
"""Sentences remembered a story, oldest forgotten first."""


def sketch(sentence: str) -> tuple[int, ...]:
    """The smallest hashes of the sentence's pairs of content words; of the words where it has a single one."""
    tokens = content_tokens(sentence)
    pairs = [f"{left} {right}" for left, right in pairwise(tokens)] or list(tokens)
    hashes = sorted({xxhash.xxh32_intdigest(pair.encode("utf-8", "surrogatepass")) for pair in pairs})
    return tuple(hashes[:SKETCH])


_ROW = struct.Struct(f">{SKETCH}I")
_VALUE = struct.Struct(">I")


_FEW = 6
"""Look-ups in the packed rows; for more of them in a row, as in a replay, an index pays."""


class Seen:
    """Sentences of a story, for look-ups in a row.

    packed  one row a sentence, oldest first: its hashes, rising, the last one repeated up to the row's end. Packed,
            because a story remembers hundreds while most entries bring one or none.
    """

    def __init__(self, packed: bytes) -> None:
        self._packed = bytearray(packed)
        self._index: dict[int, list[int]] | None = None
        self._adds = 0

    def add(self, hashes: tuple[int, ...]) -> bool:
        """Remember a sentence. False if it is a near-duplicate of one that is known."""
        if not hashes:
            return True
        self._adds += 1
        if self._adds == _FEW:
            self._index = _indexed(self._packed)
        needed = min(SHARED, len(hashes))
        # Who shares `needed` of them shares one of the first few.
        some = hashes[: len(hashes) - needed + 1]
        at = self._found(some) if self._index is None else self._indexed(self._index, some)
        if any(self._is_repeated(one, hashes, needed) for one in at):
            return False
        if self._index is not None:
            for value in hashes:
                self._index.setdefault(value, []).append(len(self._packed))
        self._packed += _ROW.pack(*hashes, *hashes[-1:] * (SKETCH - len(hashes)))
        return True

    @property
    def _oldest(self) -> int:
        return max(0, len(self._packed) - KEPT * _ROW.size)

    def _found(self, hashes: tuple[int, ...]) -> Iterator[int]:
        """Where the rows start that hold one of these, among those that are kept."""
        for value in hashes:
            wanted = _VALUE.pack(value)
            at = self._packed.find(wanted, self._oldest)
            while at >= 0:
                if at % _VALUE.size == 0:
                    yield at - at % _ROW.size
                at = self._packed.find(wanted, at + 1)

    def _indexed(self, index: dict[int, list[int]], hashes: tuple[int, ...]) -> Iterator[int]:
        """The same by the index."""
        oldest = self._oldest
        for value in hashes:
            if value in index:
                yield from (at for at in index[value] if at >= oldest)

    def _is_repeated(self, at: int, hashes: tuple[int, ...], needed: int) -> bool:
        known = set(_ROW.unpack_from(self._packed, at))
        return len(known) <= len(hashes) + 2 and len(known.intersection(hashes)) >= needed

    def known(self) -> bytes:
        """What to keep."""
        return bytes(self._packed[-KEPT * _ROW.size :])


def _indexed(packed: bytearray) -> dict[int, list[int]]:
    index: dict[int, list[int]] = {}
    for at in range(0, len(packed), _ROW.size):
        for value in set(_ROW.unpack_from(packed, at)):
            index.setdefault(value, []).append(at)
    return index
