"""Keys in the database: made, found, listed, revoked; and the secrets the service signs with."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import ColumnElement, insert, or_, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from service.acting import ANY_SHOP
from service.database.entries import Entry
from service.database.knowledge import Row, rows_of
from service.database.session import Database
from service.database.tables_access import api_keys, own_secrets

_FIRST_LOCK = 0x596F754C69  # any number nobody else locks by


class KeyTable:
    """The rows of keys; nothing here knows a secret."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, row: Row, audit: Entry) -> None:
        """Keep a new key."""

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(insert(api_keys).values(**row))

        await self._database.write(work, audit=[audit])

    async def add_first(self, row: Row, audit: Entry) -> bool:
        """Keep a key for all shops unless there is a usable one for an admin; of several processes one does so.

        Returns:
            Whether it was kept.
        """

        async def work(connection: AsyncConnection) -> None:
            if connection.dialect.name == "postgresql":  # SQLite has one writer at a time anyway
                await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _FIRST_LOCK})
            if await _admin_there(connection):
                raise _ThereAlready  # so that nothing is written down about it
            await connection.execute(insert(api_keys).values(**row))

        async with self._database.reading() as connection:
            if await _admin_there(connection):
                return False
        try:
            await self._database.write(work, audit=[audit])
        except _ThereAlready:
            return False
        return True

    async def find(self, prefix: str) -> Row | None:
        """The key of this prefix, whatever became of it."""
        async with self._database.reading() as connection:
            found = await connection.execute(select(api_keys).where(api_keys.c.prefix == prefix))
            return next(iter(rows_of(found)), None)

    async def get(self, key_id: str, shop: str | None) -> Row | None:
        """A key by its id; of one shop, where one is given."""
        async with self._database.reading() as connection:
            found = await connection.execute(select(api_keys).where(api_keys.c.id == key_id, *_of(shop)))
            return next(iter(rows_of(found)), None)

    async def list(self, shop: str | None) -> list[Row]:
        """Keys, oldest first; of one shop, where one is given."""
        async with self._database.reading() as connection:
            found = await connection.execute(select(api_keys).where(*_of(shop)).order_by(api_keys.c.id))
            return list(rows_of(found))

    async def revoke(self, key_id: str, by: str, audit: Entry) -> None:
        """Let a key open nothing any more; one that is revoked stays as it was."""

        async def work(connection: AsyncConnection) -> None:
            one = (api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None))
            values = {"revoked_at": datetime.now(UTC), "revoked_by": by}
            await connection.execute(update(api_keys).where(*one).values(**values))

        await self._database.write(work, audit=[audit])

    async def used(self, key_id: str, at: datetime) -> None:
        """Write down when a key was last used."""

        async def work(connection: AsyncConnection) -> None:
            older = or_(api_keys.c.last_used_at.is_(None), api_keys.c.last_used_at < at)
            await connection.execute(update(api_keys).where(api_keys.c.id == key_id, older).values(last_used_at=at))

        await self._database.write(work)


async def own_secret(database: Database, name: str, fresh: str) -> str:
    """A secret of the service's own by its name; ``fresh`` becomes it where there is none yet.

    Of several processes that ask at once all get the same.
    """
    query = select(own_secrets.c.value).where(own_secrets.c.name == name)

    async def asked() -> str | None:
        async with database.reading() as connection:
            return (await connection.execute(query)).scalar()

    async def work(connection: AsyncConnection) -> None:
        row = {"name": name, "shop": ANY_SHOP, "value": fresh, "created_at": datetime.now(UTC)}
        await connection.execute(insert(own_secrets).values(**row))

    kept = await asked()
    if kept is None:
        try:
            await database.write(work)
            return fresh
        except IntegrityError:
            kept = await asked()
    assert kept is not None  # whoever was faster has written one
    return kept


class _ThereAlready(Exception):
    """Somebody was faster."""


async def _admin_there(connection: AsyncConnection) -> bool:
    usable = (*_usable(), api_keys.c.role == "admin", api_keys.c.shop == ANY_SHOP)
    return (await connection.execute(select(api_keys.c.id).where(*usable).limit(1))).first() is not None


def _usable() -> tuple[ColumnElement[bool], ...]:
    expires = api_keys.c.expires_at
    return (api_keys.c.revoked_at.is_(None), or_(expires.is_(None), expires > datetime.now(UTC)))


def _of(shop: str | None) -> tuple[ColumnElement[bool], ...]:
    return () if shop is None else (api_keys.c.shop == shop,)
