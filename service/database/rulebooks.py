"""Rulebooks by digest, as archives of their files."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database.deeds import rulebook_kept
from service.database.entries import tell
from service.database.newrows import insert_new
from service.database.session import Database
from service.database.tables import rulebooks


class RulebookStore:
    """Keeps every rulebook that has decided anything."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, digest: str, pack: Callable[[], bytes]) -> None:
        """Keep a rulebook unless it is kept already; ``pack`` makes its archive when it is needed.

        Raises:
            Unavailable: the database is busy or the disk is full.
        """
        query = select(rulebooks.c.digest).where(rulebooks.c.digest == digest)
        async with self._database.reading() as connection:
            if (await connection.execute(query)).first() is not None:
                return
        row = {"digest": digest, "kept_at": datetime.now(UTC), "archive": pack()}

        async def work(connection: AsyncConnection) -> None:
            if await insert_new(connection, rulebooks, [row]):  # another process may have been quicker
                tell(connection, rulebook_kept(digest))

        await self._database.write(work)

    async def archive(self, digest: str) -> bytes | None:
        """The archive of a rulebook, or None when it was never kept here."""
        query = select(rulebooks.c.archive).where(rulebooks.c.digest == digest)
        async with self._database.reading() as connection:
            return (await connection.execute(query)).scalar()
