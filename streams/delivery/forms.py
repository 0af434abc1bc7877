"""Endpoints as people write them: options, and secrets that stand in no command line."""

import os
import re
import secrets
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from agents.delivery import signing
from agents.delivery.channels import Channel
from agents.delivery.channels.catalogue import CHANNELS
from schemas.delivery import Credentials, Endpoint, SigningKey
from schemas.errors import InputError, SettingsError
from streams.delivery import endpoints

SECRETS = ("url", "token", "secret", "password")
"""What can be given as --NAME-file or --NAME-env."""

KEY_BYTES = 32
MAX_OLD_KEYS = 10
_MAX_SECRET = 65_536
_LOOKS = ("whsec_", "xox", "xapp-")
_HIDDEN = "header."
"""Settings that begin so are shown without their values: a header may carry a password."""

_TAKES = {
    "webhook": ("url", "secret"),
    "slack": ("url", "token"),
    "apprise": ("url",),
    "mail": ("username", "password"),
    "file": (),
    "stdout": (),
}
"""Credentials by channel. A channel that is not named here is given all that there are."""

_SETTING = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_NO_SETTING = frozenset((*SECRETS, "username", "key", "keys"))
_PLACES = {"username": "--username", "key": "--secret-file", "keys": "--secret-file"}
_SECRET_HEADER = re.compile(r"header\..*(authori[sz]ation|cookie|token|api-?key|secret|passw)", re.I)
_SLACK = re.compile(r"https?://hooks\.slack(-gov)?\.com[/:]", re.I)

replace = msgspec.structs.replace


def read_secrets(given: Mapping[str, str | None]) -> dict[str, str]:
    """Secrets by name from `{"url_file": "-", "token_env": "SLACK_TOKEN"}`; what is None was not given.

    Raises SettingsError with every fault; a secret is in none of them.
    """
    found: dict[str, str] = {}
    faults: list[str] = []
    from_input = [name for name in SECRETS if given.get(f"{name}_file") == "-"]
    if len(from_input) > 1:
        faults.append(f"--{from_input[1]}-file: standard input is read for --{from_input[0]}-file already")
    for name in SECRETS:
        file, variable = given.get(f"{name}_file"), given.get(f"{name}_env")
        if file is not None and variable is not None:
            faults.append(f"--{name}-file: expected either this or --{name}-env, found both")
        elif (file is None and variable is None) or name in from_input[1:]:
            continue
        else:
            text = _file(name, file, faults) if file is not None else _variable(name, variable or "", faults)
            if text is not None:
                found[name] = text
    if faults:
        raise SettingsError(tuple(faults))
    return found


def names_credentials(given: Mapping[str, Any]) -> bool:
    """Whether any are given."""
    places = [f"{name}_{place}" for name in SECRETS for place in ("file", "env")]
    return any(given.get(name) is not None for name in ("url", "username", *places))


def _file(name: str, file: str, faults: list[str]) -> str | None:
    if file.startswith(_LOOKS) or "://" in file:
        faults.append(f"--{name}-file: expected the name of a file, found a secret or an address")
        return None
    raw, fault = b"", ""
    try:
        if file == "-":
            raw = sys.stdin.buffer.read(_MAX_SECRET + 1)
        else:
            with Path(file).open("rb") as opened:
                raw = opened.read(_MAX_SECRET + 1)
    except OSError as error:
        fault = error.strerror or "cannot be read"
    except ValueError:
        fault = "its name has a null character"
    if fault:
        faults.append(f"--{name}-file: expected a file that can be read, found none ({fault})")
        return None
    return _text(f"--{name}-file", raw, faults)


def _variable(name: str, variable: str, faults: list[str]) -> str | None:
    if not variable.replace("_", "").isalnum() or variable.startswith(_LOOKS) or not variable.isascii():
        faults.append(f"--{name}-env: expected the name of a variable, found something else")
    elif variable not in os.environ:
        faults.append(f"--{name}-env: expected the name of a variable that is set, found one that is not")
    else:
        return _text(f"--{name}-env", os.fsencode(os.environ[variable]), faults)
    return None


def _text(where: str, raw: bytes, faults: list[str]) -> str | None:
    """One line without its end."""
    text = raw.decode("utf-8", "replace").strip()
    if not text or len(raw) > _MAX_SECRET or not text.isprintable() or "\ufffd" in text:
        found = "something else" if text else "nothing"
        faults.append(f"{where}: expected one line of UTF-8, found {found}")
        return None
    return text


def url_faults(url: str, channel: str) -> Iterator[str]:
    """Why --url cannot be used: arguments stand in lists of processes, so only addresses that are no secret."""
    if channel in ("slack", "apprise") or _SLACK.match(url):
        whose = "apprise" if channel == "apprise" else "slack"
        yield (
            f"--url: the address of a {whose} endpoint is a secret, and arguments show in lists of processes; "
            "use --url-file or --url-env"
        )
    elif any(char in url for char in "?#@"):
        yield (
            "--url: expected an address without user, password, query or fragment, which may be secrets, found one "
            "with; use --url-file or --url-env"
        )


