"""Who spoke, reduced to what tells two speakers apart."""

from functools import lru_cache

from agents.text.folding import fold_phrase
from agents.text.normal import normal
from schemas.detection import Attribution, Speaker, SpeakerType, Statement
from schemas.event import Struct

TITLES = frozenset(
    """mr mrs ms miss mx dr prof professor sir dame lord lady baroness baron rev reverend president vice prime minister
    chancellor premier secretary senator sen rep representative congressman congresswoman governor gov mayor judge
    justice ambassador general gen colonel col major maj captain capt lieutenant lt admiral adm brigadier brig sergeant
    sgt commander cmdr sheikh ayatollah hojatoleslam king queen prince princess pope cardinal archbishop bishop the
    former acting deputy foreign defence defense interior state""".split()
)
"""Words in front of a name that are no part of it."""

_COUNTS = frozenset("a an the one another this that some two three four five six several many other".split())
_RANKS = frozenset(
    """senior top high ranking level leading key prominent second third unnamed unidentified anonymous veteran
    well placed informed""".split()
)
_ENDS_DESCRIPTOR = frozenset(
    """who whom whose which that speaking requesting asking insisting granted briefed familiar because citing
    not was were is are on with""".split()
)
_BINDS = frozenset("of in at from for within inside close near to and".split())

_SUFFIXES = frozenset(("jr", "sr", "ii", "iii", "iv"))
UNRESOLVED = "unresolved"


class Voice(Struct, frozen=True, kw_only=True, array_like=True, omit_defaults=True):
    """A speaker as it is compared. Keys are folded names without titles.

    type  None where the text does not tell who spoke
    """

    type: SpeakerType | None
    key: str
    role: str = ""
    behalf: str = ""
    handle: str = ""
    joint: tuple[str, ...] = ()

    @property
    def is_named(self) -> bool:
        """Whether this is one certain person, post or organisation."""
        return self.type is not None and self.type is not SpeakerType.UNNAMED


@lru_cache(maxsize=8192)
def name_key(name: str) -> str:
    """Folded name without titles in front; what folds to nothing (other scripts) keeps its normal form.

    >>> name_key("Gen. Ámos Vell"), name_key("The President")
    ('amos vell', 'the president')
    """
    words = fold_phrase(name).decode("ascii").split()
    start = 0
    while start < len(words) - 1 and words[start] in TITLES:
        start += 1
    kept = words[start:]
    if len(kept) == 1 and kept[0] in TITLES:  # a post without a name
        kept = words
    return " ".join(kept) or normal(name)


def voice(statement: Statement) -> Voice:
    """The voice of a statement; a pronoun that found no antecedent is nobody."""
    speaker = statement.speaker
    if speaker is None or statement.attribution is Attribution.UNRESOLVED:
        return Voice(type=None, key="")
    key = _key(speaker)
    return Voice(
        type=speaker.type if key else None,
        key=key,
        role=normal(speaker.role) if speaker.role else "",
        behalf=name_key(statement.on_behalf_of) if statement.on_behalf_of else "",
        handle=(speaker.handle or "").lstrip("@").casefold(),
        joint=tuple(_key(other) for other in statement.joint),
    )


def _key(speaker: Speaker) -> str:
    if speaker.type is SpeakerType.UNNAMED:
        return normal(speaker.name)
    return name_key(speaker.name)


def speaker_key(who: Voice) -> str:
    """The speaker's part of a statement id."""
    if who.type is None:
        return UNRESOLVED
    if who.type is SpeakerType.UNNAMED:
        return f"unnamed:{who.key}"
    return who.key


