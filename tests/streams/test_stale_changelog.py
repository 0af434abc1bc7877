"""What a worker wrote late, beside the new owner of its partitions, does not become state again."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from streams.pipeline import create_app
from streams.settings import Settings
from streams.stage import SOURCE_OFFSET


def a_changelog_event(key: bytes, value: bytes, source: int | None) -> Any:
    """As recovery hands it to a table."""
    headers = [] if source is None else [(SOURCE_OFFSET, b"%d" % source)]
    message = SimpleNamespace(key=key, value=value, partition=0, headers=headers)
    return SimpleNamespace(key=key, value=value, message=message)


def restored(folder: Path, *batches: list[Any]) -> dict[bytes, bytes]:
    """A table after these batches of its changelog."""
    app = create_app(Settings(broker=f"embedded://{folder}/log"), datadir=folder)
    table = app.tables["entries"]
    for batch in batches:
        table.apply_changelog_batch(batch)
    return dict(table.data.items())


def test_a_record_of_an_earlier_input_is_not_applied(tmp_path: Path) -> None:
    """Within a batch and across batches; other keys, equal inputs and records without a source are."""
    first = [a_changelog_event(b"k", b"at 7", 7), a_changelog_event(b"k", b"at 5", 5), a_changelog_event(b"o", b"1", 1)]
    second = [a_changelog_event(b"k", b"at 6", 6), a_changelog_event(b"o", b"1 again", 1)]
    third = [a_changelog_event(b"m", b"memo", None), a_changelog_event(b"m", b"memo 2", None)]

    assert restored(tmp_path, first, second, third) == {b"k": b"at 7", b"o": b"1 again", b"m": b"memo 2"}
