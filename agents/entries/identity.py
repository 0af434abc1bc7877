"""Which entry a draft is: the identity ladder, and re-linking of entries whose words were their name."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from datetime import datetime

from rapidfuzz import fuzz

from agents.entries.draft import Draft, Identified
from agents.entries.marks import Mark
from agents.entries.permalink import is_url, permalink
from agents.text.folding import fold_phrase
from agents.text.normal import normal
from schemas import identity
from schemas.article import ArticleUpdate, IdentityRung

_FIRST = 200
"""Normalised characters that name an entry together with its time."""

_COMPARED = 2_000
_WINDOW = 8
_MOST = 200  # more new entries than this at once are another page, not edits
_SIMILAR = 62
_SIMILAR_AT_SAME_TIME = 45
LOOSE = (IdentityRung.TIME_AND_TEXT, IdentityRung.CONTENT)


def identify(draft: Draft, update: ArticleUpdate) -> Identified:
    """The first rung that exists: publisher's id, permalink, time and first words, content."""
    if draft.role != "post":
        rung = IdentityRung.PERMALINK if is_url(update.item) else IdentityRung.PUBLISHER_ID
        return Identified(draft, rung, f"{rung.value}:{draft.role}")
    if draft.id:
        rung, name = IdentityRung.PUBLISHER_ID, draft.id
    elif draft.url:
        rung, name = IdentityRung.PERMALINK, permalink(draft.url)
    elif draft.published_at is not None:
        rung, name = IdentityRung.TIME_AND_TEXT, f"{draft.published_at.isoformat()} {normal(draft.text)[:_FIRST]}"
    else:
        rung, name = IdentityRung.CONTENT, normal(draft.text) or draft.text
    return Identified(draft, rung, f"{rung.value}:{name}")


def default_story(update: ArticleUpdate, headline: str | None) -> str:
    """Story of an item at its first sight: configured, else the item's name, for files the headline.

    A file's name is chance: one page saved under two names is one story.
    """
    if update.story:
        return update.story
    if update.source == "file" and not is_url(update.item) and headline:
        folded = fold_phrase(headline).decode("ascii") or normal(headline)
        if folded:
            return identity.story_id(folded)
    return identity.story_id(update.item)


def relink(
    new: Sequence[tuple[int, Draft]],
    matched: dict[int, int],
    marks: Sequence[Mark],
    text_of: Callable[[str], str | None],
    *,
    is_complete: bool,
) -> dict[int, int]:
    """Positions in `marks` for drafts that are edits of entries without a name of their own.

    new      index and draft of those that no rung matched
    matched  index of a draft -> position of its mark, for all others
    Only entries between the same neighbours are compared; in a partial update, where absence says nothing, only
    those of the same time.
    """
    taken = set(matched.values())
    free = [
        position
        for position, mark in enumerate(marks)
        if position not in taken and mark.is_loose and not mark.is_withdrawn
    ]
    found: dict[int, int] = {}
    indexes = sorted(matched)
    texts: dict[int, str] = {}
    for index, draft in new[:_MOST]:
        candidates = [position for position in free if position not in taken]
        if is_complete:
            candidates = _between(candidates, index, indexes, matched, len(marks))
        else:
            time = draft.published_at
            candidates = [
                position for position in candidates if time is not None and marks[position].published_at == time
            ]
        best, best_score = None, 0.0
        text = normal(draft.text[:_COMPARED])
        for position in candidates[: 2 * _WINDOW]:
            if position not in texts:
                texts[position] = normal((text_of(marks[position].entry_id) or "")[:_COMPARED])
            score = _similarity(text, texts[position])
            if score >= _needed(draft.published_at, marks[position]) and score > best_score:
                best, best_score = position, score
        if best is not None:
            found[index] = best
            taken.add(best)
    return found


def _between(candidates: list[int], index: int, indexes: list[int], matched: dict[int, int], size: int) -> list[int]:
    """Candidates between the neighbours of a draft; without any neighbour, those at about its place."""
    at = bisect_left(indexes, index)
    before = matched[indexes[at - 1]] if at else -1
    after = matched[indexes[at]] if at < len(indexes) else size
    low, high = min(before, after), max(before, after)
    inside = [position for position in candidates if low < position < high]
    if len(inside) > 2 * _WINDOW:
        inside.sort(key=lambda position: abs(position - (before + index - (indexes[at - 1] if at else -1))))
    return inside


def _needed(published_at: datetime | None, mark: Mark) -> int:
    return _SIMILAR_AT_SAME_TIME if published_at is not None and published_at == mark.published_at else _SIMILAR


def _similarity(new: str, old: str) -> float:
    """0 to 100. An entry that grew or shrank at its end counts as similar."""
    if not new or not old:
        return 0.0
    shorter, longer = sorted((new, old), key=len)
    if len(shorter) >= 40 and longer.startswith(shorter):
        return 100.0
    return max(fuzz.ratio(new, old), fuzz.token_sort_ratio(new, old))
