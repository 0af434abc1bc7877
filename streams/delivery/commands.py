"""`tocsin endpoints`: where channels deliver to. They parse, then call.

No secret is an argument: arguments stand in lists of processes and in the histories of shells.
"""

import asyncio
import getpass
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import click
import msgspec

from schemas.delivery import Action, Credentials, Endpoint, Order
from schemas.errors import InputError
from streams.routing import inquiries
from streams.routing.options import seconds

Options = Callable[[Any], Any]
replace = msgspec.structs.replace
as_json_option = click.option("--json", "as_json", is_flag=True, help="For programs.")
dry_run_option = click.option("--dry-run", is_flag=True, help="Only say what would be written.")
one_argument = click.argument("wanted", metavar="ENDPOINT")
_WHAT = {
    "url": "Address of a webhook, of a Slack incoming webhook, of Apprise",
    "token": "Token of a Slack bot",
    "secret": "Signing secret of a webhook",
    "password": "Password of a mail server",
}


def register(cli: click.Group, with_settings: Options) -> None:
    """Add the commands; `with_settings` gives each the options --broker and --config and the argument `settings`."""
    group = cli.group("endpoints", invoke_without_command=True)(
        click.pass_context(with_settings(as_json_option(endpoints)))
    )
    owner = click.option("--owner", required=True, help="Who answers for it.")
    channel = click.option("--channel", required=True, help="webhook, slack, mail, apprise, file or stdout.")
    adding = owner(channel(_details("url", "token", "secret", "password")(dry_run_option(as_json_option(add)))))
    group.command("add")(click.argument("name")(with_settings(adding)))
    owner = click.option("--owner", help="Who answers for it.")
    channel = click.option("--channel", help="Another channel; its credentials and settings must be given anew.")
    editing = owner(channel(_details("url", "token", "secret", "password")(dry_run_option(as_json_option(edit)))))
    group.command("edit")(one_argument(with_settings(editing)))
    group.command("list")(with_settings(as_json_option(list_all)))
    group.command("show")(one_argument(with_settings(as_json_option(show))))
    overlap = click.option("--overlap", default="24h", show_default=True, metavar="TIME", help="Both sign so long.")
    group.command("rotate")(one_argument(with_settings(overlap(_secrets("secret")(as_json_option(rotate))))))
    group.command("reseal")(with_settings(as_json_option(reseal)))
    by = click.option("--by", metavar="WHO", help="Who says so.  [the user of this machine]")
    group.command("enable")(one_argument(with_settings(by(as_json_option(enable)))))
    group.command("disable")(one_argument(with_settings(by(as_json_option(disable)))))
    force = click.option("--force", is_flag=True, help="Although a subscription or another endpoint names it.")
    group.command("remove")(one_argument(with_settings(force(as_json_option(remove)))))
    group.command("export")(with_settings(export))
    group.command("new-key")(new_key)


def _details(*names: str) -> Options:
    """The options of an endpoint."""

    def add_options(command: Any) -> Any:
        command = click.option(
            "--fallback", metavar="ENDPOINT", help="Told when this one is disabled; empty for none."
        )(command)
        command = click.option(
            "--set", "sets", multiple=True, metavar="KEY=VALUE", help="Setting, no secret; empty for none."
        )(command)
        command = click.option("--username", help="Of a mail server.")(command)
        command = _secrets(*names)(command)
        return click.option("--url", help="Address of a webhook, where it is no secret.")(command)

    return add_options


def _secrets(*names: str) -> Options:
    def add_options(command: Any) -> Any:
        for name in reversed(names):
            command = click.option(f"--{name}-env", metavar="NAME", help="The same in a variable.")(command)
            what = f"{_WHAT[name]}, in a file; - for standard input."
            command = click.option(f"--{name}-file", metavar="FILE", help=what)(command)
        return command

    return add_options


