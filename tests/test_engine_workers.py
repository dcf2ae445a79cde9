"""Two workers on PostgreSQL, a Chroma server and Redis, behind nginx: one service, whatever dies."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests import engines
from tests.prepared import learned
from tests.test_serve import START_S, Server, _command, _environment

pytestmark = pytest.mark.xdist_group("engines")
ROOT = Path(__file__).resolve().parent.parent
URL, CHROMA, REDIS = "YOULI_DATABASE_URL", "YOULI_CHROMA_URL", "YOULI_REDIS_URL"
ASKED = {"messages": [{"role": "customer", "content": "买了三天不喜欢，能退吗"}], "writer": "playbook"}


def _servers(name: str) -> dict[str, str]:
    return {
        URL: engines.postgres().fresh(name),
        CHROMA: f"http://127.0.0.1:{engines.chroma().port}",
        REDIS: f"redis://127.0.0.1:{engines.redis().port}/3",
    }


def _start(data: Path, *arguments: str, **more: str) -> Server:
    process = subprocess.Popen(
        _command("serve", "--port", "0", *arguments),
        cwd=ROOT,
        env=_environment(data, **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    if "http://127.0.0.1:" not in line:
        raise AssertionError(f"did not start: {process.communicate(timeout=START_S)[1]}")
    return Server(process, int(line.split("http://127.0.0.1:")[1].split(" ")[0]), data)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    data = learned(tmp_path_factory.mktemp("workers"))
    running = _start(data, "--workers", "2", **_servers("workers"))
    yield running
    if running.process.poll() is None:
        code, err = running.stop()
        assert code == 0, err


def _workers(server: Server) -> list[psutil.Process]:
    """The processes that serve: those that have the manager's port open."""
    found = []
    for child in psutil.Process(server.process.pid).children():
        with_port = [c for c in child.net_connections("tcp") if c.status == "LISTEN" and c.laddr.port == server.port]
        found += [child] if with_port else []
    return found


def _until(true: Callable[[], bool], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until
        time.sleep(0.1)


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({}, [URL, CHROMA, REDIS]),
        ({URL: "sqlite+aiosqlite:///x"}, [URL, CHROMA, REDIS]),
        ({URL: "postgresql://u:geheim@127.0.0.1:1/d", REDIS: "redis://127.0.0.1:1/0"}, [CHROMA]),
    ],
)
def test_several_workers_on_embedded_stores_are_refused_with_what_to_set(
    tmp_path: Path, given: dict[str, str], missing: list[str]
) -> None:
    given = {"YOULI_WORKERS": "2", "TEST_ENGINES": ""} | given
    done = subprocess.run(
        _command("serve", "--port", "0"),
        cwd=ROOT,
        env={k: v for k, v in _environment(tmp_path / "data", **given).items() if v},
        capture_output=True,
        text=True,
        timeout=START_S,
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (3, "", 1)
    assert [name for name in (URL, CHROMA, REDIS) if f"{name}（" in done.stderr] == missing
    assert "geheim" not in done.stderr and "YOULI_WORKERS" in done.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.thorough
def test_two_serve_and_what_one_publishes_the_other_says(server: Server) -> None:
    assert len(_workers(server)) == 2
    status, made = server.call("POST", "/v1/drafts", ASKED)
    assert status == 201
    for _ in range(6):  # whichever answers: it is in the database
        assert server.call("GET", f"/v1/drafts/{made['id']}")[1]["reply"] == made["reply"]
    before = {server.call("GET", "/version")[1]["knowledge_version"] for _ in range(8)}
    assert len(before) == 1
    document = "补发的赠品从浙江仓发出。"
    done = _upload(server, document)
    assert done["state"] == "published"

    def all_follow() -> bool:
        seen = {server.call("GET", "/version")[1]["knowledge_version"] for _ in range(12)}
        return len(seen) == 1 and not seen & before

    _until(all_follow, 120)
    for _ in range(8):
        found = server.call("POST", "/v1/knowledge/search", {"query": document, "k": 3})[1]["passages"]
        assert document in [passage["text"] for passage in found]


def _upload(server: Server, text: str) -> Any:
    fields = {"kind": "shop", "publish": "true"}
    parts = [f'--b\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields.items()]
    parts.append(f'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n{text}\r\n--b--\r\n')
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    connection.request("POST", "/v1/knowledge/documents", "".join(parts).encode(), headers)
    answer = connection.getresponse()
    told = json.loads(answer.read())
    connection.close()
    assert answer.status == 201, told
    return told


@pytest.mark.thorough
def test_vectors_are_searched_in_the_server_by_both(server: Server) -> None:
    def ready() -> bool:
        parts = [server.call("GET", "/readyz")[1]["parts"]["chroma"] for _ in range(6)]
        return all(part["state"] == "up" for part in parts)

    _until(ready)


@pytest.mark.thorough
def test_a_worker_that_is_killed_is_replaced_and_the_other_answers_meanwhile(server: Server) -> None:
    gone = _workers(server)[0]
    gone.kill()
    failed = 0
    for _ in range(20):
        try:
            assert server.call("POST", "/v1/drafts", ASKED)[0] == 201
        except (ConnectionError, http.client.HTTPException):
            failed += 1  # what had reached the one that was killed
    assert failed <= 2
    _until(lambda: len(now := _workers(server)) == 2 and gone.pid not in {process.pid for process in now})


@pytest.mark.thorough
def test_one_run_of_the_suite_at_a_time_whichever_worker_is_asked(server: Server) -> None:
    asked = {"only": ["overdue_no_reason"], "twins": False, "mutations": False, "judge": False}
    answers = [server.call("POST", "/v1/evals/runs", asked) for _ in range(8)]
    assert sorted({status for status, _ in answers}) == [202, 409]
    assert [status for status, _ in answers].count(202) == 1
    run = next(body for status, body in answers if status == 202)["run"]["id"]
    assert {server.call("GET", f"/v1/evals/runs/{run}")[1]["run"]["id"] for _ in range(4)} == {run}
    _until(lambda: server.call("GET", f"/v1/evals/runs/{run}")[1]["run"]["state"] != "running", 120)


@pytest.mark.thorough
def test_a_second_service_on_the_same_folder_is_refused(server: Server) -> None:
    done = subprocess.run(
        _command("serve", "--port", "0"), cwd=ROOT, env=_environment(server.data), capture_output=True, text=True
    )
    assert done.returncode == 3
    assert str(server.process.pid) in done.stderr


@pytest.mark.thorough
def test_told_to_stop_all_stop_and_say_so(server: Server) -> None:
    workers = _workers(server)
    started = [child for worker in workers for child in worker.children(recursive=True)]
    code, err = server.stop()
    assert code == 0, err
    _until(lambda: not any(process.is_running() for process in [*workers, *started]), 10)


@pytest.mark.thorough
def test_when_the_manager_is_killed_its_workers_end_too(tmp_path: Path) -> None:
    running = _start(learned(tmp_path), "--workers", "2", **_servers("killed"))
    workers = _workers(running)
    os.kill(running.process.pid, signal.SIGKILL)
    _until(lambda: not any(process.is_running() for process in workers), 15)
    running.process.communicate()  # nobody has its ends of the pipes any more
    again = _start(tmp_path, "--workers", "2", **_servers("killed2"))
    assert again.stop()[0] == 0
