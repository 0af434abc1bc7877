"""What topics must be, against what they are on the log at hand."""

import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from schemas.errors import LogError
from streams.log import EventLog, TopicSpec
from streams.log.kafka import MAX_MESSAGE_BYTES, KafkaLog
from streams.settings import Settings


class Copies(NamedTuple):
    """How a Kafka topic is kept: copies of each partition, how many must hold a record, and its largest record."""

    replicas: int
    needed: int
    max_bytes: int


@dataclass(frozen=True, kw_only=True)
class TopicState:
    """One topic as declared and as found.

    copies   on Kafka, of a topic that exists
    faults   what differs and keeps the pipeline from working, or weakens what it promises; one line each
    """

    spec: TopicSpec
    found: TopicSpec | None
    copies: Copies | None = None
    faults: tuple[str, ...] = ()

    @property
    def is_right(self) -> bool:
        """Whether nothing has to be done."""
        return self.found is not None and not self.faults

    def mending(self) -> Iterable[str]:
        """What `create` would do about it."""
        spec = self.spec
        if self.found is None:
            kept = "compacted" if spec.is_compacted else f"kept {_age(spec)}"
            yield f"create {spec.name}: {spec.partitions} partitions, {kept}"
        elif self.found.partitions == spec.partitions and self.found != spec:
            yield f"set {spec.name}: {_cleanup(spec)}" + ("" if spec.is_compacted else f", kept {_age(spec)}")

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        kept = self.spec.retention
        return {
            "topic": self.spec.name,
            "partitions": self.spec.partitions,
            "cleanup": "compact" if self.spec.is_compacted else "delete",
            "retention_s": None if kept is None else kept.total_seconds(),
            "exists": self.found is not None,
            "replicas": None if self.copies is None else self.copies.replicas,
            "min_insync_replicas": None if self.copies is None else self.copies.needed,
            "max_message_bytes": None if self.copies is None else self.copies.max_bytes,
            "faults": list(self.faults),
        }


def declared(settings: Settings) -> tuple[TopicSpec, ...]:
    """Every topic of the pipeline under these settings, changelogs included."""
    from streams.delivery import changelog
    from streams.pipeline import create_app, declared_topics

    ours = TopicSpec(name=changelog(settings), partitions=settings.partitions, is_compacted=True)
    with tempfile.TemporaryDirectory(prefix="tocsin-") as folder:
        return (*declared_topics(settings, create_app(settings, datadir=Path(folder))), ours)


async def compare(event_log: EventLog | None, specs: Iterable[TopicSpec]) -> list[TopicState]:
    """The state of each topic; without a log none exists yet."""
    specs = tuple(specs)
    present = {} if event_log is None else await event_log.topics()
    copies: Mapping[str, Copies] = {}
    wanted = None
    if isinstance(event_log, KafkaLog):
        names = [spec.name for spec in specs if spec.name in present]
        copies = {name: Copies(*found) for name, found in (await event_log.copies(names)).items()}
        wanted = Copies(*await event_log.replication(), MAX_MESSAGE_BYTES)
    return [_state(spec, present.get(spec.name), copies.get(spec.name), wanted) for spec in specs]


def _state(spec: TopicSpec, found: TopicSpec | None, copies: Copies | None, wanted: Copies | None) -> TopicState:
    faults = []
    if found is None:
        faults.append("missing")
    else:
        if found.partitions != spec.partitions:
            faults.append(f"partitions: expected {spec.partitions}, found {found.partitions}; keys would move")
        if found.is_compacted != spec.is_compacted:
            faults.append(f"cleanup: expected {_cleanup(spec)}, found {_cleanup(found)}")
        elif found.retention != spec.retention:
            faults.append(f"retention: expected {_age(spec)}, found {_age(found)}")
    if copies is not None and wanted is not None:
        for name, is_, should in zip(
            ("replicas", "min.insync.replicas", "max.message.bytes"), copies, wanted, strict=True
        ):
            if is_ < should:
                faults.append(f"{name}: expected at least {should}, found {is_}")
    return TopicState(spec=spec, found=found, copies=copies, faults=tuple(faults))


async def create(event_log: EventLog, states: Iterable[TopicState]) -> list[str]:
    """Create what is missing and set cleanup and retention; what a person must decide is returned, one line each."""
    left = []
    for state in states:
        if state.is_right:
            continue
        try:
            await event_log.create_topic(state.spec)
        except LogError as error:
            left.append(str(error))
        else:
            kept = ("replicas", "min.insync", "max.message")
            left += [f"topic {state.spec.name}: {fault}" for fault in state.faults if fault.startswith(kept)]
    return left


def _cleanup(spec: TopicSpec) -> str:
    return "compact" if spec.is_compacted else "delete"


def _age(spec: TopicSpec) -> str:
    if spec.retention is None:
        return "for ever"
    days = spec.retention.total_seconds() / 86_400
    return f"{days:g} d"
