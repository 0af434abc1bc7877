"""Role changes that a text asserts: who left, who came, which post."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import NamedTuple

import ahocorasick_rs
import msgspec

from agents.officials import names
from agents.officials.names import word_set
from agents.officials.reading import Reading
from agents.officials.recognition import Recogniser
from agents.officials.registry import Registry
from agents.officials.titles import Phrase, Strength
from agents.text.assertion import assertion
from agents.text.folding import fold, fold_phrase
from agents.text.quotations import Quotation, quotations
from agents.text.sentences import sentence_around
from schemas.detection import Assertion, MatchStatus, OfficialMention, Person, RoleChange, RoleEvent, TenureStatus
from schemas.event import Span, Struct


class _Kind(Enum):
    ARRIVAL = "arrival"  # somebody gets a post
    DEPARTURE = "departure"  # somebody loses it
    DEATH = "death"
    SUCCESSION = "succession"  # one in the place of another
    COMMAND = "command"  # will command, takes over: an announced arrival


_CUES: dict[str, tuple[_Kind, RoleEvent]] = {
    **dict.fromkeys(word_set("""
    named appointed appoints names installed elected reappointed designated
    """),
        (_Kind.ARRIVAL, RoleEvent.APPOINTED),
    ),
    **dict.fromkeys(("sworn in", "swears in", "inaugurated"), (_Kind.ARRIVAL, RoleEvent.SWORN_IN)),
    **dict.fromkeys(("promoted", "promotes"), (_Kind.ARRIVAL, RoleEvent.PROMOTED)),
    **dict.fromkeys(("nominated", "nominates"), (_Kind.ARRIVAL, RoleEvent.NOMINATED)),
    **dict.fromkeys(
        ("resigned", "resigns", "steps down", "stepped down", "has quit", "quits", "quit", "stood down", "stands down"),
        (_Kind.DEPARTURE, RoleEvent.RESIGNED),
    ),
    **dict.fromkeys(word_set("""
    sacked sacks dismissed dismisses fired fires ousted ousts removed
    """),
        (_Kind.DEPARTURE, RoleEvent.DISMISSED),
    ),
    **dict.fromkeys(("suspended", "suspends"), (_Kind.DEPARTURE, RoleEvent.SUSPENDED)),
    **dict.fromkeys(("killed", "assassinated", "killing of", "assassination of"), (_Kind.DEATH, RoleEvent.KILLED)),
    **dict.fromkeys(("died", "dies", "has passed away", "death of"), (_Kind.DEATH, RoleEvent.DIED)),
    **dict.fromkeys(
        ("succeeded", "succeeds", "replaced", "replaces", "will succeed", "will replace", "is to succeed",
         "is to replace", "takes over from", "took over from", "has taken over from", "will take over from"),
        (_Kind.SUCCESSION, RoleEvent.SUCCEEDED),
    ),
    **dict.fromkeys(
        ("will now command", "will now lead", "will now head", "will command", "will take over as", "takes over as",
         "took over as", "has taken over as", "takes command of", "took command of", "has taken command of",
         "will take command of", "assumes command of", "will take over command of"),
        (_Kind.COMMAND, RoleEvent.APPOINTED),
    ),
}  # fmt: skip
_CUE = re.compile(
    r"(?<![\w-])(?:" + "|".join(sorted(map(re.escape, _CUES), key=lambda c: (-len(c), c))) + r")(?![\w-])",
    re.IGNORECASE,
)
_CUE_STARTS = ahocorasick_rs.BytesAhoCorasick([fold_phrase(cue) for cue in _CUES])
"""Finds where a cue may stand, in folded text; `_CUE` tells whether one does."""
_VACANCY = re.compile(
    r"\b(?:replacement|successor) (?:for|to|of) (?P<who>[^.;\n]{0,80}?)(?:has|have|had|was|is|were) (?:now |already )?"
    r"(?:been )?(?:announced|named|appointed|chosen|found|selected)\b"
    r"|\b(?:announced|named|appointed|chose|chosen|selected) (?:a|the|his|her|its) (?:replacement|successor)"
    r" (?:for|to|of) "
)
_PASSIVE = re.compile(
    r"\b(?:was|were|been|being|is|are|gets|got)(?: (?:also|now|then|later|today|[a-z]{2,16}ly))?(?: [a-z]{2,10}ly)? ?$"
)
_AUXILIARY = re.compile(
    r"(?:,? who| and| which)?(?: (?:has|have|had|was|were|is|been|being|also|now|then|later|today|since|just|on|"
    r"\w{3,9}day|yesterday|[a-z]{2,16}ly|himself|herself|along|last|this|week|month|night|the|would))*"
)
_APPOSITION = re.compile(r",[^,;.\n]{1,160}(?:,[^,;.\n]{1,90})?,")
_OBJECT_GAP = re.compile(
    r"(?: (?!(?:at|on|upon|into|from|near|over|against|by|for|of|with|to|in|when|while|and|or|after|before|that|who|"
    r"because|during|toward|towards|around|outside|inside|if|not|no)\b)[\w'’-]{1,20}){0,5} ?"
)
_JOIN = re.compile(
    r"(?:,? (?:as|to|be|the|post|position|role|office|job|of|its|a|an|new|acting|interim|his|her|their|next|"
    r"country['’]s|nation['’]s|first|permanent))*,? ?"
)
"""What may stand between a cue or a name and the post."""
_TO_REPLACE = re.compile(r"\b(?:to (?:replace|succeed)|(?:replacing|succeeding)|in place of|as (?:the )?successor to) ")
_FROM = re.compile(r"\bfrom (?=[^\W\d_])")
_BY = re.compile(r"\bby (?:the )?$")
_NO_CHANGE = re.compile(
    r"\b(?:expected|tipped|set|likely|hopes?|wants?|frontrunner|front-runner|favourite|bid|race|poised|due) to$"
)
_MAX_OPEN = 32
"""Open posts of one text that are kept, the latest."""
_WINDOW = 1200
"""Code points of a sentence read before and behind a cue; longer sentences are cut there."""
_RECENT = timedelta(days=8)
_LIVING = (TenureStatus.CURRENT, TenureStatus.ACTING, TenureStatus.INTERIM)
_COMMANDING = word_set("commander command head chief leader chairman chair director")


class Vacancy(Struct, frozen=True, kw_only=True):
    """A post whose holder is gone or about to be replaced, by an earlier sentence or entry of the story."""

    outgoing: Person
    post: str | None
    post_id: str | None
    cause: str | None = None


class Changes(NamedTuple):
    """What a text tells about posts."""

    changes: tuple[RoleChange, ...]
    vacancies: tuple[Vacancy, ...]


class _Who(NamedTuple):
    """Somebody named in a sentence: an official, or just a name."""

    span: Span
    start: int
    mention: OfficialMention | None

    def person(self, text: str) -> Person:
        surface = self.span.of(text)
        if self.mention is None:
            return Person(name=" ".join(surface.split()), surface=surface, span=self.span)
        return Person(name=self.mention.name, surface=surface, person_id=self.mention.person_id, span=self.span)


class _Office(NamedTuple):
    """A post, as far as it is known. `start`: where its words begin in the text, or -1."""

    words: str | None
    post_id: str | None
    organisations: tuple[str, ...] = ()
    start: int = -1


def role_changes(
    text: str,
    mentions: Sequence[OfficialMention],
    at: datetime | None = None,
    *,
    recogniser: Recogniser | None = None,
    vacancies: Sequence[Vacancy] = (),
) -> tuple[RoleChange, ...]:
    """Role changes that the text asserts, in order of their cues; see `changes`."""
    return changes(text, mentions, at, recogniser=recogniser or _default(), vacancies=vacancies).changes


def _default() -> Recogniser:
    from agents.officials.recognition import _default as shared

    return shared()


def changes(
    text: str,
    mentions: Sequence[OfficialMention],
    at: datetime | None,
    *,
    recogniser: Recogniser,
    vacancies: Sequence[Vacancy] = (),
) -> Changes:
    """Role changes and open posts.

    vacancies  posts that earlier entries of the story left open: who takes one of them succeeds its last holder
    """
    cues = _cues(text)
    opened = list(_VACANCY.finditer(text)) if "replacement" in text or "successor" in text else []
    if not cues and not opened:
        return Changes((), ())
    return _Teller(text, mentions, at, recogniser).tell(cues, opened, vacancies)


def _cues(text: str) -> list[re.Match[str]]:
    """What `_CUE.finditer` gives: the expression is tried only where the letters of a cue stand."""
    folded = fold(text)
    found: list[re.Match[str]] = []
    behind = 0
    for _, start, end in sorted(_CUE_STARTS.find_matches_as_indexes(folded.data, overlapping=True), key=_by_start):
        at = folded.span(start, end).start
        cue = _CUE.match(text, at) if at >= behind else None
        if cue is not None:
            found.append(cue)
            behind = cue.end()
    return found


def _by_start(hit: tuple[int, int, int]) -> int:
    return hit[1]


class _Teller:
    """Works on one text."""

    def __init__(
        self, text: str, mentions: Sequence[OfficialMention], at: datetime | None, recogniser: Recogniser
    ) -> None:
        self._text = text
        self._at = at
        self._registry: Registry = recogniser.registry
        self._reading: Reading = recogniser.read(text, all_names=True)
        self._quotes = quotations(text)
        self._who = _everybody(mentions, self._reading)
        self._who_at = [who.span.start for who in self._who]
        self._phrase_at = [phrase.span.start for phrase in self._reading.phrases]
        self._place_at = [place.span.start for place in self._reading.places]
        self._quote_at = [quote.outer.start for quote in self._quotes]

    def _sentence(self, start: int, end: int) -> Span:
        low = max(0, start - _WINDOW)
        return sentence_around(self._text[low : end + _WINDOW], start - low, end - low).shift(low)

    def _quotes_in(self, sentence: Span) -> list[Quotation]:
        first = bisect_left(self._quote_at, sentence.start - _WINDOW)
        last = bisect_left(self._quote_at, sentence.end)
        return [quote for quote in self._quotes[first:last] if quote.outer.overlaps(sentence)]

    def _phrases_from(self, start: int, sentence: Span) -> tuple[Phrase, ...]:
        """Posts of the sentence from a position on."""
        first, last = bisect_left(self._phrase_at, start), bisect_left(self._phrase_at, sentence.end)
        return self._reading.phrases[first : max(first, last)]

    def tell(
        self, cues: Iterable[re.Match[str]], opened: Iterable[re.Match[str]], vacancies: Sequence[Vacancy]
    ) -> Changes:
        open_posts = list(vacancies)
        for match in opened:
            vacancy = self._vacancy(match)
            if vacancy is not None:
                open_posts.append(vacancy)
        found: list[RoleChange] = []
        for cue in cues:
            change = self._change(cue)
            if change is None:
                continue
            if change.outgoing is not None and change.incoming is None:
                open_posts.append(
                    Vacancy(
                        outgoing=change.outgoing, post=change.post, post_id=change.post_id, cause=change.event.value
                    )
                )
            found.append(change)
        open_posts = [*open_posts[: len(vacancies)], *open_posts[len(vacancies) :][-_MAX_OPEN:]]
        closed = [self._closed(change, open_posts) for change in found]
        taken = {person_key(change.outgoing) for change in closed if change.incoming and change.outgoing}
        fresh = tuple(v for v in open_posts[len(vacancies) :] if person_key(v.outgoing) not in taken)
        return Changes(_without_repeats(closed), _unique(fresh))

    # one cue

    def _change(self, cue: re.Match[str]) -> RoleChange | None:
        kind, event = _CUES[cue.group().casefold()]
        hit = Span(cue.start(), cue.end())
        near = bisect_left(self._who_at, hit.start - _WINDOW)
        if near == len(self._who_at) or self._who_at[near] > hit.end + _WINDOW:
            return None
        sentence = self._sentence(hit.start, hit.end)
        first, last = bisect_left(self._who_at, sentence.start), bisect_left(self._who_at, sentence.end)
        here = [who for who in self._who[first:last] if sentence.contains(who.span)]
        if not here and kind is not _Kind.ARRIVAL:
            return None
        quotes = self._quotes_in(sentence)
        if assertion(self._text, sentence, hit, quotes) is not Assertion.ASSERTED:
            return None
        before = self._text[max(sentence.start, hit.start - 60) : hit.start]
        if _NO_CHANGE.search(before.rstrip()):
            return None
        is_passive = _PASSIVE.search(before) is not None
        match kind:
            case _Kind.ARRIVAL:
                return self._arrival(event, hit, sentence, here, is_passive=is_passive)
            case _Kind.COMMAND:
                return self._command(event, hit, sentence, here)
            case _Kind.DEPARTURE:
                return self._departure(event, hit, sentence, here, is_passive=is_passive)
            case _Kind.DEATH:
                return self._death(event, hit, sentence, here, is_passive=is_passive)
        return self._succession(event, hit, sentence, here, is_passive=is_passive)

    def _arrival(
        self, event: RoleEvent, hit: Span, sentence: Span, here: list[_Who], *, is_passive: bool
    ) -> RoleChange | None:
        who = self._subject(hit, sentence, here) if is_passive else self._object(hit, here)
        if who is None:
            return None
        behind = max(hit.end, who.span.end)
        outgoing = self._replaced(behind, sentence, here, who)
        office = self._office(hit, sentence, who, here)
        is_said_behind = is_passive and office is not None and office.start >= hit.end  # "X was named head of P"
        if outgoing is not None and not is_said_behind and (who.start < hit.end or not self._says_as(hit.end, office)):
            # "named its deputy head, X, to replace its commander": the title beside X is what X was.
            replaced = self._phrase_after(outgoing[1], sentence)
            held = self._held(outgoing[0]) if outgoing[0] else self._of(replaced) if replaced else None
            office = held or office
        if office is None:
            return None
        is_future = event is RoleEvent.NOMINATED
        return RoleChange(
            event=RoleEvent.SUCCEEDED if outgoing and outgoing[0] else event,
            cue=hit,
            sentence=sentence,
            incoming=who.person(self._text),
            outgoing=outgoing[0].person(self._text) if outgoing and outgoing[0] else None,
            post=office.words,
            post_id=office.post_id,
            status=TenureStatus.DESIGNATE if is_future else self._status(office),
        )

    def _says_as(self, end: int, office: _Office | None) -> bool:
        return (
            office is not None
            and office.start >= 0
            and re.search(r"\bas (?:the |its |a )?", self._text[end : office.start]) is not None
        )

    def _command(self, event: RoleEvent, hit: Span, sentence: Span, here: list[_Who]) -> RoleChange | None:
        who = self._subject(hit, sentence, here)
        if who is None:
            return None
        phrase = None
        if self._text[hit.start : hit.end].casefold().endswith(" as"):
            phrase = self._phrase_after(hit.end, sentence)
            office = self._of(phrase) if phrase else None
        else:
            office = self._commanded(hit.end, sentence)
        if office is None:
            return None
        outgoing = self._replaced(hit.end, sentence, here, who, is_from="over" in self._text[hit.start : hit.end])
        is_future = self._text[hit.start : hit.end].casefold().startswith("will")
        return RoleChange(
            event=RoleEvent.SUCCEEDED if outgoing and outgoing[0] else event,
            cue=hit,
            sentence=sentence,
            incoming=who.person(self._text),
            outgoing=outgoing[0].person(self._text) if outgoing and outgoing[0] else None,
            post=office.words,
            post_id=office.post_id,
            status=TenureStatus.DESIGNATE if is_future else (phrase and phrase.status) or TenureStatus.CURRENT,
        )

    def _departure(
        self, event: RoleEvent, hit: Span, sentence: Span, here: list[_Who], *, is_passive: bool
    ) -> RoleChange | None:
        is_own = event is RoleEvent.RESIGNED
        who = self._subject(hit, sentence, here) if is_passive or is_own else self._object(hit, here)
        if who is None or who.mention is None or who.mention.match is not MatchStatus.MATCHED:
            return None
        said = self._phrase_after(hit.end if is_passive or is_own else who.span.end, sentence, within=16)
        office = self._of(said) if said is not None and said.is_office else self._held(who)
        if office is None or (said is None and not self._holds(who.mention)):
            return None
        return RoleChange(
            event=event,
            cue=hit,
            sentence=sentence,
            outgoing=who.person(self._text),
            post=office.words,
            post_id=office.post_id,
            status=TenureStatus.FORMER,
        )

    def _death(
        self, event: RoleEvent, hit: Span, sentence: Span, here: list[_Who], *, is_passive: bool
    ) -> RoleChange | None:
        is_noun = self._text[hit.start : hit.end].endswith("of")
        is_subject = is_passive or (event is RoleEvent.DIED and not is_noun)
        who = self._subject(hit, sentence, here) if is_subject else self._object(hit, here)
        if who is None or who.mention is None or not self._holds(who.mention, is_death=True):
            return None
        office = self._held(who)
        if office is None:
            return None
        return RoleChange(
            event=event,
            cue=hit,
            sentence=sentence,
            outgoing=who.person(self._text),
            post=office.words,
            post_id=office.post_id,
            status=TenureStatus.DECEASED,
        )

    def _succession(
        self, event: RoleEvent, hit: Span, sentence: Span, here: list[_Who], *, is_passive: bool
    ) -> RoleChange | None:
        first = self._subject(hit, sentence, here)
        second = self._object(hit, here, by=is_passive)
        if first is None or second is None or first.span == second.span:
            return None
        incoming, outgoing = (second, first) if is_passive else (first, second)
        said = self._phrase_after(max(hit.end, second.span.end), sentence, within=16)
        office = self._of(said) if said is not None and said.is_office else self._held(outgoing)
        if office is None:
            return None
        is_future = self._text[hit.start : hit.end].casefold().startswith(("will", "is to"))
        return RoleChange(
            event=event,
            cue=hit,
            sentence=sentence,
            incoming=incoming.person(self._text),
            outgoing=outgoing.person(self._text),
            post=office.words,
            post_id=office.post_id,
            status=TenureStatus.DESIGNATE if is_future else TenureStatus.CURRENT,
        )

    # who

    def _subject(self, hit: Span, sentence: Span, here: list[_Who]) -> _Who | None:
        """Who stands before the cue with nothing but an apposition and auxiliaries between."""
        for who in reversed([w for w in here if w.span.end <= hit.start]):
            gap = self._text[who.span.end : hit.start]
            if len(gap) > 320:
                return None
            plain = _APPOSITION.sub("", gap, count=1) if gap.startswith(",") else gap
            if _AUXILIARY.fullmatch(plain.rstrip().removeprefix(",")):  # "Its deputy, X, has taken over"
                return who
        return None

    def _object(self, hit: Span, here: list[_Who], *, by: bool = False) -> _Who | None:
        """Who stands right behind the cue, with a title before the name at most."""
        for who in (w for w in here if w.span.start >= hit.end):
            gap = self._text[hit.end : min(who.start, who.span.start)]
            title = who.mention.title_span if who.mention else None
            if title is not None and hit.end <= title.start < who.span.start:
                gap = self._text[hit.end : title.start]
            if by:
                gap = gap.replace(" by ", " ", 1) if gap.startswith(" by ") else "!"
            if gap.endswith(", ") and any(
                p.span.end == hit.end + len(gap) - 2
                for p in self._phrases_from(hit.end, Span(hit.start, hit.end + len(gap)))
            ):
                gap = gap[:-2]  # "named its deputy head, X,"
            return who if _OBJECT_GAP.fullmatch(gap) else None
        return None

    def _replaced(
        self, start: int, sentence: Span, here: list[_Who], who: _Who, *, is_from: bool = False
    ) -> tuple[_Who | None, int] | None:
        """Whom somebody is named to replace: the person, if named, and where the words begin."""
        match = _TO_REPLACE.search(self._text, start, sentence.end)
        if match is None and is_from:
            match = _FROM.search(self._text, start, sentence.end)
        if match is None:
            return None
        for other in here:
            if other.span != who.span and other.span.start >= match.end():
                gap = self._text[match.end() : min(other.start, other.span.start)]
                title = other.mention.title_span if other.mention else None
                if title is not None and match.end() <= title.start < other.span.start:
                    gap = self._text[match.end() : title.start]
                return (other if _OBJECT_GAP.fullmatch(gap) else None), match.end()
        return None, match.end()

    def _holds(self, mention: OfficialMention, *, is_death: bool = False) -> bool:
        """Whether the person holds a post at the time of the text, or died just now."""
        if mention.match is not MatchStatus.MATCHED:
            return False
        if mention.status in _LIVING:
            return True
        if mention.status is TenureStatus.FORMER and not is_death and mention.is_listed and self._at is not None:
            return self._left_recently(mention)
        if mention.status is TenureStatus.DECEASED and is_death and mention.is_listed and self._at is not None:
            return self._left_recently(mention)
        return False

    def _left_recently(self, mention: OfficialMention) -> bool:
        assert self._at is not None and mention.person_id is not None
        held = self._registry.holding(self._registry.persons[mention.person_id], self._at)
        return held is not None and held.until is not None and self._at.date() - held.until <= _RECENT

    # which post

    def _office(self, hit: Span, sentence: Span, who: _Who, here: list[_Who]) -> _Office | None:
        """The post somebody is appointed to: the first office behind the cue that is not another person's."""
        own = who.mention.title_span if who.mention else None
        for phrase in self._phrases_from(hit.end, sentence):
            if phrase.span.end > sentence.end:
                continue
            if _BY.search(self._text[: phrase.whole.start][-8:]) or phrase.is_possessive:
                return None
            if any(
                other.span != who.span and other.mention and other.mention.title_span == phrase.span for other in here
            ):
                return None
            is_own = own == phrase.span
            is_behind = phrase.span.start > who.span.start
            if is_own and phrase.span.start < who.span.start and self._phrase_after(who.span.end, sentence, within=12):
                continue  # "appointed General X as chief": the rank is no post
            if is_own and phrase.strength is Strength.RANK:
                continue
            gap = self._text[max(hit.end, who.span.end if is_behind else hit.end) : phrase.whole.start]
            return self._of(phrase) if phrase.is_office and _JOIN.fullmatch(gap) else None
        return None

    def _phrase_after(self, start: int, sentence: Span, within: int = 12) -> Phrase | None:
        for phrase in self._phrases_from(start, sentence):
            if phrase.span.end <= sentence.end:
                gap = self._text[start : phrase.whole.start]
                is_near = len(gap) <= within and "," not in gap
                return phrase if is_near and phrase.strength is not Strength.RANK else None
        return None

    def _of(self, phrase: Phrase) -> _Office:
        """The registry's post for a phrase, where one fits; else its words."""
        registry = self._registry
        posts = [p for p in phrase.posts if self._is_of(p, phrase)]
        if len(posts) != 1 and phrase.organisations and phrase.title in _COMMANDING:
            posts = [p for o in phrase.organisations for p in self._leading(o, is_deputy=phrase.is_deputy)][:1]
        post_id = posts[0] if len(posts) == 1 else None
        bodies = phrase.organisations or ((registry.posts[post_id].organisation,) if post_id else ())
        return _Office(phrase.span.of(self._text), post_id, bodies, phrase.span.start)

    def _is_of(self, post_id: str, phrase: Phrase) -> bool:
        post = self._registry.posts[post_id]
        is_deputy = "deputy" in post.name.split()
        return phrase.is_deputy == is_deputy and (
            self._registry.jurisdiction_of(post) in phrase.jurisdictions or post.organisation in phrase.organisations
        )

    def _leading(self, organisation: str, *, is_deputy: bool = False) -> list[str]:
        """Posts that lead a body, or those of deputies, the first one in the registry first."""
        wanted = ("deputy",) if is_deputy else _COMMANDING
        posts = self._registry.by_organisation.get(organisation, ())
        return [post_id for post_id in posts if self._registry.posts[post_id].name.split()[0] in wanted]

    def _commanded(self, start: int, sentence: Span) -> _Office | None:
        """ "command the Example Force": the post of who commands it."""
        body = re.match(
            r" (?:the |its |all )?((?:[^\s,;.]+ ?){1,6}?)(?=[,;.]| whose| which| after| in | from |$)",
            self._text[start : sentence.end],
        )
        first, last = bisect_left(self._place_at, start), bisect_left(self._place_at, start + 40)
        for place in self._reading.places[first:last]:
            if place.organisation and place.span.end <= sentence.end:
                leading = self._leading(place.organisation)
                return _Office(
                    f"commander of the {place.span.of(self._text)}",
                    leading[0] if leading else None,
                    (place.organisation,),
                    place.span.start,
                )
        if body is None or not _FORCE.search(body[1]):
            return None
        return _Office(f"commander of the {body[1].strip()}", None, (), start)

    def _held(self, who: _Who) -> _Office | None:
        """The post of an official by text or registry."""
        mention = who.mention
        if mention is None or mention.post is None:
            return None
        if not mention.is_listed or mention.person_id is None:
            return _Office(mention.post, None)
        held = self._registry.holding(self._registry.persons[mention.person_id], self._at)
        if held is None or (mention.basis == "text" and mention.status in _LIVING and held.status not in _LIVING):
            return _Office(mention.post, None)
        return _Office(mention.post, held.post.id, (held.post.organisation,))

    def _status(self, office: _Office) -> TenureStatus:
        words = self._text[max(0, office.start - 12) : office.start].casefold().split() if office.start >= 0 else []
        if "acting" in words:
            return TenureStatus.ACTING
        return TenureStatus.INTERIM if "interim" in words else TenureStatus.CURRENT

    # open posts

    def _vacancy(self, match: re.Match[str]) -> Vacancy | None:
        sentence = self._sentence(match.start(), match.end())
        hit = Span(match.start(), match.end())
        quotes = self._quotes_in(sentence)
        inner = Span(hit.end - 1, hit.end)
        if assertion(self._text, sentence, inner, quotes) is not Assertion.ASSERTED:
            return None
        low, high = match.span("who") if match["who"] is not None else (match.end(), sentence.end)
        first, last = bisect_left(self._who_at, low), bisect_left(self._who_at, high + 1)
        for who in self._who[first:last]:
            if low <= who.span.start and who.span.end <= max(high, low) + 1 and who.mention is not None:
                office = self._held(who)
                if office is not None:
                    return Vacancy(outgoing=who.person(self._text), post=office.words, post_id=office.post_id)
        return None

    def _closed(self, change: RoleChange, open_posts: Sequence[Vacancy]) -> RoleChange:
        """An arrival at an open post is a succession."""
        if change.incoming is None:
            return change
        for vacancy in reversed(open_posts):
            if _same_name(vacancy.outgoing, change.incoming) or not self._is_same_post(change, vacancy):
                continue
            if change.outgoing is not None and not _same_name(change.outgoing, vacancy.outgoing):
                continue
            cause = vacancy.cause or next(
                (v.cause for v in open_posts if v.cause and _same_name(v.outgoing, vacancy.outgoing)), None
            )
            return msgspec.structs.replace(
                change,
                event=RoleEvent.SUCCEEDED,
                outgoing=change.outgoing or vacancy.outgoing,
                post_id=change.post_id or vacancy.post_id,
                cause=cause,
            )
        return change

    def _is_same_post(self, change: RoleChange, vacancy: Vacancy) -> bool:
        if change.post_id is not None and vacancy.post_id is not None:
            return change.post_id == vacancy.post_id
        if change.post is None or vacancy.post is None:
            return False
        one, other = fold_phrase(change.post).split(), fold_phrase(vacancy.post).split()
        if (b"deputy" in one) != (b"deputy" in other):
            return False
        return set(one) - _SMALL <= set(other) or set(other) - _SMALL <= set(one)


