"""What `tocsin doctor` looks at, one finding each; nothing here changes what the pipeline reads."""

import shutil
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from schemas.errors import InputError, LogError
from streams import dead_letter_review, declaration
from streams.delivery import app_id
from streams.log import EventLog, TopicPartition, open_log
from streams.log.address import parse_address
from streams.log.kafka import KafkaLog
from streams.settings import Settings
from streams.topics import CONSUMED, DELIVERED

CLOCK_S = 5.0
"""Largest difference of clocks that does no harm: well below every time a rule or a watchdog waits for."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing looked at.

    is_ok  false makes the exit code 1
    """

    name: str
    is_ok: bool
    detail: str

    def as_dict(self) -> dict[str, object]:
        """For programs."""
        return asdict(self)


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    """Every finding, as it is made."""
    packages = ("tocsin", "faust-streaming", "aiokafka", "mode-streaming")
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    yield Finding(name="versions", is_ok=True, detail=f"python {sys.version.split()[0]}, {versions}")
    if settings.is_embedded:
        directory = parse_address(settings.broker).directory
        for finding in _directory(directory):
            yield finding
    started = time.monotonic()
    try:
        event_log = await open_log(settings.broker, mode="read", kafka=settings.kafka)
    except (LogError, InputError) as error:
        yield Finding(name="log", is_ok=False, detail=str(error))
        return
    try:
        yield await _log(settings, event_log, time.monotonic() - started)
        async for finding in _contents(settings, event_log):
            yield finding
    except LogError as error:
        yield Finding(name="log", is_ok=False, detail=str(error))
    finally:
        await event_log.close()


async def _log(settings: Settings, event_log: EventLog, seconds: float) -> Finding:
    if not isinstance(event_log, KafkaLog):
        return Finding(name="log", is_ok=True, detail=f"{settings.broker} opened in {seconds * 1000:.0f} ms")
    brokers = await event_log.brokers()
    copies, needed = await event_log.replication()
    kafka = settings.kafka
    how = f"{kafka.security_protocol} as {kafka.username} by {kafka.sasl_mechanism}" if kafka.signs_in else "no sign-in"
    addresses = ", ".join(brokers[number] for number in sorted(brokers))
    detail = f"{len(brokers)} brokers ({addresses}) in {seconds * 1000:.0f} ms, {kafka.security_protocol}, {how}"
    if kafka.signs_in:
        detail = f"{len(brokers)} brokers ({addresses}) in {seconds * 1000:.0f} ms, {how}"
    return Finding(name="log", is_ok=True, detail=f"{detail}; {copies} copies, {needed} must hold a record")


async def _contents(settings: Settings, event_log: EventLog) -> AsyncIterator[Finding]:
    states = await declaration.compare(event_log, declaration.declared(settings))
    wrong = [f"{state.spec.name} ({', '.join(state.faults)})" for state in states if not state.is_right]
    detail = f"{len(states)} as declared" if not wrong else f"see `tocsin topics`: {'; '.join(wrong)}"
    yield Finding(name="topics", is_ok=not wrong, detail=detail)
    present = {state.spec.name for state in states if state.found is not None}
    for group, consumed in ((settings.app_id, CONSUMED), (app_id(settings), DELIVERED)):
        committed = await event_log.committed(group)
        for topic in consumed:
            if topic.name in present:
                yield await _lag(event_log, topic.name, committed)
    waiting = [item async for item in dead_letter_review.letters(event_log)]
    yield Finding(name="dead letters", is_ok=True, detail=f"{len(waiting)} not dealt with")
    if isinstance(event_log, KafkaLog):
        yield await _clock(settings, event_log)


async def _lag(event_log: EventLog, topic: str, committed: dict[TopicPartition, int]) -> Finding:
    starts, ends = await event_log.starts(topic), await event_log.ends(topic)
    lags = {
        number: end - max(committed.get(TopicPartition(topic, number), 0), starts[number])
        for number, end in ends.items()
    }
    behind = {number: lag for number, lag in lags.items() if lag > 0}
    where = f" in partitions {', '.join(map(str, behind))}" if behind else ""
    return Finding(
        name=f"lag of {topic}",
        is_ok=True,
        detail=f"{sum(behind.values())} of {sum(ends.values())} not committed{where}",
    )


async def _clock(settings: Settings, event_log: KafkaLog) -> Finding:
    try:
        ahead = await event_log.clock_difference(f"{settings.app_id}-doctor")
    except LogError as error:
        return Finding(name="clock", is_ok=True, detail=f"not compared: {error}")
    is_ok = abs(ahead) <= CLOCK_S
    return Finding(name="clock", is_ok=is_ok, detail=f"the broker's is {ahead:+.2f} s from ours")


def _directory(directory: Path) -> list[Finding]:
    from streams.log.embedded import MIN_FREE_BYTES
    from streams.log.inbox import FOLDER

    if not directory.is_dir():
        return [Finding(name="directory", is_ok=False, detail=f"{directory}: no log yet; `tocsin run` makes it")]
    free = shutil.disk_usage(directory).free
    size = sum(path.stat().st_size for path in directory.iterdir() if path.is_file())
    batches = len(list((directory / FOLDER).glob("*.batch"))) if (directory / FOLDER).is_dir() else 0
    return [
        Finding(name="directory", is_ok=True, detail=f"{directory.absolute()}, {size / 1e6:.1f} MB"),
        Finding(name="owner", is_ok=True, detail=_owner(directory)),
        Finding(
            name="free space",
            is_ok=free >= MIN_FREE_BYTES,
            detail=f"{free / 1e6:.0f} MB; below {MIN_FREE_BYTES / 1e6:.0f} MB no input is taken",
        ),
        Finding(name="inbox", is_ok=True, detail=f"{batches} batches wait for the owner"),
    ]


def _owner(directory: Path) -> str:
    """Who holds the lock; looked at without taking it away from a worker that starts just now."""
    import fcntl

    path = directory / "LOCK"
    if not path.exists():
        return "none"
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return f"process {file.read(32).strip() or 'unknown'}"
    return "none"
