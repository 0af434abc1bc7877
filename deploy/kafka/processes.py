"""Broker processes: started apart from the terminal, recognised by what they run, ended politely and then for good."""

import atexit
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

PATIENCE_S = 20.0
_POLL_S = 0.05
_children: dict[int, "subprocess.Popen[bytes]"] = {}
_guards: list["subprocess.Popen[bytes]"] = []


def start(arguments: list[str], config: Path, log: Path, *, dies_with_us: bool) -> int:
    """Start a broker in a session of its own, its words appended to `log`; return its pid.

    dies_with_us  a guard ends it when this process is gone, however it went: what a test wants, and a terminal does not
    """
    with log.open("ab") as out:
        process = subprocess.Popen(  # noqa: S603 - a found java and our own words
            arguments, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
        )
    _children[process.pid] = process
    if dies_with_us:
        _guard(process.pid, config)
    return process.pid


def _guard(pid: int, config: Path) -> None:
    """Tell the guard of a broker. The guard waits for the end of its input, which comes when we are gone.

    (Linux's own way, a death signal for children, is bound to the thread that started them: a thread pool that is
    closed would take the brokers with it.)
    """
    if not _guards:
        watch = [sys.executable, __file__]
        _guards.append(subprocess.Popen(watch, stdin=subprocess.PIPE, start_new_session=True))  # noqa: S603
        atexit.register(_dismiss)
    told = _guards[0].stdin
    if told is not None:
        told.write(f"{pid} {config}\n".encode())
        told.flush()


def _dismiss() -> None:
    while _guards:
        _guards.pop().communicate()


def _stand_guard() -> None:
    """The guard's whole life: remember what is told, wait for the end of input, end what is left."""
    told = [line.rstrip("\n").split(" ", 1) for line in sys.stdin]
    end(((int(pid), Path(config)) for pid, config in told), patience_s=5.0)


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


if __name__ == "__main__":
    _stand_guard()
