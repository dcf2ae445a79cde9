"""The server as a process: what refuses to start, what a running one withstands, how it stops."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from service.settings import HOME
from tests.prepared import ready

ROOT = Path(__file__).resolve().parent.parent
START_S = 60
"""Patience for a start on a loaded machine; nothing here asserts how long it took."""


def _environment(data: Path, **more: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("YOULI_", "OPENAI_"))}
    return kept | {"YOULI_DATA_DIR": str(data), "YOULI_AUTH": "off"} | more


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "service.cli", *arguments]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Server:
    process: subprocess.Popen[str]
    port: int
    data: Path

    def call(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] = {}) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            sent = None if body is None else json.dumps(body)
            connection.request(method, path, sent, {"Content-Type": "application/json", **headers})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        self.process.send_signal(number)
        _, err = self.process.communicate(timeout=30)
        return self.process.returncode, err


def start_server(data: Path, verbose: bool = False, **more: str) -> Server:
    process = subprocess.Popen(
        _command("serve", "--port", "0", *(["--verbose"] if verbose else [])),
        cwd=ROOT,
        env=_environment(data, **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()  # comes when the service is ready, or ends with the process
    if "http://127.0.0.1:" not in line:
        _, err = process.communicate(timeout=START_S)
        raise AssertionError(f"did not start: {err}")
    return Server(process, int(line.split("http://127.0.0.1:")[1].split(" ")[0]), data)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = start_server(tmp_path_factory.mktemp("served"))
    yield running
    if running.process.poll() is None:
        running.stop()


def _refused(data: Path, *arguments: str, **more: str) -> tuple[int, str]:
    done = subprocess.run(
        _command("serve", *arguments),
        cwd=ROOT,
        env=_environment(data, **more),
        capture_output=True,
        text=True,
        timeout=START_S,
    )
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


def _keyed(data: Path, *arguments: str) -> tuple[subprocess.Popen[str], list[str]]:
    """A server that asks for keys, and what it said until it was ready."""
    environment = _environment(data)
    del environment["YOULI_AUTH"]  # on is what it is by itself
    process = subprocess.Popen(
        _command("serve", "--port", "0", "--verbose", *arguments),
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    said: list[str] = []
    while not said or "http://" not in said[-1]:
        said.append(process.stdout.readline())
        assert said[-1], process.communicate()[1]
    return process, said


def test_keys_are_asked_for_and_the_first_start_alone_prints_one(tmp_path: Path) -> None:
    data = ready(tmp_path / "data")
    process, (key, sentence, line) = _keyed(data)
    key = key.strip()
    running = Server(process, int(line.split("http://127.0.0.1:")[1].split(" ")[0]), data)
    assert re.fullmatch(r"yl_[0-9A-Za-z]{12}\.[0-9A-Za-z]{43}", key)
    assert "管理员" in sentence
    bearer = {"Authorization": f"Bearer {key}", "Host": "desk.example", "Origin": "https://desk.example"}
    assert running.call("GET", "/v1/keys", headers=bearer)[0] == 200
    refusals = [running.call("GET", "/v1/keys", headers=h)[1] for h in ({}, {"Authorization": f"Bearer {key[:-1]}x"})]
    assert [refusal["code"] for refusal in refusals] == ["unauthorised"] * 2
    assert running.call("GET", f"/v1/keys?key={key}")[0] == 401
    code, log = running.stop()
    assert code == 0
    assert key.split(".")[1] not in log
    process, said = _keyed(data, "--host", "0.0.0.0")
    process.send_signal(signal.SIGTERM)
    assert (len(said), process.communicate(timeout=30)[0], process.returncode) == (1, "", 0)
    kept = b"".join(path.read_bytes() for path in data.glob("youli.sqlite3*"))
    assert key.split(".")[1].encode() not in kept


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "example.com"])
def test_any_other_bind_is_refused(tmp_path: Path, host: str) -> None:
    code, line = _refused(tmp_path, "--host", host)
    assert code == 3
    assert host in line


def test_a_taken_port_is_named_with_a_free_one(tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        code, line = _refused(tmp_path, "--port", str(port))
    assert code == 3
    assert f"127.0.0.1:{port}" in line
    suggested = int(line.split("--port ")[1].split("。")[0])
    with socket.socket() as free:
        free.bind(("127.0.0.1", suggested))


def test_a_second_server_on_the_same_folder_is_refused_and_the_first_lives_on(server: Server) -> None:
    code, line = _refused(server.data, "--port", str(_free_port()))
    assert code == 3
    assert str(server.process.pid) in line
    assert server.call("GET", "/readyz")[0] == 200


def test_a_folder_that_is_a_file_or_not_writable(tmp_path: Path) -> None:
    file = tmp_path / "data"
    file.write_text("kept")
    code, line = _refused(file, "--port", "0")
    assert (code, str(file) in line, file.read_text()) == (3, True, "kept")
    code, line = _refused(Path("/proc/youli"), "--port", "0")
    assert (code, "/proc/youli" in line) == (3, True)


@pytest.mark.sqlite_only("a broken file")
def test_a_broken_database_is_left_alone(tmp_path: Path) -> None:
    database = tmp_path / "youli.sqlite3"
    database.write_bytes(b"this is no database" * 100)
    code, line = _refused(tmp_path, "--port", "0")
    assert code == 3
    assert "youli.sqlite3" in line
    assert database.read_bytes().startswith(b"this is no database")


def test_a_broken_rule_file_is_named_with_its_line(tmp_path: Path) -> None:
    knowledge = tmp_path / "knowledge"
    shutil.copytree(HOME / "knowledge", knowledge)
    shop = knowledge / "shops" / "demo.yaml"
    shop.write_text(shop.read_text("utf-8") + "\nshop: again\n", "utf-8")
    code, line = _refused(tmp_path / "data", "--port", "0", YOULI_KNOWLEDGE_DIR=str(knowledge))
    assert code == 2
    assert f"demo.yaml:{shop.read_text('utf-8').count(chr(10))} " in line


def test_it_drafts_keeps_and_gives_back(server: Server) -> None:
    asked = {
        "messages": [{"role": "customer", "content": "没拆，颜色不喜欢，退了吧"}],
        "order": {"days_since_received": 2},
    }
    status, draft = server.call("POST", "/v1/drafts", asked)
    assert (status, draft["verdict"]) == (201, "reasonable")
    assert server.call("GET", f"/v1/drafts/{draft['id']}") == (200, draft)


def test_a_body_in_endless_chunks_is_cut_off(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as raw:
        head = "POST /v1/drafts HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        raw.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        sent = 0
        try:
            while sent < 64 * len(chunk):
                raw.sendall(chunk)
                sent += len(chunk)
        except OSError:
            pass  # it hung up on us, as it should
        answer = b""
        try:
            while part := raw.recv(65_536):
                answer += part
        except ConnectionResetError:
            pass
    assert answer == b"" or b" 413 " in answer.split(b"\r\n")[0]
    assert server.call("GET", "/healthz")[0] == 200


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
        b"\x16\x03\x01 no http\r\n\r\n",
        b"GET /" + b"a" * 100_000,
    ],
)
def test_what_is_no_http_harms_nobody(server: Server, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as raw:
        raw.sendall(sent)
        raw.shutdown(socket.SHUT_WR)
        try:
            answer = raw.recv(65_536)
        except ConnectionResetError:
            answer = b""
    assert answer == b"" or answer.startswith(b"HTTP/1.1 4")
    assert server.call("GET", "/healthz")[0] == 200


def test_a_strange_host_is_refused_over_the_wire(server: Server) -> None:
    status, problem = server.call("GET", "/healthz", headers={"Host": "rebound.example"})
    assert (status, problem["code"]) == (403, "host_refused")


def test_what_the_shell_publishes_the_server_finds(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "琴.md"
    file.write_text("# 口琴保养\n\n簧片受潮以后要拍干水汽，平放一夜再吹。\n", "utf-8")
    done = subprocess.run(
        _command("knowledge", "add", str(file), "--publish", "--json"),
        cwd=ROOT,
        env=_environment(server.data),
        capture_output=True,
        text=True,
        check=True,
    )
    asked = {"query": "簧片受潮", "documents": [json.loads(done.stdout)["id"]]}
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        if server.call("POST", "/v1/knowledge/search", asked)[1]["passages"]:
            return
        time.sleep(0.1)
    raise AssertionError("the server never saw what was published")


def test_it_stops_cleanly_and_starts_again_with_everything(tmp_path: Path) -> None:
    first = start_server(ready(tmp_path))
    draft = first.call("POST", "/v1/drafts", {"messages": [{"role": "customer", "content": "在吗"}]})[1]
    code, err = first.stop(signal.SIGTERM)
    assert code == 0
    assert "Traceback" not in err
    model, vectors = err.splitlines()  # each said once: no model is set, and none for vectors
    assert "话术" in model
    assert "离线向量" in vectors
    again = start_server(tmp_path)
    assert again.call("GET", f"/v1/drafts/{draft['id']}") == (200, draft)
    code, err = again.stop(signal.SIGINT)
    assert (code, "Traceback" in err) == (0, False)


def test_killed_it_loses_nothing_it_answered(tmp_path: Path) -> None:
    first = start_server(ready(tmp_path))
    drafts = [
        first.call("POST", "/v1/drafts", {"messages": [{"role": "customer", "content": "在吗"}]})[1] for _ in range(5)
    ]
    first.stop(signal.SIGKILL)
    again = start_server(tmp_path)
    for draft in drafts:
        assert again.call("GET", f"/v1/drafts/{draft['id']}") == (200, draft)
    assert again.stop()[0] == 0


def test_its_log_holds_ids_and_nobodys_words(tmp_path: Path) -> None:
    running = start_server(ready(tmp_path), verbose=True)
    said = {"messages": [{"role": "customer", "content": "我叫欧阳翠花，电话13800138000"}]}
    headers = {"X-Request-Id": "seen-in-the-log"}
    assert running.call("POST", "/v1/drafts", said, headers)[0] == 201
    assert running.call("POST", "/v1/checks", {"text": "欧阳翠花", "欧阳翠花": 1})[0] == 422
    assert running.call("GET", "/v1/drafts/13800138000")[0] == 404
    _, err = running.stop()
    lines = [json.loads(line) for line in err.splitlines() if line.startswith("{")]
    requests = [line for line in lines if line["event"] == "request"]
    assert [line["status"] for line in requests] == [201, 422, 404]
    assert requests[0]["request_id"] == "seen-in-the-log"
    assert requests[2]["route"] == "/v1/drafts/{id}"
    assert "翠花" not in err
    assert "13800138000" not in err
