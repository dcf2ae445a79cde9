"""Rows that only have to be put down: one statement for all of them, and one word with SQLite's thread.

Every word with the driver's thread costs a tenth of a millisecond of processor time, and the ordinary way has a dozen
(cursor, statement, close, for BEGIN, SAVEPOINT, INSERT, RELEASE, and COMMIT): several times what the row itself takes.
One INSERT outside a transaction is a transaction of its own, whole or not at all, on disk when it returns; with what
goes into the audit trail it is one transaction, all of it in that one word.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

from sqlalchemy import Table, insert
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

T = TypeVar("T")


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


@dataclass(frozen=True, slots=True)
class Form:
    """An INSERT for the driver itself."""

    head: str
    """The statement up to its values."""
    marks: str
    """Of one row."""
    processors: Sequence[Callable[[Any], Any] | None]
    """What makes each value one the driver takes."""

    def fill(self, rows: Iterable[Iterable[Any]]) -> tuple[str, list[Any]]:
        """The statement for these rows, and its values."""
        rows = list(rows)
        values = [
            value if process is None else process(value)
            for row in rows
            for value, process in zip(row, self.processors, strict=True)
        ]
        return self.head + ", ".join([self.marks] * len(rows)), values


Last = Callable[[sqlite3.Connection], None]
"""What is to be done behind the rows, in the same transaction."""


async def put_down(connection: AsyncConnection, rows: Sequence[NewRow], last: Last | None = None) -> bool:
    """Put rows down in SQLite, all or none of them, and what goes with them.

    False where they do not fit (an id twice, rows of several kinds): the ordinary way finds which of them.

    Raises:
        DBAPIError: the database is busy, full or broken.
    """
    first = rows[0]
    names = tuple(first.values)
    if any(row.table is not first.table or tuple(row.values) != names for row in rows):
        return False
    statement, values = form_of(first.table, names, connection.dialect).fill(row.values.values() for row in rows)

    def put(driver: sqlite3.Connection) -> None:
        if last is None:
            driver.execute(statement, values)
            return
        driver.execute("BEGIN IMMEDIATE")
        try:
            driver.execute(statement, values)
            last(driver)
            driver.execute("COMMIT")
        except BaseException:
            if driver.in_transaction:
                driver.execute("ROLLBACK")
            raise

    try:
        await on_thread(connection, put)
    except DBAPIError as error:
        if isinstance(error.orig, sqlite3.IntegrityError | sqlite3.ProgrammingError):
            return False
        raise
    return True


async def on_thread(connection: AsyncConnection, work: Callable[[sqlite3.Connection], T]) -> T:
    """Run work on the thread of SQLite's driver, which alone may touch its connection: one word for many statements.

    Raises:
        DBAPIError: as SQLAlchemy would have raised it.
    """
    driver: Any = (await connection.get_raw_connection()).driver_connection
    try:
        # aiosqlite has no public door for more than one statement a time; its version is pinned below the next minor
        done: T = await driver._execute(lambda: work(driver._conn))
    except sqlite3.Error as error:
        raise DBAPIError(None, None, error) from None
    return done


async def insert_new(connection: AsyncConnection, table: Table, rows: Sequence[Mapping[str, Any]]) -> int:
    """Put down those rows whose key is not there yet; how many they were, where one was given.

    Two processes may find at the same moment that a row is missing: the second's is left out, after the first's.
    """
    if not rows:
        return 0
    dialect: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
    done = await connection.execute(dialect.insert(table).on_conflict_do_nothing(), [dict(row) for row in rows])
    return int(done.rowcount)


async def insert_all(connection: AsyncConnection, rows: Sequence[NewRow]) -> bool:
    """Put rows down in any database, all or none of them; False as in :func:`put_down`."""
    first = rows[0]
    names = tuple(first.values)
    if any(row.table is not first.table or tuple(row.values) != names for row in rows):
        return False
    savepoint = await connection.begin_nested()
    try:
        await connection.execute(insert(first.table), [row.values for row in rows])
        await savepoint.commit()
    except IntegrityError:
        await savepoint.rollback()
        return False
    return True


@lru_cache(maxsize=16)
def form_of(table: Table, names: tuple[str, ...], dialect: Dialect) -> Form:
    """The statement that puts these columns of a table down, in this order."""
    quote = dialect.identifier_preparer
    columns = ", ".join(quote.quote(table.c[name].name) for name in names)
    return Form(
        f"INSERT INTO {quote.format_table(table)} ({columns}) VALUES ",
        f"({', '.join('?' * len(names))})",
        [table.c[name].type.dialect_impl(dialect).bind_processor(dialect) for name in names],
    )
