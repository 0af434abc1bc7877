"""`tocsin endpoints` on an embedded log without a worker, and that no secret shows anywhere."""

import asyncio
import base64
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from agents.delivery.channels.catalogue import CHANNELS
from agents.delivery.signing import active, secret_of
from schemas.delivery import Action, Credentials, Endpoint, Order, SigningKey
from schemas.errors import InputError, SettingsError
from streams.cli import cli
from streams.delivery import endpoints, forms
from streams.delivery.records import read_delivery
from streams.delivery.sealing import FILE, SealError, load_sealer, new_key
from streams.routing import stored
from streams.settings import Settings, load
from streams.topics import DELIVERIES

URL = "https://receiver.example/hook/planted-path-5c1f"
SIGNING = secret_of(b"planted signing secret, 32 long.")
TOKEN = "xoxb-1111-planted-bot-token"
PASSWORD = "planted password of the mail server"
SLACK_URL = "https://hooks.slack.com/services/T0/B0/planted"
APPRISE_URL = "discord://planted-id/planted-token"
PLANTED = (URL, SIGNING, TOKEN, PASSWORD, SLACK_URL, APPRISE_URL, "planted")

ADD = ("endpoints", "add", "one", "--owner", "desk", "--channel")
MAIL = ("--set", "host=mail.example", "--set", "sender=desk@news.example", "--set", "recipients=ann@news.example")


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of the machine."""
    monkeypatch.chdir(tmp_path)
    for name in ("TOCSIN_BROKER", "TOCSIN_APP_ID", "TOCSIN_DELIVERY_KEY", "TOCSIN_DELIVERY_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)


def tocsin(*words: str, input: str | None = None, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(cli, words, input=input, env=env)


def works(*words: str, **more: Any) -> Result:
    result = tocsin(*words, **more)
    assert result.exit_code == 0, (result.output, result.exception)
    return result


def listed(*words: str) -> list[Any]:
    return [json.loads(line) for line in works(*words, "--json").stdout.splitlines()]


def faults(*words: str, **more: Any) -> tuple[str, ...]:
    """What a command says that is refused; no planted secret is in it."""
    result = tocsin(*words, **more)
    error = result.exception
    assert isinstance(error, InputError), (result.output, error)
    said = error.faults if isinstance(error, SettingsError) else (str(error),)
    assert [one for one in PLANTED if one in "".join(said) + result.output] == []
    return said


def settings() -> Settings:
    return load({})


def known() -> dict[str, Endpoint]:
    """The endpoints of the log."""

    async def read() -> dict[str, Endpoint]:
        async with stored.opened(settings()) as event_log:
            return (await endpoints.known(event_log)).endpoints

    return asyncio.run(read())


def opened(id: str) -> Credentials:
    """The credentials of an endpoint, as a worker opens them."""
    return load_sealer(settings()).open(known()[id].sealed)


def add_hook(*more: str) -> Result:
    Path("secret").write_text(SIGNING + "\n")
    Path("url").write_text(URL + "\n")
    return works(
        "endpoints", "add", "hook", "--owner", "desk", "--channel", "webhook", "--url-file", "url",
        "--secret-file", "secret", *more,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "input", "expected", "shown"),
    [
        (("webhook", "--url-file", "-"), URL + "\n", Credentials(url=URL), "https://receiver.example/…"),
        (("slack", "--token-file", "-", "--set", "channel=C0DESK"), TOKEN, Credentials(token=TOKEN),
         "slack channel C0DESK"),
        (("slack", "--url-file", "-"), SLACK_URL, Credentials(url=SLACK_URL), "slack webhook hooks.slack.com/…"),
        (("apprise", "--url-file", "-"), APPRISE_URL, Credentials(url=APPRISE_URL), "discord://"),
        (("mail", "--username", "desk", "--password-file", "-", *MAIL), PASSWORD,
         Credentials(username="desk", password=PASSWORD), "ann@news.example via mail.example"),
        (("file", "--set", "path=/tmp/alerts.jsonl"), "", Credentials(), "/tmp/alerts.jsonl"),
        (("stdout",), "", Credentials(), "standard output"),
    ],
    ids=["webhook", "slack", "slack-url", "apprise", "mail", "file", "stdout"],
)  # fmt: skip
def test_an_endpoint_of_each_channel_is_made(
    words: tuple[str, ...], input: str, expected: Credentials, shown: str
) -> None:
    """What is secret is sealed, from standard input; what people see is the channel's word for the address."""
    works("endpoints", "add", "one", "--owner", "desk", "--channel", *words, input=input)
    (one,) = listed("endpoints", "list")
    assert (one["id"], one["channel"], one["to"], one["version"]) == ("one", words[0], shown, 1)
    assert (one["state"], one["open_deliveries"]) == ("not tried yet", 0)
    found = opened("one")
    assert msgspec.structs.replace(found, keys=()) == expected
    assert len(found.keys) == (words[0] == "webhook")


