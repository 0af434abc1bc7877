"""The alert: a transition of state, told as a CloudEvents 1.0 message with verbatim evidence."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from schemas.detection import Evidence, OfficialMention, RoleEvent, Speaker, StatementKind, TenureStatus, Via
from schemas.event import Event, Permille, Severity, Span, Struct

RULESET_MAJOR = 1
"""Major version of the detection rules; part of every alert id."""


class MessageType(StrEnum):
    """alert: the first message; update: it changed; cancel: it no longer stands."""

    ALERT = "alert"
    UPDATE = "update"
    CANCEL = "cancel"


class Status(StrEnum):
    """Whether the message is about the world or about ourselves."""

    ACTUAL = "actual"
    TEST = "test"
    DRILL = "drill"
    REPLAY = "replay"


class Family(StrEnum):
    """The first word of an alert type; one downstream topic each (`alerts.<plural>`)."""

    STATEMENT = "statement"
    KEYWORD = "keyword"
    OFFICIAL = "official"
    ENTRY = "entry"


class AlertType(StrEnum):
    """Every kind of transition that is told."""

    STATEMENT_NEW = "tocsin.statement.new.v1"
    STATEMENT_CORRECTED = "tocsin.statement.corrected.v1"
    STATEMENT_RETRACTED = "tocsin.statement.retracted.v1"
    STATEMENT_CORROBORATED = "tocsin.statement.corroborated.v1"
    STATEMENT_CONFLICT = "tocsin.statement.conflict.v1"
    KEYWORD_ESCALATED = "tocsin.keyword.escalated.v1"
    KEYWORD_DEESCALATED = "tocsin.keyword.deescalated.v1"
    KEYWORD_BURST = "tocsin.keyword.burst.v1"
    OFFICIAL_FIRST_MENTION = "tocsin.official.first_mention.v1"
    OFFICIAL_ROLE_CHANGED = "tocsin.official.role_changed.v1"
    OFFICIAL_ROLE_CONFLICT = "tocsin.official.role_conflict.v1"
    OFFICIAL_UNLISTED = "tocsin.official.unlisted.v1"
    ENTRY_UPDATED = "tocsin.entry.updated.v1"
    ENTRY_WITHDRAWN = "tocsin.entry.withdrawn.v1"

    @property
    def family(self) -> Family:
        """The first word after the product's name."""
        return Family(self.value.split(".")[1])


class Story(Struct, frozen=True, kw_only=True):
    """The scope in which "new" is meant."""

    id: str
    title: str | None = None
    url: str | None = None


class Novelty(StrEnum):
    """The novelty ladder; exactly one value a statement."""

    NEW = "new"
    EXTENDED = "extended"
    REITERATED = "reiterated"
    REPEAT = "repeat"
    SYNDICATED = "syndicated"
    VARIANT = "variant"
    RENDERING = "rendering"
    CORRECTED = "corrected"
    RETRACTED = "retracted"
    ARCHIVAL = "archival"


class Change(Struct, frozen=True, kw_only=True):
    """Was and now of an update, and why it matters.

    material  closed reasons: speaker, negation, number, unit, date, entity, entity_order, modal, quotation_marks,
              wording, withdrawn, reinstated, level, status
    """

    was: str | None
    now: str | None
    material: tuple[str, ...]


class StatementFacts(Struct, frozen=True, kw_only=True):
    """A statement as an alert tells it.

    text    the words, pieces joined by one space
    cue     the words that say so, verbatim, with a "that" behind them ("denied that"): without them a denied claim
            reads like a claim
    pieces  the pieces, where other words of the text stand between them («"X," he said, "Y"»); else empty
    """

    id: str
    kind: StatementKind
    novelty: Novelty
    text: str
    speaker: Speaker | None
    attribution: str
    cue: str | None = None
    pieces: tuple[str, ...] = ()
    via: tuple[Via, ...] = ()
    joint: tuple[Speaker, ...] = ()
    on_behalf_of: str | None = None
    is_hearsay: bool = False
    said_at: datetime | None = None
    said_at_precision: str = "none"
    extends: str | None = None
    superseded_by: str | None = None
    differs_from: str | None = None
    possible_same_as: tuple[str, ...] = ()


class EscalationFacts(Struct, frozen=True, kw_only=True):
    """A ladder's transition. Scores in per mille of one asserted term of weight 1."""

    ladder: str
    channel: str
    from_level: int
    to_level: int
    score_permille: int
    threshold: int
    support_entries: int
    terms: tuple[str, ...] = ()
    proposed: str | None = None


