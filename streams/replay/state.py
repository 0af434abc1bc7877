"""The folder of a run: its plan, how far it came, the state of its steps. One SQLite file, one transaction a save."""

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from schemas.codec import decode_state, encode_state
from schemas.errors import InputError, LogError, LogInUse
from streams.log.lock import DirectoryLock

S = TypeVar("S", bound=msgspec.Struct)
FILE = "run.sqlite"

MEMORY_BYTES = 96_000_000
"""Encoded state that stays decoded in memory; what was unchanged for longest is read again when it is needed."""

_ABSENT = object()


class RunFolder:
    """Where a run keeps what it needs to go on. Held by one process at a time.

    Raises LogInUse, naming the process, while another holds it, and LogError when the disk refuses.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LogError(f"{path}: cannot be made ({error.strerror or error})") from None
        self._lock = DirectoryLock(path)
        try:
            self._lock.acquire()
        except LogInUse as error:
            holder = str(error).rpartition("(")[2].rstrip(")").replace("id", "process")
            raise InputError(f"replay {path.name}: is running ({holder}); choose another --name") from None
        with self._translated():
            self._db = sqlite3.connect(path / FILE, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.execute("CREATE TABLE IF NOT EXISTS facts(name TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID")
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS state(step TEXT, key TEXT, value BLOB, PRIMARY KEY(step, key))"
                " WITHOUT ROWID"
            )

    def fact(self, name: str, kind: type[S]) -> S | None:
        """What was saved under this name."""
        with self._translated():
            row = self._db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else decode_state(kind, row[0])

    def value(self, step: str, key: str) -> bytes | None:
        """A saved state value."""
        with self._translated():
            row = self._db.execute("SELECT value FROM state WHERE step = ? AND key = ?", (step, key)).fetchone()
        return None if row is None else row[0]

    def save(self, facts: Mapping[str, msgspec.Struct], states: "Mapping[str, Mapping[str, bytes | None]]") -> None:
        """All of it or nothing."""
        with self._translated():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                for step, values in states.items():
                    self._db.executemany(
                        "INSERT OR REPLACE INTO state VALUES (?, ?, ?)",
                        [(step, key, value) for key, value in values.items() if value is not None],
                    )
                    self._db.executemany(
                        "DELETE FROM state WHERE step = ? AND key = ?",
                        [(step, key) for key, value in values.items() if value is None],
                    )
                self._db.executemany(
                    "INSERT OR REPLACE INTO facts VALUES (?, ?)",
                    [(name, encode_state(value)) for name, value in facts.items()],
                )
                self._db.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Let go."""
        self._db.close()
        self._lock.release()

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise LogError(f"{self.path / FILE}: {error}") from error


def read_fact(folder: Path, name: str, kind: type[S]) -> S | None:
    """What a run has saved, beside whoever holds it; None where there is none."""
    if not (folder / FILE).is_file():
        return None
    try:
        with contextlib.closing(sqlite3.connect(f"file:{folder / FILE}?mode=ro", uri=True)) as db:
            row = db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
    except sqlite3.Error as error:
        raise LogError(f"{folder / FILE}: {error}") from error
    return None if row is None else decode_state(kind, row[0])


class RunState:
    """The state of one step in a run, on its folder. Changes count after `keep` and are durable after a save."""

    def __init__(self, folder: RunFolder, step: str) -> None:
        self.step = step
        self._folder = folder
        self._values: dict[str, msgspec.Struct | None] = {}
        self._sizes: dict[str, int] = {}
        self._scratch: dict[str, msgspec.Struct | None] = {}
        self._dirty: set[str] = set()
        self.bytes = 0

    def get(self, key: str, kind: type[S]) -> S | None:
        """The value last put under this key, or None."""
        value = self._scratch.get(key, _ABSENT)
        if value is _ABSENT:
            value = self._values.get(key, _ABSENT)
        if value is _ABSENT:
            raw = self._folder.value(self.step, key)
            value = self._values[key] = None if raw is None else decode_state(kind, raw)
            self._note(key, 0 if raw is None else len(raw))
        return value  # type: ignore[return-value]

    def put(self, key: str, value: msgspec.Struct | None) -> None:
        """Replace the value; None deletes it."""
        self._scratch[key] = value

    def keep(self) -> None:
        """What was put since the last call counts."""
        for key, value in self._scratch.items():
            self._values.pop(key, None)  # what changed last stands last
            self._values[key] = value
            self._dirty.add(key)
        self._scratch.clear()

    def drop(self) -> None:
        """What was put since the last call does not."""
        self._scratch.clear()

    def changed(self) -> dict[str, bytes | None]:
        """Encoded values since the last `saved`."""
        found: dict[str, bytes | None] = {}
        for key in sorted(self._dirty):
            value = self._values[key]
            found[key] = raw = None if value is None else encode_state(value)
            self._note(key, 0 if raw is None else len(raw))
        return found

    def saved(self, room: int) -> None:
        """What `changed` told is durable; forget the oldest until the rest fits into so many bytes."""
        self._dirty.clear()
        while self.bytes > room and self._values:
            key = next(iter(self._values))
            del self._values[key]
            self.bytes -= self._sizes.pop(key, 0)

    def _note(self, key: str, size: int) -> None:
        size += len(key) + 100
        self.bytes += size - self._sizes.get(key, 0)
        self._sizes[key] = size
