"""Receivers on loopback, endpoints and subscriptions for them, and alerts without end."""

import asyncio
import importlib.util
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from agents.delivery.signing import secret_of
from schemas.alert import Alert, AlertData, AlertType, MessageType, Novelty, StatementFacts, Story, alert
from schemas.codec import alert_to_record
from schemas.delivery import Attempt, Credentials, Endpoint, SigningKey
from schemas.detection import Speaker, SpeakerType, StatementKind
from schemas.event import Severity
from schemas.identity import alert_id, message_id
from schemas.subscription import Filter, Subscription, subscription
from streams.delivery import endpoints
from streams.delivery.records import read_attempt
from streams.delivery.sealing import load_sealer
from streams.log import Draft, open_log
from streams.routing import stored
from streams.settings import load
from streams.topics import ALERTS_STATEMENTS, ATTEMPTS
from tests.builders import NOON
from tests.e2e.harness import Tocsin

SECRET = secret_of(b"a secret for tests only, 32 long")
PATH = Path(__file__).parents[2] / "examples" / "receiver.py"


def sample_receiver() -> Any:
    """The example that people start from, as a module."""
    spec = importlib.util.spec_from_file_location("sample_receiver", PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextmanager
def receiving(folder: Path) -> Iterator[tuple[Any, str]]:
    """The sample receiver and its address."""
    module = sample_receiver()
    order: list[str] = []
    receiver = module.Receiver([SECRET], str(folder / "received.db"), on_new=lambda id, body: order.append(id))
    receiver.order = order
    server = module.serve(receiver, 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield receiver, f"http://127.0.0.1:{server.server_address[1]}/hook"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        receiver.close()


def statement(number: int, *, story: str, version: int = 1, msgtype: MessageType = MessageType.ALERT) -> Alert:
    """An alert of an invented statement."""
    subject = f"story/{story}/statement/st_{number}"
    id = alert_id("statement", subject, 1, 1)
    text = f"The bridge opens on day {number}."
    when = NOON + timedelta(seconds=number)
    person = Speaker(type=SpeakerType.PERSON, name="Mara Oslund", surface="Mara Oslund")
    data = AlertData(
        alert_id=id,
        msgtype=msgtype,
        version=version,
        headline=f"Mara Oslund: “{text}”",
        story=Story(id=story, title="The bridge"),
        evidence=(),
        why="new words",
        references=tuple(message_id(id, n) for n in range(1, version)),
        statement=StatementFacts(
            id=f"st_{number}",
            kind=StatementKind.DIRECT,
            novelty=Novelty.NEW,
            text=text,
            speaker=person,
            attribution="explicit",
        ),
    )
    return alert(
        AlertType.STATEMENT_NEW if msgtype is MessageType.ALERT else AlertType.STATEMENT_RETRACTED,
        data=data,
        message_id=message_id(id, version),
        stage="statements",
        subject=subject,
        time=when,
        recordedtime=when,
        sequence=number,
        severity=Severity.WATCH,
    )


@asynccontextmanager
async def opened(tocsin: Tocsin) -> AsyncIterator[Any]:
    """Its log, to write to, with all topics declared."""
    async with stored.opened(load(tocsin.environment), writes=True) as event_log:
        yield event_log


async def subscribe(tocsin: Tocsin, *made: tuple[Endpoint, Credentials, Subscription]) -> None:
    """Make endpoints, and subscriptions to them."""
    sealer = load_sealer(load(tocsin.environment))
    async with opened(tocsin) as event_log:
        for endpoint, credentials, asked in made:
            kept = Endpoint(
                id=endpoint.id,
                channel=endpoint.channel,
                owner=endpoint.owner,
                settings=endpoint.settings,
                sealed=sealer.seal(credentials),
            )
            await endpoints.put(event_log, kept)
            await stored.put(event_log, asked)


def wants(endpoint: str, *, channel: str = "webhook", name: str = "all", **settings: Any) -> Subscription:
    """A subscription to every statement, told one by one and at once."""
    fields: dict[str, Any] = {
        "filter": Filter(families=("statement",)),
        "group_by": ("story", "type", "severity"),
        "group_wait_s": 0,
        "group_interval_s": 0,
    }
    return subscription(owner="desk", name=name, channel=channel, target=endpoint, **(fields | settings))


def webhook(id: str, url: str) -> tuple[Endpoint, Credentials]:
    """A webhook endpoint on loopback."""
    endpoint = Endpoint(id=id, channel="webhook", owner="desk", settings={})
    return endpoint, Credentials(url=url, keys=(SigningKey(secret=SECRET),))


async def publish(tocsin: Tocsin, alerts: Sequence[Alert]) -> None:
    """Write alerts where detectors write them."""
    async with opened(tocsin) as event_log:
        await event_log.append_many([Draft(ALERTS_STATEMENTS.name, *alert_to_record(one)) for one in alerts])


async def attempts(tocsin: Tocsin) -> list[Attempt]:
    """Every attempt that was reported."""
    found = []
    log = await open_log(tocsin.broker, mode="read")
    try:
        async for record in stored.records(log, ATTEMPTS):
            event = read_attempt(record.value, dict(record.headers))
            if isinstance(event, Attempt):
                found.append(event)
    finally:
        await log.close()
    return found


async def until(condition: Any, limit_s: float = 60.0) -> None:
    """Until it holds; it is about another process."""
    async with asyncio.timeout(limit_s):
        while not await condition():
            await asyncio.sleep(0.05)
