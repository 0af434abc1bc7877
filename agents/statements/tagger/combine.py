"""Joins what the network found with what the rules know: typography is fact, the network decides the rest."""

from collections.abc import Sequence

from agents.statements.cues import CUES, PHRASE_HEADS, Cue, cue_at, is_hypothetical
from agents.statements.drafts import Draft
from agents.statements.lexicon import BE, DOCUMENT_HEADS, OWN_VOICE, STOP, words
from agents.statements.phrases import VENUES, is_own_voice
from agents.statements.tagger.reading import Marked, Piece, Reading
from agents.statements.tagger.typography import signature, signed, transcripts
from agents.statements.tokens import Line
from agents.statements.verbs import verb_at

_SAYING = (
    DOCUMENT_HEADS
    | VENUES
    | words(
        """statement statements remark remarks comment comments announcement warning warnings claim claims allegation
        allegations accusation accusations call calls demand demands promise promises pledge pledges vow vows threat
        threats suggestion assertion argument declaration testimony quote quotes words criticism complaint denial
        admission spoke speak speaks spoken talked talks tells says asked"""
    )
) - words("event rally debate meeting")
"""Words that make a cue of saying of what is no cue verb."""
_NOBODY = words("nobody none neither no little nothing few")
"""Subjects that make a saying none."""
_UNSAID = words("little nothing something anything enough so much more as than of about")
"""What opens no report of words: "said little", "said of the treasury"."""
_TOPIC = words("about over")
"""Behind such a cue stands what the talk was on, not what was said: it is data, and alerts nobody."""
_SAY = words("say says said saying")
_CLAUSE = words("that to if whether how why")
_STOPS = (".", "!", "?")
_MIN_FLOATING = 4
_MIN_QUOTED = 3
_MIN_WEAK = 6
_MOST_OF_QUOTATION = 0.6
_MAX_HEARER = 8
_MAX_BYLINE = 4


def combine(reading: Reading, found: Sequence[Marked]) -> list[tuple[Draft, int]]:
    """Drafts of both, by place; ready for the reader of the rules to describe.

    found  attributions of the network, by place of their content
    """
    rules = [(draft, paragraph, reading.marked(draft)) for draft, paragraph in reading.drafts]
    owners: dict[int, int] = {}  # token -> rule whose content holds it
    for number, (_, _, mark) in enumerate(rules):
        for start, stop in mark.content:
            owners.update(dict.fromkeys(range(start, stop), number))
    merger = _Merger(reading)
    taken: set[int] = set()
    out: list[tuple[Draft, int, int]] = []
    covered: set[int] = set()
    scripts: set[int] = set()
    for draft, number in (*transcripts(reading), *signed(reading)):
        spoken = reading.marked(draft)
        covered.update(index for start, stop in spoken.content for index in range(start, stop))
        out.append((draft, number, spoken.content[0][0]))
    for _, _, mark in (rule for rule in rules if rule[0].kind == "direct"):  # transcripts of the rules
        if not any(start in covered for start, _ in mark.content):
            scripts.update(index for start, stop in mark.content for index in range(start, stop))
    scripted = frozenset(covered | scripts)
    floating = {
        index
        for draft, _, mark in rules
        if draft.cue is None and draft.inherits is not None and not draft.spans
        for start, stop in mark.content
        for index in range(start, stop)
    }
    for mark in (_without_floating(one, floating) for one in found):
        if scripted and any(index in scripted for start, stop in mark.content for index in range(start, stop)):
            continue
        place = _partner(mark, rules, owners, taken)
        if place is not None and _knows_better(rules[place][0], rules[place][2], mark):
            continue
        made = merger.draft(mark, None if place is None else rules[place][0])
        if made is None:
            continue
        if place is not None:
            taken.add(place)
        covered.update(index for start, stop in mark.content for index in range(start, stop))
        first = mark.content[0][0]
        out.append((made, reading.paragraph(first if mark.cue is None else mark.cue[0]), first))
    for number, (draft, paragraph, mark) in enumerate(rules):
        if number in taken or not mark.content or not (_is_fact(draft) or _is_sure(draft)):
            continue
        if not any(index in covered for start, stop in mark.content for index in range(start, stop)):
            out.append((draft, paragraph, mark.content[0][0]))
    out.sort(key=lambda item: (item[1], item[2]))
    kept = [(draft, paragraph) for draft, paragraph, _ in out]
    merger.relink([draft for draft, _ in kept])
    for draft, _ in kept:
        _sign(draft)
    return kept


