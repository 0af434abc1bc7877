"""Who said what in one sentence: every cue with its source and its content."""

from agents.statements import clauses
from agents.statements.cues import (
    PHRASE_HEADS,
    CUES,
    REAL_BEFORE_TO,
    Cue,
    cue_at,
    is_hypothetical,
    is_realised,
    verb_phrase_start,
)
from agents.statements.lexicon import (
    AUXILIARIES,
    BE,
    DETERMINERS,
    MEDIA_HEADS,
    NEGATIONS,
    OWN_VOICE,
    PERSONAL,
    PREPOSITIONS,
    SUBORDINATORS,
    words,
)
from agents.statements.phrases import VENUES, Range, is_adjunct, leading_subject, subject_left, subject_right
from agents.statements.tokens import Line
from agents.text.quotations import Quotation

ACCORDING = Cue("according to", "past")
_DECLINED = Cue("decline to comment", "past")
_PLURAL_SUBJECTS = words("they people police who some many others both most several few staff these those which that")
_BYLINES = words("write report")
_PRONOUN_LIKE = words("this that both all some many each another")
_ISSUED = words("issued released published posted sent made gave wrote delivered tweeted put")
_INNER = words("say tell warn ask announce promise claim add insist assure inform urge")
_PUBLISHED = words("published carried broadcast quoted reported released aired posted run cited")


class Draft:
    """A statement under construction.

    pieces    content as token ranges of `line`; `spans` further pieces of other paragraphs as code-point ranges
    source    token range of the source phrase, in `source_line` (the same paragraph unless inherited)
    quoted    indexes of the outermost quotations that the content holds
    """

    __slots__ = (
        "cue",
        "cue_range",
        "hearsay_via",
        "inherits",
        "is_open",
        "is_shared",
        "kind",
        "line",
        "pieces",
        "quoted",
        "reasons",
        "source",
        "source_line",
        "spans",
        "tail",
        "via",
    )

    def __init__(self, line: Line, cue: Cue | None, cue_range: Range | None, source: Range | None) -> None:
        self.line = line
        self.cue = cue
        self.cue_range = cue_range
        self.source = source
        self.source_line = line
        self.pieces: list[Range] = []
        self.spans: list[Range] = []
        self.via: list[tuple[Range, str]] = []
        self.hearsay_via: Range | None = None
        self.quoted: set[int] = set()
        self.kind = ""
        self.reasons: list[str] = []
        self.is_shared = False
        self.is_open = False
        self.tail: Quotation | None = None
        self.inherits: Draft | None = None

    def has_quote(self) -> bool:
        """Whether any word of the content is quoted."""
        return bool(self.spans) or any(self.line.quote[i] >= 0 for a, b in self.pieces for i in range(a, b))

    def add(self, start: int, end: int) -> bool:
        """Append a piece of content without the marks at its ends."""
        piece = clauses.trim(self.line, start, end)
        if piece is None:
            return False
        self.pieces.append(piece)
        return True


class Verb:
    """A cue in its sentence: first token of the verb group, cue tokens [index, stop)."""

    __slots__ = ("cue", "index", "start", "stop")

    def __init__(self, cue: Cue, start: int, index: int, stop: int) -> None:
        self.cue = cue
        self.start = start
        self.index = index
        self.stop = stop


def analyse(line: Line, start: int, end: int) -> list[Draft]:
    """Statements of the sentence line[start:end], by place of their content."""
    verbs, silent = _verbs(line, start, end)
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
            found = _according_last(line, verb, verbs[:place], start, end)
            if found:
                rest = _rightward(line, verbs[place + 1 :], verb.stop, end)
                return drafts + found + rest
            continue
        if _is_byline(line, verb, start):
            return drafts + _rightward(line, verbs[:place], start, verb.index - 1)
        left = _leftward(line, verb, start, end)
        if left is not None:
            if left.source is not None and _is_media(line, left.source):
                carried = _carried(line, verbs[:place], start, left.pieces[0][1])
                for draft in carried:
                    draft.via.append((left.source, "media"))
                if carried:
                    return drafts + carried
            after = left.pieces[-1][1] if left.pieces else verb.stop
            later = [v for v in verbs[place + 1 :] if v.index >= after]
            return [*drafts, left, *_shared(line, later, end, left)]
    return drafts + _rightward(line, verbs, start, end)


def _verbs(line: Line, start: int, end: int) -> tuple[list[Verb], list[Draft]]:
    low, quote = line.low, line.quote
    verbs: list[Verb] = []
    silent: list[Draft] = []
    index = start
    while index < end:
        word = low[index]
        if quote[index] < 0:
            if word in CUES or word in PHRASE_HEADS:
                if word == "according" and index + 1 < end and low[index + 1] == "to":
                    verbs.append(Verb(ACCORDING, index, index, index + 2))
                    index += 2
                    continue
                verb = _verb(line, index, start, end)
                if verb is not None:
                    verbs.append(verb)
                    index = verb.stop
                    continue
            if word in ("comment", "respond", "reply", "reached"):
                draft = _no_comment(line, index, start, end)
                if draft is not None:
                    silent.append(draft)
        index += 1
    return verbs, silent


