"""Builders for tests that run a Faust app in process on an embedded log."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import faust

PATIENCE_S = 10.0


def make_app(directory: Path, *, partitions: int = 4, query: str = "", **settings: Any) -> faust.App:
    """An app on the log in this directory, with quick commits and no web server."""
    return faust.App(
        "test-app",
        broker=f"embedded://{directory}{query}",
        store="memory://",
        topic_partitions=partitions,
        topic_disable_leader=True,
        web_enabled=False,
        broker_commit_interval=0.02,
        stream_recovery_delay=0.0,
        **settings,
    )


def raw_topic(app: faust.App, name: str) -> Any:
    """A topic of bytes."""
    return app.topic(name, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")


@contextlib.asynccontextmanager
async def running(app: faust.App) -> AsyncIterator[faust.App]:
    """The app, started and ready to consume; stopped afterwards."""
    app.finalize()
    ready = asyncio.Event()

    @app.on_rebalance_complete.connect(weak=False)
    async def _complete(sender: Any, **_: Any) -> None:
        ready.set()

    async with asyncio.timeout(PATIENCE_S):
        await app.start()
        await ready.wait()
        await until(lambda: not app.rebalancing)
    try:
        yield app
    finally:
        async with asyncio.timeout(PATIENCE_S):
            await app.stop()


async def until(condition: Callable[[], bool], step: Callable[[], Awaitable[None]] | None = None) -> None:
    """Let the event loop run until the condition holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            if step is not None:
                await step()
            await asyncio.sleep(0.002)
