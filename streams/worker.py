"""One worker process: starts the app on its log, stops it on a signal or when everything is done, and dies loudly."""

import asyncio
import contextlib
import gc
import logging
import signal
import tempfile
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec

from agents.routing.book import Book
from schemas.errors import LogError
from streams import watchdog
from streams.app import Pipeline
from streams.log import EventLog, TopicPartition, TopicSpec, inbox, open_log
from streams.log.address import parse_address
from streams.pipeline import create_pipeline, declared_topics
from streams.routing.following import Follower
from streams.settings import Settings
from streams.stage import EXIT_DEFECT, exit_now
from streams.topics import ALL, CONSUMED, Topic

log = logging.getLogger(__name__)

STOP_S = 20.0
"""Longest a clean stop may take, seconds; then the process ends without commit and reads the rest again."""

WAITING_S = 60.0
"""Not idle while a notification waits for its group, or a digest for its time, no longer than this, seconds."""

IDLE_POLL_S = 0.05
INBOX_S = 5.0
BROKER_POLL_S = 0.2
"""Each look asks the broker five times."""

EXIT_STOP_OVERRUN = 1
EXIT_LOG = 74


async def declare_topics(event_log: EventLog, settings: Settings, specs: Iterable[TopicSpec] = ()) -> None:
    """Create what is missing of the topics; refuse another partition count.

    On Kafka, what exists keeps its retention: whoever runs the brokers may have chosen another. See `tocsin topics`.
    """
    wanted = {topic.name: topic.spec(settings.partitions) for topic in ALL} | {spec.name: spec for spec in specs}
    present = {} if settings.is_embedded else await event_log.topics()
    for name, spec in wanted.items():
        if found := present.get(name):
            if (found.is_compacted, found.retention) != (spec.is_compacted, spec.retention):
                log.info("TopicDiffers topic=%s found=%s expected=%s", name, found, spec)
            await event_log.create_topic(msgspec.structs.replace(found, partitions=spec.partitions))
        else:
            await event_log.create_topic(spec)


async def is_idle(event_log: EventLog, group: str, consumed: Sequence[Topic] = CONSUMED) -> bool:
    """Whether the group has committed everything in every consumed topic.

    Commits follow durable outputs, so reading commits before ends, upstream first, can only err towards "not idle".
    """
    committed = await event_log.committed(group)
    for topic in consumed:
        starts = await event_log.starts(topic.name)
        for partition, end in (await event_log.ends(topic.name)).items():
            done = max(committed.get(TopicPartition(topic.name, partition), 0), starts[partition])
            if end > done:  # what retention took is not waited for
                return False
    return True


async def run(
    settings: Settings,
    *,
    until_idle: bool = False,
    on_ready: Callable[[], Awaitable[None]] | None = None,
    detects: bool = True,
    delivers: bool | None = None,
) -> int:
    """Run the pipeline until SIGINT, SIGTERM or, with `until_idle`, until everything there is processed.

    on_ready  awaited when the tables are rebuilt and the first update can be taken
    detects   run what leads from updates to notifications
    delivers  send what is to be sent; None as the settings say
    Returns 0 after a clean stop. Ends the process with EXIT_STOP_OVERRUN when a clean stop took longer than STOP_S, and
    with EXIT_LOG, EXIT_DEFECT or watchdog.EXIT_STALLED when it must not go on.
    """
    if delivers is None:
        delivers = settings.delivery.notifier == "worker"
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with contextlib.AsyncExitStack() as stack:
        datadir = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tocsin-")))
        event_log = await open_log(settings.broker, mode="own", kafka=settings.kafka)
        stack.push_async_callback(event_log.close)
        event_log.on_failure(_die_of)
        parts: list[Part] = []
        if detects:
            parts.append(Detecting(settings, event_log, datadir))
        if delivers:
            from streams.delivery.part import Delivering

            parts.append(Delivering(settings, event_log, datadir))
        apps = [part.pipeline.app for part in parts]
        await declare_topics(event_log, settings, declared_topics(settings, *apps))
        await _take_in(settings)
        for part in parts:
            await part.load()
        starting = [asyncio.create_task(_start(app, settings), name="start") for app in apps]
        running = asyncio.create_task(_ready(starting, parts, on_ready), name="ready")
        tasks = [asyncio.create_task(_die_with(app), name="crash") for app in apps]
        ticking = [asyncio.create_task(_schedule(part.pipeline, running), name="scheduler") for part in parts]
        tasks += ticking
        for part in parts:
            tasks += [asyncio.create_task(task, name=name) for name, task in part.tasks().items()]
            app = part.pipeline.app
            watching = watchdog.watch(app, event_log, limit_s=settings.watchdog_s, die=exit_now)
            tasks.append(asyncio.create_task(watching, name="watchdog"))
        if until_idle:
            tasks.append(asyncio.create_task(_wait_idle(event_log, parts, settings, running, stop), name="idle"))
        for task in tasks:
            task.add_done_callback(_die_if_failed)
        await _first(stop, running)
        if running.done():
            running.result()
            await stop.wait()
        for tick in ticking:
            tick.cancel()
        await asyncio.gather(*ticking, return_exceptions=True)  # before the producers that they write with
        await _stop(parts, starting)
        for task in (*tasks, running):
            task.cancel()
        await asyncio.gather(*tasks, running, return_exceptions=True)
    log.info("WorkerStopped code=0")
    return 0


