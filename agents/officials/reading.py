"""One pass over a text for all that recognition needs: names as written, posts as written, places and bodies."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from agents.officials import names
from agents.officials.names import word_set
from agents.officials.registry import Person, Registry
from agents.officials.titles import DOMAIN, Phrase, Place, Strength, Title, lexicon, phrase
from agents.text.folding import fold, fold_phrase
from agents.text.matcher import Match, Matcher, longest_only
from schemas.event import Span


class _Name(NamedTuple):
    person: str


class _Word(NamedTuple):
    phrase: str
    jurisdiction: str
    organisation: str | None


_Payload = _Name | _Word | Title

NOT_NAMES = word_set("""
    officer twitter facebook
    the a an in on at but and or so yet meanwhile following after before when while as if it he she they we i
    you his her their our its my this that these those there however asked according speaking former earlier
    later today yesterday tomorrow breaking live update updates exclusive watch read photo video who what why
    how where which also both like with from for by of to under since despite amid even last next no not only
    now then here still yes republican republicans democrat democrats democratic labour conservative
    conservatives tory liberal party acting deputy vice caretaker outgoing incumbent monday tuesday wednesday
    thursday friday saturday sunday january february march april may june july august september october november
    december said says mr mrs ms killing over into about against between during among late one two three first
    second new some many most several all every each other another such just once perhaps instead although
    though because until unless whether than additionally separately elsewhere finally secretary minister
    president council committee ministry parliament senate house army navy air police force forces guard court
    university company corporation inc ltd group bank motors electric assembly election elections hospital
    strike staff mills dynamics medical services office department agency commission union nations world
    international national islamic state street road square airport city county
    """)
"""Capitalised words that are no part of a person's name at its start, nor alone."""
_BODIES = word_set("""
    council committee ministry parliament senate house army navy police force forces guard court university
    company corporation inc ltd group bank motors electric assembly election elections hospital strike staff
    mills dynamics medical services office department agency commission union nations street road square airport
    city county tower organization organisation administration party foundation institute center centre
    association times post hotel forum stadium award prize cup league act bill
    """)


class Written(NamedTuple):
    """A name as it stands in the text.

    lead        where honorifics and ranks before it begin
    candidates  registry ids whose whole name this is, in any spelling
    is_exact    one of the spellings of the registry
    """

    span: Span
    lead: int
    parts: tuple[str, ...]
    candidates: tuple[str, ...] = ()
    is_exact: bool = False
    is_headline: bool = False

    @property
    def is_full(self) -> bool:
        """More than one word, or a whole name of the registry."""
        return len(self.parts) > 1 or self.is_exact

    @property
    def surname(self) -> str:
        """Key of the last word."""
        return names.key(self.parts[-1])


class Reading(NamedTuple):
    """What a text holds, in order of position."""

    names: tuple[Written, ...]
    phrases: tuple[Phrase, ...]
    places: tuple[Place, ...]


EMPTY = Reading((), (), ())


