import asyncio
import gzip
import json
import logging
import traceback

import pytest

from service.errors import ModelError, messages
from service.llm import MAX_REPLY_BYTES, MAX_TRIES, Answer, ModelClient
from service.settings import Settings
from tests.fake_model import FakeModel, Reply, completion

KEY = "sk-very-secret-1234567890"
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["ok"],
    "properties": {"ok": {"type": "boolean"}},
}
GOOD = Reply.says({"ok": True})


@pytest.fixture(autouse=True)
def short_pause(monkeypatch):
    monkeypatch.setattr("service.llm_ask.PAUSE_S", 0.01)


@pytest.fixture
def fake():
    with FakeModel(default=lambda request: GOOD) as server:
        yield server


@pytest.fixture
async def client(fake):
    client = ModelClient("some-model", KEY, fake.url)
    await client.open()
    yield client
    await client.close()


async def ask(client: ModelClient, deadline: float = 5.0) -> Answer:
    return await client.ask("你是", "问题", SCHEMA, deadline)


async def code_of(client: ModelClient, deadline: float = 5.0) -> str:
    with pytest.raises(ModelError) as caught:
        await ask(client, deadline)
    assert caught.value.detail == messages()[caught.value.code]["detail"]
    shown = "".join(traceback.format_exception(caught.value))
    assert "provider text" not in shown
    assert KEY not in shown
    return caught.value.code


async def test_a_good_answer_comes_with_usage_calls_and_model(client, fake):
    answer = await ask(client)
    assert answer == Answer(
        {"ok": True}, {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}, 1, "fake-1"
    )
    sent = fake.requests[0]
    assert b"/v1/chat/completions" in sent.head
    assert sent.json["model"] == "some-model"
    assert sent.json["response_format"]["json_schema"] == {"name": "answer", "strict": True, "schema": SCHEMA}
    assert [m["content"] for m in sent.json["messages"]] == ["你是", "问题"]


@pytest.mark.parametrize(
    ("reply", "code", "calls"),
    [
        (Reply.status_of(401), "llm_auth", 1),
        (Reply.status_of(403), "llm_auth", 1),
        (Reply.status_of(402), "llm_quota", 1),
        (Reply.status_of(429, {"code": "insufficient_quota"}), "llm_quota", 1),
        (Reply.status_of(429, {"type": "exceeded_current_quota_error"}), "llm_quota", 1),
        (Reply.status_of(400, {"code": "content_filter"}), "llm_refused", 1),
        (Reply.status_of(404), "llm_unavailable", 1),
        (Reply.status_of(429), "llm_rate_limited", MAX_TRIES),
        (Reply.status_of(500), "llm_unavailable", MAX_TRIES),
        (Reply(b"<html>bad gateway</html>", 502), "llm_unavailable", MAX_TRIES),
        (Reply.status_of(503), "llm_unavailable", MAX_TRIES),
        (Reply.status_of(529), "llm_unavailable", MAX_TRIES),
        (Reply(b"", 302, {"Location": "http://127.0.0.1:1/v1"}), "llm_unavailable", 1),
        (Reply(way="reset"), "llm_unavailable", MAX_TRIES),
        (Reply.of(completion("{}"), way="truncate"), "llm_unavailable", MAX_TRIES),
        (Reply.of(completion('{"ok": true}'), way="close"), "llm_bad_reply", MAX_TRIES),
        (Reply(b""), "llm_bad_reply", MAX_TRIES),
        (Reply(b"\x00\xff garbage"), "llm_bad_reply", MAX_TRIES),
        (Reply('{"choices": "您好"}'.encode("gb18030")), "llm_bad_reply", MAX_TRIES),
        (Reply(b"<!doctype html><p>sign in to the wifi", headers={"Content-Type": "text/html"}), "llm_bad_reply", 2),
        (Reply(b"[" * 60_000), "llm_bad_reply", MAX_TRIES),
        (Reply(b"1" * 6_000), "llm_bad_reply", MAX_TRIES),
        (Reply.of([]), "llm_bad_reply", MAX_TRIES),
        (Reply.of({"choices": []}), "llm_bad_reply", MAX_TRIES),
        (Reply.of({"choices": [None]}), "llm_bad_reply", MAX_TRIES),
        (Reply.of({"choices": [{"finish_reason": "stop", "message": None}]}), "llm_bad_reply", MAX_TRIES),
        (Reply.of(completion(None)), "llm_bad_reply", MAX_TRIES),
        (Reply.of(completion("  ")), "llm_bad_reply", MAX_TRIES),
        (Reply.says("好的，已经写好了"), "llm_bad_reply", MAX_TRIES),
        (Reply.says("[1, 2]"), "llm_bad_reply", MAX_TRIES),
        (Reply.says('{"ok": tru'), "llm_bad_reply", MAX_TRIES),
        (Reply.of(completion('{"ok": true}', None)), "llm_incomplete", MAX_TRIES),
        (Reply.of(completion('{"ok": true}', "length")), "llm_incomplete", MAX_TRIES),
        (Reply.of(completion("", "content_filter")), "llm_refused", 1),
        (Reply.of(completion(None, refusal="no")), "llm_refused", 1),
        (Reply(gzip.compress(GOOD.body), headers={"Content-Encoding": "gzip"}), "llm_bad_reply", MAX_TRIES),
    ],
)
async def test_every_failure_has_its_code_and_no_more_tries_than_it_is_worth(client, fake, reply, code, calls):
    fake.script(*[reply] * MAX_TRIES)
    assert await code_of(client) == code
    assert len(fake.requests) == calls


