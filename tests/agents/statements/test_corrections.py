"""Edits, withdrawals and returns: what those hear who were told before."""

import pytest

from schemas import identity
from schemas.alert import AlertType, MessageType, Novelty
from schemas.article import EntryStatus, Segment, SegmentKind
from schemas.event import Severity, Span
from tests.agents.statements.newsroom import Newsroom, told

GATES = "We will not open the flood gates before the morning"
OPEN = "We will open the flood gates before the morning"


def test_a_changed_quotation_is_an_update_with_was_and_now() -> None:
    """One small word changed: the same statement, its next version, what it was, what it is, and why it matters."""
    room = Newsroom()
    (first,) = room.publish(f"Ana Brook: “{GATES}”")

    (update,) = room.publish(f"Ana Brook: “{OPEN}”")

    data = update.data
    assert (update.type, data.msgtype) == (AlertType.STATEMENT_CORRECTED, MessageType.UPDATE)
    assert (data.alert_id, data.version, data.references) == (first.data.alert_id, 2, (first.id,))
    assert update.id == identity.message_id(first.data.alert_id, 2)
    assert data.change is not None
    assert (data.change.was, data.change.now, data.change.material) == (GATES, OPEN, ("negation",))
    assert data.headline == f"Corrected: Ana Brook: “{OPEN}” (was “{GATES}”)"
    assert data.evidence[0].exact == OPEN
    assert data.evidence[0].revision == 2
    assert data.statement is not None
    assert first.data.statement is not None
    assert (data.statement.id, data.statement.novelty) == (first.data.statement.id, Novelty.CORRECTED)
    assert update.severitynumber >= first.severitynumber


@pytest.mark.parametrize(
    ("now", "material"),
    [
        ("We will not open the 3 flood gates before the morning", ("number",)),
        ("We will not open the flood gates before Friday", ("date",)),
        ("We must not open the flood gates before the morning", ("modal",)),
        ("We will not open the Delta flood gates before the morning", ("entity",)),
        ("We will not open the harbour locks before the evening", ("wording",)),
    ],
)
def test_each_material_change_names_its_reason(now: str, material: tuple[str, ...]) -> None:
    """Reasons are closed words, and only those that apply."""
    room = Newsroom()
    room.publish(f"Ana Brook: “{GATES}”")

    (update,) = room.publish(f"Ana Brook: “{now}”")

    assert update.data.change is not None
    assert update.data.change.material == material


@pytest.mark.parametrize(
    "now",
    [
        f'Ana Brook: "{GATES}."',
        f"Ana Brook: “{GATES.upper()}”",
        "Ana Brook: “We  will not open the flood gates, before the morning…”",
        "Ana Brook: “We won't open the flood gates before the morning”",
        "Ana Brook: “We will not open the flood-gates before the morning”",
        f"Brook: “{GATES}”",
        f"Ana Brook, harbour minister: “{GATES}”",
        "Ana Brook: “We will not [the council] open the flood gates before the morning”",
        f"Ana Brook: “{GATES} comes”",
    ],
)
def test_an_immaterial_edit_is_silent(now: str) -> None:
    """Typography, spelling, a fuller name, a gloss, a word at the end: no message."""
    room = Newsroom()
    room.publish(f"Ana Brook: “{GATES}”")

    assert room.publish(now) == []
    assert len(room.statements()) == 1


def test_losing_its_quotation_marks_is_material() -> None:
    """A quotation turned into a paraphrase with the same words is corrected."""
    room = Newsroom()
    room.publish(f"Ana Brook: “{GATES}”")

    (update,) = room.publish(f"Ana Brook said {GATES}")

    assert update.data.change is not None
    assert update.data.change.material == ("quotation_marks",)


def test_words_added_at_the_end_are_a_statement_of_their_own() -> None:
    """An edit that lets the speaker go on corrects nothing: it is new, and extends."""
    room = Newsroom()
    (first,) = room.publish(f"Ana Brook: “{GATES}”")

    (alert,) = room.publish(f"Ana Brook: “{GATES}, because the boats are still out at sea”")

    assert (alert.type, alert.data.msgtype) == (AlertType.STATEMENT_NEW, MessageType.ALERT)
    assert first.data.statement is not None
    assert alert.data.statement is not None
    assert (alert.data.statement.novelty, alert.data.statement.extends) == (
        Novelty.EXTENDED,
        first.data.statement.id,
    )


def test_an_extended_quotation_keeps_both_statements_until_the_entry_goes() -> None:
    """The shorter statement lives on inside the longer one; a kill cancels both."""
    room = Newsroom()
    room.publish(f"Ana Brook: “{GATES}”")
    room.publish(f"Ana Brook: “{GATES}, because the boats are still out at sea”")
    silent = room.publish(f"Ana Brook: “{GATES}, because the boats are still out at sea”\nRain fell.")

    gone = room.kill()

    assert silent == []
    assert sorted(told(gone)) == [("retracted", "cancel"), ("retracted", "cancel")]


