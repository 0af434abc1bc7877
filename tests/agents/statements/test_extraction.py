"""What is a statement, of which kind, and exactly which words are its content."""

import pytest

from agents.statements.extraction import extract
from schemas.article import Segment, SegmentKind
from schemas.detection import Statement, StatementKind
from schemas.event import Span

DIRECT, MIXED, INDIRECT = StatementKind.DIRECT, StatementKind.MIXED, StatementKind.INDIRECT
SOCIAL, DOCUMENT, BELIEF = StatementKind.SOCIAL_POST, StatementKind.DOCUMENT, StatementKind.BELIEF


def said(text: str) -> list[tuple[StatementKind, str | None, str]]:
    """Kind, speaker's name and content of every statement of an entry; a first paragraph keeps off headline rules."""
    return [(s.kind, s.speaker.name if s.speaker else None, s.text) for s in extract("The day in Torvik.\n" + text)]


def only(text: str) -> Statement:
    (statement,) = extract("The day in Torvik.\n" + text)
    return statement


@pytest.mark.parametrize(
    ("text", "kind", "speaker", "content"),
    [
        ("“We will rebuild the bridge,” said Ana Lind.", DIRECT, "Ana Lind", "We will rebuild the bridge"),
        ("“We will rebuild the bridge,” Ana Lind said.", DIRECT, "Ana Lind", "We will rebuild the bridge"),
        ('Ana Lind said: "We will rebuild. Soon."', DIRECT, "Ana Lind", "We will rebuild. Soon"),
        ('Ana Lind added, "We will rebuild."', DIRECT, "Ana Lind", "We will rebuild"),
        ("‘We saw nothing,’ Moe said.", DIRECT, "Moe", "We saw nothing"),
        ('"Is the dam safe?" Ana Lind asked.', DIRECT, "Ana Lind", "Is the dam safe"),
        ("KARLSEN: We never saw the letter.", DIRECT, "KARLSEN", "We never saw the letter"),
        ("Lind: 'We will not sell the harbour'", DIRECT, "Lind", "We will not sell the harbour"),
        ('Lind said the dam "cannot hold" now.', MIXED, "Lind", 'the dam "cannot hold" now'),
        ('Lind said it could "drown the valley".', MIXED, "Lind", 'it could "drown the valley"'),
        ('Lind has called the plan "a shambles".', MIXED, "Lind", 'the plan "a shambles"'),
        ("Ana Lind said the dam would hold.", INDIRECT, "Ana Lind", "the dam would hold"),
        ("Ana Lind said that the dam would hold.", INDIRECT, "Ana Lind", "the dam would hold"),
        ("Ana Lind said on Monday that it would hold.", INDIRECT, "Ana Lind", "it would hold"),
        ("Ana Lind insisted on Tuesday the dam was safe.", INDIRECT, "Ana Lind", "the dam was safe"),
        ("The dam would hold, Ana Lind said.", INDIRECT, "Ana Lind", "The dam would hold"),
        ("The dam would hold, said Ana Lind on Monday.", INDIRECT, "Ana Lind", "The dam would hold"),
        ("According to Ana Lind, the dam will hold.", INDIRECT, "Ana Lind", "the dam will hold"),
        ("The dam will hold, according to Ana Lind.", INDIRECT, "Ana Lind", "The dam will hold"),
        ("Ana Lind called for a halt to the dredging.", INDIRECT, "Ana Lind", "a halt to the dredging"),
        ("Lind urged residents to leave.", INDIRECT, "Lind", "residents to leave"),
        ("Lind warned that the dam could break.", INDIRECT, "Lind", "the dam could break"),
        ("Lind accused Moe of hiding the report.", INDIRECT, "Lind", "Moe of hiding the report"),
        ("Lind has denied that the harbour is closing.", INDIRECT, "Lind", "the harbour is closing"),
        ("Lind went on to say that it is closing.", INDIRECT, "Lind", "it is closing"),
        ("Lind told reporters in Torvik that it is closing.", INDIRECT, "Lind", "it is closing"),
        ("Lind vowed to rebuild the wall.", INDIRECT, "Lind", "to rebuild the wall"),
        ("Ana Lind was quoted as saying it would hold.", INDIRECT, "Ana Lind", "it would hold"),
        ('Ana Lind tweeted: "The dam holds. Stay home."', SOCIAL, "Ana Lind", "The dam holds. Stay home"),
        ("Ana Lind wrote on Facebook that it would hold.", SOCIAL, "Ana Lind", "it would hold"),
        ('"It holds for now," Ana Lind said in a post on Telegram.', SOCIAL, "Ana Lind", "It holds for now"),
        ("The report said the ice was thinning.", DOCUMENT, "report", "the ice was thinning"),
        ("Ana Lind believes the dam will hold.", BELIEF, "Ana Lind", "the dam will hold"),
        ("Ana Lind hopes to reopen the harbour.", BELIEF, "Ana Lind", "to reopen the harbour"),
    ],
)
def test_one_statement(text: str, kind: StatementKind, speaker: str, content: str) -> None:
    """Each way of attributing words gives one statement with its exact words."""
    assert said(text) == [(kind, speaker, content)]


