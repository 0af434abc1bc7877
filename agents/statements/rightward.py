"""Content right of its cue: `NAME said that ...`, `NAME called for ...`, `..., adding that ...`."""

from agents.statements import clauses
from agents.statements.cues import CUES, is_hypothetical, verb_phrase_start
from agents.statements.drafts import ACCORDING, Draft, Verb
from agents.statements.lexicon import (
    AUXILIARIES,
    BE,
    DETERMINERS,
    MEDIA_HEADS,
    PERSONAL,
    PREPOSITIONS,
    UNNAMED_HEADS,
    words,
)
from agents.statements.media import add_media
from agents.statements.phrases import VENUES, Range, is_own_voice, leading_subject, subject_left, subject_right
from agents.statements.tokens import Line
from agents.statements.verbs import quoted_before

_PLURAL_SUBJECTS = words("they people police who some many others both most several few staff these those which that")
_ISSUED = words("issued released published posted sent made gave wrote delivered tweeted put")
_NOTHING = words("nothing little much something more so enough plenty otherwise")
_AFTER_NOTHING = words("about of on to in when as that than at if for and but until")
_CIVILITIES = words("goodbye goodbyes farewell farewells grace mass prayer prayers hello thanks thank-you")
_EVENTS = words("conference briefing meeting rally summit hearing ceremony interview debate message broadcast vote")
_IDLE = {
    "add": words("voice name names weight signature under"),
    "ask": words("question questions"),
    "claim": words("life lives victory"),
    "observe": words("silence minute moment truce ceasefire"),
    "raise": words("question"),
    "report": words("loss losses profit profits earnings revenue duty"),
}
"""Objects that make a cue an act other than speech: "added his voice", "claimed lives"."""
_PARTS = words("a an another two three four five six seven eight nine ten its more new extra")
_TALES = words("story stories tale tales joke jokes lie lies truth rest")
_FINITE = ("past", "third")
_QUANTITIES = words("lot deal bit")
_CLAIMS = words(
    """claim claims report reports allegation allegations accusation accusations suggestion suggestions criticism
    criticisms idea ideas rumour rumours rumor rumors concern concerns fear fears call calls talk notion speculation
    comments remarks threat threats charge charges complaint complaints question questions warning warnings story
    stories argument possibility prospect poll polls proposal proposals demand demands it that this as"""
)
_DISPLAYS = words("clock sign screen scoreboard thermometer gauge plaque map calendar label meter")
"""Things that show words and say nothing."""
_INNER = words("say tell warn ask announce promise claim add insist assure inform urge")


def shared(line: Line, verbs: list[Verb], end: int, first: Draft) -> list[Draft]:
    """Further cues of the same speaker after the content: `..., he said, adding that ...`."""
    out: list[Draft] = []
    for verb in verbs:
        if out and verb.index < out[-1].pieces[-1][1]:
            continue
        draft = _right(line, verb, first.pieces[-1][1], end, [first, *out])
        if draft is not None:
            out.append(draft)
    return out


