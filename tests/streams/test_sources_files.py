"""File sources: what each shape becomes, and what a user is told about the rest."""

import gzip
import json
import lzma
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas.article import ArticleUpdate, Format, Policy
from schemas.codec import MAX_BYTES, encode
from schemas.errors import DecodeReason, InputError
from streams.sources.files import BadLine, load, read_updates
from tests.conftest import need_data

NOW = datetime(2031, 5, 6, 12, 0, tzinfo=UTC)


def read(raw: bytes | str, path: str = "dir/blog.jsonl", **given: Any) -> list[ArticleUpdate | BadLine]:
    content = raw.encode() if isinstance(raw, str) else raw
    return list(read_updates(path, content, observed_at=NOW, **given))


def updates(raw: bytes | str, path: str = "dir/blog.jsonl", **given: Any) -> list[ArticleUpdate]:
    found = read(raw, path, **given)
    assert all(isinstance(one, ArticleUpdate) for one in found), found
    return [one for one in found if isinstance(one, ArticleUpdate)]


def jsonl(*values: object) -> str:
    return "\n".join(json.dumps(value) for value in values) + "\n"


def test_plain_text_is_one_page_named_by_its_file() -> None:
    """Without an address the source is "file" and the item the file's name without its directory."""
    [one] = updates("Bridge falls\nIt fell at dawn.", "some/dir/page.txt")

    assert (one.source, one.item, one.format, one.body) == (
        "file",
        "page.txt",
        Format.TEXT,
        "Bridge falls\nIt fell at dawn.",
    )
    assert (one.observed_at, one.policy, one.is_complete) == (NOW, Policy.BACKLOG, True)


def test_what_the_user_says_wins() -> None:
    """Source, item, story and policy given by the user are taken over."""
    [one] = updates("Text.", source="desk", item="i1", story="s1", policy=Policy.LIVE)

    assert (one.source, one.item, one.story, one.policy) == ("desk", "i1", "s1", Policy.LIVE)


def test_html_page_is_named_by_its_canonical_address() -> None:
    """The page says where it belongs."""
    page = '<!DOCTYPE html><html><head><link rel="canonical" href="https://www.daily.example/live/1"></head></html>'
    [one] = updates(page, "saved.html")

    assert (one.format, one.source, one.item) == (Format.HTML, "daily.example", "https://www.daily.example/live/1")


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress])
def test_compressed_files_are_unpacked(pack: Any) -> None:
    """gzip and xz are recognised by their first bytes; the item keeps its name."""
    [one] = updates(pack(b"It fell."), "page.txt.gz")

    assert (one.body, one.item) == ("It fell.", "page.txt")


def test_posts_with_a_header_are_partial_updates_of_its_item() -> None:
    """The header names item, title and address; a file that lists the newest first is turned round."""
    header = {"_header": {"url": "https://daily.example/live/1", "headline": "Bridge live"}}
    new = {"id": 2, "articleBody": "<p>B</p>", "datePublished": "2031-05-06T11:00:00+01:00", "headline": "Second"}
    old = {"id": 1, "articleBody": "A", "datePublished": "2031-05-06T09:00:00Z"}
    [one] = updates(jsonl(header, new, old))

    assert (one.item, one.source, one.title, one.is_complete) == (
        "https://daily.example/live/1",
        "daily.example",
        "Bridge live",
        False,
    )
    assert [(post.id, post.title, post.is_html) for post in one.posts] == [("1", None, True), ("2", "Second", True)]
    assert one.posts[1].published_at == datetime(2031, 5, 6, 10, 0, tzinfo=UTC)


def test_lines_that_name_their_blog_go_there_in_order() -> None:
    """One file may hold several blogs, merged by time."""
    lines = [
        {"t": f"2031-05-06T1{n}:00", "blog": blog, "seq": n, "block": f"b{n}", "text": blog}
        for n, blog in enumerate("xxyx")
    ]

    assert [(one.item, [post.id for post in one.posts]) for one in updates(jsonl(*lines))] == [
        ("x", ["b0", "b1"]),
        ("y", ["b2"]),
        ("x", ["b3"]),
    ]


def test_sentences_are_joined_and_local_times_count_as_utc() -> None:
    """A block of sentences is one text."""
    block = {"seq": 0, "block_id": "b", "published_local": "2031-05-06T10:22", "sentences": ["One .", "Two ."]}
    [one] = updates(jsonl({"blog_id": "z", "title": "T", "n_blocks": 1}, block))

    assert (one.item, one.posts[0].text, one.posts[0].published_at) == (
        "z",
        "One . Two .",
        datetime(2031, 5, 6, 10, 22, tzinfo=UTC),
    )


