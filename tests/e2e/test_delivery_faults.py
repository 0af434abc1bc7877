"""Delivery when receivers, credentials or the process itself fail: `tocsin run` as a process, real sockets."""

import asyncio
import json
import time
from pathlib import Path

import pytest

from schemas.alert import Alert, Family, MessageType
from schemas.delivery import Cause, Outcome
from schemas.subscription import Filter
from tests.e2e.faults import Arrival, Hooks, ends, taken_in, terminated, working
from tests.e2e.harness import Tocsin
from tests.e2e.receivers import attempts, publish, statement, subscribe, until, wants, webhook


def tocsin_at(folder: Path, *, scale: float, timeout_s: float = 2, **environment: str) -> Tocsin:
    """On loopback receivers, with shorter waits."""
    return Tocsin(
        folder,
        TOCSIN_DELIVERY_ALLOW="127.0.0.1/32",
        TOCSIN_DELIVERY_TIMEOUT_S=str(timeout_s),
        TOCSIN_DELIVERY_RETRY_SCALE=f"{scale:f}",
        TOCSIN_STATEMENTS_ENGINE="rules",
        **environment,
    )


def withdrawn(number: int, story: str) -> Alert:
    """The correction that takes an alert back."""
    return statement(number, story=story, version=2, msgtype=MessageType.CANCEL)


@pytest.mark.parametrize("is_listening", [True, False], ids=["answers 500", "refuses connections"])
async def test_what_a_receiver_missed_arrives_in_order_when_it_is_back(tmp_path: Path, is_listening: bool) -> None:
    """Two endpoints, one down: the other has all at once; the first gets all later, a correction after its alert."""
    is_down = True

    async def behave(arrival: Arrival) -> int:
        return 500 if is_down else 204

    tocsin = tocsin_at(tmp_path, scale=0.0003)
    first = [statement(1, story="bridge"), statement(2, story="harbour")]
    later = [statement(3, story="bridge"), withdrawn(1, "bridge"), statement(4, story="bridge")]
    async with Hooks() as up, Hooks(behave) as down:
        await up.open()
        if is_listening:
            await down.open()
        await subscribe(
            tocsin,
            (*webhook("up", up.url()), wants("up", name="up")),
            (*webhook("down", down.url()), wants("down", name="down")),
        )
        async with working(tocsin):
            await publish(tocsin, first)
            await until(lambda: _has_retried(tocsin, first))
            await publish(tocsin, later)
            await until(lambda: _is(len(up.arrivals) == 5))
            assert down.ids() == []
            is_down = False
            if not is_listening:
                await down.open()
            await until(lambda: _is(len(down.ids()) == 5))

        for hooks in (up, down):
            bridge = [one.id for one in (*first, *later) if one.story == "bridge"]
            assert [id for id in hooks.ids() if id in bridge] == bridge
            assert sorted(hooks.ids()) == sorted(one.id for one in (*first, *later))


async def _is(condition: bool) -> bool:
    return condition


async def _has_retried(tocsin: Tocsin, alerts: list[Alert]) -> bool:
    tried = {one.message_id for one in await attempts(tocsin) if one.outcome is Outcome.RETRY}
    return tried >= {one.id for one in alerts}


async def test_what_is_given_up_is_a_dead_letter_that_can_be_sent_again(tmp_path: Path) -> None:
    """Ten attempts, one dead letter each; a replay delivers under the same webhook id."""
    is_down = True

    async def behave(arrival: Arrival) -> int:
        return 500 if is_down else 204

    tocsin = tocsin_at(tmp_path, scale=0.00001)
    alerts = {"/a": statement(1, story="bridge"), "/b": statement(2, story="harbour")}
    async with Hooks(behave) as hooks:
        await hooks.open()
        made = [
            (*webhook(path[1:], hooks.url(path)), wants(path[1:], name=path[1:], filter=_only(one)))
            for path, one in alerts.items()
        ]
        await subscribe(tocsin, *made)
        await publish(tocsin, list(alerts.values()))
        await asyncio.to_thread(tocsin.process)

        lines = (await asyncio.to_thread(tocsin.run, "dead-letters", "list", "--json")).stdout.splitlines()
        letters = [json.loads(line) for line in lines]
        plain = (await asyncio.to_thread(tocsin.run, "dead-letters", "list")).stdout.decode()
        shown = (await asyncio.to_thread(tocsin.run, "dead-letters", "show", letters[0]["dlq_id"])).stdout.decode()
        is_down = False
        for path in alerts:  # ten failures have opened the breaker; what is sent again need not wait for its probe
            await asyncio.to_thread(tocsin.run, "endpoints", "enable", path[1:])
        await asyncio.to_thread(tocsin.run, "dead-letters", "replay", "--all")
        await asyncio.to_thread(tocsin.process)

    for path, one in alerts.items():
        mine = [arrival for arrival in hooks.arrivals if arrival.path == path]
        assert [arrival.status for arrival in mine] == [500] * 10 + [204]
        assert {arrival.message_id for arrival in mine} == {one.id}
        assert plain.count(one.id) == 1
    assert [letter["reason"] for letter in letters] == ["exhausted", "exhausted"]
    assert letters[0]["dlq_id"] in shown
    dead = [(one.id, "dead", "exhausted") for one in alerts.values()]
    sent = [(one.id, "delivered", None) for one in alerts.values()]
    assert sorted(ends(await attempts(tocsin)), key=str) == sorted([*dead, *sent], key=str)


