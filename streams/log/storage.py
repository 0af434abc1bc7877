"""The SQLite file of an embedded log: its schema, its migrations, and the reading of rows.

Record id = partition id << 40 | offset, in one rowid table: an append goes to the end of its partition's range, a read
of a partition is one range scan.
"""

import sqlite3
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec

from schemas.codec import Headers
from schemas.errors import LogBroken, LogError, LogFull
from streams.log.record import TopicSpec

SHIFT = 40
OFFSETS = (1 << SHIFT) - 1
FILE = "log.db"
PAGE_SIZE = 8192
READ_BYTES = 16 << 20
"""A read ends early once it has this many bytes of keys and values."""

MIGRATIONS = (
    """
    CREATE TABLE tp(id INTEGER PRIMARY KEY, topic TEXT NOT NULL, part INTEGER NOT NULL, UNIQUE(topic, part));
    CREATE TABLE topic(name TEXT PRIMARY KEY, parts INTEGER NOT NULL, config BLOB NOT NULL);
    CREATE TABLE rec(id INTEGER PRIMARY KEY, ts REAL NOT NULL, key BLOB, value BLOB, headers BLOB);
    CREATE TABLE hw(tp INTEGER PRIMARY KEY, start INTEGER NOT NULL, end INTEGER NOT NULL);
    CREATE TABLE offs(grp TEXT, tp INTEGER, off INTEGER NOT NULL, PRIMARY KEY(grp, tp)) WITHOUT ROWID;
    """,
)
"""MIGRATIONS[n] lifts a file from version n to n + 1. Never change one that was released; append."""


class Row(NamedTuple):
    """A record inside its partition."""

    offset: int
    timestamp: float
    key: bytes | None
    value: bytes | None
    headers: Headers


class StoredPartition(NamedTuple):
    """Bounds of a partition as the file says: offsets in [start, end) may exist."""

    id: int
    start: int
    end: int


class _Config(msgspec.Struct):
    is_compacted: bool = False
    retention_s: float | None = None


_encode_headers = msgspec.msgpack.Encoder().encode
_decode_headers = msgspec.msgpack.Decoder(Headers).decode


def pack_headers(headers: Headers) -> bytes | None:
    """Headers as a column."""
    return _encode_headers(headers) if headers else None


def pack_config(spec: TopicSpec) -> bytes:
    """What a topic is, apart from its name and size, as a column."""
    retention_s = None if spec.retention is None else spec.retention.total_seconds()
    return msgspec.json.encode(_Config(spec.is_compacted, retention_s))


def connect_writer(directory: Path, sync: str) -> sqlite3.Connection:
    """The one connection that writes. Brings the schema up to date.

    Raises LogError for a file of a newer version, or where the file system allows no readers beside a writer.
    """
    db = sqlite3.connect(directory / FILE, isolation_level=None, check_same_thread=False, timeout=5.0)
    try:
        db.execute(f"PRAGMA page_size={PAGE_SIZE}")
        mode = db.execute("PRAGMA journal_mode=WAL").fetchone()[0]
        if mode != "wal":
            raise LogError(f"{directory / FILE}: expected a local file system, found one without SQLite's WAL")  # noqa: TRY301
        db.execute(f"PRAGMA synchronous={sync}")
        db.execute("PRAGMA cache_size=-65536")
        _migrate(db, directory)
    except BaseException:
        db.close()
        raise
    return db


def connect_reader(directory: Path) -> sqlite3.Connection:
    """A connection that cannot write, usable while another process owns and writes the log."""
    uri = f"{(directory / FILE).absolute().as_uri()}?mode=ro"
    return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=5.0)


def version(db: sqlite3.Connection, directory: Path) -> int:
    """Version of the schema; 0 while the log is being made. Raises LogError for a newer one than we know."""
    found: int = db.execute("PRAGMA user_version").fetchone()[0]
    if found > len(MIGRATIONS):
        raise LogError(f"{directory / FILE}: expected version {len(MIGRATIONS)} or older, found {found}; update tocsin")
    return found


def _migrate(db: sqlite3.Connection, directory: Path) -> None:
    for number in range(version(db, directory), len(MIGRATIONS)):
        db.executescript(f"BEGIN IMMEDIATE; {MIGRATIONS[number]} PRAGMA user_version={number + 1}; COMMIT;")


