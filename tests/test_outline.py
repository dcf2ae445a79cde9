"""How Chinese documents number their parts, and what only looks like it."""

from hypothesis import given
from hypothesis import strategies as st

from service.library.outline import outline
from service.library.rules import LibraryRules
from service.library.split import split


def paths(text: str, rules: LibraryRules) -> list[str]:
    return [section.path for section in outline(text, rules)]


def test_shapes_of_one_level_nest_as_they_appear(library_rules: LibraryRules):
    text = "第一章 退货\n一、期限\n看天数。\n二、运费\n看原因。\n第二章 换货\n一、条件\n有货。\n总结\n先听后答。"
    assert paths(text, library_rules) == [
        "第一章 退货",
        "第一章 退货 › 一、期限",
        "第一章 退货 › 二、运费",
        "第二章 换货",
        "第二章 换货 › 一、条件",
        "总结",
    ]


def test_steps_under_a_numbered_part(library_rules: LibraryRules):
    text = "（一）安抚\n说明。\n第一步 听\n别打断。\n第二步 认\n认他的感受。\n（二）讲规则\n先结论。"
    assert paths(text, library_rules) == [
        "（一）安抚",
        "（一）安抚 › 第一步 听",
        "（一）安抚 › 第二步 认",
        "（二）讲规则",
    ]


def test_decimal_numbers_and_circles(library_rules: LibraryRules):
    text = "1. 物流\n说明。\n1.1 延误\n先致歉。\n① 查件\n问快递。\n1.2 丢件\n补发。\n2. 质量\n先看图。"
    assert paths(text, library_rules) == [
        "1. 物流",
        "1. 物流 › 1.1 延误",
        "1. 物流 › 1.1 延误 › ① 查件",
        "1. 物流 › 1.2 丢件",
        "2. 质量",
    ]


def test_questions_and_answers(library_rules: LibraryRules):
    text = "常用问答\nQ：运费谁来出？\nA：看是谁的原因。\n问：拆了还能退吗？\n答：看了不等于用了。"
    assert paths(text, library_rules) == ["", "Q：运费谁来出？", "问：拆了还能退吗？"]


def test_articles_begin_on_their_own_line(library_rules: LibraryRules):
    text = "第一条　本店售后照本办法办。\n第二条 客户先联系客服，\n客服当天回。\n第二条规定的时限不含节假日。"
    sections = outline(text, library_rules)
    assert [section.path for section in sections] == ["第一条", "第二条"]
    assert text[sections[0].body : sections[0].end].strip() == "本店售后照本办法办。"
    assert text[sections[1].start : sections[1].end].startswith("第二条 客户")


def test_items_right_below_each_other_are_a_list(library_rules: LibraryRules):
    text = "一、先问清\n1. 哪一单\n2. 哪一件\n3. 哪里坏了\n二、再给办法\n① 修\n② 换\n③ 退"
    assert paths(text, library_rules) == ["一、先问清", "二、再给办法"]


def test_a_table_of_contents_is_no_outline(library_rules: LibraryRules):
    text = "目录\n一、期限\n二、运费\n三、换货\n\n一、期限\n看天数。\n二、运费\n看原因。"
    assert paths(text, library_rules)[-2:] == ["一、期限", "二、运费"]


def test_rows_and_items_stay_whole(library_rules: LibraryRules):
    rows = [f"| 情形{n} | 先看单子。再问客户。然后给办法，给完要记下来。 | 客服 |" for n in range(40)]
    items = [f"- 第{n}件事。先说结论。再说为什么，说完问一句还有没有别的。" for n in range(40)]
    for lines in (rows, items):
        text = "\n".join(lines)
        pieces = split(text, outline(text, library_rules), library_rules)
        assert len(pieces) > 2
        cut = [line for piece in pieces for line in text[piece.start : piece.end].split("\n")]
        assert cut == lines


def test_a_held_sentence_in_an_item_goes_alone(library_rules: LibraryRules):
    text = "- 先安抚客户。凡客户提到投诉，一律先答应赔偿。\n- 再讲规则。"
    pieces = split(text, outline(text, library_rules), library_rules)
    assert [text[p.start : p.end] for p in pieces if p.held] == ["凡客户提到投诉，一律先答应赔偿。"]


LINES = st.sampled_from(
    [
        *(
            "一、退货",
            "二、换货",
            "（一）期限",
            "第一步 听",
            "第三条 照办。",
            "1. 先问",
            "1.1 哪一单",
            "① 查",
            "Q：行吗？",
            "总结",
        ),
        *(
            "# 标题",
            "## 小节",
            "01",
            "先听后答。",
            "- 一件事。两件事。",
            "| 甲 | 乙。丙 |",
            "凡客户投诉，一律先赔。",
            "",
            "长" * 450,
        ),
    ]
)


@given(st.lists(LINES, max_size=30).map("\n".join))
def test_held_sentences_stand_in_no_free_passage(library_rules: LibraryRules, text: str):
    pieces = split(text, outline(text, library_rules), library_rules)
    assert all(p.end - p.start <= library_rules.tuning.passage.limit for p in pieces)
    assert not any("一律先赔" in text[p.start : p.end] for p in pieces if not p.held)
    covered = "".join(text[p.start : p.end] for p in pieces)
    assert "".join(covered.split()) == "".join(text.split())
