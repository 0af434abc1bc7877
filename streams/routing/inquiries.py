"""What was sent, what was not and why: `tocsin notifications`, `why`, `why-not`, `route explain`, `drill`."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from schemas.errors import InputError

as_json_option = click.option("--json", "as_json", is_flag=True, help="For programs.")


def register(cli: click.Group, subscriptions: click.Group, with_settings: Callable[[Any], Any]) -> None:
    """Add the commands."""
    options = (
        click.option("--follow", "-f", is_flag=True, help="Go on with new ones as they come."),
        click.option("--subscription", "wanted", help="Only to this one: id, NAME or OWNER/NAME."),
        click.option("--since", metavar="TIME", help="Only since then; a time, or an age such as 2h."),
    )
    telling: Any = as_json_option(notifications)
    for option in reversed(options):
        telling = option(telling)
    cli.command("notifications")(with_settings(telling))
    alert = click.option("--alert", required=True, help="Id of an alert or message; its beginning is enough.")
    subscriptions.command("why-not")(
        click.argument("wanted", metavar="SUBSCRIPTION")(with_settings(alert(as_json_option(why_not))))
    )
    route = click.Group("route", help="Try an alert on the subscriptions.")
    cli.add_command(route)
    route.command("explain")(click.argument("file")(with_settings(as_json_option(explain))))
    trying: Any = as_json_option(drill)
    for option in reversed(
        (
            click.option("--text", default="This is a drill.", show_default=True, help="Words of the alert."),
            click.option("--speaker", default="Drill", show_default=True, help="Who says them."),
            click.option("--severity", default="bulletin", show_default=True, help="BULLETIN waits for nothing."),
            click.option("--timeout", "patience_s", type=click.FloatRange(0.1, 3600), default=30.0, show_default=True),
        )
    ):
        trying = option(trying)
    cli.command("drill")(with_settings(trying))


def register_why(alerts: click.Group, with_settings: Callable[[Any], Any]) -> None:
    """Add `tocsin alerts why`."""
    wanted = click.option("--subscription", "wanted", help="Only for this one: id, NAME or OWNER/NAME.")
    alerts.command("why")(click.argument("alert", metavar="ALERT")(with_settings(wanted(as_json_option(why)))))


@asynccontextmanager
async def existing(settings: Any, *, writes: bool = False) -> AsyncIterator[Any]:
    """The log; None for an embedded one that does not exist yet and shall not be made."""
    from streams.log.address import parse_address
    from streams.log.storage import FILE
    from streams.routing.stored import opened

    if settings.is_embedded and not writes and not (parse_address(settings.broker).directory / FILE).exists():
        yield None
        return
    async with opened(settings, writes=writes) as event_log:
        yield event_log


async def asked(settings: Any) -> Any:
    """Every subscription and silence; none where there is no log yet."""
    from streams.routing import stored

    async with existing(settings) as event_log:
        return stored.Asked() if event_log is None else await stored.asked(event_log)


def plain(text: str) -> str:
    """Foreign text in one line, without control characters for the terminal."""
    return "".join(char if char.isprintable() else " " for char in text)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows: a table on a terminal, else one line each with tabs between, so that cut and grep work."""
    if not sys.stdout.isatty():
        for row in rows:
            click.echo("\t".join(map(plain, row)))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    found = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        found.add_row(*(Text(plain(cell)) for cell in row))
    Console(highlight=False).print(found)


def notifications(settings: Any, follow: bool, wanted: str | None, since: str | None, as_json: bool) -> None:
    """Print what subscriptions were told, each notification once."""
    from schemas.codec import encode
    from streams.alerts import parse_since
    from streams.routing import stored

    earliest = None if since is None else parse_since(since, datetime.now(UTC)).timestamp()

    async def show() -> None:
        async with existing(settings) as event_log:
            if event_log is None:
                return
            known = await stored.asked(event_log)
            only = None if wanted is None else known.find(wanted).id
            found = stored.notifications_followed(event_log) if follow else stored.notifications(event_log)
            async for record, one in found:
                if only not in (None, one.subscription) or (earliest is not None and record.timestamp < earliest):
                    continue
                if as_json:
                    sys.stdout.buffer.write(encode(one) + b"\n")
                    sys.stdout.buffer.flush()
                else:
                    subscription = known.subscriptions.get(one.subscription)
                    _show(one, one.subscription if subscription is None else f"{one.owner}/{subscription.name}")

    asyncio.run(show())


def _show(one: Any, name: str) -> None:
    word = {"message": one.msgtype.value, "correction": f"correction, {one.msgtype.value}"}.get(
        one.kind.value, "digest"
    )
    click.echo(f"{one.at:%Y-%m-%d %H:%M:%S}  {one.severity.name:<9} {name} → {one.channel} {one.target}  {word}")
    click.echo(f"  {plain(one.headline)}")
    for item in one.items if len(one.items) > 1 else ():
        click.echo(f"    {item.message_id}  {plain(item.headline)}")
    if one.hidden:
        click.echo(f"    {one.hidden} messages were hidden by silences that are over")


def why(settings: Any, alert: str, wanted: str | None, as_json: bool) -> None:
    """Say for each subscription what became of an alert: one closed reason a message, and what led to it."""
    asyncio.run(_answer(settings, alert, wanted, as_json=as_json))


