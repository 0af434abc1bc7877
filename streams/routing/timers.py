"""Timers as records: when something is due for a story or a subscription, a tick is appended to its topic.

The tables say what is due; nothing else is kept, so a restart forgets nothing and overdue ticks fire at once. Only the
worker that holds a partition ticks it. Where nothing is due, nothing is written. A tick too many changes nothing.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from heapq import heapify, heappop, heappush
from typing import Any, NamedTuple

from agents.step import State
from schemas.routing import Tick
from streams.log.partitioner import key_hash
from streams.record_size import OutRecord
from streams.stage import Binding, InEvent, Stage
from streams.topics import Topic

REBUILDING_POLL_S = 0.1
"""How often to look whether the tables are whole again."""

AGAIN_S = 10.0
"""Wait before the same due time is ticked again, seconds: its record is still on the way, or a stage stands still."""

STEP_S = 1.0
"""Longest sleep, seconds: the clock may be set, the tables may go to another worker."""


def steady(wall: Callable[[], float] = time.time, elapsed: Callable[[], float] = time.monotonic) -> Callable[[], float]:
    """The wall clock, but never back: where it is set back, time goes on from where it was.

    Else what waits for 20 seconds would wait for an hour and 20 seconds.
    """
    base, since = wall(), elapsed()

    def now() -> float:
        nonlocal base, since
        here, ran = wall(), elapsed()
        base, since = max(here, base + ran - since), ran
        return base

    return now


class Clocked(NamedTuple):
    """A stage whose state has due times.

    due      of a key, from the state; None if nothing waits
    suffix   what the keys of state that have a due time end in, behind the key of the record
    to_tick  the record of a tick
    """

    stage: Stage
    binding: Binding
    topic: Topic
    due: Callable[[State, str], datetime | None]
    suffix: str
    to_tick: Callable[[Tick], OutRecord]

    def heads(self) -> Iterator[str]:
        """Everything in the table that may be due some day."""
        end = self.suffix.encode()
        assert self.binding.table is not None
        for key in self.binding.table.keys():  # noqa: SIM118  no dictionary
            if key.endswith(end):
                yield key[: -len(end)].decode("utf-8", "replace")

    def due_at(self, key: str) -> datetime | None:
        """When the key is next due."""
        return self.due(self.stage.state(self.binding.step.name), key)


class Timers:
    """When each key of one stage is next due. Times are seconds since the epoch.

    `settled` is called with events whose state is durable, `scan` when the tables are whole again.

    wake  set when something new is due
    """

    def __init__(self, clocked: Clocked, wake: asyncio.Event) -> None:
        self.clocked = clocked
        self.is_whole = False
        self._wake = wake
        clocked.stage.on_settled(self.settled)
        self._due: dict[str, float] = {}
        self._queue: list[tuple[float, str]] = []
        self._ticked: dict[str, tuple[float, float]] = {}
        self._is_nudged = False

    def forget(self) -> None:
        """Know nothing until the next scan: the tables hold other partitions, or are being rebuilt."""
        self.is_whole = False
        self._due.clear()
        self._queue.clear()
        self._ticked.clear()

    def scan(self, is_own: Callable[[str], bool]) -> None:
        """Look at everything in the table that `is_own`."""
        self.forget()
        for key in self.clocked.heads():
            if is_own(key):
                self._note(key, self.clocked.due_at(key))
        self.is_whole = True

    def settled(self, events: Sequence[InEvent]) -> None:
        """Look again at the keys of these events."""
        if not self.is_whole:
            return
        for key in {event.message.key for event in events}:
            if key is not None:
                name = key.decode("utf-8", "replace")
                self._note(name, self.clocked.due_at(name))

    def _note(self, key: str, due: datetime | None) -> None:
        if due is None:
            self._due.pop(key, None)
            self._ticked.pop(key, None)
            return
        at = due.timestamp()
        if self._due.get(key) != at:
            self._due[key] = at
            heappush(self._queue, (at, key))
            self._wake.set()
        if len(self._queue) > 2 * len(self._due) + 1000:
            self._queue = [(at, key) for key, at in self._due.items()]  # what was moved leaves its old time behind
            heapify(self._queue)

    def nudge(self) -> None:
        """Tick everything that waits: what it waits for may be over."""
        self._is_nudged = True
        self._wake.set()

    def next_at(self) -> float | None:
        """The earliest time in the queue; it may be of a key that is due later by now."""
        return self._queue[0][0] if self._queue else None

    def has_due(self, now: float) -> bool:
        """Whether something due has not been dealt with, its tick on the way included."""
        return not self.is_whole or any(at <= now for at in self._due.values())

    def ticks(self, now: float) -> list[OutRecord]:
        """The records of the ticks that are to be written now."""
        found = []
        if self._is_nudged and self.is_whole:
            self._is_nudged = False
            found = [self._tick(key, now) for key, due in sorted(self._due.items()) if due > now]
        while self._queue and self._queue[0][0] <= now:
            _, key = heappop(self._queue)
            due = self._due.get(key)
            if due is None or due > now:
                continue  # dealt with, or moved; the new time stands in the queue too
            before = self._ticked.get(key)
            if before is not None and before[0] == due and now < before[1] + AGAIN_S:
                heappush(self._queue, (before[1] + AGAIN_S, key))
                continue
            self._ticked[key] = (due, now)
            heappush(self._queue, (now + AGAIN_S, key))
            found.append(self._tick(key, now))
        return found

    def _tick(self, key: str, now: float) -> OutRecord:
        return self.clocked.to_tick(Tick(key=key, at=datetime.fromtimestamp(now, UTC)))


def owner_of(topic: str, partitions: int, assigned: Iterable[Any]) -> Callable[[str], bool]:
    """Whether a key's partition is this worker's."""
    own = {tp.partition for tp in assigned if tp.topic == topic}
    return lambda key: key_hash(key.encode()) % partitions in own


Publish = Callable[[Sequence[OutRecord]], Awaitable[None]]
"""Returns when the records are durable."""


class Scheduler:
    """Ticks what is due for all stages that have timers."""

    def __init__(
        self, clocked: Iterable[Clocked], publish: Publish, *, clock: Callable[[], float] | None = None
    ) -> None:
        self._wake = asyncio.Event()
        self._publish = publish
        self._clock = clock or steady()
        self.timers = tuple(Timers(one, self._wake) for one in clocked)

    async def run(self, app: Any) -> None:
        """Tick what is due, until cancelled."""
        generation: Any = None
        while True:
            if app.rebalancing or app.in_recovery:
                self.forget()
                await asyncio.sleep(REBUILDING_POLL_S)
                continue
            if generation != app.consumer_generation_id or not all(one.is_whole for one in self.timers):
                generation = app.consumer_generation_id
                assigned = app.consumer.assignment()
                for one in self.timers:
                    one.scan(owner_of(one.clocked.topic.name, app.conf.topic_partitions, assigned))
                    one.nudge()  # a silence may have ended while nobody looked
            await self._wait(await self.turn())

    def forget(self) -> None:
        """What is due is not known until the tables are whole again."""
        for one in self.timers:
            one.forget()

    def nudge(self) -> None:
        """Tick everything that waits, as when a silence has ended before its time."""
        for one in self.timers:
            one.nudge()

    def has_due(self, within_s: float = 0.0) -> bool:
        """Whether something that is due now, or within so many seconds, has not been dealt with."""
        now = self._clock() + within_s
        return any(one.has_due(now) for one in self.timers)

    async def turn(self) -> float:
        """Tick what is due now; seconds until something may be due again, at most a second."""
        now = self._clock()
        ticks = [tick for one in self.timers for tick in one.ticks(now)]
        if ticks:
            await self._publish(ticks)
        self._wake.clear()
        nexts = [at for one in self.timers if (at := one.next_at()) is not None]
        return min([STEP_S, *(at - self._clock() for at in nexts)])

    async def _wait(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)
