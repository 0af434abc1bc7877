"""The gateway: who may click, what a click does, and that Slack is answered in time."""

import asyncio
import hashlib
import hmac
import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import msgspec
import pytest
import uvicorn
from click.testing import CliRunner
from litestar.testing import AsyncTestClient

from agents.delivery.channels import Answer, Http
from agents.delivery.slack.actions import is_signed
from agents.routing.telling import notification
from schemas.codec import alert_to_record, encode
from schemas.errors import InputError, LogInUse
from schemas.routing import Explain, Hit, NotificationKind
from schemas.subscription import Matcher, MessageState, Operator, Silence
from streams.cli import cli
from streams.gateway import app as gateway
from streams.gateway.app import MAX_BODY, create_gateway
from streams.gateway.commands import SECRET, read_secret
from streams.log import Draft
from streams.routing import stored
from streams.settings import Secret, Settings
from streams.topics import ALERT_TOPICS, NOTIFICATIONS
from tests.agents.delivery.slack_desk import an_item
from tests.agents.routing.builders import a_subscription, said
from tests.builders import NOON

SIGNED_WITH = "8f742231b10e8888abcd99yyyzzz85a5"
replace = msgspec.structs.replace
HOOK = "https://hooks.slack.com/actions/T1/1/abc"


class Outside:
    """What the gateway sends to Slack."""

    def __init__(self) -> None:
        self.calls: list[Http] = []

    async def send(self, call: Http) -> Answer:
        self.calls.append(call)
        return Answer(status=200)

    @property
    def told(self) -> list[str]:
        """The words of each answer."""
        return [json.loads(one.body)["text"] for one in self.calls]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An embedded log of the test's own."""
    return Settings(broker=f"embedded://{tmp_path}/log")


@pytest.fixture
def outside() -> Outside:
    """Nothing was sent yet."""
    return Outside()


@pytest.fixture
async def client(settings: Settings, outside: Outside) -> AsyncIterator[AsyncTestClient[Any]]:
    """The application at noon."""
    app = create_gateway(settings, slack_secret=Secret(SIGNED_WITH), send=outside.send, now=lambda: NOON)
    async with AsyncTestClient(app) as found:
        yield found


@pytest.fixture
def restore_logging() -> Iterator[None]:
    """The command sets a level."""
    logger = logging.getLogger("streams.gateway")
    level = logger.level
    yield
    logger.setLevel(level)


def form(action: str = "mute_story_1h", **changes: Any) -> bytes:
    """The body of a click, as Slack sends it."""
    value = {
        "message_id": said().id,
        "alert_id": said().data.alert_id,
        "story": "story-1",
        "subscription": a_subscription().id,
        "endpoint": "desk",
    }
    payload: dict[str, Any] = {
        "type": "block_actions",
        "user": {"id": "U1", "username": "roe"},
        "response_url": HOOK,
        "actions": [
            {
                "action_id": action,
                "action_ts": f"{NOON.timestamp() - 2:.6f}",
                "value": json.dumps(value | changes.pop("value", {})),
                "type": "button",
            }
        ],
    }
    return urlencode({"payload": json.dumps(payload | changes)}).encode()


