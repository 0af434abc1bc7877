"""What ended lately, so that a record which is read or written twice sends nothing twice.

Remembered are some 2,000 deliveries of an endpoint, in buckets: far more than is read again after a crash.
"""

import hashlib

from agents.delivery.state import Ended, ended_key
from agents.step import State
from schemas.delivery import Delivery, Outcome

BUCKETS = 64
IN_BUCKET = 64

_OUTCOMES = (Outcome.DELIVERED, Outcome.DEAD, Outcome.DROPPED)


def note(state: State, delivery: Delivery, outcome: Outcome, *subscriptions: str, is_over: bool = True) -> None:
    """Remember how a delivery ended for these subscriptions, and (is_over) for the endpoint."""
    code = _OUTCOMES.index(outcome)
    digests = [_digest(delivery, one) << 2 | code for one in (*subscriptions, *(("",) if is_over else ()))]
    key = _key(delivery)
    known = state.get(key, Ended) or Ended()
    fresh = {one >> 2 for one in digests}
    kept = tuple(one for one in known.digests if one >> 2 not in fresh)
    state.put(key, Ended(digests=(*kept, *digests)[-IN_BUCKET:]))


def outcome(state: State, delivery: Delivery, subscription: str = "") -> Outcome | None:
    """How this round of a delivery ended, for one subscription or for the endpoint; None if it is not remembered."""
    known = state.get(_key(delivery), Ended)
    if known is None:
        return None
    digest = _digest(delivery, subscription)
    return next((_OUTCOMES[one & 3] for one in known.digests if one >> 2 == digest), None)


def _key(delivery: Delivery) -> str:
    return ended_key(delivery.endpoint, hashlib.sha256(delivery.id.encode()).digest()[0] % BUCKETS)


def _digest(delivery: Delivery, subscription: str) -> int:
    text = f"{delivery.id}/{delivery.round}/{subscription}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big")
