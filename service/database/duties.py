"""Work that one process does for all: who does it is a row with an end, kept up while it is done.

A row and not a lock of the server's: it holds behind a pooler that shares connections, and is seen by who looks. Who
is silent for :data:`LEASE_S` seconds loses it; so whatever is done under a duty does no harm when it is done twice.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database.tables_servers import duties
from service.errors import YouliError
from service.ids import new_id

if TYPE_CHECKING:
    from service.database.session import Database

LEASE_S = 15.0
KEEP_S = LEASE_S / 3
"""How often a duty one has is taken anew."""
LOOK_S = 1.0
"""How often one that somebody else has is asked for."""

_TAKE = text(
    "INSERT INTO duties (name, holder, until) "
    "VALUES (:name, :holder, clock_timestamp() + :lease * interval '1 second') "
    "ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until "
    "WHERE duties.holder = excluded.holder OR duties.until < clock_timestamp()"
).bindparams(bindparam("lease", LEASE_S))


class Duties:
    """What this process does for all. One per :class:`~service.database.session.Database`.

    A file of SQLite's has one process that serves, so that every duty is that one's.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._holder = new_id("wrk")
        self._known: dict[str, tuple[bool, float]] = {}

    async def mine(self, name: str) -> bool:
        """Whether this process does ``name`` now; takes it if nobody does. False while the database is away."""
        if not self._database.server:
            return True
        known, since = self._known.get(name, (False, -LEASE_S))
        if time.monotonic() - since < (KEEP_S if known else LOOK_S):
            return known
        asked = time.monotonic()

        async def work(connection: AsyncConnection) -> bool:
            return bool((await connection.execute(_TAKE, {"name": name, "holder": self._holder})).rowcount)

        try:
            known = await self._database.write(work)
        except YouliError:
            known = False
        self._known[name] = (known, asked)
        return known

    async def give_back(self) -> None:
        """Let the others begin at once; called when the process stops."""
        held = [name for name, (known, _) in self._known.items() if known]
        self._known.clear()
        if not held:
            return

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(delete(duties).where(duties.c.holder == self._holder))

        try:
            await self._database.write(work)
        except YouliError:
            return  # they begin when the row has ended
