"""The blind page: a known sample, no score in the file, and answers that come back as reviews."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given as examples
from hypothesis import strategies as st

from evals.agreement import agreement
from evals.blind import blind_page, make_sheet, read_sheets, write_sheet
from evals.blind.draw import chances, draw
from evals.blind.sheet import Sheet, blind_file
from evals.results import CaseResult, TurnOut
from evals.review_intake import take_in
from evals.review_items import Reviewed
from evals.reviews import ReviewsIn
from evals.rubric import shipped_rubric
from evals.runs import read_info, read_results
from service.cli import main
from service.errors import UsageError
from tests.browser import browser
from tests.desk import inquiry
from tests.fake_desk import a_draft
from tests.reviewed_run import RUN_ID, put, result, score

NOW = shipped_rubric()
HOSTILE = "<script>alert(1)</script>\"'</article>{{7*7}}\u202e满分"


def case(number: int, passed: bool, **more: object) -> CaseResult:
    scores = [
        score("law", "passed" if passed else "failed", reason="机器说这里违法"),
        score("empathy"),
        score("steps"),
        score("length"),
        score("give_in"),
        score("under_ask"),
        score("must", criterion=f"先给结论{number}"),
        score("must_not", criterion="松口退款", by="judge"),
        score("sincere", "unscored", by="judge", reason="没有评审模型"),
    ]
    name = f"{'ok' if passed else 'bad'}.{number}"
    made = result(name, *scores, reply=f"第{number}份。", scenario=f"s{number % 5}")
    return made.model_copy(update=more)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("YOULI_DATA_DIR", str(tmp_path))
    return put(tmp_path / "evals", [case(n, n % 4 != 0) for n in range(40)])


def sheet_of(run: Path, n: int = 12, seed: int = 3) -> tuple[Sheet, list[CaseResult]]:
    results = read_results(run)[0]
    return make_sheet(read_info(run), results, NOW, n, seed), results


class Page(HTMLParser):
    """The elements of a page and the text people read."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self._raw = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._raw = tag if tag in ("script", "style") else ""

    def handle_endtag(self, tag: str) -> None:
        self._raw = ""

    def handle_data(self, data: str) -> None:
        if not self._raw:
            self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_the_page_asks_everything_and_tells_nothing(run: Path) -> None:
    sheet, results = sheet_of(run)
    text = blind_page(sheet, results)
    page = Page(text)
    assert [one["data-case"] for one in page.all("article")] == [one.case for one in sheet.cases]
    asked = [(one["data-scorer"], one["data-criterion"]) for one in page.all("fieldset")]
    assert asked == [(q.scorer, q.criterion) for one in sheet.cases for q in one.questions]
    for one in sheet.cases:
        scorers = {q.scorer for q in one.questions}
        assert {"must", "must_not"} <= scorers and set(NOW.judged) <= scorers
        assert len(scorers & set(blind_file().together)) in (0, len(blind_file().together))
    for secret in (
        "机器说",
        "unreasonable",
        "needs_clarification",
        "playbook",
        '"passed": ',
        'weight":',
        "否决",
        "ok.1 的名字",
        "bad.4 的名字",
    ):
        assert secret not in text
    assert not re.search(r"\d+\.\d{3,}", text), "no weight"
    for one in results:
        if one.case in {asked.case for asked in sheet.cases}:
            assert one.inquiry.messages[0].content in "".join(page.text)
            assert one.draft is not None and one.draft.reply in "".join(page.text)


def test_the_page_loads_nothing_and_runs_only_its_own_script(run: Path) -> None:
    page = Page(blind_page(*sheet_of(run)))
    policy = page.all("meta")[1]["content"] or ""
    assert policy.startswith("default-src 'none'; style-src 'sha256-") and "unsafe" not in policy
    assert not [
        a
        for _, a in page.tags
        if a.keys() & {"src", "href", "action", "onclick", "style"} and a.get("href") != "#cases"
    ]
    assert len(page.all("script")) == 1 and len(page.all("style")) == 1


