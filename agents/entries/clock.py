"""Times as pages print them: lines that stand between posts, and ISO instants of markup."""

import re
from datetime import UTC, datetime
from itertools import pairwise
from typing import NamedTuple

_ZONE = (
    r"(?:GMT|UTC|BST|I?ST|[ECMP][SD]?T|CES?T|EES?T|[AN][EZ][SD]?T|JST|KST|SGT|HKT|MSK|WIB|[+-]\d{2}:?\d{2}|"
    r"\([A-Z]{2,4}\))"
)
_DAY = r"(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\.?,?\s+)"
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.?"
_DATE = (
    rf"(?:\d{{1,2}}(?:st|nd|rd|th)?\s+{_MONTH}(?:,?\s+\d{{4}})?|{_MONTH}\s+\d{{1,2}}(?:st|nd|rd|"
    rf"th)?(?:,?\s+\d{{4}})?|\d{{4}}-\d\d-\d\d|\d{{1,2}}[./]\d{{1,2}}[./]\d{{2,4}})"
)
_TIME = (
    r"(?P<hour>[01]?\d|2[0-3])[:.h](?P<minute>[0-5]\d)(?:[:.][0-5]\d)?\s*(?P<half>[ap]\.?m\.?)?|(?P<hour12>1[0-2]|"
    r"[1-9])\s*(?P<half12>[ap]\.?m\.?)"
)
_LEAD = (
    r"(?:(?:key event|first published|last updated|updated|posted|published|new|live|breaking)(?:\s+(?:at|on))?:?\s+)?"
)
_CLOCK = re.compile(
    rf"\W{{0,2}}{_LEAD}{_DAY}?(?:{_DATE},?\s*(?:at\s+|[-–—|]\s*)?)?(?:{_TIME})\s*{_ZONE}?"
    rf"(?:[,\s]+(?:on\s+|[-–—|]\s*)?{_DAY}?{_DATE}|\s+(?:today|yesterday))?\s*(?:\(?{_ZONE}\)?)?\W{{0,2}}",
    re.IGNORECASE,
)
_AGO = re.compile(
    r"\W{0,2}(?:(?:key event|updated|posted)\s+)?(?:about\s+)?(?P<count>\d{1,3}|an?|one|two|three)\s*"
    r"(?P<unit>s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?)\s+ago\W{0,2}(?P<rest>.{0,24})",
    re.IGNORECASE,
)
_NOW = re.compile(r"\W{0,2}(?:just now|moments ago)\W{0,2}", re.IGNORECASE)
_MARKER = re.compile(r"\W{0,2}(?:key event|pinned(?: post)?|breaking news|breaking)\W{0,2}", re.IGNORECASE)
_DATE_ONLY = re.compile(rf"\W{{0,2}}{_LEAD}{_DAY}?{_DATE}\W{{0,2}}", re.IGNORECASE)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_WORDS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3}
_LONGEST = 64


class TimeLine(NamedTuple):
    """A time that stands alone on a line. Exactly one of the two is given; None in both for a mere marker.

    minute  of the day, as printed
    ago     seconds before the page was saved
    """

    minute: int | None = None
    ago: int | None = None

    @property
    def is_marker(self) -> bool:
        """Whether it says "key event" or the like and no time."""
        return self.minute is None and self.ago is None


def time_line(line: str) -> TimeLine | None:
    """The time on a line that holds nothing else; None for any other line.

    >>> time_line("10.42am GMT")
    TimeLine(minute=642, ago=None)
    >>> time_line("2h ago")
    TimeLine(minute=None, ago=7200)
    """
    if not line or len(line) > _LONGEST:
        return None
    if _MARKER.fullmatch(line):
        return TimeLine()
    if _NOW.fullmatch(line):
        return TimeLine(ago=0)
    if (ago := _AGO.fullmatch(line)) and (not ago["rest"] or _CLOCK.fullmatch(ago["rest"])):
        count = ago["count"].lower()
        return TimeLine(ago=(_WORDS.get(count) or int(count)) * _SECONDS[ago["unit"][0].lower()])
    if clock := _CLOCK.fullmatch(line):
        hour, minute = int(clock["hour"] or clock["hour12"]), int(clock["minute"] or 0)
        half = (clock["half"] or clock["half12"] or "").lower()
        if half:
            hour = hour % 12 + (12 if half.startswith("p") else 0)
        return TimeLine(minute=hour * 60 + minute)
    return None


def is_time_line(line: str) -> bool:
    """Whether a line holds a time or a post marker and nothing else."""
    return time_line(line) is not None


def is_date_line(line: str) -> bool:
    """Whether a line holds a date, perhaps with a time, and nothing else."""
    return len(line) <= _LONGEST and (_DATE_ONLY.fullmatch(line) is not None or is_time_line(line))


def is_newest_first(times: list[TimeLine]) -> bool:
    """Whether times down a page run backwards more often than forwards."""
    down = up = 0
    for before, after in pairwise(times):
        if before.minute is not None and after.minute is not None:
            down += after.minute < before.minute
            up += after.minute > before.minute
        elif before.ago is not None and after.ago is not None:
            down += after.ago > before.ago
            up += after.ago < before.ago
    return down > up


def instant(value: object) -> datetime | None:
    """An aware UTC instant from ISO 8601 text or a number of seconds or milliseconds; None for anything else.

    A time without an offset is nobody's instant: None.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return _from_number(float(value))
    if not isinstance(value, str):
        return None
    text = value.strip()
    if text.isdigit() and len(text) in (10, 13):
        return _from_number(float(text))
    try:
        parsed = datetime.fromisoformat(text)
        return None if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _from_number(value: float) -> datetime | None:
    seconds = value / 1000 if abs(value) >= 1e11 else value
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
