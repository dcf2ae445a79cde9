"""The database as one file, taken while others write it: SQLite's own online copy."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from service.errors import EnvironmentProblem, Unavailable

WAIT_S = 30.0
"""Patience with another program that holds the database."""


@dataclass(frozen=True)
class Copied:
    """A copy of the database."""

    migration: str | None
    counts: dict[str, int]
    pointer: str | None


def copy_sqlite(source: Path, target: Path) -> Copied:
    """Copy a database that may be in use; writers are not kept waiting, and the copy is of one moment.

    Args:
        source: the database.
        target: a file that is not there yet; it needs no ``-wal`` beside it when this returns.

    Raises:
        EnvironmentProblem: ``database_missing``, ``database_broken``.
        Unavailable: ``db_busy``, ``disk_full``.
    """
    if not source.is_file():
        raise EnvironmentProblem("database_missing", path=source)
    until = time.monotonic() + WAIT_S
    while True:
        try:
            return _copied(source, target)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise _translated(error, source, target) from None
            if time.monotonic() > until:
                raise Unavailable("db_busy") from None
        except sqlite3.Error as error:
            raise _translated(error, source, target) from None
        target.unlink(missing_ok=True)
        time.sleep(0.2)


def look_at(path: Path) -> Copied:
    """Check a database that nobody uses, page by page, and count its rows.

    Raises:
        EnvironmentProblem: ``database_broken``.
    """
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as opened:
            return _seen(opened, path)
    except sqlite3.Error as error:
        raise _translated(error, path, path) from None


def _copied(source: Path, target: Path) -> Copied:
    with closing(_reading(source)) as original, closing(sqlite3.connect(target)) as copy:
        original.backup(copy)  # all pages in one step: one moment, and no starting over when somebody writes
        copy.execute("PRAGMA journal_mode=DELETE")
        copy.commit()
        seen = _seen(copy, source)
    with target.open("rb+") as file:
        os.fsync(file.fileno())
    return seen


def _reading(source: Path) -> sqlite3.Connection:
    """A connection that only reads; on a disk that cannot be written, one that needs no ``-shm``."""
    place = source.absolute().as_uri()
    opened = sqlite3.connect(f"{place}?mode=ro", uri=True, timeout=2)
    try:
        opened.execute("SELECT 1 FROM sqlite_master").fetchall()
    except sqlite3.OperationalError:
        opened.close()
        wal = source.with_name(source.name + "-wal")
        if os.access(source.parent, os.W_OK) or (wal.exists() and wal.stat().st_size):
            raise
        return sqlite3.connect(f"{place}?mode=ro&immutable=1", uri=True)
    return opened


def _seen(opened: sqlite3.Connection, shown: Path) -> Copied:
    verdict = opened.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if verdict != "ok" or opened.execute("PRAGMA foreign_key_check").fetchone() is not None:
        raise EnvironmentProblem("database_broken", path=shown, reason="integrity_check")
    names = [row[0] for row in opened.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    own = [name for name in names if not name.startswith("sqlite_")]
    counts = {name: int(opened.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]) for name in own}
    migration = pointer = None
    if "alembic_version" in counts and (row := opened.execute("SELECT version_num FROM alembic_version").fetchone()):
        migration = str(row[0])
    if "pointer" in counts and (row := opened.execute("SELECT generation, digest FROM pointer").fetchone()):
        pointer = f"{row[0]}:{row[1]}"
    return Copied(migration, counts, pointer)


def _translated(error: sqlite3.Error, source: Path, target: Path) -> Exception:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return Unavailable("disk_full", path=target.parent)
    reason = getattr(error, "sqlite_errorname", type(error).__name__)
    return EnvironmentProblem("database_broken", path=source, reason=reason)
