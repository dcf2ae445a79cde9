"""The fake endpoint as five vendors: what each accepts, how each streams, what each says when it will not.

    with FakeModel(default=VENDORS["qwen"].answer(data)) as fake:
        client = ModelClient(vendor.model, key, fake.url, vendor.profile)

Shapes come from what was read:

* DeepSeek: API documentation, pages "Create Chat Completion", "JSON Output", "Thinking Mode", "Error Codes" and "Rate
  Limit" (empty lines and ``: keep-alive`` while waiting); error bodies from GitHub issues llm-exe#662 (response_format)
  and BettaFish#108 ("Content Exists Risk").
* Qwen: Alibaba Cloud Model Studio documentation, pages "Structured output" (which models have a schema; the word JSON
  must stand in the prompt), "Error codes" and "Rate limits"; error bodies from the sample in "Error codes" (Arrearage)
  and GitHub issue owl#432 (data_inspection_failed).
* OpenAI: API reference "Create chat completion" (a null usage in every chunk, one chunk of usage at the end), guide
  "Error codes"; bodies from GitHub issue vscode-copilot-release#9954 (unsupported_parameter).
* vLLM: documentation "Reasoning Outputs" (field ``reasoning``, ``chat_template_kwargs``); bodies from GitHub issue
  vllm#4667 (old form) and pull request vllm#37011 (new form, code 400).
* Ollama: documentation "OpenAI compatibility" (reasoning_effort none); bodies and the field ``reasoning`` from GitHub
  issues ollama#12561 and opencode#46061.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from service.llm_profile import Profile, shipped
from tests.fake_reply import DONE, USAGE, Reply, chunk, completion, pieces

THOUGHT = '先想想怎么回，比如 {"steps": []} 这样'


def error(status: int, body: dict[str, Any], **headers: str) -> Reply:
    """An error with just this body."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(json.dumps(body, ensure_ascii=False).encode(), status, names)


def openai_error(status: int, message: str, type_: str | None, code: Any, param: str | None = None) -> Reply:
    """An error in the shape most of them share."""
    return error(status, {"error": {"message": message, "type": type_, "param": param, "code": code}})


@dataclass(frozen=True)
class Vendor:
    """One vendor's manner."""

    url: str
    model: str
    forms: tuple[str, ...]
    """Kinds of ``response_format`` it takes."""
    off: tuple[str, Any]
    """The field and value that turn thinking off."""
    refuses: Callable[[str], Reply]
    """What it answers to a form or field it does not take."""
    errors: dict[str, Reply]
    """By kind: auth, quota, rate_limited, refused, too_long."""
    reasoning: str = "reasoning_content"
    unknown: tuple[str, ...] = ()
    """Fields it refuses."""
    extra: dict[str, Any] = field(default_factory=dict)
    """What it adds to every chunk."""
    waits: bytes = b""
    """What it sends before the answer of a stream."""

    @property
    def profile(self) -> Profile:
        """The profile its real address has."""
        return shipped().of(self.url, self.model)

    def answer(self, data: Any) -> Callable[[dict[str, Any]], Reply]:
        """The endpoint: it answers ``data`` to whoever asks as it wants to be asked."""
        content = json.dumps(data, ensure_ascii=False)

        def reply(request: dict[str, Any]) -> Reply:
            form = request.get("response_format", {}).get("type")
            wrong = [name for name in self.unknown if name in request]
            if form is not None and form not in self.forms:
                wrong.append("response_format")
            if form == "json_object" and "json" not in json.dumps(request["messages"]).lower():
                wrong.append("messages")
            if wrong:
                return self.refuses(wrong[0])
            thinks = request.get(self.off[0]) != self.off[1]
            if request.get("stream"):
                return self._stream(content, thinks, "stream_options" in request)
            aside = {self.reasoning: THOUGHT} if thinks else {}
            return Reply.of(completion(content, **aside))

        return reply

    def _stream(self, content: str, thinks: bool, usage: bool) -> Reply:
        told = {**self.extra, "usage": None} if usage else self.extra
        events = [self.waits] if self.waits else []
        events.append(chunk({"role": "assistant", "content": ""}, **told))
        if thinks:
            events += [chunk({"content": None, self.reasoning: part}, **told) for part in pieces(THOUGHT, 3)]
        events += [chunk({"content": part}, **told) for part in pieces(content, 9)]
        events.append(chunk({"content": ""}, "stop", **told))
        if usage:
            events.append(chunk(None, usage=USAGE))
        return Reply.streams(*events, DONE)


