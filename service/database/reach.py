"""Whether the database can be read and written just now: as cheaply as that can be known."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database.session import Database


async def revision(database: Database) -> str:
    """The schema the database has at this moment; another process may have brought it further.

    Raises:
        Unavailable, EnvironmentProblem: it cannot be read.
    """
    async with database.reading() as connection:
        found = (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar()
    return str(found)


async def try_writing(database: Database) -> None:
    """Write something that changes nothing: what a full or read-only disk refuses as it refuses a draft.

    Raises:
        Unavailable, EnvironmentProblem: it cannot be written.
    """

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(text("UPDATE alembic_version SET version_num = version_num"))

    await database.write(work)
