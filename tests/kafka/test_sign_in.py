"""A cluster that asks for a password over TLS, as managed ones do: it works, and the password shows nowhere."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.kafka.cluster import Cluster
from schemas.errors import LogError
from streams.log import open_log
from streams.settings import KafkaSettings, Secret
from tests.e2e.harness import Tocsin
from tests.kafka import broker


def signed_in(cluster: Cluster, **changes: object) -> KafkaSettings:
    """Settings of a client of this cluster."""
    secrets = cluster.secrets
    assert secrets is not None
    fields = {
        "security_protocol": "SASL_SSL",
        "username": secrets.user,
        "password": Secret(secrets.password),
        "ca_file": str(secrets.ca),
    }
    return KafkaSettings(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.fixture
def tocsin(kafka_sasl: Cluster, app_id: str, tmp_path: Path) -> Iterator[Tocsin]:
    """The product as a client of that cluster; its password in a file, as containers mount it."""
    secrets = kafka_sasl.secrets
    assert secrets is not None
    (tmp_path / "password").write_text(secrets.password + "\n")
    yield Tocsin(
        tmp_path,
        f"kafka://{kafka_sasl.bootstrap}",
        TOCSIN_APP_ID=app_id,
        TOCSIN_KAFKA_SECURITY_PROTOCOL="SASL_SSL",
        TOCSIN_KAFKA_USERNAME=secrets.user,
        TOCSIN_KAFKA_PASSWORD_FILE=str(tmp_path / "password"),
        TOCSIN_KAFKA_CA_FILE=str(secrets.ca),
    )


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-512", "PLAIN"])
def test_the_pipeline_runs_and_the_password_shows_nowhere(tocsin: Tocsin, kafka_sasl: Cluster, mechanism: str) -> None:
    """Topics, worker and doctor at the most talkative log level: their output holds no part of the password."""
    secrets = kafka_sasl.secrets
    assert secrets is not None
    tocsin.environment |= {"TOCSIN_LOG": "DEBUG", "TOCSIN_KAFKA_SASL_MECHANISM": mechanism}

    done = [tocsin.run(*words) for words in (("topics", "--create"), ("run", "--until-idle"), ("doctor", "--json"))]

    output = b"".join(one.stdout + one.stderr for one in done).decode()
    assert "DEBUG" in output
    assert secrets.password not in output
    assert all(finding["is_ok"] for finding in json.loads(done[-1].stdout))
    files = [path.read_bytes() for path in tocsin.folder.rglob("*") if path.is_file() and path.name != "password"]
    assert not any(secrets.password.encode() in content for content in files)


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-512", "PLAIN"])
def test_a_wrong_password_ends_in_one_line(tocsin: Tocsin, mechanism: str) -> None:
    """aiokafka says only that it cannot connect; we say whose name and password the broker refused."""
    (tocsin.folder / "password").write_text("not-the-password")
    tocsin.environment["TOCSIN_KAFKA_SASL_MECHANISM"] = mechanism

    done = tocsin.run("run", code=74)

    address = tocsin.broker.removeprefix("kafka://")
    assert done.stderr.decode() == (
        f"tocsin: kafka: {address}: the broker refused user 'tocsin' by {mechanism}: check name and password\n"
    )


async def refusal(cluster: Cluster, kafka: KafkaSettings) -> str:
    with pytest.raises(LogError) as caught:
        await open_log(f"kafka://{cluster.bootstrap}", mode="read", kafka=kafka)
    assert str(caught.value).startswith(f"kafka: {cluster.bootstrap}: ")
    return str(caught.value).removeprefix(f"kafka: {cluster.bootstrap}: ")


async def test_an_unknown_authority_is_named(kafka_sasl: Cluster) -> None:
    """The system's authorities did not sign a development certificate."""
    assert "its certificate is not trusted" in await refusal(kafka_sasl, signed_in(kafka_sasl, ca_file=None))


async def test_a_mechanism_that_is_not_offered_is_named(kafka_sasl: Cluster) -> None:
    """The broker knows SCRAM-SHA-512 and PLAIN."""
    kafka = signed_in(kafka_sasl, sasl_mechanism="SCRAM-SHA-256")
    assert await refusal(kafka_sasl, kafka) == "the broker does not offer kafka.sasl_mechanism SCRAM-SHA-256"


async def test_a_client_without_tls_is_told_what_to_expect(kafka_sasl: Cluster) -> None:
    """A broker that speaks TLS closes the connection; the line names the protocol that was tried."""
    assert "expected a broker that speaks PLAINTEXT" in await refusal(kafka_sasl, KafkaSettings())


async def test_a_broker_that_is_not_there_is_named() -> None:
    """Every address that was tried, each with its reason."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(LogError) as caught:
        await open_log(f"kafka://127.0.0.1:{port},localhost:{port}", mode="append")
    assert str(caught.value) == (
        f"kafka: 127.0.0.1:{port}: cannot be reached: connection refused; "
        f"localhost:{port}: cannot be reached: connection refused"
    )


async def test_records_and_commits_pass_over_tls(kafka_sasl: Cluster, topic_prefix: str) -> None:
    """The log itself signs in for reading, writing and asking."""
    client = broker.signing_in(kafka_sasl)
    await broker.create_topic(topic_prefix, client)
    log = await open_log(f"kafka://{kafka_sasl.bootstrap}", mode="append", kafka=signed_in(kafka_sasl))
    await log.append(topic_prefix, None, b"v")
    values = [record.value async for record in log.read(topic_prefix, 0, 0)]
    committed = await log.committed("nobody")
    await log.close()
    assert (values, committed) == ([b"v"], {})
