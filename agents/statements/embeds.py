"""Posts of other people shown in an entry: who signed them, and where their words end."""

import re

from agents.statements.cues import CUES, Cue, verb_phrase_start
from agents.statements.drafts import Draft
from agents.statements.lexicon import (
    AUXILIARIES,
    BE,
    LABELS,
    MODALS,
    NEGATIONS,
    ORGANISATION_HEADS,
    PREPOSITIONS,
    STOP,
    TITLES,
    UNNAMED_HEADS,
    words,
)
from agents.statements.phrases import VENUES, subject_left
from agents.statements.tokens import Line

_SIGNATURE = re.compile(
    r"(?:^|(?<=\s))(?:—|–|-{1,2}|&mdash;)\s*(?P<who>[^()\n—–]{1,60}?\s*\(@\w{1,40}\))(?P<date>[^\n]{0,40})$"
)
_LINK = re.compile(r"https?://\S+|pic\.\S+|t\.co/\S+|[\w.-]+\.[a-z]{2,8}/\S+")
_ENTITY = r"&(?:quot|nbsp|amp|apos|[lr][sd]quo|[mn]dash|hellip|#\d{1,6}|#x[0-9a-f]{1,5});"
_ENTITIES_FIRST = re.compile(rf"(?:{_ENTITY}|\s)+", re.IGNORECASE)
_ENTITIES_LAST = re.compile(rf"(?:{_ENTITY[:-1]});?\s*$", re.IGNORECASE)
_PRESENTED = Cue(":", "past")
_ISSUE = words("issued released published posted sent made gave shared")
_PRESENTS = words("this more and here also from by just in is reaction response meanwhile 's now")
_LONGEST_LINK = 120
_LONGEST_SIGNATURE = 180
_MOST_WORDS = 14
_MIN_CONTENT = 4


def signature(text: str, start: int, end: int) -> tuple[int, int, int] | None:
    """Start of the dash, and the signer with the handle, where a paragraph ends in `— Name (@handle) date`."""
    if text.find("(@", start, end) < 0:
        return None
    start = max(start, end - _LONGEST_SIGNATURE)
    match = _SIGNATURE.search(text[start:end].rstrip())
    if match is None:
        return None
    return start + match.start(), start + match.start("who"), start + match.end("who")


def without_tail(text: str, start: int, end: int) -> tuple[int, int]:
    """The words of a post without links, picture marks and undecoded entities at the ends."""
    if text.find("&", start, end) >= 0:
        opening = _ENTITIES_FIRST.match(text, start, end)
        start = opening.end() if opening else start
        last = _ENTITIES_LAST.search(text[max(start, end - 12) : end])
        end = max(start, end - 12) + last.start() if last else end
    while text.find("/", max(start, end - _LONGEST_LINK), end) >= 0:
        first = max(start, end - _LONGEST_LINK)
        words_ = text[first:end].rstrip()
        blank = max(words_.rfind(" "), words_.rfind("\n"), words_.rfind("\xa0"))
        if blank < 0 or _LINK.fullmatch(words_, blank + 1) is None:
            break
        end = first + blank
    return start, end


def presented(line: Line, start: int, end: int) -> Draft | None:
    """Words that a colon presents without a verb of speech: `This from NAME on Telegram: "..."`.

    `NAME issued the following statement:` is one too, open where the words come in the next paragraph.
    """
    low = line.low
    colon = next((i for i in range(start, min(end, start + 40)) if low[i] == ":" or line.quote[i] >= 0), None)
    if colon is None or low[colon] != ":" or line.quote[colon] >= 0 or colon - start < 1:
        return None
    is_last = colon == end - 1
    if not is_last and not line.opens(colon + 1):
        return None
    issued = next((i for i in range(colon - 1, start, -1) if low[i] in _ISSUE), None)
    if issued is not None:
        draft = _issued(line, issued, colon, start)
    else:
        draft = None if is_last else _verbless(line, start, colon)
    if draft is None:
        return None
    if is_last:
        draft.is_open = True
        return draft
    stop = line.quote_end(colon + 1)
    content = sum(line.is_word(i) and low[i] not in STOP for i in range(colon + 1, stop))
    return draft if content >= _MIN_CONTENT and draft.add(colon + 1, stop) else None


def _issued(line: Line, verb: int, colon: int, start: int) -> Draft | None:
    first = verb_phrase_start(line.low, verb, start)
    group = line.low[first:verb]
    if any(w in BE or w in MODALS or w in NEGATIONS for w in group):
        return None
    if not any(line.low[i] in VENUES for i in range(verb + 1, colon)):
        return None
    source = subject_left(line, first, start)
    return None if source is None else Draft(line, CUES["said"], (verb, verb + 1), source)


def _verbless(line: Line, start: int, colon: int) -> Draft | None:
    low = line.low
    first = start
    while first < colon and (low[first] in _PRESENTS or low[first] == ","):
        first += 1
    stop = next((i for i in range(first + 1, colon) if low[i] in ("on", "in", "via", "to", "at")), colon)
    while stop > first and not line.is_word(stop - 1):
        stop -= 1
    if not 0 < stop - first <= _MOST_WORDS or not line.is_word(first):
        return None
    whole = low[first:colon]
    if any(w in AUXILIARIES or w in LABELS or (w in CUES and w not in UNNAMED_HEADS) for w in whole):
        return None
    if low[first] in PREPOSITIONS or not (line.is_capital(stop - 1) or low[stop - 1] in _HEADS):
        return None
    if (
        stop < colon
        and low[stop] != "on"
        and not any(w in VENUES or line.is_capital(i) for i, w in enumerate(low[stop:colon], stop))
    ):
        return None
    return Draft(line, _PRESENTED, (colon, colon + 1), (first, stop))


_HEADS = UNNAMED_HEADS | ORGANISATION_HEADS | TITLES
