"""Laws of routing over random days: every way ends once, corrections arrive, and a restart changes nothing."""

import random
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from agents.routing.telling import message_state
from agents.routing.view import View
from schemas.alert import Alert, MessageType
from schemas.event import Severity
from schemas.routing import Reason
from schemas.subscription import (
    Budget,
    Filter,
    Matcher,
    MessageState,
    Operator,
    QuietHours,
    Silence,
    Subscription,
    silence,
)
from tests.agents.routing.builders import a_speaker, a_statement, a_subscription, later, raised, replace, said
from tests.agents.routing.desk import Desk
from tests.builders import NOON

NAMES = ("Jane Roe", "Sam Poe", "Lee Coe")
SEEDS = st.integers(0, 2**32)


def a_reader(r: random.Random, n: int) -> Subscription:
    """Any settings."""
    return a_subscription(
        f"reader {n}",
        filter=Filter(
            speakers=tuple(r.sample(NAMES, r.randint(1, 2))) if r.random() < 0.4 else (),
            stories=("story-1",) if r.random() < 0.3 else (),
            severity=Severity.ADVISORY if r.random() < 0.2 else Severity.NOTE,
        ),
        group_by=r.choice((("story", "family"), (), ("speaker",), ("story",))),
        group_wait_s=r.choice((0, 20, 60)),
        group_interval_s=r.choice((0, 120)),
        budget=Budget(limit=r.randint(1, 3), per_s=600) if r.random() < 0.4 else None,
        quiet_hours=QuietHours(start="12:05", end="12:40", timezone="UTC") if r.random() < 0.3 else None,
    )


def a_silence(r: random.Random, n: int) -> Silence:
    """A few minutes without one kind of message."""
    starts = NOON + timedelta(seconds=r.randint(0, 1800))
    matcher = r.choice(
        (
            Matcher("family", Operator.EQUAL, "statement"),
            Matcher("speaker", Operator.GLOB, "Jane*"),
            Matcher("subscription", Operator.EQUAL, a_subscription("reader 0").id),
        )
    )
    states = tuple(r.sample(tuple(MessageState), r.randint(1, 3)))
    return silence(
        matchers=(matcher,),
        author="jo",
        reason=f"reason {n}",
        starts_at=starts,
        ends_at=starts + timedelta(seconds=r.randint(1, 900)),
        states=states,
    )


def a_day(r: random.Random, many: int) -> list[tuple[int, Alert]]:
    """Seconds to wait, then a message: new alerts, steps, corrections, misattributions, returns."""
    day: list[tuple[int, Alert]] = []
    last: dict[str, Alert] = {}
    for n in range(many):
        gap = r.choice((0, 0, 1, 5, 15, 40, 200, 700))
        story = f"story-{r.randint(1, 2)}"
        live = [one for one in last.values() if one.data.msgtype is not MessageType.CANCEL]
        gone = [one for one in last.values() if one.data.msgtype is MessageType.CANCEL]
        kind = r.choice(("new", "new", "new", "level", "step", "fix", "speaker", "cancel", "cancel", "wrong", "back"))
        follow: Alert | None = None
        if kind == "new" or not live:
            message = said(r.choice(NAMES), statement=f"st_{n}", story=story)
        elif kind == "level":
            message = raised(r.randint(1, 4), story=story, alert_id=f"al_{n}")
        elif kind == "back" and gone:
            one = r.choice(gone)
            facts = one.data.statement
            clean = replace(facts, superseded_by=None) if facts is not None else None
            message = later(one, MessageType.UPDATE, "reinstated", version=one.data.version + 1, statement=clean)
        else:
            one = r.choice(live)
            version = one.data.version + 1
            match kind:
                case "fix":
                    message = later(one, MessageType.UPDATE, "negation", version=version, headline=f"Fixed {n}")
                case "speaker" if one.data.statement is not None:
                    facts = a_statement(a_speaker(r.choice(NAMES)), id=one.data.statement.id)
                    message = later(one, MessageType.UPDATE, "speaker", version=version, statement=facts)
                case "wrong" if one.data.statement is not None:
                    facts = replace(one.data.statement, superseded_by=f"st_{n}")
                    message = later(one, MessageType.CANCEL, "speaker", version=version, statement=facts)
                    if r.random() < 0.8:
                        follow = said(r.choice(NAMES), statement=f"st_{n}", story=one.story)
                case "cancel" | "wrong":
                    message = later(one, MessageType.CANCEL, "withdrawn", version=version)
                case _:
                    message = later(one, MessageType.UPDATE, version=version, headline=f"Step {n}")
        for each, wait in ((message, gap), (follow, 0)):
            if each is not None:
                day.append((wait, each))
                last[each.data.alert_id] = each
    return day


