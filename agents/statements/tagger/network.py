"""The forward pass of the tagger and its decoding, in numpy alone."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from agents.statements.tagger.features import COLUMN, Floats, Ints
from agents.statements.tagger.tags import TAGS

DILATIONS: Final = (1, 2, 4, 8, 16, 1)
# name of the table, columns that look up in it (added up), width
PARTS: Final = (
    ("word", ("word1", "word2"), 64), ("vector", ("vector",), 48), ("word", ("left",), 64), ("word", ("right",), 64),
    ("prefix", ("prefix",), 16), ("suffix", ("suffix",), 24), ("shape", ("shape",), 16), ("class", ("class",), 12),
    ("cue_bin", ("cue_bin",), 8), ("quoted", ("quoted",), 8), ("left_distance", ("left_distance",), 8),
    ("right_distance", ("right_distance",), 8), ("from_start", ("from_start",), 6), ("to_end", ("to_end",), 6),
    ("paragraph", ("paragraph",), 6), ("sentence", ("sentence",), 6), ("rule", ("rule",), 16),
    ("mark_left", ("mark_left",), 6), ("mark_right", ("mark_right",), 6),
)  # fmt: skip
_WIDE: Final = 24
"""Tables up to this width are multiplied into the first layer once; a row then replaces the product."""
_TOGETHER: Final = 3000
"""Rows of a table that stands for several small ones: one look-up for all of them."""
_BLOCK = 2048
_FEW = 3
"""Paragraphs of one length that are gone through one after the other; more go side by side."""
_MARGIN = sum(DILATIONS)
NEVER = -1e4


def forbidden() -> NDArray[np.bool_]:
    """[from, to]: whether a tag can never follow another: I-X comes behind B-X or I-X alone."""
    out = np.zeros((len(TAGS), len(TAGS)), np.bool_)
    for j, later in enumerate(TAGS):
        if later[0] == "I":
            out[:, j] = [earlier[1:] != later[1:] for earlier in TAGS]
    return out


def _layer(full: Mapping[str, Floats], number: int) -> tuple[Floats, Floats]:
    """Kernel and bias of a layer, with its gain and the halves of sigmoid(x) = (1 + tanh(x / 2)) / 2 inside."""
    kernel = full[f"conv{number}"] * np.tile(full[f"gain{number}"], 3)[:, None] / 2
    return np.ascontiguousarray(kernel, np.float32), np.asarray(full[f"conv_bias{number}"] / 2, np.float32)


def _joined(tables: Sequence[tuple[Floats, list[int]]]) -> list[tuple[Floats, list[int], list[int]]]:
    """Small tables added up into one for every combination of their rows: table, columns, rows of each."""
    out: list[tuple[Floats, list[int], list[int]]] = []
    for table, chosen in sorted(tables, key=lambda t: -len(t[0])):
        for place, (large, columns, steps) in enumerate(out):
            if len(large) * len(table) <= _TOGETHER:
                both = (large[:, None] + table[None]).reshape(-1, table.shape[1])
                out[place] = (both, columns + chosen, [*steps, len(table)])
                break
        else:
            out.append((table, chosen, [len(table)]))
    return out


class Network:
    """Residual dilated convolutions over the tokens of a text.

    weights  as written by benchmarks/train_statements.py
    """

    def __init__(self, weights: Mapping[str, NDArray[Any]]) -> None:
        loaded = {name: np.asarray(value) for name, value in weights.items()}
        full = {name: value.astype(np.float32) for name, value in loaded.items() if value.dtype != np.int8}
        self._bias: Floats = full["in_bias"]
        self._wide: list[tuple[NDArray[Any], list[int]]] = []
        narrow: list[tuple[Floats, list[int]]] = []
        into, place = [], 0
        for name, columns, width in PARTS:
            part = full["in"][place : place + width]
            place += width
            chosen = [COLUMN[column] for column in columns]
            if width > _WIDE:
                table = loaded[name] if loaded[name].dtype == np.int8 else full[f"{name}"]
                into.append(part * (np.float32(1 / 32) if table.dtype == np.int8 else np.float32(1)))
                self._wide.append((table, chosen))
            else:
                narrow.append((full[name] @ part, chosen))
        self._into: Floats = np.ascontiguousarray(np.concatenate(into))
        self._narrow = _joined(narrow)
        self._layers = [_layer(full, i) for i in range(len(DILATIONS))]
        self._out: Floats = full["out"]
        self._out_bias: Floats = full["out_bias"]
        self.start: Floats = np.where([tag[0] == "I" for tag in TAGS], NEVER, full["start"]).astype(np.float32)
        self.follow: Floats = np.where(forbidden(), NEVER, full["follow"]).astype(np.float32)
        self._by_target: Floats = np.ascontiguousarray(self.follow.T)

    def scores(self, columns: Ints, offsets: Sequence[int]) -> Floats:
        """One row a token, one score a tag. Long texts go through in blocks; the result is the same.

        offsets  as in Reading. A paragraph that opens with a quotation sees the one before it and is seen by it; others
                 do not, so that text added elsewhere changes nothing here
        """
        count = len(columns)
        out = np.empty((count, len(TAGS)), np.float32)
        edges = np.asarray(offsets, np.intp)
        is_apart = columns[edges[:-1], COLUMN["quoted"]] == 0
        stretch = np.repeat(np.cumsum(is_apart), np.diff(edges))
        for start in range(0, count, _BLOCK):
            low, high = max(0, start - _MARGIN), min(count, start + _BLOCK + _MARGIN)
            block = self._block(columns[low:high], stretch[low:high])
            out[start : start + _BLOCK] = block[start - low : start - low + _BLOCK]
        return out

    def _block(self, columns: Ints, stretch: NDArray[np.intp]) -> Floats:
        count, width = len(columns), len(self._bias)
        looked = []
        for table, chosen in self._wide:
            rows = table[columns[:, chosen[0]]]
            for column in chosen[1:]:
                rows = rows + table[columns[:, column]]
            looked.append(rows)
        hidden = np.concatenate(looked, axis=1, dtype=np.float32) @ self._into
        hidden += self._bias
        for narrow, chosen, steps in self._narrow:
            rows = columns[:, chosen[0]]
            for column, step in zip(chosen[1:], steps[1:], strict=True):
                rows = rows * step + columns[:, column]
            hidden += narrow[rows]
        taps = np.empty((count, 3 * width), np.float32)
        made = np.empty((count, 2 * width), np.float32)
        middle, value, gate = taps[:, width : 2 * width], made[:, :width], made[:, width:]
        for dilation, (kernel, bias) in zip(DILATIONS, self._layers, strict=True):
            scale = np.einsum("ij,ij->i", hidden, hidden) / width + np.float32(1e-5)
            np.multiply(hidden, (1 / np.sqrt(scale))[:, None], out=middle)
            reach = min(dilation, count)
            taps[:reach, :width] = 0
            taps[reach:, :width] = middle[: count - reach]
            taps[count - reach :, 2 * width :] = 0
            taps[: count - reach, 2 * width :] = middle[reach:]
            edge = np.flatnonzero(stretch[reach:] != stretch[: count - reach])
            taps[edge + reach, :width] = 0
            taps[edge, 2 * width :] = 0
            np.matmul(taps, kernel, out=made)
            made += bias
            np.tanh(gate, out=gate)
            gate += 1
            value *= gate
            hidden += value
        return np.asarray(hidden @ self._out + self._out_bias, np.float32)

    def best(self, scores: Floats, offsets: Sequence[int]) -> Ints:
        """The best allowed sequence of tags of every paragraph; `offsets` as in Reading."""
        out = np.zeros(len(scores), np.int32)
        edges = np.asarray(offsets, np.intp)
        lengths = np.diff(edges)
        if len(lengths) and len(scores) <= _FEW * int(lengths.max()):
            for start, stop in pairwise(offsets):
                out[start:stop] = self._alone(scores[start:stop])
            return out
        order = np.argsort(-lengths, kind="stable")
        for first in range(0, len(order), 64):  # paragraphs of like length go side by side
            group = order[first : first + 64]
            self._side_by_side(out, scores, edges[group], lengths[group])
        return out

    def _alone(self, scores: Floats) -> list[int]:
        """Viterbi over one paragraph. Which tag came before is asked of all steps at once, at the end."""
        if not len(scores):
            return []
        bests = np.empty(scores.shape, np.float32)  # of the paths that end in a tag
        np.add(self.start, scores[0], out=bests[0])
        ways = np.empty(self.follow.shape, np.float32)
        add, highest, follow = np.add, np.maximum.reduce, self.follow
        for before, best, score in zip(bests[:-1, :, None], bests[1:], scores[1:], strict=True):
            add(before, follow, ways)
            highest(ways, 0, None, best)
            add(best, score, best)
        tag = int(bests[-1].argmax())
        out = [tag]
        for stop in range(len(bests) - 1, 0, -_BLOCK):
            to_target = bests[max(stop - _BLOCK, 0) : stop, None, :] + self._by_target
            for back in reversed(to_target.argmax(2).tolist()):
                tag = back[tag]
                out.append(tag)
        return out[::-1]

    def _side_by_side(self, out: Ints, scores: Floats, starts: NDArray[np.intp], lengths: NDArray[np.intp]) -> None:
        """Viterbi over paragraphs of falling length."""
        longest = int(lengths[0])
        alive = np.searchsorted(-lengths, -np.arange(longest), side="left")
        best = self.start + scores[starts]
        back = np.zeros((longest, len(starts), len(TAGS)), np.int8)
        for step in range(1, longest):
            count = int(alive[step])
            ways = best[:count, None, :] + self._by_target
            back[step, :count] = ways.argmax(2)
            best[:count] = ways.max(2) + scores[starts[:count] + step]
        tag = best.argmax(1)
        rows = np.arange(len(starts))
        for step in range(longest - 1, -1, -1):
            count = int(alive[step])
            out[starts[:count] + step] = tag[:count]
            tag[:count] = back[step, rows[:count], tag[:count]]
