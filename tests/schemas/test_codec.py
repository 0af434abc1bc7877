"""Bytes to events: what is accepted, what is refused, and with which reason and path."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.alert import Alert
from schemas.article import ArticleUpdate
from schemas.codec import MAX_BYTES, alert_from_record, alert_to_record, decode, encode
from schemas.errors import DecodeError, DecodeReason
from tests.builders import NOON, an_alert, an_update


def _reason(raw: bytes | None) -> tuple[DecodeReason, str]:
    with pytest.raises(DecodeError) as caught:
        decode(ArticleUpdate, raw)
    return caught.value.reason, caught.value.detail


@given(st.text(), st.text(min_size=1, max_size=50))
def test_decode_inverts_encode(body: str, item: str) -> None:
    """Any text that JSON can carry survives the round trip."""
    update = an_update(body=body.encode("utf-8", "replace").decode(), item=item.encode("utf-8", "replace").decode())
    assert decode(ArticleUpdate, encode(update)) == update


def test_equal_events_give_equal_bytes() -> None:
    """Encoding is deterministic: ids and comparisons of runs rest on it."""
    assert encode(an_update()) == encode(an_update())


def test_unknown_fields_are_tolerated() -> None:
    """A newer minor version may add fields."""
    document = json.loads(encode(an_update()))
    assert decode(ArticleUpdate, json.dumps(document | {"mood": "calm"}).encode()) == an_update()


def test_missing_optional_field_takes_its_default() -> None:
    """An older minor version may lack fields."""
    document = json.loads(encode(an_update()))
    del document["schema_version"]
    assert decode(ArticleUpdate, json.dumps(document).encode()) == an_update()


def test_unknown_major_version_is_refused() -> None:
    """A version that may mean something else is not guessed at."""
    document = json.loads(encode(an_update())) | {"schema_version": 99}
    assert _reason(json.dumps(document).encode()) == (
        DecodeReason.UNSUPPORTED_SCHEMA,
        "$.schema_version: expected 1, found 99",
    )


def test_unknown_major_version_with_foreign_fields_is_refused_as_such() -> None:
    """The version explains the strange fields, not the other way round."""
    assert _reason(b'{"schema_version": 2, "update_id": 7}')[0] is DecodeReason.UNSUPPORTED_SCHEMA


def test_wrong_type_names_the_field() -> None:
    """The path of the fault is in the message."""
    document = json.loads(encode(an_update())) | {"posts": [{"text": "a"}, {"text": 7}]}
    reason, detail = _reason(json.dumps(document).encode())
    assert (reason, detail) == (DecodeReason.INVALID_FIELD, "Expected `str`, got `int` - at `$.posts[1].text`")


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (None, DecodeReason.EMPTY),
        (b"", DecodeReason.EMPTY),
        (b'{"update_id": ', DecodeReason.INVALID_JSON),
        (b'{"update_id": "\x00"}', DecodeReason.INVALID_JSON),
        (b'{"update_id": "\xff"}', DecodeReason.INVALID_UTF8),
        (b"[" * 100_000, DecodeReason.INVALID_FIELD),
        (b'{"zzz": ' + b"[" * 100_000, DecodeReason.TOO_DEEP),
        (b'{"a": NaN}', DecodeReason.INVALID_JSON),
        (b" " * (MAX_BYTES + 1), DecodeReason.TOO_LARGE),
    ],
    ids=["null", "no bytes", "truncated", "raw NUL", "bad UTF-8", "array", "deep", "NaN", "too large"],
)
def test_malformed_bytes_have_a_closed_reason(raw: bytes | None, reason: DecodeReason) -> None:
    """Each fault has one reason, and none escapes as another exception."""
    assert _reason(raw)[0] is reason


def test_invalid_utf8_names_the_byte() -> None:
    """The position lets an operator find the byte."""
    assert _reason(b'{"update_id": "\xff"}')[1] == "byte 15: expected UTF-8, found 0xff"


def test_size_limit_is_exact() -> None:
    """1,000,000 bytes are accepted, one more is not."""
    update = an_update(body="")
    room = MAX_BYTES - len(encode(update))
    assert len(encode(an_update(body="x" * room))) == MAX_BYTES
    assert decode(ArticleUpdate, encode(an_update(body="x" * room))).body == "x" * room
    assert _reason(encode(an_update(body="x" * (room + 1))))[0] is DecodeReason.TOO_LARGE


@given(st.binary(max_size=200))
def test_decode_raises_nothing_but_decode_error(raw: bytes) -> None:
    """Poison never escapes as an exception that a stage does not expect."""
    try:
        decode(ArticleUpdate, raw)
    except DecodeError as error:
        assert error.reason in DecodeReason


def test_alert_survives_binary_mode() -> None:
    """Attributes travel as headers, data as the value; together they are the alert."""
    key, value, headers = alert_to_record(an_alert())
    assert key == b"story-1"
    assert dict(headers)["ce_type"] == b"tocsin.statement.new.v1"
    assert alert_from_record(value, headers) == an_alert()


def test_alert_survives_structured_mode() -> None:
    """Without attribute headers the value is the whole event."""
    assert alert_from_record(encode(an_alert()), ()) == an_alert()


def test_an_empty_attribute_survives_binary_mode() -> None:
    """Empty is a value; only a header without any is none."""
    alert = msgspec.structs.replace(an_alert(), subject="")
    _, value, headers = alert_to_record(alert)
    assert alert_from_record(value, headers) == alert


def test_a_header_without_a_value_is_an_attribute_that_is_missing() -> None:
    """Kafka's headers may be null; that is a fault of the record, not of the reader."""
    _, value, headers = alert_to_record(an_alert())
    with pytest.raises(DecodeError, match="subject"):
        alert_from_record(value, {**dict(headers), "ce_subject": None})  # type: ignore[arg-type]
    assert alert_from_record(value, {**dict(headers), "ce_traceparent": None}) == an_alert()  # type: ignore[arg-type]


def test_cloudevents_attribute_names_are_lower_case_letters_and_digits() -> None:
    """CloudEvents 1.0 allows nothing else in attribute names."""
    _, _, headers = alert_to_record(an_alert())
    names = [name.removeprefix("ce_") for name, _ in headers if name.startswith("ce_")]
    assert {"id", "source", "type", "specversion", "time", "subject"} <= set(names)
    assert [name for name in names if not (name.isalnum() and name.islower())] == []


def test_alert_of_a_later_major_is_refused() -> None:
    """The type's ending is the schema's major version."""
    _, value, headers = alert_to_record(an_alert())
    later = dict(headers) | {"ce_type": b"tocsin.statement.new.v2"}
    with pytest.raises(DecodeError) as caught:
        alert_from_record(value, later)
    assert caught.value.reason is DecodeReason.UNSUPPORTED_SCHEMA


@pytest.mark.parametrize("value", [None, b"", b"{", b'{"alert_id": 3}', b"\xff"])
def test_broken_alert_value_is_a_decode_error(value: bytes | None) -> None:
    """A foreign writer on an alert topic is refused, not crashed on."""
    _, _, headers = alert_to_record(an_alert())
    with pytest.raises(DecodeError):
        alert_from_record(value, headers)


def test_times_are_kept_with_their_zone() -> None:
    """Aware UTC in, aware UTC out."""
    assert decode(Alert, encode(an_alert())).time == NOON
