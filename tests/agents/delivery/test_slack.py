"""The Slack channel: threads, corrections, pace, unknown outcomes, what answers mean."""

import json

import msgspec
import pytest

from agents.delivery.channels import Answer, Fault, Http
from agents.delivery.slack import api
from schemas.alert import MessageType
from schemas.delivery import Cause, Credentials, Verdict
from schemas.event import Severity
from schemas.subscription import CorrectionStyle
from tests.agents.delivery.slack_desk import Desk, a_delivery, a_digest, an_endpoint, cancelled, five, later, said
from tests.builders import NOON
from tests.streams.delivery.slack_double import CHANNEL, HOOK, Posted


def shown(posted: Posted) -> str:
    """The root's line of levels and counts."""
    return posted.words.split("\n")[1]


# --- threads


def test_five_alerts_and_a_correction() -> None:
    """One root, five replies, one edit, one reply that says was and now."""
    desk, alerts = Desk(), five()
    desk.tell(*alerts)

    desk.tell(later(alerts[1], MessageType.UPDATE, "negation", headline="Corrected: Jane Roe: “Gate 1 is open”"))

    root, *replies = desk.slack.messages()
    assert [one.thread_ts for one in replies] == [root.ts] * 6
    assert [one.edits for one in replies] == [0, 1, 0, 0, 0, 0]
    assert [one.is_broadcast for one in replies] == [False] * 5 + [True]
    assert replies[1].words.split("\n")[:2] == ["❌ *Corrected 12:00 UTC*", "~Jane Roe: “before”~"]
    assert "Was: before\nNow: after\nChanged: negation" in replies[5].words
    assert shown(root) == "🔵 *WATCH* is the highest that stands · latest 🔵 *WATCH* · 5 alerts · 1 correction"
    assert "Gate 1 is open" in root.words
    assert desk.slack.defects == []


def test_stories_have_roots_of_their_own() -> None:
    """Two stories in one channel are two threads."""
    desk = Desk()

    desk.tell(said(story="story-1"), said(story="story-2"), said("John Doe", statement="st_2", story="story-1"))

    assert [len(desk.slack.thread(root.ts)) for root in desk.slack.roots()] == [2, 1]


def test_withdrawn_alerts_stand_no_more() -> None:
    """After a withdrawal the root's highest level is that of what still stands."""
    desk = Desk()
    high = msgspec.structs.replace(said("Jane Roe", statement="st_1"), severitynumber=Severity.BULLETIN)
    low = said("John Doe", statement="st_2")
    desk.tell(low, high)
    before = shown(desk.slack.roots()[0])

    desk.tell(cancelled(high))

    assert before == "🔴 *BULLETIN* is the highest that stands · latest 🔴 *BULLETIN* · 2 alerts · 0 corrections"
    assert shown(desk.slack.roots()[0]) == (
        "🔵 *WATCH* is the highest that stands · latest 🔴 *BULLETIN* · 2 alerts · 1 correction · 1 withdrawn"
    )


def test_reinstated_alerts_stand_again() -> None:
    """A reinstatement strikes the withdrawal, and the root counts the alert again."""
    desk, first = Desk(), said()
    desk.tell(first, cancelled(first))

    desk.tell(later(first, MessageType.UPDATE, "reinstated", version=3, headline="Reinstated: Jane Roe"))

    root, *replies = desk.slack.messages()
    assert [one.edits for one in replies] == [1, 1, 0]
    assert replies[1].words.startswith("❌ *Reinstated 12:00 UTC*")
    assert "1 alert · 2 corrections" in shown(root) and "withdrawn" not in shown(root)


def test_a_second_correction_edits_what_stands() -> None:
    """The words that a first correction told are struck by the second; what was struck before stays as it is."""
    desk, first = Desk(), said()
    desk.tell(first, later(first, MessageType.UPDATE, "number"))

    desk.tell(later(first, MessageType.CANCEL, "withdrawn", version=3))

    _, *replies = desk.slack.messages()
    assert [one.words.split("\n")[0] for one in replies[:2]] == ["❌ *Corrected 12:00 UTC*", "❌ *Withdrawn 12:00 UTC*"]
    assert [one.edits for one in replies] == [1, 1, 0]


def test_corrections_without_edits() -> None:
    """A subscription that wants no edits gets the reply only."""
    desk, first = Desk(), said()
    desk.tell(first)

    desk.tell(cancelled(first), correction=CorrectionStyle.REPLY)

    assert [one.edits for one in desk.slack.messages()[1:]] == [0, 0]


