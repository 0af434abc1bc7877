"""What is wrong with a subscription, a silence or a rule: all of it, each fault with field, found and expected."""

import re
import unicodedata
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from schemas.event import Struct
from schemas.subscription import (
    GROUP_LABELS,
    LABELS,
    Filter,
    InhibitionRule,
    Matcher,
    Operator,
    QuietHours,
    Silence,
    Subscription,
    regex,
    zone,
)

MAX_TERMS, MAX_TERM = 1000, 200
"""Most values of one condition, and code points of one value."""


class Fault(Struct, frozen=True, kw_only=True):
    """What is wrong with one field.

    >>> str(Fault(field="budget.limit", found=0, expected="a number above 0"))
    'budget.limit: expected a number above 0, found 0'
    """

    field: str
    found: Any
    expected: str

    def __str__(self) -> str:
        found = ascii(self.found) if isinstance(self.found, str) else str(self.found)
        return f"{self.field}: expected {self.expected}, found {found.replace(chr(39), chr(34))[:200]}"


def validate(value: Subscription | Silence | InhibitionRule) -> tuple[Fault, ...]:
    """Everything that is wrong with it, in the order of its fields; empty if it can be used."""
    match value:
        case Subscription():
            return tuple(_subscription_faults(value))
        case Silence():
            return tuple(_silence_faults(value))
        case InhibitionRule():
            return tuple(_rule_faults(value))


_NAME = re.compile(r"[a-z][a-z0-9_.-]{0,63}")
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_WHOLE = re.compile(r"-?[0-9]{1,9}")


def _subscription_faults(value: Subscription) -> Iterator[Fault]:
    for field in ("id", "owner", "name", "target"):
        yield from _line(field, getattr(value, field))
    yield from _within("version", value.version, 1, 2**31)
    if not _NAME.fullmatch(value.channel):
        yield Fault(field="channel", found=value.channel, expected="a lower-case word")
    yield from _filter_faults(value.filter)
    for n, label in enumerate(value.group_by):
        if label not in GROUP_LABELS:
            yield Fault(field=f"group_by[{n}]", found=label, expected=f"one of {', '.join(sorted(GROUP_LABELS))}")
    yield from _within("group_wait_s", value.group_wait_s, 0, 3600)
    yield from _within("group_interval_s", value.group_interval_s, 0, 86400)
    if value.budget is not None:
        yield from _within("budget.limit", value.budget.limit, 1, 10_000)
        yield from _within("budget.per_s", value.budget.per_s, 1, 7 * 86400)
    if value.quiet_hours is not None:
        yield from _quiet_faults(value.quiet_hours)
    if value.expires_at is not None:
        yield from _aware("expires_at", value.expires_at)
    if value.max_age_s is not None:
        yield from _within("max_age_s", value.max_age_s, 1, 96 * 3600)
    for n, (label, text) in enumerate(sorted(value.labels.items())):
        if not _NAME.fullmatch(label) or label in LABELS:
            yield Fault(field=f"labels[{n}]", found=label, expected="a lower-case word that is no label of an alert")
        yield from _line(f"labels[{n}]", text)


def _filter_faults(value: Filter) -> Iterator[Fault]:
    for field in value.__struct_fields__:
        terms = getattr(value, field)
        if not isinstance(terms, tuple):
            continue
        if len(terms) > MAX_TERMS:
            yield Fault(field=f"filter.{field}", found=f"{len(terms)} values", expected=f"at most {MAX_TERMS}")
            continue
        for n, term in enumerate(terms):
            if field == "levels":
                yield from _within(f"filter.levels[{n}]", term, 0, 5)
            elif isinstance(term, str):
                yield from _line(f"filter.{field}[{n}]", term)
                if field.startswith("keywords") and term.strip() and not any(char.isalnum() for char in term):
                    yield Fault(field=f"filter.{field}[{n}]", found=term, expected="a letter or a digit")
    if not value.hearsay:
        yield Fault(field="filter.hearsay", found="nothing", expected="speaker, via or both")
    if value.families and value.types and not any(kind.family in value.families for kind in value.types):
        yield Fault(
            field="filter.types",
            found=", ".join(value.types),
            expected=f"a type of the families asked for ({', '.join(value.families)}); this can never match",
        )
    unwanted = {term.casefold() for term in value.keywords_none}
    wanted = {term.casefold() for term in value.keywords_any}
    for n, term in enumerate(value.keywords_all):
        if term.casefold() in unwanted:
            yield Fault(field=f"filter.keywords_all[{n}]", found=term, expected=_NEVER)
    if wanted and wanted <= unwanted:
        yield Fault(field="filter.keywords_any", found=", ".join(value.keywords_any), expected=_NEVER)