def test_hostile_words_stay_words(tmp_path: Path) -> None:
    bad = case(1, True)
    asked = inquiry(HOSTILE, order={"product": HOSTILE, "facts": {HOSTILE: HOSTILE}}, policy={"x": [HOSTILE]})
    push = TurnOut(said=HOSTILE, inquiry=asked, draft=a_draft(asked).model_copy(update={"reply": HOSTILE}))
    draft = a_draft(asked).model_copy(update={"reply": HOSTILE, "steps": []})
    scores = [score("must", criterion=HOSTILE)]
    whole = bad.model_copy(
        update={"case": HOSTILE, "inquiry": asked, "draft": draft, "pushes": [push], "scores": scores}
    )
    run = put(tmp_path, [whole])
    text = blind_page(*sheet_of(run))
    page = Page(text)
    assert len(page.all("script")) == 1 and len(page.all("article")) == 1
    assert "{{7*7}}" in text and "\u202e" not in text
    shown = HOSTILE.replace("\u202e", "\ufffd")
    assert "".join(page.text).count(shown) >= 6


def test_the_same_seed_draws_the_same_and_another_seed_another(run: Path) -> None:
    one, results = sheet_of(run)
    assert blind_page(one, results) == blind_page(*sheet_of(run))
    other = sheet_of(run, seed=4)[0]
    assert other.id != one.id and [c.case for c in other.cases] != [c.case for c in one.cases]


def test_failed_ones_are_drawn_more_often_and_count_for_less(run: Path) -> None:
    drawn: Counter[str] = Counter()
    for seed in range(60):
        sheet, _ = sheet_of(run, seed=seed)
        assert abs(len(sheet.cases) - 12) <= 1
        drawn.update(one.case.partition(".")[0] for one in sheet.cases)
        assert abs(sum(one.weight for one in sheet.cases) - 40) < 9
        heavy = {one.weight for one in sheet.cases if one.case.startswith("ok")}
        light = {one.weight for one in sheet.cases if one.case.startswith("bad")}
        assert not light or max(light) < min(heavy)
    factor = blind_file().failed_factor
    assert drawn["bad"] / 10 / (drawn["ok"] / 30) == pytest.approx(factor, rel=0.15)


def test_what_has_no_reply_or_another_rubric_is_not_drawn(tmp_path: Path) -> None:
    silent = case(1, True, draft=None)
    old = case(2, True, rubric="old")
    run = put(tmp_path, [silent, old, case(3, True), case(3, False, repeat=2)])
    sheet, _ = sheet_of(run, n=9)
    drawn = {(one.case, one.repeat, one.weight) for one in sheet.cases}
    assert drawn == {("ok.3", 1, 1.0), ("bad.3", 2, 1.0)}
    with pytest.raises(UsageError, match="抽不出盲评"):
        sheet_of(put(tmp_path, [silent], "run_silent"))
    with pytest.raises(UsageError, match="另一版评分标准"):
        sheet_of(put(tmp_path, [case(3, True)], "run_old", rubric="old"))


@examples(st.lists(st.floats(0.1, 9), min_size=1, max_size=30), st.integers(1, 30), st.integers())
def test_a_draw_has_the_size_it_was_asked_for(sizes: list[float], n: int, seed: int) -> None:
    odds = chances(sizes, n)
    assert all(0 < one <= 1 for one in odds)
    assert sum(odds) == pytest.approx(min(n, len(sizes)))
    drawn = draw(odds, random.Random(seed))
    assert drawn == sorted(set(drawn)) and abs(len(drawn) - min(n, len(sizes))) <= 1


