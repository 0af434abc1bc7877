"""Topics that somebody made too small: what does not fit is set aside or explained, and never a poison for ever."""

import asyncio
import json
import random
from collections.abc import Iterable
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from schemas.codec import encode
from schemas.dead_letter import DeadLetter
from schemas.errors import LogError
from streams.log import EventLog
from streams.log.kafka import MAX_MESSAGE_BYTES
from streams.stage import EXIT_SETTING
from streams.topics import ALERTS, DEAD_LETTERS, ENTRIES, UPDATES
from tests.builders import an_update
from tests.e2e.harness import Tocsin
from tests.kafka.test_pipeline import (
    bodies,
    calm_alerts,
    ids,
    kafka_tocsin,  # noqa: F401  the fixture
    lag,
    publish,
    said,
    some_updates,
    until,
    until_ready,
    with_log,
    worker,
)

SMALL = 20_000
PARTITIONS = 4


def make_small(tocsin: Tocsin, names: Iterable[str], size: int = SMALL, **settings: str) -> None:
    """Create topics as an operator might, who has not asked `tocsin topics`."""

    async def create() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=tocsin.broker.removeprefix("kafka://"))
        await admin.start()
        try:
            config = {"max.message.bytes": str(size), **settings}
            answer = await admin.create_topics(
                [NewTopic(name, PARTITIONS, 1, topic_configs=config) for name in names], timeout_ms=20_000
            )
            assert [code for _, code, _ in answer.topic_errors if code] == []
        finally:
            await admin.close()

    asyncio.run(create())


def shrink(tocsin: Tocsin, name: str, size: int = SMALL) -> None:
    """Change a topic that is in use."""

    async def alter() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=tocsin.broker.removeprefix("kafka://"))
        await admin.start()
        try:
            await admin.alter_configs(
                [ConfigResource(ConfigResourceType.TOPIC, name, {"max.message.bytes": str(size)})]
            )
        finally:
            await admin.close()

    asyncio.run(alter())


