"""THE agent body. Every stage uses it; nothing else in the code base iterates a stream.

Bytes in, decode, pure steps, publish and await every delivery, store state, acknowledge: in this order, because losing
state costs a duplicate and losing an output costs an alert. What cannot be decoded or makes a step raise goes to
`dead-letters` with the original bytes, and the stream goes on.

Reprocessing re-emits. After a crash the table may already know the very input that is read again; then its step returns
exactly the records that it published the first time (the memo), and the state stays as it is. If the table is behind
instead, equal input on equal state gives equal ids. Either way: same alert, same id, same body.
"""

import asyncio
import logging
import os
import struct
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, TypeVar

import msgspec

from agents.step import Step
from schemas.codec import Headers, decode_state, encode_state
from schemas.dead_letter import Step as Reached
from schemas.errors import DecodeError, LogError
from schemas.event import Event
from streams.compression import pack
from streams.dead_letters import DeadLetterLimit, LimitReached, RecordTooLarge, dead_letter
from streams.failpoints import passing
from streams.record_size import RECORD_MAX, RefusedForSize, Room, TopicTooSmall, body_bytes, is_refusal
from streams.record_size import OutRecord as OutRecord  # noqa: PLC0414  who routes to a stage finds it here

S = TypeVar("S", bound=msgspec.Struct)
log = logging.getLogger(__name__)

WITHIN_S = 0.02
"""Longest wait for a batch to fill, seconds: what a lone update pays at each stage."""

MEMO_S = 3600.0
"""How long published records are remembered for re-emission, seconds of record time."""

MEMO_MAX = 4096
"""Most memos kept for one partition; the re-read after a crash is bounded by the commit interval, far below this."""

MEMO_BYTES = 16_000_000
"""And no more than this, bytes a partition, but for those of the last batch."""

OUTPUT_MAX = 64_000_000
"""Most that one event may lead to, bytes: memory, not the log, is what it would exhaust."""

COMMIT_S = 5.0
EXIT_SETTING = 2
EXIT_DEFECT = 70
EXIT_DEAD_LETTERS = 71
SOURCE_OFFSET = "source-offset"
"""Header of a changelog record that holds state: the offset of the input that led to it, decimal."""

_MEMO = b"\x01"
_MEMO_HEAD = struct.Struct(">Hd")  # partition, record time


class _Memo(msgspec.Struct, frozen=True, array_like=True):
    records: tuple[OutRecord, ...]


class Message(Protocol):
    """What the body needs of a consumed message."""

    topic: str
    partition: int
    offset: int
    timestamp: float
    key: bytes | None
    value: bytes | None
    headers: Any


class InEvent(Protocol):
    """What the body needs of a Faust event."""

    message: Any

    def ack(self) -> bool: ...


class Table(Protocol):
    """What the body needs of a Faust table (`FaustTable` in app.py).

    The body writes the changelog itself and awaits it, then calls `apply`. Through Faust's own item assignment a change
    waits in a buffer whose flush gives up after 0.1 s without progress, so a commit could overtake the state; and
    inside a batch Faust knows no current event to take the partition from.
    """

    changelog_topic_name: str

    def get(self, key: bytes) -> bytes | None: ...

    def items(self) -> Iterable[tuple[bytes, bytes]]: ...

    def keys(self) -> Iterable[bytes]: ...

    def apply(self, key: bytes, value: bytes | None, partition: int) -> None: ...


@dataclass(frozen=True)
class Binding:
    """A step, its table, and what names an input for re-emission.

    table           None for a step without state
    memo_key        of an event and its message; equal for one input however often it is read. None where nothing needs
                    to be remembered: the same input gives the same output
    counts_inputs   an input that changed state and led to nothing is remembered too: taken twice, it would count twice
    """

    step: Step[Any]
    table: Table | None
    memo_key: Callable[[Any, Message], str] | None
    counts_inputs: bool = False


