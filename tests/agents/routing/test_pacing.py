"""How much a reader gets and when: the noise budget, quiet hours, digests, and what falls before them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.routing.quiet import quiet_until
from schemas.alert import MessageType, Status
from schemas.event import Severity
from schemas.routing import Notification, NotificationKind, Reason, Receipt, Suppressed
from schemas.subscription import Budget, Filter, Matcher, Operator, QuietHours, silence
from tests.agents.routing.builders import a_subscription, cancelled, later, raised, replace, said
from tests.agents.routing.desk import Desk
from tests.builders import NOON

SIX = a_subscription(budget=Budget(), group_wait_s=0, group_interval_s=0)
NIGHT = QuietHours(start="11:00", end="14:00", timezone="UTC")
SLEEPER = a_subscription(quiet_hours=NIGHT, group_wait_s=0, group_interval_s=0)


def stories(many: int) -> list[str]:
    """Names of stories."""
    return [f"story-{n}" for n in range(many)]


def test_a_hundred_alerts_in_an_hour_are_six_messages_and_one_digest_of_ninety_four() -> None:
    """Each alert is in exactly one of them."""
    desk = Desk(a_subscription(budget=Budget()))
    alerts = [said(story=story) for story in stories(100)]
    for alert in alerts:
        desk.alert(alert).wait(36)
    desk.run_out()
    assert [(one.kind.value, len(one.items)) for one in desk.sent] == [("message", 1)] * 6 + [("digest", 94)]
    assert desk.sent[6].headline == "94 alerts held back"
    assert {item.reason for item in desk.sent[6].items} == {Reason.OVER_BUDGET}
    told = [item.message_id for one in desk.sent for item in one.items]
    assert sorted(told) == sorted(alert.id for alert in alerts)


def test_a_storm_of_a_thousand_in_a_minute_is_a_budget_and_one_digest() -> None:
    """One live blog: each reader gets six messages at most and then one that names the rest; nothing is lost."""
    readers = [a_subscription(f"s{n}", budget=Budget(), group_wait_s=0, group_interval_s=0) for n in range(3)]
    desk = Desk(*readers)
    alerts = [said("Jane Roe", statement=f"st_{n}") for n in range(1000)]
    for alert in alerts:
        desk.alert(alert).wait(0.06)
    desk.run_out()

    for reader in readers:
        mine = [one for one in desk.sent if one.subscription == reader.id]
        assert [one.kind.value for one in mine] == ["message"] * 6 + ["digest"]
        assert sorted(item.message_id for one in mine for item in one.items) == sorted(alert.id for alert in alerts)


@given(st.lists(st.integers(0, 1500), min_size=1, max_size=60))
def test_never_more_than_the_budget_in_any_hour(gaps: list[int]) -> None:
    """Digests included, however the alerts come; and nothing is lost."""
    desk = Desk(SIX)
    for n, gap in enumerate(gaps):
        desk.alert(said(story=f"story-{n}")).wait(gap)
    desk.run_out()
    times = [one.at for one in desk.sent]
    hour = timedelta(hours=1)
    assert all(later - earlier >= hour for earlier, later in zip(times, times[6:], strict=False))
    assert sum(len(one.items) for one in desk.sent) == len(gaps)


def test_bulletin_is_neither_counted_nor_held() -> None:
    """Also while others are held back."""
    desk = Desk(SIX).alert(*(said(story=story) for story in stories(10))).alert(raised(4))
    assert [one.severity for one in desk.sent] == [Severity.WATCH] * 6 + [Severity.BULLETIN]


def test_digest_leaves_out_what_was_withdrawn_and_counts_it() -> None:
    """Neither message of the withdrawn alert goes out, and the debt is settled."""
    alerts = [said(story=story) for story in stories(9)]
    desk = Desk(SIX).alert(*alerts).wait(60).alert(cancelled(alerts[7])).run_out()
    digest = desk.sent[6]
    assert [item.message_id for item in digest.items] == [alerts[6].id, alerts[8].id]
    assert (digest.withdrawn, digest.headline) == (1, "2 alerts held back, 1 withdrawn before")
    assert desk.reasons() == [
        (alerts[7].id, Reason.WITHDRAWN_BEFORE_SEND),
        (cancelled(alerts[7]).id, Reason.WITHDRAWN_BEFORE_SEND),
    ]
    assert desk.story.debts(desk.stories, "story-7") == ()


def test_corrected_before_its_digest_is_listed_right() -> None:
    """The digest has the corrected words only, as news."""
    alerts = [said(story=story) for story in stories(7)]
    right = later(alerts[6], MessageType.UPDATE, "negation", headline="Right")
    desk = Desk(SIX).alert(*alerts).wait(60).alert(right).run_out()
    assert [(item.headline, item.msgtype) for item in desk.sent[6].items] == [("Right", MessageType.ALERT)]
    assert desk.reasons() == [(alerts[6].id, Reason.GROUPED_INTO)]


def test_corrections_pass_the_budget() -> None:
    """What was sent is corrected at once, however many messages are held back."""
    alerts = [said(story=story) for story in stories(20)]
    desk = Desk(SIX).alert(*alerts).wait(60).alert(cancelled(alerts[0]))
    assert [(one.kind, one.msgtype) for one in desk.sent[6:]] == [(NotificationKind.CORRECTION, MessageType.CANCEL)]


def test_cancel_reaches_who_was_told_though_a_later_step_waits() -> None:
    """An update in the digest does not hide that the alert itself was sent."""
    alerts = [said(story=story) for story in stories(6)]
    step = later(alerts[0], MessageType.UPDATE, headline="2 sources")
    desk = Desk(SIX).alert(*alerts).wait(60).alert(step).wait(60).alert(cancelled(alerts[0], version=3)).run_out()
    assert [one.kind for one in desk.sent[6:]] == [NotificationKind.CORRECTION]
    assert desk.reasons() == [(step.id, Reason.GROUPED_INTO)]


def test_reinstated_after_it_fell_is_news() -> None:
    """Nothing was sent of it, so it comes as an alert."""
    alerts = [said(story=story) for story in stories(7)]
    back = later(alerts[6], MessageType.UPDATE, "reinstated", version=3, headline="Back")
    desk = Desk(SIX).alert(*alerts).wait(60).alert(cancelled(alerts[6])).wait(7200).alert(back).run_out()
    assert [(one.kind, one.msgtype, one.headline) for one in desk.sent[6:]] == [
        (NotificationKind.MESSAGE, MessageType.ALERT, "Back")
    ]
    again = later(alerts[6], MessageType.CANCEL, "withdrawn", version=4, headline="Gone")
    assert desk.alert(again).sent[-1].msgtype is MessageType.CANCEL


def test_quiet_hours_end_in_one_digest() -> None:
    """A BULLETIN breaks them; the rest comes at their end, in order."""
    desk = Desk(SLEEPER).alert(said(), said(story="story-2"), raised(4)).wait(7199)
    assert [one.headline for one in desk.sent] == ["Level 4"]
    desk.wait(1)
    assert [(one.kind, len(one.items), one.at) for one in desk.sent[1:]] == [
        (NotificationKind.DIGEST, 2, NOON + timedelta(hours=2))
    ]
    assert {item.reason for item in desk.sent[1].items} == {Reason.GROUPED_INTO}
    assert desk.sent[1].story is None


def test_misattributed_in_quiet_hours_is_right_in_the_digest() -> None:
    """The old words fall, the new speaker is listed."""
    wrong, right = said("Jane Roe"), said("Sam Poe", statement="st_2")
    facts = replace(wrong.data.statement, superseded_by="st_2")  # type: ignore[type-var]
    desk = Desk(SLEEPER).alert(wrong).wait(60).alert(cancelled(wrong, statement=facts), right).run_out()
    assert [[item.message_id for item in one.items] for one in desk.sent] == [[right.id]]
    assert set(desk.closed().values()) == {1}


def test_drill_waits_for_nothing() -> None:
    """It was asked for by somebody who waits for it, and costs no budget."""
    drills = [said(story=story, status=Status.DRILL) for story in stories(10)]
    desk = Desk(replace(SIX, quiet_hours=NIGHT)).alert(*drills)
    assert [one.status for one in desk.sent] == [Status.DRILL] * 10


def test_budget_and_quiet_hours_together() -> None:
    """The digest of the budget waits for the end of the quiet hours."""
    desk = Desk(replace(SIX, quiet_hours=replace(NIGHT, start="12:30")))
    desk.alert(*(said(story=story) for story in stories(8))).wait(2000).alert(said(story="x")).run_out()
    assert [(one.at, len(one.items)) for one in desk.sent[6:]] == [(NOON + timedelta(hours=2), 3)]


def test_hidden_messages_are_told_once_their_silence_is_gone() -> None:
    """Also when it is lifted early, and also by a digest."""
    hush = silence(
        matchers=(Matcher("story", Operator.EQUAL, "story-1"),),
        author="jo",
        reason="known",
        starts_at=NOON,
        ends_at=NOON + timedelta(days=9),
    )
    desk = Desk(SLEEPER, hush).alert(said()).wait(60)
    desk.book.remove(hush.id)
    desk.alert(said(story="story-2")).run_out()
    assert [(one.kind, one.hidden) for one in desk.sent] == [(NotificationKind.DIGEST, 1)]


def test_removed_subscription_gets_no_digest() -> None:
    """What was held back is closed."""
    desk = Desk(SLEEPER).alert(said())
    desk.book.remove(SLEEPER.id)
    desk.run_out()
    assert (desk.sent, desk.reasons()) == ([], [(said().id, Reason.NO_MATCH)])


LONDON = QuietHours(start="22:00", end="07:00", timezone="Europe/London")


@pytest.mark.parametrize(
    ("at", "until"),
    [
        (datetime(2026, 7, 1, 20, 59), None),
        (datetime(2026, 7, 1, 21, 0), datetime(2026, 7, 2, 6, 0)),
        (datetime(2026, 7, 2, 5, 59), datetime(2026, 7, 2, 6, 0)),
        (datetime(2026, 7, 2, 6, 0), None),
        (datetime(2026, 1, 2, 6, 30), datetime(2026, 1, 2, 7, 0)),
        (datetime(2026, 3, 28, 23, 0), datetime(2026, 3, 29, 6, 0)),  # the night the clock is put forward
        (datetime(2026, 10, 24, 23, 0), datetime(2026, 10, 25, 7, 0)),  # the night it is put back
    ],
)
def test_quiet_hours_follow_the_wall_clock(at: datetime, until: datetime | None) -> None:
    """Across midnight, summer and winter."""
    assert quiet_until(LONDON, at.replace(tzinfo=UTC)) == (until.replace(tzinfo=UTC) if until else None)


@given(
    st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),
    st.times(),
    st.times(),
    st.sampled_from(("Europe/London", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC")),
)
def test_quiet_hours_end_and_are_over_then(at: datetime, start: object, end: object, timezone: str) -> None:
    """The end is ahead, within a day and an hour, and is not quiet itself unless the next night begins with it."""
    quiet = QuietHours(start=str(start)[:5], end=str(end)[:5], timezone=timezone)
    until = quiet_until(quiet, at)
    if until is None or quiet.start == quiet.end:
        return
    assert at < until <= at + timedelta(hours=26)
    again = quiet_until(quiet, until)
    assert again is None or again > until


def test_alerts_of_nobody_cost_nothing() -> None:
    """No match, no output, no state at the reader."""
    desk = Desk(replace(SIX, filter=Filter(stories=("story-9",)))).alert(said()).run_out()
    assert (desk.sent, desk.withheld, desk.readers.values) == ([], [], {})


def test_a_smaller_budget_counts_what_was_sent_before() -> None:
    """Two an hour from now on: the next may go when only one of the last hour is left."""
    desk = Desk(SIX)
    for story in stories(4):
        desk.alert(said(story=story)).wait(600)
    desk.book.put(replace(SIX, budget=Budget(limit=2)))
    desk.alert(said(story="x")).run_out()
    assert int((desk.sent[4].at - NOON).total_seconds()) == 1200 + 3600


def test_subscription_removed_between_the_two_steps() -> None:
    """What was on its way is closed, a correction with a receipt, so that no debt stays."""
    alert = said()
    desk = Desk(SIX).alert(alert)
    messages = [desk.sent[0], *desk.story.on_alert(desk.stories, cancelled(alert), desk.now)]
    desk.book.remove(SIX.id)
    out = [one for event in messages for one in desk.pacing.on_event(desk.readers, event, desk.now)]
    for one in out:
        if isinstance(one, Receipt):
            desk.story.on_receipt(desk.stories, one)
    ends = [(type(one), one.message_id, one.reason) for one in out if not isinstance(one, Notification)]
    assert ends == [
        (Suppressed, alert.id, Reason.NO_MATCH),
        (Suppressed, cancelled(alert).id, Reason.ENDPOINT_DISABLED),
        (Receipt, cancelled(alert).id, Reason.ENDPOINT_DISABLED),
    ]
    assert desk.story.debts(desk.stories, "story-1") == ()
