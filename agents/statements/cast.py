"""Who is meant: titles without a name and surnames alone, resolved within the entry, then within the story.

"The president", "the foreign minister" and "Roe" stand for somebody. Within an entry the nearest earlier person who
holds such a post is meant; across entries only the one person of the story who does. With two candidates, or none, the
words stay as they are: a guess is a defect.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence, Set
from datetime import datetime
from functools import lru_cache
from string import ascii_letters, digits
from typing import NamedTuple

from msgspec.structs import replace

from agents.officials.recognition import Recogniser
from agents.text.folding import fold, fold_phrase
from agents.text.sentences import sentence_around
from schemas.article import EntryRevision
from schemas.detection import Attribution, MatchStatus, OfficialMention, Speaker, SpeakerType, Statement
from schemas.event import Span, Struct

MAX = 200
"""Most persons remembered for a story; the least recently named go first."""

_LONG = 10_000
"""Code points; of a longer text every word is looked at, which takes the same time whatever stands in it."""
_CASTS = 64
"""Most casts whose surnames are kept in mind."""

_ARTICLES = frozenset(("the", "a", "an", "his", "her", "their", "its", "our", "country", "s"))
_DEPUTIES = frozenset(("deputy", "vice", "assistant", "under", "shadow", "former", "ex", "acting"))
_PLACES = frozenset(("of", "for", "in"))
_WORD = re.compile(r"\b[^\W\d_][\w'’-]+")
_JOINED = frozenset(f"{ascii_letters}{digits}_'’-")
"""What the words of a text without letters beyond ASCII are made of."""


class Member(Struct, frozen=True, array_like=True):
    """A person whom the story has named in full.

    post   what the person holds, folded, in the words of the text or the registry; "" where unknown
    place  folded names of the jurisdiction and its people, space-separated
    at     event time of the latest entry that named the person, seconds since 1970 UTC
    """

    name: str
    surname: str
    post: str = ""
    place: str = ""
    at: int = 0


class Cast(Struct, frozen=True):
    """Persons of a story, by name.

    The latest entry wins by its event time, not by its arrival: an entry that is read again changes nothing.
    """

    members: tuple[Member, ...] = ()

    def with_members(self, members: Iterable[Member]) -> "Cast":
        """The cast after these were named; a post once known is kept where a later naming gives none."""
        named = list(members)
        if not named:
            return self
        by_name = {member.name: member for member in self.members}
        for member in named:
            known = by_name.get(member.name)
            older, newer = (member, member) if known is None else sorted((known, member), key=_age)
            post = newer if newer.post else older
            by_name[member.name] = replace(newer, post=post.post, place=post.place)
        if len(by_name) == len(self.members) and all(by_name[member.name] == member for member in self.members):
            return self
        latest = sorted(by_name.values(), key=_age)[-MAX:]
        return Cast(tuple(sorted(latest, key=lambda member: member.name)))


def _age(member: Member) -> tuple[int, str, str, str]:
    return member.at, member.post, member.place, member.name


class _Named(NamedTuple):
    start: int
    member: Member


class Resolver:
    """Resolves speakers of one revision; pure."""

    def __init__(self, recogniser: Recogniser | None = None) -> None:
        self._recogniser = recogniser or Recogniser()
        self._owners: dict[int, tuple[Cast, dict[str, Member | None]]] = {}

    def resolve(
        self, entry: EntryRevision, statements: Sequence[Statement], cast: Cast
    ) -> tuple[tuple[Statement, ...], Cast]:
        """The statements with the speakers that can be told, and the cast after this entry."""
        at = int(entry.published_at.timestamp())
        found = [*self._officials(entry.text, entry.published_at), *_speakers(statements)]
        here = [_Named(start, replace(member, at=at)) for start, member in found]
        if not here and not cast.members:
            return tuple(statements), cast  # nobody is known by name, so nobody is meant
        surnames = _surnames(entry.text, self._owners_of(cast), here)
        named = sorted([*here, *surnames], key=lambda found: found.start)
        wider = cast.with_members(replace(one.member, at=max(at, one.member.at)) for one in named)
        scene = _Scene(entry.text, named, wider)
        return tuple(_resolved(statement, scene) for statement in statements), wider

    def _owners_of(self, cast: Cast) -> dict[str, Member | None]:
        """Kept by the identity of the cast, which lives as long: an entry that names nobody leaves it as it is."""
        kept = self._owners.get(id(cast))
        if kept is None:
            if len(self._owners) >= _CASTS:
                self._owners.clear()
            kept = self._owners[id(cast)] = cast, _owners(cast.members)
        return kept[1]

    def _officials(self, text: str, at: datetime) -> list[_Named]:
        mentions = self._recogniser.recognise(text, (), at)
        return [
            _Named(mention.span.start, self._member(mention))
            for mention in mentions
            if mention.match is MatchStatus.MATCHED and " " in mention.name and "title_only" not in mention.reasons
        ]

    def _member(self, mention: OfficialMention) -> Member:
        place = self._recogniser.registry.jurisdictions.get(mention.jurisdiction or "")
        words = () if place is None else (place.name, *place.words)
        return Member(
            name=mention.name,
            surname=_surname(mention.name),
            post=_fold(mention.post or ""),
            place=" ".join(map(_fold, words)),
        )


def _speakers(statements: Sequence[Statement]) -> list[_Named]:
    return [
        _Named(speaker.span.start, Member(speaker.name, _surname(speaker.name), _fold(speaker.role or "")))
        for statement in statements
        for speaker in (statement.speaker, *statement.joint)
        if speaker is not None
        and speaker.type is SpeakerType.PERSON
        and speaker.span is not None
        and " " in speaker.name
        and speaker.name in speaker.surface
    ]


def _owners(members: Iterable[Member]) -> dict[str, Member | None]:
    """Whose a surname is, the one named last; None where two share it."""
    owners: dict[str, Member | None] = {}
    for member in members:
        if len(member.surname) > 2:
            _own(owners, member, owners.get(member.surname, member))
    return owners


def _own(owners: dict[str, Member | None], member: Member, known: Member | None) -> None:
    owners[member.surname] = member if known is not None and known.name == member.name else None


def _surnames(text: str, cast: dict[str, Member | None], here: Sequence[_Named]) -> list[_Named]:
    """Where the text names a known person by surname alone; a surname that two share is nobody's.

    cast  as _owners() gives it
    """
    own: dict[str, Member | None] = {}
    for found in here:
        surname = found.member.surname
        if len(surname) > 2:
            _own(own, found.member, own.get(surname, cast.get(surname, found.member)))
    if not own and not cast:
        return []
    words = _words_held(text, own.keys() | cast.keys() if own else cast.keys())
    named = ((at, own.get(surname) or (None if surname in own else cast.get(surname))) for at, surname in words)
    return [_Named(at, member) for at, member in named if member is not None]


def _words_held(text: str, surnames: Set[str]) -> Iterator[tuple[int, str]]:
    """Where a word stands that ends in one of the surnames, and which; of other words only some.

    A text without letters beyond ASCII is folded once and asked for the surnames, and only where one stands is looked
    at more closely.
    """
    plain = text
    for mark in "“”‘’–—…":
        plain = plain.replace(mark, " ")
    if not plain.isascii() or len(plain) > _LONG:
        known = {word: surname for word in set(_WORD.findall(text)) if (surname := _surname(word)) in surnames}
        for match in _WORD.finditer(text) if known else ():
            if match.group() in known:
                yield match.start(), known[match.group()]
        return
    held = surnames & set(fold(plain).data.decode("ascii").split())
    if not held:
        return
    plain = plain.lower()
    stretches: set[tuple[int, int]] = set()
    for surname in held:
        at = plain.find(surname)
        while at >= 0:
            start, end = at, at + len(surname)
            while start and text[start - 1] in _JOINED:
                start -= 1
            while end < len(text) and text[end] in _JOINED:
                end += 1
            stretches.add((start, end))
            at = plain.find(surname, end)
    for start, end in sorted(stretches):
        for match in _WORD.finditer(text, start, end):
            yield match.start(), _surname(match.group())


class _Scene:
    """A text and who is named where in it. What is asked of it costs the same in a long text as in a short one."""

    def __init__(self, text: str, named: Sequence[_Named], cast: Cast) -> None:
        self.text = text
        self.cast = cast
        self._named = named
        self._starts = [found.start for found in named]
        self._first: dict[str, int] = {}  # name -> place of its first naming
        self._others = len(named)  # place of the first naming of a second person
        for place, found in enumerate(named):
            self._first.setdefault(found.member.name, place)
            if len(self._first) > 1:
                self._others = min(self._others, place)
        self._holders: dict[str, tuple[list[int], Member | None]] = {}

    def near(self, start: int, end: int) -> dict[str, Member]:
        """Who is named in text[start:end], by name."""
        places = range(bisect_left(self._starts, start), bisect_left(self._starts, end))
        return {self._named[place].member.name: self._named[place].member for place in places}

    def before(self, end: int, name: str) -> tuple[bool, Member | None, bool]:
        """Whether anybody is named before `end`; the one person who is; whether this name is among them."""
        count = bisect_left(self._starts, end)
        alone = self._named[count - 1].member if 0 < count <= self._others else None
        return count > 0, alone, self._first.get(name, count) < count

    def holder(self, title: str, end: int) -> Member | None:
        """The nearest person before `end` who holds such a post, else the only one of the story who does."""
        known = self._holders.get(title)
        if known is None:
            places = [place for place, found in enumerate(self._named) if holds(found.member, title)]
            known = places, _only(member for member in self.cast.members if holds(member, title))
            self._holders[title] = known
        places, alone = known
        last = bisect_left(places, bisect_left(self._starts, end)) - 1
        return alone if last < 0 else self._named[places[last]].member


def _resolved(statement: Statement, scene: _Scene) -> Statement:
    speaker = statement.speaker
    if speaker is None or speaker.span is None:
        return statement
    if _is_pronoun(speaker):
        return _by_pronoun(statement, speaker, speaker.span, scene)
    is_title = speaker.type is SpeakerType.POST
    if is_title:
        found = scene.holder(_fold(speaker.name), speaker.span.start)
    elif speaker.type is SpeakerType.PERSON and " " not in speaker.name.strip():
        found = _only(member for member in scene.cast.members if member.surname == _surname(speaker.name))
    else:
        found = None
    if found is None or found.name == speaker.name:
        return statement
    role = speaker.surface if is_title else speaker.role
    named = replace(speaker, type=SpeakerType.PERSON, name=found.name, role=role)
    return replace(
        statement,
        speaker=named,
        attribution=Attribution.INFERRED if is_title else statement.attribution,
        reasons=(*statement.reasons, "title_of_known_person" if is_title else "surname_of_known_person"),
    )


def _is_pronoun(speaker: Speaker) -> bool:
    return speaker.surface.casefold() in ("he", "she")


def _by_pronoun(statement: Statement, speaker: Speaker, span: Span, scene: _Scene) -> Statement:
    """The one person named in this sentence or the one before it, else in the entry so far.

    With several the extractor's choice stands if it is among them; else nobody is meant that we could tell.
    """
    near = scene.near(_sentence_before(scene.text, span.start), span.start)
    found = _only(near.values())
    is_known = speaker.name in near
    if not near and statement.attribution is Attribution.UNRESOLVED:
        is_anybody, found, is_known = scene.before(span.start, speaker.name)
    else:
        is_anybody = bool(near)
    if not is_anybody or is_known:
        return statement
    if found is not None:
        named = replace(speaker, type=SpeakerType.PERSON, name=found.name, role=None)
        attribution = Attribution.INFERRED
    else:
        named = replace(speaker, name=speaker.surface, role=None)
        attribution = Attribution.UNRESOLVED
    reasons = (*statement.reasons, "nearest_known_person")
    return replace(statement, speaker=named, attribution=attribution, reasons=reasons)


def _sentence_before(text: str, at: int) -> int:
    """Where the sentence before the one around `at` starts, in the same paragraph or the one before."""
    here = sentence_around(text, at, at + 1).start
    end = here
    while end and text[end - 1].isspace():
        end -= 1
    return sentence_around(text, end - 1, end).start if end else here


def _only(members: Iterable[Member]) -> Member | None:
    found = {member.name: member for member in members}
    return next(iter(found.values())) if len(found) == 1 else None


def holds(member: Member, title: str) -> bool:
    """Whether a folded title fits what the person holds: same office, same rank of it, no other country.

    >>> holds(Member("Jane Roe", "roe", "foreign minister of kestria"), "the kestrian foreign minister")
    True
    >>> holds(Member("Jane Roe", "roe", "deputy foreign minister"), "the foreign minister")
    False
    """
    words = [word for word in title.split() if word not in _ARTICLES]
    post = member.post.split()
    if not words or not post:
        return False
    office = words[: next((i for i, word in enumerate(words) if word in _PLACES), len(words))]
    if not office or office[-1] not in post or (_DEPUTIES & set(post)) - set(words):
        return False
    known = {*post, *member.place.split()}
    return all(word in known or word in _PLACES or _is_demonym(word, known) for word in words)


def _is_demonym(word: str, known: Iterable[str]) -> bool:
    """Whether the word is built on a place's name: "kestrian" on "kestria"; five letters in common are asked for."""
    return len(word) > 4 and any(len(other) > 4 and other[:5] == word[:5] for other in known)


@lru_cache(maxsize=65_536)
def _surname(name: str) -> str:
    return _fold(name).rsplit(" ", 1)[-1]


@lru_cache(maxsize=4_096)
def _fold(text: str) -> str:
    folded = fold_phrase(text).decode("ascii")
    return folded.removesuffix(" s")
