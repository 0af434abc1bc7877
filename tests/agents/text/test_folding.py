"""Folding: what becomes equal, and where offsets lead back to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.text.folding import fold, fold_phrase
from schemas.event import Span


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ISTANBUL", "İstanbul"),
        ("Kırıkkale", "kirikkale"),
        ("Straße", "STRASSE"),
        ("Café", "cafe"),
        ("Cafe\u0301", "cafe"),
        ("“Łukasz”", "lukasz"),
        ("Ærø", "aero"),
        ("Þór", "thor"),
        ("so\u00adlo", "solo"),
    ],
)
def test_spellings_fold_to_the_same(one: str, other: str) -> None:
    """Case, accents, marks and ligatures make no difference."""
    assert fold_phrase(one) == fold_phrase(other)


def test_unknown_characters_become_one_space_each() -> None:
    """A character of another script never glues its neighbours together."""
    assert fold("a한b 7").data == b" a b 7 "


def test_apostrophe_parts_the_possessive() -> None:
    """The name in a possessive is a word of its own."""
    assert fold("Ruiz’s").data == b" ruiz s "


@pytest.mark.parametrize("word", ["Norhaven", "Istanbul", "strasse"])
def test_span_leads_back_over_length_changes(word: str) -> None:
    """Sharp s, ellipsis, ligature and decomposed accents before a word do not shift its span."""
    text = f"Ærøsund… Cafe\u0301 Straße ½ – {word}!"
    folded = fold(text)
    start = folded.data.index(f" {word.lower()} ".encode(), 20) + 1

    assert folded.span(start, start + len(word)).of(text) == word


def test_span_widens_to_whole_characters() -> None:
    """Half of a folded sharp s stands for all of it; an accent stays with its letter."""
    assert fold("ß").span(1, 2) == Span(0, 1)
    assert fold("e\u0301x").span(1, 2) == Span(0, 2)


@given(st.text())
def test_folded_is_padded_ascii_and_spans_are_in_range(text: str) -> None:
    """Any text folds to lower-case ASCII between two spaces, and each byte has a place in the original."""
    folded = fold(text)

    assert folded.data.isascii() and folded.data[:1] == folded.data[-1:] == b" "
    assert folded.data == folded.data.lower()
    ends = [folded.span(at, at + 1) for at in range(1, len(folded.data) - 1)]
    assert all(0 <= span.start <= span.end <= len(text) for span in ends)
    assert [span.start for span in ends] == sorted(span.start for span in ends)


@given(st.text(), st.text())
def test_folding_is_done_character_by_character(one: str, other: str) -> None:
    """Folding a text is folding its parts."""
    assert fold(one + other).data[1:-1] == fold(one).data[1:-1] + fold(other).data[1:-1]
