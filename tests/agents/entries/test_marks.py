"""The order of an item's entries and its sentences, in pages: like plain lists, at the cost of the pages touched."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from agents.entries.marks import PAGE, Directory, Mark, MarkPage, Marks
from agents.entries.memory import MAX_DIGESTS, Digests, Sentences
from agents.step import MemoryState
from schemas.codec import encode_state
from tests.agents.entries.builders import Desk, blog, post


def mark(name: str) -> Mark:
    return Mark(name, 0, 0, "post")


class Recorder(MemoryState):
    """State that counts reads and bytes written."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = self.written = 0

    def get(self, key: str, kind: Any) -> Any:
        """As it is, counted."""
        self.reads += 1
        return super().get(key, kind)

    def put(self, key: str, value: Any) -> None:
        """As it is, counted."""
        self.written += 0 if value is None else len(encode_state(value))
        super().put(key, value)


INSERTS = st.lists(
    st.dictionaries(st.floats(0, 1), st.integers(1, 3 * PAGE), max_size=3).map(
        lambda found: list(found.items())  # where, as a share of the whole, and how many
    ),
    max_size=6,
)


@settings(max_examples=60)
@given(INSERTS, st.integers(1, 400), st.data())
def test_pages_behave_like_one_list(inserts: list[list[tuple[float, int]]], most: int, data: st.DataObject) -> None:
    """Order, places, changes and the bound are those of a list, over any number of updates."""
    state, directory = MemoryState(), Directory()
    wanted: list[Mark] = []
    for turn, places in enumerate(inserts):
        marks = Marks(state, "k", directory)
        fresh: dict[int, list[Mark]] = {}
        for number, (share, count) in enumerate(places):
            where = int(share * len(wanted)) - 1
            fresh.setdefault(where, []).extend(mark(f"{turn}-{number}-{n}") for n in range(count))
        marks.insert(fresh)
        for where in sorted(fresh, reverse=True):
            wanted[where + 1 : where + 1] = fresh[where]
        if wanted:
            changed = data.draw(st.integers(0, len(wanted) - 1))
            wanted[changed] = replace(wanted[changed], revision=turn + 1)
            marks.replace(wanted[changed])
            assert marks.find(wanted[changed].entry_id) == wanted[changed]
            assert marks.position(wanted[changed].entry_id) == changed
        assert (list(marks), list(reversed(marks))) == (wanted, wanted[::-1])
        assert marks.positions() == {one.entry_id: at for at, one in enumerate(wanted)}
        assert marks.forget_beyond(most) == wanted[: max(0, len(wanted) - most)]
        wanted = wanted[-most:]
        directory = marks.store()
    stored = Marks(state, "k", directory)
    assert (list(stored), len(stored)) == (wanted, len(wanted))
    assert sorted(state.values) == sorted(f"k{number}" for number, _ in directory)
    assert all(isinstance(page, MarkPage) and len(page.marks) <= 2 * PAGE for page in state.values.values())


def test_unknown_entries_are_not_found() -> None:
    """An entry that is not there has no mark and no place."""
    marks = Marks(MemoryState(), "k", ())

    assert (marks.find("x"), len(marks)) == (None, 0)
    with pytest.raises(KeyError):
        marks.position("x")
    with pytest.raises(KeyError):
        marks.replace(mark("x"))


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 6000), st.integers(0, 2500)), max_size=8))
def test_sentences_are_kept_once_and_the_oldest_go(turns: list[tuple[int, int]]) -> None:
    """The same sentences are remembered as in one list of bounded length."""
    state, known, place = MemoryState(), Digests(), (0, 0)
    for start, count in turns:
        sentences = Sentences(state, "k", *place)
        values = [7 * n for n in range(start, start + count)]
        sentences.learn(values)
        place = sentences.store()
        known = known.added(values)
    kept = set(known.values())
    sentences = Sentences(state, "k", *place)
    assert place[1] - place[0] == len(kept) <= MAX_DIGESTS
    assert sentences.among(range(0, 7 * 8500, 7)) == kept


def test_a_post_costs_the_same_however_long_the_story() -> None:
    """Reads of state and bytes written for one post more do not grow with the posts before."""
    desk = Desk()
    desk.state = state = Recorder()
    costs = []
    for number in range(900):
        state.reads = state.written = 0
        text = f"Boat {number} left the harbour at dock {number * 7} before the tide turned."
        desk(blog(post(f"p{number}", text, number), minute=2000 + number, is_complete=False))
        costs.append((state.reads, state.written))

    early, late = costs[50:150], costs[800:900]
    assert sum(written for _, written in late) < 1.2 * sum(written for _, written in early)
    assert max(reads for reads, _ in late) <= max(reads for reads, _ in early) + 4
