"""A run: history through the machine into a sink, saved as it goes, so that it can be stopped anywhere and go on."""

import asyncio
import contextlib
import gc
import hashlib
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from schemas.alert import Alert, Status
from schemas.article import ArticleUpdate, EntryRevision
from schemas.codec import encode
from schemas.errors import InputError
from streams.log import EventLog, TopicPartition
from streams.replay import plan as planning
from streams.replay.history import (
    History,
    Position,
    Reading,
    Span,
    place_of_alert,
    place_of_update,
    read_alert,
    read_update,
    times_of,
)
from streams.replay.machine import Machine
from streams.replay.plan import Plan
from streams.replay.sinks import Mark, Sink, as_replay
from streams.replay.state import FILE, MEMORY_BYTES, RunFolder, RunState, read_fact
from streams.settings import Settings

SAVE_S = 5.0
"""A run that is killed does again what it did since the last save, seconds."""

SAVE_ALERTS = 5_000
TURN_S = 0.1
"""How long it computes before it looks at signals, seconds."""

_SUM = 1 << 256


class Progress(msgspec.Struct, kw_only=True):
    """How far a run came: what it saves.

    positions  by "topic/partition"
    read       records read
    updates    those that counted: in range, of the outlet
    faults     events that could not be decoded or made a step raise
    digest     sum of the SHA-256 of all alerts, hex: equal runs have equal ones, in whatever order
    """

    plan: Plan
    positions: dict[str, Position] = {}
    ends: dict[str, int] = {}
    read: int = 0
    updates: int = 0
    alerts: int = 0
    faults: int = 0
    by_type: dict[str, int] = {}
    digest: str = "0"
    mark: Mark = msgspec.field(default_factory=Mark)
    is_done: bool = False
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        return {
            "run": self.plan.name,
            "read": self.read,
            "updates": self.updates,
            "alerts": self.alerts,
            "by_type": dict(sorted(self.by_type.items())),
            "dead_letters": self.faults,
            "digest": self.digest,
            "is_done": self.is_done,
            "seconds": round(self.seconds, 3),
        }


class _Seen(msgspec.Struct):
    """A message that was told."""


