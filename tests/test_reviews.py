"""A person's word about a score: taken in whole or not at all, appeals decided by somebody else, people win."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest
from hypothesis import given as examples
from hypothesis import strategies as st
from pydantic import ValidationError

from evals.review_intake import Taken, take_in
from evals.review_log import NAME, append, locked, read_log
from evals.reviews import ReviewsIn, reviewed, standings
from evals.rubric import shipped_rubric
from service.errors import InvalidRequest
from tests.reviewed_run import LATER, RUBRIC, given, put, result, row, score

RUBRIC_NOW = shipped_rubric()
PASS = RUBRIC_NOW.entry.pass_


@pytest.fixture
def run(tmp_path: Path) -> Path:
    first = result("late.a", score("steps", "failed"), score("empathy"), score("length"))
    second = result("late.b", score("steps"), score("law", "failed"), score("sincere", "unscored", by="judge"))
    return put(tmp_path, [first, second])


def take(run: Path, *rows: object, **more: object) -> Taken:
    return take_in(run, given(*rows, **more), RUBRIC_NOW, LATER)  # type: ignore[arg-type]


def refused(run: Path, /, *rows: object, **more: object) -> list[dict[str, str]]:
    before = (run / NAME).read_bytes() if (run / NAME).exists() else None
    with pytest.raises(InvalidRequest) as caught:
        take_in(run, given(*rows, **more), RUBRIC_NOW, LATER)  # type: ignore[arg-type]
    assert caught.value.code == "reviews_refused"
    assert ((run / NAME).read_bytes() if (run / NAME).exists() else None) == before, "nothing half taken"
    assert str(len(caught.value.errors)) in caught.value.detail
    return caught.value.errors


def people(run: Path) -> dict[tuple[str, str], object]:
    """Every score after review, with the result's points."""
    from evals.runs import read_results

    found = reviewed(read_results(run)[0], read_log(run).reviews, PASS)
    return {(one.case, s.scorer): (s.status, s.by, s.machine) for one in found for s in one.scores} | {
        (one.case, ""): (one.points, one.vetoed, one.passed) for one in found
    }


def test_an_override_replaces_the_score_and_the_points_follow(run: Path) -> None:
    assert people(run)["late.a", ""][2] is False  # type: ignore[index]
    taken = take(run, row("late.a", "steps", "override", "passed", "第三步在最后一句里"))
    assert (taken.taken, taken.same, taken.replaced, taken.open_appeals) == (1, 0, 0, 0)
    found = people(run)
    assert found["late.a", "steps"] == ("passed", "person", "failed")
    assert found["late.a", "empathy"] == ("passed", "rule", None)
    assert found["late.a", ""] == (100.0, False, True)
    assert found["late.b", ""] == (0.0, True, False)


def test_a_person_may_lift_a_veto_or_set_one(run: Path) -> None:
    take(run, row("late.b", "law", "override", "passed", "这句是客户的原话"))
    assert people(run)["late.b", ""] == (100.0, False, True)
    take(run, row("late.b", "law", "override", "failed", "再看一遍还是违法"), reviewer="主管")
    assert people(run)["late.b", ""] == (0.0, True, False)
    assert people(run)["late.b", "law"] == ("failed", "person", "failed")


def test_agreeing_confirms_what_the_machine_said(run: Path) -> None:
    take(run, row("late.a", "steps", "agree"))
    assert people(run)["late.a", "steps"] == ("failed", "person", "failed")


def test_the_same_is_one_and_a_later_word_of_the_same_person_replaces(run: Path) -> None:
    one = row("late.a", "steps", "override", "passed", "看过了")
    assert take(run, one).taken == 1
    again = take(run, one, reviewer=" 小周 ")
    assert (again.taken, again.same) == (0, 1)
    assert len(read_log(run).reviews) == 1
    changed = take(run, row("late.a", "steps", "agree"))
    assert (changed.taken, changed.replaced) == (1, 1)
    assert people(run)["late.a", "steps"] == ("failed", "person", "failed")


@pytest.mark.parametrize(
    ("action", "status", "reason", "what"),
    [
        ("override", "passed", " ", "改判要写理由"),
        ("override", None, "看过", "改成"),
        ("override", "failed", "看过", "本来就是"),
        ("agree", "passed", "", "打的是“不通过”"),
        ("appeal", "passed", "", "申诉要写理由"),
        ("appeal", "failed", "不服", "没有可申诉的"),
        ("upheld", None, "成立", "没有等着裁的申诉"),
        ("blind", "passed", "", "盲评"),
    ],
)
def test_a_word_that_makes_no_sense_is_refused_with_what_to_do(
    run: Path, action: str, status: str | None, reason: str, what: str
) -> None:
    (error,) = refused(run, row("late.a", "steps", action, status, reason))
    assert error["pointer"] == "/reviews/0"
    assert "第 1 条" in error["message"] and "步骤齐" in error["message"] and what in error["message"]


