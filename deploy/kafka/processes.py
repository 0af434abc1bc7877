"""Broker processes: started apart from the terminal, recognised by what they run, ended politely and then for good."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

PATIENCE_S = 20.0
_POLL_S = 0.05
_PR_SET_PDEATHSIG = 1
_children: dict[int, "subprocess.Popen[bytes]"] = {}


def start(arguments: list[str], log: Path, *, dies_with_us: bool) -> int:
    """Start a process in a session of its own, its words appended to `log`; return its pid.

    dies_with_us  (Linux) the kernel ends it when we die, however we die: what a test wants, and a terminal does not
    """
    with log.open("ab") as out:
        process = subprocess.Popen(  # noqa: S603 - a found java and our own words
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            preexec_fn=_die_with_parent() if dies_with_us and sys.platform == "linux" else None,  # noqa: PLW1509
        )
    _children[process.pid] = process
    return process.pid


def _die_with_parent() -> Callable[[], None]:
    libc = ctypes.CDLL(None)  # loaded before the fork: nothing may be imported after it

    def ask() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    return ask


def is_ours(pid: int | None, config: Path) -> bool:
    """Whether the process lives and is a broker started with this configuration; a pid alone may be anybody's."""
    if pid is None:
        return False
    child = _children.get(pid)
    if child is not None:  # until we have asked for its exit status nobody else can have its pid
        if child.poll() is None:
            return True
        del _children[pid]
        return False
    arguments = _arguments(pid)
    return "kafka.Kafka" in arguments and str(config) in arguments


def _arguments(pid: int) -> list[str]:
    proc = Path("/proc")
    if (proc / "self" / "cmdline").exists():
        try:
            return (proc / str(pid) / "cmdline").read_text(errors="replace").split("\0")
        except OSError:
            return []
    listed = subprocess.run(["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False)  # noqa: S603, S607
    return listed.stdout.split()


def end(brokers: Iterable[tuple[int | None, Path]], *, patience_s: float = PATIENCE_S) -> list[int]:
    """SIGTERM to all that are ours, SIGKILL to those still there after `patience_s`; return the pids that needed that.

    brokers  (pid, configuration) pairs
    """
    left = [(pid, config) for pid, config in brokers if pid is not None and is_ours(pid, config)]
    for pid, _ in left:
        os.kill(pid, signal.SIGTERM)
    left = _wait(left, patience_s)
    for pid, _ in left:
        os.kill(pid, signal.SIGKILL)
    _wait(left, PATIENCE_S)
    return [pid for pid, _ in left]


def kill(pid: int, config: Path) -> None:
    """SIGKILL, and wait until the process is gone."""
    if is_ours(pid, config):
        os.kill(pid, signal.SIGKILL)
        _wait([(pid, config)], PATIENCE_S)


def _wait(brokers: list[tuple[int, Path]], seconds: float) -> list[tuple[int, Path]]:
    until = time.monotonic() + seconds
    while (brokers := [pair for pair in brokers if is_ours(*pair)]) and time.monotonic() < until:
        time.sleep(_POLL_S)
    return brokers
