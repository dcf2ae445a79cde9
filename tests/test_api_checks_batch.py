"""``POST /v1/checks/batch``: every item by itself, nothing lost, and counts that add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.api.described import examples_of
from service.app import create_app
from service.schemas.checks import MAX_BATCH_CHARS, MAX_ITEMS
from service.settings import Settings
from tests.prepared import ready


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    settings = Settings(auth="off", data_dir=ready(tmp_path_factory.mktemp("data")))
    with TestClient(create_app(settings, hosts={"testserver"})) as made:
        yield made


def batch(client: TestClient, *items: Any) -> dict[str, Any]:
    answer = client.post("/v1/checks/batch", json={"items": list(items)})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_every_item_is_answered_in_order_as_it_would_be_alone(client: TestClient) -> None:
    texts = ["单号出来我发在这里。", "爱买不买，爱买不买。", "这个我得问问主管才知道。", "您看选哪个，回我一句。"]
    body = batch(client, *({"text": text, "repair": True} for text in texts))
    alone = [client.post("/v1/checks", json={"text": text, "repair": True}).json() for text in texts]
    assert [item["index"] for item in body["items"]] == [0, 1, 2, 3]
    assert [item["result"] for item in body["items"]] == alone


def test_the_summary_counts_what_the_items_say(client: TestClient) -> None:
    body = batch(client, {"text": "爱买不买。"}, {"text": "好的，单号出来发您。"}, {"text": "我们会尽快处理的。"}, {})
    summary = body["summary"]
    results = [item["result"] for item in body["items"] if item["result"]]
    findings = [finding for result in results for finding in result["findings"]]
    assert (summary["items"], summary["checked"], summary["failed"]) == (4, 3, 1)
    assert summary["passed"] == sum(result["passed"] for result in results) == 2
    assert summary["passed_share"] == pytest.approx(2 / 3, abs=1e-4)
    for field in ("category", "severity", "rule"):
        assert summary[f"by_{field}"] == Counter(finding[field] for finding in findings)


@pytest.mark.parametrize(
    ("item", "pointer"),
    [
        ({}, "/text"),
        ({"text": ""}, "/text"),
        ({"text": 5}, "/text"),
        ({"text": "好", "colour": "red"}, "/colour"),
        ({"text": "好", "order": {"amount": -1}}, "/order/amount"),
        ("好", ""),
        (None, ""),
    ],
)
def test_a_broken_item_says_where_and_spoils_no_other(client: TestClient, item: Any, pointer: str) -> None:
    body = batch(client, item, {"text": "爱买不买。"})
    first, second = body["items"]
    assert first["result"] is None
    assert first["error"]["code"] == "invalid_request"
    assert first["error"]["errors"][0]["pointer"] == pointer
    assert second["error"] is None
    assert second["result"]["passed"] is False


def test_an_item_may_name_a_draft_and_an_unknown_one_is_that_items_problem(client: TestClient) -> None:
    asked = examples_of("create_draft")["help"]["request"]
    draft = client.post("/v1/drafts", json=asked).json()
    body = batch(
        client,
        {"text": draft["reply"], "draft": draft["id"]},
        {"text": "好", "draft": "dft_none"},
        {"text": "好", "draft": draft["id"], "shop": "elsewhere"},
    )
    codes = [item["error"] and item["error"]["code"] for item in body["items"]]
    assert codes == [None, "draft_not_found", "draft_not_found"]
    assert body["items"][0]["result"]["passed"] is True
    assert "dft_none" in body["items"][1]["error"]["detail"]


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        ({"items": []}, "invalid_request", "至少 1"),
        ({"items": [{"text": "好"}] * (MAX_ITEMS + 1)}, "invalid_request", str(MAX_ITEMS)),
        ({"items": [{"text": "好" * 45_000}] * 5}, "batch_too_long", str(MAX_BATCH_CHARS)),
        ({}, "invalid_request", ""),
        ({"items": [{"text": "好"}], "more": 1}, "invalid_request", ""),
    ],
)
def test_a_batch_that_is_none_is_refused_whole(client: TestClient, body: Any, code: str, said: str) -> None:
    answer = client.post("/v1/checks/batch", json=body)
    assert answer.status_code == 422
    problem = answer.json()
    assert problem["code"] == code
    assert said in problem["detail"] + "".join(error["message"] for error in problem["errors"])


def test_the_most_items_fit(client: TestClient) -> None:
    body = batch(client, *([{"text": "爱买不买。"}] * MAX_ITEMS))
    assert body["summary"]["blocked"] == MAX_ITEMS
    assert body["summary"]["passed_share"] == 0
