"""From alerts to threads in Slack: `tocsin run` as a process, and a double of Slack behind real sockets."""

import asyncio
from pathlib import Path
from typing import Any

from schemas.alert import MessageType
from schemas.delivery import Credentials, Endpoint, Outcome
from schemas.subscription import Filter, Subscription
from tests.e2e.faults import terminated, working
from tests.e2e.harness import Tocsin
from tests.e2e.receivers import attempts, publish, statement, subscribe, until, wants
from tests.streams.delivery.slack_double import TOKEN, Bucket, Server, Slack, serve

DESK, NEWS = "C0DESK", "C0NEWS"


def tocsin_at(folder: Path, **environment: str) -> Tocsin:
    """On the double; retries a hundred times as fast."""
    usual = {
        "TOCSIN_DELIVERY_ALLOW": "127.0.0.1/32",
        "TOCSIN_DELIVERY_RETRY_SCALE": "0.01",
        "TOCSIN_STATEMENTS_ENGINE": "rules",
    }
    return Tocsin(folder, **(usual | environment))


def slack() -> Slack:
    """With two empty channels."""
    return Slack(channels={DESK: [], NEWS: []})


def channel(slack: Server, id: str, **settings: Any) -> tuple[Endpoint, Credentials, Subscription]:
    """An endpoint for a channel, and who wants to be told there."""
    name = id.lower()
    endpoint = Endpoint(id=name, channel="slack", owner="desk", settings={"channel": id, "api": slack.api})
    return endpoint, Credentials(token=TOKEN), wants(name, channel="slack", name=name, **settings)


async def test_a_story_is_a_thread_and_a_correction_strikes_what_was_wrong(tmp_path: Path) -> None:
    """Five alerts and one correction: one root, five replies of which one is edited, and one reply for the correction.

    Nothing stands wrongly: foreign words are escaped, blocks are within Slack's limits.
    """
    tocsin = tocsin_at(tmp_path)
    alerts = [statement(n, story="bridge") for n in range(5)]
    wrong = statement(1, story="bridge", version=2, msgtype=MessageType.CANCEL)
    async with serve(slack()) as double:
        await subscribe(tocsin, channel(double, DESK))
        async with working(tocsin) as worker:
            await publish(tocsin, alerts)
            await until(lambda: _is(len(double.messages(DESK)) > 2))  # else the alert would not go out at all
            await publish(tocsin, [wrong])
            await until(lambda: _is(len(double.messages(DESK)) == 7))
            assert await terminated(worker) == 0
        alerts.append(wrong)

    (root,) = double.rules.roots(DESK)
    replies = double.rules.thread(root.ts, DESK)
    assert [(one.metadata or {})["event_payload"]["message_id"] for one in replies] == [one.id for one in alerts]
    assert [one.edits for one in replies] == [0, 1, 0, 0, 0, 0]
    assert "Withdrawn" in replies[1].words
    assert len(double.messages(DESK)) == 7
    assert double.rules.defects == []
    assert double.rules.statuses.count(429) <= 1  # its clock starts with the arrival of the first message, ours before


async def test_a_channel_that_is_limited_delays_no_other(tmp_path: Path) -> None:
    """Slack lets one channel wait for long: the other has everything meanwhile."""
    tocsin = tocsin_at(tmp_path, TOCSIN_DELIVERY_RETRY_SCALE="0.00001")  # what Slack asks for is not scaled
    rules = slack()
    rules._buckets[DESK] = Bucket(per_second=0.01, burst=1)
    alerts = [statement(n, story="bridge") for n in range(3)]
    elsewhere = statement(7, story="harbour")
    async with serve(rules) as double:
        await subscribe(
            tocsin,
            channel(double, DESK, filter=Filter(stories=("bridge",))),
            channel(double, NEWS, filter=Filter(stories=("harbour",))),
        )
        async with working(tocsin):
            await publish(tocsin, alerts)
            await until(lambda: _is(429 in rules.statuses))
            await publish(tocsin, [elsewhere])
            await until(lambda: _is(len(double.messages(NEWS)) == 2))

    assert len(double.messages(DESK)) == 1  # the root; what is under it waits
    assert rules.statuses.count(429) == 1


async def _is(condition: bool) -> bool:
    return condition


async def test_what_slack_stored_but_did_not_answer_is_found_again(tmp_path: Path) -> None:
    """The answer to a reply is lost: it is looked for, not posted a second time."""
    tocsin = tocsin_at(tmp_path, TOCSIN_DELIVERY_TIMEOUT_S="1")
    rules = slack()
    rules.fail("chat.postMessage", "", "timeout_after")
    alerts = [statement(n, story="bridge") for n in range(2)]
    async with serve(rules) as double:
        await subscribe(tocsin, channel(double, DESK))
        await publish(tocsin, alerts)
        await asyncio.to_thread(tocsin.process)

    (root,) = rules.roots(DESK)
    replies = rules.thread(root.ts, DESK)
    assert [(one.metadata or {})["event_payload"]["message_id"] for one in replies] == [one.id for one in alerts]
    assert "conversations.replies" in rules.calls
    told = [(one.message_id, one.outcome) for one in await attempts(tocsin)]
    assert told == [
        (alerts[0].id, Outcome.RETRY), (alerts[0].id, Outcome.DELIVERED), (alerts[1].id, Outcome.DELIVERED)
    ]  # fmt: skip
