"""Source noun phrases left and right of a cue, without a tagger: closed word classes, capitals and commas."""

from agents.statements.cues import CUES
from agents.statements.lexicon import (
    ADVERBS,
    AUXILIARIES,
    CONJUNCTIONS,
    DETERMINERS,
    MONTHS,
    OWN_VOICE,
    PERSONAL,
    PREPOSITIONS,
    PRONOUNS,
    SUBORDINATORS,
    TIME_MODIFIERS,
    TIME_NOUNS,
    TIME_WORDS,
    TITLES,
    UNNAMED_HEADS,
    words,
)
from agents.statements.tokens import Line

Range = tuple[int, int]

_DASHES = frozenset({"—", "–", "-", "―", "--"})
_STOPS = frozenset(',;:()[]—–-―…?!."“”/|•*') | {"--"}
_LEADS = (ADVERBS - words("all only just even former")) | words(
    "but and so yet or however meanwhile still instead then thus therefore nor plus nonetheless as"
)
_APPOSITIVE = words(
    """a an the who whose which his her its their one another former including chief head chair chairman chairwoman
    president director leader founder co-founder executive deputy senior spokesman spokeswoman spokesperson minister
    secretary professor editor author ceo ambassador general governor mayor senator adviser advisor speaking himself
    herself acting vice head currently now both"""
)
_ADDRESSEES = words(
    "adviser advisor aide ambassador envoy secretary assistant counsel deputy counselor counsellor heir successor"
)
VENUES = words(
    """interview statement email e-mail speech post tweet letter release briefing conference message address memo report
    column video series appearance remarks call text note tweets posts rally debate hearing filing op-ed essay blog
    podcast session meeting event thread reply response telegram facebook twitter instagram program programme broadcast
    article editorial testimony voicemail reporters phone telephone"""
)
_OBJECTS = (DETERMINERS | PERSONAL) - words("all both")
_REMNANTS = words("re ve ll s m t d there here")
_REPORTS = words("report reports reported")
_ARTICLES = words("the a an his her their its")
_BEFORE_ARTICLE = PREPOSITIONS | words("and or all both half many to than & including nearly almost")
_TIMES = TIME_NOUNS | TIME_WORDS | MONTHS
_CLAUSE = words("who which what how according")
_WATCHED = _STOPS | CONJUNCTIONS | AUXILIARIES | PERSONAL | _ARTICLES | _CLAUSE | words("and or &") | CUES.keys()
"""All other words belong to a noun phrase without further ado."""
_MAX = 28


def subject_left(line: Line, verb: int, floor: int) -> Range | None:
    """The noun phrase that ends right before `verb`, appositions between commas included."""
    if verb <= floor:
        return None
    low, last = line.low, verb - 1
    word = low[last]
    if line.quote[last] >= 0:
        return None
    if word == ",":
        return _with_apposition(line, last, floor)
    if word in (")", "]"):
        opened = _find_left(line, last, floor, ("(", "["), 14)
        head = None if opened is None else subject_left(line, opened, floor)
        return None if head is None else (head[0], verb)
    if word in _DASHES:
        opened = _find_left(line, last, floor, _DASHES, 30)
        return None if opened is None else _noun_phrase_left(line, opened, floor)
    if word in PRONOUNS:
        return (last, verb)
    return _noun_phrase_left(line, verb, floor)


def is_own_voice(line: Line, source: Range) -> bool:
    """Whether the source is the writer or the reader: "I", "we", "you", "our correspondent"."""
    first = line.low[source[0]]
    return first in ("my", "our") or (source[1] - source[0] == 1 and first in OWN_VOICE)


def _find_left(line: Line, index: int, floor: int, wanted: tuple[str, ...] | frozenset[str], reach: int) -> int | None:
    for place in range(index - 1, max(floor, index - reach) - 1, -1):
        if line.low[place] in wanted:
            return place
    return None


def _with_apposition(line: Line, comma: int, floor: int) -> Range | None:
    """`Name, what she is,` before a verb: from the name to the second comma."""
    place = comma - 1
    if place - 1 > floor and line.low[place] in _LEADS and line.low[place - 1] == "," and line.quote[place - 1] < 0:
        return _noun_phrase_left(line, place - 1, floor)  # "they, however, said"
    if line.low[place] in _REPORTS:
        opened = _find_left(line, comma, floor, (",",), 9)
        return None if opened is None else _noun_phrase_left(line, opened, floor)  # "Name, the agency reports, said"
    while place > floor and comma - place < _MAX:
        if line.low[place] == "," and line.quote[place] < 0:
            first = line.low[place + 1]
            if first in ("citing", "quoting"):
                return _noun_phrase_left(line, place, floor)
            looks_right = (
                first in _APPOSITIVE or first[0].isdigit() or line.is_capital(place + 1)
                or (first.islower() and comma - place <= 12 and first not in PERSONAL and first not in CONJUNCTIONS)
            )  # fmt: skip
            if looks_right and place - 1 >= floor and line.is_word(place - 1):
                head = _noun_phrase_left(line, place, floor)
                is_name = all(line.is_capital(i) for i in range(place + 1, comma))
                if head and (line.is_capital(head[1] - 1) or first in _APPOSITIVE or first[0].isdigit() or is_name):
                    return (_behind_name(line, head[0], floor), comma)
        elif line.low[place] in (";", ":") or line.quote[place] >= 0:
            return None
        place -= 1
    return None


