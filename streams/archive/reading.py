"""Reading archives: every line is checked as it passes, and nothing is held in memory."""

import hashlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from schemas.errors import InputError
from streams.archive import parquet
from streams.archive.files import format_of, lines
from streams.archive.lines import Header, decode_footer, decode_header, decode_record
from streams.log.record import Record, TopicPartition

REPORT_EVERY = 500


def header(path: Path) -> Header:
    """What an archive says of itself; its records are not looked at. Raises InputError."""
    if format_of(path) == "parquet":
        return parquet.header(path)
    first = next(lines(path), b"")
    return _header(path, first)


def _header(path: Path, raw: bytes) -> Header:
    try:
        return decode_header(raw)
    except InputError as error:
        raise InputError(f"{path}:1: {error}") from None


def records(path: Path) -> Iterator[Record]:
    """The records of an archive in its order: by timestamp, as far as the order inside each partition allows.

    Raises InputError with file and line (of Parquet: row) where the archive is damaged, which may be only at its end:
    see `check`. Header values may be None, as on Kafka.
    """
    if format_of(path) == "parquet":
        checked = Checker(parquet.header(path))
        for number, record in enumerate(parquet.records(path), 1):
            if fault := checked.fault(record):
                raise InputError(f"{path}: row {number}: {fault}")
            yield record
        return
    yield from _from_lines(path)


def _from_lines(path: Path) -> Iterator[Record]:
    found = lines(path)
    checked = Checker(_header(path, next(found, b"")))
    total = hashlib.sha256()
    number, pending = 2, next(found, b"")
    for following in found:
        try:
            record = decode_record(pending)
        except InputError as error:
            reason = f"expected nothing after the footer, found {following[:60]!r}" if _is_footer(pending) else error
            raise InputError(f"{path}:{number}: {reason}") from None
        if fault := checked.fault(record):
            raise InputError(f"{path}:{number}: {fault}")
        total.update(pending)
        yield record
        number, pending = number + 1, following
    try:
        footer = decode_footer(pending)
    except InputError as error:
        raise InputError(f"{path}:{number}: {error}") from None
    if footer.records != number - 2:
        raise InputError(f"{path}:{number}: records: expected {footer.records}, as the footer says, found {number - 2}")
    if footer.sha256 != total.hexdigest():
        raise InputError(f"{path}:{number}: sha256: expected {footer.sha256[:64]}, found {total.hexdigest()}")


def _is_footer(raw: bytes) -> bool:
    try:
        decode_footer(raw)
    except InputError:
        return False
    return True


class Checker:
    """Whether records fit their archive's header, and their partitions' order."""

    def __init__(self, header: Header) -> None:
        self._partitions = {topic.name: topic.partitions for topic in header.topics}
        self._last: dict[TopicPartition, int] = {}

    def fault(self, record: Record) -> str | None:
        """What is wrong with the next record, or None."""
        partitions = self._partitions.get(record.topic)
        if partitions is None:
            return f"topic: expected one of the header's, found {record.topic[:250]!r}"
        if not 0 <= record.partition < partitions:
            return f"partition: expected 0 to {partitions - 1}, found {record.partition}"
        if not math.isfinite(record.timestamp):
            return f"timestamp: expected seconds since the epoch, found {record.timestamp}"
        tp = TopicPartition(record.topic, record.partition)
        last = self._last.get(tp, -1)
        if record.offset <= last:
            return f"offset: expected more than {last} in partition {record.partition}, found {record.offset}"
        self._last[tp] = record.offset
        return None


@dataclass
class TopicContents:
    """What an archive holds of one topic; timestamps are seconds since the epoch."""

    records: int = 0
    oldest: float = math.inf
    newest: float = -math.inf


@dataclass
class Contents:
    """What a whole, undamaged archive holds.

    largest               the place and the size of the largest key plus value
    without_header_value  records with a header that has no value
    """

    header: Header
    records: int = 0
    topics: dict[str, TopicContents] = field(default_factory=dict)
    largest: tuple[int, str] = (0, "")
    without_header_value: int = 0

    def add(self, record: Record) -> None:
        """Count a record."""
        self.records += 1
        topic = self.topics[record.topic]
        topic.records += 1
        topic.oldest = min(topic.oldest, record.timestamp)
        topic.newest = max(topic.newest, record.timestamp)
        size = len(record.key or b"") + len(record.value or b"")
        if size > self.largest[0]:
            self.largest = size, f"topic {record.topic}, partition {record.partition}, offset {record.offset}"
        if any(value is None for _, value in record.headers):
            self.without_header_value += 1


def check(path: Path, on_records: Callable[[int], None] = lambda _: None) -> Contents:
    """Read all of an archive, and tell what is in it. Raises InputError as `records`.

    on_records  called now and then with how many more records were read
    """
    said = header(path)
    contents = Contents(said, topics={topic.name: TopicContents() for topic in said.topics})
    for record in records(path):
        contents.add(record)
        if contents.records % REPORT_EVERY == 0:
            on_records(REPORT_EVERY)
    on_records(contents.records % REPORT_EVERY)
    return contents
