"""The tag scheme: cue, source and content, the latter two with the direction in which their cue stands."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from agents.statements.tagger.reading import Marked, Piece

KINDS = ("U", "V", "SL", "SR", "CL", "CR")
"""U cue; V cue that shares the source of the cue before it; S source and C content of the cue to its left or right."""
TAGS = ("O", *(edge + kind for kind in KINDS for edge in "BI"))
INDEX = {tag: place for place, tag in enumerate(TAGS)}
_REACH = 450
"""Tokens that may lie between a content and the cue before it."""


class Chunk(NamedTuple):
    """Consecutive tokens [start, stop) of one kind."""

    start: int
    stop: int
    kind: str


def tags_of(found: Iterable[Marked], count: int) -> list[int]:
    """One tag a token; where attributions overlap, cues go before sources and sources before contents."""
    out = [0] * count
    pieces: list[tuple[int, Piece, str]] = []
    marks = list(found)
    cues = sorted(mark.cue[0] for mark in marks if mark.cue is not None)
    for mark in marks:
        at = None if mark.cue is None else mark.cue[0]
        pieces += [(0, piece, "CL" if at is None or piece[0] > at else "CR") for piece in mark.content]
        if mark.source is not None:
            pieces.append((1, mark.source, "SL" if at is not None and mark.source[0] > at else "SR"))
        if mark.cue is not None:
            pieces.append((2, mark.cue, "V" if _is_shared(mark, cues) else "U"))
    for _, (start, stop), kind in sorted(pieces, key=lambda p: p[0]):
        begin, inside = INDEX["B" + kind], INDEX["I" + kind]
        for index in range(start, stop):
            out[index] = inside
        if start < stop:
            out[start] = begin
    for index, tag in enumerate(out):  # what a later piece has cut in two begins anew behind it
        if TAGS[tag][0] == "I" and (index == 0 or TAGS[out[index - 1]][1:] != TAGS[tag][1:]):
            out[index] = tag - 1
    return out


def _is_shared(mark: Marked, cues: Sequence[int]) -> bool:
    """Whether another cue stands between the source and its cue."""
    if mark.cue is None or mark.source is None or mark.source[0] > mark.cue[0]:
        return False
    return bisect_left(cues, mark.source[1]) < bisect_left(cues, mark.cue[0])


def chunks(tags: Sequence[int], offsets: Sequence[int]) -> list[Chunk]:
    """Runs of one kind; none reaches over the end of its paragraph."""
    edges = set(offsets)
    out: list[Chunk] = []
    start, kind = -1, ""
    for index, tag in enumerate(tags):
        name = TAGS[tag]
        if start >= 0 and (name != "I" + kind or index in edges):
            out.append(Chunk(start, index, kind))
            start = -1
        if start < 0 and name != "O":
            start, kind = index, name[1:]
    if start >= 0:
        out.append(Chunk(start, len(tags), kind))
    return out


def link(found: Sequence[Chunk], paragraph: Sequence[int]) -> list[Marked]:
    """Attributions of tagged chunks: each source and content goes to the nearest cue on the side it names.

    paragraph  of each token
    """
    cues = [c for c in found if c.kind in "UV"]
    sources: list[list[Chunk]] = [[] for _ in cues]
    contents: list[list[Chunk]] = [[] for _ in cues]
    loose: list[Chunk] = []
    seen = 0
    for chunk in found:
        if chunk.kind in "UV":
            seen += 1
            continue
        left = seen - 1 if seen else None
        right = seen if seen < len(cues) else None
        if right is not None and paragraph[cues[right].start] != paragraph[chunk.start]:
            right = None
        if chunk.kind[0] == "S":
            owner = right if chunk.kind[1] == "R" else left
            if owner is not None and paragraph[cues[owner].start] == paragraph[chunk.start]:
                sources[owner].append(chunk)
            continue
        owner = (right if right is not None else left) if chunk.kind[1] == "R" else left
        if owner is not None and owner == left and chunk.start - cues[left].stop > _REACH:
            owner = None
        if owner is None:
            loose.append(chunk)
        else:
            contents[owner].append(chunk)
    out = [Marked(None, None, ((c.start, c.stop),)) for c in loose]
    source: Piece | None = None
    last = -1
    for cue, own, said in zip(cues, sources, contents, strict=True):
        if paragraph[cue.start] != last or cue.kind == "U":
            source = None
        last = paragraph[cue.start]
        near = min(own, key=lambda c: min(abs(c.start - cue.stop), abs(cue.start - c.stop)), default=None)
        if near is not None:
            source = (near.start, near.stop)
        if not said:
            continue
        out.append(Marked((cue.start, cue.stop), source, tuple((c.start, c.stop) for c in said)))
    return sorted(out, key=lambda m: m.content)
