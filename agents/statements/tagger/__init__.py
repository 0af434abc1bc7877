"""The learned tagger beside the rules: finds more paraphrase, and needs numpy and its weights."""

from functools import cache
from importlib import resources
from io import BytesIO
from typing import TYPE_CHECKING

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
