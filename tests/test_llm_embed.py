import asyncio
import math
import traceback

import numpy as np
import pytest

from service.errors import EmbeddingError, messages
from service.llm_embed import BATCH, MAX_CHARS, MAX_TRIES, PARALLEL, EmbeddingClient
from service.settings import read_settings
from tests.fake_model import FakeModel, Reply
from tests.fake_vectors import embeds, spoilt, vector

KEY = "sk-very-secret-1234567890"


@pytest.fixture(autouse=True)
def short_pause(monkeypatch):
    monkeypatch.setattr("service.llm_embed.PAUSE_S", 0.01)


@pytest.fixture
def fake():
    with FakeModel() as server:
        server.vectors = embeds()
        yield server


@pytest.fixture
async def client(fake):
    client = EmbeddingClient("some-embedder", KEY, fake.url)
    yield client
    await client.close()


async def code_of(client, texts=("退货",), deadline=5.0) -> str:
    with pytest.raises(EmbeddingError) as caught:
        await client.embed(texts, deadline)
    assert caught.value.detail == messages()[caught.value.code]["detail"]
    shown = "".join(traceback.format_exception(caught.value))
    assert KEY not in shown
    assert "provider text" not in shown
    assert "退货" not in shown
    return caught.value.code


def unit(text: str) -> np.ndarray:
    row = np.array(vector(text))
    return row / np.linalg.norm(row)


async def test_vectors_come_in_the_order_of_the_texts_in_small_batches(client, fake):
    texts = [f"第{n}条规则，退货运费怎么算" for n in range(37)]
    matrix = await client.embed(texts, 10.0)
    assert matrix.dtype == np.float32
    assert np.allclose(matrix, [unit(text) for text in texts], atol=1e-6)
    sizes = sorted(len(request.json["input"]) for request in fake.requests)
    assert (max(sizes), sum(sizes)) == (BATCH, 37)
    assert {(r.json["model"], r.json["encoding_format"]) for r in fake.requests} == {("some-embedder", "float")}


async def test_only_so_many_calls_are_under_way(client, fake):
    fake.vectors = lambda request: Reply(way="hang")
    asked = asyncio.create_task(client.embed(["退货"] * (BATCH * PARALLEL * 2), 30.0))
    for _ in range(PARALLEL):
        await asyncio.to_thread(fake.wait_for_request)
    await asyncio.sleep(0.3)  # time for one more than allowed to come
    assert len(fake.requests) == PARALLEL
    asked.cancel()


@pytest.mark.parametrize(
    ("reply", "code", "calls"),
    [
        (Reply.status_of(401), "embedding_auth", 1),
        (Reply.status_of(402), "embedding_quota", 1),
        (Reply.status_of(429, {"code": "insufficient_quota"}), "embedding_quota", 1),
        (Reply.status_of(404), "embedding_unavailable", 1),
        (Reply.status_of(400, {"code": "data_inspection_failed"}), "embedding_refused", 1),
        (Reply.status_of(429), "embedding_rate_limited", MAX_TRIES),
        (Reply.status_of(500), "embedding_unavailable", MAX_TRIES),
        (Reply(way="reset"), "embedding_unavailable", MAX_TRIES),
        (Reply(b""), "embedding_bad_reply", MAX_TRIES),
        (Reply(b"<html>sign in"), "embedding_bad_reply", MAX_TRIES),
        (Reply.of({"data": None}), "embedding_bad_reply", MAX_TRIES),
        (Reply(way="flood"), "embedding_bad_reply", 1),
    ],
)
async def test_every_failure_has_its_code_and_no_more_tries_than_it_is_worth(client, fake, reply, code, calls):
    fake.vectors = lambda request: reply
    assert await code_of(client) == code
    assert len(fake.requests) == calls


NUMBERS = [1.0] * 64
SPOILT = {
    "too few": lambda data: data[:-1],
    "too many": lambda data: [*data, {"index": len(data), "embedding": NUMBERS}],
    "an index twice": lambda data: [{**item, "index": 0} for item in data],
    "an index out of range": lambda data: [{**item, "index": item["index"] + 1} for item in data],
    "no object": lambda data: [item["embedding"] for item in data],
    "not a number": lambda data: [{**item, "embedding": [math.nan, *NUMBERS[1:]]} for item in data],
    "infinite": lambda data: [{**item, "embedding": [math.inf, *NUMBERS[1:]]} for item in data],
    "too great": lambda data: [{**item, "embedding": [1e300] * 64} for item in data],
    "zero": lambda data: [{**item, "embedding": [0.0] * 64} for item in data],
    "of two lengths": lambda data: [{**item, "embedding": NUMBERS[: 64 - item["index"]]} for item in data],
    "empty": lambda data: [{**item, "embedding": []} for item in data],
    "words": lambda data: [{**item, "embedding": ["1.0"] * 64} for item in data],
    "nested": lambda data: [{**item, "embedding": [NUMBERS]} for item in data],
    "null": lambda data: [{**item, "embedding": None} for item in data],
    "not base64": lambda data: [{**item, "embedding": "退货"} for item in data],
    "half a number": lambda data: [{**item, "embedding": "AAA="} for item in data],
}