class Part(Protocol):
    """An app of this worker, and what runs beside it.

    waits_s  not idle while something is due within so many seconds
    """

    pipeline: Pipeline
    waits_s: float

    async def load(self) -> None:
        """Read what must be whole before the app starts."""

    def tasks(self) -> Mapping[str, Coroutine[Any, Any, None]]:
        """What runs beside the app, by name; it ends only when cancelled. One that fails ends the process."""

    async def ready(self) -> None:
        """The app has started: its tables are whole."""

    def is_busy(self) -> bool:
        """Whether something is under way that no topic shows."""

    async def stop(self) -> None:
        """End what the app must outlive."""


class Detecting:
    """What leads from updates to notifications."""

    waits_s = WAITING_S

    def __init__(self, settings: Settings, event_log: EventLog, datadir: Path) -> None:
        book = Book()
        self.pipeline = create_pipeline(settings, datadir=datadir / "pipeline", book=book)
        self._follower = Follower(event_log, book, self.pipeline.scheduler.nudge)

    async def load(self) -> None:
        """The book of subscriptions and silences."""
        await self._follower.load()

    def tasks(self) -> Mapping[str, Coroutine[Any, Any, None]]:
        """Follows the book."""
        return {"book": self._follower.follow()}

    async def ready(self) -> None:
        """Nothing to do."""

    def is_busy(self) -> bool:
        """Everything shows in topics."""
        return False

    async def stop(self) -> None:
        """Nothing to end."""


async def _start(app: Any, settings: Settings) -> None:
    await app.start()  # returns when the tables are rebuilt
    log.info("WorkerStarted broker=%s app_id=%s", settings.broker, app.conf.id)


async def _ready(
    starting: Sequence["asyncio.Task[None]"], parts: Sequence[Part], on_ready: Callable[[], Awaitable[None]] | None
) -> None:
    await asyncio.gather(*starting)
    for part in parts:
        await part.ready()
    gc.freeze()  # dictionaries, automata and code stay as long as the process: no collection need look at them again
    if on_ready is not None:
        await on_ready()


async def _schedule(pipeline: Pipeline, running: "asyncio.Task[None]") -> None:
    await asyncio.wait({running})
    await pipeline.scheduler.run(pipeline.app)


async def _take_in(settings: Settings) -> None:
    """Wait until what stands in the inbox of an embedded log is imported: a silence that was promised counts.

    At most a few seconds: what cannot be imported, as when the disk is full, has been told of.
    """
    if not settings.is_embedded:
        return
    folder = parse_address(settings.broker).directory / inbox.FOLDER
    waiting = set(folder.glob("*.batch"))
    patience = time.monotonic() + INBOX_S
    while any(path.exists() for path in waiting) and time.monotonic() < patience:  # noqa: ASYNC110
        await asyncio.sleep(IDLE_POLL_S)  # another task imports it, and tells nobody


async def _first(stop: asyncio.Event, running: "asyncio.Task[None]") -> None:
    """Until the app is ready, or somebody wants it to stop before that."""
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({stopping, running}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()


async def _stop(parts: Sequence[Part], starting: Sequence["asyncio.Task[None]"]) -> None:
    """Stop the apps, or end the process without commit when that takes too long.

    No time-out around `app.stop()`: Faust swallows a cancellation while it waits for its streams, and would hang on.
    """

    async def one(part: Part) -> None:
        await part.stop()
        await part.pipeline.app.stop()

    stopping = [asyncio.create_task(one(part), name="stop") for part in parts]
    _, late = await asyncio.wait({*stopping, *starting}, timeout=STOP_S)  # an interrupted start ends by itself
    if late:
        exit_now(EXIT_STOP_OVERRUN, f"a clean stop took longer than {STOP_S:g} s")
    for task in stopping:
        task.result()


def _die_if_failed(task: "asyncio.Task[Any]") -> None:
    """A guard that fails must not fail in silence: end the process, and let the supervisor start it again."""
    error = None if task.cancelled() else task.exception()
    if error is not None:
        code = EXIT_LOG if isinstance(error, LogError) else EXIT_DEFECT
        exit_now(code, f"{task.get_name()} failed: {type(error).__name__}: {error}")


async def _die_with(app: Any) -> None:
    """End the process when Faust gives up: what it has not committed is read again after the restart."""
    await app._crashed.wait()
    reason = getattr(app, "_crash_reason", None)
    if not app.should_stop or reason is not None:
        code = EXIT_LOG if isinstance(reason, LogError) else EXIT_DEFECT
        exit_now(code, f"the app crashed: {type(reason).__name__}: {reason}")


def _die_of(error: LogError) -> None:
    """End the process when the log can no longer be written: nothing more is acknowledged, and nothing is lost."""
    exit_now(EXIT_LOG, str(error))


async def _wait_idle(
    event_log: EventLog,
    parts: Sequence[Part],
    settings: Settings,
    running: "asyncio.Task[None]",
    stop: asyncio.Event,
) -> None:
    await asyncio.wait({running})
    quiet = 0
    while quiet < 2:  # what one part has done may have given another something to do meanwhile
        quiet = quiet + 1 if await _are_idle(event_log, parts) else 0
        if quiet < 2:
            for part in parts:
                await part.pipeline.app.consumer.commit()  # do not wait for the commit interval
            await asyncio.sleep(IDLE_POLL_S if settings.is_embedded else BROKER_POLL_S)
    stop.set()


async def _are_idle(event_log: EventLog, parts: Sequence[Part]) -> bool:
    for part in parts:
        app, scheduler, consumed = part.pipeline
        if part.is_busy():  # looked at before and after: what ends in between stands in the log
            return False
        if not await is_idle(event_log, app.conf.id, consumed):
            return False
        if scheduler.has_due(within_s=part.waits_s) or part.is_busy():
            return False
    return True
