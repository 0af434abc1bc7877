"""What an edit is judged by: the text it changed, not where the words were cut from it."""

from collections.abc import Callable, Sequence

import pytest
from msgspec.structs import replace

from agents.statements.extraction import extract
from agents.statements.material import material
from schemas.article import Segment
from schemas.detection import Statement
from schemas.event import Span
from tests.agents.statements.newsroom import Newsroom, told
from tests.agents.statements.newsroom import extract as extract_lines

PIER = "the harbour board had sold the northern pier to a shipping firm"


def room() -> Newsroom:
    """A newsroom that reads real prose."""
    return Newsroom(read=extract)


def test_a_denial_in_two_outlets_is_one_statement() -> None:
    """What a speaker denies is compared with what a speaker denies."""
    newsroom = room()
    first = newsroom.publish(f"Ana Brook denied that {PIER}.")

    again = newsroom.publish(f"Brook denied that {PIER}.", entry="en_2", source="delta-post")

    assert told(first) == [("new", "alert")]
    assert again == []


def test_a_denial_beside_added_words_is_untouched() -> None:
    """An edit elsewhere in its paragraph does not turn a denial into its contrary."""
    newsroom = room()
    newsroom.publish(f"Ana Brook denied that {PIER}.")

    assert newsroom.publish(f"On Monday Ana Brook denied that {PIER}.") == []


def test_a_denial_that_becomes_a_statement_is_corrected() -> None:
    """Taking back the denial changes what is said, though every word stays."""
    newsroom = room()
    newsroom.publish(f"Ana Brook denied that {PIER}.")

    (update,) = newsroom.publish(f"Ana Brook confirmed that {PIER}.")

    assert told([update]) == [("corrected", "update")]
    assert update.data.change is not None
    assert update.data.change.material == ("negation",)
    assert update.data.change.was == PIER


def cut_at(mark: str) -> Callable[[str, Sequence[Segment]], tuple[Statement, ...]]:
    """An extractor that reads the newsroom's notation, but ends the words at a mark, where it stands."""

    def read(text: str, segments: Sequence[Segment] = ()) -> tuple[Statement, ...]:
        found = []
        for one in extract_lines(text, segments):
            at = text.find(mark, one.content.start, one.content.end)
            content = Span(one.content.start, at) if at >= 0 else one.content
            found.append(replace(one, text=content.of(text), content=content, content_spans=(content,)))
        return tuple(found)

    return read


def test_words_cut_off_elsewhere_are_not_changed() -> None:
    """An edit that only moves where a paraphrase ends says nothing, whatever the words left out assert."""
    newsroom = Newsroom(read=cut_at(", which"))
    newsroom.publish("Ana Brook said the old bridge will close tonight, wich 30 boats on Friday could not have known")

    edited = newsroom.publish(
        "Ana Brook said the old bridge will close tonight, which 30 boats on Friday could not have known"
    )

    assert edited == []


def test_words_really_shortened_are_a_correction() -> None:
    """What the words had more and the entry has no more was taken back."""
    newsroom = Newsroom()
    newsroom.publish("Ana Brook said the old bridge will close tonight, and 30 boats on Friday will not pass")

    (update,) = newsroom.publish("Ana Brook said the old bridge will close tonight")

    assert told([update]) == [("corrected", "update")]


def test_a_statement_no_longer_found_in_a_sentence_that_stays_is_not_withdrawn() -> None:
    """Words that stand as they stood, with a sentence more beside them, are not called removed."""
    newsroom = Newsroom()
    newsroom.publish("Ana Brook: “We stay with our boats tonight”")

    assert newsroom.publish("Ana Brook: “We stay with our boats tonight” Rain is expected.") == []


def test_a_statement_cut_shorter_by_a_comma_is_not_withdrawn() -> None:
    """Punctuation that moves the end of a paraphrase far forward takes nothing back."""
    newsroom = Newsroom(read=cut_at(","))
    newsroom.publish("Ana Brook said ropes were cut before the lamps of the northern pier went out in the storm")

    assert (
        newsroom.publish("Ana Brook said ropes were, cut before the lamps of the northern pier went out in the storm")
        == []
    )


def test_a_statement_that_is_refused_now_is_withdrawn() -> None:
    """The same words under another verb are not the statement."""
    newsroom = Newsroom()
    newsroom.publish("Ana Brook said the pier will stay open tonight")

    (cancel,) = newsroom.publish("Ana Brook did not say whether the pier will stay open tonight")

    assert told([cancel]) == [("retracted", "cancel")]


def test_a_slip_of_the_pen_in_the_sentence_changes_no_speaker() -> None:
    """A speaker cut from the sentence with a misspelt word is not another one when the word is mended."""
    newsroom = Newsroom()
    newsroom.publish("speaknig at dawn, Ana Brook said the pier will stay open tonight")

    assert newsroom.publish("speaking at dawn, Ana Brook said the pier will stay open tonight") == []


@pytest.mark.parametrize("now", ["the harbour minister of Ostria", "the deputy minister of Kestria", "Otto Reed"])
def test_another_speaker_is_no_slip_of_the_pen(now: str) -> None:
    """Names, and words that are others, change who speaks."""
    newsroom = Newsroom()
    newsroom.publish("the deputy minister of Ostria said the pier will stay open tonight")

    alerts = newsroom.publish(f"{now} said the pier will stay open tonight")

    assert told(alerts) == [("corrected", "cancel"), ("new", "alert")]


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("Prices rose by 5 percnet in the valley", "Prices rose by 5 percent in the valley"),
        ("They came wihtout any boats", "They came without any boats"),
        ("The pier stays shut thorugh the winter", "The pier stays shut through the winter"),
        ("We met on Mnoday at the pier", "We met on Monday at the pier"),
    ],
)
def test_a_mended_slip_of_the_pen_is_no_change(was: str, now: str) -> None:
    """Swapped letters in a unit, a negation, a function word or a day are spelling."""
    assert material(was, now) == material(now, was) == ()


@pytest.mark.parametrize(
    ("was", "now", "reason"),
    [
        ("Three million boats lie in the bay", "Three billion boats lie in the bay", "number"),
        ("It was never in the harbour", "It was fever in the harbour", "negation"),
        ("There boats lie in the bay", "Three boats lie in the bay", "number"),
    ],
)
def test_another_word_is_no_slip_of_the_pen(was: str, now: str, reason: str) -> None:
    """Words that look alike and assert otherwise stay material."""
    assert material(was, now) == (reason,)