def why_not(settings: Any, wanted: str, alert: str, as_json: bool) -> None:
    """Say why a subscription was not told of an alert, or that it was."""
    asyncio.run(_answer(settings, alert, wanted, as_json=as_json))


async def _answer(settings: Any, alert: str, wanted: str | None, *, as_json: bool) -> None:
    from schemas.codec import encode
    from streams.routing import stored
    from streams.routing.why import answers

    async with stored.opened(settings) as event_log:
        known = await stored.asked(event_log)
        to = sorted(known.subscriptions.values(), key=lambda one: (one.owner, one.name))
        if wanted is not None:
            to = [known.find(wanted)]
        for one in await answers(event_log, settings, known, alert, to):
            if as_json:
                sys.stdout.buffer.write(encode(one) + b"\n")
            else:
                _tell(one)


def _tell(one: Any) -> None:
    end = "on its way" if one.reason is None else one.reason.value
    click.echo(f"{one.owner}/{one.name}  {one.message_id}  {end}: {plain(one.detail)}")
    click.echo(f"  {plain(one.headline)}")
    if one.notification is not None:
        click.echo(f"  in      {one.notification}")
    for attempt in one.attempts:
        ends = [text.value for text in (attempt.reason, attempt.cause) if text is not None]
        again = "" if attempt.next_at is None else f", again {attempt.next_at:%Y-%m-%d %H:%M:%S}"
        click.echo(
            f"  to      {attempt.endpoint}: {attempt.outcome.value} at {attempt.at:%Y-%m-%d %H:%M:%S}, attempt "
            f"{attempt.number} ({', '.join(ends)}){again}"
        )
    for hit in one.hits:
        place = (
            "" if hit.where is None else f"  {hit.where} [{hit.span.start}, {hit.span.end})" if hit.span else hit.where
        )
        click.echo(f"  matched {hit.condition}={plain(hit.value)}{place}")
    for rule in one.rules:
        spans = " ".join(f"[{span.start}, {span.end})" for span in rule.spans)
        click.echo(f"  rule    {rule.rule} v{rule.version}, evidence[{rule.evidence}] {spans}")
    if one.before or one.after:
        click.echo(f"  state   {plain(one.before or '-')} → {plain(one.after or '-')}")


def explain(settings: Any, file: str, as_json: bool) -> None:
    """Say to whom the alerts of FILE would go now, one CloudEvents JSON object a line; nothing is sent or stored."""
    from agents.routing.telling import message_state
    from agents.routing.view import View
    from schemas.alert import Alert
    from schemas.codec import decode, encode
    from schemas.errors import DecodeError

    try:
        raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise InputError(f"{file}: {error.strerror or error}") from None
    known = asyncio.run(asked(settings))
    book, now = known.book(), datetime.now(UTC)
    try:
        alerts = [decode(Alert, raw)]
    except DecodeError:
        alerts = []
        for number, line in enumerate(raw.splitlines(), 1):
            try:
                alerts += [decode(Alert, line)] if line.strip() else []
            except DecodeError as error:
                raise InputError(f"{file}:{number}: expected an alert, found {error}") from None
    for alert in alerts:
        labels = View(alert).labels
        if not as_json:
            click.echo(f"{alert.id}  {plain(alert.data.headline)}")
        for one in sorted(known.subscriptions.values(), key=lambda one: (one.owner, one.name)):
            verdict = book.why(one.id, alert, now)
            silence = book.silencing(one, labels, message_state(alert.data), now) if verdict.is_match else None
            reason = None if verdict.reason is None else verdict.reason.value
            told = {
                "message_id": alert.id,
                "subscription": one.id,
                "name": f"{one.owner}/{one.name}",
                "is_match": verdict.is_match,
                "reason": "silenced" if silence is not None else reason,
                "detail": silence.id if silence is not None else verdict.condition,
                "hits": json.loads(encode_all(verdict.hits, encode)),
            }
            if as_json:
                click.echo(json.dumps(told, ensure_ascii=False))
                continue
            end = "goes out" if told["reason"] is None else f"{told['reason']}: {told['detail']}"
            hits = ", ".join(f"{hit.condition}={plain(hit.value)}" for hit in verdict.hits)
            click.echo(f"  {told['name']}  {end}{f'  ({hits})' if hits else ''}")


def encode_all(values: Iterable[Any], encode: Callable[[Any], bytes]) -> bytes:
    """A JSON array."""
    return b"[" + b",".join(map(encode, values)) + b"]"


def drill(settings: Any, patience_s: float, as_json: bool, **words: str) -> None:
    """Send an alert marked [DRILL] through the running pipeline, and wait until its readers are told.

    Exit code 1 when somebody who should be told is not told in time, or when nobody would be.
    """
    from streams.routing.drill import run

    results = asyncio.run(run(settings, patience_s=patience_s, **words))
    for one in results:
        if as_json:
            click.echo(json.dumps(one.as_dict(), ensure_ascii=False))
        else:
            seen = "not seen" if one.latency_s is None else f"after {one.latency_s * 1000:.0f} ms"
            click.echo(f"{one.name} → {one.to}  {seen}")
    if not results:
        click.echo("tocsin: no subscription fits the drill; see --text, --speaker and --severity", err=True)
    late = [one for one in results if one.latency_s is None]
    if late:
        click.echo(
            f"tocsin: {len(late)} not told within {patience_s:g} s; is a worker running? see `tocsin doctor`", err=True
        )
    sys.exit(1 if late or not results else 0)
