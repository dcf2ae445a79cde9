"""``youli eval review`` and ``agree`` at the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evals.review_log import NAME
from service.cli import main
from tests.reviewed_run import RUN_ID, given, put, result, row, score


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("YOULI_DATA_DIR", str(tmp_path))
    results = [result(f"c.{n}", score("steps", "failed" if n % 2 else "passed")) for n in range(4)]
    return put(tmp_path / "evals", results)


def saved(folder: Path, *rows: object, **more: object) -> str:
    path = folder / "reviews.json"
    path.write_text(given(*rows, **more).model_dump_json(), "utf-8")  # type: ignore[arg-type]
    return str(path)


def test_reviews_are_taken_in_and_told(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = saved(tmp_path, row("c.1", "steps", "appeal", None, "第五步在最后"))
    assert main(["eval", "review", file]) == 0
    out = capsys.readouterr().out
    assert RUN_ID in out and "新记 1 条" in out and "1 个申诉" in out
    assert main(["eval", "review", file, "--json", "--run", str(run)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["taken"], told["same"], told["open_appeals"]) == (0, 1, 1)


def test_what_does_not_fit_is_one_line_and_exit_2(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = saved(tmp_path, row("c.9", "steps", "agree"), row("c.1", "steps", "agree"))
    assert main(["eval", "review", file]) == 2
    assert "c.9" in capsys.readouterr().err and not (run / NAME).exists()
    broken = tmp_path / "broken.json"
    for text in ("{", '{"run": "x"}', '{"run": "run_none", "rubric": "", "reviewer": "周", "reviews": []}'):
        broken.write_text(text, "utf-8")
        assert main(["eval", "review", str(broken)]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert main(["eval", "review", saved(tmp_path, row("c.1", "steps", "agree"), run="run_none")]) == 2
    assert "run_none" in capsys.readouterr().err


def test_agreement_is_told_by_scorer(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", "agree"]) == 2
    assert "还没有哪次评测" in capsys.readouterr().err
    rows = [row(f"c.{n}", "steps", "blind", "failed" if n % 2 else "passed") for n in range(4)]
    assert main(["eval", "review", saved(tmp_path, *rows, blind=True)]) == 0
    capsys.readouterr()
    assert main(["eval", "agree", "latest", RUN_ID]) == 0
    out = capsys.readouterr().out
    assert "步骤齐" in out and "κ 1.00" in out and "4 条盲评" in out and "盲评太少" in out
    assert main(["eval", "agree", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["used"], told["scorers"][0]["scorer"], told["scorers"][0]["n"]) == (4, "steps", 4)


def test_what_waits_is_listed(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", "queue"]) == 0
    assert "等人看的 0 件" in capsys.readouterr().out
    assert main(["eval", "review", saved(tmp_path, row("c.1", "steps", "appeal", None, "第五步\x1b[31m在最后"))]) == 0
    blind = saved(tmp_path, row("c.0", "steps", "blind", "failed", "少一步"), blind=True, reviewer="小李")
    assert main(["eval", "review", blind]) == 0
    capsys.readouterr()
    assert main(["eval", "queue"]) == 0
    out = capsys.readouterr().out
    assert "申诉 1，盲评和机器不一样 1" in out and "要求改成“通过”" in out and "盲评的人说“不通过”" in out
    assert "小周：第五步" in out and "\x1b" not in out
    assert main(["eval", "queue", "--limit", "1", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["total"], len(told["items"]), told["items"][0]["kind"]) == (2, 1, "appeal")
