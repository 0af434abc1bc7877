"""Sentences: where they end, and that one sentence alone equals the full split."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.text.sentences import sentence_around, sentences

TRICKY = st.text(alphabet=st.sampled_from(list("aBe .'\"“”‘’«»\n,?!s5-„US…。")), max_size=80)


def split(text: str) -> list[str]:
    return [span.of(text) for span in sentences(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Rain fell. Snow came.", ["Rain fell.", "Snow came."]),
        ("Mr. Moe met Gen. Oru at 5 p.m. on Friday.", ["Mr. Moe met Gen. Oru at 5 p.m. on Friday."]),
        ("It ended at 5 p.m. The crowd left.", ["It ended at 5 p.m.", "The crowd left."]),
        ("The U.S. Senate met on Jan. 5 with J. R. Moe.", ["The U.S. Senate met on Jan. 5 with J. R. Moe."]),
        ("No. 5 won. He said no. Then it rained.", ["No. 5 won.", "He said no.", "Then it rained."]),
        ("One line\nanother line", ["One line", "another line"]),
        ('"Go home." he said. Nobody went.', ['"Go home." he said.', "Nobody went."]),
        ('"Is it over?" Ana Lind asked. Nobody knew.', ['"Is it over?" Ana Lind asked.', "Nobody knew."]),
        ("He waited... and left. Wait... What?", ["He waited... and left.", "Wait...", "What?"]),
        ("That was the end.Then it rained.", ["That was the end.", "Then it rained."]),
        ("It rose 3.5 per cent. Shares fell.", ["It rose 3.5 per cent.", "Shares fell."]),
        ("終わり。始まり。", ["終わり。", "始まり。"]),
        ("  \n\t ", []),
        ("", []),
    ],
)
def test_splits_where_a_reader_would(text: str, expected: list[str]) -> None:
    """Abbreviations, initials, numbers and quotations do not end a sentence; a line end does."""
    assert split(text) == expected


def test_splits_only_the_asked_range() -> None:
    """Spans of a part index the whole text."""
    text = "One. Two here. Three."
    assert [s.of(text) for s in sentences(text, 5, 14)] == ["Two here."]


def test_sentence_around_covers_both_ends() -> None:
    """A hit over a sentence boundary gives both sentences."""
    text = "Rain fell hard. Snow came late. All slept."
    assert sentence_around(text, 10, 18).of(text) == "Rain fell hard. Snow came late."


@given(TRICKY)
def test_sentence_around_equals_the_full_split(text: str) -> None:
    """Wherever a hit lies, the neighbourhood gives what the full split gives."""
    for span in sentences(text):
        assert span.of(text).strip() == span.of(text) != ""
        for at in range(span.start, span.end):
            assert sentence_around(text, at, at + 1) == span


@given(TRICKY, st.integers(20, 60))
def test_sentence_around_equals_the_full_split_of_long_lines(text: str, times: int) -> None:
    """The window grows until it holds the boundary."""
    long = (text + " abc def ghi ") * times
    for span in sentences(long)[:: max(1, times // 4)]:
        assert sentence_around(long, span.start, span.end) == span


@given(st.text(max_size=200), st.integers(-5, 210), st.integers(-5, 210))
def test_never_raises(text: str, start: int, end: int) -> None:
    """Any text and any range have an answer inside the text."""
    assert all(0 <= s.start < s.end <= len(text) for s in sentences(text))
    around = sentence_around(text, start, end)
    assert 0 <= around.start <= around.end <= len(text)


def test_the_list_is_the_callers_own() -> None:
    """Texts are remembered for a while; changing what one caller got changes nothing for the next."""
    text = "It rained. It poured."
    sentences(text).clear()

    assert [span.of(text) for span in sentences(text)] == ["It rained.", "It poured."]