def live_through(seed: int, many: int, *, is_cut: bool = False) -> tuple[Desk, list[tuple[Alert, str]]]:
    """A random day to its end, and every (message, subscription) that an ordinary message was wanted by."""
    r = random.Random(seed)
    readers = [a_reader(r, n) for n in range(4)]
    desk = Desk(*readers, *(a_silence(r, n) for n in range(2)), is_cut=is_cut)
    wanted: list[tuple[Alert, str]] = []
    for wait, message in a_day(r, many):
        desk.wait(wait)
        if message_state(message.data) is not MessageState.CORRECTION:
            wanted += [(message, id) for id in desk.book.matching(View(message), desk.now)]
        desk.alert(message)
        if r.random() < 0.2:
            desk.alert(message)  # at least once
    return desk.run_out(), wanted


@given(SEEDS, st.integers(1, 25))
@settings(max_examples=150, deadline=None)
def test_every_way_ends_exactly_once(seed: int, many: int) -> None:
    """No message is closed twice for a subscription, and each wanted one is closed."""
    desk, wanted = live_through(seed, many)
    closed = desk.closed()
    assert [pair for pair, times in closed.items() if times != 1] == []
    assert [(message.id, id) for message, id in wanted if (id, message.id) not in closed] == []


@given(SEEDS, st.integers(1, 25))
@settings(max_examples=150, deadline=None)
def test_readers_end_with_the_truth(seed: int, many: int) -> None:
    """Who was told an alert that was withdrawn is told so last; who was told nothing hears of no withdrawal."""
    desk, _ = live_through(seed, many)
    ends: dict[str, Alert] = {}
    for _, message in a_day_of(seed, many):
        ends[message.data.alert_id] = message
    heard: dict[tuple[str, str], list[tuple[int, MessageType]]] = {}
    for one in desk.sent:
        for item in one.items:
            heard.setdefault((one.subscription, item.alert_id), []).append((item.version, item.msgtype))
            if one.replaces == item.alert_id:
                heard[one.subscription, item.alert_id][-1] = (item.version, MessageType.CANCEL)
    for (_, alert), messages in heard.items():
        versions = [version for version, _ in messages]
        assert versions == sorted(versions)
        assert messages[0][1] is MessageType.ALERT
        if ends[alert].data.msgtype is MessageType.CANCEL:
            assert messages[-1][1] is MessageType.CANCEL
    assert all(desk.deliver().story.debts(desk.stories, story) == () for story in ("story-1", "story-2"))


def a_day_of(seed: int, many: int) -> list[tuple[int, Alert]]:
    """The day that `live_through` lived."""
    r = random.Random(seed)
    for n in range(4):
        a_reader(r, n)
    for n in range(2):
        a_silence(r, n)
    return a_day(r, many)


@given(SEEDS, st.integers(1, 15))
@settings(max_examples=40, deadline=None)
def test_a_restart_at_every_record_changes_nothing(seed: int, many: int) -> None:
    """All state encoded and decoded between any two records: the same output, the same end."""
    whole, _ = live_through(seed, many)
    cut, _ = live_through(seed, many, is_cut=True)
    assert (cut.sent, cut.withheld, cut.receipts) == (whole.sent, whole.withheld, whole.receipts)
    assert (cut.stories.values, cut.readers.values) == (whole.stories.values, whole.readers.values)


def test_random_days_reach_every_ending() -> None:
    """The laws above are not vacuous: silences, mutes, digests, corrections and falls all happen in them."""
    reasons: set[Reason] = set()
    kinds: set[tuple[str, str]] = set()
    for seed in range(60):
        desk, _ = live_through(seed, 25)
        reasons |= {one.reason for one in desk.withheld}
        reasons |= {item.reason for one in desk.sent for item in one.items}
        kinds |= {(one.kind.value, one.msgtype.value) for one in desk.sent}
    assert reasons >= {
        Reason.SENT,
        Reason.SILENCED,
        Reason.INHIBITED,
        Reason.GROUPED_INTO,
        Reason.OVER_BUDGET,
        Reason.WITHDRAWN_BEFORE_SEND,
    }
    assert kinds >= {("message", "alert"), ("correction", "cancel"), ("correction", "update"), ("digest", "alert")}
