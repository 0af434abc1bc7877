"""JSON-LD of a page: all its objects, and the posts of a LiveBlogPosting. What is broken is skipped."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

import orjson
from selectolax.lexbor import LexborHTMLParser

from agents.entries.clock import instant
from schemas.article import Post

_CONTROL = re.compile(r"[\x00-\x1f]+")
_TRAILING_COMMA = re.compile(r",(\s*[\]}])")
_WRAPPING = re.compile(
    r"\A\s*(?:<!--|//\s*<!\[CDATA\[|<!\[CDATA\[|/\*<!\[CDATA\[\*/)|(?:-->|//\s*\]\]>|\]\]>)\s*;?\s*\Z"
)
_MAX_DEPTH = 40


def structured_data(tree: LexborHTMLParser) -> Iterator[dict[str, Any]]:
    """All JSON-LD objects of the page, nested ones too; what cannot be read is skipped."""
    for script in tree.css('script[type="application/ld+json" i], script[type="application/json+ld" i]'):
        loaded = _load(script.text() or "")
        if loaded is not None:
            yield from _objects(loaded)


def _load(raw: str) -> Any:
    raw = _WRAPPING.sub("", raw).strip()
    for text in (raw, _CONTROL.sub(" ", raw), _TRAILING_COMMA.sub(r"\1", _CONTROL.sub(" ", raw))):
        try:
            return orjson.loads(text)
        except (ValueError, RecursionError):
            continue
    return None


def _objects(loaded: Any) -> Iterator[dict[str, Any]]:
    pending: list[tuple[Any, int]] = [(loaded, 0)]
    while pending:
        value, depth = pending.pop()
        if isinstance(value, dict):
            yield value
            children: Iterable[Any] = value.values()
        elif isinstance(value, list):
            children = value
        else:
            continue
        if depth < _MAX_DEPTH:
            pending.extend((child, depth + 1) for child in children if isinstance(child, dict | list))


def is_type(value: dict[str, Any], name: str) -> bool:
    kind = value.get("@type")
    kinds = kind if isinstance(kind, list) else [kind]
    return any(isinstance(one, str) and one.rsplit("/", 1)[-1] == name for one in kinds)


def posts_from_data(data: list[dict[str, Any]]) -> list[Post]:
    best: list[Post] = []
    for value in data:
        if is_type(value, "LiveBlogPosting"):
            updates = value.get("liveBlogUpdate")
            listed = updates if isinstance(updates, list) else [updates]
            posts = [post for one in listed if isinstance(one, dict) and (post := _data_post(one)) is not None]
            best = max(best, posts, key=len)
    return best


def _data_post(value: dict[str, Any]) -> Post | None:
    body = string(value.get("articleBody")) or string(value.get("text")) or string(value.get("description"))
    if not body or not body.strip():
        return None
    author = value.get("author")
    first = author[0] if isinstance(author, list) and author else author
    correction = value.get("correction")
    note = correction.get("text") if isinstance(correction, dict) else correction
    return Post(
        text=body,
        id=string(value.get("@id")) or string(value.get("identifier")),
        title=string(value.get("headline")) or string(value.get("name")),
        url=string(value.get("url")) or string(value.get("mainEntityOfPage")),
        author=string(first.get("name")) if isinstance(first, dict) else string(first),
        published_at=instant(value.get("datePublished")) or instant(value.get("dateCreated")),
        modified_at=instant(value.get("dateModified")),
        is_html=True,
        correction=string(note),
    )


def string(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None
