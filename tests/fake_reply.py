"""What the fake model endpoint can answer: whole replies, streams, and every way to break them.

The chunk shapes are those of the OpenAI chat completion stream (object ``chat.completion.chunk``), as the API
reference and its imitators send them: a first chunk with the role only, content pieces, a chunk with the finish reason
and an empty delta, a chunk of usage with no choices, and ``[DONE]``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any


def completion(content: str | None, finish: str | None = "stop", **message: Any) -> dict[str, Any]:
    """The body of a chat completion."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 0,
        "model": "fake-1",
        "choices": [
            {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": content, **message}}
        ],
        "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
    }


DONE = b"data: [DONE]\n\n"
USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}


def event(data: Any, name: str | None = None) -> bytes:
    """One server-sent event."""
    head = f"event: {name}\n" if name else ""
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return f"{head}data: {text}\n\n".encode()


def chunk(delta: dict[str, Any] | None, finish: str | None = None, **more: Any) -> bytes:
    """One chunk of a stream; without a delta it has no choices."""
    choices = [] if delta is None else [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]
    body = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 0, "model": "fake-1"}
    return event({**body, "choices": choices, **more})


def pieces(content: str, count: int) -> list[str]:
    """``content`` in ``count`` parts of about the same length."""
    step = max(1, -(-len(content) // count))
    return [content[at : at + step] for at in range(0, len(content), step)]


def stream_of(
    content: str,
    chunks: int = 5,
    finish: str | None = "stop",
    reasoning: str = "",
    reasoning_field: str = "reasoning_content",
    usage: dict[str, int] | None = USAGE,
) -> list[bytes]:
    """The events of a good stream of ``content``, as asked with ``include_usage``."""
    events = [chunk({"role": "assistant", "content": ""})]
    events += [chunk({"content": None, reasoning_field: part}) for part in pieces(reasoning, chunks)]
    events += [chunk({"content": part}) for part in pieces(content, chunks)]
    events.append(chunk({}, finish))
    if usage is not None:
        events.append(chunk(None, usage=usage))
    return [*events, DONE]


@dataclass(frozen=True)
class Reply:
    """One scripted reply. ``way``: how it is sent."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    events: Callable[[], Iterable[bytes]] | None = None
    """A stream: its events, sent whatever was asked for."""
    pace: float = 0.0
    """Seconds between two events of a stream."""
    chunks: int = 5
    """Pieces of the content when a whole answer is streamed because the request asks for it."""
    whole: bool = False
    """Answer in one piece even where a stream is asked for, as some gateways do."""
    way: str = "plain"
    """plain · hang (never answers) · drip (a byte now and then) · truncate (less than announced) · close (half a body
    of unannounced length) · reset (RST) · flood (bytes without end)"""

    @classmethod
    def says(cls, data: Any, **options: Any) -> Reply:
        """A good answer whose content is ``data`` (JSON unless a string)."""
        content = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
        return cls.of(completion(content), **options)

    @classmethod
    def of(cls, body: Any, **options: Any) -> Reply:
        """Any JSON body."""
        return cls(body=json.dumps(body, ensure_ascii=False).encode(), **options)

    @classmethod
    def streams(cls, *events: bytes, **options: Any) -> Reply:
        """A stream of just these events."""
        return cls(events=lambda: events, **options)

    @classmethod
    def endless(cls, one: bytes, count: int = 10**9, **options: Any) -> Reply:
        """A stream that says the same again and again."""

        def events() -> Iterator[bytes]:
            for _ in range(count):
                yield one

        return cls(events=events, **options)

    def streamed(self, chosen: bool) -> Iterable[bytes] | None:
        """The events to send; None for a reply in one piece. ``chosen``: the request asked for a stream."""
        if self.events is not None:
            return self.events()
        if not chosen or self.whole or self.status != 200:
            return None
        try:
            choice = json.loads(self.body)["choices"][0]
            content, finish = choice["message"]["content"], choice["finish_reason"]
            content + ""  # nothing but text can be cut into pieces
        except (ValueError, LookupError, TypeError):
            return None
        more = {key: choice["message"][key] for key in ("refusal",) if choice["message"].get(key)}
        if more:
            return [chunk({"role": "assistant", "content": content, **more}), chunk({}, finish), DONE]
        reasoning = choice["message"].get("reasoning_content") or ""
        return stream_of(content, self.chunks, finish, reasoning)

    @classmethod
    def status_of(cls, status: int, error: dict[str, Any] | None = None, **headers: str) -> Reply:
        """An error reply; header names are given with underscores."""
        body = {"error": {"message": "provider text sk-secret", "type": None, "code": None, **(error or {})}}
        return replace(cls.of(body), status=status, headers={k.replace("_", "-"): v for k, v in headers.items()})
