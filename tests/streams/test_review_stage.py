"""Whatever a message is and whatever a step makes of it, the stage goes on: nothing may end the worker for ever."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from agents.step import State
from schemas.codec import MAX_BYTES, decode
from schemas.dead_letter import Step
from schemas.errors import LogError
from schemas.event import Event
from streams import stage
from streams.stage import EXIT_DEAD_LETTERS, Stage
from tests.streams.test_stage import FakeStream, Harness, Heard, Message, Word


@dataclass
class Fresh(Message):
    """A message of one generation of the consumer group."""

    generation_id: int = 1


class Shout:
    """Publishes the event's text as often as its length says, and notes the text."""

    name = "echo"

    def __init__(self, *, each: int, times: int, state_bytes: int = 0) -> None:
        self.each = each
        self.times = times
        self.state_bytes = state_bytes

    def decide(self, state: State, event: Word) -> Sequence[Event]:
        heard = state.get("k", Heard)
        state.put("k", Heard(1 if heard is None else heard.count + 1))
        return [Word(text=event.text + "x" * self.each) for _ in range(self.times)] if event.text == "loud" else [event]


def with_step(harness: Harness, step: Any) -> Stage:
    """The harness's stage with another step."""
    harness.stage.bindings = (stage.Binding(step, harness.table, lambda _, message: f"{message.offset}"),)
    return harness.stage


@pytest.mark.parametrize(
    ("message", "kept"),
    [
        (Message(b"bad", headers=[("h", None)]), True),
        (Message(b"bad", headers=[("h", b"x" * 2_000_000)]), False),
        (Message(b"bad", key=b"k" * 2_000_000), False),
        (Message(b"bad", timestamp=1e18), True),
        (Message(b"bad", timestamp=-1.0), True),
        (Message(b"bad", timestamp=None), True),  # type: ignore[arg-type]
        (Message(b"bad" * 3_000_000), True),
    ],
    ids=["null header", "headers", "key", "far future", "before 1970", "no time", "value"],
)
async def test_a_letter_can_be_made_and_read_for_any_message(message: Message, kept: bool) -> None:
    """A record no producer of ours would write is set aside, small enough to be sent and to be listed."""
    harness = Harness()
    harness.stage.decode = lambda value, headers: Harness._decode(b"bad", headers)
    await harness.stage.run(FakeStream(harness.journal, [[message]]))
    (letter,) = harness.letters()
    (record,) = harness.sent
    assert harness.died == []
    assert len(record.key or b"") + len(record.value or b"") < MAX_BYTES
    assert (letter.is_replayable, harness.journal[-1]) == (kept, ("acked", 0))


async def test_a_letter_of_an_impossible_time_bears_the_nearest_possible_one() -> None:
    """The calendar ends in 9999."""
    harness = Harness()
    await harness.stage.run(FakeStream(harness.journal, [[Message(b"bad", timestamp=1e18)]]))
    (letter,) = harness.letters()
    assert letter.first_seen is not None
    assert letter.first_seen.year == 9999


