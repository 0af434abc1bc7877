"""Faults of rules and ladders, all of them, each with the path of the fault: run on save and at load."""

import re
from collections import Counter
from collections.abc import Iterator

from agents.escalations.detection import Ruleset
from agents.escalations.lexicon import Ladder, Rule
from agents.escalations.rules import And, Expression, Near, Not, Or, Term, terms, unfold
from agents.text.folding import fold
from schemas.detection import Assertion

_WRITABLE = re.compile(r"[^()\[\]{}|\\^$?<>=]*\Z")
SHORTEST_STEM = 3
_SCOPES = ("source:", "story:", "desk:")


def lint(ruleset: Ruleset, silent: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """One line a fault, empty where all is well.

    silent  ids of rules that had no hit in 30 days, where the caller keeps count
    """
    faults = [fault for rule in ruleset.rules for fault in _rule_faults(rule, ruleset)]
    faults += [f"{rule.path}: expected hits, found none in 30 days" for rule in ruleset.rules if rule.id in silent]
    for name, count in Counter(rule.id for rule in ruleset.rules).items():
        if count > 1:
            faults.append(f"concept {name}: expected one rule of this id, found {count}")
    for ladder in ruleset.ladders:
        faults += _ladder_faults(ladder, ruleset)
    return tuple(faults)


def _rule_faults(rule: Rule, ruleset: Ruleset) -> Iterator[str]:
    patterns = [p for p, _ in rule.weighted] if rule.expression is None else list(terms(rule.expression))
    if not patterns:
        yield f"{rule.path}: terms: expected at least one, found none"
    for pattern in patterns:
        yield from _pattern_faults(rule, pattern)
    if rule.expression is not None:
        yield from _expression_faults(rule.expression, f"{rule.path}: when", is_top=True)
    elif sum(weight for _, weight in rule.weighted if weight > 0) < rule.threshold:
        yield f"{rule.path}: threshold: {rule.threshold} is more than all weights together; the rule never matches"
    if rule.scope != "global" and not rule.scope.startswith(_SCOPES):
        yield f'{rule.path}: scope: expected global, source:, story: or desk:, found "{rule.scope}"'
    ladder = ruleset.ladder(rule.ladder)
    if ladder is None:
        yield f'{rule.path}: ladder: expected a known ladder, found "{rule.ladder}"'
    elif rule.level > 0 and ladder.at(rule.level) is None:
        yield f'{rule.path}: level: ladder "{rule.ladder}" has no level {rule.level}'
    if (rule.weight < 0) != (rule.level == 0):
        yield f"{rule.path}: weight: expected below 0 at level 0 and above 0 elsewhere, found {rule.weight}"
    yield from _example_faults(rule, ruleset)


def _pattern_faults(rule: Rule, pattern: str) -> Iterator[str]:
    path = f'{rule.path}: "{pattern}"'
    if pattern.startswith("#"):
        if not pattern[1:].isdecimal():
            yield f"{path}: expected a number after #, found none"
        return
    if not _WRITABLE.match(pattern):
        yield f"{path}: expected words, found signs of a regular expression; it never matches"
        return
    for form in unfold(pattern, rule.path):
        if "*" in form:
            stem = form.split("*")[0].strip()
            if len(stem.split()[-1] if stem else "") < SHORTEST_STEM:
                yield f"{path}: expected at least {SHORTEST_STEM} letters before a wildcard, found fewer"
                return
        elif not fold(form).data.strip():
            yield f"{path}: expected Latin letters or digits, found none; it never matches"
            return
        elif form.lower() in rule.exclude:
            yield f'{path}: "{form}" is also excluded; it never matches'


def _expression_faults(expression: Expression, path: str, *, is_top: bool = False) -> Iterator[str]:
    match expression:
        case Not(part):
            if is_top:
                yield f"{path}: expected something to look for beside NOT, found none; it never matches"
            yield from _expression_faults(part, path)
        case And(parts):
            if all(isinstance(part, Not) for part in parts):
                yield f"{path}: expected something to look for beside NOT, found none; it never matches"
            for part in parts:
                yield from _expression_faults(part, path)
        case Or(parts):
            for part in parts:
                yield from _expression_faults(part, path, is_top=True)
        case Near(left, right, _):
            if isinstance(left, Not) or isinstance(right, Not):
                yield f"{path}: expected terms on both sides of NEAR, found NOT; it never matches"
            yield from _expression_faults(left, path)
            yield from _expression_faults(right, path)
        case Term():
            return


def _example_faults(rule: Rule, ruleset: Ruleset) -> Iterator[str]:
    if not rule.positive:
        yield f"{rule.path}: positive: expected at least one example, found none"
    if not rule.negative:
        yield f"{rule.path}: negative: expected at least one example, found none"
    for at, text in enumerate(rule.positive):
        if not _counts(rule, ruleset, text):
            yield f"{rule.path}: positive[{at}]: expected the concept, found none"
    for at, text in enumerate(rule.negative):
        if _counts(rule, ruleset, text):
            yield f"{rule.path}: negative[{at}]: expected no concept, found one"


def _counts(rule: Rule, ruleset: Ruleset, text: str) -> bool:
    """Whether the rule finds its concept in full in this text, alone: asserted or quoted, and no history."""
    alone = Ruleset((rule,), ruleset.ladders)
    return any(
        found.hit.assertion in {Assertion.ASSERTED, Assertion.QUOTED} and not found.hit.is_background
        for found in alone.scan(text, scopes=(rule.scope,))
    )


def _ladder_faults(ladder: Ladder, ruleset: Ruleset) -> Iterator[str]:
    path = f"ladder {ladder.id}"
    if not ladder.levels:
        yield f"{path}: levels: expected at least one, found none"
    for name, count in Counter(rung.level for rung in ladder.levels).items():
        if count > 1:
            yield f"{path}: level {name}: expected one of each level, found {count}"
    weights = [(rule.level, rule.weight) for rule in ruleset.rules if rule.ladder == ladder.id]
    for rung in ladder.levels:
        if not any(level >= rung.level and weight > 0 for level, weight in weights):
            yield f"{path}: level {rung.level}: expected a rule of this level or above, found none; it is unreachable"
