"""When drafts were last looked through: one process at a time does it, and none by a clock that jumped."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import or_, select, update

from service.database.tables_audit import sweeps

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from service.database.session import Database

_ROW = sweeps.c.id == 1


async def last_sweep(database: Database) -> datetime:
    """What the clock said when it was last believed: at the last sweep, or when the table was made.

    Raises:
        Unavailable: the database is busy.
    """
    async with database.reading() as connection:
        at: datetime = (await connection.execute(select(sweeps.c.swept_at).where(_ROW))).scalar_one()
    return at


async def claim(database: Database, now: datetime, after: timedelta, lease: timedelta) -> bool:
    """Take the turn; False when somebody has it, or had it less than ``after`` ago.

    Raises:
        Unavailable: the database is busy.
    """
    free = or_(sweeps.c.claimed_at.is_(None), sweeps.c.claimed_at < now - lease, sweeps.c.claimed_at > now + lease)

    async def work(connection: AsyncConnection) -> bool:
        due = (_ROW, free, sweeps.c.swept_at <= now - after)
        return bool((await connection.execute(update(sweeps).where(*due).values(claimed_at=now))).rowcount)

    return await database.write(work)


async def give_back(database: Database, swept_at: datetime | None) -> None:
    """Let the turn go; ``swept_at``: when the sweep was, None where it was not done."""
    values: dict[str, datetime | None] = {"claimed_at": None}
    if swept_at is not None:
        values["swept_at"] = swept_at

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(update(sweeps).where(_ROW).values(values))

    await database.write(work)
