"""Two sides of a history: matched by family, subject and opening entry, and compared by what a reader is told."""

import random
from datetime import UTC, datetime

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from schemas.alert import Alert, MessageType
from streams.replay.difference import Side, by_day, counted, difference
from tests.e2e.receivers import statement


def side(*found: Alert) -> Side:
    made = Side()
    for one in found:
        made.add(one)
    return made


def with_data(one: Alert, **fields: object) -> Alert:
    return msgspec.structs.replace(one, data=msgspec.structs.replace(one.data, **fields))


def told(n: int) -> Alert:
    return statement(n, story=f"story-{n % 3}")


def test_ids_and_ordinals_do_not_make_a_difference() -> None:
    """The same alert under another id, after others, explained otherwise, is the same alert."""
    before = told(1)
    after = with_data(
        msgspec.structs.replace(before, id="msg_x", sequence="0000000009"), alert_id="al_x", why="other words"
    )

    found = difference(side(before).told(), side(after).told())

    assert (found.same, found.is_equal) == (1, True)


def test_what_is_told_otherwise_is_named() -> None:
    """By the fields in which the first differing message differs."""
    found = difference(side(told(1)).told(), side(with_data(told(1), headline="Other")).told())

    (pair,) = found.changed
    assert pair.fields == ("headline",)
    assert (found.added, found.lost, found.same) == ([], [], 0)


def test_a_message_more_is_a_change() -> None:
    """An alert that was withdrawn on one side only."""
    cancel = statement(1, story="story-1", version=2, msgtype=MessageType.CANCEL)
    found = difference(side(told(1)).told(), side(told(1), cancel).told())

    (pair,) = found.changed
    assert (pair.before.messages, pair.after.messages, pair.fields) == (1, 2, ("messages",))


def test_several_of_one_subject_and_entry_are_paired_in_order() -> None:
    """The second escalation that one entry caused is compared with the second."""
    first = told(1)
    second = with_data(
        msgspec.structs.replace(first, id="msg_2", sequence="0000000900"), alert_id="al_2", headline="Two"
    )

    found = difference(side(first, second).told(), side(first, second).told())
    less = difference(side(first, second).told(), side(first).told())

    assert (found.same, found.is_equal) == (2, True)
    assert [one.headline for one in less.lost] == ["Two"]


def test_a_message_that_is_stored_twice_counts_once() -> None:
    """As after a kill."""
    assert difference(side(told(1), told(1)).told(), side(told(1)).told()).is_equal


@given(st.sets(st.integers(0, 40)), st.sets(st.integers(0, 40)), st.sets(st.integers(0, 40)), st.randoms())
def test_counts_add_up(before: set[int], after: set[int], other: set[int], rng: random.Random) -> None:
    """Every alert of either side is added, lost, changed or the same; in every table and on every day."""
    ours = [told(n) for n in before]
    theirs = [with_data(told(n), headline="Other") if n in other else told(n) for n in after]
    rng.shuffle(ours)
    rng.shuffle(theirs)
    one, two = side(*ours).told(), side(*theirs).told()

    found = difference(one, two)

    assert {t.headline for t in found.lost} == {told(n).data.headline for n in before - after}
    assert len(found.added) == len(after - before)
    assert len(found.changed) == len(before & after & other)
    assert found.same == len((before & after) - other)
    assert found.before == found.same + len(found.changed) + len(found.lost) == len(before)
    assert found.after == found.same + len(found.changed) + len(found.added) == len(after)
    for label in ("type", "story"):
        rows = counted(found, label).values()
        assert sum(row["added"] for row in rows) == len(found.added)
        assert sum(row["lost"] for row in rows) == len(found.lost)
    days = by_day(one.values(), two.values(), found)
    assert (sum(day["before"] for day in days), sum(day["after"] for day in days)) == (len(before), len(after))
    assert [day["day"] for day in days] == sorted(day["day"] for day in days)


def test_a_day_is_that_of_the_event() -> None:
    """In UTC, whatever zone the time was told in."""
    late = msgspec.structs.replace(told(1), time=datetime(2026, 3, 14, 23, 59, tzinfo=UTC))

    (found,) = side(late).told().values()

    assert found.day.isoformat() == "2026-03-14"
