"""Opening the database, its pragmas and migrations, and errors a person can act on."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import structlog
from sqlalchemy import Connection, Table, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from service.database.audit import COLUMNS, append, append_here
from service.database.entries import Deed, Entry, Told, deeds_of
from service.database.newrows import NewRow, form_of, put_down, to_json
from service.database.tables import HEAD
from service.database.tables_audit import audit as trail
from service.database.writer import Work, Writer
from service.errors import EnvironmentProblem, Unavailable, YouliError

T = TypeVar("T")
_log = structlog.get_logger()
MIGRATIONS = Path(__file__).with_name("migrations")

PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=2000", "foreign_keys=ON")
"""WAL + FULL: readers never wait for the writer and nothing accepted is lost; two seconds, then ``db_busy``."""

PROBE_BYTES = 64 * 2**20
"""Up to this size the whole file is checked at every start (about 0.1 s); beyond it, damage shows when it is met."""

_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_BROKEN = {
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
}
_PG_FULL, _PG_BUSY = "53100", {"55P03", "40P01", "53300"}


class Database:
    """An open database: reads on pooled connections, writes through one :class:`Writer`."""

    def __init__(self, engine: AsyncEngine, shown: str) -> None:
        self.engine = engine
        self.shown = shown
        """The path or host a person knows it by; never the password."""
        self.writer = Writer(self._transaction, append, self._put_down if engine.dialect.name == "sqlite" else None)

    @classmethod
    async def open(cls, url: str) -> Database:
        """Open and, if needed, migrate.

        Raises:
            EnvironmentProblem: ``database_broken`` — not a database, damaged, unreadable, or an unknown URL.
            Unavailable: ``db_busy`` or ``disk_full``.
        """
        try:
            parsed = make_url(url)
            pinged = parsed.get_backend_name() != "sqlite"
            engine = create_async_engine(parsed, pool_pre_ping=pinged, json_serializer=to_json)
        except (ArgumentError, ImportError, ValueError) as error:
            raise EnvironmentProblem("database_broken", path=url.split("@")[-1], reason=type(error).__name__) from None
        shown = parsed.database if parsed.get_backend_name() == "sqlite" else f"{parsed.host}/{parsed.database}"
        database = cls(engine, shown or url)
        if parsed.get_backend_name() == "sqlite":
            _sqlite(engine)
        try:
            await database._prepare()
        except BaseException:
            await engine.dispose()
            raise
        return database

    async def close(self) -> None:
        """Finish what is waiting and let go of every connection."""
        await self.writer.close()
        await self.engine.dispose()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A connection for reading; sees one consistent state."""
        with self._translated():
            async with self.engine.connect() as connection:
                yield connection

    async def write(self, work: Work[T], audit: Told[T] = ()) -> T:
        """Run ``work(connection)`` in the next committed group; see :meth:`Writer.submit`.

        Args:
            work: what is to be written.
            audit: what it does, for the trail, or what makes that out of the result; written in the same transaction.
        """
        with self._translated():
            return await self.writer.submit(work, audit)

    async def insert(self, table: Table, values: dict[str, Any], audit: Sequence[Entry] = ()) -> None:
        """One row in the next committed group; what most writing is, and cheaper than :meth:`write`."""
        row = NewRow(table, values)
        with self._translated():
            await self.writer.submit(row.insert, audit, row)

    async def note(self, entries: Sequence[Entry]) -> None:
        """Tell the trail of what left no row: a text was checked, a run begun.

        Where the database takes nothing just now, the entries wait in this process and go into its next group: nobody
        is kept from being answered. They are lost if it is killed before.
        """
        deeds = deeds_of(entries)
        try:
            await self.write(_nothing, audit=entries)
        except Unavailable as error:
            self.writer.owe(deeds)
            _log.warning("audit_waits", entries=len(deeds), code=error.code)

    async def _put_down(self, rows: Sequence[NewRow], deeds: Sequence[Deed]) -> bool:
        form = form_of(trail, COLUMNS, self.engine.dialect)
        with self._translated():
            async with self.engine.connect() as connection:
                if not deeds:
                    return await put_down(connection, rows)
                return await put_down(connection, rows, lambda driver: append_here(driver, form, deeds))

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncConnection]:
        with self._translated():
            async with self.engine.connect() as plain:
                connection = await plain.execution_options(youli_write=True)
                async with connection.begin():
                    yield connection

    async def _prepare(self) -> None:
        with self._translated():
            async with self.engine.connect() as connection:
                await self._probe(connection)
                if await connection.run_sync(_revision) == HEAD:
                    return
            async with self.engine.connect() as plain:
                connection = await plain.execution_options(youli_write=True)
                async with connection.begin():
                    await connection.run_sync(_migrate)

    async def _probe(self, connection: AsyncConnection) -> None:
        """A damaged page must be found now, not in the middle of somebody's draft."""
        if connection.dialect.name != "sqlite" or Path(self.shown).stat().st_size > PROBE_BYTES:
            return
        verdict = (await connection.execute(text("PRAGMA quick_check(1)"))).scalar()
        if verdict != "ok":
            raise EnvironmentProblem("database_broken", path=self.shown, reason="quick_check")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise translate(error, self.shown) from error
        except OSError as error:  # the driver could not reach the server at all
            raise Unavailable(part=self.shown) from error


async def _nothing(connection: AsyncConnection) -> None:
    """Work that is only to be told of."""


def translate(error: DBAPIError, shown: str) -> Exception:
    """The error of ours a driver error stands for; the error itself if it is a bug of ours."""
    code = getattr(error.orig, "sqlite_errorcode", None)
    state = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None)
    problem: YouliError | None = None
    if code is not None:
        primary = code & 0xFF
        if primary in _BUSY:
            problem = Unavailable("db_busy")
        elif primary == sqlite3.SQLITE_FULL:
            problem = Unavailable("disk_full", path=shown)
        elif primary in _BROKEN:
            name = getattr(error.orig, "sqlite_errorname", "")
            problem = EnvironmentProblem("database_broken", path=shown, reason=name)
    elif state == _PG_FULL:
        problem = Unavailable("disk_full", path=shown)
    elif state in _PG_BUSY:
        problem = Unavailable("db_busy")
    elif error.connection_invalidated:
        problem = Unavailable(part=shown)
    return problem or error


def _sqlite(engine: AsyncEngine) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # BEGIN is ours: a write takes its lock at once and never fails half-way
        cursor = connection.cursor()
        for pragma in PRAGMAS:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        immediate = connection.get_execution_options().get("youli_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def _revision(connection: Connection) -> str | None:
    if not connection.dialect.has_table(connection, "alembic_version"):
        return None
    row = connection.execute(text("SELECT version_num FROM alembic_version")).first()
    return str(row[0]) if row else None


def _migrate(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
