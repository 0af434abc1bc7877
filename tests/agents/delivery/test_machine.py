"""The state machine of delivery, on a clock that is put forward."""

from datetime import timedelta
from itertools import pairwise

import pytest

from agents.delivery.schedule import DELAYS_S, wait_s
from agents.delivery.threads import DAYS
from schemas.alert import MessageType
from schemas.delivery import Action, Cause, EndReason, Outcome, Verdict
from schemas.routing import Reason
from tests.agents.delivery.world import LEASE, World, delivery
from tests.builders import NOON

FAILED, OVERLOADED, GONE, REFUSED = Verdict.FAILED, Verdict.OVERLOADED, Verdict.GONE, Verdict.REFUSED
HOUR = 3600.0


def test_a_message_that_arrives_is_told_once_and_forgotten() -> None:
    """One lease, one attempt, nothing left to wait for."""
    one = delivery(1)
    world = World().take(one)

    assert world.leases() == {one.id: 1}
    world.answer(one, status=204)
    assert [(it.number, it.outcome, it.status) for it in world.attempts()] == [(1, Outcome.DELIVERED, 204)]
    assert world.open() == []
    assert world.due() is None


def test_a_failing_receiver_is_tried_on_schedule_and_then_given_up() -> None:
    """Ten attempts within 20 % of 75.6 hours, then one dead letter that a replay can send again."""
    one = delivery(1)
    world = World().take(one)
    while world.open():
        world.answer(one, FAILED, status=500) if world.leases() else world.next()

    times = [at for at, _, _ in world.sent]
    waits = [(later - earlier).total_seconds() for earlier, later in pairwise(times)]
    assert len(waits) == len(DELAYS_S)
    assert all(0.8 * expected <= wait <= 1.2 * expected for wait, expected in zip(waits, DELAYS_S, strict=True))
    assert [it.outcome for it in world.attempts()] == [Outcome.RETRY] * 9 + [Outcome.DEAD]
    (letter,) = world.letters()
    assert (letter.reason, letter.attempts, letter.again.id, letter.again.round) == (
        EndReason.EXHAUSTED,
        10,
        one.id,
        2,
    )


@pytest.mark.parametrize(
    ("asked", "least", "most"),
    [(7.0, 7, 8.4), (999_999.0, HOUR, 1.2 * HOUR), (0.0, 5, 6), (None, 60, 72)],
    ids=["seconds", "far too long", "at once", "nothing usable"],
)
def test_what_a_receiver_asks_for_is_done_within_reason(asked: float | None, least: float, most: float) -> None:
    """At least the schedule, at most an hour; without a word a minute. Jitter only adds."""
    one = delivery(1)
    world = World().take(one).answer(one, OVERLOADED, status=429, retry_after_s=asked)
    wait = world.due()
    assert wait is not None
    assert least <= wait <= most


def test_a_wait_needs_a_failure() -> None:
    """There is no wait before the first attempt."""
    with pytest.raises(ValueError, match="expected at least 1, found 0"):
        wait_s(0)


def test_a_correction_never_overtakes_its_alert_and_other_stories_go_on() -> None:
    """The lane of a story stands still until its first message has arrived."""
    alert, correction = delivery(1), delivery(1, version=2, msgtype=MessageType.UPDATE)
    other = delivery(2, story="story-2")
    world = World().take(alert, correction, other)
    world.answer(alert, FAILED)

    assert set(world.leases()) == {other.id}
    world.answer(other)
    assert world.leases() == {}
    world.next().answer(alert)
    assert set(world.leases()) == {correction.id}
    world.answer(correction)
    assert [id for _, id, _ in world.sent] == [alert.id, other.id, alert.id, correction.id]
    assert world.receipts() == [("sub_a", Reason.SENT)]


def test_an_endpoint_gets_one_at_a_time_until_it_has_shown_that_it_works() -> None:
    """Else fifty that hang would fill the pool."""
    many = [delivery(n, story=f"story-{n}") for n in range(8)]
    world = World().take(*many)
    assert len(world.leases()) == 1
    world.answer_all(Verdict.DELIVERED)
    assert world.open() == []

    more = [delivery(n, story=f"story-{n}") for n in range(10, 18)]
    world.take(*more)
    assert len(world.leases()) == 4
    world.answer(more[0], FAILED)
    assert len(world.leases()) == 3
    for one in more[1:4]:
        world.answer(one, FAILED)
    assert len(world.leases()) == 1


