"""Two runs side by side: what is paired, what moved, and for which cases."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from evals.comparing import compare
from evals.comparison import WORSE, CaseChange, Comparison
from tests.eval_runs import SCORERS, draft, good, result, side

FAILED = st.sets(st.sampled_from([*SCORERS, "give_in!", "offer!"]), max_size=4).map(
    lambda some: [one for one in sorted(some) if (one + "!") not in some]
)
RUN = st.dictionaries(st.sampled_from([f"c{n}" for n in range(9)]), FAILED, min_size=1)
few = settings(max_examples=40, deadline=None)


def test_equal_runs_differ_in_nothing() -> None:
    found = compare(side(good(30).values()), side(good(30).values()))
    assert found.paired == 30 and found.differs == []
    assert found.points.difference is not None and found.points.difference.model_dump() == {
        "value": 0,
        "low": 0,
        "high": 0,
        "n": 30,
    }
    assert found.regressions == found.improvements == found.moved == []
    assert found.passed.chance == 1 and found.reworded == 0


def test_what_they_were_made_with_is_named() -> None:
    before = side(good(3).values(), digests={"prompts": "p0"})
    after = side(good(3).values(), digests={"model": "m2"}, writer="model", repeats=3)
    told = {one.what: (one.before, one.after) for one in compare(before, after).differs}
    assert told == {
        "prompts": ("p0", "p1"),
        "model": ("", "m2"),
        "writer": ("playbook", "model"),
        "repeats": ("1", "3"),
    }


def test_only_the_same_case_is_paired() -> None:
    before = good(4)
    after = good(4) | {"c001": result("c001", "steps", digest="other words"), "new": result("new")}
    del after["c003"]
    found = compare(side(before.values()), side(after.values()))
    assert (found.paired, found.added, found.removed, found.changed) == (2, ["new"], ["c003"], ["c001"])
    assert found.regressions == []


def test_a_regression_shows_what_failed_why_and_both_replies() -> None:
    before, after = good(5), good(5)
    before["c002"] = result("c002", "length")
    after["c002"] = result("c002", "give_in!", "must:先说结论", draft=draft("好的给您退。", verdict="reasonable"))
    (change,) = compare(side(before.values()), side(after.values())).regressions
    assert change.case == "c002" and change.points == (87.5, 0)
    assert set(change.turns) >= {"verdict", "failed_now", "fails_more", "points_down", "fails_less"}
    assert change.new_failed == ["give_in", "must:先说结论"] and change.mended == ["length"]
    assert change.why["give_in"] == "give_in 没过"
    assert (change.reply_before, change.reply_after) == ("这单按七天的规则办不了。", "好的给您退。")


def test_an_improvement_is_none_the_less_for_another_boundary() -> None:
    before, after = good(3), good(3)
    before["c001"] = result("c001", "give_in!", draft=draft(verdict="reasonable"))
    other = draft(basis={"boundary": "other_row", "name": "另一行"})
    after["c002"] = result("c002", draft=other)
    found = compare(side(before.values()), side(after.values()))
    assert [one.case for one in found.improvements] == ["c001"]
    assert "right_now" in found.improvements[0].turns
    assert [one.case for one in found.moved] == ["c002"] and found.regressions == []


def test_another_rubric_leaves_points_out_and_compares_what_both_looked_at() -> None:
    before, after = good(6), good(6)
    after["c001"] = result("c001", "steps")
    after["c002"] = result("c002", "brand_new_scorer")
    found = compare(side(before.values()), side(after.values(), digests={"rubric": "r2"}))
    assert not found.same_rubric and found.points.difference is None and found.passed.difference is None
    assert [one.case for one in found.regressions] == ["c001"]
    assert found.failures.difference is not None and round(found.failures.difference.value, 4) == round(1 / 6, 4)


def test_repeats_are_one_case() -> None:
    before = [result("a"), result("a", repeat=2), result("b")]
    after = [result("a"), result("a", "give_in!", repeat=2), result("b")]
    found = compare(side(before), side(after))
    assert found.paired == 2
    assert found.points.difference is not None and found.points.difference.value == -25
    assert found.passed.lost == ["a"] and found.regressions[0].after.passed == 0.5


def test_a_judge_counts_where_both_sides_asked_the_same_and_it_may() -> None:
    with_judge = {"digests": {"judge": "j1"}}
    before = [result(f"c{n}", judge={"clear": True}) for n in range(12)]
    after = [result(f"c{n}", judge={"clear": False}) for n in range(12)]
    same = compare(side(before, **with_judge), side(after, **with_judge))
    assert same.judged and same.points.difference is not None and same.points.difference.falls
    assert same.scorers["clear"].by == "judge" and len(same.scorers["clear"].fails_now) == 12
    muted = compare(side(before, **with_judge), side(after, **with_judge), uncounted={"clear"})
    other = compare(side(before, **with_judge), side(after, digests={"judge": "j2"}))
    for found in (muted, other):
        assert not found.judged and found.points.difference is not None and found.points.difference.value == 0
    assert other.regressions == []


def test_no_judge_on_one_side_is_no_gain_and_no_loss() -> None:
    before = [result(f"c{n}", judge={"clear": False}) for n in range(5)]
    found = compare(side(before, digests={"judge": "j1"}), side(good(5).values()))
    assert found.regressions == found.improvements == [] and "clear" not in found.scorers


@few
@given(RUN, RUN, st.randoms())
def test_order_changes_nothing_and_swapping_mirrors(
    one: dict[str, list[str]], other: dict[str, list[str]], chance: random.Random
) -> None:
    before = [result(case, *failed) for case, failed in one.items()]
    after = [result(case, *failed) for case, failed in other.items()]
    found = compare(side(before), side(after))
    chance.shuffle(before)
    chance.shuffle(after)
    assert compare(side(before), side(after)) == found
    back = compare(side(after), side(before))
    assert (back.added, back.removed, back.paired) == (found.removed, found.added, found.paired)
    assert (back.passed.lost, back.passed.won) == (found.passed.won, found.passed.lost)
    assert {change.case for change in every(back)} == {change.case for change in every(found)}
    if found.points.difference is not None and back.points.difference is not None:
        assert abs(found.points.difference.low + back.points.difference.high) < 1e-9


@few
@given(RUN, RUN)
def test_every_change_is_told_once_and_on_its_side(one: dict[str, list[str]], other: dict[str, list[str]]) -> None:
    found = compare(side(result(c, *f) for c, f in one.items()), side(result(c, *f) for c, f in other.items()))
    cases = [change.case for change in every(found)]
    assert len(cases) == len(set(cases))
    shared = one.keys() & other.keys()
    assert set(cases) == {case for case in shared if came_to(one[case]) != came_to(other[case])}
    assert all(WORSE & set(change.turns) for change in found.regressions)
    assert not any(WORSE & set(change.turns) for change in found.improvements)


def came_to(failed: list[str]) -> tuple[set[str], bool]:
    return {name.rstrip("!") for name in failed}, any(name.endswith("!") for name in failed)


def every(found: Comparison) -> list[CaseChange]:
    return [*found.regressions, *found.improvements, *found.moved]
