"""Persons that a text names, in reading order: full names, posts, genders, and whom a pronoun can mean."""

from bisect import bisect_right
from itertools import compress
from operator import itemgetter
from typing import NamedTuple

from agents.statements.cues import CUES
from agents.statements.lexicon import (
    ADVERBS,
    AUXILIARIES,
    CONJUNCTIONS,
    DETERMINERS,
    FEMALE,
    FEMALE_NAMES,
    FEMALE_TITLES,
    HONORIFICS,
    MALE,
    MALE_NAMES,
    MALE_TITLES,
    MEDIA_HEADS,
    METONYMS,
    NAME_PARTICLES,
    ORGANISATION_HEADS,
    PREPOSITIONS,
    PRONOUNS,
    TITLES,
    UNNAMED_HEADS,
    words,
)
from agents.statements.tokens import Line

_NOT_NAMES = words(
    """the a an but and in on at for from with when while if as after before this that these those it he she we they i
    one two three four five six seven eight nine ten another several most
    you his her its their our my there here what who how why where which not no yes monday tuesday wednesday thursday
    friday saturday sunday january february march april june july august september october november december"""
)
_GROUPS = words(
    """republican republicans democrat democrats democratic american americans british french german russian chinese
    iranian iraqi israeli european english irish scottish welsh ukrainian turkish syrian muslim muslims christian
    christians jewish twitter facebook instagram telegram"""
)
POSTS = words(
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
_OFFICES = UNNAMED_HEADS | POSTS
_NO_SINGLE_NAME = UNNAMED_HEADS | PRONOUNS | MEDIA_HEADS
_GENDERED = MALE | FEMALE
_POSSESSIVE = words("his her himself herself")
_FIRST = itemgetter(0)
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
        self._posts: dict[str, list[tuple[frozenset[str], str]]] = {}

    def read(self, line: Line, paragraph: int) -> None:
        """Collect the names of one paragraph."""
        raw, low, quote = line.raw, line.low, line.quote
        stop, count = 0, len(raw)
        for index in compress(range(count), map(str.isupper, map(_FIRST, raw))):
            if index < stop or quote[index] >= 0:
                continue
            stop = index + 1
            while stop < count and quote[stop] < 0 and (
                raw[stop][0].isupper()
                or is_particle(line, stop, count)
                or (low[stop].startswith(("al-", "el-", "ul-")))
            ):  # fmt: skip
                if low[stop - 1].endswith(("'s", "s'")):
                    break
                stop += 1
            self._add(line, index, stop, paragraph)
        self._learn(line)

    def _learn(self, line: Line) -> None:
        """Take "his", "she" for evidence where one person alone can be meant: in this sentence or the one before."""
        place = bisect_right(self._starts, line.start - 1)
        if place == len(self.mentions) or _GENDERED.isdisjoint(line.low):
            return
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
        if stop - start > 2 and start > 1 and line.low[start - 1] in ("for", "of") and (
            line.low[start - 2] in POSTS or line.low[start - 2] in TITLES
        ):  # fmt: skip
            start = stop - 2  # "Minister for Rivers Name Surname"
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
        self._hold(title, name)
        self._hold(_apposition(line, stop), name)
        begins = _is_subject(line, start)
        self.mentions.append(Person(name, gender, None, line.starts[start], paragraph, begins))
        self._starts.append(line.starts[start])

    def _hold(self, words_: list[str], name: str) -> None:
        """Remember which post the words give a person: the last one that is a post, and what stands before it."""
        last = next((i for i in range(len(words_) - 1, -1, -1) if words_[i] in POSTS), None)
        if last is None:
            return
        held = self._posts.setdefault(words_[last], [])
        if len(held) < _MAX_NAMESAKES:
            held.append((frozenset(words_[:last]) - DETERMINERS, name))

    def holder(self, words_: list[str]) -> str | None:
        """The one person whom the text gives a post with all of these words ("the foreign minister")."""
        last = next((i for i in range(len(words_) - 1, -1, -1) if words_[i] in POSTS), None)
        if last is None:
            return None
        asked = {word for word in words_[:last] if word not in DETERMINERS}
        found = {name for known, name in self._posts.get(words_[last], ()) if asked <= known}
        return found.pop() if len(found) == 1 else None

    def full_name(self, name: str) -> str | None:
        """The full name that this text gives for a surname, if it is the only one."""
        known = self.full.get(name.rpartition(" ")[2].lower())
        if not known:
            return None
        if name in known:
            return name
        fitting = [k for k in known if " " not in name or _fits(name, k)]
        return fitting[0] if len(fitting) == 1 else None

    def speaks(self, name: str, at: int, paragraph: int) -> None:
        """Count a speaker whom the text names by surname alone among those a pronoun may mean."""
        place = bisect_right(self._starts, at)
        if place and self._starts[place - 1] == at:
            return
        self._starts.insert(place, at)
        self.mentions.insert(place, Person(name, self.gender_of(name), None, at, paragraph, True))

    def nearest(self, at: int) -> str | None:
        """The person named last before `at`: whom "who" takes up."""
        place = bisect_right(self._starts, at - 1) - 1
        return self.mentions[place].name if place >= 0 else None

    def antecedent(self, at: int, paragraph: int, gender: str, *, speaker: str | None = None) -> str | None:
        """The nearest compatible person before `at`; subjects of sentences and the last speaker go first."""
        place = bisect_right(self._starts, at - 1) - 1
        best: str | None = None
        score = -1
        for index in range(place, max(-1, place - 24), -1):
            person = self.mentions[index]
            if paragraph - person.paragraph > _WINDOW:
                break
            if " " not in person.name and paragraph - person.paragraph > 1:
                continue  # a surname alone: who it is, the story may know better
            known = person.gender or self.gender_of(person.name)
            if gender and known and known != gender:
                continue
            value = 8 - 2 * (paragraph - person.paragraph) + 2 * person.is_subject + 3 * (known == gender != "")
            value += 2 * (person.name == speaker)
            if value > score:
                best, score = person.name, value
        return best


def _apposition(line: Line, comma: int) -> list[str]:
    """The words of `, the harbour minister,` behind a name."""
    if comma + 2 >= len(line) or line.low[comma] != "," or line.low[comma + 1] not in ("the", "a", "an"):
        return []
    stop = comma + 2
    while stop < min(len(line), comma + 9) and line.is_word(stop) and line.low[stop] not in PREPOSITIONS:
        stop += 1
    return line.low[comma + 2 : stop]


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


def _is_acronym(word: str) -> bool:
    return len(word) > 2 and word.isalpha() and word.rstrip("s").isupper()


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
    if stop - first > 2 and _is_acronym(line.raw[first]) and not line.raw[first + 1].isupper():
        first += 1  # "GMB Secretary Name", "At PMQs Name"
        while stop - first > 1 and (line.low[first] in TITLES or line.low[first] in _OFFICES):
            first += 1
    title = next((i for i in range(stop - 2, first, -1) if line.low[i] in TITLES or line.low[i] in _OFFICES), None)
    first = first if title is None else title + 1
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
    if len(parts) == 1 and ((parts[0].isupper() and len(parts[0]) < 5) or lowered[0] in _NO_SINGLE_NAME):
        return None, first
    return " ".join(parts), first


def is_particle(line: Line, index: int, stop: int) -> bool:
    """`van`, `de la` inside a name: one or two particles before a capital."""
    if line.low[index] not in NAME_PARTICLES or index + 1 >= stop:
        return False
    if line.raw[index + 1][0].isupper():
        return True
    return line.low[index + 1] in NAME_PARTICLES and index + 2 < stop and line.raw[index + 2][0].isupper()