def _partner(
    mark: Marked, rules: Sequence[tuple[Draft, int, Marked]], owners: dict[int, int], taken: set[int]
) -> int | None:
    """The rule that found the same statement: the one that shares most tokens, at least a third of the smaller."""
    counts: dict[int, int] = {}
    size = 0
    for start, stop in mark.content:
        size += stop - start
        for index in range(start, stop):
            owner = owners.get(index)
            if owner is not None and owner not in taken:
                counts[owner] = counts.get(owner, 0) + 1
    best = max(counts, key=lambda place: counts[place], default=None)
    if best is None:
        return None
    other = sum(b - a for a, b in rules[best][2].content)
    return best if 3 * counts[best] >= min(size, other) else None


def _without_floating(mark: Marked, floating: set[int]) -> Marked:
    """Without what the rules read, behind the first words, as a quotation with a statement of its own."""
    out = []
    for start, stop in mark.content:
        at = next((i for i in range(start, stop) if i in floating), stop)
        if at > start:
            out.append((start, at))
    return mark._replace(content=tuple(out)) if out and out[0][0] == mark.content[0][0] else mark


def _knows_better(rule: Draft, known: Marked, mark: Marked) -> bool:
    """Whether the rules read more than a tag can say: silence, words over paragraphs, chains, resumed words."""
    if rule.kind == "no_comment" or rule.spans or rule.via or rule.hearsay_via is not None:
        return True
    pieces = [piece for piece in known.content if not any(a <= piece[0] and piece[1] <= b for a, b in mark.content)]
    return len(known.content) > 1 and bool(pieces)


def is_real(line: Line, cue: Piece, source: Piece | None) -> bool:
    """Whether the text presents the saying as done: not refused, expected, conditional, negated or passive.

    What the lexicon does not know as a cue is taken as real, but for a passive that nobody does.
    """
    low = line.low
    start = _sentence_start(line, cue[0])
    if source is not None:
        is_subject = start <= source[0] < cue[0]
        if is_own_voice(line, source) or (is_subject and low[source[0]] in _NOBODY):
            return False
        if is_subject and is_hypothetical(low, source[0], start):
            return False
    known = [i for i in range(*cue) if line.quote[i] < 0 and (low[i] in CUES or low[i] in PHRASE_HEADS)]
    stop = next((i for i in range(cue[1], len(line)) if low[i] in _STOPS and line.quote[i] < 0), len(line))
    if any(low[i] in ("according", "accused", "accuses") for i in range(*cue)):
        return True
    if known:
        return any(verb_at(line, i, start, stop) is not None for i in known)
    return not (source is None and any(low[i] in BE for i in range(*cue)))


def _sentence_start(line: Line, index: int) -> int:
    while index > 0 and not (line.low[index - 1] in _STOPS and line.quote[index - 1] < 0):
        index -= 1
    return index


def _sign(draft: Draft) -> None:
    """A bare quotation with a name behind a dash is the words of that name."""
    if draft.cue is None and draft.pieces:
        source = signature(draft.line, draft.pieces[-1][1] - 1)
        if source is not None:
            draft.source, draft.source_line, draft.inherits = source, draft.line, None


def _is_fact(draft: Draft) -> bool:
    """Whether a statement rests on typography alone: a transcript, a block, or nothing but quotation."""
    if draft.kind in ("direct", "no_comment") or draft.spans:
        return True
    line = draft.line
    loose = [i for a, b in draft.pieces for i in range(a, b) if line.is_word(i) and line.quote[i] < 0]
    quoted = [i for a, b in draft.pieces for i in range(a, b) if line.is_word(i) and line.quote[i] >= 0]
    return len(quoted) >= _MIN_FLOATING and not loose


def _is_sure(draft: Draft) -> bool:
    """Whether the rules rest on a cue of saying: they err by leaving out, seldom by adding."""
    return draft.cue is not None and not draft.cue.is_belief


