"""Matcher: whole words, overlapping neighbours, longest first."""

from agents.text.folding import fold
from agents.text.matcher import Match, Matcher, longest_only
from schemas.event import Span


def found(matcher: Matcher[str], text: str) -> list[tuple[str, tuple[str, ...]]]:
    return [(match.span.of(text), match.payloads) for match in matcher.find(fold(text))]


def test_neighbours_that_share_a_space_are_both_found() -> None:
    """A name directly behind a title is not lost."""
    matcher = Matcher([("gen", "title"), ("Ruiz", "name"), ("lind", "name")])

    assert found(matcher, "Gen Ruiz Lind") == [("Gen", ("title",)), ("Ruiz", ("name",)), ("Lind", ("name",))]


def test_only_the_longest_at_each_start() -> None:
    """A phrase hides its own beginning."""
    matcher = Matcher([("harbour", "a"), ("harbour minister", "b")])

    assert found(matcher, "the harbour minister") == [("harbour minister", ("b",))]


def test_one_phrase_keeps_all_meanings() -> None:
    """Homonyms keep their payloads in order; equal ones are kept once."""
    matcher = Matcher([("Ruiz", "p1"), ("RUIZ", "p2"), ("ruiz", "p1")])

    assert found(matcher, "Ruiz’s") == [("Ruiz", ("p1", "p2"))]


def test_phrase_with_a_full_stop_is_found_in_both_spellings() -> None:
    """An abbreviated title counts with and without its stop."""
    matcher = Matcher([("Gen. Lind", "x"), ("U.S. envoy", "y")])

    assert found(matcher, "Gen. Lind, gen Lind and the U.S. envoy") == [
        ("Gen. Lind", ("x",)),
        ("gen Lind", ("x",)),
        ("U.S. envoy", ("y",)),
    ]


def test_phrase_does_not_run_over_punctuation() -> None:
    """Words on both sides of a comma are no phrase."""
    assert found(Matcher([("red mill", "x")]), "red, mill") == []


def test_phrases_without_latin_letters_are_dropped_and_counted() -> None:
    """An empty folding would match everywhere."""
    matcher = Matcher([("한국", "x"), ("…", "y")])

    assert (matcher.dropped, len(matcher), found(matcher, "a, b")) == (2, 0, [])


def test_longest_only_drops_what_lies_inside() -> None:
    """A match inside a longer one goes; one that only overlaps stays."""
    outer, inner, beside = Match(Span(0, 9), ("a",)), Match(Span(4, 9), ("b",)), Match(Span(5, 12), ("c",))

    assert longest_only([outer, inner, beside]) == [outer, beside]
