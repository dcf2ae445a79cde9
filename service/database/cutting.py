"""The trail's oldest rows let go once their time is over: the chain then begins behind the cut, and still verifies."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select, update

from service.database.audit import HEAD_ROW
from service.database.entries import Entry, tell
from service.database.tables_audit import audit, audit_head

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from service.database.session import Database

_BATCH = 5_000


async def rows_to_cut(database: Database, before: datetime) -> int:
    """The number up to which all rows are older, :data:`_BATCH` rows on at most; 0: none is to be cut.

    Only a run of old rows at the beginning is cut: a row some clock dated wrongly keeps what is behind it.

    Raises:
        Unavailable: the database is busy.
    """
    query = select(audit.c.seq, audit.c.at).order_by(audit.c.seq)
    last = 0
    async with database.reading() as connection:
        newest = (await connection.execute(select(func.max(audit.c.seq)))).scalar() or 0
        first = (await connection.execute(query.limit(1))).first()
        if first is None or first.at >= before:
            return 0
        for row in await connection.execute(query.limit(_BATCH)):
            if row.at >= before or row.seq == newest:  # the last row stays: it is what a noted head is compared with
                break
            last = row.seq
    return last


async def cut_trail(database: Database, upto: int) -> int:
    """Let the rows up to this one go, leaving number and digest of the last of them; how many they were.

    To be called for a chain that was verified.

    Raises:
        Unavailable: the database is busy.
    """

    async def work(connection: AsyncConnection) -> int:
        digest = (await connection.execute(select(audit.c.hash).where(audit.c.seq == upto))).scalar()
        if digest is None:
            return 0
        cut = update(audit_head).where(audit_head.c.id == HEAD_ROW)
        await connection.execute(cut.values(cut_seq=upto, cut_hash=digest))
        gone = (await connection.execute(delete(audit).where(audit.c.seq <= upto))).rowcount
        tell(connection, Entry("audit.cut", str(upto), "*", {"seq": upto, "hash": digest, "rows": gone}))
        return gone

    return await database.write(work)