_NEVER = "a keyword that is not in keywords_none too; this can never match"


def _quiet_faults(value: QuietHours) -> Iterator[Fault]:
    for field in ("start", "end"):
        found = getattr(value, field)
        if not _CLOCK.fullmatch(found):
            yield Fault(field=f"quiet_hours.{field}", found=found, expected="a time from 00:00 to 23:59")
    if value.start == value.end:
        yield Fault(field="quiet_hours.end", found=value.end, expected="another time than the start")
    if zone(value.timezone) is None:
        yield Fault(field="quiet_hours.timezone", found=value.timezone, expected='a time zone such as "Europe/London"')


def _silence_faults(value: Silence) -> Iterator[Fault]:
    for field in ("id", "author", "reason"):
        yield from _line(field, getattr(value, field), limit=1000)
    yield from _matcher_faults("matchers", value.matchers, free=True)
    if value.matchers and all(_takes_nothing(matcher) for matcher in value.matchers):
        yield Fault(field="matchers", found="matchers that no label satisfies too", expected="one that needs a label")
    faults = [*_aware("starts_at", value.starts_at), *_aware("ends_at", value.ends_at)]
    yield from faults
    if not faults and value.ends_at <= value.starts_at:
        yield Fault(field="ends_at", found=value.ends_at.isoformat(), expected="a time after starts_at")
    if not value.states:
        yield Fault(field="states", found="nothing", expected="alert, update, correction")


def _rule_faults(value: InhibitionRule) -> Iterator[Fault]:
    yield from _line("id", value.id)
    yield from _matcher_faults("source", value.source, free=False)
    yield from _matcher_faults("target", value.target, free=False)
    for n, label in enumerate(value.equal):
        if label not in LABELS:
            yield Fault(field=f"equal[{n}]", found=label, expected=f"one of {', '.join(sorted(LABELS))}")
    if not value.equal:
        yield Fault(field="equal", found="nothing", expected="a label that source and target share")
    yield from _within("for_s", value.for_s, 1, 7 * 86400)


def _matcher_faults(field: str, matchers: tuple[Matcher, ...], *, free: bool) -> Iterator[Fault]:
    if not matchers or len(matchers) > 32:
        yield Fault(field=field, found=f"{len(matchers)} matchers", expected="1 to 32")
    for n, matcher in enumerate(matchers[:32]):
        place = f"{field}[{n}]"
        if matcher.label not in LABELS and not (free and _NAME.fullmatch(matcher.label)):
            yield Fault(field=f"{place}.label", found=matcher.label, expected=f"one of {', '.join(sorted(LABELS))}")
        if len(matcher.value) > 1000:
            yield Fault(field=f"{place}.value", found=f"{len(matcher.value)} characters", expected="at most 1000")
        elif matcher.operator in (Operator.REGEX, Operator.NOT_REGEX):
            compiled = regex(matcher.value)
            if isinstance(compiled, str):
                yield Fault(field=f"{place}.value", found=matcher.value, expected=compiled)
        elif matcher.operator in (Operator.AT_MOST, Operator.AT_LEAST) and not _WHOLE.fullmatch(matcher.value):
            yield Fault(field=f"{place}.value", found=matcher.value, expected="a whole number")


def _takes_nothing(matcher: Matcher) -> bool:
    """Whether an alert without this label satisfies it. Of expressions only the plainest are seen through."""
    match matcher.operator:
        case Operator.EQUAL:
            return matcher.value == ""
        case Operator.GLOB:
            return not matcher.value.strip("*")
        case Operator.REGEX:
            return matcher.value in ("", ".*")
        case Operator.NOT_EQUAL | Operator.NOT_GLOB | Operator.NOT_REGEX:
            return matcher.value != ""
    return False


def _line(field: str, text: str, limit: int = MAX_TERM) -> Iterator[Fault]:
    if not text.strip():
        yield Fault(field=field, found=text, expected="a text that is not blank")
    elif len(text) > limit:
        yield Fault(field=field, found=f"{len(text)} characters", expected=f"at most {limit}")
    elif any(unicodedata.category(char) in ("Cc", "Cs") for char in text):
        yield Fault(field=field, found=text, expected="one line without control characters")


def _within(field: str, number: int, low: int, high: int) -> Iterator[Fault]:
    if not low <= number <= high:
        yield Fault(field=field, found=number, expected=f"a whole number from {low} to {high}")


def _aware(field: str, at: datetime) -> Iterator[Fault]:
    if at.utcoffset() is None:
        yield Fault(field=field, found=at.isoformat(), expected="a time with its offset from UTC")
