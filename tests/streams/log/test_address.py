"""Addresses of embedded logs."""

from pathlib import Path

import pytest

from schemas.errors import InputError
from streams.log import open_log
from streams.log.address import Address, parse_address


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("embedded:///var/lib/tocsin", Address(directory=Path("/var/lib/tocsin"))),
        ("embedded://./data/log", Address(directory=Path("data/log"))),
        ("embedded:///a%20b", Address(directory=Path("/a b"))),
        ("embedded:///a?linger_ms=5", Address(directory=Path("/a"), linger_s=0.005)),
        ("embedded:///a?sync=full&drain=message", Address(directory=Path("/a"), sync="FULL", drain="message")),
    ],
)
def test_an_address_is_read(url: str, address: Address) -> None:
    """Three slashes are absolute, `./` is relative to the working directory; the rest is the query."""
    assert parse_address(url) == address


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("embedded://", "directory"),
        ("kafka://host:9092", "kafka://host:9092"),
        ("embedded:///a?syncc=FULL", "'syncc'"),
        ("embedded:///a?sync=OFF", "sync: expected NORMAL or FULL, found 'OFF'"),
        ("embedded:///a?drain=all", "drain: expected batch or message, found 'all'"),
        ("embedded:///a?linger_ms=soon", "linger_ms: expected 0 to 10000, found 'soon'"),
        ("embedded:///a?linger_ms=-1", "linger_ms"),
        ("embedded:///a?linger_ms=nan", "linger_ms"),
    ],
)
def test_a_wrong_address_is_refused_by_name(url: str, named: str) -> None:
    """The message names the key and what was expected."""
    with pytest.raises(InputError) as refusal:
        parse_address(url)
    assert named in str(refusal.value)


async def test_an_engine_nobody_knows_is_refused() -> None:
    """The factory names the address it cannot serve."""
    with pytest.raises(InputError, match="found 'redis://x'"):
        await open_log("redis://x", mode="own")


async def test_reading_where_there_is_no_log_is_refused(tmp_path: Path) -> None:
    """A reader creates nothing."""
    with pytest.raises(InputError, match="found none"):
        await open_log(f"embedded://{tmp_path / 'nothing'}", mode="read")
    assert not (tmp_path / "nothing").exists()
