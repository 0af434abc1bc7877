"""Capture histories of two real live blogs: everything after the first capture is cosmetic."""

from pathlib import Path

import pytest

from tests.conftest import need_data
from tests.e2e.harness import Tocsin

FOLDER = "liveblogs/guardian_recaptures"
NAMES = [
    "nasa-scientists-release-new-images-of-pe.captures.jsonl.gz",
    "rishi-sunak-and-keir-starmer-clash-over.captures.jsonl.gz",
]


@pytest.mark.parametrize("name", NAMES, ids=["nasa", "pmqs"])
def test_nothing_after_the_first_capture(tmp_path: Path, name: str) -> None:
    """A first capture alerts; the dozens of later ones give no alert, no update, no cancel."""
    import gzip

    captures = gzip.decompress(need_data(f"{FOLDER}/{name}").read_bytes()).splitlines(keepends=True)
    first = tmp_path / name.removesuffix(".gz")
    first.write_bytes(captures[0])
    tocsin = Tocsin(tmp_path)
    tocsin.ingest(str(first))
    tocsin.process()
    before = [alert["id"] for alert in tocsin.alerts()]
    first.write_bytes(b"".join(captures))
    tocsin.ingest(str(first))
    tocsin.process()
    assert before != []
    assert [alert["id"] for alert in tocsin.alerts()] == before
