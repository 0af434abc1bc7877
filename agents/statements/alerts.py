"""What an editor is told about a statement: headlines, reasons, evidence, and the message itself."""

from bisect import bisect_right
from collections.abc import Iterable
from datetime import datetime
from itertools import pairwise

import msgspec

from agents.evidence import clip, evidence
from agents.statements.cues import CUES
from agents.statements.state import Known
from agents.statements.voices import TITLES
from schemas import identity
from schemas.alert import (
    RULESET_MAJOR,
    Alert,
    AlertData,
    AlertType,
    Change,
    Confidence,
    MessageType,
    Novelty,
    Sightings,
    StatementFacts,
    Story,
    alert,
)
from schemas.article import EntryRevision, EntryStatus
from schemas.detection import Attribution, Evidence, SpeakerType, Statement, StatementKind
from schemas.event import Severity, Span, Struct

STAGE = "statements"
EXCERPT = 1000
"""Code points of a statement that an alert carries; an alert stays below 20 kB in any script."""

_PIECES = 6  # spans of one statement that are shown as evidence
_SHOWN = 160
_PLAIN_SAYING = frozenset(("say", "add", "tell", "note", "accord"))
_MARKED = frozenset((StatementKind.DIRECT, StatementKind.SOCIAL_POST, StatementKind.DOCUMENT))


class Draft(Struct, frozen=True, kw_only=True):
    """A message that still lacks its number in the story's sequence."""

    type: AlertType
    subject: str
    severity: Severity
    time: datetime
    data: AlertData


def send(draft: Draft, entry: EntryRevision, sequence: int) -> Alert:
    """The message, numbered."""
    return alert(
        draft.type,
        data=draft.data,
        message_id=identity.message_id(draft.data.alert_id, draft.data.version),
        stage=STAGE,
        subject=draft.subject,
        time=draft.time,
        recordedtime=entry.observed_at,
        sequence=sequence,
        severity=draft.severity,
    )


def event_time(entry: EntryRevision) -> datetime:
    """When this revision happened: of edits the publisher's time of modification, if it is plausible.

    Nobody dates a removal or a return: then it is when we saw it.
    """
    if entry.status is not EntryStatus.LIVE:
        return entry.observed_at
    modified = entry.modified_at
    if entry.revision > 1 and modified is not None and entry.published_at <= modified <= entry.observed_at:
        return modified
    return entry.published_at


def draft(
    kind: AlertType,
    known: Known,
    entry: EntryRevision,
    *,
    msgtype: MessageType,
    headline: str,
    why: str,
    novelty: Novelty,
    change: Change | None = None,
    is_reinstated: bool = False,
    withdrawn_by: str | None = None,
    superseded_by: str | None = None,
    confidence: Confidence | None = None,
    suppressed: dict[str, int] | None = None,
) -> tuple[Draft, Known]:
    """The next message about a statement, and the statement after it was told."""
    subject = f"story/{entry.story}/statement/{known.id}"
    alert_id = identity.alert_id("statement", subject, 1, RULESET_MAJOR)
    facts = msgspec.structs.replace(
        known.facts, novelty=novelty, superseded_by=superseded_by or known.facts.superseded_by
    )
    data = AlertData(
        alert_id=alert_id,
        msgtype=msgtype,
        version=known.version + 1,
        headline=headline,
        story=Story(id=entry.story, title=entry.story_title),
        evidence=known.evidence,
        why=why,
        references=tuple(identity.message_id(alert_id, version) for version in range(1, known.version + 1)),
        said_at=facts.said_at,
        published_at=entry.published_at,
        observed_at=entry.observed_at,
        statement=facts,
        change=change,
        is_reinstated=is_reinstated,
        withdrawn_by=withdrawn_by,
        sightings=Sightings(count=known.seen, independent_sources=known.origins, first=known.first_at),
        suppressed=suppressed or {},
        confidence=confidence,
    )
    told = msgspec.structs.replace(
        known,
        facts=msgspec.structs.replace(known.facts, superseded_by=facts.superseded_by),
        version=known.version + 1,
        is_cancelled=msgtype is MessageType.CANCEL,
        withheld=None,
    )
    message = Draft(type=kind, subject=subject, severity=known.severity, time=event_time(entry), data=data)
    return message, told


