from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.rulebook.frameindex import FrameIndex
from service.rulebook.frames import Frames

WORDS = {"送": ["送到", "送"], "谁": ["快递", "驿站", "顺丰"], "空": []}


def hits(frame: str, text: str) -> list[str]:
    return [text[m.start : m.end] for m in Frames([frame], WORDS).finditer(text)]


@pytest.mark.parametrize(
    ("frame", "text", "found"),
    [
        ("退 款", "退款了,退 款", ["退款"]),
        ("<送> … <谁>", "包裹送到了小区驿站", ["送到了小区驿站"]),
        ("<送> … <谁>", "送到了,驿站", []),
        ("<送> … <谁>", "送来以后才知道放在了驿站", []),
        ("<送> …12 <谁>", "送来以后才知道放在了驿站", ["送来以后才知道放在了驿站"]),
        ("很? 好", "很好,好", ["很好", "好"]),
        ("退|换 不?  了", "退了,换不了", ["退了", "换不了"]),
        ("退貨", "退货", ["退货"]),
        ("^ 不 行 $", "这不行,不行。不行的", ["不行"]),
        ("行 吧|$", "行吧,行,行的", ["行吧", "行"]),
        ("可以 !的|了", "可以的,可以退", ["可以"]),
        ("-不|没 允许", "不允许,没允许,允许", ["允许"]),
        ("<谁>|银行 退", "银行退,驿站退,店里退", ["银行退", "驿站退"]),
        ("用了 <时长>", "用了三个月,用了半年多,用了很久", ["用了三个月", "用了半年多"]),
        ("<数> 天 无理由", "15天无理由,十五天无理由", ["15天无理由", "十五天无理由"]),
        ("赔 我? <金额>", "赔我五百块,赔20元,赔点钱", ["赔我五百块", "赔20元"]),
    ],
)
def test_grammar(frame: str, text: str, found: list[str]) -> None:
    assert hits(frame, text) == found


def test_classes_and_numerals_are_captured_under_their_names() -> None:
    text = "顺丰3天,驿站5天"
    match = Frames(["<谁> <数> 天 , <谁> <数> 天"], WORDS).search(text)
    assert match is not None
    captured = {name: text[a:b] for name, (a, b) in match.captures.items()}
    assert captured == {"谁": "顺丰", "数": "3", "谁2": "驿站", "数2": "5"}


def test_an_optional_class_that_is_not_there_is_not_captured() -> None:
    match = Frames(["找 <谁>? 吧"], WORDS).search("找吧")
    assert match is not None
    assert match.captures == {}


@pytest.mark.parametrize(
    "frame",
    ["", "  ", "<无此类>", "<空>", "好||坏", "好?", "…", "^ …3 $", "好<谁", "啥?吗", "-<数> 天", "好|!坏"],
)
def test_a_frame_that_cannot_work_is_refused_with_a_reason(frame: str) -> None:
    with pytest.raises(ValueError, match=r"[\u4e00-\u9fff]{3}"):
        Frames([frame], WORDS)


def test_matches_come_in_text_order_with_the_place_of_their_frame() -> None:
    found = [(m.start, m.frame) for m in Frames(["乙", "甲"], {}).finditer("甲乙甲")]
    assert found == [(0, 1), (1, 0), (2, 1)]


def test_index_finds_what_each_list_finds_alone() -> None:
    lists = {
        "a": Frames(["找 … <谁>", "<数> 天"], WORDS),
        "b": Frames(["快递"], WORDS),
        "c": Frames(["没有的词"], WORDS),
    }
    index: FrameIndex[str] = FrameIndex()
    for key, frames in lists.items():
        index.add(key, frames)
    found = index.scan("您找一下快递,三天了")
    assert [(key, m.frame) for key, m in found] == [("a", 0), ("b", 0), ("a", 1)]


def test_index_may_grow_after_a_scan() -> None:
    index: FrameIndex[str] = FrameIndex()
    index.add("first", Frames(["退款"], {}))
    assert index.scan("换货") == []
    index.add("second", Frames(["换货"], {}))
    assert [key for key, _ in index.scan("换货退款")] == ["second", "first"]


FRAMES = ["找 … <谁>", "<数> 天", "快递|丢 !了", "^ 不 行 $", "-不 好?  的", "赔 …3 <金额>"]


@given(st.text(alphabet="找快递顺丰不行好的三5天元赔,。 丢了", max_size=30))
def test_the_prefilter_never_loses_a_match(text: str) -> None:
    frames = Frames(FRAMES, WORDS)
    index: FrameIndex[int] = FrameIndex()
    index.add(1, frames)
    assert sorted((m.start, m.end, m.frame) for _, m in index.scan(text)) == sorted(
        (m.start, m.end, m.frame) for m in frames.finditer(text)
    )


ALPHABET = "退款不您我,。 吧送到驿站3天"


@given(st.lists(st.text(alphabet=ALPHABET, max_size=14), min_size=1, max_size=12))
def test_the_index_finds_what_each_frame_alone_finds_however_often_it_is_asked(texts: list[str]) -> None:
    frames = Frames(["不 …3 退", "<送> …4 <谁>", "^ 您 …2 吧|$", "退 , 不", "<数> 天", "退款 !吧"], WORDS)
    index: FrameIndex[str] = FrameIndex()
    index.add("key", frames)
    for text in texts + texts:
        assert [match for _, match in index.scan(text)] == list(frames.finditer(text))


@given(st.text(alphabet=ALPHABET, max_size=40), st.integers(0, 40), st.integers(0, 40))
def test_within_spans_each_is_searched_as_if_it_stood_alone(text: str, one: int, other: int) -> None:
    frames = Frames(["不 …3 退", "^ 您 …2 吧|$", "退 , 不", "<数> 天", "-不 退"], WORDS)
    index: FrameIndex[str] = FrameIndex()
    index.add("key", frames)
    start, end = min(one, other, len(text)), min(max(one, other), len(text))
    alone = [match.moved(start) for match in frames.finditer(text[start:end])]
    assert [match for _, match in index.scan(text, [(start, end)])] == alone
