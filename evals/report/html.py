"""The HTML report: one file, nothing from elsewhere, nothing of a case's text ever runs.

The page's policy lets exactly our style and our script in, by their digests: markup that slipped through could neither
run, nor style, nor fetch. It reads without its script; that one filters, and takes reviews.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from evals.report.casework import state_of
from evals.report.charts import Cell, Point, bar, heat, trend
from evals.report.formatting import FORMATS, percent, points
from evals.report.inert import visible
from evals.report.names import Names, phrase
from evals.report.page import Page, changed_digests, shop_time
from evals.results import Summary
from service.labelling import explicit, metadata
from service.schemas import Inquiry

_HERE = Path(__file__).parent
OPEN_AT_MOST = 6
"""Failing cases up to which all stand open; more would bury each other."""


def html(page: Page) -> str:
    """The report. The same run gives the same bytes."""
    style, script = _own("report.css"), _own("report.js")
    charted: dict[str, Any] = {"trend": _trend(page), **_heat(page)}
    made = (
        _environment()
        .get_template("report.html.j2")
        .render(
            page=page,
            names=page.names,
            policy=_policy(style, script),
            style=style,
            script=script,
            aigc=metadata(page.run.id),
            labelled=explicit(),
            known_facts=_facts(page.names),
            open_all=len(page.failing) <= OPEN_AT_MOST,
            **page.counts,
            **charted,
        )
    )
    return made.lstrip()


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    made.globals.update(FORMATS, bar=bar, changed=changed_digests, state_of=state_of)
    made.filters["by_count"] = lambda counts: sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    made.filters["dictsort_numbers"] = lambda some: sorted(some.items(), key=lambda one: (len(one[0]), one[0]))
    return made


def _finalize(value: object) -> object:
    return visible(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


@cache
def _own(name: str) -> Markup:
    return Markup((_HERE / name).read_text("utf-8"))


def _policy(style: str, script: str) -> str:
    def digest(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    return (
        f"default-src 'none'; style-src {digest(style)}; script-src {digest(script)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _facts(names: Names) -> Callable[[Inquiry], list[tuple[str, str]]]:
    def told(value: object) -> str:
        if isinstance(value, bool):
            return names.value("bool", str(value))
        if isinstance(value, float):
            return f"{value:.10g}"
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

    def known(inquiry: Inquiry) -> list[tuple[str, str]]:
        order = inquiry.order.model_dump(exclude_none=True, exclude={"facts"})
        if "defect_evidence" in order:
            order["defect_evidence"] = names.value("evidence", order["defect_evidence"])
        typed = [(names.value("order", key), told(value)) for key, value in order.items()]
        return typed + [(key, told(value)) for key, value in (inquiry.order.facts | inquiry.policy).items()]

    return known


def _trend(page: Page) -> Markup:
    runs = page.history
    if len(runs) < 2:
        return Markup("")

    def whole(share: float | None) -> float | None:
        return None if share is None else 100 * share

    days = [f"{shop_time(one.run.started_at):%m-%d}" for one in runs]
    labels = days if len(set(days)) == len(days) else [f"{shop_time(one.run.started_at):%m-%d %H:%M}" for one in runs]
    places = [
        Point(label, one.points, one.points_low, one.points_high, whole(one.passed.share))
        for label, one in zip(labels, runs, strict=True)
    ]
    described = phrase(
        "chart",
        "trend_described",
        runs=len(runs),
        first=places[0].label,
        last=places[-1].label,
        points=points(runs[-1].points),
        passed=percent(runs[-1].passed.share),
    )
    names = phrase("chart", "trend_points"), phrase("chart", "trend_passed")
    return trend(places, phrase("chart", "trend"), described, names)


def _heat(page: Page) -> Mapping[str, object]:
    """The heat map of what failed anywhere, worst scenarios first; nothing where nothing failed."""
    summary, names = page.summary, page.names
    failed = {
        scenario: {scorer: rate.scored - rate.passed for scorer, rate in rates.items()}
        for scenario, rates in summary.heat.items()
    }
    worst = sorted(failed, key=lambda one: (-sum(failed[one].values()), one))
    scorers = names.ordered(
        {scorer for rates in summary.heat.values() for scorer, rate in rates.items() if rate.scored}
    )
    rows = {one: names.scenario(one) for one in worst}
    columns = {one: names.scorer(one) for one in scorers}
    if not any(n for counts in failed.values() for n in counts.values()):
        return {"heat": None, "heat_rows": {}, "heat_columns": {}}
    described = phrase("chart", "heat_described", rows=len(rows), columns=len(columns))
    drawn = heat(rows, columns, _cells(summary, names), (phrase("chart", "heat"), described))
    return {"heat": drawn, "heat_rows": rows, "heat_columns": columns}


def _cells(summary: Summary, names: Names) -> dict[tuple[str, str], Cell]:
    made = {}
    for scenario, rates in summary.heat.items():
        for scorer, rate in rates.items():
            said = phrase(
                "chart",
                "heat_cell" if rate.scored else "heat_unscored",
                scenario=names.scenario(scenario),
                scorer=names.scorer(scorer),
                scored=rate.scored,
                failed=rate.scored - rate.passed,
                unscored=rate.unscored,
            )
            made[scenario, scorer] = Cell(rate, said, visible(scenario), visible(scorer))
    return made
