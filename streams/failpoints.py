"""Dying at a chosen instruction, for tests: TOCSIN_FAIL_AT=name:n ends the process at the n-th passage."""

import os
from collections.abc import Callable

VARIABLE = "TOCSIN_FAIL_AT"
EXIT_KILLED = 137
"""As if by SIGKILL."""

POINTS = (
    "after-consume",
    "after-step",
    "during-dead-letter",
    "after-publish-before-ack",  # outputs durable, state not
    "after-state-before-ack",
    "after-ack-before-commit",
)


def _armed(order: str | None) -> Callable[[str], None]:
    if not order:
        return _pass
    name, _, count = order.partition(":")
    if name not in POINTS or not count.isdigit() or count == "0":
        raise ValueError(f"{VARIABLE}: expected NAME:N with a name of {', '.join(POINTS)}, found {order!r}")
    left = int(count)

    def passing(point: str) -> None:
        nonlocal left
        if point == name:
            left -= 1
            if left == 0:
                os._exit(EXIT_KILLED)

    return passing


def _pass(point: str) -> None:
    """Nothing: no test asked for a death."""


passing: Callable[[str], None] = _armed(os.environ.get(VARIABLE))
"""Called with the name of the point that is passed."""
