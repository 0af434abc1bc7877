"""What is remembered of an item: order and marks of its entries, their last revisions, recent sentences."""

import struct
from collections.abc import Iterable
from datetime import datetime
from functools import cached_property, lru_cache

import msgspec

from agents.entries.marks import Directory, Mark, Marks
from agents.step import State
from schemas.article import ArticleUpdate, EntryRevision

MAX_ENTRIES = 4_000
"""Entries remembered per item; the longest real live blog seen has a tenth of it. Beyond, the oldest are forgotten."""

MAX_DIGESTS = 4_000
"""Sentences and paragraphs remembered per item, eight bytes each."""

_PAGE = 256
"""Digests of one page of sentences."""


class ItemMemory(msgspec.Struct, frozen=True):
    """An item: the story that its first sight fixed, and where its entries and sentences are found.

    sentences  serial numbers of the oldest that is remembered and of the next; number n stands on page n // 256
    """

    story: str
    title: str | None
    observed_at: datetime
    update_id: str
    pages: Directory = ()
    sentences: tuple[int, int] = (0, 0)
    horizon: datetime | None = None  # entries up to here may have been forgotten
    excluded: dict[str, int] = {}


class EntryMemory(msgspec.Struct, frozen=True):
    """The last revision of an entry, without what it changed; None while nothing was told of it."""

    last: EntryRevision | None


class Digests(msgspec.Struct, frozen=True):
    """64-bit digests, oldest first, packed."""

    packed: bytes = b""

    def values(self) -> list[int]:
        """The digests as numbers."""
        return list(struct.unpack(f">{len(self.packed) // 8}Q", self.packed))

    def added(self, values: list[int]) -> "Digests":
        """With these behind, each kept once, at most MAX_DIGESTS in all."""
        merged = list(dict.fromkeys((*self.values(), *values)))[-MAX_DIGESTS:]
        return Digests(struct.pack(f">{len(merged)}Q", *merged))


@lru_cache(maxsize=256)
def _set(packed: bytes) -> frozenset[int]:
    """The digests of a page, for look-ups: all pages but an item's last stay as they are."""
    return frozenset(struct.unpack(f">{len(packed) // 8}Q", packed))


class Sentences:
    """Digests of an item's recent sentences, in pages."""

    def __init__(self, state: State, key: str, first: int, following: int) -> None:
        self._state = state
        self._key = key
        self._first = first
        self._next = following
        self._new: dict[int, None] = {}

    def among(self, digests: Iterable[int]) -> set[int]:
        """Those of these that are remembered, or were learnt from this very update."""
        wanted = set(digests)
        found = wanted.intersection(self._new)
        for at, page in enumerate(self._pages):
            here = page & wanted
            if here and not at:
                here = here.intersection(self._oldest)
            found |= here
        return found

    @cached_property
    def _pages(self) -> list[frozenset[int]]:
        return [_set(self._packed(number)) for number in self._numbers]

    @cached_property
    def _oldest(self) -> list[int]:
        """Of the oldest page, what is not forgotten yet."""
        return Digests(self._packed(self._first // _PAGE)).values()[self._first % _PAGE :]

    @property
    def _numbers(self) -> range:
        return range(self._first // _PAGE, -(-self._next // _PAGE))

    def _packed(self, number: int) -> bytes:
        page = self._state.get(f"{self._key}{number}", Digests)
        return page.packed if page else b""

    def learn(self, digests: list[int]) -> None:
        """Remember sentences, each once."""
        known = self.among(digests)
        self._new.update(dict.fromkeys(digest for digest in digests if digest not in known))

    def store(self) -> tuple[int, int]:
        """Write the pages that changed and forget the oldest; serials of the oldest and of the next."""
        values = list(self._new)
        pages, first = self._numbers, self._first
        at = 0
        while at < len(values):
            number, size = divmod(self._next, _PAGE)
            part = values[at : at + _PAGE - size]
            packed = (self._packed(number) if size else b"") + struct.pack(f">{len(part)}Q", *part)
            self._state.put(f"{self._key}{number}", Digests(packed))
            self._next += len(part)
            at += len(part)
        self._first = max(first, self._next - MAX_DIGESTS)
        for number in range(pages.start, self._first // _PAGE):
            self._state.put(f"{self._key}{number}", None)
        self._new = {}
        return self._first, self._next


class Memory:
    """The state of one item: read where it is needed, written once and where it changed."""

    def __init__(self, state: State, update: ArticleUpdate) -> None:
        self._state = state
        self._key = f"{update.item}\x1f{update.source}\x1f"
        self.item = state.get(self._key + "item", ItemMemory)
        item = self.item
        self.marks = Marks(state, self._key + "marks\x1f", item.pages if item else ())
        self.sentences = Sentences(state, self._key + "sentence\x1f", *(item.sentences if item else (0, 0)))
        self._kept: dict[str, EntryRevision | None] = {}

    @cached_property
    def _known_paragraphs(self) -> Digests:
        return self._state.get(self._key + "paragraphs", Digests) or Digests()

    @cached_property
    def paragraphs(self) -> frozenset[int]:
        """Digests of the paragraphs that the page had before."""
        return frozenset(self._known_paragraphs.values())

    def knows(self, entry_id: str) -> bool:
        """Whether the item has this entry, told or not."""
        return entry_id in self._kept or self._state.get(self._entry_key(entry_id), EntryMemory) is not None

    def last(self, entry_id: str) -> EntryRevision | None:
        """Last revision of an entry, without what it changed."""
        if entry_id in self._kept:
            kept = self._kept[entry_id]
            return None if kept is None else _bare(kept)
        found = self._state.get(self._entry_key(entry_id), EntryMemory)
        return found.last if found else None

    def last_text(self, entry_id: str) -> str | None:
        """Text of an entry's last revision."""
        found = self.last(entry_id)
        return found.text if found else None

    def keep(self, revision: EntryRevision) -> None:
        """Remember a revision as the entry's last."""
        self._kept[revision.entry_id] = revision

    def meet(self, entry_id: str) -> None:
        """Remember that the entry is there, though nothing was told of it yet."""
        self._kept.setdefault(entry_id, None)

    def store(self, item: ItemMemory, paragraphs: list[int]) -> None:
        """Write what changed, and forget the oldest entries beyond the bound."""
        forgotten = self.marks.forget_beyond(MAX_ENTRIES)
        if forgotten:
            times = [mark.published_at for mark in forgotten if mark.published_at]
            horizon = max([*times, *([item.horizon] if item.horizon else [])], default=None)
            item = msgspec.structs.replace(item, horizon=horizon)
        for entry_id, revision in self._kept.items():
            self._state.put(self._entry_key(entry_id), EntryMemory(None if revision is None else _bare(revision)))
        for mark in forgotten:
            self._state.put(self._entry_key(mark.entry_id), None)
        item = msgspec.structs.replace(item, pages=self.marks.store(), sentences=self.sentences.store())
        if item != self.item:
            self._state.put(self._key + "item", item)
        if paragraphs and (changed := self._known_paragraphs.added(paragraphs)) != self._known_paragraphs:
            self._state.put(self._key + "paragraphs", changed)

    def _entry_key(self, entry_id: str) -> str:
        return f"{self._key}entry\x1f{entry_id}"


def _bare(revision: EntryRevision) -> EntryRevision:
    return msgspec.structs.replace(revision, previous_text=None, added=(), removed=(), excluded={})


__all__ = ["MAX_ENTRIES", "Mark", "Memory"]
