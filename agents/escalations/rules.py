"""The rule language: parse an expression over terms, and evaluate it within one sentence.

    expression = and ("OR" and)*            anchors of either side
    and        = near ("AND" near)*         anchors of the first positive part, where all parts match
    near       = part ("NEAR/" n part)*     anchors of the left part with the right part at most n words away
    part       = "NOT" part | "(" expression ")" | term | '"' phrase '"'

A term is a word or, in quotation marks, a phrase. In both, `a/b` lists alternatives of a word, `word+` adds the plural,
`word~` the regular forms of a verb, `air-strike` also finds "air strike" and "airstrike", and `*` stands for any
letters of one word. `#20` is a number of at least 20 that is no year and no age. A pattern with capitals matches only
capitals; lower case matches both.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

from schemas.errors import InputError
from schemas.event import Span

MAX_FORMS = 400
"""Spellings one term may unfold to."""


class RuleError(InputError):
    """A rule that cannot be used; the text names the path of the fault."""


@dataclass(frozen=True, slots=True)
class Term:
    """A leaf: one pattern as written."""

    pattern: str


@dataclass(frozen=True, slots=True)
class Near:
    """`left` with `right` at most `words` words away, in either order."""

    left: "Expression"
    right: "Expression"
    words: int


@dataclass(frozen=True, slots=True)
class And:
    """All parts in one sentence."""

    parts: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Any part."""

    parts: tuple["Expression", ...]
    patterns: frozenset[str] = field(init=False, repr=False, compare=False, default=frozenset())
    others: tuple["Expression", ...] = field(init=False, repr=False, compare=False, default=())

    def __post_init__(self) -> None:
        """Set plain terms apart: they are looked up by what a sentence holds, not one by one."""
        object.__setattr__(self, "patterns", frozenset(part.pattern for part in self.parts if isinstance(part, Term)))
        object.__setattr__(self, "others", tuple(part for part in self.parts if not isinstance(part, Term)))


@dataclass(frozen=True, slots=True)
class Not:
    """The part is absent from the sentence; only meaningful beside a positive part of an AND."""

    part: "Expression"


Expression = Term | Near | And | Or | Not
_TOKEN = re.compile(r'\s*(?:(\()|(\))|"([^"]*)"|NEAR/(\d+)|([^\s()"]+))')
_MAX_DEPTH = 40


def parse(source: str, path: str = "when") -> Expression:
    """The expression's tree. Raises RuleError with the path and the column of the fault.

    >>> parse('shot* NEAR/4 (police OR "security forces")')
    Near(left=Term(pattern='shot*'), right=Or(parts=(Term(pattern='police'), Term(pattern='security forces'))), words=4)
    """
    parser = _Parser(source, path)
    expression = parser.alternatives(0)
    if parser.token is not None:
        raise parser.fault("the end or an operator")
    return expression


class _Parser:
    def __init__(self, source: str, path: str) -> None:
        self.path = path
        self.tokens = self._lex(source)
        self.at = 0

    def _lex(self, source: str) -> list[tuple[str, str, int]]:
        tokens: list[tuple[str, str, int]] = []
        at = 0
        end = len(source.rstrip())
        while at < end:
            match = _TOKEN.match(source, at)
            if match is None:
                raise RuleError(f"{self.path}: column {at + 1}: expected a closing quotation mark, found none")
            opening, closing, phrase, distance, word = match.groups()
            column = match.start(match.lastindex or 0) + 1
            if opening or closing:
                tokens.append((opening or closing, "", column))
            elif phrase is not None:
                tokens.append(("term", phrase, column))
            elif distance is not None:
                tokens.append(("NEAR", distance, column))
            elif word in {"AND", "OR", "NOT"}:
                tokens.append((word, "", column))
            else:
                tokens.append(("term", word, column))
            at = match.end()
        return tokens

    @property
    def token(self) -> tuple[str, str, int] | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def fault(self, expected: str) -> RuleError:
        if self.token is None:
            return RuleError(f"{self.path}: at the end: expected {expected}, found nothing")
        kind, value, column = self.token
        return RuleError(f'{self.path}: column {column}: expected {expected}, found "{value or kind}"')

    def take(self, kind: str) -> str | None:
        if self.token is None or self.token[0] != kind:
            return None
        self.at += 1
        return self.tokens[self.at - 1][1]

    def alternatives(self, depth: int) -> Expression:
        parts = [self.conjunction(depth)]
        while self.take("OR") is not None:
            parts.append(self.conjunction(depth))
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def conjunction(self, depth: int) -> Expression:
        parts = [self.near(depth)]
        while self.take("AND") is not None:
            parts.append(self.near(depth))
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def near(self, depth: int) -> Expression:
        left = self.part(depth)
        while (distance := self.take("NEAR")) is not None:
            left = Near(left, self.part(depth), int(distance[:4]))
        return left

    def part(self, depth: int) -> Expression:
        if depth > _MAX_DEPTH:
            raise RuleError(f"{self.path}: expected at most {_MAX_DEPTH} nested parts, found more")
        if self.take("NOT") is not None:
            return Not(self.part(depth + 1))
        if self.take("(") is not None:
            inner = self.alternatives(depth + 1)
            if self.take(")") is None:
                raise self.fault('")"')
            return inner
        pattern = self.take("term")
        if pattern is None:
            raise self.fault("a term or an opening parenthesis")
        return Term(pattern)


