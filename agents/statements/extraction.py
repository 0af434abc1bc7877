"""Statements of one entry: who said what, with the words where they stand."""

import re
from bisect import bisect_left
from collections.abc import Sequence
from itertools import compress, pairwise

from agents.statements.attribution import analyse
from agents.statements.clauses import EDGE
from agents.statements.cues import CUES, Cue
from agents.statements.drafts import ACCORDING, Draft
from agents.statements.embeds import presented, signature, without_tail
from agents.statements.lexicon import AUXILIARIES, DETERMINERS, LABELS, PREPOSITIONS, STOP
from agents.statements.names import Names
from agents.statements.speakers import describe, is_document, joint, span_of
from agents.statements.times import is_archival, is_reiterated
from agents.statements.tokens import Line
from agents.statements.verbs import TRIGGERS
from agents.text.quotations import Quotation, quotations
from agents.text.sentences import sentences
from schemas.article import Segment, SegmentKind
from schemas.detection import Attribution, Speaker, SpeakerType, Statement, StatementKind, Via
from schemas.event import Span

PARAGRAPH = re.compile("[^\n\r\u2028\u2029]+")
TRANSCRIPT = re.compile(
    r"\s*[\"“]?(?:RT\s)?(?P<name>@\w+|[A-Z][A-Z.'’-]+(?:\s[A-Z][A-Z.'’-]*){0,3}|(?:[A-Z][\w.'’-]*\s){0,3}[A-Z][\w.'’-]+)"
    r"(?:\s\([^)\n]{1,30}\))?\s?:\s+(?=\S)"
)
_COLON = Cue(":", "past")
_CLOCK = re.compile(
    r"\d{1,2}[:.h]\d{2}\s?(?:[ap]\.?m\.?)?(?:\s?\(?(?:GMT|BST|IST|EST|EDT|UTC|CET|CEST)\)?)?\s?[-–—:|]?\s*(?=[\"“‘'«]|[A-Z])"
)
"""The time at which a line of a ticker was written."""
_MIN_FLOATING = 4
_MAX_SENTENCE = 800
"""Tokens; what is longer is no prose, and is read in pieces so that time stays linear."""
_NOT_SPEAKERS = LABELS | PREPOSITIONS | DETERMINERS
_SOCIAL = re.compile(
    r"\b(?:tweets?|twitter|facebook|instagram|telegram|truth social|social media|mastodon|bluesky|weibo|vk|on x)\b"
)
_DOCUMENT = re.compile(
    r"\b(?:in|of) (?:an? |the |its |his |her |their )(?:\S+ ){0,3}?"
    r"(?:letter|decree|filing|lawsuit|indictment|memo|affidavit|communique|report)\b"
)
_NETWORKS = ("tweet", "twitter", "book", "gram", "social", "mastodon", "bluesky", "weibo", "vk", "on x")
_PAPERS = ("letter", "decree", "filing", "lawsuit", "indictment", "memo", "affidavit", "communique", "report")
"""A substring of whatever the two expressions find: most words hold none, and need no expression."""
_WORD = re.compile(r"\w")
_MARKS = EDGE - {"(", ")", "[", "]"}


def extract(text: str, segments: Sequence[Segment] = ()) -> tuple[Statement, ...]:
    """Every statement of the text, by place. All spans are code points of `text`.

    text      paragraphs separated by line ends
    segments  what the paragraphs are, where the source tells; headlines and block quotations are read accordingly
    """
    reader = Reader(text, segments)
    for match in PARAGRAPH.finditer(text):
        if not match.group().isspace():
            reader.read(match.start(), match.end())
    return reader.statements()


