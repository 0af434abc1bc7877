"""The book of a worker follows the topics: whole before routing begins, current after, unharmed by what is wrong."""

import logging
from datetime import timedelta
from typing import Any

import pytest

from agents.routing.book import Book
from schemas.codec import encode
from schemas.errors import LogError
from schemas.subscription import Matcher, Operator, Silence, silence
from streams.log import TopicPartition
from streams.routing import following
from streams.routing.following import Follower
from streams.topics import SUBSCRIPTIONS
from tests.agents.routing.builders import a_subscription, replace
from tests.builders import NOON
from tests.streams.routing_log import FakeLog


def a_silence(**changes: Any) -> Silence:
    """Of one story, for an hour."""
    matchers = (Matcher("story", Operator.EQUAL, "story-1"),)
    settings = {"matchers": matchers, "author": "ann", "reason": "a test", "starts_at": NOON}
    return silence(**({**settings, "ends_at": NOON + timedelta(hours=1)} | changes))


def followed(log: FakeLog, on_release: Any = lambda: None) -> Follower:
    return Follower(log, Book(), on_release)  # type: ignore[arg-type]


async def test_the_last_record_of_a_key_counts() -> None:
    """An edit replaces, a record without a value removes."""
    log = FakeLog()
    first, gone = a_subscription("first"), a_subscription("gone")
    edited = replace(first, version=2, target="C0OTHER")
    log.put(first)
    log.put(gone)
    log.put(edited)
    log.write(SUBSCRIPTIONS.name, gone.id.encode(), None)
    log.put(a_silence())
    follower = followed(log)

    await follower.load()

    assert follower.book.subscriptions == {first.id: edited}
    assert follower.book.silences == {a_silence().id: a_silence()}


async def test_what_comes_after_the_load_is_followed_from_there() -> None:
    """Nothing is read twice, nothing is missed in between."""
    log = FakeLog()
    log.put(a_subscription("first"))
    follower = followed(log)
    await follower.load()
    log.put(a_subscription("second"))

    await follower.follow()

    assert {one.name for one in follower.book.subscriptions.values()} == {"first", "second"}


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        (b"sub_1", b"no JSON", "invalid_json"),
        (a_subscription().id.encode(), encode(a_subscription(group_wait_s=-1)), "group_wait_s: expected"),
        (b"sub_other", encode(a_subscription()), "id: expected the key of its record"),
        (None, encode(a_subscription()), "id: expected the key of its record"),
    ],
    ids=["no-json", "invalid", "foreign-key", "no-key"],
)
async def test_an_entry_that_cannot_be_used_is_one_warning(
    key: bytes, value: bytes, says: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is skipped, and what comes behind it is taken."""
    log = FakeLog()
    log.write(SUBSCRIPTIONS.name, key, value)
    log.put(a_subscription("good"))
    follower = followed(log)

    with caplog.at_level(logging.WARNING):
        await follower.load()

    assert [one.name for one in follower.book.subscriptions.values()] == ["good"]
    (line,) = caplog.messages
    assert line.startswith("SubscriptionIgnored topic=subscriptions partition=0 offset=0")
    assert says in line


async def test_a_silence_that_is_taken_away_releases_what_it_held() -> None:
    """Once for its removal, not for its beginning."""
    log = FakeLog()
    released: list[str] = []
    follower = followed(log, lambda: released.append("now"))
    log.put(a_silence())
    await follower.load()
    assert released == []
    log.write("silences", a_silence().id.encode(), None)

    await follower.follow()

    assert released == ["now"]


async def test_a_broker_that_cannot_be_read_for_a_while_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """From where it broke off; the worker goes on with the book as it was."""
    log = FakeLog()
    log.put(a_subscription("first"))
    log.put(a_subscription("second"))
    tail, starts = log.tail, []

    async def broken_once(topics: list[str], start: Any) -> Any:
        starts.append(dict(start))
        async for record in tail(topics, start):
            yield record
            if len(starts) == 1:
                raise LogError("no leader")

    monkeypatch.setattr(log, "tail", broken_once)
    monkeypatch.setattr(following, "RETRY_S", 0.0)
    empty = FakeLog()
    monkeypatch.setattr(log, "ends", empty.ends)
    follower = followed(log)
    await follower.load()

    await follower.follow()

    place = TopicPartition(SUBSCRIPTIONS.name, 0)
    assert [one[place] for one in starts] == [0, 1]
    assert {one.name for one in follower.book.subscriptions.values()} == {"first", "second"}
    assert caplog.messages == ["BookNotFollowed reason=no leader"]


async def test_a_log_that_is_broken_for_good_ends_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is raised, not asked again for ever."""
    log = FakeLog()
    follower = followed(log)
    await follower.load()
    monkeypatch.setattr(log, "failure", LogError("disk gone"))

    async def broken(*_: Any) -> Any:
        raise LogError("disk gone")
        yield

    monkeypatch.setattr(log, "tail", broken)
    with pytest.raises(LogError):
        await follower.follow()
