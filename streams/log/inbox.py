"""The inbox of a log directory: how a process that does not own the log hands records to the one that does.

One file is one batch: written aside, synced, then renamed into `inbox/`, so that a file there is whole and durable.
The owner imports the files in the order of their names and deletes each after its COMMIT. A crash in between imports a
file twice; none is lost. A file that cannot be read or deleted is named in the log and holds up no other.
"""

import asyncio
import contextlib
import errno
import itertools
import logging
import os
import secrets
import shutil
import time
import zlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from schemas.errors import InputError, LogError, LogFull, PartitionCountChanged
from streams.log.embedded import MIN_FREE_BYTES, Log
from streams.log.record import Draft, TopicSpec

logger = logging.getLogger(__name__)

FOLDER = "inbox"
EVERY_S = 0.2
ROUND_BYTES = 8 << 20
LEFTOVER_AGE_S = 3600.0


class _Batch(msgspec.Struct):
    topics: list[TopicSpec]
    drafts: list[Draft]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Batch)


class Spool:
    """Writes batches into the inbox. File names of one spool rise, whatever the clock does."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._folder = directory / FOLDER
        self._last = 0
        self._turn = itertools.count()

    def write(self, topics: Sequence[TopicSpec], drafts: Sequence[Draft]) -> None:
        """Durable when this returns. Blocks on the disk. Raises LogFull, LogError."""
        body = _encoder.encode(_Batch(list(topics), list(drafts)))
        self._last = max(self._last + 1, time.time_ns())
        # the last part tells apart what two containers with one volume, and so perhaps one process id, write at once
        name = f"{self._last:020d}-{os.getpid()}-{next(self._turn)}-{secrets.token_hex(4)}"
        aside = self._folder / f".{name}"
        try:
            if not self._folder.is_dir():
                self._folder.mkdir(parents=True, exist_ok=True)
                _sync_folder(self._directory)
            if shutil.disk_usage(self._folder).free < MIN_FREE_BYTES + len(body):
                raise LogFull(
                    f"{self._directory}: expected at least {MIN_FREE_BYTES >> 20} MB of free space for new input"
                )
            with aside.open("wb") as file:
                file.write(zlib.crc32(body).to_bytes(4, "big") + body)
                file.flush()
                os.fsync(file.fileno())
            aside.rename(self._folder / f"{name}.batch")
            _sync_folder(self._folder)
        except OSError as error:
            with contextlib.suppress(OSError):
                aside.unlink(missing_ok=True)
            kind = LogFull if error.errno in (errno.ENOSPC, errno.EDQUOT) else LogError
            raise kind(f"{self._folder}: the records could not be written ({error.strerror})") from error


def _sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


async def import_forever(log: Log) -> None:
    """Import the inbox at once and then every 0.2 s, until cancelled or until the log fails."""
    folder = log.directory / FOLDER
    _remove_leftovers(folder)
    left: set[str] = set()
    try:
        while log.failure is None:
            if not await import_round(log, left):
                await asyncio.sleep(EVERY_S)
    except LogError as error:
        logger.warning("InboxImportStopped: %s", error)  # the log itself has told its owner


async def import_round(log: Log, left: set[str] | None = None) -> int:
    """Import the oldest files, about 8 MB; files imported. Files stay while the disk is too full for new input.

    left  names that this process has told of and leaves alone: unreadable, or imported and not to be deleted
    """
    folder = log.directory / FOLDER
    left = set() if left is None else left
    names = _names(folder, left)
    try:
        if names:
            log.refuse_input_below_floor()
    except LogFull:
        return 0
    done: list[Path] = []
    size = 0
    for name in names:
        path = folder / name
        raw = _read(path, left)
        if raw is None:
            continue
        batch = _decode(raw)
        if batch is None:
            _set_aside(path, left)
            continue
        _queue(log, batch)
        done.append(path)
        size += len(raw)
        if size >= ROUND_BYTES:
            break
    if done:
        durable = log.barrier()
        # not after the await: a stop in between must not leave behind what the last COMMIT makes durable
        durable.add_done_callback(lambda settled: _delete(settled, done, left))
        await asyncio.shield(durable)
    return len(done)


def _names(folder: Path, left: set[str]) -> list[str]:
    try:
        return sorted(
            entry.name for entry in os.scandir(folder) if entry.name.endswith(".batch") and entry.name not in left
        )
    except FileNotFoundError:
        return []
    except OSError as error:
        _tell("InboxUnreadable", folder, error, left)
        return []


def _read(path: Path, left: set[str]) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError as error:
        _tell("InboxFileUnreadable", path, error, left)
        return None


def _set_aside(path: Path, left: set[str]) -> None:
    try:
        path.rename(path.with_suffix(".damaged"))
        logger.error("InboxFileDamaged: %s: set aside as .damaged", path)
    except OSError as error:
        _tell("InboxFileDamaged", path, error, left)


def _delete(settled: "asyncio.Future[None]", done: Sequence[Path], left: set[str]) -> None:
    if settled.cancelled() or settled.exception() is not None:
        return
    for path in done:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            _tell("InboxFileNotDeleted", path, error, left)


def _tell(what: str, path: Path, error: OSError, left: set[str]) -> None:
    """Once a process: it is the next start that tries again."""
    if path.name not in left:
        left.add(path.name)
        logger.error("%s: %s: %s; see its owner and permissions", what, path, error.strerror or error)


def _decode(raw: bytes) -> _Batch | None:
    if int.from_bytes(raw[:4], "big") != zlib.crc32(raw[4:]):
        return None
    try:
        return _decoder.decode(raw[4:])
    except (msgspec.DecodeError, InputError):
        return None


def _queue(log: Log, batch: _Batch) -> None:
    for spec in batch.topics:
        # the owner may have created it meanwhile, in its own size: its word counts
        with contextlib.suppress(PartitionCountChanged):
            log.create_topic(spec, is_authoritative=False)
    for draft in batch.drafts:
        given = draft.partition
        if given is not None and given >= log.topics[draft.topic].partitions:
            given = None
        partition = log.choose_partition(draft.topic, draft.key, given)
        timestamp = time.time() if draft.timestamp is None else draft.timestamp
        log.append(draft.topic, partition, key=draft.key, value=draft.value, timestamp=timestamp, headers=draft.headers)


def _remove_leftovers(folder: Path) -> None:
    if not folder.is_dir():
        return
    for entry in os.scandir(folder):
        with contextlib.suppress(FileNotFoundError):
            if entry.name.startswith(".") and time.time() - entry.stat().st_mtime > LEFTOVER_AGE_S:
                Path(entry.path).unlink()
