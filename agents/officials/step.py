"""The officials agent: who is named for the first time in a story, and which role changes its entries claim."""

from collections.abc import Iterator, Sequence

import msgspec

from agents.evidence import clip, evidence
from agents.officials import names
from agents.officials.changes import Vacancy, changes, person_key
from agents.officials.names import word_set
from agents.officials.recognition import Recogniser
from agents.officials.registry import Registry
from agents.step import State
from agents.text.folding import fold_phrase
from schemas import identity
from schemas.alert import (
    RULESET_MAJOR,
    Alert,
    AlertData,
    AlertType,
    Change,
    Confidence,
    MessageType,
    OfficialFacts,
    Story,
    alert,
)
from schemas.article import EntryRevision, EntryStatus
from schemas.detection import Evidence, MatchStatus, OfficialMention, RoleChange, RoleClaim, TenureStatus
from schemas.event import Severity, Struct

MAX_ENTRIES, MAX_PERSONS, MAX_VACANCIES, MAX_LIVE = 512, 1024, 16, 64
"""Bounds of one story's state; the oldest is forgotten first."""
_UNTOLD = "title_only"
"""Reason of mentions that do not name the person: they fill no first mention."""


_PAGE = 32
"""Entries whose names one page holds: an entry more rewrites one page and the small head, never the whole story."""


class StoryState(Struct, frozen=True, kw_only=True):
    """One story: which entries are remembered, and the posts that were left open.

    entries  serial numbers of the oldest entry that is remembered and of the next; number n stands on page n // 32
    """

    sequence: int = 0
    entries: tuple[int, int] = (0, 0)
    vacancies: tuple[Vacancy, ...] = ()


class EntryPage(Struct, frozen=True, kw_only=True):
    """Ids of some entries, in order of arrival."""

    ids: tuple[str, ...] = ()


class Persons(Struct, frozen=True, kw_only=True):
    """The persons of a story, in order of arrival."""

    ids: tuple[str, ...] = ()


class EntryState(Struct, frozen=True, kw_only=True):
    """One entry: the revision last seen, whom it names, and what it claims."""

    revision: int
    is_live: bool = True
    persons: tuple[str, ...] = ()
    claims: tuple[RoleClaim, ...] = ()


class PersonState(Struct, frozen=True, kw_only=True):
    """One person in one story. `alert_id` is None where the first mention was not told (baseline).

    entries  live entries that name the person
    """

    entries: tuple[str, ...] = ()
    alert_id: str | None = None
    messages: tuple[str, ...] = ()
    mention: OfficialMention | None = None
    evidence: tuple[Evidence, ...] = ()
    is_cancelled: bool = False


