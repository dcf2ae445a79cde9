"""Repair: what blocks is said otherwise or left out, the good rest stays, and a clean text is never touched."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.checking import Checker
from service.checks.repair import LONGEST
from service.rulebook.book import CheckBook
from service.schemas import CheckRequest, CheckResult
from service.settings import HOME

BOOK = CheckBook(HOME / "knowledge")
CHECKER = Checker(BOOK)
CASES: list[dict[str, Any]] = [
    {},
    {"order": {"category": "小家电", "product": "榨汁机", "amount": 20}, "verdict": "unreasonable"},
    {"messages": [{"role": "customer", "content": "两百块我要全退"}], "verdict": "needs_clarification"},
]
SENTENCES = [sentence for rule in BOOK.forbidden for sentence in (*rule.rule.bad, *rule.rule.ok)]
LEAKY = [
    "退款{金额}元，",
    "<b>您好</b>，",
    "待填写。",
    "我电话13800138000，",
    "[订单号]",
    "https://a.cn/b ",
    "1. ",
    "\n",
    "亲，",
]


def repaired(text: str, **given: Any) -> CheckResult:
    return CHECKER.check(CheckRequest(text=text, repair=True, **given), None)


@pytest.mark.parametrize(
    ("text", "now"),
    [
        (
            "抱歉抱歉，让您久等了。颜色发错这件事很抱歉。给您带来不便再次抱歉。补发单号今晚发您。",
            "让您久等了。颜色发错这件事很抱歉。补发单号今晚发您。",
        ),
        ("退款{金额}元，已提交。您留意短信。", "您留意短信。"),
        ("<b>您好</b>，单号出来我发在这里。", "您好，单号出来我发在这里。"),
        ("好的，您打13800138000找我。单号出来我发在这里。", "单号出来我发在这里。"),
        ("说不退就不退！有本事您就去告！", "退货的事我对着规则核，依据和结果一起跟您说。"),
    ],
)
def test_the_bad_goes_and_the_good_stays(text: str, now: str) -> None:
    assert repaired(text).repaired == now


def test_a_clause_is_said_otherwise_and_its_sentence_stays() -> None:
    now = repaired("亲，照片收到了，您去找顺丰要赔偿吧！谢谢您。").repaired
    assert now is not None
    assert now.startswith("亲，照片收到了，")
    assert now.endswith("。谢谢您。")
    assert "顺丰" in now
    assert "赔偿" in now


def test_an_unsourced_commitment_is_taken_out() -> None:
    text = "这单过了七天，退货走不了。我给您退五百元。您看还有别的问题吗？"
    result = repaired(text, order={"facts": {"规则": "七天无理由"}}, verdict="unreasonable")
    assert result.repaired == "这单过了七天，退货走不了。您看还有别的问题吗？"
    assert {change.rule for change in result.changes} <= {finding.rule for finding in result.findings}


def test_every_change_is_told_in_places_of_the_text_as_sent() -> None:
    text = "您好。这个我得问问主管才知道。爱买不买！抱歉抱歉，单号出来我发您。"
    result = repaired(text)
    rewritten, place = "", 0
    for change in result.changes:
        assert text[change.start : change.end] == change.before
        rewritten += text[place : change.start] + change.after
        place = change.end
    assert rewritten + text[place:] == result.repaired
    assert len(result.changes) >= 3


def test_neighbours_with_nothing_of_their_own_say_one_thing_together() -> None:
    result = repaired("您怎么这么较真呀。开票的事不可能的。爱买不买。")
    assert result.repaired is not None
    assert result.repaired.count("。") == 1
    assert "开票" in result.repaired


def test_one_apology_is_enough_for_a_suggestion_too() -> None:
    result = repaired("您好，杯盖漏装了，抱歉。我给您磕头了。")
    assert result.repaired is not None
    assert result.repaired.count("抱歉") == 1


def test_what_nobody_asked_for_is_not_given() -> None:
    result = CHECKER.check(CheckRequest(text="爱买不买。"), None)
    assert (result.repaired, result.changes, result.repair_reason) == (None, [], None)


def test_a_text_of_which_nothing_is_left_is_a_persons() -> None:
    result = repaired("{称呼}{退款说明}")
    assert result.repaired is None
    assert result.repair_reason
    assert result.changes == []


def test_a_text_too_long_is_a_persons() -> None:
    result = repaired("爱买不买。" * LONGEST)
    assert (result.repaired, result.passed) == (None, False)
    assert str(LONGEST) in (result.repair_reason or "")


@pytest.mark.parametrize(("closing", "whole"), [("您看选哪个，回我一句。", True), ("", False)])
def test_steps_are_held_against_the_method_again(closing: str, whole: bool) -> None:
    steps = [("empathy", "锅坏了您着急。"), ("solution", "爱买不买。"), ("closing", closing)]
    request = {
        "text": "\n".join(text for _, text in steps),
        "steps": [{"step": name, "text": text} for name, text in steps],
        "messages": [{"role": "customer", "content": "锅坏了"}],
        "repair": True,
    }
    result = CHECKER.check(CheckRequest.model_validate(request), None)
    assert not result.passed
    assert (result.repaired is not None) is whole
    assert (result.repair_reason is None) is whole


@settings(max_examples=120, deadline=None)
@given(st.lists(st.sampled_from(SENTENCES + LEAKY), min_size=1, max_size=6), st.sampled_from(CASES))
def test_what_is_repaired_passes_and_repairing_twice_is_once(parts: list[str], case: dict[str, Any]) -> None:
    text = "".join(parts)
    request = CheckRequest.model_validate({"text": text, "repair": True, **case})
    result = CHECKER.check(request, None)
    if result.passed:
        assert (result.repaired, result.changes) == (text, [])
    if result.repaired is None:
        assert result.repair_reason
        return
    again = CHECKER.check(request.model_copy(update={"text": result.repaired}), None)
    assert again.passed
    assert (again.repaired, again.changes) == (result.repaired, [])


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=60))
def test_any_text_at_all_can_be_asked_for(text: str) -> None:
    try:
        request = CheckRequest(text=text, repair=True)
    except ValueError:
        return
    result = CHECKER.check(request, None)
    assert result.passed == (result.repaired == text)
