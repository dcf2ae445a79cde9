"""Bytes of deleted rows taken off the disk: what DELETE leaves in free pages, half-filled pages and the log.

SQLite zeroes what it frees (``secure_delete``), but a row that was moved between pages leaves a copy in the gap of the
old one, and the write-ahead log keeps pages as they were. So the file is written anew from what is live, and the log
is cut to nothing. On PostgreSQL dead rows are vacuumed; its own log and backups belong to whoever runs it.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import text

from service.database.unmaking import hanging

if TYPE_CHECKING:
    from service.database.session import Database

_TRIES, _PAUSE_S = 20, 0.25


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """What was done. ``log``: nothing is left in the write-ahead log; ``file``: nor in the database file."""

    file: bool
    log: bool


async def scrub(database: Database, largest: float) -> Scrubbed:
    """Write the database anew without what was deleted; other writes wait meanwhile (about a second for 100 MB).

    Args:
        database: which.
        largest: bytes; a larger SQLite file is not written anew, only the log is cut.

    ``file`` or ``log`` is False where somebody else held on to it for several seconds: the deleted rows are gone for
    every reader, but their bytes may still be on the disk until this is done again.
    """
    if database.engine.dialect.name == "sqlite":
        return await database.writer.alone(lambda: asyncio.to_thread(_sqlite, Path(database.shown), largest))
    return await database.writer.alone(lambda: _postgresql(database))


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


async def _postgresql(database: Database) -> Scrubbed:
    async with database.engine.connect() as plain:
        connection = await plain.execution_options(isolation_level="AUTOCOMMIT")
        for name in ("drafts", "conversations", *(table.name for table in hanging())):
            await connection.execute(text(f"VACUUM {name}"))
    return Scrubbed(True, False)
