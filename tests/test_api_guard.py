"""Without keys only programs on this machine are answered."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from service.app import create_app
from tests.fake_desk import FakeDesk, client_of, is_problem


def _local(desk: FakeDesk) -> TestClient:
    return TestClient(create_app(desk.settings, desk=desk))  # type: ignore[arg-type]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8000", "localhost:8000", "LOCALHOST", "[::1]", "[::1]:8000"])
def test_local_names_are_answered(host: str) -> None:
    assert _local(FakeDesk()).get("/healthz", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "evil.example:8000",
        "",
        "127.0.0.1:8000:1",
        "[::1",
        "::1",
        "testserver",
    ],
)
def test_other_names_are_refused(host: str) -> None:
    body = is_problem(_local(FakeDesk()).get("/healthz", headers={"host": host}), 403, "host_refused")
    assert host in body["detail"]


def test_two_hosts_are_refused() -> None:
    headers = [("host", "127.0.0.1"), ("host", "127.0.0.1")]
    is_problem(_local(FakeDesk()).get("/healthz", headers=headers), 403, "host_refused")


@pytest.mark.parametrize(
    "name", ["Origin", "Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "x-forwarded-proto", "X-Forwarded-Anything"]
)
@pytest.mark.parametrize("path", ["/healthz", "/v1/drafts", "/nowhere", "/openapi.json"])
def test_cross_site_and_forwarded_requests_are_refused_everywhere(name: str, path: str) -> None:
    is_problem(client_of(FakeDesk()).get(path, headers={name: "null"}), 403, "origin_refused")


def test_a_preflight_gets_no_leave() -> None:
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    answer = client_of(FakeDesk()).options("/v1/drafts", headers=headers)
    is_problem(answer, 403, "origin_refused")
    assert not any(name.startswith("access-control") for name in answer.headers)
