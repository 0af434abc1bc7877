"""What routing says: notifications, what was withheld and why, and what became of corrections."""

from datetime import datetime
from enum import StrEnum

from schemas.alert import AlertType, Match, MessageType, Status
from schemas.event import Event, Severity, Span, Struct
from schemas.subscription import CorrectionStyle


class Reason(StrEnum):
    """Where the way of one message to one subscription ended. Closed: metric labels and answers to "why not"."""

    SENT = "sent"
    NO_MATCH = "no_match"
    BELOW_SEVERITY = "below_severity"
    SILENCED = "silenced"
    INHIBITED = "inhibited"
    GROUPED_INTO = "grouped_into"
    OVER_BUDGET = "over_budget"
    BASELINE = "baseline"
    DUPLICATE = "duplicate"
    RECAP = "recap"
    BOILERPLATE = "boilerplate"
    UNRESOLVED_SPEAKER = "unresolved_speaker"
    AMBIGUOUS_PERSON = "ambiguous_person"
    WITHDRAWN_BEFORE_SEND = "withdrawn_before_send"
    ENDPOINT_PARKED = "endpoint_parked"
    ENDPOINT_DISABLED = "endpoint_disabled"
    REPLAY_REFUSED = "replay_refused"


class Hit(Struct, frozen=True, kw_only=True):
    """A condition of a filter that held, by which value, and where the words stand.

    where  "headline", "statement" or "evidence[N]"; of evidence the span is in the revision's text, else in that
           field. None where no words but a label matched.
    role   "speaker" or "via" of persons in hearsay, "on_behalf_of" of a spokesperson's principal
    """

    condition: str
    value: str
    where: str | None = None
    span: Span | None = None
    role: str | None = None


class Explain(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a message went where it went.

    hits           what the filter matched
    rules          detection rules that fired, with spans in the evidence
    before, after  the state that changed, in words
    route          the group, silence, inhibition rule or digest that decided
    """

    hits: tuple[Hit, ...] = ()
    rules: tuple[Match, ...] = ()
    before: str | None = None
    after: str | None = None
    route: str = ""


class Item(Struct, frozen=True, kw_only=True):
    """One message inside a notification. `reason` closes its way: sent, grouped_into or over_budget.

    msgtype  as this recipient must read it: a corrected message is an `alert` to who was never told the first one
    """

    message_id: str
    alert_id: str
    version: int
    msgtype: MessageType
    type: AlertType
    severity: Severity
    headline: str
    story: str
    time: datetime
    reason: Reason
    explain: Explain = Explain()


class NotificationKind(StrEnum):
    """message: one alert or a group; correction: goes to who was told; digest: what was held back; notice: of an
    endpoint that was disabled, for whoever answers for it.
    """

    MESSAGE = "message"
    CORRECTION = "correction"
    DIGEST = "digest"
    NOTICE = "notice"


class Notification(Event, frozen=True, kw_only=True):
    """What one subscription is to be told at once.

    story       None for a digest over several stories
    group       values of the group_by labels
    thread      same for everything that belongs under one root at the target
    items       the first is the lead: `msgtype`, `severity` and `headline` are about it, in a digest about all
    references  earlier messages of the lead's alert that this subscription was told
    replaces    alert whose words are now another's, told by this correction
    hidden      messages that silences which have ended since the last message had stopped
    withdrawn   items left out of a digest because they were withdrawn before it
    max_age_s   what is older is not news any more, seconds; corrections go out at any age
    """

    id: str
    kind: NotificationKind
    subscription: str
    owner: str
    channel: str
    target: str
    story: str | None
    group: dict[str, str]
    thread: str
    msgtype: MessageType
    severity: Severity
    headline: str
    items: tuple[Item, ...]
    at: datetime
    status: Status = Status.ACTUAL
    references: tuple[str, ...] = ()
    replaces: str | None = None
    correction: CorrectionStyle = CorrectionStyle.EDIT_AND_REPLY
    hidden: int = 0
    withdrawn: int = 0
    max_age_s: int | None = None


class Suppressed(Event, frozen=True, kw_only=True):
    """A message that a matching subscription is not sent, and why. Topic `suppressed`.

    detail  id of the silence, rule or message that decided, or a word
    """

    subscription: str
    story: str
    alert_id: str
    message_id: str
    reason: Reason
    detail: str
    at: datetime
    explain: Explain = Explain()


class Receipt(Event, frozen=True, kw_only=True):
    """What became of a correction at one recipient; key = story.

    reason  sent: it arrived. withdrawn_before_send: the alert was still held back, so neither was needed.
            endpoint_disabled: nobody is there any more. Anything else leaves the debt open.
    """

    story: str
    subscription: str
    alert_id: str
    message_id: str
    reason: Reason
    at: datetime


class Tick(Event, frozen=True, kw_only=True):
    """Time has passed for one story or one subscription: timers fire from this record, so that a replay sees it too.

    key  the story or the subscription
    at   what the clock said when it was written
    """

    key: str
    at: datetime
