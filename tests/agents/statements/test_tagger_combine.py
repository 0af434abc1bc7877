"""Rules and network joined: typography is fact, the network decides the rest."""

from agents.statements.tagger.combine import combine
from agents.statements.tagger.reading import Marked, Reading
from schemas.detection import Statement, StatementKind


def piece(reading: Reading, words: str) -> tuple[int, int]:
    start = reading.text.index(words)
    found = reading.tokens(start, start + len(words))
    assert found is not None
    return found


def joined(text: str, *found: tuple[str | None, str | None, tuple[str, ...]]) -> tuple[Statement, ...]:
    """What becomes of attributions that a network found: cue, source, contents as words of the text."""
    reading = Reading(text)
    marks = [
        Marked(
            None if cue is None else piece(reading, cue),
            None if source is None else piece(reading, source),
            tuple(piece(reading, content) for content in contents),
        )
        for cue, source, contents in found
    ]
    return reading.statements(combine(reading, marks))


def said(statements: tuple[Statement, ...]) -> list[tuple[str | None, str]]:
    return [(s.speaker.name if s.speaker else None, s.text) for s in statements]


def test_the_network_adds_what_the_rules_do_not_know() -> None:
    """A cue that is no word of the lexicon gives a statement with a described speaker."""
    text = "Mayor Mara Lind floated that ships should pay a tax."

    assert said(joined(text, ("floated", "Mayor Mara Lind", ("that ships should pay a tax",)))) == [
        ("Mara Lind", "ships should pay a tax")
    ]


def test_a_part_of_a_quotation_becomes_the_whole() -> None:
    """A piece that holds most of a quotation holds all of it."""
    text = '"We will keep the bridge open all winter," said Mara Lind.'

    found = joined(text, ("said", "Mara Lind", ("We will keep the bridge open all",)))

    assert said(found) == [("Mara Lind", "We will keep the bridge open all winter")]


def test_a_name_behind_a_dash_signs_the_quotation() -> None:
    """Two signed quotations that the network took for one are two."""
    text = '"The harbour is dead and nobody cares." — Mara Lind\n"Give us back our old ferry at last." — Tom Reed'

    found = joined(text, (None, None, ("The harbour is dead and nobody cares", "Give us back our old ferry at last")))

    assert said(found) == [
        ("Mara Lind", "The harbour is dead and nobody cares"),
        ("Tom Reed", "Give us back our old ferry at last"),
    ]


def test_a_transcript_is_never_cut_by_the_network() -> None:
    """`NAME: words` stays one statement of that name, quoted as a whole or not."""
    opening = "The council met on Monday.\n"
    plain = "LIND: The mayor said that the port was closed and left.\nREED: I told him so, and nobody listened."
    quoted = '"LIND: The mayor said that the port was closed.\n\n"REED: I told him so, and nobody listened."'

    for text in (plain, quoted):
        found = joined(opening + text, ("said", "The mayor", ("that the port was closed",)))
        assert [s.kind for s in found] == [StatementKind.DIRECT, StatementKind.DIRECT]
        assert [s.speaker.surface for s in found if s.speaker] == ["LIND", "REED"]


def test_loose_words_behind_a_quotation_and_its_cue_are_no_content() -> None:
    """`"X," she said of the plan that ...`."""
    text = '"It is finished," Mara Lind said of the plan that nobody liked.'

    found = joined(text, ("said", "Mara Lind", ("It is finished", "of the plan that nobody liked")))

    assert said(found) == [("Mara Lind", "It is finished")]


def test_the_writer_is_no_speaker() -> None:
    """`I believe ...` outside quotation marks is the writer's own voice."""
    assert joined("I believe that the port is safe.", ("believe", "I", ("that the port is safe",))) == ()


def test_loose_words_without_a_cue_are_no_statement() -> None:
    """Nobody is said to have said them."""
    assert joined("The masses and the rival teams.", (None, None, ("The masses and the rival teams",))) == ()


def test_a_cue_that_names_no_saying_is_belief_and_needs_a_clause() -> None:
    """What the lexicon does not know as speech never alerts, and with a mere noun it is no attribution."""
    (found,) = joined("The board plans to close the pier.", ("plans", "The board", ("to close the pier",)))

    assert found.kind is StatementKind.BELIEF
    assert joined("The board plans a new pier.", ("plans", "The board", ("a new pier",))) == ()


def test_what_the_talk_was_on_is_belief() -> None:
    """`argued about X` tells the topic, not the words."""
    text = "The two towns have argued about the river for a hundred years."

    (found,) = joined(text, ("have argued about", "The two towns", ("the river for a hundred years",)))
    post = "Mara Lind has tweeted approvingly of the decision to close the pier."
    (other,) = joined(post, ("has tweeted approvingly of", "Mara Lind", ("the decision to close the pier",)))

    assert (found.kind, other.kind) == (StatementKind.BELIEF, StatementKind.BELIEF)


def test_a_paragraph_behind_a_quotation_is_no_part_of_it() -> None:
    """Unquoted words of the next paragraph are the paper's own."""
    text = '"It is finished," said Mara Lind.\nThe pier was built in 1931.'

    found = joined(text, ("said", "Mara Lind", ("It is finished", "The pier was built in 1931")))

    assert said(found) == [("Mara Lind", "It is finished")]


def test_rules_with_a_cue_of_saying_stay_where_the_network_is_silent() -> None:
    """They seldom add what is not there."""
    assert said(joined("Mara Lind said the port was safe.")) == [("Mara Lind", "the port was safe")]


def test_the_medium_that_was_told_is_no_content() -> None:
    """`told the agency X`: X alone was said, the agency is the way it came."""
    text = "Mara Lind told the Vostok news agency the port was safe."

    (found,) = joined(text, ("told", "Mara Lind", ("the Vostok news agency the port was safe",)))

    assert found.text == "the port was safe"
    assert [way.type for way in found.via] == ["media"]


def test_the_byline_of_a_reporter_is_no_content() -> None:
    """`..., writes Name` at the end of a post."""
    text = "Mara Lind has promised a tax on ships, writes Tom Reed"

    found = joined(text, ("has promised", "Mara Lind", ("a tax on ships, writes Tom Reed",)))

    assert said(found) == [("Mara Lind", "a tax on ships")]


def test_a_passive_cue_says_nothing() -> None:
    """`Residents were told to leave`: by whom is not said."""
    text = "Residents were told to leave the harbour at once."

    assert joined(text, ("were told", "Residents", ("to leave the harbour at once",))) == ()
