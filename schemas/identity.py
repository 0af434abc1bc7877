"""Every deterministic id, in one place.

Ids are hashes of input data: no clock of ours, no offset, no randomness, no order of a dictionary. Fields are NFC text
or decimal integers, length-prefixed before hashing, so that ("ab", "c") and ("a", "bc") differ. 130 bits of SHA-256 in
lower-case base32: 26 characters, and no dot, because the Standard Webhooks signature joins with dots.
"""

import hashlib
import unicodedata

_BASE32 = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = tuple(first + second for first in _BASE32 for second in _BASE32)  # ten bits
_SHIFTS = range(120, -1, -10)


def digest(*fields: str | int | bytes | None) -> str:
    """26 base32 characters over the fields, in order. None differs from the empty string.

    >>> digest("ab", "c") == digest("a", "bc")
    False
    """
    parts = []
    for field in fields:
        if isinstance(field, str):
            if field.isascii():
                raw = field.encode("ascii")
            else:
                raw = unicodedata.normalize("NFC", field).encode("utf-8", "surrogatepass")
        elif field is None:
            parts.append(b"-:")
            continue
        else:
            raw = b"%d" % field if isinstance(field, int) else field
        parts.append(b"%d:%b" % (len(raw), raw))
    bits = int.from_bytes(hashlib.sha256(b"".join(parts)).digest()[:17], "big") >> 6
    return "".join([_PAIRS[bits >> shift & 1023] for shift in _SHIFTS])


def text_sha256(text: str) -> str:
    """Hex SHA-256 of the UTF-8 bytes; names a revision's exact text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def update_id(source: str, item: str, body_hash: str) -> str:
    """Same bytes of the same item: same update."""
    return "up_" + digest("update", source, item, body_hash)


def entry_id(source: str, item: str, identity: str) -> str:
    """`identity` is what the identity ladder found, rung name included."""
    return "en_" + digest("entry", source, item, identity)


def story_id(basis: str) -> str:
    """Default story of an item: `basis` is the item's id, or its folded headline where no publisher named the item."""
    return "story_" + digest("story", basis)


def statement_id(scope: str, speaker_key: str, fingerprint: str) -> str:
    """First sighting of words by a speaker in a scope (a story)."""
    return "st_" + digest("statement", scope, speaker_key, fingerprint)


def person_id(name_key: str, context: str = "") -> str:
    """A person known from text only; `context` tells namesakes apart (jurisdiction or organisation)."""
    return "p_" + digest("person", name_key, context)


def claim_id(entry: str, subject: str, event: str, post: str | None) -> str:
    """One role change as one entry tells it; stable over edits that do not touch it."""
    return "rc_" + digest("claim", entry, subject, event, post)


def alert_id(family: str, subject: str, ordinal: int, ruleset_major: int) -> str:
    """`ordinal` counts the transitions of this kind at this subject, from 1."""
    return "al_" + digest("alert", family, subject, ordinal, ruleset_major)


def message_id(alert: str, version: int) -> str:
    """One message of an alert; the webhook id."""
    return "msg_" + digest("message", alert, version)


def dead_letter_id(log_id: str, topic: str, partition: int, offset: int, stage: str) -> str:
    """The record that was set aside, and by which stage."""
    return "dl_" + digest("dead-letter", log_id, topic, partition, offset, stage)


def subscription_id(owner: str, name: str) -> str:
    """One subscription of one owner; editing its filter keeps the id."""
    return "sub_" + digest("subscription", owner, name)


def silence_id(author: str, reason: str, starts_at: str, ends_at: str, matchers: bytes) -> str:
    """`matchers` are the encoded matchers, times are ISO 8601: a silence said twice is one silence."""
    return "sil_" + digest("silence", author, reason, starts_at, ends_at, matchers)


def notification_id(subscription: str, kind: str, *messages: str) -> str:
    """What one subscription is told at once: these messages, in order."""
    return "ntf_" + digest("notification", subscription, kind, *messages)


def delivery_id(message: str, endpoint: str) -> str:
    """One message for one endpoint, whichever subscription wants it and however often it is tried."""
    return "dlv_" + digest("delivery", message, endpoint)


def replayed_id(run: str, message: str) -> str:
    """A message as one replay sends it: a receiver that has seen the message itself takes it for another."""
    return "msg_" + digest("replay", run, message)
