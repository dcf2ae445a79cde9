"""The HTML report in a real browser: what shows, what runs, what a reviewer saves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from evals.report.writing import write_report
from evals.reviews import ReviewsIn
from tests.browser import Browser, browser
from tests.report_run import hostile, material, some

_CATCH = """
window.saved = [];
URL.createObjectURL = (blob) => { blob.text().then((text) => window.saved.push(text)); return "blob:none"; };
HTMLAnchorElement.prototype.click = function () { window.named = this.download; };
"""


@pytest.fixture(scope="module")
def window() -> Iterator[Browser]:
    with browser() as made:
        yield made


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    before = material(some(), -1)
    results = [*some(), *hostile()]
    return write_report(material(results), tmp_path_factory.mktemp("report"), before, [before.summary], ["html"])[0]


@pytest.fixture
def opened(window: Browser, report: Path) -> Browser:
    window.size(1280, 900)
    window.open(report)
    window.run("localStorage.clear()")
    window.open("about:blank")
    window.open(report)
    return window


def _shown(window: Browser, what: str) -> list[str]:
    found = "[...document.querySelectorAll(arguments[0])].filter((one) => one.checkVisibility())"
    return list(window.run(f"return {found}.map((one) => one.dataset.case || one.textContent)", what))


def test_nothing_of_a_case_runs_and_the_console_stays_empty(opened: Browser) -> None:
    opened.run("document.querySelectorAll('details').forEach((one) => { one.open = true })")
    assert opened.run("return document.title").startswith("评测报告")
    assert opened.run("return [document.scripts.length, document.styleSheets.length, document.images.length]") == [
        1,
        1,
        0,
    ]
    assert opened.run("return performance.getEntriesByType('resource').map((one) => one.name)") == []
    assert opened.console() == []


def test_the_policy_keeps_out_what_would_slip_through(opened: Browser) -> None:
    opened.run(
        """const add = (markup) => document.body.insertAdjacentHTML("beforeend", markup);
        add(`<img src="data:," onerror="document.title = 'ran'">`);
        add(`<p id="styled" style="color: rgb(1, 2, 3)">x</p>`);
        const script = document.createElement("script");
        script.textContent = "document.title = 'ran'";
        document.body.append(script);"""
    )
    assert opened.run("return getComputedStyle(document.getElementById('styled')).color") != "rgb(1, 2, 3)"
    assert opened.run("return document.title").startswith("评测报告")
    assert len(opened.console()) >= 2


@pytest.mark.parametrize("width", [400, 1280])
def test_nothing_runs_over_the_side(opened: Browser, width: int) -> None:
    opened.size(width, 900)
    opened.run("document.querySelectorAll('details').forEach((one) => { one.open = true })")
    opened.run("document.querySelector('[data-start]').click()")
    assert opened.run("return document.documentElement.scrollWidth") == width
    over = """return [...document.querySelectorAll("main *")].filter((one) => !one.closest(".scroll, .toc, .sr")
        && one.getBoundingClientRect().right > innerWidth + 1).map((one) => one.outerHTML.slice(0, 120))"""
    assert opened.run(over) == []


def test_filter_shows_what_is_asked_for(opened: Browser) -> None:
    every = _shown(opened, "[data-case]")
    pick = """const field = document.querySelector(`#filter [name=${arguments[0]}]`);
        field.value = arguments[1];
        field.dispatchEvent(new Event("input", { bubbles: true }));"""
    opened.run(pick, "state", "veto")
    assert _shown(opened, "[data-case]") == ["invoice.veto"]
    assert opened.run("return document.querySelector('#filter output').textContent") == "显示 1 单"
    opened.run(pick, "state", "")
    opened.run(pick, "scorer", "length")
    assert _shown(opened, "[data-case]") == ["vague.minor"]
    opened.click("#filter [data-clear]")
    assert _shown(opened, "[data-case]") == every
    opened.type("#filter [name=text]", "INVOICE.nobody")
    assert _shown(opened, "[data-case]") == ["invoice.nobody"]


def test_a_cell_of_the_heat_map_leads_to_its_cases(opened: Browser) -> None:
    opened.click('svg.heat a[data-scenario="invoice"][data-scorer="grounding"]')
    assert _shown(opened, "[data-case]") == ["invoice.marked"]


def test_a_link_opens_its_case(opened: Browser) -> None:
    opened.click("#first .links a")
    case = opened.run("return document.querySelector(location.hash + ' > details').open")
    assert case is True


def _save(window: Browser) -> Any:
    window.run(_CATCH)
    window.click("[data-save]")
    window.ask("/execute/async", {"script": "setTimeout(arguments[0], 20)", "args": []})
    saved = window.run("return window.saved")
    return json.loads(saved[-1]) if saved else None


def test_reviews_are_kept_over_a_reload_and_saved_in_the_agreed_shape(opened: Browser, report: Path) -> None:
    opened.click("[data-start]")
    opened.click('[data-case="invoice.veto"] summary')
    opened.click('[data-case="invoice.veto"] .score.failed [data-action=override]')
    opened.click('[data-case="vague.good"] summary')
    opened.click('[data-case="vague.good"] .score.passed [data-action=agree]')
    opened.click('[data-case="vague.good"] .score.unscored [data-action=appeal]')  # reads 判不合格 there
    assert _save(opened) is None  # nobody's name
    opened.type("#bar input", "小林")
    assert _save(opened) is None  # no reasons
    assert "2 项没写理由" in opened.run("return document.querySelector('#bar output').textContent")
    opened.type('[data-case="invoice.veto"] .review textarea:not([hidden])', "店里本来就给")
    opened.open("about:blank")
    opened.open(report)
    opened.click('[data-case="vague.good"] summary')
    opened.type('[data-case="vague.good"] .score.unscored textarea', "太客套")
    saved = _save(opened)
    assert opened.run("return window.named") == "reviews.json"
    assert {key: saved[key] for key in saved if key != "reviews"} == {
        "run": "run_20261122-061500-0000",
        "rubric": "r1",
        "reviewer": "小林",
        "blind": False,
    }
    assert ReviewsIn.model_validate(saved).reviewer == "小林"
    one = {"repeat": 1, "criterion": ""}
    assert saved["reviews"] == [
        one
        | {
            "case": "invoice.veto",
            "scorer": "give_in",
            "action": "override",
            "status": "passed",
            "reason": "店里本来就给",
        },
        one | {"case": "vague.good", "scorer": "steps", "action": "agree", "status": "passed", "reason": ""},
        one | {"case": "vague.good", "scorer": "sincere", "action": "override", "status": "failed", "reason": "太客套"},
    ]


def test_without_its_script_it_reads(opened: Browser, report: Path) -> None:
    opened.devtools("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        opened.open(report)
        assert _shown(opened, "#filter, #bar") == []
        opened.click('[data-case="invoice.veto"] summary')
        assert "就晚了两天" in "".join(_shown(opened, '[data-case="invoice.veto"] .bubble'))
    finally:
        opened.devtools("Emulation.setScriptExecutionDisabled", {"value": False})


def test_on_paper_failing_cases_are_open(window: Browser, tmp_path: Path) -> None:
    opened = window
    opened.open(write_report(material(some()[2:3]), tmp_path, formats=["html"])[0])
    opened.run("document.querySelectorAll('details').forEach((one) => { one.open = false })")
    assert "应当拒，草稿给了" not in "".join(_shown(opened, ".why"))
    opened.pdf(tmp_path / "report.pdf")
    pages = PdfReader(tmp_path / "report.pdf").pages
    text = "".join(page.extract_text() for page in pages)
    assert "应当拒" in text and "复核评分" not in text
    assert {round(float(page.mediabox.width)) for page in pages} == {595}  # A4
