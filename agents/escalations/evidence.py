"""From an entry's text to items: weight × assertion × section × novelty × source, in per mille, floored."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from agents.escalations.detection import Found, Ruleset
from agents.escalations.duplicates import sketch
from agents.escalations.state import Item, Sentence
from agents.evidence import evidence
from schemas.article import EntryRevision, EntryStatus, SegmentKind
from schemas.detection import Assertion, Channel
from schemas.event import Span

ASSERTION = {
    Assertion.ASSERTED: 1000,
    Assertion.QUOTED: 600,
    Assertion.HYPOTHETICAL: 250,
    Assertion.QUESTION: 0,
    Assertion.NEGATED: 0,
    Assertion.DENIED: 0,
}
SECTION = {SegmentKind.CAPTION: 500, SegmentKind.CORRECTION_NOTE: 0}
HEADLINE = 1200
"""For the strongest headline term of an entry; the others count 1000."""
TALK_LEVEL = 2
"""What is only possible, and deeds that only a quotation tells, speak for no level above this one."""
PROOFS = 8
"""Sentences of an entry that are kept with their words."""
_EXCERPT = 280


@dataclass(frozen=True, slots=True)
class SourceWeight:
    """How much a source's words count, per mille. A wire source needs no second entry."""

    permille: int = 1000
    is_wire: bool = False


class Reading(NamedTuple):
    """An entry's sentences with hits, in order, and what was read and did not count."""

    sentences: tuple[Sentence, ...]
    suppressed: Mapping[str, int]


def read(ruleset: Ruleset, entry: EntryRevision, at: int, known: Sequence[Sentence], source: SourceWeight) -> Reading:
    """The evidence of a revision.

    at     when words that this revision adds enter, epoch seconds
    known  sentences of the revision before: what survives keeps its time and its weight
    """
    scopes = (f"source:{entry.source}", f"story:{entry.story}")
    found = ruleset.scan(entry.text, entry.segments, year=entry.published_at.year, scopes=scopes)
    survivors = {sentence.sketch: sentence for sentence in known}
    counted = _Counted(entry, source)
    sentences: list[Sentence] = []
    for span, inside in _grouped(found):
        hashes = sketch(span.of(entry.text))
        is_back = entry.status is EntryStatus.REINSTATED and hashes in survivors
        if not is_back and any(span.overlaps(added) for added in entry.added):
            sentences.append(Sentence(at=at, sketch=hashes, items=counted.items(inside)))
        elif hashes in survivors:
            old = survivors.pop(hashes)
            spans = {(found.rule.ladder, found.rule.id): found.hit.span for found in reversed(inside)}
            items = tuple(_moved(item, spans.get((item.ladder, item.concept))) for item in old.items)
            sentences.append(Sentence(at=old.at, sketch=hashes, items=items))
        else:
            continue
        sentences[-1] = _proven(sentences[-1], entry, span)
    taken: set[tuple[str, str]] = set()
    once = [_without(sentence, taken) for sentence in sorted(sentences, key=lambda sentence: sentence.at)]
    return Reading(_bounded(once), dict(counted.suppressed))


def _moved(item: Item, span: Span | None) -> Item:
    return item if span is None else Item(**{**{f: getattr(item, f) for f in item.__struct_fields__}, "span": span})


def _grouped(found: Sequence[Found]) -> list[tuple[Span, list[Found]]]:
    groups: dict[Span, list[Found]] = {}
    for one in found:
        groups.setdefault(one.sentence, []).append(one)
    return list(groups.items())


