"""``youli keys``: made, listed, revoked at the command line, while a server may run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from service.cli import main


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YOULI_DATA_DIR", str(tmp_path / "data"))


def create(capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, object]:
    assert main(["keys", "create", "--name", "客服台", "--role", "agent", "--json", *more]) == 0
    made: dict[str, object] = json.loads(capsys.readouterr().out)
    return made


def test_a_key_goes_round(capsys: pytest.CaptureFixture[str]) -> None:
    made = create(capsys, "--shop", "demo", "--context-role", "lead", "--expires", "90d", "--rate", "60")
    assert (made["shop"], made["context_role"], made["rate_per_minute"]) == ("demo", "lead", 60)
    assert main(["keys", "list"]) == 0
    line = capsys.readouterr().out
    assert line.count("\n") == 1
    assert all(word in line for word in (str(made["id"]), "demo", "客服台", "组长", "能用"))
    assert str(made["key"]).split(".")[1] not in line
    assert main(["keys", "revoke", str(made["id"])]) == 0
    capsys.readouterr()
    assert main(["keys", "list", "--json"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)["keys"]
    assert listed["revoked_at"]
    assert main(["keys", "list", "--shop", "default"]) == 0
    assert str(made["id"]) not in capsys.readouterr().out


def test_a_person_sees_the_key_once_and_what_to_do_with_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "create", "--name", "管理", "--role", "admin", "--shop", "*", "--expires", "never"]) == 0
    key, said, facts = capsys.readouterr().out.splitlines()
    assert key.startswith("yl_")
    assert "一次" in said
    assert "不过期" in facts
    assert "所有店" in facts


@pytest.mark.parametrize(
    "more",
    [
        ["--shop", "*"],
        ["--shop", "A B"],
        ["--expires", "soon"],
        ["--expires", "0d"],
        ["--role", "boss"],
        ["--rate", "0"],
        ["--context-role", "boss"],
    ],
)
def test_what_cannot_be_is_one_line_and_exit_2(capsys: pytest.CaptureFixture[str], more: list[str]) -> None:
    assert main(["keys", "create", "--name", "x", "--role", "agent", *more]) == 2
    told = capsys.readouterr()
    assert (told.out, told.err.count("\n")) == ("", 1)
    assert main(["keys", "list"]) == 0
    assert "还没有钥匙" in capsys.readouterr().out


def test_a_key_there_is_none_of_is_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "revoke", "key_nobody"]) == 2
    assert "key_nobody" in capsys.readouterr().err
