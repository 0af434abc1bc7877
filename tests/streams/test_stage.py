"""The agent body: order of publish, state and ack; dead letters; re-emission. With a stream and a log in memory."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from agents.step import State
from schemas.codec import decode
from schemas.dead_letter import DeadLetter, Step
from schemas.errors import DecodeError, DecodeReason
from schemas.event import Event
from streams.dead_letters import DeadLetterLimit
from streams.stage import EXIT_DEAD_LETTERS, EXIT_DEFECT, EXIT_SETTING, Binding, OutRecord, Stage, deliver, still_owed


class Word(Event, frozen=True, kw_only=True):
    """An event of the tests."""

    text: str


class Heard(msgspec.Struct, frozen=True):
    """State of the tests: how many words the key has heard."""

    count: int


@dataclass
class Message:
    """A consumed message."""

    value: bytes
    offset: int = 0
    topic: str = "words"
    partition: int = 3
    timestamp: float = 1_000.0
    key: bytes | None = b"k"
    headers: Any = ()


@dataclass
class FakeEvent:
    """What Faust hands over."""

    message: Message

    def ack(self) -> bool:
        return True


@dataclass
class FakeTable:
    """A table that notes what was applied to it."""

    journal: list[Any]
    changelog_topic_name: str = "changelog"
    data: dict[bytes, bytes] = field(default_factory=dict)

    def get(self, key: bytes) -> bytes | None:
        return self.data.get(key)

    def items(self) -> Any:
        return self.data.items()

    def apply(self, key: bytes, value: bytes | None, partition: int) -> None:
        self.journal.append(("applied", key[:1] if key.startswith(b"\x01") else key, partition))
        if value is None:
            self.data.pop(key, None)
        else:
            self.data[key] = value


class FakeStream:
    """Batches in, acknowledgements and commits noted. It is its own app and consumer."""

    def __init__(self, journal: list[Any], batches: Sequence[Sequence[Message]]) -> None:
        self.journal = journal
        self.batches = batches
        self.app = self.consumer = self

    async def noack_take(self, _max: int, within: float) -> Any:
        for batch in self.batches:
            yield [FakeEvent(message) for message in batch]

    async def ack(self, event: FakeEvent) -> bool:
        self.journal.append(("acked", event.message.offset))
        return True

    async def commit(self) -> bool:
        """Commit what is acknowledged."""
        self.journal.append(("committed",))
        return True


class Echo:
    """Publishes each word with the count of its key; "boom" raises after it has touched the state."""

    name = "echo"

    def decide(self, state: State, event: Word) -> Sequence[Event]:
        heard = state.get("k", Heard)
        count = 1 if heard is None else heard.count + 1
        state.put("k", Heard(count))
        if event.text == "boom":
            raise RecursionError("poison")
        return [] if event.text == "silent" else [Word(text=f"{event.text} {count}")]


class Harness:
    """A stage with everything around it in memory."""

    def __init__(self, *, limit: int = 100, table: FakeTable | None = None) -> None:
        self.journal: list[Any] = []
        self.table = table or FakeTable(self.journal)
        self.table.journal = self.journal
        self.sent: list[OutRecord] = []
        self.died: list[tuple[int, str]] = []
        self.fail: BaseException | None = None
        self.stage = Stage(
            "echo",
            [Binding(Echo(), self.table, lambda _, message: f"{message.offset}")],
            decode=self._decode,
            route=lambda event: OutRecord("out", b"k", event.text.encode()),  # type: ignore[attr-defined]
            send=self._send,
            log_id="log",
            limit=DeadLetterLimit(limit, clock=lambda: 0.0),
            die=lambda code, why: self.died.append((code, why)),
        )

    @staticmethod
    def _decode(value: bytes | None, _: Any) -> Event:
        if value == b"bad":
            raise DecodeError(DecodeReason.INVALID_JSON, "no JSON")
        return Word(text=(value or b"").decode())

    async def _send(self, record: OutRecord) -> Any:
        if self.fail is not None:
            raise self.fail
        self.sent.append(record)
        self.journal.append(("sent", record.topic))
        done = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    async def feed(self, *values: str, offset: int = 0) -> None:
        """One batch."""
        batch = [Message(value.encode(), offset + i, timestamp=1_000.0 + offset + i) for i, value in enumerate(values)]
        await self.stage.run(FakeStream(self.journal, [batch]))

    def out(self) -> list[str]:
        """What was published downstream."""
        return [(record.value or b"").decode() for record in self.sent if record.topic == "out"]

    def letters(self) -> list[DeadLetter]:
        """What was set aside."""
        return [decode(DeadLetter, record.value) for record in self.sent if record.topic == "dead-letters"]


async def test_outputs_then_state_then_ack() -> None:
    """Losing state costs a duplicate, losing an output costs an alert: so this order, and acks last."""
    harness = Harness()
    await harness.feed("a", "b")
    kinds = [entry[0] if entry[0] != "sent" else entry[1] for entry in harness.journal]
    assert kinds == ["out", "out", *["changelog"] * 3, *["applied"] * 3, "acked", "acked"]


async def test_later_events_of_a_batch_see_earlier_state() -> None:
    """A batch is a sequence, not a set; the key is written once."""
    harness = Harness()
    await harness.feed("a", "b", "c")
    assert harness.out() == ["a 1", "b 2", "c 3"]
    assert [record.key for record in harness.sent if record.topic == "changelog"].count(b"k") == 1


async def test_state_goes_to_the_partition_of_its_event() -> None:
    """The changelog is partitioned like the input, whatever the key hashes to."""
    harness = Harness()
    await harness.feed("a")
    assert {record.partition for record in harness.sent if record.topic == "changelog"} == {3}


async def test_reprocessed_input_gives_the_same_records_and_leaves_state_alone() -> None:
    """After a crash between state and commit the same offset is read again: same bytes, nothing counted twice."""
    harness = Harness()
    await harness.feed("a", "b")
    before = dict(harness.table.data)
    again = Harness(table=harness.table)
    await again.feed("a", "b")
    assert again.out() == ["a 1", "b 2"]
    assert again.table.data == before


async def test_undecodable_bytes_become_a_dead_letter_and_the_rest_goes_on() -> None:
    """Original bytes, place, stage and reason are kept; the event is acknowledged like any other."""
    harness = Harness()
    await harness.feed("a", "bad", "b")
    assert harness.out() == ["a 1", "b 2"]
    (letter,) = harness.letters()
    assert (letter.value(), letter.topic, letter.partition, letter.offset) == (b"bad", "words", 3, 1)
    assert (letter.stage, letter.step, letter.reason) == ("echo", Step.DECODE, "invalid_json")
    assert [entry[1] for entry in harness.journal if entry[0] == "acked"] == [0, 1, 2]


async def test_a_step_that_raises_sets_one_event_aside_and_changes_no_state() -> None:
    """All or nothing of an event enters the plan."""
    harness = Harness()
    await harness.feed("a", "boom", "b")
    assert harness.out() == ["a 1", "b 2"]
    (letter,) = harness.letters()
    assert (letter.step, letter.reason, letter.error_class) == (Step.DECIDE, "exception", "RecursionError")


async def test_dead_letter_headers_say_where_and_why() -> None:
    """Tools filter without decoding."""
    harness = Harness()
    await harness.feed("bad", offset=7)
    (record,) = [record for record in harness.sent if record.topic == "dead-letters"]
    assert dict(record.headers) == {
        "topic": b"words",
        "partition": b"3",
        "offset": b"7",
        "stage": b"echo",
        "step": b"decode",
        "reason": b"invalid_json",
    }


async def test_too_many_dead_letters_stop_the_worker_loudly() -> None:
    """Thousands of dead letters are a defect, not bad input."""
    harness = Harness(limit=2)
    await harness.feed("bad", "bad")
    assert harness.died == []
    await harness.feed("bad", offset=2)
    ((code, why),) = harness.died
    assert code == EXIT_DEAD_LETTERS
    assert why.startswith("3 dead letters within a minute, allowed are 2")


async def test_a_broken_log_ends_the_process_without_ack() -> None:
    """Nothing acknowledged that is not durable; the supervisor restarts and the log replays."""
    harness = Harness()
    harness.fail = OSError("disk gone")
    await harness.feed("a")
    assert harness.died == [(EXIT_DEFECT, "stage echo failed: OSError: disk gone")]
    assert harness.journal == []


async def test_memos_end_after_an_hour() -> None:
    """Re-emission is remembered for an hour of record time, then forgotten in table and changelog."""
    harness = Harness()
    await harness.feed("a")
    await harness.feed("b", offset=4_000)
    memos = [key for key in harness.table.data if key.startswith(b"\x01")]
    assert memos == [b"\x014000"]
    assert [record.value for record in harness.sent if record.key == b"\x010"][-1] is None


async def test_memos_found_in_a_recovered_table_expire_too() -> None:
    """A restart does not make memos immortal."""
    harness = Harness()
    await harness.feed("a")
    again = Harness(table=harness.table)
    await again.feed("b", offset=4_000)
    assert [key for key in again.table.data if key.startswith(b"\x01")] == [b"\x014000"]


class Passing(Exception):
    """What Kafka would call retriable."""

    retriable = True


def test_what_failed_is_owed_with_what_follows_it_on_the_same_key() -> None:
    """Order within a key survives a failed send."""
    a1, b1, a2 = (OutRecord("t", key, value) for key, value in [(b"a", b"1"), (b"b", b"1"), (b"a", b"2")])
    assert still_owed([a1, b1, a2], [Passing(), None, None]) == [a1, a2]
    assert still_owed([a1, b1, a2], [None, None, Passing()]) == [a2]
    assert still_owed([a1, b1, a2], [None, None, None]) == []


def test_what_no_repetition_can_cure_is_raised() -> None:
    """A broken log is not retried for ever."""
    with pytest.raises(ValueError, match="gone"):
        still_owed([OutRecord("t", b"a", b"1")], [ValueError("gone")])


async def test_deliver_tries_again_until_all_are_durable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A passing failure costs time, never a record."""
    waits: list[float] = []

    async def no_wait(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr("streams.stage.asyncio.sleep", no_wait)
    attempts: list[bytes | None] = []

    async def send(record: OutRecord) -> Any:
        attempts.append(record.value)
        done = asyncio.get_running_loop().create_future()
        if len(attempts) == 1:
            done.set_exception(Passing())
        else:
            done.set_result(None)
        return done

    await deliver([OutRecord("t", b"a", b"1"), OutRecord("t", b"a", b"2")], send)
    assert attempts == [b"1", b"2", b"1", b"2"]
    assert waits == [0.2]


class Producer:
    """As Kafka's: knows, when asked, how large a record batch each topic takes."""

    def __init__(self, *answers: dict[str, int]) -> None:
        self.answers = list(answers)

    async def largest_batches(self) -> dict[str, int]:
        """The next answer; the last one again and again."""
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class MessageSizeTooLargeError(Exception):
    """By its name, as aiokafka raises it."""


async def feed_on(harness: Harness, producer: Producer, *values: str) -> None:
    """One batch, on topics of which the producer knows."""
    stream = FakeStream(harness.journal, [[Message(value.encode(), n) for n, value in enumerate(values)]])
    stream.producer = producer  # type: ignore[attr-defined]
    await harness.stage.run(stream)


async def test_an_output_its_topic_does_not_take_sets_its_input_aside() -> None:
    """Known before it is sent: a dead letter, no state of it, and the others go on."""
    harness = Harness()
    await feed_on(harness, Producer({"out": 200}), "a", "b" * 300, "c")
    assert harness.out() == ["a 1", "c 2"]
    (letter,) = harness.letters()
    assert (letter.step, letter.reason, letter.offset) == (Step.PRODUCE, "too_large", 1)
    assert letter.error_text == (
        "topic out: a record of 303 bytes does not fit its max.message.bytes, 200; see `tocsin topics`"
    )
    assert [entry[1] for entry in harness.journal if entry[0] == "acked"] == [0, 1, 2]


async def test_what_is_remembered_is_measured_too() -> None:
    """Published when its topic took it, read again when it does not: a dead letter, not a refusal for ever."""
    harness = Harness()
    await harness.feed("a" * 300)
    again = Harness(table=harness.table)
    await feed_on(again, Producer({"out": 200}), "a" * 300)
    assert (again.out(), [letter.reason for letter in again.letters()]) == ([], ["too_large"])


@pytest.mark.parametrize(
    ("room", "message", "left"),
    [
        (5_000, Message(b"bad" * 9_000), (False, True, True)),
        (5_000, Message(b"bad" * 9_000, headers=[("h", b"x" * 9_000)]), (False, False, True)),
        (5_000, Message(b"bad" * 9_000, key=b"k" * 9_000), (False, False, False)),
    ],
    ids=["value", "headers", "key"],
)
async def test_a_letter_is_cut_to_what_its_topic_takes(
    room: int, message: Message, left: tuple[bool, bool, bool]
) -> None:
    """First the bytes, which still stand where they came from; only then what a replay would need."""
    harness = Harness()
    harness.stage.decode = lambda value, headers: Harness._decode(b"bad", headers)
    stream = FakeStream(harness.journal, [[message]])
    stream.producer = Producer({"dead-letters": room})  # type: ignore[attr-defined]
    await harness.stage.run(stream)
    (letter,) = harness.letters()
    assert (letter.value_b64 is not None, letter.is_replayable, letter.key_b64 is not None) == left
    assert len(harness.sent[0].value or b"") < room


async def test_a_letter_that_fits_nowhere_ends_the_worker() -> None:
    """Not even place and reason: what cannot be set aside must not be passed over."""
    harness = Harness()
    await feed_on(harness, Producer({"dead-letters": 300}), "bad")
    ((code, why),) = harness.died
    assert (code, why.partition(":")[0], harness.journal) == (EXIT_SETTING, "topic dead-letters", [])


async def test_a_changelog_that_does_not_take_the_state_ends_the_worker_before_anything_is_sent() -> None:
    """One line that says what to set, and the exit code of a wrong setting: a restart would not help."""
    harness = Harness()
    await feed_on(harness, Producer({"changelog": 250}), "a" * 300)
    ((code, why),) = harness.died
    assert (code, harness.journal) == (EXIT_SETTING, [])
    assert why.startswith("topic changelog: a record of ")
    assert why.endswith(
        " bytes does not fit its max.message.bytes, 250; set that to 8388608 (see `tocsin topics`) and start again"
    )


async def test_a_refusal_that_could_not_be_foreseen_teaches_and_the_events_are_planned_again() -> None:
    """Somebody made the topic smaller meanwhile."""
    harness = Harness()
    send = harness.stage.send

    async def refuse(record: OutRecord) -> Any:
        if len(record.value or b"") > 200 and record.topic == "out":
            raise MessageSizeTooLargeError
        return await send(record)

    harness.stage.send = refuse
    await feed_on(harness, Producer({"out": 5_000}, {"out": 200}), "a", "b" * 300)
    assert [letter.reason for letter in harness.letters()] == ["too_large"]
    assert (harness.died, harness.journal[-1]) == ([], ("acked", 1))


async def test_a_refusal_that_teaches_nothing_ends_the_worker() -> None:
    """A broker that does not tell its limits: the line says which topic, what size and what to set."""
    harness = Harness()
    harness.fail = MessageSizeTooLargeError()
    await feed_on(harness, Producer({}), "a")
    assert harness.died == [
        (
            EXIT_SETTING,
            "topic out: a record of 4 bytes, or the record batch it went in, "
            "does not fit its max.message.bytes, which cannot be read; "
            "set that to 8388608 (see `tocsin topics`) and start again",
        )
    ]


async def test_no_more_events_at_a_time_than_their_state_fits_in_one_record_batch() -> None:
    """Each part is published, stored and acknowledged before the next; together they are the whole."""
    whole, parts = Harness(), Harness()
    words = [f"{n} {'x' * 100}" for n in range(8)]
    await feed_on(whole, Producer({}), *words)
    await feed_on(parts, Producer({"changelog": 2_000}), *words)
    assert (parts.out(), parts.table.data) == (whole.out(), whole.table.data)
    told = [entry for entry in parts.journal if entry == ("sent", "out") or entry[0] == "acked"]
    assert told == [
        entry
        for first in (0, 4)
        for entry in (*[("sent", "out")] * 4, *(("acked", n) for n in range(first, first + 4)))
    ]


async def test_dead_letters_of_events_planned_twice_count_once() -> None:
    """A batch that is halved is planned again; what is set aside is not."""
    harness = Harness(limit=3)
    await feed_on(harness, Producer({"changelog": 2_000}), "bad", *(f"{n} {'x' * 100}" for n in range(8)), "bad")
    assert (len(harness.letters()), harness.died, harness.stage.limit.counts) == (2, [], {"echo": 2})
