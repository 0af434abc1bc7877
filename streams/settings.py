"""One frozen Settings, read once from tocsin.toml and the environment; all faults are reported together."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec

from schemas.errors import SettingsError

DEFAULT_BROKER = "embedded://./tocsin-data"
FILE = "tocsin.toml"
_SCHEMES = ("embedded", "kafka")
_ENVIRONMENT = {
    "TOCSIN_BROKER": "broker",
    "TOCSIN_APP_ID": "app_id",
    "TOCSIN_PARTITIONS": "partitions",
    "TOCSIN_WATCHDOG_S": "watchdog_s",
    "TOCSIN_STATEMENTS_ENGINE": "statements_engine",
}
_PREFIX = "TOCSIN_"
_PASSWORD = f"{_PREFIX}KAFKA_PASSWORD"
_KEY = f"{_PREFIX}DELIVERY_KEY"
_SECRETS = {
    "kafka.password": f"name a file in kafka.password_file, or set {_PASSWORD}",
    "delivery.key": f"name a file in delivery.key_file, or set {_KEY}",
}
"""Fields that the settings file must not hold, and where they belong instead."""
_HOST = re.compile(r"(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?", re.I)

SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
SaslMechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]
_Positive = Annotated[int, msgspec.Meta(ge=1)]
_Timeout = Annotated[float, msgspec.Meta(ge=1, le=1800)]
_Port = Annotated[int, msgspec.Meta(ge=1, le=65_535)]


class Secret:
    """A string that shows itself in no repr, log line or error; `reveal` where it is handed to a client."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The secret itself."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


class KafkaSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to reach a Kafka cluster, and how topics are made there. Unused on the embedded log.

    password            from TOCSIN_KAFKA_PASSWORD or a file, never from the settings file itself or an address
    ca_file             PEM of the authority that signed the brokers' certificates; None means the system's
    replication_factor  copies of each partition; None chooses min(3, brokers)
    min_insync_replicas copies that must hold a record before it counts; None chooses 2 of 3 copies, else 1
    session_timeout_s   a worker silent for so long loses its partitions to the others; after a kill a lone worker waits
                        as long for them, so it must stay below the minute within which work goes on
    request_timeout_s   longest wait for one answer; not below the session's
    """

    security_protocol: SecurityProtocol = "PLAINTEXT"
    sasl_mechanism: SaslMechanism = "SCRAM-SHA-512"
    username: str | None = None
    password: Secret | None = None
    password_file: str | None = None
    ca_file: str | None = None
    replication_factor: Annotated[int, msgspec.Meta(ge=1, le=16)] | None = None
    min_insync_replicas: _Positive | None = None
    session_timeout_s: _Timeout = 30.0
    request_timeout_s: _Timeout = 60.0

    @property
    def signs_in(self) -> bool:
        """Whether brokers ask for a user and a password."""
        return self.security_protocol.startswith("SASL_")

    @property
    def is_encrypted(self) -> bool:
        """Whether connections use TLS."""
        return self.security_protocol.endswith("SSL")


class DeliverySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How messages reach their receivers.

    notifier       "worker": `tocsin run` delivers; "alone": only `tocsin notify` does
    key            seals the credentials of endpoints; several with commas between: the first seals, all open. From
                   TOCSIN_DELIVERY_KEY or a file, never from the settings file itself
    key_file       one key a line
    allow          networks ("10.0.0.0/8") or host names that may be reached although they are private
    ports          that may be reached; at an allowed private address any
    timeout_s      longest time for one request, seconds
    retry_scale    all waits between attempts are multiplied by it: for tests and drills
    max_in_flight  most attempts at once, of all endpoints together
    """

    notifier: Literal["worker", "alone"] = "worker"
    key_file: str | None = None
    key: Secret | None = None
    allow: tuple[str, ...] = ()
    ports: Annotated[tuple[_Port, ...], msgspec.Meta(min_length=1)] = (80, 443)
    timeout_s: Annotated[float, msgspec.Meta(ge=0.1, le=60)] = 20.0
    retry_scale: Annotated[float, msgspec.Meta(gt=0, le=10)] = 1.0
    max_in_flight: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 200


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a process needs to know.

    broker            embedded://DIR (default) or kafka://HOST:PORT[,HOST:PORT...]
    app_id            consumer group and prefix of changelog topics
    partitions        of every topic; fixed before the first start, because changing it moves keys
    commit_interval_s bounds what is processed again after a crash, seconds
    batch_size        most events a stage handles at once
    dead_letter_limit dead letters within a minute after which the worker stops loudly: a defect, not bad input
    watchdog_s        work waiting this long without a commit ends the worker, so that its supervisor restarts it
    registries        further files of officials, beside the bundled one
    ladders           files of [[ladder]] and [[concept]] tables; what has the id of a shipped one stands in its place
    statements_engine "rules"; "tagger": with the learned tagger (docs/models/statements.md); "auto": where it is there
    kafka             the table [kafka]; see KafkaSettings
    delivery          the table [delivery]; see DeliverySettings
    """

    broker: str = DEFAULT_BROKER
    app_id: Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9._-]+$")] = "tocsin"
    partitions: Annotated[int, msgspec.Meta(ge=1, le=1024)] = 8
    commit_interval_s: Annotated[float, msgspec.Meta(gt=0, le=60)] = 1.0
    batch_size: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 500
    dead_letter_limit: Annotated[int, msgspec.Meta(ge=1)] = 1_000
    watchdog_s: Annotated[float, msgspec.Meta(ge=1, le=86_400)] = 120.0
    registries: tuple[str, ...] = ()
    ladders: tuple[str, ...] = ()
    statements_engine: Literal["auto", "tagger", "rules"] = "auto"
    kafka: KafkaSettings = KafkaSettings()
    delivery: DeliverySettings = DeliverySettings()

    @property
    def is_embedded(self) -> bool:
        """Whether the log lives in this process."""
        return self.broker.startswith("embedded://")


_TABLES: dict[str, type[msgspec.Struct]] = {"kafka": KafkaSettings, "delivery": DeliverySettings}


def load(environ: Mapping[str, str], *, broker: str | None = None, file: Path | None = None) -> Settings:
    """Settings from, in rising order: defaults, the TOML file, the environment, the command line.

    file    None means `tocsin.toml` in the working directory, when it exists
    Raises SettingsError naming every fault.
    """
    faults: list[str] = []
    values: dict[str, Any] = {}
    path = file or Path(FILE)
    if file is not None or path.is_file():
        values |= _flat(_read(path, faults))
    origin = dict.fromkeys(values, str(path))
    for variable, field in _variables():
        if variable in environ:
            values[field] = _listed(field, environ[variable])
            origin[field] = variable
    if broker is not None:
        values["broker"] = broker
        origin["broker"] = "--broker"
    settings = _check(values, origin, faults)
    key = Secret(environ[_KEY]) if environ.get(_KEY) else None  # an empty variable counts as none
    settings = msgspec.structs.replace(
        settings,
        kafka=_with_password(settings.kafka, environ, faults),
        delivery=msgspec.structs.replace(settings.delivery, key=key),
    )
    if not settings.is_embedded and not faults:
        faults += _kafka_faults(settings.kafka)
    if faults:
        raise SettingsError(tuple(faults))
    return settings


def _variables() -> Iterator[tuple[str, str]]:
    yield from _ENVIRONMENT.items()
    for table, kind in _TABLES.items():
        for name in kind.__struct_fields__:
            if f"{table}.{name}" not in _SECRETS:
                yield f"{_PREFIX}{table}_{name}".upper(), f"{table}.{name}"


def _listed(field: str, text: str) -> Any:
    """A list in a variable has commas between."""
    if field not in ("delivery.allow", "delivery.ports"):
        return text
    return [part.strip() for part in text.split(",") if part.strip()]


def _read(path: Path, faults: list[str]) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        faults.append(f"{path}: {error.strerror or error}")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        faults.append(f"{path}: expected TOML, found {error}")
    return {}


def _flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """`{"kafka": {"username": u}}` as `{"kafka.username": u}`."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if name in _TABLES and isinstance(value, dict):
            flat |= {f"{name}.{field}": one for field, one in value.items()}
        else:
            flat[name] = value
    return flat


