"""A replay: the same alerts as the pipeline's, however it was cut into pieces, and none of them anywhere else."""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import msgspec
import pytest

from schemas.alert import Alert, Status
from schemas.codec import alert_to_record
from schemas.errors import InputError
from streams import alerts
from streams.log import Draft, open_log
from streams.replay import plan as planning
from streams.replay import runner
from streams.replay.machine import Machine
from streams.replay.plan import Plan
from streams.replay.runner import Progress
from streams.replay.sinks import FileSink, Sink, TopicSink
from streams.replay.state import RunFolder
from streams.settings import Settings
from streams.topics import ALERTS
from tests.streams.replay.logs import fill, reading, settings_of, updates


class Killed(BaseException):
    """The process dies here."""


async def run(
    settings: Settings,
    plan: Plan,
    sink: Sink,
    *,
    resume: bool = False,
    save_every: int | None = None,
    dies_at: int | None = None,
    stops_at: int | None = None,
) -> Progress:
    """One part of a run: to the end, to a kill between two records, or to a stop."""
    stop = asyncio.Event()
    async with reading(settings) as log:
        plan, span = runner.saved_plan(settings, plan.name) if resume else (plan, await planning.span(log, plan))
        folder = planning.folder_of(settings, plan.name)
        async with runner.opened(
            settings, log, plan, sink, span, folder=folder, resume=resume, save_every=save_every
        ) as one:
            take = one._take

            def taken(reading: object) -> None:
                if one.progress.read == dies_at:
                    raise Killed
                if one.progress.read == stops_at:
                    stop.set()
                take(reading)  # type: ignore[arg-type]

            one._take = taken  # type: ignore[method-assign]
            return await one.go(stop)


def lines(path: Path) -> list[Alert]:
    return [msgspec.json.decode(line, type=Alert) for line in path.read_bytes().splitlines()]


async def direct(settings: Settings, folder: Path) -> list[Alert]:
    """What the steps make of the updates, one after the other."""
    held = RunFolder(folder)
    machine = Machine(settings, held)
    found = [alert for one in updates() for alert in machine.update(one)]
    held.close()
    return found


@pytest.fixture
async def settings(tmp_path: Path) -> Settings:
    """A log that holds three live blogs, each an item of its own."""
    found = settings_of(tmp_path)
    await fill(found, updates())
    return found


async def test_alerts_are_those_of_the_steps_and_marked(settings: Settings, tmp_path: Path) -> None:
    """In the order of history, each with status replay and otherwise the same."""
    done = await run(settings, Plan(name="one"), FileSink(str(tmp_path / "out")))

    found = lines(tmp_path / "out")
    assert {one.data.status for one in found} == {Status.REPLAY}
    actual = [
        msgspec.structs.replace(one, data=msgspec.structs.replace(one.data, status=Status.ACTUAL)) for one in found
    ]
    assert actual == await direct(settings, tmp_path / "direct")
    assert (done.is_done, done.alerts, done.read) == (True, len(found), len(updates()))
    assert len(found) > 30


async def test_the_pipelines_topics_are_left_alone(settings: Settings) -> None:
    """Alerts stand in topics of the run, and nowhere else."""
    async with reading(settings) as log:
        before = {name: await log.ends(name) for name in await log.topics()}

    done = await run(settings, Plan(name="monday"), TopicSink(settings, "monday"))

    async with reading(settings) as log:
        after = {name: await log.ends(name) for name in await log.topics()}
        found = [one async for one in alerts.stored(log, alerts.Query(run="monday"))]
    assert {name: ends for name, ends in after.items() if name in before} == before
    assert {name for name in after if name not in before} == {
        f"replay.monday.alerts.{kind}" for kind in ("statements", "escalations", "officials")
    }
    assert len(found) == done.alerts > 0


@pytest.mark.parametrize("save_every", [1, 7, 1000])
async def test_what_comes_out_does_not_depend_on_how_much_is_saved_at_once(
    settings: Settings, tmp_path: Path, save_every: int
) -> None:
    """Equal runs have equal digests and equal files."""
    whole = await run(settings, Plan(name="whole"), FileSink(str(tmp_path / "whole")))

    other = await run(settings, Plan(name="other"), FileSink(str(tmp_path / "other")), save_every=save_every)

    assert (tmp_path / "other").read_bytes() == (tmp_path / "whole").read_bytes()
    assert other.digest == whole.digest != "0"


