"""Alert to matching subscriptions: the index beside a plain loop over compiled filters that leaves at the first "no".

python -m benchmarks.percolator [--sizes 1000,10000,100000] [--loads selective,dense] [--rounds 7] [--json]

Two loads of invented filters over Zipf vocabularies (20,000 words, 20,000 officials, 50,000 stories, 300 sources):
terms of weight rank^-0.6 (selective) and 1/rank (dense: 2 to 3 % of all subscriptions want every alert). Both sides get
the same alert, read once (reading it is the same work for both), and give numbers; the sets are compared.
CPU time; rounds alternate. Building is outside. A million subscriptions take 4 GB and some minutes: `--sizes 1000000`.
"""

import argparse
import gc
import json
import random
import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import accumulate
from statistics import median

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
PAIRS = 4_000_000
"""Filters that the loop looks at in one round, at most."""

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
    severity, types, groups, absent, exact = compiled
    assert exact is None, "this load has no hearsay"
    return severity, types, groups, absent


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
    began = time.process_time()
    for number in range(size):
        wanted = source.filter()
        index.add(str(number), wanted)
        filters.append(_plain(compile_filter(wanted)))
    built = time.process_time() - began
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


def _rate(find: object, read: list[tuple[View, Terms]]) -> float:
    assert callable(find)
    began = time.process_time_ns()
    for view, terms in read:
        find(view, terms)
    return len(read) / (time.process_time_ns() - began) * 1e9


def results(sizes: list[int], loads: list[str], rounds: int) -> Iterator[Result]:
    """One after the other, smallest first."""
    for size in sizes:
        for load in loads:
            yield measure(load, size, rounds)[0]


def run(rounds: int) -> list[Result]:
    """For `python -m benchmarks`: up to 100,000 subscriptions."""
    return list(results([1_000, 10_000, 100_000], list(SKEW), rounds))


def main() -> None:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="1000,10000,100000")
    parser.add_argument("--loads", default="selective,dense")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    sizes = [int(size) for size in options.sizes.split(",")]
    for result in results(sizes, options.loads.split(","), options.rounds):
        if options.json:
            print(json.dumps(asdict(result) | {"ratio": result.ratio}), flush=True)
        else:
            verdict = {True: "hit", False: "miss", None: ""}[result.is_hit]
            print(f"{result.name}: {result.ratio:.0f}x ({result.target} {verdict}); {result.note}", flush=True)


if __name__ == "__main__":
    main()
