"""Training of the statement tagger, and its scores beside those of the rules.

    python benchmarks/train_statements.py [--out FILE] [--vectors FILE] [--epochs N] [--seed N]

Needs jax beside the project's own dependencies, and the annotated articles, which are no part of this repository.
Runs on one core. The weights hold hash slots and numbers, no words.
"""

import os

os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse  # noqa: E402
import gzip  # noqa: E402
import json  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from collections import Counter  # noqa: E402
from functools import partial  # noqa: E402
from itertools import pairwise  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from agents.statements.tagger.features import COLUMN, COLUMNS, Encoder, slot  # noqa: E402
from agents.statements.tagger.network import DILATIONS, PARTS, forbidden  # noqa: E402
from agents.statements.tagger.reading import Marked, Reading  # noqa: E402
from agents.statements.tagger.tags import TAGS, tags_of  # noqa: E402

jax.config.update("jax_default_prng_impl", "unsafe_rbg")

DATA = ROOT.parent / "shared/data"
WIDTH, WINDOW, MARGIN, BATCH = 112, 512, 32, 16
PEAK, WARM_UP, DECAY, AVERAGE = 2.5e-3, 100, 0.08, 0.995
CUE_SLOTS = 65536
_CUE_EDGES = (0.0, 0.02, 0.1, 0.3, 0.6)
Tree = dict[str, Any]


def attributions(reading: Reading, article: Tree, odds: dict[str, float]) -> list[Marked]:
    """The annotations of an article as token ranges; of a cue in pieces, the piece most like a cue."""
    raw = [token for line in reading.lines for token in line.low]
    out = []
    for found in article["attributions"]:
        role: dict[str, list[tuple[int, int]]] = {}
        for name in ("cue", "source", "content"):
            spans = found[name]["spans"] if found[name] else []
            role[name] = [piece for piece in (reading.tokens(*span) for span in spans) if piece is not None]
        if not role["content"]:
            continue
        cue = max(role["cue"], key=lambda p: max(odds.get(raw[i], 0.0) for i in range(*p)), default=None)
        near = min(role["source"], key=lambda p: 0 if cue is None else abs(p[0] - cue[0]), default=None)
        out.append(Marked(cue, near, tuple(sorted(role["content"]))))
    return out


def cue_odds(readings: list[Reading], articles: list[Tree]) -> dict[str, float]:
    """For each word how often it is part of a cue, where it was three times or more."""
    total: Counter[str] = Counter()
    cues: Counter[str] = Counter()
    for reading, article in zip(readings, articles, strict=True):
        low = [token for line in reading.lines for token in line.low]
        total.update(low)
        for found in article["attributions"]:
            for span in found["cue"]["spans"] if found["cue"] else []:
                piece = reading.tokens(*span)
                if piece is not None:
                    cues.update(low[piece[0] : piece[1]])
    return {w: min(1.0, n / total[w]) for w, n in cues.items() if n >= 3 and w.isalpha()}


def cue_slots(odds: dict[str, float]) -> Any:
    """The odds in bins by hash slot."""
    out = np.zeros(CUE_SLOTS, np.uint8)
    for word, value in odds.items():
        at = slot(word, 6, CUE_SLOTS)
        out[at] = max(int(out[at]), sum(value >= edge for edge in _CUE_EDGES))
    return out


