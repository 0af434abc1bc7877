"""The shape of every agent's decision: a pure step from (state, event) to (state, events)."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

import msgspec

from schemas.event import Event

S = TypeVar("S", bound=msgspec.Struct)
E = TypeVar("E", bound=Event, contravariant=True)  # noqa: PLC0105  the conventional letter


class State(Protocol):
    """Keyed state of one step, as a step sees it: later events of a batch see what earlier ones put.

    Keys are chosen by the step. They MUST begin with the event's own record key (item, story or subject), because
    state lives in the partition of the event. Values are frozen Structs; `put` replaces whole values.
    """

    def get(self, key: str, kind: type[S]) -> S | None:
        """The value last put under this key, or None."""

    def put(self, key: str, value: msgspec.Struct | None) -> None:
        """Replace the value; None deletes it."""


class Step(Protocol[E]):
    """One agent's decision.

    `decide` reads no clock, no randomness, no environment, does no I/O; equal state and event give equal results. It
    raises only on defects: what raises becomes a dead letter of this event, with the state unchanged.
    """

    name: str

    def decide(self, state: State, event: E) -> Sequence[Event]:
        """Events to publish, in order; state changes through `state.put`."""


class MemoryState:
    """State in a dictionary: for tests, for `tocsin detect`, and wherever nothing needs to survive."""

    def __init__(self) -> None:
        self.values: dict[str, msgspec.Struct] = {}

    def get(self, key: str, kind: type[S]) -> S | None:
        """The value last put under this key, or None. Raises TypeError if it is of another type."""
        value = self.values.get(key)
        if value is not None and not isinstance(value, kind):
            raise TypeError(f"state {key!r}: expected {kind.__name__}, found {type(value).__name__}")
        return value

    def put(self, key: str, value: msgspec.Struct | None) -> None:
        """Replace the value; None deletes it."""
        if value is None:
            self.values.pop(key, None)
        else:
            self.values[key] = value
