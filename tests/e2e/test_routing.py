"""Subscriptions on the log: who is told what, over kills and restarts, on the embedded log."""

import asyncio
import json
import random
import shutil
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from agents.routing.filters import match
from schemas.alert import Alert, Family, MessageType, Status
from schemas.codec import alert_to_record, decode, encode
from schemas.event import Severity
from schemas.identity import message_id
from schemas.routing import Notification, NotificationKind, Reason, Suppressed
from schemas.subscription import Filter, Matcher, Operator, Subscription, silence, subscription
from streams.log import Draft, TopicSpec, open_log
from streams.log.inbox import Spool
from streams.sample import SAMPLE_REGISTRY, sample_updates
from streams.topics import ALERTS_STATEMENTS, NOTIFICATIONS, SILENCES, SUBSCRIPTIONS, SUPPRESSED
from tests.agents.routing.builders import cancelled, said
from tests.e2e.harness import Tocsin, kill_at, written

KINDS = ("--kind", "statements", "--kind", "escalations", "--kind", "officials")
KILLS = 8
SEED = 20260314


def desk(name: str = "all", **settings: Any) -> Subscription:
    """Everything at once, to one Slack channel."""
    return subscription(
        owner="desk",
        name=name,
        channel="slack",
        target="C0DESK",
        **({"group_wait_s": 0, "group_interval_s": 0} | settings),
    )


async def put(tocsin: Tocsin, *values: Subscription) -> None:
    """Write subscriptions as the topic holds them."""
    log = await open_log(tocsin.broker, mode="append")
    try:
        for one in values:
            await log.append(SUBSCRIPTIONS.name, one.id.encode(), encode(one))
    finally:
        await log.close()


async def stored(tocsin: Tocsin, topic: str, kind: Any) -> list[Any]:
    """Every event of a topic, partition by partition."""
    log = await open_log(tocsin.broker, mode="read")
    try:
        return [decode(kind, one.value) for n in await log.ends(topic) async for one in log.read(topic, n, 0)]
    finally:
        await log.close()


async def notifications(tocsin: Tocsin) -> list[Notification]:
    return await stored(tocsin, NOTIFICATIONS.name, Notification)


async def suppressed(tocsin: Tocsin) -> list[Suppressed]:
    return await stored(tocsin, SUPPRESSED.name, Suppressed)


def with_sample(folder: Path) -> Tocsin:
    """The bundled live blog, ingested."""
    folder.mkdir(exist_ok=True)
    (folder / "sample.jsonl").write_bytes(b"\n".join(sample_updates()) + b"\n")
    (folder / "tocsin.toml").write_text(f'registries = ["{SAMPLE_REGISTRY}"]\n')
    tocsin = Tocsin(folder)
    tocsin.ingest("sample.jsonl")
    return tocsin


async def test_every_alert_reaches_who_wants_everything(tmp_path: Path) -> None:
    """One subscription without conditions: each message of the sample ends in an item or with a reason."""
    tocsin = await asyncio.to_thread(with_sample, tmp_path)
    await put(tocsin, desk())
    await asyncio.to_thread(tocsin.process)

    told = [item.message_id for one in await notifications(tocsin) for item in one.items]
    withheld = [one.message_id for one in await suppressed(tocsin)]
    alerts = await asyncio.to_thread(tocsin.alerts)
    assert sorted([*told, *withheld]) == sorted(alert["id"] for alert in alerts)


def told(notifications: Iterable[Notification]) -> dict[str, list[tuple[str, str, str]]]:
    """What each notification says, by id: a second copy of one must say the same."""
    found: dict[str, list[tuple[str, str, str]]] = {}
    for one in notifications:
        says = [(item.message_id, item.reason.value, item.headline) for item in one.items]
        assert found.setdefault(one.id, says) == says
    return found


async def test_killed_again_and_again_tells_the_same(tmp_path: Path) -> None:
    """SIGKILL at random points: the same notifications under the same ids as in a run that nobody disturbed."""
    calm = await asyncio.to_thread(with_sample, tmp_path / "calm")
    families = {"said": (Family.STATEMENT,), "rose": (Family.KEYWORD,), "who": (Family.OFFICIAL,)}
    await put(calm, *(desk(name, filter=Filter(families=family)) for name, family in families.items()))
    shutil.copytree(calm.folder, tmp_path / "killed")
    killed = Tocsin(tmp_path / "killed")
    start = await written(calm.broker)
    await asyncio.to_thread(calm.process)
    records = await written(calm.broker) - start

    dice = random.Random(SEED)
    kills = await kill_at(killed, sorted(start + dice.randrange(records) for _ in range(KILLS)))
    await asyncio.to_thread(killed.process)

    expected = told(await notifications(calm))
    print(f"seed={SEED} kills={kills} notifications={len(expected)} records={records}")
    assert len(expected) > 20
    assert kills >= KILLS // 2
    assert told(await notifications(killed)) == expected
    assert {(one.message_id, one.reason) for one in await suppressed(killed)} == {
        (one.message_id, one.reason) for one in await suppressed(calm)
    }