def test_every_row_that_does_not_fit_is_named_and_none_is_taken(run: Path) -> None:
    errors = refused(
        run,
        row("late.a", "steps", "agree"),
        row("late.z", "steps", "agree"),
        row("late.a", "nothing", "agree"),
        row("late.a", "law", "agree"),
        row("late.a", "steps", "agree", repeat=2),
        row("late.a", "must", "agree", criterion="没有这一句"),
    )
    assert [error["pointer"] for error in errors] == [f"/reviews/{n}" for n in range(1, 6)]
    for error, what in zip(errors, ("没有这一例", "nothing", "没有打这一项", "第 2 遍", "没有这一句"), strict=True):
        assert what in error["message"]


def test_another_run_or_another_rubric_is_refused(run: Path) -> None:
    one = row("late.a", "steps", "agree")
    assert refused(run, one, run="run_other")[0]["pointer"] == "/run"
    error = refused(run, one, rubric="000000000000")[0]
    assert error["pointer"] == "/rubric" and RUBRIC in error["message"]


def test_two_rows_about_one_thing_must_say_the_same(run: Path) -> None:
    yes, no = row("late.a", "steps", "agree"), row("late.a", "steps", "override", "passed", "看过")
    assert take(run, yes, yes).taken == 1
    assert "第 1 条" in refused(run, no, yes)[0]["message"]


def test_an_appeal_waits_for_somebody_else(run: Path) -> None:
    taken = take(run, row("late.a", "steps", "appeal", None, "最后一句就是第五步"))
    assert taken.open_appeals == 1
    assert people(run)["late.a", "steps"] == ("failed", "rule", None), "open: nothing is settled"
    for action in ("upheld", "rejected", "referred"):
        error = refused(run, row("late.a", "steps", action, None, "我自己看的"), reviewer="小 周")
        assert "自己申诉的不能自己裁" in error[0]["message"]
    assert "不能再自己改判" in refused(run, row("late.a", "steps", "override", "passed", "改"))[0]["message"]
    referred = take(run, row("late.a", "steps", "referred", None, "转给法务看"), reviewer="组长")
    assert referred.open_appeals == 1
    upheld = take(run, row("late.a", "steps", "upheld", None, "确实在"), reviewer="主管")
    assert upheld.open_appeals == 0
    assert people(run)["late.a", "steps"] == ("passed", "person", "failed")
    assert people(run)["late.a", ""] == (100.0, False, True)


def test_a_rejected_appeal_leaves_the_score_and_may_be_made_again_with_news(run: Path) -> None:
    take(run, row("late.a", "steps", "appeal", "passed", "最后一句就是第五步"))
    assert take(run, row("late.a", "steps", "rejected", None, "那是客套"), reviewer="主管").open_appeals == 0
    assert people(run)["late.a", "steps"] == ("failed", "person", "failed")
    assert "等着裁" in refused(run, row("late.a", "steps", "upheld", None, "成立"), reviewer="组长")[0]["message"]
    assert "改判" in refused(run, row("late.a", "steps", "override", "passed", "改"))[0]["message"]
    same = take(run, row("late.a", "steps", "appeal", "passed", "最后一句就是第五步"))
    assert (same.same, same.open_appeals) == (1, 0), "the same words open nothing again"
    again = take(run, row("late.a", "steps", "appeal", "passed", "第五步写的是下一步怎么走"))
    assert again.open_appeals == 1
    take(run, row("late.a", "steps", "agree"))
    assert not any(one.appeals() for one in standings(read_log(run).reviews).values()), "taken back"


def test_an_appeal_may_be_against_a_persons_word(run: Path) -> None:
    take(run, row("late.a", "empathy", "override", "failed", "套话"), reviewer="质检")
    take(run, row("late.a", "empathy", "appeal", "passed", "用了客户的词"))
    assert people(run)["late.a", "empathy"] == ("failed", "person", "passed")
    take(run, row("late.a", "empathy", "rejected", None, "那个词谁都用"), reviewer="主管")
    assert people(run)["late.a", "empathy"] == ("failed", "person", "passed"), "what stood before stays"
    take(run, row("late.a", "empathy", "upheld", None, "再看一遍，成立"), reviewer="主管")
    assert people(run)["late.a", "empathy"] == ("passed", "person", "passed")


def test_who_decided_may_decide_otherwise(run: Path) -> None:
    take(run, row("late.a", "steps", "appeal", None, "最后一句就是第五步"))
    take(run, row("late.a", "steps", "rejected", None, "那是客套"), reviewer="主管")
    take(run, row("late.a", "steps", "upheld", None, "再看一遍，成立"), reviewer="主管")
    assert people(run)["late.a", "steps"] == ("passed", "person", "failed")


def test_blind_words_settle_only_what_the_machine_could_not_score(run: Path) -> None:
    rows = [row("late.b", "sincere", "blind", "failed", "照抄的"), row("late.b", "steps", "blind", "failed")]
    take(run, *rows, blind=True)
    found = people(run)
    assert found["late.b", "sincere"] == ("failed", "person", "unscored")
    assert found["late.b", "steps"] == ("passed", "rule", None)
    take(run, row("late.b", "sincere", "blind", "passed"), blind=True, reviewer="小李")
    assert people(run)["late.b", "sincere"] == ("unscored", "judge", None), "split: nobody's word"


