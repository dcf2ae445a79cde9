"""The draft door: plain and streamed."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from starlette.requests import ClientDisconnect

from service.api import drafts, streaming
from service.api.drafts import failure_of, frame
from service.errors import Unavailable
from service.logs import configure_logs
from service.schemas import Event, Inquiry
from tests.fake_desk import ASKED, FakeDesk, FakeDrafter, FakeStore, a_draft, client_of, is_problem


def _events(text: str) -> list[tuple[str, Any]]:
    found = []
    for block in text.strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if not line.startswith(":"))
        if fields:
            found.append((fields["event"], json.loads(fields["data"])))
    return found


def test_a_draft_is_created_and_located() -> None:
    answer = client_of(FakeDesk()).post("/v1/drafts", json=ASKED)
    assert answer.status_code == 201
    assert answer.headers["location"] == "/v1/drafts/dft_01fake"
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["id"] == "dft_01fake"
    assert answer.headers["cache-control"] == "no-store"


def test_another_shop_stands_in_the_location_and_is_needed_to_fetch() -> None:
    inquiry = Inquiry.model_validate(ASKED | {"shop": "demo"})
    desk = FakeDesk(store=FakeStore(kept={("dft_01fake", "demo"): (a_draft(inquiry), inquiry)}))
    client = client_of(desk)
    location = client.post("/v1/drafts", json=ASKED | {"shop": "demo"}).headers["location"]
    fetched = client.get(location)
    assert fetched.status_code == 200
    assert fetched.json() == json.loads(a_draft(inquiry).model_dump_json(by_alias=True))
    is_problem(client.get("/v1/drafts/dft_01fake"), 404, "draft_not_found")


@pytest.mark.parametrize("name", ["dft_", "x", "dft_a%00b", "dft_..", "dft_" + "a" * 61, "%E8%8D%89%E7%A8%BF"])
def test_ids_that_cannot_be_are_not_looked_up(name: str) -> None:
    desk = FakeDesk(store=FakeStore(broken=Unavailable("db_busy")))
    is_problem(client_of(desk).get(f"/v1/drafts/{name}"), 404, "draft_not_found")


def test_a_stream_carries_the_events_and_the_whole_draft_last() -> None:
    desk = FakeDesk()
    answer = client_of(desk).post("/v1/drafts", json=ASKED | {"stream": True})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["x-accel-buffering"] == "no"
    events = _events(answer.text)
    assert [name for name, _ in events] == ["draft.created", "draft.step", "draft.completed"]
    assert events[0][1] == {"id": "dft_01fake"}
    plain = client_of(FakeDesk()).post("/v1/drafts", json=ASKED).json()
    assert events[-1][1] == plain
    assert desk.drafter.closed


def test_everything_that_can_refuse_does_so_before_the_stream_starts() -> None:
    desk = FakeDesk(drafter=FakeDrafter(before=Unavailable("db_busy")))
    is_problem(client_of(desk).post("/v1/drafts", json=ASKED | {"stream": True}), 503, "db_busy")
    is_problem(client_of(desk).post("/v1/drafts", json={"stream": True, "messages": []}), 422, "messages_empty")


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [(Unavailable("disk_full", path="data"), "disk_full", 503), (RuntimeError("张三"), "internal_error", 500)],
)
def test_a_failure_after_the_start_is_the_last_event(error: Exception, code: str, status: int) -> None:
    configure_logs()
    desk = FakeDesk(drafter=FakeDrafter(after=error))
    answer = client_of(desk).post("/v1/drafts", json=ASKED | {"stream": True})
    events = _events(answer.text)
    assert [name for name, _ in events] == ["draft.created", "draft.failed"]
    problem = events[-1][1]
    assert (problem["code"], problem["status"]) == (code, status)
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert "张三" not in answer.text
    assert desk.drafter.closed


def test_silence_is_filled_with_comments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "PING_S", 0.01)
    desk = FakeDesk(drafter=FakeDrafter(pause=0.2))
    answer = client_of(desk).post("/v1/drafts", json=ASKED | {"stream": True})
    assert ": ping\n\n" in answer.text
    assert [name for name, _ in _events(answer.text)][-1] == "draft.completed"


async def test_a_reader_who_leaves_stops_the_drafter() -> None:
    drafter = FakeDrafter(pause=60)
    events = drafter.draft(Inquiry.model_validate(ASKED))
    stream = drafts._stream(await anext(events), events, "req_x")
    assert b"draft.created" in await anext(stream)
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert drafter.closed
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert others == []


async def test_a_reader_who_left_before_the_first_byte_stops_the_drafter_too() -> None:
    drafter = FakeDrafter()
    events = drafter.draft(Inquiry.model_validate(ASKED))
    answer = streaming.EventStream(drafts._stream(await anext(events), events, "req_x"), events)

    async def gone(*_: object) -> None:
        raise OSError

    with pytest.raises(ClientDisconnect):
        await answer({"type": "http", "asgi": {"spec_version": "2.4"}}, gone, gone)
    assert drafter.closed


def test_a_stream_that_ends_without_a_draft_is_a_problem() -> None:
    class Failing(FakeDrafter):
        async def draft(self, inquiry: Inquiry) -> Any:
            yield Event(type="draft.created")
            yield Event(type="draft.failed", data={"code": "db_busy", "status": 503})

    is_problem(client_of(FakeDesk(drafter=Failing())).post("/v1/drafts", json=ASKED), 503, "db_busy")


def test_a_failure_without_a_code_is_internal() -> None:
    assert failure_of(Event(type="draft.created")).code == "internal_error"
    assert failure_of(Event(type="draft.failed", data={"code": 5})).code == "internal_error"


def test_line_breaks_in_a_text_cannot_break_the_frame() -> None:
    text = "一\n\nevent: draft.completed\ndata: {}\r二\u2028三"
    wire = frame(Event(type="draft.step", data={"text": text}), 1).decode()
    assert wire.count("\n\n") == 1
    assert _events(wire) == [("draft.step", {"text": text})]
