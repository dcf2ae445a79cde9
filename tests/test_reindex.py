"""Damage in the database: seen, told, put right from the bytes that came in, and indexed anew."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import struct
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.cli import main
from service.library.examine import unsound
from service.library.store import Library
from service.owner import own_data_dir
from service.projection.folder import Folders
from service.rulebook.thesaurus import Thesaurus
from service.schemas import SearchRequest
from service.settings import HOME, Settings

TEXT = "# 摆件寄送\n\n## 包装\n摆件要用双层纸箱，四角垫泡沫。\n\n## 破损\n签收后两天内拍照，我们补寄。\n"
"""Two passages, of which the first ends at 26."""


@contextmanager
def rows(data: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(data / "youli.sqlite3")) as connection:
        connection.execute("PRAGMA foreign_keys=OFF")
        yield connection
        connection.commit()


@pytest.fixture
def document(settings: Settings, thesaurus: Thesaurus, monkeypatch: pytest.MonkeyPatch) -> str:
    """An uploaded document, published, in a data folder the shell works on."""
    monkeypatch.setenv("YOULI_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("YOULI_AUTH", "off")

    async def add() -> str:
        library = await Library.open(settings, thesaurus)
        made = await library.add("摆件.md", TEXT.encode(), kind="shop", publish=True)
        await library.close()
        return made.id

    return asyncio.run(add())


def reindex(capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    code = main(["knowledge", "reindex", "--json"])
    return code, json.loads(capsys.readouterr().out)


def doctor(capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, list[tuple[str, str]]]:
    capsys.readouterr()
    main(["knowledge", "doctor", "--json", *more])
    told: dict[str, list[tuple[str, str]]] = {}
    for line in json.loads(capsys.readouterr().out)["lines"]:
        told.setdefault(line["part"], []).append((line["state"], line["text"]))
    return told


def state(settings: Settings) -> list[Any]:
    """Text, passages and vectors as they lie there."""
    with rows(settings.data_dir) as connection:
        chunks = 'SELECT id, ordinal, section, text, indexed_text, start, "end", held FROM chunks ORDER BY ordinal'
        vectors = "SELECT chunk_id, fingerprint, dim, blob FROM vectors ORDER BY chunk_id"
        return [connection.execute(query).fetchall() for query in ("SELECT text FROM versions", chunks, vectors)]


@pytest.mark.sqlite_only("a file is damaged from outside")
def test_nothing_wrong_nothing_is_changed(
    document: str, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    before = state(settings)
    code, told = reindex(capsys)
    assert (code, told["examined"]) == (0, {"documents": 1, "versions": 1, "passages": 2})
    assert (told["restored"], told["renewed"], told["left"], told["vectors"]) == ([], [], [], 0)
    assert state(settings) == before
    assert told["pointer"].startswith("g1.")
    assert doctor(capsys)["rows"][0][0] == "ok"


HARM = {
    "a passage lost": "DELETE FROM chunks WHERE ordinal = 1",
    "all passages lost": "DELETE FROM chunks",
    "a passage in the middle": "UPDATE chunks SET ordinal = 7 WHERE ordinal = 1",
    "an offset": "UPDATE chunks SET start = start + 1 WHERE ordinal = 0",
    "a text": "UPDATE chunks SET text = '摆件不赔' WHERE ordinal = 0",
    "what is indexed": "UPDATE chunks SET indexed_text = 'x' WHERE ordinal = 0",
    "a section": "UPDATE chunks SET section = 'x' WHERE ordinal = 0",
    "what is held": "UPDATE chunks SET held = 1 WHERE ordinal = 0",
    "the whole text": "UPDATE versions SET text = replace(text, '补寄', '不管')",
    "text and passage alike": "UPDATE versions SET text = replace(text, '补寄', '不管');"
    "UPDATE chunks SET text = replace(text, '补寄', '不管')",
}


@pytest.mark.sqlite_only("a file is damaged from outside")
@pytest.mark.parametrize("harm", HARM.values(), ids=HARM)
def test_a_damaged_version_is_restored_from_its_bytes(
    document: str, settings: Settings, capsys: pytest.CaptureFixture[str], harm: str
) -> None:
    before = state(settings)
    with rows(settings.data_dir) as connection:
        connection.executescript(harm)
    seen = doctor(capsys)["rows"]
    assert seen[0][0] == "gate"
    assert document in seen[0][1]
    code, told = reindex(capsys)
    assert (code, told["restored"]) == (0, [[document, 1]])
    assert state(settings) == before
    assert doctor(capsys)["rows"][0][0] == "ok"


@pytest.mark.sqlite_only("a file is damaged from outside")
def test_vectors_that_cannot_be_are_made_anew(
    document: str, settings: Settings, thesaurus: Thesaurus, capsys: pytest.CaptureFixture[str]
) -> None:
    before = state(settings)
    with rows(settings.data_dir) as connection:
        dim = connection.execute("SELECT dim FROM vectors").fetchone()[0]
        broken = struct.pack(f"<{dim}f", *[float("nan")] * dim)
        connection.execute("UPDATE vectors SET blob = ? WHERE rowid IN (SELECT min(rowid) FROM vectors)", (broken,))
        connection.execute("UPDATE vectors SET blob = x'0011' WHERE rowid IN (SELECT max(rowid) FROM vectors)")
    assert any(state == "gate" and "2" in text for state, text in doctor(capsys)["rows"])
    code, told = reindex(capsys)
    assert (code, told["vectors"]) == (0, 2)
    assert state(settings) == before
    with rows(settings.data_dir) as connection:
        connection.execute("UPDATE vectors SET blob = x'00'")

    async def searched() -> bool:
        library = await Library.open(settings, thesaurus)  # a start does not stumble over them either
        found = library.search(SearchRequest(query="摆件怎么包"))
        await library.close()
        return bool(found)

    assert asyncio.run(searched())
    assert state(settings) == before


@pytest.mark.sqlite_only("a file is damaged from outside")
def test_rows_that_belong_to_nothing_go_and_missing_vectors_come(
    document: str, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    before = state(settings)
    with rows(settings.data_dir) as connection:
        connection.execute("INSERT INTO vectors SELECT 'nobody#0', fingerprint, shop, dim, blob FROM vectors LIMIT 1")
        connection.execute("DELETE FROM vectors WHERE chunk_id LIKE '%#1'")
    assert [state for state, _ in doctor(capsys)["rows"]] == ["note", "gate"]
    assert doctor(capsys, "--mend")["rows"][0][0] == "ok"
    assert state(settings) == before


@pytest.mark.sqlite_only("a file is damaged from outside")
def test_what_cannot_be_restored_is_named_and_left_alone(
    document: str, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    with rows(settings.data_dir) as connection:
        connection.execute("UPDATE versions SET raw = x'00'")
        connection.execute("DELETE FROM chunks WHERE ordinal = 1")
    before = state(settings)
    code, told = reindex(capsys)
    assert code == 1
    assert [(fault["document"], fault["version"], fault["why"]) for fault in told["left"]] == [
        (document, 1, ["raw", "seal"])
    ]
    assert state(settings)[1] == before[1]
    assert main(["knowledge", "doctor", "--mend"]) == 1
    assert document in capsys.readouterr().out


def test_a_running_server_is_asked_to_build_anew(
    document: str, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = own_data_dir(settings.data_dir)
    _, told = reindex(capsys)
    lock.close()
    assert told["server"]
    assert Folders(settings.data_dir / "chroma").rebuild_wanted()


@pytest.mark.sqlite_only("a file is damaged from outside")
def test_chroma_is_looked_at_from_outside(
    document: str, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    def told() -> tuple[str, str]:
        return doctor(capsys)["chroma"][0]

    none = told()
    root = settings.data_dir / "chroma"
    for number in (3, 4):
        (root / f"gen-{number}").mkdir(parents=True)
    damaged = told()
    assert (none[0], damaged[0]) == ("ok", "note")
    assert doctor(capsys)["chroma"][1][0] == "note"  # an old folder
    doctor(capsys, "--mend")
    assert [path.name for path in root.glob("gen-*")] == ["gen-4"]
    lock = own_data_dir(settings.data_dir)
    assert told()[0] == "note"
    assert doctor(capsys, "--mend")["chroma"][0][0] == "ok"
    lock.close()
    assert Folders(root).rebuild_wanted()


@given(st.lists(st.lists(st.floats(width=32, allow_nan=True), min_size=3, max_size=5), max_size=6))
def test_only_unit_vectors_and_nothing_are_vectors(drawn: list[list[float]]) -> None:
    blobs = [struct.pack(f"<{len(row)}f", *row) for row in drawn]
    blobs += [struct.pack("<4f", 0.6, 0.8, 0, 0), struct.pack("<4f", 0, 0, 0, 0)]
    bad = set(unsound([*blobs, None], 4))
    assert not bad & {len(drawn), len(drawn) + 1, len(drawn) + 2}
    for place, row in enumerate(drawn):
        length = sum(float(x) ** 2 for x in row) ** 0.5
        assert (place in bad) == (len(row) != 4 or not (not any(row) or abs(length - 1) < 1e-3))


def test_the_words_for_every_fault_are_there() -> None:
    import yaml

    from service.library.examine import Why

    told = yaml.safe_load((HOME / "service/commands/words.zh.yaml").read_text("utf-8"))["reindex_why"]
    assert set(told) == set(Why.__args__)  # type: ignore[attr-defined]
