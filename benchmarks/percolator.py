"""Alert to matching subscriptions: the index beside a plain loop over compiled filters that leaves at the first "no".

python -m benchmarks.percolator [--sizes 1000,10000,100000] [--loads selective,dense] [--rounds 7] [--json]
                                [--lucene DIR] [--tuning tuned|base] [--warm 12] [--only-lucene]
                                [--upkeep SIZE]

Two loads of invented filters over Zipf vocabularies (20,000 words, 20,000 officials, 50,000 stories, 300 sources):
terms of weight rank^-0.6 (selective) and 1/rank (dense: 2 to 3 % of all subscriptions want every alert). Both sides get
the same alert, read once (reading it is the same work for both), and give numbers; the sets are compared.
CPU time; rounds alternate. Building is outside. A million subscriptions take 3 GB and some minutes: `--sizes 1000000`.

Beside Apache Lucene's Monitor, where DIR has its harness (`lucene/` with `target/cp.txt`, built once by
`mvn package dependency:build-classpath -Dmdep.outputFile=target/cp.txt`): the same filters as queries, the same alerts
as documents built beforehand, CPU of its matching thread after `--warm` seconds, equal sets of subscriptions. `tuned`
is the best that was found (disjunctions split, kind and severity as filter fields, a matcher without bookkeeping,
parallel collector); `base` leaves disjunctions whole and collects serially. Its own defaults are ten times slower.
"""

import argparse
import gc
import json
import random
import resource
import subprocess
import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import accumulate, chain
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from agents.routing.index import Compiled, Index, Terms, compile_filter, term_frequencies
from agents.routing.view import View
from benchmarks.__main__ import Result
from schemas.alert import Alert, AlertData, AlertType, MessageType, OfficialFacts, Story, alert
from schemas.detection import Evidence, MatchStatus, OfficialMention, TenureStatus
from schemas.event import Severity, Span
from schemas.subscription import Filter

SEED = 11
SKEW = {"selective": 0.6, "dense": 1.0}
TARGETS = {1_000: 25, 10_000: 150, 100_000: 400, 1_000_000: 800}
DENSE_TARGET = 20
ALERTS = 2_000
"""Different alerts; the loop gets fewer where it is slow."""
_CHUNK = 1_000
PAIRS = 4_000_000
"""Filters that the loop looks at in one round, at most."""

LUCENE = Path(__file__).parents[2] / "shared" / "prototypes" / "lucene_monitor"
TUNINGS = {
    "tuned": ("-Xmx7g -Xmn1500m -XX:+UseParallelGC", "filtersplit", 8),
    "base": ("-Xmx8g -XX:+UseSerialGC", "filter", 10),
}
"""Flags of the virtual machine, variant of the presearcher, and how many times its CPU we must save."""
WARM_S = 12
LUCENE_ALERTS = 500
LUCENE_KINDS = "quote statement official keyword retraction update story correction".split()
"""What the harness calls the eight alert types."""

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
KINDS = tuple(AlertType)[:8]
SEVERITIES = tuple(Severity)[:5]

Numbered = list[tuple[int, int, tuple[Terms, ...], Terms]]


