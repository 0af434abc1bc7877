"""The detecting stages in memory, one update after the other: the very steps of the pipeline, without a broker.

Every stage sees its inputs in the order of the updates, whatever was read or saved at once; so what comes out depends
on the updates and the rules alone.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from agents.entries.step import EntriesStep
from agents.roles.step import RolesStep
from agents.step import Step
from schemas.alert import Alert, Family
from schemas.article import ArticleUpdate, EntryRevision
from schemas.detection import RoleClaim
from schemas.event import Event
from streams.pipeline import detectors
from streams.registries import load_registry
from streams.replay.state import RunFolder, RunState
from streams.settings import Settings

FAMILIES = {"statements": Family.STATEMENT, "escalations": Family.KEYWORD, "officials": Family.OFFICIAL}
"""What each detector tells of."""


class Machine:
    """Updates in, alerts out.

    wants   revisions of other stories fill no state of the detectors
    only    names of the detectors that run; None for all
    prefix  of the names under which the folder holds the state, where two machines share one
    """

    def __init__(
        self,
        settings: Settings,
        folder: RunFolder,
        *,
        wants: Callable[[EntryRevision], bool] = lambda _: True,
        only: Collection[str] | None = None,
        prefix: str = "",
    ) -> None:
        registry = load_registry(settings.registries)
        self.faults = 0
        self._wants = wants
        self._states: dict[str, RunState] = {}

        def stage(step: Step[Any]) -> "_Stage":
            state = self._states[step.name] = RunState(folder, prefix + step.name)
            return _Stage(step, state, self._fault)

        self.entries = stage(EntriesStep())
        self.detectors = tuple(stage(one) for one in detectors(settings, registry) if only is None or one.name in only)
        self.roles = stage(RolesStep(registry))

    def update(self, update: ArticleUpdate) -> list[Alert]:
        """Alerts of one update, in the order in which they are decided."""
        return self.revisions(self.cut(update))

    def cut(self, update: ArticleUpdate) -> list[Event]:
        """The revisions of one update."""
        return self.entries(update)

    def revisions(self, revisions: Iterable[Event]) -> list[Alert]:
        """Alerts of revisions."""
        found: list[Alert] = []
        for revision in revisions:
            assert isinstance(revision, EntryRevision)
            if self._wants(revision):
                for detect in self.detectors:
                    for event in detect(revision):
                        found += (event,) if isinstance(event, Alert) else self._claimed(event)
        return found

    def detect(self, revision: EntryRevision) -> list[Event]:
        """What the detectors make of one revision: alerts and claims."""
        return [event for detect in self.detectors for event in detect(revision)]

    def claim(self, claim: RoleClaim) -> list[Event]:
        """What becomes of one claim: alerts."""
        return self.roles(claim)

    def states(self) -> Sequence[RunState]:
        """The state of every stage."""
        return tuple(self._states.values())

    def _claimed(self, event: Event) -> list[Alert]:
        return [alert for alert in self.roles(event) if isinstance(alert, Alert)]

    def _fault(self) -> None:
        self.faults += 1


class _Stage:
    """A step on its state. What makes it raise changes nothing, as in the pipeline, where it is set aside."""

    def __init__(self, step: Step[Any], state: RunState, fault: Callable[[], None]) -> None:
        self._decide = step.decide
        self._state = state
        self._fault = fault

    def __call__(self, event: Event) -> list[Event]:
        try:
            found = list(self._decide(self._state, event))
        except Exception:  # as in streams.stage: a defect sets one event aside
            self._state.drop()
            self._fault()
            return []
        self._state.keep()
        return found
