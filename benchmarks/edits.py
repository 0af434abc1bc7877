"""Edits of known classes on a post's text, from a seeded generator; None where a text does not allow one."""

import html
import re
from collections.abc import Callable, Sequence
from random import Random
from typing import NamedTuple

from agents.text.normal import normal
from schemas.alert import Alert, AlertType, MessageType
from schemas.detection import SpeakerType, StatementKind
from schemas.event import Span

_WORD = re.compile(r"(?<![\w@#/.-])[a-z]{5,}(?![\w@/])")
_SENTENCES = (
    "The road along the river stays closed for now.",
    "Rain is forecast for the weekend.",
    "The square was quiet by the early evening.",
    "Ferries are running late this morning.",
)
_GLOSSES = ("[of the council]", "[in the valley]", "[sic]", "[the harbour board]")
_VERB = re.compile(r"\b(will|would|can|could|must|should|is|are|was|were)\b(?!\s+(?:not|never|no)\b|n['’]t)")
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
_NUMBER = re.compile(rf"(?<![\w.,$£€-])(?!(?:19|20)\d\d)[2-9]\d{{0,3}}(?![\w.,%]|\s+(?:of\s+)?{_MONTH})", re.I)
_MONTH_BEFORE = re.compile(rf"\b{_MONTH}[a-z]*\.?,?\s*\d*,?\s*$", re.I)
_END = re.compile(r"(?<=[.!?])[”\"]?(?=\n|$)")
STRANGER = "Oren Valdis"


class Edit(NamedTuple):
    """A text before and after."""

    before: str
    after: str
    is_html: bool = False


class Target(NamedTuple):
    """A statement of the text; `alert_id` if it was told."""

    spans: tuple[Span, ...]
    speaker: Span | None
    cue: Span | None
    kind: StatementKind
    speaker_type: SpeakerType | None
    alert_id: str | None


def _put(text: str, at: int, end: int, new: str) -> str:
    return text[:at] + new + text[end:]


def _is_inside(targets: Sequence[Target], start: int, end: int, *, margin: int = 0) -> bool:
    """Whether a stretch touches a statement, its speaker or its cue."""
    return any(
        span.start - margin < end and start < span.end + margin
        for target in targets
        for span in (*target.spans, target.speaker, target.cue)
        if span is not None
    )


def quotes(text: str, targets: Sequence[Target], random: Random) -> Edit | None:
    """All quotation marks and apostrophes straight, or single ones curly."""
    table = str.maketrans({"“": '"', "”": '"', "‘": "'", "’": "'"})
    after = text.translate(table)
    if after == text:
        after = re.sub(r"(?<=\w)'(?=\w)", "’", text)
        after = re.sub(r'"([^"\n]*)"', r"“\1”", after)
    return Edit(text, after) if after != text else None


def spaces(text: str, targets: Sequence[Target], random: Random) -> Edit | None:
    """Some blanks doubled, some no-break, some with a soft hyphen or a zero-width space behind them."""
    kinds = ("  ", "\u00a0", " \u200b", "\u2009")
    after = re.sub(" ", lambda _: random.choice(kinds) if random.random() < 0.2 else " ", text)
    return Edit(text, after) if after != text else None


def dashes(text: str, targets: Sequence[Target], random: Random) -> Edit | None:
    """One kind of dash for another, or three points for an ellipsis."""
    after = text
    for one, other in (("–", "—"), (" - ", " – "), ("…", "..."), ("--", "—")):
        if one in text:
            after = after.replace(one, other)
    return Edit(text, after) if after != text else None


def case(text: str, targets: Sequence[Target], random: Random) -> Edit | None:
    """One word outside the attributions capitalised, or one inside a statement."""
    found = [match for match in _WORD.finditer(text) if not _is_cue(targets, match)]
    if not found:
        return None
    match = random.choice(found)
    word = match.group()
    return Edit(text, _put(text, *match.span(), random.choice((word.capitalize(), word.upper()))))


def _is_cue(targets: Sequence[Target], match: re.Match[str]) -> bool:
    return any(
        span is not None and span.start < match.end() and match.start() < span.end
        for target in targets
        for span in (target.speaker, target.cue)
    )


def spelling(text: str, targets: Sequence[Target], random: Random) -> Edit | None:
    """A slip of the pen outside all statements is mended: the post comes with it first."""
    found = [match for match in _WORD.finditer(text) if not _is_inside(targets, *match.span())]
    if not found:
        return None
    match = random.choice(found)
    word = match.group()
    at = random.randint(1, len(word) - 3)
    slip = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return Edit(_put(text, *match.span(), slip), text) if slip != word else None


