"""Bytes to events and back: validation with the field's path, size limits, schema versions.

Reading tolerates unknown fields and refuses unknown major versions. Every refusal is a DecodeError with a closed
reason.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from schemas.alert import Alert, AlertData
from schemas.article import ArticleUpdate
from schemas.errors import DecodeError, DecodeReason
from schemas.event import SCHEMA_MAJOR, Event

E = TypeVar("E", bound=Event)
S = TypeVar("S", bound=msgspec.Struct)
Headers = tuple[tuple[str, bytes], ...]

MAX_BYTES = 1_000_000
"""Largest accepted update, in bytes; one more is `too_large`."""

MAX_OWN_BYTES = 16_000_000
"""Largest event of our own making. A revision holds the text before and after, so it may be larger than its update."""

_encoder = msgspec.json.Encoder(order="deterministic")
_state_encoder = msgspec.msgpack.Encoder(order="deterministic")
_CE = "ce_"
_NO_ATTRIBUTE = ("data", "datacontenttype", "schema_version")
_ALERT_HEADERS = tuple((name, _CE + name) for name in Alert.__struct_fields__ if name not in _NO_ATTRIBUTE)


class _Version(msgspec.Struct):
    schema_version: int = SCHEMA_MAJOR


@lru_cache(maxsize=64)
def _decoder(kind: type[Any]) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


@lru_cache(maxsize=64)
def _state_decoder(kind: type[Any]) -> msgspec.msgpack.Decoder[Any]:
    return msgspec.msgpack.Decoder(kind)


def encode(event: msgspec.Struct) -> bytes:
    """JSON, UTF-8, fields in the order of the type, dictionaries sorted: equal events give equal bytes."""
    return _encoder.encode(event)


def decode(kind: type[E], raw: bytes | None, *, limit: int | None = None) -> E:
    """One event of this kind. Raises DecodeError; nothing else.

    limit  bytes; None means MAX_BYTES for an update, which comes from outside, and MAX_OWN_BYTES for the rest

    >>> from schemas.article import ArticleUpdate
    >>> decode(ArticleUpdate, b'{"update_id": 1}')
    Traceback (most recent call last):
    ...
    schemas.errors.DecodeError: invalid_field: Expected `str`, got `int` - at `$.update_id`
    """
    if not raw:
        raise DecodeError(DecodeReason.EMPTY, "expected an event, found no bytes")
    if limit is None:
        limit = MAX_BYTES if kind is ArticleUpdate else MAX_OWN_BYTES
    if len(raw) > limit:
        raise DecodeError(DecodeReason.TOO_LARGE, f"expected at most {limit} bytes, found {len(raw)}")
    try:
        event: E = _decoder(kind).decode(raw)
    except RecursionError:
        raise DecodeError(DecodeReason.TOO_DEEP, "expected shallow JSON, found nesting beyond the limit") from None
    except msgspec.ValidationError as error:
        found = _version(raw)
        if found is not None and found != SCHEMA_MAJOR:
            raise _unsupported(found) from None
        raise DecodeError(DecodeReason.INVALID_FIELD, str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DecodeError(*_malformed(raw, error)) from None
    if event.schema_version != SCHEMA_MAJOR:
        raise _unsupported(event.schema_version)
    return event


def _version(raw: bytes) -> int | None:
    try:
        return _decoder(_Version).decode(raw).schema_version  # type: ignore[no-any-return]
    except (msgspec.DecodeError, RecursionError):
        return None


def _unsupported(found: int) -> DecodeError:
    detail = f"$.schema_version: expected {SCHEMA_MAJOR}, found {found}"
    return DecodeError(DecodeReason.UNSUPPORTED_SCHEMA, detail)


def _malformed(raw: bytes, error: Exception) -> tuple[DecodeReason, str]:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as bad:
        return DecodeReason.INVALID_UTF8, f"byte {bad.start}: expected UTF-8, found 0x{raw[bad.start]:02x}"
    return DecodeReason.INVALID_JSON, str(error)


def alert_to_record(alert: Alert) -> tuple[bytes, bytes, Headers]:
    """Key, value and headers of an alert in CloudEvents binary mode.

    Attributes are `ce_` headers, the value is the data. The schema's major version is the end of the type, ".v1".
    """
    headers = [("content-type", b"application/json")]
    for name, header in _ALERT_HEADERS:
        value = getattr(alert, name)
        if value is not None:
            headers.append((header, (value if isinstance(value, str) else str(msgspec.to_builtins(value))).encode()))
    return alert.story.encode(), encode(alert.data), tuple(headers)


def alert_from_record(value: bytes | None, headers: Mapping[str, bytes] | Iterable[tuple[str, bytes]]) -> Alert:
    """The alert back from a record in binary mode, or from a structured-mode value when there are no `ce_` headers.

    Raises DecodeError.
    """
    pairs = dict(headers)
    named = {k[len(_CE) :]: v for k, v in pairs.items() if k.startswith(_CE)}
    # Kafka allows a header without a value
    attributes = {name: raw.decode("utf-8", "replace") for name, raw in named.items() if raw is not None}
    if not attributes:
        return decode(Alert, value)
    kind, _, major = attributes.get("type", "").rpartition(".v")
    if kind and major.isdecimal() and int(major) != SCHEMA_MAJOR:
        raise _unsupported(int(major))
    try:
        data = _decoder(AlertData).decode(value or b"")
        return msgspec.convert({**attributes, "data": data}, Alert, strict=False, from_attributes=False)
    except msgspec.ValidationError as error:
        raise DecodeError(DecodeReason.INVALID_FIELD, str(error)) from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise DecodeError(*_malformed(value or b"", error)) from None


def encode_state(state: msgspec.Struct) -> bytes:
    """MessagePack of a state value, deterministic: equal states give equal bytes."""
    return _state_encoder.encode(state)


def decode_state(kind: type[S], raw: bytes) -> S:
    """A state value back. Raises msgspec.DecodeError: a state that cannot be read is a defect, not an input fault."""
    state: S = _state_decoder(kind).decode(raw)
    return state
