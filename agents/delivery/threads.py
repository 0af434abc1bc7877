"""What a channel wants to find again in a thread, such as the timestamps by which Slack knows its messages."""

from collections.abc import Mapping
from datetime import datetime

from agents.delivery.state import Thread, Threads, thread_key, threads_key
from agents.step import State

DAYS = 30
"""A thread that nothing was added to for so many days is forgotten: a correction after that opens a new one."""

MARKS_MAX = 500
"""Most marks of a thread; the oldest of the alerts go first."""

_LASTING = "alert/"


def marks_of(state: State, endpoint: str, thread: str) -> Mapping[str, str]:
    """The marks of a thread."""
    known = state.get(thread_key(endpoint, thread), Thread)
    return known.marks if known is not None else {}


def save_marks(state: State, endpoint: str, thread: str, marks: Mapping[str, str | None], at: datetime) -> None:
    """Set marks of a thread; None forgets one."""
    kept = dict(marks_of(state, endpoint, thread))
    for name, text in marks.items():
        kept.pop(name, None)
        if text is not None:
            kept[name] = text
    for name in [one for one in kept if one.startswith(_LASTING)][: max(len(kept) - MARKS_MAX, 0)]:
        del kept[name]
    state.put(thread_key(endpoint, thread), Thread(marks=kept))
    _note_day(state, endpoint, thread, at.toordinal())


def _note_day(state: State, endpoint: str, thread: str, today: int) -> None:
    known = state.get(threads_key(endpoint), Threads) or Threads(days={})
    if known.days.get(thread) == today:
        return
    days = known.days | {thread: today}
    for old in [name for name, day in days.items() if day < today - DAYS]:
        del days[old]
        state.put(thread_key(endpoint, old), None)
    state.put(threads_key(endpoint), Threads(days=days))
