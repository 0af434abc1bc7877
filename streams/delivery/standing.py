"""How endpoints do, for commands: in words, from the table of delivery."""

from typing import Any

import msgspec

from agents.delivery.state import EndpointHead, head_key
from schemas.codec import decode_state
from streams.compression import unpack
from streams.delivery import changelog
from streams.log import EventLog
from streams.settings import Settings

_HEAD = head_key("")


async def heads(event_log: EventLog, settings: Settings) -> dict[str, EndpointHead]:
    """Each endpoint that was ever delivered to, as the worker wrote it last."""
    topic = changelog(settings)
    specs = await event_log.topics()
    if topic not in specs:
        return {}
    last: dict[str, bytes | None] = {}
    for partition in range(specs[topic].partitions):
        async for record in event_log.read(topic, partition, 0):
            key = (record.key or b"").decode("utf-8", "replace")
            endpoint = key.removesuffix(_HEAD)
            if key.endswith(_HEAD) and "/" not in endpoint:  # what ends so may also be a thread's name
                last[endpoint] = record.value
    found = {}
    for endpoint, raw in last.items():
        try:
            found[endpoint] = decode_state(EndpointHead, unpack(raw or b""))
        except msgspec.DecodeError:
            continue  # taken out, or of another version, of which the worker speaks
    return found


async def states(event_log: EventLog, settings: Settings) -> dict[str, str]:
    """How each endpoint does that was ever delivered to, in words."""
    return {endpoint: words(head) for endpoint, head in (await heads(event_log, settings)).items()}


def state(head: EndpointHead | None) -> str:
    """How an endpoint does; None where nothing was ever delivered to it."""
    if head is None:
        return "not tried yet"
    health = head.health
    if health.disabled is not None:
        why = f": {health.why_disabled}" if health.why_disabled else ""
        return f"disabled since {health.disabled:%Y-%m-%d %H:%M} UTC{why}"
    if health.parked is not None:
        return f"parked since {health.parked:%Y-%m-%d %H:%M} UTC"
    if health.failing is not None:
        return f"fails since {health.failing:%Y-%m-%d %H:%M} UTC"
    return "works" if health.is_good else "not tried yet"


def words(head: EndpointHead | None) -> str:
    """The same, with how many deliveries are open."""
    count = open_deliveries(head)
    return f"{state(head)}, {count} open" if count else state(head)


def form(head: EndpointHead | None) -> dict[str, Any]:
    """The same for programs."""
    return {"state": state(head), "open_deliveries": open_deliveries(head)}


def open_deliveries(head: EndpointHead | None) -> int:
    """How many wait for an end."""
    return 0 if head is None else sum(lane.count for lane in head.lanes.values())
