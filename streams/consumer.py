"""What every Faust consumer of ours does differently: nothing stuck, skipped or committed too far after a rebalance.

faust-streaming 0.15.3 stops committing silently after some rebalances with tables, and its commit can pass an event
that is still being processed (faust-streaming/faust#606). The rules here cure both, for any driver:

1. Data partitions are resumed last: recovery resumes them, seeks, and then clears every stream queue; whatever was
   delivered in between would be lost until a restart.
2. A fetch that began before a seek or a rebalance is stale. It delivers nothing more and gives back exactly what it has
   not delivered, unless somebody has sought since. One wait per fetch, not two tasks per message, doubles throughput.
3. A partition without a committed offset, or with one that retention has passed, starts at its earliest offset; the
   next commit passes what has been deleted, also when that happens while the worker runs (`pass_expired`).
4. A commit never passes an unfinished event: it stops at the first offset that is neither acknowledged nor, by the word
   of the log itself, absent. Faust's own notes of gaps are not trusted: they include the record that ended the gap.
5. Acknowledgements of other generations do not count: their events will be read again.
"""

import asyncio
import inspect
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import faust.streams
from faust.transport.consumer import Consumer as FaustConsumer
from faust.transport.consumer import Fetcher
from faust.types import TP
from faust.types.tuples import ack_lock

from schemas.errors import InputError

FETCH_WAIT_S = 1.0
YIELD_EVERY = 100

_METHODS = {
    "_add_gap": ("self", "tp", "offset_from", "offset_to"),
    "_drain_messages": ("self", "fetcher"),
    "_filter_tps_with_pending_acks": ("self", "topics"),
    "_get_active_partitions": ("self",),
    "_getmany": ("self", "active_partitions", "timeout"),
    "_is_changelog_tp": ("self", "tp"),
    "_new_offset": ("self", "tp"),
    "_set_active_tps": ("self", "tps"),
    "_to_message": ("self", "tp", "record"),
    "_wait_next_records": ("self", "timeout"),
    "ack": ("self", "message"),
    "on_partitions_assigned": ("self", "assigned", "generation_id"),
    "on_partitions_revoked": ("self", "revoked"),
    "pause_partitions": ("self", "tps"),
    "perform_seek": ("self",),
    "resume_flow": ("self",),
    "resume_partitions": ("self", "tps"),
    "seek": ("self", "partition", "offset"),
    "wait_empty": ("self",),
}
_ATTRIBUTES = (
    "_acked",
    "_acked_index",
    "_buffered_partitions",
    "_committed_offset",
    "_n_acked",
    "_paused_partitions",
    "_read_offset",
    "_unacked_messages",
    "_waiting_for_ack",
    "can_resume_flow",
    "flow_active",
    "suspend_flow",
)


def check_faust() -> None:
    """Refuse a Faust whose private parts are not the ones this package leans on.

    Raises InputError, naming the first difference; also when the compiled stream is missing: without it Faust
    acknowledges events that it skips, and a commit passes them unseen.
    """
    if getattr(faust.streams, "_CStreamIterator", None) is None:
        raise InputError("faust-streaming: expected its compiled stream iterator, found none (is NO_CYTHON set?)")
    if not hasattr(faust.streams, "_current_event"):
        raise InputError("faust.streams: expected _current_event, found none")
    for name, parameters in _METHODS.items():
        method = getattr(FaustConsumer, name, None)
        found = tuple(inspect.signature(method).parameters) if method is not None else ()
        # decorated with transitions_to: the signature shows through functools.wraps
        if found != parameters:
            raise InputError(f"faust Consumer.{name}: expected parameters {parameters}, found {found}")
    annotations = FaustConsumer.__annotations__.keys() | vars(FaustConsumer).keys()
    for name in _ATTRIBUTES:
        if name not in annotations:
            raise InputError(f"faust Consumer: expected an attribute {name}, found none")
    if tuple(inspect.signature(Fetcher._fetcher.fun).parameters) != ("self",):
        raise InputError("faust Fetcher._fetcher: expected a task of no parameters")


if TYPE_CHECKING:
    _Driver = FaustConsumer
else:
    _Driver = object


