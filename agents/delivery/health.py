"""How an endpoint is doing: the breaker, and when it is given up (svix's and Standard Webhooks' practice)."""

from datetime import datetime, timedelta

import msgspec

from agents.delivery.state import Health

IN_A_ROW = 10
"""Failures in a row that open the breaker."""

AT_LEAST = 20
"""Attempts within a minute of which more than half must fail to open it too."""

PROBE = timedelta(seconds=30)
"""From one probe of a parked endpoint to the next."""

GIVEN_UP = timedelta(hours=120)
"""An endpoint that has only failed for so long is disabled; any success starts the clock again."""

_SLOT_S = 10
_SLOTS = 6

replace = msgspec.structs.replace


def after_success(health: Health, at: datetime) -> Health:
    """It works: whatever was counted against it is forgotten."""
    recent = () if health.parked is not None else _counted(health, at, good=1)
    return replace(health, is_good=True, failures=0, failing=None, recent=recent, parked=None, probe_at=None)


def after_failure(health: Health, at: datetime) -> Health:
    """One more failure; the breaker opens if it is one too many."""
    recent = _counted(health, at, bad=1)
    good, bad = sum(one[1] for one in recent), sum(one[2] for one in recent)
    failures = health.failures + 1
    opens = failures >= IN_A_ROW or (good + bad >= AT_LEAST and bad > good)
    health = replace(health, is_good=False, failures=failures, failing=health.failing or at, recent=recent)
    if health.parked is not None:
        return replace(health, probe_at=at + PROBE)
    return replace(health, parked=at, probe_at=at + PROBE) if opens else health


def is_given_up(health: Health, at: datetime) -> bool:
    """Whether nothing has succeeded for too long."""
    return health.failing is not None and at - health.failing >= GIVEN_UP


def _counted(health: Health, at: datetime, *, good: int = 0, bad: int = 0) -> tuple[tuple[int, int, int], ...]:
    slot = int(at.timestamp()) // _SLOT_S
    kept = [one for one in health.recent if slot - _SLOTS < one[0] <= slot]
    if kept and kept[-1][0] == slot:
        _, were_good, were_bad = kept.pop()
        good, bad = good + were_good, bad + were_bad
    return (*kept, (slot, good, bad))
