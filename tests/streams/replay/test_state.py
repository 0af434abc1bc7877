"""The state of a run: what steps put, what is saved, and what leaves memory."""

from pathlib import Path

import msgspec
import pytest

from schemas.errors import InputError
from streams.replay.state import RunFolder, RunState, read_fact


class Note(msgspec.Struct, frozen=True):
    """Something to keep."""

    text: str


def save(folder: RunFolder, state: RunState, room: int = 1 << 30) -> None:
    folder.save({}, {state.step: state.changed()})
    state.saved(room)


def test_what_a_step_put_counts_once_it_is_kept(tmp_path: Path) -> None:
    """A step that raises leaves nothing behind."""
    folder = RunFolder(tmp_path / "run")
    state = RunState(folder, "step")
    state.put("a", Note("kept"))
    state.keep()
    state.put("a", Note("dropped"))
    assert state.get("a", Note) == Note("dropped")

    state.drop()

    assert state.get("a", Note) == Note("kept")
    folder.close()


def test_saved_state_is_there_for_the_next_process(tmp_path: Path) -> None:
    """Values and deletions; what was not saved is not."""
    folder = RunFolder(tmp_path / "run")
    state = RunState(folder, "step")
    for key in "abc":
        state.put(key, Note(key))
    state.keep()
    save(folder, state)
    state.put("a", None)
    state.put("b", Note("new"))
    state.keep()
    save(folder, state)
    state.put("c", Note("never saved"))
    state.keep()
    folder.close()

    folder = RunFolder(tmp_path / "run")
    again = RunState(folder, "step")

    assert [again.get(key, Note) for key in "abcd"] == [None, Note("new"), Note("c"), None]
    assert RunState(folder, "other").get("b", Note) is None
    folder.close()


def test_memory_is_bounded_and_nothing_is_forgotten(tmp_path: Path) -> None:
    """What does not fit is read again from the folder."""
    folder = RunFolder(tmp_path / "run")
    state = RunState(folder, "step")
    for n in range(500):
        state.put(f"k{n}", Note("x" * 200))
        state.keep()
        if n % 50 == 49:
            save(folder, state, room=10_000)
            assert state.bytes <= 10_000
    assert all(state.get(f"k{n}", Note) == Note("x" * 200) for n in range(500))
    save(folder, state, room=10_000)
    assert state.bytes <= 10_000
    folder.close()


def test_a_run_has_one_process(tmp_path: Path) -> None:
    """The second is told who has it; readers may look."""
    folder = RunFolder(tmp_path / "monday")
    folder.save({"note": Note("here")}, {})

    with pytest.raises(InputError, match=r"^replay monday: is running \(process \d+\); choose another --name$"):
        RunFolder(tmp_path / "monday")

    assert read_fact(tmp_path / "monday", "note", Note) == Note("here")
    folder.close()
    assert read_fact(tmp_path / "tuesday", "note", Note) is None
