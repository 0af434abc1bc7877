"""The watchdog: what counts as standing still, and what does not."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from schemas.errors import LogError
from streams.log import TopicPartition
from streams.watchdog import Lag, Observation, Watchdog, look

ONE, TWO = TopicPartition("updates", 0), TopicPartition("updates", 1)


class Clock:
    """A clock that the test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def looks(*seen: Observation, every_s: float = 10.0) -> list[str | None]:
    """What a watchdog of 30 s says when it looks every `every_s` seconds, its own interval being 10."""
    clock = Clock()
    watchdog = Watchdog(30, every_s=10, clock=clock)
    verdicts = []
    for one in seen:
        clock.now += every_s
        verdicts.append(watchdog.observe(one))
    return verdicts


def lag(committed: int, end: int, **others: Any) -> Observation:
    return Observation(lags={ONE: Lag(committed, end)}, **others)


def test_work_without_a_commit_is_a_stall() -> None:
    """The first look begins the count; the line says where, how far and how long."""
    assert looks(*[lag(444, 485)] * 4) == [
        None,
        None,
        None,
        "no commit for 30 s: topic updates partition 0 committed 444 end 485 (1 of 1 partitions stand still)",
    ]


def test_a_commit_begins_the_count_anew() -> None:
    """However slow: whoever commits is not standing still."""
    assert looks(*[lag(number, 100) for number in (1, 1, 1, 2, 2, 2, 3, 3, 3)]) == [None] * 9


def test_nothing_to_do_is_no_stall() -> None:
    """A quiet topic commits nothing, for hours."""
    assert looks(*[lag(100, 100)] * 50) == [None] * 50


def test_new_work_after_a_quiet_time_gets_its_full_time() -> None:
    """The hours without work do not count."""
    assert looks(*[lag(100, 100)] * 20, *[lag(100, 101)] * 2) == [None] * 22


def test_one_of_many_partitions_is_enough() -> None:
    """In a stall the others go on; the one that stands is named."""
    seen = [Observation(lags={ONE: Lag(number, 100), TWO: Lag(7, 9)}) for number in range(4)]
    assert looks(*seen)[-1] == (
        "no commit for 30 s: topic updates partition 1 committed 7 end 9 (1 of 2 partitions stand still)"
    )


def test_a_partition_that_came_anew_gets_its_full_time() -> None:
    """After a rebalance the count of a partition begins with this worker."""
    there, away = lag(5, 9), Observation(lags={})
    assert looks(there, there, there, away, there, there, there) == [None] * 7


def test_rebuilding_tables_with_progress_is_no_stall() -> None:
    """Commits wait for the tables, as long as these come nearer."""
    assert looks(*[lag(5, 9, recovering=(1, number)) for number in range(20)]) == [None] * 20


def test_rebuilding_tables_without_progress_is_a_stall() -> None:
    """Faust waits for ever for a changelog record that does not come."""
    assert looks(*[lag(5, 9, recovering=(1, 77))] * 4)[-1] == "recovery without progress for 30 s"


def test_a_log_that_does_not_answer_is_a_stall() -> None:
    """A worker without its log does nothing; one answer ends the count."""
    silent = Observation()
    assert looks(silent, silent, lag(5, 9), silent, silent)[-1] is None
    assert looks(silent, silent, silent)[-1] == "the log has not answered for 30 s"


def test_a_stopped_process_is_not_held_to_account() -> None:
    """After SIGCONT an hour has passed on every clock, but not for this process."""
    assert looks(lag(5, 9), lag(5, 9), every_s=3600.0) == [None, None]


class Log:
    """Answers with what the test gives."""

    def __init__(self, committed: Mapping[TopicPartition, int], *, is_away: bool = False) -> None:
        self._committed = committed
        self._is_away = is_away

    async def committed(self, group: str) -> Mapping[TopicPartition, int]:
        if self._is_away:
            raise LogError("kafka: no answer")
        return self._committed

    async def ends(self, topic: str) -> dict[int, int]:
        return {0: 9, 1: 9}

    async def starts(self, topic: str) -> dict[int, int]:
        return {0: 0, 1: 4}


def an_app(**state: Any) -> Any:
    tables = SimpleNamespace(
        changelog_topics={"app-t-changelog"}, recovery=SimpleNamespace(active_offsets={("app-t-changelog", 0): 3})
    )
    assigned = {ONE, TWO, TopicPartition("app-t-changelog", 0)}
    return SimpleNamespace(
        conf=SimpleNamespace(id="app"),
        consumer=SimpleNamespace(assignment=lambda: assigned),
        consumer_generation_id=6,
        tables=tables,
        **{"rebalancing": False, "in_recovery": False, **state},
    )


async def test_changelogs_are_not_committed_and_not_watched() -> None:
    """What is consumed counts; a partition never committed begins at its earliest record."""
    seen = await look(an_app(), Log({ONE: 5}))  # type: ignore[arg-type]
    assert seen == Observation(lags={ONE: Lag(5, 9), TWO: Lag(4, 9)}, recovering=None)


@pytest.mark.parametrize("state", [{"rebalancing": True}, {"in_recovery": True}])
async def test_a_recovery_shows_how_far_it_is(state: dict[str, bool]) -> None:
    """Its offsets and the generation of the group change as it proceeds."""
    seen = await look(an_app(**state), Log({}))  # type: ignore[arg-type]
    assert seen.recovering == (6, ((("app-t-changelog", 0), 3),))


async def test_a_log_that_fails_gives_no_lags() -> None:
    """The watchdog lives on, and counts the silence."""
    assert await look(an_app(), Log({}, is_away=True)) == Observation()  # type: ignore[arg-type]
