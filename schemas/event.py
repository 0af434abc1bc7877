"""What all events share: the base Struct, spans and the severity scale."""

from enum import IntEnum
from typing import Annotated

import msgspec

SCHEMA_MAJOR = 1
"""Current major version of every event schema. Within a major, changes only add."""

Count = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
"""A non-negative integer that every JSON reader keeps exact."""

Permille = Annotated[int, msgspec.Meta(ge=0, le=1000)]


class Struct(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all values that flow: immutable, keyword-only, tolerant of unknown fields when read."""


class Event(Struct, frozen=True, kw_only=True):
    """A value that stands alone in a topic."""

    schema_version: Annotated[int, msgspec.Meta(ge=0, le=2**31)] = SCHEMA_MAJOR


class Span(Struct, frozen=True, kw_only=False, array_like=True, order=True):
    """Half-open range [start, end) in Unicode code points of one revision's text.

    >>> Span(2, 5).of("01234567")
    '234'
    """

    start: Count
    end: Count

    def of(self, text: str) -> str:
        """The text under this span."""
        return text[self.start : self.end]

    def overlaps(self, other: "Span") -> bool:
        """Whether the two ranges share at least one code point."""
        return self.start < other.end and other.start < self.end

    def contains(self, other: "Span") -> bool:
        """Whether `other` lies wholly inside."""
        return self.start <= other.start and other.end <= self.end

    def shift(self, by: int) -> "Span":
        """The same length, `by` code points further on."""
        return Span(self.start + by, self.end + by)


class Severity(IntEnum):
    """Severity word and number, one to one (CloudEvents severity extension, aligned with OpenTelemetry).

    FLASH is never automatic: it goes out as BULLETIN with `proposed=FLASH`.
    """

    NOTE = 9
    WATCH = 11
    ADVISORY = 13
    URGENT = 15
    BULLETIN = 17
    FLASH = 21
