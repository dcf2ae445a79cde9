"""The doors of documents on a real library: what they answer, refuse and tell."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from service.api.described import examples_of
from service.api.revisions import expected
from service.library.store import Library
from service.schemas import DocumentState
from tests.fake_desk import is_problem
from tests.papers import HELD, PATH, Door, door_of, gift


@pytest.fixture
async def door(library: Library) -> AsyncIterator[Door]:
    made = door_of(library)
    yield made
    await made.client.aclose()


async def _made(door: Door, data: bytes | None = None, **form: str) -> tuple[str, dict[str, Any]]:
    answer = await door.upload(data or gift("三"), **form)
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return f"{PATH}/{body['id']}", body


async def test_an_upload_says_where_it_is_and_at_which_revision(door: Door) -> None:
    answer = await door.upload(gift("三"), publish="true", author="小林")
    assert answer.headers["etag"] == '"2"'
    there = await door.client.get(answer.headers["location"])
    assert there.headers["etag"] == '"2"'
    assert (there.json()["state"], there.json()["published"], there.json()["revision"]) == ("published", 1, 2)
    again = await door.client.get(answer.headers["location"], headers={"If-None-Match": '"1", "2"'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", '"2"')
    changed = await door.client.get(answer.headers["location"], headers={"If-None-Match": '"1"'})
    assert changed.status_code == 200


async def test_the_same_upload_twice_is_201_with_what_is_there(door: Door) -> None:
    _, first = await _made(door)
    answer = await door.upload(gift("三"))
    assert answer.status_code == 201
    assert (answer.json()["id"], answer.json()["version"], answer.json()["duplicate"]) == (first["id"], 1, True)
    assert answer.json()["warnings"]


async def test_the_way_of_a_document(door: Door) -> None:
    path, made = await _made(door, publish="true")
    second = await door.replace(made["id"], gift("五"), 2, author="小周", note="改成五天")
    assert (second.status_code, second.json()["version"], second.json()["state"]) == (200, 2, "draft")
    diff = (await door.client.get(f"{path}/diff")).json()
    assert (diff["from"], diff["to"], diff["added"], diff["removed"]) == (1, 2, 1, 1)
    done = await door.client.post(f"{path}/publish", json={"version": 2}, headers={"If-Match": second.headers["etag"]})
    assert (done.json()["published"], done.headers["etag"]) == (2, '"4"')
    assert (await _found(door))[0].endswith("五天内补发。")
    assert (await door.client.post(f"{path}/rollback")).json()["published"] == 1
    assert (await _found(door))[0].endswith("三天内补发。")
    told = (await door.client.get(f"{path}/versions")).json()
    assert [(row["version"], row["state"], row["author"]) for row in told["versions"]] == [
        (1, "published", None),
        (2, "retired", "小周"),
    ]
    assert [row["action"] for row in told["changes"]] == ["added", "published", "added", "published", "rolled_back"]
    whole = (await door.client.get(f"{path}/versions/2")).json()
    assert "五天内" in whole["text"]
    assert {"passages", "dropped", "warnings", "note"} <= set(whole)
    gone = await door.client.delete(path, params={"author": "店长", "note": "不卖了"})
    assert (gone.status_code, gone.json()["state"], gone.json()["published"]) == (200, "retired", None)
    assert await _found(door) == []
    assert (await door.client.get(path)).json()["state"] == "retired"


async def _found(door: Door) -> list[str]:
    answer = await door.client.post("/v1/knowledge/search", json={"query": "礼盒少件补发"})
    return [passage["text"] for passage in answer.json()["passages"]]


@pytest.mark.parametrize("way", ["put", "delete", "publish", "rollback", "release", "hold"])
async def test_a_lost_race_is_412_with_what_the_other_did(door: Door, way: str) -> None:
    path, made = await _made(door, gift("三", HELD), publish="true")
    await door.replace(made["id"], gift("五", HELD), author="小周")
    stale = {"If-Match": '"2"'}
    if way == "put":
        answer = await door.replace(made["id"], gift("九"), 2)
    elif way in ("delete", "hold"):
        answer = await door.client.delete(path if way == "delete" else f"{path}/held/1/release", headers=stale)
    else:
        there = f"{path}/held/1/release" if way == "release" else f"{path}/{way}"
        answer = await door.client.post(there, json={}, headers=stale)
    body = is_problem(answer, 412, "precondition_failed")
    assert body["current"]["revision"] == 3
    assert [(row["action"], row["author"]) for row in body["changes"]] == [("added", "小周")]
    assert {line["text"] for line in body["diff"]["lines"]} == {
        "礼盒拆开后少件的，三天内补发。",
        "礼盒拆开后少件的，五天内补发。",
    }
    assert (await door.client.get(path)).json()["revision"] == 3


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        (None, None),
        ("*", None),
        ('"3"', {3}),
        ("3", {3}),
        ('"3", "5"', {3, 5}),
        ('W/"3"', set()),
        ("rubbish", set()),
        ("", set()),
    ],
)
def test_if_match_is_read_strictly(given: str | None, seen: set[int] | None) -> None:
    assert expected(given) == (None if seen is None else frozenset(seen))


async def test_held_sentences_are_listed_released_and_held_again(door: Door) -> None:
    path, _ = await _made(door, gift("三", HELD), publish="true")
    held = (await door.client.get(f"{path}/held")).json()
    assert [(row["n"], row["text"], row["released"]) for row in held["held"]] == [(1, HELD, False)]
    released = await door.client.post(f"{path}/held/1/release", json={"author": "法务小周", "note": "依法"})
    assert (released.status_code, released.headers["etag"]) == (200, '"3"')
    row = (await door.client.get(f"{path}/held")).json()["held"][0]
    assert (row["released"], row["released_by"], row["note"]) == (True, "法务小周", "依法")
    asked = {"query": "客户提到投诉怎么办"}
    passages = (await door.client.post("/v1/knowledge/search", json=asked)).json()["passages"]
    assert {p["text"]: (p["held"], p["held_reason"]) for p in passages}[HELD] == (False, None)
    await door.client.delete(f"{path}/held/1/release")
    passages = (await door.client.post("/v1/knowledge/search", json=asked)).json()["passages"]
    again = next(p for p in passages if p["text"] == HELD)
    assert again["held"] is True
    assert again["held_reason"]
    is_problem(await door.client.post(f"{path}/held/2/release"), 404, "held_not_found")


async def test_what_is_not_there_or_not_yours_is_404(door: Door) -> None:
    path, made = await _made(door, shop="demo")
    for mine in (path, f"{PATH}/doc_none", f"{PATH}/law/none"):
        for there in ("", "/versions", "/versions/1", "/diff", "/held"):
            is_problem(await door.client.get(mine + there), 404, "document_not_found")
        for there in ("/publish", "/rollback", "/held/1/release"):
            is_problem(await door.client.post(mine + there), 404, "document_not_found")
        is_problem(await door.client.delete(mine), 404, "document_not_found")
    is_problem(await door.replace(made["id"], gift("五")), 404, "document_not_found")
    assert (await door.client.get(path, params={"shop": "demo"})).status_code == 200
    is_problem(await door.client.get(f"{path}/versions/2?shop=demo"), 404, "version_not_found")


async def test_a_shipped_document_is_read_only_and_its_id_may_hold_a_slash(
    door: Door, library: Library, tmp_path: Path
) -> None:
    (tmp_path / "knowledge" / "rules" / "law").mkdir(parents=True)
    (tmp_path / "knowledge" / "rules" / "law" / "gift.md").write_bytes(gift("三"))
    await library.sync(tmp_path / "knowledge")
    path = f"{PATH}/law/gift"
    assert (await door.client.get(path)).json()["path"] == "knowledge/rules/law/gift.md"
    assert (await door.client.get(f"{PATH}/law%2Fgift")).json()["id"] == "law/gift"
    assert (await door.client.get(f"{path}/versions/1")).json()["version"] == 1
    for answer in (
        await door.replace("law/gift", gift("五")),
        await door.client.delete(path),
        await door.client.post(f"{path}/publish"),
        await door.client.post(f"{path}/rollback", json={"version": 1}),
        await door.client.post(f"{path}/held/1/release"),
    ):
        body = is_problem(answer, 409, "file_managed")
        assert body["path"] == "knowledge/rules/law/gift.md"
        assert body["path"] in body["detail"]


@pytest.mark.parametrize(
    ("method", "there", "sent", "pointer"),
    [
        ("GET", "?colour=red", {}, "/query/colour"),
        ("GET", "/versions?shop=两家", {}, "/query/shop"),
        ("GET", "/versions/0", {}, "/path/n"),
        ("GET", "/diff?from=0", {}, "/query/from"),
        ("GET", "/diff?to=x", {}, "/query/to"),
        ("POST", "/publish", {"json": {"version": 0}}, "/version"),
        ("POST", "/publish", {"json": {"why": "x"}}, "/why"),
        ("POST", "/rollback", {"json": {"author": "长" * 129}}, "/author"),
        ("POST", "/held/0/release", {}, "/path/n"),
        ("POST", "/held/1/release", {"json": {"version": 1}}, "/version"),
        ("DELETE", "?note=" + "长" * 501, {}, "/query/note"),
    ],
)
async def test_what_is_wrong_is_pointed_at(
    door: Door, method: str, there: str, sent: dict[str, Any], pointer: str
) -> None:
    path, _ = await _made(door, gift("三", HELD))
    body = is_problem(await door.client.request(method, path + there, **sent), 422, "invalid_request")
    assert [error["pointer"] for error in body["errors"]] == [pointer]


async def test_a_body_that_may_be_left_out_is_still_read_strictly(door: Door) -> None:
    path, _ = await _made(door)
    is_problem(await door.client.post(f"{path}/publish", content=b"version=1"), 415, "unsupported_media_type")
    headers = {"content-type": "application/json"}
    is_problem(await door.client.post(f"{path}/publish", content=b"{", headers=headers), 400, "malformed_body")
    assert (await door.client.post(f"{path}/publish", headers=headers)).status_code == 200


async def test_dates_in_the_wrong_order_are_refused(door: Door) -> None:
    answer = await door.upload(gift("三"), effective_from="2026-12-02", effective_to="2026-12-01")
    body = is_problem(answer, 422, "dates_reversed")
    assert [error["pointer"] for error in body["errors"]] == ["/effective_to"]


async def test_lists_take_filters_and_pages(door: Door) -> None:
    for n in range(3):
        await _made(door, gift("三", f"第{n}张。"), title=f"少件{n}", publish="true" if n else "false")
    listed = (await door.client.get(PATH, params={"state": "published", "limit": 1})).json()
    assert (listed["total"], [row["title"] for row in listed["documents"]]) == (2, ["少件1"])
    listed = (await door.client.get(PATH, params={"q": "少件0"})).json()
    assert [row["state"] for row in listed["documents"]] == ["draft"]
    for wrong, pointer in (("limit=0", "limit"), ("state=new", "state"), ("colour=red", "colour"), ("q=", "q")):
        body = is_problem(await door.client.get(f"{PATH}?{wrong}"), 422, "invalid_request")
        assert [error["pointer"] for error in body["errors"]] == [f"/query/{pointer}"]


async def test_the_examples_work_when_pasted(door: Door) -> None:
    path, made = await _made(door, gift("三", HELD), publish="true")
    await door.replace(made["id"], gift("五", HELD))
    for operation, there in (
        ("publish_document", "/publish"),
        ("rollback_document", "/rollback"),
        ("release_sentence", "/held/1/release"),
    ):
        for example in examples_of(operation).values():
            answer = await door.client.post(path + there, json=example["request"])
            assert answer.status_code == 200, answer.text
            assert set(answer.json()) == set(DocumentState.model_validate(example["response"]).model_dump())


async def test_a_replacement_may_be_as_long_as_an_upload_and_no_longer(door: Door) -> None:
    _, made = await _made(door)
    is_problem(await door.replace(made["id"], b"\x89PNG\r\n\x1a\n" + b"\x00" * 2**20), 415, "unsupported_document")
    is_problem(await door.replace(made["id"], b"x" * (11 * 2**20)), 413, "body_too_large")
