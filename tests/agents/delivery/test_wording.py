"""Deliveries in plain words."""

import re
import unicodedata
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.delivery import wording
from schemas.alert import Alert, AlertType, MessageType, Novelty, OfficialFacts, PersonFacts, RoleChangeFacts, Status
from schemas.delivery import Delivery
from schemas.detection import RoleEvent, SpeakerType, StatementKind, Via
from schemas.event import Severity
from schemas.routing import Explain, Hit
from tests.agents.delivery.jobs import a_delivery, a_digest, an_item
from tests.agents.routing.builders import a_speaker, a_statement, an_alert, cancelled, later, raised, said, words_of

replace = msgspec.structs.replace
ODD = st.text(st.characters(codec=None, exclude_categories=())) | st.sampled_from(
    ("\x00", "\ud800", "\u202eabc", "x\r\ny")
)


def quoted(**changes: Any) -> Alert:
    """The harbour minister on television, as one outlet has it."""
    proof = replace(
        words_of("The bridge\nis closed"), origin="Northern Agency", url="https://news.example/bridge", revision=2
    )
    facts: dict[str, Any] = {
        "speaker": a_speaker(role="the harbour minister"),
        "via": (Via(name="Island TV", type="media"),),
        "text": "The bridge\nis closed",
        "on_behalf_of": "the island's government",
    }
    return an_alert(
        headline="Jane Roe: “The bridge is closed”", statement=a_statement(**(facts | changes)), evidence=(proof,)
    )


def test_a_message_tells_who_said_what_and_where_it_stands() -> None:
    """Speaker, principal, medium, verbatim words, source with url and time, and why it was sent."""
    alert = quoted()
    hits = (
        Hit(condition="keywords_any", value="bridge"),
        Hit(condition="keywords_any", value="bridge", where="headline"),
    )
    delivery = a_delivery(alert, item={"explain": Explain(hits=hits)}, hidden=2)

    assert wording.plain(delivery, alert) == (
        "[WATCH] Jane Roe: “The bridge is closed”\n"
        "\n"
        "Who: Jane Roe, harbour minister\n"
        "On behalf of: the island's government\n"
        "Via: Island TV\n"
        "Quote: “The bridge is closed”\n"
        "\n"
        "Source: sample-news (Northern Agency), 2026-03-14 12:00 UTC, revision 2\n"
        "https://news.example/bridge\n"
        "\n"
        "Why: said, in added text\n"
        "Matches your filter: keyword “bridge”\n"
        f"Alert {alert.data.alert_id}, message 1\n"
        "\n"
        "2 messages were silenced since the last one you got. The silence has ended."
    )


def test_a_correction_says_so_first_with_was_and_now() -> None:
    """What the reader was told, and what is so now, before everything else."""
    alert = later(said(), MessageType.UPDATE, "negation")

    text = wording.plain(a_delivery(alert), alert)

    assert text.startswith(
        "[WATCH] Corrected: Jane Roe: “The bridge is closed”\n\nWas: before\nNow: after\n\nWho: Jane Roe"
    )


def test_a_withdrawal_says_so_first_and_marks_the_words() -> None:
    """No quotation of a withdrawn statement stands without the word."""
    alert = cancelled(said())

    text = wording.plain(a_delivery(alert), alert)

    assert text.startswith("[WATCH] Withdrawn: Jane Roe: “The bridge is closed”\n\nWas: before\nNow: after\n\n")
    assert "Who (withdrawn): Jane Roe\nQuote (withdrawn): “The bridge is closed”\n" in text


@pytest.mark.parametrize(
    ("msgtype", "changes", "expected"),
    [
        (MessageType.CANCEL, {}, "[WATCH] Withdrawn: The bridge is closed"),
        (MessageType.UPDATE, {}, "[WATCH] Corrected: The bridge is closed"),
        (MessageType.UPDATE, {"is_correction": False}, "[WATCH] Update: The bridge is closed"),
        (MessageType.ALERT, {}, "[WATCH] The bridge is closed"),
    ],
)
def test_a_headline_that_does_not_tell_the_change_is_told_it(
    msgtype: MessageType, changes: dict[str, Any], expected: str
) -> None:
    """A reader who sees one line must not take a correction for news."""
    alert = said(headline="The bridge is closed", msgtype=msgtype)

    assert wording.title(a_delivery(alert, **changes), alert) == expected