def initial(key: Any) -> Tree:
    """Fresh weights."""
    keys = iter(jax.random.split(key, 64))
    sizes = dict(COLUMNS) | {"word": dict(COLUMNS)["word1"]}
    tree: Tree = {}
    for name, _, width in PARTS:
        if name not in tree and name != "vector":
            tree[name] = jax.random.normal(next(keys), (sizes[name], width)) * 0.1
    total = sum(width for _, _, width in PARTS)
    tree["in"] = jax.random.normal(next(keys), (total, WIDTH)) * np.sqrt(1 / total)
    tree["in_bias"] = jnp.zeros(WIDTH)
    for i, _ in enumerate(DILATIONS):
        tree[f"conv{i}"] = jax.random.normal(next(keys), (3 * WIDTH, 2 * WIDTH)) * np.sqrt(1 / (3 * WIDTH))
        tree[f"conv_bias{i}"] = jnp.zeros(2 * WIDTH)
        tree[f"gain{i}"] = jnp.ones(WIDTH)
    tree["out"] = jax.random.normal(next(keys), (WIDTH, len(TAGS))) * 0.02
    tree["out_bias"] = jnp.zeros(len(TAGS))
    tree["start"] = jnp.zeros(len(TAGS))
    tree["follow"] = jnp.zeros((len(TAGS), len(TAGS)))
    return tree


def emissions(tree: Tree, vectors: Any, columns: Any, mask: Any, key: Any, drop: float) -> Any:
    """The forward pass, with dropout, over whole articles; agents/statements/tagger/network.py cuts them apart."""
    parts = []
    for name, chosen, _ in PARTS:
        table = vectors if name == "vector" else tree[name]
        parts.append(sum(table[columns[..., COLUMN[column]]] for column in chosen))
    keys = jax.random.split(key, len(DILATIONS) + 1)
    keep = 1 - drop
    x = jnp.concatenate(parts, -1)
    x = x * jax.random.bernoulli(keys[0], keep, x.shape) / keep
    hidden = (x @ tree["in"] + tree["in_bias"]) * mask[..., None]
    for i, dilation in enumerate(DILATIONS):
        scale = jax.lax.rsqrt(jnp.mean(hidden * hidden, -1, keepdims=True) + 1e-5)
        normed = hidden * scale * tree[f"gain{i}"] * mask[..., None]
        made = jax.lax.conv_general_dilated(
            normed, tree[f"conv{i}"].reshape(3, WIDTH, 2 * WIDTH), (1,), [(dilation, dilation)],
            rhs_dilation=(dilation,), dimension_numbers=("NWC", "WIO", "NWC"),
        ) + tree[f"conv_bias{i}"]  # fmt: skip
        made = made[..., :WIDTH] * jax.nn.sigmoid(made[..., WIDTH:])
        made = made * jax.random.bernoulli(keys[i + 1], keep, made.shape) / keep
        hidden = (hidden + made) * mask[..., None]
    return hidden @ tree["out"] + tree["out_bias"]


FORBIDDEN = jnp.asarray(np.where(forbidden(), -1e4, 0.0), jnp.float32)
NO_START = jnp.asarray([-1e4 if tag[0] == "I" else 0.0 for tag in TAGS], jnp.float32)
ONLY_O = jnp.asarray([0.0] + [-1e4] * (len(TAGS) - 1), jnp.float32)


def loss(tree: Tree, vectors: Any, batch: Tree, key: Any, drop: float) -> Any:
    """Negative log-likelihood a token of a linear chain over each paragraph."""
    used = batch["used"]
    scores = emissions(tree, vectors, batch["columns"], batch["mask"], key, drop)
    scores = jnp.where(used[..., None] > 0, scores, ONLY_O)
    tags = jnp.where(used > 0, batch["tags"], 0)
    opens = jnp.where(used > 0, batch["opens"], 1.0)
    follow, start = tree["follow"] + FORBIDDEN, tree["start"] + NO_START
    begin = jnp.where(used[..., None] > 0, start, 0.0)

    def step(alpha: Any, now: Any) -> Any:
        score, fresh, opening = now
        carried = jax.nn.logsumexp(alpha[:, :, None] + follow, 1)
        anew = jax.nn.logsumexp(alpha, 1)[:, None] + opening
        return jnp.where(fresh[:, None] > 0, anew, carried) + score, None

    first = begin[:, 0] + scores[:, 0]
    rest = (scores[:, 1:].swapaxes(0, 1), opens[:, 1:].swapaxes(0, 1), begin[:, 1:].swapaxes(0, 1))
    alpha, _ = jax.lax.scan(step, first, rest)
    total = jax.nn.logsumexp(alpha, 1)
    picked = jnp.take_along_axis(scores, tags[..., None], -1)[..., 0].sum(1)
    opening = jnp.take_along_axis(begin, tags[..., None], -1)[..., 0]
    moved = follow[tags[:, :-1], tags[:, 1:]]
    path = opening[:, 0] + jnp.where(opens[:, 1:] > 0, opening[:, 1:], moved).sum(1)
    return (total - picked - path).sum() / used.sum()


