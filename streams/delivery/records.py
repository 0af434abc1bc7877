"""What stands in `deliveries` and `attempts`, and what delivery makes of it: records to events and back."""

import base64
import hashlib
import logging
from collections.abc import Mapping

from schemas import identity
from schemas.codec import decode, encode
from schemas.dead_letter import DeadLetter
from schemas.dead_letter import Step as Reached
from schemas.delivery import Attempt, Dead, Delivery, EndpointChanged, Order, Report
from schemas.event import Event
from schemas.routing import Receipt, Tick
from streams import topics
from streams.log.partitioner import key_hash
from streams.record_size import OutRecord
from streams.routing.records import kind_of, marked, to_routing

log = logging.getLogger(__name__)

_DELIVERIES: dict[str, type[Event]] = {"delivery": Delivery, "report": Report, "order": Order, "tick": Tick}
_ATTEMPTS: dict[str, type[Event]] = {"attempt": Attempt, "changed": EndpointChanged}


def read_delivery(value: bytes | None, headers: Mapping[str, bytes]) -> Event:
    """The event of a record in `deliveries`. Raises DecodeError."""
    return decode(kind_of(headers, _DELIVERIES), value)


def read_attempt(value: bytes | None, headers: Mapping[str, bytes]) -> Event:
    """The event of a record in `attempts`. Raises DecodeError."""
    return decode(kind_of(headers, _ATTEMPTS), value)


def to_deliveries(event: Event) -> OutRecord:
    """The record in `deliveries` of a delivery, a report, an order or a tick."""
    match event:
        case Delivery():
            return marked(topics.DELIVERIES.name, event.endpoint, "delivery", event)
        case Report():
            return marked(topics.DELIVERIES.name, event.endpoint, "report", event)
        case Order():
            return marked(topics.DELIVERIES.name, event.endpoint, "order", event)
        case Tick():
            return marked(topics.DELIVERIES.name, event.key, "tick", event)
        case _:
            raise TypeError(f"{topics.DELIVERIES.name} carries no {type(event).__name__}")


class Router:
    """Records of what the state machine says.

    partitions  of every topic: a dead letter names the partition that a replay goes to
    """

    def __init__(self, log_id: str, partitions: int) -> None:
        self._log_id = log_id
        self._partitions = partitions

    def __call__(self, event: Event) -> OutRecord:
        """The record of an attempt, of an endpoint's change, of a dead letter or of a receipt."""
        match event:
            case Attempt():
                return marked(topics.ATTEMPTS.name, event.endpoint, "attempt", event)
            case EndpointChanged():
                log.warning(
                    "EndpointChanged endpoint=%s what=%s open=%d why=%r",
                    event.endpoint, event.what.value, event.open_deliveries, event.why,
                )  # fmt: skip
                return marked(topics.ATTEMPTS.name, event.endpoint, "changed", event)
            case Dead():
                return self._letter(event)
            case Receipt():
                return to_routing(event)
            case _:
                return to_deliveries(event)

    def _letter(self, dead: Dead) -> OutRecord:
        """What a replay of it appends is the next round of the same delivery, under the same ids."""
        again = to_deliveries(dead.again)
        key, value = again.key or b"", again.value or b""
        partition = key_hash(key) % self._partitions
        number = dead.again.round - 1
        detail = f" ({dead.detail})" if dead.detail else ""
        lead = dead.again.lead
        letter = DeadLetter(
            dlq_id=identity.dead_letter_id(
                self._log_id,
                f"{again.topic}/{dead.again.id}/{dead.again.subscription}",
                partition,
                number,
                "delivery",
            ),
            stage="delivery",
            step=Reached.DELIVER,
            reason=dead.reason.value,
            error_class="Undelivered",
            error_text=(
                f"{dead.again.message_id} to {dead.again.endpoint}: {dead.reason.value} after {dead.attempts} "
                f"attempts{detail}: {lead.headline}"
            )[:500]
            .encode("utf-8", "replace")
            .decode(),
            topic=again.topic,
            partition=partition,
            offset=0,
            timestamp_ms=round(dead.at.timestamp() * 1000),
            key_b64=base64.b64encode(key).decode(),
            value_b64=base64.b64encode(value).decode(),
            value_sha256=hashlib.sha256(value).hexdigest(),
            value_bytes=len(value),
            headers={name: base64.b64encode(raw).decode() for name, raw in again.headers},
            first_seen=dead.at,
        )
        headers = {"topic": again.topic, "stage": "delivery", "step": "deliver", "reason": dead.reason.value}
        return OutRecord(
            topics.DEAD_LETTERS.name,
            key,
            encode(letter),
            tuple((name, text.encode()) for name, text in headers.items()),
        )
