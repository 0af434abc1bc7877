"""Reaching a Kafka cluster: arguments of every client, and what went wrong in one line."""

import asyncio
import logging
import ssl
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

import aiokafka
from aiokafka.admin.config_resource import ConfigResourceType
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import (
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
    for_code,
)
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.protocol.admin import DescribeConfigsRequest
from aiokafka.structs import TopicPartition

from schemas.errors import InputError, LogError
from streams.settings import KafkaSettings

DEFAULT_PORT = 9092
CONNECT_S = 10.0
PART_S = 1.0
CLIENT_ID = "tocsin"

logger = logging.getLogger(__name__)


def servers(url: str) -> list[str]:
    """HOST:PORT of each broker named by `kafka://HOST[:PORT][,HOST[:PORT]...]`. Raises InputError.

    >>> servers("kafka://one:9092,two")
    ['one:9092', 'two:9092']
    """
    parts = urlsplit(url)
    if parts.scheme != "kafka" or not parts.netloc or "@" in parts.netloc:
        raise InputError("log address: expected kafka://HOST:PORT without user or password")
    found = []
    for name in parts.netloc.split(","):
        try:
            one = urlsplit(f"kafka://{name}")
            host, port = one.hostname, one.port or DEFAULT_PORT
        except ValueError:
            host, port = None, 0
        if not host:
            raise InputError(f"log address: expected HOST:PORT, found {name!r}")
        found.append(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    return found


def tls(kafka: KafkaSettings) -> ssl.SSLContext | None:
    """What checks the brokers' certificates, or None without TLS. Raises InputError."""
    if not kafka.is_encrypted:
        return None
    try:
        return ssl.create_default_context(cafile=kafka.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise InputError(f"kafka.ca_file: {kafka.ca_file}: expected certificates in PEM, found {error}") from None


def arguments(url: str, kafka: KafkaSettings) -> dict[str, Any]:
    """Keyword arguments of every aiokafka client. They hold the password: never log them. Raises InputError."""
    logging.getLogger("aiokafka.conn").addFilter(_tells_no_secret)  # the same filter is added once
    found: dict[str, Any] = {
        "bootstrap_servers": servers(url),
        "client_id": CLIENT_ID,
        "security_protocol": kafka.security_protocol,
        "ssl_context": tls(kafka),
    }
    if kafka.signs_in:
        found |= {
            "sasl_mechanism": kafka.sasl_mechanism,
            "sasl_plain_username": kafka.username,
            "sasl_plain_password": kafka.password.reveal() if kafka.password is not None else "",
        }
    return found


def _tells_no_secret(record: logging.LogRecord) -> bool:
    """Drop what aiokafka logs of signing in: at DEBUG it prints each request, and one of them is the password."""
    return "SaslAuthenticate" not in record.getMessage()


async def check_reachable(url: str, kafka: KafkaSettings) -> None:
    """Connect and sign in once. Raises LogError that says which of the two failed, and how.

    aiokafka's own clients say "unable to bootstrap" for everything, and log the reason as they go.
    """
    client = arguments(url, kafka)
    faults = []
    for server in client.pop("bootstrap_servers"):
        host, _, port = server.rpartition(":")
        try:
            async with asyncio.timeout(CONNECT_S):
                await _connect_once(host.strip("[]"), int(port), client)
        except (OSError, KafkaError, ValueError) as error:  # ValueError: a server that cannot prove itself by SCRAM
            faults.append(f"{server}: {reason(error, kafka)}")
        else:
            return
    raise LogError(f"kafka: {'; '.join(faults)}")


async def _connect_once(host: str, port: int, client: Mapping[str, Any]) -> None:
    """Connect, sign in and part. TLS parts with a word of its own: left alone, the socket stays open behind it."""
    connection = AIOKafkaConnection(host, port, request_timeout_ms=int(CONNECT_S * 1000), **client)
    try:
        await connection.connect()
    finally:
        is_closed = connection.close()
        if connection._protocol is not None:  # it got as far as a socket
            await asyncio.wait([is_closed], timeout=PART_S)


def reason(error: BaseException, kafka: KafkaSettings) -> str:
    """Why a connection failed, for people; never a secret."""
    match error:
        case SaslAuthenticationFailed():
            return f"the broker refused user {kafka.username!r} by {kafka.sasl_mechanism}: check name and password"
        case UnsupportedSaslMechanismError():
            return f"the broker does not offer kafka.sasl_mechanism {kafka.sasl_mechanism}"
        case ssl.SSLCertVerificationError():
            return f"its certificate is not trusted ({error.verify_message}); see kafka.ca_file"
        case ssl.SSLError():
            return f"no TLS there ({error.reason or error}); see kafka.security_protocol"
        case TimeoutError():
            return f"no answer within {CONNECT_S:g} s; expected a broker that speaks {kafka.security_protocol}"
        case ConnectionRefusedError():
            return "cannot be reached: connection refused"
        case OSError():
            return f"cannot be reached: {error.strerror or error}"
        case _:
            spoken = kafka.security_protocol
            return f"closed the connection ({type(error).__name__}); expected a broker that speaks {spoken}"


async def largest_batches(client: Any, topics: Iterable[str]) -> dict[str, int]:
    """Largest record batch, bytes, that each topic takes (`max.message.bytes`); without those that cannot be asked.

    client  of a producer that has started
    """
    wanted = [(ConfigResourceType.TOPIC.value, name, ["max.message.bytes"]) for name in sorted(topics)]
    try:
        async with asyncio.timeout(CONNECT_S):
            answer = await client.send(client.get_random_node(), DescribeConfigsRequest(wanted))
    except (KafkaError, TimeoutError) as error:
        logger.warning("TopicSizesUnknown reason=%s", error or "no answer")
        return {}
    found: dict[str, int] = {}
    for code, text, _, name, entries in answer.resources:
        if code:
            logger.info("TopicSizeUnknown topic=%s reason=%s", name, text or for_code(code).__name__)
        for key, value, *_ in entries:
            if key == "max.message.bytes":
                found[name] = int(value)
    return found


def bound_batches(producer: aiokafka.AIOKafkaProducer, largest: Mapping[str, int]) -> None:
    """Let no record batch of several records be larger than its topic takes, as far as that is known.

    A broker refuses such a batch as a whole, although each of its records would fit.

    largest  looked at whenever a batch is begun
    """
    accumulator = producer._message_accumulator
    append = accumulator._append_batch

    def append_batch(builder: BatchBuilder, tp: TopicPartition) -> Any:
        most = largest.get(tp.topic)
        if most is not None and most < accumulator._batch_size and not builder.record_count():
            builder = BatchBuilder(most, accumulator._compression_type)
        return append(builder, tp)

    accumulator._append_batch = append_batch


def failed(what: str, error: BaseException) -> LogError:
    """A LogError for what a client raised in the middle of its work."""
    text = " ".join(str(error).split())
    name = type(error).__name__
    return LogError(f"kafka: {what}: {text if text.startswith(name) else f'{name} {text}'.strip()}")