def test_what_stands_again_is_called_reinstated() -> None:
    """Also where the detector's headline does not say so."""
    alert = later(said(headline="First mention: Jane Roe"), MessageType.UPDATE, "reinstated")

    assert wording.title(a_delivery(alert), alert) == "[WATCH] Reinstated: First mention: Jane Roe"


def test_the_message_is_worded_for_this_reader() -> None:
    """A corrected message is news to who was never told the first one: nothing was, nothing is now."""
    alert = later(said(), MessageType.UPDATE, "number")
    delivery = a_delivery(alert, item={"msgtype": MessageType.ALERT}, is_correction=False)

    text = wording.plain(delivery, alert)

    assert text.startswith("[WATCH] Jane Roe: “The bridge is closed”\n\nWho: Jane Roe\n")
    assert "Was:" not in text


@pytest.mark.parametrize("headline", ["[DRILL] The bridge is closed", "The bridge is closed"])
def test_a_drill_says_so_before_anything_else(headline: str) -> None:
    """Once, whether the headline says so or not."""
    alert = said(status=Status.DRILL, headline=headline)

    assert wording.title(a_delivery(alert, status=Status.DRILL), alert) == "[DRILL] [WATCH] The bridge is closed"


def test_a_digest_lists_everything() -> None:
    """Every item with its time and severity, and how many were left out."""
    first, second = said(), cancelled(raised(4))
    delivery = a_digest(first, second, withdrawn=1)

    assert wording.plain(delivery, None) == (
        "[BULLETIN] 2 alerts held back, among them: Withdrawn: Level 4\n"
        "\n"
        "- 2026-03-14 12:00 UTC  [WATCH] Jane Roe: “The bridge is closed”\n"
        "- 2026-03-14 12:00 UTC  [BULLETIN] Withdrawn: Level 4\n"
        "\n"
        "1 alert was withdrawn before this digest and left out of it."
    )


def test_a_digest_of_one_is_called_by_its_headline() -> None:
    """Nobody should have to open it."""
    assert wording.title(a_digest(said()), None) == "[WATCH] Held back: Jane Roe: “The bridge is closed”"


def test_a_paraphrase_is_never_shown_as_a_quotation() -> None:
    """And a denial keeps its verb."""
    alert = quoted(
        kind=StatementKind.INDIRECT, cue="denied that", text="the bridge is closed", via=(), on_behalf_of=None
    )

    text = wording.details(a_delivery(alert), alert)

    assert text.startswith(
        "Who: Jane Roe, harbour minister\nIn the outlet's words: denied that the bridge is closed\n\nSource:"
    )
    assert "“" not in text


def test_hearsay_and_unnamed_speakers_are_called_that() -> None:
    """Nobody is named whom the detector could not name."""
    alert = quoted(
        speaker=None,
        attribution="unresolved",
        on_behalf_of=None,
        is_hearsay=True,
        via=(Via(name="John Doe", type="person"),),
        novelty=Novelty.NEW,
    )

    assert wording.details(a_delivery(alert), alert).startswith(
        "Who: Unidentified speaker\n"
        "As told by: John Doe\n"
        "At second hand: somebody else says that they said it.\n"
        "Quote: “The bridge is closed”\n"
    )


def test_an_escalation_tells_its_levels_words_and_evidence() -> None:
    """With the words themselves, as no statement tells them."""
    alert = replace(raised(5), data=replace(raised(5).data, evidence=(words_of("Shots at the harbour"),)))
    assert alert.data.escalation is not None
    facts = replace(alert.data.escalation, terms=("shots", "harbour"), proposed="FLASH")
    alert = replace(alert, data=replace(alert.data, escalation=facts))

    assert wording.details(a_delivery(alert), alert) == (
        "security, action: level 0 to level 5\n"
        "Words found: shots, harbour\n"
        "FLASH is proposed; a person must decide.\n"
        "\n"
        "“Shots at the harbour”\n"
        "Source: sample-news, 2026-03-14 12:00 UTC\n"
        "\n"
        "Why: said, in added text\n"
        "Alert al_level_action_5, message 1"
    )


