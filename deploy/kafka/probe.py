"""Is a broker ready? Asked over Kafka's own protocol, so that "ready" means what a client will find.

Three old versions of three requests are enough; Kafka 4 still speaks them (its oldest are those of Kafka 2.1).
"""

import socket
import struct
from dataclasses import dataclass

METADATA, FIND_COORDINATOR = 3, 10
ALL_TOPICS, NO_TOPICS = -1, 0
ANSWER_S = 5.0
OFFSETS = "__consumer_offsets"


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def number(self, form: str) -> int:
        (value,) = struct.unpack_from(">" + form, self.data, self.at)
        self.at += struct.calcsize(">" + form)
        return int(value)

    def text(self) -> str:
        size = self.number("h")
        self.at += max(size, 0)
        return self.data[self.at - max(size, 0) : self.at].decode()

    def numbers(self) -> tuple[int, ...]:
        return tuple(self.number("i") for _ in range(self.number("i")))


@dataclass(frozen=True)
class Partition:
    """One partition as a broker sees it; `in_sync` and `replicas` are node numbers."""

    topic: str
    index: int
    leader: int
    replicas: tuple[int, ...]
    in_sync: tuple[int, ...]

    @property
    def is_whole(self) -> bool:
        """Led, and every replica in sync."""
        return self.leader >= 0 and set(self.in_sync) == set(self.replicas)


@dataclass(frozen=True)
class View:
    """The cluster as one broker sees it: the nodes that serve clients now, and every partition."""

    nodes: frozenset[int]
    partitions: tuple[Partition, ...]


def view(port: int) -> View:
    """What the broker at 127.0.0.1:port says of the cluster. Raises OSError while it does not answer."""
    answer = _ask(port, METADATA, 1, struct.pack(">i", ALL_TOPICS))
    nodes = set()
    for _ in range(answer.number("i")):
        nodes.add(answer.number("i"))
        answer.text(), answer.number("i"), answer.text()
    answer.number("i")  # the controller
    partitions = []
    for _ in range(answer.number("i")):
        answer.number("h")
        topic = answer.text()
        answer.number("b")
        for _ in range(answer.number("i")):
            answer.number("h")
            index, leader = answer.number("i"), answer.number("i")
            partitions.append(Partition(topic, index, leader, answer.numbers(), answer.numbers()))
    return View(frozenset(nodes), tuple(partitions))


def has_coordinator(port: int) -> bool:
    """Whether groups can be coordinated.

    Asking is what makes the broker create the topic of offsets; until that exists it answers error 15. Raises
    OSError while the broker does not answer.
    """
    group = b"tocsin-ready"
    answer = _ask(port, FIND_COORDINATOR, 1, struct.pack(">h", len(group)) + group + struct.pack(">b", 0))
    answer.number("i")  # throttled for
    return answer.number("h") == 0


def why_not_ready(ports: dict[int, int]) -> str | None:
    """None when each broker answers, sees all the others, and all partitions are whole; else what is missing.

    ports  node -> port of a listener without encryption
    """
    for node, port in ports.items():
        try:
            if not has_coordinator(port):
                return f"broker {node} knows no group coordinator"
            seen = view(port)
        except (OSError, struct.error) as fault:
            return f"broker {node} does not answer ({fault})"
        if missing := ports.keys() - seen.nodes:
            return f"broker {node} does not see broker {min(missing)}"
        for partition in seen.partitions:
            if not partition.is_whole:
                return f"{partition.topic}[{partition.index}] is in sync on {partition.in_sync} of {partition.replicas}"
        if not any(partition.topic == OFFSETS for partition in seen.partitions):
            return f"broker {node} does not see {OFFSETS}"
    return None


def _ask(port: int, key: int, version: int, body: bytes) -> _Reader:
    client = b"tocsin-probe"
    request = struct.pack(">hhih", key, version, 1, len(client)) + client + body
    with socket.create_connection(("127.0.0.1", port), timeout=ANSWER_S) as peer:
        peer.sendall(struct.pack(">i", len(request)) + request)
        with peer.makefile("rb") as stream:
            size = _exactly(stream.read(4), 4)
            (length,) = struct.unpack(">i", size)
            answer = _Reader(_exactly(stream.read(length), length))
    answer.number("i")  # the correlation id
    return answer


def _exactly(data: bytes, size: int) -> bytes:
    if len(data) != size:
        raise ConnectionError("the connection was closed in the middle of an answer")
    return data
