"""Whose words: names, roles, pronouns, chains, media, unnamed sources, organisations."""

import pytest

from agents.statements.extraction import extract
from schemas.detection import Attribution, Speaker, SpeakerType, Statement, Via

PERSON, POST = SpeakerType.PERSON, SpeakerType.POST
ORGANISATION, UNNAMED = SpeakerType.ORGANISATION, SpeakerType.UNNAMED


def found(text: str) -> list[Statement]:
    """Statements of an entry; a first paragraph keeps off headline rules."""
    return list(extract("The day in Torvik.\n" + text))


def speaker(text: str) -> Speaker:
    """The speaker of the last statement."""
    who = found(text)[-1].speaker
    assert who is not None
    return who


def via(statement: Statement) -> list[tuple[str, str]]:
    return [(v.name, v.type) for v in statement.via]


@pytest.mark.parametrize(
    ("text", "kind", "name", "role"),
    [
        ("Mayor Ana Lind said it would hold.", PERSON, "Ana Lind", "Mayor"),
        ("Sir Olav Berg said it would hold.", PERSON, "Olav Berg", None),
        ("Ana Lind, the mayor of Torvik, said it would hold.", PERSON, "Ana Lind", "the mayor of Torvik"),
        ("Ana Lind, 54, said it would hold.", PERSON, "Ana Lind", None),
        ("The foreign minister, Ida Moe, said it would hold.", PERSON, "Ida Moe", "The foreign minister"),
        ("Hadi al-Amri said it would hold.", PERSON, "Hadi al-Amri", None),
        (
            '"It will hold," said Ana Lind, 44, a nurse who saw it, on Monday.',
            PERSON,
            "Ana Lind",
            "a nurse who saw it",
        ),
        ('"It will hold," said one former aide.', UNNAMED, "one former aide", None),
        ('"It will hold," said Ana Lind, the mayor.', PERSON, "Ana Lind", "the mayor"),
        ("The president said it would hold.", POST, "The president", "The president"),
        ("The harbour ministry said it would hold.", ORGANISATION, "harbour ministry", None),
        ("Police said it would hold.", ORGANISATION, "Police", None),
        ("Two officials said it would hold.", UNNAMED, "Two officials", None),
        ("Officials said it would hold.", UNNAMED, "Officials", None),
        ("An unnamed diplomat said it would hold.", UNNAMED, "An unnamed diplomat", None),
        ("A Lind aide said it would hold.", UNNAMED, "A Lind aide", None),
        ("Sources close to Lind said it would hold.", UNNAMED, "Sources close to Lind", None),
    ],
)
def test_source_phrase(text: str, kind: SpeakerType, name: str, role: str | None) -> None:
    """The bare name without titles, the role beside it, and what kind of source it is."""
    who = speaker(text)
    assert (who.type, who.name, who.role) == (kind, name, role)


def test_surface_is_the_whole_source_phrase() -> None:
    """Span and surface cover title and apposition, verbatim."""
    text = "Mayor Ana Lind, a former judge, said it would hold."
    who = extract(text)[0].speaker
    assert who is not None
    assert who.span is not None
    assert who.surface == who.span.of(text) == "Mayor Ana Lind, a former judge"


@pytest.mark.parametrize("place", ["Tolvia", "Moscow"])
def test_capital_or_country_that_speaks(place: str) -> None:
    """Only a curated metonym is one; an unknown place is just an organisation or name."""
    assert speaker(f"{place} has warned that the harbour may close.").is_metonym == (place == "Moscow")


def test_surname_gives_the_full_name_of_the_text() -> None:
    """A surname stands for the one full name that the text gives."""
    who = speaker("Ana Lind arrived on Monday.\nLind said the dam would hold.")
    assert (who.name, who.surface) == ("Ana Lind", "Lind")


def test_surname_of_two_people_stays_as_it_is() -> None:
    """No guess between namesakes."""
    assert speaker("Ana Lind and Per Lind arrived.\nLind said the dam would hold.").name == "Lind"


@pytest.mark.parametrize(
    ("before", "pronoun", "name", "attribution"),
    [
        ("Ana Lind spoke after Robert Moe left.", "She", "Ana Lind", Attribution.INFERRED),
        ("Ana Lind spoke after Robert Moe left.", "He", "Robert Moe", Attribution.INFERRED),
        ("Bo Karlsen, the harbour minister, has issued a statement.", "He", "Bo Karlsen", Attribution.INFERRED),
        ("The rain went on all night.", "He", "He", Attribution.UNRESOLVED),
        ("Mrs Karlsen spoke.", "He", "He", Attribution.UNRESOLVED),
    ],
)
def test_pronoun(before: str, pronoun: str, name: str, attribution: Attribution) -> None:
    """A pronoun is the nearest person that fits, and is left open where nobody does."""
    statement = found(f'{before} {pronoun} said: "The dam will hold."')[-1]
    assert statement.speaker is not None
    assert (statement.speaker.name, statement.speaker.surface) == (name, pronoun)
    assert statement.attribution is attribution


