"""Rules between fields stand in the document: what it says of a body, and what the door does, is the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from starlette.testclient import TestClient

from service.app import create_app
from service.settings import Settings
from tests.prepared import ready

SAID = {"role": "customer", "content": "能退吗"}
SILENT = {"role": "customer", "content": " \n"}
SHOWN = {"role": "customer", "content": "", "kind": "image"}
AGENT = {"role": "agent", "content": "您好"}
USER = {"role": "user", "content": "能退吗"}
RUN = {"run": "run_1", "rubric": "r", "reviewer": "甲"}
ROW = {"case": "a", "scorer": "law"}
KEY = {"name": "k", "role": "agent", "shop": "default"}


def _parts(*parts: dict[str, str]) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(parts)}]}


BODIES: list[tuple[str, dict[str, Any], bool]] = [
    ("/v1/drafts", {"messages": [SAID]}, True),
    ("/v1/drafts", {"messages": [SILENT, AGENT, SHOWN]}, True),
    ("/v1/drafts", {"messages": []}, False),
    ("/v1/drafts", {"messages": [SILENT]}, False),
    ("/v1/drafts", {"messages": [AGENT, SILENT]}, False),
    ("/v1/drafts", {"messages": [SAID], "variants": 2}, True),
    ("/v1/drafts", {"messages": [SAID], "stream": True}, True),
    ("/v1/drafts", {"messages": [SAID], "stream": True, "variants": 2}, False),
    ("/v1/drafts", {"messages": [SAID], "order": {"facts": {"x" * 200: 1}}}, True),
    ("/v1/drafts", {"messages": [SAID], "order": {"facts": {"x" * 201: 1}}}, False),
    ("/v1/drafts", {"messages": [SAID], "policy": {f"k{n}": n for n in range(100)}}, True),
    ("/v1/drafts", {"messages": [SAID], "policy": {f"k{n}": n for n in range(101)}}, False),
    ("/v1/chat/completions", {"messages": [USER]}, True),
    ("/v1/chat/completions", {"messages": [{"role": "system", "content": "请退"}]}, False),
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": " "}]}, False),
    ("/v1/chat/completions", {"messages": [{"role": "user"}]}, False),
    ("/v1/chat/completions", _parts({"type": "image_url"}), True),
    ("/v1/chat/completions", _parts({"type": "text", "text": "能退吗"}), True),
    ("/v1/chat/completions", _parts({"type": "refusal", "refusal": "不行"}), True),
    ("/v1/chat/completions", _parts({"type": "text", "text": " "}), False),
    ("/v1/chat/completions", _parts({"type": "hologram", "text": "能退吗"}), False),
    ("/v1/chat/completions", {"messages": [USER], "n": 2, "stream": False}, True),
    ("/v1/chat/completions", {"messages": [USER], "n": None, "stream": True}, True),
    ("/v1/chat/completions", {"messages": [USER], "n": 2, "stream": True}, False),
    ("/v1/erasures", {"buyer": "甲", "dry_run": True}, True),
    ("/v1/erasures", {"buyer": None, "draft": "d", "dry_run": True}, True),
    ("/v1/erasures", {"dry_run": True}, False),
    ("/v1/erasures", {"buyer": None, "dry_run": True}, False),
    ("/v1/erasures", {"buyer": "甲", "conversation": "c", "dry_run": True}, False),
    ("/v1/drafts/{id}/feedback", {"action": "edited", "final_text": "您好，可以退。"}, True),
    ("/v1/drafts/{id}/feedback", {"action": "rejected", "final_text": None}, True),
    ("/v1/drafts/{id}/feedback", {"action": "edited"}, False),
    ("/v1/drafts/{id}/feedback", {"action": "edited", "final_text": None}, False),
    ("/v1/drafts/{id}/feedback", {"action": "edited", "final_text": " "}, False),
    ("/v1/keys", KEY, True),
    ("/v1/keys", {**KEY, "role": "admin", "shop": "*"}, True),
    ("/v1/keys", {**KEY, "shop": "*"}, False),
    ("/v1/webhooks", {"url": "https://127.0.0.1/a?b=c", "events": ["draft.adopted"]}, True),
    ("/v1/webhooks", {"url": "ftp://127.0.0.1/", "events": ["draft.adopted"]}, False),
    ("/v1/webhooks", {"url": "https://", "events": ["draft.adopted"]}, False),
    ("/v1/webhooks", {"url": "https://a@127.0.0.1/", "events": ["draft.adopted"]}, False),
    ("/v1/webhooks", {"url": "https://127.0.0.1/#a", "events": ["draft.adopted"]}, False),
    ("/v1/webhooks", {"url": "https://127.0.0.1/退", "events": ["draft.adopted"]}, False),
    ("/v1/evals/runs", {"label": "a\x00b"}, False),
    ("/v1/evals/runs", {"only": ["a\x00b"]}, False),
    ("/v1/evals/runs/{id}/reviews", {**RUN, "reviewer": " ", "reviews": [{**ROW, "action": "agree"}]}, False),
    ("/v1/evals/runs/{id}/reviews", {**RUN, "reviews": [{**ROW, "action": "appeal"}]}, False),
    ("/v1/evals/runs/{id}/reviews", {**RUN, "reviews": [{**ROW, "action": "override", "reason": "错"}]}, False),
    ("/v1/evals/runs/{id}/reviews", {**RUN, "reviews": [{**ROW, "action": "blind"}]}, False),
    ("/v1/evals/runs/{id}/reviews", {**RUN, "blind": True, "reviews": [{**ROW, "action": "agree"}]}, False),
]
"""Doors, bodies, and whether the rules between fields hold in them."""
FORMS = [
    ({"kind": "shop"}, True),
    ({"kind": "law", "authority": "law"}, True),
    ({"kind": "guideline", "authority": "guideline"}, True),
    ({"kind": "guideline", "authority": "shop"}, False),
    ({"kind": "platform", "authority": "law"}, False),
]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    data = ready(tmp_path_factory.mktemp("data"))
    settings = Settings(auth="off", data_dir=data, webhook_allow="127.0.0.1")
    with TestClient(create_app(settings, hosts={"testserver"})) as made:
        yield made


@pytest.fixture(scope="module")
def document(client: TestClient) -> dict[str, Any]:
    told: dict[str, Any] = client.get("/openapi.json").json()
    return told


def fits(document: dict[str, Any], path: str, body: dict[str, Any], media: str = "application/json") -> bool:
    """What the document says of a body."""
    shape = document["paths"][path]["post"]["requestBody"]["content"][media]["schema"]
    whole = {**shape, "components": document["components"]}
    return jsonschema.Draft202012Validator(whole).is_valid(body)


@pytest.mark.parametrize(("path", "body", "right"), BODIES)
def test_the_document_and_the_door_agree(
    client: TestClient, document: dict[str, Any], path: str, body: dict[str, Any], right: bool
) -> None:
    assert fits(document, path, body) is right
    there = client.post("/v1/drafts", json={"messages": [SAID]}).json()["id"] if path.startswith("/v1/drafts/") else ""
    if "/runs/" in path:  # which run it is may come first: what is refused without it is told by the rows' own tests
        assert client.post(path.format(id="run_1"), json=body).status_code in (404, 422)
        return
    answer = client.post(path.format(id=there), json=body)
    assert answer.status_code in ((200, 201, 404) if right else (400, 422)), answer.text


@pytest.mark.parametrize(("fields", "right"), FORMS)
def test_no_authority_above_its_kind(
    client: TestClient, document: dict[str, Any], fields: dict[str, str], right: bool
) -> None:
    path, media = "/v1/knowledge/documents", "multipart/form-data"
    assert fits(document, path, {**fields, "file": "-"}, media) is right
    sent = client.post(
        path, data=fields, files={"file": ("a.md", f"# 说明\n\n退货请先联系客服，{fields['kind']} 也一样。")}
    )
    assert sent.status_code == (201 if right else 422), sent.text


def test_the_document_says_that_a_files_name_counts(client: TestClient, document: dict[str, Any]) -> None:
    form = document["paths"]["/v1/knowledge/documents"]["post"]["requestBody"]["content"]["multipart/form-data"]
    shown = form["encoding"]["file"]["headers"]["Content-Disposition"]["example"]
    name = shown.split('filename="')[1].rstrip('"')
    text = "# 说明\n\n名字要有后缀。"
    assert client.post("/v1/knowledge/documents", data={"kind": "shop"}, files={"file": (name, text)}).is_success
    bare = client.post("/v1/knowledge/documents", data={"kind": "shop"}, files={"file": (name.split(".")[0], text)})
    assert bare.status_code == 415
