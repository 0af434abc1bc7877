"""At most so many messages a second to an endpoint, with a short burst: a token bucket each."""

import asyncio
import time
from collections.abc import Awaitable, Callable


class Pace:
    """Makes callers wait for their turn.

    clock, sleep  seconds; for tests
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._next: dict[str, float] = {}

    async def wait(self, endpoint: str, per_second: float, burst: int) -> None:
        """Until the endpoint may be sent one more."""
        now = self._clock()
        each = 1.0 / per_second
        # the moment at which the bucket would be full again; a full bucket holds `burst`
        full = max(self._next.get(endpoint, now), now) + each
        self._next[endpoint] = full
        delay = full - now - burst * each
        if delay > 0:
            await self._sleep(delay)
