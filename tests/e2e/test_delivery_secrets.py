"""Nothing secret of an endpoint is found anywhere: not in the log, not in what processes say, at any level."""

import asyncio
import base64
import contextlib
import random
import ssl
import string
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import trustme
from aiosmtpd.smtp import AuthResult

from agents.delivery.signing import secret_of
from schemas.delivery import Credentials, Endpoint, SigningKey
from schemas.subscription import Subscription
from streams.compression import unpack
from streams.delivery.sealing import FILE, Sealer, new_key
from streams.log import open_log
from streams.routing import stored
from tests.e2e.faults import Arrival, Hooks
from tests.e2e.harness import Tocsin
from tests.e2e.receivers import attempts, opened, publish, statement, subscribe, wants
from tests.streams.delivery.http_servers import hanging, resetting, serving
from tests.streams.delivery.mail_server import Inbox, running
from tests.streams.delivery.slack_double import TOKEN, Slack, serve

Made = tuple[Endpoint, Credentials, Subscription]


class Planted:
    """Secrets that would be found: random words, and where each was planted."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self.words: dict[str, str] = {}

    def word(self, where: str, *, prefix: str = "") -> str:
        """One more."""
        text = prefix + "".join(self._chance.choices(string.ascii_letters + string.digits, k=28))
        self.words[where] = text
        return text

    def key(self, where: str) -> SigningKey:
        """One more, as a signing secret."""
        raw = self._chance.randbytes(32)
        secret = secret_of(raw)
        self.words[where] = secret.removeprefix("whsec_")
        self.words[f"{where}, its bytes"] = raw.decode("latin-1")
        return SigningKey(secret=secret)

    def found(self, data: bytes) -> Iterator[str]:
        """Where the words were planted that stand in these bytes, plainly, in hexadecimal or in base64."""
        for where, word in self.words.items():
            raw = word.encode("latin-1")
            if any(form in data for form in (raw, raw.hex().encode(), *_in_base64(raw))):
                yield where


def _in_base64(raw: bytes) -> Iterator[bytes]:
    """As it stands within the base64 of something longer, wherever it begins there."""
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + raw)
        whole = text[-(-shift * 8 // 6) : (shift + len(raw)) * 8 // 6]
        yield whole
        yield whole.translate(bytes.maketrans(b"+/", b"-_"))


class Open(Inbox):
    """Any password is right."""

    def sign_in(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        """Signed in."""
        return AuthResult(success=True, handled=False)


def made(name: str, kind: str, credentials: Credentials, **settings: str) -> Made:
    """An endpoint with a subscription of its own."""
    endpoint = Endpoint(id=name, channel=kind, owner="desk", settings=settings)
    return endpoint, credentials, wants(name, name=name, channel=kind)


def hook(plant: Planted, name: str, url: str) -> Made:
    """A webhook whose path, query, header and signing secret must not be seen."""
    address = f"{url}{plant.word(f'path of {name}')}?key={plant.word(f'query of {name}')}"
    return made(name, "webhook", Credentials(url=address, keys=(plant.key(f"signing secret of {name}"),)))


def mail(plant: Planted, name: str, port: int) -> Made:
    """A mail server that wants a password."""
    settings = {"host": "127.0.0.1", "port": str(port), "tls": "none", "sender": "a@news.example"}
    found = Credentials(username="desk", password=plant.word(f"password of {name}"))
    return made(name, "mail", found, recipients="b@news.example", **settings)


async def behave(arrival: Arrival) -> int:
    """The status that the path asks for."""
    return next((status for status in (500, 401, 410, 302) if f"/{status}/" in arrival.path), 204)


@contextlib.asynccontextmanager
async def planted(plant: Planted) -> AsyncIterator[list[Made]]:
    """Endpoints of every kind whose deliveries succeed, and that fail in every way."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(server)
    plant.words["Slack token"] = TOKEN
    async with contextlib.AsyncExitStack() as stack:
        hooks = await (await stack.enter_async_context(Hooks(behave))).open()
        refusing = await stack.enter_async_context(Hooks())
        silent, broken, distrusted = [
            await stack.enter_async_context(serving(talk, context=context))
            for talk, context in ((hanging(), None), (resetting(), None), (hanging(), server))
        ]
        good, bad = [await stack.enter_async_context(running(kind())) for kind in (Open, Inbox)]
        slack = await stack.enter_async_context(serve(Slack(channels={"C0DESK": []})))
        other, address = plant.word("other Slack token", prefix="xoxb-"), plant.word("Slack hook")
        apprise = f"json://u:{plant.word('Apprise password')}@127.0.0.1/{plant.word('Apprise path')}"
        yield [
            hook(plant, "fine", hooks.url("/fine/")),
            hook(plant, "failing", hooks.url("/500/")),
            hook(plant, "forbidden", hooks.url("/401/")),
            hook(plant, "gone", hooks.url("/410/")),
            hook(plant, "moved", hooks.url("/302/")),
            hook(plant, "refusing", refusing.url("/")),
            hook(plant, "silent", f"http://127.0.0.1:{silent.port}/"),
            hook(plant, "broken", f"http://127.0.0.1:{broken.port}/"),
            hook(plant, "distrusted", f"https://127.0.0.1:{distrusted.port}/"),
            hook(plant, "blocked", "http://127.0.0.2:80/"),
            hook(plant, "nowhere", "http://nobody.invalid/"),
            hook(plant, "invalid", "http://127.0.0.1/ \\"),
            hook(plant, "lost", hooks.url("/fine/")),
            made("slack", "slack", Credentials(token=TOKEN), channel="C0DESK", api=slack.api),
            made("slack-no", "slack", Credentials(token=other), channel="C0DESK", api=slack.api),
            made("slack-hook", "slack", Credentials(url=slack.hook + address), api=slack.api),
            mail(plant, "mail", good.port),
            mail(plant, "mail-no", bad.port),
            made("apprise", "apprise", Credentials(url=apprise)),
        ]


