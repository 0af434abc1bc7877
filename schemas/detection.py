"""What detectors find in a text: statements, keyword hits, officials, role claims. Every finding has spans."""

from datetime import datetime
from enum import StrEnum

from schemas.event import Event, Permille, Span, Struct


class StatementKind(StrEnum):
    """How the words are given."""

    DIRECT = "direct"  # verbatim, in quotation marks or a block
    MIXED = "mixed"  # a clause with a quoted fragment
    INDIRECT = "indirect"  # paraphrase
    SOCIAL_POST = "social_post"
    DOCUMENT = "document"  # letter, decree, filing
    NO_COMMENT = "no_comment"
    BELIEF = "belief"  # said to think, hope, intend: kept, never alerted by default


class SpeakerType(StrEnum):
    """What kind of source speaks."""

    PERSON = "person"
    POST = "post"
    ORGANISATION = "organisation"
    UNNAMED = "unnamed"


class Attribution(StrEnum):
    """How the speaker was found."""

    EXPLICIT = "explicit"
    INFERRED = "inferred"
    UNRESOLVED = "unresolved"


class Via(Struct, frozen=True, kw_only=True):
    """Through whom the words came. type: "media" (state TV, an agency) or "person" (hearsay)."""

    name: str
    type: str
    span: Span | None = None


class Speaker(Struct, frozen=True, kw_only=True):
    """Who spoke.

    surface  the words of the text, verbatim ("He", "the island's governor", "an unnamed diplomat")
    name     resolved name within the entry, without title ("Jane Roe"); for unnamed sources the descriptor
             verbatim; equals `surface` where nothing better is known
    role     title or description beside the name in this entry ("the harbour minister"), verbatim, or None
    span     where `surface` stands; None where the speaker is inherited without any words of its own
    """

    type: SpeakerType
    name: str
    surface: str
    span: Span | None = None
    role: str | None = None
    handle: str | None = None
    person_id: str | None = None
    is_metonym: bool = False


class Statement(Struct, frozen=True, kw_only=True):
    """One attribution: the text presents `speaker` as having said, written or posted the content.

    text           the content, pieces joined by one space, without the outer quotation marks and an opening "that"
    content        envelope of `content_spans`; marks at the ends are left outside
    content_spans  the true pieces, in order
    joint          further speakers of a joint statement
    on_behalf_of   whom a spokesperson speaks for
    is_hearsay     someone says that the speaker said it; the outer chain is in `via`
    """

    kind: StatementKind
    text: str
    content: Span
    content_spans: tuple[Span, ...]
    speaker: Speaker | None = None
    cue: Span | None = None
    attribution: Attribution = Attribution.UNRESOLVED
    joint: tuple[Speaker, ...] = ()
    via: tuple[Via, ...] = ()
    on_behalf_of: str | None = None
    is_hearsay: bool = False
    said_at: datetime | None = None
    said_at_precision: str = "none"
    is_archival: bool = False
    is_reiterated: bool = False
    confidence: Permille = 1000
    reasons: tuple[str, ...] = ()


class Assertion(StrEnum):
    """How a text presents what a keyword names."""

    ASSERTED = "asserted"
    QUOTED = "quoted"  # inside a quotation: rhetoric
    HYPOTHETICAL = "hypothetical"  # conditional, possible, future
    QUESTION = "question"
    NEGATED = "negated"
    DENIED = "denied"


class Channel(StrEnum):
    """Talk and deed are scored apart."""

    RHETORIC = "rhetoric"
    ACTION = "action"


class KeywordHit(Struct, frozen=True, kw_only=True):
    """One lexicon term at one place.

    term     the words of the text, verbatim
    concept  id that joins inflections and spellings ("airstrike")
    level    0..5, see schemas.event.Severity
    weight   per mille before the factors of assertion, section and novelty; negative for de-escalators
    """

    span: Span
    term: str
    concept: str
    level: int
    channel: Channel
    assertion: Assertion
    weight: int
    is_background: bool = False  # history, anniversary, obituary: counts nothing


class MatchStatus(StrEnum):
    """Outcome of name matching. Only `matched` may alert."""

    MATCHED = "matched"
    AMBIGUOUS = "ambiguous"
    NONE = "none"


class TenureStatus(StrEnum):
    """How a person holds a post at the time the text speaks of."""

    CURRENT = "current"
    ACTING = "acting"
    INTERIM = "interim"
    DESIGNATE = "designate"
    FORMER = "former"
    DECEASED = "deceased"
    UNKNOWN = "unknown"


class OfficialMention(Struct, frozen=True, kw_only=True):
    """A person named in the text who holds, held or is designated to a post.

    name        canonical name for a registry match; the surface name where only a title beside it tells
    person_id   registry id, or "p_" + hash for a person known by title and name alone
    post        the post in the words of the text when it gives one, else the registry's
    basis       "text" or "registry": where post and status come from
    candidates  person ids left over when the match is ambiguous
    """

    span: Span
    surface: str
    name: str
    status: TenureStatus
    match: MatchStatus
    person_id: str | None = None
    post: str | None = None
    basis: str = "text"
    jurisdiction: str | None = None
    title_span: Span | None = None
    candidates: tuple[str, ...] = ()
    is_listed: bool = False
    reasons: tuple[str, ...] = ()


class RoleEvent(StrEnum):
    """What happened to a post."""

    APPOINTED = "appointed"
    SWORN_IN = "sworn_in"
    PROMOTED = "promoted"
    NOMINATED = "nominated"
    RESIGNED = "resigned"
    DISMISSED = "dismissed"
    SUSPENDED = "suspended"
    DIED = "died"
    KILLED = "killed"
    SUCCEEDED = "succeeded"


class Person(Struct, frozen=True, kw_only=True):
    """A person as far as a text and the registry tell."""

    name: str
    surface: str
    person_id: str | None = None
    span: Span | None = None


class RoleChange(Struct, frozen=True, kw_only=True):
    """A role change that one text asserts. At least one of incoming and outgoing is given.

    post  as the text says it ("Quds Forces commander"), `post_id` where the registry knows it
    """

    event: RoleEvent
    cue: Span
    sentence: Span
    incoming: Person | None = None
    outgoing: Person | None = None
    post: str | None = None
    post_id: str | None = None
    status: TenureStatus = TenureStatus.CURRENT
    cause: str | None = None


class Evidence(Struct, frozen=True, kw_only=True):
    """Where the words stand: enough to find and check them again (W3C Web Annotation selectors).

    exact   equals the slice [start, end) of the revision's text whose SHA-256 is given
    prefix, suffix  up to 32 code points around it
    """

    source: str
    item: str
    entry: str
    revision: int
    text_sha256: str
    section: str
    exact: str
    prefix: str
    suffix: str
    start: int
    end: int
    published_at: datetime
    observed_at: datetime
    origin: str | None = None
    url: str | None = None


class RoleClaim(Event, frozen=True, kw_only=True):
    """A role change as one entry revision tells it. Topic `role-claims`, key = `subject` (person or post).

    is_withdrawn  the entry or the sentence that told it is gone
    is_undated    the publisher gave no time: what the registry says of "then" proves nothing
    """

    claim_id: str
    subject: str
    entry_id: str
    revision: int
    story: str
    story_title: str | None
    source: str
    change: RoleChange
    evidence: tuple[Evidence, ...]
    published_at: datetime
    observed_at: datetime
    origin: str | None = None
    is_withdrawn: bool = False
    is_baseline: bool = False
    is_undated: bool = False
