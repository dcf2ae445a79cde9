"""The knowledge commands: documents in, versions shown, compared, published, rolled back, beside a running server."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from service.cli import main
from service.commands import progress as bars
from tests.papers import HELD, gift
from tests.prepared import ready
from tests.test_serve import ROOT, START_S, _command, _environment, start_server


@pytest.fixture(autouse=True)
def _own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YOULI_DATA_DIR", str(tmp_path / "data"))


@pytest.fixture
def papers(tmp_path: Path) -> Path:
    """A folder with three files, one of which nobody can read, and one that is hidden."""
    folder = tmp_path / "papers"
    (folder / "inner").mkdir(parents=True)
    (folder / "a.md").write_bytes(gift("三", HELD))
    (folder / "inner" / "b.md").write_bytes(gift("五"))
    (folder / "c.md").write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00")
    (folder / ".hidden.md").write_bytes(gift("九"))
    return folder


def run(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    """What a command prints."""
    assert main(["knowledge", *arguments]) == code
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return out if code == 0 or out else err


def told(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    """What a command answers a program."""
    return json.loads(run(capsys, *arguments, "--json", code=code))


def test_a_documents_life_from_the_shell(capsys: pytest.CaptureFixture[str], papers: Path) -> None:
    first = told(capsys, "add", str(papers / "a.md"), "--kind", "shop", "--publish", "--author", "小林")
    document = first["id"]
    assert (first["state"], first["held"], first["revision"]) == ("published", 1, 2)
    more = ("--document", document, "--author", "小周", "--note", "改成五天", "--platform", "淘宝")
    second = told(capsys, "add", str(papers / "inner" / "b.md"), *more, "--effective-to", "2099-01-01")
    assert (second["id"], second["version"], second["state"]) == (document, 2, "draft")

    diff = run(capsys, "diff", document)
    assert "- 礼盒拆开后少件的，三天内补发。" in diff
    assert "+ 礼盒拆开后少件的，五天内补发。" in diff
    assert "淘宝" in diff
    assert "\x1b" not in diff
    assert told(capsys, "diff", document, "--from", "2", "--to", "1")["from"] == 2

    assert "第2版" in run(capsys, "publish", document)
    assert told(capsys, "rollback", document)["published"] == 1
    held = told(capsys, "held", document)
    assert [(row["n"], row["text"], row["released"]) for row in held["held"]] == [(1, HELD, False)]
    assert HELD in run(capsys, "held", document)
    told(capsys, "release", document, "1", "--author", "法务", "--note", "依法")
    assert "法务" in run(capsys, "held", document)
    told(capsys, "release", document, "1", "--hold")

    history = told(capsys, "history", document)
    actions = [row["action"] for row in history["changes"]]
    assert actions == ["added", "published", "added", "published", "rolled_back", "released", "held"]
    shown = run(capsys, "history", document)
    for words in ("小林", "小周", "改成五天", "退回", "放行"):
        assert words in shown
    assert "扣下" in run(capsys, "show", document)
    assert "五天内" in told(capsys, "show", document, "--version", "2")["text"]
    assert told(capsys, "retire", document)["state"] == "retired"
    assert "已下架" in run(capsys, "list", "--state", "retired")
    assert told(capsys, "list", "--state", "published", "--source", "upload")["documents"] == []


def test_a_change_thought_for_another_revision_is_refused(capsys: pytest.CaptureFixture[str], papers: Path) -> None:
    document = told(capsys, "add", str(papers / "a.md"), "--publish")["id"]
    told(capsys, "add", str(papers / "inner" / "b.md"), "--document", document)
    problem = told(capsys, "publish", document, "--if-revision", "2", code=1)
    assert problem["code"] == "precondition_failed"
    assert [row["action"] for row in problem["changes"]] == ["added"]
    assert told(capsys, "publish", document, "--if-revision", "3")["published"] == 2


def test_of_a_folder_what_can_be_read_is_taken(capsys: pytest.CaptureFixture[str], papers: Path) -> None:
    done = told(capsys, "add", str(papers), "--kind", "shop", code=2)
    assert [Path(row["file"]).name for row in done["documents"]] == ["a.md", "b.md"]
    assert [(Path(row["file"]).name, row["code"]) for row in done["failed"]] == [("c.md", "unsupported_document")]
    again = run(capsys, "add", str(papers / "a.md"), str(papers / "inner"), "--kind", "shop")
    assert again.count("没有另存一份") == 2
    assert "入库 2 份" in again


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("add", "{papers}", "--document", "doc_x"), 2, "--document"),
        (("add", "{papers}/empty"), 2, "没有文件"),
        (("add", "{papers}/a.md", "--document", "doc_none"), 2, "doc_none"),
        (("add", "{papers}/a.md", "--effective-from", "明天"), 2, "--effective-from"),
        (("add", "{papers}/a.md", "--effective-from", "2026-02-02", "--effective-to", "2026-02-01"), 2, "失效日期"),
        (("add", "{papers}/a.md", "--kind", "novel"), 2, "novel"),
        (("show", "doc_none"), 2, "doc_none"),
        (("history", "doc_none"), 2, "doc_none"),
        (("diff", "doc_none"), 2, "doc_none"),
        (("publish", "doc_none"), 2, "doc_none"),
        (("release", "doc_none", "1"), 2, "doc_none"),
        (("release", "doc_none", "0"), 2, "N"),
        (("list", "--state", "new"), 2, "new"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    capsys: pytest.CaptureFixture[str], papers: Path, arguments: tuple[str, ...], code: int, says: str
) -> None:
    (papers / "empty").mkdir()
    line = run(capsys, *(part.format(papers=papers) for part in arguments), code=code)
    assert says in line
    assert line.count("\n") == 1


def test_shipped_documents_are_changed_in_their_files_only(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, "sync")["added"]
    problem = told(capsys, "retire", "law/seven-day-return", code=1)
    assert (problem["code"], problem["path"]) == ("file_managed", "knowledge/rules/law/seven-day-return.md")
    listed = told(capsys, "list", "--source", "file", "--kind", "law", "--text", "seven-day")
    assert [row["id"] for row in listed["documents"]] == ["law/seven-day-return"]


class Terminal(io.StringIO):
    """A place to print that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_bar_is_shown_to_people_only(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with bars.progress("入库", hidden=True) as told_:
        assert told_ is None
    with bars.progress("入库", hidden=False) as told_:
        assert told_ is not None
        told_(1, 2, "a.md")
    assert "入库" in terminal.getvalue()
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with bars.progress("入库", hidden=False) as told_:
        assert told_ is None


def test_a_running_server_serves_what_the_shell_publishes(papers: Path, tmp_path: Path) -> None:
    server = start_server(ready(tmp_path / "data"))
    try:

        def shell(*arguments: str) -> dict[str, Any]:
            done = subprocess.run(
                _command("knowledge", *arguments, "--json"),
                cwd=ROOT,
                env=_environment(tmp_path / "data"),
                capture_output=True,
                text=True,
                timeout=START_S,
            )
            assert done.returncode == 0, done.stderr
            answer: dict[str, Any] = json.loads(done.stdout)
            return answer

        def found(document: str, holds: str | None) -> None:
            asked = {"query": "礼盒少件多久补发", "documents": [document]}
            until = time.monotonic() + START_S
            while time.monotonic() < until:
                _, body = server.call("POST", "/v1/knowledge/search", asked)
                texts = [passage["text"] for passage in body["passages"]]
                if any(holds in text for text in texts) if holds else not texts:
                    return
                time.sleep(0.1)
            raise AssertionError(f"{holds} was not served")

        document = shell("add", str(papers / "a.md"), "--publish")["id"]
        found(document, "三天内")
        shell("add", str(papers / "inner" / "b.md"), "--document", document, "--publish")
        found(document, "五天内")
        shell("rollback", document)
        found(document, "三天内")
        shell("retire", document)
        found(document, None)
        assert server.call("GET", f"/v1/knowledge/documents/{document}")[1]["revision"] == 6
    finally:
        server.stop()
