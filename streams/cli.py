"""`tocsin ...`: parses, then calls. No logic; imports what a command needs when it runs, so that each starts fast."""

import asyncio
import contextlib
import gzip
import json
import logging
import os
import sys
from collections.abc import Callable, Coroutine, Iterable
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from schemas.errors import InputError, LogError, SettingsError, TocsinError
from streams import operations
from streams.archive import commands as archive_commands
from streams.delivery import commands as endpoint_commands
from streams.delivery import delivery_commands
from streams.gateway import commands as gateway_commands
from streams.replay import commands as replay_commands
from streams.routing import commands, inquiries

F = TypeVar("F", bound=Callable[..., Any])
EXIT_INPUT = 2
EXIT_LOG = 74


def main() -> None:
    """Entry point: user's mistakes end in one line on standard error, never in a traceback."""
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")  # the tagger's matrices are small: more threads cost twice the time of one
    logging.basicConfig(
        level=os.environ.get("TOCSIN_LOG", "WARNING").upper(), format="%(levelname)s %(name)s %(message)s"
    )
    try:
        cli(standalone_mode=False)
    except SettingsError as error:
        _fail(EXIT_INPUT, *error.faults)
    except InputError as error:
        _fail(EXIT_INPUT, str(error))
    except LogError as error:
        _fail(EXIT_LOG, str(error))
    except TocsinError as error:
        _fail(1, str(error))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # `tocsin alerts | head` is no fault
        sys.exit(0)


def _fail(code: int, *lines: str) -> None:
    for line in lines:
        click.echo(f"tocsin: {line}", err=True)
    sys.exit(code)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tocsin", prog_name="tocsin")
def cli() -> None:
    """Event-driven alerts for live news: new statements, escalations, officials."""


def _settings(command: F) -> F:
    @click.option("--broker", metavar="URL", help="embedded://DIR or kafka://HOST:PORT  [embedded://./tocsin-data]")
    @click.option("--config", "config", type=click.Path(path_type=Path), help="settings file  [tocsin.toml]")
    @wraps(command)
    def with_settings(*args: Any, broker: str | None, config: Path | None, **kwargs: Any) -> Any:
        from streams.settings import load

        return command(*args, settings=load(os.environ, broker=broker, file=config), **kwargs)

    return with_settings  # type: ignore[return-value]


