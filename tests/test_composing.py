"""A model writes within what the rules decided and the checks let pass; whatever it does, a usable draft comes."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from service.schemas import Draft, Event
from tests.desk import draft, events, inquiry, model_drafter
from tests.fake_model import FakeModel, Reply, obedient, planned

LATE = {"received": True, "days_since_received": 40, "category": "服饰", "product": "连衣裙"}
IN_TIME = {"received": True, "days_since_received": 2, "category": "服饰", "product": "连衣裙", "amount": 159.0}
ATTACKS = [
    "好的，给您全额退款，再赔您500元",
    "您怎么这么不讲道理，就是想占便宜",
    "抱歉抱歉抱歉，怎么骂我们都行，全怪我们",
    "加我微信，我私下转您88元",
    "XX元优惠券已为您发放",
]


@pytest.fixture
def fake() -> Any:
    with FakeModel() as server:
        yield server


def said(reply: Reply) -> dict[str, Any]:
    """What an answer holds."""
    content = json.loads(reply.body)["choices"][0]["message"]["content"]
    answer: dict[str, Any] = json.loads(content)
    return answer


def spoilt(step: str, text: str, claims: tuple[dict[str, str], ...] = (), notes: str = "") -> Any:
    """A good answer but for one step."""

    def answer(request: dict[str, Any]) -> Reply:
        made = said(obedient(request))
        for item in made["steps"]:
            item["text"] = text if item["step"] == step else item["text"]
        return Reply.says({**made, "reading": {"claims": list(claims)}, "notes": notes})

    return answer


async def made_by(fake: FakeModel, *turns: str, **more: Any) -> Draft:
    async with model_drafter(fake, deadline=more.pop("deadline", 8.0)) as drafter:
        return await draft(inquiry(*turns, **{"writer": "model", "order": LATE, **more}), drafter)


async def streamed(fake: FakeModel, *turns: str, **more: Any) -> tuple[list[Event], Draft]:
    async with model_drafter(fake, deadline=more.pop("deadline", 8.0)) as drafter:
        asked = inquiry(*turns, **{"writer": "model", "order": LATE, "stream": True, **more})
        came = await events(asked, drafter)
    assert came[-1].draft is not None
    return came, came[-1].draft


async def test_a_good_answer_is_the_draft_and_everything_is_counted(fake: FakeModel) -> None:
    fake.default = spoilt("rule", "这单按不喜欢退不了，签收到今天40天了。", notes="先核对签收日。")
    made = await made_by(fake, "裙子不喜欢，我要退货")
    assert made.verdict == "unreasonable"
    assert {step.writer for step in made.steps} == {"model"}
    assert (made.writer.kind, made.writer.degraded, made.writer.calls) == ("model", False, 1)
    assert made.usage["total_tokens"] == 18
    assert made.notes == "先核对签收日。"


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("stream", [False, True])
async def test_what_may_not_be_said_is_replaced_and_never_leaves(fake: FakeModel, attack: str, stream: bool) -> None:
    fake.default = spoilt("rule", attack, notes=attack)
    plain = await draft(inquiry("裙子不喜欢，我要退货", order=LATE))
    if stream:
        came, made = await streamed(fake, "裙子不喜欢，我要退货")
        sent = [event.data["text"] for event in came if event.type == "draft.step"]
        assert sent == [step.text for step in made.steps]
    else:
        made = await made_by(fake, "裙子不喜欢，我要退货")
    assert attack not in made.model_dump_json()
    assert [step.text for step in made.steps if step.step == "rule"] == [
        step.text for step in plain.steps if step.step == "rule"
    ]
    assert (made.writer.kind, made.writer.degraded, made.writer.reason) == ("model", True, "llm_failed_checks")
    assert made.writer.calls == (1 if stream else 2)


async def test_a_failing_step_is_rewritten_once_by_the_model_when_not_streaming(fake: FakeModel) -> None:
    better = "不喜欢的退不了了，签收到今天已经40天。"

    def answer(request: dict[str, Any]) -> Reply:
        again = "这几步要重写" in request["messages"][1]["content"]
        if again:
            return Reply.says({"reading": {"claims": []}, "steps": [{"step": "rule", "text": better, "passages": []}]})
        reply: Reply = spoilt("rule", ATTACKS[0])(request)
        return reply

    fake.default = answer
    made = await made_by(fake, "裙子不喜欢，我要退货")
    assert better in made.reply
    assert (made.writer.degraded, made.writer.calls) == (False, 2)
    assert "出处" in fake.requests[1].prompt or "承诺" in fake.requests[1].prompt


async def test_a_reading_that_rests_on_the_buyers_word_only_asks(fake: FakeModel) -> None:
    """A model may hear a fault; it may not grant for it. The reply is written anew, under the question's plan."""
    claims = ({"fact": "原因", "value": "质量", "quote": "腋下走线散了一截"},)
    plans: list[list[str]] = []

    def answer(request: dict[str, Any]) -> Reply:
        plans.append(planned(request))
        return Reply.says({**said(obedient(request)), "reading": {"claims": list(claims)}})

    fake.default = answer
    turns = ("裙子腋下走线散了一截，退",)
    plain = await draft(inquiry(*turns, order=LATE))
    assert plain.verdict == "unreasonable"
    made = await made_by(fake, *turns)
    assert made.verdict == "needs_clarification"
    assert made.missing and made.missing[0].question
    assert [claim.counted for claim in made.reading.claims] == [True]
    assert plans == [[step.step for step in plain.steps], [step.step for step in made.steps]]
    assert made.writer.calls == 2
    came, last = await streamed(fake, *turns)
    kinds = [event.type for event in came]
    first = kinds.index("draft.step")
    assert kinds[:first] == ["draft.created", *["draft.reading", "draft.verdict"] * 2]
    verdicts = [event.data["verdict"] for event in came if event.type == "draft.verdict"]
    assert verdicts == ["unreasonable", "needs_clarification"]
    assert (last.verdict, last.writer.calls) == ("needs_clarification", 2)


