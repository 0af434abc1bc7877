"""Fetches, seeks and pauses: the rules every driver shares, on a driver that is nothing but its bookkeeping."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any

from faust.types import TP

from streams.consumer import ConsumerRules

DATA, OTHER, CHANGELOG = TP("updates", 0), TP("updates", 1), TP("app-latest-changelog", 0)


class Driver:
    """The parts of a Faust consumer that the rules call."""

    def __init__(self, *, committed: Mapping[TP, int | None], earliest: Mapping[TP, int]) -> None:
        self.committed = committed
        self.earliest = earliest
        self.positions: dict[TP, int] = dict.fromkeys(committed, 0)
        self.delivered: list[int] = []
        self.active: set[TP] = set()
        self.flow_active = True
        self.suspend_flow = asyncio.Event()
        self._read_offset: dict[TP, int | None] = defaultdict(lambda: None)
        self._committed_offset: dict[TP, int | None] = defaultdict(lambda: None)
        self._buffered_partitions: set[TP] = set()
        self._paused_partitions: set[TP] = set()
        self.counts: Counter[str] = Counter()
        self.warnings: list[str] = []
        self.app = SimpleNamespace(
            consumer_generation_id=1,
            monitor=SimpleNamespace(
                track_tp_end_offset=lambda tp, end: None, count=lambda name, by: self.counts.update({name: by})
            ),
        )
        self.scheduler = SimpleNamespace(
            iterate=lambda records: [(tp, record) for tp, batch in records.items() for record in batch]
        )
        self.log = SimpleNamespace(warning=lambda line, *given: self.warnings.append(line % given))

    async def callback(self, message: Any) -> None:
        """Take a message."""
        self.delivered.append(message.offset)

    def _to_message(self, tp: TP, record: Any) -> Any:
        return record

    def highwater(self, tp: TP) -> int:
        """Not used here."""
        return 0

    def assignment(self) -> set[TP]:
        """Everything."""
        return set(self.committed)

    def _is_changelog_tp(self, tp: TP) -> bool:
        return tp == CHANGELOG

    async def position(self, tp: TP) -> int | None:
        """Where the next fetch starts."""
        return self.positions[tp]

    async def _seek(self, tp: TP, offset: int) -> None:
        self.positions[tp] = offset

    async def seek(self, tp: TP, offset: int) -> None:
        """Somebody's seek."""
        await self._seek(tp, offset)

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Recovery's seek."""
        self.positions.update(partitions)

    async def earliest_offsets(self, *tps: TP) -> dict[TP, int]:
        """As given."""
        return {tp: self.earliest[tp] for tp in tps}

    async def perform_seek(self) -> None:
        """As Faust: only partitions with a committed offset move."""
        for tp, offset in self.committed.items():
            self._read_offset[tp] = offset
            if offset:
                self._committed_offset[tp] = offset
                self.positions[tp] = offset

    def pause_partitions(self, tps: Iterable[TP]) -> None:
        """Stop fetching."""
        self.active -= set(tps)

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        """Fetch."""
        self.active |= set(tps)

    def resume_flow(self) -> None:
        """Nothing to do."""

    async def wait_first(self, *waits: Any) -> None:
        """The first to end ends all."""
        tasks = [asyncio.ensure_future(wait) for wait in waits]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()


class Consumer(ConsumerRules, Driver):  # type: ignore[misc]
    """The rules over the driver."""


def make_consumer(committed: int | None = 0, earliest: int = 0) -> Any:
    """A consumer of one data partition and one changelog."""
    return Consumer(committed={DATA: committed, CHANGELOG: None}, earliest={DATA: earliest, CHANGELOG: 0})


def fetch(consumer: Any, tp: TP, start: int, end: int) -> dict[TP, list[Any]]:
    """Records as a fetch gives them, the position behind them."""
    consumer.positions[tp] = end
    return {tp: [SimpleNamespace(offset=offset) for offset in range(start, end)]}


