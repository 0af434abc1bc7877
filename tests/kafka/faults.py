"""Many updates with known results, and the account of a disturbed run against an undisturbed one."""

import hashlib
import json
import os
import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from schemas.article import EntryRevision, Format, Post
from schemas.codec import alert_from_record, decode, encode
from streams.log import EventLog, Record
from streams.sample import sample_updates
from streams.topics import ALERTS, ENTRIES
from tests.builders import an_update
from tests.e2e.harness import Tocsin
from tests.kafka.crew import ROOT, ask, publish

PAGE = "live/2026/mar/14/yarrel-river-crisis"
OWN_NAMES = {
    "River Fleet": "River {} Fleet",
    "head of the fleet": "head of the {} Fleet",
    "Vasht": "Vasht{}",
    "Linnow": "Linnow{}",
    "Ostwick": "Ostwick{}",
}
"""Who changes posts in the sample: what is known of a post is shared by all stories, so each page has its own."""


def seed() -> int:
    """TOCSIN_SEED, else a new one; every test prints it."""
    return int(os.environ.get("TOCSIN_SEED") or random.randrange(2**32))


# -- updates and what they must give


def flow(count: int, dice: random.Random, *, pages: int | None = None) -> list[bytes]:
    """Updates in an order that only respects each item's own: copies of the bundled live blog among quiet notices.

    Each notice is followed closely by its edit, so that a stage has both in one batch: what it stores of the item is
    then newer than the first of the two, and only the memory of what that led to tells it, read again, from a change.

    pages  copies, of 44 updates and some 55 alerts each; chosen so that about 5 % of many updates give an alert
    """
    blogs = [_page(number) for number in range(pages or max(4, count // 1000))]
    numbers = list(range((count - sum(map(len, blogs))) // len(_NOTICES)))
    notices = [
        [_notice(number, text) for text in _NOTICES for number in numbers[first : first + PAIRS]]
        for first in range(0, len(numbers), PAIRS)
    ]
    turns = [(queue, 1) for blog in blogs for queue in [iter(blog)] * len(blog)]
    turns += [(iter(several), len(several)) for several in notices]
    dice.shuffle(turns)
    return [update for queue, how_many in turns for update in islice(queue, how_many)]


PAIRS = 20
"""So many notices, then their edits. Next to one another an append would hold two records: see `crew.publish`."""

_NOTICES = (
    "The ferry from pier {} runs every half hour, and the crossing takes nine minutes.",
    "The ferry from pier {} runs every hour, and the crossing takes twelve minutes.",
)
"""A notice and its edit; neither says anything that would be told."""


def _page(number: int) -> list[bytes]:
    tail = "".join("bdfgklmnprst"[int(digit)] + "aeiou"[int(digit) % 5] for digit in f"{number:03d}")
    found = []
    for raw in sample_updates():
        text = raw.decode().replace(PAGE, f"live/{number}/crisis")
        for name, own in OWN_NAMES.items():
            text = text.replace(name, own.format(tail.title() if " " in name else tail))
        found.append(text.encode())
    return found


def _notice(number: int, text: str) -> bytes:
    edit = _NOTICES.index(text)
    item = f"https://sample-news.example/notices/{number}"
    post = Post(text=text.format(number), id=f"n{number}")
    update = an_update(update_id=f"up_n{number}_{edit}", item=item, format=Format.POSTS, body="", posts=(post,))
    return encode(update)


@dataclass(frozen=True)
class Outcome:
    """All records of `entries` and of the alert topics, in log order: id -> every body's hash, and what went down."""

    entries: dict[str, list[str]]
    alerts: dict[str, list[str]]
    falling: tuple[str, ...]


async def _outcome(log: EventLog) -> Outcome:
    entries: dict[str, list[str]] = {}
    alerts: dict[str, list[str]] = {}
    falling: list[str] = []
    names = (ENTRIES.name, *(topic.name for topic in ALERTS.values()))
    present = await log.topics()
    for name in names:
        for partition in await log.ends(name) if name in present else ():
            highest: dict[str, int] = {}
            async for record in log.read(name, partition, 0):
                found, (one, of, version) = (
                    (entries, _entry(record)) if name == ENTRIES.name else (alerts, _alert(record))
                )
                if one not in found:  # de-duplicated: the first copy counts
                    if version < highest.get(of, 0):
                        falling.append(f"{name}: {of}: {highest[of]} then {version}")
                    highest[of] = max(version, highest.get(of, 0))
                found.setdefault(one, []).append(hashlib.sha256(_body(record)).hexdigest())
    return Outcome(entries, alerts, tuple(falling))


def _entry(record: Record) -> tuple[str, str, int]:
    entry = decode(EntryRevision, record.value)
    return entry.revision_id, entry.entry_id, entry.revision


def _alert(record: Record) -> tuple[str, str, int]:
    alert = alert_from_record(record.value, record.headers)
    return alert.id, alert.data.alert_id, alert.data.version


def _body(record: Record) -> bytes:
    return json.dumps(
        [sorted((name, value.hex()) for name, value in record.headers), (record.value or b"").hex()]
    ).encode()


FAST = {"TOCSIN_STATEMENTS_ENGINE": "rules"}
"""Settings of every worker here: what is tested is the way of the records, not the reading."""


def outcome(tocsin: Tocsin) -> Outcome:
    """All that was published so far."""
    found: Outcome = ask(tocsin, _outcome)
    return found


def calm(folder: Path, updates: Sequence[bytes]) -> Outcome:
    """What an undisturbed run on the embedded log makes of the updates."""
    folder.mkdir(parents=True)
    tocsin = Tocsin(folder, PYTHONPATH=str(ROOT), **FAST)
    publish(tocsin, updates)
    tocsin.process()
    return outcome(tocsin)


@dataclass(frozen=True, kw_only=True)
class Account:
    """A disturbed run against an undisturbed one.

    lost, extra  ids of entry revisions and alerts; not there, or not to be there
    changed      ids with a second body, or with another body than in the undisturbed run
    duplicates   records beyond the first of their id
    falling      articles or alerts whose version went down after de-duplication
    """

    expected: int
    alerts: int
    lost: tuple[str, ...]
    extra: tuple[str, ...]
    changed: tuple[str, ...]
    falling: tuple[str, ...]
    duplicates: int
    duplicate_alerts: int

    def is_good(self) -> bool:
        """Nothing but duplicates."""
        return not (self.lost or self.extra or self.changed or self.falling)

    def line(self) -> str:
        """For people."""
        return (
            f"revisions+alerts={self.expected} (alerts={self.alerts}) lost={len(self.lost)} extra={len(self.extra)} "
            f"changed={len(self.changed)} falling={len(self.falling)} duplicates={self.duplicates} "
            f"(alerts={self.duplicate_alerts}, {self.duplicate_alerts / max(1, self.alerts):.1%})"
        )


def account(expected: Outcome, found: Outcome) -> Account:
    """Compare, topic by topic and body by body."""
    wanted, got = expected.entries | expected.alerts, found.entries | found.alerts
    return Account(
        expected=len(wanted),
        alerts=len(expected.alerts),
        lost=tuple(sorted(wanted.keys() - got.keys())),
        extra=tuple(sorted(got.keys() - wanted.keys())),
        changed=tuple(sorted(one for one in wanted.keys() & got.keys() if {*got[one]} != {*wanted[one]})),
        falling=found.falling,
        duplicates=sum(len(copies) - 1 for copies in got.values()),
        duplicate_alerts=sum(len(copies) - 1 for copies in found.alerts.values()),
    )
