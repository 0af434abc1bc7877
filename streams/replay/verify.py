"""Proof that the rules at hand raise the alerts that are stored: each stage is run again over the very records it read.

Between stages the recorded order counts, not one made up again: two items of one story, or two stories about one
person, may have met in either order, and the log knows which it was.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from datetime import datetime
from typing import Any

import msgspec

from schemas.alert import Alert, Status
from schemas.article import EntryRevision
from schemas.codec import alert_from_record, decode, encode
from schemas.detection import RoleClaim
from schemas.errors import DecodeError, InputError
from schemas.event import Event
from streams import topics
from streams.log import EventLog, Record, TopicPartition
from streams.replay.history import read_update
from streams.replay.machine import Machine
from streams.replay.state import MEMORY_BYTES, RunFolder
from streams.settings import Settings

TURN = 50
"""Records between two looks at the rest of the program."""

SAVE = 2_000
"""Records between two times when state may leave memory."""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """The first thing that is not equal.

    what  "differs", "missing" (stored, but not raised now) or "new" (raised now, but not stored)
    path  of the first field that differs
    """

    topic: str
    id: str
    what: str
    story: str = ""
    path: str = ""
    stored: str = ""
    now: str = ""


class Tally(msgspec.Struct, kw_only=True):
    """What came of one comparison; `inputs` records were read for it."""

    inputs: int = 0
    equal: int = 0
    differing: int = 0
    missing: int = 0
    new: int = 0
    first: Difference | None = None

    @property
    def is_equal(self) -> bool:
        """Whether nothing differs."""
        return not (self.differing or self.missing or self.new)


class Verification(msgspec.Struct, kw_only=True):
    """All of it.

    is_cut  retention has taken earlier input, so that state from then is not known
    lagging topics that the pipeline has not read to their ends: what it has written of the rest is not looked at
    """

    entries: Tally
    alerts: Tally
    is_cut: bool
    lagging: list[str]

    @property
    def is_equal(self) -> bool:
        """Whether the alerts are the same, and what they rest on."""
        return self.entries.is_equal and self.alerts.is_equal

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return {"is_equal": self.is_equal, **found}


class _Stored(msgspec.Struct):
    """Where an event stands, and the digest of what it says."""

    record: tuple[str, int, int]
    digest: bytes
    is_met: bool = False


class Verifier:
    """Runs the stages one after the other. State goes to the folder, not to the log.

    within  which event times are compared
    tell    called with the number of records that were read since the last call
    """

    def __init__(
        self,
        settings: Settings,
        event_log: EventLog,
        folder: RunFolder,
        *,
        within: Callable[[datetime], bool] = lambda _: True,
        tell: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._log = event_log
        self._group = settings.app_id
        self._folder = folder
        self._within = within
        self._tell = tell
        self._machine = Machine(settings, folder)
        self._ends: dict[str, dict[int, int]] = {}
        self._lagging: list[str] = []
        self._is_cut = False
        self._read = 0

    async def total(self) -> int:
        """Records that are to be read. Raises InputError where nothing was ever processed."""
        committed = await self._log.committed(self._group)
        known = await self._log.topics()
        for topic in (topics.UPDATES, topics.ENTRIES, topics.ROLE_CLAIMS):
            if topic.name not in known:
                raise InputError(f"topic {topic.name}: unknown in this log; expected one that tocsin has run on")
            starts, ends = await self._log.starts(topic.name), await self._log.ends(topic.name)
            self._ends[topic.name] = {}
            for number, end in ends.items():
                done = min(end, max(committed.get(TopicPartition(topic.name, number), 0), starts[number]))
                self._ends[topic.name][number] = done
                if done < end and topic.name not in self._lagging:
                    self._lagging.append(topic.name)
                self._is_cut |= topic is topics.UPDATES and starts[number] > 0
        counts = [
            end - start
            for topic in self._ends
            for start, end in zip((await self._log.starts(topic)).values(), self._ends[topic].values(), strict=True)
        ]
        if not sum(counts):
            raise InputError(f"app {self._group}: expected processed updates to verify, found none")
        return sum(counts)

    async def run(self) -> Verification:
        """Both comparisons; `total` comes first."""
        entries = await self._entries()
        alerts = await self._alerts()
        return Verification(entries=entries, alerts=alerts, is_cut=self._is_cut, lagging=self._lagging)

    async def _entries(self) -> Tally:
        stored = await self._index((topics.ENTRIES.name,), self._revision_facts)
        tally = Tally()
        async for record in self._inputs(topics.UPDATES.name):
            tally.inputs += 1
            try:
                update = read_update(record)
            except DecodeError:
                continue
            for revision in self._machine.cut(update):
                assert isinstance(revision, EntryRevision)
                if self._within(revision.published_at):
                    await self._compare(tally, stored, revision.revision_id, revision)
        self._close(tally, stored, is_whole=topics.UPDATES.name not in self._lagging)
        return tally

    async def _alerts(self) -> Tally:
        names = tuple(topic.name for topic in topics.ALERT_TOPICS)
        stored = await self._index(names, self._alert_facts)
        tally = Tally()
        seen: set[str] = set()
        async for record in self._inputs(topics.ENTRIES.name):
            tally.inputs += 1
            try:
                revision = decode(EntryRevision, record.value)
            except DecodeError:
                continue
            if revision.revision_id in seen:
                continue  # written twice by a worker that was killed
            seen.add(revision.revision_id)
            await self._told(tally, stored, self._machine.detect(revision))
        seen.clear()
        async for record in self._inputs(topics.ROLE_CLAIMS.name):
            tally.inputs += 1
            try:
                claim = decode(RoleClaim, record.value)
            except DecodeError:
                continue
            name = f"{claim.claim_id}/{claim.revision}/{claim.is_withdrawn:d}"
            if name not in seen:
                seen.add(name)
                await self._told(tally, stored, self._machine.claim(claim))
        is_whole = not {topics.ENTRIES.name, topics.ROLE_CLAIMS.name} & set(self._lagging)
        self._close(tally, stored, is_whole=is_whole)
        return tally

    async def _told(self, tally: Tally, stored: dict[str, _Stored], events: Iterable[Event]) -> None:
        for event in events:
            if isinstance(event, Alert) and self._within(event.time):
                await self._compare(tally, stored, event.id, event)

    async def _inputs(self, topic: str) -> AsyncIterator[Record]:
        for number, end in self._ends[topic].items():
            async for record in self._log.read(topic, number, 0, end):
                yield record
                self._read += 1
                if self._read % TURN == 0:
                    self._tell(TURN)
                    await asyncio.sleep(0)
                if self._read % SAVE == 0:
                    self._save()

    def _save(self) -> None:
        states = self._machine.states()
        self._folder.save({}, {state.step: state.changed() for state in states})
        for state in states:
            state.saved(MEMORY_BYTES // len(states))

    async def _index(
        self, names: Collection[str], facts: Callable[[Record], tuple[str, bytes] | None]
    ) -> dict[str, _Stored]:
        """What is stored, by id: the first of each."""
        found: dict[str, _Stored] = {}
        for name in names:
            for number in await self._log.ends(name):
                async for record in self._log.read(name, number, 0):
                    told = facts(record)
                    if told is not None and told[0] not in found:
                        found[told[0]] = _Stored((name, number, record.offset), told[1])
        return found

    def _revision_facts(self, record: Record) -> tuple[str, bytes] | None:
        try:
            revision = decode(EntryRevision, record.value)
        except DecodeError:
            return None
        return (revision.revision_id, _digest(revision)) if self._within(revision.published_at) else None

    def _alert_facts(self, record: Record) -> tuple[str, bytes] | None:
        try:
            alert = alert_from_record(record.value, record.headers)
        except DecodeError:
            return None
        is_ours = alert.data.status is Status.ACTUAL and self._within(alert.time)
        return (alert.id, _digest(alert)) if is_ours else None

    async def _compare(self, tally: Tally, stored: dict[str, _Stored], id: str, event: Event) -> None:
        known = stored.get(id)
        story = event.story if isinstance(event, Alert | EntryRevision) else ""
        topic = topics.ENTRIES.name if isinstance(event, EntryRevision) else "alerts"
        if known is None:
            tally.new += 1
            tally.first = tally.first or Difference(topic=topic, id=id, what="new", story=story, now=_line(event))
        elif known.is_met:
            return  # written and raised twice
        elif known.digest == _digest(event):
            known.is_met = True
            tally.equal += 1
        else:
            known.is_met = True
            tally.differing += 1
            if tally.first is None:
                before = await self._at(known, type(event))
                path, was, now = difference(msgspec.to_builtins(before), msgspec.to_builtins(_plain(event)))
                tally.first = Difference(
                    topic=known.record[0], id=id, what="differs", story=story, path=path, stored=was, now=now
                )

    async def _at(self, known: _Stored, kind: type[Event]) -> Event:
        name, number, offset = known.record
        records = [one async for one in self._log.read(name, number, offset, offset + 1)]
        value, headers = records[0].value, records[0].headers
        return _plain(alert_from_record(value, headers) if kind is Alert else decode(kind, value))

    @staticmethod
    def _close(tally: Tally, stored: dict[str, _Stored], *, is_whole: bool) -> None:
        """What is stored and was not raised; with input that was not read to its end, nobody can say."""
        missing = [(id, one) for id, one in stored.items() if not one.is_met] if is_whole else []
        tally.missing = len(missing)
        if missing and tally.first is None:
            id, one = missing[0]
            tally.first = Difference(topic=one.record[0], id=id, what="missing")


def difference(before: Any, now: Any, path: str = "") -> tuple[str, str, str]:
    """Path of the first field that differs, and both values in short.

    >>> difference({"a": [1, 2]}, {"a": [1, 3]})
    ('a[1]', '2', '3')
    """
    if isinstance(before, dict) and isinstance(now, dict):
        for name in [*before, *(name for name in now if name not in before)]:
            if before.get(name) != now.get(name):
                return difference(before.get(name), now.get(name), f"{path}.{name}" if path else name)
    if isinstance(before, list) and isinstance(now, list):
        for n in range(max(len(before), len(now))):
            if n >= len(before) or n >= len(now):
                return f"{path}[{n}]", _short(before[n : n + 1]), _short(now[n : n + 1])
            if before[n] != now[n]:
                return difference(before[n], now[n], f"{path}[{n}]")
    return path, _short(before), _short(now)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else text[:199] + "…"


def _line(event: Event) -> str:
    return _short(event.data.headline) if isinstance(event, Alert) else ""


def _plain(event: Event) -> Event:
    """Without what only traces this run."""
    return msgspec.structs.replace(event, traceparent=None) if isinstance(event, Alert) else event


def _digest(event: Event) -> bytes:
    return hashlib.sha256(encode(_plain(event))).digest()