class Reader:
    """Goes through the paragraphs once and keeps what a later one may continue."""

    def __init__(self, text: str, segments: Sequence[Segment]) -> None:
        self.text = text
        self.segments = segments
        self.marks = [q for q in quotations(text) if q.depth == 0]
        self.place = 0
        self.segment = 0
        self.paragraph = 0
        self.names = Names()
        self.drafts: list[tuple[Draft, int]] = []
        self.pending: Draft | None = None  # "He said:" at the end of a paragraph
        self.last: Draft | None = None
        self.last_paragraph = -9
        self.embed: list[Line] = []  # paragraphs that a signature may claim as one post
        self.chain: list[Quotation] = []  # pieces of a quotation over paragraphs that nobody has claimed yet

    def read(self, start: int, end: int) -> None:
        """One paragraph."""
        here: list[Quotation] = []
        while self.place < len(self.marks) and self.marks[self.place].outer.start < end:
            here.append(self.marks[self.place])
            self.place += 1
        line = Line(self.text, start, end, here)
        if not line.raw:
            return
        self.paragraph += 1
        self.names.read(line, self.paragraph)
        kind = self._kind(start)
        if self._signed(line, kind):
            return
        found = self._continued(line)
        if found is None and self.pending is not None:
            found = self._answer(line, kind)
        self.pending = None
        if found is None:
            found = self._signature(line)
        if found is None:
            found = self._transcript(line, kind)
        if found is None:
            found = self._sentences(line)
        self.chain = [q for q in here if not q.is_closed] if not found and here else self.chain if here else []

    def _kind(self, start: int) -> SegmentKind:
        while self.segment < len(self.segments) and self.segments[self.segment].span.end <= start:
            self.segment += 1
        if self.segment < len(self.segments) and self.segments[self.segment].span.start <= start:
            return self.segments[self.segment].kind
        return SegmentKind.HEADLINE if self.paragraph == 1 else SegmentKind.BODY

    def _keep(self, draft: Draft) -> None:
        self.drafts.append((draft, self.paragraph))
        self.last = draft
        self.last_paragraph = self.paragraph

    def _continued(self, line: Line) -> bool | None:
        """A paragraph that opens by taking up the quotation of a statement before."""
        if (
            not line.quotations
            or not line.quotations[0].continues
            or self.last is None
            or self.last.tail is None
            or self.last.tail.is_closed
        ):
            return None
        if self.last.cue is None and self._is_attributed(line):
            self.chain = [self.last.line.quotations[i] for i in sorted(set(self.last.line.quote)) if i >= 0]
            if self.drafts and self.drafts[-1][0] is self.last:
                self.drafts.pop()
            self.last = None
            return None
        inner = line.quotations[0].inner
        self.last.spans.append((inner.start, inner.end))
        self.last.tail = line.quotations[0]
        self.last_paragraph = self.paragraph
        rest = line.quote_end(next(i for i, q in enumerate(line.quote) if q == 0)) if 0 in line.quote else len(line)
        if rest < len(line):
            self._units(line, rest)
        return True

    def _is_attributed(self, line: Line) -> bool:
        """Whether a cue follows the quotation that opens the paragraph: its speaker has all the paragraphs before."""
        stop = line.quote_end(0) if line.quote[0] >= 0 else len(line)
        return any(line.low[i] in CUES and line.quote[i] < 0 for i in range(stop, min(len(line), stop + 8)))

    def _answer(self, line: Line, kind: SegmentKind) -> bool | None:
        """The paragraph behind "He said:"."""
        draft = self.pending
        if draft is None:
            return None
        if line.quote[0] >= 0:
            stop = line.quote_end(0)
            following = stop
            while following < len(line) and line.quote[following] < 0 and line.low[following] in EDGE:
                following += 1
            quotation = line.quotations[line.quote[0]]
            draft.spans.append((quotation.inner.start, quotation.inner.end))
            draft.tail = quotation
            self._keep(draft)
            if following < len(line):
                self._units(line, following)
            return True
        if draft.cue is None or draft.cue.lemma not in (
            "say",
            "write",
            "tweet",
            "add",
            "post",
            "read",
            "state",
            "continue",
            "report",
        ):
            return None
        if kind is SegmentKind.BODY and TRANSCRIPT.match(self.text, line.start, line.end):
            return None
        draft.spans.append((line.starts[0], line.ends[-1]))
        draft.reasons.append("block")
        self._keep(draft)
        return True

    def _signed(self, line: Line, kind: SegmentKind) -> bool:
        """`— Name (@handle) date` at the end of a post: the post is theirs, unless it reports another's words."""
        signed = signature(self.text, line.start, line.end)
        is_embed = kind is SegmentKind.SOCIAL_EMBED
        if signed is None:
            self.embed = [*self.embed[-9:], line] if is_embed else [line]
            return False
        dash, first, stop = signed
        owned, self.embed = self.embed, []
        body = [(one.start, one.end) for one in owned] if dash - line.start < 3 else []
        if dash - line.start >= 3:
            body = [*(((one.start, one.end) for one in owned) if is_embed else ()), (line.start, dash)]
        left = body[0][0] if body else dash
        inner = []
        while self.drafts and _start_of(self.drafts[-1][0]) >= left:
            inner.append(self.drafts.pop())
        said = sum(b - a for a, b in body)
        if not body or any(_length(d) * 2 > said or d.line.start < left for d, _ in inner):
            self.drafts.extend(reversed(inner))
            self.pending = None
            return True
        source = [i for i, at in enumerate(line.starts) if first <= at < stop]
        draft = Draft(line, None, None, (source[0], source[-1] + 1))
        draft.kind = "social_post"
        draft.spans = body
        self.pending = None
        self._keep(draft)
        return True

    def _signature(self, line: Line) -> bool | None:
        """`— Name, what she is` below a quotation that names nobody."""
        draft = self.last
        if draft is None or draft.cue is not None or self.paragraph - self.last_paragraph > 1 or len(line) > 24:
            return None
        if line.low[0] not in ("—", "–", "-", "--", "―") or len(line) < 2 or not line.is_capital(1):
            return None
        stop = next((i for i in range(2, len(line)) if line.low[i] in (".", ":", ";", "?", "!")), len(line))
        draft.source, draft.source_line, draft.inherits = (1, stop), line, None
        return True

    def _transcript(self, line: Line, kind: SegmentKind) -> bool | None:
        """`NAME: words` in a transcript, `Name: words` in a headline or before a quotation."""
        match = TRANSCRIPT.match(self.text, line.start, line.end)
        if match is None:
            return None
        name = match.group("name")
        first = next((i for i, s in enumerate(line.starts) if s >= match.start("name")), 0)
        stop = next((i for i, e in enumerate(line.ends) if e >= match.end("name")), 0) + 1
        body = next((i for i, s in enumerate(line.starts) if s >= match.end()), len(line))
        is_shouted = name.isupper() and len(name) > 2
        named = first + (is_shouted and stop - first > 1 and line.low[first] == "the")
        if body >= len(line) or any(line.low[i] in _NOT_SPEAKERS for i in range(named, stop)) or name[-1] == ":":
            return None
        is_quoted = line.opens(body) or self.text[match.end()] in "\"“'‘"
        is_headline = kind in (SegmentKind.HEADLINE, SegmentKind.STANDFIRST)
        is_post = name[0] == "@" and not is_headline
        if not (is_shouted or is_quoted or is_headline or is_post) or (is_headline and len(line) - body < 3):
            return None
        draft = Draft(line, _COLON, (stop, stop + 1) if stop < len(line) else None, (first, stop))
        if is_shouted and not is_headline:
            draft.kind = "direct"
        if is_post:
            draft.kind = "social_post"
        if is_headline:
            draft.reasons.append("headline")
        if not draft.add(body, len(line)):
            return None
        self._keep(draft)
        return True

    def _sentences(self, line: Line) -> bool:
        before = len(self.drafts)
        self._units(line, 0)
        return len(self.drafts) > before

    def _units(self, line: Line, first: int) -> None:
        previous: Draft | None = None
        triggers = list(compress(range(len(line)), map(TRIGGERS.__contains__, line.low)))
        has_colon = ":" in line.low
        if not triggers and not has_colon and not line.quotations:
            return
        for left, stop in self._split(line, first):
            start = self._behind_clock(line, left, stop)
            found: list[Draft] = []
            if bisect_left(triggers, start) < bisect_left(triggers, stop):
                found = [d for d in analyse(line, start, stop) if d.pieces or d.is_open]
            if has_colon and not found and (shown := presented(line, start, stop)) is not None:
                found = [shown]
            if found and found[-1].is_open:
                self.pending = found.pop() if stop == len(line) else None
            for draft in found:
                self._claim(line, draft)
                self._keep(draft)
                previous = draft
            if not found and line.quotations:
                previous = self._floating(line, start, stop, previous)

    def _behind_clock(self, line: Line, start: int, stop: int) -> int:
        """The first token behind the time that a ticker puts before its lines."""
        if not line.raw[start][0].isdigit() or (match := _CLOCK.match(self.text, line.starts[start])) is None:
            return start
        return next((i for i in range(start, min(stop, start + 12)) if line.starts[i] >= match.end()), start)

    def _split(self, line: Line, first: int) -> list[tuple[int, int]]:
        """Sentences as token ranges; a quotation is never cut."""
        cuts: list[int] = []
        index = first
        starts, quote = line.starts, line.quote
        is_whole = line.start == 0 and line.end == len(self.text) and first == 0
        spans = sentences(self.text) if is_whole else sentences(self.text, starts[first], line.end)
        for span in spans[1:]:
            index = bisect_left(starts, span.start, index)
            if index < len(starts) and (quote[index] < 0 or quote[index] != quote[index - 1]) and index > first:
                cuts.append(index)
        edges = [first, *cuts, len(line)]
        return [
            (low, min(low + _MAX_SENTENCE, high))
            for left, high in pairwise(edges)
            for low in range(left, high, _MAX_SENTENCE)
        ]

    def _claim(self, line: Line, draft: Draft) -> None:
        """Give a statement the paragraphs of its quotation that came before, and remember what it leaves open."""
        quoted = {line.quote[i] for a, b in draft.pieces for i in range(a, b) if line.quote[i] >= 0}
        if not quoted:
            return
        last = line.quotations[max(quoted)]
        if not last.is_closed:
            draft.tail = last
        if 0 in quoted and line.quotations[0].continues and self.chain:
            draft.spans.extend((q.inner.start, q.inner.end) for q in self.chain)

    def _floating(self, line: Line, start: int, stop: int, previous: Draft | None) -> Draft | None:
        """A sentence that is nothing but quotation: it goes on with the statement before, or inherits its speaker."""
        quoted = [i for i in range(start, stop) if line.quote[i] >= 0 and line.is_word(i)]
        if not quoted:
            return previous
        loose = sum(line.quote[i] < 0 and line.is_word(i) for i in range(start, stop))
        content = sum(line.low[i] not in STOP for i in quoted)
        if loose > 0.2 * len(quoted):
            return previous
        if previous is not None and previous.has_quote():
            if previous.line is line and previous.add(quoted[0], quoted[-1] + 1):
                self._claim(line, previous)
                return previous
            return previous
        if content < _MIN_FLOATING:
            return previous
        source = previous or (self.last if self.paragraph - self.last_paragraph <= 1 else None)
        draft = Draft(line, None, None, None if source is None else source.source)
        if source is not None:
            draft.source_line = source.source_line
            draft.inherits = source
        draft.add(quoted[0], quoted[-1] + 1)
        self._claim(line, draft)
        self._keep(draft)
        return draft

    def statements(self) -> tuple[Statement, ...]:
        """What was found, as events, by place."""
        out: list[Statement] = []
        known: dict[int, tuple[Speaker | None, Attribution, str | None]] = {}
        last: str | None = None
        for draft, paragraph in self.drafts:
            built, last = self._build(draft, paragraph, known, last)
            if built is not None:
                out.append(built)
        out.sort(key=lambda s: (s.content.start, s.content.end))
        return tuple(out)

    def _build(
        self,
        draft: Draft,
        paragraph: int,
        known: dict[int, tuple[Speaker | None, Attribution, str | None]],
        last: str | None,
    ) -> tuple[Statement | None, str | None]:
        text, line = self.text, draft.line
        if len(draft.pieces) == 1 and not draft.spans:
            spans = [_stripped(text, *_balanced(line, *draft.pieces[0]))]
        else:
            spans = sorted(
                {_stripped(text, *_balanced(line, a, b)) for a, b in draft.pieces}
                | {_trimmed(text, *without_tail(text, a, b)) for a, b in draft.spans}
            )
            spans = _apart(spans)
        pieces = [Span(a, b) for a, b in spans if _WORD.search(text, a, b)]
        if not pieces:
            return None, last
        speaker: Speaker | None = None
        attribution, behalf = Attribution.UNRESOLVED, None
        reasons = list(draft.reasons)
        if draft.inherits is not None:
            speaker, attribution, behalf = known.get(id(draft.inherits), (None, Attribution.UNRESOLVED, None))
            if speaker is not None:
                attribution = Attribution.INFERRED
                reasons.append("inherited")
        elif draft.source is not None:
            speaker, attribution, behalf = describe(
                text, draft.source_line, draft.source, self.names, paragraph, last=last
            )
            if draft.is_shared:
                reasons.append("shared_subject")
        known[id(draft)] = (speaker, attribution, behalf)
        if speaker is not None and speaker.type is SpeakerType.PERSON:
            last = speaker.name
            is_surname = attribution is Attribution.EXPLICIT and " " not in speaker.name
            if is_surname and speaker.span is not None and "headline" not in reasons:
                self.names.speaks(speaker.name, speaker.span.start, paragraph)
        kind = self._statement_kind(draft)
        others = () if draft.source is None or draft.inherits is not None else (
            joint(text, draft.source_line, draft.source, self.names, paragraph)
        )  # fmt: skip
        via = [Via(name=span_of(line, r).of(text), type=kind_, span=span_of(line, r)) for r, kind_ in draft.via]
        is_hearsay = any(v.type == "person" for v in via)
        if draft.hearsay_via is not None:
            outer, _, _ = describe(text, line, draft.hearsay_via, self.names, paragraph, last=None)
            via.append(Via(name=outer.name, type="person", span=outer.span))
            is_hearsay = True
        if attribution is Attribution.INFERRED:
            reasons.append("speaker_inferred")
        elif attribution is Attribution.UNRESOLVED:
            reasons.append("speaker_unresolved")
        confidence = 950 - 100 * ("inherited" in reasons) - 100 * (attribution is not Attribution.EXPLICIT)
        confidence -= (
            100 * (kind is StatementKind.INDIRECT) + 250 * (speaker is None) + 100 * ("shared_subject" in reasons)
        )
        statement = Statement(
            kind=kind,
            text=_told(" ".join(piece.of(text) for piece in pieces), kind),
            content=Span(pieces[0].start, pieces[-1].end),
            content_spans=tuple(pieces),
            speaker=speaker,
            cue=None if draft.cue_range is None else span_of(line, draft.cue_range),
            attribution=attribution,
            joint=others,
            via=tuple(via),
            is_archival=draft.cue_range is not None and is_archival(line, draft),
            is_reiterated=draft.cue is not None and is_reiterated(line, draft),
            on_behalf_of=behalf,
            is_hearsay=is_hearsay,
            confidence=max(confidence, 100),
            reasons=tuple(dict.fromkeys(reasons)),
        )
        return statement, last

    def _around_cue(self, draft: Draft) -> str:
        """Words between the cue and the content, or behind the cue when the content came first."""
        if draft.cue_range is None:
            return ""
        line, stop = draft.line, draft.cue_range[1]
        limit = min((a for a, _ in draft.pieces if a >= stop), default=min(len(line), stop + 16))
        if draft.source is not None and draft.source_line is line and stop <= draft.source[0] < limit:
            stop = draft.source[1]
        behind = " ".join(line.low[stop : max(limit, stop)]).partition(" . ")[0]
        return f"{self._lead(draft)} {behind}"

    def _lead(self, draft: Draft) -> str:
        """An adjunct that opens the sentence before the source ("In a post on Telegram"), or stands before a colon."""
        line, source, cue = draft.line, draft.source, draft.cue_range
        if source is None or cue is None or draft.source_line is not line or source[1] > cue[0]:
            return ""
        first = source[0]
        while first > 0 and source[0] - first < 14 and line.low[first - 1] not in (".", "!", "?", ":", ";"):
            first -= 1
        begins = first < source[0] and line.low[first] in ("in", "on", "via", "writing", "posting")
        lead = " ".join(line.low[first : source[0]]) if begins else ""
        return lead + " " + " ".join(line.low[source[1] : cue[0]]) if line.low[cue[0]] == ":" else lead

    def _statement_kind(self, draft: Draft) -> StatementKind:
        if draft.kind == "no_comment":
            return StatementKind.NO_COMMENT
        if draft.kind == "social_post":
            return StatementKind.SOCIAL_POST
        if draft.cue is not None and draft.cue.is_belief:
            return StatementKind.BELIEF
        if draft.cue is not None and draft.cue.is_social:
            return StatementKind.SOCIAL_POST
        around = self._around_cue(draft)
        if any(word in around for word in _NETWORKS) and _SOCIAL.search(around):
            return StatementKind.SOCIAL_POST
        if draft.source is not None and is_document(
            draft.source_line, draft.source, is_filed=draft.cue is ACCORDING
        ):  # fmt: skip
            return StatementKind.DOCUMENT
        if draft.cue is not None and draft.cue.lemma in ("write", "state", "read", "say") and (
            any(word in around for word in _PAPERS) and _DOCUMENT.search(around)
        ):  # fmt: skip
            return StatementKind.DOCUMENT
        if draft.spans or draft.kind == "direct":
            return StatementKind.DIRECT
        line = draft.line
        if not line.quotations:
            return StatementKind.INDIRECT
        of_words = [line.quote[i] >= 0 for a, b in draft.pieces for i in range(a, b) if line.is_word(i)]
        if not any(of_words):
            return StatementKind.INDIRECT
        return StatementKind.DIRECT if all(of_words) else StatementKind.MIXED


