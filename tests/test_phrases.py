from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.checks.phrases import check_phrases
from service.rulebook.forbidden import ForbiddenRules
from tests.desk import shipped

RULES = shipped().forbidden
SIX = {"demeaning", "vague", "blame_shifting", "over_apology", "unauthorized_promise", "flat_refusal"}


@pytest.fixture(scope="module")
def rules() -> ForbiddenRules:
    return RULES


def categories(text: str) -> set[str]:
    return {f.category for f in check_phrases(text, RULES) if f.severity == "block"}


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("您这脑回路我真跟不上", "demeaning"),
        ("三十多岁的人了，连个快递柜都不会开", "demeaning"),
        ("这个嘛，我也说不太好", "vague"),
        ("估摸着月底能到货", "vague"),
        ("您不看预售时间，怪得了谁", "blame_shifting"),
        ("后面就是快递的事情了，您跟他们说", "blame_shifting"),
        ("我真想找个地缝钻进去", "over_apology"),
        ("审核那边我熟，打个招呼就过了", "unauthorized_promise"),
        ("我拿人品担保三年不开胶", "unauthorized_promise"),
        ("想换货？下辈子吧", "flat_refusal"),
        ("我凭什么给您退", "flat_refusal"),
        ("解释权在商家这边", "law"),
        ("先改评价我再给您退款", "red_line"),
    ],
)
def test_senses_beyond_the_examples(text: str, category: str) -> None:
    assert category in categories(text)


@pytest.mark.parametrize(
    "text",
    [
        "您这么细心，一眼就看到线头，我给您换一条",
        "具体金额以保险公司核定为准，您这单保额是12元",
        "师傅说您家电压偏低，建议先接稳压器，机器没问题也可以退",
        "抱歉，这款没有现货，下周三到货",
        "没有关系，拆了也能退",
        "地址改不了了，因为包裹已经到了您的城市，我可以帮您转到附近驿站",
        "您说的“肯定能赔”是主播的原话，录屏我看到了，按录屏兑现",
        "无理由退货要在签收后7天内提出，您这单今天是第12天，没有毛病的话退不了",
        "偶尔会闪一下是省电模式，关掉就好",
    ],
)
def test_near_misses_pass(text: str) -> None:
    assert categories(text) == set()


@pytest.mark.parametrize(
    ("bad", "category"),
    [
        ("懒得要命，下趟楼都嫌远", "demeaning"),
        ("到底修不修得好，我心里没个数", "vague"),
        ("锅别往店里甩，仓库弄丢的您找仓库", "blame_shifting"),
        ("我给您磕一百个头，求您消消气", "over_apology"),
        ("吊牌在不在都无所谓，我偷偷给您全退", "unauthorized_promise"),
        ("这单我死活不批，您找谁都没用", "flat_refusal"),
    ],
)
def test_one_bad_clause_in_a_fine_reply_is_found_where_it_stands(bad: str, category: str) -> None:
    before, after = "您好，照片我看到了，杯盖的胶圈翻过来再装就不漏。", "，新胶圈今天寄，单号晚上发您。"
    text = before + bad + after
    found = [f for f in check_phrases(text, RULES) if f.category == category and f.severity == "block"]
    assert found
    marked = {i for f in found for i in range(f.start, f.end)}
    meant = set(range(len(before), len(before) + len(bad)))
    assert len(marked & meant) >= len(meant) / 2
    assert len(marked - meant) <= len(meant)


@pytest.mark.parametrize(
    "text",
    [
        "这只玻璃心形状的摆件底下有防滑垫",
        "折叠车自重九公斤，地铁能带",
        "牙膏早晚都能刷，挤半厘米",
        "开封以后再放冰箱，别晒",
        "这张是没门槛的，满一块就减",
        "系统没法跨店凑单，同店两件才减",
        "您问发定位行不行，行的，发我就好",
        "把碎的包好扔掉，别划手",
        "取件码别告诉别人",
        "您尽管问，我在线到十一点",
        "不好意思说错了，是二十九块",
        "多久换一次滤芯，半年一次",
        "什么时候能到，物流写的是明天上午",
        "谁都不想遇到这种事，先看看伤得重不重",
        "您说“我不会装”，没关系的，我一步步教您",
        "百分百棉的可以机洗，会缩两厘米",
        "明天准备发货，今天先打包好",
        "按您习惯的时间送，上午还是下午",
    ],
)
def test_harmless_senses_of_suspicious_words_pass(text: str) -> None:
    assert categories(text) == set()


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("说不退就没🚪儿，别想了", "flat_refusal"),
        ("➕我薇信，返您三十", "unauthorized_promise"),
        ("您是不是个ｓｂ呀", "demeaning"),
        ("卜给推，说破嘴也没拥", "flat_refusal"),
        ("佳我徽信，饭现三十", "unauthorized_promise"),
        ("这个布好硕，看韵气吧", "vague"),
    ],
)
def test_pictures_letters_and_sound_alikes_do_not_hide_a_phrase(text: str, category: str) -> None:
    assert category in categories(text)


