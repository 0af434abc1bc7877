"""Which of many filters want an alert: an inverted index over the rarest thing each filter cannot do without.

A filter is a conjunction of groups (any one term of a group is enough) and of terms that must be absent. It is filed
under every term of its rarest group, its access key; filters without a group are filed under one term that every alert
has. A filter's kind says which severity and alert types it asks for and whether anything is left to check. Long
postings are cut into one bucket a kind, so that a bucket is taken or skipped whole; in short ones, which are nearly
all, the kinds of the single filters are looked up. Filters with nothing left to check are never looked at otherwise;
negatives only ever are.

Filters are rows of a few lists, and terms are interned: at a million filters objects of their own would be most of the
memory, and walking them most of the collector's work. Adding and removing touch the postings of one filter, which stay
sorted where they are long: a binary search and one shift of memory (1 MB for 250,000 filters in one bucket). The row of
a removed filter is the next one's; there is nothing to rebuild or compact, and a posting without filters is gone.
"""

import re
from array import array
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import chain
from operator import attrgetter
from sys import intern
from typing import NamedTuple

from agents.routing.filters import match, wanted_values
from agents.routing.view import BITS, FACETS, View, keyword
from schemas.alert import Alert, AlertType
from schemas.subscription import Filter, HearsayRole

Terms = frozenset[str]

EVERY = "*"
"""The access key of filters without a group."""
_EVERY = (EVERY,)
UNRESOLVED = "unresolved:"

_TOKEN = re.compile(r"[^ ]+")
_NUMBERS = "I" if array("I").itemsize >= 4 else "L"

# How common a term is among 10,000 alerts where nobody has counted: only the order matters.
_PRIOR = {
    "stories": 1,
    "officials": 2,
    "speakers": 2,
    "posts": 3,
    "on_behalf_of": 3,
    "sources": 1000,
    "ladders": 2000,
    "levels": 2000,
    "channels": 3000,
    "novelty": 4000,
    "statement_kinds": 4000,
    "languages": 5000,
    "unresolved": 2000,
}
_WORD_PRIOR = 5

_SHORT = 48
"""Filters of a posting up to which looking at each is as quick as buckets, and far smaller."""
_MANY, _FEW = 4, 64
"""Buckets of a posting, and filters in one of them in the mean, from and up to which joining them is worth keeping."""
_TAKEN = 50_000
"""Joined buckets that are kept; then all are forgotten."""


class Kind(NamedTuple):
    """What the filters of one bucket have in common.

    is_pure  nothing is left to check once term, types and severity fit
    is_lone  filed under one term only: it cannot be found twice
    """

    severity: int
    types: int
    is_pure: bool
    is_lone: bool


_NOT, _FOUND, _FOUND_AGAIN, _CHECK, _CHECK_AGAIN = range(5)
"""What an alert does with a kind; `again` may come by other terms too."""


class _Posting:
    """The filters under one term where they are many, by kind.

    taken  (severity, type) to rows by what is done with them: found, found perhaps by other terms too, left to check,
           left to check perhaps by other terms too. Only where there are many buckets of few filters; forgotten with
           any change
    """

    __slots__ = ("buckets", "size", "taken")

    def __init__(self) -> None:
        self.buckets: dict[Kind, array[int]] = {}
        self.size = 0
        self.taken: dict[tuple[int, int], _Taken] = {}

    def add(self, kind: Kind, row: int) -> None:
        """Rows are sorted within a bucket."""
        rows = self.buckets.get(kind)
        if rows is None:
            self.buckets[kind] = array(_NUMBERS, (row,))
        elif row < rows[-1]:
            insort(rows, row)
        else:
            rows.append(row)
        self.size += 1
        if self.taken:
            self.taken = {}

    def remove(self, kind: Kind, row: int) -> None:
        """The bucket goes with its last filter."""
        rows = self.buckets[kind]
        del rows[bisect_left(rows, row)]
        if not rows:
            del self.buckets[kind]
        self.size -= 1
        if self.taken:
            self.taken = {}

    def take(self, severity: int, bit: int) -> "_Taken":
        """The buckets that an alert of this kind takes, joined."""
        taken = array(_NUMBERS), array(_NUMBERS), array(_NUMBERS), array(_NUMBERS)
        for (least, types, is_pure, is_lone), rows in self.buckets.items():
            if least <= severity and types & bit:
                taken[2 * (not is_pure) + (not is_lone)].extend(rows)
        return taken


