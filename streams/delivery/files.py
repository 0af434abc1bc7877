"""Lines for files and for standard output: whole lines, on the disk before they count as written."""

import asyncio
import errno
import fcntl
import os
import stat
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO

from agents.delivery.channels import Answer, Fault, Line
from schemas.delivery import Cause, Credentials, Endpoint

_THREADS = 4
_MODE = 0o640
_WRITTEN = Answer(status=200)


class FileWriter:
    """Appends lines, in threads of its own.

    timeout_s  for one line; a disk or a reader that hangs holds a thread until it answers
    stdout     what a path of None stands for; standard output by default
    """

    def __init__(self, *, timeout_s: float = 20.0, stdout: BinaryIO | None = None) -> None:
        self._timeout_s = timeout_s
        self._stdout = stdout
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="files")

    async def send(self, endpoint: Endpoint, credentials: Credentials, call: Line) -> Answer | Fault:
        """Append one line. Raises nothing but CancelledError."""
        path = call.path
        work: Callable[[], None] = (
            (lambda: self._print(call.text)) if path is None else (lambda: append(path, call.text))
        )
        try:
            async with asyncio.timeout(self._timeout_s):
                await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except TimeoutError:
            return Fault(cause=Cause.TIMEOUT, detail="not written in time", may_have_arrived=True)
        except OSError as error:
            return Fault(cause=Cause.CHANNEL_ERROR, detail=os.strerror(error.errno) if error.errno else "not written")
        except ValueError:  # a NUL in the path; standard output that is closed
            return Fault(cause=Cause.INVALID_ADDRESS, detail="not a file that can be written to")
        return _WRITTEN

    async def close_idle(self, older_than_s: float) -> None:
        """Nothing: no file stays open."""

    async def close(self) -> None:
        """Take no more; lines that are under way are written."""
        self._threads.shutdown(wait=False)

    def _print(self, text: bytes) -> None:
        with self._lock:
            out = self._stdout or sys.stdout.buffer
            out.write(text + b"\n")
            out.flush()


def append(path: str, text: bytes) -> None:
    """One more line, whole or not at all, and on the disk. Raises OSError.

    Several processes may write to one file. A line that a power cut tore is closed first.
    """
    # For reading too: the last byte is looked at, and a pipe without a reader does not hold the thread.
    fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY, _MODE)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        fcntl.flock(fd, fcntl.LOCK_EX)
        size = os.fstat(fd).st_size
        is_torn = size > 0 and os.pread(fd, 1, size - 1) != b"\n"
        line = (b"\n" if is_torn else b"") + text + b"\n"
        if os.write(fd, line) < len(line):
            os.ftruncate(fd, size)
            raise OSError(errno.ENOSPC, "no space for a whole line")
        os.fsync(fd)
    finally:
        os.close(fd)