class OfficialsStep:
    """First mentions and role claims. State keys begin with the story's id."""

    name = "officials"

    def __init__(self, registry: Registry | None = None, *, recogniser: Recogniser | None = None) -> None:
        self._recogniser = recogniser or Recogniser(registry)
        self._registry = self._recogniser.registry

    def decide(self, state: State, event: EntryRevision) -> list[Alert | RoleClaim]:
        """Alerts and claims of one revision; nothing for a revision already seen, or an older one."""
        entry = event
        before = state.get(_entry_key(entry), EntryState)
        if before is not None and before.revision >= entry.revision and not _is_turned(before, entry):
            return []
        story = state.get(_story_key(entry), StoryState) or StoryState()
        if entry.status is EntryStatus.WITHDRAWN:
            return self._withdraw(state, entry, story, before)
        persons = state.get(_persons_key(entry), Persons)
        known = frozenset(persons.ids if persons else ())
        mentions = self._recogniser.recognise(entry.text, entry.segments, entry.published_at, known=known)
        told = changes(
            entry.text,
            mentions,
            entry.published_at,
            recogniser=self._recogniser,
            vacancies=story.vacancies,
        )
        claims = () if entry.is_recap else tuple(self._claim(entry, change, mentions) for change in told.changes)
        story, alerts = self._mentions(state, entry, story, before, mentions)
        out: list[Alert | RoleClaim] = [*alerts, *_differing(before, claims, entry)]
        story = msgspec.structs.replace(
            story,
            entries=story.entries if before is not None else _enter(state, entry, *story.entries),
            vacancies=story.vacancies if entry.is_recap else _still_open(story.vacancies, told.vacancies, claims),
        )
        now = EntryState(
            revision=entry.revision, persons=tuple(dict.fromkeys(_key(m) for m in _named(mentions))), claims=claims
        )
        state.put(_entry_key(entry), now)
        state.put(_story_key(entry), story)
        return out

    def _withdraw(
        self, state: State, entry: EntryRevision, story: StoryState, before: EntryState | None
    ) -> list[Alert | RoleClaim]:
        gone = before or EntryState(revision=0)
        out: list[Alert | RoleClaim] = []
        for person in gone.persons:
            story, cancelled = self._forget(state, entry, story, person)
            out += cancelled
        out += _differing(before, (), entry)
        kept = tuple(v for v in story.vacancies if not any(_opened(v, c.change) for c in gone.claims))
        entries = story.entries if before is not None else _enter(state, entry, *story.entries)
        story = msgspec.structs.replace(story, entries=entries, vacancies=kept)
        state.put(_entry_key(entry), EntryState(revision=entry.revision, is_live=False))
        state.put(_story_key(entry), story)
        return out

    def _mentions(
        self,
        state: State,
        entry: EntryRevision,
        story: StoryState,
        before: EntryState | None,
        mentions: Sequence[OfficialMention],
    ) -> tuple[StoryState, list[Alert]]:
        out: list[Alert] = []
        first: dict[str, OfficialMention] = {}
        for mention in _named(mentions):
            is_added = any(span.overlaps(mention.span) for span in entry.added)
            known = first.get(_key(mention))
            if known is None or (is_added and not _is_added(entry, known)):
                first[_key(mention)] = mention
        if entry.is_recap:
            return story, out
        for person, mention in first.items():
            story, told = self._mention(state, entry, story, person, mention)
            out += told
        for person in before.persons if before is not None else ():
            if person not in first:
                story, cancelled = self._forget(state, entry, story, person)
                out += cancelled
        return story, out

    def _mention(
        self, state: State, entry: EntryRevision, story: StoryState, person: str, mention: OfficialMention
    ) -> tuple[StoryState, list[Alert]]:
        key = f"{entry.story}/official/{person}"
        seen = state.get(key, PersonState)
        if seen is None:
            is_told = not entry.is_baseline and _is_added(entry, mention)
            seen = PersonState(entries=(entry.entry_id,), mention=mention, evidence=(evidence(entry, mention.span),))
            _enlist(state, entry, person)
            if not is_told:
                state.put(key, seen)
                return story, []
            subject = f"story/{entry.story}/person/{person}"
            seen = msgspec.structs.replace(seen, alert_id=identity.alert_id("official", subject, 1, RULESET_MAJOR))
            return self._tell(state, entry, story, person, seen, MessageType.ALERT)
        live = (*(e for e in seen.entries if e != entry.entry_id), entry.entry_id)[-MAX_LIVE:]
        seen = msgspec.structs.replace(seen, entries=live)
        if seen.is_cancelled and not entry.is_baseline:
            seen = msgspec.structs.replace(seen, mention=mention, evidence=(evidence(entry, mention.span),))
            return self._tell(state, entry, story, person, seen, MessageType.UPDATE)
        state.put(key, seen)
        return story, []

    def _forget(
        self, state: State, entry: EntryRevision, story: StoryState, person: str
    ) -> tuple[StoryState, list[Alert]]:
        key = f"{entry.story}/official/{person}"
        seen = state.get(key, PersonState)
        if seen is None or entry.entry_id not in seen.entries:
            return story, []
        seen = msgspec.structs.replace(seen, entries=tuple(e for e in seen.entries if e != entry.entry_id))
        if seen.entries or seen.alert_id is None or seen.is_cancelled:
            state.put(key, seen)
            return story, []
        return self._tell(state, entry, story, person, seen, MessageType.CANCEL)

    def _tell(  # noqa: PLR0917  the parts of one message
        self,
        state: State,
        entry: EntryRevision,
        story: StoryState,
        person: str,
        seen: PersonState,
        kind: MessageType,
    ) -> tuple[StoryState, list[Alert]]:
        assert seen.alert_id is not None and seen.mention is not None
        version = len(seen.messages) + 1
        message_id = identity.message_id(seen.alert_id, version)
        headline = f"First mention: {self._described(seen.mention)}"
        changed = None
        if kind is MessageType.CANCEL:
            headline = f"Withdrawn: {headline}"
            changed = Change(was=seen.mention.surface, now=None, material=("withdrawn",))
        elif kind is MessageType.UPDATE:
            changed = Change(was=None, now=seen.mention.surface, material=("reinstated",))
        data = AlertData(
            alert_id=seen.alert_id,
            msgtype=kind,
            version=version,
            references=seen.messages,
            headline=headline,
            story=Story(id=entry.story, title=entry.story_title, url=entry.url),
            evidence=seen.evidence,
            why=_WHY[kind],
            published_at=entry.published_at,
            observed_at=entry.observed_at,
            official=OfficialFacts(mention=seen.mention),
            change=changed,
            is_reinstated=kind is MessageType.UPDATE,
            withdrawn_by="publisher" if kind is MessageType.CANCEL else None,
            confidence=Confidence(permille=_confidence(seen.mention), reasons=seen.mention.reasons),
        )
        told = alert(
            AlertType.OFFICIAL_FIRST_MENTION,
            data=data,
            message_id=message_id,
            stage=self.name,
            subject=f"story/{entry.story}/person/{seen.mention.person_id or person}",
            time=entry.published_at,
            recordedtime=entry.observed_at,
            sequence=story.sequence + 1,
            severity=Severity.NOTE,
        )
        messages = (*seen.messages, message_id)
        seen = msgspec.structs.replace(seen, messages=messages, is_cancelled=kind is MessageType.CANCEL)
        state.put(f"{entry.story}/official/{person}", seen)
        return msgspec.structs.replace(story, sequence=story.sequence + 1), [told]

    def _described(self, mention: OfficialMention) -> str:
        status = mention.status
        word = f"{status.value} " if status not in (TenureStatus.CURRENT, TenureStatus.UNKNOWN) else ""
        if status is TenureStatus.DECEASED:
            word = "late "
        post = clip(mention.post or "official", 100)
        if mention.basis == "registry" and mention.jurisdiction in self._registry.jurisdictions:
            land = self._registry.jurisdictions[mention.jurisdiction].name
            if land.casefold() not in post.casefold():
                post = f"{post} ({land})"
        return f"{mention.name}, {word}{post}"

    def _subject(self, change: RoleChange, mentions: Sequence[OfficialMention]) -> str:
        """The registry's post, else country and words of the post, else the person."""
        if change.post_id is not None:
            return f"post/{change.post_id}"
        post = change.post or ""
        reading = self._recogniser.read(post)
        land = next((place.jurisdiction for place in reading.places), None)
        if land is None:
            ids = {who.person_id for who in (change.incoming, change.outgoing) if who is not None and who.person_id}
            land = next((m.jurisdiction for m in mentions if m.person_id in ids and m.jurisdiction), "")
        for place in reversed([place for place in reading.places if place.organisation is None]):
            post = post[: place.span.start] + post[place.span.end :]
        words = [word for word in fold_phrase(post).decode("ascii").split() if word not in _SMALL]
        if words:
            return f"post/{land.lower()}/{'-'.join(words)[:200]}" if land else f"post/{'-'.join(words)[:200]}"
        who = change.incoming or change.outgoing
        assert who is not None
        return f"person/{person_key(who)}"

    def _claim(self, entry: EntryRevision, change: RoleChange, mentions: Sequence[OfficialMention]) -> RoleClaim:
        subject = self._subject(change, mentions)
        keys = "/".join(person_key(who) if who else "" for who in (change.incoming, change.outgoing))
        return RoleClaim(
            claim_id=identity.claim_id(entry.entry_id, subject, change.event.value, keys),
            subject=subject,
            entry_id=entry.entry_id,
            revision=entry.revision,
            story=entry.story,
            story_title=entry.story_title,
            source=entry.source,
            change=change,
            evidence=(evidence(entry, change.sentence),),
            published_at=entry.published_at,
            observed_at=entry.observed_at,
            origin=entry.origin,
            is_baseline=entry.is_baseline,
            is_undated=entry.time_flag is not None,
        )


