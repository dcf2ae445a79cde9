import asyncio
import gc
import json
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import ModelError
from service.llm import MAX_REPLY_BYTES, MAX_TRIES, MAX_WIRE_BYTES, Answer, ModelClient
from service.llm_profile import shipped
from service.llm_reply import Failed
from service.llm_stream import ObjectText, StreamReader
from tests.fake_model import FakeModel, Reply, completion
from tests.fake_reply import DONE, USAGE, chunk, event, stream_of

KEY = "sk-very-secret-1234567890"
SCHEMA = {"type": "object", "additionalProperties": False, "required": [], "properties": {}}
DATA = {"steps": [{"step": "empathy", "text": "等了三天，换谁都急。\u2028😀"}], "notes": ""}
TEXT = json.dumps(DATA, ensure_ascii=False)
GOOD = Reply.says(TEXT)
MEANING = shipped().of(None, "m").meaning


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


async def streamed(client: ModelClient, deadline: float = 5.0, **options) -> tuple[list[str], Answer]:
    *pieces, answer = [part async for part in client.stream("你是", "问题", SCHEMA, deadline, **options)]
    return pieces, answer


async def failing(client: ModelClient, deadline: float = 5.0) -> tuple[str, str]:
    """What was shown before the error, and its code."""
    shown = []
    with pytest.raises(ModelError) as caught:
        async for part in client.stream("你是", "问题", SCHEMA, deadline):
            shown.append(part)
    told = "".join(traceback.format_exception(caught.value))
    assert "provider text" not in told
    assert KEY not in told
    return "".join(shown), caught.value.code


async def test_pieces_come_before_the_end_and_the_answer_last(client, fake):
    fake.script(Reply.says(TEXT, chunks=12, pace=0.02))
    pieces, answer = await streamed(client)
    assert "".join(pieces) == TEXT
    assert len(pieces) > 3
    assert answer == Answer(DATA, USAGE, 1, "fake-1")
    assert fake.requests[0].json["stream"] is True


@pytest.mark.parametrize(
    "events",
    [
        stream_of(TEXT, reasoning='先想想 {"steps": []}'),
        stream_of(TEXT, reasoning="想", reasoning_field="reasoning"),
        stream_of("<think>先 {想}</think>\n" + TEXT, chunks=40),
        stream_of("先想好了</think>\n" + TEXT, chunks=40),
        stream_of("好的：\n```json\n" + TEXT + "\n```", chunks=30),
        [b": ping\n\n", *stream_of(TEXT), b"junk after the end\n"],
        [event({"choices": [], "prompt_filter_results": []}), *stream_of(TEXT)],
        [one.replace(b"\n", b"\r\n") for one in stream_of(TEXT)],
        [one.replace(b"data: ", b"data:") for one in stream_of(TEXT)],
        [b"".join(stream_of(TEXT, chunks=70))],
        stream_of(TEXT)[:-1],
        [*stream_of(TEXT)[:-1], DONE.rstrip()],
    ],
    ids=[
        "reasoning_content",
        "reasoning",
        "think",
        "think-open-in-the-prompt",
        "fence",
        "comments",
        "filter-results",
        "crlf",
        "no-space",
        "burst",
        "no-done",
        "last-line-open",
    ],
)
async def test_every_good_form_gives_the_object(client, fake, events):
    fake.script(Reply.streams(*events))
    pieces, answer = await streamed(client)
    assert "".join(pieces).startswith(TEXT)
    assert answer.data == DATA
    assert len(fake.requests) == 1


async def test_a_gateway_that_does_not_stream_is_one_piece(client, fake):
    fake.script(Reply.says(TEXT, whole=True))
    pieces, answer = await streamed(client)
    assert pieces == [TEXT]
    assert answer == Answer(DATA, USAGE, 1, "fake-1")


async def test_usage_may_be_absent(client, fake):
    fake.script(Reply.streams(*stream_of(TEXT, usage=None)))
    assert (await streamed(client))[1].usage == {}


