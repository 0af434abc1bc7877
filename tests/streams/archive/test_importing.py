"""From archives into a log: as they were, never twice, and never where retention would take them at once."""

import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import InputError
from streams.archive import ArchivedTopic, importing, records
from streams.archive.exporting import export
from streams.archive.importing import load
from streams.log import Draft, Record, TopicSpec, open_log
from tests.streams.archive.archives import DAWN, a_record, a_topic, everything, fill, held, settings_of, write
from tests.streams.archive.test_lines import bodies, names
from tests.streams.log.test_ownership import owner

KEPT = (ArchivedTopic("updates", 2), ArchivedTopic("alerts.statements", 2))
RECORDS = [
    a_record(0),
    a_record(4, key=None, value=b"\xff", headers=(("ce_id", b"\x80"), ("ce_id", b""))),
    a_record(9, key=b"", value=None, partition=1),
]


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Three records of a topic without retention, and a topic without records."""
    return write(tmp_path / "day.jsonl", RECORDS, KEPT)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Where a log may be made."""
    return tmp_path / "log"


async def topics(directory: Path) -> dict[str, TopicSpec]:
    """Of a log that nobody has open."""
    event_log = await open_log(f"embedded://{directory}", mode="read")
    found = await event_log.topics()
    await event_log.close()
    return found


async def refusal(log: Path, *files: Path, **options: Any) -> str:
    """Why an import is refused; the log is as it was."""
    with pytest.raises(InputError) as refused:
        await load(settings_of(log), [str(file) for file in files], is_quiet=True, **options)
    return str(refused.value)


def moved(records: list[Record], offsets: list[int], **changes: Any) -> list[Record]:
    """As they stand on the new log."""
    names = Record.__struct_fields__
    return [
        Record(**({name: getattr(one, name) for name in names} | changes | {"offset": offset}))
        for one, offset in zip(records, offsets, strict=True)
    ]


async def test_an_import_writes_every_record_as_it_was(log: Path, archive: Path) -> None:
    """Bytes, headers, times and partitions, into topics as the archive has them."""
    summary = await load(settings_of(log, partitions=2), [str(archive)], is_quiet=True)
    assert await held(log, "updates") == moved(RECORDS, [0, 1, 0])
    assert await topics(log) == {"updates": a_topic(), "alerts.statements": a_topic("alerts.statements")}
    assert list(summary.lines()) == ["tocsin: 3 records written to updates"]


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.floats(0, 2e11), bodies, bodies, st.lists(st.tuples(names, bodies), max_size=3))
    )
)
async def test_export_of_an_import_is_the_same_archive(tmp_path_factory: pytest.TempPathFactory, rows: Any) -> None:
    """Whatever bytes, times and headers: once written, an archive can go from log to log for ever."""
    folder = tmp_path_factory.mktemp("round")
    settings = settings_of(folder / "log")
    found = [
        Record("updates", partition, offset, timestamp, key, value, tuple((name, data or b"") for name, data in pairs))
        for offset, (partition, timestamp, key, value, pairs) in enumerate(rows)
    ]
    first = write(folder / "first.jsonl", found, [ArchivedTopic("updates", 3)])
    await load(settings, [str(first)], is_quiet=True)
    await export(settings, str(folder / "second.jsonl"), is_quiet=True)
    second = list(records(folder / "second.jsonl"))
    for number in range(3):
        before = [one for one in found if one.partition == number]
        assert [one for one in second if one.partition == number] == moved(before, list(range(len(before))))


async def test_with_a_prefix_every_record_is_kept(log: Path, tmp_path: Path) -> None:
    """Old records would be gone at once from topics with a retention; nothing reads or cleans the new ones."""
    made = (ArchivedTopic("updates", 2, retention_s=60.0), ArchivedTopic("silences", 1, is_compacted=True))
    archive = write(tmp_path / "day.jsonl", RECORDS, made)
    await load(settings_of(log), [str(archive)], prefix="march", is_quiet=True)
    assert await topics(log) == {
        "march.updates": a_topic("march.updates"),
        "march.silences": a_topic("march.silences", 1),
    }
    assert await held(log, "march.updates") == moved(RECORDS, [0, 1, 0], topic="march.updates")


