"""Near-duplicate statements: does the index find the quotation that an edited copy came from, and what does it cost?

Quotations are those of the annotated articles beside the project; where these are absent, invented ones. Each story
holds as many as a story remembers. "Found" means among the candidates; "related" means that the novelty ladder then
names it as the predecessor, as the same, the longer, or the one from which the copy differs.
"""

import gzip
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from random import Random

from agents.statements.extraction import extract
from agents.statements.fingerprint import Block, fingerprint
from agents.statements.novelty import Relation, relate
from agents.statements.state import Known, Limits, Record
from agents.statements.voices import Voice
from agents.step import MemoryState
from agents.text.normal import normal
from benchmarks.__main__ import Result
from schemas import identity
from schemas.alert import Novelty, StatementFacts
from schemas.codec import encode_state
from schemas.detection import StatementKind

ARTICLES = Path(__file__).resolve().parents[2] / "shared" / "data" / "statements" / "polnear_train.jsonl.gz"
LEAST_WORDS = 5
INDEXED = 100_000
"""Statements in the index when its size is taken."""

FLOORS = {"punctuation": 0.999, "drop 10 %": 0.995, "drop 20 %": 0.99, "drop 30 %": 0.97, "cut to 60 %": 0.98}
BYTES = 100
FASTER = 15
_START = datetime(2031, 5, 6, tzinfo=UTC)
_NOBODY = Voice(type=None, key="")
_SYLLABLES = "ba ko ri mu ta len dor vi sha pe no gil tra us fen ol".split()
_SMALL = "the of to and a in that is it we for on not will this be are as with they".split()


def real_quotations() -> list[str]:
    """Verbatim statements of the articles, each once; empty where the articles are absent."""
    if not ARTICLES.exists():
        return []
    with gzip.open(ARTICLES, "rt", encoding="utf-8") as lines:
        found = {
            one.text
            for line in lines
            for one in extract(json.loads(line)["text"])
            if one.kind is StatementKind.DIRECT and len(one.text.split()) >= LEAST_WORDS
        }
    return sorted(found)


def invented_quotations(count: int, random: Random) -> Iterator[str]:
    """Sentences of invented words and real function words, as long as quotations are."""
    words = ["".join(random.choices(_SYLLABLES, k=random.randint(2, 4))) for _ in range(8000)]
    weights = [1 / (rank + 3) for rank in range(len(words))]
    for _ in range(count):
        size = max(LEAST_WORDS, round(random.lognormvariate(2.9, 0.6)))
        content = random.choices(words, weights, k=size)
        yield " ".join(random.choice(_SMALL) if random.random() < 0.45 else word for word in content)


def _punctuation(words: list[str], random: Random) -> list[str]:
    return [word.strip(".,;:!?-—“”\"'") + random.choice(("", "", ",", " —", ";")) for word in words]


def _drop(share: float) -> Callable[[list[str], Random], list[str]]:
    def edit(words: list[str], random: Random) -> list[str]:
        gone = set(random.sample(range(len(words)), max(1, round(len(words) * share))))
        return [word for i, word in enumerate(words) if i not in gone]

    return edit


def _cut(words: list[str], random: Random) -> list[str]:
    size = max(3, round(len(words) * 0.6))
    start = random.randint(0, len(words) - size)
    return words[start : start + size]


EDITS: dict[str, Callable[[list[str], Random], list[str]]] = {
    "punctuation": _punctuation,
    "drop 10 %": _drop(0.1),
    "drop 20 %": _drop(0.2),
    "drop 30 %": _drop(0.3),
    "cut to 60 %": _cut,
}


def _remember(record: Record, number: int, text: str, at: datetime) -> str:
    """Put a statement into the record; returns its id."""
    statement_id = identity.statement_id("bench", str(number), text)
    facts = StatementFacts(
        id=statement_id, kind=StatementKind.DIRECT, novelty=Novelty.NEW, text=text, speaker=None, attribution="explicit"
    )
    known = Known(facts=facts, text=text, voice=_NOBODY, serial=0, first_at=at, last_at=at)
    record.add(known, fingerprint(normal(text)), at)
    return statement_id


def _stories(quotations: Sequence[str], size: int) -> Iterator[tuple[Record, dict[str, str]]]:
    """Records with `size` statements each: id to words."""
    for first in range(0, len(quotations), size):
        record = Record(MemoryState(), f"story_{first}", Limits())
        known = {}
        for number, text in enumerate(quotations[first : first + size], first):
            known[_remember(record, number, text, _START + timedelta(seconds=number - first))] = text
        record.commit()
        yield record, known


