"""What is delivered where: endpoints and their credentials, deliveries, attempts, and what became of them."""

from datetime import datetime
from enum import StrEnum

from schemas.alert import Alert, Status
from schemas.event import Count, Event, Struct
from schemas.routing import Item, NotificationKind
from schemas.subscription import CorrectionStyle


class SigningKey(Struct, frozen=True, kw_only=True):
    """A secret that webhooks are signed with; never shown.

    secret  "whsec_" and 24 to 64 bytes in base64
    until   signs no more from then on; None for the newest
    """

    secret: str
    until: datetime | None = None

    def __repr__(self) -> str:
        return f"SigningKey(***, until={self.until})"


class Credentials(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What nobody may see of an endpoint; stored sealed only.

    url       where a webhook, a Slack incoming webhook or Apprise sends to
    token     of a Slack bot
    keys      of a webhook, newest first
    username, password  of a mail server
    """

    url: str | None = None
    token: str | None = None
    keys: tuple[SigningKey, ...] = ()
    username: str | None = None
    password: str | None = None

    def __repr__(self) -> str:
        return "Credentials(***)"


class Endpoint(Event, frozen=True, kw_only=True):
    """Where a channel delivers to. Topic `endpoints`, key = id; what `Subscription.target` names.

    id        what people call it ("desk-hook")
    channel   kind of delivery; see agents.delivery.channels
    settings  of the channel, nothing secret: a Slack channel's id, addresses of a mail, the path of a file
    sealed    encrypted `Credentials`; see streams.delivery.sealing
    shown     the address without what must not be seen, for people
    fallback  endpoint that is told when this one is disabled
    version   rises by 1 with every change
    """

    id: str
    channel: str
    owner: str
    settings: dict[str, str] = {}
    sealed: str = ""
    shown: str = ""
    fallback: str | None = None
    version: int = 1


class Delivery(Event, frozen=True, kw_only=True):
    """One message for one endpoint; what `agents.delivery` keeps until it is delivered, dead or dropped.

    id             identity.delivery_id(message_id, endpoint)
    message_id     of the alert's message, of the notification in a digest; the webhook id
    story          its lane: of one endpoint and story the messages go in order
    thread         what belongs under one root at the target
    items          one; in a digest all
    is_correction  goes to who was told what is corrected, whatever its age
    references     earlier messages of the alert that this endpoint was told
    replaces       alert whose words are now another's
    max_age_s      dropped when it is older and nothing of it may have arrived; None for the general limit
    round          rises when an operator has it delivered again
    alert          of a test, which stands in no topic
    """

    id: str
    message_id: str
    endpoint: str
    channel: str
    subscription: str
    owner: str
    story: str
    thread: str
    kind: NotificationKind
    items: tuple[Item, ...]
    at: datetime
    status: Status = Status.ACTUAL
    group: dict[str, str] = {}
    is_correction: bool = False
    references: tuple[str, ...] = ()
    replaces: str | None = None
    correction: CorrectionStyle = CorrectionStyle.EDIT_AND_REPLY
    hidden: int = 0
    withdrawn: int = 0
    max_age_s: int | None = None
    round: int = 1
    alert: Alert | None = None

    @property
    def has_alert(self) -> bool:
        """Whether it is about one alert, and not a digest or a notice."""
        return self.kind in (NotificationKind.MESSAGE, NotificationKind.CORRECTION)

    @property
    def lead(self) -> Item:
        """What it is about; in a digest the first of many."""
        return self.items[0]


class Verdict(StrEnum):
    """What an answer means for the delivery and for its endpoint.

    delivered    it arrived
    overloaded   the receiver asks for patience, or did not answer in time: wait, at least a minute
    failed       try again on schedule
    gone         nobody is there any more: the endpoint is disabled
    refused      no attempt can ever work: dead at once
    """

    DELIVERED = "delivered"
    OVERLOADED = "overloaded"
    FAILED = "failed"
    GONE = "gone"
    REFUSED = "refused"


class Cause(StrEnum):
    """Why an attempt ended as it did. Closed: metric labels."""

    OK = "ok"
    HTTP_STATUS = "http_status"
    REDIRECT = "redirect"
    TIMEOUT = "timeout"
    DNS = "dns_error"
    CONNECT = "connect_error"
    TLS = "tls_error"
    RESET = "reset"
    PROTOCOL = "protocol_error"
    BLOCKED_ADDRESS = "blocked_address"
    INVALID_ADDRESS = "invalid_address"
    CHANNEL_ERROR = "channel_error"
    UNKNOWN_ENDPOINT = "unknown_endpoint"
    UNKNOWN_CHANNEL = "unknown_channel"
    UNREADABLE_CREDENTIALS = "unreadable_credentials"
    MISSING_ALERT = "missing_alert"
    LEASE_EXPIRED = "lease_expired"
    RELEASED = "released"


class Report(Event, frozen=True, kw_only=True):
    """What became of one attempt, from who made it. Topic `deliveries`, key = endpoint.

    epoch          of the lease that it was made under; another than the delivery's is of the past
    status         HTTP status, if there was an answer
    retry_after_s  what the receiver asks for, seconds
    detail         in a few words, nothing secret
    marks          what the channel wants to find again in this thread (Slack's timestamps); None forgets
    may_have_arrived  nobody can say: the connection broke after the request was sent
    """

    delivery: str
    endpoint: str
    epoch: int
    verdict: Verdict
    cause: Cause
    at: datetime
    status: int | None = None
    retry_after_s: float | None = None
    detail: str = ""
    duration_ms: Count = 0
    marks: dict[str, str | None] = {}
    may_have_arrived: bool = False


class Action(StrEnum):
    """What an operator can ask of an endpoint or one of its deliveries.

    retry    try an open delivery, or everything open, now
    drop     give an open delivery up
    enable, disable  take deliveries again, or no more
    """

    RETRY = "retry"
    DROP = "drop"
    ENABLE = "enable"
    DISABLE = "disable"


class Order(Event, frozen=True, kw_only=True):
    """An operator's word. Topic `deliveries`, key = endpoint.

    delivery  None for all of the endpoint
    """

    endpoint: str
    action: Action
    at: datetime
    delivery: str | None = None
    by: str = ""


class Outcome(StrEnum):
    """Where a delivery stands after an attempt. All but retry are final for its round."""

    DELIVERED = "delivered"
    RETRY = "retry"
    DEAD = "dead"
    DROPPED = "dropped"


class EndReason(StrEnum):
    """Why a delivery is dead or dropped. Closed."""

    EXHAUSTED = "exhausted"
    EXPIRED = "expired"
    REFUSED = "refused"
    MAX_AGE = "max_age"
    ENDPOINT_GONE = "endpoint_gone"
    ENDPOINT_DISABLED = "endpoint_disabled"
    WITHDRAWN_BEFORE_SEND = "withdrawn_before_send"
    OPERATOR = "operator"


class Attempt(Event, frozen=True, kw_only=True):
    """What happened to a delivery, once for each attempt and once more where it ends without one.

    Topic `attempts`, key = endpoint.

    number   from 1 in each round; 0 where nothing was tried
    next_at  when it is tried again
    cause    None where nothing was tried
    """

    delivery: str
    message_id: str
    alert_id: str
    endpoint: str
    channel: str
    subscription: str
    owner: str
    story: str
    headline: str
    round: int
    number: int
    outcome: Outcome
    at: datetime
    cause: Cause | None = None
    reason: EndReason | None = None
    status: int | None = None
    detail: str = ""
    duration_ms: Count = 0
    next_at: datetime | None = None


class Announcement(StrEnum):
    """What is worth telling about an endpoint."""

    OPENED = "breaker_opened"
    CLOSED = "breaker_closed"
    DISABLED = "disabled"
    ENABLED = "enabled"


class EndpointChanged(Event, frozen=True, kw_only=True):
    """An endpoint is parked, works again, or takes nothing any more. Topic `attempts`, key = endpoint.

    open_deliveries  how many wait for it, or were dropped
    """

    endpoint: str
    what: Announcement
    why: str
    at: datetime
    open_deliveries: int = 0


class Dead(Event, frozen=True, kw_only=True):
    """A delivery that was given up. It goes to `dead-letters`, whence it can be sent again under the same ids.

    again  what a replay would deliver: the next round
    """

    again: Delivery
    reason: EndReason
    detail: str
    attempts: int
    at: datetime
