"""What ``kills`` kills beside the taking in of documents: a migration, and a backup made while documents come in.

``migrate`` brings databases of the first version up, one after the other; ``backup`` takes documents in and backs the
folder up again and again.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from evals.benchmarks.killing import Work
from service.backup.making import SUFFIX, back_up
from service.backup.restoring import verify
from service.database.session import MIGRATIONS, Database, known_migrations
from service.errors import YouliError
from service.settings import Settings, read_settings

ROWS = 4_000
"""Drafts in a database that is brought up: the tables a migration makes anew take their time."""


async def migrate(folder: Path) -> None:
    """Look at what the last one left, then migrate without end."""
    work = Work(folder, None, 0)
    found = []
    begun = [line["doing"]["turn"] for line in work.lines if "doing" in line]
    old = folder / "old.sqlite3"
    if begun and (folder / f"db{begun[-1]}.sqlite3").exists():
        found = [f"migrate turn {begun[-1]}: {text}" for text in await _left(folder / f"db{begun[-1]}.sqlite3")]
    if not old.exists():
        _first(folder / "old.part")
        (folder / "old.part").rename(old)
    for path in folder.glob("db*"):
        path.unlink()
    print(json.dumps({"problems": found, "working": True}), flush=True)
    turn = max(begun, default=0)
    while True:
        turn += 1
        path = folder / f"db{turn}.sqlite3"
        path.write_bytes(old.read_bytes())
        await work.done({"turn": turn, "op": "migrate"}, _up(path))
        for done in folder.glob(f"db{turn}.*"):
            done.unlink()


async def _up(path: Path) -> None:
    await (await Database.open(f"sqlite+aiosqlite:///{path}")).close()


def _first(path: Path) -> None:
    """A database of the first migration with drafts in it."""
    path.unlink(missing_ok=True)
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine

    engine = create_engine(f"sqlite:///{path}")
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, known_migrations()[0])
    engine.dispose()
    with closing(sqlite3.connect(path)) as opened, opened:
        row = "INSERT INTO drafts (id, shop, created_at, knowledge_version, inquiry, draft) VALUES (?,?,?,?,?,?)"
        fields = ("default", "2026-11-22 00:00:00", "v", '{"messages": []}', '{"reply": "' + "好" * 200 + '"}')
        opened.executemany(row, [(f"dft_{number}", *fields) for number in range(ROWS)])


async def _left(path: Path) -> list[str]:
    """Old or new, never between; and from either it comes up with every row."""
    found = []
    with closing(sqlite3.connect(path)) as opened:
        if opened.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
            found.append("integrity_check")
        revision = opened.execute("SELECT version_num FROM alembic_version").fetchone()[0]
        tables = {row[0] for row in opened.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if revision not in (known_migrations()[0], known_migrations()[-1]):
        found.append(f"between: {revision}")
    if any(name.startswith("_alembic_tmp") for name in tables) or ("rulebooks" in tables) != (
        revision == known_migrations()[-1]
    ):
        found.append(f"tables of another moment than {revision}")
    database = await Database.open(f"sqlite+aiosqlite:///{path}")
    await database.close()
    with closing(sqlite3.connect(path)) as opened:
        count = opened.execute("SELECT count(*) FROM drafts").fetchone()[0]
    if count != ROWS:
        found.append(f"{count} of {ROWS} rows")
    return found


async def backup(folder: Path, work: Work, settings: Settings) -> None:
    """Documents in, and a backup of all of it, without end."""
    turn = max((line["doing"]["turn"] for line in work.lines if "doing" in line), default=0)
    while True:
        turn += 1
        await work.done({"turn": turn, "op": "add"}, work.added(f"upload{turn}", turn, True))
        target = folder / "kept" / f"{turn}{SUFFIX}"
        work.write(backing=turn)
        await asyncio.to_thread(back_up, settings, target)
        work.write(backed=turn)


def kept(folder: Path, work: Work) -> list[str]:
    """Every backup that has its name is whole, and everyone that was answered is there."""
    found = []
    home = folder / "kept"
    home.mkdir(exist_ok=True)
    there = {int(path.name.removesuffix(SUFFIX)): path for path in home.glob(f"*{SUFFIX}")}
    for line in work.lines:
        if "backed" in line and line["backed"] not in there:
            found.append(f"backup {line['backed']} was answered and is lost")
    for turn, path in sorted(there.items()):
        try:
            told = verify(path)
        except YouliError as error:
            found.append(f"backup {turn} is broken: {error.detail}")
            continue
        before = sum("done" in line for line in work.lines[: _place(work, turn)])
        if told.counts["documents"] < before:
            found.append(f"backup {turn} holds {told.counts['documents']} of {before} documents")
        if turn != max(there):
            path.unlink()
            work.write(dropped=turn)
    gone = {line["dropped"] for line in work.lines if "dropped" in line}
    return [text for text in found if int(text.split()[1]) not in gone]


def _place(work: Work, turn: int) -> int:
    return next((place for place, line in enumerate(work.lines) if line.get("backing") == turn), 0)


async def _backup(folder: Path, seed: int) -> None:
    from evals.benchmarks.kill_check import problems
    from service.library.store import Library
    from service.rulebook.thesaurus import load_thesaurus

    knowledge = folder / "knowledge"
    settings = read_settings(data_dir=folder / "data", knowledge_dir=knowledge)
    library = await Library.open(settings, load_thesaurus(knowledge / "thesaurus.yaml"))
    work = Work(folder, library, seed)
    found = await problems("add", work) + await asyncio.to_thread(kept, folder, work)
    print(json.dumps({"problems": found, "working": True}), flush=True)
    await backup(folder, work, settings)


def run(kind: str, folder: Path, seed: int) -> None:
    """Work until killed."""
    from service.logs import configure_logs

    configure_logs()
    works: dict[str, Any] = {"migrate": lambda: migrate(folder), "backup": lambda: _backup(folder, seed)}
    asyncio.run(works[kind]())


if __name__ == "__main__":
    run(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