def _check(values: Mapping[str, Any], origin: Mapping[str, str], faults: list[str]) -> Settings:
    own = {field.name: field.type for field in msgspec.structs.fields(Settings) if field.name not in _TABLES}
    nested = {
        f"{table}.{field.name}": field.type for table, kind in _TABLES.items() for field in msgspec.structs.fields(kind)
    }
    known = own | nested
    variables = dict(_variables())
    good: dict[str, Any] = {}
    for name, value in values.items():
        where = origin[name] if origin[name] in variables else f"{origin[name]}: {name}"
        if name in _SECRETS:
            faults.append(f"{where}: no place for a secret; {_SECRETS[name]}")
        elif name in _TABLES:
            faults.append(f"{where}: expected a table, found {type(value).__name__}")
        elif name not in known:
            table = name.partition(".")[0]
            listed = {one for one in nested if one.startswith(f"{table}.")} - _SECRETS.keys() if "." in name else own
            faults.append(f"{where}: unknown setting; known are {', '.join(sorted(listed))}")
        elif name == "broker" and isinstance(value, str) and (fault := _broker_fault(value)):
            faults.append(f"{origin['broker']}: {fault}")
        else:
            try:
                good[name] = msgspec.convert(value, known[name], strict=origin[name] not in variables)
            except msgspec.ValidationError as error:
                faults.append(f"{where}: {str(error)[0].lower()}{str(error)[1:]}, found {value!r}")
    for n, text in enumerate(good.get("delivery.allow", ())):
        if (fault := _allow_fault(text)) is not None:
            where = origin["delivery.allow"]
            faults.append(f"{where if where in variables else f'{where}: delivery.allow'}[{n}]: {fault}")
    tables = {
        table: kind(
            **{field: good[f"{table}.{field}"] for field in kind.__struct_fields__ if f"{table}.{field}" in good}
        )
        for table, kind in _TABLES.items()
    }
    return Settings(**{name: value for name, value in good.items() if name in own}, **tables)  # type: ignore[arg-type]


def _allow_fault(text: str) -> str | None:
    """Why a network or host name of `delivery.allow` is none."""
    try:
        ip_network(text)
    except ValueError as error:
        if _HOST.fullmatch(text):
            return None
        reason = " without host bits" if "host bits" in str(error) else ""
        return f'expected a network such as 10.0.0.0/8{reason}, or a host name in ASCII, found "{text}"'
    return None


def _broker_fault(url: str) -> str | None:
    parts = urlsplit(url)
    if "@" in parts.netloc and parts.scheme != "embedded":
        return "broker: expected no user or password in an address; see kafka.username and kafka.password_file"
    if parts.scheme not in _SCHEMES:
        return f'broker: expected embedded://DIR or kafka://HOST:PORT, found "{url}"'
    if not (parts.netloc or parts.path.strip("/")):
        return f'broker: expected something after "{parts.scheme}://", found nothing'
    if parts.scheme == "kafka" and (parts.path.strip("/") or parts.query):
        return f'broker: expected kafka://HOST:PORT and nothing after it, found "{url}"'
    return None


def _with_password(kafka: KafkaSettings, environ: Mapping[str, str], faults: list[str]) -> KafkaSettings:
    """The environment's password before the file's; an empty variable counts as none."""
    if environ.get(_PASSWORD):
        return msgspec.structs.replace(kafka, password=Secret(environ[_PASSWORD]))
    if kafka.password_file is None:
        return kafka
    try:
        text = Path(kafka.password_file).read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        faults.append(f"kafka.password_file: {kafka.password_file}: {reason}")
        return kafka
    if not text:
        faults.append(f"kafka.password_file: {kafka.password_file}: expected a password, found nothing")
        return kafka
    return msgspec.structs.replace(kafka, password=Secret(text))


def _kafka_faults(kafka: KafkaSettings) -> Iterator[str]:
    if kafka.signs_in and not kafka.username:
        yield f"kafka.username: expected a user for {kafka.security_protocol}, found none"
    if kafka.signs_in and kafka.password is None:
        yield (
            f"kafka.password_file: expected a password for {kafka.security_protocol}, found none (or set {_PASSWORD})"
        )
    if not kafka.signs_in and kafka.username:
        yield f"kafka.username: {kafka.security_protocol} has no users; expected SASL_SSL or SASL_PLAINTEXT"
    if kafka.ca_file is not None and not kafka.is_encrypted:
        yield f"kafka.ca_file: {kafka.security_protocol} is not encrypted; expected SSL or SASL_SSL"
    if kafka.request_timeout_s < kafka.session_timeout_s:
        yield (
            f"kafka.request_timeout_s: expected at least the session's {kafka.session_timeout_s:g} s, "
            f"found {kafka.request_timeout_s:g}"
        )
    copies, needed = kafka.replication_factor, kafka.min_insync_replicas
    if copies is not None and needed is not None and needed > copies:
        yield f"kafka.min_insync_replicas: expected at most the {copies} copies there are, found {needed}"
