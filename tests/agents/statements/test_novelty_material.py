"""The guard: which differences count, and which do not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.statements.material import changed_permille, material
from agents.text.normal import normal


@pytest.mark.parametrize(
    ("was", "now", "reasons"),
    [
        ("We will not cross the river", "We will cross the river", ("negation",)),
        ("We cannot cross the river", "We can cross the river", ("negation",)),
        ("We won’t cross the river", "We will cross the river", ("negation",)),
        ("Nobody crossed the river", "Somebody crossed the river", ("negation",)),
        ("I do not want war, I want peace", "I want war, I do not want peace", ("negation",)),
        ("The vote on the dam was legal", "The vote on the dam was illegal", ("negation",)),
        ("They took 3 boats at the ford", "They took 30 boats at the ford", ("number",)),
        ("They took three boats at the ford", "They took four boats at the ford", ("number",)),
        ("It costs 1.5 million", "It costs 15 million", ("number",)),
        ("He was third to leave the hall", "He was fourth to leave the hall", ("number",)),
        ("Three boats sank and thirty came home", "Thirty boats sank and three came home", ("number",)),
        ("It is 20 km from the shore", "It is 20 miles from the shore", ("unit",)),
        ("It costs $20 a day", "It costs €20 a day", ("unit",)),
        ("The talks begin on Monday", "The talks begin on Tuesday", ("date",)),
        ("The talks begin on 3 March", "The talks begin on 4 March", ("date",)),
        ("It was built in 1998", "It was built in 1999", ("date",)),
        ("We will speak in May", "We will speak in June", ("date",)),
        ("The people of Orland are ready", "The people of Vastria are ready", ("entity",)),
        ("Orland stands ready", "Vastria stands ready", ("entity",)),
        ("The army of Orland attacked Vastria", "The army of Vastria attacked Orland", ("entity_order",)),
        ("Orland attacked Vastria", "Vastria attacked Orland", ("entity_order",)),
        ("We may cross the river", "We must cross the river", ("modal",)),
        ("We will cross the river", "We would cross the river", ("modal",)),
        ("The harbour is closed", "The harbour burned down", ("wording",)),
    ],
)
def test_what_carries_the_change_is_named(was: str, now: str, reasons: tuple[str, ...]) -> None:
    """Each kind of small change that matters has its own closed reason, in both directions."""
    assert material(was, now) == reasons
    assert material(now, was) == reasons


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("We’ll cross it", "we will cross it."),
        ("We won't cross it", "We will not cross it"),
        ("It costs $5 million", "It costs 5 million dollars"),
        ("It costs £2m", "It costs £2 million"),
        ("It rose 20 per cent", "It rose 20%"),
        ("Twenty-five boats sank", "25 boats sank"),
        ("Two thousand boats sank", "2,000 boats sank"),
        ("One boat sank", "A boat sank"),
        ("The U.S. will stay", "The US will stay"),
        ("We told Qasem Sulemani to go", "We told Ghassem Soulemani to go"),
        ("We told Brook to go", "We told Ana Brook to go"),
        ("We told President Brook to go", "We told Brook to go"),
        ("We [the council] will stay", "We will stay"),
        ("THE GATES OF ORLAND ARE SHUT", "The gates of Orland are shut"),
        ("We may talk in the hall", "We might talk in the hall"),
        ("The boats recieved many visitors", "The boats received many visitors"),
        ("March with us", "march with us"),
        ("", ""),
        ("“”", "…"),
    ],
)
def test_another_way_to_write_it_is_no_change(was: str, now: str) -> None:
    """Contractions, figures, signs, acronyms, transliterations, fuller names, glosses and spelling do not count."""
    assert material(was, now) == ()
    assert material(now, was) == ()


@given(st.text())
def test_no_text_differs_from_itself(text: str) -> None:
    """Any Unicode text says what it says."""
    assert material(text, text) == ()


@given(st.text(), st.text())
def test_any_two_texts_compare(was: str, now: str) -> None:
    """Reasons are closed, without repetition, in a fixed order; nothing raises."""
    closed = ("negation", "number", "unit", "date", "entity", "entity_order", "modal", "wording")

    reasons = material(was, now)

    assert list(reasons) == [reason for reason in closed if reason in reasons]
    assert changed_permille(was, now) >= 0
    if normal(was) == normal(now) == "":
        assert reasons == ()


def test_a_page_of_words_is_compared_in_bounded_time() -> None:
    """Length is cut before anything is compared."""
    assert material("boats " * 200_000, "Orland " * 200_000) != ()
