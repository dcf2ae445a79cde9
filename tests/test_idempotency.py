"""However often a request with a key is sent, its work is done once and its answer is one and the same."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from starlette.requests import ClientDisconnect

from service.acting import Acting, act_as
from service.api.described import examples_of
from service.database.claims import erase_answers
from service.database.tables_idempotency import idempotency
from service.errors import Unavailable
from service.idempotency.keeper import policy
from tests.once import ASKED, KEY, Shop, code_of, empty, shop_on

CHAT: dict[str, Any] = {"model": "youli-playbook", "messages": [{"role": "user", "content": "我想退货"}]}


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    async with shop_on(empty(tmp_path)) as made:
        yield made


def same(first: Any, again: Any) -> None:
    """The same answer, said to be one that was given before."""
    assert again.status_code == first.status_code
    assert again.content == first.content
    for name in ("content-type", "location", "etag"):
        assert again.headers.get(name) == first.headers.get(name)
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["x-request-id"] != first.headers["x-request-id"]


async def test_the_same_again_is_the_same_answer(shop: Shop) -> None:
    first = await shop.draft()
    same(first, await shop.draft())
    assert first.status_code == 201
    assert (shop.drafter.asked, await shop.rows("drafts")) == (1, 1)


async def test_without_a_key_every_request_is_its_own(shop: Shop) -> None:
    first, again = await shop.draft(None), await shop.draft(None)
    assert first.json()["id"] != again.json()["id"]
    assert await shop.rows("idempotency") == 0


async def test_spaces_and_the_order_of_keys_make_no_other_request(shop: Shop) -> None:
    first = await shop.draft(order={"amount": 25, "opened": True})
    body = json.dumps({"order": {"opened": True, "amount": 25}, **ASKED}, indent=3, ensure_ascii=True)
    headers = {KEY: "k1", "content-type": "application/json; charset=utf-8"}
    same(first, await shop.client.post("/v1/drafts", content=body, headers=headers))


@pytest.mark.parametrize("more", [{"shop": "default"}, {"order": {"amount": 1}}, {"explain": False}])
async def test_another_body_is_refused_and_changes_nothing(shop: Shop, more: dict[str, Any]) -> None:
    first = await shop.draft()
    other = await shop.draft(**more)
    assert (other.status_code, code_of(other)) == (422, "idempotency_key_reused")
    assert other.json()["errors"][0]["pointer"] == "/header/Idempotency-Key"
    same(first, await shop.draft())


@pytest.mark.parametrize("key", ["", "x" * 256, "键".encode(), "a\tb", "a\x7f"])
async def test_a_key_that_is_none(shop: Shop, key: str | bytes) -> None:
    answer = await shop.client.post("/v1/drafts", json=ASKED, headers=[(KEY, key)])
    assert (answer.status_code, code_of(answer)) == (422, "idempotency_key_invalid")
    assert shop.drafter.asked == 0


async def test_two_keys_in_one_request_are_none(shop: Shop) -> None:
    answer = await shop.client.post("/v1/drafts", json=ASKED, headers=[(KEY, "a"), (KEY, "a")])
    assert code_of(answer) == "idempotency_key_invalid"


@pytest.mark.parametrize("key", ["x" * 255, "a b!~", "8e03978e-40d5-43e8-bc93-6894a57f9324"])
async def test_keys_as_they_come(shop: Shop, key: str) -> None:
    same(await shop.draft(key), await shop.draft(key))


async def test_one_key_at_two_doors_is_two(shop: Shop) -> None:
    await shop.draft()
    answer = await shop.client.post("/v1/privacy/mask", json={"text": "13800001111"}, headers={KEY: "k1"})
    assert answer.status_code == 200
    assert "idempotency-replayed" not in answer.headers


async def test_what_is_refused_before_the_work_leaves_the_key_free(shop: Shop) -> None:
    headers = {KEY: "k1"}
    for body, status in (
        (b"{", 400),
        (b'{"messages": []}', 422),
        (json.dumps(ASKED | {"nobody": 1}).encode(), 422),
        (json.dumps(ASKED | {"shop": "nowhere"}).encode(), 422),
    ):
        told = await shop.client.post(
            "/v1/drafts", content=body, headers=headers | {"content-type": "application/json"}
        )
        assert (told.status_code, code_of(told) == "idempotency_key_reused") == (status, False)
    assert await shop.rows("idempotency") == 0
    assert (await shop.draft()).status_code == 201


async def test_a_part_that_is_down_leaves_the_key_free_for_the_same(shop: Shop) -> None:
    shop.drafter.before = Unavailable("db_busy")
    told = await shop.draft()
    assert (told.status_code, code_of(told)) == (503, "db_busy")
    shop.drafter.before = None
    assert (await shop.draft()).status_code == 201
    assert await shop.rows("drafts") == 1


async def test_an_accident_is_an_answer_too(shop: Shop) -> None:
    shop.drafter.before = RuntimeError("x")
    first = await shop.draft()
    shop.drafter.before = None
    again = await shop.draft()
    assert (first.status_code, code_of(first)) == (500, "internal_error")
    same(first, again)
    assert shop.drafter.asked == 1


async def test_a_refusal_of_the_work_itself_is_an_answer(shop: Shop) -> None:
    path, body = "/v1/drafts/dft_01none/feedback", {"action": "adopted"}
    first = await shop.client.post(path, json=body, headers={KEY: "k1"})
    assert first.status_code == 404
    same(first, await shop.client.post(path, json=body, headers={KEY: "k1"}))


async def test_racing_duplicates_are_drafted_once(shop: Shop) -> None:
    shop.drafter.gate = asyncio.Event()
    racing = [asyncio.create_task(shop.draft()) for _ in range(50)]
    await shop.drafter.waiting.wait()
    shop.drafter.gate.set()
    answers = await asyncio.gather(*racing)
    refused = [answer for answer in answers if answer.status_code == 409]
    assert {code_of(answer) for answer in refused} == {"idempotency_in_flight"}
    assert {answer.headers["retry-after"] for answer in refused} == {"1"}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 1
    assert len(refused) < 50
    assert (shop.drafter.asked, await shop.rows("drafts"), await shop.rows("idempotency")) == (1, 1, 1)


async def test_another_body_while_the_first_is_under_way(shop: Shop) -> None:
    shop.drafter.gate = asyncio.Event()
    first = asyncio.create_task(shop.draft())
    await shop.drafter.waiting.wait()
    assert code_of(await shop.draft(explain=True)) == "idempotency_key_reused"
    shop.drafter.gate.set()
    assert (await first).status_code == 201


async def test_an_answer_outlives_the_process(tmp_path: Path) -> None:
    async with shop_on(empty(tmp_path)) as before:
        first = await before.draft()
        streamed = await before.draft("k2", stream=True)
    async with shop_on(tmp_path / "d.sqlite3") as after:
        same(first, await after.draft())
        same(streamed, await after.draft("k2", stream=True))
        assert after.drafter.asked == 0


@pytest.mark.parametrize(("path", "body"), [("/v1/drafts", ASKED), ("/v1/chat/completions", CHAT)])
@pytest.mark.parametrize("stream", [True, False])
async def test_both_doors_replay_what_they_sent(shop: Shop, path: str, body: dict[str, Any], stream: bool) -> None:
    asked = body | {"stream": stream}
    first = await shop.client.post(path, json=asked, headers={KEY: "k"})
    again = await shop.client.post(path, json=asked, headers={KEY: "k"})
    same(first, again)
    assert shop.drafter.asked == 1
    if stream:
        assert first.headers["content-type"].startswith("text/event-stream")
        assert again.headers["x-accel-buffering"] == "no"
        assert first.text.count("data: ") > 3


async def test_a_stream_and_a_plain_request_are_two_requests(shop: Shop) -> None:
    await shop.draft(stream=True)
    assert code_of(await shop.draft()) == "idempotency_key_reused"


async def test_a_stream_that_fails_for_want_of_a_part_leaves_the_key_free(shop: Shop) -> None:
    shop.drafter.before = Unavailable("disk_full", path="x")
    assert "draft.failed" in (await shop.draft(stream=True)).text
    shop.drafter.before = None
    assert "draft.completed" in (await shop.draft(stream=True)).text
    assert shop.drafter.asked == 2


async def test_a_stream_that_fails_by_accident_is_replayed(shop: Shop) -> None:
    shop.drafter.before = RuntimeError("x")
    first = await shop.draft(stream=True)
    assert "draft.failed" in first.text
    shop.drafter.before = None
    same(first, await shop.draft(stream=True))


async def _streamed(shop: Shop, path: str, body: dict[str, Any], leave: bool = False) -> list[bytes]:
    """What is sent of a stream, piece by piece; its reader may leave before the first."""
    headers = [(b"host", b"testserver"), (b"content-type", b"application/json"), (KEY.lower().encode(), b"k1")]
    scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b""}
    scope |= {"headers": headers, "asgi": {"version": "3.0", "spec_version": "2.4"}, "http_version": "1.1"}
    scope |= {"scheme": "http", "server": ("testserver", 80), "client": ("127.0.0.1", 1), "root_path": ""}
    messages = [{"type": "http.request", "body": json.dumps(body | {"stream": True}).encode(), "more_body": False}]
    pieces: list[bytes] = []

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            if leave:
                raise OSError("gone")
            pieces.append(message["body"])

    with suppress(ClientDisconnect):
        await shop.app(scope, receive, send)  # type: ignore[arg-type]
    return [piece for piece in pieces if piece]


async def test_a_stream_is_replayed_piece_by_piece(shop: Shop) -> None:
    first = await _streamed(shop, "/v1/drafts", ASKED)
    again = await _streamed(shop, "/v1/drafts", ASKED)
    assert again == first
    assert len(first) > 5
    assert all(piece.startswith(b"event: draft.") for piece in first)
    assert shop.drafter.asked == 1


@pytest.mark.parametrize(("path", "body"), [("/v1/drafts", ASKED), ("/v1/chat/completions", CHAT)])
async def test_a_stream_its_reader_leaves_gives_the_key_back(shop: Shop, path: str, body: dict[str, Any]) -> None:
    asked = body | {"stream": True}
    assert await _streamed(shop, path, body, leave=True) == []
    assert (shop.drafter.closed, await shop.rows("drafts")) == (1, 0)
    whole = await shop.client.post(path, json=asked, headers={KEY: "k1"})
    assert "event: draft.completed" in whole.text or "[DONE]" in whole.text
    same(whole, await shop.client.post(path, json=asked, headers={KEY: "k1"}))
    assert (shop.drafter.asked, await shop.rows("drafts")) == (2, 1)


async def test_work_that_is_cancelled_gives_the_key_back(shop: Shop) -> None:
    shop.drafter.gate = asyncio.Event()
    first = asyncio.create_task(shop.draft())
    await shop.drafter.waiting.wait()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    shop.drafter.gate = None
    assert (await shop.draft()).status_code == 201
    assert await shop.rows("drafts") == 1


async def _as_left_behind(shop: Shop, **more: Any) -> None:
    """The rows as a process leaves them that ends after its work and before its answer; where many serve, long ago."""
    gone: dict[str, Any] = {"state": "running", "owner": "prc_gone", "status": None, "body": None, "kept": None}
    if shop.database.server:
        gone["beat_at"] = datetime.now(UTC) - timedelta(seconds=policy().lease_s + 1)
    async with shop.database.engine.begin() as connection:
        await connection.execute(update(idempotency).values(**gone | more))


@pytest.mark.parametrize("stream", [False, True])
async def test_a_draft_kept_by_a_process_that_died_is_answered_not_made_again(shop: Shop, stream: bool) -> None:
    made = await shop.draft(stream=stream)
    await _as_left_behind(shop)
    again = await shop.draft(stream=stream)
    assert "idempotency-replayed" not in again.headers
    if stream:
        last = [part.text.rsplit("data: ", 1)[1].split("\n", 1)[0] for part in (made, again)]
        assert json.loads(last[0]) == json.loads(last[1])
        assert again.text.count("event: draft.step") == made.text.count("event: draft.step") > 1
    else:
        assert again.content == made.content
        assert again.headers["location"] == made.headers["location"]
    assert await shop.rows("drafts") == 1


async def test_a_claim_whose_process_died_before_its_draft_is_taken_up(shop: Shop) -> None:
    await shop.draft()
    await _as_left_behind(shop)
    async with shop.database.engine.begin() as connection:
        await connection.exec_driver_sql("DELETE FROM drafts")
    again = await shop.draft()
    assert again.status_code == 201
    same(again, await shop.draft())


async def test_on_a_shared_database_only_silence_tells_that_a_process_died(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    from service.database.claims import ClaimStore

    monkeypatch.setattr(ClaimStore, "alone", False)
    await shop.draft()
    now = datetime.now(UTC)
    await _as_left_behind(shop, beat_at=now)
    told = await shop.draft()
    assert (told.status_code, code_of(told)) == (409, "idempotency_in_flight")
    await _as_left_behind(shop, beat_at=now - timedelta(seconds=policy().lease_s + 1))
    assert (await shop.draft()).status_code == 201


async def test_a_process_that_lives_says_so(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    from service.database.claims import ClaimStore

    monkeypatch.setattr(ClaimStore, "alone", False)
    monkeypatch.setattr(policy(), "beat_s", 0.01)
    shop.drafter.gate = asyncio.Event()
    first = asyncio.create_task(shop.draft())
    await shop.drafter.waiting.wait()
    async with shop.database.reading() as connection:
        before = (await connection.execute(select(idempotency.c.beat_at))).scalar_one()
    beaten = before
    while beaten <= before:
        await asyncio.sleep(0.01)
        async with shop.database.reading() as connection:
            beaten = (await connection.execute(select(idempotency.c.beat_at))).scalar_one()
    shop.drafter.gate.set()
    assert (await first).status_code == 201


async def test_after_its_time_a_key_is_new_and_its_row_is_swept(shop: Shop) -> None:
    first = await shop.draft()
    await shop.draft("other")
    async with shop.database.engine.begin() as connection:
        past = datetime.now(UTC) - timedelta(seconds=1)
        await connection.execute(update(idempotency).values(expires_at=past))
    again = await shop.draft(explain=True)
    assert again.status_code == 201
    assert again.json()["id"] != first.json()["id"]
    shop.app.state.keeper._swept = None
    await shop.draft("third")
    await shop.app.state.keeper._sweeping
    assert await shop.rows("idempotency") == 2


async def test_a_row_is_kept_for_a_day_at_least(shop: Shop) -> None:
    await shop.draft()
    async with shop.database.reading() as connection:
        row = (await connection.execute(select(idempotency))).one()
    assert row.expires_at - row.created_at >= timedelta(hours=24)


async def test_a_plain_draft_is_kept_as_a_reference(shop: Shop) -> None:
    await shop.draft()
    async with shop.database.reading() as connection:
        row = (await connection.execute(select(idempotency))).one()
    assert (row.kept, row.body) == ("draft", None)
    assert row.draft_id.startswith("dft_")


async def test_a_draft_is_replayed_as_it_was_told_whatever_became_of_it(shop: Shop) -> None:
    first = await shop.draft(context={"conversation": "c1"})
    newer = ASKED | {"context": {"conversation": "c1"}}
    newer["messages"] = [
        *ASKED["messages"],
        {"role": "agent", "content": "好"},
        {"role": "customer", "content": "快点"},
    ]
    await shop.client.post("/v1/drafts", json=newer)
    got = await shop.client.get(first.headers["location"])
    assert got.json()["state"] == "superseded"
    same(first, await shop.draft(context={"conversation": "c1"}))


@pytest.mark.parametrize("stream", [False, True])
async def test_what_is_erased_is_not_replayed(shop: Shop, stream: bool) -> None:
    first = await shop.draft(stream=stream)
    async with shop.database.engine.begin() as connection:
        await connection.exec_driver_sql("DELETE FROM drafts")
    again = await shop.draft(stream=stream)
    assert again.content != first.content
    assert "idempotency-replayed" not in again.headers


async def test_answers_about_drafts_can_be_erased(shop: Shop) -> None:
    made = (await shop.draft(stream=True)).text
    draft_id = json.loads(made.split("data: ", 1)[1].split("\n", 1)[0])["id"]
    await shop.draft("k2")
    check = {"text": "好的", "draft": draft_id}
    await shop.client.post("/v1/checks", json=check, headers={KEY: "k3"})
    await shop.client.post("/v1/privacy/mask", json={"text": "x"}, headers={KEY: "k4"})
    async with shop.database.engine.begin() as connection:
        assert await erase_answers(connection, "elsewhere", [draft_id]) == 0
        assert await erase_answers(connection, "default", [draft_id]) == 3
    async with shop.database.reading() as connection:
        assert (await connection.execute(select(idempotency.c.kept))).scalars().all() == ["draft"]


async def test_an_answer_too_large_is_not_kept_and_the_work_not_done_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy(), "cap_bytes", 300)
    first = await shop.draft(stream=True)
    assert "draft.completed" in first.text
    again = await shop.draft(stream=True)
    assert (again.status_code, code_of(again)) == (409, "idempotency_not_kept")
    assert again.json()["draft"].startswith("dft_")
    assert shop.drafter.asked == 1


async def test_an_answer_with_a_secret_is_not_kept(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy(), "secrets", frozenset({"mask_text"}))
    sent = {"json": {"text": "13800001111"}, "headers": {KEY: "k1"}}
    assert (await shop.client.post("/v1/privacy/mask", **sent)).status_code == 200
    assert code_of(await shop.client.post("/v1/privacy/mask", **sent)) == "idempotency_not_kept"


async def _upload(shop: Shop, data: bytes, name: str = "礼盒.md", **form: str) -> Any:
    files, fields = {"file": (name, data)}, {"kind": "shop"} | form
    return await shop.client.post("/v1/knowledge/documents", files=files, data=fields, headers={KEY: "k1"})


async def test_an_upload_is_taken_in_once_whatever_boundary_the_client_draws(shop: Shop) -> None:
    first = await _upload(shop, b"# x")
    same(first, await _upload(shop, b"# x"))
    assert first.headers["etag"]
    assert len(shop.library.added) == 1
    for other in (
        await _upload(shop, b"# y"),
        await _upload(shop, b"# x", "b.md"),
        await _upload(shop, b"# x", note="n"),
    ):
        assert code_of(other) == "idempotency_key_reused"
    async with shop.database.reading() as connection:
        assert (await connection.execute(select(idempotency.c.document_id))).scalars().all() == ["doc_1"]


async def test_a_form_that_is_none_leaves_the_key_free(shop: Shop) -> None:
    headers = {KEY: "k1", "content-type": "multipart/form-data; boundary=x"}
    broken = await shop.client.post("/v1/knowledge/documents", content=b"--x\r\nnonsense", headers=headers)
    assert broken.status_code in {400, 422}
    assert (await _upload(shop, b"# x")).status_code == 201


async def test_a_key_of_one_caller_or_shop_never_meets_anothers(shop: Shop) -> None:
    answers = {}
    for caller, home in (("key_a", "default"), ("key_b", "default"), ("key_c", "demo"), ("key_d", "*")):
        who = Acting(caller, "agent", home, "agent")
        with act_as(who):
            for body in ({"shop": "default"}, {"shop": "demo"}) if home == "*" else ({"shop": home},):
                answers[caller, body["shop"]] = (await shop.draft("same", **body)).json()["id"]
    assert len(set(answers.values())) == len(answers) == 5
    with act_as(Acting("key_b", "agent", "default", "agent")):
        assert (await shop.draft("same", shop="default")).json()["id"] == answers["key_b", "default"]


async def test_other_methods_do_not_look_at_it(shop: Shop) -> None:
    for _ in range(2):
        answer = await shop.client.get("/healthz", headers={KEY: "x" * 300})
        assert answer.status_code == 200
    assert await shop.rows("idempotency") == 0


@pytest.mark.parametrize("operation", ["create_check", "create_checks", "mask_text"])
async def test_every_example_is_answered_the_same_twice(shop: Shop, operation: str) -> None:
    path = {"create_check": "/v1/checks", "create_checks": "/v1/checks/batch", "mask_text": "/v1/privacy/mask"}
    for name, example in examples_of(operation).items():
        sent = {"json": example["request"], "headers": {KEY: name}}
        first = await shop.client.post(path[operation], **sent)
        again = await shop.client.post(path[operation], **sent)
        if first.status_code < 400 or first.status_code == 404:
            same(first, again)


async def test_the_document_tells_of_it_at_every_post(shop: Shop) -> None:
    document = (await shop.client.get("/openapi.json")).json()
    posts = [methods["post"] for methods in document["paths"].values() if "post" in methods]
    assert len(posts) > 8
    for operation in posts:
        assert [one["in"] for one in operation["parameters"] if one["name"] == KEY] == ["header"]
        assert "409" in operation["responses"]
    others = [op for methods in document["paths"].values() for name, op in methods.items() if name != "post"]
    assert not any(KEY in json.dumps(operation) for operation in others)


async def test_the_policy_names_operations_and_codes_that_are_real() -> None:
    from service.errors import messages

    assert policy().refusals.codes <= messages().keys()
