"""Alerts and filters of routing tests: boring ones, and random ones from small vocabularies so that they meet."""

import random
from typing import Any

import msgspec

from schemas import identity
from schemas.alert import (
    Alert,
    AlertData,
    AlertType,
    Change,
    EscalationFacts,
    Family,
    MessageType,
    Novelty,
    OfficialFacts,
    PersonFacts,
    RoleChangeFacts,
    StatementFacts,
    Story,
    alert,
)
from schemas.detection import (
    Channel,
    Evidence,
    MatchStatus,
    OfficialMention,
    RoleEvent,
    Speaker,
    SpeakerType,
    StatementKind,
    TenureStatus,
    Via,
)
from schemas.event import Severity, Span
from schemas.identity import message_id, text_sha256
from schemas.subscription import Filter, HearsayRole, Subscription, subscription
from tests.builders import NOON

replace = msgspec.structs.replace


def words_of(text: str, *, source: str = "sample-news", entry: str = "en_1") -> Evidence:
    """Evidence whose exact words are `text`, at the start of a revision."""
    return Evidence(
        source=source,
        item="item-1",
        entry=entry,
        revision=1,
        text_sha256=text_sha256(text),
        section="body",
        exact=text,
        prefix="",
        suffix="",
        start=0,
        end=len(text),
        published_at=NOON,
        observed_at=NOON,
    )


def an_alert(
    kind: AlertType = AlertType.STATEMENT_NEW,
    *,
    severity: Severity = Severity.WATCH,
    alert_id: str = "al_1",
    version: int = 1,
    msgtype: MessageType = MessageType.ALERT,
    story: str = "story-1",
    **data: Any,
) -> Alert:
    """One message. `data` are further fields of the payload."""
    fields: dict[str, Any] = {
        "alert_id": alert_id,
        "msgtype": msgtype,
        "version": version,
        "references": tuple(message_id(alert_id, n) for n in range(1, version)),
        "headline": "Something happened",
        "story": Story(id=story),
        "evidence": (),
        "why": "said, in added text",
    }
    return alert(
        kind,
        data=AlertData(**(fields | data)),
        message_id=message_id(alert_id, version),
        stage="tests",
        subject=f"story/{story}/{alert_id}",
        time=NOON,
        recordedtime=NOON,
        sequence=version,
        severity=severity,
    )


def a_speaker(name: str = "Jane Roe", **changes: Any) -> Speaker:
    """A person."""
    fields: dict[str, Any] = {"type": SpeakerType.PERSON, "name": name, "surface": name}
    return Speaker(**(fields | changes))


def a_statement(speaker: Speaker | None = None, **changes: Any) -> StatementFacts:
    """A direct statement by Jane Roe."""
    fields: dict[str, Any] = {
        "id": "st_1",
        "kind": StatementKind.DIRECT,
        "novelty": Novelty.NEW,
        "text": "The bridge is closed",
        "speaker": speaker or a_speaker(),
        "attribution": "explicit",
    }
    return StatementFacts(**(fields | changes))


def statement_alert_id(statement: str, story: str = "story-1") -> str:
    """The alert of a statement, as the statements agent derives it."""
    return identity.alert_id("statement", f"story/{story}/statement/{statement}", 1, 1)


def said(name: str = "Jane Roe", *, statement: str = "st_1", story: str = "story-1", **changes: Any) -> Alert:
    """A statement alert; its id follows from the statement."""
    facts = a_statement(a_speaker(name), id=statement)
    data: dict[str, Any] = {"statement": facts, "headline": f"{name}: “The bridge is closed”"}
    return an_alert(alert_id=statement_alert_id(statement, story), story=story, **(data | changes))


def raised(level: int, *, channel: str = "action", story: str = "story-1", **changes: Any) -> Alert:
    """A ladder reached a level."""
    severity = (Severity.NOTE, Severity.WATCH, Severity.ADVISORY, Severity.URGENT, Severity.BULLETIN)[min(level, 4)]
    facts = EscalationFacts(
        ladder="security",
        channel=channel,
        from_level=0,
        to_level=level,
        score_permille=1,
        threshold=1,
        support_entries=1,
    )
    data: dict[str, Any] = {
        "escalation": facts,
        "headline": f"Level {level}",
        "severity": severity,
        "alert_id": f"al_level_{channel}_{level}",
    }
    return an_alert(AlertType.KEYWORD_ESCALATED, story=story, **(data | changes))


def later(first: Alert, msgtype: MessageType, *material: str, version: int = 2, **data: Any) -> Alert:
    """The next message of an alert; material reasons make it a correction."""
    change = Change(was="before", now="after", material=material) if material else None
    now = replace(
        first.data,
        msgtype=msgtype,
        version=version,
        references=tuple(message_id(first.data.alert_id, n) for n in range(1, version)),
        change=change,
        is_reinstated="reinstated" in material,
        **data,
    )
    return replace(first, id=message_id(first.data.alert_id, version), data=now)


def cancelled(first: Alert, *, version: int = 2, **data: Any) -> Alert:
    """The withdrawal of an alert."""
    headline = {"headline": f"Withdrawn: {first.data.headline}"}
    return later(first, MessageType.CANCEL, "withdrawn", version=version, **(headline | data))


