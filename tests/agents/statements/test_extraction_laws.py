"""Laws of extraction that hold for every text."""

from hypothesis import given
from hypothesis import strategies as st

from agents.statements.extraction import extract
from schemas.detection import Statement

VOCABULARY = (
    "Ana Lind said that told he she who according to , . : ; “ ” \" ' ’ ‘ '' — -- ( ) and but the a asked called for "
    "on was has not would reporters saying adding declined comment TASS media state President Mr. in Monday 2018 "
    "quoted as if I we « » @x LIND: writes % went respond request spokesman The"
)
WORDS = st.sampled_from([*VOCABULARY.split(), "\n", "\n\n", "?", "!"])
NEWS = st.lists(WORDS, max_size=40).map(" ".join)
PLAIN = "\n\nthe weather stayed dry in the north."


def check(text: str, statement: Statement) -> None:
    assert statement.text in (whole := " ".join(piece.of(text) for piece in statement.content_spans), whole[5:])
    assert statement.text == whole or whole.startswith("that ")
    assert statement.content.start == statement.content_spans[0].start
    assert statement.content.end == statement.content_spans[-1].end <= len(text)
    for before, after in zip(statement.content_spans, statement.content_spans[1:], strict=False):
        assert before.end <= after.start
    for piece in statement.content_spans:
        assert piece.of(text) == piece.of(text).strip() != ""
    for who in (statement.speaker, *statement.joint):
        if who is not None and who.span is not None:
            assert who.surface == who.span.of(text) != ""
    for way in statement.via:
        assert way.span is None or way.span.of(text) != ""
    assert statement.cue is None or statement.cue.of(text) != ""


@given(st.one_of(NEWS, st.text(max_size=80)))
def test_spans_index_the_text(text: str) -> None:
    """Content, speaker, cue and ways are slices of the text, whatever the text."""
    for statement in extract(text):
        check(text, statement)


@given(NEWS)
def test_equal_texts_give_equal_statements(text: str) -> None:
    """Nothing is remembered between calls."""
    assert extract(text) == extract(text)


@given(NEWS)
def test_an_unrelated_paragraph_changes_nothing(text: str) -> None:
    """A plain paragraph behind an entry leaves every statement as it was."""
    assert extract(text + "\n\n" + PLAIN) == extract(text + "\n\n" + PLAIN + PLAIN)


@given(NEWS)
def test_statements_come_in_the_order_of_their_content(text: str) -> None:
    """By start, then by end."""
    places = [(s.content.start, s.content.end) for s in extract(text)]
    assert places == sorted(places)


def test_strange_characters_do_no_harm() -> None:
    """Surrogates, NUL and direction marks pass through."""
    text = '\ud800 Ana Lind\x00 said: "\u202eWe go\u202c now, \udfff all of us."'
    for statement in extract(text):
        check(text, statement)


def test_a_megabyte_of_marks_is_read_through() -> None:
    """A hundred thousand marks and one endless sentence stay linear; a quadratic reader would not come back."""
    assert extract('"a ' * 100_000) == ()
    assert len(extract("Ana Lind said the dam would hold and " * 10_000)) > 0
    assert len(extract('Lind said: "We will go."\n' * 5_000)) == 5_000
