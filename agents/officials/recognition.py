"""Officials in a text: names of the registry in context, and people whom a title beside the name makes officials."""

import re
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from functools import lru_cache

from agents.officials import names
from agents.officials.names import word_set
from agents.officials.reading import Reader, Reading, Written
from agents.officials.registry import Holding, Person, Post, Registry, default_registry
from agents.officials.titles import Phrase, Strength, same_office
from agents.text.folding import fold_phrase
from schemas import identity
from schemas.article import Segment, SegmentKind
from schemas.detection import MatchStatus, OfficialMention, TenureStatus

_COPULA = re.compile(r"(?:,? who)? (?:is|remains|serves as|is now) ")
_BESIDE = re.compile(
    r", (?:aged )?\d{1,3}\b|,? from the [^,.;\n]{0,60}\b(?:company|firm|consultancy|institute|university|think tank)\b"
    r"|, (?:an?|the|his|her|their) (?:[\w'’-]+ ){0,5}?(?:analyst|reporter|journalist|editor|author|professor|lecturer|"
    r"teacher|nurse|student|pupil|doctor|engineer|player|striker|footballer|actor|actress|singer|mother|father|son|"
    r"daughter|brother|sister|wife|husband|widow|resident|victim|founder|owner|lawyer|driver|employee|worker|farmer|"
    r"fan|survivor|neighbour|neighbor|shopkeeper|musician|academic|economist|researcher|consultant|novelist|boxer|"
    r"golfer|cricketer|goalkeeper|coach|chef|artist|photographer|blogger|columnist|correspondent)\b"
)
"""What stands behind a name when it is not the official of that name."""
_NOT_THE_PERSON = re.compile(
    r"[ -](?:administration|government|regime|cabinet|campaign|era|family|supporters?|voters?|allies|loyalists?|ally|"
    r"presidency|doctrine|rally|rallies|tweets?|aides?|critics?|appointees?|nominees?|foundation|organi[sz]ation|"
    r"brand|hotels?|resort|casino|estate|years|effect|backed|led|style|appointed|era)\b"
)
_AFTER_COMMA = re.compile(
    r"(?:['’]s)?(?:[,.;:)!?]|\s*[-–—]|\s*$|\n| (?:said|says|told|has|had|was|is|will)\b)", re.MULTILINE
)
_MILITARY = re.compile(
    r"\b(?:command|commander|forces?|army|guard|guards|corps|staff|militia|navy|military|defen[cs]e)\b"
)
_LIVING = (TenureStatus.CURRENT, TenureStatus.ACTING, TenureStatus.INTERIM)


class Recogniser:
    """Recognises officials against one registry; build once and share."""

    def __init__(self, registry: Registry | None = None) -> None:
        self.registry = default_registry() if registry is None else registry
        self._reader = Reader(self.registry)

    def read(self, text: str, *, all_names: bool = False) -> Reading:
        """Names, posts and places as written, before any decision; see Reader.read."""
        return self._reader.read(text, all_names=all_names)

    def recognise(
        self,
        text: str,
        segments: Sequence[Segment] = (),
        at: datetime | None = None,
        *,
        known: Collection[str] = (),
    ) -> tuple[OfficialMention, ...]:
        """Officials named in the text, by position. Matches that fail the context gate are left out.

        at     the time the text speaks of; tenures are looked up then
        known  ids of registry persons matched earlier in the item: their surnames are enough
        """
        reading = self.read(text, all_names=bool(known))
        if not reading.names and not reading.phrases:
            return ()
        return tuple(_Decision(self.registry, text, segments, at, frozenset(known), reading).mentions())


@lru_cache(maxsize=1)
def _default() -> Recogniser:
    return Recogniser()


def recognise(text: str, segments: Sequence[Segment] = (), at: datetime | None = None) -> tuple[OfficialMention, ...]:
    """Officials named in the text, by the shipped registry; see Recogniser.recognise."""
    return _default().recognise(text, segments, at)


