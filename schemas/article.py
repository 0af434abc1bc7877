"""Raw article updates as a source gave them, and the entry revisions that the entries agent cuts from them."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import msgspec

from schemas.event import Count, Event, Span, Struct

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=2048)]


class Format(StrEnum):
    """What `ArticleUpdate.body` holds."""

    TEXT = "text"  # plain text of a page, one paragraph a line or blank-line separated, possibly hard-wrapped
    HTML = "html"  # a page
    POSTS = "posts"  # nothing in body; `posts` holds what the source cut itself
    ARTICLE = "article"  # body is the plain text of one single article


class Policy(StrEnum):
    """How the first sight of an item is treated."""

    LIVE = "live"  # the first complete fetch is a baseline; entries older than 15 minutes are withheld
    BACKLOG = "backlog"  # entries are processed oldest first as if they had just arrived


class Post(Struct, frozen=True, kw_only=True):
    """One post of a live blog as the source cut it. `id` and times are the publisher's, when it gives them."""

    text: str
    id: str | None = None
    title: str | None = None
    url: str | None = None
    author: str | None = None
    published_at: datetime | None = None
    modified_at: datetime | None = None
    is_html: bool = False
    is_summary: bool = False
    is_deleted: bool = False
    correction: str | None = None  # the publisher's own correction note


class ArticleUpdate(Event, frozen=True, kw_only=True):
    """A fetch of one item (live blog, article, wire item) or a part of it. Topic `updates`, key = `item`.

    update_id    see schemas.identity.update_id
    source       outlet, e.g. "example-news"
    item         the source's stable name of the live blog or article: URL, guid, or file name
    is_complete  whether this fetch shows the whole item, so that absence can mean deletion
    observed_at  when the bytes arrived here; aware UTC
    """

    update_id: Name
    source: Name
    item: Name
    format: Format
    observed_at: datetime
    body: str = ""
    posts: tuple[Post, ...] = ()
    title: str | None = None
    url: str | None = None
    story: Name | None = None
    language: str | None = None
    origin: str | None = None  # agency credit
    published_at: datetime | None = None
    modified_at: datetime | None = None
    is_complete: bool = True
    is_withdrawn: bool = False  # the publisher killed the item (wire status canceled, HTTP 410)
    policy: Policy = Policy.BACKLOG


class SegmentKind(StrEnum):
    """What a stretch of an entry is. Boilerplate never reaches an entry; it is counted and dropped before."""

    HEADLINE = "headline"
    STANDFIRST = "standfirst"
    BODY = "body"
    BLOCKQUOTE = "blockquote"
    SOCIAL_EMBED = "social_embed"
    CAPTION = "caption"
    EDITOR_NOTE = "editor_note"
    CORRECTION_NOTE = "correction_note"


class Segment(Struct, frozen=True, kw_only=True):
    """A stretch of an entry's text with one role. Segments are paragraphs, in order, separated by one newline."""

    kind: SegmentKind
    span: Span


class EntryStatus(StrEnum):
    """What happened to the entry with this revision."""

    LIVE = "live"  # first sight or edit
    WITHDRAWN = "withdrawn"  # gone, on the evidence that the deletion rules demand; `text` is the last text
    REINSTATED = "reinstated"  # back after a withdrawal, under the same ids


class IdentityRung(StrEnum):
    """Which rung of the identity ladder named the entry."""

    PUBLISHER_ID = "publisher_id"
    PERMALINK = "permalink"
    TIME_AND_TEXT = "time_and_text"
    CONTENT = "content"


class TimeFlag(StrEnum):
    """What had to be done to get an event time."""

    MISSING = "missing"  # the publisher gave none: observed_at is used
    FUTURE = "future"  # later than observed: observed_at is used


class EntryRevision(Event, frozen=True, kw_only=True):
    """One immutable revision of one entry. Topic `entries`, key = `story`.

    revision       1 for the first; rises by 1 with each change of content
    text           paragraphs separated by one newline each; all spans index this text
    previous_text  the text of the revision before, None at first sight
    added          spans of `text` that have no counterpart in `previous_text`, whole sentences;
                   all of it at first sight. Only these can originate an alert.
    removed        spans of `previous_text` that have no counterpart in `text`
    published_at   event time: the publisher's claim, or observed_at where `time_flag` says why
    observed_at    when the update that brought this revision arrived; never part of an id
    is_baseline    first sight under policy live and older than 15 minutes: fills state, alerts nothing
    is_recap       summary of earlier entries: novelty and evidence 0, but for a quotation with no predecessor
    ordinal        position of the entry within its item, oldest first
    excluded       boilerplate dropped from the update that brought this revision: reason -> segments
    """

    entry_id: Name
    revision: Annotated[int, msgspec.Meta(ge=1, le=2**31)]
    source: Name
    item: Name
    story: Name
    status: EntryStatus
    text: str
    text_sha256: str
    segments: tuple[Segment, ...]
    observed_at: datetime
    published_at: datetime
    previous_text: str | None = None
    added: tuple[Span, ...] = ()
    removed: tuple[Span, ...] = ()
    modified_at: datetime | None = None
    time_flag: TimeFlag | None = None
    identity: IdentityRung = IdentityRung.CONTENT
    story_title: str | None = None
    url: str | None = None
    author: str | None = None
    origin: str | None = None
    language: str | None = None
    correction: str | None = None
    is_baseline: bool = False
    is_recap: bool = False
    ordinal: Count = 0
    excluded: dict[str, Count] = {}

    @property
    def revision_id(self) -> str:
        """Entry and revision number: names this input for re-emission and de-duplication."""
        return f"{self.entry_id}/{self.revision}"
