"""What a fact is worth in one case: order before record before buyer before silence."""

from service.facts import Known
from service.reading import read
from tests.desk import inquiry, shipped


def known(made, shop="default"):
    book = shipped()
    return Known(book.facts, made, read(made, book.listening, book.facts), book.shops[shop])


def test_the_order_field_is_believed_before_the_buyer_and_the_dispute_is_marked():
    value = known(inquiry("收到一点没用过，退了吧", order={"used": True}))["用过"]
    assert (value.value, value.source, value.disputed) == (True, "order", True)


def test_a_record_under_any_key_is_heard():
    value = known(inquiry("还能退吗", order={"facts": {"whatever_key": "本店支持30天无理由退换"}}))["无理由天数"]
    assert value.value == 30.0
    assert value.source == "record"


def test_a_term_narrower_than_law_is_lifted_and_shown():
    case = known(inquiry("还能退吗", order={"facts": {"shop_policy": "3天无理由"}}))
    assert case["无理由天数"].value == 7.0
    assert [(one.written, one.floor) for one in case.lifted] == [(3.0, 7.0)]


def test_silence_has_a_value_unless_the_fact_asks():
    case = known(inquiry("想退"))
    assert case["用过"].value is False
    assert case["签收天数"].unknown
    assert case["首次反馈天数"].unknown
    assert case.root("首次反馈天数") == "签收天数"


def test_a_grant_comes_from_shop_or_policy_never_from_order_text():
    text = {"facts": {"coupon_cap": "50元"}}
    assert not known(inquiry("想退", order=text))["券额"].filled
    assert known(inquiry("想退", policy={"coupon_cap": "50元"}))["券额"].value == 50.0
    assert known(inquiry("想退", shop="demo"), shop="demo")["券额"].value == 8.0


def test_a_role_gets_its_own_grant():
    made = inquiry("想退", shop="demo", context={"role": "lead"})
    assert known(made, shop="demo")["券额"].value == 20.0


def test_derived_numbers_follow_their_parts():
    case = known(inquiry("降价了", order={"amount": 300, "facts": {"current_price": 250}}))
    assert case["差价"].value == 50.0
    assert not known(inquiry("降价了", order={"amount": 300}))["差价"].filled


def test_goods_words_make_a_flag_true_unless_a_lookalike_stands_there():
    assert known(inquiry("想退", order={"category": "水果"}))["鲜活"].value is True
    assert known(inquiry("想退", order={"category": "水果刀"}))["鲜活"].value is False
