"""Keys and their partitions."""

from aiokafka.partitioner import murmur2
from hypothesis import given
from hypothesis import strategies as st

from streams.log.partitioner import Partitioner, key_hash


@given(st.binary(max_size=70))
def test_the_hash_is_the_one_of_kafka_clients(key: bytes) -> None:
    """Equal to an independent implementation, so that a log can move to Kafka without moving keys."""
    assert key_hash(key) == murmur2(key) & 0x7FFFFFFF


@given(st.binary(max_size=20), st.integers(1, 100))
def test_a_key_has_one_partition_within_bounds(key: bytes, partitions: int) -> None:
    """The choice depends on the key alone."""
    chosen = {Partitioner().choose(key, partitions) for _ in range(3)}
    assert len(chosen) == 1
    assert 0 <= chosen.pop() < partitions


def test_without_a_key_partitions_take_turns() -> None:
    """Round robin."""
    partitioner = Partitioner()
    assert [partitioner.choose(None, 3) for _ in range(6)] == [0, 1, 2, 0, 1, 2]
