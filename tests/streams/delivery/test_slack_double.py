"""Slack's double: it holds callers to Slack's rules, and the channel works against it over HTTP."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from agents.delivery.channels import Answer, Fault, Http, Job, Result
from agents.delivery.channels.slack import Slack as SlackChannel
from schemas.alert import Alert
from schemas.delivery import Cause, Credentials, Delivery, Verdict
from streams.delivery.http import HttpClients
from tests.agents.delivery.slack_desk import a_delivery, an_endpoint, said
from tests.builders import NOON
from tests.streams.delivery.slack_double import CHANNEL, TOKEN, Server, Slack, serve

BLOCKS = [{"type": "section", "text": {"type": "plain_text", "text": "hello"}}]


@pytest.fixture
async def clients() -> AsyncIterator[HttpClients]:
    """The product's own way out, with little patience."""
    found = HttpClients(allow=("127.0.0.1/32",), timeout_s=1.0)
    yield found
    await found.close()


class Clock:
    """Seconds that only a test moves."""

    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def post(slack: Slack, method: str = "chat.postMessage", token: str = TOKEN, **fields: Any) -> Any:
    """Call the double without a socket; its body, or its status where that is not 200."""
    body = {
        "channel": CHANNEL, "text": "hello", "blocks": BLOCKS, "mrkdwn": False,
        "unfurl_links": False, "unfurl_media": False,
    } | fields  # fmt: skip
    headers = {"Authorization": f"Bearer {token}", "content-type": "application/json"}
    parts = slack.handle("POST", f"https://slack.com/api/{method}", headers, json.dumps(body).encode())
    assert parts is not None
    return json.loads(parts[2]) if parts[0] == 200 else parts[:2]


async def deliver(server: Server, clients: HttpClients, delivery: Delivery, alert: Alert, **job: Any) -> Result:
    """One attempt over HTTP, unpaced."""
    talk = SlackChannel().deliver(
        Job(
            delivery=delivery,
            alert=alert,
            endpoint=an_endpoint(api=server.api),
            credentials=Credentials(token=TOKEN),
            at=NOON,
            **({"marks": {}, "number": 1} | job),
        )
    )
    answer: Answer | Fault | None = None
    while True:
        try:
            call = talk.send(answer) if answer is not None else next(talk)
        except StopIteration as end:
            result: Result = end.value
            return result
        assert isinstance(call, Http)
        answer = await clients.send("desk", call)


async def test_a_story_over_http(clients: HttpClients) -> None:
    """Root and reply stand in the channel, and their timestamps come back as marks."""
    async with serve() as server:
        result = await deliver(server, clients, a_delivery(said()), said())

        root, reply = server.messages()
    assert (result.verdict, reply.thread_ts) == (Verdict.DELIVERED, root.ts)
    assert {root.ts, reply.ts} <= set(result.marks.values())
    assert server.rules.defects == []


async def test_a_lost_answer_over_http(clients: HttpClients) -> None:
    """The server hangs after it has stored the reply: the next attempt finds it."""
    async with serve(Slack(clock=NOON.timestamp)) as server:
        server.rules.fail("chat.postMessage", "", "timeout_after")
        first = await deliver(server, clients, a_delivery(said()), said())
        marks = {name: value for name, value in first.marks.items() if value is not None}

        second = await deliver(
            server, clients, a_delivery(said()), said(), marks=marks, number=2, may_have_arrived=True
        )

        assert len(server.messages()) == 2
    assert (first.verdict, first.cause, first.may_have_arrived) == (Verdict.OVERLOADED, Cause.TIMEOUT, True)
    assert second.verdict is Verdict.DELIVERED


def test_a_message_a_second() -> None:
    """Three at once, then one a second: what comes earlier is told how long to wait."""
    clock = Clock()
    slack = Slack(clock=clock)

    at_once = [post(slack) for _ in range(4)]
    clock.now += 1

    assert [isinstance(one, dict) for one in at_once] == [True, True, True, False]
    assert at_once[3] == (429, {"retry-after": "1"})
    assert post(slack)["ok"] is True
    assert isinstance(post(slack), tuple)


def test_timestamps_rise() -> None:
    """Every message has its own, later ones greater ones."""
    slack = Slack(clock=Clock())

    found = [post(slack)["ts"] for _ in range(3)]

    assert found == sorted(set(found))


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ({"token": "xoxb-other"}, "invalid_auth"),
        ({"channel": "C9"}, "channel_not_found"),
        ({"thread_ts": "1.000001"}, "thread_not_found"),
        ({"method": "chat.update", "ts": "1.000001"}, "message_not_found"),
        ({"text": ""}, "no_text"),
        ({"blocks": BLOCKS * 51}, "invalid_blocks"),
        ({"blocks": [{"type": "section", "text": {"type": "plain_text", "text": "x" * 3001}}]}, "invalid_blocks"),
        ({"blocks": [{"type": "section", "text": {"type": "plain_text", "text": "x" * 3000}}] * 4}, "invalid_blocks"),
        ({"blocks": [{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}]}, "invalid_blocks"),
        ({"blocks": [{"type": "section", "text": {"type": "plain_text", "text": ""}}]}, "invalid_blocks"),
        ({"blocks": [{"type": "nothing"}]}, "invalid_blocks"),
    ],
)
def test_what_slack_refuses(call: dict[str, Any], error: str) -> None:
    """Each rule has its word."""
    assert post(Slack(), **call) == {"ok": False, "error": error}


@pytest.mark.parametrize("text", ["<!channel>", "a & b", "<@U1>", "x > y", "@here"])
def test_unescaped_words_are_noticed(text: str) -> None:
    """What would call people or lose letters is a defect."""
    slack = Slack()

    post(slack, text=text)

    assert len(slack.defects) == 1
