"""Which of many filters want an alert: an inverted index over the rarest thing each filter cannot do without.

A filter is a conjunction of groups (any one term of a group is enough) and of terms that must be absent. It is filed
under every term of its rarest group, its access key; filters without a group are filed under one term that every alert
has. Postings are cut into buckets by severity, alert types and by what is left to check, so that a bucket is taken or
skipped whole. Filters with nothing left to check are never looked at one by one; negatives only ever are.

Adding and removing touch the postings of one filter. Numbers only grow, so postings stay sorted: removing is a binary
search and one shift of memory (1 MB for 250,000 filters in one bucket); there is nothing to rebuild or compact, and a
posting without filters is gone.
"""

import re
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import chain
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

_MANY, _FEW = 4, 64
"""Buckets of a posting, and filters in one of them in the mean, from and up to which joining them is worth keeping."""
_TAKEN = 50_000
"""Joined buckets that are kept; then all are forgotten."""


class Bucket(NamedTuple):
    """What the filters of one posting have in common.

    is_pure  nothing is left to check once term, types and severity fit
    is_lone  filed under this term only: it cannot be found twice
    """

    severity: int
    types: int
    is_pure: bool
    is_lone: bool


class _Posting:
    """The filters under one term, by bucket, and for each kind of alert that was asked for what it takes at once.

    taken  (severity, type) to numbers: found for certain, found perhaps by other terms too, left to check, left to
           check perhaps by other terms too. Only where there are many buckets of few filters; forgotten with any change
    """

    __slots__ = ("buckets", "size", "taken")

    def __init__(self) -> None:
        self.buckets: dict[Bucket, array[int]] = {}
        self.size = 0
        self.taken: dict[tuple[int, int], _Taken] = {}

    def add(self, bucket: Bucket, number: int) -> None:
        """Numbers only grow."""
        self.buckets.setdefault(bucket, array(_NUMBERS)).append(number)
        self.size += 1
        if self.taken:
            self.taken = {}

    def remove(self, bucket: Bucket, number: int) -> None:
        """The bucket goes with its last filter."""
        numbers = self.buckets[bucket]
        del numbers[bisect_left(numbers, number)]
        if not numbers:
            del self.buckets[bucket]
        self.size -= 1
        if self.taken:
            self.taken = {}

    def take(self, severity: int, bit: int) -> "_Taken":
        """The buckets that an alert of this kind takes, joined."""
        taken = array(_NUMBERS), array(_NUMBERS), array(_NUMBERS), array(_NUMBERS)
        for (least, types, is_pure, is_lone), numbers in self.buckets.items():
            if least <= severity and types & bit:
                taken[2 * (not is_pure) + (not is_lone)].extend(numbers)
        return taken


_Taken = tuple["array[int]", "array[int]", "array[int]", "array[int]"]


class Compiled(NamedTuple):
    """A filter as sets of terms. `exact` is the filter itself where terms alone do not decide."""

    severity: int
    types: int
    groups: tuple[Terms, ...]
    absent: Terms
    exact: Filter | None

    def wants(self, view: View, terms: Terms) -> bool:
        """Whether it wants the alert; leaves at the first condition that fails."""
        if view.severity < self.severity or not self.types & view.bit:
            return False
        for group in self.groups:
            if group.isdisjoint(terms):
                return False
        if not self.absent.isdisjoint(terms):
            return False
        return self.exact is None or not view.is_hearsay or match(self.exact, view).is_match


class _Entry(NamedTuple):
    """One filter in the index: what is left to check, and where it is filed."""

    id: str
    groups: tuple[Terms, ...]
    absent: Terms
    exact: Filter | None
    access: Terms
    bucket: Bucket
    phrases: tuple[str, ...]


def compile_filter(filter: Filter) -> Compiled:
    """The filter as sets of terms."""
    groups: list[Terms] = []
    for facet in FACETS:
        values = wanted_values(filter, facet)
        if not values:
            continue
        terms = {f"{facet}:{value}" for value in values}
        if facet in ("speakers", "officials") and filter.has_unresolved:
            terms.add(UNRESOLVED)
        groups.append(frozenset(terms))
    if filter.keywords_any:
        groups.append(_any_word(filter.keywords_any))
    groups += [_any_word((word,)) for word in filter.keywords_all]
    absent = _any_word(filter.keywords_none)
    if filter.has_unresolved is False:
        absent |= {UNRESOLVED}
    types = 0
    for kind in filter.types or AlertType:
        if not filter.families or kind.family in filter.families:
            types |= BITS[kind]
    names_people = bool(filter.speakers or filter.officials)
    is_whole = len(frozenset(filter.hearsay)) == len(HearsayRole)
    exact = filter if names_people and not is_whole else None
    return Compiled(int(filter.severity), types, tuple(dict.fromkeys(groups)), absent, exact)


def _any_word(words: Iterable[str]) -> Terms:
    return frozenset(pattern for word in words for pattern in keyword(word).patterns)


