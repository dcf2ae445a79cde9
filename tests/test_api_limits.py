"""Body sizes are counted while they come in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from service.api.limits import FILE_BYTES, JSON_BYTES, UPLOAD_BYTES
from tests.fake_desk import ASKED, FakeDesk, client_of, is_problem

JSON = {"content-type": "application/json"}


def _chunks(total: int, size: int = 65_536) -> Iterator[bytes]:
    for _ in range(total // size):
        yield b" " * size
    yield b" " * (total % size)


@pytest.mark.parametrize("path", ["/v1/drafts", "/v1/checks", "/v1/privacy/mask", "/v1/knowledge/search"])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_json_body_over_the_limit_is_413_however_it_comes(path: str, chunked: bool) -> None:
    size = JSON_BYTES + 1
    content = _chunks(size) if chunked else b" " * size
    answer = client_of(FakeDesk()).post(path, content=content, headers=JSON)
    body = is_problem(answer, 413, "body_too_large")
    assert str(JSON_BYTES) in body["detail"]
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize("chunked", [False, True])
def test_exactly_the_limit_is_read(chunked: bool) -> None:
    content = _chunks(JSON_BYTES) if chunked else b" " * JSON_BYTES
    is_problem(client_of(FakeDesk()).post("/v1/drafts", content=content, headers=JSON), 400, "malformed_body")


def test_a_declared_length_is_not_believed() -> None:
    headers = JSON | {"content-length": "5"}
    answer = client_of(FakeDesk()).post("/v1/drafts", content=_chunks(JSON_BYTES + 1), headers=headers)
    is_problem(answer, 413, "body_too_large")


def test_a_huge_declared_length_is_refused_unread() -> None:
    def never() -> Iterator[bytes]:
        raise AssertionError("read although the length was refused")
        yield b""

    desk = FakeDesk()
    answer = client_of(desk).post("/v1/drafts", content=b"{}", headers=JSON | {"content-length": "9" * 30})
    is_problem(answer, 413, "body_too_large")


def test_a_megabyte_message_inside_the_limit_is_a_field_error() -> None:
    message = {"role": "customer", "content": "a" * (JSON_BYTES - 200)}
    answer = client_of(FakeDesk()).post("/v1/drafts", json={"messages": [message]})
    body = is_problem(answer, 422, "invalid_request")
    assert body["errors"] == [{"pointer": "/messages/0/content", "message": "太长，最多 8000 个字"}]
    assert len(answer.content) < 2_000


def test_an_upload_may_be_larger_but_not_its_file() -> None:
    desk = FakeDesk()
    client = client_of(desk)
    form = {"kind": "guideline"}
    fits = client.post("/v1/knowledge/documents", files={"file": ("a.md", b"a" * FILE_BYTES)}, data=form)
    assert fits.status_code == 201
    assert len(desk.library.added[0][1]) == FILE_BYTES
    over = client.post("/v1/knowledge/documents", files={"file": ("a.md", b"a" * (FILE_BYTES + 1))}, data=form)
    assert str(FILE_BYTES) in is_problem(over, 413, "body_too_large")["detail"]
    far = client.post("/v1/knowledge/documents", files={"file": ("a.md", b"a" * UPLOAD_BYTES)}, data=form)
    assert str(UPLOAD_BYTES) in is_problem(far, 413, "body_too_large")["detail"]
    assert len(desk.library.added) == 1


def test_a_chunked_upload_over_the_limit_is_413_too() -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.md"\r\n\r\n'

    def body() -> Iterator[bytes]:
        yield head
        yield from _chunks(UPLOAD_BYTES)

    headers = {"content-type": "multipart/form-data; boundary=x"}
    answer = client_of(FakeDesk()).post("/v1/knowledge/documents", content=body(), headers=headers)
    is_problem(answer, 413, "body_too_large")


def test_ordinary_bodies_pass() -> None:
    assert client_of(FakeDesk()).post("/v1/drafts", json=ASKED).status_code == 201
