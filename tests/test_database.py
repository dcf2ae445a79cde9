import asyncio
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database.drafts import DraftStore
from service.database.newrows import JsonText
from service.database.session import MIGRATIONS, Database
from service.database.tables import HEAD, drafts, metadata
from service.database.writer import GROUP
from service.errors import EnvironmentProblem, Unavailable
from service.schemas import Draft, Inquiry, Message
from tests.engines import url_of
from tests.fake_desk import a_draft


def row(name: str) -> dict[str, object]:
    return {
        "id": name,
        "shop": "default",
        "created_at": datetime.now(UTC),
        "knowledge_version": "g1",
        "inquiry": {},
        "draft": {},
    }


async def put(database: Database, name: str) -> str:
    async def work(connection: AsyncConnection) -> str:
        await connection.execute(insert(drafts).values(row(name)))
        return name

    return await database.write(work)


async def count(database: Database) -> int:
    async with database.reading() as connection:
        return int((await connection.execute(select(func.count()).select_from(drafts))).scalar_one())


@pytest.fixture
async def database(tmp_path: Path):
    opened = await Database.open(url_of(tmp_path / "y.sqlite3"))
    yield opened
    await opened.close()


def inquiry(text: str = "杯子碎了两只") -> Inquiry:
    return Inquiry(messages=(Message(role="customer", content=text),), shop="demo")


