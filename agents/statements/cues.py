"""Cues: the words that say that somebody said something, and whether they are asserted."""

from typing import NamedTuple

from agents.statements.lexicon import ADVERBS, AUXILIARIES, BE, MODALS, NEGATIONS, words


class Cue(NamedTuple):
    """One form of a cue verb.

    form      "past" (said), "third" (says), "base" (say) or "ing" (saying)
    is_weak   has other senses: needs "that", a colon or a quotation beside it
    has_object  a hearer may stand between the verb and the content (told, warned)
    is_transitive  the content may be a plain object (demanded a truce)
    inverts   "...", said X
    """

    lemma: str
    form: str
    is_weak: bool = False
    has_object: bool = False
    is_transitive: bool = False
    inverts: bool = False
    is_belief: bool = False
    is_social: bool = False


_IRREGULAR = {
    "say": ("said", "said"),
    "tell": ("told", "told"),
    "write": ("wrote", "written"),
    "think": ("thought", "thought"),
    "know": ("knew", "known"),
    "feel": ("felt", "felt"),
    "swear": ("swore", "sworn"),
    "hold": ("held", "held"),
    "read": ("read", "read"),
    "find": ("found", "found"),
    "see": ("saw", "seen"),
    "retweet": ("retweeted", "retweeted"),
    "foresee": ("foresaw", "foreseen"),
    "make": ("made", "made"),
    "quip": ("quipped", "quipped"),
    "admit": ("admitted", "admitted"),
    "rebut": ("rebutted", "rebutted"),
    "submit": ("submitted", "submitted"),
    "concur": ("concurred", "concurred"),
    "slam": ("slammed", "slammed"),
    "brag": ("bragged", "bragged"),
    "plan": ("planned", "planned"),
    "blog": ("blogged", "blogged"),
    "rap": ("rapped", "rapped"),
}
# lemma groups by behaviour: w weak, o hearer, t plain object, i inverts, b belief, p social post
_GROUPS = {
    "it": """warn promise vow threaten pledge swear demand recommend propose underline underscore reiterate highlight
        advise""",
    "o": "tell remind inform assure reassure notify urge implore beg advise instruct",
    "oi": "ask",
    "ip": "tweet retweet blog",
    "i": """say add write report note argue explain insist claim state assert declare contend acknowledge admit concede
        confirm conclude observe remark stress emphasize emphasise comment maintain allege reiterate recall recount
        predict complain lament joke quip testify exclaim opine boast brag caution counter reply retort
        respond announce reveal disclose suggest warrant muse reason concur affirm reaffirm profess proclaim
        elaborate clarify opine intone fume""",
    "iw": "radio continue repeat post read answer shout yell cry scream chant whisper mutter offer interject chime",
    "t": """accuse criticize criticise condemn denounce describe dismiss deny reject blame praise hail welcome defend
        blast slam decry deplore mock deride ridicule question dispute rebuff endorse mention cite reference rebut
        refute oppose applaud commend characterize characterise portray label brand liken berate lambast lambaste chide
        rebuke challenge chastise scold tout extol predict outline discuss lambasted caution""",
    "tb": "support favor favour",
    "tw": "charge quote echo",
    "b": """think believe hope fear expect feel suspect doubt worry wish realise realize understand assume
        conclude want intend reckon envision envisage know consider view prefer plan imagine""",
    "w": "indicate signal hint imply learn estimate calculate determine speculate",
}


def _forms(lemma: str) -> dict[str, str]:
    vowels = "aeiou"
    if lemma[-1] == "y" and lemma[-2] not in vowels:
        stem = lemma[:-1]
        third, past, ing = stem + "ies", stem + "ied", lemma + "ing"
    elif lemma[-1] == "e":
        third, past, ing = lemma + "s", lemma + "d", lemma[:-1] + "ing"
    else:
        third = lemma + ("es" if lemma.endswith(("s", "sh", "ch", "x", "z")) else "s")
        past, ing = lemma + "ed", lemma + "ing"
    forms = {third: "third", ing: "ing", lemma: "base"}
    if lemma in _IRREGULAR:
        first, second = _IRREGULAR[lemma]
        if first.endswith(lemma[-1] * 2 + "ed"):
            del forms[ing]
            forms[lemma + lemma[-1] + "ing"] = "ing"
        forms |= {second: "past", first: "past"}
    else:
        forms[past] = "past"
    return forms


def _lexicon() -> dict[str, Cue]:
    out: dict[str, Cue] = {}
    for flags, lemmas in _GROUPS.items():
        for lemma in lemmas.split():
            for word, form in _forms(lemma).items():
                if word in out:
                    continue
                is_noun = form in ("base", "third") and word in _NOUNS
                out[word] = Cue(
                    lemma=lemma,
                    form=form,
                    is_weak="w" in flags or is_noun,
                    has_object="o" in flags or lemma in ("warn", "promise", "advise", "threaten"),
                    is_transitive="t" in flags,
                    inverts="i" in flags,
                    is_belief="b" in flags,
                    is_social="p" in flags,
                )
    return out


