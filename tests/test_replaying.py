"""A stored inquiry drafted again, under its own rulebook and under today's."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.cli import main
from service.rulebook.archive import pack, unpack
from service.rulebook.book import digest_of
from service.settings import HOME
from tests.prepared import ready

ASKED = ["draft", "颜色不喜欢，想退", "--order", "days_since_received=9", "--order", "used=false", "--json"]


@pytest.fixture
def knowledge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the knowledge folder that a test may change, and a data folder of its own."""
    copy = tmp_path / "knowledge"
    shutil.copytree(HOME / "knowledge", copy)
    monkeypatch.setenv("YOULI_KNOWLEDGE_DIR", str(copy))
    monkeypatch.setenv("YOULI_DATA_DIR", str(ready(tmp_path / "data")))
    return copy


def _stored(capsys: pytest.CaptureFixture[str]) -> str:
    assert main(ASKED) == 0
    draft = json.loads(capsys.readouterr().out)
    assert draft["verdict"] == "unreasonable"
    return str(draft["id"])


def _longer_window(knowledge: Path) -> None:
    path = knowledge / "facts.yaml"
    text = path.read_text("utf-8")
    path.write_text(text.replace('silent: "7"', 'silent: "30"'), "utf-8")


def test_nothing_changed_means_nothing_differs(knowledge: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draft = _stored(capsys)
    assert main(["draft", "--replay", draft, "--json"]) == 0
    replay = json.loads(capsys.readouterr().out)
    assert replay["changes"] == []
    assert replay["stored"]["id"] == draft


def test_a_changed_rule_shows_beside_what_the_recorded_rulebook_still_says(
    knowledge: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draft = _stored(capsys)
    _longer_window(knowledge)
    assert main(["draft", "--replay", draft, "--json"]) == 0
    replay = json.loads(capsys.readouterr().out)
    changes = {one["name"]: one for one in replay["changes"]}
    assert changes["verdict"] == {
        "name": "verdict",
        "stored": "unreasonable",
        "recorded": "unreasonable",
        "today": "reasonable",
    }
    assert main(["draft", "--replay", draft]) == 0
    out = capsys.readouterr().out
    assert "当时给出  unreasonable" in out
    assert "现在的规矩  reasonable" in out
    assert "当时的规矩现在重做" not in out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--replay", "dft_nobody"], "没有编号为 dft_nobody 的草稿"),
        (["东西没拆", "--replay", "dft_nobody"], "--replay 只带"),
        (["--replay", "dft_nobody", "--order", "opened=true"], "--replay 只带"),
    ],
)
def test_what_cannot_be_replayed_is_told(
    knowledge: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    assert main(["draft", *arguments]) == 2
    assert told in capsys.readouterr().err


def test_explain_says_what_was_heard_from_which_words_and_why(
    knowledge: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["draft", "颜色不喜欢，想退", "--order", "days_since_received=9", "--explain"]) == 0
    out = capsys.readouterr().out
    assert "（客户）→ 诉求 = 退货退款" in out
    assert "签收天数 = 9（订单）" in out
    assert "成立 首次反馈天数 超过 无理由天数" in out


def test_an_archive_is_the_rulebook_and_equal_for_equal_files(tmp_path: Path) -> None:
    archive = pack(HOME / "knowledge")
    unpack(archive, tmp_path)
    assert digest_of(tmp_path) == digest_of(HOME / "knowledge")
    assert pack(tmp_path) == archive


@given(st.binary(max_size=200))
def test_a_damaged_archive_is_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    with pytest.raises(ValueError):
        unpack(data, tmp_path_factory.mktemp("archive"))
