"""Evasions undone, with spans that lead back to what was sent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.text.normalise import normalise
from service.text.squeeze import squeeze


@pytest.mark.parametrize(
    ("sent", "squeezed"),
    [
        ("您·这~人 好 怪", "您这人好怪"),
        ("这。不。可。能，好吧。", "这不可能,好吧。"),
        ("好，您看，行", "好,您看,行"),
        ("您好，请问。可以。", "您好,请问。可以。"),
        ("真😏的😏吗", "真的吗"),
        ("哈哈哈哈好", "哈好"),
        ("谢谢您", "谢谢您"),
        ("bu可能", "不可能"),
        ("Ｂｕ ｋｅ ｎｅｎｇ的", "不可能的"),
        ("这事木有办法", "这事没有办法"),
        ("绝b对能", "绝对能"),
        ("布料和中介费", "布料和中介费"),
        ("第1、2、3步", "第1、2、3步"),
    ],
)
def test_squeeze(sent: str, squeezed: str) -> None:
    assert squeeze(normalise(sent)).text == squeezed


def test_squeezed_spans_cover_what_was_stuffed_in() -> None:
    sent = "您真·搞·笑！"
    norm = squeeze(normalise(sent))
    start = norm.text.index("搞笑")
    assert sent[slice(*norm.span(start, start + 2))] == "搞·笑"


chat = st.text(
    alphabet=st.one_of(st.sampled_from("您不可能退款,。！… ~·aB１😏\u200b\u0301這個〇"), st.characters(codec="utf-8")),
    max_size=60,
)


@given(chat)
def test_every_squeezed_span_stays_inside_and_in_order(text: str) -> None:
    norm = squeeze(normalise(text))
    last = 0
    for i in range(len(norm.text)):
        start, end = norm.span(i, i + 1)
        assert 0 <= start < end <= len(text)
        assert start >= last
        last = start
