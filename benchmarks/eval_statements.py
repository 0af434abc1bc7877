"""Quality and speed of statement extraction on the annotated articles beside the project.

    python benchmarks/eval_statements.py [--gold FILE] [--tools DIR] [--json]

Prints one table for all predictions and one for speech alone (predictions whose cue is a word of speech, a colon, or
absent). Without the scorer or the articles it says so and ends with 0: they are not part of this repository.
"""

import argparse
import importlib.util
import json
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from agents.statements.extraction import extract  # noqa: E402
from schemas.detection import Statement  # noqa: E402


def load_scorer(tools: Path) -> ModuleType | None:
    """The scorer module, or None where it is not there."""
    path = tools / "score_statements.py"
    if not path.exists():
        return None
    spec = importlib.util.spec_from_file_location("score_statements", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def prediction(statement: Statement) -> dict[str, Any]:
    """One statement as a line of the scorer."""
    speaker = statement.speaker.span if statement.speaker else None
    cue = statement.cue
    return {
        "content_start": statement.content.start,
        "content_end": statement.content.end,
        "content_spans": [[s.start, s.end] for s in statement.content_spans],
        "speaker_start": speaker.start if speaker else None,
        "speaker_end": speaker.end if speaker else None,
        "cue_start": cue.start if cue else None,
        "cue_end": cue.end if cue else None,
    }


def is_speech(text: str, line: dict[str, Any], scorer: ModuleType) -> bool:
    """No cue, a colon, or a cue with a word of speech."""
    if line["cue_start"] is None:
        return True
    cue = text[line["cue_start"] : line["cue_end"]].lower()
    return cue.strip() == ":" or any(word in scorer.SPEECH for word in scorer.TOK.findall(cue))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--gold", type=Path, default=ROOT.parent / "shared/data/statements/polnear_dev.jsonl")
    parser.add_argument("--tools", type=Path, default=ROOT.parent / "shared/tools")
    parser.add_argument("--json", action="store_true", help="print the scores as JSON")
    args = parser.parse_args()
    scorer = load_scorer(args.tools)
    if scorer is None or not args.gold.exists():
        print("statements: not run (scorer or annotated articles absent)")
        return 0
    gold = scorer.load(args.gold)
    extract("Warm up, she said.")
    begin = time.process_time()
    found = [extract(article["text"]) for article in gold]
    seconds = time.process_time() - begin
    words = sum(len(scorer.TOK.findall(article["text"])) for article in gold)
    lines = [{"id": g["id"], "statements": [prediction(s) for s in st]} for g, st in zip(gold, found, strict=True)]
    speech = [
        {"id": g["id"], "statements": [s for s in line["statements"] if is_speech(g["text"], s, scorer)]}
        for g, line in zip(gold, lines, strict=True)
    ]
    scores = {"all": scorer.score(gold, lines), "speech_filtered": scorer.score(gold, speech)}
    speed = {"words": words, "cpu_seconds": round(seconds, 3), "words_per_second": round(words / seconds)}
    if args.json:
        print(json.dumps({"scores": scores, "speed": speed}, indent=1))
        return 0
    for name, result in scores.items():
        print(name)
        scorer.show(result)
    print(f"{speed['words_per_second']} words/s ({words} words, {speed['cpu_seconds']} s CPU)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
