"""A buyer's data erased on request: found, gone to the last byte, told in the trail, and nobody else's touched."""

from __future__ import annotations

import base64
import gzip
import json
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import JSON, LargeBinary, String, create_engine, select, text, update

from evals.benchmarks.residue import residue
from evals.forgetting import forget
from service.cli import main
from service.database.drafts import DraftStore
from service.database.proposals import Candidate, ProposalStore
from service.database.session import MIGRATIONS, Database
from service.database.tables import conversations, drafts, feedback, metadata
from service.database.tables_idempotency import idempotency
from service.database.trail import Wanted, list_trail
from service.database.unmaking import Whose, hanging
from service.database.verifying import verify
from service.erasing import erase
from service.schemas import Context, FeedbackIn, Inquiry, Message, Order
from tests.fake_desk import a_draft
from tests.test_database import url_of


def words(name: str) -> list[str]:
    return [f"金丝雀{part}{name}号暗语" for part in ("来话", "订单", "发出", "理由", "答复", "幂等")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
async def database(folder: Path):
    folder.mkdir()
    opened = await Database.open(url_of(folder / "youli.sqlite3"))
    if opened.server:
        await stored_as_they_are(opened)
    yield opened
    await opened.close()


async def stored_as_they_are(database: Database) -> None:
    """Have a server pack no value, so that words can be found among its bytes."""
    async with database.engine.begin() as connection:
        for table in metadata.sorted_tables:
            for column in table.c:
                if isinstance(column.type, JSON | String | LargeBinary):
                    how = f'ALTER TABLE "{table.name}" ALTER COLUMN "{column.name}" SET STORAGE EXTERNAL'
                    await connection.execute(text(how))


async def found(database: Database, folder: Path, words: list[str]) -> list[tuple[str, str]]:
    """Files of the data folder that hold one of the words, and files of a server's that belong to the database."""
    seen = residue(folder, words)
    if database.server:
        async with database.engine.connect() as plain:
            connection = await plain.execution_options(isolation_level="AUTOCOMMIT")
            await connection.execute(text("CHECKPOINT"))
            number = "SELECT oid FROM pg_database WHERE datname = current_database()"
            own = Path((await connection.execute(text("SHOW data_directory"))).scalar_one(), "base")
            seen += residue(own / str((await connection.execute(text(number))).scalar_one()), words)
    return seen


async def a_day(database: Database, folder: Path, buyer: str, *, shop: str = "demo", talk: str | None = None) -> str:
    """A draft with a secret in every place a buyer's words come to."""
    told, ordered, sent, why, reply, once = words(buyer)
    store = DraftStore(database)
    context = Context(buyer=f"客{buyer}", conversation=talk)
    facts = Order(product=ordered, facts={"备注": ordered * 300})
    inquiry = Inquiry(messages=(Message(role="customer", content=told),), shop=shop, order=facts, context=context)
    draft_id = f"dft_{buyer}{shop}{talk or ''}"
    draft = a_draft(inquiry, draft_id).model_copy(update={"reply": reply})
    await store.save_draft(draft, inquiry)
    await store.give_feedback(draft_id, shop, FeedbackIn(action="edited", final_text=sent, reason=why), True, [])
    now = datetime.now(UTC)
    row = {
        "id": f"idem_{draft_id}",
        "shop": shop,
        "caller": "key_1",
        "operation": "create_chat_completion",
        "digest": "0" * 64,
        "state": "done",
        "owner": "",
        "turn": 0,
        "beat_at": now,
        "created_at": now,
        "expires_at": now + timedelta(days=1),
        "promised": draft_id,
        "draft_id": draft_id,
        "body": once.encode(),
    }
    await database.insert(idempotency, row)
    await database.insert(idempotency, {**row, "id": f"loose_{draft_id}", "promised": "dft_x", "draft_id": None})
    run = folder / "evals" / f"live-{shop}"
    (run / "blind").mkdir(parents=True, exist_ok=True)
    for name in ("results.jsonl", "reviews.jsonl"):
        with (run / name).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"case": draft_id, "said": told}, ensure_ascii=False) + "\n")
    (run / "report.html").write_text((run / "results.jsonl").read_text("utf-8"), "utf-8")
    (run / "results.csv").write_text(told, "utf-8")
    (run / "blind" / f"blind_{draft_id}.json").write_text(json.dumps({"case": draft_id}), "utf-8")
    (run / "run.json").write_text("{}", "utf-8")
    return draft_id