def _behind_name(line: Line, start: int, floor: int) -> int:
    """`Name, a spokesperson for the minister, Other Name, said`: an apposition that holds one of its own."""
    if line.low[start] not in ("a", "an", "the") or start - 2 < floor or line.low[start - 1] != ",":
        return start
    first = start - 1
    while first > floor and line.is_capital(first - 1) and line.quote[first - 1] < 0:
        first -= 1
    return first if start - 1 - first >= 2 else start


def _noun_phrase_left(line: Line, end: int, floor: int) -> Range | None:
    low, raw = line.low, line.raw
    start = end
    while start > floor and end - start < _MAX:
        index = start - 1
        word = low[index]
        if line.quote[index] >= 0:
            first = line.quote_start(index)
            if start == end or start - first > 7 or first <= floor or raw[index - 1] in ",.!?":
                break
            start = first
            continue
        if word not in _WATCHED:
            start -= 1
            continue
        if word in _STOPS:
            if word == "." and raw[index] != ".":
                start -= 1
                continue
            break
        if word in ("and", "or", "&"):
            if start == end or not _joins(line, index, floor):
                break
        elif word in CONJUNCTIONS or word in AUXILIARIES or word in _CLAUSE or (
            word in CUES and not line.is_capital(index) and _is_verb(line, index)
        ):  # fmt: skip
            relative = _relative(line, index, start, floor)
            if relative is None:
                if word in AUXILIARIES and start < end and low[start].endswith("ed") and end - start > 1:
                    return None  # "has beamed back pictures": a verb, no noun phrase
                break
            start = relative
            continue
        elif word in PERSONAL and start < end and low[start] != "and":
            break
        start -= 1
        if word in _ARTICLES and start > floor and low[start - 1] not in _BEFORE_ARTICLE and line.is_word(start - 1):
            break
    if start < end and low[start] in ("at", "in", "during") and start - 1 > floor and low[start - 1] == "," and any(
        low[i] in VENUES for i in range(start, end)
    ):  # fmt: skip
        return subject_left(line, start, floor) or _noun_phrase_left(line, start - 1, floor)
    return _trim(line, start, end)


def _relative(line: Line, index: int, start: int, floor: int) -> int | None:
    """`people who have seen it` before a cue: the place of "who", if the clause belongs to the phrase."""
    if start - index > 12:
        return None
    for place in range(index, max(floor, index - 5), -1):
        if line.low[place] == "who" and place - 1 >= floor and line.is_word(place - 1) and line.quote[place - 1] < 0:
            return place
        if not line.is_word(place):
            return None
    return None


def _is_verb(line: Line, index: int) -> bool:
    cue = CUES[line.low[index]]
    if cue.form == "past":
        before = line.low[index - 1] if index else ""
        return before not in DETERMINERS and not before.endswith("'s")
    return cue.form == "third" and not cue.is_weak


def _joins(line: Line, index: int, floor: int) -> bool:
    """Whether "and" at `index` joins two sources and not two clauses."""
    if index - 1 < floor or line.quote[index - 1] >= 0 or not line.is_word(index - 1):
        return False
    place = index - 1
    if line.low[place] in ("he", "she", "they") and line.is_capital(index + 1):
        return True
    count = 0
    while place >= floor and count < 9:
        word = line.low[place]
        if word in _STOPS or word in SUBORDINATORS or line.quote[place] >= 0:
            break
        if word in AUXILIARIES or word in PERSONAL or (word in CUES and _is_verb(line, place)):
            return False
        if word.islower() and word.endswith("ed") and len(word) > 4:
            return False
        count += 1
        place -= 1
    return count <= 3 or line.is_capital(index - 1) or line.low[index - 1].endswith("s")


