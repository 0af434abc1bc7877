"""The product from outside: `tocsin` as a process on a log directory."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

LIMIT_S = 120


class Tocsin:
    """Runs commands on one log directory, in a working directory of its own."""

    def __init__(self, folder: Path, broker: str | None = None, **environment: str) -> None:
        self.folder = folder
        self.log = folder / "log"
        self.broker = broker or f"embedded://{self.log}"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")},
            "TOCSIN_BROKER": self.broker,
            "TOCSIN_PARTITIONS": "4",
            **environment,
        }

    def command(self, *args: str) -> list[str]:
        """The command line; the package is found from the checkout, as it was installed."""
        return [sys.executable, "-m", "streams.cli", *args]

    def run(self, *args: str, code: int = 0, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
        """Run to the end and check the exit code."""
        done = subprocess.run(
            self.command(*args),
            input=stdin,
            stdin=None if stdin is not None else subprocess.DEVNULL,
            capture_output=True,
            cwd=self.folder,
            env=self.environment,
            timeout=LIMIT_S,
            check=False,
        )
        assert done.returncode == code, done.stderr.decode(errors="replace")[-2000:]
        return done

    def start(self, *args: str) -> subprocess.Popen[bytes]:
        """Start and leave running; output goes to a file in the folder."""
        with (self.folder / "worker.out").open("ab") as out:
            return subprocess.Popen(
                self.command(*args), stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=self.folder,
                env=self.environment,
            )  # fmt: skip

    def ingest(self, *args: str) -> None:
        """Publish a file."""
        self.run("ingest", *args)

    def process(self) -> None:
        """Process what is there."""
        self.run("run", "--until-idle")

    def alerts(self, *args: str) -> list[dict[str, Any]]:
        """All alerts, parsed."""
        out = self.run("alerts", "--json", *args).stdout
        return [json.loads(line) for line in out.splitlines()]
