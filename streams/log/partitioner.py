"""Which partition a key belongs to: murmur2, as the Java client of Apache Kafka computes it."""

from functools import lru_cache
from itertools import count

_SEED = 0x9747B28C
_MIX = 0x5BD1E995
_MASK = 0xFFFFFFFF


@lru_cache(maxsize=65_536)
def key_hash(key: bytes) -> int:
    """Non-negative murmur2 hash of a key; cached, since it costs microseconds and keys repeat.

    >>> key_hash(b"21")
    1173551340
    """
    whole = len(key) & ~3
    h = _SEED ^ len(key)
    for at in range(0, whole, 4):
        k = int.from_bytes(key[at : at + 4], "little") * _MIX & _MASK
        k = (k ^ (k >> 24)) * _MIX & _MASK
        h = (h * _MIX & _MASK) ^ k
    if rest := key[whole:]:
        h = (h ^ int.from_bytes(rest, "little")) * _MIX & _MASK
    h = (h ^ (h >> 13)) * _MIX & _MASK
    return (h ^ (h >> 15)) & 0x7FFFFFFF


class Partitioner:
    """Chooses partitions: by key, or in turn where there is no key."""

    def __init__(self) -> None:
        self._turn = count()

    def choose(self, key: bytes | None, partitions: int) -> int:
        """A partition in [0, partitions)."""
        if partitions == 1:
            return 0
        return (next(self._turn) if key is None else key_hash(key)) % partitions
