"""One revision's turn: every statement of it meets the record of its story."""

from collections.abc import Sequence
from datetime import timedelta

from msgspec.structs import replace

from agents.evidence import clip
from agents.statements import alerts
from agents.statements.corrections import Alignment, Edit, Texts, align, compare
from agents.statements.findings import Found, Stretches, find
from agents.statements.fingerprint import fingerprint
from agents.statements.lifecycle import Lifecycle
from agents.statements.novelty import DATA_KINDS, Setting, Verdict, judge
from agents.statements.state import Known, Place, Record, Seen
from agents.statements.voices import speaker_key
from agents.statements.wording import asserted, plain
from schemas import identity
from schemas.alert import AlertType, Change, Novelty
from schemas.article import EntryRevision
from schemas.detection import Attribution, Statement, StatementKind
from schemas.event import Severity, Struct

_TOPIC = ("about ", "over ", "on ", "with ")
_SAME = frozenset((Novelty.REPEAT, Novelty.SYNDICATED, Novelty.VARIANT, Novelty.REITERATED))


class Settings(Struct, frozen=True, kw_only=True):
    """What is told.

    kinds             of statements that alert
    least_content     content words from which a paraphrase is worth an alert
    has_corroborated  an update when a second independent origin carries a statement
    has_reiterated    an update when somebody says the same again
    """

    kinds: frozenset[StatementKind] = frozenset(StatementKind) - DATA_KINDS
    least_content: int = 3
    has_corroborated: bool = False
    has_reiterated: bool = False


