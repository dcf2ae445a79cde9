from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.text.normalise import normalise
from service.text.numerals import days_of, find_numbers, number_of


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("三十", 30),
        ("两百", 200),
        ("1.5", 1.5),
        ("半", 0.5),
        ("一千二", 1200),
        ("一万五", 15_000),
        ("二百零五", 205),
        ("三千零二十", 3020),
        ("伍佰", 500),
        ("廿", 20),
        ("2k", 2000),
        ("3w", 30_000),
        ("1,299", 1299),
        ("一点五", 1.5),
        ("二零二六", 2026),
        ("十二", 12),
        ("三亿", 300_000_000),
    ],
)
def test_number_of(text: str, value: float) -> None:
    assert number_of(text) == value


@pytest.mark.parametrize("text", ["", "甲", "三x", "一点", "点五"])
def test_no_numeral_has_no_value(text: str) -> None:
    assert number_of(text) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("退我五百块", [(500, "money")]),
        ("伍佰元整", [(500, "money")]),
        ("两斤六两", [(2.6, "count")]),
        ("只有半两", [(0.5, "count")]),
        ("三两天", [(3, "day"), (2, "day")]),
        ("按八百五折价", [(850, "plain")]),
        ("两百三对半", [(230, "plain"), (50, "percent")]),
        ("要千分之三一天", [(0.3, "percent"), (1, "day")]),
        ("翻个倍", [(2, "multiple")]),
        ("¥259.00", [(259, "money")]),
        ("两块五和五毛", [(2.5, "money"), (0.5, "money")]),
        ("20r", [(20, "money")]),
        ("两成", [(20, "percent")]),
        ("百分之八十", [(80, "percent")]),
        ("打八五折", [(85, "percent")]),
        ("八折", [(80, "percent")]),
        ("退一半", [(50, "percent")]),
        ("三倍", [(3, "multiple")]),
        ("退一赔三", [(3, "multiple")]),
        ("7天无理由", [(7, "day")]),
        ("1-3个工作日", [(1, "day"), (3, "day")]),
        ("两三天", [(2, "day"), (3, "day")]),
        ("一个半月", [(1.5, "month")]),
        ("俩月", [(2, "month")]),
        ("半小时", [(0.5, "hour")]),
        ("30分钟", [(0.5, "hour")]),
        ("第3天", [(3, "ordinal")]),
        ("12月2日", [(1202, "date")]),
        ("2026年11月21日", [(20_261_121, "date")]),
        ("2026-11-21", [(20_261_121, "date")]),
        ("21号前", [(21, "date")]),
        ("3月", [(300, "date")]),
        ("18点前", [(18, "time")]),
        ("下午5点半", [(17.5, "time")]),
        ("10:20", [(pytest.approx(10 + 1 / 3, abs=1e-5), "time")]),
        ("三件", [(3, "count")]),
        ("满300减40", [(300, "plain"), (40, "plain")]),
        ("三块六毛五", [(3.65, "money")]),
        ("十二块零五", [(12.05, "money")]),
        ("七块七包邮", [(7.7, "money")]),
        ("八块八一斤", [(8.8, "money"), (1, "count")]),
        ("退您30元两天到账", [(30, "money"), (2, "day")]),
        ("rmb300", [(300, "money")]),
        ("一两千", [(1000, "plain"), (2000, "plain")]),
        ("小一千", [(1000, "plain")]),
        ("千把块", [(1000, "money")]),
        ("1万2", [(12_000, "plain")]),
        ("3千5百块", [(3500, "money")]),
        ("5百3天", [(500, "plain"), (3, "day")]),
        ("半价", [(50, "percent")]),
        ("翻倍", [(2, "multiple")]),
        ("缺一赔二", [(2, "multiple")]),
        ("千分之五", [(0.5, "percent")]),
        ("四分之一", [(25, "percent")]),
        ("一成五", [(15, "percent")]),
        ("大后天", [(3, "ahead")]),
        ("下礼拜四", [(24, "weekday")]),
        ("晚上七点二十", [(pytest.approx(19 + 1 / 3, abs=1e-5), "time")]),
        ("三刻钟", [(0.75, "hour")]),
        ("俩都要", [(2, "count")]),
        ("165/110", [(165, "plain"), (110, "plain")]),
    ],
)
def test_find_numbers(text: str, found: list[tuple[float, str]]) -> None:
    assert [(n.value, n.kind) for n in find_numbers(text)] == found


@pytest.mark.parametrize(
    "text",
    [
        "等一下",
        "一直一起",
        "万一",
        "三番五次",
        "百分百",
        "打12315",
        "双十一",
        "零件",
        "咱俩",
        "第一时间",
        "第三方",
        "千万别",
        "一点",
    ],
)
def test_idioms_hold_no_number(text: str) -> None:
    assert find_numbers(text) == []


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("半年", 182),
        ("3个月", 90),
        ("两周", 14),
        ("36小时", 1.5),
        ("大半年", 200),
        ("一个多月", 35),
        ("两三个月", 75),
        ("一年", 365),
        ("昨天", 1),
        ("用了半个月", 15),
    ],
)
def test_days_of(text: str, days: float) -> None:
    assert days_of(text) == pytest.approx(days, abs=0.01)


def test_no_duration_no_days() -> None:
    assert days_of("刚刚") is None
    assert days_of("五百块") is None


@pytest.mark.parametrize(("text", "value"), [("三四", 3), ("两三", 2), ("八九", 8), ("一八", 18), ("三二", 32)])
def test_neighbouring_digits_are_about_and_not_tens(text: str, value: float) -> None:
    assert number_of(text) == value


HAN = "零一二三四五六七八九"


def spelled(n: int) -> str:
    """1–9999 in Chinese, as people write it."""
    parts, zero = [], False
    for scale, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit, n = divmod(n, scale)
        if digit:
            parts.append(("零" if zero and parts else "") + HAN[digit] + name)
        zero = not digit
    return "".join(parts)


@given(st.integers(min_value=1, max_value=9999))
def test_spelled_numerals_come_back(n: int) -> None:
    assert number_of(spelled(n)) == n


@given(st.floats(min_value=0.01, max_value=99_999, allow_nan=False).map(lambda x: round(x, 2)))
def test_amounts_come_back_wherever_they_stand(amount: float) -> None:
    [number] = find_numbers(f"差价{amount:.2f}元退您")
    assert (number.value, number.kind) == (pytest.approx(amount), "money")


@given(st.text(alphabet="一二三十百千万半点5,.0两天块元个月号-至多来几成折第%¥:星期百分之 ", max_size=24))
def test_numbers_never_overlap_and_never_fail(text: str) -> None:
    text = normalise(text).text
    last = 0
    for number in find_numbers(text):
        assert last <= number.start < number.end <= len(text)
        last = number.end
    days_of(text)
