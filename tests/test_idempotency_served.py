"""Duplicates at a real server with a model: asked once, whatever becomes of the clients and of the server itself."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.engines import on_engines
from tests.fake_model import FakeModel, obedient
from tests.once import ASKED, KEY
from tests.prepared import ready
from tests.rows import rows_of
from tests.test_serve import START_S, Server, start_server

MODEL = ASKED | {"writer": "model"}
AT_ONCE = 50


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeModel]:
    with FakeModel() as running:
        yield running


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ready(tmp_path_factory.mktemp("data"))


def _start(data: Path, fake: FakeModel) -> Server:
    more = {"YOULI_MODEL": "m", "OPENAI_BASE_URL": fake.url, "OPENAI_API_KEY": "sk-test"}
    return start_server(data, YOULI_DRAFT_DEADLINE_S="60", **more)


@pytest.fixture(scope="module")
def server(data: Path, fake: FakeModel) -> Iterator[Server]:
    running = _start(data, fake)
    yield running
    if running.process.poll() is None:
        running.stop()


@pytest.fixture
def slow(fake: FakeModel) -> Iterator[FakeModel]:
    """The model takes its time, and nothing of an earlier test is counted."""
    fake.requests.clear()
    fake.default = lambda request: replace(obedient(request), delay=0.5, pace=0.2)
    while fake._arrived.acquire(blocking=False) or fake._left.acquire(blocking=False):
        pass
    yield fake
    fake.default = obedient


def _send(server: Server, key: str, **more: Any) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=START_S)
    headers = {"Content-Type": "application/json", KEY: key}
    connection.request("POST", "/v1/drafts", json.dumps(MODEL | more), headers)
    return connection


def _got(connection: http.client.HTTPConnection) -> tuple[int, bytes, Any]:
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body, answer.headers


def _until_there(server: Server, key: str, **more: Any) -> tuple[int, bytes, Any]:
    """What a client gets who comes back while it is told to."""
    until = time.monotonic() + START_S
    while True:
        status, body, headers = _got(_send(server, key, **more))
        if status != 409 or time.monotonic() > until:
            return status, body, headers
        time.sleep(0.1)


def _after_a_kill(server: Server, key: str, **more: Any) -> tuple[int, bytes, Any]:
    """What a client gets who comes back: at once, but where others may serve too it is silence that tells of death."""
    return _until_there(server, key, **more) if on_engines() else _got(_send(server, key, **more))


def _drafts(data: Path) -> int:
    return len(rows_of(data, "drafts")["drafts"])


def test_racing_duplicates_ask_the_model_once(server: Server, slow: FakeModel, data: Path) -> None:
    before = _drafts(data)
    with ThreadPoolExecutor(AT_ONCE) as many:
        answers = list(many.map(lambda _: _got(_send(server, "race")), range(AT_ONCE)))
    assert {status for status, _, _ in answers} <= {201, 409}
    assert len({body for status, body, _ in answers if status == 201}) == 1
    assert all(headers["Retry-After"] for status, _, headers in answers if status == 409)
    assert (len(slow.requests), _drafts(data) - before) == (1, 1)


def test_a_client_that_left_finds_its_draft(server: Server, slow: FakeModel) -> None:
    gone = _send(server, "left")
    slow.wait_for_request()
    gone.close()
    status, body, headers = _until_there(server, "left")
    assert status == 201
    assert headers["Idempotency-Replayed"] == "true"
    assert len(slow.requests) == 1
    assert json.loads(body)["writer"]["kind"] == "model"


def test_a_stream_that_was_cut_ends_its_call_and_may_be_asked_for_again(server: Server, slow: FakeModel) -> None:
    gone = _send(server, "cut", stream=True)
    answer = gone.getresponse()
    assert answer.readline() == b"event: draft.created\n"
    slow.wait_for_request()
    answer.close()
    gone.close()
    slow.wait_for_gone()
    status, body, _ = _until_there(server, "cut", stream=True)
    assert status == 200
    assert b"event: draft.completed" in body
    again = _got(_send(server, "cut", stream=True))
    assert again[1] == body
    assert again[2]["Idempotency-Replayed"] == "true"
    assert len(slow.requests) == 2


def test_killed_in_the_middle_nothing_is_stuck_and_what_was_answered_is_answered_again(
    server: Server, slow: FakeModel, data: Path, fake: FakeModel
) -> None:
    status, first, _ = _until_there(server, "before")
    assert status == 201
    slow.wait_for_request()
    before = _drafts(data)
    cut = [_send(server, "killed"), _send(server, "killed-stream", stream=True)]
    slow.wait_for_request()
    slow.wait_for_request()
    server.process.kill()
    server.process.communicate()
    for connection in cut:
        connection.close()
    asked = len(slow.requests)
    restarted = _start(data, fake)
    try:
        status, again, headers = _got(_send(restarted, "before"))
        assert (status, again, headers["Idempotency-Replayed"]) == (201, first, "true")
        assert len(slow.requests) == asked
        status, killed, headers = _after_a_kill(restarted, "killed")
        assert (status, headers["Idempotency-Replayed"]) == (201, None)
        assert _got(_send(restarted, "killed"))[1] == killed
        status, streamed, _ = _after_a_kill(restarted, "killed-stream", stream=True)
        assert (status, streamed.count(b"draft.completed")) == (200, 1)
        assert (_drafts(data) - before, len(slow.requests) - asked) == (2, 2)
    finally:
        restarted.stop()