def test_corrections_of_what_a_digest_told() -> None:
    """Where no reply of the alert is known the correction is told in a thread all the same."""
    desk, first = Desk(), said()
    desk.attempt(a_digest(first), None)

    desk.tell(cancelled(first))

    assert [one.is_root for one in desk.slack.messages()] == [True, True, False]
    assert desk.slack.messages()[2].words.split("\n")[1] == "Withdrawn: Jane Roe: “The bridge is closed”"


def test_further_steps_of_an_alert_edit_nothing() -> None:
    """A second source is a reply of its own; a withdrawal strikes both."""
    desk, first = Desk(), said()
    desk.tell(first)
    desk.tell(later(first, MessageType.UPDATE, "status"), is_correction=False)
    before = [one.edits for one in desk.slack.messages()[1:]]

    desk.tell(cancelled(first, version=3))

    assert before == [0, 0]
    assert [one.edits for one in desk.slack.messages()[1:]] == [1, 1, 0]


def test_bulletins_are_shown_in_the_channel_too() -> None:
    """A reply is broadcast from BULLETIN up."""
    desk = Desk()
    desk.deliver(a_delivery(said(), item={"severity": Severity.URGENT}), said())
    high = said("John Doe", statement="st_2")
    desk.deliver(a_delivery(high, item={"severity": Severity.BULLETIN}), high)

    assert [one.is_broadcast for one in desk.slack.messages()] == [False, False, True]


def test_a_lagging_root_catches_up() -> None:
    """What only counts further is written once in five seconds, with the next delivery that comes."""
    desk, alerts = Desk(), five()
    desk.tell(*alerts[:3])
    early = desk.slack.roots()[0].edits
    desk.spent += 10

    desk.tell(alerts[3])

    root = desk.slack.roots()[0]
    assert (early, root.edits) == (0, 1)
    assert "4 alerts" in shown(root)


def test_digests_are_one_message() -> None:
    """All items by name, what was hidden and withdrawn, no thread and no buttons."""
    desk, alerts = Desk(), five()

    result = desk.attempt(a_digest(*alerts, hidden=12, withdrawn=1), None)

    (posted,) = desk.slack.messages()
    assert result.verdict is Verdict.DELIVERED and posted.is_root
    assert posted.words == "\n".join(
        (
            "5 alerts held back",
            *(f"• 12:00 WATCH Jane Roe: “Gate {n} is shut”" for n in range(5)),
            "12 messages were silenced meanwhile",
            "1 alert was withdrawn before this and left out",
        )
    )


@pytest.mark.parametrize(("count", "named"), [(94, 94), (180, 180), (400, 180)])
def test_long_digests_name_every_item(count: int, named: int) -> None:
    """The more items, the shorter each; beyond a most the rest is counted."""
    desk = Desk()
    alerts = [said(statement=f"st_{n}", headline=f"No {n} & " + "long words " * 40) for n in range(count)]

    desk.attempt(a_digest(*alerts), None)

    words = desk.slack.messages()[0].words
    assert all(f"No {n} &amp;" in words for n in range(named))
    assert (f"And {count - named} more." in words) is (count > named)


# --- pace


def test_a_flood_arrives_in_order() -> None:
    """120 alerts at once to one channel: all there within 150 s, in order, at most 5 % answered 429."""
    desk = Desk()
    alerts = [said(statement=f"st_{n}", headline=f"Jane Roe: “Gate {n:03}”") for n in range(120)]

    attempts = [desk.deliver(a_delivery(alert), alert) for alert in alerts]

    replies = desk.slack.thread(desk.slack.roots()[0].ts)
    assert [one.words.split("\n")[1] for one in replies] == [alert.data.headline for alert in alerts]
    assert set(attempts) == {1}
    assert desk.spent <= 150
    assert desk.slack.statuses.count(429) <= len(desk.slack.statuses) * 0.05


def test_early_calls_are_answered_429() -> None:
    """The double holds callers to a message a second: who does not wait loses time, not messages."""
    desk = Desk(latency_s=0)
    desk._bucket.per_second = 1e9
    alerts = five()

    desk.tell(*alerts)

    assert 429 in desk.slack.statuses
    assert [one.words.split("\n")[1] for one in desk.slack.messages()[1:]] == [one.data.headline for one in alerts]


# --- failures


def test_a_failed_reply_keeps_its_root() -> None:
    """The root was posted, the reply failed: the retry posts the reply under the same root."""
    desk = Desk()
    desk.slack.fail("chat.postMessage", "", "ratelimited")

    first = desk.attempt(a_delivery(said()), said())
    desk.spent += 60
    second = desk.attempt(a_delivery(said()), said(), number=2)

    assert (first.verdict, first.retry_after_s) == (Verdict.OVERLOADED, 7.0)
    assert second.verdict is Verdict.DELIVERED
    assert [one.is_root for one in desk.slack.messages()] == [True, False]
    assert "1 alert ·" in shown(desk.slack.roots()[0])


