"""Noun phrases that name a post: which words make one, what stands before and behind, and whether it is an office."""

import re
from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

import msgspec

from agents.officials.names import word_set
from agents.text.folding import fold_phrase
from schemas.detection import TenureStatus
from schemas.event import Span, Struct


class Strength(Enum):
    """How much a head noun needs beside it to be an office."""

    STRONG = "strong"  # an office by itself
    MEDIUM = "medium"  # an office unless the words beside it point elsewhere
    WEAK = "weak"  # an office only with words of state, armed force or intergovernmental body
    RANK = "rank"  # an attribute of an officer
    REGISTRY = "registry"  # only beside a name of the registry, or as a full title of the registry


_HEADS = {
    Strength.STRONG: """prime minister; foreign minister; foreign secretary; home secretary; defence secretary;
        defense secretary; secretary of state; secretary of defense; secretary of defence; treasury secretary;
        attorney general; solicitor general; surgeon general; chancellor of the exchequer; secretary general;
        national security adviser; national security advisor; supreme leader; crown prince; senator; congressman;
        congresswoman; ambassador; head of state; head of government; commander in chief; chief of army staff;
        chief of the general staff; chief of the defence staff; chief of defence; high representative;
        leader of the opposition; opposition leader; first minister; deputy prime minister; home minister;
        majority leader; minority leader; member of parliament; charge d'affaires; high commissioner""",
    Strength.MEDIUM: """president; vice president; chancellor; vice chancellor; premier; governor; mayor; commander;
        taoiseach; tanaiste; undersecretary; under secretary; emir""",
    Strength.WEAK: """minister; secretary; head; chief; chair; chairman; chairwoman; chairperson; director;
        director general; spokesman; spokeswoman; spokesperson; adviser; advisor; speaker; commissioner; prosecutor;
        envoy; representative; chief of staff; inspector general; attache; whip; general secretary; managing director;
        auditor; judge; justice; magistrate; lawmaker; legislator; official""",
    Strength.RANK: """general; gen; major general; maj gen; brigadier general; brig gen; lieutenant general; lt gen;
        lieutenant-general; major-general; brigadier; field marshal; marshal; air marshal; air chief marshal;
        air vice-marshal; air commodore; admiral; adm; rear admiral; vice admiral; rear adm; vice adm; colonel general;
        colonel; lieutenant colonel; lt col; col; commodore; general of the army""",
}
_STATUS = {
    **dict.fromkeys(
        word_set("""
    former ex then one-time onetime erstwhile past previous ousted deposed sacked disgraced retired exiled
    """),
        TenureStatus.FORMER,
    ),
    "late": TenureStatus.DECEASED,
    "acting": TenureStatus.ACTING,
    "interim": TenureStatus.INTERIM,
    **dict.fromkeys(word_set("incoming designate elect nominee nominated"), TenureStatus.DESIGNATE),
    **dict.fromkeys(
        word_set("""
    self-declared self-proclaimed self-styled disputed rebel would-be
    """),
        TenureStatus.UNKNOWN,
    ),
}
_PLAIN = word_set("""
    current new newly appointed elected incumbent outgoing caretaker longtime long-time serving
    """)
_DEPUTY = word_set("deputy vice assistant associate junior shadow under second")
_ARTICLES = word_set("""
    the a an its their his her our this that another every each some any
    """)
DOMAIN = word_set("""
    foreign home interior defence defense finance health justice education transport energy oil trade labour
    labor treasury exchequer economy economic environment agriculture culture security intelligence external
    affairs police army navy naval military armed force forces air guard guards corps brigade division militia
    paramilitary militias state government governmental ministry minister cabinet parliament parliamentary
    senate senatorial congress congressional house commons lords duma assembly legislature legislative upper
    lower chamber committee presidential presidency federal national nuclear border customs immigration homeland
    revenue council commission un nato eu kremlin pentagon pm prime supreme court prosecution embassy consulate
    mission human rights refugees central reserve monetary exchange emergency disaster counterterrorism
    counter-terrorism coast space election electoral munitions joint chiefs staff general central-bank royal
    ruling republic kingdom emirate federation union-wide civil aviation atomic communications information
    tourism planning housing veterans communist politburo tourism science technology industry commerce
    development migration opposition fleet coastguard gendarmerie regiment squadron battalion garrison secretariat
    """)
