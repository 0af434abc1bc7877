"""A page of plain text to drafts of entries: headline, time stamps, and paragraphs that continue the one before."""

import re
from collections import Counter

from agents.entries.boilerplate import clean
from agents.entries.clock import TimeLine, is_newest_first, time_line
from agents.entries.draft import Cut, Draft, Paragraph
from agents.entries.paragraphs import paragraphs
from schemas.article import SegmentKind

_QUOTES = str.maketrans("“”„‟«»‘’‚‛", '""""""\'\'\'\'')
_HEADLINE_LIMIT = 260
_STANDFIRST_LIMIT = 400
_LINKED = re.compile(
    r"(?:He|She|They|It|His|Her|Their|Its|And|But|Yet|Nor|Or|So|However|Nevertheless|Still|Instead|Also|Then|"
    r"This|That|These|Those|Both|Neither|Such)\b(?!['\"])"
    r"|[a-z]|(?:[•●▪‣◦*+]|-|–|—|\d{1,2}[.)])\s"
)
_LATE_PRONOUN = re.compile(
    r"(?:Asked|Speaking|Responding|Writing|Pressed|Questioned|Addressing|Referring|Later|Earlier|When|While|After|"
    r"In an?|At an?|During|On)\b[^.!?\"]{0,120}?, (?:he|she|they|it)\b"
)
_STILL_SPEAKING = re.compile(r"The (?:[\w’'-]+ ){1,4}(?:also|added|adds|continued|went on|concluded)\b")
_ADDRESS = re.compile(r"(?:Mr|Mrs|Ms|Miss|Dr|Sir|Dame|Lord|Lady|Prof|Gen|Col)\.? ([A-Z][\w’'-]+)")
_CLOSING = ".!?…"


def cut_text(body: str, title: str | None = None, known: frozenset[int] = frozenset()) -> Cut:
    """Entries of a plain-text page, oldest first where time stamps say so, else in the page's order.

    known  see `agents.entries.paragraphs.paragraphs`
    """
    rows = paragraphs(body, known)
    stamps = [time_line(row) for row in rows]
    if sum(stamp is not None and not stamp.is_marker for stamp in stamps) >= 2:
        return _cut_by_time(rows, stamps, title)
    kept, excluded = clean([Paragraph(row) for row in rows])
    head, rest = split_head(kept)
    drafts = [Draft(tuple(group)) for group in group_paragraphs(rest)]
    return _with_head(head, drafts, excluded, title)


def cut_article(body: str, title: str | None, known: frozenset[int] = frozenset()) -> Cut:
    """The one entry of an article given as plain text."""
    kept, excluded = clean([Paragraph(row) for row in paragraphs(body, known)])
    return article(kept, title, None, excluded)


def article(
    body: list[Paragraph], title: str | None, standfirst: str | None, excluded: Counter[str] | None = None
) -> Cut:
    """One entry of headline, standfirst and body; a headline repeated at the top of the body is kept once."""
    title = " ".join((title or "").split()) or None
    standfirst = " ".join((standfirst or "").split()) or None
    head = []
    if title:
        head.append(Paragraph(title, SegmentKind.HEADLINE))
    if standfirst and standfirst != title:
        head.append(Paragraph(standfirst, SegmentKind.STANDFIRST))
    shown = {paragraph.text.casefold() for paragraph in head}
    while body and body[0].text.casefold() in shown:
        body = body[1:]
    whole = (*head, *body)
    drafts = (Draft(whole, role="article"),) if whole else ()
    return Cut(drafts, excluded or Counter(), title)


def split_head(paragraphs: list[Paragraph], more: int = 0) -> tuple[list[Paragraph], list[Paragraph]]:
    """Headline and standfirst, where the first lines look like them, and the rest; `more` posts follow."""
    if not paragraphs or len(paragraphs) + more < 2 or not _is_headline(paragraphs[0].text, _HEADLINE_LIMIT):
        return [], paragraphs
    head = [Paragraph(paragraphs[0].text, SegmentKind.HEADLINE)]
    if len(paragraphs) > 1 and len(paragraphs) + more > 2 and _is_headline(paragraphs[1].text, _STANDFIRST_LIMIT):
        head.append(Paragraph(paragraphs[1].text, SegmentKind.STANDFIRST))
    return head, paragraphs[len(head) :]


