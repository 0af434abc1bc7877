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

TEXT_MAX = 500
_VERSION = version("tocsin")


class LimitReached(TocsinError):
    """More dead letters in a minute than input faults explain."""


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

    The headers repeat where and why, so that tools can filter without decoding.
    """
    reason = error.reason.value if isinstance(error, DecodeError) else "exception"
    value: bytes = message.value or b""
    letter = DeadLetter(
        dlq_id=dead_letter_id(log_id, message.topic, message.partition, message.offset, stage),
        stage=stage,
        step=step,
        reason=reason,
        error_class=type(error).__name__,
        error_text=str(error)[:TEXT_MAX],
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        timestamp_ms=round(message.timestamp * 1000),
        key_b64=None if message.key is None else base64.b64encode(message.key).decode(),
        value_b64=base64.b64encode(value).decode() if len(value) <= VALUE_MAX else None,
        value_sha256=hashlib.sha256(value).hexdigest(),
        value_bytes=len(value),
        headers={name: base64.b64encode(raw).decode() for name, raw in dict(message.headers or ()).items()},
        first_seen=datetime.fromtimestamp(message.timestamp, UTC),
        app_version=_VERSION,
    )
    headers = {
        "topic": message.topic,
        "partition": str(message.partition),
        "offset": str(message.offset),
        "stage": stage,
        "step": step.value,
        "reason": reason,
    }
    return DEAD_LETTERS.name, message.key, encode(letter), tuple((k, v.encode()) for k, v in headers.items())


def bad_line(
    file: str, line_no: int, raw: bytes, reason: DecodeReason, detail: str
) -> tuple[bytes | None, bytes, Headers]:
    """Key, value and headers of the dead letter for a line of a file that is no update.

    Its place is the file's name and line number; its time is when it was read.
    """
    name = Path(file).name
    letter = DeadLetter(
        dlq_id=dead_letter_id(hashlib.sha256(raw).hexdigest(), name, 0, line_no, "ingest"),
        stage="ingest",
        step=Step.DECODE,
        reason=reason.value,
        error_class=DecodeError.__name__,
        error_text=f"{name}:{line_no}: {detail}"[:TEXT_MAX],
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
