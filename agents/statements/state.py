"""What is remembered of a story: every statement, every entry that carried one, and how to find them again.

A story is laid out over many keys so that one statement more rewrites one statement, one entry, one block and the
small head, never the whole: `STORY/head`, `STORY/ix/N` (a block of the index), `STORY/st/ID`, `STORY/en/ENTRY`.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import msgspec

from agents.statements.fingerprint import ROWS, Block, likeliest
from agents.statements.voices import Voice, compatible
from agents.step import State
from schemas.alert import StatementFacts
from schemas.detection import Evidence, StatementKind
from schemas.event import Severity, Struct

_S = TypeVar("_S", bound=msgspec.Struct)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

COMPARE_ALL = 15
"""Up to this many statements in a story are compared one by one; beyond, the index chooses."""

CANDIDATES = 16
"""Most statements by a compatible speaker compared with a new one."""

OTHERS = 8
"""Most statements by other speakers compared with a new one."""

LOADED = 48
"""Most statements looked at to choose these."""

SIGHTINGS = 64
"""Most sightings kept by entry; further ones are only counted."""


LENGTH = 200_000
"""Code points of all statements that are remembered as one entry words them."""


class Limits(Struct, frozen=True, kw_only=True):
    """How much of a story is remembered; the oldest goes first.

    window  by event time, before the newest event time of the story
    """

    statements: int = 1000
    window: timedelta = timedelta(days=14)


class Sighting(Struct, frozen=True, kw_only=True, array_like=True):
    """One entry that shows the statement now. origin: the agency credited, else the outlet."""

    entry_id: str
    source: str
    origin: str
    at: datetime


class Known(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A statement of the story.

    text        the words that later ones are compared with; `facts.text` may be cut
    serial      row of the index that holds these words
    sightings   live ones, oldest first; `uncounted` more are live beyond SIGHTINGS
    version     messages sent about it; 0 if it was never told
    withheld    why it was not told: baseline, unchanged, archival, kind, weak, rendering
    evidence    of the last alert, update or reinstatement
    conflict    statement whose second alert says that these words have two speakers
    conflict_version  messages of that alert, kept at the statement that `conflict` names; odd while it stands
    conflict_with     there too: the other statement
    """

    facts: StatementFacts
    text: str
    voice: Voice
    serial: int
    first_at: datetime
    last_at: datetime
    sightings: tuple[Sighting, ...] = ()
    uncounted: int = 0
    seen: int = 1
    variants: int = 0
    evidence: tuple[Evidence, ...] = ()
    version: int = 0
    severity: Severity = Severity.WATCH
    is_cancelled: bool = False
    is_corroborated: bool = False
    withheld: str | None = None
    conflict: str | None = None
    conflict_version: int = 0
    conflict_with: str | None = None

    @property
    def id(self) -> str:
        """Statement id."""
        return self.facts.id

    @property
    def is_live(self) -> bool:
        """Whether any entry still shows it."""
        return bool(self.sightings) or self.uncounted > 0

    @property
    def origins(self) -> int:
        """Distinct origins among the live sightings."""
        return len({sighting.origin for sighting in self.sightings})


class Place(Struct, frozen=True, kw_only=True, array_like=True):
    """A statement as one entry words it, in the order of the text."""

    id: str
    kind: StatementKind
    pieces: tuple[str, ...]
    voice: Voice
    is_denied: bool = False

    @property
    def words(self) -> str:
        """What stands in the text, pieces joined by one space."""
        return " ".join(self.pieces)

    @property
    def text(self) -> str:
        """The words as they are compared: what a speaker denies is the contrary of what a speaker says."""
        return f"not {self.words}" if self.is_denied else self.words


class Seen(Struct, frozen=True, kw_only=True):
    """The last revision of an entry that was decided on."""

    revision: int
    places: tuple[Place, ...]
    serial: int
    is_withdrawn: bool = False


class _Head(Struct, frozen=True, kw_only=True):
    """Rows [first, next) of the index are remembered; `statements` of them are current rows of statements."""

    sequence: int = 0
    first: int = 0
    next: int = 0
    statements: int = 0
    newest: datetime = _EPOCH


