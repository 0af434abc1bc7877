"""Stateless detection: the concepts of a text, how each is asserted, and what is history."""

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from agents.escalations.background import Background
from agents.escalations.lexicon import Ladder, Rule, shipped
from agents.escalations.rules import Or, Term, evaluate, needs, terms, unfold
from agents.text.assertion import assertion
from agents.text.folding import Folded, fold
from agents.text.matcher import Matcher
from agents.text.quotations import Quotation, quotations
from agents.text.sentences import sentence_around, sentences
from schemas.article import Segment, SegmentKind
from schemas.detection import Assertion, Channel, KeywordHit
from schemas.event import Span

QUOTED_SEGMENTS = frozenset((SegmentKind.BLOCKQUOTE, SegmentKind.SOCIAL_EMBED))
_WORD = re.compile(r"[^\W_]+")
_NUMBER = re.compile(r"(?<![\w.,])\d{1,3}(?:,\d{3})+(?!\w)|(?<![\w.,£$€])\d{1,7}(?!\w|[.:]\d)")
_AGE = re.compile(r"(?:\baged? |\bage of |[A-Z][a-z]+, )\Z")
_AFTER_AGE = re.compile(r"[- ]?(?:years?\b|year-|yo\b|yrs?\b|,|th\b|per\b|%|percent\b|km\b|miles\b|degrees\b)")


@dataclass(frozen=True, slots=True)
class _Leaf:
    rule: int
    pattern: str
    form: str
    is_exclusion: bool = False
    is_capital: bool = False
    met: int = 0
    """Which needs of its rule the leaf meets, as bits."""


@dataclass(frozen=True, slots=True)
class Found:
    """A hit with the rule that found it and the sentence it stands in."""

    hit: KeywordHit
    rule: Rule
    sentence: Span


class Ruleset:
    """Rules and ladders, compiled once; shared and immutable afterwards."""

    def __init__(self, rules: Sequence[Rule], ladders: Sequence[Ladder]) -> None:
        self.rules = tuple(rules)
        self.ladders = tuple(ladders)
        leaves: list[tuple[str, _Leaf]] = []
        self._wildcards: list[tuple[re.Pattern[bytes], _Leaf]] = []
        self._numbers: dict[str, int] = {}
        self._is_plain = tuple(_is_plain(rule) for rule in self.rules)
        self._number_rules: dict[int, tuple[str, ...]] = {}
        self._is_global = all(rule.scope == "global" for rule in self.rules)
        wanted = [_needs(rule) for rule in self.rules]
        self._needed = tuple((1 << len(groups)) - 1 for groups in wanted)
        for at, rule in enumerate(self.rules):
            for pattern in dict.fromkeys(_patterns(rule)):
                if pattern.startswith("#"):
                    self._numbers[pattern] = int(pattern[1:]) if pattern[1:].isdecimal() else 0
                    self._number_rules[at] = (*self._number_rules.get(at, ()), pattern)
                    continue
                met = sum(1 << number for number, group in enumerate(wanted[at]) if pattern in group)
                for form in unfold(pattern, rule.path):
                    leaf = _Leaf(at, pattern, form, is_capital=form != form.lower(), met=met)
                    if "*" in form and not form.replace("*", "").strip():
                        continue  # would match everywhere; lint names it
                    if "*" in form:
                        self._wildcards.append((_wildcard(form), leaf))
                    else:
                        leaves.append((form, leaf))
            leaves += [(form, _Leaf(at, form, form, is_exclusion=True)) for form in rule.exclude]
        self._matcher = Matcher(leaves)

    def ladder(self, name: str) -> Ladder | None:
        """The ladder of this id."""
        return next((ladder for ladder in self.ladders if ladder.id == name), None)

    def scan(
        self,
        text: str,
        segments: Sequence[Segment] = (),
        *,
        year: int | None = None,
        scopes: Iterable[str] = ("global",),
    ) -> tuple[Found, ...]:
        """All hits, by start; of hits inside one another only the longest.

        year    year of publication: an earlier year beside a hit makes it history; None lets every year do so
        scopes  which rules apply besides the global ones: "source:NAME", "story:ID", "desk:NAME"
        """
        folded = fold(text)
        leaves = self._leaves(text, folded, frozenset(scopes) | {"global"})
        if not self._complete(leaves):
            return ()
        reading: _Reading | None = None
        found: list[Found] = []
        for sentence, inside in _by_sentence(text, leaves):
            complete = self._complete(inside)
            hits = self._hits(text, sentence, [one for one in inside if one[1].rule in complete]) if complete else []
            if hits:
                reading = reading or _Reading(text, segments, year)
                found += [reading.judge(self.rules[rule], sentence, span) for rule, span in hits]
        return tuple(item for item in found if reading is None or _is_in_section(item, reading))

    def _complete(self, leaves: Sequence[tuple[Span, _Leaf]]) -> set[int]:
        """Rules that can hold where these leaves stand: most need more than is there, and are not evaluated."""
        met: dict[int, int] = {}
        for _, leaf in leaves:
            met[leaf.rule] = met.get(leaf.rule, 0) | leaf.met
        needed = self._needed
        return {rule for rule, bits in met.items() if bits == needed[rule]}

    def _leaves(self, text: str, folded: Folded, scopes: frozenset[str]) -> list[tuple[Span, _Leaf]]:
        excluded: dict[int, list[Span]] = defaultdict(list)
        leaves: list[tuple[Span, _Leaf]] = []
        for match in self._matcher.find(folded):
            for leaf in match.payloads:
                if leaf.is_exclusion:
                    excluded[leaf.rule].append(match.span)
                elif not leaf.is_capital or _has_capitals(leaf.form, match.span.of(text)):
                    leaves.append((match.span, leaf))
        for pattern, leaf in self._wildcards:
            for hit in pattern.finditer(folded.data):
                span = folded.span(hit.start(), hit.end())
                if not leaf.is_capital or _has_capitals(leaf.form, span.of(text)):
                    leaves.append((span, leaf))
        if excluded:
            leaves = [one for one in leaves if not _is_inside(one[0], excluded.get(one[1].rule, ()))]
        if not self._is_global:
            leaves = [one for one in leaves if self.rules[one[1].rule].scope in scopes]
        leaves.sort(key=lambda item: (item[0].start, -item[0].end, item[1].rule))
        return leaves

    def _hits(self, text: str, sentence: Span, leaves: Sequence[tuple[Span, _Leaf]]) -> list[tuple[int, Span]]:
        """Rule and anchor in one sentence, by start, none inside another."""
        by_rule: dict[int, dict[str, list[Span]]] = defaultdict(lambda: defaultdict(list))
        for span, leaf in leaves:
            by_rule[leaf.rule][leaf.pattern].append(span)
        hits: list[tuple[int, Span]] = []
        starts: list[int] | None = None
        numbers: dict[str, list[Span]] = {}
        for at, found in by_rule.items():
            rule = self.rules[at]
            if self._is_plain[at]:
                hits += [(at, span) for spans in found.values() for span in spans]
                continue
            if starts is None:
                starts = [sentence.start + word.start() for word in _WORD.finditer(sentence.of(text))]
            if at in self._number_rules:
                numbers = numbers or _numbers(text, sentence, self._numbers)
                found.update({pattern: numbers[pattern] for pattern in self._number_rules[at]})
            if rule.expression is None:
                hits += [(at, span) for span in _weighted(rule, found)]
            else:
                hits += [(at, span) for span in evaluate(rule.expression, found, starts)]
        return self._outermost(hits)

    def _outermost(self, hits: list[tuple[int, Span]]) -> list[tuple[int, Span]]:
        """Where hits lie in one another, the longest; of equal ones the highest level on each ladder."""
        order = sorted(hits, key=lambda item: (item[1].start, -item[1].end, -self.rules[item[0]].level, item[0]))
        kept: list[tuple[int, Span]] = []
        reach: dict[str, int] = {}
        for at, span in order:
            ladder = self.rules[at].ladder
            if span.end > reach.get(ladder, -1):
                kept.append((at, span))
                reach[ladder] = span.end
        return kept


