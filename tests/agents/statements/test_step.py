"""The statements step: what is told of new statements, and what is not."""

from datetime import timedelta

import pytest

from agents.statements.turn import Settings
from schemas import identity
from schemas.alert import AlertType, MessageType, Novelty
from schemas.article import EntryStatus
from schemas.event import Severity
from tests.agents.statements.newsroom import NOON, Newsroom, told

BRIDGE = "We will rebuild the old bridge before the winter comes"


def test_a_first_quotation_is_an_alert_with_speaker_words_and_place() -> None:
    """A statement that nobody made before is told, with evidence that slices to the words."""
    room = Newsroom()

    (alert,) = room.publish(f"Rain fell.\nAna Brook, harbour minister: “{BRIDGE}.”")

    data = alert.data
    assert alert.type is AlertType.STATEMENT_NEW
    assert data.msgtype is MessageType.ALERT
    assert (data.version, data.references) == (1, ())
    assert data.headline == f"Ana Brook, harbour minister: “{BRIDGE}.”"
    assert [one.exact for one in data.evidence] == [f"{BRIDGE}.", "Ana Brook"]
    text = room.entries["en_1"].text
    assert all(text[one.start : one.end] == one.exact for one in data.evidence)
    assert data.statement is not None
    assert data.statement.novelty is Novelty.NEW
    assert alert.severitynumber is Severity.WATCH
    assert alert.subject == f"story/story_1/statement/{data.statement.id}"
    assert data.alert_id == identity.alert_id("statement", alert.subject, 1, 1)
    assert alert.id == identity.message_id(data.alert_id, 1)
    assert (alert.partitionkey, alert.sequence) == ("story/story_1", "0000000001")
    assert alert.source == "/detectors/statements"
    assert alert.time == alert.recordedtime == room.entries["en_1"].published_at


def test_ids_do_not_depend_on_our_clock() -> None:
    """The same words by the same speaker in the same story get the same ids, whenever they were observed."""
    one, other = Newsroom(), Newsroom()
    other.clock = NOON + timedelta(days=100)

    (left,) = one.publish(f"Ana Brook: “{BRIDGE}”")
    (right,) = other.publish(f"Ana Brook: “{BRIDGE}”")

    assert (left.id, left.data.alert_id) == (right.id, right.data.alert_id)


def test_an_identical_revision_seen_again_changes_nothing() -> None:
    """Reprocessing is silent and leaves the state as it was."""
    room = Newsroom()
    room.publish(f"Ana Brook: “{BRIDGE}”")
    before = dict(room.state.values)

    again = room.decide(room.entries["en_1"])

    assert again == []
    assert room.state.values == before


def test_an_older_revision_that_comes_late_changes_nothing() -> None:
    """A revision below the known one is late: it neither speaks nor rewrites."""
    room = Newsroom()
    room.publish("Ana Brook: “We will not open the gates tonight”")
    late = room.entries["en_1"]
    room.publish("Ana Brook: “We will open the gates tonight”")
    before = dict(room.state.values)

    assert room.decide(late) == []
    assert room.state.values == before


def test_a_repeat_elsewhere_is_one_more_sighting_and_no_message() -> None:
    """Four outlets, one quotation: one alert; the statement knows its origins."""
    room = Newsroom()
    for number in range(4):
        room.publish(f"Ana Brook: “{BRIDGE}”", entry=f"en_{number}", source=f"outlet-{number}")

    assert told(room.alerts) == [("new", "alert")]
    known = room.statement()
    assert (known.seen, known.origins, known.sightings[0].source) == (4, 4, "outlet-0")


