"""The escalations agent: entries in, transitions of ladders out."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from agents.escalations import messages
from agents.escalations.detection import Ruleset, default_ruleset
from agents.escalations.evidence import SourceWeight, read
from agents.escalations.ladder import fold, reached
from agents.escalations.lexicon import Ladder
from agents.escalations.state import (
    EntryRecord,
    Page,
    Row,
    Sentence,
    StoryState,
    Timeline,
    Told,
    ToldData,
    Track,
    Turn,
    base_key,
    entry_key,
    page_key,
    story_key,
    told_key,
)
from agents.step import State
from schemas.alert import RULESET_MAJOR, Alert, AlertData, AlertType, alert
from schemas.article import EntryRevision, EntryStatus
from schemas.detection import Channel
from schemas.event import Severity
from schemas.identity import alert_id, message_id

PAGE = 64
"""Rows a page holds."""
PAGES = 8
"""Pages kept: what is older is folded into the base and can no longer be withdrawn."""
KEEP_S = 14 * 86400
"""Evidence older than this is folded into the base as well."""
TOLD = 24
"""Alerts of a story that can still be corrected."""


class EscalationsStep:
    """Raises and ends the ladders of stories.

    sources  weights of sources that are not 1000 per mille, and which are wires
    """

    name = "escalations"

    def __init__(self, ruleset: Ruleset | None = None, sources: Mapping[str, SourceWeight] | None = None) -> None:
        self.ruleset = ruleset or default_ruleset()
        self.sources = dict(sources or {})

    def decide(self, state: State, entry: EntryRevision) -> list[Alert]:
        """Alerts of this revision: escalations, ends of episodes, corrections. An older revision does nothing."""
        key = entry_key(entry.story, entry.entry_id)
        record = state.get(key, EntryRecord)
        if record is not None and _is_stale(record, entry):
            return []
        work = _Work(self.ruleset, state, entry)
        work.pass_time()
        at = work.clock if record is not None else _seconds(entry.published_at)
        source = self.sources.get(entry.source, SourceWeight())
        if entry.status is EntryStatus.WITHDRAWN:
            fresh = EntryRecord(
                revision=entry.revision, is_withdrawn=True, sentences=record.sentences if record else ()
            )
        else:
            if record is not None and entry.status is not EntryStatus.REINSTATED:
                at = max(_seconds(entry.modified_at or entry.observed_at), _seconds(entry.published_at))
            found = read(self.ruleset, entry, at, record.sentences if record else (), source)
            work.suppress(found.suppressed)
            fresh = EntryRecord(revision=entry.revision, is_withdrawn=False, sentences=found.sentences)
        state.put(key, fresh)
        work.apply(record, fresh, at)
        return work.done()


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def _is_stale(record: EntryRecord, entry: EntryRevision) -> bool:
    if entry.revision != record.revision:
        return entry.revision < record.revision
    wanted = EntryStatus.REINSTATED if record.is_withdrawn else EntryStatus.WITHDRAWN
    return entry.status is not wanted


class _Work:
    """One decision: the story's state while it changes, and the alerts so far."""

    def __init__(self, ruleset: Ruleset, state: State, entry: EntryRevision) -> None:
        self.ladders = ruleset.ladders
        self.by_id = {ladder.id: ladder for ladder in ruleset.ladders}
        self.state = state
        self.entry = entry
        self.story = state.get(story_key(entry.story), StoryState) or StoryState()
        self.alerts: list[Alert] = []
        self.clock = max(self.story.clock, _seconds(entry.modified_at or entry.published_at))
        self.suppressed = dict(self.story.suppressed)

    def pass_time(self) -> None:
        """Advance to the event's time: episodes that went quiet end before anything new counts."""
        before = self.story.live
        self._set(clock=self.clock, live=fold(before, self.ladders, (), self.clock))
        self._tell_turns(before)

    def suppress(self, counts: Mapping[str, int]) -> None:
        """Add to what was read and did not count."""
        for reason, count in counts.items():
            self.suppressed[reason] = self.suppressed.get(reason, 0) + count

    def apply(self, old: EntryRecord | None, new: EntryRecord, at: int) -> None:
        """Bring the timeline up to the entry's new evidence, and tell what changed."""
        known = {sentence.at for sentence in old.sentences} if old else set()
        times = {sentence.at for sentence in new.sentences} - known
        if old is None:
            times.add(at)  # an entry without evidence is remembered as long as one with it
        horizon = self.clock - KEEP_S
        added = [moment for moment in sorted(times) if moment >= horizon]
        for moment in added:
            self._append(moment)
        if old is None or (not old.is_withdrawn and not new.is_withdrawn and _extends(old, new, added)):
            if all(moment >= self.story.last_at for moment in added):
                self._extend(new, added)
                return
        elif old.is_withdrawn and new.is_withdrawn:
            return
        self._replay(added)

    def _append(self, at: int) -> None:
        """Write down that the entry has evidence at this time."""
        seq, number = self.story.seq + 1, self.story.last_page
        page = self.state.get(page_key(self.entry.story, number), Page) or Page(rows=())
        if len(page.rows) >= PAGE:
            number, page = number + 1, Page(rows=())
        page = Page(rows=(*page.rows, Row(at, seq, self.entry.entry_id)))
        self.state.put(page_key(self.entry.story, number), page)
        self._set(seq=seq, last_page=number)

    def _extend(self, record: EntryRecord, added: Sequence[int]) -> None:
        """Nothing came late and nothing is gone: add to what is there."""
        before = self.story.live
        rows = [(self.entry.entry_id, at, _at(record, at)) for at in added]
        live = fold(before, self.ladders, rows, self.clock)
        self._set(live=live, last_at=max([self.story.last_at, *added]))
        self._tell_turns(before)
        self._forget()

    def _replay(self, added: Sequence[int]) -> None:
        """Evidence came late, changed or is gone: fold all rows again, and correct what was told."""
        rows = sorted((row.at, row.seq, row.entry) for row in self._rows())
        told: list[tuple[str, int, Sequence[Sentence]]] = []
        for at, _, entry in rows:
            record = self.state.get(entry_key(self.entry.story, entry), EntryRecord)
            if record is not None and not record.is_withdrawn:
                told.append((entry, at, _at(record, at)))
        live = fold(self._base(), self.ladders, told, self.clock)
        self._set(live=live, last_at=max([self.story.last_at, *added]))
        self._correct()
        self._tell_levels()
        self._forget()

    def _base(self) -> Timeline:
        return self.state.get(base_key(self.entry.story), Timeline) or Timeline()

    def _rows(self) -> Iterable[Row]:
        for number in range(self.story.first_page, self.story.last_page + 1):
            page = self.state.get(page_key(self.entry.story, number), Page)
            yield from page.rows if page else ()

    def _forget(self) -> None:
        """Fold the oldest page into the base where there are too many pages, or where all of it is too old."""
        story = self.story
        if story.first_page == story.last_page:
            return
        page = self.state.get(page_key(self.entry.story, story.first_page), Page) or Page(rows=())
        horizon = self.clock - KEEP_S
        if story.last_page - story.first_page < PAGES and any(row.at >= horizon for row in page.rows):
            return
        rows: list[tuple[str, int, Sequence[Sentence]]] = []
        for row in sorted(page.rows, key=lambda row: (row.at, row.seq)):
            record = self.state.get(entry_key(self.entry.story, row.entry), EntryRecord)
            if record is not None and not record.is_withdrawn:
                rows.append((row.entry, row.at, _at(record, row.at)))
        last = max((row.at for row in page.rows), default=0)
        self.state.put(page_key(self.entry.story, story.first_page), None)
        self.state.put(base_key(self.entry.story), fold(self._base(), self.ladders, rows, last))
        self._set(first_page=story.first_page + 1)
        for entry in sorted({row.entry for row in page.rows} - {row.entry for row in self._rows()}):
            self.state.put(entry_key(self.entry.story, entry), None)

    def _tell_turns(self, before: Timeline) -> None:
        """Tell the turns that the live timeline took since `before`, in order of time."""
        if self.story.live is before:
            return
        old = {(track.ladder, track.channel): track for track in before.tracks}
        turns: list[tuple[int, str, Channel, Turn, Track]] = []
        for track in self.story.live.tracks:
            known = old.get((track.ladder, track.channel))
            if known is track:
                continue
            count = _new_turns(known, track)
            turns += [
                (turn.at, track.ladder, track.channel, turn, track) for turn in track.turns[len(track.turns) - count :]
            ]
        for _, _, _, turn, track in sorted(turns, key=lambda item: item[:3]):
            self._tell(track, turn)

    def _tell_levels(self) -> None:
        """After a replay: tell where a track stands elsewhere than readers believe."""
        for track in self.story.live.tracks:
            believed = self._believed(track)
            if track.level != believed:
                last = track.turns[-1] if track.turns else Turn(self.clock, 0, "evidence")
                moment = max(last.at, 0) if track.level > believed else self.clock
                cause = "evidence" if track.level > believed else "replayed"
                support = len({one.entry for one in track.supporters if one.level >= track.level})
                score = track.scores[track.level - 1] // 1000 if track.level else 0
                self._tell(track, Turn(moment, track.level, cause, score, support))

    def _believed(self, track: Track) -> int:
        return self.story.levels.get(f"{track.ladder}/{track.channel.value}", 0)

    def _tell(self, track: Track, turn: Turn) -> None:
        believed = self._believed(track)
        if turn.level == believed:
            return
        ladder = self.by_id[track.ladder]
        tail = f"ladder/{track.ladder}/{track.channel.value}/{turn.level}"
        subject = f"story/{self.entry.story}/{tail}"
        ordinal = self.story.ordinals.get(tail, 0) + 1
        name = alert_id("keyword", subject, ordinal, RULESET_MAJOR)
        self._set(
            ordinals={**self.story.ordinals, tail: ordinal},
            levels={**self.story.levels, f"{track.ladder}/{track.channel.value}": turn.level},
        )
        if turn.level > believed:
            shown = messages.proof(self.state, self.entry.story, track, turn.level)
            data = messages.escalated(self.entry, track, ladder, turn, alert=name, from_level=believed, shown=shown)
            data = msgspec.structs.replace(data, suppressed=self._take_suppressed())
            told = Told(
                alert_id=name,
                type=AlertType.KEYWORD_ESCALATED,
                ladder=track.ladder,
                channel=track.channel,
                from_level=believed,
                level=turn.level,
                stands=turn.level,
                version=1,
                severity=messages.SEVERITY[turn.level],
                at=turn.at,
            )
            self._remember(told, data)
            self._publish(AlertType.KEYWORD_ESCALATED, data, subject, self.entry.published_at, told.severity)
            return
        closed = [
            told for told in self.story.told if _is_of(told, track) and told.until is None and told.level > turn.level
        ]
        data = messages.deescalated(self.entry, track, ladder, turn, alert=name, from_level=believed, closed=closed)
        ended = {told.alert_id for told in closed}
        self._set(
            told=tuple(
                msgspec.structs.replace(told, until=turn.at) if told.alert_id in ended else told
                for told in self.story.told
            )
        )
        severity = min(messages.SEVERITY[believed], Severity.URGENT)
        moment = self.entry.published_at if turn.cause == "deescalator" else datetime.fromtimestamp(turn.at, UTC)
        self._publish(AlertType.KEYWORD_DEESCALATED, data, subject, moment, severity)

    def _correct(self) -> None:
        """Bring every told escalation to the level that the evidence now shows for its time."""
        tracks = {(track.ladder, track.channel): track for track in self.story.live.tracks}
        for told in self.story.told:
            track = tracks.get((told.ladder, told.channel))
            true = min(reached(track, told.at, told.until), told.level)
            stands = true if true > told.from_level else 0
            if stands != told.stands:
                self._amend(told, track, self.by_id[told.ladder], stands)

    def _amend(self, told: Told, track: Track | None, ladder: Ladder, stands: int) -> None:
        old = self.state.get(told_key(self.entry.story, told.alert_id), ToldData)
        if old is None:
            return
        shown = messages.proof(self.state, self.entry.story, track, stands) if track and stands else messages.Proof()
        data = messages.corrected(self.entry, told, old.data, track=track, ladder=ladder, level=stands, shown=shown)
        data = msgspec.structs.replace(data, suppressed=self._take_suppressed())
        name = f"{told.ladder}/{told.channel.value}"
        if told.until is None or stands > told.stands:
            level = track.level if track else 0
            self._set(levels={**self.story.levels, name: level})
        fresh = msgspec.structs.replace(
            told,
            stands=stands,
            version=told.version + 1,
            until=self._until(told, track, stands),
        )
        self._set(told=tuple(fresh if one.alert_id == told.alert_id else one for one in self.story.told))
        self.state.put(told_key(self.entry.story, told.alert_id), ToldData(data=data))
        subject = f"story/{self.entry.story}/ladder/{told.ladder}/{told.channel.value}/{told.level}"
        self._publish(told.type, data, subject, self.entry.modified_at or self.entry.published_at, told.severity)

    def _until(self, told: Told, track: Track | None, stands: int) -> int | None:
        """Up to when evidence can speak for the alert from now on: new evidence must not revive a corrected one."""
        if stands == told.level and track is not None and track.level >= told.level:
            return None
        return self.clock if told.until is None else told.until

    def _remember(self, told: Told, data: AlertData) -> None:
        self.state.put(told_key(self.entry.story, told.alert_id), ToldData(data=data))
        ledger = (*self.story.told, told)
        for gone in ledger[:-TOLD]:
            self.state.put(told_key(self.entry.story, gone.alert_id), None)
        self._set(told=ledger[-TOLD:])

    def _take_suppressed(self) -> dict[str, int]:
        counts = dict(sorted(self.suppressed.items()))
        boilerplate = sum(self.entry.excluded.values())
        self.suppressed = {}
        return {**counts, "boilerplate": boilerplate} if boilerplate else counts

    def _publish(self, kind: AlertType, data: AlertData, subject: str, time: datetime, severity: Severity) -> None:
        self._set(sequence=self.story.sequence + 1)
        self.alerts.append(
            alert(
                kind,
                data=data,
                message_id=message_id(data.alert_id, data.version),
                stage=EscalationsStep.name,
                subject=subject,
                time=time,
                recordedtime=self.entry.observed_at,
                sequence=self.story.sequence,
                severity=severity,
            )
        )

    def _set(self, **changes: object) -> None:
        self.story = msgspec.structs.replace(self.story, **changes)

    def done(self) -> list[Alert]:
        """Store the story and hand over its alerts."""
        self._set(suppressed=self.suppressed)
        self.state.put(story_key(self.entry.story), self.story)
        return self.alerts


def _at(record: EntryRecord, at: int) -> list[Sentence]:
    return [sentence for sentence in record.sentences if sentence.at == at]


def _extends(old: EntryRecord, new: EntryRecord, added: Sequence[int]) -> bool:
    """Whether the new record holds all that the old one held, and more only at the times added."""
    before, now = _weights(old), _weights(new)
    return before <= now and all(at in added for at, *_ in now - before)


def _weights(record: EntryRecord) -> set[tuple[int, tuple[int, ...], str, str, int]]:
    return {
        (sentence.at, sentence.sketch, item.ladder, item.concept, item.value)
        for sentence in record.sentences
        for item in sentence.items
    }


def _is_of(told: Told, track: Track) -> bool:
    return told.ladder == track.ladder and told.channel is track.channel


def _new_turns(before: Track | None, now: Track) -> int:
    """How many turns at the end of `now` are new. Turns are bounded, so the last known one is looked for."""
    if before is None or not before.turns:
        return len(now.turns)
    last = before.turns[-1]
    for back, turn in enumerate(reversed(now.turns)):
        if turn == last:
            return back
    return len(now.turns)
