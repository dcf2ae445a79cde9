"""Claims on idempotency keys, one row each: taken before the work begins, filled with the answer before it goes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database.session import Database
from service.database.tables import drafts
from service.database.tables_idempotency import idempotency

RUNNING, DONE = "running", "done"
NOBODY = ""
"""The owner of a claim that was given back: the same request may take it up."""

_SWEPT = 500


@dataclass(frozen=True, slots=True)
class Ask:
    """A request with a key, as it is looked up."""

    id: str
    """Digest of shop, caller, operation and key."""
    shop: str
    caller: str
    operation: str
    digest: str
    """Of what is asked for."""
    draft_id: str | None = None
    """The draft it is about, where it names one."""
    document_id: str | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """A claim this process has."""

    ask: Ask
    turn: int
    promised: str
    """The id its draft has, if it makes one."""
    fresh: bool = True
    """False when another process held it before and ended without an answer."""


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer as it is kept."""

    status: int
    headers: Mapping[str, str]
    kept: str
    """``bytes``: it is in ``body``; ``draft``: the draft's row and ``fate`` are it; ``nothing``: it was not kept."""
    body: bytes | None = None
    fate: Mapping[str, str | None] | None = None
    draft_id: str | None = None
    document_id: str | None = None


class ClaimStore:
    """The rows of ``idempotency``. Every change is on disk when it returns.

    Raises:
        Unavailable: from any of it, when the database is busy or the disk is full.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def alone(self) -> bool:
        """Whether one process at a time serves from this database: what another one holds, it holds no longer."""
        return self._database.engine.dialect.name == "sqlite"

    async def find(self, id: str) -> Mapping[str, Any] | None:
        """The row of a key."""
        async with self._database.reading() as connection:
            found = await connection.execute(select(idempotency).where(idempotency.c.id == id))
            row = found.mappings().first()
        return None if row is None else {str(name): value for name, value in row.items()}

    async def add(self, ask: Ask, owner: str, promised: str, now: datetime, until: datetime) -> bool:
        """Claim a key nobody has; False when somebody was faster."""
        try:
            await self._database.insert(idempotency, _claimed(ask, owner, promised, now, until) | {"turn": 0})
        except IntegrityError:
            return False
        return True

    async def renew(
        self, row: Mapping[str, Any], ask: Ask, owner: str, promised: str, now: datetime, until: datetime
    ) -> bool:
        """Claim a key whose time is over, as if it had never been used; False when somebody was faster."""
        empty = dict.fromkeys(("status", "headers", "kept", "fate", "body"))
        return await self._taken(row, empty | _claimed(ask, owner, promised, now, until))

    async def take_up(self, row: Mapping[str, Any], owner: str, now: datetime) -> bool:
        """Go on with a claim whose owner is gone; False when somebody was faster."""
        return await self._taken(row, {"owner": owner, "beat_at": now})

    async def _taken(self, row: Mapping[str, Any], values: dict[str, Any]) -> bool:
        same = and_(idempotency.c.id == row["id"], idempotency.c.turn == row["turn"])
        return await self._changed(same, values | {"turn": row["turn"] + 1})

    async def finish(self, held: Held, owner: str, answer: Answered) -> bool:
        """Keep the answer; False when the claim is no longer this process's."""
        told = {name: getattr(answer, name) for name in ("status", "kept", "body", "draft_id", "document_id")}
        told |= {"headers": dict(answer.headers), "fate": None if answer.fate is None else dict(answer.fate)}
        return await self._changed(_mine(held, owner), told | {"state": DONE})

    async def give_back(self, held: Held, owner: str) -> None:
        """Let the same request take it up again."""
        await self._changed(_mine(held, owner), {"owner": NOBODY})

    async def forget(self, held: Held, owner: str) -> None:
        """As if the key had not been used."""

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(delete(idempotency).where(_mine(held, owner)))

        await self._database.write(work)

    async def drop(self, row: Mapping[str, Any]) -> None:
        """Take away an answer that can no longer be given."""

        async def work(connection: AsyncConnection) -> None:
            same = and_(idempotency.c.id == row["id"], idempotency.c.turn == row["turn"])
            await connection.execute(delete(idempotency).where(same))

        await self._database.write(work)

    async def beat(self, ids: Sequence[str], owner: str, now: datetime) -> None:
        """Say that the owner of these lives."""
        mine = and_(idempotency.c.id.in_(ids), idempotency.c.owner == owner, idempotency.c.state == RUNNING)
        await self._changed(mine, {"beat_at": now})

    async def sweep(self, now: datetime) -> int:
        """Take away what is past its time; how many rows that were, a few hundred at once."""

        async def work(connection: AsyncConnection) -> int:
            old = select(idempotency.c.id).where(idempotency.c.expires_at <= now).limit(_SWEPT)
            return (await connection.execute(delete(idempotency).where(idempotency.c.id.in_(old)))).rowcount

        return await self._database.write(work)

    async def shop_of_draft(self, draft_id: str) -> str | None:
        """The shop of a draft that was kept; None when there is no such draft."""
        async with self._database.reading() as connection:
            return (await connection.execute(select(drafts.c.shop).where(drafts.c.id == draft_id))).scalar()

    async def _changed(self, which: ColumnElement[bool], values: dict[str, Any]) -> bool:
        async def work(connection: AsyncConnection) -> bool:
            return (await connection.execute(update(idempotency).where(which).values(values))).rowcount > 0

        return await self._database.write(work)


async def erase_answers(connection: AsyncConnection, shop: str, draft_ids: Sequence[str]) -> int:
    """Erase the answers about these drafts, and all of the shop whose words belong to no known draft.

    For an erasure: an answer about no draft (a text that was checked, say) may hold anybody's words, and all that is
    lost with it is that the same request is carried out anew.

    Returns:
        How many rows went.
    """
    loose = and_(idempotency.c.draft_id.is_(None), idempotency.c.document_id.is_(None), idempotency.c.body.is_not(None))
    which = or_(idempotency.c.draft_id.in_(draft_ids), idempotency.c.promised.in_(draft_ids), loose)
    return (await connection.execute(delete(idempotency).where(idempotency.c.shop == shop, which))).rowcount


def _claimed(ask: Ask, owner: str, promised: str, now: datetime, until: datetime) -> dict[str, Any]:
    names = ("id", "shop", "caller", "operation", "digest", "draft_id", "document_id")
    claimed = {name: getattr(ask, name) for name in names}
    times = {"beat_at": now, "created_at": now, "expires_at": until}
    return claimed | times | {"state": RUNNING, "owner": owner, "promised": promised}


def _mine(held: Held, owner: str) -> ColumnElement[bool]:
    return and_(
        idempotency.c.id == held.ask.id,
        idempotency.c.turn == held.turn,
        idempotency.c.owner == owner,
        idempotency.c.state == RUNNING,
    )
