"""The whole pipeline as processes on a real broker, against the same pipeline on the embedded log."""

import asyncio
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiokafka
import pytest
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.structs import TopicPartition as KafkaPartition

from deploy.kafka.cluster import Cluster
from schemas.article import ArticleUpdate
from schemas.codec import decode, encode
from streams.failpoints import EXIT_KILLED, POINTS
from streams.log import Draft, EventLog, TopicPartition, TopicSpec, open_log
from streams.log.kafka import MAX_MESSAGE_BYTES
from streams.sample import sample_updates
from streams.settings import Settings
from streams.topics import UPDATES
from streams.watchdog import EXIT_STALLED
from streams.worker import declare_topics, is_idle
from tests.builders import an_update
from tests.e2e.harness import Tocsin
from tests.kafka import broker

PATIENCE_S = 60
STOP_S = 20


@pytest.fixture
def kafka_tocsin(clean_kafka: str, app_id: str, tmp_path: Path) -> Tocsin:
    """The product on a broker."""
    # brokers allow no less; with the default a killed worker's partitions wait a minute for its successor
    return Tocsin(tmp_path, f"kafka://{clean_kafka}", TOCSIN_APP_ID=app_id, TOCSIN_KAFKA_SESSION_TIMEOUT_S="6")


@pytest.fixture(params=["embedded", "kafka"])
def tocsin(request: pytest.FixtureRequest, tmp_path: Path) -> Tocsin:
    """The product on either engine."""
    if request.param == "kafka":
        found: Tocsin = request.getfixturevalue("kafka_tocsin")
        return found
    return Tocsin(tmp_path)


def calm_alerts(folder: Path, updates: list[bytes]) -> dict[str, Any]:
    """What an undisturbed run on the embedded log makes of these updates, by message id."""
    folder.mkdir()
    calm = Tocsin(folder)
    publish(calm, updates)
    calm.process()
    return bodies(calm)


def bodies(tocsin: Tocsin) -> dict[str, Any]:
    return {alert["id"]: alert for alert in tocsin.alerts()}


def settings_of(tocsin: Tocsin) -> Settings:
    return Settings(broker=tocsin.broker, partitions=4, app_id=tocsin.environment.get("TOCSIN_APP_ID", "tocsin"))


async def with_log(tocsin: Tocsin, act: Callable[[EventLog], Any]) -> Any:
    log = await open_log(tocsin.broker, mode="append")
    try:
        return await act(log)
    finally:
        await log.close()


def publish(tocsin: Tocsin, updates: list[bytes]) -> None:
    """Append updates as an ingest does."""

    async def append(log: EventLog) -> None:
        await declare_topics(log, settings_of(tocsin))
        keyed = [(decode(ArticleUpdate, update).item.encode(), update) for update in updates]
        await log.append_many([Draft(UPDATES.name, key, update) for key, update in keyed])

    asyncio.run(with_log(tocsin, append))


