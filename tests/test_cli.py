"""The command line: exit codes, one line per error, nothing heavy where a person waits."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.cli import main
from service.commands import checking
from service.commands.inputs import order_of, pairs
from service.commands.place import knowledge_dir
from service.commands.words import printable
from service.errors import UsageError
from service.settings import HOME, read_settings
from tests.prepared import ready

ROOT = Path(__file__).resolve().parent.parent
INQUIRY = {
    "messages": [{"role": "customer", "content": "颜色不喜欢，没拆，能退吗"}],
    "order": {"days_since_received": 3},
}


@pytest.fixture(autouse=True)
def _own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YOULI_DATA_DIR", str(ready(tmp_path / "data")))
    for name in ("YOULI_MODEL", "OPENAI_API_KEY", "OPENAI_BASE_URL", "YOULI_KNOWLEDGE_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def knowledge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the knowledge folder that a test may break."""
    copy = tmp_path / "knowledge"
    shutil.copytree(HOME / "knowledge", copy)
    monkeypatch.setenv("YOULI_KNOWLEDGE_DIR", str(copy))
    return copy


def _stdin(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def _fails(capsys: pytest.CaptureFixture[str], arguments: list[str], code: int) -> str:
    """The one line a failing command leaves on stderr; nothing on stdout."""
    assert main(arguments) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "Traceback" not in err
    return err.strip()


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == 0
    plain = capsys.readouterr().out
    assert main(["version", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["version"] in plain


def test_help_is_chinese_and_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    out = capsys.readouterr().out
    for command in ("demo", "draft", "check", "mask", "serve", "knowledge", "version"):
        assert command in out
    assert "规矩" in out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nosuch"], "nosuch"),
        (["draft"], "--file"),
        (["draft", "退", "--file", "x.json"], "--file"),
        (["draft", "退", "--order", "days_since_received"], "days_since_received"),
        (["draft", "退", "--order", "colour=red"], "facts."),
        (["draft", "退", "--order", "days_since_received=-3"], "/order/days_since_received 不能小于 0"),
        (["draft", "退", "--order", "used=maybe"], "/order/used"),
        (["draft", "退", "--shop", "两家"], "/shop"),
        (["draft", "退", "--shop", "nobody"], "nobody"),
        (["draft", "  "], "客户"),
        (["draft", "退", "--role", "king"], "king"),
        (["draft", "--file", "/nowhere/x.json"], "/nowhere/x.json"),
        (["check"], "--file"),
        (["check", ""], "/text"),
        (["check", "--file", "/nowhere/x.txt"], "/nowhere/x.txt"),
        (["mask", "a" * 50_001], "50000"),
        (["serve", "--port", "70000"], "65535"),
        (["knowledge"], "command"),
        (["knowledge", "add", "/nowhere/x.md"], "/nowhere/x.md"),
        (["knowledge", "search", "退", "--kind", "novel"], "/kinds/0"),
        (["knowledge", "search", ""], "/query"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    assert says in _fails(capsys, arguments, 2)


def test_with_json_an_error_is_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    error = json.loads(_fails(capsys, ["draft", "--json"], 2))
    assert error["code"] == "usage"
    assert "--file" in error["detail"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"{", "第 1 行"),
        (b"", "空"),
        ("退款".encode("gb18030"), "UTF-8"),
        (b'{"messages": []}', "messages"),
        (b'{"messages": [{"role": "customer", "content": "x"}, {"role": "agent", "content": "y"}]}', "customer"),
        (b'{"nobody": 1, "messages": [{"role": "customer", "content": "x"}]}', "/nobody"),
        (b"[]", "对象"),
    ],
)
def test_a_broken_inquiry_file_is_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, body: bytes, says: str
) -> None:
    _stdin(monkeypatch, body)
    assert says in _fails(capsys, ["draft", "--file", "-"], 2)


def _draft(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["draft", "--json", *arguments]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    found: dict[str, Any] = json.loads(out)
    return found


def test_a_draft_from_words_a_file_and_standard_input_is_one_draft(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "inquiry.json"
    file.write_text(json.dumps(INQUIRY, ensure_ascii=False), "utf-8")
    words = INQUIRY["messages"][0]["content"]  # type: ignore[index]
    first = _draft(capsys, str(words), "--order", "days_since_received=3")
    _stdin(monkeypatch, f"{words}\n".encode())
    second = _draft(capsys, "-", "--order", "days_since_received=3")
    third = _draft(capsys, "--file", str(file))
    assert first["verdict"] == "reasonable"
    assert {d["reply"] for d in (first, second, third)} == {first["reply"]}
    over = _draft(capsys, "--file", str(file), "--order", "days_since_received=30")
    assert over["verdict"] == "unreasonable"


def test_a_draft_for_a_person_names_everything(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["draft", "不想要了，全退给我", "--order", "days_since_received=40", "--explain"]) == 0
    out = capsys.readouterr().out
    for label in (
        "裁断  不合理",
        "依据",
        "读意",
        "共情安抚",
        "明确规则",
        "友好结束",
        "引文",
        "检出",
        "写法  话术",
        "怎么判",
    ):
        assert label in out
    assert "\x1b" not in out


def test_a_buyers_control_characters_do_not_reach_the_terminal() -> None:
    assert printable("好\x1b[2J\u202e\n吗") == "好 [2J \n吗"


@pytest.mark.parametrize(("text", "code"), [("这个不归我们管，您自己去找快递赔。", 1), ("收到，我这就给您看看。", 0)])
def test_check_is_a_gate(capsys: pytest.CaptureFixture[str], text: str, code: int) -> None:
    assert main(["check", text]) == code
    plain = capsys.readouterr().out
    assert ("必须改" in plain) == bool(code)
    assert main(["check", text, "--json"]) == code
    result = json.loads(capsys.readouterr().out)
    assert result["passed"] is (code == 0)
    for finding in result["findings"]:
        assert text[finding["start"] : finding["end"]] == finding["excerpt"]


def test_check_reads_a_file_and_standard_input(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "reply.txt"
    file.write_bytes(b"\xef\xbb\xbf" + "您自己去找快递赔。\n".encode())
    assert main(["check", "--file", str(file)]) == 1
    _stdin(monkeypatch, "您自己去找快递赔。".encode())
    assert main(["check", "--file", "-"]) == 1
    capsys.readouterr()
    file.write_bytes("您好".encode("utf-16"))
    assert "UTF-8" in _fails(capsys, ["check", "--file", str(file)], 2)


HEAVY = {"chromadb", "openai", "langchain", "langchain_core", "sqlalchemy", "fastapi", "uvicorn", "numpy", "structlog"}


@pytest.mark.parametrize("arguments", [["check", "您自己去找快递赔。"], ["version"], ["mask", "打13800138000"]])
def test_gates_import_nothing_heavy(arguments: list[str]) -> None:
    script = (
        "import sys; from service.cli import main; main(sys.argv[1:]);"
        f"print(sorted(set(sys.modules) & {HEAVY!r}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script, *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.stderr.strip() == "[]"
    assert done.stdout


def test_mask(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["mask", "打13800138000"]) == 0
    out = capsys.readouterr().out
    assert "13800138000" not in out
    assert "手机号" in out
    _stdin(monkeypatch, "打13800138000".encode())
    assert main(["mask", "-", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["entities"][0]["type"] == "phone"


def test_mask_reads_a_file_and_wants_one_source(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    said = tmp_path / "said.txt"
    said.write_text("我叫孟晓峰，电话13800138000\n", encoding="utf-8")
    assert main(["mask", "--file", str(said), "--json"]) == 0
    assert [e["type"] for e in json.loads(capsys.readouterr().out)["entities"]] == ["name", "phone"]
    _fails(capsys, ["mask"], 2)
    _fails(capsys, ["mask", "打13800138000", "--file", str(said)], 2)


def test_the_demo_shows_one_of_each_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--json"]) == 0
    drafts = [row["draft"] for row in json.loads(capsys.readouterr().out)]
    assert [d["verdict"] for d in drafts] == ["unreasonable", "reasonable", "needs_clarification"]
    assert drafts[0]["threat"] == "bad_review"
    assert all(d["steps"] and d["shop"] == "demo" for d in drafts)


def test_the_demo_ends_by_saying_what_to_type(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("有理有礼演示")
    assert "youli draft" in out.splitlines()[-3]
    for label in ("裁断  不合理", "裁断  合理", "裁断  需澄清"):
        assert label in out


def test_something_is_printed_before_the_heavy_part(capsys: pytest.CaptureFixture[str], knowledge: Path) -> None:
    (knowledge / "facts.yaml").unlink()
    assert main(["demo"]) == 2
    out, err = capsys.readouterr()
    assert out.startswith("有理有礼演示")
    assert "facts.yaml" in err


def test_knowledge_goes_round(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YOULI_DATA_DIR", str(tmp_path / "empty"))
    assert main(["knowledge", "sync", "--json"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert first["added"]
    assert main(["knowledge", "sync", "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert (again["added"], again["unchanged"]) == ([], len(first["added"]))
    file = tmp_path / "伞.md"
    file.write_text("# 雨伞养护\n\n伞骨沾了海水要用清水冲一遍，撑开阴干。\n", "utf-8")
    assert main(["knowledge", "add", str(file), "--kind", "guideline", "--publish", "--json"]) == 0
    added = json.loads(capsys.readouterr().out)
    assert added["state"] == "published"
    assert main(["knowledge", "search", "伞骨沾了海水", "--document", added["id"], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["passages"][0]["document_id"] == added["id"]
    assert main(["knowledge", "search", "伞骨沾了海水", "-k", "1"]) == 0
    assert "雨伞养护" in capsys.readouterr().out


def test_a_file_nobody_can_read_is_exit_2(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "x.md"
    file.write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00\x00")
    assert "md" in _fails(capsys, ["knowledge", "add", str(file)], 2)


def test_the_shipped_knowledge_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["knowledge", "check", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["problems"] == []


BREAKS = [
    ("facts.yaml", "\n诉求: {id: twice}\n", "facts.yaml"),
    ("method.yaml", "\n\tbroken: [\n", "method.yaml"),
    ("shops/demo.yaml", "\nnobody_knows: 1\n", "demo.yaml"),
    ("demo.yaml", "\n- {title: 坏的, inquiry: {messages: []}}\n", "demo.yaml"),
]


@pytest.mark.parametrize(("name", "broken", "says"), BREAKS)
def test_a_broken_file_is_named_with_its_line(
    capsys: pytest.CaptureFixture[str], knowledge: Path, name: str, broken: str, says: str
) -> None:
    file = knowledge / name
    file.write_text(file.read_text("utf-8") + broken, "utf-8")
    assert main(["knowledge", "check"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert f"{says}:" in err
    assert int(err.split(f"{says}:")[1].split(" ")[0]) > 1
    assert "Traceback" not in err


def test_a_broken_rulebook_stops_drafts_and_checks_alike(capsys: pytest.CaptureFixture[str], knowledge: Path) -> None:
    file = knowledge / "checks.yaml"
    file.write_text(file.read_text("utf-8") + "\n  bad indent: [\n", "utf-8")
    for arguments in (["draft", "退"], ["check", "好"], ["demo", "--json"]):
        assert "checks.yaml:" in _fails(capsys, arguments, 2)


def test_check_looks_where_the_settings_say(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert knowledge_dir() == read_settings().knowledge_dir
    monkeypatch.setenv("YOULI_KNOWLEDGE_DIR", str(tmp_path))
    assert knowledge_dir() == read_settings().knowledge_dir == tmp_path


def test_a_data_folder_that_cannot_be_used_is_exit_3(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    monkeypatch.setenv("YOULI_DATA_DIR", str(file))
    assert str(file) in _fails(capsys, ["knowledge", "sync"], 3)
    monkeypatch.setenv("YOULI_DATA_DIR", "/proc/youli")
    assert "/proc/youli" in _fails(capsys, ["draft", "退"], 3)
    assert file.read_text() == "x"


def test_a_setting_that_cannot_be_used_is_exit_3(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YOULI_DRAFT_DEADLINE_S", "soon")
    assert "YOULI_DRAFT_DEADLINE_S" in _fails(capsys, ["draft", "退"], 3)


def test_ctrl_c_is_quiet(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(checking, "run_mask", interrupted)
    assert main(["mask", "x"]) == 130
    assert capsys.readouterr() == ("", "")


def test_an_error_nobody_foresaw_is_one_line_without_anybodys_words(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> int:
        raise RuntimeError("王某某的电话")

    monkeypatch.setattr(checking, "run_mask", broken)
    line = _fails(capsys, ["mask", "x"], 1)
    assert "RuntimeError" in line
    assert "test_cli.py" in line
    assert "王某某" not in line


def test_a_reader_that_closes_early_is_no_error() -> None:
    command = f"{sys.executable} -m service.cli --help | true"
    done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True)
    assert done.stderr == ""


KEYS = st.text(st.characters(codec="utf-8", exclude_characters="="), min_size=1, max_size=10).filter(str.strip)


@given(st.dictionaries(KEYS.map(str.strip), st.integers() | st.booleans() | st.none(), max_size=5))
def test_pairs_read_back_what_json_writes(values: dict[str, Any]) -> None:
    assert pairs([f"{key}={json.dumps(value)}" for key, value in values.items()]) == values


def test_values_that_are_not_plain_json_are_text() -> None:
    given_pairs = pairs(["a=5元", "b=[1]", "c={}", "d=1e999", "e=NaN", "f=", "g=x=y", 'h="3"'])
    assert given_pairs == {"a": "5元", "b": "[1]", "c": "{}", "d": "1e999", "e": "NaN", "f": "", "g": "x=y", "h": '"3"'}


def test_order_fields_and_free_facts_are_told_apart() -> None:
    order = order_of(["used=false", "facts.运费险=有", "amount=89.5"])
    assert order == {"used": False, "amount": 89.5, "facts": {"运费险": "有"}}
    with pytest.raises(UsageError):
        order_of(["facts.=1"])
