"""Alerts of deliveries, on an embedded log."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from schemas.alert import Alert
from schemas.codec import alert_to_record
from streams.delivery import content
from streams.delivery.content import Content
from streams.log import Draft, EventLog, TopicSpec, open_log
from streams.topics import ALERT_TOPICS, ALERTS_STATEMENTS
from tests.agents.delivery.jobs import a_delivery
from tests.builders import NOON, an_alert


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[EventLog]:
    """With the topics of alerts."""
    found = await open_log(f"embedded://{tmp_path}", mode="own")
    for topic in ALERT_TOPICS:
        await found.create_topic(TopicSpec(name=topic.name, partitions=4))
    yield found
    await found.close()


def numbered(number: int) -> Alert:
    """One of many."""
    return msgspec.structs.replace(an_alert(headline=f"headline {number}"), id=f"msg_{number}")


async def write(log: EventLog, *alerts: Alert, ago: timedelta = timedelta()) -> None:
    """Write alerts so long before noon."""
    at = (NOON - ago).timestamp()
    for one in alerts:
        key, value, headers = alert_to_record(one)
        await log.append_many([Draft(ALERTS_STATEMENTS.name, key, value, headers, at)])


@pytest.mark.parametrize("hours", [0, 0.5, 30, 24 * 300], ids=str)
async def test_an_alert_is_found_however_old(log: EventLog, hours: float) -> None:
    """Among others before and after it, from the topic alone."""
    wanted = numbered(0)
    await write(log, numbered(-1), wanted, numbered(-2), ago=timedelta(hours=hours))
    await write(log, *map(numbered, range(1, 20)))

    assert await Content(log).find(a_delivery(wanted, at=NOON)) == wanted


async def test_what_has_just_come_by_is_found_in_memory(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is read for it."""
    known, wanted = Content(log), numbered(0)
    following = asyncio.create_task(known.follow())
    async with asyncio.timeout(10):
        while not known._records:
            await write(log, wanted)  # what is written before it looks does not come by
            await asyncio.sleep(0.01)
    monkeypatch.setattr(log, "read", None)

    assert await known.find(a_delivery(wanted, at=NOON)) == wanted
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


async def test_what_was_read_is_not_read_again(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second endpoint's delivery of the same message, and of its neighbour."""
    known, wanted, neighbour = Content(log), numbered(0), numbered(1)
    await write(log, wanted, neighbour)
    await known.find(a_delivery(wanted, at=NOON))
    monkeypatch.setattr(log, "read", None)

    assert await known.find(a_delivery(neighbour, at=NOON)) == neighbour


async def test_what_stands_nowhere_is_not_found(log: EventLog) -> None:
    """Retention took it, or it was never there."""
    await write(log, numbered(1), ago=timedelta(hours=30))
    assert await Content(log).find(a_delivery(numbered(0), at=NOON)) is None


async def test_a_log_without_the_topic_has_no_alert(tmp_path: Path) -> None:
    """As one that nothing has ever run on."""
    log = await open_log(f"embedded://{tmp_path}", mode="own")
    try:
        assert await Content(log).find(a_delivery(numbered(0), at=NOON)) is None
    finally:
        await log.close()


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize("value", [b"{", b"", None])
async def test_an_unreadable_record_hides_no_readable_one(
    log: EventLog, caplog: pytest.LogCaptureFixture, value: bytes | None, is_first: bool
) -> None:
    """Somebody else has written to our topic under the same id, before or after us."""
    wanted = numbered(0)
    key, _, headers = alert_to_record(wanted)
    foreign = Draft(ALERTS_STATEMENTS.name, key, value, headers, NOON.timestamp())
    for is_foreign in (is_first, not is_first):
        if is_foreign:
            await log.append_many([foreign])
        else:
            await write(log, wanted)
    known = Content(log)

    assert await known.find(a_delivery(wanted, at=NOON)) == wanted
    assert await known.find(a_delivery(wanted, at=NOON)) == wanted
    assert f"AlertUnreadable topic={ALERTS_STATEMENTS.name} partition=" in caplog.text


async def test_memory_is_bounded(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest are forgotten; they are found in the topic again."""
    monkeypatch.setattr(content, "MEMORY_BYTES", 2_000)
    known, alerts = Content(log), [numbered(number) for number in range(50)]
    await write(log, *alerts)

    assert [await known.find(a_delivery(one, at=NOON)) for one in alerts] == alerts
    assert 1 < len(known._records) < 20
    assert known._bytes == sum(len(one.value or b"") for one in known._records.values()) <= 2_000
