"""Where the content of a statement starts and ends in its sentence."""

from agents.statements.cues import CUES, PHRASE_HEADS, Cue, cue_at
from agents.statements.lexicon import (
    ADVERBS,
    AUXILIARIES,
    BE,
    DETERMINERS,
    MEDIA_HEADS,
    NEGATIONS,
    ORGANISATION_HEADS,
    PERSONAL,
    PREPOSITIONS,
    SUBORDINATORS,
    UNNAMED_HEADS,
    words,
)
from agents.statements.phrases import VENUES, Range, is_adjunct, skip_time
from agents.statements.tokens import Line

_COMPLEMENTISERS = words("that how why what whether if when where who")
_CLAUSE_HEADS = words("the a an his her their its two three four five six seven eight nine ten many some all no every")
_OBJECT_PRONOUNS = words(
    "him her them me us you it reporters people everyone lawmakers journalists viewers voters supporters"
)
_HEARERS = words("him them me us reporters journalists lawmakers")
_SUBJECT_PRONOUNS = words("he she it they there we i you his her their its")
_CUT_AFTER_COMMA = words("while whereas despite compared a which although though")
_ADVERBS_AFTER = words(
    "also later then again today yesterday simply bluntly publicly recently previously earlier afterwards there here"
)
_NOUNS = MEDIA_HEADS | VENUES | UNNAMED_HEADS | ORGANISATION_HEADS
_MAY_END = frozenset((",", ";", "—", "–", "-", "--", "and", "but", ")", "]"))
EDGE = frozenset(",;:.!?…—–-―\"“”„«»'‘’`()[]*•") | {"--"}


def is_work(line: Line, index: int) -> bool:
    """Whether the quotation at `index` is the name of a programme or book: a few words, all capitalised."""
    first, stop = line.quote_start(index), line.quote_end(index)
    inner = [i for i in range(first, min(stop, first + 12)) if line.is_word(i)]
    return stop - first <= 11 and all(
        line.is_capital(i) or line.low[i] in PREPOSITIONS or line.low[i] in DETERMINERS for i in inner
    )


def has_signal(line: Line, index: int, end: int) -> bool:
    """Whether content surely starts here: "that", a colon, or a quotation."""
    if index < end and line.low[index] == "," and index + 1 < end:
        return line.opens(index + 1)
    return index < end and (line.low[index] in ("that", ":") or line.opens(index))


def content_start(line: Line, cue: Cue, after: int, end: int) -> int | None:
    """First token of the content right of a cue whose last token is `after - 1`; None if nothing follows."""
    low = line.low
    place = skip_time(line, after, end)
    while place < end and _is_skipped(low[place]) and not line.opens(place):
        if low[place] in ("there", "here") and place + 1 < end and low[place + 1] in AUXILIARIES:
            break
        place += 1
    if place + 1 < end and low[place] in ("on", "in", "at"):
        stop = skip_time(line, place + 1, end)
        if place + 1 < stop < end:
            place = stop
    elif after < place < end:
        place = skip_time(line, place, end)
    if place >= end:
        return None
    if has_signal(line, place, end):
        return _past_signal(line, place, end)
    if cue.lemma in ("say", "add", "write", "tweet", "post", "ask", "continue") and low[place] in ("of", "about"):
        found = _signal_within(line, place, end, 20)
        return found if found is not None or low[place] == "of" or is_adjunct(line, place, end) else place
    if low[place] in PREPOSITIONS and not cue.is_transitive:
        found = _signal_within(line, place, end, 30)
        if found is not None:
            return found
        if is_adjunct(line, place, end) or (low[place] == "to" and not cue.is_belief):
            return _after_adjunct(line, place, end)
    if low[place] == ",":
        return _signal_within(line, place, min(end, place + 30), 30)
    if cue.has_object and not cue.is_transitive:
        return _after_hearer(line, cue, place, end)
    if cue.has_object and _is_hearer_before_clause(line, place, end):
        return place + 1
    return place


