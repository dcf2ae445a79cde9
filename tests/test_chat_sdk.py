"""The OpenAI door as OpenAI's own client sees it, over a real socket."""

from __future__ import annotations

import http.client
import json
import re
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any, cast

import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from service.api.described import examples_of
from service.app import create_app
from service.assembly import Desk
from service.errors import Unavailable
from service.schemas import Draft, Event, Inquiry
from service.settings import HOME, Settings
from tests.fake_desk import FakeDesk, FakeDrafter
from tests.prepared import ready
from tests.serving import serving

ASKED: dict[str, Any] = examples_of("create_chat_completion")["umbrella"]["request"]
CASE: dict[str, Any] = {"youli": ASKED["youli"]}
CHAT: dict[str, Any] = {"model": ASKED["model"], "messages": ASKED["messages"]}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A whole desk."""
    with serving(create_app(Settings(auth="off", data_dir=ready(tmp_path_factory.mktemp("data"))))) as made:
        yield f"{made}/v1"


@pytest.fixture
async def client(address: str) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=address, api_key="any", max_retries=0) as made:
        yield made


async def test_a_draft_as_a_completion(client: AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(**CHAT, extra_body=CASE)
    extra = cast(dict[str, Any], answer.model_extra)["youli"]
    draft = Draft.model_validate(extra["draft"])
    assert answer.choices[0].message.content == draft.reply
    assert "第26天" in draft.reply
    assert (draft.verdict, draft.basis.rule) == ("unreasonable", "law/seven-day-return")
    assert draft.citations
    assert extra["ignored"]["roles"] == {"system": 1}
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == 0


async def test_a_draft_as_a_stream(client: AsyncOpenAI) -> None:
    plain = await client.chat.completions.create(**CHAT, extra_body=CASE)
    stream = await client.chat.completions.create(
        **CHAT, stream=True, stream_options={"include_usage": True}, extra_body=CASE
    )
    found = [chunk async for chunk in stream]
    said = [chunk.choices[0].delta.content or "" for chunk in found if chunk.choices]
    draft = cast(dict[str, Any], found[-2].model_extra)["youli"]["draft"]
    assert "".join(said) == plain.choices[0].message.content == draft["reply"]
    assert len([piece for piece in said if piece]) == len(draft["steps"])
    assert found[0].choices[0].delta.role == "assistant"
    assert found[-2].choices[0].finish_reason == "stop"
    assert found[-1].usage is not None
    assert {chunk.id for chunk in found} == {f"chatcmpl-{draft['id']}"}


async def test_the_other_example_works_when_pasted(client: AsyncOpenAI) -> None:
    example = dict(examples_of("create_chat_completion")["picture"]["request"])
    case = {"youli": example.pop("youli")}
    found = [chunk async for chunk in await client.chat.completions.create(**example, extra_body=case)]
    draft = cast(dict[str, Any], found[-2].model_extra)["youli"]["draft"]
    assert draft["reply"]
    kept = await client.get(f"/drafts?conversation={case['youli']['context']['conversation']}", cast_to=object)
    assert [one["id"] for one in cast(dict[str, Any], kept)["drafts"]] == [draft["id"]]


async def test_errors_are_the_clients_own(client: AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as lost:
        await client.chat.completions.create(**(CHAT | {"model": "gpt-9"}))
    assert (lost.value.code, lost.value.type) == ("model_not_found", "invalid_request_error")
    with pytest.raises(openai.BadRequestError) as last:
        await client.chat.completions.create(
            model="youli", messages=[{"role": "user", "content": "在吗"}, {"role": "assistant", "content": "在"}]
        )
    assert (last.value.code, last.value.param) == ("chat_last_not_user", "messages[1].role")
    assert "user" in last.value.message
    with pytest.raises(openai.BadRequestError) as shop:
        await client.chat.completions.create(**CHAT, stream=True, extra_body={"youli": {"shop": "nobody"}})
    assert (shop.value.code, shop.value.request_id is not None) == ("unknown_shop", True)


def test_models_are_listed(address: str) -> None:
    with OpenAI(base_url=address, api_key="any") as client:
        assert [model.id for model in client.models.list()] == ["youli", "youli-playbook", "youli-model"]
        assert client.models.retrieve("youli").owned_by == "youli"


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_what_the_readme_shows_works(address: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = (HOME / name).read_text("utf-8")
    body = re.search(r"/v1/chat/completions .*?-d '(\{.*?\})'", text, re.DOTALL)
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert body is not None
    assert code is not None
    with OpenAI(base_url=address, api_key="any") as client:
        answer = client.post("/chat/completions", body=json.loads(body[1]), cast_to=object)
    assert "第120天" in cast(Any, answer)["choices"][0]["message"]["content"]
    shown = code[1].replace("http://127.0.0.1:8000/v1", address) + "client.close()\n"
    exec(compile(shown, name, "exec"), {})
    *reply, verdict = capsys.readouterr().out.splitlines()
    assert (bool(reply), verdict) == (True, "reasonable")


async def test_a_failure_in_a_stream_is_raised_where_it_is_read() -> None:
    desk = FakeDesk(drafter=FakeDrafter(after=Unavailable("db_busy")))
    with serving(create_app(desk.settings, desk=cast(Desk, desk))) as made:
        async with AsyncOpenAI(base_url=f"{made}/v1", api_key="any", max_retries=0) as client:
            stream = await client.chat.completions.create(**CHAT, stream=True)
            with pytest.raises(openai.APIError) as caught:
                _ = [chunk async for chunk in stream]
    assert caught.value.code == "db_busy"
    assert "数据库" in caught.value.message


class Endless(FakeDrafter):
    """Tells a step, then thinks for ever; says when it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.left = threading.Event()

    async def draft(self, inquiry: Inquiry) -> AsyncIterator[Event]:
        try:
            async for event in FakeDrafter(pause=3600).draft(inquiry):
                yield event
        finally:
            self.left.set()


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/drafts"])
def test_a_client_that_hangs_up_stops_the_drafter(path: str) -> None:
    drafter = Endless()
    desk = FakeDesk(drafter=drafter)
    asked = CHAT if "chat" in path else {"messages": [{"role": "customer", "content": "在吗"}]}
    with serving(create_app(desk.settings, desk=cast(Desk, desk))) as made:
        connection = http.client.HTTPConnection(made.removeprefix("http://"), timeout=30)
        body = json.dumps(asked | {"stream": True})
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        assert answer.read(5) in (b"data:", b"event")
        assert not drafter.left.is_set()
        answer.close()
        connection.close()
        assert drafter.left.wait(10)
