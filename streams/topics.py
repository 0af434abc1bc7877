"""Every topic as data: name, key, event type, and how long records stay."""

from dataclasses import dataclass
from datetime import timedelta

from schemas.alert import Alert, Family
from schemas.article import ArticleUpdate, EntryRevision
from schemas.dead_letter import DeadLetter
from schemas.delivery import Attempt, Delivery, Endpoint
from schemas.detection import RoleClaim
from schemas.event import Event
from schemas.routing import Notification, Suppressed
from schemas.subscription import Silence, Subscription
from streams.log.record import TopicSpec

MAX_MESSAGE_BYTES = 8_388_608
"""What every topic must take on Kafka (`max.message.bytes`). An update has at most 1,000,000 bytes, but a revision
holds the text before and after, and a changelog record the records to publish again. Managed Kafka allows as much for
a topic, but only 1 MB unless it is asked for."""


@dataclass(frozen=True, kw_only=True)
class Topic:
    """One topic.

    key           what the record key is; everything that needs common state shares it
    event         what its records hold; where a topic holds several kinds, the one that it is there for
    retention     age after which records may go, None to keep for ever
    is_compacted  the last record of each key is kept. Topics that agents read are never compacted: a hole would stall
                  the contiguous commit.
    """

    name: str
    key: str
    event: type[Event]
    retention: timedelta | None
    doc: str
    is_compacted: bool = False

    def spec(self, partitions: int) -> TopicSpec:
        """How it must exist on a log."""
        return TopicSpec(
            name=self.name, partitions=partitions, is_compacted=self.is_compacted, retention=self.retention
        )


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

SUBSCRIPTIONS = Topic(
    name="subscriptions",
    key="subscription",
    event=Subscription,
    retention=None,
    is_compacted=True,
    doc="who wants which alerts, where; the last record of a key counts, one without a value removes it",
)
SILENCES = Topic(
    name="silences",
    key="silence",
    event=Silence,
    retention=None,
    is_compacted=True,
    doc="what is not to be sent for a time; the last record of a key counts, one without a value removes it",
)
ROUTING = Topic(
    name="routing",
    key="story",
    event=Alert,
    retention=_INPUT,
    doc="all that routing hears of a story, in one order: alerts, ticks, receipts of corrections",
)
PACING = Topic(
    name="pacing",
    key="subscription",
    event=Notification,
    retention=_INPUT,
    doc="all that is meant for a subscription, in one order: notifications, what was suppressed, ticks",
)
NOTIFICATIONS = Topic(
    name="notifications",
    key="subscription",
    event=Notification,
    retention=_OUTPUT,
    doc="what a subscription is told, ready to be delivered",
)
# As long as somebody may ask why an alert of last week was not sent.
SUPPRESSED = Topic(
    name="suppressed",
    key="story",
    event=Suppressed,
    retention=timedelta(days=30),
    doc="what a subscription that wanted an alert was not told, and why",
)

ENDPOINTS = Topic(
    name="endpoints",
    key="endpoint",
    event=Endpoint,
    retention=None,
    is_compacted=True,
    doc="where channels deliver to, credentials sealed; the last record of a key counts, one without a value removes",
)
DELIVERIES = Topic(
    name="deliveries",
    key="endpoint",
    event=Delivery,
    retention=_INPUT,
    doc="all that delivery hears of an endpoint, in one order: messages for it, reports of attempts, ticks, orders",
)
# As long as alerts, so that "was it delivered" can be answered as long as "was it sent".
ATTEMPTS = Topic(
    name="attempts",
    key="endpoint",
    event=Attempt,
    retention=_OUTPUT,
    doc="what became of each delivery, attempt by attempt; and endpoints that were parked or disabled",
)

ALERTS: dict[Family, Topic] = {
    Family.STATEMENT: ALERTS_STATEMENTS,
    Family.KEYWORD: ALERTS_ESCALATIONS,
    Family.OFFICIAL: ALERTS_OFFICIALS,
}

ALERT_TOPICS = tuple(ALERTS.values())

CONSUMED = (UPDATES, ENTRIES, ROLE_CLAIMS, *ALERT_TOPICS, ROUTING, PACING)
"""Topics that agents read, upstream first."""

DELIVERED = (NOTIFICATIONS, DELIVERIES)
"""Topics that the agents of delivery read, upstream first."""

ASKED = (SUBSCRIPTIONS, SILENCES)
"""What readers and operators ask for; every worker holds all of it, and no agent reads it."""

ALL = (*CONSUMED, *ASKED, ENDPOINTS, NOTIFICATIONS, DELIVERIES, ATTEMPTS, SUPPRESSED, DEAD_LETTERS)

REPLAYED = "replay."
"""Begins the names of all topics that replays write."""


def run_topic(run: str, name: str) -> str:
    """The topic of a replay that stands for one of the pipeline.

    >>> run_topic("monday", "alerts.statements")
    'replay.monday.alerts.statements'
    """
    return f"{REPLAYED}{run}.{name}"
