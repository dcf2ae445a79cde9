"""A draft from inquiry to answer, through the drafter's one door."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.drafting import Drafter
from service.errors import InvalidRequest
from tests.desk import EmptyLibrary, draft, inquiry, shipped

LATE = {"received": True, "opened": True, "used": False, "amount": 89.0, "days_since_received": 20}


async def test_events_come_in_order_and_the_last_is_the_plain_answer():
    events = [event async for event in Drafter(shipped(), EmptyLibrary()).draft(inquiry("想退了", order=LATE))]
    kinds = [event.type for event in events]
    assert kinds[:3] == ["draft.created", "draft.reading", "draft.verdict"]
    assert kinds[-1] == "draft.completed"
    assert set(kinds[3:-1]) == {"draft.step"}
    made = events[-1].draft
    assert [event.data["text"] for event in events[3:-1]] == [step.text for step in made.steps]
    assert made.reply == "\n".join(step.text for step in made.steps)


async def test_the_same_inquiry_gives_the_same_draft():
    one, two = [await draft(inquiry("伞不喜欢想退了", order=LATE)) for _ in range(2)]
    assert one.reply == two.reply
    assert one.id != two.id


async def test_different_inquiries_do_not_sound_alike():
    replies = [await draft(inquiry(f"{n}号买的伞不喜欢想退了", order=LATE)) for n in range(100)]
    sentences: dict[str, int] = {}
    for made in replies:
        assert made.scenario == "overdue_no_reason"
        for sentence in {part for part in re.split(r"[。！？\n]", made.reply) if part.strip()}:
            sentences[sentence] = sentences.get(sentence, 0) + 1
    worst = max(sentences, key=lambda sentence: sentences[sentence])
    assert sentences[worst] <= 40, worst


async def test_an_agents_earlier_sentence_is_not_said_again():
    first = await draft(inquiry("伞不喜欢想退了", order=LATE))
    turns = ["伞不喜欢想退了", *(f"客服：{step.text}" for step in first.steps), "我就是要退"]
    second = await draft(inquiry(*turns, order=LATE))
    assert "firmness" in [step.step for step in second.steps]
    said = {step.text for step in first.steps}
    assert not said & {step.text for step in second.steps}


async def test_an_unknown_shop_is_refused_before_the_first_event():
    with pytest.raises(InvalidRequest) as caught:
        await draft(inquiry("想退", shop="nowhere"))
    assert caught.value.code == "unknown_shop"


async def test_a_model_asked_for_without_one_is_said():
    made = await draft(inquiry("想退了", order=LATE, writer="model"))
    assert (made.writer.kind, made.writer.reason) == ("playbook", "llm_not_configured")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.text(max_size=200), days=st.one_of(st.none(), st.integers(0, 400)), used=st.booleans())
async def test_any_words_give_a_whole_checked_draft(words, days, used):
    order = {"received": True, "used": used} | ({} if days is None else {"days_since_received": days})
    made = await draft(inquiry(f"想退{words}".replace("\ud800", ""), order=order))
    assert made.steps
    assert not re.search(r"[{}〔〕]|XX", made.reply)
    assert all(finding.severity != "block" for finding in made.findings)
