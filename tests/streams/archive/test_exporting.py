"""From a log into an archive: which records, in which order, and how many of them in memory."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import InputError
from streams.archive import ArchivedTopic, header, records
from streams.archive.exporting import ExportSummary, Range, export, merged
from streams.log import Draft, Record, open_log
from tests.streams.archive.archives import DAWN, WEEK, a_topic, fill, settings_of
from tests.streams.log.test_ownership import owner


def at(seconds: float) -> datetime:
    """So long after dawn."""
    return datetime.fromtimestamp(DAWN + seconds, UTC)


def a_draft(topic: str, seconds: float, partition: int = 0) -> Draft:
    """A record with a time of its own."""
    return Draft(topic, b"k", f"{topic} {partition} {seconds}".encode(), (("h", b"\xff"),), DAWN + seconds, partition)


class Partitions:
    """A log that only reads: partitions as lists; counts the records that it has given out."""

    def __init__(self, *partitions: list[float], size: int = 10) -> None:
        value = b"v" * size
        self.records = [
            [Record("updates", number, offset, timestamp, None, value) for offset, timestamp in enumerate(times)]
            for number, times in enumerate(partitions)
        ]
        self.given = 0

    def ranges(self) -> list[Range]:
        """All of it."""
        return [Range("updates", number, 0, len(found)) for number, found in enumerate(self.records)]

    async def read(self, topic: str, partition: int, start: int, end: int, limit: int) -> AsyncIterator[Record]:
        """As `EventLog.read`."""
        for record in self.records[partition][start : min(end, start + limit)]:
            self.given += 1
            yield record


async def test_an_export_has_every_record_as_it_was(tmp_path: Path) -> None:
    """Bytes, headers, times and places, and in the header how the topics were."""
    specs = [a_topic(retention=WEEK), a_topic("alerts.statements", 1)]
    drafts = [a_draft("updates", 3, 1), a_draft("updates", 1, 0), a_draft("alerts.statements", 2)]
    await fill(tmp_path / "log", specs, drafts)
    path = tmp_path / "day.jsonl.gz"

    summary = await export(settings_of(tmp_path / "log"), str(path), is_quiet=True)

    places = {"updates": iter((0, 0))}
    assert list(records(path)) == [
        Record(one.topic, one.partition or 0, next(places.get(one.topic, iter((0,)))), one.timestamp or 0, *one[1:4])
        for one in (drafts[1], drafts[2], drafts[0])
    ]
    assert header(path).topics == (ArchivedTopic("updates", 2, False, 604_800.0), ArchivedTopic("alerts.statements", 1))
    assert summary == ExportSummary(
        file=str(path),
        topics={"updates": 2, "alerts.statements": 1},
        first=DAWN + 1,
        last=DAWN + 3,
        bytes=path.stat().st_size,
    )
    assert summary.line() == (
        f"tocsin: 3 records of 2 topics, 2026-03-14T06:00:01Z to 2026-03-14T06:00:03Z, {path.stat().st_size} B, {path}"
    )


async def test_bounds_are_half_open_and_exact_where_times_fall(tmp_path: Path) -> None:
    """Records of --from are in, those of --to are not, wherever they stand."""
    times = [3, 0, 0.5, 0.25, 9, 2, 1, 4]  # halving would begin at the 9
    await fill(tmp_path / "log", [a_topic()], [a_draft("updates", seconds) for seconds in times])
    path = tmp_path / "day.jsonl"
    await export(settings_of(tmp_path / "log"), str(path), ["updates"], start=at(1), end=at(4), is_quiet=True)
    assert [one.timestamp - DAWN for one in records(path)] == [3, 2, 1]
    assert (header(path).from_, header(path).to) == (at(1), at(4))


@pytest.mark.parametrize("end", [1, 2])
async def test_bounds_the_wrong_way_round_are_refused(tmp_path: Path, end: int) -> None:
    """Nothing lies between them."""
    with pytest.raises(InputError) as refusal:
        await export(settings_of(tmp_path / "log"), "day.jsonl", start=at(2), end=at(end))
    assert str(refusal.value) == (
        f"--to: expected a time after --from (2026-03-14T06:00:02Z), found 2026-03-14T06:00:0{end}Z"
    )


async def test_an_unknown_topic_is_named_with_those_there_are(tmp_path: Path) -> None:
    """No file is made."""
    await fill(tmp_path / "log", [a_topic("entries"), a_topic()])
    with pytest.raises(InputError) as refusal:
        await export(settings_of(tmp_path / "log"), str(tmp_path / "day.jsonl"), ["updates", "entires"])
    assert str(refusal.value) == "export: expected a topic of the log, found 'entires'; it has entries, updates"
    assert not (tmp_path / "day.jsonl").exists()


async def test_a_log_without_the_usual_topics_says_what_it_has(tmp_path: Path) -> None:
    """A topic must then be named."""
    await fill(tmp_path / "log", [a_topic("entries")])
    with pytest.raises(InputError, match=r"expected a log with a topic of updates, .*; it has entries"):
        await export(settings_of(tmp_path / "log"), str(tmp_path / "day.jsonl"))


async def test_a_file_is_replaced_only_by_force(tmp_path: Path) -> None:
    """Archives are kept for years: none may go by a slip of the hand."""
    await fill(tmp_path / "log", [a_topic()], [a_draft("updates", 1)])
    path = tmp_path / "day.jsonl"
    path.write_text("kept")
    with pytest.raises(InputError) as refusal:
        await export(settings_of(tmp_path / "log"), str(path), is_quiet=True)
    assert str(refusal.value) == f"{path}: expected no file, found one; --force replaces it"
    assert path.read_text() == "kept"
    await export(settings_of(tmp_path / "log"), str(path), is_forced=True, is_quiet=True)
    assert len(list(records(path))) == 1


async def test_a_log_that_another_process_owns_can_be_exported(tmp_path: Path) -> None:
    """A worker goes on meanwhile."""
    async with owner(tmp_path / "log"):
        await export(settings_of(tmp_path / "log"), str(tmp_path / "day.jsonl"), is_quiet=True)
    assert [one.value for one in records(tmp_path / "day.jsonl")] == [b"owner"]


async def test_what_is_written_during_an_export_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else an export beside a busy worker would have no end."""
    await fill(tmp_path / "log", [a_topic(partitions=1)], [a_draft("updates", seconds) for seconds in range(150)])
    log = await open_log(f"embedded://{tmp_path / 'log'}", mode="own")
    found = merged(log, [Range("updates", 0, 0, 150)])
    assert (await anext(found)).offset == 0
    await log.append_many(a_draft("updates", seconds) for seconds in range(150, 300))
    assert [record.offset async for record in found] == list(range(1, 150))
    await log.close()


