"""What ended lately, so that a record which is read or written twice sends nothing twice.

Remembered are 4,096 endings of an endpoint, in buckets by digest: far more than is read again after a crash.
"""

import hashlib

from agents.delivery.state import Ended, ended_key
from agents.step import State
from schemas.delivery import Delivery, Outcome

BUCKETS = 64
IN_BUCKET = 64

_OUTCOMES = (Outcome.DELIVERED, Outcome.DEAD, Outcome.DROPPED)


def note(state: State, delivery: Delivery, subscription: str | None, outcome: Outcome) -> None:
    """Remember how a delivery ended, for one subscription or (None) for the endpoint."""
    bucket, digest = _place(delivery, subscription)
    key = ended_key(delivery.endpoint, bucket)
    known = state.get(key, Ended) or Ended()
    kept = tuple(one for one in known.digests if one >> 2 != digest)[1 - IN_BUCKET :]
    state.put(key, Ended(digests=(*kept, digest << 2 | _OUTCOMES.index(outcome))))


def outcome(state: State, delivery: Delivery, subscription: str | None = None) -> Outcome | None:
    """How this round of a delivery ended, for one subscription or for the endpoint; None if it is not remembered."""
    bucket, digest = _place(delivery, subscription)
    known = state.get(ended_key(delivery.endpoint, bucket), Ended)
    for one in known.digests if known is not None else ():
        if one >> 2 == digest:
            return _OUTCOMES[one & 3]
    return None


def _place(delivery: Delivery, subscription: str | None) -> tuple[int, int]:
    text = f"{delivery.id}/{delivery.round}/{subscription or ''}"
    digest = hashlib.sha256(text.encode()).digest()
    return digest[0] % BUCKETS, int.from_bytes(digest[1:7], "big")
