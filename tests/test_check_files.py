"""``youli check --file``: exported chats of any make, agents' turns only, and a report a spreadsheet opens safely."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.cli import main
from service.commands.chats import BadLine, Turn, load_exports, read_chats
from service.commands.check_file import safe_cell
from service.errors import UsageError
from service.settings import HOME

NAMES = load_exports(HOME / "knowledge")
HEAD = "会话ID,发送方,客服昵称,消息内容,发送时间\n"
CHATS = HEAD + (
    "c1,买家,,你们就是不给退是吧,2026-11-20 10:00\n"
    "c1,客服,小林,单号出来我发在这里。,2026-11-20 10:01\n"
    "c1,客服,小林,爱买不买。,2026-11-20 10:02\n"
    "c2,系统,,会话已结束,2026-11-20 10:03\n"
    'c2,客服,小周,"这个我得问问主管才知道，\n您等着吧。",2026-11-20 10:04\n'
)


def written(folder: Path, text: str | bytes, name: str = "chats.csv") -> str:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return str(path)


def turns(path: str) -> list[Turn | BadLine]:
    return list(read_chats(path, NAMES))


def checked(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    code = main(["check", "--file", *arguments, "--json"])
    body: dict[str, Any] = json.loads(capsys.readouterr().out)
    return code, body


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_every_encoding_reads_alike(tmp_path: Path, encoding: str) -> None:
    plain = turns(written(tmp_path, CHATS))
    assert turns(written(tmp_path, CHATS.encode(encoding), f"{encoding}.csv")) == plain
    assert [one.role for one in plain if isinstance(one, Turn)] == ["buyer", "agent", "agent", "other", "agent"]


@pytest.mark.parametrize(("suffix", "delimiter"), [("tsv", "\t"), ("csv", ";"), ("csv", "\t")])
def test_other_delimiters_are_seen(tmp_path: Path, suffix: str, delimiter: str) -> None:
    text = CHATS.replace(",", delimiter)
    read = [one.text for one in turns(written(tmp_path, text, f"chats.{suffix}")) if isinstance(one, Turn)]
    assert read[:2] == ["你们就是不给退是吧", "单号出来我发在这里。"]


def test_json_lines_and_english_names(tmp_path: Path) -> None:
    rows = [
        {"session_id": "s", "sender_type": "buyer", "content": "到哪了"},
        {
            "session_id": "s",
            "sender_type": "agent",
            "agent_name": "小林",
            "content": "爱买不买。",
            "send_time": 1764000000,
        },
    ]
    lines = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    found = turns(written(tmp_path, lines + "\n{broken\n[]\n", "chats.jsonl"))
    assert found[1] == Turn(2, "agent", "爱买不买。", "s", "小林", "1764000000")
    assert [one.line for one in found if isinstance(one, BadLine)] == [3, 4]


def test_a_header_below_a_few_lines_of_talk_is_found(tmp_path: Path) -> None:
    found = turns(written(tmp_path, "导出时间：2026-11-20\n店铺：示例\n" + CHATS))
    assert [one.line for one in found if isinstance(one, Turn)] == [4, 5, 6, 7, 8]


def test_nicknames_tell_the_agent_by_the_shops_name(tmp_path: Path) -> None:
    text = "发送人,内容\ntb_1234,在吗\n示例旗舰店:小林,爱买不买。\n"
    found = turns(written(tmp_path, text))
    assert [(one.role, one.agent) for one in found if isinstance(one, Turn)] == [
        ("buyer", "tb_1234"),
        ("agent", "示例旗舰店:小林"),
    ]


def test_a_list_of_sentences_is_all_the_agents(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, body = checked(capsys, written(tmp_path, "话术\n爱买不买。\n单号出来我发在这里。\n"))
    assert (code, body["checked"], body["blocked"]) == (1, 2, 1)


def test_only_agents_are_checked_and_counts_add_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, body = checked(capsys, written(tmp_path, CHATS))
    assert code == 1
    assert (body["checked"], body["passed"], body["blocked"]) == (3, 1, 2)
    assert {row["agent"] for row in body["findings"]} == {"小林", "小周"}
    for field in ("by_category", "by_severity", "by_agent", "by_rule"):
        assert sum(body[field].values()) == len(body["findings"])
    first = body["findings"][0]
    assert (first["line"], first["time"], first["text"]) == (4, "2026-11-20 10:02", "爱买不买。")


def test_what_the_buyer_said_in_the_same_chat_is_a_quotation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = "爱买不买随您便的态度"
    rows = f"c1,买家,,{said},\nc1,客服,小林,{said}，我看到了。,\n"
    _, own = checked(capsys, written(tmp_path, HEAD + rows))
    _, other = checked(capsys, written(tmp_path, HEAD + rows.replace("c1,买家", "c2,买家")))
    assert own["blocked"] == 0
    assert other["blocked"] == 1


def test_the_report_has_a_row_for_every_finding(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = written(tmp_path, CHATS + "c3,谁,,说了什么,\n"), tmp_path / "report.csv"
    assert main(["check", "--file", path, "--out", str(out)]) == 1
    shown = capsys.readouterr().out
    assert "小林" in shown
    assert str(out.name) in shown
    assert out.read_bytes().startswith(b"\xef\xbb\xbf")
    with out.open(encoding="utf-8-sig", newline="") as file:
        head, *rows = list(csv.reader(file))
    assert head == ["会话", "行号", "时间", "客服", "原文", "检出", "类别", "严重", "原因", "建议"]
    assert [row[1] for row in rows] == ["4", "6", "6", "8"]
    assert rows[0][:8] == ["c1", "4", "2026-11-20 10:02", "小林", "爱买不买。", "爱买不买", "主观拒绝", "必须改"]
    assert "谁" in rows[-1][8]


def test_no_cell_of_the_report_is_a_formula(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = "".join(f"{mark}c,客服,{mark}小林,{mark}爱买不买。,\n" for mark in ("=", "+", "-", "@", " =", "＝"))
    out = tmp_path / "report.csv"
    main(["check", "--file", written(tmp_path, HEAD + rows), "--out", str(out)])
    capsys.readouterr()
    with out.open(encoding="utf-8-sig", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert any(cell.startswith("'=") for cell in cells)
    assert not any(cell.lstrip().startswith(("=", "+", "-", "@", "＝")) for cell in cells)


@given(st.text(max_size=20))
def test_a_safe_cell_never_begins_a_formula(text: str) -> None:
    cell = safe_cell(text)
    assert not cell.lstrip().startswith(("=", "+", "-", "@"))
    assert not cell.startswith(("\t", "\r", "\n"))
    assert safe_cell(cell) == cell


@pytest.mark.parametrize(
    ("tail", "line", "said"),
    [
        ('c9,客服,小林,"没写完的', 8, "引号"),
        ("c9,客服\n", 8, "列数"),
        ("c9,路人甲,小林,爱买不买。,\n", 8, "路人甲"),
    ],
)
def test_a_broken_line_is_told_and_the_good_ones_are_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], tail: str, line: int, said: str
) -> None:
    code, body = checked(capsys, written(tmp_path, CHATS + tail))
    assert (code, body["blocked"]) == (1, 2)
    [bad] = body["bad_lines"]
    assert bad["line"] == line
    assert said in bad["reason"]


def test_a_stray_quotation_mark_does_not_swallow_what_follows(tmp_path: Path) -> None:
    found = turns(written(tmp_path, HEAD + 'c1,客服,小林,"爱买不买。,\n' + "c1,客服,小林,单号发您。,\n" * 3))
    assert [type(one).__name__ for one in found] == ["BadLine", "Turn", "Turn", "Turn"]


def test_a_wrongly_encoded_line_costs_only_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = CHATS.encode() + "c9,客服,小林,爱买不买。,\n".encode("gb18030") + "c9,客服,小林,爱买不买。,\n".encode()
    code, body = checked(capsys, written(tmp_path, data))
    assert (code, body["blocked"], [bad["line"] for bad in body["bad_lines"]]) == (1, 3, [8])


def test_bad_lines_alone_are_an_exit_code_of_their_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, body = checked(capsys, written(tmp_path, HEAD + "c1,客服,小林,单号出来我发您。,\nc1,谁,小林,好,\n"))
    assert (code, body["blocked"], len(body["bad_lines"])) == (2, 0, 1)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("chats.csv", "编号,备注\n1,好\n", "消息内容"),
        ("chats.csv", "\n\n", "空"),
        ("chats.csv", HEAD + "c1,买家,,在吗,\n", "knowledge/exports.yaml"),
        ("chats.xlsx", "PK", "CSV"),
    ],
)
def test_a_file_of_another_kind_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, text: str, said: str
) -> None:
    assert main(["check", "--file", written(tmp_path, text, name)]) == 2
    assert said in capsys.readouterr().err


def test_what_does_not_go_together_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, CHATS)
    for arguments in (
        ["check", "--file", path, "--out", path],
        ["check", "--file", path, "--out", str(tmp_path / "none" / "report.csv")],
        ["check", "--file", path, "--repair"],
        ["check", "爱买不买。", "--out", str(tmp_path / "report.csv")],
    ):
        assert main(arguments) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert Path(path).read_text(encoding="utf-8") == CHATS
    with pytest.raises(UsageError):
        turns(str(tmp_path / "missing.csv"))


def test_plain_text_files_are_checked_as_before(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--file", written(tmp_path, "爱买不买。\n", "reply.txt"), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["findings"][0]["excerpt"] == "爱买不买"


def test_repair_is_shown_at_the_shell(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "照片收到了。爱买不买。", "--repair"]) == 1
    assert "改好的：照片收到了。" in capsys.readouterr().out


def test_checking_a_text_imports_nothing_of_files_and_repair() -> None:
    code = (
        "import sys; from service.cli import main; main(['check', '爱买不买。']);"
        "print([m for m in sys.modules if m.endswith(('.chats', '.check_file', '.repair', '.batch'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