def conflict(owner: Known, other: Known, entry: EntryRevision, *, stands: bool) -> Draft:
    """The next message of the alert that two speakers are given the same words. `owner` is the later statement."""
    subject = f"story/{entry.story}/statement/{owner.id}"
    alert_id = identity.alert_id("statement", subject, 2, RULESET_MAJOR)
    version = owner.conflict_version + 1
    who = f"{label(owner.facts)} ({_outlet(owner)}) and {label(other.facts)} ({_outlet(other)})"
    if not stands:
        msgtype, headline = MessageType.CANCEL, f"Withdrawn: same words, two speakers: {quote(owner.facts)} — {who}"
        why = "One of the two attributions was withdrawn or corrected."
    else:
        msgtype = MessageType.ALERT if version == 1 else MessageType.UPDATE
        headline = f"Same words, two speakers: {quote(owner.facts)} — {who}"
        why = "Two outlets give the same verbatim words to two different persons; one of them must be wrong."
    data = AlertData(
        alert_id=alert_id,
        msgtype=msgtype,
        version=version,
        headline=headline,
        story=Story(id=entry.story, title=entry.story_title),
        evidence=(*owner.evidence, *other.evidence),
        why=why,
        references=tuple(identity.message_id(alert_id, earlier) for earlier in range(1, version)),
        published_at=entry.published_at,
        observed_at=entry.observed_at,
        statement=msgspec.structs.replace(owner.facts, possible_same_as=(other.id,)),
        is_reinstated=version > 1 and stands,
        withdrawn_by=None if stands else "publisher",
    )
    return Draft(
        type=AlertType.STATEMENT_CONFLICT,
        subject=subject,
        severity=Severity.WATCH,
        time=event_time(entry),
        data=data,
    )


def _outlet(known: Known) -> str:
    return known.evidence[0].source if known.evidence else "unknown outlet"


def facts_of(statement: Statement, statement_id: str, novelty: Novelty, text: str) -> StatementFacts:
    """The statement as alerts tell it; `text` is the entry's."""
    return StatementFacts(
        id=statement_id,
        cue=_cue(statement, text),
        pieces=_pieces(statement, text),
        kind=statement.kind,
        novelty=novelty,
        text=clip(statement.text, EXCERPT),
        speaker=statement.speaker,
        attribution=statement.attribution.value,
        via=statement.via,
        joint=statement.joint,
        on_behalf_of=statement.on_behalf_of,
        is_hearsay=statement.is_hearsay,
        said_at=statement.said_at,
        said_at_precision=statement.said_at_precision,
    )


def _cue(statement: Statement, text: str) -> str | None:
    if statement.cue is None:
        return None
    cue = " ".join(statement.cue.of(text).split())
    between = text[statement.cue.end : statement.content.start] if statement.cue.end <= statement.content.start else ""
    return f"{cue} that" if between.strip() == "that" else cue


def _pieces(statement: Statement, text: str) -> tuple[str, ...]:
    """The pieces of words that the text interrupts («"X," he said, "Y"»); paragraphs of one quotation are no pieces."""
    spans = statement.content_spans
    if not any(char.isalnum() for one, two in pairwise(spans) for char in text[one.end : two.start]):
        return ()
    return tuple(clip(span.of(text), EXCERPT) for span in spans[:_PIECES])


def evidence_of(statement: Statement, entry: EntryRevision) -> tuple[Evidence, ...]:
    """The spans that carry the claim: the words first, then who said them and the word that says so."""
    left = EXCERPT
    spans: list[Span] = []
    for span in (statement.content_spans or (statement.content,))[:_PIECES]:
        cut = Span(span.start, min(span.end, span.start + left))
        left -= cut.end - cut.start
        if cut.end > cut.start:
            spans.append(cut)
    speaker = statement.speaker.span if statement.speaker is not None else None
    extra: Iterable[Span | None] = (speaker, statement.cue)
    for other in extra:
        if other is not None and other.end > other.start and not any(span.contains(other) for span in spans):
            spans.append(Span(other.start, min(other.end, other.start + 200)))
    return tuple(evidence(_narrowed(entry, span), span) for span in spans)


def _narrowed(entry: EntryRevision, span: Span) -> EntryRevision:
    """The entry with the one segment in which the span starts: its section is sought among all that are there."""
    if len(entry.segments) < 2:
        return entry
    i = bisect_right(entry.segments, span.start, key=lambda segment: segment.span.start)
    return msgspec.structs.replace(entry, segments=entry.segments[max(0, i - 1) : i])


def severity_of(statement: Statement, novelty: Novelty) -> Severity:
    """WATCH; NOTE for hearsay, for a speaker nobody could name, and for words said again."""
    is_low = (
        statement.is_hearsay
        or statement.speaker is None
        or statement.attribution is Attribution.UNRESOLVED
        or novelty is Novelty.REITERATED
    )
    return Severity.NOTE if is_low else Severity.WATCH