async def test_two_subscriptions_get_what_each_asked_for(tmp_path: Path) -> None:
    """Statements of the mayor for one, high levels for the other; the filter of each says which messages."""
    tocsin = await asyncio.to_thread(with_sample, tmp_path)
    filters = {
        "mayor": Filter(families=(Family.STATEMENT,), speakers=("Bettany Crake",)),
        "high": Filter(families=(Family.KEYWORD,), severity=Severity.URGENT),
    }
    ids = {name: desk(name, filter=wanted) for name, wanted in filters.items()}
    await put(tocsin, *ids.values())
    await asyncio.to_thread(tocsin.process)

    out = (await asyncio.to_thread(tocsin.run, "alerts", "--json")).stdout
    alerts = [decode(Alert, line) for line in out.splitlines()]
    for name, wanted in filters.items():
        first = {one.id for one in alerts if one.data.msgtype is MessageType.ALERT and match(wanted, one).is_match}
        got = [one for one in await notifications(tocsin) if one.subscription == ids[name].id]
        assert len(first) > 1
        assert first <= {item.message_id for one in got for item in one.items}
        alert_ids = {one.data.alert_id for one in alerts if one.id in first}
        assert {item.alert_id for one in got for item in one.items} == alert_ids


async def test_for_each_subscription_there_is_one_reason_why_or_why_not(tmp_path: Path) -> None:
    """Told, not wanted, or on its way; a new one is tried on what is stored, and writes nothing in a dry run."""
    tocsin = await asyncio.to_thread(with_sample, tmp_path)
    speaker = "Bettany Crake"
    await put(
        tocsin,
        desk("a-told", filter=Filter(speakers=(speaker,))),
        desk("b-lower", filter=Filter(speakers=(speaker,), severity=Severity.BULLETIN)),
        desk("c-other", filter=Filter(speakers=("Nobody",))),
        desk("d-slow", group_wait_s=600),
    )
    await asyncio.to_thread(tocsin.process)

    def answers(*words: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in tocsin.run(*words, "--json").stdout.splitlines()]

    (told, *_) = [one for one in await notifications(tocsin) if one.kind is NotificationKind.MESSAGE]
    item = told.items[0]
    why = await asyncio.to_thread(answers, "alerts", "why", item.alert_id)
    mine = {one["name"]: one for one in why if one["message_id"] == item.message_id}
    assert {name: one["reason"] for name, one in mine.items()} == {
        "a-told": "sent",
        "b-lower": "below_severity",
        "c-other": "no_match",
        "d-slow": None,
    }
    assert mine["a-told"]["notification"] == told.id
    assert mine["a-told"]["hits"][0] | {"role": None} == {
        "condition": "speakers", "value": speaker.casefold(), "where": None, "span": None, "role": None
    }  # fmt: skip
    assert mine["c-other"]["detail"] == "speakers"
    assert mine["d-slow"]["detail"].startswith("it waits in group family=statement")

    never = ("subscribe", "never", "--owner", "o", "--channel", "slack", "--target", "C0", "--keyword", "zzz")
    (tried,) = await asyncio.to_thread(answers, *never, "--dry-run")
    assert tried["trial"]["warnings"] == [
        "never matched: none of the 59 alerts of the last 30 days fits",
        'target: "C0" is no endpoint yet; nothing is delivered until `tocsin endpoints add` makes it',
    ]
    assert not tried["is_saved"]
    assert len(await asyncio.to_thread(answers, "subscriptions", "list")) == 4


async def test_a_withdrawn_alert_reaches_exactly_its_recipients(tmp_path: Path) -> None:
    """Who was told is told that it no longer stands, once; nobody else hears of it."""
    tocsin = await asyncio.to_thread(with_sample, tmp_path)
    families = {"said": (Family.STATEMENT,), "rose": (Family.KEYWORD,)}
    await put(tocsin, *(desk(name, filter=Filter(families=family)) for name, family in families.items()))
    await asyncio.to_thread(tocsin.process)

    told_of: dict[str, set[str]] = {}
    withdrawn: dict[str, list[str]] = {}
    for one in await notifications(tocsin):
        if one.kind is NotificationKind.CORRECTION and one.msgtype is MessageType.CANCEL:
            withdrawn.setdefault(one.items[0].alert_id, []).append(one.subscription)
            assert one.references == (message_id(one.items[0].alert_id, 1),)
        else:
            for item in one.items:
                told_of.setdefault(item.alert_id, set()).add(one.subscription)
    cancelled = {
        one["data"]["alert_id"] for one in await asyncio.to_thread(tocsin.alerts) if one["data"]["msgtype"] == "cancel"
    }
    assert cancelled & withdrawn.keys()
    assert {alert: set(to) for alert, to in withdrawn.items()} == {
        alert: told_of[alert] for alert in cancelled if alert in told_of
    }
    assert all(len(set(to)) == len(to) for to in withdrawn.values())


