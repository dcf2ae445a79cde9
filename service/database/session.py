"""Opening the database, its pragmas and migrations, and errors a person can act on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

import structlog
from sqlalchemy import Connection, Table, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from service.database import postgres
from service.database.aside import Aside
from service.database.audit import COLUMNS, append, append_here, secret_of
from service.database.duties import Duties
from service.database.entries import Deed, Entry, Told, deeds_of
from service.database.faults import transient, translate
from service.database.newrows import NewRow, form_of, insert_all, put_down, to_json
from service.database.place import MARK_S, Place, Reached
from service.database.tables import HEAD
from service.database.tables_audit import audit as trail
from service.database.writer import Undone, Work, Writer
from service.errors import EnvironmentProblem, Unavailable, YouliError

T = TypeVar("T")
_log = structlog.get_logger()
MIGRATIONS = Path(__file__).with_name("migrations")

PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=2000", "foreign_keys=ON", "secure_delete=ON")
"""WAL + FULL: readers never wait for the writer and nothing accepted is lost; two seconds, then ``db_busy``.
What is deleted is overwritten: buyers' words are not to be read out of free pages."""

_REACHED = "SELECT (SELECT max(seq) FROM audit_head), (SELECT max(generation) FROM pointer)"
PROBE_BYTES = 64 * 2**20
"""Up to this size the whole file is checked at every start (about 0.1 s); beyond it, damage shows when it is met."""

READING = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
"""A server shows every statement the newest state unless told otherwise; a file keeps one for a whole transaction."""


