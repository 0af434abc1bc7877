"""Replay, verification, backtest and recovery by those who use them: the commands on a log, beside the pipeline."""

import asyncio
import contextlib
import json
import re
import signal
import sqlite3
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from agents.routing.filters import match
from schemas.alert import Alert, AlertType
from schemas.delivery import EndReason, Outcome
from schemas.subscription import Filter
from streams.delivery.sealing import new_key
from streams.sample import SAMPLE_REGISTRY
from tests.conftest import need_data
from tests.e2e.harness import Tocsin
from tests.e2e.receivers import attempts, receiving, subscribe, wants, webhook
from tests.streams.replay.logs import fill, settings_of, updates

CORRECTED = AlertType.STATEMENT_CORRECTED
LADDER = """
[[ladder]]
id = "security"
support = 1
levels = [
  { level = 1, name = "Tension", threshold = 1200 },
  { level = 2, name = "Threat", threshold = 600 },
  { level = 3, name = "Mobilisation", threshold = 1300 },
  { level = 4, name = "Use of force", threshold = 2900 },
  { level = 5, name = "Mass casualties or war", threshold = 3900 },
]
"""


@pytest.fixture
def tocsin(tmp_path: Path) -> Tocsin:
    """The product, statements by the rules, with the registry of the sample."""
    (tmp_path / "tocsin.toml").write_text(f'registries = ["{SAMPLE_REGISTRY}"]\nstatements_engine = "rules"\n')
    (tmp_path / "draft.toml").write_text(LADDER)
    return Tocsin(
        tmp_path, TOCSIN_DELIVERY_ALLOW="127.0.0.1/32", TOCSIN_DELIVERY_KEY=new_key().reveal(), TOCSIN_WATCHDOG_S="60"
    )


async def ingest_sample(tocsin: Tocsin) -> None:
    await fill(settings_of(tocsin.folder), updates())


