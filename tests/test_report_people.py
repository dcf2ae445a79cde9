"""What people said, in a run's report: the headline after review, appeals to be decided, agreement."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from evals.report.again import rewrite
from evals.report.html import html
from evals.report.markdown import pull_request
from evals.report.material import read_material
from evals.report.names import Names
from evals.report.page import compose
from evals.report.writing import write_report
from evals.review_intake import take_in
from evals.reviews import ReviewsIn
from evals.rubric import shipped_rubric
from tests.browser import browser
from tests.report_run import HOSTILE
from tests.reviewed_run import LATER, given, put, result, row, score


@pytest.fixture
def run(tmp_path: Path) -> Path:
    first = result("late.a", score("steps", "failed"), score("empathy", "failed"), score("length"))
    second = result("late.b", score("steps"), score("law", "failed"), score("sincere", "unscored", by="judge"))
    return put(tmp_path / "evals", [first, second])


def take(run: Path, *rows: object, **more: object) -> None:
    take_in(run, given(*rows, **more), shipped_rubric(), LATER)  # type: ignore[arg-type]


def page(run: Path) -> str:
    made = read_material(run)
    return html(compose(made, None, [], Names.of(made.results)))


def section(text: str) -> str:
    found = re.search(r'<section id="people">.*?</section>', text, re.DOTALL)
    return found[0] if found else ""


def test_without_reviews_nothing_is_said_of_people(run: Path) -> None:
    text = page(run)
    assert section(text) == "" and "人工复核后" not in text and 'href="#people"' not in text


def test_the_headline_shows_both_sides(run: Path) -> None:
    take(run, row("late.b", "law", "override", "passed", "这句是客户的原话"))
    text = page(run)
    tile = re.search(r"人工复核后</h2><p class=\"mid\">(.*?)<", text)
    main = re.search(r'总分</h2><p class="big">(.*?)<', text)
    assert tile is not None and main is not None and float(tile[1]) > float(main[1])
    assert "改判 小周：这句是客户的原话" in section(text) and "改过的 1 项" in section(text)


def test_a_pull_request_is_told_both_sides(run: Path) -> None:
    def told() -> str:
        made = read_material(run)
        return pull_request(compose(made, None, [], Names.of(made.results)))

    assert "人工复核后" not in told()
    take(run, row("late.b", "law", "override", "passed", "这句是客户的原话"))
    take(run, row("late.a", "steps", "appeal", None, "第五步在最后"), reviewer="小李")
    assert re.search(r"人工复核后：[\d.]+ 分，合格率 .*改了 1 项，1 项申诉等人裁。\n\n", told())


def test_open_appeals_can_be_decided_on_the_page(run: Path, tmp_path: Path) -> None:
    take(run, row("late.a", "steps", "appeal", None, HOSTILE[0]))
    assert section(page(run)).count('class="appeal"') == 1 and HOSTILE[0] not in page(run)
    (made,) = write_report(run, run, formats=["html"])
    with browser() as window:
        window.open(made)
        window.run("URL.createObjectURL = (blob) => { blob.text().then((t) => { window.saved = t; }); return '#'; };")
        window.click("[data-start]")
        window.click(".appeal [data-action=upheld]")
        window.type(".appeal textarea", "第五步在最后")
        window.type("input[name=reviewer]", "主管")
        window.click("[data-save]")
        saved = next(text for _ in range(50) if (text := window.run("return window.saved")))
        assert window.console() == [] and window.run("return document.title") != "ran"
    taken = take_in(run, ReviewsIn.model_validate_json(saved), shipped_rubric(), LATER)
    assert (taken.taken, taken.open_appeals) == (1, 0)
    assert "申诉成立 主管：第五步在最后" in section(page(run)) and 'class="appeal"' not in page(run)


def test_agreement_and_what_is_not_calibrated_are_shown(run: Path) -> None:
    rows = [row("late.a", "steps", "blind", "failed"), row("late.b", "steps", "blind", "passed")]
    take(run, *rows, row("late.b", "sincere", "blind", "passed"), blind=True)
    told = section(page(run))
    assert "3 条盲评" in told and "盲评太少" in told
    assert re.search(r"共情不是套话.*?<b>未校准</b> 没有两边都打了分的", told)


def test_a_page_is_written_again_where_there_was_one(run: Path) -> None:
    home = run.parent.parent
    assert rewrite(run, home) is None
    write_report(run, run, formats=["html"])
    take(run, row("late.a", "steps", "override", "passed", "看过了"))
    made = rewrite(run, home)
    assert made == run / "report.html" and "人工复核后" in made.read_text("utf-8")
