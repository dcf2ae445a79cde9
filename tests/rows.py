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


def change(data: Path, *statements: str) -> list[int]:
    """Run statements as somebody does who has the database; how many rows each changed."""
    counts: list[int] = []

    async def run(connection: AsyncConnection) -> None:
        counts[:] = [(await connection.execute(text(statement))).rowcount for statement in statements]

    _in_database(data, run)
    return counts


def _in_database(data: Path, work: Callable[[AsyncConnection], Awaitable[None]]) -> None:
    async def whole() -> None:
        database = await Database.open(Settings(auth="off", data_dir=data).database)
        try:
            await database.write(work)
        finally:
            await database.close()

    beside(whole)
