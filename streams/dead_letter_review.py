"""What people do with dead letters: look, let them run again, or set them aside for good; both leave a note."""

import base64
import hashlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import msgspec

from schemas.codec import decode
from schemas.dead_letter import DeadLetter
from schemas.errors import DecodeError, InputError, UnknownTopic
from streams.log import EventLog, Record, TopicSpec
from streams.topics import DEAD_LETTERS

log = logging.getLogger(__name__)

HANDLED = TopicSpec(name="dead-letters-handled", partitions=1, is_compacted=True)
"""dlq_id -> Note. Compacted: the last note of a dead letter stays as long as anybody may ask."""


class Action(StrEnum):
    """What was done with a dead letter."""

    REPLAYED = "replayed"
    DISCARDED = "discarded"


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """That a dead letter was dealt with.

    at  when, UTC
    """

    action: Action
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Letter:
    """One dead letter and what became of it."""

    letter: DeadLetter
    note: Note | None = None

    def line(self) -> str:
        """For people."""
        it = self.letter
        done = "" if self.note is None else f"[{self.note.action} {self.note.at:%Y-%m-%d %H:%M}]  "
        place = f"{it.topic}/{it.partition}@{it.offset}"
        return f"{it.dlq_id}  {done}{place}  {it.stage}/{it.step}  {it.reason}: {it.error_text}"


async def letters(event_log: EventLog, *, with_handled: bool = False) -> AsyncIterator[Letter]:
    """Every dead letter once, oldest first within a partition; those dealt with only on request.

    The same failure read again after a crash gives the same id; it is listed once.
    """
    notes = await _notes(event_log)
    seen: set[str] = set()
    async for record in _stored(event_log, DEAD_LETTERS.name):
        try:
            letter = decode(DeadLetter, record.value)
        except DecodeError as error:  # a foreign writer; the others are still to be listed
            log.warning("DeadLetterUnreadable partition=%d offset=%d %s", record.partition, record.offset, error)
            continue
        note = notes.get(letter.dlq_id)
        if letter.dlq_id not in seen and (note is None or with_handled):
            seen.add(letter.dlq_id)
            yield Letter(letter=letter, note=note)


async def find(event_log: EventLog, wanted: str) -> Letter:
    """The dead letter of this id, or of the only id that begins so. Raises InputError."""
    found = [item async for item in letters(event_log, with_handled=True) if item.letter.dlq_id.startswith(wanted)]
    exact = [item for item in found if item.letter.dlq_id == wanted]
    if not wanted or len(exact or found) != 1:
        raise InputError(f"dead letter {wanted}: expected one, found {len(found)}")
    return (exact or found)[0]


async def replay(event_log: EventLog, letter: DeadLetter, at: datetime) -> None:
    """Append the original key, value and headers to the original topic, then note it.

    A death in between leaves no note: a second replay publishes the same alerts under the same ids.
    Raises InputError when the letter cannot be replayed or its value has gone.
    """
    if not letter.is_replayable:
        raise InputError(f"dead letter {letter.dlq_id}: cannot be replayed; mend {letter.topic} and ingest it again")
    value = await _value(event_log, letter)
    key = None if letter.key_b64 is None else base64.b64decode(letter.key_b64)
    headers = tuple((name, base64.b64decode(raw)) for name, raw in letter.headers.items())
    await event_log.append(letter.topic, key, value, headers)
    await _take_note(event_log, letter, Note(action=Action.REPLAYED, at=at))


async def discard(event_log: EventLog, letter: DeadLetter, at: datetime) -> None:
    """Note that nothing more will be done; the letter itself stays until its retention ends."""
    await _take_note(event_log, letter, Note(action=Action.DISCARDED, at=at))


async def _value(event_log: EventLog, letter: DeadLetter) -> bytes:
    """The original bytes: inside the letter, or, where they were too large for that, where they stood."""
    value = letter.value()
    if value is None:
        place = f"{letter.topic}/{letter.partition}@{letter.offset}"
        async for record in event_log.read(letter.topic, letter.partition, letter.offset, letter.offset + 1):
            value = record.value
        if value is None or hashlib.sha256(value).hexdigest() != letter.value_sha256:
            raise InputError(f"dead letter {letter.dlq_id}: its {letter.value_bytes} bytes are gone from {place}")
    return value


async def _take_note(event_log: EventLog, letter: DeadLetter, note: Note) -> None:
    await event_log.create_topic(HANDLED)
    await event_log.append(HANDLED.name, letter.dlq_id.encode(), msgspec.json.encode(note))


async def _notes(event_log: EventLog) -> dict[str, Note]:
    notes: dict[str, Note] = {}
    async for record in _stored(event_log, HANDLED.name):
        notes[(record.key or b"").decode()] = msgspec.json.decode(record.value or b"", type=Note)
    return notes


async def _stored(event_log: EventLog, topic: str) -> AsyncIterator[Record]:
    try:
        partitions = await event_log.ends(topic)
    except UnknownTopic:
        return  # nothing was ever set aside
    for partition in partitions:
        async for record in event_log.read(topic, partition, 0):
            yield record
