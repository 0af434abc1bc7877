"""Who a source phrase names: bare name, role, type; pronouns and surnames resolved within the text."""

from agents.statements.lexicon import (
    DETERMINERS,
    DOCUMENT_HEADS,
    FEMALE,
    HONORIFICS,
    MALE,
    MEDIA_HEADS,
    METONYMS,
    ORGANISATION_HEADS,
    PREPOSITIONS,
    PRONOUNS,
    TITLES,
    UNNAMED_HEADS,
    UNNAMED_MARKS,
    words,
)
from agents.statements.names import POSTS, Names, bare_name, is_particle
from agents.statements.tokens import Line
from schemas.detection import Attribution, Speaker, SpeakerType
from schemas.event import Span

_POLLS = words("poll polls survey statement study")
_FILED = words("letter decree filing indictment affidavit lawsuit complaint memo document documents")
_AFTER_NAME = words("who whose and or of from in at with himself herself")
_HEADS = UNNAMED_HEADS | ORGANISATION_HEADS | DOCUMENT_HEADS | POSTS
_BEHALF = words("spokesman spokeswoman spokesperson spokespeople spokesmen aide lawyer attorney representative press")
_BODIES = words("police prosecutors authorities")
"""Plurals that stand for a body, not for persons who were not named."""
_CLAUSES = words("who whose which that including")


def span_of(line: Line, source: tuple[int, int]) -> Span:
    """Code points of a token range."""
    return Span(line.starts[source[0]], line.ends[source[1] - 1])


def describe(
    text: str, line: Line, source: tuple[int, int], names: Names, paragraph: int, *, last: str | None
) -> tuple[Speaker, Attribution, str | None]:
    """The speaker of a source phrase, how it was found, and on whose behalf."""
    low = line.low
    start, stop = source = _agency_of(line, source)
    span = span_of(line, source)
    surface = span.of(text)
    word = low[start]
    if stop - start == 1 and (word in PRONOUNS):
        return _pronoun(text, line, source, names, paragraph, last=last)
    name_range = _name_range(line, start, stop)
    if name_range is not None:
        first, end, name = name_range
        full = names.full_name(name) or name
        role = _role(text, line, source, first, end) or names.role.get(full)
        if role is not None:
            names.role[full] = role
        handle = next((line.raw[i] for i in range(start, stop) if line.raw[i][0] == "@" and len(line.raw[i]) > 1), None)
        speaker = Speaker(type=SpeakerType.PERSON, name=full, surface=surface, span=span, role=role, handle=handle)
        return speaker, Attribution.EXPLICIT, _behalf(text, line, start, stop) if role else None
    if stop - start == 1 and word.startswith("@"):
        return (
            Speaker(type=SpeakerType.PERSON, name=surface, surface=surface, span=span, handle=surface),
            Attribution.EXPLICIT,
            None,
        )
    head = _head(line, start, stop)
    if head in METONYMS or (stop - start == 1 and word in METONYMS):
        speaker = Speaker(type=SpeakerType.ORGANISATION, name=surface, surface=surface, span=span, is_metonym=True)
        return speaker, Attribution.EXPLICIT, None
    behalf = _behalf(text, line, start, stop)
    is_definite = word in ("the", "his", "her", "their", "its") or (low[start:stop] and low[start].endswith("'s"))
    is_hidden = any(low[i] in UNNAMED_MARKS for i in range(start, stop))
    if head in POSTS and not is_hidden and word not in ("a", "an", "one", "another"):
        known = names.holder(low[start:stop]) if is_definite else None
        if known is not None:
            speaker = Speaker(type=SpeakerType.PERSON, name=known, surface=surface, span=span, role=surface)
            return speaker, Attribution.INFERRED, behalf
        return (
            Speaker(type=SpeakerType.POST, name=surface, surface=surface, span=span, role=surface),
            Attribution.EXPLICIT,
            behalf,
        )
    is_unnamed = head in UNNAMED_HEADS or is_hidden or (
        word in ("a", "an", "one", "two", "three", "four", "some", "several", "many", "another")
        and head not in ORGANISATION_HEADS
    )  # fmt: skip
    if is_unnamed and head not in _BODIES:
        speaker = Speaker(type=SpeakerType.UNNAMED, name=surface, surface=surface, span=span)
        return speaker, Attribution.EXPLICIT, behalf
    if head in ORGANISATION_HEADS or head in DOCUMENT_HEADS or head in _BODIES or line.is_capital(stop - 1):
        return (
            Speaker(type=SpeakerType.ORGANISATION, name=_bare(surface), surface=surface, span=span),
            Attribution.EXPLICIT,
            behalf,
        )
    return Speaker(type=SpeakerType.UNNAMED, name=surface, surface=surface, span=span), Attribution.EXPLICIT, behalf


