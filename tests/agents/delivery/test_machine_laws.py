"""Laws of the state machine under any order of events, crashes between state and outputs included."""

from datetime import timedelta

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from agents.step import MemoryState
from schemas.alert import MessageType
from schemas.delivery import Action, Attempt, Cause, Delivery, Outcome, Verdict
from tests.agents.delivery.world import World, delivery

VERDICTS = [one for one in Verdict if one is not Verdict.GONE]


class Deliveries(RuleBasedStateMachine):
    """One endpoint, three stories, corrections, answers of every kind, time, orders, and a process that dies."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.taken: list[Delivery] = []
        self.begun: dict[str, list[str]] = {}
        self.began: set[tuple[str, int]] = set()

    def _look(self) -> None:
        """Note what is being sent, in order."""
        for row in self.world.rows():
            if row.sending is not None and (row.delivery.id, row.tries) not in self.began:
                self.began.add((row.delivery.id, row.tries))
                self.begun.setdefault(row.delivery.story, []).append(row.delivery.id)

    @rule(story=st.integers(0, 2), subscription=st.sampled_from(["sub_a", "sub_b"]), again=st.booleans())
    def take(self, story: int, subscription: str, again: bool) -> None:
        """A message comes, perhaps one that came before, perhaps for another subscription."""
        if again and self.taken:
            one = self.taken[(story * 7) % len(self.taken)]
            one = delivery_of(one, subscription)
        else:
            one = delivery(len(self.taken), story=f"s{story}", subscription=subscription, at=self.world.at)
            self.taken.append(one)
        self.world.take(one)
        self._look()

    @precondition(lambda self: self.taken)
    @rule(pick=st.integers(0, 1000), is_cancel=st.booleans())
    def correct(self, pick: int, is_cancel: bool) -> None:
        """One of the alerts is corrected or withdrawn."""
        firsts = [one for one in self.taken if not one.is_correction]
        first = firsts[pick % len(firsts)]
        number = int(first.lead.alert_id.removeprefix("al_"))
        one = delivery(
            number,
            story=first.story,
            version=2,
            msgtype=MessageType.CANCEL if is_cancel else MessageType.UPDATE,
            subscription=first.subscription,
            at=self.world.at,
        )
        if all(one.id != other.id for other in self.taken):
            self.taken.append(one)
            self.world.take(one)
            self._look()

    @precondition(lambda self: self.world.leases())
    @rule(pick=st.integers(0, 100), verdict=st.sampled_from(VERDICTS), asks=st.sampled_from([None, 1.0, 4000.0]))
    def answer(self, pick: int, verdict: Verdict, asks: float | None) -> None:
        """Something that is being tried gets an answer."""
        leases = sorted(self.world.leases())
        self.world.answer(leases[pick % len(leases)], verdict, retry_after_s=asks)
        self._look()

    @precondition(lambda self: self.world.leases())
    @rule(
        pick=st.integers(0, 100), verdict=st.sampled_from(VERDICTS), cause=st.sampled_from([Cause.OK, Cause.RELEASED])
    )
    def die(self, pick: int, verdict: Verdict, cause: Cause) -> None:
        """A process dies after its state was durable: the same report is read again."""
        leases = sorted(self.world.leases().items())
        id, epoch = leases[pick % len(leases)]
        self.world.answer(id, verdict, epoch=epoch, cause=cause)
        before, said = dict(self.world.state.values), len(self.world.out)
        self.world.answer(id, verdict, epoch=epoch, cause=cause)
        if verdict is not Verdict.DELIVERED or cause is Cause.RELEASED:
            assert self.world.state.values == before
            assert len(self.world.out) == said
        self._look()

    @rule(seconds=st.sampled_from([1.0, 31.0, 400.0, 20_000.0]))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        until = self.world.at + timedelta(seconds=seconds)
        while self.world.at < until and (due := self.world.due()) is not None:
            if self.world.at + timedelta(seconds=due) > until:
                break
            self.world.next()
            self._look()
        self.world.at = max(self.world.at, until)
        self.world.tick()
        self._look()

    @rule(action=st.sampled_from([Action.RETRY, Action.ENABLE, Action.DISABLE]))
    def order(self, action: Action) -> None:
        """An operator."""
        self.world.order(action)
        self._look()

    @invariant()
    def each_pair_ends_at_most_once(self) -> None:
        """For one subscription a delivery is over once."""
        ends = [(it.delivery, it.subscription) for it in self.world.said(Attempt) if it.outcome is not Outcome.RETRY]
        assert len(ends) == len(set(ends))

    @invariant()
    def no_lane_is_overtaken(self) -> None:
        """Within a story the first attempts come in the order in which the messages came."""
        places = {one.id: n for n, one in enumerate(self.taken)}
        for ids in self.begun.values():
            firsts = [places[id] for id in dict.fromkeys(ids)]
            assert firsts == sorted(firsts)
            assert [places[id] for id in ids] == sorted(places[id] for id in ids)

    @invariant()
    def nothing_is_lost(self) -> None:
        """Every message is open or over."""
        open_ids = set(self.world.open())
        over = {it.delivery for it in self.world.said(Attempt) if it.outcome is not Outcome.RETRY}
        assert {one.id for one in self.taken} == open_ids | over

    @invariant()
    def what_waits_is_looked_at_again(self) -> None:
        """An open delivery has a time at which something happens, within 96 hours."""
        if self.world.open():
            due = self.world.due()
            assert due is not None
            assert due <= 96 * 3600

    @invariant()
    def leases_stand_in_rows(self) -> None:
        """The endpoint's list of leases and the rows agree, and are never more than the channel allows."""
        leased = {row.delivery.id: row.tries for row in self.world.rows() if row.sending is not None}
        assert leased == self.world.leases()
        assert len(leased) <= 4

    def teardown(self) -> None:
        """In the end everything arrives, or is over."""
        self.world.order(Action.ENABLE)
        for _ in range(5_000):
            if not self.world.open():
                break
            if self.world.leases():
                self.world.answer_all()
            else:
                self.world.next()
        assert self.world.open() == []
        assert isinstance(self.world.state, MemoryState)


def delivery_of(one: Delivery, subscription: str) -> Delivery:
    """The same message for another subscription."""
    return msgspec.structs.replace(one, subscription=subscription)


Deliveries.TestCase.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
TestDeliveries = Deliveries.TestCase