class Turn:
    """Takes one revision through the record of its story."""

    def __init__(
        self, settings: Settings, record: Record, entry: EntryRevision, seen: Seen | None, window: timedelta
    ) -> None:
        self._life = Lifecycle(record, entry)
        self._settings = settings
        self._record = record
        self._entry = entry
        self._seen = seen
        self._at = alerts.event_time(entry)
        self._setting = Setting(source=entry.source, published_at=self._at, window=window)
        self._texts = Texts(before=entry.previous_text or "", now=entry.text, added=Stretches(entry.added))
        self._is_back = seen is not None and seen.is_withdrawn
        self._previous: tuple[Place, ...] = seen.places if seen is not None else ()

    @property
    def drafts(self) -> list[alerts.Draft]:
        """The messages, in order."""
        return self._life.drafts

    def withdraw(self) -> None:
        """The entry is gone: what only it carried is cancelled, what others carry lives on with a note."""
        if self._seen is None:
            return
        for statement_id in dict.fromkeys(place.id for place in self._previous):
            self._life.lose(
                statement_id, f"{self._entry.source} withdrew the entry that carried the words", is_kill=True
            )
        self._keep_entry(self._previous, is_gone=True)

    def revise(self, statements: Sequence[Statement]) -> None:
        """The entry is new, edited or back."""
        found = find(statements, self._entry, self._texts.added)
        if not found and self._seen is None:
            return
        alignment = (
            align(self._previous, found, self._texts) if self._previous else Alignment(pairs={}, surviving=(), gone=())
        )
        places: list[Place] = []
        # Headlines last: they can only confirm what the body says.
        for now in sorted(range(len(found)), key=lambda i: (found[i].is_headline, i)):
            was = alignment.pairs.get(now)
            if was is None:
                place = self._first(found[now])
                places += [place] if place else []
            else:
                places += self._edited(self._previous[was], found[now])
        for i in alignment.surviving:
            places.append(self._previous[i])
            if self._is_back:
                self._life.restore(self._previous[i].id)
        kept = {place.id for place in places}
        why = f"{self._entry.source} removed the words from its entry in revision {self._entry.revision}"
        for statement_id in dict.fromkeys(self._previous[i].id for i in alignment.gone):
            if statement_id not in kept:
                self._life.lose(statement_id, why, is_kill=False)
        self._keep_entry(tuple(places), is_gone=False)

    def _edited(self, place: Place, item: Found) -> list[Place]:
        """A statement that the previous revision had: places it leaves behind."""
        known = self._record.statement(place.id)
        if known is None or (not item.is_touched and not self._is_back):
            return [place]
        edit, reasons = compare(place, item, self._texts)
        if edit is Edit.SPEAKER:
            return self._misattributed(place, item, reasons)
        if edit is Edit.EXTENDED:
            if self._is_back:
                self._life.restore(place.id)
            longer = self._first(item, extends=place.id)
            return [longer, place] if longer and longer.id != place.id else [place]
        if edit is Edit.CORRECTED:
            return self._corrected(known, item, place.words, reasons)
        if self._is_back:
            self._life.restore(place.id)
        self._resolve(place.id, item)
        here = item.place(place.id, self._entry.text)
        return [here if item.voice.type is not None else replace(here, voice=place.voice)]

    def _corrected(self, known: Known, item: Found, was: str, reasons: tuple[str, ...]) -> list[Place]:
        """The outlet changed the words. Where only others' words were told, its new ones stand for themselves."""
        is_ours = not known.evidence or known.evidence[0].entry == self._entry.entry_id
        others = [sighting for sighting in known.sightings if sighting.entry_id != self._entry.entry_id]
        if others and not is_ours:
            self._record.replace(self._life.without_sighting(known))
            place = self._first(item)
            return [place] if place else []
        known = self._life.with_sighting(self._reworded(known, item))
        known = self._record.add(known, fingerprint(plain(item.text)), self._at)
        reasons = (*reasons, "reinstated") if known.is_cancelled else reasons
        change = Change(was=clip(was, alerts.EXCERPT), now=known.facts.text, material=reasons)
        if known.version == 0:
            if self._withheld(item, Verdict(novelty=Novelty.CORRECTED)) is None:
                self._life.announce(known, item, Verdict(novelty=Novelty.CORRECTED), change)
            return [item.place(known.id, self._entry.text)]
        headline = alerts.corrected(known.facts, was)
        why = f"{self._entry.source} changed the words in revision {self._entry.revision}: {', '.join(reasons)}."
        self._life.update(
            known,
            AlertType.STATEMENT_CORRECTED,
            headline=headline,
            why=why,
            novelty=Novelty.CORRECTED,
            change=change,
            is_back=known.is_cancelled,
        )
        return [item.place(known.id, self._entry.text)]

    def _misattributed(self, place: Place, item: Found, reasons: tuple[str, ...]) -> list[Place]:
        """The words are somebody else's now: the old statement loses this entry, the new speaker gets a new one."""
        known = self._record.statement(place.id)
        assert known is not None
        mark = len(self.drafts)
        self._record.replace(self._life.without_sighting(known))
        new = self._first(item)
        after = self.drafts[mark:]
        del self.drafts[mark:]  # the cancel is read before the new alert
        now = alerts.label(alerts.facts_of(item.statement, place.id, Novelty.NEW, self._entry.text))
        change = Change(was=alerts.label(known.facts), now=now, material=reasons)
        why = f"{self._entry.source} now gives the words to {now} (revision {self._entry.revision})"
        self._life.lose(
            place.id, why, is_kill=False, before=known, change=change, superseded_by=new.id if new else None, now=now
        )
        self.drafts.extend(after)
        return [new] if new else []

    def _first(self, item: Found, extends: str | None = None) -> Place | None:
        """A statement that the previous revision of the entry did not have."""
        hashes = fingerprint(plain(item.text))
        verdict = judge(item, self._record.candidates(hashes, item.voice), self._setting)
        known = self._record.statement(verdict.of) if verdict.of else None
        is_repeat = verdict.novelty in _SAME or verdict.novelty is Novelty.ARCHIVAL
        if known is not None and is_repeat and known.id != extends:
            if not known.is_live and (item.is_headline or self._entry.is_recap):
                return None
            self._again(known.id, item, verdict)
            return item.place(known.id, self._entry.text)
        if extends is not None and verdict.novelty in _SAME | {Novelty.NEW, Novelty.RENDERING}:
            verdict = replace(verdict, novelty=Novelty.EXTENDED, of=extends)
        withheld = self._withheld(item, verdict)
        if item.is_headline or withheld == "recap":
            return None
        return self._register(item, verdict, hashes, withheld)

    def _register(self, item: Found, verdict: Verdict, hashes: tuple[int, ...], withheld: str | None) -> Place:
        who, words = speaker_key(item.voice), plain(item.text)
        statement_id, twin = identity.statement_id(self._entry.story, who, words), 1
        while self._record.statement(statement_id) is not None:  # equal words that are not the same statement
            twin += 1
            statement_id = identity.statement_id(self._entry.story, who, f"{words}\n{twin}")
        facts = replace(
            alerts.facts_of(item.statement, statement_id, verdict.novelty, self._entry.text),
            extends=verdict.of if verdict.novelty is Novelty.EXTENDED else None,
            differs_from=verdict.differs_from,
            possible_same_as=(verdict.possible,) if verdict.possible else (),
        )
        known = Known(
            facts=facts,
            text=item.text,
            voice=item.voice,
            serial=0,
            first_at=self._at,
            last_at=self._at,
            sightings=(self._life.sighting(),),
            evidence=() if withheld in ("kind", "weak") else alerts.evidence_of(item.statement, self._entry),
            severity=alerts.severity_of(item.statement, verdict.novelty),
            withheld=withheld,
        )
        known = self._record.add(known, hashes, self._at)
        if withheld is None:
            self._life.announce(known, item, verdict)
            self._life.raise_conflict(known.id, verdict)
        return item.place(statement_id, self._entry.text)

    def _withheld(self, item: Found, verdict: Verdict) -> str | None:
        """Why a statement is not told; None if it is."""
        statement = item.statement
        if statement.kind not in self._settings.kinds:
            return "kind"
        if self._entry.is_recap and (statement.kind is not StatementKind.DIRECT or verdict.has_predecessor):
            return "recap"
        if verdict.novelty is Novelty.ARCHIVAL:
            return "archival"
        if self._entry.is_baseline:
            return "baseline"
        if not item.is_added:
            return "unchanged"
        if verdict.novelty is Novelty.RENDERING:
            return "rendering"
        if statement.kind is StatementKind.INDIRECT:
            is_topic = plain(item.text).startswith(_TOPIC)  # "argued about the river": what on, not what
            if statement.speaker is None or is_topic or not asserted(item.text).says(self._settings.least_content):
                return "weak"
        return None

    def _again(self, statement_id: str, item: Found, verdict: Verdict) -> None:
        """A known statement, seen once more."""
        known = self._record.statement(statement_id)
        assert known is not None
        was_live = known.is_live
        known = self._life.with_sighting(known)
        if verdict.novelty is Novelty.VARIANT:
            known = replace(known, variants=known.variants + 1)
        self._record.replace(known)
        if self._entry.is_baseline:
            return
        if known.is_cancelled and not was_live:
            self._life.reinstate(replace(known, evidence=alerts.evidence_of(item.statement, self._entry)))
        elif known.version == 0 and known.withheld == "weak" and verdict.novelty in _SAME:
            if not item.is_headline and self._withheld(item, Verdict(novelty=Novelty.NEW)) is None:
                known = self._reworded(known, item)
                self._record.replace(known)
                self._life.announce(known, item, Verdict(novelty=Novelty.NEW))
        else:
            self._resolve(statement_id, item)
            self._tell_again(statement_id, item, verdict)

    def _tell_again(self, statement_id: str, item: Found, verdict: Verdict) -> None:
        """Updates that are off by default: said again, carried by a second origin."""
        known = self._record.statement(statement_id)
        if known is None or known.version == 0 or known.is_cancelled or not item.is_added:
            return
        if verdict.novelty is Novelty.REITERATED and self._settings.has_reiterated:
            why = f"The same words in a new act of speech, reported by {self._entry.source}."
            headline = f"Said again: {alerts.told(known.facts)}"
            self._life.update(known, AlertType.STATEMENT_NEW, headline=headline, why=why, novelty=Novelty.REITERATED)
        elif self._settings.has_corroborated and known.origins >= 2 and not known.is_corroborated:
            why = f"{known.origins} independent origins carry the words."
            headline = f"Now from {known.origins} sources: {alerts.told(known.facts)}"
            known = replace(known, is_corroborated=True)
            self._life.update(
                known, AlertType.STATEMENT_CORROBORATED, headline=headline, why=why, novelty=verdict.novelty
            )

    def _resolve(self, statement_id: str, item: Found) -> None:
        """A speaker who was unknown is named: the statement keeps its id."""
        known = self._record.statement(statement_id)
        if known is None or known.voice.type is not None or item.voice.type is None or item.is_headline:
            return
        was = alerts.label(known.facts)
        known = self._reworded(known, item, is_text_kept=True)
        self._record.replace(known)
        if known.version and not known.is_cancelled:
            now = alerts.label(known.facts)
            why = f"{self._entry.source} tells who spoke; before, the speaker could not be named."
            change = Change(was=was, now=now, material=("speaker",))
            headline = f"Speaker now known: {alerts.told(known.facts)}"
            self._life.update(
                known,
                AlertType.STATEMENT_CORRECTED,
                headline=headline,
                why=why,
                novelty=Novelty.CORRECTED,
                change=change,
            )

    def _reworded(self, known: Known, item: Found, *, is_text_kept: bool = False) -> Known:
        """The statement as this entry has it now. A speaker once known stays known."""
        facts = replace(
            alerts.facts_of(item.statement, known.id, known.facts.novelty, self._entry.text),
            extends=known.facts.extends,
            differs_from=known.facts.differs_from,
            possible_same_as=known.facts.possible_same_as,
        )
        if is_text_kept:
            facts = replace(facts, text=known.facts.text, kind=known.facts.kind)
        if item.voice.type is None and known.voice.type is not None:
            facts = replace(facts, speaker=known.facts.speaker, attribution=known.facts.attribution)
        is_unresolved = facts.attribution == Attribution.UNRESOLVED.value
        severity = alerts.severity_of(item.statement, Novelty.NEW)
        return replace(
            known,
            facts=facts,
            text=known.text if is_text_kept else item.text,
            voice=known.voice if item.voice.type is None else item.voice,
            evidence=alerts.evidence_of(item.statement, self._entry),
            severity=max(known.severity, Severity.NOTE if is_unresolved else severity),
            last_at=max(known.last_at, self._at),
        )

    def _keep_entry(self, places: tuple[Place, ...], *, is_gone: bool) -> None:
        self._record.put_entry(self._entry.entry_id, self._entry.revision, places, self._at, gone=is_gone)
