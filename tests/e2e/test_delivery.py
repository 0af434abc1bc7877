"""From alerts to a receiver that verifies and de-duplicates: `tocsin run` as a process, real sockets."""

import asyncio
import random
from pathlib import Path

import pytest

from schemas.alert import MessageType
from schemas.delivery import Outcome
from tests.e2e.harness import Tocsin, kill_at, written
from tests.e2e.receivers import attempts, publish, receiving, statement, subscribe, wants, webhook


@pytest.fixture
def tocsin(tmp_path: Path) -> Tocsin:
    """On loopback receivers; retries a hundred times as fast."""
    return Tocsin(
        tmp_path,
        TOCSIN_DELIVERY_ALLOW="127.0.0.1/32",
        TOCSIN_DELIVERY_TIMEOUT_S="2",
        TOCSIN_DELIVERY_RETRY_SCALE="0.01",
        TOCSIN_STATEMENTS_ENGINE="rules",
    )


def test_alerts_arrive_signed_once_and_in_order(tocsin: Tocsin, tmp_path: Path) -> None:
    """Three stories, a correction in one: every message arrives, each story's in order, each told as delivered."""
    alerts = [statement(n, story=f"story-{n % 3}") for n in range(30)]
    alerts.append(statement(0, story="story-0", version=2, msgtype=MessageType.CANCEL))
    with receiving(tmp_path) as (receiver, url):
        asyncio.run(subscribe(tocsin, (*webhook("desk-hook", url), wants("desk-hook"))))
        asyncio.run(publish(tocsin, alerts))
        tocsin.process()

    for story in range(3):
        mine = [one.id for one in alerts if one.story == f"story-{story}"]
        assert [id for id in receiver.order if id in mine] == mine
    assert receiver.requests == len(alerts)
    told = asyncio.run(attempts(tocsin))
    assert {(one.message_id, one.outcome) for one in told} == {(one.id, Outcome.DELIVERED) for one in alerts}


@pytest.mark.parametrize(("count", "kills"), [(300, 3), pytest.param(2000, 20, marks=pytest.mark.faults)])
def test_kills_lose_nothing_and_a_receiver_counts_each_message_once(
    tocsin: Tocsin, tmp_path: Path, count: int, kills: int
) -> None:
    """Whenever the process dies: every message ends delivered, under one id, each story's in order."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    alerts = [statement(n, story=f"story-{n % 40}") for n in range(count)]
    with receiving(tmp_path) as (receiver, url):
        asyncio.run(subscribe(tocsin, (*webhook("desk-hook", url), wants("desk-hook"))))
        asyncio.run(publish(tocsin, alerts))
        start = asyncio.run(written(tocsin.broker))
        points = sorted(start + chance.randrange(count * 8) for _ in range(kills))
        hits = asyncio.run(kill_at(tocsin, points))
        tocsin.process()
        distinct = receiver.distinct

    told = asyncio.run(attempts(tocsin))
    ends = [(one.message_id, one.outcome) for one in told if one.outcome is not Outcome.RETRY]
    print(f"{hits} kills, {receiver.requests} requests for {distinct} messages")
    assert hits
    assert set(ends) == {(one.id, Outcome.DELIVERED) for one in alerts}
    assert distinct == count
    for story in {one.story for one in alerts}:
        mine = [one.id for one in alerts if one.story == story]
        assert [id for id in receiver.order if id in mine] == mine
