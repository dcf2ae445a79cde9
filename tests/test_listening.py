"""What is heard from buyers, agents and records: every pattern's own sentences, and what must hold of any text."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import RulebookError
from service.reading import Heard, read
from service.rulebook.listening import Pattern, Speaker, load_listening
from service.schemas import Inquiry, Message
from service.text.normalise import normalise
from service.text.segment import blank, quoted, sentences
from tests.desk import KNOWLEDGE, shipped

PATTERNS = shipped().listening.patterns
NAMES = [f"{p.fact}-{p.value}-{p.file.stem}" for p in PATTERNS]
PLAIN = [p for p in PATTERNS if shipped().facts.kind(p.fact) != "choice"]
CHOICES = [p for p in PATTERNS if shipped().facts.kind(p.fact) == "choice"]
LONG_LISTS = ("诉求", "原因", "威胁")


def heard_by(pattern: Pattern, sentence: str, speaker: Speaker) -> bool:
    """Whether this very pattern hears the sentence, the way the reader asks it."""
    text = normalise(sentence).text
    own = blank(text, quoted(text)) if speaker == "buyer" else text
    for found, match in shipped().listening.indexes[speaker].scan(own):
        if found is not pattern:
            continue
        span = next((s for s in sentences(own) if s[0] <= match.start < s[1]), (0, len(own)))
        if not (pattern.unless and pattern.unless.search(own[slice(*span)])):
            return True
    return False


def say(sentence: str, speaker: Speaker = "buyer") -> tuple[Heard, ...]:
    """What the reader hears from one sentence."""
    if speaker == "record":
        key, mark, value = sentence.partition("：")
        facts = {key: value} if mark else {"note": sentence}
        asked = Inquiry.model_validate({"messages": [{"role": "customer", "content": "嗯"}], "order": {"facts": facts}})
        return read(asked, shipped().listening, shipped().facts).heard
    turns = [Message(role="customer" if speaker == "buyer" else "agent", content=sentence)]
    if speaker == "agent":
        turns.append(Message(role="customer", content="嗯"))
    return read(Inquiry(messages=tuple(turns)), shipped().listening, shipped().facts).heard


def values(sentence: str, fact: str, speaker: Speaker = "buyer") -> list[object]:
    return [one.value for one in say(sentence, speaker) if one.fact == fact]


@pytest.mark.parametrize("pattern", PATTERNS, ids=NAMES)
def test_a_pattern_hears_its_own_sentences(pattern):
    for sentence in pattern.entry.match:
        assert any(heard_by(pattern, sentence, who) for who in pattern.entry.speakers), sentence


@pytest.mark.parametrize("pattern", PLAIN, ids=[f"{p.fact}-{p.value}-{p.file.stem}" for p in PLAIN])
def test_a_pattern_keeps_silent_on_near_misses(pattern):
    for sentence in pattern.entry.not_match:
        assert not any(heard_by(pattern, sentence, who) for who in pattern.entry.speakers), sentence


@pytest.mark.parametrize("pattern", CHOICES, ids=[f"{p.fact}-{p.value}" for p in CHOICES])
def test_a_choice_survives_its_rivals(pattern):
    """Overlapping values of one fact drop each other: the value a sentence stands for must be the one left."""
    speaker = pattern.entry.speakers[0]
    missed = [s for s in pattern.entry.match if pattern.value not in values(s, pattern.fact, speaker)]
    false = [s for s in pattern.entry.not_match if pattern.value in values(s, pattern.fact, speaker)]
    assert (missed, false) == ([], [])


def test_every_value_anyone_may_say_has_a_pattern():
    for name in (*LONG_LISTS, "情绪"):
        entry = shipped().facts.facts[name].entry
        said = {p.value for p in PATTERNS if p.fact == name}
        assert said == set(entry.values) - {entry.silent}


def test_every_pattern_carries_enough_examples():
    few = [
        name
        for name, p in zip(NAMES, PATTERNS, strict=True)
        if len(p.entry.match) < (8 if p.fact in LONG_LISTS else 4)
        or len(p.entry.not_match) < (6 if p.fact in LONG_LISTS else 3)
    ]
    assert few == []


def test_no_example_stands_twice_in_one_pattern():
    twice = [
        (name, sentence)
        for name, p in zip(NAMES, PATTERNS, strict=True)
        for sentence, count in Counter(p.entry.match + p.entry.not_match).items()
        if count > 1
    ]
    assert twice == []


@given(st.text(max_size=120))
def test_any_text_is_read_and_every_quote_is_its_own(text):
    for one in say(f"您好{text}"):
        assert one.quote == f"您好{text}"[one.start : one.end]


@given(st.sampled_from(CHOICES), st.data())
def test_invisible_characters_hide_nothing(pattern, data):
    sentence = data.draw(st.sampled_from(pattern.entry.match))
    place = data.draw(st.integers(0, len(sentence)))
    hidden = sentence[:place] + "\u200b" + sentence[place:]
    speaker = pattern.entry.speakers[0]
    assert values(hidden, pattern.fact, speaker) == values(sentence, pattern.fact, speaker)


@given(st.sampled_from([p for p in PATTERNS if p.fact == "威胁"]), st.data())
def test_a_quoted_threat_is_nobodys_threat(pattern, data):
    sentence = data.draw(st.sampled_from(pattern.entry.match))
    assert values(f"隔壁大姐念叨“{sentence}”", "威胁") == []


@given(st.sampled_from([p for p in PATTERNS if p.fact in LONG_LISTS]), st.data())
def test_sentences_around_a_wish_do_not_drown_it(pattern, data):
    sentence = data.draw(st.sampled_from(pattern.entry.match))
    assert pattern.value in values(f"您好。{sentence}。谢谢", pattern.fact)


@given(st.integers(2, 9999))
def test_the_amount_wanted_is_the_number_said(amount):
    assert values(f"赔我{amount}元", "要的金额")[-1] == amount
    assert values(f"赔我{amount}", "要的金额")[-1] == amount


@given(st.integers(2, 300))
def test_days_are_heard_by_value(days):
    assert days in values(f"收到都{days}天了", "签收天数")
    assert days in values(f"店铺政策：{days}天无理由", "无理由天数", "record")
    assert days in values(f"备注：第{days}天已申请退货", "首次反馈天数", "record")


@pytest.mark.parametrize(
    ("record", "fact", "value"),
    [
        ("券上限：50元", "券额", 50),
        ("现价：89.9", "现价", 89.9),
        ("质保：整机两年", "质保天数", 730),
        ("质保：整机1年，24小时内上门", "上门时限", 24),
        ("核实：两天内答复", "核实时限", 48),
        ("维修记录：3", "修过次数", 3),
        ("下单确认：是", "排除确认", True),
        ("下单确认：否", "排除确认", False),
        ("运费险：否", "有运费险", None),
        ("直播承诺：退货包运费", "包运费", True),
        ("退货运费：不是质量原因的买家出", "包运费", None),
    ],
)
def test_records_are_read_by_value(record, fact, value):
    assert (values(record, fact, "record") or [None])[-1] == pytest.approx(value)


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("coupon_cap", "券上限"),
        ("freight_paid", "运费已付"),
        ("price_protection", "价保"),
        ("备注", "备注"),
        ("x_y", ""),
    ],
)
def test_a_key_is_read_part_by_part(key, hint):
    assert shipped().listening.hint(key) == hint


@pytest.mark.parametrize(
    ("said", "last"),
    [
        ("先别退了，给我换一个吧", "换货"),
        ("不用换，直接退钱", "退货退款"),
        ("东西退回去了，钱什么时候到账", "查进度"),
        ("退货可以，来回运费谁出", "免运费"),
        ("那差价退我就行", "退差价"),
        ("货我留着，钱退我一半", "部分退款"),
    ],
)
def test_the_last_wish_is_heard_last(said, last):
    assert values(said, "诉求")[-1] == last


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("heard: {没这个事实: {是: {frames: [退]}}}", "没这个事实"),
        ("heard: {诉求: {没这个值: {frames: [退]}}}", "没这个值"),
        ("heard: {诉求: {换货: {frames: ['<没这个词类> 换']}}}", "没这个词类"),
        ("heard: {修过次数: {是: {frames: [修]}}}", "是"),
    ],
)
def test_a_broken_file_is_refused_where_it_breaks(tmp_path, text, says):
    (tmp_path / "wrong.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(RulebookError) as refused:
        load_listening(tmp_path, shipped().facts)
    assert says in str(refused.value)
    assert "wrong.yaml" in str(refused.value)


def test_the_shipped_files_load_from_their_folder():
    assert len(load_listening(KNOWLEDGE / "reading", shipped().facts).patterns) == len(PATTERNS)


@pytest.mark.parametrize("number", ["13812345678", "991231566", "110101199003078888", "１３８１２３４５６７８"])
def test_no_hotline_is_heard_in_a_phone_or_order_number(number):
    assert not [one for one in say(f"杯子不想要了，能退吗，联系{number}") if one.fact == "威胁"]
    assert [one.value for one in say(f"联系{number}，不退我打12315") if one.fact == "威胁"] == ["法律"]
