"""What is remembered of an item: order and marks of its entries, their last revisions, recent sentences."""

import struct
from datetime import datetime

import msgspec

from agents.step import State
from schemas.article import ArticleUpdate, EntryRevision

MAX_ENTRIES = 4_000
"""Entries remembered per item; the longest real live blog seen has a tenth of it. Beyond, the oldest are forgotten."""

MAX_DIGESTS = 4_000
"""Sentences and paragraphs remembered per item, eight bytes each."""


class Mark(msgspec.Struct, frozen=True):
    """One entry as the item remembers it.

    digest    of the canonical text: equal digest, no revision
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


class ItemMemory(msgspec.Struct, frozen=True):
    """An item: the story that its first sight fixed, and its entries oldest first."""

    story: str
    title: str | None
    marks: tuple[Mark, ...]
    observed_at: datetime
    update_id: str
    horizon: datetime | None = None  # entries up to here may have been forgotten
    excluded: dict[str, int] = {}


class EntryMemory(msgspec.Struct, frozen=True):
    """The last revision of an entry, without what it changed."""

    last: EntryRevision


class Digests(msgspec.Struct, frozen=True):
    """Recent 64-bit digests, oldest first, packed."""

    packed: bytes = b""

    def values(self) -> list[int]:
        """The digests as numbers."""
        return list(struct.unpack(f">{len(self.packed) // 8}Q", self.packed))

    def added(self, values: list[int]) -> "Digests":
        """With these behind, each kept once, at most MAX_DIGESTS in all."""
        merged = list(dict.fromkeys((*self.values(), *values)))[-MAX_DIGESTS:]
        return Digests(struct.pack(f">{len(merged)}Q", *merged))


class Memory:
    """The state of one item, read once and written where it changed."""

    def __init__(self, state: State, update: ArticleUpdate) -> None:
        self._state = state
        self._key = f"{update.item}\x1f{update.source}\x1f"
        self.item = state.get(self._key + "item", ItemMemory)
        self._sentences = state.get(self._key + "sentences", Digests) or Digests()
        self._paragraphs = state.get(self._key + "paragraphs", Digests) or Digests()
        self.sentences = set(self._sentences.values())
        self.paragraphs = frozenset(self._paragraphs.values())
        self._new_sentences: list[int] = []

    def last(self, entry_id: str) -> EntryRevision | None:
        """Last revision of an entry."""
        found = self._state.get(self._entry_key(entry_id), EntryMemory)
        return found.last if found else None

    def last_text(self, entry_id: str) -> str | None:
        """Text of an entry's last revision."""
        found = self.last(entry_id)
        return found.text if found else None

    def keep(self, revision: EntryRevision) -> None:
        """Remember a revision as the entry's last."""
        last = msgspec.structs.replace(revision, previous_text=None, added=(), removed=(), excluded={})
        self._state.put(self._entry_key(revision.entry_id), EntryMemory(last))

    def learn(self, digests: list[int]) -> None:
        """Remember sentences, for later recaps."""
        self.sentences.update(digests)
        self._new_sentences += digests

    def store(self, item: ItemMemory, paragraphs: list[int]) -> None:
        """Write what changed, and forget the oldest entries beyond the bound."""
        surplus = len(item.marks) - MAX_ENTRIES
        if surplus > 0:
            forgotten = item.marks[:surplus]
            for mark in forgotten:
                self._state.put(self._entry_key(mark.entry_id), None)
            times = [mark.published_at for mark in forgotten if mark.published_at]
            horizon = max([*times, *([item.horizon] if item.horizon else [])], default=None)
            item = msgspec.structs.replace(item, marks=item.marks[surplus:], horizon=horizon)
        if item != self.item:
            self._state.put(self._key + "item", item)
        self._put("sentences", self._sentences, self._new_sentences)
        self._put("paragraphs", self._paragraphs, paragraphs)

    def _put(self, name: str, digests: Digests, new: list[int]) -> None:
        if new and (changed := digests.added(new)) != digests:
            self._state.put(self._key + name, changed)

    def _entry_key(self, entry_id: str) -> str:
        return f"{self._key}entry\x1f{entry_id}"
