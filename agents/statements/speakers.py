"""Who a source phrase names: bare name, role, type; pronouns and surnames resolved within the text."""

from bisect import bisect_right
from typing import NamedTuple

from agents.statements.cues import CUES
from agents.statements.lexicon import (
    ADVERBS,
    AUXILIARIES,
    CONJUNCTIONS,
    DETERMINERS,
    DOCUMENT_HEADS,
    FEMALE,
    FEMALE_NAMES,
    FEMALE_TITLES,
    HONORIFICS,
    MALE,
    MALE_NAMES,
    MALE_TITLES,
    METONYMS,
    NAME_PARTICLES,
    ORGANISATION_HEADS,
    PREPOSITIONS,
    PRONOUNS,
    TITLES,
    UNNAMED_HEADS,
    UNNAMED_MARKS,
    words,
)
from agents.statements.tokens import Line
from schemas.detection import Attribution, Speaker, SpeakerType
from schemas.event import Span

_NOT_NAMES = words(
    """the a an but and in on at for from with when while if as after before this that these those it he she we they i
    you his her its their our my there here what who how why where which not no yes monday tuesday wednesday thursday
    friday saturday sunday january february march april june july august september october november december"""
)
_GROUPS = words(
    """republican republicans democrat democrats democratic american americans british french german russian chinese
    iranian iraqi israeli european english irish scottish welsh ukrainian turkish syrian muslim muslims christian
    christians jewish twitter facebook instagram telegram"""
)
_POLLS = words("poll polls survey statement study")
_AFTER_NAME = words("who whose and or of from in at with himself herself")
_POSTS = words(
    """president minister premier chancellor secretary governor mayor senator ambassador king queen prince pope leader
    chairman chairwoman chair chief commander general admiral judge speaker candidate nominee attorney director ceo
    congressman congresswoman envoy sheriff commissioner monarch emir sultan ayatollah frontrunner front-runner
    billionaire businessman mogul lawmaker taoiseach backbencher author coach manager captain tycoon"""
)
_POST_NOMINALS = words("kc qc mp msp mep obe cbe mbe phd md esq dphil frs")
_BEFORE_NAMES = (
    ADVERBS
    | AUXILIARIES
    | CONJUNCTIONS
    | (PREPOSITIONS - {"per"})
    | {word for word, cue in CUES.items() if cue.form == "past"}
)
_HEADS = UNNAMED_HEADS | ORGANISATION_HEADS | DOCUMENT_HEADS | _POSTS
_OFFICES = UNNAMED_HEADS | _POSTS
_BEHALF = words("spokesman spokeswoman spokesperson spokespeople spokesmen aide lawyer attorney representative press")
_BODIES = words("police prosecutors authorities")
"""Plurals that stand for a body, not for persons who were not named."""
_POSSESSIVE = words("his her himself herself")
_MAX_NAMESAKES = 8
_WINDOW = 4
"""Paragraphs back that a pronoun may reach."""


class Person(NamedTuple):
    """A person as one place of the text names them."""

    name: str
    gender: str  # "m", "f" or ""
    role: str | None
    at: int
    paragraph: int
    is_subject: bool


class Names:
    """Persons of one text in reading order: full names by surname, and antecedents of pronouns."""

    def __init__(self) -> None:
        self.mentions: list[Person] = []
        self._starts: list[int] = []
        self.full: dict[str, list[str]] = {}
        self.gender: dict[str, str] = {}
        self.votes: dict[str, list[int]] = {}
        self.role: dict[str, str] = {}
        self.by_role: dict[str, str] = {}

    def read(self, line: Line, paragraph: int) -> None:
        """Collect the names of one paragraph."""
        raw, low, quote = line.raw, line.low, line.quote
        index, count = 0, len(raw)
        while index < count:
            if quote[index] >= 0 or not raw[index][0].isupper():
                index += 1
                continue
            stop = index + 1
            while stop < count and quote[stop] < 0 and (
                raw[stop][0].isupper()
                or (low[stop] in NAME_PARTICLES and stop + 1 < count and raw[stop + 1][0].isupper())
                or (low[stop].startswith(("al-", "el-", "ul-")))
            ):  # fmt: skip
                if low[stop - 1].endswith(("'s", "s'")):
                    break
                stop += 1
            self._add(line, index, stop, paragraph)
            index = stop
        self._learn(line)

    def _learn(self, line: Line) -> None:
        """Take "his", "she" for evidence where one person alone can be meant: in this sentence or the one before."""
        place = bisect_right(self._starts, line.start - 1)
        sentence: set[str] = set()
        before: set[str] = set()
        for index, word in enumerate(line.low):
            while place < len(self.mentions) and self._starts[place] <= line.starts[index]:
                sentence.add(self.mentions[place].name)
                place += 1
            if line.quote[index] >= 0:
                continue
            if word in (".", "!", "?"):
                before, sentence = sentence or before, set()
            elif word in MALE or word in FEMALE:
                meant = sentence or before
                if len(meant) == 1:
                    votes = self.votes.setdefault(next(iter(meant)), [0, 0])
                    votes[word in FEMALE] += 2 if sentence and word in _POSSESSIVE else 1

    def gender_of(self, name: str) -> str:
        """What title, given name or else the pronouns beside the name tell: "m", "f" or ""."""
        known = self.gender.get(name, "")
        if known:
            return known
        male, female = self.votes.get(name, (0, 0))
        return "m" if male > female else "f" if female > male else ""

    def _add(self, line: Line, start: int, stop: int, paragraph: int) -> None:
        name, first = bare_name(line, start, stop)
        if name is None:
            return
        parts = name.split(" ")
        while start < first and line.low[start] in _NOT_NAMES:
            start += 1
        title = line.low[start:first]
        key = parts[-1].lower()
        if len(parts) == 1:
            known = self.full.get(key)
            if known is None and not title:
                return
            if known is not None and len(known) == 1:
                name = known[0]
        else:
            known = self.full.setdefault(key, [])
            if len(known) < _MAX_NAMESAKES and name not in known:
                known.append(name)
        gender = _gender(title, parts) or self.gender.get(name, "")
        if gender:
            self.gender[name] = gender
        if name not in self.role and any(word not in HONORIFICS for word in title):
            self.role[name] = " ".join(line.raw[start:first])
        for word in title:
            if word in _POSTS:
                self.by_role[word] = name
        begins = _is_subject(line, start)
        self.mentions.append(Person(name, gender, None, line.starts[start], paragraph, begins))
        self._starts.append(line.starts[start])

    def full_name(self, name: str) -> str | None:
        """The full name that this text gives for a surname, if it is the only one."""
        known = self.full.get(name.rpartition(" ")[2].lower())
        if not known:
            return None
        if name in known:
            return name
        fitting = [k for k in known if " " not in name or _fits(name, k)]
        return fitting[0] if len(fitting) == 1 else None

    def antecedent(self, at: int, paragraph: int, gender: str, *, speaker: str | None = None) -> str | None:
        """The nearest compatible person before `at`; subjects of sentences and the last speaker go first."""
        place = bisect_right(self._starts, at - 1) - 1
        best: str | None = None
        score = -1
        for index in range(place, max(-1, place - 24), -1):
            person = self.mentions[index]
            if paragraph - person.paragraph > _WINDOW:
                break
            known = person.gender or self.gender_of(person.name)
            if gender and known and known != gender:
                continue
            value = 8 - 2 * (paragraph - person.paragraph) + 2 * person.is_subject + 3 * (known == gender != "")
            value += 2 * (person.name == speaker)
            if value > score:
                best, score = person.name, value
        return best


