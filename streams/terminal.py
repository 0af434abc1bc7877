"""Alerts as people read them: coloured on a terminal, plain when piped."""

from datetime import datetime

from rich.console import Console
from rich.padding import Padding
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

    seen  time of the alert printed before, so that a new day is announced once
    """
    data = alert.data
    if seen is None or seen.date() != alert.time.date():
        _print(console, Text(f"── {alert.time:%A %d %B %Y} ──", style="dim"), 0)
    line = Text(f"{alert.time:%H:%M}  ", style="dim")
    line.append(f"{alert.severitytext:<9}", style=_LEVEL[alert.severitynumber])
    line.append(f"{word(alert):<15} ", style=_FAMILY[alert.type.family])
    line.append(data.headline, style="bold")
    _print(console, line, 0)
    if data.change is not None and data.msgtype is not MessageType.ALERT:
        for label, text, style in (("was", data.change.was, "red"), ("now", data.change.now, "green")):
            if text:
                _print(console, Text(f"{label}  {clip(text, _QUOTE)}", style=style))
    for proof in data.evidence[: 1 if data.statement else 3]:
        where = (
            f"  {proof.origin or proof.source} {proof.published_at:%H:%M}, entry {proof.entry[3:9]} r{proof.revision}"
        )
        _print(console, Text(f"“{clip(proof.exact, _QUOTE)}”", style="italic").append(where, style="dim not italic"))
    _print(console, Text(data.why, style="dim"))


def _print(console: Console, text: Text, indent: int = 7) -> None:
    """Wrapped under its own indent on a terminal; one unbroken line when piped, so that grep and cut work."""
    if console.is_terminal:
        console.print(Padding(text, (0, 0, 0, indent)))
    else:
        console.print(Text(" " * indent).append_text(text), soft_wrap=True)
