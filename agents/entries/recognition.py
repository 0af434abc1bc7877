"""Drafts to entry ids, and new entries to their place in the item's order."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

import xxhash

from agents.entries.canonical import canonical
from agents.entries.draft import Draft, Identified
from agents.entries.identity import LOOSE, identify, relink
from agents.entries.marks import Mark, Marks
from agents.entries.memory import Memory
from schemas import identity
from schemas.article import ArticleUpdate


class Seen(NamedTuple):
    """A draft that is a known entry, or will be one."""

    found: Identified
    entry_id: str


def digest_of(draft: Draft) -> int:
    """Equal for drafts that are one revision."""
    return xxhash.xxh3_64_intdigest(canonical(draft.body).encode("utf-8", "surrogatepass"))


def recognise(drafts: Sequence[Draft], update: ArticleUpdate, memory: Memory) -> list[Seen]:
    """Each draft with its entry id: known ones by name or words, edits by similarity, the rest new.

    Unknown drafts up to the item's horizon may be entries that were forgotten, and are left out.
    """
    found = [identify(draft, update) for draft in drafts]
    ids = [identity.entry_id(update.source, update.item, one.identity) for one in found]
    horizon = memory.item.horizon if memory.item else None
    if any(one.rung in LOOSE for one in found):
        seen = _by_words(found, ids, update, memory, horizon)
    else:  # names are enough, whatever else the item has
        seen = [
            Seen(one, entry_id)
            for one, entry_id in zip(found, ids, strict=True)
            if not _is_forgotten(one.draft, horizon) or memory.knows(entry_id)
        ]
    return _without_copies(seen) if update.is_complete else seen


def _by_words(
    found: Sequence[Identified], ids: Sequence[str], update: ArticleUpdate, memory: Memory, horizon: datetime | None
) -> list[Seen]:
    """The same where some drafts have no name but their words."""
    marks = list(memory.marks)
    by_id = memory.marks.positions()
    matched = _match(found, ids, by_id, marks)
    new = [
        (index, one.draft)
        for index, one in enumerate(found)
        if index not in matched and one.rung in LOOSE and ids[index] not in by_id
    ]
    if new and marks:
        matched |= relink(new, matched, marks, memory.last_text, is_complete=update.is_complete)
    seen: list[Seen] = []
    named: set[str] = set()
    for index, one in enumerate(found):
        is_copy = one.rung in LOOSE and (ids[index] in named or ids[index] in by_id)
        if index in matched:
            seen.append(Seen(one, marks[matched[index]].entry_id))
        elif not is_copy and not _is_forgotten(one.draft, horizon):
            seen.append(Seen(one, ids[index]))
        named.add(ids[index])
    return seen


def _match(
    found: Sequence[Identified], ids: Sequence[str], by_id: dict[str, int], marks: Sequence[Mark]
) -> dict[int, int]:
    """Drafts to positions in `marks`: by present words first, for an edit changed the words that named the entry."""
    by_digest = {mark.digest: position for position, mark in enumerate(marks) if mark.is_loose}
    matched: dict[int, int] = {}
    taken: set[int] = set()
    for index, one in enumerate(found):
        position = by_digest.get(digest_of(one.draft)) if one.rung in LOOSE else None
        if position is not None and position not in taken:
            matched[index] = position
            taken.add(position)
    for index, one in enumerate(found):
        position = by_id.get(ids[index])
        if index not in matched and position is not None and (position not in taken or one.rung not in LOOSE):
            matched[index] = position
            taken.add(position)
    return matched


def _is_forgotten(draft: Draft, horizon: datetime | None) -> bool:
    return horizon is not None and draft.published_at is not None and draft.published_at <= horizon


def _without_copies(seen: Iterable[Seen]) -> list[Seen]:
    """One draft an entry: a page may show a post twice, once pinned and perhaps cut short."""
    best: dict[str, Seen] = {}
    for one in seen:
        other = best.get(one.entry_id)
        if other is None or _freshness(one) > _freshness(other):
            best[one.entry_id] = one
    return list(best.values())


def _freshness(seen: Seen) -> tuple[float, int]:
    draft = seen.found.draft
    return (draft.modified_at.timestamp() if draft.modified_at else 0.0, len(draft.text))


def place(seen: Sequence[Seen], memory: Memory, *, is_complete: bool) -> set[str]:
    """Put new entries where the update shows them (revision 0: nothing was told of them yet); their ids."""
    marks = memory.marks
    positions = marks.positions() if is_complete else {}
    fresh: dict[int, list[Mark]] = {}  # behind which known position
    ids: set[str] = set()
    # What stands before all known ones goes before the first of them that is shown; without any, to the end.
    anchor = next((positions[one.entry_id] for one in seen if one.entry_id in positions), len(marks)) - 1
    for one in seen:
        draft = one.found.draft
        is_loose = one.found.rung in LOOSE
        if is_complete and one.entry_id in positions:
            anchor = positions[one.entry_id]
        elif one.entry_id in ids or (not is_complete and memory.knows(one.entry_id)):
            continue
        elif draft.paragraphs or not is_loose:
            where = anchor if is_complete else _by_date(draft.published_at, marks)
            mark = Mark(one.entry_id, 0, 0, draft.role, draft.published_at, is_loose=is_loose)
            fresh.setdefault(where, []).append(mark)
            ids.add(one.entry_id)
            positions[one.entry_id] = where
    marks.insert(fresh)
    for entry_id in ids:
        memory.meet(entry_id)
    return ids


def _by_date(published_at: datetime | None, marks: Marks) -> int:
    """Position behind which an entry of a partial update belongs."""
    position = len(marks) - 1
    if published_at is None:
        return position
    for mark in reversed(marks):
        if mark.published_at is None or mark.published_at <= published_at:
            break
        position -= 1
    return position