@pytest.mark.parametrize("how", SPOILT.values(), ids=SPOILT.keys())
async def test_vectors_nobody_can_use_are_refused(client, fake, how):
    fake.vectors = spoilt(how)
    assert await code_of(client, ["退货", "换货"]) == "embedding_bad_reply"
    assert len(fake.requests) == MAX_TRIES


async def test_a_reordered_reply_is_put_in_order(client, fake):
    fake.vectors = spoilt(lambda data: list(reversed(data)))
    assert np.allclose(await client.embed(["退货", "换货", "维修"], 5.0), [unit(t) for t in ("退货", "换货", "维修")])


async def test_a_reply_without_places_is_taken_as_it_comes(client, fake):
    fake.vectors = spoilt(lambda data: [{"embedding": item["embedding"]} for item in data])
    assert np.allclose(await client.embed(["退货", "换货"], 5.0), [unit("退货"), unit("换货")])


async def test_base64_is_read_whatever_was_asked_for(client, fake):
    fake.vectors = embeds(encoding="base64")
    assert np.allclose(await client.embed(["退货"], 5.0), [unit("退货")], atol=1e-6)


async def test_batches_of_two_lengths_are_refused(client, fake):
    sizes = iter((64, 32))
    fake.vectors = lambda request: embeds(next(sizes))(request)
    assert await code_of(client, ["退货"] * (BATCH + 1)) == "embedding_bad_reply"


async def test_what_may_pass_is_tried_again(client, fake):
    replies = iter([Reply.status_of(500), Reply.status_of(429, retry_after="0.05")])
    fake.vectors = lambda request: next(replies, None) or embeds()(request)
    assert len(await client.embed(["退货"], 5.0)) == 1
    assert len(fake.requests) == 3


async def test_a_wait_that_does_not_fit_is_not_waited_but_told(client, fake):
    fake.vectors = lambda request: Reply.status_of(429, retry_after="30")
    with pytest.raises(EmbeddingError) as caught:
        await client.embed(["退货"], 2.0)
    assert (caught.value.code, caught.value.parameters["wait"]) == ("embedding_rate_limited", 30.0)
    assert len(fake.requests) == 1


@pytest.mark.parametrize("way", ["hang", "drip"])
async def test_the_deadline_is_total(client, fake, way):
    fake.vectors = lambda request: Reply(embeds()(request).body, way=way)
    async with asyncio.timeout(5):
        assert await code_of(client, deadline=0.4) == "embedding_timeout"


async def test_the_one_text_a_filter_refuses_is_named(client, fake):
    def picky(request):
        bad = any("违禁" in text for text in request["input"])
        return Reply.status_of(400, {"code": "data_inspection_failed"}) if bad else embeds()(request)

    fake.vectors = picky
    texts = ["退货"] * 7 + ["违禁"] + ["换货"] * 5
    with pytest.raises(EmbeddingError) as caught:
        await client.embed(texts, 5.0)
    assert (caught.value.code, caught.value.parameters["text"]) == ("embedding_refused", 7)


async def test_long_texts_are_cut(client, fake):
    await client.embed(["长" * 5_000], 5.0)
    assert len(fake.embedded[0]) == MAX_CHARS


async def test_a_key_that_cannot_be_sent_is_not_shown(fake):
    client = EmbeddingClient("m", "sk-密钥", fake.url)
    assert await code_of(client) == "embedding_auth"
    assert fake.requests == []


def test_a_vendors_key_never_travels_to_another_vendor():
    def at(**given):
        found = read_settings(embedding_model="e", **given).embedding_endpoint
        return found and (found.url, found.key and found.key.get_secret_value())

    chat = {"OPENAI_API_KEY": "chat", "OPENAI_BASE_URL": "http://chat/v1"}
    assert at() is None
    assert at(**chat) == ("http://chat/v1", "chat")
    assert at(**chat, embedding_api_key="own") == ("http://chat/v1", "own")
    assert at(**chat, embedding_base_url="http://other/v1") == ("http://other/v1", None)
    assert at(**chat, embedding_base_url="http://other/v1", embedding_api_key="own") == ("http://other/v1", "own")
    assert read_settings(**chat).embedding_endpoint is None
