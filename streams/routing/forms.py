"""Subscriptions as people write them, in TOML or JSON: short alert types, severities by name, and no id."""

import difflib
import json
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from schemas import identity
from schemas.alert import AlertType, Family
from schemas.codec import encode
from schemas.errors import InputError, SettingsError
from schemas.event import Severity
from schemas.subscription import Budget, Filter, QuietHours, Subscription
from schemas.validation import validate

_NESTED: dict[str, type[msgspec.Struct]] = {"filter": Filter, "budget": Budget, "quiet_hours": QuietHours}
_SEVERITIES = (("filter", "severity"), ("budget", "below"), ("quiet_hours", "breaking"))
_OWN = ("id", "version", "schema_version")
"""Not a person's to say: they follow from the rest, or from what is stored."""


def short(kind: AlertType) -> str:
    """ "statement.new" for `tocsin.statement.new.v1`."""
    return ".".join(kind.value.split(".")[1:3])


TYPES = {short(kind): kind for kind in AlertType}


def form(value: Subscription) -> dict[str, Any]:
    """As plain values, without what follows from others and without what was not asked for."""
    plain = {name: one for name, one in json.loads(encode(value)).items() if name not in _OWN}
    plain = {name: one for name, one in plain.items() if one is not None and one not in ({}, [])}
    for outer, inner in _SEVERITIES:
        if inner in plain.get(outer, {}):
            plain[outer][inner] = Severity(plain[outer][inner]).name
    if "types" in plain.get("filter", {}):
        plain["filter"]["types"] = [short(AlertType(one)) for one in plain["filter"]["types"]]
    return plain


def subscription_of(plain: Any, where: str, *, registries: tuple[str, ...] = ()) -> Subscription:
    """The subscription of a form. Raises SettingsError with every fault, each beginning with `where`."""
    if not isinstance(plain, dict):
        raise InputError(f"{where}: expected a table, found {type(plain).__name__}")
    faults = list(_unknown(plain, where))
    values = {name: dict(one) if isinstance(one, dict) else one for name, one in plain.items() if name not in _OWN}
    for outer, inner in _SEVERITIES:
        block = values.get(outer)
        if isinstance(block, dict) and isinstance(block.get(inner), str):
            name = block[inner].upper()
            if name in Severity.__members__:
                block[inner] = Severity[name].value
            else:
                known = ", ".join(Severity.__members__)
                faults.append(f'{where}.{outer}.{inner}: expected one of {known}, found "{block.pop(inner)}"')
    if isinstance(values.get("filter"), dict) and isinstance(values["filter"].get("types"), list):
        values["filter"]["types"] = [TYPES.get(one, one) for one in values["filter"]["types"]]
    for name in ("owner", "name", "channel", "target"):
        if name not in values:
            faults.append(f"{where}.{name}: expected a text, found nothing")
    if faults:
        raise SettingsError(tuple(faults))
    values["id"] = identity.subscription_id(str(values["owner"]), str(values["name"]))
    try:
        found = msgspec.convert(values, Subscription)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at ")
        place = path.strip("`").removeprefix("$")
        raise InputError(f"{where}{place}: {reason[:1].lower()}{reason[1:]}") from None
    return checked(found, where, registries=registries)


def checked(value: Subscription, where: str = "", *, registries: tuple[str, ...] = ()) -> Subscription:
    """The subscription, if nothing is wrong with it. Raises SettingsError with every fault.

    registries  files of officials beside the bundled one
    """
    found = [str(fault) for fault in validate(value)]
    if value.filter == Filter():
        families = ", ".join(Family)
        found.append(f"filter: expected at least one condition, found none; families {families} asks for everything")
    found += _strange_officials(value, registries)
    if "://" in value.target or value.target.startswith(("whsec_", "xox")):
        # not even repeated: whoever reads it could write there
        found.append("target: expected the id of a channel or endpoint, found an address or a secret")
    faults = [f"{where}.{fault}" if where else fault for fault in found]
    if faults:
        raise SettingsError(tuple(faults))
    return value


def _strange_officials(value: Subscription, registries: tuple[str, ...]) -> Iterator[str]:
    if not value.filter.officials:
        return
    from streams.registries import load_registry  # takes a fifth of a second

    persons = load_registry(registries).persons
    for n, person in enumerate(value.filter.officials):
        if person not in persons:
            near = difflib.get_close_matches(person, persons, 1)
            hint = f", such as {near[0]}" if near else ""
            yield f'filter.officials[{n}]: expected the id of a person in the registry{hint}, found "{person[:200]}"'


def _unknown(plain: dict[str, Any], where: str) -> Iterator[str]:
    yield from _strangers(plain, Subscription, where)
    for name, kind in _NESTED.items():
        if isinstance(plain.get(name), dict):
            yield from _strangers(plain[name], kind, f"{where}.{name}")


def _strangers(plain: dict[str, Any], kind: type[msgspec.Struct], where: str) -> Iterator[str]:
    known = [name for name in kind.__struct_fields__ if name not in _OWN]
    for name in plain:
        if name not in known and name not in _OWN:
            near = difflib.get_close_matches(str(name), known, 1)
            yield f'{where}: expected {f"{near[0]}" if near else "one of " + ", ".join(known)}, found "{name}"'


def read_forms(file: str, text: str, *, registries: tuple[str, ...] = ()) -> list[Subscription]:
    """Subscriptions of a file: TOML with [[subscriptions]], or JSON with such a list, or a list alone.

    Raises InputError, or SettingsError with every fault.
    """
    try:
        loaded = json.loads(text) if Path(file).suffix == ".json" else tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file}: expected {'JSON' if file.endswith('.json') else 'TOML'}, found {error}") from None
    listed = loaded.get("subscriptions") if isinstance(loaded, dict) else loaded
    if not isinstance(listed, list):
        raise InputError(f"{file}: expected a list of subscriptions, found {type(listed).__name__}")
    found: dict[str, Subscription] = {}
    faults: list[str] = []
    for n, plain in enumerate(listed):
        where = f"{file}: subscriptions[{n}]"
        try:
            one = subscription_of(plain, where, registries=registries)
        except SettingsError as error:
            faults += error.faults
        except InputError as error:
            faults.append(str(error))
        else:
            if one.id in found:
                faults.append(f'{where}.name: expected another than before, found "{one.name}" of "{one.owner}" again')
            found[one.id] = one
    if faults:
        raise SettingsError(tuple(faults))
    return list(found.values())


def to_json(values: Iterable[Subscription]) -> str:
    """A file for `read_forms`."""
    return json.dumps({"subscriptions": [form(one) for one in values]}, indent=2, ensure_ascii=False)


def to_toml(values: Iterable[Subscription]) -> str:
    """A file for `read_forms`."""
    return "\n".join(_table(form(one)) for one in values)


def _table(plain: dict[str, Any]) -> str:
    lines = ["[[subscriptions]]"]
    lines += [f"{name} = {_toml(one)}" for name, one in plain.items() if not isinstance(one, dict)]
    for name, block in plain.items():
        if isinstance(block, dict):
            lines += [f"[subscriptions.{name}]", *(f"{_toml_key(key)} = {_toml(one)}" for key, one in block.items())]
    return "\n".join(lines) + "\n"


def _toml_key(name: str) -> str:
    return name if name.replace("_", "").replace("-", "").isalnum() and name.isascii() else _toml(name)


def _toml(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False)  # what JSON escapes, TOML escapes alike
