"""The composition root: which agent reads which topic with which steps, as one Faust app.

A new detector is one new package in `agents/` and one line in `_detectors`.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import faust
import msgspec
from faust.tables.manager import TableManager
from yarl import URL

from agents.entries.step import EntriesStep
from agents.escalations.step import EscalationsStep
from agents.officials.recognition import Recogniser
from agents.officials.registry import Registry
from agents.officials.step import OfficialsStep
from agents.roles.step import RolesStep
from agents.routing.book import Book
from agents.routing.ledger import head_key
from agents.routing.pacing import Pacing, pacing_key
from agents.routing.story import StoryRouting
from agents.statements.cast import Resolver
from agents.statements.engine import extractor
from agents.statements.step import StatementsStep
from agents.step import Step
from schemas.alert import Alert
from schemas.article import ArticleUpdate, EntryRevision
from schemas.codec import alert_to_record, decode, encode
from schemas.detection import RoleClaim
from schemas.event import Event
from streams import topics
from streams.compression import pack, unpack
from streams.dead_letter_review import HANDLED
from streams.dead_letters import DeadLetterLimit
from streams.log import TopicSpec
from streams.registries import load_registry
from streams.routing import records
from streams.routing.steps import Intake, PacingStep, RoutingStep, by_content
from streams.routing.timers import Clocked, Scheduler
from streams.settings import Settings
from streams.stage import SOURCE_OFFSET, Binding, Message, OutRecord, Stage, deliver, exit_now
from streams.topics import Topic

Decode = Callable[[bytes | None, Mapping[str, bytes]], Event]


def _detectors(settings: Settings, registry: Registry) -> tuple[Step[EntryRevision], ...]:
    """Every step that reads entry revisions. Each has its own table and fails on its own."""
    recogniser = Recogniser(registry)
    resolver = Resolver(recogniser)
    return (
        StatementsStep(extractor(settings.statements_engine), resolver=resolver),
        EscalationsStep(),
        OfficialsStep(recogniser=recogniser),
    )


def by_position(_: Event, message: Message) -> str:
    """Names an update by where and when it stands in the log: the same file ingested twice is two inputs."""
    return f"{message.topic}/{message.partition}/{message.offset}/{message.timestamp:.6f}"


def by_revision(entry: EntryRevision, _: Message) -> str:
    """Names a revision by entry and number, wherever it stands."""
    return entry.revision_id


def by_claim(claim: RoleClaim, _: Message) -> str:
    """Names a claim by id, revision and whether it stands or was withdrawn."""
    return f"{claim.claim_id}/{claim.revision}/{claim.is_withdrawn:d}"


def route(event: Event) -> OutRecord:
    """The record of an event: its topic by its type, its key by what the next stage keeps state for."""
    match event:
        case EntryRevision():
            return OutRecord(topics.ENTRIES.name, event.story.encode(), encode(event))
        case RoleClaim():
            return OutRecord(topics.ROLE_CLAIMS.name, event.subject.encode(), encode(event))
        case Alert():
            return OutRecord(topics.ALERTS[event.type.family].name, *alert_to_record(event))
        case _:
            raise TypeError(f"no topic carries {type(event).__name__}")


class Pipeline(NamedTuple):
    """The app, and what makes time pass in it: the scheduler runs beside the app, for as long."""

    app: faust.App
    scheduler: Scheduler


def create_app(settings: Settings, **options: Any) -> faust.App:
    """The app of `create_pipeline`, for who needs no timers."""
    return create_pipeline(settings, **options).app


def create_pipeline(
    settings: Settings,
    *,
    datadir: Path,
    broker: str | None = None,
    die: Callable[[int, str], None] = exit_now,
    book: Book | None = None,
) -> Pipeline:
    """The pipeline on the broker of the settings. Nothing starts before `await app.start()`.

    datadir  where Faust may create its own folder; the tables live in memory and in their changelogs
    broker   overrides the address of the settings, for tests
    die      ends the process; see streams.stage
    book     subscriptions and silences; whole before the start, and followed by whoever made it
    """
    if broker is not None:
        settings = msgspec.structs.replace(settings, broker=broker)
    app = faust.App(
        settings.app_id,
        datadir=str(datadir),
        store="memory://",
        web_enabled=False,  # it would serve table data without authentication
        key_serializer="raw",
        value_serializer="raw",
        topic_partitions=settings.partitions,
        topic_disable_leader=True,
        broker_commit_interval=settings.commit_interval_s,
        broker_max_poll_records=settings.batch_size,
        stream_buffer_maxsize=16_384,
        **_engine(settings),
    )
    if not settings.is_embedded:
        from streams import kafka

        kafka.install(app)
    registry = load_registry(settings.registries)
    limit = DeadLetterLimit(settings.dead_letter_limit)
    stages: list[Stage] = []

    send = _sender(app)

    def add(
        source: Topic | Sequence[Topic],
        name: str,
        decode_event: Decode,
        bindings: Sequence[Binding],
        *,
        route: Callable[[Event], OutRecord] = route,
        receive: Callable[[Event, Message], Event] | None = None,
    ) -> Stage:
        stage = Stage(
            name,
            bindings,
            decode=decode_event,
            route=route,
            send=send,
            log_id=settings.app_id,
            limit=limit,
            die=die,
            batch_size=settings.batch_size,
            receive=receive,
        )
        stages.append(stage)
        names = [topic.name for topic in ((source,) if isinstance(source, Topic) else source)]
        read = app.topic(*names, key_type=bytes, value_type=bytes, partitions=settings.partitions)
        app.agent(read, name=name)(_body(stage))
        return stage

    def bound(step: Step[Any], memo_key: Callable[[Any, Message], str], *, counts_inputs: bool = False) -> Binding:
        return Binding(step, FaustTable(app, step.name), memo_key, counts_inputs=counts_inputs)

    add(topics.UPDATES, "entries", _decoder(ArticleUpdate), [bound(EntriesStep(), by_position)])
    detectors = [bound(step, by_revision) for step in _detectors(settings, registry)]
    add(topics.ENTRIES, "detect", _decoder(EntryRevision), detectors)
    add(topics.ROLE_CLAIMS, "roles", _decoder(RoleClaim), [bound(RolesStep(registry), by_claim)])
    add(topics.ALERT_TOPICS, "intake", records.read_alert, [Binding(Intake(), None, None)], route=records.to_routing)
    book = Book() if book is None else book
    story, pace = StoryRouting(book), Pacing(book)
    routing = bound(RoutingStep(story), by_position, counts_inputs=True)
    pacing = bound(PacingStep(pace), by_content, counts_inputs=True)
    routing_stage = add(
        topics.ROUTING, "routing", records.read_routed, [routing], route=records.to_pacing, receive=records.Receiver()
    )
    pacing_stage = add(
        topics.PACING, "pacing", records.read_paced, [pacing], route=records.to_readers, receive=records.Receiver()
    )

    async def publish(ticks: Sequence[OutRecord]) -> None:
        await deliver(ticks, send)

    scheduler = Scheduler(
        [
            Clocked(routing_stage, routing, topics.ROUTING, story.due, head_key(""), records.to_routing),
            Clocked(pacing_stage, pacing, topics.PACING, pace.due, pacing_key(""), records.to_pacing),
        ],
        publish,
    )

    async def forget(*_: Any, **__: Any) -> None:
        for stage in stages:
            stage.forget()
        scheduler.forget()

    app.on_partitions_assigned.connect(forget)
    return Pipeline(app, scheduler)


class _Tables(TableManager):  # type: ignore[misc]  # Faust publishes no types
    """Faust's tables, without the second that it waits at start for tables to be added: all of ours are there."""

    async def on_start(self) -> None:
        """Register the changelogs and recover."""
        await self._update_channels()
        await self.recovery.start()


