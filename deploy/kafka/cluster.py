"""A cluster of one or three Kafka brokers on 127.0.0.1, for development and tests: start, stop, kill, restart."""

import base64
import json
import random
import secrets as secret
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from deploy.kafka import certificates, jars, nodes, probe, processes
from deploy.kafka.jars import KafkaError
from deploy.kafka.nodes import Node, Secrets

READY_S = 120.0
_POLL_S = 0.1
_PORTS = range(20_000, 32_000)
"""Below the ports the system hands to clients: nobody takes a broker's port while it is down."""


@dataclass
class _State:
    """What DIR/cluster.json holds; ports, ids and the password stay the same for as long as DIR does."""

    cluster_id: str
    nodes: list[Node]
    secrets: Secrets | None = None
    settings: dict[str, str] = field(default_factory=dict)
    is_formatted: bool = False


class Cluster:
    """Brokers that keep their data in one folder. Each method raises KafkaError with one line that says why.

    folder        made when it is not there; a folder used before gives the same brokers, ports and data back
    brokers       1 or 3; None for what the folder holds, else 1
    port          of the first broker, the others follow; None for free ports
    sasl          clients must use SASL_SSL with SCRAM-SHA-512 or PLAIN; None for what the folder holds, else False
    settings      more lines for each server.properties
    dies_with_us  brokers do not outlive this process, even when it is killed
    """

    def __init__(
        self,
        folder: Path,
        *,
        brokers: int | None = None,
        port: int | None = None,
        sasl: bool | None = None,
        settings: Mapping[str, str] | None = None,
        dies_with_us: bool = False,
    ) -> None:
        self.folder = folder.absolute()
        self._wanted = (brokers, port, sasl, settings)
        self._dies_with_us = dies_with_us

    @property
    def bootstrap(self) -> str:
        """HOST:PORT of every broker, separated by commas, as clients take it."""
        return ",".join(f"127.0.0.1:{node.port}" for node in self._load().nodes)

    @property
    def secrets(self) -> Secrets | None:
        """User, password and authority of a cluster whose clients sign in; else None."""
        return self._load().secrets

    @property
    def pids(self) -> dict[int, int]:
        """Node -> pid of the brokers that live now."""
        return {node.node: node.pid for node in self._load().nodes if node.pid and self._lives(node)}

    def why_not_ready(self) -> str | None:
        """None when every broker serves and every replica is in sync; else the first thing that is missing."""
        every = self._load().nodes
        dead = [node.node for node in every if not self._lives(node)]
        if dead:
            return f"broker {dead[0]} is not running"
        return probe.why_not_ready({node.node: node.probe_port for node in every})

    def start(self) -> str:
        """Start every broker, wait until all are ready, return the bootstrap servers. After a failure none is left."""
        java, libs = jars.java(), jars.libs()
        with self._alone():
            state = self._load_or_plan()
            living = [node.pid for node in state.nodes if self._lives(node)]
            if living:
                raise KafkaError(f"{self.folder}: another cluster is running here (pid {living[0]}): stop it first")
            for node in state.nodes:
                _refuse_busy(node)
            self._configure(state)
            self._save(state)  # before formatting: what is formatted halfway is finished under the same id
            if not state.is_formatted:
                self._format(java, libs, state)
            try:
                for node in state.nodes:
                    self._launch(java, libs, node)
                self._save(state)
                self._wait_until_ready()
            except BaseException:
                processes.end(((node.pid, self._config(node)) for node in state.nodes), patience_s=0.0)
                raise
        return self.bootstrap

    def stop(self) -> list[int]:
        """End every broker of this folder; the data stay. Returns the pids that did not leave by themselves."""
        if not (self.folder / "cluster.json").exists():
            return []
        with self._alone():
            state = self._load()
            forced = processes.end((node.pid, self._config(node)) for node in state.nodes)
            self._save(replace(state, nodes=[replace(node, pid=None) for node in state.nodes]))
        return forced

    def leader(self, topic: str, partition: int = 0) -> int:
        """The broker that leads a partition now: the one whose death hurts most."""
        for node in self._load().nodes:
            if self._lives(node):
                for seen in probe.view(node.probe_port).partitions:
                    if (seen.topic, seen.index) == (topic, partition) and seen.leader >= 0:
                        return seen.leader
        raise KafkaError(f"{topic}[{partition}]: no broker leads it")

    def kill(self, broker: int) -> None:
        """SIGKILL one broker (numbered from 1), as a crash would; returns when it is gone."""
        node = self._node(self._load(), broker)
        if node.pid is not None:
            processes.kill(node.pid, self._config(node))

    def restart(self, broker: int) -> None:
        """Start one broker again; returns when the whole cluster is ready, every replica in sync.

        After a kill that takes about 13 s: for `broker.session.timeout.ms`, 9 s unless set otherwise, the controllers
        take the dead one for alive and turn the new one away. Run it in a thread where a loop must go on.
        """
        java, libs = jars.java(), jars.libs()
        with self._alone():
            state = self._load()
            node = self._node(state, broker)
            processes.end([(node.pid, self._config(node))])
            _refuse_busy(node)
            self._launch(java, libs, node)
            self._save(state)
            self._wait_until_ready()

    def _load_or_plan(self) -> _State:
        brokers, port, sasl, settings = self._wanted
        if not (self.folder / "cluster.json").exists():
            return _plan(brokers or 1, port, settings or {}, signs_in=bool(sasl), folder=self.folder)
        state = self._load()
        held = f"{self.folder}: holds {len(state.nodes)} broker(s) on port {state.nodes[0].port}"
        if brokers not in (None, len(state.nodes)):
            raise KafkaError(f"{held}, asked for {brokers}: use another folder, or delete this one")
        if sasl not in (None, state.secrets is not None):
            raise KafkaError(
                f"{held} {'with' if state.secrets else 'without'} SASL: use another folder, or delete this one"
            )
        if port not in (None, state.nodes[0].port):
            raise KafkaError(f"{held}, asked for port {port}: use another folder, or delete this one")
        if settings is not None:
            state.settings = dict(settings)
        return state

    def _configure(self, state: _State) -> None:
        for node in state.nodes:
            told = nodes.properties(node, state.nodes, self.folder, state.secrets) | state.settings
            config = self._config(node)
            config.touch(mode=0o600)
            config.write_text("".join(f"{name}={value}\n" for name, value in told.items()))

    def _format(self, java: str, libs: Path, state: _State) -> None:
        if state.secrets:
            certificates.make(java, self.folder, state.secrets.password)
        for node in state.nodes:
            config = self._config(node)
            run = subprocess.run(  # noqa: S603 - a found java and our own words
                nodes.format_command(java, libs, config, state.cluster_id, state.secrets),
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            if run.returncode:
                raise KafkaError(f"storage of broker {node.node} cannot be formatted: {_last(run.stdout + run.stderr)}")
        state.is_formatted = True

    def _launch(self, java: str, libs: Path, node: Node) -> None:
        config = self._config(node)
        arguments = nodes.command(java, libs, config)
        node.pid = processes.start(arguments, config, self._log(node), dies_with_us=self._dies_with_us)

    def _wait_until_ready(self) -> None:
        until = time.monotonic() + READY_S
        while (missing := self.why_not_ready()) is not None:
            for node in self._load().nodes:
                if not self._lives(node):
                    said = _last(self._log(node).read_text(errors="replace"))
                    raise KafkaError(f"broker {node.node} ended at once: {said} (see {self._log(node)})")
            if time.monotonic() > until:
                raise KafkaError(f"not ready after {READY_S:.0f} s: {missing} (see {self.folder})")
            time.sleep(_POLL_S)

    def _node(self, state: _State, broker: int) -> Node:
        for node in state.nodes:
            if node.node == broker:
                return node
        raise KafkaError(f"no broker {broker}: expected 1 to {len(state.nodes)}")

    def _lives(self, node: Node) -> bool:
        return processes.is_ours(node.pid, self._config(node))

    def _config(self, node: Node) -> Path:
        return self.folder / f"broker{node.node}.properties"

    def _log(self, node: Node) -> Path:
        return self.folder / f"broker{node.node}.log"

    @contextmanager
    def _alone(self) -> Iterator[None]:
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as fault:
            raise KafkaError(f"{self.folder}: cannot be made: {fault.strerror}") from fault
        with jars.only_one(self.folder / "lock"):
            yield

    def _load(self) -> _State:
        path = self.folder / "cluster.json"
        try:
            held = json.loads(path.read_bytes())
            held["nodes"] = [Node(**node) for node in held["nodes"]]
            if held["secrets"]:
                held["secrets"] = Secrets(**{**held["secrets"], **_stores(self.folder)})
            return _State(**held)
        except FileNotFoundError:
            raise KafkaError(f"{self.folder}: no cluster was started here") from None
        except (ValueError, KeyError, TypeError) as fault:
            raise KafkaError(f"{path}: not a cluster of ours ({fault})") from fault

    def _save(self, state: _State) -> None:
        new = self.folder / "cluster.json.new"
        new.touch(mode=0o600)
        new.write_text(json.dumps(asdict(state), indent=2, default=str) + "\n")
        new.replace(self.folder / "cluster.json")


def _plan(brokers: int, port: int | None, settings: Mapping[str, str], *, signs_in: bool, folder: Path) -> _State:
    if port is not None and not 0 < port <= 65_536 - brokers:
        raise KafkaError(f"port: expected 1 to {65_536 - brokers}, found {port}")
    each = 3 if signs_in else 2
    own = [] if port is None else list(range(port, port + brokers))
    free = _free_ports(each * brokers - len(own), set(own))
    firsts, rest = (own, free) if own else (free[:brokers], free[brokers:])
    planned = [
        Node(number, firsts[number - 1], rest[number - 1], rest[brokers + number - 1] if signs_in else None)
        for number in range(1, brokers + 1)
    ]
    password = Secrets(nodes.USER, secret.token_hex(16), **_stores(folder)) if signs_in else None
    return _State(_cluster_id(), planned, password, dict(settings))


def _stores(folder: Path) -> dict[str, Path]:
    return {"store": folder / "broker.p12", "ca": folder / "ca.pem"}


def _cluster_id() -> str:
    # one id in 64 would begin with a dash, which the storage tool takes for an option
    while (made := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return made


def _free_ports(count: int, taken: set[int]) -> list[int]:
    free: list[int] = []
    for port in random.sample(_PORTS, len(_PORTS)):
        if len(free) == count:
            break
        if port not in taken and _is_free(port):
            free.append(port)
    return free


def _is_free(port: int) -> bool:
    with socket.socket() as mine:
        mine.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            mine.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _refuse_busy(node: Node) -> None:
    for port in node.ports:
        if not _is_free(port):
            raise KafkaError(f"port {port} on 127.0.0.1, for broker {node.node}, is busy")


def _last(text: str) -> str:
    """The line that most likely says what went wrong: the last that names an exception, else the last."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    named = [line for line in lines if ("Exception" in line or "Error" in line) and not line.startswith("at ")]
    return (named or lines or ["nothing was said"])[-1]