def sentence_elsewhere(text: str, targets: Sequence[Target], random: Random) -> Edit | None:
    """A sentence without a statement, at the end of a paragraph that is closed and that no statement runs over."""
    ends = [match.end() for match in _END.finditer(text)]
    free = [end for end in ends if not any(t.spans[0].start <= end < t.spans[-1].end for t in targets if t.spans)]
    if not free:
        return None
    at = random.choice(free)
    added = random.choice(_SENTENCES)
    return Edit(text, _put(text, at, at, f" {added}" if random.random() < 0.5 else f"\n{added}"))


def sentence_in_front(text: str, targets: Sequence[Target], random: Random) -> Edit | None:
    """A sentence without a statement, as a paragraph of its own in front of everything."""
    return Edit(text, f"{random.choice(_SENTENCES)}\n{text}")


def paragraph_moved(text: str, targets: Sequence[Target], random: Random) -> Edit | None:
    """One paragraph moved to another place."""
    parts = text.split("\n")
    if len(parts) < 3:
        return None
    start, to = random.sample(range(len(parts)), 2)
    part = parts.pop(start)
    parts.insert(to, part)
    after = "\n".join(parts)
    return Edit(text, after) if after != text else None


def markup(text: str, targets: Sequence[Target], random: Random) -> Edit | None:
    """The same words as HTML: paragraphs, emphasis, links, entities."""
    paragraphs = []
    for part in text.split("\n"):
        escaped = html.escape(part, quote=False)
        for char, entity in (("“", "&ldquo;"), ("”", "&#8221;"), ("’", "&rsquo;"), ("—", "&mdash;")):
            escaped = escaped.replace(char, entity)
        words = escaped.split(" ")
        if len(words) > 3:
            at = random.randrange(len(words))
            tag = random.choice(("em", "strong", "a", "span"))
            words[at] = f"<{tag}>{words[at]}</{tag}>"
        paragraphs.append(f"<p>{' '.join(words)}</p>")
    return Edit(text, "\n".join(paragraphs), is_html=True)


def gloss(text: str, targets: Sequence[Target], random: Random) -> Edit | None:
    """A bracketed gloss of the editors inside the words of one verbatim statement."""
    verbatim = [t for t in targets if t.kind in (StatementKind.DIRECT, StatementKind.MIXED)]
    gaps = [m.start() for t in verbatim for s in t.spans for m in re.finditer(r" (?=\w)", s.of(text)[:400])]
    starts = [s.start for t in verbatim for s in t.spans for _ in re.finditer(r" (?=\w)", s.of(text)[:400])]
    if not gaps:
        return None
    at = random.randrange(len(gaps))
    place = starts[at] + gaps[at]
    return Edit(text, _put(text, place, place, f" {random.choice(_GLOSSES)}"))


def name_respelled(text: str, targets: Sequence[Target], random: Random) -> Edit | None:
    """The speaker's name in another transliteration, all over the post."""
    for target in targets:
        if target.speaker is None or target.speaker_type is not SpeakerType.PERSON:
            continue
        last = target.speaker.of(text).split()[-1]
        if len(last) < 5 or not last[0].isupper():
            continue
        for one, other in (("ou", "u"), ("ck", "k"), ("ss", "s"), ("ll", "l"), ("i", "y"), ("y", "i"), ("e", "i")):
            if one in last[1:]:
                new = last[0] + last[1:].replace(one, other, 1)
                return Edit(text, re.sub(rf"\b{re.escape(last)}\b", new, text))
    return None


def spelling_inside(text: str, targets: Sequence[Target], random: Random) -> Edit | None:
    """A slip of the pen inside a statement is mended."""
    found = [
        match
        for target in targets
        for span in target.spans
        for match in _WORD.finditer(text, span.start, span.end)
        if len(match.group()) > 6
    ]
    if not found:
        return None
    match = random.choice(found)
    word = match.group()
    at = random.randint(2, len(word) - 3)
    slip = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return Edit(_put(text, *match.span(), slip), text) if slip != word else None


def comma(text: str, targets: Sequence[Target], random: Random) -> Edit | None:
    """A comma added between two words of a statement."""
    gaps = [m for t in targets for s in t.spans for m in re.finditer(r"(?<=[a-z]) (?=[a-z])", text[s.start : s.end])]
    starts = [s.start for t in targets for s in t.spans for _ in re.finditer(r"(?<=[a-z]) (?=[a-z])", s.of(text))]
    if not gaps:
        return None
    i = random.randrange(len(gaps))
    at = starts[i] + gaps[i].start()
    return Edit(text, _put(text, at, at, ","))


