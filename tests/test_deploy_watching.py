"""The dashboard and the alerts speak of metrics, labels and values that there are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.app import DOORS
from service.watching.vocabulary import closed, table

DEPLOY = Path(__file__).resolve().parent.parent / "deploy"
METRICS: dict[str, Any] = table()["metrics"]
_NAME = re.compile(r"\byouli_\w+")
_SELECTOR = re.compile(r"\b(youli_\w+)\{([^}]*)\}")
_MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
_BY = re.compile(r"by \(([^)]*)\)\s*\((.*)")
_SUFFIXES = ("_bucket", "_sum", "_count")


def board() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((DEPLOY / "grafana" / "youli.json").read_text("utf-8"))
    return loaded


def expressions() -> Iterator[str]:
    for panel in board()["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))
    yield from (one["expr"] for one in board()["annotations"]["list"])
    for group in yaml.safe_load((DEPLOY / "alerts.yml").read_text("utf-8"))["groups"]:
        yield from (rule["expr"] for rule in group["rules"])


def metric(name: str) -> dict[str, Any]:
    """The entry of a metric, by its own name or that of a series of a distribution."""
    for suffix in _SUFFIXES:
        base = name.removesuffix(suffix)
        if base != name and METRICS.get(base, {}).get("kind") == "histogram":
            return {**METRICS[base], "labels": {**METRICS[base].get("labels", {}), "le": "le"}}
    entry: dict[str, Any] = METRICS[name]
    assert entry["kind"] != "histogram", name
    return entry


@pytest.mark.parametrize("expression", sorted(set(expressions())))
def test_an_expression_names_what_there_is(expression: str) -> None:
    names = _NAME.findall(expression)
    assert names or "up{" in expression
    operations = {route.operation_id for door in DOORS for route in door.router.routes}  # type: ignore[attr-defined]
    for name in names:
        metric(name)
    for name, selector in _SELECTOR.findall(expression):
        labels = metric(name).get("labels", {})
        for label, how, value in _MATCHER.findall(selector):
            of = labels[label]
            allowed = operations if of == "operation" else set(of) if isinstance(of, list) else closed()[of]
            for one in value.split("|") if "~" in how else [value]:
                assert one in allowed, (expression, label, one)
    for by, rest in _BY.findall(expression):
        labels = metric(_NAME.findall(rest)[0]).get("labels", {})
        assert {label.strip() for label in by.split(",")} <= set(labels)


def test_panels_have_chinese_titles_and_lie_beside_each_other() -> None:
    panels = board()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        assert re.search("[\u4e00-\u9fff]", panel["title"]), panel["title"]
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= 24 and not cells & taken
        taken |= cells
    titles = " ".join(panel["title"] for panel in panels)
    for wanted in (
        "起草量按裁断",
        "降级原因",
        "各步耗时 p99",
        "检出按类别",
        "知识版本",
        "队列",
        "令牌用量",
        "429、5xx",
        "改后采用",
    ):
        assert wanted in titles


def test_every_metric_is_looked_at_somewhere() -> None:
    shown = {name for expression in expressions() for name in _NAME.findall(expression)}
    shown |= {name.removesuffix(suffix) for name in shown for suffix in _SUFFIXES}
    assert set(METRICS) - shown <= {"youli_audit_checked_timestamp_seconds"}


def test_alerts_say_what_to_do() -> None:
    groups = yaml.safe_load((DEPLOY / "alerts.yml").read_text("utf-8"))["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules)
    for rule in rules:
        assert rule["labels"]["severity"] in ("page", "ticket")
        for text in (rule["annotations"]["summary"], rule["annotations"]["description"]):
            assert re.search("[\u4e00-\u9fff]", text)
    scrape = yaml.safe_load((DEPLOY / "prometheus.yml").read_text("utf-8"))
    assert [job["job_name"] for job in scrape["scrape_configs"]] == ["youli"]
