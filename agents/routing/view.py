"""An alert as filters and matchers see it: its values by condition, its words, its labels."""

from collections.abc import Iterable, Iterator
from functools import cached_property, lru_cache

from agents.text.folding import fold, fold_phrase
from agents.text.normal import normal
from schemas.alert import Alert, AlertData, AlertType, OfficialFacts, StatementFacts
from schemas.detection import Attribution, MatchStatus, Speaker
from schemas.subscription import HearsayRole

FACETS = (
    "stories",
    "sources",
    "languages",
    "novelty",
    "statement_kinds",
    "ladders",
    "channels",
    "levels",
    "posts",
    "on_behalf_of",
    "speakers",
    "officials",
)
"""Conditions that ask for one of several values."""

BITS = {kind: 1 << n for n, kind in enumerate(AlertType)}
"""One bit for each alert type."""

_APART = " | "
"""Between texts; no folded text has this character, so that no phrase runs from one into the next."""
_ARTICLES = frozenset(("a", "an", "the"))


@lru_cache(maxsize=65536)
def key(name: str) -> str:
    """Names, posts and ids compare by this: folded, or casefolded where nothing Latin is in them."""
    return fold_phrase(name).decode("ascii") or " ".join(name.casefold().split())


@lru_cache(maxsize=65536)
def post_key(post: str) -> str:
    """A post without its article: "the harbour minister" and "Harbour Minister" are one."""
    first, _, rest = key(post).partition(" ")
    return rest if rest and first in _ARTICLES else key(post)


class View:
    """One alert, read once. Facets are sets of keys by condition; `latin` and `plain` are its words.

    latin  folded texts, single characters of which stand for one of the original
    plain  normalised texts, where one has letters that folding does not know; else empty
    roles  of persons in hearsay, by key
    """

    def __init__(self, alert: Alert) -> None:
        data = alert.data
        self.alert = alert
        self.severity = int(alert.severitynumber)
        self.bit = BITS[alert.type]
        self.candidates: frozenset[str] = frozenset()
        self.is_unresolved = False
        self.is_hearsay = False
        self.roles: dict[str, str] = {}
        facets: dict[str, set[str]] = {name: set() for name in FACETS}
        facets["stories"].add(alert.story)
        facets["sources"].update(one.source for one in data.evidence)
        # Evidence does not tell its language yet; where it does, it counts.
        facets["languages"].update(filter(None, (getattr(one, "language", None) for one in data.evidence)))
        if data.statement is not None:
            self._statement(data.statement, facets)
        if data.escalation is not None:
            facets["ladders"].add(data.escalation.ladder)
            facets["channels"].add(data.escalation.channel)
            facets["levels"].add(str(data.escalation.to_level))
        if data.official is not None:
            self._official(data.official, facets)
        self.facets = {name: frozenset(values) for name, values in facets.items()}

    def _statement(self, facts: StatementFacts, facets: dict[str, set[str]]) -> None:
        facets["novelty"].add(facts.novelty.value)
        facets["statement_kinds"].add(facts.kind.value)
        self.is_hearsay = facts.is_hearsay
        self.is_unresolved = facts.speaker is None or facts.attribution == Attribution.UNRESOLVED.value
        if facts.on_behalf_of:
            facets["on_behalf_of"].add(key(facts.on_behalf_of))
            facets["speakers"].add(key(facts.on_behalf_of))
            self.roles[key(facts.on_behalf_of)] = "on_behalf_of"
        if facts.is_hearsay:
            tellers = [key(via.name) for via in facts.via if via.type != "media"]
            facets["speakers"].update(tellers)
            self.roles.update(dict.fromkeys(tellers, HearsayRole.VIA.value))
        for speaker in () if self.is_unresolved else (facts.speaker, *facts.joint):
            if speaker is None:
                continue
            names = {key(name) for name in _names(speaker)}
            facets["speakers"].update(names)
            self.roles.update(dict.fromkeys(names, HearsayRole.SPEAKER.value))
            if speaker.person_id:
                facets["officials"].add(speaker.person_id)
            if speaker.role:
                facets["posts"].add(post_key(speaker.role))

    def _official(self, facts: OfficialFacts, facets: dict[str, set[str]]) -> None:
        mention, change = facts.mention, facts.change
        if mention is not None:
            if mention.match is MatchStatus.MATCHED and mention.person_id:
                facets["officials"].add(mention.person_id)
            if mention.match is MatchStatus.AMBIGUOUS:
                self.candidates = frozenset(mention.candidates)
            if mention.post:
                facets["posts"].add(post_key(mention.post))
        if change is not None:
            facets["officials"].update(who.id for who in (change.incoming, change.outgoing) if who and who.id)
            facets["posts"].update(post_key(post) for post in (change.post, change.post_id) if post)

    @cached_property
    def texts(self) -> tuple[tuple[str, str, int], ...]:
        """Name, text and what to add to its offsets, of every text that keywords are looked for in."""
        return tuple(_texts(self.alert.data))

    @cached_property
    def latin(self) -> str:
        """All texts folded, each with a space at both ends."""
        return _APART.join(fold(text).data.decode("ascii") for _, text, _ in self.texts)

    @cached_property
    def plain(self) -> str:
        """All texts normalised, if any has more than ASCII."""
        if all(text.isascii() for _, text, _ in self.texts):
            return ""
        return _APART.join(f" {normal(text)} " for _, text, _ in self.texts)

    @cached_property
    def labels(self) -> dict[str, tuple[str, ...]]:
        """Labels that matchers and groups compare; several values where the alert has several."""
        data = self.alert.data
        _, family, what, _ = self.alert.type.value.split(".")
        found: dict[str, Iterable[str]] = {
            "type": (f"{family}.{what}", self.alert.type.value),
            "family": (family,),
            "story": (self.alert.story,),
            "source": self.facets["sources"],
            "language": self.facets["languages"],
            "novelty": self.facets["novelty"],
            "kind": self.facets["statement_kinds"],
            "ladder": self.facets["ladders"],
            "channel": self.facets["channels"],
            "level": self.facets["levels"],
            "severity": (self.alert.severitynumber.name, str(self.severity)),
            "status": (data.status.value,),
            "entry": {one.entry for one in data.evidence},
            "person": {*self.facets["officials"], *self.facets["speakers"]},
        }
        if data.statement is not None:
            facts = data.statement
            people = () if self.is_unresolved else (facts.speaker, *facts.joint)
            spoken = [name for who in people if who is not None for name in _names(who)]
            found["speaker"] = {*spoken, *(key(name) for name in spoken)}
            found["on_behalf_of"] = {facts.on_behalf_of, key(facts.on_behalf_of)} if facts.on_behalf_of else ()
            found["post"] = (who.role for who in people if who is not None and who.role)
        if data.official is not None:
            mention, change = data.official.mention, data.official.change
            names = [mention.name] if mention and mention.match is MatchStatus.MATCHED else []
            names += [who.name for who in (change.incoming, change.outgoing) if who] if change else []
            found["person"] = {*self.facets["officials"], *(key(name) for name in names)}
            posts = {mention.post if mention else None, *((change.post, change.post_id) if change else ())}
            found["post"] = filter(None, posts)
            found["jurisdiction"] = (mention.jurisdiction,) if mention and mention.jurisdiction else ()
        labels = {name: tuple(sorted(set(values))) for name, values in found.items()}
        return {name: values for name, values in labels.items() if values}


