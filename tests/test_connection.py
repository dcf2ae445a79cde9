"""Connections that stand in the way, against a small application behind the real protocol with short clocks."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from service.api.connection import Timed
from service.limiting.numbers import numbers

QUICK = numbers().connections.model_copy(
    update={"head_s": 0.6, "idle_s": 3, "write_s": 0.8, "linger_s": 1.0, "linger_bytes": 1 << 20, "look_s": 0.05}
)
MOST = 12


class Quick(Timed):
    limits = QUICK
    most = MOST


class App:
    """``/hello`` answers, ``/body`` reads first, ``/early`` answers without reading, ``/flood`` writes without end."""

    def __init__(self) -> None:
        self.flooding = threading.Event()
        self.flood_ended = threading.Event()
        self.told: list[bytes] = []
        """Names in the head of the last request to ``/body``, as it is when the body is whole."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/body":
            while (await receive()).get("more_body"):
                pass
            self.told = [name for name, _ in scope["headers"]]
        if scope["path"] == "/wait":
            await asyncio.sleep(2)
        if scope["path"] == "/flood":
            await self._flood(receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    async def _flood(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        gone = asyncio.ensure_future(receive())
        while not gone.done():
            await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})
            self.flooding.set()
            await asyncio.sleep(0)
        self.flood_ended.set()


@contextmanager
def _serving(app: App) -> Iterator[int]:
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, log_config=None, ws="none", lifespan="off", http=Quick, timeout_keep_alive=30
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = server.force_exit = True
        thread.join(30)


@pytest.fixture(scope="module")
def app() -> App:
    return App()


@pytest.fixture(scope="module")
def port(app: App) -> Iterator[int]:
    with _serving(app) as number:
        yield number


def _read(raw: socket.socket) -> bytes:
    got = b""
    while part := raw.recv(65_536):
        got += part
    return got


def _asked(port: int, sent: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as raw:
        raw.sendall(sent)
        return _read(raw)


def _problem(answer: bytes, status: int, code: str) -> dict[str, Any]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status), answer[:200]
    assert b"application/problem+json" in head
    assert b"connection: close" in head
    told: dict[str, Any] = json.loads(body)
    assert (told["status"], told["code"]) == (status, code)
    assert f"x-request-id: {told['request_id']}".encode() in head
    assert "{" not in told["detail"]
    return told


def _hello(port: int) -> bool:
    return _asked(port, b"GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").endswith(b"ok")