def signed(body: bytes, *, at: datetime = NOON, secret: str = SIGNED_WITH) -> dict[str, str]:
    """The headers of Slack."""
    stamp = str(int(at.timestamp()))
    mac = hmac.new(secret.encode(), f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()
    return {
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": f"v0={mac}",
        "content-type": "application/x-www-form-urlencoded",
    }


async def click(client: AsyncTestClient[Any], body: bytes, **headers: str) -> httpx.Response:
    """A request as Slack makes it."""
    return await client.post("/slack/actions", content=body, headers=signed(body) | headers)


async def silences(settings: Settings) -> list[Silence]:
    """What is muted."""
    async with stored.opened(settings) as event_log:
        return list((await stored.asked(event_log)).silences.values())


async def test_a_mute_is_one_silence(client: Any, settings: Settings, outside: Outside) -> None:
    """However often the same click comes; for this endpoint only, and corrections go on."""
    answers = [await click(client, form()) for _ in range(3)]

    (made,) = await silences(settings)
    starts = NOON - timedelta(seconds=2)
    assert [one.status_code for one in answers] == [200] * 3
    assert made.matchers == (
        Matcher("story", Operator.EQUAL, "story-1"),
        Matcher("target", Operator.EQUAL, "desk"),
    )
    assert (made.author, made.reason) == ("roe (U1) in Slack", "muted in Slack")
    assert (made.starts_at, made.ends_at) == (starts, starts + timedelta(hours=1))
    assert MessageState.CORRECTION not in made.states
    assert made.id in outside.told[0] and "2026-03-14 12:59 UTC" in outside.told[0]
    assert [one.url for one in outside.calls] == [HOOK] * 3


@pytest.mark.parametrize(
    ("action", "value", "label", "hours"),
    [
        ("mute_story_24h", {}, Matcher("story", Operator.EQUAL, "story-1"), 24),
        ("mute_speaker", {"speaker": "Jane <Roe>"}, Matcher("speaker", Operator.EQUAL, "Jane <Roe>"), 24),
    ],
)
async def test_other_mutes(
    client: Any, settings: Settings, action: str, value: dict[str, str], label: Matcher, hours: int
) -> None:
    """A story for a day, a speaker for a day."""
    await click(client, form(action, value=value))

    (made,) = await silences(settings)
    assert (made.matchers[0], made.ends_at - made.starts_at) == (label, timedelta(hours=hours))


async def test_why_tells_reason_and_match(client: Any, settings: Settings, outside: Outside) -> None:
    """The answer names the subscription and what became of the alert, escaped, for the clicker's eyes only."""
    one = said(headline="Roe <!channel>")
    key, value, headers = alert_to_record(one)
    topic = next(topic.name for topic in ALERT_TOPICS if "statement" in topic.name)
    hits = (Hit(condition="keywords_any", value="bridge"),)
    told = notification(
        a_subscription(),
        NotificationKind.MESSAGE,
        [replace(an_item(one), explain=Explain(hits=hits, before="<level 1>", after="level 2"))],
        at=NOON,
        group={},
    )
    async with stored.opened(settings, writes=True) as event_log:
        await event_log.append_many(
            [
                Draft(topic, key, value, headers=headers),
                Draft(NOTIFICATIONS.name, told.subscription.encode(), encode(told)),
            ]
        )
        await stored.put(event_log, a_subscription())

    await click(client, form("why"))

    sent = json.loads(outside.calls[0].body)
    assert sent["text"].split("\n") == [
        "Why desk/all was told:",
        "• message 1, sent: Roe &lt;!channel&gt;",
        "   matched keywords_any “bridge”",
        "   state - → new",
    ]
    assert (sent["response_type"], sent["replace_original"], sent["mrkdwn"]) == ("ephemeral", False, False)


async def test_why_of_what_is_not_there_any_more(client: Any, settings: Settings, outside: Outside) -> None:
    """A subscription or an alert that is gone is said to be gone."""
    async with stored.opened(settings, writes=True):
        pass
    await click(client, form("why"))
    async with stored.opened(settings, writes=True) as event_log:
        await stored.put(event_log, a_subscription())

    await click(client, form("why"))

    assert outside.told == [
        "The subscription that asked for this is not there any more.",
        "This alert is not stored any more.",
    ]


async def test_not_useful_is_logged(client: Any, outside: Outside, caplog: pytest.LogCaptureFixture) -> None:
    """One line, on which nothing of others breaks."""
    with caplog.at_level(logging.INFO, "streams.gateway"):
        await click(client, form("not_useful", user={"id": "U1", "username": "roe\nx=y"}))

    (line,) = [one.getMessage() for one in caplog.records if one.name == "streams.gateway.app"]
    assert line == (
        f"AlertRated alert={said().data.alert_id} message={said().id} subscription={a_subscription().id} "
        "rating=not_useful by=roe x=y (U1) in Slack"
    )
    assert len(outside.told) == 1


@pytest.mark.parametrize("change", ["byte", "old", "early", "secret", "no_signature", "no_time", "odd_time"])
async def test_what_slack_did_not_sign_is_refused(client: Any, settings: Settings, change: str) -> None:
    """401, and nothing is written."""
    body = form()
    headers = signed(body)
    match change:
        case "byte":
            body = body[:-1] + (b"E" if body[-1:] != b"E" else b"F")
        case "old":
            headers = signed(body, at=NOON - timedelta(seconds=301))
        case "early":
            headers = signed(body, at=NOON + timedelta(seconds=301))
        case "secret":
            headers = signed(body, secret="another secret of this length")
        case "no_signature":
            del headers["X-Slack-Signature"]
        case "no_time":
            del headers["X-Slack-Request-Timestamp"]
        case "odd_time":
            headers["X-Slack-Request-Timestamp"] = "nan"

    answer = await client.post("/slack/actions", content=body, headers=headers)

    assert answer.status_code == 401
    assert not (Path(settings.broker.removeprefix("embedded://"))).exists()


def test_a_known_signature() -> None:
    """The signed request of Slack's documentation is accepted, up to five minutes later."""
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
        b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
        b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
        b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    headers = {
        "x-slack-request-timestamp": "1531420618",
        "x-slack-signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
    }

    assert is_signed(SIGNED_WITH, headers, body, datetime.fromtimestamp(1531420918, UTC))
    assert not is_signed(SIGNED_WITH, headers, body, datetime.fromtimestamp(1531420919, UTC))
    assert not is_signed(
        SIGNED_WITH, headers | {"x-slack-signature": "v0=é"}, body, datetime.fromtimestamp(1531420618, UTC)
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"payload=",
        b"payload={}",
        b"payload=%ff",
        b"\xff\xfe",
        b"payload=" + b"[" * 60_000,
        b"payload={}&payload={}",
        b"&".join(b"a=1" for _ in range(50)),
        form(type="view_submission"),
        form(actions=[]),
        form(value={"story": ""}),
        form(value={"story": "x" * 1001}),
        form(user={"name": "x"}),
        form(actions=[{"action_id": "why", "action_ts": "1.0", "value": "{}"}]),
        form(actions=[{"action_id": "why", "action_ts": "99999999999.0", "value": "{}"}]),
    ],
)
async def test_odd_payloads_are_refused(client: Any, body: bytes) -> None:
    """400 for whatever is signed but is no click of ours, or one of another day."""
    assert (await click(client, body)).status_code == 400


