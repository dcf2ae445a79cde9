from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.text.normalise import Normalised, fold, normalise


@pytest.mark.parametrize(
    ("sent", "normal"),
    [
        ("ＡＢＣ１２３，好！", "abc123,好!"),
        ("這個號碼後面", "这个号码后面"),
        ("序列号，台湾", "序列号,台湾"),
        ("不\u200b可\u2060能", "不可能"),
        ("e\u0301t\u00e9", "ete"),
        ("好 \u3000 \n 的", "好\n的"),
        ("\u202e反着写\u202c", "反着写"),
        ("1\ufe0f\u20e3号", "1号"),
        ("等等…好", "等等…好"),
        ("〝引号〞『』", "〝引号〞『』"),
        ("妳著急", "你着急"),
        ("℃ ½", "°c 1⁄2"),
        ("", ""),
    ],
)
def test_normal_form(sent: str, normal: str) -> None:
    assert normalise(sent).text == normal


def test_span_leads_back_over_dropped_and_grown_characters() -> None:
    sent = "退\u200b款㈱！"
    norm = normalise(sent)
    assert norm.text == "退款(株)!"
    assert sent[slice(*norm.span(0, 2))] == "退\u200b款"
    assert sent[slice(*norm.span(3, 4))] == "㈱"
    assert norm.span(2, 2) == (3, 3)


def test_a_mark_belongs_to_the_letter_it_sits_on() -> None:
    assert normalise("e\u0301t").span(0, 1) == (0, 2)


@pytest.mark.parametrize("span", [(-1, 0), (0, 3), (2, 1)])
def test_a_span_outside_the_text_is_refused(span: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="outside"):
        normalise("好的").span(*span)


chat = st.text(
    alphabet=st.one_of(st.sampled_from("您不可能退款,。！… ~·aB１😏\u200b\u0301這個〇"), st.characters(codec="utf-8")),
    max_size=60,
)


@given(chat)
def test_every_span_stays_inside_and_in_order(text: str) -> None:
    norm = normalise(text)
    last = 0
    for i in range(len(norm.text)):
        start, end = norm.span(i, i + 1)
        assert 0 <= start < end <= len(text)
        assert start >= last
        last = start


@given(chat)
def test_normal_form_is_stable_and_agrees_with_fold(text: str) -> None:
    once = normalise(text).text
    assert normalise(once).text == once
    assert fold(text) == once


@given(st.text(alphabet="这双鞋子很合脚谢谢", max_size=30))
def test_plain_simplified_text_is_itself(text: str) -> None:
    assert normalise(text) == Normalised(text, text)
