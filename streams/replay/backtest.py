"""What another rule would have told: history through the rules at hand and through the draft, and the difference."""

import asyncio
import tempfile
import tomllib
from collections.abc import Callable, Collection
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from agents.routing.filters import match
from agents.routing.view import View
from schemas.alert import Alert, Status
from schemas.article import ArticleUpdate
from schemas.errors import InputError
from schemas.subscription import Subscription
from streams import alerts
from streams.log import EventLog, TopicPartition
from streams.replay.difference import Difference, Side, Told, by_day, counted, difference
from streams.replay.history import (
    History,
    Position,
    Span,
    place_of_alert,
    place_of_update,
    read_alert,
    read_update,
    times_of,
)
from streams.replay.machine import FAMILIES, Machine
from streams.replay.plan import Plan
from streams.replay.state import MEMORY_BYTES, RunFolder
from streams.routing import stored
from streams.routing.forms import read_forms
from streams.rulesets import load_ruleset
from streams.settings import Settings, load

TURN = 50
SAVE = 2_000
SENT = "sent"
"""The baseline that is no configuration: what stands in the alert topics."""


class Draft(NamedTuple):
    """What is tried: other settings, or one subscription.

    names  detectors that it changes
    """

    label: str
    settings: Settings
    names: frozenset[str]
    subscription: Subscription | None = None


class Report(msgspec.Struct, kw_only=True):
    """The answer.

    by_subscription  for each subscription of the log that it concerns, how many more and fewer alerts it would want
    """

    draft: str
    baseline: str
    from_: str | None
    to: str | None
    updates: int
    detectors: list[str]
    before: int
    after: int
    same: int
    added: int
    lost: int
    changed: int
    by_kind: dict[str, dict[str, int]]
    by_story: dict[str, dict[str, Any]]
    by_subscription: dict[str, dict[str, int]]
    by_day: list[dict[str, Any]]
    samples: dict[str, list[dict[str, Any]]]

    @property
    def is_equal(self) -> bool:
        """Whether nothing would change."""
        return not (self.added or self.lost or self.changed)


def draft_of(path: str, settings: Settings, environ: dict[str, str]) -> Draft:
    """What a file tries: [[ladder]] or [[concept]] tables, [[subscriptions]], or settings. Raises InputError."""
    try:
        table = tomllib.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: expected TOML, found {error}") from None
    if "subscriptions" in table:
        found = read_forms(path, Path(path).read_text("utf-8"), registries=settings.registries)
        if len(found) != 1:
            raise InputError(f"{path}: expected one subscription, found {len(found)}")
        return Draft(path, settings, frozenset(), found[0])
    if "ladder" in table or "concept" in table:
        draft = msgspec.structs.replace(settings, ladders=(*settings.ladders, path))
        load_ruleset(draft.ladders)  # its faults come before anything is read
        return Draft(path, draft, frozenset({"escalations"}))
    other = load(environ, broker=settings.broker, file=Path(path))
    return Draft(path, other, _changed(settings, other))


def _changed(one: Settings, other: Settings) -> frozenset[str]:
    """Detectors whose settings differ; all where none do."""
    names = set()
    if one.statements_engine != other.statements_engine:
        names.add("statements")
    if one.ladders != other.ladders:
        names.add("escalations")
    if one.registries != other.registries:
        names |= {"statements", "officials"}  # who speaks is looked up there too
    return frozenset(names or FAMILIES)


