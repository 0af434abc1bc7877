"""What the escalations agent remembers of a story: evidence by entry, tracks by ladder and channel, what was told.

Keys begin with the story id. All of it is bounded: pages of rows are folded into the base after 14 days or when there
are too many, and their entries' records go with them.
"""

from schemas.alert import AlertData, AlertType
from schemas.detection import Channel, Evidence
from schemas.event import Severity, Span, Struct


class Item(Struct, frozen=True, kw_only=True):
    """What one concept weighs in one sentence, factors applied.

    value      per mille; below 0 for a de-escalator
    is_body    asserted or quoted outside headlines: a headline alone supports no level above 3
    is_strong  an asserted action term of level 4 or 5 in the body, or a wire source: needs no second entry
    """

    ladder: str
    channel: Channel
    concept: str
    version: int
    term: str
    level: int
    value: int
    span: Span
    is_body: bool
    is_strong: bool
    is_companion: bool = False


class Sentence(Struct, frozen=True, kw_only=True):
    """A sentence with hits. `at`: when its words entered, in epoch seconds; `sketch`: see duplicates.py."""

    at: int
    sketch: tuple[int, ...]
    items: tuple[Item, ...]
    proof: Evidence | None = None


class EntryRecord(Struct, frozen=True, kw_only=True):
    """The evidence of one entry's latest revision; kept while withdrawn, so that it can come back."""

    revision: int
    is_withdrawn: bool
    sentences: tuple[Sentence, ...]


class Row(Struct, frozen=True, kw_only=False, array_like=True):
    """Evidence of `entry` that entered at `at`; `seq` is the order of arrival."""

    at: int
    seq: int
    entry: str


class Page(Struct, frozen=True, kw_only=True):
    """Some rows, in order of arrival."""

    rows: tuple[Row, ...]


class Supporter(Struct, frozen=True, kw_only=False, array_like=True):
    """An entry that speaks for `level` and all below it."""

    entry: str
    step: int
    level: int
    is_body: bool
    is_strong: bool


class Top(Struct, frozen=True, kw_only=False, array_like=True):
    """A strong item, by entry, time and concept; enough to find its sentence again."""

    level: int
    value: int
    step: int
    entry: str
    at: int
    concept: str
    term: str


class Turn(Struct, frozen=True, kw_only=False, array_like=True):
    """The track stands at `level` from `at` (epoch seconds) on. `cause`: evidence, quiet or deescalator."""

    at: int
    level: int
    cause: str
    score: int = 0
    support: int = 0


class Track(Struct, frozen=True, kw_only=True):
    """One ladder in one channel: a pure function of the rows and the clock.

    step    grid step (an eighth of the half-life) up to which decay is done
    scores  by level 1.., in thousandths of a per mille; an item counts for its level and all below it
    below   step since which the score is under half of the level's threshold
    """

    ladder: str
    channel: Channel
    step: int = 0
    level: int = 0
    scores: tuple[int, ...] = (0, 0, 0, 0, 0)
    below: int | None = None
    calm: int = 0
    calm_entries: tuple[str, ...] = ()
    supporters: tuple[Supporter, ...] = ()
    top: tuple[Top, ...] = ()
    turns: tuple[Turn, ...] = ()


class Timeline(Struct, frozen=True, kw_only=True):
    """All tracks of a story and the sentences it has seen, packed: see duplicates.py."""

    tracks: tuple[Track, ...] = ()
    seen: bytes = b""


class Told(Struct, frozen=True, kw_only=True):
    """An escalation that was told.

    level  what the alert first said; `stands` what it says now: 0 after a cancel
    until  epoch seconds up to which evidence can speak for it: the end of its episode, or its correction
    """

    alert_id: str
    type: AlertType
    ladder: str
    channel: Channel
    from_level: int
    level: int
    stands: int
    version: int
    severity: Severity
    at: int
    until: int | None = None


class ToldData(Struct, frozen=True, kw_only=True):
    """The last message's payload, kept because a cancel repeats the evidence it cancels."""

    data: AlertData


class StoryState(Struct, frozen=True, kw_only=True):
    """One story.

    clock       latest event time seen, epoch seconds; never moves back
    first_page  pages before it are folded into the base, a timeline under a key of its own
    levels      "ladder/channel" -> the level readers believe
    ordinals    subject's tail -> number of transitions told there
    suppressed  what was read and not counted since the last alert
    """

    clock: int = 0
    seq: int = 0
    sequence: int = 0
    first_page: int = 0
    last_page: int = 0
    last_at: int = 0
    live: Timeline = Timeline()
    told: tuple[Told, ...] = ()
    levels: dict[str, int] = {}
    ordinals: dict[str, int] = {}
    suppressed: dict[str, int] = {}


def story_key(story: str) -> str:
    """Key of the story's state."""
    return f"{story}/escalations"


def base_key(story: str) -> str:
    """Key of the timeline of what is too old to be withdrawn."""
    return f"{story}/escalations/base"


def page_key(story: str, page: int) -> str:
    """Key of one page of rows."""
    return f"{story}/escalations/page/{page}"


def entry_key(story: str, entry: str) -> str:
    """Key of one entry's evidence."""
    return f"{story}/escalations/entry/{entry}"


def told_key(story: str, alert_id: str) -> str:
    """Key of the last payload of one alert."""
    return f"{story}/escalations/told/{alert_id}"
