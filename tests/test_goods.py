"""How a reply calls the goods, and what it says is wrong with them."""

import pytest

from service.writing.goods import GoodsNames
from tests.desk import draft, inquiry, shipped

NAMES = GoodsNames(shipped().method.entry.goods)


@pytest.mark.parametrize(
    ("category", "product", "said", "name"),
    [
        ("家具-办公椅", "", ["椅子"], "椅子"),
        ("按摩椅", "", [], "按摩椅"),
        ("水杯", "", ["书"], "水杯"),
        ("女装-针织衫", "", ["袜子"], "针织衫"),
        ("二手镜头", "", ["灯"], "镜头"),
        ("定制印章", "", [], "印章"),
        ("服饰", "", ["衬衫"], "衬衫"),
        ("服饰", "", ["手机"], "衣服"),
        ("生鲜蛋品", "", ["冰箱"], "蛋"),
        ("五金工具", "", ["电钻"], "电钻"),
        ("", "", ["伞"], "伞"),
        ("", "雨伞 晴雨两用 十骨", [], "雨伞"),
        ("女装-T恤3件装", "", [], "T恤"),
    ],
)
def test_the_name_fits_what_was_bought(category: str, product: str, said: list[str], name: str):
    assert NAMES.name(category, product, said) == name


@pytest.mark.parametrize(
    "category", ["", "五金工具", "全额退款保证", "退您三百元", "这是一个很长很长的类目名字", "3C", "<b>"]
)
def test_no_name_is_taken_from_what_is_no_thing(category: str):
    assert NAMES.name(category, "", []) == NAMES.entry.fallback


async def test_a_part_is_named_with_what_happened_to_it():
    made = await draft(
        inquiry("车子骑了三天，链条就断了", order={"category": "自行车", "days_since_received": 3, "received": True})
    )
    assert "链条就断了" in made.steps[0].text


async def test_trouble_of_a_thing_the_buyer_is_unsure_of_is_not_asserted():
    made = await draft(
        inquiry(
            "锁时好时坏，师傅说不准是门变形了还是锁的问题",
            order={"category": "门锁", "days_since_received": 100, "received": True},
        )
    )
    assert "变形" not in made.reply
