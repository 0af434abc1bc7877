"""`tocsin demo`: the bundled live blog through the real pipeline on a fresh embedded log."""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from schemas.alert import Alert
from schemas.article import ArticleUpdate
from schemas.codec import decode
from streams import worker
from streams.alerts import Query, stored
from streams.log import open_log
from streams.sample import SAMPLE_REGISTRY, sample_updates
from streams.settings import Settings
from streams.topics import UPDATES


async def run_demo(show: Callable[[Alert], None], *, keep: Path | None, is_quiet: bool) -> int:
    """Ingest the sample, run until idle, print the alerts. Returns the worker's exit code."""
    with tempfile.TemporaryDirectory(prefix="tocsin-demo-") as temporary:
        directory = keep or Path(temporary)
        settings = Settings(
            broker=f"embedded://{directory.absolute()}?linger_ms=5", partitions=4, registries=(SAMPLE_REGISTRY,)
        )
        updates = sample_updates()
        event_log = await open_log(settings.broker, mode="append")
        await worker.declare_topics(event_log, settings)
        await event_log.append_many(
            [(UPDATES.name, decode(ArticleUpdate, update).item.encode(), update, ()) for update in updates]
        )
        await event_log.close()
        _say(
            is_quiet, f"{len(updates)} raw updates of an invented live blog, through the pipeline on an embedded log.\n"
        )
        started = time.monotonic()
        code = await worker.run(settings, until_idle=True, delivers=False)
        took = time.monotonic() - started
        event_log = await open_log(settings.broker, mode="read")
        count = 0
        async for alert in stored(event_log, Query()):
            show(alert)
            count += 1
        await event_log.close()
        _say(is_quiet, f"\n{count} messages from {len(updates)} updates in {took:.1f} s.")
        if keep is not None:
            _say(is_quiet, f"Read them again: tocsin alerts --broker embedded://{keep}")
        return code


def _say(is_quiet: bool, text: str) -> None:
    if not is_quiet:
        print(text, file=sys.stderr, flush=True)
