import asyncio
import hashlib
import hmac
import json
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from service.acting import Acting, act_as
from service.database.entries import Entry, Words
from service.database.session import Database
from service.database.tables import drafts
from service.database.trail import Wanted, list_trail
from service.database.verifying import Broken, head_of, verify
from service.errors import InvalidRequest, Unavailable
from tests.engines import url_of
from tests.forging import forge
from tests.test_database import row

REST = "at, actor, role, shop, request, action, object, details, prev, hash"
OWN_WORDS = pytest.mark.sqlite_only("SQL that only SQLite has")
QA = Acting("key_qa", "qa", "demo", "lead", "req_1")


def entry(name: str, **details: str | int | bool | None) -> Entry:
    return Entry("draft.made", name, "demo", details)


@pytest.fixture
async def database(tmp_path: Path):
    opened = await Database.open(url_of(tmp_path / "y.sqlite3"))
    yield opened
    await opened.close()


async def insert_drafts(database: Database, *names: str) -> None:
    await asyncio.gather(
        *(database.insert(drafts, row(name), audit=[entry(name, verdict="reasonable")]) for name in names)
    )


async def rows_of(database: Database) -> list[dict]:
    async with database.reading() as connection:
        found = await connection.execute(text("SELECT * FROM audit ORDER BY seq"))
        return [dict(one) for one in found.mappings()]


async def test_a_deed_is_written_with_who_did_it_when_and_to_what(database: Database):
    with act_as(QA):
        await database.insert(drafts, row("dft_1"), audit=[entry("dft_1", verdict="reasonable", calls=1, model=None)])
    page = await list_trail(database, Wanted())
    told = page.entries[0]
    assert (told.seq, told.actor, told.role, told.shop, told.request) == (1, "key_qa", "qa", "demo", "req_1")
    assert (told.action, told.object) == ("draft.made", "dft_1")
    assert told.details == {"verdict": "reasonable", "calls": 1, "model": None}
    assert abs(datetime.now(UTC) - told.at) < timedelta(minutes=1)


async def test_whoever_asked_is_written_down_whatever_others_wait_in_the_same_group(database: Database):
    async def put(number: int) -> None:
        with act_as(Acting(f"key_{number}", "agent", "demo", "agent", f"req_{number}")):
            await database.insert(drafts, row(f"dft_{number}"), audit=[entry(f"dft_{number}")])

    await asyncio.gather(*(put(number) for number in range(100)))
    told = (await list_trail(database, Wanted(), limit=200)).entries
    assert {(one.actor, one.request, one.object) for one in told} == {
        (f"key_{n}", f"req_{n}", f"dft_{n}") for n in range(100)
    }
    assert (await verify(database)).rows == 100


async def test_work_that_failed_tells_nothing_and_what_stood_beside_it_does(database: Database):
    await insert_drafts(database, "dft_1")
    given = await asyncio.gather(
        *(database.insert(drafts, row(name), audit=[entry(name)]) for name in ("dft_0", "dft_1", "dft_2")),
        return_exceptions=True,
    )
    assert isinstance(given[1], IntegrityError)
    assert [one["object"] for one in await rows_of(database)] == ["dft_1", "dft_0", "dft_2"]
    assert (await verify(database)).sound


async def test_what_is_only_known_afterwards_is_told_from_the_result(database: Database):
    async def work(connection: AsyncConnection) -> int:
        await connection.execute(insert(drafts).values(row("dft_1")))
        return 7

    def told(result: int) -> list[Entry]:
        return [entry("dft_1", count=result)] if result else []

    assert await database.write(work, audit=told) == 7
    assert json.loads((await rows_of(database))[0]["details"]) == {"count": 7}


