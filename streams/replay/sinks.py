"""Where the alerts of a run go: topics of its own, a file, or one subscription that was named."""

import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import msgspec

from agents.delivery.dispatch import split
from agents.routing.filters import match
from agents.routing.telling import brief_of, notification
from schemas import identity
from schemas.alert import Alert, MessageType, Status
from schemas.codec import alert_to_record, encode
from schemas.delivery import Delivery
from schemas.errors import InputError, LogError
from schemas.routing import Explain, Item, NotificationKind, Reason
from schemas.subscription import Subscription
from streams.delivery import reports
from streams.log import Draft, EventLog, TopicSpec, open_log
from streams.routing import stored
from streams.settings import Settings
from streams.topics import ALERTS, run_topic

STDOUT = "-"
RETENTION = timedelta(days=30)
"""Of a run's topics: long enough to look at, and nobody has to tidy up."""


class Mark(msgspec.Struct, kw_only=True):
    """How far a sink came.

    size   bytes of the file
    ends   next offset by "topic/partition" of the run's topics
    told   alerts of which the subscription was sent something
    """

    size: int = 0
    ends: dict[str, int] = {}
    told: list[str] = []


class Sink(Protocol):
    """Takes alerts; nothing counts before `flush` has returned."""

    async def begin(self, mark: Mark | None) -> None:
        """Make ready; with the mark of an earlier part of the run, go on behind it."""

    def put(self, alert: Alert) -> None:
        """One more."""

    async def flush(self) -> Mark:
        """Durable, whatever was put."""

    def line(self) -> str:
        """Where it goes, for people."""


class TopicSink:
    """Topics of the log; one of its own for each kind of alert unless one is named. The log is held only to write."""

    def __init__(self, settings: Settings, run: str, topic: str | None = None) -> None:
        self._settings = settings
        self._topics = {family: topic or run_topic(run, one.name) for family, one in ALERTS.items()}
        self._waiting: list[Draft] = []
        self._known: set[str] = set()
        self._is_made = False

    async def begin(self, mark: Mark | None) -> None:
        """What was written behind the mark is not written again."""
        if mark is not None:
            self._known = await self._behind(mark)

    def put(self, alert: Alert) -> None:
        """One more."""
        if alert.id in self._known:
            self._known.discard(alert.id)
            return
        self._waiting.append(Draft(self._topics[alert.type.family], *alert_to_record(alert)))

    async def flush(self) -> Mark:
        """Durable, whatever was put."""
        log = await open_log(self._settings.broker, mode="append", kafka=self._settings.kafka)
        try:
            if not self._is_made:
                for name in sorted(set(self._topics.values())):
                    await log.create_topic(self._spec(name))
                self._is_made = True
            if self._waiting:
                await log.append_many(self._waiting)
                self._waiting.clear()
            return Mark(ends=await self._ends(log))
        finally:
            await log.close()

    def line(self) -> str:
        """Where it goes."""
        return f"topics {', '.join(sorted(set(self._topics.values())))}; nothing is delivered"

    def _spec(self, name: str) -> TopicSpec:
        return TopicSpec(name=name, partitions=self._settings.partitions, retention=RETENTION)

    async def _ends(self, log: EventLog) -> dict[str, int]:
        known = await log.topics()
        return {
            f"{name}/{number}": end
            for name in sorted(set(self._topics.values()))
            if name in known
            for number, end in (await log.ends(name)).items()
        }

    async def _behind(self, mark: Mark) -> set[str]:
        log = await open_log(self._settings.broker, mode="read", kafka=self._settings.kafka)
        try:
            found = set()
            for place in await self._ends(log):
                topic, _, number = place.rpartition("/")
                async for record in log.read(topic, int(number), mark.ends.get(place, 0)):
                    found.add(next(raw.decode() for name, raw in record.headers if name == "ce_id"))
            return found
        finally:
            await log.close()


