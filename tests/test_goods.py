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
    "category", ["", "厨房用品", "全额退款保证", "退您三百元", "这是一个很长很长的类目名字", "3C", "<b>"]
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


async def test_what_the_warehouse_found_is_quoted_from_the_record():
    order = {
        "category": "女装-风衣",
        "days_since_received": 6,
        "received": True,
        "facts": {"return_check": "仓库验货：袖口有粉底印，吊牌已剪"},
    }
    made = await draft(inquiry("风衣不喜欢，退货怎么不给我退", order=order))
    assert made.basis is not None and made.basis.boundary == "wear_found"
    assert "“袖口有粉底印”" in made.steps[1].text


@pytest.mark.parametrize(("said", "asked"), [("给我换一个", False), ("这咋办", True)])
async def test_who_named_the_remedy_is_not_asked_for_it(said: str, asked: bool):
    order = {"category": "台灯", "days_since_received": 60, "received": True}
    made = await draft(inquiry(f"台灯不亮了，不知道是灯坏了还是我家电压的事，{said}", order=order))
    assert made.verdict == "needs_clarification"
    assert ("想修" in made.reply) is asked
