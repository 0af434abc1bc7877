"""Near-duplicate sentences of a story: the smallest hashes of word pairs, and who shares most of them."""

from collections import defaultdict
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


class Seen:
    """Sentences of a story, for many look-ups in a row."""

    def __init__(self, known: tuple[tuple[int, ...], ...]) -> None:
        self._known = list(known)
        self._index: dict[int, list[int]] | None = None

    @property
    def _holders(self) -> dict[int, list[int]]:
        """Which sentences hold a hash; built at the first look-up, because most entries have nothing to look up."""
        if self._index is None:
            self._index = defaultdict(list)
            for at, hashes in enumerate(self._known):
                for value in hashes:
                    self._index[value].append(at)
        return self._index

    def add(self, hashes: tuple[int, ...]) -> bool:
        """Remember a sentence. False if it is a near-duplicate of one that is known."""
        if not hashes:
            return True
        shared: dict[int, int] = defaultdict(int)
        for value in hashes:
            for at in self._holders.get(value, ()):
                shared[at] += 1
        needed = min(SHARED, len(hashes))
        oldest = len(self._known) - KEPT
        if any(
            count >= needed and at >= oldest and len(self._known[at]) <= len(hashes) + 2 for at, count in shared.items()
        ):
            return False
        for value in hashes:
            self._holders[value].append(len(self._known))
        self._known.append(hashes)
        return True

    def known(self) -> tuple[tuple[int, ...], ...]:
        """What to keep."""
        return tuple(self._known[-KEPT:])
