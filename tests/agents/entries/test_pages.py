"""HTML pages: structured data, microdata, blocks, articles; and what is broken."""

import gzip
import json

import pytest

from agents.entries.page import cut_html
from schemas.article import Format, IdentityRung, SegmentKind
from tests.agents.entries.builders import Desk, update
from tests.conftest import need_data


def ld(value: object) -> str:
    return f'<html><head><script type="application/ld+json">{json.dumps(value)}</script></head><body>x</body></html>'


def live(*posts: dict[str, str]) -> str:
    blog = {"@type": "LiveBlogPosting", "headline": "Bridge live", "liveBlogUpdate": list(posts)}
    return ld({"@context": "https://schema.org", "@graph": [blog]})


FIRST = {
    "@type": "BlogPosting",
    "headline": "Banks closed",
    "url": "https://daily.example/live#p1",
    "datePublished": "2031-05-06T12:00:00+01:00",
    "articleBody": "The river&#39;s banks are &lt;b&gt;closed&lt;/b&gt;.",
}
SECOND = FIRST | {
    "headline": "Divers",
    "url": "https://daily.example/live#p2",
    "datePublished": "2031-05-06T11:30:00Z",
    "articleBody": "<p>Divers found a car.</p><p>It was empty.</p>",
}
EMPTY = FIRST | {"articleBody": "", "url": "https://daily.example/live#p3"}


def test_posts_of_structured_data() -> None:
    """Instants of mixed offsets sort the posts; entities and tags are resolved; empty bodies make no entry."""
    revisions = Desk()(update(live(SECOND, EMPTY, FIRST), 99, format=Format.HTML))

    assert [one.text for one in revisions] == [
        "Bridge live",
        "Banks closed\nThe river's banks are closed.",
        "Divers\nDivers found a car.\nIt was empty.",
    ]
    assert revisions[1].identity is IdentityRung.PERMALINK


@pytest.mark.parametrize(
    "broken",
    ['{"@type": "LiveBlogPosting", "liveBlogUpdate": [', "[[" * 5000, '{"liveBlogUpdate": 7, "@type": 9}', "null"],
)
def test_broken_structured_data_degrades(broken: str) -> None:
    """A page whose data cannot be read is read as it shows."""
    body = (
        f'<html><script type="application/ld+json">{broken}</script><body><article><h1>Bridge</h1>'
        "<p>The river authority has closed both banks until further notice.</p>"
        "<p>Divers have found a second car near the eastern pier.</p></article></body></html>"
    )
    [one] = cut_html(body).drafts

    assert "Divers have found a second car near the eastern pier." in one.text


def test_microdata_with_bodies_in_attributes() -> None:
    """Posts whose text stands in meta elements are read from there."""
    item = (
        '<div itemprop="liveBlogUpdate" itemscope itemtype="https://schema.org/BlogPosting">'
        '<meta itemprop="url" content="https://daily.example/live#{0}"><meta itemprop="headline" content="News {0}">'
        '<meta itemprop="datePublished" content="2031-05-06T1{0}:00:00Z">'
        '<meta itemprop="articleBody" content="Car {0} was found."></div>'
    )
    cut = cut_html("<html><body><h1>Bridge</h1>" + item.format(2) + item.format(1) + "</body></html>")

    assert [draft.text for draft in cut.drafts] == ["Bridge", "News 1\nCar 1 was found.", "News 2\nCar 2 was found."]


def test_blocks_with_names_and_times() -> None:
    """Sibling blocks that each have an id and a time are posts."""
    block = (
        '<div class="post" id="p{0}"><time datetime="2031-05-06T1{0}:00:00Z">1{0}:00</time><h2>Hour {0}</h2>'
        "<p>At hour {0} the water stood {0} metres above the mark, and boats stayed in the harbour all day.</p></div>"
    )
    cut = cut_html(
        "<html><body><main>" + "".join(block.format(n) for n in (3, 2, 1)) + "</main></body></html>", "Flood"
    )

    assert [(draft.role, draft.id) for draft in cut.drafts] == [
        ("head", None),
        ("post", "p1"),
        ("post", "p2"),
        ("post", "p3"),
    ]
    assert cut.drafts[1].paragraphs[0] == ("Hour 1", SegmentKind.HEADLINE)


def test_plain_article_is_one_entry() -> None:
    """Headline, standfirst and paragraphs of one article."""
    body = (
        '<html><head><title>Bridge - Daily</title><meta name="description" content="Two spans fell"></head><body><nav>'
        "<p>Menu</p></nav><article><h1>Bridge falls</h1><p>The river authority closed both banks to all boats.</p>"
        "<p>Divers have found a second car near the pier, he said.</p><p>Advertisement</p></article></body></html>"
    )
    [one] = cut_html(body).drafts

    assert [paragraph.kind for paragraph in one.paragraphs] == [
        SegmentKind.HEADLINE,
        SegmentKind.STANDFIRST,
        SegmentKind.BODY,
        SegmentKind.BODY,
    ]


@pytest.mark.parametrize(
    ("name", "entries"),
    [
        ("Express_2024_07_18", 10),
        ("corkbeo.ie.level", 20),
        ("1727473717", 9),
        ("sports.ndtv.com-Cricket-World-Cup", 41),
        ("BR_2024_08_27", 1),
    ],
)
def test_real_pages(name: str, entries: int) -> None:
    """Saved pages of five sites give their posts, head included; the one without any is an article."""
    path = need_data(f"liveblogs/jsonld/{name}.html.gz")
    body = gzip.decompress(path.read_bytes()).decode("utf-8", "replace")

    assert len(cut_html(body).drafts) == entries
