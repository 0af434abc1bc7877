"""The exported JSON Schemas are valid, and what we encode satisfies them."""

import json

import jsonschema
import pytest

from schemas.alert import AlertType
from schemas.codec import encode
from schemas.export import EVENTS, json_schemas
from tests.builders import an_alert, an_entry, an_update


def test_every_event_type_and_every_alert_type_has_a_schema() -> None:
    """A new type cannot be forgotten."""
    names = {kind.__name__ for kind in EVENTS} | {".".join(kind.value.split(".")[1:3]) for kind in AlertType}
    assert set(json_schemas()) == names


@pytest.mark.parametrize("name", sorted(json_schemas()))
def test_schema_is_valid(name: str) -> None:
    """Each document is a JSON Schema 2020-12 with a stable id."""
    document = json_schemas()[name]
    jsonschema.Draft202012Validator.check_schema(document)
    assert document["$id"].startswith("https://tocsin.example/schemas/")


@pytest.mark.parametrize(
    ("name", "event"),
    [("ArticleUpdate", an_update()), ("EntryRevision", an_entry()), ("Alert", an_alert())],
    ids=["update", "entry", "alert"],
)
def test_encoded_event_satisfies_its_schema(name: str, event: object) -> None:
    """What flows is what is documented."""
    jsonschema.Draft202012Validator(json_schemas()[name]).validate(json.loads(encode(event)))  # type: ignore[arg-type]


def test_schema_refuses_a_wrong_type() -> None:
    """The schema is not so loose that it accepts anything."""
    document = json.loads(encode(an_update())) | {"item": 7}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(json_schemas()["ArticleUpdate"]).validate(document)


def test_alert_data_satisfies_the_schema_it_names() -> None:
    """`dataschema` points at a schema that exists and fits."""
    alert = an_alert()
    by_id = {document["$id"]: document for document in json_schemas().values()}
    jsonschema.Draft202012Validator(by_id[alert.dataschema]).validate(json.loads(encode(alert.data)))
