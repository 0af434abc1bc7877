"""Large changelog values, compressed: a state and the memory of what was published fit a Kafka record.

An update of one megabyte in thousands of tiny entries leaves a record of eleven: the same few fields again and again.
"""

import zlib

FROM_BYTES = 65_536
"""Smaller values are left alone: most states are, and stay readable to other tools."""

_MARK = b"\xc1"
"""No value of ours begins so: neither JSON, nor MessagePack, nor a partition number below 1,024."""

_FAST = 1


def pack(value: bytes | None) -> bytes | None:
    """The value as it stands in the changelog; equal values give equal bytes.

    >>> pack(b"small"), len(pack(b"large" * 100_000)) < 10_000
    (b'small', True)
    """
    if value is None or len(value) < FROM_BYTES:
        return value
    return _MARK + zlib.compress(value, _FAST)


def unpack(value: bytes) -> bytes:
    """The value itself; what was not packed stays the very same object.

    >>> unpack(pack(b"large" * 100_000)) == b"large" * 100_000
    True
    """
    return zlib.decompress(value[1:]) if value[:1] == _MARK else value