@pytest.mark.parametrize(
    "first",
    [Reply.status_of(500), Reply(way="reset"), Reply(b""), Reply.of(completion('{"ok": true}', "length"))],
    ids=["500", "reset", "empty", "length"],
)
async def test_what_may_pass_is_tried_once_more(client, fake, first):
    fake.script(first, GOOD)
    answer = await ask(client)
    assert answer.data == {"ok": True}
    assert answer.calls == len(fake.requests) == 2


@pytest.mark.parametrize("way", ["hang", "drip"])
async def test_the_deadline_is_total(client, fake, way):
    fake.script(*[Reply.of(completion(" " * 4_000), way=way)] * MAX_TRIES)
    async with asyncio.timeout(5):  # the fake would go on far longer
        assert await code_of(client, deadline=0.5) == "llm_timeout"


async def test_a_deadline_that_has_passed_asks_nothing(client, fake):
    assert await code_of(client, deadline=-1.0) == "llm_timeout"
    assert fake.requests == []


async def test_a_flood_is_cut_at_the_cap(client, fake):
    fake.script(Reply(way="flood"))
    assert await code_of(client) == "llm_bad_reply"
    assert len(fake.requests) == 1
    assert fake.sent < 30_000_000


async def test_an_error_page_is_capped_too(client, fake):
    fake.script(*[Reply(b"x" * (MAX_REPLY_BYTES + 1), 500)] * MAX_TRIES)
    assert await code_of(client) == "llm_bad_reply"


async def test_a_reply_just_under_the_cap_is_read(client, fake):
    padded = completion('{"ok": true}')
    padded["padding"] = "x" * (MAX_REPLY_BYTES - 1_000)
    fake.script(Reply.of(padded))
    assert (await ask(client)).data == {"ok": True}


async def test_a_short_retry_after_is_obeyed(client, fake):
    fake.script(Reply.status_of(429, retry_after="0"), GOOD)
    assert (await ask(client)).calls == 2


@pytest.mark.parametrize("wait", ["60", "121"])
async def test_a_long_retry_after_gives_up_at_once_and_holds(client, fake, wait):
    fake.script(Reply.status_of(429, retry_after=wait))
    assert await code_of(client) == "llm_rate_limited"
    assert await code_of(client) == "llm_rate_limited"
    assert len(fake.requests) == 1