def test_an_agency_credit_makes_two_outlets_one_origin() -> None:
    """Outlets that print the same agency are one independent source."""
    room = Newsroom(settings=Settings(has_corroborated=True))
    room.publish(f"Ana Brook: “{BRIDGE}”", entry="en_1", source="outlet-1", origin="Delta Wire")
    silent = room.publish(f"Ana Brook: “{BRIDGE}”", entry="en_2", source="outlet-2", origin="Delta Wire")
    (update,) = room.publish(f"Ana Brook: “{BRIDGE}”", entry="en_3", source="outlet-3")
    after = room.publish(f"Ana Brook: “{BRIDGE}”", entry="en_4", source="outlet-4")

    assert (silent, after) == ([], [])
    assert (update.type, update.data.msgtype) == (AlertType.STATEMENT_CORROBORATED, MessageType.UPDATE)
    assert update.data.sightings is not None
    assert update.data.sightings.independent_sources == 2


@pytest.mark.parametrize(
    "again",
    [
        "“we will rebuild the old bridge, before the winter comes!”",
        '"We will rebuild the old bridge before the winter comes."',
        "“We  will  rebuild the old bridge — before the winter comes”",
        "“We will rebuild [the mayor’s] old bridge before the winter comes”",
        "“rebuild the old bridge before the winter”",
        "“the old bridge”",
        "“We will rebuild that old bridge before winter comes”",
    ],
)
def test_what_is_known_in_other_dress_is_not_told(again: str) -> None:
    """Typography, glosses, fragments and small words do not make news."""
    room = Newsroom()
    room.publish(f"Ana Brook: “{BRIDGE}”")

    assert room.publish(f"Brook: {again}", entry="en_2", source="delta-post") == []


@pytest.mark.parametrize(
    ("again", "reason"),
    [
        ("We will not rebuild the old bridge before the winter comes", "negation"),
        ("We may rebuild the old bridge before the winter comes", "modal"),
        ("We will rebuild the old bridge before the winter comes on Friday", "date"),
    ],
)
def test_a_small_word_that_carries_the_change_is_news(again: str, reason: str) -> None:
    """Similar words that assert otherwise are new, and say from what they differ and in what."""
    room = Newsroom()
    (first,) = room.publish(f"Ana Brook: “{BRIDGE}”")

    (alert,) = room.publish(f"Ana Brook: “{again}”", entry="en_2")

    assert first.data.statement is not None
    assert alert.data.statement is not None
    assert alert.data.statement.novelty is Novelty.NEW
    assert alert.data.statement.differs_from == first.data.statement.id
    assert reason in alert.data.why


def test_more_words_than_were_known_are_an_extension() -> None:
    """A longer version of a known quotation has its own id and names the one it extends."""
    room = Newsroom()
    (first,) = room.publish(f"Ana Brook: “{BRIDGE}”")

    (alert,) = room.publish(f"Ana Brook: “{BRIDGE}, and the province will pay for every stone”", entry="en_2")

    assert first.data.statement is not None
    assert alert.data.statement is not None
    assert alert.type is AlertType.STATEMENT_NEW
    assert alert.data.statement.novelty is Novelty.EXTENDED
    assert alert.data.statement.extends == first.data.statement.id
    assert alert.data.alert_id != first.data.alert_id


def test_a_paraphrase_of_a_quotation_is_kept_apart_in_silence() -> None:
    """A rendering is remembered with the statement it may be, and not told."""
    room = Newsroom()
    (first,) = room.publish(f"Ana Brook: “{BRIDGE}”")

    assert room.publish("Ana Brook said the government would rebuild the bridge before winter.", entry="en_2") == []

    rendering = next(one for one in room.statements() if one.facts.novelty is Novelty.RENDERING)
    assert first.data.statement is not None
    assert rendering.facts.possible_same_as == (first.data.statement.id,)


def test_a_full_quotation_after_its_paraphrase_is_told_with_the_possible_twin() -> None:
    """Much more than was announced is new, and names what it may be the full text of."""
    room = Newsroom()
    (first,) = room.publish("Ana Brook said the council must rebuild the bridge before winter.")

    (alert,) = room.publish(
        "Ana Brook: “The council must have that bridge rebuilt, before winter brings floods, hunger, misery, ruin”",
        entry="en_2",
    )

    assert first.data.statement is not None
    assert alert.data.statement is not None
    assert alert.data.statement.novelty is Novelty.NEW
    assert alert.data.statement.possible_same_as == (first.data.statement.id,)


