"""What a sentence says about the time of the saying itself."""

from agents.statements.drafts import Draft
from agents.statements.lexicon import words
from agents.statements.tokens import Line

_AGAIN = words("again reiterated reiterates reiterating repeated repeats repeating once-more")
_PAST_UNITS = words("years decades months")
_DATES = _PAST_UNITS | {"in", "last"}


def is_reiterated(line: Line, draft: Draft) -> bool:
    """Whether the cue tells a new act with old words: "repeated", "said again"."""
    if draft.cue_range is None:
        return False
    first, stop = draft.cue_range
    return any(line.low[i] in _AGAIN for i in range(max(0, first - 1), min(len(line), stop + 1)) if line.quote[i] < 0)


def is_archival(line: Line, draft: Draft) -> bool:
    """Whether the words beside the cue date the saying back: "in 2018", "years ago", "last year".

    The extractor knows no date: a year may be the current one, which is for the caller to compare.
    """
    if draft.cue_range is None:
        return False
    cue = draft.cue_range[0]
    low = line.low
    first = max(0, cue - 14)
    places = [i for i, word in enumerate(low[first : min(len(line) - 1, cue + 14)], first) if word in _DATES]
    if not places:
        return False
    content = {i for a, b in draft.pieces for i in range(a, b)}
    for index in places:
        if index in content or line.quote[index] >= 0:
            continue
        word, following = low[index], low[index + 1]
        if index + 1 in content:
            continue
        if word == "in" and len(following) == 4 and following.isdigit() and following[:2] in ("19", "20"):
            return True
        if (word in _PAST_UNITS and following == "ago") or (word == "last" and following == "year"):
            return True
    return False
