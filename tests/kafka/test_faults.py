"""The pipeline on a real broker while workers and brokers die: nothing lost, nothing invented, one body per id.

Every test has a short form for each change, and a long one under the marker `faults` (`make test-faults`). Each prints
its seed and its figures; docs/operations.md quotes them. TOCSIN_SEED repeats the choices of a run, not its timing.
"""

import random
import shutil
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.kafka.cluster import Cluster
from schemas.article import ArticleUpdate
from schemas.codec import decode, encode
from streams.failpoints import EXIT_KILLED, POINTS
from streams.topics import ENTRIES, UPDATES
from tests.builders import an_update
from tests.e2e.harness import Tocsin
from tests.kafka import broker, crew, faults
from tests.kafka.crew import SESSION_S, STOP_S, Crew, Feed
from tests.kafka.faults import Account, Outcome
from tests.kafka.worker_with_faults import DEFECT

Tell = Callable[[str], None]
PARTITIONS = 6
"""Three workers have two each."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much of it."""

    updates: int
    faults: int
    rounds: int = 1


def sizes(short: Size, long: Size) -> pytest.MarkDecorator:
    """The short form for each change, the long one for `make test-faults`."""
    return pytest.mark.parametrize(
        "size", [pytest.param(short, id="short"), pytest.param(long, id="long", marks=pytest.mark.faults)]
    )