def test_named_source_is_explicit() -> None:
    """A name in the sentence needs no inference."""
    assert found("Ana Lind said the dam would hold.")[0].attribution is Attribution.EXPLICIT


def test_floating_quotation_inherits_the_speaker() -> None:
    """A paragraph of nothing but quotation goes on with the speaker before, and says so."""
    statements = found('Ana Lind said the dam would hold.\n"The lower town is safe for the whole winter."')
    last = statements[-1]
    assert last.speaker is not None
    assert (last.speaker.name, last.attribution) == ("Ana Lind", Attribution.INFERRED)
    assert "inherited" in last.reasons
    assert last.cue is None


def test_signature_below_a_quotation() -> None:
    """A dash and a name in the next paragraph sign the words above."""
    who = speaker('"The lower town is safe for the whole winter."\n— Ana Lind, mayor of Torvik')
    assert (who.name, who.role) == ("Ana Lind", "mayor of Torvik")


def test_floating_quotation_without_predecessor_has_no_speaker() -> None:
    """Unknown is a value."""
    (statement,) = found('"The lower town is safe for the whole winter."')
    assert (statement.speaker, statement.attribution) == (None, Attribution.UNRESOLVED)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Bo Moe told state television the harbour will close.", ("state television", "media")),
        ("The harbour will close, Bo Moe said, according to state television.", ("state television", "media")),
        ("Bo Moe called on all to leave, according to state media.", ("state media", "media")),
        ("“It will close,” Bo Moe said in a statement published by state media.", ("state media", "media")),
        ("Bo Moe was quoted by state media as saying it will close.", ("state media", "media")),
        ("An unnamed diplomat told the Orva news agency Tolvia was wrong.", ("the Orva news agency", "media")),
        ("Bo Moe said it would close, the Torvik Times reported.", ("the Torvik Times", "media")),
    ],
)
def test_media_are_the_way_and_not_the_speaker(text: str, expected: tuple[str, str]) -> None:
    """Agencies and state media carry words; that is no hearsay."""
    (statement,) = found(text)
    assert (via(statement), statement.is_hearsay) == ([expected], False)


def test_hearsay_gives_the_inner_speaker() -> None:
    """In a chain the innermost speaks; the outer one is the way."""
    (statement,) = found("Zarah Quist said Bo Moe told her that the harbour would close.")
    assert statement.speaker is not None
    assert (statement.speaker.name, statement.text) == ("Bo Moe", "the harbour would close")
    assert (via(statement), statement.is_hearsay) == ([("Zarah Quist", "person")], True)


@pytest.mark.parametrize(
    ("text", "behalf"),
    [
        ("Bo Moe, a spokesman for the harbour ministry, said it would close.", "the harbour ministry"),
        ("A Kremlin spokesman said it would close.", "Kremlin"),
        ('"We saw nothing," said a spokeswoman for Ana Lind.', "Ana Lind"),
        ("Ana Lind said it would close.", None),
    ],
)
def test_spokesperson(text: str, behalf: str | None) -> None:
    """Who speaks and for whom are two things."""
    assert found(text)[0].on_behalf_of == behalf


def test_joint_statement() -> None:
    """Two named speakers of one statement."""
    (statement,) = found("Ana Lind and Bo Moe said in a joint statement that it would stay open.")
    assert statement.speaker is not None
    assert [statement.speaker.name, *(s.name for s in statement.joint)] == ["Ana Lind", "Bo Moe"]


def test_account_holder() -> None:
    """A handle before a colon is a speaker with a handle."""
    assert speaker('@analind: "The dam holds for now, my friends"').handle == "@analind"


def test_reporter_in_the_byline_is_no_speaker_of_the_clause() -> None:
    """The byline goes; the statement before it stays, with its own speaker."""
    (statement,) = found("A top Tolvian official has called for new elections, writes Per Holm.")
    assert statement.speaker is not None
    assert (statement.speaker.name, statement.text) == ("A top Tolvian official", "new elections")


def test_clause_with_its_own_names_keeps_the_speaker_apart() -> None:
    """An apposition before the cue belongs to the source; what follows does not."""
    statement = found("And Bo Moe, the head of the harbour board, said the killing of Per Holm was a mistake.")[0]
    assert statement.speaker is not None
    assert (statement.speaker.name, statement.speaker.role) == ("Bo Moe", "the head of the harbour board")
    assert statement.via == ()
    assert isinstance(statement.via, tuple)
    assert Via(name="a", type="media") not in statement.via
