"""The first real live blog: what an editor must get from it, and what must stay silent.

The page itself is private: expectations name people, line numbers and the n-th quotation of a line, never its words.
"""

import re
import textwrap
from pathlib import Path
from typing import Any

import pytest

from agents.text.normal import normal
from tests.conftest import need_data
from tests.e2e.harness import Tocsin

SEED = "seed/live_blog_2020-01-03.txt"
QUOTED = re.compile(r'[“"]([^“”"]+)[”"]?')

# speaker, line, which quotation of the line; "+" joins paragraphs of one quotation
QUOTES = [
    ("Dominic Raab", [(11, 0), (12, 0)]),
    ("Keir Starmer", [(14, 0)]),
    ("Konstantin Kosachev", [(18, 0)]),
    ("Niamh McBurney", [(20, 0)]),
    ("Niamh McBurney", [(21, 0)]),
]
# speaker, line, fragment that the statement must hold
FRAGMENTS = [
    ("Keir Starmer", 13, 0),
    ("Konstantin Kosachev", 17, 0),
    ("Hadi al-Ameri", 23, 0),
    ("Ali Khamenei", 25, 0),
    ("Donald Trump", 8, 0),
]


@pytest.fixture(scope="module")
def lines() -> list[str]:
    return need_data(SEED).read_text("utf-8").split("\n")


@pytest.fixture(scope="module")
def tocsin(tmp_path_factory: pytest.TempPathFactory) -> Tocsin:
    page = need_data(SEED)
    tocsin = Tocsin(tmp_path_factory.mktemp("seed"))
    tocsin.ingest(str(page))
    tocsin.process()
    return tocsin


@pytest.fixture(scope="module")
def alerts(tocsin: Tocsin) -> list[dict[str, Any]]:
    return tocsin.alerts()


def _quote(lines: list[str], line: int, index: int) -> str:
    return QUOTED.findall(lines[line - 1])[index]


