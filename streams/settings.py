"""One frozen Settings, read once from tocsin.toml and the environment; all faults are reported together."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
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
}


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a process needs to know.

    broker            embedded://DIR (default) or kafka://HOST:PORT
    app_id            consumer group and prefix of changelog topics
    partitions        of every topic; fixed before the first start, because changing it moves keys
    commit_interval_s bounds what is processed again after a crash, seconds
    batch_size        most events a stage handles at once
    dead_letter_limit dead letters within a minute after which the worker stops loudly: a defect, not bad input
    registries        further files of officials, beside the bundled one
    """

    broker: str = DEFAULT_BROKER
    app_id: Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9._-]+$")] = "tocsin"
    partitions: Annotated[int, msgspec.Meta(ge=1, le=1024)] = 8
    commit_interval_s: Annotated[float, msgspec.Meta(gt=0, le=60)] = 1.0
    batch_size: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 500
    dead_letter_limit: Annotated[int, msgspec.Meta(ge=1)] = 1_000
    registries: tuple[str, ...] = ()

    @property
    def is_embedded(self) -> bool:
        """Whether the log lives in this process."""
        return self.broker.startswith("embedded://")


def load(environ: Mapping[str, str], *, broker: str | None = None, file: Path | None = None) -> Settings:
    """Settings from, in rising order: defaults, the TOML file, the environment, the command line.

    file    None means `tocsin.toml` in the working directory, when it exists
    Raises SettingsError naming every fault.
    """
    faults: list[str] = []
    values: dict[str, Any] = {}
    path = file or Path(FILE)
    if file is not None or path.is_file():
        values |= _read(path, faults)
    origin = dict.fromkeys(values, str(path))
    for variable, field in _ENVIRONMENT.items():
        if variable in environ:
            values[field] = environ[variable]
            origin[field] = variable
    if broker is not None:
        values["broker"] = broker
        origin["broker"] = "--broker"
    settings = _check(values, origin, faults)
    if faults:
        raise SettingsError(tuple(faults))
    return settings


def _read(path: Path, faults: list[str]) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        faults.append(f"{path}: {error.strerror or error}")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        faults.append(f"{path}: expected TOML, found {error}")
    return {}


def _check(values: Mapping[str, Any], origin: Mapping[str, str], faults: list[str]) -> Settings:
    known = {field.name: field for field in msgspec.structs.fields(Settings)}
    good: dict[str, Any] = {}
    for name, value in values.items():
        where = f"{origin[name]}: {name}" if origin[name] != _variable(name) else origin[name]
        if name not in known:
            faults.append(f"{where}: unknown setting; known are {', '.join(sorted(known))}")
            continue
        try:
            good[name] = msgspec.convert(value, known[name].type, strict=not origin[name].startswith("TOCSIN_"))
        except msgspec.ValidationError as error:
            faults.append(f"{where}: {str(error)[0].lower()}{str(error)[1:]}, found {value!r}")
    if "broker" in good:
        fault = _broker_fault(good["broker"])
        if fault:
            faults.append(f"{origin['broker']}: {fault}")
    return Settings(**good)


def _variable(field: str) -> str:
    return next((variable for variable, name in _ENVIRONMENT.items() if name == field), "")


def _broker_fault(url: str) -> str | None:
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES:
        return f'broker: expected embedded://DIR or kafka://HOST:PORT, found "{url}"'
    if not (parts.netloc or parts.path.strip("/")):
        return f'broker: expected something after "{parts.scheme}://", found nothing'
    return None