class ConsumerRules(_Driver):  # type: ignore[misc,valid-type]
    """Mix in before a driver's consumer: `class Consumer(ConsumerRules, driver.Consumer)`.

    The driver's side is three small methods: `_position_of`, `_move_to`, `_next_existing`.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        check_faust()
        self._deferred: set[TP] = set()
        self._epoch = 0
        self._anchor: dict[TP, int] = {}
        self._expired: dict[TP, int] = {}
        super().__init__(*args, **kwargs)

    # -- the driver's side

    async def _position_of(self, tp: TP) -> int | None:
        """Where the next fetch of this partition starts."""
        position: int | None = await self.position(tp)
        return position

    async def _move_to(self, tp: TP, offset: int) -> None:
        """Let the next fetch of this partition start here, and nothing else."""
        await self._seek(tp, offset)

    def _next_existing(self, tp: TP, offset: int) -> int:
        """The first offset at or after this one that may exist. Without knowledge of holes: this one."""
        del tp
        return offset

    # -- 1. data partitions last

    def pause_partitions(self, tps: Iterable[TP]) -> None:
        """Pause fetching; a pending resumption is dropped too."""
        paused = set(tps)
        self._deferred -= paused
        super().pause_partitions(paused)

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        """Resume changelogs at once, data partitions with the next `resume_flow`, which follows in every caller."""
        wanted = set(tps)
        data = {tp for tp in wanted if not self._is_changelog_tp(tp)}
        self._deferred |= data
        if changelogs := wanted - data:
            super().resume_partitions(changelogs)

    def resume_flow(self) -> None:
        """Allow fetching; now that the stream queues have been cleared, data partitions too."""
        super().resume_flow()
        if self._deferred:
            ready, self._deferred = self._deferred, set()
            super().resume_partitions(ready)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Start with everything paused: until recovery resumes it, no partition has a callback or a position."""
        self._epoch += 1
        self._paused_partitions.update(assigned)
        await super().on_partitions_assigned(assigned, generation_id)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Everything fetched so far is stale."""
        self._epoch += 1
        await super().on_partitions_revoked(revoked)
        for tp in revoked:
            self._anchor.pop(tp, None)
        self._deferred -= revoked

    # -- 2. stale fetches, 3. anchors

    async def perform_seek(self) -> None:
        """Seek data partitions to the committed offset, or to the earliest where none is committed or it has gone."""
        self._epoch += 1
        try:
            await super().perform_seek()
            await self._anchor_partitions()
        finally:
            self._epoch += 1

    async def _anchor_partitions(self) -> None:
        tps = [tp for tp in self.assignment() if not self._is_changelog_tp(tp)]
        if not tps:
            return
        starts = {TP(*tp): start or 0 for tp, start in (await self.earliest_offsets(*tps)).items()}
        for tp, start in starts.items():
            if self._read_offset.get(tp) == 0:
                self._committed_offset[tp] = 0  # committed is 0; Faust keeps that as none
            offset = self._committed_offset.get(tp)
            self._anchor[tp] = max(start, offset or 0)
            if offset is None or offset < start:
                await self._move_to(tp, start)
        self.pass_expired(starts)

    def pass_expired(self, starts: Mapping[TP, int]) -> None:
        """Let the next commit pass what retention has deleted before it was processed; say and count what that is.

        Nothing can read it any more, and as long as the group's commit stands before it, the partition looks behind.

        starts  earliest offset of some partitions; those not ours, or not sought yet, are passed over
        """
        for tp, start in starts.items():
            if tp not in self._anchor:
                continue
            self._anchor[tp] = max(self._anchor[tp], start)
            committed = self._committed_offset.get(tp)
            if committed is None:
                continue  # nobody has begun to read it: not lost, just not ours
            known = max(committed, self._expired.get(tp, 0))
            if known < start:
                self._expired[tp] = start
                self.app.monitor.count("records_expired_total", start - known)
                self.log.warning(
                    "RecordsExpired topic=%s partition=%d committed=%d earliest=%d lost=%d: "
                    "deleted by retention before they were processed; commits go on from the earliest",
                    tp.topic, tp.partition, committed, start, start - known,
                )  # fmt: skip

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterable[TP]:
        """Every data partition: what retention has deleted needs no acknowledgement, and the commit passes it.

        Else a partition of which all has expired would look for ever as if it had work to do.
        """
        for tp in self.assignment():
            if (topics is None or tp in topics or tp.topic in topics) and not self._is_changelog_tp(tp):
                yield tp

    async def seek(self, partition: TP, offset: int) -> None:
        """Seek one partition."""
        self._epoch += 1
        try:
            await super().seek(partition, offset)
        finally:
            self._epoch += 1

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Seek partitions; what is fetched meanwhile is stale."""
        self._epoch += 1
        try:
            await super().seek_wait(partitions)
        finally:
            self._epoch += 1

    async def _drain_messages(self, fetcher: Fetcher) -> None:
        try:
            while not (self._stopped.is_set() or fetcher._stopped.is_set()):
                stamp = self._stamp()
                records, active = await self._wait_next_records(FETCH_WAIT_S)
                if self.should_stop:
                    return
                if records:
                    await self._hand_over(records, active, stamp)
                await asyncio.sleep(0)
        except self.consumer_stopped_errors:
            if not self.app.should_stop:
                raise
        except asyncio.CancelledError:
            if not self.app.should_stop:
                raise

    def _stamp(self) -> tuple[int, int]:
        return self._epoch, self.app.consumer_generation_id

    def _is_stale(self, stamp: tuple[int, int]) -> bool:
        return not self.flow_active or stamp != self._stamp()

    async def _hand_over(self, records: Mapping[TP, list[Any]], active: set[TP] | None, stamp: tuple[int, int]) -> None:
        following = {TP(*tp): batch[0].offset for tp, batch in records.items() if batch}
        # a delivery may wait for the flow; when the flow is suspended, that wait must end
        await self.wait_first(
            self._deliver(records, active, stamp, following),
            self.suspend_flow.wait(),
        )
        left = {
            TP(*tp): (batch[-1].offset, following[TP(*tp)])
            for tp, batch in records.items()
            if batch and following[TP(*tp)] <= batch[-1].offset
        }
        if left:
            await self._give_back(left)

    async def _deliver(
        self,
        records: Mapping[TP, list[Any]],
        active: set[TP] | None,
        stamp: tuple[int, int],
        following: dict[TP, int],
    ) -> None:
        """Hand records to the app; `following` keeps the first offset not delivered, per partition."""
        callback, read, monitor = self.callback, self._read_offset, self.app.monitor
        buffered = self._buffered_partitions
        for tp in records:
            monitor.track_tp_end_offset(tp, self.highwater(tp))
        for turn, (tp, record) in enumerate(self.scheduler.iterate(records)):
            if self._is_stale(stamp):
                return
            if active is not None and tp not in active and tp not in buffered:
                continue
            offset, last = record.offset, read[tp]
            if last is None or offset >= last:
                await callback(self._to_message(tp, record))
                if self._is_stale(stamp):
                    return
                read[tp] = offset
            following[tp] = offset + 1
            if turn % YIELD_EVERY == 0:
                await asyncio.sleep(0)

    async def _give_back(self, left: Mapping[TP, tuple[int, int]]) -> None:
        """Per partition (last offset fetched, first one not delivered): fetch the rest again, unless sought since.

        A driver whose fetch runs in another thread must look and seek there, in one step.
        """
        for tp, (last, following) in left.items():
            if tp in self.assignment() and await self._position_of(tp) == last + 1:
                await self._move_to(tp, following)

    # -- 4. strict commits, 5. acknowledgements of this generation only

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Ignored: see rule 4."""

    def _new_offset(self, tp: TP) -> int | None:
        """The offset up to which everything is finished, if that is more than is committed; it leaves the ack list."""
        committed = self._committed_offset[tp]
        anchor = self._anchor.get(tp)
        if committed is None and anchor is None:
            return None
        base = max(committed or 0, anchor or 0)
        finished = self._acked_index[tp]
        offset = base
        while True:
            while offset in finished:
                offset += 1
            following = self._next_existing(tp, offset)
            if following <= offset:
                break
            offset = following
        if offset == base and (committed is None or offset <= committed):
            # none committed: also while partitions are taken back, when an anchor is older than what was committed
            return None
        if offset > base:
            finished.difference_update([done for done in finished if done < offset])
            acked = self._acked[tp]
            acked[:] = [done for done in acked if done >= offset]
        return offset

    def ack(self, message: Any) -> bool:
        """Mark a message as finished; false when it was before, or belongs to another generation."""
        generation = message.generation_id
        if generation is None or generation == self.app.consumer_generation_id:
            done: bool = super().ack(message)
            return done
        with ack_lock:
            message.acked = True
            self._unacked_messages.discard(message)
            waiting = self._waiting_for_ack
            if waiting is not None and not waiting.done():
                waiting.set_result(None)
        return False
