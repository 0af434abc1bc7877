"""The product from outside: `tocsin` as a process on a log directory."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from streams.log import open_log

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


async def written(broker: str) -> int:
    """Records in all topics: a measure of progress that only rises."""
    log = await open_log(broker, mode="read")
    try:
        return sum([sum((await log.ends(topic)).values()) for topic in await log.topics()])
    finally:
        await log.close()


async def kill_at(tocsin: Tocsin, points: list[int]) -> int:
    """Run, and kill at each amount of written records; returns how many kills hit a living process."""
    kills = 0
    for point in points:
        worker = tocsin.start("run", "--until-idle")
        try:
            while worker.poll() is None and await written(tocsin.broker) < point:
                await asyncio.sleep(0.002)  # between two looks at a foreign process; nothing is timed
            if worker.poll() is None:
                worker.send_signal(signal.SIGKILL)
                kills += 1
        finally:
            worker.wait(30)
    return kills
