"""Publishing raw updates from files; what cannot be read becomes a dead letter with its line, and the rest goes on."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from schemas.article import ArticleUpdate, Policy
from schemas.codec import encode
from streams.dead_letters import bad_line
from streams.log import EventLog, open_log
from streams.settings import Settings
from streams.sources.files import BadLine, load, read_updates
from streams.topics import DEAD_LETTERS, UPDATES
from streams.worker import declare_topics

CHUNK = 200
"""Updates appended at once; each chunk is durable before the next is read."""


@dataclass(kw_only=True)
class Summary:
    """What an ingest did."""

    file: str
    updates: int = 0
    posts: int = 0
    bad_lines: int = 0
    first_fault: str | None = None

    def as_dict(self) -> dict[str, object]:
        """For programs."""
        return {"file": self.file, "updates": self.updates, "posts": self.posts, "bad_lines": self.bad_lines}

    def line(self) -> str:
        """For people."""
        text = f"tocsin: {self.file}: {self.updates} updates published"
        if self.posts:
            text += f" ({self.posts} posts)"
        if self.bad_lines:
            text += f", {self.bad_lines} bad lines set aside in dead-letters; first: {self.first_fault}"
        return text


async def ingest(
    settings: Settings,
    file: str,
    *,
    source: str | None = None,
    item: str | None = None,
    story: str | None = None,
    live: bool = False,
    is_quiet: bool = False,
) -> Summary:
    """Append the updates of a file to `updates`. Everything counted is durable. Raises InputError, LogError."""
    raw = load(file)
    updates = read_updates(
        file,
        raw,
        source=source,
        item=item,
        story=story,
        observed_at=datetime.now(UTC),
        policy=Policy.LIVE if live else Policy.BACKLOG,
    )
    event_log = await open_log(settings.broker, mode="append", kafka=settings.kafka)
    try:
        await declare_topics(event_log, settings)
        return await _append_all(event_log, file, updates, is_quiet=is_quiet)
    finally:
        await event_log.close()


async def _append_all(
    event_log: EventLog, file: str, updates: Iterator[ArticleUpdate | BadLine], *, is_quiet: bool
) -> Summary:
    summary = Summary(file=file)
    chunk: list[tuple[str, bytes | None, bytes | None, tuple[tuple[str, bytes], ...]]] = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(file=sys.stderr), disable=is_quiet, transient=True) as progress:
        task = progress.add_task("updates", total=None)
        for update in updates:
            if isinstance(update, BadLine):
                summary.bad_lines += 1
                summary.first_fault = summary.first_fault or f"line {update.line_no}: {update.reason}: {update.detail}"
                chunk.append(
                    (DEAD_LETTERS.name, *bad_line(file, update.line_no, update.raw, update.reason, update.detail))
                )
            else:
                summary.updates += 1
                summary.posts += len(update.posts)
                chunk.append((UPDATES.name, update.item.encode(), encode(update), ()))
            if len(chunk) >= CHUNK:
                await event_log.append_many(chunk)
                progress.update(task, advance=len(chunk))
                chunk.clear()
        if chunk:
            await event_log.append_many(chunk)
    return summary
