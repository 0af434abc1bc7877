"""Credentials at rest: sealed by the newest key, opened by all, and secret in whatever goes wrong."""

import logging
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from schemas.delivery import Credentials, SigningKey
from schemas.errors import InputError
from streams.delivery.sealing import FILE, Sealer, SealError, load_sealer, new_key
from streams.settings import Secret, Settings, load

PLANTED = "planted-7e1c"
FULL = Credentials(
    url=f"https://hooks.example/{PLANTED}",
    token=f"xoxb-{PLANTED}",
    keys=(SigningKey(secret=f"whsec_{PLANTED}"),),
    username=PLANTED,
    password=PLANTED,
)


def embedded(tmp_path: Path, **environ: str) -> Settings:
    return load(
        {f"TOCSIN_DELIVERY_{name}": text for name, text in environ.items()}, broker=f"embedded://{tmp_path}/log"
    )


def told(error: BaseException | None) -> str:
    """All that a traceback could print of an error."""
    text = ""
    while error is not None:
        text += f"{error!r} {error} {error.args} "
        error = error.__context__
    return text


def test_what_is_sealed_is_opened() -> None:
    """Every field comes back; nothing of it shows in what is stored."""
    sealer = Sealer([new_key()])
    sealed = sealer.seal(FULL)
    assert sealer.open(sealed) == FULL
    assert sealed.isascii()
    assert PLANTED not in sealed + repr(sealer) + repr(FULL)


def test_nothing_to_hide_needs_no_key() -> None:
    """Standard output can be an endpoint on a cluster where nobody has made a key."""
    sealer = Sealer([])
    assert (sealer.has_keys, sealer.seal(Credentials()), sealer.open("")) == (False, "", Credentials())
    with pytest.raises(SealError, match="expected a key to seal them with, found none"):
        sealer.seal(FULL)


def test_the_first_key_seals_and_all_open() -> None:
    """A rotation: the new key in front, what the old one sealed is still read, then sealed anew."""
    old, new = new_key(), new_key()
    sealed = Sealer([old]).seal(FULL)
    both = Sealer([new, old])
    assert both.open(sealed) == FULL
    assert Sealer([new]).open(both.reseal(sealed)) == FULL


@pytest.mark.parametrize("change", ["another key", "changed", "no base64", "not ASCII", "foreign"])
def test_what_cannot_be_opened_tells_nothing(change: str) -> None:
    """Neither the credentials nor the keys, in the error or in one behind it."""
    key = new_key()
    sealed = {
        "another key": Sealer([new_key()]).seal(FULL),
        "changed": Sealer([key]).seal(FULL)[:-8] + "AAAAAAA=",
        "no base64": PLANTED,
        "not ASCII": f"é{PLANTED}",
        "foreign": Fernet(key.reveal()).encrypt(f'{{"url": 5, "{PLANTED}": "{PLANTED}"}}'.encode()).decode(),
    }[change]
    with pytest.raises(SealError) as caught:
        Sealer([key]).open(sealed)
    assert PLANTED not in told(caught.value)
    assert key.reveal() not in told(caught.value)


def test_what_is_no_key_is_named_by_its_place() -> None:
    """And not by what it is: it may be a key with a typing error."""
    with pytest.raises(InputError, match=r"^delivery key 2 of 2: expected 32 bytes in URL-safe base64") as caught:
        Sealer([new_key(), Secret(PLANTED)])
    assert PLANTED not in told(caught.value)


def test_an_embedded_log_has_a_key_of_its_own(tmp_path: Path) -> None:
    """Made when it is first needed, for nobody else to read, and found again."""
    settings = embedded(tmp_path)
    sealed = load_sealer(settings).seal(FULL)
    assert load_sealer(settings).open(sealed) == FULL
    assert [(one.name, one.stat().st_mode & 0o777) for one in (tmp_path / "log").iterdir()] == [(FILE, 0o600)]


def test_the_variable_counts_before_the_file_and_makes_none(tmp_path: Path) -> None:
    """With commas between: newest first."""
    old, new = new_key(), new_key()
    sealer = load_sealer(embedded(tmp_path, KEY=f"{new.reveal()}, {old.reveal()}", KEY_FILE="/nowhere"))
    assert sealer.open(Sealer([old]).seal(FULL)) == FULL
    assert Sealer([new]).open(sealer.seal(FULL)) == FULL
    assert list(tmp_path.iterdir()) == []


def test_a_key_that_comes_later_is_found(tmp_path: Path) -> None:
    """A worker reads the file again before it gives credentials up."""
    old, new = new_key(), new_key()
    file = tmp_path / "keys"
    file.write_text(f"# desk\n{old.reveal()}\n")
    file.chmod(0o600)
    sealer = load_sealer(embedded(tmp_path, KEY_FILE=str(file)))
    file.write_text(f"{new.reveal()}\n{old.reveal()}\n")
    assert sealer.open(Sealer([new]).seal(FULL)) == FULL


def test_a_file_that_others_can_read_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It works, and the line names the file and its mode, not the key."""
    key, file = new_key(), tmp_path / "keys"
    file.write_text(key.reveal())
    file.chmod(0o644)
    with caplog.at_level(logging.WARNING):
        load_sealer(embedded(tmp_path, KEY_FILE=str(file)))
    assert f"KeyFileOpen path={file} mode=644 expected=600" in caplog.text
    assert key.reveal() not in caplog.text


def test_faults_of_a_key_file_are_one_line(tmp_path: Path) -> None:
    """Missing, empty, or the key itself in the place of its file."""
    (tmp_path / "empty").touch(0o600)
    key = new_key().reveal()
    for name, fault in (("none", "No such file"), ("empty", "expected a key, found nothing")):
        with pytest.raises(InputError, match=fault):
            load_sealer(embedded(tmp_path, KEY_FILE=str(tmp_path / name)))
    with pytest.raises(InputError, match="expected the name of a file, found a key") as caught:
        load_sealer(embedded(tmp_path, KEY_FILE=key))
    assert key not in told(caught.value)


def test_kafka_needs_a_key_that_somebody_made() -> None:
    """One made by a worker would be another in each of them."""
    settings = load({}, broker="kafka://a:1")
    with pytest.raises(InputError, match="`tocsin endpoints new-key` prints"):
        load_sealer(settings)
    assert load_sealer(settings, needs_key=False).has_keys is False
