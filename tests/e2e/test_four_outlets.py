"""One statement in four outlets: told once, whoever is first; each other wording is kept beside it in silence."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import permutations
from pathlib import Path

import pytest

from agents.statements.extraction import extract
from schemas.alert import Alert, Novelty
from schemas.article import ArticleUpdate, Format
from tests import oracle
from tests.agents.statements.newsroom import Newsroom, told
from tests.builders import NOON, an_update
from tests.e2e.harness import Tocsin

FULL = (
    "“We will reopen the northern pier before the winter storms, and every ferry will sail again,” "
    "said Ana Brook, the harbour minister of Ostria."
)
VARIANT = (
    "The harbour minister, Ana Brook, told reporters: “We will re-open that northern pier before winter storms, "
    "and every ferry will sail again.”"
)
PARAPHRASE = (
    "Ostria's harbour minister, Ana Brook, said the northern pier would reopen before the winter storms and that "
    "every ferry would sail again."
)
FRAGMENT = "Every ferry “will sail again” once the northern pier reopens before the winter storms, Brook said."
RENDERINGS = {"coast-post": FULL, "delta-news": VARIANT, "ostria-daily": PARAPHRASE, "pier-herald": FRAGMENT}
LEAD = f"{FULL} The storms of last year sank two boats."


def articles(texts: Sequence[tuple[str, str]], **changes: str) -> list[ArticleUpdate]:
    """One article an outlet, a minute apart, all of one story."""
    return [
        an_update(
            update_id=f"up_{number}",
            source=source,
            item=f"https://{source}.example/{number}",
            story="story_pier",
            format=Format.ARTICLE,
            body=text,
            observed_at=NOON + timedelta(minutes=number),
            **changes,
        )
        for number, (source, text) in enumerate(texts)
    ]


def statements(alerts: Sequence[Alert]) -> list[tuple[str, str]]:
    """Messages about statements."""
    return told([alert for alert in alerts if alert.type.value.startswith("tocsin.statement.")])


def test_one_statement_in_four_outlets_is_one_alert() -> None:
    """Whole articles through the whole pipeline, a syndicated lead among them: one message."""
    alerts = oracle.run(articles([*RENDERINGS.items(), ("valley-times", LEAD), ("isle-gazette", LEAD)]))

    assert statements(alerts) == [("new", "alert")]


@pytest.mark.parametrize("order", list(permutations(RENDERINGS)), ids="-".join)
def test_whoever_is_first_there_is_one_alert(order: tuple[str, ...]) -> None:
    """In every order of arrival the first wording is told, and none of the others."""
    room = Newsroom(read=extract)
    for source in order:
        room.publish(RENDERINGS[source], entry=f"en_{source}", source=source)
    room.publish(LEAD, entry="en_lead", source="valley-times", origin="Delta Wire")

    assert told(room.alerts) == [("new", "alert")]
    assert room.alerts[0].data.evidence[0].source == order[0]


def test_every_wording_is_kept_with_what_it_is() -> None:
    """The verbatim copies are sightings of the one statement; paraphrases stand beside it and name it."""
    room = Newsroom(read=extract)
    for source, text in RENDERINGS.items():
        room.publish(text, entry=f"en_{source}", source=source)
    room.publish(LEAD, entry="en_lead", source="valley-times", origin="Delta Wire")
    room.publish(LEAD, entry="en_copy", source="isle-gazette", origin="Delta Wire")

    first, *others = room.statements()
    assert first.facts.novelty is Novelty.NEW
    assert [one.origin for one in first.sightings] == ["coast-post", "delta-news", "Delta Wire", "Delta Wire"]
    assert first.origins == 3
    assert [(one.facts.novelty, one.withheld, one.facts.possible_same_as) for one in others] == [
        (Novelty.RENDERING, "rendering", (first.id,)),
        (Novelty.RENDERING, "rendering", (first.id,)),
    ]


def test_equal_words_of_an_unnamed_source_are_told_once() -> None:
    """Outlets that print the same words of "a senior official" and of "an official" print one statement."""
    words = "“We are leaving the valley tonight with every truck,” {}."
    sources = [
        "a senior official said",
        "said one senior Ostrian official, who was not authorised to speak publicly",
        "an official said on condition of anonymity",
    ]
    alerts = oracle.run(articles([(f"outlet-{i}", words.format(who)) for i, who in enumerate(sources)]))

    assert statements(alerts) == [("new", "alert")]


PAGE = (
    "The pier of Port Alder\n\n"
    "Rain fell on the delta all night and the quays were empty.\n\n"
    "“We will not reopen the northern pier before the winter storms,” said Ana Brook, the harbour minister.\n\n"
    "The fish market opens at six.\n"
)


def test_an_edited_page_tells_what_changed_and_nothing_else(tmp_path: Path) -> None:
    """From file to alerts: blanks and marks give nothing; a "not" taken out gives one update that names it."""
    page = tmp_path / "pier.txt"
    page.write_text(PAGE, "utf-8")
    tocsin = Tocsin(tmp_path)
    tocsin.ingest(str(page))
    tocsin.process()
    (first,) = [alert for alert in tocsin.alerts() if alert["type"].startswith("tocsin.statement.")]

    page.write_text(PAGE.replace("“", '"').replace("”", '"').replace(" the ", "  the\u00a0"), "utf-8")
    tocsin.ingest(str(page))
    page.write_text(PAGE.replace("will not reopen", "will reopen"), "utf-8")
    tocsin.ingest(str(page))
    tocsin.process()

    _, *later = [alert for alert in tocsin.alerts() if alert["type"].startswith("tocsin.statement.")]
    assert [(one["data"]["msgtype"], one["data"]["change"]["material"]) for one in later] == [("update", ["negation"])]
    assert later[0]["data"]["references"] == [first["id"]]
    assert later[0]["data"]["alert_id"] == first["data"]["alert_id"]
