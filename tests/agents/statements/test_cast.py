"""Titles and surnames alone: resolved where one person can be meant, left alone where two can."""

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.statements.cast import MAX, Cast, Member, Resolver, holds
from agents.statements.extraction import extract
from agents.text.folding import fold_phrase
from schemas.detection import Statement
from tests.builders import NOON, an_entry

RESOLVER = Resolver()


def _read(*texts: str) -> list[tuple[Statement, ...]]:
    cast, found = Cast(), []
    for minute, text in enumerate(texts):
        entry = an_entry(text, entry_id=f"en_{minute}", published_at=NOON + timedelta(minutes=minute))
        statements, cast = RESOLVER.resolve(entry, extract(text), cast)
        found.append(statements)
    return found


def _names(statements: tuple[Statement, ...]) -> list[str | None]:
    return [statement.speaker.name if statement.speaker else None for statement in statements]


ROE = "Jane Roe, the French foreign minister, arrived in Oldport."
POE = "Tom Poe, the German foreign minister, arrived in Oldport."


@pytest.mark.parametrize(
    ("texts", "speaker"),
    [
        ([ROE, "“We will rebuild the bridge,” Roe said."], "Jane Roe"),
        ([ROE, "“We will rebuild the bridge,” the foreign minister said."], "Jane Roe"),
        ([ROE, POE, "“We will rebuild the bridge,” the French foreign minister said."], "Jane Roe"),
        ([ROE, POE, "Poe spoke on the quay. “We will rebuild it,” the foreign minister said."], "Tom Poe"),
        ([ROE, "Roe was on the quay. “We will rebuild the bridge,” she said."], "Jane Roe"),
    ],
    ids=["surname", "title", "title and country", "title in the entry", "pronoun"],
)
def test_the_one_who_can_be_meant_is_meant(texts: list[str], speaker: str) -> None:
    """Within the entry the nearest, across entries the only one."""
    assert _names(_read(*texts)[-1]) == [speaker]


@pytest.mark.parametrize(
    ("texts", "speaker"),
    [
        ([ROE, POE, "“We will rebuild the bridge,” the foreign minister said."], "the foreign minister"),
        ([ROE, "“We will rebuild the bridge,” the deputy foreign minister said."], "the deputy foreign minister"),
        (
            [ROE, "Ann Roe, the French health minister, arrived too.", "“We will rebuild the bridge,” Roe said."],
            "Roe",
        ),
    ],
    ids=["two ministers", "deputy", "two of one surname"],
)
def test_where_two_can_be_meant_the_words_stay(texts: list[str], speaker: str) -> None:
    """A guess is a defect."""
    assert _names(_read(*texts)[-1]) == [speaker]


def test_a_pronoun_between_two_persons_is_unresolved() -> None:
    """When the sentence names two, the extractor's choice stands only if it is one of them."""
    (statements,) = _read(f"{ROE} Then Roe met Tom Poe. “It is over,” she said.")
    assert set(_names(statements)) <= {"Jane Roe", "Tom Poe", "she"}


@pytest.mark.parametrize(
    ("post", "title", "fits"),
    [
        ("foreign minister of kestria", "the kestrian foreign minister", True),
        ("president", "the president", True),
        ("vice president", "the president", False),
        ("president", "the vice president", False),
        ("foreign minister", "the prime minister", False),
        ("", "the president", False),
        ("president", "the", False),
    ],
)
def test_holds(post: str, title: str, fits: bool) -> None:
    """Same office, same rank of it, no other country."""
    assert holds(Member("Jane Roe", "roe", post), title) is fits


MEMBERS = st.builds(
    Member,
    name=st.sampled_from(["Jane Roe", "Tom Poe", "Ann Lee"]),
    surname=st.just("x"),
    post=st.sampled_from(["", "mayor", "minister"]),
    at=st.integers(0, 3),
)


@given(st.lists(MEMBERS, max_size=8), st.randoms(use_true_random=False))
def test_reading_again_in_any_order_changes_nothing(members: list[Member], dice: object) -> None:
    """After a crash entries are read again, later ones may stand between: the cast is the same."""
    once = Cast().with_members(members)
    again = list(members)
    dice.shuffle(again)  # type: ignore[attr-defined]
    assert once.with_members(again) == once.with_members(members)


def test_the_cast_is_bounded_and_forgets_the_oldest() -> None:
    """A story of years does not grow without end."""
    cast = Cast().with_members(Member(f"Jane {i:04d}", "x", at=i) for i in range(MAX + 50))
    assert len(cast.members) == MAX
    assert min(member.at for member in cast.members) == 50


_PLAIN = ["Roe", "roe", "Poe's", "Poe", "_", "-", "'", " ", ", ", "O", "9", "x"]
_ANY = [*_PLAIN, "’", "“", "é", "ø", "\u0301"]


@given(st.lists(st.sampled_from(_PLAIN), max_size=8) | st.lists(st.sampled_from(_ANY), max_size=14))
def test_a_surname_counts_wherever_it_is_a_word(pieces: list[str]) -> None:
    """The quick look at a text finds what looking at each of its words finds."""
    text = "".join(pieces)
    cast = Cast((Member("Ann Poe", "poe"), Member("Jane Roe", "roe"), Member("Tom Roe", "roe")))
    words = [word.group() for word in re.finditer(r"\b[^\W\d_][\w'’-]+", text)]
    folded = [fold_phrase(word).decode().removesuffix(" s").rpartition(" ")[2] for word in words]

    _, after = RESOLVER.resolve(an_entry(text, published_at=NOON), (), cast)

    named = {member.name for member in after.members if member.at}
    assert named == ({"Ann Poe"} if "poe" in folded else set())
