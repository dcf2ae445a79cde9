"""The HTML report: what stands in it, and that no case's text does anything in it."""

from __future__ import annotations

import pytest

from evals.report.html import html
from evals.report.inert import visible
from evals.report.material import Material
from evals.report.names import Names
from evals.report.page import compose
from evals.report.writing import side
from evals.results import CaseResult, Mark
from evals.reviews import Review
from evals.standing import Side
from tests.report_read import Read, page
from tests.report_run import BEGUN, HOSTILE, PLAIN, draft, hostile, material, result, score, some


@pytest.fixture(scope="module")
def shown() -> Read:
    return Read(html(page(some())))


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


def test_repeats_that_passed_are_listed_once_and_no_link_is_dead() -> None:
    def played(case: str, repeat: int, status: str) -> CaseResult:
        return result(case, [score("steps", status)], draft(*PLAIN), repeat=repeat)

    results = [played("vague.a", n, "passed") for n in (1, 2, 3)] + [
        played("vague.b", 1, "failed"),
        played("vague.b", 2, "passed"),
    ]
    said = {"reviewer": "小林", "rubric": "r1", "at": BEGUN, "scorer": "steps", "action": "appeal", "status": "failed"}
    review = Review.model_validate(said | {"case": "vague.a", "repeat": 3, "reason": "少一步"})
    made = material(results)
    read = Read(html(compose(Material(made.summary, results, [review]), None, [], Names.of(results))))
    listed = [(one["data-case"], one["data-repeat"]) for one in read.of("details") if one.get("class") == "listed"]
    assert listed == [("vague.a", "1"), ("vague.a", "3"), ("vague.b", "2")]
    assert [(one["data-case"], one["data-repeat"]) for one in read.of("article")] == [("vague.b", "1")]
    assert {one["href"][1:] for one in read.of("a")} <= {attrs.get("id") for _, attrs in read.elements}


def test_a_live_run_expects_no_verdict() -> None:
    results = [result("dft_1", [score("vague", "failed", reason="含糊")], draft(*PLAIN), verdict="", scenario="vague")]
    assert "应当" not in Read(html(page(results))).within("span.tags")


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


def test_overlong_marks_do_no_harm() -> None:
    bad = score("grounding", "failed", marks=[Mark(start=-3, end=10_000, why="全文"), Mark(start=7, end=2, why="反了")])
    read = Read(html(page([result("vague.x", [bad], draft(*PLAIN))])))
    assert "".join(text for path, text in read.texts if path[-1:] == ("mark.grave",)).startswith("就晚了两天")
