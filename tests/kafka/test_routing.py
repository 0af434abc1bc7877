"""Subscriptions and routing on a real broker, over kills and beside a second worker."""

import asyncio
import signal
from collections import Counter
from pathlib import Path

import pytest

from streams.sample import SAMPLE_REGISTRY, sample_updates
from tests.e2e.harness import Tocsin
from tests.e2e.test_routing import notifications, suppressed, told


@pytest.fixture
def tocsin(clean_kafka: str, app_id: str, tmp_path: Path) -> Tocsin:
    """The product on a broker, with the bundled live blog to ingest and somebody who wants everything."""
    (tmp_path / "sample.jsonl").write_bytes(b"\n".join(sample_updates()) + b"\n")
    (tmp_path / "tocsin.toml").write_text(f'registries = ["{SAMPLE_REGISTRY}"]\n')
    made = Tocsin(tmp_path, f"kafka://{clean_kafka}", TOCSIN_APP_ID=app_id, TOCSIN_KAFKA_SESSION_TIMEOUT_S="6")
    where = ("--owner", "desk", "--channel", "slack", "--target", "C0DESK")
    kinds = ("--kind", "statements", "--kind", "escalations", "--kind", "officials")
    made.run("subscribe", "all", *where, *kinds, "--group-wait", "1", "--group-interval", "1")
    return made


async def closed(tocsin: Tocsin) -> tuple[Counter[str], set[str]]:
    """How often each message ended, and the messages of all alerts."""
    found = Counter(message for says in told(await notifications(tocsin)).values() for message, _, _ in says)
    withheld = {(one.message_id, one.reason, one.detail) for one in await suppressed(tocsin)}
    found.update(message for message, _, _ in withheld)
    return found, {alert["id"] for alert in await asyncio.to_thread(tocsin.alerts)}


async def test_every_alert_ends_once(tocsin: Tocsin) -> None:
    """In a notification or with a reason, on a broker too."""
    await asyncio.to_thread(tocsin.ingest, "sample.jsonl")
    await asyncio.to_thread(tocsin.process)

    found, alerts = await closed(tocsin)

    assert len(alerts) > 40
    assert (set(found), set(found.values())) == (alerts, {1})


async def test_killed_while_groups_wait(tocsin: Tocsin) -> None:
    """Two workers, one of them killed: what waited for its group is told once, by who goes on."""
    workers = [tocsin.start("run"), tocsin.start("run")]
    try:
        await asyncio.to_thread(tocsin.ingest, "sample.jsonl")
        async with asyncio.timeout(90):
            while not await notifications(tocsin):
                await asyncio.sleep(0.2)  # between two looks at the broker; nothing is timed
        workers[0].send_signal(signal.SIGKILL)
    finally:
        workers[1].send_signal(signal.SIGTERM)
        for one in workers:
            one.wait(60)
    await asyncio.to_thread(tocsin.process)

    found, alerts = await closed(tocsin)

    assert (set(found), set(found.values())) == (alerts, {1})
