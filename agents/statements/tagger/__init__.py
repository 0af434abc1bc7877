"""The learned tagger beside the rules: finds more paraphrase, and needs numpy and its weights."""

from collections.abc import Sequence
from functools import cache
from importlib import resources
from io import BytesIO
from typing import TYPE_CHECKING

from agents.statements.extraction import extract
from schemas.article import Segment
from schemas.detection import Statement

if TYPE_CHECKING:
    from agents.statements.tagger.tagger import Tagger

WEIGHTS = "weights.npz"


@cache
def load() -> "Tagger | None":
    """The tagger with the weights of this package, or None without numpy or weights. Takes about 0.2 s once."""
    try:
        import numpy as np
    except ImportError:
        return None
    from agents.statements.tagger.tagger import Tagger

    file = resources.files(__package__ or "agents.statements.tagger") / WEIGHTS
    if not file.is_file():
        return None
    with np.load(BytesIO(file.read_bytes()), allow_pickle=False) as stored:
        return Tagger({name: stored[name] for name in stored.files})


def extract_tagged(text: str, segments: Sequence[Segment] = ()) -> tuple[Statement, ...]:
    """Every statement of the text, by place, as `extract` gives them; the rules alone where the tagger is missing.

    text      paragraphs separated by line ends
    segments  what the paragraphs are, where the source tells
    """
    tagger = load()
    return extract(text, segments) if tagger is None else tagger.extract(text, segments)
