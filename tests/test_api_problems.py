"""Every error is a problem document; ids travel; nothing inside leaks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from service.api.problems import of_status
from service.errors import EnvironmentProblem, Unavailable
from service.logs import configure_logs
from tests.fake_desk import ASKED, FakeDesk, FakeDrafter, FakeStore, client_of, is_problem

JSON = {"content-type": "application/json"}
SECRET = "陈某某 13800001111"


def test_unknown_addresses_and_methods() -> None:
    client = client_of(FakeDesk())
    is_problem(client.get("/v1/nothing"), 404, "not_found")
    wrong = client.get("/v1/checks")
    is_problem(wrong, 405, "method_not_allowed")
    assert wrong.headers["allow"] == "POST"


@pytest.mark.parametrize("path", ["/v1/drafts", "/v1/checks", "/v1/privacy/mask", "/v1/knowledge/search"])
@pytest.mark.parametrize(
    ("content", "kind", "status", "code"),
    [
        (b"", "application/json", 400, "malformed_body"),
        (b"{", "application/json", 400, "malformed_body"),
        (b"\xff\xfe\x00", "application/json", 400, "malformed_body"),
        ("退款".encode("gb18030"), "application/json; charset=gbk", 400, "malformed_body"),
        (b'{"order": NaN}', "application/json", 400, "malformed_body"),
        (b"[" * 200_000, "application/json", 400, "malformed_body"),
        (b"{}", "text/plain", 415, "unsupported_media_type"),
        (b"a=b", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
        (b"{}", "application/jsonp", 415, "unsupported_media_type"),
        (b"[]", "application/json", 422, "invalid_request"),
        (b"null", "application/json", 422, "invalid_request"),
        (b"{}", "application/json", 422, "invalid_request"),
        (b'{"nobody_knows_this": 1}', "Application/JSON ; charset=utf-8", 422, "invalid_request"),
    ],
)
def test_bad_bodies(path: str, content: bytes, kind: str, status: int, code: str) -> None:
    answer = client_of(FakeDesk()).post(path, content=content, headers={"content-type": kind})
    is_problem(answer, status, code)


def test_no_content_type_at_all() -> None:
    is_problem(client_of(FakeDesk()).post("/v1/drafts", content=b"{}"), 415, "unsupported_media_type")


def test_unknown_query_keys_are_errors_everywhere() -> None:
    client = client_of(FakeDesk())
    for method, path in [("POST", "/v1/drafts"), ("GET", "/healthz"), ("GET", "/v1/drafts/dft_1"), ("GET", "/readyz")]:
        body = is_problem(client.request(method, path + "?debug=1&debug=2", json=ASKED), 422, "invalid_request")
        assert [e["pointer"] for e in body["errors"]] == ["/query/debug"]


@pytest.mark.parametrize("given", ["abc", "0a1B.-_", "x" * 64])
def test_a_sane_request_id_is_kept(given: str) -> None:
    client = client_of(FakeDesk())
    assert client.get("/healthz", headers={"x-request-id": given}).headers["x-request-id"] == given
    assert is_problem(client.get("/no", headers={"x-request-id": given}), 404, "not_found")["request_id"] == given


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "<script>", "a\tb", "-a", "é".encode()])
def test_any_other_request_id_is_replaced(given: str | bytes) -> None:
    answer = client_of(FakeDesk()).get("/healthz", headers={"x-request-id": given})
    assert answer.headers["x-request-id"].startswith("req_")


def test_request_ids_differ() -> None:
    client = client_of(FakeDesk())
    assert len({client.get("/healthz").headers["x-request-id"] for _ in range(20)}) == 20


def test_an_unhandled_error_is_a_plain_500_and_a_log_line_without_words(capfd: pytest.CaptureFixture[str]) -> None:
    configure_logs()
    desk = FakeDesk(drafter=FakeDrafter(before=RuntimeError(SECRET)))
    body = is_problem(client_of(desk).post("/v1/drafts", json=ASKED), 500, "internal_error")
    out, err = capfd.readouterr()
    lines = [json.loads(line) for line in err.splitlines()]
    assert [(line["event"], line["request_id"]) for line in lines] == [("unhandled", body["request_id"])]
    assert lines[0]["where"][0] == "RuntimeError"
    assert any("fake_desk.py" in place for place in lines[0]["where"])
    assert SECRET not in out + err + json.dumps(body, ensure_ascii=False)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Unavailable("db_busy"), 503, "db_busy"),
        (Unavailable("disk_full", path="data"), 503, "disk_full"),
        (EnvironmentProblem("database_broken", path="data/x", reason="SQLITE_CORRUPT"), 503, "database_broken"),
    ],
)
def test_a_part_that_is_down_is_named(error: Any, status: int, code: str) -> None:
    desk = FakeDesk(store=FakeStore(broken=error), drafter=FakeDrafter(before=error))
    client = client_of(desk)
    for answer in (client.get("/v1/drafts/dft_1"), client.post("/v1/drafts", json=ASKED)):
        is_problem(answer, status, code)
        assert ("retry-after" in answer.headers) == isinstance(error, Unavailable)  # the others wait for a person


def test_before_and_after_its_life_the_application_says_so() -> None:
    desk = FakeDesk()
    client = client_of(desk)
    client.app.state.desk = None  # type: ignore[attr-defined]
    is_problem(client.get("/readyz"), 503, "not_ready")
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize(("status", "code"), [(400, "malformed_form"), (404, "not_found"), (405, "method_not_allowed")])
def test_errors_by_number_have_a_code(status: int, code: str) -> None:
    error = of_status(status)
    assert (error.status, error.code) == (status, code)


def test_numbers_nobody_foresaw_keep_their_status() -> None:
    assert of_status(418).status == 418
