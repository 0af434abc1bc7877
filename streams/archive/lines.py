"""An archive as JSON Lines: a header, one line a record, and a footer that shows a truncated file.

Bytes that are UTF-8 stand as text, others in base64, so that an archive can be read and searched with plain tools and
still gives back every byte.
"""

import base64
import binascii
from datetime import datetime, timedelta
from typing import Annotated, TypeVar, cast

import msgspec
from msgspec import UNSET, UnsetType

from schemas.codec import Headers
from schemas.errors import InputError
from streams.log.record import Record, TopicSpec

T = TypeVar("T")

VERSION = 1

MAX_LINE = 100_000_000
"""Longest line, bytes: the largest record of a log in base64, and some more."""

_LARGE = 1_000_000

_Count = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]


class ArchivedTopic(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A topic as it was on the log that was exported.

    retention_s  seconds; None where records were kept for ever
    """

    name: str
    partitions: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
    is_compacted: bool = False
    retention_s: Annotated[float, msgspec.Meta(gt=0, le=1e12)] | None = None

    @classmethod
    def of(cls, spec: TopicSpec) -> "ArchivedTopic":
        """A topic of a log."""
        retention_s = None if spec.retention is None else spec.retention.total_seconds()
        return cls(spec.name, spec.partitions, spec.is_compacted, retention_s)

    def spec(self, name: str | None = None) -> TopicSpec:
        """As a log knows it, also under another name. Raises InputError for what no log can hold."""
        retention = None if self.retention_s is None else timedelta(seconds=self.retention_s)
        return TopicSpec(
            name=name or self.name, partitions=self.partitions, is_compacted=self.is_compacted, retention=retention
        )


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"from_": "from"}):
    """What an archive says of itself.

    from_, to  bounds of the record timestamps, [from_, to); None where there is none
    """

    tocsin_archive: int
    created: datetime
    topics: tuple[ArchivedTopic, ...]
    from_: datetime | None = None
    to: datetime | None = None


class Footer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The last line: how many records there are, and the SHA-256 of their lines, line feeds included."""

    records: int
    sha256: str


class _Version(msgspec.Struct):
    tocsin_archive: int


class _Packed(msgspec.Struct, forbid_unknown_fields=True):
    b64: str


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    topic: str
    partition: _Count
    offset: _Count
    timestamp: float
    key: str | UnsetType | None = UNSET
    key_b64: str | UnsetType = UNSET
    value: str | UnsetType | None = UNSET
    value_b64: str | UnsetType = UNSET
    headers: tuple[tuple[str, str | _Packed | None], ...] = ()


_encoder = msgspec.json.Encoder()
_line_decoder = msgspec.json.Decoder(_Line)
_header_decoder = msgspec.json.Decoder(Header)
_footer_decoder = msgspec.json.Decoder(Footer)
_version_decoder = msgspec.json.Decoder(_Version)


def encode_record(record: Record) -> bytes:
    """The line of a record, with its line feed. A header value may be None, as on Kafka.

    Raises InputError for a record whose line would be longer than MAX_LINE, which no log of ours holds.

    >>> encode_record(Record("updates", 0, 7, 1.5, b"k", b"\\xff"))
    b'{"topic":"updates","partition":0,"offset":7,"timestamp":1.5,"key":"k","value_b64":"/w==","headers":[]}\\n'
    """
    line = _Line(record.topic, record.partition, record.offset, record.timestamp)
    key, value = _as_text(record.key), _as_text(record.value)
    if isinstance(key, _Packed):
        line.key_b64 = key.b64
    else:
        line.key = key
    if isinstance(value, _Packed):
        line.value_b64 = value.b64
    else:
        line.value = value
    if record.headers:
        line.headers = tuple((name, _as_text(data)) for name, data in record.headers)
    raw = _encoder.encode(line) + b"\n"
    if len(raw) > MAX_LINE:
        where = f"topic {record.topic}, partition {record.partition}, offset {record.offset}"
        raise InputError(f"{where}: expected a record of at most {MAX_LINE} bytes in an archive, found {len(raw)}")
    return raw


def _as_text(raw: bytes | None) -> str | _Packed | None:
    if raw is None:
        return None
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return _Packed(base64.b64encode(raw).decode())
    # escapes make text of control characters six times as long: a large one must still fit a line
    if len(raw) > _LARGE and len(_encoder.encode(text)) > len(raw) * 4 // 3 + 6:
        return _Packed(base64.b64encode(raw).decode())
    return text


def decode_record(raw: bytes) -> Record:
    """The record of a line. Raises InputError that says what was expected and found, without the place."""
    line = _decode(_line_decoder, raw)
    key = _both("key", line.key, line.key_b64)
    value = _both("value", line.value, line.value_b64)
    headers = tuple((name, _header_bytes(name, data)) for name, data in line.headers)
    # None is no value of `Headers`, yet one that Kafka has
    return Record(line.topic, line.partition, line.offset, line.timestamp, key, value, cast(Headers, headers))


def _both(name: str, text: str | UnsetType | None, packed: str | UnsetType) -> bytes | None:
    if packed is UNSET:
        return None if text is None or text is UNSET else _as_bytes(name, text)
    if text is not UNSET:
        raise InputError(f"expected either {name} or {name}_b64, found both")
    return _unpacked(f"{name}_b64", packed)


def _header_bytes(name: str, data: str | _Packed | None) -> bytes | None:
    _as_bytes("headers", name)
    if isinstance(data, _Packed):
        return _unpacked(f"header {name[:100]!r}", data.b64)
    return None if data is None else _as_bytes(f"header {name[:100]!r}", data)


def _as_bytes(name: str, text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise InputError(f"{name}: expected Unicode text, found half a surrogate pair") from None


def _unpacked(name: str, packed: str) -> bytes:
    try:
        return binascii.a2b_base64(packed, strict_mode=True)
    except ValueError as error:
        raise InputError(f"{name}: expected base64, found: {error}") from None


def encode_header(header: Header) -> bytes:
    """The first line, with its line feed."""
    return _encoder.encode(header) + b"\n"


def decode_header(raw: bytes) -> Header:
    """What the first line says. Raises InputError as `decode_record`, also for a version of the future."""
    try:
        version = _decode(_version_decoder, raw).tocsin_archive
    except InputError:
        raise InputError(
            'expected the header of an archive, {"tocsin_archive": 1, ...}, found something else'
        ) from None
    if version != VERSION:
        raise InputError(f"expected an archive of version {VERSION}, found {version}; update tocsin")
    found = _decode(_header_decoder, raw)
    names = [topic.spec().name for topic in found.topics]
    if len(names) != len(set(names)):
        raise InputError("topics: expected each topic once, found one twice")
    return found


def encode_footer(footer: Footer) -> bytes:
    """The last line, with its line feed."""
    return _encoder.encode(footer) + b"\n"


def decode_footer(raw: bytes) -> Footer:
    """What the last line says. Raises InputError for any other line: the file was truncated."""
    try:
        return _decode(_footer_decoder, raw)
    except InputError:
        raise InputError(
            'expected the footer {"records": ..., "sha256": ...}, found the end of a truncated file'
        ) from None


def _decode(decoder: msgspec.json.Decoder[T], raw: bytes) -> T:
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        raise InputError(str(error)) from None
    except RecursionError:
        raise InputError("expected shallow JSON, found nesting beyond the limit") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"expected JSON, found: {error}") from None