def _proven(sentence: Sentence, entry: EntryRevision, span: Span) -> Sentence:
    if not sentence.items:
        return sentence
    if span.end - span.start > _EXCERPT:
        hit = max(sentence.items, key=lambda item: abs(item.value)).span
        start = max(span.start, hit.start - _EXCERPT // 2)
        span = Span(start, max(min(span.end, start + _EXCERPT), min(hit.end, start + 2 * _EXCERPT)))
    return Sentence(at=sentence.at, sketch=sentence.sketch, items=sentence.items, proof=evidence(entry, span))


def _without(sentence: Sentence, taken: set[tuple[str, str]]) -> Sentence:
    """The sentence without concepts that an earlier revision of the entry has already counted."""
    items = tuple(item for item in sentence.items if (f"{item.ladder}/{item.concept}", "") not in taken)
    taken.update((f"{item.ladder}/{item.concept}", "") for item in items if item.value > 0 and _is_full(item))
    return Sentence(at=sentence.at, sketch=sentence.sketch, items=items, proof=sentence.proof)


def _is_full(item: Item) -> bool:
    """Whether a second mention can add nothing: one that is asserted in the body."""
    return item.is_strong or (item.is_body and item.channel is Channel.ACTION)


def _bounded(sentences: Sequence[Sentence]) -> tuple[Sentence, ...]:
    """Words are kept for the strongest sentences only."""
    ranked = sorted(
        (at for at, sentence in enumerate(sentences) if sentence.proof),
        key=lambda at: (-max((abs(item.value) * (1 + item.level) for item in sentences[at].items), default=0), at),
    )
    kept = frozenset(ranked[:PROOFS])
    return tuple(
        sentence
        if at in kept or sentence.proof is None
        else Sentence(at=sentence.at, sketch=sentence.sketch, items=sentence.items)
        for at, sentence in enumerate(sentences)
    )


class _Counted:
    """Turns hits into items and counts what is suppressed."""

    def __init__(self, entry: EntryRevision, source: SourceWeight) -> None:
        self.entry = entry
        self.source = source
        self.suppressed: Counter[str] = Counter()
        self._has_headline = False

    def items(self, found: Sequence[Found]) -> tuple[Item, ...]:
        """The items of one added sentence."""
        items = [self._item(one) for one in found]
        return tuple(item for item in items if item is not None)

    def _item(self, found: Found) -> Item | None:
        hit, rule = found.hit, found.rule
        kind = self._kind(hit.span)
        reason = self._reason(found, kind)
        if reason is not None:
            self.suppressed[reason] += 1
        value = abs(rule.weight) * ASSERTION[hit.assertion] // 1000 * self._section(kind) // 1000
        value = value * self.source.permille // 1000
        if reason is not None and reason not in {"quoted", "hypothetical"}:
            return None
        if value == 0 or (rule.weight < 0 and not _ends(found)):
            return None
        is_deed_in_quotes = hit.channel is not rule.channel
        is_talk = hit.assertion is Assertion.HYPOTHETICAL or is_deed_in_quotes
        level = min(rule.level, TALK_LEVEL) if is_talk else rule.level
        is_body = kind is not SegmentKind.HEADLINE
        is_plain = hit.assertion is Assertion.ASSERTED and not is_talk
        is_strong = is_plain and is_body and rule.level >= 4 and hit.channel is Channel.ACTION
        return Item(
            ladder=rule.ladder,
            channel=hit.channel,
            concept=rule.id,
            version=rule.version,
            term=hit.term,
            level=level,
            value=value if rule.weight > 0 else -value,
            span=hit.span,
            is_body=is_body and not (is_talk and rule.level >= 4),
            is_strong=is_strong or (self.source.is_wire and is_body),
            is_companion=rule.is_companion,
        )

    def _reason(self, found: Found, kind: SegmentKind) -> str | None:
        if self.entry.is_recap:
            return "recap"
        if self.entry.is_baseline:
            return "baseline"
        if found.hit.is_background:
            return "background"
        if kind is SegmentKind.CORRECTION_NOTE:
            return "correction_note"
        return None if found.hit.assertion is Assertion.ASSERTED else found.hit.assertion.value

    def _kind(self, span: Span) -> SegmentKind:
        for segment in self.entry.segments:
            if segment.span.start <= span.start < segment.span.end:
                return segment.kind
        return SegmentKind.BODY

    def _section(self, kind: SegmentKind) -> int:
        if kind is not SegmentKind.HEADLINE:
            return SECTION.get(kind, 1000)
        if self._has_headline:
            return 1000
        self._has_headline = True
        return HEADLINE


def _ends(found: Found) -> bool:
    """Whether a de-escalator speaks for the end of something: asserted, or talk that a quotation carries."""
    hit = found.hit
    return hit.assertion is Assertion.ASSERTED or (
        hit.assertion is Assertion.QUOTED and found.rule.channel is Channel.RHETORIC
    )
