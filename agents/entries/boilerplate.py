"""What a publisher puts between the news: appeals, sign-ups, comment boxes, links, counters, notices.

Each sentence is scored by the cues it holds outside quotation marks: whom it addresses, what it asks for, what it
sells. A sentence that somebody is reported to have said is news, whatever its words. Paragraphs between two parts of
one appeal belong to it.
"""

import re
from collections import Counter
from enum import StrEnum
from typing import NamedTuple

from agents.entries.clock import is_date_line
from agents.entries.draft import Paragraph
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


_QUOTED = re.compile(r"[“\"][^”\"“]*(?:[”\"]|\Z)|(?<!\w)[‘'][^’'\n]{12,}?[’'](?!\w)")
_REPORTED = re.compile(
    r"\b(?:said|says|saying|told|tells|added|adds|wrote|tweeted|posted|claimed|claims|announced|warned|insisted|argued|"
    r"denied|confirmed|reported|alleged|accused|according to|stated|replied|promised|pledged|urged|called|admitted|"
    r"revealed|found|showed|ruled|court|police|prosecutors?|minister|mp|parliament)\b",
    re.IGNORECASE,
)
_READER = re.compile(r"\b(?:you|your|yours|you're|you’re|you'll|you’ll|you've|you’ve)\b", re.IGNORECASE)
_WE = re.compile(r"\b(?:we|our|us|we're|we’re|we've|we’ve|we'll|we’ll)\b", re.IGNORECASE)
_US_ALONE = re.compile(r"\bUS\b")
_ASK = re.compile(
    r"(?:please\s+|so\s+|if you can,?\s+|why not\s+)?(?:support|donate|contribute|give|chip in|help|become|consider|join|subscribe|sign up|"
    r"register|back|fund|get|enter|click|tap|follow|download|read|make|stay|take|choose|start|try|log in|leave|put|unlock|enjoy|want)\b",
    re.IGNORECASE,
)
_PRESS = re.compile(
    r"\b(?:journalis\w+|reporting|reporters?|correspondents?|newsrooms?|editorial(?:ly)?|paywalls?|news (?:outlets?|"
    r"organi[sz]ations?)|coverage|investigations?|investigating|the facts|documentar(?:y|ies)|readers|readership|"
    r"(?:the|this|every|each|a|our) (?:story|stories)|our work|what we do|advertis\w+|press freedom|publishers?|"
    r"(?:proprietors?|shareholders?|billionaire owners?)|free to read|open to all)\b",
    re.IGNORECASE,
)
_APPEALS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\byour\s+(?:\w+\s+){0,2}(?:support|donations?|contributions?|generosity|subscription|membership|pledge)\b",
        r"\b(?:support|fund|back|sustain|power|protect|champion|strengthen|keep|enabl)(?:s|ing|ed|e)?\s+(?:[\w’'-]+\s+){0,3}"
        r"(?:journalism|journalists|reporting|reporters|newsrooms?|our work|what we do)\b",
        r"\b(?:donate|contribute|chip in|give|support us|become an?\s+(?:\w+\s+){0,2}(?:members?|supporters?|patrons?))\b"
        r".{0,80}(?:\btoday\b|\bnow\b|\bhere\b|\bus\b|\bour\b|[£$€]\s?\d|\bas little as\b|\ba month\b|\bmonthly\b|\bper month\b)",
        r"\b(?:reader|listener|member)[- ](?:funded|supported|owned)\b|\b(?:readers|people|supporters) like you\b",
        r"\b(?:funded|paid for|supported|sustained|kept (?:alive|going|free))\s+(?:entirely\s+|only\s+|largely\s+)?by\s+"
        r"(?:(?:our|its|the)\s+)?(?:readers?|those who|people who|supporters|you)\b",
        r"(?:[£$€]\s?\d[\d.,]*|\bas little as\b|\ba few (?:pounds|dollars|euros)|the price of a (?:cup of )?coffee).{0,40}"
        r"\b(?:a|per|each|every) (?:month|week|year)\b|\bone-?off (?:gift|contribution|payment)\b",
        r"\bmak(?:e|es|ing) (?:all the|a (?:real|huge|big)) difference\b",
    )
)
_PRODUCT_STRONG = re.compile(
    r"\b(?:newsletters?|inbox|free trial|unlimited access|push notifications?|breaking news alerts?|email alerts?|"
    r"whatsapp channel|mailing list)\b",
    re.IGNORECASE,
)
_PRODUCT = re.compile(
    r"\b(?:e-?mails?|briefings?|alerts?|notifications?|podcasts?|apps?|subscriptions?|subscribe|subscribers?|account|"
    r"register|sign up|signing up|sign in|log in|premium|channel|digest|premium content|offers?|updates)\b",
    re.IGNORECASE,
)
_NEWSLETTER = re.compile(
    r"\b(?:sign(?:ing)? up (?:to|for|here|now|today|below)|subscribe (?:to|now|today|here)|delivered (?:straight |directly )?to your|"
    r"(?:straight|direct(?:ly)?) (?:in)?to your (?:inbox|phone)|by entering your email|turn on (?:push )?notifications|get alerts|"
    r"follow us on|like us on|find us on|download (?:the|our)\b.{0,40}\bapps?|would like to be emailed|privacy (?:notice|policy)|"
    r"terms (?:of (?:use|service)|and conditions) apply|already (?:a subscriber|have an account|subscribed)|unsubscribe)\b",
    re.IGNORECASE,
)
_COMMENTS = re.compile(
    r"\b(?:join (?:the|our)\s+(?:\w+\s+){0,2}(?:conversations?|comment\w*|discussions?|debate|forum|community)|comment(?:ing)? (?:forum|section|policy)|"
    r"(?:view|show|post|leave|add|write|read|see|hide|load|share)\s+(?:(?:all|a|your|more|the|in the|\d+)\s+){0,2}comments?|have your say|"
    r"thought-provoking conversations|comments (?:are|have been|will be) (?:now )?(?:closed|moderated|turned off|disabled|subject)|"
    r"in the comments(?: section)?(?: below)?|(?:other|fellow) readers)\b|\Acomments?(?:\s*\(?\d+\)?)?\Z|\A\d+ comments?\Z|\Abe the first to comment",
    re.IGNORECASE,
)
_RELATED = re.compile(
    r"(?:read (?:more|also|next|the full|now|our|this)|more (?:on this|stories|from|about|like this|coverage|news|to read)|related\b|recommended\b|"
    r"you (?:may|might) (?:also )?(?:like|be interested)|most (?:read|popular|viewed|watched|commented|shared)|trending\b|see also|don['’]t miss|also (?:read|see)|"
    r"editor['’]?s['’]? picks?|top stories|around the web|what to read|further reading|explore more|popular (?:in|on|now)|latest (?:news|stories|videos|headlines)\Z|"
    r"(?:click|tap) here|(?:watch|listen|view|see|find out|learn|discover|continue|keep|swipe)(?: more| now| next| below| reading| here| full)?\s*[:>›»→]|"
    r"(?:continue|keep) reading|view (?:gallery|all)|show more|load more|see more|in case you missed it\Z|up next|next (?:article|story)|"
    r"(?:read|watch|listen|click|find|see) (?:[\w’',-]+\s+){0,6}here[.:]?\Z|back to (?:top|home))",
    re.IGNORECASE,
)
_RELATED_WHOLE = re.compile(
    r"(?:related|recommended|trending)(?:\s+(?:stories|articles|topics|content|links?|videos?|news|reading|coverage|for you|now))?\s*:?|"
    r"(?:related|recommended|trending|analysis|explainer|watch|video|opinion|gallery)\s*:\s*\S.{0,160}[^.!]",
    re.IGNORECASE,
)
_NETWORK = r"(?:facebook|twitter|x|whatsapp|linkedin|pinterest|reddit|messenger|telegram|flipboard|bluesky|threads|e-?mail|copy link|link copied|copied|print|save|share|tweet|bookmark|like|comment|google news)"
_SHARE = re.compile(
    rf"(?:{_NETWORK}(?:\W{{1,3}}{_NETWORK})*|\d[\d.,]*\s?[km]?\s+(?:shares?|likes?|comments?|views?|retweets?|reposts?|reactions?|repl(?:y|ies)|followers)"
    rf"|(?:share|tweet|pin|save|print|e-?mail|bookmark)\s+(?:this|on|via|with|the)\b.{{0,40}}|share(?: this)? (?:article|story|post|page)\b.{{0,40}}|add as (?:a )?preferred source.{{0,30}})\W*",
    re.IGNORECASE,
)
_COOKIES = re.compile(
    r"\b(?:(?:we|site|page|partners|content|it) .{0,60}\buses? cookies|(?:accept|manage|reject|allow|enable|use of) (?:all |our )?cookies|cookies? (?:policy|settings|preferences|notice|consent)|"
    r"using cookies and|cookies and other technologies|your consent|manage (?:your )?(?:privacy|consent)|to view this content|gdpr|legitimate interest)\b",
    re.IGNORECASE,
)
_ADVERT = re.compile(
    r"(?:ad(?:vert(?:isement)?)?s?(?:\s*[-–—:|]?\s*(?:continue reading|scroll|story continues|article continues).*)?|sponsored(?: content| by .{1,60})?|promoted(?: content| stories)?|"
    r"paid (?:content|post|partnership|for by .{1,60})|(?:story|article) continues (?:below|after).*|skip (?:past|to|ad\b|advert|newsletter).*|remove ads?|after newsletter promotion|"
    r"(?:buy|shop) now.{0,60}|affiliate links?.{0,120}|scroll (?:down )?to continue.*)\W*",
    re.IGNORECASE,
)
_LOADING = re.compile(
    r"\b(?:(?:please\s+)?(?:allow|wait|give (?:it|us|this)|bear with|hang on|hold on|one|just)\b.{0,20}\b(?:moments?|seconds?|minutes?)\b.{0,60}\b(?:load\w*|refresh\w*|appear\w*|updat\w*|blog|page|feed)|"
    r"(?:live\s?blog|blog|page|content|comments?|feed|updates?|video|player|posts?|coverage|map|graphic|stream)\b.{0,30}\b(?:to load|loading|loads|is loading|(?:is )?being loaded|will load|not loading|refresh(?:es|ing)?|failed to load)|"
    r"refresh (?:the|this|your) (?:page|browser)|(?:blog|page|feed)\b.{0,20}\b(?:updates?|refresh(?:es)?) automatically|automatic(?:ally)? (?:updat|refresh)\w*|enable javascript|"
    r"javascript (?:is|must be)|(?:your )?browser (?:does not|doesn['’]t|is not|isn['’]t) support\w*|unable to (?:load|play))\b|\Aloading\b.{0,40}\Z",
    re.IGNORECASE,
)
_BYLINE = re.compile(
    r"(?:(?:written |reported |edited |posted |words )?by:?\s+(?:the\s+)?[A-Z][\w.’'-]*(?:(?:\s+|,\s*|\s+and\s+|\s+in\s+|\s*&\s*|\s*\|\s*|\s+for\s+|\s+at\s+)[\w.’'@-]+){0,12}|"
    r"(?:additional )?reporting by .{3,200}|(?:photograph|photo|image|picture|credit|source)s?(?: credit)?:\s*.{2,80}|©.{0,100}|copyright .{0,100}|all rights reserved\.?|@\w{2,20})",
)
_BYLINE_BY = re.compile(r"(?:written |reported |edited |posted |words )?by\b", re.IGNORECASE)
_TITLE_CASE = re.compile(r"(?:[A-Z][\w.’'-]*|and|in|for|of|the|at|&|\||,|[a-z]+ (?:editor|correspondent|reporter|writer)|(?:political|diplomatic|defence|senior|chief|world|foreign|business|news|editor|correspondent|reporter|affairs|security|health|home|live|audience|freelance|staff|writer|environment|science|legal|economics))+")

