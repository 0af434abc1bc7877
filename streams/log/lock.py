"""Exclusive ownership of a log directory, held by the operating system and freed with the process."""

import contextlib
import os
from pathlib import Path
from typing import IO

from schemas.errors import LogError, LogInUse


class DirectoryLock:
    """The lock file `LOCK`. The file alone means nothing: only a living process can hold the lock on it."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "LOCK"
        self._file: IO[str] | None = None

    def acquire(self) -> None:
        """Take the lock at once. Raises LogInUse, naming the holder's process id; LogError where there can be none."""
        try:
            import fcntl  # absent on Windows, where the module must still import
        except ImportError:
            raise LogError(
                "embedded log: expected a platform with file locks (fcntl), found none; use kafka:// here"
            ) from None
        try:
            file = self._path.open("a+", encoding="ascii", errors="replace")
        except OSError as error:
            raise LogError(f"{self._path}: cannot be written ({error.strerror or error})") from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read(32).strip() or "unknown"
            file.close()
            raise LogInUse(f"{self._path.parent}: the log is in use by another process (id {holder})") from None
        except OSError as error:
            file.close()
            raise LogError(f"{self._path}: cannot be locked ({error.strerror or error})") from None
        self._file = file
        with contextlib.suppress(OSError):  # a full disk: the lock counts, the id is for people
            os.ftruncate(file.fileno(), 0)
            os.write(file.fileno(), f"{os.getpid()}\n".encode())

    def release(self) -> None:
        """Give the lock back. Doing so twice is harmless."""
        if self._file is not None:
            self._file.close()
            self._file = None