class Stage:
    """The body of one agent: one topic (several only where no step has state), one or several steps.

    decode   bytes and headers to an event; raises DecodeError
    route    an event to its record
    send     hands a record to the producer and returns a future of its delivery
    die      called with an exit code and a reason when the process must not go on; does not return
    receive  what the steps get of an event: with what only its record tells, such as its time

    Who asked by `on_settled` is told of events whose outputs and state are durable, before they are acknowledged.
    """

    def __init__(
        self,
        name: str,
        bindings: Sequence[Binding],
        *,
        decode: Callable[[bytes | None, Mapping[str, bytes]], Event],
        route: Callable[[Event], OutRecord],
        send: Callable[[OutRecord], Any],
        log_id: str,
        limit: DeadLetterLimit,
        die: Callable[[int, str], None],
        batch_size: int = 500,
        receive: Callable[[Event, Message], Event] | None = None,
    ) -> None:
        self.name = name
        self.bindings = tuple(bindings)
        self.decode = decode
        self.route = route
        self.send = send
        self.log_id = log_id
        self.limit = limit
        self.die = die
        self.batch_size = batch_size
        self.receive = receive
        self._settled: list[Callable[[Sequence[InEvent]], None]] = []
        self.room = Room()
        self._at_once = batch_size
        self._states = {b.step.name: _Cache(b.table) for b in bindings if b.table is not None}

    def on_settled(self, told: Callable[[Sequence[InEvent]], None]) -> None:
        """Call this with events whose outputs and state are durable."""
        self._settled.append(told)

    async def run(self, stream: Any) -> None:
        """Consume until the stream ends; on a defect end the process: a supervisor restarts it and the log replays.

        Returning to Faust instead would restart the agent while its unacknowledged events are never read again.
        """
        batches: AsyncIterator[Sequence[InEvent]] = stream.noack_take(self.batch_size, within=WITHIN_S)
        generation: int | None = -1  # none yet
        async for batch in batches:
            try:
                found = getattr(batch[-1].message, "generation_id", None)
                if found != generation:
                    # the tables are whole only now; a batch that outlived the rebalance has seen them half rebuilt
                    self.forget()
                    await self.room.learn(_producer(stream))
                    generation = found
                passing("after-consume")
                left = batch
                while left:
                    left = await self._process(stream, left)
                passing("after-ack-before-commit")
                self.limit.check()
            except asyncio.CancelledError:
                raise  # nothing acknowledged: it is read again
            except LimitReached as reached:
                try:
                    await _commit(stream)
                finally:
                    self.die(EXIT_DEAD_LETTERS, str(reached))
            except TopicTooSmall as fault:
                self.die(EXIT_SETTING, str(fault))
            except BaseException as error:
                log.critical("stage %s failed", self.name, exc_info=True)
                self.die(EXIT_DEFECT, f"stage {self.name} failed: {type(error).__name__}: {error}")

    async def _process(self, stream: Any, events: Sequence[InEvent]) -> Sequence[InEvent]:
        """Publish, store and acknowledge what the first events lead to; returns those that are left."""
        plan, changes = self._planned(events)
        passing("after-step")
        try:
            await deliver(plan.records, self.send)
            passing("after-publish-before-ack")
            await deliver([record for change in changes for record in change.records], self.send)
        except RefusedForSize as refused:
            # somebody has made the topic smaller since we asked; planned again, what does not fit is set aside
            if await self.room.learn(_producer(stream)):
                return events
            raise TopicTooSmall(refused.topic, refused.size, self.room.largest.get(refused.topic)) from refused
        for change in changes:
            change.apply()
        for told in self._settled:
            told(plan.events)
        passing("after-state-before-ack")
        for event in plan.events:
            await stream.ack(event)
        return events[len(plan.events) :]

    def _planned(self, events: Sequence[InEvent]) -> "tuple[Plan, list[_Changes]]":
        """What the events, or the first half of them and so on, lead to: so many that their state stays whole."""
        size = min(len(events), self._at_once)
        while True:
            plan = self.plan(events[:size])
            changes = [cache.changes(plan.overlays[name]) for name, cache in self._states.items()]
            if size == 1 or all(self.room.is_whole(change.records) for change in changes):
                break
            size = (size + 1) // 2
        self._at_once = 2 * size if size < len(events) else self.batch_size
        for change in changes:
            self.room.check_state(change.records)
            change.note_memos()
        for letter in plan.letters:
            self._note(letter)
        return plan, changes

    def plan(self, events: Sequence[InEvent]) -> "Plan":
        """What the events lead to: records in order and state changes. Touches no table."""
        plan = Plan(self._states, self.room, events)
        for event in events:
            message = event.message
            try:
                decoded = self.decode(message.value, dict(message.headers or ()))
                if self.receive is not None:
                    decoded = self.receive(decoded, message)
            except DecodeError as error:
                self._set_aside(plan, event, self.name, Reached.DECODE, error)
                continue
            for binding in self.bindings:
                try:
                    plan.apply(event, binding, decoded, self.route)
                except Exception as error:  # the one catch-all of the product: a defect sets one event aside
                    reached = Reached.PRODUCE if isinstance(error, RecordTooLarge) else Reached.DECIDE
                    self._set_aside(plan, event, binding.step.name, reached, error)
        return plan

    def _set_aside(self, plan: "Plan", event: InEvent, stage: str, reached: Reached, error: Exception) -> None:
        passing("during-dead-letter")
        record = dead_letter(event.message, stage=stage, step=reached, error=error, log_id=self.log_id)
        plan.records.append(self.room.fitted(OutRecord(*record)))
        plan.letters.append(_Letter(stage, reached, event.message, error))

    def _note(self, letter: "_Letter") -> None:
        self.limit.count(letter.stage)
        message = letter.message
        log.warning(
            "DeadLetterPublished stage=%s step=%s topic=%s partition=%d offset=%d reason=%s",
            letter.stage, letter.reached.value, message.topic, message.partition, message.offset, letter.error,
        )  # fmt: skip

    def state(self, step: str) -> "Stored":
        """The state of a step as it is stored, to look at."""
        return Stored(self._states[step])

    def forget(self) -> None:
        """Drop what was derived from the tables: after a rebalance they hold other partitions."""
        for cache in self._states.values():
            cache.forget()


