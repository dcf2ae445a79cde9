"""Rows that only have to be put down: one statement for all of them, and one word with SQLite's thread.

Every word with the driver's thread costs a tenth of a millisecond of processor time, and the ordinary way has a dozen
(cursor, statement, close, for BEGIN, SAVEPOINT, INSERT, RELEASE, and COMMIT): several times what the row itself takes.
One INSERT outside a transaction is a transaction of its own, whole or not at all, on disk when it returns.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Table, insert
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection


class JsonText(str):
    """The value of a JSON column, written out already."""

    __slots__ = ()


def to_json(value: Any) -> str:
    """What goes into a JSON column."""
    return str(value) if isinstance(value, JsonText) else json.dumps(value)


@dataclass(frozen=True, slots=True)
class NewRow:
    """A row of a table."""

    table: Table
    values: dict[str, Any]

    async def insert(self, connection: AsyncConnection) -> None:
        """Put it down the ordinary way, on any database."""
        await connection.execute(insert(self.table), self.values)


async def put_down(connection: AsyncConnection, rows: Sequence[NewRow]) -> bool:
    """Put rows down in SQLite, all or none of them.

    False where they do not fit (an id twice, rows of several kinds): the ordinary way finds which of them.

    Raises:
        DBAPIError: the database is busy, full or broken.
    """
    first = rows[0]
    names = tuple(first.values)
    if any(row.table is not first.table or tuple(row.values) != names for row in rows):
        return False
    head, marks, processors = _form(first.table, names, connection.dialect)
    values = [
        value if process is None else process(value)
        for row in rows
        for value, process in zip(row.values.values(), processors, strict=True)
    ]
    driver: Any = (await connection.get_raw_connection()).driver_connection
    try:
        await driver.execute_fetchall(head + ", ".join([marks] * len(rows)), values)
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
        return False
    except sqlite3.Error as error:
        raise DBAPIError(None, None, error) from None
    return True


@lru_cache(maxsize=16)
def _form(table: Table, names: tuple[str, ...], dialect: Dialect) -> tuple[str, str, list[Any]]:
    """The statement up to its values, the marks of one row, and what makes a value one the driver takes."""
    quote = dialect.identifier_preparer
    columns = ", ".join(quote.quote(table.c[name].name) for name in names)
    processors = [table.c[name].type.dialect_impl(dialect).bind_processor(dialect) for name in names]
    return (
        f"INSERT INTO {quote.format_table(table)} ({columns}) VALUES ",
        f"({', '.join('?' * len(names))})",
        processors,
    )
