"""Stateless detection with the shipped lexicon."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.escalations.detection import default_ruleset, scan
from schemas.detection import Assertion, Channel
from schemas.event import Span


def concepts(text: str) -> set[str]:
    """Concepts that count in full: asserted and no history."""
    return {hit.concept for hit in scan(text) if hit.assertion is Assertion.ASSERTED and not hit.is_background}


@pytest.mark.parametrize("form", ["air strike", "airstrike", "air-strike", "Airstrikes", "AIR STRIKES"])
def test_one_concept_has_many_spellings(form: str) -> None:
    """Hyphenation, number and case lead to one id."""
    assert concepts(f"An early {form} on the port.") == {"airstrike"}


@pytest.mark.parametrize(
    "text",
    [
        "The trade war hurt cheese exporters.",
        "A war crimes tribunal opened in Kest.",
        "The Cold War archive is open.",
        "A war veteran planted the tree.",
        "Labour strike action closed the docks.",
        "The clubs strike a deal over the pitch.",
        "A World War II bomb shelter is now a café.",
        "The memoir is a bombshell.",
        "Nurses strike over pay.",
        "Lightning strike hits church.",
        "The character was killed off in spring.",
        "The film was shot in Sorvina.",
        "She got her vaccine shot on time.",
        "His shot hit the post.",
        "A bird strike delayed the flight.",
    ],
)
def test_figures_of_speech_raise_no_force(text: str) -> None:
    """Exclusions keep war, strike and shot of other fields away from use of force."""
    assert [hit.term for hit in scan(text) if hit.level >= 4 and not hit.is_background] == []


@pytest.mark.parametrize(
    ("text", "assertion"),
    [
        ("There are no plans for an airstrike.", Assertion.NEGATED),
        ("The ministry denied an airstrike took place.", Assertion.DENIED),
        ("They may order an airstrike.", Assertion.HYPOTHETICAL),
        ("Was it an airstrike?", Assertion.QUESTION),
        ("An airstrike hit the port.", Assertion.ASSERTED),
        ("“An airstrike hit us,” said Ana Lind.", Assertion.QUOTED),
    ],
)
def test_every_hit_says_how_it_is_asserted(text: str, assertion: Assertion) -> None:
    """The assertion stands beside the hit."""
    assert [hit.assertion for hit in scan(text) if hit.concept == "airstrike"] == [assertion]


def test_a_deed_inside_a_quotation_is_rhetoric() -> None:
    """A keyword in a quotation is routed to talk."""
    hits = scan("“An airstrike hit us,” said Ana Lind.")

    assert [(hit.concept, hit.channel) for hit in hits] == [("airstrike", Channel.RHETORIC)]


@pytest.mark.parametrize(
    "text",
    [
        "An airstrike hit the port in 2014.",
        "The airstrike happened ten years ago.",
        "Villagers marked the anniversary of the airstrike.",
        "A court sentenced two men over the airstrike.",
        "Orel was born in 1951 and survived an airstrike; he is survived by two sons.",
    ],
)
def test_history_is_background(text: str) -> None:
    """Years, anniversaries, trials and lives are no news."""
    assert [hit.is_background for hit in scan(text) if hit.concept == "airstrike"] == [True]


def test_news_beside_history_stays_news() -> None:
    """Only the clause of the past is background where the sentence also tells of today."""
    text = "An airstrike hit the port on Friday, the first since the truce, near where an airstrike fell in 2014."

    assert [hit.is_background for hit in scan(text) if hit.concept == "airstrike"] == [False, True]


def test_a_year_is_history_only_if_it_is_past() -> None:
    """With the year of publication known, the current year is news."""
    text = "The deadliest airstrike in 2031 hit the port."

    assert [found.hit.is_background for found in default_ruleset().scan(text, year=2031)] == [False]
    assert [found.hit.is_background for found in default_ruleset().scan(text, year=2032)] == [True]


def test_threat_and_deed_are_told_apart() -> None:
    """A threat is rhetoric in full; the threatened deed is hypothetical."""
    hits = scan("The junta threatened to bomb the dam and warned of an airstrike.")

    assert {(hit.concept, hit.channel, hit.assertion) for hit in hits if hit.level >= 2} == {
        ("threat", Channel.RHETORIC, Assertion.ASSERTED),
        ("airstrike", Channel.ACTION, Assertion.HYPOTHETICAL),
    }


def test_de_escalators_weigh_below_zero() -> None:
    """A ceasefire counts the other way round."""
    hits = scan("The two armies have agreed to a ceasefire.")

    assert [(hit.concept, hit.level, hit.weight < 0) for hit in hits] == [("ceasefire", 0, True)]


def test_no_hit_lies_in_another_of_its_ladder() -> None:
    """A suicide bombing is not a bombing as well."""
    hits = scan("A suicide bombing shook the square.")

    assert [hit.term for hit in hits if hit.level >= 4] == ["suicide bombing"]


WORDS = st.sampled_from(
    ["airstrike", "not", "killed", "“", "”", "if", ".", "45", "people", "war", "crimes", "\n", "ß", "\ud800", "\0", "в"]
)


@given(st.one_of(st.text(max_size=300), st.lists(WORDS, max_size=60).map(" ".join)))
def test_spans_slice_to_the_matched_text(text: str) -> None:
    """Any text is read without raising, and every hit's span gives its term."""
    hits = scan(text)

    assert all(hit.span.of(text) == hit.term and hit.term for hit in hits)
    assert list(hits) == sorted(hits, key=lambda hit: (hit.span.start, -hit.span.end))


def test_a_long_text_is_read_in_one_go() -> None:
    """A page of hits without a sentence end, and one of quotation marks, give their hits."""
    page = "airstrike, “killed” " * 5000

    assert sum(hit.concept == "airstrike" for hit in scan(page)) == 5000


def test_spans_lie_inside_the_text_of_any_script() -> None:
    """Characters whose folding has another length do not shift spans."""
    text = "Straße in İzmir: ﬁrst an air\u2011strike — “Œuvre”."

    at = text.index("air")
    assert [hit.span for hit in scan(text) if hit.concept == "airstrike"] == [Span(at, at + 10)]
