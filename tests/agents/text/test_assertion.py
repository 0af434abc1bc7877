"""How a sentence presents a hit: scope of triggers, pseudo-triggers, terminators, quotations."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.text.assertion import assertion
from schemas.detection import Assertion
from schemas.event import Span


def marked(line: str) -> tuple[str, Span]:
    """The sentence without the brackets around the hit, and where the hit stands."""
    start, end = line.index("["), line.index("]") - 1
    return line.replace("[", "").replace("]", ""), Span(start, end)


def judge(line: str) -> Assertion:
    """The assertion of the bracketed hit."""
    text, hit = marked(line)
    return assertion(text, Span(0, len(text)), hit)


@pytest.mark.parametrize(
    "line",
    [
        "There are no plans for [war] with Tarvia.",
        "The government is not seeking [war].",
        "The minister ruled out [strikes] on the port.",
        "The blast [killed] no one.",
        "An [attack] was ruled out by the police.",
        "No one was [killed] in the fire.",
        "There is no evidence that the army [attacked] the village.",
        "The [strike] did not happen.",
        "There will be no [war], the premier said.",
        "Troops did not [open fire].",
        "The minister refused to [resign].",
        "He didn’t [resign].",
        "They did n't [shell] the town .",
        "Neither side wants talks, raids or [strikes].",
        "Guards averted the [attack] on the dam.",
    ],
)
def test_negation_reaches_its_scope(line: str) -> None:
    """Negation before or after the hit takes its force away."""
    assert judge(line) is Assertion.NEGATED


@pytest.mark.parametrize(
    "line",
    [
        "They not only [shelled] the port but burned it.",
        "The army did not comment on the [airstrike].",
        "There was no warning and twelve people were [killed].",
        "The army did not attack, but rebels [killed] two.",
        "Troops [attacked] the village despite denials.",
        "No. 10 said that troops had [attacked] the port.",
        "No one has claimed responsibility for the [bombing].",
        "Police failed to prevent the [attack].",
        "She said the [attack] could have been worse.",
        "Rescuers said the toll could rise after the [earthquake].",
        "The suspect, who was not named, [killed] four.",
        "The general was [killed], but his aide was not.",
        "The junta [threatened] to bomb the dam.",
        "In May rebels [attacked] the port.",
        "Officials who would not be named said the raid [killed] five.",
    ],
)
def test_pseudo_triggers_and_terminators_leave_the_assertion(line: str) -> None:
    """What only looks like negation or doubt, or ends before the hit, changes nothing."""
    assert judge(line) is Assertion.ASSERTED


@pytest.mark.parametrize(
    "line",
    [
        "Tarvia denied it had [attacked] the convoy.",
        "The palace dismissed reports of an [attack].",
        "He denied, in a letter, that his men had [attacked] the camp.",
        "Claims of an [attack] were denied by the palace.",
    ],
)
def test_a_denial_is_told_from_a_negation(line: str) -> None:
    """Who denies a deed is told as denied."""
    assert judge(line) is Assertion.DENIED


@pytest.mark.parametrize(
    "line",
    [
        "The minister cannot rule out [strikes] on the port.",
        "If they [attack], we will answer.",
        "The army could [attack] at dawn.",
        "They threatened to [bomb] the dam.",
        "Ms Orel will be [named] chair.",
        "Officials have not confirmed the [attack].",
        "Fears of [war] grew.",
        "Tarvia has never denied [shelling] the port.",
        "Kadria is expected to [resign].",
        "It is unclear whether the jet was [shot down].",
        "A party leader called for the [expulsion] of foreign troops.",
    ],
)
def test_the_possible_is_not_asserted(line: str) -> None:
    """Conditions, plans, demands, threats and fears make their object hypothetical."""
    assert judge(line) is Assertion.HYPOTHETICAL


def test_a_question_asserts_nothing() -> None:
    """A hit before a question mark is asked."""
    assert judge("Was it an [attack]?") is Assertion.QUESTION


def test_a_hit_inside_a_quotation_is_quoted() -> None:
    """The words of a speaker are told as quoted, unless they weaken the hit themselves."""
    text, hit = marked("“They [bombed] our school,” said Ana Lind.")
    quotes = [SimpleNamespace(outer=Span(0, 25))]

    assert assertion(text, Span(0, len(text)), hit, quotes) is Assertion.QUOTED


def test_negation_inside_a_quotation_wins_over_the_quotation() -> None:
    """What a speaker rules out is negated, not quoted."""
    text, hit = marked("“We will not [bomb] the school,” said Ana Lind.")
    quotes = [SimpleNamespace(outer=Span(0, 31))]

    assert assertion(text, Span(0, len(text)), hit, quotes) is Assertion.NEGATED


@given(st.text(max_size=400), st.integers(0, 400), st.integers(0, 60))
def test_any_text_has_an_answer(text: str, start: int, length: int) -> None:
    """No text, span or character raises."""
    start = min(start, len(text))
    hit = Span(start, min(start + length, len(text)))

    assert assertion(text, Span(0, len(text)), hit) in Assertion


def test_cost_does_not_grow_with_the_sentence() -> None:
    """Only a window around the hit is read: a trigger far before it has no say."""
    text = "no " + "word " * 200_000 + "attack"

    assert assertion(text, Span(0, len(text)), Span(len(text) - 6, len(text))) is Assertion.ASSERTED