def recall(quotations: Sequence[str], seed: int = 1) -> dict[str, tuple[float, float]]:
    """Share of edited copies whose source was found, and related, by kind of edit."""
    random = Random(seed)
    asked = found = related = 0
    shares: dict[str, tuple[float, float]] = {}
    stories = list(_stories(quotations, Limits().statements))
    for name, edit in EDITS.items():
        asked = found = related = 0
        for record, known in stories:
            for statement_id, text in known.items():
                copy = " ".join(edit(text.split(), random))
                if not normal(copy):
                    continue
                asked += 1
                candidates = record.candidates(fingerprint(normal(copy)), _NOBODY)
                source = next((one for one in candidates if one.id == statement_id), None)
                found += source is not None
                related += source is not None and (
                    relate(StatementKind.DIRECT, copy, StatementKind.DIRECT, source.text)[0] is not Relation.NONE
                )
        shares[name] = found / asked, related / asked
    return shares


def bytes_per_statement(quotations: Sequence[str]) -> tuple[float, float]:
    """Of the index alone, as it is stored and as it lies in memory."""
    state = MemoryState()
    many = [f"{text} {number}" for number in range(INDEXED // len(quotations) + 1) for text in quotations][:INDEXED]
    size = Limits().statements
    for first in range(0, len(many), size):
        record = Record(state, f"story_{first}", Limits())
        for number, text in enumerate(many[first : first + size], first):
            _remember(record, number, text, _START)
        record.commit()
    blocks = [value for value in state.values.values() if isinstance(value, Block)]
    stored = sum(len(encode_state(block)) for block in blocks)
    held = sum(sys.getsizeof(part) for block in blocks for part in (block, block.keys, block.times, block.postings))
    return stored / len(many), held / len(many)


def _seconds(work: Callable[[], object]) -> float:
    began = time.process_time_ns()
    work()
    return (time.process_time_ns() - began) / 1e9


def speed(quotations: Sequence[str], rounds: int) -> Result:
    """Fingerprints a second beside MinHash of the same words; not run where the peer is not installed."""
    ours: list[float] = []
    theirs: list[float] = []
    plain = [normal(text) for text in quotations[:2000]]
    note = "datasketch is not installed"
    if find_spec("datasketch") is not None:
        min_hash = import_module("datasketch").MinHash

        def peer() -> None:
            for text in plain:
                sketch = min_hash(num_perm=64)
                for word in text.split():
                    sketch.update(word.encode())

        note = f"{len(plain)} quotations"
        for number in range(rounds + 1):
            one, other = _seconds(lambda: [fingerprint(text) for text in plain]), _seconds(peer)
            if number:
                ours.append(len(plain) / one)
                theirs.append(len(plain) / other)
    result = Result(
        name="fingerprints",
        peer="datasketch MinHash 64",
        unit="statements/s",
        ours=ours,
        theirs=theirs,
        target=f">= {FASTER}",
        is_hit=None,
        note=note,
    )
    return result if result.ratio is None else Result(**{**result.__dict__, "is_hit": result.ratio >= FASTER})


def run(rounds: int) -> list[Result]:
    """Recall against its floors, bytes against their ceiling, speed against the peer."""
    quotations = real_quotations()
    kind = "real"
    if not quotations:
        quotations, kind = list(dict.fromkeys(invented_quotations(4000, Random(1)))), "invented"
    note = f"{len(quotations)} {kind} quotations, {sum(len(q.split()) for q in quotations) / len(quotations):.0f} words"
    results = [
        Result(
            name=f"near-duplicates: {name}",
            peer="all edited copies",
            unit="share found",
            ours=[found],
            theirs=[1.0],
            target=f">= {FLOORS[name]}",
            is_hit=found >= FLOORS[name],
            note=f"{found:.4f} found, {related:.4f} related by the ladder; {note}",
        )
        for name, (found, related) in recall(quotations).items()
    ]
    stored, held = bytes_per_statement(quotations)
    for name, size in (("stored", stored), ("in memory", held)):
        results.append(
            Result(
                name=f"near-duplicates: index, {name}",
                peer=f"{BYTES} B a statement",
                unit="bytes a statement",
                ours=[size],
                theirs=[BYTES],
                target="<= 1",
                is_hit=size <= BYTES,
                note=f"{size:.0f} B over {INDEXED} statements; the words themselves apart",
            )
        )
    return [*results, speed(quotations, rounds)]
