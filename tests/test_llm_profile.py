import json
import shutil

import pytest

from service.errors import ModelError, RulebookError
from service.llm import MAX_TRIES, ModelClient
from service.llm_profile import Profiles, host_of, shipped
from service.settings import HOME, Settings
from tests.fake_model import FakeModel, Reply, completion
from tests.fake_vendors import THOUGHT, VENDORS, openai_error

KEY = "sk-very-secret-1234567890"
SCHEMA = {"type": "object", "additionalProperties": False, "required": [], "properties": {}}
DATA = {"steps": [{"step": "empathy", "text": "等了三天，换谁都急。"}], "notes": ""}


@pytest.fixture(autouse=True)
def short_pause(monkeypatch):
    monkeypatch.setattr("service.llm_ask.PAUSE_S", 0.01)


async def asked(client, streaming, **options):
    """The answer, by either way; whatever was shown agrees with it."""
    if not streaming:
        return await client.ask("", "", SCHEMA, 5.0, **options)
    *shown, answer = [part async for part in client.stream("", "", SCHEMA, 5.0, **options)]
    assert json.loads("".join(shown)) == answer.data
    return answer


@pytest.fixture(params=[False, True], ids=["ask", "stream"])
def streaming(request):
    return request.param


@pytest.fixture(params=VENDORS)
async def at(request):
    """A vendor, its fake endpoint and our client of it."""
    vendor = VENDORS[request.param]
    with FakeModel(default=vendor.answer(DATA)) as fake:
        client = ModelClient(vendor.model, KEY, fake.url, vendor.profile)
        yield vendor, fake, client
        await client.close()


async def test_every_vendor_is_asked_rightly_the_first_time(at, streaming):
    vendor, fake, client = at
    answer = await asked(client, streaming)
    assert (answer.data, answer.calls) == (DATA, 1)
    assert answer.usage["total_tokens"] == 18
    sent = fake.requests[0].json
    assert sent[vendor.off[0]] == vendor.off[1]
    assert sent[vendor.profile.limit.field] == vendor.profile.limit.tokens
    assert sent.get("response_format", {}).get("type") == vendor.profile.rung
    assert "temperature" not in sent


async def test_thinking_is_never_part_of_the_answer_even_where_it_cannot_be_turned_off(at, streaming):
    _, fake, client = at
    client.profile = client.profile.model_copy(update={"extra": {}})
    assert (await asked(client, streaming)).data == DATA
    fake.default = lambda request: Reply.says(f"<think>{THOUGHT}</think>\n{json.dumps(DATA, ensure_ascii=False)}")
    assert (await asked(client, streaming)).data == DATA


@pytest.mark.parametrize(("name", "kind"), [(name, kind) for name, at in VENDORS.items() for kind in at.errors])
async def test_every_vendors_errors_are_told_apart(name, kind, streaming):
    vendor = VENDORS[name]
    reply = vendor.errors[kind]
    with FakeModel(default=lambda request: reply) as fake:
        client = ModelClient(vendor.model, KEY, fake.url, vendor.profile)
        with pytest.raises(ModelError) as caught:
            await asked(client, streaming)
        await client.close()
        assert caught.value.code == ("llm_unavailable" if reply.status == 503 else f"llm_{kind}")
        assert len(fake.requests) == (MAX_TRIES if kind == "rate_limited" else 1)


async def test_a_temperature_is_sent_where_the_vendor_takes_one_and_not_too_high(at, streaming):
    vendor, fake, client = at
    assert (await asked(client, streaming, temperature=2.0)).data == DATA
    most = vendor.profile.temperature.most if vendor.profile.temperature else None
    assert fake.requests[0].json.get("temperature") == most


async def test_an_answer_cut_by_the_limit_is_asked_for_once_more_with_twice_the_room(at):
    vendor, fake, client = at
    cut = Reply.of(completion("", "length"))
    fake.script(cut)
    assert (await asked(client, False)).calls == 2
    limit = vendor.profile.limit
    assert [request.json[limit.field] for request in fake.requests] == [limit.tokens, 2 * limit.tokens]
    fake.script(cut, cut)
    with pytest.raises(ModelError) as caught:
        await asked(client, False)
    assert caught.value.code == "llm_incomplete"