def test_every_channel_says_what_credentials_it_takes() -> None:
    """A new channel is a line there too."""
    assert set(forms._TAKES) == set(CHANNELS)


def test_a_program_gets_the_new_secret_once_too() -> None:
    """In the JSON of what was made, and of nothing else."""
    add = (*ADD, "webhook", "--url", "https://a.example/b", "--json")
    assert "whsec_" not in works(*add, "--dry-run").output
    result = works(*add)
    secret = json.loads(result.stdout)["secret"]
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
    assert secret not in result.stderr
    assert [key.secret for key in opened("one").keys] == [secret]
    for command in ("show", "edit", "disable"):
        assert "whsec_" not in works("endpoints", command, "one", "--json").output


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    """Not even a log, or a key."""
    works("endpoints", "add", "one", "--owner", "desk", "--channel", "stdout", "--dry-run")
    works("endpoints")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("slack", "--url", SLACK_URL), "--url: the address of a slack endpoint is a secret, and arguments show in"),
        (("apprise", "--url", APPRISE_URL), "--url: the address of a apprise endpoint is a secret, and arguments show"),
        (("webhook", "--url", SLACK_URL), "--url: the address of a slack endpoint is a secret, and arguments show in"),
        (("webhook", "--url", URL + "?planted"), "--url: expected an address without user, password, query or"),
        (("webhook", "--url", URL, "--url-env", "NOPE"), "--url-env: expected the name of a variable that is set"),
        (("webhook", "--url", URL, "--url-file", "url"), "--url: expected either this or --url-file or --url-env"),
        (("webhook", "--url-file", PASSWORD), "--url-file: expected a file that can be read, found none (No such"),
        (("webhook", "--url-file", URL), "--url-file: expected the name of a file, found a secret or an address"),
        (("webhook", "--url-file", "empty"), "--url-file: expected one line of UTF-8, found nothing"),
        (("webhook", "--url-file", "two"), "--url-file: expected one line of UTF-8, found something else"),
        (("webhook", "--url-file", "-", "--secret-file", "-"), "--secret-file: standard input is read for --url-file"),
        (("slack", "--token-env", TOKEN), "--token-env: expected the name of a variable, found something else"),
        (("stdout", "--token-file", "two-words"), "token: expected none for an endpoint of channel stdout, found one"),
        (("file", "--set", "path"), "--set: expected KEY=VALUE, found something else"),
        (("slack", "--set", f"token={TOKEN}"), "--set token: expected nothing secret, found a credential; use --token"),
        (("slack", "--set", f"channel={TOKEN}"), "--set channel: expected nothing secret, because settings are not"),
        (("webhook", "--set", f"header.Authorization={PASSWORD}"), "--set header.Authorization: expected nothing"),
        (("slack", "--token-file", "two-words"), "credentials.token: expected a bot's token (xoxb-...), found"),
        (("carrier", "--set", "a=b"), 'channel: expected one of apprise, file, mail, slack, stdout, webhook, found "c'),
        (("file", "--fallback", "one", "--set", "path=x"), "fallback: expected another endpoint, found this one"),
        (("stdout", "--fallback", "two"), 'fallback: expected the id of an endpoint, found "two", which is unknown'),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_a_clear_line(words: tuple[str, ...], says: str) -> None:
    """Which option, what was expected, what was found, and nothing that is secret."""
    for name, text in {"url": URL, "empty": "\n", "two": "planted\nplanted\n", "two-words": "planted token"}.items():
        Path(name).write_text(text)
    said = faults(*ADD, *words, input="planted")
    assert said[0].startswith(says), said
    assert known_or_none() == {}


def known_or_none() -> dict[str, Endpoint]:
    return known() if Path("tocsin-data").exists() else {}


