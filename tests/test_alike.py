"""Hearing by example: own sentences, silence, and what likeness alone may never say."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.errors import RulebookError
from service.reading import read
from service.rulebook.alike import ByExample, ExamplesFile, load_examples
from tests.desk import KNOWLEDGE, inquiry, shipped

SMALL = ExamplesFile(
    fact="原因",
    ridge=0.1,
    margin=0.2,
    silent=["没说"],
    examples={
        "延误": ["快递三天不动了", "等了一个星期还没到", "物流停在半路不动"],
        "少发": ["袋子里少了一件", "配件缺一个", "打开少了一包"],
        "没说": ["在吗", "谢谢你", "好的知道了"],
    },
)


def test_a_sentence_like_the_examples_is_heard_with_the_example_it_is_like():
    alike = ByExample(SMALL).hear("我的快递停在半路三天不动了")
    assert alike is not None
    assert alike.value == "延误"
    assert ByExample(SMALL).nearest("我的快递停在半路三天不动了", alike.value) in SMALL.examples["延误"]


@pytest.mark.parametrize("sentence", ["在吗", "", "qwerty", "谢谢你"])
def test_what_says_nothing_is_not_heard(sentence):
    assert ByExample(SMALL).hear(sentence) is None


def test_the_clearest_of_several_sentences_speaks():
    place, alike = ByExample(SMALL).clearest(["在吗", "打开少了一包配件", "谢谢你"])
    assert (place, alike.value) == (1, "少发")


def test_frames_come_first_and_likeness_shows_its_example():
    book = shipped()
    framed = read(inquiry("杯子碎了"), book.listening, book.facts)
    assert all(not one.like for one in framed.of("原因"))
    guessed = [
        one
        for words in ("袋子扎口好好的里头却空了一格", "盖子一拧就打滑合不上", "布面起了一层小球球")
        for one in read(inquiry(words), book.listening, book.facts).of("原因")
    ]
    assert guessed
    assert all(one.quote for one in guessed)


def test_no_unlawful_wish_is_ever_heard_by_likeness_alone():
    unlawful = {"评价换钱", "删评换钱", "走站外", "虚开", "改填理由", "查他人信息"}
    demand = next(one for one in shipped().listening.by_example if one.fact == "诉求")
    examples = [text for value, text in demand._examples if value in unlawful]
    assert len(examples) > 100
    assert not {alike.value for text in examples if (alike := demand.hear(text))} & unlawful


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=300))
def test_any_text_gives_an_answer(text):
    alike = ByExample(SMALL).hear(text)
    assert alike is None or alike.margin >= SMALL.margin


def test_an_unknown_value_is_refused_with_its_line(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text("fact: 原因\nridge: 1\nmargin: 0.1\nsilent: [没说]\nexamples:\n  没有的:\n    - 在吗\n", "utf-8")
    with pytest.raises(RulebookError) as caught:
        load_examples(tmp_path, shipped().facts)
    assert caught.value.line == 6


def test_a_sentence_the_frames_must_not_hear_is_not_heard_by_likeness_either():
    for pattern in shipped().listening.patterns:
        for one in shipped().listening.by_example:
            if one.fact == pattern.fact and "buyer" in pattern.entry.speakers:
                heard = {sentence: one.hear(sentence) for sentence in pattern.entry.not_match}
                assert not [s for s, alike in heard.items() if alike and alike.value == pattern.value], pattern.value


def test_the_shipped_examples_are_many_and_no_sentence_has_two_values():
    for one in load_examples(KNOWLEDGE / "reading" / "examples", shipped().facts):
        texts = [text for _, text in one._examples]
        assert len(texts) > 1000 or not one.fact
        assert len(texts) == len(set(texts))


GROUP = ExamplesFile(
    group="记录说明",
    speaker="record",
    ridge=0.1,
    margin=0.2,
    examples={
        "检测非人为": [
            "检测：芯片自身失效，未见进液磕碰",
            "检测：电机自身失效，不是用户造成",
            "未见进液，不是用户造成",
        ],
        "按时送达": ["物流：比预计还早半天送到", "承诺当天送到门口，没有晚", "物流：当天送到"],
        "无": ["页面：纯棉面料，手洗", "页面：涤纶面料", "备注：老客户"],
    },
)


def test_a_group_of_flags_says_which_flag_a_record_resembles():
    group = ByExample(GROUP)
    assert set(group.facts) == {"检测非人为", "按时送达"}
    assert group.hear("检测：主芯片自身失效，没有进液磕碰").value == "检测非人为"
    assert group.hear("页面：纯棉，手洗") is None


@pytest.mark.parametrize(
    ("head", "told"),
    [("group: 一组\nfact: 原因", "fact 和 group"), ("speaker: buyer", "fact 和 group"), ("group: 一组", "不是是否类")],
)
def test_a_file_is_of_one_fact_or_of_one_group_of_flags(tmp_path, head, told):
    (tmp_path / "x.yaml").write_text(f"{head}\nridge: 1\nmargin: 0.1\nexamples:\n  原因:\n    - 在吗\n", "utf-8")
    with pytest.raises(RulebookError) as caught:
        load_examples(tmp_path, shipped().facts)
    assert told in str(caught.value)
