"""The operator's commands on an embedded log; tests/kafka has them on a broker."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streams.cli import cli
from streams.topics import CONSUMED, DELIVERED


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of the machine."""
    monkeypatch.chdir(tmp_path)
    for name in ("TOCSIN_BROKER", "TOCSIN_APP_ID", "TOCSIN_PARTITIONS"):
        monkeypatch.delenv(name, raising=False)


def tocsin(*words: str) -> Result:
    return CliRunner().invoke(cli, [*words, "--broker", "embedded://./log"])


def test_topics_shows_what_it_would_do_and_does_nothing() -> None:
    """The dry run is the default; it makes no directory, and says with its exit code that topics are missing."""
    result = tocsin("topics")
    assert result.exit_code == 1
    assert "create updates: 8 partitions, kept 7 d" in result.output
    assert "create tocsin-entries-changelog: 8 partitions, compacted" in result.output
    assert not Path("log").exists()


def test_topics_are_created_and_then_right() -> None:
    """After --create nothing is left to do."""
    assert tocsin("topics", "--create").exit_code == 0
    result = tocsin("topics", "--json")
    found = json.loads(result.output)
    assert result.exit_code == 0
    assert [topic["faults"] for topic in found] == [[]] * len(found)
    assert {"updates", "dead-letters", "dead-letters-handled", "tocsin-roles-changelog"} <= {
        it["topic"] for it in found
    }


def test_another_partition_count_is_a_fault_that_create_does_not_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys would move; a person must decide."""
    tocsin("topics", "--create")
    monkeypatch.setenv("TOCSIN_PARTITIONS", "3")
    dry = tocsin("topics")
    assert dry.exit_code == 1
    assert "partitions: expected 3, found 8; keys would move" in dry.output
    assert "--create would" not in dry.output
    assert tocsin("topics", "--create").exit_code == 1


def test_the_doctor_is_content_with_a_fresh_log() -> None:
    """Everything is looked at: directory, owner, space, inbox, topics, lag, dead letters."""
    tocsin("topics", "--create")
    result = tocsin("doctor", "--json")
    findings = json.loads(result.output)
    assert result.exit_code == 0
    assert [finding["name"] for finding in findings] == [
        "versions",
        "directory",
        "owner",
        "free space",
        "inbox",
        "log",
        "topics",
        *(f"lag of {topic.name}" for topic in (*CONSUMED, *DELIVERED)),
        "dead letters",
    ]
    assert all(finding["is_ok"] for finding in findings)


def test_the_doctor_says_that_there_is_no_log() -> None:
    """Exit 1, and the one thing to do."""
    result = tocsin("doctor")
    assert result.exit_code == 1
    assert "FAIL directory: log: no log yet; `tocsin run` makes it" in result.output


def test_dead_letters_without_a_word_lists_them() -> None:
    """Old habit and the command `list` are the same; no log, no dead letters."""
    for words in (("dead-letters",), ("dead-letters", "list")):
        result = tocsin(*words)
        assert (result.exit_code, result.output) == (0, "")


def test_replay_wants_one_id_or_all() -> None:
    """Neither both nor none."""
    for words in (("dead-letters", "replay"), ("dead-letters", "replay", "dl_1", "--all")):
        assert "expected either ID or --all" in str(tocsin(*words).exception)
