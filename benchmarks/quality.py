"""Detection quality in one page: runs every evaluation and writes docs/quality.md.

    python benchmarks/quality.py [--json] [--quick]

The annotated articles and the real live blogs are no part of this repository. Where one of them is absent, its section
says so and the page is left as it is; the invented live-blog posts are always there. --quick leaves out the long runs
(the simulated edits and the headlines) and writes nothing.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.golden.test_statements import ENGINES, SETS, compare, posts, wrong_kinds, wrong_speakers  # noqa: E402

PAGE = ROOT / "docs" / "quality.md"
SCRIPTS = {
    "articles": ["compare_statements.py"],
    "novelty": ["eval_novelty.py", "--limit", "4"],
    "escalations": ["eval_escalations.py"],
}
LONG = ("novelty", "escalations")
# Targets of the two engines, and what others reach on the same articles by the same measure; None: not known.
# GenderGapTracker and textacy: their rules on 83 of the 84 articles with a good parser's output, speech unfiltered.
# Annotators: pairs of people on 20 of the articles.
ARTICLES = (
    # measure, name, target of the rules, target of the tagger, GenderGapTracker, textacy, annotators
    ("direct", "direct quotations: content", 0.90, 0.95, 0.700, 0.522, 0.983),
    ("direct c+s", "direct quotations: content and source", 0.80, 0.87, 0.508, None, 0.951),
    ("speech", "speech: content", 0.76, 0.86, 0.638, 0.310, 0.932),
    ("speech c+s", "speech: content and source", 0.64, 0.76, 0.521, None, 0.894),
    ("mixed", "partly quoted: content", None, None, 0.666, None, 0.925),
    ("indirect", "paraphrase of every kind: content", None, None, 0.362, 0.059, 0.741),
    ("all", "everything annotated, beliefs too: content", None, None, 0.485, 0.212, 0.795),
    ("exact source", "exact span of the source", None, 0.70, None, None, None),
    ("exact cue", "exact span of the cue", None, 0.67, None, None, None),
    ("exact content", "exact span of the content", None, 0.60, None, None, None),
)
SPEED = {"rules": 150_000, "combined": 40_000}  # words a second on one core


def own_posts() -> dict[str, dict[str, float]]:
    """Scores on the invented live-blog posts: set and engine to F1 of content, and shares of the rest."""
    out = {}
    for name in SETS:
        for engine in ENGINES:
            result = compare(name, engine)
            silent = sum(not post["attributions"] for post in posts(name))
            out[f"{name} {engine}"] = {
                "content": result.content(),
                "speaker": result.share(wrong_speakers(result)),
                "kind": result.share(wrong_kinds(result)),
                "silent": 1 - len(result.loud) / silent,
            }
    return out


def run(name: str) -> dict[str, Any]:
    """One evaluation as its script prints it. Raises SystemExit with the script's own words if it fails."""
    script = [sys.executable, str(ROOT / "benchmarks" / SCRIPTS[name][0]), *SCRIPTS[name][1:], "--json"]
    done = subprocess.run(script, capture_output=True, text=True, cwd=ROOT, check=False)
    if done.returncode:
        raise SystemExit(f"{SCRIPTS[name][0]}: exit {done.returncode}: {done.stderr.strip()[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _cell(value: float | None, *, is_met: bool | None = None) -> str:
    text = "" if value is None else f"{value:.3f}".lstrip("0")
    return f"**{text}**" if is_met is False else text


def articles_table(found: dict[str, Any]) -> list[str]:
    """The annotated articles: both engines, their targets, the peers."""
    lines = [
        "| F1 | rules | target | tagger and rules | target | gain, 95 % | GenderGapTracker | textacy | people |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for measure, name, of_rules, of_tagger, tracker, textacy, people in ARTICLES:
        row = found["f1"][measure]
        low, high = row["gain_95"]
        cells = [
            name,
            _cell(row["rules"], is_met=of_rules is None or row["rules"] >= of_rules),
            "" if of_rules is None else f"≥ {_cell(of_rules)}",
            _cell(row["combined"], is_met=of_tagger is None or row["combined"] >= of_tagger),
            "" if of_tagger is None else f"≥ {_cell(of_tagger)}",
            f"{low:+.3f} to {high:+.3f}",
            *map(_cell, (tracker, textacy, people)),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    speed = found["words_per_second"]
    lines.append("")
    lines.append(
        f"Words a second on one core: {speed['rules']:,} by the rules (target {SPEED['rules']:,}), "
        f"{speed['combined']:,} with the tagger (target {SPEED['combined']:,})."
    )
    return lines


def own_table(found: dict[str, dict[str, float]]) -> list[str]:
    """The invented live-blog posts."""
    lines = [
        "| posts, engine | content, F1 | speaker | kind | silent posts that stay silent |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {name} | " + " | ".join(_cell(row[key]) for key in ("content", "speaker", "kind", "silent")) + " |"
        for name, row in found.items()
    ]
    return lines


def plain_table(found: dict[str, Any]) -> list[str]:
    """Nested figures, one row each."""
    lines = ["| | |", "|---|---|"]
    for name, values in found.items():
        shown = ", ".join(f"{key} {value}" for key, value in values.items()) if isinstance(values, dict) else values
        lines.append(f"| {name} | {shown} |")
    return lines


def novelty_rows(found: dict[str, Any]) -> dict[str, Any]:
    """The sums, the captures, and every class of edits that raised something, or missed something."""
    is_bad = {
        name
        for name, row in found.items()
        if "/" in name
        and (row.get("false_new") or row.get("other_messages") or (row.get("recall", 1.0) < 1 and row["edits"]))
    }
    return {name: row for name, row in found.items() if name in ("all", "captures") or name in is_bad}


def page(found: dict[str, Any]) -> str:
    """docs/quality.md."""
    novelty = found["novelty"]
    return "\n".join(
        [
            "# Detection quality",
            "",
            "`make eval` measures all of this and writes this page. Bold: short of its target. The annotated articles",
            "and the real live blogs are no part of this repository; what is printed of them is figures alone.",
            "",
            "## Who said what: annotated articles",
            "",
            f"PolNeAR, development part, {found['articles']['articles']} articles of seven US outlets. Soft: at least",
            "half of the words agree. Speech: the cue holds a word of speech or publication, beliefs are left out. The",
            "corpus annotates words that were refused, expected or denied as well; tocsin does not, since nobody said",
            "them, and pays for it here. The gain is of the tagger over the rules, articles drawn again 1,000 times.",
            "",
            *articles_table(found["articles"]),
            "",
            "Peers: their extraction rules given a good parser's output, on 83 of the articles, speech unfiltered.",
            "People: pairs of annotators on 20 of the articles. For exact spans CofeNet, built on BERT, publishes",
            "83.2 / 75.3 / 72.9 (source / cue / content) on other articles of the corpus by a slightly different",
            "count: such systems are ahead there.",
            "",
            "## Who said what: live-blog posts",
            "",
            "412 invented posts (`tests/golden/statements/`), every kind and edge case of the definition of a",
            "statement. Rules were written with `dev` in view; `held` was scored after them, and only figures are",
            "looked at. Silent: posts in which nobody says anything, idioms and refusals among them; beliefs do not",
            "count, for they alert nobody.",
            "",
            *own_table(found["own"]),
            "",
            "## Is it new: edits that must be silent, and edits that must not",
            "",
            "Real posts, each edited once at the lag at which publishers edit; immaterial edits (typography,",
            "spelling, other markup, text added or moved elsewhere, a gloss) must raise nothing, material ones (a",
            "negation, a number or a speaker inside a told statement) one message that names the reason; by the",
            "default engine, four stories of each corpus. Captures: two real pages, fetched again and again. Classes",
            "without a fault are not listed.",
            "",
            *plain_table(novelty_rows(novelty)),
            "",
            "## Escalations",
            "",
            "22 live blogs with the editors' own key events, and headlines read each as a story of its own: most are",
            "calm, so that the rate is an upper bound of false alarms.",
            "",
            *(
                line
                for name, values in found["escalations"].items()
                for line in (f"### {name}", "", *plain_table(values), "")
            ),
        ]
    )


def main() -> int:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--quick", action="store_true", help="without the long runs; writes nothing")
    options = parser.parse_args()
    names = [name for name in SCRIPTS if not (options.quick and name in LONG)]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    found: dict[str, Any] = {}
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("own posts", total=len(names) + 1)
        found["own"] = own_posts()
        for name in names:
            progress.update(task, advance=1, description=name)
            found[name] = run(name)
    if options.json:
        print(json.dumps(found, sort_keys=True))
        return 0
    print("\n".join(own_table(found["own"])))
    for name in names:
        shown = novelty_rows(found[name]) if name == "novelty" else found[name]
        is_articles = name == "articles" and "f1" in shown
        print("\n".join(["", name, *(articles_table(shown) if is_articles else plain_table(shown))]))
    absent = [name for name in names if "skipped" in json.dumps(found[name])]
    if absent or options.quick:
        print(f"\n{PAGE.relative_to(ROOT)} is left as it is" + (f"; absent: {', '.join(absent)}" if absent else ""))
        return 0
    PAGE.write_text(page(found).rstrip() + "\n", "utf-8")
    print(f"\nwrote {PAGE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