def paragraph_split(text: str, targets: Sequence[Target], random: Random) -> Edit | None:
    """A paragraph broken in two between sentences, outside all statements, or two paragraphs joined."""
    breaks = [m.start() for m in re.finditer(r"(?<=[.!?”\"]) (?=[“\"]?[A-Z])", text)]
    free = [at for at in breaks if not any(t.spans[0].start <= at < t.spans[-1].end for t in targets if t.spans)]
    if not free:
        return None
    at = random.choice(free)
    return Edit(text, _put(text, at, at + 1, "\n"))


def negation(text: str, target: Target, random: Random) -> Edit | None:
    """ "not" behind an auxiliary verb of the statement."""
    for span in target.spans:
        match = _VERB.search(text, span.start, span.end)
        if match is not None and not _is_bracketed(text, match.start()):
            return Edit(text, _put(text, match.end(), match.end(), " not"))
    return None


def number(text: str, target: Target, random: Random) -> Edit | None:
    """Another number of the same length."""
    for span in target.spans:
        match = _NUMBER.search(text, span.start, span.end)
        is_date = match is not None and _MONTH_BEFORE.search(text[max(0, match.start() - 20) : match.start()])
        if match is not None and not is_date and not _is_bracketed(text, match.start()):
            new = str(int(match.group()[0]) % 8 + 2) + match.group()[1:]
            return Edit(text, _put(text, *match.span(), new))
    return None


def speaker(text: str, target: Target, random: Random) -> Edit | None:
    """Somebody else's name where the speaker's stood."""
    span = target.speaker
    if span is None or target.speaker_type is not SpeakerType.PERSON or " " not in span.of(text).strip():
        return None
    if _is_inside((target._replace(speaker=None, cue=None),), span.start, span.end):
        return None
    name = span.of(text)
    if len(name.split()) != 2 or not all(word[:1].isupper() for word in name.split()):
        return None
    return Edit(text, _put(text, span.start, span.end, STRANGER))


def _is_bracketed(text: str, at: int) -> bool:
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line.rfind("[") > line.rfind("]")


def is_alone(text: str, edit: Edit, target: Target, targets: Sequence[Target]) -> bool:
    """Whether the edit changes the one statement: no other lies over the place, and no copy of it stays as it was."""
    at = next((i for i, (one, other) in enumerate(zip(edit.before, edit.after, strict=False)) if one != other), 0)
    others = [other for other in targets if other is not target]
    plain = normal(" ".join(span.of(text) for span in target.spans))
    return not _is_inside(others, at, at + 1) and f" {normal(text)} ".count(f" {plain} ") <= 1


def is_material_result(name: str, alerts: Sequence[Alert], alert_id: str) -> str | None:
    """None if the messages are what the edit deserves, else what is wrong with them.

    Exactly one message about the statement, with the reason. Beside it may stand the new speaker's own alert, and
    where several statements are the speaker's, the same for each.
    """
    about = [alert for alert in alerts if alert.data.alert_id == alert_id]
    if len(about) != 1:
        others = "+".join(sorted(alert.type.value.split(".")[2] for alert in alerts)) or "nothing"
        return f"{len(about)} messages ({others})"
    (message,) = about
    reasons = message.data.change.material if message.data.change else ()
    if name not in reasons:
        return f"reasons {'+'.join(reasons)}"
    if name == "speaker":
        others = [a for a in alerts if a is not message and a.type is not AlertType.STATEMENT_CONFLICT]
        moved = [a for a in others if a.data.change is not None and name in a.data.change.material]
        told = [a for a in others if a.type is AlertType.STATEMENT_NEW and a.data.msgtype is MessageType.ALERT]
        is_fine = len(moved) + len(told) == len(others) and len(told) <= len(moved) + 1
        return None if is_fine else f"{len(others)} messages beside it"
    if message.data.msgtype is not MessageType.UPDATE:
        return message.data.msgtype.value
    return None if len(alerts) == 1 else f"{len(alerts) - 1} messages beside it"


IMMATERIAL: dict[str, Callable[[str, Sequence[Target], Random], Edit | None]] = {
    "quotes": quotes,
    "spaces": spaces,
    "dashes": dashes,
    "case": case,
    "spelling": spelling,
    "sentence_elsewhere": sentence_elsewhere,
    "sentence_in_front": sentence_in_front,
    "paragraph_moved": paragraph_moved,
    "markup": markup,
    "gloss": gloss,
    "name_respelled": name_respelled,
    "spelling_inside": spelling_inside,
    "comma": comma,
    "paragraph_split": paragraph_split,
}
MATERIAL: dict[str, Callable[[str, Target, Random], Edit | None]] = {
    "negation": negation,
    "number": number,
    "speaker": speaker,
}