def _statements(alerts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [alert["data"]["statement"] for alert in alerts if alert["type"].startswith("tocsin.statement.")]


def _speakers(alerts: list[dict[str, Any]]) -> set[str]:
    return {(statement["speaker"] or {}).get("name", "") for statement in _statements(alerts)}


def _short(name: str) -> str:
    return normal(name).rsplit(" ", 1)[-1]


@pytest.mark.parametrize(("speaker", "places"), QUOTES, ids=[f"line{p[0][0]}" for _, p in QUOTES])
def test_quotation_is_one_statement_with_its_speaker(
    alerts: list[dict[str, Any]], lines: list[str], speaker: str, places: list[tuple[int, int]]
) -> None:
    """The exact words, all paragraphs of them, by the person who said them."""
    wanted = normal(" ".join(_quote(lines, *place) for place in places))
    found = [s["speaker"]["name"] for s in _statements(alerts) if normal(s["text"]) == wanted]
    assert [_short(name) for name in found] == [_short(speaker)]


@pytest.mark.parametrize(("speaker", "line", "index"), FRAGMENTS, ids=[f"line{line}" for _, line, _ in FRAGMENTS])
def test_quoted_fragment_belongs_to_its_speaker(
    alerts: list[dict[str, Any]], lines: list[str], speaker: str, line: int, index: int
) -> None:
    """A fragment's clause is a statement of the right person."""
    fragment = normal(_quote(lines, line, index))
    found = {
        _short(s["speaker"]["name"])
        for s in _statements(alerts)
        if fragment in normal(s["text"]) and s["speaker"] is not None
    }
    assert _short(speaker) in found
    assert "diplomat" not in found


def test_unnamed_diplomat_is_an_unnamed_source_via_the_agency(alerts: list[dict[str, Any]], lines: list[str]) -> None:
    """Never resolved to a person; the agency is how the words came, not who spoke."""
    fragment = normal(_quote(lines, 16, 0))
    (statement,) = [s for s in _statements(alerts) if fragment in normal(s["text"])]
    assert (statement["speaker"]["type"], normal(statement["speaker"]["name"])) == ("unnamed", "an unnamed diplomat")
    assert [via["type"] for via in statement["via"]] == ["media"]
    assert "tass" in normal(statement["via"][0]["name"])


def test_evidence_is_verbatim(alerts: list[dict[str, Any]], lines: list[str]) -> None:
    """Every piece of evidence stands word for word on the page, at the offsets given."""
    page = normal("\n".join(lines))
    wrong = [
        (alert["id"], proof["start"])
        for alert in alerts
        for proof in alert["data"]["evidence"]
        if normal(proof["exact"]) not in page or len(proof["exact"]) != proof["end"] - proof["start"]
    ]
    assert wrong == []


def test_boilerplate_expectation_and_reporter_say_nothing(alerts: list[dict[str, Any]]) -> None:
    """Donation appeal, comment forum, "is expected to speak" and the byline give no statement."""
    texts = " | ".join(normal(s["text"]) for s in _statements(alerts))
    for word in ("donation", "paywalls", "musk", "forum", "journalists", "speak with mike pompeo"):
        assert word not in texts
    assert not [name for name in _speakers(alerts) if "daragahi" in normal(name)]


def test_officials(alerts: list[dict[str, Any]]) -> None:
    """Those who hold or held a post are named once; the analyst and the reporter are none."""
    mentions = [a["data"]["official"]["mention"] for a in alerts if a["type"] == "tocsin.official.first_mention.v1"]
    names = [_short(mention["name"]) for mention in mentions]
    for name in ("trump", "pompeo", "soleimani", "muhandis", "raab", "kosachev", "ghaani", "khamenei", "bolton"):
        matching = [n for n in names if n == name or (name == "ghaani" and n in ("qaani", "ghani"))]
        assert len(matching) == 1, name
    assert not {"mcburney", "daragahi"} & set(names)
    (bolton,) = [m for m in mentions if _short(m["name"]) == "bolton"]
    assert bolton["status"] == "former"


def test_one_succession(alerts: list[dict[str, Any]]) -> None:
    """Who leaves, who comes: one alert."""
    changes = [a["data"]["official"]["change"] for a in alerts if a["type"] == "tocsin.official.role_changed.v1"]
    successions = [change for change in changes if change["event"] == "succeeded"]
    assert len(successions) == 1
    assert _short(successions[0]["outgoing"]["name"]) == "soleimani"
    assert _short(successions[0]["incoming"]["name"]) in ("ghaani", "qaani")
    assert not [c for c in changes if c["incoming"] and _short(c["incoming"]["name"]) == "starmer"]


def test_the_ladder_reaches_use_of_force_once(alerts: list[dict[str, Any]]) -> None:
    """A story rises to a level once."""
    levels = [
        alert["data"]["escalation"]["to_level"] for alert in alerts if alert["type"] == "tocsin.keyword.escalated.v1"
    ]
    assert levels.count(4) == 1
    assert max(levels) == 4


def test_headlines_are_fit_for_a_desk(alerts: list[dict[str, Any]]) -> None:
    """One line each, not empty, not cut in the middle of a word, and no headline twice."""
    headlines = [alert["data"]["headline"] for alert in alerts]
    assert [h for h in headlines if "\n" in h or not 10 <= len(h) <= 240] == []
    assert len(headlines) == len(set(headlines))


def _straight(page: str) -> str:
    return page.translate(str.maketrans("“”‘’", "\"\"''"))


def _wrapped(page: str) -> str:
    return "\n".join(textwrap.fill(line, 72) for line in page.split("\n"))


def _wrapped_with_blank_lines(page: str) -> str:
    return "\n\n".join(textwrap.fill(line, 60) for line in page.split("\n"))


@pytest.mark.parametrize(
    "change", [str, _straight, _wrapped, _wrapped_with_blank_lines], ids=["same", "straight", "wrapped", "blank lines"]
)
@pytest.mark.parametrize("is_same_name", [True, False], ids=["same file", "another file"])
def test_the_same_page_again_is_silent(tocsin: Tocsin, tmp_path: Path, change: Any, is_same_name: bool) -> None:
    """Ingested again, re-wrapped or with straightened quotation marks, under its name or another: nothing new."""
    page = need_data(SEED)
    before = [alert["id"] for alert in tocsin.alerts()]
    again = tmp_path / (page.name if is_same_name else "again.txt")
    again.write_text(change(page.read_text("utf-8")), "utf-8")
    tocsin.ingest(str(again))
    tocsin.process()
    assert [alert["id"] for alert in tocsin.alerts()] == before
