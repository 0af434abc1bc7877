"""Endpoints as they stand in their topic: the book of a worker, and what commands find and change."""

import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from schemas.codec import decode
from schemas.delivery import Endpoint
from schemas.errors import DecodeError, InputError
from streams.log import EventLog, Record
from streams.routing.following import TopicFollower
from streams.routing.stored import put, records, remove
from streams.topics import ENDPOINTS

log = logging.getLogger(__name__)

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_CHANNEL = re.compile(r"[a-z][a-z0-9_.-]{0,63}")
_SECRET_LOOKS = ("whsec_", "xox", "xapp-")


class EndpointBook(dict[str, Endpoint]):
    """Endpoints by id, as a worker knows them."""


class EndpointFollower(TopicFollower):
    """Keeps a book as the topic says. A record that cannot be used is warned of and changes nothing.

    on_change  called with the id of an endpoint that came, changed or went
    """

    def __init__(
        self, event_log: EventLog, book: EndpointBook, on_change: Callable[[str], None] = lambda _: None
    ) -> None:
        super().__init__(event_log, (ENDPOINTS,))
        self.book = book
        self._on_change = on_change

    def _take(self, record: Record) -> None:
        key = (record.key or b"").decode("utf-8", "replace")
        if record.value is None:
            self.book.pop(key, None)
            self._on_change(key)
            return
        endpoint = read_endpoint(record)
        if isinstance(endpoint, str):
            log.warning(
                "EndpointIgnored topic=%s partition=%d offset=%d key=%s %s",
                record.topic, record.partition, record.offset, key[:80], endpoint,
            )  # fmt: skip
            return
        self.book[key] = endpoint
        self._on_change(key)


def read_endpoint(record: Record) -> Endpoint | str:
    """The endpoint of a record; or, in one line, why it cannot be used."""
    try:
        endpoint = decode(Endpoint, record.value)
    except DecodeError as error:
        return str(error)
    if endpoint.id.encode("utf-8", "surrogatepass") != record.key:
        return f"id: expected the key of its record, found {endpoint.id[:80]!r}"
    found = list(faults(endpoint))
    return "; ".join(found) if found else endpoint


def faults(endpoint: Endpoint) -> Iterator[str]:
    """What is wrong with it, whatever its channel; nothing that could be a secret is repeated."""
    for name in ("id", "fallback"):
        text = getattr(endpoint, name)
        if text is None:
            continue
        if text.startswith(_SECRET_LOOKS) or "://" in text:
            yield f"{name}: expected the id of an endpoint, found an address or a secret"
        elif not _ID.fullmatch(text):
            yield f"{name}: expected 1 to 100 letters, digits, '.', '_' or '-', found {text[:100]!a}"
    if endpoint.fallback == endpoint.id:
        yield "fallback: expected another endpoint, found this one"
    if not _CHANNEL.fullmatch(endpoint.channel):
        yield f"channel: expected a lower-case word, found {endpoint.channel[:100]!a}"
    if not endpoint.owner.strip() or len(endpoint.owner) > 200 or not endpoint.owner.isprintable():
        yield f"owner: expected a line of 1 to 200 characters, found {endpoint.owner[:100]!a}"
    if endpoint.version < 1:
        yield f"version: expected at least 1, found {endpoint.version}"


@dataclass
class Known:
    """Every endpoint by id; `faults` has a line for each record that cannot be used."""

    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def find(self, wanted: str) -> Endpoint:
        """The endpoint of this id, or of the only id that begins so. Raises InputError."""
        if exact := self.endpoints.get(wanted):
            return exact
        found = [one for id, one in sorted(self.endpoints.items()) if wanted and id.startswith(wanted)]
        if len(found) != 1:
            names = ", ".join(one.id for one in found[:5])
            if wanted.startswith(_SECRET_LOOKS) or "://" in wanted:
                raise InputError("endpoint: expected the id of one, found an address or a secret")
            raise InputError(
                f'endpoint: expected the id of one, found "{wanted[:100]}", which is '
                + (f"several: {names}" if found else "unknown; see `tocsin endpoints list`")
            )
        return found[0]


async def known(event_log: EventLog) -> Known:
    """Every endpoint as it is now."""
    last: dict[bytes | None, Record] = {}
    async for record in records(event_log, ENDPOINTS):
        last[record.key] = record
    found = Known()
    for record in last.values():
        if record.value is None:
            continue
        endpoint = read_endpoint(record)
        if isinstance(endpoint, str):
            key = (record.key or b"").decode("utf-8", "replace")
            found.faults.append(f"{ENDPOINTS.name} {key[:80]}: {endpoint}")
        else:
            found.endpoints[endpoint.id] = endpoint
    return found


async def target_warning(event_log: EventLog | None, target: str, channel: str) -> str | None:
    """What a subscription should be told that asks for this; None when nothing is wrong."""
    found = {} if event_log is None else (await known(event_log)).endpoints
    if target not in found:
        return f'target: "{target}" is no endpoint yet; nothing is delivered until `tocsin endpoints add` makes it'
    if found[target].channel != channel:
        return f'channel: "{target}" is an endpoint of channel {found[target].channel}, not {channel}'
    return None


__all__ = [
    "EndpointBook",
    "EndpointFollower",
    "Known",
    "faults",
    "known",
    "put",
    "read_endpoint",
    "remove",
    "target_warning",
]
