"""A Faust app in this process on the embedded log: tables, rebalances, restarts, failures."""

import asyncio
import sqlite3
from collections import defaultdict
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import faust
import pytest

from schemas.errors import InputError, LogBroken, LogError, PartitionCountChanged
from streams.embedded import Consumer, Transport
from streams.log import open_log
from streams.log.embedded import Log
from streams.log.retention import Compactor
from tests.streams.embedded_app import make_app, raw_topic, running, until

PARTITIONS = 4


class Counter:
    """An app that stores each value under its key and notes what it was handed."""

    def __init__(self, directory: Path, **settings: Any) -> None:
        self.app = make_app(directory, partitions=PARTITIONS, **settings)
        self.seen: dict[int, list[int]] = defaultdict(list)
        self.gate = asyncio.Event()
        self.gate.set()
        self.table = self.app.Table("latest", key_type=bytes, value_type=bytes, partitions=PARTITIONS)

        async def count(stream: Any) -> None:
            async for event in stream.noack().events():
                await self.gate.wait()
                self.seen[event.message.partition].append(event.message.offset)
                self.table[event.key] = event.value
                await stream.ack(event)

        self.app.agent(raw_topic(self.app, "source"), name="count")(count)

    @property
    def log(self) -> Log:
        """The log under the app."""
        log: Log = self.app.transport.log
        return log

    async def send(self, number: int, *, keys: int = 50) -> None:
        """Append this many records durably."""
        futures = [
            await self.app.producer.send("source", b"key-%d" % (n % keys), b"%d" % n, None, None, None)
            for n in range(number)
        ]
        await asyncio.gather(*futures)

    def is_committed(self) -> bool:
        """Whether every partition's committed offset has reached its end."""
        committed = self.log.committed.get("test-app", {})
        return all(
            committed.get(("source", number), 0) == self.log.parts["source", number].visible
            for number in range(PARTITIONS)
        )

    def is_complete(self) -> bool:
        """Whether every record was handed over at least once."""
        return all(
            set(self.seen[number]) == set(range(self.log.parts["source", number].visible))
            for number in range(PARTITIONS)
        )


def test_faust_finds_the_transport_by_its_scheme() -> None:
    """The entry point of the package metadata names the class."""
    found = entry_points(group="faust.transports", name="embedded")
    assert [point.load() for point in found] == [Transport]


async def test_records_flow_through_an_agent_once_and_in_order(tmp_path: Path) -> None:
    """Consumed in the order of the log, committed to the end."""
    counter = Counter(tmp_path)
    async with running(counter.app):
        await counter.send(300)
        await until(counter.is_committed)
        ends = {number: counter.log.parts["source", number].visible for number in range(PARTITIONS)}
    assert {number: counter.seen[number] for number in range(PARTITIONS)} == {
        number: list(range(end)) for number, end in ends.items()
    }


async def test_a_sent_record_is_durable_and_readable_with_its_headers(tmp_path: Path) -> None:
    """The future resolves with where the record stands; a reader beside the app sees it."""
    counter = Counter(tmp_path)
    async with running(counter.app):
        future = await counter.app.producer.send("source", b"k", b"v", 2, 1_700_000_000.0, {"h": b"1"})
        metadata = await future
        reader = await open_log(f"embedded://{tmp_path}", mode="read")
        (record,) = [record async for record in reader.read("source", 2, 0)]
        await reader.close()
    assert (metadata.topic, metadata.partition, metadata.offset) == ("source", 2, 0)
    assert (record.key, record.value, record.timestamp, record.headers) == (
        b"k",
        b"v",
        1_700_000_000.0,
        (("h", b"1"),),
    )


async def test_headers_that_are_not_bytes_fail_at_the_sender(tmp_path: Path) -> None:
    """Nothing is queued, and the log lives on."""
    counter = Counter(tmp_path)
    async with running(counter.app):
        with pytest.raises(TypeError, match="str and bytes"):
            await counter.app.producer.send("source", b"k", b"v", None, None, {"h": None})
        await counter.send(1)
        ends = sum(counter.log.parts["source", number].visible for number in range(PARTITIONS))
    assert ends == 1


async def test_the_app_and_other_users_share_one_log(tmp_path: Path) -> None:
    """Records appended beside the app in the same process reach its agents; the log closes with the last user."""
    counter = Counter(tmp_path)
    beside = await open_log(f"embedded://{tmp_path}", mode="own")
    async with running(counter.app):
        await beside.append("source", b"k", b"beside")
        await until(counter.is_committed)
        assert counter.table[b"k"] == b"beside"
    assert (await beside.committed("test-app")) != {}
    await beside.close()
    assert Log._open == {}


async def test_a_restart_resumes_behind_the_commit_and_rebuilds_the_table(tmp_path: Path) -> None:
    """Nothing is read twice after a clean stop, and the table comes back from its changelog."""
    first = Counter(tmp_path)
    async with running(first.app):
        await first.send(200)
        await until(first.is_committed)
        state = dict(first.table)
    second = Counter(tmp_path)
    async with running(second.app):
        recovered = dict(second.table)
        await second.send(10, keys=10)
        await until(second.is_committed)
    assert recovered == state
    assert len(state) == 50
    assert sum(map(len, second.seen.values())) == 10