def test_the_search_finds_words_however_they_are_written(tmp_path: Path) -> None:
    word, path = words("甲")[0], tmp_path / "x"
    for content in (
        word.encode(),
        word.encode("utf-16-le"),
        json.dumps(word).encode(),
        base64.b64encode(b"ab" + word.encode() + b"tail"),
        b"junk" + gzip.compress(word.encode()),
    ):
        path.write_bytes(content)
        assert residue(tmp_path, [word]) == [("x", word)]
    path.write_bytes("金丝雀".encode())
    assert residue(tmp_path, [word]) == []


async def test_nothing_of_a_buyer_is_left_in_any_byte(database: Database, folder: Path) -> None:
    ids = [await a_day(database, folder, f"丙{n}") for n in range(12)]
    gone = await a_day(database, folder, "乙")
    if database.server:  # a server keeps samples of what stands in its rows
        async with database.engine.begin() as connection:
            await connection.execute(text("ANALYZE"))
    assert {word for _, word in await found(database, folder, words("乙"))} == set(words("乙"))
    done, folders = await erase(database, folder, Whose("demo", buyer="客乙"))
    assert (done.drafts, done.rows["feedback"], done.rows["idempotency"]) == (1, 1, 14)
    assert (done.eval_lines, done.scrubbed) == (2, not database.server)  # a server's log is not ours to cut
    assert len(done.left) == 2 + database.server
    assert folders == [folder / "evals" / "live-demo"]
    assert await found(database, folder, [*words("乙"), "客乙"]) == []
    store = DraftStore(database)
    assert await store.get_draft(gone, "demo") is None
    assert all([await store.get_draft(one, "demo") for one in ids])
    lines = (folder / "evals" / "live-demo" / "results.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["case"] for line in lines] == ids
    assert not (folder / "evals" / "live-demo" / "report.html").exists()


async def test_the_chain_holds_and_tells_counts_and_a_keyed_digest_only(database: Database, folder: Path) -> None:
    await a_day(database, folder, "乙")
    before = (await verify(database)).rows
    done, _ = await erase(database, folder, Whose("demo", buyer="客乙"))
    report = await verify(database)
    assert (report.sound, report.guarded, report.rows) == (True, True, before + 1)
    told = (await list_trail(database, Wanted(action="data.erased"))).entries[0]
    assert (told.object, told.shop) == (done.id, "demo")
    assert told.details["request"].startswith("hmac:")
    assert (told.details["by"], told.details["drafts"], told.details["feedback"]) == ("buyer", 1, 1)


async def test_a_buyer_s_conversations_go_whole_and_other_shops_stay(database: Database, folder: Path) -> None:
    await a_day(database, folder, "乙", talk="t1")
    unnamed = Inquiry(messages=(Message(role="customer", content="再问一句"),), shop="demo")
    unnamed = unnamed.model_copy(update={"context": Context(conversation="t1")})
    await DraftStore(database).save_draft(a_draft(unnamed, "dft_unnamed"), unnamed)
    other = await a_day(database, folder, "乙", shop="other")
    done, _ = await erase(database, folder, Whose("demo", buyer=" 客乙 "))
    assert (done.drafts, done.rows["conversations"]) == (2, 1)
    assert await DraftStore(database).get_draft(other, "other") is not None
    async with database.reading() as connection:
        assert (await connection.execute(select(conversations))).first() is None


@pytest.mark.parametrize("by", ["conversation", "draft"])
async def test_a_conversation_or_one_draft_is_erased(database: Database, folder: Path, by: str) -> None:
    draft = await a_day(database, folder, "乙", talk="t1")
    stays = await a_day(database, folder, "丙", talk="t2")
    whose = Whose("demo", conversation="t1") if by == "conversation" else Whose("demo", draft=draft)
    assert (await erase(database, folder, whose))[0].drafts == 1
    assert await found(database, folder, words("乙")) == []
    assert await DraftStore(database).get_draft(stays, "demo") is not None


async def test_a_dry_run_counts_the_same_and_touches_nothing(database: Database, folder: Path) -> None:
    await a_day(database, folder, "乙", talk="t1")
    rows = (await verify(database)).rows
    dry, folders = await erase(database, folder, Whose("demo", buyer="客乙"), dry_run=True)
    assert (folders, dry.dry_run, (await verify(database)).rows) == ([], True, rows)
    done, _ = await erase(database, folder, Whose("demo", buyer="客乙"))
    assert (dry.drafts, dry.eval_lines, dry.eval_files) == (done.drafts, done.eval_lines, done.eval_files)
    assert dry.rows == done.rows


async def test_asking_for_somebody_who_is_not_there_is_answered_and_told(database: Database, folder: Path) -> None:
    done, _ = await erase(database, folder, Whose("demo", buyer="没来过"))
    assert (done.drafts, done.eval_lines, len(done.left)) == (0, 0, 2 + database.server)
    assert (await list_trail(database, Wanted(action="data.erased"))).entries


async def test_what_was_sampled_while_it_went_on_is_forgotten_too(folder: Path) -> None:
    run = folder / "evals" / "live-demo"
    run.mkdir(parents=True)
    (run / "results.jsonl").write_text('{"case":"dft_1"}\n{"case":"dft_2"}\nhalf dft_1', "utf-8")
    assert forget(folder, ["dft_1"], dry_run=True).lines == 2
    assert forget(folder, ["dft_1"]).lines == 2
    assert (run / "results.jsonl").read_text("utf-8") == '{"case":"dft_2"}\n'
    assert forget(folder, ["dft_1"]).folders == []


async def test_what_a_buyer_s_draft_suggested_goes_too(database: Database, folder: Path) -> None:
    draft = await a_day(database, folder, "乙")
    other = await a_day(database, folder, "丙")
    store = ProposalStore(database)
    for number, (of, state) in enumerate(((draft, None), (draft, "accepted"), (other, None))):
        wanted = Candidate(
            "script", f"s{number}", of, (number,), "reasonable", "solution", words("乙" if of == draft else "丙")[2]
        )
        await store.take("demo", [of], [wanted], 0.9)
        async with database.engine.begin() as connection:
            await connection.execute(update(feedback).values(gathered=False))
        if state:
            kept = (await store.page("demo", "open", None, 10))[0]
            await store.decide(next(row["id"] for row in kept if row["scenario"] == "s1"), "demo", state, None, None)
    assert (await store.page("demo", None, None, 10))[1] == 3
    done, _ = await erase(database, folder, Whose("demo", draft=draft))
    assert done.rows["proposals"] == 2
    left = {row["scenario"]: row["text"] for row in (await store.page("demo", None, None, 10))[0]}
    assert left == {"s1": None, "s2": words("丙")[2]}
    assert await found(database, folder, words("乙")) == []


def test_every_table_that_hangs_on_drafts_goes_with_them() -> None:
    assert {"feedback", "idempotency"} <= {table.name for table in hanging()}


@pytest.mark.sqlite_only("a file of an older version")
async def test_a_database_from_before_finds_its_buyers_and_begins_its_trail(folder: Path) -> None:
    folder.mkdir()
    path = folder / "youli.sqlite3"
    _old(path)
    database = await Database.open(url_of(path))
    try:
        assert ((await verify(database)).sound, (await verify(database)).rows) == (True, 0)
        done, _ = await erase(database, folder, Whose("demo", buyer="客乙"))
        assert done.drafts == 1
        assert residue(folder, [*words("乙"), "客乙"]) == []
        async with database.reading() as connection:
            assert list((await connection.execute(select(drafts.c.id))).scalars()) == ["dft_other"]
    finally:
        await database.close()


def _old(path: Path) -> None:
    """A database as the version before the trail left it, with rows deleted while nothing was overwritten."""
    engine = create_engine(f"sqlite:///{path}")
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0004")
    engine.dispose()
    with sqlite3.connect(path) as old:
        sql = (
            "INSERT INTO drafts (id, shop, created_at, knowledge_version, inquiry, draft) "
            "VALUES (?, 'demo', ?, 'g', ?, '{}')"
        )
        for name, buyer in (("dft_old", "客乙"), ("dft_deleted", "客乙"), ("dft_other", "客丙")):
            said = {"messages": words("乙" if buyer == "客乙" else "丙") * 50, "context": {"buyer": buyer}}
            old.execute(sql, (name, "2026-01-02 03:04:05.000000", json.dumps(said, ensure_ascii=False)))
        old.execute("DELETE FROM drafts WHERE id = 'dft_deleted'")
    old.close()


def test_the_command_says_what_it_did_and_what_is_left(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("YOULI_DATA_DIR", str(folder))
    assert main(["erase", "--buyer", "客乙", "--shop", "demo"]) == 0
    assert "备份" in capsys.readouterr().out
    assert main(["erase", "--buyer", "客乙", "--draft", "dft_1"]) == 2
    assert main(["erase"]) == 2
    assert main(["erase", "--draft", "dft_1", "--dry-run", "--json"]) == 0
