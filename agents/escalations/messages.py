"""Alerts of the escalations agent: what a transition says, and the evidence it rests on."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from agents.escalations.ladder import SCALE
from agents.escalations.lexicon import Ladder
from agents.escalations.state import EntryRecord, Told, Top, Track, Turn, entry_key
from agents.evidence import clip
from agents.step import State
from schemas.alert import (
    AlertData,
    Change,
    EscalationFacts,
    Match,
    MessageType,
    Status,
    Story,
)
from schemas.article import EntryRevision
from schemas.detection import Channel, Evidence
from schemas.event import Severity
from schemas.identity import message_id

SEVERITY = (
    Severity.NOTE,
    Severity.WATCH,
    Severity.ADVISORY,
    Severity.URGENT,
    Severity.BULLETIN,
    Severity.FLASH,
)
SPANS = 5
"""Most evidence an alert shows."""
_TERMS = 4
_TITLE = 120


class Proof(NamedTuple):
    """The strongest spans of a level, and the rules that matched in them."""

    evidence: tuple[Evidence, ...] = ()
    matched: tuple[Match, ...] = ()
    terms: tuple[str, ...] = ()


def proof(state: State, story: str, track: Track, level: int) -> Proof:
    """The strongest spans that speak for the level and above, strongest first."""
    tops = sorted(
        (top for top in track.top if top.level >= min(level, 4)),
        key=lambda top: (-top.level, -top.value, -top.step, top.entry, top.concept),
    )
    shown: list[Evidence] = []
    matched: list[Match] = []
    terms: dict[str, str] = {}
    for top in tops:
        terms.setdefault(top.term.casefold(), top.term)
        record = state.get(entry_key(story, top.entry), EntryRecord)
        _show(record, top, shown, matched)
    return Proof(tuple(shown), tuple(matched), tuple(" ".join(term.split()) for term in terms.values())[:_TERMS])


def _show(record: EntryRecord | None, top: Top, shown: list[Evidence], matched: list[Match]) -> None:
    for sentence in record.sentences if record else ():
        item = next((item for item in sentence.items if item.concept == top.concept and sentence.at == top.at), None)
        if item is None or sentence.proof is None:
            continue
        if sentence.proof not in shown:
            if len(shown) == SPANS:
                return
            shown.append(sentence.proof)
        match = Match(rule=item.concept, version=item.version, evidence=shown.index(sentence.proof), spans=(item.span,))
        if match not in matched:
            matched.append(match)
        return


def escalated(
    entry: EntryRevision, track: Track, ladder: Ladder, turn: Turn, *, alert: str, from_level: int, shown: Proof
) -> AlertData:
    """The payload of an upward transition."""
    rung = ladder.at(turn.level)
    assert rung is not None
    needs = "one entry is enough at this level" if turn.support < ladder.support else f"{ladder.support} are needed"
    entries = "1 entry" if turn.support == 1 else f"{turn.support} entries"
    return AlertData(
        alert_id=alert,
        msgtype=MessageType.ALERT,
        version=1,
        headline=_headline(ladder, turn.level, entry, shown.terms, track.channel),
        story=story(entry),
        evidence=shown.evidence,
        why=f"Evidence of {_channel(track.channel)} rose to {turn.score} per mille (threshold {rung.threshold}) "
        f"from {entries}; {needs}.",
        published_at=entry.published_at,
        observed_at=entry.observed_at,
        status=Status.ACTUAL,
        escalation=_facts(
            track,
            ladder,
            from_level=from_level,
            to_level=turn.level,
            score=turn.score,
            support=turn.support,
            terms=shown.terms,
        ),
        matched=shown.matched,
    )


def deescalated(
    entry: EntryRevision,
    track: Track,
    ladder: Ladder,
    turn: Turn,
    *,
    alert: str,
    from_level: int,
    closed: Sequence[Told],
) -> AlertData:
    """The payload of a downward transition; it names the escalations whose episode it ends."""
    rung = ladder.at(from_level)
    threshold = rung.threshold if rung else 0
    name = f"{_name(ladder, from_level)} (level {from_level})"
    links = ", ".join(told.alert_id for told in closed) or "none"
    if turn.cause == "deescalator":
        why = f"{turn.support} entries tell of de-escalation ({turn.score} per mille); ends {links}."
    elif turn.cause == "quiet":
        why = (
            f"Evidence stayed under half of the threshold {threshold} for {ladder.quiet_s // 60} minutes; ends {links}."
        )
    else:
        why = f"Evidence that entered late or changed no longer holds the level; ends {links}."
    return AlertData(
        alert_id=alert,
        msgtype=MessageType.ALERT,
        version=1,
        headline=f"De-escalation: {name} is over in {_title(entry)}",
        story=story(entry),
        evidence=(),
        why=why,
        published_at=datetime.fromtimestamp(turn.at, UTC),
        observed_at=entry.observed_at,
        escalation=_facts(track, ladder, from_level=from_level, to_level=turn.level, support=turn.support),
        change=Change(was=f"{from_level}", now=f"{turn.level}", material=("level",)),
    )


def corrected(
    entry: EntryRevision,
    told: Told,
    data: AlertData,
    *,
    track: Track | None,
    ladder: Ladder,
    level: int,
    shown: Proof,
) -> AlertData:
    """The next message of a told alert: `level` is what it truly reached, 0 for a cancel."""
    facts = data.escalation
    assert facts is not None
    is_cancel = level == 0
    is_back = told.stands == 0
    evidence = data.evidence if is_cancel else shown.evidence or data.evidence
    matched = data.matched if is_cancel or not shown.evidence else shown.matched
    terms = facts.terms if is_cancel or not shown.terms else shown.terms
    original = _headline(ladder, told.level, entry, facts.terms, told.channel)
    now = _headline(ladder, level, entry, terms, told.channel) if level else original
    prefix = "Withdrawn" if is_cancel else "Reinstated" if is_back else "Corrected"
    rung = ladder.at(level)
    score = track.scores[level - 1] // SCALE if track and level else 0
    return msgspec.structs.replace(
        data,
        msgtype=MessageType.CANCEL if is_cancel else MessageType.UPDATE,
        version=told.version + 1,
        references=tuple(message_id(told.alert_id, version) for version in range(1, told.version + 1)),
        headline=f"{prefix}: {now}",
        story=story(entry),
        evidence=evidence,
        matched=matched,
        why=f"Entry {entry.entry_id} changed (revision {entry.revision}, {entry.status.value}); "
        + (f"the evidence left holds level {level}." if level else "the evidence left does not hold the level."),
        published_at=entry.published_at,
        observed_at=entry.observed_at,
        escalation=msgspec.structs.replace(
            facts,
            to_level=level or facts.to_level,
            terms=terms,
            score_permille=score if level else facts.score_permille,
            threshold=rung.threshold if rung else facts.threshold,
            proposed="FLASH" if level == 5 else None,
        ),
        change=Change(
            was=f"{told.stands}", now=f"{level}", material=("level", "reinstated" if is_back else "withdrawn")
        ),
        is_reinstated=is_back,
        withdrawn_by="publisher" if is_cancel else None,
    )


def story(entry: EntryRevision) -> Story:
    """The story as this revision names it."""
    return Story(id=entry.story, title=entry.story_title, url=entry.url)


def _facts(
    track: Track,
    ladder: Ladder,
    *,
    from_level: int,
    to_level: int,
    score: int = 0,
    support: int = 0,
    terms: tuple[str, ...] = (),
) -> EscalationFacts:
    rung = ladder.at(max(from_level, to_level))
    return EscalationFacts(
        ladder=track.ladder,
        channel=track.channel.value,
        from_level=from_level,
        to_level=to_level,
        score_permille=score,
        threshold=rung.threshold if rung else 0,
        support_entries=support,
        terms=terms,
        proposed="FLASH" if to_level == 5 > from_level else None,
    )


def _headline(ladder: Ladder, level: int, entry: EntryRevision, terms: Sequence[str], channel: Channel) -> str:
    word = min(SEVERITY[level], Severity.BULLETIN).name + (", FLASH proposed" if level == 5 else "")
    talk = " in words" if channel is Channel.RHETORIC else ""
    listed = f": {', '.join(terms)}" if terms else ""
    return f"{_name(ladder, level)}{talk} (level {level}, {word}) in {_title(entry)}{listed}"


def _name(ladder: Ladder, level: int) -> str:
    rung = ladder.at(level)
    return rung.name if rung else f"Level {level}"


def _title(entry: EntryRevision) -> str:
    return f"“{clip(entry.story_title or entry.item, _TITLE)}”"


def _channel(channel: Channel) -> str:
    return "talk" if channel is Channel.RHETORIC else "action"