async def test_the_ladder_steps_down_and_is_remembered(client, fake):
    refused = Reply.status_of(400, {"message": "This response_format type is unavailable now"})
    fake.script(refused, refused, Reply.says('```json\n{"ok": true}\n```'))
    answer = await ask(client)
    assert (answer.data, answer.calls) == ({"ok": True}, 3)
    asked = [r.json.get("response_format", {}).get("type") for r in fake.requests]
    assert asked == ["json_schema", "json_object", None]
    assert json.dumps(SCHEMA, ensure_ascii=False) in fake.requests[1].prompt
    assert "JSON" in fake.requests[2].prompt
    await ask(client)
    assert "response_format" not in fake.requests[3].json


@pytest.mark.parametrize(
    "content",
    [
        '<think>先想想 {"ok": false}</think>\n{"ok": true}',
        '```json\n{"ok": true}\n```',
        '```\n{"ok": true}\n```',
        '好的，如下：\n{"ok": true}\n请查收',
        '\ufeff{"ok": true}',
    ],
)
async def test_thinking_and_wrapping_are_no_part_of_the_answer(client, fake, content):
    fake.script(Reply.says(content))
    assert (await ask(client)).data == {"ok": True}


async def test_reasoning_content_is_ignored(client, fake):
    fake.script(Reply.of(completion('{"ok": true}', reasoning_content='{"ok": false}')))
    assert (await ask(client)).data == {"ok": True}


@pytest.mark.parametrize(
    "odd",
    [
        {"usage": None},
        {"usage": {"prompt_tokens": "many", "total_tokens": -1}},
        {"usage": []},
        {"model": 7},
        {"model": "a\nb" * 90},
        {"id": "chatcmpl-1"},
    ],
)
async def test_odd_extras_do_not_matter(client, fake, odd):
    fake.script(Reply.of({**completion('{"ok": true}'), **odd}))
    answer = await ask(client)
    assert answer.data == {"ok": True}
    assert all(count >= 0 for count in answer.usage.values())
    assert answer.model in ("some-model", "fake-1")


async def test_nobody_listening_is_unavailable(fake):
    with FakeModel() as gone:
        url = gone.url
    client = ModelClient("m", KEY, url)
    assert await code_of(client) == "llm_unavailable"
    await client.close()


@pytest.mark.parametrize("key", ["钥匙甲乙", "sk-line\nbreak", "sk with space"])
async def test_a_key_that_cannot_stand_in_a_header_is_an_auth_problem(fake, key):
    client = ModelClient("m", key, fake.url)
    with pytest.raises(ModelError) as caught:
        await ask(client)
    assert caught.value.code == "llm_auth"
    assert key not in "".join(traceback.format_exception(caught.value))
    assert fake.requests == []
    await client.close()


async def test_the_key_goes_into_its_header_and_nowhere_else(client, fake, caplog):
    caplog.set_level(logging.DEBUG)
    fake.script(Reply.status_of(500), Reply.status_of(401))
    await code_of(client)
    assert KEY not in caplog.text
    assert "provider text" not in caplog.text
    assert "问题" not in caplog.text
    for request in fake.requests:
        assert request.head.count(KEY.encode()) == 1
        assert KEY.encode() not in request.body


async def test_cancelling_closes_the_call(client, fake):
    fake.script(Reply(way="hang"))
    task = asyncio.create_task(ask(client, 60.0))
    await asyncio.to_thread(fake.wait_for_request)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await ask(client)).data == {"ok": True}


def test_settings_decide_whether_there_is_a_client(monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "YOULI_MODEL"):
        monkeypatch.delenv(name, raising=False)
    assert ModelClient.from_settings(Settings()) is None
    monkeypatch.setenv("YOULI_MODEL", "m")
    assert ModelClient.from_settings(Settings()) is None
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    client = ModelClient.from_settings(Settings())
    assert client is not None
    assert client.model == "m"
