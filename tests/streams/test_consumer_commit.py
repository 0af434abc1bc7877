"""The commit rule on the real consumer class: never past an unfinished event, holes only by the log's word."""

import asyncio
import inspect
from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import faust.streams
import pytest
from faust.transport.consumer import Consumer as FaustConsumer
from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import InputError
from streams import consumer as rules
from streams.consumer import ConsumerRules, check_faust
from streams.embedded import Consumer

TP0 = TP("updates", 0)


class Event:
    """A message as far as acknowledging needs it."""

    def __init__(self, offset: int, generation: int | None = 7) -> None:
        self.topic, self.partition, self.tp, self.offset = TP0.topic, TP0.partition, TP0, offset
        self.generation_id = generation
        self.acked = False


def make_consumer(committed: int | None, *, anchor: int | None = None, existing: set[int] | None = None) -> Any:
    """The real class with its own bookkeeping, without app, log and loop.

    existing  offsets the log holds; None: it holds every one.
    """
    consumer = Consumer.__new__(Consumer)
    consumer._acked = defaultdict(list)
    consumer._acked_index = defaultdict(set)
    consumer._committed_offset = defaultdict(lambda: None, {TP0: committed})
    consumer._anchor = {} if anchor is None else {TP0: anchor}
    consumer._unacked_messages = set()
    consumer._waiting_for_ack = None
    consumer._n_acked = 0
    consumer.app = SimpleNamespace(
        consumer_generation_id=7, topics=SimpleNamespace(acks_enabled_for=lambda topic: topic == TP0.topic)
    )

    def next_offset(tp: TP, offset: int) -> int:
        if existing is None:
            return offset
        return min((known for known in existing if known >= offset), default=offset)

    consumer._log = SimpleNamespace(next_offset=next_offset)
    return consumer


def committable(consumer: Any) -> int | None:
    """What a commit now would commit."""
    offset = consumer._new_offset(TP0)
    return offset if offset is not None and consumer._should_commit(TP0, offset) else None


def test_nothing_above_an_unfinished_event_is_committed() -> None:
    """100 in flight, 101 to 103 acknowledged: no commit; with 100, everything at once."""
    consumer = make_consumer(100)
    for offset in (101, 102, 103):
        assert consumer.ack(Event(offset))
    before = committable(consumer)
    consumer.ack(Event(100))
    assert (before, committable(consumer)) == (None, 104)


def test_upstreams_rule_would_have_committed_past_it() -> None:
    """The reason for the rule: when this fails, Faust has changed and the rule may go."""
    consumer = make_consumer(100)
    consumer._gap = defaultdict(list)
    for offset in (101, 102, 103):
        consumer.ack(Event(offset))
    assert FaustConsumer._new_offset(consumer, TP0) == 104


def test_a_hole_the_log_knows_is_passed() -> None:
    """Offsets 11 to 13 do not exist: finishing 10 and 14 commits 15."""
    consumer = make_consumer(10, existing={10, 14, 15})
    consumer.ack(Event(10))
    consumer.ack(Event(14))
    assert committable(consumer) == 15


def test_a_hole_does_not_hide_the_unfinished_event_before_it() -> None:
    """10 unfinished, 11 to 13 absent, 15 finished: nothing is committed."""
    consumer = make_consumer(10, existing={10, 14, 15})
    consumer.ack(Event(15))
    assert committable(consumer) is None


def test_without_a_commit_the_count_starts_at_the_anchor() -> None:
    """A partition nobody committed begins at its earliest offset, not at the first acknowledgement."""
    consumer = make_consumer(None, anchor=5)
    consumer.ack(Event(6))
    before = committable(consumer)
    consumer.ack(Event(5))
    assert (before, committable(consumer)) == (None, 7)


def test_without_a_commit_and_an_anchor_nothing_is_committed() -> None:
    """Before the first seek the base is unknown, and a guess could skip records."""
    consumer = make_consumer(None)
    consumer.ack(Event(0))
    assert committable(consumer) is None


def test_commits_move_on_after_retention_passed_the_committed_offset() -> None:
    """Committed 3, the log starts at 10: the first commit lies behind 10."""
    consumer = make_consumer(3, anchor=10)
    consumer.ack(Event(10))
    assert committable(consumer) == 11