@pytest.mark.parametrize(
    "text",
    [
        "Ana Lind is expected to say that the dam will hold.",
        "Ana Lind is expected to speak with Bo Karlsen later today.",
        "Ana Lind refused to say whether the dam would hold.",
        "Ana Lind declined to say who paid.",
        "Lind did not say when the dam would open.",
        "Lind has never said that the dam would open.",
        "Lind would say the dam is safe.",
        "Lind will announce the result on Monday.",
        "If Lind says the dam is safe, people will return.",
        'The so-called "Iron Duke" lost his seat.',
        'They watched "A Long Night at the Old Harbour" twice.',
        'Olav "the Axe" Berg won the race.',
        "The harbour will close, writes Per Holm.",
        "The harbour will close, reports our correspondent Per Holm.",
        "The foreign minister, Ida Moe, arrives on Monday.",
        "The US secretary of state, Ida Moe, arrives on Monday.",
        "I said no.",
        "Residents were told to leave.",
        "Live: the day in pictures from the harbour",
        "",
        " \n\n ",
    ],
)
def test_no_statement(text: str) -> None:
    """Unrealised speech, nicknames, titles, bylines and the editor's own words are none."""
    assert said(text) == []


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("The company declined to comment.", "to comment"),
        ("The company did not respond to a request for comment.", "a request for comment"),
    ],
)
def test_no_comment_is_kept_as_such(text: str, content: str) -> None:
    """Saying nothing is data, of its own kind."""
    assert said(text) == [(StatementKind.NO_COMMENT, "company", content)]


def test_interrupted_quotation_is_one_statement_in_two_pieces() -> None:
    """The words of the writer between the pieces are no content."""
    text = '"The dam," Lind said, "will hold until spring."'
    (statement,) = extract(text)
    assert [s.of(text) for s in statement.content_spans] == ["The dam", "will hold until spring"]
    assert statement.content == Span(1, 45)


def test_quotation_goes_on_after_the_attribution() -> None:
    """A quoted sentence after an attributed one belongs to it."""
    assert said('"It is over," Lind said. "They have won."') == [(DIRECT, "Lind", "It is over They have won")]


def test_interrupted_paraphrase() -> None:
    """An attribution inside a clause splits the content."""
    assert said("The dam, Ana Lind said, will hold.") == [(INDIRECT, "Ana Lind", "The dam will hold")]


def test_several_cues_in_one_sentence() -> None:
    """Coordinated and participial cues share the speaker and end the content before them."""
    assert said("Lind said the dam would hold, adding that work would start in May.") == [
        (INDIRECT, "Lind", "the dam would hold"),
        (INDIRECT, "Lind", "work would start in May"),
    ]
    assert said("Lind said the dam would hold and called for more money.") == [
        (INDIRECT, "Lind", "the dam would hold"),
        (INDIRECT, "Lind", "more money"),
    ]


