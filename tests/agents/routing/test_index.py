"""The index finds exactly the filters that `match` accepts, whatever was added, edited and removed before."""

import random
from array import array
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from agents.routing.filters import match
from agents.routing.index import Index, compile_filter, term_frequencies
from agents.routing.view import View
from schemas.alert import Alert
from schemas.subscription import Filter
from tests.agents.routing.builders import an_alert, random_alert, random_filter, words_of

SEEDS = st.integers(0, 2**32)


def brute_force(filters: dict[str, Filter], view: View) -> tuple[str, ...]:
    """The definition of truth, asked of every filter."""
    return tuple(sorted(id for id, wanted in filters.items() if match(wanted, view).is_match))


def index_of(filters: dict[str, Filter]) -> Index:
    """All of them, in order."""
    index = Index()
    for id, wanted in filters.items():
        index.add(id, wanted)
    return index


def test_index_equals_brute_force_on_a_hundred_thousand_pairs() -> None:
    """No filter more, none less; and enough of the pairs match for that to mean something."""
    r = random.Random(11)
    filters = {f"sub_{n:03}": random_filter(r) for n in range(500)}
    alerts = [random_alert(r, n) for n in range(200)]
    index = index_of(filters)
    index_with_counts = Index(term_frequencies(map(View, alerts)))
    for id, wanted in filters.items():
        index_with_counts.add(id, wanted)
    expected = [brute_force(filters, View(alert)) for alert in alerts]
    assert [index.matches(alert) for alert in alerts] == expected
    assert [index_with_counts.matches(alert) for alert in alerts] == expected
    assert 10_000 < sum(map(len, expected)) < 50_000


@given(SEEDS)
@settings(max_examples=60, deadline=None)
def test_compiled_filter_equals_the_filter(seed: int) -> None:
    """The early-exit form that a plain loop would use gives the same answers."""
    r = random.Random(seed)
    wanted, view = random_filter(r), View(random_alert(r))
    index = index_of({"sub_1": wanted})
    assert compile_filter(wanted).wants(view, index.terms(view)) == match(wanted, view).is_match


@given(st.text(max_size=12), st.text(max_size=12), st.text(max_size=40))
@settings(deadline=None)
def test_any_text_is_found_alike(word: str, other: str, text: str) -> None:
    """Keywords and texts of any script, with surrogates and marks: index and definition agree and never raise."""
    filters = {
        "any": Filter(keywords_any=(word, other)),
        "all": Filter(keywords_all=(word, other)),
        "none": Filter(keywords_none=(word,)),
        "who": Filter(speakers=(word,)),
    }
    view = View(an_alert(headline=text, evidence=(words_of(f"{text} {word}, {other}"),)))
    assert index_of(filters).matches(view) == brute_force(filters, view)


class Editing(RuleBasedStateMachine):
    """Filters come, change and go between alerts."""

    @initialize(seed=SEEDS, short=st.sampled_from((0, 1, 3, 48)))
    def begin(self, seed: int, short: int) -> None:
        """An empty index and a source of random filters; postings are cut early or late."""
        self.short = patch("agents.routing.index._SHORT", short)
        self.short.start()
        self.r = random.Random(seed)
        self.index = Index()
        self.filters: dict[str, Filter] = {}
        self.alerts: list[Alert] = [random_alert(self.r, n) for n in range(6)]

    @rule(many=st.integers(1, 8))
    def put(self, many: int) -> None:
        """Add, or replace what is there."""
        for _ in range(many):
            id = f"sub_{self.r.randrange(24):02}"
            self.filters[id] = random_filter(self.r)
            self.index.add(id, self.filters[id])

    @rule(many=st.integers(1, 8))
    def take(self, many: int) -> None:
        """Remove, also what is not there."""
        for _ in range(many):
            id = f"sub_{self.r.randrange(24):02}"
            self.filters.pop(id, None)
            self.index.remove(id)

    @invariant()
    def same(self) -> None:
        """Index and brute force agree."""
        assert len(self.index) == len(self.filters)
        for alert in self.alerts:
            view = View(alert)
            assert self.index.matches(view) == brute_force(self.filters, view)

    def teardown(self) -> None:
        """Other tests cut where the index does."""
        self.short.stop()


Editing.TestCase.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
TestEditing = Editing.TestCase


