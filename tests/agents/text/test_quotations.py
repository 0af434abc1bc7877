"""Quotations: typed pairs, apostrophes, nesting, recovery, several paragraphs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.text.quotations import quotations


def inner(text: str) -> list[str]:
    return [q.inner.of(text) for q in quotations(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('She said "we go" at noon.', ["we go"]),
        ("She said “we go” at noon.", ["we go"]),
        ('She said “we go" at noon.', ["we go"]),
        ('She said "we go” at noon.', ["we go"]),
        ("Elle dit «on y va» à midi.", ["on y va"]),
        ("Sie sagt „wir gehen“ und »sofort« dazu.", ["wir gehen", "sofort"]),
        ("She said ‘we go’ at noon.", ["we go"]),
        ("She said 'we go' at noon.", ["we go"]),
        ("She said ''we go'' at noon.", ["we go"]),
        ("She said ``we go'' at noon.", ["we go"]),
        ("'I don't know James' dog,' he said.", ["I don't know James' dog,"]),
        ("The voters' anger and the '90s and rock 'n' roll and get 'em.", []),
        ("A 6'2\" man and a 5'10\" man.", []),
        ("“He told me, ‘go’, and I went.”", ["He told me, ‘go’, and I went.", "go"]),
        ("“The “old” way,” he said.", ["The “old” way,", "old"]),
        ('<p class="lead">', []),
    ],
)
def test_pairs(text: str, expected: list[str]) -> None:
    """Every style of marks pairs; apostrophes and measures are none."""
    assert inner(text) == expected


def test_nested_quotations_know_their_depth() -> None:
    """Depth counts the quotations around."""
    assert [q.depth for q in quotations("“He said ‘go “now” then’ twice.”")] == [0, 1, 2]


def test_missing_mark_costs_one_paragraph() -> None:
    """An open mark quotes to the end of its paragraph; the next paragraph is read afresh."""
    text = 'He said "we go and never\nThen she said "no" and left.'
    found = [(q.inner.of(text), q.is_closed, q.continues) for q in quotations(text)]
    assert found == [("we go and never", False, False), ("no", True, False)]


def test_missing_closing_mark_before_another_quotation() -> None:
    """An odd number of straight marks closes the first quotation where the next one opens."""
    assert inner('"We go. He said "no" today.') == ["We go. He said", "no"]


def test_blank_on_the_wrong_side() -> None:
    """An even number of straight marks pairs in order, whatever the blanks say."""
    assert inner('"We go, "he said.') == ["We go, "]


def test_paragraphs_that_each_open_and_only_the_last_closes() -> None:
    """Pieces of one quotation are tied by `continues`, also with mixed marks and a blank line between."""
    text = '“One.\n\n"Two.\n“Three.” he said. “Four.”'
    found = [(q.inner.of(text), q.is_closed, q.continues) for q in quotations(text)]
    assert found == [("One.", False, False), ("Two.", False, True), ("Three.", True, True), ("Four.", True, False)]


def test_paragraphs_without_marks_inside_a_quotation() -> None:
    """A quotation with line breaks closes in a later paragraph; what lies between belongs to it."""
    text = "She wrote: “One\nTwo\nthree” last night."
    found = [(q.inner.of(text), q.mark, q.is_closed, q.continues) for q in quotations(text)]
    assert found == [("One", "“", False, False), ("Two", "", False, True), ("three", "", True, True)]


def test_a_complete_quotation_in_the_next_paragraph_stays_apart() -> None:
    """Nothing continues what was closed."""
    assert [q.continues for q in quotations("“One.”\n“Two.”")] == [False, False]


MARKS = st.text(alphabet=st.sampled_from(list("aB ,.\n\"“”„'‘’«»`s9=")), max_size=80)


@given(st.one_of(MARKS, st.text(max_size=80)))
def test_any_text_gives_ordered_spans_inside_it(text: str) -> None:
    """Outer holds inner, order is by start, parents come before children, and no quotation crosses another."""
    found = quotations(text)
    assert [q.outer for q in found] == sorted((q.outer for q in found), key=lambda s: (s.start, -s.end))
    ends: list[int] = []
    for q in found:
        assert q.outer.contains(q.inner)
        assert 0 <= q.outer.start <= q.outer.end <= len(text)
        while ends and ends[-1] <= q.outer.start:
            ends.pop()
        assert not ends or q.outer.end <= ends[-1]
        assert q.depth == len(ends)
        ends.append(q.outer.end)


@given(MARKS)
def test_a_paragraph_without_marks_changes_nothing_before_it(text: str) -> None:
    """What follows in plain words leaves every quotation as it was."""
    assert quotations(text + "\n\nplain words here") == quotations(text)


def test_many_marks_take_linear_time() -> None:
    """A hundred thousand marks are read through, whatever they do not pair with."""
    assert len(quotations('"a ' * 50_000)) == 25_000
    assert len(quotations("“a\n" * 50_000)) == 50_000
    assert quotations("'a " * 50_000) == ()
