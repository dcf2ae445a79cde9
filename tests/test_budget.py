"""A key's tokens of the day: a spent budget costs a draft its model, never the shop its answer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from service.acting import Acting, act_as
from service.drafting import Drafter
from service.errors import TooMany
from service.limiting.budget import Budget
from service.limiting.counting import Counting
from service.limiting.numbers import numbers
from tests.desk import draft, events, inquiry, model_drafter
from tests.fake_model import FakeModel, Reply

ANNA = Acting("key_anna", "agent", "demo", "agent")
BEN = Acting("key_ben", "agent", "demo", "agent")
ASKED = {"order": {"days_since_received": 2}}


@pytest.fixture
def fake() -> Iterator[FakeModel]:
    with FakeModel() as server:
        yield server


def _budget(tokens: int) -> Budget:
    return Budget(Counting(None, numbers().rates), numbers().tokens, lambda: tokens)


async def test_what_a_draft_used_is_counted_and_when_all_is_used_the_playbook_writes(fake: FakeModel) -> None:
    budget = _budget(1)
    async with model_drafter(fake, budget=budget) as drafter:
        with act_as(ANNA):
            first = await draft(inquiry("没拆，想退", writer="auto", **ASKED), drafter)
            await budget.close()
            asked = len(fake.requests)
            second = await draft(inquiry("没拆，想退", writer="auto", **ASKED), drafter)
            with pytest.raises(TooMany) as caught:
                await events(inquiry("没拆，想退", writer="model", **ASKED), drafter)
            third = await draft(inquiry("没拆，想退", **ASKED), drafter)
        assert first.writer.kind == "model"
        assert (second.writer.kind, second.writer.degraded, second.writer.reason) == ("playbook", True, "tokens_spent")
        assert (second.usage, second.writer.calls, len(fake.requests)) == ({}, 0, asked)
        assert (third.writer.kind, third.writer.degraded) == ("playbook", False)  # wanted so
        assert (caught.value.code, caught.value.status) == ("tokens_spent", 429)
        assert caught.value.retry_after is not None and 0 < caught.value.retry_after <= 86_400
        with act_as(BEN):
            assert (await draft(inquiry("没拆，想退", writer="auto", **ASKED), drafter)).writer.kind == "model"


async def test_the_count_is_what_the_draft_says(fake: FakeModel) -> None:
    budget = _budget(10**9)
    async with model_drafter(fake, budget=budget) as drafter:
        with act_as(ANNA):
            made = await draft(inquiry("没拆，想退", writer="auto", **ASKED), drafter)
            await budget.close()
            left = await budget.left(ANNA)
    assert made.usage["total_tokens"] > 0
    assert left == 10**9 - made.usage["total_tokens"]


async def test_an_endpoint_that_reports_nothing_costs_what_its_question_was_long(fake: FakeModel) -> None:
    fake.script(*[Reply.status_of(200)] * 9)  # answered, with nothing to be used in it
    budget = _budget(10**9)
    async with model_drafter(fake, budget=budget) as drafter:
        with act_as(ANNA):
            made = await draft(inquiry("没拆，想退", writer="auto", **ASKED), drafter)
            await budget.close()
            left = await budget.left(ANNA)
    assert made.writer.reason == "llm_bad_reply"
    assert left is not None and 10**9 - left > 2_000


async def test_whoever_leaves_a_stream_has_spent_too(fake: FakeModel) -> None:
    budget = _budget(10**9)
    async with model_drafter(fake, budget=budget) as drafter:
        with act_as(ANNA):
            coming = _streamed(drafter)
            async for event in coming:
                if event.type == "draft.step":
                    break
            await coming.aclose()
            await budget.close()
            left = await budget.left(ANNA)
    assert left is not None and left < 10**9


def _streamed(drafter: Drafter):
    return drafter.draft(inquiry("没拆，想退", writer="auto", stream=True, **ASKED))
