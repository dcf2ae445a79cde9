"""Nothing a caller says gets into logs, metrics or traces, whatever door it is said at and however that ends."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import pytest
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from service import watching
from service.api.described import examples_of
from service.app import DOORS, create_app
from service.logs import configure_logs
from service.settings import Settings
from service.watching import record
from tests.collector import Collector
from tests.fake_desk import FakeDesk, FakeDrafter, client_of
from tests.prepared import ready

LATIN, WORDS, PHONE = "cnry7261x", "金丝雀在叫", "13977261000"
CANARIES = (LATIN, WORDS, PHONE)
SAID = f"{WORDS}{PHONE}{LATIN}\nERROR x\x1b[2J\u2028"
_NAMED = "User-Agent Referer Cookie Accept-Language X-Real-Name Traceparent Baggage X-A"
HEADERS = dict.fromkeys(_NAMED.split(), LATIN)
_FREE = "content text query final_text reason note instruction title product buyer operator conversation quote"
FREE = frozenset(_FREE.split())
"""Fields that take any words, so that a request with a canary in them is a good one."""
ROUTES = [route for door in DOORS for route in door.router.routes if isinstance(route, APIRoute)]
TAKEN = frozenset({"create_draft", "create_chat_completion", "create_check", "mask_text", "search_knowledge"})
"""Doors at which the good bodies must have been let in, or this would prove little."""
DEAR = frozenset({"start_run", "sample_drafts"})
"""They begin work in other processes; here they are only refused."""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TestClient, Collector]]:
    """The whole service in this process, with a collector that is told of everything."""
    patch = pytest.MonkeyPatch()
    told = Collector()
    patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", told.url)
    settings = Settings(auth="off", data_dir=ready(tmp_path_factory.mktemp("data")))
    with TestClient(create_app(settings, hosts={"testserver"}), raise_server_exceptions=False) as made:
        yield made, told
    left = record.untraced()
    if left is not None:
        left.close()
    told.close()
    patch.undo()


def everywhere(value: Any) -> Any:
    """A body with a canary in the place of every text, and as a key."""
    if isinstance(value, dict):
        return {**{key: everywhere(one) for key, one in value.items()}, LATIN: SAID}
    if isinstance(value, list):
        return [everywhere(one) for one in value]
    return SAID if isinstance(value, str) else value


def woven(value: Any, key: str = "") -> Any:
    """A good body with a canary behind every free text."""
    if isinstance(value, dict):
        return {name: woven(one, name) for name, one in value.items()}
    if isinstance(value, list):
        return [woven(one, key) for one in value]
    return value + SAID if isinstance(value, str) and key in FREE else value


def bodies(route: APIRoute) -> Iterator[Any]:
    """Bodies for a door: good ones with canaries, and bad ones."""
    for example in list(examples_of(str(route.operation_id)).values())[:1]:
        request = example.get("request")
        if request is not None:
            yield everywhere(request)
            if route.operation_id not in DEAR:
                yield woven(request)
                yield {**woven(request), "stream": True}
    yield SAID
    yield [SAID]


def knock(client: TestClient, route: APIRoute) -> list[int]:
    """Everything at one door; the statuses it answered with."""
    statuses = []
    for id in (SAID, "dft_" + LATIN) if "{" in route.path_format else ("",):
        path = re.sub(r"{[^}]*}", quote(id, safe=""), route.path_format)
        for method in sorted(route.methods):
            send: dict[str, Any] = {"headers": HEADERS}
            statuses.append(client.request(method, path, params={LATIN: SAID, "shop": LATIN}, **send).status_code)
            if method == "GET":
                statuses.append(client.request(method, path, **send).status_code)
                continue
            for body in bodies(route):
                statuses.append(client.request(method, path, json=body, **send).status_code)
            raw = f'{{"{SAID}": '.encode()
            kinds = {"content-type": "application/json", **HEADERS}
            statuses.append(client.request(method, path, content=raw, headers=kinds).status_code)
            form = {
                "files": {"file": (f"{SAID}.txt", SAID.encode() * 20)},
                "data": {"kind": "guideline", "title": SAID},
            }
            statuses.append(client.request(method, path, **form, **send).status_code)
            form["data"] = {"kind": SAID, LATIN: SAID}
            statuses.append(client.request(method, path, **form, **send).status_code)
    return statuses


def silent(told: str) -> None:
    for word in CANARIES:
        assert word not in told, told[max(0, told.index(word) - 300) : told.index(word) + 100]


def lines(captured: str) -> list[dict[str, Any]]:
    """The log, line by line: every one is JSON, and nothing in it looks like the end of another."""
    assert not set("\x1b\u2028") & set(captured)
    return [json.loads(line) for line in captured.splitlines()]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.operation_id)
def test_a_door_keeps_silent(
    app: tuple[TestClient, Collector], route: APIRoute, capfd: pytest.CaptureFixture[str]
) -> None:
    client, told = app
    configure_logs(logging.DEBUG)
    statuses = knock(client, route)
    captured = capfd.readouterr().err
    assert statuses and 500 not in statuses
    assert route.operation_id not in TAKEN or any(status < 300 for status in statuses)
    requests = [line for line in lines(captured) if line["event"] in ("request", "slow_request")]
    assert len(requests) == len(statuses)
    assert all({"request_id", "operation", "method", "status", "ms"} <= set(line) for line in requests)
    silent(captured)
    silent(client.get("/metrics").text)
    silent(b"".join(told.bodies).decode("utf-8", "replace"))


def test_an_error_nobody_foresaw_keeps_silent(capfd: pytest.CaptureFixture[str]) -> None:
    configure_logs(logging.DEBUG)
    asked = {"messages": [{"role": "customer", "content": SAID}]}
    for stream in (False, True):
        for drafter in (FakeDrafter(before=RuntimeError(SAID)), FakeDrafter(after=RuntimeError(SAID))):
            client = client_of(FakeDesk(drafter=cast(FakeDrafter, drafter)), raise_server_exceptions=False)
            answer = client.post("/v1/drafts", json={**asked, "stream": stream})
            assert answer.status_code in (200, 500)
            assert LATIN not in answer.text
    captured = capfd.readouterr().err
    assert sum(line["event"] == "unhandled" for line in lines(captured)) == 4
    silent(captured)


def test_a_line_says_who_what_and_how_it_ended(capfd: pytest.CaptureFixture[str]) -> None:
    configure_logs(logging.INFO)
    client = client_of(FakeDesk())
    client.get("/v1/models")
    client.get("/v1/models/nobody")
    client.get("/healthz")
    whole, missing = lines(capfd.readouterr().err)
    assert {name: whole[name] for name in ("operation", "method", "status", "route", "level")} == {
        "operation": "list_models",
        "method": "GET",
        "status": 200,
        "route": "/v1/models",
        "level": "info",
    }
    assert (missing["status"], missing["code"]) == (404, "model_not_found")


def test_a_slow_request_is_a_warning(capfd: pytest.CaptureFixture[str]) -> None:
    configure_logs(logging.WARNING)
    settings = Settings(auth="off", data_dir=Path("unused"), slow_request_s=0.000001)
    client_of(FakeDesk(settings=settings)).get("/v1/models")
    (line,) = lines(capfd.readouterr().err)
    assert (line["event"], line["level"], line["operation"]) == ("slow_request", "warning", "list_models")


@pytest.mark.parametrize("error", [BrokenPipeError(32, "x"), OSError(28, "x"), ValueError("closed")])
def test_a_log_nobody_takes_stops_nothing(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    configure_logs(logging.INFO)
    client = client_of(FakeDesk())
    kept = watching.meters()
    assert kept is not None

    class Gone:
        def write(self, text: str) -> int:
            raise error

        def flush(self) -> None:
            raise error

    from tests.watched import value

    before = value("youli_log_lines_lost_total")
    monkeypatch.setattr("sys.stderr", Gone())
    assert client.get("/v1/models").status_code == 200
    monkeypatch.undo()
    assert value("youli_log_lines_lost_total") > before
    parts = client_of(FakeDesk()).get("/readyz").json()["parts"]
    assert parts["logs"]["state"] == "degraded"
