"""What `tocsin replay --verify` prints."""

import json
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from streams.log import open_log
from streams.replay.plan import Plan, check
from streams.replay.state import RunFolder
from streams.replay.verify import Tally, Verification, Verifier
from streams.settings import Settings


async def verified(settings: Settings, from_: datetime | None, to: datetime | None, *, as_json: bool) -> int:
    """0 when everything is equal, else 1."""
    plan = Plan(name="verify", from_=from_, to=to)
    check(plan)
    event_log = await open_log(settings.broker, mode="read", kafka=settings.kafka)
    try:
        with tempfile.TemporaryDirectory(prefix="tocsin-") as directory:
            folder = RunFolder(Path(directory))
            try:
                found = await _run(settings, event_log, folder, plan, quiet=as_json)
            finally:
                folder.close()
    finally:
        await event_log.close()
    if as_json:
        click.echo(json.dumps(found.as_dict()))
    else:
        _show(found, settings)
    return 0 if found.is_equal else 1


async def _run(settings: Settings, event_log: Any, folder: RunFolder, plan: Plan, *, quiet: bool) -> Verification:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(file=sys.stderr)
    columns = (TextColumn("verify"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=quiet or not console.is_terminal, transient=True) as bar:
        task = bar.add_task("", total=None)
        verifier = Verifier(
            settings, event_log, folder, within=plan.within, tell=lambda count: bar.update(task, advance=count)
        )
        bar.update(task, total=await verifier.total())
        return await verifier.run()


def _show(found: Verification, settings: Settings) -> None:
    click.echo(f"verified {settings.broker}: {'all equal' if found.is_equal else 'NOT equal'}")
    click.echo(f"  entries  {_line(found.entries, 'updates')}")
    click.echo(f"  alerts   {_line(found.alerts, 'entries and role claims')}")
    if found.lagging:
        click.echo(f"  not yet processed, so not compared: the rest of {', '.join(found.lagging)}")
    if found.is_cut:
        click.echo("  earlier updates are gone (retention): what rests on them may differ")
    for first in (found.entries.first, found.alerts.first):
        if first is not None:
            click.echo(f"first difference: {first.id} in {first.topic} {first.what}" + _story(first.story))
            if first.path:
                click.echo(f"  {first.path}\n    stored  {first.stored}\n    now     {first.now}")
            elif first.now:
                click.echo(f"    now     {first.now}")


def _story(story: str) -> str:
    return f", story {story}" if story else ""


def _line(tally: Tally, inputs: str) -> str:
    parts = [f"{tally.equal:,} equal"]
    parts += [f"{count:,} {word}" for word, count in _counts(tally) if count]
    return f"{', '.join(parts)}; from {tally.inputs:,} {inputs}"


def _counts(tally: Tally) -> tuple[tuple[str, int], ...]:
    return ("differ", tally.differing), ("missing now", tally.missing), ("new now", tally.new)