def test_ten_failures_in_a_row_park_an_endpoint_and_a_success_ends_it() -> None:
    """While it is parked one probe goes every 30 seconds, of the oldest, and burns nothing."""
    many = [delivery(n, story=f"story-{n:02}") for n in range(12)]
    world = World().take(*many)
    for one in many[:10]:
        world.answer(one, FAILED, status=503)
    assert world.changes() == ["breaker_opened"]
    assert world.leases() == {}

    for _ in range(5):
        world.next()
        assert len(world.leases()) == 1
        world.answer_all(FAILED)
    probes = [at for at, _, _ in world.sent[10:]]
    assert all((b - a).total_seconds() >= 30 for a, b in pairwise(probes))
    assert {row.failures for row in world.rows()} == {0, 1}

    world.next().answer_all()
    assert world.changes() == ["breaker_opened", "breaker_closed"]
    while world.open():
        world.next().answer_all()
    assert set(world.ends().values()) == {Outcome.DELIVERED}
    assert len(world.ends()) == 12


def test_more_than_half_of_twenty_failing_within_a_minute_parks_too() -> None:
    """Successes in between do not hide a receiver that mostly fails."""
    world = World()
    for n in range(10):
        good, bad = delivery(2 * n, story=f"s{n}"), delivery(2 * n + 1, story=f"t{n}")
        world.take(good).answer(good)
        world.take(bad).answer(bad, FAILED)
        world.wait(0.5)
    assert world.changes() == []
    last = delivery(99, story="last")
    world.take(last).answer(last, FAILED)
    assert world.changes() == ["breaker_opened"]


def test_a_receiver_that_is_gone_is_disabled_at_once() -> None:
    """What waits is dropped with a reason, what comes later too, and a correction is owed no more."""
    one, later = delivery(1), delivery(2)
    correction = delivery(7, version=2, msgtype=MessageType.UPDATE)
    world = World().take(one, later).answer(one, GONE, status=410)

    assert world.ends() == {one.id: Outcome.DROPPED, later.id: Outcome.DROPPED}
    assert {it.reason for it in world.attempts()} == {EndReason.ENDPOINT_GONE}
    assert world.changes() == ["disabled"]
    world.take(correction)
    assert world.attempts(correction)[0].reason is EndReason.ENDPOINT_DISABLED
    assert world.receipts() == [("sub_a", Reason.ENDPOINT_DISABLED)]
    assert world.leases() == {}


def test_a_disabled_endpoint_that_is_enabled_gets_what_is_sent_again_under_the_same_ids() -> None:
    """An operator enables it and has the dropped messages delivered in a new round."""
    one = delivery(1)
    world = World().take(one).answer(one, GONE, status=410).order(Action.ENABLE)
    world.take(one)
    assert world.leases() == {}, "the first round ended"

    again = delivery(1, round=2)
    world.take(again).answer(again)
    assert again.id == one.id
    assert world.ends()[one.id] is Outcome.DELIVERED
    world.take(one, again)
    assert world.leases() == {}


@pytest.mark.parametrize(("success_at", "is_disabled"), [(None, True), (119, False)], ids=["only failures", "sporadic"])
def test_nothing_but_failures_for_120_hours_disables(success_at: int | None, is_disabled: bool) -> None:
    """A single success starts the clock again."""
    world = World()
    for hour in range(125):
        world.at = NOON + timedelta(hours=hour)
        world.tick()
        one = delivery(hour, story=f"story-{hour}", at=world.at)
        world.take(one).order(Action.RETRY)
        world.answer_all(Verdict.DELIVERED if hour == success_at else FAILED)
        if hour == success_at:
            world.answer_all(FAILED)
    assert ("disabled" in world.changes()) is is_disabled


def test_a_lease_that_ends_without_a_word_is_tried_again_as_unknown() -> None:
    """The next attempt knows that the last may have arrived; a late failure of the old one counts for nothing."""
    one = delivery(1)
    world = World().take(one)
    assert world.due() == LEASE.total_seconds()
    world.next()

    assert world.leases() == {one.id: 2}
    assert world.job(one).row.may_have_arrived
    world.answer(one, FAILED, epoch=1)
    assert world.leases() == {one.id: 2}
    assert [(it.cause, it.outcome) for it in world.attempts()] == [(Cause.LEASE_EXPIRED, Outcome.RETRY)]


def test_a_late_success_of_an_old_lease_counts() -> None:
    """It did arrive: nothing is sent again."""
    one = delivery(1)
    world = World().take(one).next().answer(one, epoch=1)
    assert world.open() == []
    assert world.leases() == {}
    world.answer(one, epoch=2)
    assert len([it for it in world.attempts() if it.outcome is Outcome.DELIVERED]) == 1


