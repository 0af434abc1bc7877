"""Signatures of webhooks, exactly as Standard Webhooks 1.0.0 has them."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime

from schemas.delivery import SigningKey

PREFIX = "whsec_"
MIN_BYTES = 24
MAX_BYTES = 64


def fault(secret: str) -> str | None:
    """What is wrong with a signing secret, without showing it; None for a good one.

    >>> fault("whsec_c2hvcnQ=")
    'expected whsec_ and 24 to 64 bytes in base64, found 5 bytes'
    """
    expected = f"expected {PREFIX} and {MIN_BYTES} to {MAX_BYTES} bytes in base64"
    if not secret.startswith(PREFIX):
        return f"{expected}, found another beginning"
    raw = _decoded(secret)
    if raw is None:
        return f"{expected}, found no base64"
    if not MIN_BYTES <= len(raw) <= MAX_BYTES:
        return f"{expected}, found {len(raw)} bytes"
    return None


def secret_of(raw: bytes) -> str:
    """The secret as people and receivers' libraries read it. `raw` must be random."""
    return PREFIX + base64.b64encode(raw).decode("ascii")


def active(keys: Sequence[SigningKey], at: datetime) -> tuple[SigningKey, ...]:
    """The keys that sign at this time, in their order: during a rotation more than one."""
    return tuple(key for key in keys if (key.until is None or key.until > at) and fault(key.secret) is None)


def sign(keys: Sequence[SigningKey], *, message_id: str, at: datetime, body: bytes) -> str:
    """Value of the header webhook-signature: one signature for each key that signs at this time, else empty.

    at  time of the attempt; its whole seconds are what is signed and what `timestamp` gives
    """
    signed = b"%b.%d.%b" % (message_id.encode("utf-8", "replace"), timestamp(at), body)
    found = []
    for key in active(keys, at):
        digest = hmac.digest(_decoded(key.secret) or b"", signed, hashlib.sha256)
        found.append("v1," + base64.b64encode(digest).decode("ascii"))
    return " ".join(found)


def timestamp(at: datetime) -> int:
    """Value of the header webhook-timestamp: whole seconds since 1970."""
    return int(at.timestamp())


def _decoded(secret: str) -> bytes | None:
    try:
        return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return None
