"""SIGKILL at random points loses nothing and invents nothing: same alerts, same bodies, same state."""

import asyncio
import hashlib
import random
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from streams.log import open_log
from tests.conftest import need_data
from tests.e2e.harness import Tocsin, kill_at, written

BLOGS = "liveblogs/guardian_lbs_dev"
KILLS = 20
SEED = 20260314


async def _state(broker: str) -> dict[tuple[str, bytes], str]:
    """The last value of every key of every changelog; memos only remember, and expire, so they are left out.

    So is what routing keeps: it goes by the time at which a run wrote its records.
    """
    log = await open_log(broker, mode="read")
    state: dict[tuple[str, bytes], str] = {}
    try:
        for topic in await log.topics():
            if topic.endswith("-changelog") and not topic.endswith(("-routing-changelog", "-pacing-changelog")):
                for partition in await log.ends(topic):
                    async for record in log.read(topic, partition, 0):
                        key = record.key or b""
                        if not key.startswith(b"\x01"):
                            state[topic, key] = hashlib.sha256(record.value or b"").hexdigest()
    finally:
        await log.close()
    return state


def _bodies(alerts: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {alert["id"]: alert for alert in alerts}


def _differing(found: dict[Any, Any], expected: dict[Any, Any]) -> list[Any]:
    """Keys under which the two differ: of thousands of bodies nobody could read the difference."""
    return sorted(key for key in found.keys() | expected.keys() if found.get(key) != expected.get(key))


@pytest.mark.slow
async def test_killed_twenty_times_gives_the_same_alerts_and_state(tmp_path: Path) -> None:
    """2,000 entries of real live blogs, 20 kills: equal to a run that nobody disturbed."""
    folder = need_data(BLOGS)
    calm = Tocsin(tmp_path / "calm")
    calm.folder.mkdir()
    for blog in sorted(folder.glob("*.jsonl.gz")):
        await asyncio.to_thread(calm.ingest, str(blog))
    shutil.copytree(calm.folder, tmp_path / "killed")
    killed = Tocsin(tmp_path / "killed")
    start = await written(calm.broker)
    await asyncio.to_thread(calm.process)
    entries = await written(calm.broker) - start

    dice = random.Random(SEED)
    points = sorted(start + dice.randrange(entries) for _ in range(KILLS))
    kills = await kill_at(killed, points)
    await asyncio.to_thread(killed.process)

    expected = await asyncio.to_thread(calm.alerts)
    found = await asyncio.to_thread(killed.alerts)
    print(f"seed={SEED} kills={kills} alerts={len(expected)} records={entries}")
    assert len(expected) > 100
    assert kills >= KILLS // 2
    assert _differing(_bodies(found), _bodies(expected)) == []
    assert _differing(await _state(killed.broker), await _state(calm.broker)) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
async def test_a_signal_stops_the_worker_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C and a supervisor's stop both end with exit code 0."""
    tocsin = Tocsin(tmp_path)
    worker = tocsin.start("run")
    try:
        while b"ready on" not in (tmp_path / "worker.out").read_bytes():
            assert worker.poll() is None
            await asyncio.sleep(0.01)
        worker.send_signal(number)
        assert await asyncio.to_thread(worker.wait, 25) == 0
    finally:
        if worker.poll() is None:
            worker.kill()
            worker.wait(10)