@pytest.mark.parametrize(
    ("each", "times"), [(stage.RECORD_MAX, 1), (1_000_000, stage.OUTPUT_MAX // 1_000_000 + 1)], ids=["one", "all"]
)
async def test_more_than_a_log_takes_is_set_aside_and_the_rest_goes_on(each: int, times: int) -> None:
    """No repetition would cure it: the event is named, nothing of it is published, its state is not kept."""
    harness = Harness()
    await with_step(harness, Shout(each=each, times=times)).run(
        FakeStream(harness.journal, [[Message(b"loud", 0), Message(b"calm", 1)]])
    )
    (letter,) = harness.letters()
    assert (letter.step, letter.reason, letter.offset) == (Step.PRODUCE, "too_large", 0)
    assert (harness.out(), harness.died) == (["calm"], [])
    assert [entry for entry in harness.journal if entry[0] == "acked"] == [("acked", 0), ("acked", 1)]


async def test_a_memo_too_large_for_the_changelog_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """The alerts count; only the memory of them is left out."""
    monkeypatch.setattr(stage, "RECORD_MAX", 1_000)
    monkeypatch.setattr(stage, "pack", lambda raw: raw)
    harness = Harness()
    await with_step(harness, Shout(each=400, times=3)).run(FakeStream(harness.journal, [[Message(b"loud", 0)]]))
    assert len(harness.out()) == 3
    assert list(harness.table.data) == [b"k"]


async def test_a_state_too_large_for_the_changelog_leaves_the_old_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that dies of one key would stop all the others."""
    harness = Harness()
    await harness.feed("a")
    before = harness.table.data[b"k"]
    monkeypatch.setattr(stage, "RECORD_MAX", 0)
    monkeypatch.setattr(stage, "pack", lambda raw: raw)
    harness.stage.route = lambda event: stage.OutRecord("out", None, b"")
    await harness.feed("b", offset=1)
    assert (harness.table.data, harness.died) == ({b"k": before, b"\x010": harness.table.data[b"\x010"]}, [])


async def test_memos_are_bounded_in_bytes_but_for_the_last_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour of large articles does not fill the memory."""
    monkeypatch.setattr(stage, "MEMO_BYTES", 100)
    harness = Harness()
    await harness.feed("a" * 60, "b" * 60, "c" * 60)
    first = sorted(key for key in harness.table.data if key.startswith(b"\x01"))
    await harness.feed("d" * 60, offset=3)
    second = sorted(key for key in harness.table.data if key.startswith(b"\x01"))
    assert (first, second) == ([b"\x010", b"\x011", b"\x012"], [b"\x013"])


async def test_memos_of_a_partition_that_comes_back_expire_too() -> None:
    """A batch that outlives a rebalance sees half a table; what it has noted does not outlive it."""
    harness = Harness()
    old = Fresh(b"old", 0, timestamp=1_000.0, partition=5)
    await harness.stage.run(FakeStream(harness.journal, [[old]]))
    recovered = dict(harness.table.data)
    harness.table.data.clear()
    harness.stage.forget()
    straggler = [Fresh(b"a", 1, timestamp=1_001.0, partition=3)]
    batches = [straggler, [Fresh(b"b", 2, timestamp=9_000.0, partition=5, generation_id=2)]]

    class Stream(FakeStream):
        async def noack_take(self, _max: int, within: float) -> Any:
            async for batch in super().noack_take(_max, within):
                if batch[0].message.offset == 2:
                    harness.table.data.update(recovered)
                yield batch

    await harness.stage.run(Stream(harness.journal, batches))
    assert sorted(key for key in harness.table.data if key.startswith(b"\x01")) == [b"\x011", b"\x012"]


async def test_what_is_set_aside_is_committed_before_the_worker_stops_for_too_much_of_it() -> None:
    """The next start goes on behind these dead letters; else it would meet the same ones for ever."""
    harness = Harness(limit=1)
    await harness.feed("bad", "bad")
    assert [entry for entry in harness.journal if entry[0] != "sent"] == [
        ("acked", 0), ("acked", 1), ("committed",), ("committed",),
    ]  # fmt: skip
    assert [code for code, _ in harness.died] == [EXIT_DEAD_LETTERS]


@pytest.mark.parametrize("error", [None, LogError("gone")], ids=["no answer", "refused"])
async def test_a_commit_that_fails_does_not_keep_the_worker_alive(
    monkeypatch: pytest.MonkeyPatch, error: LogError | None
) -> None:
    """It stops all the same."""
    monkeypatch.setattr(stage, "COMMIT_S", 0.01)

    class Stream(FakeStream):
        async def commit(self) -> bool:
            if error is not None:
                raise error
            await asyncio.Event().wait()
            return True

    harness = Harness(limit=1)
    await harness.stage.run(Stream(harness.journal, [[Message(b"bad", 0), Message(b"bad", 1)]]))
    assert [code for code, _ in harness.died] == [EXIT_DEAD_LETTERS]


def test_a_revision_of_a_large_article_is_read() -> None:
    """It holds the text before and after, and so may be larger than the largest update."""
    text = "x" * (MAX_BYTES - 1_000)
    raw = b'{"text":"' + text.encode() + b'","previous":"' + text.encode() + b'"}'
    assert decode(Word, raw).text == text
