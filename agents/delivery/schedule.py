"""When to try again: the example schedule of Standard Webhooks 1.0.0, with jitter, and what a receiver asks for."""

import hashlib
from datetime import timedelta

DELAYS_S = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Wait after the first, second ... failure, seconds; after the tenth a delivery is dead, 75.6 hours after the first."""

PATIENCE_S = 60.0
"""Least wait for an overloaded receiver that does not say how long, seconds."""

ASKED_MAX_S = 3600.0
"""Most that a receiver can ask for, seconds, unless the schedule itself waits half as long."""

JITTER = 0.2

MAX_AGE = timedelta(hours=96)
"""Nothing stays open longer, whatever a receiver asks for."""


def wait_s(
    failures: int,
    *,
    is_overloaded: bool = False,
    retry_after_s: float | None = None,
    seed: str = "",
    scale: float = 1.0,
) -> float | None:
    """Seconds until the next attempt; None after the last.

    failures       so far, from 1
    retry_after_s  what the receiver asks for: between the schedule and twice of it, at least up to an hour
    seed           the same seed gives the same jitter: +-20 %, upwards only where the receiver asked for patience
    Raises ValueError if failures < 1.
    >>> wait_s(1, is_overloaded=True, retry_after_s=999999, seed="x") < 1.2 * 3600
    True
    """
    if failures < 1:
        raise ValueError(f"failures: expected at least 1, found {failures}")
    if failures > len(DELAYS_S):
        return None
    delay = float(DELAYS_S[failures - 1])
    part = int.from_bytes(hashlib.sha256(f"{seed}/{failures}".encode()).digest()[:4], "big") / 2**32
    if is_overloaded:
        if retry_after_s is not None:
            delay = min(max(retry_after_s, delay), max(2 * delay, ASKED_MAX_S))
        else:
            delay = max(delay, PATIENCE_S)
        return delay * (1 + JITTER * part) * scale
    return delay * (1 - JITTER + 2 * JITTER * part) * scale
