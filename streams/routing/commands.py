"""`tocsin subscribe` and `tocsin subscriptions`: they parse, then call."""

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from schemas.errors import InputError
from schemas.subscription import Subscription, subscription
from streams.routing import inquiries, silencing
from streams.routing.options import CLEARABLE, changed, conditions

Options = Callable[[Any], Any]
replace = msgspec.structs.replace
as_json_option = click.option("--json", "as_json", is_flag=True, help="For programs.")
dry_run_option = click.option("--dry-run", is_flag=True, help="Only say what would be written.")
one_argument = click.argument("wanted", metavar="SUBSCRIPTION")


def register(cli: click.Group, with_settings: Options) -> None:
    """Add the commands; `with_settings` gives each the options --broker and --config and the argument `settings`."""
    where = (
        click.option("--owner", required=True, help="Who answers for it."),
        click.option("--channel", required=True, help="Kind of delivery: slack, webhook."),
        click.option("--target", required=True, help="Id of the channel or endpoint; never a secret."),
    )
    making: Any = dry_run_option(as_json_option(subscribe))
    for option in reversed(where):
        making = option(making)
    cli.command("subscribe")(click.argument("name")(with_settings(conditions(making))))
    group = cli.group("subscriptions", invoke_without_command=True)(
        click.pass_context(with_settings(as_json_option(subscriptions)))
    )
    group.command("list")(with_settings(as_json_option(list_all)))
    group.command("show")(with_settings(one_argument(as_json_option(show))))
    clear = click.option("--clear", multiple=True, type=click.Choice(sorted(CLEARABLE)), help="Ask this no more.")
    target = click.option("--target", help="Id of the channel or endpoint.")
    channel = click.option("--channel", help="Kind of delivery.")
    group.command("edit")(
        one_argument(with_settings(channel(target(conditions(clear(dry_run_option(as_json_option(edit))))))))
    )
    group.command("pause")(with_settings(one_argument(as_json_option(pause))))
    group.command("resume")(with_settings(one_argument(as_json_option(resume))))
    group.command("remove")(with_settings(one_argument(as_json_option(remove))))
    group.command("import")(with_settings(click.argument("file")(dry_run_option(as_json_option(import_file)))))
    group.command("export")(with_settings(as_json_option(export)))
    inquiries.register(cli, group, with_settings)
    silencing.register(cli, with_settings)


def _run(main: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(main)


def subscribe(settings: Any, name: str, as_json: bool, dry_run: bool, **given: Any) -> None:
    """Ask for alerts: NAME them, say whom they are for, which, and how much noise is bearable.

    What is asked for is tried on the stored alerts of the last 30 days. A condition given several times takes any of
    its values; different conditions must all hold.
    """
    from streams.routing import stored
    from streams.routing.forms import checked

    now = datetime.now(UTC)
    made = subscription(owner=given.pop("owner"), name=name, channel=given.pop("channel"), target=given.pop("target"))
    made = checked(changed(made, now, **given), registries=settings.registries)

    async def save() -> None:
        async with inquiries.existing(settings, writes=not dry_run) as event_log:
            known = (await stored.asked(event_log)).subscriptions if event_log is not None else {}
            if made.id in known:
                raise InputError(
                    f'subscription: expected a new name of "{made.owner}", found "{name}", which is there; '
                    "see `tocsin subscriptions edit`"
                )
            await _save(event_log, made, now, as_json=as_json, dry_run=dry_run)

    _run(save())


async def _save(event_log: Any, made: Subscription, now: datetime, *, as_json: bool, dry_run: bool) -> None:
    """Try it, write it unless it is a dry run, and say what it is."""
    from streams.delivery.endpoints import target_warning
    from streams.routing import stored
    from streams.routing.forms import form, to_toml
    from streams.routing.trial import trial

    tried = await trial(event_log, made, now)
    if (warning := await target_warning(event_log, made.target, made.channel)) is not None:
        tried.warnings.append(warning)
    if not dry_run:
        await stored.put(event_log, made)
    if as_json:
        told = {"id": made.id, "version": made.version, "subscription": form(made), "trial": tried.as_dict()}
        click.echo(json.dumps(told | {"is_saved": not dry_run}, ensure_ascii=False))
        return
    for warning in tried.warnings:
        click.echo(f"tocsin: warning: {warning}", err=True)
    if dry_run:
        click.echo(to_toml([made]), nl=False)
    click.echo(
        f"tocsin: {made.owner}/{made.name} {'would be saved' if dry_run else 'saved'} as {made.id}, version "
        f"{made.version}; {tried.last_day} alerts of the last 24 hours fit, {tried.matched} of {tried.stored} of the "
        "last 30 days",
        err=True,
    )
    for headline in tried.samples:
        click.echo(f"  {inquiries.plain(headline)}", err=True)


def subscriptions(context: click.Context, settings: Any, as_json: bool) -> None:
    """Who is told what: list (default), show, edit, pause, resume, remove, import, export, why-not."""
    if context.invoked_subcommand is None:
        list_all(settings, as_json=as_json)


def list_all(settings: Any, as_json: bool) -> None:
    """List all subscriptions."""
    from streams.routing.forms import form

    asked = _run(inquiries.asked(settings))
    known = sorted(asked.subscriptions.values(), key=lambda one: (one.owner, one.name))
    if as_json:
        for one in known:
            click.echo(json.dumps({"id": one.id, "version": one.version} | form(one), ensure_ascii=False))
    else:
        now = datetime.now(UTC)
        rows = [
            (f"{one.owner}/{one.name}", f"{one.channel} {one.target}", _state(one, now), _asks(one), one.id)
            for one in known
        ]
        inquiries.table(("subscription", "to", "state", "asks for", "id"), rows)
    _tell(asked.faults)


def _state(one: Subscription, now: datetime) -> str:
    if one.is_paused:
        return "paused"
    return "expired" if one.expires_at is not None and one.expires_at <= now else "live"


def _asks(one: Subscription) -> str:
    from streams.routing.forms import form

    asked = form(one).get("filter", {})
    words = (f"{name}={','.join(map(str, one)) if isinstance(one, list) else one}" for name, one in asked.items())
    return " ".join(words) or "everything"


def _tell(faults: list[str]) -> None:
    for fault in faults:
        click.echo(f"tocsin: warning: {inquiries.plain(fault)}", err=True)


def show(settings: Any, wanted: str, as_json: bool) -> None:
    """Print one subscription as `import` takes it."""
    from streams.routing.forms import form, to_toml

    one = _run(inquiries.asked(settings)).find(wanted)
    if as_json:
        click.echo(json.dumps({"id": one.id, "version": one.version} | form(one), ensure_ascii=False))
    else:
        click.echo(f"# {one.id}, version {one.version}\n{to_toml([one])}", nl=False)


def edit(settings: Any, wanted: str, as_json: bool, dry_run: bool, **given: Any) -> None:
    """Change a subscription: a condition that is given replaces what it asked before."""
    from streams.routing.forms import checked

    now = datetime.now(UTC)
    where = {name: text for name in ("channel", "target") if (text := given.pop(name)) is not None}

    async def save() -> None:
        from streams.routing import stored

        async with inquiries.existing(settings, writes=not dry_run) as event_log:
            before = (await stored.asked(event_log) if event_log is not None else stored.Asked()).find(wanted)
            made = replace(changed(before, now, **given), version=before.version + 1, **where)
            await _save(event_log, checked(made, registries=settings.registries), now, as_json=as_json, dry_run=dry_run)

    _run(save())


def pause(settings: Any, wanted: str, as_json: bool) -> None:
    """Send nothing new; corrections of what was sent still go out."""
    _rewrite(settings, wanted, is_paused=True, as_json=as_json)


def resume(settings: Any, wanted: str, as_json: bool) -> None:
    """End a pause; what came meanwhile is not sent."""
    _rewrite(settings, wanted, is_paused=False, as_json=as_json)


def _rewrite(settings: Any, wanted: str, *, is_paused: bool, as_json: bool) -> None:
    from streams.routing import stored

    async def save() -> Subscription:
        async with stored.opened(settings, writes=True) as event_log:
            before = (await stored.asked(event_log)).find(wanted)
            made = replace(before, version=before.version + 1, is_paused=is_paused)
            if before.is_paused is is_paused:
                return before
            await stored.put(event_log, made)
            return made

    _done(_run(save()), "paused" if is_paused else "resumed", as_json=as_json)


def _done(one: Subscription, what: str, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"id": one.id, "version": one.version, "done": what}))
    else:
        click.echo(f"tocsin: {one.owner}/{one.name} {what}", err=True)