def test_levels_of_a_correction_are_called_levels() -> None:
    """A bare number would tell nobody anything."""
    first = raised(3)
    alert = later(first, MessageType.CANCEL, "level", "withdrawn")
    assert alert.data.change is not None
    alert = replace(alert, data=replace(alert.data, change=replace(alert.data.change, was="3", now="0")))

    assert wording.details(a_delivery(alert), alert).startswith("Was: level 3\nNow: no level\n")


def test_a_role_change_tells_who_comes_and_who_goes() -> None:
    """Post, persons, what happened and how sure it is."""
    change = RoleChangeFacts(
        event=RoleEvent.SWORN_IN,
        post="harbour minister",
        incoming=PersonFacts(id=None, name="Jane Roe"),
        outgoing=PersonFacts(id="p_1", name="John Doe"),
    )
    alert = an_alert(AlertType.OFFICIAL_ROLE_CHANGED, severity=Severity.ADVISORY, official=OfficialFacts(change=change))

    assert wording.details(a_delivery(alert), alert).startswith(
        "Post: harbour minister\nIn: Jane Roe (current)\nOut: John Doe\nWhat: sworn in, reported\n"
    )


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "https://a b", "https://x\n.example", "ftp://x", "https://x\u202e.example", "//x", ""],
)
def test_only_whole_web_addresses_are_shown(url: str) -> None:
    """What a mail program would turn into a link must be one."""
    alert = said(evidence=(replace(words_of("x"), url=url),))

    assert not wording.is_link(url)
    assert "Source: sample-news, 2026-03-14 12:00 UTC\n\nWhy" in wording.details(a_delivery(alert), alert)


def everywhere(text: str) -> tuple[Delivery, Alert]:
    """A correction in which every foreign word is this text."""
    facts = a_statement(
        a_speaker(text, role=text, type=SpeakerType.ORGANISATION),
        text=text,
        cue=text,
        pieces=(text, text),
        on_behalf_of=text,
        via=(Via(name=text, type="media"),),
        joint=(a_speaker(text),),
    )
    proof = replace(words_of(text), source=text, origin=text, url=text, item=text)
    alert = later(an_alert(headline=text, statement=facts, evidence=(proof,), why=text), MessageType.UPDATE, "number")
    assert alert.data.change is not None
    alert = replace(alert, data=replace(alert.data, change=replace(alert.data.change, was=text, now=text)))
    hits = (Hit(condition=text, value=text),)
    return a_delivery(alert, item={"explain": Explain(hits=hits)}, status=Status.TEST), alert


MOST_LINES = wording.plain(*everywhere("https://news.example")).count("\n")


@given(text=ODD)
def test_any_text_gives_lines_that_cannot_break_out(text: str) -> None:
    """Titles are one line; nothing but our own line feeds controls anything; all of it can be written as UTF-8."""
    delivery, alert = everywhere(text)

    title, body = wording.title(delivery, alert), wording.plain(delivery, alert)
    digest = wording.plain(a_digest(alert, items=(an_item(alert),) * 2), None)

    assert "\n" not in title
    assert body.count("\n") <= MOST_LINES
    assert digest.count("\n") == 3
    for told in (title, body, digest):
        told.encode()
        assert {mark for mark in told if unicodedata.category(mark) in ("Cc", "Zl", "Zp")} <= {"\n"}
        assert not re.search("[\u202a-\u202e\u2066-\u2069]", told)


def test_a_huge_text_stays_a_message() -> None:
    """A megabyte of words, or of spaces, is cut."""
    for text in ("word " * 200_000, " " * 1_000_000, "x" * 1_000_000):
        alert = an_alert(headline=text, statement=a_statement(text=text), why=text, evidence=(words_of(text),))

        assert len(wording.title(a_delivery(alert), alert)) < 350
        assert len(wording.plain(a_delivery(alert), alert)) < 6_000
