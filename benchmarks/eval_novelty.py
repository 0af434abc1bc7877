"""False news on replayed live blogs: what edits that change nothing raise, and what edits that matter raise.

Real posts go through the pure pipeline, and each is edited once, at the lag at which publishers edit. Immaterial edits
(typography, spelling, text added or moved elsewhere, other markup, a gloss) must raise nothing at all; a negation, a
number or a speaker changed inside a statement that was told must raise one message about it that names the reason.
Needs the private data set beside the project and prints numbers only; --errors names posts and offsets, never words.

    python benchmarks/eval_novelty.py [--json] [--engine NAME] [--seed N] [--corpus NAME ...] [--limit STORIES]
        [--errors]
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import NamedTuple

from rich.console import Console
from rich.progress import Progress

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from agents.entries.step import EntriesStep  # noqa: E402
from agents.officials.recognition import Recogniser  # noqa: E402
from agents.officials.registry import default_registry  # noqa: E402
from agents.statements.cast import Resolver  # noqa: E402
from agents.statements.engine import ENGINES, extractor  # noqa: E402
from agents.statements.state import Known, Seen  # noqa: E402
from agents.statements.step import Extract, StatementsStep  # noqa: E402
from agents.step import MemoryState  # noqa: E402
from benchmarks.edits import IMMATERIAL, MATERIAL, Edit, Target, is_alone, is_material_result  # noqa: E402
from benchmarks.stories import CORPORA, Story, captures, corpus  # noqa: E402
from schemas.alert import Alert, AlertType, MessageType  # noqa: E402
from schemas.article import ArticleUpdate, EntryRevision, Format, Post  # noqa: E402
from schemas.identity import update_id  # noqa: E402

_LATENCY = timedelta(seconds=5)


class Told(NamedTuple):
    """What one revision of one post raised."""

    post: str
    is_edit: bool
    revision: EntryRevision | None
    alerts: list[Alert]


class Pipeline:
    """Entries and statements in a row, with a memory of their own."""

    resolver = Resolver(Recogniser(default_registry()))
    extract: Extract = staticmethod(extractor("auto"))

    def __init__(self) -> None:
        self.entries, self.statements = EntriesStep(), StatementsStep(self.extract, resolver=self.resolver)
        self.states = MemoryState(), MemoryState()

    def publish(self, update: ArticleUpdate) -> tuple[EntryRevision | None, list[Alert]]:
        """The last revision of the update, and its alerts."""
        revision, alerts = None, []
        for revision in self.entries.decide(self.states[0], update):
            alerts += self.statements.decide(self.states[1], revision)
        return revision, alerts

    def seen(self, revision: EntryRevision) -> Seen | None:
        """What is remembered of the entry."""
        return self.states[1].get(f"{revision.story}/en/{revision.entry_id}", Seen)

    def known(self, story: str, statement_id: str) -> Known | None:
        """What is remembered of a statement."""
        return self.states[1].get(f"{story}/st/{statement_id}", Known)


def replay(story: Story, edits: dict[str, Edit], pipeline: Pipeline) -> Iterator[Told]:
    """Every post when it was published, its edit when it was edited, in the order of time."""
    timeline = []
    for number, post in enumerate(story.posts):
        edit = edits.get(post.id)
        timeline.append((post.at, number, False, post, edit.before if edit else post.text, False))
        if edit is not None:
            timeline.append((post.edited_at, number, True, post, edit.after, edit.is_html))
    for at, _, is_edit, post, text, is_html in sorted(timeline, key=lambda one: one[:3]):
        update = ArticleUpdate(
            update_id=update_id(post.source, post.item, f"{post.id}{is_edit}"),
            source=post.source,
            item=post.item,
            story=f"eval_{story.id}",
            format=Format.POSTS,
            observed_at=at + _LATENCY,
            posts=(
                Post(
                    text=text,
                    id=post.id,
                    published_at=post.at,
                    modified_at=at if is_edit else None,
                    is_html=is_html,
                    is_summary=post.is_summary,
                ),
            ),
            is_complete=False,
        )
        revision, alerts = pipeline.publish(update)
        yield Told(post.id, is_edit, revision, alerts)


def plain(story: Story) -> tuple[Story, dict[str, list[Target]]]:
    """The story with its texts as the entries agent keeps them, and the statements that it tells, by post."""
    pipeline = Pipeline()
    texts: dict[str, str] = {}
    targets: dict[str, list[Target]] = {}
    for told in replay(story, {}, pipeline):
        if told.revision is None:
            continue
        text = told.revision.text
        texts[told.post] = text
        new = {one.data.statement.text: one for one in told.alerts if one.data.statement and _is_new(one)}
        targets[told.post] = [
            Target(
                spans=one.content_spans,
                speaker=one.speaker.span if one.speaker else None,
                cue=one.cue,
                kind=one.kind,
                speaker_type=one.speaker.type if one.speaker else None,
                alert_id=new[one.text].data.alert_id if one.text in new else None,
            )
            for one in pipeline.extract(text, told.revision.segments)
        ]
    posts = tuple(post._replace(text=texts[post.id]) for post in story.posts if post.id in texts)
    return story._replace(posts=posts), targets


def _is_new(alert: Alert) -> bool:
    return alert.type is AlertType.STATEMENT_NEW and alert.data.msgtype is MessageType.ALERT


class Score:
    """Counts of one edit class."""

    def __init__(self) -> None:
        self.edits = self.exposed = self.false_new = self.messages = self.hits = 0
        self.why: Counter[str] = Counter()

    def row(self, *, is_material: bool) -> dict[str, object]:
        """The figures."""
        if is_material:
            found: dict[str, object] = {"edits": self.edits, "recall": round(self.hits / max(1, self.edits), 4)}
        else:
            found = {
                "edits": self.edits,
                "exposed": self.exposed,
                "false_new": self.false_new,
                "false_new_rate": round(self.false_new / max(1, self.exposed), 5),
                "other_messages": self.messages - self.false_new,
            }
        return found | ({"why": dict(self.why.most_common())} if self.why else {})


def run_immaterial(story: Story, targets: dict[str, list[Target]], name: str, seed: int, score: Score) -> list[str]:
    """Apply one class of edit to every post of the story that allows it."""
    errors = []
    edits = {}
    for post in story.posts:
        edit = IMMATERIAL[name](post.text, targets[post.id], Random(f"{seed}/{name}/{post.id}"))
        if edit is not None:
            edits[post.id] = edit
    pipeline = Pipeline()
    exposed: dict[str, int] = {}
    for told in replay(story, edits, pipeline):
        if told.post not in edits:
            continue
        if not told.is_edit:
            seen = pipeline.seen(told.revision) if told.revision else None
            exposed[told.post] = len(seen.places) if seen else 0
            continue
        score.edits += 1
        score.exposed += exposed.get(told.post, 0)
        score.messages += len(told.alerts)
        score.false_new += sum(map(_is_new, told.alerts))
        for alert in told.alerts:
            reasons = alert.data.change.material if alert.data.change else ()
            what = f"{alert.type.value.split('.')[2]}/{alert.data.msgtype.value}/{'+'.join(reasons)}"
            score.why[what] += 1
            errors.append(f"{name} {story.id} {told.post} {what} {[(e.start, e.end) for e in alert.data.evidence]}")
    return errors


def run_material(story: Story, targets: dict[str, list[Target]], name: str, seed: int, score: Score) -> list[str]:
    """Change one told statement of every post that allows it; one message about it must name the reason."""
    errors = []
    edits, wanted = {}, {}
    for post in story.posts:
        random = Random(f"{seed}/{name}/{post.id}")
        candidates = [target for target in targets[post.id] if target.alert_id is not None]
        random.shuffle(candidates)
        for target in candidates:
            edit = MATERIAL[name](post.text, target, random)
            if edit is not None and is_alone(post.text, edit, target, targets[post.id]):
                edits[post.id], wanted[post.id] = edit, target.alert_id
                break
    pipeline = Pipeline()
    for told in replay(story, edits, pipeline):
        if told.is_edit:
            score.edits += 1
            problem = is_material_result(name, told.alerts, wanted[told.post] or "")
            score.hits += problem is None
            if problem is not None:
                score.why[problem] += 1
                errors.append(f"{name} {story.id} {told.post} {problem}")
    return errors


def run_captures() -> dict[str, object]:
    """Two capture histories of real pages: everything after the first capture is cosmetic."""
    exposed = false_new = messages = 0
    for updates in captures():
        pipeline = Pipeline()
        for number, update in enumerate(updates):
            _, alerts = pipeline.publish(update)
            if number == 0:
                exposed += sum(_is_new(alert) for alert in alerts)
            else:
                false_new += sum(map(_is_new, alerts))
                messages += len(alerts)
    return {"exposed": exposed, "false_new": false_new, "other_messages": messages - false_new}


def evaluate(
    names: Sequence[str], seed: int, limit: int | None, progress: Progress
) -> tuple[dict[str, object], list[str]]:
    """All classes over the corpora: class to figures, over all and by corpus."""
    scores: dict[tuple[str, str], Score] = {}
    errors: list[str] = []
    for name in names:
        stories = list(corpus(name))[:limit]
        task = progress.add_task(name, total=len(stories) * (len(IMMATERIAL) + len(MATERIAL)))
        for story in stories:
            known, targets = plain(story)
            for kind, run in ((IMMATERIAL, run_immaterial), (MATERIAL, run_material)):
                for edit in kind:
                    score = scores.setdefault((name, edit), Score())
                    errors += run(known, targets, edit, seed, score)
                    progress.advance(task)
    rows: dict[str, object] = {
        f"{name}/{edit}": score.row(is_material=edit in MATERIAL) for (name, edit), score in scores.items()
    }
    quiet = [score for (_, edit), score in scores.items() if edit in IMMATERIAL]
    loud = [score for (_, edit), score in scores.items() if edit in MATERIAL]
    exposed, false_new = sum(s.exposed for s in quiet), sum(s.false_new for s in quiet)
    rows["all"] = {
        "statements_exposed": exposed,
        "false_new": false_new,
        "false_new_rate": round(false_new / max(1, exposed), 5),
        "other_messages": sum(s.messages for s in quiet) - false_new,
        "material_edits": sum(s.edits for s in loud),
        "material_recall": round(sum(s.hits for s in loud) / max(1, sum(s.edits for s in loud)), 4),
    }
    return rows, errors


def main() -> int:
    """Print the results. Missing data is a skip, not a failure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--corpus", nargs="*", choices=CORPORA, default=list(CORPORA))
    parser.add_argument("--limit", type=int, default=None, help="only so many stories of each corpus")
    parser.add_argument("--errors", action="store_true", help="name each error by post and offsets")
    parser.add_argument("--engine", choices=ENGINES, default="auto", help="what finds the statements")
    options = parser.parse_args()
    # every class of edits reads nearly the same posts again
    Pipeline.extract = staticmethod(lru_cache(maxsize=100_000)(extractor(options.engine)))
    with Progress(console=Console(stderr=True), transient=True) as progress:
        rows, errors = evaluate(options.corpus, options.seed, options.limit, progress)
    results: dict[str, object] = {"captures": run_captures(), **rows}
    if options.json:
        print(json.dumps(results, sort_keys=True))
        return 0
    for name, values in results.items():
        print(f"{name:34} {values}")
    if options.errors:
        print("\n".join(errors))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
