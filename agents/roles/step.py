"""The roles agent: one alert for each change of a post, however often and in whichever story it is told."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from agents.evidence import clip
from agents.officials.changes import person_key
from agents.officials.registry import Registry, default_registry
from agents.step import State
from schemas import identity
from schemas.alert import (
    RULESET_MAJOR,
    Alert,
    AlertData,
    AlertType,
    Change,
    MessageType,
    OfficialFacts,
    PersonFacts,
    RoleChangeFacts,
    Sightings,
    Story,
    alert,
)
from schemas.detection import Evidence, Person, RoleChange, RoleClaim, RoleEvent, TenureStatus
from schemas.event import Severity, Struct

MAX_CHANGES, MAX_CLAIMS, MAX_EVIDENCE = 32, 64, 5
"""Bounds of one post's state; the oldest change is forgotten first."""
SAME_WITHIN = timedelta(days=30)
"""Two tellings further apart are two changes: people return to posts."""
CONFLICT_WITHIN = timedelta(days=3)
"""Two names for one post within this time contradict each other; later ones are a new change."""
HELD_BEFORE = timedelta(days=30)
"""Who has held a post for longer than this cannot be appointed to it now."""

_DEATHS = frozenset((RoleEvent.KILLED, RoleEvent.DIED))


class KnownClaim(Struct, frozen=True, kw_only=True):
    """One telling of a change. `origin` is the agency credited, else the outlet."""

    claim_id: str
    entry: str
    revision: int
    origin: str
    is_live: bool


class KnownChange(Struct, frozen=True, kw_only=True):
    """One change of the post, told or (baseline) only known.

    kind  "in" for arrivals and successions, "out" for a departure, "death", "conflict"
    """

    kind: str
    incoming: str | None
    outgoing: str | None
    facts: RoleChangeFacts
    story: Story
    evidence: tuple[Evidence, ...]
    claims: tuple[KnownClaim, ...]
    published_at: datetime
    alert_id: str | None = None
    messages: tuple[str, ...] = ()
    is_cancelled: bool = False


class PostState(Struct, frozen=True, kw_only=True):
    """All changes known of one post, oldest first."""

    sequence: int = 0
    ordinal: int = 0
    changes: tuple[KnownChange, ...] = ()


