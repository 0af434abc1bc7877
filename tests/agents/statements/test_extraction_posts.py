"""Ways of live blogs: embedded posts, tickers, issued statements, media as a channel, and what only looks like one."""

import pytest

from agents.statements.extraction import extract
from schemas.article import Segment, SegmentKind
from schemas.detection import Attribution, SpeakerType, StatementKind
from schemas.event import Span

DIRECT, INDIRECT, SOCIAL = StatementKind.DIRECT, StatementKind.INDIRECT, StatementKind.SOCIAL_POST
DOCUMENT = StatementKind.DOCUMENT
Found = tuple[StatementKind, str | None, str]


def said(text: str) -> list[Found]:
    """Kind, speaker's name and content of every statement of an entry; a first paragraph keeps off headline rules."""
    return [(s.kind, s.speaker.name if s.speaker else None, s.text) for s in extract("The day in Torvik.\n" + text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The dam holds.\n— Ana Lind (@analind) March 3, 2031", (SOCIAL, "Ana Lind", "The dam holds")),
        ("The dam holds. — Ana Lind (@analind) 3 March 2031", (SOCIAL, "Ana Lind", "The dam holds")),
        ("RT @torvikfire: The road is closed tonight.", (SOCIAL, "@torvikfire", "The road is closed tonight")),
        ("Lind tweeted: “It holds for now.” pic.example/a1b2", (SOCIAL, "Lind", "It holds for now")),
        ("In a post on Telegram Ana Lind said: “It holds for now.”", (SOCIAL, "Ana Lind", "It holds for now")),
        ("Ana Lind on Telegram: “It holds for now, my friends.”", (SOCIAL, "Ana Lind", "It holds for now, my friends")),
        (
            "This from the harbour ministry: “No ship may leave the port.”",
            (DIRECT, "harbour ministry", "No ship may leave the port"),
        ),
        (
            "The harbour ministry issued the following statement:\n“No ship may leave.”",
            (DIRECT, "harbour ministry", "No ship may leave"),
        ),
        ("14:02 “It holds for now,” says Ana Lind.", (DIRECT, "Ana Lind", "It holds for now")),
        ('It holds for now," said Ana Lind.', (DIRECT, "Ana Lind", "It holds for now")),
        ("THE WITNESS: It was on the stove.", (DIRECT, "THE WITNESS", "It was on the stove")),
        ("The dam had failed, according to court documents.", (DOCUMENT, "court documents", "The dam had failed")),
        ("It was, said Lind, a disaster.", (INDIRECT, "Lind", "It was a disaster")),
        ("The van, according to police, left at six.", (INDIRECT, "police", "The van left at six")),
        ("The dam, Lind told MPs, had been checked.", (INDIRECT, "Lind", "The dam had been checked")),
        ("At least nine people were missing, Lind said.", (INDIRECT, "Lind", "At least nine people were missing")),
        ("Lind told the jury the books were false.", (INDIRECT, "Lind", "the books were false")),
        ("Lind told viewers the dam would hold.", (INDIRECT, "Lind", "the dam would hold")),
        ("Lind said there would be no election.", (INDIRECT, "Lind", "there would be no election")),
        ("Lind said that was all.", (INDIRECT, "Lind", "that was all")),
        ("Lind, at a news conference on Monday, said it held.", (INDIRECT, "Lind", "it held")),
    ],
)
def test_statement_of_a_live_blog(text: str, expected: Found) -> None:
    """Each layout gives one statement: kind, speaker, exact words."""
    assert said(text) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "Had Lind said so in March, nobody would have left.",
        "The clock on the hall said ten past four.",
        "The guests said their farewells at noon.",
        "The plan said little about the cost.",
        "Easier said than done.",
        "Nobody knows who said what.",
        "They call her “the Wall” in Torvik.",
        "Lind observed a minute of silence.",
        "The floods claimed nine lives.",
        "Karsk dismissed Moe for 12 runs.",
        "My colleague said she would take over.",
        "A news conference in Torvik said nothing.",
        "There was a lot said about the harbour.",
        "The crowd told the rest of the story.",
        "As Lind once said of the harbour, bring a coat.",
        "The bridge stays shut, MPs told.",
        "A vote on the plan, expected at noon, was put off.",
    ],
)
def test_what_only_looks_like_speech(text: str) -> None:
    """Idioms, things that show words, events, conditions and the editor's colleagues say nothing."""
    assert said(text) == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Prosecutor Bo Moe said it would hold.", "Bo Moe"),
        ("Deputy Energy Minister Bo Moe said it would hold.", "Bo Moe"),
        ("Minister for Rivers Ana Lind said it would hold.", "Ana Lind"),
        ("Dame Ana Lind KC said it would hold.", "Ana Lind"),
        ("Retired Maj. Gen. Piet van der Moe said it would hold.", "Piet van der Moe"),
        ("During PMQs Ana Lind, the member for Torvik, said it would hold.", "Ana Lind"),
        ("It would hold, according to an AP report.", "AP"),
        ("It would hold, according to a report by the Torvik news agency.", "Torvik news agency"),
        ("One of the sailors, a boy of nine, said it would hold.", "One of the sailors, a boy of nine"),
        ("A reporter who travelled with Ana Lind said it would hold.", "A reporter who travelled with Ana Lind"),
    ],
)
def test_name_of_a_source_phrase(text: str, name: str) -> None:
    """Titles, offices and letters behind a name are no part of it; a report is the agency's."""
    assert [speaker for _, speaker, _ in said(text)] == [name]