async def test_a_table_comes_back_from_a_compacted_changelog(tmp_path: Path) -> None:
    """Recovery does not wait for offsets that compaction removed."""
    first = Counter(tmp_path)
    async with running(first.app):
        await first.send(400)
        await until(first.is_committed)
        state = dict(first.table)
    log = Log.acquire(tmp_path)
    removed = await Compactor(log).run(now=0.0, dirty_records=1)
    await log.release()
    second = Counter(tmp_path)
    async with running(second.app):
        recovered = dict(second.table)
    assert removed == 350
    assert recovered == state


async def test_commits_reach_the_end_after_rebalances_with_a_slow_seek(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two rebalances under load, with a delay after the seek, leave no record unread and no commit standing.

    The stall this guards against: what is delivered between resuming and clearing the queues is never read again.
    """
    seek = Consumer.perform_seek
    seeks = 0
    counter = Counter(tmp_path)

    async def slow_seek(consumer: Consumer) -> None:
        nonlocal seeks
        counter.gate.clear()  # a busy agent: what is delivered now waits in its queue
        await seek(consumer)
        for _ in range(40):
            await asyncio.sleep(0.001)
        seeks += 1

    monkeypatch.setattr(Consumer, "perform_seek", slow_seek)
    async with running(counter.app):
        counter.gate.set()
        for turn in (2, 3):
            await counter.send(500)
            await counter.app.consumer.subscribe({"source", counter.table.changelog_topic_name})
            await until(lambda turn=turn: seeks >= turn, lambda: counter.send(20))  # type: ignore[misc]
            await until(lambda: not counter.app.rebalancing, lambda: counter.send(20))
            counter.gate.set()
        await until(counter.is_committed)
        assert counter.is_complete()
    assert seeks == 3


async def test_an_unfinished_event_is_read_again_after_a_stop(tmp_path: Path) -> None:
    """The event in progress at the stop was not acknowledged; a restart hands it over again."""
    app = make_app(tmp_path, partitions=1, stream_wait_empty=False)
    started = asyncio.Event()
    seen: list[bytes] = []

    async def hang(stream: Any) -> None:
        async for event in stream.noack().events():
            seen.append(event.value)
            if event.value == b"1":
                started.set()
                await asyncio.Event().wait()
            await stream.ack(event)

    app.agent(raw_topic(app, "source"), name="hang")(hang)
    async with running(app):
        for n in range(3):
            await (await app.producer.send("source", None, b"%d" % n, None, None, None))
        async with asyncio.timeout(20):
            await started.wait()
    log = Log.acquire(tmp_path)
    committed = log.committed["test-app"]
    await log.release()
    assert (seen, committed) == ([b"0", b"1"], {("source", 0): 1})


async def test_a_failed_log_stops_consuming_and_crashes_the_app(tmp_path: Path) -> None:
    """Nothing is acknowledged any more, the hook is called once, and the app ends with the error."""
    counter = Counter(tmp_path)
    told: list[LogError] = []
    async with running(counter.app) as app:
        app.transport.on_log_failure = told.append
        await counter.send(10)
        await until(counter.is_committed)
        committed = dict(counter.log.committed["test-app"])
        counter.log._db.execute("PRAGMA query_only=ON")
        with pytest.raises(LogBroken):
            await counter.send(1)
        await until(lambda: app.crashed)
        with pytest.raises(LogBroken):
            await counter.send(1)
        log = counter.log
    assert told == [log.failure]
    assert not app.consumer.flow_active
    again = Log.acquire(tmp_path)
    assert again.committed["test-app"] == committed
    assert sum(again.parts["source", number].visible for number in range(PARTITIONS)) == 10
    await again.release()


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"producer_threaded": True}, "producer_threaded"),
        ({"processing_guarantee": "exactly_once"}, "processing_guarantee"),
        ({"query": "?batch=1"}, "'batch'"),
    ],
)
def test_settings_the_log_cannot_honour_are_refused(tmp_path: Path, settings: dict[str, Any], named: str) -> None:
    """Refused when the transport is made, before anything runs."""
    app = make_app(tmp_path, **settings)
    with pytest.raises(InputError, match=named):
        app.transport  # noqa: B018  made on first use


async def test_a_changed_partition_count_is_refused(tmp_path: Path) -> None:
    """Keys would move to other partitions than their state."""
    async with running(Counter(tmp_path).app):
        pass
    app: faust.App = make_app(tmp_path, partitions=PARTITIONS + 1)
    app.finalize()
    async with asyncio.timeout(20):
        await app.producer.maybe_start()
        with pytest.raises(PartitionCountChanged, match="source"):
            await app.producer.create_topic("source", PARTITIONS + 1, 1)
        await app.producer.stop()
    assert Log._open == {}


async def test_one_record_a_fetch_is_possible(tmp_path: Path) -> None:
    """`drain=message`: the same result, slowly."""
    counter = Counter(tmp_path, query="?drain=message&linger_ms=1")
    async with running(counter.app):
        await counter.send(20)
        await until(counter.is_committed)
        assert counter.is_complete()


async def test_what_is_acknowledged_survives_in_full_mode(tmp_path: Path) -> None:
    """FULL commits in another thread; the app works the same."""
    counter = Counter(tmp_path, query="?sync=FULL")
    async with running(counter.app):
        await counter.send(50)
        await until(counter.is_committed)
    with sqlite3.connect(tmp_path / "log.db") as db:
        count = db.execute("SELECT count(*) FROM rec JOIN tp ON tp.id = rec.id >> 40 WHERE topic = 'source'").fetchone()
    db.close()
    assert count == (50,)
