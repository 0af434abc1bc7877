"""The forward pass and the decoding of the tagger."""

from itertools import pairwise, product

import pytest

np = pytest.importorskip("numpy")

from agents.statements.tagger import features, network  # noqa: E402
from agents.statements.tagger.reading import Reading  # noqa: E402
from agents.statements.tagger.tags import TAGS  # noqa: E402

WIDTH = 8


def weights(seed: int = 0):  # type: ignore[no-untyped-def]
    """Random weights of the right shapes, narrow."""
    rng = np.random.default_rng(seed)
    sizes = dict(features.COLUMNS) | {"word": features.WORD_SLOTS}
    made = {name: rng.normal(size=(sizes[name], width)) for name, _, width in network.PARTS}
    made["in"] = rng.normal(size=(sum(width for _, _, width in network.PARTS), WIDTH)) * 0.1
    made["in_bias"] = rng.normal(size=WIDTH)
    for i in range(len(network.DILATIONS)):
        made[f"conv{i}"] = rng.normal(size=(3 * WIDTH, 2 * WIDTH)) * 0.3
        made[f"conv_bias{i}"] = rng.normal(size=2 * WIDTH)
        made[f"gain{i}"] = rng.normal(size=WIDTH)
    made["out"] = rng.normal(size=(WIDTH, len(TAGS)))
    made["out_bias"] = rng.normal(size=len(TAGS))
    made["start"] = rng.normal(size=len(TAGS))
    made["follow"] = rng.normal(size=(len(TAGS), len(TAGS)))
    out = {name: value.astype(np.float16) for name, value in made.items()}
    out["vector"] = rng.integers(-100, 100, out["vector"].shape).astype(np.int8)
    out["cue_slots"] = rng.integers(0, features.CUE_BINS, 1024).astype(np.uint8)
    return out


def columns(count: int):  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(1)
    return np.stack([rng.integers(0, size, count) for _, size in features.COLUMNS], axis=1).astype(np.int32)


EDGES = [0, 20, 90, 300]


def test_no_paragraph_sees_another_but_for_quotations() -> None:
    """What stands in other paragraphs changes no score, unless the paragraph opens with a quotation."""
    model, rows = network.Network(weights()), columns(300)
    rows[[0, 20, 90], features.COLUMN["quoted"]] = 0
    other = rows.copy()
    other[:20], other[90:] = columns(20), rows[90:][::-1]
    other[[0, 90], features.COLUMN["quoted"]] = 0

    alone = model.scores(rows, EDGES)[20:90]

    np.testing.assert_allclose(model.scores(other, EDGES)[20:90], alone, rtol=1e-3, atol=1e-3)
    rows[20, features.COLUMN["quoted"]] = 1
    assert not np.allclose(model.scores(rows, EDGES)[:20], model.scores(rows[:20], [0, 20]), rtol=1e-3, atol=1e-3)


def test_a_long_text_scores_the_same_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks with margins give what one pass gives."""
    model, rows = network.Network(weights()), columns(300)
    whole = model.scores(rows, EDGES)

    monkeypatch.setattr(network, "_BLOCK", 41)

    np.testing.assert_allclose(model.scores(rows, EDGES), whole, rtol=1e-3, atol=1e-3)


def test_small_tables_joined_score_as_each_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """One look-up for several small tables adds up the same rows."""
    rows = columns(50)
    joined = network.Network(weights()).scores(rows, [0, 50])

    monkeypatch.setattr(network, "_TOGETHER", 0)

    np.testing.assert_allclose(network.Network(weights()).scores(rows, [0, 50]), joined, rtol=1e-3, atol=1e-3)


def test_decoding_finds_the_best_allowed_sequence() -> None:
    """Viterbi agrees with trying every sequence of tags."""
    model = network.Network(weights())
    rng = np.random.default_rng(2)
    scores = rng.normal(size=(5, len(TAGS))).astype(np.float32) * 3

    found = model.best(scores, [0, 2, 5])

    for start, stop in ((0, 2), (2, 5)):
        tries = {
            path: model.start[path[0]]
            + sum(scores[start + i, tag] for i, tag in enumerate(path))
            + sum(model.follow[a, b] for a, b in pairwise(path))
            for path in product(range(len(TAGS)), repeat=stop - start)
        }
        assert tuple(found[start:stop].tolist()) == max(tries, key=lambda path: tries[path])


def test_decoding_never_continues_what_has_not_begun() -> None:
    """I-X stands behind B-X or I-X alone, in every paragraph."""
    model = network.Network(weights())
    scores = np.random.default_rng(3).normal(size=(400, len(TAGS))).astype(np.float32) * 9
    edges = [0, 1, 7, 90, 91, 400]

    names = [TAGS[tag] for tag in model.best(scores, edges)]

    broken = [
        i for i, name in enumerate(names) if name[0] == "I" and (i in edges or names[i - 1][1:] != name[1:])
    ]  # fmt: skip
    assert broken == []


def test_columns_stay_inside_their_tables() -> None:
    """Every number of a text with all kinds of marks is a row of its table."""
    reading = Reading(
        'ZED: "Yes ... no," he said. (Then?) He «left».\n\n— Ana Or, 31\n"Open and\n"closed," she told us!'
    )

    rows = features.Encoder(np.zeros(64, np.uint8)).columns(reading)

    assert rows.shape == (len(reading), len(features.COLUMNS))
    assert (rows >= 0).all()
    assert (rows.max(axis=0) < [size for _, size in features.COLUMNS]).all()


def test_columns_do_not_depend_on_what_was_read_before() -> None:
    """The cache of words changes nothing."""
    first, second = Reading("Mara Lind said so on Monday."), Reading("Nobody said so. Mara did.")
    encoder = features.Encoder(np.arange(64, dtype=np.uint8) % 6)
    encoder.columns(first)

    again = encoder.columns(second)

    np.testing.assert_array_equal(again, features.Encoder(np.arange(64, dtype=np.uint8) % 6).columns(second))
