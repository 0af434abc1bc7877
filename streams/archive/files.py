"""Files of archives: what their endings mean, how they are read, and how one appears only when it is whole."""

import contextlib
import gzip
import hashlib
import lzma
import os
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, BinaryIO, Literal, Protocol, cast

from schemas.errors import InputError
from streams.archive.lines import MAX_LINE, Footer, Header, encode_footer, encode_header, encode_record
from streams.log.record import Record

Format = Literal["jsonl", "gzip", "xz", "parquet"]

STANDARD_OUTPUT = "-"

_ENDINGS: dict[str, Format] = {".jsonl": "jsonl", ".jsonl.gz": "gzip", ".jsonl.xz": "xz", ".parquet": "parquet"}


class Sink(Protocol):
    """An archive being written."""

    records: int

    def write(self, record: Record) -> None:
        """Add a record."""

    def finish(self) -> None:
        """Add what makes the archive whole."""


def format_of(path: str | Path) -> Format:
    """What the ending of a file says. Raises InputError."""
    name = Path(path).name
    for ending, kind in _ENDINGS.items():
        if name.endswith(ending) and name != ending:
            return kind
    raise InputError(f"{path}: expected a file name that ends in {', '.join(_ENDINGS)}, found {name!r}")


class LinesSink:
    """JSON Lines into a stream; closing the stream is its owner's."""

    def __init__(self, stream: IO[bytes], header: Header) -> None:
        self.records = 0
        self.bytes = 0
        self._stream = stream
        self._sum = hashlib.sha256()
        self._write(encode_header(header))

    def write(self, record: Record) -> None:
        """Add a record."""
        line = encode_record(record)
        self._sum.update(line)
        self.records += 1
        self._write(line)

    def finish(self) -> None:
        """Add the footer."""
        self._write(encode_footer(Footer(self.records, self._sum.hexdigest())))
        self._stream.flush()

    def _write(self, line: bytes) -> None:
        self._stream.write(line)
        self.bytes += len(line)


def refuse_existing(path: Path, *, is_forced: bool) -> None:
    """Raises InputError where something is in the way; also for what could never be replaced by a file."""
    if path.is_dir():
        raise InputError(f"{path}: expected a file, found a directory")
    if path.exists() and not is_forced:
        raise InputError(f"{path}: expected no file, found one; --force replaces it")


@contextlib.contextmanager
def created(path: Path, header: Header) -> Iterator[Sink]:
    """A new archive: written to PATH.partial and, after the block, finished, made durable and given its name.

    When the block raises, nothing is left behind and a file that was there stays. Raises InputError when the disk
    refuses.
    """
    kind = format_of(path)
    aside = path.with_name(f"{path.name}.partial")
    try:
        with aside.open("wb") as file:
            with _sink(kind, file, header, path) as sink:
                yield sink
                sink.finish()
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
        _sync_folder(path.parent)
    except BaseException as error:
        with contextlib.suppress(OSError):
            aside.unlink()
        if isinstance(error, OSError):
            raise InputError(f"{path}: cannot be written ({error.strerror or error})") from error
        raise


@contextlib.contextmanager
def _sink(kind: Format, file: IO[bytes], header: Header, path: Path) -> Iterator[Sink]:
    match kind:
        case "jsonl":
            yield LinesSink(file, header)
        case "gzip":
            with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
                yield LinesSink(cast(BinaryIO, packed), header)
        case "xz":
            with lzma.LZMAFile(file, "wb") as packed:
                yield LinesSink(packed, header)
        case "parquet":
            from streams.archive.parquet import ParquetSink

            with contextlib.closing(ParquetSink(file, header, path)) as sink:
                yield sink


def _sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


@contextlib.contextmanager
def to_standard_output(header: Header) -> Iterator[LinesSink]:
    """JSON Lines on standard output."""
    sink = LinesSink(sys.stdout.buffer, header)
    yield sink
    sink.finish()


def lines(path: Path) -> Iterator[bytes]:
    """The lines of an archive, unpacked, one after the other. Raises InputError with file and line."""
    number = 0
    with _opened(path) as stream:
        while True:
            number += 1
            try:
                line = stream.readline(MAX_LINE + 1)
            except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
                raise InputError(f"{path}:{number}: expected a whole file, found: {error}") from None
            if not line:
                return
            if len(line) > MAX_LINE:
                raise InputError(f"{path}:{number}: expected a line of at most {MAX_LINE} bytes, found a longer one")
            yield line


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    kind = format_of(path)
    refuse_missing(path)
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(path.open("rb"))
        except OSError as error:
            raise InputError(f"{path}: expected a readable file, found: {error.strerror or error}") from None
        stream: IO[bytes] = file
        if kind == "gzip":
            stream = cast(BinaryIO, stack.enter_context(gzip.GzipFile(fileobj=file)))
        elif kind == "xz":
            stream = stack.enter_context(lzma.LZMAFile(file))
        yield stream


def refuse_missing(path: Path) -> None:
    """Raises InputError where there is no file."""
    if path.is_dir():
        raise InputError(f"{path}: expected a file, found a directory")
    if not path.exists():
        raise InputError(f"{path}: expected a file, found nothing")