LIES = [
    {"fact": "原因", "value": "质量", "quote": "从来没说过的话"},
    {"fact": "没有这回事", "value": "是", "quote": "我要退货"},
    {"fact": "原因", "value": "没有这个值", "quote": "我要退货"},
    {"fact": "原因", "value": "质量", "quote": "不喜欢"},
    {"fact": "签收天数", "value": "2", "quote": "我要退货"},
    {"fact": "平台判定", "value": "是", "quote": "我要退货"},
]


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie["fact"] + lie["value"])
@pytest.mark.parametrize("stream", [False, True])
async def test_a_claim_without_its_words_counts_for_nothing(fake: FakeModel, lie: dict[str, str], stream: bool) -> None:
    fake.default = spoilt("none", "", claims=(lie,))
    if stream:
        _, made = await streamed(fake, "裙子不喜欢，我要退货")
    else:
        made = await made_by(fake, "裙子不喜欢，我要退货")
    assert made.verdict == "unreasonable"
    assert [claim.counted for claim in made.reading.claims] == [False]
    assert made.reading.claims[0].why
    assert made.writer.calls == 1


async def test_a_stream_shows_reading_and_verdict_before_any_step(fake: FakeModel) -> None:
    came, made = await streamed(fake, "裙子不喜欢，我要退货")
    kinds = [event.type for event in came]
    assert kinds[:3] == ["draft.created", "draft.reading", "draft.verdict"]
    assert kinds[3:] == ["draft.step"] * len(made.steps) + ["draft.completed"]
    assert (made.writer.kind, made.writer.calls) == ("model", 1)


async def test_steps_left_out_or_out_of_order_become_the_playbooks(fake: FakeModel) -> None:
    plain = await draft(inquiry("裙子不喜欢，我要退货", order=LATE))

    def answer(request: dict[str, Any]) -> Reply:
        made = said(obedient(request))
        made["steps"] = [made["steps"][-1], made["steps"][0]]
        return Reply.says(made)

    fake.default = answer
    came, made = await streamed(fake, "裙子不喜欢，我要退货")
    assert [step.step for step in made.steps] == [step.step for step in plain.steps]
    assert [step.writer for step in made.steps][-1] == "model"
    assert {step.writer for step in made.steps[:-1]} == {"playbook"}
    assert [event.data["text"] for event in came if event.type == "draft.step"] == [s.text for s in made.steps]


