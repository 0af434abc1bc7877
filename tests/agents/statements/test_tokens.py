"""Paragraphs as tokens: what is one token, and where it stands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.statements.tokens import Line


def line(text: str, start: int = 0) -> Line:
    return Line(text, start, len(text), ())


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("The port is shut.", ["The", "port", "is", "shut", "."]),
        ("Mr. Vell left.", ["Mr.", "Vell", "left", "."]),
        ("Ask Mr.", ["Ask", "Mr", "."]),
        ("the U.S. envoy", ["the", "U.S.", "envoy"]),
        ("Ana J. Vell", ["Ana", "J.", "Vell"]),
        ("It is vitamin C. It helps", ["It", "is", "vitamin", "C.", "It", "helps"]),
        ("it's the voters’ 1.5-metre wall", ["it's", "the", "voters’", "1.5-metre", "wall"]),
        ("“No,” @ana_vell said -- twice…", ["“", "No", ",", "”", "@ana_vell", "said", "--", "twice", "…"]),
        ("a@b - c_d", ["a", "@b", "-", "c_d"]),
    ],
)
def test_what_is_one_token(text: str, tokens: list[str]) -> None:
    """Titles, acronyms and initials keep their full stop, words their apostrophes and hyphens."""
    assert line(text).raw == tokens


@given(st.text(alphabet=st.sampled_from("aZ.é1_'’-@ \t\x0b\u2009“ÉÑ,!\ud83dıİ"), max_size=60), st.integers(0, 5))
def test_tokens_and_blanks_make_up_the_paragraph(text: str, start: int) -> None:
    """Every character but blanks belongs to exactly one token, and each token stands where it says."""
    start = min(start, len(text))
    found = line(text, start)

    edges = [start, *(edge for pair in zip(found.starts, found.ends, strict=True) for edge in pair), len(text)]
    between = [text[a:b] for a, b in zip(edges[::2], edges[1::2], strict=True)]
    assert edges == sorted(edges)
    assert [text[a:b] for a, b in zip(found.starts, found.ends, strict=True)] == found.raw
    assert "".join(between).strip() == ""
    assert [word.replace("’", "'").lower() for word in found.raw] == found.low
    assert "" not in found.raw
