"""What routing remembers: of a story its groups, mutes and recipients; of a subscription what it was sent and holds."""

from datetime import datetime

from schemas.alert import AlertType, Match, MessageType, Status
from schemas.event import Severity, Struct
from schemas.routing import Hit, Item


class Brief(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One message of an alert, as far as a notification tells it."""

    message_id: str
    version: int
    msgtype: MessageType
    type: AlertType
    severity: Severity
    headline: str
    time: datetime
    rules: tuple[Match, ...] = ()
    before: str | None = None
    after: str | None = None


class Correction(Struct, frozen=True, kw_only=True):
    """What is known of one correction's way. Its debt is `open`: who was alerted and has not been reached."""

    message_id: str
    version: int
    since: datetime
    alerted: int = 0
    reached: int = 0
    open: set[str] = set()


class AlertRecord(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The recipients ledger of one alert.

    briefs    its messages, oldest first; of very many the first and the latest
    audience  subscriptions that any of its messages matched, sorted
    told      subscription to the versions handed on to it
    pending   subscription to the group in which a message waits for it
    labels    of the latest message
    """

    alert_id: str
    status: Status
    briefs: tuple[Brief, ...]
    labels: dict[str, tuple[str, ...]]
    is_cancelled: bool = False
    audience: tuple[str, ...] = ()
    told: dict[str, tuple[int, ...]] = {}
    pending: dict[str, str] = {}
    corrections: tuple[Correction, ...] = ()

    def brief(self, version: int) -> Brief:
        """The message of this version; the nearest later one if it was forgotten."""
        return next((brief for brief in self.briefs if brief.version >= version), self.briefs[-1])


class Pending(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A message that waits in a group."""

    alert_id: str
    version: int
    msgtype: MessageType
    hits: tuple[Hit, ...] = ()


class Group(Struct, frozen=True, kw_only=True):
    """Messages that one subscription gets together.

    due  when it is sent, or, if nothing waits, when it ends
    """

    subscription: str
    values: dict[str, str]
    status: Status
    due: datetime
    pending: tuple[Pending, ...] = ()
    is_cooling: bool = False


class Mute(Struct, frozen=True, kw_only=True):
    """An alert that mutes others until a time, if they share a value of each of these labels."""

    rule: str
    alert_id: str
    status: Status
    equal: dict[str, tuple[str, ...]]
    until: datetime


class Held(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A correction that a silence stops; it is owed, and goes out when the silence ends.

    successor  alert that has the words now
    fresh      its message that this correction tells too; None if the subscription knows it
    """

    alert_id: str
    version: int
    subscription: str
    msgtype: MessageType
    until: datetime
    successor: str | None = None
    fresh: int | None = None


class Waiting(Struct, frozen=True, kw_only=True):
    """A cancel whose words were given to somebody else: it waits shortly for the alert that says to whom."""

    alert_id: str
    version: int
    successor: str
    until: datetime


class StoryHead(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One story. alerts: in order of arrival; groups: key to due time; owing: alerts with open debts."""

    alerts: tuple[str, ...] = ()
    groups: dict[str, datetime] = {}
    mutes: tuple[Mute, ...] = ()
    held: tuple[Held, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    owing: tuple[str, ...] = ()


class HeldItem(Struct, frozen=True, kw_only=True):
    """An item that waits for a digest. is_quiet: for the end of the quiet hours, else for the budget."""

    item: Item
    is_quiet: bool


class PacingState(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One subscription.

    sent      times of the messages that count against the budget, oldest first
    due       when the digest may go
    left_out  items withdrawn before the next digest
    unsent    alerts of which nothing was sent before they were withdrawn; the latest
    hidden    silence to the number of messages it stopped
    """

    sent: tuple[datetime, ...] = ()
    held: tuple[HeldItem, ...] = ()
    due: datetime | None = None
    left_out: int = 0
    unsent: tuple[str, ...] = ()
    hidden: dict[str, int] = {}
