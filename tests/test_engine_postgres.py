"""What only a server can do wrong: PostgreSQL for real, on loopback."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from service.commands.impact import copy_of
from service.database.drafts import DraftStore, WantedDrafts
from service.database.entries import Entry
from service.database.looking import revision_of
from service.database.postgres import INSTEAD
from service.database.session import Database
from service.database.tables import HEAD, drafts, metadata, rulebooks
from service.database.verifying import verify
from service.errors import EnvironmentProblem, PreconditionFailed, Unavailable
from service.library.store import Library
from service.rulebook.thesaurus import Thesaurus
from service.schemas import FeedbackIn, Inquiry, Message
from service.settings import read_settings
from tests import engines
from tests.fake_desk import a_draft
from tests.test_library import texts

pytestmark = pytest.mark.xdist_group("engines")
_names = (f"t{n}" for n in itertools.count())


@pytest.fixture
def server() -> engines.Postgres:
    return engines.postgres()


@pytest.fixture
def url(server: engines.Postgres) -> str:
    return server.fresh(next(_names))


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    opened = await Database.open(url)
    yield opened
    await opened.close()


def row(name: str) -> dict[str, Any]:
    given = {"id": name, "shop": "default", "created_at": datetime.now(UTC), "knowledge_version": "g1"}
    return {**given, "inquiry": {}, "draft": {}}


async def test_the_same_migrations_make_exactly_the_tables_the_code_uses(database: Database) -> None:
    async with database.reading() as connection:
        found = await connection.run_sync(lambda c: compare_metadata(MigrationContext.configure(c), metadata))
    assert found == []


async def test_many_that_start_at_once_on_an_empty_server_migrate_once(server: engines.Postgres) -> None:
    url = server.fresh(next(_names), "template0")
    opened = await asyncio.gather(*(Database.open(url) for _ in range(5)))
    async with opened[-1].reading() as connection:
        assert (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar_one() == HEAD
    await asyncio.gather(*(one.close() for one in opened))


@pytest.mark.parametrize("written", ["postgres://", "postgresql://", "postgresql+asyncpg://"])
async def test_the_url_may_be_written_as_clouds_write_it(url: str, written: str) -> None:
    database = await Database.open(url.replace("postgresql+asyncpg://", written) + "?sslmode=disable")
    assert database.shown.startswith("127.0.0.1/")
    await database.close()


@pytest.mark.parametrize(
    ("change", "code"),
    [(("desk@", "nobody:geheim@"), "database_refused"), (("/t", "/no"), "database_refused"), ((":", ":1"), "port")],
)
async def test_what_the_server_refuses_is_told_without_the_password(url: str, change: Any, code: str) -> None:
    if code == "port":
        with pytest.raises(Unavailable) as away:
            await Database.open("postgresql://desk:geheim@127.0.0.1:1/t")
        assert (away.value.code, "geheim" in away.value.detail) == ("database_away", False)
        return
    head, _, tail = url.rpartition(change[0])
    with pytest.raises(EnvironmentProblem) as refused:
        await Database.open(head + change[1] + tail)
    assert (refused.value.code, "geheim" in refused.value.detail) == (code, False)
    await asyncio.sleep(0.1)  # the driver closes its socket in the loop's next round


async def test_a_text_with_nul_is_kept_and_read_again(database: Database) -> None:
    """PostgreSQL takes U+0000 in no text, and takes it in JSON only to fail for ever when it is read."""
    store = DraftStore(database)
    asked = Inquiry(messages=(Message(role="customer", content="退\x00货\\u0000"),), shop="demo")
    draft = a_draft(asked, "dft_1")
    draft.reply = "好\x00的"
    await store.save_draft(draft, asked)
    found = await store.get_draft("dft_1", "demo")
    assert found is not None
    assert (found[0].reply, found[1].messages[0].content) == (f"好{INSTEAD}的", f"退{INSTEAD}货\\u0000")
    page = await store.list_drafts("demo", WantedDrafts(conversation="\x00"), 5)
    assert page.drafts == []
    assert (await store.list_drafts("demo", WantedDrafts(), 5)).drafts[0].reply == f"好{INSTEAD}的"
    given = FeedbackIn(action="rejected", reason="不\x00行")
    assert (await store.give_feedback("dft_1", "demo", given, None, [])).reason is not None


async def test_one_consistent_state_is_read_while_others_write(database: Database) -> None:
    async with database.reading() as connection:
        before = len((await connection.execute(select(drafts.c.id))).all())
        await database.insert(drafts, row("dft_1"))
        assert len((await connection.execute(select(drafts.c.id))).all()) == before
    async with database.reading() as connection:
        assert len((await connection.execute(select(drafts.c.id))).all()) == before + 1


async def test_rows_are_put_down_while_the_loop_that_drafts_stands_still(url: str) -> None:
    """The loop is held up until somebody else has read the row: it had no part in writing it down."""

    async def seen_elsewhere() -> bool:
        other = await Database.open(url)
        try:
            for _ in range(200):
                async with other.reading() as connection:
                    if (await connection.execute(select(drafts.c.id))).all():
                        return True
                await asyncio.sleep(0.05)
            return False
        finally:
            await other.close()

    database = await Database.open(url)
    kept = asyncio.create_task(database.insert(drafts, row("d1"), [Entry("draft.made", "d1", "default")]))
    for _ in range(20):  # until it was handed over
        await asyncio.sleep(0)
    with ThreadPoolExecutor(1) as elsewhere:
        assert elsewhere.submit(asyncio.run, seen_elsewhere()).result()
    assert not kept.done()
    await kept
    await database.close()
    assert "database-aside" not in {thread.name for thread in threading.enumerate()}


async def test_two_who_stand_in_each_others_way_both_get_through(url: str) -> None:
    """Rows taken in opposite order by two processes: the server undoes one of them, which is run once more."""
    one, two = await Database.open(url), await Database.open(url)
    for name in "ab":
        await one.insert(drafts, row(name))
    met = asyncio.Barrier(2)

    def crossing(first: str, second: str) -> Any:
        tries = 0

        async def work(connection: AsyncConnection) -> int:
            nonlocal tries
            tries += 1
            for name in (first, second):
                await connection.execute(update(drafts).where(drafts.c.id == name).values(state="open"))
                if tries == 1 and name == first:
                    await met.wait()
            return tries

        return work

    tries = await asyncio.gather(one.write(crossing("a", "b")), two.write(crossing("b", "a")))
    assert sorted(tries) == [1, 2]
    await one.close()
    await two.close()


async def test_a_lost_connection_is_not_noticed_by_who_writes_next(database: Database) -> None:
    await database.insert(drafts, row("dft_1"))
    async with database.reading() as connection:
        cut = text(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = :d"
        )
        await connection.execute(cut, {"d": database.shown.rpartition("/")[2]})
    await database.insert(drafts, row("dft_2"))
    async with database.reading() as connection:
        assert len((await connection.execute(select(drafts.c.id))).all()) == 2


async def test_a_connection_lost_in_the_middle_of_a_write_is_made_good(database: Database) -> None:
    tries = 0

    async def work(connection: AsyncConnection) -> int:
        nonlocal tries
        tries += 1
        await connection.execute(insert(drafts), row("dft_1"))
        if tries == 1:
            raw: Any = (await connection.get_raw_connection()).driver_connection
            raw.terminate()
        await connection.execute(insert(drafts), row("dft_2"))
        return tries

    assert await database.write(work) == 2
    async with database.reading() as connection:
        assert len((await connection.execute(select(drafts.c.id))).all()) == 2


async def test_a_server_that_is_gone_is_told_and_found_again(tmp_path: Path) -> None:
    engines.need("initdb", "postgres", "setpriv")
    own = engines.start_postgres()
    try:
        database = await Database.open(own.fresh("t"))
        await database.insert(drafts, row("dft_1"))
        own.kill()
        with pytest.raises(Unavailable) as problem:
            await database.insert(drafts, row("dft_2"))
        assert problem.value.code == "database_away"
        with pytest.raises(Unavailable):
            async with database.reading() as connection:
                await connection.execute(select(drafts.c.id))
        await asyncio.to_thread(own.start)
        await asyncio.to_thread(engines.until_ready, own)
        await database.insert(drafts, row("dft_3"))
        async with database.reading() as connection:
            assert (await connection.execute(select(drafts.c.id).order_by(drafts.c.id))).scalars().all() == [
                "dft_1",
                "dft_3",
            ]
        await database.close()
    finally:
        own.remove()


async def test_more_readers_than_connections_are_told_busy_and_nobody_hangs(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database.engine.sync_engine.pool, "_timeout", 0.2)
    held = [database.engine.connect() for _ in range(15)]
    for one in held:
        await one.start()
    with pytest.raises(Unavailable) as problem:
        async with database.reading() as connection:
            await connection.execute(text("SELECT 1"))
    assert problem.value.code == "db_busy"
    for one in held:
        await one.close()


async def test_of_two_processes_that_keep_one_row_both_succeed(url: str) -> None:
    from service.database.rulebooks import RulebookStore

    one, two = await Database.open(url), await Database.open(url)
    for n in range(10):
        await asyncio.gather(*(RulebookStore(it).keep(f"d{n}", lambda: b"zip") for it in (one, two, one, two)))
    async with one.reading() as connection:
        assert len((await connection.execute(select(rulebooks.c.digest))).all()) == 10
    await one.close()
    await two.close()


async def test_publications_of_two_processes_neither_get_lost_nor_mixed(
    url: str, thesaurus: Thesaurus, tmp_path: Path
) -> None:
    """Each names the revision it saw: of those who saw the same one, one publishes and the other is told."""
    one = await Library.open(read_settings(data_dir=tmp_path / "a", database_url=url), thesaurus)
    two = await Library.open(read_settings(data_dir=tmp_path / "b", database_url=url), thesaurus)
    first = await one.add("a.txt", "补发要三天。".encode(), kind="shop", publish=True)
    await two.add("a.txt", "补发要五天。".encode(), kind="shop", document_id=first.id)
    won = 0
    for n in range(8):
        seen = (await one.history.document(first.id, "default")).revision
        wanted = n % 2 + 1
        given = await asyncio.gather(
            one.publish(first.id, wanted, expected=[seen]),
            two.rollback(first.id, 3 - wanted, expected=[seen]),
            return_exceptions=True,
        )
        lost = [answer for answer in given if isinstance(answer, BaseException)]
        assert all(isinstance(answer, PreconditionFailed) for answer in lost), lost
        won += len(given) - len(lost)
        now = (await one.history.document(first.id, "default")).revision
        assert now - seen == sum(
            1 for answer in given if not isinstance(answer, BaseException) and answer.revision > seen
        )
    told = [f"第{n}号赠品要一起退。" for n in range(8)]
    adding = [one.add(f"n{n}.txt", text.encode(), kind="shop", publish=True) for n, text in enumerate(told[:4])]
    adding += [two.add(f"n{n}.txt", text.encode(), kind="shop", publish=True) for n, text in enumerate(told[4:])]
    added = await asyncio.gather(*adding)
    await one._current.follow()
    await two._current.follow()
    assert one.knowledge_pointer == two.knowledge_pointer
    assert len({made.id for made in added}) == 8
    assert {found for text in told for found in texts(one, text, k=9)} >= set(told)
    assert won >= 8
    await one.close()
    await two.close()


@pytest.mark.parametrize("deed", ["UPDATE audit SET actor = 'x'", "DELETE FROM audit", "DELETE FROM audit_head"])
async def test_the_server_itself_refuses_to_change_the_trail(database: Database, deed: str) -> None:
    await database.insert(drafts, row("dft_1"), audit=[Entry("draft.made", "dft_1", "default")])
    with pytest.raises(DBAPIError, match="audit"):
        async with database.engine.begin() as connection:
            await connection.execute(text(deed))


async def test_one_chain_is_written_by_two_processes(url: str) -> None:
    one, two = await Database.open(url), await Database.open(url)
    names = [f"dft_{n:02}" for n in range(40)]
    told = {name: [Entry("draft.made", name, "default")] for name in names}
    await asyncio.gather(
        *((one, two)[n % 2].insert(drafts, row(name), audit=told[name]) for n, name in enumerate(names))
    )
    found = await verify(one)
    assert (found.rows, list(found.problems), found.guarded) == (40, [], True)
    await one.close()
    await two.close()


async def test_a_publication_is_tried_out_on_a_copy_of_a_server(
    server: engines.Postgres, url: str, thesaurus: Thesaurus, tmp_path: Path
) -> None:
    assert await revision_of(url) == HEAD
    assert await revision_of(server.fresh(next(_names), "template0")) is None
    settings = read_settings(data_dir=tmp_path / "a", database_url=url)
    one = await Library.open(settings, thesaurus)
    await one.add("a.txt", "补发要三天。".encode(), kind="shop", publish=True)
    copied = copy_of(settings, tmp_path)
    two = await Library.open(copied, thesaurus)
    assert (two.knowledge_pointer, texts(two, "补发几天")) == (one.knowledge_pointer, ["补发要三天。"])
    await two.add("b.txt", "赠品一起退。".encode(), kind="shop", publish=True)
    await one._current.follow()
    assert "赠品一起退。" not in texts(one, "赠品一起退")
    await one.close()
    await two.close()