def _is_hearer_before_clause(line: Line, place: int, end: int) -> bool:
    """`warned him the stand ...`: the clause starts behind the pronoun."""
    if line.low[place] not in _HEARERS or place + 1 >= end:
        return False
    return line.low[place + 1] in _CLAUSE_HEADS or line.low[place + 1] in PERSONAL


def _is_skipped(word: str) -> bool:
    return word in _ADVERBS_AFTER or (
        word.endswith("ly") and len(word) > 5 and word not in ("nearly", "roughly", "family", "exactly")
    )


def _past_signal(line: Line, place: int, end: int) -> int | None:
    if line.low[place] == "that" and place + 1 < end and line.low[place + 1] in BE:
        return place  # "said that was all": a pronoun
    if line.low[place] in ("that", ":", ","):
        place += 1
        if place < end and line.low[place] in (",", ":"):
            place += 1
    return place if place < end else None


def _signal_within(line: Line, place: int, end: int, reach: int) -> int | None:
    """Start of the first that-clause or quotation, if nothing but one adjunct stands before it."""
    for index in range(place, min(end, place + reach)):
        if line.opens(index) and (not is_work(line, index) or line.quote_end(index) >= end - 1):
            return index
        word = line.low[index]
        if line.quote[index] >= 0:
            continue
        if word == "that" and line.low[index - 1] not in DETERMINERS and not (
            index + 1 < end and (line.low[index + 1] in AUXILIARIES or line.low[index + 1] in NEGATIONS)
        ):  # fmt: skip
            return _past_signal(line, index, end)
        if word == ":":
            return index + 1 if index + 1 < end else None
        if word in CUES and index > place and CUES[word].form != "base" and not CUES[word].is_weak:
            return None
    return None


def _after_adjunct(line: Line, place: int, end: int) -> int | None:
    """`said in an interview with Fox he would`: the clause after a venue starts at a pronoun; None if none does."""
    for index in range(place + 2, min(end, place + 16)):
        if line.low[index] in ("he", "she", "they", "there", "it") and line.low[index - 1] not in PREPOSITIONS:
            return index
        if line.low[index] in (",", ";"):
            return None
        if _is_new_clause(line, index, end):
            return index
    return None


def _is_new_clause(line: Line, index: int, end: int) -> bool:
    """A determiner or number behind a noun, with a finite verb to follow: no part of the phrase before it."""
    low = line.low
    if low[index] not in _CLAUSE_HEADS or low[index - 1] in PREPOSITIONS or low[index - 1] in DETERMINERS:
        return False
    if low[index - 1] in ("and", "or", "&", ",") or not line.is_word(index - 1):
        return False
    return any(low[i] in AUXILIARIES and line.quote[i] < 0 for i in range(index + 1, min(end, index + 9)))


