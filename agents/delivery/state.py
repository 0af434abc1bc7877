"""What delivery keeps of an endpoint: its lanes, its open deliveries, its health, and what was ended lately."""

from datetime import datetime

from schemas.delivery import Delivery
from schemas.event import Struct


class Health(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How an endpoint has answered.

    is_good     its last attempt succeeded
    failures    in a row
    failing     since when nothing has succeeded; None while it works
    recent      attempts of the last minute: tens of seconds since 1970, how many succeeded, how many failed
    parked      since when the breaker is open
    probe_at    when the next probe may go
    paused      until when the receiver wants to be left alone
    disabled    since when, and why
    """

    is_good: bool = False
    failures: int = 0
    failing: datetime | None = None
    recent: tuple[tuple[int, int, int], ...] = ()
    parked: datetime | None = None
    probe_at: datetime | None = None
    paused: datetime | None = None
    disabled: datetime | None = None
    why_disabled: str = ""


class Lane(Struct, frozen=True, kw_only=True):
    """The open deliveries of one story, first to last.

    count       how many
    due         when the first may be tried, or its lease ends
    since       when the first was taken
    expires     when the first must end
    is_sending  the first is being tried
    """

    first: str
    last: str
    count: int
    due: datetime
    since: datetime
    expires: datetime
    is_sending: bool = False


class EndpointHead(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One endpoint.

    channel  of the latest delivery
    lanes    by story
    sending  epochs of the leases that are out, by delivery
    """

    channel: str = ""
    health: Health = Health()
    lanes: dict[str, Lane] = {}
    sending: dict[str, int] = {}


class Subscriber(Struct, frozen=True, kw_only=False, array_like=True):
    """A subscription that wants a delivery, and whose it is."""

    subscription: str
    owner: str


class Row(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An open delivery.

    since             when it was taken, of this round
    expires           when it must end
    tries             attempts begun: the epoch of its lease
    failures          attempts that count against the schedule
    sending           when the lease ends, while it is being tried
    may_have_arrived  an attempt ended without a word
    before, after     its neighbours in the lane
    is_probe          the attempt is the breaker's, and does not count
    """

    delivery: Delivery
    since: datetime
    expires: datetime
    subscribers: tuple[Subscriber, ...]
    tries: int = 0
    failures: int = 0
    sending: datetime | None = None
    may_have_arrived: bool = False
    before: str | None = None
    after: str | None = None
    is_probe: bool = False


class Ended(Struct, frozen=True, kw_only=True, array_like=True):
    """Digests of what ended lately, oldest first; the lowest two bits tell how."""

    digests: tuple[int, ...] = ()


class Thread(Struct, frozen=True, kw_only=True):
    """What the channel wants to find again in a thread."""

    marks: dict[str, str]


class Threads(Struct, frozen=True, kw_only=True):
    """Threads of an endpoint and the day each was last written in, so that old ones are forgotten."""

    days: dict[str, int]


def head_key(endpoint: str) -> str:
    """Where an endpoint's head is kept."""
    return f"{endpoint}/delivery"


def row_key(endpoint: str, delivery: str) -> str:
    """Where an open delivery is kept."""
    return f"{endpoint}/row/{delivery}"


def ended_key(endpoint: str, bucket: int) -> str:
    """Where a share of the endings is kept."""
    return f"{endpoint}/ended/{bucket}"


def thread_key(endpoint: str, thread: str) -> str:
    """Where a thread's marks are kept."""
    return f"{endpoint}/thread/{thread}"


def threads_key(endpoint: str) -> str:
    """Where the list of threads is kept."""
    return f"{endpoint}/threads"