def test_a_head_that_drips_is_cut(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as raw:
        raw.sendall(b"GET /hello HTTP/1.1\r\n")
        raw.settimeout(0.1)
        got = b""
        for _ in range(200):
            try:
                raw.sendall(b"X-A: b\r\n")
                if part := raw.recv(65_536):
                    got += part
                else:
                    break
            except TimeoutError:
                continue
            except OSError:
                break
    _problem(got, 408, "head_too_slow")
    assert _hello(port)


def test_whoever_connects_and_says_nothing_is_let_go(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as raw:
        assert raw.recv(10) == b""


def test_a_head_that_drips_after_a_request_is_cut_too(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as raw:
        raw.sendall(b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
        assert raw.recv(65_536).endswith(b"ok")
        raw.sendall(b"GET /hel")
        _problem(_read(raw), 408, "head_too_slow")


def test_a_kept_connection_is_not_cut_by_the_clock_of_heads(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as raw:
        for _ in range(2):
            raw.sendall(b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
            assert raw.recv(65_536).endswith(b"ok")
            time.sleep(2 * QUICK.head_s)


def test_work_that_takes_longer_than_a_head_may_is_not_cut(port: int) -> None:
    assert _asked(port, b"GET /wait HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").endswith(b"ok")


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b"GET /hello HTTP/1.1\r\n" + b"X-Long: " + b"a" * 200_000, 431, "head_too_large"),
        (b"GET /hello HTTP/1.1\r\nX-Long: " + b"a" * 40_000 + b"\r\n\r\n", 431, "head_too_large"),
        (b"GET /hello HTTP/1.1\r\n" + b"X-A: b\r\n" * 101 + b"\r\n", 431, "head_too_large"),
        (b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414, "url_too_long"),
        (b"\x16\x03\x01\x02 no http at all\r\n\r\n", 400, "malformed_http"),
        (b"GET /hello HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400, "malformed_http"),
    ],
)
def test_heads_nobody_sends_in_earnest(port: int, sent: bytes, status: int, code: str) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as raw:
        with suppress(OSError):
            raw.sendall(sent)
        _problem(_read(raw), status, code)
    assert _hello(port)


def test_what_is_said_behind_a_body_is_none_of_its_head(app: App, port: int) -> None:
    head = b"POST /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
    body = b"\r\n1\r\nx\r\n0\r\nAuthorization: Bearer k\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n"
    answer = _asked(port, head + body + head + b"Connection: close\r\nX-Own: 1\r\n" + body)
    assert answer.count(b"ok") == 2
    assert app.told == [b"host", b"transfer-encoding", b"connection", b"x-own"]
    many = b"\r\n0\r\n" + b"X-A: bcdefgh\r\n" * 4_000 + b"\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=20) as raw:
        with suppress(OSError):
            raw.sendall(head + many)
        assert b"ok" not in _read(raw)


def test_a_body_nobody_wanted_is_not_read_to_its_end(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as raw:
        raw.sendall(b"POST /early HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        answer, sent, chunk = raw.recv(65_536), 0, b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        assert answer.endswith(b"ok")
        with pytest.raises(OSError):
            while sent < 1 << 30:
                raw.sendall(chunk)
                sent += len(chunk)
    assert sent < 1 << 28
    assert _hello(port)


def test_a_small_body_that_comes_after_its_answer_costs_no_connection(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as raw:
        for _ in range(2):
            raw.sendall(b"POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n")
            assert raw.recv(65_536).endswith(b"ok")
            raw.sendall(b"12")
            time.sleep(0.1)
            raw.sendall(b"345")
        raw.sendall(b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
        assert raw.recv(65_536).endswith(b"ok")


def test_a_connection_that_stays_quiet_is_let_go(port: int) -> None:
    for asked in (
        b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", port), timeout=20) as raw:
            raw.sendall(asked)
            assert raw.recv(65_536).endswith(b"ok")
            if asked.startswith(b"POST"):
                raw.sendall(b"12345")
            assert raw.recv(10) == b""


def test_a_body_that_never_comes_is_not_waited_for_after_its_answer(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as raw:
        raw.sendall(b"POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12")
        assert _read(raw).endswith(b"ok")


def test_a_reader_that_does_not_read_is_cut_and_the_answer_ended(app: App, port: int) -> None:
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.settimeout(20)
    with raw:
        raw.connect(("127.0.0.1", port))
        raw.sendall(b"GET /flood HTTP/1.1\r\nHost: a\r\n\r\n")
        assert app.flooding.wait(20)
        assert app.flood_ended.wait(20)
    assert _hello(port)


def test_idle_connections_make_room_and_busy_ones_do_not(app: App) -> None:
    with _serving(app) as port:
        kept = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(MOST)]
        for raw in kept:
            raw.sendall(b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
            assert raw.recv(65_536).endswith(b"ok")
        assert _hello(port)
        assert kept[0].recv(10) == b""  # the one that had been quiet longest
        for raw in kept[1:]:
            raw.sendall(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
        time.sleep(0.3)
        last = socket.create_connection(("127.0.0.1", port), timeout=20)
        last.sendall(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
        time.sleep(0.3)
        with socket.create_connection(("127.0.0.1", port), timeout=20) as refused:
            answer = _read(refused)
        _problem(answer, 503, "too_many_connections")
        assert b"retry-after: " in answer
        for raw in [*kept, last]:
            raw.close()
