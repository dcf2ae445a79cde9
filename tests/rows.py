"""Everything a data folder's database holds, reached as the service reaches it: a file's or a server's alike."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Row, inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database.looking import beside
from service.database.session import Database
from service.settings import Settings

Rows = list[Row[Any]]


def rows_of(data: Path, *tables: str) -> dict[str, Rows]:
    """The rows of some tables, or of all; each table's in an order that does not depend on the engine."""
    found: dict[str, Rows] = {}

    async def read(connection: AsyncConnection) -> None:
        names = tables or await connection.run_sync(lambda plain: inspect(plain).get_table_names())
        for name in names:
            rows = (await connection.execute(text(f'SELECT * FROM "{name}"'))).all()
            found[name] = sorted(rows, key=repr)

    _in_database(data, read)
    return found


def empty(data: Path, *tables: str) -> None:
    """Take all rows of some tables away, one table after the other."""

    async def delete(connection: AsyncConnection) -> None:
        for name in tables:
            await connection.execute(text(f'DELETE FROM "{name}"'))

    _in_database(data, delete)


def _in_database(data: Path, work: Callable[[AsyncConnection], Awaitable[None]]) -> None:
    async def whole() -> None:
        database = await Database.open(Settings(auth="off", data_dir=data).database)
        try:
            await database.write(work)
        finally:
            await database.close()

    beside(whole)