@pytest.fixture
def tell(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> Tell:
    """Print a line that is seen also where the test passes."""

    def say(line: str) -> None:
        with capsys.disabled():
            print(f"\n{request.node.name}: {line}", flush=True)

    return say


@pytest.fixture
def dice(tell: Tell) -> random.Random:
    """All choices of a test come from it."""
    seed = faults.seed()
    tell(f"seed={seed}")
    return random.Random(seed)


@pytest.fixture(scope="module")
def one_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A broker of our own that allows short sessions: after each kill a test waits for one."""
    settings = {"group.min.session.timeout.ms": str(SESSION_S * 1000 // 2)}
    with broker.running(tmp_path_factory.mktemp("kafka-faults"), settings=settings) as cluster:
        yield cluster.bootstrap


@dataclass
class Trials:
    """Makes the product anew on a broker, and keeps what undisturbed runs gave."""

    folder: Path
    bootstrap: str

    def fresh(self) -> Tocsin:
        """The product on a broker without its topics."""
        broker.delete_topics(self.bootstrap, broker.pipeline_topics(self.bootstrap))
        name = f"faults-{uuid.uuid4().hex[:8]}"
        folder = self.folder / name
        folder.mkdir()
        return Tocsin(
            folder,
            f"kafka://{self.bootstrap}",
            TOCSIN_APP_ID=name,
            TOCSIN_KAFKA_SESSION_TIMEOUT_S=str(SESSION_S),
            TOCSIN_PARTITIONS=str(PARTITIONS),
            TOCSIN_WATCHDOG_S="40",
            PYTHONPATH=str(crew.ROOT),
            **faults.FAST,
        )

    def calm(self, updates: list[bytes]) -> Outcome:
        """What nobody disturbed."""
        return faults.calm(self.folder / f"calm-{uuid.uuid4().hex[:8]}", updates)


@pytest.fixture
def trials(one_broker: str, tmp_path: Path) -> Trials:
    """On one broker."""
    return Trials(tmp_path, one_broker)


@pytest.fixture
def crews() -> Iterator[Callable[..., Crew]]:
    """Makes crews that are dismissed however the test ends."""
    made: list[Crew] = []

    def make(tocsin: Tocsin, fault: str | None = None) -> Crew:
        made.append(Crew(tocsin, fault))
        return made[-1]

    yield make
    for workers in made:
        workers.dismiss()


def checked(expected: Outcome, tocsin: Tocsin, tell: Tell, *more: str) -> Account:
    """The account, printed and good."""
    found = faults.account(expected, faults.outcome(tocsin))
    tell(" ".join((found.line(), *more)))
    assert found.expected > 0
    assert found.is_good(), found
    return found


@sizes(Size(updates=1500, faults=4), Size(updates=10_000, faults=20, rounds=5))
def test_sigkill_at_random_points(
    size: Size, trials: Trials, crews: Callable[..., Crew], dice: random.Random, tell: Tell
) -> None:
    """Killed again and again, now and then while it is still recovering: lost 0, extra 0, and it never stands still."""
    updates = faults.flow(size.updates, dice)
    expected = trials.calm(updates)
    for _ in range(size.rounds):
        tocsin = trials.fresh()
        crew.publish(tocsin, updates)
        workers = crews(tocsin)
        workers.start()
        # by what is written, not by what is committed: between two commits a worker does a second's work
        points = sorted(dice.randrange(len(expected.entries)) for _ in range(size.faults))
        in_work = again = 0
        for point in points:
            in_work += workers.kill_when_written(ENTRIES.name, point)
            workers.start()
            if dice.random() < 0.2:
                time.sleep(3 * dice.random())
                again += 1
                workers.kill()
                workers.start()
        drained = workers.settle()
        workers.dismiss()

        more = f"kills={size.faults} in_work={in_work} while_starting={again} drained_s={drained:.0f}"
        checked(expected, tocsin, tell, more, f"own_exits={workers.own_exits}")
        assert workers.own_exits == []
        assert in_work >= size.faults // 2
        assert drained < 120


@sizes(Size(updates=1500, faults=4), Size(updates=10_000, faults=20))
def test_sigterm_under_load(
    size: Size, trials: Trials, crews: Callable[..., Crew], dice: random.Random, tell: Tell
) -> None:
    """A rolling deploy: exit 0 within 20 s each time, lost 0."""
    updates = faults.flow(size.updates, dice)
    expected = trials.calm(updates)
    tocsin = trials.fresh()
    crew.publish(tocsin, updates)
    workers = crews(tocsin)
    ends: list[tuple[int, float]] = []
    readies: list[float] = []
    for point in sorted(dice.randrange(len(updates)) for _ in range(size.faults)):
        readies.append(workers.start_ready())
        workers.until_committed(point)
        time.sleep(dice.random())
        ends.append(workers.end(workers.living[0]))
    workers.start()
    workers.settle()

    longest = max(seconds for _, seconds in ends)
    found = checked(
        expected, tocsin, tell, f"terms={len(ends)} longest_stop_s={longest:.1f} ready_s={max(readies):.1f}"
    )
    assert [code for code, _ in ends] == [0] * size.faults
    assert longest < STOP_S
    assert found.duplicate_alerts == 0


@pytest.mark.parametrize("fault", [None, "slow-seek"])
@sizes(Size(updates=1500, faults=2), Size(updates=10_000, faults=10))
def test_one_three_one_workers(
    size: Size, fault: str | None, trials: Trials, crews: Callable[..., Crew], dice: random.Random, tell: Tell
) -> None:
    """Workers come and go under load: every commit reaches its end without a restart, versions never go down."""
    updates = faults.flow(size.updates, dice, pages=max(12, size.updates // 1000))
    expected = trials.calm(updates)
    tocsin = trials.fresh()
    crew.publish(tocsin, [])
    workers = crews(tocsin, fault)
    workers.start_ready()
    feed = Feed(tocsin, updates, seconds=size.faults * 30)
    for _ in range(size.faults):
        for _ in range(2):
            workers.start_ready()
        workers.until(lambda: crew.members(tocsin) == 3, "three shares", every_s=0.3)
        time.sleep(dice.random())
        for _ in range(2):
            code, seconds = workers.end(dice.choice(workers.living))
            assert (code, seconds < STOP_S) == (0, True)
        workers.until(lambda: crew.members(tocsin) == 1, "one share", every_s=0.3)
    was_under_load = not feed.is_over
    drained = workers.settle(feed)

    checked(expected, tocsin, tell, f"changes={4 * size.faults} under_load={was_under_load} drained_s={drained:.0f}")
    assert workers.own_exits == []


@sizes(Size(updates=1500, faults=2), Size(updates=10_000, faults=5))
def test_stopped_beyond_the_session_then_continued(
    size: Size, trials: Trials, crews: Callable[..., Crew], dice: random.Random, tell: Tell
) -> None:
    """A worker that slept through the loss of its partitions finishes its batch when it wakes: one body per id."""
    updates = faults.flow(size.updates, dice, pages=max(24, size.updates // 400))
    expected = trials.calm(updates)
    tocsin = trials.fresh()
    crew.publish(tocsin, [])
    workers = crews(tocsin)
    workers.start_ready()
    workers.start_ready()
    last = len(updates) * 3 // 4
    feed = Feed(tocsin, updates[:last], seconds=size.faults * (SESSION_S * 3 + 4))
    for _ in range(size.faults):
        workers.until(lambda: crew.members(tocsin) == 2, "two shares", every_s=0.3)
        time.sleep(1 + dice.random())
        sleeper = dice.choice(workers.living)
        sleeper.send_signal(signal.SIGSTOP)
        time.sleep(SESSION_S * 2)
        sleeper.send_signal(signal.SIGCONT)
    workers.settle(feed)
    workers.kill()
    workers.kill()
    # what the sleepers wrote late to the changelogs must not be what the next one starts from
    crew.publish(tocsin, updates[last:])
    workers.start()
    workers.settle()

    checked(expected, tocsin, tell, f"stops={size.faults} stopped_s={SESSION_S * 2} own_exits={workers.own_exits}")


@sizes(Size(updates=1500, faults=1), Size(updates=10_000, faults=5))
def test_a_broker_dies_and_comes_back(
    size: Size, kafka_cluster: Cluster, tmp_path: Path, crews: Callable[..., Crew], dice: random.Random, tell: Tell
) -> None:
    """Three brokers, three copies, two needed: lost 0; commits move again at most 60 s after the broker is back."""
    trials = Trials(tmp_path, kafka_cluster.bootstrap)
    updates = faults.flow(size.updates, dice)
    expected = trials.calm(updates)
    tocsin = trials.fresh()
    tocsin.environment["TOCSIN_KAFKA_SESSION_TIMEOUT_S"] = "6"
    crew.publish(tocsin, [])
    workers = crews(tocsin)
    workers.start_ready()
    feed = Feed(tocsin, updates, seconds=size.faults * 25)
    backs: list[float] = []
    for _ in range(size.faults):
        time.sleep(1 + 3 * dice.random())
        dead = kafka_cluster.leader(UPDATES.name, dice.randrange(PARTITIONS))
        kafka_cluster.kill(dead)
        time.sleep(3 * dice.random())
        kafka_cluster.restart(dead)
        backs.append(workers.until_committed(crew.committed(tocsin) + 1))
    workers.settle(feed)

    more = f"kills={size.faults} longest_until_commit_s={max(backs):.1f} unknown_sends={feed.unknown}"
    checked(expected, tocsin, tell, more, f"own_exits={workers.own_exits}")
    assert max(backs) < 60


@sizes(Size(updates=600, faults=1), Size(updates=3000, faults=10))
def test_death_at_each_instruction_that_matters(
    size: Size, trials: Trials, crews: Callable[..., Crew], dice: random.Random, tell: Tell
) -> None:
    """Between consuming, deciding, publishing, storing, acknowledging and committing; writing a dead letter: lost 0."""
    updates = faults.flow(size.updates, dice)
    expected = trials.calm(updates)
    orders = [f"{point}:{dice.randrange(1, 4)}" for point in POINTS for _ in range(size.faults)]
    dice.shuffle(orders)
    tocsin = trials.fresh()
    crew.publish(tocsin, [])
    workers = crews(tocsin)
    bad = 3 * size.faults
    for number, order in enumerate(orders):
        part = slice(number * len(updates) // len(orders), (number + 1) * len(updates) // len(orders))
        crew.publish(tocsin, updates[part])
        if order.startswith("during-dead-letter"):
            for one in range(3):
                _append_bad(tocsin, b"bad %d.%d" % (number, one))
        process = workers.start(TOCSIN_FAIL_AT=order)
        assert process.wait(crew.PATIENCE_S) == EXIT_KILLED, order
        workers.living.remove(process)
    workers.start()
    workers.settle()

    checked(expected, tocsin, tell, f"deaths={len(orders)} dead_letters={bad}")
    assert len(_dead_letters(tocsin)) == bad


def _append_bad(tocsin: Tocsin, value: bytes) -> None:
    crew.ask(tocsin, lambda log: log.append(UPDATES.name, value, value))


def _dead_letters(tocsin: Tocsin, *options: str) -> list[str]:
    lines = tocsin.run("dead-letters", "list", *options).stdout.decode().splitlines()
    return [line.split()[0] for line in lines]


def test_a_step_that_raises_sets_one_update_aside(trials: Trials, crews: Callable[..., Crew], tell: Tell) -> None:
    """99 of 100 are processed, the lag is 0; with the defect mended, a replay brings the missing one."""
    quote = "“We will reopen pier {} on Friday,” said Jane Roe, the mayor of Holm."
    updates = [
        encode(an_update(update_id=f"{DEFECT if n == 60 else 'up'}_{n}", item=f"item-{n}", body=quote.format(n)))
        for n in range(100)
    ]
    expected = trials.calm(updates)
    (item,) = {decode(ArticleUpdate, updates[60]).item}
    tocsin = trials.fresh()
    crew.publish(tocsin, updates)
    workers = crews(tocsin, "failing-step")
    workers.start()
    workers.settle()

    found = faults.account(expected, faults.outcome(tocsin))
    (letter,) = _dead_letters(tocsin)
    shown = tocsin.run("dead-letters", "show", letter[:20]).stdout.decode()
    tell(f"processed={len(faults.outcome(tocsin).entries)} dead_letters=1 own_exits={workers.own_exits}")
    assert (len(faults.outcome(tocsin).entries), workers.own_exits) == (99, [])
    assert len(found.lost) == 3  # a revision, and its alerts: what Jane Roe said, and that she is named
    assert "ZeroDivisionError" in shown
    assert item in shown

    workers.dismiss()
    tocsin.run("dead-letters", "replay", letter)
    _append_bad(tocsin, b"no update")
    tocsin.process()

    checked(expected, tocsin, tell)
    (other,) = _dead_letters(tocsin)
    tocsin.run("dead-letters", "discard", other)
    assert _dead_letters(tocsin) == []
    assert sorted(_dead_letters(tocsin, "--all")) == sorted([letter, other])


@sizes(Size(updates=1500, faults=1), Size(updates=10_000, faults=4))
def test_a_fresh_machine_goes_on_from_the_changelogs(
    size: Size, trials: Trials, crews: Callable[..., Crew], dice: random.Random, tell: Tell
) -> None:
    """Everything local deleted in the middle: the alerts are those of a run that kept it."""
    updates = faults.flow(size.updates, dice, pages=max(12, size.updates // 400))
    expected = trials.calm(updates)
    tocsin = trials.fresh()
    readies: list[float] = []
    for part in range(size.faults + 1):
        first, last = (len(updates) * bound // (size.faults + 1) for bound in (part, part + 1))
        crew.publish(tocsin, updates[first:last])
        workers = crews(tocsin)
        readies.append(workers.start_ready())
        workers.settle()
        workers.dismiss()
        shutil.rmtree(tocsin.folder)
        tocsin.folder.mkdir()

    checked(expected, tocsin, tell, f"fresh_starts={size.faults} ready_s={max(readies[1:]):.1f}")