async def test_a_prefix_that_makes_a_topic_of_the_pipeline_is_refused(log: Path, tmp_path: Path) -> None:
    """An agent would read old records as new ones."""
    archive = write(tmp_path / "day.jsonl", [], [ArchivedTopic("statements", 1)])
    assert await refusal(log, archive, prefix="alerts") == (
        "--prefix: expected a name that makes no topic of the pipeline, found 'alerts': alerts.statements"
    )
    assert await refusal(log, archive, prefix="") == "--prefix: expected a name, found nothing"
    assert await refusal(log, archive, prefix="a b") == (
        "topic: expected 1 to 249 letters, digits, '.', '_' or '-', found 'a b.statements'"
    )


@pytest.mark.parametrize("is_there", [True, False])
async def test_a_topic_that_would_delete_all_at_once_is_refused(log: Path, tmp_path: Path, is_there: bool) -> None:
    """Its retention counts, or the archive's where it must be created; the way out is named."""
    archive = write(
        tmp_path / "day.jsonl", RECORDS, [ArchivedTopic("updates", 2, retention_s=None if is_there else 60)]
    )
    if is_there:
        await fill(log, [a_topic(retention=timedelta(hours=36))])
    assert await refusal(log, archive) == (
        f"topic updates: expected records younger than its retention, {'1.5 d' if is_there else '60 s'}, found "
        "none after 2026-03-14T06:00:09Z; they would be deleted at once. --prefix NAME imports them into a topic that "
        "keeps them"
    )


async def test_records_partly_past_their_retention_are_told_of(log: Path, tmp_path: Path) -> None:
    """They are written, and may go soon."""
    young = a_record(1, timestamp=time.time())
    archive = write(tmp_path / "day.jsonl", [a_record(0), young], [ArchivedTopic("updates", 2, retention_s=86_400.0)])
    summary = await load(settings_of(log, partitions=2), [str(archive)], is_quiet=True)
    assert summary.notes == ["topic updates: records older than its retention, 1 d, may go at once"]
    assert summary.records == 2


async def test_a_second_import_is_refused_unless_asked_for(log: Path, archive: Path) -> None:
    """It would double every record."""
    await load(settings_of(log), [str(archive)], is_quiet=True)
    assert await refusal(log, archive) == (
        f"topic updates: expected an empty topic, found 3 records; a second import of {archive} would double them. "
        "--append writes all the same"
    )
    await load(settings_of(log), [str(archive)], appends=True, is_quiet=True)
    assert len(await held(log, "updates")) == 6


async def test_with_another_partition_count_the_key_decides(log: Path, archive: Path) -> None:
    """As for every other writer, so that a key stays in one partition; a note says so."""
    await fill(log, [a_topic(partitions=5)], [])
    summary = await load(settings_of(log), [str(archive)], is_quiet=True)
    assert summary.notes[0] == f"topic updates: has 5 partitions, {archive} 2: the key decides"
    event_log = await open_log(f"embedded://{log}", mode="own")
    (placed,) = await event_log.append_many([Draft("updates", b"item-1", b"new")])
    found = {record.partition for record in await everything(event_log, "updates") if record.key == b"item-1"}
    await event_log.close()
    assert found == {placed.partition}


async def test_topics_of_the_pipeline_in_another_size_are_told_of(log: Path, archive: Path) -> None:
    """A worker would refuse them."""
    summary = await load(settings_of(log), [str(archive)], is_quiet=True)
    assert summary.notes == [
        "updates, alerts.statements: 2 partitions, as in the archive; a worker on this log needs the setting "
        "partitions = 2, found 8"
    ]


@pytest.mark.parametrize("is_there", [True, False])
async def test_a_dry_run_writes_nothing(log: Path, archive: Path, is_there: bool) -> None:
    """It makes no log either, and says what would be done."""
    if is_there:
        await fill(log, [a_topic()])
    summary = await load(settings_of(log, partitions=2), [str(archive)], is_dry_run=True, is_quiet=True)
    create = "create {}: 2 partitions, kept for ever; "
    assert list(summary.lines()) == [
        "tocsin: nothing was written; without --dry-run this would",
        f"  {'' if is_there else create.format('updates')}write 3 records to updates",
        f"  {create.format('alerts.statements')}write 0 records to alerts.statements",
    ]
    assert (list(await topics(log)) if log.exists() else None) == (["updates"] if is_there else None)


