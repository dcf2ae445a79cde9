"""How answers are spoilt on the wire: the makers behind the table in ``faulty``."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from evals.benchmarks.endpoint import CHUNKS, DONE, completion, content_for, event, events
from evals.benchmarks.wire import STREAM_END, STREAM_HEAD, Exchange, chunk, whole

Answering = Callable[[Exchange, dict[str, Any]], None]
Content = Callable[[dict[str, Any]], str]
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_SSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"


def error(**fields: Any) -> bytes:
    """An error as endpoints write it, with a text nobody may see."""
    return json.dumps({"error": {"message": "provider text sk-secret", "type": None, "code": None} | fields}).encode()


def status(code: int, said: bytes | None = None, kind: str = "application/json", **headers: str) -> Answering:
    """An answer that is none."""
    data = whole(error() if said is None else said, code, kind, **headers)
    return lambda exchange, request: exchange.send(data)


def body(data: bytes, kind: str = "application/json", raw: bool = False) -> Answering:
    """200 with any body, or no HTTP at all. To one who asked for a stream it is the stream's only event."""

    def answer(exchange: Exchange, request: dict[str, Any]) -> None:
        if raw:
            exchange.send(data)
            exchange.close()
        elif request.get("stream") and kind == "application/json" and data:
            exchange.send(STREAM_HEAD + chunk(b"data: " + data + b"\n\n") + chunk(DONE) + STREAM_END)
        else:
            exchange.send(whole(data, kind=kind))

    return answer


def good(request: dict[str, Any]) -> tuple[bytes, bytes]:
    """The kind of a good answer and its body; of a question for vectors only a beginning."""
    if "messages" not in request:
        return _HEAD, json.dumps({"object": "list", "data": []}).encode()
    content = content_for(request)
    if request.get("stream"):
        return _SSE, b"".join(events(content))
    return _HEAD, json.dumps(completion(content), ensure_ascii=False).encode()


def breaking(how: str, share: float = 0.0, bare: bool = False, chunked: bool = False) -> Answering:
    """A connection that ends after a share of a good answer: with FIN (``close``) or with RST (``reset``).

    Args:
        how: ``close`` or ``reset``.
        share: of the body that is sent before; 0: not even the head.
        bare: without a length, so that the end looks like an end.
        chunked: in chunks, without the last one.
    """

    async def answer(exchange: Exchange, request: dict[str, Any]) -> None:
        kind, data = good(request)
        part = data[: int(len(data) * share)]
        if share:
            length = b"Content-Length: %d\r\n" % len(data)
            about = b"Connection: close\r\n" if bare else b"Transfer-Encoding: chunked\r\n" if chunked else length
            exchange.send(kind + about + b"\r\n" + (chunk(part) if chunked else part))
            await asyncio.sleep(0.02)  # else the reset overtakes what was sent
        exchange.reset() if how == "reset" else exchange.close()

    return lambda exchange, request: exchange.run(answer(exchange, request))


def hanging(head: bool = False, share: float = 0.0) -> Answering:
    """Silence: at once, after the head, or after a share of the body."""

    def answer(exchange: Exchange, request: dict[str, Any]) -> None:
        kind, data = good(request)
        if head:
            exchange.send(kind + b"Content-Length: %d\r\n\r\n" % len(data) + data[: int(len(data) * share)])

    return answer


def dripping(pause: float, with_: bytes | None = None, raw: bool = False) -> Answering:
    """A good answer a byte at a time, or something else without end, or the head itself."""

    async def answer(exchange: Exchange, request: dict[str, Any]) -> None:
        kind, data = good(request)
        if raw:
            kind, data = b"", kind + b"Content-Length: %d\r\n\r\n" % len(data) + data
        else:
            exchange.send((_SSE if with_ else kind) + b"Transfer-Encoding: chunked\r\n\r\n")
        place = 0
        while not exchange.gone and (with_ or place < len(data)):
            piece = with_ or data[place : place + 1]
            exchange.send(piece if raw else chunk(piece))
            place += 1
            await asyncio.sleep(pause)

    return lambda exchange, request: exchange.run(answer(exchange, request))


def endless(size: int, piece: int) -> Answering:
    """An answer of a good shape that does not stop, in pieces of so many bytes."""

    async def answer(exchange: Exchange, request: dict[str, Any]) -> None:
        if request.get("stream"):
            kind, filler = _SSE, event({"content": " " * piece})
        else:
            kind, filler = _HEAD, b" " * piece
        exchange.send(kind + b"Transfer-Encoding: chunked\r\n\r\n")
        many = chunk(filler) * max(1, 4_096 // piece)
        sent = 0
        while not exchange.gone and sent < size:
            exchange.send(many)
            sent += piece * max(1, 4_096 // piece)
            await asyncio.sleep(0 if exchange.transport.get_write_buffer_size() < 1_000_000 else 0.01)
        exchange.close()

    return lambda exchange, request: exchange.run(answer(exchange, request))


def saying(content: Content | None, finish: str | None = "stop", **message: Any) -> Answering:
    """Another content or another end, in the shape that was asked for."""

    def answer(exchange: Exchange, request: dict[str, Any]) -> None:
        said = None if content is None else content(request)
        if not request.get("stream"):
            data = json.dumps(completion(said, finish, **message), ensure_ascii=False).encode()
            exchange.send(whole(data))
            return
        pieces = events(said or "", CHUNKS)[:-2]
        if message:
            pieces = [event(message)]
        end = [] if finish is None else [event({}, finish), DONE]
        exchange.send(STREAM_HEAD + b"".join(map(chunk, [*pieces, *end])) + STREAM_END)

    return answer


def of_content(spoil: Callable[[str], bytes]) -> Answering:
    """A good answer whose text is made bytes in another way."""

    def answer(exchange: Exchange, request: dict[str, Any]) -> None:
        kind, data = good(request)
        spoilt = spoil(data.decode())
        exchange.send(kind + b"Content-Length: %d\r\n\r\n" % len(spoilt) + spoilt)

    return answer


def streaming(how: str) -> Answering:
    """A good answer with something odd about it (or, ``error``, an error after two thirds of its text)."""
    changes: dict[str, dict[str, Any]] = {
        "other model": {"model": "quite-another"},
        "no usage": {"usage": None},
        "odd usage": {"usage": {"prompt_tokens": -5, "completion_tokens": "many", "total_tokens": 1e300}},
        "same ids": {"id": ""},
    }

    def answer(exchange: Exchange, request: dict[str, Any]) -> None:
        content = content_for(request)
        if how == "error":
            if request.get("stream"):
                pieces = events(content)[: CHUNKS * 2 // 3]
                exchange.send(STREAM_HEAD + b"".join(map(chunk, pieces)))
                exchange.send(chunk(b"data: " + error(code=503) + b"\n\n") + STREAM_END)
            else:
                exchange.send(whole(error(code=503)))
        elif request.get("stream"):
            oddly = [_with(piece, changes[how]) for piece in events(content)]
            exchange.send(STREAM_HEAD + b"".join(map(chunk, oddly)) + STREAM_END)
        else:
            exchange.send(whole(json.dumps(completion(content) | changes[how], ensure_ascii=False).encode()))

    return answer


def _with(piece: bytes, change: dict[str, Any]) -> bytes:
    if piece == DONE:
        return piece
    return b"data: " + json.dumps(json.loads(piece[6:]) | change, ensure_ascii=False).encode() + b"\n\n"
