"""One worker process: starts the app on its log, stops it on a signal or when everything is done, and dies loudly."""

import asyncio
import contextlib
import logging
import signal
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from schemas.errors import LogError
from streams.log import EventLog, TopicPartition, TopicSpec, open_log
from streams.pipeline import create_app
from streams.settings import Settings
from streams.stage import exit_now
from streams.topics import ALL, CONSUMED

log = logging.getLogger(__name__)

STOP_S = 20.0
"""Longest a clean stop may take, seconds; then the process ends without commit and reads the rest again."""

IDLE_POLL_S = 0.05
EXIT_STOP_OVERRUN = 1
EXIT_LOG = 74


async def declare_topics(event_log: EventLog, settings: Settings) -> None:
    """Create what is missing of the topics; refuse another partition count."""
    for topic in ALL:
        await event_log.create_topic(
            TopicSpec(name=topic.name, partitions=settings.partitions, is_compacted=False, retention=topic.retention)
        )


async def is_idle(event_log: EventLog, group: str) -> bool:
    """Whether the group has committed everything in every consumed topic.

    Commits follow durable outputs, so reading commits before ends, upstream first, can only err towards "not idle".
    """
    committed = await event_log.committed(group)
    for topic in CONSUMED:
        for partition, end in (await event_log.ends(topic.name)).items():
            if end > committed.get(TopicPartition(topic.name, partition), 0):
                return False
    return True


async def run(
    settings: Settings,
    *,
    until_idle: bool = False,
    on_ready: Callable[[], Awaitable[None]] | None = None,
) -> int:
    """Run the pipeline until SIGINT, SIGTERM or, with `until_idle`, until everything there is processed.

    on_ready  awaited when the first update can be taken
    Returns the exit code: 0 after a clean stop, 1 when a clean stop took longer than STOP_S.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with contextlib.AsyncExitStack() as stack:
        datadir = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tocsin-")))
        event_log = await open_log(settings.broker, mode="own")
        stack.push_async_callback(event_log.close)
        event_log.on_failure(_die_of)
        await declare_topics(event_log, settings)
        app = create_app(settings, datadir=datadir)
        await app.start()
        log.info("WorkerStarted broker=%s app_id=%s", settings.broker, settings.app_id)
        if on_ready is not None:
            await on_ready()
        idle = asyncio.create_task(_wait_idle(event_log, app, settings.app_id, stop)) if until_idle else None
        await stop.wait()
        if idle is not None:
            idle.cancel()
            await asyncio.gather(idle, return_exceptions=True)
        try:
            async with asyncio.timeout(STOP_S):
                await app.stop()
        except TimeoutError:
            log.error("WorkerStopOverran seconds=%s", STOP_S)
            return EXIT_STOP_OVERRUN
    log.info("WorkerStopped code=0")
    return 0


def _die_of(error: LogError) -> None:
    """End the process when the log can no longer be written: nothing more is acknowledged, and nothing is lost."""
    exit_now(EXIT_LOG, str(error))


async def _wait_idle(event_log: EventLog, app: object, group: str, stop: asyncio.Event) -> None:
    while not await is_idle(event_log, group):
        await app.consumer.commit()  # type: ignore[attr-defined]  # do not wait for the commit interval
        await asyncio.sleep(IDLE_POLL_S)
    stop.set()
