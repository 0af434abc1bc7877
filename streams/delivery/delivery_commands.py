"""`tocsin deliveries` and `tocsin deliver`: they parse, then call."""

import asyncio
import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import click

from schemas.errors import InputError
from streams.routing import inquiries

Options = Callable[[Any], Any]
OUTCOMES = ("open", "delivered", "dead", "dropped")


def register(cli: click.Group, with_settings: Options) -> None:
    """Add the commands; `with_settings` gives each the options --broker and --config and the argument `settings`."""
    as_json = click.option("--json", "as_json", is_flag=True, help="For programs.")
    endpoint = click.option("--endpoint", metavar="ENDPOINT", help="Only to this one.")
    subscription = click.option("--subscription", metavar="SUBSCRIPTION", help="Only for this one.")
    outcome = click.option("--outcome", multiple=True, type=click.Choice(OUTCOMES), help="Only what stands so.")
    since = click.option("--since", metavar="TIME", help="A time, or an age such as 2h.")
    until = click.option("--until", metavar="TIME", help="Before this time.")
    listing: Any = as_json(list_deliveries)
    for option in (until, since, outcome, subscription, endpoint):
        listing = option(listing)
    group = cli.group("deliveries", invoke_without_command=True)(click.pass_context(with_settings(as_json(deliveries))))
    group.command("list")(with_settings(listing))
    group.command("show")(with_settings(click.argument("wanted", metavar="ID")(as_json(show))))
    group.command("retry")(
        with_settings(endpoint(click.argument("wanted", metavar="ID", required=False)(as_json(retry))))
    )
    recovering: Any = as_json(recover)
    for option in (
        click.option("--dry-run", is_flag=True, help="Only say what would be sent."),
        click.option("--all", "everything", is_flag=True, help="Also what arrived."),
        subscription,
        endpoint,
        until,
        click.option("--since", metavar="TIME", required=True, help="A time, or an age such as 2h."),
    ):
        recovering = option(recovering)
    group.command("recover")(with_settings(recovering))
    deliver = cli.group("deliver")(_deliver)
    patience = click.option(
        "--timeout", "patience_s", type=float, default=30.0, show_default=True, help="Seconds to wait for its end."
    )
    deliver.command("test")(with_settings(patience(click.argument("wanted", metavar="SUBSCRIPTION")(as_json(try_out)))))


def _deliver() -> None:
    """Try out a delivery."""


def deliveries(context: click.Context, settings: Any, as_json: bool) -> None:
    """What became of what was sent: list (default), show, retry, recover."""
    if context.invoked_subcommand is None:
        list_deliveries(settings, as_json=as_json)


def list_deliveries(
    settings: Any,
    *,
    as_json: bool,
    endpoint: str | None = None,
    subscription: str | None = None,
    outcome: tuple[str, ...] = (),
    since: str | None = None,
    until: str | None = None,
) -> None:
    """List deliveries, the latest last: where each stands, after how many attempts, and why."""

    async def look() -> None:
        from streams.delivery import reports

        async with inquiries.existing(settings, writes=False) as event_log:
            if event_log is None:
                return
            wanted = await _subscription(event_log, subscription)
            begin, end = _moment(since, "--since"), _moment(until, "--until")
            told = await reports.told(event_log, settings)
            rows = []
            for one in sorted(told.stories.values(), key=_at):
                fits = endpoint in (None, _endpoint(one)) and wanted in (None, one.subscription)
                fits = fits and (not outcome or one.outcome in outcome)
                if not fits or (begin and _at(one) < begin) or (end and _at(one) >= end):
                    continue
                if as_json:
                    click.echo(json.dumps(_told(one), ensure_ascii=False))
                else:
                    rows.append(_row(one))
            if not as_json:
                inquiries.table(("delivery", "to", "outcome", "tries", "when", "what"), rows)

    asyncio.run(look())


