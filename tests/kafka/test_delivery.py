"""Delivery on a real broker: two workers, one of them killed, a receiver that counts."""

import asyncio
import signal
from pathlib import Path

import pytest

from schemas.alert import MessageType
from schemas.delivery import Outcome
from streams.delivery.sealing import new_key
from tests.e2e.harness import Tocsin
from tests.e2e.receivers import attempts, publish, receiving, statement, subscribe, wants, webhook


@pytest.fixture
def tocsin(clean_kafka: str, app_id: str, tmp_path: Path) -> Tocsin:
    """The product on a broker; an attempt may take a second."""
    return Tocsin(
        tmp_path,
        f"kafka://{clean_kafka}",
        TOCSIN_APP_ID=app_id,
        TOCSIN_KAFKA_SESSION_TIMEOUT_S="6",
        TOCSIN_STATEMENTS_ENGINE="rules",
        TOCSIN_DELIVERY_ALLOW="127.0.0.1/32",
        TOCSIN_DELIVERY_TIMEOUT_S="1",
        TOCSIN_DELIVERY_KEY=new_key().reveal(),
    )


async def test_a_killed_worker_loses_no_delivery(tocsin: Tocsin, tmp_path: Path) -> None:
    """Every message arrives, each story's in order, the correction last; what the dead worker held is tried again."""
    alerts = [statement(n, story=f"story-{n % 6}") for n in range(60)]
    alerts.append(statement(0, story="story-0", version=2, msgtype=MessageType.CANCEL))
    with receiving(tmp_path) as (receiver, url):
        await subscribe(tocsin, (*webhook("desk-hook", url), wants("desk-hook")))
        workers = [tocsin.start("run"), tocsin.start("run")]
        try:
            await publish(tocsin, alerts[:30])
            async with asyncio.timeout(90):
                while receiver.distinct < 5:
                    await asyncio.sleep(0.1)  # between two looks at another process; nothing is timed
            workers[0].send_signal(signal.SIGKILL)
            await publish(tocsin, alerts[30:])
            async with asyncio.timeout(120):
                while receiver.distinct < len(alerts):
                    await asyncio.sleep(0.2)
        finally:
            workers[1].send_signal(signal.SIGTERM)
            codes = [one.wait(60) for one in workers]
        order = list(receiver.order)

    assert codes == [-signal.SIGKILL, 0]
    for story in {one.story for one in alerts}:
        mine = [one.id for one in alerts if one.story == story]
        assert [id for id in order if id in mine] == mine
    ends = {(one.message_id, one.outcome) for one in await attempts(tocsin) if one.outcome is not Outcome.RETRY}
    assert ends == {(one.id, Outcome.DELIVERED) for one in alerts}


async def test_delivery_can_run_by_itself(tocsin: Tocsin, tmp_path: Path) -> None:
    """Workers that leave it to others send nothing; `tocsin notify` does, from where delivery stood."""
    first, second = statement(1, story="story-1"), statement(2, story="story-1")
    with receiving(tmp_path) as (receiver, url):
        await subscribe(tocsin, (*webhook("desk-hook", url), wants("desk-hook")))
        await publish(tocsin, [first])
        await asyncio.to_thread(tocsin.process)
        assert receiver.order == [first.id]

        tocsin.environment["TOCSIN_DELIVERY_NOTIFIER"] = "alone"
        await publish(tocsin, [second])
        await asyncio.to_thread(tocsin.process)
        assert receiver.order == [first.id]

        await asyncio.to_thread(tocsin.run, "notify", "--until-idle")
        assert receiver.order == [first.id, second.id]
