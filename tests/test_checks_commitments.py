"""What may be promised: help needs a verdict or an offer, an act said to be done needs a record."""

from __future__ import annotations

from dataclasses import replace

import pytest

from service.checks.ground import Ground
from service.checks.grounding import check_grounding
from service.rulebook.checkrules import load_checkrules
from service.schemas import Verdict
from service.settings import HOME

RULES = load_checkrules(HOME / "knowledge" / "checks.yaml")
ORDER = Ground(records=("实付 259 元", "签收天数 10 天", "数量 2 件"), given=True)


def found(text: str, ground: Ground = ORDER) -> list[tuple[str, str]]:
    return [(f.rule, f.excerpt) for f in check_grounding(text, ground, RULES)]


def promised(verdict: Verdict, *offers: str) -> Ground:
    return replace(ORDER, verdict=verdict, offers=offers)


# ---- commitments ----


@pytest.mark.parametrize("verdict", ["unreasonable", "needs_clarification"])
@pytest.mark.parametrize(
    "text",
    [
        "好的，给您全额退款。",
        "您留着用，我把钱退您。",
        "这单我们赔。",
        "来回运费我们承担。",
        "可以给您换新的。",
        "支持退货，您操作就行。",
        "我去帮您争取退款。",
        "一定给您办下来。",
        "怎么会不给您退。",
        "运费您别操心，我们出。",
        "补您差价没问题。",
        "同意退款，您等着。",
        "您要是愿意，就给您退一半。",
    ],
)
def test_help_that_was_not_granted_is_found(text: str, verdict: Verdict) -> None:
    findings = check_grounding(text, promised(verdict), RULES)
    assert [(f.rule, f.severity) for f in findings][:1] == [("commitment_without_verdict", "block")]
    assert "commitment_without_verdict" not in [rule for rule, _ in found(text, promised("reasonable"))]


@pytest.mark.parametrize(
    "text",
    [
        "家里人多了嫌锅小，这个我懂。",
        "全款退这单办不了：不想要的退货要在签收后10天内提。",
        "锅要是出了毛病，不看天数，拍段视频给我，按质保给您修。",
        "结论跟刚才一样，没有毛病的话退不了。",
        "评价您照实写，不影响我给您办。",
        "寄回的运费这次要您出，不喜欢退的，寄回这段归买家。",
        "我这就转给负责的同事，由他跟您联系。",
        "退款按规定走原路退回，平台外面转账没有保障。",
        "您说“给我全额退款”，我看到了。",
        "有检测结论发给我，重新核了给您退。",
        "东西没有毛病的话，退款要先把货退回来。",
        "尺码表要是标错了，截图给我，运费我们来。",
    ],
)
def test_a_good_refusal_is_left_alone(text: str) -> None:
    assert found(text, promised("unreasonable")) == []


def test_an_offer_permits_its_own_kind_only() -> None:
    assert found("给您放张换购券。", promised("unreasonable", "换购券")) == []
    assert [r for r, _ in found("给您退一部分钱。", promised("unreasonable", "换购券"))] == [
        "commitment_without_verdict"
    ]
    assert found("退换没问题，您点一下。", promised("unreasonable", "自费退换")) == []
    assert [r for r, _ in found("送您一张券。", promised("unreasonable", "没这个替代"))] == [
        "commitment_without_verdict"
    ]


def test_a_bargain_is_no_condition() -> None:
    assert found("只要您删掉差评，就给您退款。", promised("unreasonable")) != []
    assert found("只要检测出是质量问题，就给您退款。", promised("unreasonable")) == []


# ---- acts ----


@pytest.mark.parametrize(
    ("text", "record"),
    [
        ("已为您登记。", "2026-11-20 客服登记：漏水"),
        ("我已经联系快递了。", "已与快递沟通，待回复"),
        ("给您提交好了。", "退货申请已提交"),
        ("刚帮您催过了。", "催件一次"),
        ("退款已经到账了。", "退款成功"),
        ("已将情况反馈给主管。", "转交主管处理"),
        ("已经给您补发了。", "补发单待揽收"),
    ],
)
def test_an_act_needs_its_record(text: str, record: str) -> None:
    due = replace(ORDER, verdict="reasonable")
    assert [rule for rule, _ in found(text, due)] == ["act_said_done"]
    assert found(text, replace(due, records=(*ORDER.records, record))) == []


@pytest.mark.parametrize("record", ["未登记", "尚未登记", "没有登记", "待登记", "请登记"])
def test_a_record_that_denies_the_act_is_none(record: str) -> None:
    ground = replace(ORDER, records=(record,))
    assert [rule for rule, _ in found("已为您登记。", ground)] == ["act_said_done"]


@pytest.mark.parametrize(
    "text",
    ["我这就登记。", "您已经提交过了。", "登记好以后我告诉您。", "还没联系上。", "您申请了吗？", "已经拆封用过了。"],
)
def test_what_is_not_said_to_be_done_is_left_alone(text: str) -> None:
    assert found(text) == []