def without_status(found: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Alerts by id, but for the mark of a replay."""
    return {one["id"]: {**one, "data": {k: v for k, v in one["data"].items() if k != "status"}} for one in found}


async def test_a_replay_equals_what_the_pipeline_told_and_proves_it(tocsin: Tocsin) -> None:
    """Ids and bodies of the stored alerts; --verify proves it for all, and says what differs where the rules do."""
    await ingest_sample(tocsin)
    tocsin.process()

    tocsin.run("replay", "--to-file", "out.jsonl", "--name", "one")
    replayed = [json.loads(line) for line in (tocsin.folder / "out.jsonl").read_bytes().splitlines()]
    ours, theirs = without_status(replayed), without_status(tocsin.alerts())
    assert ours.keys() == theirs.keys()
    # two stories about one person meet in either order in the pipeline; what one of them tells does not depend on it
    assert {id for id in ours if ours[id] != theirs[id] and "role" not in ours[id]["type"]} == set()
    assert {one["data"]["status"] for one in replayed} == {"replay"}

    verified = json.loads(tocsin.run("replay", "--verify", "--json").stdout)
    assert verified["is_equal"]
    assert verified["alerts"]["equal"] == len(tocsin.alerts())
    assert (verified["lagging"], verified["is_cut"]) == ([], False)

    toml = (tocsin.folder / "tocsin.toml").read_text()
    (tocsin.folder / "tocsin.toml").write_text(toml + 'ladders = ["draft.toml"]\n')
    told = tocsin.run("replay", "--verify", code=1).stdout.decode()
    assert "NOT equal" in told
    assert re.search(r"^first difference: msg_\w+ in alerts(\.escalations)? (differs|missing|new)", told, re.MULTILINE)


async def test_what_stands_otherwise_in_the_log_is_found(tocsin: Tocsin) -> None:
    """Another body under a stored id, by its field; and an alert that no rule raises."""
    await ingest_sample(tocsin)
    tocsin.process()
    changed = tocsin.alerts("--kind", "statements")[0]
    renamed = tocsin.alerts("--kind", "officials")[-1]
    headlines = [one["data"]["headline"] for one in tocsin.alerts()]
    rewrite(tocsin, changed["data"]["headline"], renamed["id"])

    told = tocsin.run("replay", "--verify", code=1).stdout.decode()
    found = json.loads(tocsin.run("replay", "--verify", "--json", code=1).stdout)["alerts"]

    assert "in alerts.statements differs, story story_" in told
    assert f"  data.headline\n    stored  'Something else'\n    now     {changed['data']['headline']!r}" in told
    assert found["differing"] == headlines.count(changed["data"]["headline"])
    assert (found["missing"], found["new"]) == (1, 1)


def rewrite(tocsin: Tocsin, headline: str, id: str) -> None:
    """As if other rules had run: one alert told something else, another has an id that nobody gives."""
    with contextlib.closing(sqlite3.connect(tocsin.log / "log.db")) as db, db:
        was, now = json.dumps(headline, ensure_ascii=False)[1:-1].encode(), b"Something else"
        query = "UPDATE rec SET value = CAST(replace(CAST(value AS TEXT), ?, ?) AS BLOB) WHERE instr(value, ?)"
        assert db.execute(query, (was.decode(), now.decode(), was)).rowcount >= 1
        other = id.encode()
        rows = db.execute("SELECT id, headers FROM rec WHERE instr(headers, ?)", (other,)).fetchall()
        assert rows
        for row, headers in rows:
            db.execute("UPDATE rec SET headers = ? WHERE id = ?", (headers.replace(other, b"msg_" + b"z" * 26), row))


async def test_nothing_is_delivered_unless_somebody_is_named(tocsin: Tocsin, tmp_path: Path) -> None:
    """Then what the subscription wants arrives, marked, under ids of the run, and once, however often it is run."""
    await ingest_sample(tocsin)
    with receiving(tmp_path) as (receiver, url):
        await subscribe(tocsin, (*webhook("desk-hook", url), wants("desk-hook")))
        await asyncio.to_thread(tocsin.run, "replay", "--name", "quiet")
        await asyncio.to_thread(tocsin.run, "replay", "--of", "updates", "--to-topic", "replay.mine", "--name", "q2")
        await asyncio.to_thread(tocsin.run, "notify", "--until-idle")
        assert receiver.order == []

        tocsin.run("replay", "--name", "loud", "--to-subscription", "desk/all")
        await asyncio.to_thread(tocsin.run, "notify", "--until-idle")
        await asyncio.to_thread(tocsin.run, "notify", "--until-idle")
        first = list(receiver.order)
        bodies = [json.loads(body) for (body,) in receiver._db.execute("SELECT body FROM messages")]
        tocsin.run("replay", "--name", "again", "--to-subscription", "desk/all")
        await asyncio.to_thread(tocsin.run, "notify", "--until-idle")
        second = receiver.order[len(first) :]

    wanted = fitting(tocsin.alerts("--replay", "quiet"), Filter(families=("statement",)))
    ends = [one for one in await attempts(tocsin) if one.outcome is not Outcome.RETRY]
    never = sum(one.reason is EndReason.WITHDRAWN_BEFORE_SEND for one in ends)  # a cancel caught up with its alert
    assert len(ends) == len(first) + len(second) + never == 2 * len(wanted)
    assert len(first) == len(second) > 20
    assert not (set(first) | set(second)) & {one["id"] for one in wanted}
    assert not set(first) & set(second)
    assert {body["data"]["status"] for body in bodies} == {"replay"}
    assert {body["id"] for body in bodies} == set(first)


def fitting(found: list[dict[str, Any]], filter: Filter) -> list[dict[str, Any]]:
    """Alerts that a filter wants."""
    return [one for one in found if match(filter, msgspec.convert(one, Alert)).is_match]


@pytest.mark.slow
async def test_killed_and_interrupted_it_goes_on(tocsin: Tocsin) -> None:
    """Real live blogs; SIGKILL and SIGINT in turn wherever the run is: its file equals an undisturbed one."""
    for file in sorted(need_data("liveblogs/guardian_lbs_dev").glob("*.jsonl.gz"))[:8]:
        tocsin.ingest(str(file))
    tocsin.run("replay", "--name", "whole", "--to-file", "whole.jsonl")
    whole = (tocsin.folder / "whole.jsonl").read_bytes()
    rng = Random(7)
    size = len(whole)
    started = 0
    for n, signal_number in enumerate([signal.SIGKILL, signal.SIGINT] * 3):
        words = ["--resume", "cut"] if started else ["--name", "cut", "--to-file", "cut.jsonl"]
        run = tocsin.start("replay", *words)
        goal = size * (n + rng.random()) / 6
        try:
            async with asyncio.timeout(60):
                while run.poll() is None and progress(tocsin, "cut.jsonl") < goal:
                    await asyncio.sleep(0.002)  # between two looks at another process; nothing is timed
            if run.poll() is None:
                run.send_signal(signal_number)
        finally:
            code = run.wait(30)
        assert code in (0, 130, -signal.SIGKILL, -signal.SIGINT)  # the last before it had begun
        started = (tocsin.folder / "cut.jsonl").exists()
    if run.returncode != 0:
        tocsin.run("replay", "--resume", "cut")

    assert (tocsin.folder / "cut.jsonl").read_bytes() == whole


def progress(tocsin: Tocsin, name: str) -> int:
    path = tocsin.folder / name
    return path.stat().st_size if path.exists() else 0


async def test_a_draft_is_compared_with_what_was_sent(tocsin: Tocsin) -> None:
    """Three answers to one question: against what was sent, against the rules at hand, and the same rules."""
    await ingest_sample(tocsin)
    tocsin.process()

    sent = json.loads(tocsin.run("backtest", "draft.toml", "--json", "--html", "report.html", code=1).stdout)
    ours = json.loads(tocsin.run("backtest", "draft.toml", "--baseline", "current", "--json", code=1).stdout)
    same = tocsin.run("backtest", "draft.toml", "--baseline", "draft.toml", code=0).stdout.decode()

    counts = ("before", "after", "same", "added", "lost", "changed", "by_kind", "by_story", "by_day")
    assert {name: sent[name] for name in counts} == {name: ours[name] for name in counts}
    assert sent["added"] + sent["lost"] + sent["changed"] > 0
    assert "0 added, 0 lost, 0 changed" in same
    page = (tocsin.folder / "report.html").read_text()
    assert "<svg" in page
    assert sent["by_day"][0]["day"] in page


@pytest.mark.slow
async def test_the_difference_is_that_of_two_runs(tocsin: Tocsin) -> None:
    """A changed ladder on the labelled live blogs: counted independently from the alerts of two separate replays."""
    for file in sorted(need_data("liveblogs/guardian_lbs_dev").glob("*.jsonl.gz")):
        tocsin.ingest(str(file))
    toml = (tocsin.folder / "tocsin.toml").read_text()
    (tocsin.folder / "other.toml").write_text(toml + 'ladders = ["draft.toml"]\n')

    found = json.loads(
        tocsin.run("backtest", "draft.toml", "--baseline", "current", "--samples", "1000", "--json", code=1).stdout
    )
    tocsin.run("replay", "--name", "before", "--to-file", "before.jsonl")
    tocsin.run("replay", "--name", "after", "--to-file", "after.jsonl", "--config", "other.toml")

    before, after = (openings(tocsin.folder / f"{name}.jsonl") for name in ("before", "after"))
    added, lost = after - before, before - after
    assert (found["before"], found["after"]) == (before.total(), after.total())
    assert (found["added"], found["lost"]) == (added.total(), lost.total())
    for what, expected in (("added", added), ("lost", lost)):
        told = Counter((one["subject"], one["entry"]) for one in found["samples"][what])
        assert told == Counter({place: count for place, count in expected.items() if count})
    assert found["added"] > 10
    assert found["lost"] > 10
    days = Counter(one["time"][:10] for one in first_messages(tocsin.folder / "after.jsonl"))
    assert {row["day"]: row["after"] for row in found["by_day"] if row["after"]} == dict(days)


def first_messages(path: Path) -> list[dict[str, Any]]:
    """Of each escalation."""
    first: dict[str, dict[str, Any]] = {}
    for line in path.read_bytes().splitlines():
        one = json.loads(line)
        if one["type"].startswith("tocsin.keyword."):
            known = first.setdefault(one["data"]["alert_id"], one)
            if one["data"]["version"] < known["data"]["version"]:
                first[one["data"]["alert_id"]] = one
    return list(first.values())


def openings(path: Path) -> Counter[tuple[str, str]]:
    """How many escalations each subject and entry has."""
    return Counter(
        (one["subject"], one["data"]["evidence"][0]["entry"] if one["data"]["evidence"] else "")
        for one in first_messages(path)
    )


async def test_a_subscription_is_tried_on_what_was_told(tocsin: Tocsin) -> None:
    """A new one adds; a narrower one of the same name loses; nothing else is compared."""
    await ingest_sample(tocsin)
    tocsin.process()
    tocsin.run("subscribe", "all", "--owner", "desk", "--channel", "file", "--target", "f", "--kind", "statements")
    draft = tocsin.folder / "sub.toml"
    draft.write_text(
        '[[subscriptions]]\nowner = "desk"\nname = "all"\nchannel = "file"\ntarget = "f"\n'
        '[subscriptions.filter]\ntypes = ["statement.corrected"]\n'
    )
    statements = tocsin.alerts("--kind", "statements")
    wide, high = (
        {one["data"]["alert_id"] for one in fitting(statements, filter)}
        for filter in (Filter(families=("statement",)), Filter(families=("statement",), types=(CORRECTED,)))
    )

    narrower = json.loads(tocsin.run("backtest", "sub.toml", "--json", code=1).stdout)
    draft.write_text(draft.read_text().replace('"all"', '"new"'))
    fresh = json.loads(tocsin.run("backtest", "sub.toml", "--json", code=1).stdout)

    assert (narrower["before"], narrower["after"]) == (len(wide), len(high))
    assert narrower["lost"] + narrower["same"] + narrower["changed"] == len(wide)
    assert (fresh["baseline"], fresh["before"], fresh["after"]) == ("no subscription", 0, len(high))


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("replay",), "topic updates: unknown in this log"),
        (("replay", "--from", "2026-02-02", "--to", "2026-01-01"), "--to: expected a time after --from"),
        (("replay", "--from", "soon"), "--from: expected a time such as 2026-03-14T10:00Z or an age such as 2h, fou"),
        (("replay", "--to-subscription", "nobody"), "subscription: expected an id, NAME or OWNER/NAME, found"),
        (("replay", "--verify", "--story", "x"), "--verify: expected only --from, --to and --json with it"),
        (("replay", "--resume", "none"), "--resume: expected a run that has begun, found none named 'none'"),
        (("backtest", "nowhere.toml"), "nowhere.toml: No such file or directory"),
        (("backtest", "bad.toml"), "bad.toml: expected TOML, found "),
        (("backtest", "ladder.toml"), "ladder.toml: ladder[0]: id: expected a text, found None"),
        (("alerts", "--replay", "none"), "--replay: expected a run with topics in this log, found none named 'none'"),
    ],
)
async def test_faults_are_one_line(tocsin: Tocsin, words: tuple[str, ...], fault: str) -> None:
    """What, where, found and expected; exit code 2 and nothing else."""
    (tocsin.folder / "bad.toml").write_text("x = ")
    (tocsin.folder / "ladder.toml").write_text("[[ladder]]\nlevels = []\n")
    if words[0] == "alerts" or "--to-subscription" in words:
        await ingest_sample(tocsin)
    else:
        tocsin.run("topics", "--create")
        if words == ("replay",):
            fault = "topic updates: expected records to replay, found none"
        elif words[0] == "replay":
            await ingest_sample(tocsin)

    lines = tocsin.run(*words, code=2).stderr.decode().splitlines()

    assert next(line for line in lines if line.startswith("tocsin: ")).startswith(f"tocsin: {fault}")
    assert not any("Traceback" in line for line in lines)


async def test_a_running_replay_is_named(tocsin: Tocsin) -> None:
    """Somebody else's run of this name: its process is told; --dry-run only says what it would do."""
    await ingest_sample(tocsin)
    slow = tocsin.start("replay", "--name", "slow", "--speed", "1", "--to-file", "slow.jsonl")
    try:
        async with asyncio.timeout(60):
            while not (tocsin.folder / "slow.jsonl").exists():
                await asyncio.sleep(0.01)  # until the other process holds its run
        told = tocsin.run("replay", "--resume", "slow", code=2).stderr.decode()
        assert f"tocsin: replay slow: is running (process {slow.pid}); choose another --name\n" in told
        planned = tocsin.run("replay", "--dry-run", "--name", "next").stderr.decode()
        assert "replay next of embedded://" in planned
        assert not (tocsin.log / "replays" / "next").exists()
    finally:
        slow.send_signal(signal.SIGINT)
        code = slow.wait(30)
    assert code == 130
    listed = [json.loads(line) for line in tocsin.run("replays", "--json").stdout.splitlines()]
    assert [(one["run"], one["is_done"]) for one in listed] == [("slow", False)]