def a_subscription(name: str = "all", **settings: Any) -> Subscription:
    """Everything, to one Slack channel."""
    return subscription(owner="desk", name=name, channel="slack", target="C0DESK", **settings)


PEOPLE = ("Jane Roe", "Óscar Díaz", "نور", "J. Doe-Smith")
WORDS = (
    "bridge",
    "harbour",
    "air strike",
    "air-strike",
    "Gen. Lee",
    "нефть",
    "нефть порт",
    "État",
    "u.s. troops",
    "!!",
    "us",
)
TEXTS = (
    "The bridge, the harbour: an air strike.",
    "An air-strike near the État; Gen. Lee left.",
    "Gen Lee saw the harbour",
    "нефть порт нефть",
    "U.S. troops — порт",
    "us troops",
    "",
    "Air. Strike! \ud800 \x00 bridge",
)
IDS = ("Q1", "Q2", "p_x")


def random_filter(r: random.Random) -> Filter:
    """Any conditions over the small vocabularies."""

    def some(values: Any, chance: float) -> tuple[Any, ...]:
        values = tuple(values)
        return tuple(r.sample(values, r.randint(1, min(3, len(values))))) if r.random() < chance else ()

    return Filter(
        families=some(Family, 0.15),
        types=some(AlertType, 0.1),
        severity=r.choice(tuple(Severity)) if r.random() < 0.4 else Severity.NOTE,
        officials=some(IDS, 0.12),
        posts=some(("harbour minister", "The Mayor"), 0.08),
        speakers=some((*PEOPLE, "Q1", "@roe"), 0.15),
        on_behalf_of=some(PEOPLE, 0.05),
        keywords_any=some(WORDS, 0.25),
        keywords_all=some(WORDS, 0.12),
        keywords_none=some(WORDS, 0.15),
        stories=some(("story-1", "story-2"), 0.15),
        sources=some(("sample-news", "other-news"), 0.12),
        novelty=some(Novelty, 0.08),
        statement_kinds=some(StatementKind, 0.08),
        ladders=some(("security", "disaster"), 0.05),
        channels=some(Channel, 0.05),
        levels=some(range(6), 0.05),
        has_unresolved=r.choice((None, None, True, False)),
        hearsay=r.choice((tuple(HearsayRole), tuple(HearsayRole), (HearsayRole.SPEAKER,), (HearsayRole.VIA,))),
    )


def random_alert(r: random.Random, n: int = 0) -> Alert:
    """Any alert over the small vocabularies."""
    kind = r.choice(tuple(AlertType))
    data: dict[str, Any] = {}
    if kind.family is Family.STATEMENT:
        who = a_speaker(
            r.choice(PEOPLE),
            person_id=r.choice((None, *IDS)),
            role=r.choice((None, "the harbour minister", "mayor")),
            handle=r.choice((None, "@Roe")),
        )
        data["statement"] = a_statement(
            who,
            kind=r.choice(tuple(StatementKind)),
            novelty=r.choice(tuple(Novelty)),
            text=r.choice(TEXTS),
            attribution=r.choice(("explicit", "inferred", "unresolved")),
            on_behalf_of=r.choice((None, None, *PEOPLE)),
            joint=(a_speaker(r.choice(PEOPLE)),) if r.random() < 0.2 else (),
            is_hearsay=r.random() < 0.3,
            via=(Via(name=r.choice(PEOPLE), type=r.choice(("person", "media"))),) if r.random() < 0.4 else (),
        )
    elif kind.family is Family.KEYWORD:
        data["escalation"] = EscalationFacts(
            ladder=r.choice(("security", "disaster")),
            channel=r.choice(tuple(Channel)).value,
            from_level=0,
            to_level=r.randint(0, 5),
            score_permille=1,
            threshold=1,
            support_entries=1,
        )
    elif kind is AlertType.OFFICIAL_FIRST_MENTION:
        data["official"] = OfficialFacts(
            mention=OfficialMention(
                span=Span(0, 1),
                surface="Roe",
                name=r.choice(PEOPLE),
                status=TenureStatus.CURRENT,
                match=r.choice(tuple(MatchStatus)),
                person_id=r.choice((None, *IDS)),
                post=r.choice((None, "Mayor")),
                candidates=tuple(r.sample(IDS, 2)),
            )
        )
    elif kind.family is Family.OFFICIAL:
        who = PersonFacts(id=r.choice((None, *IDS)), name="Jane Roe")
        data["official"] = OfficialFacts(
            change=RoleChangeFacts(event=RoleEvent.APPOINTED, post="the mayor", incoming=who)
        )
    sources = r.sample(("sample-news", "other-news", "third-news"), r.randint(0, 2))
    data["evidence"] = tuple(words_of(r.choice(TEXTS), source=source) for source in sources)
    data["headline"] = r.choice(TEXTS)
    return an_alert(
        kind,
        severity=r.choice(tuple(Severity)),
        alert_id=f"al_{n}",
        story=r.choice(("story-1", "story-2", "story-3")),
        **data,
    )
