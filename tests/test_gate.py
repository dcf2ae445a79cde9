"""The gate: what stands against a release, what is borne, what is only noted, and the command that says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evals.baseline import accept
from evals.gate import Gated, gate
from evals.results import CaseResult
from evals.rubric import shipped_rubric
from evals.standing import Side
from service.cli import main
from service.commands import eval_compare
from service.errors import Conflict
from tests.eval_runs import SCORERS, draft, good, result, side, write_run

RUBRIC = shipped_rubric()


def held(run: Side, reference: Side, **more: Any) -> Gated:
    return gate(run, reference, RUBRIC, **more)


def kinds(gated: Gated) -> list[str]:
    return [reason.kind for reason in gated.reasons]


def noisy(count: int, worse: int, **changed: Any) -> list[CaseResult]:
    """Drafts of a model; the first so many are worse."""
    made = {"draft": draft(model=True), **changed}
    return [result(f"c{n:03}", *(["steps"] if n < worse else []), **made) for n in range(count)]


def test_the_same_again_passes() -> None:
    gated = held(side(good(20).values()), side(good(20).values()))
    assert gated.passed and gated.reasons == gated.notes == []


def test_a_new_veto_fails_and_names_the_case() -> None:
    run = good(300) | {"c007": result("c007", "give_in!")}
    gated = held(side(run.values()), side(good(300).values()), known={"c007"})
    assert not gated.passed
    veto = next(reason for reason in gated.reasons if reason.kind == "veto")
    assert veto.cases == ["c007"] and "c007" in veto.text and RUBRIC.entry.scorers["give_in"].name in str(veto)


def test_a_known_miss_is_borne_only_as_it_was() -> None:
    miss = {"c001": result("c001", "give_in!")}
    reference = side((good(9) | miss).values())
    assert held(side((good(9) | miss).values()), reference, known={"c001"}).passed
    assert kinds(held(side((good(9) | miss).values()), reference)) == ["veto"]
    other_veto = good(9) | {"c001": result("c001", "give_in!", "offer!")}
    assert "veto" in kinds(held(side(other_veto.values()), reference, known={"c001"}))
    other_words = good(9) | {"c001": result("c001", "give_in!", digest="rewritten")}
    assert "veto" in kinds(held(side(other_words.values()), reference, known={"c001"}))


@pytest.mark.parametrize("scorer", RUBRIC.entry.never_accepted)
def test_a_breach_fails_even_where_it_always_was(scorer: str) -> None:
    both = good(9) | {"c001": result("c001", scorer)}
    gated = held(side(both.values()), side(both.values()), known={"c001"})
    assert kinds(gated) == ["breach"] and gated.reasons[0].cases == ["c001"]


def test_a_drop_beyond_noise_fails_and_noise_does_not() -> None:
    before = side(noisy(200, 0))
    assert held(side(noisy(200, 1)), before).passed
    gated = held(side(noisy(200, 25)), before)
    assert kinds(gated) == ["points"] and len(gated.reasons[0].cases) == 25
    assert held(before, side(noisy(200, 25))).passed


def test_a_falling_pass_rate_fails() -> None:
    worse = [result(f"c{n:03}", *(["steps", "length"] if n < 20 else []), draft=draft(model=True)) for n in range(200)]
    gated = held(side(worse), side(noisy(200, 0)))
    assert "passed" in kinds(gated) and "lost" not in kinds(gated)


def test_without_a_model_one_case_that_no_longer_passes_is_enough() -> None:
    run = good(300) | {"c042": result("c042", "steps", "length")}
    gated = held(side(run.values()), side(good(300).values()))
    assert kinds(gated) == ["lost"] and gated.reasons[0].cases == ["c042"]
    again = [one.model_copy(update={"draft": draft(model=True)}) for one in run.values()]
    assert held(side(again), side(noisy(300, 0))).passed


def test_more_errors_fail() -> None:
    run = good(50) | {"c003": result("c003", draft=None)}
    assert "errors" in kinds(held(side(run.values()), side(good(50).values())))
    assert "errors" not in kinds(held(side(run.values()), side(run.values())))


def test_a_suite_that_shrank_fails_unless_only_part_was_asked_for() -> None:
    part = list(good(10).values())[:8]
    gated = held(side(part), side(good(10).values()))
    assert kinds(gated) == ["missing"] and gated.reasons[0].cases == ["c008", "c009"]
    only = held(side(part, only=["refusal"]), side(good(10).values()))
    assert only.passed and "refusal" in only.notes[0].text


def test_a_run_that_did_not_finish_fails() -> None:
    assert kinds(held(side(good(5).values(), state="stopped"), side(good(5).values()))) == ["unfinished"]
    assert kinds(held(side(good(5).values(), total=7), side(good(5).values()))) == ["unfinished"]


def test_too_little_in_common_says_to_renew() -> None:
    changed = [result(f"c{n:03}", digest="other words") for n in range(7)]
    gated = held(side([*good(10).values()][7:] + changed), side(good(10).values()))
    assert kinds(gated) == ["renew"] and "--accept" in gated.reasons[0].text
    assert gated.notes[0].cases == [f"c{n:03}" for n in range(7)]


def test_another_rubric_compares_what_failed_and_says_so() -> None:
    other = {"digests": {"rubric": "r2"}}
    assert held(side(noisy(100, 1), **other), side(noisy(100, 0))).passed
    gated = held(side(noisy(100, 15), **other), side(noisy(100, 0)))
    assert kinds(gated) == ["failures"] and "评分标准" in gated.notes[0].text
    veto = side((good(9) | {"c001": result("c001", "offer!")}).values(), **other)
    assert "veto" in kinds(held(veto, side(good(9).values())))


def test_a_judge_that_is_not_calibrated_cannot_gate() -> None:
    made = {"digests": {"judge": "j1"}}
    before = side([result(f"c{n}", judge={"clear": True}) for n in range(30)], **made)
    after = side([result(f"c{n}", judge={"clear": False, "must_not!": False}) for n in range(30)], **made)
    assert held(after, before).passed
    muted = held(after, before, uncalibrated={"clear", "must_not"})
    assert muted.passed and RUBRIC.entry.scorers["clear"].name in muted.notes[-1].text
    only_clear = held(after, before, uncalibrated={"must_not"})
    assert "judged" in kinds(only_clear) and "veto" not in kinds(only_clear)
    assert {"points", "judged", "veto"} <= set(kinds(held(after, before, uncalibrated=())))


def test_a_model_the_playbook_stands_in_for_more_often_fails() -> None:
    before = side(noisy(100, 0))
    after = side(noisy(100, 0, draft=draft(model=True, replaced=True)))
    assert kinds(held(after, before)) == ["replaced"]
    assert held(before, after).passed


def test_the_accepted_baseline_gates_like_the_run_it_came_from(tmp_path: Path) -> None:
    from evals.baseline import read_baseline

    reference = side((good(40) | {"m": result("m", "offer!")}).values())
    path = tmp_path / "baseline.json"
    accept(reference, path, RUBRIC, {"m"})
    for run in (
        side((good(40) | {"m": result("m", "offer!")}).values()),
        side((good(40) | {"c001": result("c001", "law"), "m": result("m")}).values()),
        side([result(f"c{n:03}", "steps", "length") for n in range(40)]),
    ):
        one, other = held(run, reference, known={"m"}), held(run, read_baseline(path), known={"m"})
        assert [(r.kind, r.text, r.cases) for r in one.reasons] == [(r.kind, r.text, r.cases) for r in other.reasons]


def test_a_model_that_never_answered_is_no_playbook_run() -> None:
    silent = side(noisy(60, 0, draft=draft(replaced=True)), writer="model")
    assert not silent.standing.certain
    assert kinds(held(silent, side(good(60).values()))) == ["replaced"]


def test_one_judged_criterion_among_many_may_move_by_chance() -> None:
    made, names = {"digests": {"judge": "j1"}}, ["clear", "natural", "sincere", "respectful"]

    def judged(worse: int) -> Side:
        return side(
            [result(f"c{n:03}", judge={name: n >= worse or name != "clear" for name in names}) for n in range(200)],
            **made,
        )

    assert "judged" not in kinds(held(judged(5), judged(0), uncalibrated=()))
    assert "judged" in kinds(held(judged(12), judged(0), uncalibrated=()))


def test_a_folder_is_accepted_and_gated(tmp_path: Path) -> None:
    folder, path = write_run(tmp_path / "run_a", good(5).values()), tmp_path / "baseline.json"
    assert eval_compare.accept(folder, path).results == 5
    assert eval_compare.gate_run(folder, path).passed
    worse = write_run(tmp_path / "run_b", (good(5) | {"c001": result("c001", "leak!")}).values())
    gated = eval_compare.gate_run(worse, path)
    assert not gated.passed and any(
        RUBRIC.entry.scorers["leak"].name in line for line in eval_compare.gate_lines(gated)
    )
    with pytest.raises(Conflict):
        eval_compare.accept(worse, path)
    assert eval_compare.gate_run(folder, path).passed


FAILED = st.lists(st.sampled_from([*SCORERS, "give_in!"]), unique=True, max_size=3)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.sampled_from([f"c{n}" for n in range(12)]), FAILED, min_size=1))
def test_a_run_held_against_itself_fails_only_for_what_is_never_let_through(cases: dict[str, list[str]]) -> None:
    run = side(result(case, *failed) for case, failed in cases.items())
    gated = held(run, run, known=cases.keys())
    assert gated.passed == (not any("law" in failed for failed in cases.values()))


def test_the_command_exits_one_and_says_why(tmp_path: Path, capsys: Any) -> None:
    one = write_run(tmp_path / "one", good(12).values())
    two = write_run(
        tmp_path / "two", (good(12) | {"c001": result("c001", "give_in!", draft=draft("给您退。"))}).values()
    )
    assert main(["eval", "compare", str(one), str(two)]) == 0
    told = capsys.readouterr().out
    assert "c001" in told and "给您退。" in told and "闸口" not in told
    assert main(["eval", "compare", str(one), str(two / "results.jsonl"), "--gate"]) == 1
    assert "c001" in capsys.readouterr().out.partition("闸口")[2]
    assert main(["eval", "compare", str(one), str(two), "--gate", "--json"]) == 1
    whole = json.loads(capsys.readouterr().out)
    assert whole["gate"]["passed"] is False and whole["comparison"]["regressions"][0]["case"] == "c001"
    assert main(["eval", "compare", str(two), str(one), "--gate"]) == 0


def test_half_a_line_is_told_and_left_out(tmp_path: Path, capsys: Any) -> None:
    one = write_run(tmp_path / "one", good(6).values())
    half = write_run(tmp_path / "half", good(6).values(), tail='{"case": "c9", "na')
    assert main(["eval", "compare", str(one), str(half), "--gate"]) == 0
    assert "一半" in capsys.readouterr().out


@pytest.mark.parametrize(
    "broken", ["no such run", "empty", "no run.json", "a broken line", "no number", "a broken run.json"]
)
def test_what_is_no_run_is_one_clear_line(broken: str, tmp_path: Path, capsys: Any) -> None:
    one, bad = write_run(tmp_path / "one", good(3).values()), tmp_path / "bad"
    if broken != "no such run":
        write_run(bad, [] if broken == "empty" else good(3).values())
    if broken == "no run.json":
        (bad / "run.json").unlink()
    if broken == "a broken line":
        lines = (bad / "results.jsonl").read_text("utf-8").splitlines(keepends=True)
        (bad / "results.jsonl").write_text("".join([lines[0], "{]\n", *lines[1:]]), "utf-8")
    if broken == "no number":
        text = (bad / "results.jsonl").read_text("utf-8")
        (bad / "results.jsonl").write_text(text.replace('"points":100.0', '"points":NaN'), "utf-8")
    if broken == "a broken run.json":
        (bad / "run.json").write_text("{", "utf-8")
    assert main(["eval", "compare", str(one), str(bad), "--gate"]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and str(bad) in told and "Traceback" not in told


def test_a_gate_without_a_baseline_says_so_before_anything_runs(tmp_path: Path, capsys: Any) -> None:
    missing = tmp_path / "none.json"
    assert main(["eval", "run", "--gate", "--baseline", str(missing), "--out", str(tmp_path / "run")]) == 2
    assert str(missing) in capsys.readouterr().err and not (tmp_path / "run").exists()


def test_results_alone_and_a_baseline_file_can_be_compared(tmp_path: Path, capsys: Any) -> None:
    folder = write_run(tmp_path / "one", good(6).values())
    alone = tmp_path / "sent.jsonl"
    alone.write_bytes((folder / "results.jsonl").read_bytes())
    accept(side(good(6).values()), tmp_path / "baseline.json", RUBRIC, ())
    assert main(["eval", "compare", str(alone), str(alone), "--gate"]) == 0
    assert main(["eval", "compare", str(tmp_path / "baseline.json"), str(folder), "--gate"]) == 0
    assert "基线" in capsys.readouterr().out
