import asyncio
import json
import traceback

import pytest
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from service.chain_model import ChainClient
from service.errors import EnvironmentProblem, ModelError
from service.llm import ModelClient
from service.llm_ask import MAX_REPLY_BYTES, MAX_TRIES, Answer
from service.llm_profile import shipped
from service.model_client import client_of
from service.settings import Settings

SCHEMA = {"type": "object", "additionalProperties": False, "required": [], "properties": {}}
DATA = {"steps": [{"step": "empathy", "text": "等了三天，换谁都急。"}], "notes": ""}
TEXT = json.dumps(DATA, ensure_ascii=False)
SAID = "vendor text sk-very-secret"
USAGE = {"input_tokens": 11, "output_tokens": 7, "total_tokens": 18}


class VendorError(Exception):
    """As the vendors' own libraries raise them."""

    def __init__(self, status=None, body=None):
        self.status_code, self.body = status, body
        super().__init__(SAID)


class Script(BaseChatModel):
    """A chat model that does what it is told, call by call; the last one again and again."""

    turns: list
    pace: float = 0.0
    asked: list
    closed: list

    @property
    def _llm_type(self):
        return "script"

    def _turn(self, messages, options):
        self.asked.append((messages, options))
        turn = self.turns.pop(0) if len(self.turns) > 1 else self.turns[0]
        if isinstance(turn, Exception):
            raise turn
        return turn

    def _generate(self, messages, stop=None, run_manager=None, **options):
        return ChatResult(generations=[ChatGeneration(message=self._turn(messages, options))])

    async def _astream(self, messages, stop=None, run_manager=None, **options):
        turn = self._turn(messages, options)
        text = turn.text
        try:
            for at in range(0, len(text), 7):
                yield ChatGenerationChunk(message=AIMessageChunk(content=text[at : at + 7]))
                await asyncio.sleep(self.pace)
            last = AIMessageChunk("", response_metadata=turn.response_metadata, usage_metadata=turn.usage_metadata)
            yield ChatGenerationChunk(message=last)
        finally:
            self.closed.append(True)


def says(text=TEXT, reason="end_turn"):
    return AIMessage(text, response_metadata={"stop_reason": reason} if reason else {}, usage_metadata=USAGE)


@pytest.fixture(autouse=True)
def short_pause(monkeypatch):
    monkeypatch.setattr("service.llm_ask.PAUSE_S", 0.01)


def client_for(*turns, pace=0.0):
    chat = Script(turns=list(turns), pace=pace, asked=[], closed=[])
    client = ChainClient("anthropic:some-model", shipped().of("chain://anthropic", "m"), shipped().chain, lambda: chat)
    return client, chat


async def outcome(client, streaming, deadline=5.0):
    """What was shown, and the answer."""
    if not streaming:
        return "", await client.ask("你是", "问题", SCHEMA, deadline)
    *shown, answer = [part async for part in client.stream("你是", "问题", SCHEMA, deadline)]
    return "".join(shown), answer


@pytest.fixture(params=[False, True], ids=["ask", "stream"])
def streaming(request):
    return request.param


@pytest.mark.parametrize("reason", ["end_turn", "stop", "STOP", None])
async def test_an_answer_is_the_same_as_an_endpoints(streaming, reason):
    client, chat = client_for(says(reason=reason))
    shown, answer = await outcome(client, streaming)
    usage = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
    assert answer == Answer(DATA, usage, 1, "anthropic:some-model")
    assert shown == (TEXT if streaming else "")
    (messages, options) = chat.asked[0]
    assert json.dumps(SCHEMA, ensure_ascii=False) in messages[0].content
    assert messages[1].content == "问题"
    assert "temperature" not in options


@pytest.mark.parametrize("text", ["<think>{不是}</think>" + TEXT, "好的：\n```json\n" + TEXT + "\n```"])
async def test_thinking_and_wrapping_are_no_part_of_it(streaming, text):
    client, _ = client_for(says(text))
    assert (await outcome(client, streaming))[1].data == DATA


async def test_a_temperature_is_handed_on(streaming):
    client, chat = client_for(says())
    await client.ask("", "", SCHEMA, 5.0, temperature=0.9)
    assert [part async for part in client.stream("", "", SCHEMA, 5.0, temperature=0.8)]
    assert [options["temperature"] for _, options in chat.asked] == [0.9, 0.8]


