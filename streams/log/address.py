"""The address of an embedded log: `embedded:///var/lib/tocsin?sync=FULL` or `embedded://./tocsin-data`."""

from pathlib import Path
from typing import Literal, get_args
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from schemas.errors import InputError

Sync = Literal["NORMAL", "FULL"]
Drain = Literal["batch", "message"]
SYNCS = get_args(Sync)
DRAINS = get_args(Drain)
KEYS = ("linger_ms", "sync", "drain")


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """A parsed address.

    linger_s  how long a write waits for company before its COMMIT.
    sync      NORMAL survives the death of the process, FULL also a power cut.
    drain     whether the Faust driver fetches batches, or single records (slow; for hunting faults).
    """

    directory: Path
    linger_s: float = 0.0
    sync: Sync = "NORMAL"
    drain: Drain = "batch"


def parse_address(url: str) -> Address:
    """Read an `embedded://` address. Raises InputError naming the part that is wrong."""
    parts = urlsplit(url)
    if parts.scheme != "embedded":
        raise InputError(f"log address: expected embedded://DIR, found {url!r}")
    directory = unquote(parts.netloc + parts.path)
    if not directory:
        raise InputError(f"log address: expected a directory, found none in {url!r}")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    for key in query:
        if key not in KEYS:
            raise InputError(f"log address: expected only the keys {', '.join(KEYS)}, found {key!r} in {url!r}")
    return Address(
        directory=Path(directory),
        linger_s=_linger(query.get("linger_ms", "0"), url),
        sync="FULL" if _choice("sync", query.get("sync", "NORMAL").upper(), SYNCS, url) == "FULL" else "NORMAL",
        drain="message" if _choice("drain", query.get("drain", "batch"), DRAINS, url) == "message" else "batch",
    )


def _linger(text: str, url: str) -> float:
    try:
        milliseconds = float(text)
    except ValueError:
        milliseconds = -1.0
    if not 0 <= milliseconds <= 10_000:
        raise InputError(f"log address: linger_ms: expected 0 to 10000, found {text!r} in {url!r}")
    return milliseconds / 1000


def _choice(key: str, found: str, allowed: tuple[str, ...], url: str) -> str:
    if found not in allowed:
        raise InputError(f"log address: {key}: expected {' or '.join(allowed)}, found {found!r} in {url!r}")
    return found