def _run(main: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(main)


def endpoints(context: click.Context, settings: Any, as_json: bool) -> None:
    """Where channels deliver to: list (default), show, add, edit, rotate, enable, disable, remove, export."""
    if context.invoked_subcommand is None:
        list_all(settings, as_json=as_json)


def add(settings: Any, name: str, dry_run: bool, as_json: bool, **given: Any) -> None:
    """Make the endpoint NAME, which subscriptions can have as their target.

    Secrets come from a file, from standard input or from a variable. A webhook without a signing secret gets a new one,
    which is printed once.
    """
    from streams.delivery import forms
    from streams.delivery.endpoints import put

    made = forms.make(Endpoint(id=name, channel=given["channel"], owner=given["owner"]), Credentials(), given)

    async def save() -> None:
        async with _known(settings, writes=not dry_run) as (event_log, known):
            if name in known.endpoints:
                raise InputError(f'endpoint: expected a new id, found "{name}", which is there; see `endpoints edit`')
            _check_fallback(made.endpoint, known)
            if not dry_run:
                await put(event_log, _sealed(made.endpoint, made.credentials, settings))

    _run(save())
    _done(made.endpoint, "saved", secret=made.secret, is_saved=not dry_run, as_json=as_json)


def _check_fallback(made: Endpoint, known: Any) -> None:
    if made.fallback is not None and made.fallback not in known.endpoints:
        raise InputError(f'fallback: expected the id of an endpoint, found "{made.fallback}", which is unknown')


def _sealed(made: Endpoint, found: Credentials, settings: Any) -> Endpoint:
    """What has no secrets needs no key."""
    from streams.delivery.sealing import load_sealer

    return replace(made, sealed="" if found == Credentials() else load_sealer(settings).seal(found))


@asynccontextmanager
async def _known(settings: Any, *, writes: bool = False) -> AsyncIterator[Any]:
    """The log, or None where there is none yet, and every endpoint."""
    from streams.delivery.endpoints import Known, known

    async with inquiries.existing(settings, writes=writes) as event_log:
        yield event_log, Known() if event_log is None else await known(event_log)


def _done(made: Endpoint, what: str, *, as_json: bool, secret: str | None = None, is_saved: bool = True) -> None:
    """Say what was done; a new signing secret goes to standard output, once, and not before it is saved."""
    from streams.delivery.forms import form

    shown = secret if is_saved else None
    if as_json:
        told = {"done": what, "is_saved": is_saved} | ({} if shown is None else {"secret": shown})
        click.echo(json.dumps(form(made) | told, ensure_ascii=False))
        return
    where = f" ({made.channel} to {inquiries.plain(made.shown)})" if made.shown else ""
    click.echo(f"tocsin: {made.id}{where} {what if is_saved else f'would be {what}'}", err=True)
    if shown is not None:
        click.echo(shown)
        click.echo(
            "tocsin: give this signing secret to the receiver now; it is not shown again, see `endpoints rotate`",
            err=True,
        )


def edit(settings: Any, wanted: str, dry_run: bool, as_json: bool, **given: Any) -> None:
    """Change an endpoint: what is given replaces what was there; settings one by one.

    A signing secret that is given here replaces the old ones at once; `rotate` lets both sign for a while.
    """
    from streams.delivery import forms
    from streams.delivery.endpoints import put

    async def save() -> Any:
        async with _known(settings, writes=not dry_run) as (event_log, known):
            before = known.find(wanted)
            old = _opened(before, given, settings)
            made = forms.make(replace(before, version=before.version + 1), old, given)
            if made.endpoint.fallback != before.fallback:  # one that was removed since is no fault of this change
                _check_fallback(made.endpoint, known)
            if not dry_run:
                is_same = made.credentials == old  # sealed again, the same would look like another
                await put(event_log, made.endpoint if is_same else _sealed(made.endpoint, made.credentials, settings))
            return made

    made = _run(save())
    _done(made.endpoint, "saved", secret=made.secret, is_saved=not dry_run, as_json=as_json)


def _opened(before: Endpoint, given: dict[str, Any], settings: Any) -> Credentials:
    """Credentials as they are. Those that no key opens any more can be given anew."""
    from streams.delivery import forms, sealing

    try:
        return sealing.load_sealer(settings).open(before.sealed) if before.sealed else Credentials()
    except sealing.SealError:
        if forms.names_credentials(given):
            return Credentials()
        raise


def list_all(settings: Any, as_json: bool) -> None:
    """List all endpoints, and how they do."""
    from streams.delivery import standing
    from streams.delivery.forms import form

    known, heads = _run(_look(settings))
    listed = sorted(known.endpoints.values(), key=lambda one: one.id)
    if as_json:
        for one in listed:
            click.echo(json.dumps(form(one) | standing.form(heads.get(one.id)), ensure_ascii=False))
    else:
        rows = [
            (one.id, one.channel, one.shown, one.owner, standing.words(heads.get(one.id)), f"v{one.version}")
            for one in listed
        ]
        inquiries.table(("endpoint", "channel", "to", "owner", "state", "version"), rows)
    for fault in known.faults:
        click.echo(f"tocsin: warning: {inquiries.plain(fault)}", err=True)


async def _look(settings: Any) -> Any:
    from streams.delivery import standing

    async with _known(settings) as (event_log, known):
        return known, {} if event_log is None else await standing.heads(event_log, settings)


def show(settings: Any, wanted: str, as_json: bool) -> None:
    """Print one endpoint, without its secrets."""
    from streams.delivery import standing
    from streams.delivery.forms import form

    known, heads = _run(_look(settings))
    one = known.find(wanted)
    told = form(one) | standing.form(heads.get(one.id))
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    for name, value in told.items():
        if isinstance(value, dict):
            for key, text in value.items():
                click.echo(f"{name:<16} {inquiries.plain(f'{key}={text}')}")
        elif value is not None:
            click.echo(f"{name:<16} {inquiries.plain(str(value))}")


def rotate(settings: Any, wanted: str, overlap: str, as_json: bool, **hidden: str | None) -> None:
    """Give a webhook a new signing secret; the old one signs beside it until --overlap is over.

    Without --secret-file a new secret is made and printed once.
    """
    from agents.delivery.channels.catalogue import CHANNELS
    from streams.delivery import forms, sealing
    from streams.delivery.endpoints import put

    given = forms.read_secrets(hidden).get("secret")
    secret = given if given is not None else forms.new_secret()
    for_s = timedelta(seconds=seconds(overlap, "--overlap"))

    async def save() -> Endpoint:
        async with _known(settings, writes=True) as (event_log, known):
            before = known.find(wanted)
            if before.channel != "webhook":
                raise InputError(f"{before.id}: expected a webhook, found {before.channel}; see `endpoints edit`")
            sealer = sealing.load_sealer(settings)
            now = datetime.now(UTC)
            found = forms.rotated(sealer.open(before.sealed), secret, now=now, overlap=for_s)
            made = forms.checked(replace(before, version=before.version + 1), found, CHANNELS[before.channel])
            made = replace(made, sealed=sealer.seal(found))
            await put(event_log, made)
            return made

    _done(_run(save()), "rotated", secret=secret if given is None else None, as_json=as_json)


def reseal(settings: Any, as_json: bool) -> None:
    """Seal everything with the newest key, after which older keys can be thrown away.

    First put the new key before the old ones (a comma between, or on the first line of the file) and restart workers.
    """
    from streams.delivery import sealing
    from streams.delivery.endpoints import put

    async def save() -> tuple[list[str], list[str]]:
        async with _known(settings, writes=True) as (event_log, known):
            sealer = sealing.load_sealer(settings)
            fresh, failed = [], []
            for one in known.endpoints.values():
                if not one.sealed:
                    continue
                try:
                    fresh.append(replace(one, sealed=sealer.reseal(one.sealed), version=one.version + 1))
                except sealing.SealError as error:
                    failed.append(f"{one.id}: {error}")
            if fresh:
                await put(event_log, *fresh)
            return [one.id for one in fresh], failed

    done, failed = _run(save())
    if as_json:
        click.echo(json.dumps({"resealed": done, "failed": failed}))
    else:
        for line in failed:
            click.echo(f"tocsin: {line}", err=True)
        click.echo(f"tocsin: {len(done)} sealed again, {len(failed)} could not be opened", err=True)
    if failed:
        raise click.exceptions.Exit(1)


def enable(settings: Any, wanted: str, by: str | None, as_json: bool) -> None:
    """Take deliveries again; what was dropped meanwhile is for `tocsin deliveries recover`."""
    _order(settings, wanted, Action.ENABLE, by, as_json=as_json)


def disable(settings: Any, wanted: str, by: str | None, as_json: bool) -> None:
    """Take no deliveries any more; what waits is dropped."""
    _order(settings, wanted, Action.DISABLE, by, as_json=as_json)


def _order(settings: Any, wanted: str, action: Action, by: str | None, *, as_json: bool) -> None:
    from streams.delivery.records import to_deliveries

    async def give() -> Endpoint:
        async with _known(settings, writes=True) as (event_log, known):
            found: Endpoint = known.find(wanted)
            order = Order(endpoint=found.id, action=action, at=datetime.now(UTC), by=by or getpass.getuser())
            record = to_deliveries(order)
            await event_log.append(record.topic, record.key, record.value, record.headers)
            return found

    _done(_run(give()), f"{action.value}d", as_json=as_json)


def remove(settings: Any, wanted: str, force: bool, as_json: bool) -> None:
    """Remove an endpoint and its secrets; what waits for it fails, until somebody makes it again.

    Refused while a subscription names it, or another endpoint as its fallback.
    """
    from streams.delivery.endpoints import remove as take_out
    from streams.routing import stored

    async def save() -> tuple[Endpoint, list[str]]:
        async with _known(settings, writes=True) as (event_log, known):
            found = known.find(wanted)
            asked = await stored.asked(event_log)
            users = [f"{one.owner}/{one.name}" for one in asked.subscriptions.values() if one.target == found.id]
            users += [one.id for one in known.endpoints.values() if one.fallback == found.id]
            if users and not force:
                raise InputError(
                    f"{found.id}: expected an endpoint that nobody names, found it named by "
                    f"{inquiries.plain(', '.join(sorted(users)[:10]))}; see --force"
                )
            await take_out(event_log, found)
            return found, sorted(users)

    found, users = _run(save())
    if users:
        click.echo(f"tocsin: warning: {found.id} is still named by {inquiries.plain(', '.join(users[:10]))}", err=True)
    _done(found, "removed", as_json=as_json)


def export(settings: Any) -> None:
    """Print all endpoints as JSON, without secrets: those must be given again wherever they are made."""
    from streams.delivery.forms import form

    known, _ = _run(_look(settings))
    listed = [form(one) for _, one in sorted(known.endpoints.items())]
    click.echo(json.dumps({"endpoints": listed}, indent=2, ensure_ascii=False))


def new_key() -> None:
    """Print a new key to seal the secrets of endpoints with."""
    from streams.delivery.sealing import new_key as make

    click.echo(make().reveal())
    click.echo(
        "tocsin: put it into a file that only the workers can read and name it in delivery.key_file, or set "
        "TOCSIN_DELIVERY_KEY; without it no secret of an endpoint can be read again",
        err=True,
    )
