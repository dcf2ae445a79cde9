"""Bytes of deleted rows taken off the disk: what DELETE leaves in free pages, half-filled pages and the log.

SQLite zeroes what it frees (``secure_delete``), but a row that was moved between pages leaves a copy in the gap of the
old one, and the write-ahead log keeps pages as they were. So the file is written anew from what is live, and the log
is cut to nothing. A plain VACUUM of PostgreSQL's leaves the bytes in the gaps of its pages, and its planner's
statistics are samples of what stood in the rows: there too the tables are written anew, and the statistics with them.
Its own log and backups belong to whoever runs it.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.pool import NullPool

from service.database.unmaking import hanging

if TYPE_CHECKING:
    from service.database.session import Database

_TRIES, _PAUSE_S = 20, 0.25
_LOCK_MS = 2_000
"""How long others' statements may queue behind ours for a table; then it is left as it is."""
_REWRITE_S = 600.0


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """What was done. ``log``: nothing is left in the write-ahead log; ``file``: nor in the database file."""

    file: bool
    log: bool


async def scrub(database: Database, largest: float) -> Scrubbed:
    """Write the database anew without what was deleted; other writes wait meanwhile (about a second for 100 MB).

    Args:
        database: which.
        largest: bytes; a larger SQLite file is not written anew, only the log is cut; of larger tables of
            PostgreSQL's the room of dead rows is only given back.

    ``file`` or ``log`` is False where somebody else held on to it for several seconds: the deleted rows are gone for
    every reader, but their bytes may still be on the disk until this is done again.
    """
    if database.engine.dialect.name == "sqlite":
        return await database.writer.alone(lambda: asyncio.to_thread(_sqlite, Path(database.shown), largest))
    return await database.writer.alone(lambda: _postgresql(database, largest))


def _sqlite(path: Path, largest: float) -> Scrubbed:
    connection = sqlite3.connect(path, isolation_level=None, timeout=5.0)
    try:
        connection.execute("PRAGMA secure_delete=ON")
        return Scrubbed(path.stat().st_size <= largest and _rewritten(connection), _cut(connection))
    finally:
        connection.close()


def _rewritten(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute("VACUUM")
    except sqlite3.OperationalError:
        return False
    return True


def _cut(connection: sqlite3.Connection) -> bool:
    """Cut the log to nothing; readers that are in the middle of it are waited for."""
    for _ in range(_TRIES):
        busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        if not busy:
            return True
        time.sleep(_PAUSE_S)
    return False


async def _postgresql(database: Database, largest: float) -> Scrubbed:
    names = ("drafts", "conversations", "proposals", *(table.name for table in hanging()))
    async with database.engine.connect() as plain:
        connection = await plain.execution_options(isolation_level="AUTOCOMMIT")
        sized = "SELECT sum(pg_total_relation_size(name)) FROM unnest(CAST(:names AS regclass[])) name"
        size = (await connection.execute(text(sized), {"names": list(names)})).scalar_one()
        # behind a pooler a session's settings are somebody else's too: there nobody is made to wait for locks of ours
        anew = size <= largest and not isinstance(database.engine.pool, NullPool)
        if anew and await _nobody_looks_back(connection):
            driver = (await connection.get_raw_connection()).driver_connection
            return Scrubbed(await _written_anew(driver, names), False)
        for name in names:
            await connection.execute(text(f"VACUUM {name}"))
    return Scrubbed(False, False)


async def _nobody_looks_back(connection: AsyncConnection) -> bool:
    """Wait until no transaction is left that still sees what was deleted: its rows would be copied with the rest."""
    now = (await connection.execute(text("SELECT clock_timestamp()"))).scalar_one()
    others = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND backend_xmin IS NOT NULL AND xact_start < :now"
    )
    for _ in range(_TRIES):
        if not (await connection.execute(others, {"now": now})).scalar_one():
            return True
        await asyncio.sleep(_PAUSE_S)
    return False


async def _written_anew(driver: Any, names: Iterable[str]) -> bool:
    """Rewrite tables and what the planner knows of them; False where somebody held one for too long."""
    import asyncpg  # type: ignore[import-untyped]

    await driver.execute(f"SET lock_timeout = {_LOCK_MS}")
    try:
        for name in names:
            await driver.execute(f"VACUUM (FULL, ANALYZE) {name}", timeout=_REWRITE_S)
        await driver.execute("VACUUM FULL pg_statistic", timeout=_REWRITE_S)
    except (asyncpg.PostgresError, TimeoutError):
        return False
    finally:
        await driver.execute("RESET lock_timeout")
    return True