class Reader:
    """Reads texts against one registry; build once and share."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self._matcher: Matcher[_Payload] = Matcher(_phrases(registry))
        # Several detectors read one text one after the other, with and without all its names.
        self._noted = lru_cache(maxsize=4)(self._note)
        self._read = lru_cache(maxsize=4)(self._name)

    def read(self, text: str, *, all_names: bool = False) -> Reading:
        """All names, posts, places.

        all_names  also names that are nobody's in the registry and stand beside no post; without it they are left out
        """
        return self._read(text, all_names)

    def _name(self, text: str, all_names: bool) -> Reading:
        noted = self._noted(text)
        if noted is None and not all_names:
            return EMPTY
        exact, heads, phrases, places, is_lower = noted or _Noted((), (), (), (), _is_lower(text))
        if is_lower:
            return Reading(tuple(_as_written(text, hit) for hit in longest_only(exact)), phrases, places)
        found = _Names(self.registry, text, longest_only(exact), heads, places, phrases, all_names=all_names)
        return Reading(tuple(found.all()), phrases, places)

    def _note(self, text: str) -> "_Noted | None":
        """What does not depend on which names are wanted; None where nothing of the registry is in the text."""
        hits = self._matcher.find(fold(text))
        if not hits:
            return None
        is_lower = _is_lower(text)
        places = tuple(_places(text, hits, is_lower=is_lower))
        exact = tuple(hit for hit in hits if isinstance(hit.payloads[0], _Name) and _is_spelt(text, hit.span, is_lower))
        titles = longest_only([hit for hit in hits if any(isinstance(p, Title) for p in hit.payloads)])
        heads = tuple((hit.span, next(p for p in hit.payloads if isinstance(p, Title))) for hit in titles)
        if not heads:
            return _Noted(exact, heads, (), places, is_lower)
        starts = frozenset(hit.span.start for hit in exact)
        by_end = {place.span.end: place for place in places}
        phrases = tuple(phrase(text, span, title, by_end, starts) for span, title in heads)
        return _Noted(exact, heads, phrases, places, is_lower)


class _Noted(NamedTuple):
    """What a text holds of the registry and of the lexicon, before any other name is looked at."""

    exact: tuple[Match[_Payload], ...]
    heads: tuple[tuple[Span, Title], ...]
    phrases: tuple[Phrase, ...]
    places: tuple[Place, ...]
    is_lower: bool


def _phrases(registry: Registry) -> Iterator[tuple[str, _Payload]]:
    for person in registry.persons.values():
        for name in (person.name, *person.aliases):
            if len(name.split()) > 1:
                yield name, _Name(person.id)
    countries: set[str] = set()
    for state in registry.jurisdictions.values():
        for word in (state.name, *state.words):
            countries.add(fold_phrase(word).decode("ascii"))
            yield word, _Word(word, state.id, None)
    for body in registry.organisations.values():
        for word in (body.name, *body.aliases):
            yield word, _Word(word, body.jurisdiction, body.id)
    heads = lexicon()
    for words in dict.fromkeys((*heads, *registry.by_title)):
        # A title that begins with its country would hide the country.
        if not any(words.startswith(f"{country} ") for country in countries if len(country) < len(words)):
            yield words, Title(words, heads.get(words, Strength.REGISTRY), registry.by_title.get(words, ()))


_UPPER_LETTER = re.compile(f"[{names.UPPER}]")


def _is_lower(text: str) -> bool:
    """Whether a text has no capitals at all, as some sources send it."""
    return _UPPER_LETTER.search(text) is None


def _is_spelt(text: str, span: Span, is_lower: bool) -> bool:
    """Whether a name is written with a capital in its last word, where the text has capitals at all."""
    last = span.of(text).split()[-1:]
    return is_lower or bool(last and any(char.isupper() for char in last[0]))


def _places(text: str, hits: Iterable[Match[_Payload]], *, is_lower: bool) -> Iterator[Place]:
    for hit in hits:
        for payload in hit.payloads:
            if not isinstance(payload, _Word):
                continue
            spelling, written = payload.phrase, hit.span.of(text)
            if spelling.isupper() and len(spelling) <= 5:
                if written.replace(".", "") != spelling.replace(".", ""):
                    continue
            elif spelling[:1].isupper() and not is_lower and not written[:1].isupper():
                continue
            yield Place(hit.span, payload.jurisdiction, payload.organisation)
            break


def _as_written(text: str, hit: Match[_Payload]) -> Written:
    ids = tuple(payload.person for payload in hit.payloads if isinstance(payload, _Name))
    return Written(hit.span, hit.span.start, names.words(hit.span.of(text)) or (hit.span.of(text),), ids, is_exact=True)


class _Names:
    """Finds the names of one text."""

    def __init__(  # noqa: PLR0917  built in one place
        self,
        registry: Registry,
        text: str,
        exact: list[Match[_Payload]],
        heads: Sequence[tuple[Span, Title]],
        places: tuple[Place, ...],
        phrases: tuple[Phrase, ...],
        *,
        all_names: bool,
    ) -> None:
        self._registry = registry
        self._text = text
        self._exact = {hit.span.start: hit for hit in exact}
        self._titles: dict[int, tuple[int, Strength]] = {
            span.start: (span.end, title.strength) for span, title in heads
        }
        self._starts = sorted((*self._exact, *self._titles))
        self._all_names = all_names
        self._name_ends = {end for phrase in phrases for end in _ends_before(phrase)}
        self._title_ends = {span.end for span, _ in heads}
        self._places = {place.span.start: place.span.end for place in places}

    def all(self) -> Iterator[Written]:
        line_end, is_headline = -1, False
        surnames: set[str] = set()
        for run in names.RUN.finditer(self._text):
            begin = names.run_start(self._text, run.start())
            if begin is None:
                continue
            start, words = begin, self._text[begin : run.end()]
            if not self._may_matter(words, start, run.end(), surnames):
                continue
            if start >= line_end:
                line_end, is_headline = _line(self._text, start)
            for name in self._of_run(start, run.end(), is_headline=is_headline):
                if name.is_full:
                    surnames.add(name.surname)
                yield name

    def _may_matter(self, run: str, start: int, end: int, surnames: set[str]) -> bool:
        """Whether a run can be anybody, or stand in the way of a surname: most cannot, and need no further look."""
        at = bisect_left(self._starts, start)
        if at < len(self._starts) and self._starts[at] < end:
            return " " in run or start in self._exact
        if start - 1 in self._title_ends or start - 2 in self._title_ends or end in self._name_ends:
            return True
        is_single = " " not in run
        if is_single and start in self._places:
            return False
        if self._all_names and not is_single:
            return True
        for word in run.split():
            surname = names.key(word[:-2] if word.endswith(("'s", "’s")) else word)
            if surname in self._registry.by_surname or surname in surnames:
                return True
        return False

    def _of_run(self, start: int, end: int, *, is_headline: bool) -> Iterator[Written]:
        tokens = [(m.group(), m.start(), m.end()) for m in names.TOKEN.finditer(self._text, start, end)]
        group: list[tuple[str, int, int]] = []
        lead: int | None = None
        is_after_title = False
        index = 0
        while index < len(tokens):
            word, left, right = tokens[index]
            hit = self._exact.get(left)
            if hit is not None:
                taken = sum(1 for token in tokens[index:] if token[1] < hit.span.end)
                is_alone = is_headline or (not group and self._ends(tokens, index + taken))
                if is_alone and hit.span.end <= tokens[index + taken - 1][2]:
                    yield from self._flush(group, lead, is_headline=is_headline)
                    name = _as_written(self._text, hit)
                    yield name._replace(lead=left if lead is None else lead, is_headline=is_headline)
                    group, lead, is_after_title = [], None, False
                    index += taken
                    continue
            title = self._titles.get(left)
            bare = word.rstrip(".").casefold()
            is_surname = len(group) == 1 and index == len(tokens) - 1 and group[0][0].casefold() not in DOMAIN
            if title is not None and not (is_surname and not is_after_title and title[0] == right):
                yield from self._flush(group, lead, is_headline=is_headline)
                group = []
                is_rank = title[1] is Strength.RANK
                lead = (left if lead is None else lead) if is_rank else None
                is_after_title = True
                while index < len(tokens) and tokens[index][1] < title[0]:
                    index += 1
                continue
            if bare in names.HONORIFICS:
                yield from self._flush(group, lead, is_headline=is_headline)
                group, lead = [], left if lead is None else lead
                index += 1
                continue
            is_place = left in self._places and not is_after_title and not group
            if is_place or (bare in NOT_NAMES and not group) or (group and bare in _BODIES):
                if bare in _BODIES:
                    group = []  # "Example Council": the words before name the body
                yield from self._flush(group, lead, is_headline=is_headline)
                group, lead, is_after_title = [], None, False
                stop = self._places[left] if is_place else right
                while index < len(tokens) and tokens[index][1] < stop:
                    index += 1
                continue
            group.append(tokens[index])
            index += 1
            if word.endswith(("'s", "’s", "s'", "s’")):
                yield from self._flush(group, lead, is_headline=is_headline)
                group, lead, is_after_title = [], None, False
        yield from self._flush(group, lead, is_headline=is_headline)

    def _ends(self, tokens: list[tuple[str, int, int]], index: int) -> bool:
        """Whether a name may end before this token: what follows is no further word of a name."""
        if index >= len(tokens):
            return True
        if tokens[index - 1][0].endswith(("'s", "’s", "'", "’")):
            return True
        word, left, _ = tokens[index]
        return left in self._titles or (word.casefold() in NOT_NAMES and word.casefold() not in _BODIES)

    def _flush(self, group: list[tuple[str, int, int]], lead: int | None, *, is_headline: bool) -> Iterator[Written]:
        if not group or (is_headline and len(group) > 1):
            return
        start, end = group[0][1], group[-1][2]
        last = group[-1][0]
        end -= 2 if last.endswith(("'s", "’s")) else 1 if last.endswith(("'", "’")) else 0
        parts = names.words(" ".join(word for word, _, _ in group))
        if not parts or end <= start or not any(len(part) > 1 for part in parts):
            return
        ids = same_person(self._registry, parts) if len(parts) > 1 else ()
        yield Written(Span(start, end), start if lead is None else lead, parts, ids, is_headline=is_headline)


_COPULAS = tuple(len(words) for words in (" is ", " is now ", " remains ", " serves as ", ", who is ", " who is "))


def _ends_before(phrase: Phrase) -> Iterator[int]:
    """Where a name may end that this post follows."""
    if phrase.apposed is not None:
        yield phrase.apposed
    yield from (phrase.whole.start - length for length in _COPULAS)


def _line(text: str, at: int) -> tuple[int, bool]:
    """End of the line and whether it is written in Title Case or in capitals."""
    start = text.rfind("\n", 0, at) + 1
    end = text.find("\n", at)
    end = len(text) if end < 0 else end
    long_words = [word for word in text[start : min(end, start + 300)].split() if len(word) > 3 and word[0].isalpha()]
    capitals = sum(1 for word in long_words if word[0].isupper())
    is_prose = text[start:end].rstrip("\"'”’ ").endswith((".", "!", "…")) and capitals < len(long_words)
    return end + 1, len(long_words) >= 4 and capitals * 10 >= len(long_words) * 8 and not is_prose


def same_person(registry: Registry, parts: tuple[str, ...]) -> tuple[str, ...]:
    """Ids of the persons whose given name and surname agree with these words, in any transliteration."""
    if parts[-1].casefold() in names.SUFFIXES:
        return ()
    found: dict[str, None] = {}
    for count in range(1, min(3, len(parts) - 1) + 1):
        surname = names.key(" ".join(parts[-count:]))
        given = parts[:-count]
        for person_id in registry.by_surname.get(surname, ()):
            if _is_given(registry.persons[person_id], surname, given):
                found[person_id] = None
    return tuple(found)


def _is_given(person: Person, surname: str, given: tuple[str, ...]) -> bool:
    for name in (person.name, *person.aliases):
        spelt = names.words(name)
        known = [part for part in spelt if names.key(part) != surname]
        if known and names.agree(given[0], known[0]) and len(given[0]) > 1:
            rest = [part for part in given[1:] if len(part) > 1 and part.casefold() not in names.PARTICLES]
            if all(any(names.agree(part, other) for other in spelt[1:]) for part in rest):
                return True
    return False