def _is_subject(line: Line, start: int) -> bool:
    """Whether a name may be the subject: it opens a sentence or clause, and is no apposition of an object."""
    if start == 0:
        return True
    low = line.low
    if low[start - 1] != ",":
        return low[start - 1] in (".", "”", '"', "but", "and")
    for index in range(start - 2, max(-1, start - 8), -1):
        if low[index] in DETERMINERS or low[index].endswith("'s"):
            return index == 0 or low[index - 1] in (".", "”", '"')
        if not line.is_word(index):
            break
    return True


def _fits(short: str, full: str) -> bool:
    return all(part in full.split(" ") for part in short.split(" "))


def _gender(title: list[str], parts: list[str]) -> str:
    for word in title:
        if word in MALE_TITLES:
            return "m"
        if word in FEMALE_TITLES:
            return "f"
    first = parts[0].lower()
    if len(parts) > 1:
        if first in MALE_NAMES:
            return "m"
        if first in FEMALE_NAMES:
            return "f"
    return ""


def bare_name(line: Line, start: int, stop: int) -> tuple[str | None, int]:
    """The person's name in a run of capitalised tokens, without titles, and its first token; None for no person."""
    first = start
    while first < stop and (
        line.low[first] in _BEFORE_NAMES
        or line.low[first] in TITLES
        or line.low[first] in _NOT_NAMES
        or line.low[first].endswith("'s")
        or (line.low[first] in _OFFICES and first + 1 < stop)
    ):
        first += 1
    while stop - first > 1 and line.low[stop - 1] in _POST_NOMINALS and line.raw[stop - 1].isupper():
        stop -= 1
    parts = [line.raw[i] for i in range(first, stop)]
    if not parts or len(parts) > 5:
        return None, first
    parts[-1] = parts[-1].removesuffix("'s").removesuffix("’s").removesuffix("'").removesuffix("’")
    lowered = [p.lower() for p in parts]
    if not parts[-1] or any(p in ORGANISATION_HEADS or p in METONYMS or p in _NOT_NAMES for p in lowered):
        return None, first
    if lowered[0] in _GROUPS:
        return None, first
    if not all(p[0].isalpha() for p in parts) or (len(parts) > 1 and lowered[-1] in UNNAMED_HEADS):
        return None, first
    if len(parts) == 1 and ((parts[0].isupper() and len(parts[0]) < 5) or lowered[0] in UNNAMED_HEADS | PRONOUNS):
        return None, first
    return " ".join(parts), first


def span_of(line: Line, source: tuple[int, int]) -> Span:
    """Code points of a token range."""
    return Span(line.starts[source[0]], line.ends[source[1] - 1])


def describe(
    text: str, line: Line, source: tuple[int, int], names: Names, paragraph: int, *, last: str | None
) -> tuple[Speaker, Attribution, str | None]:
    """The speaker of a source phrase, how it was found, and on whose behalf."""
    low = line.low
    start, stop = source
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
    if head in _POSTS and not is_hidden and word not in ("a", "an", "one", "another"):
        known = names.by_role.get(head) if is_definite else None
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


def is_document(line: Line, source: tuple[int, int]) -> bool:
    """Whether the source is a text: a letter, a report, a filing."""
    return _head(line, *source) in DOCUMENT_HEADS - _POLLS


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
    return surface.removeprefix("The ").removeprefix("the ") or surface


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
        found = names.antecedent(span.start, paragraph, "")
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
            if index > start and line.low[index] in PREPOSITIONS:
                comma = next((i for i in range(index, stop) if line.low[i] == ","), None)
                if comma is None:
                    return None
                index = comma
            index += 1
            continue
        end = index + 1
        while end < stop and line.quote[end] < 0 and (
            line.raw[end][0].isupper()
            or (line.low[end] in NAME_PARTICLES and end + 1 < stop and line.raw[end + 1][0].isupper())
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
