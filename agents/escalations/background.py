"""History beside the news: anniversaries, earlier years, obituaries. What is background counts nothing."""

import re

from agents.text.caseless import Caseless
from schemas.event import Span

PARAGRAPH_REACH = 4000


# The first digit comes first, and what must not stand before it after: so the engine skips straight to digits.
_YEAR = re.compile(r"[12](?<!\w.)(?:(?<=1)[5-9]|(?<=2)0)\d\d\b")
_MAY_BE_DATED = re.compile(r"[12](?:(?<=1)[5-9]|(?<=2)0)\d\d")
_DATED = re.compile(
    r"\b(?:in|of|during|from|back in|the|between|spring|summer|autumn|winter|january|february|march|april|may|june|july"
    r"|august|september|october|november|december|late|early|mid)[ -](?:the )?(1[5-9]\d\d|20\d\d)s?\b",
    re.IGNORECASE,
)
_PAST = Caseless(
    r"\b(?:anniversar(?:y|ies)|commemorat\w{0,6}|memorials?|remembrance|centenary|obituar(?:y|ies)|(?:years?|months?"
    r"|decades?|generations?|century|centuries) (?:ago|earlier|before|later)|last year|last decade|last century"
    r"|the previous year|(?:19|20)\d0s|back in (?:19|20)\d\d|history of|historically|in the past|veterans of|infamous"
    r"|inquests?|inquiry|coroner|royal commission|on trial|trial|trials|tribunal|plead(?:s|ed)?|convicted|sentenced"
    r"|jailed|indict(?:s|ed)?|charged (?:over|with)|court|compensation|documentary|biography|novel|film about"
    r"|play about|museum|years after|years on|years since|a year after|a year since|first anniversary)\b",
)
_OBITUARY = Caseless(
    r"\b(?:survived by|was born in|born in (?:1[89]|20)\d\d|obituary|his widow and|her widower|joined the (?:army|navy)"
    r" in (?:19|20)\d\d|rose through the ranks|died peacefully|aged \d\d, after a)\b",
)
_NOW = Caseless(
    r"\b(?:today|tonight|yesterday|overnight|this (?:morning|afternoon|evening|week|hour)|last night|on (?:mon|tues"
    r"|wednes|thurs|fri|satur|sun)day|minutes ago|hours ago|just now|breaking|have been|has been|now)\b",
)


class Background:
    """Tells what in one text is history.

    year  year of publication; None takes every year that the text names as earlier
    """

    def __init__(self, text: str, year: int | None) -> None:
        self._text = text
        self._year = year
        self._paragraph: tuple[Span, bool] = (Span(0, 0), False)
        self._sentence: tuple[Span, bool, bool] = (Span(0, 0), False, False)  # is past, and names the present too

    def holds(self, sentence: Span, hit: Span) -> bool:
        """Whether the hit tells of the past."""
        if self._is_obituary(sentence):
            return True
        if self._sentence[0] != sentence:
            words = self._text[sentence.start : min(sentence.end, sentence.start + PARAGRAPH_REACH)]
            is_past = self._is_past(words)
            self._sentence = (sentence, is_past, is_past and _NOW.search(words) is not None)
        _, is_past, is_now = self._sentence
        if not is_past or not is_now:
            return is_past
        return self._is_past(self._clause(sentence, hit))

    def _is_past(self, words: str) -> bool:
        if _PAST.search(words):
            return True
        if _MAY_BE_DATED.search(words) is None:
            return False
        return any(self._year is None or int(found[1]) < self._year for found in _DATED.finditer(words))

    def _clause(self, sentence: Span, hit: Span) -> str:
        """From the comma before the hit to the comma behind it."""
        left = max(self._text.rfind(",", sentence.start, hit.start) + 1, sentence.start, hit.start - 300)
        right = self._text.find(",", hit.end, min(sentence.end, hit.end + 300))
        return self._text[left : right if right >= 0 else min(sentence.end, hit.end + 300)]

    def _is_obituary(self, sentence: Span) -> bool:
        """Whether the paragraph tells a life, or names two earlier years or more."""
        known, answer = self._paragraph
        if known.start <= sentence.start < known.end:
            return answer
        start = self._text.rfind("\n", max(0, sentence.start - PARAGRAPH_REACH), sentence.start) + 1
        end = self._text.find("\n", sentence.start, sentence.start + PARAGRAPH_REACH)
        end = min(len(self._text), sentence.start + PARAGRAPH_REACH) if end < 0 else end
        words = self._text[start:end]
        earlier = [year for year in _YEAR.findall(words) if self._year is None or int(year) < self._year]
        answer = len(set(earlier)) >= 3 or (bool(earlier) and _OBITUARY.search(words) is not None)
        self._paragraph = (Span(start, max(end, start + 1)), answer)
        return answer
