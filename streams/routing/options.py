"""What `tocsin subscribe` and `tocsin subscriptions edit` can be told, and the subscription that it makes."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import click
import msgspec

from schemas.alert import Novelty
from schemas.detection import Channel, StatementKind
from schemas.errors import InputError
from schemas.event import Severity
from schemas.subscription import Budget, CorrectionStyle, Filter, HearsayRole, QuietHours, Subscription
from streams.alerts import KINDS
from streams.routing.forms import TYPES

_SEVERITY = click.Choice([one.name.lower() for one in Severity], case_sensitive=False)

_CONDITIONS: tuple[tuple[str, str, str, Any], ...] = (
    ("--kind", "families", "Detector.", click.Choice(sorted(KINDS))),
    ("--type", "types", "Type of alert.", click.Choice(sorted(TYPES))),
    ("--official", "officials", "Person id.", None),
    ("--post", "posts", 'Post id or its words ("harbour minister").', None),
    ("--speaker", "speakers", "Name or person id of who spoke.", None),
    ("--on-behalf-of", "on_behalf_of", "Whom a spokesperson spoke for.", None),
    ("--keyword", "keywords_any", "A word or phrase; of several one is enough.", None),
    ("--all-keyword", "keywords_all", "A word or phrase that must be there.", None),
    ("--not-keyword", "keywords_none", "A word or phrase that must not be there.", None),
    ("--story", "stories", "Story id.", None),
    ("--source", "sources", "Outlet of any evidence.", None),
    ("--language", "languages", "Language of any evidence.", None),
    ("--novelty", "novelty", "Of statements.", click.Choice([one.value for one in Novelty])),
    ("--statement-kind", "statement_kinds", "Of statements.", click.Choice([one.value for one in StatementKind])),
    ("--ladder", "ladders", "Ladder of escalations.", None),
    ("--ladder-channel", "channels", "Rhetoric or action.", click.Choice([one.value for one in Channel])),
    ("--level", "levels", "Level that an escalation reached.", click.IntRange(0, 5)),
    ("--hearsay", "hearsay", "Role of a named person in hearsay.", click.Choice([one.value for one in HearsayRole])),
)
_KINDS: dict[str, Callable[[Any], Any]] = {
    "families": KINDS.__getitem__,
    "types": TYPES.__getitem__,
    "novelty": Novelty,
    "statement_kinds": StatementKind,
    "channels": Channel,
    "hearsay": HearsayRole,
}
CLEARABLE = {flag.removeprefix("--"): name for flag, name, _, _ in _CONDITIONS} | {
    "budget": "budget",
    "quiet": "quiet_hours",
    "expires": "expires_at",
    "max-age": "max_age_s",
    "label": "labels",
    "unresolved": "has_unresolved",
}
"""What `--clear` takes, and the field that it empties."""

_SPAN = re.compile(r"^(\d+)\s*(s|m|h|d)?$")
_UNIT = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def conditions(command: Any) -> Any:
    """The options of a filter and of how much noise is bearable."""
    more = (
        click.option("--severity", type=_SEVERITY, help="At least this."),
        click.option(
            "--unresolved", type=click.Choice(["in", "out"]), help="Statements whose speaker could not be named."
        ),
        click.option("--group-by", multiple=True, metavar="LABEL", help="What is sent together.  [story, family]"),
        click.option("--group-wait", metavar="TIME", help="Wait for company, such as 20s.  [20s]"),
        click.option("--group-interval", metavar="TIME", help="Rest of a group between two messages.  [2m]"),
        click.option("--budget", metavar="N/TIME", help="Most messages, such as 6/1h; the rest comes in a digest."),
        click.option("--budget-below", type=_SEVERITY, help="What the budget is for.  [bulletin]"),
        click.option("--quiet", metavar="HH:MM-HH:MM", help="Quiet hours; a digest comes at their end."),
        click.option("--timezone", metavar="ZONE", help="Of the quiet hours.  [UTC]"),
        click.option("--breaking", type=_SEVERITY, help="What ends the quiet.  [bulletin]"),
        click.option("--correction", type=click.Choice([one.value for one in CorrectionStyle])),
        click.option("--expires", metavar="TIME", help="End, such as 2026-12-31T23:59Z, or 30d from now."),
        click.option("--max-age", metavar="TIME", help="Drop what could not be delivered for so long, such as 1h."),
        click.option("--label", "labels", multiple=True, metavar="NAME=TEXT", help="Free; silences may match it."),
    )
    for option in reversed(more):
        command = option(command)
    for flag, name, text, kind in reversed(_CONDITIONS):
        command = click.option(flag, name, multiple=True, type=kind, help=text)(command)
    return command


def seconds(text: str, where: str) -> int:
    """A span of time such as 20s, 5m, 1h or 2d. Raises InputError."""
    found = _SPAN.match(text.strip())
    if found is None or len(found[1]) > 9:
        raise InputError(f'{where}: expected a time such as 20s, 5m or 1h, found "{text}"')
    return int(found[1]) * _UNIT[found[2] or "s"]


def moment(text: str, where: str, now: datetime) -> datetime:
    """A time, or a span from now on. Raises InputError."""
    if _SPAN.match(text.strip()):
        return now + timedelta(seconds=seconds(text, where))
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise InputError(
            f'{where}: expected a time such as 2026-12-31T23:59Z, or 2h from now, found "{text}"'
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=now.tzinfo)


def changed(value: Subscription, now: datetime, *, clear: tuple[str, ...] = (), **given: Any) -> Subscription:
    """The subscription with what was given on the command line; what was not stays. Raises InputError."""
    replace = msgspec.structs.replace
    for name in clear:
        field = CLEARABLE[name]
        owner: Any = Filter if field in Filter.__struct_fields__ else Subscription
        default = {one.name: one.default for one in msgspec.structs.fields(owner)}.get(field)
        if field == "labels":
            value = replace(value, labels={})
        elif owner is Filter:
            value = replace(value, filter=replace(value.filter, **{field: default}))
        else:
            value = replace(value, **{field: None})
    wanted: dict[str, Any] = {
        name: tuple(map(_KINDS.get(name, lambda one: one), given[name])) for _, name, _, _ in _CONDITIONS if given[name]
    }
    if given["severity"]:
        wanted["severity"] = Severity[given["severity"].upper()]
    if given["unresolved"]:
        wanted["has_unresolved"] = given["unresolved"] == "in"
    fields: dict[str, Any] = {"filter": replace(value.filter, **wanted)}
    if given["group_by"]:
        fields["group_by"] = given["group_by"]
    for option in ("group_wait", "group_interval"):
        if given[option] is not None:
            fields[f"{option}_s"] = seconds(given[option], f"--{option.replace('_', '-')}")
    if given["correction"]:
        fields["correction"] = CorrectionStyle(given["correction"])
    if given["expires"]:
        fields["expires_at"] = moment(given["expires"], "--expires", now)
    if given["max_age"] is not None:
        fields["max_age_s"] = seconds(given["max_age"], "--max-age")
    if given["labels"]:
        fields["labels"] = dict(_label(one) for one in given["labels"])
    fields["budget"] = _budget(value.budget, given["budget"], given["budget_below"])
    fields["quiet_hours"] = _quiet(value.quiet_hours, given["quiet"], given["timezone"], given["breaking"])
    return replace(value, **fields)


def _label(text: str) -> tuple[str, str]:
    name, is_there, value = text.partition("=")
    if not is_there:
        raise InputError(f'--label: expected NAME=TEXT, found "{text}"')
    return name, value


def _budget(known: Budget | None, text: str | None, below: str | None) -> Budget | None:
    if text is not None:
        limit, _, per = text.partition("/")
        if not limit.isdecimal() or len(limit) > 9:
            raise InputError(f'--budget: expected messages in a time, such as 6/1h, found "{text}"')
        known = msgspec.structs.replace(
            known or Budget(), limit=int(limit), per_s=seconds(per, "--budget") if per else Budget().per_s
        )
    if below is not None:
        known = msgspec.structs.replace(known or Budget(), below=Severity[below.upper()])
    return known


def _quiet(known: QuietHours | None, text: str | None, zone: str | None, breaking: str | None) -> QuietHours | None:
    if text is not None:
        start, is_range, end = text.partition("-")
        if not is_range:
            raise InputError(f'--quiet: expected HH:MM-HH:MM, such as 22:00-07:00, found "{text}"')
        known = QuietHours(
            start=start.strip(),
            end=end.strip(),
            timezone=known.timezone if known is not None else "UTC",
            breaking=known.breaking if known is not None else Severity.BULLETIN,
        )
    given: dict[str, Any] = {} if zone is None else {"timezone": zone}
    if breaking is not None:
        given["breaking"] = Severity[breaking.upper()]
    if given and known is None:
        raise InputError("--quiet: expected HH:MM-HH:MM beside --timezone and --breaking, found nothing")
    return known if known is None else msgspec.structs.replace(known, **given)
