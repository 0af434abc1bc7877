"""The book of endpoints follows its topic, unharmed by what is wrong; commands find endpoints by id."""

import logging

import pytest

from schemas.codec import encode
from schemas.delivery import Endpoint
from schemas.errors import InputError
from streams.delivery.endpoints import EndpointBook, EndpointFollower, Known, faults
from streams.topics import ENDPOINTS
from tests.streams.routing_log import FakeLog


def an_endpoint(id: str = "hook", **changes: object) -> Endpoint:
    return Endpoint(**({"id": id, "channel": "webhook", "owner": "desk"} | changes))  # type: ignore[arg-type]


class EndpointLog(FakeLog):
    """With the one topic."""

    def __init__(self) -> None:
        super().__init__()
        self.topics_ = {ENDPOINTS.name: []}

    def add(self, endpoint: Endpoint) -> None:
        self.write(ENDPOINTS.name, endpoint.id.encode(), encode(endpoint))


async def test_the_last_record_of_a_key_counts() -> None:
    """An edit replaces, a record without a value removes; what comes after the load is followed from there."""
    log, book, changed = EndpointLog(), EndpointBook(), list[str]()
    follower = EndpointFollower(log, book, changed.append)  # type: ignore[arg-type]
    log.add(an_endpoint("gone"))
    log.add(an_endpoint())
    await follower.load()
    log.add(an_endpoint(version=2, owner="night"))
    log.write(ENDPOINTS.name, b"gone", None)

    await follower.follow()

    assert book == {"hook": an_endpoint(version=2, owner="night")}
    assert changed == ["gone", "hook", "hook", "gone"]


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        (b"hook", b"{", "invalid_json"),
        (b"other", encode(an_endpoint()), "id: expected the key of its record, found 'hook'"),
        (b"hook", encode(an_endpoint(channel="No Word")), "channel: expected a lower-case word"),
    ],
    ids=["no event", "another key", "no channel"],
)
async def test_a_record_that_cannot_be_used_changes_nothing(
    key: bytes, value: bytes, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is warned of; what was known stays."""
    log, book = EndpointLog(), EndpointBook()
    log.add(an_endpoint())
    log.write(ENDPOINTS.name, key, value)
    with caplog.at_level(logging.WARNING):
        await EndpointFollower(log, book).load()  # type: ignore[arg-type]
    assert book == {"hook": an_endpoint()}
    assert "EndpointIgnored topic=endpoints partition=0 offset=1" in caplog.text
    assert why in caplog.text


@pytest.mark.parametrize("id", ["whsec_planted", "xoxb-planted", "https://planted.example/"])
def test_a_secret_is_no_id_and_is_not_repeated(id: str) -> None:
    """Ids are listed, logged and written in every record."""
    (line,) = faults(an_endpoint(id))
    assert line == "id: expected the id of an endpoint, found an address or a secret"


def test_an_endpoint_is_found_by_the_beginning_of_its_id() -> None:
    """Where it is the only one; a whole id counts before a beginning."""
    known = Known({one.id: one for one in (an_endpoint("desk"), an_endpoint("desk-2"), an_endpoint("night"))})
    assert (known.find("desk").id, known.find("n").id) == ("desk", "night")
    with pytest.raises(InputError, match="which is several: desk, desk-2"):
        known.find("d")
    with pytest.raises(InputError, match="which is unknown; see `tocsin endpoints list`"):
        known.find("")
