"""Near-duplicate sentences of a story, packed."""

from hypothesis import given
from hypothesis import strategies as st

from agents.escalations.duplicates import KEPT, SHARED, SKETCH, Seen

HASHES = st.one_of(st.integers(0, 12), st.sampled_from((0x01010101, 0x0101, 0x01000000, 2**32 - 1)))
SKETCHES = st.lists(st.sets(HASHES, max_size=SKETCH).map(lambda found: tuple(sorted(found))), max_size=25)


class Plain:
    """The same with one tuple a sentence."""

    def __init__(self) -> None:
        self.known: list[tuple[int, ...]] = []

    def add(self, hashes: tuple[int, ...]) -> bool:
        """False for a near-duplicate."""
        if not hashes:
            return True
        for other in self.known[-KEPT:]:
            shared = len(set(other) & set(hashes))
            if shared >= min(SHARED, len(hashes)) and len(other) <= len(hashes) + 2:
                return False
        self.known.append(hashes)
        return True


@given(st.lists(SKETCHES, max_size=4))
def test_packed_rows_find_what_plain_ones_find(turns: list[list[tuple[int, ...]]]) -> None:
    """In few look-ups and in many, and over what is kept from one turn to the next."""
    packed, plain = b"", Plain()
    for sketches in turns:
        seen = Seen(packed)
        assert [seen.add(hashes) for hashes in sketches] == [plain.add(hashes) for hashes in sketches]
        packed = seen.known()
    assert len(packed) == 4 * SKETCH * len(plain.known[-KEPT:])


def test_only_the_latest_are_kept() -> None:
    """A sentence repeated after as many others as are kept counts again."""
    seen = Seen(b"")
    for number in range(KEPT + 1):
        assert seen.add(tuple(range(10 * number, 10 * number + SKETCH)))

    assert seen.add(tuple(range(SKETCH)))
    assert not seen.add(tuple(range(20, 20 + SKETCH)))
    assert len(seen.known()) == 4 * SKETCH * KEPT
