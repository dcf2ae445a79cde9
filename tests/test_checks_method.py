"""The plan: steps there and in order, each doing its job; and what leaks, is too long or private."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.checks.ground import Ground
from service.checks.leaks import check_leaks
from service.checks.length import check_length
from service.checks.method import check_method
from service.checks.privacy import check_privacy
from service.rulebook.checkrules import load_checkrules
from service.schemas import Step, StepIn, StepName
from service.settings import HOME

RULES = load_checkrules(HOME / "knowledge" / "checks.yaml")
REFUSAL: tuple[StepName, ...] = ("empathy", "rule", "alternative", "firmness", "closing")
TEXTS: dict[StepName, str] = {
    "empathy": "家里人多了嫌锅小，这个我懂。",
    "rule": "全款退这单办不了：不想要的退货要在签收后7天内提。",
    "alternative": "锅用着出了毛病，拍给我，按质保办。",
    "firmness": "找平台是您的权利，上面说的照样给您办。",
    "closing": "您看是哪种情况，回我一句。",
}
GROUND = Ground(
    records=("7 天",),
    buyer=("家里人多了，锅太小，全退吧",),
    verdict="unreasonable",
    offers=("质保检测",),
    planned=REFUSAL,
    given=True,
)


def steps(*names: StepName, **texts: str) -> list[StepIn]:
    return [StepIn(step=name, text=texts.get(name, TEXTS[name])) for name in names]


def rules_of(found_steps: list[StepIn], ground: Ground = GROUND) -> list[str]:
    return [f.rule for f in check_method(found_steps, ground, RULES)]


def test_a_good_refusal_has_no_findings() -> None:
    assert rules_of(steps(*REFUSAL)) == []
    assert check_method([Step(step=n, text=TEXTS[n]) for n in REFUSAL], GROUND, RULES) == []


@pytest.mark.parametrize("missing", REFUSAL)
def test_a_missing_step_is_found_where_it_should_stand(missing: StepName) -> None:
    kept = [name for name in REFUSAL if name != missing]
    [finding] = check_method(steps(*kept), GROUND, RULES)
    reply = "\n".join(TEXTS[name] for name in kept)
    assert (finding.rule, finding.step, finding.severity) == ("step_missing", missing, "block")
    assert finding.start == finding.end
    before = [name for name in kept if REFUSAL.index(name) < REFUSAL.index(missing)]
    expected = sum(len(TEXTS[name]) + 1 for name in before)
    assert finding.start == min(expected, len(reply))


@pytest.mark.parametrize("order", [p for p in permutations(REFUSAL[:4]) if p != REFUSAL[:4]])
def test_any_other_order_is_found(order: tuple[StepName, ...]) -> None:
    assert "step_out_of_order" in rules_of(steps(*order, "closing"))


def test_a_step_twice_or_not_planned_is_found() -> None:
    twice = [*steps(*REFUSAL), *steps("closing")]
    assert rules_of(twice) == ["step_unplanned"]
    assert rules_of(steps(*REFUSAL), replace(GROUND, planned=("empathy", "rule", "alternative", "closing"))) == [
        "step_unplanned"
    ]


def test_nothing_is_checked_without_ground() -> None:
    assert check_method(steps("closing"), replace(GROUND, given=False), RULES) == []


def test_offsets_are_those_of_the_joined_reply() -> None:
    written = steps(*REFUSAL, firmness="评价随您，那就给您多补一点。")
    reply = "\n".join(step.text for step in written)
    findings = check_method(written, GROUND, RULES)
    assert [f.rule for f in findings] == ["firmness_concedes"] * len(findings) != []
    assert all(reply[f.start : f.end] == f.excerpt and f.step == "firmness" for f in findings)


@pytest.mark.parametrize(
    ("step", "text", "rule", "severity"),
    [
        ("empathy", "非常理解您的心情，锅小了是不方便。", "empathy_formula", "warn"),
        ("empathy", "您好，欢迎光临。", "empathy_general", "warn"),
        ("rule", "我们很重视您。这单退不了。", "rule_without_conclusion", "warn"),
        ("firmness", "这次就给您破例一回。", "firmness_concedes", "block"),
        ("firmness", "您去投诉也没用的。", "firmness_discourages", "block"),
        ("closing", "祝您天天开心。", "closing_without_next", "warn"),
        ("closing", "  。", "step_empty", "block"),
    ],
)
def test_a_step_that_does_not_do_its_job(step: StepName, text: str, rule: str, severity: str) -> None:
    findings = check_method(steps(*REFUSAL, **{step: text}), GROUND, RULES)
    assert (rule, severity, step) in [(f.rule, f.severity, f.step) for f in findings]


def test_a_sentence_said_before_is_found_and_a_short_word_is_not() -> None:
    ground = replace(GROUND, agent=("好的。" + TEXTS["rule"] + "好的。",))
    assert rules_of(steps(*REFUSAL), ground) == ["sentence_repeated"]
    again = replace(GROUND, agent=("好的。",))
    assert rules_of(steps(*REFUSAL, closing="好的。您想好回我。"), again) == []


def test_an_alternative_needs_something_to_offer() -> None:
    assert rules_of(steps(*REFUSAL), replace(GROUND, offers=())) == ["offer_not_there"]


# ---- leaks ----


@pytest.mark.parametrize(
    "text",
    [
        "亲{称呼}在的",
        "可抵〔八元〕",
        "给您XX元",
        "[X个工作日]内",
        "请【订单号】查",
        "<div>好</div>",
        "**好的**",
        "x元券",
    ],
)
def test_leaks_block(text: str) -> None:
    findings = check_leaks(text, RULES)
    assert {(f.category, f.severity) for f in findings} == {("leak", "block")}


def test_overlapping_leaks_are_told_once_at_their_place() -> None:
    text = "您好，[X个工作日内]给您｛金额｝。"
    findings = check_leaks(text, RULES)
    assert [f.excerpt for f in findings] == ["[X个工作日内]", "｛金额｝"]
    assert all(text[f.start : f.end] == f.excerpt for f in findings)


@given(st.text(alphabet='{}[]<>【】〔〕*#_x元天http://.:"您好 \n', max_size=60))
def test_leaks_lie_in_the_text_and_do_not_overlap(text: str) -> None:
    findings = check_leaks(text, RULES)
    assert all(text[f.start : f.end] == f.excerpt for f in findings)
    assert all(a.end <= b.start for a, b in pairwise(findings))


# ---- length ----


@given(st.integers(1, 400), st.integers(40, 400))
def test_length_is_told_exactly_when_it_is_over(size: int, most: int) -> None:
    findings = check_length("好" * size + " \n", Ground(max_chars=most), RULES)
    assert [(f.start, f.end, f.severity) for f in findings] == ([(most, size, "warn")] if size > most else [])


# ---- privacy ----

PRIVATE = [
    "打 13912345678 找我",
    "电话一三九一二三四五六七八",
    "加微信 helper_2026 说",
    "QQ 34567890 聊",
    "发到 aftersale@shop.example",
    "座机 0571-88123456",
    "身份证 11010519491231002X",
    "寄到广东省深圳市南山区科技路 12 号 3 栋 401 室",
]


@pytest.mark.parametrize("text", PRIVATE)
def test_personal_data_in_a_reply_blocks(text: str) -> None:
    findings = check_privacy(text, Ground(buyer=(text,), records=(text,), given=True), RULES)
    assert {(f.rule, f.severity) for f in findings} == {("private_data", "block")}


def test_the_shops_own_return_address_may_be_sent() -> None:
    address = "广东省深圳市南山区科技路12号3栋401室"
    text = f"寄回到{address}，电话 13912345678。"
    ours = Ground(records=(f"退货地址：{address} 电话13912345678",), given=True)
    assert check_privacy(text, ours, RULES) == []
    buyers = Ground(records=(f"收货信息：{address} 电话13912345678",), given=True)
    assert {f.rule for f in check_privacy(text, buyers, RULES)} == {"private_data"}


def test_order_and_parcel_numbers_pass_when_somebody_gave_them() -> None:
    text = "运单号 SF1388812345678 到驿站了。"
    assert check_privacy(text, Ground(records=("顺丰 SF1388812345678",), given=True), RULES) == []
    assert check_privacy(text, Ground(buyer=("SF1388812345678 在哪",), given=True), RULES) == []
    assert [f.severity for f in check_privacy(text, Ground(given=True), RULES)] == ["block"]


def test_a_plain_reply_holds_nothing_private() -> None:
    reply = "\n".join(TEXTS.values()) + "尾号 5678 那单，打 12315 也行，第10天了，259元。"
    assert check_privacy(reply, Ground(given=True), RULES) == []
