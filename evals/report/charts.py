"""Charts as inline SVG, drawn here: a bar with its interval, a line over runs, a heat map.

No colour is set here: classes are, and the page's style gives them colours that differ in lightness too, so that a
greyscale print and a colour-blind reader lose nothing. Each chart stands beside a table that says the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup, escape

from evals.results import Rate

_SHADES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.4)
"""Shares that failed, above each of which a cell of the heat map is a shade darker."""


@dataclass(frozen=True)
class Point:
    """A run on the line: both shares 0 to 100, None where there is none."""

    label: str
    points: float | None
    low: float | None
    high: float | None
    passed: float | None


@dataclass(frozen=True)
class Cell:
    """A cell of the heat map, and what to say of it."""

    rate: Rate
    said: str
    row: str
    column: str


def bar(rate: Rate) -> Markup:
    """A share as a bar as wide as its place, with the interval as a line; the table it stands in says the numbers."""
    if rate.share is None:
        return Markup('<svg class="bar" viewBox="0 0 100 12" aria-hidden="true"></svg>')
    drawn = [
        '<svg class="bar" viewBox="0 0 100 12" preserveAspectRatio="none" aria-hidden="true">',
        '<rect class="track" width="100" height="12"/>',
        f'<rect class="fill" width="{100 * rate.share:.1f}" height="12"/>',
    ]
    if rate.low is not None and rate.high is not None:
        low, high = 100 * rate.low, 100 * rate.high
        drawn.append(f'<path class="whisker" d="M{low:.1f} 6H{high:.1f}M{low:.1f} 3V9M{high:.1f} 3V9"/>')
    return Markup("".join([*drawn, "</svg>"]))


def trend(points: Sequence[Point], title: str, described: str, names: tuple[str, str]) -> Markup:
    """Points and pass rate over runs; the band is the points' interval. ``names`` label the two lines."""
    width, height, left, right, top, bottom = 720, 240, 40, 96, 14, 30
    values = [v for p in points for v in (p.points, p.low, p.passed) if v is not None]
    floor = min(90.0, max(0.0, (min(values, default=0) - 3) // 10 * 10))
    step = (width - left - right) / max(1, len(points) - 1)

    def x(n: int) -> float:
        return left + n * step

    def y(value: float) -> float:
        return top + (100 - value) / (100 - floor) * (height - top - bottom)

    drawn = [_opening("trend", width, height, title, described)]
    for tick in range(int(floor), 101, 10 if floor >= 50 else 20):
        drawn.append(f'<path class="grid" d="M{left} {y(tick):.1f}H{width - right}"/>')
        drawn.append(f'<text class="tick" x="{left - 8}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick}</text>')
    every = -(-len(points) // 8)
    for n, point in enumerate(points):
        if (len(points) - 1 - n) % every == 0:
            label = (
                f'<text class="tick" x="{x(n):.1f}" y="{height - 8}" text-anchor="middle">{escape(point.label)}</text>'
            )
            drawn.append(label)
    banded = [(n, p.low, p.high) for n, p in enumerate(points) if p.low is not None and p.high is not None]
    if len(banded) > 1:
        up = [f"{x(n):.1f} {y(high):.1f}" for n, _, high in banded]
        down = [f"{x(n):.1f} {y(low):.1f}" for n, low, _ in reversed(banded)]
        drawn.append(f'<path class="band" d="M{"L".join(up + down)}Z"/>')
    rates = [(x(n), y(p.passed)) for n, p in enumerate(points) if p.passed is not None]
    scores = [(x(n), y(p.points)) for n, p in enumerate(points) if p.points is not None]
    drawn += _line(rates, "two", "M-3.5 -3.5h7v7h-7z") + _line(scores, "one", "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0")
    drawn += _names(names, scores, rates)
    return Markup("".join([*drawn, "</svg>"]))


def heat(
    rows: Mapping[str, str], columns: Mapping[str, str], cells: Mapping[tuple[str, str], Cell], texts: tuple[str, str]
) -> Markup:
    """A cell for every row and column (id → name): the darker, the more failed; how many stands in it.

    Args:
        rows: those down the side.
        columns: those along the top, written vertically.
        cells: by row and column; a pair without one stays empty.
        texts: title and description.
    """
    side, left = 26, 12 + 14 * max((len(name) for name in rows.values()), default=0)
    top = 12 + 14 * max((len(name) for name in columns.values()), default=0)
    drawn = [_opening("heat", left + side * len(columns) + 2, top + side * len(rows) + 2, *texts)]
    for n, name in enumerate(columns.values()):
        place = left + side * n + side / 2
        drawn.append(f'<text class="down" x="{place:.0f}" y="{top - 8}">{escape(name)}</text>')
    for m, (row, name) in enumerate(rows.items()):
        middle = top + side * m + side / 2
        drawn.append(f'<text class="side" x="{left - 8}" y="{middle + 5:.0f}" text-anchor="end">{escape(name)}</text>')
        for n, column in enumerate(columns):
            if (row, column) in cells:
                drawn.append(_cell(cells[row, column], left + side * n, top + side * m, side))
    return Markup("".join([*drawn, "</svg>"]))


def _cell(cell: Cell, x: int, y: int, side: int) -> str:
    rate, inner = cell.rate, side - 2
    failed = rate.scored - rate.passed
    shade = sum(failed / rate.scored > bound for bound in _SHADES) if rate.scored else 0
    kind = f"h{shade}" if rate.scored else "none"
    drawn = f'<rect class="{kind}" x="{x + 1}" y="{y + 1}" width="{inner}" height="{inner}" rx="2"/>'
    if not failed:
        return f"<g>{drawn}<title>{escape(cell.said)}</title></g>"
    text = f'<text class="in {kind}" x="{x + side // 2}" y="{y + side // 2 + 4}" text-anchor="middle">{failed}</text>'
    where = f'data-scenario="{escape(cell.row)}" data-scorer="{escape(cell.column)}"'
    return f'<a href="#failing" {where}><title>{escape(cell.said)}</title>{drawn}{text}</a>'


def _opening(kind: str, width: int, height: int, title: str, described: str) -> str:
    name, role = f"chart-{kind}", "img" if kind == "trend" else "group"  # an image would hide its links
    return (
        f'<svg class="{kind}" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="{role}" '
        f'aria-labelledby="{name}-title {name}-desc"><title id="{name}-title">{escape(title)}</title>'
        f'<desc id="{name}-desc">{escape(described)}</desc>'
    )


def _line(places: Sequence[tuple[float, float]], kind: str, mark: str) -> list[str]:
    if not places:
        return []
    line = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    marks = [f'<path class="dot {kind}" transform="translate({x:.1f} {y:.1f})" d="{mark}"/>' for x, y in places]
    return [f'<path class="line {kind}" d="M{line}"/>', *marks]


def _names(
    names: tuple[str, str], scores: Sequence[tuple[float, float]], rates: Sequence[tuple[float, float]]
) -> list[str]:
    """The lines' names behind their last points, moved apart where they would lie on each other."""
    ends = [
        (line[-1], kind, name) for line, kind, name in ((scores, "one", names[0]), (rates, "two", names[1])) if line
    ]
    ends.sort(key=lambda end: end[0][1])
    heights = [end[0][1] for end in ends]
    for n, (above, below) in enumerate(pairwise(list(heights)), 1):
        heights[n] = max(below, above + 18)
    return [
        f'<text class="name {kind}" x="{place[0] + 12:.1f}" y="{height + 5:.1f}">{escape(name)}</text>'
        for (place, kind, name), height in zip(ends, heights, strict=True)
    ]
