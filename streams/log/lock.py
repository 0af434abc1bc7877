"""Exclusive ownership of a log directory, held by the operating system and freed with the process."""

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
        """Take the lock at once. Raises LogInUse, naming the holder's process id."""
        try:
            import fcntl  # absent on Windows, where the module must still import
        except ImportError:
            raise LogError(
                "embedded log: expected a platform with file locks (fcntl), found none; use kafka:// here"
            ) from None
        file = self._path.open("a+", encoding="ascii")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            holder = file.read(32).strip() or "unknown"
            file.close()
            raise LogInUse(f"{self._path.parent}: the log is in use by another process (id {holder})") from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        self._file = file

    def release(self) -> None:
        """Give the lock back. Doing so twice is harmless."""
        if self._file is not None:
            self._file.close()
            self._file = None