def test_a_lease_that_is_given_back_was_no_attempt() -> None:
    """A worker that stops returns what it has not begun: nothing may have arrived."""
    one = delivery(1)
    world = World().take(one).answer(one, FAILED, cause=Cause.RELEASED)
    assert world.leases() == {one.id: 2}
    row = world.job(one).row
    assert (row.failures, row.may_have_arrived) == (0, False)


def test_an_alert_withdrawn_before_anything_left_takes_its_withdrawal_with_it() -> None:
    """Neither message goes out, and nobody is owed a correction."""
    first, alert = delivery(1), delivery(2)
    cancel = delivery(2, version=2, msgtype=MessageType.CANCEL)
    world = World().take(first, alert, cancel)

    assert world.ends() == {alert.id: Outcome.DROPPED, cancel.id: Outcome.DROPPED}
    assert world.receipts() == [("sub_a", Reason.WITHDRAWN_BEFORE_SEND)]
    world.answer(first)
    assert world.open() == []


def test_an_alert_that_may_have_arrived_is_withdrawn_in_order() -> None:
    """A time-out counts as arrived: both go out."""
    alert, cancel = delivery(1), delivery(1, version=2, msgtype=MessageType.CANCEL)
    world = World().take(alert).answer(alert, OVERLOADED, cause=Cause.TIMEOUT, may_have_arrived=True).take(cancel)
    assert world.open() == [alert.id, cancel.id]
    world.next().answer_all()
    assert [world.ends()[one.id] for one in (alert, cancel)] == [Outcome.DELIVERED] * 2


def test_two_subscriptions_of_one_endpoint_share_a_delivery() -> None:
    """It is sent once and told for both, also to the one that comes when it is over."""
    mine = delivery(1, version=2, msgtype=MessageType.UPDATE)
    theirs, late = (
        delivery(1, version=2, msgtype=MessageType.UPDATE, subscription=name) for name in ("sub_b", "sub_c")
    )
    world = World().take(mine, theirs, mine).answer(mine).take(late, theirs, late)

    assert len(world.sent) == 1
    told = [(it.subscription, it.outcome) for it in world.attempts()]
    assert told == [(name, Outcome.DELIVERED) for name in ("sub_a", "sub_b", "sub_c")]
    assert world.receipts() == [(name, Reason.SENT) for name in ("sub_a", "sub_b", "sub_c")]


def test_one_of_two_subscriptions_withdrawing_does_not_stop_the_other() -> None:
    """The alert still goes to who has not been told that it is withdrawn."""
    blocker, mine, theirs = delivery(9), delivery(1), delivery(1, subscription="sub_b")
    cancel = delivery(1, version=2, msgtype=MessageType.CANCEL)
    world = World().take(blocker, mine, theirs, cancel)
    assert world.open() == [blocker.id, mine.id]
    assert {row.subscribers[0].subscription for row in world.rows()[1:]} == {"sub_b"}


def test_nothing_stays_open_longer_than_96_hours() -> None:
    """Whatever a parked endpoint's breaker says: it is a dead letter then, and can be recovered."""
    many = [delivery(n, story=f"s{n}") for n in range(10)]
    world = World().take(*many)
    while world.open():
        world.next().answer_all(FAILED) if not world.leases() else world.answer_all(FAILED)
    assert world.at <= NOON + timedelta(hours=96)
    assert {it.reason for it in world.letters()} <= {EndReason.EXPIRED, EndReason.EXHAUSTED}
    assert len(world.letters()) == 10


def test_stale_news_is_dropped_and_a_correction_is_not() -> None:
    """A subscription's own limit holds for alerts only."""
    alert = delivery(1, max_age_s=600)
    correction = delivery(2, version=2, msgtype=MessageType.UPDATE, max_age_s=600, story="story-2")
    world = World().take(alert).answer(alert, FAILED).next().answer(alert, FAILED).take(correction)
    world.answer(correction, FAILED)
    while world.at < NOON + timedelta(seconds=700):
        world.answer_all(FAILED) if world.leases() else world.next()
    assert world.ends() == {alert.id: Outcome.DROPPED}
    assert world.attempts(alert)[-1].reason is EndReason.MAX_AGE
    assert world.open() == [correction.id]


def test_old_news_of_a_long_silence_is_not_sent_at_all() -> None:
    """Delivery that starts again after days does not flood its readers."""
    old = delivery(1, at=NOON - timedelta(hours=97))
    world = World().take(old)
    assert world.attempts()[0].reason is EndReason.MAX_AGE
    assert world.sent == []


