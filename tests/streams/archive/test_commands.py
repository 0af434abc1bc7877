"""`tocsin export` and `tocsin import` as they are typed."""

import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from schemas.errors import InputError
from streams.archive import records
from streams.cli import cli
from tests.streams.archive.archives import RECENT, a_record, write


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of the machine."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TOCSIN_BROKER", raising=False)
    monkeypatch.setenv("TOCSIN_PARTITIONS", "2")


@pytest.fixture
def archive() -> Path:
    """Three records of the last hour."""
    return write(Path("day.jsonl"), [a_record(n, timestamp=RECENT + n) for n in range(3)])


def tocsin(*words: str) -> Result:
    result = CliRunner().invoke(cli, [*words, "--broker", "embedded://./log"])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_an_archive_goes_in_and_comes_out(archive: Path) -> None:
    """Both ways the summary for people goes to standard error."""
    imported = tocsin("import", "day.jsonl")
    exported = tocsin("export", "updates", "--out", "again.jsonl.xz")
    assert (imported.exit_code, imported.stdout, imported.stderr) == (0, "", "tocsin: 3 records written to updates\n")
    assert (exported.exit_code, exported.stdout) == (0, "")
    assert exported.stderr.startswith("tocsin: 3 records of 1 topic, 20")
    assert list(records(Path("again.jsonl.xz"))) == list(records(archive))


def test_both_have_a_summary_for_programs(archive: Path) -> None:
    """On standard output, and nothing beside it."""
    imported = json.loads(tocsin("import", "day.jsonl", "--json").output)
    exported = json.loads(tocsin("export", "--out", "again.jsonl", "--json").output)
    assert [(it["topic"], it["records"]) for it in imported["topics"]] == [("updates", 3), ("alerts.statements", 0)]
    assert exported.pop("from") < exported.pop("to")
    assert exported == {
        "file": "again.jsonl",
        "records": 3,
        "topics": {"updates": 3, "alerts.statements": 0},
        "bytes": Path("again.jsonl").stat().st_size,
    }


def test_an_archive_can_be_printed(archive: Path) -> None:
    """Into another program, as JSON Lines; --json would print into the midst of it."""
    tocsin("import", "day.jsonl")
    printed = tocsin("export", "updates", "--out", "-")
    assert [json.loads(line).get("offset") for line in io.StringIO(printed.stdout)] == [None, 0, 1, 2, None]
    assert f"{len(printed.stdout_bytes)} B, standard output\n" in printed.stderr
    with pytest.raises(InputError, match="--json: expected --out FILE, found -"):
        tocsin("export", "--out", "-", "--json")


def test_times_bound_an_export(archive: Path) -> None:
    """As ages or as moments; what is no time is named with its option."""
    tocsin("import", "day.jsonl")
    summary = json.loads(tocsin("export", "--out", "none.jsonl", "--from", "2h", "--to", "1h", "--json").output)
    assert summary["records"] == 0
    assert list(records(Path("none.jsonl"))) == []
    with pytest.raises(InputError, match="--to: expected a time such as"):
        tocsin("export", "--out", "none.jsonl", "--to", "noon")
    with pytest.raises(InputError, match="--to: expected a time after --from"):
        tocsin("export", "--out", "none.jsonl", "--from", "1h", "--to", "2h")


def test_a_dry_run_shows_what_would_be_done(archive: Path) -> None:
    """The log is not even made."""
    dry = tocsin("import", "day.jsonl", "--dry-run", "--prefix", "old")
    assert dry.stderr == "tocsin: nothing was written; without --dry-run this would\n"
    assert (
        dry.stdout.splitlines()[0]
        == "  create old.updates: 2 partitions, kept for ever; write 3 records to old.updates"
    )
    assert not Path("log").exists()


def test_a_second_import_needs_append(archive: Path) -> None:
    """The refusal says so."""
    tocsin("import", "day.jsonl")
    with pytest.raises(InputError, match="--append writes all the same"):
        tocsin("import", "day.jsonl")
    assert tocsin("import", "day.jsonl", "--append").exit_code == 0


def test_an_archive_is_replaced_by_force(archive: Path) -> None:
    """Only then."""
    tocsin("import", "day.jsonl")
    with pytest.raises(InputError, match="--force replaces it"):
        tocsin("export", "--out", "day.jsonl")
    assert tocsin("export", "--out", "day.jsonl", "--force").exit_code == 0