def test_quotation_over_two_paragraphs_is_one_statement() -> None:
    """Each paragraph opens with a mark, only the last closes, in whatever style."""
    text = 'Ana Lind said: “The river is rising fast.\n"We urge everybody to leave the lower town.”'
    (statement,) = extract(text)
    assert [s.of(text) for s in statement.content_spans] == [
        "The river is rising fast",
        "We urge everybody to leave the lower town",
    ]
    assert statement.kind is DIRECT


def test_quotation_whose_first_paragraph_comes_before_the_attribution() -> None:
    """The paragraphs before belong to the speaker that the last one names."""
    text = "“The river is rising.\n\n“We have to leave the lower town now,” said Ana Lind."
    (statement,) = extract(text)
    assert [s.of(text) for s in statement.content_spans] == [
        "The river is rising",
        "We have to leave the lower town now",
    ]


def test_colon_at_the_end_of_a_paragraph() -> None:
    """The next paragraph holds the words."""
    assert said('Ana Lind said:\n"The river is rising fast."')[0][1:] == ("Ana Lind", "The river is rising fast")


def test_block_quotation_after_a_colon() -> None:
    """A paragraph without marks behind "wrote:" is what was written."""
    assert said("Ana Lind wrote:\nThe river is rising fast")[0][1:] == ("Ana Lind", "The river is rising fast")


@pytest.mark.parametrize("opening", ["Added Ana Lind:", "According to Ana Lind:"])
def test_inverted_colon(opening: str) -> None:
    """The name may follow the cue, and the words may follow in the next paragraph."""
    assert said(f'{opening}\n"The river is rising fast."')[0][1:] == ("Ana Lind", "The river is rising fast")


def test_nested_quotation_stays_inside() -> None:
    """The inner quotation is part of the content, marks included."""
    text = "Ana Lind said: “He told me, ‘Go home now,’ and I went.”"
    assert said(text) == [(DIRECT, "Ana Lind", "He told me, ‘Go home now,’ and I went")]


def test_unbalanced_mark_costs_nothing_elsewhere() -> None:
    """A missing closing mark ends with the paragraph."""
    found = said('Ana Lind said: "The river is rising.\nThen it rained.\nBo Moe said the dam would hold.')
    assert [(name, text) for _, name, text in found] == [
        ("Ana Lind", "The river is rising"),
        ("Bo Moe", "the dam would hold"),
    ]


def test_headline_is_flagged() -> None:
    """A colon headline gives a statement that says where it stands."""
    text = "Lind: 'We will not sell the harbour'"
    (statement,) = extract(text, (Segment(kind=SegmentKind.HEADLINE, span=Span(0, len(text))),))
    assert statement.reasons == ("headline",)


def test_second_thoughts_of_the_writer_are_cut_off() -> None:
    """What the writer adds behind the clause is not the speaker's."""
    text = 'Lind said the dam was "safe", but neither she nor Moe gave details.'
    assert said(text) == [(MIXED, "Lind", 'the dam was "safe"')]


def test_venue_behind_a_quotation_is_cut_off() -> None:
    """The occasion is no content."""
    text = 'Lind said that it was "the worst flood ever" during a rally in Torvik.'
    assert said(text) == [(MIXED, "Lind", 'it was "the worst flood ever"')]


def test_repeated_and_dated_speech_is_marked() -> None:
    """Words of a new act and of an old act are told apart from plain ones."""
    assert only("Lind reiterated that the dam would hold.").is_reiterated
    assert only("In 2018 Lind said that the dam would hold.").is_archival
    plain = only("Lind said that the dam would hold until 2018.")
    assert (plain.is_reiterated, plain.is_archival) == (False, False)


def test_fragment_without_a_clause_is_nothing() -> None:
    """Fewer than four words of content in marks alone make no statement."""
    assert said('Ana Lind said the dam would hold.\n"No way out."') == [(INDIRECT, "Ana Lind", "the dam would hold")]