def _trim(line: Line, start: int, end: int) -> Range | None:
    """Without leading conjunctions, adverbs and adjuncts of time and place."""
    low = line.low
    while start < end and (low[start] in _LEADS or not line.is_word(start) or _is_lead(low[start], end - start)):
        if line.quote[start] >= 0 or (low[start] == "all" and end - start > 1):
            break
        start += 1
    if start < end and low[start] in PREPOSITIONS and low[start] not in ("of",):
        start = _after_adjunct(line, start, end)
    if start < end and (low[start] in TIME_WORDS or low[start] in TIME_MODIFIERS) and end - start > 1:
        start = _skip_time(line, start, end)
    while start < end and low[start] in _LEADS:
        start += 1
    end = _without_time(line, start, end)
    if start >= end:
        return None
    if end - start == 1 and (
        low[start] in TIME_WORDS or low[start] in DETERMINERS - PRONOUNS or low[start] in PREPOSITIONS
        or _is_no_noun(line, start)
    ):  # fmt: skip
        return None
    if low[start].endswith("ing") and low[start + 1 : start + 2] and low[start + 1] in _OBJECTS:
        return None  # "Sending my best wishes"
    return (start, end)


def _is_no_noun(line: Line, index: int) -> bool:
    """A lone lower-case word that cannot be a source: a participle, a cut-off contraction, "there"."""
    word = line.low[index]
    if word in _REMNANTS:
        return True
    return not line.is_capital(index) and word.endswith("ed") and word not in UNNAMED_HEADS


def _without_time(line: Line, start: int, end: int) -> int:
    """`The EU on Monday` before its verb: the day belongs to the verb."""
    stop = end
    while stop - 1 > start and (line.low[stop - 1] in TIME_WORDS or line.low[stop - 1] in ADVERBS):
        stop -= 1
    if stop < end and stop - 1 > start and line.low[stop - 1] in ("on", "late", "early"):
        stop -= 1
    return stop


def _is_lead(word: str, size: int) -> bool:
    return (
        size > 1
        and word.endswith("ly")
        and len(word) > 4
        and word not in ("family", "italy", "july", "daily", "weekly", "early")
    )


def _after_adjunct(line: Line, start: int, end: int) -> int:
    """`On Tuesday Name`, `In an interview Name`, `In Lisbon the minister`: where the subject starts."""
    low = line.low
    place = start + 1
    if place < end and _is_time(line, place):
        return _skip_time(line, place, end)
    named = _behind_venue(line, start, end)
    if named is not None:
        return named
    for index in range(start + 2, end):
        before, word = low[index - 1], low[index]
        if word in PERSONAL:
            return index
        if before in PREPOSITIONS or before in DETERMINERS or before in ("and", "&"):
            continue
        if (word in DETERMINERS and word not in ("that", "no")) or (
            line.is_capital(index)
            and not line.is_capital(index - 1)
            and not before.endswith("'s")
            and line.is_word(index - 1)
        ):
            return index
    return start + 1 if low[start] == "like" else end


def _behind_venue(line: Line, start: int, end: int) -> int | None:
    """`At Westminster Name Surname`, `In York Mayor Name`: three capitals or more behind the last preposition."""
    low = line.low
    place = next((i for i in range(end - 1, start, -1) if low[i - 1] in PREPOSITIONS and line.is_capital(i)), end)
    run = place
    while run < end and line.is_capital(run):
        run += 1
    if run - place < 3 or (run < end and low[run] != ","):
        return None
    return next((i for i in range(place + 1, run - 1) if low[i] in TITLES), run - 2)


def _is_time(line: Line, index: int) -> bool:
    word = line.low[index]
    return (
        word in TIME_WORDS or word in MONTHS or (word[0].isdigit() and len(word) <= 5)
        or (word in TIME_MODIFIERS and index + 1 < len(line) and line.low[index + 1] in _TIMES)
    )  # fmt: skip


def _skip_time(line: Line, start: int, end: int) -> int:
    low = line.low
    while start < end and (
        low[start] in TIME_WORDS or low[start] in MONTHS or low[start] in TIME_NOUNS or low[start][0].isdigit()
        or (low[start] in TIME_MODIFIERS and start + 1 < end and low[start + 1] in _TIMES)
        or (low[start] == "," and start + 1 < end and low[start + 1][0].isdigit())
    ):  # fmt: skip
        start += 1
    return start


def skip_time(line: Line, start: int, end: int) -> int:
    """One past the words of time that start here."""
    return _skip_time(line, start, end)


def is_adjunct(line: Line, index: int, end: int) -> bool:
    """Whether a phrase of time, place or venue of the utterance starts here ("on Monday", "in a statement")."""
    word = line.low[index]
    if _is_time(line, index):
        return True
    if word not in PREPOSITIONS:
        return False
    for place in range(index + 1, min(end, index + 9)):
        if line.quote[place] >= 0 or line.low[place] in _STOPS:
            return False
        if line.low[place] in VENUES or _is_time(line, place):
            return True
    return False