class RolesStep:
    """Role changes and conflicts. State keys begin with the claim's subject."""

    name = "roles"

    def __init__(self, registry: Registry | None = None) -> None:
        self._registry = default_registry() if registry is None else registry

    def decide(self, state: State, event: RoleClaim) -> list[Alert]:
        """Messages that this claim causes; none for a claim already counted, or an older revision of it."""
        claim = event
        key = f"{claim.subject}/roles"
        post = state.get(key, PostState) or PostState()
        index, earlier = _earlier(post, claim)
        if earlier is not None and earlier.revision >= claim.revision and earlier.is_live != claim.is_withdrawn:
            return []
        if earlier is not None and earlier.revision > claim.revision:
            return []
        if index is None:
            if claim.is_withdrawn:
                return []
            index = _same(post, claim)
        if index is None:
            post, out = self._first(post, claim)
        else:
            post, out = self._again(post, index, claim)
        state.put(key, post)
        return out

    def _first(self, post: PostState, claim: RoleClaim) -> tuple[PostState, list[Alert]]:
        change = claim.change
        rival = _rival(post, claim)
        is_conflict = rival is not None or self._is_held_already(claim)
        known = KnownChange(
            kind="conflict" if is_conflict else _kind(change),
            incoming=_key(change.incoming),
            outgoing=_key(change.outgoing),
            facts=_facts(change),
            story=Story(id=claim.story, title=claim.story_title, url=claim.evidence[0].url if claim.evidence else None),
            evidence=(*(rival.evidence[:2] if rival else ()), *claim.evidence)[:MAX_EVIDENCE],
            claims=(_counted(claim),),
            published_at=claim.published_at,
        )
        if claim.is_baseline:
            return _with(post, len(post.changes), known), []
        ordinal = post.ordinal + 1
        post = msgspec.structs.replace(post, ordinal=ordinal)
        known = msgspec.structs.replace(
            known, alert_id=identity.alert_id("official", claim.subject, ordinal, RULESET_MAJOR)
        )
        return self._tell(post, len(post.changes), known, claim, MessageType.ALERT, None)

    def _again(self, post: PostState, index: int, claim: RoleClaim) -> tuple[PostState, list[Alert]]:
        known = post.changes[index]
        claims = (*(c for c in known.claims if c.claim_id != claim.claim_id), _counted(claim))[-MAX_CLAIMS:]
        evidence = known.evidence
        if not claim.is_withdrawn:
            others = (e for e in known.evidence if e.entry != claim.entry_id)
            evidence = (*others, *claim.evidence)[:MAX_EVIDENCE]
        now = msgspec.structs.replace(known, claims=claims, evidence=evidence)
        is_alive = any(c.is_live for c in claims)
        if known.alert_id is None:
            return _with(post, index, now), []
        if not is_alive:
            if known.is_cancelled:
                return _with(post, index, now), []
            changed = Change(was=_headline(known), now=None, material=("withdrawn",))
            return self._tell(post, index, now, claim, MessageType.CANCEL, changed)
        fuller = _fuller(known, claim) if not claim.is_withdrawn else None
        if fuller is not None:
            now = msgspec.structs.replace(
                now,
                facts=msgspec.structs.replace(fuller, status=now.facts.status),
                outgoing=known.outgoing or _key(claim.change.outgoing),
            )
        status = _status(now) if known.kind != "conflict" else known.facts.status
        is_raised = status == "corroborated" and known.facts.status == "reported"
        if is_raised:
            now = msgspec.structs.replace(now, facts=msgspec.structs.replace(now.facts, status=status))
        if known.is_cancelled:
            changed = Change(was=None, now=_headline(now), material=("reinstated",))
            return self._tell(post, index, now, claim, MessageType.UPDATE, changed)
        if fuller is not None or is_raised:
            changed = Change(
                was=_headline(known) if fuller else known.facts.status,
                now=_headline(now) if fuller else now.facts.status,
                material=tuple(m for m, is_so in (("entity", fuller is not None), ("status", is_raised)) if is_so),
            )
            return self._tell(post, index, now, claim, MessageType.UPDATE, changed)
        return _with(post, index, now), []

    def _is_held_already(self, claim: RoleClaim) -> bool:
        """An appointment to a post that the registry says the person has held for long: a garbled telling."""
        change = claim.change
        who = change.incoming
        if claim.is_undated or who is None or change.post_id is None or who.person_id not in self._registry.persons:
            return False
        held = self._registry.holding(self._registry.persons[who.person_id], claim.published_at - HELD_BEFORE)
        return held is not None and held.post.id == change.post_id and held.status is TenureStatus.CURRENT

    def _tell(  # noqa: PLR0917  the parts of one message
        self,
        post: PostState,
        index: int,
        known: KnownChange,
        claim: RoleClaim,
        kind: MessageType,
        changed: Change | None,
    ) -> tuple[PostState, list[Alert]]:
        assert known.alert_id is not None
        version = len(known.messages) + 1
        message_id = identity.message_id(known.alert_id, version)
        headline = _headline(known)
        is_conflict = known.kind == "conflict"
        origins = {c.origin for c in known.claims if c.is_live}
        data = AlertData(
            alert_id=known.alert_id,
            msgtype=kind,
            version=version,
            references=known.messages,
            headline=f"Withdrawn: {headline}" if kind is MessageType.CANCEL else headline,
            story=known.story,
            evidence=known.evidence,
            why=_WHY[kind] if not is_conflict or kind is MessageType.CANCEL else _CONFLICT,
            published_at=claim.published_at,
            observed_at=claim.observed_at,
            official=OfficialFacts(change=known.facts),
            change=changed,
            is_reinstated=changed is not None and "reinstated" in changed.material,
            withdrawn_by="publisher" if kind is MessageType.CANCEL else None,
            sightings=Sightings(
                count=sum(c.is_live for c in known.claims), independent_sources=len(origins), first=known.published_at
            ),
        )
        told = alert(
            AlertType.OFFICIAL_ROLE_CONFLICT if is_conflict else AlertType.OFFICIAL_ROLE_CHANGED,
            data=data,
            message_id=message_id,
            stage=self.name,
            subject=claim.subject,
            time=claim.published_at,
            recordedtime=claim.observed_at,
            sequence=post.sequence + 1,
            severity=Severity.ADVISORY,
        )
        known = msgspec.structs.replace(
            known, messages=(*known.messages, message_id), is_cancelled=kind is MessageType.CANCEL
        )
        post = msgspec.structs.replace(post, sequence=post.sequence + 1)
        return _with(post, index, known), [told]


_WHY = {
    MessageType.ALERT: "An entry asserts that this post changes hands.",
    MessageType.UPDATE: "What is known of this change has changed.",
    MessageType.CANCEL: "No entry asserts this change any more.",
}
_CONFLICT = "Two tellings about this post contradict each other, or what is on record."

