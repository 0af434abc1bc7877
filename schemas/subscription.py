"""What readers ask for: subscriptions with their filters, silences, and which alerts mute which others."""

import importlib
from collections.abc import Callable
from datetime import UTC, datetime, time
from enum import StrEnum
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from schemas import identity
from schemas.alert import AlertType, Family, Novelty
from schemas.detection import Channel, StatementKind
from schemas.event import Event, Severity, Struct

LABELS = frozenset(
    "type family story source speaker on_behalf_of post jurisdiction ladder channel level severity language status "
    "entry person novelty kind subscription owner target".split()
)
"""Labels that routing knows of itself. A silence may also name a label of the subscription's own."""

GROUP_LABELS = frozenset(
    "type family story source speaker on_behalf_of post jurisdiction ladder channel level severity language".split()
)
"""Labels that messages may be grouped by."""


class HearsayRole(StrEnum):
    """In which role a person stands in hearsay ("Roe said that Doe told her"): Doe is speaker, Roe is via."""

    SPEAKER = "speaker"
    VIA = "via"


class Filter(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which alerts are wanted: every given condition must hold, and one value of it is enough.

    An empty condition asks nothing. A condition on something that an alert does not have fails: `levels` keeps out
    every statement.

    severity        at least this
    officials       person ids
    posts           post ids, or words of the post ("harbour minister")
    speakers        names or person ids; a spokesperson's principal counts as speaker
    keywords_*      words or phrases of headline, statement and evidence; letter case and accents do not matter
    sources         of any evidence
    levels          of a ladder, 0 to 5, that an escalation reached
    has_unresolved  statements whose speaker could not be named: in, out, or (None) out exactly where the filter names
                    speakers or officials. In beside named speakers means "these, or nobody knows who"
    hearsay         roles in which a person that the filter names may stand in hearsay
    """

    families: tuple[Family, ...] = ()
    types: tuple[AlertType, ...] = ()
    severity: Severity = Severity.NOTE
    officials: tuple[str, ...] = ()
    posts: tuple[str, ...] = ()
    speakers: tuple[str, ...] = ()
    on_behalf_of: tuple[str, ...] = ()
    keywords_any: tuple[str, ...] = ()
    keywords_all: tuple[str, ...] = ()
    keywords_none: tuple[str, ...] = ()
    stories: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    novelty: tuple[Novelty, ...] = ()
    statement_kinds: tuple[StatementKind, ...] = ()
    ladders: tuple[str, ...] = ()
    channels: tuple[Channel, ...] = ()
    levels: tuple[int, ...] = ()
    has_unresolved: bool | None = None
    hearsay: tuple[HearsayRole, ...] = (HearsayRole.SPEAKER, HearsayRole.VIA)


class Budget(Struct, frozen=True, kw_only=True):
    """At most `limit` messages within any `per_s` seconds, digests included; what is over waits for one digest.

    below  messages of this severity and above are neither counted nor held
    """

    limit: int = 6
    per_s: int = 3600
    below: Severity = Severity.BULLETIN


class QuietHours(Struct, frozen=True, kw_only=True):
    """From `start` to `end` by the wall clock of `timezone`, every day; messages wait for one digest at the end.

    start, end  "HH:MM"; an end before the start is on the next day
    breaking    messages of this severity and above go out at once
    """

    start: str
    end: str
    timezone: str
    breaking: Severity = Severity.BULLETIN


class CorrectionStyle(StrEnum):
    """How a channel that can edit tells a correction. That it is told is not a matter of choice."""

    EDIT_AND_REPLY = "edit_and_reply"
    REPLY = "reply"


class Subscription(Event, frozen=True, kw_only=True):
    """Who wants which alerts, where, and how much noise is bearable.

    id       `identity.subscription_id(owner, name)`; see `subscription`
    version  rises by 1 with every edit
    channel    kind of delivery ("slack", "webhook")
    target     id of the endpoint; never a secret
    labels     free; silences may match them
    max_age_s  what could not be delivered for so many seconds is dropped, because stale news is noise; a correction of
               what may have arrived is not. None for the general limit of 96 hours
    """

    id: str
    owner: str
    name: str
    channel: str
    target: str
    version: int = 1
    filter: Filter = Filter()
    group_by: tuple[str, ...] = ("story", "family")
    group_wait_s: int = 20
    group_interval_s: int = 120
    budget: Budget | None = None
    quiet_hours: QuietHours | None = None
    correction: CorrectionStyle = CorrectionStyle.EDIT_AND_REPLY
    expires_at: datetime | None = None
    is_paused: bool = False
    labels: dict[str, str] = {}
    max_age_s: int | None = None


class Operator(StrEnum):
    """How a matcher compares. A missing label is the empty text; of several values one is enough, none for the noes.

    =~ and !~ take a whole-value RE2 expression; =* and !* a pattern in which * is any text and ? one character; <= and
    >= compare whole numbers (level, severity number) and fail on anything else.
    """

    EQUAL = "="
    NOT_EQUAL = "!="
    REGEX = "=~"
    NOT_REGEX = "!~"
    GLOB = "=*"
    NOT_GLOB = "!*"
    AT_MOST = "<="
    AT_LEAST = ">="


class Matcher(Struct, frozen=True, kw_only=False):
    """One comparison of one label: Matcher("story", "=", "story-1")."""

    label: str
    operator: Operator
    value: str


class MessageState(StrEnum):
    """What a silence can stop. correction: a cancel or a material update."""

    ALERT = "alert"
    UPDATE = "update"
    CORRECTION = "correction"


class Silence(Event, frozen=True, kw_only=True):
    """No messages that all matchers match, from starts_at until before ends_at.

    states  a correction goes through unless it is named here; a correction that is stopped waits for the end
    """

    id: str
    matchers: tuple[Matcher, ...]
    author: str
    reason: str
    starts_at: datetime
    ends_at: datetime
    states: tuple[MessageState, ...] = (MessageState.ALERT, MessageState.UPDATE)


class InhibitionRule(Event, frozen=True, kw_only=True):
    """While an alert that `source` matches is recent, alerts that `target` matches are not sent.

    Only to subscriptions that want the source too: nobody loses the lesser news without being told the greater.

    equal  labels that must share a value
    for_s  seconds since the source was told
    """

    id: str
    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...]
    for_s: int


DEFAULT_INHIBITIONS = (
    InhibitionRule(
        id="escalation-mutes-lower-levels",
        source=(Matcher("type", Operator.EQUAL, "keyword.escalated"), Matcher("level", Operator.AT_LEAST, "4")),
        target=(Matcher("type", Operator.EQUAL, "keyword.escalated"), Matcher("level", Operator.AT_MOST, "3")),
        equal=("story", "channel"),
        for_s=600,
    ),
    InhibitionRule(
        id="statement-mutes-first-mention",
        source=(Matcher("type", Operator.EQUAL, "statement.new"),),
        target=(Matcher("type", Operator.EQUAL, "official.first_mention"),),
        equal=("entry", "person"),
        for_s=600,
    ),
)


def subscription(*, owner: str, name: str, channel: str, target: str, **settings: Any) -> Subscription:
    """A subscription with the id that follows from its owner and name."""
    return Subscription(
        id=identity.subscription_id(owner, name), owner=owner, name=name, channel=channel, target=target, **settings
    )


def silence(
    *, matchers: tuple[Matcher, ...], author: str, reason: str, starts_at: datetime, ends_at: datetime, **settings: Any
) -> Silence:
    """A silence with the id that follows from what it says. Times must be aware."""
    encoded = msgspec.json.encode(matchers, order="deterministic")
    key = identity.silence_id(
        author, reason, starts_at.astimezone(UTC).isoformat(), ends_at.astimezone(UTC).isoformat(), encoded
    )
    return Silence(
        id=key, matchers=matchers, author=author, reason=reason, starts_at=starts_at, ends_at=ends_at, **settings
    )


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo | None:
    """The time zone of this name in the IANA database, or None."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None  # unknown; a path outside the database; a folder of it


def clock(text: str) -> time:
    """ "HH:MM" as a time of day. Raises ValueError."""
    return time(int(text[:2]), int(text[3:5]))


@lru_cache(maxsize=1)
def _re2() -> Any:
    try:
        return importlib.import_module("re2")
    except ImportError:
        return None


@lru_cache(maxsize=4096)
def regex(pattern: str) -> Callable[[str], bool] | str:
    """Whether a whole text matches, in time linear in it; or, as text, what was expected instead of this pattern.

    Only google-re2 runs what users write: the standard library's engine can be made to hang.
    """
    engine = _re2()
    if engine is None:
        return "=, != or =* (regular expressions need google-re2, which is not installed)"
    options = engine.Options()
    options.log_errors = False
    try:
        compiled = engine.compile(pattern, options)
    except engine.error as error:
        return f"an RE2 expression ({error})"
    return lambda text: compiled.fullmatch(text) is not None
