"""The life of one statement's alert while entries come and go: told, changed, cancelled, reinstated, in conflict."""

from msgspec.structs import replace

from agents.evidence import clip
from agents.statements import alerts
from agents.statements.findings import Found
from agents.statements.novelty import Verdict
from agents.statements.state import SIGHTINGS, Known, Record, Sighting
from schemas.alert import AlertType, Change, Confidence, MessageType, Novelty
from schemas.article import EntryRevision


class Lifecycle:
    """Changes statements of a record on behalf of one revision; `drafts` are the messages, in order."""

    def __init__(self, record: Record, entry: EntryRevision) -> None:
        self.drafts: list[alerts.Draft] = []
        self._record = record
        self._entry = entry
        self._at = alerts.event_time(entry)

    def announce(self, known: Known, item: Found, verdict: Verdict, change: Change | None = None) -> None:
        """The first message about a statement."""
        statement, facts = item.statement, known.facts
        reasons = (*statement.reasons, "via_recap") if self._entry.is_recap else statement.reasons
        detail = {
            Novelty.EXTENDED: "adds to a statement already known",
            Novelty.CORRECTED: f"changes earlier words ({', '.join(change.material) if change else ''})",
        }.get(verdict.novelty, "no earlier statement of the story says it")
        if verdict.differs_from:
            detail = f"differs from a similar statement in {', '.join(verdict.reasons)}"
        draft, told = alerts.draft(
            AlertType.STATEMENT_NEW,
            known,
            self._entry,
            msgtype=MessageType.ALERT,
            headline=alerts.told(facts),
            why=alerts.why_new(statement, self._entry, verdict.novelty.value, detail),
            novelty=verdict.novelty,
            change=change,
            confidence=Confidence(permille=statement.confidence, reasons=reasons),
            suppressed=self._entry.excluded,
        )
        self.drafts.append(draft)
        self._record.replace(told)

    def update(
        self,
        known: Known,
        kind: AlertType,
        *,
        headline: str,
        why: str,
        novelty: Novelty,
        change: Change | None = None,
        is_back: bool = False,
    ) -> None:
        """A later message about a statement that was told."""
        if self._entry.correction:
            why = f"{why} Its note: “{clip(self._entry.correction)}”"
        draft, told = alerts.draft(
            kind,
            known,
            self._entry,
            msgtype=MessageType.UPDATE,
            headline=headline,
            why=why,
            novelty=novelty,
            change=change,
            is_reinstated=is_back,
        )
        self.drafts.append(draft)
        self._record.replace(told)
        self._settle_conflict(told.id)

    def lose(
        self,
        statement_id: str,
        why: str,
        *,
        is_kill: bool,
        before: Known | None = None,
        change: Change | None = None,
        superseded_by: str | None = None,
        now: str | None = None,
    ) -> None:
        """This entry no longer carries a statement.

        before  the statement as it was while this entry carried it, if the sighting is already gone from the record
        """
        known = self._record.statement(statement_id)
        if known is None:
            return
        if before is not None:
            known = replace(known, sightings=before.sightings, uncounted=before.uncounted)
        after = self.without_sighting(known)
        if after is known:  # already lost
            return
        was_told_here = bool(known.evidence) and known.evidence[0].entry == self._entry.entry_id
        is_told = known.version > 0 and not known.is_cancelled
        if is_told and (not after.is_live or was_told_here or (is_kill and not self._entry.is_recap)):
            told = alerts.told(known.facts)
            if change is None:
                change = Change(was=known.facts.text, now=None, material=("withdrawn",))
            if not after.is_live:
                headline = f"Withdrawn: {told}" if now is None else f"Withdrawn: {told} — now attributed to {now}"
                msgtype = MessageType.CANCEL
            else:
                others = ", ".join(dict.fromkeys(clip(sighting.source, 60) for sighting in after.sightings[:4]))
                headline = f"{self._entry.source} withdrew: {told} — still carried by {others}"
                msgtype = MessageType.UPDATE
            note = f" Its note: “{clip(self._entry.correction)}”" if self._entry.correction else ""
            draft, known = alerts.draft(
                AlertType.STATEMENT_RETRACTED if now is None else AlertType.STATEMENT_CORRECTED,
                known,
                self._entry,
                msgtype=msgtype,
                headline=headline,
                why=f"{why}.{note}",
                novelty=Novelty.RETRACTED if now is None else Novelty.CORRECTED,
                change=change,
                withdrawn_by="publisher",
                superseded_by=superseded_by,
            )
            self.drafts.append(draft)
            after = self.without_sighting(known)
        self._record.replace(after)
        self._settle_conflict(statement_id)

    def restore(self, statement_id: str) -> None:
        """The entry is back, and with it the statement, under the same ids."""
        known = self._record.statement(statement_id)
        if known is None:
            return
        known = self.with_sighting(known)
        self._record.replace(known)
        if known.version and (known.is_cancelled or not self._entry.is_recap):
            self.reinstate(known)

    def reinstate(self, known: Known) -> None:
        """Tell those who were told of the withdrawal that the words stand again."""
        change = Change(was=None, now=known.facts.text, material=("reinstated",))
        headline = f"Reinstated: {alerts.told(known.facts)}"
        why = f"{self._entry.source} carries the words again."
        self.update(
            known,
            AlertType.STATEMENT_NEW,
            headline=headline,
            why=why,
            novelty=known.facts.novelty,
            change=change,
            is_back=True,
        )

    def raise_conflict(self, statement_id: str, verdict: Verdict) -> None:
        """Say once that two persons are given the same words, while both reports stand."""
        owner = self._record.statement(statement_id)
        for other_id in verdict.same_words:
            other = self._record.statement(other_id)
            if owner is None or other is None or not other.is_live or other.conflict is not None:
                continue
            self.drafts.append(alerts.conflict(owner, other, self._entry, stands=True))
            self._record.replace(replace(owner, conflict=owner.id, conflict_version=1, conflict_with=other.id))
            self._record.replace(replace(other, conflict=owner.id))
            return

    def _settle_conflict(self, statement_id: str) -> None:
        """A conflict stands only while both statements are carried."""
        known = self._record.statement(statement_id)
        owner = self._record.statement(known.conflict) if known is not None and known.conflict else None
        other = self._record.statement(owner.conflict_with) if owner is not None and owner.conflict_with else None
        if owner is None or other is None:
            return
        stands = owner.is_live and other.is_live
        if stands == (owner.conflict_version % 2 == 1):
            return
        self.drafts.append(alerts.conflict(owner, other, self._entry, stands=stands))
        self._record.replace(replace(owner, conflict_version=owner.conflict_version + 1))

    def sighting(self) -> Sighting:
        """This entry, as one appearance."""
        entry = self._entry
        return Sighting(entry_id=entry.entry_id, source=entry.source, origin=entry.origin or entry.source, at=self._at)

    def with_sighting(self, known: Known) -> Known:
        """This entry carries it. Twice in one entry is once."""
        known = replace(known, last_at=max(known.last_at, self._at))
        if any(sighting.entry_id == self._entry.entry_id for sighting in known.sightings):
            return known
        if len(known.sightings) < SIGHTINGS:
            known = replace(known, sightings=(*known.sightings, self.sighting()))
        else:
            known = replace(known, uncounted=known.uncounted + 1)
        return replace(known, seen=known.seen + 1)

    def without_sighting(self, known: Known) -> Known:
        """This entry carries it no more; the very same value if it did not."""
        left = tuple(sighting for sighting in known.sightings if sighting.entry_id != self._entry.entry_id)
        if len(left) < len(known.sightings):
            return replace(known, sightings=left)
        return replace(known, uncounted=known.uncounted - 1) if known.uncounted else known
