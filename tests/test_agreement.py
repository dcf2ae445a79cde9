"""Agreement with people: blind words alone, bound to the rubric, and a judge that was never measured cannot gate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given as examples
from hypothesis import strategies as st

from evals.agreement import agreement, uncalibrated
from evals.results import CaseResult, Digests, RunInfo, Status
from evals.review_items import Reviewed
from evals.review_log import append
from evals.reviews import Review
from evals.rubric import Rubric, shipped_rubric
from tests.reviewed_run import LATER, RUBRIC, RUN_ID, blind, put, result, score

NOW = shipped_rubric()
ENOUGH = NOW.entry.kappa_least


def judged(statuses: Sequence[Status]) -> list[CaseResult]:
    """A case for each, its empathy judged as given."""
    return [
        result(f"c.{n}", score("sincere", status, by="judge"), score("length"), reply=f"第{n}份回复。")
        for n, status in enumerate(statuses)
    ]


def ran(results: Sequence[CaseResult], reviews: Sequence[Review], **more: str) -> Reviewed:
    digests = Digests(rubric=more.pop("rubric", RUBRIC), judge=more.pop("judge", "m@1"))
    return Reviewed(
        RunInfo(id=more.pop("run", RUN_ID), state="done", started_at=LATER, digests=digests), results, reviews
    )


def alternating(n: int, wrong: int = 0) -> tuple[list[CaseResult], list[Review]]:
    """Half passed, half failed; people say the same but for the first ``wrong``."""
    results = judged(["passed" if k % 2 else "failed" for k in range(n)])
    other = {"passed": "failed", "failed": "passed"}
    reviews = []
    for k, one in enumerate(results):
        said = one.scores[0].status
        reviews.append(blind(one, "sincere", other[said] if k < wrong else said))
    return results, reviews


def test_a_judge_that_says_what_people_say_is_calibrated() -> None:
    found = agreement([ran(*alternating(ENOUGH))], NOW)
    one = found.of("sincere")
    assert one is not None and (one.n, one.agreed, one.kappa, one.warning) == (ENOUGH, 1.0, 1.0, "")
    assert one.low is not None and one.high is not None and one.low < 1 <= one.high
    assert found.calibrated("sincere") and (found.used, found.stale) == (ENOUGH, 0)
    assert not found.calibrated("clear"), "nobody scored it blind"


@pytest.mark.parametrize(("n", "wrong", "warning"), [(ENOUGH - 2, 0, "few"), (ENOUGH * 2, ENOUGH, "low")])
def test_too_few_or_too_different_is_not_calibrated(n: int, wrong: int, warning: str) -> None:
    found = agreement([ran(*alternating(n, wrong))], NOW)
    one = found.of("sincere")
    assert one is not None and (one.warning, one.calibrated) == (warning, False)


def test_where_all_say_the_same_kappa_says_nothing() -> None:
    results = judged(["passed"] * (ENOUGH + 5))
    one = agreement([ran(results, [blind(r, "sincere", "passed") for r in results])], NOW).of("sincere")
    assert one is not None and (one.agreed, one.kappa, one.warning, one.calibrated) == (1.0, None, "one_label", False)
    said = [blind(r, "sincere", "failed" if n < 9 else "passed") for n, r in enumerate(results)]
    one = agreement([ran(results, said)], NOW).of("sincere")
    assert one is not None and (one.people_failed, one.machine_failed) == (9, 0)
    assert (one.kappa, one.warning, one.calibrated) == (0.0, "one_label", False)


def test_only_blind_words_count_and_only_under_this_rubric() -> None:
    results, reviews = alternating(ENOUGH)
    open_eyed = [one.model_copy(update={"action": "agree", "reviewer": "主管"}) for one in reviews]
    old = [one.model_copy(update={"rubric": "old"}) for one in reviews[:7]]
    found = agreement([ran(results, [*open_eyed, *old, *reviews])], NOW)
    assert (found.used, found.stale) == (ENOUGH, 7)
    none = agreement([ran(results, [*open_eyed, *old])], NOW)
    assert (none.used, none.stale, none.scorers) == (0, 7, [])
    assert agreement([ran(results, reviews, rubric="old")], NOW).scorers == [], "scored by another rubric"


def test_an_item_counts_once_by_what_most_people_say() -> None:
    results = judged(["failed", "failed", "passed"])
    said = [("failed", "passed", "failed"), ("failed", "passed", None), ("passed", "passed", "passed")]
    names = ("甲", "乙", "丙")
    reviews = [
        blind(one, "sincere", status, name)
        for one, three in zip(results, said, strict=True)
        for name, status in zip(names, three, strict=True)
    ]
    again = blind(results[0], "sincere", "passed", "甲").model_copy(update={"status": "failed"})
    one = agreement([ran(results, [*reviews, again])], NOW).of("sincere")
    assert one is not None and (one.n, one.agreed, one.unsure) == (2, 1.0, 1)
    assert one.between == pytest.approx((1 + 0 + 3) / (3 + 1 + 3))


def test_what_people_said_of_a_reply_measures_a_later_judge_of_the_same_reply() -> None:
    results, reviews = alternating(ENOUGH)
    first = ran(results, reviews, judge="m@1")
    second = ran(
        [r.model_copy(update={"scores": [score("sincere", "passed", by="judge")]}) for r in results], [], judge="m@2"
    )
    assert agreement([first], NOW).calibrated("sincere")
    both = agreement([first, second], NOW)
    one = both.of("sincere")
    assert one is not None and one.n == 2 * ENOUGH and both.judge == "" and not one.calibrated
    other = [
        r.model_copy(update={"draft": r.draft and r.draft.model_copy(update={"reply": "改了。"})}) for r in results
    ]
    assert agreement([ran(other, reviews)], NOW).stale == ENOUGH, "the replies are others by now"


def test_rules_are_measured_beside_the_judge() -> None:
    mixed = [
        result(f"c.{n}", score("must", by="judge", criterion="给了结论"), score("must", "failed", criterion="说了天数"))
        for n in range(4)
    ]
    reviews = [blind(one, "must", "passed", criterion=text) for one in mixed for text in ("给了结论", "说了天数")]
    found = agreement([ran([m.model_copy(update={"case": m.case}) for m in mixed], reviews)], NOW)
    by_rule, by_judge = found.of("must", "rule"), found.of("must", "judge")
    assert by_rule is not None and by_judge is not None
    assert (by_rule.n, by_rule.agreed, by_judge.n, by_judge.agreed) == (4, 0.0, 4, 1.0)


def kept(tmp_path: Path, run: str, results: Sequence[CaseResult], reviews: Sequence[Review], judge: str) -> Path:
    folder = put(tmp_path, results, run, judge=judge)
    append(folder, reviews)
    return folder


def test_a_run_says_which_judge_criteria_cannot_gate(tmp_path: Path) -> None:
    results, reviews = alternating(ENOUGH)
    mixed = [r.model_copy(update={"scores": [*r.scores, score("natural", by="judge")]}) for r in results]
    mine = kept(tmp_path, "run_b", mixed, [], "m@1")
    assert uncalibrated(mine, NOW) == {"sincere", "natural"}
    kept(tmp_path, "run_a", results, reviews, "m@1")
    assert uncalibrated(mine, NOW) == {"natural"}, "measured in another run of the same judge"
    other = kept(tmp_path, "run_c", mixed, [], "m@2")
    assert uncalibrated(other, NOW) == {"natural"}, "another judge of the same replies"
    turned = [r.model_copy(update={"scores": [score("sincere", "passed", by="judge")]}) for r in results]
    assert uncalibrated(kept(tmp_path, "run_e", turned, [], "m@3"), NOW) == {"sincere"}
    rules_only = kept(tmp_path, "run_d", [result("c.1", score("steps"))], [], "")
    assert uncalibrated(rules_only, NOW) == set()


def test_the_floor_is_the_rubrics() -> None:
    results, reviews = alternating(ENOUGH, wrong=3)
    one = agreement([ran(results, reviews)], NOW).of("sincere")
    assert one is not None and one.kappa is not None and one.calibrated == (one.kappa >= NOW.entry.kappa_floor)
    strict = Rubric(NOW.entry.model_copy(update={"kappa_floor": 0.99}), NOW.digest)
    assert not agreement([ran(results, reviews)], strict).calibrated("sincere")
    more = Rubric(NOW.entry.model_copy(update={"kappa_floor": -1.0, "kappa_least": ENOUGH + 1}), NOW.digest)
    assert not agreement([ran(results, reviews)], more).calibrated("sincere")


STATUS = st.sampled_from(["passed", "failed"])


@examples(st.lists(st.tuples(STATUS, STATUS | st.none()), min_size=1, max_size=30))
def test_whatever_is_said_the_numbers_hold_together(said: list[tuple[Status, Status | None]]) -> None:
    results = judged([machine for machine, _ in said])
    reviews = [blind(one, "sincere", people) for one, (_, people) in zip(results, said, strict=True)]
    one = agreement([ran(results, reviews)], NOW).of("sincere")
    assert one is not None
    assert one.n + one.unsure + one.unscored == len(said)
    if one.kappa is not None:
        assert one.low is not None and one.high is not None
        assert -1 <= one.low <= one.kappa <= one.high <= 1 + 1e-9
    assert not one.calibrated or one.n >= NOW.entry.kappa_least