def _only(one: Alert) -> Filter:
    return Filter(families=(Family.STATEMENT,), stories=(one.story,))


async def test_a_receiver_that_is_gone_is_sent_nothing_more(tmp_path: Path) -> None:
    """410: the endpoint is disabled, what waits is dropped as endpoint_gone, what comes later as endpoint_disabled."""
    tocsin = tocsin_at(tmp_path, scale=0.001, timeout_s=20)
    alerts = [statement(n, story=story) for n, story in enumerate(["bridge", "bridge", "harbour", "mill"])]
    late = statement(9, story="quay")

    async def behave(arrival: Arrival) -> int:
        await until(lambda: _have_come(tocsin, len(alerts)))  # so that all stand before the answer in the topic
        return 410

    async with Hooks(behave) as hooks:
        await hooks.open()
        await subscribe(tocsin, (*webhook("desk-hook", hooks.url()), wants("desk-hook")))
        await publish(tocsin, alerts)
        await asyncio.to_thread(tocsin.process)
        await publish(tocsin, [late])
        await asyncio.to_thread(tocsin.process)

    assert len(hooks.arrivals) == 1
    gone = {(one.id, "dropped", "endpoint_gone") for one in alerts}
    assert set(ends(await attempts(tocsin))) == {*gone, (late.id, "dropped", "endpoint_disabled")}


async def _have_come(tocsin: Tocsin, count: int) -> bool:
    return await taken_in(tocsin, "desk-hook") >= count


async def test_hanging_endpoints_do_not_delay_the_others(tmp_path: Path) -> None:
    """50 of 200 endpoints never answer: the others have two alerts while all 50 still hang."""
    tocsin = tocsin_at(tmp_path, scale=1, timeout_s=60)
    paths = [f"/{'slow' if n % 4 == 0 else 'fine'}/{n}" for n in range(200)]
    well = [path for path in paths if path.startswith("/fine")]

    async def behave(arrival: Arrival) -> int | None:
        return 204 if arrival.path in well else None

    async with Hooks(behave) as hooks:
        await hooks.open()
        made = []
        for path in paths:
            name = path.replace("/", "e")
            made.append((*webhook(name, hooks.url(path)), wants(name, name=name)))
        await subscribe(tocsin, *made)
        async with working(tocsin):
            waits = []
            for number, story in enumerate(("bridge", "harbour"), 1):
                began = time.time()
                await publish(tocsin, [statement(number, story=story)])
                await until(lambda count=number: _is(len(hooks.ids()) == count * len(well)))
                waits += [one.at - began for one in hooks.arrivals if one.status == 204 and one.at > began]
                assert hooks.hanging == 50

    p95 = sorted(waits)[int(len(waits) * 0.95)]
    print(f"{len(waits)} arrivals at healthy endpoints, p95 {p95:.2f} s, last {max(waits):.2f} s")
    for path in well:
        assert len(hooks.ids(path)) == 2


async def test_a_stop_waits_for_answers_and_sends_nothing_twice(tmp_path: Path) -> None:
    """SIGTERM while requests are under way: exit 0; what was answered does not go out again, and the rest does."""
    tocsin = tocsin_at(tmp_path, scale=0.001, timeout_s=10)
    alerts = [statement(n, story=f"story-{n % 12}") for n in range(36)]
    under_way = asyncio.Event()
    go_on = asyncio.Event()

    async def behave(arrival: Arrival) -> int:
        if len(hooks.arrivals) >= 10 and not under_way.is_set():
            under_way.set()
        if under_way.is_set():
            await go_on.wait()
        return 204

    async with Hooks(behave) as hooks:
        await hooks.open()
        await subscribe(tocsin, (*webhook("desk-hook", hooks.url()), wants("desk-hook")))
        await publish(tocsin, alerts)
        async with working(tocsin) as worker:
            await asyncio.wait_for(under_way.wait(), 30)
            stopping = asyncio.create_task(terminated(worker))
            asyncio.get_running_loop().call_later(0.5, go_on.set)  # the worker has had its signal
            code = await stopping
        first = len(hooks.arrivals)
        await asyncio.to_thread(tocsin.process)

    assert code == 0
    assert first < len(alerts)
    assert sorted(hooks.ids()) == sorted(one.id for one in alerts)
    assert len(hooks.arrivals) == len(alerts)
    told = await attempts(tocsin)
    assert sorted(ends(told)) == sorted((one.id, "delivered", None) for one in alerts)
    again = [one.cause for one in told if one.outcome is Outcome.RETRY]  # leased to a process that stopped
    assert set(again) <= {Cause.RELEASED, Cause.LEASE_EXPIRED}
    assert len(again) <= 8