def pairs(given: Iterable[str], faults: list[str]) -> dict[str, str]:
    """Of --set KEY=VALUE. Adds a fault for what is none, and for what must not stand unsealed."""
    found: dict[str, str] = {}
    for text in given:
        name, is_there, value = text.partition("=")
        if not is_there or not _SETTING.fullmatch(name) or name.startswith(_LOOKS):
            faults.append("--set: expected KEY=VALUE, found something else")
        elif name.lower() in _NO_SETTING:
            place = _PLACES.get(name.lower(), f"--{name.lower()}-file")
            faults.append(f"--set {name}: expected nothing secret, found a credential; use {place}")
        elif _SECRET_HEADER.match(name) or value.strip().startswith(_LOOKS) or _SLACK.match(value.strip()):
            faults.append(f"--set {name}: expected nothing secret, because settings are not sealed, found a secret")
        elif name in found:
            faults.append(f"--set {name}: expected it once, found it twice")
        else:
            found[name] = value
    return found


def new_secret() -> str:
    """A signing secret that nobody has seen."""
    return signing.secret_of(secrets.token_bytes(KEY_BYTES))


class Made(NamedTuple):
    """An endpoint, not sealed yet; `secret` is the signing secret that was made for it, to be shown once."""

    endpoint: Endpoint
    credentials: Credentials
    secret: str | None


def make(before: Endpoint, known: Credentials, given: Mapping[str, Any]) -> Made:
    """The endpoint and its credentials with what was given on the command line; what was not stays.

    known  credentials as they are; of another channel they are of no use and go, as do its settings
    An empty setting, or an empty fallback, is taken out. Raises SettingsError with every fault, nothing secret in it.
    """
    faults: list[str] = []
    channel = given.get("channel") or before.channel
    kind = CHANNELS.get(channel)
    if kind is None:
        faults.append(f"channel: expected one of {', '.join(sorted(CHANNELS))}, found {_mild(channel)}")
    is_other = channel != before.channel
    settings = ({} if is_other else before.settings) | pairs(given.get("sets", ()), faults)
    endpoint = replace(
        before,
        channel=channel,
        owner=given.get("owner") or before.owner,
        settings={name: value for name, value in settings.items() if value},
        fallback=before.fallback if given.get("fallback") is None else given["fallback"] or None,
    )
    secret_given = _given(channel, given, faults)
    if kind is None or faults:
        raise SettingsError((*faults, *(one for one in endpoints.faults(endpoint) if kind is not None)))
    found = credentials(Credentials() if is_other else known, secret_given)
    fresh = new_secret() if channel == "webhook" and not found.keys else None
    if fresh is not None:
        found = replace(found, keys=(SigningKey(secret=fresh),))
    return Made(checked(endpoint, found, kind), found, fresh)


def _mild(text: str) -> str:
    return "an address or a secret" if text.startswith(_LOOKS) or "://" in text else f'"{text[:40]}"'


def _given(channel: str, given: Mapping[str, Any], faults: list[str]) -> dict[str, str]:
    """Credentials by name, from wherever they were given; only what the channel has use for."""
    found: dict[str, str] = {}
    try:
        found = read_secrets(given)
    except SettingsError as error:
        faults += error.faults
    if given.get("url") is not None:
        if "url" in found or given.get("url_file") or given.get("url_env"):
            faults.append("--url: expected either this or --url-file or --url-env, found both")
        faults += url_faults(given["url"], channel)
        found["url"] = given["url"]
    if given.get("username") is not None:
        found["username"] = given["username"]
    takes = _TAKES.get(channel, (*SECRETS, "username"))
    faults += [
        f"{name}: expected none for an endpoint of channel {channel}, found one"
        for name in found
        if name not in takes and channel in CHANNELS
    ]
    return found


def credentials(known: Credentials, given: Mapping[str, str]) -> Credentials:
    """The credentials with what was given, by name; what was not stays.

    A new signing secret stands alone. A new token takes the place of an address, and an address that of a token.
    """
    changes: dict[str, Any] = {name: text for name, text in given.items() if name != "secret"}
    if "secret" in given:
        changes["keys"] = (SigningKey(secret=given["secret"]),)
    if ("token" in given) is not ("url" in given):
        changes.setdefault("token", None)
        changes.setdefault("url", None)
    return replace(known, **changes)


def rotated(known: Credentials, secret: str, *, now: datetime, overlap: timedelta) -> Credentials:
    """With a new key, the newest; the others sign on for the overlap, so that receivers can change over."""
    if any(key.secret == secret for key in known.keys):
        raise InputError("--secret-file: expected another secret than before, found one that is there")
    end = now + overlap
    until = [key.until if key.until is not None and key.until < end else end for key in known.keys]
    old = [SigningKey(secret=key.secret, until=at) for key, at in zip(known.keys, until, strict=True) if at > now]
    return replace(known, keys=(SigningKey(secret=secret), *old[:MAX_OLD_KEYS]))


def checked(endpoint: Endpoint, given: Credentials, channel: Channel) -> Endpoint:
    """The endpoint with its address for people. Raises SettingsError with every fault, nothing secret in it."""
    faults = [*endpoints.faults(endpoint), *channel.faults(endpoint, given)]
    if faults:
        raise SettingsError(tuple(faults))
    return replace(endpoint, shown=channel.shown(endpoint, given))


def form(endpoint: Endpoint) -> dict[str, Any]:
    """As plain values, without credentials."""
    return {
        "id": endpoint.id,
        "channel": endpoint.channel,
        "to": endpoint.shown,
        "owner": endpoint.owner,
        "settings": {
            name: "***" if name.lower().startswith(_HIDDEN) else text
            for name, text in sorted(endpoint.settings.items())
        },
        "has_credentials": bool(endpoint.sealed),
        "fallback": endpoint.fallback,
        "version": endpoint.version,
    }