class _Merger:
    """Builds drafts and remembers which rule each stands for."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.instead: dict[int, Draft] = {}

    def draft(self, mark: Marked, rule: Draft | None) -> Draft | None:
        """One attribution of the network as a draft, with what the rules know of it."""
        reading = self.reading
        at = mark.content[0][0] if mark.cue is None else mark.cue[0]
        line = reading.lines[reading.paragraph(at) - 1]
        base = reading.base(line)
        cue_range = None if mark.cue is None else (mark.cue[0] - base, mark.cue[1] - base)
        source = mark.source
        draft = Draft(line, None, cue_range, None)
        if source is not None and reading.paragraph(source[0]) == reading.paragraph(at):
            draft.source = _without_marks(line, source[0] - base, source[1] - base)
        if draft.source is not None and _is_own(line, draft.source):
            return None
        if cue_range is not None and any(line.is_word(i) or line.low[i] == ":" for i in range(*cue_range)):
            draft.cue = cue_of(line, cue_range)
        else:
            draft.cue_range = None
        if draft.source is not None and draft.cue_range is not None and _is_hearer(line, draft.source, draft.cue_range):
            draft.source = None
        self._content(draft, base, mark.content)
        if rule is not None and rule.line is line:
            draft.pieces = [_without_media(rule, a, b) for a, b in draft.pieces]
        draft.pieces = [_without_byline(line, a, b) for a, b in draft.pieces]
        _drop_afterthought(draft)
        if not _says_something(draft):
            return None
        if cue_range is not None and not _is_quoted(draft):
            if not is_real(line, cue_range, draft.source):
                return None
            if rule is None and not draft.spans and not _stands_alone(draft, cue_range):
                return None
        if rule is not None:
            self._inherit(draft, rule)
            self.instead[id(rule)] = draft
        if draft.cue is not None and cue_range and _is_topic(line.low[cue_range[0] : cue_range[1]], draft):
            draft.cue = draft.cue._replace(is_belief=True)
        return draft

    def _content(self, draft: Draft, base: int, content: Sequence[Piece]) -> None:
        reading, line = self.reading, draft.line
        for start, stop in content:
            if base <= start < base + len(line):
                draft.add(*_whole_quotation(line, start - base, min(stop - base, len(line))))
            elif not draft.pieces or reading.is_quoted(start):  # a block, or a quotation that goes on
                draft.spans.append((reading.starts[start], reading.ends[stop - 1]))

    def _inherit(self, draft: Draft, rule: Draft) -> None:
        """Take over what the network does not say: the speaker of a bare quotation, media, the kind."""
        if rule.line is draft.line:
            draft.via, draft.hearsay_via = list(rule.via), rule.hearsay_via
        draft.reasons, draft.is_shared, draft.tail = list(rule.reasons), rule.is_shared, rule.tail
        if rule.kind:
            draft.kind = rule.kind
        is_same_cue = draft.cue_range is not None and rule.cue_range is not None and (
            rule.line is draft.line
            and draft.cue_range[0] < rule.cue_range[1]
            and rule.cue_range[0] < draft.cue_range[1]
        )  # fmt: skip
        if is_same_cue:
            draft.cue = rule.cue
        if draft.cue_range is None:
            draft.cue, draft.cue_range = rule.cue, rule.cue_range
            if draft.cue_range is not None and rule.line is not draft.line:
                draft.cue_range = None
        if is_same_cue and rule.source_line is draft.line and rule.source and draft.source:
            draft.source = _cleaner(draft.line, draft.source, rule.source)
        if draft.source is None and (is_same_cue or draft.cue_range is None or rule.cue is draft.cue):
            draft.source, draft.source_line, draft.inherits = rule.source, rule.source_line, rule.inherits

    def relink(self, drafts: Sequence[Draft]) -> None:
        """Point inherited speakers at the drafts that stand for the old ones."""
        known = {id(draft) for draft in drafts}
        for draft in drafts:
            heir = draft.inherits
            if heir is None:
                continue
            heir = self.instead.get(id(heir), heir)
            draft.inherits = heir if id(heir) in known else None


def cue_of(line: Line, cue_range: Piece) -> Cue:
    """The cue of the lexicon in a range; what is none and names no saying counts as belief."""
    first, stop = cue_range
    known = [cue_at(line.low, i) for i in range(first, stop) if line.low[i] in CUES or line.low[i] in PHRASE_HEADS]
    cues = [entry[0] for entry in known if entry is not None]
    said = next((cue for cue in cues if not cue.is_belief), None)
    if said is not None:
        return said
    if "according" in line.low[first:stop] or any(word in _SAYING for word in line.low[first:stop]):
        return Cue(" ".join(line.low[first:stop]), "past")
    return cues[0] if cues else Cue(" ".join(line.low[first:stop]), "past", is_belief=True)


def _cleaner(line: Line, source: Piece, known: Piece) -> Piece:
    """The source of the rules, where that of the network has a time before it, a handle behind it, or is "who"."""
    if source[1] - source[0] == 1 and line.low[source[0]] in ("who", "which", "that"):
        return known
    before, behind = line.raw[source[0] : known[0]], line.raw[known[1] : source[1]]
    is_inside = source[0] <= known[0] < known[1] <= source[1] and source != known
    if is_inside and all(not word.isalpha() for word in before) and (not behind or behind[0] in ("(", "@")):
        return known
    return source


def _without_media(rule: Draft, start: int, stop: int) -> Piece:
    """`told the agency the port was shut`: the medium that the rules know is no part of what was said."""
    ends = [b for (a, b), _ in rule.via if start <= a and b < stop and b - start <= _MAX_HEARER]
    return max(ends, default=start), stop


def _without_byline(line: Line, start: int, stop: int) -> Piece:
    """`..., writes Name` at the end is the paper's own reporter."""
    name = stop
    while name > start and line.is_capital(name - 1) and stop - name < _MAX_BYLINE:
        name -= 1
    if start < name - 2 and name < stop and line.low[name - 1] in ("writes", "reports") and line.low[name - 2] == ",":
        return start, name - 2
    return start, stop


