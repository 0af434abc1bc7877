"""Media through which words came."""

from agents.statements.drafts import Draft
from agents.statements.lexicon import AUXILIARIES, MEDIA_HEADS, PREPOSITIONS, words
from agents.statements.phrases import Range
from agents.statements.tokens import Line

_FORMS = MEDIA_HEADS | {f"{head}'s" for head in MEDIA_HEADS}
_GATHERINGS = words("conference conferences briefing briefings call release releases office")


def is_media(line: Line, source: Range) -> bool:
    return not _FORMS.isdisjoint(line.low[slice(*source)])


def add_media(line: Line, draft: Draft, start: int, stop: int, *, is_hearer: bool) -> None:
    """Media through which the words came: "told the agency", "published by state TV", "quoted by a newspaper"."""
    low = line.low
    if _FORMS.isdisjoint(low[start : min(stop, start + 40)]):
        return
    for index in range(start, min(stop, start + 40)):
        if (
            line.quote[index] >= 0
            or low[index].removesuffix("'s") not in MEDIA_HEADS
            or low[index] in ("reporters", "journalists")
            or (low[index] in ("news", "press") and index + 1 < len(low) and low[index + 1] in _GATHERINGS)
        ):
            continue
        first = index
        while (
            first > start
            and line.is_word(first - 1)
            and low[first - 1] not in PREPOSITIONS
            and low[first - 1] not in AUXILIARIES
        ):
            first -= 1
        if not is_hearer and not (low[first - 1] in ("by", "to", "with", "on", "via") and first - 1 >= start):
            continue
        last = index + 1
        while last < stop and (low[last] in MEDIA_HEADS or (line.is_capital(last) and line.quote[last] < 0)):
            last += 1
        draft.via.append(((first, last), "media"))
        return
