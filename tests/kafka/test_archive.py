"""Archives between a real broker and an embedded log."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from schemas.errors import InputError
from streams.archive import header, records
from streams.archive.exporting import export
from streams.archive.importing import load
from streams.log import Draft, Record, open_log
from streams.settings import Settings
from tests.streams.archive.archives import DAWN, RECENT, a_topic, everything, fill, held, settings_of


async def test_history_goes_from_a_broker_to_a_directory_and_back(
    kafka: str, topic_prefix: str, tmp_path: Path
) -> None:
    """Byte for byte: keys, tombstones, headers, times to the millisecond, partitions; and the topic as it was."""
    broker = Settings(broker=f"kafka://{kafka}")
    spec = a_topic(f"{topic_prefix}-history", 3, retention=timedelta(days=2))
    drafts = [
        Draft(spec.name, b"item-1", b"\xff\x00", (("ce_id", b"\x80"), ("größe", b"")), RECENT + 0.25, 2),
        Draft(spec.name, None, b"{}", (), RECENT + 0.125, 0),
        Draft(spec.name, b"", None, (), RECENT + 0.5, 2),
        *(Draft(spec.name, b"k", b"%d" % n, (), RECENT + 1 + n / 8, n % 3) for n in range(1_500)),
    ]
    log = await open_log(broker.broker, mode="own")
    await log.create_topic(spec)
    await log.append_many(drafts)
    before = await everything(log, spec.name)
    await log.close()
    first, second = tmp_path / "first.jsonl.gz", tmp_path / "second.jsonl.gz"

    summary = await export(broker, str(first), [spec.name], is_quiet=True)
    await load(settings_of(tmp_path / "log"), [str(first)], is_quiet=True)
    await export(settings_of(tmp_path / "log"), str(second), [spec.name], is_quiet=True)
    await load(broker, [str(second)], prefix=f"{topic_prefix}-back", is_quiet=True)

    assert summary.records == 1_503
    assert header(first).topics[0].spec() == spec
    assert [one.timestamp for one in records(first)] == sorted(one.timestamp or 0 for one in drafts)
    assert await held(tmp_path / "log", spec.name) == before
    log = await open_log(broker.broker, mode="read")
    back = f"{topic_prefix}-back.{spec.name}"
    assert [_body(one) for one in await everything(log, back)] == [_body(one) for one in before]
    assert (await log.topics())[back] == a_topic(back, 3)
    await log.close()


def _body(record: Record) -> tuple[object, ...]:
    return record.partition, record.offset, record.timestamp, record.key, record.value, record.headers


async def test_bounds_are_exact_on_a_broker(kafka: str, topic_prefix: str, tmp_path: Path) -> None:
    """The broker's own index of times says where to begin, also where times fall."""
    broker = Settings(broker=f"kafka://{kafka}")
    name = f"{topic_prefix}-bounds"
    log = await open_log(broker.broker, mode="own")
    await log.create_topic(a_topic(name, 1))
    await log.append_many([Draft(name, None, b"%d" % n, (), DAWN + n, 0) for n in (5, 1, 2, 9, 3, 0, 4)])
    await log.close()
    start, end = (datetime.fromtimestamp(DAWN + seconds, UTC) for seconds in (1, 4))
    await export(broker, str(tmp_path / "day.jsonl"), [name], start=start, end=end, is_quiet=True)
    assert [one.value for one in records(tmp_path / "day.jsonl")] == [b"1", b"2", b"3"]


async def test_a_second_import_into_a_broker_is_refused(kafka: str, topic_prefix: str, tmp_path: Path) -> None:
    """As on a directory; asked for, it appends, and the key decides where the partitions differ."""
    name = f"{topic_prefix}-twice"
    await fill(tmp_path / "log", [a_topic(name, 1)], [Draft(name, b"k%d" % n, None, (), DAWN, 0) for n in range(9)])
    await export(settings_of(tmp_path / "log"), str(tmp_path / "day.jsonl"), [name], is_quiet=True)
    broker = Settings(broker=f"kafka://{kafka}")
    log = await open_log(broker.broker, mode="own")
    await log.create_topic(a_topic(name, 2))

    summary = await load(broker, [str(tmp_path / "day.jsonl")], is_quiet=True)

    assert len(summary.notes) == 1
    assert {one.partition for one in await everything(log, name)} == {0, 1}
    with pytest.raises(InputError, match="expected an empty topic, found 9 records"):
        await load(broker, [str(tmp_path / "day.jsonl")], is_quiet=True)
    await load(broker, [str(tmp_path / "day.jsonl")], appends=True, is_quiet=True)
    assert len(await everything(log, name)) == 18
    await log.close()
