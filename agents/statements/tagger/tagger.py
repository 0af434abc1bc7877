"""Reading, network and rules put together."""

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from agents.statements.tagger.combine import combine
from agents.statements.tagger.features import Encoder
from agents.statements.tagger.network import Network
from agents.statements.tagger.reading import Marked, Reading
from agents.statements.tagger.tags import chunks, link
from schemas.article import Segment
from schemas.detection import Statement


class Tagger:
    """Finds statements with the network and the rules.

    weights  as written by benchmarks/train_statements.py
    """

    def __init__(self, weights: Mapping[str, NDArray[Any]]) -> None:
        self._encoder = Encoder(weights["cue_slots"])
        self._network = Network(weights)

    def mark(self, reading: Reading) -> list[Marked]:
        """The attributions that the network alone finds, as token ranges, by place of their content."""
        if not len(reading):
            return []
        scores = self._network.scores(self._encoder.columns(reading), reading.offsets)
        tags = self._network.best(scores, reading.offsets).tolist()
        return link(chunks(tags, reading.offsets), reading.paragraphs())

    def extract(self, text: str, segments: Sequence[Segment] = ()) -> tuple[Statement, ...]:
        """Every statement of the text, by place."""
        reading = Reading(text, segments)
        return reading.statements(combine(reading, self.mark(reading)))
