"""Officials in context: the cases that a newsroom would call wrong first."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.officials.names import key, name_key
from schemas.detection import MatchStatus, OfficialMention, TenureStatus
from tests.agents.officials.ministry import AT, RECOGNISER


def found(text: str, **options: object) -> list[OfficialMention]:
    return list(RECOGNISER.recognise(text, (), AT, **options))  # type: ignore[arg-type]


def told(text: str) -> list[tuple[str, str | None, TenureStatus]]:
    return [(m.surface, m.post, m.status) for m in found(text) if "title_only" not in m.reasons]


@pytest.mark.parametrize(
    "text",
    [
        "Tomas Ramon Guerra, 22, died in the hospital after the shooting at the club.",
        "The victims were named as Tomas Ramon Guerra and Lia Fenn.",
        "Tomas Ramon Guerra, a nurse from Klow, was among the dead in Syldavia.",
        "Islamic State said it was behind it. The administration and the regime were silent.",
        "Officials said the road was shut, and top officials said so again.",
        "Nora Hale, from the risk analysis company Brightline, said so in Borduria.",
        "It was a mistake, writes Jon Ardley in Borduria.",
        "The former president's aide Rosa Pelt left.",
        "Rosa Pelt, the wife of the foreign minister, left.",
        "Ada Moor, the president of Acme Corp, said sales rose.",
        "Toyland President Ada Moor said sales rose.",
        "Acme chief executive Ada Moor and club secretary Olu Penn met.",
        "General Motors and the General Assembly met at the Prime Minister Hotel.",
        "Presidential candidate Ada Moor spoke; party leader Olu Penn did not.",
        "Editor Ada Moor and analyst Olu Penn were there.",
        "Prime Minister Quits After Long Night Talks In Klow Castle",
        "The Korda administration and the Korda Tower are not the person.",
    ],
)
def test_no_official(text: str) -> None:
    """Victims, reporters, analysts, company people, bodies and generic phrases are nobody's office."""
    assert told(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Foreign Minister Jane Roe said so.", ("Jane Roe", "Foreign Minister", TenureStatus.CURRENT)),
        (
            "Ada Lind, the head of the foreign affairs committee in the upper house, said so.",
            ("Ada Lind", "head of the foreign affairs committee in the upper house", TenureStatus.CURRENT),
        ),
        (
            "They met Olu Feld, a high-ranking commander in the northern militia.",
            ("Olu Feld", "commander in the northern militia", TenureStatus.CURRENT),
        ),
        ("Former prime minister Jane Roe said so.", ("Jane Roe", "prime minister", TenureStatus.FORMER)),
        ("The late interior minister Jane Roe was praised.", ("Jane Roe", "interior minister", TenureStatus.DECEASED)),
        ("Acting defence secretary Jane Roe said so.", ("Jane Roe", "defence secretary", TenureStatus.ACTING)),
        ("President-elect Jane Roe said so.", ("Jane Roe", "President", TenureStatus.DESIGNATE)),
        ("Deputy foreign minister Jane Roe said so.", ("Jane Roe", "Deputy foreign minister", TenureStatus.CURRENT)),
        ("Foreign ministry spokesman Jane Roe said.", ("Jane Roe", "Foreign ministry spokesman", TenureStatus.CURRENT)),
        ("Brigadier General Olu Feld said so.", ("Olu Feld", "Brigadier General", TenureStatus.CURRENT)),
        ("The prime minister, Jane Roe, said so.", ("Jane Roe", "prime minister", TenureStatus.CURRENT)),
        ("Caretaker prime minister Jane Roe said so.", ("Jane Roe", "prime minister", TenureStatus.CURRENT)),
    ],
)
def test_a_title_beside_the_name_makes_an_official(text: str, expected: tuple[str, str, TenureStatus]) -> None:
    """A post before or behind the name is shown in the words of the text, with its status."""
    assert told(text) == [expected]


@pytest.mark.parametrize("spelling", ["Qassum Solmani", "Ghasum Solmani", "Kasum Sulmani", "Qasum al-Solmani"])
def test_spellings_of_one_person(spelling: str) -> None:
    """Transliterations of given name and surname lead to one person where the context agrees."""
    assert {m.person_id for m in found(f"In Borduria they spoke of {spelling} again.")} == {"qorim"}


def test_another_given_name_is_another_person() -> None:
    """The surname alone is never enough: a namesake with another given name is himself."""
    assert [m.person_id for m in found("Gholamreza Solmani of the State Mining Board spoke in Borduria.")] == ["gholam"]


def test_overlapping_names_stay_apart() -> None:
    """A surname that is another's middle name binds neither way."""
    mentions = found("Adil Abdel-Mahri met Abu Mahri al-Mohand in Borduria.")
    assert [m.person_id for m in mentions] == ["mahdi", "muhand"]


def test_two_persons_of_one_name_are_ambiguous_without_context() -> None:
    """Equal spelling of two persons that both fit gives candidates and no person."""
    (mention,) = found("Pavel Lorn spoke between Borduria and Syldavia.")
    assert (mention.match, mention.person_id, mention.candidates) == (
        MatchStatus.AMBIGUOUS,
        None,
        ("twin-a", "twin-b"),
    )