@pytest.mark.parametrize("plain", ["我们不允许退", "这不可能", "您就是占便宜"])
@pytest.mark.parametrize("mark", ["·", "~", " ", "😏", "\u200b", "*", "。"])
def test_stuffing_does_not_hide_a_phrase(plain: str, mark: str) -> None:
    hidden = mark.join(plain)
    assert categories(hidden) >= categories(plain) != set()


@pytest.mark.parametrize(
    "text", ["我們不允許退", "bu可能的", "ｂｕ ｋｅ ｎｅｎｇ给您退", "窝们布允许退", "我宝证能退", "介事跟偶们木关系"]
)
def test_other_spellings_do_not_hide_a_phrase(text: str) -> None:
    assert categories(text) & SIX


def test_the_buyers_words_are_not_held_against_the_desk(rules: ForbiddenRules) -> None:
    said = "你们这些骗子就是不想退"
    reply = f"{said}这句我看到了"
    assert check_phrases(reply, rules)
    assert check_phrases(reply, rules, customer_quotes=[said]) == []
    assert check_phrases("您说“你们都是骗子”，授权书我发您", rules) == []


def test_a_label_in_quotation_marks_is_still_the_desks_own() -> None:
    assert "demeaning" in categories("您这种“羊毛党”我们见过")


def test_one_apology_passes_and_a_heap_does_not() -> None:
    assert "over_apology" not in categories("抱歉，让您久等了，杯子今天补发，单号出来我发在这里。")
    assert "over_apology" in categories("抱歉抱歉，让您久等了。")
    spread = "抱歉让您久等，这单我看过了，杯子今天补发。颜色的事也抱歉，换货单已开好。给您添的这些麻烦，再说声抱歉。"
    assert "over_apology" in categories(spread)


def test_a_stated_time_redeems_what_would_be_vague() -> None:
    assert "vague" in categories("这个我得问问主管。")
    assert "vague" not in categories("这个我得问问主管。今天18点前回您。")


def test_a_finding_says_where_why_and_what_instead(rules: ForbiddenRules) -> None:
    text = "亲，箱子压坏了，您去找\u200b顺丰要赔偿吧。谢谢"
    [finding] = [f for f in check_phrases(text, rules) if f.category == "blame_shifting"]
    assert text[finding.start : finding.end] == finding.excerpt
    assert finding.excerpt.endswith("您去找\u200b顺丰要赔偿吧")
    assert finding.rule == "sent_away"
    assert finding.suggestion == "赔偿的事我来联系顺丰核实，有结果在这里回您"
    assert "消法" in finding.reason


def test_a_sentence_that_breaks_two_kinds_of_rule_gives_both() -> None:
    assert {"unauthorized_promise", "red_line"} <= categories("加我微信，我私下转您二十")


def test_neighbouring_clauses_of_one_category_are_one_finding(rules: ForbiddenRules) -> None:
    found = [f for f in check_phrases("别再问了，没得商量，就是不退。", rules) if f.category == "flat_refusal"]
    assert [f.excerpt for f in found] == ["别再问了，没得商量，就是不退"]


def test_empty_and_endless_texts(rules: ForbiddenRules) -> None:
    assert check_phrases("", rules) == []
    assert check_phrases("好的。" * 10_000, rules) == []


pieces = st.sampled_from(
    [*"您我们不可能退款的吧,。！ 😏·", "抱歉", "肯定能退", "“", "”", "您说", "这个真不好说", "３天内"]
)


@settings(max_examples=60, deadline=None)
@given(st.lists(pieces, max_size=25).map("".join))
def test_spans_point_into_the_text_as_sent(text: str) -> None:
    found = check_phrases(text, RULES)
    assert found == check_phrases(text, RULES)
    for finding in found:
        assert 0 <= finding.start < finding.end <= len(text)
        assert text[finding.start : finding.end] == finding.excerpt
    for one in found:
        for other in found:
            if one is not other and one.category == other.category:
                assert one.end <= other.start or other.end <= one.start


def test_what_sounds_forbidden_may_be_the_buyers_own_story_where_it_is_told() -> None:
    said, reply = "我教奶奶用手机都没这么费劲", "我教我奶奶都没这么费劲。"
    assert check_phrases(reply, RULES, customer_quotes=[said])
    assert check_phrases(reply, RULES, customer_quotes=[said], told=[(0, len(reply))]) == []
    assert check_phrases(reply, RULES, customer_quotes=["在吗"], told=[(0, len(reply))])
