"""Normalisation: which texts are the same words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.text.normal import content_tokens, normal


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("“We won’t go,” she said", '"We won\'t go" she said.'),
        ("the [harbour] minister", "the  minister"),
        ("cease-fire – now", "cease fire, now"),
        ("1,500 people", "1500 people"),
        ("the U.S. envoy", "the US envoy"),
        ("ＦＵＬＬ width", "full width"),
    ],
)
def test_same_words(one: str, other: str) -> None:
    """Marks, dashes, insertions, case and width do not tell words apart."""
    assert normal(one) == normal(other)


@pytest.mark.parametrize(("one", "other"), [("1.5m", "15m"), ("5%", "5"), ("$5", "€5"), ("will", "will not")])
def test_different_words(one: str, other: str) -> None:
    """Numbers, units and negations do."""
    assert normal(one) != normal(other)


def test_content_tokens_keep_negation_and_modals() -> None:
    """Function words go; what changes the meaning stays."""
    assert content_tokens("We will not go to the mill") == ("will", "not", "go", "mill")


@given(st.text())
def test_any_text_normalises_to_single_spaced_words(text: str) -> None:
    """No text raises, and blanks are single."""
    result = normal(text)

    assert result == " ".join(result.split())