class _Decision:
    """Decides, name by name, in order of the text."""

    def __init__(  # noqa: PLR0917  built in one place
        self,
        registry: Registry,
        text: str,
        segments: Sequence[Segment],
        at: datetime | None,
        known: frozenset[str],
        reading: Reading,
    ) -> None:
        self._registry = registry
        self._text = text
        self._at = at
        self._known = known
        self._reading = reading
        self._headlines = tuple(
            s.span for s in segments if s.kind in (SegmentKind.HEADLINE, SegmentKind.STANDFIRST, SegmentKind.CAPTION)
        )
        self._jurisdictions = {place.jurisdiction for place in reading.places}
        self._organisations = {place.organisation for place in reading.places if place.organisation}
        self._posts = {post for phrase in reading.phrases for post in phrase.posts}
        self._latest: dict[str, OfficialMention | None] = {}

    def mentions(self) -> Iterator[OfficialMention]:
        beside = _beside(self._text, self._reading)
        found: list[OfficialMention] = []
        waiting: list[Written] = []
        for name in self._reading.names:
            phrase = beside.get(name.span.start)
            mention = self._full(name, phrase) if name.is_full else self._surname(name, phrase)
            if name.is_full:
                self._latest[name.surname] = mention
                for person_id in (mention.person_id,) if mention and mention.is_listed else ():
                    if person_id is not None and self._registry.persons[person_id].surname:
                        self._latest[names.key(self._registry.persons[person_id].surname or "")] = mention
            elif mention is None and any(span.overlaps(name.span) for span in self._headlines):
                waiting.append(name)
            if mention is not None:
                found.append(mention)
        for name in waiting:
            bound = self._bound(name)
            if bound is not None:
                found.append(bound)
        found.extend(self._unnamed(beside))
        yield from sorted(found, key=lambda mention: (mention.span, mention.name))

    def _full(self, name: Written, phrase: Phrase | None) -> OfficialMention | None:
        persons = [self._registry.persons[person_id] for person_id in name.candidates]
        if not persons:
            return self._unlisted(name, phrase)
        fitting = [p for p in persons if phrase is not None and phrase.is_office and self._is_compatible(phrase, p)]
        if not fitting:
            fitting = [person for person in persons if self._passes(name, person, alone=len(persons) == 1)]
            conflicting = phrase is not None and phrase.is_office and self._contradicts(phrase, fitting)
            if not fitting or conflicting:
                return self._unlisted(name, phrase)
        if len(fitting) > 1:
            return self._ambiguous(name, fitting, phrase)
        reasons = ("full_name",) if name.is_exact else ("full_name", "spelling")
        return self._listed(name, fitting[0], phrase, reasons)

    def _contradicts(self, phrase: Phrase, persons: Sequence[Person]) -> bool:
        """A title of another country beside a name that is not distinctive: a namesake."""
        if not phrase.jurisdictions or phrase.strength is Strength.RANK:
            return False
        return all(not p.is_distinctive and not self._lands(p) & set(phrase.jurisdictions) for p in persons)

    def _passes(self, name: Written, person: Person, *, alone: bool) -> bool:
        """The context gate."""
        if person.is_distinctive and name.is_exact and alone:
            return True
        if not person.is_distinctive and _BESIDE.match(self._text, name.span.end):
            return False
        posts = {tenure.post for tenure in person.tenures}
        bodies = {self._registry.posts[post].organisation for post in posts}
        return bool(
            person.id in self._known
            or posts & self._posts
            or bodies & self._organisations
            or self._lands(person) & self._jurisdictions
        )

    def _lands(self, person: Person) -> set[str]:
        posts = (self._registry.posts[tenure.post] for tenure in person.tenures)
        return {land for p in posts for land in (self._registry.jurisdiction_of(p),)} | {
            self._registry.organisations[self._registry.posts[t.post].organisation].jurisdiction for t in person.tenures
        }

    def _is_compatible(self, phrase: Phrase, person: Person) -> bool:
        return any(self._fits(phrase, self._registry.posts[tenure.post]) for tenure in person.tenures)

    def _fits(self, phrase: Phrase, post: Post) -> bool:
        """Whether the phrase may name this post."""
        registry = self._registry
        titles = [fold_phrase(title).decode("ascii") for title in (post.name, *post.titles)]
        lands = {registry.jurisdiction_of(post), registry.organisations[post.organisation].jurisdiction}
        if phrase.strength is Strength.RANK:
            return any(_MILITARY.search(title) for title in titles)
        if phrase.jurisdictions and not lands & set(phrase.jurisdictions):
            return False
        is_deputy = any(word in titles[0].split() for word in ("deputy", "shadow", "vice"))
        if phrase.is_deputy != is_deputy:
            return False
        if post.id in phrase.posts or same_office(phrase.words, titles):
            return True
        return post.organisation in phrase.organisations and phrase.title in _LEADING

    def _surname(self, name: Written, phrase: Phrase | None) -> OfficialMention | None:
        if name.surname in self._latest:
            return self._bound(name)
        if _NOT_THE_PERSON.match(self._text, name.span.end) and phrase is None:
            return None
        persons = [self._registry.persons[i] for i in self._registry.by_surname.get(name.surname, ())]
        persons = [p for p in persons if any(names.agree(name.parts[-1], s) for s in _surnames(p))]
        if phrase is not None and phrase.is_office:
            fitting = [p for p in persons if self._is_compatible(phrase, p)]
            holding = [p for p in fitting if self._holds(p)]
            fitting = holding or fitting
            gated = [p for p in fitting if p.is_distinctive or self._passes(name, p, alone=False)]
            if len(gated) == 1:
                mention = self._listed(name, gated[0], phrase, ("surname", "title"))
            elif gated and any(p.id in self._known for p in gated) and sum(p.id in self._known for p in gated) == 1:
                mention = self._listed(
                    name, next(p for p in gated if p.id in self._known), phrase, ("surname", "title")
                )
            elif gated:
                mention = self._ambiguous(name, gated, phrase)
            else:
                mention = self._unlisted(name, phrase)
            self._latest[name.surname] = mention
            return mention
        earlier = [p for p in persons if p.id in self._known]
        if len(earlier) == 1 and not name.is_headline:
            return self._listed(name, earlier[0], None, ("surname", "earlier_in_item"))
        if len(earlier) > 1:
            return self._ambiguous(name, earlier, phrase)
        return None

    def _holds(self, person: Person) -> bool:
        held = self._registry.holding(person, self._at)
        return held is not None and held.status in _LIVING

    def _bound(self, name: Written) -> OfficialMention | None:
        """A surname after a full name: the same person, with what was said beside the full name."""
        full = self._latest.get(name.surname)
        if full is None or _NOT_THE_PERSON.match(self._text, name.span.end):
            return None
        return OfficialMention(
            span=name.span,
            surface=name.span.of(self._text),
            name=full.name,
            status=full.status,
            match=full.match,
            person_id=full.person_id,
            post=full.post,
            basis=full.basis,
            jurisdiction=full.jurisdiction,
            candidates=full.candidates,
            is_listed=full.is_listed,
            reasons=("surname", "full_name_in_entry"),
        )

    def _listed(
        self, name: Written, person: Person, phrase: Phrase | None, reasons: tuple[str, ...]
    ) -> OfficialMention | None:
        held = self._registry.holding(person, self._at)
        if phrase is not None and phrase.is_candidate:
            reasons = (*reasons, "candidate")
        is_said = phrase is not None and phrase.is_office and phrase.strength is not Strength.RANK
        if not is_said and held is None and not (phrase is not None and phrase.is_office):
            return None  # no post yet at the time the text speaks of
        land = self._registry.jurisdiction_of(held.post) if held else None
        if phrase is not None and phrase.is_office:
            reasons = (*reasons, "rank" if phrase.strength is Strength.RANK else "title", *phrase.reasons)
        if is_said or held is None:
            assert phrase is not None
            post, basis = phrase.span.of(self._text), "text"
            status = self._said_status(phrase, person, held)
            land = self._land(phrase, person) or land
        else:
            post, basis, status = held.post.name, "registry", held.status
            if phrase is not None and phrase.status is not None and phrase.is_office:
                status = phrase.status
        return OfficialMention(
            span=name.span,
            surface=name.span.of(self._text),
            name=person.name,
            status=status,
            match=MatchStatus.MATCHED,
            person_id=person.id,
            post=post,
            basis=basis,
            jurisdiction=land,
            title_span=phrase.span if phrase is not None and phrase.is_office else None,
            is_listed=True,
            reasons=reasons,
        )

    def _land(self, phrase: Phrase, person: Person) -> str | None:
        for tenure in person.tenures:
            post = self._registry.posts[tenure.post]
            if self._fits(phrase, post):
                return self._registry.jurisdiction_of(post)
        return phrase.jurisdictions[0] if phrase.jurisdictions else None

    def _said_status(self, phrase: Phrase, person: Person, held: Holding | None) -> TenureStatus:
        """What the text says overrules the registry, except that the dead stay dead."""
        if phrase.status is not None:
            return phrase.status
        if held is None:
            return TenureStatus.CURRENT
        if held.status is TenureStatus.DECEASED:
            return held.status
        if held.status is not TenureStatus.FORMER and self._fits(phrase, held.post):
            return held.status
        return TenureStatus.CURRENT

    def _unlisted(self, name: Written, phrase: Phrase | None) -> OfficialMention | None:
        """A person whom only the title beside the name makes an official."""
        if phrase is None or not phrase.is_office or phrase.is_candidate or name.is_headline:
            return None
        if phrase.strength is Strength.REGISTRY and not self._is_there(phrase):
            return None
        if phrase.strength is Strength.RANK and not name.is_full:
            return None
        is_beside = self._text[phrase.span.start : phrase.span.start + 1].isupper() and phrase.apposed is None
        if not name.is_full and not is_beside:
            return None
        written = " ".join(name.parts) if name.parts else name.span.of(self._text)
        land = phrase.jurisdictions[0] if phrase.jurisdictions else None
        context = (phrase.organisations[0] if phrase.organisations else None) or land or ""
        is_rank = phrase.strength is Strength.RANK
        return OfficialMention(
            span=name.span,
            surface=name.span.of(self._text),
            name=name.span.of(self._text) if name.is_full else written,
            status=phrase.status or TenureStatus.CURRENT,
            match=MatchStatus.MATCHED,
            person_id=identity.person_id(names.name_key(written), context),
            post=phrase.span.of(self._text),
            jurisdiction=land,
            title_span=phrase.span,
            reasons=("rank" if is_rank else "title", *phrase.reasons),
        )

    def _is_there(self, phrase: Phrase) -> bool:
        """Whether a title that only the registry knows stands beside its own country or body."""
        posts = [self._registry.posts[post] for post in phrase.posts]
        return " " in phrase.title and any(
            post.organisation in phrase.organisations or self._registry.jurisdiction_of(post) in phrase.jurisdictions
            for post in posts
        )

    def _ambiguous(self, name: Written, persons: Sequence[Person], phrase: Phrase | None) -> OfficialMention:
        is_said = phrase is not None and phrase.is_office
        return OfficialMention(
            span=name.span,
            surface=name.span.of(self._text),
            name=name.span.of(self._text),
            status=TenureStatus.UNKNOWN,
            match=MatchStatus.AMBIGUOUS,
            post=phrase.span.of(self._text) if is_said and phrase is not None else None,
            title_span=phrase.span if is_said and phrase is not None else None,
            candidates=tuple(person.id for person in persons),
            reasons=("several_persons",),
        )

    def _unnamed(self, beside: dict[int, Phrase]) -> Iterator[OfficialMention]:
        """Titles without a name, where one registry person holds the post at that time."""
        used = set(beside.values())
        for phrase in self._reading.phrases:
            if phrase in used or not phrase.posts or phrase.status or phrase.is_candidate or phrase.is_possessive:
                continue
            if not phrase.is_definite or len(phrase.jurisdictions) != 1 or phrase.is_deputy or self._at is None:
                continue
            land = phrase.jurisdictions[0]
            posts = [p for p in phrase.posts if self._registry.jurisdiction_of(self._registry.posts[p]) == land]
            holders = self._registry.holders(posts[0], self._at) if len(posts) == 1 else ()
            if len(holders) != 1:
                continue
            person = self._registry.persons[holders[0]]
            held = self._registry.holding(person, self._at)
            assert held is not None
            yield OfficialMention(
                span=phrase.span,
                surface=phrase.span.of(self._text),
                name=person.name,
                status=held.status,
                match=MatchStatus.MATCHED,
                person_id=person.id,
                post=phrase.span.of(self._text),
                basis="registry",
                jurisdiction=land,
                title_span=phrase.span,
                is_listed=True,
                reasons=("title_only",),
            )