class Load:
    """A source of filters and alerts; equal seeds give equal ones."""

    def __init__(self, name: str) -> None:
        self.random = random.Random(SEED)
        skew = SKEW[name]
        sizes = {"word": 20_000, "Q": 20_000, "story-": 50_000, "source-": 300}
        self._names = {kind: [f"{kind}{n}" for n in range(many)] for kind, many in sizes.items()}
        self._weights = {kind: list(accumulate((n + 1) ** -skew for n in range(many))) for kind, many in sizes.items()}

    def pick(self, kind: str, many: int) -> tuple[str, ...]:
        """Common ones more often."""
        return tuple(self.random.choices(self._names[kind], cum_weights=self._weights[kind], k=many))

    def filter(self) -> Filter:
        """A third follow officials, a third words, the others stories, pairs of words, sources with words."""
        r = self.random
        severity = r.choice((SEVERITIES[0], *SEVERITIES[:4]))
        types = tuple(r.sample(KINDS, r.randint(1, 3))) if r.random() < 0.4 else ()
        unwanted = self.pick("word", 1) if r.random() < 0.15 else ()
        shape = r.random()
        officials: tuple[str, ...] = ()
        words: tuple[str, ...] = ()
        both: tuple[str, ...] = ()
        stories: tuple[str, ...] = ()
        sources: tuple[str, ...] = ()
        if shape < 0.35:
            officials = self.pick("Q", r.choice((1, 1, 2, 5)))
            words = self.pick("word", 3) if r.random() < 0.3 else ()
        elif shape < 0.70:
            words = self.pick("word", r.choice((1, 2, 3, 6)))
        elif shape < 0.82:
            both = self.pick("word", 2)
        elif shape < 0.92:
            stories = self.pick("story-", 1)
        elif shape < 0.995:
            sources, words = self.pick("source-", r.choice((1, 2))), self.pick("word", 2)
        else:
            sources = self.pick("source-", 1)
        return Filter(
            types=types,
            severity=severity,
            officials=officials,
            keywords_any=words,
            keywords_all=both,
            keywords_none=unwanted,
            stories=stories,
            sources=sources,
        )

    def alert(self, number: int) -> Alert:
        """One official at most, one story, one source, up to eight words of the vocabulary."""
        r = self.random
        who = self.pick("Q", r.choice((0, 1)))
        mention = OfficialMention(
            span=Span(0, 1),
            surface="X",
            name="X",
            status=TenureStatus.CURRENT,
            match=MatchStatus.MATCHED,
            person_id=who[0] if who else None,
        )
        words = " ".join(self.pick("word", r.choice((1, 3, 5, 8))))
        data = AlertData(
            alert_id=f"al_{number}",
            msgtype=MessageType.ALERT,
            version=1,
            headline=words,
            story=Story(id=self.pick("story-", 1)[0]),
            evidence=(_evidence(self.pick("source-", 1)[0]),),
            why="",
            official=OfficialFacts(mention=mention),
        )
        return alert(
            r.choice(KINDS),
            data=data,
            message_id=f"msg_{number}",
            stage="bench",
            subject="bench",
            time=NOON,
            recordedtime=NOON,
            sequence=number,
            severity=r.choice(SEVERITIES),
        )


def _evidence(source: str) -> Evidence:
    return Evidence(
        source=source,
        item="i",
        entry="e",
        revision=1,
        text_sha256="",
        section="body",
        exact="",
        prefix="",
        suffix="",
        start=0,
        end=0,
        published_at=NOON,
        observed_at=NOON,
    )


def _plain(compiled: Compiled) -> tuple[int, int, tuple[Terms, ...], Terms]:
    assert compiled.exact is None, "this load has no hearsay"
    return compiled.severity, compiled.types, tuple(map(frozenset, compiled.groups)), frozenset(compiled.absent)


def brute_force(filters: Numbered, view: View, terms: Terms) -> list[int]:
    """Every filter in turn, cheapest conditions first."""
    found = []
    own, bit = view.severity, view.bit
    for number, (severity, types, groups, absent) in enumerate(filters):
        if own < severity or not types & bit:
            continue
        for group in groups:
            if group.isdisjoint(terms):
                break
        else:
            if absent.isdisjoint(terms):
                found.append(number)
    return found


