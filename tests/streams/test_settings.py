"""Settings: sources in order, and every fault named at once."""

from pathlib import Path

import pytest

from schemas.errors import SettingsError
from streams.settings import DEFAULT_BROKER, load


def _write(folder: Path, text: str) -> Path:
    path = folder / "tocsin.toml"
    path.write_text(text, "utf-8")
    return path


def test_defaults_need_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A laptop without a file or a variable runs on the embedded log."""
    monkeypatch.chdir(tmp_path)
    settings = load({})
    assert (settings.broker, settings.is_embedded, settings.partitions) == (DEFAULT_BROKER, True, 8)


def test_command_line_beats_environment_beats_file(tmp_path: Path) -> None:
    """The nearer to the person, the stronger."""
    file = _write(tmp_path, 'broker = "kafka://file:1"\napp_id = "from-file"\npartitions = 2\n')
    environ = {"TOCSIN_BROKER": "kafka://env:1", "TOCSIN_PARTITIONS": "3"}
    settings = load(environ, broker="kafka://flag:1", file=file)
    assert (settings.broker, settings.app_id, settings.partitions) == ("kafka://flag:1", "from-file", 3)


def test_all_faults_are_reported_together(tmp_path: Path) -> None:
    """One run tells everything that must be mended: where, found, expected."""
    file = _write(tmp_path, 'broker = "redis://x"\npartitions = "many"\ncolour = 1\n')
    with pytest.raises(SettingsError) as caught:
        load({"TOCSIN_APP_ID": "a b"}, file=file)
    faults = "\n".join(caught.value.faults)
    assert f'{file}: broker: expected embedded://DIR or kafka://HOST:PORT, found "redis://x"' in faults
    assert f"{file}: partitions: expected `int`, got `str`, found 'many'" in faults
    assert f"{file}: colour: unknown setting; known are app_id, " in faults
    assert "TOCSIN_APP_ID: expected `str` matching regex" in faults
    assert len(caught.value.faults) == 4


@pytest.mark.parametrize("url", ["embedded://", "kafka://", "tocsin-data", "http://x"])
def test_a_broker_must_be_reachable_by_its_address(url: str) -> None:
    """Half an address is refused before anything starts."""
    with pytest.raises(SettingsError, match="--broker: broker: expected"):
        load({}, broker=url)


def test_a_missing_or_broken_file_is_named(tmp_path: Path) -> None:
    """A file named on the command line must exist and be TOML."""
    with pytest.raises(SettingsError, match=r"no\.toml: No such file"):
        load({}, file=tmp_path / "no.toml")
    with pytest.raises(SettingsError, match=r"tocsin\.toml: expected TOML"):
        load({}, file=_write(tmp_path, "= ="))