def _endpoint(one: Any) -> str:
    return str(one.row.delivery.endpoint if one.row is not None else one.last.endpoint)


def _at(one: Any) -> datetime:
    at: datetime = one.last.at if one.last is not None else one.row.since
    return at


def _headline(one: Any) -> str:
    if one.last is not None:
        return str(one.last.headline)
    return str(one.row.delivery.lead.headline)


def _row(one: Any) -> tuple[str, ...]:
    last = one.last
    why = ""
    if last is not None and one.outcome != "delivered":
        why = " ".join(part for part in (last.reason and last.reason.value, last.cause and last.cause.value) if part)
    outcome = f"{one.outcome} {why}".strip()
    tries = str(one.row.tries if one.row is not None else last.number)
    headline = inquiries.plain(_headline(one))
    return one.delivery[:16], _endpoint(one), outcome, tries, f"{_at(one):%m-%d %H:%M:%S}", headline[:60]


def _told(one: Any) -> dict[str, Any]:
    from schemas.codec import encode

    last = json.loads(encode(one.last)) if one.last is not None else {}
    return {
        "delivery": one.delivery,
        "subscription": one.subscription,
        "endpoint": _endpoint(one),
        "outcome": one.outcome,
        "round": one.round,
        "tries": one.row.tries if one.row is not None else last.get("number", 0),
        "headline": _headline(one),
        "last": last or None,
    }


def show(settings: Any, wanted: str, as_json: bool) -> None:
    """Every attempt of one delivery, of all its rounds. ID names a delivery or a message; its beginning is enough."""

    async def look() -> None:
        from schemas.codec import encode
        from streams.delivery import reports
        from streams.routing import stored

        async with stored.opened(settings) as event_log:
            known = (await stored.asked(event_log)).subscriptions
            for one in (await reports.told(event_log, settings)).find(wanted):
                if as_json:
                    tried = [json.loads(encode(attempt)) for attempt in one.attempts]
                    click.echo(json.dumps(_told(one) | {"attempts": tried}, ensure_ascii=False))
                    continue
                whose = known.get(one.subscription)
                name = f"{whose.owner}/{whose.name}" if whose is not None else one.subscription
                message = one.last.message_id if one.last is not None else one.row.delivery.message_id  # type: ignore[union-attr]
                click.echo(f"{one.delivery}  {one.outcome}")
                click.echo(f"  {inquiries.plain(_headline(one))}")
                click.echo(f"  message {message}, to {_endpoint(one)}, for {name}")
                for attempt in one.attempts:
                    again = f"round {attempt.round}  " if one.round > 1 else ""
                    click.echo(f"  {again}{inquiries.plain(reports.line(attempt))}")

    asyncio.run(look())


def retry(settings: Any, wanted: str | None, endpoint: str | None, as_json: bool) -> None:
    """Try an open delivery now, or everything that waits for an endpoint.

    What is dead or dropped is sent again by `recover`.
    """
    from schemas.delivery import Action, Order

    if (wanted is None) is (endpoint is None):
        raise InputError("deliveries retry: expected either ID or --endpoint")

    async def order() -> int:
        from streams.delivery import reports
        from streams.delivery.records import to_deliveries
        from streams.routing import stored

        async with stored.opened(settings, writes=True) as event_log:
            rows = (await reports.open_rows(event_log, settings)).values()
            if wanted is None:
                rows_of = [row for row in rows if row.delivery.endpoint == endpoint]
                orders = [Order(endpoint=str(endpoint), action=Action.RETRY, at=datetime.now(UTC), by="command")]
            else:
                ids = {one.delivery for one in (await reports.told(event_log, settings)).find(wanted)}
                rows_of = [row for row in rows if row.delivery.id in ids]
                if not rows_of:
                    raise InputError(f'delivery: expected an open one, found "{wanted}", which is over; see `recover`')
                orders = [
                    Order(
                        endpoint=row.delivery.endpoint,
                        action=Action.RETRY,
                        at=datetime.now(UTC),
                        delivery=row.delivery.id,
                        by="command",
                    )
                    for row in rows_of
                ]
            for one in map(to_deliveries, orders):
                await event_log.append(one.topic, one.key, one.value, one.headers)
            return len(rows_of)

    count = asyncio.run(order())
    if as_json:
        click.echo(json.dumps({"hurried": count}))
    else:
        click.echo(f"tocsin: {count} open {'delivery goes' if count == 1 else 'deliveries go'} now", err=True)