def _agency_of(line: Line, source: tuple[int, int]) -> tuple[int, int]:
    """`a report by the agency`, `an AP report`: the medium speaks, where it is one."""
    start, stop = source
    if line.low[stop - 1] in ("report", "reports") and stop - start <= 5:
        first = next((i for i in range(start, stop - 1) if line.is_capital(i) and line.low[i] not in DETERMINERS), stop)
        if any(line.low[i] in MEDIA_HEADS for i in range(first, stop - 1)):
            return first, stop - 1
    for index in range(start + 1, min(stop - 1, start + 5)):
        if line.low[index - 1] in ("report", "reports", "dispatch") and line.low[index] in ("by", "from", "in", "on"):
            is_media = any(line.low[i].removesuffix("'s") in MEDIA_HEADS for i in range(index + 1, stop))
            return (index + 1, stop) if is_media else source
    return source


def is_document(line: Line, source: tuple[int, int], *, is_filed: bool = False) -> bool:
    """Whether the source is a text: a letter, a report, a filing. is_filed: a report alone is none."""
    return _head(line, *source) in (_FILED if is_filed else DOCUMENT_HEADS - _POLLS)


def joint(text: str, line: Line, source: tuple[int, int], names: Names, paragraph: int) -> tuple[Speaker, ...]:
    """Further speakers of "A and B said", where both are named."""
    start, stop = source
    middle = next((i for i in range(start + 1, stop - 1) if line.low[i] in ("and", "&", ",", "who", "whose")), None)
    if middle is None or line.low[middle] not in ("and", "&"):
        return ()
    sides = [
        describe(text, line, part, names, paragraph, last=None)[0] for part in ((start, middle), (middle + 1, stop))
    ]
    is_named = all(side.type is SpeakerType.PERSON or side.is_metonym for side in sides)
    return (sides[1],) if is_named and sides[0].name != sides[1].name else ()


def _bare(surface: str) -> str:
    return (surface[4:] if surface[:4].lower() == "the " else surface) or surface


def _pronoun(
    text: str, line: Line, source: tuple[int, int], names: Names, paragraph: int, *, last: str | None
) -> tuple[Speaker, Attribution, None]:
    word = line.low[source[0]]
    span = span_of(line, source)
    surface = span.of(text)
    if word in MALE or word in FEMALE:
        found = names.antecedent(span.start, paragraph, "m" if word in MALE else "f", speaker=last)
        if found is not None:
            speaker = Speaker(
                type=SpeakerType.PERSON, name=found, surface=surface, span=span, role=names.role.get(found)
            )
            return speaker, Attribution.INFERRED, None
        return Speaker(type=SpeakerType.PERSON, name=surface, surface=surface, span=span), Attribution.UNRESOLVED, None
    if word in ("who", "which", "that") and source[0] > 0:
        found = names.nearest(span.start)
        if found is not None and word == "who":
            speaker = Speaker(
                type=SpeakerType.PERSON, name=found, surface=surface, span=span, role=names.role.get(found)
            )
            return speaker, Attribution.INFERRED, None
    kind = SpeakerType.ORGANISATION if word == "it" else SpeakerType.UNNAMED
    return Speaker(type=kind, name=surface, surface=surface, span=span), Attribution.UNRESOLVED, None


