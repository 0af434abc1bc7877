"""One filter against one alert: the definition of truth, and the answer to "why" and "why not"."""

from collections.abc import Iterator
from typing import NamedTuple

from agents.routing.view import FACETS, View, key, keyword, post_key
from agents.text.folding import fold
from schemas.alert import Alert
from schemas.event import Span
from schemas.routing import Hit, Reason
from schemas.subscription import Filter

_HITS = 16
"""Most places an explanation names."""

_WHO = ("speakers", "officials")
_PLAIN_FACETS = tuple(name for name in FACETS if name not in _WHO)


class Verdict(NamedTuple):
    """Whether the alert is wanted; if not, the first condition that failed and its closed reason."""

    is_match: bool
    reason: Reason | None = None
    condition: str | None = None
    hits: tuple[Hit, ...] = ()


def match(filter: Filter, alert: Alert | View) -> Verdict:
    """Whether the filter wants the alert, with what matched or the first condition that did not.

    Conditions that only withhold what would match otherwise come last: a speaker who could not be named, a person who
    could not be told from a namesake, and, at the very end, severity.
    """
    view = alert if isinstance(alert, View) else View(alert)
    failed = _first_failure(filter, view)
    if failed is not None:
        return Verdict(False, *failed)
    return Verdict(True, hits=tuple(hits(filter, view)))


def wanted_values(filter: Filter, facet: str) -> frozenset[str]:
    """Values of one condition as the view spells them."""
    values = getattr(filter, facet)
    match facet:
        case "speakers" | "on_behalf_of":
            return frozenset(map(key, values))
        case "posts":
            return frozenset(map(post_key, values))
    return frozenset(map(str, values))


def _first_failure(filter: Filter, view: View) -> tuple[Reason, str] | None:
    kind = view.alert.type
    if filter.families and kind.family not in filter.families:
        return Reason.NO_MATCH, "families"
    if filter.types and kind not in filter.types:
        return Reason.NO_MATCH, "types"
    for facet in _PLAIN_FACETS:
        if getattr(filter, facet) and not wanted_values(filter, facet) & view.facets[facet]:
            return Reason.NO_MATCH, facet
    if filter.keywords_any and not any(keyword(word).is_in(view) for word in filter.keywords_any):
        return Reason.NO_MATCH, "keywords_any"
    if not all(keyword(word).is_in(view) for word in filter.keywords_all):
        return Reason.NO_MATCH, "keywords_all"
    if any(keyword(word).is_in(view) for word in filter.keywords_none):
        return Reason.NO_MATCH, "keywords_none"
    for facet in _WHO:
        failed = _who_failure(filter, view, facet)
        if failed is not None:
            return failed
    if view.is_unresolved and filter.has_unresolved is False:
        return Reason.UNRESOLVED_SPEAKER, "has_unresolved"
    if view.severity < filter.severity:
        return Reason.BELOW_SEVERITY, "severity"
    return None


def _who_failure(filter: Filter, view: View, facet: str) -> tuple[Reason, str] | None:
    if not getattr(filter, facet) or (view.is_unresolved and filter.has_unresolved):
        return None
    wanted = wanted_values(filter, facet)
    if any(_has_role(filter, view, who) for who in wanted & view.facets[facet]):
        return None
    if facet == "officials" and wanted & view.candidates:
        return Reason.AMBIGUOUS_PERSON, facet
    return (Reason.UNRESOLVED_SPEAKER if view.is_unresolved else Reason.NO_MATCH), facet


def _has_role(filter: Filter, view: View, who: str) -> bool:
    """Whether a person of a hearsay statement stands where the filter wants persons."""
    if not view.is_hearsay:
        return True
    role = view.roles.get(key(who), "speaker")
    return ("via" if role == "via" else "speaker") in filter.hearsay


def hits(filter: Filter, view: View) -> Iterator[Hit]:
    """What of a matching alert the filter asked for."""
    for facet in FACETS:
        if not getattr(filter, facet):
            continue
        for value in sorted(wanted_values(filter, facet) & view.facets[facet]):
            role = view.roles.get(key(value)) if facet in _WHO else None
            if facet in _WHO and not _has_role(filter, view, value):
                continue
            shown = role if view.is_hearsay or role == "on_behalf_of" else None
            yield Hit(condition=facet, value=value, role=shown)
    left = _HITS
    for condition, words in (("keywords_any", filter.keywords_any), ("keywords_all", filter.keywords_all)):
        for word in words:
            for where, span in _places(view, word) if left > 0 and keyword(word).is_in(view) else ():
                yield Hit(condition=condition, value=word, where=where, span=span)
                left -= 1


def _places(view: View, word: str) -> Iterator[tuple[str, Span | None]]:
    """The first place of a keyword in each text. Beyond Latin letters only a verbatim place is known."""
    found = keyword(word)
    for where, text, offset in view.texts:
        if not found.is_latin:
            at = text.find(word)
            if at >= 0:
                yield where, Span(at, at + len(word)).shift(offset)
            continue
        folded = fold(text)
        for pattern in found.patterns:
            at = folded.data.find(f" {pattern} ".encode("ascii"))
            if at >= 0:
                yield where, folded.span(at + 1, at + 1 + len(pattern)).shift(offset)
                break
