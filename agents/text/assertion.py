"""How a sentence presents what a hit names: asserted, quoted, hypothetical, asked, negated or denied.

The method is NegEx (Chapman et al. 2001) and its extension ConText (Harkema et al. 2009): closed lists of triggers
before and after the hit, pseudo-triggers that take the force of a trigger away, and terminators that end its scope. The
lists are our own. Only a bounded window around the hit is read, so the cost of a hit does not depend on the text.
"""

import re
from collections.abc import Sequence
from enum import Enum, auto
from typing import Protocol

from schemas.detection import Assertion
from schemas.event import Span

BEFORE, AFTER = 240, 160
"""Code points read before and after the hit."""
REACH = 10
"""Words over which a trigger before the hit works, punctuation not counted; 6 after the hit."""


class Quoted(Protocol):
    """What is needed of a quotation: its range, marks included."""

    @property
    def outer(self) -> Span:
        """The quotation with its marks."""


class _Force(Enum):
    PSEUDO = auto()  # looks like a trigger and is none
    NEGATION = auto()
    STRONG_NEGATION = auto()  # also reaches a definite event: "ruled out the strike"
    DENIAL = auto()
    CLAIM_DENIAL = auto()  # a denial only where a word for a claim follows: "dismissed reports of"
    POSSIBLE = auto()
    STRONG_POSSIBLE = auto()  # also reaches a definite event: "if the strike"
    QUESTION = auto()
    TERMINATOR = auto()