def test_post_is_the_one_that_is_named() -> None:
    """A title stands for the person who holds that very post in the text, for nobody else."""
    told = "Halim Sayeed, the defence secretary, flew out. The {} secretary said it would hold."
    assert said(told.format("defence"))[0][1] == "Halim Sayeed"
    assert said(told.format("health"))[0][1] == "The health secretary"


@pytest.mark.parametrize(
    ("before", "pronoun", "name"),
    [
        ("Sasha Quill came with his lawyer, Billie Crane.", "he", "Sasha Quill"),
        ("Robin Dell was in her kitchen. Quentin Moss was in his shed.", "she", "Robin Dell"),
        ("Robin Dell was in her kitchen. Quentin Moss was in his shed.", "he", "Quentin Moss"),
    ],
)
def test_pronouns_beside_a_name_tell_the_gender(before: str, pronoun: str, name: str) -> None:
    """ "her kitchen" tells who "she" is where no title and no given name does."""
    assert said(f"{before} “It was like an earthquake,” {pronoun} said.")[-1][1] == name


@pytest.mark.parametrize(
    "text",
    [
        "Lind, state television reports, said it would hold.",
        "Lind, according to state television, said it would hold.",
        "State television quoted Lind as saying it would hold.",
        "In an interview with state television, Lind said it would hold.",
    ],
)
def test_medium_beside_the_speaker(text: str) -> None:
    """A medium inside the attribution carries the words and does not speak them."""
    (statement,) = extract("The day in Torvik.\n" + text)
    assert statement.speaker is not None
    assert (statement.speaker.name, statement.text) == ("Lind", "it would hold")
    assert [(way.name.lower(), way.type) for way in statement.via] == [("state television", "media")]


def test_first_paragraph_of_a_quotation_waits_for_its_speaker() -> None:
    """The speaker named behind the second paragraph has both."""
    text = '"The first wave took the jetty. It went over like a plate.\n"The second took the boats," Ana Lind said.'
    (statement,) = extract(text, (Segment(kind=SegmentKind.BODY, span=Span(0, len(text))),))
    assert statement.attribution is Attribution.EXPLICIT
    assert len(statement.content_spans) == 2


def test_post_that_reports_somebody_else_stays_theirs() -> None:
    """A reporter's post about a statement gives the statement, not a second one."""
    assert said("Ana Lind said the dam would hold until May.\n— Per Holm (@perholm) March 3, 2031") == [
        (INDIRECT, "Ana Lind", "the dam would hold until May")
    ]


def test_agency_is_an_organisation() -> None:
    """A lone name that is a medium is no person."""
    (statement,) = extract("The day in Torvik.\nThe siege has ended, Reuters reports.")
    assert statement.speaker is not None
    assert (statement.speaker.name, statement.speaker.type) == ("Reuters", SpeakerType.ORGANISATION)