_ELSEWHERE = word_set("""
    company firm corporation corp inc ltd plc bank startup club team football soccer cricket rugby basketball
    university college school institute academy tank charity foundation union party campaign association society
    federation-of-labor magazine newspaper news paper church hospital clinic studio film movie band orchestra
    museum theatre theater center centre network forum
    hotel airline retailer brand group agency-network consultancy consulting analyst
    research investment sales marketing creative editorial political-science editor correspondent bureau
    box-office fan fans students student alumni faculty department-store supermarket brewery label league
    marketing programme program candidate victims families residents neighbourhood local volunteer
    """)
_LEAGUES = frozenset(("league",))
"""Bodies of states when they have a secretary general; clubs otherwise."""
_STATE_UNIONS = re.compile(r"\b(?:european union|african union|communist party|state bank|central bank|reserve bank)\b")
_STOP = word_set("""
    who which that said says say has had have is was were are be been will would could should may might must and
    or but after before when while since as if because told added warned tweeted wrote announced according with
    by than where whose here there then until during despite following amid from about over under against into
    alongside arrived spoke met called made took went came gave visited named installed became becomes become remains
    """)
_LINKS = word_set("of for in at on to")
_WORD = re.compile(r"[^\s,;:.!?()\[\]\"“”«»—–]+(?:\.[^\s,;:.!?()\[\]\"“”]+)*\.?")
_BEFORE = re.compile(r"[^\s,;:!?()\[\]\"“”«»—–\n]+")
_SUFFIX = re.compile(r"[- ](elect|designate|nominee|candidate|hopeful|contender|pretender)\b", re.IGNORECASE)
_OTHER_NOUN = re.compile(
    r"[ -](?:manager|counsel|public|elections?|coach|teacher|chef|engineer|editor|executive|officer|financial|"
    r"operating|technology|marketing|scientist|economist|correspondent|designer|investment|creative|medical|photographer|"
    r"store|practitioner|contractor|strike|population|hospital|assembly|office|palace|residence|building|candidates?|"
    r"hopefuls?|election|race|debate|campaign|daughter|son|wife|boys?|girl|man|woman)\b",
    re.IGNORECASE,
)
"""Words that make another noun of a title before them."""
_POSSESSIVE = re.compile(r"['’]s?\b|['’](?=\s)")
_REACH = 90


class Title(NamedTuple):
    """A title of the lexicon. `posts`: ids of registry posts of this name."""

    words: str
    strength: Strength
    posts: tuple[str, ...] = ()


class Phrase(Struct, frozen=True, kw_only=True):
    """A post as the text names it.

    span       from the first word that belongs to the post to the last, articles and status words left out
    whole      with articles and status words
    end        where a name may follow (behind "-elect", a full stop of "Gen.")
    words      folded words of the span, without countries
    apposed    position of the comma before it, when the phrase stands in apposition to what is before the comma
    """

    span: Span
    whole: Span
    end: int
    title: str
    strength: Strength
    words: str
    posts: tuple[str, ...] = ()
    status: TenureStatus | None = None
    jurisdictions: tuple[str, ...] = ()
    organisations: tuple[str, ...] = ()
    apposed: int | None = None
    is_office: bool = False
    is_deputy: bool = False
    is_definite: bool = False
    is_possessive: bool = False
    is_candidate: bool = False
    reasons: tuple[str, ...] = ()


def lexicon() -> dict[str, Strength]:
    """Folded head nouns and how strong each is."""
    found: dict[str, Strength] = {}
    for strength, listed in _HEADS.items():
        for head in listed.split(";"):
            found.setdefault(fold_phrase(head).decode("ascii"), strength)
    return found


