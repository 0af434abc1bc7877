"""Replay on a real broker: the same alerts as from the embedded log, and proof of what two workers have told."""

import json
from pathlib import Path

import msgspec
import pytest

from streams.sample import SAMPLE_REGISTRY
from tests.e2e.harness import Tocsin
from tests.streams.replay.logs import fill, settings_of, updates


@pytest.fixture
def tocsin(clean_kafka: str, app_id: str, tmp_path: Path) -> Tocsin:
    """The product on a broker, statements by the rules."""
    (tmp_path / "tocsin.toml").write_text(f'registries = ["{SAMPLE_REGISTRY}"]\nstatements_engine = "rules"\n')
    return Tocsin(tmp_path, f"kafka://{clean_kafka}", TOCSIN_APP_ID=app_id)


async def test_both_engines_give_the_same_bytes(tocsin: Tocsin, run_id: str, tmp_path: Path) -> None:
    """One history on both; files, digests and the run's topics are equal, and the pipeline's stay as they are."""
    embedded = settings_of(tmp_path / "embedded")
    await fill(embedded, updates())
    await fill(msgspec.structs.replace(embedded, broker=tocsin.broker), updates())
    name = run_id.replace(".", "-")

    here = tocsin.run("replay", "--name", "file", "--to-file", "kafka.jsonl", "--json")
    there = tocsin.run("replay", "--name", "file", "--to-file", "embedded.jsonl", "--json", "--broker", embedded.broker)
    tocsin.run("replay", "--name", name)

    one, other = json.loads(here.stdout), json.loads(there.stdout)
    assert (tmp_path / "kafka.jsonl").read_bytes() == (tmp_path / "embedded.jsonl").read_bytes()
    assert one["digest"] == other["digest"] != "0"
    listed = [json.loads(line) for line in (tmp_path / "kafka.jsonl").read_bytes().splitlines()]
    in_topics = tocsin.alerts("--replay", name)
    assert sorted(map(json.dumps, in_topics)) == sorted(map(json.dumps, listed))
    assert tocsin.alerts() == []


async def test_what_two_workers_told_is_proved(tocsin: Tocsin) -> None:
    """Each stage again over the records that it read, in the order that the broker gave them."""
    settings = settings_of(tocsin.folder)
    await fill(msgspec.structs.replace(settings, broker=tocsin.broker), updates())
    first = tocsin.start("run", "--until-idle")
    try:
        tocsin.process()
    finally:
        code = first.wait(60)

    verified = json.loads(tocsin.run("replay", "--verify", "--json").stdout)

    assert code == 0
    assert verified["is_equal"]
    assert verified["alerts"]["equal"] == len(tocsin.alerts()) > 100
    assert verified["lagging"] == []
