"""What one broker is told: its listeners, its settings, and the arguments of its process."""

from dataclasses import dataclass
from pathlib import Path

MESSAGE_MAX_BYTES = 1_048_588
"""The broker's own default, on purpose: a record that passes here passes on a managed Kafka left at its defaults.

It holds the producer's 1,048,000 (`producer_max_request_size`) and 588 bytes for what wraps a record in a batch.
"""

USER = "tocsin"
SCRAM = "SCRAM-SHA-512"


@dataclass(frozen=True)
class Secrets:
    """How clients sign in where the cluster asks them to: one user, one password, for SCRAM-SHA-512 and PLAIN."""

    user: str
    password: str
    store: Path
    ca: Path

    def __repr__(self) -> str:
        return f"Secrets(user={self.user!r})"


@dataclass
class Node:
    """One broker that is a controller too; `internal` is the unencrypted port of a cluster whose clients sign in."""

    node: int
    port: int
    controller: int
    internal: int | None = None
    pid: int | None = None

    @property
    def probe_port(self) -> int:
        """A port that answers without TLS."""
        return self.port if self.internal is None else self.internal

    @property
    def ports(self) -> tuple[int, ...]:
        """Every port it listens on."""
        return tuple(port for port in (self.port, self.controller, self.internal) if port is not None)


def properties(node: Node, nodes: list[Node], folder: Path, secrets: Secrets | None) -> dict[str, str]:
    """The broker's server.properties. Everything listens on 127.0.0.1 only."""
    count = str(len(nodes))
    least = str(min(2, len(nodes)))
    clients = "PLAINTEXT" if secrets is None else "SASL_SSL"
    internal = "PLAINTEXT" if secrets is None else "INTERNAL"
    listeners = {clients: node.port} | ({"INTERNAL": node.internal} if secrets else {})
    addresses = ",".join(f"{name}://127.0.0.1:{port}" for name, port in listeners.items())
    told = {
        "process.roles": "broker,controller",
        "node.id": str(node.node),
        "controller.quorum.voters": ",".join(f"{n.node}@127.0.0.1:{n.controller}" for n in nodes),
        "controller.listener.names": "CONTROLLER",
        "listeners": f"{addresses},CONTROLLER://127.0.0.1:{node.controller}",
        "advertised.listeners": addresses,
        "inter.broker.listener.name": internal,
        "listener.security.protocol.map": f"CONTROLLER:PLAINTEXT,{clients}:{clients},{internal}:PLAINTEXT",
        "log.dirs": str(folder / f"data{node.node}"),
        "auto.create.topics.enable": "false",
        "delete.topic.enable": "true",
        "default.replication.factor": count,
        "min.insync.replicas": least,
        "unclean.leader.election.enable": "false",
        "message.max.bytes": str(MESSAGE_MAX_BYTES),
        # a group forms at once: there is one developer, or one test, and nobody else to wait for
        "group.initial.rebalance.delay.ms": "0",
        "offsets.topic.replication.factor": count,
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": count,
        "transaction.state.log.min.isr": least,
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.replication.factor": count,
        "share.coordinator.state.topic.min.isr": least,
        "share.coordinator.state.topic.num.partitions": "1",
        # three days in segments of 64 MB: replays over a weekend work, and a forgotten cluster does not fill a disk
        "log.retention.hours": "72",
        "log.segment.bytes": str(64 * 1024 * 1024),
        # small machines: 16 MB for compaction instead of 128 MB, and threads for two cores
        "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),
        "num.network.threads": "2",
        "num.io.threads": "4",
        "background.threads": "2",
    }
    return told | (_sign_in(secrets) if secrets else {})


def _sign_in(secrets: Secrets) -> dict[str, str]:
    module = "org.apache.kafka.common.security"
    return {
        "sasl.enabled.mechanisms": f"{SCRAM},PLAIN",
        "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": f"{module}.scram.ScramLoginModule required;",
        "listener.name.sasl_ssl.plain.sasl.jaas.config": (
            f'{module}.plain.PlainLoginModule required user_{secrets.user}="{secrets.password}";'
        ),
        "ssl.keystore.type": "PKCS12",
        "ssl.keystore.location": str(secrets.store),
        "ssl.keystore.password": secrets.password,
        "ssl.key.password": secrets.password,
    }


def command(java: str, jars: Path, config: Path) -> list[str]:
    """The arguments that start a broker; `config` in them is how its process is recognised later."""
    return [
        java,
        "-Xms64m",
        "-Xmx384m",
        "-XX:TieredStopAtLevel=1",  # half the time to start; a development broker is never busy enough to miss the rest
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        "-Dorg.slf4j.simpleLogger.showDateTime=true",
        "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
        "-cp",
        f"{jars}/*",
        "kafka.Kafka",
        str(config),
    ]


def format_command(java: str, jars: Path, config: Path, cluster_id: str, secrets: Secrets | None) -> list[str]:
    """The arguments that format a broker's storage; the password of a development user passes through them."""
    users = ["--add-scram", f"{SCRAM}=[name={secrets.user},password={secrets.password}]"] if secrets else []
    tool = ["-Xmx128m", "-XX:TieredStopAtLevel=1", "-cp", f"{jars}/*", "kafka.tools.StorageTool"]
    return [java, *tool, "format", "--ignore-formatted", "--cluster-id", cluster_id, "--config", str(config), *users]
