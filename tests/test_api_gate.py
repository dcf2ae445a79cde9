"""The gate before the doors: refused at once and in the right shape, places given back however a request ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import httpx2
import pytest

from service.acting import Acting, act_as
from service.api.limits import BodyLimit
from service.app import create_app
from service.assembly import Desk
from service.limiting.limiter import Limiter
from service.limiting.numbers import numbers
from service.settings import Settings
from tests.fake_desk import ASKED, FakeDesk, FakeDrafter, is_problem

ANNA = Acting("key_anna", "agent", "demo", "agent")
CHAT = {"model": "youli", "messages": [{"role": "user", "content": "在吗"}]}


def _desk(drafter: FakeDrafter | None = None, **more: Any) -> FakeDesk:
    settings = Settings(auth="off", data_dir=Path("unused"), redis_url=None, **more)
    return FakeDesk(settings=settings, drafter=drafter or FakeDrafter(), limiter=Limiter(settings))


def _app(desk: FakeDesk) -> Any:
    return create_app(desk.settings, desk=cast(Desk, desk), hosts={"testserver"})


@asynccontextmanager
async def _client(desk: FakeDesk) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(_app(desk)), base_url="http://testserver", timeout=30
    ) as client:
        yield client


def _under_way(desk: FakeDesk, name: str = "draft") -> int:
    under_way: int = desk.limiter.admission.pools[name].under_way
    return under_way


async def _until(desk: FakeDesk, many: int) -> None:
    async with asyncio.timeout(20):
        while _under_way(desk) != many:  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def test_what_is_too_much_is_told_when_to_come_back() -> None:
    desk = _desk(FakeDrafter(pause=0.3), max_drafts=2)
    async with _client(desk) as client:
        inside = [asyncio.create_task(client.post("/v1/drafts", json=ASKED)) for _ in range(2)]
        await _until(desk, 2)
        refused = await client.post("/v1/drafts", json=ASKED)
        is_problem(refused, 429, "too_many")
        assert 1 <= int(refused.headers["retry-after"]) <= numbers().busy.retry_most_s
        told = (await client.post("/v1/chat/completions", json=CHAT)).json()["error"]
        assert (told["type"], told["code"]) == ("rate_limit_error", "too_many")
        assert (await client.post("/v1/privacy/mask", json={"text": "a"})).status_code == 200  # another class
        assert (await client.get("/healthz")).status_code == 200
        assert [answer.status_code for answer in await asyncio.gather(*inside)] == [201, 201]
        assert (await client.post("/v1/drafts", json=ASKED)).status_code == 201
    assert _under_way(desk) == 0


async def test_it_is_refused_before_its_body_is_looked_at() -> None:
    desk = _desk(FakeDrafter(pause=0.3), max_drafts=1)
    async with _client(desk) as client:
        inside = asyncio.create_task(client.post("/v1/drafts", json=ASKED))
        await _until(desk, 1)
        is_problem(await client.post("/v1/drafts", content=b"{", headers={"content-type": "x"}), 429, "too_many")
        assert (await inside).status_code == 201
        assert (await client.post("/v1/drafts", content=b"{")).status_code in (400, 415)
    assert _under_way(desk) == 0


@pytest.mark.parametrize("fault", [{"before": RuntimeError("x")}, {"after": RuntimeError("x")}])
@pytest.mark.parametrize("stream", [False, True])
async def test_a_place_comes_back_from_a_draft_that_fails(fault: dict[str, Any], stream: bool) -> None:
    desk = _desk(FakeDrafter(**fault), max_drafts=1)
    async with _client(desk) as client:
        for _ in range(3):
            assert (await client.post("/v1/drafts", json=ASKED | {"stream": stream})).status_code != 429
    assert _under_way(desk) == 0


@dataclass
class Caller:
    """Somebody at the other end of a raw ASGI connection: sends its body in pieces, may leave."""

    app: Any
    body: list[bytes]
    pause: float = 0.0
    got: list[dict[str, Any]] = field(default_factory=list)
    leave: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self) -> None:
        headers = [(b"host", b"testserver"), (b"content-type", b"application/json")]
        scope = {"type": "http", "method": "POST", "path": "/v1/drafts", "query_string": b"", "headers": headers}
        scope |= {"http_version": "1.1", "scheme": "http", "client": ("127.0.0.1", 1), "server": ("testserver", 80)}
        left = list(self.body)

        async def receive() -> dict[str, Any]:
            if left:
                await asyncio.sleep(self.pause)
                return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}
            await self.leave.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            self.got.append(message)

        await self.app(scope | {"root_path": "", "raw_path": b"/v1/drafts"}, receive, send)


async def test_a_place_comes_back_when_the_caller_leaves_in_the_middle_of_a_stream() -> None:
    desk = _desk(FakeDrafter(pause=3600), max_drafts=1)
    caller = Caller(_app(desk), [json.dumps(ASKED | {"stream": True}).encode()])
    task = asyncio.create_task(caller())
    async with asyncio.timeout(20):
        while not any(message["type"] == "http.response.body" for message in caller.got):  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    assert _under_way(desk) == 1
    caller.leave.set()
    await asyncio.wait_for(task, 20)
    assert (_under_way(desk), desk.drafter.closed) == (0, True)


async def test_nobody_holds_a_place_by_sending_slowly() -> None:
    desk = _desk(max_drafts=1)
    app = _app(desk)
    slow = Caller(app, [b"{", *[b" "] * 1000], pause=0.01)
    task = asyncio.create_task(slow())
    await asyncio.sleep(0.1)
    assert _under_way(desk) == 0
    quick = Caller(app, [json.dumps(ASKED).encode()])
    await quick()
    assert quick.got[0]["status"] == 201
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_whoever_leaves_in_the_middle_of_a_body_is_not_answered() -> None:
    desk = _desk(max_drafts=1)
    gone = Caller(_app(desk), [])
    gone.leave.set()
    await gone()
    assert gone.got == []
    assert _under_way(desk) == 0


async def test_a_body_that_does_not_come_is_cut_off() -> None:
    bodies = numbers().bodies.model_copy(update={"grace_s": 0.2, "slowest": 1_000_000})
    desk = _desk()
    app = _app(desk)
    (limit,) = (layer for layer in app.user_middleware if layer.cls is BodyLimit)
    limit.kwargs["bodies"] = bodies
    dripping = Caller(app, [b"{", *[b" "] * 1000], pause=0.02)
    await asyncio.wait_for(dripping(), 20)
    start = dripping.got[0]
    headers = dict(start["headers"])
    assert start["status"] == 408
    assert headers[b"connection"] == b"close"
    assert json.loads(dripping.got[1]["body"])["code"] == "body_too_slow"


async def test_a_key_sees_how_it_stands_and_is_refused_over_its_rate() -> None:
    desk = _desk(rate_per_minute=2)
    async with _client(desk) as client:
        with act_as(ANNA):
            answers = [await client.get("/v1/models") for _ in range(3)]
            drafted = await client.post("/v1/drafts", json=ASKED)
            assert (await client.get("/healthz")).status_code == 200
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert [answer.headers["ratelimit"].split(";")[1] for answer in answers] == ["r=1", "r=0", "r=0"]
        assert {answer.headers["ratelimit-policy"] for answer in answers} == {'"requests";q=2;w=60'}
        problem = is_problem(drafted, 429, "rate_limited")
        assert "2" in problem["detail"]
        assert 58 <= int(drafted.headers["retry-after"]) <= 60
        here = await client.post("/v1/drafts", json=ASKED)  # the person at this machine
        assert here.status_code == 201
        assert "ratelimit" not in here.headers
