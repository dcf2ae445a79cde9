from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.text.segment import BLANK, blank, clauses, quoted, sentences


def cut(text: str, spans: list[tuple[int, int]]) -> list[str]:
    return [text[a:b] for a, b in spans]


def test_clauses_end_at_pauses_but_numbers_stay_whole() -> None:
    text = "好的,1.5元、10:20到…行吧~嗯。"
    assert cut(text, clauses(text)) == ["好的,", "1.5元、10:20到…", "行吧~", "嗯。"]


def test_sentences_keep_their_commas() -> None:
    text = "好的,我看看。稍等!\n收到了吗?"
    assert cut(text, sentences(text)) == ["好的,我看看。", "稍等!\n", "收到了吗?"]


def test_empty_text_has_no_parts() -> None:
    assert clauses("") == sentences("  ") == quoted("") == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("您说“太慢了”,我催。", ["太慢了"]),
        ("按钮「我的订单」在右下角", ["我的订单"]),
        ("您担心到不了,不会的", ["到不了"]),
        ("您问能不能退,可以", ["能不能退"]),
        ("有人说掉色,我们测过", ["掉色"]),
        ("您说什么都没用", []),
        ("您问物流去", []),
        ("您说的这个我看看", []),
        ("您这种“贵客”我们见过", []),
        ("“没有结尾的引号", []),
        ("不可能这三个字先收回", ["不可能"]),
    ],
)
def test_quoted(text: str, said: list[str]) -> None:
    assert cut(text, quoted(text)) == said


def test_blank_keeps_the_length() -> None:
    assert blank("您说退款", [(2, 4)]) == "您说" + BLANK * 2


@given(st.text(alphabet="您说问好的退款,。!?…~\n “”「」.1a", max_size=50))
def test_parts_cover_everything_that_is_said(text: str) -> None:
    for spans in (clauses(text), sentences(text)):
        assert all(a < b for a, b in spans)
        assert all(one[1] <= other[0] for one, other in pairwise(spans))
        covered = {i for a, b in spans for i in range(a, b)}
        assert all(i in covered for i, c in enumerate(text) if c in "您说问好的退款a1")
    assert len(blank(text, quoted(text))) == len(text)
