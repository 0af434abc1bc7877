"""The messages of a delivery: a reply, a struck one, a digest. Within Slack's limits by construction."""

from collections.abc import Iterator, Sequence
from datetime import UTC

from agents.delivery.slack.blocks import (
    TOGETHER,
    Block,
    Message,
    clock,
    context,
    fallback,
    heading,
    level,
    ours,
    plain,
    said,
    section,
    sections,
)
from agents.delivery.slack.buttons import buttons
from agents.delivery.slack.facts import escalation, notes, official, proof, proofs, statement, was_now
from agents.delivery.slack.mrkdwn import fit, length, struck
from agents.statements.alerts import label, told
from schemas.alert import Alert, MessageType, Status
from schemas.delivery import Delivery
from schemas.routing import Item, NotificationKind

MOST_NAMED = 180
"""Items of a digest that are named; of more, the number is told."""

_HEADLINE = 700
_LINE = 300

_OPENINGS = (
    "[TEST] ",
    "[DRILL] ",
    "[REPLAY] ",
    "Withdrawn: ",
    "Reinstated: ",
    "Corrected: ",
    "Corrected attribution: ",
)
_REPEAT = "Sent again: whether the first attempt arrived is not known."

_KINDS = {
    "statement.new": "New statement",
    "statement.corrected": "Statement corrected",
    "statement.retracted": "Statement retracted",
    "statement.corroborated": "Statement corroborated",
    "statement.conflict": "Same words, two speakers",
    "keyword.escalated": "Escalation",
    "keyword.deescalated": "De-escalation",
    "keyword.burst": "Burst",
    "official.first_mention": "Official named",
    "official.role_changed": "Role change",
    "official.role_conflict": "Role conflict",
    "official.unlisted": "Unlisted official",
    "entry.updated": "Entry updated",
    "entry.withdrawn": "Entry withdrawn",
}


def is_correction(delivery: Delivery) -> bool:
    """Whether it changes something that this endpoint was told."""
    return delivery.is_correction and delivery.lead.msgtype is not MessageType.ALERT


def verb(delivery: Delivery, alert: Alert | None) -> str:
    """What a correction does to what it corrects."""
    if delivery.lead.msgtype is MessageType.CANCEL and not delivery.replaces:
        return "Withdrawn"
    return "Reinstated" if alert is not None and alert.data.is_reinstated else "Corrected"


def reply(delivery: Delivery, alert: Alert | None, *, has_buttons: bool, is_repeat: bool = False) -> Message:
    """One alert, or its correction.

    is_repeat  an earlier attempt may have arrived, and nobody can look
    """
    lead = delivery.lead
    blocks = [context(ours(_opening(delivery, alert))), section(fit(lead.headline, _HEADLINE) or "…")]
    if alert is not None:
        blocks += _facts(delivery, alert)
        blocks += map(proof, proofs(alert.data.evidence))
        blocks.append(context(*map(plain, notes(alert.data, lead))))
    else:
        blocks += sections(was_now(None, lead))
    blocks += sections(_left_out(delivery))
    if is_repeat:
        blocks.append(context(ours(_REPEAT)))
    if has_buttons:
        blocks += buttons(delivery, alert)
    return Message(text=fallback(delivery, alert), blocks=tuple(blocks))


def struck_reply(delivery: Delivery, alert: Alert | None) -> Message:
    """What becomes of the reply that a correction shows to be wrong."""
    what = f"{verb(delivery, alert)} {clock(delivery.lead.time)}"
    words = _wrong(delivery, alert)
    return Message(
        text=f"{what}: {fit(words, _HEADLINE)}",
        blocks=(
            context(ours(f"❌ *{what}*")),
            said(struck(words, _HEADLINE) or "~…~"),
            context(ours("The correction is a reply further down in this thread.")),
        ),
    )


def _wrong(delivery: Delivery, alert: Alert | None) -> str:
    """The words that no longer stand, as far as the correction tells."""
    lead = delivery.lead
    facts = alert.data.statement if alert is not None else None
    if delivery.replaces and facts is not None:
        return told(facts)  # the headline names the new speaker
    bare = lead.headline
    for opening in _OPENINGS:
        bare = bare.removeprefix(opening)
    change = alert.data.change if alert is not None else None
    was = change.was if change is not None else lead.explain.before
    what = verb(delivery, alert)
    if what == "Reinstated":
        return f"Withdrawn: {bare}"
    if what == "Withdrawn" or not was:
        return bare
    if change is not None and "level" in change.material:
        return f"Level {was}"
    return f"{label(facts)}: “{was}”" if facts is not None else was


def digest(delivery: Delivery, *, is_repeat: bool = False) -> Message:
    """All that was held back, every item by name: the more there are, the shorter each is cut. Or a notice."""
    if delivery.kind is NotificationKind.NOTICE:
        return Message(text=fallback(delivery, None), blocks=tuple(sections((fit(delivery.lead.headline, _LINE),))))
    items = delivery.items[:MOST_NAMED]
    more = len(delivery.items) - len(items)
    many = "1 alert" if len(delivery.items) == 1 else f"{len(delivery.items)} alerts"
    mark = f"[{delivery.status.value.upper()}] " if delivery.status is not Status.ACTUAL else ""
    blocks = [heading(f"{mark}{many} held back")]
    remarks = [*_left_out(delivery), *((f"And {more} more.",) if more else ())]
    if is_repeat:
        remarks.append(_REPEAT)
    room = TOGETHER - 400 - sum(map(length, remarks))
    blocks += sections(_listed(items, room // len(items) - 1))
    blocks += sections(remarks)
    return Message(text=fallback(delivery, None), blocks=tuple(blocks))


def _listed(items: Sequence[Item], room: int) -> Iterator[str]:
    for item in items:
        start = f"• {item.time.astimezone(UTC):%H:%M} {item.severity.name} "
        yield start + (fit(item.headline, min(_LINE, room - len(start))) or "…")


def _opening(delivery: Delivery, alert: Alert | None) -> str:
    lead = delivery.lead
    kind = _KINDS.get(".".join(lead.type.value.split(".")[1:3]), "Alert")
    if is_correction(delivery):
        kind = f"{verb(delivery, alert)}: {kind}"
    elif lead.msgtype is MessageType.UPDATE:
        kind = f"Update: {kind}"
    marks = f" · *{delivery.status.value.upper()}*" if delivery.status is not Status.ACTUAL else ""
    return f"{level(lead.severity)} · {kind} · {clock(lead.time)}{marks}"


def _facts(delivery: Delivery, alert: Alert) -> list[Block]:
    data, lead = alert.data, delivery.lead
    found: list[Block] = []
    if lead.msgtype is not MessageType.ALERT:
        found += sections(was_now(data.change, lead))
    if delivery.replaces:
        found.append(section("The words are now told as another alert's: see the corrected attribution above."))
    if data.statement is not None:
        gone = " (withdrawn)" if lead.msgtype is MessageType.CANCEL else ""
        found += sections(statement(data.statement, lead.headline, gone))
    if data.escalation is not None:
        found += sections(escalation(data.escalation))
    if data.official is not None:
        found += sections(official(data.official))
    return found


def _left_out(delivery: Delivery) -> Iterator[str]:
    if delivery.hidden:
        stopped = "1 message was" if delivery.hidden == 1 else f"{delivery.hidden} messages were"
        yield f"{stopped} silenced meanwhile"
    if delivery.withdrawn:
        left = "1 alert was" if delivery.withdrawn == 1 else f"{delivery.withdrawn} alerts were"
        yield f"{left} withdrawn before this and left out"