async def until_closed(tocsin: Tocsin, subscription: str, messages: set[str], patience_s: float = 60.0) -> None:
    """Wait until each message has been told to the subscription or withheld from it."""
    async with asyncio.timeout(patience_s):
        while not messages <= set(await closed(tocsin, subscription)):
            await asyncio.sleep(0.05)  # between two looks at a foreign process; nothing is timed


async def closed(tocsin: Tocsin, subscription: str) -> list[str]:
    """Every message whose way to the subscription has ended, as often as it has."""
    sent = {one.id: one for one in await notifications(tocsin) if one.subscription == subscription}
    withheld = {one for one in await suppressed(tocsin) if one.subscription == subscription}
    return [item.message_id for one in sent.values() for item in one.items] + [one.message_id for one in withheld]


async def test_groups_that_wait_tell_each_alert_once_over_kills(tmp_path: Path) -> None:
    """Groups live in the tables, their timers in the log: killed at any point, each message has one end."""
    tocsin = await asyncio.to_thread(with_sample, tmp_path)
    wanted = desk(group_wait_s=1, group_interval_s=1)
    await put(tocsin, wanted)
    start = await written(tocsin.broker)
    dice = random.Random(SEED)
    kills = await kill_at(tocsin, sorted(start + dice.randrange(700) for _ in range(KILLS)))
    await asyncio.to_thread(tocsin.process)
    messages = {alert["id"] for alert in await asyncio.to_thread(tocsin.alerts)}
    worker = tocsin.start("run")
    try:
        await until_closed(tocsin, wanted.id, messages)
    finally:
        worker.kill()
        worker.wait(10)

    ends = await closed(tocsin, wanted.id)
    print(f"seed={SEED} kills={kills} messages={len(messages)} notifications={len(told(await notifications(tocsin)))}")
    assert kills >= KILLS // 2
    assert sorted(ends) == sorted(messages)


async def started(tocsin: Tocsin) -> Any:
    """A worker that is ready."""
    out = tocsin.folder / "worker.out"
    seen = len(out.read_bytes()) if out.exists() else 0
    worker = tocsin.start("run")
    while b"ready on" not in out.read_bytes()[seen:]:
        assert worker.poll() is None, out.read_text()
        await asyncio.sleep(0.01)
    return worker


async def test_a_silence_is_honoured_after_a_kill(tmp_path: Path) -> None:
    """What the command has promised counts, though the worker may not have read it when it is killed."""
    tocsin = await asyncio.to_thread(with_sample, tmp_path)
    await put(tocsin, desk())
    worker = await started(tocsin)
    line = ("silences", "add", "owner=desk", "--reason", "a test", "--for", "1h", "--json")
    made = json.loads((await asyncio.to_thread(tocsin.run, *line)).stdout)
    worker.kill()
    worker.wait(10)
    before = {one.id for one in await notifications(tocsin)}

    # the same page as another item in another story: everything is told again
    updates = [json.loads(line) for line in sample_updates()]
    for one in updates:
        one |= {"item": f"{one['item']}-again", "update_id": f"{one['update_id']}-again", "story": "again"}
    (tmp_path / "again.jsonl").write_text("\n".join(map(json.dumps, updates)))
    await asyncio.to_thread(tocsin.ingest, "again.jsonl")
    await asyncio.to_thread(tocsin.process)

    hidden = [one for one in await suppressed(tocsin) if one.reason is Reason.SILENCED]
    assert {one.detail for one in hidden if one.story == "again"} == {made["id"]}
    assert not [one for one in await notifications(tocsin) if one.story == "again"]
    assert before <= {one.id for one in await notifications(tocsin)}