def test_what_retention_has_deleted_is_passed_without_any_acknowledgement() -> None:
    """Committed 3, all below 10 is gone: 10 is committed, or the partition would look behind for ever."""
    consumer = make_consumer(3, anchor=10)
    assert committable(consumer) == 10


def test_an_anchor_alone_is_not_committed() -> None:
    """While partitions are taken back Faust has forgotten what it had committed; the anchor would take that back."""
    assert committable(make_consumer(None, anchor=51)) is None


def test_acknowledgements_of_another_generation_do_not_count() -> None:
    """Their events are read again, so they are finished only for whoever waits for the old ones."""
    consumer = make_consumer(0)
    event = Event(0, generation=6)
    consumer._unacked_messages.add(event)
    assert not consumer.ack(event)
    assert (committable(consumer), event.acked, consumer._unacked_messages) == (None, True, set())


async def test_an_acknowledgement_of_another_generation_wakes_who_waits_for_the_last_one() -> None:
    """A rebalance waits for events in progress; it must not wait for an event that no longer counts."""
    consumer = make_consumer(0)
    consumer._waiting_for_ack = asyncio.get_running_loop().create_future()
    consumer.ack(Event(0, generation=6))
    assert consumer._waiting_for_ack.done()


@given(
    start=st.integers(0, 50),
    has_committed=st.booleans(),
    missing=st.sets(st.integers(0, 120), max_size=60),
    slots=st.integers(1, 5),
    choices=st.lists(st.tuples(st.integers(0, 4), st.booleans()), max_size=150),
)
def test_no_commit_ever_passes_an_unfinished_event(
    start: int, has_committed: bool, missing: set[int], slots: int, choices: list[tuple[int, bool]]
) -> None:
    """Events finish in any order, with any holes, commits fall anywhere: all below a commit is finished or absent.

    And when everything is finished, everything is committed: holes stall nothing.
    """
    existing = {offset for offset in range(start, 120) if offset not in missing} | {120}
    consumer = make_consumer(start if has_committed else None, anchor=start, existing=existing)
    waiting = sorted(existing)
    in_flight: list[int] = []
    finished: set[int] = set()

    def commit() -> None:
        offset = committable(consumer)
        if offset is not None:
            assert all(known in finished for known in existing if known < offset)
            consumer._committed_offset[TP0] = offset

    for choice, is_commit in choices:
        while waiting and len(in_flight) < slots:
            in_flight.append(waiting.pop(0))
        if in_flight:
            done = in_flight.pop(choice % len(in_flight))
            finished.add(done)
            consumer.ack(Event(done))
        if is_commit:
            commit()
    for offset in in_flight + waiting:
        finished.add(offset)
        consumer.ack(Event(offset))
    commit()
    assert consumer._committed_offset[TP0] == 121
    assert (consumer._acked[TP0], consumer._acked_index[TP0]) == ([], set())


def test_the_private_parts_of_faust_are_the_expected_ones() -> None:
    """An upgrade of Faust that changes them fails here first."""
    check_faust()


@pytest.mark.parametrize(
    ("owner", "name", "changed"),
    [
        (faust.streams, "_CStreamIterator", None),
        (FaustConsumer, "_new_offset", lambda self, tp, extra: None),
        (FaustConsumer, "_drain_messages", None),
    ],
)
def test_a_changed_faust_is_refused_by_name(
    owner: Any, name: str, changed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing compiled stream, another signature, a vanished method: start is refused."""
    monkeypatch.setattr(owner, name, changed)
    with pytest.raises(InputError, match=name if owner is FaustConsumer else "compiled stream"):
        check_faust()


def test_a_missing_attribute_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names that exist only on instances are looked for among the declarations."""
    monkeypatch.setattr(rules, "_ATTRIBUTES", ("_read_offset", "_gone"))
    with pytest.raises(InputError, match="_gone"):
        check_faust()


def test_the_rules_stand_before_the_driver() -> None:
    """Each rule overrides the driver's method, whatever the driver."""
    order = inspect.getmro(Consumer)
    assert order.index(ConsumerRules) < order.index(FaustConsumer)