class _Reading:
    """One text while it is being judged: its quotations, its segments, its history."""

    def __init__(self, text: str, segments: Sequence[Segment], year: int | None) -> None:
        self.text = text
        self.segments = segments
        self.starts = [segment.span.start for segment in segments]
        self.background = Background(text, year)
        self.quotes = quotations(text)
        self.ends = _running_ends(self.quotes)

    def judge(self, rule: Rule, sentence: Span, span: Span) -> Found:
        how = assertion(self.text, sentence, span, self._quotes_at(span))
        segment = self.segment_at(span.start)
        if segment is not None and segment.kind in QUOTED_SEGMENTS and how is Assertion.ASSERTED:
            how = Assertion.QUOTED
        is_quoted = how is Assertion.QUOTED or bool(self._quotes_at(span))
        hit = KeywordHit(
            span=span,
            term=span.of(self.text),
            concept=rule.id,
            level=rule.level,
            channel=Channel.RHETORIC if is_quoted else rule.channel,
            assertion=how,
            weight=rule.weight,
            is_background=self.background.holds(sentence, span),
        )
        return Found(hit, rule, sentence)

    def segment_at(self, position: int) -> Segment | None:
        at = bisect_left(self.starts, position + 1) - 1
        if at >= 0 and position < self.segments[at].span.end:
            return self.segments[at]
        return None

    def _quotes_at(self, span: Span) -> tuple[Quotation, ...]:
        """The outermost quotation that holds the span, if any."""
        at = bisect_left(self.ends, span.end)
        if at < len(self.quotes) and self.quotes[at].outer.contains(span):
            return (self.quotes[at],)
        return ()


def _running_ends(quotes: Sequence[Quotation]) -> list[int]:
    """The furthest end up to each quotation: outer ones come before those inside them, so this rises."""
    ends: list[int] = []
    for quote in quotes:
        ends.append(max(quote.outer.end, ends[-1] if ends else 0))
    return ends