_VERBS = {
    RoleEvent.APPOINTED: "appointed",
    RoleEvent.SWORN_IN: "sworn in as",
    RoleEvent.PROMOTED: "promoted to",
    RoleEvent.NOMINATED: "nominated as",
    RoleEvent.SUCCEEDED: "appointed",
    RoleEvent.RESIGNED: "resigns",
    RoleEvent.DISMISSED: "dismissed",
    RoleEvent.SUSPENDED: "suspended",
    RoleEvent.DIED: "dies",
    RoleEvent.KILLED: "killed",
}


def _headline(known: KnownChange) -> str:
    facts = known.facts
    post = clip(facts.post or "", 100)
    if facts.tenure in (TenureStatus.ACTING, TenureStatus.INTERIM) and post and facts.tenure.value not in post:
        post = f"{facts.tenure.value} {post}"
    verb = _VERBS[facts.event]
    if facts.incoming is not None and facts.outgoing is not None:
        line = f"{facts.incoming.name} succeeds {facts.outgoing.name}" + (f" as {post}" if post else "")
    elif facts.incoming is not None:
        line = f"{facts.incoming.name} {verb} {post}".rstrip()
    else:
        assert facts.outgoing is not None
        who = f"{facts.outgoing.name}, {post}," if post else facts.outgoing.name
        line = f"{who} {verb}"
    return f"Conflicting reports: {line}" if known.kind == "conflict" else line


def _kind(change: RoleChange) -> str:
    if change.incoming is not None:
        return "in"
    return "death" if change.event in _DEATHS else "out"


def _key(person: Person | None) -> str | None:
    return person_key(person) if person is not None else None


def _facts(change: RoleChange) -> RoleChangeFacts:
    return RoleChangeFacts(
        event=change.event,
        post=change.post,
        post_id=change.post_id,
        incoming=_person(change.incoming),
        outgoing=_person(change.outgoing),
        cause=change.cause,
        tenure=change.status,
    )


def _person(person: Person | None) -> PersonFacts | None:
    return PersonFacts(id=person.person_id, name=person.name) if person is not None else None


def _counted(claim: RoleClaim) -> KnownClaim:
    return KnownClaim(
        claim_id=claim.claim_id,
        entry=claim.entry_id,
        revision=claim.revision,
        origin=claim.origin or claim.source,
        is_live=not claim.is_withdrawn,
    )


def _earlier(post: PostState, claim: RoleClaim) -> tuple[int | None, KnownClaim | None]:
    for index, known in enumerate(post.changes):
        for counted in known.claims:
            if counted.claim_id == claim.claim_id:
                return index, counted
    return None, None


def _same(post: PostState, claim: RoleClaim) -> int | None:
    """The change that this claim tells again: same people as far as both name them."""
    change = claim.change
    incoming, outgoing, kind = _key(change.incoming), _key(change.outgoing), _kind(change)
    for index in reversed(range(len(post.changes))):
        known = post.changes[index]
        if known.kind not in (kind, "conflict") or abs(claim.published_at - known.published_at) > SAME_WITHIN:
            continue
        if known.incoming != incoming or (incoming is None and known.outgoing != outgoing):
            continue
        if known.outgoing is None or outgoing is None or known.outgoing == outgoing:
            return index
    return None


def _rival(post: PostState, claim: RoleClaim) -> KnownChange | None:
    """A live change that gives the post to somebody else at nearly the same time."""
    change = claim.change
    incoming, outgoing = _key(change.incoming), _key(change.outgoing)
    if incoming is None:
        return None
    for known in reversed(post.changes):
        is_live = not known.is_cancelled and any(c.is_live for c in known.claims)
        is_near = abs(claim.published_at - known.published_at) <= CONFLICT_WITHIN
        if known.kind == "in" and is_live and is_near and known.incoming not in (incoming, outgoing):
            return known
    return None


def _fuller(known: KnownChange, claim: RoleClaim) -> RoleChangeFacts | None:
    """The facts of a telling that also names whom the newcomer follows."""
    if known.outgoing is not None or claim.change.outgoing is None or known.kind == "conflict":
        return None
    return _facts(claim.change)


def _status(known: KnownChange) -> str:
    return "corroborated" if len({c.origin for c in known.claims if c.is_live}) >= 2 else "reported"


def _with(post: PostState, index: int, known: KnownChange) -> PostState:
    changes: Sequence[KnownChange] = (*post.changes[:index], known, *post.changes[index + 1 :])
    return msgspec.structs.replace(post, changes=tuple(changes[-MAX_CHANGES:]))