def test_a_new_line_does_not_disturb_the_old_ones() -> None:
    """Text that an edit did not touch keeps its statements and ids, also where it moved."""
    room = Newsroom()
    room.publish(f"Ana Brook: “{GATES}”\nOtto Reed: “Nobody asked the fishermen about it”")

    alerts = room.publish(
        f"Ida Moss: “The lamps of the pier are out”\nOtto Reed: “Nobody asked the fishermen about it”\n"
        f"Rain fell.\nAna Brook: “{GATES}”"
    )

    assert [alert.data.headline for alert in alerts] == ["Ida Moss: “The lamps of the pier are out”"]


def test_words_removed_by_an_edit_are_cancelled() -> None:
    """What no entry carries any more is cancelled; the cancel keeps its evidence and is honest on its own."""
    room = Newsroom()
    (first,) = room.publish(f"Rain fell.\nAna Brook: “{GATES}”")

    (cancel,) = room.publish("Rain fell.", correction="We removed a quotation that was never given.")

    data = cancel.data
    assert (cancel.type, data.msgtype) == (AlertType.STATEMENT_RETRACTED, MessageType.CANCEL)
    assert data.headline == f"Withdrawn: Ana Brook: “{GATES}”"
    assert (data.references, data.evidence) == ((first.id,), first.data.evidence)
    assert data.withdrawn_by == "publisher"
    assert "never given" in data.why
    assert data.change is not None
    assert (data.change.was, data.change.now, data.change.material) == (GATES, None, ("withdrawn",))
    assert cancel.severitynumber >= first.severitynumber


def test_a_killed_entry_cancels_what_only_it_carried() -> None:
    """A withdrawn entry takes its statements with it, each under its own alert."""
    room = Newsroom()
    first = room.publish(f"Ana Brook: “{GATES}”\nOtto Reed: “Nobody asked the fishermen about it”")

    cancels = room.kill()

    assert told(cancels) == [("retracted", "cancel")] * 2
    assert [one.data.alert_id for one in cancels] == [one.data.alert_id for one in first]
    assert room.kill() == []


def test_other_sightings_keep_a_statement_alive() -> None:
    """Killed here, carried there: an update with a note; killed there too: the cancel."""
    room = Newsroom()
    (first,) = room.publish(f"Ana Brook: “{GATES}”")
    room.publish(f"Ana Brook: “{GATES}”", entry="en_2", source="delta-post")

    (note,) = room.kill("en_1")
    (cancel,) = room.kill("en_2")

    assert (note.type, note.data.msgtype) == (AlertType.STATEMENT_RETRACTED, MessageType.UPDATE)
    assert note.data.headline == f"harbour-news withdrew: Ana Brook: “{GATES}” — still carried by delta-post"
    assert note.data.withdrawn_by == "publisher"
    assert cancel.data.msgtype is MessageType.CANCEL
    assert cancel.data.references == (first.id, note.id)


def test_a_repeat_dropped_by_an_edit_is_no_news() -> None:
    """Nobody was told of the repeat, so nobody hears that an edit dropped it."""
    room = Newsroom()
    room.publish(f"Ana Brook: “{GATES}”")
    room.publish(f"Rain fell.\nAna Brook: “{GATES}”", entry="en_2", source="delta-post")

    assert room.publish("Rain fell.", entry="en_2", source="delta-post") == []
    assert told(room.kill("en_1")) == [("retracted", "cancel")]


def test_a_returning_entry_reinstates_under_the_same_ids() -> None:
    """After a cancel only a reinstating update follows, and the words can be withdrawn again."""
    room = Newsroom()
    (first,) = room.publish(f"Ana Brook: “{GATES}”")
    (cancel,) = room.kill()

    (back,) = room.reinstate()
    (again,) = room.kill()

    assert back.data.msgtype is MessageType.UPDATE
    assert back.data.is_reinstated
    assert back.data.alert_id == first.data.alert_id
    assert back.data.references == (first.id, cancel.id)
    assert back.data.change is not None
    assert back.data.change.material == ("reinstated",)
    assert again.data.msgtype is MessageType.CANCEL
    assert again.data.version == 4


def test_an_entry_that_returns_changed_says_both() -> None:
    """Reinstated with other words: one update, reinstated and corrected."""
    room = Newsroom()
    room.publish(f"Ana Brook: “{GATES}”")
    room.kill()

    (back,) = room.reinstate(text=f"Ana Brook: “{OPEN}”")

    assert back.data.is_reinstated
    assert back.data.change is not None
    assert back.data.change.material == ("negation", "reinstated")


def test_withdrawn_words_that_another_outlet_carries_are_reinstated() -> None:
    """Words that were cancelled and are then reported elsewhere do not become a second alert."""
    room = Newsroom()
    (first,) = room.publish(f"Ana Brook: “{GATES}”")
    room.kill()

    (back,) = room.publish(f"Ana Brook: “{GATES}”", entry="en_2", source="delta-post")

    assert back.data.is_reinstated
    assert back.data.alert_id == first.data.alert_id
    assert back.data.evidence[0].source == "delta-post"