def _engine(settings: Settings) -> dict[str, Any]:
    if settings.is_embedded:
        return {"broker": URL(settings.broker), "TableManager": _Tables}
    from streams import kafka  # aiokafka's driver is loaded where it is used

    return kafka.app_settings(settings)


def declared_topics(app: faust.App, settings: Settings) -> tuple[TopicSpec, ...]:
    """Every topic the pipeline needs, changelogs of its tables included."""
    partitions = settings.partitions
    plain = [topic.spec(partitions) for topic in topics.ALL]
    changelogs = [table.changelog_topic_name for table in app.tables.values()]
    return (
        *plain,
        *(TopicSpec(name=name, partitions=partitions, is_compacted=True) for name in sorted(changelogs)),
        HANDLED,
    )


def _body(stage: Stage) -> Callable[[Any], Awaitable[None]]:
    async def body(stream: Any) -> None:
        await stage.run(stream)

    return body


def _decoder(kind: type[Event]) -> Decode:
    def read(value: bytes | None, _: Mapping[str, bytes]) -> Event:
        return decode(kind, value)

    return read


def _sender(app: faust.App) -> Callable[[OutRecord], Any]:
    changelogs = app.tables.changelog_topics

    async def send(record: OutRecord) -> Any:
        headers = list(record.headers)
        value = pack(record.value) if record.topic in changelogs else record.value
        return await app.producer.send(record.topic, record.key, value, record.partition, None, headers)

    return send


class FaustTable:
    """A Faust table whose changelog the stage writes itself; see streams.stage.Table."""

    def __init__(self, app: faust.App, name: str) -> None:
        self._table = app.Table(name, key_type=bytes, value_type=bytes, partitions=app.conf.topic_partitions)
        self.changelog_topic_name: str = self._table.changelog_topic_name
        self._sources: dict[bytes, int] = {}
        restore = self._table.apply_changelog_batch
        self._table.apply_changelog_batch = lambda batch: restore(self._in_order(batch))

    def _in_order(self, batch: Iterable[Any]) -> list[Any]:
        """Changelog events without those that take a key back to an earlier input.

        A worker that was stopped, or lost its partitions in the middle of a batch, writes what it had decided beside
        the new owner, perhaps long after it; the last record of a key is then not the newest.
        """
        kept = []
        for event in batch:
            message = event.message
            source = dict(message.headers or ()).get(SOURCE_OFFSET)
            if source is not None:
                if int(source) < self._sources.get(message.key, 0):
                    continue
                self._sources[message.key] = int(source)
            kept.append(event)
        return kept

    def get(self, key: bytes) -> bytes | None:
        """The value of a key, without sensors; the same object each time."""
        store = self._table.data
        value: bytes | None = store.get(key)
        if value is None:
            return None
        whole = unpack(value)
        if whole is not value:
            store[key] = whole  # came packed from the changelog
        return whole

    def items(self) -> Iterable[tuple[bytes, bytes]]:
        """All keys and values."""
        for key in self.keys():
            value = self.get(key)
            if value is not None:
                yield key, value

    def keys(self) -> Iterable[bytes]:
        """All keys."""
        return list(self._table.data.keys())

    def apply(self, key: bytes, value: bytes | None, partition: int) -> None:
        """Set or delete a key whose changelog record is durable.

        The store's own note of the key's partition lets it drop the key when the partition goes to another worker.
        """
        store = self._table.data
        if value is None:
            store.pop(key, None)
            store._key_partition.pop(key, None)
        else:
            store[key] = value
            store._key_partition[key] = partition
