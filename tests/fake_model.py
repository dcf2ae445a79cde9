"""A model endpoint for tests: real HTTP on a loopback port, OpenAI Chat Completions, every way to misbehave.

    with FakeModel() as fake:
        fake.script(Reply.status_of(500), Reply.says({"steps": []}))
        client = ModelClient("m", "sk-test", fake.url)

Replies are used in order; after the last one ``fake.default`` answers (a callable of the request's JSON). A request
with ``"stream": true`` gets the same answer in pieces. What goes to ``/embeddings`` is answered by ``fake.vectors``, a
callable too (see ``fake_vectors.py``). Every byte that came in is kept in ``fake.requests``. The server runs in a
thread of its own, so sync and async tests can use it, and so can a server process started by a test.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any

from tests.fake_reply import Reply, completion

__all__ = ["FakeModel", "Reply", "Request", "completion", "obedient", "planned"]


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
    return Reply.says({"reading": {"claims": []}, "steps": steps, "notes": ""})


class FakeModel:
    """The endpoint. ``url`` is what goes into ``base_url``."""

    def __init__(self, default: Callable[[dict[str, Any]], Reply] = obedient) -> None:
        self.default = default
        self.vectors: Callable[[dict[str, Any]], Reply] = lambda request: Reply.status_of(404)
        self.requests: list[Request] = []
        self.sent = 0
        """Bytes of bodies that were sent or tried, over all replies."""
        self.gone = 0
        """Clients that left before their reply was whole."""
        self._left = threading.Semaphore(0)
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

    def wait_for_gone(self, seconds: float = 10.0) -> None:
        """Block until one more client has left before its reply was whole."""
        assert self._left.acquire(timeout=seconds), "the client stayed"

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
            first = await reader.readexactly(1)
            if first == b"\x16":  # a TLS greeting: nobody here speaks that
                return
            head = first + await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
            body = await reader.readexactly(int(length[1]) if length else 0)
            request = Request(head, body)
            self.requests.append(request)
            self._arrived.release()
            if request.embeds:
                reply = self.vectors(request.json)
            else:
                reply = self._script.popleft() if self._script else self.default(request.json)
            await self._while_there(self._send(reply, request, writer), reader)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client went away or the server stops; asyncio would log a cancelled connection as an error
        finally:
            writer.close()

    async def _while_there(self, sending: Coroutine[Any, Any, None], reader: asyncio.StreamReader) -> None:
        """Send until done or the client has left; nobody sends anything after its request."""
        send = asyncio.ensure_future(sending)
        left = asyncio.ensure_future(reader.read(1))
        try:
            await asyncio.wait({send, left}, return_when=asyncio.FIRST_COMPLETED)
            broken = send.done() and isinstance(send.exception(), ConnectionError)
            if broken or not send.done():
                self.gone += 1
                self._left.release()
            if send.done() and not broken:
                send.result()
        finally:
            send.cancel()
            left.cancel()
            await asyncio.gather(send, left, return_exceptions=True)

    async def _send(self, reply: Reply, request: Request, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(reply.delay)
        if reply.way == "hang":
            await asyncio.sleep(3600)
        if reply.way == "reset":
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        events = None if request.embeds else reply.streamed(bool(request.json.get("stream")))
        if events is not None:
            await self._stream(reply, events, writer)
            return
        headers = {"Content-Type": "application/json", "Connection": "close", **reply.headers}
        body = reply.body[: len(reply.body) // 2] if reply.way in ("truncate", "close") else reply.body
        if reply.way not in ("close", "flood"):
            headers["Content-Length"] = str(len(reply.body))
        self._head(reply.status, headers, writer)
        await writer.drain()
        if reply.way == "drip":
            await self._drip(body, writer)
        elif reply.way == "flood":
            while self.sent < 30_000_000:
                await self._write(b" " * 65_536, writer)
        else:
            await self._write(body, writer)

    async def _stream(self, reply: Reply, events: Iterable[bytes], writer: asyncio.StreamWriter) -> None:
        """Send events as chunks; ways: plain, drip, flood, and truncate and close (half of them, and no end)."""
        headers = {"Content-Type": "text/event-stream", "Connection": "close", **reply.headers}
        self._head(reply.status, {**headers, "Transfer-Encoding": "chunked"}, writer)
        if reply.way in ("truncate", "close"):
            events = list(events)
            events = events[: len(events) // 2]
        elif reply.way == "flood":
            events = (b"x" * 65_536 for _ in range(460))
        for one in events:
            for part in (one[at : at + 1] for at in range(len(one))) if reply.way == "drip" else (one,):
                await self._write(b"%x\r\n%b\r\n" % (len(part), part), writer)
                await asyncio.sleep(0.02 if reply.way == "drip" else reply.pace)
        if reply.way not in ("truncate", "close"):
            await self._write(b"0\r\n\r\n", writer)

    def _head(self, status: int, headers: dict[str, str], writer: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in headers.items())]
        writer.write("\r\n".join([*lines, "", ""]).encode())

    async def _write(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        self.sent += len(data)
        await writer.drain()

    async def _drip(self, body: bytes, writer: asyncio.StreamWriter) -> None:
        for at in range(len(body)):
            await self._write(body[at : at + 1], writer)
            await asyncio.sleep(0.02)
