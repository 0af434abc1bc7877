"""What an alert says, line by line: who said what, levels, officials, where it stands, why it was told."""

from collections.abc import Iterator, Sequence

from agents.delivery.slack.blocks import Block, context, dated, ours, plain
from agents.delivery.slack.mrkdwn import fit, link
from agents.statements.alerts import label, quote
from schemas.alert import AlertData, Change, EscalationFacts, MessageType, Novelty, OfficialFacts, StatementFacts
from schemas.detection import Evidence
from schemas.routing import Hit, Item

_QUOTE = 1500
_LINE = 300
_PROOFS = 3
_EXCERPT = 320
_HITS = 8

_NOVELTY = {
    Novelty.NEW: "not said before in this story",
    Novelty.EXTENDED: "extends earlier words",
    Novelty.REITERATED: "said again",
    Novelty.REPEAT: "a repeat",
    Novelty.SYNDICATED: "syndicated",
    Novelty.VARIANT: "another wording of known words",
    Novelty.RENDERING: "another rendering of known words",
    Novelty.CORRECTED: "corrected",
    Novelty.RETRACTED: "retracted",
    Novelty.ARCHIVAL: "from the archive",
}
_CONDITIONS = {"keywords_any": "keyword", "keywords_all": "keyword", "on_behalf_of": "on behalf of"}


def was_now(change: Change | None, lead: Item) -> Iterator[str]:
    was, now = (change.was, change.now) if change is not None else (lead.explain.before, lead.explain.after)
    if not was and not now:
        return
    unit = "level " if change is not None and "level" in change.material else ""
    yield f"Was: {unit}{fit(was, 1000)}" if was else "Was: not told"
    gone = "withdrawn" if lead.msgtype is MessageType.CANCEL else "no longer told"
    yield f"Now: {unit}{fit(now, 1000)}" if now else f"Now: {gone}"
    if change is not None and change.material:
        yield f"Changed: {fit(', '.join(one.replace('_', ' ') for one in change.material), _LINE)}"


def statement(facts: StatementFacts, headline: str, gone: str) -> Iterator[str]:
    """Who said what; not again what the headline says in full."""
    words = quote(facts, _QUOTE)
    if words not in headline:
        cue = f" · {fit(facts.cue, 80)}" if facts.cue else ""
        yield f"{fit(label(facts), _LINE)}{cue}{gone}"
        yield fit(words, _QUOTE)
    if facts.on_behalf_of and facts.speaker is not None:
        yield f"{fit(facts.speaker.name, 100)} speaks on behalf of {fit(facts.on_behalf_of, 100)}"
    media = [fit(one.name, 80) for one in facts.via if one.type == "media"]
    if media:
        yield f"Carried by {', '.join(media[:5])}"
    if facts.is_hearsay:
        tellers = [fit(one.name, 80) for one in facts.via if one.type != "media"]
        yield f"At second hand: {', '.join(tellers[:5]) or 'somebody else'} says that they said it"


def escalation(facts: EscalationFacts) -> Iterator[str]:
    name = f"{fit(facts.ladder, 100)}, {fit(facts.channel, 100)}"
    yield f"{name}: level {facts.from_level} → level {facts.to_level}"
    yield f"Score {facts.score_permille} of {facts.threshold} per mille, from {facts.support_entries} entries"
    if facts.terms:
        yield f"Top terms: {', '.join(fit(term, 80) for term in facts.terms[:5])}"
    if facts.proposed:
        yield f"{fit(facts.proposed, 40)} is proposed; a person must decide."


def official(facts: OfficialFacts) -> Iterator[str]:
    if facts.mention is not None:
        post = f", {fit(facts.mention.post, 200)}" if facts.mention.post else ""
        yield f"Named: {fit(facts.mention.name, 200)}{post} ({facts.mention.status.value})"
    change = facts.change
    if change is None:
        return
    yield f"{change.event.value.replace('_', ' ').capitalize()}: {fit(change.post or 'post not named', 200)}"
    if change.incoming is not None:
        yield f"In: {fit(change.incoming.name, 200)} ({change.tenure.value})"
    if change.outgoing is not None:
        yield f"Out: {fit(change.outgoing.name, 200)}"
    yield f"Standing: {fit(change.status, 100)}" + (f"; cause: {fit(change.cause, 100)}" if change.cause else "")


def proofs(evidence: Sequence[Evidence]) -> list[Evidence]:
    """The strongest, one for each sentence: a statement's speaker and cue stand beside its words."""
    found: list[Evidence] = []
    for proof in evidence:
        if len(found) == _PROOFS:
            break
        if not any(one.entry == proof.entry and abs(one.start - proof.start) < 400 for one in found):
            found.append(proof)
    return found


def proof(proof: Evidence) -> Block:
    """Where it stands: the words with what is around them, who published them and when, a link."""
    words = fit(f"…{proof.prefix}{proof.exact}{proof.suffix}…", _EXCERPT)
    origin = f" ({fit(proof.origin, 80)})" if proof.origin else ""
    revision = f", revision {proof.revision}" if proof.revision > 1 else ""
    where = f"{fit(proof.source, 100)}{origin}, {dated(proof.published_at)}{revision}"
    url = link(proof.url, "open") or link(proof.item, "open")
    return context(plain(words), plain(where), *((ours(url),) if url else ()))


def notes(data: AlertData, lead: Item) -> Iterator[str]:
    yield f"Why: {fit(data.why, _LINE)}"
    if data.statement is not None:
        yield f"Novelty: {_NOVELTY[data.statement.novelty]}"
    seen = data.sightings
    if seen is not None:
        times = "once" if seen.count == 1 else f"{seen.count} times"
        origins = f"{seen.independent_sources} independent source{'' if seen.independent_sources == 1 else 's'}"
        yield f"Seen {times}, {origins}, first {dated(seen.first)}"
    hits = tuple(dict.fromkeys(map(_hit, lead.explain.hits)))
    if hits:
        more = f" and {len(hits) - _HITS} more" if len(hits) > _HITS else ""
        yield f"Matched: {', '.join(hits[:_HITS])}{more}"
    if data.confidence is not None:
        yield f"Confidence: {data.confidence.permille // 10} %"


def _hit(hit: Hit) -> str:
    condition = _CONDITIONS.get(hit.condition) or hit.condition.removesuffix("s").replace("_", " ")
    return f"{fit(condition, 40)} “{fit(hit.value, 80)}”"