async def test_work_whose_entry_cannot_be_written_is_not_done(database: Database):
    async def work(connection: AsyncConnection) -> None:
        await connection.execute(insert(drafts).values(row("dft_1")))

    with pytest.raises(TypeError, match="float"):
        await database.write(work, audit=[entry("dft_1", score=0.5)])
    async with database.reading() as connection:
        assert (await connection.execute(select(drafts.c.id))).first() is None
    with pytest.raises(TypeError, match="float"):
        await database.insert(drafts, row("dft_2"), audit=[entry("dft_2", score=0.5)])
    assert await rows_of(database) == []


async def test_an_id_no_database_can_hold_keeps_nothing_from_being_written(database: Database):
    with act_as(Acting("key_1", "agent", "demo", "agent", "req\0\ud800" + "x" * 500)):
        await database.insert(drafts, row("dft_1"), audit=[entry("dft_1")])
    assert (await rows_of(database))[0]["request"] == ("req??" + "x" * 500)[:200]
    assert (await verify(database)).sound


async def test_words_are_kept_as_digests_nobody_guesses_without_the_secret(database: Database):
    said = "亲，全额退款已经安排"
    for name in ("dft_1", "dft_2"):
        await database.insert(
            drafts, row(name), audit=[entry(name, final=Words(said), note="退给他 100 元", id=Words("abc"))]
        )
    kept = [json.loads(one["details"]) for one in await rows_of(database)]
    assert kept[0]["final"] != kept[1]["final"]
    assert all(value.startswith("hmac:") for one in kept for value in one.values())
    plain = hashlib.sha256(said.encode()).hexdigest()
    assert plain not in json.dumps(kept)
    async with database.reading() as connection:
        secret = (await connection.execute(text("SELECT secret FROM audit_head"))).scalar_one()
    again = hmac.new(secret, f"dft_1\0{said}".encode(), "sha256").hexdigest()
    assert kept[0]["final"] == f"hmac:{again}"


async def test_two_processes_write_one_chain(tmp_path: Path, database: Database):
    other = await Database.open(url_of(tmp_path / "y.sqlite3"))

    async def some(which: Database, name: str) -> None:
        for number in range(25):
            await which.insert(drafts, row(f"{name}{number}"), audit=[entry(f"{name}{number}")])

    await asyncio.gather(some(database, "a"), some(other, "b"))
    await other.close()
    report = await verify(database)
    assert (report.sound, report.rows, report.last) == (True, 50, 50)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET actor = 'x'",
        "DELETE FROM audit",
        "DELETE FROM audit WHERE seq = 3",
        f"INSERT INTO audit SELECT 9, {REST} FROM audit WHERE seq = 1",
        pytest.param(f"INSERT OR REPLACE INTO audit SELECT 3, {REST} FROM audit WHERE seq = 1", marks=OWN_WORDS),
        "UPDATE audit_head SET seq = 1",
        "UPDATE audit_head SET cut_seq = 9",
        pytest.param("UPDATE audit_head SET secret = x'00'", marks=OWN_WORDS),
        "DELETE FROM audit_head",
    ],
)
async def test_the_database_itself_refuses_to_change_what_was_told(database: Database, statement: str):
    await insert_drafts(database, "dft_1", "dft_2", "dft_3")
    with pytest.raises(DBAPIError, match="audit"):
        async with database.engine.begin() as connection:
            await connection.execute(text(statement))
    assert (await verify(database)).sound


FORGED = {
    "actor": "UPDATE audit SET actor = 'key_b' WHERE seq = {n}",
    "role": "UPDATE audit SET role = 'qa' WHERE seq = {n}",
    "shop": "UPDATE audit SET shop = 'other' WHERE seq = {n}",
    "request": "UPDATE audit SET request = 'r' WHERE seq = {n}",
    "action": "UPDATE audit SET action = 'draft.seen' WHERE seq = {n}",
    "object": "UPDATE audit SET object = object || 'x' WHERE seq = {n}",
    "details": "UPDATE audit SET details = '{{}}' WHERE seq = {n}",
    "at": "UPDATE audit SET at = '2020-01-01 00:00:00.000000' WHERE seq = {n}",
    "prev": "UPDATE audit SET prev = hash WHERE seq = {n}",
    "hash": "UPDATE audit SET hash = prev WHERE seq = {n}",
    "seq": "UPDATE audit SET seq = seq + 1000 WHERE seq = {n}",
    "gone": "DELETE FROM audit WHERE seq = {n}",
    "empty": "UPDATE audit SET details = 'no json' WHERE seq = {n}",
}