async def test_a_silence_that_waits_in_the_inbox_counts_from_the_first_alert(tmp_path: Path) -> None:
    """It was handed to a worker that was killed before it took it in: the next one does so before it routes."""
    tocsin = Tocsin(tmp_path)
    subscribe = ("subscribe", "all", "--owner", "desk", "--channel", "slack", "--target", "C0DESK", *KINDS)
    await asyncio.to_thread(tocsin.run, *subscribe)
    await asyncio.to_thread(tocsin.run, "drill", "--timeout", "0.1", code=1)
    now = datetime.now(UTC)
    matchers = (Matcher("owner", Operator.EQUAL, "desk"),)
    one = silence(matchers=matchers, author="ann", reason="a test", starts_at=now, ends_at=now + timedelta(hours=1))
    spool = Spool(tocsin.log)
    for _ in range(5):  # so much before it that it is not taken in with the first round
        spool.write([TopicSpec(name="filler", partitions=1)], [Draft("filler", None, bytes(9 << 20))])
    spool.write([], [Draft(SILENCES.name, one.id.encode(), encode(one))])

    await asyncio.to_thread(tocsin.process)

    assert await notifications(tocsin) == []
    assert [(end.reason, end.detail) for end in await suppressed(tocsin)] == [(Reason.SILENCED, one.id)]


async def test_what_is_asked_for_reaches_a_running_worker(tmp_path: Path) -> None:
    """A subscription made beside a worker gets the very next alert; the drill shows it, end to end."""
    tocsin = Tocsin(tmp_path)
    worker = await started(tocsin)
    try:
        subscribe = ("subscribe", "all", "--owner", "desk", "--channel", "slack", "--target", "C0DESK", *KINDS)
        await asyncio.to_thread(tocsin.run, *subscribe)
        await asyncio.to_thread(tocsin.run, "subscriptions", "pause", "all")
        (back,) = (await asyncio.to_thread(tocsin.run, "subscriptions", "resume", "all", "--json")).stdout.splitlines()
        (seen,) = (await asyncio.to_thread(tocsin.run, "drill", "--json")).stdout.splitlines()
        (one,) = await notifications(tocsin)
    finally:
        worker.kill()
        worker.wait(10)
    assert json.loads(back)["version"] == 3
    assert json.loads(seen)["name"] == "desk/all"
    assert (one.status, one.headline) == (Status.DRILL, "[DRILL] Drill: “This is a drill.”")


async def test_a_drill_that_nobody_hears_fails(tmp_path: Path) -> None:
    """Without a worker within the time, without a subscription at once."""
    tocsin = Tocsin(tmp_path)
    assert b"no subscription" in (await asyncio.to_thread(tocsin.run, "drill", code=1)).stderr
    subscribe = ("subscribe", "all", "--owner", "desk", "--channel", "slack", "--target", "C0DESK", *KINDS)
    await asyncio.to_thread(tocsin.run, *subscribe)
    late = await asyncio.to_thread(tocsin.run, "drill", "--timeout", "0.2", code=1)
    assert b"1 not told within 0.2 s" in late.stderr


async def append(tocsin: Tocsin, *alerts: Alert) -> None:
    """Write alerts as a detector does."""
    log = await open_log(tocsin.broker, mode="append")
    try:
        for one in alerts:
            await log.append(ALERTS_STATEMENTS.name, *alert_to_record(one))
    finally:
        await log.close()


async def test_a_correction_that_a_silence_held_goes_out_when_it_ends(tmp_path: Path) -> None:
    """Meanwhile it is said to be owed; the end of the silence, before its time, is enough to send it."""
    tocsin = Tocsin(tmp_path)
    first = said()
    worker = await started(tocsin)
    try:
        subscribe = (
            "subscribe",
            "all",
            "--owner",
            "desk",
            "--channel",
            "slack",
            "--target",
            "C0",
            *KINDS,
            "--group-wait",
            "0s",
        )
        made = json.loads((await asyncio.to_thread(tocsin.run, *subscribe, "--json")).stdout)
        await append(tocsin, first)
        await until_closed(tocsin, made["id"], {first.id})
        line = ("silences", "add", "owner=desk", "--reason", "a test", "--for", "1h", "--state", "correction", "--json")
        silence = json.loads((await asyncio.to_thread(tocsin.run, *line)).stdout)
        # seen by the worker: a drill stands behind it in the inbox
        await asyncio.to_thread(tocsin.run, "drill")
        await append(tocsin, cancelled(first))
        ask = ("subscriptions", "why-not", "all", "--alert", cancelled(first).id, "--json")
        answer = {}
        while answer.get("detail") != "it is owed as a correction":
            answer = json.loads((await asyncio.to_thread(tocsin.run, *ask)).stdout.splitlines()[-1])
        assert cancelled(first).id not in await closed(tocsin, made["id"])

        await asyncio.to_thread(tocsin.run, "silences", "end", silence["id"])
        await until_closed(tocsin, made["id"], {cancelled(first).id})
    finally:
        worker.kill()
        worker.wait(10)
    (correction,) = [one for one in await notifications(tocsin) if one.kind is NotificationKind.CORRECTION]
    assert (correction.msgtype, correction.references) == (MessageType.CANCEL, (first.id,))
