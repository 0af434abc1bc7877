"""What holds for every text."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.entries.paragraphs import paragraphs
from agents.entries.revision import changes
from schemas.article import EntryRevision, EntryStatus, Format
from schemas.codec import decode, encode
from tests.agents.entries.builders import Desk, blog, post, update

ANY_TEXT = st.text(st.characters(), max_size=400)  # surrogates included
PIECES = st.lists(
    st.sampled_from(
        [
            "Ruiz said no.",
            "“We",
            "won’t go.”",
            "\n",
            "\n\n",
            "10.42am",
            "Sign up!",
            "<p>",
            "&amp;",
            "He left:",
            "By Ana",
            " ",
        ]
    ),
    max_size=40,
).map(" ".join)


def check(revision: EntryRevision) -> None:
    assert revision.text
    assert [segment.span.of(revision.text) for segment in revision.segments] == revision.text.split("\n")
    assert all(0 <= span.start < span.end <= len(revision.text) for span in revision.added)
    assert revision.published_at <= revision.observed_at


@settings(max_examples=60)
@given(ANY_TEXT | PIECES, ANY_TEXT | PIECES, st.sampled_from([Format.TEXT, Format.HTML, Format.ARTICLE]))
def test_any_page_is_cut_and_seen_again_without_revisions(one: str, other: str, kind: Format) -> None:
    """No text raises; every revision is whole; an unchanged fetch brings nothing; equal inputs give equal outputs."""
    first, twin = Desk(), Desk()
    for minute, body in enumerate((one, other)):
        revisions = first(update(body, minute, format=kind))
        for revision in revisions:
            check(revision)
        assert twin(update(body, minute, format=kind)) == revisions
    assert [one for one in first(update(other, 9, format=kind)) if one.status is not EntryStatus.WITHDRAWN] == []


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from("abcd"), ANY_TEXT | PIECES, st.booleans()), max_size=6))
def test_any_posts_are_taken(posts: list[tuple[str, str, bool]]) -> None:
    """No post raises, with or without markup; what comes out can be written and read."""
    revisions = Desk()(blog(*(post(name, text, is_html=is_html) for name, text, is_html in posts), is_complete=False))

    for revision in revisions:
        check(revision)
        if revision.text.isprintable():
            assert msgspec.structs.asdict(decode(EntryRevision, encode(revision))) == msgspec.structs.asdict(revision)


@given(ANY_TEXT | PIECES)
def test_paragraphs_are_single_lines(text: str) -> None:
    """Paragraphs are never empty, have no line ends and no blanks at their ends."""
    assert all(one and one == " ".join(one.split()) for one in paragraphs(text))


@given(ANY_TEXT | PIECES)
def test_a_text_has_no_changes_to_itself(text: str) -> None:
    """Nothing is added or removed where nothing changed."""
    assert changes(text, text) == ((), ())