def a_large_update(name: str = "large", size: int = 50_000) -> bytes:
    """One entry of so much text; no compression makes it small."""
    dice = random.Random(7)
    words = " ".join("".join(dice.choices("abcdefghijklmnopqrstuvwxyz", k=9)) for _ in range(size // 10))
    return encode(an_update(update_id=f"up_{name}", item=f"item-{name}", body=f"The river rose. {words}."))


def letters(tocsin: Tocsin) -> list[DeadLetter]:
    found = tocsin.run("dead-letters", "list", "--json").stdout.splitlines()
    return [json.loads(line) for line in found]


def test_an_output_too_large_for_its_topic_is_one_dead_letter(
    kafka_tocsin: Tocsin,  # noqa: F811
    tmp_path: Path,
) -> None:
    """Its input is set aside, small enough for a small topic of dead letters; all others are processed, lag 0.

    Each of their outputs fits, but not all of a batch together: the broker would refuse them as one.
    """
    updates = some_updates(300)
    expected = calm_alerts(tmp_path / "calm", updates)
    make_small(kafka_tocsin, [ENTRIES.name, DEAD_LETTERS.name, *(topic.name for topic in ALERTS.values())])
    publish(kafka_tocsin, [*updates[:150], a_large_update(), *updates[150:]])

    kafka_tocsin.process()

    found = letters(kafka_tocsin)
    assert len(found) == 1, [
        (x["stage"], x["step"], x["reason"], x["error_text"], x["partition"], x["offset"]) for x in found
    ]
    (letter,) = found
    assert (letter["stage"], letter["step"], letter["reason"]) == ("entries", "produce", "too_large")
    assert letter["error_text"].startswith("topic entries: a record of ")
    assert "max.message.bytes, 20000" in letter["error_text"]
    assert (letter["value_b64"], letter["value_bytes"] > 50_000, letter["is_replayable"]) == (None, True, True)
    assert bodies(kafka_tocsin) == expected
    assert not any(lag(kafka_tocsin).values())
    assert not any(lag(kafka_tocsin, ENTRIES.name).values())

    shrink(kafka_tocsin, ENTRIES.name, MAX_MESSAGE_BYTES)
    kafka_tocsin.run("dead-letters", "replay", letter["dlq_id"])
    kafka_tocsin.process()
    assert ids(kafka_tocsin) == []


def test_a_changelog_too_small_for_the_state_ends_the_worker_in_one_line(kafka_tocsin: Tocsin) -> None:  # noqa: F811
    """Without its state the worker must not go on; a restart would not help, and the exit code says so."""
    changelog = f"{kafka_tocsin.environment['TOCSIN_APP_ID']}-entries-changelog"
    make_small(kafka_tocsin, [changelog], **{"cleanup.policy": "compact"})
    publish(kafka_tocsin, [a_large_update()])

    line = kafka_tocsin.run("run", "--until-idle", code=EXIT_SETTING).stderr.decode().strip()

    assert "\n" not in line
    assert f"topic {changelog}: a record of " in line
    assert line.endswith(
        f"does not fit its max.message.bytes, {SMALL}; "
        f"set that to {MAX_MESSAGE_BYTES} (see `tocsin topics`) and start again"
    )
    assert sum(lag(kafka_tocsin).values()) == 1


def test_a_small_changelog_is_enough_for_small_states(kafka_tocsin: Tocsin, tmp_path: Path) -> None:  # noqa: F811
    """A stage takes no more events at a time than their state fits in one record batch."""
    updates = some_updates(400)
    expected = calm_alerts(tmp_path / "calm", updates)
    app_id = kafka_tocsin.environment["TOCSIN_APP_ID"]
    make_small(
        kafka_tocsin,
        [f"{app_id}-{step}-changelog" for step in ("entries", "statements")],
        **{"cleanup.policy": "compact"},
    )
    publish(kafka_tocsin, updates)

    kafka_tocsin.process()

    assert (ids(kafka_tocsin), bodies(kafka_tocsin)) == ([], expected)


def test_a_topic_made_smaller_under_a_running_worker(kafka_tocsin: Tocsin) -> None:  # noqa: F811
    """The first refusal teaches what the topic takes: a dead letter, and the worker lives on."""
    publish(kafka_tocsin, some_updates(20))
    with worker(kafka_tocsin) as process:
        until_ready(kafka_tocsin, process)
        until(lambda: not any(lag(kafka_tocsin).values()), "no lag")
        shrink(kafka_tocsin, ENTRIES.name)
        publish(kafka_tocsin, [*some_updates(20, 100), a_large_update(), *some_updates(20, 200)])
        until(lambda: process.poll() is not None or not any(lag(kafka_tocsin).values()), "no lag again")
        assert process.poll() is None, said(kafka_tocsin)[-2000:]
    assert [letter["reason"] for letter in letters(kafka_tocsin)] == ["too_large"]


def test_topics_and_doctor_name_a_topic_that_is_too_small(kafka_tocsin: Tocsin) -> None:  # noqa: F811
    """Before anything is refused; `--create` does not change what somebody has chosen."""
    make_small(kafka_tocsin, [ENTRIES.name], **{"retention.ms": str(7 * 86_400_000)})
    fault = f"max.message.bytes: expected at least {MAX_MESSAGE_BYTES}, found {SMALL}"

    created = kafka_tocsin.run("topics", "--create", code=1).stderr.decode()
    shown = kafka_tocsin.run("topics", code=1).stdout.decode()
    doctor = kafka_tocsin.run("doctor", code=1).stdout.decode()

    assert f"tocsin: topic entries: {fault}" in created
    assert [line for line in shown.splitlines() if not line.endswith("ok")] == [
        line for line in shown.splitlines() if line.startswith("entries ") and line.endswith(fault)
    ]
    assert f"FAIL topics: see `tocsin topics`: entries ({fault})" in doctor


def test_an_append_keeps_below_what_its_topic_takes(kafka_tocsin: Tocsin) -> None:  # noqa: F811
    """Many updates that fit one by one are taken together; one that does not is named, with what to set."""
    make_small(kafka_tocsin, [UPDATES.name])
    publish(kafka_tocsin, some_updates(300))

    async def append(log: EventLog) -> None:
        with pytest.raises(LogError) as fault:
            await log.append(UPDATES.name, b"large", a_large_update())
        assert str(fault.value).endswith(
            f"does not fit its max.message.bytes, {SMALL}; expected {MAX_MESSAGE_BYTES}, see `tocsin topics`"
        )

    asyncio.run(with_log(kafka_tocsin, append))
    assert sum(lag(kafka_tocsin).values()) == 300
