"""What persons decided about contradictions, in the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database.deeds import conflict_ruled
from service.database.entries import tell
from service.database.knowledge import Row, rows_of
from service.database.tables import rulings


async def list_rulings(connection: AsyncConnection) -> Sequence[Row]:
    """All rulings of all shops, oldest first."""
    return rows_of(await connection.execute(select(rulings).order_by(rulings.c.ruled_at, rulings.c.key)))


async def put_ruling(
    connection: AsyncConnection,
    key: str,
    shop: str,
    keep: str,
    claims: Mapping[str, Any],
    author: str | None,
    note: str | None,
) -> None:
    """Write a ruling down, in place of an earlier one of the same shop; the caller moves the pointer."""
    await connection.execute(delete(rulings).where(rulings.c.key == key, rulings.c.shop == shop))
    row = {"key": key, "shop": shop, "keep": keep, "claims": dict(claims), "author": author, "note": note}
    await connection.execute(insert(rulings).values(**row, ruled_at=datetime.now(UTC)))
    tell(connection, conflict_ruled(key, shop, keep))
