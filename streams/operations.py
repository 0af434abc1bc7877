"""Commands for who runs the pipeline: `tocsin topics`, `doctor` and `dead-letters`. They parse, then call."""

import asyncio
import base64
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import click

Options = Callable[[Any], Any]


def register(cli: click.Group, with_settings: Options) -> None:
    """Add the commands; `with_settings` gives each the options --broker and --config and the argument `settings`."""
    as_json = click.option("--json", "as_json", is_flag=True, help="For programs.")
    cli.command("topics")(
        with_settings(as_json(click.option("--create", "do_create", is_flag=True, help="Do it.")(topics)))
    )
    cli.command("doctor")(with_settings(as_json(doctor)))
    everything = click.option("--all", "everything", is_flag=True, help="Also those dealt with.")
    group = cli.group("dead-letters", invoke_without_command=True)(
        click.pass_context(with_settings(everything(as_json(dead_letters))))
    )
    one = click.argument("dlq_id", metavar="ID")
    group.command("list")(with_settings(everything(as_json(list_letters))))
    group.command("show")(with_settings(one(show_letter)))
    group.command("replay")(
        with_settings(
            click.argument("dlq_id", metavar="ID", required=False)(
                click.option("--all", "everything", is_flag=True, help="Every one not dealt with.")(replay_letters)
            )
        )
    )
    group.command("discard")(with_settings(one(discard_letter)))


def topics(settings: Any, as_json: bool, do_create: bool) -> None:
    """Compare the topics with what the pipeline declares; exit 0 when all are right.

    Without --create nothing is changed. With it, what is missing is created, and cleanup and retention are set.
    """
    from streams import declaration

    async def look() -> int:
        specs = declaration.declared(settings)
        async with _existing_log(settings, writes=do_create) as event_log:
            states = await declaration.compare(event_log, specs)
            left: list[str] = []
            if do_create and event_log is not None:
                left = await declaration.create(event_log, states)
                if not settings.is_embedded or not any("missing" in state.faults for state in states):
                    states = await declaration.compare(event_log, specs)
        if as_json:
            click.echo(json.dumps([state.as_dict() for state in states]))
        else:
            _topic_table(states, settings)
            if not do_create and (planned := [line for state in states for line in state.mending()]):
                click.echo("\nNothing was changed. --create would:")
                for line in planned:
                    click.echo(f"  {line}")
        for line in left:
            click.echo(f"tocsin: {line}", err=True)
        return 1 if left or not (do_create or all(state.is_right for state in states)) else 0

    sys.exit(asyncio.run(look()))


@asynccontextmanager
async def _existing_log(settings: Any, *, writes: bool) -> AsyncIterator[Any]:
    """The log; None for an embedded one that does not exist yet and shall not be made."""
    from streams.log import open_log
    from streams.log.address import parse_address

    if settings.is_embedded and not writes and not parse_address(settings.broker).directory.is_dir():
        yield None
        return
    event_log = await open_log(settings.broker, mode="append" if writes else "read", kafka=settings.kafka)
    try:
        yield event_log
    finally:
        await event_log.close()


def _topic_table(states: Any, settings: Any) -> None:
    width = max(len(state.spec.name) for state in states)
    for state in states:
        it = state.as_dict()
        kept = it["cleanup"] if it["cleanup"] == "compact" else _days(it["retention_s"])
        copies = "" if it["replicas"] is None else f"  copies {it['replicas']} ({it['min_insync_replicas']} needed)"
        verdict = "ok" if state.is_right else "; ".join(state.faults)
        click.echo(f"{it['topic']:<{width}}  partitions {it['partitions']:<4} {kept:<9}{copies}  {verdict}")


def _days(seconds: float | None) -> str:
    return "for ever" if seconds is None else f"{seconds / 86_400:g} d"


def doctor(settings: Any, as_json: bool) -> None:
    """Look at the log, its topics, the lag of the pipeline and the clocks; exit 0 when nothing is wrong.

    On Kafka one record is written to a topic of its own, APP_ID-doctor, to learn the broker's time.
    """
    from streams.doctor import examine

    async def look() -> bool:
        findings = []
        async for finding in examine(settings):
            findings.append(finding)
            if not as_json:
                click.echo(f"{'ok  ' if finding.is_ok else 'FAIL'} {finding.name}: {finding.detail}")
        if as_json:
            click.echo(json.dumps([finding.as_dict() for finding in findings]))
        return all(finding.is_ok for finding in findings)

    sys.exit(0 if asyncio.run(look()) else 1)


