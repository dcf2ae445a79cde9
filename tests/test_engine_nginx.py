"""``deploy/``: nginx for real in front of the doors; what cannot be run here is looked through."""

from __future__ import annotations

import http.client
import http.server
import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
import yaml

from service.api.limits import JSON_BYTES, UPLOAD_BYTES
from service.app import create_app
from service.limiting.numbers import numbers
from service.schemas.keys import KeyIn
from service.settings import HOME, Settings
from tests import engines
from tests.fake_desk import ASKED
from tests.guarded import with_keys
from tests.prepared import ready
from tests.serving import serving

pytestmark = pytest.mark.xdist_group("engines")
DEPLOY = HOME / "deploy"


@dataclass
class Front:
    port: int
    key: str = ""

    def call(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            given = {"Content-Type": "application/json", "Authorization": f"Bearer {self.key}"}
            connection.request(method, path, body, given | {k.replace("_", "-"): v for k, v in headers.items()})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()


def configuration(port: int, backends: list[str]) -> str:
    """The shipped file with this machine's addresses in it, and nothing else changed."""
    shipped = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    for name, address in zip(("api-1:8000", "api-2:8000"), backends, strict=True):
        shipped = shipped.replace(name, address)
    return (
        shipped.replace("listen 8080;", f"listen 127.0.0.1:{port};")
        .replace("/tmp/nginx", "@folder@/nginx")
        .replace("/dev/stderr", "@folder@/error.log")
        .replace("/dev/stdout", "@folder@/access.log")
        .replace("worker_connections 4096", "worker_connections 512")
    )


@contextmanager
def fronted(*backends: str, key: str = "") -> Iterator[Front]:
    engines.need("nginx")
    port = engines.free_port()
    nginx = engines.start_nginx(configuration(port, [address.removeprefix("http://") for address in backends]), port)
    try:
        yield Front(port, key)
    finally:
        nginx.remove()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The service with keys asked for, behind a real socket; its address, and a key."""
    data = ready(tmp_path_factory.mktemp("data"))
    settings = Settings(auth="on", data_dir=data, trusted_proxies="127.0.0.1")
    wanted = KeyIn.model_validate({"name": "desk", "role": "agent", "shop": "default"})
    with serving(create_app(settings)) as address:
        yield address, with_keys(settings.database, lambda keys: keys.create(wanted)).key


@pytest.fixture(scope="module")
def front(service: tuple[str, str]) -> Iterator[Front]:
    with fronted(service[0], service[0], key=service[1]) as made:
        yield made


def test_limits_in_front_are_those_behind() -> None:
    text = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    sizes = [int(size) * 2**20 for size in re.findall(r"client_max_body_size (\d+)m", text)]
    assert sizes == [JSON_BYTES, UPLOAD_BYTES]
    kept = re.search(r"keepalive_timeout (\d+)s;  # shorter", text)
    assert kept and int(kept[1]) < numbers().connections.idle_s
    assert f"client_header_timeout {numbers().connections.head_s:g}s" in text


def test_a_draft_comes_through_with_its_request_id(front: Front) -> None:
    status, headers, body = front.call("POST", "/v1/drafts", json.dumps(ASKED).encode(), X_Request_Id="desk-7")
    assert (status, headers["X-Request-Id"]) == (201, "desk-7"), body
    assert json.loads(body)["reply"]
    assert front.call("GET", "/healthz")[1]["X-Request-Id"].startswith("req_")
    assert front.call("GET", "/v1/drafts", Authorization="Bearer no")[0] == 401


def test_a_stream_comes_step_by_step_and_not_in_one_piece(front: Front) -> None:
    asked = json.dumps({**ASKED, "stream": True}).encode()
    head = ["POST /v1/drafts HTTP/1.1", "Host: localhost", "Content-Type: application/json"]
    head += [f"Authorization: Bearer {front.key}", f"Content-Length: {len(asked)}", "", ""]
    pieces: list[bytes] = []
    with socket.create_connection(("127.0.0.1", front.port), 30) as sock:
        sock.sendall("\r\n".join(head).encode() + asked)
        while b"draft.completed" not in b"".join(pieces):
            piece = sock.recv(65_536)
            assert piece, b"".join(pieces)
            pieces.append(piece)
    whole = b"".join(pieces)
    assert b"text/event-stream" in whole
    names = re.findall(rb"event: (draft\.[a-z]+)", whole)
    assert (names[0], names[-1]) == (b"draft.created", b"draft.completed")
    assert len(pieces) > 1


def test_too_much_is_refused_in_front_as_it_is_behind(front: Front) -> None:
    status, headers, body = front.call("POST", "/v1/drafts", b"x" * (JSON_BYTES + 1))
    told = json.loads(body)
    assert (status, told["code"], headers["Content-Type"]) == (413, "body_too_large", "application/problem+json")


class _Heard(http.server.BaseHTTPRequestHandler):
    """A backend that keeps the headers it was sent."""

    heard: ClassVar[list[dict[str, str]]] = []

    def do_GET(self) -> None:
        self.heard.append({name.lower(): value for name, value in self.headers.items()})
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def test_what_a_stranger_says_of_himself_does_not_reach_the_service() -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Heard) as backend:
        threading.Thread(target=backend.serve_forever, daemon=True).start()
        address = f"127.0.0.1:{backend.server_address[1]}"
        with fronted(address, address) as front:
            lies = {"X_Forwarded_For": "8.8.8.8", "X_Forwarded_Proto": "gopher", "Forwarded": "for=9.9.9.9"}
            assert front.call("GET", "/v1/drafts?conversation=secret", **lies, traceparent="00-aa-bb-01")[0] == 204
        backend.shutdown()
    heard = _Heard.heard[-1]
    assert (heard["x-forwarded-for"], heard["x-forwarded-proto"], heard["host"]) == ("127.0.0.1", "http", "127.0.0.1")
    assert not heard.keys() & {"forwarded", "traceparent", "tracestate"}


def test_one_backend_that_is_gone_is_not_noticed_and_two_are_told(service: tuple[str, str]) -> None:
    nobody = f"127.0.0.1:{engines.free_port()}"
    with fronted(service[0], nobody) as front:
        assert {front.call("GET", "/healthz")[0] for _ in range(10)} == {200}
    with fronted(nobody, nobody) as front:
        status, headers, body = front.call("GET", "/version")
        assert (status, headers["Retry-After"], json.loads(body)["code"]) == (503, "2", "unavailable")


def composed() -> dict[str, Any]:
    told: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    return told


def test_only_nginx_has_a_port_and_nobody_is_root_or_unlimited() -> None:
    services = composed()["services"]
    assert {name for name, told in services.items() if "ports" in told} == {"nginx"}
    for name, told in services.items():
        assert told["read_only"] is True and told["cap_drop"] == ["ALL"], name
        assert int(str(told["user"]).split(":")[0]) > 0, name
        assert told["mem_limit"] and told["cpus"], name
        assert name in ("api-1", "api-2", "nginx") or "healthcheck" in told, name
        assert told["image"].count("/") == 0, "an image's name, no host"
    assert services["api-1"]["environment"] == services["api-2"]["environment"]


def test_bodies_of_strangers_cannot_fill_the_memory_nginx_has() -> None:
    told = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"]["nginx"]
    sizes = [int(size) for size in re.findall(r"size=(\d+)m", " ".join(told["tmpfs"]))]
    assert len(sizes) == len(told["tmpfs"])
    assert 8 * UPLOAD_BYTES < sum(sizes) * 2**20 <= int(told["mem_limit"].removesuffix("m")) * 2**20 / 2


def test_every_setting_named_there_is_one_and_no_secret_is_written_down() -> None:
    example = (DEPLOY / "env.example").read_text(encoding="utf-8")
    named = set(re.findall(r"^#? ?(YOULI_[A-Z_]+|OPENAI_[A-Z_]+)=", example, re.M))
    named |= set(composed()["services"]["api-1"]["environment"])
    known = {f"YOULI_{name.upper()}" for name in Settings.model_fields} | {"OPENAI_API_KEY", "OPENAI_BASE_URL"}
    assert named <= known
    assert re.findall(r"^(?:POSTGRES_PASSWORD|YOULI_SECRET)=(.*)$", example, re.M) == ["", ""]
    volumes = set(composed()["volumes"])
    used = {v.split(":")[0] for told in composed()["services"].values() for v in told.get("volumes", [])}
    assert used - {"./nginx.conf"} == volumes


def test_the_image_takes_the_hashed_lock_and_gives_up_root() -> None:
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    assert "--require-hashes -r requirements.txt" in text
    last = text.rpartition("\nFROM ")[2]
    assert "\nUSER youli\n" in last and "STOPSIGNAL SIGTERM" in last
    for source in re.findall(r"^COPY ((?!--)[^\n]+) \S+$", text, re.M):
        assert all((HOME / part).exists() for part in source.split()), source
