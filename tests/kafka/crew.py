"""Workers to be disturbed, what feeds them, and what the log shows of them from outside."""

import asyncio
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from schemas.article import ArticleUpdate
from schemas.codec import decode
from schemas.errors import LogError
from streams.log import Draft, EventLog, open_log
from streams.settings import Settings
from streams.topics import UPDATES
from streams.worker import declare_topics, is_idle
from tests.e2e.harness import Tocsin
from tests.kafka import broker

ROOT = Path(__file__).parents[2]
SESSION_S = 4
"""After a kill the successor waits so long for its partitions; brokers must be told to allow it."""

PATIENCE_S = 180
STOP_S = 20


# -- the log from outside


def ask(tocsin: Tocsin, question: Callable[[EventLog], Any]) -> Any:
    """Ask the log once, through a connection of its own; again while brokers come and go."""

    async def once() -> Any:
        log = await open_log(tocsin.broker, mode="append")
        try:
            return await question(log)
        finally:
            await log.close()

    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            return asyncio.run(once())
        except LogError:
            if time.monotonic() > end:
                raise
        time.sleep(0.2)


def settings_of(tocsin: Tocsin) -> Settings:
    """What the test itself needs of the settings that the processes get from their environment."""
    told = tocsin.environment
    return Settings(
        broker=tocsin.broker, partitions=int(told["TOCSIN_PARTITIONS"]), app_id=told.get("TOCSIN_APP_ID", "tocsin")
    )


def committed(tocsin: Tocsin) -> int:
    """Updates the group is done with."""
    group = settings_of(tocsin).app_id
    offsets = ask(tocsin, lambda log: log.committed(group))
    return sum(offset for tp, offset in offsets.items() if tp.topic == UPDATES.name)


def is_done(tocsin: Tocsin) -> bool:
    """Whether every partition's committed offset has reached its end."""
    group = settings_of(tocsin).app_id
    done: bool = ask(tocsin, lambda log: is_idle(log, group))
    return done


def members(tocsin: Tocsin) -> int:
    """Workers that share the partitions now; 0 while they are being shared."""
    return len(asyncio.run(broker.assignments(tocsin.broker.removeprefix("kafka://"), settings_of(tocsin).app_id)))


def publish(tocsin: Tocsin, updates: Sequence[bytes]) -> int:
    """Append updates in order; returns how many sends had an unknown outcome and were repeated.

    A batch holds an item once: repeated as a whole, no update of an item comes behind a later one.
    """

    async def append(log: EventLog) -> int:
        unknown = 0
        for batch in _batches(updates):
            while True:
                try:
                    await log.append_many(batch)
                    break
                except LogError:
                    unknown += len(batch)
                    await asyncio.sleep(0.2)
        return unknown

    async def declare(log: EventLog) -> None:
        await declare_topics(log, settings_of(tocsin))

    if UPDATES.name not in ask(tocsin, lambda log: log.topics()):
        ask(tocsin, declare)
    unknown: int = ask(tocsin, append)
    return unknown


def _batches(updates: Iterable[bytes], size: int = 200) -> list[list[Draft]]:
    batches: list[list[Draft]] = [[]]
    items: set[bytes] = set()
    for update in updates:
        item = decode(ArticleUpdate, update).item.encode()
        if item in items or len(batches[-1]) >= size:
            batches.append([])
            items.clear()
        items.add(item)
        batches[-1].append(Draft(UPDATES.name, item, update))
    return batches


