"""Lines of an archive: every byte comes back, and what is no line is refused in one."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import InputError
from streams.archive.lines import (
    MAX_LINE,
    ArchivedTopic,
    Header,
    decode_footer,
    decode_header,
    decode_record,
    encode_header,
    encode_record,
)
from streams.log import Record, TopicSpec
from tests.streams.archive.archives import WEEK, a_header, a_record

bodies = st.none() | st.binary(max_size=50) | st.text(max_size=50).map(str.encode)
names = st.text(st.characters(codec="utf-8"), max_size=20)
timestamps = st.floats(allow_nan=False, allow_infinity=False)
records = st.builds(
    Record,
    names,
    st.integers(0, 2**31 - 1),
    st.integers(0, 2**63 - 1),
    timestamps,
    bodies,
    bodies,
    st.lists(st.tuples(names, bodies), max_size=4).map(tuple),
)


@given(records)
def test_every_record_comes_back(record: Record) -> None:
    """Key, value and headers byte for byte, None apart from nothing, the timestamp bit for bit, all in one line."""
    line = encode_record(record)
    assert decode_record(line) == record
    assert (line.count(b"\n"), line.endswith(b"\n")) == (1, True)


def test_text_stands_as_text_and_other_bytes_in_base64() -> None:
    """Plain tools can read and search an archive."""
    record = a_record(key="größe".encode(), value=b"\xff\x00", headers=(("a", b"x"), ("a", b"\xfe"), ("b", None)))
    assert json.loads(encode_record(record)) == {
        "topic": "updates",
        "partition": 0,
        "offset": 0,
        "timestamp": record.timestamp,
        "key": "größe",
        "value_b64": "/wA=",
        "headers": [["a", "x"], ["a", {"b64": "/g=="}], ["b", None]],
    }


def test_what_is_absent_is_null() -> None:
    """A tombstone can be told from an empty value; a line that leaves a field out means the same."""
    line = json.loads(encode_record(a_record(key=b"", value=None)))
    assert (line["key"], line["value"]) == ("", None)
    del line["value"]
    assert decode_record(json.dumps(line).encode()) == a_record(key=b"", value=None)


def test_a_large_record_of_control_characters_fits_a_line() -> None:
    """Their escapes would make it six times as long; as base64 it comes back all the same."""
    record = a_record(value=b"\x00" * 60_000_000)
    line = encode_record(record)
    assert len(line) < MAX_LINE
    assert decode_record(line).value == record.value


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (b"", "expected JSON, found: Input data was truncated"),
        (b"[]", "Expected `object`, got `array`"),
        (b'{"topic":"updates"}', "Object missing required field `partition`"),
        (b'{"topic":"t","partition":-1,"offset":0,"timestamp":0}', "Expected `int` >= 0 - at `$.partition`"),
        (b'{"topic":"t","partition":0,"offset":0,"timestamp":"now"}', "Expected `float`, got `str` - at `$.timestamp`"),
        (b'{"topic":"t","partition":0,"offset":0,"timestamp":0,"valu":""}', "Object contains unknown field `valu`"),
        (
            b'{"topic":"t","partition":0,"offset":0,"timestamp":0,"key":"","key_b64":""}',
            "expected either key or key_b64, found both",
        ),
        (
            b'{"topic":"t","partition":0,"offset":0,"timestamp":0,"key_b64":"a"}',
            "key_b64: expected base64, found: Invalid base64-encoded string: number of data characters (1) cannot be "
            "1 more than a multiple of 4",
        ),
        (
            b'{"topic":"t","partition":0,"offset":0,"timestamp":0,"value_b64":"Y-Q=="}',
            "value_b64: expected base64, found: Only base64 data is allowed",
        ),
    ],
)
def test_what_is_no_record_is_refused(line: bytes, fault: str) -> None:
    """In one line that says what was expected and what was found."""
    with pytest.raises(InputError) as refusal:
        decode_record(line)
    assert str(refusal.value) == fault


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_no_bytes_are_more_than_refused(line: bytes) -> None:
    """Whatever stands in a file, the reader answers with a record or with InputError."""
    for decode in (decode_record, decode_header, decode_footer):
        try:
            decode(line)
        except InputError as refusal:
            assert "\n" not in str(refusal)


def test_deep_nesting_is_refused() -> None:
    """It ends in no recursion."""
    with pytest.raises(InputError):
        decode_record(b"[" * 100_000)
    with pytest.raises(InputError):
        decode_header(b'{"tocsin_archive":' * 100_000)


def test_a_header_comes_back() -> None:
    """With the topics as they were, and the bounds that were asked for."""
    dawn = datetime(2026, 3, 14, 6, 0, tzinfo=UTC)
    specs = [TopicSpec(name="a", partitions=3, retention=WEEK), TopicSpec(name="b", partitions=1, is_compacted=True)]
    header = Header(1, dawn, tuple(ArchivedTopic.of(spec) for spec in specs), dawn, None)
    found = decode_header(encode_header(header))
    assert found == header
    assert [topic.spec() for topic in found.topics] == specs
    assert json.loads(encode_header(header))["from"] == "2026-03-14T06:00:00Z"


@pytest.mark.parametrize(
    ("topics", "fault"),
    [
        ((ArchivedTopic("a b", 1),), "topic: expected 1 to 249 letters, digits, '.', '_' or '-', found 'a b'"),
        ((ArchivedTopic("a", 1), ArchivedTopic("a", 2)), "topics: expected each topic once, found one twice"),
        ((ArchivedTopic("a", 1, True, 5.0),), "topic a: expected compaction or retention, found both"),
    ],
)
def test_a_header_with_topics_that_no_log_can_have_is_refused(topics: tuple[ArchivedTopic, ...], fault: str) -> None:
    """Before anything is created."""
    with pytest.raises(InputError) as refusal:
        decode_header(encode_header(a_header(topics)))
    assert str(refusal.value) == fault


def test_an_archive_of_a_later_version_is_refused() -> None:
    """Whatever else it holds."""
    with pytest.raises(InputError) as refusal:
        decode_header(b'{"tocsin_archive":2,"topics":"otherwise"}')
    assert str(refusal.value) == "expected an archive of version 1, found 2; update tocsin"
