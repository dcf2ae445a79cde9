"""Which demand leads: what is demanded comes after what is only asked about."""

import pytest

from service.demands import demands_of
from service.facts import Known
from service.reading import read
from tests.desk import inquiry, shipped


def wants(words):
    """The demands of one message."""
    book, asked = shipped(), inquiry(words)
    reading = read(asked, book.listening, book.facts)
    return demands_of(reading, Known(book.facts, asked, reading, book.shops["default"]))


@pytest.mark.parametrize(
    ("words", "main"),
    [
        ("鞋子磨脚，退了吧。取件要不要我出钱？", "退货退款"),
        ("退货地址收到了，运费你们出！", "免运费"),
        ("取件要不要我出钱？", "免运费"),
        ("麻烦开张发票，下个月还要买二十箱，到时候能便宜点不", "开票"),
    ],
)
def test_what_is_only_asked_about_does_not_lead(words, main):
    assert wants(words)[-1] == main


def test_a_demand_said_twice_stands_where_it_was_said_last():
    assert wants("退钱！或者换一个，算了还是退钱")[-1] == "退货退款"


def test_a_plain_wish_says_nothing_beside_the_heavier_one():
    assert wants("就是不想要了，退钱吧，东西我不寄回，直接仅退款") == ("仅退款",)


def test_what_broke_in_an_earlier_turn_stays_broken():
    book = shipped()
    asked = inquiry("客户：锅底到手就裂了", "客服：亲，您是想怎么处理呢", "那退了吧，不想要了")
    causes = Known(book.facts, asked, read(asked, book.listening, book.facts), book.shops["default"])["原因"].value
    assert "破损" in causes or "质量" in causes