def test_an_edit_changes_what_is_given() -> None:
    """The rest stays, credentials as well; an empty setting is taken out."""
    add_hook("--set", "header.X-Desk=night", "--set", "insecure_http=no")
    works("endpoints", "add", "last", "--owner", "desk", "--channel", "stdout")
    works("endpoints", "edit", "hook", "--owner", "night", "--set", "insecure_http=", "--fallback", "last")
    hook = known()["hook"]
    assert (hook.owner, hook.settings, hook.fallback, hook.version) == ("night", {"header.X-Desk": "night"}, "last", 2)
    before = opened("hook")
    works("endpoints", "edit", "hook", "--url-env", "HOOK", "--fallback", "", env={"HOOK": "https://new.example/x"})
    hook = known()["hook"]
    assert (hook.shown, hook.fallback, hook.version) == ("https://new.example/…", None, 3)
    assert opened("hook") == msgspec.structs.replace(before, url="https://new.example/x")


def test_another_channel_takes_nothing_of_the_old_one_along() -> None:
    """Its credentials and settings mean nothing there."""
    add_hook("--set", "insecure_http=no")
    works("endpoints", "edit", "hook", "--channel", "stdout")
    hook = known()["hook"]
    assert (hook.channel, hook.settings, hook.sealed, hook.shown) == ("stdout", {}, "", "standard output")


def test_a_token_takes_the_place_of_an_address() -> None:
    """A Slack endpoint has one of them."""
    works(*ADD, "slack", "--url-file", "-", input=SLACK_URL)
    works("endpoints", "edit", "one", "--token-file", "-", "--set", "channel=C0DESK", input=TOKEN)
    assert opened("one") == Credentials(token=TOKEN)


def test_a_rotated_secret_signs_beside_the_old_one_until_the_overlap_ends() -> None:
    """The new one stands first; one whose time is over is thrown away at the next rotation."""
    add_hook()
    new = works("endpoints", "rotate", "hook", "--overlap", "2h").stdout.strip()
    keys, now = opened("hook").keys, datetime.now(UTC)
    assert [key.secret for key in keys] == [new, SIGNING]
    until = keys[1].until
    assert until is not None
    assert timedelta(minutes=119) < until - now <= timedelta(hours=2)
    assert [key.secret for key in active(keys, until - timedelta(seconds=1))] == [new, SIGNING]
    assert [key.secret for key in active(keys, until)] == [new]
    newer = works("endpoints", "rotate", "hook", "--overlap", "0s").stdout.strip()
    assert [key.secret for key in opened("hook").keys] == [newer]
    assert known()["hook"].version == 3


def test_a_secret_of_ones_own_is_rotated_in_and_not_shown() -> None:
    """From a file; the same again is refused."""
    add_hook()
    mine = secret_of(b"planted, another one, 32 long...")
    result = works("endpoints", "rotate", "hook", "--secret-file", "-", input=mine)
    assert (result.stdout, mine in result.output) == ("", False)
    assert opened("hook").keys[0].secret == mine
    (line,) = faults("endpoints", "rotate", "hook", "--secret-file", "-", input=mine)
    assert line == "--secret-file: expected another secret than before, found one that is there"
    (line,) = faults("endpoints", "rotate", "hook", "--secret-file", "-", input="whsec_planted")
    assert line.startswith("keys[0].secret: expected whsec_ and 24 to 64 bytes in base64, found")


def test_only_webhooks_sign() -> None:
    """Of others there is nothing to rotate."""
    works(*ADD, "stdout")
    assert faults("endpoints", "rotate", "one") == ("one: expected a webhook, found stdout; see `endpoints edit`",)


def orders() -> list[Order]:
    """What operators have said."""

    async def read() -> list[Order]:
        async with stored.opened(settings()) as event_log:
            found = [
                read_delivery(record.value, dict(record.headers))
                async for record in stored.records(event_log, DELIVERIES)
            ]
        return [one for one in found if isinstance(one, Order)]

    return asyncio.run(read())


def test_an_endpoint_is_switched_off_and_on() -> None:
    """By an order in `deliveries`, with who says so."""
    works(*ADD, "stdout")
    works("endpoints", "disable", "one", "--by", "ann")
    assert listed("endpoints", "enable", "on", "--by", "bob")[0]["id"] == "one"
    found = [(one.endpoint, one.action, one.by, one.delivery) for one in orders()]
    assert found == [("one", Action.DISABLE, "ann", None), ("one", Action.ENABLE, "bob", None)]
    assert faults("endpoints", "disable", "two") == (
        'endpoint: expected the id of one, found "two", which is unknown; see `tocsin endpoints list`',
    )
    assert faults("endpoints", "show", TOKEN) == ("endpoint: expected the id of one, found an address or a secret",)