def test_context_decides_between_namesakes() -> None:
    """The country in the entry leaves one of two namesakes."""
    assert [m.person_id for m in found("Pavel Lorn spoke in Klow.")] == ["twin-a"]


def test_title_decides_between_namesakes() -> None:
    """The title beside the name leaves one of two namesakes."""
    assert [m.person_id for m in found("The Bordurian foreign minister Pavel Lorn spoke.")] == ["twin-b"]


def test_full_name_without_context_is_nobody() -> None:
    """An exact spelling is no identity when nothing in the entry speaks for it."""
    assert found("Tomas Ramon Guerra was seen on the beach.") == []


def test_longer_name_is_another_person() -> None:
    """A listed name inside a longer name, or before Jr, is not the listed person."""
    assert found("Mila Korda Jr and Anna Mila Korda were at the fair.") == []


def test_surname_binds_to_the_full_name_before() -> None:
    """Later surnames share the person of the full name."""
    mentions = found("President Mila Korda arrived. Korda said little.")
    assert [(m.surface, m.person_id) for m in mentions] == [("Mila Korda", "korda"), ("Korda", "korda")]


def test_surname_binds_to_the_latest_full_name() -> None:
    """When a private person of the same surname was named last, the surname is not the official's."""
    mentions = found("President Mila Korda arrived with Eva Korda. Korda said little.")
    assert [m.surface for m in mentions] == ["Mila Korda"]


def test_surname_with_a_compatible_title() -> None:
    """A surname beside the holder's title is the holder."""
    assert [m.person_id for m in found("President Korda of Borduria arrived.")] == ["korda"]


def test_surname_of_somebody_named_earlier_in_the_item() -> None:
    """A surname alone is enough after a full match in the item, and not before."""
    assert found("Oldham said little.") == []
    assert [m.person_id for m in found("Oldham said little.", known={"oldham"})] == ["oldham"]


def test_text_overrules_the_registry() -> None:
    """A title of the text wins over a tenure that ended."""
    assert told("The Syldavian prime minister Greta Oldham spoke.") == [
        ("Greta Oldham", "Syldavian prime minister", TenureStatus.CURRENT)
    ]


def test_registry_tells_the_status_where_the_text_is_silent() -> None:
    """Without a title the tenure at the time of the text is shown, with its basis."""
    (mention,) = found("Greta Oldham spoke.")
    assert (mention.post, mention.status, mention.basis, mention.jurisdiction) == (
        "prime minister",
        TenureStatus.FORMER,
        "registry",
        "SY",
    )


def test_rank_is_an_attribute() -> None:
    """A rank beside a listed name does not replace the post."""
    (mention,) = found("Brigadier General Ismat Ghaari of the Falcon Force spoke.")
    assert (mention.person_id, mention.post, mention.basis) == (
        "ismat",
        "deputy commander of the Falcon Force",
        "registry",
    )


def test_title_without_a_name() -> None:
    """A post that one person holds at that time stands for the person, by the registry."""
    (mention,) = found("The Bordurian supreme leader spoke.")
    assert (mention.person_id, mention.basis, mention.reasons) == ("leader", "registry", ("title_only",))


def test_unlisted_person_is_one_within_the_text() -> None:
    """Two mentions of somebody known by title and name share an id; it is not the registry's."""
    mentions = found("Interior Minister Jane Roe spoke. Roe then left.")
    assert len(mentions) == 2
    assert len({m.person_id for m in mentions}) == 1
    assert not any(m.is_listed for m in mentions)


def test_lower_cased_text_still_has_its_full_names() -> None:
    """Where a text has no capitals, full names of the registry are found."""
    assert [m.person_id for m in found("then mila korda spoke")] == ["korda"]


@pytest.mark.parametrize(
    ("one", "other"), [("Qassem", "Ghasem"), ("Suleimani", "Soleymani"), ("al-Muhandis", "Al-Mohandes")]
)
def test_keys_join_transliterations(one: str, other: str) -> None:
    """Spellings of one part share a blocking key."""
    assert key(one) == key(other)


def test_name_key_leaves_titles_out() -> None:
    """Honorifics and initials do not make another person."""
    assert name_key("Sir Ana B. Example") == name_key("Ana Example")


WORDS = (
    "Mila Korda Solmani President Minister General Gen. foreign the of , . ' ’s former Borduria Ex- al- Dr “ ” - killed"
    " named appointed ß É"
)
PIECES = st.sampled_from(
    [*WORDS.split(), "\n", "to replace", "will now command", "Falcon Force", "\ud800", "\x00", "\u202e"]
)


@given(st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=40).map(" ".join)))
def test_never_raises_and_spans_slice_exactly(text: str) -> None:
    """Any text gives mentions whose surface is the slice under the span."""
    for mention in found(text):
        assert mention.span.of(text) == mention.surface
        assert mention.surface
        assert mention.title_span is None or mention.title_span.of(text)
        assert (mention.match is MatchStatus.MATCHED) == (mention.person_id is not None)
