"""Credentials of endpoints at rest: sealed with a key that stands in no topic (Fernet: AES-128-CBC and HMAC-SHA256)."""

import contextlib
import logging
import os
import re
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from schemas.codec import encode
from schemas.delivery import Credentials
from schemas.errors import InputError, TocsinError
from streams.log.address import parse_address
from streams.settings import Secret, Settings

log = logging.getLogger(__name__)

FILE = "delivery.key"
"""Beside an embedded log, where no other key is named."""

_EXPECTED = "expected 32 bytes in URL-safe base64, as `tocsin endpoints new-key` prints them"
_KEY = re.compile(r"[A-Za-z0-9_-]{43}=")


class SealError(TocsinError):
    """Sealed credentials cannot be opened. Says nothing of what is in them."""


def new_key() -> Secret:
    """A key, as it stands in a file or in TOCSIN_DELIVERY_KEY."""
    return Secret(Fernet.generate_key().decode("ascii"))


class Sealer:
    """Seals credentials with the first key, opens with all of them.

    keys   newest first; without any, only what has no secrets can be sealed and opened
    again  gives the keys as they are now; asked when something cannot be opened, because its key may have come since
    Raises InputError for what is no key.
    """

    def __init__(self, keys: Sequence[Secret], *, again: Callable[[], Sequence[Secret]] | None = None) -> None:
        self._keys = tuple(keys)
        self._again = again
        self._fernet = _fernet(self._keys)

    def __repr__(self) -> str:
        return f"Sealer({len(self._keys)} keys)"

    @property
    def has_keys(self) -> bool:
        """Whether secrets can be sealed at all."""
        return self._fernet is not None

    def seal(self, credentials: Credentials) -> str:
        """ASCII; other text each time. Empty where there is nothing to hide. Raises SealError without a key."""
        if credentials == Credentials():
            return ""
        if self._fernet is None:
            raise SealError("credentials: expected a key to seal them with, found none")
        return self._fernet.encrypt(encode(credentials)).decode("ascii")

    def open(self, sealed: str) -> Credentials:
        """What was sealed. Raises SealError: no key of ours sealed it, or it was changed."""
        if not sealed:
            return Credentials()
        raw = self._decrypt(sealed)
        if raw is None and self._again is not None:
            self._renew(self._again)
            raw = self._decrypt(sealed)
        if raw is None:
            known = f"one of {len(self._keys)} keys" if len(self._keys) != 1 else "this key"
            raise SealError(
                f"credentials: expected what {known} sealed, found what another sealed, or what was changed"
            )
        found = None
        with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):  # raised below: no chain leads to the bytes
            found = msgspec.json.decode(raw, type=Credentials)
        if found is None:
            raise SealError("credentials: expected those of an endpoint, found something else under our seal")
        return found

    def reseal(self, sealed: str) -> str:
        """The same, sealed with the newest key. Raises SealError."""
        return self.seal(self.open(sealed))

    def _decrypt(self, sealed: str) -> bytes | None:
        if self._fernet is None or not sealed.isascii():
            return None
        with contextlib.suppress(InvalidToken):
            return self._fernet.decrypt(sealed)
        return None

    def _renew(self, again: Callable[[], Sequence[Secret]]) -> None:
        try:
            keys = tuple(again())
            if keys != self._keys:
                self._fernet = _fernet(keys)
                self._keys = keys
        except InputError as error:
            log.warning("KeysNotRead reason=%s", error)


def _fernet(keys: Sequence[Secret]) -> MultiFernet | None:
    found = []
    for number, key in enumerate(keys, 1):
        one = None
        with contextlib.suppress(ValueError):  # raised below: its own text may name characters of the key
            one = Fernet(key.reveal().encode("ascii"))
        if one is None:
            raise InputError(f"delivery key {number} of {len(keys)}: {_EXPECTED}; found something else")
        found.append(one)
    return MultiFernet(found) if found else None


def load_sealer(settings: Settings, *, needs_key: bool = True) -> Sealer:
    """A sealer with the keys of the settings; on an embedded log without any, with a key of its own, made if need be.

    The variable counts before the file. A file is read again when something cannot be opened.
    needs_key  False: without a key on Kafka, seal and open only what has no secrets
    Raises InputError.
    """
    ours = settings.delivery
    if ours.key is not None:
        return Sealer(tuple(Secret(one.strip()) for one in ours.key.reveal().split(",") if one.strip()))
    if ours.key_file is not None:
        if _KEY.fullmatch(ours.key_file.strip()):
            raise InputError("delivery.key_file: expected the name of a file, found a key")
        path = Path(ours.key_file)
    elif settings.is_embedded:
        path = parse_address(settings.broker).directory / FILE
        _make(path)
    elif not needs_key:
        return Sealer(())
    else:
        raise InputError(
            "delivery.key_file: expected a key that seals the secrets of endpoints, found none; write what "
            "`tocsin endpoints new-key` prints to a file and name it there, or set TOCSIN_DELIVERY_KEY"
        )
    return Sealer(_read(path), again=lambda: _read(path))


def _read(path: Path) -> tuple[Secret, ...]:
    """Keys of a file, one a line. Warns where others may read it."""
    text = reason = ""
    try:
        text = path.read_text("ascii")
        mode = path.stat().st_mode & 0o777
    except OSError as error:
        reason = error.strerror or "cannot be read"
    except UnicodeDecodeError:
        reason = "expected ASCII, found other bytes"
    if reason:
        raise InputError(f"delivery.key_file: {path}: {reason}")
    if mode & 0o077:
        log.warning(
            "KeyFileOpen path=%s mode=%03o expected=600: others can read the key of all credentials", path, mode
        )
    keys = tuple(Secret(line.strip()) for line in text.splitlines() if line.strip() and not line.startswith("#"))
    if not keys:
        raise InputError(f"delivery.key_file: {path}: expected a key, found nothing")
    return keys


def _make(path: Path) -> None:
    """Write a new key unless there is one. It appears whole, whoever else makes one at the same time."""
    if path.exists():
        return
    aside = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(f"{new_key().reveal()}\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(aside, path)
            log.info("KeyMade path=%s", path)
        _sync(path.parent)
    except OSError as error:
        raise InputError(f"{path}: the key of all credentials cannot be written ({error.strerror})") from None
    finally:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    """Its entries survive a power cut: without the key what it sealed is lost."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
