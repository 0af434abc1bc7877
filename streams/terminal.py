"""Alerts as people read them: coloured on a terminal, plain when piped."""

from datetime import datetime

from rich.console import Console
from rich.text import Text

from agents.evidence import clip
from schemas.alert import Alert, Family, MessageType
from schemas.event import Severity

_WORDS = {
    "statement.new": "NEW STATEMENT",
    "statement.corrected": "CORRECTED",
    "statement.retracted": "RETRACTED",
    "statement.corroborated": "CORROBORATED",
    "statement.conflict": "CONFLICT",
    "keyword.escalated": "ESCALATION",
    "keyword.deescalated": "DE-ESCALATION",
    "keyword.burst": "BURST",
    "official.first_mention": "OFFICIAL",
    "official.role_changed": "ROLE CHANGE",
    "official.role_conflict": "ROLE CONFLICT",
    "official.unlisted": "UNLISTED OFFICIAL",
    "entry.updated": "ENTRY UPDATED",
    "entry.withdrawn": "ENTRY WITHDRAWN",
}
_LEVEL = {
    Severity.NOTE: "dim",
    Severity.WATCH: "cyan",
    Severity.ADVISORY: "yellow",
    Severity.URGENT: "bold yellow",
    Severity.BULLETIN: "bold red",
    Severity.FLASH: "bold white on red",
}
_FAMILY = {Family.STATEMENT: "green", Family.KEYWORD: "magenta", Family.OFFICIAL: "blue", Family.ENTRY: "white"}
_QUOTE = 240


def word(alert: Alert) -> str:
    """What happened, in one or two words; a change of an earlier alert says so."""
    name = _WORDS.get(".".join(alert.type.value.split(".")[1:3]), alert.type.value)
    match alert.data.msgtype:
        case MessageType.CANCEL:
            return "WITHDRAWN"
        case MessageType.UPDATE if alert.data.is_reinstated:
            return "REINSTATED"
        case MessageType.UPDATE if name not in ("CORRECTED", "RETRACTED"):
            return "UPDATE"
    return name


def show(console: Console, alert: Alert, *, seen: datetime | None = None) -> None:
    """Print one alert: time, level, what, headline; then was/now, the evidence and why it fired.

    seen  day of the alert printed before, so that a new day is announced once
    """
    if seen is None or seen.date() != alert.time.date():
        console.print(Text(f"── {alert.time:%A %d %B %Y} ──", style="dim"))
    line = Text(f"{alert.time:%H:%M}  ", style="dim")
    line.append(f"{alert.severitytext:<9}", style=_LEVEL[alert.severitynumber])
    line.append(f"{word(alert):<16}", style=_FAMILY[alert.type.family])
    line.append(alert.data.headline, style="bold")
    console.print(line, soft_wrap=not console.is_terminal)
    indent = " " * 32
    change = alert.data.change
    if change is not None and alert.data.msgtype is not MessageType.ALERT:
        if change.was:
            console.print(Text(f"{indent}was: {clip(change.was, _QUOTE)}", style="red"))
        if change.now:
            console.print(Text(f"{indent}now: {clip(change.now, _QUOTE)}", style="green"))
    for proof in alert.data.evidence[:3]:
        console.print(
            Text(f"{indent}“{clip(proof.exact, _QUOTE)}”", style="italic").append(
                f" — {proof.origin or proof.source}, {proof.published_at:%H:%M}, entry {proof.entry[3:11]}"
                f" r{proof.revision} [{proof.start}:{proof.end}]",
                style="dim not italic",
            )
        )
    console.print(Text(f"{indent}{alert.data.why}", style="dim"))