class Record:
    """One story's memory during one decision. Nothing is written before `commit`."""

    def __init__(self, state: State, story: str, limits: Limits) -> None:
        self._state = state
        self._story = story
        self._limits = limits
        self._changed: dict[str, msgspec.Struct | None] = {}
        self._head = state.get(f"{story}/head", _Head) or _Head()
        self._head_before = self._head

    def statement(self, statement_id: str) -> Known | None:
        """A statement, unless it was never there or has been forgotten."""
        return self._get(f"{self._story}/st/{statement_id}", Known)

    def entry(self, entry_id: str) -> Seen | None:
        """What is remembered of an entry."""
        return self._get(f"{self._story}/en/{entry_id}", Seen)

    def replace(self, known: Known) -> None:
        """Change a statement without changing the words it is found by."""
        self._changed[f"{self._story}/st/{known.id}"] = known

    def add(self, known: Known, hashes: Iterable[int], at: datetime) -> Known:
        """Remember a statement, or an old one under new words."""
        known = msgspec.structs.replace(known, serial=self._row(known.id.removeprefix("st_"), at, hashes))
        is_new = self.statement(known.id) is None
        self._head = msgspec.structs.replace(self._head, statements=self._head.statements + is_new)
        self.replace(known)
        if self._head.statements >= self._limits.statements + ROWS:
            self._forget(0)  # a page of thousands of quotations is read in the memory that a story has
        return known

    def put_entry(self, entry_id: str, revision: int, places: tuple[Place, ...], at: datetime, *, gone: bool) -> None:
        """Remember the entry's revision and where its statements stand."""
        before = self.entry(entry_id)
        serial = self._row_for_entry(entry_id, at) if before is None else before.serial
        seen = Seen(revision=revision, places=self._kept(places), serial=serial, is_withdrawn=gone)
        self._changed[f"{self._story}/en/{entry_id}"] = seen

    def _kept(self, places: tuple[Place, ...]) -> tuple[Place, ...]:
        """The last places of statements that are remembered, as many as one value of the state may hold."""
        if len(places) > self._limits.statements:
            places = tuple(place for place in places if self.statement(place.id))[-self._limits.statements :]
        first, size = len(places), 0
        while first and (size := size + len(places[first - 1].words)) <= LENGTH:
            first -= 1
        return places[first:]

    def sequence(self) -> int:
        """The next number of the story's messages, from 1."""
        self._head = msgspec.structs.replace(self._head, sequence=self._head.sequence + 1)
        return self._head.sequence

    def candidates(self, hashes: tuple[int, ...], who: Voice) -> list[Known]:
        """Statements that may say the same, likeliest first; all of them while the story has few.

        Others' equal words do not crowd out those of the same speaker: of others, OTHERS are enough to tell a conflict.
        """
        head = self._head
        numbers = range(head.first // ROWS, (head.next + ROWS - 1) // ROWS)
        if head.statements <= COMPARE_ALL:
            rows = [n * ROWS + row for n in numbers for row in self._block(n).statements()]
        else:
            rows = likeliest(((n * ROWS, self._block(n).postings) for n in numbers), hashes, LOADED)
        found: list[Known] = []
        own = others = 0
        blocks: dict[int, Block] = {}
        for serial in rows:
            if serial < head.first:
                continue
            number, row = divmod(serial, ROWS)
            block = blocks.get(number) or blocks.setdefault(number, self._block(number))
            statement_id = block.statement(row)
            known = self.statement(statement_id) if statement_id else None
            if known is None or known.serial != serial:
                continue
            if compatible(who, known.voice):
                own += 1
            elif others < OTHERS:
                others += 1
            else:
                continue
            found.append(known)
            if own == CANDIDATES:
                break
        return found

    def commit(self) -> None:
        """Forget what is too old or too much, and write every changed value once."""
        newest = self._head.newest
        self._forget(int((newest - min(self._limits.window, newest - _EPOCH)).timestamp()))
        if self._head != self._head_before:
            self._changed[f"{self._story}/head"] = self._head
        for key, value in self._changed.items():
            self._state.put(key, value)
        self._changed = {}
        self._head_before = self._head

    def _row(self, key: str, at: datetime, hashes: Iterable[int]) -> int:
        head = self._head
        number = head.next // ROWS
        self._changed[f"{self._story}/ix/{number}"] = self._block(number).with_key(key, int(at.timestamp()), hashes)
        self._head = msgspec.structs.replace(head, next=head.next + 1, newest=max(head.newest, at))
        return head.next

    def _row_for_entry(self, entry_id: str, at: datetime) -> int:
        """The entry goes with the last statement it brought; one that only repeats has a row of its own."""
        head = self._head
        if head.next == self._head_before.next:
            return self._row(f"\t{entry_id}", at, ())
        serial = head.next - 1
        number, row = divmod(serial, ROWS)
        self._changed[f"{self._story}/ix/{number}"] = self._block(number).with_entry(row, entry_id)
        return serial

    def _forget(self, horizon: int) -> None:
        """Drop what is too much, and what is older than `horizon`, in seconds since 1970."""
        head, limits = self._head, self._limits
        first, statements = head.first, head.statements
        while first < head.next:
            number, row = divmod(first, ROWS)
            block = self._block(number)
            # Entries that only repeat add rows without statements: they are bounded too.
            if (
                block.time(row) >= horizon
                and statements <= limits.statements
                and head.next - first <= 4 * limits.statements
            ):
                break
            statement_id = block.statement(row)
            statements -= statement_id is not None and self._drop(f"st/{statement_id}", first, Known)
            for entry_id in block.entries(row):
                self._drop(f"en/{entry_id}", first, Seen)
            first += 1
            if first % ROWS == 0:
                self._delete(f"{self._story}/ix/{number}", Block)
        if first != head.first:
            self._head = msgspec.structs.replace(head, first=first, statements=statements)

    def _drop(self, rest: str, serial: int, kind: type[Known] | type[Seen]) -> bool:
        """Delete the value of a row unless a later row carries it on; whether it went."""
        key = f"{self._story}/{rest}"
        value: Known | Seen | None = self._get(key, kind)
        if value is None or value.serial != serial:
            return False
        self._delete(key, kind)
        return True

    def _delete(self, key: str, kind: type[msgspec.Struct]) -> None:
        """What came and goes within one decision is never written."""
        if self._state.get(key, kind) is None:
            self._changed.pop(key, None)
        else:
            self._changed[key] = None

    def _block(self, number: int) -> Block:
        return self._get(f"{self._story}/ix/{number}", Block) or Block()

    def _get(self, key: str, kind: type[_S]) -> _S | None:
        if key in self._changed:
            value = self._changed[key]
            assert value is None or isinstance(value, kind)
            return value
        return self._state.get(key, kind)
