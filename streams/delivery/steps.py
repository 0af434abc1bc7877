"""The two agents of delivery as steps: dispatch says what goes where, delivery when, and what came of it."""

from collections.abc import Mapping, Sequence

from agents.delivery.dispatch import notice, split
from agents.delivery.machine import Machine
from agents.step import State
from schemas.delivery import Announcement, Delivery, Endpoint, EndpointChanged, Order, Report
from schemas.event import Event
from schemas.routing import Notification, Tick
from streams.routing.records import Received


class Dispatch:
    """Notifications, by subscription, become deliveries, by endpoint."""

    name = "dispatch"

    def decide(self, state: State, event: Notification) -> Sequence[Event]:
        """Its deliveries."""
        del state
        return split(event)


class DeliveryStep:
    """`Machine` on the records of `deliveries`.

    granted  leases that were granted in this process: only whoever granted one may send. What the tables hold besides
             was granted by a process that is gone, or by another worker.
    book     endpoints by id: whom to tell when one is disabled
    """

    def __init__(self, machine: Machine, book: Mapping[str, Endpoint]) -> None:
        self.name = machine.name
        self._book = book
        self.granted: set[tuple[str, int]] = set()
        self._machine = machine

    def decide(self, state: State, received: Received) -> Sequence[Event]:
        """Attempts, receipts, dead letters, and news of the endpoint."""
        event, at = received.event, received.at
        endpoint = event.key if isinstance(event, Tick) else getattr(event, "endpoint", "")
        before = self._machine.leased(state, endpoint)
        out: Sequence[Event] = ()
        match event:
            case Delivery():
                out = self._machine.on_delivery(state, event, at)
            case Report():
                out = self._machine.on_report(state, event, at)
            case Order():
                out = self._machine.on_order(state, event, at)
            case Tick():
                out = self._machine.on_tick(state, endpoint, at)
        leased = self._machine.leased(state, endpoint)
        self.granted.update(pair for pair in leased.items() if before.get(pair[0]) != pair[1])
        return [*out, *(told for one in out if (told := self._notice(one)) is not None)]

    def _notice(self, event: Event) -> Delivery | None:
        """What goes to the fallback of an endpoint that was disabled."""
        if not isinstance(event, EndpointChanged) or event.what is not Announcement.DISABLED:
            return None
        disabled = self._book.get(event.endpoint)
        to = self._book.get(disabled.fallback) if disabled is not None and disabled.fallback is not None else None
        return notice(event, to) if to is not None else None
