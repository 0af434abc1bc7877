"""Bad input: one clear line or a dead letter, and nothing that was good is lost."""

import asyncio
import json
from pathlib import Path

import pytest

from schemas.codec import encode
from schemas.identity import update_id
from streams.log import open_log
from tests.builders import an_update
from tests.e2e.harness import Tocsin

EXIT_INPUT = 2


def _refusal(tocsin: Tocsin, *args: str) -> str:
    done = tocsin.run("ingest", *args, code=EXIT_INPUT)
    lines = done.stderr.decode().splitlines()
    assert len(lines) == 1
    return lines[0]


@pytest.fixture
def tocsin(tmp_path: Path) -> Tocsin:
    return Tocsin(tmp_path)


def _file(folder: Path, name: str, content: bytes) -> str:
    path = folder / name
    path.write_bytes(content)
    return name


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("page.txt", b"A headline\n\nA good line, \xff\xfe then not.\n", ("page.txt", "UTF-8", "0xff")),
        ("page.txt", b"A headline\x00with a NUL byte in it.\n", ("page.txt", "NUL")),
        ("page.txt", b"", ("page.txt", "empty")),
        ("page.txt", b" \n\n", ("page.txt",)),
        ("page.txt", b"word " * 2_000_001, ("page.txt", "1000000 bytes", "found")),
        ("post.json", b'{"text": ', ("post.json", "JSON")),
        ("post.json", b'{"a":' * 100_000, ("post.json",)),
    ],
    ids=["UTF-8", "NUL", "empty", "blank", "10 MB", "truncated JSON", "deep JSON"],
)
def test_a_file_that_cannot_be_read_is_one_line(
    tocsin: Tocsin, tmp_path: Path, name: str, content: bytes, words: tuple[str, ...]
) -> None:
    """What, where, found and expected, on one line, and exit code 2."""
    _file(tmp_path, name, content)
    done = tocsin.run("ingest", name, code=EXIT_INPUT)
    (line,) = done.stderr.decode().splitlines()
    assert [word for word in words if word.lower() not in line.lower().replace(",", "")] == []
    assert "Traceback" not in line


def test_missing_file_and_directory_are_named(tocsin: Tocsin, tmp_path: Path) -> None:
    """The commonest mistakes of all."""
    (tmp_path / "folder").mkdir()
    assert "no.txt" in _refusal(tocsin, "no.txt")
    assert "directory" in _refusal(tocsin, "folder")


def test_bad_lines_are_dead_letters_and_good_lines_go_through(tocsin: Tocsin, tmp_path: Path) -> None:
    """A file of posts with faults in it: each fault is set aside with its line, the rest is processed."""
    good = {"id": "p1", "text": "“The bridge is closed for good,” said Jane Roe, the mayor of Oldport."}
    lines = [
        json.dumps(good).encode(),
        b'{"id": "p2", "text": ',
        b'{"id": "p3", "text": 7}',
        b'{"id": "p4", "text": "\xff"}',
        b'{"id":' * 100_000,
        json.dumps(good | {"id": "p5", "text": "“We will build another one,” said Jane Roe."}).encode(),
    ]
    name = _file(tmp_path, "posts.jsonl", b"\n".join(lines))
    done = tocsin.run("ingest", "--json", name, code=1)
    summary = json.loads(done.stdout)
    assert (summary["posts"], summary["bad_lines"]) == (2, 4)
    letters = [json.loads(line) for line in tocsin.run("dead-letters", "--json").stdout.splitlines()]
    assert [letter["offset"] for letter in letters] == [2, 3, 4, 5]
    assert "$.text" in letters[1]["error_text"]
    tocsin.process()
    texts = [alert["data"]["statement"]["text"] for alert in tocsin.alerts("--kind", "statements")]
    assert texts == ["The bridge is closed for good", "We will build another one"]


async def _publish(tocsin: Tocsin, values: list[bytes | None]) -> None:
    log = await open_log(tocsin.broker, mode="append")
    try:
        await log.append_many([("updates", b"item-1", value, ()) for value in values])
    finally:
        await log.close()


POISON: list[tuple[bytes | None, str]] = [
    (None, "empty"),
    (b"", "empty"),
    (b"\xff\xfe", "invalid_utf8"),
    (b'{"update_id": "x"', "invalid_json"),
    (b'{"zz":' + b"[" * 100_000, "too_deep"),
    (b"[1]", "invalid_field"),
    (b'{"schema_version": 99}', "unsupported_schema"),
    (b"x" * 10_000_000, "too_large"),
]


def test_poison_on_the_topic_is_set_aside_and_the_stream_goes_on(tocsin: Tocsin, tmp_path: Path) -> None:
    """Whatever stands on the topic, the update behind it is processed, and the bytes are kept."""
    tocsin.run("ingest", _file(tmp_path, "first.txt", b"Calm day\n\nNothing happened at the harbour today.\n"))
    text = "“The bridge is closed for good,” said Jane Roe, the mayor of Oldport."
    good = an_update(body=text, update_id=update_id("s", "i", "h"))
    asyncio.run(_publish(tocsin, [*(value for value, _ in POISON), encode(good)]))
    tocsin.process()
    letters = [json.loads(line) for line in tocsin.run("dead-letters", "--json").stdout.splitlines()]
    assert [letter["reason"] for letter in letters] == [reason for _, reason in POISON]
    assert [(letter["topic"], letter["stage"]) for letter in letters] == [("updates", "entries")] * len(POISON)
    assert letters[-1]["value_bytes"] == 10_000_000
    assert [alert["data"]["statement"]["speaker"]["name"] for alert in tocsin.alerts("--kind", "statements")] == [
        "Jane Roe"
    ]


