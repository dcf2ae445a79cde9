"""The application whole: its OpenAPI document, its examples, its rules about keys."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import TypeAdapter
from starlette.testclient import TestClient

from service.api.described import EXAMPLES, examples_of
from service.app import create_app
from service.schemas import BatchResult, CheckResult, Draft, MaskResult, SearchResult
from service.settings import Settings
from tests.fake_desk import FakeDesk, client_of
from tests.prepared import ready

DOORS = {
    "create_draft": ("POST", "/v1/drafts", 201, Draft),
    "create_check": ("POST", "/v1/checks", 200, CheckResult),
    "create_checks": ("POST", "/v1/checks/batch", 200, BatchResult),
    "mask_text": ("POST", "/v1/privacy/mask", 200, MaskResult),
    "search_knowledge": ("POST", "/v1/knowledge/search", 200, SearchResult),
}
STATEFUL = {
    "create_chat_completion",
    "give_feedback",
    "create_erasure",
    "publish_document",
    "rollback_document",
    "release_sentence",
    "rule_conflict",
    "start_run",
    "add_reviews",
    "sample_drafts",
    "create_key",
    "gather_proposals",
    "accept_proposal",
    "reject_proposal",
    "create_webhook",
}
"""Doors whose examples need things to be there or answer by the clock; the tests of those doors paste them."""
CASES = [(operation, name) for operation in DOORS for name in examples_of(operation)]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    settings = Settings(auth="off", data_dir=ready(tmp_path_factory.mktemp("data")))
    with TestClient(create_app(settings, hosts={"testserver"})) as made:
        yield made


def _operations() -> dict[str, tuple[str, str, dict[str, Any]]]:
    document = client_of(FakeDesk()).get("/openapi.json").json()
    return {
        operation["operationId"]: (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def test_operation_ids_are_stable() -> None:
    assert {name: f"{method} {path}" for name, (method, path, _) in _operations().items()} == {
        "create_draft": "POST /v1/drafts",
        "list_drafts": "GET /v1/drafts",
        "get_draft": "GET /v1/drafts/{id}",
        "give_feedback": "POST /v1/drafts/{id}/feedback",
        "create_chat_completion": "POST /v1/chat/completions",
        "list_models": "GET /v1/models",
        "get_model": "GET /v1/models/{id}",
        "create_check": "POST /v1/checks",
        "create_checks": "POST /v1/checks/batch",
        "mask_text": "POST /v1/privacy/mask",
        "add_document": "POST /v1/knowledge/documents",
        "list_documents": "GET /v1/knowledge/documents",
        "get_document": "GET /v1/knowledge/documents/{id}",
        "replace_document": "PUT /v1/knowledge/documents/{id}",
        "retire_document": "DELETE /v1/knowledge/documents/{id}",
        "list_versions": "GET /v1/knowledge/documents/{id}/versions",
        "get_version": "GET /v1/knowledge/documents/{id}/versions/{n}",
        "diff_versions": "GET /v1/knowledge/documents/{id}/diff",
        "publish_document": "POST /v1/knowledge/documents/{id}/publish",
        "rollback_document": "POST /v1/knowledge/documents/{id}/rollback",
        "list_held": "GET /v1/knowledge/documents/{id}/held",
        "release_sentence": "POST /v1/knowledge/documents/{id}/held/{n}/release",
        "hold_sentence": "DELETE /v1/knowledge/documents/{id}/held/{n}/release",
        "add_reviews": "POST /v1/evals/runs/{id}/reviews",
        "review_queue": "GET /v1/evals/queue",
        "sample_drafts": "POST /v1/evals/live",
        "list_conflicts": "GET /v1/knowledge/conflicts",
        "get_conflict": "GET /v1/knowledge/conflicts/{id}",
        "rule_conflict": "POST /v1/knowledge/conflicts/{id}/ruling",
        "start_run": "POST /v1/evals/runs",
        "list_runs": "GET /v1/evals/runs",
        "get_run": "GET /v1/evals/runs/{id}",
        "get_report": "GET /v1/evals/runs/{id}/report",
        "search_knowledge": "POST /v1/knowledge/search",
        "list_audit": "GET /v1/audit",
        "create_key": "POST /v1/keys",
        "list_keys": "GET /v1/keys",
        "revoke_key": "DELETE /v1/keys/{id}",
        "create_erasure": "POST /v1/erasures",
        "healthz": "GET /healthz",
        "metrics": "GET /metrics",
        "get_analytics": "GET /v1/analytics",
        "create_webhook": "POST /v1/webhooks",
        "list_webhooks": "GET /v1/webhooks",
        "delete_webhook": "DELETE /v1/webhooks/{id}",
        "test_webhook": "POST /v1/webhooks/{id}/test",
        "list_deliveries": "GET /v1/webhooks/{id}/deliveries",
        "redeliver": "POST /v1/webhooks/{id}/deliveries/{n}/redeliver",
        "gather_proposals": "POST /v1/proposals",
        "list_proposals": "GET /v1/proposals",
        "get_proposal": "GET /v1/proposals/{id}",
        "accept_proposal": "POST /v1/proposals/{id}/accept",
        "reject_proposal": "POST /v1/proposals/{id}/reject",
        "readyz": "GET /readyz",
        "version": "GET /version",
    }


def test_every_operation_speaks_chinese_and_names_its_problems() -> None:
    for method, path, operation in _operations().values():
        for words in (operation["summary"], operation["description"], *operation["tags"]):
            assert re.search(r"[\u4e00-\u9fff]", words)
        statuses = set(operation["responses"])
        assert {"403", "500"} <= statuses
        stranger = {} in operation.get("security", ())
        assert ("401" in statuses) != stranger  # named only where a stranger is not answered
        chat = path.startswith(("/v1/chat/", "/v1/models"))
        unfit = {"400", "413", "415"} | (set() if chat else {"422"})
        assert (unfit <= statuses) == (method in {"POST", "PUT"})
        for status, response in operation["responses"].items():
            assert re.search(r"[\u4e00-\u9fff]", response["description"])
            if status >= "400":
                media, shape = ("json", "ChatProblem") if chat else ("problem+json", "Problem")
                schema = response["content"][f"application/{media}"]["schema"]
                assert schema == {"$ref": f"#/components/schemas/{shape}"}


def test_every_reference_of_the_document_leads_somewhere() -> None:
    document = client_of(FakeDesk()).get("/openapi.json").json()

    def references(part: Any) -> Iterator[str]:
        if isinstance(part, dict):
            for key, value in part.items():
                if key == "$ref":
                    yield value
                else:
                    yield from references(value)
        elif isinstance(part, list):
            for value in part:
                yield from references(value)

    found = set(references(document))
    assert "#/components/schemas/Problem" in found
    assert {ref.rsplit("/", 1)[1] for ref in found} <= set(document["components"]["schemas"])


def test_the_stream_is_documented_beside_the_plain_answer() -> None:
    responses = _operations()["create_draft"][2]["responses"]
    assert "text/event-stream" in responses["200"]["content"]
    assert "application/json" in responses["201"]["content"]


def test_every_example_file_belongs_to_a_door_and_stands_in_the_document() -> None:
    assert {path.name.split(".")[0] for path in EXAMPLES.glob("*.json")} == set(DOORS) | STATEFUL
    operations = _operations()
    for operation in (*DOORS, *STATEFUL):
        body = operations[operation][2]["requestBody"]["content"]["application/json"]
        assert set(body["examples"]) == set(examples_of(operation))
        for example in body["examples"].values():
            assert re.search(r"[\u4e00-\u9fff]", example["summary"])


@pytest.mark.parametrize(("operation", "name"), CASES)
def test_an_example_works_when_pasted_and_answers_as_shown(client: TestClient, operation: str, name: str) -> None:
    method, path, status, shape = DOORS[operation]
    example = examples_of(operation)[name]
    answer = client.request(method, path, json=example["request"])
    assert answer.status_code == status, answer.text
    shown = TypeAdapter(shape).validate_python(example["response"]).model_dump(mode="json")
    got = TypeAdapter(shape).validate_python(answer.json()).model_dump(mode="json")
    if operation == "create_draft":
        assert (got["verdict"], got["scenario"]) == (shown["verdict"], shown["scenario"])
        assert [step["step"] for step in got["steps"]] == [step["step"] for step in shown["steps"]]
        assert (
            name == {"unreasonable": "refuse", "reasonable": "help", "needs_clarification": "clarify"}[got["verdict"]]
        )
        fetched = client.get(answer.headers["location"])
        assert fetched.json() == answer.json()
    elif operation == "search_knowledge":
        assert [p["document_id"] for p in got["passages"]][:1] == [p["document_id"] for p in shown["passages"]][:1]
    else:
        assert got == shown


def test_a_draft_of_the_service_can_be_checked_by_its_id(client: TestClient) -> None:
    asked = examples_of("create_draft")["help"]["request"]
    draft = client.post("/v1/drafts", json=asked).json()
    again = client.post("/v1/checks", json={"text": draft["reply"], "draft": draft["id"]})
    assert again.status_code == 200
    assert again.json()["passed"] is True
    assert client.post("/v1/checks", json={"text": "好", "draft": "dft_none"}).json()["code"] == "draft_not_found"


def test_an_upload_is_found_once_it_is_published(client: TestClient) -> None:
    text = "# 雨伞养护\n\n## 晾干\n伞骨沾了海水要用清水冲一遍，撑开阴干，别用吹风机。\n"
    for publish, found in (("false", 0), ("true", 1)):
        form = {"kind": "guideline", "title": "雨伞养护", "publish": publish}
        answer = client.post("/v1/knowledge/documents", files={"file": ("伞.md", text.encode())}, data=form)
        assert answer.status_code == 201, answer.text
        asked = {"query": "伞骨沾了海水怎么办", "documents": [answer.json()["id"]]}
        assert len(client.post("/v1/knowledge/search", json=asked).json()["passages"]) == found


def test_the_stream_and_the_plain_answer_are_one_draft(client: TestClient) -> None:
    asked = examples_of("create_draft")["refuse"]["request"]
    plain = client.post("/v1/drafts", json=asked).json()
    wire = client.post("/v1/drafts", json=asked | {"stream": True}).text
    last = wire.strip().split("\n\n")[-1]
    assert last.startswith("event: draft.completed\n")
    streamed = TypeAdapter(Draft).validate_json(last.split("data: ", 1)[1].split("\nid:")[0])
    assert streamed.reply == plain["reply"]
    names = re.findall(r"^event: (.+)$", wire, re.M)
    assert names[:3] == ["draft.created", "draft.reading", "draft.verdict"]
    assert names.count("draft.step") == len(plain["steps"])


def test_an_unknown_shop_is_named(client: TestClient) -> None:
    asked = {"messages": [{"role": "customer", "content": "在吗"}], "shop": "nobody"}
    for body in (asked, asked | {"stream": True}):
        answer = client.post("/v1/drafts", json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "unknown_shop")
        assert "nobody" in answer.json()["detail"]


def test_ready_with_everything_real(client: TestClient) -> None:
    parts = client.get("/readyz").json()["parts"]
    assert parts["search"]["state"] == parts["rulebook"]["state"] == parts["database"]["state"] == "up"
    until = time.monotonic() + 60
    while client.get("/readyz").json()["parts"]["chroma"]["state"] == "degraded":  # a server's index is being filled
        assert time.monotonic() < until
        time.sleep(0.2)
    assert client.get("/version").json()["knowledge_version"].endswith(parts["rulebook"]["details"]["digest"])