_BEFORE_HIT: dict[_Force, str] = {
    _Force.PSEUDO: """not only; not just; not merely; not simply; not least; not for the first time; not the first;
        no doubt; no wonder; no matter; no secret; no less than; no fewer than; no stranger to; nothing less than;
        without doubt; without warning; without provocation; without power; without electricity; without water;
        without precedent; if not; why not; whether or not; not long after; no sooner; not stop; not stopped;
        not prevent; not prevented; not halt; not deter; not spare; failed to stop; failed to prevent; failed to halt;
        failed to avert; fails to stop; failing to stop; unable to stop; unable to prevent; not comment; not say;
        not said; not saying; not specify; not elaborate; not give; not given; not identify; not identified;
        not immediately; not respond; not claimed responsibility; no comment; no details; no word; no claim;
        no one has claimed; no group has claimed; no group claimed; nobody has claimed; declined to comment;
        declined to say; declined to give; refused to comment; refused to say; no arrests; no warning; nor comment;
        can confirm; can now confirm; able to confirm; could be heard; could be seen; can be heard; can be seen;
        could hear; can see; could see; will never forget; would later; expected to have; no longer just;
        could only watch; as many as; if confirmed; what may be; what could be""",
    _Force.NEGATION: """no; not; n't; never; neither; nor; without; none; nobody; no one; nothing; cannot; can't; don't;
        doesn't; didn't; isn't; aren't; wasn't; weren't; won't; wouldn't; couldn't; shouldn't; hasn't; haven't; hadn't;
        mustn't; ain't; far from; instead of; rather than; lack of; absence of; free of; free from; anything but;
        refuse to; refuses to; refused to; refusing to; decline to; declines to; declined to; fail to; fails to;
        failed to; failing to; refrain from; refrained from; refraining from; stop short of; stopped short of;
        stops short of; stopping short of; no longer; yet to; hardly any; false reports of; false claims of; hoax""",
    _Force.STRONG_NEGATION: """rule out; rules out; ruled out; ruling out; avert; averts; averted; averting; avoid;
        avoids; avoided; avoiding; prevent; prevents; prevented; preventing; thwart; thwarts; thwarted; thwarting; foil;
        foils; foiled; foiling; call off; calls off; called off; calling off; cancel; cancels; cancelled; canceled;
        scrap; scraps; scrapped; reject; rejects; rejected; rejecting; no sign of; no signs of; no evidence of;
        no evidence that; no plans for; no plans to; no intention of; no suggestion that; not true that; spared""",
    _Force.DENIAL: """deny; denies; denied; denying; denial of; denials of; denial that; disputed that; disputes that;
        rubbished; rubbishes; refute; refutes; refuted; refuting""",
    _Force.CLAIM_DENIAL: "dismiss; dismisses; dismissed; dismissing; disputed; disputes; contradicted; contradicts",
    _Force.POSSIBLE: """may; might; could; would; will; shall; should; 'll; he'll; she'll; they'll; we'll; i'll;
        it'll; i'd; we'd; they'd; can; possibly; perhaps; probably; likely; unlikely; potential; potentially;
        possible; expected to; expects to; expect to; expecting; due to be; set to; about to; poised to; ready to;
        prepared to; preparing to; prepares to; prepare to; plan to; plans to; planned to; planning to; planning;
        plotting; plotted to; plot to; intends to; intend to; intended to; intention to; intent to; aims to; aim to;
        aimed to; seek to; seeks to; seeking to; sought to; hopes to; hope to; hoped to; want to; wants to; wanted to;
        willing to; able to; ability to; capable of; right to; try to; tries to; tried to; trying to; attempt to;
        attempts to; attempted to; attempting to; bid to; effort to; efforts to; decide to; decision to; call on;
        calls on; called on; calling on; vow; vows; vowed; vowing; pledge; pledges; pledged; promise; promises;
        promised; swore to; weigh; weighing; mull; mulls; mulling; suggest; suggests; opposed to; warned against;
        warns against; against any; tipped to; favourite to; candidate to; frontrunner to; nominated to; designed to;
        warned it; in line to; on course to; unclear if; unclear how; future; any; imagine; authorise; authorises;
        authorised; authorize; authorizes; authorized; authority to; permission to; order to; ordered to; orders to;
        pressure to; refuse to rule out; urged to; told to; threat to; threats to; bound to; sure to; going to""",
    _Force.STRONG_POSSIBLE: """if; unless; whether; in case of; in the event of; in the event that; assuming; suppose;
        provided that; threat of; threats of; fear; fears; feared; fearing; fear of; fears of; fears that; risk;
        risks; risk of; risks of; risking; danger of; dangers of; possibility of; prospect of; prospects of; chance
        of; chances of; warn of; warns of; warned of; warning of; warnings of; likelihood of; spectre of; cannot rule
        out; can't rule out; could not rule out; couldn't rule out; not rule out; not ruled out; not ruling out;
        refused to rule out; refuses to rule out; declined to rule out; not exclude; not deny; not denied; not
        denying; neither confirm nor deny; neither confirmed nor denied; not confirm; not confirmed; not been
        confirmed; not confirming; cannot confirm; could not confirm; couldn't confirm; can't confirm; unable to
        confirm; unconfirmed; unverified; no confirmation; not verify; not verified; not been verified; not
        independently verify; could not be verified; not clear; not yet clear; unclear; not known; not necessarily;
        potential for; possible that; rumours of; rumors of; speculation that; speculation about; would-be; on alert
        for; to avoid; to prevent; to avert; to deter; to stop; hopes of; aimed at preventing; in an attempt to
        prevent; planned; plot; plots; imminent; hypothetical; simulated; mock; fictional; predicted; predicts;
        forecast; call for; calls for; called for; calling for; demand; demands; demanded; demanding; ask for; asks
        for; asked for; appeal for; appeals for; appealed for; threaten; threatens; threatened; threatening; plan for;
        plans for; preparing for; prepare for; prepares for; braced for; bracing for; support for; urge; urges; urged;
        urging; propose; proposes; proposed; proposing; consider; considers; considering; considered""",
    _Force.TERMINATOR: """but; however; although; though; yet; except; nevertheless; nonetheless; because; since; after;
        before; until; while; whilst; when; whenever; where; which; who; whose; whom; despite; following; amid; during;
        apart from; aside from; even as; as well as; days after; hours after; in response to; in retaliation for;
        over; about; what; how; why; by saying; said; says; saying; added; told""",
}
_AFTER_HIT: dict[_Force, str] = {
    _Force.NEGATION: """no one; nobody; none; was ruled out; were ruled out; is ruled out; are ruled out;
        been ruled out; be ruled out; ruled out; was averted; were averted; been averted; averted; was prevented;
        were prevented; was foiled; were foiled; been foiled; foiled; was thwarted; were thwarted; thwarted;
        did not happen; did not take place; did not occur; did not materialise; did not materialize; never happened;
        never came; never materialised; never materialized; didn't happen; not happening; is not happening;
        was called off; were called off; been called off; called off; was cancelled; were cancelled; was canceled;
        off the table; not on the table; not on the agenda; is not an option; was not; were not; wasn't; weren't;
        is not; are not; isn't; aren't; has not; have not; hasn't; haven't; did not; didn't; was a hoax; a false alarm;
        turned out to be false; was false; were false; not true; untrue""",
    _Force.DENIAL: """was denied; were denied; been denied; is denied; are denied; was dismissed as; were dismissed as;
        been dismissed as; were dismissed by; was rejected as; were rejected as""",
    _Force.POSSIBLE: """cannot be ruled out; can't be ruled out; could not be ruled out; not be ruled out;
        not been ruled out; not ruled out; is unlikely; are unlikely; is possible; are possible; was possible;
        is likely; are likely; could follow; may follow; would be; could be; may be; might be; will be;
        not been confirmed; not confirmed; unconfirmed; is imminent; are imminent; is inevitable; would; could;
        might; will; is expected; are expected; unless; if""",
    _Force.PSEUDO: """not only; not just; is not over; is not the; was not the first; are not the first;
        will be remembered; will be investigated; not been claimed; not yet been claimed; will face; will be buried;
        could be heard; could be seen; will not; would not; has not been named; have not been named; not been named;
        have not been identified; has not been identified; not immediately; is not yet known; was not immediately;
        will be tried; would have been; could have been; might have been; may have been""",
    _Force.TERMINATOR: """but; however; although; though; yet; because; since; after; before; until; while; when;
        where; which; who; whose; despite; following; amid; and; as; that; said; says; he; she; they; it; we; police;
        officials;
        in; on; at; near""",
}
_CLAIM_WORDS = """
    report reports claim claims suggestion suggestions rumour rumours rumor rumors allegation allegations speculation
    idea talk accusation accusations accounts notion that as fears warnings
"""
_CLAIMS = frozenset(_CLAIM_WORDS.split())
_DEFINITE = frozenset(("the", "this", "that", "these", "those", "last", "today's", "yesterday's"))
_LIST_WORDS = frozenset(("or", "nor", "and", "any", "a", "an", "more", "further", "new"))
_INSERTION_WORDS = "said says told added in on at according however for from though who whose which"
_INSERTIONS = frozenset(_INSERTION_WORDS.split())
_MARKS = frozenset(".;:!?()—–…")
_FORCELESS = frozenset((_Force.PSEUDO, _Force.TERMINATOR))
_LONGEST = 6
"""Words of the longest trigger."""

