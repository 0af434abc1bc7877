"""Archives as files: whole ones come back, damaged ones are named with file and line."""

import gzip
import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import InputError
from streams.archive import TopicContents, check, files, header, records
from tests.streams.archive.archives import DAWN, a_header, a_record, write

RECORDS = [
    a_record(0),
    a_record(1, key=None, value=b"\xff"),
    a_record(0, topic="alerts.statements", partition=1, timestamp=DAWN + 7, value=None, headers=(("ce_id", b"\x80"),)),
]
ENDINGS = ("jsonl", "jsonl.gz", "jsonl.xz")


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Three records of two topics."""
    return write(tmp_path / "day.jsonl", RECORDS)


def fault(path: Path) -> str:
    """Why the archive is refused, without the folder."""
    with pytest.raises(InputError) as refusal:
        list(records(path))
    return str(refusal.value).replace(f"{path.parent}/", "")


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_archive_comes_back(tmp_path: Path, ending: str) -> None:
    """Header and records, in order, from every format."""
    path = write(tmp_path / f"day.{ending}", RECORDS)
    assert (header(path), list(records(path))) == (a_header(), RECORDS)
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_a_check_tells_what_is_in_an_archive(archive: Path) -> None:
    """Counts and times of each topic, the largest record, and all records reported."""
    reported: list[int] = []
    contents = check(archive, reported.append)
    assert (contents.records, sum(reported)) == (3, 3)
    assert contents.topics == {
        "updates": TopicContents(2, DAWN, DAWN + 1),
        "alerts.statements": TopicContents(1, DAWN + 7, DAWN + 7),
    }
    assert contents.largest == (len(b"item-1") + len(RECORDS[0].value or b""), "topic updates, partition 0, offset 0")


def test_an_archive_without_records_is_one(tmp_path: Path) -> None:
    """A quiet day."""
    assert check(write(tmp_path / "day.jsonl.gz", [])).records == 0


def changed(number: int, old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def change(raw: bytes) -> bytes:
        lines = raw.splitlines(keepends=True)
        assert old in lines[number - 1]
        lines[number - 1] = lines[number - 1].replace(old, new, 1)
        return b"".join(lines)

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda _: b"", 'day.jsonl:1: expected the header of an archive, {"tocsin_archive": 1, ...}, found'),
        (lambda _: b"The bridge is closed.\n", "day.jsonl:1: expected the header of an archive"),
        (lambda raw: raw[: raw.index(b"\n") + 1], "day.jsonl:2: expected the footer"),
        (lambda raw: raw[: raw.index(b"\n", 500) + 1], "day.jsonl:3: expected the footer"),
        (lambda raw: raw[:-50], "day.jsonl:5: expected the footer"),
        (lambda raw: raw + raw, "day.jsonl:5: expected nothing after the footer, found b'{\"toc"),
        (lambda raw: raw.replace(b"bridge", b"Bridge"), "day.jsonl:5: sha256: expected "),
        (lambda raw: raw.replace(b'"offset":1', b'"offset":0'), "day.jsonl:3: offset: expected more than 0 in"),
        (changed(1, b'"tocsin_archive":1', b'"tocsin_archive":9'), "day.jsonl:1: expected an archive of version 1"),
        (changed(2, b'"partition":0', b'"partition":2'), "day.jsonl:2: partition: expected 0 to 1, found 2"),
        (changed(2, b'"partition":0', b'"partition":"0"'), "day.jsonl:2: Expected `int`, got `str` - at `$.partition`"),
        (changed(2, b'"updates"', b'"uploads"'), "day.jsonl:2: topic: expected one of the header's, found 'uploads'"),
        (changed(3, b'"offset":1,', b'"offset":,'), "day.jsonl:3: expected JSON, found: "),
        (changed(5, b'"records":3', b'"records":4'), "day.jsonl:5: records: expected 4, as the footer says, found 3"),
    ],
)
def test_a_damaged_archive_is_named_with_its_line(archive: Path, change: Callable[[bytes], bytes], said: str) -> None:
    """Cut off, changed, of another kind: one line says what was expected and what was found."""
    archive.write_bytes(change(archive.read_bytes()))
    found = fault(archive)
    assert found.startswith(said)
    assert "\n" not in found


@pytest.mark.parametrize("ending", ENDINGS)
def test_no_cut_goes_unnoticed(tmp_path: Path, ending: str) -> None:
    """Wherever a copy broke off, but for the last line feed."""
    path = write(tmp_path / f"day.{ending}", RECORDS)
    raw = path.read_bytes()
    for length in range(len(raw) - 1):
        path.write_bytes(raw[:length])
        assert fault(path)


@given(data=st.data())
def test_no_changed_byte_of_a_record_goes_unnoticed(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """The footer's sum covers every byte between header and footer."""
    path = write(tmp_path_factory.getbasetemp() / "changed.jsonl", RECORDS)
    raw = bytearray(path.read_bytes())
    first, last = raw.index(b"\n") + 1, raw.rindex(b"\n", 0, -1) + 1
    place = data.draw(st.integers(first, last - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(raw)
    assert fault(path)


@pytest.mark.parametrize("ending", ["jsonl.gz", "jsonl.xz"])
def test_a_file_that_is_not_packed_as_its_ending_says_is_refused(archive: Path, ending: str) -> None:
    """Its name says what it must be."""
    packed = archive.rename(archive.with_suffix("." + ending))
    assert fault(packed).startswith(f"day.{ending}:1: expected a whole file, found: ")


def test_an_endless_line_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small file that unpacks to a giant one is given up after one line's length."""
    monkeypatch.setattr(files, "MAX_LINE", 1_000_000)
    path = tmp_path / "bomb.jsonl.gz"
    path.write_bytes(gzip.compress(b"0" * 50_000_000))
    assert fault(path) == "bomb.jsonl.gz:1: expected a line of at most 1000000 bytes, found a longer one"


def test_an_archive_of_any_length_is_read_line_by_line(tmp_path: Path) -> None:
    """What follows a record is not needed to give it out."""
    path = write(tmp_path / "day.jsonl", (a_record(n) for n in range(10_000)))
    with path.open("r+b") as file:
        file.truncate(1_000_000)
    assert [one.offset for one in itertools.islice(records(path), 100)] == list(range(100))


@pytest.mark.parametrize("name", ["day.json", "day.jsonl.zip", "day", ".jsonl"])
def test_another_ending_is_refused(tmp_path: Path, name: str) -> None:
    """The four that can be read are named."""
    assert fault(tmp_path / name) == (
        f"{name}: expected a file name that ends in .jsonl, .jsonl.gz, .jsonl.xz, .parquet, found {name!r}"
    )


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    """Each in one line."""
    (tmp_path / "folder.jsonl").mkdir()
    assert fault(tmp_path / "none.jsonl") == "none.jsonl: expected a file, found nothing"
    assert fault(tmp_path / "folder.jsonl") == "folder.jsonl: expected a file, found a directory"


def test_what_fails_leaves_the_file_that_was_there(archive: Path) -> None:
    """A new archive takes its place only when it is whole, and leaves nothing else behind."""
    before = archive.read_bytes()
    with pytest.raises(KeyboardInterrupt), files.created(archive, a_header()) as sink:
        sink.write(a_record())
        raise KeyboardInterrupt
    assert archive.read_bytes() == before
    assert [one.name for one in archive.parent.iterdir()] == [archive.name]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """In one line."""
    (tmp_path / "file").touch()
    for folder, why in (("none", "No such file or directory"), ("file", "Not a directory")):
        path = tmp_path / folder / "day.jsonl"
        with pytest.raises(InputError) as refusal:
            write(path, [])
        assert str(refusal.value) == f"{path}: cannot be written ({why})"