class Database:
    """An open database: reads on pooled connections, writes through one :class:`Writer`."""

    def __init__(self, engine: AsyncEngine, shown: str) -> None:
        self.engine = engine
        self.shown = shown
        """The path or host a person knows it by; never the password."""
        self.secret = b""
        """Keys the digests of persons' words and of buyers; the database's own."""
        self._marking: asyncio.TimerHandle | None = None
        self._marked: asyncio.Task[None] | None = None
        self.server = engine.dialect.name != "sqlite"
        """Whether it is a server, which other processes and hosts may use at the same time."""
        self._aside: Aside | None = None
        """Puts rows down on a server."""
        self.place = Place(Path(shown)) if not self.server and ":memory:" not in shown else None
        self.duties = Duties(self)
        """What this process does for all that use this database."""
        self.writer = Writer(self._transaction, append, self._put_down, transient if self.server else None)

    @classmethod
    async def open(cls, url: str) -> Database:
        """Open and, if needed, migrate.

        Raises:
            EnvironmentProblem: ``database_broken`` — not a database, damaged, unreadable, or an unknown URL;
                ``database_refused`` — the server does not let us in.
            Unavailable: ``db_busy``, ``disk_full`` or ``database_away``.
        """
        try:
            parsed = make_url(url)
            if parsed.drivername in postgres.NAMES:
                parsed = postgres.normal(parsed)
                engine, shown = postgres.engine(parsed), f"{parsed.host}/{parsed.database}"
            elif parsed.get_backend_name() == "sqlite":
                engine, shown = create_async_engine(parsed, json_serializer=to_json), parsed.database or url
                _sqlite(engine)
            else:
                raise ArgumentError(parsed.drivername)
        except (ArgumentError, ImportError, ValueError, TypeError) as error:
            raise EnvironmentProblem("database_broken", path=url.split("@")[-1], reason=type(error).__name__) from None
        database = cls(engine, shown)
        if database.server:
            database._aside = Aside(postgres.engine(parsed))
        try:
            if database.place is not None:
                database.place.look()
            await database._prepare(parsed)
            if database.place is not None:
                database.place.opened(await database._reached())
        except BaseException:
            await engine.dispose()
            raise
        return database

    async def close(self) -> None:
        """Finish what is waiting and let go of every connection."""
        await self.duties.give_back()
        await self.writer.close()
        if self._marking is not None:
            self._marking.cancel()
            await self._mark()
        if self._aside is not None:
            await self._aside.close()
        await self.engine.dispose()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A connection for reading; sees one consistent state.

        Raises:
            EnvironmentProblem: ``database_gone`` — the file was taken away or replaced under a running process.
        """
        self._check_place()
        with self._translated():
            async with self.engine.connect() as plain:
                yield await plain.execution_options(**READING) if self.server else plain

    async def write(self, work: Work[T], audit: Told[T] = (), *, alone: bool = False) -> T:
        """Run ``work(connection)`` in the next committed group; see :meth:`Writer.submit`.

        Args:
            work: what is to be written; it may be run again, from its beginning, where a server undid it.
            audit: what it does, for the trail, or what makes that out of the result; written in the same transaction.
            alone: whether it reads the published set, or a document, and decides by it: then no other process does
                so until this is committed. SQLite has one writer at a time in any case.
        """
        with self._translated():
            if alone and self.server:
                return await self.writer.by_itself(_alone(work), audit)
            return await self.writer.submit(work, audit)

    async def insert(self, table: Table, values: dict[str, Any], audit: Sequence[Entry] = ()) -> None:
        """One row in the next committed group; what most writing is, and cheaper than :meth:`write`."""
        row = NewRow(table, values)
        with self._translated():
            await self.writer.submit(row.insert, audit, row)

    def _check_place(self) -> None:
        if self.place is not None:
            self.place.check()

    def _touched(self) -> None:
        """Something was committed: how far the database has come is noted soon."""
        if self.place is not None and self._marking is None:
            loop = asyncio.get_running_loop()
            self._marking = loop.call_later(MARK_S, self._begin_marking)

    def _begin_marking(self) -> None:
        self._marked = asyncio.create_task(self._mark())  # held: a loop alone lets go of a task in its middle

    async def _mark(self) -> None:
        self._marking = None
        with suppress(Exception):  # busy, broken, closing: the next commit is noted
            await self._note_reached()

    async def _note_reached(self) -> None:
        if self.place is not None:
            self.place.note(await self._reached())

    async def _reached(self) -> Reached:
        with self._translated():
            async with self.engine.connect() as connection:
                row = (await connection.execute(text(_REACHED))).one()
        return Reached(row[0] or 0, row[1] or 0)

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
        if self._aside is not None:
            return await self._aside.do(lambda engine: self._put_down_there(engine, rows, deeds))
        self._check_place()
        self._touched()
        form = form_of(trail, COLUMNS, self.engine.dialect)
        with self._translated():
            async with self.engine.connect() as connection:
                if not deeds:
                    return await put_down(connection, rows)
                return await put_down(connection, rows, lambda driver: append_here(driver, form, deeds))

    async def _put_down_there(self, engine: AsyncEngine, rows: Sequence[NewRow], deeds: Sequence[Deed]) -> bool:
        try:
            async with self._transaction(engine) as connection:
                if fits := await insert_all(connection, rows):
                    await append(connection, deeds)
                return fits
        except Undone:
            return False  # the ordinary way tries again

    @asynccontextmanager
    async def _transaction(self, engine: AsyncEngine | None = None) -> AsyncIterator[AsyncConnection]:
        self._check_place()
        committing = False
        try:
            with self._translated():
                async with (engine or self.engine).connect() as plain:
                    connection = await plain.execution_options(youli_write=True)
                    async with connection.begin():
                        if self.server:
                            await postgres.begin_write(connection)
                        yield connection
                        committing = True
            self._touched()
        except YouliError as error:
            if self.server and not committing and transient(error.__cause__):
                raise Undone(error) from error.__cause__
            raise

    async def _prepare(self, url: URL) -> None:
        with self._translated():
            async with self.engine.connect() as connection:
                await self._probe(connection)
                there = await connection.run_sync(_revision)
                if there == HEAD:
                    self.secret = await secret_of(connection)
                    return
                if there is not None and there not in known_migrations():
                    raise newer(self.shown, there)
            engine = postgres.engine(url, patient=True) if self.server else self.engine
            try:
                async with engine.connect() as plain:
                    connection = await plain.execution_options(youli_write=True)
                    async with connection.begin():
                        if self.server:  # of several processes that start at once, one migrates
                            await postgres.alone(connection, postgres.MIGRATION)
                        if await connection.run_sync(_revision) != HEAD:
                            await connection.run_sync(_migrate)
                        self.secret = await secret_of(connection)
            finally:
                if engine is not self.engine:
                    await engine.dispose()

    async def _probe(self, connection: AsyncConnection) -> None:
        """A damaged page must be found now, not in the middle of somebody's draft."""
        if connection.dialect.name != "sqlite" or Path(self.shown).stat().st_size > PROBE_BYTES:
            return
        verdict = (await connection.execute(text("PRAGMA integrity_check(1)"))).scalar()
        if verdict != "ok":
            raise EnvironmentProblem("database_broken", path=self.shown, reason="integrity_check")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise translate(error, self.shown) from error
        except json.JSONDecodeError as error:  # a column that holds JSON holds none
            raise EnvironmentProblem("database_broken", path=self.shown, reason="JSON") from error
        except PoolTimeout as error:  # every connection this process may have is in use
            raise Unavailable("db_busy") from error
        except OSError as error:  # the server cannot be reached at all, or does not answer in time
            raise Unavailable("database_away", server=self.shown) from error
        except Exception as error:
            if type(error).__module__.startswith("asyncpg"):  # it failed while the connection was made
                raise translate(DBAPIError(None, None, error), self.shown) from error
            raise


async def _nothing(connection: AsyncConnection) -> None:
    """Work that is only to be told of."""


def _alone(work: Work[T]) -> Work[T]:
    async def locked(connection: AsyncConnection) -> T:
        await postgres.alone(connection)
        return await work(connection)

    return locked


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


def known_migrations() -> list[str]:
    """All migrations this version has, oldest first."""
    return sorted(path.name.split("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*_*.py"))


def newer(shown: Path | str, theirs: str) -> EnvironmentProblem:
    """The refusal of a database a later version of the program has worked with."""
    return EnvironmentProblem("database_newer", path=shown, theirs=theirs, ours=HEAD, version=metadata.version("youli"))


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