@pytest.mark.parametrize("to", ["file", "topic"])
async def test_killed_anywhere_and_gone_on_with_it_is_the_same(settings: Settings, tmp_path: Path, to: str) -> None:
    """Twenty deaths in one run, each between two saves: nothing is missing and nothing stands there twice."""
    whole = await run(settings, Plan(name="whole"), FileSink(str(tmp_path / "whole")))
    rng = Random(20)
    points = sorted(rng.sample(range(1, whole.read), 20))

    def sink() -> Sink:
        return FileSink(str(tmp_path / "out")) if to == "file" else TopicSink(settings, "cut")

    for n, point in enumerate(points):
        with pytest.raises(Killed):
            await run(settings, Plan(name="cut"), sink(), resume=n > 0, save_every=rng.randint(2, 5), dies_at=point)
    done = await run(settings, Plan(name="cut"), sink(), resume=True)

    assert (done.is_done, done.alerts, done.read, done.digest) == (True, whole.alerts, whole.read, whole.digest)
    if to == "file":
        assert (tmp_path / "out").read_bytes() == (tmp_path / "whole").read_bytes()
    else:
        assert await ids(settings, "cut") == sorted(one.id for one in lines(tmp_path / "whole"))


async def ids(settings: Settings, run: str) -> list[str]:
    """Of every record, so that one that stands there twice shows."""
    found = []
    async with reading(settings) as log:
        for topic in alerts.Query(run=run).topics:
            for number in await log.ends(topic):
                found += [dict(record.headers)["ce_id"].decode() async for record in log.read(topic, number, 0)]
    return sorted(found)


