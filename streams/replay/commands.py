"""`tocsin replay`: it parses, then calls."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import click

from streams.replay import backtest_command
from streams.replay.plan import SPEEDS

Options = Callable[[Any], Any]
EXIT_STOPPED = 130
NICE = 10
"""A replay yields to the worker beside it."""


def register(cli: click.Group, with_settings: Options) -> None:
    """Add the commands; `with_settings` gives each the options --broker and --config and the argument `settings`."""
    command = replay
    for option in reversed(_RANGE + _RUN):
        command = option(command)
    cli.command("replay")(with_settings(command))
    cli.command("replays")(
        with_settings(click.option("--json", "as_json", is_flag=True, help="For programs.")(replays))
    )
    backtest_command.register(cli, with_settings, (*_RANGE[:2], *_RANGE[3:]))


_RANGE = (
    click.option("--from", "from_", metavar="TIME", help="Only alerts of this event time or later; or an age: 7d."),
    click.option("--to", metavar="TIME", help="Only alerts of an earlier event time."),
    click.option("--as-of", metavar="TIME", help="Only what had been observed by then: what did we know?"),
    click.option("--story", metavar="ID", help="Only this story."),
    click.option("--source", metavar="OUTLET", help="Only updates of this outlet."),
)
_RUN = (
    click.option(
        "--of", type=click.Choice(["updates", "alerts"]), default="updates", show_default=True,
        help="Run the rules again over raw updates, or tell stored alerts again.",
    ),
    click.option("--speed", type=click.Choice(list(SPEEDS)), default="max", help="Times real time.  [max]"),
    click.option("--cold", "is_cold", is_flag=True, help="Begin with empty state at --from."),
    click.option("--to-topic", metavar="TOPIC", help='A topic for all alerts; its name begins with "replay.".'),
    click.option("--to-subscription", metavar="SUB", help="Send what this subscription wants, marked as a replay."),
    click.option("--to-file", metavar="FILE", help="JSON Lines; - is standard output."),
    click.option("--name", help="Of the run and its topics  [the time]"),
    click.option("--resume", metavar="NAME", help="Go on with a run that was stopped."),
    click.option("--verify", is_flag=True, help="Prove that the rules give the alerts that are stored."),
    click.option("--dry-run", is_flag=True, help="Print the plan and stop."),
    click.option("--json", "as_json", is_flag=True, help="Print the result as JSON."),
)  # fmt: skip


def replay(settings: Any, as_json: bool, dry_run: bool, verify: bool, resume: str | None, **options: Any) -> None:
    """Run history again: the same updates through the same rules, alerts marked as a replay, into topics of their own.

    Nothing is delivered unless --to-subscription names somebody. Ctrl-C stops a run; --resume goes on with it.
    """
    from schemas.errors import InputError

    if verify:
        given = [
            name for name in ("to_topic", "to_subscription", "to_file", "name", "source", "story") if options[name]
        ]
        if given or resume or options["of"] != "updates" or options["is_cold"]:
            raise InputError("--verify: expected only --from, --to and --json with it")
        from streams.replay import plan as planning
        from streams.replay.verify_command import verified

        sys.exit(
            asyncio.run(
                verified(
                    settings,
                    planning.moment_of("--from", options["from_"]),
                    planning.moment_of("--to", options["to"]),
                    as_json=as_json,
                )
            )
        )
    sys.exit(asyncio.run(_replay(settings, options, resume, as_json=as_json, is_dry=dry_run)))


def replays(settings: Any, as_json: bool) -> None:
    """List the runs whose state is kept: their names, how far they came, what they found."""
    from streams.replay.runner import runs

    for found in runs(settings):
        if as_json:
            click.echo(json.dumps(found.as_dict()))
        else:
            left = "done" if found.is_done else f"stopped; go on with: tocsin replay --resume {found.plan.name}"
            click.echo(f"{found.plan.name:<24} {found.read:>10,} read {found.alerts:>9,} alerts  {left}")


async def _replay(settings: Any, options: dict[str, Any], resume: str | None, *, as_json: bool, is_dry: bool) -> int:
    from streams.log import open_log
    from streams.replay import plan as planning
    from streams.replay import runner

    if resume is not None:
        plan, found = runner.saved_plan(settings, resume)
    else:
        plan = _plan(options)
        planning.check(plan)
    event_log = await open_log(settings.broker, mode="read", kafka=settings.kafka)
    try:
        if resume is None:
            found = await planning.span(event_log, plan)
        sink = await _sink(settings, plan)
        folder = planning.folder_of(settings, plan.name)
        if not as_json:
            for line in planning.lines(plan, settings, found, sink.line(), folder):
                click.echo(line, err=True)
        if is_dry:
            if as_json:
                click.echo(json.dumps({"plan": plan.as_dict(), "records": found.count, "writes": sink.line()}))
            return 0
        with contextlib.suppress(OSError):
            os.nice(NICE)
        async with runner.opened(
            settings, event_log, plan, sink, found, folder=folder, resume=resume is not None
        ) as run:
            with _stopping() as stop, _bar(run, quiet=as_json) as tell:
                done = await run.go(stop, tell)
    finally:
        await event_log.close()
    if as_json:
        click.echo(json.dumps(done.as_dict()))
    else:
        _summary(done, plan)
    return 0 if done.is_done else EXIT_STOPPED


def _plan(options: dict[str, Any]) -> Any:
    from streams.replay import plan as planning

    return planning.Plan(
        name=options["name"] or f"{datetime.now(UTC):%Y%m%d-%H%M%S}",
        from_=planning.moment_of("--from", options["from_"]),
        to=planning.moment_of("--to", options["to"]),
        as_of=planning.moment_of("--as-of", options["as_of"]),
        story=options["story"],
        source=options["source"],
        of=options["of"],
        is_cold=options["is_cold"],
        speed=SPEEDS[options["speed"]],
        to_topic=options["to_topic"],
        to_subscription=options["to_subscription"],
        to_file=options["to_file"],
    )


async def _sink(settings: Any, plan: Any) -> Any:
    from streams.replay.sinks import FileSink, SubscriptionSink, TopicSink

    if plan.to_file is not None:
        return FileSink(plan.to_file)
    if plan.to_subscription is not None:
        from streams.routing import stored

        async with stored.opened(settings) as event_log:
            subscription = (await stored.asked(event_log)).find(plan.to_subscription)
        return SubscriptionSink(settings, plan.name, subscription)
    return TopicSink(settings, plan.name, plan.to_topic)


@contextlib.contextmanager
def _stopping() -> Iterator[asyncio.Event]:
    """Set by Ctrl-C or SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