_LEADING = word_set("""
    head chief commander chair chairman chairwoman director leader president
    """)


def _surnames(person: Person) -> tuple[str, ...]:
    if person.surname:
        return (person.surname,)
    return tuple({name.split()[-1]: None for name in (person.name, *person.aliases)})


def _beside(text: str, reading: Reading) -> dict[int, Phrase]:
    """Start of a name to the title that stands beside it; offices before ranks, before the name before behind it."""
    found: dict[int, tuple[int, Phrase]] = {}
    by_lead: dict[int, Written] = {}
    by_end: dict[int, Written] = {}
    for name in reading.names:
        by_lead.setdefault(name.lead, name)
        by_lead.setdefault(name.span.start, name)
        by_end[name.span.end] = name
    for phrase in reading.phrases:
        if phrase.is_possessive:
            continue
        for name, rank in _neighbours(text, phrase, by_lead, by_end):
            score = rank + (0 if phrase.is_office else 4) + (2 if phrase.strength is Strength.RANK else 0)
            if name.span.start not in found or score < found[name.span.start][0]:
                found[name.span.start] = (score, phrase)
    return {start: phrase for start, (_, phrase) in found.items()}


def _neighbours(
    text: str, phrase: Phrase, by_lead: dict[int, Written], by_end: dict[int, Written]
) -> Iterator[tuple[Written, int]]:
    gap = text[phrase.end : phrase.end + 2]
    if gap[:1] == " " and (name := by_lead.get(phrase.end + 1)):
        yield name, 0
    elif (
        gap == ", "
        and (phrase.is_definite or phrase.whole.start < phrase.span.start)
        and (name := by_lead.get(phrase.end + 2))
        and (phrase.apposed is None or phrase.apposed not in by_end)
        and _AFTER_COMMA.match(text, name.span.end)
    ):
        yield name, 1
    if phrase.apposed is not None:
        if (name := by_end.get(phrase.apposed)) is not None:
            yield name, 1
        return
    head = text[max(0, phrase.whole.start - 18) : phrase.whole.start]
    for copula in _COPULA.finditer(head):
        if copula.end() == len(head) and (name := by_end.get(phrase.whole.start - len(copula.group()))):
            yield name, 1
            return
