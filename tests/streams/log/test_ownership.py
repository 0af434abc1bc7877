"""One process owns a log; what others do meanwhile, and what is left when it dies."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from schemas.errors import LogError, LogInUse, PartitionCountChanged, UnknownTopic
from streams.log import Draft, TopicSpec, open_log
from streams.log.embedded import Log
from streams.log.inbox import Spool, import_round

ROOT = Path(__file__).resolve().parents[3]

OWNER = """
import asyncio, sys
from streams.log import TopicSpec, open_log

async def main():
    log = await open_log(sys.argv[1], mode="own")
    await log.create_topic(TopicSpec(name="updates", partitions=2))
    await log.append("updates", None, b"owner")
    print("ready", flush=True)
    while True:
        line = await asyncio.to_thread(sys.stdin.readline)
        if not line:
            break
        await log.append("updates", b"k", line.strip().encode())
        print("written", flush=True)
    await log.close()

asyncio.run(main())
"""


@contextlib.asynccontextmanager
async def owner(directory: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that owns the log, and writes each line it is given."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        OWNER,
        f"embedded://{directory}",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdout is not None
    async with asyncio.timeout(30):
        assert await process.stdout.readline() == b"ready\n"
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def values(directory: Path, mode: str = "read") -> list[bytes | None]:
    """Everything in `updates`."""
    log = await open_log(f"embedded://{directory}", mode=mode)  # type: ignore[arg-type]
    found = [record.value for number in (0, 1) async for record in log.read("updates", number, 0)]
    await log.close()
    return sorted(found, key=lambda value: value or b"")


async def import_what_is_left(directory: Path) -> int:
    """Open the log without its background tasks and import the inbox; files imported."""
    log = Log.acquire(directory)
    for task in log._tasks:
        task.cancel()
    count = 0
    while done := await import_round(log):
        count += done
    await log.release()
    return count


async def test_a_second_process_is_refused_with_the_holders_id(tmp_path: Path) -> None:
    """The sentence says who holds the log."""
    async with owner(tmp_path) as process:
        with pytest.raises(LogInUse, match=rf"in use by another process \(id {process.pid}\)"):
            await open_log(f"embedded://{tmp_path}", mode="own")


async def test_a_stale_lock_file_is_no_refusal(tmp_path: Path) -> None:
    """After a SIGKILL the file `LOCK` is still there; the log opens, with all that was acknowledged."""
    async with owner(tmp_path) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"acknowledged\n")
        assert await process.stdout.readline() == b"written\n"
        process.send_signal(signal.SIGKILL)
        await process.wait()
    assert (tmp_path / "LOCK").read_text() == f"{process.pid}\n"
    assert await values(tmp_path, "own") == [b"acknowledged", b"owner"]
    assert (tmp_path / "LOCK").read_text() == f"{os.getpid()}\n"


async def test_a_reader_follows_another_process(tmp_path: Path) -> None:
    """Reading beside the owner sees each COMMIT soon after it."""
    async with owner(tmp_path) as process:
        reader = await open_log(f"embedded://{tmp_path}", mode="read")
        records = reader.tail(["updates"])
        async with asyncio.timeout(30):
            first = (await anext(records)).value
            assert process.stdin is not None
            process.stdin.write(b"later\n")
            second = (await anext(records)).value
        await reader.close()
    assert (first, second) == (b"owner", b"later")


async def test_records_handed_over_survive_the_death_of_the_owner(tmp_path: Path) -> None:
    """Acknowledged in the inbox, owner killed at any moment: the next owner has every record, in order."""
    async with owner(tmp_path) as process:
        handle = await open_log(f"embedded://{tmp_path}", mode="append")
        for number in range(40):
            placed = await handle.append("updates", b"k", b"%03d" % number)
            assert (placed.partition, placed.offset) == (0, None)
            if number == 20:
                process.send_signal(signal.SIGKILL)
        await handle.close()
    log = await open_log(f"embedded://{tmp_path}", mode="append")
    records = log.tail(["updates"])
    found: list[bytes | None] = []
    async with asyncio.timeout(30):
        while b"039" not in found:
            found += [value for value in [(await anext(records)).value] if value != b"owner"]
    await log.close()
    await import_what_is_left(tmp_path)
    # an import cut short between COMMIT and delete is repeated: twice is allowed, missing is not
    assert list(dict.fromkeys(found)) == [b"%03d" % number for number in range(40)]
    assert not list((tmp_path / "inbox").glob("*.batch"))


async def test_a_running_owner_imports_the_inbox(tmp_path: Path) -> None:
    """Records handed over become readable while the owner runs, and their files go."""
    async with owner(tmp_path):
        handle = await open_log(f"embedded://{tmp_path}", mode="append")
        await handle.append_many([("updates", b"k", b"1", ()), ("updates", b"k", b"2", ())])
        records = handle.tail(["updates"])
        async with asyncio.timeout(30):
            found = [(await anext(records)).value for _ in range(3)]
        await handle.close()
    assert sorted(found, key=lambda value: value or b"") == [b"1", b"2", b"owner"]


async def test_a_topic_can_be_asked_for_through_the_inbox(tmp_path: Path) -> None:
    """The owner creates it with the first record; another partition count is refused at once."""
    async with owner(tmp_path):
        handle = await open_log(f"embedded://{tmp_path}", mode="append")
        with pytest.raises(PartitionCountChanged):
            await handle.create_topic(TopicSpec(name="updates", partitions=9))
        with pytest.raises(UnknownTopic):
            await handle.append("attempts", None, b"")
        await handle.create_topic(TopicSpec(name="attempts", partitions=1))
        await handle.append("attempts", None, b"first")
        records = handle.tail(["attempts"])
        async with asyncio.timeout(30):
            found = (await anext(records)).value
        await handle.close()
    assert found == b"first"


async def test_appending_without_an_owner_owns(tmp_path: Path) -> None:
    """With nobody there, `append` writes the log itself and knows the offset."""
    log = await open_log(f"embedded://{tmp_path}", mode="append")
    await log.create_topic(TopicSpec(name="t", partitions=1))
    assert await log.append("t", None, b"v") == (0, 0)
    await log.close()


async def test_users_in_one_process_share_one_log(tmp_path: Path) -> None:
    """The file stays open until the last of them lets go."""
    first = await open_log(f"embedded://{tmp_path}", mode="own")
    second = await open_log(f"embedded://{tmp_path}/../{tmp_path.name}", mode="own")
    await first.create_topic(TopicSpec(name="t", partitions=1))
    await first.close()
    assert await second.append("t", None, b"v") == (0, 0)
    await second.close()
    assert Log._open == {}


async def test_a_damaged_inbox_file_is_set_aside(tmp_path: Path) -> None:
    """Bit rot in one file does not hold up the others, and the bytes are kept."""
    spool = Spool(tmp_path)
    spool.write([TopicSpec(name="t", partitions=1)], [Draft("t", None, b"whole")])
    (tmp_path / "inbox" / "0-damaged.batch").write_bytes(b"\x00\x00\x00\x00rotten")
    assert await import_what_is_left(tmp_path) == 1
    assert [path.name for path in (tmp_path / "inbox").iterdir()] == ["0-damaged.damaged"]


async def test_a_file_imported_before_a_crash_is_imported_again_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between COMMIT and delete there is only the possibility of a duplicate."""
    async with owner(tmp_path) as process:
        handle = await open_log(f"embedded://{tmp_path}", mode="append")
        process.send_signal(signal.SIGKILL)
        await process.wait()
        await handle.append("updates", b"k", b"once")
        await handle.close()
    monkeypatch.setattr("streams.log.inbox.ROUND_BYTES", 1)
    log = Log.acquire(tmp_path)
    for task in log._tasks:
        task.cancel()
    with monkeypatch.context() as crash:
        crash.setattr(Path, "unlink", lambda *_, **__: None)
        await import_round(log)
    await log.release()
    imported = await import_what_is_left(tmp_path)
    assert (imported, (await values(tmp_path)).count(b"once")) == (1, 2)


async def test_a_directory_that_is_no_log_is_a_clear_error(tmp_path: Path) -> None:
    """A foreign file under the name of the log is named, not overwritten."""
    (tmp_path / "log.db").write_bytes(b"not a database, but long enough to be looked at" * 100)
    with pytest.raises(LogError, match=r"log\.db|file is not a database"):
        await open_log(f"embedded://{tmp_path}", mode="own")
    with pytest.raises(LogError):
        await open_log(f"embedded://{tmp_path}", mode="read")
    assert (tmp_path / "log.db").read_bytes().startswith(b"not a database")
