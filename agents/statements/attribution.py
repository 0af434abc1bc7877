"""Who said what in one sentence: every cue with its source and its content."""

from agents.statements import clauses
from agents.statements.drafts import ACCORDING, Draft, Verb
from agents.statements.leftward import leftward, skip_lead
from agents.statements.lexicon import AUXILIARIES, DETERMINERS, words
from agents.statements.media import is_media
from agents.statements.phrases import Range, is_adjunct, subject_right
from agents.statements.rightward import rightward, shared
from agents.statements.tokens import Line
from agents.statements.verbs import verbs_of

_BYLINES = words("write report")


def analyse(line: Line, start: int, end: int) -> list[Draft]:
    """Statements of the sentence line[start:end], by place of their content."""
    verbs, silent = verbs_of(line, start, end)
    drafts = list(silent)
    if not verbs:
        return drafts
    if verbs[0].cue is ACCORDING and verbs[0].index == start:
        opened = _according_first(line, start, end)
        if opened is not None:
            return [*drafts, opened]
    for place in range(len(verbs) - 1, -1, -1):
        verb = verbs[place]
        if verb.cue is ACCORDING:
            aside = _aside(line, verb, verbs[place + 1 :], start, end)
            if aside is not None:
                return drafts + aside
            found = _according_last(line, verb, verbs[:place], start, end)
            if found:
                rest = rightward(line, verbs[place + 1 :], verb.stop, end)
                return drafts + found + rest
            continue
        if _is_byline(line, verb, start):
            return drafts + rightward(line, verbs[:place], start, verb.index - 1)
        left = leftward(line, verb, start, end)
        if left is not None:
            if left.source is not None and is_media(line, left.source):
                carried = _carried(line, verbs[:place], start, left.pieces[0][1])
                for draft in carried:
                    draft.via.append((left.source, "media"))
                if carried:
                    return drafts + carried
            after = left.pieces[-1][1] if left.pieces else verb.stop
            later = [v for v in verbs[place + 1 :] if v.index >= after]
            return [*drafts, left, *shared(line, later, end, left)]
    return drafts + rightward(line, verbs, start, end)


def _is_byline(line: Line, verb: Verb, start: int) -> bool:
    """`..., writes Name`: the paper's own reporter, not a source."""
    if verb.cue.lemma not in _BYLINES or verb.start != verb.index or verb.cue.form != "third":
        return False
    index = verb.index
    return index - 1 > start and line.low[index - 1] in (",", "—", "–", "--") and index + 1 < len(line) and (
        line.is_capital(verb.stop) or line.low[verb.stop] == "our"
    )  # fmt: skip


def _according_first(line: Line, start: int, end: int) -> Draft | None:
    """`According to NAME, content`."""
    low = line.low
    comma = start + 2
    while comma < end and not (low[comma] == "," and line.quote[comma] < 0):
        comma += 1
    if comma >= end - 1:
        draft = Draft(line, ACCORDING, (start, start + 2), (start + 2, end - 1))
        draft.is_open = line.low[end - 1] == ":" and end - start > 3
        return draft if draft.is_open else None
    following = low[comma + 1]
    if following in ("a", "an", "the", "who", "which") and line.is_capital(comma - 1):
        second = next((i for i in range(comma + 1, min(end, comma + 14)) if low[i] == "," and line.quote[i] < 0), None)
        if second is not None and second < end - 2 and not any(w in AUXILIARIES for w in low[comma + 1 : second]):
            comma = second
    draft = Draft(line, ACCORDING, (start, start + 2), (start + 2, comma))
    return draft if draft.add(comma + 1, clauses.content_end(line, comma + 1, end)) else None


def _according_last(line: Line, verb: Verb, inner: list[Verb], start: int, end: int) -> list[Draft]:
    """`content, according to NAME`; where the content is itself a statement, the name is the way it came."""
    source = subject_right(line, verb.stop, end)
    if source is None or verb.index <= start:
        return []
    left = verb.index
    source = _before_resumption(line, source, start, left, end)
    reported = _carried(line, inner, start, left)
    if not reported and inner:
        whole = leftward(line, inner[-1], start, left)
        reported = [] if whole is None else [whole]
    if reported:
        kind = "media" if is_media(line, source) else "person"
        for draft in reported:
            draft.via.append((source, kind))
        return reported
    draft = Draft(line, ACCORDING, (verb.index, verb.stop), source)
    begin = skip_lead(line, start, left)
    if not draft.add(begin, left):
        return []
    after = source[1]
    if after < end - 3 and line.low[after] == "," and not is_adjunct(line, after + 1, end):
        following = line.low[after + 1]
        if following not in ("who", "which", "a", "an", "and", "but", "while") or line.opens(after + 1):
            draft.add(after + 1, clauses.content_end(line, after + 1, end))
    return [draft]


def _aside(line: Line, verb: Verb, later: list[Verb], start: int, end: int) -> list[Draft] | None:
    """`Name, according to the agency, said that ...`: Name speaks, the agency is the way it came."""
    comma = next((i for i in range(verb.stop, min(end, verb.stop + 10)) if line.low[i] == ","), end)
    if not later or later[0].start != comma + 1 or verb.index - start < 2 or line.low[verb.index - 1] != ",":
        return None
    found = rightward(line, later, start, end)
    kind = "media" if is_media(line, (verb.stop, comma)) else "person"
    for draft in found:
        if draft.source is not None and draft.source[0] < verb.index < draft.source[1]:
            draft.source = (draft.source[0], verb.index - 1)
        draft.via.append(((verb.stop, comma), kind))
    return found or None


def _before_resumption(line: Line, source: Range, start: int, left: int, end: int) -> Range:
    """`The van, according to police, left at six`: what is left of the cue is no clause, so the rest resumes it."""
    comma = next((i for i in range(source[0] + 1, source[1]) if line.low[i] == ","), None)
    if comma is None or comma + 1 >= end or left - start > 7 or line.is_capital(comma + 1):
        return source
    if any(line.low[i] in AUXILIARIES or line.low[i].endswith("ed") or line.quote[i] >= 0 for i in range(start, left)):
        return source
    return source if line.low[comma + 1] in DETERMINERS | {"who"} else (source[0], comma)


def _carried(line: Line, inner: list[Verb], start: int, end: int) -> list[Draft]:
    """Statements that line[start:end] makes as a whole: its subject is their speaker."""
    found = rightward(line, [v for v in inner if v.cue is not ACCORDING], start, end)
    first = found[0] if found else None
    if first is None or first.source is None or first.source[0] - start > 3 or first.is_shared:
        return []
    return [] if first.cue is not None and first.cue.is_belief else found
