"""Delivery as a Faust app of its own: whoever runs it, in the worker or alone, its state and its place are the same."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from agents.delivery.channels import Answer, Channel, Fault, Http, Line, Mail, Notice
from agents.delivery.channels.catalogue import CHANNELS
from agents.delivery.machine import Limits, Machine
from agents.delivery.state import head_key
from schemas.delivery import Credentials, Endpoint
from schemas.routing import Notification
from streams import topics
from streams.app import Agents, Pipeline, decoder
from streams.delivery import app_id, records
from streams.delivery.content import Content
from streams.delivery.http import HttpClients
from streams.delivery.sealing import Sealer
from streams.delivery.sender import Sender, Transport, lease_s
from streams.delivery.steps import DeliveryStep, Dispatch
from streams.routing.records import Receiver
from streams.routing.timers import Clocked, Scheduler
from streams.settings import Settings
from streams.stage import Binding, exit_now


def limits(channels: Mapping[str, Channel]) -> dict[str, Limits]:
    """What the state machine knows of the channels."""
    return {name: Limits(one.concurrency, one.per_second is not None) for name, one in channels.items()}


def machine(settings: Settings, channels: Mapping[str, Channel] = CHANNELS) -> Machine:
    """The state machine under these settings."""
    lease = timedelta(seconds=lease_s(settings.delivery.timeout_s))
    return Machine(limits(channels), lease=lease, scale=settings.delivery.retry_scale)


class Notifier(NamedTuple):
    """The app, and who sends for it."""

    pipeline: Pipeline
    sender: Sender
    clocked: Clocked

    def heads(self) -> tuple[str, ...]:
        """Endpoints that the tables know."""
        return tuple(self.clocked.heads())


class _Http:
    """HTTP clients as a transport: they know an endpoint by its id."""

    def __init__(self, clients: HttpClients) -> None:
        self._clients = clients

    async def send(self, endpoint: Endpoint, credentials: Credentials, call: Http) -> Answer | Fault:
        del credentials  # they are in the call
        return await self._clients.send(endpoint.id, call)

    async def close_idle(self, older_than_s: float) -> None:
        await self._clients.close_idle(older_than_s)

    async def close(self) -> None:
        await self._clients.close()


def transports(settings: Settings) -> dict[type[Any], Transport]:
    """One for each kind of call."""
    from streams.delivery.apprise import AppriseNotifier
    from streams.delivery.files import FileWriter
    from streams.delivery.mail import Mailer

    delivery = settings.delivery
    http = HttpClients(allow=delivery.allow, ports=delivery.ports, timeout_s=delivery.timeout_s)
    return {
        Http: _Http(http),
        Mail: Mailer(allow=delivery.allow, timeout_s=delivery.timeout_s),
        Line: FileWriter(),
        Notice: AppriseNotifier(allow=delivery.allow, timeout_s=delivery.timeout_s),
    }


def create_notifier(
    settings: Settings,
    *,
    datadir: Path,
    book: Mapping[str, Endpoint],
    sealer: Sealer,
    content: Content,
    channels: Mapping[str, Channel] = CHANNELS,
    die: Callable[[int, str], None] = exit_now,
) -> Notifier:
    """Delivery on the broker of the settings. Nothing starts before `await app.start()`.

    datadir  where Faust may create its own folder
    book     endpoints; whole before the start, and followed by whoever made it
    """
    agents = Agents(settings, app_id(settings), datadir=datadir, die=die)
    agents.add(
        topics.NOTIFICATIONS,
        "dispatch",
        decoder(Notification),
        [Binding(Dispatch(), None, None)],
        route=records.to_deliveries,
    )
    decides = machine(settings, channels)
    step = DeliveryStep(decides, book)
    # No memos: what is read again finds the delivery ended, open already, or under another lease.
    delivery = agents.bound(step, None)
    stage = agents.add(
        topics.DELIVERIES,
        "delivery",
        records.read_delivery,
        [delivery],
        route=records.Router(app_id(settings), settings.partitions),
        receive=Receiver(),
    )
    clocked = Clocked(stage, delivery, topics.DELIVERIES, decides.due, head_key(""), records.to_deliveries)
    scheduler = Scheduler([clocked], agents.publish)
    sender = Sender(
        machine=decides,
        stage=stage,
        step=step,
        book=book,
        sealer=sealer,
        content=content,
        channels=channels,
        transports=transports(settings),
        publish=agents.publish,
        timeout_s=settings.delivery.timeout_s,
        max_in_flight=settings.delivery.max_in_flight,
    )
    stage.on_settled(sender.settled)
    return Notifier(agents.pipeline(scheduler, sender.forget), sender, clocked)
