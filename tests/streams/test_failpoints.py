"""Fail points: exact when ordered, nothing otherwise."""

import subprocess
import sys

import pytest

from streams.failpoints import EXIT_KILLED, POINTS, VARIABLE, _armed, _pass


def test_without_an_order_nothing_happens() -> None:
    """The shipped process calls an empty function."""
    assert _armed(None) is _pass


@pytest.mark.parametrize("order", ["after-lunch:1", "after-step", "after-step:0", "after-step:x"])
def test_an_order_nobody_can_follow_is_refused(order: str) -> None:
    """A misspelt point would make a fault test pass for nothing."""
    with pytest.raises(ValueError, match=f"{VARIABLE}: expected NAME:N"):
        _armed(order)


def test_the_nth_passage_of_the_point_ends_the_process() -> None:
    """Other points and earlier passages go by."""
    code = (
        "from streams.failpoints import passing\n"
        f"for n in range(9):\n for p in {POINTS!r}:\n  print(n, p, flush=True)\n  passing(p)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={VARIABLE: "after-step:3"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == EXIT_KILLED
    assert done.stdout.splitlines()[-1] == "2 after-step"
