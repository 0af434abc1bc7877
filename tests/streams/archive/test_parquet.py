"""Archives as Parquet; most of it needs pyarrow, which is an extra."""

import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import InputError
from streams.archive import check, header, parquet, records
from streams.archive.lines import Header
from streams.log import Record
from tests.streams.archive.archives import a_header, a_record, write
from tests.streams.archive.test_lines import bodies, names, timestamps


@pytest.fixture
def arrow() -> Any:
    """The library, or a skip."""
    return pytest.importorskip("pyarrow")


def test_without_pyarrow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line says what to install; nothing is left behind."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    path = tmp_path / "day.parquet"
    for attempt in (lambda: write(path, []), lambda: list(records(path)), lambda: header(path)):
        with pytest.raises(InputError) as refusal:
            attempt()
        assert str(refusal.value) == f"{path}: needs pyarrow: pip install 'tocsin[parquet]'"
    assert list(tmp_path.iterdir()) == []


@given(st.lists(st.tuples(timestamps, bodies, bodies, st.lists(st.tuples(names, bodies), max_size=3).map(tuple))))
def test_every_record_comes_back(tmp_path_factory: pytest.TempPathFactory, rows: list[Any]) -> None:
    """Byte for byte, None apart from nothing, header values that Kafka leaves out too."""
    pytest.importorskip("pyarrow")
    found = [Record("updates", 1, number, *row) for number, row in enumerate(rows)]
    path = write(tmp_path_factory.getbasetemp() / "rows.parquet", found)
    assert (header(path), list(records(path))) == (a_header(), found)


def test_row_groups_are_bounded_by_rows_and_bytes(arrow: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large records must not fill the memory of who writes or reads."""
    from pyarrow.parquet import ParquetFile

    monkeypatch.setattr(parquet, "GROUP_ROWS", 4)
    monkeypatch.setattr(parquet, "GROUP_BYTES", 1_000)
    small = [a_record(number) for number in range(5)]
    large = [a_record(number, value=b"x" * 600) for number in range(5, 9)]
    path = write(tmp_path / "day.parquet", [*small, *large])
    metadata = ParquetFile(path).metadata
    assert [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)] == [4, 3, 2]
    assert metadata.row_group(0).column(5).compression == "ZSTD"
    assert check(path).records == 9


def test_a_damaged_file_is_refused(arrow: Any, tmp_path: Path) -> None:
    """Cut off anywhere, or with a byte of its pages changed."""
    from pyarrow.parquet import ParquetFile

    path = write(tmp_path / "day.parquet", [a_record(number) for number in range(20)])
    raw = path.read_bytes()
    for length in range(0, len(raw), 37):
        path.write_bytes(raw[:length])
        with pytest.raises(InputError, match="expected a whole Parquet file"):
            check(path)
    path.write_bytes(raw)
    column = ParquetFile(path).metadata.row_group(0).column(5)
    changed = bytearray(raw)
    changed[column.data_page_offset + column.total_compressed_size - 3] ^= 1
    path.write_bytes(changed)
    with pytest.raises(InputError, match="row 1: expected a whole Parquet file, found: could not verify page"):
        check(path)


def test_a_table_of_somebody_else_is_refused(arrow: Any, tmp_path: Path) -> None:
    """Without our header, or with other columns under it."""
    from pyarrow.parquet import write_table

    path = tmp_path / "day.parquet"
    table = arrow.table({"id": [1]})
    write_table(table, path)
    with pytest.raises(InputError, match="expected the header of an archive in the schema's metadata, found none"):
        check(path)
    write_table(table.replace_schema_metadata({"tocsin_archive": _said(a_header())}), path)
    with pytest.raises(InputError, match=r"expected the columns topic string, .*, found others"):
        check(path)


def _said(header: Header) -> bytes:
    from streams.archive.lines import encode_header

    return encode_header(header)


def test_rows_are_checked_like_lines(arrow: Any, tmp_path: Path) -> None:
    """The row of a record that no partition has is named."""
    path = write(tmp_path / "day.parquet", [a_record(0), a_record(1, partition=5)])
    with pytest.raises(InputError) as refusal:
        list(records(path))
    assert str(refusal.value) == f"{path}: row 2: partition: expected 0 to 1, found 5"