_SHORT = 140
_LINE = 200


class _Score(NamedTuple):
    """How a stretch of text reads. strong: an appeal by itself; medium: one beside another."""

    reason: Reason | None = None
    is_strong: bool = False


def _outside_quotes(text: str) -> str:
    return _QUOTED.sub(" ", text)


def _one_line(text: str) -> Reason | None:
    """Reason for short lines that are furniture as a whole."""
    if len(text) > _LINE:
        return None
    if _ADVERT.fullmatch(text):
        return Reason.ADVERT
    if _SHARE.fullmatch(text):
        return Reason.SHARE
    if _RELATED_WHOLE.fullmatch(text) or (_RELATED.match(text) and not _REPORTED.search(_outside_quotes(text)[:60])):
        return Reason.RELATED
    if is_date_line(text):
        return Reason.BYLINE
    if _BYLINE.fullmatch(text) and not text.endswith((".", "!", "?")):
        if _BYLINE_BY.match(text) and not _is_name_line(text):
            return None
        return Reason.BYLINE
    return None


def _is_name_line(text: str) -> bool:
    words = text.replace(",", " , ").split()[1:]
    return all(_TITLE_CASE.fullmatch(word) for word in words)


def _score(sentence: str) -> _Score:
    """How one sentence (or a line without a full stop) reads."""
    if sentence[:1] in "“\"'‘":
        return _Score()
    bare = _outside_quotes(sentence)
    if _COOKIES.search(bare) and not _REPORTED.search(bare):
        return _Score(Reason.COOKIES, is_strong=True)
    if len(sentence) <= _LINE and _LOADING.search(bare) and not _REPORTED.search(bare):
        return _Score(Reason.LOADING, is_strong=True)
    if _REPORTED.search(bare):
        return _Score()
    asks = _ASK.match(bare) is not None
    reader = _READER.search(bare) is not None
    we = _WE.search(_US_ALONE.sub(" ", bare)) is not None
    press = len(_PRESS.findall(bare))
    if _COMMENTS.search(bare) and (asks or reader or len(sentence) <= _SHORT):
        return _Score(Reason.COMMENTS, is_strong=True)
    appeals = sum(pattern.search(bare) is not None for pattern in _APPEALS)
    if appeals >= 2 or (appeals and (asks or reader or (we and press))):
        return _Score(Reason.DONATION, is_strong=True)
    products = 2 * len(_PRODUCT_STRONG.findall(bare)) + len(_PRODUCT.findall(bare))
    if (_NEWSLETTER.search(bare) and (asks or reader or products)) or (products >= 2 and (asks or reader)):
        return _Score(Reason.NEWSLETTER, is_strong=True)
    if press and we and (reader or press >= 2) and ("paywall" in bare.lower() or asks):
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
    spans = sentences(text)
    if len(spans) <= 1:
        return [_Piece(text, paragraph, _score(text))]
    scores = [_score(span.of(text)) for span in spans]
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
    if (first or last < len(spans)) and not _is_clean_cut(scores[first:last]):
        return [_Piece(text, paragraph, _Score())]
    reason = next(score for score in scores[first:last] if score.is_strong)
    found = []
    if first:
        found.append(_Piece(text[: spans[first - 1].end], paragraph, _Score()))
    end = spans[last - 1].end
    found.append(_Piece(text[spans[first].start : end], paragraph, reason))
    if last < len(spans):
        found.append(_Piece(text[spans[last].start :], paragraph, _Score()))
    return found