_WORD = re.compile(r"[^\W_]+(?:['-][^\W_]+)*|'[a-z]+|[.,;:!?()—–…]")
_APOSTROPHES = str.maketrans({"’": "'", "ʼ": "'", "‘": "'"})


class _Node:
    __slots__ = ("force", "next")

    def __init__(self) -> None:
        self.next: dict[str, _Node] = {}
        self.force: _Force | None = None


def _tree(lists: dict[_Force, str]) -> _Node:
    root = _Node()
    for force, phrases in lists.items():
        for phrase in phrases.split(";"):
            node = root
            for word in phrase.split():
                node = node.next.setdefault(word, _Node())
            node.force = force
    return root


_PRECEDING = _tree(_BEFORE_HIT)
_FOLLOWING = _tree(_AFTER_HIT)


def _words(text: str) -> list[str]:
    if not text.isascii():
        text = text.translate(_APOSTROPHES)
    elif "'" not in text and "May" not in text:
        return _WORD.findall(text.lower())
    return [word if word == "May" else word.lower() for word in _WORD.findall(text)]


def _longest(tree: _Node, words: list[str], at: int) -> tuple[_Force, int] | None:
    """The longest trigger that starts at this word, and how many words it has."""
    node: _Node | None = tree
    found = None
    for length, word in enumerate(words[at : at + _LONGEST], start=1):
        node = node.next.get(word) if node else None
        if node is None:
            break
        if node.force is not None:
            found = (node.force, length)
    return found


def _triggers(tree: _Node, words: list[str]) -> list[tuple[_Force, int, int]]:
    """(force, first word, word behind the last), left to right, none overlapping."""
    found = []
    behind = 0
    for at in [at for at, word in enumerate(words) if word in tree.next]:
        hit = _longest(tree, words, at) if at >= behind else None
        if hit is not None:
            behind = at + hit[1]
            found.append((hit[0], at, behind))
    return found


def _scope(words: list[str], triggers: list[tuple[_Force, int, int]]) -> range | list[int]:
    """Words whose triggers still reach the hit: behind the last terminator, insertions between commas left out."""
    start, skipped = 0, set[int]()
    for force, _, end in triggers:
        if force is _Force.TERMINATOR and not _is_inserted(words, end):
            start = max(start, end)
    at = len(words) - 1
    while at >= start:
        word = words[at]
        if word in _MARKS:
            start = at + 1
        elif word == ",":
            opening = _insertion(words, at)
            if opening is not None:
                skipped.update(range(opening, at))
                at = opening
            elif not _is_list(words[at + 1 :]):
                start = at + 1
        elif word == "and" and len(words) - at > 2:  # "no warning and twelve were killed": a clause of its own
            start = at + 1
        at -= 1
    return [at for at in range(start, len(words)) if at not in skipped] if skipped else range(start, len(words))


def _is_list(words: list[str]) -> bool:
    """Whether a comma before these words goes on with a list that the hit ends: "no talks, raids or strikes"."""
    if words and words[-1] in {"or", "nor"} and len(words) <= 8:
        return True
    return all(word in _LIST_WORDS for word in words)


def _is_inserted(words: list[str], at: int) -> bool:
    """Whether this place lies in an insertion that a comma behind it closes."""
    return any(words[end] == "," and (_insertion(words, end) or end) < at for end in range(at, min(at + 6, len(words))))