@pytest.mark.parametrize("how", FORGED)
async def test_one_forged_row_is_found_wherever_it_is(tmp_path: Path, database: Database, how: str):
    rows = 12
    await insert_drafts(database, *(f"dft_{n}" for n in range(rows)))
    path = tmp_path / "y.sqlite3"
    forge(path, "CREATE TABLE kept AS SELECT * FROM audit")
    for number in range(1, rows + 1):
        forge(path, FORGED[how].format(n=number))
        report = await verify(database)
        assert report.problems and report.problems[0].seq - number in (0, 1, 1000), number
        forge(path, "DELETE FROM audit", "INSERT INTO audit SELECT * FROM kept")
        assert (await verify(database)).sound


async def test_rows_changed_places_and_a_row_put_in_are_found(tmp_path: Path, database: Database):
    await insert_drafts(database, *(f"dft_{n}" for n in range(6)))
    path = tmp_path / "y.sqlite3"
    swap = ("UPDATE audit SET seq = 100 WHERE seq = 2", "UPDATE audit SET seq = 2 WHERE seq = 3")
    forge(path, *swap, "UPDATE audit SET seq = 3 WHERE seq = 100")
    assert (await verify(database)).problems[0].seq == 2


async def test_an_end_cut_off_with_its_head_is_found_by_a_head_noted_elsewhere(tmp_path: Path, database: Database):
    await insert_drafts(database, *(f"dft_{n}" for n in range(6)))
    noted = await head_of(database)
    cut = "UPDATE audit_head SET seq = 4, hash = (SELECT hash FROM audit WHERE seq = 4)"
    forge(tmp_path / "y.sqlite3", "DELETE FROM audit WHERE seq > 4", cut)
    assert (await verify(database)).sound  # the rows that are left hold together
    report = await verify(database, noted=noted)
    assert [one.what for one in report.problems] == [Broken.CUT_OFF]


async def test_a_chain_made_anew_from_a_forged_row_does_not_match_a_noted_head(tmp_path: Path, database: Database):
    await insert_drafts(database, "dft_1", "dft_2")
    noted = await head_of(database)
    forge(tmp_path / "y.sqlite3", "DELETE FROM audit", f"UPDATE audit_head SET seq = 0, hash = '{'0' * 64}'")
    await insert_drafts(database, "dft_3", "dft_4")
    assert (await verify(database)).sound
    assert [one.what for one in (await verify(database, noted=noted)).problems] == [Broken.OTHER]


async def test_a_head_without_its_rows_is_found(tmp_path: Path, database: Database):
    await insert_drafts(database, "dft_1", "dft_2")
    forge(tmp_path / "y.sqlite3", "DELETE FROM audit WHERE seq = 2")
    assert [one.what for one in (await verify(database)).problems] == [Broken.END]


async def test_a_head_that_is_none_is_refused(database: Database):
    for noted in ("", "7", "x:abc", "-1:" + "0" * 64, "1:zz"):
        with pytest.raises(InvalidRequest) as caught:
            await verify(database, noted=noted)
        assert caught.value.code == "audit_head_unread"