_Taken = tuple["array[int]", "array[int]", "array[int]", "array[int]"]

Group = tuple[str, ...]
"""Terms, each once, any of which is enough."""


class Compiled(NamedTuple):
    """A filter as groups of terms. `exact` is the filter itself where terms alone do not decide.

    phrases  those terms that are more than one word of text, as often as they are asked for
    """

    severity: int
    types: int
    groups: tuple[Group, ...]
    absent: Group
    exact: Filter | None
    phrases: Group

    def wants(self, view: View, terms: Terms) -> bool:
        """Whether it wants the alert; leaves at the first condition that fails."""
        if view.severity < self.severity or not self.types & view.bit:
            return False
        for group in self.groups:
            if terms.isdisjoint(group):
                return False
        if not terms.isdisjoint(self.absent):
            return False
        return self.exact is None or not view.is_hearsay or match(self.exact, view).is_match


_Left = tuple[tuple[Group, ...], Group, Filter | None]
"""What is left to check of a filter once its access key, types and severity fit."""

_facets = attrgetter(*FACETS)
_WHO = ("speakers", "officials")
_ALL_TYPES = sum(BITS.values())


def compile_filter(filter: Filter) -> Compiled:
    """The filter as groups of terms."""
    groups: list[Group] = []
    for facet, values in zip(FACETS, _facets(filter), strict=True):
        if values:
            terms = [intern(f"{facet}:{value}") for value in wanted_values(filter, facet)]
            if filter.has_unresolved and facet in _WHO:
                terms.append(UNRESOLVED)
            groups.append(tuple(terms))
    absent: Group = ()
    phrases: list[str] = []
    if filter.keywords_any or filter.keywords_all or filter.keywords_none:
        words = list(map(_spellings, filter.keywords_all))
        if filter.keywords_any:
            words.append(_any_word(filter.keywords_any))
        absent = _any_word(filter.keywords_none)
        groups += words
        phrases = [term for group in (*words, absent) for term in group if " " in term]
    if filter.has_unresolved is False:
        absent += (UNRESOLVED,)
    exact = None
    if (filter.speakers or filter.officials) and len(frozenset(filter.hearsay)) < len(HearsayRole):
        exact = filter
    each = tuple(groups) if len(groups) < 2 else tuple(dict.fromkeys(groups))
    return Compiled(int(filter.severity), _types(filter), each, absent, exact, tuple(phrases))


def _types(filter: Filter) -> int:
    if not filter.types and not filter.families:
        return _ALL_TYPES
    types = 0
    for kind in filter.types or AlertType:
        if not filter.families or kind.family in filter.families:
            types |= BITS[kind]
    return types


def _any_word(words: tuple[str, ...]) -> Group:
    if len(words) == 1:
        return _spellings(words[0])
    return tuple(dict.fromkeys([term for word in words for term in _spellings(word)]))


@lru_cache(maxsize=65536)
def _spellings(word: str) -> Group:
    return tuple(map(intern, keyword(word).patterns))


