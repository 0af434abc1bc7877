"""What a publisher puts between the news: appeals, sign-ups, comment boxes, links, counters, notices.

Each sentence is scored by the cues it holds outside quotation marks: whom it addresses, what it asks for, what it
sells. A sentence that somebody is reported to have said is news, whatever its words. Paragraphs between two parts of
one appeal belong to it.
"""

import re
from collections import Counter
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple

from agents.entries import cues
from agents.entries.clock import is_date_line
from agents.entries.draft import Paragraph
from agents.entries.sieve import Sieve
from agents.text.caseless import Caseless
from agents.text.sentences import sentences


class Reason(StrEnum):
    """Why a segment is no news. Closed."""

    DONATION = "donation"
    NEWSLETTER = "newsletter"
    COMMENTS = "comments"
    RELATED = "related"
    SHARE = "share"
    COOKIES = "cookies"
    ADVERT = "advert"
    LOADING = "loading"
    BYLINE = "byline"


_SHORT = 140
_LINE = 200
_COMMENT_LINE = 90


class _Score(NamedTuple):
    """How a stretch of text reads. strong: an appeal by itself; medium: one beside another."""

    reason: Reason | None = None
    is_strong: bool = False


_NEWS = _Score()


def _outside_quotes(text: str) -> str:
    if not any(mark in text for mark in "\"“‘'"):
        return text
    return cues.QUOTED.sub(" ", text)


def _one_line(text: str) -> Reason | None:
    """Reason for short lines that are furniture as a whole."""
    if len(text) > _LINE:
        return None
    if cues.ADVERT.fullmatch(text):
        return Reason.ADVERT
    if cues.SHARE.fullmatch(text):
        return Reason.SHARE
    if cues.RELATED_WHOLE.fullmatch(text) or (
        cues.RELATED.match(text) and not cues.REPORTED.search(_outside_quotes(text)[:60])
    ):
        return Reason.RELATED
    if is_date_line(text):
        return Reason.BYLINE
    if cues.BYLINE.fullmatch(text) and not text.endswith((".", "!", "?")):
        if cues.BYLINE_BY.match(text) and not _is_name_line(text):
            return None
        return Reason.BYLINE
    return None


def _is_name_line(text: str) -> bool:
    words = text.replace(",", " , ").split()[1:]
    return all(cues.TITLE_CASE.fullmatch(word) for word in words)


def _holds(words: str, any_of: tuple[str, ...]) -> bool:
    return any(word in words for word in any_of)


def _score(sentence: str) -> _Score:
    """How one sentence (or a line without a full stop) reads."""
    if sentence[:1] in "“\"'‘":
        return _Score()
    bare = _outside_quotes(sentence)
    words = bare.lower()
    # Plain look-ups first: most sentences hold none of these, and the expressions behind them are long.
    if _holds(words, cues.COOKIE_WORDS) and cues.COOKIES.search(bare) and not cues.REPORTED.search(bare):
        return _Score(Reason.COOKIES, is_strong=True)
    if (
        len(sentence) <= _LINE
        and _holds(words, cues.LOADING_WORDS)
        and cues.LOADING.search(bare)
        and not cues.REPORTED.search(bare)
    ):
        return _Score(Reason.LOADING, is_strong=True)
    if cues.REPORTED.search(bare):
        return _Score()
    asks = cues.ASK.match(bare) is not None
    reader = cues.READER.search(bare) is not None
    we = cues.WE.search(cues.US_ALONE.sub(" ", bare) if "US" in bare else bare) is not None
    press = cues.PRESS.count(bare)
    if (
        _holds(words, cues.COMMENT_WORDS)
        and cues.COMMENTS.search(bare)
        and (len(sentence) <= _COMMENT_LINE or ((asks or reader) and len(sentence) <= _LINE))
    ):
        return _Score(Reason.COMMENTS, is_strong=True)
    appeals = sum(pattern.search(bare) is not None for pattern in cues.APPEALS)
    if appeals >= 2 or (appeals and (asks or reader or (we and press))):
        return _Score(Reason.DONATION, is_strong=True)
    products = 2 * cues.PRODUCT_STRONG.count(bare) + cues.PRODUCT.count(bare)
    if (cues.NEWSLETTER.search(bare) and (asks or reader or products)) or (
        products >= 2 and (asks or (reader and cues.PRODUCT_STRONG.search(bare)))
    ):
        return _Score(Reason.NEWSLETTER, is_strong=True)
    if press and we and (reader or press >= 2) and ("paywall" in words or asks):
        return _Score(Reason.DONATION, is_strong=True)
    if press and (we or reader):
        return _Score(Reason.DONATION)
    if appeals or ((asks or reader) and products):
        return _Score(Reason.DONATION if appeals else Reason.NEWSLETTER)
    return _Score()


class _Piece(NamedTuple):
    """A paragraph, or the part of one that is of one kind."""

    text: str
    kind: Paragraph
    score: _Score


