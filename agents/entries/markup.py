"""HTML of a post or a page to paragraphs: quotations and embedded posts keep their role, furniture goes."""

import html
import re

from selectolax.lexbor import LexborHTMLParser, LexborNode

from agents.entries.draft import Paragraph
from schemas.article import SegmentKind

FURNITURE = (
    "script, style, noscript, template, svg, iframe, form, button, select, nav, aside, footer, video, audio, object, "
    "[hidden], [aria-hidden=true]"
)
_BLOCK_TAGS = (
    "p div section article header main ul ol li h1 h2 h3 h4 h5 h6 blockquote pre table tr figure figcaption dl dt dd "
    "address hr br body html tbody thead td th center details summary"
)
_BLOCKS = frozenset(_BLOCK_TAGS.split())
_EMBED = re.compile(
    r"twitter|tweet|instagram|facebook|fb-post|tiktok|bluesky|mastodon|truthsocial|telegram|threads", re.I
)
_TAG = re.compile(r"<[a-zA-Z/!][^<>]{0,2000}>")
_MAX_NODES = 200_000


def looks_like_html(text: str) -> bool:
    """Whether a text holds tags (entities alone do not count)."""
    return _TAG.search(text) is not None


def unescape(text: str) -> str:
    """Entities to characters, twice: bodies inside JSON-LD are often escaped twice."""
    return html.unescape(html.unescape(text)) if "&" in text else text


def fragment(markup: str) -> list[Paragraph]:
    """Paragraphs of an HTML fragment, or of plain text that merely holds entities."""
    if not looks_like_html(markup):
        markup = unescape(markup)
        if not looks_like_html(markup):
            return [Paragraph(line) for line in (" ".join(row.split()) for row in markup.splitlines()) if line]
    body = LexborHTMLParser(markup).body
    return [] if body is None else node_paragraphs(body)


def node_paragraphs(root: LexborNode) -> list[Paragraph]:
    """Paragraphs under a node, in order. The tree is changed: furniture is removed from it."""
    for node in root.css(FURNITURE):
        if node.parent is not None:
            node.decompose()
    found: list[Paragraph] = []
    pieces: list[str] = []
    kind_now = SegmentKind.BODY

    def flush() -> None:
        text = " ".join(unescape("".join(pieces)).split())
        pieces.clear()
        if text:
            found.append(Paragraph(text, kind_now))

    # An explicit stack: pages nest deeper than Python recurses.
    stack: list[tuple[LexborNode, SegmentKind, bool]] = [(root, SegmentKind.BODY, False)]
    visited = 0
    while stack and visited < _MAX_NODES:
        node, kind, is_leaving = stack.pop()
        visited += 1
        if node.tag == "-text":
            if kind is not kind_now:
                flush()
                kind_now = kind
            pieces.append(node.text_content or "")
            continue
        is_block = node.tag in _BLOCKS
        if is_block:
            flush()
            kind_now = kind
        if is_leaving or node.tag == "-comment":
            continue
        inner = _kind(node, kind)
        if is_block and node.child is not None:
            stack.append((node, kind, True))
        children = []
        child = node.child
        while child is not None:
            children.append(child)
            child = child.next
        stack.extend((child, inner, False) for child in reversed(children))
    flush()
    return found


def _kind(node: LexborNode, inherited: SegmentKind) -> SegmentKind:
    tag = node.tag
    if tag == "blockquote":
        return SegmentKind.SOCIAL_EMBED if _is_embed(node) else SegmentKind.BLOCKQUOTE
    if inherited is not SegmentKind.BODY:
        return inherited
    if tag == "figcaption":
        return SegmentKind.CAPTION
    if tag in ("div", "figure", "section") and _is_embed(node):
        return SegmentKind.SOCIAL_EMBED
    return inherited


def _is_embed(node: LexborNode) -> bool:
    attributes = node.attributes
    named = " ".join(filter(None, (attributes.get("class"), attributes.get("data-embed-type"), attributes.get("cite"))))
    if not _EMBED.search(named):
        return False
    return node.tag == "blockquote" or bool(re.search(r"embed|tweet|post\b", named, re.I))