def recover(
    settings: Any,
    *,
    since: str,
    until: str | None,
    endpoint: str | None,
    subscription: str | None,
    everything: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Deliver again what is dead or was dropped, of what was told since a time; ids stay the same.

    A receiver that has seen a message knows it by its id. Alerts that were withdrawn meanwhile are sent as they were,
    and their withdrawals after them.
    """

    async def again() -> Any:
        from streams.delivery import reports
        from streams.routing import stored

        begin, end = _moment(since, "--since"), _moment(until, "--until")
        assert begin is not None
        if end is not None and end <= begin:
            raise InputError(f"--until: expected a time after {begin:%Y-%m-%d %H:%M:%S}, found {end:%Y-%m-%d %H:%M:%S}")
        async with stored.opened(settings, writes=not dry_run) as event_log:
            plan = await reports.plan(
                event_log,
                settings,
                since=begin,
                until=end,
                endpoint=endpoint,
                subscription=await _subscription(event_log, subscription),
                everything=everything,
            )
            if not as_json:
                for name, count in sorted(plan.by_endpoint().items()):
                    click.echo(f"{name}  {count}")
            if not dry_run:
                await reports.append(event_log, plan.deliveries)
            return plan

    plan = asyncio.run(again())
    count = len(plan.deliveries)
    if as_json:
        click.echo(json.dumps({"deliveries": count, "endpoints": plan.by_endpoint(), "is_sent": not dry_run}))
    else:
        done = "would go out again" if dry_run else "go out again"
        click.echo(f"tocsin: {count} {'delivery' if count == 1 else 'deliveries'} {done}", err=True)


async def _subscription(event_log: Any, wanted: str | None) -> str | None:
    from streams.routing import stored

    return None if wanted is None else (await stored.asked(event_log)).find(wanted).id


def _moment(text: str | None, where: str) -> datetime | None:
    from streams.alerts import parse_since

    return None if text is None else parse_since(text, datetime.now(UTC), where)


def try_out(settings: Any, wanted: str, patience_s: float, as_json: bool) -> None:
    """Send one message marked [TEST] for SUBSCRIPTION, past its filter, and wait until it has arrived or failed.

    Exit code 1 unless it arrived in time.
    """
    from streams.delivery.trial import trial

    began = time.monotonic()
    attempts = asyncio.run(trial(settings, wanted, patience_s=patience_s, tell=_teller(as_json)))
    took = time.monotonic() - began
    last = attempts[-1] if attempts else None
    is_good = last is not None and last.outcome.value == "delivered"
    if as_json:
        from schemas.codec import encode

        click.echo(json.dumps({"is_delivered": is_good, "attempts": [json.loads(encode(one)) for one in attempts]}))
    elif is_good:
        click.echo(f"tocsin: arrived after {took * 1000:.0f} ms", err=True)
    elif last is None:
        click.echo(f"tocsin: not tried within {patience_s:g} s; is a worker running? see `tocsin doctor`", err=True)
    else:
        click.echo(f"tocsin: not delivered within {patience_s:g} s", err=True)
    sys.exit(0 if is_good else 1)


def _teller(as_json: bool) -> Callable[[Any], None]:
    from streams.delivery.reports import line

    def tell(attempt: Any) -> None:
        if not as_json:
            click.echo(inquiries.plain(line(attempt)))

    return tell