def _after_hearer(line: Line, cue: Cue, place: int, end: int) -> int | None:
    """Content of `told HEARER ...`, `urged HEARER to ...`."""
    low = line.low
    if cue.lemma in ("urge", "implore", "beg", "ask", "advise", "warn", "promise", "instruct", "threaten"):
        found = None if low[place] in ("to", "against") else _signal_within(line, place, end, 9)
        if found is None and _is_hearer_before_clause(line, place, end):
            return place + 1
        return place if found is None else found
    if low[place] in _OBJECT_PRONOUNS and place + 1 < end:
        place += 1
        if place < end and low[place] in ADVERBS:
            place += 1
        if has_signal(line, place, end):
            return _past_signal(line, place, end)
        if low[place] in PREPOSITIONS and low[place] != "to":
            found = _signal_within(line, place, end, 20)
            return found if found is not None else _after_adjunct(line, place, end)
        return place
    nouns = 0
    for index in range(place, min(end, place + 16)):
        word = low[index]
        if _is_next_phrase(line, place, index):
            return index
        if line.opens(index):
            return index
        if word in _COMPLEMENTISERS and index > place:
            return _past_signal(line, index, end) if word == "that" else index
        if word in (":", ","):
            follows = _past_signal(line, index, end)
            if word == ":" or (follows is not None and line.opens(follows)):
                return follows
            behind = _behind_apposition(line, index, end)
            if behind is not None:
                return behind
        after_time = skip_time(line, index, end)
        if index > place and after_time > index and has_signal(line, after_time, end):
            return _past_signal(line, after_time, end)  # "told the paper this morning: ..."
        if index > place and (word in _SUBJECT_PRONOUNS or word == "to") and low[index - 1] not in PREPOSITIONS:
            return index
        if index > place and nouns and low[index - 1] not in PREPOSITIONS | {"and", "the"} and (
            (line.is_capital(index) and not line.is_capital(index - 1) and low[index - 1] not in DETERMINERS)
            or word in DETERMINERS
        ):  # fmt: skip
            return index
        if not line.is_capital(index) and word not in DETERMINERS and (
            word in _NOUNS or (index > place and (line.is_capital(index - 1) or low[index - 1] not in DETERMINERS))
        ):  # fmt: skip
            nouns += 1
        if index > place and line.is_capital(index - 1) and word in DETERMINERS:
            return index
    return None


def _is_next_phrase(line: Line, place: int, index: int) -> bool:
    """`told broadcasters the airport ...`, `told the jury the accounts ...`: a second noun phrase begins here."""
    low = line.low
    if low[index] not in DETERMINERS or low[index] == "that" or index == place:
        return False
    if index == place + 1:
        return low[place].islower() and low[place] not in DETERMINERS and low[place] not in PREPOSITIONS
    return (
        index == place + 2 and low[place] in DETERMINERS and line.is_word(index - 1) and not line.is_capital(index - 1)
    )


def _behind_apposition(line: Line, comma: int, end: int) -> int | None:
    """`told the agency, Name, that ...`: the content begins behind the name of the hearer."""
    for index in range(comma + 1, min(end, comma + 8)):
        if line.low[index] == "," and index + 1 < end and has_signal(line, index + 1, end):
            return _past_signal(line, index + 1, end)
        if not line.is_word(index) or line.quote[index] >= 0:
            return None
    return None


def content_end(line: Line, start: int, end: int, *, is_participle: bool = False) -> int:
    """One past the last token of the content that starts at `start`: cut where the writer takes over again."""
    low = line.low
    index = start
    while index < end:
        if line.quote[index] >= 0:
            stop = line.quote_end(index)
            if stop < end and index == start and _quotation_ends(line, index, stop, end):
                return stop
            index = stop
            continue
        word = low[index]
        if word not in _MAY_END:
            index += 1
            continue
        if (
            word in (",", ";", "—", "–", "-", "--")
            and index - start >= 2
            and index + 1 < end
            and _cuts(line, index, end)
        ):
            return index
        if word in ("and", "but") and index - start >= 2 and (
            _coordinate_cue(line, index + 1, end) or (is_participle and _participle_cue(low, index + 1, end))
        ):  # fmt: skip
            return index
        if word == "," and low[index + 1 : index + 2] == ["according"]:
            return index
        if word == ";" and index - start >= 2 and _new_voice(line, index + 1, end):
            return index
        if word in (")", "]") and not any(w in ("(", "[") for w in low[start:index]):
            return index
        index += 1
    return _without_trailing_adjunct(line, start, end)


def _quotation_ends(line: Line, start: int, stop: int, end: int) -> bool:
    """A content that opens with a quotation ends with it where its last mark says so, or only an adjunct follows."""
    last = line.raw[stop - 2] if stop - 2 >= start else ""
    if any(line.opens(i) for i in range(stop, end)) and last not in ".!?":
        return False
    if last in (".", "!", "?", ","):
        return not any(line.quote[i] >= 0 for i in range(stop, end)) or last != ","
    return is_adjunct(line, stop, end) or line.low[stop] in (
        ",",
        "when",
        "while",
        "after",
        "before",
        "as",
        "during",
        "—",
        "–",
    )


