"""A model endpoint for tests: real HTTP on a loopback port, OpenAI Chat Completions, every way to misbehave.

    with FakeModel() as fake:
        fake.script(Reply.status_of(500), Reply.says({"steps": []}))
        client = ModelClient("m", "sk-test", fake.url)

Replies are used in order; after the last one ``fake.default`` answers (a callable of the request's JSON). What goes
to ``/embeddings`` is answered by ``fake.vectors``, a callable too (see ``fake_vectors.py``). Every byte that came in is
kept in ``fake.requests``. The server runs in a thread of its own, so sync and async tests can use it,
and so can a server process started by a test.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable
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


@dataclass(frozen=True)
class Reply:
    """One scripted reply. ``way``: how it is sent."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
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
    def status_of(cls, status: int, error: dict[str, Any] | None = None, **headers: str) -> Reply:
        """An error reply; header names are given with underscores."""
        body = {"error": {"message": "provider text sk-secret", "type": None, "code": None, **(error or {})}}
        return replace(cls.of(body), status=status, headers={k.replace("_", "-"): v for k, v in headers.items()})


@dataclass(frozen=True)
class Request:
    """One recorded request, byte by byte."""

    head: bytes
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        """The body's JSON."""
        loaded: dict[str, Any] = json.loads(self.body)
        return loaded

    @property
    def prompt(self) -> str:
        """All message texts."""
        return "\n".join(message["content"] for message in self.json["messages"])

    @property
    def embeds(self) -> bool:
        """Whether vectors were asked for."""
        return b"/embeddings " in self.head.split(b"\r\n", 1)[0]


def planned(request: dict[str, Any]) -> list[str]:
    """The steps a draft request asks for, read from the prompt's numbered plan."""
    return re.findall(r"^\d+\. ([a-z]+)：", request["messages"][-1]["content"], re.MULTILINE)


def obedient(request: dict[str, Any]) -> Reply:
    """A good draft: the planned steps, each the playbook's own words from the prompt."""
    prompt = request["messages"][-1]["content"]
    ground = dict(re.findall(r"^- ([a-z]+)：(.+)$", prompt, re.MULTILINE))
    steps = [{"step": step, "text": ground.get(step, "好的，我看着办。"), "passages": []} for step in planned(request)]
    return Reply.says({"steps": steps})


class FakeModel:
    """The endpoint. ``url`` is what goes into ``base_url``."""

    def __init__(self, default: Callable[[dict[str, Any]], Reply] = obedient) -> None:
        self.default = default
        self.vectors: Callable[[dict[str, Any]], Reply] = lambda request: Reply.status_of(404)
        self.requests: list[Request] = []
        self.sent = 0
        """Bytes of bodies that were sent or tried, over all replies."""
        self._script: deque[Reply] = deque()
        self._loop = asyncio.new_event_loop()
        self._open: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._ready = threading.Event()
        self._arrived = threading.Semaphore(0)
        self._port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    @property
    def embedded(self) -> list[str]:
        """Every text vectors were asked for, in order."""
        return [text for request in self.requests if request.embeds for text in request.json["input"]]

    def script(self, *replies: Reply) -> None:
        """Replies to give, in order."""
        self._script.extend(replies)

    def wait_for_request(self) -> None:
        """Block until one more request has come in whole."""
        assert self._arrived.acquire(timeout=10), "no request came"

    def __enter__(self) -> FakeModel:
        self._thread.start()
        self._ready.wait(5)
        return self

    def __exit__(self, *exc: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self._port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        pending = asyncio.all_tasks(self._loop)
        for task in pending:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
            body = await reader.readexactly(int(length[1]) if length else 0)
            request = Request(head, body)
            self.requests.append(request)
            self._arrived.release()
            if request.embeds:
                reply = self.vectors(request.json)
            else:
                reply = self._script.popleft() if self._script else self.default(request.json)
            await asyncio.sleep(reply.delay)
            await self._send(reply, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client went away or the server stops; asyncio would log a cancelled connection as an error
        finally:
            writer.close()

    async def _send(self, reply: Reply, writer: asyncio.StreamWriter) -> None:
        if reply.way == "hang":
            await asyncio.sleep(3600)
        if reply.way == "reset":
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        headers = {"Content-Type": "application/json", "Connection": "close", **reply.headers}
        body = reply.body[: len(reply.body) // 2] if reply.way in ("truncate", "close") else reply.body
        if reply.way not in ("close", "flood"):
            headers["Content-Length"] = str(len(reply.body))
        lines = [f"HTTP/1.1 {reply.status} X", *(f"{name}: {value}" for name, value in headers.items())]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        await writer.drain()
        if reply.way == "drip":
            for i in range(len(body)):
                writer.write(body[i : i + 1])
                await writer.drain()
                await asyncio.sleep(0.02)
        elif reply.way == "flood":
            while self.sent < 30_000_000:
                writer.write(b" " * 65_536)
                self.sent += 65_536
                await writer.drain()
        else:
            writer.write(body)
            self.sent += len(body)
            await writer.drain()