async def test_what_is_listed_is_what_was_asked_for_newest_first(database: Database):
    await insert_drafts(database, *(f"dft_{n}" for n in range(5)))
    with act_as(QA):
        await database.insert(drafts, row("dft_9"), audit=[Entry("check.made", "dft_9", "other", {"passed": True})])

    async def found(**wanted: object) -> list[str]:
        return [one.object for one in (await list_trail(database, Wanted(**wanted))).entries]

    assert await found(actor="key_qa") == ["dft_9"]
    assert await found(action="check.made") == await found(shop="other") == await found(object="dft_9") == ["dft_9"]
    assert await found(shop="demo") == [f"dft_{n}" for n in (4, 3, 2, 1, 0)]
    assert await found(since=datetime.now(UTC) + timedelta(hours=1)) == []
    assert len(await found(until=datetime.now(UTC) + timedelta(hours=1))) == 6
    first = await list_trail(database, Wanted(), limit=4)
    rest = await list_trail(database, Wanted(), limit=4, before=first.next)
    assert [one.seq for one in (*first.entries, *rest.entries)] == [6, 5, 4, 3, 2, 1]
    assert rest.next is None


@pytest.mark.sqlite_only("a lock of a file")
async def test_a_database_held_by_another_takes_neither_the_row_nor_its_entry(tmp_path: Path, database: Database):
    other = sqlite3.connect(tmp_path / "y.sqlite3")
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable):
        await insert_drafts(database, "dft_1")
    other.rollback()
    other.close()
    await insert_drafts(database, "dft_1")
    assert (await verify(database)).rows == 1


async def test_a_trail_whose_triggers_are_gone_says_so(tmp_path: Path, database: Database):
    await insert_drafts(database, "dft_1")
    assert (await verify(database)).guarded
    forge(tmp_path / "y.sqlite3", leave=False)
    report = await verify(database)
    assert (report.sound, report.guarded) == (True, False)


@pytest.mark.sqlite_only("a lock of a file")
async def test_what_left_no_row_is_told_later_when_the_database_was_held(tmp_path: Path, database: Database):
    other = sqlite3.connect(tmp_path / "y.sqlite3")
    other.execute("BEGIN IMMEDIATE")
    with act_as(QA):
        await database.note([entry("dft_1", passed=True)])
    assert await rows_of(database) == []
    other.rollback()
    other.close()
    await insert_drafts(database, "dft_2")
    told = await rows_of(database)
    assert [(one["actor"], one["object"]) for one in told] == [("key_qa", "dft_1"), ("local", "dft_2")]
    assert (await verify(database)).sound


@pytest.mark.sqlite_only("a lock of a file")
async def test_what_is_still_owed_is_told_at_the_end(tmp_path: Path):
    database = await Database.open(url_of(tmp_path / "y.sqlite3"))
    other = sqlite3.connect(tmp_path / "y.sqlite3")
    other.execute("BEGIN IMMEDIATE")
    await database.note([entry("dft_1")])
    other.rollback()
    other.close()
    await database.close()
    again = await Database.open(url_of(tmp_path / "y.sqlite3"))
    assert len(await rows_of(again)) == 1
    await again.close()


WRITING = """
import asyncio, sys
from service.database.entries import Entry
from service.database.session import Database
from service.database.tables import drafts
from tests.test_database import row

async def main():
    database = await Database.open(sys.argv[1])
    print("open", flush=True)
    async def some(who):
        for number in range(10**6):
            name = f"{sys.argv[2]}{who}_{number}"
            await database.insert(drafts, row(name), audit=[Entry("draft.made", name, "demo")])
    await asyncio.gather(*(some(who) for who in range(8)))

asyncio.run(main())
"""


def killed(url: str, number: int) -> None:
    """A process that writes drafts and is killed in the middle of it."""
    command = [sys.executable, "-c", WRITING, url, f"dft_{number}_"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"open\n"
        time.sleep(0.1 + 0.15 * number)
        process.kill()


async def test_a_process_killed_while_it_writes_leaves_every_deed_with_its_entry_and_the_chain_whole(tmp_path: Path):
    url = url_of(tmp_path / "y.sqlite3")
    for number in range(3):
        killed(url, number)
    database = await Database.open(url)
    assert (await verify(database)).sound
    async with database.reading() as connection:
        kept = set((await connection.execute(select(drafts.c.id))).scalars())
    told = [one["object"] for one in await rows_of(database)]
    assert kept and sorted(told) == sorted(kept)
    await database.close()