@pytest.fixture
async def plain():
    """An endpoint nobody knows."""
    with FakeModel(default=lambda request: Reply.says(DATA)) as fake:
        client = ModelClient("some-model", KEY, fake.url)
        yield fake, client
        await client.close()


async def test_a_field_an_endpoint_names_is_left_out_from_then_on(plain, streaming):
    fake, client = plain
    fake.script(openai_error(400, "no", None, "unsupported_parameter", "max_tokens"))
    assert (await asked(client, streaming)).calls == 2
    assert (await asked(client, streaming)).calls == 1
    assert ["max_tokens" in request.json for request in fake.requests] == [True, False, False]
    assert all(request.json["response_format"]["type"] == "json_schema" for request in fake.requests)


async def test_stream_options_are_left_out_where_they_are_refused(plain):
    fake, client = plain
    fake.default = lambda request: (
        openai_error(400, "no", None, None) if "stream_options" in request else Reply.says(DATA)
    )
    assert (await asked(client, True)).data == DATA
    fake.requests.clear()
    assert (await asked(client, True)).calls == 1
    assert "stream_options" not in fake.requests[0].json
    assert fake.requests[0].json["response_format"]["type"] == "json_schema", "the form was never the trouble"


async def test_what_is_refused_in_every_form_is_unavailable(plain, streaming):
    fake, client = plain
    fake.default = lambda request: openai_error(400, "no", None, None)
    with pytest.raises(ModelError) as caught:
        await asked(client, streaming)
    assert caught.value.code == "llm_unavailable"
    assert len(fake.requests) == 4


@pytest.mark.parametrize(
    ("url", "host"),
    [
        (None, "api.openai.com"),
        ("https://API.DeepSeek.com:443/v1", "api.deepseek.com"),
        ("http://localhost:11434/v1", "localhost:11434"),
        ("http://[::1]:8000", "::1:8000"),
        ("http://x:notaport/", ""),
        ("nonsense", ""),
    ],
)
def test_the_host_of_an_address(url, host):
    assert host_of(url) == host


def test_an_address_nobody_knows_is_asked_generally():
    assert shipped().of("https://gateway.example.cn/v1", "qwen-plus").id == "general"


@pytest.fixture
def folder(tmp_path):
    shutil.copy(HOME / "prompts" / "endpoints.yaml", tmp_path)
    return tmp_path


def changed(folder, old, new):
    path = folder / "endpoints.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("rung: json_object", "rung: json_objekt", "rung"),
        ("after: 5", "after: 0", "after"),
        ("[content exists risk]", "[Content Exists Risk]", "match"),
        ('{"thinking": {"type": "disabled"}}', '{"thinking": ', "extra"),
        ("- id: qwen\n", "- id: deepseek\n", "deepseek"),
        ('- {host: "dashscope*.aliyuncs.com", model: "qwen-plus*"}', "", "qwen-plus"),
        ("stream_usage: true", "stream_usge: true", "stream_us"),
    ],
)
def test_a_broken_file_is_told_with_its_line(folder, old, new, word):
    path = changed(folder, old, new)
    with pytest.raises(RulebookError) as caught:
        Profiles.load(folder)
    assert caught.value.file == str(path)
    assert caught.value.line > 1
    assert word in caught.value.reason


def test_a_teams_own_file_is_what_counts(folder, monkeypatch):
    changed(folder, "tokens: 2000", "tokens: 777")
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    settings = Settings(model="m", prompts_dir=folder, OPENAI_BASE_URL="http://127.0.0.1:9/v1")
    assert ModelClient.from_settings(settings).profile.limit.tokens == 777
    (folder / "endpoints.yaml").unlink()
    assert ModelClient.from_settings(settings).profile.limit.tokens == 2000