def _drop_afterthought(draft: Draft) -> None:
    """`"X," she said of the law that ...`: behind a quotation and its cue, loose words are no content."""
    if draft.cue_range is None or len(draft.pieces) < 2:
        return
    quote, at = draft.line.quote, draft.cue_range[0]
    before = [piece for piece in draft.pieces if piece[0] < at]
    if before and all(quote[i] >= 0 for a, b in before for i in range(a, b)):
        draft.pieces = [p for p in draft.pieces if p[0] < at or any(quote[i] >= 0 for i in range(*p))]


def _says_something(draft: Draft) -> bool:
    """Whether there is content: more than "that", and without a cue more than loose words."""
    if draft.spans:
        return True
    line = draft.line
    held = [i for a, b in draft.pieces for i in range(a, b) if line.is_word(i)]
    if draft.cue_range is None and not any(line.quote[i] >= 0 for i in held):
        return False
    return any(line.low[i] not in STOP for i in held)


def _is_topic(cue: Sequence[str], draft: Draft) -> bool:
    """`argued about X`, `tweeted approvingly of X`: what the talk was on. "Warned of X" says what was said."""
    if draft.has_quote():
        return False
    return cue[-1] in _TOPIC or (cue[-1] == "of" and len(cue) > 1 and cue[-2].endswith("ly"))


def _is_quoted(draft: Draft) -> bool:
    """Whether the content is quotation and more than a scare quote: those words were used."""
    line = draft.line
    held = [i for a, b in draft.pieces for i in range(a, b) if line.is_word(i)]
    return len(held) >= _MIN_QUOTED and all(line.quote[i] >= 0 for i in held)


def _stands_alone(draft: Draft, cue_range: Piece) -> bool:
    """Whether an attribution that the rules do not see is more than a noun, a figure of speech or an aside."""
    line, first = draft.line, draft.pieces[0][0]
    cue = line.low[cue_range[0] : cue_range[1]]
    if line.low[first] in _UNSAID or (cue[-1] in _UNSAID and any(word in _SAY for word in cue)):
        return False
    known = [cue_at(line.low, i) for i in range(*cue_range) if line.low[i] in CUES or line.low[i] in PHRASE_HEADS]
    cues = [entry[0] for entry in known if entry is not None]
    if cues and (draft.source is None or _is_doubtful(line, draft.source)):
        return False
    if line.low[first] in _CLAUSE:
        return True
    if cues:
        return _words(draft) >= _MIN_WEAK or not all(one.is_weak for one in cues)
    if draft.source is not None and line.quote[first] >= 0:
        return True
    return any(word in _SAYING for word in cue)


def _words(draft: Draft) -> int:
    return sum(draft.line.is_word(i) for a, b in draft.pieces for i in range(a, b))


def _is_doubtful(line: Line, source: Piece) -> bool:
    """Whether "who" is an indirect question or a figure of the tale: no name or comma before it."""
    first = source[0]
    return source[1] - first == 1 and line.low[first] in ("who", "whoever") and (
        first == 0 or not (line.is_capital(first - 1) or line.low[first - 1] == ",")
    )  # fmt: skip


def _is_own(line: Line, source: Piece) -> bool:
    return source[1] - source[0] == 1 and line.quote[source[0]] < 0 and line.low[source[0]] in OWN_VOICE


def _is_hearer(line: Line, source: Piece, cue: Piece) -> bool:
    """`Residents were told to leave`: the subject of a passive cue was spoken to, or spoken of."""
    if source[0] > cue[0] or not any(line.low[i] in BE for i in range(*cue)):
        return False
    verb = CUES.get(line.low[cue[1] - 1])
    return verb is not None and verb.form == "past" and not verb.is_belief


def _without_marks(line: Line, start: int, stop: int) -> Piece | None:
    """A source without the marks at its ends."""
    while start < stop and not line.is_word(start):
        start += 1
    while stop > start and not line.is_word(stop - 1) and line.low[stop - 1] not in (")", "]"):
        stop -= 1
    return (start, stop) if start < stop else None


def _whole_quotation(line: Line, start: int, stop: int) -> Piece:
    """A piece that begins or ends inside a quotation of which it holds the most holds it all."""
    if line.quote[start] >= 0:
        first, last = line.quote_start(start), line.quote_end(start)
        if min(stop, last) - start >= _MOST_OF_QUOTATION * (last - first):
            start = first
    if stop > start and line.quote[stop - 1] >= 0:
        first, last = line.quote_start(stop - 1), line.quote_end(stop - 1)
        if stop - max(start, first) >= _MOST_OF_QUOTATION * (last - first):
            stop = last
    return start, stop
