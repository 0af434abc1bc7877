"""JSON Schema 2020-12 of every event type, straight from the types."""

from typing import Any

import msgspec

from schemas.alert import Alert, AlertData, AlertType, dataschema
from schemas.article import ArticleUpdate, EntryRevision
from schemas.dead_letter import DeadLetter
from schemas.delivery import Attempt, Delivery, Endpoint, EndpointChanged, Order, Report
from schemas.detection import RoleClaim
from schemas.event import Event
from schemas.routing import Notification, Receipt, Suppressed, Tick
from schemas.subscription import InhibitionRule, Silence, Subscription

EVENTS: tuple[type[Event], ...] = (
    ArticleUpdate,
    EntryRevision,
    RoleClaim,
    Alert,
    DeadLetter,
    Subscription,
    Silence,
    InhibitionRule,
    Notification,
    Suppressed,
    Receipt,
    Tick,
    Endpoint,
    Delivery,
    Report,
    Order,
    Attempt,
    EndpointChanged,
)
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schemas() -> dict[str, dict[str, Any]]:
    """Name to schema: one for each event that stands in a topic, and one for the data of each alert type."""
    documents = {
        kind.__name__: _document(kind, f"https://tocsin.example/schemas/{kind.__name__}/1.json") for kind in EVENTS
    }
    data = _document(AlertData, "")
    for alert_type in AlertType:
        name = ".".join(alert_type.value.split(".")[1:3])
        documents[name] = {**data, "$id": dataschema(alert_type), "title": name}
    return documents


def _document(kind: type[msgspec.Struct], identifier: str) -> dict[str, Any]:
    (schema,), components = msgspec.json.schema_components((kind,), ref_template="#/$defs/{name}")
    definitions = dict(components)
    if "$ref" in schema:
        schema = definitions.pop(schema["$ref"].rsplit("/", 1)[1])
    return {"$schema": _DIALECT, "$id": identifier, **schema, "$defs": definitions}
