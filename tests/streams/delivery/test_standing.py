"""How endpoints do, read from the changelog of delivery's table."""

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from agents.delivery.state import EndpointHead, Health, Lane, head_key, thread_key
from schemas.codec import encode_state
from schemas.delivery import Endpoint
from streams.cli import cli
from streams.compression import pack
from streams.delivery import changelog, endpoints, standing
from streams.log import Draft, TopicSpec
from streams.routing import stored
from streams.settings import Settings, load
from tests.builders import NOON

SINCE = f"since {NOON:%Y-%m-%d %H:%M} UTC"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Of an embedded log alone."""
    monkeypatch.chdir(tmp_path)
    for name in ("TOCSIN_BROKER", "TOCSIN_APP_ID", "TOCSIN_PARTITIONS"):
        monkeypatch.delenv(name, raising=False)
    return load({})


def lane(count: int) -> Lane:
    """With so many open deliveries."""
    return Lane(first="a", last="b", count=count, due=NOON, since=NOON, expires=NOON)


def head(*counts: int, **health: object) -> EndpointHead:
    """An endpoint with a lane for each count."""
    lanes = {f"story-{n}": lane(count) for n, count in enumerate(counts)}
    return EndpointHead(health=Health(**health), lanes=lanes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (head(), {"state": "not tried yet", "open_deliveries": 0}),
        (head(1), {"state": "not tried yet", "open_deliveries": 1}),
        (head(is_good=True), {"state": "works", "open_deliveries": 0}),
        (head(2, 1, failures=2, failing=NOON), {"state": f"fails {SINCE}", "open_deliveries": 3}),
        (head(4, failures=10, failing=NOON, parked=NOON), {"state": f"parked {SINCE}", "open_deliveries": 4}),
        (
            head(failing=NOON, disabled=NOON, why_disabled="by ann"),
            {"state": f"disabled {SINCE}: by ann", "open_deliveries": 0},
        ),
    ],
    ids=["new", "waits", "works", "fails", "parked", "disabled"],
)
def test_how_an_endpoint_does_is_one_of_few_words(found: EndpointHead, expected: dict[str, object]) -> None:
    """The worst that is true, and since when."""
    assert standing.form(found) == expected


def test_the_last_record_of_an_endpoint_counts(settings: Settings) -> None:
    """Packed or not; threads that end like its key do not, nor what cannot be read."""
    large = pack(encode_state(head(*(1,) * 3_000, is_good=True)))
    assert large[:1] != b"{"
    records = [
        (head_key("one"), b"{"),
        (head_key("one"), large),
        (thread_key("one", "x/delivery"), encode_state(head())),
        (head_key("gone"), encode_state(head())),
        (head_key("gone"), None),
        (head_key("other"), b"{"),
    ]

    async def write() -> dict[str, str]:
        async with stored.opened(settings, writes=True) as event_log:
            await endpoints.put(event_log, Endpoint(id="one", channel="stdout", owner="desk"))
            partitions = settings.partitions
            await event_log.create_topic(TopicSpec(name=changelog(settings), partitions=partitions, is_compacted=True))
            await event_log.append_many([Draft(changelog(settings), key.encode(), value) for key, value in records])
            return await standing.states(event_log, settings)

    assert asyncio.run(write()) == {"one": "works, 3000 open"}
    told = json.loads(CliRunner().invoke(cli, ("endpoints", "list", "--json")).stdout)
    assert (told["state"], told["open_deliveries"]) == ("works", 3_000)
    assert "\tworks, 3000 open\t" in CliRunner().invoke(cli, ("endpoints", "list")).stdout