@pytest.mark.parametrize("short", [0, 48])
def test_nothing_is_left_of_removed_filters(monkeypatch: pytest.MonkeyPatch, short: int) -> None:
    """Postings, phrases, ids and what is left to check go with the last filter that needs them."""
    monkeypatch.setattr("agents.routing.index._SHORT", short)
    r = random.Random(5)
    filters = {f"sub_{n}": random_filter(r) for n in range(200)}
    index = index_of(filters)
    for id in filters:
        index.remove(id)
    kept = (index._postings, index._rows, index._phrases, index._phrases_of)
    assert kept == ({}, {}, {}, {})
    assert ({*index._ids}, {*index._keys}, {*index._left}) == ({""}, {""}, {None})


def test_edits_take_no_new_rows() -> None:
    """A filter that is edited a hundred times over needs the memory of one."""
    r = random.Random(7)
    index = index_of({f"sub_{n}": random_filter(r) for n in range(20)})
    for n in range(2_000):
        index.add(f"sub_{n % 20}", random_filter(r))
    assert (len(index), len(index._ids), len(index._free)) == (20, 20, 0)


def test_rows_that_are_used_again_stay_sorted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Removing finds rows by binary search, also the one that came late into an early row."""
    monkeypatch.setattr("agents.routing.index._SHORT", 0)
    index = index_of({f"sub_{n}": Filter(keywords_any=("bridge",)) for n in range(9)})
    for id in ("sub_1", "sub_4", "sub_7"):
        index.remove(id)
    for id in ("late_1", "late_2", "late_3"):
        index.add(id, Filter(keywords_any=("bridge",)))
    assert rows_under(index, "bridge") == list(range(9))
    for n in (0, 2, 3, 5, 6, 8):
        index.remove(f"sub_{n}")
    assert index.matches(an_alert(headline="Bridge closed")) == ("late_1", "late_2", "late_3")


def test_posting_is_sorted_when_it_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short postings lie in any order once rows were used again; long ones are searched."""
    monkeypatch.setattr("agents.routing.index._SHORT", 3)
    index = index_of({f"sub_{n}": Filter(keywords_any=("bridge",)) for n in range(3)})
    index.remove("sub_0")
    index.remove("sub_1")
    for n in range(3, 6):
        index.add(f"sub_{n}", Filter(keywords_any=("bridge",)))
    assert rows_under(index, "bridge") == [0, 1, 2, 3]


def test_new_kinds_are_seen_after_the_first_alert() -> None:
    """What an alert does with kinds is remembered; a filter of another severity comes later and is found."""
    index, alert = index_of({"first": Filter(keywords_any=("bridge",))}), an_alert(headline="Bridge closed")
    assert index.matches(alert) == ("first",)
    index.add("second", Filter(keywords_any=("bridge",), keywords_none=("harbour",)))
    assert index.matches(alert) == ("first", "second")


@pytest.mark.parametrize("short", [0, 48])
def test_word_in_two_spellings_is_found_once(monkeypatch: pytest.MonkeyPatch, short: int) -> None:
    """Words that fold alike are one term, filed and removed once."""
    monkeypatch.setattr("agents.routing.index._SHORT", short)
    index = index_of({"both": Filter(keywords_any=("Bridge", "bridge")), "one": Filter(keywords_any=("bridge",))})
    assert index.matches(an_alert(headline="Bridge closed")) == ("both", "one")
    assert len(rows_under(index, "bridge")) == 2


def rows_under(index: Index, term: str) -> list[int]:
    """The rows of one posting, as they lie."""
    posting = index._postings[term]
    return list(posting) if isinstance(posting, array) else [row for rows in posting.buckets.values() for row in rows]


def test_filter_is_filed_under_its_rarest_group() -> None:
    """Of a common source and a rare word, the word; what has only negatives is under the term of all."""
    index = Index({"sources:sample-news": 900, "bridge": 3, "harbour": 4})
    index.add("both", Filter(sources=("sample-news",), keywords_any=("bridge", "harbour")))
    index.add("all", Filter(keywords_all=("bridge", "harbour")))
    index.add("none", Filter(keywords_none=("bridge",)))
    where = {term: sorted(map(index.id_of, rows_under(index, term))) for term in index._postings}
    assert where == {"bridge": ["all", "both"], "harbour": ["both"], "*": ["none"]}


def test_what_is_kept_joined_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Joined buckets are forgotten all at once; results do not change."""
    monkeypatch.setattr("agents.routing.index._SHORT", 0)
    monkeypatch.setattr("agents.routing.index._TAKEN", 2)
    r = random.Random(3)
    filters = {f"sub_{n}": random_filter(r) for n in range(300)}
    index = index_of(filters)
    views = [View(random_alert(r, n)) for n in range(20)]
    assert [index.matches(view) for view in views] == [brute_force(filters, view) for view in views]
    assert 0 < len(index._taken) <= 2
