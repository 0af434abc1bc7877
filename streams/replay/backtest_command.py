"""`tocsin backtest`: it parses, then calls."""

import asyncio
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

EXIT_DIFFERENT = 1
_SHOWN = 8


def register(cli: click.Group, with_settings: Callable[[Any], Any], bounds: tuple[Any, ...]) -> None:
    """Add the command.

    bounds  the options --from, --to and so on that it shares with `replay`
    """
    own = (
        click.argument("draft", metavar="DRAFT.toml"),
        click.option(
            "--baseline",
            metavar="FILE",
            help='Compare with these rules or settings; "current" is those at hand.  [what was sent]',
        ),
        click.option("--html", metavar="FILE", type=click.Path(path_type=Path), help="Write the report as a page."),
        click.option("--samples", type=click.IntRange(0, 1000), default=5, show_default=True, help="Of each, shown."),
        click.option("--json", "as_json", is_flag=True, help="Print the report as JSON."),
    )
    command: Any = backtest
    for option in reversed((*own, *bounds)):
        command = option(command)
    cli.command("backtest")(with_settings(command))


def backtest(settings: Any, draft: str, baseline: str | None, as_json: bool, **options: Any) -> None:
    """What would another rule have told? Exit code 0: the same; 1: a difference.

    DRAFT.toml holds [[ladder]] and [[concept]] tables, one [[subscriptions]] table, or settings as in tocsin.toml.
    History is read and run again; nothing is written to the log and nothing is sent.
    """
    from schemas.errors import InputError
    from streams.replay.backtest import Draft, draft_of

    tried = draft_of(draft, settings, dict(os.environ))
    against = None
    if baseline is not None:
        if tried.subscription is not None:
            raise InputError("--baseline: a subscription is compared with the one of its name, or with none")
        at_hand = Draft("the settings at hand", settings, tried.names)
        against = at_hand if baseline == "current" else draft_of(baseline, settings, dict(os.environ))
        if against.subscription is not None:
            raise InputError(f"--baseline: {baseline}: expected rules or settings, found a subscription")
    report = asyncio.run(_backtest(settings, tried, against, options, is_quiet=as_json))
    if options["html"] is not None:
        _write(report, options["html"])
    if as_json:
        import msgspec

        found = {"is_equal": report.is_equal, **msgspec.to_builtins(report)}
        click.echo(json.dumps(found, ensure_ascii=False))
    else:
        _show(report)
    sys.exit(0 if report.is_equal else EXIT_DIFFERENT)


async def _backtest(settings: Any, draft: Any, baseline: Any, options: dict[str, Any], *, is_quiet: bool) -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from streams.log import open_log
    from streams.replay import plan as planning
    from streams.replay.backtest import Backtest

    plan = planning.Plan(
        name="backtest",
        from_=planning.moment_of("--from", options["from_"]),
        to=planning.moment_of("--to", options["to"]),
        story=options["story"],
        source=options["source"],
        of="alerts" if draft.subscription is not None else "updates",
    )
    planning.check(plan)
    console = Console(file=sys.stderr)
    columns = (TextColumn("backtest"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    event_log = await open_log(settings.broker, mode="read", kafka=settings.kafka)
    try:
        found = await planning.span(event_log, plan)
        with Progress(*columns, console=console, disable=is_quiet or not console.is_terminal, transient=True) as bar:
            task = bar.add_task("", total=found.count)
            test = Backtest(event_log, plan, draft, baseline, tell=lambda count: bar.update(task, advance=count))
            return await test.run(found, samples=options["samples"])
    finally:
        await event_log.close()


def _write(report: Any, file: Path) -> None:
    from schemas.errors import InputError
    from streams.replay.report import page

    try:
        file.write_text(page(report), "utf-8")
    except OSError as error:
        raise InputError(f"--html: {file}: {error.strerror or error}") from None


def _show(report: Any) -> None:
    span = f"{report.from_ or 'the beginning'} to {report.to or 'the end'}"
    click.echo(f"{report.draft} against {report.baseline}, event time {span}, {report.updates:,} read")
    click.echo(
        f"{report.added:,} added, {report.lost:,} lost, {report.changed:,} changed, {report.same:,} the same"
        f" ({report.before:,} before, {report.after:,} after)"
    )
    for title in ("by kind", "by story", "by subscription"):
        rows = getattr(report, title.replace(" ", "_"))
        if rows:
            click.echo(f"\n{title:<50}{'added':>8}{'lost':>8}{'changed':>9}")
        for name, row in list(rows.items())[:_SHOWN]:
            label = str(row.get("title") or name)
            changed = row.get("changed", "")
            click.echo(f"  {label[:47]:<48}{row['added']:>8}{row['lost']:>8}{changed:>9}")
        if len(rows) > _SHOWN:
            click.echo(f"  and {len(rows) - _SHOWN} more; see --json or --html")
    for what in ("added", "lost", "changed"):
        samples = report.samples[what]
        if samples:
            click.echo(f"\n{what}")
        for one in samples:
            if what != "changed":
                click.echo(f"  {_told(one)}")
                continue
            click.echo(f"  was  {_told(one['before'])}")
            if _told(one["after"]) != _told(one["before"]):
                click.echo(f"  now  {_told(one['after'])}")
            click.echo(f"       differs in: {', '.join(one['fields'])}")


def _told(one: dict[str, Any]) -> str:
    return f"{one['time'][:16]}  {one['severity']:<9} {one['headline']}"
