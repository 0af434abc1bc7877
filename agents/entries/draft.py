"""What a page is cut into before anything is known about its past: paragraphs and drafts of entries."""

from collections import Counter
from datetime import datetime
from typing import NamedTuple

from schemas.article import IdentityRung, Segment, SegmentKind
from schemas.event import Span


class Paragraph(NamedTuple):
    """One paragraph: a single line, blanks collapsed, without blanks at its ends."""

    text: str
    kind: SegmentKind = SegmentKind.BODY


class Draft(NamedTuple):
    """An entry as one update shows it.

    role  "head" for headline and standfirst of a page, "article" for the one entry of an article, else "post";
          head and article are named by their item, not by their words
    has_title  the first paragraph is a title that the source keeps apart from the text
    """

    paragraphs: tuple[Paragraph, ...]
    role: str = "post"
    id: str | None = None
    url: str | None = None
    author: str | None = None
    published_at: datetime | None = None
    modified_at: datetime | None = None
    is_summary: bool = False
    is_deleted: bool = False
    correction: str | None = None
    has_title: bool = False

    @property
    def text(self) -> str:
        """Paragraphs separated by one newline each: the text of the revision."""
        return "\n".join(paragraph.text for paragraph in self.paragraphs)

    @property
    def body(self) -> str:
        """The text whose change makes a revision: a title set above a post afterwards tells nothing new."""
        is_apart = self.role == "post" and self.has_title and len(self.paragraphs) > 1
        return "\n".join(paragraph.text for paragraph in self.paragraphs[1:]) if is_apart else self.text

    @property
    def is_bare(self) -> bool:
        """Whether there is nothing, or a title without any text below it."""
        return not self.paragraphs or (self.has_title and len(self.paragraphs) == 1)

    def segments(self) -> tuple[Segment, ...]:
        """One segment a paragraph, in code points of `text`."""
        segments, at = [], 0
        for paragraph in self.paragraphs:
            end = at + len(paragraph.text)
            segments.append(Segment(kind=paragraph.kind, span=Span(at, end)))
            at = end + 1
        return tuple(segments)


class Cut(NamedTuple):
    """Everything that one update shows, oldest first where the page says so, and what was left out of it."""

    drafts: tuple[Draft, ...]
    excluded: Counter[str]
    title: str | None = None


class Identified(NamedTuple):
    """A draft with the rung of the identity ladder that names it."""

    draft: Draft
    rung: IdentityRung
    identity: str
