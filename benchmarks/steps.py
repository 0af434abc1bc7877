"""CPU time of each pure step for one block of a live blog, beside the floor pipe of the same run, and how it grows.

Every block is an update of its own, as a source that polls sends it; outputs and changed state are encoded as the
stages do it, one write a key and batch, but nothing is sent. Real blocks where the private data set stands beside the
project, else the posts of the bundled live blog again and again. Prints numbers only.

python benchmarks/steps.py [--blocks N] [--story N] [--engine rules|tagger] [--json]
"""

import argparse
import json
import lzma
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from pathlib import Path
from random import Random
from time import process_time_ns
from typing import Any

import ahocorasick_rs
import msgspec
from rich.console import Console
from rich.progress import Progress

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from agents.entries.step import EntriesStep  # noqa: E402
from agents.escalations.step import EscalationsStep  # noqa: E402
from agents.officials.recognition import Recogniser  # noqa: E402
from agents.officials.registry import default_registry  # noqa: E402
from agents.officials.step import OfficialsStep  # noqa: E402
from agents.roles.step import RolesStep  # noqa: E402
from agents.statements.cast import Resolver  # noqa: E402
from agents.statements.engine import extractor  # noqa: E402
from agents.statements.step import StatementsStep  # noqa: E402
from agents.step import MemoryState  # noqa: E402
from agents.text.folding import fold  # noqa: E402
from schemas.alert import Alert  # noqa: E402
from schemas.article import ArticleUpdate, EntryRevision, Format, Post  # noqa: E402
from schemas.codec import alert_to_record, decode, encode, encode_state  # noqa: E402
from schemas.detection import RoleClaim  # noqa: E402
from schemas.event import Event  # noqa: E402
from streams.sample import sample_updates  # noqa: E402

REPLAY = ROOT.parent / "shared" / "data" / "liveblogs" / "guardian_replay_train_2014_2018.jsonl.xz"
BATCH = 500
"""Blocks a batch: changed state is encoded once a key and batch, as the stages do it."""
PHRASES = 10_000
SIZES = (20, 200, 500, 1000, 2000, 4000)
"""Posts of one story at which its cost is told."""
_QUOTATION = re.compile(r"[“\"][^“”\"]{1,2000}[”\"]|[‘'][^‘’'\n]{12,2000}[’']")
_VERBS = "said says told added warned denied confirmed announced tweeted wrote claimed insisted".split()


def blocks(count: int, *, is_one_story: bool = False) -> tuple[str, Iterator[bytes]]:
    """Where the blocks come from, and that many updates of one block each, oldest first."""
    if REPLAY.exists():
        return REPLAY.name, islice(_real(is_one_story=is_one_story), count)
    return "bundled sample, repeated", islice(_sample(is_one_story=is_one_story), count)


