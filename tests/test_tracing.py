"""Spans: what a collector is told of a draft with a model behind it, and whose trace it is a part of."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from starlette.testclient import TestClient

from service import watching
from service.drafting import Drafter
from service.llm import ModelClient
from service.modelside import ModelSide
from service.watching import record
from service.watching.starting import collector
from service.writing.model import ModelWriter
from tests.collector import Collector
from tests.desk import EmptyLibrary, prompts, shipped
from tests.fake_desk import FakeDesk, FakeDrafter, client_of
from tests.fake_model import FakeModel

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
WORDS = "我要退货，电话13900002222，张三丰"


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """A collector, and a server that was told of it."""
    collector = Collector()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    assert record.tracer() is None
    yield collector
    left = record.untraced()
    if left is not None:
        left.close()
    collector.close()


def _asked(fake: FakeModel, **more: Any) -> TestClient:
    side = ModelSide(ModelWriter(ModelClient("some-model", "sk-canary", fake.url), prompts()), 8.0)
    drafter = Drafter(shipped(), EmptyLibrary(), side)
    return client_of(FakeDesk(drafter=cast(FakeDrafter, drafter)), **more)


def _flush() -> None:
    tracer = record.untraced()
    assert tracer is not None
    tracer.close()


def _attributes(span: Span) -> dict[str, Any]:
    return {
        one.key: getattr(one.value, str(one.value.WhichOneof("value")))
        if one.value.WhichOneof("value") != "array_value"
        else [value.string_value for value in one.value.array_value.values]
        for one in span.attributes
    }


@pytest.mark.parametrize("stream", [False, True])
def test_a_draft_is_one_trace_down_to_the_model(told: Collector, stream: bool) -> None:
    body = {"messages": [{"role": "customer", "content": WORDS}], "writer": "auto", "stream": stream}
    with FakeModel() as fake:
        client = _asked(fake, client=("127.0.0.1", 5000))
        answer = client.post("/v1/drafts", json=body, headers={"traceparent": CALLER, "X-Request-Id": "req-1"})
        assert answer.status_code in (200, 201)
        question = fake.requests[-1]
    _flush()
    spans = {span.name: span for span in told.spans()}
    assert {"/v1/drafts", "draft", "read", "judge", "search", "write", "check", "save", "chat some-model"} <= set(spans)
    assert {span.trace_id.hex() for span in told.spans()} == {CALLER.split("-")[1]}
    request, draft, chat = spans["/v1/drafts"], spans["draft"], spans["chat some-model"]
    assert request.parent_span_id.hex() == CALLER.split("-")[2]
    assert draft.parent_span_id == request.span_id
    assert chat.parent_span_id == spans["write"].span_id
    assert {spans[name].parent_span_id for name in ("read", "judge", "search", "write", "save")} == {draft.span_id}
    asked = _attributes(chat)
    usage = {name: asked.pop(f"gen_ai.usage.{name}_tokens") for name in ("input", "output")}
    assert usage["input"] > 0 and usage["output"] > 0
    assert asked == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "some-model",
        "gen_ai.response.model": asked["gen_ai.response.model"],
        "gen_ai.response.finish_reasons": ["stop"],
        "youli.calls": 1,
    }
    assert chat.kind == Span.SPAN_KIND_CLIENT
    assert request.kind == Span.SPAN_KIND_SERVER
    assert _attributes(request)["youli.request"] == "req-1"
    assert told.service()["service.name"] == "youli"
    everything = b"".join(told.bodies)
    for word in ("退货", "13900002222", "张三丰", "sk-canary"):
        assert word.encode() not in everything
    for header in (b"traceparent", b"tracestate", b"baggage"):
        assert header not in question.head.lower()


def test_a_question_that_fails_says_how(told: Collector) -> None:
    with FakeModel() as fake:
        fake.script(*[fault()] * 2)
        answer = _asked(fake).post("/v1/drafts", json={"messages": [{"role": "customer", "content": WORDS}]})
    assert answer.json()["writer"]["reason"] == "llm_auth"
    _flush()
    chat = next(span for span in told.spans() if span.name == "chat some-model")
    assert _attributes(chat)["error.type"] == "llm_auth"
    assert chat.status.code == 2
    assert not chat.status.message
    assert not chat.events


@pytest.mark.parametrize(
    ("client", "header"),
    [
        ("203.0.113.9", CALLER),
        ("127.0.0.1", CALLER.replace("0af7651916cd43dd8448eb211c80319c", "0" * 32)),
        ("127.0.0.1", "ff" + CALLER[2:]),
        ("127.0.0.1", CALLER + "-x"),
        ("127.0.0.1", "canary"),
        ("testclient", CALLER),
    ],
)
def test_a_trace_of_nobody_we_know_is_not_joined(told: Collector, client: str, header: str) -> None:
    made = client_of(FakeDesk(), client=(client, 5000))
    made.post("/v1/checks", json={"text": ""}, headers={"traceparent": header})
    made.get("/healthz")
    _flush()
    (span,) = told.spans()
    assert not span.parent_span_id
    assert span.trace_id.hex() != CALLER.split("-")[1]


def test_nothing_is_sent_or_imported_unless_a_collector_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert collector() is None
    client_of(FakeDesk())
    assert record.tracer() is None
    assert watching.span("x") is watching.NO_SPAN
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    assert collector() is not None
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    assert collector() is None
    monkeypatch.delenv("OTEL_TRACES_EXPORTER")
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert collector() is None


async def test_a_collector_that_is_away_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    assert client_of(FakeDesk()).post("/v1/checks", json={"text": ""}).status_code == 422
    assert record.tracer() is not None
    await watching.stop()
    assert record.tracer() is None


def fault() -> Any:
    """An endpoint that knows no such key."""
    from tests.fake_reply import Reply

    return Reply(status=401, body=json.dumps({"error": {"code": "invalid_api_key", "message": WORDS}}).encode())
