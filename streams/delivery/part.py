"""Delivery as a part of a worker: the app, the endpoints that it follows, and the sender."""

from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any

from schemas.errors import InputError
from streams.delivery.app import create_notifier
from streams.delivery.content import Content
from streams.delivery.endpoints import EndpointBook, EndpointFollower
from streams.delivery.sealing import load_sealer
from streams.log import EventLog
from streams.settings import Settings

PATIENCE_S = 8.0
"""How long a stopping worker waits for answers, seconds; what has none by then is tried again later."""


WAITING_S = 10.0
"""Not idle while an attempt is due so soon, seconds: a first repetition is waited for, a receiver that is down not."""


class Delivering:
    """What leads from notifications to receivers."""

    waits_s = WAITING_S

    def __init__(self, settings: Settings, event_log: EventLog, datadir: Path) -> None:
        self._book = book = EndpointBook()
        self._sealer = load_sealer(settings, needs_key=False)
        self._content = Content(event_log)
        self._notifier = create_notifier(
            settings,
            datadir=datadir / "delivery",
            book=book,
            sealer=self._sealer,
            content=self._content,
        )
        self.pipeline = self._notifier.pipeline
        self._sender = self._notifier.sender
        self._follower = EndpointFollower(event_log, book, self._sender.endpoint_changed)
        self._is_alone = settings.is_embedded

    async def load(self) -> None:
        """The book of endpoints. Raises InputError where there are credentials and no key to open them."""
        await self._follower.load()
        if not self._sealer.has_keys and any(one.sealed for one in self._book.values()):
            raise InputError(
                "delivery.key_file: expected the key that sealed the credentials of endpoints, found none; "
                "name its file there, or set TOCSIN_DELIVERY_KEY"
            )

    def tasks(self) -> Mapping[str, Coroutine[Any, Any, None]]:
        """Follows endpoints and alerts, and reports."""
        return {"endpoints": self._follower.follow(), "alerts": self._content.follow(), "sender": self._sender.run()}

    async def ready(self) -> None:
        """Reports can be written. On a log with one owner, whoever left leases behind is dead."""
        self._sender.ready()
        if self._is_alone:
            self._sender.recover(self._notifier.heads())

    def is_busy(self) -> bool:
        """Whether something is on its way to a receiver."""
        return self._sender.in_flight > 0

    async def stop(self) -> None:
        """Answers that are under way are still written down."""
        await self._sender.stop(PATIENCE_S)