def _without_trailing_adjunct(line: Line, start: int, end: int) -> int:
    """`... "a fool" during a rally in Ohio`: what follows the last quotation is the venue, not the content."""
    index = end
    while index > start and line.quote[index - 1] < 0:
        index -= 1
    if index <= start or index == end:
        return end
    if is_adjunct(line, index, end) or line.low[index] in ("during", "when", "after", "before", "while"):
        return index
    return end


def _cuts(line: Line, comma: int, end: int) -> bool:
    low = line.low
    index = comma + 1
    word = low[index]
    if line.quote[index] >= 0:
        return False
    if low[comma] in ("—", "–", "-", "--"):
        return word in CUES and CUES[word].form == "ing"
    if word in CUES and CUES[word].form == "ing" and not CUES[word].is_belief:
        return True
    if word in PHRASE_HEADS and word.endswith("ing"):
        return True
    if word in ("and", "but", "then", "while"):
        if index + 1 < end and low[index + 1] in ("neither", "declined", "refused"):
            return True
        return _coordinate_cue(line, index + 1, end) or word == "while"
    if word in _CUT_AFTER_COMMA:
        return word != "a" or not any(low[i] == "," for i in range(index, min(end, index + 12)))
    return _coordinate_cue(line, index, end) and word not in ADVERBS


def _new_voice(line: Line, index: int, end: int) -> bool:
    """Whether another source with a finite cue of speech follows: "; the captains said"."""
    for place in range(index + 1, min(end, index + 9)):
        if line.quote[place] >= 0 or line.low[place] in (",", ";", ":", "that"):
            return False
        cue = CUES.get(line.low[place])
        if cue is not None and cue.form in ("past", "third") and not cue.is_weak and not cue.is_belief:
            return line.low[place - 1] not in AUXILIARIES and line.low[place - 1] not in PREPOSITIONS
    return False


def _participle_cue(low: list[str], index: int, end: int) -> bool:
    if index >= end:
        return False
    found = cue_at(low, index)
    return found is not None and found[0].form == "ing" and not found[0].is_belief


def _coordinate_cue(line: Line, index: int, end: int) -> bool:
    """Whether a finite cue without a subject of its own starts here: "and called for"."""
    low = line.low
    while index < end and (low[index] in ADVERBS or low[index] in ("has", "have", "had")):
        index += 1
    if index >= end or line.quote[index] >= 0:
        return False
    if low[index] in ("declined", "refused"):
        return True
    found = cue_at(low, index)
    return found is not None and found[0].form in ("past", "third") and not found[0].is_belief and not (
        found[0].is_weak and found[0].lemma != "call"
    )  # fmt: skip


def trim(line: Line, start: int, end: int) -> Range | None:
    """The range without marks at its ends; None if no word is left."""
    while start < end and line.low[start] in EDGE:
        start += 1
    while end > start and line.low[end - 1] in EDGE:
        end -= 1
    return (start, end) if start < end else None


def is_clause_end(line: Line, index: int, end: int) -> bool:
    """Whether only an adjunct of the utterance stands between `index` and the end of the sentence."""
    while index < end and line.low[index] in EDGE and line.quote[index] < 0 and line.low[index] != ",":
        index += 1
    if index >= end:
        return True
    if line.quote[index] >= 0:
        return False
    word = line.low[index]
    if word in ADVERBS or word in VENUES:
        return is_clause_end(line, index + 1, end)
    stop = skip_time(line, index, end)
    if stop > index:
        return is_clause_end(line, stop, end)
    if word in PREPOSITIONS or word in SUBORDINATORS:
        return not any(line.quote[i] >= 0 or line.low[i] in (":", "that") for i in range(index, min(end, index + 40)))
    return False
