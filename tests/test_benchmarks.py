"""The measuring tools' own parts: a tiny run of each; nothing here asserts how long anything took."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evals.benchmarks.endpoint import CHUNKS, Control, content_for, smallest
from evals.benchmarks.faults_in_process import finished
from evals.benchmarks.faulty import FINE, by_id, drawn, variants
from evals.benchmarks.faulty_vectors import variants as vector_variants
from evals.benchmarks.inquiries import bodies
from evals.benchmarks.load import load, post
from evals.benchmarks.processes import Served, control, served, youli_environment
from evals.benchmarks.verdicts import Tally, events_of, problems_of, same_steps
from service.drafting import Drafter
from service.llm import ModelClient
from service.llm_embed import EmbeddingClient
from service.modelside import ModelSide
from service.schemas import Inquiry
from service.settings import read_settings
from service.writing.model import ModelWriter
from tests.desk import EmptyLibrary, draft, prompts, shipped
from tests.desk import inquiry as desk_inquiry

DEADLINE_S = 30.0


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served("endpoint", ["evals.benchmarks.endpoint"], tmp_path_factory.mktemp("endpoint"), None) as running:
        yield running


async def _drafted(endpoint: Served, stream: bool, deadline: float = DEADLINE_S) -> tuple[dict[str, Any], list[str]]:
    environment = youli_environment(Path("unused"), endpoint.port)
    named = {name: value for name, value in environment.items() if name.startswith("OPENAI_")}
    client = ModelClient.from_settings(read_settings(model=environment["YOULI_MODEL"], **named))
    assert client is not None
    side = ModelSide(ModelWriter(client, prompts()), deadline)
    # heard by frames: learning from examples takes seconds
    order = {"received": True, "days_since_received": 12}
    inquiry = desk_inquiry("不想要了，退货退款", order=order, writer="auto", stream=stream)
    try:
        made, shown = await finished(Drafter(shipped(), EmptyLibrary(), side), inquiry)
    finally:
        await client.close()
    plan = await draft(inquiry.model_copy(update={"writer": "playbook"}))
    told = made.model_dump(mode="json", by_alias=True)
    assert same_steps(shown, told["steps"])
    return told, [step.step for step in plan.steps]


@pytest.mark.parametrize("stream", [False, True])
async def test_the_endpoint_writes_what_the_drafter_uses(endpoint: Served, stream: bool):
    control(endpoint.port, latency_ms=1)
    told, plan = await _drafted(endpoint, stream)
    assert problems_of(told, plan, FINE) == []
    assert told["writer"]["kind"] == "model"
    seen = control(endpoint.port)
    assert (seen["requests"], seen["spoilt"], seen["in_flight"]) == (told["writer"]["calls"], 0, 0)
    assert json.loads(seen["last_body"])["model"] == "fake-1"


@pytest.mark.parametrize("fault", ["L1 401", "L11 garbage", "L19 in a fence"])
async def test_a_fault_is_told_by_its_name(endpoint: Served, fault: str):
    control(endpoint.port, fault=fault)
    told, plan = await _drafted(endpoint, False)
    assert problems_of(told, plan, by_id()[fault].reasons) == []
    assert control(endpoint.port, latency_ms=0)["spoilt"] >= 1


def test_a_share_of_the_answers_is_spoilt():
    assert drawn(Control()) is None
    spoilt = sum(drawn(Control(share=0.2, seed=7)) is not None for _ in range(2_000))
    assert 320 < spoilt < 480


async def test_load_counts_answers_and_hears_the_first_step_of_none(endpoint: Served):
    control(endpoint.port, latency_ms=0)
    plain, streamed = ({"messages": [{"content": "1. rule：\n- rule：好"}], "stream": way} for way in (False, True))
    for asked in (plain, streamed):
        request = post(endpoint.port, "/v1/chat/completions", json.dumps(asked).encode())
        run = await load(endpoint.port, [request], 3, count=9)
        assert ([answer.status for answer in run.answers], run.errors) == ([200] * 9, [])
        assert run.rate > 0
        assert run.answers[0].first_step is None
    assert run.answers[0].body.count(b"data: ") == CHUNKS + 2


async def test_vectors_come_in_order_and_a_fault_of_theirs_is_theirs_alone(endpoint: Served):
    client = EmbeddingClient("e", "sk-of-no-use", f"http://127.0.0.1:{endpoint.port}/v1")
    for fault in (None, "V4 in another order", "L1 401"):
        control(endpoint.port, fault=fault)
        made = await client.embed(["退货", "运费", "退货"], DEADLINE_S)
        assert (made[0] == made[2]).all()
        assert not (made[0] == made[1]).all()
    await client.close()


def test_every_row_of_faults_has_a_variant():
    ids = [variant.id for variant in (*variants(), *vector_variants())]
    assert len(set(ids)) == len(ids)
    rows = {name.split(" ", 1)[0] for name in ids}
    assert rows == {f"L{number}" for number in range(1, 20) if number != 18} | {"V1", "V3", "V4", "V5"}


def test_no_two_last_messages_are_alike():
    made = bodies(50, 3, stream=True)
    said = [Inquiry.model_validate(body).messages[-1].content for body in made]
    assert len(set(said)) == 50
    assert made == bodies(50, 3, stream=True)


def test_the_smallest_answer_fits_its_schema():
    schema = {
        "type": "object",
        "properties": {
            "quote": {"type": ["string", "null"]},
            "kind": {"enum": ["a", "b"]},
            "either": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
            "list": {"type": "array", "items": {"type": "string"}},
        },
    }
    assert smallest(schema) == {"quote": None, "kind": "b", "either": None, "list": []}
    form = {"response_format": {"json_schema": {"schema": {"properties": {"reading": schema, "steps": {}}}}}}
    answer = json.loads(content_for({"messages": [{"content": "1. rule：结论\n- rule：按期限办"}], **form}))
    assert answer["steps"] == [{"step": "rule", "text": "按期限办", "passages": []}]
    assert answer["reading"]["list"] == []


def test_what_is_wrong_with_a_draft_is_named():
    steps = [{"step": "rule", "text": "好"}]
    good = {"steps": steps, "reply": "好", "findings": [], "writer": {"degraded": False, "reason": None}}
    assert problems_of(good, ["rule"], FINE) == []
    failed = {"degraded": True, "reason": "llm_timeout"}
    assert problems_of(good | {"writer": failed}, None, frozenset({"llm_timeout"})) == []
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"steps": []}, "a step is empty"),
        ({"reply": "别的"}, "the reply is not its steps"),
        ({"findings": [{"severity": "block"}]}, "a finding blocks it"),
        (
            {"writer": {"degraded": True, "reason": None}},
            "degraded without a reason, or a reason without being degraded",
        ),
        ({"writer": {"degraded": True, "reason": "oops"}}, "an unknown reason: oops"),
        ({"writer": failed}, "unexpected: llm_timeout"),
    ]
    for change, problem in wrong:
        assert problem in problems_of(good | change, ["rule"], FINE)
    assert problems_of(good, ["empathy"], FINE) == ["not the planned steps"]


def test_a_streams_body_is_read_and_a_tally_counts():
    event = 'event: draft.step\nid: 1\ndata: {"a": "步"}\n\n'.encode()
    body = (
        b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (event[:20], event[20:], b": ping\n\n")) + b"0\r\n\r\n"
    )
    assert events_of(body) == [("draft.step", {"a": "步"})]
    tally, other = Tally(), Tally()
    tally.add([], None, 1.0, 0.25)
    other.add(["bad"], "llm_auth", 3.0)
    tally.join(other)
    assert (tally.asked, tally.usable, tally.reasons["llm_auth"], tally.problems["bad"]) == (2, 1, 1, 1)
    assert (tally.percentile(0.99), tally.percentile(0.0, worked=True)) == (3.0, 0.75)
