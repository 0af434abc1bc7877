"""JSON documents and JSON Lines to article updates, shape by shape; a broken line does not stop the others."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import orjson
from msgspec.structs import replace

from agents.entries.permalink import is_url, permalink
from schemas.article import ArticleUpdate, Format, Post
from schemas.codec import MAX_BYTES, decode, encode
from schemas.errors import DecodeError, DecodeReason, InputError
from schemas.identity import update_id
from streams.sources.fields import FieldFault, first_text, flag, item_name, moment, post_name, text_of, words
from streams.sources.origin import BadLine, Origin

POSTS_PER_UPDATE = 50
_ROOM = MAX_BYTES - 50_000
_POST_KEYS = frozenset(
    {"block_id", "block", "seq", "blog", "first_published_ms", "published_local", "t", "articleBody"}
)
_LISTS = ("blocks", "posts", "liveBlogUpdate")


class _Line(NamedTuple):
    """One JSON object and where it stood."""

    number: int
    raw: bytes
    value: dict[str, Any]


class _Header(NamedTuple):
    """What the file says about its item."""

    item: str | None = None
    title: str | None = None
    url: str | None = None


class _Placed(NamedTuple):
    """A post with its item."""

    item: str
    title: str | None
    url: str | None
    post: Post
    raw: bytes


def is_json(raw: bytes) -> bool:
    """Whether the bytes begin like a JSON object or array."""
    return raw.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"[")


def read_json(origin: Origin, raw: bytes) -> Iterator[ArticleUpdate | BadLine]:
    """Updates of a JSON document or of JSON Lines. Raises InputError if no line of it is JSON."""
    found = list(_lines(origin, raw.removeprefix(b"\xef\xbb\xbf")))
    header = _Header()
    pending: list[_Placed] = []
    out: list[ArticleUpdate | BadLine] = []
    for line in found:
        if isinstance(line, BadLine):
            out += _chunks(origin, pending)
            pending = []
            out.append(line)
            continue
        try:
            made = _read(origin, header, line)
        except FieldFault as fault:
            made = BadLine(line.number, line.raw, DecodeReason.INVALID_FIELD, str(fault))
        except DecodeError as error:
            made = BadLine(line.number, line.raw, error.reason, error.detail)
        match made:
            case _Header():
                header = made
            case _Placed():
                pending.append(made)
            case _:
                if not isinstance(made, BadLine):
                    out += _chunks(origin, pending)
                    pending = []
                out.append(made)
    out += _chunks(origin, pending)
    yield from out


# Lines


def _lines(origin: Origin, raw: bytes) -> Iterator[_Line | BadLine]:
    rows = raw.split(b"\n")
    first = next((row for row in rows if row.strip()), b"")
    if isinstance(_try(first), dict):
        yield from _each_line(rows)
        return
    try:
        document = orjson.loads(raw)
    except (ValueError, RecursionError) as error:
        if sum(isinstance(_try(row), dict) for row in rows[:50]) == 0:
            reason, detail = _fault(raw, error)
            raise InputError(f"{origin.path}: expected JSON, found {detail} ({reason})") from None
        yield from _each_line(rows)
        return
    records = document if isinstance(document, list) else [document]
    for number, value in enumerate(records, start=1):
        content = raw if len(records) == 1 else orjson.dumps(value)
        if isinstance(value, dict):
            yield _Line(number, content, value)
        else:
            yield BadLine(number, content, DecodeReason.INVALID_FIELD, f"$: expected an object, found {words(value)}")


def _each_line(rows: list[bytes]) -> Iterator[_Line | BadLine]:
    for number, row in enumerate(rows, start=1):
        if not row.strip():
            continue
        try:
            value = orjson.loads(row)
        except (ValueError, RecursionError) as error:
            yield BadLine(number, row, *_fault(row, error))
            continue
        if isinstance(value, dict):
            yield _Line(number, row, value)
        else:
            detail = f"$: expected an object, found {words(value)}"
            yield BadLine(number, row, DecodeReason.INVALID_FIELD, detail)


def _try(row: bytes) -> Any:
    try:
        return orjson.loads(row)
    except (ValueError, RecursionError):
        return None


def _fault(raw: bytes, error: Exception) -> tuple[DecodeReason, str]:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as bad:
        place = f"byte {bad.start}"
        return DecodeReason.INVALID_UTF8, f"{place}: expected UTF-8, found 0x{raw[bad.start]:02x}"
    text = str(error)
    if isinstance(error, RecursionError) or "depth limit" in text:
        return DecodeReason.TOO_DEEP, "nesting beyond the limit"
    return DecodeReason.INVALID_JSON, text


# Shapes


def _read(origin: Origin, header: _Header, line: _Line) -> _Header | _Placed | ArticleUpdate | BadLine:
    value = line.value
    if "update_id" in value and "format" in value:
        update = decode(ArticleUpdate, line.raw)
        return replace(update, story=origin.story) if origin.story and not update.story else update
    if isinstance(value.get("_header"), dict):
        return _header(value["_header"])
    for name in _LISTS:
        if name in value:
            return _bounded(line, _capture(origin, header, line, name))
    text = text_of(value)
    if text is None:
        if _is_header(header, value):
            return _header(value)
        if first_text(value, "title", "headline") or _POST_KEYS & value.keys():
            return _placed(origin, header, line)
        found = ", ".join(sorted(value)[:8]) or "none"
        raise FieldFault(f"$: expected one of text, sentences, body, articleBody or blocks, found fields: {found}")
    if _is_article(header, value):
        return _bounded(line, _article(origin, line, text))
    return _placed(origin, header, line)


def _header(value: dict[str, Any]) -> _Header:
    url = first_text(value, "url", "link")
    item = url or first_text(value, "blog_id", "item", "id")
    return _Header(item, first_text(value, "title", "headline", "name"), url)


def _is_header(header: _Header, value: dict[str, Any]) -> bool:
    """Whether a line without text names an item, and is not a post of which only the title came."""
    if any(name in value for name in ("blog_id", "n_blocks", "coverageStartTime")):
        return True
    is_post = "id" in value or _POST_KEYS & value.keys() or "#" in (first_text(value, "url", "link") or "")
    return header == _Header() and not is_post and first_text(value, "title", "headline", "name") is not None


def _is_article(header: _Header, value: dict[str, Any]) -> bool:
    if header != _Header() or _POST_KEYS & value.keys() or not first_text(value, "title", "headline"):
        return False
    url = first_text(value, "url", "link")
    return (url is not None and "#" not in url) or not ("id" in value or "item" in value)


def _bounded(line: _Line, update: ArticleUpdate) -> ArticleUpdate | BadLine:
    if len(line.raw) * 6 >= MAX_BYTES and (size := len(encode(update))) >= MAX_BYTES:
        detail = f"expected fewer than {MAX_BYTES} bytes in one update, found {size}"
        return BadLine(line.number, line.raw, DecodeReason.TOO_LARGE, detail)
    return update


def _post(value: dict[str, Any], path: str = "$") -> Post:
    return Post(
        text=text_of(value, path) or "",
        id=post_name(value, path),
        title=first_text(value, "title", "headline"),
        url=first_text(value, "url", "link"),
        author=first_text(value, "author", "byline"),
        published_at=moment(
            value,
            path,
            "published_at",
            "first_published_ms",
            "datePublished",
            "published_local",
            "t",
            "published",
            "date",
        ),
        modified_at=moment(value, path, "modified_at", "last_updated_ms", "dateModified", "updated"),
        is_html=flag(value, "is_html", path) or "articleBody" in value,
        is_summary=flag(value, "is_summary", path),
        is_deleted=flag(value, "is_deleted", path) or flag(value, "deleted", path),
        correction=first_text(value, "correction"),
    )


def _placed(origin: Origin, header: _Header, line: _Line) -> _Placed | BadLine:
    value = line.value
    post = _post(value)
    own = item_name(value)
    item = own or origin.item or header.item or origin.file_name
    title = first_text(value, "blog_title", "item_title") or (None if own else header.title)
    if (size := len(encode(post))) >= _ROOM:
        detail = f"expected fewer than {_ROOM} bytes in one post, found {size}"
        return BadLine(line.number, line.raw, DecodeReason.TOO_LARGE, detail)
    return _Placed(item, title, None if own else header.url, post, line.raw)


def _capture(origin: Origin, header: _Header, line: _Line, name: str) -> ArticleUpdate:
    """A whole page as it stood at one time."""
    value = line.value
    blocks = value[name]
    if not isinstance(blocks, list):
        raise FieldFault(f"$.{name}: expected an array, found {words(blocks)}")
    posts = []
    for index, block in enumerate(blocks):
        if not isinstance(block, dict):
            raise FieldFault(f"$.{name}[{index}]: expected an object, found {words(block)}")
        posts.append(_post(block, f"$.{name}[{index}]"))
    own = _header(value)
    url = own.url or header.url
    item = origin.item or item_name(value) or own.item or header.item or origin.file_name
    source = origin.source_of(url, item)
    return ArticleUpdate(
        update_id=update_id(source, item, origin.body_hash(line.raw)),
        source=source,
        item=item,
        format=Format.POSTS,
        observed_at=moment(value, "$", "captured", "observed_at") or origin.observed_at,
        posts=tuple(posts),
        title=own.title or header.title,
        url=url,
        story=origin.story or first_text(value, "story"),
        policy=origin.policy,
    )


def _article(origin: Origin, line: _Line, text: str) -> ArticleUpdate:
    value = line.value
    url = first_text(value, "url", "link")
    name = post_name(value, "$")
    item = item_name(value) or (permalink(url) if url else None) or name
    if item is None:
        item = f"{origin.file_name}:{line.number}"
    source = origin.source or first_text(value, "source", "publisher") or origin.source_of(url)
    return ArticleUpdate(
        update_id=update_id(source, item, origin.body_hash(line.raw)),
        source=source,
        item=item,
        format=Format.ARTICLE,
        observed_at=moment(value, "$", "observed_at") or origin.observed_at,
        body=text,
        title=first_text(value, "title", "headline"),
        url=url,
        story=origin.story or first_text(value, "story"),
        language=first_text(value, "language", "lang"),
        origin=first_text(value, "origin"),
        published_at=moment(value, "$", "published_at", "datePublished", "published", "date", "t"),
        modified_at=moment(value, "$", "modified_at", "dateModified", "updated"),
        policy=origin.policy,
    )


# Posts to updates


def _chunks(origin: Origin, placed: list[_Placed]) -> Iterator[ArticleUpdate]:
    """Partial updates, in order; posts of one item that a file lists newest first are turned round."""
    ordered = placed[::-1] if _is_newest_first(placed) else placed
    chunk: list[_Placed] = []
    size = 0
    for one in ordered:
        grown = size + len(encode(one.post))
        if chunk and (one.item != chunk[0].item or len(chunk) >= POSTS_PER_UPDATE or grown > _ROOM):
            yield _update(origin, chunk)
            chunk, grown = [], len(encode(one.post))
        chunk.append(one)
        size = grown
    if chunk:
        yield _update(origin, chunk)


def _is_newest_first(placed: list[_Placed]) -> bool:
    names = [one.post.id or one.post.url for one in placed]
    if len({one.item for one in placed}) != 1 or len(set(names)) != len(names):
        return False
    times = [one.post.published_at for one in placed if one.post.published_at is not None]
    falls = sum(after < before for before, after in pairwise(times))
    rises = sum(after > before for before, after in pairwise(times))
    return falls > rises


def _update(origin: Origin, chunk: list[_Placed]) -> ArticleUpdate:
    first = chunk[0]
    source = origin.source_of(first.url, first.item)
    raw = b"\n".join(one.raw for one in chunk)
    return ArticleUpdate(
        update_id=update_id(source, first.item, origin.body_hash(raw)),
        source=source,
        item=first.item,
        format=Format.POSTS,
        observed_at=origin.observed_at,
        posts=tuple(one.post for one in chunk),
        title=next((one.title for one in chunk if one.title), None),
        url=first.url or (first.item if is_url(first.item) else None),
        story=origin.story,
        is_complete=False,
        policy=origin.policy,
    )


__all__ = ["POSTS_PER_UPDATE", "is_json", "read_json"]
