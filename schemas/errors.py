"""Every error that tocsin raises on purpose.

TocsinError                     one line for people: what, where, found, expected
├── InputError                  what a user gave cannot be used (file, argument, setting)
│   └── SettingsError           all faults of a configuration, reported together
├── DecodeError                 bytes are no event; `.reason` is closed (see DecodeReason)
└── LogError                    the log cannot do what was asked
    ├── LogInUse                another process owns the directory
    ├── LogFull                 no space left; nothing of the failed write became visible
    ├── LogBroken               a write failed for another reason; the process must stop
    ├── UnknownTopic            no such topic
    └── PartitionCountChanged   a topic exists with another number of partitions
"""

from enum import StrEnum


class TocsinError(Exception):
    """Base of all deliberate errors; its text is one line, fit for a terminal."""


class InputError(TocsinError):
    """Something a user gave cannot be used."""


class SettingsError(InputError):
    """Configuration faults, all of them.

    faults  one line each, e.g. ``tocsin.toml: broker: expected embedded://DIR or kafka://HOST:PORT, found "redis://"``.
    """

    def __init__(self, faults: tuple[str, ...]) -> None:
        self.faults = faults
        super().__init__("; ".join(faults))


class DecodeReason(StrEnum):
    """Why bytes are no event. Closed: these are metric labels and dead-letter reasons."""

    EMPTY = "empty"
    INVALID_UTF8 = "invalid_utf8"
    INVALID_JSON = "invalid_json"
    TOO_DEEP = "too_deep"
    TOO_LARGE = "too_large"
    INVALID_FIELD = "invalid_field"
    UNSUPPORTED_SCHEMA = "unsupported_schema"


class DecodeError(TocsinError):
    """Bytes that are no event of the expected type."""

    def __init__(self, reason: DecodeReason, detail: str) -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(f"{reason}: {detail}")


class LogError(TocsinError):
    """The log cannot do what was asked."""


class LogInUse(LogError):
    """Another process owns the log directory."""


class LogFull(LogError):
    """The disk is full. Nothing of the failed write became visible; what was acknowledged before is safe."""


class LogBroken(LogError):
    """A write failed for a reason other than space. Nothing of it became visible."""


class UnknownTopic(LogError):
    """No topic of that name."""


class PartitionCountChanged(LogError):
    """A topic exists with another number of partitions; changing it would move keys."""
