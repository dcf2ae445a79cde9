"""Evasions undone, with spans that lead back to what was sent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.text.normalise import normalise
from service.text.squeeze import Disguises, squeeze


@pytest.mark.parametrize(
    ("sent", "squeezed"),
    [
        ("您·这~人 好 怪", "您这人好怪"),
        ("这。不。可。能，好吧。", "这不可能好吧。"),
        ("好，您看，行", "好,您看,行"),
        ("您好，请问。可以。", "您好,请问。可以。"),
        ("真😏的😏吗", "真的吗"),
        ("哈哈哈哈好", "哈好"),
        ("谢谢您", "谢谢您"),
        ("这事木有办法", "这事没有办法"),
        ("布料和中介费", "布料和中介费"),
        ("第1、2、3步", "第1、2、3步"),
    ],
)
def test_squeeze(sent: str, squeezed: str) -> None:
    assert squeeze(normalise(sent)).text == squeezed


@pytest.mark.parametrize(
    ("sent", "undone"),
    [
        ("bu可能", "不可能"),
        ("Ｂｕ ｋｅ ｎｅｎｇ的", "不可能的"),
        ("bù kě néng", "不可能"),
        ("bu4 ke3 neng2", "不可能"),
        ("wo men bu yun xu", "我们 不允许"),
        ("绝b对能", "绝对能"),
        ("步可能", "不可能"),
        ("彳山信聊", "微信聊"),
        ("徽信聊", "微信聊"),
        ("不【可】能", "不可能"),
        ("不，可\n能", "不可能"),
        ("“不”“可”“能”", "“不可能”"),
        ("您\u202e能可不\u202c的", "您不可能的"),
        ("步行街那家店", "步行街那家店"),
        ("安徽信用社", "安徽信用社"),
        ("可以不，能退吗", "可以不,能退吗"),
        ("快递已定位", "快递已定位"),
        ("Xiaomi的pad", "xiaomi的pad"),
        ("V领那件", "v领那件"),
    ],
)
def test_disguises_of_listed_words_are_undone_and_ordinary_words_are_not(sent: str, undone: str) -> None:
    disguises = Disguises(["不可能", "绝对", "我们", "不允许", "微信", "不行", "一定", "不能"])
    assert disguises.undo(normalise(sent)).text == undone


def test_squeezed_spans_cover_what_was_stuffed_in() -> None:
    sent = "您真·搞·笑！"
    norm = squeeze(normalise(sent))
    start = norm.text.index("搞笑")
    assert sent[slice(*norm.span(start, start + 2))] == "搞·笑"


chat = st.text(
    alphabet=st.one_of(
        st.sampled_from("您不可能退款,。！… ~·aB１😏\u200b\u0301\u202e\u202c這個〇"), st.characters(codec="utf-8")
    ),
    max_size=60,
)


@given(chat)
def test_every_squeezed_span_stays_inside(text: str) -> None:
    norm = Disguises(["不可能", "退款"]).undo(normalise(text))
    for i in range(len(norm.text)):
        start, end = norm.span(i, i + 1)
        assert 0 <= start < end <= len(text)
    first, last = norm.span(0, len(norm.text))
    assert 0 <= first <= last <= len(text)