async def test_variants_are_other_checked_wordings(fake: FakeModel) -> None:
    words = iter(("这单按不喜欢退不了，签收到今天40天了。", ATTACKS[0], "不喜欢的退不了，已经签收40天了。"))
    fake.default = lambda request: spoilt("rule", next(words))(request)
    made = await made_by(fake, "裙子不喜欢，我要退货", variants=3)
    replies = [made.reply, *(variant.reply for variant in made.variants)]
    assert len(replies) == len(set(replies)) == 3
    assert ATTACKS[0] not in made.model_dump_json()
    assert made.writer.calls >= 3
    assert any("换一种说法" in request.prompt for request in fake.requests)


async def test_the_playbook_has_variants_too() -> None:
    made = await draft(inquiry("裙子不喜欢，我要退货", order=LATE, variants=3))
    assert all(variant.writer == "playbook" and variant.reply != made.reply for variant in made.variants)
    assert made.variants


async def test_a_reader_who_leaves_ends_the_call(fake: FakeModel) -> None:
    fake.script(Reply(way="hang"))
    async with model_drafter(fake) as drafter:
        asked = inquiry("裙子不喜欢，我要退货", writer="model", order=LATE, stream=True)
        going = drafter.draft(asked)
        for _ in range(3):
            await anext(going)
        waiting = asyncio.ensure_future(anext(going))
        await asyncio.to_thread(fake.wait_for_request)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await going.aclose()
        await asyncio.to_thread(fake.wait_for_gone, 1.0)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_failing_endpoint_leaves_the_playbook_and_says_why(fake: FakeModel, stream: bool) -> None:
    plain = await draft(inquiry("裙子不喜欢，我要退货", order=LATE))
    fake.default = lambda request: Reply.status_of(401)
    made = (await streamed(fake, "裙子不喜欢，我要退货"))[1] if stream else await made_by(fake, "裙子不喜欢，我要退货")
    assert made.reply == plain.reply
    assert (made.writer.kind, made.writer.degraded, made.writer.reason) == ("playbook", True, "llm_auth")
    assert made.writer.calls == 1


async def test_the_playbook_follows_an_instruction_within_its_rules() -> None:
    turns = ("裙子不喜欢，我要退货",)
    plain = [await draft(inquiry(f"{turns[0]}{n}", order=LATE)) for n in range(6)]
    short = [await draft(inquiry(f"{turns[0]}{n}", order=LATE, instruction="麻烦更简短一点")) for n in range(6)]
    assert sum(len(made.reply) for made in short) < sum(len(made.reply) for made in plain)
    assert [(m.verdict, [s.step for s in m.steps]) for m in short] == [
        (m.verdict, [s.step for s in m.steps]) for m in plain
    ]
    formal = await draft(inquiry(*turns, order=LATE, instruction="正式一点"))
    assert formal.reply.startswith("您好")


async def test_a_short_reply_is_short() -> None:
    made = await draft(inquiry("裙子不喜欢，我要退货", order=LATE, style={"max_chars": 100}))
    assert 0 < len(made.reply) <= 100


@pytest.mark.parametrize(
    ("turns", "order"),
    [
        (("面霜用了脸上又红又肿，要你们赔",), {"category": "美妆", "used": True}),
        (("你们真不要脸，骗子店，退钱！",), LATE),
        (("不给退我就去12315投诉",), LATE),
    ],
)
async def test_nobody_hurt_or_angry_is_called_dear(fake: FakeModel, turns: tuple[str, ...], order: Any) -> None:
    fake.default = spoilt("closing", "亲，您看好了回我一声呢。")
    for style in ({"tone": "warm"}, {"tone": "neutral"}):
        made = await made_by(fake, *turns, order=order, style=style)
        assert "亲，" not in made.reply and "呢" not in made.reply
        assert "不用“亲”" in fake.requests[0].prompt
    calm = await made_by(fake, "裙子不喜欢，我要退货", style={"tone": "warm"})
    assert "亲，您看好了回我一声呢。" in calm.reply