@contextmanager
def worker(tocsin: Tocsin, *command: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A worker that runs until the test is over; its output goes to worker.out."""
    with (tocsin.folder / "worker.out").open("ab") as out:
        process = subprocess.Popen(
            command or tocsin.command("run"),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            cwd=tocsin.folder,
            env={**tocsin.environment, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(10)


def faulty(fault: str) -> list[str]:
    return [sys.executable, "-m", "tests.kafka.worker_with_faults", fault, "run"]


def until(holds: Callable[[], bool], what: str) -> None:
    """Wait for another process."""
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end, f"not within {PATIENCE_S} s: {what}"
        time.sleep(0.1)


def until_ready(tocsin: Tocsin, process: "subprocess.Popen[bytes]", count: int = 1) -> None:
    """Wait for a worker; at once an error when it has ended instead."""
    until(lambda: process.poll() is not None or said(tocsin).count("ready on") >= count, "ready")
    assert process.poll() is None, said(tocsin)[-2000:]


def said(tocsin: Tocsin) -> str:
    return (tocsin.folder / "worker.out").read_text(errors="replace")


def is_done(tocsin: Tocsin) -> bool:
    settings = settings_of(tocsin)
    done: bool = asyncio.run(with_log(tocsin, lambda log: is_idle(log, settings.app_id)))
    return done


def shares(tocsin: Tocsin) -> list[set[tuple[str, int]]]:
    """What each worker of the group reads of `updates`."""
    settings = settings_of(tocsin)
    found = asyncio.run(broker.assignments(tocsin.broker.removeprefix("kafka://"), settings.app_id))
    return [{tp for tp in member if tp[0] == UPDATES.name} for member in found]


def some_updates(count: int, first: int = 0) -> list[bytes]:
    """Small updates of different articles, one statement each."""
    return [
        encode(
            an_update(
                update_id=f"up_{number}",
                item=f"item-{number}",
                body=f"“We will reopen bridge {number} on Friday,” said Jane Roe, the mayor of Holm.",
            )
        )
        for number in range(first, first + count)
    ]


@contextmanager
def load(tocsin: Tocsin) -> Iterator[Callable[[], None]]:
    """Ten updates every few milliseconds, until the function given is called."""
    enough = threading.Event()

    async def append(log: EventLog) -> None:
        number = 0
        while not enough.is_set():
            number += 10
            await log.append_many([(UPDATES.name, b"item-%d" % number, one, ()) for one in some_updates(10, number)])
            await asyncio.sleep(0.02)

    thread = threading.Thread(target=lambda: asyncio.run(with_log(tocsin, append)))
    thread.start()

    def stop() -> None:
        enough.set()
        thread.join(PATIENCE_S)

    try:
        yield stop
    finally:
        stop()


def test_the_sample_gives_the_same_alerts_on_both_engines(kafka_tocsin: Tocsin, tmp_path: Path) -> None:
    """Same ids, same bodies: no agent knows which log carries it."""
    expected = calm_alerts(tmp_path / "calm", sample_updates())
    publish(kafka_tocsin, sample_updates())

    kafka_tocsin.process()

    assert len(expected) > 40
    assert bodies(kafka_tocsin) == expected


def test_a_restart_goes_on_where_the_last_run_ended(kafka_tocsin: Tocsin, tmp_path: Path) -> None:
    """State comes back from the changelogs: two runs of half the sample each equal one of the whole."""
    updates = sample_updates()
    expected = calm_alerts(tmp_path / "calm", updates)
    for half in (updates[:20], updates[20:]):
        publish(kafka_tocsin, half)
        kafka_tocsin.process()

    assert bodies(kafka_tocsin) == expected


def test_sigterm_under_load_ends_in_time_and_loses_nothing(kafka_tocsin: Tocsin, tmp_path: Path) -> None:
    """Exit 0 within 20 s in the middle of work; the next run finishes it."""
    updates = some_updates(400)
    expected = calm_alerts(tmp_path / "calm", updates)
    publish(kafka_tocsin, updates)
    with worker(kafka_tocsin) as process:
        until_ready(kafka_tocsin, process)
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(STOP_S + 5) == 0
        assert time.monotonic() - started < STOP_S

    kafka_tocsin.process()

    assert bodies(kafka_tocsin) == expected


def test_sigterm_before_it_is_ready_is_obeyed(kafka_tocsin: Tocsin) -> None:
    """A worker that is still joining its group stops as cleanly."""
    with worker(kafka_tocsin, *kafka_tocsin.command("run")) as process:
        bootstrap = kafka_tocsin.broker.removeprefix("kafka://")
        until(lambda: bool(broker.pipeline_topics(bootstrap)), "first topic")
        process.send_signal(signal.SIGTERM)
        assert process.wait(STOP_S + 5) == 0


def expire(tocsin: Tocsin, topic: str, *, keep: int = 0) -> None:
    """Do what retention does: delete all records of a topic but the last few of each partition."""

    async def ends(log: EventLog) -> dict[int, int]:
        return await log.ends(topic)

    async def delete() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=tocsin.broker.removeprefix("kafka://"))
        await admin.start()
        try:
            found = await with_log(tocsin, ends)
            await admin.delete_records(
                {KafkaPartition(topic, number): RecordsToDelete(max(0, end - keep)) for number, end in found.items()}
            )
        finally:
            await admin.close()

    asyncio.run(delete())


def lag(tocsin: Tocsin, topic: str = UPDATES.name) -> dict[int, int]:
    """What the group's own commits say, as every tool for Kafka shows it."""

    async def look(log: EventLog) -> dict[int, int]:
        committed = await log.committed(settings_of(tocsin).app_id)
        return {
            number: end - committed.get(TopicPartition(topic, number), 0)
            for number, end in (await log.ends(topic)).items()
        }

    found: dict[int, int] = asyncio.run(with_log(tocsin, look))
    return found


@pytest.mark.parametrize("keep", [0, 2])
def test_what_retention_has_deleted_before_it_was_processed_is_passed(
    kafka_tocsin: Tocsin, tmp_path: Path, keep: int
) -> None:
    """One line a partition, no crash loop: the lag returns to 0, and what comes later is processed."""
    kafka_tocsin.environment["TOCSIN_WATCHDOG_S"] = "4"
    publish(kafka_tocsin, some_updates(60))
    kafka_tocsin.process()
    publish(kafka_tocsin, some_updates(60, 100))
    expire(kafka_tocsin, UPDATES.name, keep=keep)
    with worker(kafka_tocsin) as process:
        until(lambda: process.poll() is not None or not any(lag(kafka_tocsin).values()), "no lag")
        time.sleep(6)  # longer than the watchdog's patience
        assert process.poll() is None, said(kafka_tocsin)[-2000:]
        publish(kafka_tocsin, some_updates(20, 200))
        until(lambda: not any(lag(kafka_tocsin).values()), "no lag again")
    lines = [line for line in said(kafka_tocsin).splitlines() if "RecordsExpired" in line]

    told = [dict(part.split("=") for part in line.split() if "=" in part) for line in lines]
    assert sorted(one["partition"] for one in told) == ["0", "1", "2", "3"]
    assert sum(int(one["lost"].rstrip(":")) for one in told) == 60 - 4 * keep
    told_of = json.dumps(kafka_tocsin.alerts())
    assert [n for n in (*range(60), *range(200, 220)) if f"bridge {n} on" not in told_of] == []


def test_what_retention_deletes_while_a_worker_runs_is_passed(kafka_tocsin: Tocsin) -> None:
    """A worker that cannot keep up loses by policy, and says so; it does not stand still for that."""
    kafka_tocsin.environment["TOCSIN_WATCHDOG_S"] = "4"
    publish(kafka_tocsin, some_updates(20))
    with worker(kafka_tocsin) as process:
        until_ready(kafka_tocsin, process)
        until(lambda: not any(lag(kafka_tocsin).values()), "no lag")
        process.send_signal(signal.SIGSTOP)
        time.sleep(1)  # the fetch that was on its way brings nothing
        publish(kafka_tocsin, some_updates(400, 100))
        expire(kafka_tocsin, UPDATES.name)
        process.send_signal(signal.SIGCONT)
        until(lambda: process.poll() is not None or not any(lag(kafka_tocsin).values()), "no lag again")
        time.sleep(6)
        assert process.poll() is None, said(kafka_tocsin)[-2000:]
    assert "RecordsExpired topic=updates" in said(kafka_tocsin)


def test_transactions_of_a_feed_are_read_when_they_are_complete(kafka_tocsin: Tocsin) -> None:
    """Marks of transactions are offsets without a record: commits pass them. What was taken back was never sent."""
    kafka_tocsin.environment["TOCSIN_WATCHDOG_S"] = "4"
    publish(kafka_tocsin, [])  # declares the topics

    async def feed() -> None:
        producer = aiokafka.AIOKafkaProducer(
            bootstrap_servers=kafka_tocsin.broker.removeprefix("kafka://"), transactional_id="feed"
        )
        await producer.start()
        try:
            for number in range(12):
                await producer.begin_transaction()
                for raw in some_updates(4, number * 10):
                    await producer.send(UPDATES.name, raw)
                await (producer.abort_transaction() if number % 3 == 1 else producer.commit_transaction())
        finally:
            await producer.stop()

    with worker(kafka_tocsin) as process:
        asyncio.run(feed())
        until(lambda: process.poll() is not None or not any(lag(kafka_tocsin).values()), "no lag")
        time.sleep(6)  # longer than the watchdog's patience
        assert process.poll() is None, said(kafka_tocsin)[-2000:]

    told = json.dumps(kafka_tocsin.alerts())
    numbers = [number * 10 + n for number in range(12) for n in range(4)]
    assert [n for n in numbers if f"bridge {n} on" in told] == [n for n in numbers if n // 10 % 3 != 1]


def test_two_workers_share_the_partitions(kafka_tocsin: Tocsin, tmp_path: Path) -> None:
    """Each reads half of them; together they give the same alerts; one that leaves hands its half over."""
    updates = some_updates(300)
    expected = calm_alerts(tmp_path / "calm", updates)
    with worker(kafka_tocsin) as one, worker(kafka_tocsin) as two:
        until(lambda: sorted(len(share) for share in shares(kafka_tocsin)) == [2, 2], "two shares of two")
        publish(kafka_tocsin, updates[:150])
        until(lambda: is_done(kafka_tocsin), "first half")
        two.send_signal(signal.SIGTERM)
        assert two.wait(STOP_S + 5) == 0
        publish(kafka_tocsin, updates[150:])
        until(lambda: is_done(kafka_tocsin), "second half")
        assert [len(share) for share in shares(kafka_tocsin)] == [4]
        one.send_signal(signal.SIGTERM)
        assert one.wait(STOP_S + 5) == 0

    assert bodies(kafka_tocsin) == expected


def test_commits_do_not_stall_after_a_rebalance(kafka_tocsin: Tocsin) -> None:
    """Half a second after each seek, tables and load: with upstream's consumer one rebalance stalls a partition."""
    publish(kafka_tocsin, [])
    with worker(kafka_tocsin, *faulty("slow-seek")) as first, load(kafka_tocsin) as enough:
        until_ready(kafka_tocsin, first)
        for turn in range(2):
            with worker(kafka_tocsin, *faulty("slow-seek")) as other:
                until(lambda: len(shares(kafka_tocsin)) == 2, "second worker")
                until_ready(kafka_tocsin, other, 2 + turn)
                other.send_signal(signal.SIGTERM)
                assert other.wait(STOP_S + 5) == 0
        until(lambda: len(shares(kafka_tocsin)) == 1, "first worker alone")
        enough()
        until(lambda: is_done(kafka_tocsin), "every commit at its end")


@pytest.mark.parametrize("point", POINTS)
def test_death_at_any_point_loses_and_invents_nothing(tocsin: Tocsin, tmp_path: Path, point: str) -> None:
    """The process ends at the point as if killed; the next run gives the alerts of one that lived."""
    updates = sample_updates()
    expected = calm_alerts(tmp_path / "calm", updates)
    publish(tocsin, updates)
    asyncio.run(with_log(tocsin, lambda log: log.append(UPDATES.name, b"bad", b"no update")))
    tocsin.environment["TOCSIN_FAIL_AT"] = f"{point}:1"
    tocsin.run("run", "--until-idle", code=EXIT_KILLED)
    del tocsin.environment["TOCSIN_FAIL_AT"]

    tocsin.process()

    assert bodies(tocsin) == expected
    assert len(tocsin.run("dead-letters", "list").stdout.splitlines()) == 1


def test_a_worker_that_stands_still_ends(tocsin: Tocsin) -> None:
    """Work is there and no commit moves: one clear line, and the exit code that tells a supervisor to restart."""
    tocsin.environment["TOCSIN_WATCHDOG_S"] = "2"
    publish(tocsin, some_updates(3))
    with worker(tocsin, *faulty("stuck-stage")) as process:
        assert process.wait(PATIENCE_S) == EXIT_STALLED

    lines = [line for line in said(tocsin).splitlines() if "WorkerStalled" in line]
    assert len(lines) == 1
    assert "topic updates partition" in lines[0]
    assert "committed 0 end" in lines[0]


def test_dead_letters_are_replayed_and_discarded_beside_a_worker(tocsin: Tocsin) -> None:
    """A replay goes through the running worker, fails again and is a new dead letter; discarded, nothing is left."""
    publish(tocsin, some_updates(1))
    asyncio.run(with_log(tocsin, lambda log: log.append(UPDATES.name, b"bad", b"no update")))
    with worker(tocsin):
        until(lambda: len(ids(tocsin)) == 1, "first dead letter")
        (first,) = ids(tocsin)

        tocsin.run("dead-letters", "replay", first)

        until(lambda: len(ids(tocsin)) == 1 and ids(tocsin) != [first], "second dead letter")
        (second,) = ids(tocsin)
        assert "no update" in tocsin.run("dead-letters", "show", second[:20]).stdout.decode()
        tocsin.run("dead-letters", "discard", second)
        until(lambda: ids(tocsin) == [], "discarded")
        assert sorted(ids(tocsin, "--all")) == sorted([first, second])


def ids(tocsin: Tocsin, *options: str) -> list[str]:
    lines = tocsin.run("dead-letters", "list", *options).stdout.decode().splitlines()
    return [line.split()[0] for line in lines]


def test_an_update_of_the_largest_size_passes(kafka_tocsin: Tocsin) -> None:
    """What a stage makes of a megabyte is larger than a megabyte: revisions, and their memory in the changelog."""
    filler = "The water rose again. " * 15
    lines = (f"10:{number % 60:02d} Bridge {number}. {filler}" for number in range(4_000))
    body = "\n\n".join(lines)[:940_000]
    publish(kafka_tocsin, [encode(an_update(body=body))])

    kafka_tocsin.process()

    assert ids(kafka_tocsin) == []
    entries = asyncio.run(with_log(kafka_tocsin, lambda log: log.ends("entries")))
    assert sum(entries.values()) > 1000


def test_topics_and_doctor_see_a_broker_as_it_is(kafka_tocsin: Tocsin) -> None:
    """Nothing there; then all of it; then what somebody else has changed is named, and mended on request."""
    dry = kafka_tocsin.run("topics", code=1).stdout.decode()
    assert "create updates: 4 partitions, kept 7 d" in dry
    assert broker.pipeline_topics(kafka_tocsin.broker.removeprefix("kafka://")) == set()
    assert b"FAIL topics" in kafka_tocsin.run("doctor", code=1).stdout

    kafka_tocsin.run("topics", "--create")

    states = json.loads(kafka_tocsin.run("topics", "--json").stdout)
    assert {state["topic"]: state["faults"] for state in states if state["faults"]} == {}
    assert {state["max_message_bytes"] for state in states} == {MAX_MESSAGE_BYTES}
    kafka_tocsin.process()
    assert b"FAIL" not in kafka_tocsin.run("doctor").stdout
    shorter = TopicSpec(name="updates", partitions=4, retention=timedelta(days=1))
    asyncio.run(with_log(kafka_tocsin, lambda log: log.create_topic(shorter)))
    assert "updates: delete, kept 7 d" in kafka_tocsin.run("topics", code=1).stdout.decode()
    kafka_tocsin.run("topics", "--create")
    assert kafka_tocsin.run("topics").returncode == 0


def test_another_partition_count_ends_in_one_line(kafka_tocsin: Tocsin) -> None:
    """Topics made with four partitions, settings that say five."""
    kafka_tocsin.run("topics", "--create")
    kafka_tocsin.environment["TOCSIN_PARTITIONS"] = "5"
    assert kafka_tocsin.run("run", "--until-idle", code=74).stderr.decode() == (
        "tocsin: topic updates: expected 4 partitions, as it was created, found 5\n"
    )


def test_three_brokers_keep_three_copies(kafka_cluster: Cluster, app_id: str, tmp_path: Path) -> None:
    """Chosen without a setting; two must hold a record, so that one broker may go; and one goes."""
    tocsin = Tocsin(tmp_path, f"kafka://{kafka_cluster.bootstrap}", TOCSIN_APP_ID=app_id)
    updates = some_updates(200)
    expected = calm_alerts(tmp_path / "calm", updates)
    publish(tocsin, updates[:100])
    with worker(tocsin) as process:
        until_ready(tocsin, process)
        states = json.loads(tocsin.run("topics", "--json").stdout)
        assert {(state["replicas"], state["min_insync_replicas"]) for state in states} == {(3, 2)}
        kafka_cluster.kill(kafka_cluster.leader(UPDATES.name))
        publish(tocsin, updates[100:])
        until(lambda: is_done(tocsin), "all of it")
        process.send_signal(signal.SIGTERM)
        assert process.wait(STOP_S + 5) == 0
    for dead in {1, 2, 3} - kafka_cluster.pids.keys():
        kafka_cluster.restart(dead)

    assert bodies(tocsin) == expected
