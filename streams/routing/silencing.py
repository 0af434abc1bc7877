"""`tocsin silences`: what is not to be sent for a time."""

import asyncio
import getpass
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import click
import msgspec

from schemas.errors import InputError, SettingsError
from schemas.subscription import Matcher, MessageState, Operator, Silence, silence
from schemas.validation import validate
from streams.routing import inquiries
from streams.routing.options import moment

_MATCHER = re.compile(r"^\s*([A-Za-z][A-Za-z0-9_.-]*)\s*(=~|!~|=\*|!\*|!=|<=|>=|=)(.*)$", re.S)


def register(cli: click.Group, with_settings: Callable[[Any], Any]) -> None:
    """Add the commands."""
    as_json = click.option("--json", "as_json", is_flag=True, help="For programs.")
    everything = click.option("--all", "everything", is_flag=True, help="Also those that have ended.")
    group = cli.group("silences", invoke_without_command=True)(
        click.pass_context(with_settings(everything(as_json(silences))))
    )
    options = (
        click.argument("matchers", nargs=-1, required=True, metavar="MATCHER..."),
        click.option("--reason", required=True, help="Why; shown beside what it hides."),
        click.option("--for", "lasts", metavar="TIME", help="How long, such as 2h."),
        click.option("--until", metavar="TIME", help="End, such as 2026-12-31T23:59Z."),
        click.option("--from", "begins", metavar="TIME", help="Beginning.  [now]"),
        click.option("--author", help="Who says so.  [the user of this machine]"),
        click.option(
            "--state",
            "states",
            multiple=True,
            type=click.Choice([one.value for one in MessageState]),
            help="What it stops.  [alert, update]",
        ),
    )
    adding: Any = as_json(add)
    for option in reversed(options):
        adding = option(adding)
    group.command("add")(with_settings(adding))
    group.command("list")(with_settings(everything(as_json(list_all))))
    group.command("end")(with_settings(click.argument("wanted", metavar="SILENCE")(as_json(end))))


def matcher(text: str) -> Matcher:
    """ "story=story-1" and the like. Raises InputError.

    >>> matcher("level<=3")
    Matcher(label='level', operator=<Operator.AT_MOST: '<='>, value='3')
    """
    found = _MATCHER.match(text)
    if found is None:
        known = " ".join(one.value for one in Operator)
        raise InputError(f'matcher: expected LABEL, one of {known}, and a value, found "{text}"')
    return Matcher(found[1], Operator(found[2]), found[3].strip())


def silences(context: click.Context, settings: Any, everything: bool, as_json: bool) -> None:
    """What is not to be sent for a time: list (default), add, end."""
    if context.invoked_subcommand is None:
        list_all(settings, everything=everything, as_json=as_json)


def add(  # noqa: PLR0917  the options of one command
    settings: Any,
    matchers: tuple[str, ...],
    reason: str,
    lasts: str | None,
    until: str | None,
    begins: str | None,
    author: str | None,
    states: tuple[str, ...],
    as_json: bool,
) -> None:
    """Send nothing that all MATCHERs match: story=ID, type=~keyword.*, level<=3, subscription=ID, owner=NAME.

    Corrections of what was sent go out all the same, unless --state correction names them; then they wait for the end.
    """
    from streams.routing import stored

    if (lasts is None) is (until is None):
        raise InputError("silences add: expected either --for or --until, found " + ("both" if lasts else "neither"))
    now = datetime.now(UTC)
    starts_at = now if begins is None else moment(begins, "--from", now)
    ends_at = moment(lasts, "--for", starts_at) if lasts is not None else moment(until or "", "--until", now)
    settings_of = {"states": tuple(map(MessageState, states))} if states else {}
    made = silence(
        matchers=tuple(map(matcher, matchers)),
        author=author or getpass.getuser(),
        reason=reason,
        starts_at=starts_at.replace(microsecond=0),
        ends_at=ends_at,
        **settings_of,
    )
    if faults := tuple(map(str, validate(made))):
        raise SettingsError(faults)

    async def save() -> None:
        async with stored.opened(settings, writes=True) as event_log:
            await stored.put(event_log, made)

    asyncio.run(save())
    if as_json:
        click.echo(msgspec.json.encode(made))
    else:
        click.echo(f"tocsin: {made.id} until {made.ends_at:%Y-%m-%d %H:%M} UTC", err=True)


def list_all(settings: Any, everything: bool, as_json: bool) -> None:
    """List silences that hide something now or will."""
    asked = asyncio.run(inquiries.asked(settings))
    now = datetime.now(UTC)
    known = sorted(asked.silences.values(), key=lambda one: (one.ends_at, one.id))
    known = [one for one in known if everything or one.ends_at > now]
    if as_json:
        for one in known:
            click.echo(msgspec.json.encode(one))
        return
    rows = [
        (
            " ".join(f"{m.label}{m.operator.value}{m.value}" for m in one.matchers),
            _state(one, now),
            f"{one.author}: {one.reason}",
            ", ".join(state.value for state in one.states),
            one.id,
        )
        for one in known
    ]
    inquiries.table(("matches", "state", "why", "stops", "id"), rows)


def _state(one: Silence, now: datetime) -> str:
    if one.ends_at <= now:
        return "ended"
    if one.starts_at > now:
        return f"from {one.starts_at.astimezone(UTC):%m-%d %H:%M}"
    return f"until {one.ends_at.astimezone(UTC):%m-%d %H:%M}"


def end(settings: Any, wanted: str, as_json: bool) -> None:
    """End a silence now; the beginning of its id is enough."""
    from streams.routing import stored

    async def take_out() -> Silence:
        async with stored.opened(settings, writes=True) as event_log:
            found = (await stored.asked(event_log)).find_silence(wanted)
            await stored.remove(event_log, found)
            return found

    ended = asyncio.run(take_out())
    if as_json:
        click.echo(json.dumps({"id": ended.id, "done": "ended"}))
    else:
        click.echo(f"tocsin: {ended.id} ended", err=True)