def test_a_channel_that_says_when_is_asked_again_just_then() -> None:
    """Slack's 429 pauses the endpoint, burns no attempt and opens no breaker."""
    many = [delivery(n, channel="slack", story=f"s{n}") for n in range(3)]
    world = World().take(*many)
    for _ in range(30):
        world.answer_all(OVERLOADED, status=429, retry_after_s=2.0)
        assert world.due() == 2.0
        world.next()
    assert world.changes() == []
    assert world.rows()[0].failures == 0
    world.answer_all()
    assert set(world.ends().values()) == {Outcome.DELIVERED}


def test_what_can_never_work_is_dead_at_once() -> None:
    """And says nothing about the endpoint."""
    one, other = delivery(1), delivery(2)
    world = World().take(one, other).answer(one, REFUSED, cause=Cause.BLOCKED_ADDRESS)
    assert world.letters()[0].reason is EndReason.REFUSED
    assert world.head().health.failures == 0
    assert set(world.leases()) == {other.id}


def test_an_operator_can_hurry_and_drop() -> None:
    """What waits for hours goes now; what is dropped makes room for the next."""
    one, other = delivery(1), delivery(2)
    world = World().take(one, other).answer(one, FAILED).next().answer(one, FAILED)
    world.order(Action.RETRY, one)
    assert world.leases() == {one.id: 3}
    world.answer(one, FAILED).order(Action.DROP, one)
    assert world.ends() == {one.id: Outcome.DROPPED}
    assert set(world.leases()) == {other.id}


def test_an_operator_disables_and_what_is_under_way_may_still_arrive() -> None:
    """Only what has not begun is dropped."""
    one, other = delivery(1), delivery(2)
    world = World().take(one, other).order(Action.DISABLE)
    assert world.ends() == {other.id: Outcome.DROPPED}
    world.answer(one)
    assert world.ends()[one.id] is Outcome.DELIVERED
    assert world.changes() == ["disabled"]


def test_an_endpoint_that_nobody_made_costs_no_attempt() -> None:
    """It goes when the endpoint is there; until then it waits."""
    one = delivery(1)
    world = World().take(one)
    for _ in range(20):
        world.answer_all(FAILED, cause=Cause.UNKNOWN_ENDPOINT)
        world.next()
    assert world.rows()[0].failures == 0
    assert world.changes() == []


def test_marks_of_a_thread_stay_until_it_has_been_quiet_for_a_month() -> None:
    """A failed attempt keeps its marks too: a root that was posted is not posted again."""
    one, two = delivery(1), delivery(2)
    world = World().take(one).answer(one, FAILED, marks={"root": "1.1", "gone": "x"})
    world.next()
    assert world.job(one).marks == {"root": "1.1", "gone": "x"}
    world.answer(one, marks={"alert/al_1": "1.2", "gone": None}).take(two)
    assert world.job(two).marks == {"root": "1.1", "alert/al_1": "1.2"}
    world.answer(two)

    world.at += timedelta(days=DAYS + 1)
    other = delivery(3, story="story-2", at=world.at)
    world.take(other).answer(other, marks={"root": "9.9"})
    three = delivery(4, at=world.at)
    world.take(three)
    assert world.job(three).marks == {}


def test_what_is_read_again_changes_nothing() -> None:
    """A worker that died after its state was durable reads the same records once more."""
    one, two = delivery(1), delivery(2)
    world = World().take(one, two).answer(one)
    before, said = dict(world.state.values), len(world.out)
    world.take(one, two).answer(one, epoch=1).answer(one, FAILED, epoch=1)
    assert world.state.values == before
    assert len(world.out) == said


def test_what_never_arrives_is_not_every_probe() -> None:
    """A message that only its receiver's defect keeps back does not keep a parked endpoint parked."""
    poison = [delivery(n, story=f"poison-{n}") for n in range(3)]
    world = World().take(*poison)
    while "breaker_opened" not in world.changes():
        world.answer_all(FAILED, status=500) if world.leases() else world.next()
    for _ in range(30):
        world.next().answer_all(FAILED, status=500)
    good = delivery(9, story="good")
    world.take(good)
    for _ in range(5):
        world.next()
        for id in list(world.leases()):
            world.answer(id) if id == good.id else world.answer(id, FAILED, status=500)

    assert world.ends()[good.id] is Outcome.DELIVERED
    assert "breaker_closed" in world.changes()