class Backtest:
    """One backtest over one log; nothing is written to it.

    baseline  None for what was sent
    tell      called with the number of records that were read since the last call
    """

    def __init__(
        self,
        event_log: EventLog,
        plan: Plan,
        draft: Draft,
        baseline: Draft | None,
        *,
        tell: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._log = event_log
        self._plan = plan
        self._draft = draft
        self._baseline = baseline
        self._tell = tell
        self._updates = 0
        names = draft.names | (baseline.names if baseline is not None else frozenset())
        self.names = frozenset(FAMILIES) if draft.subscription is not None else names

    async def run(self, found: Span, *, samples: int = 5) -> Report:
        """Read history once and compare.

        found  what there is to read: updates, or alerts for a subscription
        """
        if self._draft.subscription is not None:
            before, after, label = await self._filtered(self._draft.subscription, found)
        else:
            before, after = await self._run_again(found)
            label = SENT if self._baseline is None else self._baseline.label
        ours, theirs = before.told(), after.told()
        apart = difference(ours, theirs)
        return Report(
            draft=self._draft.label,
            baseline=label,
            from_=None if self._plan.from_ is None else self._plan.from_.isoformat(),
            to=None if self._plan.to is None else self._plan.to.isoformat(),
            updates=self._updates,
            detectors=sorted(self.names),
            before=apart.before,
            after=apart.after,
            same=apart.same,
            added=len(apart.added),
            lost=len(apart.lost),
            changed=len(apart.changed),
            by_kind=counted(apart, "type"),
            by_story=_titled(apart),
            by_subscription=await self._by_subscription(apart),
            by_day=by_day(ours.values(), theirs.values(), apart),
            samples=_samples(apart, samples),
        )

    async def _run_again(self, found: Span) -> tuple[Side, Side]:
        book = (await stored.asked(self._log)).book()
        now = datetime.now(UTC)

        def wanting(alert: Alert) -> Collection[str]:
            return book.matching(View(alert), now) if book.subscriptions else ()

        before, after = Side(wanting), Side(wanting)
        if self._baseline is None:
            await self._sent(before)
        async with _folder() as folder:
            machine = Machine(self._draft.settings, folder, wants=self._wants, only=self.names, prefix="draft/")
            machines = [(machine, after)]
            if self._baseline is not None:
                other = Machine(self._baseline.settings, folder, wants=self._wants, only=self.names, prefix="base/")
                machines.append((other, before))
            async for event in self._events(found, read_update, place_of_update):
                assert isinstance(event, ArticleUpdate)
                if not self._counts(event):
                    continue
                self._updates += 1
                revisions = machine.cut(event)
                for one, side in machines:
                    for alert in one.revisions(revisions):
                        if self._plan.within(alert.time):
                            side.add(alert)
                if self._updates % SAVE == 0:
                    states = [state for one, _ in machines for state in one.states()]
                    folder.save({}, {state.step: state.changed() for state in states})
                    for state in states:
                        state.saved(MEMORY_BYTES // len(states))
        return before, after

    async def _sent(self, side: Side) -> None:
        families = {FAMILIES[name] for name in self.names}
        async for alert in alerts.stored(self._log, alerts.Query()):
            if alert.type.family in families and self._is_told(alert):
                side.add(alert)

    async def _filtered(self, draft: Subscription, found: Span) -> tuple[Side, Side, str]:
        """One subscription's filter over the stored alerts, beside the one that it replaces."""
        known = (await stored.asked(self._log)).subscriptions.get(draft.id)
        before, after = Side(), Side()
        async for event in self._events(found, read_alert, place_of_alert):
            assert isinstance(event, Alert)
            if self._is_told(event):
                self._updates += 1
                if known is not None and match(known.filter, event).is_match:
                    before.add(event)
                if match(draft.filter, event).is_match:
                    after.add(event)
        return before, after, f"subscription {known.owner}/{known.name}" if known is not None else "no subscription"

    async def _events(self, found: Span, read_event: Any, place: Any) -> Any:
        positions = {tp: Position(start) for tp, start in found.starts.items()}
        ends: dict[TopicPartition, int] = dict(found.ends)
        count = 0
        async for reading in History(self._log, ends, positions, read_event, place).read():
            if reading.event is not None:
                yield reading.event
            count += 1
            if count % TURN == 0:
                self._tell(TURN)
                await asyncio.sleep(0)

    def _counts(self, update: ArticleUpdate) -> bool:
        plan = self._plan
        if plan.source is not None and update.source != plan.source:
            return False
        return plan.to is None or min(times_of(update)) < plan.to

    def _wants(self, revision: Any) -> bool:
        return self._plan.story is None or revision.story == self._plan.story

    def _is_told(self, alert: Alert) -> bool:
        is_ours = alert.data.status is Status.ACTUAL and self._plan.within(alert.time)
        return is_ours and self._plan.story in (None, alert.story)

    async def _by_subscription(self, apart: Difference) -> dict[str, dict[str, int]]:
        """How many alerts more and fewer each subscription of the log would want."""
        known = (await stored.asked(self._log)).subscriptions
        rows: dict[str, dict[str, int]] = {}
        for what, found in (("added", apart.added), ("lost", apart.lost)):
            for told in found:
                for id in told.wanted:
                    rows.setdefault(f"{known[id].owner}/{known[id].name}", {"added": 0, "lost": 0})[what] += 1
        return dict(sorted(rows.items()))


def _titled(apart: Difference) -> dict[str, dict[str, Any]]:
    titles = {told.story: told.title for told in (*apart.added, *apart.lost, *(pair.after for pair in apart.changed))}
    return {story: {"title": titles.get(story), **row} for story, row in counted(apart, "story").items()}


def _samples(apart: Difference, most: int) -> dict[str, list[dict[str, Any]]]:
    """A few of each, over the whole time: an even choice, so that the first day does not fill them."""
    return {
        "added": [_shown(one) for one in _spread(apart.added, most)],
        "lost": [_shown(one) for one in _spread(apart.lost, most)],
        "changed": [
            {"before": _shown(pair.before), "after": _shown(pair.after), "fields": list(pair.fields)}
            for pair in _spread(apart.changed, most)
        ],
    }


def _spread(found: list[Any], most: int) -> list[Any]:
    if len(found) <= most:
        return found
    return [found[n * len(found) // most] for n in range(most)]


def _shown(told: Told) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(told)
    del plain["said"], plain["key"]
    return plain | {"family": told.key[0], "subject": told.key[1]}


@asynccontextmanager
async def _folder() -> Any:
    with tempfile.TemporaryDirectory(prefix="tocsin-") as directory:
        folder = RunFolder(Path(directory))
        try:
            yield folder
        finally:
            folder.close()
