"""Every topic as data: name, key, event type, and how long records stay."""

from dataclasses import dataclass
from datetime import timedelta

from schemas.alert import Alert, Family
from schemas.article import ArticleUpdate, EntryRevision
from schemas.dead_letter import DeadLetter
from schemas.detection import RoleClaim
from schemas.event import Event

MAX_MESSAGE_BYTES = 8_388_608
"""What every topic must take on Kafka (`max.message.bytes`). An update has at most 1,000,000 bytes, but a revision
holds the text before and after, and a changelog record the records to publish again. Managed Kafka allows as much for
a topic, but only 1 MB unless it is asked for."""


@dataclass(frozen=True, kw_only=True)
class Topic:
    """One topic.

    key        what the record key is; everything that needs common state shares it
    retention  age after which records may go, None to keep for ever. Consumed topics are never compacted: a hole would
               stall the contiguous commit.
    """

    name: str
    key: str
    event: type[Event]
    retention: timedelta | None
    doc: str


# Shorter than the life of the de-duplication state (14 days a story), or a replay would alert twice.
_INPUT = timedelta(days=7)
# Alerts are the product: kept for backtests and for receivers that come back late.
_OUTPUT = timedelta(days=400)

UPDATES = Topic(
    name="updates", key="item", event=ArticleUpdate, retention=_INPUT, doc="raw article updates as sources gave them"
)
ENTRIES = Topic(
    name="entries", key="story", event=EntryRevision, retention=_INPUT, doc="revisions of entries, cut and cleaned"
)
ROLE_CLAIMS = Topic(
    name="role-claims", key="subject", event=RoleClaim, retention=_INPUT, doc="role changes as single entries tell them"
)
ALERTS_STATEMENTS = Topic(
    name="alerts.statements", key="story", event=Alert, retention=_OUTPUT, doc="who said what, and is it new"
)
ALERTS_ESCALATIONS = Topic(
    name="alerts.escalations", key="story", event=Alert, retention=_OUTPUT, doc="a story rose or fell a level"
)
ALERTS_OFFICIALS = Topic(
    name="alerts.officials", key="story", event=Alert, retention=_OUTPUT, doc="officials named, role changes"
)
# Two weeks, so that a weekend and a holiday pass before anything is lost. Values over 256 kB are only referred to and
# go with `updates`.
DEAD_LETTERS = Topic(
    name="dead-letters",
    key="original key",
    event=DeadLetter,
    retention=timedelta(days=14),
    doc="what could not be decoded or made a stage fail, with the original bytes and why",
)

ALERTS: dict[Family, Topic] = {
    Family.STATEMENT: ALERTS_STATEMENTS,
    Family.KEYWORD: ALERTS_ESCALATIONS,
    Family.OFFICIAL: ALERTS_OFFICIALS,
}

CONSUMED = (UPDATES, ENTRIES, ROLE_CLAIMS)
"""Topics that agents read, upstream first."""

ALL = (*CONSUMED, ALERTS_STATEMENTS, ALERTS_ESCALATIONS, ALERTS_OFFICIALS, DEAD_LETTERS)
