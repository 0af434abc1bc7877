"""A worker with one thing made worse: `python -m tests.kafka.worker_with_faults FAULT [ARGUMENTS OF tocsin run]`."""

import asyncio
import sys
from typing import Any

from agents.entries.step import EntriesStep
from streams import cli, stage
from streams import kafka as driver

SLOW_S = 0.5
DEFECT = "up_defect"


def slow_seek() -> None:
    """After a rebalance, half a second passes between the seek to the committed offsets and what follows it.

    Upstream fetches and delivers in between, and then clears what was delivered: it is not read again, and the
    partition's commits stand still for ever.
    """
    seek = driver.Consumer.perform_seek

    async def perform_seek(self: Any) -> None:
        await seek(self)
        await asyncio.sleep(SLOW_S)

    driver.Consumer.perform_seek = perform_seek  # type: ignore[method-assign]


def stuck_stage() -> None:
    """No output is ever delivered, as when a producer hangs."""

    async def deliver(*_: Any) -> None:
        await asyncio.Event().wait()

    stage.deliver = deliver  # type: ignore[assignment]


def failing_step() -> None:
    """The first step raises for updates whose id says so, as a defect in a rule would."""
    decide = EntriesStep.decide

    def decide_or_fail(self: EntriesStep, state: Any, update: Any) -> Any:
        if update.update_id.startswith(DEFECT):
            raise ZeroDivisionError("a defect in a rule")
        return decide(self, state, update)

    EntriesStep.decide = decide_or_fail  # type: ignore[method-assign]


FAULTS = {"slow-seek": slow_seek, "stuck-stage": stuck_stage, "failing-step": failing_step}

if __name__ == "__main__":
    FAULTS[sys.argv.pop(1)]()
    cli.main()
