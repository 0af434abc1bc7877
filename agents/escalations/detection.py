"""Stateless detection: the concepts of a text, how each is asserted, and what is history."""

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from agents.escalations.background import Background
from agents.escalations.lexicon import Ladder, Rule, shipped
from agents.escalations.rules import Or, Term, evaluate, terms, unfold
from agents.text.assertion import assertion
from agents.text.folding import Folded, fold
from agents.text.matcher import Matcher
from agents.text.quotations import Quotation, quotations
from agents.text.sentences import sentence_around
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
        for at, rule in enumerate(self.rules):
            for pattern in dict.fromkeys(_patterns(rule)):
                if pattern.startswith("#"):
                    self._numbers[pattern] = int(pattern[1:]) if pattern[1:].isdecimal() else 0
                    self._number_rules[at] = (*self._number_rules.get(at, ()), pattern)
                    continue
                for form in unfold(pattern, rule.path):
                    leaf = _Leaf(at, pattern, form, is_capital=form != form.lower())
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
        if not leaves:
            return ()
        reading = _Reading(text, segments, year)
        found: list[Found] = []
        for sentence, inside in _by_sentence(text, leaves):
            hits = self._hits(text, folded, sentence, inside)
            found += [reading.judge(self.rules[rule], sentence, span) for rule, span in hits]
        return tuple(item for item in found if not self.rules or _is_in_section(item, reading))

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
        kept = [
            (span, leaf)
            for span, leaf in leaves
            if self.rules[leaf.rule].scope in scopes and not _is_inside(span, excluded.get(leaf.rule, ()))
        ]
        kept.sort(key=lambda item: (item[0].start, -item[0].end, item[1].rule))
        return kept

    def _hits(
        self, text: str, folded: Folded, sentence: Span, leaves: Sequence[tuple[Span, _Leaf]]
    ) -> list[tuple[int, Span]]:
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


def _by_sentence(
    text: str, leaves: Sequence[tuple[Span, _Leaf]]
) -> Iterable[tuple[Span, Sequence[tuple[Span, _Leaf]]]]:
    at = 0
    while at < len(leaves):
        sentence = sentence_around(text, leaves[at][0].start, leaves[at][0].end)
        end = at + 1
        while end < len(leaves) and leaves[end][0].start < sentence.end:
            end += 1
        yield sentence, leaves[at:end]
        at = end


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