async def test_an_endpoint_that_never_closes_holds_nobody_up(client, fake):
    last = Reply.streams(*stream_of(TEXT)[:-2], *[b": \n\n"] * 400, pace=0.05)
    fake.script(last)
    async with asyncio.timeout(8):
        assert (await streamed(client, deadline=20.0))[1].data == DATA


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (Reply.streams(*stream_of(TEXT, finish="length")), "llm_incomplete"),
        (Reply.streams(*stream_of(TEXT, finish=None)), "llm_incomplete"),
        (Reply.streams(*stream_of(TEXT, finish="content_filter")), "llm_refused"),
        (Reply.streams(*stream_of(TEXT)[:4]), "llm_incomplete"),
        (Reply.streams(*stream_of(TEXT)[:4], stream_of(TEXT)[4][:60]), "llm_incomplete"),
        (Reply.streams(*stream_of(TEXT), way="close"), "llm_incomplete"),
        (Reply.streams(*stream_of(TEXT)[:4], event({"error": {"message": "provider text"}})), "llm_unavailable"),
        (Reply.streams(*stream_of(TEXT)[:4], event({"message": "provider text"}, "error")), "llm_unavailable"),
        (Reply.streams(*stream_of(TEXT)[:4], event({"object": "error", "code": 429})), "llm_rate_limited"),
        (Reply.streams(*stream_of(TEXT)[:4], event({"error": {"code": "insufficient_quota"}})), "llm_quota"),
        (Reply.streams(*stream_of(TEXT)[:4], chunk({"refusal": "no"})), "llm_refused"),
        (Reply.streams(*stream_of(TEXT)[:4], b"data: not json\n\n"), "llm_bad_reply"),
        (Reply.streams(*stream_of(TEXT)[:4], b'data: {"choices": "\xc4\xfa\xba\xc3"}\n\n'), "llm_bad_reply"),
        (Reply.streams(*stream_of(TEXT[:-1])), "llm_bad_reply"),
        (Reply.streams(*stream_of('{"a": 1}</think>' + TEXT)), "llm_bad_reply"),
    ],
)
async def test_what_was_begun_and_not_ended_is_an_error_and_not_tried_again(client, fake, reply, code):
    fake.script(reply)
    shown, found = await failing(client)
    assert found == code
    assert shown
    assert len(fake.requests) == 1


@pytest.mark.parametrize(
    ("reply", "code", "calls"),
    [
        (Reply.status_of(500), "llm_unavailable", MAX_TRIES),
        (Reply.status_of(401), "llm_auth", 1),
        (Reply.status_of(429, {"code": "insufficient_quota"}), "llm_quota", 1),
        (Reply(way="reset"), "llm_unavailable", MAX_TRIES),
        (Reply.streams(), "llm_bad_reply", MAX_TRIES),
        (Reply(b""), "llm_bad_reply", MAX_TRIES),
        (Reply(b"<!doctype html>\n<p>sign in"), "llm_bad_reply", MAX_TRIES),
        (Reply("您好\n再见".encode("gb18030")), "llm_bad_reply", MAX_TRIES),
        (Reply.of({"choices": []}), "llm_bad_reply", MAX_TRIES),
        (Reply.of({"error": {"code": "insufficient_quota"}}), "llm_quota", 1),
        (Reply.streams(b": ping\n\n"), "llm_incomplete", MAX_TRIES),
        (Reply.streams(chunk({"content": "好的"}), chunk({}, "stop")), "llm_bad_reply", MAX_TRIES),
        (Reply.streams(event({"choices": [None]})), "llm_bad_reply", MAX_TRIES),
        (Reply.streams(event({"choices": [{"delta": "x"}]})), "llm_bad_reply", MAX_TRIES),
        (Reply.streams(event([])), "llm_bad_reply", MAX_TRIES),
        (Reply.streams(chunk({"content": None}, "content_filter")), "llm_refused", 1),
    ],
)
async def test_what_fails_before_the_first_piece_is_tried_as_an_ask_is(client, fake, reply, code, calls):
    fake.script(*[reply] * MAX_TRIES)
    assert await failing(client) == ("", code)
    assert len(fake.requests) == calls


async def test_a_second_try_may_be_good(client, fake):
    fake.script(Reply.streams(*stream_of("", finish=None)), GOOD)
    pieces, answer = await streamed(client)
    assert "".join(pieces) == TEXT
    assert answer.calls == 2


