"""The statements agent: entry revisions in, alerts about statements out."""

from collections.abc import Callable, Sequence

from agents.statements.alerts import STAGE, send
from agents.statements.cast import Cast, Resolver
from agents.statements.extraction import extract as extract_statements
from agents.statements.state import Limits, Record
from agents.statements.turn import Settings, Turn
from agents.step import State
from schemas.alert import Alert
from schemas.article import EntryRevision, EntryStatus, Segment
from schemas.detection import Statement

Extract = Callable[[str, Sequence[Segment]], tuple[Statement, ...]]


class StatementsStep:
    """Decides what is new, changed or withdrawn among the statements of a story.

    A revision that is not newer than the last one decided on changes nothing and says nothing.

    extract   finds the statements of a text; a pure function
    resolver  tells who is meant by a title or a surname alone
    """

    name = STAGE

    def __init__(
        self,
        extract: Extract = extract_statements,
        *,
        resolver: Resolver | None = None,
        settings: Settings | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._extract = extract
        self._resolver = resolver or Resolver()
        self._settings = settings or Settings()
        self._limits = limits or Limits()

    def decide(self, state: State, entry: EntryRevision) -> list[Alert]:
        """Alerts of one revision, in the order in which they are to be read."""
        record = Record(state, entry.story, self._limits)
        seen = record.entry(entry.entry_id)
        if seen is not None and entry.revision <= seen.revision:
            return []
        turn = Turn(self._settings, record, entry, seen, self._limits.window)
        if entry.status is EntryStatus.WITHDRAWN:
            turn.withdraw()
        else:
            turn.revise(self._statements(state, entry))
        alerts = [send(draft, entry, record.sequence()) for draft in turn.drafts]
        record.commit()
        return alerts

    def _statements(self, state: State, entry: EntryRevision) -> Sequence[Statement]:
        """The statements of the text, with the speakers that the story's persons explain."""
        key = f"{entry.story}/cast"
        before = state.get(key, Cast) or Cast()
        statements, cast = self._resolver.resolve(entry, self._extract(entry.text, entry.segments), before)
        if cast is not before and cast != before:
            state.put(key, cast)
        return statements
