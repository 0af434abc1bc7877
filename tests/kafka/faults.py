"""What the fault tests share: many updates with known alerts, workers to be disturbed, and the account afterwards."""

import asyncio
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from schemas.article import ArticleUpdate, EntryRevision, Format, Post
from schemas.codec import alert_from_record, decode, encode
from schemas.errors import LogError
from streams.log import Draft, EventLog, Record, open_log
from streams.sample import sample_updates
from streams.settings import Settings
from streams.topics import ALERTS, ENTRIES, UPDATES
from streams.worker import declare_topics, is_idle
from tests.builders import an_update
from tests.e2e.harness import Tocsin
from tests.kafka import broker

ROOT = Path(__file__).parents[2]
SESSION_S = 4
"""After a kill the successor waits so long for its partitions; brokers must be told to allow it."""

PATIENCE_S = 180
STOP_S = 20
PAGE = "live/2026/mar/14/yarrel-river-crisis"
OWN_NAMES = {
    "River Fleet": "River {} Fleet",
    "head of the fleet": "head of the {} Fleet",
    "Vasht": "Vasht{}",
    "Linnow": "Linnow{}",
    "Ostwick": "Ostwick{}",
}
"""Who changes posts in the sample: what is known of a post is shared by all stories, so each page has its own."""


def seed() -> int:
    """TOCSIN_SEED, else a new one; every test prints it."""
    return int(os.environ.get("TOCSIN_SEED") or random.randrange(2**32))


# -- updates and what they must give


def flow(count: int, dice: random.Random, *, pages: int | None = None) -> list[bytes]:
    """Updates in an order that only respects each item's own: copies of the bundled live blog among quiet notices.

    pages  copies, of 44 updates and some 55 alerts each; chosen so that about 5 % of many updates give an alert
    """
    blogs = [_page(number) for number in range(pages or max(4, count // 1000))]
    left = count - sum(map(len, blogs))
    notices = [[_notice(number, text) for text in _NOTICES] for number in range(left // len(_NOTICES))]
    queues = [iter(queue) for queue in (*blogs, *notices)]
    turns = [number for number, queue in enumerate((*blogs, *notices)) for _ in queue]
    dice.shuffle(turns)
    return [next(queues[number]) for number in turns]


_NOTICES = (
    "The ferry from pier {} runs every half hour, and the crossing takes nine minutes.",
    "The ferry from pier {} runs every hour, and the crossing takes twelve minutes.",
)
"""A notice and its edit; neither says anything that would be told."""


def _page(number: int) -> list[bytes]:
    tail = "".join("bdfgklmnprst"[int(digit)] + "aeiou"[int(digit) % 5] for digit in f"{number:03d}")
    found = []
    for raw in sample_updates():
        text = raw.decode().replace(PAGE, f"live/{number}/crisis")
        for name, own in OWN_NAMES.items():
            text = text.replace(name, own.format(tail.title() if " " in name else tail))
        found.append(text.encode())
    return found


def _notice(number: int, text: str) -> bytes:
    edit = _NOTICES.index(text)
    item = f"https://sample-news.example/notices/{number}"
    post = Post(text=text.format(number), id=f"n{number}")
    update = an_update(update_id=f"up_n{number}_{edit}", item=item, format=Format.POSTS, body="", posts=(post,))
    return encode(update)


@dataclass(frozen=True)
class Outcome:
    """All records of `entries` and of the alert topics, in log order: id -> every body's hash, and what went down."""

    entries: dict[str, list[str]]
    alerts: dict[str, list[str]]
    falling: tuple[str, ...]


async def _outcome(log: EventLog) -> Outcome:
    entries: dict[str, list[str]] = {}
    alerts: dict[str, list[str]] = {}
    falling: list[str] = []
    names = (ENTRIES.name, *(topic.name for topic in ALERTS.values()))
    present = await log.topics()
    for name in names:
        for partition in await log.ends(name) if name in present else ():
            highest: dict[str, int] = {}
            async for record in log.read(name, partition, 0):
                found, (one, of, version) = (
                    (entries, _entry(record)) if name == ENTRIES.name else (alerts, _alert(record))
                )
                if one not in found:  # de-duplicated: the first copy counts
                    if version < highest.get(of, 0):
                        falling.append(f"{name}: {of}: {highest[of]} then {version}")
                    highest[of] = max(version, highest.get(of, 0))
                found.setdefault(one, []).append(hashlib.sha256(_body(record)).hexdigest())
    return Outcome(entries, alerts, tuple(falling))


def _entry(record: Record) -> tuple[str, str, int]:
    entry = decode(EntryRevision, record.value)
    return entry.revision_id, entry.entry_id, entry.revision


def _alert(record: Record) -> tuple[str, str, int]:
    alert = alert_from_record(record.value, record.headers)
    return alert.id, alert.data.alert_id, alert.data.version


def _body(record: Record) -> bytes:
    return json.dumps(
        [sorted((name, value.hex()) for name, value in record.headers), (record.value or b"").hex()]
    ).encode()


def calm(folder: Path, updates: Sequence[bytes]) -> Outcome:
    """What an undisturbed run on the embedded log makes of the updates."""
    folder.mkdir(parents=True)
    tocsin = Tocsin(folder, PYTHONPATH=str(ROOT))
    publish(tocsin, updates)
    tocsin.process()
    return outcome(tocsin)


@dataclass(frozen=True, kw_only=True)
class Account:
    """A disturbed run against an undisturbed one.

    lost, extra  ids of entry revisions and alerts; not there, or not to be there
    changed      ids with a second body, or with another body than in the undisturbed run
    duplicates   records beyond the first of their id
    falling      articles or alerts whose version went down after de-duplication
    """

    expected: int
    alerts: int
    lost: tuple[str, ...]
    extra: tuple[str, ...]
    changed: tuple[str, ...]
    falling: tuple[str, ...]
    duplicates: int
    duplicate_alerts: int

    def is_good(self) -> bool:
        """Nothing but duplicates."""
        return not (self.lost or self.extra or self.changed or self.falling)

    def line(self) -> str:
        """For people."""
        return (
            f"revisions+alerts={self.expected} (alerts={self.alerts}) lost={len(self.lost)} extra={len(self.extra)} "
            f"changed={len(self.changed)} falling={len(self.falling)} duplicates={self.duplicates} "
            f"(alerts={self.duplicate_alerts}, {self.duplicate_alerts / max(1, self.alerts):.1%})"
        )


def account(expected: Outcome, found: Outcome) -> Account:
    """Compare, topic by topic and body by body."""
    wanted, got = expected.entries | expected.alerts, found.entries | found.alerts
    return Account(
        expected=len(wanted),
        alerts=len(expected.alerts),
        lost=tuple(sorted(wanted.keys() - got.keys())),
        extra=tuple(sorted(got.keys() - wanted.keys())),
        changed=tuple(sorted(one for one in wanted.keys() & got.keys() if {*got[one]} != {*wanted[one]})),
        falling=found.falling,
        duplicates=sum(len(copies) - 1 for copies in got.values()),
        duplicate_alerts=sum(len(copies) - 1 for copies in found.alerts.values()),
    )


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


def outcome(tocsin: Tocsin) -> Outcome:
    """All that was published so far."""
    found: Outcome = ask(tocsin, _outcome)
    return found


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