_WHY = {
    MessageType.ALERT: "The first entry of this story that names this official.",
    MessageType.UPDATE: "The official is named again after the withdrawal.",
    MessageType.CANCEL: "No entry of this story names this official any more.",
}


def _confidence(mention: OfficialMention) -> int:
    if "full_name" in mention.reasons:
        return 800 if "spelling" in mention.reasons else 950
    return 900 if mention.is_listed else 750


def _named(mentions: Sequence[OfficialMention]) -> Iterator[OfficialMention]:
    for mention in mentions:
        if mention.match is MatchStatus.MATCHED and _UNTOLD not in mention.reasons:
            yield mention


def _key(mention: OfficialMention) -> str:
    """The registry's id; for others the name: what stands beside it varies from entry to entry."""
    if mention.is_listed and mention.person_id is not None:
        return mention.person_id
    return f"name:{names.name_key(mention.name) or identity.digest(mention.name)}"


def _is_added(entry: EntryRevision, mention: OfficialMention) -> bool:
    return any(span.overlaps(mention.span) for span in entry.added)


def _is_turned(before: EntryState, entry: EntryRevision) -> bool:
    """A withdrawal or a return may carry the number of the last revision."""
    return before.revision == entry.revision and before.is_live == (entry.status is EntryStatus.WITHDRAWN)