_NOUNS = words(
    """claim claims report reports comment comments note notes state states address addresses charge charges demand
    demands promise promises pledge pledges vow vows threat attack attacks question questions answer answers reply
    replies post posts tweet tweets call calls release releases issue issues offer offers hope hopes fear fears view
    views plan plans thought doubt worry worries wish quote quotes reference references mention mentions praise blame
    support supports highlight highlights counter reason reasons remark remarks swear complaint joke jokes wants brand
    brands label labels challenge challenges signal signals hint hints estimate estimates read reads cry add warrant
    hail rebuke recall blogs blog echo echoes dispute disputes favor favors favour boast caution champion dismiss
    """
)
CUES: dict[str, Cue] = _lexicon()
"""Lower-cased word -> cue. "call", "point" and "according" are phrases: see `phrase_at`."""

_CALL_PARTICLES = words("for on upon")
_CALLS = {"called": "past", "calls": "third", "call": "base", "calling": "ing"}
_POINTS = {"pointed": "past", "points": "third", "point": "base", "pointing": "ing"}
_REFERS = {"referred": "past", "refers": "third", "referring": "ing", "spoke": "past", "talked": "past",
           "speaking": "ing", "talking": "ing", "alluded": "past"}  # fmt: skip
_ADDRESSES = words("spoke talked speaking talking")
_NOT_ADVERBS = words("family italy july assembly ally anomaly monopoly")
PHRASE_HEADS = frozenset({*_CALLS, *_POINTS, *_REFERS, "according", "quoted", "issued", "made", "put"})

# Verbs that make a following "to say" real.
REAL_BEFORE_TO = words("went goes going continued continues began begins proceeded quoted rushed took used return")
_UNREAL_HEADS = words("if unless whether whenever whoever should")


def cue_at(low: list[str], index: int) -> tuple[Cue, int] | None:
    """The cue that starts with this token and one past its last token, or None."""
    word = low[index]
    cue = CUES.get(word)
    following = low[index + 1] if index + 1 < len(low) else ""
    if cue is not None:
        if cue.lemma == "respond" and following in ("to", "by", "with"):
            return None if following == "to" else (cue._replace(is_transitive=True), index + 2)
        return cue, index + 1
    if word in _CALLS:
        if following in _CALL_PARTICLES:
            return Cue("call for", _CALLS[word], is_transitive=True), index + 2
        return Cue("call", _CALLS[word], is_weak=True, is_transitive=True), index + 1
    if word in _POINTS:
        if following == "out":
            return Cue("point out", _POINTS[word], inverts=True), index + 2
        return (Cue("point to", _POINTS[word], is_transitive=True), index + 2) if following == "to" else None
    if word in _REFERS and following in ("to", "of", "about") and not (following == "to" and word in _ADDRESSES):
        return Cue("speak of", _REFERS[word], is_transitive=True), index + 2
    if word == "put" and following == "it":
        return Cue("put it", "past", is_weak=True), index + 2
    return None


def verb_phrase_start(low: list[str], index: int, floor: int) -> int:
    """The first auxiliary or adverb of the verb group that ends at `index`."""
    start = index
    while start > floor and (
        low[start - 1] in AUXILIARIES or low[start - 1] in ADVERBS or low[start - 1] in NEGATIONS
        or (low[start - 1].endswith("ly") and len(low[start - 1]) > 4 and low[start - 1] not in _NOT_ADVERBS)
    ):  # fmt: skip
        start -= 1
    return start


def is_realised(low: list[str], start: int, index: int, cue: Cue, floor: int) -> bool:
    """Whether the verb group low[start..index] presents the saying as done.

    Refused, expected, conditional, future and negated speech is none: "is expected to say", "did not say", "would say".
    """
    before = low[start - 1] if start > floor else ""
    if start < index:
        group = low[start:index]
        if not NEGATIONS.isdisjoint(group):
            return False
        if not MODALS.isdisjoint(group):
            return group[-1] == "can" and cue.lemma in ("reveal", "report", "confirm", "disclose")
        if cue.form == "past" and not BE.isdisjoint(group):
            return False  # passive: "was told", "has been urged"
    if cue.form == "ing":
        return before not in ("of", "for", "from", "without", "about", "against", "before", "despite")
    if cue.form == "base":
        return bool(before) and before not in ("a", "an", "the", "to", "not", "let", "'s")
    return True


def is_hypothetical(low: list[str], subject: int, floor: int) -> bool:
    """Whether the clause of this subject hangs on "if", "unless", "whether", "had she" or "what she"."""
    if subject == floor + 1 and low[floor] in ("had", "were", "what", "whatever"):
        return True
    return not _UNREAL_HEADS.isdisjoint(low[max(floor, subject - 2) : subject])
