"""A delivery in plain words: the one-line title and the text that mail, Apprise, files and Slack's fallback carry.

Words of others never bring control characters, line breaks or marks that turn the reading direction.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec

from agents.evidence import clip
from agents.statements.alerts import label
from schemas.alert import Alert, Change, EscalationFacts, MessageType, OfficialFacts, StatementFacts, Status
from schemas.delivery import Delivery
from schemas.detection import Evidence, StatementKind
from schemas.event import Severity
from schemas.routing import Hit, Item, NotificationKind

_TITLE = 300
_TEXT = 1500
"""Code points of one line about foreign words; alerts cut a statement at 1,000."""
_URL = 2000
_SOURCES = 3
_HITS = 12

_MARKS = {Status.TEST: "[TEST]", Status.DRILL: "[DRILL]", Status.REPLAY: "[REPLAY]"}
_OPENED = re.compile(r"(?:Withdrawn|Corrected|Corrected attribution|Reinstated):")
_WEB = re.compile(r"https?://[^\s<>\"]+", re.IGNORECASE)
_UNSEEN = (
    dict.fromkeys((*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029), " ")
    | dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xFEFF))
    | dict.fromkeys(range(0xD800, 0xE000), "\ufffd")
)
_QUOTED = {
    StatementKind.DIRECT: "Quote",
    StatementKind.SOCIAL_POST: "Post",
    StatementKind.DOCUMENT: "In writing",
}
_CONDITIONS = {
    "keywords_any": "keyword",
    "keywords_all": "keyword",
    "speakers": "speaker",
    "officials": "official",
    "posts": "post",
    "on_behalf_of": "on behalf of",
    "stories": "story",
    "sources": "source",
    "ladders": "ladder",
    "levels": "level",
    "languages": "language",
    "statement_kinds": "kind",
}


def one_line(text: str, limit: int = _TEXT) -> str:
    """Foreign words on one line that any terminal, header and mail program can take; longer ones end in an ellipsis.

    >>> one_line("shut\\r\\nBcc: all")
    'shut Bcc: all'
    """
    return clip(text.translate(_UNSEEN), limit)


def title(delivery: Delivery, alert: Alert | None) -> str:
    """One line for readers who see nothing else: `[URGENT] Withdrawn: Jane Roe: “…”`, in a drill `[DRILL] [URGENT] …`.

    alert  None for a digest
    """
    if delivery.kind is NotificationKind.DIGEST:
        top = max(delivery.items, key=lambda item: item.severity)
        if len(delivery.items) == 1:
            words = f"Held back: {_headline(top)}"
        else:
            words = f"{len(delivery.items)} alerts held back, among them: {_headline(top)}"
        return _titled(delivery.status, top.severity, words)
    lead = delivery.lead
    is_back = alert is not None and alert.data.is_reinstated
    return _titled(delivery.status, lead.severity, _headline(lead, delivery.is_correction, is_back))


def plain(delivery: Delivery, alert: Alert | None) -> str:
    """The whole message: the title, a blank line, the details. Lines end in a line feed but for the last."""
    return f"{title(delivery, alert)}\n\n{details(delivery, alert)}".rstrip("\n")


def details(delivery: Delivery, alert: Alert | None) -> str:
    """What stands below the title: who said what, was and now, where it stands, why it was sent.

    alert  None for a digest, which lists all its items
    """
    blocks: list[Iterable[str]]
    if delivery.kind is NotificationKind.NOTICE:
        return ""  # the title says it
    if delivery.kind is NotificationKind.DIGEST or alert is None:
        blocks = [(_listed(delivery, item) for item in delivery.items)]
    else:
        data, lead = alert.data, delivery.lead
        is_gone = MessageType.CANCEL in (lead.msgtype, data.msgtype)
        has_changed = lead.msgtype is not MessageType.ALERT and data.change is not None
        blocks = [
            _change(data.change, is_gone=is_gone) if has_changed and data.change is not None else (),
            _statement(data.statement, is_gone=is_gone) if data.statement is not None else (),
            _escalation(data.escalation) if data.escalation is not None else (),
            _official(data.official) if data.official is not None else (),
            _sources(data.evidence, is_quoted=data.statement is None),
            _reasons(alert, lead),
        ]
    blocks.append(_left_out(delivery))
    return "\n\n".join(text for text in ("\n".join(block) for block in blocks) if text)


def _titled(status: Status, severity: Severity, headline: str) -> str:
    mark = _MARKS.get(status)
    if mark is None:
        return f"[{severity.name}] {headline}"
    return f"{mark} [{severity.name}] {headline.replace(f'{mark} ', '', 1)}"


def _headline(item: Item, is_correction: bool = False, is_back: bool = False) -> str:
    """The headline, which says first that it changes an earlier message."""
    line = one_line(item.headline, _TITLE)
    mark = next((mark for mark in _MARKS.values() if line.startswith(f"{mark} ")), "")
    words = line.removeprefix(f"{mark} ") if mark else line
    if item.msgtype is not MessageType.ALERT and not _OPENED.match(words):
        if item.msgtype is MessageType.CANCEL:
            opening = "Withdrawn"
        else:
            opening = "Reinstated" if is_back else "Corrected" if is_correction else "Update"
        words = f"{opening}: {words}"
    return f"{mark} {words}" if mark else words


def _listed(delivery: Delivery, item: Item) -> str:
    return f"- {_moment(item.time)}  {_titled(delivery.status, item.severity, _headline(item))}"


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _change(change: Change, *, is_gone: bool) -> Iterator[str]:
    def said(text: str) -> str:
        if "level" not in change.material:
            return one_line(text)
        return "no level" if text == "0" else f"level {one_line(text)}"

    if change.was is not None or change.now is not None:
        nothing = "withdrawn" if "reinstated" in change.material else "nothing told"
        yield f"Was: {nothing if change.was is None else said(change.was)}"
        lost = "withdrawn" if is_gone else "withdrawn by one outlet"
        yield f"Now: {lost if change.now is None else said(change.now)}"


def _statement(facts: StatementFacts, *, is_gone: bool) -> Iterator[str]:
    gone = " (withdrawn)" if is_gone else ""
    yield f"Who{gone}: {one_line(label(msgspec.structs.replace(facts, via=(), on_behalf_of=None)))}"
    if facts.on_behalf_of:
        yield f"On behalf of: {one_line(facts.on_behalf_of)}"
    for via in facts.via:
        yield f"{'Via' if via.type == 'media' else 'As told by'}: {one_line(via.name)}"
    if facts.is_hearsay:
        yield "At second hand: somebody else says that they said it."
    words = one_line(" … ".join(facts.pieces) or facts.text)
    if facts.kind in _QUOTED:
        yield f"{_QUOTED[facts.kind]}{gone}: “{words}”"
    else:
        cue = f"{one_line(facts.cue)} " if facts.cue else ""
        yield f"In the outlet's words{gone}: {cue}{words}"


def _escalation(facts: EscalationFacts) -> Iterator[str]:
    yield f"{one_line(facts.ladder)}, {one_line(facts.channel)}: level {facts.from_level} to level {facts.to_level}"
    if facts.terms:
        yield f"Words found: {', '.join(one_line(term) for term in facts.terms)}"
    if facts.proposed:
        yield f"{one_line(facts.proposed)} is proposed; a person must decide."


def _official(facts: OfficialFacts) -> Iterator[str]:
    if facts.mention is not None:
        who = facts.mention
        post = f", {one_line(who.post)}" if who.post else ""
        yield f"Named: {one_line(who.name)}{post} ({who.status.value})"
    if facts.change is not None:
        change = facts.change
        yield f"Post: {one_line(change.post or change.post_id or 'not named')}"
        if change.incoming is not None:
            yield f"In: {one_line(change.incoming.name)} ({change.tenure.value})"
        if change.outgoing is not None:
            yield f"Out: {one_line(change.outgoing.name)}"
        yield f"What: {change.event.value.replace('_', ' ')}, {one_line(change.status)}"


def _sources(evidence: tuple[Evidence, ...], *, is_quoted: bool) -> Iterator[str]:
    """Where the words stand; with the words themselves where no statement has told them."""
    shown: dict[tuple[str, ...], Evidence] = {}
    for proof in evidence:
        shown.setdefault((proof.exact,) if is_quoted else (proof.source, proof.entry), proof)
    for proof in tuple(shown.values())[:_SOURCES]:
        if is_quoted:
            yield f"“{one_line(proof.exact)}”"
        origin = f" ({one_line(proof.origin)})" if proof.origin else ""
        revised = f", revision {proof.revision}" if proof.revision > 1 else ""
        yield f"Source: {one_line(proof.source)}{origin}, {_moment(proof.published_at)}{revised}"
        url = next((link for link in (proof.url, proof.item) if link and is_link(link)), None)
        if url is not None:
            yield url


def is_link(text: str) -> bool:
    """Whether a foreign address can be shown to be clicked: http or https, whole, nothing unseen in it."""
    return len(text) <= _URL and text.isprintable() and _WEB.fullmatch(text) is not None


def _reasons(alert: Alert, lead: Item) -> Iterator[str]:
    data = alert.data
    if data.story.title:
        yield f"Story: {one_line(data.story.title)}"
    yield f"Why: {one_line(data.why)}"
    matched = tuple(dict.fromkeys(map(_hit, lead.explain.hits)))
    if matched:
        more = f" and {len(matched) - _HITS} more" if len(matched) > _HITS else ""
        yield f"Matches your filter: {', '.join(matched[:_HITS])}{more}"
    yield f"Alert {one_line(data.alert_id)}, message {lead.version}"


def _hit(hit: Hit) -> str:
    condition = _CONDITIONS.get(hit.condition, hit.condition.replace("_", " "))
    return f"{one_line(condition)} “{one_line(hit.value, 100)}”"


def _left_out(delivery: Delivery) -> Iterator[str]:
    if delivery.hidden:
        stopped = "1 message was" if delivery.hidden == 1 else f"{delivery.hidden} messages were"
        yield f"{stopped} silenced since the last one you got. The silence has ended."
    if delivery.withdrawn:
        left = "1 alert was" if delivery.withdrawn == 1 else f"{delivery.withdrawn} alerts were"
        yield f"{left} withdrawn before this digest and left out of it."