def _is_plain(rule: Rule) -> bool:
    return isinstance(rule.expression, Or) and all(isinstance(part, Term) for part in rule.expression.parts)


def _needs(rule: Rule) -> tuple[frozenset[str], ...]:
    """Sets of patterns; of each set one must be in a sentence where the rule holds."""
    if rule.expression is not None:
        return needs(rule.expression)
    return (frozenset(pattern for pattern, weight in rule.weighted if weight > 0),)


def _patterns(rule: Rule) -> Iterable[str]:
    return [pattern for pattern, _ in rule.weighted] if rule.expression is None else terms(rule.expression)


def _wildcard(form: str) -> re.Pattern[bytes]:
    words = [fold(part).data.strip() for part in form.lower().replace("*", "\x00").split("\x00")]
    return re.compile(rb"(?<= )" + rb"[a-z0-9]*".join(re.escape(word) for word in words) + rb"(?= )")


def _has_capitals(form: str, surface: str) -> bool:
    """Whether the text has capitals wherever the pattern has them: "NATO" all, "Cold War" the initials."""
    if form.isupper():
        return surface.isupper()
    words = surface.replace("-", " ").split()
    wanted = form.replace("-", " ").split()
    return len(words) == len(wanted) and all(
        word[:1].isupper() or not want[:1].isupper() for word, want in zip(words, wanted, strict=True)
    )


def _is_inside(span: Span, excluded: Sequence[Span]) -> bool:
    at = bisect_left(excluded, Span(span.start, span.end + 1))
    return any(other.contains(span) for other in excluded[max(0, at - 3) : at + 1])


_SPLIT_MOST = 20_000
"""Code points of a text up to which it is split whole; in longer ones only around hits."""


def _by_sentence(
    text: str, leaves: Sequence[tuple[Span, _Leaf]]
) -> Iterable[tuple[Span, Sequence[tuple[Span, _Leaf]]]]:
    spans = sentences(text) if len(text) <= _SPLIT_MOST else []
    starts = [span.start for span in spans]
    at = 0
    while at < len(leaves):
        sentence = _sentence(text, leaves[at][0], spans, starts)
        end = at + 1
        while end < len(leaves) and leaves[end][0].start < sentence.end:
            end += 1
        yield sentence, leaves[at:end]
        at = end


def _sentence(text: str, hit: Span, spans: Sequence[Span], starts: Sequence[int]) -> Span:
    """What `sentence_around` gives, looked up among the sentences of the text."""
    first = bisect_right(starts, hit.start) - 1
    if first < 0 or hit.start >= spans[first].end:
        return sentence_around(text, hit.start, hit.end)
    if hit.end <= spans[first].end:
        return spans[first]
    last = bisect_left(starts, hit.end) - 1
    if hit.end > spans[last].end:
        return sentence_around(text, hit.start, hit.end)
    return Span(spans[first].start, spans[last].end)


def _numbers(text: str, sentence: Span, limits: dict[str, int]) -> dict[str, list[Span]]:
    """Numbers of the sentence that are counts: no years, no ages."""
    found: dict[str, list[Span]] = {pattern: [] for pattern in limits}
    for number in _NUMBER.finditer(sentence.of(text)):
        start, end = sentence.start + number.start(), sentence.start + number.end()
        value = int(number.group().replace(",", ""))
        is_year = 1900 <= value <= 2100 and "," not in number.group()
        if is_year or _AGE.search(text[max(0, start - 24) : start]) or _AFTER_AGE.match(text[end : end + 12]):
            continue
        for pattern, least in limits.items():
            if value >= least:
                found[pattern].append(Span(start, end))
    return found


def _weighted(rule: Rule, found: dict[str, list[Span]]) -> list[Span]:
    """Anchors of the positive patterns, if the patterns present weigh enough together; each counts once."""
    if sum(weight for pattern, weight in rule.weighted if found.get(pattern)) < max(rule.threshold, 1):
        return []
    return sorted(found[pattern][0] for pattern, weight in rule.weighted if weight > 0 and found.get(pattern))


def _is_in_section(found: Found, reading: _Reading) -> bool:
    if not found.rule.sections:
        return True
    segment = reading.segment_at(found.hit.span.start)
    return (segment.kind.value if segment else "body") in found.rule.sections


@lru_cache(maxsize=1)
def default_ruleset() -> Ruleset:
    """The shipped rules and ladders, compiled."""
    return Ruleset(*shipped())


def scan(text: str, segments: Sequence[Segment] = ()) -> tuple[KeywordHit, ...]:
    """Hits of the shipped lexicon, by start. Never raises; linear in the text.

    >>> [(hit.term, hit.concept, hit.assertion.value) for hit in scan("An airstrike hit the port of Kest.")]
    [('airstrike', 'airstrike', 'asserted')]
    """
    return tuple(found.hit for found in default_ruleset().scan(text, segments))