def test_what_somebody_names_is_not_removed_by_mistake() -> None:
    """A subscription, or another endpoint as its fallback; --force does it, and says who is left without."""
    works(*ADD, "stdout")
    assert "no endpoint" not in works(*subscribing("floods", "stdout", "one")).stderr
    works("endpoints", "add", "two", "--owner", "desk", "--channel", "stdout", "--fallback", "one")
    (line,) = faults("endpoints", "remove", "one")
    assert line == "one: expected an endpoint that nobody names, found it named by desk/floods, two; see --force"
    result = works("endpoints", "remove", "one", "--force")
    assert "desk/floods" in result.stderr
    works("endpoints", "remove", "two")
    assert listed("endpoints", "list") == []


def subscribing(name: str, channel: str, target: str, *more: str) -> Sequence[str]:
    return ("subscribe", name, "--owner", "desk", "--channel", channel, "--target", target, "--keyword", "flood", *more)


def test_programs_are_warned_of_a_target_that_is_none() -> None:
    """In the trial; a dry run on no log at all says so too."""
    words = (*subscribing("floods", "slack", "C0DESK"), "--json")
    says = ['target: "C0DESK" is no endpoint yet; nothing is delivered until `tocsin endpoints add` makes it']
    assert json.loads(works(*words, "--dry-run").stdout)["trial"]["warnings"] == says
    assert json.loads(works(*words).stdout)["trial"]["warnings"] == says


def test_old_news_can_be_told_to_go() -> None:
    """--max-age is part of what is asked for, is exported, and can be cleared."""
    works(*ADD, "stdout")
    works(*subscribing("floods", "stdout", "one", "--max-age", "1h"))
    assert listed("subscriptions", "list")[0]["max_age_s"] == 3600
    assert "max_age_s = 3600" in works("subscriptions", "export").stdout
    works("subscriptions", "edit", "floods", "--clear", "max-age")
    assert "max_age_s" not in listed("subscriptions", "list")[0]
    assert faults(*subscribing("other", "stdout", "one", "--max-age", "97h")) == (
        "max_age_s: expected a whole number from 1 to 345600, found 349200",
    )


def test_no_secret_stands_in_any_file_or_output(tmp_path: Path) -> None:
    """Of every channel, through every command; only what is printed once is, and that is not a given one."""
    log = tmp_path / "log"
    where = ("--broker", f"embedded://{log}")
    given = tmp_path / "given"
    given.mkdir()
    for name, text in {
        "url": URL, "secret": SIGNING, "token": TOKEN, "password": PASSWORD, "slack": SLACK_URL, "apprise": APPRISE_URL
    }.items():  # fmt: skip
        (given / name).write_text(text)
    hook = ("webhook", "--url-file", "given/url", "--secret-file", "given/secret")
    mail = ("mail", "--username", "desk", "--password-file", "given/password", *MAIL)
    made = {
        "hook": hook,
        "bot": ("slack", "--token-file", "given/token", "--set", "channel=C0DESK"),
        "room": ("slack", "--url-file", "given/slack"),
        "chat": ("apprise", "--url-file", "given/apprise"),
        "post": mail,
    }
    output = ""
    printed = []
    for name, words in made.items():
        output += works("endpoints", "add", name, "--owner", "desk", "--channel", *words, *where).output
    for command in ("show", "edit", "disable", "enable"):
        for name in made:
            output += works("endpoints", command, name, "--json", *where).output
            output += works("endpoints", command, name, *where).output
    printed.append(works("endpoints", "rotate", "hook", *where).stdout.strip())
    for words in (("list",), ("list", "--json"), ("reseal",), ("remove", "chat"), ("export",)):
        output += works("endpoints", *words, *where).output
    output += works("subscribe", "floods", "--owner", "desk", "--channel", "slack", "--target", "bot", "--keyword", "a",
                    *where).output  # fmt: skip

    files = [path for path in log.rglob("*") if path.is_file()]
    assert files
    text = output.encode() + b"".join(path.read_bytes() for path in files)
    assert [one for one in (*PLANTED, *printed) if one.encode() in text] == []
    assert printed[0].startswith("whsec_")


def test_what_no_key_opens_can_be_given_anew() -> None:
    """An edit that gives no credentials says that the key is another."""
    add_hook()
    (Path("tocsin-data") / FILE).write_text(new_key().reveal())
    assert isinstance(tocsin("endpoints", "edit", "hook", "--owner", "night").exception, SealError)
    secret = works("endpoints", "edit", "hook", "--url", "https://a.example/b").stdout.strip()
    assert opened("hook") == Credentials(url="https://a.example/b", keys=(SigningKey(secret=secret),))