class FileSink:
    """One CloudEvents JSON object a line; "-" is standard output."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._is_stdout = path == STDOUT
        self._waiting: list[bytes] = []
        self._size = 0

    async def begin(self, mark: Mark | None) -> None:
        """An existing file is refused; what stands behind the mark is cut off."""
        if self._is_stdout:
            if mark is not None:
                raise InputError("--resume: a run that writes to standard output cannot go on; run it again")
            return
        try:
            if mark is None:
                self._path.open("xb").close()
            else:
                os.truncate(self._path, mark.size)
                self._size = mark.size
        except FileExistsError:
            raise InputError(f"--to-file: {self._path}: expected a new file, found one that exists") from None
        except OSError as error:
            raise InputError(f"--to-file: {self._path}: {error.strerror or error}") from None

    def put(self, alert: Alert) -> None:
        """One more."""
        self._waiting.append(encode(alert) + b"\n")

    async def flush(self) -> Mark:
        """On the disk, whatever was put."""
        data = b"".join(self._waiting)
        if self._is_stdout:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        elif data:
            try:
                with self._path.open("ab") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
            except OSError as error:
                raise LogError(f"{self._path}: {error.strerror or error}") from None
        self._waiting.clear()
        self._size += len(data)
        return Mark(size=self._size)

    def line(self) -> str:
        """Where it goes."""
        return f"{'standard output' if self._is_stdout else self._path}; nothing is delivered"


class SubscriptionSink:
    """One subscription: its filter decides, its endpoint is sent each alert, marked as a replay, under ids of this run.

    Lanes and threads are the run's own: nothing of today waits behind them, no thread of today is touched.
    """

    def __init__(self, settings: Settings, run: str, subscription: Subscription) -> None:
        self._settings = settings
        self._run = run
        self._subscription = subscription
        self._waiting: list[Delivery] = []
        self._told: dict[str, None] = {}

    async def begin(self, mark: Mark | None) -> None:
        """Deliveries have ids: what is written twice is sent once."""
        self._told = dict.fromkeys(mark.told if mark is not None else ())

    def put(self, alert: Alert) -> None:
        """One more, if the subscription wants it or was told of it."""
        is_known = alert.data.alert_id in self._told
        if not (is_known and alert.data.msgtype is not MessageType.ALERT):
            is_known = False
            if not match(self._subscription.filter, alert).is_match:
                return
        self._told[alert.data.alert_id] = None
        self._waiting.append(self._delivery(alert, is_correction=is_known))

    async def flush(self) -> Mark:
        """With delivery, whatever was put."""
        if self._waiting:
            async with stored.opened(self._settings, writes=True) as log:
                await reports.append(log, self._waiting)
            self._waiting.clear()
        return Mark(told=list(self._told))

    def line(self) -> str:
        """Where it goes."""
        to = self._subscription
        return f"subscription {to.owner}/{to.name}: each alert is SENT to {to.channel} {to.target}, marked as a replay"

    def _delivery(self, alert: Alert, *, is_correction: bool) -> Delivery:
        data = alert.data
        own = msgspec.structs.replace(
            alert,
            id=self._id(alert.id),
            data=msgspec.structs.replace(data, references=tuple(self._id(one) for one in data.references)),
        )
        brief = brief_of(own)
        item = Item(
            message_id=own.id,
            alert_id=data.alert_id,
            version=data.version,
            msgtype=data.msgtype if is_correction else MessageType.ALERT,
            type=alert.type,
            severity=alert.severitynumber,
            headline="[REPLAY] " + data.headline,
            story=alert.story,
            time=alert.time,
            reason=Reason.SENT,
            explain=Explain(before=brief.before, after=brief.after, route=f"replay {self._run}"),
        )
        kind = NotificationKind.CORRECTION if is_correction else NotificationKind.MESSAGE
        told = notification(
            self._subscription,
            kind,
            (item,),
            at=datetime.now(UTC),
            group={"replay": self._run},
            status=Status.REPLAY,
            references=own.data.references if is_correction else (),
        )
        (one,) = split(told)
        place = f"replay/{self._run}/{alert.story}"
        return msgspec.structs.replace(one, alert=own, story=place, thread=f"{one.channel}/{one.endpoint}/{place}")

    def _id(self, message: str) -> str:
        return identity.replayed_id(self._run, message)


def as_replay(alert: Alert) -> Alert:
    """The same alert, and whoever reads it sees that it is none of today's."""
    return msgspec.structs.replace(alert, data=msgspec.structs.replace(alert.data, status=Status.REPLAY))
