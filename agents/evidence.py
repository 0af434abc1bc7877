"""Evidence and other parts that every alert is built from."""

from bisect import bisect_right

from schemas.article import EntryRevision, Segment
from schemas.detection import Evidence
from schemas.event import Span

CONTEXT = 32
"""Code points of prefix and suffix around the exact words."""


def section_of(segments: tuple[Segment, ...], span: Span) -> str:
    """Kind of the segment in which the span starts; "body" outside all segments."""
    place = bisect_right(segments, span.start, key=lambda segment: segment.span.start) - 1
    if place >= 0 and span.start < segments[place].span.end:
        return segments[place].kind.value
    return "body"


def evidence(entry: EntryRevision, span: Span, *, text: str | None = None) -> Evidence:
    """The words under `span` of this revision's text, with where they stand.

    text  the text that the span indexes when it is not `entry.text` (a withdrawn revision keeps its last text there).
    """
    source_text = entry.text if text is None else text
    return Evidence(
        source=entry.source,
        item=entry.item,
        entry=entry.entry_id,
        revision=entry.revision,
        text_sha256=entry.text_sha256,
        section=section_of(entry.segments, span),
        exact=span.of(source_text),
        prefix=source_text[max(0, span.start - CONTEXT) : span.start],
        suffix=source_text[span.end : span.end + CONTEXT],
        start=span.start,
        end=span.end,
        published_at=entry.published_at,
        observed_at=entry.observed_at,
        origin=entry.origin,
        url=entry.url,
    )


def clip(text: str, limit: int = 160) -> str:
    """One line of at most `limit` code points, cut at a word, with an ellipsis where something is missing.

    >>> clip("one  two three", 9)
    'one two…'
    """
    line = " ".join(text.split())
    if len(line) <= limit:
        return line
    head = line[: limit - 1]
    cut = head.rfind(" ")
    return (head[:cut] if cut > limit // 2 else head).rstrip(" ,;:–—-") + "…"
