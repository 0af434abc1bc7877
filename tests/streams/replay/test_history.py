"""The order of history depends on what the records say, not on how they came to stand where they stand."""

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.article import ArticleUpdate, Format, Post
from schemas.codec import encode
from streams.log import Draft, TopicPartition, TopicSpec, open_log
from streams.replay.history import History, Position, place_of_update, read_update, span_of

START = datetime(2026, 3, 14, 10, tzinfo=UTC)


def update(item: str, minute: int, told: int | None = None) -> ArticleUpdate:
    post = Post(text="t", published_at=None if told is None else START + timedelta(minutes=told))
    return ArticleUpdate(
        update_id=f"{item}-{minute}",
        source="example-news",
        item=item,
        format=Format.POSTS,
        observed_at=START + timedelta(minutes=minute),
        posts=(post,),
    )


async def merged(
    folder: Path, drafts: list[tuple[int, ArticleUpdate | bytes]], *, stop: int | None = None
) -> list[str]:
    """Ids in the order of history; with `stop`, read in two parts, the second from where the first had come."""
    log = await open_log(f"embedded://{folder}", mode="append")
    await log.create_topic(TopicSpec(name="u", partitions=3))
    await log.append_many(
        [Draft("u", b"k", one if isinstance(one, bytes) else encode(one), partition=number) for number, one in drafts]
    )
    span = await span_of(log, ["u"])
    positions = {tp: Position(start) for tp, start in span.starts.items()}
    found: list[str] = []
    for limit in (stop, None):
        history = History(log, span.ends, positions, read_update, place_of_update)
        async for reading in history.read():
            if limit is not None and len(found) == limit:
                break
            event = reading.event
            found.append(event.update_id if isinstance(event, ArticleUpdate) else "unreadable")
            history.took(reading)
        positions = msgspec.convert(msgspec.to_builtins(history.positions), dict[TopicPartition, Position])
        if stop is None:
            break
    await log.close()
    return found


async def test_partitions_are_merged_by_observation(tmp_path: Path) -> None:
    """Whoever was observed first comes first, wherever it stands."""
    drafts = [(0, update("a", 5)), (0, update("a", 9)), (1, update("b", 1)), (2, update("c", 7))]

    assert await merged(tmp_path, drafts) == ["b-1", "a-5", "c-7", "a-9"]


async def test_at_one_moment_the_time_that_is_told_decides(tmp_path: Path) -> None:
    """A file that is ingested at once is told in the order of its posts."""
    drafts = [(0, update("a", 100, told=30)), (1, update("b", 100, told=10)), (2, update("c", 100, told=20))]

    assert await merged(tmp_path, drafts) == ["b-100", "c-100", "a-100"]


async def test_a_partition_keeps_its_own_order(tmp_path: Path) -> None:
    """A late arrival does not overtake what was read before it."""
    drafts = [(0, update("a", 9)), (0, update("a", 2)), (1, update("b", 5)), (1, update("b", 12))]

    assert await merged(tmp_path, drafts) == ["b-5", "a-9", "a-2", "b-12"]


async def test_what_cannot_be_read_stands_where_it_stands(tmp_path: Path) -> None:
    """It is yielded without an event, and what follows is not lost."""
    drafts = [(0, update("a", 1)), (0, b"{"), (0, update("a", 3)), (1, update("b", 2))]

    assert await merged(tmp_path, drafts) == ["a-1", "unreadable", "b-2", "a-3"]


@pytest.mark.parametrize("seed", range(4))
async def test_reading_on_gives_the_same_order(tmp_path: Path, seed: int) -> None:
    """Stopped anywhere and gone on with, history is the same."""
    drafts: list[tuple[int, ArticleUpdate | bytes]] = [
        (n % 3, update(f"i{n}", (n * 37 + seed * 11) % 23, told=(n * 5 + seed) % 7)) for n in range(30)
    ]
    whole = await merged(tmp_path / "whole", drafts)

    for stop in (0, 1, 7, 15, 29, 30):
        assert await merged(tmp_path / f"{stop}", drafts, stop=stop) == whole


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 20)), max_size=40))
async def test_where_times_do_not_fall_the_number_of_partitions_does_not_matter(steps: list[tuple[int, int]]) -> None:
    """Every item grows older by itself: then one partition or three give one order."""
    clock = 0
    found = []
    for item, minutes in steps:
        clock += minutes + 1
        found.append(update(f"i{item}", clock))
    with tempfile.TemporaryDirectory() as folder:
        one = await merged(Path(folder) / "one", [(0, each) for each in found])
        three = await merged(Path(folder) / "three", [(int(each.item[1:]) % 3, each) for each in found])
    assert one == three == [each.update_id for each in found]
