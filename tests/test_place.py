"""The database's file: gone, replaced, older than it was, newer than the program; and damaged rows in it."""

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from service.database.drafts import DraftStore
from service.database.place import SUFFIX
from service.database.session import Database, known_migrations
from service.errors import EnvironmentProblem
from service.library.store import Library
from service.projection.index import VectorIndex
from service.rulebook.thesaurus import load_thesaurus
from service.schemas import Inquiry, Message, SearchRequest
from service.settings import HOME, Settings
from tests.fake_desk import a_draft
from tests.prepared import ready
from tests.rows import change

SAID = Inquiry(messages=(Message(role="customer", content="在吗"),))


async def opened(path: Path) -> Database:
    return await Database.open(f"sqlite+aiosqlite:///{path}")


async def draft(database: Database, name: str) -> None:
    await DraftStore(database).save_draft(a_draft(SAID, name), SAID)


@pytest.fixture
async def used(tmp_path: Path) -> Path:
    """A database with drafts in it, closed."""
    path = tmp_path / "y.sqlite3"
    database = await opened(path)
    await draft(database, "dft_1")
    await database.close()
    return path


@pytest.mark.parametrize("how", ["gone", "empty"])
async def test_a_database_that_vanished_is_not_begun_anew(used: Path, how: str) -> None:
    used.unlink()
    if how == "empty":
        used.touch()
    with pytest.raises(EnvironmentProblem) as problem:
        await opened(used)
    assert problem.value.code == "database_lost"
    assert str(used) in problem.value.detail
    assert not used.exists() or used.stat().st_size == 0


async def test_rows_that_were_in_the_wal_are_missed(used: Path, tmp_path: Path) -> None:
    running = await opened(used)
    await draft(running, "dft_2")
    await running._note_reached()
    other = tmp_path / "other"
    other.mkdir()
    for name in (used.name, used.name + SUFFIX):  # as it lies on the disk when the process is killed, without its -wal
        shutil.copy(used.with_name(name), other / name)
    await running.close()
    with pytest.raises(EnvironmentProblem) as problem:
        await opened(other / used.name)
    assert problem.value.code == "database_lost"
    (other / (used.name + SUFFIX)).unlink()  # somebody wants the older one
    await (await opened(other / used.name)).close()


async def test_what_was_committed_is_noted_soon_and_killed_it_opens_again(used: Path, monkeypatch) -> None:
    monkeypatch.setattr("service.database.session.MARK_S", 0.01)
    database = await opened(used)
    before = used.with_name(used.name + SUFFIX).read_text()
    await draft(database, "dft_3")
    for _ in range(6000):  # patience on a loaded machine
        await asyncio.sleep(0.01)
        if used.with_name(used.name + SUFFIX).read_text() != before:
            break
    else:
        raise AssertionError("never noted")
    await database.close()
    await (await opened(used)).close()


@pytest.mark.parametrize("how", ["gone", "replaced"])
async def test_taken_away_while_it_runs_nothing_is_written_into_nowhere(used: Path, tmp_path: Path, how: str) -> None:
    database = await opened(used)
    copy = shutil.copy(used, tmp_path / "copy")
    kept = used.rename(tmp_path / "kept")
    if how == "replaced":
        Path(copy).replace(used)
    for work in (draft(database, "dft_4"), DraftStore(database).get_draft("dft_1", "default")):
        with pytest.raises(EnvironmentProblem) as problem:
            await work
        assert (problem.value.code, problem.value.status) == ("database_gone", 503)
    kept.rename(used)
    await draft(database, "dft_5")
    await database.close()


async def test_a_newer_database_is_refused_with_both_versions(used: Path) -> None:
    with closing(sqlite3.connect(used)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    before = used.read_bytes()
    with pytest.raises(EnvironmentProblem) as problem:
        await opened(used)
    assert problem.value.code == "database_newer"
    assert "9999" in problem.value.detail
    assert known_migrations()[-1] in problem.value.detail
    assert used.read_bytes() == before


@pytest.fixture
async def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Settings]:
    monkeypatch.setattr(VectorIndex, "prepare", lambda index: None)
    monkeypatch.setattr(VectorIndex, "project", lambda *given: True)
    yield Settings(auth="off", data_dir=ready(tmp_path / "data"))


async def served(settings: Settings) -> Library:
    return await Library.open(settings, load_thesaurus(HOME / "knowledge" / "thesaurus.yaml"), owner=True)


def changed(settings: Settings, statement: str) -> None:
    assert all(change(settings.data_dir, statement))


async def test_a_passage_that_changed_by_itself_is_cut_anew(settings: Settings) -> None:
    query = SearchRequest(query="七天无理由退货", k=5)
    library = await served(settings)
    before = [(passage.document_id, passage.text) for passage in library.search(query)]
    await library.close()
    changed(settings, f"UPDATE chunks SET text = 'X' || substr(text, 2) WHERE document_id = '{before[0][0]}'")
    library = await served(settings)
    assert [(passage.document_id, passage.text) for passage in library.search(query)] == before
    await library.close()


async def test_a_document_that_is_gone_by_itself_keeps_the_service_from_starting(settings: Settings) -> None:
    some = "(SELECT min(document_id) FROM versions)"
    changed(settings, f"UPDATE versions SET state = 'publishad' WHERE document_id = {some}")
    with pytest.raises(EnvironmentProblem) as problem:
        await served(settings)
    assert problem.value.code == "documents_damaged"
    assert "youli restore" in problem.value.detail


@pytest.mark.sqlite_only("a broken file")
@pytest.mark.parametrize("value", ["CAST(X'ff41' AS TEXT)", '\'{"kind": "guid\''])
async def test_a_column_nobody_can_read_is_a_damaged_database(settings: Settings, value: str) -> None:
    changed(
        settings, f"UPDATE versions SET labels = {value} WHERE document_id = (SELECT min(document_id) FROM versions)"
    )
    with pytest.raises(EnvironmentProblem) as problem:
        await served(settings)
    assert problem.value.code == "database_broken"
