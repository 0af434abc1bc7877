"""RSS and Atom bytes to article updates: one item a feed entry, oldest first. Nothing is fetched here."""

import io
import re
from calendar import timegm
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import feedparser

from agents.entries.markup import fragment
from agents.entries.permalink import is_url, permalink
from schemas.article import ArticleUpdate, Format
from schemas.codec import MAX_BYTES, encode
from schemas.errors import DecodeReason, InputError
from schemas.identity import digest, update_id
from streams.sources.origin import BadLine, Origin

MAX_FEED_BYTES = 5_000_000

_ROOT = re.compile(rb"<(?:rss|feed|rdf:RDF|channel)[\s>]", re.IGNORECASE)
_PROLOGUE = re.compile(rb"\A\s*(?:<\?xml|<!--|<!DOCTYPE\s+(?!html)|<(?:rss|feed|rdf:RDF)[\s>])", re.IGNORECASE)
_ENTITIES = re.compile(rb"<!ENTITY|<!DOCTYPE[^>\[]{0,1000}\[", re.IGNORECASE)


def is_feed(raw: bytes) -> bool:
    """Whether the bytes are an RSS, RDF or Atom document."""
    head = _narrow(raw[:8192])
    return _PROLOGUE.match(head) is not None and _ROOT.search(head) is not None


def _narrow(raw: bytes) -> bytes:
    """The bytes as if they were a one-byte encoding, so that markup shows in UTF-16 too."""
    return raw.replace(b"\0", b"").removeprefix(b"\xef\xbb\xbf").removeprefix(b"\xff\xfe").removeprefix(b"\xfe\xff")


def read_feed(origin: Origin, raw: bytes) -> Iterator[ArticleUpdate | BadLine]:
    """Updates of a feed. Raises InputError for what is no feed, or declares entities of its own."""
    if len(raw) > MAX_FEED_BYTES:
        raise InputError(f"{origin.path}: expected a feed of at most {MAX_FEED_BYTES} bytes, found {len(raw)}")
    # Entity bombs and external entities need a declaration; no real feed has one, so none reaches the parser.
    if _ENTITIES.search(_narrow(raw)):
        raise InputError(f"{origin.path}: expected a feed without entity declarations, found a DOCTYPE that has some")
    feed = feedparser.parse(io.BytesIO(raw))
    entries = list(feed.entries)[::-1]
    if not entries and feed.bozo:
        raise InputError(f"{origin.path}: expected a feed, found XML that cannot be read: {feed.bozo_exception}")
    dated = [(_time(entry), entry) for entry in entries]
    if all(time is not None for time, _ in dated):
        dated.sort(key=lambda pair: pair[0].timestamp() if pair[0] else 0.0)
    channel = feed.feed.get("link")
    for number, (time, entry) in enumerate(dated, start=1):
        update = _update(origin, channel, time, entry)
        if update is not None:
            size = len(encode(update))
            if size >= MAX_BYTES:
                detail = f"expected fewer than {MAX_BYTES} bytes in one update, found {size}"
                yield BadLine(number, (update.url or update.item).encode(), DecodeReason.TOO_LARGE, detail)
            else:
                yield update


def _update(origin: Origin, channel: str | None, time: datetime | None, entry: Any) -> ArticleUpdate | None:
    title = _text(entry.get("title"))
    content = max((one.get("value") or "" for one in entry.get("content", ())), key=len, default="")
    body = "\n".join(paragraph.text for paragraph in fragment(content or entry.get("summary") or ""))
    if not title and not body:
        return None
    link = entry.get("link") or None
    guid = entry.get("id") or None
    name = guid or link
    item = (permalink(name) if is_url(name) else name) if name else "feed:" + digest("feed", title, body)
    item = item[:2048]
    source = origin.source_of(channel, link, guid)
    changed = _parsed(entry, "updated_parsed")
    return ArticleUpdate(
        # Neither dates nor tracking parameters name an update: feeds are served again with others.
        update_id=update_id(source, item, digest(title, body)),
        source=source,
        item=item,
        format=Format.ARTICLE,
        observed_at=origin.observed_at,
        body=body,
        title=title,
        url=link,
        story=origin.story,
        published_at=time,
        modified_at=changed if changed != time else None,
        policy=origin.policy,
    )


def _text(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    return " ".join(paragraph.text for paragraph in fragment(value)) or None


def _time(entry: Any) -> datetime | None:
    return _parsed(entry, "published_parsed") or _parsed(entry, "updated_parsed") or _parsed(entry, "created_parsed")


def _parsed(entry: Any, name: str) -> datetime | None:
    # feedparser answers "updated" with "published" and warns about it, unless asked for the exact key.
    value = dict.get(entry, name)
    if value is None:
        return None
    try:
        return datetime.fromtimestamp(timegm(value), UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None


__all__ = ["MAX_FEED_BYTES", "is_feed", "read_feed"]
