"""Whatever a caller sends to the real doors, the answer is a result or a problem, never an accident."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from service.api.described import examples_of
from service.app import create_app
from service.settings import Settings
from tests.fake_desk import is_problem
from tests.prepared import ready

DOORS = {
    "create_draft": "/v1/drafts",
    "create_check": "/v1/checks",
    "mask_text": "/v1/privacy/mask",
    "search_knowledge": "/v1/knowledge/search",
}
WORDS = st.sampled_from(
    ["退", "\ud800", "\x00", "＜数＞", "a" * 300, "{称呼}", "\u202e吗", "", "-1", "true", "2026-02-29", "😀" * 50]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.floats(allow_nan=False)
    | WORDS
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    made = Settings(auth="off", data_dir=ready(tmp_path_factory.mktemp("data")))
    with TestClient(create_app(made, hosts={"testserver"})) as running:
        yield running


def _changed(draw: st.DrawFn, value: Any) -> Any:
    """The value with some part of it replaced, removed or added to."""
    if isinstance(value, dict) and value and draw(st.booleans()):
        key = draw(st.sampled_from(sorted(value)))
        rest = {k: v for k, v in value.items() if k != key}
        return rest | {key: _changed(draw, value[key])} if draw(st.booleans()) else rest | {draw(WORDS): value[key]}
    if isinstance(value, list) and value and draw(st.booleans()):
        place = draw(st.integers(0, len(value) - 1))
        return [*value[:place], _changed(draw, value[place]), *value[place + draw(st.integers(0, 1)) :]]
    return draw(VALUES)


@st.composite
def _requests(draw: st.DrawFn) -> tuple[str, Any]:
    operation = draw(st.sampled_from(sorted(DOORS)))
    examples = examples_of(operation)
    body = examples[draw(st.sampled_from(sorted(examples)))]["request"]
    for _ in range(draw(st.integers(1, 3))):
        body = _changed(draw, body)
    return operation, body


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_requests())
def test_no_body_is_an_accident(client: TestClient, request_: tuple[str, Any]) -> None:
    operation, body = request_
    sent = json.dumps(body, allow_nan=True).encode()
    answer = client.post(DOORS[operation], content=sent, headers={"content-type": "application/json"})
    if answer.status_code >= 400:
        assert answer.status_code in {400, 404, 422}
        is_problem(answer, answer.status_code, answer.json()["code"])
    elif "text/event-stream" in answer.headers["content-type"]:
        assert "event: draft.completed" in answer.text
    else:
        assert answer.json()


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(codec="utf-8"), max_size=200))
def test_any_words_are_checked_and_masked(client: TestClient, text: str) -> None:
    masked = client.post("/v1/privacy/mask", json={"text": text})
    assert masked.status_code == 200
    for entity in masked.json()["entities"]:
        assert 0 <= entity["start"] < entity["end"] <= len(text)
    if text:
        checked = client.post("/v1/checks", json={"text": text})
        assert checked.status_code == 200
        for finding in checked.json()["findings"]:
            assert finding["excerpt"] == text[finding["start"] : finding["end"]]


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["x.md", "x.txt", "x.pdf", "", "../x.md", "规矩"]))
def test_any_file_is_taken_or_refused(client: TestClient, data: bytes, name: str) -> None:
    answer = client.post("/v1/knowledge/documents", files={"file": (name, data)}, data={"kind": "guideline"})
    if answer.status_code != 201:
        assert answer.status_code in {415, 422}
        is_problem(answer, answer.status_code, answer.json()["code"])


def test_form_fields_that_are_no_text(client: TestClient) -> None:
    field = b'--x\r\nContent-Disposition: form-data; name="kind"\r\n\r\n\xff\xfe\r\n--x--\r\n'
    headers = {"content-type": "multipart/form-data; boundary=x"}
    answer = client.post("/v1/knowledge/documents", content=field, headers=headers)
    assert answer.status_code in {400, 422}
    is_problem(answer, answer.status_code, answer.json()["code"])