class PersonFacts(Struct, frozen=True, kw_only=True):
    """A person in a role change."""

    id: str | None
    name: str


class RoleChangeFacts(Struct, frozen=True, kw_only=True):
    """Who left, who came, which post."""

    event: RoleEvent
    post: str | None
    post_id: str | None = None
    incoming: PersonFacts | None = None
    outgoing: PersonFacts | None = None
    cause: str | None = None
    tenure: TenureStatus = TenureStatus.CURRENT
    status: str = "reported"  # reported | corroborated | official


class OfficialFacts(Struct, frozen=True, kw_only=True):
    """An official's first mention, or the change of a role."""

    mention: OfficialMention | None = None
    change: RoleChangeFacts | None = None


class Sightings(Struct, frozen=True, kw_only=True):
    """How often and by how many independent origins the words were carried."""

    count: int
    independent_sources: int
    first: datetime


class Match(Struct, frozen=True, kw_only=True):
    """A rule that fired, and where."""

    rule: str
    version: int
    evidence: int  # index into `evidence`
    spans: tuple[Span, ...]


class Confidence(Struct, frozen=True, kw_only=True):
    """How sure the detector is, with closed reasons."""

    permille: Permille
    reasons: tuple[str, ...] = ()


class AlertData(Struct, frozen=True, kw_only=True):
    """The payload: what happened, on which evidence, and which messages it changes.

    version       1 for the alert; rises by 1 a message
    references    all earlier message ids of this alert, oldest first; never empty for update and cancel
    headline      one line a desk editor would accept, honest also for readers that ignore `msgtype`
    why           one sentence: why this fired
    """

    alert_id: str
    msgtype: MessageType
    version: int
    headline: str
    story: Story
    evidence: tuple[Evidence, ...]
    why: str
    references: tuple[str, ...] = ()
    status: Status = Status.ACTUAL
    said_at: datetime | None = None
    published_at: datetime | None = None
    observed_at: datetime | None = None
    statement: StatementFacts | None = None
    escalation: EscalationFacts | None = None
    official: OfficialFacts | None = None
    change: Change | None = None
    is_reinstated: bool = False
    withdrawn_by: str | None = None
    sightings: Sightings | None = None
    matched: tuple[Match, ...] = ()
    suppressed: dict[str, int] = {}
    confidence: Confidence | None = None


class Alert(Event, frozen=True, kw_only=True):
    """CloudEvents 1.0. Topics `alerts.<family>s`, key = story; binary mode on a topic, structured mode elsewhere.

    id            message id, also the webhook id
    source        "/detectors/<stage>"
    time          event time of the transition
    recordedtime  when the update that caused it was observed; excluded from comparisons of runs
    sequence      rises within (source, partitionkey); ten digits, so that it sorts as text
    """

    id: str
    type: AlertType
    source: str
    subject: str
    time: datetime
    recordedtime: datetime
    partitionkey: str
    sequence: str
    severitytext: str
    severitynumber: Severity
    data: AlertData
    specversion: str = "1.0"
    datacontenttype: str = "application/json"
    dataschema: str = ""
    traceparent: str | None = None

    @property
    def story(self) -> str:
        """Story id; the record key."""
        return self.data.story.id


def dataschema(kind: AlertType) -> str:
    """Stable name of the JSON Schema of this type's data.

    >>> dataschema(AlertType.STATEMENT_NEW)
    'https://tocsin.example/schemas/statement.new/1.json'
    """
    _, family, what, major = kind.value.split(".")
    return f"https://tocsin.example/schemas/{family}.{what}/{major[1:]}.json"


def alert(
    kind: AlertType,
    *,
    data: AlertData,
    message_id: str,
    stage: str,
    subject: str,
    time: datetime,
    recordedtime: datetime,
    sequence: int,
    severity: Severity,
    **extra: Any,
) -> Alert:
    """Build an alert with all attributes that follow from others. FLASH goes out as BULLETIN."""
    severity = min(severity, Severity.BULLETIN)
    return Alert(
        id=message_id,
        type=kind,
        source=f"/detectors/{stage}",
        subject=subject,
        time=time,
        recordedtime=recordedtime,
        partitionkey=f"story/{data.story.id}",
        sequence=f"{sequence:010d}",
        severitytext=severity.name,
        severitynumber=severity,
        dataschema=dataschema(kind),
        data=data,
        **extra,
    )
