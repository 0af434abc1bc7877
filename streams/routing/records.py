"""What stands in `routing` and `pacing`, and what routing makes of it: records to events and back.

Both topics hold several kinds of events in one order; a header tells them apart.
"""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from schemas.alert import Alert
from schemas.codec import alert_from_record, alert_to_record, decode, encode
from schemas.errors import DecodeError, DecodeReason
from schemas.event import Event
from schemas.routing import Notification, Receipt, Suppressed, Tick
from streams import topics
from streams.record_size import OutRecord
from streams.stage import Message

KIND = "tocsin-kind"
"""Header of a record in `routing` and `pacing`: the type of its event, in lower case."""

FUTURE_S = 86_400.0
"""A record stamped further ahead was stamped by a clock that was wrong, seconds."""

_LAST_S = 250_000_000_000.0  # the year 9892: what is waited for from then on, the calendar still holds


class Received(Event, frozen=True, kw_only=True):
    """An event with the time of its record: all that routing knows of time."""

    event: Event
    at: datetime


ROUTED: dict[str, type[Event]] = {"alert": Alert, "tick": Tick, "receipt": Receipt}
PACED: dict[str, type[Event]] = {"notification": Notification, "suppressed": Suppressed, "tick": Tick}


class Receiver:
    """Events at the time of their records: a tick not before the time that it tells, and none before its predecessors.

    Kafka cuts times to milliseconds: by its record alone a tick would come just before what is due. And a clock that is
    set back must not take a story back with it. What came before is known since the start of the process.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._latest: dict[int, datetime] = {}

    def __call__(self, event: Event, message: Message) -> Received:
        """The event and its time."""
        stamp = message.timestamp or 0.0
        at = datetime.fromtimestamp(min(max(stamp, 0.0), _LAST_S), UTC)
        if isinstance(event, Tick):
            at = max(at, event.at)
        at = max(at, self._latest.get(message.partition, at))
        if at.timestamp() <= self._clock() + FUTURE_S:  # a wrong clock elsewhere counts for its own record only
            self._latest[message.partition] = at
        return Received(event=event, at=at)


def read_routed(value: bytes | None, headers: Mapping[str, bytes]) -> Event:
    """The event of a record in `routing`. Raises DecodeError."""
    kind = kind_of(headers, ROUTED)
    return alert_from_record(value, headers) if kind is Alert else decode(kind, value)


def read_paced(value: bytes | None, headers: Mapping[str, bytes]) -> Event:
    """The event of a record in `pacing`. Raises DecodeError."""
    return decode(kind_of(headers, PACED), value)


def read_alert(value: bytes | None, headers: Mapping[str, bytes]) -> Event:
    """The alert of a record in an alert topic. Raises DecodeError."""
    return alert_from_record(value, headers)


def kind_of(headers: Mapping[str, bytes], known: Mapping[str, type[Event]]) -> type[Event]:
    """What a record of a topic with several kinds of events holds. Raises DecodeError."""
    name = (headers.get(KIND) or b"").decode("utf-8", "replace")
    if name not in known:
        detail = f"header {KIND}: expected {', '.join(sorted(known))}, found {name[:80]!r}"
        raise DecodeError(DecodeReason.INVALID_FIELD, detail)
    return known[name]


def to_routing(event: Event) -> OutRecord:
    """The record in `routing` of an alert, a tick or a receipt."""
    match event:
        case Alert():
            key, value, headers = alert_to_record(event)
            return OutRecord(topics.ROUTING.name, key, value, (*headers, (KIND, b"alert")))
        case Receipt():
            return marked(topics.ROUTING.name, event.story, "receipt", event)
        case Tick():
            return marked(topics.ROUTING.name, event.key, "tick", event)
        case _:
            raise TypeError(f"{topics.ROUTING.name} carries no {type(event).__name__}")


def to_pacing(event: Event) -> OutRecord:
    """The record in `pacing` of a notification, of what was suppressed, or of a tick."""
    match event:
        case Notification():
            return marked(topics.PACING.name, event.subscription, "notification", event)
        case Suppressed():
            return marked(topics.PACING.name, event.subscription, "suppressed", event)
        case Tick():
            return marked(topics.PACING.name, event.key, "tick", event)
        case _:
            raise TypeError(f"{topics.PACING.name} carries no {type(event).__name__}")


def to_readers(event: Event) -> OutRecord:
    """The record of what pacing decided: for readers, for who asks why not, or back to the story."""
    match event:
        case Notification():
            return OutRecord(topics.NOTIFICATIONS.name, event.subscription.encode(), encode(event))
        case Suppressed():
            return OutRecord(topics.SUPPRESSED.name, event.story.encode(), encode(event))
        case _:
            return to_routing(event)


def marked(topic: str, key: str, kind: str, event: Event) -> OutRecord:
    """The record of an event, with its kind in the header."""
    return OutRecord(topic, key.encode(), encode(event), ((KIND, kind.encode()),))
