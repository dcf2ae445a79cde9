"""A real server against callers that hold on, hold back or come in crowds. What it times is told by short numbers."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import pytest

from tests.fake_model import FakeModel, Reply
from tests.prepared import ready
from tests.test_serve import Server, start_server

IDLE = 200
ASKED = {
    "messages": [{"role": "customer", "content": "没拆，颜色不喜欢，退了吧"}],
    "order": {"days_since_received": 2},
}
PATIENCE_S = 60


@pytest.fixture(scope="module")
def model() -> Iterator[FakeModel]:
    with FakeModel(lambda request: Reply(way="hang")) as fake:
        yield fake


@pytest.fixture(scope="module")
def server(model: FakeModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    more = {"OPENAI_BASE_URL": model.url, "OPENAI_API_KEY": "sk-x", "YOULI_MODEL": "some-model"}
    limits = {"YOULI_MAX_DRAFTS": "2", "YOULI_DRAFT_DEADLINE_S": "60"}
    running = start_server(ready(tmp_path_factory.mktemp("served")), **more, **limits)
    yield running
    running.stop()


def _streaming(server: Server) -> socket.socket:
    """A stream that has begun, and whose model does not answer."""
    body = json.dumps(ASKED | {"stream": True, "writer": "model"}).encode()
    raw = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S)
    head = (
        f"POST /v1/drafts HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    )
    raw.sendall(f"{head}\r\n\r\n".encode() + body)
    assert b" 200 " in raw.recv(65_536)
    return raw


def test_a_crowd_is_refused_at_once_and_places_come_back_when_callers_leave(server: Server) -> None:
    inside = [_streaming(server) for _ in range(2)]
    try:
        status, problem = server.call("POST", "/v1/drafts", ASKED | {"writer": "playbook"})
        assert (status, problem["code"]) == (429, "too_many")
        status, told = server.call(
            "POST", "/v1/chat/completions", {"model": "youli", "messages": [{"role": "user", "content": "在吗"}]}
        )
        assert (status, told["error"]["type"]) == (429, "rate_limit_error")
        assert server.call("GET", "/healthz")[0] == 200
        assert server.call("POST", "/v1/checks", {"text": "好的"})[0] == 200
    finally:
        for raw in inside:
            raw.close()
    until = time.monotonic() + PATIENCE_S
    while server.call("POST", "/v1/drafts", ASKED | {"writer": "playbook"})[0] == 429:
        assert time.monotonic() < until
        time.sleep(0.05)


def test_idle_connections_hurt_nobody(server: Server) -> None:
    with ExitStack() as stack:
        for _ in range(IDLE):
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S))
        for _ in range(5):
            assert server.call("POST", "/v1/drafts", ASKED | {"writer": "playbook"})[0] == 201


def test_slow_bodies_hold_no_places(server: Server) -> None:
    head = (
        b"POST /v1/drafts HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"
    )
    with ExitStack() as stack:
        for _ in range(10):
            raw = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S))
            raw.sendall(head)
        assert server.call("POST", "/v1/drafts", ASKED | {"writer": "playbook"})[0] == 201
        slow = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S))
        slow.sendall(head)
        answer = b""
        with suppress(ConnectionResetError):
            while part := slow.recv(65_536):  # as long as a body may take to begin
                answer += part
    assert b" 408 " in answer.split(b"\r\n")[0]
    assert b"body_too_slow" in answer


def test_a_gigabyte_in_chunks_is_cut_and_the_answer_arrives(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S) as raw:
        raw.sendall(
            b"POST /v1/drafts HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        got: list[bytes] = []

        def read() -> None:
            with suppress(OSError):
                while part := raw.recv(65_536):
                    got.append(part)

        reader = threading.Thread(target=read)
        reader.start()
        chunk, sent = b"10000\r\n" + b" " * 0x10000 + b"\r\n", 0
        with suppress(OSError):
            while sent < 1 << 30:
                raw.sendall(chunk)
                sent += len(chunk)
        reader.join(PATIENCE_S)
    assert sent < 1 << 28
    assert b" 413 " in b"".join(got).split(b"\r\n")[0]


def test_as_many_as_are_let_in_are_served(server: Server) -> None:
    with ThreadPoolExecutor(2) as two:
        asked = [two.submit(server.call, "POST", "/v1/drafts", ASKED | {"writer": "playbook"}) for _ in range(20)]
        assert {one.result()[0] for one in asked} == {201}