_SMALL = frozenset((b"the", b"of", b"its", b"s", b"a", b"an"))
_FORCE = re.compile(
    r"\b(?:force|forces|army|navy|guards?|brigade|division|corps|fleet|police|militia|troops|command)\b", re.IGNORECASE
)


def _everybody(mentions: Sequence[OfficialMention], reading: Reading) -> list[_Who]:
    """Officials and all other full names, by position."""
    leads = {name.span.start: name.lead for name in reading.names}
    found = [_Who(m.span, leads.get(m.span.start, m.span.start), m) for m in mentions if m.match is MatchStatus.MATCHED]
    taken = {mention.span.start for mention in mentions}
    posts = [mention.title_span for mention in mentions if mention.title_span is not None]
    found += [
        _Who(n.span, n.lead, None)
        for n in reading.names
        if n.is_full and n.span.start not in taken and not any(post.contains(n.span) for post in posts)
    ]  # "the head of the River Fleet": a name inside a post is no person
    return sorted(found, key=lambda who: (who.span, who.mention is None))


def person_key(person: Person) -> str:
    """One key for a person over spellings: the registry's id, else the key of the name."""
    if person.person_id is not None and not person.person_id.startswith("p_"):
        return person.person_id
    return names.name_key(person.name) or person.name


def _same_name(one: Person, other: Person) -> bool:
    return person_key(one) == person_key(other)


def _unique(found: Sequence[Vacancy]) -> tuple[Vacancy, ...]:
    return tuple({(person_key(v.outgoing), v.post_id or v.post): v for v in found}.values())


def _without_repeats(found: Sequence[RoleChange]) -> tuple[RoleChange, ...]:
    """One change a text, however often it is told: the fullest wording of an arrival, the first of a departure."""
    kept: dict[tuple[str, str, str], RoleChange] = {}
    for change in found:
        who = change.incoming or change.outgoing
        assert who is not None
        kind = "in" if change.incoming else "out"
        key = (kind, person_key(who), change.post_id or fold_phrase(change.post or "").decode("ascii"))
        known = kept.get(key)
        if known is None or (known.outgoing is None and change.outgoing is not None):
            kept[key] = change
    return tuple(sorted(kept.values(), key=lambda change: change.cue))
