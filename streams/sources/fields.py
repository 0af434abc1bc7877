"""Fields of foreign JSON, under the names that sources use; a field of the wrong type is a fault with its path."""

from datetime import UTC, datetime
from typing import Any

from agents.entries.clock import instant


class FieldFault(Exception):
    """A field cannot be used; the text is "$.path: expected …, found …"."""


def words(value: Any) -> str:
    """What a JSON value is, for messages."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case str():
            return f'"{value[:40]}"'
        case int() | float():
            return str(value)[:40]
        case list():
            return "an array"
        case _:
            return "an object"


def text_of(value: dict[str, Any], path: str = "$") -> str | None:
    """The text under whichever name it has; None if there is none or it is empty. Raises FieldFault."""
    for name in ("text", "sentences", "body", "articleBody", "content"):
        if name not in value:
            continue
        found = value[name]
        if name == "sentences" and isinstance(found, list):
            bad = next((index for index, one in enumerate(found) if not isinstance(one, str)), None)
            if bad is not None:
                raise FieldFault(f"{path}.sentences[{bad}]: expected a string, found {words(found[bad])}")
            found = " ".join(found)
        if not isinstance(found, str):
            raise FieldFault(f"{path}.{name}: expected a string, found {words(found)}")
        if found.strip():
            return found
    return None


def first_text(value: dict[str, Any], *names: str) -> str | None:
    """The first of these that is a string with something in it; a name inside an object counts."""
    for name in names:
        found = value.get(name)
        if isinstance(found, dict):
            found = found.get("name") or found.get("text")
        if isinstance(found, str) and found.strip():
            return found.strip()
    return None


def flag(value: dict[str, Any], name: str, path: str) -> bool:
    """A truth value, false if absent. Raises FieldFault."""
    found = value.get(name)
    if found is None:
        return False
    if not isinstance(found, bool):
        raise FieldFault(f"{path}.{name}: expected true or false, found {words(found)}")
    return found


def moment(value: dict[str, Any], path: str, *names: str) -> datetime | None:
    """The first of these times that is given. A time without an offset counts as UTC: good for order, not for latency.

    Raises FieldFault for what is no time.
    """
    for name in names:
        found = value.get(name)
        if found is None or found == "":
            continue
        if (read := instant(found)) is not None:
            return read
        try:
            return datetime.fromisoformat(found).replace(tzinfo=UTC)
        except (TypeError, ValueError):
            if name == "date":  # loose dates are common there and are no fault
                continue
            expected = "an ISO 8601 time or milliseconds since 1970"
            raise FieldFault(f"{path}.{name}: expected {expected}, found {words(found)}") from None
    return None


def post_name(value: dict[str, Any], path: str) -> str | None:
    """The publisher's id of a post. Raises FieldFault."""
    for name in ("id", "block_id", "block", "@id"):
        found = value.get(name)
        if isinstance(found, bool) or not isinstance(found, str | int | None):
            raise FieldFault(f"{path}.{name}: expected a string or a number, found {words(found)}")
        if found is not None and str(found).strip():
            return str(found)
    url = value.get("url")
    if isinstance(url, str) and "#" in url:
        return None
    seq = value.get("seq")
    return f"seq-{seq}" if isinstance(seq, int) and not isinstance(seq, bool) else None


def item_name(value: dict[str, Any]) -> str | None:
    """The item that a line names for itself."""
    return first_text(value, "blog", "item")