def test_wrong_type_on_the_topic_names_the_field(tocsin: Tocsin, tmp_path: Path) -> None:
    """The path of the fault stands in the dead letter."""
    tocsin.run("ingest", _file(tmp_path, "first.txt", b"Calm day\n\nNothing happened at the harbour today.\n"))
    document = json.loads(encode(an_update())) | {"posts": [{"text": ["no"]}]}
    asyncio.run(_publish(tocsin, [json.dumps(document).encode()]))
    tocsin.process()
    (letter,) = [json.loads(line) for line in tocsin.run("dead-letters", "--json").stdout.splitlines()]
    assert letter["error_text"].endswith("`$.posts[0].text`")


def test_future_dates_are_clamped_and_flagged_not_lost(tocsin: Tocsin, tmp_path: Path) -> None:
    """A clock that runs ahead does not move the event time past the observation."""
    post = {
        "id": "p1",
        "published_at": "2199-01-01T00:00:00Z",
        "text": "“The bridge is closed for good,” said Jane Roe, the mayor of Oldport.",
    }
    tocsin.run("ingest", _file(tmp_path, "posts.jsonl", json.dumps(post).encode()))
    tocsin.process()
    (alert,) = tocsin.alerts("--kind", "statements")
    assert alert["time"] <= alert["recordedtime"]
    assert alert["time"] < "2199"


FEED = b"""<?xml version="1.0"?><rss version="2.0"><channel><title>Harbour news</title>
<item><title>Bridge closed</title><link>https://sample-news.example/a</link><guid>a</guid>
<description>&lt;p&gt;&#8220;The bridge is closed for good,&#8221; said Jane Roe, the mayor.&lt;/p&gt;</description>
</item></channel></rss>"""


def test_a_feed_without_dates_is_taken_as_observed_now(tocsin: Tocsin, tmp_path: Path) -> None:
    """No date at all is normal in feeds: arrival is the event time, and a second poll adds nothing."""
    name = _file(tmp_path, "feed.xml", FEED)
    for _ in range(2):
        tocsin.run("ingest", name)
        tocsin.process()
    (alert,) = tocsin.alerts("--kind", "statements")
    assert alert["data"]["statement"]["speaker"]["name"] == "Jane Roe"


def test_hostile_feed_is_refused(tocsin: Tocsin, tmp_path: Path) -> None:
    """Entities are refused before a parser sees them."""
    hostile = b'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a "b">]><rss><channel><title>&a;</title></channel></rss>'
    assert "feed.xml" in _refusal(tocsin, _file(tmp_path, "feed.xml", hostile))


def test_settings_faults_are_one_line_each(tocsin: Tocsin, tmp_path: Path) -> None:
    """A wrong file stops the command before anything starts."""
    (tmp_path / "tocsin.toml").write_text('batch_size = "many"\ncolour = 1\n', "utf-8")
    done = tocsin.run("alerts", code=EXIT_INPUT)
    lines = done.stderr.decode().splitlines()
    assert len(lines) == 2
    assert all(line.startswith("tocsin: tocsin.toml: ") for line in lines)


def test_a_second_worker_on_the_log_is_refused(tocsin: Tocsin, tmp_path: Path) -> None:
    """One owner; the second is told who holds it."""
    tocsin.run("ingest", _file(tmp_path, "first.txt", b"Calm day\n\nNothing happened at the harbour today.\n"))
    worker = tocsin.start("run")
    try:
        while b"ready on" not in (tmp_path / "worker.out").read_bytes():
            assert worker.poll() is None
        done = tocsin.run("run", "--until-idle", code=74)
        (line,) = done.stderr.decode().splitlines()
        assert str(worker.pid) in line
    finally:
        worker.terminate()
        assert worker.wait(25) == 0


def test_ingest_and_alerts_work_beside_a_running_worker(tocsin: Tocsin, tmp_path: Path) -> None:
    """Updates reach a running worker through its inbox, and its alerts can be read while it runs."""
    worker = tocsin.start("run")
    try:
        while b"ready on" not in (tmp_path / "worker.out").read_bytes():
            assert worker.poll() is None
        text = "Bridge closed\n\n“The bridge is closed for good,” said Jane Roe, the mayor of Oldport.\n"
        tocsin.run("ingest", _file(tmp_path, "page.txt", text.encode()))
        found: list[str] = []
        while not found:
            assert worker.poll() is None
            found = [alert["type"] for alert in tocsin.alerts("--kind", "statements")]
        assert found == ["tocsin.statement.new.v1"]
    finally:
        worker.terminate()
        assert worker.wait(25) == 0


def test_detect_answers_each_line(tocsin: Tocsin) -> None:
    """A stateless filter: good lines give spans, a bad line gives an error and exit code 1, the others go on."""
    text = "Fighting goes on. “We will rebuild,” said Jane Roe, the foreign minister."
    lines = [
        json.dumps({"id": "a", "text": text}),
        "{",
        json.dumps({"id": "b", "text": 7}),
        json.dumps({"id": 4, "text": ""}),
    ]
    out = tocsin.run("detect", stdin="\n".join(lines).encode(), code=1).stdout
    first, broken, wrong, empty = [json.loads(line) for line in out.splitlines()]
    (statement,) = first["statements"]
    assert text[statement["content_start"] : statement["content_end"]] == "We will rebuild"
    assert statement["speaker"] == "Jane Roe"
    assert [text[o["start"] : o["end"]] for o in first["officials"]] == ["Jane Roe"]
    assert broken["id"] is None
    assert "-:2" in broken["error"]
    assert "$.text" in wrong["error"]
    assert empty == {"id": 4, "statements": [], "keywords": [], "officials": []}
