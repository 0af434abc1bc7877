"""Files and standard input to article updates: pages, JSON Lines in several shapes, feeds, plain text."""

import gzip
import io
import lzma
import re
import sys
import zlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from schemas.article import ArticleUpdate, Format, Policy
from schemas.codec import MAX_BYTES, encode
from schemas.errors import InputError
from schemas.identity import update_id
from streams.sources.feeds import is_feed, read_feed
from streams.sources.origin import BadLine, Origin, host
from streams.sources.records import is_json, read_json

MAX_DECOMPRESSED = 512 * 1024 * 1024
"""Largest content of a compressed file, in bytes."""

_CHUNK = 1 << 20
_GZIP, _XZ = b"\x1f\x8b", b"\xfd7zXZ\x00"
_HTML = re.compile(
    r"\A\s*(?:<!--.{0,2000}?-->\s*)?<(?:!doctype\s+html|html|head|body|article|main|div|section|p)\b", re.I | re.S
)
_CANONICAL = re.compile(
    r"<link\b[^>]{0,300}\brel=[\"']?canonical[\"']?[^>]{0,300}?\bhref=[\"']?(https?://[^\"'\s>]+)|"
    r"<meta\b[^>]{0,300}\bproperty=[\"']?og:url[\"']?[^>]{0,300}?\bcontent=[\"']?(https?://[^\"'\s>]+)",
    re.I,
)


def load(path: str) -> bytes:
    """Bytes of a file, or of standard input for "-". Raises InputError for what cannot be read."""
    if path == "-":
        return sys.stdin.buffer.read()
    file = Path(path)
    if file.is_dir():
        raise InputError(f"{path}: expected a file, found a directory")
    try:
        return file.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: expected a file, found nothing") from None
    except OSError as error:
        raise InputError(f"{path}: expected a readable file, found: {error.strerror or error}") from None


def read_updates(
    path: str,
    raw: bytes,
    *,
    observed_at: datetime,
    source: str | None = None,
    item: str | None = None,
    story: str | None = None,
    policy: Policy = Policy.BACKLOG,
) -> Iterator[ArticleUpdate | BadLine]:
    """Updates in the bytes of one file, in order; a line that cannot be used comes as a BadLine among them.

    path         name for errors and, without its directory, for the item; "-" is standard input
    source       outlet; default: host of the item's URL, else "file"
    observed_at  when the bytes arrived; captures carry their own
    Raises InputError if the file as a whole cannot be used.
    """
    raw = _decompress(path, raw)
    if not raw.strip():
        raise InputError(f"{path}: expected text, HTML, JSON Lines or a feed, found an empty file")
    origin = Origin(path=path, source=source, item=item, story=story, observed_at=observed_at, policy=policy)
    if is_feed(raw):
        yield from read_feed(origin, raw)
        return
    if is_json(raw):
        yield from read_json(origin, raw)
        return
    text = decode_text(path, raw)
    yield _page(origin, raw, text)


def decode_text(path: str, raw: bytes) -> str:
    """UTF-8 text. Raises InputError that names the place; binary content is refused."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")) and len(raw) % 2 == 0:
        try:
            return raw.decode("utf-16")
        except UnicodeDecodeError:
            pass
    nul = raw.find(b"\0")
    if nul >= 0:
        line = raw.count(b"\n", 0, nul) + 1
        raise InputError(f"{path}:{line}: expected text, found a NUL byte at byte {nul} (binary file?)")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as bad:
        line = raw.count(b"\n", 0, bad.start) + 1
        raise InputError(
            f"{path}:{line}: expected UTF-8, found byte 0x{raw[bad.start]:02x} at byte {bad.start}"
        ) from None


def _page(origin: Origin, raw: bytes, text: str) -> ArticleUpdate:
    is_html = _HTML.match(text) is not None or "<html" in text[:2000].lower()
    url = None
    if is_html and (found := _CANONICAL.search(text[:200_000])):
        url = found[1] or found[2]
    item = origin.item or url or origin.file_name
    source = origin.source_of(url if url and not origin.item else item)
    update = ArticleUpdate(
        update_id=update_id(source, item, origin.body_hash(raw)),
        source=source,
        item=item,
        format=Format.HTML if is_html else Format.TEXT,
        observed_at=origin.observed_at,
        body=text,
        url=url,
        story=origin.story,
        policy=origin.policy,
    )
    size = len(encode(update)) if len(raw) * 6 >= MAX_BYTES else 0
    if size >= MAX_BYTES:
        raise InputError(f"{origin.path}: expected fewer than {MAX_BYTES} bytes in one update, found {size}")
    return update


def _decompress(path: str, raw: bytes) -> bytes:
    """Content of a gzip or xz file; anything else as it is. Raises InputError for broken or endless content."""
    if not raw.startswith((_GZIP, _XZ)):
        return raw
    packed = io.BytesIO(raw)
    out = io.BytesIO()
    try:
        with gzip.GzipFile(fileobj=packed) if raw.startswith(_GZIP) else lzma.LZMAFile(packed) as stream:
            while block := stream.read(_CHUNK):
                out.write(block)
                if out.tell() > MAX_DECOMPRESSED:
                    raise InputError(f"{path}: expected at most {MAX_DECOMPRESSED} bytes when decompressed, found more")
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise InputError(f"{path}: expected a whole compressed file, found: {error}") from None
    return out.getvalue()


__all__ = ["MAX_DECOMPRESSED", "BadLine", "decode_text", "host", "load", "read_updates"]