class Place(NamedTuple):
    """Where a word for a jurisdiction or an organisation stands."""

    span: Span
    jurisdiction: str
    organisation: str | None


class _Left(NamedTuple):
    start: int
    whole: int
    words: tuple[str, ...]
    strange: tuple[str, ...]
    capitals: int
    places: tuple[Place, ...]
    statuses: tuple[str, ...]
    is_deputy: bool
    is_definite: bool


def phrase(text: str, hit: Span, title: Title, places: dict[int, Place], names_at: frozenset[int]) -> Phrase:
    """The whole noun phrase around a title. `places` by the position where they end; `names_at`: where names start."""
    left = _left(text, hit.start, places)
    if title.strength is Strength.RANK:
        left = left._replace(start=hit.start)
    suffix = _SUFFIX.match(text, hit.end)
    end = suffix.end() if suffix else hit.end
    if text[end : end + 1] == "." and title.strength is Strength.RANK:
        end += 1
    possessive = _POSSESSIVE.match(text, end) is not None
    stop, words, found = (hit.end, (), ()) if possessive or suffix else _complement(text, end, places, names_at)
    inside = (places.get(hit.start + at) for at in range(len(title.words) + 1)) if " " in title.words else ()
    around = (*left.places, *(place for place in inside if place is not None), *found)
    said = (*left.statuses, *((suffix[1].casefold(),) if suffix else ()))
    head = fold_phrase(title.words).decode("ascii")
    is_candidate = suffix is not None and suffix[1].casefold() not in ("elect", "designate", "nominee")
    result = Phrase(
        span=Span(left.start, stop),
        whole=Span(left.whole, stop),
        end=max(end, stop),
        title=head,
        strength=title.strength,
        words=" ".join((*left.words, head, *words)),
        posts=title.posts,
        status=next((_STATUS[word] for word in said if word in _STATUS), None),
        jurisdictions=tuple(dict.fromkeys(p.jurisdiction for p in around)),
        organisations=tuple(dict.fromkeys(p.organisation for p in around if p.organisation)),
        apposed=_comma_before(text, left.whole),
        is_deputy=left.is_deputy or head.startswith(("deputy", "vice ", "under")),
        is_definite=left.is_definite,
        is_possessive=possessive,
        is_candidate=is_candidate,
        reasons=tuple(w for w in said if w in ("caretaker", "outgoing")),
    )
    if is_candidate or _OTHER_NOUN.match(text, hit.end):
        return result
    return _judged(result, left, words, text[hit.start].isupper(), bool(around))


def _judged(found: Phrase, left: _Left, complement: tuple[str, ...], is_upper: bool, has_place: bool) -> Phrase:
    words = (*left.words, *complement)
    around = " ".join(words)
    elsewhere = _ELSEWHERE - _LEAGUES if found.title == "secretary general" else _ELSEWHERE
    is_elsewhere = any(word in elsewhere for word in words) and not _STATE_UNIONS.search(around)
    has_domain = any(word in DOMAIN for word in words)
    match found.strength:
        case Strength.STRONG:
            is_office = not is_elsewhere
        case Strength.RANK:
            is_office = not is_elsewhere and not left.capitals and (is_upper or has_place)
        case Strength.MEDIUM:
            is_known = has_place or has_domain or (not left.strange and not left.capitals and not complement)
            by_place = bool(complement) and found.title in ("governor", "mayor") and not left.strange
            is_office = not is_elsewhere and (is_known or by_place)
        case Strength.WEAK:
            is_office = not is_elsewhere and (has_domain or bool(found.organisations))
        case Strength.REGISTRY:
            is_office = " " in found.title and not is_elsewhere
    return msgspec.structs.replace(found, is_office=is_office)