def terms(expression: Expression) -> Iterator[str]:
    """All patterns of the tree, left to right, negated ones included."""
    match expression:
        case Term(pattern):
            yield pattern
        case Near(left, right, _):
            yield from terms(left)
            yield from terms(right)
        case And(parts) | Or(parts):
            for part in parts:
                yield from terms(part)
        case Not(part):
            yield from terms(part)


def needs(expression: Expression) -> tuple[frozenset[str], ...]:
    """Sets of patterns: where the expression holds, at least one of each set is found.

    Numbers and negated parts need nothing.
    >>> [sorted(group) for group in needs(parse("(shot OR fired) NEAR/4 police"))]
    [['fired', 'shot'], ['police']]
    """
    match expression:
        case Term(pattern):
            return () if pattern.startswith("#") else (frozenset((pattern,)),)
        case Near(left, right, _):
            return (*needs(left), *needs(right))
        case And(parts):
            return tuple(group for part in parts for group in needs(part))
        case Or(parts):
            choices = [needs(part) for part in parts]
            # One group of each alternative; the largest common promise would be a product of all of them.
            return (frozenset().union(*(groups[0] for groups in choices)),) if all(choices) else ()
        case Not(_):
            return ()


def _verb(base: str) -> tuple[str, ...]:
    if base.endswith("e"):
        return base, base + "s", base + "d", base[:-1] + "ing"
    if base.endswith("y") and base[-2:-1] not in "aeiou":
        return base, base[:-1] + "ies", base[:-1] + "ied", base + "ing"
    return base, _plural(base), base + "ed", base + "ing"


def _plural(base: str) -> str:
    if base.endswith("y") and base[-2:-1] not in "aeiou":
        return base[:-1] + "ies"
    return base + ("es" if base.endswith(("s", "x", "z", "ch", "sh")) else "s")


def _word(written: str) -> tuple[str, ...]:
    found: list[str] = []
    for choice in written.split("/"):
        if choice.endswith("~"):
            found += _verb(choice[:-1])
        elif choice.endswith("+"):
            found += (choice[:-1], _plural(choice[:-1]))
        else:
            found.append(choice)
    spelt: list[str] = []
    for choice in found:
        spelt.append(choice)
        if "-" in choice.strip("-"):
            spelt.append(choice.replace("-", ""))
    return tuple(dict.fromkeys(spelt))


def unfold(pattern: str, path: str = "term") -> tuple[str, ...]:
    """Every spelling that a pattern stands for. Raises RuleError if there are more than MAX_FORMS.

    >>> unfold("open~ fire")
    ('open fire', 'opens fire', 'opened fire', 'opening fire')
    """
    words = [_word(word) for word in pattern.split()]
    count = 1
    for choices in words:
        count *= len(choices)
    if count > MAX_FORMS:
        raise RuleError(f'{path}: "{pattern}": expected at most {MAX_FORMS} spellings, found {count}')
    return tuple(" ".join(choice) for choice in product(*words)) if words else ()


def evaluate(expression: Expression, found: Mapping[str, Sequence[Span]], word_starts: Sequence[int]) -> list[Span]:
    """Anchors of an expression in one sentence, sorted; empty where it does not hold.

    found        pattern -> where it stands in the sentence, sorted by start
    word_starts  positions of the sentence's words, sorted: the ruler of NEAR
    """
    match expression:
        case Term(pattern):
            return list(found.get(pattern, ()))
        case Or():
            spans = {span for pattern, at in found.items() if pattern in expression.patterns for span in at}
            for part in expression.others:
                spans.update(evaluate(part, found, word_starts))
            return sorted(spans)
        case And(parts):
            return _all_of(parts, found, word_starts)
        case Not(_):
            return []
        case Near(left, right, words):
            others = evaluate(right, found, word_starts)
            anchors = evaluate(left, found, word_starts) if others else []
            return [span for span in anchors if _is_near(span, others, words, word_starts)]


def _all_of(parts: Sequence[Expression], found: Mapping[str, Sequence[Span]], word_starts: Sequence[int]) -> list[Span]:
    anchors: list[Span] = []
    for part in parts:
        if isinstance(part, Not):
            if evaluate(part.part, found, word_starts):
                return []
            continue
        spans = evaluate(part, found, word_starts)
        if not spans:
            return []
        anchors = anchors or spans
    return anchors


def _is_near(span: Span, others: Sequence[Span], words: int, word_starts: Sequence[int]) -> bool:
    at = bisect_left(others, span)
    for other in others[max(0, at - 2) : at + 3]:
        if other.overlaps(span):
            continue
        first, second = (span, other) if span.start < other.start else (other, span)
        between = bisect_left(word_starts, second.start) - bisect_left(word_starts, first.end)
        if between <= words:
            return True
    return False
