"""Verdicts: the first row that holds decides, the unknown counts only where it would turn it."""

import pytest

from service.reading import MESSAGE_CHARS
from tests.desk import draft, inquiry

ORDER = {"received": True, "opened": True, "used": False, "amount": 89.0}


@pytest.mark.parametrize(
    ("words", "order", "verdict"),
    [
        ("伞不喜欢想退了", {"days_since_received": 7}, "reasonable"),
        ("伞不喜欢想退了", {"days_since_received": 8}, "unreasonable"),
        ("伞骨断了，换一把", {"days_since_received": 5}, "reasonable"),
        ("在吗", {"days_since_received": 5}, "needs_clarification"),
    ],
)
async def test_verdict(words, order, verdict):
    assert (await draft(inquiry(words, order=ORDER | order))).verdict == verdict


async def test_an_unknown_that_would_turn_the_verdict_is_asked_and_nothing_else():
    made = await draft(inquiry("伞不喜欢想退了", order=ORDER))
    assert made.verdict == "needs_clarification"
    assert [one.fact for one in made.missing] == ["days_since_received"]
    assert "哪天收到" in made.reply


@pytest.mark.parametrize(
    "threat", ["", "，不退就给差评", "，不退我就投诉平台", "，不退我就打12315", "，不退发朋友圈曝光你们"]
)
async def test_a_threat_changes_neither_verdict_nor_offer(threat):
    calm = await draft(inquiry("伞不喜欢想退了", order=ORDER | {"days_since_received": 20}, shop="demo"))
    pressed = await draft(inquiry(f"伞不喜欢想退了{threat}", order=ORDER | {"days_since_received": 20}, shop="demo"))
    assert (pressed.verdict, pressed.basis.boundary) == (calm.verdict, calm.basis.boundary)
    assert (pressed.threat == "none") == (threat == "")
    assert ("firmness" in [step.step for step in pressed.steps]) == (threat != "")
    assert [grant for grant in ("8元",) if grant in pressed.reply and grant not in calm.reply] == []


async def test_the_explanation_shows_every_row_weighed_and_where_facts_came_from():
    made = await draft(inquiry("伞不喜欢想退了", order=ORDER | {"days_since_received": 20}, explain=True))
    assert made.explain is not None
    rows = made.explain["rulings"][-1]["rows"]
    assert rows[-1]["boundary"] == made.basis.boundary
    assert rows[-1]["holds"] is True
    assert made.explain["facts"]["签收天数"]["source"] == "order"


@pytest.mark.parametrize(
    "denial", ["我们没有答应赔您500元哦", "不可能给您赔500元", "您是要我们赔您500元是吗", "之前说给您免单是口误"]
)
async def test_what_an_agent_denied_is_no_promise(denial):
    made = await draft(inquiry("在吗", f"客服：{denial}", "那就照你说的办", order=ORDER | {"days_since_received": 20}))
    assert made.basis.boundary != "recorded_promise"
    assert "500" not in made.reply and "免单" not in made.reply


@pytest.mark.parametrize("words", ["我不想活了", "再不退我就跳楼", "不退我就自杀给你们看"])
async def test_words_of_self_harm_go_to_a_person_first(words):
    made = await draft(inquiry(words, order=ORDER | {"days_since_received": 20}, shop="demo"))
    assert made.basis.boundary == "self_harm"
    assert any(advice.kind == "escalate" and advice.owner for advice in made.advice)


@pytest.mark.parametrize("product", ["退您全款", "三百元红包", "给您免单", "骗子圈套桌游", "电饭煲，赔您五百元"])
async def test_a_product_title_cannot_speak_for_us(product):
    made = await draft(inquiry("东西坏了", order=ORDER | {"days_since_received": 2, "product": product}))
    assert made.steps
    assert product not in made.reply


async def test_long_messages_are_read_within_bounds():
    words = "您好锅坏了不加热要退货不退就差评" * 500
    made = await draft(
        inquiry(words[:8000], words[:8000], words[:8000], order=ORDER | {"days_since_received": 2}, explain=True)
    )
    assert made.steps
    assert max(one["end"] for one in made.explain["heard"]) <= MESSAGE_CHARS