def test_captures_are_complete_updates_at_their_own_time() -> None:
    """A whole capture shows what is absent, too."""
    capture = {
        "captured": "2031-05-06T11:00:00+00:00",
        "blocks": [{"block_id": "b", "first_published_ms": 0, "text": "A"}],
    }
    [one] = updates(jsonl(capture))

    assert (one.is_complete, one.observed_at, one.posts[0].published_at) == (
        True,
        NOW - timedelta(hours=1),
        datetime(1970, 1, 1, tzinfo=UTC),
    )


def test_single_articles_are_items_of_their_own() -> None:
    """A title, a text and an address make an article."""
    articles = [{"title": f"T{n}", "text": "Body.", "url": f"https://daily.example/{n}?utm_source=x"} for n in (1, 2)]

    assert [(one.format, one.item, one.source, one.title) for one in updates(jsonl(*articles))] == [
        (Format.ARTICLE, "https://daily.example/1", "daily.example", "T1"),
        (Format.ARTICLE, "https://daily.example/2", "daily.example", "T2"),
    ]


def test_own_updates_pass_through() -> None:
    """What tocsin wrote, tocsin reads."""
    [one] = updates("Text.", story="s")

    assert updates(encode(one)) == [one]


def test_large_files_of_posts_are_chunked() -> None:
    """No update reaches the size limit; every post arrives once, in order."""
    found = updates(
        jsonl(*({"id": str(n), "text": "word " * 20_000} for n in range(23)), *({"id": "z", "text": "z"},) * 120)
    )

    assert all(len(encode(one)) < MAX_BYTES and len(one.posts) <= 50 for one in found)
    assert [post.id for one in found for post in one.posts] == [*map(str, range(23)), *["z"] * 120]


def test_broken_lines_do_not_stop_the_others() -> None:
    """Each bad line comes with number, bytes and a closed reason, in its place."""
    lines = [
        b'{"id": "1", "text": "A"}',
        b'{"id": "2", "text": ',
        b'{"id": "3", "text": 7}',
        b'{"id": "4", "text": "\xff"}',
        b"[" * 100_000,
        b"7",
        b'{"id": "5", "text": "B", "published_at": "soon"}',
        b'{"id": "6", "text": "C"}',
    ]
    found = read(b"\n".join(lines))
    bad = [one for one in found if isinstance(one, BadLine)]

    assert [(one.line_no, one.reason) for one in bad] == [
        (2, DecodeReason.INVALID_JSON),
        (3, DecodeReason.INVALID_FIELD),
        (4, DecodeReason.INVALID_UTF8),
        (5, DecodeReason.TOO_DEEP),
        (6, DecodeReason.INVALID_FIELD),
        (7, DecodeReason.INVALID_FIELD),
    ]
    assert bad[1].detail == "$.text: expected a string, found 7"
    assert [one.raw for one in bad] == lines[1:7]
    assert [post.id for one in found if isinstance(one, ArticleUpdate) for post in one.posts] == ["1", "6"]


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "found an empty file"),
        (b" \n", "found an empty file"),
        (b"abc\nd\xffe", "blog.jsonl:2: expected UTF-8, found byte 0xff at byte 5"),
        (b"abc\0def", "found a NUL byte at byte 3"),
        (b'{"text": "a', "expected JSON, found"),
        (b"[" * 100_000, "too_deep"),
        (b"\x1f\x8b\x08\x00broken", "expected a whole compressed file"),
        (b"word " * 250_000, "expected fewer than 1000000 bytes in one update, found 1250"),
    ],
)
def test_unusable_files_are_named_in_one_line(raw: bytes, words: str) -> None:
    """What, where, found, expected."""
    with pytest.raises(InputError) as caught:
        read(raw)

    assert words in str(caught.value) and "\n" not in str(caught.value)
    assert str(caught.value).startswith("dir/blog.jsonl")


def test_missing_files_and_directories(tmp_path: Path) -> None:
    """Neither is a traceback."""
    with pytest.raises(InputError, match="found a directory"):
        load(str(tmp_path))
    with pytest.raises(InputError, match="found nothing"):
        load(str(tmp_path / "none.txt"))


@pytest.mark.parametrize(
    ("path", "count", "posts"),
    [
        ("liveblogs/jsonld/corkbeo.ie.level.updates.jsonl", 1, 26),
        ("liveblogs/guardian_recaptures/nasa-scientists-release-new-images-of-pe.captures.jsonl.gz", 55, 880),
        ("corpora/giveme5w1h/news_cluster.jsonl.gz", 383, 0),
    ],
)
def test_real_files(path: str, count: int, posts: int) -> None:
    """Shapes found in the wild are read without a bad line."""
    file = need_data(path)
    found = updates(file.read_bytes(), str(file))

    assert (len(found), sum(len(one.posts) for one in found)) == (count, posts)
