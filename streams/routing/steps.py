"""The three agents of routing as steps: intake gathers the alerts of a story, routing and pacing decide."""

import hashlib
from collections.abc import Sequence

from agents.routing.pacing import Pacing
from agents.routing.story import StoryRouting
from agents.step import State
from schemas.alert import Alert
from schemas.codec import encode
from schemas.event import Event
from schemas.routing import Notification, Receipt, Suppressed, Tick
from streams.routing.records import Received
from streams.stage import Message


class Intake:
    """Hands alerts on, unchanged. State may follow one topic only, and alerts come in three."""

    name = "intake"

    def decide(self, state: State, event: Alert) -> Sequence[Event]:
        """The alert."""
        del state
        return (event,)


class RoutingStep:
    """`StoryRouting` on the records of `routing`."""

    def __init__(self, routing: StoryRouting) -> None:
        self.name = routing.name
        self._routing = routing

    def decide(self, state: State, received: Received) -> Sequence[Event]:
        """Notifications and what was suppressed, for pacing."""
        match received.event:
            case Alert() as alert:
                return self._routing.on_alert(state, alert, received.at)
            case Tick() as tick:
                return self._routing.on_tick(state, tick.key, received.at)
            case Receipt() as receipt:
                self._routing.on_receipt(state, receipt)
        return ()


class PacingStep:
    """`Pacing` on the records of `pacing`."""

    def __init__(self, pacing: Pacing) -> None:
        self.name = pacing.name
        self._pacing = pacing

    def decide(self, state: State, received: Received) -> Sequence[Event]:
        """Notifications for readers, what they are not told, and receipts for the story."""
        match received.event:
            case Notification() | Suppressed() as event:
                return self._pacing.on_event(state, event, received.at)
            case Tick() as tick:
                return self._pacing.on_tick(state, tick.key, received.at)
        return ()


def by_content(received: Received, message: Message) -> str:
    """Names what was decided for a subscription by what it says, a tick by where it stands.

    A worker that dies between its outputs and its state decides again: the same notification stands in the topic twice,
    and must not be counted or held back twice.
    """
    if isinstance(received.event, Tick):
        return f"{message.topic}/{message.partition}/{message.offset}/{message.timestamp:.6f}"
    return hashlib.sha256(encode(received.event)).hexdigest()