def _qwen(url: str, model: str, forms: tuple[str, ...]) -> Vendor:
    return Vendor(
        url,
        model,
        forms,
        ("enable_thinking", False),
        lambda name: openai_error(400, f"provider text {name}", "invalid_request_error", "invalid_parameter_error"),
        {
            "auth": openai_error(401, "Incorrect API key provided.", "invalid_request_error", "invalid_api_key"),
            "quota": openai_error(400, "Access denied, please make sure your account is…", "Arrearage", "Arrearage"),
            "rate_limited": openai_error(429, "You exceeded…", "insufficient_quota", "insufficient_quota"),
            "refused": openai_error(400, "provider text", "data_inspection_failed", "data_inspection_failed"),
            "too_long": openai_error(
                400, "Range of input length should be [1, 30720]", "invalid_request_error", "invalid_parameter_error"
            ),
        },
        extra={"system_fingerprint": None},
    )


def _deepseek_error(status: int, message: str, type_: str = "invalid_request_error") -> Reply:
    return openai_error(status, message, type_, "invalid_request_error")


VENDORS = {
    "deepseek": Vendor(
        "https://api.deepseek.com/v1",
        "deepseek-v4-flash",
        ("json_object",),
        ("thinking", {"type": "disabled"}),
        lambda name: _deepseek_error(400, "This response_format type is unavailable now"),
        {
            "auth": _deepseek_error(401, "Authentication Fails, your api key is invalid", "authentication_error"),
            "quota": _deepseek_error(402, "Insufficient Balance", "unknown_error"),
            "rate_limited": error(429, {"error": {"message": "Rate limit reached"}}),
            "refused": _deepseek_error(400, "Content Exists Risk"),
            "too_long": _deepseek_error(400, "This model's maximum context length is 131072 tokens."),
        },
        waits=b": keep-alive\n\n",
    ),
    "qwen": _qwen("https://dashscope.aliyuncs.com/compatible-mode/v1", "qwen-plus", ("json_object", "json_schema")),
    "qwen_open": _qwen("https://dashscope.aliyuncs.com/compatible-mode/v1", "qwen3-32b", ("json_object",)),
    "openai": Vendor(
        "https://api.openai.com/v1",
        "gpt-5-mini",
        ("json_object", "json_schema"),
        ("reasoning_effort", "low"),
        lambda name: openai_error(400, "Unsupported parameter", "invalid_request_error", "unsupported_parameter", name),
        {
            "auth": openai_error(401, "Incorrect API key: sk-secret", "invalid_request_error", "invalid_api_key"),
            "quota": openai_error(429, "You exceeded your current quota", "insufficient_quota", "insufficient_quota"),
            "rate_limited": openai_error(429, "Rate limit reached", "requests", "rate_limit_exceeded"),
            "refused": openai_error(400, "provider text", "invalid_request_error", "content_policy_violation"),
            "too_long": openai_error(
                400, "provider text", "invalid_request_error", "context_length_exceeded", "messages"
            ),
        },
        unknown=("max_tokens", "temperature"),
        extra={"service_tier": "default", "system_fingerprint": None, "obfuscation": "x9"},
    ),
    "vllm": Vendor(
        "http://10.0.0.5:8000/v1",
        "Qwen/Qwen3-8B",
        ("json_object", "json_schema"),
        ("chat_template_kwargs", {"enable_thinking": False}),
        lambda name: error(400, {"object": "error", "message": "…", "type": "BadRequestError", "code": 400}),
        {
            "auth": error(401, {"error": "Unauthorized"}),
            "rate_limited": error(429, {"error": "Too Many Requests"}),
            "too_long": error(
                400,
                {
                    "object": "error",
                    "message": "This model's maximum context length is 8192 tokens.",
                    "type": "BadRequestError",
                    "param": None,
                    "code": 400,
                },
            ),
        },
        reasoning="reasoning",
        extra={"prompt_token_ids": None},
    ),
    "ollama": Vendor(
        "http://localhost:11434/v1",
        "qwen3:8b",
        ("json_object", "json_schema"),
        ("reasoning_effort", "none"),
        lambda name: openai_error(400, "provider text", "invalid_request_error", None),
        {"rate_limited": openai_error(503, "server busy, please try again", "api_error", None)},
        reasoning="reasoning",
        extra={"system_fingerprint": "fp_ollama"},
    ),
}
