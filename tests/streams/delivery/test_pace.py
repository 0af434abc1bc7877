"""So many messages a second, on a clock that only sleeping puts forward."""

import pytest

from streams.delivery.pace import Pace


class Watch:
    """Seconds, and who slept how long."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def clock(self) -> float:
        """Now."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Time passes."""
        self.slept.append(seconds)
        self.now += seconds


async def test_120_messages_take_117_seconds() -> None:
    """At one a second the first three go at once, the others a second apart."""
    watch = Watch()
    pace = Pace(watch.clock, watch.sleep)
    times = []
    for _ in range(120):
        await pace.wait("desk", 1.0, 3)
        times.append(watch.now - 100)
    assert times == pytest.approx([0, 0, 0, *range(1, 118)])


async def test_callers_at_once_get_a_turn_each() -> None:
    """Nobody's turn is given twice while others still sleep."""
    slept = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    pace = Pace(lambda: 100.0, sleep)
    for _ in range(6):
        await pace.wait("desk", 2.0, 3)
    assert slept == pytest.approx([0.5, 1.0, 1.5])


async def test_a_quiet_time_fills_the_bucket_and_no_more() -> None:
    """After an hour of silence three go at once, and the fourth waits."""
    watch = Watch()
    pace = Pace(watch.clock, watch.sleep)
    for _ in range(5):
        await pace.wait("desk", 1.0, 3)
    watch.now += 3600
    watch.slept.clear()
    for _ in range(4):
        await pace.wait("desk", 1.0, 3)
    assert watch.slept == pytest.approx([1.0])


async def test_each_endpoint_has_a_pace_of_its_own() -> None:
    """What one has used up, another still has."""
    watch = Watch()
    pace = Pace(watch.clock, watch.sleep)
    for endpoint in ("desk", "news"):
        for _ in range(3):
            await pace.wait(endpoint, 1.0, 3)
    assert watch.slept == []
