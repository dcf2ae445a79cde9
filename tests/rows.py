"""Everything a data folder's database holds, read as the service reads it: a file's or a server's alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Row, inspect, text

from service.database.looking import beside
from service.database.session import Database
from service.settings import Settings

Rows = list[Row[Any]]


def rows_of(data: Path, *tables: str) -> dict[str, Rows]:
    """The rows of some tables, or of all; each table's in an order that does not depend on the engine."""
    found: dict[str, Rows] = {}

    async def read() -> None:
        database = await Database.open(Settings(auth="off", data_dir=data).database)
        try:
            async with database.reading() as connection:
                names = tables or await connection.run_sync(lambda plain: inspect(plain).get_table_names())
                for name in names:
                    rows = (await connection.execute(text(f'SELECT * FROM "{name}"'))).all()
                    found[name] = sorted(rows, key=repr)
        finally:
            await database.close()

    beside(read)
    return found