def subject_right(line: Line, start: int, end: int) -> Range | None:
    """The noun phrase after an inverted cue (`"...", said Name, what she is`)."""
    low = line.low
    if start >= end or line.quote[start] >= 0 or not line.is_word(start):
        return None
    if low[start] in PRONOUNS and low[start] not in DETERMINERS:
        return (start, start + 1)
    if low[start] in CONJUNCTIONS or (low[start] in PREPOSITIONS and low[start] != "us") or low[start] in AUXILIARIES:
        return None
    if low[start] in TIME_WORDS or (low[start] in ADVERBS and low[start] not in DETERMINERS):
        return None
    place = start
    has_comma = False
    is_name = line.is_capital(start)
    while place < end and place - start < 45:
        word = low[place]
        if line.quote[place] >= 0:
            stop = line.quote_end(place)
            if stop < end and stop - place <= 5 and place > start and line.is_word(stop) and low[place - 1] != ",":
                place = stop
                continue
            break
        if word == ",":
            if not _continues(line, place + 1, end):
                break
            has_comma = True
        elif word == "(":
            closed = next((i for i in range(place, min(end, place + 12)) if low[i] == ")"), None)
            if closed is None:
                break
            place = closed
        elif word in _STOPS:
            break
        elif word in AUXILIARIES and not (has_comma or _has_relative(line, start, place)):
            return None
        elif place > start and _ends_source(line, place, end, has_comma=has_comma, is_name=is_name):
            break
        place += 1
    while place > start and low[place - 1] in _STOPS and low[place - 1] not in (")",):
        place -= 1
    return (start, place) if place > start else None


def _has_relative(line: Line, start: int, end: int) -> bool:
    return any(line.low[i] in ("who", "whose", "which", "that") for i in range(start, end))


def _continues(line: Line, index: int, end: int) -> bool:
    """Whether the comma before `index` opens an apposition of the source."""
    if index >= end or line.quote[index] >= 0:
        return False
    word = line.low[index]
    if word in CUES and CUES[word].form == "ing":
        return False
    if word[0].isdigit() and len(word) <= 3:
        return True  # an age
    if is_adjunct(line, index, end):
        return False
    if word in _APPOSITIVE:
        return True
    if word in ("from", "of"):
        return True
    if word in PREPOSITIONS or word in CONJUNCTIONS or word in ADVERBS or word in PRONOUNS or word in DETERMINERS:
        return False
    if word in AUXILIARIES or word in CUES:
        return False
    return line.is_word(index) and not word.endswith("ing")


def _ends_source(line: Line, index: int, end: int, *, has_comma: bool, is_name: bool) -> bool:
    word = line.low[index]
    if word in ("who", "whose", "which", "that"):
        return not has_comma and is_name
    if has_comma and (line.low[index - 1] == "," or _has_relative(line, max(0, index - 12), index)):
        return False  # an age, or the clause of "who": the next comma decides
    if word in CUES and CUES[word].form == "ing" and not has_comma:
        return True
    if word == "to":
        return line.low[index - 1] not in _ADDRESSEES and not has_comma
    if word in (
        "as",
        "when",
        "while",
        "because",
        "after",
        "before",
        "but",
        "if",
        "since",
        "until",
        "during",
        "about",
        "though",
    ):
        return not has_comma or is_adjunct(line, index, end)
    if is_adjunct(line, index, end):
        return True
    if word in ("in", "on", "at", "via", "by", "through", "following", "amid"):
        return is_name and not has_comma
    return False


def leading_subject(line: Line, start: int, end: int) -> Range | None:
    """The noun phrase that opens the sentence, up to what looks like its verb."""
    low = line.low
    place = start
    while place < end and (low[place] in _LEADS or low[place] == "," or _is_lead(low[place], 2)):
        place += 1
    if place < end and (
        low[place] in PREPOSITIONS | SUBORDINATORS or (low[place].endswith(("ing", "ed")) and line.is_word(place))
    ):
        comma = next((i for i in range(place, min(end, place + 25)) if low[i] == "," and line.quote[i] < 0), None)
        if comma is None:
            return None
        place = comma + 1
    while place < end and (low[place] in _LEADS or low[place] == ","):
        place += 1
    first = place
    if first < end and low[first] in PRONOUNS and low[first] not in DETERMINERS:
        return (first, first + 1)
    while place < end and place - first < 12:
        word = low[place]
        if line.quote[place] >= 0 or word in _STOPS or word in AUXILIARIES or word in CONJUNCTIONS or word in ADVERBS:
            break
        if (
            place > first
            and line.is_capital(place - 1)
            and low[place - 1] not in DETERMINERS
            and not line.is_capital(place)
            and word not in ("of", "for", "&")
        ):
            break
        if place > first and (word in CUES or word.endswith("ed")):
            break
        if word in PREPOSITIONS and word not in ("of", "for"):
            break
        place += 1
    return (first, place) if first < place < end else None
