"""Plain-text pages: cleaning, cutting, wrapping."""

import textwrap

import pytest

from schemas.article import EntryStatus, SegmentKind
from tests.agents.entries.builders import PAGE, Desk, update
from tests.conftest import need_data

STRAIGHT = str.maketrans("“”‘’", "\"\"''")
STARTS = ["Norhaven bridge", "Mara Lindqvist", "Tomas Ruiz", "The river authority", "A second inspection"]


def starts(texts: list[str]) -> list[str]:
    return [next((start for start in STARTS if text.startswith(start)), text) for text in texts]


def test_page_is_cut_into_entries_without_boilerplate() -> None:
    """Appeal, loading notice and comment box go and are counted; paragraphs that continue others stay with them."""
    revisions = Desk()(update(PAGE))

    assert starts([one.text for one in revisions]) == STARTS
    assert revisions[0].excluded == {"comments": 3, "donation": 5, "loading": 1}
    assert [[segment.kind for segment in one.segments] for one in revisions] == [
        [SegmentKind.HEADLINE, SegmentKind.STANDFIRST],
        [SegmentKind.BODY],
        [SegmentKind.BODY] * 2,
        [SegmentKind.BODY] * 2,
        [SegmentKind.BODY],
    ]
    assert [one.ordinal for one in revisions] == [0, 1, 2, 3, 4]


def test_first_sight_adds_everything() -> None:
    """At first sight the whole text is new."""
    assert all(one.added[0].of(one.text) == one.text and one.previous_text is None for one in Desk()(update(PAGE)))


def test_same_update_again_gives_nothing() -> None:
    """A redelivered update and an unchanged fetch bring no revision."""
    desk = Desk()
    desk(update(PAGE))

    assert (desk(update(PAGE)), desk(update(PAGE, 5))) == ([], [])


@pytest.mark.parametrize("separator", ["\n", "\n\n"])
@pytest.mark.parametrize("width", [33, 48, 60, 72, 80, 100, 133, 160])
def test_rewrapped_page_is_the_same_page(width: int, separator: str) -> None:
    """Wrapping a known page at any width, with straight marks, brings no revision."""
    desk = Desk()
    desk(update(PAGE))
    wrapped = separator.join(textwrap.fill(line, width) for line in PAGE.splitlines()).translate(STRAIGHT)

    assert desk(update(wrapped, 5)) == []


@pytest.mark.parametrize("width", [40, 55, 72, 90, 120])
def test_wrapped_page_with_empty_lines_is_cut_alike_at_first_sight(width: int) -> None:
    """The wrapping of a page leaves no trace in its entries."""
    wrapped = "\n\n".join(textwrap.fill(line, width) for line in PAGE.splitlines())

    assert [one.text for one in Desk()(update(wrapped))] == [one.text for one in Desk()(update(PAGE))]


def test_edited_paragraph_is_the_same_entry() -> None:
    """An entry named by its words keeps its id over an edit; only the changed sentence is added."""
    desk = Desk()
    first = {one.text[:20]: one.entry_id for one in desk(update(PAGE))}
    [edited] = desk(update(PAGE.replace("We will not be silent now.", "We will speak on Friday."), 5))

    assert (edited.entry_id, edited.revision) == (first["Tomas Ruiz, the port"], 2)
    assert [span.of(edited.text) for span in edited.added] == ["We will speak on Friday.”"]
    assert [span.of(edited.previous_text or "") for span in edited.removed] == ["We will not be silent now.”"]


def test_headline_edit_moves_neither_entry_nor_story() -> None:
    """The story is fixed at first sight; the headline is one entry however often it changes."""
    desk = Desk()
    head = desk(update(PAGE))[0]
    [edited] = desk(update(PAGE.replace("second span falls", "third span falls"), 5))

    assert (edited.entry_id, edited.story) == (head.entry_id, head.story)


def test_page_saved_under_two_names_is_one_story() -> None:
    """A file's story follows its headline, not its name."""
    one, other = Desk()(update(PAGE)), Desk()(update(PAGE, item="copy.txt"))

    assert one[0].story == other[0].story and one[0].entry_id != other[0].entry_id


def test_time_lines_delimit_posts_newest_first() -> None:
    """Posts between time stamps come oldest first, with their titles as headlines."""
    page = (
        "Bridge collapse at Norhaven – live\nRescue teams reach the river\n10.42am GMT\nMinister speaks\n"
        "The minister said the bridge was closed.\nNobody was hurt.\nKey event\n10.30am GMT\nThe bridge fell at dawn.\n"
        "10.15am\nGood morning from the river."
    )
    revisions = Desk()(update(page))

    assert [one.text.split("\n")[0] for one in revisions] == [
        "Bridge collapse at Norhaven – live",
        "Good morning from the river.",
        "The bridge fell at dawn.",
        "Minister speaks",
    ]
    assert [segment.kind for segment in revisions[3].segments] == [
        SegmentKind.HEADLINE,
        SegmentKind.BODY,
        SegmentKind.BODY,
    ]


def test_vanished_paragraph_is_withdrawn_after_two_fetches() -> None:
    """One fetch without an entry is no evidence; two are; when it is back it is reinstated under its id."""
    desk = Desk()
    entry = desk(update(PAGE))[3].entry_id
    short = "\n".join(line for line in PAGE.splitlines() if not line.startswith(("The river", "She added")))

    assert desk(update(short, 5)) == []
    [gone] = desk(update(short, 10))
    [back] = desk(update(PAGE, 15))
    assert (gone.entry_id, gone.status, back.entry_id, back.status, back.added) == (
        entry,
        EntryStatus.WITHDRAWN,
        entry,
        EntryStatus.REINSTATED,
        (),
    )


def test_real_page_is_cut_and_cleaned() -> None:
    """The seed page gives its entries, without appeal, notice and footer."""
    body = need_data("seed/live_blog_2020-01-03.txt").read_text(encoding="utf-8")
    revisions = Desk()(update(body))

    assert (len(revisions), revisions[0].excluded) == (15, {"comments": 3, "donation": 6, "loading": 1})