class Index:
    """Filters by id. Not thread-safe; equal to asking `match` of every filter.

    frequencies  term (of `terms`) to the number of alerts that have it, of a sample; what is not in it is guessed from
                 its kind. It decides speed, never results.
    """

    def __init__(self, frequencies: Mapping[str, int] | None = None) -> None:
        self._frequencies: Mapping[str, int] = frequencies or {}
        self._postings: dict[str, _Posting] = {}
        self._taken: list[_Posting] = []
        self._entries: dict[int, _Entry] = {}
        self._numbers: dict[str, int] = {}
        self._next = 0
        self._phrases: dict[str, Counter[int]] = {}

    def __len__(self) -> int:
        return len(self._numbers)

    def __contains__(self, id: object) -> bool:
        return id in self._numbers

    def add(self, id: str, filter: Filter) -> None:
        """File a filter; an earlier one of this id is replaced."""
        if id in self._numbers:
            self.remove(id)
        compiled = compile_filter(filter)
        access = min(compiled.groups, key=self._cost) if compiled.groups else frozenset((EVERY,))
        groups = tuple(group for group in compiled.groups if group is not access)
        is_pure = not groups and not compiled.absent and compiled.exact is None
        bucket = Bucket(compiled.severity, compiled.types, is_pure, len(access) == 1)
        number, self._next = self._next, self._next + 1
        phrases = self._learn(filter)
        self._entries[number] = _Entry(id, groups, compiled.absent, compiled.exact, access, bucket, phrases)
        self._numbers[id] = number
        for term in access:
            posting = self._postings.get(term)
            if posting is None:
                posting = self._postings[term] = _Posting()
            posting.add(bucket, number)

    def remove(self, id: str) -> None:
        """Take a filter out; an unknown id is no error."""
        number = self._numbers.pop(id, None)
        if number is None:
            return
        entry = self._entries.pop(number)
        self._forget(entry.phrases)
        for term in entry.access:
            posting = self._postings[term]
            posting.remove(entry.bucket, number)
            if not posting.size:
                del self._postings[term]

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
        """Numbers of the filters that want the alert, unsorted, each once; `id_of` names them."""
        found: array[int] = array(_NUMBERS)
        check: array[int] = array(_NUMBERS)
        # Numbers that other terms may give too, in arrays: within one they are unique.
        again: list[array[int]] = []
        check_again: list[array[int]] = []
        severity, bit = kind = view.severity, view.bit
        for posting in map(self._postings.get, chain(_EVERY, terms)):
            if posting is None:
                continue
            buckets = posting.buckets
            if len(buckets) < _MANY or posting.size > len(buckets) * _FEW:
                for (least, types, is_pure, is_lone), numbers in buckets.items():
                    if least <= severity and types & bit:
                        if is_lone:
                            (found if is_pure else check).extend(numbers)
                        else:
                            (again if is_pure else check_again).append(numbers)
                continue
            taken = posting.taken.get(kind) or self._take(posting, severity, bit)
            found += taken[0]
            if taken[1]:
                again.append(taken[1])
            if taken[2]:
                check += taken[2]
            if taken[3]:
                check_again.append(taken[3])
        if again:
            found.extend(again[0] if len(again) == 1 else set().union(*again))
        if check:
            self._verify(check, view, terms, found)
        if check_again:
            self._verify(check_again[0] if len(check_again) == 1 else set().union(*check_again), view, terms, found)
        return found

    def _take(self, posting: _Posting, severity: int, bit: int) -> _Taken:
        if len(self._taken) >= _TAKEN:
            for one in self._taken:
                one.taken = {}
            self._taken = []
        taken = posting.take(severity, bit)
        posting.taken[severity, bit] = taken
        self._taken.append(posting)
        return taken

    def _verify(self, numbers: Iterable[int], view: View, terms: Terms, found: "array[int]") -> None:
        entries = self._entries
        keep = found.append
        for number in numbers:
            _, groups, absent, exact, _, _, _ = entries[number]
            for group in groups:
                if group.isdisjoint(terms):
                    break
            else:
                if absent and not absent.isdisjoint(terms):
                    continue
                if exact is None or not view.is_hearsay or match(exact, view).is_match:
                    keep(number)

    def id_of(self, number: int) -> str:
        """The id that a number of `find` stands for, as long as nothing was added or removed since."""
        return self._entries[number].id

    def matches(self, alert: Alert | View) -> tuple[str, ...]:
        """Ids of the filters that want the alert, sorted."""
        view = alert if isinstance(alert, View) else View(alert)
        entries = self._entries
        return tuple(sorted(entries[number].id for number in self.find(view, self.terms(view))))

    def _cost(self, group: Terms) -> int:
        counted = self._frequencies
        total = 0
        for term in group:
            count = counted.get(term)
            if count is None:
                kind, colon, _ = term.partition(":")
                count = _PRIOR[kind] if colon else 0 if counted else _WORD_PRIOR
            total += count + 1
        return total

    def _learn(self, filter: Filter) -> tuple[str, ...]:
        """Phrases are looked up only where their first word stands, and only in lengths that are asked for."""
        words = (*filter.keywords_any, *filter.keywords_all, *filter.keywords_none)
        phrases = tuple(pattern for word in words for pattern in keyword(word).patterns if " " in pattern)
        for phrase in phrases:
            head, length = _shape(phrase)
            self._phrases.setdefault(head, Counter())[length] += 1
        return phrases

    def _forget(self, phrases: tuple[str, ...]) -> None:
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
