"""The asserted cues of a sentence, and the ways of saying nothing."""

from itertools import compress

from agents.statements.cues import CUES, PHRASE_HEADS, REAL_BEFORE_TO, Cue, cue_at, is_realised, verb_phrase_start
from agents.statements.drafts import ACCORDING, Draft, Verb
from agents.statements.lexicon import CONJUNCTIONS, DETERMINERS, NEGATIONS, PERSONAL, PREPOSITIONS, words
from agents.statements.phrases import is_own_voice, subject_left
from agents.statements.tokens import Line

_DECLINED = Cue("decline to comment", "past")


_PRONOUN_LIKE = words("this that both all some many each another")


_OBJECTS = words("outline describe detail report claim state note plan hope fear view promise threaten charge question")
"""Verbs whose "-s" form before "of" is a plural noun: "the broad outlines of a deal"."""
_AFTER_SILENCE = CONJUNCTIONS - words("or nor that whether than")


_SILENCE = words("comment respond reply reached")
TRIGGERS = frozenset({*CUES, *PHRASE_HEADS, *_SILENCE})
"""Words without which a sentence has neither a cue nor a way of saying nothing."""


def verbs_of(line: Line, start: int, end: int) -> tuple[list[Verb], list[Draft]]:
    low, quote = line.low, line.quote
    verbs: list[Verb] = []
    silent: list[Draft] = []
    behind = start
    for index in compress(range(start, end), map(TRIGGERS.__contains__, low[start:end])):
        if index < behind or quote[index] >= 0:
            continue
        word = low[index]
        if word in CUES or word in PHRASE_HEADS:
            if word == "according" and index + 1 < end and low[index + 1] == "to":
                verbs.append(Verb(ACCORDING, index, index, index + 2))
                behind = index + 2
                continue
            verb = verb_at(line, index, start, end)
            if verb is not None:
                verbs.append(verb)
                behind = verb.stop
                continue
        if word in _SILENCE:
            draft = _no_comment(line, index, start, end)
            if draft is not None:
                silent.append(draft)
    return verbs, silent


def verb_at(line: Line, index: int, start: int, end: int) -> Verb | None:
    """The asserted cue at a token of the sentence line[start:end], or None: no cue there, or nothing said."""
    low = line.low
    found = cue_at(low, index)
    if found is None or found[1] > end:
        return None
    cue, stop = found
    if cue.form == "ing" and index > start and low[index - 1] == "as":
        return Verb(cue, index, index, stop) if quoted_before(line, index, start) is not None else None
    if line.is_capital(index) and index > start and cue.form in ("base", "third") and cue.is_weak:
        return None
    first = _through_infinitive(low, verb_phrase_start(low, index, start), start)
    if first >= 0 and first < index and cue.form == "base" and low[index - 1] == "to":
        cue = cue._replace(form="past")
    if first < 0 or not is_realised(low, first, index, cue, start):
        return None
    before = low[first - 1] if first > start else ""
    if first == index and before in DETERMINERS and (cue.is_weak or before not in _PRONOUN_LIKE):
        return None
    if first == index and before in PREPOSITIONS and before not in ("by", "in", "after", "before"):
        return None
    if cue.form in ("base", "third") and before.endswith("'s"):
        return None
    if cue.form in ("base", "third") and cue.lemma in _OBJECTS and low[stop : min(stop + 1, end)] == ["of"]:
        return None
    if (
        cue.form == "past"
        and first == index
        and before.endswith("'s")
        and before[:-2] not in PERSONAL
        and cue.is_belief
    ):
        return None  # "the group's wanted list"
    if cue.form == "past" and first == index and before in ("be", "being", "get", "got"):
        return None
    following = low[stop] if stop < end else ""
    if cue.is_belief and cue.form == "past" and first == index and before == "," and (
        following == "to" or following in PREPOSITIONS
    ):  # fmt: skip
        return None  # "the vote, expected at noon"
    if cue.lemma == "accuse" and following == "of":
        return None
    if following == "by" and cue.form == "past":
        return None
    return Verb(cue, first, index, stop)


def quoted_before(line: Line, index: int, start: int) -> int | None:
    """Place of "quoted" in `quoted ... as saying`."""
    for place in range(index - 2, max(start, index - 16) - 1, -1):
        if (
            line.low[place] in ("quoted", "cited", "reported", "heard", "quotes", "quoting", "cites", "quote", "cite")
            and line.quote[place] < 0
        ):
            return place
    return None


def _through_infinitive(low: list[str], first: int, start: int) -> int:
    """`went on to say`: the verb group starts at "went". -1 where a verb that makes nothing real governs "to"."""
    if first <= start or low[first - 1] != "to":
        return first
    head = first - 2
    if head > start and low[head] == "on":
        head -= 1
    if head < start or low[head] not in REAL_BEFORE_TO:
        return -1
    return verb_phrase_start(low, head, start)


def _no_comment(line: Line, index: int, start: int, end: int) -> Draft | None:
    """`declined to comment`, `did not respond to a request for comment`, `would not comment`."""
    low = line.low
    word = low[index]
    head = -1
    if word == "comment":
        for place in range(max(start, index - 4), index):
            if low[place] in ("declined", "declines", "refused", "declining", "refuses"):
                head = place
        if head < 0 and low[index - 1 : index] and low[index - 1] in NEGATIONS:
            head = index - 1
        if (
            head < 0
            and index - 1 >= start
            and low[index - 1] == "no"
            and index - 2 >= start
            and low[index - 2] == "had"
        ):
            head = index - 2
    elif word in ("respond", "reply"):
        window = low[index : min(end, index + 14)]
        if "comment" in window and any(w in NEGATIONS for w in low[max(start, index - 3) : index]):
            head = index
    elif "comment" in low[index : min(end, index + 5)] and any(
        w in NEGATIONS for w in low[max(start, index - 3) : index]
    ):
        head = index
    if head < 0:
        return None
    first = verb_phrase_start(low, head, start)
    subject = subject_left(line, first, start)
    if subject is None or is_own_voice(line, subject):
        return None
    draft = Draft(line, _DECLINED, (head, head + 1), subject)
    draft.kind = "no_comment"
    begin = head + 1 if head < index else head
    if word in ("respond", "reply") and low[index + 1 : index + 2] == ["to"]:
        begin = index + 2
    stop = max(index, begin)
    while stop < end and low[stop] not in (",", ";", ".") and not (stop > index and low[stop] in _AFTER_SILENCE):
        stop += 1
    return draft if draft.add(begin, stop) else None