@pytest.mark.parametrize(
    ("turn", "code", "calls"),
    [
        (VendorError(401), "llm_auth", 1),
        (VendorError(402), "llm_quota", 1),
        (VendorError(429), "llm_rate_limited", MAX_TRIES),
        (VendorError(429, {"error": {"type": "insufficient_quota"}}), "llm_quota", 1),
        (VendorError(400, {"error": {"message": "This model's maximum context length is 9"}}), "llm_too_long", 1),
        (VendorError(400), "llm_unavailable", 1),
        (VendorError(529), "llm_unavailable", MAX_TRIES),
        (VendorError(), "llm_unavailable", MAX_TRIES),
        (TimeoutError(SAID), "llm_timeout", MAX_TRIES),
        (says("好的，这就写"), "llm_bad_reply", MAX_TRIES),
        (says(""), "llm_bad_reply", MAX_TRIES),
    ],
)
async def test_every_failure_has_its_code_and_says_nothing_of_the_vendors(streaming, turn, code, calls):
    client, chat = client_for(turn)
    with pytest.raises(ModelError) as caught:
        await outcome(client, streaming)
    assert (caught.value.code, caught.value.parameters["calls"]) == (code, calls)
    assert len(chat.asked) == calls
    assert SAID not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("turn", "code"),
    [
        (says(reason="max_tokens"), "llm_incomplete"),
        (says(reason="MAX_TOKENS"), "llm_incomplete"),
        (says(reason="SAFETY"), "llm_refused"),
        (says(reason="refusal"), "llm_refused"),
        (says(TEXT[:-1], None), "llm_bad_reply"),
        (says('{"notes": "' + "长" * MAX_REPLY_BYTES), "llm_bad_reply"),
    ],
)
async def test_half_an_answer_is_none(streaming, turn, code):
    client, _ = client_for(turn)
    with pytest.raises(ModelError) as caught:
        await outcome(client, streaming)
    assert caught.value.code == code


async def test_the_deadline_is_total():
    client, chat = client_for(says(), pace=0.2)
    with pytest.raises(ModelError) as caught:
        await outcome(client, True, deadline=0.3)
    assert caught.value.code == "llm_timeout"
    assert chat.closed == [True]


async def test_who_stops_reading_ends_the_call():
    client, chat = client_for(says(), pace=0.2)
    stream = client.stream("", "", SCHEMA, 30.0)
    await anext(stream)
    await stream.aclose()
    assert chat.closed == [True]


async def test_account_trouble_is_not_asked_again():
    client, chat = client_for(VendorError(401))
    for _ in range(3):
        with pytest.raises(ModelError):
            await outcome(client, False)
    assert len(chat.asked) == 1


async def test_prompts_are_not_traced(monkeypatch, streaming):
    for name in ("LANGSMITH_TRACING", "LANGCHAIN_TRACING_V2"):
        monkeypatch.setenv(name, "true")
    made = []
    monkeypatch.setattr("langchain_core.tracers.langchain.LangChainTracer.__init__", lambda *a, **k: made.append(1))
    client, _ = client_for(says())
    await outcome(client, streaming)
    assert made == []


async def test_a_model_that_cannot_be_made_is_an_auth_problem_that_quotes_nothing():
    def make():
        raise ValueError(SAID)

    client = ChainClient("anthropic:m", shipped().of(None, "m"), shipped().chain, make)
    with pytest.raises(ModelError) as caught:
        await client.ask("", "", SCHEMA, 5.0)
    assert caught.value.code == "llm_auth"
    assert SAID not in "".join(traceback.format_exception(caught.value))


@pytest.fixture
def bare(monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "YOULI_MODEL"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("bare")
def test_a_vendor_in_front_needs_its_package():
    with pytest.raises(EnvironmentProblem) as caught:
        client_of(Settings(model="anthropic:claude-x"))
    assert caught.value.code == "vendor_package_missing"
    assert "pip install langchain-anthropic" in caught.value.detail


@pytest.mark.usefixtures("bare")
def test_a_vendor_whose_package_is_there_is_asked_through_langchain(monkeypatch):
    monkeypatch.setattr("service.chain_model.find_spec", lambda name: object())
    settings = Settings(model="google_genai:gemini-x")
    assert settings.model_ready
    client = client_of(settings)
    assert isinstance(client, ChainClient)
    assert client.model == "google_genai:gemini-x"


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("model", ["qwen3:8b", "deepseek-r1:7b", "anthropic", "anthropic:", "gpt-5-mini", ":x"])
def test_a_colon_in_a_models_own_name_is_no_vendor(model):
    settings = Settings(model=model)
    assert settings.vendor is None
    assert not settings.model_ready
    assert client_of(settings) is None
    client = client_of(Settings(model=model, OPENAI_BASE_URL="http://127.0.0.1:11434/v1"))
    assert isinstance(client, ModelClient)
    assert client.model == model