def remove(settings: Any, wanted: str, as_json: bool) -> None:
    """Remove a subscription; what waits for it is not sent."""
    from streams.routing import stored

    async def take_out() -> Subscription:
        async with stored.opened(settings, writes=True) as event_log:
            found = (await stored.asked(event_log)).find(wanted)
            await stored.remove(event_log, found)
            return found

    _done(_run(take_out()), "removed", as_json=as_json)


def import_file(settings: Any, file: str, as_json: bool, dry_run: bool) -> None:
    """Make what FILE says so: TOML or JSON as `export` prints it, - for TOML from standard input.

    What is there under the same owner and name is replaced; what FILE does not name stays. Nothing is written when
    anything in FILE is wrong.
    """
    from streams.routing import stored
    from streams.routing.forms import read_forms

    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: {getattr(error, 'strerror', None) or 'expected UTF-8'}") from None
    wanted = read_forms(file, text, registries=settings.registries)

    async def save() -> dict[str, list[str]]:
        done: dict[str, list[str]] = {"new": [], "changed": [], "unchanged": []}
        async with inquiries.existing(settings, writes=not dry_run) as event_log:
            known = (await stored.asked(event_log)).subscriptions if event_log is not None else {}
            fresh = []
            for one in wanted:
                before = known.get(one.id)
                made = one if before is None else replace(one, version=before.version + 1)
                is_same = before is not None and replace(made, version=before.version) == before
                what = "unchanged" if is_same else "new" if before is None else "changed"
                done[what].append(f"{one.owner}/{one.name}")
                if not is_same:
                    fresh.append(made)
            if not dry_run and fresh:
                await stored.put(event_log, *fresh)
        return done

    done = _run(save())
    if as_json:
        click.echo(json.dumps(done, ensure_ascii=False))
    else:
        words = ", ".join(f"{len(names)} {what}" for what, names in done.items())
        click.echo(f"tocsin: {file}: {words}{' (nothing written)' if dry_run else ''}", err=True)


def export(settings: Any, as_json: bool) -> None:
    """Print all subscriptions as `import` takes them: TOML, or JSON with --json."""
    from streams.routing.forms import to_json, to_toml

    asked = _run(inquiries.asked(settings))
    known = sorted(asked.subscriptions.values(), key=lambda one: (one.owner, one.name))
    click.echo(to_json(known) if as_json else to_toml(known), nl=as_json)
    _tell(asked.faults)
