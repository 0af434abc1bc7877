"""Feeds: one item an entry, stable over re-serving, and nothing dangerous reaches the parser."""

from datetime import UTC, datetime

import pytest

from agents.entries.step import EntriesStep
from agents.step import MemoryState
from schemas.article import ArticleUpdate, Format, TimeFlag
from schemas.errors import InputError
from streams.sources.files import BadLine, read_updates

NOW = datetime(2031, 5, 6, 12, 0, tzinfo=UTC)
RSS = """<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0"><channel><title>Daily</title><link>https://www.daily.example/</link>
<item><title>Second &amp; last</title><link>https://daily.example/2?utm_source=rss</link>
<description>&lt;p&gt;It fell.&lt;/p&gt;&lt;p&gt;Nobody was hurt.&lt;/p&gt;</description>{date}</item>
<item><title>First</title><guid>tag:1</guid><description>Banks closed.</description></item>
</channel></rss>"""


def read(raw: str, minute: int = 0) -> list[ArticleUpdate | BadLine]:
    return list(read_updates("feed.xml", raw.encode(), observed_at=NOW.replace(minute=minute)))


def test_each_entry_is_an_item_oldest_first() -> None:
    """Names come from guid or permalink without tracking; markup becomes paragraphs."""
    found = [one for one in read(RSS.format(date="")) if isinstance(one, ArticleUpdate)]

    assert [(one.item, one.source, one.title, one.body, one.format) for one in found] == [
        ("tag:1", "daily.example", "First", "Banks closed.", Format.ARTICLE),
        ("https://daily.example/2", "daily.example", "Second & last", "It fell.\nNobody was hurt.", Format.ARTICLE),
    ]


def test_served_again_with_dates_and_tracking_brings_nothing_new() -> None:
    """Changed dates and tracking parameters make no new entries; entries without a date say so."""
    state, step = MemoryState(), EntriesStep()
    again = RSS.format(date="<pubDate>Tue, 06 May 2031 11:00:00 GMT</pubDate>").replace("=rss", "=other")
    first = [one for update in read(RSS.format(date="")) for one in step.decide(state, update)]  # type: ignore[arg-type]
    second = [one for update in read(again, 5) for one in step.decide(state, update)]  # type: ignore[arg-type]

    assert ([one.time_flag for one in first], second) == ([TimeFlag.MISSING] * 2, [])


@pytest.mark.parametrize(
    "declaration",
    [
        '<!DOCTYPE rss [<!ENTITY a "b">]>',
        '<!DOCTYPE rss SYSTEM "x" [ ]>',
        '<!DOCTYPE rss [\n<!ENTITY % p SYSTEM "file:///x">]>',
    ],
)
def test_entity_declarations_are_refused(declaration: str) -> None:
    """No feed with a DOCTYPE of its own reaches the parser."""
    with pytest.raises(InputError, match="without entity declarations"):
        read(f'<?xml version="1.0"?>{declaration}<rss version="2.0"><channel/></rss>')


def test_entity_declarations_in_utf_16_are_refused() -> None:
    """Another encoding hides nothing."""
    raw = '<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY a "b">]><rss version="2.0"></rss>'.encode("utf-16")

    with pytest.raises(InputError, match="without entity declarations"):
        list(read_updates("feed.xml", raw, observed_at=NOW))