def _is_headline(text: str, limit: int) -> bool:
    plain = text.translate(_QUOTES).rstrip("\"')")
    return len(text) <= limit and not plain.endswith((".", "…", ":", ";", ",")) and text.count(" ") >= 1


def group_paragraphs(paragraphs: list[Paragraph]) -> list[list[Paragraph]]:
    """Paragraphs put together with those that continue them."""
    groups: list[list[Paragraph]] = []
    is_quoting = is_announced = False
    for paragraph in paragraphs:
        if groups and (is_quoting or is_announced or _continues(groups[-1], paragraph)):
            groups[-1].append(paragraph)
        else:
            groups.append([paragraph])
        text = paragraph.text.translate(_QUOTES)
        # A quotation over paragraphs opens each of them; one that does not is closed by a single mark.
        closes = is_quoting and not text.startswith('"')
        is_quoting = (text.count('"') % 2 == 1) != closes
        is_announced = text.endswith(":")
    return groups


def _continues(group: list[Paragraph], paragraph: Paragraph) -> bool:
    """Whether a paragraph leans on the group before it, by its first words."""
    text = paragraph.text.translate(_QUOTES)
    if text.startswith(('"', "'")) or paragraph.kind in (SegmentKind.BLOCKQUOTE, SegmentKind.SOCIAL_EMBED):
        return True
    if _LINKED.match(text) or _LATE_PRONOUN.match(text) or _STILL_SPEAKING.match(text):
        return True
    address = _ADDRESS.match(text)
    return address is not None and any(re.search(rf"\b{re.escape(address[1])}\b", before.text) for before in group)


def _cut_by_time(rows: list[str], stamps: list[TimeLine | None], title: str | None) -> Cut:
    """Posts between time stamps; what stands before the first is the page's head."""
    blocks: list[tuple[TimeLine | None, list[str]]] = [(None, [])]
    for row, stamp in zip(rows, stamps, strict=True):
        if stamp is None:
            blocks[-1][1].append(row)
        elif blocks[-1][1] or blocks[-1][0] is None:
            blocks.append((stamp, []))
        elif blocks[-1][0].is_marker:  # "Key event" above its time
            blocks[-1] = (stamp, [])
    excluded: Counter[str] = Counter()
    cleaned: list[tuple[TimeLine | None, list[Paragraph]]] = []
    for stamp, texts in blocks:
        kept, dropped = clean([Paragraph(text) for text in texts])
        excluded += dropped
        cleaned.append((stamp, kept))
    posts = [(stamp, kept) for stamp, kept in cleaned[1:] if kept]
    head, intro = split_head(cleaned[0][1], more=len(posts))
    if is_newest_first([stamp for stamp, _ in posts if stamp is not None]):
        posts.reverse()
    drafts = [Draft(tuple(group)) for group in group_paragraphs(intro)]
    drafts += [Draft(tuple(titled(kept))) for _, kept in posts]
    return _with_head(head, drafts, excluded, title)


def titled(paragraphs: list[Paragraph]) -> list[Paragraph]:
    """A post's paragraphs, the first one marked as its headline where it looks like one."""
    if len(paragraphs) > 1 and len(paragraphs[0].text) <= 140 and paragraphs[0].kind is SegmentKind.BODY:
        first = paragraphs[0].text.translate(_QUOTES)
        if not first.rstrip("\"')").endswith((*_CLOSING[:1], "…", ":", ";", ",")) and not first.startswith(('"', "'")):
            return [Paragraph(paragraphs[0].text, SegmentKind.HEADLINE), *paragraphs[1:]]
    return paragraphs


def _with_head(head: list[Paragraph], drafts: list[Draft], excluded: Counter[str], title: str | None) -> Cut:
    headline = head[0].text if head else None
    first = [Draft(tuple(head), role="head")] if head else []
    return Cut((*first, *drafts), excluded, title or headline)
