"""`tocsin endpoints` on an embedded log without a worker; no secret in anything that is printed or stored."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from agents.delivery import signing
from schemas.delivery import Action, Credentials, Order
from schemas.errors import InputError, SettingsError
from streams.cli import cli
from streams.delivery.endpoints import known
from streams.delivery.records import read_delivery
from streams.delivery.sealing import FILE, load_sealer, new_key
from streams.routing.stored import opened, records
from streams.settings import load
from streams.topics import DELIVERIES

PLANTED = "planted7e1c"
HOOK = ("endpoints", "add", "hook", "--owner", "desk", "--channel", "webhook")
URL = ("--url", "https://hooks.example/in")


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of the machine."""
    monkeypatch.chdir(tmp_path)
    for name in (
        "TOCSIN_BROKER",
        "TOCSIN_APP_ID",
        "TOCSIN_PARTITIONS",
        "TOCSIN_DELIVERY_KEY",
        "TOCSIN_DELIVERY_KEY_FILE",
    ):
        monkeypatch.delenv(name, raising=False)


def tocsin(*words: str, **more: Any) -> Result:
    return CliRunner().invoke(cli, words, **more)


def done(*words: str, **more: Any) -> Result:
    result = tocsin(*words, **more)
    assert result.exit_code == 0, (result.exception, result.stderr)
    return result


def faults(*words: str) -> tuple[str, ...]:
    """What a command says that is refused."""
    error = tocsin(*words).exception
    assert isinstance(error, InputError), error
    return error.faults if isinstance(error, SettingsError) else (str(error),)


def credentials(id: str) -> Credentials:
    """As a worker opens them."""

    async def look() -> str:
        async with opened(load({})) as event_log:
            return (await known(event_log)).endpoints[id].sealed

    return load_sealer(load({})).open(asyncio.run(look()))


def orders() -> list[Order]:
    async def look() -> list[Any]:
        async with opened(load({})) as event_log:
            return [read_delivery(one.value, dict(one.headers)) async for one in records(event_log, DELIVERIES)]

    return asyncio.run(look())


def test_a_webhook_gets_a_secret_that_is_printed_once() -> None:
    """Alone on standard output, so that it can be piped on; nothing shows it again."""
    made = done(*HOOK, *URL)
    secret = made.stdout.strip()
    assert signing.fault(secret) is None
    assert secret not in made.stderr
    assert [key.secret for key in credentials("hook").keys] == [secret]
    for words in (("list",), ("list", "--json"), ("show", "hook"), ("show", "hook", "--json"), ("export",)):
        assert secret not in done("endpoints", *words).output


def test_secrets_of_every_kind_are_stored_sealed_and_printed_nowhere(tmp_path: Path) -> None:
    """From a file, from standard input, from a variable; not even the log's own files have one in clear."""
    (tmp_path / "url").write_text(f"https://hooks.example/{PLANTED}\n")
    shown = done(*HOOK, "--url-file", "url").output
    shown += done(
        "endpoints", "add", "chat", "--owner", "desk", "--channel", "slack", "--set", "channel=C0123ABCD",
        "--token-file", "-", input=f"xoxb-1-{PLANTED}\n",
    ).output  # fmt: skip
    shown += done(
        "endpoints", "add", "post", "--owner", "desk", "--channel", "mail", "--set", "host=mail.example", "--set",
        "sender=a@example.org", "--set", "recipients=b@example.org", "--username", "tocsin", "--password-env", "PW",
        env={"PW": PLANTED},
    ).output  # fmt: skip
    for words in (("list",), ("list", "--json"), ("show", "chat"), ("export",), ("reseal",)):
        shown += done("endpoints", *words).output
    assert PLANTED not in shown
    assert credentials("hook").url == f"https://hooks.example/{PLANTED}"
    assert credentials("chat").token == f"xoxb-1-{PLANTED}"
    assert credentials("post").password == PLANTED
    stored = [one for one in (tmp_path / "tocsin-data").rglob("*") if one.is_file() and one.name != FILE]
    assert stored
    assert not [one.name for one in stored if PLANTED.encode() in one.read_bytes()]


def test_an_address_that_may_be_secret_is_no_argument() -> None:
    """Arguments show in lists of processes; what was given is not repeated either."""
    for address in (f"https://h.example/?key={PLANTED}", f"https://a:{PLANTED}@h.example/"):
        (line,) = faults(*HOOK, "--url", address)
        assert line.startswith("--url: expected an address without user, password, query or fragment")
        assert PLANTED not in line