def _verb(line: Line, index: int, start: int, end: int) -> Verb | None:
    low = line.low
    found = cue_at(low, index)
    if found is None or found[1] > end:
        return None
    cue, stop = found
    if cue.form == "ing" and index > start and low[index - 1] == "as":
        return Verb(cue, index, index, stop) if _quoted_before(line, index, start) is not None else None
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
    if cue.form == "past" and first == index and before in ("be", "being", "get", "got"):
        return None
    following = low[stop] if stop < end else ""
    if cue.lemma == "accuse" and following == "of":
        return None
    if following == "by" and cue.form == "past":
        return None
    return Verb(cue, first, index, stop)


def _quoted_before(line: Line, index: int, start: int) -> int | None:
    """Place of "quoted" in `quoted ... as saying`."""
    for place in range(index - 2, max(start, index - 16) - 1, -1):
        if (
            line.low[place] in ("quoted", "cited", "reported", "heard", "quotes", "quoting", "cites")
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
    if subject is None or low[subject[0]] in OWN_VOICE:
        return None
    draft = Draft(line, _DECLINED, (head, head + 1), subject)
    draft.kind = "no_comment"
    begin = head + 1 if head < index else head
    if word in ("respond", "reply") and low[index + 1 : index + 2] == ["to"]:
        begin = index + 2
    stop = max(index, begin)
    while stop < end and low[stop] not in (",", ";", ".") and not (stop > index and low[stop] in ("but", "and")):
        stop += 1
    return draft if draft.add(begin, stop) else None


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
        return None
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
    reported = _carried(line, inner, start, left)
    if not reported and inner:
        whole = _leftward(line, inner[-1], start, left)
        reported = [] if whole is None else [whole]
    if reported:
        kind = "media" if _is_media(line, source) else "person"
        for draft in reported:
            draft.via.append((source, kind))
        return reported
    draft = Draft(line, ACCORDING, (verb.index, verb.stop), source)
    begin = _skip_lead(line, start, left)
    if not draft.add(begin, left):
        return []
    after = source[1]
    if after < end - 3 and line.low[after] == "," and not is_adjunct(line, after + 1, end):
        following = line.low[after + 1]
        if following not in ("who", "which", "a", "an", "and", "but", "while") or line.opens(after + 1):
            draft.add(after + 1, clauses.content_end(line, after + 1, end))
    return [draft]


def _carried(line: Line, inner: list[Verb], start: int, end: int) -> list[Draft]:
    """Statements that line[start:end] makes as a whole: its subject is their speaker."""
    found = _rightward(line, [v for v in inner if v.cue is not ACCORDING], start, end)
    first = found[0] if found else None
    if first is None or first.source is None or first.source[0] - start > 3 or first.is_shared:
        return []
    return [] if first.cue is not None and first.cue.is_belief else found


def _is_media(line: Line, source: Range) -> bool:
    return any(line.low[i].removesuffix("'s") in MEDIA_HEADS for i in range(*source))


def _skip_lead(line: Line, start: int, end: int) -> int:
    while start < end and line.low[start] in ("and", "but") and line.quote[start] < 0:
        start += 1
    return start


def _leftward(line: Line, verb: Verb, start: int, end: int) -> Draft | None:
    """Content left of the cue: `"...", said NAME`, `..., NAME said`."""
    if verb.cue.form == "ing" and not line.quote[verb.start - 1] >= 0:
        return None
    low = line.low
    index = verb.index
    if index > start and verb.start == index and verb.cue.inverts and verb.cue.form != "base":
        is_quoted = line.quote[index - 1] >= 0
        if is_quoted or (low[index - 1] in (",", "—", "–", "--") and index - start >= 3):
            source = subject_right(line, verb.stop, end)
            if source is not None and (is_quoted or _is_tail(line, source[1], end)) and low[source[0]] not in OWN_VOICE and (
                not verb.cue.is_weak or any(line.quote[i] >= 0 for i in range(start, index))
            ):  # fmt: skip
                draft = Draft(line, verb.cue, (index, verb.stop), source)
                return _with_left(draft, start, index, source[1], end)
    if verb.start <= start:
        return None
    source = subject_left(line, verb.start, start)
    if (
        source is None
        or source[0] <= start
        or low[source[0]] in OWN_VOICE
        or low[source[0]] in ("who", "which", "that")
    ):
        return None
    if verb.cue.form == "base" and not _is_plural(line, source):
        return None
    if verb.cue.is_weak and not any(line.quote[i] >= 0 for i in range(start, source[0])):
        return None
    before = _phrase_edge(line, source[0], start)
    if before <= start or not (line.quote[before - 1] >= 0 or low[before - 1] in (",", "—", "–", "--", ";")):
        return None
    is_quoted = line.quote[before - 1] >= 0
    after = verb.stop
    is_parenthetical = after < end and low[after] == ","
    is_setting = not is_quoted and _is_setting(line, start, before - 1)
    if is_parenthetical and is_setting and not _resumes(line, after + 1, end):
        return None
    if is_quoted and _is_title(line, before - 1):
        return None
    is_end = clauses.is_clause_end(line, after, end) or (verb.cue.lemma == "tell" and _is_hearer(line, after, end))
    if not is_parenthetical and not is_end:
        if not (is_quoted and line.raw[before - 2] in ",?!…—") or clauses.is_work(line, before - 1):
            return None
    if is_setting and not is_parenthetical and not any(line.quote[i] >= 0 for i in range(start, before)):
        return None
    draft = Draft(line, verb.cue, (index, verb.stop), source)
    return _with_left(draft, start, before, after, end)


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
    if word in PREPOSITIONS or word.endswith(("ing", "ly")):
        return (
            not any(line.low[i] in AUXILIARIES or line.low[i] in PERSONAL for i in range(start, end)) or end - start < 9
        )
    return False


def _with_left(draft: Draft, start: int, left_end: int, after: int, end: int) -> Draft | None:
    line = draft.line
    begin = _skip_lead(line, start, left_end)
    if not draft.add(begin, left_end):
        return None
    had_quote = any(line.quote[i] >= 0 for i in range(begin, left_end))
    beyond = next((i for i in range(after, end) if line.quote[i] >= 0 or line.low[i] == ","), end)
    _add_media(line, draft, after, beyond, is_hearer=draft.cue is not None and draft.cue.has_object)
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


def _shared(line: Line, verbs: list[Verb], end: int, first: Draft) -> list[Draft]:
    """Further cues of the same speaker after the content: `..., he said, adding that ...`."""
    out: list[Draft] = []
    for verb in verbs:
        if out and verb.index < out[-1].pieces[-1][1]:
            continue
        draft = _right(line, verb, first.pieces[-1][1], end, [first, *out])
        if draft is not None:
            out.append(draft)
    return out


def _rightward(line: Line, verbs: list[Verb], start: int, end: int) -> list[Draft]:
    """Statements whose content follows the cue."""
    out: list[Draft] = []
    consumed = start
    for verb in verbs:
        if verb.index < consumed or verb.index >= end or verb.cue is ACCORDING:
            continue
        draft = _right(line, verb, start, end, out)
        if draft is None:
            continue
        out.append(draft)
        if not draft.is_open:
            consumed = draft.pieces[-1][1]
            _hearsay(line, draft, [v for v in verbs if verb.index < v.index < consumed], consumed)
    return out


def _right(line: Line, verb: Verb, start: int, end: int, earlier: list[Draft]) -> Draft | None:
    low = line.low
    source, is_shared, limit = _source_of(line, verb, start, end, earlier)
    if source is None or low[source[0]] in OWN_VOICE:
        return None
    if is_hypothetical(low, source[0], start) and not is_shared:
        return None
    if verb.cue.form == "base" and not _is_plural(line, source):
        return None
    content = clauses.content_start(line, verb.cue, verb.stop, limit)
    draft = Draft(line, verb.cue, (verb.index, verb.stop), source)
    draft.is_shared = is_shared
    if content is None:
        is_last = verb.stop < end and low[end - 1] == ":" and line.quote[end - 1] < 0
        draft.is_open = is_last and verb.cue.lemma != "think"
        return draft if draft.is_open else None
    if verb.cue.is_weak and not _is_signalled(line, verb, content, limit):
        return None
    stop = clauses.content_end(line, content, limit, is_participle=verb.cue.form == "ing")
    if not draft.add(content, stop):
        return None
    if verb.cue.is_transitive and not verb.cue.inverts and draft.pieces[0][1] - draft.pieces[0][0] < 2 and not (
        draft.pieces[0][0] < limit and line.quote[draft.pieces[0][0]] >= 0
    ):  # fmt: skip
        return None
    if verb.cue.form == "ing" and low[verb.index - 1] == "as":
        _add_media(line, draft, max(start, verb.index - 14), verb.index - 1, is_hearer=False)
    _add_media(line, draft, verb.stop, content, is_hearer=True)
    _add_media(line, draft, draft.pieces[-1][1], end, is_hearer=False)
    return draft


def _source_of(line: Line, verb: Verb, start: int, end: int, earlier: list[Draft]) -> tuple[Range | None, bool, int]:
    """Source of a cue with content at its right; whether it is shared with an earlier one; where the content must end."""
    low = line.low
    before = low[verb.start - 1] if verb.start > start else ""
    if before == "as" and verb.cue.form == "ing":
        return _quoted_source(line, verb, start), False, end
    if verb.cue.form == "ing":
        if verb.start == start:
            comma = next((i for i in range(verb.stop, end) if low[i] == "," and line.quote[i] < 0), None)
            if comma is None:
                return None, False, end
            return leading_subject(line, comma + 1, end), False, comma
        if any(low[i] in BE for i in range(verb.start, verb.index)):
            return subject_left(line, verb.start, start), False, end
        if (
            before not in (",", "and", "or", "—", "–", "-", "--", "but", "while", "by", "in")
            and line.quote[verb.start - 1] < 0
        ):
            return _issuer(line, verb.start, start), False, end
    elif before not in ("and", "but", "then", "or") or not earlier:
        source = subject_left(line, verb.start, start)
        if source is not None:
            return source, False, end
        if before not in ("and", "but", "then", "or", ",", "to") or verb.cue.form == "base":
            return None, False, end
    if earlier:
        return earlier[-1].source, True, end
    return leading_subject(line, start, verb.start), True, end


def _quoted_source(line: Line, verb: Verb, start: int) -> Range | None:
    """`NAME was quoted as saying`, `the paper quoted NAME as saying`."""
    quoted = _quoted_before(line, verb.index, start)
    if quoted is None:
        return None
    first = verb_phrase_start(line.low, quoted, start)
    if any(line.low[i] in BE for i in range(first, quoted)):
        return subject_left(line, first, start)
    return (quoted + 1, verb.index - 1) if verb.index - 1 > quoted + 1 else None


def _issuer(line: Line, verb: int, start: int) -> Range | None:
    """`NAME issued a statement saying`: who issued it; `a letter warning`: the letter."""
    source = subject_left(line, verb, start)
    if source is not None and line.low[source[1] - 1] in VENUES:
        issued = next((i for i in range(source[0] - 1, start, -1) if line.low[i] in _ISSUED), None)
        if issued is not None:
            return subject_left(line, verb_phrase_start(line.low, issued, start), start) or source
    return source


def _is_plural(line: Line, source: Range) -> bool:
    last = line.low[source[1] - 1]
    first = line.low[source[0]]
    return (
        last in _PLURAL_SUBJECTS or last[0].isdigit() or last in ("%", "percent") or first in _PLURAL_SUBJECTS or last.endswith("s")
        or any(line.low[i] in ("and", "who") or line.low[i].endswith("s") for i in range(*source))
    )  # fmt: skip


def _is_signalled(line: Line, verb: Verb, content: int, end: int) -> bool:
    low = line.low
    if content > verb.stop and low[content - 1] in ("that", ":"):
        return True
    reach = range(verb.stop, min(end, verb.stop + 14))
    if any(line.opens(i) for i in reach):
        return True
    if verb.cue.lemma == "call":
        return any(low[i] in ("a", "an", "the") for i in reach if i > verb.stop)
    return low[verb.stop : verb.stop + 1] in (["how"], ["to"]) and (verb.cue.is_belief or low[verb.stop] == "how")


def _add_media(line: Line, draft: Draft, start: int, stop: int, *, is_hearer: bool) -> None:
    """Media through which the words came: "told the agency", "published by state TV", "quoted by a newspaper"."""
    low = line.low
    for index in range(start, min(stop, start + 40)):
        if (
            line.quote[index] >= 0
            or low[index].removesuffix("'s") not in MEDIA_HEADS
            or low[index] in ("reporters", "journalists")
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


def _hearsay(line: Line, draft: Draft, inner: list[Verb], end: int) -> None:
    """`A said B told him that ...`: B speaks, A is the way it came."""
    if draft.cue is None or draft.cue.is_belief or draft.is_shared or not inner:
        return
    start = draft.pieces[0][0]
    verb = inner[0]
    if verb.cue.lemma not in _INNER or verb.cue.form == "ing" or verb.index - start > 12 or line.quote[start] >= 0:
        return
    source = subject_left(line, verb.start, start)
    if source is None or source[0] - start > 1 or line.low[source[0]] in PERSONAL or line.low[source[0]] in DETERMINERS:
        return
    content = clauses.content_start(line, verb.cue, verb.stop, end)
    if content is None or (verb.cue.is_weak and not _is_signalled(line, verb, content, end)):
        return
    kept = clauses.trim(line, content, end)
    if kept is None:
        return
    draft.hearsay_via = draft.source
    draft.source = source
    draft.cue, draft.cue_range = verb.cue, (verb.index, verb.stop)
    draft.pieces = [kept]