@pytest.mark.parametrize(
    ("speaker", "label"),
    [
        ("Ana Brook, Admiral", "Admiral Ana Brook"),
        ("Ana Brook, the mayor", "Ana Brook, mayor"),
        (
            "Ana Brook, the head of the harbour committee in the upper house of the delta parliament",
            "Ana Brook, head of the harbour committee",
        ),
    ],
)
def test_a_headline_names_the_speaker_as_a_desk_would(speaker: str, label: str) -> None:
    """Titles in front, posts behind, long descriptions cut where they ramble on."""
    (alert,) = Newsroom().publish(f"{speaker}: “{BRIDGE}”")

    assert alert.data.headline == f"{label}: “{BRIDGE}”"


def test_what_was_said_years_ago_is_not_told() -> None:
    """Archival words are remembered, not told."""
    room = Newsroom()

    assert room.publish(f"Ana Brook (years ago): “{BRIDGE}”") == []
    assert [one.withheld for one in room.statements()] == ["archival"]


def test_words_said_again_are_an_update_only_on_request() -> None:
    """`reiterated` is off by default; switched on it is an update of the old alert."""
    quiet, loud = Newsroom(), Newsroom(settings=Settings(has_reiterated=True))
    for room in (quiet, loud):
        room.publish(f"Ana Brook: “{BRIDGE}”")
        room.publish(f"Ana Brook (again): “{BRIDGE}”", entry="en_2")

    assert told(quiet.alerts) == [("new", "alert")]
    assert told(loud.alerts) == [("new", "alert"), ("new", "update")]
    assert loud.alerts[1].data.statement is not None
    assert loud.alerts[1].data.statement.novelty is Novelty.REITERATED
    assert loud.alerts[1].data.references == (loud.alerts[0].id,)


def test_beliefs_are_data() -> None:
    """What somebody is said to think is remembered and never told."""
    room = Newsroom()

    assert room.publish("Ana Brook thinks the old bridge will stand another winter.") == []
    assert [one.withheld for one in room.statements()] == ["kind"]


def test_a_belief_does_not_hide_what_is_then_said() -> None:
    """The same words as a statement are new, though they were known as a belief."""
    room = Newsroom()
    room.publish("Ana Brook thinks the old bridge must stand another winter.")

    alerts = room.publish("Ana Brook said the old bridge must stand another winter.", entry="en_2")

    assert told(alerts) == [("new", "alert")]


def test_a_paraphrase_of_three_words_is_no_alert_until_it_says_more() -> None:
    """Below four content words a paraphrase is kept; a later one by a known speaker that says more is told."""
    room = Newsroom()

    assert room.publish("Ana Brook said it was over.") == []
    assert told(room.publish("Ana Brook said the ferry had sunk off Delta Point.", entry="en_2")) == [("new", "alert")]


def test_a_speaker_nobody_could_name_is_told_low() -> None:
    """An unresolved speaker still alerts, at NOTE, and the headline says so."""
    room = Newsroom()

    (alert,) = room.publish(f"?: “{BRIDGE}”")

    assert alert.severitynumber is Severity.NOTE
    assert alert.data.headline == f"Unidentified speaker: “{BRIDGE}”"


def test_naming_the_speaker_later_keeps_the_id() -> None:
    """The statement of an unknown speaker is updated, not told anew, when another entry names them."""
    room = Newsroom()
    (first,) = room.publish(f"?: “{BRIDGE}”")

    (update,) = room.publish(f"Ana Brook: “{BRIDGE}”", entry="en_2")

    assert update.data.alert_id == first.data.alert_id
    assert update.data.change is not None
    assert update.data.change.material == ("speaker",)
    assert update.severitynumber is Severity.WATCH
    assert update.data.headline == f"Speaker now known: Ana Brook: “{BRIDGE}”"