def _producer(stream: Any) -> Any:
    return getattr(stream.app, "producer", None)


class _Letter(NamedTuple):
    """A dead letter of a plan, to be counted once the plan is carried out."""

    stage: str
    reached: Reached
    message: Message
    error: Exception


@dataclass
class _Overlay:
    """State changes of one step in one batch: later events see earlier ones."""

    cache: "_Cache"
    values: dict[str, msgspec.Struct | None] = field(default_factory=dict)
    raw: dict[bytes, bytes] = field(default_factory=dict)
    events: dict[str | bytes, InEvent] = field(default_factory=dict)

    def get(self, key: str, kind: type[S]) -> S | None:
        if key in self.values:
            return self.values[key]  # type: ignore[return-value]
        return self.cache.get(key, kind)


class Stored:
    """State as it is stored, for looking at. Its values are shared with the step and must not be changed."""

    def __init__(self, cache: "_Cache") -> None:
        self._cache = cache

    def get(self, key: str, kind: type[S]) -> S | None:
        """The value last put under this key, or None."""
        return self._cache.get(key, kind)

    def put(self, key: str, value: msgspec.Struct | None) -> None:
        """Refused."""
        raise TypeError(f"state {key!r}: only its step changes it, not who looks at it")


class _Scratch:
    """State as one event's step sees it; its changes are dropped when the step raises."""

    def __init__(self, overlay: _Overlay | None) -> None:
        self._overlay = overlay
        self.changes: dict[str, msgspec.Struct | None] = {}

    def get(self, key: str, kind: type[S]) -> S | None:
        """The value last put under this key, or None."""
        if key in self.changes:
            return self.changes[key]  # type: ignore[return-value]
        return None if self._overlay is None else self._overlay.get(key, kind)

    def put(self, key: str, value: msgspec.Struct | None) -> None:
        """Replace the value; None deletes it."""
        self.changes[key] = value


class Plan:
    """Records and state changes of some events, before anything is published."""

    def __init__(self, states: Mapping[str, "_Cache"], room: Room, events: Sequence[InEvent]) -> None:
        self.events = events
        self.records: list[OutRecord] = []
        self.letters: list[_Letter] = []
        self._room = room
        self.overlays = {name: _Overlay(cache) for name, cache in states.items()}

    def apply(self, event: InEvent, binding: Binding, decoded: Event, route: Callable[[Event], OutRecord]) -> None:
        """Let one step decide one event; all or nothing of it enters the plan."""
        message = event.message
        overlay = self.overlays.get(binding.step.name)
        memo_key = None
        if overlay is not None and binding.memo_key is not None:
            memo_key = _MEMO + binding.memo_key(decoded, message).encode()
            known = overlay.raw.get(memo_key) or overlay.cache.raw(memo_key)
            if known is not None:
                self.records.extend(self._bounded(decode_state(_Memo, known[_MEMO_HEAD.size :]).records))
                return
        scratch = _Scratch(overlay)
        records = self._bounded(route(out) for out in binding.step.decide(scratch, decoded))
        self.records.extend(records)
        if overlay is None:
            return
        overlay.values.update(scratch.changes)
        overlay.events.update(dict.fromkeys(scratch.changes, event))
        if memo_key is not None and (records or (binding.counts_inputs and scratch.changes)):
            raw = _MEMO_HEAD.pack(message.partition, message.timestamp) + encode_state(_Memo(records))
            if _fits(raw):
                overlay.raw[memo_key] = raw
                overlay.events[memo_key] = event

    def _bounded(self, records: Iterable[OutRecord]) -> tuple[OutRecord, ...]:
        """The records. Raises RecordTooLarge for one that is too large, or all of them, before the rest is made."""
        found, total = [], 0
        for record in records:
            total += self._room.check_output(record)
            if total > OUTPUT_MAX:
                raise RecordTooLarge(
                    f"topic {record.topic}: expected at most {OUTPUT_MAX} bytes of records from one event"
                )
            found.append(record)
        return tuple(found)