def _real(*, is_one_story: bool) -> Iterator[bytes]:
    with lzma.open(REPLAY, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            row = json.loads(line)
            at = datetime.fromisoformat(row["t"]).replace(tzinfo=UTC)
            post = Post(id=row["block"], text=row["text"], published_at=at)
            yield _update(number, "story" if is_one_story else row["blog"], at, post, row.get("blog_title"))


def _sample(*, is_one_story: bool) -> Iterator[bytes]:
    posts = [post for raw in sample_updates() for post in decode(ArticleUpdate, raw).posts]
    number = 0
    while True:
        copy, place = divmod(number, len(posts))
        at = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(minutes=5 * number)
        post = Post(id=f"{copy}-{place}", text=posts[place].text, published_at=at, is_html=posts[place].is_html)
        yield _update(number, "story" if is_one_story else f"blog-{copy}", at, post, None)
        number += 1


def _update(number: int, item: str, at: datetime, post: Post, title: str | None) -> bytes:
    return encode(
        ArticleUpdate(
            update_id=f"up_{number}",
            source="benchmark",
            item=item,
            format=Format.POSTS,
            observed_at=at + timedelta(seconds=30),
            posts=(post,),
            title=title,
            is_complete=False,
        )
    )


class Floor:
    """The cheapest pipe that could find anything: decode, fold, one automaton, one expression for quotations."""

    def __init__(self) -> None:
        random = Random(12)
        syllables = [first + last for first in "bdfgklmnprstvz" for last in ("a", "e", "i", "o", "u", "an", "er", "os")]
        names: set[str] = set()
        while len(names) < PHRASES:
            names.add(f"{''.join(random.choices(syllables, k=2))} {''.join(random.choices(syllables, k=3))}")
        patterns = [f" {phrase} ".encode() for phrase in (*sorted(names), *_VERBS)]
        self._automaton = ahocorasick_rs.BytesAhoCorasick(patterns)

    def __call__(self, raw: bytes) -> int:
        """Hits of an update, so that nothing is optimised away."""
        found = 0
        for post in decode(ArticleUpdate, raw).posts:
            found += len(self._automaton.find_matches_as_indexes(fold(post.text).data, overlapping=True))
            found += len(_QUOTATION.findall(post.text))
        return found


class _Recorder(MemoryState):
    """State that remembers which keys were put."""

    def __init__(self) -> None:
        super().__init__()
        self.changed: set[str] = set()

    def put(self, key: str, value: msgspec.Struct | None) -> None:
        self.changed.add(key)
        super().put(key, value)


@dataclass
class Costs:
    """Nanoseconds by step for each block, bytes of state written by step, and what came out."""

    steps: dict[str, list[int]] = field(default_factory=dict)
    state_bytes: dict[str, list[int]] = field(default_factory=dict)
    events: int = 0

    def add(self, name: str, block: int, ns: int) -> None:
        """Add to one block's time in a step."""
        row = self.steps.setdefault(name, [])
        row.extend([0] * (block + 1 - len(row)))
        row[block] += ns

    def mean_us(self, name: str, first: int = 0, last: int | None = None) -> float:
        """Microseconds a block."""
        row = self.steps.get(name, [])[first:last]
        return sum(row) / len(row) / 1000 if row else 0.0


class Pipe:
    """All steps in a row, timed one by one."""

    def __init__(self, engine: str) -> None:
        recogniser = Recogniser(default_registry())
        self.entries, self.roles = EntriesStep(), RolesStep()
        self.detectors: tuple[Any, ...] = (
            StatementsStep(extractor(engine), resolver=Resolver(recogniser)),
            EscalationsStep(),
            OfficialsStep(recogniser=recogniser),
        )
        self.costs = Costs()
        self.forget()

    def forget(self) -> None:
        """Begin with empty state."""
        steps = (self.entries, *self.detectors, self.roles)
        self.states = {step.name: _Recorder() for step in steps}

    def block(self, number: int, raw: bytes) -> None:
        """One update through all steps; events go through bytes where stages meet."""
        update = self._timed("decode", number, decode, ArticleUpdate, raw)
        for revision in self._timed("entries", number, self.entries.decide, self.states["entries"], update):
            sent = self._timed("encode", number, encode, revision)
            entry = self._timed("decode", number, decode, EntryRevision, sent)
            for step in self.detectors:
                for event in self._timed(step.name, number, step.decide, self.states[step.name], entry):
                    self._out(number, event)

    def _out(self, number: int, event: Event) -> None:
        self.costs.events += 1
        if isinstance(event, Alert):
            self._timed("encode", number, alert_to_record, event)
            return
        sent = self._timed("encode", number, encode, event)
        claim = self._timed("decode", number, decode, RoleClaim, sent)
        for alert in self._timed("roles", number, self.roles.decide, self.states["roles"], claim):
            self._out(number, alert)

    def write(self, first: int, last: int) -> None:
        """Encode what blocks [first, last) changed; the time is spread over them."""
        for name, state in self.states.items():
            values = [state.values[key] for key in sorted(state.changed) if key in state.values]
            state.changed.clear()
            began = process_time_ns()
            size = sum(len(encode_state(value)) for value in values)
            took = process_time_ns() - began
            self.costs.state_bytes.setdefault(name, []).append(size // (last - first))
            for number in range(first, last):
                self.costs.add("state", number, took // (last - first))

    def _timed(self, name: str, number: int, call: Callable[..., Any], *arguments: Any) -> Any:
        began = process_time_ns()
        result = call(*arguments)
        self.costs.add(name, number, process_time_ns() - began)
        return result


NAMES = ("decode", "entries", "statements", "escalations", "officials", "roles", "encode", "state")


def run(
    raws: Sequence[bytes], engine: str, advance: Callable[[int], None], *, batch: int = BATCH
) -> tuple[Pipe, Costs]:
    """The pipe with its costs, and the floor's, batch by batch in turn; one batch of each as a warm-up."""
    pipe, floor, theirs = Pipe(engine), Floor(), Costs()
    for number, raw in enumerate(raws[:BATCH]):
        floor(raw)
        pipe.block(number, raw)
    pipe.costs = Costs()
    pipe.forget()
    for first in range(0, len(raws), batch):
        part = raws[first : first + batch]
        for number, raw in enumerate(part, start=first):
            began = process_time_ns()
            floor(raw)
            theirs.add("floor", number, process_time_ns() - began)
        for number, raw in enumerate(part, start=first):
            pipe.block(number, raw)
        pipe.write(first, first + len(part))
        advance(len(part))
    return pipe, theirs


def by_step(raws: Sequence[bytes], engine: str, advance: Callable[[int], None]) -> dict[str, Any]:
    """Microseconds and floors a block for each step, and for the heaviest tenth of the blocks."""
    pipe, theirs = run(raws, engine, advance)
    costs, floor = pipe.costs, theirs.mean_us("floor")
    for name in NAMES:
        costs.add(name, len(raws) - 1, 0)
    totals = sorted((sum(row) for row in zip(*(costs.steps[name] for name in NAMES), strict=True)), reverse=True)
    heaviest = totals[: max(1, len(totals) // 10)]
    steps = {name: costs.mean_us(name) for name in NAMES}
    steps["total"] = sum(steps.values())
    steps["heaviest tenth"] = sum(heaviest) / len(heaviest) / 1000
    return {
        "blocks": len(raws),
        "events": costs.events,
        "floor_us": round(floor, 1),
        "steps": {name: {"us": round(us, 1), "floors": round(us / floor, 2)} for name, us in steps.items()},
    }


def by_size(
    raws: Sequence[bytes], engine: str, advance: Callable[[int], None], batch: int = 20
) -> list[dict[str, Any]]:
    """What a post costs in a story that has so many already: CPU by step in floors, and bytes of state written.

    State is written every `batch` posts, so the bytes are those of a live story, not of a replay.
    """
    pipe, theirs = run(raws, engine, advance, batch=batch)
    costs = pipe.costs
    for name in NAMES:
        costs.add(name, len(raws) - 1, 0)
    rows = []
    for size in (size for size in SIZES if size <= len(raws)):
        first = max(0, size - max(20, size // 5))
        floor = theirs.mean_us("floor", first, size)
        cpu = {name: round(costs.mean_us(name, first, size) / floor, 2) for name in NAMES}
        low, high = first // batch, -(-size // batch)
        written = {name: sum(row[low:high]) // (high - low) for name, row in costs.state_bytes.items()}
        rows.append({"posts": size, "floor_us": round(floor, 1), "floors": cpu, "state_bytes": written})
    return rows


def _show(result: dict[str, Any]) -> Iterable[str]:
    yield f"{result['source']}: {result['blocks']} blocks, {result['engine']}, floor {result['floor_us']} us a block"
    for name, cost in result["steps"].items():
        yield f"  {name:16}{cost['us']:10.1f} us{cost['floors']:8.2f} floors"
    for row in result["story"]:
        yield f"one story of {row['posts']} posts, floor {row['floor_us']} us"
        yield "  floors a post       " + "  ".join(f"{name} {value}" for name, value in row["floors"].items())
        yield "  state bytes a post  " + "  ".join(f"{name} {value}" for name, value in row["state_bytes"].items())


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blocks", type=int, default=5000, help="blocks of the stream as it is; 0 for none")
    parser.add_argument("--story", type=int, default=0, help="also that many blocks as one story")
    parser.add_argument("--engine", default="rules", choices=("rules", "tagger"), help="how statements are found")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    options = parser.parse_args()
    result: dict[str, Any] = {
        "source": blocks(0)[0],
        "engine": options.engine,
        "blocks": 0,
        "floor_us": 0,
        "steps": {},
        "story": [],
    }
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("blocks", total=options.blocks + options.story)

        def advance(count: int) -> None:
            progress.advance(bar, count)

        if options.blocks > 0:
            result |= by_step(list(blocks(options.blocks)[1]), options.engine, advance)
        if options.story > 0:
            raws = list(blocks(options.story, is_one_story=True)[1])
            result["story"] = by_size(raws, options.engine, advance)
    print(json.dumps(result, sort_keys=True) if options.json else "\n".join(chain(_show(result))))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