def test_hearsay_is_told_low() -> None:
    """Words passed on by somebody else rank lower."""
    room = Newsroom()

    (alert,) = room.publish(f"Ana Brook (hearsay): “{BRIDGE}”")

    assert alert.severitynumber is Severity.NOTE


def test_unnamed_sources_are_never_merged_across_descriptors() -> None:
    """Two descriptors, two statements; the same descriptor, one."""
    room = Newsroom()
    room.publish(f"~a senior diplomat: “{BRIDGE}”")

    assert room.publish(f"~a senior diplomat: “{BRIDGE}”", entry="en_2") == []
    assert told(room.publish(f"~two officials: “{BRIDGE}”", entry="en_3")) == [("new", "alert")]
    assert room.alerts[0].data.headline.startswith("A senior diplomat: ")


def test_the_same_words_from_two_speakers_are_both_kept_and_the_conflict_told_once() -> None:
    """Same words, two named persons: two statements and one conflict."""
    room = Newsroom()
    room.publish(f"Ana Brook: “{BRIDGE}”")

    alerts = room.publish(f"Otto Reed: “{BRIDGE}”", entry="en_2", source="delta-post")
    third = room.publish(f"Ida Moss: “{BRIDGE}”", entry="en_3", source="third-post")

    assert told(alerts) == [("new", "alert"), ("conflict", "alert")]
    assert "Ana Brook (harbour-news)" in alerts[1].data.headline
    assert "Otto Reed (delta-post)" in alerts[1].data.headline
    assert told(third) == [("new", "alert")]


def test_a_conflict_ends_when_one_report_is_withdrawn_and_returns_with_it() -> None:
    """The conflict alert is cancelled with its statement and reinstated with it, under its own id."""
    room = Newsroom()
    room.publish(f"Ana Brook: “{BRIDGE}”")
    room.publish(f"Otto Reed: “{BRIDGE}”", entry="en_2", source="delta-post")
    conflict = room.alerts[-1]

    gone = room.kill("en_2")
    back = room.reinstate("en_2")

    assert told(gone) == [("retracted", "cancel"), ("conflict", "cancel")]
    assert told(back) == [("new", "update"), ("conflict", "update")]
    assert [one.data.alert_id for one in (gone[1], back[1])] == [conflict.data.alert_id] * 2
    assert back[1].data.references == (conflict.id, gone[1].id)


def test_a_headline_never_originates_but_its_body_does() -> None:
    """A headline alone says nothing; the body is told, and the headline adds no sighting of its own."""
    room = Newsroom()

    assert room.publish(f"# Ana Brook: “{BRIDGE}”", entry="en_0") == []
    alerts = room.publish(f"# Ana Brook: “{BRIDGE}”\nAna Brook: “{BRIDGE}”")

    assert told(alerts) == [("new", "alert")]
    assert room.statement().seen == 1


def test_a_baseline_fills_the_record_without_a_word() -> None:
    """A first sight under policy live tells nothing, and what it held is a repeat later."""
    room = Newsroom()

    assert room.publish(f"Ana Brook: “{BRIDGE}”", is_baseline=True) == []
    assert room.publish(f"Ana Brook: “{BRIDGE}”", entry="en_2") == []


def test_a_recap_tells_only_a_quotation_that_nothing_precedes() -> None:
    """Of a summary, repeats, paraphrases and changed wordings are silent; an unheard quotation is flagged."""
    room = Newsroom()
    room.publish(f"Ana Brook: “{BRIDGE}”")

    alerts = room.publish(
        f"Ana Brook: “{BRIDGE}”\n"
        "Ana Brook: “We may rebuild the old bridge before the winter comes”\n"
        "Otto Reed said the ferries of the delta were running again.\n"
        "Ida Moss: “Nobody told the fishermen about the flood”",
        entry="en_2",
        is_recap=True,
    )

    (alert,) = alerts
    assert alert.data.headline == "Ida Moss: “Nobody told the fishermen about the flood”"
    assert alert.data.confidence is not None
    assert "via_recap" in alert.data.confidence.reasons


