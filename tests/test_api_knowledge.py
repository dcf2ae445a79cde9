"""The knowledge doors: the form, the file's name, the search body."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.api.documents import shown_name
from service.errors import Conflict, UnsupportedDocument
from service.schemas import DocumentIngested
from tests.fake_desk import FakeDesk, FakeLibrary, client_of, is_problem

PATH = "/v1/knowledge/documents"
FORM = {"kind": "guideline"}


def _post(desk: FakeDesk, data: dict[str, str], name: str = "指引.md") -> Any:
    return client_of(desk).post(PATH, files={"file": (name, "# 指引".encode())}, data=data)


def test_an_upload_reaches_the_library_with_its_labels() -> None:
    desk = FakeDesk()
    answer = _post(
        desk,
        FORM | {"title": "开封指引", "publish": "true", "shop": "demo", "effective_from": "2026-12-01", "note": "新"},
    )
    assert answer.status_code == 201
    assert answer.json()["id"] == "doc_1"
    name, data, form = desk.library.added[0]
    assert (name, data.decode()) == ("指引.md", "# 指引")
    assert (form["kind"], form["title"], form["publish"], form["shop"]) == ("guideline", "开封指引", True, "demo")
    assert form["effective_from"].date().isoformat() == "2026-12-01"
    assert form["platform"] is None


@pytest.mark.parametrize(
    ("data", "pointer"),
    [
        (FORM | {"colour": "red"}, "/colour"),
        ({}, "/kind"),
        ({"kind": "novel"}, "/kind"),
        (FORM | {"publish": "perhaps"}, "/publish"),
        (FORM | {"shop": "两家"}, "/shop"),
        (FORM | {"effective_to": "明年"}, "/effective_to"),
        (FORM | {"title": "长" * 121}, "/title"),
        (FORM | {"authority": "king"}, "/authority"),
    ],
)
def test_a_wrong_form_field_is_pointed_at(data: dict[str, str], pointer: str) -> None:
    desk = FakeDesk()
    body = is_problem(_post(desk, data), 422, "invalid_request")
    assert [e["pointer"] for e in body["errors"]] == [pointer]
    assert desk.library.added == []


def test_a_form_without_a_file_or_with_text_for_one() -> None:
    client = client_of(FakeDesk())
    body = is_problem(client.post(PATH, files={"kind": (None, "guideline")}), 422, "invalid_request")
    assert body["errors"] == [{"pointer": "/file", "message": "这一项必须填"}]
    text = client.post(PATH, files={"kind": (None, "guideline"), "file": (None, "文字")})
    assert is_problem(text, 422, "invalid_request")["errors"] == [{"pointer": "/file", "message": "要用文件字段上传"}]


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary=x"])
def test_a_form_nobody_can_read(kind: str) -> None:
    answer = client_of(FakeDesk()).post(PATH, content=b"garbage", headers={"content-type": kind})
    is_problem(answer, 400, "malformed_form")


def test_json_is_no_form() -> None:
    is_problem(client_of(FakeDesk()).post(PATH, json=FORM), 415, "unsupported_media_type")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Conflict("file_managed", path="knowledge/guidelines/x.md"), 409, "file_managed"),
        (UnsupportedDocument(reason="不是文字"), 415, "unsupported_document"),
    ],
)
def test_what_the_library_refuses_is_a_problem(error: Exception, status: int, code: str) -> None:
    class Refusing(FakeLibrary):
        async def add(self, name: str, data: bytes, **form: Any) -> DocumentIngested:
            raise error

    is_problem(_post(FakeDesk(library=Refusing()), FORM), status, code)


@pytest.mark.parametrize(
    ("given_name", "shown"),
    [
        ("../../etc/passwd.txt", "passwd.txt"),
        ("C:\\规则\\退货.md", "退货.md"),
        ("退货\u202etxt.md", "退货txt.md"),
        ("退\x00货.md", "退货.md"),
        ("好" * 300 + ".md", "好" * 120 + ".md"),
        ("..", ""),
        ("", ""),
        ("没有后缀", "没有后缀"),
    ],
)
def test_a_file_name_is_only_a_name_to_show(given_name: str, shown: str) -> None:
    assert shown_name(given_name) == shown


@given(st.text(max_size=400))
def test_no_name_is_a_path_or_holds_marks_that_deceive(name: str) -> None:
    shown = shown_name(name)
    assert not set(shown) & set("/\\\x00\n\u202e\u200b")
    assert shown not in {".", ".."}
    assert len(shown) <= 131
    assert not any(unicodedata.category(c) in {"Cc", "Cs"} for c in shown)
    shown.encode()


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"query": ""}, "/query"),
        ({"query": "退", "k": 0}, "/k"),
        ({"query": "退", "k": 101}, "/k"),
        ({"query": "退", "kinds": ["novel"]}, "/kinds/0"),
        ({"query": "退", "at": "昨天"}, "/at"),
        ({"query": "退", "where": {"$ne": "x"}}, "/where"),
        ({"query": "退" * 2_001}, "/query"),
    ],
)
def test_a_wrong_search_is_pointed_at(body: dict[str, Any], pointer: str) -> None:
    answer = client_of(FakeDesk()).post("/v1/knowledge/search", json=body)
    assert [e["pointer"] for e in is_problem(answer, 422, "invalid_request")["errors"]] == [pointer]


def test_nothing_found_is_no_error() -> None:
    answer = client_of(FakeDesk()).post("/v1/knowledge/search", json={"query": "退"})
    assert (answer.status_code, answer.json()) == (200, {"passages": [], "degraded": False, "reason": None})
