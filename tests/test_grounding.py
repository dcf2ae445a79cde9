"""Provenance: what has a source is left alone, what has none is found, at its place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.checks.ground import Ground
from service.checks.grounding import check_grounding
from service.checks.said import MOST
from service.checks.sources import Sources, numbers_of
from service.rulebook.checkrules import load_checkrules
from service.schemas import Finding, Verdict
from service.settings import HOME
from service.text.normalise import normalise

Change = Callable[[int, int], str]
RULES = load_checkrules(HOME / "knowledge" / "checks.yaml")
ORDER = Ground(records=("实付 259 元", "签收天数 10 天", "数量 2 件"), given=True)


def found(text: str, ground: Ground = ORDER) -> list[tuple[str, str]]:
    return [(f.rule, f.excerpt) for f in check_grounding(text, ground, RULES)]


def promised(verdict: Verdict, *offers: str) -> Ground:
    return replace(ORDER, verdict=verdict, offers=offers)


# ---- numbers ----

WRITTEN = {
    "money": (("45元", "四十五元", "肆拾伍元", "45块钱", "四十五块", "¥45", "４５元", "45.00元"), "45 元"),
    "percent": (("30%", "三成", "百分之三十", "３０％"), "30%"),
    "multiple": (("六倍", "6倍", "陆倍"), "6 倍"),
    "hour": (("36小时", "三十六个小时", "36个小时"), "36 小时"),
    "day": (("19天", "十九天", "十九日", "19个工作日"), "19 天"),
    "month": (("5个月", "五个月", "伍个月"), "5 个月"),
    "date": (("12月8日", "十二月八号", "12月8号"), "2026-12-08"),
    "time": (("17:30", "下午五点半", "17点30分"), "17:30"),
    "count": (("9瓶", "九瓶", "玖瓶"), "9 瓶"),
}
SPOKEN = ("这件事记的是{}，您看一下。", "给您按{}来办。", "{}。", "您放心，到{}为止都行。")


@pytest.mark.parametrize("kind", WRITTEN)
@pytest.mark.parametrize("frame", SPOKEN)
def test_a_number_nobody_gave_is_found_however_it_is_written(kind: str, frame: str) -> None:
    for number in WRITTEN[kind][0]:
        assert any(rule == "numbers_without_source" for rule, _ in found(frame.format(number))), number


@pytest.mark.parametrize("kind", WRITTEN)
@pytest.mark.parametrize("frame", SPOKEN)
def test_the_same_number_on_record_passes_however_it_is_written(kind: str, frame: str) -> None:
    ground = replace(ORDER, records=(*ORDER.records, WRITTEN[kind][1]), verdict="reasonable")
    for number in WRITTEN[kind][0]:
        assert found(frame.format(number), ground) == [], number


@pytest.mark.parametrize("kind", [kind for kind in WRITTEN if kind != "count"])
@pytest.mark.parametrize("verdict", ["reasonable", "unreasonable", "needs_clarification"])
@pytest.mark.parametrize(
    "frame", ["我们按{}赔给您。", "这就给您补{}。", "保证{}给您退到账。", "好的，{}给您打过去。", "那就{}，给您退。"]
)
def test_what_a_buyer_demands_never_becomes_what_we_promise(kind: str, verdict: Verdict, frame: str) -> None:
    for number in WRITTEN[kind][0]:
        ground = replace(ORDER, buyer=(f"我就要{number}，一分不能少，不给我就去投诉",), verdict=verdict)
        findings = check_grounding(frame.format(number), ground, RULES)
        assert any(f.severity == "block" for f in findings), (number, frame)


@pytest.mark.parametrize("kind", WRITTEN)
@pytest.mark.parametrize("frame", ["您说的{}我看到了。", "{}这一项这单办不了。", "您是想要{}，对吧。"])
def test_a_buyers_number_may_be_repeated_as_theirs(kind: str, frame: str) -> None:
    for number in WRITTEN[kind][0]:
        ground = replace(ORDER, buyer=(f"{number}，你们看着办",), verdict="unreasonable")
        assert found(frame.format(number), ground) == [], (number, frame)


def test_a_kind_is_no_source_for_another() -> None:
    ground = Ground(records=("优惠 8 元",), given=True)
    assert found("这单保8天。", ground) == [("numbers_without_source", "8天")]
    assert found("这单保8天。", Ground(records=("8",), given=True)) == []


@pytest.mark.parametrize(
    ("said", "recorded"),
    [("半年", "180 天"), ("72小时", "3 天"), ("两周", "14 天"), ("一年", "12 个月"), ("七天", "168小时")],
)
def test_the_same_length_in_another_unit_is_a_source(said: str, recorded: str) -> None:
    assert found(f"这单保{said}。", Ground(records=(recorded,), given=True)) == []


@pytest.mark.parametrize(("said", "recorded"), [("半个月", "14 天"), ("一年", "11 个月"), ("八天", "7 天")])
def test_a_near_length_is_not(said: str, recorded: str) -> None:
    assert found(f"这单保{said}。", Ground(records=(recorded,), given=True)) == [("numbers_without_source", said)]


def test_long_numbers_are_compared_as_they_stand() -> None:
    ground = Ground(records=("运单 773300112233445566",), given=True)
    assert found("单号 773300112233445566 在路上。", ground) == []
    assert [rule for rule, _ in found("单号 773300112233445567 在路上。", ground)] == ["numbers_without_source"]


def test_a_cap_covers_less_and_only_of_what_it_caps() -> None:
    ground = replace(promised("unreasonable", "换购券"), records=("coupon_cap：20元",))
    assert found("给您放一张15元的券。", ground) == []
    assert found("给您放一张25元的券。", ground) == [("numbers_without_source", "25元")]
    assert ("numbers_without_source", "15元") in found("这单少收15元。", ground)


@given(st.integers(4, 99_999))
def test_any_amount_passes_exactly_when_it_is_on_record(amount: int) -> None:
    text = f"这单实付{amount}元。"
    assert found(text, Ground(records=(f"amount：{amount}.0",), given=True)) == []
    other = Ground(records=(f"amount：{amount + 1}",), given=True)
    assert found(text, other) == [("numbers_without_source", f"{amount}元")]


DIGITS, FORMAL, WIDE = "零一二三四五六七八九", "零壹贰叁肆伍陆柒捌玖", "０１２３４５６７８９"
SHORT = ((1000, "千"), (100, "百"))


def spelled(n: int, digits: str = DIGITS, scales: str = "千百十") -> str:
    """1–9999 in Chinese."""
    parts, zero = "", False
    for size, name in zip((1000, 100, 10, 1), (*scales, ""), strict=True):
        digit, n = divmod(n, size)
        parts += ("零" if zero and parts and digit else "") + (digits[digit] + name if digit else "")
        zero = not digit
    return parts


def spoken(n: int) -> str:
    """As said at a counter: ``一千二``, ``两百五`` where that is how one says it."""
    for size, name in SHORT:
        if n // size in range(1, 10) and n % size and n % (size // 10) == 0:
            return DIGITS[n // size] + name + DIGITS[n % size // (size // 10)]
    return spelled(n)


AMOUNTS = (
    lambda n: f"{n}元",
    lambda n: f"{n:,}.00元",
    lambda n: f"¥{n}",
    lambda n: f"RMB{n}",
    lambda n: "".join(WIDE[int(d)] for d in str(n)) + "元",
    lambda n: spelled(n) + "块钱",
    lambda n: spelled(n, FORMAL, "仟佰拾") + "元整",
    lambda n: spoken(n) + "块",
)
CHANGE = (
    lambda yuan, fen: f"{yuan}.{fen:02}元",
    lambda yuan, fen: f"{spelled(yuan)}块{DIGITS[fen // 10]}毛{DIGITS[fen % 10]}",
    lambda yuan, fen: f"{yuan}块{fen // 10}毛{fen % 10}分",
    lambda yuan, fen: f"{yuan}块{fen}",
)
SHARES = (
    lambda n: f"{n}0%",
    lambda n: f"百分之{spelled(n * 10)}",
    lambda n: f"{DIGITS[n]}成",
    lambda n: f"{n}折",
    lambda n: f"{n}0个点",
    lambda n: f"十分之{DIGITS[n]}",
)
SPANS = (
    lambda n: f"{n * 7}天",
    lambda n: f"{spelled(n * 7)}天",
    lambda n: f"{n}周",
    lambda n: f"{spelled(n)}个星期",
    lambda n: f"{spelled(n)}礼拜",
    lambda n: f"{n * 168}小时",
    lambda n: f"{n * 168}h",
)
DAYS = (
    lambda n: f"下周{'一二三四五六日'[n - 1]}",
    lambda n: f"下礼拜{'一二三四五六天'[n - 1]}",
    lambda n: f"下个星期{'一二三四五六日'[n - 1]}",
)
NOTATIONS = {
    "amount": (AMOUNTS, st.integers(11, 9999)),
    "share": (SHARES, st.integers(1, 9)),
    "span": (SPANS, st.integers(4, 40)),
    "day": (DAYS, st.integers(1, 7)),
}


@settings(deadline=None)
@given(st.data())
@pytest.mark.parametrize("kind", NOTATIONS)
def test_any_two_notations_of_one_value_resolve_alike_and_no_other_value_passes(kind: str, data: st.DataObject) -> None:
    notations, values = NOTATIONS[kind]
    said, recorded = data.draw(st.sampled_from(notations)), data.draw(st.sampled_from(notations))
    value, other = data.draw(st.lists(values, min_size=2, max_size=2, unique=True))
    text = f"按记录是{said(value)}。"
    assert found(text, Ground(records=(f"核定：{recorded(value)}",), given=True)) == []
    strange = Ground(records=(f"核定：{recorded(other)}",), given=True)
    assert [rule for rule, _ in found(text, strange)] == ["numbers_without_source"]
    demanded = Ground(records=("颜色：红",), buyer=(f"我要{recorded(value)}",), verdict="reasonable", given=True)
    assert "buyer_number_as_commitment" in [rule for rule, _ in found(f"{said(value)}这边同意了。", demanded)]


@settings(deadline=None)
@given(st.integers(1, 99), st.integers(11, 99), st.sampled_from(CHANGE), st.sampled_from(CHANGE))
def test_small_change_resolves_alike(yuan: int, fen: int, said: Change, recorded: Change) -> None:
    text = f"按记录是{said(yuan, fen)}。"
    assert found(text, Ground(records=(f"核定：{recorded(yuan, fen)}",), given=True)) == []
    assert found(text, Ground(records=(f"核定：{recorded(yuan + 1, fen)}",), given=True)) != []


@given(st.text(alphabet="您我们退赔补送元天小时一三五百0 59。，！？给已登记为全额券😊\u200b[{（）", max_size=80))
def test_findings_lie_in_the_text_whatever_it_is(text: str) -> None:
    ground = Ground(buyer=("退我500",), verdict="unreasonable", given=True)
    for finding in check_grounding(text, ground, RULES):
        assert 0 <= finding.start < finding.end <= len(text)
        assert text[finding.start : finding.end] == finding.excerpt


@given(st.text(max_size=60))
def test_numbers_lie_in_the_text_in_order(text: str) -> None:
    plain = normalise(text).text
    places = [(n.start, n.end) for n in numbers_of(plain)]
    assert all(0 <= start < end <= len(plain) for start, end in places)
    assert places == sorted(places)


def test_places_are_those_of_the_text_as_sent() -> None:
    text = "亲～👨‍👩‍👧 這單給您補伍拾圓。"
    [number] = [f for f in check_grounding(text, ORDER, RULES) if f.rule == "numbers_without_source"]
    assert text[number.start : number.end] == "伍拾圓"


@pytest.mark.parametrize("piece", ["给您退500元，", "给您退500元", "已为您登记。", "您说“退500元”给您退500元。"])
def test_a_text_of_nothing_but_faults_is_told_within_bounds(piece: str) -> None:
    ground = replace(ORDER, buyer=("退我500元",), verdict="unreasonable", offers=("换购券",))
    assert 0 < len(found(piece * 2_000, ground)) <= 4 * MOST


def test_sources_are_read_once_and_by_value() -> None:
    sources = Sources(["实付两百五十九块", "签收第10天"])
    assert {(n.value, n.kind) for n in sources.numbers} == {(259.0, "money"), (10.0, "ordinal")}
    assert sources.numbers is sources.numbers


# ---- without ground ----


def test_without_ground_provenance_only_warns() -> None:
    text = "已为您登记，保证给您退500元。"
    findings: list[Finding] = check_grounding(text, Ground(), RULES)
    assert {f.rule for f in findings} >= {"act_said_done", "numbers_without_source", "commitment_without_verdict"}
    assert {f.severity for f in findings} == {"warn"}


def test_a_finding_says_in_chinese_what_is_missing() -> None:
    [finding] = check_grounding("这单保45天。", ORDER, RULES)
    assert finding.category == "grounding"
    assert "45天" in (finding.suggestion or "")
    assert finding.reason.startswith(RULES.entry.rules[finding.rule].name)