async def test_a_fresh_fetch_is_delivered_whole() -> None:
    """Everything arrives once, and nothing is given back."""
    consumer = make_consumer()
    records = fetch(consumer, DATA, 0, 5)
    await consumer._hand_over(records, {DATA}, consumer._stamp())
    assert (consumer.delivered, consumer.positions[DATA], consumer._read_offset[DATA]) == ([0, 1, 2, 3, 4], 5, 4)


async def test_a_fetch_from_before_a_seek_delivers_nothing_and_moves_nobody() -> None:
    """The seek has put the position where it belongs; giving back would undo it."""
    consumer = make_consumer(committed=3)
    stamp = consumer._stamp()
    records = fetch(consumer, DATA, 7, 10)
    await consumer.perform_seek()
    await consumer._hand_over(records, {DATA}, stamp)
    assert (consumer.delivered, consumer.positions[DATA]) == ([], 3)


async def test_a_stale_fetch_gives_back_exactly_what_it_has_not_delivered() -> None:
    """A rebalance in the middle: the rest is fetched again, also of a changelog, which no seek would bring back."""
    for tp in (DATA, CHANGELOG):
        consumer = make_consumer()
        records = fetch(consumer, tp, 0, 10)
        stamp = consumer._stamp()

        async def take(message: Any, consumer: Any = consumer) -> None:
            consumer.delivered.append(message.offset)
            if message.offset == 3:
                consumer.app.consumer_generation_id += 1

        consumer.callback = take
        await consumer._hand_over(records, {tp}, stamp)
        # record 3 was handed to a generation that is over: it is not counted as delivered
        assert (consumer.delivered, consumer.positions[tp]) == ([0, 1, 2, 3], 3)


async def test_a_seek_during_the_delivery_wins_over_giving_back() -> None:
    """Whoever has sought since decides where to go on."""
    consumer = make_consumer()
    records = fetch(consumer, DATA, 0, 10)

    async def take(message: Any) -> None:
        consumer.delivered.append(message.offset)
        if message.offset == 3:
            await consumer.seek(DATA, 7)

    consumer.callback = take
    await consumer._hand_over(records, {DATA}, consumer._stamp())
    assert (consumer.delivered, consumer.positions[DATA]) == ([0, 1, 2, 3], 7)


async def test_a_delivery_that_waits_for_the_flow_ends_when_the_flow_is_suspended() -> None:
    """Its record is not delivered, and given back with those behind it."""
    consumer = make_consumer()
    records = fetch(consumer, DATA, 0, 4)

    async def block(message: Any) -> None:
        if message.offset == 1:
            consumer.flow_active = False
            consumer.suspend_flow.set()
            await asyncio.Event().wait()
        consumer.delivered.append(message.offset)

    consumer.callback = block
    async with asyncio.timeout(20):
        await consumer._hand_over(records, {DATA}, consumer._stamp())
    assert (consumer.delivered, consumer.positions[DATA]) == ([0], 1)


async def test_records_of_a_partition_paused_meanwhile_are_given_back() -> None:
    """A partition that left the active set between fetch and delivery loses nothing."""
    consumer = make_consumer()
    records = fetch(consumer, DATA, 0, 4)
    await consumer._hand_over(records, {OTHER}, consumer._stamp())
    assert (consumer.delivered, consumer.positions[DATA]) == ([], 0)


async def test_what_was_read_already_is_not_delivered_again() -> None:
    """Offsets below the read offset are skipped and not given back."""
    consumer = make_consumer()
    consumer._read_offset[DATA] = 3
    records = fetch(consumer, DATA, 0, 5)
    await consumer._hand_over(records, {DATA}, consumer._stamp())
    assert (consumer.delivered, consumer.positions[DATA]) == ([3, 4], 5)


async def test_recoverys_seek_makes_a_running_fetch_stale() -> None:
    """Changelog records fetched from the old position never arrive after the seek."""
    consumer = make_consumer()
    stamp = consumer._stamp()
    records = fetch(consumer, CHANGELOG, 0, 5)
    await consumer.seek_wait({CHANGELOG: 2})
    await consumer._hand_over(records, {CHANGELOG}, stamp)
    assert (consumer.delivered, consumer.positions[CHANGELOG]) == ([], 2)