def _insertion(words: list[str], closing: int) -> int | None:
    """Where the comma stands that opens an insertion ("denied, in a letter, that"), or None."""
    for at in range(closing - 1, max(-1, closing - 7), -1):
        if words[at] == ",":
            return at if any(word in _INSERTIONS for word in words[at + 1 : closing]) else None
        if words[at] in _MARKS:
            return None
    return None


def _preceding(words: list[str]) -> set[_Force]:
    triggers = _triggers(_PRECEDING, words)
    if all(force in _FORCELESS for force, _, _ in triggers):
        return set()
    scope = _scope(words, triggers)
    is_definite = any(word in _DEFINITE for word in words[-2:])
    forces: set[_Force] = set()
    previous: tuple[_Force, int] | None = None  # force and end of the trigger before
    for force, first, end in triggers:
        if first not in scope or _distance(words, end) > REACH:
            previous = (force, end)
            continue
        if force is _Force.CLAIM_DENIAL:
            force = _Force.DENIAL if any(word in _CLAIMS for word in words[end : end + 4]) else _Force.PSEUDO  # noqa: PLW2901
        if force in {_Force.DENIAL, _Force.STRONG_NEGATION} and _is_undone(previous, first):
            forces.discard(_Force.NEGATION)
            force = _Force.STRONG_POSSIBLE  # noqa: PLW2901 - "has never denied", "did not rule out"
        if not (is_definite and force in {_Force.NEGATION, _Force.POSSIBLE}) and not _is_number(words, first, force):
            forces.add(force)
        previous = (force, end)
    return forces


def _distance(words: list[str], end: int) -> int:
    """Words from a trigger to the hit, punctuation not counted."""
    return sum(1 for word in words[end:] if word not in _MARKS and word != ",")


def _is_undone(previous: tuple[_Force, int] | None, first: int) -> bool:
    return previous is not None and previous[0] is _Force.NEGATION and first - previous[1] <= 2


def _is_number(words: list[str], first: int, force: _Force) -> bool:
    """Whether "no" abbreviates number: "No. 10", "No 10"."""
    if force is not _Force.NEGATION or words[first] != "no":
        return False
    following = [word for word in words[first + 1 : first + 3] if word != "."]
    return bool(following) and following[0].isdecimal()


def _following(words: list[str]) -> set[_Force]:
    forces: set[_Force] = set()
    for force, first, _ in _triggers(_FOLLOWING, words[: 7 + _LONGEST]):
        if force is _Force.TERMINATOR or first > 6 or any(word in _MARKS for word in words[:first]):
            break
        forces.add(force)
        if force is _Force.PSEUDO:
            break
    return forces


def _is_question(after: list[str]) -> bool:
    return next((word for word in after if word in {".", "!", "?", ";"}), "") == "?"


def assertion(text: str, sentence: Span, hit: Span, quotes: Sequence[Quoted] = ()) -> Assertion:
    """How the sentence presents what stands at `hit`.

    The words of the hit itself are no triggers: in "threatened to strike", the hit "threatened" is asserted and the hit
    "strike" is hypothetical. What weakens more wins: denied, negated, question, hypothetical, quoted, asserted. A
    definite event is presupposed by what surrounds it: "did not comment on the raid" asserts the raid.

    quotes  quotations that touch the sentence; others cost time and change nothing.
    >>> line = "The ministry denied that it had shelled the port."
    >>> assertion(line, Span(0, len(line)), Span(32, 39))
    <Assertion.DENIED: 'denied'>
    """
    start, end = max(sentence.start, hit.start - BEFORE), min(sentence.end, hit.end + AFTER)
    before = _words(text[start : hit.start])
    if start > sentence.start:
        before = before[1:]  # the window may open inside a word
    after = _words(text[hit.end : max(end, hit.end)])
    forces = _preceding(before) | _following(after)
    if _Force.DENIAL in forces:
        return Assertion.DENIED
    if forces & {_Force.NEGATION, _Force.STRONG_NEGATION}:
        is_open = _Force.STRONG_POSSIBLE in forces and _Force.STRONG_NEGATION not in forces
        return Assertion.HYPOTHETICAL if is_open and _is_after_negation(before) else Assertion.NEGATED
    if _is_question(after):
        return Assertion.QUESTION
    if forces & {_Force.POSSIBLE, _Force.STRONG_POSSIBLE}:
        return Assertion.HYPOTHETICAL
    if any(quote.outer.start <= hit.start and hit.end <= quote.outer.end for quote in quotes):
        return Assertion.QUOTED
    return Assertion.ASSERTED


def _is_after_negation(before: list[str]) -> bool:
    """Whether the last open possibility stands behind the last negation: "no official said whether"."""
    last = {force: first for force, first, _ in _triggers(_PRECEDING, before)}
    return last.get(_Force.STRONG_POSSIBLE, -1) > last.get(_Force.NEGATION, -1)
