"""Delivery of webhooks beside a bare httpx client for each endpoint: CPU per request, of the sending process alone.

Ours reads notifications from the embedded log, keeps the state of every delivery there, looks up the alert, signs and
sends, and writes down what came of it. The peer posts the same number of bodies of the same size and does nothing else.
The receiver is a process of its own. Both sides send to 100 endpoints on loopback, rounds interleaved.

python benchmarks/deliveries.py --load: 1,000 subscriptions on 100 endpoints, 200 alerts a second for a minute through
the whole worker; prints how many messages were wanted, came, and came twice, and how late they were.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import httpx
import msgspec

from agents.delivery.signing import secret_of
from agents.routing.telling import notification
from benchmarks.__main__ import Result
from schemas.alert import Alert, AlertData, AlertType, MessageType, Novelty, StatementFacts, Story, alert
from schemas.codec import alert_to_record, encode
from schemas.delivery import Credentials, Endpoint, SigningKey
from schemas.detection import Evidence, Speaker, SpeakerType, StatementKind
from schemas.event import Severity
from schemas.identity import alert_id, message_id, text_sha256
from schemas.routing import Item, NotificationKind, Reason
from schemas.subscription import Filter, Subscription, subscription
from streams import worker
from streams.delivery.sealing import load_sealer
from streams.log import Draft, open_log
from streams.settings import DeliverySettings, Settings
from streams.topics import ALERTS_STATEMENTS, ENDPOINTS, NOTIFICATIONS, SUBSCRIPTIONS

ENDPOINTS_ = 100
REQUESTS = 3_000
TARGET = 1.5
SECRET = secret_of(b"a secret for benchmarks only, 32")


class _Sink(asyncio.Protocol):
    """The least that answers 204 to a POST; notes when each webhook-id came."""

    seen: dict[bytes, list[float]] = {}

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while b"\r\n\r\n" in self._buffer:
            head, _, rest = self._buffer.partition(b"\r\n\r\n")
            lines = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
            length = int(lines.get(b"content-length", b"0"))
            if len(rest) < length:
                return
            self._buffer = rest[length:]
            self.seen.setdefault(lines.get(b"webhook-id", b"") + head.split(b" ")[1], []).append(time.time())
            self._transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")


def _serve(port: Any, ask: Any) -> None:
    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(_Sink, "127.0.0.1", 0)
        port.put(server.sockets[0].getsockname()[1])
        while not ask.poll():  # noqa: ASYNC110  a pipe wakes nobody
            await asyncio.sleep(0.05)
        ask.send({key.decode(): times for key, times in _Sink.seen.items()})
        server.close()

    asyncio.run(main())


@contextmanager
def sink() -> Iterator[tuple[int, Any]]:
    """A receiver in a process of its own: its port, and a call that ends it and tells when each message came."""
    context = multiprocessing.get_context("spawn")
    port: Any = context.Queue()
    mine, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(port, theirs), daemon=True)
    process.start()

    def seen() -> dict[str, list[float]]:
        mine.send(None)
        found: dict[str, list[float]] = mine.recv()
        return found

    try:
        yield port.get(timeout=30), seen
    finally:
        process.join(5)
        if process.is_alive():
            process.terminate()


def statement(number: int) -> Alert:
    """An alert of about 2 kB, one of 100 stories."""
    story = f"story-{number % ENDPOINTS_:03}"
    subject = f"story/{story}/statement/st_{number}"
    id = alert_id("statement", subject, 1, 1)
    text = f"The harbour stays closed until the inquiry has seen paper {number}."
    exact = f"“{text}” the minister said, {'and nobody in the room had another word to add ' * 4}."
    when = datetime.now(UTC)
    evidence = Evidence(
        source="sample-news",
        item="item-1",
        entry=f"en_{number}",
        revision=1,
        text_sha256=text_sha256(exact),
        section="body",
        exact=exact,
        prefix="",
        suffix="",
        start=0,
        end=len(exact),
        published_at=when,
        observed_at=when,
    )
    data = AlertData(
        alert_id=id,
        msgtype=MessageType.ALERT,
        version=1,
        headline=f"Mara Oslund: “{text}”",
        story=Story(id=story, title="The harbour"),
        evidence=(evidence,),
        why="new words",
        statement=StatementFacts(
            id=f"st_{number}",
            kind=StatementKind.DIRECT,
            novelty=Novelty.NEW,
            text=text,
            speaker=Speaker(type=SpeakerType.PERSON, name="Mara Oslund", surface="Mara Oslund"),
            attribution="explicit",
        ),
    )
    return alert(
        AlertType.STATEMENT_NEW,
        data=data,
        message_id=message_id(id, 1),
        stage="statements",
        subject=subject,
        time=when,
        recordedtime=when,
        sequence=number,
        severity=Severity.WATCH,
    )


def _endpoint(number: int, port: int, sealer: Any) -> Endpoint:
    credentials = Credentials(url=f"http://127.0.0.1:{port}/{number}", keys=(SigningKey(secret=SECRET),))
    return Endpoint(id=f"hook-{number}", channel="webhook", owner="desk", sealed=sealer.seal(credentials))


def _subscription(number: int) -> Subscription:
    """To one of the stories, at one of the endpoints: with a thousand of them, ten ask for each story."""
    made = subscription(
        owner="desk",
        name=f"n{number}",
        channel="webhook",
        target=f"hook-{number % ENDPOINTS_}",
        filter=Filter(stories=(f"story-{number:03}",)),
        group_wait_s=0,
    )
    return msgspec.structs.replace(made, group_interval_s=0)


def _settings(folder: str) -> Settings:
    delivery = DeliverySettings(allow=("127.0.0.1/32",))
    return Settings(broker=f"embedded://{folder}/log?linger_ms=5", partitions=4, delivery=delivery)


async def _fill(settings: Settings, port: int, alerts: list[Alert]) -> None:
    log = await open_log(settings.broker, mode="append")
    await worker.declare_topics(log, settings)
    sealer = load_sealer(settings)
    drafts = []
    for number in range(ENDPOINTS_):
        endpoint = _endpoint(number, port, sealer)
        drafts.append(Draft(ENDPOINTS.name, endpoint.id.encode(), encode(endpoint)))
    await log.append_many(drafts)
    await log.append_many([Draft(ALERTS_STATEMENTS.name, *alert_to_record(one)) for one in alerts])
    told = []
    for one in alerts:
        item = Item(
            message_id=one.id,
            alert_id=one.data.alert_id,
            version=1,
            msgtype=MessageType.ALERT,
            type=one.type,
            severity=one.severitynumber,
            headline=one.data.headline,
            story=one.story,
            time=one.time,
            reason=Reason.SENT,
        )
        to = _subscription(int(one.story.rpartition("-")[2]))
        news = notification(to, NotificationKind.MESSAGE, (item,), at=one.time, group={})
        told.append(Draft(NOTIFICATIONS.name, to.id.encode(), encode(news)))
    await log.append_many(told)
    await log.close()


async def _ours(settings: Settings) -> float:
    began = 0.0

    async def ready() -> None:
        nonlocal began
        began = time.process_time()

    await worker.run(settings, until_idle=True, on_ready=ready, detects=False, delivers=True)
    return time.process_time() - began


async def _theirs(port: int, bodies: list[bytes]) -> float:
    clients = [
        httpx.AsyncClient(
            trust_env=False, timeout=20, limits=httpx.Limits(max_connections=4, max_keepalive_connections=4)
        )
        for _ in range(ENDPOINTS_)
    ]
    headers = {"content-type": "application/cloudevents+json", "webhook-id": "bare", "webhook-timestamp": "0"}

    async def lane(number: int) -> None:
        for body in bodies[number::ENDPOINTS_]:
            answer = await clients[number].post(f"http://127.0.0.1:{port}/{number}", content=body, headers=headers)
            assert answer.status_code == 204

    began = time.process_time()
    await asyncio.gather(*(lane(number) for number in range(ENDPOINTS_)))
    took = time.process_time() - began
    for client in clients:
        await client.aclose()
    return took


def run(rounds: int) -> list[Result]:
    """CPU microseconds per request."""
    ours, theirs = [], []
    for _ in range(rounds + 1):
        with sink() as (port, seen), tempfile.TemporaryDirectory() as folder:
            settings = _settings(folder)
            alerts = [statement(number) for number in range(REQUESTS)]
            asyncio.run(_fill(settings, port, alerts))
            mine = asyncio.run(_ours(settings)) / REQUESTS * 1e6
            bodies = [encode(one) for one in alerts]
            bare = asyncio.run(_theirs(port, bodies)) / REQUESTS * 1e6
            came = [key for key in seen() if not key.startswith("bare")]
            assert len(came) == REQUESTS, f"{len(came)} of {REQUESTS} came"
        ours.append(mine)
        theirs.append(bare)
    hit = sorted(a / b for a, b in zip(ours[1:], theirs[1:], strict=True))[rounds // 2] <= TARGET
    return [
        Result(
            name="webhooks delivered, 100 endpoints",
            peer="bare httpx client per endpoint",
            unit="CPU us per request",
            ours=ours[1:],
            theirs=theirs[1:],
            target=f"<= {TARGET}",
            is_hit=hit,
            note="durable state, signature and report included; receiver apart",
        )
    ]


def load(seconds: int, per_second: int, subscriptions: int) -> dict[str, Any]:
    """A whole worker under steady load, alerts written beside it through its inbox."""
    with sink() as (port, seen), tempfile.TemporaryDirectory() as folder:
        settings = _settings(folder)

        async def fill() -> None:
            await _fill(settings, port, [])
            log = await open_log(settings.broker, mode="append")
            made = [_subscription(number) for number in range(subscriptions)]
            await log.append_many([Draft(SUBSCRIPTIONS.name, one.id.encode(), encode(one)) for one in made])
            await log.close()

        asyncio.run(fill())
        environment = {
            **os.environ,
            "TOCSIN_BROKER": settings.broker,
            "TOCSIN_PARTITIONS": "4",
            "TOCSIN_DELIVERY_ALLOW": "127.0.0.1/32",
            "TOCSIN_LOG": "ERROR",
        }
        command = [sys.executable, "-m", "streams.cli", "run"]
        process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, cwd=Path(__file__).parents[1])
        assert process.stderr is not None
        process.stderr.readline()  # ready
        before = _cpu(process.pid)

        async def feed() -> dict[str, float]:
            log = await open_log(settings.broker, mode="append")
            sent = {}
            began = time.monotonic()
            for tick in range(seconds * 10):
                alerts = [statement(tick * per_second // 10 + n) for n in range(per_second // 10)]
                now = time.time()
                await log.append_many([Draft(ALERTS_STATEMENTS.name, *alert_to_record(one)) for one in alerts])
                sent.update(dict.fromkeys((one.id for one in alerts), now))
                await asyncio.sleep(max(0.0, began + (tick + 1) / 10 - time.monotonic()))
            await log.close()
            return sent

        sent = asyncio.run(feed())
        time.sleep(5)  # the rest; what has not come by then is late and is counted so
        cpu = _cpu(process.pid) - before
        process.send_signal(signal.SIGTERM)
        code = process.wait(30)
        process.stderr.close()
        found = seen()
        late = sorted(min(times) - sent[key.partition("/")[0]] for key, times in found.items())
        wanted = len(sent)
        return {
            "alerts": len(sent),
            "messages_wanted": wanted,
            "came": len(found),
            "came_twice": sum(len(times) - 1 for times in found.values()),
            "p50_s": round(late[len(late) // 2], 3),
            "p99_s": round(quantiles(late, n=100)[98], 3),
            "most_s": round(late[-1], 3),
            "worker_cpu_ms_per_message": round(1000 * cpu / max(len(found), 1), 2),
            "exit": code,
        }


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    random.seed(1)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--load", action="store_true")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--rate", type=int, default=200)
    parser.add_argument("--subscriptions", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if options.load:
        print(json.dumps(load(options.seconds, options.rate, options.subscriptions), indent=2))
    else:
        for one in run(options.rounds):
            print(f"{one.name}: {one.ratio:.2f} of {one.peer}; ours {one.ours}, theirs {one.theirs}")