def _fits(raw: bytes) -> bool:
    """Whether the changelog takes this value."""
    return len(raw) <= RECORD_MAX or len(pack(raw) or b"") <= RECORD_MAX


class _Cache:
    """A step's table, with decoded values kept as long as the table still holds the very bytes they came from."""

    MAX = 20_000

    def __init__(self, table: Table) -> None:
        self._table = table
        self.changelog = table.changelog_topic_name
        self._decoded: dict[str, tuple[bytes, msgspec.Struct]] = {}
        self._memos: dict[int, _Memos] | None = None

    def raw(self, key: bytes) -> bytes | None:
        return self._table.get(key)

    def get(self, key: str, kind: type[S]) -> S | None:
        raw = self.raw(key.encode())
        if raw is None:
            return None
        known = self._decoded.get(key)
        if known is not None and known[0] is raw and isinstance(known[1], kind):
            return known[1]
        value = decode_state(kind, raw)
        self._remember(key, raw, value)
        return value

    def _remember(self, key: str, raw: bytes, value: msgspec.Struct) -> None:
        if len(self._decoded) >= self.MAX:
            self._decoded.clear()  # rare; simpler than an order of use, and costs one decode a live key
        self._decoded[key] = (raw, value)

    def changes(self, overlay: _Overlay) -> "_Changes":
        changes = _Changes(self)
        for key, value in overlay.values.items():
            raw = None if value is None else encode_state(value)
            if raw is not None and not _fits(raw):
                # the old state stays: that costs repeated alerts under known ids, a crash would cost all others
                log.error("StateTooLarge table=%s key=%s bytes=%d", self.changelog, key, len(raw))
                continue
            message = overlay.events[key].message
            changes.add(key.encode(), raw, message.partition, ((SOURCE_OFFSET, b"%d" % message.offset),))
            if raw is not None and value is not None:
                changes.decoded[key] = (raw, value)
        for memo_key, raw in overlay.raw.items():
            message = overlay.events[memo_key].message
            changes.add(memo_key, raw, message.partition)
            changes.memos.append((message.partition, message.timestamp, memo_key, len(raw)))
        return changes

    def note_memos(self, changes: "_Changes") -> None:
        """Index the new memos, and let old ones go in return."""
        fresh: dict[int, tuple[int, float]] = {}
        for partition, timestamp, memo_key, size in changes.memos:
            self._index().setdefault(partition, _Memos()).add(timestamp, memo_key, size)
            fresh[partition] = (fresh.get(partition, (0, 0.0))[0] + 1, timestamp)
        for partition, (count, now) in fresh.items():
            for memo_key in self._index()[partition].expired(now, keep=count):
                changes.add(memo_key, None, partition)

    def apply(self, changes: "_Changes") -> None:
        for record in changes.records:
            assert record.key is not None
            assert record.partition is not None
            self._table.apply(record.key, record.value, record.partition)
            if record.value is None:
                self._decoded.pop(record.key.decode("utf-8", "replace"), None)
        for key, (raw, value) in changes.decoded.items():
            self._remember(key, raw, value)

    def forget(self) -> None:
        self._decoded.clear()
        self._memos = None

    def _index(self) -> "dict[int, _Memos]":
        """Memos by partition; read from the table once, after recovery."""
        if self._memos is None:
            found: dict[int, list[tuple[float, bytes, int]]] = {}
            for key, raw in self._table.items():
                if key.startswith(_MEMO):
                    partition, timestamp = _MEMO_HEAD.unpack_from(raw)
                    found.setdefault(partition, []).append((timestamp, key, len(raw)))
            self._memos = {partition: _Memos(memos) for partition, memos in found.items()}
        return self._memos