@contextlib.contextmanager
def _bar(run: Any, *, quiet: bool) -> Iterator[Callable[[Any], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    total = run.total
    columns = (
        TextColumn("replay"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:,.0f}/s, {task.fields[alerts]:,} alerts,"),
        TimeRemainingColumn(),
    )
    console = Console(file=sys.stderr)
    with Progress(*columns, console=console, disable=quiet or not console.is_terminal, transient=True) as bar:
        task = bar.add_task("", total=total, completed=run.progress.read, rate=0.0, alerts=run.progress.alerts)

        def tell(progress: Any) -> None:
            rate = progress.read / progress.seconds if progress.seconds else 0.0
            bar.update(task, completed=progress.read, rate=rate, alerts=progress.alerts)

        yield tell


def _summary(done: Any, plan: Any) -> None:
    rate = done.read / done.seconds if done.seconds else 0.0
    click.echo(
        f"tocsin: {done.alerts:,} alerts from {done.read:,} records in {done.seconds:.1f} s ({rate:,.0f}/s)", err=True
    )
    for kind, count in sorted(done.by_type.items(), key=lambda pair: -pair[1]):
        click.echo(f"  {count:>9,}  {kind.removeprefix('tocsin.').rpartition('.')[0]}", err=True)
    if done.faults:
        click.echo(f"  {done.faults:>9,}  records or events set aside, as the pipeline does", err=True)
    click.echo(f"  digest {done.digest[:16]}  (equal runs have equal ones)", err=True)
    if not done.is_done:
        click.echo(f"tocsin: stopped; go on with: tocsin replay --resume {plan.name}", err=True)
    elif plan.to_file is None and plan.to_subscription is None:
        click.echo(f"tocsin: read them with: tocsin alerts --replay {plan.name}", err=True)
