"""How the service ends and comes back: told to stop, killed, out of room, on a damaged folder. Real processes."""

from __future__ import annotations

import http.client
import json
import signal
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.fake_model import FakeModel, Reply, obedient
from tests.prepared import ready
from tests.test_serve import Server, start_server

ASKED = {"messages": [{"role": "customer", "content": "没拆，颜色不喜欢，退了吧"}], "writer": "model"}

JSON = {"Content-Type": "application/json"}


def slow(seconds: float) -> Any:
    def answer(request: dict[str, Any]) -> Reply:
        return replace(obedient(request), delay=seconds)

    return answer


@pytest.fixture
def model() -> Iterator[FakeModel]:
    with FakeModel() as fake:
        yield fake


def with_model(data: Path, fake: FakeModel) -> Server:
    more = {
        "OPENAI_BASE_URL": fake.url,
        "OPENAI_API_KEY": "sk-test",
        "YOULI_MODEL": "fake",
        "YOULI_DRAFT_DEADLINE_S": "60",
    }
    return start_server(ready(data), **more)


def streamed(server: Server) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    with closing(connection):
        connection.request("POST", "/v1/drafts", json.dumps(ASKED | {"stream": True}), JSON)
        return connection.getresponse().read().decode()


def begun(server: Server, fake: FakeModel, pool: ThreadPoolExecutor, stream: bool = False) -> Future[Any]:
    """A draft that has asked the model."""
    future = pool.submit(streamed, server) if stream else pool.submit(server.call, "POST", "/v1/drafts", ASKED)
    fake.wait_for_request()
    return future


def test_told_to_stop_it_finishes_what_is_under_way_and_begins_nothing(tmp_path: Path, model: FakeModel) -> None:
    model.default = slow(3)
    server = with_model(tmp_path, model)
    late = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    late.request("GET", "/readyz")
    assert late.getresponse().read()
    with closing(late), ThreadPoolExecutor() as pool:
        plain, stream = begun(server, model, pool), begun(server, model, pool, stream=True)
        server.process.send_signal(signal.SIGTERM)
        while server.call("GET", "/readyz")[0] == 200:
            pass
        status, told = server.call("GET", "/readyz")
        assert (status, told["parts"]["service"]["state"], told["parts"]["database"]["state"]) == (503, "down", "up")
        assert server.call("GET", "/healthz")[0] == 200
        late.request("POST", "/v1/drafts", json.dumps(ASKED), JSON)
        refused = late.getresponse()
        assert (refused.status, json.loads(refused.read())["code"]) == (503, "shutting_down")
        assert int(refused.headers["Retry-After"]) > 0
        assert refused.headers["Connection"] == "close"
        assert plain.result()[0] == 201
        assert "event: draft.completed" in stream.result()
    _, err = server.process.communicate(timeout=30)
    assert (server.process.returncode, "Traceback" in err) == (0, False)


def test_told_twice_it_goes_at_once_and_everybody_is_told(tmp_path: Path, model: FakeModel) -> None:
    model.default = slow(50)
    server = with_model(tmp_path, model)
    with ThreadPoolExecutor() as pool:
        plain, stream = begun(server, model, pool), begun(server, model, pool, stream=True)
        server.process.send_signal(signal.SIGTERM)
        while server.call("GET", "/readyz")[0] == 200:
            pass
        server.process.send_signal(signal.SIGTERM)
        status, problem = plain.result()
        assert (status, problem["code"]) == (503, "shutting_down")
        last = stream.result().strip().split("\n\n")[-1]
        assert last.startswith("event: draft.failed")
        assert '"code":"shutting_down"' in last
    _, err = server.process.communicate(timeout=30)
    assert (server.process.returncode, "Traceback" in err) == (0, False)
