"""Drafts as they were given out, with the inquiry they answer."""

from __future__ import annotations

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database.session import Database
from service.database.tables import drafts
from service.schemas import Draft, Inquiry


class DraftStore:
    """Keeps drafts by id and shop; one shop never sees another's."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save_draft(self, draft: Draft, inquiry: Inquiry) -> None:
        """Keep a draft; on disk when this returns.

        Raises:
            Unavailable: the database is busy or the disk is full.
        """
        row = {
            "id": draft.id,
            "shop": draft.shop,
            "created_at": draft.created_at,
            "knowledge_version": draft.knowledge_version,
            "inquiry": inquiry.model_dump(mode="json"),
            "draft": draft.model_dump(mode="json", by_alias=True),
        }

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(insert(drafts).values(row))

        await self._database.write(work)

    async def get_draft(self, draft_id: str, shop: str) -> tuple[Draft, Inquiry] | None:
        """The draft and its inquiry, or None when this shop has no such draft."""
        query = select(drafts.c.draft, drafts.c.inquiry).where(drafts.c.id == draft_id, drafts.c.shop == shop)
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).first()
        return None if row is None else (Draft.model_validate(row[0]), Inquiry.model_validate(row[1]))
