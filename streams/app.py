"""What every Faust app of ours is made of: its settings, its tables, and agents whose body is a `Stage`."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import faust
from faust.tables.manager import TableManager
from yarl import URL

from agents.step import Step
from schemas.codec import decode
from schemas.event import Event
from streams.compression import pack, unpack
from streams.dead_letters import DeadLetterLimit
from streams.log import TopicSpec
from streams.routing.timers import Scheduler
from streams.settings import Settings
from streams.stage import SOURCE_OFFSET, Binding, Message, OutRecord, Stage, deliver
from streams.topics import Topic

Decode = Callable[[bytes | None, Mapping[str, bytes]], Event]


class Pipeline(NamedTuple):
    """An app, and what makes time pass in it: the scheduler runs beside the app, for as long.

    consumed  topics that its agents read, upstream first
    """

    app: faust.App
    scheduler: Scheduler
    consumed: tuple[Topic, ...]


class Agents:
    """The agents of one app. Nothing starts before `await app.start()`.

    id       consumer group, and prefix of the changelogs
    datadir  where Faust may create its own folder; the tables live in memory and in their changelogs
    die      ends the process; see streams.stage
    """

    def __init__(self, settings: Settings, id: str, *, datadir: Path, die: Callable[[int, str], None]) -> None:
        self.app = faust.App(
            id,
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

            kafka.install(self.app)
        self.stages: list[Stage] = []
        self.consumed: list[Topic] = []
        self.send = _SendAll(self.app) if settings.is_embedded else _Send(self.app)
        self._settings = settings
        self._limit = DeadLetterLimit(settings.dead_letter_limit)
        self._die = die

    def add(
        self,
        source: Topic | Sequence[Topic],
        name: str,
        decode_event: Decode,
        bindings: Sequence[Binding],
        *,
        route: Callable[[Event], OutRecord],
        receive: Callable[[Event, Message], Event] | None = None,
    ) -> Stage:
        """One more agent, which reads these topics."""
        stage = Stage(
            name,
            bindings,
            decode=decode_event,
            route=route,
            send=self.send,
            log_id=self.app.conf.id,
            limit=self._limit,
            die=self._die,
            batch_size=self._settings.batch_size,
            receive=receive,
        )
        self.stages.append(stage)
        sources = (source,) if isinstance(source, Topic) else tuple(source)
        self.consumed.extend(sources)
        names = [topic.name for topic in sources]
        read = self.app.topic(*names, key_type=bytes, value_type=bytes, partitions=self._settings.partitions)
        self.app.agent(read, name=name)(_body(stage))
        return stage

    def bound(
        self, step: Step[Any], memo_key: Callable[[Any, Message], str] | None, *, counts_inputs: bool = False
    ) -> Binding:
        """A step with a table of its own."""
        return Binding(step, FaustTable(self.app, step.name), memo_key, counts_inputs=counts_inputs)

    async def publish(self, records: Sequence[OutRecord]) -> None:
        """Returns when they are durable."""
        await deliver(records, self.send)

    def pipeline(self, scheduler: Scheduler, *forgets: Callable[[], None]) -> Pipeline:
        """The whole; `forgets` are called when the tables are to hold other partitions."""

        async def forget(*_: Any, **__: Any) -> None:
            for stage in self.stages:
                stage.forget()
            scheduler.forget()
            for one in forgets:
                one()

        self.app.on_partitions_assigned.connect(forget)
        return Pipeline(self.app, scheduler, tuple(self.consumed))


def changelogs(app: faust.App, settings: Settings) -> tuple[TopicSpec, ...]:
    """The changelogs of its tables, as they must exist."""
    names = sorted(table.changelog_topic_name for table in app.tables.values())
    return tuple(TopicSpec(name=name, partitions=settings.partitions, is_compacted=True) for name in names)


def decoder(kind: type[Event]) -> Decode:
    """Reads a topic that holds one kind of event."""

    def read(value: bytes | None, _: Mapping[str, bytes]) -> Event:
        return decode(kind, value)

    return read


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


def _body(stage: Stage) -> Callable[[Any], Awaitable[None]]:
    async def body(stream: Any) -> None:
        await stage.run(stream)

    return body


class _Send:
    """Hands records to the app's producer; changelog records go packed."""

    def __init__(self, app: faust.App) -> None:
        self._app = app
        self._changelogs = app.tables.changelog_topics

    async def __call__(self, record: OutRecord) -> Any:
        """A future of its delivery."""
        return await self._app.producer.send(
            record.topic, record.key, self._value(record), record.partition, None, list(record.headers)
        )

    def _value(self, record: OutRecord) -> bytes | None:
        return pack(record.value) if record.topic in self._changelogs else record.value


class _SendAll(_Send):
    """The same on a log that takes many at once."""

    async def all(self, records: Sequence[OutRecord]) -> None:
        """Returns when all are durable."""
        await self._app.producer.send_all(
            [(one.topic, one.key, self._value(one), one.partition, one.headers) for one in records]
        )


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
