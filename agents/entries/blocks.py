"""Posts of a page by microdata, or by blocks that each have a name and a time of their own."""

import re
from datetime import datetime

from selectolax.lexbor import LexborHTMLParser, LexborNode

from agents.entries.clock import instant
from agents.entries.draft import Paragraph
from agents.entries.markup import fragment, node_paragraphs
from schemas.article import Post, SegmentKind

_FEWEST_BLOCKS = 3
_AS_DATA = ("data-post-time", "data-sort-time", "data-published", "data-time", "data-timestamp", "data-block-time")
_CHANGED_DATA = ("data-last-modified-time", "data-update-time", "data-updated", "data-modified")


def posts_from_microdata(tree: LexborHTMLParser) -> list[Post]:
    nodes = tree.css('[itemprop~="liveBlogUpdate"]')
    if not nodes:
        nodes = [
            node
            for blog in tree.css('[itemtype$="LiveBlogPosting"]')
            for node in blog.css('[itemtype$="/BlogPosting"]')
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
    name = (
        attributes.get("itemid") or attributes.get("id") or attributes.get("data-id") or attributes.get("data-post-id")
    )
    in_attribute = inner.attributes.get("content") if inner.tag == "meta" else None
    for furniture in inner.css("time, meta, link"):
        if furniture.mem_id != inner.mem_id and furniture.parent is not None:
            furniture.decompose()
    paragraphs = (
        fragment(in_attribute)
        if in_attribute
        else [paragraph for paragraph in node_paragraphs(inner) if not _is_stub(paragraph.text)]
    )
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


def _data_time(node: LexborNode, names: tuple[str, ...]) -> datetime | None:
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


def posts_from_blocks(tree: LexborHTMLParser) -> list[Post]:
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