async def test_buttons_of_other_versions_do_nothing(client: Any, settings: Settings, outside: Outside) -> None:
    """An unknown action, and a mute without a speaker, say so."""
    for action in ("dance", "mute_speaker"):
        assert (await click(client, form(action))).status_code == 200

    assert outside.told == ["This button does nothing any more."] * 2


@pytest.mark.parametrize(
    "url",
    [
        None,
        "http://hooks.slack.com/x",
        "https://hooks.slack.com.evil.example/x",
        "https://hooks.slack.com@evil.example/",
        "https://[::1",
        "https://hooks.slack.com\\@evil.example/",
    ],
)
async def test_answers_go_to_slack_only(client: Any, outside: Outside, url: str | None) -> None:
    """The click counts, but nothing is sent to another host."""
    answer = await click(client, form(response_url=url))

    assert (answer.status_code, outside.calls) == (200, [])


async def test_a_log_that_cannot_be_used(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """503, so that the person who clicked sees that it did not work."""

    @asynccontextmanager
    async def in_use(settings: Settings, *, writes: bool = False) -> AsyncIterator[None]:
        raise LogInUse("another process owns the directory")
        yield

    monkeypatch.setattr(gateway.stored, "opened", in_use)

    assert (await click(client, form())).status_code == 503


async def test_slow_work_goes_on_after_the_answer(
    settings: Settings, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slack is answered in time; the words follow. Here the work ends only once the answer was sent."""
    answered = asyncio.Event()
    put = stored.put

    async def slow(event_log: Any, *values: Any) -> None:
        await answered.wait()
        await put(event_log, *values)

    monkeypatch.setattr(gateway.stored, "put", slow)
    monkeypatch.setattr(gateway, "PATIENCE_S", 0.0)
    app: Any = create_gateway(settings, slack_secret=Secret(SIGNED_WITH), send=outside.send, now=lambda: NOON)

    async def noticing(scope: Any, receive: Any, send: Any) -> None:
        async def notice(message: Any) -> None:
            await send(message)
            if message["type"] == "http.response.body":
                answered.set()

        await app(scope, receive, notice)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(noticing), base_url="http://gateway.example") as http:
        answer = await http.post("/slack/actions", content=form(), headers=signed(form()))

    assert answer.status_code == 200
    assert len(outside.told) == 1 and len(await silences(settings)) == 1


async def test_what_is_served(client: Any) -> None:
    """One route, and its description as JSON; no page that loads foreign scripts."""
    described = (await client.get("/schema/openapi.json")).json()

    assert list(described["paths"]) == ["/slack/actions"]
    assert [(await client.get(one)).status_code for one in ("/schema/swagger", "/schema/redoc", "/")] == [404] * 3
    assert (await client.get("/slack/actions")).status_code == 405


async def test_over_a_socket(settings: Settings, outside: Outside) -> None:
    """By uvicorn: 64 kB are read and one byte more is not, also of a body without a length; no name of the server."""
    app = create_gateway(settings, slack_secret=Secret(SIGNED_WITH), send=outside.send, now=lambda: NOON)
    config = uvicorn.Config(app, port=0, log_config=None, access_log=False, server_header=False, lifespan="on")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]

    async def chunks(size: int) -> AsyncIterator[bytes]:
        for _ in range(size // 1024):
            yield b"x" * 1024
        yield b"x" * (size % 1024)

    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
        body = form()
        answers = [
            await http.post("/slack/actions", content=body, headers=signed(body)),
            await http.post("/slack/actions", content=b"x" * MAX_BODY),
            await http.post("/slack/actions", content=b"x" * (MAX_BODY + 1)),
            await http.post("/slack/actions", content=chunks(MAX_BODY + 1)),
        ]
    server.should_exit = True
    await serving

    assert [one.status_code for one in answers] == [200, 401, 413, 413]
    assert not any("server" in one.headers for one in answers)
    assert "litestar" not in "".join(f"{one.headers}{one.text}" for one in answers).lower()


# --- the command


def tocsin(*words: str) -> Any:
    """The command's result."""
    return CliRunner().invoke(cli, words)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "news.example"])
