"""What a database's driver says when something is wrong, in errors of ours.

Every answer a person may get has a sentence that says what to do; what is left as it is, is a bug of ours.
"""

from __future__ import annotations

import sqlite3

from sqlalchemy.exc import DBAPIError

from service.errors import EnvironmentProblem, Unavailable, YouliError

_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_BROKEN = {
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
}

_AGAIN = {"40001", "40P01"}
"""PostgreSQL undid a transaction because of another one: the same again will do."""
_PG_FULL = {"53100"}
_PG_BUSY = {*_AGAIN, "55P03", "53300", "57014"}
"""Deadlock, lock not to be had in time, too many connections, a statement that took too long."""
_PG_REFUSED = {"28000", "28P01", "3D000", "42501", "3F000"}
"""Who we are, our password, the database's name, our rights in it: for a person to put right."""
_PG_BROKEN = {"XX001", "XX002", "58030"}
_PG_AWAY = ("08", "53", "57P", "58", "25006")
"""Connections, resources, shutting down or starting up, the system; a server that only reads (a standby)."""


def translate(error: DBAPIError, shown: str) -> Exception:
    """The error of ours a driver error stands for; the error itself if it is a bug of ours."""
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is not None:
        return _of_sqlite(error, code, shown) or error
    if isinstance(error.orig, sqlite3.OperationalError):  # the driver's own, without a number: text that is none
        return EnvironmentProblem("database_broken", path=shown, reason="UTF-8")
    state = getattr(error.orig, "sqlstate", None) or ""
    problem = _of_postgres(state, shown)
    if problem is None and (error.connection_invalidated or _closed(error)):
        problem = Unavailable("database_away", server=shown)
    return problem or error


def transient(error: BaseException | None) -> bool:
    """Whether a transaction that failed so, before it was committed, will probably do when it is run once more."""
    if isinstance(error, DBAPIError):
        state = getattr(error.orig, "sqlstate", None) or ""
        return state in _AGAIN or error.connection_invalidated or state.startswith(("08", "57P")) or _closed(error)
    return isinstance(error, OSError) and not isinstance(error, TimeoutError)


def _closed(error: DBAPIError) -> bool:
    """The driver's own word, without a state, for a connection that is gone."""
    said = str(error.orig)
    return "connection is closed" in said or "connection was closed" in said


def _of_sqlite(error: DBAPIError, code: int, shown: str) -> YouliError | None:
    primary = code & 0xFF
    if primary in _BUSY:
        return Unavailable("db_busy")
    if primary == sqlite3.SQLITE_FULL:
        return Unavailable("disk_full", path=shown)
    if primary in _BROKEN:
        return EnvironmentProblem("database_broken", path=shown, reason=getattr(error.orig, "sqlite_errorname", ""))
    return None


def _of_postgres(state: str, shown: str) -> YouliError | None:
    if state in _PG_FULL:
        return Unavailable("disk_full", path=shown)
    if state in _PG_BUSY:
        return Unavailable("db_busy")
    if state in _PG_REFUSED:
        return EnvironmentProblem("database_refused", server=shown, reason=state)
    if state in _PG_BROKEN:
        return EnvironmentProblem("database_broken", path=shown, reason=state)
    if state.startswith(_PG_AWAY):
        return Unavailable("database_away", server=shown)
    return None
