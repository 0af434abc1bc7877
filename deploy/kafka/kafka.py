"""Apache Kafka for development without a container engine: `python deploy/kafka/kafka.py start|stop|status`."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from deploy.kafka.cluster import Cluster
from deploy.kafka.jars import REPOSITORY, KafkaError
from deploy.kafka.nodes import SCRAM


def main() -> int:
    """0: done, and for `status` ready; 1: not, with one line that says why."""
    asked = _parse()
    folder = asked.dir or REPOSITORY / ".kafka" / "cluster"
    try:
        if asked.command == "start":
            return _start(Cluster(folder, brokers=asked.brokers, port=asked.port, sasl=asked.sasl or None))
        return _stop(Cluster(folder)) if asked.command == "stop" else _status(Cluster(folder))
    except KafkaError as fault:
        sys.stderr.write(f"kafka: {fault}\n")
        return 1


def _start(cluster: Cluster) -> int:
    _say(cluster.start())
    if secrets := cluster.secrets:
        _say(f"SASL_SSL, {SCRAM} or PLAIN, user {secrets.user}, authority {secrets.ca}")
        _say(f"the password stands in {cluster.folder / 'cluster.json'}")
    return 0


def _stop(cluster: Cluster) -> int:
    forced = cluster.stop()
    _say(f"stopped; data stay in {cluster.folder}" + (f"; ended by force: {forced}" if forced else ""))
    return 0


def _status(cluster: Cluster) -> int:
    missing = cluster.why_not_ready()
    _say(f"{cluster.bootstrap} {'ready' if missing is None else f'not ready: {missing}'}; pids {cluster.pids}")
    return 0 if missing is None else 1


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="kafka.py", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, meaning in (
        ("start", "start brokers, wait until they are ready, print the bootstrap servers"),
        ("stop", "end the brokers of DIR; their data stay"),
        ("status", "say whether the brokers of DIR are ready"),
    ):
        command = commands.add_parser(name, help=meaning, description=meaning)
        command.add_argument("--dir", type=Path, help="where data, logs and cluster.json are (default: .kafka/cluster)")
        if name == "start":
            command.add_argument("--brokers", type=int, choices=(1, 3), help="default: what DIR holds, else 1")
            command.add_argument("--port", type=int, help="of the first broker, the others follow; default: free ports")
            command.add_argument("--sasl", action="store_true", help="clients sign in over TLS (SCRAM-SHA-512, PLAIN)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
