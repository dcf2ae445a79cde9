"""Counts handed over, numbers worked out by declared derivations, and buyers' numbers told or taken over."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.checking import Checker
from service.checks.ground import Ground
from service.checks.grounding import check_grounding
from service.rulebook.book import CheckBook
from service.rulebook.checkrules import load_checkrules
from service.schemas import CheckRequest, Step, StepName, Verdict
from service.settings import HOME
from service.text.normalise import fold
from service.text.numerals import find_numbers, unit_of

RULES = load_checkrules(HOME / "knowledge" / "checks.yaml")
CHECKER = Checker(CheckBook(HOME / "knowledge"))
PIECES = ("瓶", "盒", "包", "条", "张", "节", "管", "串")
GIVEN = ("给您补{}{}。", "再补{}{}给您。", "这就给您寄{}{}。", "再送您{}{}。", "凑个整补{}{}。")


def blocked(text: str, ground: Ground) -> list[str]:
    return [f.excerpt for f in check_grounding(text, ground, RULES) if f.severity == "block"]


def of_case(*records: str, buyer: str = "", verdict: Verdict = "reasonable") -> Ground:
    return Ground(records=records, buyer=(buyer,) if buyer else (), verdict=verdict, given=True)


# ---- counts handed over ----


@pytest.mark.parametrize("unit", PIECES)
@pytest.mark.parametrize("frame", GIVEN)
@settings(deadline=None)
@given(missing=st.integers(1, 30), more=st.integers(1, 30))
def test_no_more_is_handed_over_than_the_record_says_is_missing(unit: str, frame: str, missing: int, more: int) -> None:
    ordered = f"quantity:{missing + more}件"
    ground = replace(of_case(f"漏发：{missing}{unit}，补{missing}{unit}，送", ordered), ordered=(ordered,))
    assert blocked(frame.format(missing, unit), ground) == []
    assert blocked(frame.format(missing + more, unit), ground) != []


@pytest.mark.parametrize("frame", ["给您补一{}。", "再补一{}给您。"])
@pytest.mark.parametrize(("said", "recorded"), [("套", "颗"), ("盒", "片"), ("箱", "瓶"), ("桶", "条")])
def test_one_of_a_greater_measure_is_not_one_of_a_smaller(frame: str, said: str, recorded: str) -> None:
    ground = of_case(f"少 1 {recorded}，补 1 {recorded}")
    assert blocked(frame.format(said), ground) != []
    assert blocked(frame.format(recorded), ground) == []


@pytest.mark.parametrize(("verdict", "fine"), [("reasonable", True), ("unreasonable", False)])
def test_what_the_order_holds_is_handed_over_only_when_help_is_due(verdict: Verdict, fine: bool) -> None:
    ground = replace(of_case("质量问题", "quantity:4件", verdict=verdict), ordered=("quantity:4件",))
    assert (not any("4" in excerpt for excerpt in blocked("给您补4件。", ground))) is fine


@pytest.mark.parametrize("key", ["备注2", "说明2"])
def test_digits_that_only_tell_keys_apart_are_no_source(key: str) -> None:
    order = {"product": "手表", "facts": {key[:-1]: "表带掉色", key: "换表带"}}
    request = {"text": "两年碎屏险也送您。", "order": order, "verdict": "reasonable"}
    found = CHECKER.check(CheckRequest.model_validate(request), None).findings
    assert any("两年" in f.excerpt for f in found if f.severity == "block")


# ---- derivations ----


@settings(deadline=None)
@given(st.integers(41, 900), st.integers(1, 19))
def test_what_was_paid_less_what_it_costs_now_may_be_given_back(paid: int, less: int) -> None:
    ground = of_case(f"实付 {paid} 元", f"现价 {paid - less} 元")
    assert blocked(f"差价{less}元退给您。", ground) == []
    assert blocked(f"差价{less + paid}元退给您。", ground) != []
    assert blocked(f"差价{less}元退给您。", of_case(f"实付 {paid} 元", f"满减 {paid - less} 元")) != []


@settings(deadline=None)
@given(st.integers(2, 60), st.integers(11, 90))
def test_a_price_times_the_pieces_that_are_broken(pieces: int, price: int) -> None:
    ground = of_case(f"坏 {pieces} 个", f"单价 {price} 元")
    assert blocked(f"一共退您{pieces * price}元。", ground) == []
    assert blocked(f"一共退您{pieces * price + price}元。", ground) != []


@settings(deadline=None)
@given(st.integers(100, 999), st.integers(4, 40))
def test_a_share_on_record_of_what_was_paid(paid: int, share: int) -> None:
    ground = of_case(f"实付 {paid} 元", f"坏果率 {share}%")
    assert blocked(f"退您{paid * share / 100:.2f}元。", ground) == []
    assert blocked(f"退您{paid * (share + 1) / 100:.2f}元。", ground) != []


@pytest.mark.parametrize(
    ("start", "length", "end"),
    [
        ("签收 2026-11-01", "无理由 7 天", "11月8日"),
        ("付款 2026-01-31", "质保 1 个月", "2月28日"),
        ("付款 2026-03-01", "质保 2 年", "2028年3月1日"),
        ("付款 12月30日", "48小时内发货，时效 48 小时", "1月1日"),
    ],
)
def test_a_deadline_is_a_date_and_a_length_on_record(start: str, length: str, end: str) -> None:
    assert blocked(f"到{end}为止。", of_case(start, length)) == []
    assert blocked(f"到{end}为止。", of_case(length)) != []


def test_a_difference_may_be_told_and_never_undertaken() -> None:
    ground = of_case("订 30 包，到 21 包")
    assert blocked("差了9包。", ground) == []
    assert blocked("再送您9包。", ground) != []


# ---- a buyer's number, told or taken over ----

NODS = (
    "您提的{}我认。",
    "您说{}，成。",
    "{}不是不可以。",
    "看到您说的{}了，就照这个。",
    "您要的{}妥妥的。",
    "{}跑不了。",
)
DECLINED = (
    "{}实在谈不上。",
    "{}真申请不下来。",
    "{}我这边批不了。",
    "{}比实付还高。",
    "{}超出我的权限。",
    "您说的{}我看到了。",
)


@pytest.mark.parametrize("amount", ["三百", "五百块", "888", "两千六", "三倍", "九成"])
@pytest.mark.parametrize("verdict", ["reasonable", "unreasonable", "needs_clarification"])
def test_a_nod_makes_it_ours_and_a_refusal_leaves_it_theirs(amount: str, verdict: Verdict) -> None:
    ground = of_case("实付 59 元", buyer=f"赔我{amount}", verdict=verdict)
    for frame in NODS:
        assert blocked(frame.format(amount), ground) != [], frame
    for frame in DECLINED:
        assert blocked(frame.format(amount), ground) == [], frame


@pytest.mark.parametrize("feast", ["元旦", "中秋", "双十二", "春节", "圣诞"])
def test_a_feast_as_a_deadline_needs_a_source(feast: str) -> None:
    assert blocked(f"{feast}之前保证您收到。", of_case("运输中")) != []
    assert blocked(f"{feast}前保证您收到。", of_case(f"{feast}前送达")) == []


@pytest.mark.parametrize("figure", ["110", "119", "120", "618"])
def test_a_figure_that_is_also_a_name_is_an_amount_when_it_is_paid(figure: str) -> None:
    assert blocked(f"退您{figure}。", of_case("实付 59 元")) != []
    assert blocked("618活动的单子也一样，急的话打120。", of_case("实付 59 元")) == []


# ---- numerals ----


@pytest.mark.parametrize(
    ("said", "value"), [("九斤二", 9.2), ("一米八", 1.8), ("2米5", 2.5), ("三尺六", 3.6), ("十斤", 10)]
)
def test_a_digit_behind_a_measure_is_its_tenth(said: str, value: float) -> None:
    assert [n.value for n in find_numbers(fold(said))] == [value]


def test_a_number_behind_a_measure_with_a_unit_of_its_own_is_no_tenth() -> None:
    assert [n.value for n in find_numbers("五斤三块")] == [5, 3]


@pytest.mark.parametrize(("words", "unit"), [("三包", "包"), ("12公斤", "公斤"), ("俩", ""), ("五毫升", "毫升")])
def test_the_measure_word_of_a_count(words: str, unit: str) -> None:
    assert unit_of(words) == unit


# ---- terms and measures ----


@pytest.mark.parametrize("days", [3, 5, 16])
@pytest.mark.parametrize("text", ["{}天内给您结果。", "{}天之后换好。"])
def test_the_days_since_delivery_are_no_term_that_lies_ahead(text: str, days: int) -> None:
    order = {"product": "台灯", "days_since_received": days}
    late = CheckRequest.model_validate({"text": text.format(days), "order": order, "verdict": "reasonable"})
    assert any(f.severity == "block" and f.category == "grounding" for f in CHECKER.check(late, None).findings)
    told = CheckRequest.model_validate({"text": f"您这单签收{days}天了。", "order": order, "verdict": "reasonable"})
    assert CHECKER.check(told, None).findings == []


@settings(deadline=None)
@given(grams=st.integers(1, 40).map(lambda n: n * 250))
def test_a_weight_may_be_told_in_another_measure_but_not_changed(grams: int) -> None:
    ground = of_case(f"净重 {grams} 克")
    assert blocked(f"称下来是{grams / 500:g}斤。", ground) == []
    assert blocked(f"称下来是{grams / 500 + 4:g}斤。", ground) != []


# ---- the buyer's own story ----

STORY = of_case(
    "实付 59 元", buyer="房租八百多，押了三百，五天了还没到，后天我要出差。给我四百", verdict="unreasonable"
)


def blocked_steps(**steps: str) -> set[str]:
    made = [Step(step=cast("StepName", name), text=text, writer="model") for name, text in steps.items()]
    found = CHECKER.reply(made, STORY)
    return {f.step for f in found if f.rule == "buyer_number_as_commitment" and f.step}


@pytest.mark.parametrize(
    "told", ["房租八百多还押着三百，您急我懂。", "五天了没动静，您后天就要出差，抱歉。", "四百这个想法我看到了。"]
)
def test_empathy_tells_the_buyers_story_with_its_numbers(told: str) -> None:
    assert blocked_steps(empathy=told, rule="这单办不了，签收时没有毛病。") == set()


def test_money_is_a_story_only_in_empathy() -> None:
    assert blocked_steps(empathy="押了东西出门不容易，我懂。", closing="三百的押金，房租八百多。") == {"closing"}


@pytest.mark.parametrize(
    "given",
    [
        "四百这就给您转。",
        "四百，进您账户了。",
        "四百也不是不可以。",
        "四百的事我们认。",
        "四百，请查收。",
        "您要四百，好说。",
    ],
)
def test_empathy_gives_nothing_away(given: str) -> None:
    assert blocked_steps(empathy=given, rule="这单办不了。") == {"empathy"}


@pytest.mark.parametrize("due", ["后天就能到。", "后天送到。", "五天内发出。", "后天前给您办好。"])
@pytest.mark.parametrize("step", ["empathy", "rule", "closing"])
def test_a_day_the_buyer_named_is_no_deadline_of_ours(step: str, due: str) -> None:
    assert blocked_steps(**{step: due}) == {step}
