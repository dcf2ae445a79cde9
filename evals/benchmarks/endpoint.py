"""A model endpoint of fixed latency, a process of its own: ``python -m evals.benchmarks.endpoint [--port 0]``.

OpenAI's chat completions, plain and as a stream of 75 chunks. It answers at the least cost what the drafter's prompt
asks for: the planned steps, each in the words of the material, and the smallest thing that fits every other field of
the answer's schema. ``POST /control`` sets latency, pace and faults and tells what has happened since the last time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from evals.benchmarks.wire import STREAM_END, STREAM_HEAD, Connection, Exchange, chunk, whole

CHUNKS = 75
_PLAN = re.compile(r"^\d+\. ([a-z]+)：", re.MULTILINE)
_WORDS = re.compile(r"^- ([a-z]+)：(.+)$", re.MULTILINE)


@dataclass
class Control:
    """How to answer from now on. Times are in milliseconds."""

    latency_ms: float = 0.0
    """Until the answer, or until a stream's first chunk."""
    spread_ms: float = 0.0
    """From a stream's first chunk to its last; 0: all at once."""
    fault: str | None = None
    """A variant of ``faulty``: every answer is spoilt in this way."""
    share: float = 0.0
    """Of the answers that are spoilt, each in a way drawn by ``seed``."""
    seed: int = 0


@dataclass
class Seen:
    """What has come in since the last control."""

    requests: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    spoilt: int = 0
    last_tokens: list[float] = field(default_factory=list)
    """When the last chunk of each stream was sent, by the machine's monotonic clock."""
    last_body: str = ""


def planned(request: dict[str, Any]) -> tuple[list[str], dict[str, str]]:
    """The steps a draft request asks for, and the words the material has for them."""
    prompt = "\n".join(message["content"] for message in request["messages"])
    return _PLAN.findall(prompt), dict(_WORDS.findall(prompt))


def smallest(schema: dict[str, Any]) -> Any:
    """The least that a JSON schema takes."""
    if "anyOf" in schema:
        return min((smallest(part) for part in schema["anyOf"]), key=lambda value: value is not None)
    if "enum" in schema:
        return None if None in schema["enum"] else schema["enum"][-1]
    kinds = schema.get("type", "null")
    if kinds == "object":
        return {name: smallest(part) for name, part in schema.get("properties", {}).items()}
    plain: dict[str, Any] = {"array": [], "string": "", "integer": 0, "number": 0, "boolean": False}
    return None if isinstance(kinds, list) and "null" in kinds else plain.get(kinds if isinstance(kinds, str) else "")


def content_for(request: dict[str, Any]) -> str:
    """A good answer to a request, as the text of a completion."""
    steps, words = planned(request)
    form = request.get("response_format", {}).get("json_schema", {}).get("schema", {})
    answer = {name: smallest(part) for name, part in form.get("properties", {}).items() if name != "steps"}
    answer["steps"] = [{"step": step, "text": words.get(step, ""), "passages": []} for step in steps]
    return json.dumps(answer, ensure_ascii=False)


def completion(content: str | None, finish: str | None = "stop", **message: Any) -> dict[str, Any]:
    """The body of a chat completion."""
    said = {"role": "assistant", "content": content, **message}
    return {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 0, "model": "fake-1",
        "choices": [{"index": 0, "finish_reason": finish, "message": said}],
        "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
    }  # fmt: skip


def event(delta: dict[str, Any], finish: str | None = None) -> bytes:
    """One event of a stream."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    data = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 0, "model": "fake-1", "choices": [choice]}
    return b"data: " + json.dumps(data, ensure_ascii=False).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"


def events(content: str, count: int = CHUNKS) -> list[bytes]:
    """A whole stream: ``count`` pieces of the content, then the reason it ended."""
    size = max(1, -(-len(content) // count))
    pieces = [content[i : i + size] for i in range(0, len(content), size)]
    pieces += [""] * (count - len(pieces))
    return [*(event({"content": piece}) for piece in pieces), event({}, "stop"), DONE]


Spoil = Callable[[Exchange, dict[str, Any], Control], None]


class Endpoint:
    """The endpoint's state.

    Args:
        spoilt: draws a way to misbehave, or None.
        vectors: answers what goes to ``/embeddings``.
    """

    def __init__(self, spoilt: Callable[[Control], Spoil | None], vectors: Spoil) -> None:
        self.control, self.seen = Control(), Seen()
        self.connections: set[Connection] = set()
        self.in_flight = 0
        """Streams that are being sent."""
        self._spoilt, self._vectors = spoilt, vectors

    def answer(self, exchange: Exchange) -> None:
        """One request: control, or a question to the model."""
        if exchange.path == "/control":
            exchange.send(whole(json.dumps(self._controlled(exchange.body)).encode()))
            return
        self.seen.requests += 1
        self.seen.bytes_in += len(exchange.body)
        self.seen.last_body = exchange.body.decode("utf-8", "replace")
        request = json.loads(exchange.body)
        if exchange.path.endswith("/embeddings"):
            self._vectors(exchange, request, self.control)
            return
        spoil = self._spoilt(self.control)
        if spoil is not None:
            self.seen.spoilt += 1
            spoil(exchange, request, self.control)
        elif request.get("stream"):
            exchange.run(self._stream(exchange, request))
        else:
            data = whole(json.dumps(completion(content_for(request)), ensure_ascii=False).encode())
            self.seen.bytes_out += len(data)
            exchange.send_later(self.control.latency_ms / 1000, data)

    def _controlled(self, body: bytes) -> dict[str, Any]:
        told = asdict(self.seen) | {"connections": len(self.connections) - 1, "in_flight": self.in_flight}
        if body:
            self.control, self.seen = Control(**json.loads(body)), Seen()
        return told

    async def _stream(self, exchange: Exchange, request: dict[str, Any]) -> None:
        self.in_flight += 1
        try:
            await self._streamed(exchange, [chunk(piece) for piece in events(content_for(request))])
        finally:
            self.in_flight -= 1

    async def _streamed(self, exchange: Exchange, pieces: list[bytes]) -> None:
        begun = exchange.loop.time() + self.control.latency_ms / 1000
        pace = self.control.spread_ms / 1000 / CHUNKS
        self.seen.bytes_out += sum(map(len, pieces))
        await asyncio.sleep(begun - exchange.loop.time())
        exchange.send(STREAM_HEAD)
        if not pace:
            exchange.send(b"".join(pieces))
        else:
            for number, piece in enumerate(pieces):
                await asyncio.sleep(max(0.0, begun + min(number, CHUNKS) * pace - exchange.loop.time()))
                exchange.send(piece)
                if number == CHUNKS - 1:
                    self.seen.last_tokens.append(time.monotonic())
        exchange.send(STREAM_END)


async def _serve(port: int, endpoint: Endpoint) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Connection(endpoint.answer, endpoint.connections), "127.0.0.1", port, backlog=1024
    )
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", flush=True)
    await server.serve_forever()


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args()
    from evals.benchmarks import faulty, faulty_vectors

    asyncio.run(_serve(given.port, Endpoint(faulty.drawn, faulty_vectors.answer)))


if __name__ == "__main__":
    main()
