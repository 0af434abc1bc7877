"""The limit on dead letters, and what a dead letter keeps."""

import hashlib

import pytest

from schemas.codec import decode
from schemas.dead_letter import DeadLetter
from schemas.errors import DecodeReason
from streams.dead_letters import VALUE_MAX, DeadLetterLimit, LimitReached, bad_line


class Clock:
    """A clock that the test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_old_dead_letters_no_longer_count() -> None:
    """The limit is a rate: three a minute are allowed again after a minute."""
    clock = Clock()
    limit = DeadLetterLimit(3, clock)
    for _ in range(3):
        limit.count("entries")
    limit.check()
    clock.now = 61.0
    for _ in range(3):
        limit.count("entries")
    limit.check()
    limit.count("detect")
    with pytest.raises(LimitReached, match="4 dead letters within a minute, allowed are 3"):
        limit.check()
    assert limit.counts == {"entries": 6, "detect": 1}


def test_bad_line_keeps_its_bytes_and_its_place() -> None:
    """An operator can find the line, and has the bytes even when the file is gone."""
    _, value, headers = bad_line("/some/where/blog.jsonl", 7, b"{", DecodeReason.INVALID_JSON, "truncated")
    letter = decode(DeadLetter, value)
    assert (letter.topic, letter.offset, letter.value()) == ("blog.jsonl", 7, b"{")
    assert letter.error_text == "blog.jsonl:7: truncated"
    assert dict(headers)["reason"] == b"invalid_json"


def test_large_value_is_referred_to_by_hash() -> None:
    """Dead letters stay small enough to be sent."""
    raw = b"x" * (VALUE_MAX + 1)
    letter = decode(DeadLetter, bad_line("f", 1, raw, DecodeReason.TOO_LARGE, "too large")[1])
    assert (letter.value(), letter.value_bytes) == (None, VALUE_MAX + 1)
    assert letter.value_sha256 == hashlib.sha256(raw).hexdigest()
