import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import BodyTooLarge, InvalidRequest, UnsupportedDocument, YouliError
from service.library.files.front import read_date
from service.library.files.parse import parse as parse_with
from service.library.rules import load_rules
from service.settings import HOME

RULES = load_rules(HOME / "knowledge" / "library").files


def parse(name: str, data: bytes):
    return parse_with(name, data, RULES)


TEXT = "退货流程\n\n客户签收后七天内可以申请，运费由买家承担。质量有问题的，运费由店铺承担。\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16", "utf-16-le", "utf-16-be"])
def test_chinese_encodings_are_told_apart(encoding: str):
    assert parse("退货.txt", TEXT.encode(encoding)).text == TEXT


def test_big5_of_traditional_text_is_read():
    text = "退貨流程：客戶簽收後七天內可以申請，運費由買家承擔，質量有問題的由店鋪承擔。"
    assert parse("a.txt", text.encode("big5")).text == text


def test_line_ends_become_plain():
    assert parse("a.txt", "一\r\n二\r三\u2028四".encode()).text == "一\n二\n三\n四"


@pytest.mark.parametrize(
    "data",
    [
        b"PK\x03\x04" + b"x" * 200,
        b"%PDF-1.7 text",
        b"\x89PNG\r\n\x1a\n",
        b"\xd0\xcf\x11\xe0old word",
        bytes(range(256)) * 8,
    ],
)
def test_what_is_no_text_is_refused_whatever_its_name(data: bytes):
    with pytest.raises(UnsupportedDocument) as problem:
        parse("说明.txt", data)
    assert problem.value.code == "unsupported_document"
    assert problem.value.status == 415


@pytest.mark.parametrize("name", ["a.xlsx", "a", "a.exe", "../../etc/passwd", "规则.txt\0.exe"])
def test_other_suffixes_are_refused(name: str):
    with pytest.raises(UnsupportedDocument):
        parse(name, TEXT.encode())


@pytest.mark.parametrize("data", [b"", b" \n\t ", b"\xef\xbb\xbf", b"---\ntitle: x\n---\n\n"])
def test_nothing_in_it_is_an_empty_document(data: bytes):
    with pytest.raises(InvalidRequest) as problem:
        parse("a.md", data)
    assert problem.value.code == "empty_document"


def test_too_many_bytes_are_refused_before_they_are_read():
    with pytest.raises(BodyTooLarge):
        parse("a.txt", b"x" * (RULES.limits.bytes + 1))


def test_front_matter_is_taken_off_and_read():
    parsed = parse(
        "a.md", "---\nkind: law\ntitle: 运费\nquestions: [谁出运费, 邮费算谁的]\n---\n# 运费\n由店铺出。".encode()
    )
    assert (parsed.front.kind, parsed.front.title, parsed.front.questions) == (
        "law",
        "运费",
        ["谁出运费", "邮费算谁的"],
    )
    assert parsed.text == "# 运费\n由店铺出。"


def test_a_text_file_has_no_front_matter():
    assert parse("a.txt", "---\nkind: law\n---\n正文。".encode()).text.startswith("---")


@pytest.mark.parametrize(
    ("head", "line"), [("kind: laws", 2), ("title: a\ntitle: b", 3), ("owner: me", 2), ("a: [", 2)]
)
def test_broken_front_matter_names_its_line(head: str, line: int):
    with pytest.raises(InvalidRequest) as problem:
        parse("a.md", f"---\n{head}\n---\n正文。".encode())
    assert problem.value.parameters["line"] >= line
    assert (problem.value.status, problem.value.code) == (422, "front_matter_broken")


def test_dates_are_aware_and_nonsense_is_refused():
    day = read_date("2026-11-21")
    assert day is not None
    assert day.utcoffset() is not None
    with pytest.raises(InvalidRequest):
        read_date("明年春天")


@given(st.binary(max_size=400), st.sampled_from(["a.md", "a.txt"]))
def test_any_bytes_give_text_or_a_deliberate_error(data: bytes, name: str):
    try:
        parsed = parse(name, data)
    except YouliError as error:
        assert error.detail
    else:
        parsed.text.encode("utf-8")
        assert "\0" not in parsed.text
        assert parsed.text.strip()