class _Memos:
    """What a table remembers of one partition for re-emission, oldest first."""

    def __init__(self, found: Iterable[tuple[float, bytes, int]] = ()) -> None:
        self._queue = deque(sorted(found))
        self._bytes = sum(size for _, _, size in self._queue)

    def add(self, timestamp: float, key: bytes, size: int) -> None:
        self._queue.append((timestamp, key, size))
        self._bytes += size

    def expired(self, now: float, *, keep: int) -> Iterator[bytes]:
        """Keys of what may go, taken out; never of the `keep` newest, whose input is not committed yet."""
        queue = self._queue
        while len(queue) > keep and (queue[0][0] < now - MEMO_S or len(queue) > MEMO_MAX or self._bytes > MEMO_BYTES):
            _, key, size = queue.popleft()
            self._bytes -= size
            yield key


class _Changes:
    """State changes of one table: changelog records to publish first, then `apply`."""

    def __init__(self, cache: _Cache) -> None:
        self._cache = cache
        self._topic = cache.changelog
        self.records: list[OutRecord] = []
        self.decoded: dict[str, tuple[bytes, msgspec.Struct]] = {}
        self.memos: list[tuple[int, float, bytes, int]] = []  # partition, record time, key, size

    def note_memos(self) -> None:
        """Add the deletion of old memos: once, when the changes are to be published."""
        self._cache.note_memos(self)

    def add(self, key: bytes, value: bytes | None, partition: int, headers: Headers = ()) -> None:
        self.records.append(OutRecord(self._topic, key, value, headers, partition))

    def apply(self) -> None:
        """Make the changes visible to the next batch."""
        self._cache.apply(self)


async def _commit(stream: Any) -> None:
    """Commit what is acknowledged, so that the next start does not meet the very same dead letters."""
    try:
        async with asyncio.timeout(COMMIT_S):
            await stream.app.consumer.commit()  # may only have waited for one that began earlier
            await stream.app.consumer.commit()
    except (LogError, TimeoutError) as error:
        log.error("CommitFailed reason=%s", error or "no answer")


async def deliver(records: Sequence[OutRecord], send: Callable[[OutRecord], Any]) -> None:
    """Publish all records and wait until each is durable; on a failure try again what failed and what follows it.

    What follows means later records of the same topic and key: their order is kept. Raises LogError when the log itself
    is broken, RefusedForSize when a topic does not take a record. There is no last attempt: the progress watchdog is
    the way out.

    send  a log that fails as a whole has `send.all`, which takes all records at once
    """
    owed = list(records)
    attempt = 0
    while owed:
        at_once = getattr(send, "all", None)
        if at_once is not None:
            await at_once(owed)
            return
        results = await _sent(owed, send)
        owed = still_owed(owed, results)
        if owed:
            attempt += 1
            log.error("ProduceFailed records=%d attempt=%d", len(owed), attempt)
            await asyncio.sleep(min(0.1 * 2**attempt, 10.0))


async def _sent(records: Sequence[OutRecord], send: Callable[[OutRecord], Any]) -> list[BaseException | None]:
    """What became of each record. All are on their way before the first is waited for; a task each would cost more."""
    futures: list[Any] = []
    for record in records:
        try:
            futures.append(await send(record))
        except Exception as error:
            futures.append(_failed(error))
    done = await asyncio.gather(*futures, return_exceptions=True)
    return [one if isinstance(one, BaseException) else None for one in done]


async def _failed(error: Exception) -> None:
    raise error


def still_owed(records: Sequence[OutRecord], results: Sequence[BaseException | None]) -> list[OutRecord]:
    """Records that failed, and the later ones of the same topic and key. Raises what no repetition can cure."""
    failed: set[tuple[str, bytes | None]] = set()
    owed: list[OutRecord] = []
    for record, result in zip(records, results, strict=True):
        if isinstance(result, BaseException) and not _is_passing(result):
            if is_refusal(result):
                raise RefusedForSize(record.topic, body_bytes(record)) from result
            raise result
        place = (record.topic, record.key)
        if result is not None or place in failed:
            failed.add(place)
            owed.append(record)
    return owed


def _is_passing(error: BaseException) -> bool:
    """Whether a repetition may succeed: Kafka's own word for it; everything else is a defect or a broken log."""
    return bool(getattr(error, "retriable", False))


def exit_now(code: int, reason: str) -> None:
    """End the process at once, without commit: the unacknowledged events are read again after the restart."""
    log.critical("WorkerStopped code=%d reason=%s", code, reason)
    logging.shutdown()
    os._exit(code)
