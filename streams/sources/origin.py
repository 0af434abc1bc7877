"""Where bytes came from and how their updates are to be named; and a line that could not be used."""

import hashlib
from datetime import datetime
from pathlib import PurePath
from typing import NamedTuple
from urllib.parse import urlsplit

from schemas.article import Policy
from schemas.errors import DecodeReason

FILE = "file"
"""Source of what no publisher named."""


class BadLine(NamedTuple):
    """A line that is no update. `line_no` counts from 1; `raw` are its bytes."""

    line_no: int
    raw: bytes
    reason: DecodeReason
    detail: str


class Origin(NamedTuple):
    """What a user said about a file. None means: take it from the content."""

    path: str
    observed_at: datetime
    source: str | None = None
    item: str | None = None
    story: str | None = None
    policy: Policy = Policy.BACKLOG

    @property
    def file_name(self) -> str:
        """Name of the file without its directory and without what compression added; "stdin" for "-"."""
        name = PurePath(self.path).name
        for suffix in (".gz", ".xz"):
            name = name.removesuffix(suffix) or name
        return "stdin" if self.path == "-" else name or "file"

    def source_of(self, *urls: str | None) -> str:
        """The user's word, else the host of the first web address, else "file"."""
        return self.source or next((found for url in urls if (found := host(url))), FILE)

    def body_hash(self, raw: bytes) -> str:
        """Names the bytes of an update, and how the user wanted them read."""
        return hashlib.sha256(raw).hexdigest()


def host(url: str | None) -> str | None:
    """Host of a web address without "www."; None for anything else.

    >>> host("https://www.news.example/live/7")
    'news.example'
    """
    if not url or not url.startswith(("http://", "https://")):
        return None
    try:
        name = urlsplit(url).hostname
    except ValueError:
        return None
    return name.removeprefix("www.") if name else None