def _name_range(line: Line, start: int, stop: int) -> tuple[int, int, str] | None:
    """The first run of capitals in the phrase that is a person's name and is not governed by "of", "for", "'s"."""
    index = start
    while index < stop:
        if not (line.raw[index][0].isupper() and line.quote[index] < 0):
            if index > start and (line.low[index] in PREPOSITIONS or line.low[index] in _CLAUSES):
                holder = None if line.low[start] in DETERMINERS else _office_holder(line, index, stop)
                comma = next((i for i in range(index, stop) if line.low[i] == ","), None)
                if holder is not None or comma is None:
                    return holder
                index = comma
            index += 1
            continue
        end = index + 1
        while end < stop and line.quote[end] < 0 and (
            line.raw[end][0].isupper()
            or is_particle(line, end, stop)
            or line.low[end].startswith(("al-", "el-", "ul-"))
        ) and not line.low[end - 1].endswith("'s"):  # fmt: skip
            end += 1
        name, first = bare_name(line, index, end)
        if end < stop and line.is_word(end) and line.low[end] not in _AFTER_NAME:
            name = None  # "a Lind aide": the name only modifies
        has_title = first > index and any(line.low[i] in TITLES for i in range(index, first))
        is_free = index == start or line.low[index - 1] not in DETERMINERS
        if name is not None and not line.raw[end - 1].endswith(("'s", "’s")) and (" " in name or has_title or is_free):
            return first, end, name
        index = end
    return None


def _office_holder(line: Line, index: int, stop: int) -> tuple[int, int, str] | None:
    """`Minister for Rivers Name Surname`: the last two capitals of the run behind "for" or "of"."""
    if line.low[index] not in ("for", "of") or not (line.low[index - 1] in POSTS or line.low[index - 1] in TITLES):
        return None
    first = index + 1
    while first < stop and line.low[first] in DETERMINERS:
        first += 1
    end = first
    while end < stop and line.raw[end][0].isupper():
        end += 1
    if end - first < 3 or (end < stop and line.is_word(end) and line.low[end] not in _AFTER_NAME):
        return None
    name, begin = bare_name(line, end - 2, end)
    is_person = name is not None and " " in name and line.low[end - 1].removesuffix("s") not in ORGANISATION_HEADS
    return (begin, end, name) if is_person and name is not None else None


def _role(text: str, line: Line, source: tuple[int, int], first: int, end: int) -> str | None:
    """The title before the name or the apposition behind it, verbatim."""
    start, stop = source
    if end + 3 < stop and line.low[end] == "," and line.low[end + 1].isdigit() and line.low[end + 2] == ",":
        end += 2  # an age
    if end < stop and line.low[end] == "," and end + 1 < stop and not line.low[end + 1].isdigit():
        role = text[line.starts[end + 1] : line.ends[stop - 1]].strip(" ,")
        if role and line.low[end + 1] not in ("who", "whose", "which"):
            return role
    while start < first and line.low[start] in ("and", "but", "so"):
        start += 1
    if any(low not in HONORIFICS and low != "," for low in line.low[start:first]):
        return text[line.starts[start] : line.ends[first - 1]].strip(" ,") or None
    return None


def _head(line: Line, start: int, stop: int) -> str:
    """Head noun: the last word before the first preposition, comma or relative clause."""
    last, known = start, ""
    for index in range(start, stop):
        word = line.low[index].removesuffix("'s")
        if index > start and (word in PREPOSITIONS or word in (",", "(", "who", "which", "that", "whose")):
            break
        last = index
        known = word if word in _HEADS else known
    word = line.low[last].removesuffix("'s")
    return word if word in _HEADS or word in METONYMS or line.is_capital(last) else known or word


def _behalf(text: str, line: Line, start: int, stop: int) -> str | None:
    """Whom a spokesperson speaks for: "X spokesman", "a spokesman for X", "X's spokesman"."""
    low = line.low
    for index in range(start, stop):
        if low[index] not in _BEHALF:
            continue
        if index + 2 <= stop - 1 and low[index + 1] in ("for", "of"):
            last = index + 2
            while last < stop and low[last] not in (",", "who", "("):
                last += 1
            return text[line.starts[index + 2] : line.ends[last - 1]]
        first = index
        if index > start and low[index - 1].endswith(("'s", "s'")) and low[start] in ("the", "our"):
            first = start + 1
        while (
            first > start
            and (line.raw[first - 1][0].isupper() or low[first - 1].endswith("'s"))
            and low[first - 1] not in DETERMINERS
        ):
            first -= 1
        if first < index and low[index].startswith("spokes"):
            words_ = text[line.starts[first] : line.ends[index - 1]]
            return words_.removesuffix("'s").removesuffix("’s").rstrip("'’")
    return None
