"""Two sets of alerts over one history: what one has and the other has not, alert by alert.

Ids depend on the rules and on how many alerts came before, so alerts are matched by family, subject and the entry that
opened them; several of one key in their order.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import date, datetime
from typing import Any, NamedTuple

import msgspec

from schemas.alert import Alert, Family

Key = tuple[str, str, str, int]
"""Family, subject, opening entry, and which of those with the same three."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One alert with all its messages, as a report shows it.

    said    digests of what its messages say but ids and ordinals, by field: equal alerts have equal ones
    words   the strongest evidence, verbatim
    span    of these words in the entry's text, code points, half-open
    wanted  ids of the subscriptions that want its first message
    """

    key: Key
    type: str
    story: str
    title: str | None
    time: datetime
    severity: str
    headline: str
    why: str
    words: str
    entry: str
    span: tuple[int, int] | None
    wanted: tuple[str, ...]
    messages: int
    said: tuple[dict[str, bytes], ...]

    @property
    def day(self) -> date:
        """Of its first message, UTC."""
        return self.time.date()


class Pair(NamedTuple):
    """One alert that both have, but not alike."""

    before: Told
    after: Told

    @property
    def fields(self) -> tuple[str, ...]:
        """What differs, in the first message that does; "messages" where one has more of them."""
        for one, other in zip(self.before.said, self.after.said, strict=False):
            if one != other:
                return tuple(name for name in sorted(one.keys() | other.keys()) if one.get(name) != other.get(name))
        return ("messages",)


class Difference(msgspec.Struct, kw_only=True):
    """What the second has more, what it lacks, and what it tells otherwise; each in order of time."""

    before: int
    after: int
    same: int
    added: list[Told]
    lost: list[Told]
    changed: list[Pair]

    @property
    def is_equal(self) -> bool:
        """Whether there is none."""
        return not (self.added or self.lost or self.changed)


class Side:
    """Collects the messages of one side.

    wanting  ids of the subscriptions that want a message
    """

    def __init__(self, wanting: Callable[[Alert], Collection[str]] = lambda _: ()) -> None:
        self._wanting = wanting
        self._messages: dict[str, list[_Message]] = defaultdict(list)
        self._seen: set[str] = set()

    def add(self, alert: Alert) -> None:
        """One more message; one that is known already counts once."""
        if alert.id not in self._seen:
            self._seen.add(alert.id)
            messages = self._messages[alert.data.alert_id]
            messages.append(_message(alert, () if messages else self._wanting(alert)))

    def told(self) -> dict[Key, Told]:
        """Every alert by key, in order of time."""
        opened = [sorted(messages, key=lambda one: one.version) for messages in self._messages.values()]
        opened.sort(key=lambda messages: (messages[0].told.time, messages[0].told.key, messages[0].sequence))
        counts: dict[tuple[str, str, str], int] = defaultdict(int)
        found: dict[Key, Told] = {}
        for messages in opened:
            first = messages[0].told
            place = first.key[:3]
            key = (*place, counts[place])
            counts[place] += 1
            said = tuple(one.said for one in messages)
            found[key] = msgspec.structs.replace(first, key=key, messages=len(messages), said=said)
        return found


class _Message(NamedTuple):
    told: Told
    version: int
    sequence: str
    said: dict[str, bytes]


def difference(before: dict[Key, Told], after: dict[Key, Told]) -> Difference:
    """What becomes of the first with the second."""
    changed = [Pair(one, after[key]) for key, one in before.items() if key in after and after[key].said != one.said]
    return Difference(
        before=len(before),
        after=len(after),
        same=sum(key in after for key in before) - len(changed),
        added=[one for key, one in after.items() if key not in before],
        lost=[one for key, one in before.items() if key not in after],
        changed=changed,
    )


def counted(found: Difference, label: str) -> dict[str, dict[str, int]]:
    """Added, lost and changed by an attribute of `Told`, most first."""
    table: dict[str, dict[str, int]] = {}
    for what, told in _flat(found):
        row = table.setdefault(str(getattr(told, label)), {"added": 0, "lost": 0, "changed": 0})
        row[what] += 1
    return dict(sorted(table.items(), key=lambda pair: (-sum(pair[1].values()), pair[0])))


def _flat(found: Difference) -> Iterator[tuple[str, Told]]:
    yield from (("added", one) for one in found.added)
    yield from (("lost", one) for one in found.lost)
    yield from (("changed", pair.after) for pair in found.changed)


def by_day(before: Iterable[Told], after: Iterable[Told], found: Difference) -> list[dict[str, Any]]:
    """A row for each day that has an alert on either side."""
    rows: dict[date, dict[str, int]] = defaultdict(
        lambda: {"before": 0, "after": 0, "added": 0, "lost": 0, "changed": 0}
    )
    for one in before:
        rows[one.day]["before"] += 1
    for one in after:
        rows[one.day]["after"] += 1
    for what, told in _flat(found):
        rows[told.day][what] += 1
    return [{"day": day.isoformat(), **rows[day]} for day in sorted(rows)]


_OURS = frozenset(
    {"alert_id", "references", "status", "version", "observed_at", "why", "suppressed", "matched", "confidence"}
)
"""Fields that count, name or explain: a reader would be told the same."""


def _message(alert: Alert, wanted: Collection[str]) -> _Message:
    data = alert.data
    proof = data.evidence[0] if data.evidence else None
    entry = proof.entry if proof is not None else ""
    place = (Family(alert.type.family).value, alert.subject, entry, 0)
    told = Told(
        key=place,
        type=".".join(alert.type.value.split(".")[1:3]),
        story=alert.story,
        title=data.story.title,
        time=alert.time,
        severity=alert.severitytext,
        headline=data.headline,
        why=data.why,
        words=proof.exact if proof is not None else "",
        entry=entry,
        span=(proof.start, proof.end) if proof is not None else None,
        wanted=tuple(wanted),
        messages=1,
        said=(),
    )
    return _Message(told, data.version, alert.sequence, _said(alert))


def _said(alert: Alert) -> dict[str, bytes]:
    """What a message says, field by field."""
    plain = {name: getattr(alert, name) for name in ("type", "subject", "time", "severitytext")}
    plain |= {name: getattr(alert.data, name) for name in alert.data.__struct_fields__ if name not in _OURS}
    return {
        name: hashlib.sha256(msgspec.json.encode(value, order="deterministic")).digest()[:8]
        for name, value in plain.items()
        if value not in (None, (), {}, False)
    }