_SMALL = word_set("the a an of for in at to s its his her their")


def _differing(before: EntryState | None, claims: Sequence[RoleClaim], entry: EntryRevision) -> list[RoleClaim]:
    """New and changed claims, and those that are gone, marked as withdrawn."""
    old = {claim.claim_id: claim for claim in (before.claims if before else ())}
    new = {claim.claim_id for claim in claims}
    out = [claim for claim in claims if claim.claim_id not in old or _is_other(old[claim.claim_id], claim)]
    for claim_id, claim in old.items():
        if claim_id not in new:
            out.append(
                msgspec.structs.replace(
                    claim,
                    is_withdrawn=True,
                    revision=entry.revision,
                    observed_at=entry.observed_at,
                    published_at=entry.published_at,
                )
            )
    return out


def _is_other(old: RoleClaim, new: RoleClaim) -> bool:
    facts = ("event", "post", "post_id", "status", "cause")
    return any(getattr(old.change, fact) != getattr(new.change, fact) for fact in facts)


def _opened(vacancy: Vacancy, change: RoleChange) -> bool:
    if change.outgoing is None or change.incoming is not None:
        return False
    return person_key(change.outgoing) == person_key(vacancy.outgoing)


def _still_open(old: Sequence[Vacancy], new: Sequence[Vacancy], claims: Sequence[RoleClaim]) -> tuple[Vacancy, ...]:
    taken = {person_key(c.change.outgoing) for c in claims if c.change.outgoing and c.change.incoming}
    found = {(person_key(v.outgoing), v.post_id or v.post): v for v in (*old, *new)}
    for vacancy in old:  # a later "replacement announced" must not lose the cause told before
        key = (person_key(vacancy.outgoing), vacancy.post_id or vacancy.post)
        if found[key].cause is None and vacancy.cause is not None:
            found[key] = vacancy
    return tuple(v for v in found.values() if person_key(v.outgoing) not in taken)[-MAX_VACANCIES:]


def _enter(state: State, entry: EntryRevision, first: int, following: int) -> tuple[int, int]:
    """Remember an entry and forget the oldest; serial numbers of the oldest and of the next."""
    number = following // _PAGE
    page = state.get(_page_key(entry, number), EntryPage) or EntryPage()
    state.put(_page_key(entry, number), EntryPage(ids=(*page.ids, entry.entry_id)))
    while following + 1 - first > MAX_ENTRIES:
        number, place = divmod(first, _PAGE)
        page = state.get(_page_key(entry, number), EntryPage) or EntryPage()
        for old in page.ids[place : place + 1]:
            state.put(f"{entry.story}/officials/{old}", None)
        if place == _PAGE - 1:
            state.put(_page_key(entry, number), None)
        first += 1
    return first, following + 1


def _enlist(state: State, entry: EntryRevision, person: str) -> None:
    """Remember a person of the story, and forget the oldest."""
    persons = state.get(_persons_key(entry), Persons) or Persons()
    for old in persons.ids[: max(0, len(persons.ids) + 1 - MAX_PERSONS)]:
        state.put(f"{entry.story}/official/{old}", None)
    state.put(_persons_key(entry), Persons(ids=(*persons.ids, person)[-MAX_PERSONS:]))


def _persons_key(entry: EntryRevision) -> str:
    return f"{entry.story}/officials/persons"


def _page_key(entry: EntryRevision, number: int) -> str:
    return f"{entry.story}/officials/entries/{number}"


def _story_key(entry: EntryRevision) -> str:
    return f"{entry.story}/officials"


def _entry_key(entry: EntryRevision) -> str:
    return f"{entry.story}/officials/{entry.entry_id}"
