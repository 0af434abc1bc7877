"""Decoding of many paragraphs, which go side by side, and of few, which go one after the other."""

from itertools import pairwise

import pytest

np = pytest.importorskip("numpy")

from agents.statements.tagger.network import Network  # noqa: E402
from agents.statements.tagger.tags import TAGS  # noqa: E402
from tests.agents.statements.test_tagger_network import weights  # noqa: E402


@pytest.mark.parametrize("is_even", [False, True], ids=["any scores", "many equal scores"])
def test_a_paragraph_is_read_alike_alone_and_among_many(is_even: bool) -> None:
    """However paragraphs are grouped, each has the same tags."""
    model, rng = Network(weights()), np.random.default_rng(4)
    edges = [0, *np.cumsum(rng.integers(1, 30, 80)).tolist()]
    scores = rng.normal(size=(edges[-1], len(TAGS))).astype(np.float32) * 5
    if is_even:
        scores = np.round(scores / 5)

    together = model.best(scores, edges)

    alone = [model.best(scores[start:stop], [0, stop - start]) for start, stop in pairwise(edges)]
    assert together.tolist() == np.concatenate(alone).tolist()


def test_a_long_paragraph_is_read_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """The way back through a long paragraph gives what it gives at once."""
    model = Network(weights())
    scores = np.random.default_rng(5).normal(size=(200, len(TAGS))).astype(np.float32) * 5
    whole = model.best(scores, [0, 200]).tolist()

    monkeypatch.setattr("agents.statements.tagger.network._BLOCK", 37)

    assert model.best(scores, [0, 200]).tolist() == whole