def _left(text: str, start: int, places: dict[int, Place]) -> _Left:
    """Modifiers before a head noun, right to left, up to an article, a verb, a preposition or punctuation."""
    low = max(0, start - _REACH)
    tokens = list(_BEFORE.finditer(text, low, start))
    if tokens and tokens[0].start() == low and low:
        tokens = tokens[1:]
    at = whole = start
    words: list[str] = []
    strange: list[str] = []
    found: list[Place] = []
    statuses: list[str] = []
    capitals, is_deputy, is_definite = 0, False, False
    for token in reversed(tokens):
        if token.start() >= whole:
            continue
        gap = text[token.end() : whole]
        if gap not in (" ", "", "-") or len(statuses) + len(words) + len(strange) > 7:
            break
        raw = token.group()
        bare = raw.rstrip("-").removesuffix("'s").removesuffix("’s").rstrip("'’")
        word = bare.casefold()
        place = places.get(token.start() + len(bare))
        if place is None and "." in bare[:-1]:
            place = places.get(token.start() + len(bare.rstrip(".")))  # "U.S."
        if place is not None and not found:
            found.append(place)
            at = whole = place.span.start
            continue
        if word in _ARTICLES:
            whole, is_definite = token.start(), word not in ("a", "an", "another", "some", "any")
            break
        if word in _STATUS or word in _PLAIN or word.startswith(("then-", "ex-")):
            status, _, rest = word.partition("-") if word[:3] in ("ex-", "the") and "-" in word else (word, "", "")
            statuses.append(status)
            whole = token.start()
            if rest:
                words.insert(0, rest)
            continue
        if word in _STOP or word in _LINKS or raw.endswith(".") or not word[:1].isalpha():
            break
        if found:
            whole = token.start()  # before the country, only a status word or an article belongs to the phrase
        elif word in _DEPUTY or word in DOMAIN:
            is_deputy |= word in _DEPUTY
            words.insert(0, word)
            at = whole = token.start()
        elif bare[:1].isupper():
            capitals += 1
            words.insert(0, word)
            at = whole = token.start()
        else:
            strange.append(word)
            words.insert(0, word)
            whole = token.start()
        if raw[-2:] in ("'s", "’s"):
            is_definite = True
    return _Left(
        at,
        whole,
        tuple(words),
        tuple(strange),
        capitals,
        tuple(found),
        tuple(statuses),
        is_deputy,
        is_definite or bool(found),
    )


def _complement(
    text: str, end: int, places: dict[int, Place], names_at: frozenset[int]
) -> tuple[int, tuple[str, ...], tuple[Place, ...]]:
    """What follows a head noun: "of the Example Force", up to a verb or punctuation."""
    first = _WORD.match(text, end + 1) if text[end : end + 1] == " " else None
    if first is None or first.group() not in _LINKS:
        return end, (), ()
    words: list[str] = []
    found: list[Place] = []
    stop, at = end, end
    while len(words) < 12 and text[at : at + 1] == " ":
        token = _WORD.match(text, at + 1)
        if token is None or token.start() in names_at or (words and token.group().casefold() in _STOP):
            break
        raw = token.group()
        bare = raw.removesuffix("'s").removesuffix("’s").rstrip(".'’")
        words.append(bare.casefold())
        at = token.end() - (len(raw) - len(raw.rstrip(".")))
        place = places.get(token.start() + len(bare))
        if place is not None:
            found.append(place)
        if bare.casefold() not in _LINKS and bare.casefold() not in _ARTICLES:
            stop = at
        if raw.endswith("."):
            break
    return stop, tuple(words), tuple(found)


def _comma_before(text: str, at: int) -> int | None:
    """Position of the comma that puts what starts at `at` in apposition, or None."""
    if at > 2 and text[at - 2 : at] == ", ":
        return at - 2
    return None


def same_office(one: str, others: Sequence[str]) -> bool:
    """Whether the folded words of a phrase hold all words of one of the titles, or name the same thing."""
    words = frozenset(one.split())
    return any(frozenset(other.split()) - _FILL <= words for other in others)


_FILL = _ARTICLES | _LINKS