@pytest.mark.parametrize("how", ["timeout_after", "500_after"])
@pytest.mark.parametrize("place", [0, 1])
def test_unknown_outcomes_make_no_second_message(how: str, place: int) -> None:
    """The answer to the root or to the reply was lost: what is there is found and not posted again."""
    desk = Desk()
    desk.slack.fail("chat.postMessage", *[""] * place, how)

    desk.tell(said())

    root, reply = desk.slack.messages()
    assert (root.is_root, reply.thread_ts) == (True, root.ts)
    assert desk.marks["slack/desk/story-1"]["root"] == root.ts
    assert reply.ts in desk.marks["slack/desk/story-1"].values()


def test_unknown_outcomes_are_found_among_many() -> None:
    """The message is found behind more than a page of others, though answers are longer than what is read of them."""
    desk = Desk()
    words = "нефть и порт " * 60
    desk.tell(*(said(statement=f"st_{n}", headline=f"{n} {words}") for n in range(5)))
    desk.slack.fail("chat.postMessage", "timeout_after")

    desk.tell(said(statement="st_9", headline=f"9 {words}"))

    assert len(desk.slack.messages()) == 7


def test_lost_requests_are_posted_again() -> None:
    """A time-out before anything was stored: the look-up finds nothing, the message is posted."""
    desk = Desk()
    desk.slack.fail("chat.postMessage", "timeout", "", "timeout")

    desk.tell(said())

    assert [one.is_root for one in desk.slack.messages()] == [True, False]
    assert "Sent again" not in desk.slack.messages()[1].words


def test_digests_are_looked_for_too() -> None:
    """A digest whose answer was lost is not posted twice."""
    desk, digest = Desk(), a_digest(*five())
    desk.slack.fail("chat.postMessage", "timeout_after")

    attempts = desk.deliver(digest, None)

    assert (attempts, len(desk.slack.messages())) == (2, 1)


def test_a_look_up_that_fails_is_waited_for() -> None:
    """Slack does not answer the look-up: the attempt ends without posting, and may still have arrived."""
    desk = Desk()
    desk.tell(said())
    desk.slack.fail("conversations.replies", "ratelimited")
    other = said("John Doe", statement="st_2")

    result = desk.attempt(a_delivery(other), other, number=2, may_have_arrived=True)

    assert (result.verdict, result.may_have_arrived, len(desk.slack.messages())) == (Verdict.OVERLOADED, True, 2)


@pytest.mark.parametrize("how", [("missing_scope",), ("ratelimited", "timeout", "500", "internal_error")])
def test_a_look_up_that_does_not_work_is_done_without(how: tuple[str, ...]) -> None:
    """The bot may not read, or nobody could look three times: it is sent, and says that it may be a repeat."""
    desk = Desk()
    desk.tell(said())
    desk.slack.fail("chat.postMessage", "timeout")
    desk.slack.fail("conversations.replies", *how)
    other = said("John Doe", statement="st_2")

    attempts = desk.deliver(a_delivery(other), other)

    assert attempts == 1 + len(how)
    assert "Sent again" in desk.slack.messages()[-1].words


@pytest.mark.parametrize("how", ["message_not_found", "edit_window_closed", "500", "timeout"])
def test_a_failed_edit_stops_no_correction(how: str) -> None:
    """The reply goes out though the wrong one cannot be edited."""
    desk, first = Desk(), said()
    desk.tell(first)
    desk.slack.fail("chat.update", how, how)

    result = desk.attempt(a_delivery(cancelled(first)), cancelled(first))

    assert result.verdict is Verdict.DELIVERED
    assert [one.edits for one in desk.slack.messages()[1:]] == [0, 0]
    assert "Withdrawn" in desk.slack.messages()[-1].words


def test_an_edit_is_tried_again_after_the_reply() -> None:
    """One refusal for lack of patience costs no edit."""
    desk, first = Desk(), said()
    desk.tell(first)
    desk.slack.fail("chat.update", "ratelimited")

    desk.tell(cancelled(first))

    assert [one.edits for one in desk.slack.messages()[1:]] == [1, 0]


def test_a_failed_root_update_costs_nothing() -> None:
    """The delivery is delivered, and the next one brings the root up to date."""
    desk, alerts = Desk(), five()
    desk.tell(alerts[0])
    desk.spent += 10
    desk.slack.fail("chat.update", "500")

    attempts = desk.deliver(a_delivery(alerts[1]), alerts[1])
    desk.tell(alerts[2])

    assert attempts == 1
    assert "3 alerts" in shown(desk.slack.roots()[0])