def _addresses(sentence: str) -> bool:
    """Whether a sentence speaks to the reader, outside quotation marks."""
    bare = _outside_quotes(sentence)
    return not _REPORTED.search(bare) and (_READER.search(bare) is not None or _ASK.match(bare) is not None)


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
    for left, right in zip(marks, marks[1:], strict=False):
        if 1 < right - left <= 4:
            between = range(left + 1, right)
            if all(_may_belong(pieces[index]) for index in between):
                for index in between:
                    reasons[index] = reasons[index] or reasons[left]


def _may_belong(piece: _Piece) -> bool:
    if piece.score.reason is not None:
        return True
    bare = _outside_quotes(piece.text)
    return len(piece.text) <= _SHORT and bare == piece.text and not _REPORTED.search(bare)


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
        glue = _GLUE.search(piece.text, 0, _SHORT + 60)
        if reasons[index] is None and before in _SPREADING and glue and glue.start() <= _SHORT:
            head = piece.text[: glue.start()]
            if not _REPORTED.search(head) and _outside_quotes(head) == head:
                out += [_Piece(head, piece.kind, piece.score), _Piece(piece.text[glue.start() :], piece.kind, _Score())]
                why += [before, None]
                continue
        out.append(piece)
        why.append(reasons[index])
    return out, why


_COMMENTS_HEADING = re.compile(r"(?:\d+\s+)?comments?(?:\s*\(?\d+\)?)?\W*", re.IGNORECASE)


def _drop_comment_tail(pieces: list[_Piece], reasons: list[Reason | None]) -> None:
    """Below a comments heading near the end of a page stand comments."""
    for index, piece in enumerate(pieces):
        if _COMMENTS_HEADING.fullmatch(piece.text) and index * 5 >= len(pieces) * 3:
            for after in range(index + 1, len(pieces)):
                reasons[after] = reasons[after] or Reason.COMMENTS
            return
