"""The order of an item's entries, in pages: an update reads and writes the few that it touches, not the whole item."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

import msgspec

from agents.step import State

PAGE = 32
"""Marks of a page that grows at its end; one in the middle is cut in two beyond twice as many."""


class Mark(msgspec.Struct, frozen=True):
    """One entry as the item remembers it.

    digest    of the canonical text: equal digest, no revision
    revision  0: nothing was told of it yet
    missing   consecutive complete fetches that had neighbours on both sides and not this entry
    is_loose  named by its words, so that an edit changes the name and needs re-linking
    """

    entry_id: str
    digest: int
    revision: int
    role: str
    published_at: datetime | None = None
    missing: int = 0
    is_withdrawn: bool = False
    is_loose: bool = False


class MarkPage(msgspec.Struct, frozen=True):
    """Some marks, in order."""

    marks: tuple[Mark, ...]


Directory = tuple[tuple[int, int], ...]
"""Number and size of each page, in the order of the entries."""


class _Page:
    """A page in work: read at the first look into it."""

    __slots__ = ("_index", "_key", "_marks", "_state", "is_changed", "number", "size")

    def __init__(self, state: State, key: str, number: int, size: int, marks: list[Mark] | None = None) -> None:
        self._state = state
        self._key = key
        self._marks = marks
        self._index: dict[str, int] | None = None
        self.number = number
        self.size = size
        self.is_changed = marks is not None

    @property
    def marks(self) -> list[Mark]:
        if self._marks is None:
            found = self._state.get(f"{self._key}{self.number}", MarkPage)
            self._marks = list(found.marks) if found else []
        return self._marks

    @property
    def index(self) -> dict[str, int]:
        if self._index is None:
            self._index = {mark.entry_id: at for at, mark in enumerate(self.marks)}
        return self._index

    def insert(self, at: int, marks: Sequence[Mark]) -> None:
        self.marks[at:at] = marks
        self.size = len(self.marks)
        self._index = None
        self.is_changed = True


class Marks:
    """All entries of an item, oldest first, while one update is decided. Nothing is written before `store`.

    key  of the pages, without their number
    """

    def __init__(self, state: State, key: str, directory: Directory) -> None:
        self._state = state
        self._key = key
        self._pages = [_Page(state, key, number, size) for number, size in directory]
        self._gone: list[int] = []
        self._homes: dict[str, _Page] = {}

    def __len__(self) -> int:
        """Number of entries."""
        return sum(page.size for page in self._pages)

    def __iter__(self) -> Iterator[Mark]:
        """Oldest first."""
        for page in self._pages:
            yield from page.marks

    def __reversed__(self) -> Iterator[Mark]:
        """Newest first: who needs only the newest reads only their page."""
        for page in reversed(self._pages):
            yield from reversed(page.marks)

    def _home(self, entry_id: str) -> _Page | None:
        """The page of an entry; the newest are looked into first."""
        page = self._homes.get(entry_id)
        if page is None:
            page = next((page for page in reversed(self._pages) if entry_id in page.index), None)
            if page is not None:
                self._homes[entry_id] = page
        return page

    def find(self, entry_id: str) -> Mark | None:
        """The mark of an entry. Looks into every page for one that is not there."""
        page = self._home(entry_id)
        return None if page is None else page.marks[page.index[entry_id]]

    def positions(self) -> dict[str, int]:
        """Every entry's place in the order, from 0."""
        for page in self._pages:
            self._homes.update(dict.fromkeys(page.index, page))
        return {mark.entry_id: at for at, mark in enumerate(self)}

    def position(self, entry_id: str) -> int:
        """An entry's place in the order. Raises KeyError."""
        home = self._home(entry_id)
        if home is None:
            raise KeyError(entry_id)
        before = 0
        for page in self._pages:
            if page is home:
                break
            before += page.size
        return before + home.index[entry_id]

    def replace(self, mark: Mark) -> None:
        """Change what is known of an entry. Raises KeyError."""
        page = self._home(mark.entry_id)
        if page is None:
            raise KeyError(mark.entry_id)
        at = page.index[mark.entry_id]
        if page.marks[at] != mark:
            page.marks[at] = mark
            page.is_changed = True

    def insert(self, fresh: Mapping[int, Sequence[Mark]]) -> None:
        """Put in new entries, each behind the present position given; -1 is the front."""
        for where in sorted(fresh, reverse=True):
            if not self._pages:
                self._pages.append(_Page(self._state, self._key, 0, 0, []))
            end = len(self)
            for page in reversed(self._pages):
                end -= page.size
                if end <= max(where, 0):
                    page.insert(where + 1 - end, fresh[where])
                    self._homes.update((mark.entry_id, page) for mark in fresh[where])
                    break

    def forget_beyond(self, most: int) -> list[Mark]:
        """Drop the oldest so that at most so many are left; those that went, oldest first."""
        surplus = len(self) - most
        gone: list[Mark] = []
        if surplus > 0:
            self._homes = {}
        while surplus > len(gone):
            page = self._pages[0]
            count = min(page.size, surplus - len(gone))
            gone += page.marks[:count]
            del page.marks[:count]
            page.insert(0, ())
            if not page.size:
                self._gone.append(self._pages.pop(0).number)
        return gone

    def store(self) -> Directory:
        """Write the pages that changed; returns the new directory."""
        for number in self._gone:
            self._state.put(f"{self._key}{number}", None)
        following = 1 + max((page.number for page in self._pages), default=-1)
        following = max([following, *(number + 1 for number in self._gone)])
        pages: list[_Page] = []
        for at, page in enumerate(self._pages):
            is_last = at == len(self._pages) - 1
            if page.size <= (PAGE if is_last else 2 * PAGE):
                pages.append(page)
                continue
            marks = page.marks
            for start in range(0, page.size, PAGE):
                number = following if start else page.number
                following += start > 0
                part = marks[start : start + PAGE]
                pages.append(_Page(self._state, self._key, number, len(part), part))
        for page in pages:
            if page.is_changed:
                self._state.put(f"{self._key}{page.number}", MarkPage(tuple(page.marks)))
        self._pages, self._gone, self._homes = pages, [], {}
        return tuple((page.number, page.size) for page in pages)