def test_a_corrected_attribution_cancels_the_old_and_tells_the_new() -> None:
    """The speaker is material: the old alert ends and names its successor, the new speaker gets an alert."""
    room = Newsroom()
    (first,) = room.publish(f"Ana Brook: “{GATES}”")

    cancel, alert = room.publish(f"Otto Reed: “{GATES}”")

    assert alert.data.statement is not None
    assert cancel.data.statement is not None
    assert cancel.data.msgtype is MessageType.CANCEL
    assert cancel.data.references == (first.id,)
    assert cancel.data.statement.superseded_by == alert.data.statement.id
    assert cancel.data.change is not None
    assert (cancel.data.change.was, cancel.data.change.now) == ("Ana Brook", "Otto Reed")
    assert cancel.data.change.material == ("speaker",)
    assert cancel.data.headline == f"Withdrawn: Ana Brook: “{GATES}” — now attributed to Otto Reed"
    assert alert.data.msgtype is MessageType.ALERT
    assert alert.data.alert_id != first.data.alert_id
    assert cancel.sequence < alert.sequence


def test_an_edit_that_names_the_unknown_speaker_is_an_update() -> None:
    """Unresolved, then named in an edit: the same statement, now of somebody."""
    room = Newsroom()
    (first,) = room.publish(f"?: “{GATES}”")

    (update,) = room.publish(f"Ana Brook: “{GATES}”")

    assert first.severitynumber is Severity.NOTE
    assert update.data.alert_id == first.data.alert_id
    assert update.data.change is not None
    assert update.data.change.material == ("speaker",)


def test_an_outlet_that_changes_its_copy_does_not_change_the_original() -> None:
    """A repeat that is edited into something else is a new statement; the told one stands as its source has it."""
    room = Newsroom()
    (first,) = room.publish(f"Ana Brook: “{GATES}”")
    room.publish(f"Ana Brook: “{GATES}”", entry="en_2", source="delta-post")

    (alert,) = room.publish(f"Ana Brook: “{OPEN}”", entry="en_2", source="delta-post")

    assert first.data.statement is not None
    assert alert.data.statement is not None
    assert alert.data.msgtype is MessageType.ALERT
    assert alert.data.statement.differs_from == first.data.statement.id


def test_a_changed_baseline_statement_is_told_once_as_an_alert() -> None:
    """Nobody was told the old words, so the change comes as a first message that shows both."""
    room = Newsroom()
    room.publish(f"Ana Brook: “{GATES}”", is_baseline=True)

    (alert,) = room.publish(f"Ana Brook: “{OPEN}”")

    assert (alert.data.msgtype, alert.data.references) == (MessageType.ALERT, ())
    assert alert.data.change is not None
    assert alert.data.change.was == GATES


def test_a_withdrawn_baseline_is_silent() -> None:
    """What was never told is never taken back."""
    room = Newsroom()
    room.publish(f"Ana Brook: “{GATES}”", is_baseline=True)

    assert room.kill() == []


def test_a_correction_note_does_not_speak() -> None:
    """Words that a correction note repeats are not said again."""
    room = Newsroom()
    text = f"Ana Brook: “{GATES}”"

    alerts = room.publish(text, segments=(Segment(kind=SegmentKind.CORRECTION_NOTE, span=Span(0, len(text))),))

    assert alerts == []


def test_words_found_no_more_in_unchanged_text_survive() -> None:
    """If the extractor misses a statement whose text the edit left alone, nothing is withdrawn."""
    readings = {"n": 0}
    real = Newsroom().step

    def forgetful(text: str, segments: object = ()) -> object:
        readings["n"] += 1
        return real._extract(text, ()) if readings["n"] == 1 else ()

    room = Newsroom(read=forgetful)
    room.publish(f"Ana Brook: “{GATES}”")

    assert room.publish(f"Ana Brook: “{GATES}”\nRain fell.") == []
    assert told(room.kill()) == [("retracted", "cancel")]


def test_a_live_revision_after_a_withdrawal_is_a_return() -> None:
    """An entry that is simply there again counts as reinstated."""
    room = Newsroom()
    room.publish(f"Ana Brook: “{GATES}”")
    room.kill()

    (back,) = room.publish(f"Ana Brook: “{GATES}”", status=EntryStatus.LIVE)

    assert back.data.is_reinstated


def test_words_by_nobody_known_join_the_live_report_not_the_withdrawn_one() -> None:
    """Between a cancelled and a standing statement with the same words, an unattributed repeat joins the standing."""
    room = Newsroom()
    room.publish(f"Ana Brook: “{GATES}”")
    room.publish(f"Otto Reed: “{GATES}”", entry="en_2", source="delta-post")
    room.kill("en_1")

    assert room.publish(f"?: “{GATES}”", entry="en_3", source="third-post") == []