def windows(offsets: list[int], rng: Any) -> list[tuple[int, int]]:
    """Ranges of whole paragraphs that fill a window without its margins."""
    room = WINDOW - 2 * MARGIN
    out, start = [], 0
    limit = int(rng.integers(room // 3, room))
    for left, right in pairwise(offsets):
        if right - start > limit and left > start:
            out.append((start, left))
            start, limit = left, room
    out.append((start, offsets[-1]))
    return [(a, b) for s, e in out for a, b in ((x, min(x + room, e)) for x in range(s, e, room))]


def batch_of(docs: list[Tree], chosen: list[tuple[int, int, int]], rng: Any) -> Tree:
    """Windows as arrays; words and rules are hidden now and then."""
    shape = (len(chosen), WINDOW)
    out = {
        "columns": np.zeros((*shape, len(COLUMNS)), np.int32),
        **{name: np.zeros(shape, np.float32) for name in ("mask", "used", "opens")},
        "tags": np.zeros(shape, np.int32),
    }
    for row, (doc, start, stop) in enumerate(chosen):
        low, high = max(0, start - MARGIN), min(len(docs[doc]["tags"]), stop + MARGIN)
        out["columns"][row, : high - low] = docs[doc]["columns"][low:high]
        out["tags"][row, : high - low] = docs[doc]["tags"][low:high]
        out["opens"][row, : high - low] = docs[doc]["opens"][low:high]
        out["mask"][row, : high - low] = 1
        out["used"][row, start - low : stop - low] = 1
        out["opens"][row, start - low] = 1
    hidden = rng.random(shape) < 0.15
    for name in ("word1", "word2"):
        out["columns"][..., COLUMN[name]][hidden] = 0
    hidden &= rng.random(shape) < 0.2
    out["columns"][..., COLUMN["vector"]][hidden] = 0
    for name in ("left", "right"):
        out["columns"][..., COLUMN[name]][rng.random(shape) < 0.1] = 0
    out["columns"][..., COLUMN["rule"]][rng.random(len(chosen)) < 0.1] = len(TAGS)
    return out


def adam(tree: Tree, state: Tree, gradient: Tree, rate: Any, count: Any) -> tuple[Tree, Tree]:
    """One step with decoupled weight decay and clipping by the global norm."""
    norm = jnp.sqrt(sum(jnp.sum(g * g) for g in gradient.values()))
    gradient = {k: g * jnp.minimum(1.0, 1.0 / (norm + 1e-9)) for k, g in gradient.items()}
    mean = {k: 0.9 * state["mean"][k] + 0.1 * g for k, g in gradient.items()}
    power = {k: 0.999 * state["power"][k] + 0.001 * g * g for k, g in gradient.items()}
    fresh = {
        k: w - rate * (mean[k] / (1 - 0.9**count) / (jnp.sqrt(power[k] / (1 - 0.999**count)) + 1e-8) + DECAY * w)
        for k, w in tree.items()
    }
    return fresh, {"mean": mean, "power": power}


@partial(jax.jit, static_argnames=("drop",), donate_argnums=(0, 1, 2))
def train_step(
    tree: Tree, state: Tree, smooth: Tree, vectors: Any, batch: Tree, key: Any, rate: Any, count: Any, drop: float
) -> Any:
    value, gradient = jax.value_and_grad(loss)(tree, vectors, batch, key, drop)
    tree, state = adam(tree, state, gradient, rate, count)
    smooth = {k: AVERAGE * s + (1 - AVERAGE) * tree[k] for k, s in smooth.items()}
    return tree, state, smooth, value


def save(path: Path, tree: Tree, vectors: Any, slots: Any) -> None:
    """The weights as half floats, the vectors as small integers."""
    arrays = {name: np.asarray(value, np.float16) for name, value in tree.items()}
    np.savez_compressed(path, **arrays, vector=vectors, cue_slots=slots)  # type: ignore[arg-type]


def prepare(articles: list[Tree]) -> tuple[list[Tree], Any]:
    """Columns and tags of the articles."""
    readings = [Reading(article["text"]) for article in articles]
    odds = cue_odds(readings, articles)
    slots = cue_slots(odds)
    encoder = Encoder(slots)
    docs = []
    for reading, article in zip(readings, articles, strict=True):
        opens = np.zeros(len(reading), np.float32)
        opens[reading.offsets[:-1]] = 1
        tags = np.array(tags_of(attributions(reading, article, odds), len(reading)), np.int32)
        inside = np.array([tag[0] == "I" for tag in TAGS])
        tags -= (inside[tags] & (opens > 0)).astype(np.int32)  # a content over paragraphs begins anew in each
        docs.append({"columns": encoder.columns(reading), "tags": tags, "opens": opens, "offsets": reading.offsets})
    return docs, slots


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--train", type=Path, default=DATA / "statements/polnear_train.jsonl.gz")
    parser.add_argument("--vectors", type=Path, required=True, help="from train_statement_vectors.py")
    parser.add_argument("--out", type=Path, default=ROOT / "agents/statements/tagger/weights.npz")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--drop", type=float, default=0.3)
    args = parser.parse_args()
    if not args.train.exists():
        print("statements: not trained (annotated articles absent)")
        return 0
    begin = time.time()
    with gzip.open(args.train, "rt", encoding="utf-8") as lines:
        docs, slots = prepare([json.loads(line) for line in lines])
    table = np.load(args.vectors)["vector"]
    vectors = jnp.asarray(table, jnp.float32) / 32
    print(f"{len(docs)} articles, {sum(len(d['tags']) for d in docs)} tokens, {time.time() - begin:.0f} s", flush=True)
    rng = np.random.default_rng(args.seed)
    key = jax.random.PRNGKey(args.seed)
    tree = initial(key)
    smooth = {k: jnp.array(v) for k, v in tree.items()}
    state = {name: {k: jnp.zeros_like(v) for k, v in tree.items()} for name in ("mean", "power")}
    steps = args.epochs * (sum(len(windows(d["offsets"], rng)) for d in docs) // BATCH)
    count = 0
    for epoch in range(args.epochs):
        chosen = [(i, a, b) for i, d in enumerate(docs) for a, b in windows(d["offsets"], rng)]
        rng.shuffle(chosen)
        losses = []
        for first in range(0, len(chosen) - BATCH + 1, BATCH):
            key, now = jax.random.split(key)
            count += 1
            rate = PEAK * min(count / WARM_UP, 0.005 + 0.995 * (1 + np.cos(np.pi * min(1, count / steps))) / 2)
            batch = batch_of(docs, [tuple(c) for c in chosen[first : first + BATCH]], rng)
            tree, state, smooth, value = train_step(
                tree, state, smooth, vectors, batch, now, np.float32(rate), np.float32(count), args.drop
            )
            losses.append(value)
            if count in (2, 12):
                losses[-1].block_until_ready()
                print(f"step {count} of {steps}, {time.time() - begin:.1f} s", flush=True)
        print(f"epoch {epoch} loss {np.mean(losses):.4f} {time.time() - begin:.0f} s", flush=True)
        save(args.out, smooth, table, slots)
    return 0


if __name__ == "__main__":
    sys.exit(main())
