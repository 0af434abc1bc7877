"""Ticks: written when something is due, once, for own keys only; nothing is written where nothing is due."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from schemas.codec import decode
from schemas.routing import Tick
from streams.log.partitioner import key_hash
from streams.routing.records import to_routing
from streams.routing.timers import AGAIN_S, Clocked, Scheduler, owner_of, steady
from streams.stage import OutRecord
from streams.topics import ROUTING


class World:
    """What is due by key, a clock that is set by hand, and the ticks that were written."""

    def __init__(self, **due: float) -> None:
        self.due = dict(due)
        self.now = 1_000.0
        self.written: list[OutRecord] = []
        self.settled: list[Callable[[Any], None]] = []
        self.stage = SimpleNamespace(on_settled=self.settled.append, state=lambda _: None)
        table = SimpleNamespace(keys=lambda: [f"{key}/routing".encode() for key in self.due] + [b"x/routing/alert/al"])
        binding = SimpleNamespace(step=SimpleNamespace(name="routing"), table=table)
        clocked = Clocked(self.stage, binding, ROUTING, self._due, "/routing", to_routing)  # type: ignore[arg-type]
        self.scheduler = Scheduler([clocked], self._publish, clock=lambda: self.now)

    def _due(self, _: Any, key: str) -> datetime | None:
        at = self.due.get(key)
        return None if at is None else datetime.fromtimestamp(at, UTC)

    async def _publish(self, ticks: Sequence[OutRecord]) -> None:
        self.written += ticks

    def start(self, own: Iterable[str] | None = None) -> "World":
        """The tables are whole."""
        for one in self.scheduler.timers:
            one.scan(lambda key: own is None or key in own)
        return self

    def settle(self, **due: float | None) -> None:
        """The stage has worked on these keys; this is due of them now."""
        for key, at in due.items():
            self.due.pop(key, None)
            if at is not None:
                self.due[key] = at
        for told in self.settled:
            told([SimpleNamespace(message=SimpleNamespace(key=key.encode())) for key in due])

    async def turn(self, now: float) -> tuple[list[str], float]:
        """Keys ticked at this time, and how long the scheduler sleeps then."""
        self.now = now
        self.written.clear()
        sleep = await self.scheduler.turn()
        return [decode(Tick, one.value).key for one in self.written], sleep


async def test_a_tick_is_written_when_its_time_has_come() -> None:
    """Not before, and the sleep ends just then."""
    world = World(a=1_000.5).start()
    assert await world.turn(1_000.0) == ([], 0.5)
    keys, _ = await world.turn(1_000.5)
    assert keys == ["a"]
    assert decode(Tick, world.written[0].value).at == datetime.fromtimestamp(1_000.5, UTC)


async def test_overdue_ticks_fire_at_once_after_a_restart() -> None:
    """What fell due while nobody ran needs no record to be remembered."""
    assert (await World(a=10.0, b=20.0).start().turn(1_000.0))[0] == ["a", "b"]


async def test_nothing_is_written_where_nothing_is_due() -> None:
    """An idle pipeline is silent, and looks once a second."""
    world = World().start()
    world.settle(a=None)
    assert await world.turn(1_000.0) == ([], 1.0)


async def test_a_tick_on_its_way_is_not_repeated_until_it_was_worked_on() -> None:
    """Once written it is waited for; after ten seconds it is written again."""
    world = World(a=1_000.0).start()
    assert (await world.turn(1_000.0))[0] == ["a"]
    assert (await world.turn(1_001.0))[0] == []
    assert (await world.turn(1_000.0 + AGAIN_S))[0] == ["a"]
    world.settle(a=None)
    assert (await world.turn(2_000.0))[0] == []


async def test_a_new_time_replaces_the_old() -> None:
    """Later, and earlier."""
    world = World(a=1_010.0, b=1_010.0).start()
    world.settle(a=1_020.0, b=1_005.0)
    assert (await world.turn(1_005.0))[0] == ["b"]
    world.settle(b=None)
    assert (await world.turn(1_010.0))[0] == []
    assert (await world.turn(1_020.0))[0] == ["a"]


async def test_only_own_keys_are_ticked() -> None:
    """A standby holds the state of others."""
    assert (await World(a=10.0, b=20.0).start(own=["b"]).turn(1_000.0))[0] == ["b"]


def test_whose_a_key_is_follows_from_its_partition() -> None:
    """As every Kafka client places it."""
    own = [SimpleNamespace(topic="routing", partition=key_hash(b"a") % 4), SimpleNamespace(topic="pacing", partition=9)]
    is_own = owner_of("routing", 4, own)
    assert is_own("a")
    assert [key_hash(key.encode()) % 4 == key_hash(b"a") % 4 for key in "bcdef"] == [is_own(key) for key in "bcdef"]


async def test_while_tables_are_rebuilt_nothing_is_ticked_and_all_counts_as_due() -> None:
    """Half a table would say half of what is due; a worker must not stop as idle meanwhile."""
    world = World(a=10.0).start()
    world.scheduler.forget()
    world.settle(a=11.0)
    assert (await world.turn(1_000.0))[0] == []
    assert world.scheduler.has_due()
    world.start()
    assert (await world.turn(1_000.0))[0] == ["a"]


async def test_what_is_due_counts_until_it_was_worked_on() -> None:
    """A tick that is written but not read is work that waits."""
    world = World(a=1_000.0, b=5_000.0).start()
    await world.turn(1_000.0)
    assert world.scheduler.has_due()
    world.settle(a=None)
    assert not world.scheduler.has_due()


async def test_a_nudge_ticks_what_waits() -> None:
    """A silence has ended: each story with something pending looks again, once; a story without does not."""
    world = World(a=5_000.0).start()
    world.settle(b=None)
    world.scheduler.nudge()
    assert (await world.turn(1_000.0))[0] == ["a"]
    assert (await world.turn(1_000.0))[0] == []


def test_a_clock_that_is_set_back_goes_on_from_where_it_was() -> None:
    """And one that is set forward is followed at once."""
    walls, elapsed = iter([1_000.0, 1_001.0, 500.0, 510.0, 2_000.0]), iter([50.0, 51.0, 52.0, 62.0, 63.0])
    clock = steady(lambda: next(walls), lambda: next(elapsed))
    assert [clock() for _ in range(4)] == [1_001.0, 1_002.0, 1_012.0, 2_000.0]


async def test_keys_that_move_often_leave_no_heap_behind() -> None:
    """The queue stays near the number of keys."""
    world = World(a=1_000.0).start()
    for at in range(5_000):
        world.settle(a=2_000.0 + at)
    assert len(world.scheduler.timers[0]._queue) < 1_100
    assert (await world.turn(6_998.0))[0] == []
    assert (await world.turn(6_999.0))[0] == ["a"]