def rightward(line: Line, verbs: list[Verb], start: int, end: int) -> list[Draft]:
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
    if verb.start == start and not earlier:
        inverted = _inverted(line, verb, start, end)
        if inverted is not None:
            return inverted
    source, is_shared, limit = _source_of(line, verb, start, end, earlier)
    if source is None or is_own_voice(line, source):
        return None
    if is_hypothetical(low, source[0], start) and not is_shared:
        return None
    if verb.cue.form == "base" and not is_plural(line, source):
        return None
    if source[0] > start and low[source[0] - 1] == "as" and verb.cue.form != "ing" and not (
        verb.stop < limit and clauses.has_signal(line, verb.stop, limit)
    ):  # fmt: skip
        return None  # "as she knows", "as he once said of it"
    content = clauses.content_start(line, verb.cue, verb.stop, limit)
    draft = Draft(line, verb.cue, (verb.index, verb.stop), source)
    draft.is_shared = is_shared
    if content is None:
        is_last = verb.stop < end and low[end - 1] == ":" and line.quote[end - 1] < 0
        draft.is_open = is_last and verb.cue.lemma != "think"
        return draft if draft.is_open else None
    if verb.cue.is_weak and not _is_signalled(line, verb, content, limit):
        return None
    if low[source[0]] == "who" and low[content] == "what":
        return None  # "who said what"
    if verb.cue.lemma == "call" and _is_nickname(line, verb, content, source):
        return None
    if _is_idle(line, verb, content, limit) or _is_display(line, source):
        return None
    stop = clauses.content_end(line, content, limit, is_participle=verb.cue.form == "ing")
    if not draft.add(content, stop):
        return None
    if verb.cue.is_transitive and not verb.cue.inverts and draft.pieces[0][1] - draft.pieces[0][0] < 2 and not (
        draft.pieces[0][0] < limit and line.quote[draft.pieces[0][0]] >= 0
    ):  # fmt: skip
        return None
    if verb.cue.form == "ing" and low[verb.index - 1] == "as":
        add_media(line, draft, max(start, verb.index - 14), verb.index - 1, is_hearer=False)
        quoted = quoted_before(line, verb.index, start)
        if not draft.via and quoted is not None and quoted < source[0]:
            add_media(line, draft, start, verb_phrase_start(low, quoted, start), is_hearer=True)
    if source[0] > start + 2:
        add_media(line, draft, start, source[0], is_hearer=False)
    if source[1] < verb.start and low[source[1]] == ",":
        add_media(line, draft, source[1] + 1, verb.start, is_hearer=True)
    add_media(line, draft, verb.stop, content, is_hearer=True)
    add_media(line, draft, draft.pieces[-1][1], end, is_hearer=False)
    return draft


def _is_display(line: Line, source: Range) -> bool:
    """Whether the head of the source is a thing that shows words, or an event where others speak."""
    stop = next((i for i in range(source[0] + 1, source[1]) if line.low[i] in PREPOSITIONS), source[1])
    return line.low[stop - 1] in _DISPLAYS or line.low[stop - 1] in _QUANTITIES or line.low[stop - 1] in _EVENTS


def _is_idle(line: Line, verb: Verb, content: int, end: int) -> bool:
    """`said little about it`, `said goodbye`, `easier said than done`, `citing an officer`: no words are given."""
    low = line.low
    if line.quote[content] >= 0:
        return False
    following = low[content : min(end, content + 6)]
    if verb.cue.lemma == "add" and low[content] in _PARTS and not _has_finite(line, content, end):
        return True
    if verb.cue.lemma in _IDLE and any(word in _IDLE[verb.cue.lemma] for word in following[:3]):
        return True
    if verb.cue.lemma == "dismiss":
        return _is_dismissal(line, content, end)
    if verb.cue.lemma == "cite" and verb.cue.form == "ing":
        return any(low[i] in UNNAMED_HEADS or low[i] in MEDIA_HEADS for i in range(content, min(end, content + 6)))
    if verb.cue.lemma == "tell" and (low[verb.stop] == "of" or is_tale(line, verb.stop, end)):
        return True
    if verb.cue.lemma not in ("say", "tell"):
        return False
    if low[content] == "than":
        return True
    if low[content] in _NOTHING:
        return content + 1 >= end or low[content + 1] in _AFTER_NOTHING or not line.is_word(content + 1)
    first = content + 1 if low[content] in DETERMINERS and content + 1 < end else content
    return low[first] in _CIVILITIES


def _is_nickname(line: Line, verb: Verb, content: int, source: Range) -> bool:
    """`They call her "the Wall"`: what people are called by habit, or by a name in marks."""
    quoted = next((i for i in range(content, min(len(line), content + 6)) if line.opens(i)), None)
    if quoted is None:
        return False
    return clauses.is_work(line, quoted) or (verb.cue.form == "base" and line.low[source[0]] == "they")


