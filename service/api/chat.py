"""The OpenAI door: a draft as a chat completion, for clients that speak nothing else."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Body, Path, Request, Response

from service.api.chat_errors import problem_of
from service.api.chat_reading import inquiry_of
from service.api.described import described, parameter, request_examples
from service.api.desk import desk_of
from service.api.drafts import failure_of
from service.api.problems import request_id
from service.api.route import StrictRoute
from service.api.streaming import EventStream, wire, with_pings
from service.errors import NotFound, YouliError
from service.schemas import Draft, Event
from service.schemas.chat import (
    MODELS,
    ChatAnswer,
    ChatChoice,
    ChatCompletion,
    ChatExtra,
    ChatIgnored,
    ChatProblem,
    ChatRequest,
    ChatUsage,
    ModelCard,
    ModelList,
)


class ChatRoute(StrictRoute):
    """Clients put versions and keys of their own into the query; here it is not read."""

    strict_query = False


router = APIRouter(route_class=ChatRoute)

DONE = b"data: [DONE]\n\n"
_OTHERS = (400, 404, 413, 415, 503)


def _words() -> dict[str, Any]:
    words = described("create_chat_completion", *_OTHERS, shape=ChatProblem)
    words["responses"][200].setdefault("content", {})["text/event-stream"] = {}
    return words


@router.post("/v1/chat/completions", response_model=ChatCompletion, **_words())
async def create_chat_completion(
    request: Request, asked: Annotated[ChatRequest, Body(openapi_examples=request_examples("create_chat_completion"))]
) -> Response:
    """Draft a reply to a chat; everything that can refuse does so before a stream begins."""
    inquiry, ignored = inquiry_of(asked)
    events = desk_of(request).drafter.draft(inquiry)
    first = await anext(events)
    if asked.stream:
        usage = bool(asked.stream_options and asked.stream_options.include_usage)
        return EventStream(
            _stream(first, events, Frames(asked.model, ignored, usage), request_id(request.scope)), events
        )
    last = first
    async for event in events:
        last = event
    if last.draft is None:
        raise failure_of(last)
    body = completion(last.draft, asked.model, ignored).model_dump_json(by_alias=True)
    return Response(body, media_type="application/json")


@router.get("/v1/models", response_model=ModelList, **described("list_models", shape=ChatProblem))
async def list_models() -> ModelList:
    """The writers, as models."""
    return ModelList(data=[ModelCard(id=name) for name in MODELS])


@router.get("/v1/models/{id}", response_model=ModelCard, **described("get_model", 404, shape=ChatProblem))
async def get_model(id: Annotated[str, Path(description=parameter("model"), max_length=200)]) -> ModelCard:
    """One of them."""
    if id not in MODELS:
        raise NotFound("model_not_found", model=id[:80], models="、".join(MODELS))
    return ModelCard(id=id)


def completion(draft: Draft, model: str, ignored: ChatIgnored) -> ChatCompletion:
    """A draft as a whole answer."""
    replies = [draft.reply, *(variant.reply for variant in draft.variants)]  # those that say something of their own
    choices = [
        ChatChoice(index=index, message=ChatAnswer(content=reply), finish_reason=_finish(draft))
        for index, reply in enumerate(replies)
    ]
    return ChatCompletion(
        id=f"chatcmpl-{draft.id}",
        created=int(time.time()),
        model=model,
        choices=choices,
        usage=usage_of(draft),
        youli=ChatExtra(draft=draft, ignored=ignored),
    )


def usage_of(draft: Draft) -> ChatUsage:
    """What the model behind a draft counted."""
    counts = {name: draft.usage.get(name, 0) for name in ("prompt_tokens", "completion_tokens")}
    return ChatUsage(**counts, total_tokens=draft.usage.get("total_tokens", sum(counts.values())))


def _finish(draft: Draft) -> Any:
    return "stop" if draft.steps else "content_filter"


class Frames:
    """The chunks of one stream: a role, a piece of text a step, the end with the draft, the usage if asked for."""

    def __init__(self, model: str, ignored: ChatIgnored, usage: bool) -> None:
        self.ignored, self.usage = ignored, usage
        self._head = {"id": "", "object": "chat.completion.chunk", "created": int(time.time()), "model": model}
        self._sent = ""

    def __call__(self, event: Event) -> bytes:
        """An event on the wire; nothing for one a chat has no word for.

        Raises:
            YouliError: the event says that no draft will come.
        """
        if event.type == "draft.failed":
            raise failure_of(event)
        if event.type == "draft.created":
            self._head["id"] = f"chatcmpl-{event.data['id']}"
            return self._chunk({"role": "assistant", "content": ""})
        if event.type == "draft.step":
            return self._said(str(event.data["text"]))
        return b"" if event.draft is None else self._end(event.draft)

    def _said(self, text: str) -> bytes:
        piece = f"\n{text}" if self._sent else text
        self._sent += piece
        return self._chunk({"content": piece})

    def _end(self, draft: Draft) -> bytes:
        """What was not sent yet, the draft, and that this is all."""
        left = draft.reply.removeprefix(self._sent) if draft.reply.startswith(self._sent) else ""
        extra = ChatExtra(draft=draft, ignored=self.ignored).model_dump(mode="json", by_alias=True)
        wire = [self._chunk({"content": left})] if left else []
        wire.append(self._chunk({}, _finish(draft), youli=extra))
        if self.usage:
            wire.append(_data({**self._head, "choices": [], "usage": usage_of(draft).model_dump()}))
        return b"".join([*wire, DONE])

    def _chunk(self, delta: Mapping[str, str], finish: str | None = None, **more: Any) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        usage = {"usage": None} if self.usage else {}
        return _data({**self._head, "choices": [choice], **usage, **more})


def _data(value: Any) -> bytes:
    """One event; JSON has no line breaks, so nothing in a text can end it early."""
    return b"data: " + json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


def _stream(first: Event, events: AsyncIterator[Event], frames: Frames, request: str) -> AsyncIterator[bytes]:
    def failed(error: YouliError) -> bytes:
        return _data(problem_of(error).model_dump())

    return wire(with_pings(first, events), frames, failed, request)
