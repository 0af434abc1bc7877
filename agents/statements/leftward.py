"""Content left of its cue: `"...", said NAME`, `..., NAME said`, `..., NAME said, ...`."""

from agents.statements import clauses
from agents.statements.cues import CUES, verb_phrase_start
from agents.statements.drafts import Draft, Verb
from agents.statements.lexicon import (
    AUXILIARIES,
    BE,
    DETERMINERS,
    PERSONAL,
    PREPOSITIONS,
    SUBORDINATORS,
    UNNAMED_HEADS,
    words,
)
from agents.statements.media import add_media, is_media
from agents.statements.phrases import Range, is_adjunct, is_own_voice, subject_left, subject_right
from agents.statements.rightward import is_plural, is_tale
from agents.statements.tokens import Line
from agents.statements.verbs import quoted_before

_QUANTIFIERS = words("at about around over under between up nearly roughly")
_AMOUNTS = words("least most half two three four five six seven eight nine ten twenty hundred hundreds thousands a to")


def skip_lead(line: Line, start: int, end: int) -> int:
    while start < end and line.low[start] in ("and", "but") and line.quote[start] < 0:
        start += 1
    return start


def leftward(line: Line, verb: Verb, start: int, end: int) -> Draft | None:
    """Content left of the cue: `"...", said NAME`, `..., NAME said`."""
    low = line.low
    if verb.cue.form == "ing" and verb.index > start and low[verb.index - 1] == "as":
        return _quoted_as_saying(line, verb, start, end)
    if verb.cue.form == "ing" and not line.quote[verb.start - 1] >= 0:
        return None
    index = verb.index
    if index > start and verb.start == index and verb.cue.inverts and verb.cue.form != "base":
        is_quoted = line.quote[index - 1] >= 0
        if is_quoted or (low[index - 1] in (",", "—", "–", "--") and index - start >= 3):
            source = subject_right(line, verb.stop, end)
            if source is not None and index - start >= 2 and _is_unfinished(low[index - 2]):
                comma = next((i for i in range(source[0] + 1, source[1]) if low[i] == ","), source[1])
                source = (source[0], comma)  # "It was, said Name, a disaster"
            is_sure = not verb.cue.is_weak or any(line.quote[i] >= 0 for i in range(start, index))
            is_whole = source is not None and (
                is_quoted or (_is_tail(line, source[1], end) and _is_speaker_like(line, source))
            )
            if source is not None and is_sure and is_whole and not is_own_voice(line, source):
                draft = Draft(line, verb.cue, (index, verb.stop), source)
                return _with_left(draft, start, index, source[1], end)
    if verb.start <= start:
        return None
    if low[index - 1] in ("”", '"') and line.quote[index - 1] < 0 and verb.start == index:
        return _from_stray_mark(line, verb, start, end)
    source = subject_left(line, verb.start, start)
    if source is None or source[0] <= start or is_own_voice(line, source) or low[source[0]] in ("who", "which", "that"):
        return None
    if verb.cue.form == "base" and not is_plural(line, source):
        return None
    is_report = (
        verb.cue.lemma == "report"
        and verb.cue.form == "third"
        and is_media(line, source)
        and (verb.stop >= end or low[verb.stop] in (".", ";"))
    )
    if verb.cue.is_weak and not is_report and not any(line.quote[i] >= 0 for i in range(start, source[0])):
        return None
    before = _phrase_edge(line, source[0], start)
    if before <= start or not (line.quote[before - 1] >= 0 or low[before - 1] in (",", "—", "–", "--", ";")):
        return None
    is_quoted = line.quote[before - 1] >= 0
    after = verb.stop
    is_parenthetical = after < end and low[after] == ","
    if verb.cue.lemma == "tell" and not is_quoted and is_tale(line, after, end):
        return None
    if verb.cue.lemma == "tell" and not is_quoted and (after >= end or low[after] in clauses.EDGE):
        return None  # "..., court told": the hearer alone
    if verb.cue.lemma == "tell" and not is_quoted and not is_parenthetical:
        comma = next((i for i in range(after, min(end, after + 14)) if low[i] == ","), end)
        if after < comma < end - 1 and _is_hearer(line, after, comma):
            after, is_parenthetical = comma, True
    is_setting = not is_quoted and _is_setting(line, start, before - 1)
    if is_parenthetical and is_setting and not _resumes(line, after + 1, end):
        return None
    if is_quoted and _is_title(line, before - 1):
        return None
    is_end = clauses.is_clause_end(line, after, end) or (verb.cue.lemma == "tell" and _is_hearer(line, after, end))
    is_broken_off = is_quoted and line.raw[before - 2] in ",?!…—" and not clauses.is_work(line, before - 1)
    if not (is_parenthetical or is_end or is_broken_off):
        return None
    if is_setting and not is_parenthetical and not any(line.quote[i] >= 0 for i in range(start, before)):
        return None
    draft = Draft(line, verb.cue, (index, verb.stop), source)
    return _with_left(draft, start, before, after, end)