def _pieces(paragraph: Paragraph) -> list[_Piece]:
    """The paragraph, cut where boilerplate is glued to news."""
    text = paragraph.text
    if reason := _one_line(text):
        return [_Piece(text, paragraph, _Score(reason, is_strong=True))]
    sieve = Sieve(text)
    if not sieve.may_matter:
        return [_Piece(text, paragraph, _NEWS)]
    spans = sentences(text)
    if len(spans) <= 1:
        return [_Piece(text, paragraph, _score(text) if sieve.may_be(text, 0, len(text)) else _NEWS)]
    scores = [_score(span.of(text)) if sieve.may_be(text, span.start, span.end) else _NEWS for span in spans]
    strong = [score.is_strong for score in scores]
    if not any(strong):
        kinds = [score for score in scores if score.reason]
        return [_Piece(text, paragraph, kinds[0] if len(kinds) * 2 >= len(scores) else _Score())]
    first, last = strong.index(True), len(strong) - strong[::-1].index(True)
    plain = [score.reason is None and not _addresses(span.of(text)) for span, score in zip(spans, scores, strict=True)]
    head, tail = _is_news(plain[:first]), _is_news(plain[last:])
    if first and not head:
        first = 0
    if last < len(spans) and not tail:
        last = len(spans)
    if (first or last < len(spans) or sum(plain) * 2 > len(plain)) and not _is_clean_cut(scores[first:last]):
        return [_Piece(text, paragraph, _Score())]
    appeal = next(score for score in scores[first:last] if score.is_strong)
    found = []
    if first:
        found.append(_Piece(text[: spans[first - 1].end], paragraph, _Score()))
    end = spans[last - 1].end
    found.append(_Piece(text[spans[first].start : end], paragraph, appeal))
    if last < len(spans):
        found.append(_Piece(text[spans[last].start :], paragraph, _Score()))
    return found


def _addresses(sentence: str) -> bool:
    """Whether a sentence speaks to the reader, outside quotation marks."""
    bare = _outside_quotes(sentence)
    return not cues.REPORTED.search(bare) and (cues.READER.search(bare) is not None or cues.ASK.match(bare) is not None)


def _is_news(plain: list[bool]) -> bool:
    """Whether sentences beside an appeal are news: most of them carry no cue and address nobody."""
    return sum(plain) * 2 > len(plain)


def _is_clean_cut(scores: list[_Score]) -> bool:
    """Whether a run beside news is an appeal for the most part."""
    return sum(score.is_strong for score in scores) * 2 >= len(scores)


def clean(paragraphs: list[Paragraph]) -> tuple[list[Paragraph], Counter[str]]:
    """News paragraphs, and how many segments were left out for which reason.

    A boilerplate sentence glued to the first or last sentence of a news paragraph is cut off it.
    """
    pieces = [piece for paragraph in paragraphs for piece in _pieces(paragraph)]
    if all(piece.score.reason is None for piece in pieces) and not any(map(_is_comments_heading, pieces)):
        return [piece.kind for piece in pieces if piece.text], Counter()
    reasons = [piece.score.reason if piece.score.is_strong else None for piece in pieces]
    _fill_gaps(pieces, reasons)
    _spread(pieces, reasons)
    pieces, reasons = _unglue_after_appeal(pieces, reasons)
    _drop_comment_tail(pieces, reasons)
    excluded = Counter(reason.value for reason in reasons if reason)
    kept = [
        Paragraph(piece.text, piece.kind.kind)
        for piece, reason in zip(pieces, reasons, strict=True)
        if reason is None and piece.text
    ]
    return kept, excluded


_SPREADING = (Reason.DONATION, Reason.NEWSLETTER, Reason.COMMENTS)


def _fill_gaps(pieces: list[_Piece], reasons: list[Reason | None]) -> None:
    """What stands between two parts of one appeal belongs to it, unless it reads like news."""
    marks = [index for index, reason in enumerate(reasons) if reason in _SPREADING]
    for left, right in pairwise(marks):
        if 1 < right - left <= 4:
            between = range(left + 1, right)
            if all(_may_belong(pieces[index]) for index in between):
                for index in between:
                    reasons[index] = reasons[index] or reasons[left]


def _may_belong(piece: _Piece) -> bool:
    if piece.score.reason is not None:
        return True
    bare = _outside_quotes(piece.text)
    return len(piece.text) <= _SHORT and bare == piece.text and not cues.REPORTED.search(bare)


def _spread(pieces: list[_Piece], reasons: list[Reason | None]) -> None:
    """A medium paragraph beside an appeal is a part of it."""
    for order in (range(1, len(pieces)), range(len(pieces) - 2, -1, -1)):
        step = order.step
        for index in order:
            neighbour = reasons[index - step]
            if reasons[index] is None and pieces[index].score.reason in _SPREADING and neighbour in _SPREADING:
                reasons[index] = neighbour


_GLUE = re.compile(r"(?<=[a-z)][.!])(?=[“\"‘']?[A-Z][a-z])")


def _unglue_after_appeal(
    pieces: list[_Piece], reasons: list[Reason | None]
) -> tuple[list[_Piece], list[Reason | None]]:
    """Behind an appeal, a short first sentence glued to the next without a blank is the appeal's last."""
    out: list[_Piece] = []
    why: list[Reason | None] = []
    for index, piece in enumerate(pieces):
        before = reasons[index - 1] if index else None
        is_behind = reasons[index] is None and before in _SPREADING
        glue = _GLUE.search(piece.text, 0, _SHORT + 60) if is_behind else None
        if glue is not None and glue.start() <= _SHORT:
            head = piece.text[: glue.start()]
            if not cues.REPORTED.search(head) and _outside_quotes(head) == head:
                out += [_Piece(head, piece.kind, piece.score), _Piece(piece.text[glue.start() :], piece.kind, _Score())]
                why += [before, None]
                continue
        out.append(piece)
        why.append(reasons[index])
    return out, why


_COMMENTS_HEADING = Caseless(r"(?:\d+\s+)?comments?(?:\s*\(?\d+\)?)?\W*")


def _is_comments_heading(piece: _Piece) -> bool:
    return _COMMENTS_HEADING.fullmatch(piece.text) is not None


def _drop_comment_tail(pieces: list[_Piece], reasons: list[Reason | None]) -> None:
    """Below a comments heading near the end of a page stand comments."""
    for index, piece in enumerate(pieces):
        if _is_comments_heading(piece) and index * 5 >= len(pieces) * 3:
            for after in range(index + 1, len(pieces)):
                reasons[after] = reasons[after] or Reason.COMMENTS
            return
