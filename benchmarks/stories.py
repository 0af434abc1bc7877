"""Real stories as posts in time, from the private data set beside the project; what is absent yields nothing."""

import gzip
import html
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from schemas.article import ArticleUpdate, Format, Post

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
CORPORA = ("live_blogs", "pages", "articles", "events")
_TAG = re.compile(r"<[^<>]*>")
_START = datetime(2015, 1, 1, tzinfo=UTC)
_LAG_S = (86, 730)
"""Seconds between publication and edit as two publishers' pages show them; used where a corpus has no edit times."""


class Item(NamedTuple):
    """One post; `edited_at` is the publisher's where it tells, else at a lag within what publishers show."""

    id: str
    item: str
    source: str
    text: str
    at: datetime
    edited_at: datetime
    is_summary: bool = False


class Story(NamedTuple):
    """Posts of one story, oldest first."""

    id: str
    posts: tuple[Item, ...]


def corpus(name: str) -> Iterator[Story]:
    """Stories of a corpus: live blogs (lower-cased, many posts), saved pages, single articles, events told by many."""
    match name:
        case "live_blogs":
            yield from _live_blogs()
        case "pages":
            yield from _pages()
        case "articles":
            yield from _articles()
        case _:
            yield from _events()


def captures() -> Iterator[list[ArticleUpdate]]:
    """Capture histories of live blogs, one list of updates a page."""
    for path in sorted((DATA / "liveblogs" / "guardian_recaptures").glob("*.jsonl.gz")):
        updates = []
        for number, capture in enumerate(_lines(path)):
            posts = tuple(
                Post(
                    text=block["text"].replace("\\n", " "),
                    id=block["block_id"],
                    published_at=_millis(block["first_published_ms"]),
                    modified_at=_millis(block["last_updated_ms"]),
                )
                for block in capture["blocks"]
            )
            updates.append(
                ArticleUpdate(
                    update_id=f"up_{path.name}_{number}",
                    source="eval",
                    item=path.name,
                    format=Format.POSTS,
                    observed_at=datetime.fromisoformat(capture["captured"]),
                    posts=posts,
                )
            )
        yield updates


def _item(story: str, number: int, text: str, at: datetime, **more: Any) -> Item:
    lag = timedelta(seconds=Random(f"{story}/{number}").randint(*_LAG_S))
    fields = {"id": f"p{number}", "item": story, "source": "eval", "edited_at": at + lag}
    return Item(text=text, at=at, **(fields | more))


def _live_blogs() -> Iterator[Story]:
    for path in sorted((DATA / "liveblogs" / "guardian_lbs_dev").glob("*.jsonl.gz")):
        _, *blocks = _lines(path)
        at, posts = _START, []
        for number, block in enumerate(blocks):
            sentences = block["sentences"]
            text = "\n".join(sentences) if isinstance(sentences, list) else str(sentences)
            at = max(at, _instant(block.get("published_local")) or at) + timedelta(seconds=1)
            posts.append(_item(path.name[:8], number, text, at, is_summary=bool(block["is_summary"])))
        yield Story(path.name[:8], tuple(posts))


def _pages() -> Iterator[Story]:
    for path in sorted((DATA / "liveblogs" / "guardian_recaptures").glob("*.jsonl.gz")):
        *_, last = _lines(path)
        posts = []
        for number, block in enumerate(last["blocks"]):
            at, edited = _millis(block["first_published_ms"]), _millis(block["last_updated_ms"])
            more = {"edited_at": edited} if edited > at else {}
            posts.append(_item(path.name[:8], number, html.unescape(block["text"].replace("\\n", "\n")), at, **more))
        yield Story(path.name[:8], tuple(sorted(posts, key=lambda post: post.at)))
    for path in sorted((DATA / "liveblogs" / "jsonld").glob("*.updates.jsonl")):
        _, *updates = _lines(path)
        posts = []
        for number, update in enumerate(updates):
            at = datetime.fromisoformat(update["datePublished"]).astimezone(UTC)
            edited = datetime.fromisoformat(update["dateModified"]).astimezone(UTC)
            more = {"edited_at": edited} if edited > at else {}
            body = html.unescape(_TAG.sub("", update.get("articleBody") or ""))
            posts.append(_item(path.name[:8], number, body, at, **more))
        yield Story(path.name[:8], tuple(sorted(posts, key=lambda post: post.at)))


def _articles() -> Iterator[Story]:
    path = DATA / "statements" / "polnear_dev.jsonl"
    for number, article in enumerate(_lines(path) if path.exists() else ()):
        yield Story(f"article{number}", (_item(f"article{number}", 0, article["text"], _START),))


def _events() -> Iterator[Story]:
    """Articles of many outlets about one event, as entries of one story."""
    path = DATA / "corpora" / "giveme5w1h" / "news_cluster.jsonl.gz"
    stories: dict[str, list[Item]] = {}
    for number, article in enumerate(_lines(path) if path.exists() else ()):
        name = f"event{article['cluster'].get('EventId')}"
        at = _START + timedelta(hours=len(stories.get(name, ())))
        source = str(article.get("source") or f"outlet{number}")
        one = _item(name, number, article["text"], at, item=f"{name}/{number}", source=source)
        stories.setdefault(name, []).append(one)
    for name, posts in sorted(stories.items()):
        yield Story(name, tuple(posts))


def _lines(path: Path) -> list[Any]:
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [json.loads(line) for line in raw.splitlines()]


def _millis(value: int) -> datetime:
    return datetime.fromtimestamp(value / 1000, UTC)


def _instant(value: object) -> datetime | None:
    if not isinstance(value, str) or not value:
        return None
    try:
        return datetime.fromisoformat(value).replace(tzinfo=UTC)
    except ValueError:
        return None
