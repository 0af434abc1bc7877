"""Runs the benchmarks and writes RESULTS.md: ratios against named peers of the same run, never absolute targets.

python -m benchmarks [NAME ...] [--rounds N]; the rows of benchmarks that did not run stay as they are
"""

import argparse
import importlib
import json
import os
import platform
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
NAMES = ("pipeline", "kafka", "near_duplicates", "percolator", "deliveries")
LIBRARIES = ("faust-streaming", "aiokafka", "msgspec", "orjson", "ahocorasick_rs", "rapidfuzz", "xxhash")


@dataclass(frozen=True, kw_only=True)
class Result:
    """One ratio: ours over the peer's, medians of interleaved rounds. A peer that could not run is no hit."""

    name: str
    peer: str
    unit: str
    ours: list[float]
    theirs: list[float]
    target: str
    is_hit: bool | None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Median over median."""
        return median(self.ours) / median(self.theirs) if self.ours and self.theirs else None


def _row(result: Result) -> str:
    ratio = "not run" if result.ratio is None else f"{result.ratio:.2f}"
    spread = ""
    if result.ours and result.theirs:
        low, high = min(result.ours) / max(result.theirs), max(result.ours) / min(result.theirs)
        spread = f"{low:.2f}–{high:.2f}"
    verdict = {True: "hit", False: "miss", None: "not run"}[result.is_hit]
    cells = (result.name, result.peer, ratio, spread, result.target, verdict, str(len(result.ours)), result.note)
    return "| " + " | ".join(cells) + " |"


def _processor() -> str:
    cpu = Path("/proc/cpuinfo")
    if cpu.exists():
        for line in cpu.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor()


def main() -> None:
    """Parse, run, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*NAMES, []], default=list(NAMES))
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    results: list[Result] = []
    for name in options.names:
        found = importlib.import_module(f"benchmarks.{name}").run(options.rounds)
        for result in found:
            print(_row(result), flush=True)
        results += found
    kept = {row["name"]: Result(**row) for row in json.loads(RESULTS.read_text("utf-8"))} if RESULTS.exists() else {}
    results = list((kept | {result.name: result for result in results}).values())
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    head = (
        "# Benchmarks\n\nRatios against a named peer in the same run, rounds interleaved, medians; the spread is the "
        f"worst and the best pair. `make bench` writes this page.\n\n{_processor()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}; {libraries}\n\n"
        "| what | peer | ratio | spread | target | | rounds | note |\n|---|---|---|---|---|---|---|---|\n"
    )
    (HERE / "RESULTS.md").write_text(head + "\n".join(map(_row, results)) + "\n", "utf-8")
    RESULTS.write_text(json.dumps([asdict(result) for result in results], indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
