"""From archives into a log: all of a file is checked, then the log is asked, and only then anything is written."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from schemas.errors import InputError, LogError
from streams.archive.exporting import moment
from streams.archive.lines import ArchivedTopic
from streams.archive.progress import progress
from streams.archive.reading import Contents, check, records
from streams.log import Draft, EventLog, Headers, Record, TopicSpec, open_log
from streams.log.address import parse_address
from streams.log.record import MAX_RECORD_BYTES
from streams.log.storage import FILE
from streams.settings import Settings
from streams.topics import ALL

CHUNK_RECORDS = 1_000
CHUNK_BYTES = 4 << 20
"""Records appended at once end with either; each chunk is durable before the next is read."""

VISIBLE_S = 10.0
"""How long to wait until a running worker has taken everything out of its inbox."""

POLL_S = 0.05

LATEST = 253_402_300_800.0
"""Year 10000: no broker takes every number that is a float."""


@dataclass(kw_only=True)
class Target:
    """A topic to be filled.

    spec     as it is, or as it will be created
    records  to be written, of all files
    """

    source: str
    spec: TopicSpec
    is_new: bool
    records: int = 0
    newest: float = 0.0

    def line(self) -> str:
        """For people, before anything is done."""
        kept = "compacted" if self.spec.is_compacted else f"kept {age(self.spec.retention)}"
        made = f"create {self.spec.name}: {self.spec.partitions} partitions, {kept}; " if self.is_new else ""
        return f"{made}write {self.records:,} records to {self.spec.name}"


@dataclass(kw_only=True)
class ImportSummary:
    """What an import wrote, or with `is_dry_run` would write.

    notes  what a person should know, one line each
    """

    files: tuple[str, ...]
    targets: tuple[Target, ...]
    is_dry_run: bool
    notes: list[str] = field(default_factory=list)

    @property
    def records(self) -> int:
        """Of all topics."""
        return sum(target.records for target in self.targets)

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        return {
            "files": list(self.files),
            "records": self.records,
            "dry_run": self.is_dry_run,
            "topics": [
                {
                    "from": target.source,
                    "topic": target.spec.name,
                    "records": target.records,
                    "created": target.is_new,
                    "partitions": target.spec.partitions,
                    "cleanup": "compact" if target.spec.is_compacted else "delete",
                    "retention_s": None if target.spec.retention is None else target.spec.retention.total_seconds(),
                }
                for target in self.targets
            ],
            "notes": self.notes,
        }

    def lines(self) -> Iterator[str]:
        """For people."""
        yield from (f"tocsin: {note}" for note in self.notes)
        if self.is_dry_run:
            yield "tocsin: nothing was written; without --dry-run this would"
            yield from (f"  {target.line()}" for target in self.targets)
        else:
            names = ", ".join(target.spec.name for target in self.targets if target.records) or "no topic"
            yield f"tocsin: {self.records:,} records written to {names}"


async def load(
    settings: Settings,
    files: Sequence[str],
    *,
    prefix: str | None = None,
    appends: bool = False,
    is_dry_run: bool = False,
    is_quiet: bool = False,
) -> ImportSummary:
    """Write archives into the log: key, value, headers, timestamp and, where it has as many, partition as they were.

    prefix   NAME: into the topics NAME.TOPIC, made without retention and compaction
    appends  also into a topic that has records
    Raises InputError, before anything is written, for damaged archives and for topics that would not do; LogError.
    """
    if prefix == "":
        raise InputError("--prefix: expected a name, found nothing")
    checked = [(Path(file), _checked(Path(file), settings, is_quiet=is_quiet)) for file in files]
    now = time.time()
    event_log = await _opened(settings, writes=not is_dry_run)
    try:
        present = {} if event_log is None else await event_log.topics()
        targets = _targets([contents for _, contents in checked], present, prefix)
        _refuse_agents(targets, settings, prefix)
        _refuse_expired(targets, now)
        if event_log is not None and not appends:
            await _refuse_filled(event_log, targets, files)
        notes = list(_notes(checked, targets, settings, prefix, now))
        summary = ImportSummary(files=tuple(files), targets=tuple(targets.values()), is_dry_run=is_dry_run, notes=notes)
        if event_log is not None and not is_dry_run:
            notes += await _write_all(event_log, checked, targets, is_quiet=is_quiet)
        return summary
    finally:
        if event_log is not None:
            await event_log.close()


def _checked(path: Path, settings: Settings, *, is_quiet: bool) -> Contents:
    with progress(f"check {path.name}", None, is_quiet=is_quiet) as advance:
        contents = check(path, advance)
    if settings.is_embedded:
        most = MAX_RECORD_BYTES
    else:
        from streams.log.kafka import MAX_REQUEST_BYTES  # aiokafka is loaded where it is named

        most = MAX_REQUEST_BYTES - 1000
    found, where = contents.largest
    if found > most:
        raise InputError(f"{path}: {where}: expected a record of at most {most} bytes on this log, found {found}")
    newest = max((topic.newest for topic in contents.topics.values()), default=0.0)
    if newest >= LATEST:
        raise InputError(f"{path}: expected timestamps before the year 10000, found {newest:g} s")
    return contents


async def _opened(settings: Settings, *, writes: bool) -> EventLog | None:
    """The log; None for an embedded one that does not exist yet and shall not be made."""
    if settings.is_embedded and not writes and not (parse_address(settings.broker).directory / FILE).exists():
        return None
    return await open_log(settings.broker, mode="append" if writes else "read", kafka=settings.kafka)


def _targets(found: Sequence[Contents], present: dict[str, TopicSpec], prefix: str | None) -> dict[str, Target]:
    """By the name of the topic in the archives; the first archive that has a topic says how it is made."""
    targets: dict[str, Target] = {}
    for contents in found:
        for topic in contents.header.topics:
            counted = contents.topics[topic.name]
            name = topic.name if prefix is None else f"{prefix}.{topic.name}"
            if topic.name not in targets:
                spec = present.get(name) or _spec(topic, name, keeps=prefix is not None)
                targets[topic.name] = Target(source=topic.name, spec=spec, is_new=name not in present)
            target = targets[topic.name]
            target.records += counted.records
            target.newest = max(target.newest, counted.newest)
    return targets


def _spec(topic: ArchivedTopic, name: str, *, keeps: bool) -> TopicSpec:
    return TopicSpec(name=name, partitions=topic.partitions) if keeps else topic.spec(name)


def _refuse_agents(targets: dict[str, Target], settings: Settings, prefix: str | None) -> None:
    if prefix is None:
        return
    ours = {topic.name for topic in ALL}
    for target in targets.values():
        name = target.spec.name
        if name in ours or (name.startswith(f"{settings.app_id}-") and name.endswith("-changelog")):
            raise InputError(f"--prefix: expected a name that makes no topic of the pipeline, found {prefix!r}: {name}")


def _refuse_expired(targets: dict[str, Target], now: float) -> None:
    """Retention goes by timestamps: what is older than it would be gone within a minute."""
    for target in targets.values():
        kept = target.spec.retention
        if target.records and kept is not None and target.newest < now - kept.total_seconds():
            raise InputError(
                f"topic {target.spec.name}: expected records younger than its retention, {age(kept)}, found none after "
                f"{moment(target.newest)}; they would be deleted at once. --prefix NAME imports them into a topic that "
                "keeps them"
            )


async def _refuse_filled(event_log: EventLog, targets: dict[str, Target], files: Sequence[str]) -> None:
    for target in targets.values():
        if target.is_new or not target.records:
            continue
        starts, ends = await event_log.starts(target.spec.name), await event_log.ends(target.spec.name)
        held = sum(end - starts[number] for number, end in ends.items())
        if held:
            raise InputError(
                f"topic {target.spec.name}: expected an empty topic, found {held:,} records; a second import of "
                f"{', '.join(files)} would double them. --append writes all the same"
            )


def _notes(
    checked: Sequence[tuple[Path, Contents]],
    targets: dict[str, Target],
    settings: Settings,
    prefix: str | None,
    now: float,
) -> Iterator[str]:
    ours = {topic.name for topic in ALL}
    for path, contents in checked:
        for topic in contents.header.topics:
            target, counted = targets[topic.name], contents.topics[topic.name]
            spec = target.spec
            if not counted.records:
                continue
            if spec.partitions != topic.partitions:
                yield (
                    f"topic {spec.name}: has {spec.partitions} partitions, {path} {topic.partitions}: the key decides"
                )
            if spec.retention is not None and counted.oldest < now - spec.retention.total_seconds():
                yield f"topic {spec.name}: records older than its retention, {age(spec.retention)}, may go at once"
        if contents.without_header_value:
            count = contents.without_header_value
            yield f"{path}: {count:,} records have a header without a value, which is written as an empty one"
    made = [target.spec for target in targets.values() if target.is_new and prefix is None]
    for count in sorted({spec.partitions for spec in made if spec.name in ours} - {settings.partitions}):
        names = ", ".join(spec.name for spec in made if spec.partitions == count and spec.name in ours)
        yield (
            f"{names}: {count} partitions, as in the archive; a worker on this log needs the setting "
            f"partitions = {count}, found {settings.partitions}"
        )


async def _write_all(
    event_log: EventLog,
    checked: Sequence[tuple[Path, Contents]],
    targets: dict[str, Target],
    *,
    is_quiet: bool,
) -> list[str]:
    for target in targets.values():
        if target.is_new:
            await event_log.create_topic(target.spec)
    before = {target.spec.name: await _end(event_log, target.spec.name) for target in targets.values()}
    total = sum(contents.records for _, contents in checked)
    is_deferred = False
    done = 0
    with progress("records", total, is_quiet=is_quiet) as advance:
        for path, contents in checked:
            for chunk in _chunks(path, contents, targets):
                try:
                    placed = await event_log.append_many(chunk)
                except LogError as error:
                    raise LogError(f"{error}; {done:,} of {total:,} records were written before") from error
                is_deferred = is_deferred or placed[0].offset is None
                done += len(chunk)
                advance(len(chunk))
    if not is_deferred:
        return []
    wanted = {target.spec.name: before[target.spec.name] + target.records for target in targets.values()}
    return [] if await _are_taken(event_log, wanted) else ["the running worker has not taken in all records yet"]


def _chunks(path: Path, contents: Contents, targets: dict[str, Target]) -> Iterator[list[Draft]]:
    sizes = {topic.name: topic.partitions for topic in contents.header.topics}
    chunk: list[Draft] = []
    held = 0
    for record in records(path):
        spec = targets[record.topic].spec
        chunk.append(_draft(record, spec.name, is_placed=spec.partitions == sizes[record.topic]))
        held += len(record.key or b"") + len(record.value or b"")
        if len(chunk) >= CHUNK_RECORDS or held >= CHUNK_BYTES:
            yield chunk
            chunk, held = [], 0
    if chunk:
        yield chunk


def _draft(record: Record, topic: str, *, is_placed: bool) -> Draft:
    headers: Headers = tuple((name, value or b"") for name, value in record.headers)
    # Kafka's records without a time have one before 1970, which no log takes
    timestamp = max(0.0, record.timestamp)
    return Draft(topic, record.key, record.value, headers, timestamp, record.partition if is_placed else None)


async def _end(event_log: EventLog, topic: str) -> int:
    if topic not in await event_log.topics():
        return 0  # another process owns the log, and makes the topic with the first record
    return sum((await event_log.ends(topic)).values())


async def _are_taken(event_log: EventLog, wanted: dict[str, int]) -> bool:
    """Wait until the records are readable: else a second import would find the topics empty."""
    try:
        async with asyncio.timeout(VISIBLE_S):
            for topic, end in wanted.items():
                while await _end(event_log, topic) < end:  # noqa: ASYNC110  another process writes
                    await asyncio.sleep(POLL_S)
    except TimeoutError:
        return False
    return True


def age(retention: timedelta | None) -> str:
    """How long a topic keeps its records.

    >>> age(None), age(timedelta(days=7)), age(timedelta(minutes=5))
    ('for ever', '7 d', '300 s')
    """
    if retention is None:
        return "for ever"
    seconds = retention.total_seconds()
    return f"{seconds:g} s" if seconds < 86_400 else f"{seconds / 86_400:g} d"