def _told(words: str, kind: StatementKind) -> str:
    """The content for readers: what is told begins behind a "that", which an annotation may hold."""
    if kind is StatementKind.DIRECT or not words.startswith("that "):
        return words
    return words if words[5:].partition(" ")[0] in AUXILIARIES else words[5:]  # "said that was all"


def _apart(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Overlapping pieces joined."""
    out: list[tuple[int, int]] = []
    for start, end in spans:
        if out and start < out[-1][1]:
            out[-1] = (out[-1][0], max(end, out[-1][1]))
        else:
            out.append((start, end))
    return out


def _balanced(line: Line, first: int, stop: int) -> tuple[int, int]:
    """The piece as code points, with the marks of a fragment at its edge: `could "backfire on them"`.

    Marks around the whole piece stay outside.
    """
    start, end = line.starts[first], line.ends[stop - 1]
    head, tail = line.quote[first], line.quote[stop - 1]
    if head == tail:
        return start, end
    if head >= 0 and line.quotations[head].outer.end <= end and (first == 0 or line.quote_start(first) == first - 1):
        start = line.quotations[head].outer.start
    if tail >= 0 and line.quotations[tail].is_closed and line.quotations[tail].outer.start >= start:
        end = line.quotations[tail].outer.end
    return start, end


def _stripped(text: str, start: int, end: int) -> tuple[int, int]:
    """Without links and entities at the ends, and then without the marks that these had kept inside."""
    first, stop = without_tail(text, start, end)
    return (start, end) if (first, stop) == (start, end) else _trimmed(text, first, stop)


def _start_of(draft: Draft) -> int:
    """Where the content of a draft starts."""
    places = [draft.line.starts[a] for a, _ in draft.pieces] + [a for a, _ in draft.spans]
    return min(places, default=0)


def _length(draft: Draft) -> int:
    pieces = sum(draft.line.ends[b - 1] - draft.line.starts[a] for a, b in draft.pieces)
    return pieces + sum(b - a for a, b in draft.spans)


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """Without blanks and marks at the ends."""
    while start < end and (text[start] in _MARKS or text[start].isspace()):
        start += 1
    while end > start and (text[end - 1] in _MARKS or text[end - 1].isspace()):
        end -= 1
    return start, end
