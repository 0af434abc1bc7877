"""Stopping and guarding a worker: late stops and failed guards end the process with a code, never hang."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from schemas.errors import LogError
from streams import worker
from streams.stage import EXIT_DEFECT


class StubbornApp:
    """An app whose stop swallows its cancellation, as Faust does while it waits for its streams."""

    def __init__(self) -> None:
        self.release = asyncio.Event()

    async def stop(self) -> None:
        while not self.release.is_set():
            try:
                await self.release.wait()
            except asyncio.CancelledError:
                continue


class StubbornPart:
    """A part of a worker whose app does not stop."""

    def __init__(self) -> None:
        self.pipeline = SimpleNamespace(app=StubbornApp())

    async def stop(self) -> None:
        """Nothing is under way."""


@pytest.fixture
def exits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    codes: list[int] = []
    monkeypatch.setattr(worker, "exit_now", lambda code, _: codes.append(code))
    return codes


async def test_a_stop_that_hangs_ends_the_process(monkeypatch: pytest.MonkeyPatch, exits: list[int]) -> None:
    """The deadline is ours: a cancellation that is swallowed does not matter."""
    monkeypatch.setattr(worker, "STOP_S", 0.01)
    part = StubbornPart()
    app = part.pipeline.app
    running = asyncio.create_task(asyncio.Event().wait())

    def die(code: int, _: str) -> None:
        exits.append(code)
        app.release.set()

    monkeypatch.setattr(worker, "exit_now", die)
    stopping = asyncio.create_task(worker._stop([part], [running]))
    await app.release.wait()
    running.cancel()
    await asyncio.gather(stopping, running, return_exceptions=True)
    assert exits == [worker.EXIT_STOP_OVERRUN]


@pytest.mark.parametrize(
    ("error", "code"),
    [(LogError("gone"), worker.EXIT_LOG), (RuntimeError("defect"), EXIT_DEFECT)],
    ids=["log", "defect"],
)
async def test_a_guard_that_fails_ends_the_process(exits: list[int], error: Exception, code: int) -> None:
    """The watchdog or the idle check dying unseen would leave a worker that nobody watches."""

    async def guard() -> Any:
        raise error

    task = asyncio.create_task(guard(), name="watchdog")
    await asyncio.gather(task, return_exceptions=True)
    worker._die_if_failed(task)
    assert exits == [code]


async def test_a_cancelled_guard_is_no_failure(exits: list[int]) -> None:
    """A clean stop cancels the guards."""
    task = asyncio.create_task(asyncio.Event().wait())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    worker._die_if_failed(task)
    assert exits == []