class Index:
    """Filters by id. Not thread-safe; equal to asking `match` of every filter.

    frequencies  term (of `terms`) to the number of alerts that have it, of a sample; what is not in it is guessed from
                 its kind. It decides speed, never results.
    """

    def __init__(self, frequencies: Mapping[str, int] | None = None) -> None:
        self._frequencies: Mapping[str, int] = frequencies or {}
        self._postings: dict[str, array[int] | _Posting] = {}
        self._taken: list[_Posting] = []
        self._rows: dict[str, int] = {}
        self._phrases: dict[str, Counter[int]] = {}
        # One row a filter; a key of one term is that term.
        self._ids: list[str] = []
        self._codes: list[int] = []
        self._keys: list[str | Group] = []
        self._left: list[_Left | None] = []
        self._free: array[int] = array(_NUMBERS)
        self._phrases_of: dict[int, Group] = {}
        # Kinds by code, and for each severity and type that came what it does with every code.
        self._kinds: dict[Kind, int] = {}
        self._kind_of: list[Kind] = []
        self._fits: dict[tuple[int, int], list[int]] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, id: object) -> bool:
        return id in self._rows

    def add(self, id: str, filter: Filter) -> None:
        """File a filter; an earlier one of this id is replaced."""
        if id in self._rows:
            self.remove(id)
        severity, types, groups, absent, exact, phrases = compile_filter(filter)
        key: Group = _EVERY
        left: _Left | None = None
        if groups:
            key = groups[0] if len(groups) == 1 else min(groups, key=self._cost)
        if absent or exact is not None or len(groups) > 1:
            left = tuple(group for group in groups if group is not key), absent, exact
        kind = Kind(severity, types, left is None, len(key) == 1)
        code = self._kinds.get(kind)
        if code is None:
            code = self._kinds[kind] = len(self._kind_of)
            self._kind_of.append(kind)
        row = self._row(id, code, key[0] if len(key) == 1 else key, left)
        if phrases:
            self._learn(phrases)
            self._phrases_of[row] = phrases
        postings = self._postings
        for term in key:
            posting = postings.get(term)
            if posting is None:
                postings[term] = array(_NUMBERS, (row,))
            elif isinstance(posting, _Posting):
                posting.add(kind, row)
            elif len(posting) < _SHORT:
                posting.append(row)
            else:
                postings[term] = self._cut(posting, row)

    def _row(self, id: str, code: int, key: str | Group, left: _Left | None) -> int:
        if not self._free:
            row = len(self._ids)
            self._ids.append(id)
            self._codes.append(code)
            self._keys.append(key)
            self._left.append(left)
        else:
            row = self._free.pop()
            self._ids[row], self._codes[row], self._keys[row], self._left[row] = id, code, key, left
        self._rows[id] = row
        return row

    def _cut(self, rows: "array[int]", row: int) -> _Posting:
        posting = _Posting()
        kinds, codes, buckets = self._kind_of, self._codes, posting.buckets
        rows.append(row)
        for one in sorted(rows):
            own = kinds[codes[one]]
            bucket = buckets.get(own)
            if bucket is None:
                buckets[own] = array(_NUMBERS, (one,))
            else:
                bucket.append(one)
        posting.size = len(rows)
        return posting

    def remove(self, id: str) -> None:
        """Take a filter out; an unknown id is no error."""
        row = self._rows.pop(id, None)
        if row is None:
            return
        key = self._keys[row]
        for term in (key,) if isinstance(key, str) else key:
            posting = self._postings[term]
            if isinstance(posting, _Posting):
                posting.remove(self._kind_of[self._codes[row]], row)
                if not posting.size:
                    del self._postings[term]
            else:
                posting.remove(row)
                if not posting:
                    del self._postings[term]
        self._forget(self._phrases_of.pop(row, ()))
        self._ids[row], self._keys[row], self._left[row] = "", "", None
        self._free.append(row)

    def terms(self, view: View) -> Terms:
        """Everything of the alert that a filter of this index could name."""
        terms = {f"{facet}:{value}" for facet, values in view.facets.items() for value in values}
        words = set(view.latin.split())
        terms |= words
        tails = {word for word in view.plain.split() if not word.isascii()}
        terms |= tails
        if view.is_unresolved:
            terms.add(UNRESOLVED)
        heads = self._phrases.keys()
        if not heads.isdisjoint(words):
            terms.update(self._phrases_in(view.latin))
        if view.plain and not heads.isdisjoint(view.plain.split()):
            # folding and normalising spell Latin words differently; Latin phrases are the other text's
            terms.update(phrase for phrase in self._phrases_in(view.plain) if not phrase.isascii())
        return frozenset(terms)

    def find(self, view: View, terms: Terms) -> "array[int]":
        """Rows of the filters that want the alert, unsorted, each once; `id_of` names them."""
        found: array[int] = array(_NUMBERS)
        check: array[int] = array(_NUMBERS)
        # Rows that other terms may give too; within an array they are unique.
        again: list[Iterable[int]] = []
        check_again: list[Iterable[int]] = []
        short: array[int] = array(_NUMBERS)
        severity, bit = kind = view.severity, view.bit
        for posting in map(self._postings.get, chain(_EVERY, terms)):
            if posting is None:
                continue
            if not isinstance(posting, _Posting):
                short += posting
                continue
            buckets = posting.buckets
            if len(buckets) < _MANY or posting.size > len(buckets) * _FEW:
                for (least, types, is_pure, is_lone), rows in buckets.items():
                    if least <= severity and types & bit:
                        if is_lone:
                            (found if is_pure else check).extend(rows)
                        else:
                            (again if is_pure else check_again).append(rows)
                continue
            taken = posting.taken.get(kind) or self._take(posting, severity, bit)
            found += taken[0]
            if taken[1]:
                again.append(taken[1])
            if taken[2]:
                check += taken[2]
            if taken[3]:
                check_again.append(taken[3])
        if short:
            short_again, short_check_again = self._sort(short, kind, found, check)
            if short_again:
                again.append(short_again)
            if short_check_again:
                check_again.append(short_check_again)
        if again:
            found.extend(again[0] if len(again) == 1 else set().union(*again))
        if check:
            self._verify(check, view, terms, found)
        if check_again:
            self._verify(check_again[0] if len(check_again) == 1 else set().union(*check_again), view, terms, found)
        return found

    def _sort(
        self, rows: "array[int]", kind: tuple[int, int], found: "array[int]", check: "array[int]"
    ) -> tuple[set[int], set[int]]:
        """Rows of short postings by what is done with them; returns those that may come again: found, left to check."""
        fits = self._fits.setdefault(kind, [])
        if len(fits) < len(self._kind_of):
            fits += [_fit(one, *kind) for one in self._kind_of[len(fits) :]]
        codes = self._codes
        again: set[int] = set()
        check_again: set[int] = set()
        for row in rows:
            fit = fits[codes[row]]
            if not fit:
                continue
            if fit == _FOUND:
                found.append(row)
            elif fit == _FOUND_AGAIN:
                again.add(row)
            elif fit == _CHECK:
                check.append(row)
            else:
                check_again.add(row)
        return again, check_again

    def _take(self, posting: _Posting, severity: int, bit: int) -> _Taken:
        if len(self._taken) >= _TAKEN:
            for one in self._taken:
                one.taken = {}
            self._taken = []
        taken = posting.take(severity, bit)
        posting.taken[severity, bit] = taken
        self._taken.append(posting)
        return taken

    def _verify(self, rows: Iterable[int], view: View, terms: Terms, found: "array[int]") -> None:
        left = self._left
        keep, is_disjoint = found.append, terms.isdisjoint
        for row in rows:
            # only rows of kinds that are not pure come here
            groups, absent, exact = left[row]  # type: ignore[misc]
            for group in groups:
                if is_disjoint(group):
                    break
            else:
                if absent and not is_disjoint(absent):
                    continue
                if exact is None or not view.is_hearsay or match(exact, view).is_match:
                    keep(row)

    def id_of(self, row: int) -> str:
        """The id that a row of `find` stands for, as long as nothing was added or removed since."""
        return self._ids[row]

    def matches(self, alert: Alert | View) -> tuple[str, ...]:
        """Ids of the filters that want the alert, sorted."""
        view = alert if isinstance(alert, View) else View(alert)
        ids = self._ids
        return tuple(sorted([ids[row] for row in self.find(view, self.terms(view))]))

    def _cost(self, group: Group) -> int:
        counted = self._frequencies
        total = 0
        for term in group:
            count = counted.get(term)
            if count is None:
                kind, colon, _ = term.partition(":")
                count = _PRIOR[kind] if colon else 0 if counted else _WORD_PRIOR
            total += count + 1
        return total

    def _learn(self, phrases: Group) -> None:
        """Phrases are looked up only where their first word stands, and only in lengths that are asked for."""
        for phrase in phrases:
            head, length = _shape(phrase)
            self._phrases.setdefault(head, Counter())[length] += 1

    def _forget(self, phrases: Group) -> None:
        for phrase in phrases:
            head, length = _shape(phrase)
            lengths = self._phrases[head]
            lengths[length] -= 1
            if not lengths[length]:
                del lengths[length]
                if not lengths:
                    del self._phrases[head]

    def _phrases_in(self, text: str) -> Iterable[str]:
        places = [found.span() for found in _TOKEN.finditer(text)]
        heads = self._phrases
        for n, (start, end) in enumerate(places):
            lengths = heads.get(text[start:end])
            for length in lengths or ():
                if n + length <= len(places):
                    yield text[start : places[n + length - 1][1]]


def _fit(kind: Kind, severity: int, bit: int) -> int:
    if kind.severity > severity or not kind.types & bit:
        return _NOT
    return _FOUND + 2 * (not kind.is_pure) + (not kind.is_lone)


def _shape(phrase: str) -> tuple[str, int]:
    words = phrase.split()
    return words[0], len(words)


def term_frequencies(views: Iterable[View]) -> Counter[str]:
    """How many of these alerts have each term; phrases are not counted."""
    index = Index()
    counted: Counter[str] = Counter()
    for view in views:
        counted.update(index.terms(view))
    return counted