def _run(main_coroutine: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(main_coroutine)


@cli.command()
@_settings
@click.option("--until-idle", is_flag=True, help="Process what is there, then exit 0.")
def run(settings: Any, until_idle: bool) -> None:
    """Run the pipeline until Ctrl-C."""
    from streams import worker

    async def ready() -> None:
        if not until_idle:
            click.echo(f"tocsin: ready on {settings.broker} (Ctrl-C stops)", err=True)

    sys.exit(_run(worker.run(settings, until_idle=until_idle, on_ready=ready)))


@cli.command()
@_settings
@click.option("--until-idle", is_flag=True, help="Deliver what is there, then exit 0.")
def notify(settings: Any, until_idle: bool) -> None:
    """Only deliver, until Ctrl-C: beside workers on Kafka whose setting delivery.notifier is "alone"."""
    from streams import worker

    async def ready() -> None:
        if not until_idle:
            click.echo(f"tocsin: delivering from {settings.broker} (Ctrl-C stops)", err=True)

    sys.exit(_run(worker.run(settings, until_idle=until_idle, on_ready=ready, detects=False, delivers=True)))


@cli.command()
@click.argument("file")
@_settings
@click.option("--source", help="Outlet name  [host of the page's URL, else file]")
@click.option("--item", help="Stable name of the live blog or article  [URL, id or file name]")
@click.option("--story", help="Story to which the item belongs  [one item, one story]")
@click.option("--live", is_flag=True, help="First sight is a baseline: old posts fill state and alert nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def ingest(file: str, settings: Any, **options: Any) -> None:
    """Publish raw updates from FILE, or standard input with -.

    Plain text of a page, an HTML page, JSON Lines of posts or of whole captures, a single article, an RSS or Atom feed;
    also compressed (.gz, .xz).
    """
    from streams import ingest as ingesting

    as_json = options.pop("as_json")
    summary = _run(ingesting.ingest(settings, file, is_quiet=as_json or not sys.stderr.isatty(), **options))
    if as_json:
        click.echo(json.dumps(summary.as_dict()))
    else:
        click.echo(summary.line(), err=True)
    sys.exit(0 if not summary.bad_lines else 1)


@cli.command()
@click.argument("file", default="-")
@click.option("--engine", type=click.Choice(["auto", "tagger", "rules"]), default="auto", help="What finds statements.")
def detect(file: str, engine: str) -> None:
    """Detect statements, keywords and officials in JSON Lines {"id", "text"}; stateless, spans in code points.

    One line in, one line out. A line that is no such object gives {"id": null, "error": ...}, and exit code 1 at the
    end.
    """
    from streams.detect import detect_line

    is_bad = False
    with _lines(file) as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                out, is_good = detect_line(line, f"{file}:{number}", engine=engine)
                is_bad |= not is_good
                sys.stdout.buffer.write(out + b"\n")
                sys.stdout.buffer.flush()
    sys.exit(1 if is_bad else 0)


@contextlib.contextmanager
def _lines(file: str) -> Any:
    if file == "-":
        yield sys.stdin.buffer
        return
    path = Path(file)
    try:
        handle = gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # noqa: SIM115  closed below
    except OSError as error:
        raise InputError(f"{file}: {error.strerror or error}") from None
    with handle:
        yield handle


@cli.group(invoke_without_command=True)
@click.pass_context
@_settings
@click.option("--follow", "-f", is_flag=True, help="Go on with new alerts as they come.")
@click.option("--since", metavar="TIME", help="Only alerts observed since; a time, or an age such as 2h.")
@click.option("--as-of", metavar="TIME", help="Only what had been observed by then: what did we know?")
@click.option("--kind", "kinds", multiple=True, type=click.Choice(["statements", "escalations", "officials"]))
@click.option("--story", help="Story id, or words of its title.")
@click.option("--replay", "run", metavar="NAME", help="The alerts of this replay.")
@click.option("--json", "as_json", is_flag=True, help="One CloudEvents JSON object a line.")
def alerts(
    context: click.Context, /, settings: Any, follow: bool, since: str | None, kinds: tuple[str, ...], **options: Any
) -> None:
    """Print the stored alerts; with why, what became of one."""
    if context.invoked_subcommand is not None:
        return
    from streams.alerts import KINDS, Query, followed, parse_since, stored
    from streams.log import open_log

    query = Query(
        families=tuple(KINDS[kind] for kind in kinds or KINDS),
        since=None if since is None else parse_since(since, datetime.now(UTC)),
        as_of=None if options["as_of"] is None else parse_since(options["as_of"], datetime.now(UTC), "--as-of"),
        story=options["story"],
        run=options["run"],
    )

    async def show_all() -> None:
        event_log = await open_log(settings.broker, mode="read", kafka=settings.kafka)
        printer = _printer(options["as_json"])
        try:
            async for alert in (followed if follow else stored)(event_log, query):
                printer(alert)
        finally:
            await event_log.close()

    _run(show_all())


def _printer(as_json: bool) -> Callable[[Any], None]:
    if as_json:
        from schemas.codec import encode

        def print_json(alert: Any) -> None:
            sys.stdout.buffer.write(encode(alert) + b"\n")
            sys.stdout.buffer.flush()

        return print_json

    from rich.console import Console

    from streams.terminal import show

    console = Console(highlight=False)
    last: list[datetime] = []

    def print_text(alert: Any) -> None:
        show(console, alert, seen=last[-1] if last else None)
        last[:] = [alert.time]

    return print_text


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="One CloudEvents JSON object a line.")
@click.option("--keep", type=click.Path(path_type=Path), help="Keep the log in this directory.")
def demo(as_json: bool, keep: Path | None) -> None:
    """Run the whole pipeline on the bundled live blog and print its alerts."""
    from streams.demo import run_demo

    sys.exit(_run(run_demo(_printer(as_json), keep=keep, is_quiet=as_json)))


@cli.command()
@click.argument("directory", required=False, type=click.Path(path_type=Path))
def schemas(directory: Path | None) -> None:
    """Print the JSON Schema of every event type, or write one file each into DIRECTORY."""
    from schemas.export import json_schemas

    documents: Iterable[tuple[str, dict[str, Any]]] = json_schemas().items()
    if directory is None:
        click.echo(json.dumps(dict(documents), indent=2, ensure_ascii=False))
        return
    directory.mkdir(parents=True, exist_ok=True)
    for name, document in documents:
        (directory / f"{name}.json").write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", "utf-8")


operations.register(cli, _settings)
commands.register(cli, _settings)
endpoint_commands.register(cli, _settings)
inquiries.register_why(alerts, _settings)
delivery_commands.register(cli, _settings)
gateway_commands.register(cli, _settings)
replay_commands.register(cli, _settings)
archive_commands.register(cli, _settings)

if __name__ == "__main__":
    main()
