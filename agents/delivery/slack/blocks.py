"""Blocks of Block Kit, and Slack's limits on them.

Limits of Slack: header 150, section 3,000, 50 blocks, 10,000 in all blocks together; counted after escaping.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

from agents.delivery.slack.mrkdwn import fit, length
from agents.delivery.wording import plain as plain_words
from schemas.alert import Alert
from schemas.delivery import Delivery
from schemas.event import Severity, Struct

HEADER = 150
SECTION = 3000
BLOCKS = 50
TOGETHER = 10_000

_TEXT = 3000

Block = dict[str, object]

EMOJI = {
    Severity.NOTE: "⚪",
    Severity.WATCH: "🔵",
    Severity.ADVISORY: "🟡",
    Severity.URGENT: "🟠",
    Severity.BULLETIN: "🔴",
    Severity.FLASH: "🚨",
}


class Message(Struct, frozen=True, kw_only=True):
    """What is posted: the blocks, and the plain words for notifications and readers without blocks."""

    text: str
    blocks: tuple[Block, ...]


def section(text: str) -> Block:
    """Words as they are; `text` is escaped already."""
    return {"type": "section", "text": plain(text)}


def heading(text: str) -> Block:
    """The header of a root, of foreign words."""
    return {"type": "header", "text": plain(fit(text, HEADER) or "…")}


def context(*elements: Block) -> Block:
    """Small print, at most ten pieces."""
    return {"type": "context", "elements": list(elements[:10])}


def said(text: str) -> Block:
    """A section of words of our own with formatting; nothing foreign may be in it but through `mrkdwn`."""
    return {"type": "section", "text": ours(text)}


def ours(text: str) -> Block:
    """Words of our own with formatting. verbatim: Slack makes no links and no names of it."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def plain(text: str) -> Block:
    """Words as they are; `text` is escaped already."""
    return {"type": "plain_text", "text": text, "emoji": False}


def level(severity: Severity) -> str:
    """Severity by sign and word, never by colour alone."""
    return f"{EMOJI[severity]} *{severity.name}*"


def clock(at: datetime) -> str:
    """ "12:04 UTC"."""
    return f"{at.astimezone(UTC):%H:%M} UTC"


def dated(at: datetime) -> str:
    """ "2026-03-14 12:04 UTC"."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def sections(lines: Iterable[str]) -> list[Block]:
    """Sections of as many lines as each holds."""
    found: list[Block] = []
    held: list[str] = []
    size = 0
    for line in lines:
        if held and size + length(line) + 1 > SECTION:
            found.append(section("\n".join(held)))
            held, size = [], 0
        held.append(line)
        size += length(line) + 1
    return [*found, section("\n".join(held))] if held else found


def fallback(delivery: Delivery, alert: Alert | None) -> str:
    """The plain words of notifications and screen readers, escaped."""
    lines: list[str] = []
    left = _TEXT
    for line in plain_words(delivery, alert).split("\n"):
        lines.append(fit(line, max(1, left)))
        left -= length(lines[-1]) + 1
        if left <= 0:
            break
    return "\n".join(lines) if lines[0] else "tocsin"
