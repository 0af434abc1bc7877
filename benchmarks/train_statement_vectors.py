"""Word vectors for the statement tagger from text without labels: which words stand beside a word, reduced.

    python benchmarks/train_statement_vectors.py OUT.npz [--train FILE] [--blogs FILE]

Positive pointwise mutual information of each word with the words up to two places left and right (each place apart),
reduced by a truncated singular value decomposition. The file holds hash slots and small integers, no words.
Needs numpy and scipy; about two minutes on one core.
"""

import argparse
import gzip
import json
import lzma
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import svds

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from agents.statements.tagger.features import VECTOR_SLOTS, slot  # noqa: E402
from agents.statements.tokens import _TOKEN  # noqa: E402

DATA = ROOT.parent / "shared/data"
SIZE = 48
_CONTEXTS = 6000
_MIN_COUNT = 6
_PLACES = (-2, -1, 1, 2)


def paragraphs(train: Path, blogs: Path) -> Iterator[str]:
    """Lower-cased paragraphs of the annotated articles and of the live blogs."""
    with gzip.open(train, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield from json.loads(line)["text"].lower().split("\n")
    if blogs.exists():
        with lzma.open(blogs, "rt", encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)["text"].replace("`` ", "“").replace(" ''", "”").replace(" n't", "n't")


def vectors(train: Path, blogs: Path) -> dict[str, Any]:
    """Slots and their vectors as int8, of unit variance times 32."""
    counts: Counter[str] = Counter()
    texts = [[w.replace("’", "'") for w in _TOKEN.findall(p)] for p in paragraphs(train, blogs) if p]
    for tokens in texts:
        counts.update(tokens)
    known = [w for w, n in counts.most_common() if n >= _MIN_COUNT]
    place = {w: i for i, w in enumerate(known)}
    unknown = len(known)
    stream = np.array([i for tokens in texts for i in (unknown, unknown, *(place.get(w, unknown) for w in tokens))])
    del texts
    print(f"{len(stream)} tokens, {unknown} words", flush=True)
    blocks = []
    for number, shift in enumerate(_PLACES):
        here, there = (stream[:-shift], stream[shift:]) if shift > 0 else (stream[-shift:], stream[:shift])
        kept = (here < unknown) & (there < _CONTEXTS)
        blocks.append((here[kept], there[kept] + number * _CONTEXTS))
    rows, columns = (np.concatenate(x) for x in zip(*blocks, strict=True))
    matrix = csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=(unknown, len(_PLACES) * _CONTEXTS))
    matrix.sum_duplicates()
    by_row = np.asarray(matrix.sum(1)).ravel()
    by_column = np.asarray(matrix.sum(0)).ravel() ** 0.75
    coo = matrix.tocoo()
    value = np.log(coo.data * by_column.sum() / (by_row[coo.row] * np.maximum(by_column[coo.col], 1e-9)))
    matrix = csr_matrix((np.maximum(value, 0).astype(np.float32), (coo.row, coo.col)), shape=matrix.shape)
    left, strength, _ = svds(matrix, k=SIZE, random_state=0)
    found = left * np.sqrt(strength)
    found /= np.linalg.norm(found, axis=1, keepdims=True) + 1e-6
    found *= np.sqrt(SIZE)
    table = np.zeros((VECTOR_SLOTS, SIZE), np.int8)
    taken: set[int] = set()
    for index, word in enumerate(known):  # frequent words first: they keep their slot
        at = slot(word, 7, VECTOR_SLOTS)
        if at not in taken:
            taken.add(at)
            table[at] = np.clip(np.round(found[index] * 32), -127, 127)
    return {"vector": table, "found": found, "known": known}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("out", type=Path)
    parser.add_argument("--train", type=Path, default=DATA / "statements/polnear_train.jsonl.gz")
    parser.add_argument("--blogs", type=Path, default=DATA / "liveblogs/guardian_replay_train_2014_2018.jsonl.xz")
    args = parser.parse_args()
    made = vectors(args.train, args.blogs)
    found, known = made["found"], made["known"]
    place = {w: i for i, w in enumerate(known)}
    for probe in ("said", "spokesman", "believes", "minister", "tuesday"):
        near = np.argsort(-(found @ found[place[probe]]))[1:6] if probe in place else ()
        print(probe, [known[i] for i in near])
    np.savez_compressed(args.out, vector=made["vector"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
