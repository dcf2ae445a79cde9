"""Strict JSON, and pydantic's complaints in Chinese."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from service.errors import InvalidRequest, MalformedBody
from service.intake import MAX_DEPTH, MAX_ERRORS, MAX_MARKS, invalid, pointer, read_json, read_model
from service.schemas import Inquiry

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_any_finite_json_value_is_read_as_the_standard_library_reads_it(value: object) -> None:
    assert read_json(json.dumps(value, ensure_ascii=True).encode()) == value


@given(st.binary(max_size=60))
def test_any_bytes_give_a_value_or_a_malformed_body(body: bytes) -> None:
    try:
        value = read_json(body)
    except MalformedBody as error:
        assert error.status == 400
        assert error.detail
    else:
        assert json.loads(body.decode("utf-8-sig")) == value


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "是空的"),
        (b" \n", "是空的"),
        (b"{", "第 1 行第 2 列"),
        (b'{"a":\n tru}', "第 2 行第 2 列"),
        ("退款".encode("gb18030"), "第 1 字节"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": [-Infinity]}', "NaN"),
        (b'{"a": 1e999}', "NaN"),
        (b"9" * 5_000, "NaN"),
        (b"[" * 100_000, "嵌套"),
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "嵌套"),
        (b"[" + b"1," * MAX_MARKS + b"1]", "太多"),
        (b"[" + b"[]," * (MAX_MARKS // 2) + b"[]]", "太多"),
        (b'{"a": 1, "b": {"c": 1, "c": 2}}', "“c”写了两次"),
        (b'{"\\ud800": 1, "\\ud800": 2}', "写了两次"),
    ],
)
def test_what_is_refused_is_said(body: bytes, says: str) -> None:
    with pytest.raises(MalformedBody) as caught:
        read_json(body)
    assert says in caught.value.detail
    caught.value.detail.encode()


def test_nesting_up_to_the_limit_is_read() -> None:
    depth = MAX_DEPTH
    assert read_json(b"[" * depth + b"1" + b"]" * depth)


def test_a_byte_order_mark_is_no_error() -> None:
    assert read_json(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


def _errors(body: object) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as caught:
        read_model(Inquiry, body)
    assert caught.value.code == "invalid_request"
    return {error["pointer"]: error["message"] for error in caught.value.errors}


def test_every_wrong_field_is_pointed_at_in_chinese() -> None:
    errors = _errors(
        {
            "messages": [{"role": "system", "content": "在吗", "extra": 1}, {"role": "customer"}],
            "order": {
                "days_since_received": -1,
                "amount": "很多",
                "used": "yes",
                "quantity": 1.5,
                "defect_evidence": "audio",
                "a/b~c": 1,
            },
            "now": "昨天",
            "shop": "两 家",
            "policy": [],
            "instruction": "好" * 501,
            "style": {"max_chars": 1},
        }
    )
    assert errors["/messages/0/role"] == "只能是 'customer'、'agent'"
    assert errors["/messages/0/extra"] == errors["/order/a~1b~0c"]
    assert "不认识" in errors["/order/a~1b~0c"]
    assert errors["/messages/1/content"] == "这一项必须填"
    assert errors["/order/days_since_received"] == "不能小于 0"
    assert errors["/order/amount"] == "要写成数字"
    assert errors["/order/used"] == "要写成 true 或 false"
    assert errors["/order/quantity"] == "要写成整数"
    assert "photo" in errors["/order/defect_evidence"]
    assert "2026" in errors["/now"]
    assert "格式" in errors["/shop"]
    assert errors["/policy"] == "要写成对象（花括号）"
    assert "500" in errors["/instruction"]
    assert errors["/style/max_chars"] == "不能小于 40"


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        ([], "messages_empty"),
        ([{"role": "customer", "content": "  "}], "messages_empty"),
        ([{"role": "agent", "content": "您好"}], "messages_empty"),
        ([{"role": "customer", "content": "退"}, {"role": "agent", "content": "好"}], "last_not_customer"),
    ],
)
def test_a_conversation_without_a_last_word_of_the_customer_has_its_own_code(messages: list[object], code: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_model(Inquiry, {"messages": messages})
    assert (caught.value.code, caught.value.status) == (code, 422)
    assert caught.value.errors[0]["pointer"] == "/messages"


def test_lone_surrogates_and_oversized_facts_are_named() -> None:
    message = [{"role": "customer", "content": "在"}]
    assert "代理对" in _errors({"messages": [{"role": "customer", "content": "\ud800"}]})["/messages/0/content"]
    many = {"messages": message, "order": {"facts": {str(n): n for n in range(101)}}}
    assert _errors(many)["/order/facts"] == "内容太多或太长，请删减"


def test_errors_repeat_nothing_of_what_was_sent() -> None:
    said = "我叫某某某住在某路"
    body = {"messages": [{"role": said, "content": 5}], "order": {"amount": said, "used": said}, "now": said}
    assert said not in json.dumps(list(_errors(body).items()), ensure_ascii=False)


def test_no_flood_of_errors() -> None:
    messages = [{"role": "nobody"}] * 150
    assert len(_errors({"messages": messages})) <= MAX_ERRORS


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=20) | st.integers(0, 99), max_size=4))
def test_a_pointer_can_be_taken_apart_again(location: list[str | int]) -> None:
    parts = pointer(["body", *location]).split("/")[1:]
    assert [p.replace("~1", "/").replace("~0", "~") for p in parts] == [str(x) for x in location]


def test_an_unknown_kind_of_error_still_has_a_sentence() -> None:
    error = invalid([{"type": "never_heard_of", "loc": ("query", "x")}])
    assert error.errors == [{"pointer": "/query/x", "message": "这个值不能用，请对照接口文档"}]


def test_a_model_that_fits_is_returned() -> None:
    class Small(BaseModel):
        a: int

    assert read_model(Small, {"a": 3}).a == 3
