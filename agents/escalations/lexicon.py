"""Concepts, rules and ladders as data: the types, and how TOML becomes them."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from agents.escalations.rules import Expression, Or, RuleError, Term, parse, unfold
from schemas.detection import Channel

SHIPPED = ("security.toml", "disaster.toml")
MAX_LEVEL = 5


@dataclass(frozen=True, slots=True)
class Rule:
    """One concept: what is looked for in a sentence, and what it weighs.

    level      0..5, see schemas.event.Severity; 0 for de-escalators
    weight     per mille; negative for de-escalators
    expression None where `weighted` decides: per-mille weights of patterns whose sum must reach `threshold`
    exclude    phrases in which a term does not count
    sections   kinds of segment in which the rule looks; empty for all
    scope      "global", "source:NAME", "story:ID" or "desk:NAME"
    is_companion  adds to a ladder that other terms have started, and never starts it ("injured", "evacuated")
    positive, negative  sentences in which the rule must and must not find its concept, at least one each
    path       where the rule stands, for messages
    """

    id: str
    ladder: str
    level: int
    channel: Channel
    weight: int
    expression: Expression | None = None
    weighted: tuple[tuple[str, int], ...] = ()
    threshold: int = 0
    exclude: tuple[str, ...] = ()
    sections: frozenset[str] = frozenset()
    scope: str = "global"
    positive: tuple[str, ...] = ()
    negative: tuple[str, ...] = ()
    version: int = 1
    is_companion: bool = False
    path: str = ""


@dataclass(frozen=True, slots=True)
class Level:
    """A rung: reached when decayed evidence is at least `threshold` (per mille)."""

    level: int
    name: str
    threshold: int


@dataclass(frozen=True, slots=True)
class Ladder:
    """Levels of one subject and how they rise and fall.

    half_life_s   seconds in which evidence halves
    quiet_s       seconds below half of the threshold after which the episode ends
    support       distinct entries a level needs, unless one alone suffices (see ladder.py)
    deescalation  per mille of explicit de-escalator evidence that ends the episode
    """

    id: str
    levels: tuple[Level, ...]
    half_life_s: int = 21600
    quiet_s: int = 21600
    support: int = 2
    deescalation: int = 1000

    def at(self, level: int) -> Level | None:
        """The rung of this number, if the ladder has it."""
        return next((rung for rung in self.levels if rung.level == level), None)


_RULE_KEYS = frozenset(
    (
        *("id", "version", "ladder", "level", "channel", "weight", "terms", "when", "weighted", "threshold"),
        *("exclude", "sections", "scope", "positive", "negative", "is_companion"),
    )
)


def load_rules(source: str, name: str, *, ladder: str = "") -> tuple[Rule, ...]:
    """Rules from the text of a TOML file with `[[concept]]` tables. Raises RuleError, naming the path of the fault.

    name    file name, for messages
    ladder  ladder of concepts that name none
    """
    table = _toml(source, name)
    concepts = table.get("concept", [])
    if not isinstance(concepts, list):
        raise RuleError(f"{name}: concept: expected [[concept]] tables, found {type(concepts).__name__}")
    return tuple(_rule(concept, f"{name}: concept[{at}]", ladder) for at, concept in enumerate(concepts))


def load_ladders(source: str, name: str) -> tuple[Ladder, ...]:
    """Ladders from the text of a TOML file with `[[ladder]]` tables. Raises RuleError."""
    ladders = []
    for at, raw in enumerate(_toml(source, name).get("ladder", [])):
        path = f"{name}: ladder[{at}]"
        levels = tuple(_level(level, f"{path}.levels[{n}]") for n, level in enumerate(raw.get("levels", [])))
        ladders.append(
            Ladder(
                id=_string(raw, "id", path),
                levels=tuple(sorted(levels, key=lambda rung: rung.level)),
                half_life_s=_whole(raw, "half_life_s", path, 21600, least=60),
                quiet_s=_whole(raw, "quiet_s", path, 21600, least=60),
                support=_whole(raw, "support", path, 2, least=1),
                deescalation=_whole(raw, "deescalation", path, 1000, least=1),
            )
        )
    return tuple(ladders)


@lru_cache(maxsize=1)
def shipped() -> tuple[tuple[Rule, ...], tuple[Ladder, ...]]:
    """The rules and ladders that come with the package."""
    package = files(__package__)
    ladders = load_ladders((package / "ladders.toml").read_text("utf-8"), "ladders.toml")
    rules = [
        rule
        for name in SHIPPED
        for rule in load_rules((package / name).read_text("utf-8"), name, ladder=name.removesuffix(".toml"))
    ]
    return tuple(rules), ladders


def _toml(source: str, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        raise RuleError(f"{name}: {error}") from None


def _level(raw: object, path: str) -> Level:
    if not isinstance(raw, dict):
        raise RuleError(f"{path}: expected a table, found {type(raw).__name__}")
    number = _whole(raw, "level", path, None, least=1, most=MAX_LEVEL)
    return Level(number, _string(raw, "name", path), _whole(raw, "threshold", path, None, least=1))


def _rule(raw: Mapping[str, Any], path: str, ladder: str) -> Rule:
    path = f"{path} {raw['id']}" if isinstance(raw.get("id"), str) else path
    unknown = sorted(set(raw) - _RULE_KEYS)
    if unknown:
        raise RuleError(f"{path}: {unknown[0]}: expected one of {', '.join(sorted(_RULE_KEYS))}, found an unknown key")
    if sum(key in raw for key in ("terms", "when", "weighted")) != 1:
        raise RuleError(f"{path}: expected exactly one of terms, when and weighted")
    weighted: tuple[tuple[str, int], ...] = ()
    expression: Expression | None = None
    if "terms" in raw:
        expression = Or(tuple(Term(term) for term in _strings(raw, "terms", path)))
    elif "when" in raw:
        expression = parse(_string(raw, "when", path), f"{path}: when")
    else:
        table = raw["weighted"] if isinstance(raw["weighted"], dict) else {}
        weighted = tuple((term, _whole(table, term, f"{path}: weighted", None)) for term in table)
    channel = _string(raw, "channel", path)
    if channel not in set(Channel):
        raise RuleError(f'{path}: channel: expected rhetoric or action, found "{channel}"')
    return Rule(
        id=_string(raw, "id", path),
        version=_whole(raw, "version", path, 1, least=1),
        ladder=_string(raw, "ladder", path) if "ladder" in raw else ladder,
        level=_whole(raw, "level", path, None, least=0, most=MAX_LEVEL),
        channel=Channel(channel),
        weight=_whole(raw, "weight", path, 1000, least=-10000, most=10000),
        expression=expression,
        weighted=weighted,
        threshold=_whole(raw, "threshold", path, 0),
        exclude=tuple(form for text in _strings(raw, "exclude", path) for form in unfold(text, f"{path}: exclude")),
        sections=frozenset(_strings(raw, "sections", path)),
        scope=_string(raw, "scope", path) if "scope" in raw else "global",
        is_companion=raw.get("is_companion") is True,
        positive=_strings(raw, "positive", path),
        negative=_strings(raw, "negative", path),
        path=path,
    )


def _string(raw: Mapping[str, Any], key: str, path: str) -> str:
    value = raw.get(key)
    if not isinstance(value, str) or not value.strip():
        raise RuleError(f"{path}: {key}: expected a text, found {value!r}")
    return value


def _strings(raw: Mapping[str, Any], key: str, path: str) -> tuple[str, ...]:
    value = raw.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise RuleError(f"{path}: {key}: expected a list of texts, found {value!r}")
    return tuple(value)


def _whole(
    raw: Mapping[str, Any], key: str, path: str, default: int | None, *, least: int = -(10**9), most: int = 10**9
) -> int:
    value = raw.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise RuleError(f"{path}: {key}: expected a whole number from {least} to {most}, found {value!r}")
    return value