async def test_nothing_is_written_before_all_files_are_checked(log: Path, archive: Path, tmp_path: Path) -> None:
    """A damaged last file leaves no half of an import behind."""
    broken = write(tmp_path / "broken.jsonl", RECORDS, KEPT)
    broken.write_bytes(broken.read_bytes()[:-40])
    assert (await refusal(log, archive, broken)).startswith(f"{broken}:5: expected the footer")
    assert not log.exists()


async def test_several_files_fill_one_topic(log: Path, archive: Path, tmp_path: Path) -> None:
    """Month after month; the first file that has a topic says how it is made."""
    other = write(tmp_path / "next.jsonl.xz", [a_record(20)], [ArchivedTopic("updates", 4)])
    summary = await load(settings_of(log, partitions=2), [str(archive), str(other)], is_quiet=True)
    assert (summary.records, len(await held(log, "updates"))) == (4, 4)
    assert summary.notes == [f"topic updates: has 2 partitions, {other} 4: the key decides"]


async def test_what_a_log_cannot_hold_is_named_before_anything_is_written(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record too large, a time that no calendar has."""
    monkeypatch.setattr(importing, "MAX_RECORD_BYTES", 20)
    archive = write(tmp_path / "day.jsonl", RECORDS, KEPT)
    assert await refusal(log, archive) == (
        f"{archive}: topic updates, partition 0, offset 0: expected a record of at most 20 bytes on this log, found 38"
    )
    late = write(tmp_path / "late.jsonl", [a_record(value=b"", timestamp=1e300)], KEPT)
    assert await refusal(log, late) == f"{late}: expected timestamps before the year 10000, found 1e+300 s"
    assert not log.exists()


async def test_what_only_kafka_has_is_written_as_nearly_as_can_be(log: Path, tmp_path: Path) -> None:
    """A header without a value as an empty one, which a note tells; a record without a time as of 1970."""
    headers: Any = (("a", None),)
    archive = write(tmp_path / "day.jsonl", [a_record(headers=headers, timestamp=-0.001)], KEPT)
    summary = await load(settings_of(log, partitions=2), [str(archive)], is_quiet=True)
    (found,) = await held(log, "updates")
    assert (found.headers, found.timestamp) == ((("a", b""),), 0.0)
    assert summary.notes == [f"{archive}: 1 records have a header without a value, which is written as an empty one"]


async def test_chunks_are_bounded_by_records_and_bytes(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of an archive's size is in memory, and all of it arrives."""
    monkeypatch.setattr(importing, "CHUNK_RECORDS", 10)
    monkeypatch.setattr(importing, "CHUNK_BYTES", 1_000)
    found = [a_record(n, value=b"x" * (500 if n >= 20 else 1)) for n in range(25)]
    archive = write(tmp_path / "day.jsonl", found, KEPT)
    contents = importing.check(archive)
    targets = importing._targets([contents], {}, None)
    assert [len(chunk) for chunk in importing._chunks(archive, contents, targets)] == [10, 10, 2, 2, 1]
    await load(settings_of(log), [str(archive)], is_quiet=True)
    assert await held(log, "updates") == found


async def test_beside_a_running_owner_records_go_through_its_inbox(log: Path, archive: Path) -> None:
    """The owner creates the topics with their first record; when the import ends, they are readable."""
    async with owner(log):
        await load(settings_of(log), [str(archive)], prefix="march", is_quiet=True)
        assert await held(log, "march.updates") == moved(RECORDS, [0, 1, 0], topic="march.updates")
        assert await topics(log) == {"updates": a_topic(), "march.updates": a_topic("march.updates")}
        assert (await refusal(log, archive, prefix="march")).startswith("topic march.updates: expected an empty topic")
        summary = await load(settings_of(log, partitions=2), [str(archive)], appends=True, is_quiet=True)
        assert (summary.notes, len(await held(log, "updates"))) == ([], 4)


def test_the_summary_for_programs_has_everything() -> None:
    """Names as in `tocsin topics --json`."""
    target = importing.Target(source="updates", spec=a_topic("old.updates"), is_new=True, records=3, newest=DAWN)
    summary = importing.ImportSummary(files=("day.jsonl",), targets=(target,), is_dry_run=False, notes=["n"])
    assert summary.as_dict() == {
        "files": ["day.jsonl"],
        "records": 3,
        "dry_run": False,
        "topics": [
            {
                "from": "updates",
                "topic": "old.updates",
                "records": 3,
                "created": True,
                "partitions": 2,
                "cleanup": "delete",
                "retention_s": None,
            }
        ],
        "notes": ["n"],
    }
