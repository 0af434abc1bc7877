"""A backtest as a page: one HTML file without anything from elsewhere."""

from html import escape
from typing import Any

from streams.replay.backtest import Report

_CSS = """
:root{color-scheme:light dark;--ink:#1b1f24;--dim:#667;--line:#d5d9e0;--bg:#fff;--same:#b8c0cc;--added:#1a7f37;
--lost:#cf222e;--changed:#b7791f}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ee;--dim:#9aa4b2;--line:#333a44;--bg:#14181d;--same:#4a5563;
--added:#3fb950;--lost:#ff7b72;--changed:#d9a441}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--bg);max-width:62rem;margin:2rem auto;
padding:0 1rem}h1{font-size:1.4rem;margin:0 0 .2rem}h2{font-size:1.05rem;margin:2rem 0 .5rem}p{margin:.2rem 0}
.dim{color:var(--dim)}.cards{display:flex;gap:1rem;flex-wrap:wrap;margin:1rem 0}
.card{border:1px solid var(--line);border-radius:.5rem;padding:.6rem 1rem;min-width:6rem}
.card b{display:block;font-size:1.5rem}.added{color:var(--added)}.lost{color:var(--lost)}.changed{color:var(--changed)}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.25rem .6rem .25rem 0;vertical-align:top;
border-bottom:1px solid var(--line)}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
blockquote{margin:.2rem 0 .2rem 0;padding-left:.8rem;border-left:3px solid var(--line)}
svg{width:100%;height:auto}svg text{font:11px system-ui,sans-serif;fill:var(--dim)}
li{margin:.8rem 0}ul{padding-left:1.1rem}
"""
_WHAT = ("added", "lost", "changed")
_WIDTH, _UP, _DOWN, _LEFT = 960, 150, 60, 46


def page(report: Report) -> str:
    """The whole page."""
    verdict = "Nothing would change" if report.is_equal else "What would change"
    span = f"{_or(report.from_, 'the beginning')} to {_or(report.to, 'the end')}"
    cards = "".join(
        f'<div class="card {css}"><b>{value:,}</b>{word}</div>'
        for word, value, css in (
            ("added", report.added, "added"),
            ("lost", report.lost, "lost"),
            ("changed", report.changed, "changed"),
            ("the same", report.same, "dim"),
        )
    )
    parts = [
        f"<h1>{verdict}</h1>",
        f"<p>Draft <b>{escape(report.draft)}</b> against <b>{escape(report.baseline)}</b>, event time {escape(span)}"
        "</p>",
        f'<p class="dim">{report.updates:,} read; {report.before:,} alerts before, {report.after:,} after; '
        f"{escape(', '.join(report.detectors))}</p>",
        f'<div class="cards">{cards}</div>',
        "<h2>Alerts a day</h2>",
        plot(report.by_day),
        _table("By kind", "kind", [(kind, row) for kind, row in report.by_kind.items()]),
        _table("By story", "story", [(row["title"] or story, row) for story, row in report.by_story.items()][:50]),
        _table("By subscription", "subscription", [(name, row) for name, row in report.by_subscription.items()]),
    ]
    for what in _WHAT:
        parts.append(_samples(what, report.samples[what], getattr(report, what)))
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>tocsin backtest: {escape(report.draft)}</title><style>{_CSS}</style>{''.join(parts)}</html>\n"
    )


def plot(days: list[dict[str, Any]]) -> str:
    """Bars of a day: what stays and what is new upwards, what is lost downwards; SVG."""
    if not days:
        return '<p class="dim">No alert on any day.</p>'
    most = max(*(day["after"] for day in days), 1)
    least = max(*(day["lost"] for day in days), 1)
    step = (_WIDTH - _LEFT) / len(days)
    width = max(step * 0.8, 0.6)
    bars = []
    for n, day in enumerate(days):
        x = _LEFT + n * step
        bottom = float(_UP)
        stack = (
            ("same", day["after"] - day["added"] - day["changed"]),
            ("changed", day["changed"]),
            ("added", day["added"]),
        )
        shapes = []
        for css, count in stack:
            height = count / most * (_UP - 16)
            bottom -= height
            if count:
                shapes.append(_bar(x, bottom, width, height, css))
        if day["lost"]:
            shapes.append(_bar(x, _UP + 1, width, day["lost"] / least * (_DOWN - 14), "lost"))
        tip = f"{day['day']}: {day['after']} alerts, {day['added']} added, {day['lost']} lost, {day['changed']} changed"
        bars.append(f"<g><title>{escape(tip)}</title>{''.join(shapes)}</g>")
    labels = (
        f'<text x="{_LEFT - 6}" y="16" text-anchor="end">{most:,}</text>'
        f'<text x="{_LEFT - 6}" y="{_UP + 4}" text-anchor="end">0</text>'
        f'<text x="{_LEFT - 6}" y="{_UP + _DOWN - 10}" text-anchor="end">-{least:,}</text>'
        f'<text x="{_LEFT}" y="{_UP + _DOWN + 4}">{days[0]["day"]}</text>'
        f'<text x="{_WIDTH}" y="{_UP + _DOWN + 4}" text-anchor="end">{days[-1]["day"]}</text>'
    )
    axis = f'<line x1="{_LEFT}" y1="{_UP}" x2="{_WIDTH}" y2="{_UP}" stroke="var(--line)"/>'
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_UP + _DOWN + 10}" role="img" aria-label="Alerts a day">{axis}{"".join(bars)}'
        f'{labels}</svg><p class="dim">Grey: as before. <span class="added">Green: added.</span> '
        '<span class="changed">Amber: changed.</span> <span class="lost">Red, downwards: lost.</span></p>'
    )


def _bar(x: float, y: float, width: float, height: float, css: str) -> str:
    return (
        f'<rect x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="{max(height, 1):.2f}" style="fill:var(--{css})"/>'
    )


def _table(title: str, name: str, rows: list[tuple[str, dict[str, Any]]]) -> str:
    if not rows:
        return ""
    cells = "".join(
        f"<tr><td>{escape(label)}</td>" + "".join(f'<td class="n">{row.get(what, "")}</td>' for what in _WHAT) + "</tr>"
        for label, row in rows
    )
    head = f"<tr><th>{name}</th>" + "".join(f'<th class="n">{what}</th>' for what in _WHAT) + "</tr>"
    return f"<h2>{title}</h2><table>{head}{cells}</table>"


def _samples(what: str, samples: list[dict[str, Any]], count: int) -> str:
    if not samples:
        return ""
    shown = f"{len(samples)} of {count:,}" if len(samples) < count else f"all {count:,}"
    items = "".join(f"<li>{_pair(one) if what == 'changed' else _sample(one)}</li>" for one in samples)
    return f'<h2 class="{what}">{what.capitalize()} <span class="dim">({shown})</span></h2><ul>{items}</ul>'


def _pair(one: dict[str, Any]) -> str:
    before, after = _sample(one["before"]), _sample(one["after"])
    fields = escape(", ".join(one["fields"]))
    return f'<span class="dim">before</span> {before}<span class="dim">after</span> {after}<p>differs in {fields}</p>'


def _sample(one: dict[str, Any]) -> str:
    words = f"<blockquote>{escape(one['words'][:400])}</blockquote>" if one["words"] else ""
    story = escape(one["title"] or one["story"])
    return (
        f'<b>{escape(one["headline"])}</b><p class="dim">{escape(one["time"])} · {escape(one["severity"])} · '
        f'{escape(one["type"])} · {story}</p>{words}<p class="dim">{escape(one["why"])}</p>'
    )


def _or(text: str | None, otherwise: str) -> str:
    return otherwise if text is None else text
