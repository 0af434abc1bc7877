"""Tags of the tagger: what is written down as tags comes back as the same attributions."""

from hypothesis import given
from hypothesis import strategies as st

from agents.statements.tagger.reading import Marked, Reading
from agents.statements.tagger.tags import INDEX, TAGS, Chunk, chunks, link, tags_of

TEXT = '"We stay," said Mara Lind, the mayor, and added that the harbour was safe.\nTom Reed said nobody had asked him.'


def marked(reading: Reading, content: str, *, cue: str, source: str) -> Marked:
    def piece(words: str) -> tuple[int, int]:
        found = reading.tokens(TEXT.index(words), TEXT.index(words) + len(words))
        assert found is not None
        return found

    return Marked(piece(cue), piece(source), (piece(content),))


def test_tags_lead_back_to_the_attributions_they_were_made_of() -> None:
    """Cue, source and content survive the way through tags, on both sides of the cue."""
    reading = Reading(TEXT)
    marks = [
        marked(reading, "We stay", cue="said Mara"[:4], source="Mara Lind, the mayor"),
        marked(reading, "nobody had asked him", cue="said nobody"[:4], source="Tom Reed"),
    ]
    cue = reading.tokens(TEXT.rindex("said"), TEXT.rindex("said") + 4)
    marks[1] = marks[1]._replace(cue=cue)

    back = link(chunks(tags_of(marks, len(reading)), reading.offsets), reading.paragraphs())

    assert back == marks


def test_a_cue_without_a_source_of_its_own_shares_the_one_before() -> None:
    """`X, said S and added Y`: the tags say that both cues have the source S."""
    reading = Reading("Mara Lind said the gate was shut and added that the harbour was safe.")
    source = (0, 2)
    marks = [Marked((2, 3), source, ((3, 7),)), Marked((8, 9), source, ((10, 14),))]

    back = link(chunks(tags_of(marks, len(reading)), reading.offsets), reading.paragraphs())

    assert back == marks


def test_a_paragraph_ends_every_chunk() -> None:
    """A run of one kind over a line end is two chunks."""
    inside = INDEX["ICL"]

    assert chunks([inside - 1, inside, inside], [0, 2, 3]) == [Chunk(0, 2, "CL"), Chunk(2, 3, "CL")]


@given(st.lists(st.integers(0, len(TAGS) - 1), max_size=60))
def test_any_tags_give_disjoint_attributions(tags: list[int]) -> None:
    """No token belongs to the content of two attributions, whatever the network says."""
    edges = sorted({0, len(tags) // 2, len(tags)})
    paragraph = [index >= len(tags) // 2 for index in range(len(tags))]

    found = link(chunks(tags, edges), [int(p) for p in paragraph])

    tokens = [index for mark in found for start, stop in mark.content for index in range(start, stop)]
    assert len(tokens) == len(set(tokens))
