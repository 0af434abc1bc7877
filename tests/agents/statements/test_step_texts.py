"""The step with the real extractor, on whole entries."""

from agents.statements.extraction import extract
from schemas.alert import Novelty
from tests.agents.statements.newsroom import Newsroom, told

ENTRY = (
    "Rain fell on the delta all night.\n"
    "“We will not open the flood gates before the morning,” said Ana Brook, the harbour minister.\n"
    "Otto Reed said that the fishermen had lost thirty boats in the storm."
)


def room() -> Newsroom:
    """A newsroom that reads real prose."""
    return Newsroom(read=extract)


def test_an_entry_tells_its_quotation_and_its_paraphrase() -> None:
    """One alert a statement, with speakers."""
    alerts = room().publish(ENTRY)

    assert told(alerts) == [("new", "alert"), ("new", "alert")]
    assert "We will not open the flood gates before the morning" in alerts[0].data.headline
    assert alerts[0].data.headline.startswith("Ana Brook")
    assert alerts[1].data.headline.startswith("Otto Reed said that ")


def test_straightened_marks_and_rewrapped_lines_are_silent() -> None:
    """Typography of a whole entry does not alert."""
    newsroom = room()
    newsroom.publish(ENTRY)

    edited = ENTRY.replace("“", '"').replace("”", '"').replace("that the", "that  the")

    assert newsroom.publish(edited) == []


def test_a_dropped_not_is_one_update() -> None:
    """The one small word in a real entry."""
    newsroom = room()
    newsroom.publish(ENTRY)

    (update,) = newsroom.publish(ENTRY.replace("will not open", "will open"))

    assert update.data.change is not None
    assert update.data.change.material == ("negation",)
    assert update.data.statement is not None
    assert update.data.statement.novelty is Novelty.CORRECTED


def test_a_removed_paragraph_is_cancelled_and_the_rest_untouched() -> None:
    """Only what the edit removed is taken back."""
    newsroom = room()
    first = newsroom.publish(ENTRY)

    (cancel,) = newsroom.publish(ENTRY.rsplit("\n", 1)[0])

    assert cancel.data.alert_id == first[1].data.alert_id
    assert told([cancel]) == [("retracted", "cancel")]


def test_the_quotation_in_another_outlet_is_a_repeat() -> None:
    """A shorter rendition by surname, elsewhere, adds a sighting."""
    newsroom = room()
    newsroom.publish(ENTRY)

    again = newsroom.publish(
        "Gates stay shut. “We will not open the flood gates before the morning,” Ana Brook told reporters.",
        entry="en_2",
        source="delta-post",
    )

    assert again == []