@pytest.mark.parametrize("method", ["chat.postMessage", "chat.update"])
def test_a_removed_root_is_replaced(method: str) -> None:
    """Somebody has deleted the root: the story goes on under a new one with all counts."""
    desk, alerts = Desk(), five()
    desk.tell(*alerts[:2])
    desk.spent += 10
    word = "thread_not_found" if method == "chat.postMessage" else "message_not_found"
    desk.slack.fail(method, word)

    desk.tell(*alerts[2:4])

    roots = desk.slack.roots()
    assert len(roots) == 2
    assert f"{3 if method == 'chat.postMessage' else 4} alerts" in shown(roots[1])
    assert len(desk.slack.thread(roots[1].ts)) == (2 if method == "chat.postMessage" else 1)


@pytest.mark.parametrize(
    ("word", "verdict"),
    [
        ("channel_not_found", Verdict.FAILED),
        ("not_in_channel", Verdict.FAILED),
        ("invalid_auth", Verdict.FAILED),
        ("something_new", Verdict.FAILED),
        ("is_archived", Verdict.GONE),
        ("token_revoked", Verdict.GONE),
        ("account_inactive", Verdict.GONE),
        ("msg_too_long", Verdict.REFUSED),
        ("invalid_blocks", Verdict.REFUSED),
        ("internal_error", Verdict.OVERLOADED),
        ("rate_limited", Verdict.OVERLOADED),
    ],
)
def test_words_of_slack(word: str, verdict: Verdict) -> None:
    """`ok: false` with status 200 is no success; the word says what it is."""
    desk = Desk()
    desk.slack.fail("chat.postMessage", word)

    result = desk.attempt(a_delivery(said()), said())

    assert (result.verdict, result.cause, result.detail) == (verdict, Cause.CHANNEL_ERROR, word)


@pytest.mark.parametrize(
    ("answer", "verdict", "ts"),
    [
        (Answer(status=200, body=b'{"ok":true,"ts":"12.000001"}'), Verdict.DELIVERED, "12.000001"),
        (Answer(status=200, body=b'{"ok":true,"ts":"12.000001","message":{"t'), Verdict.DELIVERED, "12.000001"),
        (Answer(status=200, body=b'{"ok":false,"error":"is_archived","mess'), Verdict.GONE, None),
        (Answer(status=200, body=b'{"ok":true,"ts":12}'), Verdict.DELIVERED, None),
        (Answer(status=200, body=b"<html>"), Verdict.FAILED, None),
        (Answer(status=200, body=b""), Verdict.FAILED, None),
        (Answer(status=200, body=b"[" * 20_000), Verdict.FAILED, None),
        (Answer(status=204), Verdict.FAILED, None),
        (Answer(status=410), Verdict.FAILED, None),
        (Answer(status=500), Verdict.OVERLOADED, None),
        (Fault(cause=Cause.DNS), Verdict.FAILED, None),
        (Fault(cause=Cause.BLOCKED_ADDRESS), Verdict.REFUSED, None),
    ],
)  # fmt: skip
def test_answers_of_any_shape(answer: Answer | Fault, verdict: Verdict, ts: str | None) -> None:
    """Cut, foreign and hostile answers are understood as far as they go."""
    reply = api.read(answer, NOON)

    assert (reply.result.verdict, reply.ts) == (verdict, ts)


# --- incoming webhooks

HOOK_CREDENTIALS = Credentials(url=f"https://hooks.slack.com{HOOK}")


def test_webhooks_get_a_message_each() -> None:
    """No root, no thread, no buttons; a correction names what it corrects."""
    desk, first = Desk(credentials=HOOK_CREDENTIALS), said()

    desk.tell(first, cancelled(first))

    one, two = desk.slack.messages()
    assert one.is_root and two.is_root
    assert "Withdrawn: Jane Roe: “The bridge is closed”\nWas: before" in two.words
    assert not any(block["type"] == "actions" for block in one.blocks)
    assert (one.metadata, desk.slack.defects) == (None, [])


