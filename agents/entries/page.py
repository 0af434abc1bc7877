"""An HTML page to drafts: JSON-LD, microdata, blocks with times of their own, or one article."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import orjson
import trafilatura
from selectolax.lexbor import LexborHTMLParser, LexborNode

from agents.entries.boilerplate import clean
from agents.entries.clock import instant
from agents.entries.cutting import article, group_paragraphs, titled
from agents.entries.draft import Cut, Draft, Paragraph
from agents.entries.markup import fragment, node_paragraphs, unescape
from agents.entries.permalink import same_page
from schemas.article import Post, SegmentKind

_CONTROL = re.compile(r"[\x00-\x1f]+")
_TRAILING_COMMA = re.compile(r",(\s*[\]}])")
_WRAPPING = re.compile(r"\A\s*(?:<!--|//\s*<!\[CDATA\[|<!\[CDATA\[|/\*<!\[CDATA\[\*/)|(?:-->|//\s*\]\]>|\]\]>)\s*;?\s*\Z")
_MAX_DEPTH = 40
_FEWEST_BLOCKS = 3
_SITE_SUFFIX = re.compile(r"\s+[|–—·-]\s+[^|–—·-]{2,40}\Z")
_AS_DATA = ("data-post-time", "data-sort-time", "data-published", "data-time", "data-timestamp", "data-block-time")
_CHANGED_DATA = ("data-last-modified-time", "data-update-time", "data-updated", "data-modified")


class _Head(NamedTuple):
    title: str | None
    standfirst: str | None


def cut_html(body: str, title: str | None = None, url: str | None = None) -> Cut:
    """Entries of a page, oldest first. Broken structured data degrades to what the page shows."""
    tree = LexborHTMLParser(body)
    data = list(_structured_data(tree))
    head = _head(tree, data, title)
    posts = _posts_from_data(data) or _posts_from_microdata(tree) or _posts_from_blocks(tree)
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
    if title and kept and not _repeats(title, kept[0].text):
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


def _plain(text: str) -> list[Paragraph]:
    rows = (" ".join(row.split()) for row in re.split(r"\\n(?=\s|\Z)|[\n\r\x0b\x0c\x85\u2028\u2029]", text))
    return [Paragraph(row) for row in rows if row]


def _repeats(title: str, first: str) -> bool:
    """Whether a headline is only the start of the text, perhaps cut off."""
    start = title.rstrip(".… ").casefold()
    return first.casefold().startswith(start)


def by_time(drafts: list[Draft]) -> list[Draft]:
    """Oldest first; posts without a time, and posts of one time, keep the order of a page read from the bottom up."""
    dated = [draft.published_at for draft in drafts if draft.published_at is not None]
    falls = sum(after < before for before, after in zip(dated, dated[1:], strict=False))
    rises = sum(after > before for before, after in zip(dated, dated[1:], strict=False))
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


# JSON-LD


def _structured_data(tree: LexborHTMLParser) -> Iterator[dict[str, Any]]:
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


def _is_type(value: dict[str, Any], name: str) -> bool:
    kind = value.get("@type")
    kinds = kind if isinstance(kind, list) else [kind]
    return any(isinstance(one, str) and one.rsplit("/", 1)[-1] == name for one in kinds)


def _posts_from_data(data: list[dict[str, Any]]) -> list[Post]:
    best: list[Post] = []
    for value in data:
        if _is_type(value, "LiveBlogPosting"):
            updates = value.get("liveBlogUpdate")
            listed = updates if isinstance(updates, list) else [updates]
            posts = [post for one in listed if isinstance(one, dict) and (post := _data_post(one)) is not None]
            best = max(best, posts, key=len)
    return best


def _data_post(value: dict[str, Any]) -> Post | None:
    body = _string(value.get("articleBody")) or _string(value.get("text")) or _string(value.get("description"))
    if not body or not body.strip():
        return None
    author = value.get("author")
    first = author[0] if isinstance(author, list) and author else author
    correction = value.get("correction")
    note = correction.get("text") if isinstance(correction, dict) else correction
    return Post(
        text=body,
        id=_string(value.get("@id")) or _string(value.get("identifier")),
        title=_string(value.get("headline")) or _string(value.get("name")),
        url=_string(value.get("url")) or _string(value.get("mainEntityOfPage")),
        author=_string(first.get("name")) if isinstance(first, dict) else _string(first),
        published_at=instant(value.get("datePublished")) or instant(value.get("dateCreated")),
        modified_at=instant(value.get("dateModified")),
        is_html=True,
        correction=_string(note),
    )


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


# Microdata and blocks


def _posts_from_microdata(tree: LexborHTMLParser) -> list[Post]:
    nodes = tree.css('[itemprop~="liveBlogUpdate"]')
    if not nodes:
        nodes = [
            node for blog in tree.css('[itemtype$="LiveBlogPosting"]') for node in blog.css('[itemtype$="/BlogPosting"]')
        ]
    posts = []
    for node in nodes:
        inner = node.css_first('[itemprop~="articleBody"]') or node
        posts.append(_block_post(node, inner, _property(node, "headline"), _property(node, "url")))
    return _unique([post for post in posts if post.text])


def _property(node: LexborNode, name: str) -> str | None:
    found = node.css_first(f'[itemprop~="{name}"]')
    if found is None:
        return None
    value = found.attributes.get("content") or found.attributes.get("datetime") or found.text(strip=True)
    return " ".join(value.split()) if value else None


def _block_post(node: LexborNode, inner: LexborNode, title: str | None, url: str | None = None) -> Post:
    """A post from an element. Its time is read before the tree is changed."""
    published = instant(_property(node, "datePublished"))
    time = node.css_first("time[datetime]")
    if published is None and time is not None:
        published = instant(time.attributes.get("datetime"))
    published = published or _data_time(node, _AS_DATA)
    modified = instant(_property(node, "dateModified")) or _data_time(node, _CHANGED_DATA)
    attributes = node.attributes
    name = attributes.get("itemid") or attributes.get("id") or attributes.get("data-id") or attributes.get("data-post-id")
    in_attribute = inner.attributes.get("content") if inner.tag == "meta" else None
    for furniture in inner.css("time, meta, link"):
        if furniture.mem_id != inner.mem_id and furniture.parent is not None:
            furniture.decompose()
    paragraphs = fragment(in_attribute) if in_attribute else [paragraph for paragraph in node_paragraphs(inner) if not _is_stub(paragraph.text)]
    if not title and (heading := inner.css_first("h2, h3, h4")) is not None:
        title = " ".join(heading.text().split()) or None
    return Post(
        text=_to_markup(paragraphs),
        id=name or None,
        title=title,
        url=url,
        published_at=published,
        modified_at=modified,
        is_html=True,
    )


_STUB = re.compile(r"[\W\d]*(?:\(?(?:IST|GMT|BST|EST|EDT|UTC)\)?)?[\W\d]*|\d{1,2}[:.]\d{2}\s?(?:[AaPp]\.?[Mm]\.?)?\W*")


def _is_stub(text: str) -> bool:
    return len(text) <= 24 and _STUB.fullmatch(text) is not None


_TAGS = {
    SegmentKind.BLOCKQUOTE: ("<blockquote>", "</blockquote>"),
    SegmentKind.SOCIAL_EMBED: ('<blockquote class="twitter-tweet">', "</blockquote>"),
    SegmentKind.CAPTION: ("<figcaption>", "</figcaption>"),
}


def _to_markup(paragraphs: list[Paragraph]) -> str:
    """Paragraphs as a minimal fragment, so that a block takes the same way as a post from structured data."""
    parts = []
    for paragraph in paragraphs:
        before, after = _TAGS.get(paragraph.kind, ("<p>", "</p>"))
        escaped = paragraph.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        parts.append(f"{before}{escaped}{after}")
    return "".join(parts)


def _data_time(node: LexborNode, names: tuple[str, ...]) -> Any:
    for name in names:
        if (found := instant(node.attributes.get(name))) is not None:
            return found
    return None


def _unique(posts: list[Post]) -> list[Post]:
    """Without copies: pinned posts stand on a page twice."""
    seen: set[str] = set()
    kept = []
    for post in posts:
        key = post.id or post.text
        if key not in seen:
            seen.add(key)
            kept.append(post)
    return kept


def _posts_from_blocks(tree: LexborHTMLParser) -> list[Post]:
    """Sibling blocks, each with a name and a time of its own: the largest such family with real text."""
    families: dict[int, list[LexborNode]] = {}
    for node in tree.css("[id], [data-id], [data-post-id], [data-block-id]"):
        parent = node.parent
        if parent is None or node.tag not in ("article", "div", "section", "li"):
            continue
        if _data_time(node, _AS_DATA) is None and len(node.css("time")) not in (1, 2):
            continue
        families.setdefault(parent.mem_id, []).append(node)
    best: list[LexborNode] = []
    for nodes in families.values():
        if len(nodes) >= _FEWEST_BLOCKS and _prose(nodes) > _prose(best):
            best = nodes
    if _prose(best) < 80 * len(best) or not best:
        return []
    return _unique([post for post in (_block_post(node, node, None) for node in best) if post.text])


def _prose(nodes: list[LexborNode]) -> int:
    """Characters in paragraphs, which teasers and menus do not have."""
    return sum(len(paragraph.text()) for node in nodes for paragraph in node.css("p"))


# Head and article


def _head(tree: LexborHTMLParser, data: list[dict[str, Any]], title: str | None) -> _Head:
    news = [value for kind in ("LiveBlogPosting", "NewsArticle", "Article") for value in data if _is_type(value, kind)]
    headline = next((text for value in news if (text := _string(value.get("headline")))), None)
    summary = next((text for value in news if (text := _string(value.get("description")))), None)
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


__all__ = ["by_time", "cut_html", "group_paragraphs", "post_draft"]