def _names(speaker: Speaker) -> Iterator[str]:
    yield speaker.name
    if speaker.person_id:
        yield speaker.person_id
    if speaker.handle:
        yield speaker.handle


def _texts(data: AlertData) -> Iterator[tuple[str, str, int]]:
    yield "headline", data.headline, 0
    if data.statement is not None:
        yield "statement", data.statement.text, 0
    for n, one in enumerate(data.evidence):
        yield f"evidence[{n}]", one.exact, one.start


class Keyword:
    """A word or phrase, as it stands in `View.latin` or `View.plain`.

    patterns   spellings without the spaces at the ends; empty where nothing but punctuation was given
    is_latin   which of the two texts it is looked for in
    """

    __slots__ = ("is_latin", "patterns")

    def __init__(self, text: str) -> None:
        self.is_latin = not any(char.isalnum() and not fold_phrase(char) for char in text if not char.isascii())
        if self.is_latin:
            spelt = fold(text).data.strip().decode("ascii")
            # Punctuation inside a phrase folds to two spaces; texts have it with and without.
            found = {spelt: None, " ".join(spelt.split()): None}
        else:
            found = {normal(text): None}
        self.patterns = tuple(pattern for pattern in found if pattern)

    def is_in(self, view: View) -> bool:
        """Whether a text of the alert has it."""
        text = view.latin if self.is_latin else view.plain
        return any(f" {pattern} " in text for pattern in self.patterns)


@lru_cache(maxsize=65536)
def keyword(text: str) -> Keyword:
    """The keyword, folded once."""
    return Keyword(text)
