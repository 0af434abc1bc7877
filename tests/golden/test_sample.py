"""The bundled live blog, against what a perfect editor would send: everything required, nothing that is not listed."""

import json
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from agents.text.normal import normal
from tests.e2e.harness import Tocsin

EXPECTED = json.loads(resources.files("streams.sample").joinpath("expected.json").read_text("utf-8"))


def _any_of(row: dict[str, Any], field: str) -> list[Any]:
    return [row[field], *row.get(f"or_{field}s", [])] if field in row else []


def _same_person(expected: str, found: str | None) -> bool:
    return found is not None and normal(expected) in normal(found)


def _fits_statement(row: dict[str, Any], data: dict[str, Any]) -> bool:
    statement = data["statement"]
    names = [(statement["speaker"] or {}).get("name"), statement["on_behalf_of"]]
    names += [speaker["name"] for speaker in statement["joint"]]
    words = normal(" ".join([statement["text"], *(proof["exact"] for proof in data["evidence"])]))
    return any(_same_person(row["speaker"], name) for name in names) and any(
        normal(part) in words for part in _any_of(row, "contains")
    )


def _fits_keyword(row: dict[str, Any], data: dict[str, Any]) -> bool:
    facts = data["escalation"]
    return facts["channel"] in _any_of(row, "channel") and row.get("to_level") in (None, facts["to_level"])


def _fits_official(row: dict[str, Any], data: dict[str, Any]) -> bool:
    facts = data["official"]
    if row["type"] == "tocsin.official.role_changed.v1":
        change = facts["change"]
        people = [(change[side] or {}).get("name") for side in ("incoming", "outgoing") if side in row]
        wanted = [row[side] for side in ("incoming", "outgoing") if side in row]
        return change["event"] in _any_of(row, "event") and all(map(_same_person, wanted, people))
    return _same_person(row["person"], facts["mention"]["name"])


FITS = {"statement": _fits_statement, "keyword": _fits_keyword, "official": _fits_official}


def _fits(row: dict[str, Any], alert: dict[str, Any]) -> bool:
    return (
        alert["type"] in _any_of(row, "type")
        and alert["data"]["msgtype"] in _any_of(row, "msgtype")
        and bool(row.get("is_reinstated")) == alert["data"]["is_reinstated"]
        and FITS[row["family"]](row, alert["data"])
    )


@pytest.fixture(scope="module")
def alerts(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    tocsin = Tocsin(tmp_path_factory.mktemp("sample"))
    out = tocsin.run("demo", "--json").stdout
    return [json.loads(line) for line in out.splitlines()]


def _assign(alerts: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows without an alert, and alerts without a row; each is used once, required rows first."""
    left = list(alerts)
    missing = []
    for row in sorted(EXPECTED["alerts"], key=lambda row: not row["is_required"]):
        found = next((alert for alert in left if _fits(row, alert)), None)
        if found is not None:
            left.remove(found)
        elif row["is_required"]:
            missing.append(row)
    return missing, left


def test_every_required_alert_is_there(alerts: list[dict[str, Any]]) -> None:
    """Nothing that an editor must know is missed."""
    missing, _ = _assign(alerts)
    assert [(row["update"], row["type"], row.get("speaker") or row.get("person")) for row in missing] == []


def test_nothing_else_alerts(alerts: list[dict[str, Any]]) -> None:
    """Boilerplate, recaps, repeats, traps and typographic edits are silent."""
    _, extra = _assign(alerts)
    assert [(alert["type"], alert["data"]["headline"]) for alert in extra] == []


def test_messages_of_an_alert_reference_all_earlier_ones(alerts: list[dict[str, Any]]) -> None:
    """Versions rise by one; update and cancel name what they change, oldest first."""
    sent: dict[str, list[str]] = {}
    for alert in alerts:
        earlier = sent.setdefault(alert["data"]["alert_id"], [])
        assert alert["data"]["references"] == earlier
        assert alert["data"]["version"] == len(earlier) + 1
        assert (alert["data"]["msgtype"] == "alert") == (earlier == [])
        earlier.append(alert["id"])


def test_ids_do_not_depend_on_the_run(alerts: list[dict[str, Any]], tmp_path: Path) -> None:
    """A second run on a fresh log gives the same messages, byte for byte."""
    again = [json.loads(line) for line in Tocsin(tmp_path).run("demo", "--json").stdout.splitlines()]
    assert {alert["id"]: alert for alert in again} == {alert["id"]: alert for alert in alerts}