def answered(sheet: Sheet, results: list[CaseResult]) -> ReviewsIn:
    """What somebody saves who finds what the machine found."""
    machine = {(one.case, s.scorer, s.criterion): s.status for one in results for s in one.scores}
    rows = [
        {
            "case": one.case,
            "repeat": one.repeat,
            "scorer": q.scorer,
            "criterion": q.criterion,
            "action": "blind",
            "status": machine.get((one.case, q.scorer, q.criterion), "passed").replace("unscored", "passed"),
            "reason": "",
        }
        for one in sheet.cases
        for q in one.questions
    ]
    whole = {"run": sheet.run, "rubric": sheet.rubric, "reviewer": "小周", "blind": True, "sheet": sheet.id}
    return ReviewsIn.model_validate(whole | {"reviews": rows})


def test_answers_are_measured_and_weighed_back_to_the_run(run: Path) -> None:
    sheet, results = sheet_of(run, n=20)
    write_sheet(run, sheet)
    assert read_sheets(run) == {sheet.id: sheet}
    given = answered(sheet, results)
    wrong = [
        row.model_copy(update={"status": "failed"}) if row.scorer == "must" and row.case.startswith("bad") else row
        for row in given.reviews
    ]
    taken = take_in(run, given.model_copy(update={"reviews": tuple(wrong)}), NOW)
    assert taken.taken == len(given.reviews)
    one = agreement([Reviewed.read(run)], NOW).of("must", "rule")
    assert one is not None and one.agreed is not None and one.agreed_run is not None
    bad = sum(c.case.startswith("bad") for c in sheet.cases)
    assert one.agreed == pytest.approx(1 - bad / len(sheet.cases))
    assert one.agreed_run > one.agreed, "failed cases were drawn more often than the run has them"


def test_the_command_writes_page_and_sheet(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "page.html"
    assert main(["eval", "blind", "latest", "--share", "25%", "--seed", "5", "--out", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["run"], told["seed"], told["page"]) == (RUN_ID, 5, str(out)) and 9 <= told["cases"] <= 11
    assert told["sheet"] in out.read_text("utf-8") and set(read_sheets(run)) == {told["sheet"]}
    for wrong in (
        ["--share", "0%"],
        ["--share", "x"],
        ["--share", "10%", "--n", "3"],
        ["--out", str(tmp_path / "no/p.html")],
    ):
        assert main(["eval", "blind", RUN_ID, *wrong]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert main(["eval", "blind", "run_none"]) == 2


def test_a_person_answers_in_a_browser_and_the_file_is_taken(run: Path, tmp_path: Path) -> None:
    sheet, results = sheet_of(run, n=2)
    page = tmp_path / "blind.html"
    page.write_text(blind_page(sheet, results), "utf-8")
    with browser() as window:
        window.open(page)
        for width in (1280, 400):
            window.size(width, 900)
            assert window.run("return document.documentElement.scrollWidth <= window.innerWidth")
        window.run("URL.createObjectURL = (blob) => { blob.text().then((t) => { window.saved = t; }); return '#'; };")
        window.click("#save")
        assert "名字" in window.run("return document.getElementById('progress').textContent")
        window.type("#reviewer", "小周")
        window.click("#c1 fieldset:nth-of-type(1) label:nth-of-type(2) input")
        window.type("#c1 fieldset:nth-of-type(1) .why input", "没给<b>结论</b>")
        window.open(page)
        assert window.run("return document.getElementById('reviewer').value") == "小周", "kept"
        window.run("URL.createObjectURL = (blob) => { blob.text().then((t) => { window.saved = t; }); return '#'; };")
        window.click("#c2 fieldset:nth-of-type(1) label:nth-of-type(3) input")
        window.click("#save")
        saved = next(text for _ in range(50) if (text := window.run("return window.saved")))
        assert not [line for line in window.console() if "Content Security Policy" in line]
    given = ReviewsIn.model_validate_json(saved)
    assert (given.reviewer, given.blind, given.sheet, len(given.reviews)) == ("小周", True, sheet.id, 2)
    first, second = given.reviews
    assert (first.status, first.reason, second.status) == ("failed", "没给<b>结论</b>", None)
    assert take_in(run, given, NOW).taken == 2
