"""A database server looked at without changing it, and what it holds copied into a file, to try things out on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

from sqlalchemy import insert, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database import postgres
from service.database.faults import translate
from service.database.session import READING, Database
from service.database.tables import (
    chunks,
    documents,
    embedders,
    pointer,
    releases,
    rulings,
    vectors,
    versions,
)
from service.errors import EnvironmentProblem, Unavailable

T = TypeVar("T")
KNOWLEDGE = (documents, versions, chunks, vectors, embedders, releases, rulings, pointer)
"""What is searched and published, in an order in which rows find what they refer to."""
_BATCH = 500


def is_server(url: str) -> bool:
    """Whether a URL names a database server rather than a file."""
    try:
        return make_url(url).drivername in postgres.NAMES
    except (ArgumentError, ValueError):
        return False


def beside(work: Callable[[], Awaitable[T]]) -> T:
    """Run a coroutine to its end, from inside a running loop too."""

    async def whole() -> T:
        try:
            return await work()
        finally:
            await asyncio.sleep(0.01)  # a driver that was turned away closes its socket in the loop's next rounds

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(whole())).result()


@asynccontextmanager
async def seen_at_once(url: str) -> AsyncIterator[AsyncConnection]:
    """A connection to a server on which all is read as of one moment, however long that takes; migrates nothing.

    Raises:
        EnvironmentProblem: it does not let us in.
        Unavailable: it is away.
    """
    parsed = postgres.normal(make_url(url))
    shown = f"{parsed.host}/{parsed.database}"
    engine = postgres.engine(parsed, patient=True)
    try:
        async with engine.connect() as opened:
            connection = await opened.execution_options(**READING)
            await connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
            yield connection
    except DBAPIError as error:
        raise translate(error, shown) from None
    except OSError:
        raise Unavailable("database_away", server=shown) from None
    except Exception as error:
        if type(error).__module__.startswith("asyncpg"):
            raise translate(DBAPIError(None, None, error), shown) from None
        raise
    finally:
        await engine.dispose()


async def migrated(connection: AsyncConnection) -> str | None:
    """The newest migration a server's database has; None where there is none."""
    there = "SELECT to_regclass('alembic_version') IS NOT NULL"
    if not (await connection.execute(text(there))).scalar():
        return None
    return str((await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar_one())


async def revision_of(url: str) -> str | None:
    """As :func:`migrated`, of the database at an address; with its errors."""
    async with seen_at_once(url) as connection:
        return await migrated(connection)


async def copy_knowledge(url: str, target: str) -> None:
    """Copy what is searched and published, as of one moment, from a server into a new database.

    Raises:
        EnvironmentProblem, Unavailable: as of :meth:`Database.open`.
    """
    if await revision_of(url) is None:
        raise EnvironmentProblem("database_broken", path=url.rpartition("@")[2], reason="empty")
    source = await Database.open(url)
    try:
        copy = await Database.open(target)
        try:
            async with source.reading() as here, copy.engine.begin() as there:
                for table in KNOWLEDGE:
                    rows = [dict(row) for row in (await here.execute(select(table))).mappings()]
                    for start in range(0, len(rows), _BATCH):
                        await there.execute(insert(table), rows[start : start + _BATCH])
        finally:
            await copy.close()
    finally:
        await source.close()
