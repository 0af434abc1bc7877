"""What changed between two revisions of an entry, in whole sentences; text that only moved has not changed."""

from collections import Counter
from typing import NamedTuple

import xxhash

from agents.text.normal import normal
from agents.text.sentences import sentences
from schemas.event import Span

_JOINED = 4
"""A sentence that was split, or several that were joined, are recognised up to this many parts."""


class Changes(NamedTuple):
    """Whole sentences without a counterpart: `added` in the new text, `removed` in the old one."""

    added: tuple[Span, ...]
    removed: tuple[Span, ...]


def text_sentences(text: str) -> list[Span]:
    """Sentences of a revision's text; none runs over the end of a paragraph."""
    if "\n" not in text:
        return sentences(text)
    spans: list[Span] = []
    start = 0
    while start <= len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        spans += sentences(text, start, end)
        start = end + 1
    return spans


def sentence_key(text: str) -> str:
    """Equal for sentences that say the same in the same words."""
    return normal(text).replace(" ", "")


def changes(old: str, new: str) -> Changes:
    """Sentences of `new` that `old` lacks, and the reverse. Each counts as often as it stands there."""
    old_spans, new_spans = text_sentences(old), text_sentences(new)
    old_keys = [sentence_key(span.of(old)) for span in old_spans]
    new_keys = [sentence_key(span.of(new)) for span in new_spans]
    shared = Counter(old_keys) & Counter(new_keys)
    old_left = _unmatched(old_keys, shared.copy())
    new_left = _unmatched(new_keys, shared)
    _match_joined(old_keys, old_left, new_keys, new_left)
    _match_joined(new_keys, new_left, old_keys, old_left)
    return Changes(
        tuple(new_spans[index] for index in sorted(new_left)), tuple(old_spans[index] for index in sorted(old_left))
    )


def _unmatched(keys: list[str], shared: Counter[str]) -> set[int]:
    left = set()
    for index, key in enumerate(keys):
        if shared[key] > 0:
            shared[key] -= 1
        elif key:
            left.add(index)
    return left


def _match_joined(whole_keys: list[str], whole_left: set[int], part_keys: list[str], part_left: set[int]) -> None:
    """Take out sentences of one side that neighbouring ones of the other side make up together."""
    wholes = {whole_keys[index]: index for index in sorted(whole_left)}
    for index in sorted(part_left):
        joined, parts = "", []
        for at in range(index, min(index + _JOINED, len(part_keys))):
            if at not in part_left:
                break
            joined += part_keys[at]
            parts.append(at)
            whole = wholes.get(joined)
            if len(parts) > 1 and whole is not None and whole in whole_left:
                whole_left.discard(whole)
                part_left.difference_update(parts)
                break


def sentence_digests(text: str) -> list[tuple[int, int]]:
    """Digest and length of each sentence of at least five words: what a recap repeats."""
    found = []
    for span in text_sentences(text):
        words = normal(span.of(text)).split()
        if len(words) >= 5:
            key = "".join(words)
            found.append((xxhash.xxh3_64_intdigest(key.encode("utf-8", "surrogatepass")), len(key)))
    return found
