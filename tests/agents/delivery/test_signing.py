"""Signatures against the public vector, outside libraries and the rules of rotation."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.delivery import signing
from schemas.delivery import SigningKey
from tests.agents.delivery.webhook_jobs import OTHER_SECRET, SECRET
from tests.builders import NOON


def test_public_vector() -> None:
    """The published example of Standard Webhooks comes out to the byte."""
    key = SigningKey(secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    at = datetime.fromtimestamp(1614265330, UTC)

    signature = signing.sign([key], message_id="msg_p5jXN8AQM9LWM0D4loKWxJek", at=at, body=b'{"test": 2432232314}')

    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_only_whole_seconds_are_signed() -> None:
    """The fraction of a second stands nowhere in what is sent, so it is not signed either."""
    key = SigningKey(secret=SECRET)

    exact = signing.sign([key], message_id="msg_1", at=NOON, body=b"x")
    later = signing.sign([key], message_id="msg_1", at=NOON + timedelta(seconds=0.9), body=b"x")

    assert later == exact
    assert signing.timestamp(NOON + timedelta(seconds=0.9)) == 1773489600


def test_both_keys_sign_during_a_rotation() -> None:
    """As long as the old key is valid there are two signatures, each what its key alone gives."""
    new, old = SigningKey(secret=SECRET), SigningKey(secret=OTHER_SECRET, until=NOON + timedelta(hours=24))

    both = signing.sign([new, old], message_id="msg_1", at=NOON + timedelta(hours=23), body=b"x").split(" ")

    at = NOON + timedelta(hours=23)
    assert both == [signing.sign([key], message_id="msg_1", at=at, body=b"x") for key in (new, old)]


@pytest.mark.parametrize("late", [timedelta(0), timedelta(seconds=1), timedelta(days=400)])
def test_an_old_key_signs_no_more_from_its_end_on(late: timedelta) -> None:
    """From `until` on the newest key signs alone."""
    new, old = SigningKey(secret=SECRET), SigningKey(secret=OTHER_SECRET, until=NOON)

    signature = signing.sign([new, old], message_id="msg_1", at=NOON + late, body=b"x")

    assert signature == signing.sign([new], message_id="msg_1", at=NOON + late, body=b"x")


def test_without_a_key_there_is_no_signature() -> None:
    """An expired or unreadable key signs nothing."""
    keys = [SigningKey(secret=SECRET, until=NOON), SigningKey(secret="whsec_c2hvcnQ=")]

    assert signing.sign(keys, message_id="msg_1", at=NOON, body=b"x") == ""


@pytest.mark.parametrize("length", [24, 25, 32, 64])
def test_secrets_of_24_to_64_bytes_are_good(length: int) -> None:
    """Both bounds are included."""
    assert signing.fault(signing.secret_of(b"k" * length)) is None


@pytest.mark.parametrize(
    ("secret", "found"),
    [
        (signing.secret_of(b"k" * 23), "found 23 bytes"),
        (signing.secret_of(b"k" * 65), "found 65 bytes"),
        ("whsec_", "found 0 bytes"),
        ("whsec_not base64 at all, but long enough", "found no base64"),
        ("whsec_YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYQ", "found no base64"),
        ("whsec_ÄÄÄÄ", "found no base64"),
        ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "found another beginning"),
        ("", "found another beginning"),
    ],
)
def test_a_bad_secret_is_told_without_showing_it(secret: str, found: str) -> None:
    """The fault says what was found, in numbers and words only."""
    assert signing.fault(secret) == f"expected whsec_ and 24 to 64 bytes in base64, {found}"


@given(st.text())
def test_any_text_may_be_a_secret(text: str) -> None:
    """No text raises, and what is called good can be decoded."""
    is_good = signing.fault("whsec_" + text) is None

    assert not is_good or 24 <= len(base64.b64decode(text)) <= 64


@given(st.text(), st.binary())
def test_any_id_and_body_can_be_signed(message_id: str, body: bytes) -> None:
    """Neither lone surrogates nor arbitrary bytes raise."""
    signature = signing.sign([SigningKey(secret=SECRET)], message_id=message_id, at=NOON, body=body)

    assert signature.startswith("v1,")
