"""Who is let in, to what, and for which shop."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.fake_desk import ASKED, is_problem
from tests.guarded import B, Guarded, guarded
from tests.prepared import ready


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with guarded(ready(tmp_path_factory.mktemp("data"))) as made:
        yield made


def plain(answer: Any) -> dict[str, Any]:
    return {name: value for name, value in answer.json().items() if name != "request_id"}


def test_a_key_drafts_for_its_own_shop_whether_it_says_so_or_not(desk: Guarded) -> None:
    made = desk.ask("POST", "/v1/drafts", shop=B, json=ASKED)
    assert (made.status_code, made.json()["shop"]) == (201, B)
    assert desk.ask("POST", "/v1/drafts", shop=B, json=ASKED | {"shop": B}).json()["shop"] == B
    fetched = desk.ask("GET", f"/v1/drafts/{made.json()['id']}", shop=B)
    assert fetched.json()["id"] == made.json()["id"]


@pytest.mark.parametrize("shop", ["default", "nobody", "", "*", "Ä"])
def test_another_shop_is_not_there_whether_it_is_or_not(desk: Guarded, shop: str) -> None:
    told = desk.ask("POST", "/v1/drafts", shop=B, json=ASKED | {"shop": shop})
    is_problem(told, 404, "shop_not_found")
    for path in ("/v1/drafts", "/v1/drafts/dft_x", "/v1/evals/runs"):
        asked = desk.ask("GET", path, "qa", B, params={"shop": shop})
        assert plain(asked) == plain(told)


def test_roles_beyond_the_key_are_refused_wherever_they_are_stated(desk: Guarded) -> None:
    asked = ASKED | {"context": {"role": "manager"}}
    body = is_problem(desk.ask("POST", "/v1/drafts", json=asked), 403, "context_role_refused")
    assert "manager" in body["detail"]
    chat = {"messages": [{"role": "user", "content": "在吗"}], "youli": {"context": {"role": "lead"}}}
    told = desk.ask("POST", "/v1/chat/completions", json=chat)
    assert (told.status_code, told.json()["error"]["code"]) == (403, "context_role_refused")
    assert told.json()["error"]["type"] == "permission_error"
    lead = desk.key("agent", "default", context_role="lead").key
    for role, status in (("lead", 201), ("agent", 201), ("manager", 403), ("boss", 422), (7, 422)):
        asked = ASKED | {"context": {"role": role}}
        headers = {"Authorization": f"Bearer {lead}"}
        assert desk.client.post("/v1/drafts", json=asked, headers=headers).status_code == status


def test_who_may_is_said_before_the_body_is_read(desk: Guarded) -> None:
    broken = {"content": b"{", "headers": {"Content-Type": "text/plain"}}
    is_problem(desk.ask("POST", "/v1/evals/runs?strange=1", "agent", **broken), 403, "scope_missing")


def test_the_openai_door_speaks_openais_way_of_keys(desk: Guarded) -> None:
    answer = desk.client.post("/v1/chat/completions", json={})
    assert (answer.status_code, answer.json()["error"]["type"]) == (401, "authentication_error")
    assert answer.json()["error"]["code"] == "unauthorised"
    chat = {"messages": [{"role": "user", "content": "在吗"}]}
    for youli in ({}, {"youli": None}, {"youli": {}}, {"youli": {"shop": B}}):
        made = desk.ask("POST", "/v1/chat/completions", shop=B, json=chat | youli)
        assert made.json()["youli"]["draft"]["shop"] == B
    named = desk.ask("POST", "/v1/chat/completions", shop=B, json=chat | {"youli": {"shop": "default"}})
    assert (named.status_code, named.json()["error"]["code"]) == (404, "shop_not_found")


@pytest.mark.parametrize(
    "header", ["", "Basic {}", "{}", "Bearer", "Bearer {} x", "Bearer {}, Bearer {}", "Token {}", "bearer\t{}"]
)
def test_only_one_plain_bearer_counts(desk: Guarded, header: str) -> None:
    key = desk.key().key
    given = {"Authorization": header.replace("{}", key)}
    is_problem(desk.client.get("/version", headers=given), 401, "unauthorised")
    both = [("Authorization", f"Bearer {key}"), ("Authorization", f"Bearer {key}")]
    is_problem(desk.client.get("/version", headers=both), 401, "unauthorised")
    is_problem(desk.client.get("/version", params={"key": key, "access_token": key}), 401, "unauthorised")
    assert desk.client.get("/version", headers={"Authorization": f"BEARER  {key}"}).status_code == 200


def test_what_strangers_see(desk: Guarded) -> None:
    assert desk.client.get("/healthz").json() == {"status": "ok"}
    assert desk.client.get("/readyz").json() == {"ready": True, "parts": {}}
    bad = {"Authorization": "Bearer nonsense"}
    assert desk.client.get("/readyz", headers=bad).json() == {"ready": True, "parts": {}}
    for path in ("/openapi.json", "/nowhere", "/v1/drafts", "/metrics", "/version", "/", "//readyz", "/readyz/"):
        is_problem(desk.client.get(path), 401, "unauthorised")
    is_problem(desk.client.options("/v1/drafts", headers={"Origin": "https://evil.example"}), 401, "unauthorised")


def test_a_key_of_one_shop_sees_no_numbers_of_all(desk: Guarded) -> None:
    own = desk.ask("GET", "/readyz").json()
    assert own["ready"] is True
    assert own["parts"]["search"] == {"state": "up", "note": "", "details": {}}
    whole = desk.ask("GET", "/readyz", "admin", "*").json()
    assert whole["parts"]["search"]["details"]["chunks"] > 0


def test_a_key_goes_from_any_host_and_any_page_gets_no_leave(desk: Guarded) -> None:
    headers = {"Host": "desk.example", "Origin": "https://desk.example", "X-Forwarded-For": "1.2.3.4"}
    answer = desk.ask("GET", "/version", headers=headers)
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert "set-cookie" not in answer.headers


def test_admins_give_out_keys_and_take_them_back(desk: Guarded) -> None:
    wanted = {"name": "新来的", "role": "qa", "shop": B, "context_role": "lead", "rate_per_minute": 5}
    made = desk.ask("POST", "/v1/keys", "admin", "*", json=wanted)
    assert made.status_code == 201
    key = made.json()
    bearer = {"Authorization": f"Bearer {key['key']}"}
    assert desk.client.get("/v1/evals/runs", headers=bearer).status_code == 200
    listed = desk.ask("GET", "/v1/keys", "admin", "*", params={"shop": B}).json()["keys"]
    (shown,) = [one for one in listed if one["id"] == key["id"]]
    assert shown | {"key": key["key"]} == key | {"last_used_at": shown["last_used_at"]}
    assert key["key"].split(".")[1] not in desk.ask("GET", "/v1/keys", "admin", "*").text
    assert desk.ask("DELETE", f"/v1/keys/{key['id']}", "admin", "*").json()["revoked_at"]
    is_problem(desk.client.get("/v1/evals/runs", headers=bearer), 401, "unauthorised")
    is_problem(desk.ask("DELETE", "/v1/keys/key_x", "admin", "*"), 404, "key_not_found")


def test_an_admin_of_one_shop_gives_out_that_shops_keys_only(desk: Guarded) -> None:
    wanted = {"name": "本店的", "role": "agent"}
    assert desk.ask("POST", "/v1/keys", "admin", B, json=wanted).json()["shop"] == B
    for shop in ("default", "*"):
        is_problem(desk.ask("POST", "/v1/keys", "admin", B, json=wanted | {"shop": shop}), 404, "shop_not_found")
    assert {key["shop"] for key in desk.ask("GET", "/v1/keys", "admin", B).json()["keys"]} == {B}
    is_problem(desk.ask("POST", "/v1/keys", "admin", "*", json=wanted), 422, "invalid_request")
    every = wanted | {"shop": "*"}
    is_problem(desk.ask("POST", "/v1/keys", "admin", "*", json=every), 422, "key_all_shops")


def test_nobody_gives_out_a_key_that_may_grant_more_than_they_may(desk: Guarded) -> None:
    lead = {"Authorization": f"Bearer {desk.key('admin', B, context_role='lead').key}"}
    wanted = {"name": "副手", "role": "admin"}
    above = desk.client.post("/v1/keys", json=wanted | {"context_role": "manager"}, headers=lead)
    is_problem(above, 422, "key_context_role")
    made = desk.client.post("/v1/keys", json=wanted, headers=lead)
    assert (made.status_code, made.json()["context_role"]) == (201, "lead")
    agent = desk.client.post("/v1/keys", json=wanted | {"role": "agent"}, headers=lead)
    assert agent.json()["context_role"] == "agent"


def test_an_upload_goes_to_the_keys_shop_and_its_file_may_not_name_another(desk: Guarded) -> None:
    files = {"file": ("伞.md", "# 伞\n\n## 收\n晾干再收。\n".encode())}
    form = {"kind": "guideline", "publish": "true"}
    made = desk.ask("POST", "/v1/knowledge/documents", "editor", B, files=files, data=form)
    assert made.status_code == 201, made.text
    assert desk.ask("GET", f"/v1/knowledge/documents/{made.json()['id']}", "editor", B).json()["shop"] == B
    for shop in ("default", "*"):
        told = desk.ask("POST", "/v1/knowledge/documents", "editor", B, files=files, data=form | {"shop": shop})
        is_problem(told, 404, "shop_not_found")
    twice = desk.ask("POST", "/v1/knowledge/documents", "editor", B, files=files, data=form | {"shop": [B, "default"]})
    is_problem(twice, 404, "shop_not_found")
    broken = {"content": b"--x\r\nnothing", "headers": {"Content-Type": "multipart/form-data; boundary=x"}}
    assert desk.ask("POST", "/v1/knowledge/documents", "editor", B, **broken).status_code in (400, 422)


def test_shared_documents_are_read_by_every_shop_and_changed_by_none(desk: Guarded) -> None:
    shared = desk.ask("GET", "/v1/knowledge/documents", shop=B, params={"source": "file"}).json()["documents"][0]["id"]
    assert desk.ask("GET", f"/v1/knowledge/documents/{shared}", shop=B).status_code == 200
    is_problem(desk.ask("DELETE", f"/v1/knowledge/documents/{shared}", "editor", B), 409, "file_managed")


def test_a_batch_is_checked_for_the_keys_shop(desk: Guarded) -> None:
    draft = desk.ask("POST", "/v1/drafts", shop=B, json=ASKED).json()["id"]
    items = [{"text": "好的", "draft": draft}, 7]
    found = desk.ask("POST", "/v1/checks/batch", "qa", B, json={"items": items}).json()["items"]
    assert (found[0]["error"], found[1]["error"]["code"]) == (None, "invalid_request")
    other = desk.ask("POST", "/v1/checks/batch", "qa", json={"items": items}).json()["items"]
    assert other[0]["error"]["code"] == "draft_not_found"
    named = [items[0], {"text": "好的", "shop": B}]
    is_problem(desk.ask("POST", "/v1/checks/batch", "qa", json={"items": named}), 404, "shop_not_found")