def label(facts: StatementFacts) -> str:
    """Who spoke, as a headline names it: name and role, the principal of a spokesperson, the medium it came through.

    A role that already holds the name, or repeats it, is left out.
    """
    who = facts.speaker
    media = next((via.name for via in facts.via if via.type == "media"), None)
    teller = next((via.name for via in facts.via if via.type != "media"), None)
    if who is None or facts.attribution == Attribution.UNRESOLVED.value:
        name = "Unidentified speaker"
    else:
        name = clip(who.name, 80)
        if facts.on_behalf_of:
            name = f"{clip(facts.on_behalf_of, 80)} (via {name})"
        elif who.role and who.type is SpeakerType.PERSON and who.role.casefold() not in name.casefold():
            name = _with_role(name, who.role)
        if who.type is not SpeakerType.PERSON or facts.on_behalf_of:
            name = name[:1].upper() + name[1:]  # "media in the country"; a person's particle stays as it is
    if facts.joint:
        name = " and ".join((name, *(clip(other.name, 60) for other in facts.joint[:3])))
    if facts.is_hearsay and teller:
        name = f"{name}, as told by {clip(teller, 60)}"
    return f"{name} (via {clip(media, 60)})" if media else name


def _with_role(name: str, role: str) -> str:
    """A title goes in front of the name, a post behind it, cut where its own description goes on."""
    role = role[4:] if role[:4].casefold() == "the " else role
    if role[:1].isupper() and role.casefold().rstrip(".") in TITLES:
        return f"{role} {name}"
    for mark in (",", " who ", " and ", " in the ", " at the "):
        if len(role) > 50:
            role = role.partition(mark)[0]
    return f"{name}, {clip(role, 60)}"


def quote(facts: StatementFacts, limit: int = _SHOWN) -> str:
    """The words in one line: in quotation marks where they are verbatim."""
    text = clip(" … ".join(facts.pieces) or facts.text, limit)
    return f"“{text}”" if facts.kind in _MARKED else text


def told(facts: StatementFacts) -> str:
    """Speaker and words: `Jane Roe, harbour minister: “…”`, `Jane Roe denied that the harbour is shut`."""
    match facts.kind:
        case StatementKind.SOCIAL_POST:
            return f"{label(facts)} posted: {quote(facts)}"
        case StatementKind.DOCUMENT:
            return f"{label(facts)}, in writing: {quote(facts)}"
        case StatementKind.INDIRECT | StatementKind.MIXED:
            return f"{_subject(facts)} {_verb(facts.cue)} {quote(facts)}"
    return f"{label(facts)}: {quote(facts)}"


def _subject(facts: StatementFacts) -> str:
    """The label before a verb: a role behind the name is closed with a comma."""
    name = label(facts)
    return f"{name}," if ", " in name and not name.endswith(")") else name


def _verb(cue: str | None) -> str:
    """The cue as a headline's verb, faithful to a denial, a warning, a call; "said:" where it would not fit."""
    words = (cue or "").casefold().split()
    known = CUES.get(words[0]) if words else None
    if cue is not None and len(words) == 2 and words[0].endswith("ed") and words[1] in ("for", "on", "to", "against"):
        return cue  # "called for"
    if cue is None or known is None or known.form not in ("past", "third") or known.lemma in _PLAIN_SAYING:
        return "said that" if words[:1] == ["said"] and words[-1] == "that" else "said:"
    takes_more = words[-1] == "that" or len(words) > 1 or known.is_transitive or known.has_object
    return cue if takes_more else f"{cue}:"


def corrected(facts: StatementFacts, was: str) -> str:
    """Now and was: `Corrected: Jane Roe: “…” (was “…”)`."""
    if facts.kind in _MARKED:
        return f"Corrected: {label(facts)}: {quote(facts, 100)} (was “{clip(was, 100)}”)"
    return f"Corrected: {_subject(facts)} {_verb(facts.cue)} {quote(facts, 100)} (was: {clip(was, 100)})"


def why_new(statement: Statement, entry: EntryRevision, novelty: str, detail: str) -> str:
    """One sentence: on which words it rests, since which revision, and against what it is new."""
    cue = f" with the cue “{clip(statement.cue.of(entry.text), 40)}”" if statement.cue is not None else ""
    kind = statement.kind.value.replace("_", " ")
    since = "first seen in" if entry.revision == 1 else f"added in revision {entry.revision} of"
    article = "An" if kind[0] in "aeiou" else "A"
    return f"{article} {kind} statement{cue}, {since} an entry of {entry.source}; {novelty}: {detail}."