def translate(error: Exception, directory: Path) -> LogError:
    """The deliberate error for whatever a write raised."""
    code = getattr(error, "sqlite_errorcode", None)
    if code == sqlite3.SQLITE_FULL:
        return LogFull(f"{directory}: the disk is full; nothing of the failed write became visible")
    return LogBroken(f"{directory}: a write failed ({type(error).__name__}: {error}); nothing of it became visible")


def topics(db: sqlite3.Connection) -> dict[str, TopicSpec]:
    """Every topic in the file."""
    found = {}
    for name, parts, raw in db.execute("SELECT name, parts, config FROM topic ORDER BY name"):
        config = msgspec.json.decode(raw, type=_Config)
        retention = None if config.retention_s is None else timedelta(seconds=config.retention_s)
        found[name] = TopicSpec(name=name, partitions=parts, is_compacted=config.is_compacted, retention=retention)
    return found


def partitions(db: sqlite3.Connection) -> dict[tuple[str, int], StoredPartition]:
    """Every partition in the file with its bounds; the end never lies before one that was ever handed out."""
    found = {}
    rows = db.execute("SELECT tp.id, topic, part, start, end FROM tp JOIN hw ON hw.tp = tp.id").fetchall()
    for number, topic, part, start, end in rows:
        last = db.execute(
            "SELECT max(id) FROM rec WHERE id >= ? AND id < ?", (number << SHIFT, (number + 1) << SHIFT)
        ).fetchone()[0]
        found[topic, part] = StoredPartition(number, start, end if last is None else max(end, (last & OFFSETS) + 1))
    return found


def committed(db: sqlite3.Connection) -> dict[str, dict[tuple[str, int], int]]:
    """Committed offsets of every group."""
    found: dict[str, dict[tuple[str, int], int]] = {}
    for group, topic, part, offset in db.execute("SELECT grp, topic, part, off FROM offs JOIN tp ON tp.id = offs.tp"):
        found.setdefault(group, {})[topic, part] = offset
    return found


def rows(db: sqlite3.Connection, number: int, start: int, end: int, limit: int) -> list[Row]:
    """Rows of a partition with start <= offset < end, at most `limit` and about READ_BYTES, at least one if any."""
    base = number << SHIFT
    cursor = db.execute(
        "SELECT id, ts, key, value, headers FROM rec WHERE id >= ? AND id < ? ORDER BY id LIMIT ?",
        (base + max(start, 0), base + min(end, OFFSETS), limit),
    )
    found: list[Row] = []
    size = 0
    for key, timestamp, name, value, headers in cursor:
        found.append(Row(key - base, timestamp, name, value, _decode_headers(headers) if headers else ()))
        size += len(name or b"") + len(value or b"")
        if size >= READ_BYTES:
            break
    cursor.close()  # an open statement would hold back the checkpoint
    return found


def next_offset(db: sqlite3.Connection, number: int, offset: int, end: int) -> int:
    """The first offset at or after this one that exists, or `end`."""
    base = number << SHIFT
    found = db.execute("SELECT min(id) FROM rec WHERE id >= ? AND id < ?", (base + offset, base + end)).fetchone()[0]
    return end if found is None else int(found) - base


def offset_at(db: sqlite3.Connection, part: StoredPartition, timestamp: float) -> int:
    """The first offset with at least this timestamp, or the end. By bisection: exact where timestamps do not fall."""
    base = part.id << SHIFT
    low, high = part.start, part.end
    while low < high:
        middle = (low + high) // 2
        found = db.execute(
            "SELECT id, ts FROM rec WHERE id >= ? AND id < ? ORDER BY id LIMIT 1", (base + middle, base + high)
        ).fetchone()
        if found is None or found[1] >= timestamp:
            high = middle
        else:
            low = found[0] - base + 1
    return next_offset(db, part.id, low, part.end)


StoredRow = tuple[int, float, bytes | None, bytes | None, bytes | None]


def insert(db: sqlite3.Connection, batch: Iterable[StoredRow]) -> None:
    """Append rows (id, timestamp, key, value, headers)."""
    db.executemany("INSERT INTO rec VALUES(?,?,?,?,?)", batch)
