"""The sieve before the boilerplate expressions: it may let news through to them, and never keeps boilerplate back."""

from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.entries import boilerplate, cues
from agents.entries.boilerplate import clean
from agents.entries.draft import Paragraph
from agents.entries.sieve import Sieve
from agents.text.caseless import Caseless

TOPICS = (
    cues.COOKIES,
    cues.LOADING,
    cues.COMMENTS,
    *cues.APPEALS,
    cues.PRODUCT,
    cues.PRODUCT_STRONG,
    cues.NEWSLETTER,
    cues.PRESS,
)
ADDRESSES = (cues.READER, cues.WE, cues.ASK)


def matching(pattern: str) -> st.SearchStrategy[str]:
    """Texts that the expression matches whole, in any case."""
    return st.from_regex(pattern, fullmatch=True).flatmap(lambda text: st.sampled_from((text, text.upper())))


PIECES = st.one_of([matching(cue.pattern) for cue in (*TOPICS, *ADDRESSES)])
SENTENCES = st.lists(PIECES | st.sampled_from(("a", "“b", "c”", "it's", "…")), min_size=1, max_size=5).map(" ".join)


class Everything:
    """A sieve without effect."""

    may_matter = True

    def __init__(self, text: str) -> None:
        self.text = text

    def may_be(self, text: str, start: int, end: int) -> bool:
        """Always."""
        return text == self.text and start <= end


def unsieved(text: str) -> object:
    with patch.object(boilerplate, "Sieve", Everything):
        return clean([Paragraph(text)])


@settings(max_examples=400)
@given(SENTENCES)
def test_nothing_is_held_back(text: str) -> None:
    """Texts made of what the expressions match come out as if every expression had been tried."""
    line = " ".join(text.split())
    assert clean([Paragraph(line)]) == unsieved(line)


@pytest.mark.parametrize("cue", TOPICS, ids=lambda cue: cue.pattern[:24])
@settings(max_examples=60)
@given(data=st.data())
def test_no_expression_alone_is_held_back(cue: Caseless, data: st.DataObject) -> None:
    """One topic by itself, behind a request, and beside the reader or the publisher."""
    topic = " ".join(data.draw(matching(cue.pattern)).split())
    for line in (topic, f"Get {topic}", f"So try {topic}", f"The {topic} for you", f"Our {topic}", f"Donate, {topic}"):
        assert clean([Paragraph(line)]) == unsieved(line)


@pytest.mark.parametrize(
    "text",
    [
        "ſubſcribe to our morning newſletter",
        "Please give to our newsroom: every contribution helpſ, and maKes all the dıfference",
        "e\u0301donate today for as lıttle as £2 a month\u200b",
        "Join the conversation",
        "Just a second until the feed appears",
        "No paywall stands between you and our reporters.",
        "Get the app",
        "Your“x”support keeps our reporters here; give €2 a month.",
    ],
)
def test_odd_letters_and_short_lines_are_not_held_back(text: str) -> None:
    """Letters that equal an ASCII one when case is ignored, accents and marks between words, the shortest appeals."""
    assert clean([Paragraph(text)]) == unsieved(text)


def test_plain_news_is_held_back() -> None:
    """Without this there would be no point."""
    assert not Sieve("Two boats sank off the harbour before dawn, the coastguard said.").may_matter
