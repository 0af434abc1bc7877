"""What a run is to do, checked before it begins and printed before anything is written."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from schemas.alert import RULESET_MAJOR
from schemas.errors import InputError
from streams.alerts import parse_since
from streams.log import EventLog
from streams.log.address import parse_address
from streams.replay.history import Span, span_of
from streams.settings import Settings
from streams.topics import ALERT_TOPICS, ALL, REPLAYED, UPDATES

NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")
SPEEDS = {"1": 1.0, "60": 60.0, "max": 0.0}
FOLDER = "replays"


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One run. Times are aware UTC; None is open.

    from_, to        only alerts whose event time is in [from_, to); what was before it fills state
    as_of            only what had been observed by then
    story, source    one story, one outlet
    of               "updates": run the rules again; "alerts": tell again what was told
    is_cold          begin with empty state instead
    speed            seconds of history a second; 0 as fast as it goes
    to_topic, to_subscription, to_file  where alerts go; at most one, else to topics of the run
    """

    name: str
    from_: datetime | None = None
    to: datetime | None = None
    as_of: datetime | None = None
    story: str | None = None
    source: str | None = None
    of: str = "updates"
    is_cold: bool = False
    speed: float = 0.0
    to_topic: str | None = None
    to_subscription: str | None = None
    to_file: str | None = None

    def within(self, moment: datetime) -> bool:
        """Whether an event of this time is told."""
        return (self.from_ is None or moment >= self.from_) and (self.to is None or moment < self.to)

    @property
    def topics(self) -> tuple[str, ...]:
        """What is read."""
        return (UPDATES.name,) if self.of == "updates" else tuple(topic.name for topic in ALERT_TOPICS)

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return found


def check(plan: Plan) -> None:
    """Raises InputError for what no run can do."""
    if not NAME.fullmatch(plan.name):
        raise InputError(f"--name: expected 1 to 80 letters, digits, '_' or '-', found {plan.name[:100]!r}")
    if plan.from_ is not None and plan.to is not None and plan.to <= plan.from_:
        raise InputError(f"--to: expected a time after --from {moment(plan.from_)}, found {moment(plan.to)}")
    named = [name for name in ("topic", "subscription", "file") if getattr(plan, f"to_{name}") is not None]
    if len(named) > 1:
        raise InputError(f"expected one of --to-topic, --to-subscription and --to-file, found --to-{named[0]} and more")
    if plan.to_topic is not None and not plan.to_topic.startswith(REPLAYED):
        taken = "a topic of the pipeline" if plan.to_topic in {topic.name for topic in ALL} else f'"{plan.to_topic}"'
        raise InputError(f'--to-topic: expected a name that begins with "{REPLAYED}", found {taken}')
    if plan.is_cold and plan.from_ is None:
        raise InputError("--cold: expected --from with it: without one there is nothing before that could fill state")


async def span(event_log: EventLog, plan: Plan) -> Span:
    """What there is to read. Raises InputError where retention has taken what the run needs."""
    known = await event_log.topics()
    missing = [name for name in plan.topics if name not in known]
    if missing:
        raise InputError(f"topic {missing[0]}: unknown in this log; nothing was ever ingested here?")
    found = await span_of(event_log, plan.topics)
    if found.count == 0:
        raise InputError(f"topic {plan.topics[0]}: expected records to replay, found none")
    first = datetime.fromtimestamp(found.first_s or 0.0, UTC)
    where = f"topic {plan.topics[0]}: earlier records than {moment(first)} are gone (retention)"
    if found.is_cut and plan.to is not None and plan.to <= first:
        raise InputError(f"--to: expected a time after {moment(first)}, found {moment(plan.to)}; {where}")
    if found.is_cut and plan.from_ is not None and plan.from_ < first:
        raise InputError(f"--from: expected {moment(first)} or later, found {moment(plan.from_)}; {where}")
    if plan.as_of is not None and plan.as_of <= first and found.is_cut:
        raise InputError(f"--as-of: expected a time after {moment(first)}, found {moment(plan.as_of)}; {where}")
    return found


def lines(plan: Plan, settings: Settings, found: Span, sink: str, folder: Path) -> list[str]:
    """The plan in words."""
    partitions = len(found.ends)
    first = "" if found.first_s is None else f", recorded since {moment(datetime.fromtimestamp(found.first_s, UTC))}"
    before = "begins with empty state" if plan.is_cold or plan.of == "alerts" else "what was before fills state"
    if plan.from_ is None:
        before = "from the beginning"
    pace = "as fast as it goes" if not plan.speed else f"{plan.speed:g} s of history a second"
    rules = (
        f"ruleset {RULESET_MAJOR}, statements by {settings.statements_engine}"
        + (f", ladders of {', '.join(settings.ladders)}" if settings.ladders else "")
        if plan.of == "updates"
        else "none: alerts as they were told"
    )
    return [
        f"replay {plan.name} of {settings.broker}",
        f"  reads   {', '.join(plan.topics)}: {found.count:,} records of {partitions} partitions{first}",
        f"  range   {_range(plan)}, {before}",
        f"  only    story {plan.story or 'any'}, outlet {plan.source or 'any'}",
        f"  rules   {rules}",
        f"  speed   {pace}",
        f"  writes  {sink}",
        f"  folder  {folder}",
    ]


def _range(plan: Plan) -> str:
    bounds = f"event time {_or(plan.from_, 'the beginning')} to {_or(plan.to, 'the end')}"
    return bounds if plan.as_of is None else f"{bounds}, as of {moment(plan.as_of)}"


def _or(value: datetime | None, otherwise: str) -> str:
    return otherwise if value is None else moment(value)


def moment(value: datetime) -> str:
    """A time for people, as --from takes it.

    >>> moment(datetime(2026, 3, 14, 10, tzinfo=UTC))
    '2026-03-14T10:00:00Z'
    """
    return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def folder_of(settings: Settings, name: str) -> Path:
    """Where a run keeps its state: beside an embedded log, else in the working directory."""
    if settings.is_embedded:
        directory = parse_address(settings.broker).directory
        return directory / FOLDER / name
    return Path(f"tocsin-{FOLDER}") / name


def moment_of(option: str, text: str | None) -> datetime | None:
    """The time of an option. Raises InputError."""
    return None if text is None else parse_since(text, datetime.now(UTC), option)