async def test_the_ladder_steps_down_and_is_remembered_for_both(client, fake):
    fake.script(Reply.status_of(400), Reply.status_of(400))
    assert (await streamed(client))[1].calls == 3
    assert (await client.ask("", "", SCHEMA, 5.0)).calls == 1
    assert "response_format" not in fake.requests[-1].json


@pytest.mark.parametrize(
    "reply",
    [
        Reply.endless(b": keep-alive\n\n", pace=0.05),
        Reply.endless(chunk({"content": ""}), pace=0.05),
        Reply.streams(*stream_of(TEXT), way="drip"),
        Reply(way="hang"),
    ],
    ids=["pings", "empty-chunks", "drip", "hang"],
)
async def test_the_deadline_is_total_and_the_call_is_closed(client, fake, reply):
    fake.script(reply)
    async with asyncio.timeout(5):
        assert (await failing(client, deadline=0.5))[1] == "llm_timeout"
    fake.wait_for_gone(1.0)


@pytest.mark.parametrize(
    "reply",
    [
        Reply.endless(chunk({"content": "字"}), 1_000_000),
        Reply.endless(chunk({"content": ""}), 1_000_000),
        Reply.endless(chunk({"reasoning_content": "想" * 200}), 1_000_000),
        Reply.endless(b": ping\n\n", 1_000_000),
        Reply.endless(b"\n", 10_000_000),
        Reply.streams(b"data: {", way="flood"),
        Reply.streams(chunk({"content": "{" + "x" * (MAX_REPLY_BYTES + 1)})),
    ],
    ids=["tiny", "empty", "reasoning", "pings", "blank", "no-lines", "one-long"],
)
async def test_a_flood_is_cut_at_the_cap(client, fake, reply):
    fake.script(reply)
    assert (await failing(client, deadline=30.0))[1] == "llm_bad_reply"
    assert len(fake.requests) == 1
    assert fake.sent < MAX_WIRE_BYTES + 20_000_000  # what the sockets between us hold, far from the whole


@pytest.mark.parametrize("how", ["aclose", "break", "cancel"])
async def test_who_stops_reading_closes_the_call_within_a_second(client, fake, how):
    fake.script(Reply.says(TEXT, chunks=40, pace=0.5))
    pieces = client.stream("", "", SCHEMA, 60.0)
    assert await anext(pieces)
    if how == "aclose":
        await pieces.aclose()
    elif how == "break":
        del pieces
        gc.collect()
    else:
        task = asyncio.create_task(anext(pieces))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await asyncio.to_thread(fake.wait_for_gone, 1.0)
    assert (await streamed(client))[1].data == DATA


async def test_a_temperature_is_sent_only_when_asked_for(client, fake):
    await streamed(client)
    await streamed(client, temperature=0.9)
    await client.ask("", "", SCHEMA, 5.0, temperature=0.7)
    assert [request.json.get("temperature") for request in fake.requests] == [None, 0.9, 0.7]


@given(st.data())
def test_the_cuts_between_reads_do_not_matter(data):
    wire = b"".join(stream_of("<think>想</think>" + TEXT, chunks=9, reasoning="想"))
    places = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=30)))
    reader, shown = StreamReader(MAX_REPLY_BYTES, MEANING), ObjectText()
    for begin, end in zip([0, *places], [*places, len(wire)], strict=True):
        shown.feed(reader.feed(wire[begin:end]))
    shown.feed(reader.end())
    assert shown.data() == DATA


@given(st.binary(max_size=300), st.integers(0, 600))
def test_whatever_bytes_come_nothing_else_is_raised(junk, place):
    wire = b"".join(stream_of(TEXT))
    reader, shown = StreamReader(MAX_REPLY_BYTES, MEANING), ObjectText()
    try:
        shown.feed(reader.feed(wire[:place] + junk + wire[place:]))
        shown.feed(reader.end())
        assert isinstance(shown.data(), dict)
    except Failed as failed:
        assert failed.code.startswith("llm_")


async def test_a_whole_answer_and_a_stream_read_the_same_object(client, fake):
    content = '<think>不是 {"steps": 1}</think>' + TEXT
    fake.script(Reply.of(completion(content)), Reply.of(completion(content)))
    assert (await client.ask("", "", SCHEMA, 5.0)).data == (await streamed(client))[1].data