def compatible(one: Voice, other: Voice) -> bool:
    """Whether both can be the same source: equal, one speaks for the other, or one is unknown.

    Unnamed sources are one only where their descriptors do not contradict, see `same_descriptor`.
    """
    if one.type is None or other.type is None:
        return True
    if one.type is SpeakerType.UNNAMED or other.type is SpeakerType.UNNAMED:
        return one.type is other.type and _may_describe_one(one.key, other.key)
    if one.key == other.key or (one.handle and one.handle == other.handle):
        return True
    if _same_name(one.key, other.key):
        return True
    if one.joint or other.joint:
        for left in (one.key, *one.joint):
            for right in (other.key, *other.joint):
                if _same_name(left, right):
                    return True
    if one.behalf or other.behalf:
        mine, theirs = one.behalf or one.key, other.behalf or other.key
        return _same_name(mine, theirs)
    return _holds(one, other) or _holds(other, one)


def same_descriptor(one: Voice, other: Voice) -> bool:
    """Whether two unnamed sources are described alike; True for all other sources.

    "A senior official" and "an official who asked not to be named" are not alike, though they may be one: then only
    equal words make one statement.
    """
    if not one.type is other.type is SpeakerType.UNNAMED:
        return True
    return one.key == other.key or _described(one.key) == _described(other.key)


def _may_describe_one(one: str, other: str) -> bool:
    """The same kind of source, one or several, and no other affiliation: one descriptor may tell less."""
    if one == other:
        return True
    (head, is_several, first), (other_head, are_several, second) = _described(one), _described(other)
    return head == other_head and is_several == are_several and (not first or not second or first == second)


@lru_cache(maxsize=4096)
def _described(descriptor: str) -> tuple[str, bool, frozenset[str]]:
    """What a descriptor says: the kind of source, whether it is several, and with whom it is affiliated.

    Articles, counts, rank and what is told of the source's wishes are left out.

    >>> _described("a senior kestrian official who was not authorised to speak")
    ('ofacal', False, frozenset({'kastran'}))
    """
    words = descriptor.split()
    cut = next((i for i, word in enumerate(words) if i and word in _ENDS_DESCRIPTOR), len(words))
    bound = next((i for i, word in enumerate(words[:cut]) if i and word in _BINDS), cut)
    if bound == 0:
        return "", False, frozenset()
    head = words[bound - 1]
    is_several = head.endswith("s") and not head.endswith("ss")
    rest = (*words[: bound - 1], *words[bound:cut])
    kept = (word for word in rest if word not in _COUNTS and word not in _RANKS and word not in _BINDS)
    return sound(head.removesuffix("s") if is_several else head), is_several, frozenset(map(sound, kept))


def _holds(person: Voice, post: Voice) -> bool:
    """A person and a post: one source where the person's role is that post, or is not given."""
    if person.type is not SpeakerType.PERSON or post.type is not SpeakerType.POST:
        return False
    role, wanted = set(person.role.split()) - {"the"}, set(post.key.split()) - {"the"}
    return not role or wanted <= role or role <= wanted


@lru_cache(maxsize=16384)
def _same_name(one: str, other: str) -> bool:
    """Equal names; a surname alone agrees with the full name; given names agree in full or by initial."""
    if not one or not other:
        return False
    if one == other:
        return True
    left, right = one.split(), other.split()
    if (left[-1] in _SUFFIXES or right[-1] in _SUFFIXES) and left[-1] != right[-1]:
        return False
    if sound(left[-1]) != sound(right[-1]):
        return False
    if len(left) == 1 or len(right) == 1:
        return True
    first, second = left[0], right[0]
    if len(first) == 1 or len(second) == 1:
        return first[0] == second[0]
    return sound(first) == sound(second)


_CLASSES = (("gh", "k"), ("kh", "k"), ("ck", "k"), ("q", "k"), ("w", "v"), ("ou", "o"), ("u", "o"))
_VOWELS = str.maketrans("eiy", "aaa")


@lru_cache(maxsize=8192)
def sound(word: str) -> str:
    """One spelling for the transliterations of a name: consonant and vowel classes, doubled letters collapsed.

    >>> sound("qasem") == sound("ghassem"), sound("austria") == sound("australia")
    (True, False)
    """
    for pattern, replacement in _CLASSES:
        word = word.replace(pattern, replacement)
    word = word.translate(_VOWELS)
    return "".join(char for i, char in enumerate(word) if i == 0 or char != word[i - 1])
