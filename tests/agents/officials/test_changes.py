"""Role changes: what is asserted, by whom a post is taken, and what is no change."""

import pytest
from hypothesis import given

from agents.officials import changes
from agents.officials.changes import Vacancy, role_changes
from schemas.detection import Person, RoleEvent, TenureStatus
from tests.agents.officials.ministry import AT, RECOGNISER
from tests.agents.officials.test_recognition import PIECES, st


def told(text: str, *vacancies: Vacancy) -> list[tuple[str, str | None, str | None, str | None]]:
    mentions = RECOGNISER.recognise(text, (), AT)
    return [
        (c.event.value, c.incoming.name if c.incoming else None, c.outgoing.name if c.outgoing else None, c.post)
        for c in role_changes(text, mentions, AT, recogniser=RECOGNISER, vacancies=vacancies)
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Jane Roe has been named foreign minister.", ("appointed", "Jane Roe", None, "foreign minister")),
        ("The king appointed Olu Feld as defence minister.", ("appointed", "Olu Feld", None, "defence minister")),
        ("Jane Roe was sworn in as prime minister.", ("sworn_in", "Jane Roe", None, "prime minister")),
        ("Prime Minister Jane Roe resigned on Monday.", ("resigned", None, "Jane Roe", "Prime Minister")),
        ("Jane Roe, the interior minister, was sacked.", ("dismissed", None, "Jane Roe", "interior minister")),
        ("The king suspended Interior Minister Jane Roe.", ("suspended", None, "Jane Roe", "Interior Minister")),
        ("Interior Minister Jane Roe was killed in a blast.", ("killed", None, "Jane Roe", "Interior Minister")),
        ("Prime minister Jane Roe died on Sunday.", ("died", None, "Jane Roe", "Prime minister")),
        ("Olu Feld succeeds Jane Roe as foreign minister.", ("succeeded", "Olu Feld", "Jane Roe", "foreign minister")),
        (
            "Foreign Minister Jane Roe was replaced by Olu Feld.",
            ("succeeded", "Olu Feld", "Jane Roe", "Foreign Minister"),
        ),
        (
            "Borduria named General Olu Feld to replace Qassum Solmani.",
            ("succeeded", "Olu Feld", "Qassum Solmani", "commander of the Falcon Force"),
        ),
        (
            "Brigadier Olu Feld takes over as commander of the Northern Army from Ada Pell.",
            ("succeeded", "Olu Feld", "Ada Pell", "commander of the Northern Army"),
        ),
        (
            "Olu Feld will now command the Northern Army.",
            ("appointed", "Olu Feld", None, "commander of the Northern Army"),
        ),
        (
            "Borduria named the deputy head, Olu Feld, to replace its commander.",
            ("appointed", "Olu Feld", None, "commander"),
        ),
        (
            "Borduria appointed Olu Feld as the deputy head of the Falcon Force.",
            ("appointed", "Olu Feld", None, "deputy head of the Falcon Force"),
        ),
    ],
)
def test_asserted_changes(text: str, expected: tuple[str, str | None, str | None, str | None]) -> None:
    """An asserted cue with a person and a post is one change."""
    assert told(text) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "Jane Roe will be named foreign minister.",
        "Jane Roe is tipped to be appointed defence minister.",
        "Jane Roe is expected to be appointed defence minister.",
        "Jane Roe declined the post of foreign minister.",
        "Jane Roe was not appointed foreign minister.",
        "The palace denied that Jane Roe had been appointed foreign minister.",
        "If Jane Roe is appointed foreign minister, talks may resume.",
        "Was Jane Roe appointed foreign minister?",
        "Olu Feld is the frontrunner to succeed Prime Minister Jane Roe.",
        "Olu Feld was killed in a blast, and so was Ada Pell, a baker.",
        "Former president Jane Roe died on Sunday.",
        "Police fired at Interior Minister Jane Roe.",
        "A man named Olu Feld was held near the foreign minister.",
        "The team named Jane Roe general manager.",
        "Foreign Minister Jane Roe spoke; Prime Minister Jane Roe, as some now call her, did not.",
    ],
)
def test_no_change(text: str) -> None:
    """Plans, rumours, denials, conditions, private deaths and another title are no change."""
    assert told(text) == []


def test_a_killing_and_a_new_commander_are_a_succession() -> None:
    """Within one entry the holder's death and the newcomer's post join."""
    text = "The raid killed Qassum Solmani. Olu Feld will now command the Falcon Forces."
    assert told(text) == [
        ("killed", None, "Qassum Solmani", "commander of the Falcon Force"),
        ("succeeded", "Olu Feld", "Qassum Solmani", "commander of the Falcon Forces"),
    ]


def test_an_announced_replacement_and_a_name_are_a_succession() -> None:
    """The announcement of a replacement gives the outgoing person of the sentence that follows."""
    text = "A replacement for Qassum Solmani has been announced. Olu Feld will now command the Falcon Force."
    assert told(text) == [("succeeded", "Olu Feld", "Qassum Solmani", "commander of the Falcon Force")]


def test_a_post_left_open_by_an_earlier_entry() -> None:
    """An open post of the story is taken by who is named to it."""
    gone = Vacancy(
        outgoing=Person(name="Ada Pell", surface="Pell"), post="commander of the Northern Army", post_id=None
    )
    assert told("Olu Feld will now command the Northern Army.", gone) == [
        ("succeeded", "Olu Feld", "Ada Pell", "commander of the Northern Army")
    ]


def test_status_of_an_announced_successor() -> None:
    """Who will command is designated, not in office."""
    text = "Olu Feld will now command the Falcon Force."
    (change,) = role_changes(text, RECOGNISER.recognise(text, (), AT), AT, recogniser=RECOGNISER)
    assert (change.event, change.status, change.post_id) == (
        RoleEvent.APPOINTED,
        TenureStatus.DESIGNATE,
        "br/falcon-head",
    )


@given(st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=40).map(" ".join)))
def test_never_raises_and_has_somebody(text: str) -> None:
    """Any text gives changes with a person, a cue and a sentence that holds the cue."""
    for change in role_changes(text, RECOGNISER.recognise(text, (), AT), AT, recogniser=RECOGNISER):
        assert change.incoming is not None or change.outgoing is not None
        assert change.sentence.contains(change.cue)
        assert change.cue.of(text).strip() == change.cue.of(text)


CUE_PIECES = st.sampled_from(
    (
        *sorted(changes._CUES),
        "named",
        "KILLED",
        "ſacked",
        "kılled",
        "re",
        "-",
        " ",
        "  ",
        "ß",
        "…",
        "e\u0301",
        "\u200b",
        "x",
    )
)


@given(st.lists(CUE_PIECES, max_size=12).map("".join))
def test_cues_are_those_of_the_expression(text: str) -> None:
    """Looking only where a cue's letters stand finds what a search of the whole text finds."""
    assert [cue.span() for cue in changes._cues(text)] == [cue.span() for cue in changes._CUE.finditer(text)]
