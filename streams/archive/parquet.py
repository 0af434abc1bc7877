"""An archive as Parquet, for analysis: the same columns, the header in the metadata of the schema.

Needs pyarrow, which is loaded only here. The file's own footer shows that it is whole, a checksum of each page that it
is undamaged.
"""

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from schemas.errors import InputError
from streams.archive.lines import MAX_LINE, Header, decode_header, encode_header
from streams.log.record import Record

GROUP_ROWS = 50_000
GROUP_BYTES = 64 << 20
"""A row group ends with either: large records must not fill the memory."""

MAX_GROUP_BYTES = 512 << 20
"""Largest row group that is read, bytes unpacked."""

BATCH_ROWS = 1_000

_HEADER = b"tocsin_archive"


class ParquetSink:
    """Rows into a stream, a row group at a time."""

    def __init__(self, stream: IO[bytes], header: Header, path: Path) -> None:
        self.records = 0
        self._arrow, parquet = _modules(path)
        metadata = {_HEADER: encode_header(header).strip()}
        self._schema = _schema(self._arrow).with_metadata(metadata)
        self._writer: Any = parquet.ParquetWriter(
            stream,
            self._schema,
            compression="zstd",
            use_dictionary=["topic"],  # of texts that never repeat a dictionary is only work
            write_page_checksum=True,
        )
        self._rows: list[Record] = []
        self._bytes = 0

    def write(self, record: Record) -> None:
        """Add a record."""
        self._rows.append(record)
        self._bytes += len(record.key or b"") + len(record.value or b"")
        self.records += 1
        if len(self._rows) >= GROUP_ROWS or self._bytes >= GROUP_BYTES:
            self._write_group()

    def finish(self) -> None:
        """Write what is left, and the footer."""
        self._write_group()
        self._writer.close()

    def close(self) -> None:
        """Let go; without `finish` before, what was written is no archive."""
        self._writer.close()

    def _write_group(self) -> None:
        if not self._rows:
            return
        rows = self._rows
        columns = [
            [row.topic for row in rows],
            [row.partition for row in rows],
            [row.offset for row in rows],
            [row.timestamp for row in rows],
            [row.key for row in rows],
            [row.value for row in rows],
            [[{"name": name, "value": value} for name, value in row.headers] for row in rows],
        ]
        arrays = [self._arrow.array(column, field.type) for column, field in zip(columns, self._schema, strict=True)]
        batch = self._arrow.record_batch(arrays, schema=self._schema)
        self._writer.write_batch(batch, row_group_size=len(rows))
        self._rows = []
        self._bytes = 0


def header(path: Path) -> Header:
    """What the archive says of itself. Raises InputError."""
    arrow, parquet = _modules(path)
    with _opened(path, arrow, parquet) as file:
        return _checked(file, path, arrow)


def records(path: Path) -> Iterator[Record]:
    """The records, in order. Raises InputError for a file that cannot be read."""
    arrow, parquet = _modules(path)
    with _opened(path, arrow, parquet) as file:
        _checked(file, path, arrow)
        for number in range(file.metadata.num_row_groups):
            size = file.metadata.row_group(number).total_byte_size
            if size > MAX_GROUP_BYTES:
                raise InputError(
                    f"{path}: row group {number}: expected at most {MAX_GROUP_BYTES} bytes unpacked, found {size}"
                )
        number = 0
        batches = file.iter_batches(batch_size=BATCH_ROWS)
        while True:
            try:
                batch = next(batches, None)
                rows = (
                    [] if batch is None else list(zip(*(column.to_pylist() for column in batch.columns), strict=True))
                )
            except (OSError, UnicodeDecodeError, arrow.ArrowException) as error:
                raise InputError(f"{path}: row {number + 1}: {_reason(error)}") from None
            if not rows:
                return
            for row in rows:
                number += 1
                yield _record(path, number, row)


def _record(path: Path, number: int, row: tuple[Any, ...]) -> Record:
    topic, partition, offset, timestamp, key, value, headers = row
    if topic is None or partition is None or offset is None or timestamp is None:
        raise InputError(f"{path}: row {number}: expected topic, partition, offset and timestamp, found null")
    if len(key or b"") + len(value or b"") > MAX_LINE:
        raise InputError(f"{path}: row {number}: expected a record of at most {MAX_LINE} bytes, found a longer one")
    pairs: Any = tuple((one["name"], one["value"]) if one else (None, None) for one in headers or ())
    if any(name is None for name, _ in pairs):
        raise InputError(f"{path}: row {number}: headers: expected a name, found null")
    return Record(topic, partition, offset, timestamp, key, value, pairs)


def _modules(path: Path) -> tuple[Any, Any]:
    try:
        return importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise InputError(f"{path}: needs pyarrow: pip install 'tocsin[parquet]'") from None


def _schema(arrow: Any) -> Any:
    return arrow.schema(
        [
            ("topic", arrow.string()),
            ("partition", arrow.int32()),
            ("offset", arrow.int64()),
            ("timestamp", arrow.float64()),
            ("key", arrow.binary()),
            ("value", arrow.binary()),
            ("headers", arrow.list_(arrow.struct([("name", arrow.string()), ("value", arrow.binary())]))),
        ]
    )


def _opened(path: Path, arrow: Any, parquet: Any) -> Any:
    if not path.is_file():
        raise InputError(f"{path}: expected a file, found {'a directory' if path.is_dir() else 'nothing'}")
    try:
        return parquet.ParquetFile(path, page_checksum_verification=True)
    except (OSError, arrow.ArrowException) as error:
        raise InputError(f"{path}: {_reason(error)}") from None


def _checked(file: Any, path: Path, arrow: Any) -> Header:
    schema = file.schema_arrow
    raw = (schema.metadata or {}).get(_HEADER)
    if raw is None:
        raise InputError(f"{path}: expected the header of an archive in the schema's metadata, found none")
    try:
        found = decode_header(raw)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    expected = _schema(arrow)
    if not schema.equals(expected):
        columns = ", ".join(f"{field.name} {field.type}" for field in expected)
        raise InputError(f"{path}: expected the columns {columns}, found others")
    return found


def _reason(error: Exception) -> str:
    lines = str(error).splitlines() or [type(error).__name__]
    return f"expected a whole Parquet file, found: {lines[0][:300]}"
