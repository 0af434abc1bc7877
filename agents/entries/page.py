"""An HTML page to drafts: JSON-LD, microdata, blocks with times of their own, or one article."""

import re
from collections import Counter
from itertools import pairwise
from typing import Any, NamedTuple

import trafilatura
from selectolax.lexbor import LexborHTMLParser

from agents.entries.blocks import posts_from_blocks, posts_from_microdata
from agents.entries.boilerplate import clean
from agents.entries.cutting import article, titled
from agents.entries.draft import Cut, Draft, Paragraph
from agents.entries.jsonld import is_type, posts_from_data, string, structured_data
from agents.entries.markup import fragment, node_paragraphs, unescape
from agents.entries.permalink import same_page
from schemas.article import Post, SegmentKind

_SITE_SUFFIX = re.compile(r"\s+[|–—·-]\s+[^|–—·-]{2,40}\Z")


class _Head(NamedTuple):
    title: str | None
    standfirst: str | None


def cut_html(body: str, title: str | None = None, url: str | None = None) -> Cut:
    """Entries of a page, oldest first. Broken structured data degrades to what the page shows."""
    tree = LexborHTMLParser(body)
    data = list(structured_data(tree))
    head = _head(tree, data, title)
    posts = posts_from_data(data) or posts_from_microdata(tree) or posts_from_blocks(tree)
    if posts:
        return _live_blog(posts, head, url)
    return _plain_article(body, tree, head)


_TIME_PREFIX = re.compile(r"\A\d{1,2}[:.]\d{2}\s*(?:[ap]\.?m\.?)?\s*(?:\([A-Z]{2,4}\))?\s*[-–—|:]?\s+(?=\S)", re.I)


def post_draft(post: Post, page_url: str | None) -> tuple[Draft, Counter[str]]:
    """One post, cleaned; its paragraphs may be empty."""
    paragraphs = fragment(post.text) if post.is_html else _plain(post.text)
    kept, excluded = clean(paragraphs)
    title = _TIME_PREFIX.sub("", " ".join(unescape(post.title or "").split()))
    shown = len(kept)
    if title and len(kept) > 1 and kept[0].text == title:
        kept[0] = Paragraph(title, SegmentKind.HEADLINE)
        shown -= 1
    elif title and kept and not _repeats(title, kept[0].text):
        kept = [Paragraph(title, SegmentKind.HEADLINE), *kept]
    elif title and not kept and not paragraphs and not post.is_html:
        kept = [Paragraph(title, SegmentKind.HEADLINE)]
    elif not title:
        kept = titled(kept)
    draft = Draft(
        tuple(kept),
        id=post.id,
        url=None if same_page(post.url, page_url) else post.url,
        author=post.author,
        published_at=post.published_at,
        modified_at=post.modified_at,
        is_summary=post.is_summary,
        is_deleted=post.is_deleted,
        correction=post.correction,
        has_title=len(kept) > shown,
    )
    return draft, excluded


# One set of first characters, so that the engine skips straight to them; a backslash only with an n behind it.
_ROW_END = re.compile(r"[\\\n\r\x0b\x0c\x85\u2028\u2029](?:(?<!\\)|n(?=\s|\Z)(?<=\\n))")


def _plain(text: str) -> list[Paragraph]:
    rows = (" ".join(row.split()) for row in _ROW_END.split(text))
    return [Paragraph(row) for row in rows if row]


def _repeats(title: str, first: str) -> bool:
    """Whether a headline is only the start of the text, perhaps cut off."""
    start = title.rstrip(".… ").casefold()
    text = first.casefold()
    return text == title.casefold() or (len(start) >= 25 and text.startswith(start))


def by_time(drafts: list[Draft]) -> list[Draft]:
    """Oldest first; posts without a time, and posts of one time, keep the order of a page read from the bottom up."""
    dated = [draft.published_at for draft in drafts if draft.published_at is not None]
    falls = sum(after < before for before, after in pairwise(dated))
    rises = sum(after > before for before, after in pairwise(dated))
    ordered = drafts[::-1] if falls > rises else list(drafts)
    if len(dated) == len(drafts):
        ordered.sort(key=lambda draft: draft.published_at.timestamp() if draft.published_at else 0.0)
    return ordered


def _live_blog(posts: list[Post], head: _Head, url: str | None) -> Cut:
    excluded: Counter[str] = Counter()
    drafts = []
    for post in posts:
        draft, dropped = post_draft(post, url)
        excluded += dropped
        if draft.paragraphs or draft.is_deleted:
            drafts.append(draft)
    first = []
    if head.title:
        top = [Paragraph(head.title, SegmentKind.HEADLINE)]
        if head.standfirst and not clean([Paragraph(head.standfirst)])[1]:
            top.append(Paragraph(head.standfirst, SegmentKind.STANDFIRST))
        first = [Draft(tuple(top), role="head")]
    return Cut((*first, *by_time(drafts)), excluded, head.title)


def _head(tree: LexborHTMLParser, data: list[dict[str, Any]], title: str | None) -> _Head:
    news = [value for kind in ("LiveBlogPosting", "NewsArticle", "Article") for value in data if is_type(value, kind)]
    headline = next((text for value in news if (text := string(value.get("headline")))), None)
    summary = next((text for value in news if (text := string(value.get("description")))), None)
    if not headline and (heading := tree.css_first("h1")) is not None:
        headline = heading.text()
    if not headline:
        headline = _meta(tree, "og:title")
    if not headline and (named := tree.css_first("title")) is not None:
        headline = _SITE_SUFFIX.sub("", named.text().strip()[:1000])
    summary = summary or _meta(tree, "og:description") or _meta(tree, "description")
    return _Head(_line(title or headline), _line(summary))


def _line(text: str | None) -> str | None:
    return (" ".join(unescape(text).split()) or None) if text else None


def _meta(tree: LexborHTMLParser, name: str) -> str | None:
    found = tree.css_first(f'meta[property="{name}"], meta[name="{name}"]')
    return found.attributes.get("content") if found is not None else None


def _plain_article(body: str, tree: LexborHTMLParser, head: _Head) -> Cut:
    extracted = trafilatura.extract(body, include_comments=False, include_tables=False, output_format="txt", fast=True)
    paragraphs = [Paragraph(row) for row in (" ".join(row.split()) for row in (extracted or "").split("\n")) if row]
    if not paragraphs and tree.body is not None:
        main = tree.css_first("article") or tree.css_first("main") or tree.body
        paragraphs = node_paragraphs(main)
    kept, excluded = clean(paragraphs)
    cut = article(kept, head.title, head.standfirst if kept else None, excluded)
    return cut if cut.drafts else Cut((), excluded, head.title)
