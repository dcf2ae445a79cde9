"""PostgreSQL's side of the database: how it is reached, what it refuses to store, and locks all processes see.

Nothing here imports a driver before it is needed: with SQLite none of it runs.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import event, text
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from service.database.newrows import to_json

NAMES = {"postgres", "postgresql", "postgresql+asyncpg"}
"""The ways in which people and clouds write it."""
POOL, OVERFLOW = 5, 10
"""Connections a process keeps, and takes besides in a rush: fifteen a worker, of a server's hundred."""
POOL_WAIT_S = 5.0
CONNECT_S = 5.0
STATEMENT_S = 20.0
"""No statement of ours takes a second; one that takes this long is given up, and its transaction with it."""
RECYCLE_S = 1_800
LOCK_WAIT_MS = 5_000
"""How long a write waits for another's lock before it says ``db_busy``."""

KNOWLEDGE, MIGRATION = 8_402_001, 8_402_002
"""Advisory locks, freed with their transaction (so they hold behind a pooler that shares connections)."""

_ESCAPED_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
INSTEAD = "\N{REPLACEMENT CHARACTER}"
"""Stored where a text has the character U+0000, which PostgreSQL takes in no text: one for one, so offsets hold."""


def normal(url: URL) -> URL:
    """The URL as SQLAlchemy wants it, whatever way it was written."""
    query = dict(url.query)
    if "sslmode" in query:
        query["ssl"] = query.pop("sslmode")
    return url.set(drivername="postgresql+asyncpg", query=query)


def engine(url: URL, *, patient: bool = False) -> AsyncEngine:
    """An engine for a :func:`normal` URL.

    Args:
        url: where; with ``pooler=on`` in its query behind a pooler that shares connections between transactions
            (pgbouncer's ``pool_mode = transaction``): nothing is then kept on a connection.
        patient: for migrations, which may take as long as they take.
    """
    query = dict(url.query)
    shared = query.pop("pooler", "off") == "on"
    given: dict[str, Any] = {"timeout": CONNECT_S, "command_timeout": None if patient else STATEMENT_S}
    pool: dict[str, Any] = {
        "pool_pre_ping": True,
        "pool_size": POOL,
        "max_overflow": OVERFLOW,
        "pool_timeout": POOL_WAIT_S,
        "pool_recycle": RECYCLE_S,
        "pool_use_lifo": True,  # what a rush opened is closed again by the server's own timeout, not kept awake
    }
    if shared:
        given |= {"statement_cache_size": 0, "prepared_statement_cache_size": 0}
        given["prepared_statement_name_func"] = lambda: f"__youli_{uuid.uuid4().hex}__"
        pool = {"poolclass": NullPool}
    else:
        given["server_settings"] = {"application_name": "youli", "idle_in_transaction_session_timeout": "60000"}
    if patient:
        pool = {"poolclass": NullPool}
    made = create_async_engine(url.set(query=query), connect_args=given, json_serializer=json_of, **pool)
    event.listen(made.sync_engine, "before_cursor_execute", _storable, retval=True)
    return made


def json_of(value: Any) -> str:
    """What goes into a JSON column: without U+0000, which can be put in and never be read out of it."""
    written = to_json(value)
    if "\\u0000" in written and _ESCAPED_NUL.search(written):
        return json.dumps(_without_nul(json.loads(written)), ensure_ascii=False)
    return written


def _without_nul(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\x00", INSTEAD)
    if isinstance(value, list):
        return [_without_nul(item) for item in value]
    if isinstance(value, Mapping):
        return {_without_nul(key): _without_nul(item) for key, item in value.items()}
    return value


def _storable(
    _connection: object, _cursor: object, statement: str, parameters: Any, _context: object, many: bool
) -> tuple[str, Any]:
    rows = parameters if many else [parameters]
    if not any(isinstance(value, str) and "\x00" in value for row in rows for value in row):
        return statement, parameters
    cleaned = [tuple(v.replace("\x00", INSTEAD) if isinstance(v, str) else v for v in row) for row in rows]
    return statement, cleaned if many else cleaned[0]


async def begin_write(connection: AsyncConnection) -> None:
    """What every write transaction begins with."""
    await connection.execute(text(f"SET LOCAL lock_timeout = {LOCK_WAIT_MS}"))


async def alone(connection: AsyncConnection, lock: int = KNOWLEDGE) -> None:
    """Wait until no other transaction of any process holds ``lock``, and hold it until this one ends."""
    await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": lock})
