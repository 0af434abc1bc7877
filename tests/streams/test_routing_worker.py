"""What a worker does before it routes: the inbox is taken in, so that what was promised counts."""

import asyncio
from pathlib import Path

import pytest

from streams import worker
from streams.log.inbox import FOLDER
from streams.settings import Settings


async def test_the_inbox_as_it_is_at_the_start_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A silence may be in it; what comes later is followed."""
    monkeypatch.setattr(worker, "IDLE_POLL_S", 0.0)
    batch = tmp_path / FOLDER / "1.batch"
    batch.parent.mkdir()
    batch.touch()
    waiting = asyncio.create_task(worker._take_in(Settings(broker=f"embedded://{tmp_path}")))
    for _ in range(100):
        await asyncio.sleep(0)
    assert not waiting.done()
    (tmp_path / FOLDER / "2.batch").touch()
    batch.unlink()
    await asyncio.wait_for(waiting, 5)


async def test_an_inbox_that_cannot_be_taken_in_does_not_keep_a_worker_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk takes no input; what was accepted before is still processed."""
    monkeypatch.setattr(worker, "IDLE_POLL_S", 0.0)
    monkeypatch.setattr(worker, "INBOX_S", 0.0)
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "1.batch").touch()
    await asyncio.wait_for(worker._take_in(Settings(broker=f"embedded://{tmp_path}")), 5)
