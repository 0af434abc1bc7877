"""The page of a backtest: whole in itself, and nothing of a headline is markup."""

from html.parser import HTMLParser
from pathlib import Path

import msgspec

from streams.replay import plan as planning
from streams.replay.backtest import Backtest, Report, draft_of
from streams.replay.plan import Plan
from streams.replay.report import page, plot
from streams.settings import Settings
from tests.streams.replay.logs import fill, reading, settings_of, updates


class Tags(HTMLParser):
    """Counts what is opened, and what refers to elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: dict[str, int] = {}
        self.links: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.opened[tag] = self.opened.get(tag, 0) + 1
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "onclick", "onload")]

    def handle_data(self, data: str) -> None:
        self.text.append(data)


async def report(settings: Settings, draft: str) -> Report:
    plan = Plan(name="backtest")
    async with reading(settings) as log:
        test = Backtest(log, plan, draft_of(draft, settings, {}), None)
        return await test.run(await planning.span(log, plan), samples=3)


async def test_hostile_words_stay_words(tmp_path: Path) -> None:
    """A title that is markup is shown as it is."""
    settings = settings_of(tmp_path)
    hostile = "<script>alert(1)</script> <img src=x onerror=alert(2)>"
    await fill(settings, [msgspec.structs.replace(one, title=hostile) for one in updates(1)])
    draft = tmp_path / "draft.toml"
    draft.write_text('statements_engine = "rules"\n' + f"registries = {list(settings.registries)!r}\n")

    found = await report(settings, str(draft))  # nothing was processed: everything is new
    tags = Tags()
    tags.feed(page(found))

    assert found.added == found.after > 0
    assert (tags.opened.get("script", 0), tags.opened.get("img", 0), tags.links) == (0, 0, [])
    assert any(hostile in text for text in tags.text)
    assert tags.opened["svg"] == 1


def test_every_day_has_its_bars() -> None:
    """One group a day, with its numbers to hover over; a day without alerts has none."""
    days = [
        {"day": f"2026-03-{n:02}", "before": n, "after": n + 3, "added": 2, "lost": n % 2, "changed": 1}
        for n in range(1, 31)
    ]

    tags = Tags()
    tags.feed(plot(days))

    assert tags.opened["g"] == 30
    assert tags.opened["rect"] == 30 * 3 + 15  # the same, changed and added; lost on odd days
    assert plot([]) == '<p class="dim">No alert on any day.</p>'