def test_every_fault_is_told_and_nothing_is_written(tmp_path: Path) -> None:
    """Of the endpoint and of its channel together."""
    lines = faults("endpoints", "add", "a b", "--owner", "", "--channel", "mail", "--set", "host=mail.example")
    assert [line.partition(":")[0] for line in lines] == ["id", "owner", "settings.sender", "settings.recipients"]
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_writes_and_promises_nothing(tmp_path: Path) -> None:
    """No log, no key, and no secret that would not be the later one."""
    result = done(*HOOK, *URL, "--dry-run")
    assert (result.stdout, list(tmp_path.iterdir())) == ("", [])
    assert "would be saved" in result.stderr


def test_a_name_is_taken_once_and_a_fallback_must_be_there() -> None:
    """Saying it again is an edit."""
    done(*HOOK, *URL)
    assert faults(*HOOK, *URL)[0].endswith("see `endpoints edit`")
    words = ("endpoints", "edit", "hook", "--fallback", "nobody")
    assert faults(*words) == ('fallback: expected the id of an endpoint, found "nobody", which is unknown',)


def test_an_edit_keeps_what_is_not_given() -> None:
    """Credentials too; the version rises."""
    done(*HOOK, *URL)
    before = credentials("hook")
    done("endpoints", "edit", "hook", "--owner", "night", "--set", "header.X-Desk=5")
    told = json.loads(done("endpoints", "show", "hook", "--json").stdout)
    assert (told["owner"], told["version"], told["settings"]) == ("night", 2, {"header.X-Desk": "***"})
    assert credentials("hook") == before


def test_a_rotation_lets_both_secrets_sign_for_a_while() -> None:
    """The new one first and for good, the old one until the overlap is over."""
    old = done(*HOOK, *URL).stdout.strip()
    new = done("endpoints", "rotate", "hook", "--overlap", "2h").stdout.strip()
    first, second = credentials("hook").keys
    assert (first.secret, first.until, second.secret) == (new, None, old)
    assert second.until is not None
    assert 7100 < (second.until - datetime.now(UTC)).total_seconds() <= 7200


def test_after_a_resealing_the_old_key_is_not_needed(tmp_path: Path) -> None:
    """The way to throw a key away."""
    secret = done(*HOOK, *URL).stdout.strip()
    file = tmp_path / "tocsin-data" / FILE
    fresh = new_key().reveal()
    file.write_text(f"{fresh}\n{file.read_text()}")
    done("endpoints", "reseal")
    file.write_text(fresh)
    assert credentials("hook").keys[0].secret == secret


def test_what_no_key_opens_is_named_and_left_as_it_is(tmp_path: Path) -> None:
    """Exit code 1: the old key must come back, or the endpoint be made anew."""
    done(*HOOK, *URL)
    (tmp_path / "tocsin-data" / FILE).write_text(new_key().reveal())
    result = tocsin("endpoints", "reseal")
    assert result.exit_code == 1
    assert "hook: credentials: expected what this key sealed" in result.stderr
    assert json.loads(done("endpoints", "show", "hook", "--json").stdout)["version"] == 1


def test_an_order_goes_to_the_state_machine() -> None:
    """It decides about endpoints; a command only says what is wanted."""
    done(*HOOK, *URL)
    done("endpoints", "disable", "hook")
    done("endpoints", "enable", "hook")
    assert [(one.endpoint, one.action, one.delivery) for one in orders()] == [
        ("hook", Action.DISABLE, None),
        ("hook", Action.ENABLE, None),
    ]


def test_a_subscription_is_warned_of_a_target_that_is_none() -> None:
    """It is saved all the same: the endpoint may come later."""
    asking = ("--owner", "desk", "--keyword", "flood", "--channel", "webhook", "--max-age", "1h")
    first = done("subscribe", "a", *asking, "--target", "hook")
    assert 'warning: target: "hook" is no endpoint yet' in first.stderr
    done(*HOOK, *URL)
    assert "warning" not in done("subscribe", "b", *asking, "--target", "hook").stderr
    other = done("subscriptions", "edit", "b", "--channel", "slack", "--clear", "max-age")
    assert 'channel: "hook" is an endpoint of channel webhook, not slack' in other.stderr
    (one, two) = (json.loads(line) for line in done("subscriptions", "list", "--json").stdout.splitlines())
    assert (one["max_age_s"], "max_age_s" in two) == (3600, False)


def test_what_a_subscription_names_is_removed_by_force_only() -> None:
    """Who still wants it is told by name."""
    done(*HOOK, *URL)
    done("subscribe", "a", "--owner", "desk", "--keyword", "x", "--channel", "webhook", "--target", "hook")
    assert "named by desk/a" in faults("endpoints", "remove", "hook")[0]
    done("endpoints", "remove", "hook", "--force")
    assert done("endpoints", "list").stdout == ""


def test_a_new_key_is_a_key() -> None:
    """As TOCSIN_DELIVERY_KEY takes it."""
    key = done("endpoints", "new-key").stdout.strip()
    assert load_sealer(load({"TOCSIN_DELIVERY_KEY": key}, broker="kafka://a:1")).has_keys