def test_a_receiver_that_asks_for_seconds_pauses_the_endpoint_for_seconds() -> None:
    """However long the message waits that was answered so: its schedule is its own."""
    old, other = delivery(1, story="old"), delivery(2, story="other")
    world = World().take(old)
    for _ in range(4):
        world.answer(old, FAILED, status=500).next()
    world.answer(old, OVERLOADED, status=429, retry_after_s=5.0).take(other)

    assert world.due() == 5.0
    world.next()
    assert world.leases() == {other.id: 1}


def test_a_pause_outlasts_the_message_that_led_to_it() -> None:
    """Its own limit of age is no reason to come back earlier than the receiver asked."""
    stale, other = delivery(1, story="stale", max_age_s=10), delivery(2, story="other")
    world = World().take(stale).answer(stale, OVERLOADED, status=429, retry_after_s=60.0).take(other)
    while not world.leases():
        world.next()
    assert world.leases() == {other.id: 1}
    assert (world.at - NOON).total_seconds() >= 60


def test_a_channel_that_asks_for_days_is_asked_again_after_an_hour() -> None:
    """What one answer says stops no channel for days."""
    one = delivery(1, channel="slack")
    world = World().take(one).answer(one, OVERLOADED, status=429, retry_after_s=999_999.0)
    assert world.due() == HOUR


@pytest.mark.parametrize("order", [0, 1], ids=["the short limit first", "the short limit last"])
def test_one_subscriptions_limit_of_age_is_not_anothers(order: int) -> None:
    """What two subscriptions want goes out as long as one of them wants it."""
    both = [delivery(1, max_age_s=60), delivery(1, subscription="sub_b")]
    blocker = delivery(9)
    world = World().take(blocker, both[order], both[1 - order]).wait(80)
    world.answer(blocker)
    assert world.leases() == {both[0].id: 1}


def test_what_was_given_up_for_one_subscription_is_said_to_be_to_another() -> None:
    """Sent now it would come behind what has overtaken it; nobody is told that it was sent."""
    mine, theirs = delivery(1, max_age_s=60), delivery(1, subscription="sub_b")
    blocker = delivery(9)
    world = World().take(blocker, mine).wait(80)
    world.answer(blocker).take(theirs)
    assert [(it.subscription, it.outcome, it.detail) for it in world.attempts(mine)] == [
        ("sub_a", Outcome.DROPPED, ""),
        ("sub_b", Outcome.DROPPED, "given up for another subscription of this endpoint"),
    ]


def test_an_endpoint_is_disabled_once() -> None:
    """However many of its answers say that it is gone."""
    first, *more = [delivery(n, story=f"s{n}") for n in range(5)]
    world = World().take(first).answer(first).take(*more)
    for one in more:
        world.answer(one, GONE, status=410)
    assert world.changes() == ["disabled"]


def test_an_endpoint_that_nobody_made_is_looked_for_with_one_message_at_a_time() -> None:
    """Not with each of the thousands that wait for it."""
    many = [delivery(n, story=f"s{n}") for n in range(20)]
    world = World().take(*many)
    world.answer_all(FAILED, cause=Cause.UNKNOWN_ENDPOINT)
    assert world.leases() == {}
    assert world.due() == 300.0
    world.order(Action.RETRY)
    assert len(world.leases()) == 1
    world.answer_all()
    assert set(world.ends().values()) == {Outcome.DELIVERED}
    assert len(world.ends()) == 20


def test_an_alert_that_cannot_be_found_says_nothing_about_its_receiver() -> None:
    """It is tried on schedule, and the breaker stays closed."""
    many = [delivery(n, story=f"s{n}") for n in range(12)]
    world = World().take(*many)
    while world.leases():
        world.answer_all(FAILED, cause=Cause.MISSING_ALERT)
    assert world.changes() == []
    assert {row.failures for row in world.rows()} == {1}


def test_what_two_subscriptions_wanted_can_be_replayed_for_both() -> None:
    """A letter each; it is sent once, told for both, and a correction is owed to nobody."""
    mine, theirs = (
        delivery(1, version=2, msgtype=MessageType.UPDATE, subscription=name) for name in ("sub_a", "sub_b")
    )
    world = World().take(mine, theirs).answer(mine, REFUSED)
    letters = [letter.again for letter in world.letters()]
    assert [(it.subscription, it.round) for it in letters] == [("sub_a", 2), ("sub_b", 2)]

    world.take(letters[0]).answer(mine).take(letters[1])
    assert world.leases() == {}
    assert world.receipts() == [("sub_a", Reason.SENT), ("sub_b", Reason.SENT)]