def test_webhooks_say_what_may_be_a_repeat() -> None:
    """Nothing can be looked for, so what is sent again says so."""
    desk = Desk(credentials=HOOK_CREDENTIALS)
    desk.slack.fail("hook", "timeout_after")

    desk.tell(said())

    assert ["Sent again" in one.words for one in desk.slack.messages()] == [False, True]


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (200, b"ok", Verdict.DELIVERED),
        (404, b"no_service", Verdict.GONE),
        (404, b"channel_not_found", Verdict.FAILED),
        (410, b"channel_is_archived", Verdict.GONE),
        (403, b"action_prohibited", Verdict.FAILED),
        (400, b"invalid_payload", Verdict.REFUSED),
        (429, b"", Verdict.OVERLOADED),
        (500, b"rollup_error", Verdict.OVERLOADED),
        (302, b"", Verdict.FAILED),
    ],
)
def test_words_of_webhooks(status: int, body: bytes, verdict: Verdict) -> None:
    """An incoming webhook answers with a status and a word."""
    assert api.read_hook(Answer(status=status, body=body), NOON).verdict is verdict


# --- endpoints


@pytest.mark.parametrize(
    ("credentials", "settings", "expected"),
    [
        (Credentials(token="xoxb-1-abc"), {}, []),
        (HOOK_CREDENTIALS, {}, []),
        (Credentials(url="http://127.0.0.1:9/x"), {"api": "http://127.0.0.1:9/api"}, []),
        (Credentials(url="https://hooks.slack.com.evil.example/x"), {}, ["credentials.url"]),
        (Credentials(url="https://hooks.slack.com\\@evil.example/x"), {}, ["credentials.url"]),
        (Credentials(url="https://me@hooks.slack.com/x"), {}, ["credentials.url"]),
        (Credentials(url="http://hooks.slack.com/x"), {}, ["credentials.url"]),
        (Credentials(url="http://10.0.0.1/x"), {"api": "https://a.example"}, ["credentials.url"]),
        (Credentials(url="https://[::1"), {}, ["credentials.url"]),
        (Credentials(token="xoxp-1-abc"), {}, ["credentials.token"]),
        (Credentials(token="xoxb-1-abc\r\nx: y"), {}, ["credentials.token"]),
        (Credentials(token="xoxb-1-abc"), {"channel": "#news"}, ["settings.channel"]),
        (Credentials(token="xoxb-1-abc"), {"api": "http://slack.example/api"}, ["settings.api"]),
        (Credentials(), {}, ["credentials"]),
        (Credentials(token="xoxb-1-abc", url="https://hooks.slack.com/x"), {}, ["credentials"]),
    ],
)
def test_faults_of_endpoints(credentials: Credentials, settings: dict[str, str], expected: list[str]) -> None:
    """Each fault names where it is, and no secret."""
    faults = Desk().channel.faults(an_endpoint(**settings), credentials)

    assert [one.split(":")[0] for one in faults] == expected
    assert "abc" not in "".join(faults) and "evil" not in "".join(faults)


def test_faulty_endpoints_send_nothing() -> None:
    """An endpoint that cannot work fails without a call."""
    desk = Desk(channel="#news")

    result = desk.attempt(a_delivery(said()), said())

    assert (result.verdict, desk.calls) == (Verdict.FAILED, [])


def test_what_is_shown_of_an_endpoint() -> None:
    """The channel's id, or the host of a webhook: never its path, never a token."""
    channel = Desk().channel

    found = [channel.shown(an_endpoint(), one) for one in (Credentials(token="xoxb-1-abc"), HOOK_CREDENTIALS)]

    assert found == [f"slack channel {CHANNEL}", "slack webhook hooks.slack.com/…"]


def test_calls_hide_their_secrets() -> None:
    """Token and address show in no repr, and the token is in no address or body."""
    desk = Desk()
    desk.slack.fail("chat.postMessage", "timeout_after")

    desk.tell(said())

    assert all(isinstance(one, Http) and "xoxb" not in f"{one!r}{one.url}{one.body!r}" for one in desk.calls)
    assert [one.is_paced for one in desk.calls] == [b"metadata" in one.body for one in desk.calls]


def test_buttons_name_the_alert() -> None:
    """Five buttons whose values are compact JSON about this message; nobody unnamed can be muted."""
    desk = Desk()
    desk.tell(said("Jane & Roe <x>"))

    (actions,) = [one for one in desk.slack.messages()[1].blocks if one["type"] == "actions"]
    values = [json.loads(one["value"]) for one in actions["elements"]]
    assert [one["action_id"] for one in actions["elements"]] == [
        "mute_story_1h", "mute_story_24h", "mute_speaker", "why", "not_useful",
    ]  # fmt: skip
    assert values[2] == values[0] | {"speaker": "Jane & Roe <x>"}
    assert values[0] == {
        "message_id": said().id,
        "alert_id": said().data.alert_id,
        "story": "story-1",
        "subscription": "sub_1",
        "endpoint": "desk",
    }
    assert not any(char in one["value"] for one in actions["elements"] for char in "<>&")
