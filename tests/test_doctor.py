"""What the doctor says, and how it ends."""

from __future__ import annotations

import json
import shutil
import sqlite3
from datetime import date
from pathlib import Path

import pytest

from service.cli import main
from service.commands.doctor import Line, diagnose
from service.settings import HOME
from tests.fake_model import FakeModel, Reply
from tests.fake_vectors import embeds


@pytest.fixture(autouse=True)
def _environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YOULI_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("YOULI_AUTH", "off")
    for name in ("YOULI_MODEL", "OPENAI_API_KEY", "OPENAI_BASE_URL", "YOULI_KNOWLEDGE_DIR", "YOULI_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)


def _lines(online: bool = False, today: date | None = None) -> dict[str, Line]:
    return {line.part: line for line in diagnose(online, today)}


def _copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = Path(shutil.copytree(HOME / "knowledge", tmp_path / "knowledge"))
    monkeypatch.setenv("YOULI_KNOWLEDGE_DIR", str(folder))
    return folder


def test_the_repository_is_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] is True
    states = {line["part"]: line["state"] for line in told["lines"]}
    assert states["knowledge"] == states["learned"] == states["data"] == states["prompts"] == "ok"


def test_overdue_rules_and_documents_are_named_and_stop_nothing() -> None:
    lines = _lines(today=date(2030, 1, 1))
    assert lines["rules"].state == lines["documents"].state == "note"
    assert "2027-" in lines["rules"].text
    assert "guidelines/" in lines["documents"].text


def test_sentences_not_learned_fail_the_gate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sentences = _copied(tmp_path, monkeypatch) / "forbidden" / "sentences" / "plain.txt"
    sentences.write_text(sentences.read_text(encoding="utf-8") + "花盆底有个小孔。\n", encoding="utf-8")
    assert main(["doctor"]) == 1
    assert "service.rulebook.learning" in capsys.readouterr().out


def test_a_broken_file_is_told_with_its_line_and_the_rest_is_still_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (_copied(tmp_path, monkeypatch) / "facts.yaml").write_text("诉求: [\n", encoding="utf-8")
    assert main(["doctor"]) == 3
    out = capsys.readouterr().out
    assert "facts.yaml:" in out
    assert "数据库" in out


@pytest.mark.sqlite_only("a file that is none, or of another version")
def test_a_data_folder_that_is_a_file_and_a_database_that_is_none(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.write_text("x", encoding="utf-8")
    assert _lines()["data"].state == "broken"
    data.unlink()
    data.mkdir()
    (data / "youli.sqlite3").write_bytes(b"not a database at all" * 100)
    assert _lines()["database"].state == "broken"


@pytest.mark.sqlite_only("a file that is none, or of another version")
def test_an_older_database_is_noted_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    path = tmp_path / "data" / "youli.sqlite3"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
    connection.execute("INSERT INTO alembic_version VALUES ('0000')")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    assert _lines()["database"].state == "note"
    assert "0000" in _lines()["database"].text
    assert path.read_bytes() == before


def test_the_model_is_asked_only_online(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeModel(default=lambda _: Reply.status_of(401)) as fake:
        monkeypatch.setenv("YOULI_MODEL", "fake-1")
        monkeypatch.setenv("OPENAI_API_KEY", "sk-the-shops-own-key")
        monkeypatch.setenv("OPENAI_BASE_URL", fake.url)
        assert _lines()["model"].state == "ok"
        assert not fake.requests
        asked = _lines(online=True)["model"]
        assert fake.requests
    assert asked.state == "gate"
    assert "sk-the-shops" not in asked.text


def test_the_embeddings_endpoint_is_asked_only_online(monkeypatch: pytest.MonkeyPatch) -> None:
    def line(online: bool) -> tuple[str, str]:
        return next((found.state, found.text) for found in diagnose(online) if found.part == "embedding")

    assert line(online=True)[0] == "ok"
    monkeypatch.setenv("YOULI_EMBEDDING_MODEL", "e-1")
    assert line(online=True)[0] == "note"
    assert "YOULI_EMBEDDING_BASE_URL" in line(online=True)[1]
    with FakeModel() as fake:
        monkeypatch.setenv("YOULI_EMBEDDING_BASE_URL", fake.url)
        assert line(online=False)[0] == "ok"
        assert fake.requests == []
        fake.vectors = embeds(dim=96)
        assert line(online=True) == ("ok", "e-1 有应答，96 维")
        fake.vectors = lambda request: Reply.status_of(401)
        state, text = line(online=True)
        assert (state, "密钥" in text) == ("gate", True)