def test_blind_is_blind(run: Path) -> None:
    blind = row("late.a", "empathy", "blind", "passed")
    assert "blind" in refused(run, blind)[0]["message"]
    assert "盲评" in refused(run, row("late.a", "steps", "agree"), blind=True)[0]["message"]
    take(run, row("late.a", "steps", "agree"))
    assert "看过这一例的分数" in refused(run, blind, blind=True)[0]["message"]
    assert take(run, blind, row("late.b", "give_in", "blind", None), blind=True, reviewer="小李").taken == 2
    no_such = row("late.a", "must", "blind", "passed", criterion="没有这一句")
    assert "没有这一句" in refused(run, no_such, blind=True, reviewer="小李")[0]["message"]


def test_several_scores_under_one_key_are_settled_together(tmp_path: Path) -> None:
    run = put(tmp_path, [result("late.t", score("twins"), score("twins", "failed"), score("steps"))])
    for status in ("passed", "failed"):  # a page shows each score by itself
        take(run, row("late.t", "twins", "agree", status))
    take(run, row("late.t", "twins", "override", "passed", "换说法后依据写法不同，结论一样"))
    assert people(run)["late.t", ""] == (100.0, False, True)
    take(run, row("late.t", "twins", "override", "failed", "再看一遍，两个都变了"))
    from evals.runs import read_results

    (one,) = reviewed(read_results(run)[0], read_log(run).reviews, PASS)
    assert [s.status for s in one.scores] == ["failed", "failed", "passed"]


def test_a_word_about_a_reply_that_is_another_by_now_does_not_count(run: Path, tmp_path: Path) -> None:
    take(run, row("late.a", "steps", "override", "passed", "看过了"))
    put(tmp_path, [result("late.a", score("steps", "failed"), reply="另一份回复。")])
    assert people(run)["late.a", "steps"] == ("failed", "rule", None)


def test_a_half_written_line_is_told_and_skipped(run: Path) -> None:
    take(run, row("late.a", "steps", "agree"), row("late.a", "empathy", "agree"))
    whole = (run / NAME).read_bytes()
    (run / NAME).write_bytes(whole + whole[:57])
    log = read_log(run)
    assert (len(log.reviews), log.broken) == (2, (3,))
    taken = take(run, row("late.a", "length", "agree"))
    assert len(taken.notes) == 1 and "第 3 行" in taken.notes[0]
    after = read_log(run)
    assert (len(after.reviews), after.broken) == (3, ())
    lines = (run / NAME).read_bytes().splitlines(keepends=True)
    (run / NAME).write_bytes(lines[0] + b"{broken}\n" + lines[1] + lines[2].rstrip(b"\n"))
    again = read_log(run)
    assert (len(again.reviews), again.broken) == (3, (2,))
    take(run, row("late.b", "steps", "agree"))
    assert len(read_log(run).reviews) == 4, "a whole last line without its end is kept"


def _many(run: Path, name: str) -> None:
    for scorer in ("steps", "empathy", "length"):
        take_in(run, given(row("late.a", scorer, "agree"), reviewer=name), RUBRIC_NOW)


def test_processes_that_review_at_once_lose_nothing(run: Path) -> None:
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_many, args=(run, f"人{n}")) for n in range(4)]
    for one in workers:
        one.start()
    for one in workers:
        one.join(60)
    assert [one.exitcode for one in workers] == [0] * 4
    assert len(read_log(run).reviews) == 12


def test_what_is_too_long_or_unknown_is_no_review() -> None:
    whole = given(row("late.a", "steps", "agree")).model_dump()
    for broken in (
        whole | {"reviewer": "  "},
        whole | {"extra": 1},
        whole | {"reviews": []},
        whole | {"reviews": [whole["reviews"][0] | {"reason": "长" * 501}]},
        whole | {"reviews": [whole["reviews"][0] | {"action": "praise"}]},
        whole | {"blind": "yes"},
    ):
        with pytest.raises(ValidationError):
            ReviewsIn.model_validate(broken)


HOSTILE = st.text(st.characters(codec="utf-8"), min_size=1, max_size=80)


@examples(HOSTILE)
def test_whatever_a_reviewer_writes_is_one_line_and_comes_back(
    tmp_path_factory: pytest.TempPathFactory, said: str
) -> None:
    run = put(tmp_path_factory.mktemp("run"), [result("late.a", score("steps", "failed"))])
    taken = take(run, row("late.a", "steps", "override", "passed", f"因为{said}"))
    assert taken.taken == 1
    (kept,) = read_log(run).reviews
    assert kept.reason == f"因为{said}".strip()
    with locked(run):
        append(run, [kept])
    assert [one.reason for one in read_log(run).reviews] == [kept.reason] * 2
