"""Ends a worker that stands still: work is there, and its committed offset does not move.

Consumers stop without a word (faust-streaming/faust#175, #523, #640, aio-libs/aiokafka#1154), and in some of these
faults events are still processed while commits stand; so what counts is the committed offset alone. The supervisor's
restart is the cure: everything not committed is read again.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Hashable, Mapping
from typing import Any, NamedTuple

import msgspec

from schemas.errors import LogError
from streams.log import EventLog, TopicPartition

logger = logging.getLogger(__name__)

EVERY_S = 10.0
EXIT_STALLED = 75


class Lag(NamedTuple):
    """A partition of this worker: the next offset its group will read, and the next one to be written."""

    committed: int
    end: int


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """What one look at the worker and the log showed.

    lags        per partition of this worker; None when the log did not answer
    expired     earliest offset of each partition whose committed offset retention has passed
    recovering  while a rebalance or the rebuilding of tables goes on: anything that changes as it proceeds; else None
    """

    lags: Mapping[TopicPartition, Lag] | None = None
    expired: Mapping[TopicPartition, int] = {}
    recovering: Hashable | None = None


class Watchdog:
    """Decides when standing still has lasted too long.

    limit_s  longest time without progress, seconds. A process that was itself stopped (SIGSTOP, a sleeping laptop) is
             not held to account for it: between two looks at most twice their usual distance counts.
    """

    def __init__(
        self, limit_s: float, *, every_s: float = EVERY_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit = limit_s
        self._every = every_s
        self._clock = clock
        self._last = clock()
        self._waited: dict[TopicPartition, tuple[int, float]] = {}
        self._recovering: tuple[Hashable, float] | None = None
        self._silent = 0.0

    def observe(self, seen: Observation) -> str | None:
        """Why the worker must end, in one line, or None."""
        now = self._clock()
        passed = min(now - self._last, 2 * self._every)
        self._last = now
        return self._log(seen, passed) or self._recovery(seen, passed) or self._commits(seen, passed)

    def _log(self, seen: Observation, passed: float) -> str | None:
        self._silent = self._silent + passed if seen.lags is None else 0.0
        if self._silent < self._limit:
            return None
        return f"the log has not answered for {self._silent:.0f} s"

    def _recovery(self, seen: Observation, passed: float) -> str | None:
        if seen.recovering is None:
            self._recovering = None
            return None
        before = self._recovering
        if before is None or before[0] != seen.recovering:
            self._recovering = (seen.recovering, 0.0)
            return None
        waited = before[1] + passed
        self._recovering = (seen.recovering, waited)
        if waited < self._limit:
            return None
        return f"recovery without progress for {waited:.0f} s"

    def _commits(self, seen: Observation, passed: float) -> str | None:
        if seen.lags is None:
            return None
        if seen.recovering is not None:
            self._waited.clear()  # commits wait for the tables
            return None
        before, self._waited = self._waited, {}
        for tp, lag in seen.lags.items():
            committed, waited = before.get(tp, (lag.committed, -passed))
            has_moved = lag.committed != committed or lag.end <= lag.committed
            self._waited[tp] = (lag.committed, 0.0 if has_moved else waited + passed)
        stalled = {tp: waited for tp, (_, waited) in self._waited.items() if waited >= self._limit}
        if not stalled:
            return None
        tp = max(stalled, key=lambda one: stalled[one])
        lag = seen.lags[tp]
        return (
            f"no commit for {stalled[tp]:.0f} s: topic {tp.topic} partition {tp.partition} "
            f"committed {lag.committed} end {lag.end} ({len(stalled)} of {len(seen.lags)} partitions stand still)"
        )


async def watch(app: Any, event_log: EventLog, *, limit_s: float, die: Callable[[int, str], None]) -> None:
    """Look every `EVERY_S` seconds (oftener under a small limit), until cancelled; end the process on a stall."""
    every = min(EVERY_S, limit_s / 4)
    watchdog = Watchdog(limit_s, every_s=every)
    while True:
        await asyncio.sleep(every)
        seen = await look(app, event_log, patience_s=every)
        if seen.expired and seen.recovering is None:
            app.consumer.pass_expired(seen.expired)
        reason = watchdog.observe(seen)
        if reason is not None:
            for task in asyncio.all_tasks():
                logger.debug("WorkerStalled task=%r stack=%r", task.get_name(), task.get_stack(limit=3))
            die(EXIT_STALLED, f"WorkerStalled: {reason}")


async def look(app: Any, event_log: EventLog, *, patience_s: float = EVERY_S) -> Observation:
    """What the worker and the log show just now."""
    recovering = _recovering(app)
    changelogs = app.tables.changelog_topics
    try:
        own = [TopicPartition(*tp) for tp in app.consumer.assignment() if tp.topic not in changelogs]
        async with asyncio.timeout(patience_s):
            # commits before ends: what is committed meanwhile shows as lag once, never as progress undone
            committed = await event_log.committed(app.conf.id)
            ends = {topic: await event_log.ends(topic) for topic in {tp.topic for tp in own}}
            behind = {tp.topic for tp in own if committed.get(tp, 0) < ends[tp.topic][tp.partition]}
            starts = {topic: await event_log.starts(topic) for topic in behind}
    except (LogError, TimeoutError) as error:
        logger.warning("LogUnreadable reason=%s", error or "no answer")
        return Observation(recovering=recovering)
    first = {tp: starts.get(tp.topic, {}).get(tp.partition, 0) for tp in own}
    lags = {tp: Lag(committed.get(tp, first[tp]), ends[tp.topic][tp.partition]) for tp in own}
    expired = {tp: start for tp, start in first.items() if committed.get(tp, start) < start}
    return Observation(lags=lags, expired=expired, recovering=recovering)


def _recovering(app: Any) -> Hashable | None:
    """While tables are rebuilt: how far they are. A new generation counts as progress."""
    if not (app.rebalancing or app.in_recovery):
        return None
    offsets = app.tables.recovery.active_offsets
    return (app.consumer_generation_id, tuple(sorted((tuple(tp), offset) for tp, offset in offsets.items() if offset)))