def measure(load: str, size: int, rounds: int) -> tuple[Result, float]:
    """The ratio of one load and size, and how many subscriptions match an alert in the mean."""
    source = Load(load)
    frequencies = term_frequencies(View(source.alert(n)) for n in range(5_000))
    index = Index(frequencies)
    filters: Numbered = []
    gc.disable()
    built = 0.0
    for first in range(0, size, _CHUNK):
        wanted = [(str(number), source.filter()) for number in range(first, min(first + _CHUNK, size))]
        built += _add_all(index, wanted)
        filters.extend(_plain(compile_filter(one)) for _, one in wanted)
    gc.collect()
    gc.freeze()
    gc.enable()
    views = [View(source.alert(n)) for n in range(ALERTS)]
    read = [(view, index.terms(view)) for view in views]
    few = read[: max(5, min(ALERTS, PAIRS // size))]
    hits = 0
    for view, terms in few:
        expected = brute_force(filters, view, terms)
        assert sorted(index.find(view, terms)) == expected, "the index must equal the loop"
        hits += len(expected)
    ours, theirs = [], []
    for number in range(rounds + 1):
        mine = _rate(lambda view, terms: index.find(view, terms), read)
        other = _rate(lambda view, terms: brute_force(filters, view, terms), few)
        if number:  # the first round warms up
            ours.append(mine)
            theirs.append(other)
    mean = hits / len(few)
    ratio = median(ours) / median(theirs)
    target = TARGETS.get(size) if load == "selective" else DENSE_TARGET
    each = f"{1e9 / median(ours) / max(mean, 0.01):.0f} ns a match, built at {built / size * 1e6:.0f} µs each"
    note = f"{mean:.1f} of {size} match; {len(few)} alerts in the loop, equal sets; {each}"
    result = Result(
        name=f"subscriptions, {load}, {size}",
        peer="loop with early exit",
        unit="alerts per CPU second",
        ours=ours,
        theirs=theirs,
        target=f"≥ {target}" if target else "",
        is_hit=ratio >= target if target else None,
        note=note,
    )
    gc.unfreeze()
    return result, mean


def _add_all(index: Index, wanted: list[tuple[str, Filter]]) -> float:
    began = time.process_time()
    for id, one in wanted:
        index.add(id, one)
    return time.process_time() - began


def upkeep(load: str, size: int) -> str:
    """What the index alone takes: memory (the filters' own left out), building, and editing between two alerts."""
    source = Load(load)
    frequencies = term_frequencies(View(source.alert(n)) for n in range(5_000))
    gc.disable()
    wanted = [(str(number), source.filter()) for number in range(size)]
    gc.collect()
    gc.freeze()
    gc.enable()
    index = Index(frequencies)
    before = _resident()
    built = _add_all(index, wanted)
    gc.collect()
    memory = _resident() - before
    read = [(view, index.terms(view)) for view in (View(source.alert(n)) for n in range(200))]
    spent: dict[str, list[int]] = {"add": [], "remove": []}
    late = [(f"late_{n}", source.filter()) for n in range(5_000)]
    for n, (id, one) in enumerate(late):
        index.find(*read[n % len(read)])
        began = time.process_time_ns()
        index.add(id, one)
        spent["add"].append(time.process_time_ns() - began)
    for n, (id, _) in enumerate(late):
        index.find(*read[n % len(read)])
        began = time.process_time_ns()
        index.remove(id)
        spent["remove"].append(time.process_time_ns() - began)
    gc.unfreeze()
    told = [f"{what} {median(took) / 1e3:.0f} µs, p99 {sorted(took)[-50] / 1e3:.0f}" for what, took in spent.items()]
    each = f"{memory / 1e6:.0f} MB ({memory / size:.0f} B each), {built:.1f} s ({built / size * 1e6:.1f} µs each)"
    return f"index of {size}, {load}: {each}; while matching: {'; '.join(told)}"


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * resource.getpagesize()


def _rate(find: object, read: list[tuple[View, Terms]]) -> float:
    assert callable(find)
    began = time.process_time_ns()
    for view, terms in read:
        find(view, terms)
    return len(read) / (time.process_time_ns() - began) * 1e9


class Lucene:
    """The harness as a process that is asked line by line."""

    def __init__(self, folder: Path, data: Path, tag: str, tuning: str) -> None:
        flags, variant, _ = TUNINGS[tuning]
        load, _, size = tag.partition("-")
        built = folder / "lucene" / "target"
        classes = f"{built / 'classes'}:{(built / 'cp.txt').read_text('utf-8').strip()}"
        options = ["--data", str(data), "--load", load, "--n", size, "--buffer", "20000", "--variant", variant]
        command = ["java", *flags.split(), "-cp", classes, "bench.MonitorBench", *options]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, bufsize=1
        )
        ready = self._answer()
        assert ready.startswith("READY"), f"no harness: {ready!r}"
        self.about = json.loads(ready[6:])

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def ask(self, line: str) -> str:
        """One command, one line of answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._answer()

    def rate(self, many: int) -> float:
        """Alerts per second of its matching thread's CPU."""
        return 1e6 / float(json.loads(self.ask(f"round {many}")[6:])["thread_us"])

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()


def _write_lines(path: Path, rows: Iterator[dict[str, object]]) -> None:
    with path.open("w", encoding="utf-8") as out:
        out.writelines(json.dumps(row) + "\n" for row in rows)


def _query(number: int, wanted: Filter) -> dict[str, object]:
    return {
        "id": number,
        "k": [LUCENE_KINDS[KINDS.index(kind)] for kind in wanted.types] or None,
        "sev": SEVERITIES.index(wanted.severity),
        "off": sorted(set(wanted.officials)) or None,
        "kany": sorted(set(wanted.keywords_any)) or None,
        "kall": sorted(set(wanted.keywords_all)) or None,
        "knone": wanted.keywords_none or None,
        "sto": wanted.stories or None,
        "src": sorted(set(wanted.sources)) or None,
    }


def _document(number: int, view: View) -> dict[str, object]:
    return {
        "id": number,
        "k": LUCENE_KINDS[KINDS.index(view.alert.type)],
        "sev": SEVERITIES.index(Severity(view.severity)),
        "off": sorted(view.facets["officials"]),
        "kw": sorted(set(view.latin.replace("|", " ").split())),
        "sto": view.alert.story,
        "src": next(iter(view.facets["sources"])),
    }


def beside_lucene(folder: Path, load: str, size: int, rounds: int, tuning: str, warm_s: float) -> Result:
    """One load and size against its matching thread."""
    source = Load(load)
    frequencies = term_frequencies(View(source.alert(n)) for n in range(5_000))
    index = Index(frequencies)
    tag = f"{load}-{size}"
    with TemporaryDirectory() as name:
        data = Path(name)
        counted = {term.partition(":")[2] or term: count for term, count in frequencies.items()}
        (data / f"freq-{tag}.json").write_text(json.dumps(counted), "utf-8")
        filters = ((number, source.filter()) for number in range(size))
        _write_lines(data / f"subs-{tag}.jsonl", (_filed(index, number, wanted) for number, wanted in filters))
        views = [View(source.alert(n)) for n in range(LUCENE_ALERTS)]
        _write_lines(data / f"alerts-{tag}.jsonl", (_document(n, view) for n, view in enumerate(views)))
        read = [(view, index.terms(view)) for view in views]
        lucene = Lucene(folder, data, tag, tuning)
        try:
            return _alternate(lucene, index, read, data / "dump", rounds, warm_s, (load, size, tuning))
        finally:
            lucene.close()


def _filed(index: Index, number: int, wanted: Filter) -> dict[str, object]:
    index.add(str(number), wanted)
    return _query(number, wanted)


def _alternate(
    lucene: Lucene,
    index: Index,
    read: list[tuple[View, Terms]],
    dump: Path,
    rounds: int,
    warm_s: float,
    what: tuple[str, int, str],
) -> Result:
    load, size, tuning = what
    assert lucene.ask(f"dump {len(read)} {dump}") == "DUMPED"
    sets = [set(map(int, line.split())) for line in dump.read_text("utf-8").split("\n")[: len(read)]]
    for (view, terms), expected in zip(read, sets, strict=True):
        assert {int(index.id_of(row)) for row in index.find(view, terms)} == expected, "the sets must be equal"
    began = time.monotonic()
    while time.monotonic() - began < warm_s:
        lucene.rate(len(read))
    gc.collect()
    gc.freeze()
    ours, theirs, reading = [], [], []
    for number in range(rounds + 1):
        other = lucene.rate(len(read))
        mine = _rate(index.find, read)
        if number:
            ours.append(mine)
            theirs.append(other)
            reading.append(_rate(lambda view, _: index.terms(view), read))
    gc.unfreeze()
    ratio, target = median(ours) / median(theirs), TUNINGS[tuning][2]
    mean = sum(map(len, sets)) / len(sets)
    both = 1 / (1 / median(ours) + 1 / median(reading)) / median(theirs)
    each = f"{lucene.about['build_cpu_s'] / size * 1e6:.0f} µs and {lucene.about['heap_b_per_sub']:.0f} B each"
    note = (
        f"{mean:.1f} of {size} match; {len(read)} alerts, equal sets; {both:.1f} with our making of the terms counted; "
    )
    return Result(
        name=f"subscriptions, {load}, {size}, Lucene {tuning}",
        peer=f"Lucene Monitor {lucene.about['lucene']}, {tuning}",
        unit="alerts per CPU second",
        ours=ours,
        theirs=theirs,
        target=f"≥ {target}",
        is_hit=ratio >= target,
        note=f"{note}Lucene's index took {each}",
    )


def lucene_results(
    folder: Path, sizes: list[int], loads: list[str], rounds: int, tuning: str, warm_s: float
) -> Iterator[Result]:
    """One after the other; a single row that says why, where it cannot run."""
    if not (folder / "lucene" / "target" / "cp.txt").exists():
        why = "harness not there" if not (folder / "lucene").exists() else "harness not built (see the module)"
        name, peer = "subscriptions, Lucene", "Lucene Monitor"
        yield Result(name=name, peer=peer, unit="", ours=[], theirs=[], target="≥ 8", is_hit=None, note=why)
        return
    for size in sizes:
        for load in loads:
            yield beside_lucene(folder, load, size, rounds, tuning, warm_s)


def results(sizes: list[int], loads: list[str], rounds: int) -> Iterator[Result]:
    """One after the other, smallest first."""
    for size in sizes:
        for load in loads:
            yield measure(load, size, rounds)[0]


def run(rounds: int) -> list[Result]:
    """For `python -m benchmarks`: up to 100,000 subscriptions, beside Lucene 10,000."""
    found = list(results([1_000, 10_000, 100_000], list(SKEW), rounds))
    return [*found, *lucene_results(LUCENE, [10_000], list(SKEW), rounds, "tuned", WARM_S)]


def main() -> None:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="1000,10000,100000")
    parser.add_argument("--loads", default="selective,dense")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--lucene", type=Path, default=LUCENE, metavar="DIR")
    parser.add_argument("--tuning", choices=list(TUNINGS), default="tuned")
    parser.add_argument("--warm", type=float, default=WARM_S)
    parser.add_argument("--upkeep", type=int, metavar="SIZE", help="memory, building and editing of one index; no peer")
    parser.add_argument("--only-lucene", action="store_true")
    options = parser.parse_args()
    if options.upkeep:
        print(upkeep(options.loads.split(",")[0], options.upkeep))
        return
    sizes, loads = [int(size) for size in options.sizes.split(",")], options.loads.split(",")
    found = iter(()) if options.only_lucene else results(sizes, loads, options.rounds)
    beside = lucene_results(options.lucene, sizes, loads, options.rounds, options.tuning, options.warm)
    for result in chain(found, beside):
        if options.json:
            print(json.dumps(asdict(result) | {"ratio": result.ratio}), flush=True)
        else:
            verdict = {True: "hit", False: "miss", None: "not run"}[result.is_hit]
            ratio = "" if result.ratio is None else f"{result.ratio:.1f}x "
            print(f"{result.name}: {ratio}({result.target} {verdict}); {result.note}", flush=True)


if __name__ == "__main__":
    main()
