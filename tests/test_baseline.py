"""The baseline: what may stand in it, how it is written, and what is said of a broken one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evals.baseline import accept, read_baseline, refusals, written
from evals.rubric import shipped_rubric
from evals.standing import Side
from service.errors import Conflict, RulebookError, UsageError
from tests.eval_runs import good, result, side

RUBRIC = shipped_rubric()


def test_a_clean_run_becomes_the_baseline_and_reads_back_the_same(tmp_path: Path) -> None:
    run = side([*good(3).values(), result("z.miss", "give_in!", judge={"clear": False})], label="第一次")
    path = tmp_path / "baseline.json"
    made = accept(run, path, RUBRIC, {"z.miss"})
    assert read_baseline(path).standing == made
    assert made.kind == "baseline" and made.digests == run.standing.digests
    assert made.cases == run.standing.cases
    assert [one.name for one in tmp_path.iterdir()] == ["baseline.json"]


def test_git_shows_one_line_a_case(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    accept(side(good(4).values()), path, RUBRIC, ())
    before = path.read_text("utf-8").splitlines()
    changed = good(4) | {"c002": result("c002", "length")}
    accept(side(reversed(list(changed.values()))), path, RUBRIC, ())
    after = path.read_text("utf-8").splitlines()
    moved = [one for one, other in zip(before, after, strict=True) if one != other and '"at"' not in one]
    assert len(moved) == 1 and '"c002"' in moved[0]
    assert '"failed": ["length"]' in path.read_text("utf-8")


@pytest.mark.parametrize("scorer", RUBRIC.entry.never_accepted)
def test_what_is_never_accepted_is_not_even_for_a_known_miss(scorer: str, tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    path.write_text("as it was", "utf-8")
    with pytest.raises(Conflict) as caught:
        accept(side([result("a"), result("b", scorer)]), path, RUBRIC, {"b"})
    assert caught.value.extra["refused"][0]["cases"] == ["b"]
    assert RUBRIC.entry.scorers[scorer].name in caught.value.detail and "b" in caught.value.detail
    assert path.read_text("utf-8") == "as it was"


def test_a_veto_stands_only_for_a_known_miss(tmp_path: Path) -> None:
    run = side([result("a"), result("b", "give_in!"), result("c", "offer!"), result("d", "length")])
    with pytest.raises(Conflict) as caught:
        accept(run, tmp_path / "b.json", RUBRIC, {"b"})
    assert [one["cases"] for one in caught.value.extra["refused"]] == [["c"]]
    accept(run, tmp_path / "b.json", RUBRIC, {"b", "c"})


def test_a_judges_veto_stands_only_for_a_known_miss_either(tmp_path: Path) -> None:
    run = side([result("a", judge={"must_not!": False})])
    assert refusals(run, RUBRIC, ()) and not refusals(run, RUBRIC, {"a"})


@pytest.mark.parametrize(
    "changed",
    [{"state": "stopped"}, {"total": 9}, {"only": ["refusal"]}, {"kind": "live"}, {"state": "running", "total": 2}],
)
def test_part_of_a_suite_is_no_baseline(changed: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(Conflict):
        accept(side(good(2).values(), **changed), tmp_path / "b.json", RUBRIC, ())
    assert not (tmp_path / "b.json").exists()


def test_a_case_without_a_draft_is_no_baseline() -> None:
    (reason,) = refusals(side([result("a"), result("b", draft=None)]), RUBRIC, {"b"})
    assert reason[1] == ["b"]


def test_no_baseline_yet_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read_baseline(tmp_path / "none.json")
    assert caught.value.code == "baseline_missing" and "--accept" in caught.value.detail


@pytest.mark.parametrize(
    ("spoil", "line"),
    [
        (lambda text: text[: len(text) // 2], None),
        (lambda text: text.replace('"points": 100.0', '"points": "many"', 1), "c000"),
        (lambda text: text.replace('"verdict"', '"verdikt"', 1), "c000"),
        (lambda text: text.replace('"points": 100.0', '"points": NaN', 1), "c000"),
        (lambda text: text.replace('"passed": 1.0', '"passed": -Infinity', 1), "c000"),
        (lambda text: "[]", None),
        (lambda text: "", None),
    ],
)
def test_a_broken_baseline_is_named_with_its_line(spoil: object, line: str | None, tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    text = written(side(good(3).values()).standing)
    broken = spoil(text)  # type: ignore[operator]
    path.write_text(broken, "utf-8")
    with pytest.raises(RulebookError) as caught:
        read_baseline(path)
    assert str(path) in caught.value.detail and "--accept" in caught.value.detail
    if line is not None:
        assert line in broken.splitlines()[caught.value.line - 1]


def test_a_folder_that_takes_no_file_is_an_error_in_words(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        accept(side(good(1).values()), tmp_path / "nowhere" / "b.json", RUBRIC, ())
    assert caught.value.code == "baseline_unwritable"


NAMES = st.lists(st.sampled_from(["give_in!", "steps", "length", "must:写“结论”", "offer!"]), unique=True, max_size=3)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cases=st.dictionaries(st.text(st.characters(codec="utf-8"), min_size=1, max_size=8), NAMES, min_size=1, max_size=6)
)
def test_whatever_a_run_came_to_reads_back(cases: dict[str, list[str]], tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    run: Side = side(result(case, *failed) for case, failed in cases.items())
    made = accept(run, path, RUBRIC, cases.keys())
    assert read_baseline(path).standing.cases == made.cases == run.standing.cases
    json.loads(path.read_text("utf-8"))