def dead_letters(context: click.Context, settings: Any, everything: bool, as_json: bool) -> None:
    """What could not be decoded or made a stage fail: list (default), show, replay, discard."""
    if context.invoked_subcommand is None:
        list_letters(settings, everything=everything, as_json=as_json)


def list_letters(settings: Any, everything: bool, as_json: bool) -> None:
    """List dead letters that nobody has dealt with yet."""
    from schemas.codec import encode
    from streams.dead_letter_review import letters

    async def list_all() -> None:
        async with _existing_log(settings, writes=False) as event_log:
            if event_log is None:
                return
            async for item in letters(event_log, with_handled=everything):
                click.echo(encode(item.letter) if as_json else item.line())

    asyncio.run(list_all())


def show_letter(settings: Any, dlq_id: str) -> None:
    """Print one dead letter and the bytes it holds. The beginning of an ID is enough where it is the only one."""
    from schemas.codec import encode
    from streams.dead_letter_review import find

    async def show() -> None:
        async with _opened(settings, "read") as event_log:
            found = await find(event_log, dlq_id)
        fields = json.loads(encode(found.letter))
        for name, value in fields.items():
            if name not in ("value_b64", "key_b64", "headers"):
                click.echo(f"{name:<14} {value}")
        if found.note is not None:
            click.echo(f"{'handled':<14} {found.note.action} at {found.note.at:%Y-%m-%dT%H:%M:%SZ}")
        for name, value in found.letter.headers.items():
            click.echo(f"{'header':<14} {name}: {_text(base64.b64decode(value))}")
        if found.letter.key_b64 is not None:
            click.echo(f"{'key':<14} {_text(base64.b64decode(found.letter.key_b64))}")
        value = found.letter.value()
        click.echo("" if value is None else f"\n{_text(value)}")

    asyncio.run(show())


def _text(raw: bytes) -> str:
    """Bytes for a terminal: no control character of foreign text reaches it."""
    return "".join(
        char if char.isprintable() or char == "\n" else repr(char)[1:-1] for char in raw.decode(errors="replace")
    )


def replay_letters(settings: Any, dlq_id: str | None, everything: bool) -> None:
    """Let a dead letter run through the pipeline again, from the topic it came from."""
    from schemas.errors import InputError
    from streams.dead_letter_review import find, letters, replay

    if (dlq_id is None) is not everything:
        raise InputError("dead-letters replay: expected either ID or --all")

    async def again() -> int:
        failed = 0
        async with _opened(settings, "append") as event_log:
            if dlq_id is None:
                wanted = [item.letter async for item in letters(event_log) if item.letter.is_replayable]
            else:
                wanted = [(await find(event_log, dlq_id)).letter]
            for letter in wanted:
                try:
                    await replay(event_log, letter, datetime.now(UTC))
                except InputError as error:
                    failed += 1
                    click.echo(f"tocsin: {error}", err=True)
        click.echo(f"tocsin: {len(wanted) - failed} replayed", err=True)
        return failed

    sys.exit(1 if asyncio.run(again()) else 0)


def discard_letter(settings: Any, dlq_id: str) -> None:
    """Note that nothing more will be done about a dead letter; it is no longer listed."""
    from streams.dead_letter_review import discard, find

    async def set_aside() -> None:
        async with _opened(settings, "append") as event_log:
            found = await find(event_log, dlq_id)
            await discard(event_log, found.letter, datetime.now(UTC))
        click.echo(f"tocsin: {found.letter.dlq_id} discarded", err=True)

    asyncio.run(set_aside())


@asynccontextmanager
async def _opened(settings: Any, mode: Any) -> AsyncIterator[Any]:
    from streams.log import open_log

    event_log = await open_log(settings.broker, mode=mode, kafka=settings.kafka)
    try:
        yield event_log
    finally:
        await event_log.close()
