"""Expressions without regard to case."""

import re

from hypothesis import given
from hypothesis import strategies as st

from agents.text.caseless import Caseless

PATTERN = r"(?:kiss|us|\bi\b)(?!x)"
TEXTS = st.text(st.sampled_from("kKKisSſIİıuUxX é.😀"), max_size=30)


@given(TEXTS)
def test_finds_what_the_engine_finds_when_it_ignores_case(text: str) -> None:
    """First place, start, whole text and count, also for letters beyond ASCII that equal an ASCII one."""
    ours, theirs = Caseless(PATTERN), re.compile(PATTERN, re.IGNORECASE)
    for name in ("search", "match", "fullmatch"):
        found, wanted = getattr(ours, name)(text), getattr(theirs, name)(text)
        assert (found and found.span()) == (wanted and wanted.span())
    assert ours.count(text) == len(theirs.findall(text))
