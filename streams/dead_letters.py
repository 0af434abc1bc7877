"""Setting aside what cannot be processed, and stopping when there is too much of it."""

import base64
import hashlib
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from schemas.codec import Headers, encode
from schemas.dead_letter import DeadLetter, Step
from schemas.errors import DecodeError, DecodeReason, TocsinError
from schemas.identity import dead_letter_id
from streams.topics import DEAD_LETTERS

VALUE_MAX = 256_000
"""Largest original value kept inside the dead letter, bytes; larger ones are referred to by place and hash."""

KEY_MAX = 100_000
HEADERS_MAX = 100_000
"""Largest key and headers kept, bytes; beyond that they are left out, and the letter cannot be replayed."""

TEXT_MAX = 500
_LAST_MS = 253_402_300_799_999  # the end of the year 9999
_VERSION = version("tocsin")


class LimitReached(TocsinError):
    """More dead letters in a minute than input faults explain."""


class RecordTooLarge(TocsinError):
    """What a step made of an event is more than a log takes."""

    reason = DecodeReason.TOO_LARGE


class DeadLetterLimit:
    """Counts dead letters over the last minute.

    A limit stops the worker loudly: thousands of dead letters are a defect of a release or a broken source, and every
    further minute makes the clean-up larger.
    """

    WINDOW_S = 60.0

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._seen: deque[float] = deque()
        self.counts: dict[str, int] = {}

    def count(self, stage: str) -> None:
        """One more dead letter of this stage."""
        self._seen.append(self._clock())
        self.counts[stage] = self.counts.get(stage, 0) + 1

    def check(self) -> None:
        """Raise LimitReached when the last minute holds more than the limit."""
        since = self._clock() - self.WINDOW_S
        while self._seen and self._seen[0] < since:
            self._seen.popleft()
        if len(self._seen) > self._limit:
            raise LimitReached(
                f"{len(self._seen)} dead letters within a minute, allowed are {self._limit}; "
                "see `tocsin dead-letters`, mend the cause, start again"
            )


def dead_letter(
    message: Any, *, stage: str, step: Step, error: Exception, log_id: str
) -> tuple[str, bytes | None, bytes, Headers]:
    """Topic, key, value and headers of the dead letter for a consumed message.

    The headers repeat where and why, so that tools can filter without decoding. Whatever the message is, the letter can
    be made, sent and read: it is what is left when nothing else can be done.
    """
    reason = error.reason.value if isinstance(error, DecodeError | RecordTooLarge) else "exception"
    value: bytes = message.value or b""
    key: bytes | None = message.key
    kept: dict[str, bytes] = {name: raw or b"" for name, raw in dict(message.headers or ()).items()}
    has_key = len(key or b"") <= KEY_MAX
    has_headers = sum(len(name) + len(raw) for name, raw in kept.items()) <= HEADERS_MAX
    milliseconds = _milliseconds(message.timestamp)
    letter = DeadLetter(
        dlq_id=dead_letter_id(log_id, message.topic, message.partition, message.offset, stage),
        stage=stage,
        step=step,
        reason=reason,
        error_class=type(error).__name__,
        error_text=_encodable(str(error)[:TEXT_MAX]),
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        timestamp_ms=milliseconds,
        key_b64=None if key is None or not has_key else base64.b64encode(key).decode(),
        value_b64=base64.b64encode(value).decode() if len(value) <= VALUE_MAX else None,
        value_sha256=hashlib.sha256(value).hexdigest(),
        value_bytes=len(value),
        headers={name: base64.b64encode(raw).decode() for name, raw in kept.items()} if has_headers else {},
        first_seen=datetime.fromtimestamp(milliseconds / 1000, UTC),
        app_version=_VERSION,
        is_replayable=has_key and has_headers,
    )
    headers = {
        "topic": message.topic,
        "partition": str(message.partition),
        "offset": str(message.offset),
        "stage": stage,
        "step": step.value,
        "reason": reason,
    }
    named = tuple((k, v.encode()) for k, v in headers.items())
    return DEAD_LETTERS.name, key if has_key else None, encode(letter), named


def _milliseconds(timestamp: float | None) -> int:
    """Within what a calendar can say: a record of a foreign producer may bear any time, or none."""
    if timestamp is None or not timestamp > 0:
        return 0
    return round(min(timestamp * 1000, _LAST_MS))


def _encodable(text: str) -> str:
    """Without lone surrogates, which a file name or a message may hold and JSON may not."""
    return text.encode("utf-8", "replace").decode()


def bad_line(
    file: str, line_no: int, raw: bytes, reason: DecodeReason, detail: str
) -> tuple[bytes | None, bytes, Headers]:
    """Key, value and headers of the dead letter for a line of a file that is no update.

    Its place is the file's name and line number; its time is when it was read.
    """
    name = _encodable(Path(file).name)
    letter = DeadLetter(
        dlq_id=dead_letter_id(hashlib.sha256(raw).hexdigest(), name, 0, line_no, "ingest"),
        stage="ingest",
        step=Step.DECODE,
        reason=reason.value,
        error_class=DecodeError.__name__,
        error_text=_encodable(f"{name}:{line_no}: {detail}"[:TEXT_MAX]),
        topic=name,
        partition=0,
        offset=line_no,
        timestamp_ms=round(time.time() * 1000),
        key_b64=None,
        value_b64=base64.b64encode(raw).decode() if len(raw) <= VALUE_MAX else None,
        value_sha256=hashlib.sha256(raw).hexdigest(),
        value_bytes=len(raw),
        first_seen=datetime.now(UTC),
        app_version=_VERSION,
        is_replayable=False,  # the line itself is wrong: it is mended in the file and ingested again
    )
    return None, encode(letter), (("stage", b"ingest"), ("step", b"decode"), ("reason", reason.value.encode()))
