"""The name of this installation, made up when it is first asked for."""

from __future__ import annotations

import secrets

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database.newrows import insert_new
from service.database.session import Database
from service.database.tables_servers import installation

_ROW = 1


async def name_of(database: Database) -> str:
    """Eight hexadecimal digits, the same for all who use this database.

    Raises:
        Unavailable: the database is busy or away.
    """
    query = select(installation.c.name).where(installation.c.id == _ROW)
    async with database.reading() as connection:
        known = (await connection.execute(query)).scalar()
    if known is not None:
        return str(known)

    async def work(connection: AsyncConnection) -> str:
        await insert_new(connection, installation, [{"id": _ROW, "name": secrets.token_hex(4)}])
        return str((await connection.execute(query)).scalar_one())

    return await database.write(work)
