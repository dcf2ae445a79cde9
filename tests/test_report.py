"""Reports of a run: what stands in them, and that no case's text does anything in them."""

from __future__ import annotations

import csv
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.report.html import html
from evals.report.inert import cell, markdown, visible, xml_text
from evals.report.junit import junit
from evals.report.markdown import MOST_BYTES, pull_request
from evals.report.marking import Note, bubbles, differences, pieces
from evals.report.material import Material, earlier_runs, read_material
from evals.report.names import Names
from evals.report.page import Page, compose
from evals.report.reference import usual_reference
from evals.report.tables import results_csv, scores_csv
from evals.report.writing import side, write_report
from evals.results import CaseResult, Mark
from evals.reviews import Review
from evals.runs import RESULTS, RUN, SUMMARY
from evals.standing import Side
from service.commands.eval_report import run_report
from service.errors import EnvironmentProblem, UsageError
from service.settings import HOME
from tests.report_run import BEGUN, HOSTILE, PLAIN, draft, hostile, material, result, score, some

VOID = {"meta", "link", "br", "img", "input", "hr", "rect", "path"}


class Read(HTMLParser):
    """Elements with their attributes and the text in them; open tags must close in order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[tuple[str, dict[str, str]]] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[tuple[tuple[str, ...], str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        one = (tag, {name: value or "" for name, value in attrs})
        self.elements.append(one)
        if tag not in VOID:
            self.open.append(one)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop()[0] == tag, f"</{tag}> closes nothing"

    def handle_data(self, data: str) -> None:
        self.texts.append((tuple(f"{tag}.{attrs.get('class', '')}" for tag, attrs in self.open), data))

    def within(self, what: str) -> str:
        """All text inside elements whose ``tag.class`` is ``what``."""
        return "".join(text for path, text in self.texts if what in path)

    def of(self, tag: str) -> list[dict[str, str]]:
        return [attrs for name, attrs in self.elements if name == tag]


def page(results: list[CaseResult], baseline: Material | None = None, **digests: str) -> Page:
    made = material(results, **digests)
    return compose(made, side(baseline) if baseline else None, [], Names.of(results))


@pytest.fixture(scope="module")
def shown() -> Read:
    return Read(html(page(some())))


# —— HTML


def test_headline_says_points_rate_vetoes_and_unscored_apart(shown: Read) -> None:
    tiles = shown.within("div.tiles")
    assert "40.0%" in tiles and "5 单里 2 单" in tiles  # the case nobody could score counts in neither
    assert "不该办的办了 1" in tiles
    assert "1 单一项也打不出" in tiles and "2 次" in tiles


def test_cases_come_gravest_first_and_passed_ones_are_listed(shown: Read) -> None:
    states = [attrs["data-state"] for attrs in shown.of("article")]
    assert states == ["veto", "error", "failed", "unscored"]
    listed = [attrs["data-case"] for attrs in shown.of("details") if attrs.get("class") == "listed"]
    assert sorted(listed) == ["vague.good", "vague.minor"]


def test_links_lead_somewhere_and_ids_are_unique(shown: Read) -> None:
    ids = [attrs["id"] for _, attrs in shown.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    targets = [attrs["href"][1:] for attrs in shown.of("a")]
    assert targets and set(targets) <= set(ids)


def test_marks_stand_at_their_code_points_behind_an_emoji(shown: Read) -> None:
    # "就晚了两天😀，可惜。" with marks 4:6 and 5:7
    marked = [text for path, text in shown.texts if path[-1:] == ("mark.grave",)]
    assert marked == ["天", "😀", "，"]
    notes = shown.within("ol.notes")
    assert "没有出处" in notes and "又一处" in notes


def test_charts_have_titles_and_tables_say_the_same(shown: Read) -> None:
    heats = [attrs for attrs in shown.of("svg") if attrs.get("class") == "heat"]
    assert len(heats) == 1 and heats[0]["role"] == "group"
    named = heats[0]["aria-labelledby"].split()
    assert set(named) <= {attrs.get("id") for name, attrs in shown.elements if name in ("title", "desc")}
    assert "场景" in shown.within("table.plain dense")
    bars = [attrs for attrs in shown.of("svg") if attrs.get("class") == "bar"]
    assert bars and all(attrs["aria-hidden"] == "true" for attrs in bars)


def test_trend_is_drawn_over_runs_with_what_differs() -> None:
    results = some()
    runs = [material(results, day) for day in (-2, -1)]
    made = material(results, 0, model="m2")
    read = Read(html(compose(made, None, [one.summary for one in runs], Names.of(results))))
    assert [attrs["class"] for attrs in read.of("svg") if attrs.get("class") == "trend"] == ["trend"]
    assert len([1 for attrs in read.of("path") if attrs.get("class") == "dot one"]) == 3
    assert "（本次）" in read.within("table.plain") and "模型" in read.within("table.plain")


def test_mutations_latency_digests_and_pushes_are_told(shown: Read) -> None:
    told = shown.within("table.plain")
    assert "改数字" in told and "97.5%" in told
    assert "20 毫秒" in told and "c1" in told and "k1" in told
    assert "换个说法" in shown.within("ol.turns") and "和本单不同" in shown.within("ol.turns")
    assert "自签收之日起七日内" in shown.within("ul.sources")


def test_what_changed_since_the_baseline_stands_beside_the_case() -> None:
    before = [
        result("vague.a", [score("steps")], draft(("rule", "这单能退，您点一下。"))),
        result("vague.b", [score("steps", "failed")], draft(*PLAIN)),
        result("vague.gone", [score("steps")], draft(*PLAIN)),
    ]
    after = [
        result("vague.a", [score("steps", "failed")], draft(("rule", "这单退不了，您看一下。"))),
        result("vague.b", [score("steps")], draft(*PLAIN)),
        result("vague.new", [score("steps")], draft(*PLAIN)),
    ]
    made = page(after, material(before, -1, model="old"), model="new")
    assert {what: [case.result.case for case in made.since(what)] for what in ("broken", "mended", "added")} == {
        "broken": ["vague.a"],
        "mended": ["vague.b"],
        "added": ["vague.new"],
    }
    read = Read(html(made))
    assert read.within("del.") == "能退点" and read.within("ins.") == "退不了看"
    assert "新不合格：步骤齐、顺序对" in read.within("ul.moved")
    assert "少了 1 单" in read.within("section.") and "模型" in read.within("section.")
    assert "把关不通过" in read.within("div.gate stop")


def test_a_baseline_without_replies_tells_what_it_knows() -> None:
    before = side(material([result("vague.a", [score("steps")], draft(*PLAIN))], -1))
    after = [result("vague.a", [score("steps", "failed")], draft(*PLAIN))]
    read = Read(html(compose(material(after), Side(before.standing), [], Names.of(after))))
    assert "100 → 0 分，合格 → 不合格（原来的回复没有留着）" in read.within("section.before")


def test_a_case_with_other_words_is_not_compared() -> None:
    before = material([result("vague.a", [score("steps")], draft(*PLAIN), digest="old")], -1)
    made = page([result("vague.a", [score("steps", "failed")], draft(*PLAIN), digest="new")], before)
    assert [case.since for case in made.cases] == ["changed"] and made.cases[0].before is None
    assert "没有一样的用例可比" in Read(html(made)).within("div.tiles")


def test_nothing_comes_from_elsewhere_and_only_our_script_may_run() -> None:
    read = Read(html(page(hostile())))
    policy = next(attrs["content"] for attrs in read.of("meta") if "http-equiv" in attrs)
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert len(read.of("script")) == len(read.of("style")) == 1
    for tag, attrs in read.elements:
        assert tag not in ("iframe", "object", "embed", "base", "img", "form") or attrs.get("id") == "filter"
        assert not [name for name in attrs if name.startswith("on") or name in ("style", "src", "srcdoc", "action")]
        assert attrs.get("href", "#").startswith(("#", "data:,"))


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_shown_as_text(text: str) -> None:
    read = Read(html(page([result("vague.h", [score("must", "failed", reason=text)], draft(("empathy", text)))])))
    bubble = read.within("p.bubble")
    assert visible(text) in bubble
    assert visible(text) in read.within("span.why")


def test_words_of_a_case_move_no_number() -> None:
    plain = [one.model_copy(update={"name": "n", "scenario": "s"}) for one in hostile()]
    honest = [result(one.case, one.scores, draft(*PLAIN), name="n", scenario="s") for one in plain]
    numbers = [Read(html(page(results))).within("div.tiles") for results in (plain, honest)]
    assert numbers[0] == numbers[1]


def test_the_same_run_gives_the_same_bytes() -> None:
    results = some()
    forth, back = (
        html(compose(material(results), None, [], Names.of(results))) for results in (results, results[::-1])
    )
    assert forth == back


def test_an_empty_run_is_a_report_too() -> None:
    read = Read(html(page([])))
    assert "没有不合格的单子" in read.within("main.")


def test_what_people_said_stands_beside_the_machines_numbers() -> None:
    results = [
        result("vague.a", [score("steps", "failed")], draft(*PLAIN)),
        result("vague.b", [score("steps")], draft(*PLAIN)),
    ]
    said = {"repeat": 1, "scorer": "steps", "reviewer": "小林", "rubric": "r1", "at": BEGUN}
    reviews = [
        Review.model_validate(
            said | {"case": "vague.a", "action": "override", "status": "passed", "reason": "<b>对的</b>"}
        ),
        Review.model_validate(said | {"case": "vague.b", "action": "appeal", "status": "failed", "reason": "少一步"}),
    ]
    made = material(results)
    read = Read(html(compose(Material(made.summary, results, reviews), None, [], Names.of(results))))
    told = read.within("table.plain")
    assert "改判 小林：<b>对的</b>" in told and "申诉 小林：少一步" in told
    assert "1 人复核了 2 项。照人说的改过来：总分 100，合格率 100.0%" in read.within("section.")
    assert "50.0%" in read.within("div.tiles")


# —— marking


@given(
    st.text(max_size=40),
    st.integers(0, 50),
    st.lists(st.tuples(st.integers(-5, 60), st.integers(-5, 60)), max_size=6),
)
def test_pieces_are_the_text_whatever_the_marks(text: str, offset: int, places: list[tuple[int, int]]) -> None:
    notes = [Note(n, start, end, "") for n, (start, end) in enumerate(places, 1)]
    made = pieces(text, notes, offset)
    assert "".join(piece.text for piece in made) == text
    place = offset
    for piece in made:
        for note in notes:
            inside = note.start <= place and place + len(piece.text) <= note.end
            assert (note.number in piece.notes) == (inside and bool(piece.text))
        place += len(piece.text)
    ends = [number for piece in made for number in piece.ends]
    assert sorted(ends) == sorted({number for piece in made for number in piece.notes})


@given(st.text("退不了能的，a1 ", max_size=30), st.text("退不了能的，a1 ", max_size=30))
def test_differences_make_up_both_sides(old: str, new: str) -> None:
    made = differences(old, new)
    assert "".join(one.text for one in made if one.op != "new") == old
    assert "".join(one.text for one in made if one.op != "gone") == new
    assert not made or all(one.op == "same" for one in made) == (old == new)


def test_a_reply_that_is_not_its_steps_is_one_bubble() -> None:
    made = draft(*PLAIN).model_copy(update={"reply": "另写的一句"})
    (whole,) = bubbles(made, [Note(1, 0, 2, "")])
    assert [piece.text for piece in whole.pieces] == ["另写", "的一句"]


# —— JUnit


def test_junit_counts_and_failures() -> None:
    root = ElementTree.fromstring(junit(page(some())))
    assert {key: root.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "6",
        "failures": "2",
        "errors": "1",
        "skipped": "1",
    }
    suites = {suite.get("name"): suite for suite in root}
    assert len(suites) == 2 and sum(int(suite.get("tests", 0)) for suite in root) == 6
    by_case = {one.get("classname"): one for one in root.iter("testcase")}
    (failure,) = by_case["invoice.veto"].findall("failure")
    assert failure.get("type") == "give_in" and "应当拒" in (failure.text or "")
    assert by_case["invoice.nobody"].find("skipped") is not None
    assert by_case["vague.minor"].find("failure") is None
    assert "长短和气泡" in (by_case["vague.minor"].findtext("system-out") or "")


def test_junit_carries_hostile_text_as_text() -> None:
    results = hostile()
    root = ElementTree.fromstring(junit(page(results)))
    assert len(list(root.iter("testcase"))) == len(results)
    assert {len(one.findall("failure")) for one in root.iter("testcase")} == {1}
    assert {one.get("name") for one in root.iter("testcase")} >= {xml_text(text) for text in HOSTILE}


# —— CSV


@pytest.mark.parametrize("write", [results_csv, scores_csv])
def test_csv_has_a_mark_and_no_formula(write: object) -> None:
    results = some() + hostile()
    text = write(page(results))  # type: ignore[operator]
    assert text.startswith("\ufeff") and "\x00" not in text
    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))
    assert len({len(row) for row in rows}) == 1
    assert len(rows) - 1 == (len(results) if write is results_csv else sum(len(one.scores) for one in results))
    assert not [value for row in rows for value in row if value[:1] in tuple("=+-@\t\r\n＝＋－＠") and value[:1]]


@given(st.text(max_size=20))
def test_a_cell_never_begins_like_a_formula(text: str) -> None:
    made = cell(text)
    assert isinstance(made, str) and made[:1] not in tuple("=+-@\t\r\n＝＋－＠")
    assert cell(-1.5) == -1.5


# —— Markdown


def test_markdown_has_headline_vetoes_and_what_got_worse() -> None:
    before = material([result("vague.a", [score("steps")], draft(*PLAIN))], -1)
    after = [result("vague.a", [score("steps", "failed", reason="少了一步")], draft(*PLAIN)), *some()]
    text = pull_request(page(after, before))
    assert "## 评测" in text and "| 不该办的办了 | 1 |" in text
    assert "原来合格现在不合格 1 单" in text and "少了一步" in text


def test_markdown_of_hostile_text_is_plain_and_short() -> None:
    many = [
        one.model_copy(update={"case": f"{one.case}{n}", "name": text * 40})
        for n in range(40)
        for one, text in zip(hostile(), HOSTILE * 2, strict=True)
    ]
    passing = [one.model_copy(update={"passed": True, "points": 100}) for one in many]
    text = pull_request(page(many, material(passing, -1)))
    assert len(text.encode()) <= MOST_BYTES
    for line in text.splitlines():
        assert not line.startswith("|") or line.count("|") in (4, 5, 6, 7), line
    assert not re.search(r"<(?!/?(details|summary)>)", text)
    assert not re.search(r"@\w|https?://|#\d|\]\(|`", re.sub(r"&#\d+;", "", text))


@given(st.text(max_size=60))
def test_markdown_is_one_line_without_markup(text: str) -> None:
    made = markdown(text)
    assert "\n" not in made and "|" not in made and "<" not in made
    assert not re.search(r"@\w", made)


# —— files


def test_a_report_is_written_whole_and_nothing_else_is_touched(tmp_path: Path) -> None:
    made = material(some())
    paths = write_report(made, tmp_path / "out")
    names = {"report.html", "junit.xml", "results.csv", "scores.csv", "report.md", SUMMARY, RESULTS}
    assert {path.name for path in paths} == {path.name for path in (tmp_path / "out").iterdir()} == names
    assert json.loads((tmp_path / "out" / SUMMARY).read_text("utf-8"))["results"] == len(made.results)
    lines = (tmp_path / "out" / RESULTS).read_text("utf-8").splitlines()
    assert [CaseResult.model_validate_json(line) for line in lines] == made.results
    only = write_report(made, tmp_path / "one", formats=["junit"])
    assert [path.name for path in only] == ["junit.xml"]


def test_a_stopped_run_with_a_half_line_is_reported_over_what_it_has(tmp_path: Path) -> None:
    made = material(some())
    (tmp_path / RUN).write_text(made.summary.run.model_copy(update={"state": "stopped"}).model_dump_json(), "utf-8")
    lines = "".join(one.model_dump_json() + "\n" for one in made.results)
    (tmp_path / RESULTS).write_text(lines[:-40], "utf-8")
    before = (tmp_path / RESULTS).read_bytes()
    assert len(read_material(tmp_path).results) == len(made.results) - 1
    write_report(tmp_path, tmp_path)
    assert (tmp_path / RESULTS).read_bytes() == before
    assert "中途停下" in (tmp_path / "report.html").read_text("utf-8")


def test_the_command_writes_beside_the_run_or_where_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("YOULI_DATA_DIR", str(tmp_path))
    info = material(some()).summary.run
    folder = tmp_path / "evals" / info.id
    folder.mkdir(parents=True)
    (folder / RUN).write_text(info.model_dump_json(), "utf-8")
    (folder / RESULTS).write_text("".join(one.model_dump_json() + "\n" for one in some()), "utf-8")
    assert run_report("latest", None, "html", None, False) == 0
    assert "report.html" in capsys.readouterr().out and (folder / "report.html").is_file()
    assert run_report(info.id, str(tmp_path / "out"), "all", info.id, True) == 0
    files = [Path(path) for path in json.loads(capsys.readouterr().out)["files"]]
    assert {path.parent for path in files} == {tmp_path / "out"} and all(path.is_file() for path in files)
    with pytest.raises(UsageError):
        run_report("run_none", None, "html", None, False)


def test_no_run_and_no_place_to_write_are_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        write_report(tmp_path / "none", tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentProblem):
        write_report(material(some()), tmp_path / "file")


def test_earlier_runs_are_those_that_asked_the_same(tmp_path: Path) -> None:
    made = [material(some(), day) for day in (-3, -2, -1, 0)]
    other = made[1].summary.run.model_copy(update={"only": ["refusal"]})
    made[1] = Material(made[1].summary.model_copy(update={"run": other}), made[1].results)
    for one in made:
        folder = tmp_path / "evals" / one.summary.run.id
        folder.mkdir(parents=True)
        (folder / RUN).write_text(one.summary.run.model_dump_json(), "utf-8")
        (folder / SUMMARY).write_text(one.summary.model_dump_json(), "utf-8")
    found = [one.run.id for one in earlier_runs(made[3].summary.run, tmp_path)]
    assert found == [made[0].summary.run.id, made[2].summary.run.id]


def test_the_usual_reference_is_the_baseline_with_its_runs_replies_else_the_last_run(tmp_path: Path) -> None:
    made = material([result("vague.a", [score("steps")], draft(*PLAIN), digest="d")], -1)
    info, history = material([]).summary.run, [made.summary]
    folder, baseline = tmp_path / "evals" / made.summary.run.id, tmp_path / "baseline.json"
    assert usual_reference(info, tmp_path, [], baseline) is None
    folder.mkdir(parents=True)
    (folder / RUN).write_text(made.summary.run.model_dump_json(), "utf-8")
    (folder / RESULTS).write_text(made.results[0].model_dump_json() + "\n", "utf-8")
    last = usual_reference(info, tmp_path, history, baseline)
    assert last is not None and last.standing.kind == "run" and last.results.keys() == {"vague.a"}
    baseline.write_text(last.standing.model_copy(update={"kind": "baseline"}).model_dump_json(), "utf-8")
    kept = usual_reference(info, tmp_path, history, baseline)
    assert kept is not None and kept.standing.kind == "baseline" and kept.results == last.results
    (folder / RUN).unlink()  # the run is gone, the baseline stays
    bare = usual_reference(info, tmp_path, history, baseline)
    assert bare is not None and bare.standing == kept.standing and bare.results == {}


def test_known_misses_are_said_in_chinese() -> None:
    from evals.misses import known_misses

    names = Names.of([])
    said = {names.missed(one) for what in known_misses().values() for one in what}
    assert said and not [one for one in said if re.search("[A-Za-z]", one)]


def test_templates_are_shipped_with_the_code() -> None:
    # the wheel takes whole packages; what the report is made from must lie in one
    folder = HOME / "evals" / "report"
    assert {path.suffix for path in folder.iterdir()} >= {".j2", ".css", ".js", ".yaml"}


def test_overlong_marks_do_no_harm() -> None:
    bad = score("grounding", "failed", marks=[Mark(start=-3, end=10_000, why="全文"), Mark(start=7, end=2, why="反了")])
    read = Read(html(page([result("vague.x", [bad], draft(*PLAIN))])))
    assert "".join(text for path, text in read.texts if path[-1:] == ("mark.grave",)).startswith("就晚了两天")