@pytest.mark.sqlite_only("pragmas")
async def test_commits_wait_for_the_disk_and_readers_do_not_wait(database: Database):
    async with database.reading() as connection:
        answers = [
            (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar() for name in ("journal_mode", "synchronous")
        ]
        foreign = (await connection.exec_driver_sql("PRAGMA foreign_keys")).scalar()
        busy = (await connection.exec_driver_sql("PRAGMA busy_timeout")).scalar()
    assert (answers, foreign, busy) == (["wal", 2], 1, 2000)


async def test_migrations_make_exactly_the_tables_the_code_uses(database: Database):
    def difference(connection):
        return compare_metadata(MigrationContext.configure(connection), metadata)

    async with database.reading() as connection:
        assert await connection.run_sync(difference) == []


def test_head_names_the_newest_migration():
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


async def test_a_group_is_written_whole_and_in_order(database: Database):
    names = [f"d{i}" for i in range(150)]
    assert await asyncio.gather(*(put(database, name) for name in names)) == names
    assert await count(database) == 150


async def test_one_failing_piece_does_not_take_its_group_down(database: Database):
    await put(database, "there")
    results = await asyncio.gather(
        put(database, "a"), put(database, "there"), put(database, "b"), return_exceptions=True
    )
    assert [results[0], results[2]] == ["a", "b"]
    assert isinstance(results[1], IntegrityError)
    assert await count(database) == 3


async def test_what_was_waiting_is_written_before_closing(tmp_path: Path):
    database = await Database.open(url_of(tmp_path / "y.sqlite3"))
    waiting = [asyncio.create_task(put(database, f"d{i}")) for i in range(20)]
    await asyncio.sleep(0)
    await database.close()
    assert len(await asyncio.gather(*waiting)) == 20
    again = await Database.open(url_of(tmp_path / "y.sqlite3"))
    assert await count(again) == 20
    await again.close()


@pytest.mark.sqlite_only("a lock of a file")
async def test_another_program_holding_the_database_gives_db_busy(tmp_path: Path, database: Database):
    other = sqlite3.connect(tmp_path / "y.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable) as problem:
        await put(database, "late")
    assert problem.value.code == "db_busy"
    assert await count(database) == 0
    other.execute("ROLLBACK")
    other.close()
    assert await put(database, "late") == "late"


@pytest.mark.sqlite_only("pages of a file")
async def test_a_full_disk_is_named_and_nothing_is_half_written(tmp_path: Path):
    database = await Database.open(url_of(tmp_path / "y.sqlite3"))
    await put(database, "before")

    async def fill(connection: AsyncConnection) -> None:
        pages = (await connection.exec_driver_sql("PRAGMA page_count")).scalar_one()
        await connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
        for i in range(50):
            await connection.execute(insert(drafts).values({**row(f"x{i}"), "draft": {"text": "字" * 2000}}))

    with pytest.raises(Unavailable) as problem:
        await database.write(fill)
    assert problem.value.code == "disk_full"
    assert await count(database) == 1
    await database.close()


@pytest.mark.sqlite_only("a broken file")
@pytest.mark.parametrize("content", [b"garbage " * 600, b"SQLite format 3\0" + b"\xff" * 4000])
async def test_a_broken_file_is_named_with_what_to_do(tmp_path: Path, content: bytes):
    path = tmp_path / "y.sqlite3"
    path.write_bytes(content)
    with pytest.raises(EnvironmentProblem) as problem:
        await Database.open(url_of(path))
    assert problem.value.code == "database_broken"
    assert str(path) in problem.value.detail
    assert path.read_bytes() == content


@pytest.mark.sqlite_only("a broken file")
async def test_damage_in_the_middle_is_found_at_the_start(tmp_path: Path):
    path = tmp_path / "y.sqlite3"
    database = await Database.open(url_of(path))
    for i in range(100):
        await put(database, f"d{i}")
    await database.close()
    data = bytearray(path.read_bytes())
    data[8192:-4096] = b"\x7f" * (len(data) - 8192 - 4096)
    path.write_bytes(data)
    with pytest.raises(EnvironmentProblem) as problem:
        await Database.open(url_of(path))
    assert problem.value.code == "database_broken"


async def test_a_url_nobody_can_use_never_shows_its_password():
    with pytest.raises(EnvironmentProblem) as problem:
        await Database.open("oracle+nothing://desk:geheim@db/shop")
    assert "geheim" not in problem.value.detail


async def test_a_draft_comes_back_as_it_was_and_only_to_its_shop(database: Database):
    store = DraftStore(database)
    asked = inquiry()
    draft = a_draft(asked, "dft_1")
    await store.save_draft(draft, asked)
    assert await store.get_draft("dft_1", "demo") == (draft, asked)
    assert await store.get_draft("dft_1", "other") is None
    assert await store.get_draft("dft_2", "demo") is None


async def test_missing_facts_keep_their_name_through_the_database(database: Database):
    store = DraftStore(database)
    made = a_draft(inquiry(), "dft_3").model_dump(by_alias=True)
    made["missing"] = [{"fact": "order.used", "from": "buyer", "question": "用过了吗？"}]
    made["derived"] = [{"fact": "days_over", "value": 3, "from": "a - b"}]
    await store.save_draft(Draft.model_validate(made), inquiry())
    found = await store.get_draft("dft_3", "demo")
    assert found is not None
    assert (found[0].missing[0].source, found[0].derived[0].source) == ("buyer", "a - b")


async def test_rows_put_down_together_are_what_the_ordinary_way_writes(database: Database):
    names = [f"dft_{i}" for i in range(3 * GROUP)]
    await asyncio.gather(*(database.insert(drafts, {**row(name), "draft": JsonText('{"甲": "乙"}')}) for name in names))
    await put(database, "dft_other")
    assert await count(database) == len(names) + 1
    async with database.reading() as connection:
        kept = (await connection.execute(select(drafts.c.draft, drafts.c.created_at).limit(1))).one()
    assert kept.draft == {"甲": "乙"}
    assert kept.created_at.tzinfo is not None


async def test_a_row_that_is_there_already_fails_alone(database: Database):
    await put(database, "dft_1")
    given = await asyncio.gather(
        *(database.insert(drafts, row(name)) for name in ("dft_0", "dft_1", "dft_2")), return_exceptions=True
    )
    assert [type(one) for one in given] == [type(None), IntegrityError, type(None)]
    assert await count(database) == 3


async def test_rows_and_pieces_waiting_together_are_all_written(database: Database):
    pieces = [database.insert(drafts, row(f"dft_r{i}")) if i % 2 else put(database, f"dft_p{i}") for i in range(20)]
    await asyncio.gather(*pieces)
    assert await count(database) == 20


@pytest.mark.sqlite_only("a lock of a file")
async def test_a_row_that_finds_the_database_held_gives_db_busy(tmp_path: Path, database: Database):
    other = sqlite3.connect(tmp_path / "y.sqlite3")
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable) as caught:
        await database.insert(drafts, row("dft_1"))
    assert caught.value.code == "db_busy"
    other.rollback()
    other.close()