class Feed:
    """Publishes updates evenly over some seconds, beside the test."""

    def __init__(self, tocsin: Tocsin, updates: Sequence[bytes], seconds: float, *, parts: int = 100) -> None:
        self.unknown = 0
        self._error: BaseException | None = None
        self._hurry = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(tocsin, updates, seconds, parts))
        self._thread.start()

    def _run(self, tocsin: Tocsin, updates: Sequence[bytes], seconds: float, parts: int) -> None:
        size = max(1, -(-len(updates) // parts))
        try:
            for first in range(0, len(updates), size):
                self.unknown += publish(tocsin, updates[first : first + size])
                self._hurry.wait(seconds / parts)
        except BaseException as error:
            self._error = error

    @property
    def is_over(self) -> bool:
        """Whether everything is published."""
        return not self._thread.is_alive()

    def finish(self) -> None:
        """Publish the rest without pauses."""
        self._hurry.set()
        self._thread.join(PATIENCE_S)
        assert self.is_over
        if self._error is not None:
            raise self._error


# -- workers


@dataclass
class Crew:
    """Workers on one log, and how those ended that nobody ended."""

    tocsin: Tocsin
    fault: str | None = None
    living: list["subprocess.Popen[bytes]"] = field(default_factory=list)
    own_exits: list[int] = field(default_factory=list)

    def start(self, **environment: str) -> "subprocess.Popen[bytes]":
        """One more worker."""
        plain = [sys.executable, "-m", "streams.cli", "run"]
        wrapped = [sys.executable, "-m", "tests.kafka.worker_with_faults", self.fault or "", "run"]
        with (self.tocsin.folder / "worker.out").open("ab") as out:
            process = subprocess.Popen(
                wrapped if self.fault else plain,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd=self.tocsin.folder,
                env={**self.tocsin.environment, **environment},
            )
        self.living.append(process)
        return process

    def said(self) -> str:
        """All that workers have printed."""
        path = self.tocsin.folder / "worker.out"
        return path.read_text(errors="replace") if path.exists() else ""

    def start_ready(self, **environment: str) -> float:
        """One more worker, awaited until it can take an update; returns the seconds this took."""
        before, began = self.said().count("ready on"), time.monotonic()
        self.start(**environment)
        self.until(lambda: self.said().count("ready on") > before, "a worker is ready")
        return time.monotonic() - began

    def end(self, process: "subprocess.Popen[bytes]", number: signal.Signals = signal.SIGTERM) -> tuple[int, float]:
        """Signal one worker and wait for it; returns its exit code and the seconds it took."""
        began = time.monotonic()
        self.living.remove(process)
        process.send_signal(number)
        try:
            return process.wait(STOP_S + 5), time.monotonic() - began
        finally:
            if process.poll() is None:
                process.kill()
                process.wait(10)

    def kill(self) -> None:
        """SIGKILL the oldest worker."""
        self.end(self.living[0], signal.SIGKILL)

    def tend(self) -> None:
        """What a supervisor does: start again what has ended by itself."""
        for process in list(self.living):
            if (code := process.poll()) is not None:
                self.living.remove(process)
                self.own_exits.append(code)
                self.start()

    def until(
        self, holds: Callable[[], bool], what: str, *, patience_s: float = PATIENCE_S, every_s: float = 0.1
    ) -> float:
        """Tend the workers until something holds; returns the seconds this took."""
        began = time.monotonic()
        while not holds():
            assert time.monotonic() < began + patience_s, f"not within {patience_s} s: {what}\n{self.said()[-2000:]}"
            self.tend()
            time.sleep(every_s)
        return time.monotonic() - began

    def until_committed(self, count: int) -> float:
        """Until the group is done with so many updates, or with all there are; returns the seconds this took."""
        return self.until(lambda: committed(self.tocsin) >= count or is_done(self.tocsin), f"{count} updates committed")

    def kill_when_written(self, topic: str, count: int) -> bool:
        """SIGKILL the oldest worker as soon as a topic holds so many records; returns whether work was in flight.

        Also when all is done: records that are written again count too, so that a point may lie beyond the end.
        """

        async def reach(log: EventLog) -> None:
            group = settings_of(self.tocsin).app_id
            while sum((await log.ends(topic)).values()) < count and not await is_idle(log, group):
                await asyncio.sleep(0.002)

        ask(self.tocsin, reach)
        self.kill()
        return not is_done(self.tocsin)

    def settle(self, feed: Feed | None = None) -> float:
        """Until every commit has reached its end; returns the seconds this took."""
        if feed is not None:
            feed.finish()
        return self.until(lambda: is_done(self.tocsin), "every commit at its end")

    def dismiss(self) -> None:
        """End all workers that are left, gently, then not."""
        for process in self.living:
            process.send_signal(signal.SIGCONT)
            process.terminate()
        for process in self.living:
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)
        self.living.clear()