def _has_finite(line: Line, start: int, end: int) -> bool:
    """Whether the next words hold a quotation or what looks like a finite verb."""
    low = line.low
    return any(
        low[i] in AUXILIARIES or line.quote[i] >= 0 or (low[i] in CUES and CUES[low[i]].form in _FINITE)
        for i in range(start, min(end, start + 14))
    )


def is_tale(line: Line, index: int, end: int) -> bool:
    """`told the story`, `told lies`: a story is told, nobody is."""
    return any(word in _TALES for word in line.low[index : min(end, index + 3)])


def _is_dismissal(line: Line, content: int, end: int) -> bool:
    """Whether a person is dismissed from a post or a match, not a claim by a speaker."""
    reach = range(content, min(end, content + 14))
    return not any(line.low[i] in _CLAIMS or line.quote[i] >= 0 or line.low[i].endswith("ing") for i in reach)


def _inverted(line: Line, verb: Verb, start: int, end: int) -> Draft | None:
    """`Added NAME: "..."` at the start of a sentence."""
    if verb.index != start or not verb.cue.inverts or verb.cue.form != "past":
        return None
    source = subject_right(line, verb.stop, end)
    if source is None or source[1] >= end or line.low[source[1]] != ":" or is_own_voice(line, source):
        return None
    draft = Draft(line, verb.cue, (verb.index, verb.stop), source)
    draft.is_open = not draft.add(source[1] + 1, end)
    return draft


def _source_of(line: Line, verb: Verb, start: int, end: int, earlier: list[Draft]) -> tuple[Range | None, bool, int]:
    """Source of a cue with content at its right; whether an earlier one shares it; where the content must end."""
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
        quoted = _whose_words(line, verb, start)
        if quoted is not None:
            return quoted, False, end
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


def _whose_words(line: Line, verb: Verb, start: int) -> Range | None:
    """`They sent a letter from NAME, what she is, saying ...`: the one whose words they are."""
    low = line.low
    for index in range(verb.start - 1, max(start + 1, verb.start - 16), -1):
        if line.quote[index] >= 0 or low[index] in (";", ":"):
            return None
        if low[index] == "from" and (low[index - 1] in VENUES or low[index - 1] in ("quote", "quotes", "words")):
            stop = verb.start - (low[verb.start - 1] == ",")
            return (index + 1, stop) if index + 1 < stop and line.is_word(index + 1) else None
    return None


def _quoted_source(line: Line, verb: Verb, start: int) -> Range | None:
    """`NAME was quoted as saying`, `the paper quoted NAME as saying`."""
    quoted = quoted_before(line, verb.index, start)
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


def is_plural(line: Line, source: Range) -> bool:
    last = line.low[source[1] - 1]
    first = line.low[source[0]]
    return (
        last in _PLURAL_SUBJECTS or first in _PLURAL_SUBJECTS or last[0].isdigit() or last in ("%", "percent")
        or any(line.low[i] in ("and", "who") or line.low[i].endswith("s") for i in range(*source))
    )  # fmt: skip


def _is_signalled(line: Line, verb: Verb, content: int, end: int) -> bool:
    low = line.low
    if content > verb.stop and low[content - 1] in ("that", ":"):
        return True
    if verb.cue.form == "base" and verb.cue.is_belief and verb.start == verb.index and low[verb.index - 1] in (
        UNNAMED_HEADS
    ) and (low[verb.stop] in DETERMINERS or low[verb.stop] in PERSONAL):  # fmt: skip
        return True
    reach = range(verb.stop, min(end, verb.stop + 14))
    if any(line.opens(i) for i in reach):
        return True
    if verb.cue.lemma == "call":
        return any(low[i] in ("a", "an", "the") for i in reach if i > verb.stop)
    return low[verb.stop : verb.stop + 1] in (["how"], ["to"]) and (verb.cue.is_belief or low[verb.stop] == "how")


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
