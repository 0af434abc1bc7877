"""Matchers on labels, as silences and inhibition rules use them. No user's pattern runs on a backtracking engine."""

from collections.abc import Iterable, Mapping

from schemas.subscription import Matcher, Operator, regex

Labels = Mapping[str, tuple[str, ...]]
"""Label to its values, sorted; a label without values is not there."""

_NOES = {Operator.NOT_EQUAL: Operator.EQUAL, Operator.NOT_REGEX: Operator.REGEX, Operator.NOT_GLOB: Operator.GLOB}


def all_hold(matchers: Iterable[Matcher], labels: Labels) -> bool:
    """Whether every matcher is satisfied."""
    return all(holds(matcher, labels) for matcher in matchers)


def holds(matcher: Matcher, labels: Labels) -> bool:
    """Whether one value of the label satisfies the matcher; for the noes, whether none satisfies its opposite.

    A missing label is the empty text. An expression that cannot run (see `validate`) is satisfied by nothing.
    """
    values = labels.get(matcher.label) or ("",)
    opposite = _NOES.get(matcher.operator)
    if opposite is Operator.REGEX and isinstance(regex(matcher.value), str):
        return False
    if opposite is not None:
        return not any(_compare(opposite, matcher.value, value) for value in values)
    return any(_compare(matcher.operator, matcher.value, value) for value in values)


def _compare(operator: Operator, wanted: str, value: str) -> bool:
    match operator:
        case Operator.EQUAL:
            return value == wanted
        case Operator.GLOB:
            return glob(wanted, value)
        case Operator.REGEX:
            compiled = regex(wanted)
            return not isinstance(compiled, str) and compiled(value)
        case Operator.AT_MOST | Operator.AT_LEAST:
            left, right = _whole(value), _whole(wanted)
            if left is None or right is None:
                return False
            return left <= right if operator is Operator.AT_MOST else left >= right
    return False


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.removeprefix("-").isdecimal() and len(text) < 10 else None


def glob(pattern: str, text: str) -> bool:
    """Whether the whole text fits a pattern in which * is any text and ? one character.

    At most len(pattern) · len(text) steps.

    >>> glob("story-*-?", "story-2026-b")
    True
    """
    p = t = 0
    star = anchor = -1
    while t < len(text):
        if p < len(pattern) and pattern[p] == "*":
            star, anchor = p, t
            p += 1
        elif p < len(pattern) and pattern[p] in ("?", text[t]):
            p, t = p + 1, t + 1
        elif star >= 0:
            anchor += 1
            p, t = star + 1, anchor
        else:
            return False
    return not pattern[p:].strip("*")