@given(st.lists(st.lists(st.integers(0, 9).map(float), max_size=12), max_size=5), st.integers(1, 4))
def test_partitions_are_merged_by_time_and_keep_their_order(times: list[list[float]], most: int) -> None:
    """Where times inside a partition do not fall the whole is sorted; where they do, the order of offsets stands."""

    async def run(log: Any) -> list[Record]:
        return [record async for record in merged(log, log.ranges(), most=most)]

    found = asyncio.run(run(Partitions(*times)))
    for number, partition in enumerate(times):
        assert [one.offset for one in found if one.partition == number] == list(range(len(partition)))
    in_order = asyncio.run(run(Partitions(*map(sorted, times))))
    places = [(one.timestamp, one.partition, one.offset) for one in in_order]
    assert places == sorted(places)
    assert len(places) == sum(map(len, times))


@pytest.mark.parametrize(("size", "ahead"), [(10, 8 * 1_000), (200_000, 8 * 2 + 100)])
async def test_few_records_are_in_memory_at_once(size: int, ahead: int) -> None:
    """A few of each partition, however long the partitions are: fewer where records are large."""
    log: Any = Partitions(*(list(map(float, range(2_000))) for _ in range(8)), size=size)
    largest = 0
    async for taken in _counted(merged(log, log.ranges(), budget=0)):
        largest = max(largest, log.given - taken)
    assert log.given == 16_000
    assert largest <= ahead


async def _counted(found: AsyncIterator[Record]) -> AsyncIterator[int]:
    counter = itertools.count()
    async for _ in found:
        yield next(counter)