LISTINGS = (
    ("endpoints", "list"), ("endpoints", "list", "--json"), ("endpoints", "export"),
    ("deliveries", "list"), ("deliveries", "list", "--json"),
    ("dead-letters", "list", "--all"), ("dead-letters", "list", "--all", "--json"),
    ("notifications",), ("notifications", "--json"),
    ("subscriptions", "list"), ("subscriptions", "export"), ("silences", "list"),
    ("alerts",), ("alerts", "--json"), ("topics",), ("doctor",),
)  # fmt: skip


async def test_planted_secrets_are_found_nowhere(tmp_path: Path) -> None:
    """Deliveries that succeed and that fail in many ways, all logged at DEBUG: no file and no output holds a secret."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    plant = Planted(seed)
    tocsin = Tocsin(
        tmp_path,
        TOCSIN_DELIVERY_ALLOW="127.0.0.1/32",
        TOCSIN_DELIVERY_TIMEOUT_S="0.3",
        TOCSIN_DELIVERY_RETRY_SCALE="0.000001",
        TOCSIN_STATEMENTS_ENGINE="rules",
        TOCSIN_LOG="DEBUG",
    )
    async with planted(plant) as endpoints:
        await subscribe(tocsin, *endpoints)
        await lose_key_of(tocsin, next(one for one, _, _ in endpoints if one.id == "lost"))
        await publish(tocsin, [statement(1, story="bridge")])
        worker = tocsin.start("run", "--until-idle")
        assert await asyncio.to_thread(worker.wait, 60) == 0

    told = await attempts(tocsin)
    showing = [("endpoints", "show", one.id) for one, _, _ in endpoints]
    showing += [("deliveries", "show", one.delivery) for one in told if one.outcome.value == "dead"][:4]
    outputs = await said(tocsin, *LISTINGS, *showing)
    outputs["worker.out"] = (tmp_path / "worker.out").read_bytes()
    async for name, data in records(tocsin):
        outputs[name] = outputs.get(name, b"") + data
    for path in tocsin.log.rglob("*"):
        if path.is_file() and path.name != FILE:
            outputs[str(path.relative_to(tocsin.log))] = path.read_bytes()

    causes = {(one.endpoint, one.cause.value) for one in told if one.cause is not None}
    print(len(outputs), "places,", sum(map(len, outputs.values())), "bytes,", sorted(causes))
    assert {one for one, _ in causes} == {endpoint.id for endpoint, _, _ in endpoints}
    assert {one.value for one in (outcome.outcome for outcome in told)} == {"delivered", "retry", "dead", "dropped"}
    assert [(where, name) for name, data in outputs.items() for where in plant.found(data)] == []


async def lose_key_of(tocsin: Tocsin, endpoint: Endpoint) -> None:
    """Seal credentials with a key that nobody has."""
    sealed = Sealer([new_key()]).seal(Credentials(url="https://receiver.example/"))
    async with opened(tocsin) as log:
        lost = Endpoint(id=endpoint.id, channel=endpoint.channel, owner=endpoint.owner, sealed=sealed, version=2)
        await stored.put(log, lost)


SHOW = """
import os, sys
from streams import cli
for line in sys.stdin.read().splitlines():
    sys.argv[1:] = line.split()
    print("#", line, flush=True)
    try:
        cli.main()
    except SystemExit:
        pass
    sys.stdout.flush()
"""
"""Runs one command a line in one process: a start costs more than most commands."""


async def said(tocsin: Tocsin, *commands: tuple[str, ...]) -> dict[str, bytes]:
    """What commands print, on both streams."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SHOW, cwd=tocsin.folder, env=tocsin.environment,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    out, _ = await process.communicate("\n".join(map(" ".join, commands)).encode())
    assert b"Traceback" not in out, out[-2000:]
    assert b"Usage:" not in out, out[:500]
    parts = [part.partition(b"\n") for part in out.split(b"\n# ")]
    assert len(parts) == len(commands)
    return {name.decode(): text for name, _, text in parts}


async def records(tocsin: Tocsin) -> AsyncIterator[tuple[str, bytes]]:
    """Every record of the log, unpacked."""
    log = await open_log(tocsin.broker, mode="read")
    try:
        for topic in await log.topics():
            for partition in await log.ends(topic):
                async for one in log.read(topic, partition, 0):
                    parts = [one.key or b"", unpack(one.value or b""), *(raw or b"" for _, raw in one.headers)]
                    yield topic, b"\n".join(parts)
    finally:
        await log.close()