def test_only_added_text_originates() -> None:
    """A statement in text that the edit did not add is remembered, not told."""
    room = Newsroom()

    alerts = room.publish(f"Ana Brook: “{BRIDGE}”\nRain fell.", added=())

    assert alerts == []
    assert [one.withheld for one in room.statements()] == ["unchanged"]


def test_the_sequence_of_a_story_rises_over_all_its_messages() -> None:
    """Messages of one story are numbered without gaps, in order."""
    room = Newsroom()
    room.publish(f"Ana Brook: “{BRIDGE}”\nOtto Reed: “Nobody asked the fishermen”")
    room.publish("Otto Reed: “Nobody asked the fishermen”")
    room.publish("Ida Moss: “The lamps of the pier are out”", entry="en_2")

    assert [alert.sequence for alert in room.alerts] == [f"{number:010d}" for number in range(1, 5)]


def test_an_edit_happens_when_the_publisher_modified_the_entry() -> None:
    """Event time of an edit is the time of modification; of a first sight, of publication."""
    room = Newsroom()
    room.publish("Rain fell.\nAna Brook: “We stay with our boats tonight”")
    (alert,) = room.publish("Rain fell.\nAna Brook: “We stay with our boats tonight”\nOtto Reed: “We leave at dawn”")

    entry = room.entries["en_1"]
    assert alert.time == entry.modified_at
    assert alert.data.published_at == entry.published_at


def test_a_quiet_entry_leaves_no_trace() -> None:
    """An entry without statements writes no state."""
    room = Newsroom()

    assert room.publish("Rain fell on the harbour.") == []
    assert room.state.values == {}


def test_an_unknown_entry_can_be_withdrawn() -> None:
    """A withdrawal of what was never seen says nothing."""
    room = Newsroom()

    assert room.publish("Rain fell.", status=EntryStatus.WITHDRAWN) == []


TRUCKS = "We are leaving the valley tonight with every truck and every tent that we have"


@pytest.mark.parametrize(
    ("again", "count"),
    [
        (f"~an official: “{TRUCKS}”", 0),
        (f"~one senior official, who was not authorised to speak: “{TRUCKS}”", 0),
        (f"~an ostrian official: “{TRUCKS}”", 0),
        ("~an ostrian official: “leaving the valley tonight with every truck”", 0),
        (f"~an ostrian official said {TRUCKS}", 0),
        ("~an ostrian official said we are leaving the valley tonight with every truck", 1),
        ("~an official said we are leaving the valley tonight with every truck", 0),
        (f"~two officials: “{TRUCKS}”", 1),
        (f"~a diplomat: “{TRUCKS}”", 1),
    ],
)
def test_unnamed_sources_are_one_only_by_equal_words(again: str, count: int) -> None:
    """Verbatim words are one statement where descriptors do not contradict; of other descriptors likeness is none."""
    room = Newsroom()
    room.publish(f"~a senior official: “{TRUCKS}”")

    assert len(room.publish(again, entry="en_2", source="delta-post")) == count


def test_words_left_out_in_the_middle_are_a_repeat() -> None:
    """A quotation shortened by its middle says nothing new."""
    room = Newsroom()
    room.publish(
        "Ana Brook: “We are leaving the cold valley tonight with every truck, mule and tent that we still have”"
    )

    again = room.publish("Brook: “We are leaving the valley tonight with every tent that we have”", entry="en_2")

    assert again == []


def test_a_negation_left_out_in_the_middle_is_news() -> None:
    """What was left out may be what mattered."""
    room = Newsroom()
    room.publish(
        "Ana Brook: “We are certainly not leaving the cold valley tonight with every truck that we still have”"
    )

    (alert,) = room.publish("Brook: “We are leaving the valley tonight with every truck that we have”", entry="en_2")

    assert "negation" in alert.data.why
