"""Ids are pure functions of their fields, and fields never run into each other."""

import re

from hypothesis import given
from hypothesis import strategies as st

from schemas import identity

FIELD = st.none() | st.integers(0, 2**40) | st.text(max_size=20)


@given(st.lists(FIELD, max_size=4), st.lists(FIELD, max_size=4))
def test_only_equal_fields_give_equal_digests(left: list[object], right: list[object]) -> None:
    """No concatenation of fields collides with another cut of them (numbers equal their digits, by design)."""

    def canonical(fields: list[object]) -> list[object]:
        import unicodedata

        return [f if f is None else unicodedata.normalize("NFC", str(f)) for f in fields]

    same = identity.digest(*left) == identity.digest(*right)  # type: ignore[arg-type]
    assert same == (canonical(left) == canonical(right))


def test_composed_and_decomposed_text_are_one() -> None:
    """NFC: a source that changes its normal form does not make new entries."""
    assert identity.digest("Caf\u00e9") == identity.digest("Cafe\u0301")


def test_ids_are_26_base32_characters_after_their_prefix_and_hold_no_dot() -> None:
    """The Standard Webhooks signature joins with dots."""
    ids = [
        identity.update_id("s", "i", "h"),
        identity.entry_id("s", "i", "x"),
        identity.story_id("x"),
        identity.statement_id("s", "k", "f"),
        identity.person_id("jane roe"),
        identity.claim_id("e", "s", "appointed", None),
        identity.alert_id("statement", "x", 1, 1),
        identity.message_id("al_1", 1),
        identity.dead_letter_id("log", "updates", 0, 7, "entries"),
    ]
    assert [i for i in ids if not re.fullmatch(r"[a-z]+_[a-z2-7]{26}", i)] == []
    assert len(set(ids)) == len(ids)


def test_ids_do_not_drift() -> None:
    """An id that changes between releases would repeat every alert; this one is frozen."""
    assert identity.message_id(identity.alert_id("statement", "story/x", 1, 1), 2) == "msg_mmhyhrcbaztx2a4aev7feiv2rg"


def test_lone_surrogates_are_hashed_not_raised_on() -> None:
    """Broken text from a page still has an identity."""
    assert identity.text_sha256("\ud800") != identity.text_sha256("")
