"""Packing of changelog values: small ones pass, large ones shrink, all come back."""

from hypothesis import given
from hypothesis import strategies as st

from streams.compression import FROM_BYTES, pack, unpack


@given(st.binary(max_size=100), st.sampled_from([1, FROM_BYTES]))
def test_what_was_packed_comes_back(piece: bytes, times: int) -> None:
    """For any value that does not begin with the mark, which none of ours does."""
    value = b"[" + piece * times
    packed = pack(value)
    assert packed is not None
    assert unpack(packed) == value


def test_a_deleted_value_stays_deleted() -> None:
    """A tombstone is no value to pack."""
    assert pack(None) is None


def test_the_limit_decides() -> None:
    """Below it the same object, from it on another one that is smaller."""
    small, large = b"x" * (FROM_BYTES - 1), b"x" * FROM_BYTES
    assert pack(small) is small
    assert len(pack(large) or large) < 1000
