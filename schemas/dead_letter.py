"""What is set aside because it cannot be decoded or made a stage fail: the original bytes, their place, and why."""

import base64
from datetime import datetime
from enum import StrEnum

from schemas.event import Event


class Step(StrEnum):
    """How far the stage came."""

    DECODE = "decode"
    DECIDE = "decide"
    PRODUCE = "produce"
    DELIVER = "deliver"


class DeadLetter(Event, frozen=True, kw_only=True):
    """Topic `dead-letters`, key = the original key.

    value_b64     the original bytes, when at most 256 kB; larger values are only referred to: `value_sha256` names
                  them, and topic, partition and offset say where they still stand
    timestamp_ms  the original record's time, milliseconds since 1970 UTC
    """

    dlq_id: str
    stage: str
    step: Step
    reason: str
    error_class: str
    error_text: str
    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key_b64: str | None
    value_b64: str | None
    value_sha256: str
    value_bytes: int
    headers: dict[str, str] = {}
    first_seen: datetime | None = None
    app_version: str = ""
    is_replayable: bool = True

    def value(self) -> bytes | None:
        """The original bytes, or None where they are only referred to."""
        return None if self.value_b64 is None else base64.b64decode(self.value_b64)
