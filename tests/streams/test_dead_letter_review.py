"""Dead letters under review: listed until somebody dealt with them, replayed as they were, discarded for good."""

import base64
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from schemas.codec import encode
from schemas.dead_letter import DeadLetter, Step
from schemas.errors import InputError
from streams.dead_letter_review import Action, Letter, Note, discard, find, letters, replay
from streams.log import EventLog, TopicSpec, open_log
from streams.topics import DEAD_LETTERS
from tests.builders import NOON


def a_letter(name: str = "dl_one", value: bytes = b"no update", **changes: Any) -> DeadLetter:
    """A record of `updates` that could not be decoded."""
    fields: dict[str, Any] = {
        "dlq_id": name,
        "stage": "entries",
        "step": Step.DECODE,
        "reason": "invalid_json",
        "error_class": "DecodeError",
        "error_text": "byte 0",
        "topic": "updates",
        "partition": 0,
        "offset": 0,
        "timestamp_ms": 0,
        "key_b64": base64.b64encode(b"item").decode(),
        "value_b64": base64.b64encode(value).decode(),
        "value_sha256": hashlib.sha256(value).hexdigest(),
        "value_bytes": len(value),
        "headers": {"trace": base64.b64encode(b"\x00\xff").decode()},
    }
    return DeadLetter(**(fields | changes))


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[EventLog]:
    """A log with an input topic and dead letters."""
    log = await open_log(f"embedded://{tmp_path / 'log'}", mode="own")
    for name in ("updates", DEAD_LETTERS.name):
        await log.create_topic(TopicSpec(name=name, partitions=1))
    yield log
    await log.close()


async def set_aside(log: EventLog, *found: DeadLetter) -> None:
    await log.append_many([(DEAD_LETTERS.name, b"item", encode(letter), ()) for letter in found])


async def listed(log: EventLog, **options: bool) -> list[Letter]:
    return [item async for item in letters(log, **options)]


async def inputs(log: EventLog) -> list[tuple[bytes | None, bytes | None, tuple[tuple[str, bytes], ...]]]:
    return [(record.key, record.value, record.headers) async for record in log.read("updates", 0, 0)]


async def test_a_log_without_dead_letters_lists_none(tmp_path: Path) -> None:
    """Nobody needs the topic to exist."""
    log = await open_log(f"embedded://{tmp_path / 'log'}", mode="own")
    assert await listed(log) == []
    await log.close()


async def test_the_same_failure_read_twice_is_listed_once(log: EventLog) -> None:
    """After a crash a stage sets the same event aside again, under the same id."""
    await set_aside(log, a_letter(), a_letter(), a_letter("dl_two"))
    assert await listed(log) == [Letter(letter=a_letter()), Letter(letter=a_letter("dl_two"))]


async def test_a_replay_appends_the_original_record_and_takes_a_note(log: EventLog) -> None:
    """Same key, value and headers in the topic it came from; then it is no longer listed."""
    await set_aside(log, a_letter())

    await replay(log, a_letter(), NOON)

    assert await inputs(log) == [(b"item", b"no update", (("trace", b"\x00\xff"),))]
    assert await listed(log) == []
    noted = Note(action=Action.REPLAYED, at=NOON)
    assert await listed(log, with_handled=True) == [Letter(letter=a_letter(), note=noted)]


async def test_a_discarded_letter_goes_nowhere(log: EventLog) -> None:
    """It leaves the list, its note says when, and nothing is published."""
    await set_aside(log, a_letter(), a_letter("dl_two"))

    await discard(log, a_letter(), NOON)

    assert await inputs(log) == []
    assert [item.letter.dlq_id for item in await listed(log)] == ["dl_two"]


async def test_a_large_value_is_taken_from_where_it_stood(log: EventLog) -> None:
    """A letter holds no value above its limit; topic, partition and offset name it."""
    await log.append("updates", b"item", b"large")
    letter = a_letter(value=b"large", value_b64=None)

    await replay(log, letter, NOON)

    assert [value for _, value, _ in await inputs(log)] == [b"large", b"large"]


async def test_a_large_value_that_is_gone_is_not_replaced_by_another(log: EventLog) -> None:
    """Its hash tells: retention has removed it, or another log is at hand."""
    await log.append("updates", b"item", b"something else")
    letter = a_letter(value=b"large", value_b64=None)
    with pytest.raises(InputError, match=r"its 5 bytes are gone from updates/0@0"):
        await replay(log, letter, NOON)
    assert await listed(log, with_handled=True) == []


async def test_a_bad_line_of_a_file_is_not_replayable(log: EventLog) -> None:
    """It is mended in its file, not in the log."""
    with pytest.raises(InputError, match=r"mend posts\.jsonl and ingest it again"):
        await replay(log, a_letter(topic="posts.jsonl", is_replayable=False), NOON)


async def test_the_beginning_of_an_id_is_enough_where_it_is_the_only_one(log: EventLog) -> None:
    """Nobody types 26 characters; two that begin alike, or none, are an error."""
    await set_aside(log, a_letter("dl_one"), a_letter("dl_other"))
    assert (await find(log, "dl_on")).letter == a_letter("dl_one")
    for wanted, count in (("dl_o", 2), ("dl_x", 0)):
        with pytest.raises(InputError, match=f"expected one, found {count}"):
            await find(log, wanted)
