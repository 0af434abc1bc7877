"""The tagger beside the rules, from text to statements."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.statements import tagger
from agents.statements.engine import extractor
from agents.statements.extraction import extract
from schemas.detection import StatementKind

from .test_extraction_laws import NEWS, check


@pytest.fixture(scope="module", autouse=True)
def weights() -> None:
    """These tests need numpy and the weights that ship with the package."""
    pytest.importorskip("numpy")
    assert tagger.load() is not None


def found(text: str) -> list[tuple[str | None, str]]:
    return [(s.speaker.name if s.speaker else None, s.text) for s in extractor("tagger")(text)]


def test_without_the_tagger_the_rules_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where numpy or the weights are missing, "auto" is the rules, and who insists is told what is missing."""
    monkeypatch.setattr(tagger, "load", lambda: None)

    assert extractor("auto") is extract
    with pytest.raises(ValueError, match="needs numpy and the weights"):
        extractor("tagger")


def test_the_default_is_the_tagger_where_it_is_there() -> None:
    """ "auto" finds what "tagger" finds."""
    text = "Mara Lind said the harbour was safe."

    assert extractor("auto")(text) == extractor("tagger")(text)
    assert extractor("auto") is not extract


def test_an_unknown_engine_is_named() -> None:
    """The message says what was expected and what was found."""
    with pytest.raises(ValueError, match='expected "auto", "tagger" or "rules", found "bert"'):
        extractor("bert")


@pytest.mark.parametrize(
    "text",
    [
        "Sella Park has not said how many boats were lost in the storm.",
        "The minister refused to say whether the tunnel would open on Friday.",
        "If Orlan Beck says the harbour is shut, the ferry will sail from the north pier.",
        "Nobody has said that the reservoir is safe to drink from.",
        "Residents were told to boil their water until the weekend.",
        "The company said little about when the line would run again.",
    ],
)
def test_what_nobody_said_is_no_statement(text: str) -> None:
    """Refused, conditional, negated and passive speech: the network marks it, the rules know that it never happened."""
    assert extractor("tagger")(text) == ()


def test_a_quotation_behind_reported_words_is_a_statement_of_its_own() -> None:
    """The reported words end with their sentence; the quotation inherits the speaker."""
    text = (
        "Orlan Beck said the pier would open at nine. “Bring boots, because the boards are still wet from the storm.”"
    )

    first, second = extractor("tagger")(text)

    assert (first.text, first.kind) == ("the pier would open at nine", StatementKind.INDIRECT)
    assert (second.kind, second.speaker and second.speaker.name) == (StatementKind.DIRECT, "Orlan Beck")


def test_quoted_and_reported_words_are_found() -> None:
    """Direct words and paraphrase, with the speaker's bare name."""
    text = (
        '"We will keep the bridge open," said Mara Lind, the mayor of Ostrow.\n'
        "Tom Reed, a spokesman for the port, said that two ships had left on Monday."
    )

    assert found(text) == [
        ("Mara Lind", "We will keep the bridge open"),
        ("Tom Reed", "two ships had left on Monday"),
    ]


def test_words_around_a_cue_in_the_middle_are_one_statement() -> None:
    """«"X," she said, "Y"»: two pieces, one speaker."""
    text = '"We have waited long enough," Mara Lind said. "Now the council must decide."'

    (statement,) = extractor("tagger")(text)

    assert statement.text == "We have waited long enough Now the council must decide"
    assert statement.speaker is not None
    assert statement.speaker.name == "Mara Lind"


def test_a_second_cue_shares_the_first_subject() -> None:
    """`S said X and added that Y`: both are S's."""
    text = "Mara Lind said the gate was shut and added that the harbour would open again on Friday."

    assert [name for name, _ in found(text)] == ["Mara Lind", "Mara Lind"]


def test_a_transcript_stays_what_the_rules_say() -> None:
    """NAME: words."""
    text = (
        "LIND: We did everything that the law asks of a town of this size.\nREED: And yet nobody came to the meeting."
    )

    assert [name for name, _ in found(text)] == [s.speaker.name for s in extract(text) if s.speaker]


def test_a_belief_is_no_saying() -> None:
    """What somebody hopes or expects is kept apart from what somebody said."""
    text = "Mara Lind believes that the harbour will open again before the summer."

    (statement,) = extractor("tagger")(text)

    assert statement.kind is StatementKind.BELIEF


def test_plain_news_holds_no_statement() -> None:
    """Nobody speaks, nothing is found."""
    assert extractor("tagger")("The weather stayed dry in the north. Two ships left the port on Monday.") == ()


@given(st.one_of(NEWS, st.text(max_size=80)))
def test_spans_index_the_text(text: str) -> None:
    """Content, speaker, cue and ways are slices of the text, whatever the text."""
    for statement in extractor("tagger")(text):
        check(text, statement)


@given(NEWS)
def test_equal_texts_give_equal_statements(text: str) -> None:
    """Nothing is remembered between calls."""
    assert extractor("tagger")(text) == extractor("tagger")(text)


@given(NEWS)
def test_statements_come_in_the_order_of_their_content(text: str) -> None:
    """By start, then by end."""
    places = [(s.content.start, s.content.end) for s in extractor("tagger")(text)]
    assert places == sorted(places)


def test_a_huge_text_comes_back() -> None:
    """A text of many paragraphs and one of a single endless paragraph."""
    line = 'Mara Lind said "no" and “yes, and that the port " was safe. '

    assert extractor("tagger")(line * 2000)
    assert extractor("tagger")((line + "\n") * 2000)