def test_other_hosts_need_a_word(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody opens the port to the world by mistake."""
    monkeypatch.setenv(SECRET, SIGNED_WITH)

    error = tocsin("gateway", "--host", host).exception

    assert isinstance(error, InputError) and "--public" in str(error)


@pytest.mark.parametrize("words", [(), ("--host", "::1"), ("--host", "0.0.0.0", "--public")])
def test_the_command_serves(words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, restore_logging: None) -> None:
    """With a secret, on this machine or where it was told to."""
    given: list[dict[str, Any]] = []
    monkeypatch.setenv(SECRET, SIGNED_WITH)
    monkeypatch.setattr(uvicorn, "run", lambda app, **options: given.append(options))

    result = tocsin("gateway", *words)

    assert (result.exit_code, len(given)) == (0, 1), result.exception
    assert (given[0]["port"], given[0]["server_header"]) == (8081, False)


def test_secrets_of_the_gateway(tmp_path: Path) -> None:
    """From a file, else the variable; one that cannot be used is refused without being shown."""
    (tmp_path / "secret").write_text(f"{SIGNED_WITH}\n")
    (tmp_path / "short").write_text("hunter2")

    assert read_secret(tmp_path / "secret", "x" * 20) == SIGNED_WITH
    assert read_secret(None, "x" * 20) == "x" * 20
    for file, variable in ((tmp_path / "short", None), (tmp_path / "none", None), (None, None), (None, "hunter2")):
        with pytest.raises(InputError) as error:
            read_secret(file, variable)
        assert "hunter2" not in str(error.value)
