"""How one wording stands to another, and how one speaker stands to another."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.statements.fingerprint import KEPT, ROWS, fingerprint, likeliest, with_row
from agents.statements.novelty import Relation, has_finite_clause, relate
from agents.statements.voices import Voice, compatible, name_key, speaker_key
from agents.text.normal import normal
from schemas.detection import SpeakerType, StatementKind

DIRECT, INDIRECT = StatementKind.DIRECT, StatementKind.INDIRECT
BRIDGE = "We will rebuild the old bridge before the winter comes"


@pytest.mark.parametrize(
    ("now", "relation"),
    [
        ("we will rebuild the old bridge, before the winter comes.", Relation.EQUAL),
        ("the old bridge before the winter", Relation.CONTAINED),
        ("rebuild the old stone bridge before the winter", Relation.CONTAINED),
        ("the old bridge", Relation.CONTAINED),
        ("old bridge", Relation.NONE),
        (BRIDGE + ", God willing", Relation.CONTAINS),
        ("Yes, of course: " + BRIDGE, Relation.CONTAINS),
        (BRIDGE + ", and we will pay for it", Relation.EXTENDS),
        (BRIDGE + " with stone cut from the northern quarry by free masons", Relation.EXTENDS),
        (BRIDGE + " on Friday", Relation.DIFFERS),
        (BRIDGE + " in Orland", Relation.DIFFERS),
        ("We shall rebuild that old bridge before winter comes", Relation.VARIANT),
        ("Before the winter comes we will rebuild the old bridge", Relation.VARIANT),
        ("We will not rebuild the old bridge before the winter comes", Relation.DIFFERS),
        ("We could rebuild the old bridge before the winter comes", Relation.DIFFERS),
        ("The harvest failed and nobody came to the market", Relation.NONE),
    ],
)
def test_each_relation_of_two_quotations(now: str, relation: Relation) -> None:
    """Every row of the ladder that rests on words."""
    assert relate(DIRECT, now, DIRECT, BRIDGE)[0] is relation


def test_a_fragment_cut_from_behind_a_negation_is_not_contained() -> None:
    """Half of a negated sentence does not say what the whole says."""
    relation = relate(DIRECT, "rebuild the old bridge", DIRECT, "We will not rebuild the old bridge")

    assert relation == (Relation.DIFFERS, ("negation",))


@pytest.mark.parametrize(
    ("now", "relation"),
    [
        ("the government would rebuild the bridge before winter", Relation.RENDERING),
        ("the government would not rebuild the bridge before winter", Relation.NONE),
        ("the government would rebuild 3 bridges before winter", Relation.NONE),
        ("the winter was coming and the boats were old", Relation.NONE),
    ],
)
def test_a_paraphrase_may_be_of_the_same_words(now: str, relation: Relation) -> None:
    """Related words with shifted modals are a rendering; another negation or number is not."""
    assert relate(INDIRECT, now, DIRECT, BRIDGE)[0] is relation


def test_a_quotation_that_says_much_more_than_its_announcement_is_no_rendering() -> None:
    """The full words after a short paraphrase are news of their own."""
    announced = "the council must rebuild the bridge before winter"
    full = (
        "Rebuild it: the council must have that bridge rebuilt, before winter brings floods, hunger and misery to farms"
    )

    assert relate(DIRECT, full, INDIRECT, announced)[0] is Relation.FULLER
    assert relate(INDIRECT, announced, DIRECT, full)[0] is Relation.RENDERING


@given(st.text(max_size=200), st.text(max_size=200))
def test_any_two_texts_have_a_relation(now: str, was: str) -> None:
    """No text raises, and the relation to itself is equality."""
    assert relate(DIRECT, now, INDIRECT, was)[0] in Relation
    assert relate(DIRECT, now, DIRECT, now)[0] is Relation.EQUAL


@pytest.mark.parametrize(
    ("words", "is_clause"),
    [("and we will pay for it", True), ("because the boats are out", True), ("with the boats of the north", False)],
)
def test_a_finite_clause_has_a_subject_and_a_verb(words: str, is_clause: bool) -> None:
    """A clause of its own makes a longer statement an extension."""
    assert has_finite_clause(tuple(words.split())) is is_clause


def person(name: str, **rest: str) -> Voice:
    """A named person."""
    return Voice(type=SpeakerType.PERSON, key=name_key(name), **rest)  # type: ignore[arg-type]


NOBODY = Voice(type=None, key="")


def unnamed(descriptor: str) -> Voice:
    """An unnamed source."""
    return Voice(type=SpeakerType.UNNAMED, key=descriptor)


MINISTER = Voice(type=SpeakerType.POST, key="the harbour minister")


@pytest.mark.parametrize(
    ("one", "other", "is_compatible"),
    [
        (person("Ana Brook"), person("ana brook"), True),
        (person("Ana Brook"), person("Brook"), True),
        (person("Gen Ana Brook"), person("President Brook"), True),
        (person("Ana Brook"), person("A. Brook"), True),
        (person("Ghasem Suleimani"), person("Qassem Soleimani"), True),
        (person("Ana Brook"), person("Otto Brook"), False),
        (person("Ana Brook"), person("Ana Brook Jr"), False),
        (person("Ana Brook"), person("Otto Reed"), False),
        (person("Ana Brook"), NOBODY, True),
        (person("Ana Brook", role="the harbour minister"), MINISTER, True),
        (person("Ana Brook"), MINISTER, True),
        (person("Ana Brook", role="the mayor"), MINISTER, False),
        (person("Otto Reed", behalf="ana brook"), person("Ana Brook"), True),
        (person("Otto Reed", behalf="ana brook"), person("Ida Moss", behalf="brook"), True),
        (person("Otto Reed", handle="reed"), person("Reedy", handle="reed"), True),
        (Voice(type=SpeakerType.UNNAMED, key="a diplomat"), Voice(type=SpeakerType.UNNAMED, key="a diplomat"), True),
        (Voice(type=SpeakerType.UNNAMED, key="a diplomat"), Voice(type=SpeakerType.UNNAMED, key="an aide"), False),
        (Voice(type=SpeakerType.UNNAMED, key="a diplomat"), person("Ana Brook"), False),
        (unnamed("a senior official"), unnamed("one official who spoke on condition of anonymity"), True),
        (unnamed("an ostrian official"), unnamed("an official"), True),
        (unnamed("an official in the harbour ministry"), unnamed("a harbour ministry official"), True),
        (unnamed("bruck supporters"), unnamed("bruk supporters"), True),
        (unnamed("an ostrian official"), unnamed("a kestrian official"), False),
        (unnamed("an official"), unnamed("two officials"), False),
        (unnamed("an official"), unnamed("a diplomat"), False),
        (Voice(type=SpeakerType.ORGANISATION, key="delta council"), person("Ana Brook"), False),
    ],
)
def test_which_speakers_can_be_one(one: Voice, other: Voice, is_compatible: bool) -> None:
    """Compatibility holds both ways."""
    assert compatible(one, other) is is_compatible
    assert compatible(other, one) is is_compatible


def test_the_speaker_part_of_an_id_is_the_folded_name() -> None:
    """Names without titles, descriptors marked, nobody by a word of its own."""
    keys = [
        speaker_key(one) for one in (person("Gen. Ána Brook"), Voice(type=SpeakerType.UNNAMED, key="an aide"), NOBODY)
    ]

    assert keys == ["ana brook", "unnamed:an aide", "unresolved"]


def test_names_in_other_scripts_are_told_apart() -> None:
    """A name that folds to nothing keeps its own letters."""
    assert name_key("王芳") != name_key("李娜") != ""


@given(st.text())
def test_any_text_has_a_bounded_fingerprint(text: str) -> None:
    """Ascending distinct numbers of 17 bits, at least one, at most KEPT."""
    hashes = fingerprint(normal(text))

    assert list(hashes) == sorted(set(hashes))
    assert 1 <= len(hashes) <= KEPT
    assert all(0 <= value < 2**17 for value in hashes)


@given(st.lists(st.sets(st.integers(0, 2**17 - 1), min_size=1, max_size=12), max_size=20))
def test_a_block_finds_exactly_the_rows_that_share_a_hash(rows: list[set[int]]) -> None:
    """The packed index answers as the plain definition does."""
    postings = b""
    for row, hashes in enumerate(rows[:ROWS]):
        postings = with_row(postings, row, hashes)

    for asked in rows:
        shared = {row: len(hashes & asked) for row, hashes in enumerate(rows) if hashes & asked}
        assert likeliest([(0, postings)], sorted(asked), ROWS) == sorted(shared, key=lambda row: (-shared[row], row))
