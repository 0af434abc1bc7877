"""The rules, the network alone and both together on the annotated articles, with intervals over articles.

    python benchmarks/compare_statements.py [--gold FILE] [--tools DIR] [--weights FILE] [--draws N] [--json]

Prints soft F1 (content, and content with source), exact F1 of spans, what both together gain over the rules, with its
95 % interval when articles are drawn again with replacement, and words a second on one core.
"""

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse  # noqa: E402
import json  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from collections.abc import Sequence  # noqa: E402
from pathlib import Path  # noqa: E402
from types import ModuleType  # noqa: E402
from typing import Any  # noqa: E402

import numpy as np  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "benchmarks"))

from eval_statements import is_speech, load_scorer, prediction  # noqa: E402

from agents.statements.extraction import extract  # noqa: E402
from agents.statements.tagger.reading import Marked, Reading  # noqa: E402
from agents.statements.tagger.tagger import Tagger  # noqa: E402

Line = dict[str, Any]
# (name, filtered to speech, block of the scorer, measure)
MEASURES = (
    ("direct", False, "direct", "content_soft"),
    ("direct c+s", False, "direct", "content+source_soft"),
    ("speech", True, "speech", "content_soft"),
    ("speech c+s", True, "speech", "content+source_soft"),
    ("mixed", False, "mixed", "content_soft"),
    ("indirect", False, "indirect", "content_soft"),
    ("all", False, "all", "content_soft"),
    ("all exact", False, "all", "content_exact"),
    ("direct exact", False, "direct", "content_exact"),
)


def raw(reading: Reading, mark: Marked) -> Line:
    """What the network found, as a line of the scorer."""

    def span(piece: tuple[int, int]) -> list[int]:
        return [reading.starts[piece[0]], reading.ends[piece[1] - 1]]

    pieces = [span(piece) for piece in mark.content]
    source = span(mark.source) if mark.source else [None, None]
    cue = span(mark.cue) if mark.cue else [None, None]
    return {
        "content_start": pieces[0][0], "content_end": pieces[-1][1], "content_spans": pieces,
        "speaker_start": source[0], "speaker_end": source[1], "cue_start": cue[0], "cue_end": cue[1],
    }  # fmt: skip


def counts(scorer: ModuleType, article: Line, lines: list[Line]) -> Any:
    """For each measure: predictions, right ones, annotated, found ones."""
    speech = [line for line in lines if is_speech(article["text"], line, scorer)]
    scores = [
        scorer.score([article], [{"id": article["id"], "statements": chosen}]) for chosen in (lines, speech)
    ]  # fmt: skip
    rows = []
    for _, is_filtered, block, measure in MEASURES:
        found = scores[is_filtered][block][measure]
        rows.append([found["n_pred"], found["P"] * found["n_pred"], found["n_gold"], found["R"] * found["n_gold"]])
    for name, key in (("source", "speaker"), ("cue", "cue"), ("content", "content")):
        gold = {
            frozenset(scorer.toks(article["text"], [span]))
            for one in article["attributions"]
            if one[name]
            for span in one[name]["spans"]
        } - {frozenset()}
        mine = {
            frozenset(scorer.toks(article["text"], [span])) for line in lines for span in scorer.spans_of(line, key)
        } - {frozenset()}
        rows.append([len(mine), len(gold & mine), len(gold), len(gold & mine)])
    return np.array(rows, float)


def f1(table: Any) -> Any:
    """F1 of summed counts, one a measure."""
    total = table.sum(0)
    precision = total[:, 1] / np.maximum(total[:, 0], 1)
    recall = total[:, 3] / np.maximum(total[:, 2], 1)
    return 2 * precision * recall / np.maximum(precision + recall, 1e-9)


def speed(tagger: Tagger, texts: Sequence[str], words: int) -> tuple[int, int]:
    """Words a second of rules and of both, medians of five rounds in turn."""
    rounds: tuple[list[float], list[float]] = ([], [])
    for _ in range(5):
        for place, run in enumerate((extract, tagger.extract)):
            begin = time.process_time()
            for text in texts:
                run(text)
            rounds[place].append(words / (time.process_time() - begin))
    return round(float(np.median(rounds[0]))), round(float(np.median(rounds[1])))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--gold", type=Path, default=ROOT.parent / "shared/data/statements/polnear_dev.jsonl")
    parser.add_argument("--tools", type=Path, default=ROOT.parent / "shared/tools")
    parser.add_argument("--weights", type=Path, default=ROOT / "agents/statements/tagger/weights.npz")
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    args = parser.parse_args()
    scorer = load_scorer(args.tools)
    if scorer is None or not args.gold.exists() or not args.weights.exists():
        missing = "scorer, annotated articles or weights absent"
        print(json.dumps({"skipped": missing}) if args.json else f"statements: not compared ({missing})")
        return 0
    gold = scorer.load(args.gold)
    with np.load(args.weights) as stored:
        tagger = Tagger({name: stored[name] for name in stored.files})
    tables: dict[str, list[Any]] = {"rules": [], "network": [], "combined": []}
    for article in gold:
        text = article["text"]
        reading = Reading(text)
        lines = {
            "rules": [prediction(s) for s in extract(text)],
            "network": [raw(reading, mark) for mark in tagger.mark(reading)],
            "combined": [prediction(s) for s in tagger.extract(text)],
        }
        for name, found in lines.items():
            tables[name].append(counts(scorer, article, found))
    stacked = {name: np.stack(found) for name, found in tables.items()}
    rng = np.random.default_rng(0)
    draws = rng.integers(0, len(gold), (args.draws, len(gold)))
    gain = np.stack([f1(stacked["combined"][d]) - f1(stacked["rules"][d]) for d in draws])
    low, high = np.percentile(gain, (2.5, 97.5), axis=0)
    values = {name: f1(table) for name, table in stacked.items()}
    names = [name for name, *_ in MEASURES] + ["exact source", "exact cue", "exact content"]
    words = sum(len(scorer.TOK.findall(article["text"])) for article in gold)
    rules, both = speed(tagger, [article["text"] for article in gold], words)
    if args.json:
        rows = {
            name: {kind: round(float(found[i]), 4) for kind, found in values.items()}
            | {"gain_95": [round(float(low[i]), 4), round(float(high[i]), 4)]}
            for i, name in enumerate(names)
        }
        print(json.dumps({"articles": len(gold), "f1": rows, "words_per_second": {"rules": rules, "combined": both}}))
        return 0
    print(f"{'F1':14s} {'rules':>8s} {'network':>8s} {'combined':>8s}   combined - rules, 95 %")
    for i, name in enumerate(names):
        shown = " ".join(f"{values[kind][i]:8.3f}" for kind in ("rules", "network", "combined"))
        print(f"{name:14s} {shown}   {low[i]:+.3f} .. {high[i]:+.3f}")
    print(f"{rules} words/s rules, {both} words/s combined (one core)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
