"""`tocsin export` and `tocsin import`: they parse, then call."""

import asyncio
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import click


def register(cli: click.Group, with_settings: Callable[[Any], Any]) -> None:
    """Add the commands; `with_settings` gives each the options --broker and --config and the argument `settings`."""
    as_json = click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
    exporting = click.argument("topics", metavar="[TOPIC]...", nargs=-1)(
        click.option("--out", required=True, metavar="FILE", help=".jsonl, .jsonl.gz, .jsonl.xz or .parquet; - prints")(
            click.option("--from", "since", metavar="TIME", help="Records not before; a time, or an age such as 2h.")(
                click.option("--to", "until", metavar="TIME", help="Records before.")(
                    click.option("--force", "is_forced", is_flag=True, help="Replace FILE.")(as_json(export))
                )
            )
        )
    )
    cli.command("export")(with_settings(exporting))
    importing = click.argument("files", metavar="FILE...", nargs=-1, required=True)(
        click.option("--prefix", metavar="NAME", help="Into the topics NAME.TOPIC, which keep every record.")(
            click.option("--append", "appends", is_flag=True, help="Also into topics that have records.")(
                click.option("--dry-run", "is_dry_run", is_flag=True, help="Check, tell, and write nothing.")(
                    as_json(import_)
                )
            )
        )
    )
    cli.command("import")(with_settings(importing))


def export(
    *,
    settings: Any,
    topics: tuple[str, ...],
    out: str,
    since: str | None,
    until: str | None,
    is_forced: bool,
    as_json: bool,
) -> None:
    """Write the records of topics into FILE, in the order of their times.

    Without TOPIC: raw updates and alerts. --from and --to compare the times at which records were written to the log.
    """
    from schemas.errors import InputError
    from streams.alerts import parse_since
    from streams.archive import exporting

    if as_json and out == "-":
        raise InputError("--json: expected --out FILE, found -, which already prints to standard output")
    now = datetime.now(UTC)
    summary = asyncio.run(
        exporting.export(
            settings,
            out,
            topics,
            start=None if since is None else parse_since(since, now, "--from"),
            end=None if until is None else parse_since(until, now, "--to"),
            is_forced=is_forced,
            is_quiet=as_json or not sys.stderr.isatty(),
        )
    )
    if as_json:
        click.echo(json.dumps(summary.as_dict()))
    else:
        click.echo(summary.line(), err=True)


def import_(
    *, settings: Any, files: tuple[str, ...], prefix: str | None, appends: bool, is_dry_run: bool, as_json: bool
) -> None:
    """Write the records of archives into the log, as they were.

    Every FILE is checked first. Records that a topic would delete at once for their age belong into topics of their
    own: see --prefix. On the topics that the pipeline reads, a worker takes them as new.
    """
    from streams.archive import importing

    summary = asyncio.run(
        importing.load(
            settings,
            files,
            prefix=prefix,
            appends=appends,
            is_dry_run=is_dry_run,
            is_quiet=as_json or not sys.stderr.isatty(),
        )
    )
    if as_json:
        click.echo(json.dumps(summary.as_dict()))
        return
    for line in summary.lines():
        click.echo(line, err=not is_dry_run or line.startswith("tocsin:"))
