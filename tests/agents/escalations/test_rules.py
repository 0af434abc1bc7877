"""The rule language: parsing, evaluation, lint."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.escalations.detection import Ruleset, default_ruleset
from agents.escalations.lexicon import load_ladders, load_rules
from agents.escalations.lint import lint
from agents.escalations.rules import And, Expression, Near, Not, Or, RuleError, Term, evaluate, needs, parse, unfold
from schemas.event import Span

LADDER = """
[[ladder]]
id = "desk"
levels = [{ level = 1, name = "Watch", threshold = 500 }]
"""


def rules(body: str) -> Ruleset:
    """A ruleset of one concept on a ladder of one level."""
    source = f'[[concept]]\nid = "c"\nlevel = 1\nchannel = "action"\nweight = 600\n{body}\n'
    return Ruleset(load_rules(source, "mine.toml", ladder="desk"), load_ladders(LADDER, "mine.toml"))


def surfaces(ruleset: Ruleset, text: str, **options: object) -> list[str]:
    """The words of all hits."""
    return [found.hit.term for found in ruleset.scan(text, **options)]  # type: ignore[arg-type]


def test_operators_bind_not_near_and_or() -> None:
    """NOT binds closest, then NEAR, AND, OR."""
    assert parse("a OR b AND NOT c") == Or((Term("a"), And((Term("b"), Not(Term("c"))))))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "when: at the end: expected a term or an opening parenthesis, found nothing"),
        ("(a OR b", 'when: at the end: expected ")", found nothing'),
        ("a b", 'when: column 3: expected the end or an operator, found "b"'),
        ('a AND "b', "when: column 6: expected a closing quotation mark, found none"),
        ("a AND AND b", 'when: column 7: expected a term or an opening parenthesis, found "AND"'),
    ],
)
def test_a_fault_names_its_place(source: str, message: str) -> None:
    """What, where, found, expected."""
    with pytest.raises(RuleError) as raised:
        parse(source)
    assert str(raised.value) == message


def test_deep_nesting_is_refused() -> None:
    """A rule cannot exhaust the stack."""
    with pytest.raises(RuleError):
        parse("(" * 5000 + "a" + ")" * 5000)


def test_a_pattern_unfolds_to_its_spellings() -> None:
    """Plurals, verb forms, alternatives and hyphens are written once."""
    assert unfold("air-strike+") == ("air-strike", "airstrike", "air-strikes", "airstrikes")
    assert unfold("carry~ out") == ("carry out", "carries out", "carried out", "carrying out")
    assert unfold("retake/retook the town") == ("retake the town", "retook the town")


def test_near_counts_words_in_both_directions() -> None:
    """NEAR/2 allows two words between, in either order, within a sentence."""
    ruleset = rules('when = "ferry NEAR/2 sank"')

    assert surfaces(ruleset, "The ferry quickly sank.") == ["ferry"]
    assert surfaces(ruleset, "It sank, the old ferry.") == ["ferry"]
    assert surfaces(ruleset, "The ferry with all its crew sank.") == []
    assert surfaces(ruleset, "We took the ferry. It sank.") == []


def test_not_rules_out_the_sentence() -> None:
    """A sentence with the forbidden term has no hit; its neighbour keeps its own."""
    ruleset = rules('when = "strike AND NOT union"')

    assert surfaces(ruleset, "The union called a strike. A strike hit the base.") == ["strike"]


def test_a_wildcard_stands_for_the_rest_of_a_word() -> None:
    """`evacuat*` finds every form and nothing inside other words."""
    ruleset = rules('terms = ["evacuat*"]')

    assert surfaces(ruleset, "Evacuations began; evacuated, unevacuated.") == ["Evacuations", "evacuated"]


def test_capitals_match_only_capitals_and_lower_case_both() -> None:
    """An acronym is not the verb of the same letters."""
    assert surfaces(rules('terms = ["AID"]'), "AID sent aid.") == ["AID"]
    assert surfaces(rules('terms = ["aid"]'), "AID sent aid.") == ["AID", "aid"]


def test_weights_add_up_to_a_threshold() -> None:
    """Each pattern counts once; negative weights pull back."""
    ruleset = rules("threshold = 500\n[concept.weighted]\nsmoke = 300\nsirens = 300\ndrill = -300")

    assert surfaces(ruleset, "Smoke and sirens over the port.") == ["Smoke", "sirens"]
    assert surfaces(ruleset, "Smoke, smoke, smoke.") == []
    assert surfaces(ruleset, "Smoke and sirens: a drill.") == []


def test_a_number_pattern_skips_years_and_ages() -> None:
    """`#20` counts people, not birthdays."""
    ruleset = rules('when = "killed NEAR/3 #20"')

    assert surfaces(ruleset, "The blast killed 34 people.") == ["killed"]
    assert surfaces(ruleset, "A man aged 34 was killed.") == []
    assert surfaces(ruleset, "They were killed in 2019.") == []
    assert surfaces(ruleset, "The blast killed 3 people.") == []


@pytest.mark.parametrize("scope", ["global", "source:wire", "story:s1", "desk:night"])
@pytest.mark.parametrize("section", ["headline", "body", "caption"])
def test_scope_and_section_limit_a_rule(scope: str, section: str) -> None:
    """One rule, four scopes, three sections: hits exactly there."""
    from schemas.article import Segment, SegmentKind
    from schemas.event import Span

    ruleset = rules(f'terms = ["flare"]\nscope = "{scope}"\nsections = ["{section}"]')
    text = "flare\nflare\nflare"
    kinds = (SegmentKind.HEADLINE, SegmentKind.BODY, SegmentKind.CAPTION)
    segments = tuple(Segment(kind=kind, span=Span(6 * n, 6 * n + 5)) for n, kind in enumerate(kinds))

    found = ruleset.scan(text, segments, scopes=(scope,))
    elsewhere = ruleset.scan(text, segments, scopes=("source:other",))

    at = 6 * [kind.value for kind in kinds].index(section)
    assert [one.hit.span.start for one in found] == [at]
    assert [one.hit.span.start for one in elsewhere] == ([at] if scope == "global" else [])


EXAMPLES = 'positive = ["A flare rose."]\nnegative = ["Nothing rose."]'


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (f'terms = ["flare", "(i?)war"]\n{EXAMPLES}', '"(i?)war": expected words, found signs of a regular expression'),
        (f'terms = ["flare", "*"]\n{EXAMPLES}', '"*": expected at least 3 letters before a wildcard, found fewer'),
        (f'terms = ["flare", "война"]\n{EXAMPLES}', '"война": expected Latin letters or digits, found none'),
        (f'terms = ["flare", "storm"]\nexclude = ["storm"]\n{EXAMPLES}', '"storm": "storm" is also excluded'),
        (f'when = "NOT flare"\n{EXAMPLES}', "when: expected something to look for beside NOT, found none"),
        ('terms = ["flare"]\nnegative = ["Nothing rose."]', "positive: expected at least one example, found none"),
        ('terms = ["flare"]\npositive = ["A flare rose."]', "negative: expected at least one example, found none"),
        ('terms = ["flare"]\npositive = ["No."]\nnegative = ["No."]', "positive[0]: expected the concept, found none"),
        (
            'terms = ["flare"]\npositive = ["A flare."]\nnegative = ["A flare."]',
            "negative[0]: expected no concept, found one",
        ),
        (f'terms = ["flare"]\nladder = "none"\n{EXAMPLES}', 'ladder: expected a known ladder, found "none"'),
        (f'terms = ["flare"]\nscope = "mars"\n{EXAMPLES}', "scope: expected global, source:, story: or desk:"),
    ],
)
def test_lint_names_what_is_broken(body: str, fault: str) -> None:
    """Never-matching terms, wildcards alone, missing or wrong examples: each is named with its path."""
    faults = lint(rules(body))

    assert any(line.startswith("mine.toml: concept[0] c") and fault in line for line in faults), faults


def test_lint_names_an_unreachable_level_and_a_silent_rule() -> None:
    """A level that no rule feeds, and a rule without hits in 30 days."""
    ladders = load_ladders(
        LADDER.replace("levels = [", 'levels = [{ level = 3, name = "X", threshold = 1 }, '), "m.toml"
    )
    ruleset = Ruleset(rules(f'terms = ["flare"]\n{EXAMPLES}').rules, ladders)

    assert lint(ruleset, silent=frozenset(["c"])) == (
        "mine.toml: concept[0] c: expected hits, found none in 30 days",
        "ladder desk: level 3: expected a rule of this level or above, found none; it is unreachable",
    )


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("[[concept]]\nid = 3", "m.toml: concept[0]: expected exactly one of terms, when and weighted"),
        (
            '[[concept]]\nid = "c"\nterms = ["a"]\nlevel = 9\nchannel = "action"',
            "m.toml: concept[0] c: level: expected a whole number from 0 to 5, found 9",
        ),
        (
            '[[concept]]\nid = "c"\nterms = ["a"]\nlevel = 1\nchannel = "loud"',
            'm.toml: concept[0] c: channel: expected rhetoric or action, found "loud"',
        ),
        ("a = [", "m.toml: "),
    ],
)
def test_a_broken_file_names_the_path(source: str, message: str) -> None:
    """Rules that cannot be read are refused with file, place, expectation."""
    with pytest.raises(RuleError) as raised:
        load_rules(source, "m.toml", ladder="desk")
    assert str(raised.value).startswith(message)


def test_the_shipped_rules_have_no_fault() -> None:
    """Every shipped concept finds its positive and not its negative example."""
    assert lint(default_ruleset()) == ()


def test_the_shipped_rules_have_examples_and_cover_both_channels() -> None:
    """A positive and a negative example each; both ladders rise from level 1 to 5."""
    ruleset = default_ruleset()

    assert all(rule.positive and rule.negative for rule in ruleset.rules)
    assert {ladder.id for ladder in ruleset.ladders} == {"security", "disaster"}
    assert {rule.level for rule in ruleset.rules if rule.ladder == "security"} == {0, 1, 2, 3, 4, 5}


LEAVES = st.sampled_from(("a", "b", "c", "d", "#20")).map(Term)
EXPRESSIONS: st.SearchStrategy[Expression] = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(Near, inner, inner, st.integers(0, 3)),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: And(tuple(parts))),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: Or(tuple(parts))),
        st.builds(Not, inner),
    ),
    max_leaves=6,
)


@given(EXPRESSIONS, st.dictionaries(st.sampled_from(("a", "b", "c", "d", "#20")), st.integers(0, 5), max_size=5))
def test_where_an_expression_holds_its_needs_are_met(expression: Expression, places: dict[str, int]) -> None:
    """Of every set of patterns that it needs at least one is there."""
    found = {pattern: [Span(2 * at, 2 * at + 1)] for pattern, at in places.items()}
    starts = list(range(0, 12, 2))
    if evaluate(expression, found, starts):
        assert all(group & set(found) for group in needs(expression))


def test_needs_name_what_every_branch_wants() -> None:
    """Both sides of NEAR and AND, one group for an OR; nothing for numbers and for what must be absent."""
    assert needs(parse("(a OR b) NEAR/4 c AND NOT d AND #20")) == (frozenset("ab"), frozenset("c"))
    assert needs(parse("a OR #20")) == ()