class Run:
    """One run, new or gone on with. Use `opened`.

    save_every  records after which it saves, for tests; None by time
    """

    def __init__(
        self,
        settings: Settings,
        event_log: EventLog,
        sink: Sink,
        *,
        folder: RunFolder,
        progress: Progress,
        save_every: int | None = None,
    ) -> None:
        self.plan = progress.plan
        self.progress = progress
        self._sink = sink
        self._folder = folder
        self._save_every = save_every
        self._digest = int(progress.digest, 16)
        self._is_alerts = self.plan.of == "alerts"
        self._machine = None if self._is_alerts else Machine(settings, folder, wants=self._wants)
        self._seen = RunState(folder, "seen")
        self._history = History(
            event_log,
            {_tp(name): end for name, end in progress.ends.items()},
            {_tp(name): position for name, position in progress.positions.items()},
            read_alert if self._is_alerts else read_update,
            place_of_alert if self._is_alerts else place_of_update,
        )

    @property
    def total(self) -> int:
        """Records from the beginning to the end."""
        progress = self.progress
        return progress.read + sum(end - progress.positions[name].offset for name, end in progress.ends.items())

    async def go(self, stop: asyncio.Event, tell: Callable[[Progress], None] = lambda _: None) -> Progress:
        """Until the end, or until somebody wants it to stop; saved either way.

        tell  called now and then with how far it is
        """
        progress = self.progress
        pace = _Pace(self.plan.speed)
        began = saved = turned = time.monotonic()
        spent, saved_alerts = progress.seconds, progress.alerts
        with _few_collections():
            async for reading in self._history.read():
                if self.plan.speed and (self.plan.from_ is None or reading.at >= self.plan.from_):
                    await pace.wait(reading.at, stop)
                if stop.is_set():
                    break
                self._take(reading)
                now = time.monotonic()
                is_due = now - saved >= SAVE_S or progress.alerts - saved_alerts >= SAVE_ALERTS
                if is_due if self._save_every is None else progress.read % self._save_every == 0:
                    await self._save()
                    saved, saved_alerts = time.monotonic(), progress.alerts
                if now - turned >= TURN_S:
                    progress.seconds = spent + now - began
                    tell(progress)
                    await asyncio.sleep(0)
                    turned = now
            else:
                progress.is_done = True
            progress.seconds = spent + time.monotonic() - began
            await self._save()
        tell(progress)
        return progress

    def _take(self, reading: Reading) -> None:
        self.progress.read += 1
        for alert in self._alerts(reading):
            self._emit(alert)
        self._history.took(reading)

    def _alerts(self, reading: Reading) -> Iterator[Alert]:
        event = reading.event
        if event is None:
            self.progress.faults += 1
        elif isinstance(event, Alert):
            if self._is_told(event):
                self._seen.put(event.id, _Seen())
                self._seen.keep()
                self.progress.updates += 1
                yield event
        elif isinstance(event, ArticleUpdate) and self._counts(event):
            assert self._machine is not None
            self.progress.updates += 1
            faults = self._machine.faults
            for alert in self._machine.update(event):
                if self.plan.within(alert.time):
                    yield alert
            self.progress.faults += self._machine.faults - faults

    def _counts(self, update: ArticleUpdate) -> bool:
        """Whether an update is taken. One that tells of nothing before the end of the range cannot change it."""
        plan = self.plan
        if plan.source is not None and update.source != plan.source:
            return False
        if plan.as_of is None and plan.to is None and not plan.is_cold:
            return True
        observed, *_ = times = times_of(update)
        if plan.as_of is not None and observed > plan.as_of:
            return False
        if plan.to is not None and min(times) >= plan.to:
            return False
        return not (plan.is_cold and plan.from_ is not None and max(times) < plan.from_)

    def _is_told(self, alert: Alert) -> bool:
        """Whether a stored alert is told again: once, and never what another replay or a drill left there."""
        plan = self.plan
        if (
            self._seen.get(alert.id, _Seen) is not None
            or alert.data.status is not Status.ACTUAL
            or not plan.within(alert.time)
        ):
            return False
        if plan.as_of is not None and alert.recordedtime > plan.as_of:
            return False
        sources = {proof.source for proof in alert.data.evidence}
        return (plan.story in (None, alert.story)) and (plan.source is None or plan.source in sources)

    def _wants(self, revision: EntryRevision) -> bool:
        return self.plan.story is None or revision.story == self.plan.story

    def _emit(self, alert: Alert) -> None:
        alert = as_replay(alert)
        progress = self.progress
        progress.alerts += 1
        kind = alert.type.value
        progress.by_type[kind] = progress.by_type.get(kind, 0) + 1
        self._digest = (self._digest + int.from_bytes(hashlib.sha256(encode(alert)).digest(), "big")) % _SUM
        self._sink.put(alert)

    async def _save(self) -> None:
        """Alerts first, then how far it is: what is done again after a kill writes the same ones."""
        progress = self.progress
        progress.mark = await self._sink.flush()
        progress.digest = f"{self._digest:x}"
        progress.positions = {_name(tp): one for tp, one in self._history.positions.items()}
        states = self._machine.states() if self._machine is not None else (self._seen,)
        changed = {state.step: state.changed() for state in states}
        self._folder.save({"progress": progress}, changed)
        for state in states:
            state.saved(MEMORY_BYTES // len(states))


@asynccontextmanager
async def opened(
    settings: Settings,
    event_log: EventLog,
    plan: Plan,
    sink: Sink,
    found: Span,
    *,
    folder: Path,
    resume: bool = False,
    save_every: int | None = None,
) -> AsyncIterator[Run]:
    """A run that has begun. Raises InputError for one of this name that is running, is done, or is there already."""
    held = RunFolder(folder)
    try:
        progress = held.fact("progress", Progress)
        if resume:
            if progress is None:
                raise InputError(f"--resume: expected a run that has begun, found none named {plan.name!r}")
            await sink.begin(progress.mark)
        else:
            if progress is not None:
                how = "is done" if progress.is_done else f"was stopped; go on with: tocsin replay --resume {plan.name}"
                raise InputError(f"replay {plan.name}: {how}; choose another --name for a new one")
            await sink.begin(None)
            progress = Progress(
                plan=plan,
                positions={_name(tp): Position(start) for tp, start in found.starts.items()},
                ends={_name(tp): end for tp, end in found.ends.items()},
            )
            held.save({"progress": progress}, {})
        yield Run(settings, event_log, sink, folder=held, progress=progress, save_every=save_every)
    finally:
        held.close()


def saved_plan(settings: Settings, name: str) -> tuple[Plan, Span]:
    """The plan of a run that was stopped, and what it reads. Raises InputError for an unknown one."""
    progress = saved(planning.folder_of(settings, name)) if planning.NAME.fullmatch(name) else None
    if progress is None:
        raise InputError(f"--resume: expected a run that has begun, found none named {name[:100]!r}")
    if progress.is_done:
        raise InputError(f"--resume: replay {name} is done; it found {progress.alerts} alerts")
    starts = {_tp(place): position.offset for place, position in progress.positions.items()}
    ends = {_tp(place): end for place, end in progress.ends.items()}
    return progress.plan, Span(starts=starts, ends=ends, first_s=None, is_cut=False)


def saved(folder: Path) -> Progress | None:
    """How far a run came, also while it runs; None where none has begun."""
    return read_fact(folder, "progress", Progress)


def runs(settings: Settings) -> list[Progress]:
    """Every run whose folder is there, as it was last saved; the name of its folder is that of the run."""
    found = []
    for path in sorted(planning.folder_of(settings, "").glob(f"*/{FILE}")):
        progress = saved(path.parent)
        if progress is not None:
            found.append(progress)
    return found


class _Pace:
    """History at a multiple of its own speed."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._first: datetime | None = None
        self._began = 0.0

    async def wait(self, at: datetime, stop: asyncio.Event) -> None:
        """Until it is time, or somebody wants it to stop."""
        if self._first is None:
            self._first, self._began = at, time.monotonic()
        due = self._began + (at - self._first).total_seconds() / self._speed
        left = due - time.monotonic()
        if left > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await stop.wait()


@contextlib.contextmanager
def _few_collections() -> Iterator[None]:
    """Values are frozen and hold no cycles: looking for some again and again would cost a tenth of the time."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(200_000, 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def _name(tp: TopicPartition) -> str:
    return f"{tp.topic}/{tp.partition}"


def _tp(name: str) -> TopicPartition:
    topic, _, partition = name.rpartition("/")
    return TopicPartition(topic, int(partition))