async def test_data_partitions_are_resumed_with_the_flow_and_changelogs_at_once() -> None:
    """Recovery resumes, seeks, clears the queues and then lets the flow go on: data flows only from there."""
    consumer = make_consumer()
    consumer.resume_partitions({DATA, CHANGELOG})
    before = set(consumer.active)
    consumer.resume_flow()
    assert (before, consumer.active) == ({CHANGELOG}, {DATA, CHANGELOG})


async def test_a_pause_takes_back_a_resumption_that_waits() -> None:
    """Another rebalance came first."""
    consumer = make_consumer()
    consumer.resume_partitions({DATA})
    consumer.pause_partitions({DATA})
    consumer.resume_flow()
    assert consumer.active == set()


async def test_a_partition_nobody_has_committed_is_moved_to_its_earliest_record() -> None:
    """The driver's seek leaves it where a dropped fetch had moved it; that would lose records."""
    consumer = make_consumer(committed=None, earliest=4)
    consumer.positions[DATA] = 300
    await consumer.perform_seek()
    assert (consumer.positions[DATA], consumer._anchor) == (4, {DATA: 4})


async def test_a_commit_that_retention_has_passed_moves_to_the_earliest_record() -> None:
    """Loss by policy: reading and committing go on from what is left."""
    consumer = make_consumer(committed=3, earliest=10)
    await consumer.perform_seek()
    assert (consumer.positions[DATA], consumer._anchor) == (10, {DATA: 10})


async def test_what_retention_has_taken_is_said_and_counted_once() -> None:
    """Topic, partition, from, to and how many: also when the partition is sought again before the commit has moved."""
    consumer = make_consumer(committed=3, earliest=10)
    await consumer.perform_seek()
    await consumer.perform_seek()
    consumer.pass_expired({DATA: 10})
    (line,) = consumer.warnings
    assert line.startswith("RecordsExpired topic=updates partition=0 committed=3 earliest=10 lost=7: ")
    assert consumer.counts == {"records_expired_total": 7}


async def test_a_commit_of_zero_that_retention_has_passed_is_passed_too() -> None:
    """Somebody has set the group back to the beginning, and the beginning is gone."""
    consumer = make_consumer(committed=0, earliest=10)
    await consumer.perform_seek()
    assert (consumer._committed_offset[DATA], consumer._anchor, len(consumer.warnings)) == (0, {DATA: 10}, 1)


async def test_what_expires_while_the_worker_runs_is_passed_too() -> None:
    """The watchdog's looks bring the news; only what is new counts again, and only for partitions of ours."""
    consumer = make_consumer(committed=3, earliest=0)
    await consumer.perform_seek()
    consumer.pass_expired({DATA: 5, OTHER: 9})
    consumer.pass_expired({DATA: 6})
    assert (consumer._anchor, consumer.counts) == ({DATA: 6}, {"records_expired_total": 3})


async def test_a_fresh_group_has_lost_nothing() -> None:
    """It begins at the earliest record, and says nothing of what was before it came."""
    consumer = make_consumer(committed=None, earliest=10)
    await consumer.perform_seek()
    assert (consumer.warnings, consumer.counts) == ([], {})


async def test_every_data_partition_may_be_committed_and_no_changelog() -> None:
    """Also one that has never seen an acknowledgement: retention may have emptied it."""
    consumer = make_consumer()
    assert list(consumer._filter_tps_with_pending_acks()) == [DATA]
    assert list(consumer._filter_tps_with_pending_acks({"updates"})) == [DATA]
    assert list(consumer._filter_tps_with_pending_acks({"other"})) == []


async def test_a_committed_offset_of_zero_is_a_base_too() -> None:
    """Faust takes a committed 0 for none; without an anchor nothing would ever be committed."""
    consumer = make_consumer(committed=0, earliest=0)
    await consumer.perform_seek()
    assert (consumer.positions[DATA], consumer._anchor) == (0, {DATA: 0})
