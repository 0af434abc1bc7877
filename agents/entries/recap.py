"""Posts that say again what earlier ones said."""

from collections.abc import Set

from agents.entries.draft import Draft
from agents.text.caseless import Caseless
from schemas.article import SegmentKind

_CUE = Caseless(
    r"\W{0,3}(?:here(?:['’]s| is| are)\s+)?(?:a |the |our |an? \w+ )?"
    r"(?:what we know(?: so far| about)?\b|what we(?:['’]ve| have) learn(?:ed|t)|what you (?:need to know|"
    r"may have missed|might have missed)|"
    r"key (?:events|points|developments|moments|takeaways|facts)|(?:latest|main|recent) developments|"
    r"the story so far|as it stands|"
    r"(?:(?:quick|brief|short|evening|morning|afternoon|midday|lunchtime|closing|early|late|interim|overnight|"
    r"daily|latest|final|live|end-of-day|what we know) )*"
    r"(?:summary|recap|round-?up|summing up|sum-up)\b|to (?:recap|sum up|summari[sz]e)\b|in case you missed it\b|"
    r"in case you(?:['’]re| are) just joining|"
    r"if you(?:['’]re| are) just joining|(?:today|tonight|yesterday)['’]s (?:key|main|top) |where (?:things|"
    r"we) stand|at a glance|"
    r"(?:a )?(?:look back|reminder of) (?:at |the |what )|(?:let['’]s|time to|we(?:['’]ll| will)) (?:recap|sum up|"
    r"summari[sz]e|round up)|"
    r"(?:a |the )?(?:timeline|chronology|day in review))",
)
_CUE_INSIDE = Caseless(
    r"\b(?:here(?:['’]s| is| are) (?:a |the |our |what )?(?:\w+ ){0,3}(?:summary|recap|round-?up|"
    r"we know(?: so far)?|latest developments|key (?:points|events|developments))|"
    r"summary of (?:the |today|what|events|where)|recap of (?:the|what|today)|to (?:recap|summari[sz]e):)",
)
_LINE = 160
_LONG = 300
_SHARE = 60


def has_recap_cue(draft: Draft) -> bool:
    """Whether the source or the first lines call it a summary."""
    if draft.role == "head":
        return False
    if draft.is_summary:
        return True
    for paragraph in draft.paragraphs[:2]:
        text = paragraph.text.replace(" 's", "'s").replace(" ’s", "’s")  # as tokenised sources spell it
        is_title = paragraph.kind is SegmentKind.HEADLINE or len(text) <= 60
        if draft.role == "article" and not is_title:
            continue
        if is_title and _CUE.match(text):
            return True
        if (_CUE.match(text) or _CUE_INSIDE.search(text[:_LINE])) and (
            text.endswith(":") or len(draft.paragraphs) > 2 or len(text) >= _LONG
        ):
            return True
    return False


def repeats(digests: list[tuple[int, int]], known: Set[int]) -> bool:
    """Whether most of the sentences, by length, are known."""
    total = sum(length for _, length in digests)
    again = sum(length for digest, length in digests if digest in known)
    return total > 0 and again * 100 >= total * _SHARE
