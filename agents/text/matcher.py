"""One automaton over all phrases: names, lexicon terms and cues are found in a single pass over a folded text."""

from collections.abc import Iterable
from typing import Generic, NamedTuple, TypeVar

import ahocorasick_rs

from agents.text.folding import Folded, fold
from schemas.event import Span

P = TypeVar("P")


class Match(NamedTuple, Generic[P]):
    """A phrase in a text. `span` is in code points of the original text, without padding."""

    span: Span
    payloads: tuple[P, ...]


class Matcher(Generic[P]):
    """Finds whole-word phrases; letter case, accents and the kind of quotation mark do not matter.

    A phrase does not run across punctuation, except across its own: "Gen. Lee" finds "Gen. Lee" and "Gen Lee".
    Build once and share; it cannot be pickled.

    phrases  phrase and what it stands for. The same phrase may come several times: its payloads are kept in order.
    dropped  number of phrases left out because nothing Latin is in them (they would match everywhere)
    """

    def __init__(self, phrases: Iterable[tuple[str, P]]) -> None:
        self.dropped = 0
        payloads: dict[bytes, list[P]] = {}
        for phrase, payload in phrases:
            spelt = fold(phrase).data.strip()
            if not spelt:
                self.dropped += 1
                continue
            # Punctuation inside a phrase folds to two spaces; texts have it with and without.
            for pattern in {spelt: None, b" ".join(spelt.split()): None}:
                known = payloads.setdefault(b" " + pattern + b" ", [])
                if payload not in known:
                    known.append(payload)
        self._payloads = tuple(tuple(values) for values in payloads.values())
        self._automaton = ahocorasick_rs.BytesAhoCorasick(list(payloads)) if payloads else None

    def __len__(self) -> int:
        """Number of patterns in the automaton, spellings counted apart."""
        return len(self._payloads)

    def find(self, folded: Folded) -> list[Match[P]]:
        """All matches, sorted by start; of those that start at one place only the longest."""
        if self._automaton is None:
            return []
        # Padded neighbours share their space, so without `overlapping` the next name would be lost.
        hits = self._automaton.find_matches_as_indexes(folded.data, overlapping=True)
        longest: dict[int, tuple[int, int]] = {}
        for pattern, start, end in hits:
            known = longest.get(start)
            if known is None or end > known[0]:
                longest[start] = (end, pattern)
        span, payloads = folded.span, self._payloads
        return [Match(span(start + 1, end - 1), payloads[one]) for start, (end, one) in sorted(longest.items())]


def longest_only(matches: Iterable[Match[P]]) -> list[Match[P]]:
    """Without those that lie inside a longer one. `matches` must be sorted by start, as `find` returns them."""
    kept: list[Match[P]] = []
    reach = -1
    for match in matches:
        if match.span.end > reach:
            kept.append(match)
            reach = match.span.end
    return kept
