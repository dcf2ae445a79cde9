"""Whether the database can be read and written just now: as cheaply as that can be known."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database import postgres
from service.database.faults import translate
from service.database.session import Database
from service.database.tables import drafts
from service.database.tables_audit import audit
from service.errors import EnvironmentProblem

VERSION = "SELECT version_num FROM alembic_version"


async def revision(database: Database) -> str:
    """The schema the database has at this moment; another process may have brought it further.

    Raises:
        Unavailable, EnvironmentProblem: it cannot be read.
    """
    async with database.reading() as connection:
        found = (await connection.execute(text(VERSION))).scalar()
    return str(found)


async def try_writing(database: Database) -> None:
    """Write something that changes nothing: what a full or read-only disk refuses as it refuses a draft.

    Raises:
        Unavailable, EnvironmentProblem: it cannot be written.
    """

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(text("UPDATE alembic_version SET version_num = version_num"))

    await database.write(work)


async def newest_row(database: Database) -> datetime | None:
    """When the newest draft or deed was written, by the clock of that time."""
    async with database.reading() as connection:
        found = [
            (await connection.execute(select(func.max(column)))).scalar()
            for column in (drafts.c.created_at, audit.c.at)
        ]
    return max((one for one in found if one is not None), default=None)


async def trail_rows(database: Database) -> int:
    """About how many rows the audit trail has."""
    async with database.reading() as connection:
        query = select(func.max(audit.c.seq) - func.min(audit.c.seq))
        return int((await connection.execute(query)).scalar() or 0)


async def peek(url: str) -> tuple[str, str | None]:
    """What kind of database there is, and its schema's version (None: none yet); nothing is made or migrated.

    Raises:
        EnvironmentProblem: no such database can be spoken to.
        OSError: it does not answer.
    """
    try:
        engine = postgres.engine(postgres.normal(make_url(url)))
    except (ArgumentError, ImportError, ValueError, TypeError) as error:
        raise EnvironmentProblem("database_broken", path=url.split("@")[-1], reason=type(error).__name__) from None
    try:
        async with engine.connect() as connection:
            number = (await connection.execute(text("SHOW server_version"))).scalar()
            there = await connection.run_sync(lambda plain: plain.dialect.has_table(plain, "alembic_version"))
            found = (await connection.execute(text(VERSION))).scalar() if there else None
    except DBAPIError as error:
        raise translate(error, url.split("@")[-1]) from None
    finally:
        await engine.dispose()
    return f"PostgreSQL {str(number).split()[0]}", None if found is None else str(found)
