"""Matchers compare labels as Alertmanager's do; patterns of users cost linear time or are not run."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.routing.matchers import glob, holds
from agents.routing.view import View
from schemas.subscription import Matcher, Operator, regex
from tests.agents.routing.builders import raised, said, words_of

LABELS = {"story": ("story-1",), "speaker": ("Jane Roe", "jane roe"), "level": ("3",), "channel": ("action",)}


@pytest.mark.parametrize(
    ("label", "operator", "value", "expected"),
    [
        ("story", "=", "story-1", True),
        ("story", "=", "story", False),
        ("speaker", "=", "jane roe", True),
        ("speaker", "!=", "jane roe", False),
        ("speaker", "!=", "Sam Poe", True),
        ("ladder", "=", "", True),
        ("ladder", "!=", "security", True),
        ("ladder", "=", "security", False),
        ("story", "=*", "story-*", True),
        ("story", "!*", "story-*", False),
        ("story", "=*", "*-?", True),
        ("level", "<=", "3", True),
        ("level", "<=", "2", False),
        ("level", ">=", "3", True),
        ("level", ">=", "10", False),
        ("story", ">=", "1", False),
        ("ladder", "<=", "9", False),
    ],
)
def test_comparisons(label: str, operator: str, value: str, expected: bool) -> None:
    """One value is enough for the ayes; the noes need all; a missing label is the empty text."""
    assert holds(Matcher(label, Operator(operator), value), LABELS) is expected


@pytest.mark.parametrize("operator", [Operator.REGEX, Operator.NOT_REGEX])
def test_expression_that_cannot_run_is_satisfied_by_nothing(operator: Operator) -> None:
    """A broken silence must not silence everything."""
    assert isinstance(regex("(broken"), str)
    assert holds(Matcher("story", operator, "(broken"), LABELS) is False


@given(st.text("ab*?", max_size=8), st.text("ab", max_size=8))
def test_glob_equals_its_definition(pattern: str, text: str) -> None:
    """* is any text, ? one character, the rest itself."""
    spelt = "".join({"*": ".*", "?": "."}.get(char, char) for char in pattern)
    assert glob(pattern, text) is bool(re.fullmatch(spelt, text))


def test_glob_does_not_explode() -> None:
    """The classic that hangs backtracking engines."""
    assert glob("a*" * 400 + "b", "a" * 1000) is False


def test_labels_of_alerts() -> None:
    """Type with and without its namespace, severity as word and number, names as written and folded."""
    labels = View(said("Óscar Díaz", evidence=(words_of("The bridge is closed"),))).labels
    assert labels == {
        "type": ("statement.new", "tocsin.statement.new.v1"),
        "family": ("statement",),
        "story": ("story-1",),
        "source": ("sample-news",),
        "novelty": ("new",),
        "kind": ("direct",),
        "severity": ("11", "WATCH"),
        "status": ("actual",),
        "entry": ("en_1",),
        "person": ("oscar diaz",),
        "speaker": ("oscar diaz", "Óscar Díaz"),
    }
    assert View(raised(3)).labels["level"] == ("3",)
