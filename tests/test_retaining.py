"""Drafts let go when their time is over: by the settings, not below the law's floors, not by a clock that jumped."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import select, update

from service.cli import main
from service.database.drafts import DraftStore
from service.database.entries import Entry
from service.database.session import Database
from service.database.sweeps import last_sweep
from service.database.tables import conversations, drafts
from service.database.tables_audit import sweeps
from service.database.trail import Wanted, list_trail
from service.database.verifying import head_of, verify
from service.errors import EnvironmentProblem
from service.keeping import keeping
from service.retaining import retain, sweep_once
from service.schemas import Context, FeedbackIn, Inquiry, Message
from service.settings import Settings
from tests.fake_desk import a_draft
from tests.forging import forge
from tests.test_database import url_of

NOW = datetime.now(UTC)
FLOOR = keeping().floors


@pytest.fixture
async def database(tmp_path: Path):
    opened = await Database.open(url_of(tmp_path / "youli.sqlite3"))
    yield opened
    await opened.close()


def settings(tmp_path: Path, days: int) -> Settings:
    return Settings(data_dir=tmp_path, retention_days=days)


async def put(database: Database, name: str, age: float, state: str = "open", talk: str | None = None) -> None:
    """A draft made some days ago."""
    context = Context(conversation=talk)
    inquiry = Inquiry(messages=(Message(role="customer", content=f"{name}要退货"),), shop="demo", context=context)
    draft = a_draft(inquiry, name).model_copy(update={"created_at": NOW - timedelta(days=age)})
    store = DraftStore(database)
    await store.save_draft(draft, inquiry)
    if state != "open":
        final = "改过的话" if state == "edited" else None
        await store.give_feedback(name, "demo", FeedbackIn(action=state, final_text=final), True, [])


async def left(database: Database) -> list[str]:
    async with database.reading() as connection:
        return list((await connection.execute(select(drafts.c.id).order_by(drafts.c.id))).scalars())


async def test_what_was_sent_is_kept_at_least_as_long_as_the_law_says(database: Database, tmp_path: Path) -> None:
    floor = FLOOR.sent.days
    for state, age in (
        ("adopted", floor - 1),
        ("edited", floor - 1),
        ("edited", floor + 1),
        ("rejected", 31),
        ("open", 31),
    ):
        await put(database, f"dft_{state}_{age}", age, state)
    await put(database, "dft_new", 29)
    swept = await retain(database, settings(tmp_path, 30), apply=True)
    assert await left(database) == [f"dft_adopted_{floor - 1}", f"dft_edited_{floor - 1}", "dft_new"]
    assert (swept.drafts, swept.rows["feedback"], swept.days) == (3, 2, (30, floor, FLOOR.trail.days))
    assert (await verify(database)).sound
    told = (await list_trail(database, Wanted(action="retention.applied"))).entries
    assert told[0].details == {"drafts": 3, "feedback": 2}


async def test_a_longer_setting_keeps_everything_longer(database: Database, tmp_path: Path) -> None:
    await put(database, "dft_1", 300, "edited")
    await put(database, "dft_2", 300)
    assert (await retain(database, settings(tmp_path, 400), apply=True)).drafts == 0
    assert (await retain(database, settings(tmp_path, 0), apply=True)).days is None
    assert len(await left(database)) == 2


async def test_a_look_without_apply_counts_and_leaves(database: Database, tmp_path: Path) -> None:
    for number in range(5):
        await put(database, f"dft_{number}", 40, talk="t")
    before = await last_sweep(database)
    counted = await retain(database, settings(tmp_path, 30), apply=False)
    assert (counted.drafts, len(await left(database)), await last_sweep(database)) == (5, 5, before)


async def test_a_conversation_is_forgotten_with_its_last_draft(database: Database, tmp_path: Path) -> None:
    await put(database, "dft_1", 40, talk="over")
    await put(database, "dft_2", 40, talk="going")
    await put(database, "dft_3", 1, talk="going")
    await retain(database, settings(tmp_path, 30), apply=True)
    async with database.reading() as connection:
        talks = list((await connection.execute(select(conversations.c.conversation))).scalars())
    assert (talks, await left(database)) == (["going"], ["dft_3"])


async def test_live_runs_lose_what_the_desk_lost(database: Database, tmp_path: Path) -> None:
    await put(database, "dft_old", 40)
    await put(database, "dft_new", 1)
    run = tmp_path / "evals" / "live-demo"
    run.mkdir(parents=True)
    lines = "".join(json.dumps({"case": name}) + "\n" for name in ("dft_old", "dft_new"))
    (run / "results.jsonl").write_text(lines, "utf-8")
    swept = await retain(database, settings(tmp_path, 30), apply=True)
    assert (swept.eval_lines, swept.folders) == (1, [run])
    assert "dft_old" not in (run / "results.jsonl").read_text("utf-8")


@pytest.mark.parametrize("days", [400, 11, -1])
async def test_a_clock_that_jumped_purges_nothing(database: Database, tmp_path: Path, days: int) -> None:
    await put(database, "dft_1", 20)
    await put(database, "dft_2", 700)
    jumped = NOW + timedelta(days=days)
    with pytest.raises(EnvironmentProblem) as caught:
        await (sweep_once if days > 0 else partial(retain, apply=True))(database, settings(tmp_path, 30), now=jumped)
    assert caught.value.code == "clock_jumped"
    await put(database, "dft_3", -days)  # what is written by that clock makes it no better
    with pytest.raises(EnvironmentProblem):
        await retain(database, settings(tmp_path, 30), apply=True, now=jumped + timedelta(minutes=1))
    assert len(await left(database)) == 3
    assert (await retain(database, settings(tmp_path, 30), apply=True, now=NOW)).drafts == 1


async def test_a_person_who_knows_the_clock_is_right_goes_on(database: Database, tmp_path: Path) -> None:
    later = NOW + timedelta(days=60)
    await put(database, "dft_1", 0)
    swept = await retain(database, settings(tmp_path, 30), apply=True, clock_is_right=True, now=later)
    assert swept.drafts == 1
    assert abs(await last_sweep(database) - later) < timedelta(seconds=1)
    assert (await retain(database, settings(tmp_path, 30), apply=True, now=later + timedelta(days=2))).drafts == 0


async def test_of_several_processes_one_sweeps_and_only_when_it_is_time(database: Database, tmp_path: Path) -> None:
    other = await Database.open(url_of(tmp_path / "youli.sqlite3"))
    await put(database, "dft_1", 40)
    assert (await sweep_once(database, settings(tmp_path, 30))).days is None  # the table was made just now
    due = NOW + timedelta(hours=keeping().sweep.every_hours + 1)
    both = await asyncio.gather(*(sweep_once(one, settings(tmp_path, 30), now=due) for one in (database, other)))
    assert sorted(swept.drafts for swept in both) == [0, 1]
    assert (await sweep_once(database, settings(tmp_path, 30), now=due + timedelta(hours=1))).days is None
    await other.close()


async def test_a_process_that_died_at_it_does_not_keep_the_turn(database: Database, tmp_path: Path) -> None:
    due = NOW + timedelta(hours=keeping().sweep.every_hours + 1)
    async with database.engine.begin() as connection:
        await connection.execute(update(sweeps).values(claimed_at=due))
    assert (await sweep_once(database, settings(tmp_path, 30), now=due + timedelta(minutes=1))).days is None
    later = due + timedelta(minutes=keeping().sweep.claim_minutes + 1)
    assert (await sweep_once(database, settings(tmp_path, 30), now=later)).days is not None


async def aged_trail(database: Database, path: Path, old: int, young: int) -> None:
    """A trail whose first rows are older than it has to be kept."""
    await database.note([Entry("draft.made", f"dft_{number}", "demo") for number in range(old + young)])
    ago = (NOW - timedelta(days=FLOOR.trail.days + 5)).strftime("%Y-%m-%d %H:%M:%S.%f")  # UTC, or some hours from it
    forge(path, f"UPDATE audit SET at = '{ago}' WHERE seq <= {old}")
    forge(path, *await resealed(database))


async def resealed(database: Database) -> list[str]:
    """What to change for the chain to be as it would be had those rows been written then."""
    from service.database.audit import NOTHING, row_hash
    from service.database.tables_audit import audit

    statements, last = [], NOTHING
    async with database.reading() as connection:
        rows = (await connection.execute(select(audit).order_by(audit.c.seq))).mappings().all()
    for row in rows:
        told = [row[name] for name in ("actor", "role", "shop", "request", "action", "object", "details")]
        digest = row_hash(last, row["seq"], row["at"], told)
        statements.append(f"UPDATE audit SET prev = '{last}', hash = '{digest}' WHERE seq = {row['seq']}")
        last = digest
    return [*statements, f"UPDATE audit_head SET hash = '{last}'"]


async def test_the_trail_is_cut_past_its_floor_and_still_verifies(database: Database, tmp_path: Path) -> None:
    await aged_trail(database, tmp_path / "youli.sqlite3", old=6, young=4)
    assert (await verify(database)).sound
    noted = await head_of(database)
    assert (await retain(database, settings(tmp_path, 30), apply=False)).trail == 6
    assert (await retain(database, settings(tmp_path, 3650), apply=True)).trail == 0
    swept = await retain(database, settings(tmp_path, 30), apply=True)
    assert swept.trail == 6
    report = await verify(database, noted=noted)
    assert (report.sound, report.guarded, report.first, report.rows) == (True, True, 7, 5)
    told = (await list_trail(database, Wanted(action="audit.cut"))).entries[0]
    assert (told.details["seq"], told.details["rows"]) == (6, 6)
    forge(tmp_path / "youli.sqlite3", "DELETE FROM audit WHERE seq = 7")
    assert not (await verify(database)).sound


async def test_a_trail_that_was_tampered_with_is_evidence_and_stays(database: Database, tmp_path: Path) -> None:
    await aged_trail(database, tmp_path / "youli.sqlite3", old=6, young=4)
    forge(tmp_path / "youli.sqlite3", "UPDATE audit SET actor = 'x' WHERE seq = 2")
    swept = await retain(database, settings(tmp_path, 30), apply=True)
    assert (swept.trail, swept.trail_unsound) == (0, True)
    assert (await verify(database)).rows == 10


def test_every_floor_names_its_article() -> None:
    for floor in (FLOOR.unused, FLOOR.sent, FLOOR.trail):
        assert "法" in floor.source and len(floor.why) > 10
    assert FLOOR.sent.days >= 183 and FLOOR.trail.days >= 1096


def test_the_command_counts_and_says_what_a_clock_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("YOULI_DATA_DIR", str(tmp_path))
    assert main(["retention", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["applied"] is False
    assert main(["retention", "--apply"]) == 0

    async def stop_for_long() -> None:
        database = await Database.open(Settings(data_dir=tmp_path).database)
        async with database.engine.begin() as connection:
            await connection.execute(update(sweeps).values(swept_at=NOW - timedelta(days=90)))
        await database.close()

    asyncio.run(stop_for_long())
    assert main(["retention", "--apply"]) == 3
    assert "--clock-is-right" in capsys.readouterr().err
    assert main(["retention", "--apply", "--clock-is-right"]) == 0
