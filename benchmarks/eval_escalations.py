"""How the shipped ladders behave on real news: alerts a live blog, lift against key events, noise on headlines.

Needs the private data set beside the project and prints numbers only. `python benchmarks/eval_escalations.py [--json]`
"""

import argparse
import csv
import gzip
import json
import statistics
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from agents.escalations.detection import default_ruleset  # noqa: E402
from agents.escalations.evidence import SourceWeight, read  # noqa: E402
from agents.escalations.step import EscalationsStep  # noqa: E402
from agents.step import MemoryState  # noqa: E402
from schemas.alert import Alert  # noqa: E402
from schemas.article import EntryRevision, EntryStatus, Segment, SegmentKind  # noqa: E402
from schemas.event import Span  # noqa: E402
from schemas.identity import entry_id, text_sha256  # noqa: E402

DATA = ROOT.parent / "shared" / "data"
BLOGS = DATA / "liveblogs" / "guardian_lbs_dev"
HEADLINES = DATA / "corpora" / "abc_headlines_2003_2004"
BUDGET = 0.10
"""Share of a blog's blocks that may be called key events."""
START = datetime(2015, 1, 1, tzinfo=UTC)


def entry(text: str, at: datetime, *, story: str, number: int, title: str, is_summary: bool = False) -> EntryRevision:
    """A first revision whose whole text is new."""
    lines, start = [], 0
    for line in text.split("\n"):
        lines.append(Segment(kind=SegmentKind.BODY, span=Span(start, start + len(line))))
        start += len(line) + 1
    return EntryRevision(
        entry_id=entry_id("eval", story, str(number)),
        revision=1,
        source="eval",
        item=story,
        story=story,
        story_title=title,
        status=EntryStatus.LIVE,
        text=text,
        text_sha256=text_sha256(text),
        segments=tuple(lines),
        added=(Span(0, len(text)),),
        observed_at=at,
        published_at=at,
        ordinal=number,
        is_recap=is_summary,
    )


def blogs() -> Iterator[tuple[str, list[EntryRevision], list[bool]]]:
    """Blog id, its entries oldest first, and which are key events."""
    for path in sorted(BLOGS.glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            head, *blocks = [json.loads(line) for line in lines]
        entries, keys = [], []
        at = START
        for number, block in enumerate(blocks):
            sentences = block["sentences"]
            text = "\n".join(sentences) if isinstance(sentences, list) else str(sentences)
            at = max(at, _instant(block.get("published_local")) or at)
            entries.append(
                entry(
                    text,
                    at,
                    story=str(head["blog_id"]),
                    number=number,
                    title=head["title"],
                    is_summary=bool(block["is_summary"]),
                )
            )
            keys.append(bool(block["is_key_event"]))
        yield path.name[:8], entries, keys


def _instant(value: object) -> datetime | None:
    if not isinstance(value, str) or not value:
        return None
    try:
        return datetime.fromisoformat(value).replace(tzinfo=UTC)
    except ValueError:
        return None


def score_blogs() -> dict[str, object]:
    """Alerts a blog, where they fall, and the lift of the highest-scored blocks at the budget."""
    per_blog: list[int] = []
    kinds: Counter[str] = Counter()
    first_high: list[int] = []
    alerting = key_alerting = blocks = key_events = chosen = key_chosen = trivial_key = on_summary = 0
    for _, entries, keys in blogs():
        step, state = EscalationsStep(), MemoryState()
        alerts: list[Alert] = []
        scores: list[int] = []
        for number, one in enumerate(entries):
            told = step.decide(state, one)
            alerts += told
            kinds.update(
                f"{a.type.value.split('.')[2]} {a.data.escalation.ladder}/{a.data.escalation.channel}"
                f"/{a.data.escalation.to_level}"
                for a in told
                if a.data.escalation
            )
            if any(a.data.escalation and a.data.escalation.to_level >= 4 for a in told):
                first_high.append(number)
            alerting += bool(told)
            key_alerting += bool(told) and keys[number]
            on_summary += bool(told) and one.is_recap
            scores.append(weight(one) + 3000 * len(told))
        per_blog.append(len(alerts))
        news = [n for n, one in enumerate(entries) if not one.is_recap]  # summaries repeat by nature: counted apart
        budget = max(1, round(BUDGET * len(entries)))
        best = sorted(news, key=lambda n: (-scores[n], n))[:budget]
        longest = sorted(news, key=lambda n: (-len(entries[n].text), n))[:budget]
        chosen += budget
        key_chosen += sum(keys[n] for n in best)
        trivial_key += sum(keys[n] for n in longest)
        blocks += len(news)
        key_events += sum(keys[n] for n in news)
    rate = key_events / blocks
    return {
        "blogs": len(per_blog),
        "blocks_but_summaries": blocks,
        "alerts_per_blog": sorted(per_blog),
        "alerts_per_blog_median": statistics.median(per_blog),
        "alerts_by_kind": dict(sorted(kinds.items())),
        "first_block_at_level_4_median": statistics.median(first_high) if first_high else None,
        "key_event_rate": round(rate, 3),
        "lift_of_alerting_blocks": round(key_alerting / alerting / rate, 2) if alerting else None,
        "lift_at_budget": round(key_chosen / chosen / rate, 2),
        "lift_at_budget_text_length": round(trivial_key / chosen / rate, 2),
        "alerts_on_summaries": on_summary,
    }


def weight(one: EntryRevision) -> int:
    """All evidence of an entry, higher levels counting more."""
    found = read(default_ruleset(), one, 0, (), SourceWeight())
    best: dict[str, int] = {}
    for sentence in found.sentences:
        for item in sentence.items:
            best[item.concept] = max(best.get(item.concept, 0), item.value * item.level)
    return sum(best.values())


def score_headlines(limit: int | None = None) -> dict[str, object]:
    """How many headlines, each a story of its own and read as body text, raise anything."""
    step = EscalationsStep()
    levels: Counter[str] = Counter()
    count = 0
    for path in sorted(HEADLINES.glob("*.csv.gz")):
        with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
            for row in csv.reader(lines):
                if len(row) < 2 or not row[0].isdigit():
                    continue
                if limit is not None and count >= limit:
                    break
                count += 1
                at = START + timedelta(days=count % 365)
                for one in step.decide(MemoryState(), entry(row[1], at, story=f"h{count}", number=0, title=row[1])):
                    if one.data.escalation:
                        levels[f"{one.data.escalation.ladder}/{one.data.escalation.to_level}"] += 1
    return {
        "headlines": count,
        "alerts": dict(sorted(levels.items())),
        "rate_permille": round(1000 * sum(levels.values()) / max(count, 1), 2),
    }


def main() -> int:
    """Print the results. Missing data is a skip, not a failure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--headlines", type=int, default=None, help="only so many headlines")
    options = parser.parse_args()
    results: dict[str, dict[str, object]] = {}
    for name, where, score in (
        ("live_blogs", BLOGS, score_blogs),
        ("headlines", HEADLINES, lambda: score_headlines(options.headlines)),
    ):
        results[name] = score() if where.is_dir() else {"skipped": f"needs ../shared/data/{where.relative_to(DATA)}"}
    if options.json:
        print(json.dumps(results, sort_keys=True))
        return 0
    for name, values in results.items():
        print(name)
        for key, value in values.items():
            print(f"  {key:32} {value}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