async def test_what_was_written_just_before_a_death_is_not_written_again(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worst moment: alerts are durable, how far the run came is not."""
    whole = await run(settings, Plan(name="whole"), FileSink(str(tmp_path / "whole")))
    saves = 0
    save = RunFolder.save

    def dying(self: RunFolder, *arguments: object) -> None:
        nonlocal saves
        saves += 1
        if saves == 4:
            raise Killed
        save(self, *arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(RunFolder, "save", dying)
        await run(settings, Plan(name="cut"), TopicSink(settings, "cut"), save_every=10)
    done = await run(settings, Plan(name="cut"), TopicSink(settings, "cut"), resume=True)

    assert done.digest == whole.digest
    assert await ids(settings, "cut") == sorted(one.id for one in lines(tmp_path / "whole"))


async def test_a_stop_saves_and_says_so(settings: Settings, tmp_path: Path) -> None:
    """As after Ctrl-C: not done, and gone on with from there."""
    out = str(tmp_path / "out")
    part = await run(settings, Plan(name="cut"), FileSink(out), stops_at=9)

    assert (part.is_done, part.read) == (False, 10)
    assert [(one.plan.name, one.is_done) for one in runner.runs(settings)] == [("cut", False)]
    done = await run(settings, Plan(name="cut"), FileSink(out), resume=True)
    assert (done.is_done, done.read) == (True, len(updates()))


async def test_a_range_tells_only_what_happened_in_it(settings: Settings, tmp_path: Path) -> None:
    """What was before fills state, so alerts are those of a whole run with these times."""
    await run(settings, Plan(name="whole"), FileSink(str(tmp_path / "whole")))
    whole = lines(tmp_path / "whole")
    times = sorted(one.time for one in whole)
    first, last = times[len(times) // 3], times[2 * len(times) // 3]

    await run(settings, Plan(name="part", from_=first, to=last), FileSink(str(tmp_path / "part")))

    assert lines(tmp_path / "part") == [one for one in whole if first <= one.time < last]
    assert 0 < len(lines(tmp_path / "part")) < len(whole)


async def test_cold_begins_with_nothing(settings: Settings, tmp_path: Path) -> None:
    """Equal to a log that holds nothing from before the range."""
    middle = sorted(one.observed_at for one in updates())[len(updates()) // 2]
    late = settings_of(tmp_path / "late")
    await fill(late, [one for one in updates() if one.observed_at >= middle])

    warm = await run(settings, Plan(name="warm", from_=middle), FileSink(str(tmp_path / "warm")))
    cold = await run(settings, Plan(name="cold", from_=middle, is_cold=True), FileSink(str(tmp_path / "cold")))
    real = await run(late, Plan(name="real", from_=middle), FileSink(str(tmp_path / "real")))

    assert (tmp_path / "cold").read_bytes() == (tmp_path / "real").read_bytes()
    assert cold.digest == real.digest != warm.digest


async def test_as_of_knows_only_what_had_been_observed(settings: Settings, tmp_path: Path) -> None:
    """Equal to a log on which the later updates never came."""
    middle = sorted(one.observed_at for one in updates())[len(updates()) // 2]
    early = settings_of(tmp_path / "early")
    await fill(early, [one for one in updates() if one.observed_at <= middle])

    then = await run(settings, Plan(name="then", as_of=middle), FileSink(str(tmp_path / "then")))
    real = await run(early, Plan(name="real"), FileSink(str(tmp_path / "real")))

    assert (tmp_path / "then").read_bytes() == (tmp_path / "real").read_bytes()
    assert then.digest == real.digest != "0"


async def test_one_story_is_told_as_among_the_others(settings: Settings, tmp_path: Path) -> None:
    """Its alerts about words and levels are the very same; corroboration by other stories is not seen."""
    await run(settings, Plan(name="whole"), FileSink(str(tmp_path / "whole")))
    whole = lines(tmp_path / "whole")
    story = whole[0].story

    await run(settings, Plan(name="story", story=story), FileSink(str(tmp_path / "story")))

    mine = [one for one in whole if one.story == story and "role" not in one.type.value]
    assert [one for one in lines(tmp_path / "story") if "role" not in one.type.value] == mine
    assert len({one.story for one in whole}) == 3


async def test_stored_alerts_are_told_again(settings: Settings, tmp_path: Path) -> None:
    """`--of alerts`: no rule runs; what is stored twice is told once, also over a stop, and no drill."""
    await run(settings, Plan(name="whole"), FileSink(str(tmp_path / "whole")))
    told = [
        msgspec.structs.replace(one, data=msgspec.structs.replace(one.data, status=Status.ACTUAL))
        for one in lines(tmp_path / "whole")
    ]
    drill = msgspec.structs.replace(
        told[0], id="msg_drill", data=msgspec.structs.replace(told[0].data, status=Status.DRILL)
    )
    await store(settings, [*told, told[3], drill])
    out = str(tmp_path / "out")

    await run(settings, Plan(name="again", of="alerts"), FileSink(out), stops_at=11)
    done = await run(settings, Plan(name="again", of="alerts"), FileSink(out), resume=True)

    assert done.is_done
    assert sorted(one.id for one in lines(tmp_path / "out")) == sorted({one.id for one in told})
    assert {one.data.status for one in lines(tmp_path / "out")} == {Status.REPLAY}


async def store(settings: Settings, found: Sequence[Alert]) -> None:
    log = await open_log(settings.broker, mode="append")
    await log.append_many([Draft(ALERTS[one.type.family].name, *alert_to_record(one)) for one in found])
    await log.close()


async def test_at_its_own_speed_it_waits_and_can_be_stopped(settings: Settings, tmp_path: Path) -> None:
    """At real time nothing but the first moment comes at once; a stop ends the wait."""
    stop = asyncio.Event()
    plan = Plan(name="slow", speed=1.0)
    async with reading(settings) as log:
        span = await planning.span(log, plan)
        folder = planning.folder_of(settings, "slow")
        async with runner.opened(
            settings, log, plan, FileSink(str(tmp_path / "out")), span, folder=folder, save_every=1
        ) as one:
            going = asyncio.create_task(one.go(stop))
            async with asyncio.timeout(30):
                while one.progress.read == 0:
                    await asyncio.sleep(0)
            stop.set()
            part = await going

    first = min(one.observed_at for one in updates())
    assert part.read == sum(one.observed_at == first for one in updates())
    assert not part.is_done


async def test_a_name_is_used_once(settings: Settings, tmp_path: Path) -> None:
    """Done, stopped, unknown: each says what to do."""
    await run(settings, Plan(name="done"), FileSink(str(tmp_path / "a")))
    await run(settings, Plan(name="cut"), FileSink(str(tmp_path / "b")), stops_at=3)

    with pytest.raises(InputError, match=r"^replay done: is done; choose another --name for a new one$"):
        await run(settings, Plan(name="done"), FileSink(str(tmp_path / "c")))
    with pytest.raises(InputError, match=r"^replay cut: was stopped; go on with: tocsin replay --resume cut; choose"):
        await run(settings, Plan(name="cut"), FileSink(str(tmp_path / "d")))
    with pytest.raises(InputError, match=r"^--resume: expected a run that has begun, found none named 'nobody'$"):
        await run(settings, Plan(name="nobody"), FileSink(str(tmp_path / "e")), resume=True)
    with pytest.raises(InputError, match=r"^--resume: replay done is done; it found "):
        await run(settings, Plan(name="done"), FileSink(str(tmp_path / "f")), resume=True)
    with pytest.raises(InputError, match=r"^--to-file: .*a: expected a new file, found one that exists$"):
        await run(settings, Plan(name="new"), FileSink(str(tmp_path / "a")))


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"name": "../x"}, "--name: expected 1 to 80 letters, digits, '_' or '-', found '../x'"),
        (
            {"from_": datetime(2026, 1, 2, tzinfo=UTC), "to": datetime(2026, 1, 1, tzinfo=UTC)},
            "--to: expected a time after --from 2026-01-02T00:00:00Z, found 2026-01-01T00:00:00Z",
        ),
        ({"to_topic": "updates"}, '--to-topic: expected a name that begins with "replay.", found a topic of the'),
        ({"to_topic": "mine"}, '--to-topic: expected a name that begins with "replay.", found "mine"'),
        ({"to_topic": "replay.x", "to_file": "y"}, "expected one of --to-topic, --to-subscription and --to-file"),
        ({"is_cold": True}, "--cold: expected --from with it"),
    ],
)
def test_what_no_run_can_do_is_refused(fields: dict[str, object], fault: str) -> None:
    """One line that names what was expected and found."""
    with pytest.raises(InputError) as told:
        planning.check(Plan(**{"name": "run", **fields}))  # type: ignore[arg-type]

    assert str(told.value).startswith(fault)


async def test_a_log_without_history_is_told(tmp_path: Path) -> None:
    """No topic, or none with a record."""
    empty = settings_of(tmp_path)
    log = await open_log(empty.broker, mode="append")
    with pytest.raises(InputError, match=r"^topic updates: unknown in this log; nothing was ever ingested here"):
        await planning.span(log, Plan(name="run"))
    await log.close()
    await fill(empty, [])
    async with reading(empty) as log:
        with pytest.raises(InputError, match=r"^topic updates: expected records to replay, found none$"):
            await planning.span(log, Plan(name="run"))


async def test_a_range_that_retention_has_taken_is_told(settings: Settings) -> None:
    """Before the earliest record nobody knows what was; without records gone, everything may be asked for."""
    async with reading(settings) as log:
        span = await planning.span(log, Plan(name="run", from_=datetime(2001, 1, 1, tzinfo=UTC)))
        assert span.count == len(updates())

        async def starts(topic: str) -> dict[int, int]:
            return {number: min(end, 2) for number, end in (await log.ends(topic)).items()}

        log.starts = starts  # type: ignore[method-assign]
        with pytest.raises(
            InputError, match=r"^--from: expected .* or later, found 2001-01-01T00:00:00Z; topic updates: "
        ):
            await planning.span(log, Plan(name="run", from_=datetime(2001, 1, 1, tzinfo=UTC)))
        with pytest.raises(InputError, match=r"^--to: expected a time after .*, found 2001-01-02T00:00:00Z; topic"):
            await planning.span(log, Plan(name="run", to=datetime(2001, 1, 2, tzinfo=UTC)))


async def test_progress_is_told_for_programs(settings: Settings, tmp_path: Path) -> None:
    """Counts by type add up."""
    done = await run(settings, Plan(name="one"), FileSink(str(tmp_path / "out")))

    plain = json.loads(json.dumps(done.as_dict()))

    assert plain["alerts"] == sum(plain["by_type"].values())
    assert (plain["run"], plain["is_done"], plain["dead_letters"]) == ("one", True, 0)