def _quoted_as_saying(line: Line, verb: Verb, start: int, end: int) -> Draft | None:
    """`"...," NAME was quoted as saying by the agency`."""
    quoted = quoted_before(line, verb.index, start)
    if quoted is None:
        return None
    first = verb_phrase_start(line.low, quoted, start)
    source = subject_left(line, first, start) if any(line.low[i] in BE for i in range(first, quoted)) else None
    if source is None or source[0] <= start or line.quote[source[0] - 1] < 0:
        return None
    return _with_left(Draft(line, verb.cue, (verb.index, verb.stop), source), start, source[0], verb.stop, end)


def _is_unfinished(word: str) -> bool:
    """Whether a clause cannot end with the word, so that it goes on behind the attribution."""
    return word in AUXILIARIES or word in DETERMINERS - {"that", "this"} or word in PREPOSITIONS


def _is_speaker_like(line: Line, source: Range) -> bool:
    """Whether the phrase behind an inverted cue has a name, an article or a pronoun ("said Name", not "says more")."""
    return line.low[source[0]] in DETERMINERS | PERSONAL or any(
        line.is_capital(i) or line.low[i] in UNNAMED_HEADS for i in range(*source)
    )


def _from_stray_mark(line: Line, verb: Verb, start: int, end: int) -> Draft | None:
    """`It is over," said Name.`: the opening mark is missing; the words from the start of the sentence are quoted."""
    source = subject_right(line, verb.stop, end) if verb.cue.inverts and verb.cue.form != "base" else None
    if source is None or is_own_voice(line, source) or any(line.quote[i] >= 0 for i in range(start, verb.index)):
        return None
    draft = Draft(line, verb.cue, (verb.index, verb.stop), source)
    draft.kind = "direct"
    return draft if draft.add(start, verb.index) else None


def _is_title(line: Line, last: int) -> bool:
    """A quoted work before the subject (`On "The Show," Name said that`): short, after a preposition."""
    first = line.quote_start(last)
    return first > 0 and last - first <= 8 and line.low[first - 1] in ("on", "of", "in", "s", "the")


def _is_hearer(line: Line, index: int, end: int) -> bool:
    """Whether only a hearer and an adjunct are left: `..., she told the paper on Monday`."""
    return end - index <= 14 and not any(
        line.quote[i] >= 0 or line.low[i] in AUXILIARIES or line.low[i] in ("that", ":", ",", "he", "she", "they")
        for i in range(index, end)
    )


def _resumes(line: Line, index: int, end: int) -> bool:
    """`On most days, they said, she stayed`: the claim goes on behind the attribution."""
    if index >= end - 1 or line.quote[index] >= 0:
        return False
    word = line.low[index]
    return not (word in CUES and CUES[word].form == "ing") and word not in ("that", "and", "but") and not (
        is_adjunct(line, index, end)
    )  # fmt: skip


def _phrase_edge(line: Line, index: int, start: int) -> int:
    """Where the phrase of a subject begins, with the adverbs and conjunctions that were stripped from it."""
    while index > start and line.is_word(index - 1) and line.quote[index - 1] < 0:
        index -= 1
    return index


def _is_tail(line: Line, index: int, end: int) -> bool:
    return index >= end or line.low[index] in clauses.EDGE or is_adjunct(line, index, end)


def _is_setting(line: Line, start: int, end: int) -> bool:
    """Whether line[start:end] is a phrase or clause that sets the scene, not a claim: "On Monday", "Asked about it"."""
    word = line.low[start]
    if line.quote[start] >= 0:
        return False
    if word in SUBORDINATORS or word in ("asked", "speaking", "writing", "talking"):
        return True
    if end - start <= 3:
        return True
    if word in _QUANTIFIERS and (line.low[start + 1] in _AMOUNTS or line.low[start + 1][0].isdigit()):
        return False
    if word in PREPOSITIONS or word.endswith(("ing", "ly")):
        return (
            not any(line.low[i] in AUXILIARIES or line.low[i] in PERSONAL for i in range(start, end)) or end - start < 9
        )
    return False


def _with_left(draft: Draft, start: int, left_end: int, after: int, end: int) -> Draft | None:
    line = draft.line
    begin = skip_lead(line, start, left_end)
    if not draft.add(begin, left_end):
        return None
    had_quote = any(line.quote[i] >= 0 for i in range(begin, left_end))
    beyond = next((i for i in range(after, end) if line.quote[i] >= 0 or line.low[i] == ","), end)
    add_media(line, draft, after, beyond, is_hearer=draft.cue is not None and draft.cue.has_object)
    place = after
    while place < end and line.quote[place] < 0:
        place += 1
    if had_quote and place < end:
        if _only_joint(line, after, place):
            draft.add(place, _last_quoted(line, place, end))
    elif not had_quote and after < end - 2 and line.low[after] == ",":
        following = line.low[after + 1]
        is_participle = following in CUES and CUES[following].form == "ing"
        if not is_participle and not is_adjunct(line, after + 1, end):
            draft.add(after + 1, clauses.content_end(line, after + 1, end))
    return draft


def _only_joint(line: Line, start: int, end: int) -> bool:
    """Whether nothing but the end of the attribution and an adjunct stands between two quoted pieces."""
    return not any(
        line.low[i] in CUES and not CUES[line.low[i]].is_belief and line.quote[i] < 0 for i in range(start, end)
    )


def _last_quoted(line: Line, start: int, end: int) -> int:
    stop = end
    while stop > start and line.quote[stop - 1] < 0:
        stop -= 1
    return stop
