"""The OpenAI door's shapes: what chat clients send, and what they expect back.

Unlike everywhere else an unknown field is no error: clients send many that mean nothing here. What comes in is read
only as far as a case needs it; ``youli`` carries the case itself and is as strict as an inquiry.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, StrictBool

from service.schemas.base import Out
from service.schemas.drafts import Draft
from service.schemas.inquiry import Beside

MODELS: dict[str, Literal["auto", "model", "playbook"]] = {
    "youli": "auto",
    "youli-playbook": "playbook",
    "youli-model": "model",
}
"""Our models, and the writer each stands for."""

MAX_CHAT_MESSAGES = 2_000
"""Messages of one request, those that are not read included."""
MAX_PARTS = 100
"""Parts of one message."""

ChatRole = Literal["user", "assistant", "system", "developer", "tool", "function"]
SPEAKERS: dict[str, Literal["customer", "agent"]] = {"user": "customer", "assistant": "agent"}
"""Whose turn a message is; every other role's is not read."""


TEXTS = ("text", "input_text", "output_text", "refusal")
"""Parts whose words are read."""
SHOWN: dict[str, Literal["image", "video", "voice", "card"]] = {
    "image_url": "image",
    "input_image": "image",
    "image": "image",
    "video_url": "video",
    "video": "video",
    "input_audio": "voice",
    "audio": "voice",
    "file": "card",
}
"""Parts nobody looks into: a turn of this kind says that there was one."""

_A_WORD: dict[str, JsonValue] = {"type": "string", "pattern": r"\S"}
_A_USERS_WORD: dict[str, JsonValue] = {
    "properties": {
        "role": {"const": "user"},
        "content": {
            "anyOf": [
                _A_WORD,
                {
                    "type": "array",
                    "contains": {
                        "anyOf": [
                            {"properties": {"type": {"enum": list(SHOWN)}}},
                            {"properties": {"type": {"enum": list(TEXTS)}, "text": _A_WORD}, "required": ["text"]},
                            {
                                "properties": {"type": {"enum": list(TEXTS)}, "refusal": _A_WORD},
                                "required": ["refusal"],
                            },
                        ]
                    },
                },
            ]
        },
    },
    "required": ["content"],
}
"""A user's message in which something was said or shown."""
_STREAMED_CHOICES: dict[str, JsonValue] = {
    "properties": {"stream": {"const": True}, "n": {"type": "integer", "minimum": 2}},
    "required": ["stream", "n"],
}


class Lenient(BaseModel):
    """Base of what chat clients send: unknown fields are kept by name only."""

    model_config = ConfigDict(extra="allow", frozen=True)


class ChatPart(Lenient):
    """A part of a message; only ``text`` is read, of pictures and recordings that there was one."""

    type: Annotated[str, Field(max_length=60)]
    text: str | None = None
    refusal: str | None = None


def _parts(content: Any) -> Any:
    if content is None or isinstance(content, list):
        return content or []
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    raise ValueError("neither text nor parts")


class ChatMessage(Lenient):
    """One message. A string counts as one text part."""

    role: ChatRole
    content: Annotated[
        tuple[ChatPart, ...],
        Field(default=(), max_length=MAX_PARTS, json_schema_extra={"type": ["string", "array", "null"]}),
        BeforeValidator(_parts),
    ]


class ChatCase(Beside):
    """The case beside the conversation: the fields of an inquiry that a chat has no place for."""


class StreamOptions(Lenient):
    """How to stream."""

    include_usage: StrictBool | None = None


class ChatRequest(Lenient):
    """A chat completion that is asked for. That the last word is the user's no schema can say."""

    model_config = ConfigDict(json_schema_extra={"not": _STREAMED_CHOICES})

    model: Annotated[str, Field(max_length=200)] = "youli"
    messages: Annotated[
        tuple[ChatMessage, ...],
        Field(min_length=1, max_length=MAX_CHAT_MESSAGES, json_schema_extra={"contains": _A_USERS_WORD}),
    ]
    stream: StrictBool | None = None
    stream_options: StreamOptions | None = None
    n: Annotated[int, Field(ge=1, le=3)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    youli: ChatCase | None = None


class ChatIgnored(Out):
    """What was not read, so that nobody wonders why it had no effect."""

    roles: dict[str, int] = Field(default_factory=dict)
    """Messages by role: a draft follows the shop's rules, never a prompt that came along."""
    parts: dict[str, int] = Field(default_factory=dict)
    """Parts of messages by type; a picture still counts as one that was sent."""
    older: int = 0
    """Turns in front of the last ones a draft is made from."""
    fields: list[str] = Field(default_factory=list)
    """Fields of the request; the first by name."""


class ChatExtra(Out):
    """The draft behind the message: verdict, sources, findings, advice."""

    draft: Draft
    ignored: ChatIgnored


class ChatAnswer(Out):
    """The message: the whole reply, or nothing where no safe one could be written."""

    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None


class ChatChoice(Out):
    """``content_filter``: no draft was safe to give out; ``youli.draft.advice`` says who should take over."""

    index: int = 0
    message: ChatAnswer
    logprobs: None = None
    finish_reason: Literal["stop", "content_filter"]


class ChatUsage(Out):
    """Tokens of the model behind the draft; zeros when scripts wrote it."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0


class ChatCompletion(Out):
    """A whole answer."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[ChatChoice]
    usage: ChatUsage
    youli: ChatExtra


class ModelCard(Out):
    """One of our models."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = "youli"


class ModelList(Out):
    """All of them."""

    object: Literal["list"] = "list"
    data: list[ModelCard]


class ChatFault(Out):
    """What went wrong: ``message`` is Chinese and says what to do, ``code`` is stable, ``param`` names the field."""

    message: str
    type: Literal[
        "invalid_request_error", "authentication_error", "permission_error", "rate_limit_error", "server_error"
    ]
    code: str
    param: str | None = None


class ChatProblem(Out):
    """An error in OpenAI's shape."""

    error: ChatFault
