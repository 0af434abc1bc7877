"""The pipeline without a log: pure steps in a row. What it says is what every engine must say."""

from collections.abc import Iterable

from agents.entries.step import EntriesStep
from agents.escalations.step import EscalationsStep
from agents.officials.recognition import Recogniser
from agents.officials.registry import Registry, default_registry
from agents.officials.step import OfficialsStep
from agents.roles.step import RolesStep
from agents.statements.cast import Resolver
from agents.statements.engine import extractor
from agents.statements.step import StatementsStep
from agents.step import MemoryState
from schemas.alert import Alert
from schemas.article import ArticleUpdate
from schemas.detection import RoleClaim


def run(updates: Iterable[ArticleUpdate], registry: Registry | None = None) -> list[Alert]:
    """Alerts of the updates, in order; every step keeps its own state, as in the pipeline."""
    recogniser = Recogniser(registry or default_registry())
    entries, roles = EntriesStep(), RolesStep()
    detectors = (
        StatementsStep(extractor("auto"), resolver=Resolver(recogniser)),
        EscalationsStep(),
        OfficialsStep(recogniser=recogniser),
    )
    states = {step.name: MemoryState() for step in (entries, roles, *detectors)}
    alerts: list[Alert] = []
    for update in updates:
        for entry in entries.decide(states["entries"], update):
            for step in detectors:
                for event in step.decide(states[step.name], entry):
                    told = roles.decide(states["roles"], event) if isinstance(event, RoleClaim) else [event]
                    alerts.extend(alert for alert in told if isinstance(alert, Alert))
    return alerts
